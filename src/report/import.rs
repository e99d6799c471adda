//! The page of an import: what was read, what is doubtful, and how the scenario does beside the recording.

use super::page::{Block, Notice, Page, Section, Table, Tone, Verdict};
use super::words::number;
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

/// A group of threads as recorded, and as the scenario gives it in virtual time: mean numbers of threads.
#[derive(Clone, Debug, PartialEq)]
pub struct ThreadsBeside {
    /// The actor that stands for the group.
    pub actor: String,
    /// On a processor: recorded, and in the scenario.
    pub on_cpu: (f64, f64),
    /// Waiting for a processor: recorded, and in the scenario.
    pub run_queue: (f64, f64),
}

impl ThreadsBeside {
    /// Whether the scenario's threads use the processors as the recorded ones did: within a tenth, or two hundredths of a processor.
    #[must_use]
    pub fn is_close(&self) -> bool {
        (self.on_cpu.1 - self.on_cpu.0).abs() <= (0.1 * self.on_cpu.0).max(0.02)
    }
}

/// The page of a scenario imported to `file` from recorded threads of `program`.
#[must_use]
pub fn threads_page(
    name: &str,
    file: &str,
    program: &str,
    notes: &[String],
    rows: &[ThreadsBeside],
    seed: u64,
) -> Page {
    let far: Vec<&str> = rows.iter().filter(|row| !row.is_close()).map(|row| row.actor.as_str()).collect();
    let answer = if far.is_empty() {
        format!(
            "{file} uses the processors as the recorded threads did; it starts from their shares, and knows no requests."
        )
    } else {
        format!(
            "{file} does not use the processors as recorded: {}. The recorded threads had fewer processors than the host has, or waits that depend on each other.",
            far.join(", ")
        )
    };
    let text = |row: &ThreadsBeside| {
        vec![
            row.actor.clone(),
            number(row.on_cpu.0),
            number(row.on_cpu.1),
            number(row.run_queue.0),
            number(row.run_queue.1),
        ]
    };
    let head = "threads | on a processor | scenario | waiting for one | scenario";
    let table = Table::new("", head, 1, rows.iter().map(text).collect());
    let notice = |note: &String| Notice {
        tone: Tone::Doubtful,
        code: "import".into(),
        message: note.clone(),
        remedy: String::new(),
    };
    let verdict = if far.is_empty() {
        Verdict { tone: Tone::Good, text: "processor time within 10 %".into() }
    } else {
        Verdict { tone: Tone::Bad, text: "processor time off by more than 10 %".into() }
    };
    Page {
        kicker: format!("import {name} · threads of {program} · virtual engine · seed {seed}"),
        title: name.to_owned(),
        question: "Do the scenario's threads run and wait as the recorded ones?".into(),
        answer,
        verdict: Some(verdict),
        sections: vec![
            Section::new(
                "fidelity",
                "The scenario beside the recording",
                "Mean numbers of threads; the scenario in virtual time.",
            )
            .with(table),
            Section::new("doubts", "What the recording does not tell", "")
                .with(Block::Notices(notes.iter().map(notice).collect())),
            Section::new("next", "Next", "").with(Block::Code(format!(
                "conlab run {file} --engine virtual --cores 4\nconlab whatif {file}"
            ))),
        ],
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
