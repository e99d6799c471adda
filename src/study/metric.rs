//! The figures that studies compare, and what a sample must be to carry them.

use crate::measure::RunRecord;
use crate::measure::record::{ActorRecord, Breakdown, Shares, VerdictKind, Warning};
use crate::scenario::unknown;
use crate::units::Nanos;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A figure of a run, of the actor in focus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Mean sojourn.
    Mean,
    /// Median sojourn.
    P50,
    /// 90th percentile of sojourn.
    P90,
    /// 95th percentile of sojourn.
    P95,
    /// 99th percentile of sojourn.
    P99,
    /// 99.9th percentile of sojourn.
    P999,
    /// Largest sojourn.
    Max,
    /// Mean service time: start of service to completion.
    Service,
    /// 99th percentile of service time.
    ServiceP99,
    /// Mean waiting time before service.
    Wait,
    /// Tasks completed per second.
    Throughput,
    /// Share of busy time on a processor, working.
    Execution,
    /// Share of busy time spent waiting for locks.
    LockAcquisition,
    /// Share of busy time runnable but not running, and switching.
    ContextSwitching,
    /// Cache accesses that hit, over all accesses of every cache.
    HitRatio,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Time,
    /// Per second.
    Rate,
    /// A share in 0..1.
    Share,
}

impl Unit {
    /// Its sign in tables for programs: `ns`, `1/s`, `1`.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Time => "ns",
            Self::Rate => "1/s",
            Self::Share => "1",
        }
    }

    /// `value` as a reader wants it: `37.3 ms`, `1010/s`, `47.0 %`.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Time if value < 0.0 && value.is_finite() => format!("−{}", time(-value)),
            Self::Time if value.is_finite() => time(value).to_string(),
            Self::Share if value.is_finite() => signed(format!("{:.1} %", value * 100.0)),
            Self::Rate if value.is_finite() && value.abs() >= 100.0 => signed(format!("{value:.0}/s")),
            Self::Rate if value.is_finite() => signed(format!("{value:.2}/s")),
            _ => "?".into(),
        }
    }
}

/// A figure with a minus sign instead of a hyphen.
fn signed(text: String) -> String {
    text.strip_prefix('-').map_or_else(|| text.clone(), |size| format!("−{size}"))
}

/// A time in nanoseconds as its type.
fn time(value: f64) -> Nanos {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "float casts saturate")]
    Nanos(value.round() as u64)
}

/// How far a sample carries a percentile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carries {
    /// Ten tasks or more beyond the percentile.
    Yes,
    /// Between one and ten: shown, and marked.
    Barely,
    /// Fewer than one: refused.
    No,
}

impl Metric {
    /// Every metric, in the order in which they are shown.
    pub const ALL: [Self; 15] = [
        Self::Mean,
        Self::P50,
        Self::P90,
        Self::P95,
        Self::P99,
        Self::P999,
        Self::Max,
        Self::Service,
        Self::ServiceP99,
        Self::Wait,
        Self::Throughput,
        Self::Execution,
        Self::LockAcquisition,
        Self::ContextSwitching,
        Self::HitRatio,
    ];

    /// The word for it in gates, tables and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::P999 => "p999",
            Self::Max => "max",
            Self::Service => "service",
            Self::ServiceP99 => "service_p99",
            Self::Wait => "wait",
            Self::Throughput => "throughput",
            Self::Execution => "execution",
            Self::LockAcquisition => "lock_acquisition",
            Self::ContextSwitching => "context_switching",
            Self::HitRatio => "hit_ratio",
        }
    }

    /// The metric of this name.
    ///
    /// # Errors
    ///
    /// A sentence that names the nearest.
    pub fn parse(word: &str) -> Result<Self, String> {
        let names: Vec<&str> = Self::ALL.iter().map(|metric| metric.name()).collect();
        Self::ALL
            .into_iter()
            .find(|metric| metric.name() == word)
            .ok_or_else(|| unknown("metric", word, &names))
    }

    /// Its value for an actor of `record`; `None` when there is none or too few tasks for it.
    #[must_use]
    pub fn read(self, actor: &ActorRecord, record: &RunRecord) -> Option<f64> {
        if self.carried_by(actor.completed) == Carries::No { None } else { value(self, actor, record) }
    }

    /// What it counts.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::Throughput => Unit::Rate,
            Self::Execution | Self::LockAcquisition | Self::ContextSwitching | Self::HitRatio => Unit::Share,
            _ => Unit::Time,
        }
    }

    /// Whether more of it is better.
    #[must_use]
    pub const fn more_is_better(self) -> bool {
        matches!(self, Self::Throughput | Self::Execution | Self::HitRatio)
    }

    /// Whether `tasks` tasks carry it: a percentile needs tasks beyond it (p99: 100 to be shown, 1000 to be sure of).
    #[must_use]
    pub const fn carried_by(self, tasks: u64) -> Carries {
        let least = match self {
            Self::P999 => 1_000,
            Self::P99 | Self::ServiceP99 => 100,
            Self::P95 => 20,
            Self::P90 => 10,
            _ => 2,
        };
        if tasks < least {
            Carries::No
        } else if tasks < 10 * least {
            Carries::Barely
        } else {
            Carries::Yes
        }
    }
}

