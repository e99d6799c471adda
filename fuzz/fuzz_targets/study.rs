//! Fuzzes `study`: `cargo +nightly fuzz run study`.
#![no_main]

#[path = "../../tests/support/hostile.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::run("study", bytes));
