//! `conlab search`: the cheapest setting that meets a goal.

use super::args::{RunOptions, ScenarioArg};
use super::exit::{Failure, Outcome};
use super::signals::stop_on_interrupt;
use super::study::{Answer, Level, Made, Question, Runs, equal_tasks};
use super::terminal::Terminal;
use crate::engine::{Progress, VirtualEngine};
use crate::measure::Calibration;
use crate::report::study::search_page;
use crate::scenario::{EngineKind, Scenario};
use crate::study::{Gate, Over, RunList, Runner, SearchOptions, SearchResult, search, searched_runs};
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  conlab search --goal 'p99<60ms' --over actor.agents.threads=1..16
  conlab search shop.toml --goal 'p99<80ms' --goal 'throughput>400/s' --over pool.db.size=4..64
  conlab search --goal 'mean<20ms' --over lock.interpreter.interval=5ms,2ms,1ms,0.5ms

Values count from the cheapest; with several --over a setting costs the sum of its values' places. Settings race in
virtual time: 3 says that none meets the goal, 4 that it could not be decided. With --replicates every setting is run under
so many seeds instead, without a race.";

/// The cheapest setting that meets a goal, found in virtual time, or that none does
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    scenario: ScenarioArg,
    #[command(flatten)]
    options: RunOptions,
    #[command(flatten)]
    asked: Goals,
    #[command(flatten)]
    confidence: Level,
}

/// What is asked for.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Search")]
struct Goals {
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

/// What the options ask of the scenario.
pub(super) struct Asked<'a> {
    scenario: Scenario,
    options: SearchOptions,
    args: &'a Args,
}

impl<'a> Asked<'a> {
    pub(super) fn of(args: &'a Args) -> Result<Self, Failure> {
        args.options.honoured_by_studies("search")?;
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
            rounds: args.options.rounds(),
        };
        Ok(Self { scenario, options, args })
    }

    /// The same without a race: every setting under the most seeds that a race may take, unless a number was asked for.
    pub(super) fn without_a_race(mut self) -> Self {
        self.options.rounds.get_or_insert(SearchOptions::MOST_ROUNDS);
        self
    }
}

impl Question for Asked<'_> {
    fn engines(&self) -> Vec<EngineKind> {
        vec![EngineKind::Virtual]
    }

    fn runs(&self, _engine: &dyn Runner, _progress: &Progress) -> Result<RunList, Failure> {
        Ok(searched_runs(&self.scenario, &self.options)?)
    }

    fn answer(
        &self,
        engine: &dyn Runner,
        constants: &Calibration,
        progress: &Progress,
        terminal: &Terminal,
    ) -> Result<Answer, Failure> {
        let found = {
            let runs = Runs::new(terminal);
            search(&self.scenario, engine, &self.options, progress, &|done, most| runs.show(done, most))?
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
        Answer::of("search", &document, page, Made::of(Some(&self.scenario), Some(constants)), outcome)
    }
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    let asked = Asked::of(args)?;
    let constants = args.options.calibration.constants(terminal)?;
    let progress = Progress::default();
    stop_on_interrupt(&progress);
    let engine = VirtualEngine::with(constants.clone());
    asked.answer(&engine, &constants, &progress, terminal)?.present(&asked.args.options.output, terminal)
}
