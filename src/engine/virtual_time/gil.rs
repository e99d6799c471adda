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
//! The C library's condition has two groups of waiters. Signals go to the elder group until there has been one for each of its
//! waiters; then the newcomers become that group. A waiter whose round is over belongs to its group until it runs. Where that
//! takes a while, as on the holder's core, the signal stays with the elder group, and a requester among the newcomers cannot take it: the
//! late one finds the lock free. So losers are not served in order.
//!
//! Measured with the C library's condition on two cores: a requester on the holder's core never wins (it
//! cannot be on its feet there). One on another core wins 71 % (eight contenders), 82 % (three) or 94 % (two beside one that mostly
//! sleeps) of drops within 0.3 µs of the request, about half of those at half a microsecond, and hardly any after 0.9.
//! [`ON_ITS_FEET`] and [`DROP`] are the middle of that.

use super::world::{NONE, Next, World};
use crate::machine::{Roused, State, ThreadId};
use crate::measure::Cause;
use crate::random::{Source, Stream};
use crate::scenario::LockKind;
use crate::units::Nanos;

/// How long a requester may be on its feet after it has asked, in nanoseconds; how long it is, is chance, evenly.
const ON_ITS_FEET: u64 = 1000;
/// How long a holder takes to free the lock after its check has found the request.
const DROP: u64 = 250;

/// What an interpreter lock has beyond a lock.
#[derive(Debug)]
pub(super) struct GilState {
    pub(super) last_holder: u32,
    pub(super) switch_number: u32,
    pub(super) drop_request: bool,
    /// Who asked for the lock beside a holder that runs, and when.
    pub(super) requester: u32,
    pub(super) requested_at: u64,
    /// Threads that ever joined the condition; the number is the next one's ticket.
    pub(super) joined: u32,
    /// Tickets before this one belong to the group that gets the signals.
    pub(super) boundary: u32,
    /// Waiters of that group for whom there has been no signal, and those who came after them.
    pub(super) unsignalled: u32,
    pub(super) newcomers: u32,
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
            joined: 0,
            boundary: 0,
            unsignalled: 0,
            newcomers: 0,
            handing_over: Vec::new(),
            coin: Stream::new(0, Source::Scheduler, 0, 0),
            forced_drops: 0,
            switches: 0,
        }
    }
}

impl GilState {
    /// Joins the condition; returns the ticket.
    const fn join(&mut self) -> u32 {
        self.newcomers += 1;
        let ticket = self.joined;
        self.joined = ticket.wrapping_add(1);
        ticket
    }

    /// Whether who joined with `ticket` is in the group that gets the signals.
    const fn is_in_group(&self, ticket: u32) -> bool {
        // Half of the numbers lie behind any one.
        self.boundary.wrapping_sub(ticket).wrapping_sub(1) < u32::MAX / 2
    }

    /// Leaves the condition without a signal.
    const fn leave(&mut self, ticket: u32) {
        if self.is_in_group(ticket) {
            self.unsignalled = self.unsignalled.saturating_sub(1);
        } else {
            self.newcomers -= 1;
        }
    }

    /// Posts a signal, to the newcomers once everybody in the group has had one. Whether there is anybody.
    const fn post(&mut self) -> bool {
        if self.unsignalled == 0 {
            self.boundary = self.joined;
            self.unsignalled = self.newcomers;
            self.newcomers = 0;
        }
        if self.unsignalled == 0 {
            return false;
        }
        self.unsignalled -= 1;
        true
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
        let state = self.lock(lock);
        state.waiters.push_back(thread);
        let (round, ticket) = (state.gil.switch_number, state.gil.join());
        let until = self.now + interval.0 + self.oversleep();
        let waiting = self.thread(thread);
        waiting.round = round;
        waiting.ticket = ticket;
        waiting.timed_out = false;
        self.machine.set_timer(ThreadId(thread), Nanos(until));
        self.block(thread, Cause::Lock);
    }

