//! The page of a campaign: what was done, what failed, what the days found.

use super::{DayReport, Level, Status};
use crate::report::page::{Block, Next, Notice, Page, Section, Table, Tone};
use crate::report::words::several;

/// The page of the days that were run; `place` is where their files are.
#[must_use]
pub fn campaign_page(reports: &[DayReport], level: Level, seed: u64, files: usize, place: &str) -> Page {
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
        let title = format!("Day {}", report.day);
        sections.push(
            Section::new(format!("day-{}", report.day), title, "").with(Block::Code(report.summary.clone())),
        );
    }
    let modelled = match level {
        Level::Measured => "measured on this machine",
        Level::Model => "modelled in virtual time, not measured",
        Level::Replay => "made from the reported formulas: synthetic, not measured",
    };
    Page {
        kicker: format!("campaign phase 18F · level {} · seed {seed}", level.name()),
        title: "Phase 18F".into(),
        alarms: alarms.collect(),
        answer: format!("{done} of {} done, {modelled}.", several(outcomes.len() as u64, "task")),
        certainty: format!("{} in {place}.", several(files as u64, "file")),
        next: Some(Next::new("conlab claims", "which claims of the phase hold on this engine?")),
        sections,
        ..Page::default()
    }
}
