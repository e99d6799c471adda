//! The sections of a run's page that follow single tasks: end to end at the mean and at the p99, and the slowest ones.

use super::as_f64;
use super::paths::{Paths, Piece, Sum, actor_of, around_p99, sojourn, sums};
use crate::measure::Cause;
use crate::measure::record::{ActorRecord, RunRecord, SlowTask, TaskSpan};
use crate::report::page::{Block, Lanes, Section, Stretch, Table};
use crate::report::words::{count, duration, share};
use std::collections::BTreeMap;

/// Least share of the whole that a row of its own shows.
const SMALLEST: f64 = 0.005;
/// Rows of the table of one task's pieces, at most.
const MOST_PIECES: usize = 60;

/// Where the time of traced tasks went through all calls, at the mean and at the p99; `None` where no task was traced as a whole.
pub(super) fn end_to_end(record: &RunRecord) -> Option<Section> {
    let paths = Paths::of(record.timeline.as_ref()?)?;
    // Spans end with the window.
    let mut tasks = paths.completed(&record.treatment.focus);
    tasks.retain(|task| task.ended_ns <= record.window.length_ns);
    if tasks.is_empty() {
        return None;
    }
    let slow = around_p99(&tasks);
    let title = |what: &str, tasks: &[&TaskSpan]| {
        let time: u64 = tasks.iter().map(|task| sojourn(task)).fold(0, u64::saturating_add);
        format!(
            "{what}: {} (n = {})",
            duration(as_f64(time) / as_f64(tasks.len() as u64)),
            count(tasks.len() as u64)
        )
    };
    let lead = "Each traced task on its critical path: in place of a call stands what the task that answered it did, and of several answers the last. \
                A wait says what was in the way most of the time.";
    let mut section = Section::new("end-to-end", "End to end", lead);
    for (what, tasks) in [("Tasks at the mean", tasks.as_slice()), ("Tasks around the p99", slow)] {
        section = section.with(table(title(what, tasks), &sums(&paths, tasks), tasks.len() as u64));
    }
    Some(section)
}

/// Places and causes by their part of the whole.
fn table(caption: String, sums: &BTreeMap<(String, Cause, String), Sum>, tasks: u64) -> Table {
    let whole: f64 = sums.values().map(|sum| sum.time).sum();
    let mut rows: Vec<(&(String, Cause, String), &Sum)> = sums.iter().collect();
    rows.sort_by(|one, other| other.1.time.total_cmp(&one.1.time));
    let (shown, small): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|(_, sum)| sum.time >= SMALLEST * whole);
    let row = |((place, cause, label), sum): (&(String, Cause, String), &Sum)| {
        let most = sum.holders.iter().max_by(|one, other| one.1.total_cmp(other.1));
        let holder = most.map_or_else(String::new, |(holder, time)| {
            let part = time / sum.time.max(f64::MIN_POSITIVE);
            format!("{holder} ({})", share(part))
        });
        vec![
            place.clone(),
            what(*cause, label),
            holder,
            duration(sum.time / as_f64(tasks.max(1))),
            share(sum.time / whole.max(f64::MIN_POSITIVE)),
        ]
    };
    let mut rows: Vec<Vec<String>> = shown.into_iter().map(row).collect();
    let rest: f64 = small.iter().map(|(_, sum)| sum.time).sum();
    if rest > 0.0 {
        rows.push(vec![
            format!("{} more", small.len()),
            "each below 0.5 %".into(),
            String::new(),
            duration(rest / as_f64(tasks.max(1))),
            share(rest / whole.max(f64::MIN_POSITIVE)),
        ]);
    }
    Table::new(caption, "where | what | in the way, mostly | per task | share", 3, rows)
}

