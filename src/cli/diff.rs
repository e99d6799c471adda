//! `conlab diff`: what changed between two records.

use super::exit::{Failure, Outcome, print};
use super::records::open;
use super::report::write;
use super::terminal::Terminal;
use crate::history::{Difference, difference};
use crate::report::html::html;
use crate::report::study::{JudgedGate, after_words, difference_page, relative_words};
use crate::study::Gate;
use serde::Serialize;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  conlab diff results/20260304T050607Z-agents-9f1c2ab7 latest
  conlab diff mutex-run lockfree-run --gate 'p99<+5%' --gate 'mean<50ms'
  conlab diff A B --json

A and B are records: folders, parts of their names, or `latest`. The intervals are those that one run gives: of means
from stretches of the run, of percentiles from the ranks around them. Exits with 3 when a gate fails.";

/// What changed between two records: treatment, host, scenario, figures, causes
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The record before
    #[arg(value_name = "A")]
    before: PathBuf,
    /// The record after
    #[arg(value_name = "B", default_value = "latest")]
    after: PathBuf,
    /// Where records are looked for by name
    #[arg(long, value_name = "DIR", default_value = "results", env = "CONLAB_OUT", hide_env = true)]
    out: PathBuf,
    /// Bound that must hold in B: p99<+5% against A, or a value such as mean<50ms
    #[arg(long, value_name = "BOUND")]
    gate: Vec<Gate>,
    /// Write the page as HTML
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print the difference as JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Document {
    schema: u32,
    before: String,
    after: String,
    difference: Difference,
    gates: Vec<JudgedGate>,
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    let (before, after) = (open(&args.before, &args.out)?, open(&args.after, &args.out)?);
    let difference = difference(&before.1, &after.1);
    let gates: Vec<JudgedGate> = args.gate.iter().map(|gate| judge(gate, &difference)).collect();
    let failed = gates.iter().any(|gate| !gate.passed);
    let document = Document {
        schema: 1,
        before: before.0.display().to_string(),
        after: after.0.display().to_string(),
        difference,
        gates,
    };
    if args.json {
        let text = serde_json::to_string_pretty(&document)
            .map_err(|error| Failure::cannot("write the difference as JSON", error))?;
        print(&format!("{text}\n"))?;
    }
    let page = difference_page(&document.before, &document.after, &document.difference, &document.gates);
    if !args.json {
        print(&terminal.page(&page))?;
    }
    if let Some(file) = &args.html {
        write(file, &html(&page), terminal)?;
    }
    Ok(if failed { Outcome::Refuted } else { Outcome::Done })
}

/// A gate on the end of B's interval, or of the difference's.
fn judge(gate: &Gate, difference: &Difference) -> JudgedGate {
    let figure = difference.figures.iter().find(|figure| figure.metric == gate.metric());
    let (passed, why) = match figure {
        None => (false, format!("the records have no {}", gate.metric().name())),
        Some(figure) if gate.is_relative() => match figure.relative {
            None => (false, "there is nothing to set it against: the figure was 0".into()),
            Some(share) => (gate.holds_relative(&share) == Some(true), relative_words(figure)),
        },
        Some(figure) => (gate.decide(&figure.after) == Some(true), after_words(figure)),
    };
    JudgedGate { gate: gate.text.clone(), passed, why }
}
