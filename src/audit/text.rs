//! Findings in a sentence and as JSON; the page is `report::audit_page`.

use super::report::Report;
use super::rules::{Finding, RULES, Severity};
use serde_json::{Value, json};

/// Rules whose findings mean that figures were generated; one of them alone may have another reason.
const GENERATED: [&str; 6] =
    ["ramp-series", "constant-series", "periodic-series", "lattice-series", "lattice-summary", "shared-ramp"];
/// Longest text of a report's own that is shown.
const LONGEST: usize = 160;

/// Text of a report as it may stand on a terminal: one line, no control characters, no marks that turn its direction,
/// and not longer than a line or two.
#[must_use]
pub fn one_line(text: &str) -> String {
    let is_unsafe = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{61c}' | '\u{feff}')
    };
    let mut shown = String::new();
    for (at, letter) in text.chars().enumerate() {
        if at >= LONGEST * 4 {
            shown.push('…');
            break;
        }
        match letter {
            '\t' => shown.push(' '),
            letter if is_unsafe(letter) => shown.extend(letter.escape_unicode()),
            letter => shown.push(letter),
        }
    }
    shown
}

/// A text cut to one short line.
#[must_use]
pub(super) fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST {
        return line;
    }
    line.chars().take(LONGEST - 1).chain(['…']).collect()
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The verdict in a sentence.
#[must_use]
pub fn summary(reports: &[Report], findings: &[Finding]) -> String {
    let of = |severity: Severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (defects, doubts) = (of(Severity::Defect), of(Severity::Doubt));
    let rules = RULES.len();
    if defects > 0 {
        let mut generated: Vec<&str> = findings
            .iter()
            .filter(|finding| finding.severity == Severity::Defect && GENERATED.contains(&finding.code))
            .map(|finding| finding.code)
            .collect();
        generated.dedup();
        let kind = if generated.len() > 1 { " The figures look generated, not measured." } else { "" };
        let also = if doubts > 0 { format!(", {}", counted(doubts, "doubt")) } else { String::new() };
        return format!("{}{also} ({rules} rules).{kind}", counted(defects, "defect"));
    }
    if doubts > 0 {
        return format!("No defect, {} ({rules} rules).", counted(doubts, "doubt"));
    }
    let statistics: usize = reports.iter().map(Report::statistics).sum();
    let samples: u64 = reports.iter().map(Report::samples).sum();
    let claims: usize = reports.iter().map(|report| report.claims.len() + report.statements.len()).sum();
    let read = [(statistics as u64, "statistic"), (samples, "sample"), (claims as u64, "claim")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}{}", if count == 1 { "" } else { "s" }))
        .collect::<Vec<_>>()
        .join(", ");
    format!(
        "Nothing found in {read}: the figures agree with each other ({rules} rules). That does not make them true."
    )
}

/// The same for programs.
#[must_use]
pub fn to_json(reports: &[Report], findings: &[Finding]) -> Value {
    json!({
        "schema": 2,
        "reports": reports.iter().map(|report| json!({
            "source": report.source,
            "format": report.format,
            "benchmarks": report.benchmarks.len(),
            "statistics": report.statistics(),
            "samples": report.samples(),
            "claims": report.claims.len() + report.statements.len(),
            "units": report.units(),
            "ignored": report.ignored.iter().map(|(what, times)| json!({"what": what, "times": times})).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "defects": findings.iter().filter(|finding| finding.severity == Severity::Defect).count(),
        "doubts": findings.iter().filter(|finding| finding.severity == Severity::Doubt).count(),
        "findings": findings.iter().map(|finding| json!({
            "code": finding.code,
            "severity": finding.severity.name(),
            "subject": finding.subject,
            "file": finding.file,
            "place": finding.place,
            "evidence": finding.evidence,
            "computation": finding.computation,
            "remedy": finding.remedy,
        })).collect::<Vec<_>>(),
    })
}
