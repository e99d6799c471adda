//! The section of a run's page that takes calls apart, by the mean task of each callee.

use super::answer::calls as waits;
use super::{as_f64, largest, parts};
use crate::measure::Cause;
use crate::measure::record::{ActorRecord, Breakdown, RunRecord};
use crate::report::page::{Section, Stack, StackRow, Table};
use crate::report::words::{duration, share};

/// Calls within calls that are followed.
const DEEPEST: usize = 4;
/// Least share of the mean task that a row of its own shows.
const SMALLEST: f64 = 0.005;

/// Where the time of calls goes at the callees; `None` where nothing is called.
pub(super) fn through_calls(record: &RunRecord, actor: &ActorRecord) -> Option<Section> {
    let mut rows = Vec::new();
    follow(record, actor, &mut vec![record.treatment.focus.as_str()], "", &mut rows);
    if rows.is_empty() {
        return None;
    }
    let table = {
        // The steps' times are those of every task that ended, also of those that gave up: they have no share in the mean
        // sojourn of those that completed.
        let gave_up = actor.timed_out + actor.failed + actor.cancelled;
        let tasks = as_f64((actor.completed + gave_up).max(1));
        let own = waits(actor).into_iter().map(|(name, time)| {
            let callee = record.actors.get(name).filter(|callee| callee.completed > 0);
            let (cause, value) =
                callee.map_or((Cause::Residual, 0.0), |callee| largest(&callee.breakdown_mean_ns));
            let whole = callee.map_or(1.0, |callee| callee.breakdown_mean_ns.total());
            vec![
                name.to_owned(),
                if callee.is_some() { cause.label().to_owned() } else { "–".into() },
                share(value / whole),
                duration(time / tasks),
                if gave_up > 0 {
                    "–".into()
                } else {
                    share(time / tasks / actor.sojourn_ns.mean.max(f64::MIN_POSITIVE))
                },
            ]
        });
        Table::new(
            "",
            "callee | its largest part | share | wait per task | of the mean sojourn",
            2,
            own.collect(),
        )
    };
    let lead = "What the tasks that are called spend their time on, each callee's mean task; a callee may serve others too.";
    let bars =
        Stack { caption: "The mean task of each callee".into(), rows, compact: true, ..Stack::default() };
    Some(
        Section::new("calls", "Through the calls", lead)
            .with(end_to_end(record, actor, "The mean task", &actor.breakdown_mean_ns))
            .with(end_to_end(record, actor, "The tasks at the p99", &actor.breakdown_p99_ns))
            .with(table)
            .with(bars),
    )
}

/// A task's `times` with its calls taken apart: own causes, then those of whom it waits for, down to the last callee.
fn end_to_end(record: &RunRecord, actor: &ActorRecord, what: &str, times: &Breakdown) -> Table {
    let whole = times.total();
    let mut leaves = Vec::new();
    let mut path = vec![record.treatment.focus.as_str()];
    flatten(record, actor, times, 1.0, &mut path, &mut leaves);
    leaves.sort_by(|a: &(String, Cause, f64), b| b.2.total_cmp(&a.2));
    let rows = leaves.into_iter().filter(|leaf| leaf.2 >= SMALLEST * whole).map(|(place, cause, time)| {
        vec![place, cause.label().to_owned(), duration(time), share(time / whole.max(f64::MIN_POSITIVE))]
    });
    Table::new(
        format!("{what}, calls taken apart as the mean task of each callee"),
        "where | what | time | share",
        2,
        rows.collect(),
    )
}

/// Appends the causes of a breakdown at `scale`; what is spent in calls as the callees' own causes.
fn flatten<'record>(
    record: &'record RunRecord,
    actor: &'record ActorRecord,
    times: &Breakdown,
    scale: f64,
    path: &mut Vec<&'record str>,
    leaves: &mut Vec<(String, Cause, f64)>,
) {
    let place = path.join(" → ");
    let waits = waits(actor);
    let waited: f64 = waits.iter().map(|(_, time)| time).sum();
    for (cause, time) in times.parts().into_iter().filter(|part| part.1 != 0.0) {
        if cause != Cause::Call || waited <= 0.0 || path.len() > DEEPEST {
            leaves.push((place.clone(), cause, time * scale));
            continue;
        }
        for &(name, part) in &waits {
            let time = time * scale * part / waited;
            let callee = record.actors.get(name).filter(|callee| callee.completed > 0);
            let own = callee.map_or(0.0, |callee| callee.breakdown_mean_ns.total());
            match callee {
                Some(callee) if own > 0.0 && !path.contains(&name) => {
                    path.push(name);
                    flatten(record, callee, &callee.breakdown_mean_ns, time / own, path, leaves);
                    path.pop();
                }
                _ => leaves.push((format!("{place} → {name}"), cause, time)),
            }
        }
    }
}

fn follow<'record>(
    record: &'record RunRecord,
    caller: &'record ActorRecord,
    path: &mut Vec<&'record str>,
    indent: &str,
    rows: &mut Vec<StackRow>,
) {
    for (name, _) in waits(caller) {
        let Some(callee) = record.actors.get(name).filter(|callee| callee.completed > 0) else { continue };
        if path.contains(&name) || path.len() > DEEPEST {
            continue;
        }
        rows.push(StackRow { label: format!("{indent}{name}"), parts: parts(&callee.breakdown_mean_ns) });
        path.push(name);
        follow(record, callee, path, &format!("{indent}→ "), rows);
        path.pop();
    }
}