/// A cause and its step or lock, in words.
fn what(cause: Cause, label: &str) -> String {
    match (cause, label) {
        // Off its worker, and no answer that it awaited was under way.
        (Cause::Residual, "") => "away from its worker".into(),
        (Cause::Lock, "") => "lock wait: of a cache".into(),
        (cause, "") => cause.label().to_owned(),
        (Cause::Lock, lock) => format!("lock wait: {lock}"),
        (Cause::Call, step) => format!("calls: {step}, on the way"),
        (cause, step) => format!("{}: {step}", cause.label()),
    }
}

/// The slowest tasks, each from arrival to completion; `None` where the record names none.
pub(super) fn slowest(record: &RunRecord, actor: &ActorRecord) -> Option<Section> {
    if actor.slowest.is_empty() {
        return None;
    }
    let occurs = |cause: &Cause| actor.slowest.iter().any(|task| of(task, *cause) != 0.0);
    let shown: Vec<Cause> = Cause::ALL.into_iter().filter(occurs).collect();
    let mut head: Vec<String> = ["task", "arrived at", "sojourn"].map(String::from).into();
    head.extend(shown.iter().map(|cause| cause.label().to_owned()));
    let rows = actor.slowest.iter().zip(1_u64..).map(|(task, number)| {
        let mut row =
            vec![count(number), duration(as_f64(task.arrived_ns)), duration(as_f64(task.sojourn_ns))];
        row.extend(shown.iter().map(|&cause| duration(of(task, cause))));
        row
    });
    let lead = "From arrival to completion, the wait in the queue included; arrivals count from the start of the window.";
    let table = Table { caption: String::new(), head, rows: rows.collect(), words: 1 };
    let section = Section::new("slowest", "The slowest tasks", lead).with(table);
    let Some(paths) = record.timeline.as_ref().and_then(Paths::of) else {
        return Some(
            section.with(Block::Text(
                "Where each spent its time, call by call, is in a traced run: --html FILE or --trace FILE."
                    .into(),
            )),
        );
    };
    let traced = paths.completed(&record.treatment.focus);
    let found = actor.slowest.iter().zip(1_u64..).filter_map(|(slow, number)| {
        let same = |task: &&&TaskSpan| task.arrived_ns == slow.arrived_ns && sojourn(task) == slow.sojourn_ns;
        Some(one(&paths, traced.iter().find(same)?, number))
    });
    Some(found.fold(section, Section::with))
}

/// A slow task on its critical path: a picture and a table, on demand.
fn one(paths: &Paths<'_>, task: &TaskSpan, number: u64) -> Block {
    let pieces = paths.pieces(task);
    let longest = pieces.iter().max_by_key(|piece| piece.length_ns);
    let mostly = longest.map_or_else(String::new, |piece| {
        let part = share(as_f64(piece.length_ns) / as_f64(sojourn(task).max(1)));
        let holder = holder(paths, piece);
        let holder = if holder.is_empty() { String::new() } else { format!(", {holder}") };
        format!(": longest {} at {} ({part}{holder})", what(piece.cause, &piece.label), piece.place)
    });
    let summary = format!("Task {number}, {}{mostly}", duration(as_f64(sojourn(task))));
    let mut shown: Vec<&Piece> = pieces.iter().collect();
    shown.sort_by_key(|piece| std::cmp::Reverse(piece.length_ns));
    let left_out: u64 = shown.iter().skip(MOST_PIECES).map(|piece| piece.length_ns).sum();
    shown.truncate(MOST_PIECES);
    shown.sort_by_key(|piece| piece.start_ns);
    let rows = shown.into_iter().map(|piece| {
        vec![
            piece.place.clone(),
            what(piece.cause, &piece.label),
            piece.track.map_or_else(String::new, |track| paths.track(track).to_owned()),
            holder(paths, piece),
            duration(as_f64(piece.start_ns.saturating_sub(task.arrived_ns))),
            duration(as_f64(piece.length_ns)),
        ]
    });
    let head = "where | what | on | in the way | after | for";
    let caption = if left_out > 0 {
        format!(
            "The {MOST_PIECES} longest pieces in order of time; {} in shorter ones",
            duration(as_f64(left_out))
        )
    } else {
        "In order of time".to_owned()
    };
    let blocks = vec![lanes(&pieces, task).into(), Table::new(caption, head, 4, rows.collect()).into()];
    Block::Details { summary, blocks }
}

