//! Fuzzes `set`: `cargo +nightly fuzz run set`.
#![no_main]

#[path = "../../tests/support/hostile.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::run("set", bytes));
