//! `conlab compare`: several treatments, interleaved, with intervals and verdicts.

use super::args::{RunOptions, ScenarioArg, writable};
use super::constants::engine_charging;
use super::exit::{Failure, Outcome};
use super::model_check::RealCheck;
use super::records::open;
use super::signals::stop_on_interrupt;
use super::study::{Answer, Confidence, Made, Question, Runs, equal_tasks, write_junit};
use super::terminal::Terminal;
use crate::engine::{Progress, VirtualEngine};
use crate::measure::record::{TreatmentRecord, Warning};
use crate::measure::{Calibration, RunRecord, host};
use crate::report::junit::gate_cases;
use crate::report::scenario::scenario_section;
use crate::report::study::{compare_page, say_distance};
use crate::scenario::{EngineKind, Scenario, Treatment, nearest};
use crate::study::{
    AgainstStored, Arm, Candidate, CompareOptions, Comparison, Gate, GateResult, Metric, ModelDistance,
    Observation, RunList, Runner, Scaling, SharedEngine, Stop, against_stored, compare, compared_runs,
    scaling,
};
use serde::Serialize;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  conlab compare --queue mutex,lockfree,async --threads 4
  conlab compare --threads 1,2,4,8,16 --engine virtual         fits a scaling law
  conlab compare --load isolated,baseline --tasks 2000
  conlab compare --queue lockfree --baseline results/20260304T050607Z-agents-9f1c2ab7 --gate 'p99<+5%'
  conlab compare --gate 'p99<50ms' --gate 'lock_acquisition<10%' --junit gates.xml

Every list makes more treatments: the product of all of them is compared. Gates are judged on the interval's end; a
signed bound such as p99<+5% is against the reference, or against the stored record. Exits with 3 when a gate fails.";

/// Compare treatments: interleaved runs, intervals, verdicts
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    scenario: ScenarioArg,
    #[command(flatten)]
    options: RunOptions,
    #[command(flatten)]
    judging: Judging,
    #[command(flatten)]
    confidence: Confidence,
    #[command(flatten)]
    real: RealCheck,
}

/// How differences are judged.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Judging")]
struct Judging {
    /// Treatment that the others are set against, by its label or a part of it; the first unless given
    #[arg(long, value_name = "LABEL")]
    reference: Option<String>,
    /// Stored record of the same scenario to set the treatments against, by path, part of its name, or latest; several are replicates
    #[arg(long, value_name = "RECORD")]
    baseline: Vec<PathBuf>,
    /// Bound that must hold: p99<50ms, lock_acquisition<10%, throughput>1000/s, p99<+5%
    #[arg(long, value_name = "BOUND")]
    gate: Vec<Gate>,
    /// Figures to compare
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = Metric::parse)]
    #[arg(default_value = "mean,p50,p99,throughput")]
    metrics: Vec<Metric>,
    /// Write the gates as test cases, in JUnit XML
    #[arg(long, value_name = "FILE", requires = "gate", value_parser = writable)]
    junit: Option<PathBuf>,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Document {
    schema: u32,
    comparison: Comparison,
    scaling: Vec<Scaling>,
    gates: Vec<GateResult>,
    stored: Vec<AgainstStored>,
    /// How far virtual time is from real runs of the reference; absent where real threads run.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<ModelDistance>,
}

/// What the options ask of the scenario.
pub(super) struct Asked<'a> {
    args: &'a Args,
    scenario: Scenario,
    stored: Vec<(RunRecord, Observation)>,
    arms: Arms,
    options: CompareOptions,
}

impl<'a> Asked<'a> {
    pub(super) fn of(args: &'a Args) -> Result<Self, Failure> {
        args.options.honoured_by_studies("compare")?;
        let mut scenario = args.options.scenario(&args.scenario.scenario)?;
        // Against a stored record the same experiment has to run, its duration included.
        if args.judging.baseline.is_empty() {
            equal_tasks(&mut scenario, &args.options);
        }
        let stored = stored(&args.judging.baseline, &args.options.output.out)?;
        let arms = Arms::of(args, &scenario)?;
        let options = CompareOptions {
            metrics: args.judging.metrics.clone(),
            reference: reference(args.judging.reference.as_deref(), &arms.labels())?,
            level: args.confidence.level.level,
            precision: args.confidence.precision,
            seed: scenario.run.seed,
            ..rounds(args.options.rounds())
        };
        Ok(Self { args, scenario, stored, arms, options })
    }

