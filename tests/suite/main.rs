//! Deterministic tests: no clock, no real concurrency that decides anything.
#![cfg(not(loom))]

mod fake;
mod planted;
