//! The record of a run: plain data, as `run.json` holds it (schema 1).
//!
//! Times are integers of nanoseconds (`_ns`), shares lie in 0..1. A field that a host cannot measure is absent,
//! never zero.

use super::cause::{CAUSES, Cause};
pub use super::lock_uses::LockUse;
pub use super::mechanism_record::{
    BatchRecord, CallsRecord, EventRecord, GroupRecord, InstanceRecord, PhaseRecord, PoolRecord, QuotaRecord,
    RecoveryRecord, StoreRecord,
};
pub use super::observed::ObservedRecord;
pub use super::slow_task::SlowTask;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use super::stated::{Party, Verdict, VerdictKind};

/// Version of the record's meaning; bumped when a field changes its meaning, not when one is added.
pub const SCHEMA: u32 = 1;

/// Everything that one run says of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunRecord {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Version of conlab.
    pub conlab: String,
    /// The command line.
    pub command: Vec<String>,
    /// `real` or `virtual`; `observed` for another program that was recorded.
    pub engine: String,
    /// Seed of every random stream.
    pub seed: u64,
    /// Number of this replicate, from 0.
    pub replicate: u32,
    /// Interrupted: what was measured so far.
    pub partial: bool,
    /// Observed by a tool that perturbs it (tokio-console, a profiler, a trace); not to be set against a plain run. A traced run in
    /// virtual time is not: the trace takes no simulated time.
    pub instrumented: bool,
    /// Whether every identity holds.
    pub trustworthy: bool,
    /// Doubts, each with its remedy.
    pub warnings: Vec<Warning>,
    /// Where and how it ran.
    pub manifest: Manifest,
    /// What was run.
    pub scenario: ScenarioRef,
    /// The levels in force.
    pub treatment: TreatmentRecord,
    /// The measured window: length, and when it began after the start of the run.
    pub window: Window,
    /// By actor.
    pub actors: BTreeMap<String, ActorRecord>,
    /// By lock (interpreter locks among them).
    pub locks: BTreeMap<String, LockRecord>,
    /// By pool.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pools: BTreeMap<String, PoolRecord>,
    /// By actor and step, as `log.commit`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub batches: BTreeMap<String, BatchRecord>,
    /// By event.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub events: BTreeMap<String, EventRecord>,
    /// The quota, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<QuotaRecord>,
    /// By cache.
    pub caches: BTreeMap<String, CacheRecord>,
    /// By store.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stores: BTreeMap<String, StoreRecord>,
    /// Sums over the worker threads.
    pub scheduler: SchedulerRecord,
    /// Each worker thread.
    pub threads: Vec<ThreadRecord>,
    /// Share of the workers' busy time that measuring cost, in 0..1.
    pub probe_effect: f64,
    /// How the probe effect was computed.
    pub probe: ProbeRecord,
    /// Little's law for the actor in focus.
    pub little: Little,
    /// Every identity, checked.
    pub identities: Vec<Identity>,
    /// What the run is besides its figures: deadlocked, starving, overloaded, too short. Absent where it is none of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verdicts: Vec<Verdict>,
    /// Sojourn of the actor in focus over time; at most some hundred points.
    pub series: Vec<SeriesPoint>,
    /// Digest of the event sequence (virtual engine).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What a profiler saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileRecord>,
    /// Spans of the threads' states, bounded; present when a trace was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeline: Option<Timeline>,
    /// What was seen of another program, where this is no run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<ObservedRecord>,
}

impl RunRecord {
    /// Whether somebody ended it before its end; a deadlock does so by itself.
    #[must_use]
    pub fn was_interrupted(&self) -> bool {
        self.partial && self.verdicts.iter().all(|verdict| verdict.kind != VerdictKind::Deadlock)
    }

