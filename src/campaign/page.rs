//! The page of a campaign: what was done, what failed, what the days found.

use super::{DayReport, Level, Status};
use crate::report::page::{Next, Notice, Page, Section, Table, Tone};
use crate::report::words::several;

/// The page of the days that were run; so many files of theirs are in `place`.
#[must_use]
pub fn campaign_page(
    title: &str,
    reports: &[DayReport],
    level: Level,
    seed: u64,
    (files, place): (usize, &str),
) -> Page {
    let outcomes: Vec<_> = reports.iter().flat_map(|report| &report.outcomes).collect();
    let done = outcomes.iter().filter(|outcome| outcome.is_success()).count();
    let alarms = outcomes.iter().filter_map(|outcome| match &outcome.status {
        Status::Success => None,
        Status::Failed(why) => Some(Notice {
            tone: Tone::Bad,
            code: format!("FAILED: {}", outcome.task.name),
            message: why.clone(),
            remedy: String::new(),
        }),
    });
    let rows = reports.iter().flat_map(|report| {
        report.outcomes.iter().map(move |outcome| {
            vec![
                format!("{}", report.day),
                outcome.task.name.clone(),
                outcome.findings.first().cloned().unwrap_or_default(),
                format!("{:.1} s", outcome.seconds),
            ]
        })
    });
    let table = Table::new("", "day | task | first finding | took", 3, rows.collect());
    let mut sections = vec![Section::new("tasks", "Tasks", "").with(table).in_brief()];
    for report in reports {
        sections.extend(report.page.sections.iter().map(|section| Section {
            id: format!("day-{}-{}", report.day, section.id),
            title: format!("Day {}: {}", report.day, section.title),
            brief: section.brief && section.id == "comparison" || section.id == "roadmap",
            ..section.clone()
        }));
    }
    // The gaps are the answer: they are on the page of the day that has both arms.
    let gaps: Vec<&str> =
        reports.iter().filter_map(|report| report.page.answer.split_once(". ")).map(|(_, gap)| gap).collect();
    let gap = gaps.last().map_or_else(String::new, |gap| format!(" {gap}"));
    let modelled = match level {
        Level::Measured => "measured on this machine",
        Level::Model => "modelled in virtual time, not measured",
        Level::Replay => "made from the reported formulas: synthetic, not measured",
    };
    Page {
        kicker: format!("campaign {title} · level {} · seed {seed}", level.name()),
        title: title.to_owned(),
        alarms: alarms.collect(),
        answer: format!("{done} of {} done, {modelled}.{gap}", several(outcomes.len() as u64, "task")),
        certainty: format!("{} in {place}.", several(files as u64, "file")),
        next: Some(Next::new("conlab decide phase-18f", "each possible fix with what it saves")),
        sections,
        ..Page::default()
    }
}
