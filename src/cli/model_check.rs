//! `--real-check`: how far a study in virtual time is from real runs of its baseline.

use super::args::one_of;
use super::exit::{Failure, say, with_causes};
use super::terminal::Terminal;
use crate::engine::real::RealEngine;
use crate::engine::{EngineError, Progress, VirtualEngine};
use crate::files;
use crate::measure::Calibration;
use crate::scenario::{LoadArm, Scenario};
use crate::study::validate::Validated;
use crate::study::{ModelCheck, ModelDistance, check_model, model_key, why_not_here};
use std::fs;
use std::path::PathBuf;

/// Largest file of a stored check that is read.
const LARGEST: u64 = 1 << 20;

/// When the model is set beside real runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Auto,
    Now,
    Never,
}

impl When {
    const ALL: [Self; 3] = [Self::Auto, Self::Now, Self::Never];

    fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Now => "now",
            Self::Never => "never",
        }
    }
}

/// How far the model is from real runs.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Virtual time")]
pub(super) struct RealCheck {
    /// Set virtual time beside short real runs of the baseline: auto (unless such a check is stored), now, never
    #[arg(long, value_name = "WHEN", default_value = "auto", env = "CONLAB_REAL_CHECK", hide_env = true)]
    #[arg(value_parser = |word: &str| one_of("time", word, &When::ALL, When::name))]
    real_check: When,
}

impl RealCheck {
    /// How far virtual time under `constants` is from real runs of `scenario`, whose treatment is applied.
    ///
    /// # Errors
    ///
    /// What stops a real run other than that this host cannot make it.
    pub(super) fn distance(
        &self,
        scenario: &Scenario,
        load: LoadArm,
        constants: &Calibration,
        progress: &Progress,
        terminal: &Terminal,
    ) -> Result<ModelDistance, Failure> {
        let unknown = |why: &str| Ok(ModelDistance::Unknown { why: why.to_owned() });
        if let Some(why) = why_not_here(scenario) {
            return unknown(&why);
        }
        if self.real_check != When::Now
            && let Some(check) = stored(scenario, constants)
        {
            return Ok(ModelDistance::Stored(check));
        }
        if self.real_check == When::Never {
            return unknown("--real-check is never");
        }
        if progress.stopped() {
            return unknown("the study was interrupted");
        }
        if !terminal.quiet {
            say(
                "checking the model against short real runs of the baseline (--real-check never leaves it out)",
            );
        }
        let engines = (RealEngine::new(), VirtualEngine::with(constants.clone()));
        match check_model([&engines.0, &engines.1], scenario, load, constants, progress) {
            Ok(distance) => {
                // Runs that others disturbed say little, and are made again next time.
                if let Some(check) = distance.check().filter(|check| check.warnings.is_empty()) {
                    store(check);
                }
                Ok(distance)
            }
            Err(error @ (EngineError::Unsupported(_) | EngineError::System { .. })) => {
                unknown(&format!("cannot {}", with_causes(&error)))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Keeps what a validation found, for later studies of the same scenario.
pub(super) fn remember(found: &Validated, scenario: &Scenario, constants: &Calibration, runs: u32) {
    if !found.rows.is_empty() && found.warnings.is_empty() && why_not_here(scenario).is_none() {
        store(&ModelCheck::of(found, scenario, constants, runs));
    }
}

/// Where the check of a scenario under these constants is kept.
fn place(scenario_digest: &str, calibration_digest: &str) -> Option<PathBuf> {
    let folder = Calibration::path()?.parent()?.join("checks");
    Some(folder.join(format!("{scenario_digest}-{calibration_digest}.json")))
}

fn stored(scenario: &Scenario, constants: &Calibration) -> Option<ModelCheck> {
    let path = place(&model_key(scenario), &constants.digest())?;
    let check: ModelCheck = serde_json::from_str(&files::read_text(&path, LARGEST).ok()?).ok()?;
    check.applies_to(scenario, constants).then_some(check)
}

/// A check that cannot be kept is made again next time.
fn store(check: &ModelCheck) {
    let digest = check.manifest.calibration_digest.as_deref().unwrap_or_default();
    let Some(path) = place(&check.scenario.digest, digest) else { return };
    let Ok(text) = serde_json::to_string_pretty(check) else { return };
    if let Some(folder) = path.parent()
        && fs::create_dir_all(folder).is_ok()
    {
        files::replace(&path, text.as_bytes()).ok();
    }
}
