//! `conlab diff`: what changed between two records.

use super::exit::{Failure, Outcome, print};
use super::records::open;
use super::terminal::Terminal;
use crate::history::{CauseChange, Difference, FieldChange, FigureChange, difference};
use crate::report::plain::plain_table;
use crate::study::{Gate, Unit};
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
    gates: Vec<Judged>,
}

/// A gate and what it says.
#[derive(Debug, Serialize)]
struct Judged {
    gate: String,
    passed: bool,
    why: String,
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    let (before, after) = (open(&args.before, &args.out)?, open(&args.after, &args.out)?);
    let difference = difference(&before.1, &after.1);
    let gates: Vec<Judged> = args.gate.iter().map(|gate| judge(gate, &difference)).collect();
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
    } else {
        print(&terminal.plain(&page(&document)))?;
    }
    Ok(if failed { Outcome::Refuted } else { Outcome::Done })
}

/// A gate on the end of B's interval, or of the difference's.
fn judge(gate: &Gate, difference: &Difference) -> Judged {
    let figure = difference.figures.iter().find(|figure| figure.metric == gate.metric());
    let (passed, why) = match figure {
        None => (false, format!("the records have no {}", gate.metric().name())),
        Some(figure) if gate.is_relative() => match figure.relative {
            None => (false, "there is nothing to set it against: the figure was 0".into()),
            Some(share) => (gate.holds_relative(&share) == Some(true), relative_words(figure)),
        },
        Some(figure) => (gate.decide(&figure.after) == Some(true), shown(figure.unit(), &figure.after)),
    };
    Judged { gate: gate.text.clone(), passed, why }
}

fn shown(unit: Unit, figure: &crate::study::stats::Estimate) -> String {
    if figure.half_width > 0.0 {
        format!("{} [{}, {}]", unit.show(figure.value), unit.show(figure.low), unit.show(figure.high))
    } else {
        unit.show(figure.value)
    }
}

fn relative_words(figure: &FigureChange) -> String {
    figure.relative.map_or_else(
        || "?".into(),
        |share| {
            let percent = |share: f64| format!("{:+.1} %", share * 100.0).replace('-', "−");
            if share.half_width > 0.0 {
                format!("{} [{}, {}]", percent(share.value), percent(share.low), percent(share.high))
            } else {
                percent(share.value)
            }
        },
    )
}

fn page(document: &Document) -> String {
    let difference = &document.difference;
    let mut text = format!("A  {}\nB  {}\n", document.before, document.after);
    for doubt in &difference.doubts {
        text.push_str(&format!("doubt: {doubt}\n"));
    }
    text.push_str("\nWhat is not the same\n");
    if difference.fields.is_empty() {
        text.push_str("nothing: scenario, treatment, seed, host and program are the same\n");
    } else {
        let row = |field: &FieldChange| vec![field.name.clone(), field.before.clone(), field.after.clone()];
        text.push_str(&plain_table(&["", "A", "B"], difference.fields.iter().map(row).collect(), 3));
    }
    text.push_str("\nFigures of the actor in focus\n");
    let rows = difference.figures.iter().map(figure_row).collect();
    text.push_str(&plain_table(&["figure", "A", "B", "change", ""], rows, 1));
    text.push_str("\nThe mean task's time by cause\n");
    let rows = difference.causes.iter().map(cause_row).collect();
    text.push_str(&plain_table(&["cause", "A", "B", "by"], rows, 1));
    for gate in &document.gates {
        let verdict = if gate.passed { "holds" } else { "FAILS" };
        text.push_str(&format!("\ngate {}  {verdict}: {}", gate.gate, gate.why));
    }
    if !document.gates.is_empty() {
        text.push('\n');
    }
    text
}

fn figure_row(figure: &FigureChange) -> Vec<String> {
    let verdict = match (figure.changed, figure.worse) {
        (false, _) => "",
        (true, true) => "worse",
        (true, false) => "better",
    };
    vec![
        figure.metric.name().to_owned(),
        shown(figure.unit(), &figure.before),
        shown(figure.unit(), &figure.after),
        relative_words(figure),
        verdict.to_owned(),
    ]
}

fn cause_row(cause: &CauseChange) -> Vec<String> {
    let by = cause.after_ns - cause.before_ns;
    let sign = if by > 0.0 { "+" } else { "" };
    vec![
        cause.cause.clone(),
        Unit::Time.show(cause.before_ns),
        Unit::Time.show(cause.after_ns),
        format!("{sign}{}", Unit::Time.show(by)),
    ]
}
