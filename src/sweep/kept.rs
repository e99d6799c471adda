//! Cells in the place of an engine: a study asks for its runs, and they were computed before.

use super::{Log, Outcome, Plan};
use crate::engine::{Experiment, Progress};
use crate::scenario::EngineKind;
use crate::study::{Observation, Runner, StudyError};
use std::collections::BTreeMap;

/// The cells of a study's plan, each found by what it is the run of.
#[derive(Debug)]
pub struct Kept<'a> {
    plan: &'a Plan,
    constants: String,
    found: BTreeMap<&'a str, Observation>,
}

impl<'a> Kept<'a> {
    /// What `log` has of the cells of `plan`.
    #[must_use]
    pub fn of(plan: &'a Plan, log: &'a Log) -> Self {
        let observation = |cell: &'a super::Cell| match &log.found.get(&cell.key)?.outcome {
            Outcome::Done { figures, seen: Some(seen), .. } => {
                Some((cell.key.as_str(), seen.as_ref().clone().with_figures(figures)))
            }
            _ => None,
        };
        Self { found: plan.cells.iter().filter_map(observation).collect(), ..Self::none(plan) }
    }

    /// No cell: enough to list the runs of a study that was planned.
    #[must_use]
    pub fn none(plan: &'a Plan) -> Self {
        Self { plan, constants: plan.calibration.to_string(), found: BTreeMap::new() }
    }
}

impl Runner for Kept<'_> {
    fn engine(&self) -> &'static str {
        EngineKind::Virtual.name()
    }

    fn observe(&self, experiment: &Experiment, _progress: &Progress) -> Result<Observation, StudyError> {
        let Experiment { scenario, load, seed, replicate, .. } = experiment;
        let key =
            self.plan.key(&self.constants, &scenario.digest(), *load, self.engine(), (*seed, *replicate));
        self.found.get(key.as_str()).cloned().ok_or_else(|| {
            StudyError::Refused(format!(
                "the study asks for a run of `{}` under seed {seed} that is no cell of the plan: plan again into another folder",
                scenario.name
            ))
        })
    }

    fn events(&self, _experiment: &Experiment, _progress: &Progress) -> Result<u64, StudyError> {
        self.plan.command.as_ref().and_then(|command| command.events).ok_or_else(|| {
            StudyError::Refused(
                "the plan does not say how long a run is: plan again into another folder".into(),
            )
        })
    }
}
