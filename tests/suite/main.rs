//! Deterministic tests: no clock, no real concurrency that decides anything.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod adviser;
mod audit;
mod campaign;
mod causes;
mod claimed;
mod determinism;
mod factorial;
mod fake;
mod fitting;
mod importing;
mod mechanisms;
mod oracle;
mod planted;
mod report;
mod scenario_mistakes;
mod simulated;
mod tidy;
mod virtual_cores;
mod virtual_deadlocks;
mod virtual_profile;
mod virtual_schedule;
mod virtual_stores;
mod windows;
