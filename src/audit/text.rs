//! Findings as text and as JSON.

use super::report::Report;
use super::rules::{Finding, RULES, Severity};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Rules whose findings mean that figures were generated; one of them alone may have another reason.
const GENERATED: [&str; 6] =
    ["ramp-series", "constant-series", "periodic-series", "lattice-series", "lattice-summary", "shared-ramp"];
/// Files that are listed one by one.
const MAX_LISTED: usize = 60;
/// Longest text of a report's own that is shown.
const LONGEST: usize = 160;

/// What was read of each file, every finding, and a verdict in a sentence.
#[must_use]
pub fn to_text(reports: &[Report], findings: &[Finding]) -> String {
    let mut text = table(reports);
    let several = reports.len() > 1;
    let mut last: Option<(&str, Severity)> = None;
    for (at, finding) in findings.iter().enumerate() {
        if last != Some((finding.code, finding.severity)) {
            let severity = finding.severity.name().to_uppercase();
            let _ = writeln!(text, "\n{severity} [{}] {}", finding.code, finding.title);
        }
        let _ = writeln!(text, "  {}", plain(&finding.subject));
        let place = match (several && !finding.file.is_empty(), finding.place.is_empty()) {
            (true, true) => plain(&finding.file),
            (true, false) => format!("{}, {}", plain(&finding.file), plain(&finding.place)),
            (false, _) => plain(&finding.place),
        };
        if !place.is_empty() {
            let _ = writeln!(text, "    at       {place}");
        }
        let _ = writeln!(text, "    figures  {}", plain(&finding.evidence));
        let _ = writeln!(text, "    so       {}", plain(&finding.computation));
        last = Some((finding.code, finding.severity));
        let is_last = findings
            .get(at + 1)
            .is_none_or(|next| (next.code, next.severity) != (finding.code, finding.severity));
        if is_last {
            let _ = writeln!(text, "    do       {}", finding.remedy);
        }
    }
    let _ = writeln!(text, "\n{}", verdict(reports, findings));
    text
}

/// What was read, a line for each file.
fn table(reports: &[Report]) -> String {
    let mut rows = vec![
        ["file", "format", "benchmarks", "statistics", "samples", "claims", "unit", "not read"]
            .map(str::to_owned),
    ];
    for report in reports.iter().take(MAX_LISTED) {
        let ignored: Vec<String> = report
            .ignored
            .iter()
            .map(|(what, times)| if *times == 1 { what.clone() } else { format!("{times} {what}") })
            .collect();
        let or_dash = |text: String| if text.is_empty() { "–".to_owned() } else { text };
        rows.push([
            plain(&report.source),
            plain(&report.format),
            report.benchmarks.len().to_string(),
            report.statistics().to_string(),
            report.samples().to_string(),
            (report.claims.len() + report.statements.len()).to_string(),
            or_dash(report.units().join(", ")),
            plain(&or_dash(ignored.join("; "))),
        ]);
    }
    let widths: Vec<usize> =
        (0..7).map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (at, cell) in row.iter().enumerate() {
            let width = widths.get(at).copied().unwrap_or(0);
            // Numbers stand right, words left.
            let _ = match at {
                2..=5 => write!(line, "{cell:>width$}  "),
                _ => write!(line, "{cell:<width$}  "),
            };
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    if reports.len() > MAX_LISTED {
        let _ = writeln!(text, "… and {} more files", reports.len() - MAX_LISTED);
    }
    text
}

/// Text of a report as it may stand on a terminal: one line, no control characters, no marks that turn its direction,
/// and not longer than a line or two.
#[must_use]
pub(super) fn plain(text: &str) -> String {
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

fn verdict(reports: &[Report], findings: &[Finding]) -> String {
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
