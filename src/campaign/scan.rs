//! The bottleneck scan: no function above 25 % self time, no component above 35 % of total time.

use crate::measure::RunRecord;
use crate::measure::record::{ActorRecord, Breakdown};

/// Most self time that a function may have, in per cent.
pub(super) const MOST_SELF: f64 = 25.0;
/// Most time that a component may have, in per cent.
pub(super) const MOST_TOTAL: f64 = 35.0;

/// Something above its bound.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bottleneck {
    /// What.
    pub(super) what: String,
    /// Its share in per cent.
    pub(super) percent: f64,
    /// The bound.
    pub(super) bound: f64,
}

/// Shares of an actor's steps in its busy time (execution, locks, run queue: what a profiler sees), in per cent.
#[must_use]
pub(super) fn self_shares(actor: &ActorRecord) -> Vec<(String, f64)> {
    let total: f64 = actor.steps.iter().map(|step| busy(&step.total_ns)).sum();
    if total <= 0.0 {
        return Vec::new();
    }
    actor.steps.iter().map(|step| (step.name.clone(), 100.0 * busy(&step.total_ns) / total)).collect()
}

fn busy(times: &Breakdown) -> f64 {
    times.execution + times.lock + times.run_queue
}

/// Every function and component above its bound. A component is looked at only beside others.
#[must_use]
pub(super) fn bottlenecks(record: &RunRecord) -> Vec<Bottleneck> {
    let mut found = Vec::new();
    let time_of = |actor: &ActorRecord| actor.steps.iter().map(|step| busy(&step.total_ns)).sum::<f64>();
    let all: f64 = record.actors.values().map(time_of).sum();
    let is_alone = record.actors.values().filter(|actor| actor.completed > 0).count() < 2;
    for (name, actor) in &record.actors {
        for (step, percent) in self_shares(actor) {
            if percent > MOST_SELF && actor.steps.len() > 1 {
                found.push(Bottleneck { what: format!("{name}: {step} (self)"), percent, bound: MOST_SELF });
            }
        }
        let percent = 100.0 * time_of(actor) / all.max(1.0);
        if percent > MOST_TOTAL && !is_alone {
            found.push(Bottleneck { what: format!("{name} (total)"), percent, bound: MOST_TOTAL });
        }
    }
    found.sort_by(|one, other| other.percent.total_cmp(&one.percent));
    found
}
