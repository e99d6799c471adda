//! `conlab explain`: the gap between two arms, split over its causes.

use super::args::{RunOptions, ScenarioArg, one_of};
use super::constants::engine_charging;
use super::exit::{Failure, Outcome};
use super::model_check::RealCheck;
use super::signals::stop_on_interrupt;
use super::study::{Answer, Confidence, Made, Question, Runs, equal_tasks};
use super::terminal::Terminal;
use crate::engine::{Progress, VirtualEngine};
use crate::measure::Calibration;
use crate::report::scenario::scenario_section;
use crate::report::study::{explain_page, say_distance};
use crate::scenario::{EngineKind, LoadArm, Scenario, Treatment};
use crate::study::{
    Against, ExplainOptions, Explanation, Metric, ModelDistance, NextExperiment, RunList, Runner, StudyError,
    explain, explained_runs, next_experiment,
};
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  conlab explain                               in virtual time, every mechanism
  conlab explain mine.toml --tasks 5000 --html why.html
  conlab explain --engine real --tasks 500     what can be taken away from real threads
  conlab explain --against ideal               the whole cost of every mechanism, neighbours or not";

/// Rounds that predict the outcome of the experiment to make next.
const NEXT_ROUNDS: u32 = 4;

/// Split the gap between baseline and isolated over its causes
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    scenario: ScenarioArg,
    #[command(flatten)]
    options: RunOptions,
    #[command(flatten)]
    splitting: Splitting,
    #[command(flatten)]
    confidence: Confidence,
    #[command(flatten)]
    real: RealCheck,
}

/// How the gap is split.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Splitting")]
struct Splitting {
    /// What the baseline is set against: isolated, or ideal (the same load with every mechanism free)
    #[arg(long, value_name = "ARM", default_value = "isolated")]
    #[arg(value_parser = |word: &str| one_of("arm", word, &Against::ALL, Against::name))]
    against: Against,
    /// Figures to split
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = Metric::parse)]
    #[arg(default_value = "mean,p99,throughput")]
    metrics: Vec<Metric>,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Document {
    schema: u32,
    /// Whether the user ended it early.
    partial: bool,
    answer: String,
    explanation: Explanation,
    next: Option<NextExperiment>,
    /// How far virtual time is from real runs of the baseline; absent on real threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<ModelDistance>,
}

/// What the options ask of the scenario.
pub(super) struct Asked<'a> {
    args: &'a Args,
    scenario: Scenario,
    kind: EngineKind,
    options: ExplainOptions,
}

impl<'a> Asked<'a> {
    pub(super) fn of(args: &'a Args) -> Result<Self, Failure> {
        args.options.honoured_by_studies("explain")?;
        let mut scenario = args.options.scenario(&args.scenario.scenario)?;
        equal_tasks(&mut scenario, &args.options);
        let treatment = args.options.one_treatment("explain", &scenario)?;
        let scenario = scenario.treated(&Treatment { load: LoadArm::Baseline, ..treatment });
        let kind = args.options.treatment.engine.first().copied().unwrap_or(EngineKind::Virtual);
        let default = ExplainOptions::default();
        let asked = args.options.rounds();
        let options = ExplainOptions {
            against: args.splitting.against,
            metrics: args.splitting.metrics.clone(),
            level: args.confidence.level.level,
            least_rounds: asked.unwrap_or(default.least_rounds),
            most_rounds: asked.unwrap_or(default.most_rounds),
            precision: args.confidence.precision,
            seed: scenario.run.seed,
        };
        Ok(Self { args, scenario, kind, options })
    }
}

impl Question for Asked<'_> {
    fn engines(&self) -> Vec<EngineKind> {
        vec![self.kind]
    }

    fn runs(&self, engine: &dyn Runner, _progress: &Progress) -> Result<RunList, Failure> {
        Ok(explained_runs(&self.scenario, engine.kind(), &self.options)?)
    }

    fn answer(
        &self,
        engine: &dyn Runner,
        constants: &Calibration,
        progress: &Progress,
        terminal: &Terminal,
    ) -> Result<Answer, Failure> {
        let Self { args, scenario, kind, options } = self;
        let explanation = {
            let runs = Runs::new(terminal);
            explain(scenario, engine, options, progress, &|done, most| runs.show(done, most))?
        };
        let next = if progress.stopped() {
            None
        } else {
            let simulated = VirtualEngine::with(constants.clone());
            match next_experiment(scenario, &explanation, &simulated, NEXT_ROUNDS, progress) {
                Err(StudyError::Interrupted { .. }) => None,
                other => other?,
            }
        };
        let mut page = explain_page(&explanation, next.as_ref());
        let virtually = (*kind == EngineKind::Virtual).then_some(constants);
        let model = virtually
            .map(|constants| args.real.distance(scenario, LoadArm::Baseline, constants, progress, terminal))
            .transpose()?;
        if let Some(model) = &model {
            say_distance(&mut page, model);
        }
        page.sections.push(scenario_section(scenario));
        let broken = explanation.warnings.iter().find(|warning| warning.code == "identity-broken");
        let outcome = match broken {
            _ if progress.stopped() => Outcome::Interrupted,
            Some(warning) => Outcome::Untrustworthy(warning.message.clone()),
            None => Outcome::Done,
        };
        let document = Document {
            schema: 1,
            partial: progress.stopped(),
            answer: page.answer.clone(),
            explanation,
            next,
            model,
        };
        Answer::of("explain", &document, page, Made::of(Some(scenario), virtually), outcome)
    }
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    let asked = Asked::of(args)?;
    let progress = Progress::default();
    stop_on_interrupt(&progress);
    let constants = args.options.calibration.constants(terminal)?;
    let engine = engine_charging((asked.kind == EngineKind::Virtual).then_some(&constants));
    asked.answer(&engine, &constants, &progress, terminal)?.present(&args.options.output, terminal)
}
