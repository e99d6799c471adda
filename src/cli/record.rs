//! `conlab record`: where a foreign program's time goes.

use super::args::{OutputOptions, parse_some_time};
use super::exit::{Failure, Outcome, print, say};
use super::report::{trace_of, write};
use super::signals::stop_on_interrupt;
use super::terminal::Terminal;
use crate::clock;
use crate::engine::Progress;
use crate::measure::archive::Archive;
use crate::measure::observed::OBSERVED;
use crate::measure::record::{RunRecord, SCHEMA, ScenarioRef, TreatmentRecord};
use crate::measure::{host, identities, json};
use crate::observe::{Observation, observe};
use crate::printable::Printable;
use crate::report::html::html;
use crate::report::run_page;
use crate::scenario::text_digest;
use crate::units::Nanos;
use std::path::Path;
use std::process::{Child, Command};
use std::{env, fs};

const EXAMPLES: &str = "\
Examples:
  conlab record -- python3 server.py           until it ends, or Ctrl-C
  conlab record --pid 4711 --duration 10s      a program that runs already
  conlab record --every 1ms -- ./bench
  conlab report latest --html page.html        the record opens wherever a run's does: report, show, diff, results, audit
  conlab import latest --out twin.toml         the start of a scenario

Processes that come from the program are recorded with it; threads are grouped by name, digits at the end left out.
On-CPU time, run-queue wait and switches are the kernel's counts; what threads are blocked by is sampled from /proc.";

/// Where the time of another program's threads goes, without changing it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Observe a process that runs already
    #[arg(long, value_name = "PID", conflicts_with = "command", required_unless_present = "command")]
    pid: Option<u32>,
    /// Observe for so long; left out: until the program ends
    #[arg(long, value_name = "T", value_parser = parse_some_time)]
    duration: Option<Nanos>,
    /// Time between two looks
    #[arg(long, value_name = "T", default_value = "5ms", value_parser = parse_some_time)]
    every: Nanos,
    #[command(flatten)]
    output: OutputOptions,
    /// The program to start, and its arguments
    #[arg(value_name = "COMMAND", last = true)]
    command: Vec<String>,
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    let output = &args.output;
    let archive = if output.no_save { None } else { Some(Archive::reserve(&output.out)?) };
    let progress = Progress::default();
    stop_on_interrupt(&progress);
    let mut child = match args.command.split_first() {
        Some((program, words)) => Some(
            Command::new(program)
                .args(words)
                .spawn()
                .map_err(|error| Failure::cannot(format!("start {program}"), error))?,
        ),
        None => None,
    };
    let pid = child.as_ref().map(Child::id).or(args.pid).unwrap_or_default();
    let mut record = begun(args, pid);
    let steal = host::steal_ns();
    let end = args.duration.map(|duration| clock::now() + duration);
    let seen = observe(pid, args.every, &mut || {
        let ended = child.as_mut().is_some_and(|child| !matches!(child.try_wait(), Ok(None)));
        !ended && !progress.stopped() && end.is_none_or(|end| clock::now() < end)
    })
    .map_err(|error| Failure::CouldNotRun(Box::new(error)))?;
    if let Some(child) = &mut child
        && matches!(child.try_wait(), Ok(None))
    {
        say("the program runs on; its process is left alone");
    }
    record.manifest.steal_ns = host::steal_ns().zip(steal).map(|(now, then)| now.saturating_sub(then));
    finish(&mut record, seen);
    let why = record.why_untrustworthy();
    show(&record, archive, output, terminal)?;
    Ok(match why {
        Some(why) => Outcome::Untrustworthy(why),
        None if progress.stopped() => Outcome::Interrupted,
        None => Outcome::Done,
    })
}

/// The record of a recording that begins now.
fn begun(args: &Args, pid: u32) -> RunRecord {
    let name = match args.command.first() {
        Some(program) => Path::new(program)
            .file_name()
            .map_or_else(|| program.clone(), |name| name.to_string_lossy().into_owned()),
        None => name_of(pid),
    };
    let words: Vec<&str> =
        if args.command.is_empty() { vec![&name] } else { args.command.iter().map(String::as_str).collect() };
    let digest = text_digest(&words.join("\0"));
    let cores = host::cores();
    RunRecord {
        schema: SCHEMA,
        conlab: env!("CARGO_PKG_VERSION").into(),
        command: env::args().collect(),
        engine: OBSERVED.into(),
        manifest: host::manifest("none: the kernel's figures".into()),
        scenario: ScenarioRef { name, digest },
        treatment: TreatmentRecord { cores, ..TreatmentRecord::default() },
        ..RunRecord::default()
    }
}

/// What a process is called.
fn name_of(pid: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let name: String = name.trim_end().chars().filter(|letter| !letter.is_control()).collect();
    if name.is_empty() { format!("process-{pid}") } else { name }
}

/// What was seen, checked.
fn finish(record: &mut RunRecord, seen: Observation) {
    record.window.length_ns = seen.length.0;
    record.scheduler = seen.observed.scheduler();
    record.treatment.threads = usize::try_from(seen.observed.total().threads).unwrap_or(usize::MAX);
    record.warnings = seen.observed.warnings();
    record.warnings.extend(host::steal_warning(
        record.manifest.steal_ns,
        record.treatment.cores,
        seen.length.0,
    ));
    record.observed = Some(seen.observed);
    record.identities = identities::check(record);
    record.trustworthy = record.identities.iter().all(|identity| identity.holds);
}

/// Prints the page or the record, keeps it, and writes what was asked for.
fn show(
    record: &RunRecord,
    archive: Option<Archive>,
    output: &OutputOptions,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let page = run_page(record);
    let html = html(&page);
    let kept = archive.map(|archive| archive.keep_observed(record, &[("report.html", &html)])).transpose()?;
    if output.json {
        let text =
            json::to_string(record).map_err(|error| Failure::cannot("write the record as JSON", error))?;
        print(&format!("{text}\n"))?;
    } else {
        let saved = kept.as_ref().map_or_else(
            || "not saved".to_owned(),
            |kept| format!("saved in {}", Printable(&kept.folder.display().to_string())),
        );
        print(&terminal.plain(&format!("{}{saved}\n", terminal.page(&page))))?;
    }
    if let Some(file) = &output.html {
        write(file, &html, terminal)?;
    }
    if let Some(file) = &output.trace {
        write(file, &trace_of((&record.scenario.name, record))?, terminal)?;
    }
    Ok(())
}
