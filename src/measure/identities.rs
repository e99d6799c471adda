//! The identities that every record must satisfy; one that fails makes the run untrustworthy.
//!
//! Each check computes its two sides from figures that were counted apart, so that a lost task or a forgotten
//! wait shows.

use super::record::{ActorRecord, Identity, RunRecord, ThreadRecord};

/// Share of a mean sojourn that may be unexplained.
const TASK_TOLERANCE: f64 = 0.02;
/// Share of a thread's wall time that may be unexplained before it is an error; above 2 % is a warning.
const THREAD_TOLERANCE: f64 = 0.10;
/// Share by which Little's two sides may differ: rounding, for both are computed of the same instants.
const LITTLE_TOLERANCE: f64 = 1e-9;
/// Share of the tasks' time by which their steps and their queue may differ from their sojourns.
const STEPS_TOLERANCE: f64 = 0.02;
/// Time per task, in nanoseconds, by which they may differ besides.
const STEPS_TOLERANCE_NS: f64 = 100.0;

/// Whether `part` is at most `whole`, but for a share of it and an amount besides.
#[expect(clippy::cast_precision_loss, reason = "sums of nanoseconds")]
pub(super) fn within(part: u64, whole: u64, share: f64, amount: u64) -> bool {
    part as f64 <= whole as f64 * (1.0 + share) + amount as f64
}

/// Checks every identity of `record`.
#[must_use]
pub fn check(record: &RunRecord) -> Vec<Identity> {
    if let Some(observed) = &record.observed {
        return super::observed::check(record, observed);
    }
    let mut checked = Vec::new();
    for (name, actor) in &record.actors {
        let ended = actor.ended();
        let accounted = ended + actor.in_flight;
        checked.push(Identity {
            name: format!("nothing-lost {name}"),
            holds: actor.issued == accounted && actor.sojourn_ns.count == actor.completed + actor.in_flight,
            detail: format!(
                "issued {} = completed {} + refused {}{} + in flight {}",
                actor.issued,
                actor.completed,
                actor.refused,
                other_ends(actor),
                actor.in_flight
            ),
        });
        if actor.sojourn_ns.count > 0 {
            checked.push(task_time(
                name,
                "mean",
                actor.breakdown_mean_ns.total(),
                actor.breakdown_mean_ns.residual,
            ));
            checked.push(task_time(
                name,
                "p99",
                actor.breakdown_p99_ns.total(),
                actor.breakdown_p99_ns.residual,
            ));
            checked.push(step_time(name, actor));
        }
    }
    if record.scheduler.available {
        checked.push(thread_time(record));
    }
    checked.push(little(record));
    checked
}

/// The further ends of tasks, where there are any.
fn other_ends(actor: &ActorRecord) -> String {
    let ends = [("timed out", actor.timed_out), ("failed", actor.failed), ("cancelled", actor.cancelled)];
    ends.iter().filter(|end| end.1 > 0).map(|(name, count)| format!(" + {name} {count}")).collect()
}

/// Parts sum to the sojourn by construction of the residual; what must hold is that the residual is small.
fn task_time(actor: &str, which: &str, sojourn: f64, residual: f64) -> Identity {
    Identity {
        name: format!("task-time {actor} {which}"),
        holds: residual.abs() <= sojourn * TASK_TOLERANCE + 100.0,
        detail: format!("residual {residual:.0} ns of {sojourn:.0} ns"),
    }
}

/// The time of an actor's tasks, counted step by step, against the same counted task by task.
#[expect(clippy::cast_precision_loss, reason = "counts of tasks")]
fn step_time(name: &str, actor: &ActorRecord) -> Identity {
    let tasks = actor.sojourn_ns.count as f64;
    let steps = actor.steps.iter().map(|step| step.total_ns.total()).sum::<f64>() - actor.ended_otherwise_ns;
    let mean = &actor.breakdown_mean_ns;
    let (queue, sojourn) = (mean.queue * tasks, mean.total() * tasks);
    let difference = sojourn - queue - steps;
    Identity {
        name: format!("step-time {name}"),
        holds: difference.abs() <= STEPS_TOLERANCE * sojourn + STEPS_TOLERANCE_NS * tasks,
        detail: format!("queue {queue:.0} ns + steps {steps:.0} ns = sojourns {sojourn:.0} ns"),
    }
}

