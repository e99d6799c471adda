//! From what everybody noted to the record.

use super::WORK_TOLERANCE;
use super::locks::LockLedger;
use super::memory::StoreLedger;
use super::places::PoolLedger;
use super::profile::{self, Samples, StepSeen};
use super::runtime::Runtime;
use super::worker_stats::{Issued, Left, ThreadAccount, WorkerStats, groups_of};
use super::{tracks, whole_tasks};
use crate::engine::{Experiment, Profiler, RunOutput};
use crate::measure::record::{
    CallsRecord, Drain, Flow, InstanceRecord, Little, ProbeRecord, ProfileRecord, RunRecord, SCHEMA,
    ScenarioRef, SchedulerRecord, Span, TaskSpan, Timeline, TreatmentRecord, Verdict, Warning, Window,
};
use crate::measure::usage::busy_warning;
use crate::measure::verdicts::{self, Contest, LAST, Waiter};
use crate::measure::{CacheLedger, Groups, Ledger, host, identities};
use crate::units::Nanos;
use std::sync::{Arc, OnceLock};

/// What everybody noted, merged.
pub(super) struct Collected {
    ledgers: Vec<Ledger>,
    /// Tasks that nobody served, by actor.
    left: Vec<Vec<Left>>,
    groups: Vec<Groups>,
    calls: Vec<CallsRecord>,
    pools: Vec<PoolLedger>,
    locks: Vec<LockLedger>,
    contests: Vec<Contested>,
    caches: Vec<CacheLedger>,
    stores: Vec<StoreLedger>,
    threads: Vec<ThreadAccount>,
    spans: Vec<Span>,
    tasks: Vec<TaskSpan>,
    flows: Vec<Flow>,
    omitted: u64,
    compressed: (u64, u64),
    /// Cost of a clock read and of a read of the kernel's figures, in nanoseconds.
    pub(super) costs: (f64, f64),
    pub(super) steal_ns: Option<u64>,
    /// Share of the processors that other programs used meanwhile.
    pub(super) others: Option<f64>,
    /// By actor and step, what hooks saw.
    steps_seen: Vec<Vec<StepSeen>>,
    /// What a sampler saw.
    pub(super) samples: Option<Samples>,
    /// Who waited for each other for ever.
    pub(super) deadlocks: Vec<Verdict>,
    /// By how much work took longer than was asked for when the run began, as a share.
    pub(super) work_error: f64,
    /// Threads that had not come home when the run was long over.
    pub(super) abandoned: Vec<String>,
}

impl Collected {
    pub(super) fn new(run: &Runtime) -> Self {
        Self {
            ledgers: run.actors.iter().map(|actor| Ledger::new(actor.program.steps.len())).collect(),
            left: vec![Vec::new(); run.actors.len()],
            groups: groups_of(run),
            calls: vec![CallsRecord::default(); run.actors.len()],
            pools: vec![PoolLedger::default(); run.pools.len()],
            locks: vec![LockLedger::default(); run.locks.len()],
            contests: vec![Contested::default(); run.locks.len()],
            caches: vec![CacheLedger::default(); run.caches.len()],
            stores: vec![StoreLedger::default(); run.stores.len()],
            threads: Vec::new(),
            spans: Vec::new(),
            tasks: Vec::new(),
            flows: Vec::new(),
            omitted: 0,
            compressed: (0, 0),
            costs: (0.0, 0.0),
            steal_ns: None,
            others: None,
            steps_seen: vec![Vec::new(); run.actors.len()],
            samples: None,
            deadlocks: Vec::new(),
            work_error: 0.0,
            abandoned: Vec::new(),
        }
    }

