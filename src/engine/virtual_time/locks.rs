//! Locks: who holds them, who waits, and how they pass from one to the other.
//!
//! - **Mutex**: a waiter parks; giving the lock back frees it and wakes the longest waiter, at most one at a time. A
//!   running thread may take it before the woken one runs (barging), which then parks again at the tail.
//! - **Spin**: a waiter burns its core. The longest waiter that is on a core gets the lock at once, after a line
//!   transfer; one that was preempted tries again when it runs.
//! - **Interpreter lock**: in [`gil`](super::gil).
//! - **Absent**: excludes nobody.

use super::gil::GilState;
use super::program::Turn;
use super::world::{NONE, Next as Do, Purpose, TASK, World};
use crate::machine::{State, ThreadId};
use crate::measure::verdicts::{Contest, LAST, Waiter};
use crate::measure::{Cause, LockRecord, LockUses, Tally};
use crate::scenario::{LockKind, Next, Wait};
use crate::units::Nanos;
use std::collections::{BTreeMap, VecDeque};

/// A lock and its figures.
#[derive(Debug)]
pub(super) struct Lock {
    pub(super) kind: LockKind,
    pub(super) next: Next,
    pub(super) way: Wait,
    /// Readers inside, since when each, and who waits (writers with `false`).
    pub(super) readers: BTreeMap<u32, u64>,
    pub(super) line: VecDeque<(u32, u32, bool)>,
    /// The thread, or asynchronous task, that holds it.
    pub(super) owner: u32,
    /// Since when.
    pub(super) held_since: u64,
    /// Who waits, in order.
    pub(super) waiters: VecDeque<u32>,
    /// Mutex: a woken waiter has not run yet.
    pub(super) waking: bool,
    pub(super) gil: GilState,
    pub(super) acquisitions: u64,
    pub(super) contended: u64,
    pub(super) open_waits: u64,
    pub(super) wait: Tally,
    pub(super) hold: Tally,
    pub(super) uses: LockUses,
    /// The step that took it last, among those of all actors.
    taken_by: u32,
    /// When the last acquirers had begun to want it, in a ring.
    began: [u64; LAST],
}

impl Lock {
    pub(super) fn new(kind: LockKind) -> Self {
        Self::with(kind, Next::Barge, Wait::Park)
    }

    pub(super) fn with(kind: LockKind, next: Next, way: Wait) -> Self {
        Self {
            kind,
            next,
            way,
            readers: BTreeMap::new(),
            line: VecDeque::new(),
            owner: NONE,
            held_since: 0,
            waiters: VecDeque::new(),
            waking: false,
            gil: GilState::default(),
            acquisitions: 0,
            contended: 0,
            open_waits: 0,
            wait: Tally::default(),
            hold: Tally::default(),
            uses: LockUses::default(),
            taken_by: NONE,
            began: [0; LAST],
        }
    }

    /// Forgets what happened before the measured window.
    pub(super) fn reset(&mut self) {
        (self.acquisitions, self.contended) = (0, 0);
        (self.wait, self.hold) = (Tally::default(), Tally::default());
        self.uses = LockUses::default();
        (self.gil.forced_drops, self.gil.switches) = (0, 0);
    }

    /// Notes an acquisition after `wait`.
    pub(super) fn note(&mut self, wait: u64, now: u64) {
        #[expect(clippy::cast_possible_truncation, reason = "a remainder")]
        let place = (self.acquisitions % LAST as u64) as usize;
        self.began[place] = now - wait;
        self.acquisitions += 1;
        self.wait.record(Nanos(wait));
    }

    /// Who has had it in the window, for whoever wanted it.
    pub(super) fn contest(&self, waiters: Vec<Waiter>) -> Contest {
        let taken = usize::try_from(self.acquisitions).unwrap_or(LAST).min(LAST);
        Contest { waiters, began: self.began[..taken].iter().map(|began| Nanos(*began)).collect() }
    }

    /// Notes a wait that goes on when the window ends.
    pub(super) fn note_open_wait(&mut self, wait: u64) {
        self.open_waits += 1;
        self.wait.record(Nanos(wait));
    }