    /// Why the figures cannot be trusted: a deadlock first, then the identities that fail, then that nothing completed;
    /// `None` where they can.
    #[must_use]
    pub fn why_untrustworthy(&self) -> Option<String> {
        if let Some(deadlock) = self.verdicts.iter().find(|verdict| verdict.kind == VerdictKind::Deadlock) {
            return Some(deadlock.message.clone());
        }
        let failed: Vec<&str> =
            self.identities.iter().filter(|each| !each.holds).map(|each| each.name.as_str()).collect();
        if !failed.is_empty() {
            return Some(format!("the identity {} does not hold", failed.join(", ")));
        }
        let short = self.verdicts.iter().find(|verdict| verdict.kind == VerdictKind::TooShort);
        short.map(|verdict| verdict.message.clone())
    }
}

/// A doubt about the result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Warning {
    /// A stable word for programs, in kebab-case.
    pub code: String,
    /// What is doubtful, with the figures.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

/// Where and how a run was made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// Start of the run, RFC 3339 in UTC.
    pub started: String,
    /// Version of conlab.
    pub version: String,
    /// Commit it was built from, if known.
    pub commit: Option<String>,
    /// Compiler.
    pub compiler: String,
    /// Build profile and flags.
    pub flags: String,
    /// CPU model.
    pub cpu: String,
    /// Processors that the process may use.
    pub cores: u32,
    /// Kernel release.
    pub kernel: String,
    /// Processors that a control group allows, if limited.
    pub cgroup_cores: Option<f64>,
    /// Time that the hypervisor took from this machine during the run.
    pub steal_ns: Option<u64>,
    /// Calibration in force (iterations of work per microsecond, or the name of a stored calibration).
    pub calibration: String,
    /// Digest of the constants that the virtual engine charged; absent on real threads and in records of conlab 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration_digest: Option<String>,
    /// Source of time.
    pub clock: String,
    /// Why the processor's cache misses could not be counted, for runs with caches on real threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_miss_counters: Option<String>,
}

/// Which scenario.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScenarioRef {
    /// Its name.
    pub name: String,
    /// Digest of the scenario as run.
    pub digest: String,
}

/// The levels of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TreatmentRecord {
    /// Actor in focus.
    pub focus: String,
    /// Its worker threads.
    pub threads: usize,
    /// Its queue.
    pub queue: String,
    /// Layout of the caches, if there are any.
    pub cache: Option<String>,
    /// `baseline` or `isolated`.
    pub load: String,
    /// Processors used or simulated.
    pub cores: u32,
}

/// The measured window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// Discarded before it.
    pub warmup_ns: u64,
    /// Its length.
    pub length_ns: u64,
    /// How the tasks were treated that were unfinished at its end. Absent in records of conlab 0.1, which left them out:
    /// their latencies are those of tasks that were both issued and completed in the window, which favours short ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<Drain>,
}

/// The time after the window in which the system ran on under load, for the tasks that were issued in the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Drain {
    /// How long it went on.
    pub length_ns: u64,
    /// How long it would have gone on at most. What was unfinished then is censored.
    pub bound_ns: u64,
}

