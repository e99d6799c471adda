//! `conlab whatif`: what the figures become if one cost changes.

use super::args::{RunOptions, ScenarioArg};
use super::constants::engine_charging;
use super::exit::{Failure, Outcome};
use super::model_check::RealCheck;
use super::signals::stop_on_interrupt;
use super::study::{Answer, Level, Made, Question, Runs, equal_tasks};
use super::terminal::Terminal;
use crate::engine::Progress;
use crate::measure::Calibration;
use crate::report::scenario::scenario_section;
use crate::report::study::{say_distance, whatif_page};
use crate::scenario::{EngineKind, LoadArm, Scenario};
use crate::study::{
    Knob, Metric, ModelDistance, RunList, Runner, WhatIf, WhatIfOptions, turned_runs, whatif,
};
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  conlab whatif                                every cost of the default scenario, in virtual time
  conlab whatif --cost lock:registry,switch    only these, as curves
  conlab whatif --engine real --cost step:agents.plan --replicates 5

Costs are step:ACTOR.STEP, lock:NAME, miss:CACHE, queue, switch and lines (of caches).";

/// What p99, mean and throughput become if one cost were cheaper or dearer
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    scenario: ScenarioArg,
    #[command(flatten)]
    options: RunOptions,
    #[command(flatten)]
    turning: Turning,
    #[command(flatten)]
    confidence: Level,
    #[command(flatten)]
    real: RealCheck,
}

/// What is turned.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Costs")]
struct Turning {
    /// Costs to change; all of them unless given
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    cost: Vec<String>,
    /// How many of the costs that matter most get a whole curve
    #[arg(long, value_name = "N", default_value_t = 3)]
    curves: usize,
    /// Figures to look at; the first decides what matters most
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = Metric::parse)]
    #[arg(default_value = "p99,mean,throughput")]
    metrics: Vec<Metric>,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Document {
    schema: u32,
    /// Whether the user ended it early.
    partial: bool,
    answer: String,
    whatif: WhatIf,
    /// How far virtual time is from real runs of the scenario; absent on real threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<ModelDistance>,
}

/// What the options ask of the scenario.
pub(super) struct Asked<'a> {
    args: &'a Args,
    scenario: Scenario,
    load: LoadArm,
    kind: EngineKind,
    options: WhatIfOptions,
}

impl<'a> Asked<'a> {
    pub(super) fn of(args: &'a Args) -> Result<Self, Failure> {
        args.options.honoured_by_studies("whatif")?;
        let mut scenario = args.options.scenario(&args.scenario.scenario)?;
        equal_tasks(&mut scenario, &args.options);
        let treatment = args.options.one_treatment("whatif", &scenario)?;
        let scenario = scenario.treated(&treatment);
        let kind = args.options.treatment.engine.first().copied().unwrap_or(EngineKind::Virtual);
        args.options.calibration.honoured_by(&[kind])?;
        let parse = |word: &String| {
            Knob::parse(word, &scenario, kind).map_err(|why| Failure::Usage(format!("--cost: {why}")))
        };
        let knobs: Vec<Knob> = args.turning.cost.iter().map(parse).collect::<Result<_, _>>()?;
        let default = WhatIfOptions::default();
        let asked = args.options.rounds();
        let options = WhatIfOptions {
            metrics: args.turning.metrics.clone(),
            curves: args.turning.curves.max(knobs.len()),
            knobs,
            level: args.confidence.level,
            rounds: asked.unwrap_or(default.rounds),
            seed: scenario.run.seed,
        };
        Ok(Self { args, scenario, load: treatment.load, kind, options })
    }
}

impl Question for Asked<'_> {
    fn engines(&self) -> Vec<EngineKind> {
        vec![self.kind]
    }

    fn runs(&self, engine: &dyn Runner, progress: &Progress) -> Result<RunList, Failure> {
        Ok(turned_runs(&self.scenario, self.load, engine, &self.options, progress)?)
    }

    fn answer(
        &self,
        engine: &dyn Runner,
        constants: &Calibration,
        progress: &Progress,
        terminal: &Terminal,
    ) -> Result<Answer, Failure> {
        let Self { args, scenario, load, kind, options } = self;
        let found = {
            let runs = Runs::new(terminal);
            whatif(scenario, *load, engine, options, progress, &|done, most| runs.show(done, most))?
        };
        let mut page = whatif_page(&found);
        let virtually = (*kind == EngineKind::Virtual).then_some(constants);
        let model = virtually
            .map(|constants| args.real.distance(scenario, *load, constants, progress, terminal))
            .transpose()?;
        if let Some(model) = &model {
            say_distance(&mut page, model);
        }
        page.sections.push(scenario_section(scenario));
        let document = Document {
            schema: 1,
            partial: progress.stopped(),
            answer: page.answer.clone(),
            whatif: found,
            model,
        };
        let outcome = if progress.stopped() { Outcome::Interrupted } else { Outcome::Done };
        Answer::of("whatif", &document, page, Made::of(Some(scenario), virtually), outcome)
    }
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    let asked = Asked::of(args)?;
    let constants = args.options.calibration.charged(asked.kind, terminal)?;
    let engine = engine_charging(constants.as_ref());
    let progress = Progress::default();
    stop_on_interrupt(&progress);
    let constants = constants.unwrap_or_default();
    asked.answer(&engine, &constants, &progress, terminal)?.present(&args.options.output, terminal)
}
