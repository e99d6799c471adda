//! What takes minutes: `cargo slow`.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod ranking;
mod weakened;
