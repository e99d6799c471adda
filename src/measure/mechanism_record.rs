//! What a record says of mechanisms that not every scenario has.

use super::Ledger;
use super::record::{Distribution, ProfileEntry, ProfileRecord};
use crate::units::Nanos;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Calls of an actor in the measured window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CallsRecord {
    /// Calls made.
    pub calls: u64,
    /// Messages sent for them.
    pub attempts: u64,
    /// Messages sent because an earlier attempt got no answer.
    pub retries: u64,
    /// Messages sent because an answer was late.
    pub hedges: u64,
    /// Calls that got too few answers, retries included.
    pub gave_up: u64,
}

impl CallsRecord {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: &Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            attempts: self.attempts + other.attempts,
            retries: self.retries + other.retries,
            hedges: self.hedges + other.hedges,
            gave_up: self.gave_up + other.gave_up,
        }
    }
}

/// What one of an actor's instances did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InstanceRecord {
    /// Measured tasks that it completed.
    pub completed: u64,
    /// Their mean sojourn.
    pub sojourn_mean_ns: f64,
    /// Their mean time in its queue.
    pub wait_mean_ns: f64,
}

impl InstanceRecord {
    /// The figures of an instance's own ledger.
    #[must_use]
    pub fn of(ledger: &Ledger, window: Nanos) -> Self {
        let (figures, ..) = ledger.clone().into_record(&[], window);
        Self {
            completed: figures.completed,
            sojourn_mean_ns: figures.sojourn_ns.mean,
            wait_mean_ns: figures.wait_ns.mean,
        }
    }
}

/// What happened to some of an actor's tasks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GroupRecord {
    /// Arrived.
    pub issued: u64,
    /// Finished.
    pub completed: u64,
    /// Refused by a full queue, or shed.
    pub refused: u64,
    /// Left after waiting for too long.
    pub timed_out: u64,
    /// Ended in a failure.
    pub failed: u64,
    /// Withdrawn by their callers.
    pub cancelled: u64,
    /// Unfinished when the run ended.
    pub in_flight: u64,
    /// Completed per second: of the window, or of the phase.
    pub throughput_per_s: f64,
    /// Arrival to completion.
    pub sojourn_ns: Distribution,
    /// Arrival to start of service.
    pub wait_ns: Distribution,
}

/// A phase of an actor's load.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseRecord {
    /// Its beginning, from the start of the run.
    pub from_ns: u64,
    /// Its end; the run's, where the run ends in it.
    pub to_ns: u64,
    /// How long sojourns took to be back after it, where it is a burst.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<RecoveryRecord>,
    /// What arrived in it, of what was measured.
    #[serde(flatten)]
    pub tasks: GroupRecord,
}

/// One pool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PoolRecord {
    /// Places.
    pub size: usize,
    /// Times that a place was taken.
    pub acquisitions: u64,
    /// Times that none was free.
    pub contended: u64,
    /// Times that a task gave up waiting.
    pub timed_out: u64,
    /// First attempt to acquisition; of those who got a place.
    pub wait_ns: Distribution,
    /// Acquisition to release.
    pub hold_ns: Distribution,
}

/// One store.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StoreRecord {
    /// Engine behind it.
    pub engine: String,
    /// Values read.
    pub reads: u64,
    /// Values written and acknowledged.
    pub writes: u64,
    /// Whole reads.
    pub read_ns: Distribution,
    /// Whole writes.
    pub write_ns: Distribution,
    /// Of each write, what it waited for other writers. Absent in records of conlab 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ns: Option<Distribution>,
}

/// A step that several tasks do at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BatchRecord {
    /// Batches done in the measured window.
    pub batches: u64,
    /// Tasks in them.
    pub tasks: u64,
    /// Tasks of the largest.
    pub largest: u64,
}

impl BatchRecord {
    /// Adds what another instance did.
    pub fn add(&mut self, other: &Self) {
        self.batches += other.batches;
        self.tasks += other.tasks;
        self.largest = self.largest.max(other.largest);
    }
}

/// An event that stops actors, in the measured window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventRecord {
    /// How often it happened.
    pub count: u64,
    /// How long it lasted, all in all.
    pub total_ns: u64,
    /// How long sojourns took to be back after it, where it happens once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<RecoveryRecord>,
}

/// How a system recovered from something that happened in the window, by the mean sojourns in its slices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecoveryRecord {
    /// Level before it.
    pub level_ns: f64,
    /// From its end to when sojourns were back at up to one and a half times that level, and stayed; to the end of the window where
    /// they were not.
    pub took_ns: u64,
    /// Whether they were.
    pub recovered: bool,
}

/// A quota on processor time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QuotaRecord {
    /// Processor time allowed in each period.
    pub quota_ns: u64,
    /// The period.
    pub period_ns: u64,
    /// Periods begun in the measured window.
    pub periods: u64,
    /// Periods in which it was used up.
    pub throttled: u64,
    /// From its exhaustion to the next period, summed.
    pub throttled_ns: u64,
}

impl ProfileRecord {
    /// Sums entries and stacks of the same name, as the instances of an actor leave them.
    pub fn sum_alike(&mut self) {
        let mut entries: Vec<ProfileEntry> = Vec::with_capacity(self.entries.len());
        let mut places: BTreeMap<(String, String), usize> = BTreeMap::new();
        for entry in std::mem::take(&mut self.entries) {
            match places.entry((entry.actor.clone(), entry.step.clone())) {
                Entry::Vacant(place) => {
                    place.insert(entries.len());
                    entries.push(entry);
                }
                Entry::Occupied(place) => {
                    let sum = &mut entries[*place.get()];
                    sum.calls += entry.calls;
                    sum.self_weight += entry.self_weight;
                    sum.total_weight += entry.total_weight;
                    sum.peak_bytes = sum.peak_bytes.max(entry.peak_bytes);
                }
            }
        }
        self.entries = entries;
        let mut stacks: Vec<(String, u64)> = Vec::with_capacity(self.stacks.len());
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        for (name, weight) in std::mem::take(&mut self.stacks) {
            match places.entry(name.clone()) {
                Entry::Vacant(place) => {
                    place.insert(stacks.len());
                    stacks.push((name, weight));
                }
                Entry::Occupied(place) => stacks[*place.get()].1 += weight,
            }
        }
        self.stacks = stacks;
    }
}
