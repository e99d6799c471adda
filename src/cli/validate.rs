//! `conlab validate`: virtual prediction beside real measurement, error per figure.

use super::args::RunOptions;
use super::exit::{Failure, Outcome, print};
use super::progress::stop_on_interrupt;
use super::terminal::Terminal;
use crate::engine::real::RealEngine;
use crate::engine::{EngineError, Progress, VirtualEngine};
use crate::measure::Calibration;
use crate::queue::QueueKind;
use crate::scenario::{DEFAULT, EMBEDDED, Scenario, Treatment};
use crate::study::validate::{Row, Verdict, to_json, validate};
use std::fmt::Write as _;
use std::io::{Write as _, stderr};

const EXAMPLES: &str = "\
Examples:
  conlab validate --tasks 1000 --replicates 5
  conlab validate gil-convoy --threads 4 --queue mutex
  conlab validate all --tasks 500 --json > errors.json";

/// Fewest replicates that give an interval.
const FEWEST: u32 = 3;

/// Run both engines in turn and show the virtual engine's error, figure by figure
///
/// Without --queue and --threads: mutex, lockfree and async, each with 1, 2, 4 and 16 threads.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Embedded scenario or TOML file; `all` for every embedded one
    #[arg(default_value = DEFAULT)]
    scenario: String,
    #[command(flatten)]
    options: RunOptions,
    /// Show where the mean task's time goes on both engines, too
    #[arg(long)]
    parts: bool,
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    let names: Vec<&str> = match args.scenario.as_str() {
        "all" => EMBEDDED.iter().map(|embedded| embedded.name).collect(),
        one => vec![one],
    };
    let calibration = Calibration::of_this_host();
    let progress = Progress::default();
    stop_on_interrupt(&progress);
    let mut rows = Vec::new();
    let mut replicates = FEWEST;
    for name in names {
        let scenario = args.options.scenario(name)?;
        replicates = scenario.run.replicates.max(FEWEST);
        for treatment in treatments(&args.options, &scenario)? {
            let focus = &scenario.treated(&treatment).actors[scenario.focus];
            let label = format!("{name}: {} × {}", focus.queue.name(), focus.threads);
            // Progress that cannot be shown is no failure.
            writeln!(stderr(), "{label}").ok();
            let engines = (RealEngine::new(), VirtualEngine::with(calibration.clone()));
            match validate([&engines.0, &engines.1], &scenario, &treatment, replicates, &progress) {
                Ok(found) => rows.extend(found),
                // One scenario that this host cannot run does not end the validation of the others.
                Err(EngineError::Unsupported(why)) => drop(writeln!(stderr(), "{label}: left out, {why}")),
                Err(error) => return Err(error.into()),
            }
            if progress.stopped() {
                break;
            }
        }
    }
    if args.options.output.json {
        print(&format!("{:#}\n", to_json(&rows, &calibration.origin, replicates)))?;
    } else {
        print(&terminal.plain(&table(&rows, args.parts, &calibration.origin, replicates)))?;
    }
    Ok(if progress.stopped() { Outcome::Interrupted } else { Outcome::Done })
}

/// The treatments asked for, or the grid of queues and threads.
fn treatments(options: &RunOptions, scenario: &Scenario) -> Result<Vec<Treatment>, Failure> {
    let asked = options.treatments(scenario)?;
    if options.treatment.threads.is_some() || !options.treatment.queue.is_empty() {
        return Ok(asked);
    }
    let mut grid = Vec::new();
    for treatment in asked {
        for queue in [QueueKind::Mutex, QueueKind::LockFree, QueueKind::Async] {
            for threads in [1, 2, 4, 16] {
                grid.push(Treatment { queue: Some(queue), threads: Some(threads), ..treatment.clone() });
            }
        }
    }
    Ok(grid)
}

/// One line a figure, and how many predictions were good.
fn table(rows: &[Row], parts: bool, calibration: &str, replicates: u32) -> String {
    let mut text = format!("{calibration}; {replicates} replicates of each, 95 % intervals\n\n");
    // Writing into a string cannot fail.
    writeln!(
        text,
        "{:<18} {:<24} {:<18} {:>22} {:>12} {:>8}  verdict",
        "scenario", "treatment", "figure", "real", "virtual", "error"
    )
    .ok();
    for row in rows.iter().filter(|row| parts || row.verdict.is_some()) {
        let real = format!("{:.3} ± {:.3}", row.real.0, row.real.1);
        let verdict = row.verdict.map_or("", Verdict::name);
        let error =
            if row.error.is_finite() { format!("{:+.1} %", row.error * 100.0) } else { String::new() };
        writeln!(
            text,
            "{:<18} {:<24} {:<18} {real:>22} {:>12.3} {error:>8}  {verdict}",
            row.scenario, row.treatment, row.figure, row.virtual_time
        )
        .ok();
    }
    let judged: Vec<Verdict> = rows.iter().filter_map(|row| row.verdict).collect();
    let count = |verdict: Verdict| judged.iter().filter(|other| **other == verdict).count();
    writeln!(
        text,
        "\n{} figures: {} good, {} within noise, {} missed (tolerance: throughput and mean 10 %, p99 20 %)",
        judged.len(),
        count(Verdict::Good),
        count(Verdict::Noise),
        count(Verdict::Miss)
    )
    .ok();
    text
}
