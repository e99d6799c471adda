//! A million damaged reports: none makes the audit panic, and the slowest is said.
//!
//! `cargo test --release --test slow mutated -- --ignored --nocapture`; `CONLAB_MUTATIONS` changes the number.

#[path = "../suite/audit/formats.rs"]
mod formats;
#[path = "../suite/audit/mutate.rs"]
mod mutate;

use conlab::random::{Source, Stream};
use mutate::{mutated, seeds, try_one};
use std::time::{Duration, Instant};

#[test]
#[ignore = "minutes"]
fn a_million_mutated_reports() {
    let count: u64 =
        std::env::var("CONLAB_MUTATIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(1_000_000);
    let seeds = seeds();
    let mut slowest = (Duration::ZERO, 0);
    for seed in 0..count {
        let mut stream = Stream::new(seed, Source::Data, 1, 0);
        let bytes = mutated(&seeds, &mut stream);
        #[expect(clippy::disallowed_methods, reason = "a test of minutes says what it measured")]
        let start = Instant::now();
        try_one(&bytes);
        slowest = slowest.max((start.elapsed(), seed));
    }
    eprintln!("{count} mutated reports; the slowest took {:?} (seed {})", slowest.0, slowest.1);
}
