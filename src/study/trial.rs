//! Runs the arms of a study in rounds: every arm once a round, in random order, all under the round's seed.

use super::fit::FitPlan;
use super::metric::Observation;
use crate::engine::{Engine, EngineError, Experiment, Progress};
use crate::random::{Source, Stream};
use crate::scenario::{EngineKind, LoadArm, Scenario};
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// An engine that several threads may use.
pub type SharedEngine = dyn Engine + Sync;

/// What gives a study its runs: an engine that makes them, or cells of a sweep that were computed before.
pub trait Runner: Sync {
    /// The engine's name: `real` or `virtual`.
    fn engine(&self) -> &'static str;

    /// What is kept of the run of `experiment`.
    ///
    /// # Errors
    ///
    /// [`StudyError`] when there is no such run; [`StudyError::Interrupted`] when the user asked for the end during it.
    fn observe(&self, experiment: &Experiment, progress: &Progress) -> Result<Observation, StudyError>;

    /// How many events the run of `experiment` has in virtual time.
    ///
    /// # Errors
    ///
    /// [`StudyError`] when there is no such run.
    fn events(&self, experiment: &Experiment, progress: &Progress) -> Result<u64, StudyError>;

    /// The engine's kind.
    fn kind(&self) -> EngineKind {
        if self.engine() == EngineKind::Virtual.name() { EngineKind::Virtual } else { EngineKind::Real }
    }
}

impl<E: Engine + Sync> Runner for E {
    fn engine(&self) -> &'static str {
        self.name()
    }

    fn observe(&self, experiment: &Experiment, progress: &Progress) -> Result<Observation, StudyError> {
        let name = || experiment.scenario.name.clone();
        let output =
            self.run(experiment, progress).map_err(|source| StudyError::Engine { arm: name(), source })?;
        if output.record.partial && progress.stopped() {
            return Err(StudyError::Interrupted { complete: Vec::new() });
        }
        Observation::of(&output.record)
            .ok_or_else(|| StudyError::Refused(format!("`{}`: the record lacks its actor in focus", name())))
    }

    fn events(&self, experiment: &Experiment, progress: &Progress) -> Result<u64, StudyError> {
        // Clones share the wish to stop, and nothing else is wanted of them.
        let own = Progress { stop: Arc::clone(&progress.stop), ..Progress::default() };
        self.run(experiment, &own)
            .map_err(|source| StudyError::Engine { arm: experiment.scenario.name.clone(), source })?;
        Ok(own.events.load(Ordering::Relaxed))
    }
}

/// An arm of a study before anything has run.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedArm {
    /// What tells it from the others: names and values.
    pub levels: Vec<(String, String)>,
    /// What runs, with its treatment applied.
    pub scenario: Scenario,
    /// The load arm.
    pub load: LoadArm,
}

/// The runs that a study may make: every arm in each of so many rounds.
#[derive(Clone, Debug, PartialEq)]
pub struct RunList {
    /// The arms.
    pub arms: Vec<ListedArm>,
    /// Seed of the first round.
    pub seed: u64,
    /// Rounds, the most that may become necessary.
    pub rounds: u32,
    /// Events of a run of the scenario as it is, where the study asks for them.
    pub events: Option<u64>,
    /// What is fitted, where the runs are the sets of a fit; their rounds then differ by the seed alone, as in a fit.
    pub fit: Option<FitPlan>,
}

/// The least and the most rounds of a study that goes on until it knows enough: an interval needs two.
pub(super) fn rounds_within(least: u32, most: u32) -> (u32, u32) {
    let least = least.max(2);
    (least, most.max(least))
}

/// One arm of a study: what runs, and on what.
#[derive(Clone, Copy)]
pub struct Arm<'a> {
    /// What makes its runs.
    pub engine: &'a dyn Runner,
    /// The scenario with its treatment applied.
    pub scenario: &'a Scenario,
    /// The load arm, for the record.
    pub load: LoadArm,
}

impl std::fmt::Debug for Arm<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Arm")
            .field("engine", &self.engine.engine())
            .field("scenario", &self.scenario.name)
            .field("load", &self.load)
            .finish()
    }
}