/// What happened to one actor's tasks. Counts are of tasks that were issued in the measured window, however long they took:
/// `issued = completed + refused + in_flight`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ActorRecord {
    /// Arrived.
    pub issued: u64,
    /// Finished, in the window or while it was drained.
    pub completed: u64,
    /// Refused by a full queue, or shed.
    pub refused: u64,
    /// Left the queue, a pool or a call after waiting for too long.
    #[serde(default, skip_serializing_if = "is_none")]
    pub timed_out: u64,
    /// Ended in a failure, their own or that of a call.
    #[serde(default, skip_serializing_if = "is_none")]
    pub failed: u64,
    /// Of those that failed, those whose worker died under them, of a panic or by an event.
    #[serde(default, skip_serializing_if = "is_none")]
    pub died: u64,
    /// Withdrawn by their callers.
    #[serde(default, skip_serializing_if = "is_none")]
    pub cancelled: u64,
    /// Completed after their callers had stopped waiting: throughput, but not goodput.
    #[serde(default, skip_serializing_if = "is_none")]
    pub wasted: u64,
    /// What became of its calls with deadlines, several receivers or retries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<CallsRecord>,
    /// By kind of task, where there are several.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kinds: BTreeMap<String, GroupRecord>,
    /// By instance, where there are several; all other figures are of all of them together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<InstanceRecord>,
    /// By phase of the actor's load, where it has phases: tasks by their arrival.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<PhaseRecord>,
    /// What the tasks that timed out, failed or were withdrawn spent on steps: it is in the steps, and in no breakdown.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub ended_otherwise_ns: f64,
    /// Unfinished when the run ended. The distributions have these as far as they got: see [`Distribution::censored`].
    pub in_flight: u64,
    /// Completions in the window, of tasks from before it too; `throughput_per_s` is of these. Absent in records of conlab 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_in_window: Option<u64>,
    /// Completions in the window per second of it.
    pub throughput_per_s: f64,
    /// Arrival (intended start) to completion.
    pub sojourn_ns: Distribution,
    /// Actual start of issue to completion: what coordinated omission would report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sojourn_uncorrected_ns: Option<Distribution>,
    /// Arrival to start of service.
    pub wait_ns: Distribution,
    /// Start of service to completion.
    pub service_ns: Distribution,
    /// Waiting for locks, interpreter locks included.
    pub lock_wait_ns: Distribution,
    /// Runnable but not running.
    pub run_queue_ns: Distribution,
    /// Shares of busy time (execution + lock + run queue) of all tasks.
    pub shares: Shares,
    /// The mean task's sojourn by cause; its parts sum to the mean sojourn.
    pub breakdown_mean_ns: Breakdown,
    /// The same for the tasks around the p99, the nearest ones until they are at least ten and one in a hundred: their mean, which is near the p99 and not
    /// equal to it.
    pub breakdown_p99_ns: Breakdown,
    /// Number of tasks in `breakdown_p99_ns`.
    pub breakdown_p99_count: u64,
    /// Time by step and cause, over the tasks that the distributions are of. With the time in the queue they sum to the
    /// sojourns.
    pub steps: Vec<StepRecord>,
    /// The slowest of the completed tasks, the slowest first; at most ten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slowest: Vec<SlowTask>,
}

impl ActorRecord {
    /// Tasks that ended, in whichever way; with those in flight they are all that were issued.
    #[must_use]
    pub const fn ended(&self) -> u64 {
        self.completed + self.refused + self.timed_out + self.failed + self.cancelled
    }
}

/// Summary of a distribution of durations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Distribution {
    /// Mean.
    pub mean: f64,
    /// Smallest.
    pub min: u64,
    /// Median.
    pub p50: u64,
    /// 90th percentile.
    pub p90: u64,
    /// 95th percentile.
    pub p95: u64,
    /// 99th percentile.
    pub p99: u64,
    /// 99.9th percentile.
    pub p999: u64,
    /// Largest.
    pub max: u64,
    /// Standard deviation.
    pub stddev: f64,
    /// Number of values.
    pub count: u64,
    /// Percentile spectrum: (quantile, value), ascending, HdrHistogram steps; empty where it was not kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spectrum: Vec<(f64, u64)>,
    /// Values among them that are only known to be at least so large.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub censored: Option<Censored>,
}

impl Distribution {
    /// Whether a value of it (a percentile, the maximum) is only a lower bound.
    #[must_use]
    pub fn is_lower_bound(&self, value: u64) -> bool {
        self.censored.is_some_and(|censored| value >= censored.from_ns)
    }
}

/// Values of a distribution that belong to unfinished tasks: the true ones are at least as large.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Censored {
    /// How many.
    pub count: u64,
    /// The smallest of them. Percentiles below it are exact; the mean, the maximum and percentiles from it on are lower bounds.
    pub from_ns: u64,
}

/// Shares of a busy task's time; they sum to 1, or all are 0 when there was none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Shares {
    /// On a processor, working.
    pub execution: f64,
    /// Waiting for a lock.
    pub lock_acquisition: f64,
    /// Run-queue wait and switch cost.
    pub context_switching: f64,
}

