//! What needs real threads, clocks or processes. Asserts identities, never speeds.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test that fails should say where")]

mod engine;
mod program;
mod store_crash;
