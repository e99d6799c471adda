//! Linux's fair scheduling: a queue for each core ([`EevdfQueue`](crate::machine::EevdfQueue)), where woken threads go, and when the
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

use super::world::{EventKind, NONE, World};
use crate::machine::{Entity, NEVER, Rules};

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

/// How the simulated kernel schedules fairly.
#[derive(Clone, Copy, Debug)]
pub(super) struct Eevdf {
    pub(super) rules: Rules,
    /// Of a thousand threads that are woken from a core with room while another is idle, how many go to that core.
    pub(super) wake_packing: u64,
    /// How much more of the core's time may be in use than of the idle one's, in thousandths.
    pub(super) wake_packing_below: u64,
}

/// How much of a core's time was in use over the last tens of milliseconds, as the kernel's load tracking averages it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Use {
    /// In parts of `ONE`.
    level: u64,
    at: u64,
}

impl Use {
    const ONE: u64 = 1 << 20;
    /// The half-life of 32 ms of the kernel, as a time constant: a multiple of 1024, so that a whole one is exactly all.
    const MEMORY: u64 = 45_000 << 10;

    /// Moves on to `now`, the core having been in use, or not, since the last change.
    pub(super) fn advance(&mut self, now: u64, busy: bool) {
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

impl World<'_> {
    /// The entity on a core, if there is one.
    fn entity_on(&self, core: u32) -> Option<&Entity> {
        let current = self.cores[core as usize].current;
        (current != NONE).then(|| &self.entities[current as usize])
    }

    /// Brings the thread on a core up to now.
    fn advance_core(&mut self, core: u32, rules: Rules) {
        let state = &mut self.cores[core as usize];
        if state.current != NONE {
            state.eevdf.advance(&mut self.entities[state.current as usize], self.now, rules);
        }
    }

    /// A thread wakes up, beside `near`; whether another core had to be interrupted for it.
    pub(super) fn eevdf_wake(&mut self, eevdf: Eevdf, thread: u32, near: u32, latency: u64) -> bool {
        let last = self.threads[thread as usize].core;
        let (core, was_alone) = if self.entities[thread as usize].asleep {
            self.rejoin(eevdf, last, thread);
            (last, false)
        } else {
            let core = self.core_for(eevdf, thread, near);
            if self.idle_cores.contains(core) {
                self.take_core(core);
                self.settle_on(eevdf.rules, core, thread);
                self.assign(core, thread, latency);
                return true;
            }
            self.advance_core(core, eevdf.rules);
            let was_alone = self.cores[core as usize].eevdf.is_empty();
            self.settle_on(eevdf.rules, core, thread);
            self.enqueue(core, thread);
            (core, was_alone)
        };
        let interrupted = self.preempt_for(eevdf, core, thread, was_alone) && core != self.active;
        self.await_tick(core, eevdf.rules);
        interrupted
    }

    /// Gives a thread its place in a core's virtual time.
    fn settle_on(&mut self, rules: Rules, core: u32, thread: u32) {
        let mut entity = self.entities[thread as usize];
        self.cores[core as usize].eevdf.place(&mut entity, self.entity_on(core), rules);
        self.entities[thread as usize] = entity;
    }

    fn enqueue(&mut self, core: u32, thread: u32) {
        let queue = &mut self.cores[core as usize].eevdf;
        queue.insert(thread, &mut self.entities[thread as usize]);
        if queue.awake() == 1 && !self.crowded.contains(core) {
            self.crowded.insert(core);
        }
    }

    fn dequeue(&mut self, core: u32, thread: u32) {
        let queue = &mut self.cores[core as usize].eevdf;
        queue.remove(thread, &self.entities[thread as usize]);
        if queue.awake() == 0 && self.crowded.contains(core) {
            self.crowded.remove(core);
        }
    }

    /// A sleeper that has not left its core's queue is awake again; by now it owes less, and nobody owes it.
    fn rejoin(&mut self, eevdf: Eevdf, core: u32, thread: u32) {
        self.advance_core(core, eevdf.rules);
        let queue = &self.cores[core as usize].eevdf;
        let forgiven = queue.lag(&self.entities[thread as usize], self.entity_on(core), eevdf.rules) > 0;
        self.dequeue(core, thread);
        self.entities[thread as usize].asleep = false;
        if forgiven {
            self.entities[thread as usize].lag = 0;
            self.settle_on(eevdf.rules, core, thread);
        }
        self.enqueue(core, thread);
    }

    /// Where a thread that wakes up goes.
    fn core_for(&mut self, eevdf: Eevdf, thread: u32, near: u32) -> u32 {
        let last = self.threads[thread as usize].core;
        if eevdf.wake_packing > 0
            && self.idle_cores.any()
            && !self.idle_cores.contains(near)
            && self.packs_on(eevdf, thread, near)
            && self.kernel.below(1000) < eevdf.wake_packing
        {
            return near;
        }
        if let Some(idle) = self.idle_cores.peek(last) {
            return idle;
        }
        let crowd = |core: u32| self.cores[core as usize].eevdf.awake();
        if crowd(near) + 1 < crowd(last) { near } else { last }
    }

    /// Whether the kernel may put a thread that wakes up on `near`, its last core or its waker's, beside whoever is there, instead of
    /// an idle one: on its last, or where the idle one has dozed off on the busier of both; but not where one would have nearly all the
    /// work.
    fn packs_on(&mut self, eevdf: Eevdf, thread: u32, near: u32) -> bool {
        let last = self.threads[thread as usize].core;
        let Some(other) = self.idle_cores.peek(last) else { return false };
        let (here, there) = (self.cores[near as usize].used, self.cores[other as usize].used);
        if near != last && self.now - there.at < DOZE {
            return false;
        }
        let (here, there) = (here.level_at(self.now, true), there.level_at(self.now, false));
        (near == last || here >= there)
            && here.saturating_sub(there) < Use::ONE / 1000 * eevdf.wake_packing_below
    }

    /// A thread has come to a core: whoever is first there now takes it. Where it has come to a thread that was alone, only
    /// if that is the one that has come. Tells whether somebody does.
    fn preempt_for(&mut self, eevdf: Eevdf, core: u32, thread: u32, was_alone: bool) -> bool {
        let state = &self.cores[core as usize];
        if state.preempt || state.starting || eevdf.rules.slice == NEVER {
            return false;
        }
        let first = state.eevdf.first(self.entity_on(core));
        let gives_way = first == Some(thread) || (first.is_some() && !was_alone);
        if gives_way {
            self.reschedule(core);
        }
        gives_way
    }

    /// The core's thread gives way: now, or when the core is done with what it does at this instant.
    fn reschedule(&mut self, core: u32) {
        if core == self.active {
            self.cores[core as usize].preempt = true;
        } else {
            self.yield_core(core);
        }
    }

    /// Takes the thread off a core, runnable, and runs whoever is first.
    pub(super) fn yield_core(&mut self, core: u32) {
        let Some(eevdf) = self.charges.eevdf else { return };
        self.advance_core(core, eevdf.rules);
        let thread = self.interrupt(core);
        self.cores[core as usize].current = NONE;
        self.entities[thread as usize].left = self.now;
        self.enqueue(core, thread);
        self.eevdf_next(eevdf, core);
        self.await_tick(core, eevdf.rules);
    }

    /// The thread on a core falls asleep, and leaves unless it has had more than its share.
    pub(super) fn eevdf_block(&mut self, eevdf: Eevdf, core: u32) {
        self.advance_core(core, eevdf.rules);
        let thread = std::mem::replace(&mut self.cores[core as usize].current, NONE);
        let mut entity = self.entities[thread as usize];
        let queue = &mut self.cores[core as usize].eevdf;
        entity.left = self.now;
        if queue.eligible(&entity, Some(&entity)) {
            entity.lag = queue.lag(&entity, Some(&entity), eevdf.rules);
        } else {
            entity.asleep = true;
            queue.insert(thread, &mut entity);
        }
        self.entities[thread as usize] = entity;
    }

    /// Runs whoever is first on a core that has nobody, or lets it idle.
    pub(super) fn eevdf_next(&mut self, eevdf: Eevdf, core: u32) {
        // Each sleeper leaves the queue, so the loop ends with it.
        while let Some(thread) = self.cores[core as usize].eevdf.first(None) {
            let queue = &self.cores[core as usize].eevdf;
            let lag = queue.lag(&self.entities[thread as usize], None, eevdf.rules);
            self.dequeue(core, thread);
            let entity = &mut self.entities[thread as usize];
            if !std::mem::take(&mut entity.asleep) {
                self.assign(core, thread, self.charges.switch);
                return;
            }
            entity.lag = lag.min(0);
        }
        if let Some(thread) = self.steal(eevdf, core) {
            self.assign(core, thread, self.charges.switch);
        } else {
            self.idle(core);
        }
    }

    /// A core that would be idle takes a thread that waits for another: for the most crowded, else for any that has one to give.
    fn steal(&mut self, eevdf: Eevdf, core: u32) -> Option<u32> {
        if !self.crowded.any() {
            return None;
        }
        let crowd = |other: &u32| (self.cores[*other as usize].eevdf.awake(), self.charges.cores - *other);
        let from = self.crowded.after(core).take(LOOKED_AT).max_by_key(crowd)?;
        let cold = self.now.saturating_sub(CACHE_HOT);
        self.take_over(from, core, cold, eevdf.rules).or_else(|| {
            let gives = |other: &u32| self.cores[*other as usize].eevdf.first_off_since(cold).is_some();
            let from = self.crowded.after(core).take(LOOKED_AT).find(gives)?;
            self.take_over(from, core, cold, eevdf.rules)
        })
    }

    /// Moves a thread that waits for one core to another, where it has its place then; only one that has not run since
    /// `latest`.
    fn take_over(&mut self, from: u32, to: u32, latest: u64, rules: Rules) -> Option<u32> {
        let thread = self.cores[from as usize].eevdf.first_off_since(latest)?;
        self.advance_core(from, rules);
        let queue = &self.cores[from as usize].eevdf;
        let entity = &self.entities[thread as usize];
        let (lag, rest) = (queue.lag(entity, self.entity_on(from), rules), entity.deadline - entity.runtime);
        self.dequeue(from, thread);
        self.entities[thread as usize].lag = lag;
        self.advance_core(to, rules);
        self.settle_on(rules, to, thread);
        let entity = &mut self.entities[thread as usize];
        entity.deadline = entity.runtime + rest;
        Some(thread)
    }

    /// Schedules the kernel's next look at a core where somebody waits.
    fn await_tick(&mut self, core: u32, rules: Rules) {
        if self.cores[core as usize].eevdf.is_empty() {
            return;
        }
        let at = if let Some(ticks) = self.now.checked_div(rules.tick) {
            (ticks + 1) * rules.tick
        } else {
            let left = self.entity_on(core).map_or(0, |entity| entity.deadline - entity.runtime);
            let starts = if self.cores[core as usize].starting { self.charges.wake } else { 0 };
            self.now + starts + u64::try_from(left).unwrap_or(0).max(1)
        };
        if !std::mem::replace(&mut self.cores[core as usize].looking, true) {
            self.schedule(at, EventKind::Tick, 0, core);
        }
    }

    /// The kernel looks at a core: at its thread's slice, and at those who wait.
    pub(super) fn tick(&mut self, core: u32) {
        let Some(eevdf) = self.charges.eevdf else { return };
        self.cores[core as usize].looking = false;
        self.advance_core(core, eevdf.rules);
        if eevdf.rules.slice != NEVER
            && !self.cores[core as usize].starting
            && let Some(current) = self.entity_on(core)
            && self.cores[core as usize].eevdf.first(Some(current)).is_some()
        {
            self.yield_core(core);
        }
        self.fill_idle_cores(eevdf, core);
        if eevdf.rules.tick > 0 && self.now % EVENED_OUT < eevdf.rules.tick {
            self.even_out(eevdf, core);
        }
        self.await_tick(core, eevdf.rules);
    }

    /// Moves threads that wait for a core to those that are idle.
    fn fill_idle_cores(&mut self, eevdf: Eevdf, core: u32) {
        while self.cores[core as usize].eevdf.awake() > 0
            && let Some(idle) = self.idle_cores.peek(NONE)
        {
            let whoever = self.cores[core as usize].refused >= REFUSALS;
            let latest = if whoever { self.now } else { self.now.saturating_sub(CACHE_HOT) };
            let Some(thread) = self.take_over(core, idle, latest, eevdf.rules) else {
                self.cores[core as usize].refused += 1;
                return;
            };
            self.cores[core as usize].refused = 0;
            self.take_core(idle);
            let latency = self.wake_latency();
            self.assign(idle, thread, latency);
        }
        self.cores[core as usize].refused = 0;
    }

    /// Moves threads that wait to a busy core with fewer, until there is at most one more here.
    fn even_out(&mut self, eevdf: Eevdf, core: u32) {
        let crowd = |world: &Self, core: u32| world.cores[core as usize].eevdf.awake();
        let cores = self.charges.cores;
        let fewest = (1..cores.min(u32::try_from(LOOKED_AT).unwrap_or(cores)))
            .map(|offset| (core + offset) % cores)
            .filter(|other| !self.idle_cores.contains(*other))
            .min_by_key(|other| (crowd(self, *other), *other));
        let Some(other) = fewest else { return };
        let cold = self.now.saturating_sub(CACHE_HOT);
        while crowd(self, core) > crowd(self, other) + 1
            && let Some(thread) = self.take_over(core, other, cold, eevdf.rules)
        {
            self.enqueue(other, thread);
        }
        self.await_tick(other, eevdf.rules);
    }
}