/// What studies keep of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// Seed of the run.
    pub seed: u64,
    /// Engine that made it.
    pub engine: String,
    /// Completed tasks of the actor in focus.
    pub tasks: u64,
    /// The values, in the order of [`Metric::ALL`]; `None` where the run has none. Stored by name, beside the rest.
    #[serde(skip)]
    values: [Option<f64>; Metric::ALL.len()],
    /// Mean sojourn by cause.
    pub breakdown_mean: Breakdown,
    /// Sojourn of the tasks at the p99 by cause.
    pub breakdown_p99: Breakdown,
    /// Whether a tool that perturbs watched.
    pub instrumented: bool,
    /// Whether it was interrupted.
    pub partial: bool,
    /// Identities that do not hold, and deadlocks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<String>,
    /// Time that the hypervisor took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steal_ns: Option<u64>,
    /// What the run itself was doubtful about, and the verdicts on its system.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<Warning>,
    /// Share of the window for which each resource was taken, in 0..1: locks, processors, each actor's workers.
    pub utilisation: Vec<(String, f64)>,
}

impl Observation {
    /// What `record` says of its actor in focus; `None` when it has no such actor.
    #[must_use]
    pub fn of(record: &RunRecord) -> Option<Self> {
        let actor = record.actors.get(&record.treatment.focus)?;
        let broken = record.identities.iter().filter(|identity| !identity.holds);
        let broken = broken.map(|identity| format!("{}: {}", identity.name, identity.detail));
        let stuck = record.verdicts.iter().filter(|verdict| verdict.kind == VerdictKind::Deadlock);
        Some(Self {
            seed: record.seed,
            engine: record.engine.clone(),
            tasks: actor.completed,
            values: Metric::ALL.map(|metric| value(metric, actor, record)),
            breakdown_mean: actor.breakdown_mean_ns,
            breakdown_p99: actor.breakdown_p99_ns,
            instrumented: record.instrumented,
            partial: record.partial,
            broken: broken.chain(stuck.map(|verdict| verdict.message.clone())).collect(),
            steal_ns: record.manifest.steal_ns,
            doubts: doubts_of(record),
            utilisation: utilisation(record),
        })
    }

    /// The figures by their metrics' names, those that the run has.
    #[must_use]
    pub fn figures(&self) -> BTreeMap<String, f64> {
        Metric::ALL.iter().filter_map(|metric| Some((metric.name().to_owned(), self.get(*metric)?))).collect()
    }

    /// What was stored, with the figures that were stored beside it.
    #[must_use]
    pub fn with_figures(self, figures: &BTreeMap<String, f64>) -> Self {
        Self { values: Metric::ALL.map(|metric| figures.get(metric.name()).copied()), ..self }
    }

    /// The value of `metric`; `None` when the run has none or too few tasks for it.
    #[must_use]
    pub fn get(&self, metric: Metric) -> Option<f64> {
        if metric.carried_by(self.tasks) == Carries::No { None } else { self.values[metric as usize] }
    }
}

/// Doubts of a run that its study passes on; samples and identities it judges itself.
const PASSED_ON: [&str; 4] = ["steal", "busy-host", "unfinished", "thread-residual"];

fn doubts_of(record: &RunRecord) -> Vec<Warning> {
    let own = record.warnings.iter().filter(|warning| PASSED_ON.contains(&warning.code.as_str())).cloned();
    let verdicts = record.verdicts.iter().map(|verdict| Warning {
        code: verdict.kind.name().replace(' ', "-"),
        message: verdict.message.clone(),
        remedy: "change the scenario: what its figures say holds for such a system alone".into(),
    });
    own.chain(verdicts).collect()
}

