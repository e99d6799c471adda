//! Fuzzes `campaign`: `cargo +nightly fuzz run campaign`.
#![no_main]

#[path = "../../tests/support/hostile.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::run("campaign", bytes));