/// A task's time by cause, in nanoseconds; the parts sum to the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Breakdown {
    /// Waiting in the queue.
    pub queue: f64,
    /// On a processor, working.
    pub execution: f64,
    /// Waiting for locks.
    pub lock: f64,
    /// Runnable but not running; switch cost.
    pub run_queue: f64,
    /// Waiting for I/O.
    pub io: f64,
    /// Waiting for answers, and for room in a receiver's queue.
    pub call: f64,
    /// Waiting for a place in a pool.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub pool: f64,
    /// Waiting before another attempt at a call.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub backoff: f64,
    /// Waiting for a batch to fill, or for others to do it.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub batch: f64,
    /// Kept off the processors by a quota.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub throttled: f64,
    /// Kept off the processors by an event that stops its actor.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub paused: f64,
    /// Waiting for other writers of a store.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub store: f64,
    /// What none of these explains.
    pub residual: f64,
}

/// Whether a part is left out of a record.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_nothing(part: &f64) -> bool {
    part.abs() <= 0.0
}

/// Whether a count is left out of a record.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Breakdown {
    /// Times in the order of the causes' numbers, without a residual.
    #[must_use]
    pub const fn of_causes(times: [f64; CAUSES]) -> Self {
        let [queue, execution, lock, run_queue, io, call, pool, backoff, batch, throttled, paused, store] =
            times;
        Self {
            queue,
            execution,
            lock,
            run_queue,
            io,
            call,
            pool,
            backoff,
            batch,
            throttled,
            paused,
            store,
            residual: 0.0,
        }
    }

    /// The sum of all parts.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.parts().iter().map(|(_, value)| value).sum()
    }

    /// The parts by cause, in the order in which they are shown.
    #[must_use]
    pub const fn parts(&self) -> [(Cause, f64); CAUSES + 1] {
        [
            (Cause::Queue, self.queue),
            (Cause::Execution, self.execution),
            (Cause::Lock, self.lock),
            (Cause::RunQueue, self.run_queue),
            (Cause::Io, self.io),
            (Cause::Call, self.call),
            (Cause::Pool, self.pool),
            (Cause::Backoff, self.backoff),
            (Cause::Batch, self.batch),
            (Cause::Throttled, self.throttled),
            (Cause::Paused, self.paused),
            (Cause::Store, self.store),
            (Cause::Residual, self.residual),
        ]
    }
}

/// One step of an actor, summed over its completed tasks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepRecord {
    /// Its name.
    pub name: String,
    /// Repetitions run.
    pub count: u64,
    /// Sums of nanoseconds by cause; `queue` is 0.
    pub total_ns: Breakdown,
    /// The actor that it calls, if it calls one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<String>,
}

/// One lock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LockRecord {
    /// `mutex`, `spin` or `gil`.
    pub kind: String,
    /// Times taken.
    pub acquisitions: u64,
    /// Times not taken at the first attempt.
    pub contended: u64,
    /// Waits that went on at the end of the window: they are in `wait_ns` as long as they were by then.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub open_waits: u64,
    /// Call to acquisition.
    pub wait_ns: Distribution,
    /// Acquisition to release, or to the end of the window.
    pub hold_ns: Distribution,
    /// Interpreter lock: holds ended because a waiter asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forced_drops: Option<u64>,
    /// Interpreter lock: taken by another thread than its last holder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switches: Option<u64>,
    /// Which steps held it, the longest in sum first; at most sixteen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<LockUse>,
    /// Which steps waited for it, the longest in sum first; at most sixteen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiters: Vec<LockUse>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls it with")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// One cache.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CacheRecord {
    /// Its layout.
    pub layout: String,
    /// Accesses that found their key.
    pub hits: u64,
    /// Accesses that did not.
    pub misses: u64,
    /// Entries thrown out for others.
    pub evictions: u64,
    /// Insertions that found their bucket taken.
    pub collisions: u64,
    /// Buckets looked at per lookup, mean.
    pub mean_probe_length: f64,
    /// Longest probe.
    pub max_probe_length: u64,
    /// Whole accesses that hit, lock wait included.
    pub hit_ns: Distribution,
    /// Whole accesses that missed, the miss's own cost included.
    pub miss_ns: Distribution,
    /// Waiting for the cache's own lock.
    pub lock_wait_ns: Distribution,
    /// First-level misses (last-level, where the host counts no other) of the whole process per access, where the host has
    /// counters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_misses_per_access: Option<f64>,
    /// Where the host has no counters: the same cache packed and padded, accessed by turns, as an estimate of
    /// false sharing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twins: Option<TwinRecord>,
}

