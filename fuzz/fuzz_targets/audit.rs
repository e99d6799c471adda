//! Fuzzes `audit`: `cargo +nightly fuzz run audit`.
#![no_main]

#[path = "../../tests/support/hostile.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::run("audit", bytes));