    /// The answer by the runs of `engines`, one for each of the arms' kinds.
    fn answer_of(
        &self,
        engines: &[&dyn Runner],
        constants: Option<&Calibration>,
        progress: &Progress,
        terminal: &Terminal,
    ) -> Result<Answer, Failure> {
        let Self { args, scenario, stored, arms, options } = self;
        let candidates = arms.candidates(engines);
        let (mut comparison, observations) = {
            let runs = Runs::new(terminal);
            compare(&candidates, options, progress, &|done, most| runs.show(done, most))?
        };
        let against: Vec<AgainstStored> = if stored.is_empty() {
            Vec::new()
        } else {
            comparison.warnings.extend(refuse_or_doubt(stored, &observations, &candidates, constants)?);
            let stored: Vec<Observation> =
                stored.iter().map(|(_, observation)| observation.clone()).collect();
            let one = |(candidate, fresh): (&Candidate<'_>, &Vec<Observation>)| {
                against_stored(&candidate.label, fresh, &stored, options)
            };
            candidates.iter().zip(&observations).map(one).collect()
        };
        let gates = judge(&args.judging.gate, &comparison, &against);
        let laws = scaling(&comparison);
        let mut page = compare_page(&comparison, &laws, &gates, &against);
        let model = self.distance(constants, progress, terminal)?;
        if let Some(model) = &model {
            say_distance(&mut page, model);
        }
        page.sections.push(scenario_section(scenario));
        write_junit(args.judging.junit.as_deref(), &page.title, gate_cases(&gates), terminal)?;
        let outcome = match broken(&comparison) {
            _ if comparison.stopped == Stop::Interrupted => Outcome::Interrupted,
            Some(why) => Outcome::Untrustworthy(why),
            None if gates.iter().any(|gate| !gate.passed) => Outcome::Refuted,
            None => Outcome::Done,
        };
        let document = Document { schema: 1, comparison, scaling: laws, gates, stored: against, model };
        Answer::of("compare", &document, page, Made::of(Some(scenario), constants), outcome)
    }

    /// How far virtual time is from real runs of the reference, where only virtual time is compared.
    fn distance(
        &self,
        constants: Option<&Calibration>,
        progress: &Progress,
        terminal: &Terminal,
    ) -> Result<Option<ModelDistance>, Failure> {
        let (Some(constants), [_]) = (constants, self.arms.kinds.as_slice()) else { return Ok(None) };
        let (_, treatment, scenario, _) = &self.arms.treated[self.options.reference];
        self.args.real.distance(scenario, treatment.load, constants, progress, terminal).map(Some)
    }
}

impl Question for Asked<'_> {
    fn engines(&self) -> Vec<EngineKind> {
        self.arms.kinds.clone()
    }

    fn runs(&self, engine: &dyn Runner, _progress: &Progress) -> Result<RunList, Failure> {
        let engines = vec![engine; self.arms.kinds.len()];
        Ok(compared_runs(&self.arms.candidates(&engines), &self.options))
    }

    fn answer(
        &self,
        engine: &dyn Runner,
        constants: &Calibration,
        progress: &Progress,
        terminal: &Terminal,
    ) -> Result<Answer, Failure> {
        let engines = vec![engine; self.arms.kinds.len()];
        self.answer_of(&engines, Some(constants), progress, terminal)
    }
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    let asked = Asked::of(args)?;
    let kinds = &asked.arms.kinds;
    let constants = if kinds.contains(&EngineKind::Virtual) {
        Some(args.options.calibration.constants(terminal)?)
    } else {
        None
    };
    let engine =
        |kind: &EngineKind| engine_charging(constants.as_ref().filter(|_| *kind == EngineKind::Virtual));
    let engines: Vec<Box<SharedEngine>> = kinds.iter().map(engine).collect();
    let engines: Vec<&dyn Runner> = engines.iter().map(|engine| engine as &dyn Runner).collect();
    let progress = Progress::default();
    stop_on_interrupt(&progress);
    asked
        .answer_of(&engines, constants.as_ref(), &progress, terminal)?
        .present(&args.options.output, terminal)
}

/// Rounds: exactly as many as asked for, or as many as are needed.
fn rounds(asked: Option<u32>) -> CompareOptions {
    let default = CompareOptions::default();
    match asked {
        Some(rounds) => {
            let rounds = rounds.max(2);
            CompareOptions { least_rounds: rounds, most_rounds: rounds, ..default }
        }
        None => default,
    }
}

fn broken(comparison: &Comparison) -> Option<String> {
    let warning = comparison.warnings.iter().find(|warning| warning.code == "identity-broken")?;
    Some(warning.message.clone())
}

