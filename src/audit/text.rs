//! Findings as text and as JSON.

use super::report::Report;
use super::rules::{Finding, RULES, Severity};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// What was read, every finding, and a verdict in a sentence.
#[must_use]
pub fn to_text(reports: &[Report], findings: &[Finding]) -> String {
    let mut text = String::new();
    for report in reports {
        let _ = writeln!(
            text,
            "{}: {}, {}, {}",
            report.source,
            report.format,
            counted(report.benchmarks.len(), "benchmark"),
            counted(report.claims.len(), "claim")
        );
    }
    let mut last = "";
    for finding in findings {
        if finding.code != last {
            let _ = writeln!(
                text,
                "\n{} [{}] {}",
                finding.severity.name().to_uppercase(),
                finding.code,
                finding.title
            );
        }
        let _ = writeln!(text, "  {}", finding.subject);
        let _ = writeln!(text, "    figures  {}", finding.evidence);
        let _ = writeln!(text, "    so       {}", finding.computation);
        last = finding.code;
        if findings.iter().rfind(|other| other.code == finding.code) == Some(finding) {
            let _ = writeln!(text, "    do       {}", finding.remedy);
        }
    }
    let _ = writeln!(text, "\n{}", verdict(findings));
    text
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn verdict(findings: &[Finding]) -> String {
    let of = |severity: Severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (defects, doubts) = (of(Severity::Defect), of(Severity::Doubt));
    let rules = RULES.len();
    if defects > 0 {
        let generated = [
            "ramp-series",
            "constant-series",
            "periodic-series",
            "lattice-series",
            "lattice-summary",
            "shared-ramp",
        ];
        let is_generated = findings.iter().any(|finding| generated.contains(&finding.code));
        let kind = if is_generated { " Some of the figures were generated, not measured." } else { "" };
        return format!(
            "{}, {} ({rules} rules).{kind}",
            counted(defects, "defect"),
            counted(doubts, "doubt")
        );
    }
    if doubts > 0 {
        return format!("No defect, {} ({rules} rules).", counted(doubts, "doubt"));
    }
    format!("Nothing found: the figures agree with each other ({rules} rules). That does not make them true.")
}

/// The same for programs.
#[must_use]
pub fn to_json(reports: &[Report], findings: &[Finding]) -> Value {
    json!({
        "schema": 1,
        "reports": reports.iter().map(|report| json!({
            "source": report.source,
            "format": report.format,
            "benchmarks": report.benchmarks.len(),
            "claims": report.claims.len(),
        })).collect::<Vec<_>>(),
        "defects": findings.iter().filter(|finding| finding.severity == Severity::Defect).count(),
        "findings": findings.iter().map(|finding| json!({
            "code": finding.code,
            "severity": finding.severity.name(),
            "subject": finding.subject,
            "evidence": finding.evidence,
            "computation": finding.computation,
            "remedy": finding.remedy,
        })).collect::<Vec<_>>(),
    })
}
