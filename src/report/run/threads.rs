//! The section of a run's page about its threads.

use super::as_f64;
use crate::measure::Cause;
use crate::measure::record::{RunRecord, ThreadRecord, Timeline};
use crate::report::page::{Block, Lanes, Section, Stack, StackRow, Stretch, Table};
use crate::report::words::{count, duration};

pub(super) fn threads(record: &RunRecord) -> Section {
    let mut section = Section::new(
        "threads",
        "Threads and scheduler",
        "Wall time of each worker: on a processor, runnable without one, or blocked.",
    );
    if let Some(timeline) = record.timeline.as_ref().filter(|timeline| !timeline.spans.is_empty()) {
        section.blocks.push(lanes(timeline).into());
    }
    if !record.threads.is_empty() {
        let rows = record.threads.iter().map(budget).collect::<Vec<_>>();
        let compact = rows.len() > 6;
        section
            .blocks
            .push(Stack { caption: "Time of each thread".into(), rows, shares_only: true, compact }.into());
    }
    let scheduler = &record.scheduler;
    if scheduler.available {
        let pair = |name: &str, value: String| (name.to_owned(), value);
        let mut pairs = vec![
            pair("on a processor", duration(as_f64(scheduler.on_cpu_ns))),
            pair("run-queue wait", duration(as_f64(scheduler.run_queue_ns))),
            pair("blocked", duration(as_f64(scheduler.blocked_ns))),
            pair("voluntary switches", count(scheduler.voluntary_switches)),
            pair("involuntary switches", count(scheduler.involuntary_switches)),
        ];
        if let Some(migrations) = scheduler.migrations {
            pairs.push(pair("migrations", count(migrations)));
        }
        section.blocks.push(Block::Pairs(pairs));
    } else {
        section.blocks.push(Block::Text("The system gave no scheduler figures per thread.".into()));
    }
    if !record.threads.is_empty() {
        let summary = format!("All {} threads in figures", record.threads.len());
        section.blocks.push(Block::Details { summary, blocks: vec![thread_table(&record.threads).into()] });
    }
    section
}

/// A thread's wall time in disjoint parts.
fn budget(thread: &ThreadRecord) -> StackRow {
    let blocked = thread.blocked_ns.saturating_sub(thread.idle_ns);
    #[expect(clippy::cast_precision_loss, reason = "drawn")]
    let residual = thread.residual_ns as f64;
    let parts = [
        (Cause::Execution, as_f64(thread.work_ns)),
        (Cause::Spinning, as_f64(thread.spinning_ns)),
        (Cause::Bookkeeping, as_f64(thread.bookkeeping_ns)),
        (Cause::RunQueue, as_f64(thread.run_queue_ns)),
        (Cause::Blocked, as_f64(blocked)),
        (Cause::Idle, as_f64(thread.idle_ns)),
        (Cause::Residual, residual),
    ];
    let parts = parts.into_iter().filter(|part| part.1 != 0.0).collect();
    StackRow { label: thread.name.clone(), parts }
}

fn thread_table(threads: &[ThreadRecord]) -> Table {
    let head = "thread | tasks | wall | on CPU | work | spinning | bookkeeping | run queue \
        | blocked | of it idle | residual | voluntary | involuntary";
    let rows = threads
        .iter()
        .map(|thread| {
            #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
            let residual = thread.residual_ns as f64;
            let time = |ns: u64| duration(as_f64(ns));
            vec![
                thread.name.clone(),
                count(thread.tasks),
                time(thread.wall_ns),
                time(thread.on_cpu_ns),
                time(thread.work_ns),
                time(thread.spinning_ns),
                time(thread.bookkeeping_ns),
                time(thread.run_queue_ns),
                time(thread.blocked_ns),
                time(thread.idle_ns),
                duration(residual),
                count(thread.voluntary_switches),
                count(thread.involuntary_switches),
            ]
        })
        .collect();
    Table::new("", head, 1, rows)
}

fn lanes(timeline: &Timeline) -> Lanes {
    let stretches: Vec<Stretch> = timeline
        .spans
        .iter()
        .filter(|span| span.state != "task")
        .map(|span| Stretch {
            lane: span.track,
            start_ns: span.start_ns,
            length_ns: span.length_ns,
            state: span.state.clone(),
            label: span.label.clone(),
        })
        .collect();
    let length_ns =
        stretches.iter().map(|each| each.start_ns.saturating_add(each.length_ns)).max().unwrap_or(0);
    Lanes {
        caption: "States of the threads".into(),
        lanes: timeline.tracks.clone(),
        stretches,
        length_ns,
        omitted: timeline.omitted,
    }
}
