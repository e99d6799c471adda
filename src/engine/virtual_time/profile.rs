//! Profiles of a simulated run, which cost it nothing: the engine knows where every nanosecond went, and looking at the
//! system moves nothing in it. Neither changes the digest.
//!
//! - deterministic: every step's repetitions and times by cause, as the record has them;
//! - sampling: what each worker does at some instants of simulated time, with the same gaps as the real engine's sampler.
//!   It sees the kernel's side as well: who waits for a processor is told from who has one.

use super::bytecode::Bytecode;
use super::program::index;
use super::world::{NONE, World};
use crate::engine::{Experiment, Profiler};
use crate::machine::{State, ThreadId};
use crate::measure::record::{Breakdown, ProfileEntry, ProfileRecord, RunRecord};
use crate::measure::{CAUSES, Cause};
use crate::random::{Source, Stream};
use crate::scenario::Scenario;

/// Mean time between two samples, in nanoseconds; the real engine's too.
const PERIOD: u64 = 10_000_000;

/// The profile that times every step: what the record says of them.
pub(super) fn of_steps(record: &RunRecord) -> ProfileRecord {
    let mut profile = empty(Profiler::Deterministic, "ns");
    for (actor, figures) in &record.actors {
        for step in &figures.steps {
            add(&mut profile, actor, &step.name, step.count, &step.total_ns);
        }
    }
    profile
}

fn empty(profiler: Profiler, unit: &str) -> ProfileRecord {
    ProfileRecord { profiler: profiler.name().into(), unit: unit.into(), ..ProfileRecord::default() }
}

/// Adds a step with its weights by cause. The answers of others are not its own.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole weights below 2^53")]
fn add(profile: &mut ProfileRecord, actor: &str, step: &str, calls: u64, weights: &Breakdown) {
    let (mut own, mut total) = (0, 0);
    for (cause, weight) in weights.parts() {
        let weight = weight as u64;
        total += weight;
        own += if cause == Cause::Call { 0 } else { weight };
        if weight > 0 {
            profile.stacks.push((format!("{actor};{step};{cause}"), weight));
        }
    }
    profile.entries.push(ProfileEntry {
        actor: actor.into(),
        step: step.into(),
        calls,
        self_weight: own,
        total_weight: total,
        peak_bytes: None,
    });
}

/// Looks at every worker now and then.
pub(super) struct Sampler {
    /// When it looks next; never, when nobody asked for it.
    pub(super) due: u64,
    gaps: Stream,
    /// Samples by step, among those of all actors, and by cause.
    counts: Vec<[u32; CAUSES]>,
}

impl Sampler {
    pub(super) fn new(experiment: &Experiment, steps: usize) -> Self {
        let wanted = experiment.profiler == Profiler::Sampling;
        Self {
            due: if wanted { experiment.scenario.run.warmup.0 } else { u64::MAX },
            gaps: Stream::new(experiment.seed, Source::Scheduler, u64::MAX - 1, 0),
            counts: if wanted { vec![[0; CAUSES]; steps] } else { Vec::new() },
        }
    }

    /// A fixed period would lock in with periodic work, so gaps are uniform in half to one and a half of it.
    fn wait(&mut self) {
        self.due += PERIOD / 2 + self.gaps.below(PERIOD + 1);
    }

    /// What it saw, if it was asked to look.
    pub(super) fn into_record(self, scenario: &Scenario, code: &Bytecode) -> Option<ProfileRecord> {
        if self.due == u64::MAX {
            return None;
        }
        let mut profile = empty(Profiler::Sampling, "samples");
        for (actor, entry) in scenario.actors.iter().zip(&code.entries) {
            for (step, counts) in actor.steps.iter().zip(&self.counts[entry.step as usize..]) {
                let weights = Breakdown { queue: 0.0, ..Breakdown::of_causes(counts.map(f64::from)) };
                add(&mut profile, &actor.name, &step.name, 0, &weights);
            }
        }
        Some(profile)
    }
}

impl World<'_> {
    /// Takes the samples that are due before an event at `until`.
    #[cold]
    pub(super) fn sample_until(&mut self, until: u64) {
        while self.sampler.due <= until {
            self.sampler.wait();
            for thread in 0..self.workers {
                if let Some((step, cause)) = self.doing(index(thread)).filter(|_| self.measuring()) {
                    self.sampler.counts[step][cause as usize] += 1;
                }
            }
        }
    }

    /// The step of a worker, and what it is at; nothing while it has no task.
    fn doing(&self, thread: u32) -> Option<(usize, Cause)> {
        let worker = &self.threads[thread as usize];
        let task = (worker.task != NONE).then(|| &self.tasks[worker.task as usize])?;
        let cause = match self.state_of(thread) {
            State::Ready => Cause::RunQueue,
            _ if self.uses_store(worker.task) => Cause::Io,
            State::Running if self.machine.is_spinning(ThreadId(thread)) => Cause::Lock,
            State::Running => Cause::Execution,
            State::Blocked => worker.waits,
        };
        let step = task.step as usize;
        (step < self.sampler.counts.len()).then_some((step, cause))
    }
}
