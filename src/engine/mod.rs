//! Engines: what turns an experiment into a record.

mod live;
mod need;
pub mod real;
pub mod virtual_time;

pub use live::{Live, LiveBatch, LiveThread, LiveTotals, ThreadState};
pub use virtual_time::VirtualEngine;

use crate::measure::{Counts, RunRecord};
use crate::scenario::{Layout, LoadArm, Scenario};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// One run: a scenario with its treatment applied, and how much of it.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// What runs; see [`Scenario::treated`].
    pub scenario: Scenario,
    /// The arm that was applied to it, for the record.
    pub load: LoadArm,
    /// Seed of this replicate.
    pub seed: u64,
    /// Number of this replicate, from 0.
    pub replicate: u32,
    /// Profiler to attach.
    pub profiler: Profiler,
    /// Most spans to keep for a timeline; 0 keeps none.
    pub timeline_spans: usize,
    /// Whether tokio-console watches (real engine, `async`).
    pub console: Option<std::net::SocketAddr>,
    /// The command line, for the record.
    pub command: Vec<String>,
}

impl Experiment {
    /// A plain run of `scenario` under its own seed.
    #[must_use]
    pub fn new(scenario: Scenario, load: LoadArm) -> Self {
        let seed = scenario.run.seed;
        Self {
            scenario,
            load,
            seed,
            replicate: 0,
            profiler: Profiler::None,
            timeline_spans: 0,
            console: None,
            command: Vec::new(),
        }
    }
}

impl Experiment {
    /// The experiment on the scenario in which each instance is an actor, where there are any.
    fn laid_out(&self) -> Option<(Self, Layout)> {
        let (scenario, layout) = self.scenario.laid_out()?;
        Some((Self { scenario, ..self.clone() }, layout))
    }
}

/// What watches the steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profiler {
    /// Nothing beyond the record.
    #[default]
    None,
    /// Every step entered and left is counted and timed.
    Deterministic,
    /// A sampler reads each worker's current step.
    Sampling,
    /// Allocations and peak memory by step.
    Memory,
}

impl Profiler {
    /// Every profiler.
    pub const ALL: [Self; 4] = [Self::None, Self::Deterministic, Self::Sampling, Self::Memory];

    /// The word for it on the command line and in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Deterministic => "deterministic",
            Self::Sampling => "sampling",
            Self::Memory => "memory",
        }
    }
}

/// What a run leaves.
#[derive(Clone, Debug)]
pub struct RunOutput {
    /// The record.
    pub record: RunRecord,
    /// Sojourn of each actor, in nanoseconds, by name; for `latency.hlog` and merging of replicates.
    pub sojourn: Vec<(String, Counts)>,
}

/// What happens while a run is under way: shared between the engine, progress displays and Ctrl-C. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Set by the user to end the run early; the record is then partial.
    pub stop: Arc<AtomicBool>,
    /// Measured tasks of the actor in focus completed so far; engines update it in strides.
    pub completed: Arc<AtomicU64>,
    /// Events that the virtual engine has handled; updated in strides and at the end.
    pub events: Arc<AtomicU64>,
    /// 0 while preparing, 1 during warm-up, 2 while measuring, 3 when done.
    pub phase: Arc<AtomicU64>,
    /// Throughput, percentiles, breakdown and thread states, when a view asked for them.
    pub live: Arc<Live>,
}

impl Progress {
    /// Whether the run was asked to end.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Notes in the steps of a record whom they call.
fn name_calls(record: &mut RunRecord, scenario: &Scenario) {
    for actor in &scenario.actors {
        let Some(figures) = record.actors.get_mut(&actor.name) else { continue };
        for (step, spec) in figures.steps.iter_mut().zip(&actor.steps) {
            step.calls = spec.call.map(|to| scenario.actors[to].name.clone());
        }
    }
}

/// Runs experiments.
pub trait Engine {
    /// The word for it in records: `real` or `virtual`.
    fn name(&self) -> &'static str;

    /// Runs `experiment` to its end, or until `progress.stop`.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the run cannot be made; nothing is written then.
    fn run(&self, experiment: &Experiment, progress: &Progress) -> Result<RunOutput, EngineError>;
}

impl<E: Engine + ?Sized> Engine for &E {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn run(&self, experiment: &Experiment, progress: &Progress) -> Result<RunOutput, EngineError> {
        (**self).run(experiment, progress)
    }
}

impl<E: Engine + ?Sized> Engine for Box<E> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn run(&self, experiment: &Experiment, progress: &Progress) -> Result<RunOutput, EngineError> {
        (**self).run(experiment, progress)
    }
}

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The system refused a thread.
    #[error("start worker thread {index} of {count}; use fewer --threads or raise the limit on processes")]
    Spawn {
        /// Which thread.
        index: usize,
        /// How many were wanted.
        count: usize,
        /// The system's reason.
        source: std::io::Error,
    },
    /// What this engine does not do, or this host does not allow: a sentence that begins with a verb and follows "cannot".
    #[error("{0}")]
    Unsupported(String),
    /// The system refused something else.
    #[error("{action}")]
    System {
        /// What was tried.
        action: String,
        /// The system's reason.
        source: std::io::Error,
    },
}
