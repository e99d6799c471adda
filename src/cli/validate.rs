//! `conlab validate`: virtual prediction beside real measurement, error per figure.

use super::args::RunOptions;
use super::exit::{Failure, Outcome, print, say, with_causes};
use super::model_check::remember;
use super::report::write;
use super::signals::stop_on_interrupt;
use super::terminal::Terminal;
use crate::engine::real::RealEngine;
use crate::engine::{EngineError, Progress, VirtualEngine};
use crate::measure::record::Warning;
use crate::queue::QueueKind;
use crate::report::html::html;
use crate::report::study::validate_page;
use crate::report::text::Details;
use crate::scenario::{DEFAULT, EMBEDDED, Scenario, Treatment};
use crate::study::manifest;
use crate::study::validate::{Validated, to_json, validate};

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
    args.options.honoured_by_studies("validate")?;
    let names: Vec<&str> = match args.scenario.as_str() {
        "all" => EMBEDDED.iter().map(|embedded| embedded.name).collect(),
        one => vec![one],
    };
    let calibration = args.options.calibration.constants(terminal)?;
    let progress = Progress::default();
    stop_on_interrupt(&progress);
    let mut all = Validated::default();
    let mut replicates = FEWEST;
    for name in names {
        let scenario = args.options.scenario(name)?;
        replicates = scenario.run.replicates.max(FEWEST);
        for treatment in treatments(&args.options, &scenario)? {
            let focus = &scenario.treated(&treatment).actors[scenario.focus];
            let label = format!("{name}: {} × {}", focus.queue.name(), focus.threads);
            if !terminal.quiet {
                say(&format!("{label}: {replicates} runs on each engine"));
            }
            let engines = (RealEngine::new(), VirtualEngine::with(calibration.clone()));
            match validate([&engines.0, &engines.1], &scenario, &treatment, replicates, &progress) {
                Ok(found) => {
                    remember(&found, &scenario.treated(&treatment), &calibration, replicates);
                    all.rows.extend(found.rows);
                    let label = |warning: Warning| Warning {
                        message: format!("{label}: {}", warning.message),
                        ..warning
                    };
                    all.warnings.extend(found.warnings.into_iter().map(label));
                }
                // One scenario that this host cannot run does not end the validation of the others.
                Err(error @ (EngineError::Unsupported(_) | EngineError::System { .. })) => {
                    say(&format!("{label}: left out: cannot {}", with_causes(&error)));
                }
                Err(error) => return Err(error.into()),
            }
            if progress.stopped() {
                break;
            }
        }
    }
    let page = validate_page(&all, &calibration.origin, replicates);
    if args.options.output.json {
        let mut json = to_json(&all, &calibration.origin, replicates);
        json["manifest"] = serde_json::to_value(manifest(&calibration))
            .map_err(|error| Failure::cannot("write the manifest as JSON", error))?;
        print(&format!("{:#}\n", json))?;
    } else {
        let all = Terminal { details: Details::All, ..terminal.clone() };
        print(&if args.parts { &all } else { terminal }.page(&page))?;
    }
    if let Some(file) = &args.options.output.html {
        write(file, &html(&page), terminal)?;
    }
    let none_good = all
        .rows
        .iter()
        .all(|row| row.verdict.is_none_or(|verdict| verdict != crate::study::validate::Verdict::Good));
    Ok(if progress.stopped() {
        Outcome::Interrupted
    } else if none_good {
        Outcome::Refuted
    } else {
        Outcome::Done
    })
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
