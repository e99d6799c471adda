//! conlab's cache layouts beside the concurrent caches of crates.io: accesses per second by number of threads.
//!
//! Every access looks a key up, reads the whole value, and on a miss inserts it. The candidates take turns, round by
//! round, so that what drifts in the machine falls on all of them; keys are drawn before the clock starts, the
//! same for every candidate. Shown are medians over the rounds, in million accesses per second.
//!
//! `cargo bench -p conlab-benches --bench caches -- [--rounds N] [--millis N] [--threads 1,2,…] [--only NAME,…]`
//! `[--keys N] [--capacity N] [--zipf S]`
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(clippy::cast_precision_loss, reason = "figures are shown, not kept")]

use conlab::cache::{CacheLayout, CachePlan, Locking, LruCache, NoProbe};
use conlab::random::{Source, Stream};
use conlab::workload::Keys;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

/// Words of a value: 64 bytes.
const WORDS: usize = 8;

/// A cache as its users call it: one access, with the value read and a miss filled.
trait Candidate: Send + Sync {
    /// Returns whether the key was there.
    fn access(&self, worker: usize, key: u64) -> bool;
}

impl Candidate for LruCache {
    fn access(&self, worker: usize, key: u64) -> bool {
        let access = self.access_with(worker, key, &mut NoProbe);
        black_box(access.digest);
        if !access.hit {
            self.insert_with(worker, key, &mut NoProbe);
        }
        access.hit
    }
}

/// `quick_cache` with values of words that are copied out.
struct QuickCopied(quick_cache::sync::Cache<u64, [u64; WORDS]>);

impl Candidate for QuickCopied {
    fn access(&self, _: usize, key: u64) -> bool {
        if let Some(value) = self.0.get(&key) {
            black_box(value.iter().fold(0, |sum: u64, word| sum.wrapping_add(*word)));
            return true;
        }
        self.0.insert(key, [key; WORDS]);
        false
    }
}

/// `quick_cache` with values behind a shared pointer.
struct QuickShared(quick_cache::sync::Cache<u64, Arc<[u64; WORDS]>>);

impl Candidate for QuickShared {
    fn access(&self, _: usize, key: u64) -> bool {
        if let Some(value) = self.0.get(&key) {
            black_box(value.iter().fold(0, |sum: u64, word| sum.wrapping_add(*word)));
            return true;
        }
        self.0.insert(key, Arc::new([key; WORDS]));
        false
    }
}

/// `moka` with values behind a shared pointer.
struct Moka(moka::sync::Cache<u64, Arc<[u64; WORDS]>>);

impl Candidate for Moka {
    fn access(&self, _: usize, key: u64) -> bool {
        if let Some(value) = self.0.get(&key) {
            black_box(value.iter().fold(0, |sum: u64, word| sum.wrapping_add(*word)));
            return true;
        }
        self.0.insert(key, Arc::new([key; WORDS]));
        false
    }
}

const NAMES: [&str; 9] = [
    "contended",
    "contended, spinning",
    "sharded",
    "sharded, packed",
    "isolated",
    "isolated, locked",
    "quick_cache, copied",
    "quick_cache, shared",
    "moka, shared",
];

fn build(name: &str, threads: usize, capacity: usize) -> Box<dyn Candidate> {
    let ours = |layout| CachePlan::of(layout, threads, capacity, WORDS * 8);
    let plan = match name {
        "contended" => ours(CacheLayout::Contended),
        "contended, spinning" => CachePlan { locking: Locking::Spin, ..ours(CacheLayout::Contended) },
        "sharded" => ours(CacheLayout::Sharded),
        "sharded, packed" => CachePlan { padded: false, ..ours(CacheLayout::Sharded) },
        "isolated" => ours(CacheLayout::Isolated),
        "isolated, locked" => CachePlan { locking: Locking::Mutex, ..ours(CacheLayout::Isolated) },
        "quick_cache, copied" => return Box::new(QuickCopied(quick_cache::sync::Cache::new(capacity))),
        "quick_cache, shared" => return Box::new(QuickShared(quick_cache::sync::Cache::new(capacity))),
        _ => return Box::new(Moka(moka::sync::Cache::new(capacity as u64))),
    };
    Box::new(plan.build())
}

struct Options {
    rounds: usize,
    length: Duration,
    threads: Vec<usize>,
    only: Vec<String>,
    keys: u64,
    capacity: usize,
    zipf: f64,
}

