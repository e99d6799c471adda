//! Runs tasks on an engine and reads their metrics off the record.

use super::drift::{self, MemoryWatch};
use super::outcome::{Artifact, Status, rounded};
use super::scan;
use super::{Level, Outcome, Pack, TaskSpec, What};
use crate::clock;
use crate::engine::{Experiment, Profiler, Progress, RunOutput};
use crate::kernels::compression;
use crate::measure::RunRecord;
use crate::measure::process::{ProcessMeter, ProcessUsage};
use crate::measure::record::{ActorRecord, Breakdown, Distribution};
use crate::report::stacks;
use crate::scenario::{Load, Overrides, Scenario, Treatment};
use crate::study::SharedEngine;
use crate::theory::usl_fit;
use crate::units::Nanos;
use crate::workload::Draw;
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Discarded start of a task's run.
const WARMUP: Nanos = Nanos::from_millis(500);
/// Longest run that is not a task's own.
const LONGEST: Nanos = Nanos::from_secs(30);
/// Tasks of a run that only time ends.
const UNBOUNDED: u64 = 1 << 39;

/// What tasks run on.
pub(super) struct Lab<'l> {
    pub(super) pack: &'l Pack,
    pub(super) engine: &'l SharedEngine,
    pub(super) level: Level,
    pub(super) seed: u64,
    pub(super) command: Vec<String>,
}