/// A cache's packed and padded twins, which differ in padding alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TwinRecord {
    /// Threads that accessed a twin at once.
    pub threads: usize,
    /// One access of the packed twin, median of the rounds.
    pub packed_ns: f64,
    /// One access of the padded twin, median of the rounds.
    pub padded_ns: f64,
    /// Packed over padded at `threads` threads: above 1 is what sharing lines costs.
    pub ratio: EstimateRecord,
    /// The same at one thread, where no line can be taken away: the control.
    pub alone: EstimateRecord,
}

/// An estimate: a value, the half-width of its 95 % interval, and on how many rounds it rests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EstimateRecord {
    /// The value.
    pub value: f64,
    /// Half-width of the interval.
    pub half_width: f64,
    /// Rounds.
    pub n: u64,
}

/// Scheduler figures, summed over the worker threads, for the measured window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SchedulerRecord {
    /// Whether the system gives these figures per thread; if not, all of them are 0 and mean nothing.
    pub available: bool,
    /// On a processor.
    pub on_cpu_ns: u64,
    /// Runnable but not running.
    pub run_queue_ns: u64,
    /// Neither.
    pub blocked_ns: u64,
    /// The thread gave the processor up.
    pub voluntary_switches: u64,
    /// The kernel took it.
    pub involuntary_switches: u64,
    /// Resumed on another processor, where the system counts it.
    pub migrations: Option<u64>,
}

/// One worker thread over the measured window. `wall = on_cpu + run_queue + blocked` as the kernel sees it;
/// `work + spinning + bookkeeping` is what conlab itself accounts for of `on_cpu`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ThreadRecord {
    /// Its name.
    pub name: String,
    /// The actor it works for.
    pub actor: String,
    /// Length of its window.
    pub wall_ns: u64,
    /// Kernel: on a processor.
    pub on_cpu_ns: u64,
    /// Kernel: runnable but not running.
    pub run_queue_ns: u64,
    /// Measured by conlab itself: asleep (waiting for tasks, locks, I/O, answers).
    pub blocked_ns: u64,
    /// Measured by conlab: executing steps.
    pub work_ns: u64,
    /// Measured by conlab: spinning on locks.
    pub spinning_ns: u64,
    /// The rest of on-CPU time: taking tasks, measuring.
    pub bookkeeping_ns: u64,
    /// Waiting for tasks (part of blocked).
    pub idle_ns: u64,
    /// `wall − on_cpu − run_queue − blocked`; printed, never spread.
    pub residual_ns: i64,
    /// Voluntary context switches.
    pub voluntary_switches: u64,
    /// Involuntary context switches.
    pub involuntary_switches: u64,
    /// Tasks completed.
    pub tasks: u64,
}

/// What measuring cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeRecord {
    /// Clock reads, and what one costs.
    pub clock_reads: u64,
    /// Cost of one.
    pub clock_read_ns: f64,
    /// Reads of the kernel's per-thread figures.
    pub kernel_reads: u64,
    /// Cost of one.
    pub kernel_read_ns: f64,
    /// Tasks recorded.
    pub recordings: u64,
    /// Cost of one.
    pub recording_ns: f64,
}

/// Little's law for the actor in focus over the window, edges included: what has arrived and not left, averaged over time, is
/// the sum of the tasks' stays. (In records of conlab 0.1 `product` is throughput × mean sojourn.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Little {
    /// Time average of the number of tasks in the system, from arrivals and departures.
    pub tasks_in_system: f64,
    /// Stays of all tasks in the window, summed and divided by its length: tasks per second × mean time in the window.
    pub product: f64,
}

