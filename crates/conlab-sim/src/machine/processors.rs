//! The mechanism below every policy: the clock, the event list, threads, cores, and how a thread gets onto a core and off it.
//!
//! A thread that is given a core is *being switched to* until its start, and then runs in *bursts*: until the time given to it
//! is over, or until the policy ends it. Events that are out of date are told by a *generation*, which rises
//! whenever what was scheduled for a core or a thread's timer is void.

use super::core_set::CoreSet;
use super::policy::{Observer, Policy};
use super::shape::Shape;
use crate::future_events::FutureEvents;
use crate::random::{Source, Stream};
use crate::units::Nanos;
use std::collections::VecDeque;

/// An event of a machine whose driver schedules `E`.
pub type Event<E> = crate::future_events::Event<E>;

/// Nobody, nowhere.
pub(super) const NONE: u32 = u32::MAX;
/// Generations count modulo this, so that an event fits into a word; none that is out of date lives through so many.
const GENERATIONS: u32 = 1 << 29;

/// A thread, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThreadId(
    /// Threads are numbered from 0 in the order in which they were added.
    pub u32,
);

/// A core, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CoreId(
    /// From 0.
    pub u32,
);

impl ThreadId {
    /// Its place in a vector.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl CoreId {
    /// Its place in a vector.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    pub(super) const fn some(number: u32) -> Option<Self> {
        if number == NONE { None } else { Some(Self(number)) }
    }
}

/// Where a thread is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// On a core.
    Running,
    /// Runnable: waiting for a core, or being switched to.
    Ready,
    /// Neither.
    Blocked,
}

/// What a thread spends its time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// On a core, working.
    Working,
    /// On a core, burning it while it waits for something.
    Spinning,
    /// Runnable, but not running.
    Ready,
    /// Not runnable.
    Blocked,
}

/// Whether somebody who wakes a thread had to rouse or interrupt a core for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roused {
    /// An idle core was roused, or another core was interrupted.
    Core,
    /// The thread waits its turn, or takes its waker's core.
    Nobody,
}

/// What the machine schedules for itself. A driver's event type holds these and its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineEvent {
    /// A core begins to run the thread that it was given to.
    Start {
        /// The core.
        core: CoreId,
        /// Void unless it is the core's still.
        generation: u32,
    },
    /// A core's burst or slice is over.
    Burst {
        /// The core.
        core: CoreId,
        /// Void unless it is the core's still.
        generation: u32,
    },
    /// A thread's timer fires.
    Timer {
        /// The thread.
        thread: ThreadId,
        /// Void unless it is the timer's still.
        generation: u32,
    },
    /// The policy looks at a core.
    Tick {
        /// The core.
        core: CoreId,
    },
}

/// What the machine's kernel takes for what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Costs {
    /// From one thread to the next on a core.
    pub switch: Nanos,
    /// From being woken to running on an idle core: the median.
    pub wake: Nanos,
    /// How wake-ups spread around it.
    pub wake_shape: Shape,
    /// What rousing another core costs the waker: the median.
    pub signal: Nanos,
    /// How that spreads.
    pub signal_shape: Shape,
    /// How much later than asked a sleep ends.
    pub overshoot: Nanos,
    /// By how much more or less than that; at most `overshoot`.
    pub jitter: Nanos,
}

impl Costs {
    /// A kernel that takes no time.
    pub const NONE: Self = Self {
        switch: Nanos::ZERO,
        wake: Nanos::ZERO,
        wake_shape: Shape::EXACT,
        signal: Nanos::ZERO,
        signal_shape: Shape::EXACT,
        overshoot: Nanos::ZERO,
        jitter: Nanos::ZERO,
    };
}

/// A thread; what scheduling it touches.
#[derive(Clone, Debug)]
struct Thread {
    /// Up to when its time is accounted for.
    mark: u64,
    /// What is left of its burst.
    remaining: u64,
    /// The core that it is on, or was on last.
    core: u32,
    /// Its timer's generation.
    timer: u32,
    state: State,
    spinning: bool,
}