    /// Notes that `step` waited for it; steps are numbered among those of all actors.
    fn waited(&mut self, step: u32, wait: u64) {
        if wait > 0 {
            self.uses.waited(u64::from(step), Nanos(wait));
        }
    }

    /// Notes that it was held for `held` by `step`, or by whoever took it.
    pub(super) fn held(&mut self, step: u32, held: u64) {
        let step = if step == NONE { self.taken_by } else { step };
        self.hold.record(Nanos(held));
        self.uses.held(u64::from(step), Nanos(held));
    }

    /// Who used a lock and its copies; `home` gives the step of the written scenario.
    pub(super) fn uses_of(copies: &[&Self], home: impl Fn(u64) -> u64) -> LockUses {
        let mut uses = LockUses::default();
        copies.iter().for_each(|lock| uses.merge_as(&lock.uses, &home));
        uses
    }

    /// The record of a lock; `name` gives the actor and the step of a number among the steps of all actors.
    pub(super) fn record(&self, name: impl Fn(u64) -> (String, String)) -> LockRecord {
        Self::record_of_all(&[self], &self.uses, name)
    }

    /// The record of a lock and its copies, which are all of one kind.
    pub(super) fn record_of_all(
        copies: &[&Self],
        uses: &LockUses,
        name: impl Fn(u64) -> (String, String),
    ) -> LockRecord {
        let [holders, waiters] = uses.records(name);
        let (mut wait, mut hold) = (Tally::default(), Tally::default());
        for lock in copies {
            wait.merge(&lock.wait);
            hold.merge(&lock.hold);
        }
        let sum = |of: fn(&Self) -> u64| copies.iter().map(|lock| of(lock)).sum::<u64>();
        let kind = copies.first().map_or(LockKind::Absent, |lock| lock.kind);
        let gil = matches!(kind, LockKind::Gil { .. });
        LockRecord {
            kind: match kind {
                LockKind::Mutex => "mutex",
                LockKind::Spin => "spin",
                LockKind::Gil { .. } => "gil",
                LockKind::Shared { .. } => "shared",
                LockKind::Absent => "absent",
            }
            .into(),
            acquisitions: sum(|lock| lock.acquisitions),
            contended: sum(|lock| lock.contended),
            open_waits: sum(|lock| lock.open_waits),
            wait_ns: wait.distribution(),
            hold_ns: hold.distribution(),
            forced_drops: gil.then(|| sum(|lock| lock.gil.forced_drops)),
            switches: gil.then(|| sum(|lock| lock.gil.switches)),
            holders,
            waiters,
        }
    }
}