    /// A waiter's round timed out: it wakes up, and leaves the condition when it runs.
    pub(super) fn gil_timed_out(&mut self, thread: u32, lock: u32) {
        // Rounds are equally long, so the one that times out is nearly always the head.
        let waiters = &mut self.lock(lock).waiters;
        if let Some(position) = waiters.iter().position(|waiter| *waiter == thread) {
            waiters.remove(position);
        }
        self.thread(thread).timed_out = true;
        self.make_ready_by_timer(thread);
    }

    /// A waiter whose round timed out runs and leaves the condition; whether it is one.
    pub(super) fn gil_left(&mut self, thread: u32, lock: u32) -> bool {
        let waiting = self.thread(thread);
        let ticket = waiting.ticket;
        let round_over = std::mem::take(&mut waiting.timed_out);
        if round_over {
            self.lock(lock).gil.leave(ticket);
        }
        round_over
    }

    /// A waiter whose round timed out finds the lock held: it may ask the holder to drop it.
    pub(super) fn gil_round_over(&mut self, thread: u32, lock: u32) {
        let round = self.thread(thread).round;
        let state = self.lock(lock);
        if state.gil.switch_number == round {
            state.gil.drop_request = true;
            let holder = state.owner;
            // Beside a holder that runs, the requester is still on its feet when the lock falls free.
            let beside = self.state_of(holder) == State::Running;
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
        if thread.task == NONE
            || !self.machine.has_work(ThreadId(holder))
            || self.tasks[thread.task as usize].next != Next::Work
        {
            // Between two pieces of work: it looks at the request before the next one.
            return;
        }
        let task = thread.task;
        let done = self.machine.burst_time(ThreadId(holder)).0;
        let period = check.0.max(1);
        let turn = if done.is_multiple_of(period) && check.0 == 0 { 0 } else { period - done % period };
        let (machine, mut accounts) = self.parts();
        let left = machine.shorten(ThreadId(holder), Nanos(turn), &mut accounts);
        self.task(task).work += left.0;
    }

    /// The holder obeys a request: it drops the lock and sleeps until another thread has it.
    pub(super) fn gil_forced_drop(&mut self, thread: u32, lock: u32) {
        let now = self.now;
        let step = self.step_on(thread);
        let state = self.lock(lock);
        state.held(step, now - state.held_since);
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

    /// The lock has fallen free: posts a signal. The head of the group wakes up, unless the requester is in that group too and
    /// takes the signal. A late waiter takes the lock itself when it runs, if it finds it free.
    pub(super) fn gil_dropped(&mut self, thread: u32, lock: u32) {
        let state = &mut self.locks[lock as usize];
        if !state.gil.post() {
            return;
        }
        let in_group = |waiter: &u32| state.gil.is_in_group(self.threads[*waiter as usize].ticket);
        let Some(first) = state.waiters.iter().position(in_group) else { return };
        let requester = state.gil.requester;
        let mut others = state.waiters.range(first + 1..);
        let quick = others.any(|waiter| *waiter == requester && in_group(waiter));
        let Some(head) = state.waiters.remove(first) else { return };
        if !quick || !self.on_its_feet(lock) {
            self.gil_signal(head, thread);
            return;
        }
        let waiters = &mut self.lock(lock).waiters;
        waiters.retain(|waiter| *waiter != requester);
        // The head finds no signal and falls asleep again, behind the others, for the rest of its round.
        waiters.push_back(head);
        let roused = if self.machine.any_idle() { Roused::Core } else { Roused::Nobody };
        self.pay_wake(thread, roused);
        let task = self.thread(requester).task;
        let since = self.task(task).since;
        self.gil_signal(requester, NONE);
        self.try_take(requester, requester, lock, self.now - since);
    }

    /// Whether the requester has not fallen asleep since it asked.
    fn on_its_feet(&mut self, lock: u32) -> bool {
        let now = self.now;
        let gil = &mut self.lock(lock).gil;
        now - gil.requested_at + DROP < gil.coin.below(ON_ITS_FEET)
    }

    /// Wakes a waiter before its round is over.
    fn gil_signal(&mut self, thread: u32, waker: u32) {
        self.machine.cancel_timer(ThreadId(thread));
        self.thread(thread).timed_out = false;
        self.wake(thread, waker);
    }
}
