//! `conlab import`: a scenario from a recording.

use super::constants::CalibrationOption;
use super::exit::{Failure, Outcome, print};
use super::records::open;
use super::report::write;
use super::study::parse_share;
use super::terminal::Terminal;
use crate::engine::{Engine as _, Experiment, Progress, VirtualEngine};
use crate::files;
use crate::import::{
    Columns, ImportError, Imported, Source, Twin, TwinGroup, of_log, of_recording, of_spans, read, system,
};
use crate::measure::RunRecord;
use crate::measure::record::Distribution;
use crate::measure::stored;
use crate::report::import::{Fidelity, ThreadsBeside, import_page, threads_page};
use crate::scenario::{LoadArm, Overrides, Scenario, Treatment};
use crate::units::Nanos;
use std::fs;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  conlab import traces.json --out shop.toml                     OTLP or Jaeger JSON, gzip-compressed or not
  conlab import access.log --out web.toml                       nginx (with $request_time) or envoy
  conlab import requests.csv --columns start=t0,duration=rt,unit=ms --out web.toml
  perf sched record -- ./bench; perf script --ns > sched.txt
  conlab import sched.txt --out bench.toml                      threads: time on a processor, and blocked
  conlab import latest --out twin.toml                          what `conlab record` kept last: threads, run and wait

The scenario says beside each figure whether it was measured, derived, assumed, or is not identifiable. The scenario is
then run in virtual time, and the page sets the result beside what was recorded. 3 says that the mean is off by more than 10 %.";

/// A scenario from traces, access logs or recordings, with where each figure comes from
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Traces, access logs or scheduler events, of one kind; or one recording of `conlab record`
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The scenario to write; samples go to a folder beside it
    #[arg(long, value_name = "FILE", value_parser = super::args::writable)]
    out: PathBuf,
    /// Where recordings are looked for by name
    #[arg(long, value_name = "DIR", default_value = "results", env = "CONLAB_OUT", hide_env = true)]
    records: PathBuf,
    /// Columns of a CSV: start=NAME,duration=NAME,unit=s, ms, us or ns
    #[arg(long, value_name = "COLUMNS", value_parser = |text: &str| text.parse::<Columns>())]
    columns: Option<Columns>,
    /// Share of the traces that the collector kept
    #[arg(long, value_name = "SHARE", value_parser = parse_share)]
    sampled: Option<f64>,
    /// Seed of the run in virtual time; always printed
    #[arg(long, value_name = "S", default_value_t = 18)]
    seed: u64,
    #[command(flatten)]
    calibration: CalibrationOption,
}

/// Cycles of the busiest threads in the run beside a recording, and the longest that it takes in virtual time.
const TWIN_CYCLES: u64 = 2000;
const LONGEST_TWIN: Nanos = Nanos::from_millis(120_000);

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::NotUnderstood(sentence) => Self::Usage(sentence),
            other => Self::CouldNotRun(Box::new(other)),
        }
    }
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    let stem =
        args.out.file_stem().map_or_else(|| "imported".into(), |stem| stem.to_string_lossy().into_owned());
    if let [word] = args.files.as_slice()
        && let Some(record) = recording(word, &args.records)?
    {
        return imported_threads(args, &record, &stem, terminal);
    }
    let (imported, read_words) = imported(args, &stem)?;
    let folder = args.out.parent().unwrap_or(Path::new(""));
    for (name, content) in &imported.samples {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .map_err(|error| Failure::cannot(format!("make the folder {}", parent.display()), error))?;
        files::write(&path, content.as_bytes())
            .map_err(|error| Failure::cannot(format!("write {}", path.display()), error))?;
    }
    write(&args.out, &imported.scenario, terminal)?;
    let fidelity = replayed(args, &imported, terminal)?;
    let page = import_page(
        &stem,
        &args.out.display().to_string(),
        &read_words,
        &imported.notes,
        &fidelity,
        args.seed,
    );
    print(&terminal.page(&page))?;
    let off =
        fidelity.iter().any(|row| row.name == "mean" && (row.predicted / row.observed - 1.0).abs() > 0.1);
    Ok(if off { Outcome::Refuted } else { Outcome::Done })
}

/// The stored recording that `word` means, if it means one: a folder, its run.json, a part of a name, or latest.
fn recording(word: &Path, out: &Path) -> Result<Option<RunRecord>, Failure> {
    let is_record = word.is_dir() || word.file_name().is_some_and(|name| name == "run.json");
    if word.exists() && !is_record {
        // JSON under another name: a record, or traces.
        let found =
            word.extension().is_some_and(|end| end == "json").then(|| stored::load(word).ok()).flatten();
        return Ok(found.filter(|record| record.observed.is_some()));
    }
    let record = open(word, out)?.1;
    if record.observed.is_some() {
        return Ok(Some(record));
    }
    Err(Failure::Usage(format!(
        "{}: the record of a run, which has a scenario already: scenario.toml in its folder. Its trace can be imported: conlab report {0} --trace FILE",
        word.display()
    )))
}

