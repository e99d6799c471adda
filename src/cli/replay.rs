//! `conlab replay`: a scenario beside recordings of the system that it describes.

use super::args::OutputOptions;
use super::constants::CalibrationOption;
use super::exit::{Failure, Outcome};
use super::signals::stop_on_interrupt;
use super::study::{Made, Runs, present};
use super::terminal::Terminal;
use crate::engine::{Progress, VirtualEngine};
use crate::import::{Columns, Log, Source, Spans, of_spans, read, system};
use crate::measure::stored;
use crate::report::study::replay_page;
use crate::scenario::{Overrides, Scenario};
use crate::study::replay::{Arrived, Fidelity, Group, Recording, Replayed, replay};
use crate::units::Nanos;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  conlab replay shop.toml --to results/RUN                      a record of a run
  conlab replay shop.toml --to monday.log --to tuesday.log      access logs, at the instants that they have
  conlab replay shop.toml --to traces.json                      OTLP or Jaeger JSON, by kind of request
  conlab replay shop.toml --to r.csv --columns start=t0,duration=rt,unit=ms

Each --to is one recording. An open load is replayed at the recorded instants, if the recording has any; a closed load stays
closed. A figure may be off by 10 % (mean, throughput) or 20 % (percentiles), or as far as the recordings are from each
other; 3 says that one is further off.";

/// A scenario in virtual time beside recordings of the real system, figure by figure
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A built-in scenario's name or a TOML file's path
    #[arg(value_name = "SCENARIO")]
    scenario: String,
    /// What was recorded: a record's folder or run.json, traces, or an access log
    #[arg(long, value_name = "RECORDING", required = true)]
    to: Vec<PathBuf>,
    /// Columns of a CSV: start=NAME,duration=NAME,unit=s, ms, us or ns
    #[arg(long, value_name = "COLUMNS", value_parser = |text: &str| text.parse::<Columns>())]
    columns: Option<Columns>,
    /// Keep the scenario's own load, also where the recording has instants
    #[arg(long)]
    own_load: bool,
    /// Any field of the scenario, before the replay
    #[arg(long, value_name = "PATH=VALUE", value_parser = super::args::parse_assignment)]
    set: Vec<(String, String)>,
    /// Seed of every stream of randomness; always printed
    #[arg(long, value_name = "S", default_value_t = 18)]
    seed: u64,
    #[command(flatten)]
    calibration: CalibrationOption,
    #[command(flatten)]
    output: OutputOptions,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Document {
    schema: u32,
    answer: String,
    replay: Replayed,
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    let overrides = Overrides { set: args.set.clone(), seed: Some(args.seed), ..Overrides::default() };
    let scenario = Scenario::load(&args.scenario, &overrides)?;
    let focus = &scenario.actors[scenario.focus].name;
    let recordings: Vec<Recording> =
        args.to.iter().map(|path| recording(path, args.columns.as_ref(), focus)).collect::<Result<_, _>>()?;
    let constants = args.calibration.constants(terminal)?;
    let progress = Progress::default();
    stop_on_interrupt(&progress);
    let found = {
        let runs = Runs::new(terminal);
        replay(
            &scenario,
            &recordings,
            !args.own_load,
            &VirtualEngine::with(constants.clone()),
            &progress,
            &|done, most| runs.show(done, most),
        )?
    };
    let page = replay_page(&found, &args.scenario);
    let missed = found.figures.iter().any(|figure| figure.fidelity == Fidelity::Missed);
    let document = Document { schema: 1, answer: page.answer.clone(), replay: found };
    let made = Made::of(Some(&scenario), Some(&constants));
    present("replay", &document, page, made, &args.output, terminal)?;
    Ok(if missed { Outcome::Refuted } else { Outcome::Done })
}

