//! One core's queue of runnable threads under EEVDF, as Linux (6.6 and later) keeps it.
//!
//! # Model
//!
//! - A thread's *virtual runtime* grows while it runs, the slower the more it weighs. The *average*, by weight, of all threads of a core is where a thread would be
//!   that had got exactly its share; who is not beyond it is *eligible*. Each thread has a *deadline*, one slice after the
//!   virtual runtime at which it was last renewed.
//! - The eligible thread with the earliest deadline runs, until another is first: which the kernel finds out only when it
//!   looks, at its tick or when a thread of this core falls asleep or wakes up. Deadlines are renewed then, too.
//! - A thread that falls asleep keeps its *lag*, what it is owed, up to two slices. One that has had more than its share stays
//!   as a *sleeper* among the others until it would have been chosen; woken before that, it goes on where it was.
//!   Otherwise it comes back at the average less its lag, with a slice before it.
//!
//! Source: I. Stoica, H. Abdel-Wahab, "Earliest Eligible Virtual Deadline First", 1995, and the documentation of Linux
//! (`Documentation/scheduler/sched-eevdf.rst`).

use super::deadline_tree::{DeadlineTree, Key, Traits};
use super::weight::Weight;

/// What the policy knows of a thread.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Entity {
    /// In its core's virtual time.
    pub(super) runtime: i64,
    /// When its slice is over, in that time.
    pub(super) deadline: i64,
    /// What it was owed when it left.
    pub(super) lag: i64,
    /// When it was last on a processor.
    pub(super) left: u64,
    /// Its place among those with its deadline.
    order: u64,
    /// Asleep, and not yet out of the queue.
    pub(super) asleep: bool,
    pub(super) weight: Weight,
}

impl Entity {
    /// Its place among those who wait.
    #[inline]
    const fn key(&self) -> Key {
        (self.deadline, self.order)
    }

    #[inline]
    const fn traits(&self) -> Traits {
        Traits { runtime: self.runtime, left: if self.asleep { u64::MAX } else { self.left } }
    }

    #[inline]
    fn weight(&self) -> i128 {
        i128::from(self.weight.get())
    }

    /// Its runtime, as often as it counts.
    #[inline]
    fn weighted(&self) -> i128 {
        i128::from(self.runtime) * self.weight()
    }
}

/// A slice that is never over: some 36 years.
pub(super) const NEVER: u64 = 1 << 60;

/// When the kernel looks, and for how long a thread is safe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// A slice.
    pub(super) slice: u64,
    /// Time between two looks at the thread that runs; 0: at its deadline exactly.
    pub(super) tick: u64,
}

impl Rules {
    /// When the kernel last looked at a thread that runs alone since `from`, and first found it past `due` more; nothing
    /// if it has not.
    #[inline]
    fn last_renewal(self, from: u64, due: u64, now: u64) -> Option<u64> {
        if self.tick == 0 {
            return None;
        }
        let first = (from + due.max(1)).next_multiple_of(self.tick);
        let period = self.slice.max(1).next_multiple_of(self.tick);
        (first <= now).then(|| first + (now - first) / period * period)
    }
}

/// A core's threads that are runnable or owe too much to leave.
#[derive(Clone, Debug, Default)]
pub(super) struct EevdfQueue {
    /// By deadline, then in order of coming.
    waiting: DeadlineTree,
    /// Sum of the virtual runtimes of those that wait, each times its weight, and of the weights.
    sum: i128,
    load: i128,
    /// How many of those that wait are awake.
    awake: u32,
    comings: u64,
    /// Virtual runtime of whoever was here last.
    last: i64,
    /// Since when the runtime of the one that runs was not brought up to date.
    since: u64,
    /// When it last got its next slice.
    renewed: u64,
}

impl EevdfQueue {
    /// Whether nobody waits, asleep or awake.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many wait and are awake.
    #[inline]
    pub(super) const fn awake(&self) -> u32 {
        self.awake
    }

    /// Whoever was chosen begins to run at `now`.
    #[inline]
    pub(super) const fn begin(&mut self, now: u64) {
        self.since = now;
    }

    /// Somebody was chosen, and will run as soon as the processor is ready.
    #[inline]
    pub(super) const fn choose(&mut self) {
        self.since = u64::MAX;
    }

