//! Fuzzes `record`: `cargo +nightly fuzz run record`.
#![no_main]

#[path = "../../tests/support/hostile.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::run("record", bytes));
