//! From the state at the end of a run to its record.

use super::world::{NONE, World};
use crate::engine::{Experiment, RunOutput};
use crate::measure::record::{
    ActorRecord, Little, RunRecord, SCHEMA, ScenarioRef, SchedulerRecord, ThreadRecord, TreatmentRecord,
    Window,
};
use crate::units::Nanos;

/// Threads beyond this many are summed up and not listed.
pub(super) const MOST_THREADS: usize = 4096;

impl World<'_> {
    /// The record of what happened up to now.
    pub(super) fn into_output(mut self, experiment: &Experiment, partial: bool) -> RunOutput {
        self.flush();
        let end = Nanos(self.now);
        let window_start = Nanos(self.window_start);
        let length = if self.window_open { end.saturating_sub(window_start) } else { Nanos::ZERO };
        self.leave_unfinished(end, window_start);
        self.sum_steps();
        let mut record = RunRecord {
            schema: SCHEMA,
            conlab: env!("CARGO_PKG_VERSION").into(),
            command: experiment.command.clone(),
            engine: "virtual".into(),
            seed: experiment.seed,
            replicate: experiment.replicate,
            partial,
            scenario: ScenarioRef { name: self.scenario.name.clone(), digest: self.scenario.digest() },
            treatment: self.treatment(experiment),
            window: Window { warmup_ns: window_start.0, length_ns: length.0 },
            scheduler: self.scheduler(),
            threads: self.thread_records(length),
            digest: Some(format!("{:016x}", self.digest)),
            ..RunRecord::default()
        };
        let scenario = self.scenario;
        if self.timeline.wanted() {
            record.timeline = Some(std::mem::take(&mut self.timeline).into_timeline(scenario));
            record.instrumented = true;
        }
        let mut sojourn = Vec::new();
        let names = scenario.actors.iter().map(|actor| &actor.name);
        for ((number, actor), (name, program)) in
            self.actors.into_iter().enumerate().zip(names.zip(self.programs))
        {
            let presence = actor.ledger.presence();
            let (figures, series, histogram) = actor.ledger.into_record(&program.steps, length);
            if number == scenario.focus {
                record.little = little(presence, length, &figures);
                record.series = series;
            }
            record.actors.insert(name.clone(), figures);
            sojourn.push((name.clone(), histogram));
        }
        record.locks = scenario
            .locks
            .iter()
            .zip(self.locks)
            .map(|(spec, lock)| (spec.name.clone(), lock.record()))
            .collect();
        record.caches = scenario
            .caches
            .iter()
            .zip(self.caches)
            .map(|(spec, cache)| (spec.name.clone(), cache.record()))
            .collect();
        record.stores = scenario
            .stores
            .iter()
            .zip(self.stores)
            .map(|(spec, store)| (spec.name.clone(), store.record()))
            .collect();
        record.profile = self.sampler.into_record(scenario, self.code);
        RunOutput { record, sojourn }
    }

    /// Notes the tasks that are still in the system.
    fn leave_unfinished(&mut self, end: Nanos, window_start: Nanos) {
        for task in self.tasks.iter().filter(|task| task.actor != NONE) {
            let ledger = &mut self.actors[task.actor as usize].ledger;
            if task.measured {
                ledger.leave(Nanos(task.arrived), end);
            } else if self.window_open {
                ledger.overlap(end, window_start);
            }
        }
    }

    /// Notes in the ledgers what was spent on the steps.
    fn sum_steps(&mut self) {
        for ((actor, entry), program) in self.actors.iter_mut().zip(&self.code.entries).zip(self.programs) {
            let sums = &self.steps[entry.step as usize..][..program.steps.len()];
            for (step, sums) in sums.iter().enumerate() {
                actor.ledger.step_sums(step, sums.count, &sums.times.map(Nanos));
            }
        }
    }

    fn treatment(&self, experiment: &Experiment) -> TreatmentRecord {
        let focus = &self.scenario.actors[self.scenario.focus];
        TreatmentRecord {
            focus: focus.name.clone(),
            threads: focus.threads,
            queue: focus.queue.name().into(),
            cache: self.scenario.caches.first().map(|cache| cache.layout.name().into()),
            load: experiment.load.name().into(),
            cores: self.charges.cores,
        }
    }

    fn scheduler(&self) -> SchedulerRecord {
        let mut sums = SchedulerRecord {
            available: true,
            migrations: Some(self.migrations),
            ..SchedulerRecord::default()
        };
        for account in &self.accounts[..self.accounts.len() - 1] {
            sums.on_cpu_ns += account.on_cpu;
            sums.run_queue_ns += account.run_queue;
            sums.blocked_ns += account.blocked;
            sums.voluntary_switches += account.voluntary;
            sums.involuntary_switches += account.involuntary;
        }
        sums
    }

    fn thread_records(&self, window: Nanos) -> Vec<ThreadRecord> {
        self.threads
            .iter()
            .zip(&self.accounts)
            .take(self.workers.min(MOST_THREADS))
            .enumerate()
            .map(|(number, (thread, account))| {
                let actor = &self.scenario.actors[thread.actor as usize].name;
                let name = format!("{actor}-{number}");
                let accounted = account.on_cpu + account.run_queue + account.blocked;
                ThreadRecord {
                    name,
                    actor: actor.clone(),
                    wall_ns: window.0,
                    on_cpu_ns: account.on_cpu,
                    run_queue_ns: account.run_queue,
                    blocked_ns: account.blocked,
                    work_ns: account.work,
                    spinning_ns: account.spinning,
                    bookkeeping_ns: account.on_cpu - account.work - account.spinning,
                    idle_ns: account.idle,
                    residual_ns: window.0.cast_signed() - accounted.cast_signed(),
                    voluntary_switches: account.voluntary,
                    involuntary_switches: account.involuntary,
                    tasks: account.tasks,
                }
            })
            .collect()
    }
}

/// Little's law from two sides: the integral of presence, and throughput × mean sojourn.
#[expect(clippy::cast_precision_loss, reason = "means")]
fn little(presence: u128, window: Nanos, figures: &ActorRecord) -> Little {
    Little {
        tasks_in_system: if window == Nanos::ZERO { 0.0 } else { presence as f64 / window.0 as f64 },
        product: figures.throughput_per_s * figures.sojourn_ns.mean / 1e9,
    }
}
