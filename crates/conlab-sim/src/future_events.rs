//! The future event list: a monotone radix queue behind a small sorted front.
//!
//! Pushing is never into the past, so the list is *monotone*, and a radix queue does each operation in a few
//! moves over contiguous memory instead of a walk through a heap (Ahuja, Mehlhorn, Orlin, Tarjan, "Faster
//! algorithms for the shortest path problem", 1990). An entry is a time and a payload; keep the payload small, as entries move.
//!
//! - **Front**: entries before `front_end`, sorted; where the next ones leave. A list of few pending entries lives
//!   here altogether.
//! - **Due**: entries that share one instant, when they are too many for the front; a ring, first in first out.
//! - **Buckets**: everything else, by the highest base-64 digit in which a time differs from `base`. The lowest
//!   non-empty bucket is the next front, sorted when it is small and dealt out again when it is not. Buckets keep
//!   their memory.
//!
//! Invariant E1: entries leave in order of time, and entries of equal time in the order in which they were pushed.
//! All entries of one instant are in the same place at any moment (the bucket is a function of the time, the front
//! and the buckets are divided by `front_end`), and each place keeps the order of pushing: buckets append, dealing
//! out and sorting are stable. So no sequence number has to be stored.

use crate::units::Nanos;
use std::collections::VecDeque;

/// Bits of one digit.
const DIGIT_BITS: u32 = 6;
/// Values of one digit, and buckets of one level.
const DIGITS: usize = 1 << DIGIT_BITS;
/// Digits of a 64-bit time.
const LEVELS: usize = 64usize.div_ceil(DIGIT_BITS as usize);
/// Longest front that insertion may build.
const FRONT_MOST: usize = 48;
/// Largest bucket that becomes the front by sorting.
const SORT_MOST: usize = 32;

/// What will happen and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<T> {
    /// When, counted from the start of the simulation.
    pub at: Nanos,
    /// What; the list does not look inside.
    pub what: T,
}

/// The future event list.
///
/// ```
/// use conlab_sim::{future_events::{Event, FutureEvents}, units::Nanos};
///
/// let mut list = FutureEvents::new();
/// list.push(Nanos(30), "tea is ready");
/// list.push(Nanos(10), "the water boils");
/// list.push(Nanos(30), "the telephone rings");
/// assert_eq!(list.pop(), Some(Event { at: Nanos(10), what: "the water boils" }));
/// // Of one instant, in the order in which they were pushed.
/// assert_eq!(list.pop().unwrap().what, "tea is ready");
/// assert_eq!(list.pop().unwrap().what, "the telephone rings");
/// assert_eq!(list.pop(), None);
/// ```
#[derive(Clone, Debug)]
pub struct FutureEvents<T> {
    /// Sorted by falling time; the next entry is the last. Invariant: all before `front_end`.
    front: Vec<Event<T>>,
    /// End of the front's span: whatever is earlier belongs into the front.
    front_end: u64,
    /// Payloads of entries at `now` that were too many for the front.
    due: VecDeque<T>,
    /// Invariant: no entry outside the front is earlier than `base`, and buckets are relative to it.
    base: u64,
    buckets: Vec<Vec<Event<T>>>,
    /// Which buckets of a level hold something.
    occupied: [u64; LEVELS],
    /// Which levels hold something.
    levels: u32,
    /// Entries in the buckets.
    stored: usize,
    /// Time of the last entry that left.
    now: u64,
    spare: Vec<Event<T>>,
}

impl<T: Copy> Default for FutureEvents<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Copy> FutureEvents<T> {
    /// An empty list at time 0.
    #[must_use]
    pub fn new() -> Self {
        Self {
            front: Vec::with_capacity(FRONT_MOST + 1),
            front_end: u64::MAX,
            due: VecDeque::new(),
            base: 0,
            buckets: (0..LEVELS * DIGITS).map(|_| Vec::new()).collect(),
            occupied: [0; LEVELS],
            levels: 0,
            stored: 0,
            now: 0,
            spare: Vec::new(),
        }
    }

    /// Entries that have not left.
    #[must_use]
    pub fn len(&self) -> usize {
        self.front.len() + self.due.len() + self.stored
    }

    /// Whether nothing is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an entry. `at` must not be before the last entry that left: a debug build panics, a release build lets entries leave
    /// out of order.
    #[inline]
    pub fn push(&mut self, at: Nanos, what: T) {
        debug_assert!(at.0 >= self.now, "an event at {} ns is in the past of {} ns", at.0, self.now);
        if at.0 >= self.front_end {
            self.store(Event { at, what });
        } else if at.0 == self.now && !self.due.is_empty() {
            self.due.push_back(what);
        } else {
            self.insert(Event { at, what });
        }
    }