    /// Adds one worker's notes.
    pub(super) fn add(&mut self, mut stats: WorkerStats, account: Option<ThreadAccount>) {
        stats.keep_window();
        let own = (stats.actor, (stats.ledger, stats.calls));
        for (actor, (ledger, calls)) in std::mem::take(&mut stats.others).into_iter().chain([own]) {
            self.ledgers[actor].merge(&ledger);
            self.calls[actor] = self.calls[actor].plus(&calls);
        }
        for (actor, issued) in stats.issued.into_iter().enumerate() {
            self.add_issued(actor, issued);
        }
        self.groups.iter_mut().zip(&stats.groups).for_each(|(mine, theirs)| mine.merge(theirs));
        self.pools.iter_mut().zip(&stats.pools).for_each(|(mine, theirs)| mine.merge(theirs));
        for ((mine, contest), theirs) in self.locks.iter_mut().zip(&mut self.contests).zip(&stats.locks) {
            contest.recent.extend_from_slice(theirs.recent());
            mine.merge(theirs);
        }
        for (lock, waiter) in stats.waiting {
            self.contests[lock].waiters.push(waiter);
        }
        for (mine, theirs) in self.caches.iter_mut().zip(&stats.caches) {
            mine.merge(theirs);
        }
        for (mine, theirs) in self.stores.iter_mut().zip(&stats.stores) {
            mine.merge(theirs);
        }
        profile::merge(&mut self.steps_seen[stats.actor], &stats.profile);
        self.omitted += stats.spans.omitted;
        self.spans.extend(stats.spans.kept);
        self.tasks.extend(stats.spans.tasks);
        self.flows.extend(stats.spans.flows);
        self.compressed.0 += stats.compressed.0;
        self.compressed.1 += stats.compressed.1;
        self.threads.extend(account);
    }

    /// Adds what the thread that issues the load of `actor` noted of its kinds and phases.
    pub(super) fn add_groups(&mut self, actor: usize, groups: Option<Groups>) {
        if let (Some(mine), Some(theirs)) = (self.groups.get_mut(actor), groups) {
            mine.merge(&theirs);
        }
    }

    /// Adds what somebody issued to `actor`.
    pub(super) fn add_issued(&mut self, actor: usize, issued: Issued) {
        let ledger = &mut self.ledgers[actor];
        ledger.issued += issued.issued;
        ledger.refused += issued.refused;
        ledger.presence.merge(&issued.presence);
        self.left[actor].extend(issued.left);
    }

    /// Adds what each instance's workers noted to its actor, and what its copies of locks and pools saw to the first of them;
    /// returns what each instance did, by actor.
    fn gather_instances(&mut self, run: &Runtime, window: Nanos) -> std::vec::IntoIter<Vec<InstanceRecord>> {
        let layout = run.instances.layout();
        let mut each = vec![Vec::new(); run.actors.len()];
        if layout.is_plain() {
            return each.into_iter();
        }
        for number in 0..self.ledgers.len() {
            let home = layout.home(number);
            each[home].push(InstanceRecord::of(&self.ledgers[number], window));
            if home == number {
                continue;
            }
            let (homes, others) = self.ledgers.split_at_mut(number);
            homes[home].merge(&others[0]);
            self.calls[home] = self.calls[home].plus(&self.calls[number]);
            if let Ok([mine, theirs]) = self.groups.get_disjoint_mut([home, number]) {
                mine.merge(theirs);
            }
        }
        for number in 0..self.locks.len() {
            if let Ok([mine, theirs]) = self.locks.get_disjoint_mut([layout.lock(number), number]) {
                mine.merge(theirs);
            }
        }
        for number in 0..self.pools.len() {
            if let Ok([mine, theirs]) = self.pools.get_disjoint_mut([layout.pool(number), number]) {
                mine.merge(theirs);
            }
        }
        // What there is one of needs no figures by instance.
        each.iter_mut().filter(|each| each.len() < 2).for_each(Vec::clear);
        each.into_iter()
    }

    /// What a store refused, if one did.
    pub(super) fn failure(&self) -> Option<String> {
        self.stores.iter().find_map(|store| store.failure.clone())
    }

