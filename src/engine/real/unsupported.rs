//! What an experiment may ask for and real threads do not do: refused in a sentence before anything starts.

use crate::engine::{Experiment, Profiler};
use crate::measure::sched;
use crate::queue::QueueKind;
use crate::scenario::{CostFactors, Load};

/// Whether threads of this process may have this nice value: a thread tries it.
fn may_be_nice(nice: i32) -> bool {
    std::thread::spawn(move || sched::set_nice(nice)).join().unwrap_or(false)
}

/// The first thing of an experiment that this engine does not do; a sentence that follows "cannot".
pub(super) fn first_of(experiment: &Experiment) -> Option<String> {
    let scenario = &experiment.scenario;
    if scenario.host.factors != CostFactors::default() {
        return Some(
            "make switches, queues or coherence cheaper on real threads; use --engine virtual".into(),
        );
    }
    if experiment.profiler == Profiler::Memory && scenario.actors[scenario.focus].queue == QueueKind::Async {
        return Some(
            "count allocations by step where the queue is async: a handler's steps do not stay on one thread; use --profiler \
             deterministic, or another --queue"
                .into(),
        );
    }
    if experiment.profiler != Profiler::None && scenario.actors.iter().any(|actor| actor.at.is_some()) {
        return Some(
            "tell the steps of actors apart that share their workers on real threads; leave --profiler out, or use --engine virtual"
                .into(),
        );
    }
    let processors = sched::processors().and_then(|count| u32::try_from(count).ok()).unwrap_or(u32::MAX);
    if let Some(cores) = scenario.host.cores.filter(|cores| *cores > processors) {
        return Some(format!(
            "run real threads on {cores} processors where this process may use {processors}; use --cores {processors}, or \
             --engine virtual"
        ));
    }
    let nice = |nice: &i32| *nice != 0 && !may_be_nice(*nice);
    if let Some(actor) = scenario.actors.iter().find(|actor| nice(&actor.nice)) {
        return Some(format!(
            "give the workers of `{}` a nice value of {}, which this process may not; use one from 0 to 19, run it with \
             CAP_SYS_NICE, or use --engine virtual",
            actor.name, actor.nice
        ));
    }
    if scenario.actors.iter().all(|actor| actor.load == Load::None) {
        return Some(
            "run a scenario in which no actor has load: give one `load`, or use --load baseline".into(),
        );
    }
    let ordered = scenario.actors.iter().find(|actor| actor.kinds.iter().any(|kind| kind.priority > 0))?;
    Some(format!(
        "serve one kind of request before another on real threads, as `{}` wants; use --engine virtual",
        ordered.name
    ))
}