/// What was in the way of a piece, with the thread that it was on.
fn holder(paths: &Paths<'_>, piece: &Piece) -> String {
    match (&piece.holder, piece.cause) {
        (Some((track, _)), Cause::Queue) => format!("{} was busy", paths.track(*track)),
        (Some((track, words)), _) if words.is_empty() => format!("held by {}", paths.track(*track)),
        (Some((track, words)), _) => format!("held by {} in {words}", paths.track(*track)),
        (None, _) => String::new(),
    }
}

/// A task's critical path as lanes: one for each actor on the way.
fn lanes(pieces: &[Piece], task: &TaskSpan) -> Lanes {
    let mut places: Vec<(usize, &str)> = Vec::new();
    for piece in pieces {
        if !places.contains(&(piece.depth, piece.place.as_str())) {
            places.push((piece.depth, &piece.place));
        }
    }
    places.sort_by_key(|(depth, _)| *depth);
    let stretch = |piece: &Piece| Stretch {
        lane: places.iter().position(|(_, place)| *place == piece.place).unwrap_or(0),
        start_ns: piece.start_ns.saturating_sub(task.arrived_ns),
        length_ns: piece.length_ns,
        state: piece.cause.key().to_owned(),
        label: piece.label.clone(),
    };
    let mut stretches: Vec<Stretch> = pieces.iter().map(stretch).collect();
    stretches.sort_by_key(|stretch| (stretch.lane, stretch.start_ns));
    Lanes {
        caption: format!("The critical path of this task of {}", actor_of(task)),
        lanes: places.iter().map(|(_, place)| (*place).to_owned()).collect(),
        stretches,
        length_ns: sojourn(task),
        omitted: 0,
    }
}

fn of(task: &SlowTask, cause: Cause) -> f64 {
    task.breakdown_ns.parts().into_iter().filter(|part| part.0 == cause).map(|part| part.1).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::run::paths::tests::timeline;

    #[test]
    fn the_slowest_tasks_open_to_their_paths_and_the_p99_names_who_held_the_lock() {
        let mut record = RunRecord { timeline: Some(timeline()), ..RunRecord::default() };
        record.treatment.focus = "web".into();
        record.window.length_ns = 200;
        let actor = ActorRecord {
            slowest: vec![SlowTask { arrived_ns: 5, sojourn_ns: 95, ..SlowTask::default() }],
            ..ActorRecord::default()
        };
        let slow = slowest(&record, &actor).unwrap();
        let Some(Block::Details { summary, blocks }) = slow.blocks.last() else { panic!("{slow:?}") };
        assert!(
            summary.contains("95 ns")
                && summary.contains("pages")
                && summary.contains("held by db-1 in db.vacuum"),
            "{summary}"
        );
        let Block::Table(table) = &blocks[1] else { panic!("{blocks:?}") };
        assert!(
            table.rows.iter().any(|row| row[1] == "lock wait: pages" && row[2] == "db-0"),
            "{:?}",
            table.rows
        );
        let Block::Timeline(lanes) = &blocks[0] else { panic!("{blocks:?}") };
        assert_eq!((lanes.lanes.join(", ").as_str(), lanes.length_ns), ("web, web → db", 95));
        let section = end_to_end(&record).unwrap();
        let Some(Block::Table(at_p99)) = section.blocks.last() else { panic!("{section:?}") };
        assert!(
            at_p99.rows.iter().any(|row| row[0] == "web → db" && row[2].starts_with("db.vacuum")),
            "{:?}",
            at_p99.rows
        );
        record.timeline = None;
        assert!(end_to_end(&record).is_none());
        assert!(slowest(&record, &actor).is_some());
    }
}
