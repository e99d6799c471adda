//! Bounded multi-producer multi-consumer ring, without a mutex on the way of an item.
//!
//! Source: D. Vyukov, "Bounded MPMC queue", 1024cores.net (per-slot sequence numbers).
//!
//! # Protocol
//!
//! A *ticket* names a position for ever: the slot's index in its low bits, the lap above them. `lap` is the
//! smallest power of two above the capacity, so that index and lap do not mix and every capacity is exact. Each
//! slot has a `turn` that says whose move it is:
//!
//! | `turn`    | slot   | may move next              | leaves `turn` at |
//! |-----------|--------|----------------------------|------------------|
//! | `t`       | empty  | the producer with ticket t | `t + 1`          |
//! | `t + 1`   | filled | the consumer with ticket t | `t + lap`        |
//!
//! `head` and `tail` are the [ends](super::end) that hand out the tickets of consumers and producers: by compare-exchange,
//! or to one thread alone while it has a lease. `tail` can be closed; no ticket is won after that.
//!
//! Invariant I1: between winning ticket `t` and moving `turn` on, its owner has exclusive access to the cell.
//!
//! # Orderings
//!
//! - P1 (publish): the producer's Release store `turn = t + 1` pairs with the consumer's Acquire load of it, so
//!   the item is written before it is read.
//! - P2 (recycle): the consumer's Release store `turn = t + lap` pairs with the next lap's producer's Acquire load,
//!   so the item is read before it is overwritten.
//! - P3: `head` and `tail` hand out tickets and publish no data: Relaxed, but for P4 and the rules of leases.
//! - P4 (wake-ups, rule E1 and E2 of the event count): a producer wins its ticket with Acquire and reads the
//!   consumers' event count afterwards; a consumer about to sleep, or about to pass a wake-up on, reads `tail` by
//!   an `AcqRel` read-modify-write. Whichever comes first in the order of `tail` is seen by the other. The same
//!   with `head` for producers that wait for room.
//!
//! - K1: closing wakes everybody, after the bit is set.
//! - K2: a consumer reports `Closed` only when no ticket is left, filled or not.
//!
//! # Progress
//!
//! Not lock-free in the strict sense: a producer stopped between winning ticket `t` and P1 holds up consumers at
//! `t`, although producers behind it can still fill later slots. For the same reason `Full` and `Empty` may be
//! early: another thread can be halfway through the slot. The blocking ends wait such a moment out by yielding,
//! and sleep only when every ticket is consumed (or every slot taken).

use super::end::{CLOSED, End, HANDFUL, Lease, TICKET, Wait};
use super::event_count::EventCount;
use super::{PopError, PushError, TaskQueue};
use crate::sync::{
    AtomicUsize,
    Ordering::{self, Acquire, Relaxed, Release},
    UnsafeCell, backoff, spin, step_back,
};
use std::collections::VecDeque;
use std::mem::MaybeUninit;

/// The orderings of the rules, by name; the variants of the loom tests weaken one each.
const PUBLISH: Ordering = if cfg!(conlab_weaken = "P1-store") { Relaxed } else { Release };
const OBSERVE: Ordering = if cfg!(conlab_weaken = "P1-load") { Relaxed } else { Acquire };
const RECYCLE: Ordering = if cfg!(conlab_weaken = "P2-store") { Relaxed } else { Release };
const REUSE: Ordering = if cfg!(conlab_weaken = "P2-load") { Relaxed } else { Acquire };

/// A bounded queue of any capacity from 1; see the module for its protocol.
#[derive(Debug)]
pub struct RingQueue<T> {
    head: End,
    tail: End,
    slots: Box<[Slot<T>]>,
    lap: usize,
    consumers: EventCount,
    producers: EventCount,
}

#[derive(Debug)]
struct Slot<T> {
    turn: AtomicUsize,
    item: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: an item is moved in by one thread and moved out by another, which is all `T: Send` allows; I1 rules out
// concurrent access to a cell, so `T: Sync` is not needed.
unsafe impl<T: Send> Sync for RingQueue<T> {}

/// Why a ticket could not be won.
enum Miss {
    /// Nothing to take, or no room, and nobody is halfway through changing that.
    Settled,
    /// Another thread is halfway through the slot.
    Underway,
    /// Closed, and for consumers drained.
    Closed,
}

impl<T> RingQueue<T> {
    /// An empty queue for at most `capacity` items.
    ///
    /// # Panics
    ///
    /// When `capacity` is 0 or above a quarter of the address space.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(not(loom))] {
    /// use conlab_queue::queue::{PushError, RingQueue, TaskQueue};
    ///
    /// let queue = RingQueue::with_capacity(3); // every capacity is exact
    /// assert!((1..=3).all(|item| queue.try_push(item).is_ok()));
    /// assert_eq!(queue.try_push(4), Err(PushError::Full(4)));
    /// assert_eq!((queue.try_pop(), queue.len()), (Ok(1), 2));
    /// # }
    /// ```
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self::build(capacity, false)
    }

