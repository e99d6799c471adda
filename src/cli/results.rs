//! `conlab results`: what is stored, listed, filtered, pruned.

use super::args::parse_count;
use super::columns::write_columns;
use super::exit::{Failure, Outcome, print, say};
use super::terminal::Terminal;
use crate::files;
use crate::history::{Found, list, write_records};
use crate::report::plain::plain_table;
use serde_json::{Value, json};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  conlab results                                 what is stored, oldest first
  conlab results --scenario agents --engine real --since 2026-03-01
  conlab results --table records.parquet         their records as a table, for DuckDB, Polars, pandas
  conlab results --prune --keep 20               says what would be removed: all but the newest 20 of those listed
  conlab results --prune --before 2026-01-01 --yes

Nothing is removed without --yes. Links, drafts and folders of other things are never touched.";

/// List, filter and prune stored records and results
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Only results whose name contains this
    #[arg(value_name = "PART")]
    part: Option<String>,
    /// Where results are stored
    #[arg(long, value_name = "DIR", default_value = "results", env = "CONLAB_OUT", hide_env = true)]
    out: PathBuf,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    pruning: Pruning,
    /// Write the records of the listed runs as a table, a row for each figure: a file in .parquet or .arrow
    #[arg(long, value_name = "FILE", conflicts_with = "prune")]
    table: Option<PathBuf>,
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
}

/// Which results.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Filter")]
struct Filter {
    /// Only runs of this scenario
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Only runs of this engine: real or virtual; observed has recordings of other programs
    #[arg(long, value_name = "E")]
    engine: Option<String>,
    /// Only this kind: run, record, compare, explain, whatif, claims, fit, search, unreadable
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only those made at this time or later: 2026-03-01 or 2026-03-01T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<String>,
    /// Only those made before this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    before: Option<String>,
    /// Only records that are not trustworthy or were interrupted
    #[arg(long)]
    broken: bool,
}

/// What is removed.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Pruning")]
struct Pruning {
    /// Remove what is listed; without --yes only say so
    #[arg(long)]
    prune: bool,
    /// Keep the newest N of what is listed
    #[arg(long, value_name = "N", requires = "prune", value_parser = |text: &str| parse_count(text, 0, 1_000_000_000))]
    keep: Option<u64>,
    /// Really remove
    #[arg(long, requires = "prune")]
    yes: bool,
}

/// A time without marks, so that it compares as text: `20260301` or `20260301T120000Z`.
fn parse_time(text: &str) -> Result<String, String> {
    let plain: String = text.chars().filter(|mark| !matches!(mark, '-' | ':')).collect();
    let digits = |text: &str| text.chars().all(|letter| letter.is_ascii_digit());
    let fits = match plain.split_once('T') {
        None => plain.len() == 8 && digits(&plain),
        Some((date, time)) => {
            let time = time.trim_end_matches('Z');
            date.len() == 8 && digits(date) && (2..=6).contains(&time.len()) && digits(time)
        }
    };
    if fits {
        Ok(plain)
    } else {
        Err(format!("`{text}` is no time: expected 2026-03-01 or 2026-03-01T12:00:00Z"))
    }
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    if !args.out.exists() {
        let text = format!("nothing is stored: there is no {}\n", args.out.display());
        print(if args.json { "[]\n" } else { &text })?;
        return Ok(Outcome::Done);
    }
    let all = list(&args.out)
        .map_err(|error| Failure::cannot(format!("read the results in {}", args.out.display()), error))?;
    let mut chosen: Vec<&Found> = all.iter().filter(|one| chosen(one, args)).collect();
    if args.pruning.prune {
        let keep = args.pruning.keep.map_or(0, |keep| usize::try_from(keep).unwrap_or(usize::MAX));
        chosen.truncate(chosen.len().saturating_sub(keep));
    }
    if args.pruning.yes {
        for one in &chosen {
            files::remove_folder(&one.path)
                .map_err(|error| Failure::cannot(format!("remove {}", one.path.display()), error))?;
        }
    }
    if let Some(path) = &args.table {
        let records = chosen.iter().filter_map(|one| Some((one.name.as_str(), one.record.as_deref()?)));
        let rows = write_columns(path, |format, file| write_records(records, format, file))?;
        say(&format!("wrote {}: {rows} rows", path.display()));
        return Ok(Outcome::Done);
    }
    if args.json {
        let rows: Vec<Value> = chosen.iter().map(|one| row_json(one)).collect();
        print(&format!("{:#}\n", Value::Array(rows)))?;
    } else {
        print(&terminal.plain(&page(&chosen, &all, args)))?;
    }
    Ok(Outcome::Done)
}

fn chosen(one: &Found, args: &Args) -> bool {
    let filter = &args.filter;
    let record = one.record.as_deref();
    let of_run = |wanted: &Option<String>, value: fn(&crate::measure::RunRecord) -> &String| {
        wanted.as_ref().is_none_or(|wanted| record.is_some_and(|record| value(record) == wanted))
    };
    args.part.as_ref().is_none_or(|part| one.name.contains(part.as_str()))
        && of_run(&filter.scenario, |record| &record.scenario.name)
        && of_run(&filter.engine, |record| &record.engine)
        && filter.kind.as_ref().is_none_or(|kind| one.kind.name() == kind)
        && filter.since.as_ref().is_none_or(|since| one.time() >= *since)
        && filter.before.as_ref().is_none_or(|before| one.time() < *before)
        && (!filter.broken || !is_whole(one))
}

fn is_whole(one: &Found) -> bool {
    one.fault.is_none()
        && one.record.as_ref().is_none_or(|record| !record.partial && record.why_untrustworthy().is_none())
}

fn row_json(one: &Found) -> Value {
    json!({
        "name": one.name,
        "path": one.path.display().to_string(),
        "kind": one.kind.name(),
        "time": one.time(),
        "bytes": one.bytes,
        "scenario": one.record.as_ref().map(|record| &record.scenario.name),
        "engine": one.record.as_ref().map(|record| &record.engine),
        "trustworthy": one.record.as_ref().map(|record| record.trustworthy),
        "partial": one.record.as_ref().map(|record| record.partial),
        "fault": one.fault,
    })
}

fn page(chosen: &[&Found], all: &[Found], args: &Args) -> String {
    let rows = chosen
        .iter()
        .map(|one| {
            let (scenario, treatment) = one.record.as_ref().map_or_else(Default::default, |record| {
                let of = &record.treatment;
                let treatment = match &record.observed {
                    Some(observed) => format!("{} threads of process {}", of.threads, observed.pid),
                    None => format!("{} x {}, {}", of.threads, of.queue, of.load),
                };
                (record.scenario.name.clone(), treatment)
            });
            let engine = one.record.as_ref().map_or_else(String::new, |record| record.engine.clone());
            let mark = match (&one.fault, is_whole(one)) {
                (Some(fault), _) => fault.chars().take(60).collect(),
                (None, false) => "not trustworthy or interrupted".to_owned(),
                (None, true) => String::new(),
            };
            #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
            let size = format!("{:.1} KiB", one.bytes as f64 / 1024.0);
            vec![one.name.clone(), one.kind.name().to_owned(), scenario, engine, treatment, size, mark]
        })
        .collect();
    let mut text = plain_table(&["name", "kind", "scenario", "engine", "treatment", "size", ""], rows, 6);
    let what = match (args.pruning.prune, args.pruning.yes) {
        (true, true) => "removed",
        (true, false) => "would be removed; --yes removes them",
        _ => "listed",
    };
    text.push_str(&format!("{} of {} results {what}\n", chosen.len(), all.len()));
    text
}
