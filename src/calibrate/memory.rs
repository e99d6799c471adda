//! What memory costs: locks, lines that move between processors, caches, streaming, compressing.

use super::Measured;
use super::pinned::{join, spawn};
use crate::cache::{CacheLayout, CachePlan, NoProbe};
use crate::clock::Clock;
use crate::engine::real::{Corpus, Memory, chain};
use crate::lock::{MutexLock, RawLock};
use crate::measure::Calibration;
use crate::sync::Padded;
use crate::units::Nanos;
use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Memory's figures.
pub(super) struct MemoryFigures {
    pub(super) lock: Measured,
    pub(super) transfer: Measured,
    pub(super) cache: Measured,
    pub(super) touch: Measured,
    pub(super) compress: Measured,
    update: Measured,
    crowding: Measured,
}

impl MemoryFigures {
    pub(super) fn into_figures(self) -> Vec<Measured> {
        vec![self.lock, self.update, self.transfer, self.cache, self.touch, self.compress, self.crowding]
    }
}

pub(super) fn measure(builtin: &Calibration) -> MemoryFigures {
    let ns = |time: Nanos| time.as_secs_f64() * 1e9;
    let lock = MutexLock::new();
    let locking = trials(2_000, || {
        lock.acquire();
        lock.release();
    });
    let word = AtomicU64::new(0);
    let updating = trials(5_000, || {
        word.fetch_add(1, Ordering::AcqRel);
    });
    let cache = CachePlan::of(CacheLayout::Contended, 1, 4096, 64).build();
    (0..4096).for_each(|key| {
        cache.insert_with(0, key, &mut NoProbe);
    });
    let mut key = 0_u64;
    let looking_up = trials(2_000, || {
        key = (key * 5 + 3) % 4096;
        black_box(cache.access_with(0, key, &mut NoProbe));
    });
    let mut memory = Memory::default();
    let mut touch = || {
        memory.touch(256 * 1024, || Ok::<_, Infallible>(())).ok();
    };
    touch();
    let touching = trials(4, touch).into_iter().map(|time| time / 256.0).collect();
    let mut corpus = Corpus::default();
    let mut compress = || {
        corpus.compress(64 * 1024, 18, || Ok::<_, Infallible>(())).ok();
    };
    compress();
    let compressing: Vec<f64> = trials_of(9, 1, compress).into_iter().map(|time| time / 64.0).collect();
    MemoryFigures {
        lock: Measured::of("lock", "taking and giving back a free mutex", locking, ns(builtin.lock)),
        update: Measured::of("update", "atomic read-modify-write (for information)", updating, 5.0),
        transfer: Measured::of(
            "transfer",
            "line from one processor to another",
            crossings(),
            ns(builtin.transfer),
        ),
        cache: Measured::of(
            "cache",
            "look-up in an LRU cache of 4096 entries",
            looking_up,
            ns(builtin.cache),
        ),
        touch: Measured::of("touch_per_kib", "streaming through 256 KiB, per KiB", touching, builtin.touch),
        compress: Measured::of(
            "compress_per_kib",
            "zlib level 6 on text, per KiB",
            compressing,
            builtin.compress,
        ),
        crowding: Measured::of(
            "crowding",
            "work on two processors at once, over work alone, per 1000 (for information)",
            crowding(),
            1000.0,
        ),
    }
}

fn trials(operations: u32, operation: impl FnMut()) -> Vec<f64> {
    trials_of(31, operations, operation)
}

/// Nanoseconds per operation, in each of `count` trials of `operations`.
fn trials_of(count: usize, operations: u32, mut operation: impl FnMut()) -> Vec<f64> {
    let clock = Clock::get();
    (0..count)
        .map(|_| {
            let start = clock.now();
            (0..operations).for_each(|_| operation());
            (clock.now() - start).as_secs_f64() * 1e9 / f64::from(operations)
        })
        .collect()
}

/// Two processors write one line in turn: half a round is a crossing.
fn crossings() -> Vec<f64> {
    const ROUNDS: u64 = 2_000;
    const TRIALS: u64 = 31;
    let line = Arc::new(Padded(AtomicU64::new(0)));
    let play = |first: u64, cpu: usize| {
        let line = Arc::clone(&line);
        spawn(cpu, move || {
            let clock = Clock::get();
            (0..TRIALS)
                .map(|trial| {
                    let start = clock.now();
                    for round in trial * ROUNDS..(trial + 1) * ROUNDS {
                        let mine = 2 * round + first;
                        // The partner answers within a crossing, or after it was preempted.
                        while line.load(Ordering::Acquire) < mine {
                            std::hint::spin_loop();
                        }
                        line.store(mine + 1, Ordering::Release);
                    }
                    (clock.now() - start).as_secs_f64() * 1e9 / (2 * ROUNDS) as f64
                })
                .collect()
        })
    };
    if crate::measure::host::cores() < 2 {
        return Vec::new();
    }
    let (one, other) = (play(0, 0), play(1, 1));
    join(other);
    join(one).unwrap_or_default()
}

/// How much longer work takes while another processor works too, times 1000.
fn crowding() -> Vec<f64> {
    let work = || {
        let clock = Clock::get();
        let times = |_: u32| {
            let start = clock.now();
            black_box(chain(200_000, 7));
            (clock.now() - start).as_secs_f64()
        };
        (0..40).map(times).collect::<Vec<f64>>()
    };
    let Some(mut alone) = join(spawn(0, work)) else { return Vec::new() };
    alone.sort_by(f64::total_cmp);
    let both = [spawn(0, work), spawn(1, work)];
    let together: Vec<f64> = both.into_iter().filter_map(join).flatten().collect();
    together.into_iter().map(|time| 1000.0 * time / alone[alone.len() / 2]).collect()
}