    /// Counts tasks that nobody took from a queue before its workers had gone.
    pub(super) fn drain_queues(&mut self, run: &Runtime) {
        for runtime in &run.actors {
            // A queue may say Empty early; after the last worker it means that nothing is left.
            while let Ok(task) = runtime.inbox.queue().try_pop() {
                let mut left = Issued::default();
                left.leave(&task);
                self.add_issued(task.to as usize, left);
            }
        }
        let (start, end, over) = (run.window_start(), run.window_end(), run.ended());
        for (ledger, left) in self.ledgers.iter_mut().zip(std::mem::take(&mut self.left)) {
            left.iter().for_each(|task| task.note(ledger, start, end, over));
        }
    }
}

/// The actor and the step of a key of lock uses.
fn used_by(run: &Runtime, key: u64) -> (String, String) {
    let part = |bits: u64| usize::try_from(bits).unwrap_or(usize::MAX);
    let actor = run.actors.get(part(key >> 32));
    let step = actor.and_then(|actor| actor.program.steps.get(part(key & u64::from(u32::MAX))));
    (actor.map(|actor| actor.spec.name.clone()).unwrap_or_default(), step.cloned().unwrap_or_default())
}

/// What the workers noted of who got a lock.
#[derive(Clone, Default)]
struct Contested {
    /// Acquisitions, the last ones of each worker: when, and since when the lock had been wanted.
    recent: Vec<(Nanos, Nanos)>,
    waiters: Vec<Waiter>,
}

impl Contested {
    fn into_contest(mut self) -> Contest {
        self.recent.sort_unstable();
        let last = self.recent.len().saturating_sub(LAST);
        Contest {
            waiters: self.waiters,
            began: self.recent[last..].iter().map(|(_, began)| *began).collect(),
        }
    }
}