    /// Takes the next entry: the earliest, and of equal times the one that was pushed first.
    #[inline]
    pub fn pop(&mut self) -> Option<Event<T>> {
        if let Some(what) = self.due.pop_front() {
            return Some(Event { at: Nanos(self.now), what });
        }
        loop {
            if let Some(event) = self.front.pop() {
                debug_assert!(event.at.0 >= self.now, "time went back from {} to {}", self.now, event.at.0);
                self.now = event.at.0;
                return Some(event);
            }
            if self.stored == 0 {
                self.front_end = u64::MAX;
                return None;
            }
            if let Some(event) = self.refill() {
                return Some(event);
            }
        }
    }

    /// Sorts an entry into the front, behind those of the same time.
    #[inline]
    fn insert(&mut self, event: Event<T>) {
        let mut slot = self.front.len();
        self.front.push(event);
        let front = self.front.as_mut_slice();
        while slot > 0 && front[slot - 1].at <= event.at {
            front[slot] = front[slot - 1];
            slot -= 1;
        }
        front[slot] = event;
        if self.front.len() > FRONT_MOST {
            self.spill();
        }
    }

    /// Moves the later part of an overlong front into the buckets.
    #[cold]
    fn spill(&mut self) {
        // The cut must not divide one instant.
        let mut kept = self.front.len() / 4;
        let length = self.front.len();
        while kept < length && self.front[length - kept].at == self.front[length - kept - 1].at {
            kept += 1;
        }
        if kept == length {
            // One instant in the whole of the rest: all of it moves.
            kept = 0;
        }
        let mut moved = std::mem::take(&mut self.spare);
        moved.extend(self.front.drain(..length - kept).rev());
        let Some(first) = moved.first() else {
            self.spare = moved;
            return;
        };
        self.front_end = first.at.0;
        if self.levels == 0 {
            // Nothing is stored relative to the old base, so it may advance: to what nothing pending is before.
            self.base = self.now;
        }
        for event in moved.drain(..) {
            self.store(event);
        }
        self.spare = moved;
    }

    /// Appends an entry to its bucket.
    #[inline]
    fn store(&mut self, event: Event<T>) {
        let (level, digit) = place(event.at.0, self.base);
        self.buckets[level * DIGITS + digit].push(event);
        self.occupied[level] |= 1 << digit;
        self.levels |= 1 << level;
        self.stored += 1;
    }

    /// Makes the lowest bucket the front (or the due ring); returns an entry when that is the simplest thing to do.
    fn refill(&mut self) -> Option<Event<T>> {
        let level = self.levels.trailing_zeros() as usize;
        let digit = self.occupied[level].trailing_zeros() as usize;
        self.occupied[level] &= self.occupied[level] - 1;
        if self.occupied[level] == 0 {
            self.levels &= !(1 << level);
        }
        let index = level * DIGITS + digit;
        let mut bucket = std::mem::take(&mut self.buckets[index]);
        self.stored -= bucket.len();
        let shift = DIGIT_BITS * u32::try_from(level).unwrap_or(0);
        let span_start = (bucket[0].at.0 >> shift) << shift;
        if bucket.len() <= SORT_MOST {
            self.base = span_start;
            self.front_end = span_start.saturating_add(1 << shift);
            self.front.extend(bucket.drain(..).rev());
            // Reversed and then stably sorted by falling time: of equal times the first pushed is the last.
            insertion_sort(&mut self.front);
            self.buckets[index] = bucket;
            return None;
        }
        if level == 0 {
            // One instant: too many to sort into the front, and in order already.
            self.base = span_start;
            self.now = span_start;
            self.front_end = span_start + 1;
            self.due.extend(bucket.iter().skip(1).map(|event| event.what));
            let first = bucket[0];
            bucket.clear();
            self.buckets[index] = bucket;
            return Some(first);
        }
        let earliest = bucket.iter().map(|event| event.at.0).min().unwrap_or(span_start);
        self.base = earliest;
        self.front_end = earliest;
        for event in bucket.drain(..) {
            self.store(event);
        }
        self.buckets[index] = bucket;
        None
    }
}

