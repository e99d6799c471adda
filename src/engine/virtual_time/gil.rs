//! The interpreter lock of CPython 3.2 to 3.13, round by round.
//!
//! A waiter waits in rounds of one interval and rejoins the condition at its tail each round. When its own round timed
//! out, the lock is still held and nobody switched meanwhile, it requests a drop. The holder drops at its next check;
//! then the head of the condition is signalled, but the requester, which is still running, wins about as often:
//! a fair coin from the run's own stream decides, and a head that lost joins again at the tail. The dropper
//! sleeps until another thread has taken the lock (forced hand-over), then competes like everybody else. Whoever finds
//! the lock free takes it (barging).

use super::world::{Kind, NONE, Next, State, World};
use crate::measure::Cause;
use crate::random::{Source, Stream};
use crate::scenario::LockKind;

/// What an interpreter lock has beyond a lock.
#[derive(Debug)]
pub(super) struct GilState {
    pub(super) last_holder: u32,
    pub(super) switch_number: u32,
    pub(super) drop_request: bool,
    pub(super) requester: u32,
    /// Droppers that wait for the hand-over.
    pub(super) handing_over: Vec<u32>,
    pub(super) coin: Stream,
    pub(super) forced_drops: u64,
    pub(super) switches: u64,
}

impl Default for GilState {
    fn default() -> Self {
        Self {
            last_holder: NONE,
            switch_number: 0,
            drop_request: false,
            requester: NONE,
            handing_over: Vec::new(),
            coin: Stream::new(0, Source::Scheduler, 0, 0),
            forced_drops: 0,
            switches: 0,
        }
    }
}

impl World<'_> {
    /// A thread has taken an interpreter lock.
    pub(super) fn gil_taken(&mut self, thread: u32, lock: u32) {
        let gil = &mut self.locks[lock as usize].gil;
        gil.drop_request = false;
        gil.requester = NONE;
        if gil.last_holder == thread {
            return;
        }
        gil.last_holder = thread;
        gil.switch_number = gil.switch_number.wrapping_add(1);
        gil.switches += 1;
        if !gil.handing_over.is_empty() {
            for dropper in std::mem::take(&mut gil.handing_over) {
                self.wake(dropper, thread);
            }
        }
    }

    /// Begins a round: the thread joins the condition at its tail for at most the interval.
    pub(super) fn gil_wait(&mut self, thread: u32, lock: u32) {
        let LockKind::Gil { interval, .. } = self.lock(lock).kind else { return };
        let round = self.lock(lock).gil.switch_number;
        self.lock(lock).waiters.push_back(thread);
        let until = self.now + interval.0 + self.oversleep();
        let waiting = self.thread(thread);
        waiting.round = round;
        waiting.timed_out = false;
        waiting.timer = waiting.timer.wrapping_add(1);
        let timer = waiting.timer;
        self.schedule(until, Kind::ThreadTimer, timer, thread);
        self.block(thread, Cause::Lock);
    }

    /// A waiter's round timed out: it leaves the condition and wakes up.
    pub(super) fn gil_timed_out(&mut self, thread: u32, lock: u32) {
        // Rounds are equally long, so the one that times out is nearly always the head.
        let waiters = &mut self.lock(lock).waiters;
        if let Some(position) = waiters.iter().position(|waiter| *waiter == thread) {
            waiters.remove(position);
        }
        self.thread(thread).timed_out = true;
        self.make_ready_by_timer(thread);
    }

    /// A waiter runs and finds the lock held: it may ask the holder to drop it.
    pub(super) fn gil_round_over(&mut self, thread: u32, lock: u32) {
        let waiting = self.thread(thread);
        let (timed_out, round) = (waiting.timed_out, waiting.round);
        waiting.timed_out = false;
        let state = self.lock(lock);
        if timed_out && state.gil.switch_number == round {
            state.gil.drop_request = true;
            let holder = state.owner;
            // Beside a holder that runs, the requester is still on its feet when the lock falls free.
            let beside = self.threads[holder as usize].state == State::Running;
            self.lock(lock).gil.requester = if beside { thread } else { NONE };
            self.hurry(holder, lock);
        }
    }

    /// Shortens the holder's burst to its next check.
    fn hurry(&mut self, holder: u32, lock: u32) {
        let LockKind::Gil { check, .. } = self.lock(lock).kind else { return };
        let thread = &self.threads[holder as usize];
        if thread.task == NONE || thread.remaining == 0 || self.tasks[thread.task as usize].next != Next::Work
        {
            // Between two pieces of work: it looks at the request before the next one.
            return;
        }
        let (task, core) = (thread.task, thread.core);
        let running = thread.state == State::Running;
        let mut done = 0;
        if running {
            done = self.now - self.cores[core as usize].burst_start;
            self.stop_burst(core);
        }
        let period = check.0.max(1);
        let rest = self.thread(holder).remaining;
        let turn = if done % period == 0 && check.0 == 0 { 0 } else { period - done % period };
        let cut = turn.min(rest);
        self.task(task).work += rest - cut;
        self.thread(holder).remaining = cut;
        if running {
            if cut == 0 {
                let generation = self.cores[core as usize].generation;
                self.starting.push_back((core, generation));
            } else {
                self.burst(core);
            }
        }
    }

    /// The holder obeys a request: it drops the lock and sleeps until another thread has it.
    pub(super) fn gil_forced_drop(&mut self, thread: u32, lock: u32) {
        let now = self.now;
        let state = self.lock(lock);
        let held = now - state.held_since;
        state.hold.record(crate::units::Nanos(held));
        state.owner = NONE;
        state.gil.forced_drops += 1;
        self.gil_dropped(thread, lock, true);
        if self.lock(lock).owner == NONE {
            self.lock(lock).gil.handing_over.push(thread);
            self.block(thread, Cause::Lock);
        } else {
            // The requester has taken it already.
            self.gil_wait(thread, lock);
        }
    }

    /// The lock has fallen free: signals the head of the condition, unless the requester is quicker.
    pub(super) fn gil_dropped(&mut self, thread: u32, lock: u32, forced: bool) {
        let requester = self.lock(lock).gil.requester;
        let head = self.lock(lock).waiters.front().copied();
        let Some(head) = head else { return };
        self.lock(lock).waiters.pop_front();
        self.gil_signal(head, thread);
        if !forced || requester == NONE || requester == head {
            return;
        }
        let state = self.lock(lock);
        let Some(position) = state.waiters.iter().position(|waiter| *waiter == requester) else { return };
        if state.gil.coin.bits() >> 63 == 1 {
            state.waiters.remove(position);
            let task = self.thread(requester).task;
            let since = self.task(task).since;
            self.try_take(requester, requester, lock, self.now - since);
            self.gil_signal(requester, NONE);
        }
    }

    /// Wakes a waiter before its round is over.
    fn gil_signal(&mut self, thread: u32, waker: u32) {
        let waiting = self.thread(thread);
        waiting.timer = waiting.timer.wrapping_add(1);
        waiting.timed_out = false;
        self.wake(thread, waker);
    }
}
