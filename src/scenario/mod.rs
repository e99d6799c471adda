//! A scenario: actors, their load, and what they share. Valid by construction.
//!
//! Names are resolved to indices here, so engines never look anything up. [`file`] parses the TOML.

mod embedded;
mod error;
mod names;
mod quantity;
mod spec;
mod treatment;

pub use embedded::{DEFAULT, EMBEDDED, Embedded, embedded};
pub use error::{Mistake, ScenarioError};
pub use names::{nearest, unknown};
pub use quantity::{LONGEST, check_rate, parse_duration, parse_rate, parse_size};
pub use spec::{
    ActorSpec, Arrivals, CacheSpec, CostFactors, HostSpec, KeySpec, Load, LockKind, LockSpec, MissCost,
    RunSpec, Scenario, StepSpec, StoreSpec,
};
pub use treatment::{EngineKind, LoadArm, Treatment};
