//! False sharing estimated from twins: the same cache packed and padded, accessed by turns.
//!
//! Both twins get the same keys, all of which fit, from the same number of threads; they differ in padding alone. Rounds
//! interleave, packed and padded first by turns, and the figure is the ratio of the times of one round, so that
//! what drifts in the machine falls on both. One thread alone is the control: without a second worker no line is
//! taken away, and what is left of the ratio is the price of the other memory layout.
//!
//! What it takes to see anything:
//!
//! - Each thread is tied to a processor of its own and a round lasts milliseconds. Threads that the kernel leaves on
//!   one processor run one after the other and share nothing, and a round of a few hundred microseconds is over
//!   before the second thread has started.
//! - The time is the thread's own on its processor: waiting for a line counts in it, being preempted does not.
//! - The cache is called as the engine calls it, through its trait. In a loop that sees through the call, the compiler
//!   keeps the head of the cache in registers and never looks at the line that the other thread writes.
//!
//! A processor hides much of what it costs to write a line that another writes too: stores wait in a buffer until
//! the line is there, many of them at once. What shows is the read of a neighbour of such a word.

use crate::cache::{Cache, CachePlan, LruCache, NoProbe};
use crate::clock::Clock;
use crate::measure::host;
use crate::measure::record::{EstimateRecord, TwinRecord};
use crate::measure::sched::{ThreadSched, tie};
use crate::sync::{Arc, AtomicUsize, Ordering, thread};
use crate::units::Nanos;
use std::hint::black_box;

/// Rounds of both twins; odd, so that there is a median.
const ROUNDS: usize = 21;
/// Rank, from either end, of the ratios that bound the median: 97 % for 21 rounds, whatever their distribution.
const RANK: usize = 5;
/// Length of a round, about.
const ROUND: Nanos = Nanos::from_millis(6);
/// Accesses of each thread in the trial that tells how many make a round.
const TRIAL: u64 = 50_000;
/// Distinct keys; few, so that every access is a hit in the first-level cache but for the others' writes.
const KEYS: u64 = 16;

/// Compares the packed and the padded twin of `plan` at as many threads as it has workers, and at one. Threads beyond
/// the processors would only wait for one another, so there are at most as many.
#[must_use]
pub fn compare_twins(plan: &CachePlan) -> TwinRecord {
    let plan = CachePlan {
        workers: plan.workers.min(host::cores() as usize),
        // Large enough for the keys in any shard, small enough to stay in the processor's caches.
        capacity: plan.capacity.clamp(256, 4096),
        shards: plan.shards.min(16),
        ..*plan
    };
    let (ratio, packed_ns, padded_ns) = ratio(&plan);
    let (alone, ..) = self::ratio(&CachePlan { workers: 1, ..plan });
    TwinRecord { threads: plan.workers, packed_ns, padded_ns, ratio, alone }
}

/// Packed over padded, and the median time of one access of each in nanoseconds.
fn ratio(plan: &CachePlan) -> (EstimateRecord, f64, f64) {
    let accesses = accesses_of_a_round(plan);
    let twin = |padded| time_access(&CachePlan { padded, ..*plan }, accesses);
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

/// How many accesses of a thread make a round.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a range of counts")]
#[expect(clippy::cast_precision_loss, reason = "a count of millions")]
fn accesses_of_a_round(plan: &CachePlan) -> u64 {
    let access = time_access(plan, TRIAL).max(1.0);
    (ROUND.0 as f64 / access).clamp(TRIAL as f64, 2e6) as u64
}

/// Nanoseconds of one access, mean over the threads, each by the time that it had a processor.
#[expect(clippy::cast_precision_loss, reason = "counts and times of milliseconds")]
fn time_access(plan: &CachePlan, accesses: u64) -> f64 {
    let cache: Arc<LruCache> = Arc::new(plan.build());
    let ready = Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = (0..plan.workers)
        .map(|worker| {
            let (cache, ready, workers) = (Arc::clone(&cache), Arc::clone(&ready), plan.workers);
            thread::spawn(move || {
                tie(worker);
                let time = ThreadTime::new();
                for key in 0..KEYS {
                    cache.insert(worker, key, &mut NoProbe);
                }
                // Everybody has started when everybody has counted itself; yields, so that few processors do.
                ready.fetch_add(1, Ordering::AcqRel);
                while ready.load(Ordering::Acquire) < workers {
                    thread::yield_now();
                }
                let start = time.now();
                for access in 0..accesses {
                    let cache: &dyn Cache = black_box(&*cache);
                    black_box(cache.access(worker, access % KEYS, &mut NoProbe));
                }
                (time.now() - start).0 as f64 / accesses as f64
            })
        })
        .collect();
    let times: Vec<f64> = workers.into_iter().filter_map(|worker| worker.join().ok()).collect();
    times.iter().sum::<f64>() / times.len() as f64
}

/// The calling thread's time on a processor, or where the system does not tell, the time of day.
struct ThreadTime {
    kernel: Option<ThreadSched>,
    clock: Clock,
}

impl ThreadTime {
    fn new() -> Self {
        let kernel = ThreadSched::of_this_thread();
        Self { kernel: kernel.figures().is_some().then_some(kernel), clock: Clock::get() }
    }

    fn now(&self) -> Nanos {
        let on_cpu = self.kernel.as_ref().and_then(ThreadSched::figures).map(|figures| figures.on_cpu);
        on_cpu.unwrap_or_else(|| self.clock.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::CacheLayout;

    #[test]
    fn the_interval_spans_the_middle_ranks() {
        let values: Vec<f64> = (1..=21).map(f64::from).collect();
        assert_eq!(median_with_interval(&values), EstimateRecord { value: 11.0, half_width: 5.0, n: 21 });
    }

    #[test]
    fn twins_are_compared_at_the_threads_that_can_run_and_at_one() {
        let twins = compare_twins(&CachePlan::of(CacheLayout::Isolated, 64, 64, 64));
        assert_eq!((twins.threads, twins.ratio.n), (host::cores() as usize, 21));
        assert!(twins.packed_ns > 0.0 && twins.padded_ns > 0.0 && twins.ratio.value > 0.0);
    }

    #[test]
    fn twins_of_a_cache_with_more_shards_than_entries_can_be_built() {
        let plan = CachePlan { shards: 65_536, ..CachePlan::of(CacheLayout::Sharded, 1, 1, 8) };
        assert_eq!(compare_twins(&plan).threads, 1);
    }
}
