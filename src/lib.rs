//! conlab: a concurrency laboratory.
//!
//! Modules in dependency order; each may use only those above it (`tests/suite/tidy.rs` holds it to that).

// ── a package of its own: the door to synchronisation, queues, locks and what tries them
#[cfg(not(loom))]
pub use conlab_queue::verify;
pub use conlab_queue::{lock, queue, sync};

// ── another one: times, chance, closed forms, the event list and the simulated machine
pub use conlab_sim::{future_events, machine, random, theory, units, workload};

// ── words
#[cfg(not(loom))]
pub mod clock;
#[cfg(not(loom))]
pub mod columns;
#[cfg(not(loom))]
pub mod files;
#[cfg(not(loom))]
pub mod printable;

// ── mechanisms: what is compared, and what loom sees
pub mod cache;
#[cfg(not(loom))]
pub mod store;

// ── the experiment
#[cfg(not(loom))]
pub mod model;
#[cfg(not(loom))]
pub mod scenario;

// ── running and observing
#[cfg(not(loom))]
pub mod calibrate;
#[cfg(not(loom))]
pub mod engine;
#[cfg(not(loom))]
pub mod measure;

// ── meaning
#[cfg(not(loom))]
pub mod audit;
#[cfg(not(loom))]
pub mod explain;
#[cfg(not(loom))]
pub mod history;
#[cfg(not(loom))]
pub mod import;
#[cfg(not(loom))]
pub mod kernels;
#[cfg(not(loom))]
pub mod observe;
#[cfg(not(loom))]
pub mod study;
#[cfg(not(loom))]
pub mod sweep;

// ── showing
#[cfg(not(loom))]
pub mod report;

// ── what is made of all of it
#[cfg(not(loom))]
pub mod campaign;

// ── the program
#[cfg(not(loom))]
pub mod cli;
