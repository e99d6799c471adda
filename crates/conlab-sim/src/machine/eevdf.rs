//! Linux's fair scheduling: a queue for each core (`eevdf_queue`), where woken threads go, and when the
//! kernel moves them.
//!
//! - A thread that wakes up goes to the core on which it ran last if that is idle, else to another idle one; where all are busy, to
//!   its last or its waker's, whichever has fewer threads. One that still owes time stays on its core.
//! - A kernel may *gather* threads instead: one that is woken goes to its waker's core, one whose timer fires stays on its last, although
//!   another core is idle, if that one has been for a while: so it lets the others sleep. How often it
//!   does (`wake_packing`) and how unequally loaded the cores may become (`wake_packing_below`) is calibrated; most kernels never do.
//! - A woken thread takes the core at once if it is first there. If it is not, but somebody else is who waited there before, that
//!   one does.
//! - Where slices are never over, a thread runs until it sleeps.
//! - The kernel looks at a core with more than one thread at every tick: whoever is first then goes on. It also moves
//!   threads that wait to idle cores. A core that falls idle takes one from another itself. Who ran a moment ago is not moved,
//!   but when that has left a core idle at some ticks in a row: else two threads that take turns at the ticks would stay on
//!   one core for ever.
//!
//! Tickless: ticks at which nothing can happen are not simulated.

use super::core_set::CoreSet;
use super::eevdf_queue::{EevdfQueue, Entity, NEVER, Rules};
use super::policy::{Observer, Policy};
use super::processors::{CoreId, MachineEvent, Processors, Roused, ThreadId};
use super::weight::Weight;
use crate::units::Nanos;

/// How recently a thread must have run for the kernel not to move it: Linux's `sched_migration_cost`.
const CACHE_HOT: u64 = 500_000;
/// How long a core must have been idle for a kernel that gathers threads to let it sleep. In five traces, of the threads whose last
/// core was idle for less, 3 to 42 of a hundred went to their waker's, and some two thirds later.
const DOZE: u64 = 50_000;
/// Ticks at which that is so before it moves one nevertheless: Linux's `cache_nice_tries` and one more.
const REFUSALS: u8 = 2;
/// Crowded cores among which the kernel looks for a thread to move, and cores among which it looks for room.
const LOOKED_AT: usize = 128;
/// Time between two comparisons of busy cores: Linux's `balance_interval` times `busy_factor`, on two.
const EVENED_OUT: u64 = 32_000_000;

/// Linux's policy.
#[derive(Debug)]
pub struct Eevdf {
    rules: Rules,
    /// Of a thousand threads that are woken from a core with room while another is idle, how many go to that core.
    wake_packing: u64,
    /// How much more of the core's time may be in use than of the idle one's, in thousandths.
    wake_packing_below: u64,
    cores: Vec<Core>,
    /// Cores for which somebody waits who is awake.
    crowded: CoreSet,
    /// By thread.
    entities: Vec<Entity>,
}

/// What the policy knows of a core.
#[derive(Clone, Debug, Default)]
struct Core {
    /// Who waits for it.
    queue: EevdfQueue,
    /// How much of its time is in use.
    used: Use,
    /// Its thread is to be preempted at its next burst.
    preempt: bool,
    /// Its next tick is scheduled.
    looking: bool,
    /// Ticks in a row at which a core was idle and nobody who waited here could be moved there.
    refused: u8,
}

/// How much of a core's time was in use over the last tens of milliseconds, as the kernel's load tracking averages it.
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    /// In parts of `ONE`.
    level: u64,
    at: u64,
}

impl Use {
    const ONE: u64 = 1 << 20;
    /// The half-life of 32 ms of the kernel, as a time constant: a multiple of 1024, so that a whole one is exactly all.
    const MEMORY: u64 = 45_000 << 10;

    /// Moves on to `now`, the core having been in use, or not, since the last change.
    fn advance(&mut self, now: u64, busy: bool) {
        self.level = self.level_at(now, busy);
        self.at = now;
    }

    /// The level at `now`: first order, exact enough for the short times between two changes.
    fn level_at(&self, now: u64, busy: bool) -> u64 {
        let time = (now - self.at).min(Self::MEMORY);
        if busy {
            self.level + (Self::ONE - self.level) / 1024 * time / (Self::MEMORY / 1024)
        } else {
            self.level - self.level / 1024 * time / (Self::MEMORY / 1024)
        }
    }
}

