//! The interpreter lock of CPython 3.2 to 3.13, round by round.
//!
//! A waiter waits in rounds of one interval and rejoins the condition at its tail each round. When its own round timed
//! out, the lock is still held and nobody switched meanwhile, it requests a drop. The holder drops at its next check and
//! signals the condition. The dropper sleeps until another thread has taken the lock (forced hand-over), then competes
//! like everybody else. Whoever finds the lock free takes it (barging).
//!
//! Who gets the signal is a race. The signal wakes the head of those who sleep in the condition. But the requester
//! has joined it a moment ago and is not asleep yet: while it is on its feet it takes the signal itself. The head
//! then finds none and falls asleep again behind the others, in the *same* round: the C library's condition keeps its
//! deadline, and the protocol does not see that it woke up. So who just lost the lock is the first to begin a round
//! after the switch, is the next requester, and often wins: two threads pass the lock to and fro for a while, and
//! the others' waits have a long tail.
//!
//! Measured with the C library's condition on two cores: a requester on the holder's core never wins (it
//! cannot be on its feet there), one on another core in 71 % of drops within 0.3 µs of the request, 50 % at half
//! a microsecond and hardly ever after one. [`ON_ITS_FEET`] and [`DROP`] say the same.

use super::world::{Kind, NONE, Next, State, World};
use crate::measure::Cause;
use crate::random::{Source, Stream};
use crate::scenario::LockKind;

/// How long a requester may be on its feet after it has asked, in nanoseconds; how long it is, is chance, evenly.
const ON_ITS_FEET: u64 = 1000;
/// How long a holder takes to free the lock after its check has found the request.
const DROP: u64 = 300;

/// What an interpreter lock has beyond a lock.
#[derive(Debug)]
pub(super) struct GilState {
    pub(super) last_holder: u32,
    pub(super) switch_number: u32,
    pub(super) drop_request: bool,
    /// Who asked for the lock beside a holder that runs, and when.
    pub(super) requester: u32,
    pub(super) requested_at: u64,
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
            requested_at: 0,
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
            let now = self.now;
            let gil = &mut self.lock(lock).gil;
            gil.requester = if beside { thread } else { NONE };
            gil.requested_at = now;
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
        self.gil_dropped(thread, lock);
        if self.lock(lock).owner == NONE {
            self.lock(lock).gil.handing_over.push(thread);
            self.block(thread, Cause::Lock);
        } else {
            // The requester has taken it already.
            self.gil_wait(thread, lock);
        }
    }

    /// The lock has fallen free: signals the condition. The head wakes up, unless the requester takes the signal.
    pub(super) fn gil_dropped(&mut self, thread: u32, lock: u32) {
        let state = self.lock(lock);
        let requester = state.gil.requester;
        let position = state.waiters.iter().position(|waiter| *waiter == requester);
        let Some(head) = state.waiters.pop_front() else { return };
        if position.is_none_or(|position| position == 0) || !self.on_its_feet(lock) {
            self.gil_signal(head, thread);
            return;
        }
        let waiters = &mut self.lock(lock).waiters;
        waiters.retain(|waiter| *waiter != requester);
        // The head finds no signal and falls asleep again, behind the others, for the rest of its round.
        waiters.push_back(head);
        let roused = self.idle_cores.any();
        self.pay_wake(thread, roused);
        let task = self.thread(requester).task;
        let since = self.task(task).since;
        self.try_take(requester, requester, lock, self.now - since);
        self.gil_signal(requester, NONE);
    }

    /// Whether the requester has not fallen asleep since it asked.
    fn on_its_feet(&mut self, lock: u32) -> bool {
        let now = self.now;
        let gil = &mut self.lock(lock).gil;
        now - gil.requested_at + DROP < gil.coin.below(ON_ITS_FEET)
    }

    /// Wakes a waiter before its round is over.
    fn gil_signal(&mut self, thread: u32, waker: u32) {
        let waiting = self.thread(thread);
        waiting.timer = waiting.timer.wrapping_add(1);
        waiting.timed_out = false;
        self.wake(thread, waker);
    }
}
