//! Observing a run: clocks, histograms, kernel figures, and the record they end in.

pub mod record;
pub mod sched;

pub use record::RunRecord;