    /// Brings the thread that runs up to `now`; one past its deadline gets the next slice.
    #[inline]
    pub(super) fn advance(&mut self, current: &mut Entity, now: u64, rules: Rules) {
        if now <= self.since {
            return;
        }
        let from = std::mem::replace(&mut self.since, now);
        let weight = current.weight;
        let due = u64::try_from(weight.real_time(current.deadline - current.runtime)).unwrap_or(0);
        let slice = weight.virtual_time(time(rules.slice));
        if self.waiting.is_empty()
            && let Some(at) = rules.last_renewal(from, due, now)
        {
            current.deadline = current.runtime + weight.virtual_time(time(at - from)) + slice;
        }
        current.runtime += weight.virtual_time(time(now - from));
        self.last = current.runtime;
        if current.runtime >= current.deadline {
            current.deadline = current.runtime + slice;
            self.renewed = now;
        }
    }

    /// Sums of everybody's virtual runtimes, by weight, and of the weights.
    #[inline]
    fn all(&self, current: Option<&Entity>) -> (i128, i128) {
        current.map_or((self.sum, self.load), |entity| {
            (self.sum + entity.weighted(), self.load + entity.weight())
        })
    }

    /// Whether `entity`, which is one of those here, has not had more than its share.
    #[inline]
    pub(super) fn eligible(&self, entity: &Entity, current: Option<&Entity>) -> bool {
        let (sum, load) = self.all(current);
        i128::from(entity.runtime) * load <= sum
    }

    /// Virtual runtime of a thread that has got exactly its share.
    #[expect(clippy::cast_possible_truncation, reason = "between the least and the greatest of 64 bits")]
    #[inline]
    fn average(&self, current: Option<&Entity>) -> i64 {
        let (sum, load) = self.all(current);
        if load == 0 { self.last } else { sum.div_euclid(load) as i64 }
    }

    /// What a thread that leaves is owed, or owes (negative), at most two slices or a tick.
    #[inline]
    pub(super) fn lag(&self, entity: &Entity, current: Option<&Entity>, rules: Rules) -> i64 {
        let most = entity.weight.virtual_time(time((2 * rules.slice).max(rules.tick)));
        (self.average(current) - entity.runtime).clamp(-most, most)
    }

    /// Gives a thread that comes its place in virtual time: it is owed what it was owed when it left.
    #[inline]
    pub(super) fn place(&self, entity: &mut Entity, current: Option<&Entity>, rules: Rules) {
        let (_, load) = self.all(current);
        let average = self.average(current);
        // The average moves when the thread joins; with so much more it ends up with its lag.
        let lag = if load == 0 { 0 } else { i128::from(entity.lag) * (load + entity.weight()) / load };
        entity.runtime = average - i64::try_from(lag).unwrap_or(0);
        entity.deadline = entity.runtime + entity.weight.virtual_time(time(rules.slice));
        entity.lag = 0;
    }

    /// A thread with a place begins to wait; until it is removed, nothing about it may change.
    #[inline]
    pub(super) fn insert(&mut self, thread: u32, entity: &mut Entity) {
        self.comings += 1;
        entity.order = self.comings;
        self.waiting.insert(entity.key(), thread, entity.traits());
        self.sum += entity.weighted();
        self.load += entity.weight();
        self.awake += u32::from(!entity.asleep);
    }

    /// A thread waits no longer.
    #[inline]
    pub(super) fn remove(&mut self, thread: u32, entity: &Entity) {
        let was_there = self.waiting.remove(entity.key());
        debug_assert!(was_there, "thread {thread} does not wait here");
        self.sum -= entity.weighted();
        self.load -= entity.weight();
        self.awake -= u32::from(!entity.asleep);
        if self.waiting.is_empty() {
            self.last = self.last.max(entity.runtime);
        }
    }

    /// The eligible thread with the earliest deadline among those that wait, if it comes before `current`. Of equals, who runs
    /// goes on, as what it did at this instant really took time; but not if its slice was over just now.
    #[inline]
    pub(super) fn first(&self, current: Option<&Entity>) -> Option<u32> {
        let (sum, load) = self.all(current);
        let eligible = |runtime: i64| i128::from(runtime) * load <= sum;
        let (deadline, thread) = self.waiting.first(|traits| eligible(traits.runtime))?;
        match current {
            Some(entity)
                if eligible(entity.runtime)
                    && (entity.deadline, self.renewed == self.since) <= (deadline, false) =>
            {
                None
            }
            _ => Some(thread),
        }
    }

    /// Of those who wait and are awake, the one with the earliest deadline that was last on a processor by `latest`, or never.
    #[inline]
    pub(super) fn first_off_since(&self, latest: u64) -> Option<u32> {
        self.waiting.first(|traits| traits.left <= latest).map(|(_, thread)| thread)
    }
}

