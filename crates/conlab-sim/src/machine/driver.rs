//! The machine as its driver sees it.

use super::policy::{Observer, Policy};
use super::processors::{CoreId, Costs, Event, MachineEvent, Processors, Roused, State, ThreadId, streams};
use super::weight::Weight;
use crate::units::Nanos;

/// The events of a machine whose driver has no event type of its own: the machine's, and `E`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occurrence<E> {
    /// The machine's.
    Machine(MachineEvent),
    /// The driver's.
    Driver(E),
}

impl<E> From<MachineEvent> for Occurrence<E> {
    #[inline]
    fn from(event: MachineEvent) -> Self {
        Self::Machine(event)
    }
}

/// What a driver has to act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening<E> {
    /// The thread is on a core and has nothing to do: give it work, let it spin, or block it.
    Resumes(ThreadId),
    /// An event that the driver has scheduled.
    Event(E),
}

/// A simulated machine under a scheduling policy. See the [module](super)'s page for a first example.
///
/// Drivers that are content with [`next`](Machine::next) leave `E` as it is. One that packs its events itself gives a type that
/// holds a [`MachineEvent`] and drives the machine by [`pop`](Machine::pop), [`next_due`](Machine::next_due),
/// [`start`](Machine::start), [`go_on`](Machine::go_on), [`burst_over`](Machine::burst_over) and [`tick`](Machine::tick).
#[derive(Debug)]
pub struct Machine<P, E = Occurrence<()>> {
    cpus: Processors<E>,
    policy: P,
}

impl<P: Policy, E: Copy + From<MachineEvent>> Machine<P, E> {
    /// A machine of `cores` cores at time 0, without threads, all of whose chance comes from `seed`.
    ///
    /// # Panics
    ///
    /// Without a core.
    #[must_use]
    pub fn new(cores: u32, policy: P, costs: Costs, seed: u64) -> Self {
        Self::replicate(cores, policy, costs, seed, 0)
    }

    /// The same in run number `replicate`: another sample of the kernel's chance, under the same seed.
    ///
    /// # Panics
    ///
    /// Without a core.
    #[must_use]
    pub fn replicate(cores: u32, policy: P, costs: Costs, seed: u64, replicate: u64) -> Self {
        assert!(cores > 0, "a machine needs a core");
        let (placement, wake_ups) = streams(seed, replicate);
        Self { cpus: Processors::new(cores, costs, placement, wake_ups), policy }
    }

    /// The same with cores in pairs, 0 and 1, 2 and 3, …, that share what they run on: while both run, each does so at this speed, in
    /// thousandths of what it does alone (1 to 1000).
    ///
    /// ```
    /// use conlab_sim::{machine::{Costs, ExactSlices, Happening, Machine}, units::Nanos};
    /// let mut machine: Machine<ExactSlices> =
    ///     Machine::new(2, ExactSlices::new(2, None), Costs::NONE, 18).with_siblings(500);
    /// for thread in [machine.add_thread(), machine.add_thread()] {
    ///     machine.wake(thread, None, &mut ());
    /// }
    /// for time in [10, 20] {
    ///     let Some(Happening::Resumes(thread)) = machine.next(&mut ()) else { unreachable!() };
    ///     machine.work(thread, Nanos::from_millis(time), &mut ());
    /// }
    /// // Both at half the speed for 20 ms, then the longer one alone for the 10 ms that are left.
    /// for end in [20, 30] {
    ///     let Some(Happening::Resumes(thread)) = machine.next(&mut ()) else { unreachable!() };
    ///     assert_eq!(machine.now(), Nanos::from_millis(end));
    ///     machine.block(thread, &mut ());
    /// }
    /// ```
    #[must_use]
    pub fn with_siblings(mut self, speed: u32) -> Self {
        self.cpus.set_siblings(u64::from(speed));
        self
    }

    /// Adds a thread, blocked.
    pub fn add_thread(&mut self) -> ThreadId {
        let thread = self.cpus.add_thread();
        let core = self.policy.add(thread);
        self.cpus.set_core(thread, core);
        thread
    }

    /// Gives a thread that has not run yet another weight than the normal one.
    pub fn weigh(&mut self, thread: ThreadId, weight: Weight) {
        self.policy.weigh(thread, weight);
    }

    /// The time.
    #[inline]
    #[must_use]
    pub const fn now(&self) -> Nanos {
        self.cpus.now()
    }

    /// How many cores there are.
    #[inline]
    #[must_use]
    pub const fn cores(&self) -> u32 {
        self.cpus.cores()
    }