fn options() -> Options {
    let mut options = Options {
        rounds: 7,
        length: Duration::from_millis(100),
        threads: vec![1, 2, 4, 16],
        only: vec![],
        keys: 100_000,
        capacity: 4096,
        zipf: 0.99,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_default();
        match word.as_str() {
            "--rounds" => options.rounds = value().parse().unwrap_or(7),
            "--millis" => options.length = Duration::from_millis(value().parse().unwrap_or(100)),
            "--threads" => options.threads = value().split(',').filter_map(|n| n.parse().ok()).collect(),
            "--only" => options.only = value().split(';').map(str::to_owned).collect(),
            "--keys" => options.keys = value().parse().unwrap_or(100_000),
            "--capacity" => options.capacity = value().parse().unwrap_or(4096),
            "--zipf" => options.zipf = value().parse().unwrap_or(0.99),
            _ => {} // what cargo adds
        }
    }
    options
}

/// Accesses per microsecond of all threads together, and the hit ratio.
fn measure(cache: &dyn Candidate, keys: &[Vec<u64>], length: Duration) -> (f64, f64) {
    let stop = AtomicBool::new(false);
    let barrier = Barrier::new(keys.len() + 1);
    thread::scope(|scope| {
        let workers: Vec<_> = keys
            .iter()
            .enumerate()
            .map(|(worker, keys)| {
                let (stop, barrier) = (&stop, &barrier);
                scope.spawn(move || {
                    for key in keys {
                        cache.access(worker, *key); // fills the cache
                    }
                    barrier.wait();
                    let began = conlab::clock::now();
                    let (mut accesses, mut hits) = (0_u64, 0_u64);
                    'all: loop {
                        for part in keys.chunks(256) {
                            hits += part.iter().map(|key| u64::from(cache.access(worker, *key))).sum::<u64>();
                            accesses += part.len() as u64;
                            if stop.load(Ordering::Relaxed) {
                                break 'all;
                            }
                        }
                    }
                    let took = conlab::clock::now().saturating_sub(began);
                    (accesses, hits, took.as_secs_f64())
                })
            })
            .collect();
        barrier.wait();
        thread::sleep(length);
        stop.store(true, Ordering::Relaxed);
        let done: Vec<_> = workers.into_iter().filter_map(|worker| worker.join().ok()).collect();
        let rate = done.iter().map(|(accesses, _, seconds)| *accesses as f64 / seconds).sum::<f64>() / 1e6;
        let accesses: u64 = done.iter().map(|(accesses, ..)| accesses).sum();
        let hits: u64 = done.iter().map(|(_, hits, _)| hits).sum();
        (rate, hits as f64 / accesses as f64)
    })
}

fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

fn main() {
    let options = options();
    let keys = Keys::new(options.keys, options.zipf);
    let names: Vec<_> = NAMES
        .into_iter()
        .filter(|name| {
            options.only.is_empty() || options.only.iter().any(|part| name.contains(part.as_str()))
        })
        .collect();
    println!(
        "{} keys, Zipf {}, capacity {} (of each copy when isolated), values of {} bytes, {} rounds of {:?}",
        options.keys,
        options.zipf,
        options.capacity,
        WORDS * 8,
        options.rounds,
        options.length
    );
    println!("million accesses per second, median (least–most) of the rounds; hit ratio");
    let mut samples: BTreeMap<(usize, usize), Vec<f64>> = BTreeMap::new();
    let mut ratios: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    for round in 0..options.rounds {
        for (column, &threads) in options.threads.iter().enumerate() {
            let drawn: Vec<Vec<u64>> = (0..threads)
                .map(|worker| {
                    let mut stream = Stream::new(18, Source::Data, worker as u64, round as u64);
                    (0..1 << 15).map(|_| keys.draw(&mut stream)).collect()
                })
                .collect();
            for turn in 0..names.len() {
                // Each round begins with another candidate.
                let row = (turn + round) % names.len();
                let cache = build(names[row], threads, options.capacity);
                let (rate, ratio) = measure(&*cache, &drawn, options.length);
                samples.entry((row, column)).or_default().push(rate);
                ratios.insert((row, column), ratio);
            }
        }
    }
    print!("{:<22}", "");
    options.threads.iter().for_each(|threads| print!(" {threads:>22} thr"));
    println!();
    for (row, name) in names.iter().enumerate() {
        print!("{name:<22}");
        for column in 0..options.threads.len() {
            let Some(rates) = samples.get_mut(&(row, column)) else { continue };
            let middle = median(rates);
            let (least, most) = (rates[0], rates[rates.len() - 1]);
            let ratio = ratios.get(&(row, column)).copied().unwrap_or_default();
            print!(" {:>26}", format!("{middle:.1} ({least:.1}–{most:.1}) {:.0} %", ratio * 100.0));
        }
        println!();
    }
}