impl Lab<'_> {
    /// Runs a task; what goes wrong is its status, not the campaign's end.
    pub(super) fn outcome(&self, task: &TaskSpec) -> Outcome {
        let started = clock::now();
        let mut outcome = Outcome::new(task, self.level);
        let done = catch_unwind(AssertUnwindSafe(|| self.perform(task, &mut outcome)));
        let error = match done {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error),
            Err(panic) => Some(format!("it panicked: {}", words_of(panic.as_ref()))),
        };
        if let Some(error) = error {
            outcome.status = Status::Failed(error);
        } else if outcome.metrics.is_empty() {
            outcome.status = Status::Failed("nothing was measured".to_owned());
        }
        outcome.seconds = clock::now().saturating_sub(started).as_secs_f64();
        outcome
    }

    fn perform(&self, task: &TaskSpec, outcome: &mut Outcome) -> Result<(), String> {
        match task.what {
            What::Run => self.run_once(task, outcome).map(|_| ()),
            What::Corpora => corpora(task, outcome),
            What::Scaling => self.scaling(task, outcome),
            What::Endurance => self.endurance(task, outcome),
            What::Roadmap => Err("the roadmap is made from the other tasks".to_owned()),
        }
    }

    fn run_once(&self, task: &TaskSpec, outcome: &mut Outcome) -> Result<RunRecord, String> {
        let scenario = scenario(self.pack, task, self.seed, None)?;
        let meter = ProcessMeter::start();
        let output = self.run(task, scenario)?;
        let usage = meter.read();
        let record = output.record;
        let actor = record
            .actors
            .get(&task.actor)
            .ok_or_else(|| format!("no actor `{}` in the record", task.actor))?;
        if actor.completed == 0 {
            return Err(format!("no task of `{}` ended within the cap of {}", task.actor, task.cap));
        }
        if !record.trustworthy {
            let broken: Vec<&str> =
                record.identities.iter().filter(|one| !one.holds).map(|one| one.name.as_str()).collect();
            outcome
                .findings
                .push(format!("not trustworthy: the identity {} does not hold", broken.join(", ")));
        }
        latency(outcome, &actor.sojourn_ns, self.level);
        outcome.note("throughput_per_s", actor.throughput_per_s, "completions over the measured window");
        units(task, actor, outcome);
        shares(outcome, actor);
        by_cause(outcome, actor);
        caches(outcome, &record);
        locks(outcome, &record);
        let held = record.identities.iter().filter(|one| one.holds).count();
        outcome.note(
            "identities_held",
            f64::from(u32::try_from(held).unwrap_or(u32::MAX)),
            "the record's own checks",
        );
        if self.level == Level::Measured {
            process(outcome, usage);
        }
        profile(self.pack, task, outcome, &record);
        Ok(record)
    }

    fn run(&self, task: &TaskSpec, scenario: Scenario) -> Result<RunOutput, String> {
        let treatment = Treatment { load: task.load, ..Treatment::default() };
        let mut experiment = Experiment::new(scenario.treated(&treatment), task.load);
        experiment.seed = self.seed;
        experiment.profiler = match (self.level, task.profiler) {
            // Nothing is allocated in virtual time.
            (Level::Model, Profiler::Memory) => Profiler::None,
            (_, profiler) => profiler,
        };
        experiment.command.clone_from(&self.command);
        self.engine.run(&experiment, &Progress::default()).map_err(|error| with_causes(&error))
    }

    /// Throughput and latency over concurrency, each the mean of the iterations.
    fn scaling(&self, task: &TaskSpec, outcome: &mut Outcome) -> Result<(), String> {
        let runs = task.iterations.max(1) * task.concurrency.len() as u64;
        let share = Nanos(task.cap.0 / runs.max(1)).min(Nanos::from_millis(2500));
        let meter = ProcessMeter::start();
        let mut rows: Vec<Value> = Vec::new();
        let mut points: Vec<(f64, f64)> = Vec::new();
        for &clients in &task.concurrency {
            #[expect(clippy::cast_precision_loss, reason = "a handful of clients and iterations")]
            let (clients_f, iterations) = (clients as f64, task.iterations as f64);
            let (mut rate, mut mean, mut in_system, mut worst) = (0.0, 0.0, 0.0, 0.0_f64);
            for iteration in 0..task.iterations {
                let mut part = task.clone();
                part.cap = share;
                part.iterations = UNBOUNDED;
                part.tasks_per_iteration = 1;
                let scenario = scenario(self.pack, &part, self.seed.wrapping_add(iteration), Some(clients))?;
                let record = self.run(&part, scenario)?.record;
                let actor = record.actors.get(&task.actor).ok_or("no such actor in the record")?;
                rate += actor.throughput_per_s / iterations;
                mean += actor.sojourn_ns.mean / 1e6 / iterations;
                in_system += record.little.tasks_in_system / iterations;
                worst = worst.max(ms(actor.sojourn_ns.p99));
            }
            points.push((clients_f, rate));
            rows.push(json!({
                "clients": clients,
                "rate": rounded(rate),
                "mean_sojourn": rounded(mean),
                "worst_p99_sojourn": rounded(worst),
                "in_system": rounded(in_system),
            }));
        }
        outcome.metrics.insert("scaling".to_owned(), json!(rows));
        outcome
            .sources
            .insert("scaling".to_owned(), json!("a run for each concurrency and iteration; times in ms"));
        if self.level == Level::Measured {
            process(outcome, meter.read());
        }
        let best = points
            .iter()
            .copied()
            .fold((0.0, 0.0), |best, point| if point.1 > best.1 { point } else { best });
        outcome.note("best_rate", best.1, "largest throughput of the levels");
        outcome.findings.push(format!("throughput is largest, {:.1}/s, at {} clients", best.1, best.0));
        if let Ok(law) = usl_fit(&points) {
            outcome.note("usl_sigma", law.sigma, "least squares on n / X(n)");
            outcome.note("usl_kappa", law.kappa, "least squares on n / X(n)");
            let peak = law.peak().map_or("none within reach".to_owned(), |peak| format!("{peak:.0} clients"));
            outcome.findings.push(format!(
                "Universal Scalability Law: contention {:.3}, coherency {:.5}; predicted peak: {peak}",
                law.sigma, law.kappa
            ));
        }
        Ok(())
    }

    /// A long run whose latency and memory are tested for a trend.
    fn endurance(&self, task: &TaskSpec, outcome: &mut Outcome) -> Result<(), String> {
        let watch = (self.level == Level::Measured).then(MemoryWatch::start);
        let record = self.run_once(task, outcome);
        let series = watch.map(MemoryWatch::finish).unwrap_or_default();
        let record = record?;
        let found =
            drift::latency(&record).ok_or("the run was too short for a trend test: fewer than ten slices")?;
        outcome.note(
            "latency_drift_percent",
            100.0 * found.trend.relative_change(),
            "Theil–Sen slope over slices",
        );
        outcome.note("latency_drift_p", found.trend.p_value, "Mann–Kendall, autocorrelation accounted for");
        outcome.findings.push(found.sentence("latency", "ms"));
        // The start is loading, not running.
        let steady = &series[series.len() / 10..];
        if let Some(found) = drift::memory(steady) {
            outcome.note(
                "memory_drift_percent",
                100.0 * found.trend.relative_change(),
                "resident set, ten times a second",
            );
            outcome.note(
                "memory_drift_p",
                found.trend.p_value,
                "Mann–Kendall, autocorrelation accounted for",
            );
            outcome.findings.push(found.sentence("memory", "MB"));
        } else if self.level == Level::Measured {
            outcome.findings.push("memory: no drift shown; the resident set did not change".to_owned());
        }
        Ok(())
    }
}