impl Eevdf {
    /// The policy of a machine of `cores` cores whose slices last `slice` (without one a thread runs until it sleeps), and whose
    /// kernel looks at a busy core every `tick`; with no time between two ticks, whenever a slice is over.
    ///
    /// ```
    /// use conlab_sim::{machine::{Costs, Eevdf, Machine}, units::Nanos};
    /// let linux = Eevdf::new(16, Some(Nanos::from_millis(3)), Nanos::from_millis(4));
    /// let machine: Machine<Eevdf> = Machine::new(16, linux, Costs::NONE, 18);
    /// assert_eq!(machine.cores(), 16);
    /// ```
    #[must_use]
    pub fn new(cores: u32, slice: Option<Nanos>, tick: Nanos) -> Self {
        Self {
            rules: Rules { slice: slice.map_or(NEVER, |slice| slice.0.min(NEVER)), tick: tick.0 },
            wake_packing: 0,
            wake_packing_below: 0,
            cores: vec![Core::default(); cores as usize],
            crowded: CoreSet::none(cores),
            entities: Vec::new(),
        }
    }

    /// The same for a kernel that gathers threads: of a thousand that are woken while another core is idle, so many go to a core in
    /// use, if no more than `below` thousandths more of its time are in use than of the idle one's.
    #[must_use]
    pub const fn with_wake_packing(mut self, per_mille: u64, below: u64) -> Self {
        self.wake_packing = per_mille;
        self.wake_packing_below = below;
        self
    }

    /// The entity on a core, if there is one.
    #[inline]
    fn entity_on<E: Copy + From<MachineEvent>>(&self, cpus: &Processors<E>, core: CoreId) -> Option<&Entity> {
        cpus.current(core).map(|thread| &self.entities[thread.index()])
    }

    /// Brings the thread on a core up to now.
    #[inline]
    fn advance_core<E: Copy + From<MachineEvent>>(&mut self, cpus: &Processors<E>, core: CoreId) {
        if let Some(thread) = cpus.current(core) {
            let queue = &mut self.cores[core.index()].queue;
            queue.advance(&mut self.entities[thread.index()], cpus.now().0, self.rules);
        }
    }

    /// An idle core is idle no longer.
    #[inline]
    fn take<E: Copy + From<MachineEvent>>(&mut self, cpus: &mut Processors<E>, core: CoreId) {
        cpus.take(core);
        self.cores[core.index()].used.advance(cpus.now().0, false);
    }

    /// A core has nothing to do.
    #[inline]
    fn idle<E: Copy + From<MachineEvent>>(&mut self, cpus: &mut Processors<E>, core: CoreId) {
        let state = &mut self.cores[core.index()];
        state.preempt = false;
        state.used.advance(cpus.now().0, true);
        cpus.idle(core);
    }

    #[inline]
    fn assign<E: Copy + From<MachineEvent>>(
        &mut self,
        cpus: &mut Processors<E>,
        core: CoreId,
        thread: ThreadId,
        latency: Nanos,
    ) {
        let state = &mut self.cores[core.index()];
        state.queue.choose();
        state.preempt = false;
        cpus.assign(core, thread, latency);
    }

    /// Gives a thread its place in a core's virtual time.
    #[inline]
    fn settle_on<E: Copy + From<MachineEvent>>(
        &mut self,
        cpus: &Processors<E>,
        core: CoreId,
        thread: ThreadId,
    ) {
        let mut entity = self.entities[thread.index()];
        self.cores[core.index()].queue.place(&mut entity, self.entity_on(cpus, core), self.rules);
        self.entities[thread.index()] = entity;
    }

    #[inline]
    fn enqueue(&mut self, core: CoreId, thread: ThreadId) {
        let queue = &mut self.cores[core.index()].queue;
        queue.insert(thread.0, &mut self.entities[thread.index()]);
        if queue.awake() == 1 && !self.crowded.contains(core.0) {
            self.crowded.insert(core.0);
        }
    }

    #[inline]
    fn dequeue(&mut self, core: CoreId, thread: ThreadId) {
        let queue = &mut self.cores[core.index()].queue;
        queue.remove(thread.0, &self.entities[thread.index()]);
        if queue.awake() == 0 && self.crowded.contains(core.0) {
            self.crowded.remove(core.0);
        }
    }

