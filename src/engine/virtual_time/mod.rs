//! The virtual-time engine: the same scenario in simulated time.
//!
//! A discrete-event simulation in which only elapsed time is an event. Everything that happens at one instant
//! (a lock handed over, a task pushed, a thread put into the run queue) is a direct call. Threads, tasks and cores are plain values
//! in vectors; what waits is a number in a queue.
//!
//! - `world`: the state; `run`: the loop; `observe`, `profile`: the record
//! - [`machine`](crate::machine): clock, events, threads, cores and the policy; `accounts`: where its time goes
//! - `bytecode`, `program`: what threads do
//! - `locks`, `gil`, `queues`, `caches`, `stores`, `load`: what they share
//! - `deadlock`: cycles of waits, named
//! - `charges`: what the simulated host takes for it, from the calibration and the scenario
//!
//! # Determinism
//!
//! Invariant D1: a run is a function of scenario, seed and calibration. Events leave in a fixed order (E1 of
//! [`future_events`](crate::future_events)), time is an integer, nothing is iterated in hash order, every source of chance has a stream of its
//! own, and no clock, thread count or address of the real host reaches a decision. The record carries a digest of the
//! event sequence.
//!
//! # What it does not predict well
//!
//! `docs/virtual.md` has the table of `conlab validate` and what is behind its misses.

mod accounts;
mod alarms;
mod batches;
mod bytecode;
mod caches;
mod calls;
mod charges;
mod deadlock;
mod deaths;
mod extra;
mod gil;
mod instances;
mod load;
mod locks;
mod observe;
mod policies;
mod pools;
mod profile;
mod program;
mod queues;
mod run;
mod stores;
mod timeline;
mod world;

use super::{Engine, EngineError, Experiment, Profiler, Progress, RunOutput};
use crate::measure::{Calibration, host, verdicts};
use crate::model::Program;
use crate::scenario::Layout;
use bytecode::Bytecode;
use charges::Charges;
use std::sync::atomic::Ordering;

/// Simulates experiments on a host with given constants.
#[derive(Clone, Debug, Default)]
pub struct VirtualEngine {
    calibration: Calibration,
}

impl VirtualEngine {
    /// An engine that charges the built-in constants.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An engine that charges these constants.
    #[must_use]
    pub const fn with(calibration: Calibration) -> Self {
        Self { calibration }
    }

    /// The constants that a run of `scenario` is charged: the engine's, with those that the scenario sets itself.
    #[must_use]
    pub fn charged(&self, scenario: &crate::scenario::Scenario) -> Calibration {
        charges::on_host(&scenario.host, &self.calibration)
    }

    /// An engine whose host charges nothing: closed forms hold on it.
    #[must_use]
    pub fn ideal() -> Self {
        Self::with(Calibration::ideal())
    }
}

impl Engine for VirtualEngine {
    fn name(&self) -> &'static str {
        "virtual"
    }

    fn run(&self, experiment: &Experiment, progress: &Progress) -> Result<RunOutput, EngineError> {
        if experiment.console.is_some() {
            return Err(EngineError::Unsupported(
                "show virtual time to tokio-console: it watches real tasks; use --engine real".into(),
            ));
        }
        if experiment.profiler == Profiler::Memory {
            return Err(EngineError::Unsupported(
                "profile memory in virtual time: nothing is allocated there; use --engine real".into(),
            ));
        }
        super::need::check(experiment, crate::scenario::EngineKind::Virtual)?;
        let laid_out = experiment.laid_out();
        let plain = Layout::default();
        let (written, (experiment, layout)) =
            (experiment, laid_out.as_ref().map_or((experiment, &plain), |(laid, layout)| (laid, layout)));
        let scenario = &experiment.scenario;
        let programs: Vec<Program> = scenario.actors.iter().map(Program::of).collect();
        let calibration = charges::on_host(&scenario.host, &self.calibration);
        let charges = Charges::of(scenario, &calibration, host::cores());
        let code = Bytecode::of(&programs, &charges);
        let mut world = run::world(experiment, layout, (&programs, &code), charges)?;
        let stopped = world.run(progress)?;
        let verdicts = world.deadlocks();
        let mut output = world.into_output(written, stopped);
        let record = &mut output.record;
        record.verdicts.extend(verdicts);
        let digest = calibration.digest();
        record.manifest = host::manifest(calibration.origin);
        record.manifest.calibration_digest = Some(digest);
        record.manifest.clock = "virtual".into();
        if experiment.profiler == Profiler::Deterministic {
            record.profile = Some(profile::of_steps(record));
        }
        verdicts::settle(record, &written.scenario);
        progress.phase.store(3, Ordering::Relaxed);
        Ok(output)
    }
}