    /// Where a thread is.
    #[inline]
    #[must_use]
    pub fn state(&self, thread: ThreadId) -> State {
        self.cpus.state(thread)
    }

    /// Whether a thread burns, or will burn, its core while it waits for something.
    #[inline]
    #[must_use]
    pub fn is_spinning(&self, thread: ThreadId) -> bool {
        self.cpus.is_spinning(thread)
    }

    /// The core that a thread is on, or was on last.
    #[inline]
    #[must_use]
    pub fn core_of(&self, thread: ThreadId) -> Option<CoreId> {
        self.cpus.core_of(thread)
    }

    /// The thread that runs on a core; nobody while one is being switched to.
    #[inline]
    #[must_use]
    pub fn running_on(&self, core: CoreId) -> Option<ThreadId> {
        self.cpus.current(core).filter(|_| !self.cpus.is_starting(core))
    }

    /// Whether a core has been given to a thread that has not started on it.
    #[must_use]
    pub fn is_being_switched_to(&self, thread: ThreadId) -> bool {
        let switching = |core: &CoreId| self.cpus.is_starting(*core);
        let cores = (0..self.cores()).map(CoreId);
        cores.filter(switching).any(|core| self.cpus.current(core) == Some(thread))
    }

    /// Whether any core has nothing to do.
    #[inline]
    #[must_use]
    pub const fn any_idle(&self) -> bool {
        self.cpus.any_idle()
    }

    /// For how long what a thread does has not been told to an observer.
    #[must_use]
    pub fn unaccounted(&self, thread: ThreadId) -> Nanos {
        self.cpus.unaccounted(thread)
    }

    /// How often a thread started on another core than before, since the machine was made or [told to
    /// forget](Self::forget_migrations).
    #[must_use]
    pub const fn migrations(&self) -> u64 {
        self.cpus.migrations()
    }

    /// Counts migrations from now on.
    pub const fn forget_migrations(&mut self) {
        self.cpus.forget_migrations();
    }

    /// How much later than asked a sleep that begins now will end.
    #[inline]
    pub fn oversleep(&mut self) -> Nanos {
        Nanos(self.cpus.oversleep())
    }

    /// What waking a thread costs whoever does.
    #[inline]
    pub fn waking_cost(&mut self, roused: Roused) -> Nanos {
        self.cpus.waking_cost(roused)
    }

    // ── what threads do

    /// Makes a blocked thread runnable that `waker` has woken, or nobody.
    #[inline]
    pub fn wake(
        &mut self,
        thread: ThreadId,
        waker: Option<ThreadId>,
        observer: &mut impl Observer,
    ) -> Roused {
        let latency = self.cpus.wake_latency();
        let near = self.cpus.core_of(waker.unwrap_or(thread));
        self.make_ready(thread, near, latency, observer)
    }

    /// Makes a blocked thread runnable whose timer fired: the core that took the interrupt runs it, so nobody has to be
    /// roused.
    #[inline]
    pub fn wake_by_timer(&mut self, thread: ThreadId, observer: &mut impl Observer) {
        let near = self.cpus.core_of(thread);
        let latency = self.cpus.costs().switch;
        self.make_ready(thread, near, latency, observer);
    }

    #[inline]
    fn make_ready(
        &mut self,
        thread: ThreadId,
        near: Option<CoreId>,
        latency: Nanos,
        observer: &mut impl Observer,
    ) -> Roused {
        debug_assert!(self.state(thread) == State::Blocked, "{thread:?} is awake");
        self.cpus.transition(thread, State::Ready, observer);
        self.policy.wake(&mut self.cpus, thread, near, latency, observer)
    }

    /// Lets a thread that is on a core run for `time`, in one burst or, where others take turns with it, several.
    #[inline]
    pub fn work(&mut self, thread: ThreadId, time: Nanos, observer: &mut impl Observer) {
        self.cpus.set_remaining(thread, time.0);
        self.burst(thread, observer);
    }

    /// Lets a thread that is on a core burn it: for at most `limit`, or until it is [released](Self::release_spinner).
    ///
    /// It resumes when the limit is over, and also when it starts again after it was taken off its core in an endless wait.
    pub fn spin(&mut self, thread: ThreadId, limit: Option<Nanos>, observer: &mut impl Observer) {
        self.split(thread, observer);
        self.cpus.set_spinning(thread, true);
        if let Some(limit) = limit {
            self.cpus.set_remaining(thread, limit.0);
        }
        if limit == Some(Nanos::ZERO) { self.finish_soon(thread) } else { self.burst(thread, observer) }
    }

