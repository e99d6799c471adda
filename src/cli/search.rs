//! `conlab search`: the cheapest setting that meets a goal.

use super::args::{RunOptions, ScenarioArg};
use super::exit::{Failure, Outcome};
use super::signals::stop_on_interrupt;
use super::study::{Level, Made, Runs, equal_tasks, present};
use super::terminal::Terminal;
use crate::engine::{Progress, VirtualEngine};
use crate::report::study::search_page;
use crate::scenario::EngineKind;
use crate::study::{Gate, Over, SearchOptions, SearchResult, search};
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  conlab search --goal 'p99<60ms' --over actor.agents.threads=1..16
  conlab search shop.toml --goal 'p99<80ms' --goal 'throughput>400/s' --over pool.db.size=4..64
  conlab search --goal 'mean<20ms' --over lock.interpreter.interval=5ms,2ms,1ms,0.5ms

Values count from the cheapest; with several --over a setting costs the sum of its values' places. Settings race in
virtual time: 3 says that none meets the goal, 4 that it could not be decided.";

/// The cheapest setting that meets a goal, found in virtual time, or that none does
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    scenario: ScenarioArg,
    #[command(flatten)]
    options: RunOptions,
    #[command(flatten)]
    asked: Asked,
    #[command(flatten)]
    confidence: Level,
}

/// What is asked for.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Search")]
struct Asked {
    /// A bound that must hold, such as p99<80ms; all of them, where several are given
    #[arg(long, value_name = "GOAL", required = true, value_parser = |text: &str| text.parse::<Gate>())]
    goal: Vec<Gate>,
    /// A field and its values, the cheapest first: PATH=LOW..HIGH or PATH=A,B,C
    #[arg(long, value_name = "PATH=VALUES", required = true, value_parser = |text: &str| text.parse::<Over>())]
    over: Vec<Over>,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Document {
    schema: u32,
    answer: String,
    search: SearchResult,
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    let mut scenario = args.options.scenario(&args.scenario.scenario)?;
    equal_tasks(&mut scenario, &args.options);
    let treatment = args.options.one_treatment("search", &scenario)?;
    if args.options.treatment.engine.first().is_some_and(|kind| *kind == EngineKind::Real) {
        return Err(Failure::Usage(
            "--engine real: a search runs in virtual time; try its answer with `conlab run --set`".into(),
        ));
    }
    let scenario = scenario.treated(&treatment);
    let options = SearchOptions {
        goals: args.asked.goal.clone(),
        over: args.asked.over.clone(),
        level: args.confidence.level,
        seed: scenario.run.seed,
    };
    let constants = args.options.calibration.constants(terminal)?;
    let progress = Progress::default();
    stop_on_interrupt(&progress);
    let found = {
        let runs = Runs::new(terminal);
        search(&scenario, &VirtualEngine::with(constants.clone()), &options, &progress, &|done, most| {
            runs.show(done, most)
        })?
    };
    let page = search_page(&found);
    let outcome = match (&found.best, found.undecided.is_empty()) {
        (Some(_), _) => Outcome::Done,
        (None, true) => Outcome::Refuted,
        (None, false) => {
            Outcome::Untrustworthy("the intervals are too wide to decide; give more --tasks".into())
        }
    };
    let document = Document { schema: 1, answer: page.answer.clone(), search: found };
    let made = Made::of(Some(&scenario), Some(&constants));
    present("search", &document, page, made, &args.options.output, terminal)?;
    Ok(outcome)
}
