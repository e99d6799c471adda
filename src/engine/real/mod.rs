//! The real engine: worker threads that really contend, and tokio for actors whose queue is `async`.

mod access;
mod asking;
mod collect;
mod console;
mod control;
mod crew;
mod deadlock;
mod deaths;
mod executor;
mod gathering;
mod instances;
mod interpret;
mod limits;
mod load;
mod locks;
mod memory;
mod miss_probe;
mod pauses;
mod performer;
mod places;
mod pool;
mod profile;
mod quota;
mod register;
mod runtime;
mod special;
mod stamp;
mod tasks;
mod timekeeper;
mod tracks;
mod turnstile;
mod unsupported;
mod whole_tasks;
mod work;
mod worker;
mod worker_stats;

pub use runtime::Task;
pub(crate) use work::{Corpus, Memory, chain};

use super::{Engine, EngineError, Experiment, Progress, RunOutput};
use crate::measure::usage::Usage;
use crate::measure::{host, sched};
use crate::queue::{QueueKind, TaskQueue};
use crate::scenario::{EngineKind, Layout, Load};
use control::{control, drain_bound};
use crew::Crew;
use miss_probe::MissProbe;
use profile::Attached;
use runtime::Runtime;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;

/// Makes the queue of a kind and capacity that a run's actors take their tasks from.
type QueueFactory = dyn Fn(QueueKind, usize) -> Box<dyn TaskQueue<Task>> + Send + Sync;

/// How much longer (or, below zero, shorter) a millisecond of work takes now than was asked for, as a share.
#[must_use]
pub fn work_error() -> f64 {
    work::Work::calibrated().error()
}

/// By how much undisturbed work may be off before that is said, as a share.
pub const WORK_TOLERANCE: f64 = 0.02;

/// Runs scenarios on real threads.
pub struct RealEngine {
    queue: Box<QueueFactory>,
}

impl RealEngine {
    /// An engine whose actors use the queues of the registry.
    #[must_use]
    pub fn new() -> Self {
        Self { queue: Box::new(runtime::registered) }
    }

    /// An engine whose actors use a queue of one's own wherever the scenario names `kind`.
    #[must_use]
    pub fn with_queue(
        kind: QueueKind,
        make: impl Fn(usize) -> Box<dyn TaskQueue<Task>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            queue: Box::new(move |wanted, capacity| {
                if wanted == kind { make(capacity) } else { runtime::registered(wanted, capacity) }
            }),
        }
    }
}

impl Default for RealEngine {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for RealEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RealEngine")
    }
}

impl Engine for RealEngine {
    fn name(&self) -> &'static str {
        "real"
    }

    fn run(&self, experiment: &Experiment, progress: &Progress) -> Result<RunOutput, EngineError> {
        match experiment.laid_out() {
            None => self.run_laid_out(experiment, (experiment, &Layout::default()), progress),
            Some((laid, layout)) => self.run_laid_out(experiment, (&laid, &layout), progress),
        }
    }
}

impl RealEngine {
    /// Runs the experiment in which each instance is an actor; records speak of the one that is written.
    fn run_laid_out(
        &self,
        written: &Experiment,
        (experiment, layout): (&Experiment, &Layout),
        progress: &Progress,
    ) -> Result<RunOutput, EngineError> {
        if let Some(refused) = unsupported::first_of(experiment) {
            return Err(EngineError::Unsupported(refused));
        }
        super::need::check(experiment, EngineKind::Real)?;
        limits::check(&experiment.scenario)?;
        if let Some(address) = experiment.console {
            console::serve(address)?;
        }
        let _confined = match experiment.scenario.host.cores {
            Some(cores) => Some(sched::confine(cores).map_err(|source| EngineError::System {
                action: format!("confine the run to {cores} processors; leave --cores out"),
                source,
            })?),
            None => None,
        };
        progress.phase.store(0, Ordering::Relaxed);
        let (steal, usage) = (host::steal_ns(), Usage::now());
        let costs = timekeeper::costs();
        let (senders, receivers): (Vec<_>, Vec<_>) = experiment
            .scenario
            .actors
            .iter()
            .map(|actor| match actor.load {
                Load::Closed { .. } => {
                    let (sender, receiver) = mpsc::channel();
                    (Some(sender), Some(receiver))
                }
                Load::None | Load::Open { .. } => (None, None),
            })
            .unzip();
        let run = Arc::new(Runtime::new(experiment, layout, senders, &*self.queue, progress)?);
        let work_error = run.work.error();
        let mut probe = MissProbe::open(&experiment.scenario);
        let mut crew = Crew::default();
        if let Err(error) = crew.hire(&run) {
            // Whoever has started finds the queues closed and goes.
            run.abort(run.clock.now());
            crew.dismiss(&run);
            return Err(error);
        }
        crew.issue_load(&run, experiment, receivers)?;
        let attached = Attached::start(&run);
        let deadlocks = control(&run, experiment, &mut probe);
        let samples = attached.finish();
        let mut collected = crew.dismiss(&run);
        collected.samples = samples;
        collected.deadlocks = deadlocks;
        collected.work_error = work_error;
        collected.costs = costs;
        collected.others = usage.zip(Usage::now()).map(|(before, after)| after.others_since(before));
        collected.steal_ns = host::steal_ns().zip(steal).map(|(after, before)| after.saturating_sub(before));
        progress.phase.store(3, Ordering::Relaxed);
        run.group.as_ref().map_or(Ok(()), |group| group.check())?;
        if let Some(failure) = collected.failure() {
            return Err(EngineError::Unsupported(format!("go on: a store refused: {failure}")));
        }
        let mut output = collect::output(&run, (written, experiment), collected);
        // As many threads at once as can really run at once, two being enough for the effect.
        let threads =
            experiment.scenario.actors[experiment.scenario.focus].threads.min(host::cores().min(2) as usize);
        probe.report_to(&experiment.scenario, threads.max(1), &mut output.record);
        Ok(output)
    }
}