    /// The same, but for tests: an end is leased to whoever wins a ticket of it, at once.
    ///
    /// # Panics
    ///
    /// When `capacity` is 0 or above a quarter of the address space.
    #[must_use]
    pub fn with_eager_leases(capacity: usize) -> Self {
        Self::build(capacity, true)
    }

    fn build(capacity: usize, eager: bool) -> Self {
        assert!((1..TICKET / 4).contains(&capacity), "capacity {capacity} of a ring must be at least 1");
        let slots = (0..capacity)
            .map(|ticket| Slot {
                turn: AtomicUsize::new(ticket),
                item: UnsafeCell::new(MaybeUninit::uninit()),
            })
            .collect();
        Self {
            head: End::new(eager),
            tail: End::new(eager),
            slots,
            lap: (capacity + 1).next_power_of_two(),
            consumers: EventCount::new(),
            producers: EventCount::new(),
        }
    }

    /// How many consumers and how many producers sleep, or are about to; a hint.
    #[must_use]
    pub fn sleepers(&self) -> (usize, usize) {
        (self.consumers.sleepers(), self.producers.sleepers())
    }

    /// The ticket after `ticket`.
    #[inline]
    fn after(&self, ticket: usize) -> usize {
        let index = ticket & (self.lap - 1);
        if index + 1 < self.slots.len() {
            ticket + 1
        } else {
            (ticket - index).wrapping_add(self.lap) & TICKET
        }
    }

    #[inline]
    fn slot(&self, ticket: usize) -> &Slot<T> {
        &self.slots[ticket & (self.lap - 1)]
    }

    /// Gets the next ticket of the producers, by a lease or against the others, and fills its slot.
    #[inline]
    fn offer<const MAY_BLOCK: bool>(&self, item: T) -> Result<(), (T, Miss)> {
        if let Some(lease) = self.tail.lease::<MAY_BLOCK>() {
            if self.slot(lease.ticket).turn.load(REUSE) != lease.ticket {
                // P2
                if self.tail.holds(lease) {
                    return Err((item, self.no_room(lease.ticket)));
                }
            } else if self.tail.claim(lease, self.after(lease.ticket)) {
                self.fill(lease.ticket, item);
                self.consumers.notify_one();
                return Ok(());
            }
        }
        self.offer_shared::<MAY_BLOCK>(item)
    }

    #[inline]
    fn offer_shared<const MAY_BLOCK: bool>(&self, item: T) -> Result<(), (T, Miss)> {
        let mut ticket = self.tail.word(); // P3
        let early = cfg!(conlab_weaken = "P4-early").then(|| self.consumers.sleepers());
        let (mut contended, mut wait) = (false, Wait::default());
        loop {
            if ticket & CLOSED != 0 {
                return Err((item, Miss::Closed));
            } else if ticket & !TICKET != 0 {
                if self.is_full_under_lease() {
                    return Err((item, Miss::Settled));
                }
                self.tail.await_turn::<MAY_BLOCK>(&mut wait);
                ticket = self.tail.word();
                continue;
            }
            if self.slot(ticket).turn.load(REUSE) == ticket {
                // P2
                match self.tail.win(ticket, self.after(ticket), contended) {
                    // P4
                    Ok(()) => {
                        self.fill(ticket, item);
                        if early != Some(0) {
                            self.consumers.notify_one();
                        }
                        return Ok(());
                    }
                    Err(current) => (ticket, contended) = (current, true),
                }
                step_back();
            } else {
                let tail = self.tail.word(); // P3
                if tail == ticket {
                    return Err((item, self.no_room(ticket)));
                }
                ticket = tail;
                spin();
            }
        }
    }

    /// Fills the slot of a ticket that the caller has won while the slot was free.
    #[inline]
    fn fill(&self, ticket: usize, item: T) {
        let slot = self.slot(ticket);
        slot.item.with_mut(|cell| {
            // SAFETY: we won `ticket` while `turn == ticket`, so by I1 the cell is ours and empty; nothing is
            // overwritten without being dropped.
            unsafe { cell.write(MaybeUninit::new(item)) }
        });
        slot.turn.store(ticket + 1, PUBLISH); // P1
    }

