//! Observing a run: clocks, histograms, kernel figures, and the record they end in.

mod ledger;
pub mod record;
pub mod sched;

pub use ledger::{CAUSES, Cause, Finished, Ledger, TaskTimes, Waits, add, distribution, histogram};
pub use record::RunRecord;