    /// A sleeper that has not left its core's queue is awake again; by now it owes less, and nobody owes it.
    fn rejoin<E: Copy + From<MachineEvent>>(&mut self, cpus: &Processors<E>, core: CoreId, thread: ThreadId) {
        self.advance_core(cpus, core);
        let queue = &self.cores[core.index()].queue;
        let entity = &self.entities[thread.index()];
        let forgiven = queue.lag(entity, self.entity_on(cpus, core), self.rules) > 0;
        self.dequeue(core, thread);
        self.entities[thread.index()].asleep = false;
        if forgiven {
            self.entities[thread.index()].lag = 0;
            self.settle_on(cpus, core, thread);
        }
        self.enqueue(core, thread);
    }

    /// Where a thread that wakes up goes.
    #[inline]
    fn core_for<E: Copy + From<MachineEvent>>(
        &self,
        cpus: &mut Processors<E>,
        last: CoreId,
        near: CoreId,
    ) -> CoreId {
        if self.wake_packing > 0
            && cpus.any_idle()
            && !cpus.is_idle(near)
            && self.packs_on(cpus, last, near)
            && cpus.chance(1000) < self.wake_packing
        {
            return near;
        }
        if let Some(idle) = cpus.idle_core(Some(last)) {
            return idle;
        }
        if self.crowd(near) + 1 < self.crowd(last) { near } else { last }
    }

    /// How many wait for a core who are awake.
    #[inline]
    fn crowd(&self, core: CoreId) -> u32 {
        self.cores[core.index()].queue.awake()
    }

    /// Whether the kernel may put a thread that wakes up on `near`, its last core or its waker's, beside whoever is there, instead of
    /// an idle one: on its last, or where the idle one has dozed off on the busier of both; but not where one would have nearly all the
    /// work.
    fn packs_on<E: Copy + From<MachineEvent>>(
        &self,
        cpus: &mut Processors<E>,
        last: CoreId,
        near: CoreId,
    ) -> bool {
        let Some(other) = cpus.idle_core(Some(last)) else { return false };
        let now = cpus.now().0;
        let (here, there) = (self.cores[near.index()].used, self.cores[other.index()].used);
        if near != last && now - there.at < DOZE {
            return false;
        }
        let (here, there) = (here.level_at(now, true), there.level_at(now, false));
        (near == last || here >= there)
            && here.saturating_sub(there) < Use::ONE / 1000 * self.wake_packing_below
    }

    /// A thread has come to a core: whoever is first there now takes it. Where it has come to a thread that was alone, only
    /// if that is the one that has come. Tells whether somebody does.
    fn preempt_for<E: Copy + From<MachineEvent>>(
        &mut self,
        cpus: &mut Processors<E>,
        core: CoreId,
        thread: ThreadId,
        was_alone: bool,
        observer: &mut impl Observer,
    ) -> bool {
        let state = &self.cores[core.index()];
        if state.preempt || cpus.is_starting(core) || self.rules.slice == NEVER {
            return false;
        }
        let first = state.queue.first(self.entity_on(cpus, core));
        let gives_way = first == Some(thread.0) || (first.is_some() && !was_alone);
        if gives_way {
            // Now, or when the core is done with what it does at this instant.
            if cpus.is_active(core) {
                self.cores[core.index()].preempt = true;
            } else {
                self.yield_core(cpus, core, observer);
            }
        }
        gives_way
    }

    /// Takes the thread off a core, runnable, and runs whoever is first.
    fn yield_core<E: Copy + From<MachineEvent>>(
        &mut self,
        cpus: &mut Processors<E>,
        core: CoreId,
        observer: &mut impl Observer,
    ) {
        self.advance_core(cpus, core);
        let thread = cpus.interrupt(core, observer);
        cpus.vacate(core);
        self.entities[thread.index()].left = cpus.now().0;
        self.enqueue(core, thread);
        self.dispatch(cpus, core);
        self.await_tick(cpus, core);
    }

    /// A core that would be idle takes a thread that waits for another: for the most crowded, else for any that has one to give.
    fn steal<E: Copy + From<MachineEvent>>(
        &mut self,
        cpus: &Processors<E>,
        core: CoreId,
    ) -> Option<ThreadId> {
        if !self.crowded.any() {
            return None;
        }
        let crowd = |other: &u32| (self.crowd(CoreId(*other)), cpus.cores() - *other);
        let from = self.crowded.after(core.0).take(LOOKED_AT).max_by_key(crowd)?;
        let cold = cpus.now().0.saturating_sub(CACHE_HOT);
        self.take_over(cpus, CoreId(from), core, cold).or_else(|| {
            let gives = |other: &u32| self.cores[*other as usize].queue.first_off_since(cold).is_some();
            let from = self.crowded.after(core.0).take(LOOKED_AT).find(gives)?;
            self.take_over(cpus, CoreId(from), core, cold)
        })
    }