/// The task's scenario with its actor in focus.
fn scenario(pack: &Pack, task: &TaskSpec, seed: u64, clients: Option<u64>) -> Result<Scenario, String> {
    let mut scenario = scenario_of(pack, &task.scenario, &task.actor, seed, task.tasks(), clients)?;
    scenario.run.duration = Some(task.cap.saturating_sub(WARMUP).max(Nanos::from_millis(100)));
    Ok(scenario)
}

/// A scenario of the pack with `actor` in focus for so many tasks; with `clients`, as many of them and of its threads.
pub(super) fn scenario_of(
    pack: &Pack,
    name: &str,
    actor: &str,
    seed: u64,
    tasks: u64,
    clients: Option<u64>,
) -> Result<Scenario, String> {
    let plain = pack.scenario(name, &Overrides::default())?;
    let focus = &plain.actors[plain.focus].name;
    let mut overrides = Overrides {
        tasks: Some(tasks),
        duration: Some(LONGEST),
        warmup: Some(WARMUP),
        seed: Some(seed & (u64::MAX >> 1)),
        clients,
        ..Overrides::default()
    };
    if *focus != actor {
        let known: Vec<&str> = plain.actors.iter().map(|actor| actor.name.as_str()).collect();
        if !known.contains(&actor) {
            return Err(crate::scenario::unknown("actor", actor, &known));
        }
        overrides.set.push((format!("actor.{focus}.focus"), "false".to_owned()));
        overrides.set.push((format!("actor.{actor}.focus"), "true".to_owned()));
    }
    if let Some(clients) = clients {
        overrides.set.push((format!("actor.{actor}.threads"), clients.to_string()));
    }
    let mut scenario = pack.scenario(name, &overrides)?;
    let focus = &mut scenario.actors[scenario.focus];
    if let (Some(_), Load::Closed { think, .. }) = (clients, &mut focus.load) {
        *think = Draw::constant(Nanos::ZERO);
    }
    Ok(scenario)
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of one task")]
fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

/// Statistics that the sample can carry; the others are absent, never null.
fn latency(outcome: &mut Outcome, sojourn: &Distribution, level: Level) {
    let mut group = serde_json::Map::new();
    let mut put = |name: &str, value: f64| group.insert(name.to_owned(), json!(rounded(value)));
    put("min_ms", ms(sojourn.min));
    put("max_ms", ms(sojourn.max));
    put("mean_ms", sojourn.mean / 1e6);
    put("median_ms", ms(sojourn.p50));
    put("stddev_ms", sojourn.stddev / 1e6);
    if sojourn.count >= 20 {
        put("p95_ms", ms(sojourn.p95));
    }
    if sojourn.count >= 100 {
        put("p99_ms", ms(sojourn.p99));
    }
    group.insert("count".to_owned(), json!(sojourn.count));
    outcome.metrics.insert("latency".to_owned(), Value::Object(group));
    outcome.sources.insert(
        "latency".to_owned(),
        json!(match level {
            Level::Model => "virtual clock, arrival to completion",
            _ => "monotonic clock, intended arrival to completion",
        }),
    );
    if sojourn.count < 100 {
        outcome.findings.push(format!("{} tasks carry no p99; the largest is given instead", sojourn.count));
    }
}

/// Tokens and bytes, where a task has them.
fn units(task: &TaskSpec, actor: &ActorRecord, outcome: &mut Outcome) {
    #[expect(clippy::cast_precision_loss, reason = "units of a task")]
    if let Some(tokens) = task.tokens_per_task {
        outcome.note("tokens_per_s", actor.throughput_per_s * tokens as f64, "requests per second × tokens");
    }
    #[expect(clippy::cast_precision_loss, reason = "units of a task")]
    if let Some(bytes) = task.bytes_per_task {
        let native = actor.steps.iter().find(|step| step.name == "compress");
        if let Some(step) = native.filter(|step| step.count > 0 && step.total_ns.execution > 0.0) {
            let seconds = step.total_ns.execution / 1e9;
            outcome.note(
                "mb_per_s",
                step.count as f64 * bytes as f64 / 1e6 / seconds,
                "bytes over time in the compressor",
            );
        }
        outcome.note(
            "mb_per_s_of_requests",
            actor.throughput_per_s * bytes as f64 / 1e6,
            "bytes over the window",
        );
    }
}

fn shares(outcome: &mut Outcome, actor: &ActorRecord) {
    let shares = &actor.shares;
    let parts = [
        ("execution", shares.execution),
        ("lock_acquisition", shares.lock_acquisition),
        ("context_switching", shares.context_switching),
    ];
    if parts.iter().map(|(_, share)| share).sum::<f64>() <= 0.0 {
        return;
    }
    let percent: serde_json::Map<String, Value> =
        parts.iter().map(|(name, share)| ((*name).to_owned(), json!(hundredths(100.0 * share)))).collect();
    outcome.metrics.insert("shares_percent".to_owned(), Value::Object(percent));
    for (name, _) in parts {
        outcome.sources.insert(name.to_owned(), json!("step timers and the kernel's run-queue times"));
    }
}

fn hundredths(percent: f64) -> f64 {
    (percent * 100.0).round() / 100.0
}

/// Where a task's time goes, at the mean and at the p99.
fn by_cause(outcome: &mut Outcome, actor: &ActorRecord) {
    let table = |breakdown: &Breakdown| -> Value {
        breakdown
            .parts()
            .iter()
            .filter(|(cause, ns)| !cause.is_special() || *ns > 0.0)
            .map(|(cause, ns)| (cause.key().to_owned(), json!(rounded(ns / 1e6))))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let mut groups = json!({ "at_typical": table(&actor.breakdown_mean_ns) });
    if actor.breakdown_p99_count > 0
        && let Value::Object(groups) = &mut groups
    {
        groups.insert("at_high".to_owned(), table(&actor.breakdown_p99_ns));
    }
    outcome.metrics.insert("by_cause".to_owned(), groups);
    outcome
        .sources
        .insert("by_cause".to_owned(), json!("milliseconds; at the mean, and for the tasks at the p99"));
}

/// Every lock that was taken: how often, how long, and who held it longest.
#[expect(clippy::cast_precision_loss, reason = "counts of one run")]
fn locks(outcome: &mut Outcome, record: &RunRecord) {
    let taken = record.locks.iter().filter(|(_, lock)| lock.acquisitions > 0);
    let rows: Vec<Value> = taken
        .map(|(name, lock)| {
            let holder = lock.holders.first().map_or_else(
                || "–".to_owned(),
                |one| {
                    if one.step.is_empty() {
                        one.actor.clone()
                    } else {
                        format!("{}.{}", one.actor, one.step)
                    }
                },
            );
            json!({
                "lock": name,
                "kind": lock.kind,
                "taken": lock.acquisitions,
                "contended_percent": hundredths(100.0 * lock.contended as f64 / lock.acquisitions as f64),
                "typical_wait": rounded(lock.wait_ns.mean / 1e6),
                "typical_hold": rounded(lock.hold_ns.mean / 1e6),
                "longest_holder": holder,
            })
        })
        .collect();
    if !rows.is_empty() {
        outcome.metrics.insert("lock_analysis".to_owned(), json!(rows));
        outcome.sources.insert("lock_analysis".to_owned(), json!("the locks' own timers; times in ms"));
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of one run")]
fn caches(outcome: &mut Outcome, record: &RunRecord) {
    for cache in record.caches.values() {
        let all = cache.hits + cache.misses;
        if all == 0 {
            continue;
        }
        outcome.note("hit_ratio", cache.hits as f64 / all as f64, "the cache's counters");
        outcome.note("evictions", cache.evictions as f64, "the cache's counters");
        outcome.note("collisions", cache.collisions as f64, "the cache's counters");
        if let Some(misses) = cache.line_misses_per_access {
            outcome.note("cache_line_misses", misses, "the processor's counters, per access");
        } else {
            outcome.findings.push("cache-line misses: this host offers no counters".to_owned());
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "bytes of memory")]
fn process(outcome: &mut Outcome, usage: ProcessUsage) {
    if let Some(percent) = usage.cpu_percent {
        outcome.note("cpu_percent", percent, "/proc/self/stat over wall time, of one processor");
    }
    if let Some(bytes) = usage.peak_bytes {
        let source = if usage.peak_is_fresh {
            "VmHWM of /proc/self/status, reset at the start"
        } else {
            "VmHWM of /proc/self/status, over the process's life"
        };
        outcome.note("peak_memory_mb", bytes as f64 / 1e6, source);
    }
}

/// What the profiler saw, or, where none did, the step timers; and the bottleneck scan.
fn profile(pack: &Pack, task: &TaskSpec, outcome: &mut Outcome, record: &RunRecord) {
    let own = scan::self_shares(&record.actors[&task.actor]);
    let (folded, unit, who) = match (&record.profile, stacks::folded_profile(record)) {
        (Some(profile), Some(folded)) => {
            outcome.note(
                "profiler_overhead_percent",
                100.0 * profile.overhead,
                "the profiler's own time over the run's",
            );
            outcome.findings.push(format!(
                "the {} profiler cost {:.2} % of the run",
                profile.profiler,
                100.0 * profile.overhead
            ));
            (folded, profile.unit.clone(), profile.profiler.clone())
        }
        _ => (stacks::folded(record), "ns per second".to_owned(), "step timers".to_owned()),
    };
    if !own.is_empty() {
        let table: serde_json::Map<String, Value> =
            own.iter().map(|(step, percent)| (step.clone(), json!(hundredths(*percent)))).collect();
        for (step, _) in &own {
            outcome.sources.insert(format!("self_time_percent.{step}"), json!("step timers"));
        }
        outcome.metrics.insert("self_time_percent".to_owned(), Value::Object(table));
    }
    for found in scan::bottlenecks(record, pack.scan).into_iter().take(6) {
        outcome.findings.push(format!(
            "bottleneck scan: {} at {:.0} % (bound {:.0} %)",
            found.what, found.percent, found.bound
        ));
    }
    if let Some(profile) = &record.profile {
        let text = serde_json::to_string_pretty(profile).unwrap_or_default();
        outcome.artifacts.push(Artifact { folder: "raw_profiles", ending: "_profile.json", text });
    }
    if !folded.trim().is_empty() {
        let title = format!("{} ({who})", task.name);
        match stacks::flame_graph(&folded, &title, outcome.level.label(), &unit) {
            Ok(text) => outcome.artifacts.push(Artifact { folder: "flame_graphs", ending: ".svg", text }),
            Err(error) => outcome.findings.push(format!("no flame graph: {error}")),
        }
        outcome.artifacts.push(Artifact { folder: "raw_profiles", ending: ".folded", text: folded });
    }
}

/// Compression ratio and rate of texts whose entropy is known.
fn corpora(task: &TaskSpec, outcome: &mut Outcome) -> Result<(), String> {
    let meter = ProcessMeter::start();
    let deadline = clock::now() + task.cap;
    let mut rows = Vec::new();
    let kinds = compression::CORPORA;
    let each = (task.iterations / kinds.len() as u64).max(1);
    for corpus in kinds {
        let trial = compression::compress(corpus, each, deadline).map_err(|error| error.to_string())?;
        rows.push(json!({
            "corpus": corpus.name,
            "entropy_bits_per_byte": rounded(trial.entropy),
            "ratio": rounded(trial.ratio()),
            "entropy_bound": rounded(8.0 / trial.entropy),
            "megabytes_a_second": rounded(trial.megabytes_per_second()),
            "rounds": trial.rounds,
        }));
        if corpus.is_text {
            outcome.note(
                "compression_ratio",
                trial.ratio(),
                "bytes in over bytes out, zlib level 6, text-like corpus",
            );
            outcome.note("text_mb", trial.megabytes_per_second(), "MB/s, zlib level 6, text-like corpus");
        }
        outcome.findings.push(format!(
            "{}: {:.2} : 1 of at most {:.2} : 1, {:.1} MB/s",
            corpus.name,
            trial.ratio(),
            8.0 / trial.entropy,
            trial.megabytes_per_second()
        ));
    }
    outcome.metrics.insert("corpora".to_owned(), json!(rows));
    outcome
        .sources
        .insert("corpora".to_owned(), json!("generated from known distributions; monotonic clock"));
    process(outcome, meter.read());
    Ok(())
}

/// An error and its causes in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

/// What a panic said.
fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "without words".to_owned())
}
