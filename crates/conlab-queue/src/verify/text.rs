//! The findings as text: a line a queue, and for a failing history a table with one column a thread.

use super::history::{Answer, Call, History, Operation};
use super::{Failure, VerifyReport};
use std::fmt::Write;

/// The report as text.
#[must_use]
pub fn render(report: &VerifyReport) -> String {
    let mut text = format!(
        "{:<12} {:>12} {:>10} {:>8} {:>9}  verdict\n",
        "queue", "operations", "histories", "threads", "time"
    );
    for verdict in &report.verdicts {
        let word = match &verdict.failure {
            None => "clean".to_owned(),
            Some(Failure::Rule(rule)) => format!("WRONG: {rule}"),
            Some(Failure::NotLinearizable { number, .. }) => {
                format!("WRONG: history {number} is not linearizable")
            }
        };
        let _ = writeln!(
            text,
            "{:<12} {:>12} {:>10} {:>8} {:>9}  {word}",
            verdict.queue,
            verdict.operations,
            verdict.histories,
            verdict.threads,
            format!("{:.2?}", verdict.took),
        );
        if let Some(Failure::NotLinearizable { history, .. }) = &verdict.failure {
            text += "\nNo order of these operations explains their answers (time runs downwards):\n\n";
            text += &table(history);
            text += "\n";
        }
    }
    let _ = writeln!(text, "seed {}", report.seed);
    text
}

/// A history as a table of one column a thread; each operation has a line for its call and one for its return, unless nothing came between.
#[must_use]
pub fn table(history: &History) -> String {
    let threads = history.operations.iter().map(|operation| operation.thread + 1).max().unwrap_or(0);
    let mut events: Vec<(u64, usize, String)> = Vec::new();
    for operation in &history.operations {
        let alone = !history.operations.iter().any(|other| other != operation && other.overlaps(operation));
        if alone {
            events.push((
                operation.called,
                operation.thread,
                format!("{}: {}", call(operation), answer(operation)),
            ));
        } else {
            events.push((operation.called, operation.thread, format!("{} …", call(operation))));
            events.push((operation.returned, operation.thread, format!("… {}", answer(operation))));
        }
    }
    events.sort_unstable();
    let line = |cells: Vec<String>| {
        let cells: Vec<_> = cells.into_iter().map(|cell| format!("{cell:<24}")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = line((0..threads).map(|thread| format!("thread {thread}")).collect());
    text += &line(vec!["-".repeat(24); threads]);
    for (_, thread, event) in events {
        let mut cells = vec![String::new(); threads];
        cells[thread] = event;
        text += &line(cells);
    }
    text
}

fn call(operation: &Operation) -> String {
    match operation.call {
        Call::Push(value) => format!("push({value})"),
        Call::Pop => "pop()".into(),
        Call::Close => "close()".into(),
    }
}

fn answer(operation: &Operation) -> String {
    match operation.answer {
        Answer::Done => "done".into(),
        Answer::Item(value) => value.to_string(),
        Answer::Full => "full".into(),
        Answer::Empty => "empty".into(),
        Answer::Closed => "closed".into(),
    }
}
