//! Observing a run: clocks, histograms, kernel figures, and the record they end in.

pub mod allocations;
pub mod archive;
mod caching;
mod calibration;
mod cause;
pub mod counters;
mod counts;
pub mod doctor;
pub mod false_sharing;
mod groups;
pub mod host;
pub mod identities;
pub mod json;
mod ledger;
pub mod limits;
mod lock_uses;
mod mechanism_record;
mod plausible;
mod presence;
pub mod process;
pub mod record;
pub mod sched;
mod store_cost;
pub mod stored;
mod tally;

pub use caching::CacheLedger;
pub use calibration::{Calibration, QueueCost};
pub use cause::{CAUSES, Cause, PLAIN_CAUSES};
pub use counts::Counts;
pub use groups::{Ends, Group, Groups, Outcome};
pub use ledger::{Finished, Ledger, TaskTimes};
pub use lock_uses::LockUses;
pub use presence::{Epoch, Presence};
pub use record::{CacheRecord, LockRecord, RunRecord};
pub use store_cost::{StoreCharge, StoreCost, StoreTimes, Waits};
pub use tally::Tally;
