//! Caches on the real engine: the tail of a cache that hits mostly lies among its misses, whatever the layout.

use conlab::cache::CacheLayout;
use conlab::engine::real::RealEngine;
use conlab::engine::{Engine, Experiment, Progress};
use conlab::measure::RunRecord;
use conlab::scenario::{LoadArm, Scenario};

/// What a miss waits, a multiple of what a preemption costs.
const MISS_NS: f64 = 5e6;

/// Readers of a cache with room for 87 of `keys` keys, equally likely.
fn read(keys: u64, layout: CacheLayout, padded: bool) -> RunRecord {
    let text = format!(
        r#"
schema = 1
name = "probe"
[run]
tasks = 600
warmup = "1s"
seed = 18
[cache.rsu]
layout = "{}"
padded = {padded}
capacity = 87
keys = {{ count = {keys} }}
[actor.vault]
focus = true
threads = 8
load = {{ clients = 8 }}
steps = [ {{ name = "read", cache = "rsu", hit = "20us", miss = {{ io = "5ms" }} }} ]
"#,
        layout.name()
    );
    let scenario = Scenario::parse(&text, "probe").unwrap();
    let experiment = Experiment::new(scenario, LoadArm::Baseline);
    RealEngine::new().run(&experiment, &Progress::default()).unwrap().record
}

/// More than one in a hundred reads misses, so the p99 read is one that missed: its time is the miss's wait, of which the
/// mean has only the share of misses. Padding and layout change neither.
#[test]
fn the_p99_of_a_cache_that_hits_mostly_lies_among_its_misses() {
    for (layout, padded) in
        [(CacheLayout::Contended, false), (CacheLayout::Contended, true), (CacheLayout::Isolated, true)]
    {
        let record = read(100, layout, padded);
        let cache = &record.caches["rsu"];
        let vault = &record.actors["vault"];
        #[expect(clippy::cast_precision_loss, reason = "counts below 2^53")]
        let misses = cache.misses as f64 / (cache.hits + cache.misses) as f64;
        let what = format!("{layout:?}, padded {padded}: {misses:.3} misses");
        assert!((0.05..0.30).contains(&misses), "{what}");
        // A wait is never shorter than asked for. (Reads that a busy machine held up may be among those near the p99.)
        assert!(
            u32::try_from(vault.sojourn_ns.p99).is_ok_and(|p99| f64::from(p99) >= MISS_NS),
            "{what}: {:?}",
            vault.sojourn_ns
        );
        assert!(vault.breakdown_mean_ns.io < 0.5 * vault.breakdown_p99_ns.io, "{what}");
        assert!(
            u32::try_from(vault.sojourn_ns.p50).is_ok_and(|p50| f64::from(p50) < MISS_NS),
            "{what}: {:?}",
            vault.sojourn_ns
        );
    }
}

/// The control: where every key fits there are no misses, and the p99 has no such part.
#[test]
fn the_p99_of_a_cache_that_always_hits_has_no_wait() {
    let record = read(50, CacheLayout::Contended, false);
    let cache = &record.caches["rsu"];
    assert_eq!(cache.misses, 0, "the warm-up draws every key");
    // One access a task, and nothing of the warm-up.
    assert!(cache.hits.abs_diff(record.actors["vault"].completed) <= 16, "{cache:?}");
    assert!(record.actors["vault"].breakdown_p99_ns.io < 1.0);
}
