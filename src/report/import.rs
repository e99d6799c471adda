//! The page of an import: what was read, what is doubtful, and how the scenario does beside the recording.

use super::page::{Block, Notice, Page, Section, Table, Tone, Verdict};
use crate::study::Unit;

/// A figure as recorded and as the scenario gives it in virtual time: nanoseconds, or per second.
#[derive(Clone, Debug, PartialEq)]
pub struct Fidelity {
    /// Which.
    pub name: String,
    /// As recorded.
    pub observed: f64,
    /// As the scenario gives it.
    pub predicted: f64,
    /// Per second instead of nanoseconds.
    pub is_rate: bool,
}

/// The page of a scenario imported to `file`.
#[must_use]
pub fn import_page(
    name: &str,
    file: &str,
    read: &str,
    notes: &[String],
    rows: &[Fidelity],
    seed: u64,
) -> Page {
    let error = |row: &Fidelity| row.predicted / row.observed - 1.0;
    let find = |name: &str| rows.iter().find(|row| row.name == name).map(error);
    let words = |name: &str| find(name).map(|error| format!("{name} {}", super::study::signed(error)));
    let errors: Vec<String> = ["mean", "p99"].into_iter().filter_map(words).collect();
    let close = find("mean").is_some_and(|error| error.abs() <= 0.1);
    let mut sections = vec![
        Section::new(
            "fidelity",
            "The scenario beside the recording",
            "Of the requests from outside; the scenario in virtual time.",
        )
        .with(table(rows)),
    ];
    if !notes.is_empty() {
        let notice = |note: &String| Notice {
            tone: Tone::Doubtful,
            code: "import".into(),
            message: note.clone(),
            remedy: String::new(),
        };
        sections.push(
            Section::new("doubts", "What the recording does not tell", "")
                .with(Block::Notices(notes.iter().map(notice).collect())),
        );
    }
    sections.push(Section::new("next", "Next", "").with(Block::Code(format!(
        "conlab whatif {file}\nconlab search {file} --goal 'p99<…' --over 'actor.….threads=1..64'"
    ))));
    Page {
        kicker: format!("import {name} · {read} · virtual engine · seed {seed}"),
        title: name.to_owned(),
        question: "Does the scenario do what was recorded?".into(),
        answer: if close {
            format!("{file} gives the recorded figures: {}.", errors.join(", "))
        } else {
            format!(
                "{file} does not give the recorded figures: {}. Something that spans do not show is at work: a lock, a full pool, a busy processor.",
                errors.join(", ")
            )
        },
        verdict: Some(if close {
            Verdict { tone: Tone::Good, text: "the mean is within 10 %".into() }
        } else {
            Verdict { tone: Tone::Bad, text: "the mean is off by more than 10 %".into() }
        }),
        sections,
        ..Page::default()
    }
}

fn table(rows: &[Fidelity]) -> Table {
    let rows = rows.iter().map(|row| {
        let unit = if row.is_rate { Unit::Rate } else { Unit::Time };
        vec![
            row.name.clone(),
            unit.show(row.observed),
            unit.show(row.predicted),
            super::study::signed(row.predicted / row.observed - 1.0),
        ]
    });
    Table::new("", "figure | recorded | scenario | error", 1, rows.collect())
}
