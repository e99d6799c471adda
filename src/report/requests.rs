//! The requests of a run as an access log has them: when each came, and how long it took.

use crate::measure::RunRecord;
use std::fmt::Write;

/// A CSV of the tasks of the actor in focus, whoever sent them, by arrival; `None` when the record kept no tasks.
///
/// Durations are sojourn times: a client sees no queue apart. A status is 200 for a completed task and 500 for any other.
#[must_use]
pub fn requests(record: &RunRecord) -> Option<String> {
    let tasks = &record.timeline.as_ref()?.tasks;
    let focus = &record.treatment.focus;
    let mut out = "start_ms,duration_ms,request,status\n".to_owned();
    for task in tasks {
        let (actor, kind) = task.of.split_once('.').unwrap_or((&task.of, &task.of));
        if actor != focus {
            continue;
        }
        let status = if task.end == "completed" { 200 } else { 500 };
        let _ = writeln!(
            out,
            "{},{},{kind},{status}",
            Millis(task.arrived_ns),
            Millis(task.ended_ns.saturating_sub(task.arrived_ns))
        );
    }
    (!tasks.is_empty()).then_some(out)
}

/// Nanoseconds as milliseconds, without rounding.
struct Millis(u64);

impl std::fmt::Display for Millis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}
