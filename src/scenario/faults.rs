//! Reads what makes an actor's work dearer or ends it: costs that grow with concurrency, niceness, panics, workers that die.

use super::calls::read_share;
use super::draws::draw;
use super::reader::{Field, Section};
use super::{Kill, Panics, Slowdown};
use crate::queue::QueueKind;
use crate::workload::{Draw, Spread};

/// Reads `slowdown = { beyond = 96, each = "0.1%" }`.
pub(super) fn read_slowdown(actor: &Section<'_>) -> Option<Slowdown> {
    let slowdown = actor.section("slowdown", "{ beyond = 96, each = \"0.1%\" }")?;
    slowdown.only(&["beyond", "each"]);
    let each = slowdown
        .required("each", "how much longer everything takes for each further task, such as \"0.1%\"")?;
    Some(Slowdown { beyond: slowdown.count("beyond", 0, 1 << 24).unwrap_or(0), each: read_share(&each)? })
}

/// Reads `nice`; 0 where nothing is said.
pub(super) fn read_nice(workers: &Section<'_>) -> i32 {
    let nice = workers.field("nice").and_then(|field| field.integer(-20, 19));
    nice.and_then(|nice| i32::try_from(nice).ok()).unwrap_or(0)
}

/// Reads `restart`: how long a worker is away whose task has panicked.
pub(super) fn read_restart(workers: &Section<'_>, queue: QueueKind) -> Option<Draw> {
    let field = workers.field("restart")?;
    if queue == QueueKind::Async {
        field.wrong("belongs to threads that die of a panic, which a handler of tokio does not: expected a queue of threads, or no `restart`");
    }
    draw(&field, &Spread::Constant)
}

/// Reads `panic` of a step: a share, `{ task = 1000 }` or `{ every = 1000 }`.
pub(super) fn read_panics(field: &Field<'_>) -> Option<Panics> {
    const EXPECTED: &str = "a share such as \"0.1%\", { task = 1000 } or { every = 1000 }";
    const MOST: u64 = 1_000_000_000_000;
    let Some(table) = field.table() else {
        return read_share(field).map(Panics::Chance);
    };
    table.only(&["task", "every"]);
    match (table.field("task"), table.field("every")) {
        (Some(task), None) => task.count(1, MOST).map(Panics::Task),
        (None, Some(every)) => every.count(1, MOST).map(Panics::Every),
        _ => {
            field.wrong(format!("names not exactly one way: expected {EXPECTED}"));
            None
        }
    }
}

/// Reads `kill` and `workers` of an event.
pub(super) fn read_kill(event: &Section<'_>, actors: &super::names::Directory) -> Option<Kill> {
    let most = event.length("workers", 1, super::file::MAX_THREADS);
    let Some(field) = event.field("kill") else {
        if let Some(workers) = event.field("workers") {
            workers.wrong("counts workers that die: expected `kill` beside it");
        }
        return None;
    };
    Some(Kill { actor: field.reference("actor", actors)?, workers: most })
}