    /// A thread that has resumed spins no longer; whether it did.
    pub fn stop_spinning(&mut self, thread: ThreadId, observer: &mut impl Observer) -> bool {
        let spun = self.cpus.is_spinning(thread);
        if spun {
            self.split(thread, observer);
            self.cpus.set_spinning(thread, false);
        }
        spun
    }

    /// A thread that spins on a core has what it waited for: it works for `time`, and resumes.
    pub fn release_spinner(&mut self, thread: ThreadId, time: Nanos, observer: &mut impl Observer) {
        self.stop_spinning(thread, observer);
        self.stop_burst(thread);
        self.cpus.set_remaining(thread, time.0);
        if time == Nanos::ZERO { self.finish_soon(thread) } else { self.burst(thread, observer) }
    }

    /// Takes a running thread off its core until something wakes it.
    #[inline]
    pub fn block(&mut self, thread: ThreadId, observer: &mut impl Observer) {
        self.cpus.transition(thread, State::Blocked, observer);
        let Some(core) = self.cpus.core_of(thread) else { return };
        self.policy.blocked(&mut self.cpus, core);
        self.policy.dispatch(&mut self.cpus, core);
    }

    /// Tells the observer what a thread did up to now.
    #[inline]
    pub fn split(&mut self, thread: ThreadId, observer: &mut impl Observer) {
        let state = self.cpus.state(thread);
        self.cpus.transition(thread, state, observer);
    }

    /// Tells the observer what all threads did up to now.
    pub fn split_all(&mut self, observer: &mut impl Observer) {
        for thread in self.cpus.threads() {
            self.split(thread, observer);
        }
    }

    /// Whether a thread has work that it was given and has not done.
    #[inline]
    #[must_use]
    pub fn has_work(&self, thread: ThreadId) -> bool {
        self.cpus.remaining(thread) > 0
    }

    /// How long the present burst of a thread has lasted; nothing unless it runs.
    #[must_use]
    pub fn burst_time(&self, thread: ThreadId) -> Nanos {
        let core = self.cpus.core_of(thread).filter(|_| self.state(thread) == State::Running);
        Nanos(core.map_or(0, |core| self.cpus.burst_time(core)))
    }

    /// Shortens what is left of a thread's work to at most `most`; how much less it is.
    pub fn shorten(&mut self, thread: ThreadId, most: Nanos, observer: &mut impl Observer) -> Nanos {
        let runs = self.state(thread) == State::Running;
        if runs {
            self.stop_burst(thread);
        }
        let rest = self.cpus.remaining(thread);
        let cut = most.0.min(rest);
        self.cpus.set_remaining(thread, cut);
        if runs {
            if cut == 0 { self.finish_soon(thread) } else { self.burst(thread, observer) }
        }
        Nanos(rest - cut)
    }

    /// Ends the burst of a running thread, which keeps the rest of its work; [`block`](Self::block) follows.
    pub fn stop_burst(&mut self, thread: ThreadId) {
        if let Some(core) = self.cpus.core_of(thread) {
            self.cpus.stop_burst(core);
        }
    }

    #[inline]
    fn burst(&mut self, thread: ThreadId, observer: &mut impl Observer) {
        if let Some(core) = self.cpus.core_of(thread) {
            self.cpus.burst(&mut self.policy, core, observer);
        }
    }

    fn finish_soon(&mut self, thread: ThreadId) {
        if let Some(core) = self.cpus.core_of(thread) {
            self.cpus.finish_soon(core);
        }
    }

    /// Sets a thread's timer; what was set before is void.
    #[inline]
    pub fn set_timer(&mut self, thread: ThreadId, at: Nanos) {
        let generation = self.cpus.renew_timer(thread);
        self.cpus.push(at, E::from(MachineEvent::Timer { thread, generation }));
    }

    /// A thread's timer will not fire.
    #[inline]
    pub fn cancel_timer(&mut self, thread: ThreadId) {
        self.cpus.renew_timer(thread);
    }

    // ── what happens, one thing at a time

    /// Schedules an event of the driver; `at` must not be in the past.
    #[inline]
    pub fn schedule(&mut self, at: Nanos, event: E) {
        self.cpus.push(at, event);
    }

