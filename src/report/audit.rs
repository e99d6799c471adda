//! The page of an audit: what was read of each file, and every finding with its figures and what follows from them.

use super::page::{Block, Next, Notice, Page, Section, Table, Tone, Verdict};
use super::words::several;
use crate::audit::{Finding, RULES, Report, Severity, one_line, summary};

/// Files that are listed one by one.
const MAX_LISTED: usize = 60;

/// The page of `findings` on `reports`.
#[must_use]
pub fn audit_page(reports: &[Report], findings: &[Finding]) -> Page {
    let worst = findings.iter().rev().max_by_key(|finding| finding.severity);
    let first = worst.map_or_else(String::new, |finding| {
        format!(" First of all, {}: {}.", one_line(&finding.subject), finding.title)
    });
    let tone = match worst.map(|finding| finding.severity) {
        Some(Severity::Defect) => Tone::Bad,
        Some(Severity::Doubt) => Tone::Doubtful,
        Some(Severity::Note) | None => Tone::Good,
    };
    let mut sections = found(reports.len() > 1, findings);
    sections.push(read(reports));
    Page {
        kicker: format!("audit · {} · {} rules", several(reports.len() as u64, "file"), RULES.len()),
        title: "What the figures say of themselves".into(),
        answer: format!("{}{first}", summary(reports, findings)),
        certainty: "An audit runs nothing and has only the figures: it can show that they cannot be right, never that they are."
            .into(),
        next: worst.map(|finding| Next::new(finding.remedy, "")),
        verdict: worst.map(|finding| Verdict {
            tone,
            text: format!("the worst is a {}", finding.severity.name()),
        }),
        sections,
        ..Page::default()
    }
}

/// A section for each rule that found something, in the order of the findings.
fn found(several_files: bool, findings: &[Finding]) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut last: Option<(&str, Severity)> = None;
    for finding in findings {
        if last != Some((finding.code, finding.severity)) {
            let title = format!("{} [{}]", finding.severity.name().to_uppercase(), finding.code);
            let notice = Notice {
                tone: match finding.severity {
                    Severity::Defect => Tone::Bad,
                    Severity::Doubt => Tone::Doubtful,
                    Severity::Note => Tone::Plain,
                },
                code: finding.code.into(),
                message: finding.title.into(),
                remedy: finding.remedy.into(),
            };
            let id = format!("{}-{}", finding.severity.name(), finding.code);
            sections.push(Section::new(id, title, "").with(Block::Notices(vec![notice])).in_brief());
        }
        last = Some((finding.code, finding.severity));
        let place = match (several_files && !finding.file.is_empty(), finding.place.is_empty()) {
            (true, true) => one_line(&finding.file),
            (true, false) => format!("{}, {}", one_line(&finding.file), one_line(&finding.place)),
            (false, _) => one_line(&finding.place),
        };
        let mut pairs = vec![("of".to_owned(), one_line(&finding.subject))];
        if !place.is_empty() {
            pairs.push(("at".into(), place));
        }
        pairs.push(("figures".into(), one_line(&finding.evidence)));
        pairs.push(("so".into(), one_line(&finding.computation)));
        if let Some(section) = sections.last_mut() {
            section.blocks.push(Block::Pairs(pairs));
        }
    }
    sections
}

/// What was read, a row for each file.
fn read(reports: &[Report]) -> Section {
    let or_dash = |text: String| if text.is_empty() { "–".to_owned() } else { text };
    let rows = reports.iter().take(MAX_LISTED).map(|report| {
        let ignored = report
            .ignored
            .iter()
            .map(|(what, times)| if *times == 1 { what.clone() } else { format!("{times} {what}") });
        vec![
            one_line(&report.source),
            one_line(&report.format),
            one_line(&or_dash(ignored.collect::<Vec<String>>().join("; "))),
            or_dash(report.units().join(", ")),
            report.benchmarks.len().to_string(),
            report.statistics().to_string(),
            report.samples().to_string(),
            (report.claims.len() + report.statements.len()).to_string(),
        ]
    });
    let head = "file | format | not read | unit | benchmarks | statistics | samples | claims";
    let section = Section::new("read", "What was read", "").with(Table::new("", head, 4, rows.collect()));
    match reports.len().checked_sub(MAX_LISTED) {
        Some(more @ 1..) => section.with(Block::Text(format!("… and {more} more files."))),
        _ => section,
    }
}
