//! `conlab run`: one treatment, measured and broken down.

use super::args::{RunOptions, ScenarioArg};
use super::constants::engine_charging;
use super::exit::{Failure, Outcome, print, say};
use super::report::Extra;
use super::signals::stop_on_interrupt;
use super::terminal::Terminal;
use super::{progress, report};
use crate::engine::{Experiment, Progress, RunOutput};
use crate::measure::archive::Archive;
use crate::measure::json;
use crate::printable::Printable;
use crate::report::run_page;
use crate::scenario::Scenario;
use crate::units::Nanos;
use std::env;

const EXAMPLES: &str = "\
Examples:
  conlab run --threads 16 --queue lockfree
  conlab run agents --load isolated --set lock.interpreter.interval=0.5ms
  conlab run mine.toml --rate 200/s --duration 10s --json > run.json";

/// Run one treatment on this machine, and break the time down
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    scenario: ScenarioArg,
    #[command(flatten)]
    options: RunOptions,
}

/// Spans kept for a trace or a page.
const SPANS: usize = 200_000;

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    let scenario = args.options.scenario(&args.scenario.scenario)?;
    let treatment = args.options.one_treatment("run", &scenario)?;
    let output = &args.options.output;
    let kind = args.options.engine(&scenario);
    args.options.calibration.honoured_by(&[kind])?;
    let engine = engine_charging(args.options.calibration.charged(kind, terminal)?.as_ref());
    let mut outcome = Outcome::Done;
    let progress = Progress::default();
    stop_on_interrupt(&progress);
    for replicate in 0..scenario.run.replicates.max(1) {
        let archive = if output.no_save { None } else { Some(Archive::reserve(&output.out)?) };
        let treated = scenario.treated(&treatment);
        let mut experiment = Experiment::new(treated, treatment.load);
        experiment.replicate = replicate;
        experiment.seed = scenario.run.seed.wrapping_add(u64::from(replicate));
        experiment.profiler = args.options.watch.profiler;
        experiment.console = args.options.watch.console;
        experiment.command = env::args().collect();
        if output.trace.is_some() || output.html.is_some() {
            experiment.timeline_spans = SPANS;
        }
        let shown = progress::show(&experiment.scenario, &progress, terminal, args.options.watch.watch);
        let result = engine.run(&experiment, &progress);
        drop(shown);
        let result = result?;
        let extras = report::extras(output, &result.record, &experiment.scenario, replicate);
        // The measurement comes first: what goes wrong beside it is said once it is safe.
        let saved = archive.map(|archive| keep(archive, &result, &experiment.scenario.source, &extras));
        present(&result, saved.as_ref().and_then(|saved| saved.as_ref().ok()), output.json, terminal)?;
        saved.transpose()?;
        let unwritten: Vec<Failure> =
            extras.into_iter().filter_map(|extra| write(extra, terminal).err()).collect();
        if let Some(failure) = unwritten.into_iter().next() {
            return Err(failure);
        }
        outcome = judge(&result);
        if outcome != Outcome::Done {
            break;
        }
    }
    Ok(outcome)
}

/// Keeps the record, with those of its extras that there are.
fn keep(archive: Archive, result: &RunOutput, scenario: &str, extras: &[Extra]) -> Result<String, Failure> {
    let texts: Vec<(&str, &str)> = extras
        .iter()
        .filter_map(|extra| extra.text.as_ref().ok().map(|text| (extra.name, text.as_str())))
        .collect();
    let kept = archive.keep(&result.record, &result.sojourn, scenario, &texts)?;
    for missing in &kept.missing {
        say(&format!("warning: the record is kept without a file: {missing}"));
    }
    Ok(kept.folder.display().to_string())
}

/// Writes an extra where it was asked for.
fn write(extra: Extra, terminal: &Terminal) -> Result<(), Failure> {
    report::write(&extra.file, &extra.text?, terminal)
}

fn present(
    result: &RunOutput,
    saved: Option<&String>,
    json: bool,
    terminal: &Terminal,
) -> Result<(), Failure> {
    if json {
        let text = json::to_string(&result.record)
            .map_err(|error| Failure::cannot("write the record as JSON", error))?;
        return print(&format!("{text}\n"));
    }
    let page = terminal.page(&run_page(&result.record));
    let saved =
        saved.map_or_else(|| "not saved".to_owned(), |place| format!("saved in {}", Printable(place)));
    print(&terminal.plain(&format!("{page}{saved}\n")))
}

/// How the run ended, for the exit code.
fn judge(result: &RunOutput) -> Outcome {
    let record = &result.record;
    if let Some(why) = record.why_untrustworthy() {
        Outcome::Untrustworthy(why)
    } else if record.partial {
        Outcome::Interrupted
    } else {
        Outcome::Done
    }
}

/// How long a run takes at most, if that is known.
pub(super) fn longest(scenario: &Scenario) -> Option<Nanos> {
    scenario.run.duration.map(|duration| duration + scenario.run.warmup)
}
