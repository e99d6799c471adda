//! What takes minutes: `cargo slow`.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test may fail")]
#![expect(clippy::disallowed_methods, reason = "what is killed is killed after some time")]
#![expect(clippy::print_stderr, reason = "a test of minutes says what it measured")]

mod killed;
#[path = "../support/kills.rs"]
mod kills;
mod large_import;
mod mechanisms;
mod mutated_reports;
mod nothing_lost;
mod ranking;
mod soak;
mod theory;
mod weakened;
mod windows;
