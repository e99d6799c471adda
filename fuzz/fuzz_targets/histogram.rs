//! Fuzzes `histogram`: `cargo +nightly fuzz run histogram`.
#![no_main]

#[path = "../../tests/support/hostile.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::run("histogram", bytes));
