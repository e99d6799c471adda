//! Single tasks in a record.

use super::record::Breakdown;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One task, from arrival to completion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SlowTask {
    /// When it arrived, from the start of the window.
    pub arrived_ns: u64,
    /// Arrival to completion.
    pub sojourn_ns: u64,
    /// Its sojourn by cause.
    pub breakdown_ns: Breakdown,
}
