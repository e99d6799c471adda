//! Who runs where: the seam between the mechanism of cores and a scheduling policy.

use super::eevdf::Eevdf;
use super::exact_slices::ExactSlices;
use super::processors::{Activity, CoreId, MachineEvent, Processors, Roused, ThreadId};
use super::weight::Weight;
use crate::units::Nanos;

/// Whoever keeps account of what threads spend their time on. `()` keeps none.
pub trait Observer {
    /// `thread` has done `activity` for `time`, up to now; never for no time at all.
    fn spent(&mut self, thread: ThreadId, activity: Activity, time: Nanos);

    /// `thread` was taken off its core although it could have gone on.
    fn preempted(&mut self, thread: ThreadId) {
        let _ = thread;
    }
}

impl Observer for () {
    fn spent(&mut self, _: ThreadId, _: Activity, _: Nanos) {}
}

/// A scheduling policy. It keeps whoever is runnable and has no core, and moves threads by [`Processors`].
///
/// A runnable thread must be on a core, being switched to, or kept by the policy; a core must not idle while somebody whom it
/// may run waits.
pub trait Policy {
    /// A thread exists from now on, blocked; the core that it counts as having run on, if any.
    fn add(&mut self, thread: ThreadId) -> Option<CoreId>;

    /// A thread that has not run yet gets another weight than the normal one. A policy that knows none lets it be.
    fn weigh(&mut self, thread: ThreadId, weight: Weight) {
        let _ = (thread, weight);
    }

    /// A blocked thread has become runnable, woken from core `near` if from any; `latency` is how long an idle core takes to start
    /// it. Whether a core was roused or interrupted for it.
    fn wake<E: Copy + From<MachineEvent>>(
        &mut self,
        cpus: &mut Processors<E>,
        thread: ThreadId,
        near: Option<CoreId>,
        latency: Nanos,
        observer: &mut impl Observer,
    ) -> Roused;

    /// The thread on `core` is blocked from now on; [`dispatch`](Policy::dispatch) follows.
    fn blocked<E: Copy + From<MachineEvent>>(&mut self, cpus: &mut Processors<E>, core: CoreId);

    /// Gives a core on which nobody runs to the next thread, or lets it idle.
    fn dispatch<E: Copy + From<MachineEvent>>(&mut self, cpus: &mut Processors<E>, core: CoreId);

    /// The thread that a core was given to begins to run on it.
    fn started(&mut self, core: CoreId, now: Nanos);

    /// A core's thread is to run until `end` ([`Nanos::MAX`]: until something happens). Until when it may; nothing if the policy
    /// has taken it off the core.
    fn limit<E: Copy + From<MachineEvent>>(
        &mut self,
        cpus: &mut Processors<E>,
        core: CoreId,
        end: Nanos,
        observer: &mut impl Observer,
    ) -> Option<Nanos>;

    /// The [tick](Processors::schedule_tick) of a core.
    fn tick<E: Copy + From<MachineEvent>>(
        &mut self,
        cpus: &mut Processors<E>,
        core: CoreId,
        observer: &mut impl Observer,
    );
}

/// One of the two policies, chosen at run time.
#[derive(Debug)]
pub enum Scheduler {
    /// Linux's.
    Eevdf(Eevdf),
    /// First come, first served.
    ExactSlices(ExactSlices),
}

macro_rules! of_either {
    ($self:ident, $policy:ident => $call:expr) => {
        match $self {
            Self::Eevdf($policy) => $call,
            Self::ExactSlices($policy) => $call,
        }
    };
}

impl Policy for Scheduler {
    fn add(&mut self, thread: ThreadId) -> Option<CoreId> {
        of_either!(self, policy => policy.add(thread))
    }

    fn weigh(&mut self, thread: ThreadId, weight: Weight) {
        of_either!(self, policy => policy.weigh(thread, weight));
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
        of_either!(self, policy => policy.wake(cpus, thread, near, latency, observer))
    }

    #[inline]
    fn blocked<E: Copy + From<MachineEvent>>(&mut self, cpus: &mut Processors<E>, core: CoreId) {
        of_either!(self, policy => policy.blocked(cpus, core));
    }

    #[inline]
    fn dispatch<E: Copy + From<MachineEvent>>(&mut self, cpus: &mut Processors<E>, core: CoreId) {
        of_either!(self, policy => policy.dispatch(cpus, core));
    }

    #[inline]
    fn started(&mut self, core: CoreId, now: Nanos) {
        of_either!(self, policy => policy.started(core, now));
    }

    #[inline]
    fn limit<E: Copy + From<MachineEvent>>(
        &mut self,
        cpus: &mut Processors<E>,
        core: CoreId,
        end: Nanos,
        observer: &mut impl Observer,
    ) -> Option<Nanos> {
        of_either!(self, policy => policy.limit(cpus, core, end, observer))
    }

    fn tick<E: Copy + From<MachineEvent>>(
        &mut self,
        cpus: &mut Processors<E>,
        core: CoreId,
        observer: &mut impl Observer,
    ) {
        of_either!(self, policy => policy.tick(cpus, core, observer));
    }
}