fn thread_time(record: &RunRecord) -> Identity {
    let wall: u64 = record.threads.iter().map(|thread| thread.wall_ns).sum();
    let residual: i64 = record.threads.iter().map(|thread| thread.residual_ns).sum();
    Identity {
        name: "thread-time".into(),
        holds: thread_residual_of(&record.threads).abs() <= THREAD_TOLERANCE,
        detail: format!(
            "wall {wall} ns = on-CPU {} + run queue {} + blocked {} + residual {residual}",
            record.scheduler.on_cpu_ns, record.scheduler.run_queue_ns, record.scheduler.blocked_ns
        ),
    }
}

/// Share of the threads' wall time that no figure explains.
#[must_use]
pub fn thread_residual_of(threads: &[ThreadRecord]) -> f64 {
    let wall: u64 = threads.iter().map(|thread| thread.wall_ns).sum();
    share(threads.iter().map(|thread| thread.residual_ns).sum(), wall)
}

#[expect(clippy::cast_precision_loss, reason = "a share")]
fn share(part: i64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Both sides are of the window with its edges, so nothing but a task that was lost or counted twice can part them.
fn little(record: &RunRecord) -> Identity {
    let little = record.little;
    let difference = (little.tasks_in_system - little.product).abs();
    Identity {
        name: "little".into(),
        holds: difference <= little.tasks_in_system.max(little.product) * LITTLE_TOLERANCE,
        detail: format!(
            "tasks in system {:.9} = stays of tasks / length of the window {:.9}",
            little.tasks_in_system, little.product
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::record::{Breakdown, Distribution, Little, StepRecord};

    /// A record in which everything holds.
    fn sound() -> RunRecord {
        let mut record = RunRecord::default();
        record.treatment.focus = "a".into();
        record.window.length_ns = 1_000_000_000;
        record.actors.insert(
            "a".into(),
            ActorRecord {
                issued: 1010,
                completed: 1000,
                in_flight: 10,
                sojourn_ns: Distribution {
                    mean: 1e6,
                    max: 2_000_000,
                    count: 1010,
                    ..Distribution::default()
                },
                breakdown_mean_ns: Breakdown { queue: 6e5, io: 4e5, ..Breakdown::default() },
                steps: vec![StepRecord {
                    total_ns: Breakdown { io: 1010.0 * 4e5, ..Breakdown::default() },
                    ..StepRecord::default()
                }],
                ..ActorRecord::default()
            },
        );
        record.little = Little { tasks_in_system: 1.0, product: 1.0 };
        record.scheduler.available = true;
        record.threads = vec![ThreadRecord { wall_ns: 100, residual_ns: 1, ..ThreadRecord::default() }];
        record
    }

    fn broken(record: &RunRecord) -> Vec<String> {
        check(record).into_iter().filter(|identity| !identity.holds).map(|identity| identity.name).collect()
    }

    #[test]
    fn a_sound_record_passes() {
        assert_eq!(broken(&sound()), Vec::<String>::new());
    }

    #[test]
    fn each_identity_dies_of_its_own_lie() {
        let mut lost = sound();
        lost.actors.get_mut("a").unwrap().issued += 1;
        assert_eq!(broken(&lost), ["nothing-lost a"]);
        let mut unexplained = sound();
        unexplained.actors.get_mut("a").unwrap().breakdown_mean_ns.residual = 3e4;
        // The sum of the parts is not the sojourn then, and neither are the steps.
        assert_eq!(broken(&unexplained), ["task-time a mean", "step-time a"]);
        let mut asleep = sound();
        asleep.threads[0].residual_ns = -11;
        assert_eq!(broken(&asleep), ["thread-time"]);
        let mut phantom = sound();
        phantom.little.product = 1.000_001;
        assert_eq!(broken(&phantom), ["little"]);
        let mut warm = sound();
        warm.actors.get_mut("a").unwrap().steps[0].total_ns.io *= 1.2;
        assert_eq!(broken(&warm), ["step-time a"]);
        let mut dropped = sound();
        dropped.actors.get_mut("a").unwrap().sojourn_ns.count -= 10;
        assert_eq!(broken(&dropped), ["nothing-lost a"]);
    }
}