    /// Why the slot of the producers' `ticket` is not free.
    #[cold]
    fn no_room(&self, ticket: usize) -> Miss {
        if self.distance(self.head.position(), ticket) >= self.slots.len() {
            Miss::Settled
        } else {
            Miss::Underway
        }
    }

    /// Whether no room is left for the thread that has the producers' end: then there is none for others either, and no need to
    /// take the end away from it. No while it is halfway through something.
    #[cold]
    fn is_full_under_lease(&self) -> bool {
        self.tail.cursor().is_some_and(|ticket| {
            self.slot(ticket).turn.load(REUSE) != ticket // P2
                && matches!(self.no_room(ticket), Miss::Settled)
        })
    }

    /// Whether no item is left for the thread that has the consumers' end. Never said once closed: the cursor may be one ahead
    /// of a claim that is void, and `Closed` is final.
    #[cold]
    fn is_empty_under_lease(&self) -> bool {
        self.head.cursor().is_some_and(|ticket| {
            self.slot(ticket).turn.load(OBSERVE) != ticket + 1 // P1
                && matches!(self.no_item(ticket), Miss::Settled)
        })
    }

    /// Gets the next ticket of the consumers, by a lease or against the others, and empties its slot.
    #[inline]
    fn take<const MAY_BLOCK: bool>(&self) -> Result<T, Miss> {
        if let Some(lease) = self.head.lease::<MAY_BLOCK>() {
            if self.slot(lease.ticket).turn.load(OBSERVE) != lease.ticket + 1 {
                // P1
                if self.head.holds(lease) {
                    return Err(self.no_item(lease.ticket));
                }
            } else if self.head.claim(lease, self.after(lease.ticket)) {
                let item = self.empty(lease.ticket);
                self.producers.notify_one();
                return Ok(item);
            }
        }
        self.take_shared::<MAY_BLOCK>()
    }

    #[inline]
    fn take_shared<const MAY_BLOCK: bool>(&self) -> Result<T, Miss> {
        let mut ticket = self.head.word(); // P3
        let (mut contended, mut wait) = (false, Wait::default());
        loop {
            if ticket & !TICKET != 0 {
                if self.is_empty_under_lease() {
                    return Err(Miss::Settled);
                }
                self.head.await_turn::<MAY_BLOCK>(&mut wait);
                ticket = self.head.word();
                continue;
            }
            if self.slot(ticket).turn.load(OBSERVE) == ticket + 1 {
                // P1
                match self.head.win(ticket, self.after(ticket), contended) {
                    // P4
                    Ok(()) => {
                        let item = self.empty(ticket);
                        self.producers.notify_one();
                        return Ok(item);
                    }
                    Err(current) => (ticket, contended) = (current, true),
                }
                step_back();
            } else {
                let head = self.head.word(); // P3
                if head == ticket {
                    return Err(self.no_item(ticket));
                }
                ticket = head;
                spin();
            }
        }
    }

    /// Empties the slot of a ticket that the caller has won while the slot was filled.
    #[inline]
    fn empty(&self, ticket: usize) -> T {
        let slot = self.slot(ticket);
        // SAFETY: we won `ticket` while `turn == ticket + 1`, so by I1 the cell is ours.
        let item = slot.item.with_mut(|cell| unsafe { cell.read() });
        slot.turn.store(ticket.wrapping_add(self.lap) & TICKET, RECYCLE); // P2
        // SAFETY: P1 says that the cell was filled; its turn has moved on, so it is read only once.
        unsafe { item.assume_init() }
    }

    /// How many tickets from `first` on have slots that are `ready`, up to `most`, and the ticket after them. Under a lease they end at
    /// a multiple of [`HANDFUL`].
    fn row(
        &self,
        first: usize,
        most: usize,
        lease: Option<Lease>,
        ready: impl Fn(&Slot<T>, usize) -> bool,
    ) -> (usize, usize) {
        let (mut end, mut count) = (first, 0);
        // Ends: at most as many slots as the ring has.
        while count < most.min(self.slots.len())
            && end & !TICKET == 0
            && (count == 0 || lease.is_none() || !end.is_multiple_of(HANDFUL))
            && ready(self.slot(end), end)
        {
            end = self.after(end);
            count += 1;
        }
        (count, end)
    }

