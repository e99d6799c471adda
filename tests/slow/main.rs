//! What takes minutes: `cargo slow`.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test may fail")]
#![expect(clippy::print_stderr, reason = "a test of minutes says what it measured")]

mod ranking;
mod theory;
mod weakened;