impl World<'_> {
    pub(super) fn lock(&mut self, lock: u32) -> &mut Lock {
        &mut self.locks[lock as usize]
    }

    /// The step that a thread is at, among those of all actors; [`NONE`] without a task.
    pub(super) fn step_on(&self, thread: u32) -> u32 {
        let task = self.threads[thread as usize].task;
        if task == NONE { NONE } else { self.tasks[task as usize].step }
    }

    /// Takes a lock if it is free; `wait` is how long that has taken so far.
    pub(super) fn try_take(&mut self, thread: u32, entity: u32, lock: u32, wait: u64) -> bool {
        let now = self.now;
        let step = self.step_on(thread);
        let state = self.lock(lock);
        if state.kind == LockKind::Absent {
            state.note(0, now);
            return true;
        }
        if state.owner != NONE {
            return false;
        }
        state.owner = entity;
        state.held_since = now;
        state.note(wait, now);
        state.waited(step, wait);
        state.taken_by = step;
        if matches!(state.kind, LockKind::Gil { .. }) {
            self.gil_taken(entity, lock);
        }
        self.owe(thread, self.charges.lock);
        true
    }

    /// Takes a step's lock, or makes the task wait for it; how the thread goes on.
    pub(super) fn lock_step(&mut self, thread: u32, task: u32, lock: u32, share: bool) -> Turn {
        let entity = self.entity(thread, task);
        if matches!(self.locks[lock as usize].kind, LockKind::Shared { .. }) {
            return self.enter_shared(thread, task, lock, share);
        }
        if self.try_take(thread, entity, lock, 0) {
            return Turn::GoesOn;
        }
        self.drop_interpreter(thread);
        self.want(task, lock, Purpose::Step);
        self.wait_for_lock(thread, task, lock)
    }

    /// Notes that a task found a lock held and wants it from now on.
    pub(super) fn want(&mut self, task: u32, lock: u32, purpose: Purpose) {
        self.lock(lock).contended += 1;
        let now = self.now;
        let waiting = self.task(task);
        waiting.lock = lock;
        waiting.purpose = purpose;
        waiting.since = now;
        waiting.next = Do::Retry;
    }

    /// Whom a step's lock belongs to: the worker, or the task itself where tasks leave their workers.
    pub(super) fn entity(&self, thread: u32, task: u32) -> u32 {
        let actor = self.threads[thread as usize].actor;
        if self.actors[actor as usize].asynchronous { task | TASK } else { thread }
    }

    /// Whom the lock that a task wants will belong to.
    pub(super) fn holder(&self, thread: u32, task: u32) -> u32 {
        if self.tasks[task as usize].purpose == Purpose::Step { self.entity(thread, task) } else { thread }
    }

    /// Joins the waiters of a lock that is held; how the thread goes on (with another task).
    pub(super) fn wait_for_lock(&mut self, thread: u32, task: u32, lock: u32) -> Turn {
        let entity = self.holder(thread, task);
        if self.timeline.wanted() {
            let holder = self.lock(lock).owner;
            self.timeline.held_by(task, holder);
        }
        let kind = self.locks[lock as usize].kind;
        match kind {
            LockKind::Gil { .. } => {
                self.gil_wait(thread, lock);
                Turn::IsOver
            }
            LockKind::Spin => {
                // A spinning task does not leave its worker, asynchronous or not.
                self.lock(lock).waiters.push_back(thread);
                self.spin(thread, None);
                Turn::IsOver
            }
            LockKind::Mutex if matches!(self.lock(lock).way, Wait::Poll(_)) => {
                self.poll_lock(thread, task, lock, entity)
            }
            LockKind::Mutex if entity == thread && self.spins_first(thread, lock) => Turn::IsOver,
            LockKind::Mutex | LockKind::Shared { .. } | LockKind::Absent => {
                // One that was woken, and found somebody faster, is the longest waiter still.
                let again = self.tasks[task as usize].since < self.now;
                let state = self.lock(lock);
                if again && matches!(state.next, Next::Handover(_)) {
                    state.waiters.push_front(entity);
                } else {
                    state.waiters.push_back(entity);
                }
                if entity == thread {
                    self.block(thread, Cause::Lock);
                    return Turn::IsOver;
                }
                self.wait(thread, task, Cause::Lock)
            }
        }
    }

    /// Another try at the lock that a task waits for; how the thread goes on.
    pub(super) fn retry(&mut self, thread: u32, task: u32) -> Turn {
        let (lock, since) = {
            let task = self.task(task);
            (task.lock, task.since)
        };
        let (machine, mut accounts) = self.parts();
        let spun = machine.stop_spinning(ThreadId(thread), &mut accounts);
        if spun {
            let waiters = &mut self.lock(lock).waiters;
            waiters.retain(|waiter| *waiter != thread);
        }
        self.thread(thread).spun = spun;
        self.lock(lock).waking = false;
        let round_over = self.gil_left(thread, lock);
        let entity = self.holder(thread, task);
        let state = self.lock(lock);
        let owned = state.owner == entity || state.readers.contains_key(&entity);
        if owned || self.try_take(thread, entity, lock, self.now - since) {
            self.thread(thread).spun = false;
            self.settled(thread, task);
            return Turn::GoesOn;
        }
        if round_over {
            self.gil_round_over(thread, lock);
        }
        self.wait_for_lock(thread, task, lock)
    }

    /// A task holds the lock that it waited for.
    fn settled(&mut self, thread: u32, task: u32) {
        let now = self.now;
        let waiting = self.task(task);
        let (lock, purpose) = (waiting.lock, waiting.purpose);
        waiting.next = if purpose == Purpose::Interpreter { Do::Work } else { Do::Operation };
        let waited = now - waiting.since;
        match purpose {
            Purpose::Step | Purpose::Writer => {}
            Purpose::Interpreter => self.thread(thread).interpreter = lock,
            Purpose::Part => self.accesses[task as usize].lock_waited += waited,
        }
    }

    /// Gives a lock back and passes it on.
    pub(super) fn give_back(&mut self, thread: u32, lock: u32) {
        let now = self.now;
        let step = self.step_on(thread);
        let state = self.lock(lock);
        if state.kind == LockKind::Absent {
            return;
        }
        state.held(step, now - state.held_since);
        state.owner = NONE;
        let kind = state.kind;
        match kind {
            LockKind::Mutex if self.hand_over(thread, lock) => {}
            LockKind::Mutex | LockKind::Shared { .. } | LockKind::Absent => {
                let state = &mut self.locks[lock as usize];
                if !state.waking
                    && let Some(waiter) = state.waiters.pop_front()
                {
                    state.waking = true;
                    self.wake(waiter, thread);
                }
            }
            LockKind::Spin => {
                self.grant_spin(lock);
            }
            LockKind::Gil { .. } => self.gil_dropped(thread, lock),
        }
    }

    /// Passes a lock to the longest waiter that spins on a core; whether there is one.
    pub(super) fn grant_spin(&mut self, lock: u32) -> bool {
        let state = &self.locks[lock as usize];
        let on_core = |waiter: &u32| {
            if waiter & TASK != 0 {
                // A task that waits without its worker sleeps.
                return false;
            }
            let thread = ThreadId(*waiter);
            self.machine.state(thread) == State::Running && self.machine.is_spinning(thread)
        };
        let Some(position) = state.waiters.iter().position(on_core) else { return false };
        let Some(waiter) = self.lock(lock).waiters.remove(position) else { return false };
        let task = self.thread(waiter).task;
        let since = self.task(task).since;
        let entity = self.holder(waiter, task);
        let now = self.now;
        let step = self.step_on(waiter);
        let state = self.lock(lock);
        state.owner = entity;
        state.held_since = now;
        state.note(now - since, now);
        state.waited(step, now - since);
        state.taken_by = step;
        // The rest of `retry` finds the lock owned already, once the line has arrived.
        let transfer = Nanos(self.charges.transfer);
        let (machine, mut accounts) = self.parts();
        machine.release_spinner(ThreadId(waiter), transfer, &mut accounts);
        true
    }

    /// Makes sure that a thread holds the interpreter lock that its work needs, and no other; how it goes on.
    pub(super) fn hold_interpreter(&mut self, thread: u32, task: u32) -> Turn {
        let under = self.task(task).lock;
        let held = self.thread(thread).interpreter;
        let mut forced = false;
        if held == under {
            if held == NONE || !self.locks[held as usize].gil.drop_request {
                return Turn::GoesOn;
            }
            forced = true;
        }
        if held != NONE && !forced {
            self.drop_interpreter(thread);
        }
        if under == NONE {
            return Turn::GoesOn;
        }
        if forced {
            self.thread(thread).interpreter = NONE;
        } else if self.try_take(thread, thread, under, 0) {
            self.thread(thread).interpreter = under;
            return Turn::GoesOn;
        }
        self.want(task, under, Purpose::Interpreter);
        if forced {
            self.gil_forced_drop(thread, under);
            return Turn::IsOver;
        }
        self.wait_for_lock(thread, task, under)
    }

    /// Gives back the interpreter lock that a thread holds, if it holds one.
    pub(super) fn drop_interpreter(&mut self, thread: u32) {
        let held = std::mem::replace(&mut self.thread(thread).interpreter, NONE);
        if held != NONE {
            self.give_back(thread, held);
        }
    }
}