/// Why a study could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudyError {
    /// An engine could not run an arm.
    #[error("run `{arm}`")]
    Engine {
        /// Which arm.
        arm: String,
        /// Why.
        source: EngineError,
    },
    /// The user asked for the end before there was anything to say.
    #[error("finish: interrupted before every arm had run twice")]
    Interrupted {
        /// What was seen in the rounds that were complete, by arm and round.
        complete: Vec<Vec<Observation>>,
    },
    /// A study that cannot be made as asked; the sentence says what to change.
    #[error("{0}")]
    Refused(String),
}

/// Watches a study: called with the number of runs done so far and the most that may become necessary.
pub type Watch<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// Seed of round `round` of a study under `seed`; printed with every result, so that any run can be made again.
#[must_use]
pub const fn round_seed(seed: u64, round: u32) -> u64 {
    seed.wrapping_add(round as u64)
}

/// Runs every arm once in each of `rounds`, and returns `observations[arm][round]`.
///
/// Rounds run one after another and the arms of a round in an order drawn from [`Source::Order`], so that what
/// drifts on the host meets every arm alike. Arms in virtual time cannot disturb each other and share the host's
/// processors; their results do not depend on it.
///
/// # Errors
///
/// [`StudyError::Engine`] when an arm cannot run; [`StudyError::Interrupted`], with the rounds that are complete, when
/// `progress.stop` was set.
pub fn run_rounds(
    arms: &[Arm<'_>],
    rounds: std::ops::Range<u32>,
    seed: u64,
    progress: &Progress,
    watch: &(dyn Fn() + Sync),
) -> Result<Vec<Vec<Observation>>, StudyError> {
    let mut jobs = Vec::new();
    for round in rounds.clone() {
        let mut order: Vec<usize> = (0..arms.len()).collect();
        Stream::new(seed, Source::Order, 0, u64::from(round)).shuffle(&mut order);
        jobs.extend(order.into_iter().map(|arm| (arm, round)));
    }
    let apart = arms.iter().all(|arm| arm.engine.kind() == EngineKind::Virtual);
    let workers = if apart { thread::available_parallelism().map_or(1, NonZero::get) } else { 1 };
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::with_capacity(jobs.len()));
    let work = || {
        while let Some(&(arm, round)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = observe(&arms[arm], round, seed, progress);
            let failed = result.is_err();
            found.lock().unwrap_or_else(PoisonError::into_inner).push((arm, round, result));
            if failed {
                next.store(jobs.len(), Ordering::Relaxed);
            }
            watch();
        }
    };
    if workers == 1 {
        work();
    } else {
        thread::scope(|scope| {
            for _ in 0..workers.min(jobs.len()) {
                scope.spawn(work);
            }
        });
    }
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_by_key(|(arm, round, _)| (*arm, *round));
    let mut seen: Vec<Vec<(u32, Observation)>> = vec![Vec::new(); arms.len()];
    for (arm, round, result) in found {
        match result {
            Ok(observation) => seen[arm].push((round, observation)),
            Err(StudyError::Interrupted { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    // Rounds are made in order, but where several runs go on at once a later one may be done before an interrupted one.
    let complete =
        rounds.clone().take_while(|round| seen.iter().all(|runs| runs.iter().any(|run| run.0 == *round)));
    let complete = complete.count();
    let first = |runs: Vec<(u32, Observation)>| runs.into_iter().take(complete).map(|(_, run)| run).collect();
    let observations = seen.into_iter().map(first).collect();
    if complete == rounds.len() {
        Ok(observations)
    } else {
        Err(StudyError::Interrupted { complete: observations })
    }
}

/// Runs one arm once.
fn observe(arm: &Arm<'_>, round: u32, seed: u64, progress: &Progress) -> Result<Observation, StudyError> {
    if progress.stopped() {
        return Err(StudyError::Interrupted { complete: Vec::new() });
    }
    let mut experiment = Experiment::new(arm.scenario.clone(), arm.load);
    experiment.seed = round_seed(seed, round);
    experiment.replicate = round;
    arm.engine.observe(&experiment, progress)
}