    /// Fills as many slots as are free in a row, up to the number of `items`, with one read-modify-write for all, and none under a
    /// lease.
    fn offer_many(&self, items: &mut VecDeque<T>) {
        let lease = self.tail.lease::<true>();
        let first = lease.map_or_else(|| self.tail.word(), |lease| lease.ticket); // P3
        let (count, end) = self.row(first, items.len(), lease, |slot, ticket| {
            slot.turn.load(REUSE) == ticket // P2
        });
        // P4. Nobody else can have won these tickets since, so their slots are still free.
        let won = count > 0
            && match lease {
                Some(lease) => self.tail.claim(lease, end),
                None => self.tail.win(first, end, false).is_ok(),
            };
        if !won {
            return;
        }
        let mut ticket = first;
        for item in items.drain(..count) {
            self.fill(ticket, item);
            ticket = self.after(ticket);
        }
        self.consumers.notify_one();
    }

    /// Empties as many slots as are filled in a row, up to `most`, with one read-modify-write for all, and none under a lease; says how
    /// many.
    fn take_many(&self, items: &mut Vec<T>, most: usize) -> usize {
        let lease = self.head.lease::<true>();
        let first = lease.map_or_else(|| self.head.word(), |lease| lease.ticket); // P3
        let (count, end) = self.row(first, most, lease, |slot, ticket| {
            slot.turn.load(OBSERVE) == ticket + 1 // P1
        });
        // P4. Nobody else can have won these tickets since, so their slots are still filled.
        let won = count > 0
            && match lease {
                Some(lease) => self.head.claim(lease, end),
                None => self.head.win(first, end, false).is_ok(),
            };
        if !won {
            return 0;
        }
        let mut ticket = first;
        for _ in 0..count {
            items.push(self.empty(ticket));
            ticket = self.after(ticket);
        }
        self.producers.notify_one();
        count
    }

    /// Pushes after a miss: looks again for a little, then sleeps while the queue is full.
    #[cold]
    fn push_patiently(&self, mut item: T, mut miss: Miss) -> Result<(), PushError<T>> {
        let mut woken = false;
        let (mut tries, mut looks) = (0, 0);
        // Ends: the queue gets room or is closed; asleep unless another thread is halfway through a slot.
        loop {
            match miss {
                Miss::Closed => return Err(PushError::Closed(item)),
                Miss::Underway => backoff(&mut tries),
                Miss::Settled if self.producers.linger(&mut looks) => {}
                Miss::Settled => {
                    looks = 0;
                    woken |= self.producers.sleep_unless(woken, || self.may_offer());
                }
            }
            match self.offer::<true>(item) {
                Ok(()) => break,
                Err(refused) => (item, miss) = refused,
            }
        }
        if woken && !cfg!(conlab_weaken = "E-pass-push") && self.may_offer() {
            self.producers.notify_one();
            self.producers.stay_awake();
        } else if looks > 0 {
            self.producers.stay_awake();
        }
        Ok(())
    }

    /// Pops after a miss: looks again for a little, then sleeps while the queue is empty.
    #[cold]
    fn pop_patiently(&self, mut miss: Miss) -> Result<T, PopError> {
        let mut woken = false;
        let (mut tries, mut looks) = (0, 0);
        // Ends: an item comes or the queue is closed; asleep unless another thread is halfway through a slot.
        let item = loop {
            match miss {
                Miss::Closed => return Err(PopError::Closed),
                Miss::Underway => backoff(&mut tries),
                Miss::Settled if self.consumers.linger(&mut looks) => {}
                Miss::Settled => {
                    looks = 0;
                    woken |= self.consumers.sleep_unless(woken, || self.may_take());
                }
            }
            match self.take::<true>() {
                Ok(item) => break item,
                Err(again) => miss = again,
            }
        };
        if woken && !cfg!(conlab_weaken = "E-pass") && self.may_take() {
            self.consumers.notify_one();
            self.consumers.stay_awake();
        } else if looks > 0 {
            self.consumers.stay_awake();
        }
        Ok(item)
    }

    /// Why the slot of the consumers' `ticket` is not filled.
    #[cold]
    fn no_item(&self, ticket: usize) -> Miss {
        let tail = self.tail.position();
        if tail & !CLOSED != ticket && !cfg!(conlab_weaken = "K2") {
            Miss::Underway
        } else if tail & CLOSED != 0 {
            Miss::Closed
        } else {
            Miss::Settled
        }
    }

    /// Whether a consumer has reason to look again; its half of E1 and E2.
    fn may_take(&self) -> bool {
        let tail = self.tail.recheck(); // P4
        tail != self.head.position() // P3; a closed tail equals no head
    }

    /// Whether a producer has reason to look again; its half of E1 and E2.
    fn may_offer(&self) -> bool {
        let head = self.head.recheck(); // P4
        let tail = self.tail.position(); // P3
        tail & CLOSED != 0 || self.distance(head, tail) < self.slots.len()
    }

