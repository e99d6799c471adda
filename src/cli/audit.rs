//! `conlab audit`: what a benchmark report says of itself.

use super::args::writable;
use super::exit::{Failure, Outcome, print, say, with_causes};
use super::report::write;
use super::terminal::Terminal;
use crate::audit::{
    AuditError, EXAMPLE_NAME, Finding, RULES, Reading, Severity, audit, phase_18f, read_all, read_stream,
    to_json,
};
use crate::report::audit_page;
use crate::report::html::html;
use std::io;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  conlab audit --example                        the figures of phase 18F, taken apart
  hyperfine --export-json t.json 'sleep 0.1' && conlab audit t.json
  conlab audit target/criterion                 every benchmark of a directory
  conlab audit day2.json day4.json              arms in several files are compared

  conlab audit BENCHMARKS.md                    tables and sentences of a report that people write

Reads JSON and text of benchmark tools and load generators, CSV with a column of durations, Markdown and
text with statistics by name, and what conlab writes itself; gzip and UTF-16 too. docs/guide/audit.md lists
formats and rules. Exits with 3 when there is a defect, with 1 when a file was not understood.";

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
    /// Write the page as self-contained HTML
    #[arg(long, value_name = "FILE", value_parser = writable)]
    html: Option<PathBuf>,
}

/// Reads, audits, prints.
pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    if args.rules {
        let lines: Vec<String> = RULES
            .iter()
            .map(|rule| format!("{:<26} {:<7} {}\n", rule.code, rule.severity.name(), rule.title))
            .collect();
        print(&lines.concat())?;
        return Ok(Outcome::Done);
    }
    let mut reading = Reading::default();
    if args.example {
        reading.add(phase_18f());
    }
    for file in &args.files {
        if file == Path::new("-") {
            reading.add(read_stream("stdin", io::stdin().lock()));
        } else if file == Path::new(EXAMPLE_NAME) && !file.exists() {
            reading.add(phase_18f());
        } else {
            reading.append(read_all(std::slice::from_ref(file)));
        }
    }
    let Reading { reports, mut refused, passed_over } = reading;
    let findings: Vec<Finding> = audit(&reports);
    if !reports.is_empty() {
        let page = audit_page(&reports, &findings);
        if let Some(file) = &args.html {
            write(file, &html(&page), terminal)?;
        }
        if args.json {
            print(&format!("{:#}\n", to_json(&reports, &findings)))?;
        } else {
            print(&terminal.page(&page))?;
        }
    }
    if !passed_over.is_empty() && !terminal.quiet {
        let (count, plural) = (passed_over.len(), if passed_over.len() == 1 { "" } else { "s" });
        say(&format!(
            "passed over {count} file{plural} in which no benchmark was understood, {} for one",
            passed_over[0].display()
        ));
    }
    // One file that cannot be read does not lose the findings of the others, and all such files are named.
    let last = refused.pop();
    for error in refused {
        say(&format!("{} {}", terminal.alarm("error:"), terminal.plain(&with_causes(&error))));
    }
    let has_defect = findings.iter().any(|finding| finding.severity == Severity::Defect);
    match last {
        Some(error) if has_defect => {
            say(&format!("{} {}", terminal.alarm("error:"), terminal.plain(&with_causes(&error))));
            Ok(Outcome::Refuted)
        }
        Some(error) => Err(Failure::CouldNotRun(Box::<AuditError>::new(error))),
        None if has_defect => Ok(Outcome::Refuted),
        None => Ok(Outcome::Done),
    }
}
