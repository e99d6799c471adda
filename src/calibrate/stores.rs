//! What a store's reads and writes take: the very store of the real engine, in a file where its files are.

use super::Measured;
use crate::clock::Clock;
use crate::files::Temporary;
use crate::measure::sched::ThreadSched;
use crate::measure::{Calibration, StoreCost, StoreTimes, Waits};
use crate::random::{Source, Stream};
use crate::store::{Store, StoreError, StorePlan, make_value};
use crate::units::Nanos;
use std::hint::black_box;

/// Accesses before those that count.
const SETTLING: usize = 100;
/// A slow disk is given up on after so long; it has answered often enough then.
const PATIENCE: Nanos = Nanos::from_millis(2_500);

/// What was found.
pub(super) struct Stores {
    pub(super) cost: StoreCost,
    pub(super) figures: Vec<Measured>,
}

/// Accesses of one kind, each with its time and how much of it was on a processor, in nanoseconds.
#[derive(Default)]
struct Accesses {
    wall: Vec<f64>,
    on_cpu: Vec<f64>,
    /// The thread gave its processor up, altogether.
    waits: u64,
}

impl Accesses {
    /// Mean time, and mean time on a processor.
    fn means(&self) -> (f64, f64) {
        (mean(&self.wall), mean(&self.on_cpu))
    }

    /// Median time, for accesses that do not wait: what interrupts them is not theirs.
    fn median(&self) -> f64 {
        let mut wall = self.wall.clone();
        wall.sort_by(f64::total_cmp);
        wall.get(wall.len() / 2).copied().unwrap_or(0.0)
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of trials")]
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn nanos(time: Nanos) -> f64 {
    time.as_secs_f64() * 1e9
}

/// Measures; the built-in values stay where no file can be made or the kernel does not say who ran when.
pub(super) fn measure(builtin: &Calibration) -> Stores {
    let stores = &builtin.store;
    found().unwrap_or_else(|| Stores { cost: stores.clone(), figures: figures(stores, &[]) })
}

fn found() -> Option<Stores> {
    let (small, large) = (StoreCost::SMALL, StoreCost::LARGE);
    let durable = Trial::new(small, 1000, true)?;
    let commits = durable.accesses(true, 2_500)?;
    let reads = durable.accesses(false, 3_000)?;
    let loose = Trial::new(small, 1000, false)?.accesses(true, 1_500)?;
    let fetches = Trial::new(small, 20_000, false)?.accesses(false, 3_000)?;
    let small_times = times(&commits, &reads, &loose, &fetches, StoreCost::engine_caches(small, 20_000));
    let cached_trial = Trial::new(large, 32, false)?;
    let (large_loose, large_reads) =
        (cached_trial.accesses(true, 500)?, cached_trial.accesses(false, 1_000)?);
    let trial = Trial::new(large, 400, true)?;
    let (large_commits, large_fetches) = (trial.accesses(true, 500)?, trial.accesses(false, 1_000)?);
    let large_times = times(
        &large_commits,
        &large_reads,
        &large_loose,
        &large_fetches,
        StoreCost::engine_caches(large, 400),
    );
    // All of a write's spread is taken to be the disk's.
    let on_cpu = commits.means().1;
    let waiting = commits.wall.iter().map(|wall| (wall - on_cpu).max(0.0)).collect();
    let cost = StoreCost {
        small: small_times,
        large: large_times,
        waits: (commits.waits + commits.wall.len() as u64 / 2) / commits.wall.len().max(1) as u64,
        spread: Waits::of(waiting),
    };
    let figures = figures(&cost, &[reads.wall, fetches.wall, loose.wall, commits.on_cpu, commits.wall]);
    Some(Stores { cost, figures })
}

/// The times of one size of value. Of the fetches, the share `cached` was answered by the engine's cache.
fn times(
    commits: &Accesses,
    reads: &Accesses,
    loose: &Accesses,
    fetches: &Accesses,
    cached: f64,
) -> StoreTimes {
    let time = |value: f64| Nanos(1).scaled(value.max(0.0));
    let ((commit, on_cpu), read) = (commits.means(), reads.median());
    StoreTimes {
        read: time(read),
        fetch: time((fetches.median() - cached * read) / (1.0 - cached)),
        write: time(loose.median()),
        commit: time(on_cpu),
        wait: time(commit - on_cpu),
    }
}

/// The lines of the table; `trials` in their order, or none.
fn figures(cost: &StoreCost, trials: &[Vec<f64>]) -> Vec<Measured> {
    let small = &cost.small;
    let lines = [
        ("store_read", "a store's read of 1 KiB, cached by its engine", small.read),
        ("store_fetch", "a store's read of 1 KiB, mostly cached by the system alone", small.fetch),
        ("store_write", "a store's write of 1 KiB that need not be on the disk", small.write),
        ("store_commit", "a durable write of 1 KiB, on a processor", small.commit),
        (
            "store_durable",
            "a durable write of 1 KiB, with its waiting for the disk",
            small.commit + small.wait,
        ),
    ];
    let each = lines.into_iter().enumerate();
    each.map(|(line, (name, what, builtin))| {
        Measured::of(name, what, trials.get(line).cloned().unwrap_or_default(), nanos(builtin))
    })
    .collect()
}

/// A store to try.
struct Trial {
    store: Store,
    _folder: Temporary,
}

impl Trial {
    fn new(value_bytes: usize, count: u64, durable: bool) -> Option<Self> {
        let folder = Temporary::new("calibrate").ok()?;
        let store = Store::create(folder.path(), &StorePlan { value_bytes, count, durable }).ok()?;
        Some(Self { store, _folder: folder })
    }

    /// Reads or writes keys at random, so many times or until patience ends.
    fn accesses(&self, write: bool, trials: usize) -> Option<Accesses> {
        let (clock, sched) = (Clock::get(), ThreadSched::of_this_thread());
        let mut stream = Stream::new(18, Source::Scheduler, 0, 0);
        let mut found = Accesses::default();
        let begin = clock.now();
        let mut first = sched.figures()?;
        for trial in 0..SETTLING + trials {
            if trial == SETTLING {
                first = sched.figures()?;
            }
            let (before, start) = (sched.figures()?, clock.now());
            self.access(write, trial as u64, &mut stream).ok()?;
            let (end, after) = (clock.now(), sched.figures()?);
            if trial >= SETTLING {
                found.wall.push(nanos(end - start));
                found.on_cpu.push(nanos(after.since(before).on_cpu));
            }
            if end - begin > PATIENCE && found.wall.len() > SETTLING {
                break;
            }
        }
        found.waits = sched.figures()?.since(first).voluntary_switches;
        Some(found)
    }

    fn access(&self, write: bool, version: u64, stream: &mut Stream) -> Result<(), StoreError> {
        let plan = self.store.plan();
        let key = stream.below(plan.count);
        if write {
            self.store.write(key, &make_value(key, version, plan.value_bytes))
        } else {
            self.store.read(key).map(|value| {
                black_box(value);
            })
        }
    }
}