    /// Events that are scheduled, void ones included.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.cpus.pending()
    }

    /// Takes the next event off the list. The clock stays where it is until [`advance_to`](Self::advance_to).
    #[inline]
    pub fn pop(&mut self) -> Option<Event<E>> {
        self.cpus.pop()
    }

    /// Moves the clock to an event that was taken off the list, or to the end of the simulation.
    #[inline]
    pub const fn advance_to(&mut self, at: Nanos) {
        self.cpus.advance_to(at);
    }

    /// The next core whose thread starts or goes on at this instant; it comes before every event.
    #[inline]
    pub fn next_due(&mut self) -> Option<CoreId> {
        self.cpus.next_due()
    }

    /// Whether an event is not void.
    #[inline]
    #[must_use]
    pub fn is_valid(&self, event: MachineEvent) -> bool {
        match event {
            MachineEvent::Start { core, generation } | MachineEvent::Burst { core, generation } => {
                self.cpus.is_current(core, generation)
            }
            MachineEvent::Timer { thread, generation } => self.cpus.is_timer(thread, generation),
            MachineEvent::Tick { .. } => true,
        }
    }

    /// A core's thread starts, or goes on after something was granted to it; [`go_on`](Self::go_on) follows, or
    /// [`block`](Self::block) where it may not run.
    #[inline]
    pub fn start(&mut self, core: CoreId, observer: &mut impl Observer) -> ThreadId {
        self.cpus.start(&mut self.policy, core, observer)
    }

    /// Runs a core's thread: the rest of its work, or if there is none it resumes. Whoever is returned is to be
    /// given something to do, or blocked, and then [`resumed`](Self::resumed) is called.
    #[inline]
    pub fn go_on(&mut self, core: CoreId, observer: &mut impl Observer) -> Option<ThreadId> {
        let thread = self.cpus.current(core)?;
        if self.cpus.remaining(thread) > 0 {
            self.cpus.burst(&mut self.policy, core, observer);
            return None;
        }
        self.cpus.set_active(Some(core));
        Some(thread)
    }

    /// The thread that [`go_on`](Self::go_on) returned has something to do, or is blocked.
    #[inline]
    pub const fn resumed(&mut self) {
        self.cpus.set_active(None);
    }

    /// A core's burst or slice is over; as [`go_on`](Self::go_on).
    #[inline]
    pub fn burst_over(&mut self, core: CoreId, observer: &mut impl Observer) -> Option<ThreadId> {
        self.cpus.stop_burst(core);
        self.go_on(core, observer)
    }

    /// The policy looks at a core.
    pub fn tick(&mut self, core: CoreId, observer: &mut impl Observer) {
        self.policy.tick(&mut self.cpus, core, observer);
    }
}

impl<P: Policy, E: Copy> Machine<P, Occurrence<E>> {
    /// Schedules an event of the driver; `at` must not be in the past.
    pub fn push(&mut self, at: Nanos, event: E) {
        self.schedule(at, Occurrence::Driver(event));
    }

    /// Takes a running thread off its core for `time`, after which its timer wakes it.
    pub fn sleep(&mut self, thread: ThreadId, time: Nanos, observer: &mut impl Observer) {
        let until = self.now() + time + self.oversleep();
        self.set_timer(thread, until);
        self.block(thread, observer);
    }

    /// Simulates until the driver has something to act on; nothing when nothing will ever happen again.
    ///
    /// A thread that resumed must have been given work, blocked or made to spin before the next call.
    pub fn next(&mut self, observer: &mut impl Observer) -> Option<Happening<E>> {
        self.resumed();
        loop {
            let resumes = if let Some(core) = self.next_due() {
                self.start(core, observer);
                self.go_on(core, observer)
            } else {
                let event = self.pop()?;
                self.advance_to(event.at);
                match event.what {
                    Occurrence::Driver(event) => return Some(Happening::Event(event)),
                    Occurrence::Machine(event) if self.is_valid(event) => self.handle(event, observer),
                    Occurrence::Machine(_) => None,
                }
            };
            if let Some(thread) = resumes {
                return Some(Happening::Resumes(thread));
            }
        }
    }

    fn handle(&mut self, event: MachineEvent, observer: &mut impl Observer) -> Option<ThreadId> {
        match event {
            MachineEvent::Start { core, .. } => {
                self.start(core, observer);
                self.go_on(core, observer)
            }
            MachineEvent::Burst { core, .. } => self.burst_over(core, observer),
            MachineEvent::Timer { thread, .. } => {
                self.wake_by_timer(thread, observer);
                None
            }
            MachineEvent::Tick { core } => {
                self.tick(core, observer);
                None
            }
        }
    }
}