/// The product of every list.
struct Arms {
    kinds: Vec<EngineKind>,
    /// Index of the engine, treatment, scenario with it, label.
    treated: Vec<(usize, Treatment, Scenario, String)>,
}

impl Arms {
    fn of(args: &Args, scenario: &Scenario) -> Result<Self, Failure> {
        let mut kinds = args.options.treatment.engine.clone();
        if kinds.is_empty() {
            kinds.push(scenario.run.engine);
        }
        kinds.dedup();
        args.options.calibration.honoured_by(&kinds)?;
        let treatments = args.options.treatments(scenario)?;
        let mut treated = Vec::new();
        for index in 0..kinds.len() {
            for treatment in &treatments {
                treated.push((index, treatment.clone(), scenario.treated(treatment), String::new()));
            }
        }
        let words: Vec<[String; 6]> = treated
            .iter()
            .map(|(index, treatment, scenario, _)| words(kinds[*index], treatment, scenario))
            .collect();
        let varies: Vec<bool> =
            (0..6).map(|place| words.iter().any(|word| word[place] != words[0][place])).collect();
        for (entry, words) in treated.iter_mut().zip(&words) {
            let told: Vec<&str> =
                (0..6).filter(|&place| varies[place]).map(|place| words[place].as_str()).collect();
            entry.3 = if told.is_empty() { words[1].clone() } else { told.join(", ") };
        }
        tell_apart(&mut treated);
        Ok(Self { kinds, treated })
    }

    fn labels(&self) -> Vec<&str> {
        self.treated.iter().map(|(.., label)| label.as_str()).collect()
    }

