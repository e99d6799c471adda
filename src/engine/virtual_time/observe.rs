//! From the state at the end of a run to its record.

use super::caches::CacheModel;
use super::program::index;
use super::stores::StoreModel;
use super::world::{NONE, Next, TASK, World};
use crate::engine::{Experiment, RunOutput};
use crate::measure::record::{
    BatchRecord, CacheRecord, Drain, EventRecord, Little, LockRecord, PoolRecord, ProfileRecord, QuotaRecord,
    RunRecord, SCHEMA, ScenarioRef, SchedulerRecord, StoreRecord, ThreadRecord, TreatmentRecord, Verdict,
    Window,
};
use crate::measure::verdicts::{self, Waiter};
use crate::measure::{Cause, Finished};
use crate::units::Nanos;
use std::collections::BTreeMap;

/// Threads beyond this many are summed up and not listed.
pub(super) const MAX_THREADS: usize = 4096;

/// Simulated time after the window in which its tasks may end: so many of its lengths, and so much besides.
const DRAIN_WINDOWS: u64 = 100;
const DRAIN_LEAST: u64 = 100_000_000_000;
/// Events in it, in multiples of those up to the window's end, and their least and greatest number.
const DRAIN_EVENTS: (u64, u64, u64) = (4, 200_000, 20_000_000);

/// What was counted over the window, when its tasks were not yet drained.
#[derive(Debug)]
pub(super) struct Closed {
    /// The last instant of the drain.
    until: u64,
    /// The most events at the end of the drain.
    pub(super) most_events: u64,
    scheduler: SchedulerRecord,
    threads: Vec<ThreadRecord>,
    locks: Vec<LockRecord>,
    caches: Vec<CacheRecord>,
    stores: Vec<StoreRecord>,
    pools: Vec<PoolRecord>,
    batches: Vec<BatchRecord>,
    events: Vec<EventRecord>,
    quota: Option<QuotaRecord>,
    /// Who starves.
    verdicts: Vec<Verdict>,
}

