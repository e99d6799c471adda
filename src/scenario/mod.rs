//! A scenario: actors, their load, and what they share. Valid by construction.
//!
//! Names are resolved to indices here, so engines never look anything up. [`Scenario::load`] finds and parses the TOML.

mod actors;
mod calls;
mod digest;
mod draws;
mod edit;
mod embedded;
mod error;
mod faults;
mod file;
mod host;
mod instances;
mod load;
mod names;
mod offload;
mod policies;
mod quantity;
mod reader;
mod samples;
mod schema;
mod shared;
mod spec;
mod topology;
mod traffic;
mod treatment;
mod workers;

pub use digest::text_digest;
pub use embedded::{DEFAULT, EMBEDDED, Embedded, embedded};
pub use error::{Mistake, ScenarioError};
pub use host::HostConstants;
pub use instances::Layout;
pub use load::Overrides;
pub use names::{nearest, unknown};
pub use policies::{
    BatchSpec, Budget, CallSpec, EventSpec, Full, Kill, KindSpec, Next, Panics, Pattern, Phase, PoolSpec,
    Prefer, Quota, Retry, Route, Shed, Slowdown, Target, Wait,
};
pub use quantity::{LONGEST, check_rate, parse_duration, parse_rate, parse_size, write_duration};
pub use schema::{SCHEMA_PLACE, schema};
pub use spec::{
    ActorSpec, Arrivals, CacheSpec, CostFactors, HostSpec, KeySpec, Load, LockKind, LockSpec, MissCost,
    RunSpec, Scenario, StepSpec, StoreSpec,
};
pub use treatment::{EngineKind, LoadArm, Treatment};
