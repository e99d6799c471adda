//! The identities that every record must satisfy; one that fails makes the run untrustworthy.
//!
//! Each check computes its two sides from figures that were counted apart, so that a lost task or a forgotten
//! wait shows.

use super::record::{Identity, RunRecord, ThreadRecord};

/// Share of a mean sojourn that may be unexplained.
const TASK_TOLERANCE: f64 = 0.02;
/// Share of a thread's wall time that may be unexplained before it is an error; above 2 % is a warning.
const THREAD_TOLERANCE: f64 = 0.10;
/// Share by which Little's two sides may differ besides the tasks cut at the window's ends.
const LITTLE_TOLERANCE: f64 = 0.02;

/// Checks every identity of `record`.
#[must_use]
pub fn check(record: &RunRecord) -> Vec<Identity> {
    let mut checked = Vec::new();
    for (name, actor) in &record.actors {
        let accounted = actor.completed + actor.refused + actor.in_flight;
        checked.push(Identity {
            name: format!("nothing-lost {name}"),
            holds: actor.issued == accounted && actor.sojourn_ns.count == actor.completed,
            detail: format!(
                "issued {} = completed {} + refused {} + in flight {}",
                actor.issued, actor.completed, actor.refused, actor.in_flight
            ),
        });
        if actor.completed > 0 {
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
        }
    }
    if record.scheduler.available {
        checked.push(thread_time(record));
    }
    checked.push(little(record));
    checked
}

/// Parts sum to the sojourn by construction of the residual; what must hold is that the residual is small.
fn task_time(actor: &str, which: &str, sojourn: f64, residual: f64) -> Identity {
    Identity {
        name: format!("task-time {actor} {which}"),
        holds: residual.abs() <= sojourn * TASK_TOLERANCE + 100.0,
        detail: format!("residual {residual:.0} ns of {sojourn:.0} ns"),
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

/// The two sides differ by the tasks that are cut at the ends of the window: at most the number in the system at
/// each end, each for at most its sojourn.
#[expect(clippy::cast_precision_loss, reason = "counts of tasks")]
fn little(record: &RunRecord) -> Identity {
    let little = record.little;
    let focus = record.actors.get(&record.treatment.focus);
    let cut = focus.map_or(0.0, |actor| {
        let ends = 2.0 * little.tasks_in_system.max(actor.in_flight as f64) + 2.0;
        ends * actor.sojourn_ns.max as f64 / (record.window.length_ns.max(1)) as f64
    });
    let difference = (little.tasks_in_system - little.product).abs();
    Identity {
        name: "little".into(),
        holds: difference <= little.tasks_in_system.max(little.product) * LITTLE_TOLERANCE + cut,
        detail: format!(
            "tasks in system {:.4}, throughput × sojourn {:.4}, {cut:.4} cut at the ends",
            little.tasks_in_system, little.product
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::record::{ActorRecord, Breakdown, Distribution, Little};

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
                    count: 1000,
                    ..Distribution::default()
                },
                breakdown_mean_ns: Breakdown { queue: 1e6, ..Breakdown::default() },
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
        assert_eq!(broken(&unexplained), ["task-time a mean"]);
        let mut asleep = sound();
        asleep.threads[0].residual_ns = -11;
        assert_eq!(broken(&asleep), ["thread-time"]);
        let mut phantom = sound();
        phantom.little.product = 1.1;
        assert_eq!(broken(&phantom), ["little"]);
    }
}