/// The doubts of all runs of a study, each kind once, with how many runs have it.
pub(super) fn doubts_of_runs<'a>(runs: impl Iterator<Item = &'a Observation> + Clone) -> Vec<Warning> {
    let count = runs.clone().count();
    let mut found: Vec<(Warning, usize)> = Vec::new();
    for run in runs {
        for (place, doubt) in run.doubts.iter().enumerate() {
            if run.doubts[..place].iter().any(|other| other.code == doubt.code) {
                continue;
            }
            match found.iter_mut().find(|(known, _)| known.code == doubt.code) {
                Some((_, times)) => *times += 1,
                None => found.push((doubt.clone(), 1)),
            }
        }
    }
    found
        .into_iter()
        .map(|(doubt, times)| Warning {
            message: format!("in {times} of {count} runs, as in one of them: {}", doubt.message),
            ..doubt
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "2^53 ns is 104 days")]
fn utilisation(record: &RunRecord) -> Vec<(String, f64)> {
    let window = record.window.length_ns as f64;
    if window <= 0.0 {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (name, lock) in &record.locks {
        let held = lock.acquisitions as f64 * lock.hold_ns.mean;
        found.push((format!("lock {name}"), held / window));
    }
    let cores = f64::from(record.treatment.cores.max(1));
    if record.scheduler.available {
        found.push(("processors".to_owned(), record.scheduler.on_cpu_ns as f64 / (window * cores)));
    }
    for name in record.actors.keys() {
        let of_actor = || record.threads.iter().filter(|thread| thread.actor == *name);
        let wall: f64 = of_actor().map(|thread| thread.wall_ns as f64).sum();
        let idle: f64 = of_actor().map(|thread| thread.idle_ns as f64).sum();
        if wall > 0.0 {
            found.push((format!("workers of {name}"), 1.0 - idle / wall));
        }
    }
    found
}

#[expect(clippy::cast_precision_loss, reason = "2^53 ns is 104 days")]
fn value(metric: Metric, actor: &ActorRecord, record: &RunRecord) -> Option<f64> {
    let sojourn = &actor.sojourn_ns;
    let Shares { execution, lock_acquisition, context_switching } = actor.shares;
    let busy = execution + lock_acquisition + context_switching > 0.0;
    let share = |value: f64| busy.then_some(value);
    match metric {
        Metric::Mean => Some(sojourn.mean),
        Metric::P50 => Some(sojourn.p50 as f64),
        Metric::P90 => Some(sojourn.p90 as f64),
        Metric::P95 => Some(sojourn.p95 as f64),
        Metric::P99 => Some(sojourn.p99 as f64),
        Metric::P999 => Some(sojourn.p999 as f64),
        Metric::Max => Some(sojourn.max as f64),
        Metric::Service => Some(actor.service_ns.mean),
        Metric::ServiceP99 => Some(actor.service_ns.p99 as f64),
        Metric::Wait => Some(actor.wait_ns.mean),
        Metric::Throughput => Some(actor.throughput_per_s),
        Metric::Execution => share(execution),
        Metric::LockAcquisition => share(lock_acquisition),
        Metric::ContextSwitching => share(context_switching),
        Metric::HitRatio => {
            let hits: u64 = record.caches.values().map(|cache| cache.hits).sum();
            let misses: u64 = record.caches.values().map(|cache| cache.misses).sum();
            (hits + misses > 0).then(|| hits as f64 / (hits + misses) as f64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_list_is_that_of_the_numbers() {
        for (index, metric) in Metric::ALL.into_iter().enumerate() {
            assert_eq!(metric as usize, index, "{}", metric.name());
            assert_eq!(Metric::parse(metric.name()), Ok(metric));
        }
        assert!(Metric::parse("p9").unwrap_err().contains("did you mean"));
    }

    #[test]
    fn a_percentile_is_refused_below_its_sample_and_marked_below_ten_times_that() {
        for (tasks, expected) in
            [(99, Carries::No), (100, Carries::Barely), (999, Carries::Barely), (1000, Carries::Yes)]
        {
            assert_eq!(Metric::P99.carried_by(tasks), expected, "{tasks}");
        }
        assert_eq!(Metric::Mean.carried_by(20), Carries::Yes);
    }

    #[test]
    fn values_are_shown_in_their_units() {
        assert_eq!(Unit::Time.show(37.3e6), "37.3 ms");
        assert_eq!(Unit::Time.show(-1.75e6), "−1.75 ms");
        assert_eq!(Unit::Share.show(0.47), "47.0 %");
        assert_eq!(Unit::Rate.show(1010.1), "1010/s");
        assert_eq!(Unit::Rate.show(-51.1), "−51.10/s");
        assert_eq!(Unit::Time.show(f64::INFINITY), "?");
    }
}
