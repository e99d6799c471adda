//! `conlab audit`: what a benchmark report says of itself.

use super::exit::{Failure, Outcome, print};
use super::terminal::Terminal;
use crate::audit::{
    AuditError, EXAMPLE_NAME, Finding, RULES, Report, Severity, audit, phase_18f, read_bytes, read_path,
    to_json, to_text,
};
use crate::files::{LARGEST_RECORD, read_stdin};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  conlab audit --example                        the figures of phase 18F, taken apart
  hyperfine --export-json t.json 'sleep 0.1' && conlab audit t.json
  conlab audit target/criterion                 every benchmark of a directory
  conlab audit day2.json day4.json              arms in several files are compared

Reads conlab's run.json, phase-18F reports, hyperfine, criterion and oha JSON, and CSV files of samples.
Exits with 3 when there is a defect.";

/// Is this benchmark report a measurement at all, and does it say what it claims?
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Reports that belong together: files, directories, `-` for stdin, or `phase-18f` for the example
    #[arg(value_name = "FILE", required_unless_present_any = ["example", "rules"])]
    files: Vec<PathBuf>,
    /// Audit the embedded figures of phase 18F
    #[arg(long)]
    example: bool,
    /// List the rules and end
    #[arg(long)]
    rules: bool,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

/// Reads, audits, prints.
pub(super) fn run(args: &Args, _terminal: &Terminal) -> Result<Outcome, Failure> {
    if args.rules {
        let lines: Vec<String> = RULES
            .iter()
            .map(|rule| format!("{:<26} {:<7} {}\n", rule.code, rule.severity.name(), rule.title))
            .collect();
        print(&lines.concat())?;
        return Ok(Outcome::Done);
    }
    let mut reports: Vec<Report> = Vec::new();
    if args.example {
        reports.push(phase_18f().map_err(failure)?);
    }
    for file in &args.files {
        reports.extend(read(file)?);
    }
    let findings: Vec<Finding> = audit(&reports);
    if args.json {
        print(&format!("{:#}\n", to_json(&reports, &findings)))?;
    } else {
        print(&to_text(&reports, &findings))?;
    }
    let has_defect = findings.iter().any(|finding| finding.severity == Severity::Defect);
    Ok(if has_defect { Outcome::Refuted } else { Outcome::Done })
}

fn read(file: &Path) -> Result<Vec<Report>, Failure> {
    if file == Path::new("-") {
        let bytes = read_stdin(LARGEST_RECORD).map_err(|error| Failure::cannot("read stdin", error))?;
        return read_bytes("stdin", &bytes).map(|report| vec![report]).map_err(failure);
    }
    if file == Path::new(EXAMPLE_NAME) && !file.exists() {
        return phase_18f().map(|report| vec![report]).map_err(failure);
    }
    read_path(file).map_err(failure)
}

fn failure(error: AuditError) -> Failure {
    match error {
        AuditError::Read { .. } => Failure::CouldNotRun(Box::new(error)),
        _ => Failure::Usage(error.to_string()),
    }
}
