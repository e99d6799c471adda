//! The page of a validation: the virtual engine's predictions beside real measurements.

use super::{doubts, signed};
use crate::report::page::{Next, Page, Section, Table, Tone, Verdict};
use crate::report::words::several;
use crate::study::validate::{Row, Validated, Verdict as Judged};

/// The page of what was found, made under this calibration with so many replicates of each.
#[must_use]
pub fn validate_page(found: &Validated, calibration: &str, replicates: u32) -> Page {
    let rows = &found.rows;
    let count = |verdict| rows.iter().filter(|row| row.verdict == Some(verdict)).count();
    let judged = rows.iter().filter(|row| row.verdict.is_some()).count();
    let (good, noise, missed) = (count(Judged::Good), count(Judged::Noise), count(Judged::Miss));
    let unknown = count(Judged::Unknown);
    let misses: Vec<&Row> = rows.iter().filter(|row| row.verdict == Some(Judged::Miss)).collect();
    let worst = misses.iter().max_by(|a, b| a.error.abs().total_cmp(&b.error.abs()));
    let answer = match worst {
        _ if judged == 0 => "Nothing was validated.".into(),
        None if unknown > 0 => {
            format!(
                "{unknown} of {judged} figures cannot be told: the real runs are too noisy; the others are predicted."
            )
        }
        None => format!("All {judged} figures are predicted within tolerance or the noise of the real runs."),
        Some(row) => format!(
            "{missed} of {judged} figures are missed; the worst is {} of {} ({}): {} against the real runs.",
            row.figure,
            row.scenario,
            row.treatment,
            signed(row.error)
        ),
    };
    let mut sections = Vec::new();
    if !misses.is_empty() {
        let lead = "Beyond the tolerance, and beyond the noise of the real runs.";
        let table = table(misses.iter().copied());
        sections.push(Section::new("misses", "Figures that are missed", lead).with(table).in_brief());
    }
    let lead = "An error is virtual ÷ real − 1. Tolerance: throughput and mean 10 %, p99 20 %.";
    sections.push(
        Section::new("figures", "Every figure", lead)
            .with(table(rows.iter().filter(|row| row.verdict.is_some()))),
    );
    sections.extend(doubts(&found.warnings));
    let parts: Vec<&Row> = rows.iter().filter(|row| row.verdict.is_none()).collect();
    if !parts.is_empty() {
        let lead = "Where the mean task's time goes on both engines, in milliseconds; for information.";
        sections.push(Section::new("parts", "Parts of the mean task", lead).with(table(parts.into_iter())));
    }
    Page {
        kicker: format!("validate · {}", several(u64::from(replicates), "replicate")),
        title: "How well virtual time predicts this host".into(),
        answer,
        certainty: format!(
            "{good} good, {noise} within noise, {missed} missed; {} of each treatment on both engines in turn; {calibration}.",
            several(u64::from(replicates), "replicate")
        ),
        next: Some(if missed > 0 {
            Next::new("conlab calibrate", "measures again what the virtual engine charges on this host")
        } else {
            Next::new("conlab explain", "virtual answers hold here")
        }),
        verdict: Some(Verdict {
            tone: if missed > 0 { Tone::Doubtful } else { Tone::Good },
            text: format!(
                "{judged} figures: {good} good, {noise} within noise, {unknown} too noisy to tell, {missed} missed"
            ),
        }),
        sections,
        ..Page::default()
    }
}

fn table<'row>(rows: impl Iterator<Item = &'row Row>) -> Table {
    let rows = rows.map(|row| {
        vec![
            row.scenario.clone(),
            row.treatment.clone(),
            row.figure.clone(),
            row.verdict.map_or("", Judged::name).to_owned(),
            format!("{:.3} ± {:.3}", row.real.0, row.real.1),
            format!("{:.3}", row.virtual_time),
            if row.error.is_finite() { signed(row.error) } else { String::new() },
        ]
    });
    Table::new("", "scenario | treatment | figure | verdict | real | virtual | error", 4, rows.collect())
}