/// Thousandths of a processor's speed whose core is its own.
const FULL: u64 = 1000;

/// A core.
#[derive(Clone, Debug)]
struct Core {
    burst_start: u64,
    /// The thread on it, or being switched to.
    current: u32,
    generation: u32,
    /// Being switched to.
    starting: bool,
    /// Its thread runs; kept only where cores have siblings.
    busy: bool,
    /// The present burst is one beside a busy sibling.
    slowed: bool,
}

/// Clock, events, threads and cores.
#[derive(Debug)]
pub struct Processors<E> {
    now: u64,
    events: FutureEvents<E>,
    threads: Vec<Thread>,
    cores: Vec<Core>,
    idle: CoreSet,
    /// Cores whose thread starts, or goes on, at this instant.
    due: VecDeque<(u32, u32)>,
    /// The core whose thread is being resumed just now.
    active: u32,
    migrations: u64,
    /// Speed of a core beside a busy sibling, in thousandths; [`FULL`]: cores have no siblings.
    sibling_speed: u64,
    costs: Costs,
    /// Chance in timers and placement.
    placement: Stream,
    /// Chance in wake-ups.
    wake_ups: Stream,
}

impl<E: Copy + From<MachineEvent>> Processors<E> {
    pub(super) fn new(cores: u32, costs: Costs, placement: Stream, wake_ups: Stream) -> Self {
        let core = Core {
            burst_start: 0,
            current: NONE,
            generation: 0,
            starting: false,
            busy: false,
            slowed: false,
        };
        Self {
            now: 0,
            events: FutureEvents::new(),
            threads: Vec::new(),
            cores: vec![core; cores as usize],
            idle: CoreSet::all(cores),
            due: VecDeque::new(),
            active: NONE,
            migrations: 0,
            sibling_speed: FULL,
            costs,
            placement,
            wake_ups,
        }
    }

    /// The time.
    #[inline]
    #[must_use]
    pub const fn now(&self) -> Nanos {
        Nanos(self.now)
    }

    /// How many cores there are.
    #[inline]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "made of a number of 32 bits")]
    pub const fn cores(&self) -> u32 {
        self.cores.len() as u32
    }

    /// What the kernel takes for what it does.
    #[inline]
    #[must_use]
    pub const fn costs(&self) -> &Costs {
        &self.costs
    }

    /// Whether a core has nothing to do.
    #[inline]
    #[must_use]
    pub fn is_idle(&self, core: CoreId) -> bool {
        self.idle.contains(core.0)
    }

    /// Whether any core has nothing to do.
    #[inline]
    #[must_use]
    pub const fn any_idle(&self) -> bool {
        self.idle.any()
    }

    /// An idle core: `preferred` if that is one, else the lowest; where cores have siblings, one with an idle sibling before others.
    #[inline]
    pub fn idle_core(&mut self, preferred: Option<CoreId>) -> Option<CoreId> {
        if self.sibling_speed < FULL {
            let alone = |core: &u32| {
                self.idle.contains(*core)
                    && self.sibling_of(*core).is_none_or(|sibling| self.idle.contains(sibling))
            };
            let first = preferred.map(|core| core.0).filter(alone);
            if let Some(core) = first.or_else(|| (0..self.cores()).find(alone)) {
                return Some(CoreId(core));
            }
        }
        self.idle.peek(preferred.map_or(NONE, |core| core.0)).map(CoreId)
    }

    /// The thread on a core, or being switched to.
    #[inline]
    #[must_use]
    pub fn current(&self, core: CoreId) -> Option<ThreadId> {
        let current = self.cores[core.index()].current;
        (current != NONE).then_some(ThreadId(current))
    }

    /// Whether a core's thread is being switched to.
    #[inline]
    #[must_use]
    pub fn is_starting(&self, core: CoreId) -> bool {
        self.cores[core.index()].starting
    }

    /// Whether the thread on `core` is the one that does something at this instant.
    #[inline]
    #[must_use]
    pub const fn is_active(&self, core: CoreId) -> bool {
        self.active == core.0
    }