    /// How many tickets lie from `head` up to `tail`; 0 if `tail` is older and lies before it.
    fn distance(&self, head: usize, tail: usize) -> usize {
        let index = |ticket: usize| ticket & (self.lap - 1);
        let laps = (tail - index(tail)).wrapping_sub(head - index(head)) & TICKET;
        if laps > TICKET / 2 {
            return 0;
        }
        (laps / self.lap * self.slots.len() + index(tail)).saturating_sub(index(head))
    }
}

impl<T: Send> TaskQueue<T> for RingQueue<T> {
    fn try_push(&self, item: T) -> Result<(), PushError<T>> {
        self.offer::<false>(item).map_err(|(item, miss)| match miss {
            Miss::Closed => PushError::Closed(item),
            Miss::Settled | Miss::Underway => PushError::Full(item),
        })
    }

    #[inline]
    fn push(&self, item: T) -> Result<(), PushError<T>> {
        self.offer::<true>(item).or_else(|(item, miss)| self.push_patiently(item, miss))
    }

    fn try_pop(&self) -> Result<T, PopError> {
        self.take::<false>().map_err(|miss| match miss {
            Miss::Closed => PopError::Closed,
            Miss::Settled | Miss::Underway => PopError::Empty,
        })
    }

    #[inline]
    fn pop(&self) -> Result<T, PopError> {
        self.take::<true>().or_else(|miss| self.pop_patiently(miss))
    }

    fn push_many(&self, items: &mut VecDeque<T>) -> Result<(), PushError<()>> {
        loop {
            self.offer_many(items);
            let Some(item) = items.pop_front() else { return Ok(()) };
            // Sleeps if it must, and makes progress where the batch lost a race.
            if let Err(refused) = self.push(item) {
                items.push_front(refused.into_item());
                return Err(PushError::Closed(()));
            }
        }
    }

    fn pop_many(&self, items: &mut Vec<T>, most: usize) -> Result<usize, PopError> {
        if most == 0 {
            return Ok(0);
        }
        let mut count = self.take_many(items, most);
        if count == 0 {
            items.push(self.pop()?);
            count = 1;
        }
        // Ends: at `most`, or when a batch is empty or lost a race. A batch ends early at the end of the ring's handful.
        while count < most {
            match self.take_many(items, most - count) {
                0 => break,
                more => count += more,
            }
        }
        Ok(count)
    }

    fn close(&self) {
        self.tail.close();
        for (end, rule) in [
            (&self.consumers, cfg!(any(conlab_weaken = "K1", conlab_weaken = "K1-consumers"))),
            (&self.producers, cfg!(any(conlab_weaken = "K1", conlab_weaken = "K1-producers"))),
        ] {
            if cfg!(conlab_weaken = "K1-one") {
                end.notify_one();
            } else if !rule {
                end.notify_all(); // K1
            }
        }
    }

    fn len(&self) -> usize {
        loop {
            let tail = self.tail.position();
            let head = self.head.position();
            if self.tail.position() == tail {
                return self.distance(head, tail & TICKET).min(self.slots.len());
            }
            spin();
        }
    }

    fn capacity(&self) -> Option<usize> {
        Some(self.slots.len())
    }
}

impl<T> Drop for RingQueue<T> {
    fn drop(&mut self) {
        while self.take::<false>().is_ok() {}
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn one_thread_alone_gets_leases_at_every_capacity() {
        for capacity in [1, 2, 3, 4, 31, 32, 33, 63, 64, 100, 1024] {
            let queue = RingQueue::with_capacity(capacity);
            for item in 0..4_000 {
                queue.try_push(item).unwrap();
                assert_eq!(queue.try_pop().ok(), Some(item));
            }
            let leased = (queue.head.cursor().is_some(), queue.tail.cursor().is_some());
            assert_eq!(leased, (true, true), "capacity {capacity}");
        }
    }

    #[test]
    fn a_batch_under_a_lease_takes_all_that_is_there() {
        for capacity in [1, 3, 64, 300, 1000] {
            let queue = RingQueue::with_capacity(capacity);
            for item in 0..4_000 {
                queue.try_push(item).unwrap();
                assert_eq!(queue.try_pop().ok(), Some(item));
            }
            for lap in 0..20 {
                let mut items: VecDeque<usize> = (0..capacity).map(|item| item + lap).collect();
                queue.push_many(&mut items).unwrap();
                assert!(queue.head.cursor().is_some() && items.is_empty());
                assert_eq!(queue.len(), capacity);
                let mut got = Vec::new();
                assert_eq!(queue.pop_many(&mut got, 2 * capacity), Ok(capacity));
                assert_eq!(got, (lap..capacity + lap).collect::<Vec<_>>());
            }
        }
    }
}
