//! What conlab writes itself in other forms than its record: pages, tables, results of studies, other audits.
//!
//! Its percentiles are shown with a `~` where the sample does not carry them, its virtual engine repeats itself to the
//! last digit by design, and zero is what a simulated wait takes when there is none: none of that is held against it.

use super::super::figure::Figure;
use super::super::report::{Benchmark, Report};
use super::json::tree::{Kind, Node};
use super::number::{Unit, quantity};
use super::vocabulary::label;

/// Figures listed of one result.
const MOST: usize = 2000;

/// Whether a text, a table or a page is conlab's.
pub(super) fn is_own(head: &str) -> bool {
    head.contains("conlab") && (head.contains(" engine · ") || head.contains("identities hold"))
        || head.starts_with("record,scenario,scenario_digest,engine,")
        || head.starts_with("#sojourn in ns; max in ms")
        || head.contains("– conlab</title>")
        || head.starts_with("# Phase 18F, day")
        || head.starts_with("figure,") && head.contains("_ns")
}

/// Marks what was read of it.
pub(super) fn mark(report: &mut Report) {
    report.format = format!("conlab's own, {}", report.format);
    report.statements.clear();
    report.claims.clear();
    for benchmark in &mut report.benchmarks {
        benchmark.manner.percentiles_unasked = true;
        benchmark.manner.exact_repeats = true;
        benchmark.manner.bucket = benchmark.manner.bucket.max(0.01);
        benchmark.may_idle = true;
        // Waits, holds and steps stand beside the rate of the whole.
        benchmark.concurrency = None;
        benchmark.shares.clear();
        benchmark.nulls.clear();
    }
}

/// The profile of a campaign's benchmark: the share of each step. Its stacks also hold waits that are no step's.
pub(super) fn profile(root: &Node) -> Option<Report> {
    root.get("profiler")?.text()?;
    root.get("stacks")?;
    let entries = root.get("entries")?;
    let named: Vec<(String, Figure)> = entries
        .items()
        .iter()
        .filter_map(|entry| {
            let name = format!("{}: {}", entry.word("actor")?, entry.word("step")?);
            Some((name, entry.figure("self_weight")?))
        })
        .collect();
    let own = named.iter().map(|(name, weight)| (name.as_str(), weight.value));
    let report = super::text::stacks::shares("conlab's own, profile", own);
    (!named.is_empty()).then_some(report)
}

/// Marks a document of a campaign: what is modelled repeats to the last digit, what is measured or replayed does not.
pub(super) fn mark_campaign(root: &Node, report: &mut Report) {
    let Some(level) = root.get("conlab").and_then(|_| root.word("level")) else { return };
    // The formulas of a replay are synthetic figures, and are judged as anybody's.
    if level == "replay" {
        return;
    }
    report.format = format!("conlab's own, campaign ({level})");
    if level == "model" {
        report.benchmarks.iter_mut().for_each(|benchmark| benchmark.manner.exact_repeats = true);
    }
}

/// Keys of the results of conlab's commands, one of which stands beside `schema`.
const RESULTS: [&str; 10] = [
    "comparison",
    "explanation",
    "whatif",
    "claims",
    "rows",
    "findings",
    "scaling",
    "gates",
    "answer",
    "treatments",
];

/// The result of a command of conlab's: its durations are listed, and judged by the command itself.
pub(super) fn result(root: &Node) -> Option<Report> {
    root.get("schema")?;
    if root.get("benchmark").is_some() {
        // A campaign's metrics are measurements like anybody's, or synthetic ones, and are judged as such.
        return None;
    }
    let kind = RESULTS.iter().find(|key| root.get(key).is_some())?;
    let mut benchmark = Benchmark { place: "line 1".to_owned(), ..Benchmark::named(*kind) };
    benchmark.manner.exact_repeats = true;
    let mut path = Vec::new();
    collect(root, &mut path, &mut benchmark);
    let mut report = Report::of(format!("conlab's own, result of a study ({kind})"));
    report.ignore("figures that the command itself has judged", benchmark.singles.len() as u64);
    report.benchmarks.push(benchmark);
    report.is_understood().then_some(report)
}

fn collect(node: &Node, path: &mut Vec<String>, into: &mut Benchmark) {
    match &node.kind {
        Kind::Object(members) => {
            for (key, value) in members {
                path.push(key.to_string());
                collect(value, path, into);
                path.pop();
            }
        }
        Kind::List(items) => items.iter().for_each(|item| collect(item, path, into)),
        Kind::Number(figure) if into.singles.len() < MOST => {
            let factor = path.iter().rev().find_map(|key| label(key).factor());
            into.singles.push((path.join("."), figure.times(factor.unwrap_or(1.0))));
        }
        // Findings print their figures in sentences.
        Kind::Text(text) if into.singles.len() < MOST => {
            if let Some((found, _)) =
                text.find(|letter: char| letter.is_ascii_digit()).and_then(|at| quantity(&text[at..]))
                && let Unit::Time(factor) = found.unit
            {
                into.singles.push((path.join("."), found.figure.times(factor)));
            }
        }
        _ => {}
    }
}
