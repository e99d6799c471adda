//! `conlab sweep`: plan, compute, watch, merge and submit studies of many cells.

use super::args::{one_of, parse_count};
use super::columns::write_columns;
use super::constants::{CalibrationOption, engine_charging};
use super::exit::{Failure, Outcome, print, say};
use super::progress::stop_on_interrupt;
use super::study::Runs;
use super::sweep_study;
use super::terminal::Terminal;
use crate::columns::Format;
use crate::engine::Progress;
use crate::files::{self, LARGEST_TEXT};
use crate::measure::Calibration;
use crate::sweep::{
    Cell, Computing, Log, Outcome as CellOutcome, Parts, Plan, Scheduler, Shard, StudyCommand, SweepError,
    compute, job, merge, read_study, write_table,
};
use serde_json::json;
use std::env;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

const EXAMPLES: &str = "\
Examples:
  conlab sweep plan study.toml --out sweeps/load     which cells there are
  conlab sweep run sweeps/load                       on all processors; again after an interruption, it goes on
  conlab sweep merge sweeps/load                     cells.csv and groups.csv
  conlab sweep merge sweeps/load --out load.parquet  and a row for each figure of each cell, for DuckDB, Polars, pandas
  conlab sweep run sweeps/load --shard 3/10          one of ten parts, on whichever machine
  conlab sweep submit sweeps/load --engine slurm --shards 10

A study's file is explained in docs/guide/sweeps.md; its cells may be the runs of compare, explain, whatif, search or fit, whose
answer the merge then gives. A cell is there whole or not at all; what was computed by another version or with another
calibration is refused by name.";

/// Studies of many cells, on one machine or on many: plan, run, status, merge, submit
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Plan(PlanArgs),
    Run(RunArgs),
    Status(StatusArgs),
    Merge(MergeArgs),
    Submit(SubmitArgs),
}

/// List the cells of a study, and freeze what they depend on
#[derive(Debug, clap::Args)]
struct PlanArgs {
    /// The study's file
    #[arg(value_name = "STUDY")]
    study: PathBuf,
    /// The sweep's folder
    #[arg(long, value_name = "DIR", default_value = "sweep")]
    out: PathBuf,
    #[command(flatten)]
    calibration: CalibrationOption,
}

/// Compute the cells that are missing
#[derive(Debug, clap::Args)]
struct RunArgs {
    /// The sweep's folder
    #[arg(value_name = "DIR", default_value = "sweep")]
    folder: PathBuf,
    /// Which of how many parts, from 0: 3/10; under Slurm, Kubernetes and HyperQueue their own number unless given
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Threads that compute cells in virtual time; all processors unless given
    #[arg(long, value_name = "N", value_parser = |text: &str| parse_count(text, 1, 4096))]
    jobs: Option<u64>,
    /// Compute cells that failed again
    #[arg(long)]
    retry: bool,
}

/// Say what is done, missing, failed or of another plan; exits with 3 while anything is
#[derive(Debug, clap::Args)]
struct StatusArgs {
    /// The sweep's folder
    #[arg(value_name = "DIR", default_value = "sweep")]
    folder: PathBuf,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Write the tables: a row a cell, and a row a combination with its histograms added; and the answer of the study's command
#[derive(Debug, clap::Args)]
struct MergeArgs {
    /// The sweep's folder
    #[arg(value_name = "DIR", default_value = "sweep")]
    folder: PathBuf,
    /// Merge what there is, though cells are missing or failed
    #[arg(long)]
    partial: bool,
    /// Also write a row for each figure of each cell: a file in .parquet or .arrow
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Submit the shards as a job array, and the merge after it
#[derive(Debug, clap::Args)]
struct SubmitArgs {
    /// The sweep's folder, which every node sees under the same path
    #[arg(value_name = "DIR", default_value = "sweep")]
    folder: PathBuf,
    /// slurm, hq (HyperQueue) or kubernetes
    #[arg(long, value_name = "NAME")]
    #[arg(value_parser = |word: &str| one_of("scheduler", word, &Scheduler::ALL, Scheduler::name))]
    engine: Scheduler,
    /// How many parts
    #[arg(long, value_name = "N", value_parser = |text: &str| parse_count(text, 1, 1_000_000))]
    shards: u64,
    /// Most shards at once
    #[arg(long, value_name = "N", value_parser = |text: &str| parse_count(text, 1, 1_000_000))]
    width: Option<u64>,
    /// Processors of each shard, and threads that compute its cells
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = |text: &str| parse_count(text, 1, 4096))]
    cpus: u64,
    /// Image that has conlab (kubernetes)
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// Show the job instead of submitting it
    #[arg(long)]
    dry_run: bool,
}

