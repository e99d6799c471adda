//! Fuzzes `claims`: `cargo +nightly fuzz run claims`.
#![no_main]

#[path = "../../tests/support/hostile.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::run("claims", bytes));
