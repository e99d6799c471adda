//! The bottleneck scan: functions above a bound of self time, components above a bound of total time.

use super::pack::ScanBounds;
use crate::measure::RunRecord;
use crate::measure::record::{ActorRecord, Breakdown};

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
pub(super) fn bottlenecks(record: &RunRecord, bounds: ScanBounds) -> Vec<Bottleneck> {
    let mut found = Vec::new();
    let time_of = |actor: &ActorRecord| actor.steps.iter().map(|step| busy(&step.total_ns)).sum::<f64>();
    let all: f64 = record.actors.values().map(time_of).sum();
    let is_alone = record.actors.values().filter(|actor| actor.completed > 0).count() < 2;
    for (name, actor) in &record.actors {
        for (step, percent) in self_shares(actor) {
            if percent > bounds.self_time && actor.steps.len() > 1 {
                found.push(Bottleneck {
                    what: format!("{name}: {step} (self)"),
                    percent,
                    bound: bounds.self_time,
                });
            }
        }
        let percent = 100.0 * time_of(actor) / all.max(1.0);
        if percent > bounds.total_time && !is_alone {
            found.push(Bottleneck { what: format!("{name} (total)"), percent, bound: bounds.total_time });
        }
    }
    found.sort_by(|one, other| other.percent.total_cmp(&one.percent));
    found
}