/// The record of a run that is over, and its histograms.
#[expect(clippy::too_many_lines, reason = "the fields of a record, one after the other")]
pub(super) fn output(
    run: &Arc<Runtime>,
    (experiment, laid_out): (&Experiment, &Experiment),
    mut collected: Collected,
) -> RunOutput {
    let (start, end) = (run.window_start(), run.window_end());
    let window = end.saturating_sub(start);
    let mut instances = collected.gather_instances(run, window);
    let mut record = frame(run, experiment, window);
    record.manifest.steal_ns = collected.steal_ns;
    let recordings: u64 = collected.ledgers.iter().map(Ledger::completed).sum();
    let mut sojourn = Vec::new();
    let mut groups = collected.groups.into_iter();
    for ((actor, ledger), calls) in run.actors.iter().zip(collected.ledgers).zip(collected.calls) {
        if record.actors.contains_key(&actor.spec.name) {
            // An instance, whose figures are in those of the first.
            continue;
        }
        let workers = actor.spec.at.and_then(|at| experiment.scenario.actors.get(at));
        if workers.is_some_and(|workers| workers.name == actor.spec.name) {
            // Workers that actors share, whose figures are those of the actors.
            groups.next();
            instances.next();
            continue;
        }
        let is_focus = actor.spec.name == record.treatment.focus;
        if is_focus {
            record.little = Little::of(&ledger.presence, window);
        }
        let (mut summary, series, histogram) = ledger.into_record(&actor.program.steps, window);
        if actor.spec.steps.iter().any(|step| step.calls.is_some()) {
            summary.calls = Some(calls);
        }
        if let Some(groups) = groups.next() {
            let kinds = actor.spec.kinds.iter().map(|kind| kind.name.as_str());
            groups.add_to(&mut summary, kinds, [start, end].map(|at| at.saturating_sub(run.start())));
        }
        summary.instances = instances.next().unwrap_or_default();
        if is_focus {
            record.series = series;
        } else {
            summary.slowest.clear();
        }
        record.actors.insert(actor.spec.name.clone(), summary);
        sojourn.push((actor.spec.name.clone(), histogram));
    }
    for ((spec, pool), ledger) in experiment.scenario.pools.iter().zip(&run.pools).zip(collected.pools) {
        record.pools.insert(spec.name.clone(), ledger.into_record(pool));
    }
    for (number, pool) in run.pools.iter().enumerate().skip(experiment.scenario.pools.len()) {
        let first = &experiment.scenario.pools[run.instances.layout().pool(number)].name;
        record.pools.entry(first.clone()).or_default().size += pool.size;
    }
    for (spec, happened) in experiment.scenario.events.iter().zip(run.pauses.records()) {
        record.events.insert(spec.name.clone(), happened);
    }
    for actor in &run.actors {
        // Instances have the name of their actor.
        for (step, gathering) in actor.spec.steps.iter().zip(&actor.gatherings) {
            if let Some(gathering) = gathering {
                let name = format!("{}.{}", actor.spec.name, step.name);
                record.batches.entry(name).or_default().add(&gathering.figures());
            }
        }
    }
    for ((spec, lock), ledger) in experiment.scenario.locks.iter().zip(&run.locks).zip(collected.locks) {
        record.locks.insert(spec.name.clone(), ledger.into_record(lock, |key| used_by(run, key)));
    }
    for (number, lock) in run.locks.iter().enumerate().skip(experiment.scenario.locks.len()) {
        let first = &experiment.scenario.locks[run.instances.layout().lock(number)].name;
        let copy = LockLedger::default().into_record(lock, |key| used_by(run, key));
        let sums = record.locks.entry(first.clone()).or_default();
        sums.forced_drops = sums.forced_drops.zip(copy.forced_drops).map(|(sum, more)| sum + more);
        sums.switches = sums.switches.zip(copy.switches).map(|(sum, more)| sum + more);
    }
    for (spec, contest) in laid_out.scenario.locks.iter().zip(collected.contests) {
        let contest = contest.into_contest();
        let held = &record.locks[&spec.name];
        let verdict = verdicts::starvation(&laid_out.scenario, &spec.name, held, &contest, (start, end));
        record.verdicts.extend(verdict);
    }
    for ((spec, cache), ledger) in experiment.scenario.caches.iter().zip(&run.caches).zip(collected.caches) {
        record.caches.insert(spec.name.clone(), cache.record(ledger));
    }
    for (spec, ledger) in experiment.scenario.stores.iter().zip(collected.stores) {
        record.stores.insert(spec.name.clone(), ledger.into_record());
    }
    add_threads(&mut record, run, collected.threads, recordings, collected.costs);
    if experiment.timeline_spans > 0 {
        record.timeline = Some(Timeline {
            tracks: Vec::new(),
            spans: collected.spans,
            flows: collected.flows,
            tasks: collected.tasks,
            omitted: collected.omitted,
        });
        record.timeline.iter_mut().for_each(whole_tasks::number);
        record.timeline.iter_mut().for_each(|timeline| tracks::name(timeline, &laid_out.scenario));
        record.instrumented = true;
    }
    crate::engine::name_calls(&mut record, &experiment.scenario);
    record.profile = profile_of(run, &record, collected.samples, &collected.steps_seen);
    record.profile.iter_mut().for_each(ProfileRecord::sum_alike);
    record.partial = run.progress.stopped() || !collected.deadlocks.is_empty();
    record.verdicts.splice(0..0, collected.deadlocks);
    record.instrumented |= experiment.profiler != Profiler::None || experiment.console.is_some();
    verdicts::settle(&mut record, &experiment.scenario);
    add_warnings(&mut record, &collected.abandoned, collected.work_error);
    record.warnings.extend(busy_warning(collected.others));
    RunOutput { record, sojourn }
}