impl From<SweepError> for Failure {
    fn from(error: SweepError) -> Self {
        match error {
            SweepError::Refused(sentence) => Self::Usage(sentence),
            other => Self::CouldNotRun(Box::new(other)),
        }
    }
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    match &args.action {
        Action::Plan(args) => plan(args, terminal),
        Action::Run(args) => compute_cells(args, terminal),
        Action::Status(args) => status(args),
        Action::Merge(args) => merge_cells(args, terminal),
        Action::Submit(args) => submit(args),
    }
}

fn plan(args: &PlanArgs, terminal: &Terminal) -> Result<Outcome, Failure> {
    let shown = args.study.display().to_string();
    let text = files::read_text(&args.study, LARGEST_TEXT)
        .map_err(|error| Failure::cannot(format!("read the study {shown}"), error))?;
    let mut study = read_study(&text, &shown)?;
    let base = args.study.parent().unwrap_or(Path::new("."));
    if let Some(command) = &mut study.command {
        sweep_study::find_beside(command, base);
    }
    let constants = args.calibration.constants(terminal)?;
    let plan = Plan::make(&study, base, &constants, &args.out, &|command, scenario| {
        sweep_study::list(command, &study.fixed, scenario, &shown, &constants)
    })?;
    let of_what = match &plan.command {
        None => format!(
            "{} combinations, {} engines, {} seeds",
            study.combinations.len(),
            study.engines.len(),
            study.seeds.len()
        ),
        Some(StudyCommand { name, sample: Some(sample), .. }) => {
            format!("a first round of `conlab {name}`: {} sets drawn under seed {}", sample.sets, sample.seed)
        }
        Some(command) => format!("the runs of `conlab {}`", command.name),
    };
    print(&format!(
        "{}: {} cells ({of_what}) planned in {}\nconlab {}\n",
        plan.name,
        plan.cells.len(),
        args.out.display(),
        plan.version
    ))?;
    Ok(Outcome::Done)
}

fn compute_cells(args: &RunArgs, terminal: &Terminal) -> Result<Outcome, Failure> {
    let shard = match args.shard {
        Some(shard) => shard,
        None => {
            Shard::of_scheduler(|name| env::var(name).ok()).map_err(Failure::Usage)?.unwrap_or(Shard::ALL)
        }
    };
    let all = thread::available_parallelism().map_or(1, NonZero::get);
    let jobs = args.jobs.map_or(all, |jobs| usize::try_from(jobs).unwrap_or(all));
    let engines =
        |name: &str, calibration: Calibration| engine_charging((name != "real").then_some(&calibration));
    let progress = Progress::default();
    stop_on_interrupt(&progress);
    let ran = {
        let runs = Runs::new(terminal);
        let arms = |plan: &Plan| sweep_study::arms(plan, &args.folder);
        let how = Computing { jobs, retry: args.retry, engines: &engines, arms: &arms };
        compute(&args.folder, shard, &how, &progress, &|done, all| runs.show(done, all))?
    };
    print(&format!(
        "{}: {} cells, {} there already, {} computed, {} of them failed\n",
        shard.word(),
        ran.cells,
        ran.there,
        ran.computed,
        ran.failed
    ))?;
    if progress.stopped() {
        return Ok(Outcome::Interrupted);
    }
    Ok(if ran.failed > 0 {
        Outcome::Untrustworthy(format!("{} cells failed; `conlab sweep status` says why", ran.failed))
    } else {
        Outcome::Done
    })
}

/// Most cells that a list names.
const NAMED: usize = 10;

