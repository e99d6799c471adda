//! Pools: places that tasks hold over a step, waits included.

use super::alarms::Alarm;
use super::extra::Stage;
use super::program::Turn;
use super::world::{NONE, World};
use crate::measure::record::PoolRecord;
use crate::measure::{Cause, Outcome, Tally};
use crate::random::Source;
use crate::scenario::{Next, PoolSpec};
use crate::units::Nanos;
use crate::workload::Draw;
use std::collections::{BTreeMap, VecDeque};

/// A pool and its figures.
#[derive(Debug)]
pub(super) struct Pool {
    size: usize,
    fifo: bool,
    timeout: Option<Draw>,
    /// Places taken; those handed to a waiter that has not run yet among them.
    taken: usize,
    /// Tasks that wait, in order.
    waiting: VecDeque<u32>,
    /// Since when each task holds its place.
    holders: BTreeMap<u32, u64>,
    acquisitions: u64,
    contended: u64,
    timed_out: u64,
    wait: Tally,
    hold: Tally,
}

impl Pool {
    pub(super) fn new(spec: &PoolSpec) -> Self {
        Self {
            size: spec.size,
            fifo: spec.next != Next::Barge,
            timeout: spec.timeout.clone(),
            taken: 0,
            waiting: VecDeque::new(),
            holders: BTreeMap::new(),
            acquisitions: 0,
            contended: 0,
            timed_out: 0,
            wait: Tally::default(),
            hold: Tally::default(),
        }
    }

    /// Forgets what happened before the measured window.
    pub(super) fn reset(&mut self) {
        (self.acquisitions, self.contended, self.timed_out) = (0, 0, 0);
        (self.wait, self.hold) = (Tally::default(), Tally::default());
    }

    /// The figures of a pool and its copies.
    pub(super) fn record(copies: &[&Self]) -> PoolRecord {
        let (mut wait, mut hold) = (Tally::default(), Tally::default());
        for pool in copies {
            wait.merge(&pool.wait);
            hold.merge(&pool.hold);
        }
        PoolRecord {
            size: copies.iter().map(|pool| pool.size).sum(),
            acquisitions: copies.iter().map(|pool| pool.acquisitions).sum(),
            contended: copies.iter().map(|pool| pool.contended).sum(),
            timed_out: copies.iter().map(|pool| pool.timed_out).sum(),
            wait_ns: wait.distribution(),
            hold_ns: hold.distribution(),
        }
    }

    /// Whether a place is free, or has been handed to somebody who has not run yet.
    pub(super) fn is_free(&self) -> bool {
        self.holders.len() < self.size
    }

    /// The tasks that have a place.
    pub(super) fn holders(&self) -> impl Iterator<Item = u32> {
        self.holders.keys().copied()
    }

    /// The tasks that wait for a place for as long as it takes.
    pub(super) fn patient(&self) -> impl Iterator<Item = u32> {
        self.waiting.iter().copied().filter(|_| self.timeout.is_none())
    }

    fn take(&mut self, task: u32, now: u64, since: u64) {
        self.holders.insert(task, now);
        self.acquisitions += 1;
        self.wait.record(Nanos(now - since));
    }
}

impl World<'_> {
    /// Takes a place, or makes the task wait for one; how the thread goes on.
    pub(super) fn acquire(&mut self, thread: u32, task: u32, number: u32) -> Turn {
        if self.settle(thread) {
            return Turn::IsOver;
        }
        let now = self.now;
        let woken = self.extra(task).stage == Stage::Waiting;
        if woken && self.extra(task).expired {
            self.more.pools[number as usize].timed_out += 1;
            self.pass_wakeup_on(thread, number);
            self.extra(task).stage = Stage::Fresh;
            return self.fail(thread, task, Outcome::TimedOut);
        }
        let since = if woken { self.extra(task).since } else { now };
        let pool = &mut self.more.pools[number as usize];
        // A place that was handed over is taken already.
        let handed = woken && pool.fifo;
        if handed || pool.taken < pool.size && (woken || !pool.fifo || pool.waiting.is_empty()) {
            pool.taken += usize::from(!handed);
            pool.take(task, now, since);
            self.next_epoch(task);
            self.extra(task).stage = Stage::Fresh;
            let lock = self.charges.lock;
            self.owe(thread, lock);
            self.advance(task);
            return Turn::GoesOn;
        }
        if woken {
            // Somebody was faster: it waits at the head again.
            pool.waiting.push_front(task);
        } else {
            pool.waiting.push_back(task);
            pool.contended += 1;
            let timeout = pool.timeout.clone();
            let epoch = self.next_epoch(task);
            let extra = self.extra(task);
            extra.stage = Stage::Waiting;
            extra.since = now;
            if let Some(draw) = timeout {
                let mut stream = self.chance_of(task, Source::Patience, 1 + u64::from(number));
                let patience = draw.sample(&mut stream, self.tasks[task as usize].number).0;
                self.alarm_in(patience, Alarm::PoolTimeout { task, epoch, pool: number });
            }
        }
        self.rest(thread, task, Cause::Pool)
    }

    /// Gives a place back, and passes it on.
    pub(super) fn release(&mut self, thread: u32, task: u32, number: u32) {
        let now = self.now;
        let pool = &mut self.more.pools[number as usize];
        if let Some(since) = pool.holders.remove(&task) {
            pool.hold.record(Nanos(now - since));
        }
        self.pass_on(thread, number);
    }

    fn pass_on(&mut self, thread: u32, number: u32) {
        let pool = &mut self.more.pools[number as usize];
        let Some(next) = pool.waiting.pop_front() else {
            pool.taken -= 1;
            return;
        };
        if !pool.fifo {
            pool.taken -= 1;
        }
        self.rouse(next, thread);
    }

    /// A task that may wait for a place is withdrawn.
    pub(super) fn leave_pool(&mut self, thread: u32, task: u32, number: u32) {
        if self.extra(task).stage != Stage::Waiting {
            return;
        }
        let expired = self.extra(task).expired;
        let pool = &mut self.more.pools[number as usize];
        if let Some(place) = pool.waiting.iter().position(|waiter| *waiter == task) {
            pool.waiting.remove(place);
        } else if pool.fifo && !expired {
            // It has been handed a place.
            self.pass_on(thread, number);
        } else {
            self.pass_wakeup_on(thread, number);
        }
    }

    /// A task that was woken for a place leaves without one: its wake-up is somebody else's.
    fn pass_wakeup_on(&mut self, thread: u32, number: u32) {
        let pool = &mut self.more.pools[number as usize];
        if pool.taken < pool.size
            && let Some(next) = pool.waiting.pop_front()
        {
            self.rouse(next, thread);
        }
    }

    /// A task has waited for a place for too long.
    pub(super) fn pool_timed_out(&mut self, task: u32, pool: u32) {
        let pool = &mut self.more.pools[pool as usize];
        let place = pool.waiting.iter().position(|waiter| *waiter == task);
        match place {
            Some(place) => drop(pool.waiting.remove(place)),
            // It has been handed a place, and has not run yet.
            None if pool.fifo => return,
            // It has been woken, to try again.
            None => {}
        }
        self.extra(task).expired = true;
        self.rouse(task, NONE);
    }
}
