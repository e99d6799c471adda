//! The page of a replay: a scenario's figures beside those of recordings.

use super::{signed, with_interval};
use crate::report::page::{Next, Page, Section, Table, Tone, Verdict};
use crate::report::words::several;
use crate::study::replay::{Fidelity, Replayed, ReplayedFigure};

/// The page of `replayed`; `file` is the scenario as it was given.
#[must_use]
pub fn replay_page(replayed: &Replayed, file: &str) -> Page {
    let figures = &replayed.figures;
    let missed: Vec<&ReplayedFigure> =
        figures.iter().filter(|figure| figure.fidelity == Fidelity::Missed).collect();
    let worst = missed.iter().max_by(|a, b| a.error.abs().total_cmp(&b.error.abs()));
    let recordings = several(replayed.recordings as u64, "recording");
    let answer = match worst {
        None => format!("{file} gives all {} recorded figures.", figures.len()),
        Some(worst) => format!(
            "{file} misses {} of {} recorded figures; the worst is {} of `{}`: {} instead of {} ({}).",
            missed.len(),
            figures.len(),
            worst.metric.name(),
            worst.of,
            worst.metric.unit().show(worst.predicted.value),
            worst.metric.unit().show(worst.recorded.0),
            signed(worst.error)
        ),
    };
    let load = if replayed.replayed.is_empty() {
        "under the scenario's own load".to_owned()
    } else {
        format!("with the recorded arrivals of {}", replayed.replayed.join(", "))
    };
    let runs = match replayed.recordings {
        1 => format!("Eight runs in virtual time {load}"),
        several => format!("Eight runs in virtual time {load} for each of {several} recordings"),
    };
    let mut lead = String::from(
        "An error is predicted ÷ recorded − 1. Tolerance: mean and throughput 10 %, percentiles 20 %, or the spread of the recordings.",
    );
    if !replayed.unknown.is_empty() {
        lead += &format!(" The scenario has no {}: left out.", replayed.unknown.join(", "));
    }
    Page {
        kicker: format!(
            "replay {} · {recordings} · virtual engine · seed {}",
            replayed.scenario, replayed.seed
        ),
        title: replayed.scenario.clone(),
        question: "Does the scenario do what was recorded?".into(),
        answer,
        certainty: format!("{runs}; 95 % intervals."),
        next: Some(if missed.is_empty() {
            Next::new(format!("conlab whatif {file}"), "predicts what a fix would bring")
        } else {
            Next::new(
                format!("conlab fit {file} --to RECORDING --free PATH=LOW..HIGH"),
                "finds the parameter that the recording asks for",
            )
        }),
        verdict: Some(Verdict {
            tone: if missed.is_empty() { Tone::Good } else { Tone::Bad },
            text: format!("{} of {} figures within tolerance", figures.len() - missed.len(), figures.len()),
        }),
        sections: vec![
            Section::new("fidelity", "Recorded beside predicted", &lead).with(table(figures)).in_brief(),
        ],
        ..Page::default()
    }
}

fn table(figures: &[ReplayedFigure]) -> Table {
    let rows = figures.iter().map(|figure| {
        let unit = figure.metric.unit();
        let (mean, least, largest) = figure.recorded;
        let recorded = if least < largest {
            format!("{} ({} to {})", unit.show(mean), unit.show(least), unit.show(largest))
        } else {
            unit.show(mean)
        };
        let fidelity = match figure.fidelity {
            Fidelity::Good => "good",
            Fidelity::WithinRecordings => "within recordings",
            Fidelity::Missed => "MISS",
        };
        vec![
            figure.of.clone(),
            figure.metric.name().to_owned(),
            fidelity.to_owned(),
            figure.tasks.to_string(),
            recorded,
            with_interval(unit, &figure.predicted),
            signed(figure.error),
        ]
    });
    Table::new("", "of | figure | verdict | tasks | recorded | predicted | error", 3, rows.collect())
}
