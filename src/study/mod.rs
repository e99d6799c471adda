//! Studies: experiments designed, run through any engine, and judged.

mod compare;
mod gate;
mod metric;
pub mod stats;
mod trial;

pub use compare::{
    AgainstStored, Candidate, CompareOptions, Compared, Comparison, Figure, Stop, StoredFigure, Verdict,
    absolute, against_stored, compare,
};
pub use gate::{Gate, GateResult};
pub use metric::{Carries, Metric, Observation, Unit};
pub use trial::{Arm, SharedEngine, StudyError, Watch, round_seed, run_rounds};
