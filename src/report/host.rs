//! The page of `doctor`: what this host can and cannot measure.

use super::page::{Next, Page, Section, Table, Tone, Verdict};
use crate::measure::doctor::{Check, State};

/// The page of `checks`.
#[must_use]
pub fn doctor_page(checks: &[Check]) -> Page {
    let names = |state: State| -> Vec<&str> {
        checks.iter().filter(|check| check.state == state).map(|check| check.name).collect()
    };
    let (good, limited, missing) = (names(State::Good), names(State::Limited), names(State::Missing));
    let clause = |names: &[&str], words: &str| match names {
        [] => String::new(),
        names => format!(" {words}: {}.", names.join(", ")),
    };
    let answer = if limited.is_empty() && missing.is_empty() {
        "This host can measure everything that conlab measures.".to_owned()
    } else {
        let head = format!("{} of {} checks are good.", good.len(), checks.len());
        format!("{head}{}{}", clause(&missing, "Cannot be measured here"), clause(&limited, "Limited"))
    };
    let first = checks.iter().find(|check| check.state == State::Missing);
    let first = first.or_else(|| checks.iter().find(|check| check.state == State::Limited));
    let calibrate = first.filter(|check| check.remedy.contains("conlab calibrate")).is_some();
    let rows = checks.iter().map(|check| {
        let word = match check.state {
            State::Good => "good",
            State::Limited => "limited",
            State::Missing => "missing",
        };
        let remedy = if check.remedy.is_empty() { String::new() } else { format!(" → {}", check.remedy) };
        vec![check.name.to_owned(), word.to_owned(), format!("{}{remedy}", check.found)]
    });
    let table = Table::new("", "what | state | found, and what to do", 3, rows.collect());
    Page {
        kicker: "doctor".into(),
        title: "What this host can measure".into(),
        answer,
        next: Some(if calibrate {
            Next::new("conlab calibrate", "measures what the virtual engine charges on this host")
        } else {
            Next::new("conlab run", "where does a task's time go?")
        }),
        verdict: Some(if missing.is_empty() {
            Verdict { tone: Tone::Good, text: "nothing is missing".into() }
        } else {
            Verdict { tone: Tone::Doubtful, text: format!("{} missing", missing.join(", ")) }
        }),
        sections: vec![Section::new("checks", "Checks", "Each was tried.").with(table).in_brief()],
        ..Page::default()
    }
}