/// A length of time as virtual time.
#[expect(clippy::cast_possible_wrap, reason = "a simulation lasts for less than 292 years")]
const fn time(nanos: u64) -> i64 {
    nanos as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;
    const RULES: Rules = Rules { slice: 1_400_000, tick: 4_000_000 };

    /// A core's queue with its threads, as the engine drives it; times in ms.
    struct Core {
        queue: EevdfQueue,
        threads: Vec<Entity>,
        current: Option<u32>,
    }

    impl Core {
        fn new(threads: usize) -> Self {
            Self { queue: EevdfQueue::default(), threads: vec![Entity::default(); threads], current: None }
        }

        fn advance(&mut self, now: u64) {
            if let Some(current) = self.current {
                self.queue.advance(&mut self.threads[current as usize], now * 1_000_000, RULES);
            }
        }

        fn running(&self) -> Option<&Entity> {
            self.current.map(|thread| &self.threads[thread as usize])
        }

        fn wake(&mut self, thread: u32, now: u64) {
            self.advance(now);
            let mut entity = self.threads[thread as usize];
            self.queue.place(&mut entity, self.running(), RULES);
            self.queue.insert(thread, &mut entity);
            self.threads[thread as usize] = entity;
        }

        /// Whoever is first runs from now on.
        fn choose(&mut self, now: u64) -> Option<u32> {
            self.advance(now);
            if let Some(next) = self.queue.first(self.running()) {
                if let Some(last) = self.current.replace(next) {
                    self.queue.insert(last, &mut self.threads[last as usize]);
                }
                self.queue.remove(next, &self.threads[next as usize]);
                self.queue.begin(now * 1_000_000);
            }
            self.current
        }

        fn sleep(&mut self, now: u64) {
            self.advance(now);
            let Some(thread) = self.current.take() else { return };
            let mut entity = self.threads[thread as usize];
            assert!(self.queue.eligible(&entity, Some(&entity)));
            entity.lag = self.queue.lag(&entity, Some(&entity), RULES);
            self.threads[thread as usize] = entity;
        }
    }

    #[test]
    fn computing_threads_take_turns_at_the_ticks() {
        let mut core = Core::new(3);
        (0..3).for_each(|thread| core.wake(thread, 0));
        let turns: Vec<_> = (0..9).map(|tick| core.choose(tick * 4)).collect();
        assert_eq!(turns, [0, 1, 2, 0, 1, 2, 0, 1, 2].map(Some));
    }

    #[test]
    fn a_thread_that_was_owed_time_comes_first_and_one_that_was_not_waits() {
        let mut core = Core::new(2);
        core.wake(0, 0);
        assert_eq!(core.choose(0), Some(0));
        // It comes at the average, one slice before its deadline, which is later than that of the one there.
        core.wake(1, 1);
        assert_eq!((core.threads[1].runtime, core.threads[1].deadline), (MS, 2_400_000));
        assert_eq!(core.choose(1), Some(0));
        // At the tick, the other is beyond the average of 4 and 1.
        assert_eq!(core.choose(4), Some(1));
        core.sleep(5);
        // Of 4 and 2 the average is 3: it is owed 1 ms, and comes back so far before the average of both.
        assert_eq!(core.threads[1].lag, MS);
        assert_eq!(core.choose(5), Some(0));
        core.wake(1, 6);
        assert_eq!((core.threads[0].runtime, core.threads[1].runtime), (5 * MS, 3 * MS));
        assert_eq!(core.choose(6), Some(1));
    }

    #[test]
    fn a_debt_is_kept_and_a_claim_is_no_longer_than_two_slices_or_a_tick() {
        let mut core = Core::new(2);
        core.wake(0, 0);
        core.choose(0);
        core.wake(1, 0);
        core.advance(40);
        let (running, waiting) = (core.threads[0], core.threads[1]);
        assert_eq!(core.queue.lag(&waiting, Some(&running), RULES), 4 * MS);
        assert_eq!(core.queue.lag(&running, Some(&running), RULES), -4 * MS);
        assert!(!core.queue.eligible(&running, Some(&running)));
    }

    #[test]
    fn slices_that_nobody_waits_for_are_renewed_at_ticks() {
        // From 1 ms on, 1.4 ms are over at 2.4: seen at 4, and then at every tick.
        assert_eq!(RULES.last_renewal(1_000_000, 1_400_000, 3_999_999), None);
        assert_eq!(RULES.last_renewal(1_000_000, 1_400_000, 4_000_000), Some(4_000_000));
        assert_eq!(RULES.last_renewal(1_000_000, 1_400_000, 23_000_000), Some(20_000_000));
        let long = Rules { slice: 5_000_000, ..RULES };
        assert_eq!(long.last_renewal(0, 5_000_000, 30_000_000), Some(24_000_000));
    }
}