    /// Moves a thread that waits for one core to another, where it has its place then; only one that has not run since
    /// `latest`.
    fn take_over<E: Copy + From<MachineEvent>>(
        &mut self,
        cpus: &Processors<E>,
        from: CoreId,
        to: CoreId,
        latest: u64,
    ) -> Option<ThreadId> {
        let thread = ThreadId(self.cores[from.index()].queue.first_off_since(latest)?);
        self.advance_core(cpus, from);
        let queue = &self.cores[from.index()].queue;
        let entity = &self.entities[thread.index()];
        let lag = queue.lag(entity, self.entity_on(cpus, from), self.rules);
        let rest = entity.deadline - entity.runtime;
        self.dequeue(from, thread);
        self.entities[thread.index()].lag = lag;
        self.advance_core(cpus, to);
        self.settle_on(cpus, to, thread);
        let entity = &mut self.entities[thread.index()];
        entity.deadline = entity.runtime + rest;
        Some(thread)
    }

    /// Schedules the kernel's next look at a core where somebody waits.
    #[inline]
    fn await_tick<E: Copy + From<MachineEvent>>(&mut self, cpus: &mut Processors<E>, core: CoreId) {
        if self.cores[core.index()].queue.is_empty() {
            return;
        }
        let now = cpus.now().0;
        let at = if let Some(ticks) = now.checked_div(self.rules.tick) {
            (ticks + 1) * self.rules.tick
        } else {
            let left = self
                .entity_on(cpus, core)
                .map_or(0, |entity| entity.weight.real_time(entity.deadline - entity.runtime));
            let starts = if cpus.is_starting(core) { cpus.costs().wake.0 } else { 0 };
            now + starts + u64::try_from(left).unwrap_or(0).max(1)
        };
        if !std::mem::replace(&mut self.cores[core.index()].looking, true) {
            cpus.schedule_tick(core, Nanos(at));
        }
    }

    /// Moves threads that wait for a core to those that are idle.
    fn fill_idle_cores<E: Copy + From<MachineEvent>>(&mut self, cpus: &mut Processors<E>, core: CoreId) {
        while self.crowd(core) > 0
            && let Some(idle) = cpus.idle_core(None)
        {
            let whoever = self.cores[core.index()].refused >= REFUSALS;
            let now = cpus.now().0;
            let latest = if whoever { now } else { now.saturating_sub(CACHE_HOT) };
            let Some(thread) = self.take_over(cpus, core, idle, latest) else {
                self.cores[core.index()].refused += 1;
                return;
            };
            self.cores[core.index()].refused = 0;
            self.take(cpus, idle);
            let latency = cpus.wake_latency();
            self.assign(cpus, idle, thread, latency);
        }
        self.cores[core.index()].refused = 0;
    }

    /// Moves threads that wait to a busy core with fewer, until there is at most one more here.
    fn even_out<E: Copy + From<MachineEvent>>(&mut self, cpus: &mut Processors<E>, core: CoreId) {
        let cores = cpus.cores();
        let fewest = (1..cores.min(u32::try_from(LOOKED_AT).unwrap_or(cores)))
            .map(|offset| CoreId((core.0 + offset) % cores))
            .filter(|other| !cpus.is_idle(*other))
            .min_by_key(|other| (self.crowd(*other), *other));
        let Some(other) = fewest else { return };
        let cold = cpus.now().0.saturating_sub(CACHE_HOT);
        while self.crowd(core) > self.crowd(other) + 1
            && let Some(thread) = self.take_over(cpus, core, other, cold)
        {
            self.enqueue(other, thread);
        }
        self.await_tick(cpus, other);
    }
}

impl Policy for Eevdf {
    /// A kernel spreads threads over its cores as they are made.
    fn add(&mut self, thread: ThreadId) -> Option<CoreId> {
        self.entities.resize(thread.index() + 1, Entity::default());
        let cores = u32::try_from(self.cores.len()).unwrap_or(1);
        Some(CoreId(thread.0 % cores))
    }

