//! Fuzzes `quantities`: `cargo +nightly fuzz run quantities`.
#![no_main]

#[path = "../../tests/support/hostile.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::run("quantities", bytes));