/// What the attached profiler saw; its cost is set against the workers' time off their waits.
fn profile_of(
    run: &Runtime,
    record: &RunRecord,
    samples: Option<Samples>,
    steps_seen: &[Vec<StepSeen>],
) -> Option<ProfileRecord> {
    let busy = record.threads.iter().map(|thread| thread.wall_ns.saturating_sub(thread.blocked_ns)).sum();
    match run.profiler {
        Profiler::None => None,
        Profiler::Sampling => samples.map(|samples| samples.into_record(run, Nanos(busy))),
        hooks => Some(profile::record_of_hooks(hooks, run, steps_seen, Nanos(busy))),
    }
}

fn frame(run: &Runtime, experiment: &Experiment, window: Nanos) -> RunRecord {
    let scenario = &experiment.scenario;
    let levels = scenario.levels(experiment.load);
    RunRecord {
        schema: SCHEMA,
        conlab: env!("CARGO_PKG_VERSION").into(),
        command: experiment.command.clone(),
        engine: "real".into(),
        seed: experiment.seed,
        replicate: experiment.replicate,
        manifest: host::manifest(run.work.describe()),
        scenario: ScenarioRef { name: scenario.name.clone(), digest: scenario.digest() },
        treatment: TreatmentRecord {
            focus: scenario.actors[scenario.focus].name.clone(),
            threads: levels.threads.unwrap_or(0),
            queue: levels.queue.map_or("", |queue| queue.name()).into(),
            cache: levels.cache.map(|layout| layout.name().into()),
            load: levels.load.name().into(),
            cores: levels.cores.unwrap_or_else(host::cores),
        },
        window: Window {
            warmup_ns: scenario.run.warmup.0,
            length_ns: window.0,
            drain: Some(Drain {
                length_ns: run.ended().saturating_sub(run.window_end()).0,
                bound_ns: super::drain_bound(window).0,
            }),
        },
        quota: run.group.as_ref().map(|group| group.record()),
        ..RunRecord::default()
    }
}

#[expect(clippy::cast_precision_loss, reason = "shares and means")]
fn add_threads(
    record: &mut RunRecord,
    run: &Runtime,
    threads: Vec<ThreadAccount>,
    recordings: u64,
    (clock_read_ns, kernel_read_ns): (f64, f64),
) {
    let mut probe = ProbeRecord {
        clock_read_ns,
        kernel_read_ns,
        recordings,
        recording_ns: recording_cost(),
        ..ProbeRecord::default()
    };
    let mut scheduler = SchedulerRecord { available: !threads.is_empty(), ..SchedulerRecord::default() };
    let mut busy = 0;
    for account in threads {
        // A worker that saw no task in the window has no window of its own.
        scheduler.available &= account.kernel.is_some() || account.wall == Nanos::ZERO;
        probe.clock_reads += account.clock_reads;
        probe.kernel_reads += account.kernel_reads;
        let name = run.actors[account.actor].spec.name.clone();
        let thread = account.into_record(name);
        scheduler.on_cpu_ns += thread.on_cpu_ns;
        scheduler.run_queue_ns += thread.run_queue_ns;
        scheduler.blocked_ns += thread.blocked_ns;
        scheduler.voluntary_switches += thread.voluntary_switches;
        scheduler.involuntary_switches += thread.involuntary_switches;
        busy += thread.wall_ns.saturating_sub(thread.blocked_ns);
        record.threads.push(thread);
    }
    record.threads.sort_by_key(|thread| natural(&thread.name));
    let cost = probe.clock_reads as f64 * probe.clock_read_ns
        + probe.kernel_reads as f64 * probe.kernel_read_ns
        + recordings as f64 * probe.recording_ns;
    record.probe_effect = if busy == 0 { 0.0 } else { (cost / busy as f64).min(1.0) };
    record.probe = probe;
    record.scheduler = scheduler;
}

