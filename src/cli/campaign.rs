//! `conlab campaign`: a profiling campaign from its pack, its files, its roadmap.

use super::args::writable;
use super::exit::{Failure, Outcome, print, say};
use super::report::write;
use super::signals::stop_on_interrupt;
use super::terminal::Terminal;
use crate::campaign::{
    Campaign, CampaignError, DayReport, EMBEDDED, Level, Pack, ResultFiles, TaskSpec, campaign_page,
    run as run_days,
};
use crate::engine::real::RealEngine;
use crate::engine::{Progress, VirtualEngine};
use crate::files::{self, LARGEST_TEXT};
use crate::report::html::html;
use std::env;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  conlab campaign --day all                    phase 18F's fifteen tasks on this machine, in some minutes
  conlab campaign my-campaign                  a pack of your own: a folder with pack.toml and tasks.toml
  conlab campaign --day 2 --level model        fitted on the isolated figures, asked for the baseline
  conlab campaign --day all --level replay     the reported figures from their formulas; synthetic
  conlab campaign --day 5 --roadmap mine.toml  what is worth doing

Files go to DIR/FOLDER, phase_18f for the built-in pack: daily_reports, metrics_json, raw_profiles, flame_graphs.";

/// A profiling campaign: tasks by day, their files, the roadmap; phase 18F unless another pack is given
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The built-in pack, or a folder with pack.toml, tasks.toml and the files that they name
    #[arg(value_name = "PACK", default_value = EMBEDDED)]
    pack: String,
    /// Which day, or all
    #[arg(long, value_name = "N|all", default_value = "all", value_parser = parse_days)]
    day: Days,
    /// measured (this machine), model (virtual time) or replay (formulas; synthetic)
    #[arg(long, value_name = "LEVEL", default_value = "measured", value_parser = parse_level)]
    level: Level,
    /// Where the results go
    #[arg(long, value_name = "DIR", default_value = "results", env = "CONLAB_OUT", hide_env = true)]
    out: PathBuf,
    /// Tasks whose fields replace the built-in ones, by name
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Entries of the roadmap instead of the built-in ones
    #[arg(long, value_name = "FILE")]
    roadmap: Option<PathBuf>,
    /// Seed of every stream of randomness; always printed
    #[arg(long, value_name = "S", default_value_t = 18)]
    seed: u64,
    /// Write the page as self-contained HTML
    #[arg(long, value_name = "FILE", value_parser = writable)]
    html: Option<PathBuf>,
    /// Print the day reports as JSON instead of the summaries
    #[arg(long)]
    json: bool,
}

/// Which days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Days {
    All,
    One(u64),
}

fn parse_days(text: &str) -> Result<Days, String> {
    if text == "all" {
        return Ok(Days::All);
    }
    match text.parse() {
        Ok(day) if day > 0 => Ok(Days::One(day)),
        _ => Err(format!("`{text}` is not a day: expected a number such as 2, or all")),
    }
}

/// The days asked for, which the pack must have.
fn days(pack: &Pack, asked: Days) -> Result<Vec<u64>, Failure> {
    let known = pack.days();
    match asked {
        Days::All => Ok(known),
        Days::One(day) if known.contains(&day) => Ok(vec![day]),
        Days::One(day) => {
            let known: Vec<String> = known.iter().map(u64::to_string).collect();
            Err(Failure::Usage(format!(
                "--day: the pack has no day {day}: expected {}, or all",
                known.join(", ")
            )))
        }
    }
}

fn parse_level(text: &str) -> Result<Level, String> {
    let names = Level::ALL.map(Level::name);
    Level::ALL
        .into_iter()
        .find(|level| level.name() == text)
        .ok_or_else(|| crate::scenario::unknown("level", text, &names))
}

/// Runs the days and prints their summaries.
pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    let mut pack = Pack::open(&args.pack).map_err(failure)?;
    if let Some((text, name)) = read(args.config.as_deref())? {
        pack = pack.with_tasks(&text, &name).map_err(failure)?;
    }
    if let Some((text, name)) = read(args.roadmap.as_deref())? {
        pack = pack.with_roadmap(&text, &name).map_err(failure)?;
    }
    let days = days(&pack, args.day)?;
    let progress = Progress::default();
    stop_on_interrupt(&progress);
    let (real, simulated) = (RealEngine::new(), VirtualEngine::default());
    let campaign = Campaign {
        level: args.level,
        days,
        pack,
        real: &real,
        simulated: &simulated,
        seed: args.seed,
        out: args.out.clone(),
        command: env::args().collect(),
        progress: &progress,
    };
    let watch = |task: &TaskSpec, done: usize, all: usize| {
        if !terminal.quiet {
            say(&format!("[{:>2}/{all}] day {}, task {}: {}", done + 1, task.day, task.number, task.name));
        }
    };
    match run_days(&campaign, &watch) {
        Ok((reports, files)) => show(args, terminal, &campaign.pack.title, &reports, &files),
        Err(CampaignError::Interrupted) => Ok(Outcome::Interrupted),
        Err(error) => Err(failure(error)),
    }
}

fn read(path: Option<&Path>) -> Result<Option<(String, String)>, Failure> {
    let Some(path) = path else { return Ok(None) };
    let text = files::read_text(path, LARGEST_TEXT)
        .map_err(|error| Failure::cannot(format!("read {}", path.display()), error))?;
    Ok(Some((text, path.display().to_string())))
}

fn show(
    args: &Args,
    terminal: &Terminal,
    title: &str,
    reports: &[DayReport],
    files: &ResultFiles,
) -> Result<Outcome, Failure> {
    let failed: Vec<&str> = reports
        .iter()
        .flat_map(|report| &report.outcomes)
        .filter(|outcome| !outcome.is_success())
        .map(|outcome| outcome.task.name.as_str())
        .collect();
    if args.json {
        let days: Vec<_> = reports.iter().map(|report| &report.json).collect();
        let text = serde_json::to_string_pretty(&days)
            .map_err(|error| Failure::cannot("write the reports as JSON", error))?;
        print(&format!("{text}\n"))?;
    } else {
        let place = files.root().display().to_string();
        let page = campaign_page(title, reports, args.level, args.seed, (files.written.len(), &place));
        if let Some(file) = &args.html {
            write(file, &html(&page), terminal)?;
        }
        print(&terminal.page(&page))?;
    }
    if failed.is_empty() {
        Ok(Outcome::Done)
    } else {
        Ok(Outcome::Untrustworthy(format!("{} failed; the reports say why", failed.join(", "))))
    }
}

fn failure(error: CampaignError) -> Failure {
    match error {
        CampaignError::Config(sentence) => Failure::Usage(sentence),
        other => Failure::CouldNotRun(Box::new(other)),
    }
}