fn status(args: &StatusArgs) -> Result<Outcome, Failure> {
    let plan = Plan::read(&args.folder)?;
    let log = Log::read(&args.folder, &plan)?;
    let state = |cell: &Cell| log.found.get(&cell.key).map(|stored| &stored.outcome);
    let missing: Vec<usize> = plan
        .cells
        .iter()
        .enumerate()
        .filter(|(_, cell)| state(cell).is_none())
        .map(|(index, _)| index)
        .collect();
    let failed: Vec<(usize, &str)> = plan
        .cells
        .iter()
        .enumerate()
        .filter_map(|(index, cell)| match state(cell) {
            Some(CellOutcome::Failed(why)) => Some((index, why.as_str())),
            _ => None,
        })
        .collect();
    let done = plan.cells.len() - missing.len() - failed.len();
    if args.json {
        let document = json!({
            "schema": 1, "name": plan.name, "version": plan.version, "cells": plan.cells.len(), "done": done,
            "missing": missing, "failed": failed, "foreign": log.foreign.len(), "cut": log.cut,
        });
        print(&format!("{document:#}\n"))?;
    } else {
        let mut text =
            format!("{}: {done} of {} cells done (conlab {})\n", plan.name, plan.cells.len(), plan.version);
        if !missing.is_empty() {
            let named: Vec<String> = missing.iter().take(NAMED).map(ToString::to_string).collect();
            let more = if missing.len() > NAMED { ", …" } else { "" };
            text.push_str(&format!("{} missing: {}{more}\n", missing.len(), named.join(", ")));
        }
        for (index, why) in failed.iter().take(NAMED) {
            text.push_str(&format!("cell {index} failed: {why}\n"));
        }
        if failed.len() > NAMED {
            text.push_str(&format!("… and {} more failed\n", failed.len() - NAMED));
        }
        for foreign in log.foreign.iter().take(NAMED) {
            let file = foreign.file.display();
            text.push_str(&format!(
                "of another plan: {} in {file}, by conlab {}\n",
                foreign.key, foreign.version
            ));
        }
        print(&text)?;
    }
    let whole = missing.is_empty() && failed.is_empty() && log.foreign.is_empty();
    Ok(if whole { Outcome::Done } else { Outcome::Refuted })
}

fn merge_cells(args: &MergeArgs, terminal: &Terminal) -> Result<Outcome, Failure> {
    if let Some(path) = &args.out {
        Format::of(path).map_err(Failure::Usage)?;
    }
    let plan = Plan::read(&args.folder)?;
    let log = Log::read(&args.folder, &plan)?;
    let tables = merge(&plan, &log, args.partial)?;
    for (name, text) in [("cells.csv", &tables.cells), ("groups.csv", &tables.groups)] {
        let path = args.folder.join(name);
        files::replace(&path, text.as_bytes())
            .map_err(|error| Failure::cannot(format!("write {}", path.display()), error))?;
        say(&format!("wrote {}: {} rows", path.display(), text.lines().count() - 1));
    }
    if let Some(path) = &args.out {
        let rows = write_columns(path, |format, file| write_table(&plan, &log, format, file))?;
        say(&format!("wrote {}: {rows} rows", path.display()));
    }
    let whole = plan.cells.iter().all(|cell| {
        log.found.get(&cell.key).is_some_and(|stored| matches!(stored.outcome, CellOutcome::Done { .. }))
    });
    match &plan.command {
        Some(_) if whole => sweep_study::answer(&plan, &log, &args.folder, terminal),
        Some(command) => {
            say(&format!("no answer of {}: cells are missing or failed", command.name));
            Ok(Outcome::Done)
        }
        None => Ok(Outcome::Done),
    }
}

fn submit(args: &SubmitArgs) -> Result<Outcome, Failure> {
    let plan = Plan::read(&args.folder)?;
    plan.check_version()?;
    let folder = args
        .folder
        .canonicalize()
        .map_err(|error| Failure::cannot(format!("find {}", args.folder.display()), error))?;
    let program = env::current_exe().map_err(|error| Failure::cannot("find this program", error))?;
    let whole = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let parts = Parts {
        shards: whole(args.shards),
        width: args.width.map(whole),
        cpus: whole(args.cpus),
        image: args.image.clone(),
    };
    let job = job(args.engine, &plan, &folder, &program, &parts)?;
    if args.dry_run {
        let files: Vec<String> =
            job.files.iter().map(|(path, text)| format!("{}\n\n{text}\n", path.display())).collect();
        print(&format!("{}would run: {}\n", files.concat(), job.command.join(" ")))?;
        return Ok(Outcome::Done);
    }
    for (path, text) in &job.files {
        files::replace(path, text.as_bytes())
            .map_err(|error| Failure::cannot(format!("write {}", path.display()), error))?;
    }
    let ended = Command::new(&job.command[0])
        .args(&job.command[1..])
        .status()
        .map_err(|error| Failure::cannot(format!("run {}", job.command.join(" ")), error))?;
    if ended.success() {
        Ok(Outcome::Done)
    } else {
        Err(Failure::cannot(
            format!("submit: `{}` ended with {ended}", job.command.join(" ")),
            std::io::Error::other("its own message says why"),
        ))
    }
}