    /// The core that a thread is on, or was on last.
    #[inline]
    #[must_use]
    pub fn core_of(&self, thread: ThreadId) -> Option<CoreId> {
        CoreId::some(self.threads[thread.index()].core)
    }

    /// Where a thread is.
    #[inline]
    #[must_use]
    pub fn state(&self, thread: ThreadId) -> State {
        self.threads[thread.index()].state
    }

    /// From woken to running on an idle core, this time.
    #[inline]
    pub fn wake_latency(&mut self) -> Nanos {
        self.costs.wake_shape.around(self.costs.wake, &mut self.wake_ups)
    }

    /// Uniform in `0..bound`, for choices of the policy.
    #[inline]
    pub fn chance(&mut self, bound: u64) -> u64 {
        self.placement.below(bound)
    }

    /// Schedules the policy's next look at a core.
    #[inline]
    pub fn schedule_tick(&mut self, core: CoreId, at: Nanos) {
        self.events.push(at, E::from(MachineEvent::Tick { core }));
    }

    /// An idle core is idle no longer: it is about to be [assigned](Self::assign).
    #[inline]
    pub fn take(&mut self, core: CoreId) {
        self.idle.remove(core.0);
    }

    /// A core has nothing to do.
    #[inline]
    pub fn idle(&mut self, core: CoreId) {
        let state = &mut self.cores[core.index()];
        state.current = NONE;
        state.generation = following(state.generation);
        self.idle.insert(core.0);
    }

    /// Nobody is on a core until it is [assigned](Self::assign) or [idle](Self::idle).
    #[inline]
    pub fn vacate(&mut self, core: CoreId) {
        self.cores[core.index()].current = NONE;
    }

    /// Gives a core that is not idle to a ready thread, which starts after `latency`.
    #[inline]
    pub fn assign(&mut self, core: CoreId, thread: ThreadId, latency: Nanos) {
        let state = &mut self.cores[core.index()];
        state.current = thread.0;
        state.starting = true;
        state.generation = following(state.generation);
        let generation = state.generation;
        if latency == Nanos::ZERO {
            self.due.push_back((core.0, generation));
        } else {
            let start = MachineEvent::Start { core, generation };
            self.events.push(Nanos(self.now) + latency, E::from(start));
        }
    }

    /// Ends the burst of the thread on a core, which could go on and is ready from now on; returns it.
    #[inline]
    pub fn interrupt(&mut self, core: CoreId, observer: &mut impl Observer) -> ThreadId {
        self.stop_burst(core);
        let thread = ThreadId(self.cores[core.index()].current);
        self.transition(thread, State::Ready, observer);
        observer.preempted(thread);
        thread
    }

    /// Takes the time that a core has run since its burst began off the burst, whose end is void from now on.
    #[inline]
    pub fn stop_burst(&mut self, core: CoreId) {
        let state = &mut self.cores[core.index()];
        state.generation = following(state.generation);
        let ran = self.now - state.burst_start;
        let ran = if state.slowed { ran * self.sibling_speed / FULL } else { ran };
        state.burst_start = self.now;
        let thread = &mut self.threads[state.current as usize];
        thread.remaining = thread.remaining.saturating_sub(ran);
    }

    /// Runs a core's thread until its burst or its slice is over; one that spins without a limit has no end of its own.
    #[inline]
    pub fn burst<P: Policy>(&mut self, policy: &mut P, core: CoreId, observer: &mut impl Observer) {
        let now = self.now;
        let slowed = self.sibling_speed < FULL
            && self.sibling_of(core.0).is_some_and(|sibling| self.cores[sibling as usize].busy);
        let state = &mut self.cores[core.index()];
        state.burst_start = now;
        state.slowed = slowed;
        let thread = &self.threads[state.current as usize];
        let endless = thread.spinning && thread.remaining == 0;
        let remaining = thread.remaining;
        let takes = if slowed { (remaining * FULL).div_ceil(self.sibling_speed) } else { remaining };
        let end = Nanos(if endless { u64::MAX } else { now + takes });
        if let Some(end) = policy.limit(self, core, end, observer).filter(|end| *end != Nanos::MAX) {
            let generation = self.cores[core.index()].generation;
            self.events.push(end, E::from(MachineEvent::Burst { core, generation }));
        }
    }