/// Orders `agents-2` before `agents-10`.
fn natural(name: &str) -> (String, u64) {
    let (stem, number) = name.rsplit_once('-').unwrap_or((name, ""));
    (stem.to_owned(), number.parse().unwrap_or(u64::MAX))
}

/// What noting one task costs, in nanoseconds, measured once per process.
fn recording_cost() -> f64 {
    static COST: OnceLock<f64> = OnceLock::new();
    *COST.get_or_init(measure_recording_cost)
}

fn measure_recording_cost() -> f64 {
    use crate::measure::{Finished, TaskTimes};
    const TASKS: u32 = 2_000;
    let clock = crate::clock::Clock::get();
    let mut ledger = Ledger::new(0);
    let note = |ledger: &mut Ledger, arrived: u64| {
        let task = Finished {
            arrived: Nanos(arrived),
            issued: Nanos(arrived),
            started: Nanos(arrived + 100),
            ended: Nanos(arrived + 1_000 + arrived % 512),
            times: TaskTimes::default(),
        };
        ledger.finish(std::hint::black_box(&task), Nanos::ZERO);
    };
    // The first pass makes the histograms grow; the second is what a run pays.
    (0..TASKS).for_each(|task| note(&mut ledger, u64::from(task)));
    let start = clock.now();
    (0..TASKS).for_each(|task| note(&mut ledger, u64::from(task)));
    (clock.now() - start).as_secs_f64() * 1e9 / f64::from(TASKS)
}

fn add_warnings(record: &mut RunRecord, abandoned: &[String], work_error: f64) {
    let mut warn = |code: &str, message: String, remedy: &str| {
        record.warnings.push(Warning { code: code.into(), message, remedy: remedy.into() });
    };
    if !abandoned.is_empty() {
        warn(
            "abandoned",
            format!(
                "{} had not ended two seconds after the run: what they noted is missing",
                abandoned.join(", ")
            ),
            "look at what they wait for: a disk that does not answer, or a queue that does not end its waits when it is closed",
        );
    }
    if work_error.abs() > WORK_TOLERANCE {
        warn(
            "work-inexact",
            format!("a millisecond of undisturbed work took {:+.1} % when the run began", work_error * 100.0),
            "compute steps are off by as much: keep the clock speed fixed (cpupower frequency-set -g performance), and \
             leave the processor's other thread idle",
        );
    }
    let residual = identities::thread_residual_of(&record.threads);
    if residual.abs() > 0.02 {
        warn(
            "thread-residual",
            format!("{:.1} % of the threads' wall time is explained by no figure", residual * 100.0),
            "the hypervisor or interrupts took it, or waits were too short to tell; run longer on a quieter machine",
        );
    }
    if !record.scheduler.available {
        warn(
            "no-scheduler-figures",
            "this system gives no scheduler figures per thread, so run-queue wait counts as execution".into(),
            "run on Linux, where /proc/<pid>/task/<tid>/schedstat tells",
        );
    }
    let completed = record.actors.get(&record.treatment.focus).map_or(0, |actor| actor.completed);
    if completed < 100 {
        warn(
            "sample-too-small",
            format!("{completed} tasks cannot carry a p99"),
            "raise --tasks or --duration to at least 100 tasks, better 1000",
        );
    } else if completed < 1000 {
        warn(
            "sample-small",
            format!("the p99 of {completed} tasks rests on {} of them", completed / 100),
            "raise --tasks or --duration to at least 1000 tasks",
        );
    }
    if record.probe_effect > 0.05 {
        warn(
            "probe-effect",
            format!("measuring took {:.1} % of the workers' busy time", record.probe_effect * 100.0),
            "make steps longer than some microseconds, or read figures as upper bounds",
        );
    }
    let drain = record.window.drain.map_or(0, |drain| drain.length_ns);
    let whole = record.window.warmup_ns + record.window.length_ns + drain;
    let steal = host::steal_warning(record.manifest.steal_ns, record.manifest.cores, whole);
    record.warnings.extend(steal);
}
