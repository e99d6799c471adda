//! Deterministic tests: no clock, no real concurrency that decides anything.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test may fail")]
#![expect(clippy::print_stderr, reason = "a random test says its seed")]

mod adviser;
mod audit;
#[path = "../support/author.rs"]
mod author;
mod campaign;
mod causes;
mod claimed;
mod columns;
mod critical_sections;
mod determinism;
mod factorial;
mod fake;
mod fitting;
mod hardships;
mod hostile;
mod import_pitfalls;
mod import_traces;
mod importing;
mod mechanisms;
mod oracle;
mod planted;
mod random_scenarios;
mod report;
mod round_trips;
mod scenario_mistakes;
mod scenario_schema;
#[path = "../support/deadlocks.rs"]
mod shapes;
mod simulated;
#[path = "../support/hostile.rs"]
mod targets;
mod tidy;
mod verdicts;
mod virtual_cores;
mod virtual_cpython;
mod virtual_deadlocks;
mod virtual_profile;
mod virtual_schedule;
mod virtual_spread;
mod virtual_stores;
mod windows;
mod workplaces;