    /// Accounts a thread's time since its mark to what it did, and changes its state.
    #[inline]
    pub(super) fn transition(&mut self, thread: ThreadId, to: State, observer: &mut impl Observer) {
        let state = &mut self.threads[thread.index()];
        let from = std::mem::replace(&mut state.state, to);
        let time = self.now - state.mark;
        if time > 0 {
            state.mark = self.now;
            let activity = match from {
                State::Running if state.spinning => Activity::Spinning,
                State::Running => Activity::Working,
                State::Ready => Activity::Ready,
                State::Blocked => Activity::Blocked,
            };
            observer.spent(thread, activity, Nanos(time));
        }
        if self.sibling_speed < FULL && from == State::Running && to != State::Running {
            self.note_busy(self.threads[thread.index()].core, false);
        }
    }

    /// The other processor of a core's pair.
    #[inline]
    fn sibling_of(&self, core: u32) -> Option<u32> {
        Some(core ^ 1).filter(|sibling| *sibling < self.cores())
    }

    /// A core, which has a sibling, begins or ends to run a thread: the sibling's burst goes on at another speed.
    fn note_busy(&mut self, core: u32, busy: bool) {
        self.cores[core as usize].busy = busy;
        let Some(sibling) = self.sibling_of(core).filter(|sibling| self.active != *sibling) else { return };
        let state = &self.cores[sibling as usize];
        if !state.busy || state.starting {
            return;
        }
        let thread = &self.threads[state.current as usize];
        // Who spins without a limit has no end that could move.
        if thread.spinning && thread.remaining == 0 {
            return;
        }
        self.stop_burst(CoreId(sibling));
        self.go_on_soon(CoreId(sibling));
    }

    /// Makes pairs of cores, 0 and 1, 2 and 3, …, share what they run on: while both run, each does so at `speed` thousandths.
    pub(super) fn set_siblings(&mut self, speed: u64) {
        self.sibling_speed = speed.clamp(1, FULL);
    }

    /// A core's thread starts, or goes on after something was granted to it; which one it is.
    #[inline]
    pub(super) fn start<P: Policy>(
        &mut self,
        policy: &mut P,
        core: CoreId,
        observer: &mut impl Observer,
    ) -> ThreadId {
        let state = &mut self.cores[core.index()];
        let thread = ThreadId(state.current);
        if std::mem::take(&mut state.starting) {
            policy.started(core, Nanos(self.now));
            self.transition(thread, State::Running, observer);
            let last = std::mem::replace(&mut self.threads[thread.index()].core, core.0);
            self.migrations += u64::from(last != core.0 && last != NONE);
            if self.sibling_speed < FULL {
                self.note_busy(core.0, true);
            }
        }
        thread
    }

    /// Its thread's core goes on at this instant, once everything before it has happened.
    #[inline]
    fn go_on_soon(&mut self, core: CoreId) {
        self.due.push_back((core.0, self.cores[core.index()].generation));
    }
}

/// The generation after this one.
#[inline]
const fn following(generation: u32) -> u32 {
    (generation + 1) % GENERATIONS
}

// What only the machine itself may do.
impl<E: Copy + From<MachineEvent>> Processors<E> {
    #[expect(clippy::cast_possible_truncation, reason = "threads have numbers of 32 bits")]
    pub(super) fn add_thread(&mut self) -> ThreadId {
        let state = State::Blocked;
        let thread = Thread { mark: self.now, remaining: 0, core: NONE, timer: 0, state, spinning: false };
        self.threads.push(thread);
        ThreadId(self.threads.len() as u32 - 1)
    }

    pub(super) fn set_core(&mut self, thread: ThreadId, core: Option<CoreId>) {
        self.threads[thread.index()].core = core.map_or(NONE, |core| core.0);
    }

    pub(super) fn threads(&self) -> impl Iterator<Item = ThreadId> + use<E> {
        (0..u32::try_from(self.threads.len()).unwrap_or(NONE)).map(ThreadId)
    }

