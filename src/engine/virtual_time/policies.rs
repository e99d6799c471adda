//! Locks with policies of their own: mutexes that are handed over, spun on or polled, and locks that readers share.
//!
//! - A mutex whose `next` is `fifo` passes to its longest waiter as it is given back; with a hand-over time, once that one has
//!   waited for so long.
//! - A waiter that spins takes the lock while it is on a core, and parks when its time is over.
//! - A shared lock passes directly to whoever it lets in.

use super::program::Turn;
use super::world::{EventKind, NONE, Purpose, TASK, World};
use crate::machine::ThreadId;
use crate::measure::Cause;
use crate::scenario::{LockKind, Next, Prefer, Wait};
use crate::units::Nanos;

impl World<'_> {
    /// The task of an entity that waits.
    fn task_of(&self, entity: u32) -> u32 {
        if entity & TASK == 0 { self.threads[entity as usize].task } else { entity & !TASK }
    }

    /// Whether a thread that finds a mutex held begins to spin on it; it does not where it has spun already.
    pub(super) fn spins_first(&mut self, thread: u32, lock: u32) -> bool {
        let Wait::Spin(most) = self.lock(lock).way else { return false };
        if std::mem::take(&mut self.thread(thread).spun) {
            return false;
        }
        self.lock(lock).waiters.push_back(thread);
        self.spin(thread, Some(most).filter(|most| *most > Nanos::ZERO));
        true
    }

    /// Sleeps before another try at a mutex; how the thread goes on, with another task.
    pub(super) fn poll_lock(&mut self, thread: u32, task: u32, lock: u32, entity: u32) -> Turn {
        let Wait::Poll(gap) = self.lock(lock).way else { return Turn::GoesOn };
        let late = self.oversleep();
        if entity == thread {
            self.nap(thread, gap.0 + late);
            self.block(thread, Cause::Lock);
            return Turn::IsOver;
        }
        let at = self.now + gap.0 + late;
        self.schedule(at, EventKind::TaskTimer, task);
        self.wait(thread, task, Cause::Lock)
    }

    /// Passes a mutex on that has just been given back, where its policy says to whom; whether it did.
    pub(super) fn hand_over(&mut self, thread: u32, lock: u32) -> bool {
        let state = &self.locks[lock as usize];
        let spins = matches!(state.way, Wait::Spin(_));
        if spins && self.grant_spin(lock) {
            return true;
        }
        let parked = |waiter: &u32| waiter & TASK != 0 || !self.machine.is_spinning(ThreadId(*waiter));
        let state = &self.locks[lock as usize];
        let Some(place) = state.waiters.iter().position(parked) else { return spins };
        let longest = self.now - self.tasks[self.task_of(state.waiters[place]) as usize].since;
        let hands = match state.next {
            Next::Barge => false,
            Next::Fifo => true,
            Next::Handover(limit) => longest >= limit.0,
        };
        if !hands && !spins {
            return false;
        }
        if !hands && state.waking {
            return true;
        }
        let now = self.now;
        let state = self.lock(lock);
        let Some(waiter) = state.waiters.remove(place) else { return false };
        if hands {
            state.owner = waiter;
            state.held_since = now;
            state.note(longest, now);
        } else {
            state.waking = true;
        }
        self.wake(waiter, thread);
        true
    }

    /// Takes a lock that readers share, or makes the task wait for it; how the thread goes on.
    pub(super) fn enter_shared(&mut self, thread: u32, task: u32, lock: u32, share: bool) -> Turn {
        let entity = self.entity(thread, task);
        let now = self.now;
        let state = self.lock(lock);
        let LockKind::Shared { prefer } = state.kind else { return Turn::GoesOn };
        let free = state.owner == NONE && (share || state.readers.is_empty());
        let writer_waits = || state.line.iter().any(|waiter| !waiter.2);
        let may = match prefer {
            _ if !share => state.line.is_empty(),
            Prefer::Readers => true,
            Prefer::Writers => !writer_waits(),
            Prefer::Fifo => state.line.is_empty(),
        };
        if free && may {
            state.let_in(entity, share, now, 0);
            let cost = self.charges.lock;
            self.owe(thread, cost);
            return Turn::GoesOn;
        }
        self.drop_interpreter(thread);
        self.want(task, lock, Purpose::Step);
        if self.timeline.wanted() {
            let holder = self.lock(lock).owner;
            self.timeline.held_by(task, holder);
        }
        self.lock(lock).line.push_back((task, entity, share));
        if entity == thread {
            self.block(thread, Cause::Lock);
            return Turn::IsOver;
        }
        self.wait(thread, task, Cause::Lock)
    }

    /// Gives back the lock of a step.
    pub(super) fn unlock(&mut self, thread: u32, task: u32, lock: u32) {
        let LockKind::Shared { prefer } = self.locks[lock as usize].kind else {
            self.give_back(thread, lock);
            return;
        };
        let entity = self.entity(thread, task);
        let now = self.now;
        let state = self.lock(lock);
        let since = match state.readers.remove(&entity) {
            Some(since) => since,
            None => {
                state.owner = NONE;
                state.held_since
            }
        };
        state.hold.record(Nanos(now - since));
        // Each turn lets one in, so the loop ends.
        while let Some(place) = self.locks[lock as usize].next_in(prefer) {
            let Some((task, entity, share)) = self.lock(lock).line.remove(place) else { return };
            let waited = now - self.tasks[task as usize].since;
            self.lock(lock).let_in(entity, share, now, waited);
            self.wake(entity, thread);
        }
    }
}

impl super::locks::Lock {
    fn let_in(&mut self, entity: u32, share: bool, now: u64, waited: u64) {
        if share {
            self.readers.insert(entity, now);
        } else {
            self.owner = entity;
            self.held_since = now;
        }
        self.note(waited, now);
    }

    /// Place in the line of who is let in next, if anybody is.
    fn next_in(&self, prefer: Prefer) -> Option<usize> {
        if self.owner != NONE {
            return None;
        }
        let writer = self.line.iter().position(|waiter| !waiter.2);
        let reader = self.line.iter().position(|waiter| waiter.2);
        let empty = self.readers.is_empty();
        match prefer {
            Prefer::Writers if writer.is_some() => writer.filter(|_| empty),
            Prefer::Writers => reader,
            Prefer::Readers => reader.or(writer.filter(|_| empty)),
            Prefer::Fifo => (!self.line.is_empty()).then_some(0).filter(|_| empty || reader == Some(0)),
        }
    }
}
