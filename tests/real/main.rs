//! What needs real threads, clocks or processes. Asserts identities, never speeds.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test that fails should say where")]
#![expect(clippy::print_stdout, reason = "figures are shown beside the verdict")]

mod caches;
mod engine;
mod profilers;
mod program;
mod store_crash;
mod trace;