    #[inline]
    pub(super) fn push(&mut self, at: Nanos, event: E) {
        self.events.push(at, event);
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<Event<E>> {
        self.events.pop()
    }

    pub(super) fn pending(&self) -> usize {
        self.events.len()
    }

    #[inline]
    pub(super) const fn advance_to(&mut self, at: Nanos) {
        self.now = at.0;
    }

    /// The next core whose thread starts or goes on at this instant, unless that is void.
    #[inline]
    pub(super) fn next_due(&mut self) -> Option<CoreId> {
        while let Some((core, generation)) = self.due.pop_front() {
            if self.cores[core as usize].generation == generation {
                return Some(CoreId(core));
            }
        }
        None
    }

    #[inline]
    pub(super) fn is_current(&self, core: CoreId, generation: u32) -> bool {
        self.cores[core.index()].generation == generation
    }

    #[inline]
    pub(super) fn is_timer(&self, thread: ThreadId, generation: u32) -> bool {
        self.threads[thread.index()].timer == generation
    }

    #[inline]
    pub(super) const fn set_active(&mut self, core: Option<CoreId>) {
        self.active = match core {
            Some(core) => core.0,
            None => NONE,
        };
    }

    /// What is left of a thread's burst.
    #[inline]
    pub(super) fn remaining(&self, thread: ThreadId) -> u64 {
        self.threads[thread.index()].remaining
    }

    #[inline]
    pub(super) fn set_remaining(&mut self, thread: ThreadId, nanos: u64) {
        self.threads[thread.index()].remaining = nanos;
    }

    #[inline]
    pub(super) fn is_spinning(&self, thread: ThreadId) -> bool {
        self.threads[thread.index()].spinning
    }

    #[inline]
    pub(super) fn set_spinning(&mut self, thread: ThreadId, spinning: bool) {
        self.threads[thread.index()].spinning = spinning;
    }

    /// How long a core's burst has lasted.
    #[inline]
    pub(super) fn burst_time(&self, core: CoreId) -> u64 {
        self.now - self.cores[core.index()].burst_start
    }

    /// Since when a thread's time is not accounted for.
    pub(super) fn unaccounted(&self, thread: ThreadId) -> Nanos {
        Nanos(self.now - self.threads[thread.index()].mark)
    }

    /// A burst's rest is over at once.
    #[inline]
    pub(super) fn finish_soon(&mut self, core: CoreId) {
        self.go_on_soon(core);
    }

    /// Another generation of a thread's timer: whatever was set is void.
    #[inline]
    pub(super) fn renew_timer(&mut self, thread: ThreadId) -> u32 {
        let state = &mut self.threads[thread.index()];
        state.timer = following(state.timer);
        state.timer
    }

    pub(super) const fn migrations(&self) -> u64 {
        self.migrations
    }

    pub(super) const fn forget_migrations(&mut self) {
        self.migrations = 0;
    }

    /// How much later than asked a sleep that begins now will end.
    #[inline]
    pub(super) fn oversleep(&mut self) -> u64 {
        let (overshoot, jitter) = (self.costs.overshoot.0, self.costs.jitter.0);
        if jitter == 0 {
            return overshoot;
        }
        overshoot - jitter + self.placement.below(2 * jitter + 1)
    }

    /// What waking a thread costs whoever does: an interrupt where a core had to be roused, else only a system call.
    #[inline]
    pub(super) fn waking_cost(&mut self, roused: Roused) -> Nanos {
        match roused {
            Roused::Core => self.costs.signal_shape.around(self.costs.signal, &mut self.wake_ups),
            Roused::Nobody => self.costs.switch,
        }
    }
}

/// The streams of chance of a machine under `seed`, in run number `replicate`.
pub(super) fn streams(seed: u64, replicate: u64) -> (Stream, Stream) {
    (
        Stream::new(seed, Source::Scheduler, u64::MAX, replicate),
        Stream::new(seed, Source::WakeUps, 0, replicate),
    )
}