/// What is in one file or folder; the requests of a log are those of `focus`.
fn recording(path: &Path, columns: Option<&Columns>, focus: &str) -> Result<Recording, Failure> {
    if columns.is_none() && (path.is_dir() || path.extension().is_some_and(|end| end == "json")) {
        match stored::load(path) {
            Ok(record) if record.observed.is_some() => {
                return Err(Failure::Usage(format!(
                    "{}: a recording of threads, which has no requests to replay; give traces or an access log",
                    path.display()
                )));
            }
            Ok(record) => return Ok(Recording::of_record(&record)),
            // JSON that is no record may be traces.
            Err(stored::StoredError::NotARecord { .. }) if !path.is_dir() => {}
            Err(error) => return Err(Failure::CouldNotRun(Box::new(error))),
        }
    }
    let source = read(&[path.to_owned()], columns)?;
    let few = || {
        Failure::Usage(format!(
            "{}: expected at least two requests that nobody in the file caused: record for longer",
            path.display()
        ))
    };
    match source {
        Source::Log(log) => of_log(&log, focus).ok_or_else(few),
        Source::Spans(spans) => of_traces(&spans).ok_or_else(few),
    }
}

fn of_log(log: &Log, focus: &str) -> Option<Recording> {
    let mut instants: Vec<u64> = log.requests.iter().map(|request| request.start).collect();
    instants.sort_unstable();
    let instants = since_first(&instants);
    // As in records: latencies and throughput are those of requests that were answered.
    let times: Vec<u64> =
        log.requests.iter().filter(|request| !request.failed).map(|request| request.length).collect();
    #[expect(clippy::cast_precision_loss, reason = "counts of requests")]
    let answered = times.len() as f64 / log.requests.len().max(1) as f64;
    let rate = rate(&instants)? * answered;
    let has_kinds = log.requests.iter().any(|request| request.failed);
    let mut by_start: Vec<_> = log.requests.iter().filter(|_| has_kinds).collect();
    by_start.sort_by_key(|request| request.start);
    let kinds = by_start.iter().map(|request| if request.failed { "failed" } else { "request" }.to_owned());
    let kinds = kinds.collect();
    Some(Recording {
        groups: BTreeMap::from([(focus.to_owned(), Group::of_times(times, rate))]),
        arrivals: BTreeMap::from([(focus.to_owned(), Arrived { instants, kinds })]),
    })
}

/// Root requests by the names that `import` gives them: `actor`, or `actor.kind` where an actor has several.
fn of_traces(spans: &Spans) -> Option<Recording> {
    let found = system(spans);
    let imported = of_spans(spans, &found, 1.0, "replay")?;
    let mut starts: Vec<u64> = found.roots.iter().map(|(_, start, _)| *start).collect();
    starts.sort_unstable();
    let whole = rate(&since_first(&starts))?;
    let mut times: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (name, of) in &imported.observed {
        times.entry(name.clone()).or_default().extend(of);
        if let Some((actor, _)) = name.split_once('.') {
            times.entry(actor.to_owned()).or_default().extend(of);
        }
    }
    // From the first request of all on, so that actors keep their distance in time.
    let arrivals = imported.arrivals.into_iter().map(|(actor, all)| {
        let instants = all.iter().map(|(at, _)| Nanos(at - starts[0])).collect();
        let kinds: Vec<String> =
            all.into_iter().map(|(_, kind)| kind).filter(|kind| !kind.is_empty()).collect();
        (actor, Arrived { instants, kinds })
    });
    let arrivals = arrivals.collect();
    #[expect(clippy::cast_precision_loss, reason = "counts of requests")]
    let share = |count: usize| whole * count as f64 / found.roots.len().max(1) as f64;
    let groups =
        times.iter().map(|(name, of)| (name.clone(), Group::of_times(of.clone(), share(of.len())))).collect();
    Some(Recording { groups, arrivals })
}

/// Ascending instants in nanoseconds of any epoch, from the first on.
fn since_first(instants: &[u64]) -> Vec<Nanos> {
    let first = instants.first().copied().unwrap_or(0);
    instants.iter().map(|at| Nanos(at - first)).collect()
}

/// Requests per second between the first and the last; `None` where that says nothing.
#[expect(clippy::cast_precision_loss, reason = "counts of requests")]
fn rate(instants: &[Nanos]) -> Option<f64> {
    let last = instants.last().filter(|last| **last > Nanos::ZERO)?;
    Some((instants.len() - 1) as f64 / last.as_secs_f64())
}