impl Little {
    /// Both sides over a window of this length.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "averages, good to 16 digits")]
    pub fn of(presence: &super::Presence, window: crate::units::Nanos) -> Self {
        if window.0 == 0 {
            return Self::default();
        }
        let average = |sum: i128| sum as f64 / window.0 as f64;
        Self { tasks_in_system: average(presence.integral(window)), product: average(presence.stays()) }
    }
}

/// An identity and whether it holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Identity {
    /// A stable word: `nothing-lost`, `task-time`, `thread-time`, `little`.
    pub name: String,
    /// Whether it holds within its tolerance.
    pub holds: bool,
    /// The figures on both sides.
    pub detail: String,
}

/// A slice of the measured window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeriesPoint {
    /// Start of the slice, from the start of the window.
    pub at_ns: u64,
    /// Tasks issued in it.
    pub completed: u64,
    /// Their mean sojourn.
    pub mean_ns: f64,
    /// Their largest sojourn.
    pub max_ns: u64,
}

/// What a profiler saw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProfileRecord {
    /// `deterministic`, `sampling` or `memory`.
    pub profiler: String,
    /// Folded stacks: `actor;step;cause` and a weight (ns, samples or bytes).
    pub stacks: Vec<(String, u64)>,
    /// Unit of the weights.
    pub unit: String,
    /// By `actor;step`: calls and self time (or samples, or bytes and peak).
    pub entries: Vec<ProfileEntry>,
    /// Share of the run that the profiler itself cost, in 0..1.
    pub overhead: f64,
}

/// A row of a profile.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProfileEntry {
    /// Actor.
    pub actor: String,
    /// Step.
    pub step: String,
    /// Times entered; 0 where the profiler cannot count calls.
    pub calls: u64,
    /// Weight of the step itself.
    pub self_weight: u64,
    /// Weight with all that was called from it.
    pub total_weight: u64,
    /// Peak of live bytes (memory profiler).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_bytes: Option<u64>,
}

/// Spans of the threads' states, bounded in number.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Timeline {
    /// Names of the tracks.
    pub tracks: Vec<String>,
    /// Spans, in order of track and start.
    pub spans: Vec<Span>,
    /// Messages between tracks.
    pub flows: Vec<Flow>,
    /// Whole tasks, from arrival to end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskSpan>,
    /// Spans that were left out because the bound was reached.
    pub omitted: u64,
}

/// A whole task, and who caused it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskSpan {
    /// Its number among the tasks of the timeline, from 1.
    pub id: u64,
    /// The task that sent it; 0: it came from outside.
    pub parent: u64,
    /// Whether the task that sent it waits for its answer.
    pub awaited: bool,
    /// Its actor, and its kind behind a dot where the actor has several.
    pub of: String,
    /// Which of the actor's instances served it, from 1; 0: there is one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub instance: u64,
    /// Arrival, from the start of the window.
    pub arrived_ns: u64,
    /// When a worker took it up; its end where none did.
    pub taken_ns: u64,
    /// End.
    pub ended_ns: u64,
    /// `completed`, `refused`, `timed-out`, `failed` or `cancelled`.
    pub end: String,
}

/// A stretch of one state on one track.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Span {
    /// Index of the track.
    pub track: usize,
    /// Start, from the start of the window.
    pub start_ns: u64,
    /// Length.
    pub length_ns: u64,
    /// `execution`, `lock`, `run_queue`, `io`, `call`, `idle`, or `task` for a whole task.
    pub state: String,
    /// Step, lock or actor it belongs to.
    pub label: String,
    /// Track that held the lock when a wait for it began, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<usize>,
    /// Number of the task: that of [`TaskSpan::id`] where whole tasks are kept.
    pub task: u64,
}

/// A message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Flow {
    /// Track it left.
    pub from_track: usize,
    /// When it left.
    pub sent_ns: u64,
    /// Track that took it.
    pub to_track: usize,
    /// When it was taken.
    pub taken_ns: u64,
}
