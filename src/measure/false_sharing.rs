//! False sharing estimated from twins: the same cache packed and padded, accessed by turns.
//!
//! Both twins get the same keys, all of which fit, from the same number of threads; they differ in padding alone. Rounds
//! interleave, packed and padded first by turns, and the figure is the ratio of the times of one round, so that
//! what drifts in the machine falls on both. One thread alone is the control: without a second worker no line is
//! taken away, and what is left of the ratio is the price of the other memory layout.

use crate::cache::{CachePlan, NoProbe};
use crate::clock::Clock;
use crate::measure::record::{EstimateRecord, TwinRecord};
use crate::sync::{Arc, AtomicUsize, Ordering, thread};

/// Rounds of both twins; odd, so that there is a median.
const ROUNDS: usize = 15;
/// Rank, from either end, of the ratios that bound the median: 96 % for 15 rounds, whatever their distribution.
const RANK: usize = 3;
/// Accesses of each thread in a round: some milliseconds.
const ACCESSES: u64 = 40_000;
/// Distinct keys; few, so that every access is a hit in the first-level cache but for the others' writes.
const KEYS: u64 = 16;

/// Compares the packed and the padded twin of `plan` at as many threads as it has workers, and at one.
#[must_use]
pub fn compare_twins(plan: &CachePlan) -> TwinRecord {
    // Large enough for the keys in any shard, small enough to stay in the processor's caches.
    let plan = CachePlan { capacity: plan.capacity.clamp(256, 4096), shards: plan.shards.min(16), ..*plan };
    let (ratio, packed_ns, padded_ns) = ratio(&plan);
    let (alone, ..) = self::ratio(&CachePlan { workers: 1, ..plan });
    TwinRecord { threads: plan.workers, packed_ns, padded_ns, ratio, alone }
}

/// Packed over padded, and the median time of one access of each in nanoseconds.
fn ratio(plan: &CachePlan) -> (EstimateRecord, f64, f64) {
    let twin = |padded| time_access(&CachePlan { padded, ..*plan });
    let mut rounds: Vec<[f64; 3]> = (0..ROUNDS)
        .map(|round| {
            let (packed, padded) = if round % 2 == 0 {
                let packed = twin(false);
                (packed, twin(true))
            } else {
                let padded = twin(true);
                (twin(false), padded)
            };
            [packed / padded, packed, padded]
        })
        .collect();
    let mut sorted = |column: usize| -> Vec<f64> {
        rounds.sort_by(|a, b| a[column].total_cmp(&b[column]));
        rounds.iter().map(|row| row[column]).collect()
    };
    let (packed, padded) = (sorted(1)[ROUNDS / 2], sorted(2)[ROUNDS / 2]);
    (median_with_interval(&sorted(0)), packed, padded)
}

/// The median of ascending `values` and the distance to the farther of the two ranks that bound it.
fn median_with_interval(values: &[f64]) -> EstimateRecord {
    let value = values[values.len() / 2];
    let (low, high) = (values[RANK], values[values.len() - 1 - RANK]);
    EstimateRecord { value, half_width: (high - value).max(value - low), n: values.len() as u64 }
}

/// Nanoseconds of one access, mean over the threads, each of which has its own clock.
#[expect(clippy::cast_precision_loss, reason = "counts and times of milliseconds")]
fn time_access(plan: &CachePlan) -> f64 {
    let cache = Arc::new(plan.build());
    let ready = Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = (0..plan.workers)
        .map(|worker| {
            let (cache, ready, workers) = (Arc::clone(&cache), Arc::clone(&ready), plan.workers);
            thread::spawn(move || {
                let clock = Clock::get();
                for key in 0..KEYS {
                    cache.insert_with(worker, key, &mut NoProbe);
                }
                // Everybody has started when everybody has counted itself; yields, so that few processors do.
                ready.fetch_add(1, Ordering::AcqRel);
                while ready.load(Ordering::Acquire) < workers {
                    thread::yield_now();
                }
                let start = clock.now();
                for access in 0..ACCESSES {
                    std::hint::black_box(cache.access_with(worker, access % KEYS, &mut NoProbe));
                }
                (clock.now() - start).0 as f64 / ACCESSES as f64
            })
        })
        .collect();
    let times: Vec<f64> = workers.into_iter().filter_map(|worker| worker.join().ok()).collect();
    times.iter().sum::<f64>() / times.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::CacheLayout;

    #[test]
    fn the_interval_spans_the_middle_ranks() {
        let values: Vec<f64> = (1..=15).map(f64::from).collect();
        assert_eq!(median_with_interval(&values), EstimateRecord { value: 8.0, half_width: 4.0, n: 15 });
    }

    #[test]
    fn twins_of_every_layout_are_compared() {
        for layout in [CacheLayout::Contended, CacheLayout::Sharded, CacheLayout::Isolated] {
            let twins = compare_twins(&CachePlan::of(layout, 2, 64, 64));
            assert_eq!((twins.threads, twins.ratio.n), (2, 15));
            let many = CachePlan { shards: 65_536, ..CachePlan::of(layout, 1, 1, 8) };
            assert_eq!(compare_twins(&many).threads, 1, "{layout:?}");
            assert!(twins.packed_ns > 0.0 && twins.padded_ns > 0.0 && twins.ratio.value > 0.0);
        }
    }
}
