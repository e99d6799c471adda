//! `conlab report`: records rendered again.

use super::args::OutputOptions;
use super::exit::{Failure, Outcome, print, say};
use super::records::open;
use super::terminal::Terminal;
use crate::files;
use crate::measure::RunRecord;
use crate::report::html::html;
use crate::report::junit::{cases, junit};
use crate::report::markdown::markdown;
use crate::report::page::Page;
use crate::report::scenario::scenario_section;
use crate::report::{comparison_page, distinctions, histogram, requests, run_page, stacks, table, trace};
use crate::scenario::Scenario;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  conlab report results/20260304T050607Z-agents-9f1c2ab7
  conlab report latest --details
  conlab report results/*agents* --html agents.html          records side by side
  conlab report RUN --trace trace.json                       open in ui.perfetto.dev
  conlab report BEFORE AFTER --flamegraph difference.svg     red grew, blue shrank
  conlab report RUN --csv - | column -s, -t

FILE may be - for stdout. A record keeps a timeline only when its run was given --trace or --html.";

/// Render records again: HTML, Markdown, CSV, JUnit, folded stacks, flame graph, Perfetto trace
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Records: their folders or run.json, a part of a name in --records, or latest
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// Where records are looked up by a part of their name
    #[arg(long, value_name = "DIR", default_value = "results", env = "CONLAB_OUT", hide_env = true)]
    records: PathBuf,
    #[command(flatten)]
    formats: Formats,
}

/// What to render, and where to; without any, the page of `conlab run` goes to stdout.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Formats")]
#[group(multiple = true)]
struct Formats {
    /// A self-contained page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// CSV: a row for each actor of each record
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// JUnit XML: each identity a test case
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// A trace for Perfetto or Chrome (one record)
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// CSV of the requests of the actor in focus, as an access log has them (one record)
    #[arg(long, value_name = "FILE")]
    requests: Option<PathBuf>,
    /// Folded stacks of time per task by actor, step and cause; of two records, both weights
    #[arg(long, value_name = "FILE")]
    folded: Option<PathBuf>,
    /// A flame graph of the same; of two records, their difference
    #[arg(long, value_name = "FILE")]
    flamegraph: Option<PathBuf>,
    /// HdrHistogram's percentile table of the sojourn times (one record)
    #[arg(long, value_name = "FILE")]
    hgrm: Option<PathBuf>,
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    let mut runs = Vec::new();
    let mut paths = Vec::new();
    for word in &args.runs {
        let (path, record) = open(word, &args.records)?;
        runs.push((name(&path), record));
        paths.push(path);
    }
    distinguish(&mut runs, &paths);
    let formats = &args.formats;
    refuse(&runs, formats)?;
    let mut any = false;
    let mut give = |file: &Option<PathBuf>, text: &dyn Fn() -> Result<String, Failure>| match file {
        Some(file) => {
            any = true;
            write(file, &text()?, terminal)
        }
        None => Ok(()),
    };
    give(&formats.html, &|| {
        let mut page = page(&runs);
        if let [path] = paths.as_slice() {
            page.sections.extend(scenario_of(path).as_ref().map(scenario_section));
        }
        Ok(html(&page))
    })?;
    give(&formats.markdown, &|| Ok(markdown(&page(&runs))))?;
    give(&formats.csv, &|| {
        let is_observed = runs.iter().all(|(_, record)| record.observed.is_some());
        let text = if is_observed { table::observed_csv(&runs) } else { table::csv(&runs) };
        text.map_err(|error| Failure::cannot("write CSV", error))
    })?;
    give(&formats.junit, &|| {
        let suites: Vec<_> = runs.iter().map(|(name, record)| (name.clone(), cases(record))).collect();
        junit("conlab", &suites).map_err(|error| Failure::cannot("write JUnit XML", error))
    })?;
    give(&formats.trace, &|| trace_of(one(&runs, "--trace")?))?;
    give(&formats.requests, &|| {
        let (name, record) = one(&runs, "--requests")?;
        requests::requests(record).ok_or_else(|| {
            Failure::Usage(format!("{name} keeps no tasks: run it again with --trace FILE or --html FILE"))
        })
    })?;
    give(&formats.folded, &|| folded(&runs, "--folded"))?;
    give(&formats.flamegraph, &|| flame_graph(&runs))?;
    give(&formats.hgrm, &|| {
        let (name, record) = one(&runs, "--hgrm")?;
        let focus = record.actors.get(&record.treatment.focus);
        let of = focus.map(|actor| &actor.sojourn_ns).filter(|of| !of.spectrum.is_empty());
        of.map(histogram::hgrm).ok_or_else(|| {
            Failure::Usage(format!("{name} keeps no percentile spectrum of its actor in focus"))
        })
    })?;
    if !any {
        print(&terminal.page(&page(&runs)))?;
    }
    Ok(Outcome::Done)
}

/// Refuses what recordings of other programs, which have no tasks, cannot give.
fn refuse(runs: &[(String, RunRecord)], formats: &Formats) -> Result<(), Failure> {
    let Some((name, _)) = runs.iter().find(|(_, record)| record.observed.is_some()) else { return Ok(()) };
    for (option, is_given) in [("--requests", formats.requests.is_some()), ("--hgrm", formats.hgrm.is_some())]
    {
        if is_given {
            return Err(Failure::Usage(format!(
                "{option}: {name} is a recording of another program's threads, and has no tasks"
            )));
        }
    }
    let mixed = runs.iter().any(|(_, record)| record.observed.is_none());
    if mixed && formats.csv.is_some() {
        return Err(Failure::Usage(format!(
            "--csv: {name} is a recording of threads and others are runs, which have different columns; write them apart"
        )));
    }
    Ok(())
}

/// The scenario that lies beside a record, where it can be read.
fn scenario_of(path: &Path) -> Option<Scenario> {
    let folder = if path.is_dir() { path } else { path.parent()? };
    let text = std::fs::read_to_string(folder.join("scenario.toml")).ok()?;
    Scenario::parse(&text, "scenario.toml").ok()
}

/// The page of one record, or of several side by side.
fn page(runs: &[(String, RunRecord)]) -> Page {
    match runs {
        [(_, record)] => run_page(record),
        several => comparison_page(several),
    }
}

/// The trace of a record.
pub(super) fn trace_of((name, record): (&str, &RunRecord)) -> Result<String, Failure> {
    trace::trace(record).map(|(text, _)| text).ok_or_else(|| {
        Failure::Usage(format!("{name} keeps no timeline: run it again with --trace FILE or --html FILE"))
    })
}

fn folded(runs: &[(String, RunRecord)], option: &str) -> Result<String, Failure> {
    match runs {
        [(_, record)] => Ok(stacks::folded(record)),
        [(_, before), (_, after)] => Ok(stacks::folded_difference(before, after)),
        more => {
            Err(Failure::Usage(format!("{option} takes one record or two, and {} are given", more.len())))
        }
    }
}

fn flame_graph(runs: &[(String, RunRecord)]) -> Result<String, Failure> {
    let folded = folded(runs, "--flamegraph")?;
    let (title, subtitle) = match runs {
        [(_, before), (other, _)] => (
            format!("{} against {other}", runs[0].0),
            format!("{}: red grew, blue shrank", before.scenario.name),
        ),
        [(_, record)] if record.observed.is_some() => {
            (record.scenario.name.clone(), "time of the threads by name and state".into())
        }
        _ => (runs[0].1.scenario.name.clone(), "time per task by actor, step and cause".into()),
    };
    stacks::flame_graph(&folded, &title, &subtitle, "ns")
        .map_err(|error| Failure::cannot("draw a flame graph", error))
}

fn one<'run>(
    runs: &'run [(String, RunRecord)],
    option: &str,
) -> Result<(&'run str, &'run RunRecord), Failure> {
    match runs {
        [(name, record)] => Ok((name, record)),
        more => Err(Failure::Usage(format!("{option} takes one record, and {} are given", more.len()))),
    }
}

/// What a run was asked to show besides its record.
#[derive(Debug)]
pub(super) struct Extra {
    /// Its name in the record's folder.
    pub(super) name: &'static str,
    /// The file that was asked for.
    pub(super) file: PathBuf,
    /// What is in it, or why there is nothing to put in.
    pub(super) text: Result<String, Failure>,
}

/// The page and the trace of a run, where they were asked for. Replicates after the first get their number in the file's
/// name.
pub(super) fn extras(
    output: &OutputOptions,
    record: &RunRecord,
    scenario: &Scenario,
    replicate: u32,
) -> Vec<Extra> {
    let numbered = |file: &Path| {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let extension =
            file.extension().map(|text| format!(".{}", text.to_string_lossy())).unwrap_or_default();
        match replicate {
            0 => file.to_owned(),
            more => file.with_file_name(format!("{stem}-{}{extension}", more + 1)),
        }
    };
    let mut extras = Vec::new();
    if let Some(file) = &output.html {
        let mut page = run_page(record);
        page.sections.push(scenario_section(scenario));
        let text = Ok(html(&page));
        extras.push(Extra { name: "report.html", file: numbered(file), text });
    }
    if let Some(file) = &output.trace {
        let text = trace_of((&record.scenario.name, record));
        extras.push(Extra { name: "trace.json", file: numbered(file), text });
    }
    extras
}

/// Writes `text` to `file`, or to stdout for `-`.
pub(super) fn write(file: &Path, text: &str, terminal: &Terminal) -> Result<(), Failure> {
    if file == Path::new("-") {
        return print(text);
    }
    files::write(file, text.as_bytes())
        .map_err(|error| Failure::cannot(format!("write {}", file.display()), error))?;
    if !terminal.quiet {
        say(&format!("wrote {}", file.display()));
    }
    Ok(())
}

/// A record's short name: its folder's.
fn name(path: &Path) -> String {
    let named = if path.is_dir() { Some(path) } else { path.parent().filter(|_| path.ends_with("run.json")) };
    let named = named.filter(|folder| folder.file_name().is_some()).unwrap_or(path);
    named.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// Names records by what tells them apart; where that leaves two alike, those of one short name get their paths.
fn distinguish(runs: &mut [(String, RunRecord)], paths: &[PathBuf]) {
    if runs.len() > 1
        && let Some(names) = distinctions(&runs.iter().map(|(_, record)| record).collect::<Vec<_>>())
    {
        runs.iter_mut().zip(names).for_each(|(run, name)| run.0 = name);
        return;
    }
    let names: Vec<String> = runs.iter().map(|(name, _)| name.clone()).collect();
    for (index, run) in runs.iter_mut().enumerate() {
        if names.iter().filter(|other| **other == run.0).count() > 1 {
            run.0 = paths[index].display().to_string();
        }
    }
}