/// A scenario of recorded threads, run in virtual time beside them.
fn imported_threads(
    args: &Args,
    record: &RunRecord,
    stem: &str,
    terminal: &Terminal,
) -> Result<Outcome, Failure> {
    let twin = of_recording(record, stem).ok_or_else(|| {
        Failure::Usage(
            "the recording has no thread that ran: record for longer, or look more often (--every 1ms)"
                .into(),
        )
    })?;
    write(&args.out, &twin.scenario, terminal)?;
    let overrides =
        Overrides { duration: Some(LONGEST_TWIN), tasks: Some(TWIN_CYCLES), ..Overrides::default() };
    let scenario = Scenario::load(&args.out.to_string_lossy(), &overrides)?;
    let mut experiment = Experiment::new(scenario.treated(&Treatment::default()), LoadArm::Baseline);
    experiment.seed = args.seed;
    let virtual_run = VirtualEngine::with(args.calibration.constants(terminal)?)
        .run(&experiment, &Progress::default())?
        .record;
    let rows = threads_beside(&twin, &virtual_run);
    let page = threads_page(
        stem,
        &args.out.display().to_string(),
        &record.scenario.name,
        &twin.notes,
        &rows,
        args.seed,
    );
    print(&terminal.page(&page))?;
    Ok(if rows.iter().all(ThreadsBeside::is_close) { Outcome::Done } else { Outcome::Refuted })
}

/// Threads on a processor and waiting for one, as recorded and as the scenario gives them.
#[expect(clippy::cast_precision_loss, reason = "means of threads")]
fn threads_beside(twin: &Twin, run: &RunRecord) -> Vec<ThreadsBeside> {
    let length = run.window.length_ns.max(1) as f64;
    let row = |group: &TwinGroup| {
        let of = run.threads.iter().filter(|thread| thread.actor == group.actor);
        let (on_cpu, run_queue) =
            of.fold((0, 0), |sum, thread| (sum.0 + thread.on_cpu_ns, sum.1 + thread.run_queue_ns));
        ThreadsBeside {
            actor: group.actor.clone(),
            on_cpu: (group.on_cpu, on_cpu as f64 / length),
            run_queue: (group.run_queue, run_queue as f64 / length),
        }
    };
    twin.groups.iter().map(row).collect()
}

/// The scenario, and what was read in words.
fn imported(args: &Args, stem: &str) -> Result<(Imported, String), Failure> {
    let source = read(&args.files, args.columns.as_ref())?;
    let few = || {
        Failure::Usage(
            "the files hold fewer than two requests that nobody in them caused: record for longer".into(),
        )
    };
    match source {
        Source::Log(log) => {
            let words = format!("{} requests", log.requests.len());
            Ok((of_log(&log, stem).ok_or_else(few)?, words))
        }
        Source::Spans(spans) => {
            let found = system(&spans);
            let words = format!(
                "{} spans, {} kinds of request, {} requests from outside",
                spans.spans.len(),
                found.operations.len(),
                found.roots.len()
            );
            Ok((of_spans(&spans, &found, args.sampled.unwrap_or(1.0), stem).ok_or_else(few)?, words))
        }
    }
}

/// The scenario run in virtual time beside what was recorded of its actor in focus.
fn replayed(args: &Args, imported: &Imported, terminal: &Terminal) -> Result<Vec<Fidelity>, Failure> {
    let observed: u64 = imported.observed.iter().map(|(_, times)| times.len() as u64).sum();
    let overrides = Overrides { tasks: Some(observed.clamp(200, 20_000)), ..Overrides::default() };
    let scenario = Scenario::load(&args.out.to_string_lossy(), &overrides)?;
    let focus = scenario.actors[scenario.focus].name.clone();
    let mut experiment = Experiment::new(scenario.treated(&Treatment::default()), LoadArm::Baseline);
    experiment.seed = args.seed;
    let record = VirtualEngine::with(args.calibration.constants(terminal)?)
        .run(&experiment, &Progress::default())?
        .record;
    let Some(actor) = record.actors.get(&focus) else { return Ok(Vec::new()) };
    let mut times: Vec<u64> = imported
        .observed
        .iter()
        .filter(|(name, _)| name.split('.').next() == Some(&focus))
        .flat_map(|(_, times)| times.iter().copied())
        .collect();
    times.sort_unstable();
    let mut rows = fidelity(&times, &actor.sojourn_ns);
    rows.push(Fidelity {
        name: "throughput".into(),
        observed: imported.rate,
        predicted: actor.throughput_per_s,
        is_rate: true,
    });
    Ok(rows)
}

/// Mean and percentiles that both samples carry.
#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a task")]
fn fidelity(times: &[u64], predicted: &Distribution) -> Vec<Fidelity> {
    let mut rows = Vec::new();
    let mut row = |name: &str, observed: f64, predicted: f64| {
        rows.push(Fidelity { name: name.into(), observed, predicted, is_rate: false });
    };
    let mean = times.iter().map(|&time| time as f64).sum::<f64>() / times.len().max(1) as f64;
    row("mean", mean, predicted.mean);
    for (name, share, least, value) in
        [("p50", 50, 2, predicted.p50), ("p90", 90, 20, predicted.p90), ("p99", 99, 200, predicted.p99)]
    {
        if times.len() >= least {
            let at = (times.len() * share).div_ceil(100).saturating_sub(1);
            row(name, times[at] as f64, value as f64);
        }
    }
    rows
}
