//! What a record says of mechanisms that not every scenario has.

use super::record::Distribution;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

/// An event that stops actors, in the measured window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventRecord {
    /// How often it happened.
    pub count: u64,
    /// How long it lasted, all in all.
    pub total_ns: u64,
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
