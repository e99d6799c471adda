//! A scenario: actors, their load, and what they share. Valid by construction.
//!
//! Names are resolved to indices here, so engines never look anything up. [`file`] parses the TOML.

mod spec;
mod treatment;

pub use spec::{
    ActorSpec, Arrivals, CacheSpec, CostFactors, HostSpec, KeySpec, Load, LockKind, LockSpec, MissCost,
    RunSpec, Scenario, StepSpec, StoreSpec,
};
pub use treatment::{LoadArm, Treatment};
