//! How far a study in virtual time is from real runs, as every page of one says it.

use super::signed;
use crate::report::page::{Block, Notice, Page, Section, Table, Tone};
use crate::report::words::several;
use crate::study::{CheckedFigure, ModelCheck, ModelDistance};

/// Says on `page` how far the model is from real runs of the baseline.
pub fn say_distance(page: &mut Page, distance: &ModelDistance) {
    let Some(check) = distance.check() else {
        let ModelDistance::Unknown { why } = distance else { return };
        page.certainty.push_str(&format!(" How far the model is from real runs was not checked: {why}."));
        return;
    };
    page.certainty.push_str(&format!(" {}", sentence(check)));
    let missed: Vec<&CheckedFigure> =
        check.figures.iter().filter(|figure| figure.verdict == "MISS").collect();
    if !missed.is_empty() {
        let errors: Vec<String> = missed.iter().map(|figure| error_words(figure)).collect();
        page.alarms.push(Notice {
            tone: Tone::Doubtful,
            code: "model-off".into(),
            message: format!("the model misses real runs of the baseline: {}", errors.join(", ")),
            remedy: "read the shares and orders, not the times; try the answer by --engine real".into(),
        });
    }
    page.sections.push(section(distance, check));
}

/// The errors in a sentence.
fn sentence(check: &ModelCheck) -> String {
    let errors: Vec<String> = check.figures.iter().map(error_words).collect();
    let short = if check.figures.iter().any(|figure| figure.figure.contains("p99")) {
        String::new()
    } else {
        format!(" ({} carry no p99)", several(check.tasks, "task"))
    };
    let disturbed: Vec<&str> = check.warnings.iter().map(|warning| warning.code.as_str()).collect();
    let doubt = if disturbed.is_empty() {
        String::new()
    } else {
        format!(", which are doubtful ({})", disturbed.join(", "))
    };
    format!(
        "Against {} of the baseline{doubt}, the model is off by {}{short}.",
        several(u64::from(check.runs), "real run"),
        errors.join(", ")
    )
}

fn error_words(figure: &CheckedFigure) -> String {
    let error = figure.error.map_or_else(|| "?".to_owned(), signed);
    format!("{error} in the {}", name(&figure.figure))
}

fn name(figure: &str) -> &str {
    match figure {
        "throughput_per_s" => "throughput",
        "sojourn_mean_ms" => "mean",
        "sojourn_p99_ms" => "p99",
        other => other,
    }
}

fn section(distance: &ModelDistance, check: &ModelCheck) -> Section {
    let manifest = &check.manifest;
    let when = match distance {
        ModelDistance::Stored(_) => format!("stored on {}; --real-check now makes it anew", manifest.started),
        _ => "made for this study".to_owned(),
    };
    let rows = check.figures.iter().map(|figure| {
        vec![
            figure.figure.clone(),
            figure.verdict.clone(),
            format!("{:.3} ± {:.3}", figure.real.value, figure.real.half_width),
            format!("{:.3}", figure.predicted),
            figure.error.map_or_else(String::new, signed),
        ]
    });
    let lead = format!(
        "The baseline on real threads of this host and in virtual time, {} each with {} or more, {when}. Tolerance: throughput and \
         mean 10 %, p99 20 %.",
        several(u64::from(check.runs), "run"),
        several(check.tasks, "task"),
    );
    let mut section = Section::new("model", "The model against real runs", lead).with(Table::new(
        "",
        "figure | verdict | real | virtual | error",
        2,
        rows.collect(),
    ));
    let doubts: Vec<Notice> = check
        .warnings
        .iter()
        .map(|warning| Notice {
            tone: Tone::Doubtful,
            code: warning.code.clone(),
            message: warning.message.clone(),
            remedy: warning.remedy.clone(),
        })
        .collect();
    if !doubts.is_empty() {
        section.blocks.push(Block::Notices(doubts));
    }
    section.with(Block::Pairs(vec![
        ("constants".into(), manifest.calibration.clone()),
        ("host".into(), format!("{} × {}, {}", manifest.cores, manifest.cpu, manifest.kernel)),
    ]))
}
