//! First come, first served, with slices that end to the nanosecond.
//!
//! One queue in order of becoming runnable serves all cores while none is idle, and a thread that has run for a slice while
//! others wait goes to its tail. Nobody gives way to a thread that wakes up. The slice of a thread is as much longer or shorter as its
//! weight, so that threads that always compute share a core by their weights.
//!
//! Tickless: while nobody waits, a slice's end is not scheduled; it is when somebody starts to wait.

use super::policy::{Observer, Policy};
use super::processors::{CoreId, MachineEvent, Processors, Roused, ThreadId};
use super::weight::Weight;
use crate::units::Nanos;
use std::collections::VecDeque;

/// Cores that are looked at for the next end of a slice; on larger hosts the next ones in turn.
const LOOKED_AT: u32 = 8;

/// First come, first served, with slices that end exactly.
#[derive(Debug)]
pub struct ExactSlices {
    /// `u64::MAX`: never over.
    slice: u64,
    run_queue: VecDeque<u32>,
    cores: Vec<Slice>,
    /// By thread; those beyond it have the normal one.
    weights: Vec<Weight>,
    /// Where the next look for the end of a slice begins, on a large host.
    looked_at: u32,
}

/// The slice of a core's thread.
#[derive(Clone, Copy, Debug, Default)]
struct Slice {
    start: u64,
    length: u64,
    /// Its end is scheduled.
    armed: bool,
}

impl ExactSlices {
    /// The policy of a machine of `cores` cores; without a slice a thread runs until it blocks.
    ///
    /// ```
    /// use conlab_sim::{machine::{Costs, ExactSlices, Machine}, units::Nanos};
    /// let slices = ExactSlices::new(2, Some(Nanos::from_millis(4)));
    /// let machine: Machine<ExactSlices> = Machine::new(2, slices, Costs::NONE, 18);
    /// assert!(machine.any_idle());
    /// ```
    ///
    /// # Panics
    ///
    /// When the slice is no time at all.
    #[must_use]
    pub fn new(cores: u32, slice: Option<Nanos>) -> Self {
        assert!(slice != Some(Nanos::ZERO), "a slice takes some time");
        Self {
            slice: slice.map_or(u64::MAX, |slice| slice.0),
            run_queue: VecDeque::new(),
            cores: vec![Slice::default(); cores as usize],
            weights: Vec::new(),
            looked_at: 0,
        }
    }

    fn assign<E: Copy + From<MachineEvent>>(
        &mut self,
        cpus: &mut Processors<E>,
        core: CoreId,
        thread: ThreadId,
        latency: Nanos,
    ) {
        let length = self.slice_of(thread);
        let state = &mut self.cores[core.index()];
        (state.armed, state.length) = (false, length);
        cpus.assign(core, thread, latency);
    }

    /// The slice of a thread.
    #[inline]
    fn slice_of(&self, thread: ThreadId) -> u64 {
        match self.weights.get(thread.index()) {
            None | Some(&Weight::NORMAL) => self.slice,
            Some(weight) => {
                let slice = i64::try_from(self.slice).unwrap_or(i64::MAX);
                weight.real_time(slice).unsigned_abs().max(1)
            }
        }
    }

    /// Schedules the end of a slice, now that somebody waits: on the core whose slice ends first.
    fn arm<E: Copy + From<MachineEvent>>(&mut self, cpus: &mut Processors<E>, observer: &mut impl Observer) {
        if self.slice == u64::MAX {
            return;
        }
        let cores = cpus.cores();
        let from = if cores > LOOKED_AT { self.looked_at } else { 0 };
        // Each turn looks at the next cores, so that no thread keeps its core although others wait.
        self.looked_at = (from + LOOKED_AT) % cores;
        let now = cpus.now().0;
        let chosen = (0..cores.min(LOOKED_AT))
            .map(|offset| (from + offset) % cores)
            .filter(|core| !self.cores[*core as usize].armed)
            .min_by_key(|core| self.slice_end(*core, now));
        let Some(core) = chosen.map(CoreId) else { return };
        self.cores[core.index()].armed = true;
        if !cpus.is_starting(core) && !cpus.is_active(core) {
            cpus.stop_burst(core);
            cpus.burst(self, core, observer);
        }
    }

    /// When the current slice of a core ends: slices that ended while nobody waited were renewed.
    fn slice_end(&self, core: u32, now: u64) -> u64 {
        let Slice { start, length, .. } = self.cores[core as usize];
        let length = length.max(1);
        let over = now.saturating_sub(start) / length;
        start.saturating_add((over + 1).saturating_mul(length))
    }
}

impl Policy for ExactSlices {
    fn add(&mut self, _: ThreadId) -> Option<CoreId> {
        None
    }

    fn weigh(&mut self, thread: ThreadId, weight: Weight) {
        if self.weights.len() <= thread.index() {
            self.weights.resize(thread.index() + 1, Weight::NORMAL);
        }
        self.weights[thread.index()] = weight;
    }

    #[inline]
    fn wake<E: Copy + From<MachineEvent>>(
        &mut self,
        cpus: &mut Processors<E>,
        thread: ThreadId,
        _near: Option<CoreId>,
        latency: Nanos,
        observer: &mut impl Observer,
    ) -> Roused {
        if let Some(core) = cpus.idle_core(cpus.core_of(thread)) {
            cpus.take(core);
            self.assign(cpus, core, thread, latency);
            return Roused::Core;
        }
        self.run_queue.push_back(thread.0);
        self.arm(cpus, observer);
        Roused::Nobody
    }

    #[inline]
    fn blocked<E: Copy + From<MachineEvent>>(&mut self, _: &mut Processors<E>, _: CoreId) {}

    #[inline]
    fn dispatch<E: Copy + From<MachineEvent>>(&mut self, cpus: &mut Processors<E>, core: CoreId) {
        if let Some(thread) = self.run_queue.pop_front() {
            let switch = cpus.costs().switch;
            self.assign(cpus, core, ThreadId(thread), switch);
        } else {
            self.cores[core.index()].armed = false;
            cpus.idle(core);
        }
    }

    #[inline]
    fn started(&mut self, core: CoreId, now: Nanos) {
        self.cores[core.index()].start = now.0;
    }

    #[inline]
    fn limit<E: Copy + From<MachineEvent>>(
        &mut self,
        cpus: &mut Processors<E>,
        core: CoreId,
        end: Nanos,
        observer: &mut impl Observer,
    ) -> Option<Nanos> {
        if self.slice == u64::MAX {
            return Some(end);
        }
        let (now, somebody_waits) = (cpus.now().0, !self.run_queue.is_empty());
        let state = &mut self.cores[core.index()];
        let ran = now - state.start;
        if somebody_waits && state.armed && ran >= state.length {
            let thread = cpus.interrupt(core, observer);
            self.run_queue.push_back(thread.0);
            self.dispatch(cpus, core);
            return None;
        }
        if ran >= state.length {
            // A slice that ended while nobody waited is renewed.
            state.start = now - ran % state.length;
        }
        state.armed = somebody_waits;
        let slice_end = Nanos(state.start.saturating_add(state.length));
        Some(if somebody_waits { end.min(slice_end) } else { end })
    }

    fn tick<E: Copy + From<MachineEvent>>(
        &mut self,
        _: &mut Processors<E>,
        _: CoreId,
        _: &mut impl Observer,
    ) {
    }
}
