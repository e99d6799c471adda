//! Fuzzes `scenario`: `cargo +nightly fuzz run scenario`.
#![no_main]

#[path = "../../tests/support/hostile.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::run("scenario", bytes));
