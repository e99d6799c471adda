//! How far the virtual engine is from real threads on one scenario: a few short real runs beside as many virtual ones.
//!
//! A study in virtual time rests on the model, so it says how far the model is from this host on its own baseline. The check is
//! kept beside the calibration and serves later studies of the same scenario, constants, host and version.

use super::stats::Estimate;
use super::validate::{Validated, validate};
use crate::engine::{Engine, EngineError, Progress};
use crate::measure::record::{Manifest, ScenarioRef, Warning};
use crate::measure::{Calibration, host};
use crate::scenario::{LoadArm, Scenario, Treatment};
use crate::units::Nanos;
use serde::{Deserialize, Serialize};

/// Runs on each engine.
const RUNS: u32 = 3;
/// Longest window and longest warm-up of a run of a check.
const WINDOW: Nanos = Nanos::from_secs(2);
const WARMUP: Nanos = Nanos::from_millis(500);
/// Fewest tasks of a run whose p99 is compared.
const FEWEST_FOR_P99: u64 = 100;

/// Virtual predictions of one scenario beside real runs of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelCheck {
    /// When, by which version, on which host, charged which constants.
    pub manifest: Manifest,
    /// Which scenario.
    pub scenario: ScenarioRef,
    /// Runs on each engine.
    pub runs: u32,
    /// Fewest tasks of a real run.
    pub tasks: u64,
    /// The figures, with their units in their names.
    pub figures: Vec<CheckedFigure>,
    /// What was doubtful about the real runs.
    pub warnings: Vec<Warning>,
}

/// One figure on both engines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckedFigure {
    /// Which, with its unit: `sojourn_mean_ms`.
    pub figure: String,
    /// Mean of the real runs with its 95 % interval.
    pub real: Estimate,
    /// Mean of the virtual runs.
    pub predicted: f64,
    /// `predicted / real − 1`; absent where the real runs show nothing to divide by.
    pub error: Option<f64>,
    /// `good`, `within noise`, `cannot tell` or `MISS`, as `validate` judges.
    pub verdict: String,
}

/// What a study knows of its model's distance from real runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum ModelDistance {
    /// Real runs were made for this study.
    Measured(ModelCheck),
    /// An earlier check or validation on this host.
    Stored(ModelCheck),
    /// There is none, and why.
    Unknown {
        /// The reason, as a clause.
        why: String,
    },
}

impl ModelDistance {
    /// The check, if there is one.
    #[must_use]
    pub const fn check(&self) -> Option<&ModelCheck> {
        match self {
            Self::Measured(check) | Self::Stored(check) => Some(check),
            Self::Unknown { .. } => None,
        }
    }
}

impl ModelCheck {
    /// What `found` says of `scenario` under `constants`.
    #[must_use]
    pub fn of(found: &Validated, scenario: &Scenario, constants: &Calibration, runs: u32) -> Self {
        let judged = found.rows.iter().filter(|row| row.verdict.is_some());
        let carried = judged.filter(|row| found.tasks >= FEWEST_FOR_P99 || !row.figure.contains("p99"));
        let figures = carried.map(|row| CheckedFigure {
            figure: row.figure.clone(),
            real: Estimate::new(row.real.0, row.real.0 - row.real.1, row.real.0 + row.real.1, runs as usize),
            predicted: row.virtual_time,
            error: row.error.is_finite().then_some(row.error),
            verdict: row.verdict.map_or("", super::validate::Verdict::name).into(),
        });
        let figures = figures.collect();
        Self {
            manifest: manifest(constants),
            scenario: ScenarioRef { name: scenario.name.clone(), digest: key(scenario) },
            runs,
            tasks: found.tasks,
            figures,
            warnings: found.warnings.clone(),
        }
    }

    /// Whether it speaks of this scenario, these constants, this host and this version.
    #[must_use]
    pub fn applies_to(&self, scenario: &Scenario, constants: &Calibration) -> bool {
        let (then, now) = (&self.manifest, manifest(constants));
        self.scenario.digest == key(scenario)
            && then.calibration_digest == now.calibration_digest
            && (&then.version, &then.commit) == (&now.version, &now.commit)
            && (&then.cpu, then.cores, &then.kernel) == (&now.cpu, now.cores, &now.kernel)
    }
}

/// The manifest of what is made now with these constants.
#[must_use]
pub fn manifest(constants: &Calibration) -> Manifest {
    let mut manifest = host::manifest(constants.origin.clone());
    manifest.calibration_digest = Some(constants.digest());
    manifest
}