/// Level and digit of a time: the highest digit in which it differs from `base`, and that digit's value.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a digit has six bits")]
const fn place(at: u64, base: u64) -> (usize, usize) {
    let difference = (at ^ base) | 1;
    let level = (63 - difference.leading_zeros()) / DIGIT_BITS;
    let digit = (at >> (level * DIGIT_BITS)) & (DIGITS as u64 - 1);
    (level as usize, digit as usize)
}

/// Stable sort by falling time, quick on the few entries of a front.
#[inline]
fn insertion_sort<T: Copy>(events: &mut [Event<T>]) {
    for index in 1..events.len() {
        let event = events[index];
        let mut slot = index;
        while slot > 0 && events[slot - 1].at < event.at {
            events[slot] = events[slot - 1];
            slot -= 1;
        }
        events[slot] = event;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Source, Stream};
    use std::{cmp::Reverse, collections::BinaryHeap};

    /// The oracle: std's heap with an explicit sequence number.
    #[derive(Default)]
    struct Heap {
        pending: BinaryHeap<Reverse<(u64, u64, u64)>>,
        pushed: u64,
    }

    impl Heap {
        fn push(&mut self, at: u64, what: u64) {
            self.pending.push(Reverse((at, self.pushed, what)));
            self.pushed += 1;
        }

        fn pop(&mut self) -> Option<Event<u64>> {
            self.pending.pop().map(|Reverse((at, _, what))| Event { at: Nanos(at), what })
        }
    }

    /// Random pushes and pops, with `spread` deciding how far ahead and how often at the same instant.
    fn check(seed: u64, operations: u64, pushes_in_ten: u64, spread: &dyn Fn(&mut Stream) -> u64) {
        let mut stream = Stream::new(seed, Source::Data, 0, 0);
        let (mut list, mut heap) = (FutureEvents::new(), Heap::default());
        let mut now = 0;
        for what in 0..operations {
            if stream.below(10) < pushes_in_ten {
                let at = now + spread(&mut stream);
                list.push(Nanos(at), what);
                heap.push(at, what);
            } else {
                let (got, expected) = (list.pop(), heap.pop());
                assert_eq!(got, expected, "seed {seed}, operation {what}");
                now = expected.map_or(now, |event| event.at.0);
            }
            assert_eq!(list.len(), heap.pending.len(), "seed {seed}, operation {what}");
        }
        while let Some(expected) = heap.pop() {
            assert_eq!(list.pop(), Some(expected), "seed {seed}, while draining");
            now = expected.at.0;
        }
        assert_eq!(list.pop(), None);
        list.push(Nanos(now), 7);
        assert_eq!(list.pop(), Some(Event { at: Nanos(now), what: 7 }), "usable after it ran empty");
    }

    #[test]
    fn entries_leave_as_from_a_heap_with_sequence_numbers() {
        for seed in 0..8 {
            for pushes in [3, 5, 6, 9] {
                check(seed, 5_000, pushes, &|stream| stream.below(4));
                check(seed, 5_000, pushes, &|stream| stream.below(1_000));
                check(seed, 5_000, pushes, &|stream| 1 << stream.below(40));
                check(seed, 5_000, pushes, &|stream| stream.bits() >> (16 + stream.below(40)));
                check(seed, 5_000, pushes, &|stream| if stream.below(3) == 0 { 5_000_000 } else { 0 });
                check(seed, 5_000, pushes, &|stream| {
                    if stream.below(100) == 0 { 1 << 40 } else { stream.below(2) }
                });
            }
        }
    }

    #[test]
    fn a_late_entry_that_spilled_first_does_not_pass_the_early_ones() {
        let mut list = FutureEvents::new();
        list.push(Nanos(5_000_000_000), u64::MAX);
        (0..200).for_each(|what| list.push(Nanos(what / 100), what));
        for what in 0..200 {
            assert_eq!(list.pop(), Some(Event { at: Nanos(what / 100), what }));
        }
        assert_eq!(list.pop().map(|event| event.what), Some(u64::MAX));
    }

    #[test]
    fn many_entries_of_one_instant_keep_their_order() {
        let mut list = FutureEvents::new();
        (0..10_000).for_each(|what| list.push(Nanos(77), what));
        for what in 0..10_000 {
            assert_eq!(list.pop(), Some(Event { at: Nanos(77), what }));
            if what < 100 {
                list.push(Nanos(77), 10_000 + what);
            }
        }
        (10_000..10_100).for_each(|what| assert_eq!(list.pop(), Some(Event { at: Nanos(77), what })));
        assert!(list.is_empty());
    }
}