    fn weigh(&mut self, thread: ThreadId, weight: Weight) {
        self.entities[thread.index()].weight = weight;
    }

    #[inline]
    fn wake<E: Copy + From<MachineEvent>>(
        &mut self,
        cpus: &mut Processors<E>,
        thread: ThreadId,
        near: Option<CoreId>,
        latency: Nanos,
        observer: &mut impl Observer,
    ) -> Roused {
        let last = cpus.core_of(thread).unwrap_or(CoreId(0));
        let (core, was_alone) = if self.entities[thread.index()].asleep {
            self.rejoin(cpus, last, thread);
            (last, false)
        } else {
            let core = self.core_for(cpus, last, near.unwrap_or(last));
            if cpus.is_idle(core) {
                self.take(cpus, core);
                self.settle_on(cpus, core, thread);
                self.assign(cpus, core, thread, latency);
                return Roused::Core;
            }
            self.advance_core(cpus, core);
            let was_alone = self.cores[core.index()].queue.is_empty();
            self.settle_on(cpus, core, thread);
            self.enqueue(core, thread);
            (core, was_alone)
        };
        let gives_way = self.preempt_for(cpus, core, thread, was_alone, observer);
        self.await_tick(cpus, core);
        if gives_way && !cpus.is_active(core) { Roused::Core } else { Roused::Nobody }
    }

    /// The thread leaves unless it has had more than its share.
    #[inline]
    fn blocked<E: Copy + From<MachineEvent>>(&mut self, cpus: &mut Processors<E>, core: CoreId) {
        self.advance_core(cpus, core);
        let Some(thread) = cpus.current(core) else { return };
        cpus.vacate(core);
        let mut entity = self.entities[thread.index()];
        let queue = &mut self.cores[core.index()].queue;
        entity.left = cpus.now().0;
        if queue.eligible(&entity, Some(&entity)) {
            entity.lag = queue.lag(&entity, Some(&entity), self.rules);
        } else {
            entity.asleep = true;
            queue.insert(thread.0, &mut entity);
        }
        self.entities[thread.index()] = entity;
    }

    #[inline]
    fn dispatch<E: Copy + From<MachineEvent>>(&mut self, cpus: &mut Processors<E>, core: CoreId) {
        let switch = cpus.costs().switch;
        // Each sleeper leaves the queue, so the loop ends with it.
        while let Some(thread) = self.cores[core.index()].queue.first(None).map(ThreadId) {
            let queue = &self.cores[core.index()].queue;
            let lag = queue.lag(&self.entities[thread.index()], None, self.rules);
            self.dequeue(core, thread);
            let entity = &mut self.entities[thread.index()];
            if !std::mem::take(&mut entity.asleep) {
                self.assign(cpus, core, thread, switch);
                return;
            }
            entity.lag = lag.min(0);
        }
        if let Some(thread) = self.steal(cpus, core) {
            self.assign(cpus, core, thread, switch);
        } else {
            self.idle(cpus, core);
        }
    }

    #[inline]
    fn started(&mut self, core: CoreId, now: Nanos) {
        self.cores[core.index()].queue.begin(now.0);
    }

    #[inline]
    fn limit<E: Copy + From<MachineEvent>>(
        &mut self,
        cpus: &mut Processors<E>,
        core: CoreId,
        end: Nanos,
        observer: &mut impl Observer,
    ) -> Option<Nanos> {
        if std::mem::take(&mut self.cores[core.index()].preempt) {
            self.yield_core(cpus, core, observer);
            return None;
        }
        Some(end)
    }

    /// The kernel looks at a core: at its thread's slice, and at those who wait.
    fn tick<E: Copy + From<MachineEvent>>(
        &mut self,
        cpus: &mut Processors<E>,
        core: CoreId,
        observer: &mut impl Observer,
    ) {
        self.cores[core.index()].looking = false;
        self.advance_core(cpus, core);
        if self.rules.slice != NEVER
            && !cpus.is_starting(core)
            && let Some(current) = self.entity_on(cpus, core)
            && self.cores[core.index()].queue.first(Some(current)).is_some()
        {
            self.yield_core(cpus, core, observer);
        }
        self.fill_idle_cores(cpus, core);
        if self.rules.tick > 0 && cpus.now().0 % EVENED_OUT < self.rules.tick {
            self.even_out(cpus, core);
        }
        self.await_tick(cpus, core);
    }
}