/// The digest of a scenario whatever its windows, seeds and engine: a check of a short run speaks of long ones too.
#[must_use]
pub fn key(scenario: &Scenario) -> String {
    let mut bare = scenario.clone();
    let run = &mut bare.run;
    (run.tasks, run.duration, run.warmup, run.seed, run.replicates) = (None, None, Nanos::ZERO, 0, 1);
    run.engine = crate::scenario::EngineKind::Virtual;
    run.load = LoadArm::Baseline;
    bare.digest()
}

/// Why real runs on this host say nothing of the model of `scenario`; `None` where they do.
#[must_use]
pub fn why_not_here(scenario: &Scenario) -> Option<String> {
    let there = host::cores();
    let set = &scenario.host;
    if set.constants.ideal {
        return Some("the scenario's host is ideal, and no real one is".into());
    }
    if set.cores.is_some_and(|cores| cores > there) {
        let cores = set.cores.unwrap_or(0);
        return Some(format!("the scenario has {cores} processors, and this host {there}"));
    }
    let own = (set.slice, set.switch, set.wake) != (None, None, None) || set.constants != Default::default();
    own.then(|| "the scenario sets the constants of its host itself".into())
}

/// Runs `scenario`, its treatment applied, three times on both engines in turn, shortened to seconds.
///
/// # Errors
///
/// What either engine says.
pub fn check_model(
    engines: [&dyn Engine; 2],
    scenario: &Scenario,
    load: LoadArm,
    constants: &Calibration,
    progress: &Progress,
) -> Result<ModelDistance, EngineError> {
    if let Some(why) = why_not_here(scenario) {
        return Ok(ModelDistance::Unknown { why });
    }
    let mut short = scenario.clone();
    short.run.duration = Some(short.run.duration.map_or(WINDOW, |duration| duration.min(WINDOW)));
    short.run.warmup = short.run.warmup.min(WARMUP);
    let found = validate(engines, &short, &Treatment { load, ..Treatment::default() }, RUNS, progress)?;
    if found.rows.is_empty() {
        return Ok(ModelDistance::Unknown { why: "the check was interrupted".into() });
    }
    Ok(ModelDistance::Measured(ModelCheck::of(&found, scenario, constants, RUNS)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::VirtualEngine;

    fn checked(engines: [VirtualEngine; 2]) -> ModelCheck {
        let scenario = super::super::sample_scenario();
        let found = check_model(
            [&engines[0], &engines[1]],
            &scenario,
            LoadArm::Baseline,
            &Calibration::default(),
            &Progress::default(),
        );
        let Ok(ModelDistance::Measured(check)) = found else { panic!("{found:?}") };
        check
    }

    /// An engine against itself is exact; one that charges a fifth of a millisecond a switch is not, and is told so.
    #[test]
    fn a_model_that_is_off_is_not_said_to_be_good() {
        let same = checked([VirtualEngine::new(), VirtualEngine::new()]);
        assert_eq!(same.figures.len(), 3);
        assert!(same.figures.iter().all(|figure| figure.verdict == "good" && figure.error == Some(0.0)));
        let slow = Calibration { switch: Nanos::from_micros(200), ..Calibration::default() };
        let off = checked([VirtualEngine::with(slow), VirtualEngine::new()]);
        assert!(off.figures.iter().any(|figure| figure.verdict != "good"), "{:?}", off.figures);
    }

    #[test]
    fn a_check_speaks_of_its_own_scenario_and_constants_whatever_the_window() {
        let check = checked([VirtualEngine::new(), VirtualEngine::new()]);
        let text = serde_json::to_string(&check).unwrap();
        assert_eq!(serde_json::from_str::<ModelCheck>(&text).unwrap(), check);
        let constants = Calibration::default();
        let mut scenario = super::super::sample_scenario();
        scenario.run.tasks = Some(5000);
        scenario.run.seed = 7;
        assert!(check.applies_to(&scenario, &constants));
        assert!(!check.applies_to(&scenario, &Calibration { switch: Nanos(1), ..constants.clone() }));
        scenario.actors[0].threads += 1;
        assert!(!check.applies_to(&scenario, &constants));
        scenario.host.cores = Some(4096);
        assert!(why_not_here(&scenario).is_some_and(|why| why.contains("4096 processors")));
    }
}
