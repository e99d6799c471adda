//! The page of `verify`: what was tried of each queue, and what is wrong with one.

use crate::report::page::{Block, Next, Notice, Page, Section, Table, Tone};
use crate::report::words::{count, duration, several};
use crate::verify::{Failure, VerifyReport, history_table};

/// The page of `report`.
#[must_use]
pub fn verify_page(report: &VerifyReport) -> Page {
    let wrong = report.verdicts.iter().filter(|verdict| verdict.failure.is_some());
    let alarms: Vec<Notice> = wrong
        .map(|verdict| Notice {
            tone: Tone::Bad,
            code: format!("WRONG: {}", verdict.queue),
            message: what(verdict.failure.as_ref()),
            remedy: "do not use this queue before the cause is found; the seed repeats the trial".into(),
        })
        .collect();
    let rows = report.verdicts.iter().map(|verdict| {
        vec![
            verdict.queue.clone(),
            if verdict.failure.is_some() { "WRONG".into() } else { "clean".into() },
            count(verdict.operations),
            count(verdict.histories),
            verdict.threads.to_string(),
            duration(verdict.took.as_secs_f64() * 1e9),
        ]
    });
    let head = "queue | verdict | operations | histories | threads | time";
    let lead = "One thread against a deque, producers and consumers, a ping-pong, and random histories checked for \
                linearizability.";
    let mut sections =
        vec![Section::new("queues", "Queues", lead).with(Table::new("", head, 2, rows.collect())).in_brief()];
    for verdict in &report.verdicts {
        if let Some(Failure::NotLinearizable { number, history }) = &verdict.failure {
            let title = format!("{}: history {number}", verdict.queue);
            let lead = "No order of these operations explains their answers; time runs downwards.";
            let section = Section::new(format!("history-{}", verdict.queue), title, lead);
            sections.push(section.with(Block::Code(history_table(history))).in_brief());
        }
    }
    let operations: u64 = report.verdicts.iter().map(|verdict| verdict.operations).sum();
    let histories: u64 = report.verdicts.iter().map(|verdict| verdict.histories).sum();
    let names: Vec<&str> = report.verdicts.iter().map(|verdict| verdict.queue.as_str()).collect();
    let answer = if alarms.is_empty() {
        format!(
            "{} clean: {} lost, doubled or reordered nothing, and every history is linearizable.",
            several(names.len() as u64, "queue"),
            names.join(", ")
        )
    } else {
        format!("{} of {} is wrong.", alarms.len(), several(names.len() as u64, "queue"))
    };
    Page {
        kicker: format!("verify · seed {}", report.seed),
        title: "Queues under random histories".into(),
        alarms,
        answer,
        certainty: format!(
            "{} operations and {} histories on real threads: a search by chance, not a proof.",
            count(operations),
            count(histories)
        ),
        next: Some(Next::new(
            "RUSTFLAGS=\"--cfg loom\" cargo test --test loom",
            "searches the interleavings of conlab's own queues one by one",
        )),
        sections,
        ..Page::default()
    }
}

fn what(failure: Option<&Failure>) -> String {
    match failure {
        None => String::new(),
        Some(Failure::Rule(rule)) => rule.clone(),
        Some(Failure::NotLinearizable { number, .. }) => {
            format!("history {number} is not linearizable")
        }
    }
}