impl World<'_> {
    /// Whether the window has begun and not ended.
    #[inline]
    pub(super) const fn measuring(&self) -> bool {
        self.window_open && self.window_end == u64::MAX
    }

    /// When the drain ends at the latest; the end of time while the window goes on.
    #[inline]
    pub(super) fn drain_until(&self) -> u64 {
        self.closed.as_ref().map_or(u64::MAX, |closed| closed.until)
    }

    /// The window ends, unless it has: what is counted by time is kept as it is now, and the tasks that were issued in the
    /// window go on under load until they are done.
    pub(super) fn close_window(&mut self) {
        if self.closed.is_some() {
            return;
        }
        self.flush();
        self.window_end = if self.window_open { self.now } else { self.window_start };
        let length = self.window_end - self.window_start;
        let waiting = self.note_open_waits();
        let verdicts = self.starving(waiting);
        let (times, least, greatest) = DRAIN_EVENTS;
        let (events, quota) = self.stop_records();
        self.closed = Some(Box::new(Closed {
            until: self.window_end.saturating_add(length.saturating_mul(DRAIN_WINDOWS).max(DRAIN_LEAST)),
            most_events: self.handled + (times * self.handled).clamp(least, greatest),
            scheduler: self.scheduler(),
            threads: self.thread_records(Nanos(length)),
            locks: self.lock_records(),
            caches: self.caches.iter().map(CacheModel::record).collect(),
            stores: self.stores.iter().map(StoreModel::record).collect(),
            pools: self.pool_records(),
            batches: self.batch_records(),
            events,
            quota,
            verdicts,
        }));
        self.over = self.outstanding == 0;
    }

    /// The actor and the step of a number among the steps of all actors.
    pub(super) fn used_by(&self, step: u64) -> (String, String) {
        let entries = &self.code.entries;
        let actor = entries.partition_point(|entry| u64::from(entry.step) <= step).saturating_sub(1);
        let Some(spec) = self.scenario.actors.get(actor) else { return Default::default() };
        let index = usize::try_from(step).unwrap_or(usize::MAX) - entries[actor].step as usize;
        let name = spec.steps.get(index).map(|step| step.name.clone());
        (spec.name.clone(), name.unwrap_or_default())
    }

    /// The record of what happened up to now.
    pub(super) fn into_output(mut self, experiment: &Experiment, partial: bool) -> RunOutput {
        self.close_window();
        self.flush();
        let (start, end) = (Nanos(self.window_start), Nanos(self.window_end));
        let length = end.saturating_sub(start);
        self.leave_unfinished();
        self.sum_steps();
        let mut record = self.frame(experiment, partial, length);
        if self.timeline.wanted() {
            record.timeline = Some(std::mem::take(&mut self.timeline).into_timeline(self.scenario));
        }
        let mut instances = self.gather_instances(length);
        let scenario = &experiment.scenario;
        let mut sojourn = Vec::new();
        let names = scenario.actors.iter().map(|actor| &actor.name);
        for ((number, actor), (name, program)) in
            self.actors.into_iter().enumerate().zip(names.zip(self.programs))
        {
            if scenario.is_workers(number) {
                continue;
            }
            let presence = actor.ledger.presence;
            let (mut figures, series, histogram) = actor.ledger.into_record(&program.steps, length);
            if self.more.used {
                self.more.add_to(&mut figures, &scenario.actors[number], number, [start.0, end.0]);
            }
            if let Some(each) = instances.get_mut(number) {
                figures.instances = std::mem::take(each);
            }
            if number == scenario.focus {
                record.little = Little::of(&presence, length);
                record.series = series;
            } else {
                figures.slowest.clear();
            }
            record.actors.insert(name.clone(), figures);
            sojourn.push((name.clone(), histogram));
        }
        crate::engine::name_calls(&mut record, scenario);
        record.profile = self.sampler.into_record(self.scenario, self.code);
        record.profile.iter_mut().for_each(ProfileRecord::sum_alike);
        RunOutput { record, sojourn }
    }

    /// Everything that is not the actors'.
    fn frame(&mut self, experiment: &Experiment, partial: bool, length: Nanos) -> RunRecord {
        let scenario = &experiment.scenario;
        let drained = self.now.saturating_sub(self.window_end);
        let bound = self.drain_until().saturating_sub(self.window_end);
        let mut record = RunRecord {
            schema: SCHEMA,
            conlab: env!("CARGO_PKG_VERSION").into(),
            command: experiment.command.clone(),
            engine: "virtual".into(),
            seed: experiment.seed,
            replicate: experiment.replicate,
            partial,
            scenario: ScenarioRef { name: scenario.name.clone(), digest: scenario.digest() },
            treatment: self.treatment(experiment),
            window: Window {
                warmup_ns: self.window_start,
                length_ns: length.0,
                drain: Some(Drain {
                    length_ns: drained,
                    // Where the events were at an end before the time, that was the bound.
                    bound_ns: if self.outstanding == 0 { bound } else { bound.min(drained) },
                }),
            },
            digest: Some(format!("{:016x}", self.digest)),
            ..RunRecord::default()
        };
        if let Some(closed) = self.closed.take() {
            record.verdicts.extend(closed.verdicts);
            record.scheduler = closed.scheduler;
            record.threads = closed.threads;
            record.locks = named(scenario.locks.iter().map(|spec| &spec.name), closed.locks);
            record.caches = named(scenario.caches.iter().map(|spec| &spec.name), closed.caches);
            record.stores = named(scenario.stores.iter().map(|spec| &spec.name), closed.stores);
            record.pools = named(scenario.pools.iter().map(|spec| &spec.name), closed.pools);
            record.events = named(scenario.events.iter().map(|spec| &spec.name), closed.events);
            record.batches = self.batches_by_step(closed.batches);
            record.quota = closed.quota;
        }
        record
    }

    /// Whether each task is on a thread.
    fn served(&self) -> Vec<bool> {
        let mut served = vec![false; self.tasks.len()];
        for thread in self.threads.iter().filter(|thread| thread.task != NONE) {
            served[thread.task as usize] = true;
        }
        served
    }

    /// Notes at every lock who waits for it now, and since when somebody holds it; returns who waits for which.
    fn note_open_waits(&mut self) -> BTreeMap<u32, Vec<Waiter>> {
        let served = self.served();
        let mut waits: Vec<(u32, u32)> = (0..)
            .zip(&self.threads)
            .filter(|(_, thread)| thread.task != NONE)
            .map(|(number, thread)| (self.holder(number, thread.task), thread.task))
            .collect();
        let away = (0_u32..)
            .zip(self.tasks.iter().zip(served))
            .filter(|(_, (task, served))| task.actor != NONE && !served);
        waits.extend(away.map(|(number, _)| (number | TASK, number)));
        let mut waiting: BTreeMap<u32, Vec<Waiter>> = BTreeMap::new();
        for (entity, number) in waits {
            let task = &self.tasks[number as usize];
            let (lock, since) = (task.lock, task.since);
            // A spin lock may have been handed over to a waiter that has not noticed.
            if task.next == Next::Retry && self.locks[lock as usize].owner != entity {
                let worker = (entity & TASK == 0).then_some(entity as usize);
                let waiter = Waiter { actor: task.actor as usize, worker, since: Nanos(since) };
                waiting.entry(lock).or_default().push(waiter);
                self.locks[lock as usize].note_open_wait(self.now - since);
            }
        }
        for lock in self.locks.iter_mut().filter(|lock| lock.owner != NONE) {
            lock.held(NONE, self.now - lock.held_since);
        }
        waiting
    }

    /// Says who of those who wait for a lock starves.
    fn starving(&self, waiting: BTreeMap<u32, Vec<Waiter>>) -> Vec<Verdict> {
        let (scenario, span) = (self.scenario, (Nanos(self.window_start), Nanos(self.window_end)));
        let starves = |(lock, waiters): (u32, Vec<Waiter>)| {
            // Locks behind those of the scenario are inside caches and stores.
            let spec = scenario.locks.get(lock as usize)?;
            let state = &self.locks[lock as usize];
            let record = state.record(|step| self.used_by(step));
            verdicts::starvation(scenario, &spec.name, &record, &state.contest(waiters), span)
        };
        waiting.into_iter().filter_map(starves).collect()
    }

    /// Notes the tasks that are still in the system, with their time so far.
    fn leave_unfinished(&mut self) {
        let (now, start, end) = (Nanos(self.now), Nanos(self.window_start), Nanos(self.window_end));
        let served = self.served();
        let mut ready = vec![false; self.tasks.len()];
        for task in self.actors.iter().flat_map(|actor| &actor.ready) {
            ready[*task as usize] = true;
        }
        for number in 0..self.tasks.len() {
            if self.tasks[number].actor == NONE {
                continue;
            }
            if !served[number] {
                let waits = self.tasks[number].waits;
                let cause = if ready[number] && waits != Cause::Queue { Cause::RunQueue } else { waits };
                // A task may be issued late: it was to arrive, and did not, before now.
                self.charge(index(number), cause);
            }
            let task = &self.tasks[number];
            let finished = Finished {
                arrived: Nanos(task.arrived),
                issued: Nanos(task.arrived),
                started: Nanos(task.arrived + task.times[Cause::Queue as usize]),
                ended: now.max(Nanos(task.arrived)),
                times: self.times_of(index(number)),
            };
            let epoch = task.epoch;
            self.actors[task.actor as usize].ledger.leave(&finished, epoch, start, end);
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
        let station = &self.scenario.actors[self.scenario.station(self.scenario.focus)];
        TreatmentRecord {
            focus: focus.name.clone(),
            threads: station.threads,
            queue: focus.queue.name().into(),
            cache: self.scenario.caches.first().map(|cache| cache.layout.name().into()),
            load: experiment.load.name().into(),
            cores: self.charges.cores,
        }
    }

    fn scheduler(&self) -> SchedulerRecord {
        let mut sums = SchedulerRecord {
            available: true,
            migrations: Some(self.machine.migrations()),
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
            .take(self.workers.min(MAX_THREADS))
            .enumerate()
            .map(|(number, (thread, account))| {
                let station = self.actors[thread.actor as usize].station;
                let actor = &self.scenario.actors[station as usize].name;
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

/// Records by name.
fn named<'a, T>(names: impl Iterator<Item = &'a String>, records: Vec<T>) -> BTreeMap<String, T> {
    names.cloned().zip(records).collect()
}
