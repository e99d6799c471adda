//! Fuzzes `escaping`: `cargo +nightly fuzz run escaping`.
#![no_main]

#[path = "../../tests/support/hostile.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::run("escaping", bytes));