    /// The arms on `engines`, one for each kind.
    fn candidates<'r>(&'r self, engines: &[&'r dyn Runner]) -> Vec<Candidate<'r>> {
        self.treated
            .iter()
            .map(|(index, treatment, scenario, label)| Candidate {
                label: label.clone(),
                levels: levels(scenario, treatment),
                arm: Arm { engine: engines[*index], scenario, load: treatment.load },
            })
            .collect()
    }
}

/// Every level in words, in a fixed order.
fn words(kind: EngineKind, treatment: &Treatment, scenario: &Scenario) -> [String; 6] {
    let levels = levels(scenario, treatment);
    [
        kind.name().into(),
        levels.queue,
        format!("{} thread{}", levels.threads, if levels.threads == 1 { "" } else { "s" }),
        levels.cache.map(|cache| format!("{cache} cache")).unwrap_or_default(),
        levels.load,
        format!("{} cores", levels.cores),
    ]
}

fn levels(scenario: &Scenario, treatment: &Treatment) -> TreatmentRecord {
    let focus = &scenario.actors[scenario.focus];
    TreatmentRecord {
        focus: focus.name.clone(),
        threads: focus.threads,
        queue: focus.queue.name().into(),
        cache: scenario.caches.first().map(|cache| cache.layout.name().into()),
        load: treatment.load.name().into(),
        cores: scenario.host.cores.unwrap_or(0),
    }
}

/// Numbers treatments that are the same, as when one is compared with itself.
fn tell_apart(treated: &mut [(usize, Treatment, Scenario, String)]) {
    for index in 1..treated.len() {
        let same = (0..index).filter(|&before| treated[before].3 == treated[index].3).count();
        if same > 0 {
            treated[index].3 = format!("{} again", treated[index].3);
        }
    }
}

/// Index of the treatment whose label is, or alone contains, `wanted`.
fn reference(wanted: Option<&str>, labels: &[&str]) -> Result<usize, Failure> {
    let Some(wanted) = wanted else { return Ok(0) };
    if let Some(exact) = labels.iter().position(|label| *label == wanted) {
        return Ok(exact);
    }
    let words = |label: &str| label.split(", ").any(|word| word == wanted) || label.contains(wanted);
    let found: Vec<usize> = (0..labels.len()).filter(|&index| words(labels[index])).collect();
    match found.as_slice() {
        [only] => Ok(*only),
        [] => {
            let guess =
                nearest(wanted, labels.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
            Err(Failure::Usage(format!(
                "--reference: no treatment is labelled `{wanted}`{} (they are: {})",
                guess.unwrap_or_default(),
                labels.join("; ")
            )))
        }
        several => Err(Failure::Usage(format!(
            "--reference: {} treatments contain `{wanted}`; write the whole label, such as `{}`",
            several.len(),
            labels[several[0]]
        ))),
    }
}

/// The stored records with what studies keep of them.
fn stored(paths: &[PathBuf], out: &Path) -> Result<Vec<(RunRecord, Observation)>, Failure> {
    let read = |path: &PathBuf| {
        let (path, record) = open(path, out)?;
        let observation = Observation::of(&record).ok_or_else(|| {
            Failure::Usage(format!("--baseline: {} has no figures of its actor in focus", path.display()))
        })?;
        Ok((record, observation))
    };
    paths.iter().map(read).collect()
}

/// Refuses stored records that cannot be set against the fresh runs, and doubts those that barely can.
fn refuse_or_doubt(
    stored: &[(RunRecord, Observation)],
    fresh: &[Vec<Observation>],
    candidates: &[Candidate<'_>],
    now: Option<&Calibration>,
) -> Result<Vec<Warning>, Failure> {
    let mut warnings = Vec::new();
    for (record, observation) in stored {
        for (runs, candidate) in fresh.iter().zip(candidates) {
            let Some(run) = runs.first() else { continue };
            if run.instrumented != observation.instrumented {
                return Err(Failure::Usage(
                    "--baseline: a tool that perturbs watched one side only; compare records of the same kind".into(),
                ));
            }
            if run.engine != observation.engine {
                return Err(Failure::Usage(format!(
                    "--baseline: the stored record is of the {} engine, `{}` of the {} engine; their times are not of \
                     one kind",
                    observation.engine, candidate.label, run.engine
                )));
            }
        }
        let scenario = candidates[0].arm.scenario;
        let charged = now.map(|now| VirtualEngine::with(now.clone()).charged(scenario));
        refuse_other_rules(record, charged.as_ref())?;
        if record.scenario.name != scenario.name {
            return Err(Failure::Usage(format!(
                "--baseline: the stored record is of scenario `{}`, not `{}`",
                record.scenario.name, scenario.name
            )));
        }
        let same = |candidate: &Candidate<'_>| {
            // How often it is repeated does not make it another experiment.
            let mut once = candidate.arm.scenario.clone();
            once.run.replicates = 1;
            [candidate.arm.scenario.digest(), once.digest()].contains(&record.scenario.digest)
        };
        if !candidates.iter().any(same) {
            warnings.push(Warning {
                code: "another-scenario".into(),
                message: "the stored record ran with other levels or another text of this scenario".into(),
                remedy: "read the difference as one of scenarios, not of the code".into(),
            });
        }
    }
    warnings.dedup();
    Ok(warnings)
}

/// Refuses a stored record whose figures mean something else than those of a fresh run: counted by the old rule, or charged
/// other constants.
fn refuse_other_rules(record: &crate::measure::RunRecord, now: Option<&Calibration>) -> Result<(), Failure> {
    if record.window.drain.is_none() {
        return Err(Failure::Usage(
            "--baseline: the stored record counts by the rule of conlab 0.1, only tasks that were issued and completed in the \
             window; make it anew"
                .into(),
        ));
    }
    let there = &record.manifest;
    if record.engine != EngineKind::Virtual.name() {
        let here = host::manifest(String::new());
        return if (&there.cpu, there.cores) == (&here.cpu, here.cores) {
            Ok(())
        } else {
            Err(Failure::Usage(format!(
                "--baseline: the stored record was measured on {} × {}, and this machine is {} × {}; times of two machines are not \
                 comparable: make it anew here",
                there.cores, there.cpu, here.cores, here.cpu
            )))
        };
    }
    match (&there.calibration_digest, now) {
        (Some(then), Some(now)) if *then != now.digest() => Err(Failure::Usage(format!(
            "--baseline: the stored record was charged other constants (calibration {then}: {}) than a fresh run would be \
             ({}: {}); make it anew, or restore that calibration",
            record.manifest.calibration,
            now.digest(),
            now.origin
        ))),
        _ => Ok(()),
    }
}

/// Judges gates on the treatments; a signed bound falls back on the stored record where there is no reference.
fn judge(gates: &[Gate], comparison: &Comparison, stored: &[AgainstStored]) -> Vec<GateResult> {
    let mut found = Vec::new();
    for gate in gates {
        for (index, treatment) in comparison.treatments.iter().enumerate() {
            let against = stored.get(index).and_then(|stored| gate.judge_stored(stored));
            found.extend(against.or_else(|| gate.judge(treatment)));
        }
        if !found.iter().any(|result: &GateResult| result.gate == gate.text) {
            found.push(GateResult {
                gate: gate.text.clone(),
                treatment: comparison.reference.clone(),
                passed: false,
                why: "there is nothing to set it against: give a second treatment, or --baseline RECORD"
                    .into(),
            });
        }
    }
    found
}
