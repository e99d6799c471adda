//! What a run's text says of mechanisms that not every scenario has: ends other than completion, kinds of request, phases, calls,
//! pools, batches, events, a quota.

use super::terminal::{rate, row, table, time};
use crate::measure::record::{ActorRecord, GroupRecord, RunRecord};
use crate::units::Nanos;
use std::fmt::Write;

/// The further ends of an actor's tasks, as terms of a sum.
pub(super) fn ends(actor: &ActorRecord) -> String {
    let ends = [("timed out", actor.timed_out), ("failed", actor.failed), ("cancelled", actor.cancelled)];
    ends.iter().filter(|end| end.1 > 0).map(|(name, count)| format!(" + {count} {name}")).collect()
}

/// Everything about the actor in focus and about what is shared.
pub(super) fn sections(text: &mut String, record: &RunRecord, focus: Option<&ActorRecord>) {
    for (name, actor) in &record.actors {
        goodput(text, record, name, actor);
    }
    if let Some(actor) = focus {
        groups(text, actor);
    }
    pools(text, record);
    others(text, record);
}

#[expect(clippy::cast_precision_loss, reason = "a rate of tasks")]
fn goodput(text: &mut String, record: &RunRecord, name: &str, actor: &ActorRecord) {
    let seconds = Nanos(record.window.length_ns).as_secs_f64();
    if actor.wasted > 0 && seconds > 0.0 {
        let useful = actor.completed.saturating_sub(actor.wasted) as f64 / seconds;
        _ = writeln!(
            text,
            "\n{name}: {} of {} completed tasks were no longer waited for; goodput {} tasks/s",
            actor.wasted,
            actor.completed,
            rate(useful)
        );
    }
    if let Some(calls) = actor.calls.filter(|calls| calls.calls > 0) {
        _ = writeln!(
            text,
            "\n{name}: {} calls sent {} messages ({} retries, {} hedges), {} gave up",
            calls.calls, calls.attempts, calls.retries, calls.hedges, calls.gave_up
        );
    }
}

fn groups(text: &mut String, actor: &ActorRecord) {
    const COUNTS: [&str; 6] = ["issued", "completed", "refused", "timed out", "failed", "tasks/s"];
    const TIMES: [&str; 8] = ["mean", "p50", "p90", "p95", "p99", "p99.9", "max", "stddev"];
    let named = actor.kinds.iter().map(|(name, group)| (name.clone(), group));
    let phase = |at: u64| Nanos(at).to_string();
    let phases =
        actor.phases.iter().map(|of| (format!("{} to {}", phase(of.from_ns), phase(of.to_ns)), &of.tasks));
    let all: [(&str, Vec<(String, &GroupRecord)>); 2] = [
        ("By kind of request", named.collect()),
        ("By phase, of the tasks that arrived in it", phases.collect()),
    ];
    for (title, groups) in all.into_iter().filter(|(_, groups)| !groups.is_empty()) {
        let mut counts = table(&[&[""], &COUNTS[..]].concat());
        let mut times = table(&[&["sojourn"], &TIMES[..]].concat());
        for (name, group) in groups {
            let mut cells = vec![name.clone()];
            let numbers = [
                group.issued,
                group.completed,
                group.refused,
                group.timed_out,
                group.failed + group.cancelled,
            ];
            cells.extend(numbers.map(|number| number.to_string()));
            cells.push(rate(group.throughput_per_s));
            counts.add_row(cells);
            times.add_row(row(&name, &group.sojourn_ns));
        }
        _ = writeln!(text, "\n{title}\n{counts}\n{times}");
    }
}

fn pools(text: &mut String, record: &RunRecord) {
    if record.pools.is_empty() {
        return;
    }
    let mut shown = table(&["pool", "size", "taken", "waited", "gave up", "wait", "wait p99", "hold"]);
    for (name, pool) in &record.pools {
        shown.add_row(vec![
            name.clone(),
            pool.size.to_string(),
            pool.acquisitions.to_string(),
            pool.contended.to_string(),
            pool.timed_out.to_string(),
            time(pool.wait_ns.mean),
            Nanos(pool.wait_ns.p99).to_string(),
            time(pool.hold_ns.mean),
        ]);
    }
    _ = writeln!(text, "\nPools\n{shown}");
}

#[expect(clippy::cast_precision_loss, reason = "a mean, and a share")]
fn others(text: &mut String, record: &RunRecord) {
    for (step, batch) in record.batches.iter().filter(|(_, batch)| batch.batches > 0) {
        let mean = batch.tasks as f64 / batch.batches as f64;
        _ = writeln!(
            text,
            "\n{step}: {} tasks in {} batches, {mean:.1} each, {} at most",
            batch.tasks, batch.batches, batch.largest
        );
    }
    let window = record.window.length_ns.max(1) as f64;
    for (name, event) in &record.events {
        let share = event.total_ns as f64 / window * 100.0;
        _ = writeln!(
            text,
            "\nevent {name}: {} times, {} in all ({share:.1} % of the window)",
            event.count,
            Nanos(event.total_ns)
        );
    }
    if let Some(quota) = record.quota {
        _ = writeln!(
            text,
            "\nquota of {} in {}: used up in {} of {} periods, for {} in all",
            Nanos(quota.quota_ns),
            Nanos(quota.period_ns),
            quota.throttled,
            quota.periods,
            Nanos(quota.throttled_ns)
        );
    }
}
