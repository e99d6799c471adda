//! What the real engine costs beyond its queue: empty tasks through the whole engine, probe included, beside a bare
//! loop that takes items from the same queue and puts them back.
//!
//! Both circulate 64 items among the workers, in rounds that alternate, so that a machine that changes its speed
//! changes it for both. `cargo bench -p conlab-benches --bench dispatch -- --rounds 5 [--queue KIND] [--threads N]`

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run should stop")]
#![expect(clippy::disallowed_methods, reason = "the bare loop has no clock of conlab's")]

use conlab::engine::real::RealEngine;
use conlab::engine::{Engine, Experiment, Progress};
use conlab::queue::{QueueKind, TaskQueue, build};
use conlab::scenario::{LoadArm, Scenario, Treatment};
use conlab::units::Nanos;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const ITEMS: u64 = 64;
const CAPACITY: usize = 1024;
const LENGTH: Duration = Duration::from_millis(400);
const KINDS: [QueueKind; 5] =
    [QueueKind::Mutex, QueueKind::LockFree, QueueKind::ArrayQueue, QueueKind::SegQueue, QueueKind::Async];

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let after = |name: &str| {
        words.iter().position(|word| word == name).and_then(|at| words.get(at + 1)).map(String::as_str)
    };
    let rounds: usize = after("--rounds").and_then(|word| word.parse().ok()).unwrap_or(5);
    let only_threads: Option<usize> = after("--threads").and_then(|word| word.parse().ok());
    let only_queue = after("--queue");
    println!("million tasks/s, median of {rounds} alternating rounds of {} ms", LENGTH.as_millis());
    println!("{:<12} {:>7} {:>10} {:>10} {:>7}  ratios", "queue", "threads", "bare loop", "engine", "ratio");
    for threads in [1, 2, 4].into_iter().filter(|threads| only_threads.is_none_or(|only| only == *threads)) {
        for kind in KINDS.into_iter().filter(|kind| only_queue.is_none_or(|only| only == kind.name())) {
            let pairs: Vec<(f64, f64)> =
                (0..rounds).map(|_| (bare(kind, threads), engine(kind, threads))).collect();
            let mut ratios: Vec<f64> = pairs.iter().map(|(bare, engine)| engine / bare).collect();
            ratios.sort_by(f64::total_cmp);
            println!(
                "{:<12} {threads:>7} {:>10.1} {:>10.1} {:>7.2}  {:.2}..{:.2}",
                kind.name(),
                median(pairs.iter().map(|pair| pair.0)),
                median(pairs.iter().map(|pair| pair.1)),
                ratios[rounds / 2],
                ratios[0],
                ratios[rounds - 1],
            );
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Workers that take a boxed item and put it back, as a client's task goes round; million items per second.
fn bare(kind: QueueKind, threads: usize) -> f64 {
    if kind == QueueKind::Async {
        return bare_async(threads);
    }
    let queue: Arc<dyn TaskQueue<Box<u64>>> = Arc::from(build::<Box<u64>>(kind, CAPACITY));
    (0..ITEMS).for_each(|item| queue.push(Box::new(item)).unwrap());
    let stop = AtomicBool::new(false);
    let total = AtomicU64::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) {
                    let item = queue.try_pop().or_else(|_| queue.pop()).unwrap();
                    queue.push(black_box(item)).unwrap();
                    count += 1;
                }
                total.fetch_add(count, Ordering::Relaxed);
            });
        }
        thread::sleep(LENGTH);
        stop.store(true, Ordering::Relaxed);
    });
    millions(total.into_inner(), start.elapsed().as_secs_f64())
}

/// The same for tokio tasks, as many as the engine has handlers for a queue of this capacity.
fn bare_async(threads: usize) -> f64 {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).build().unwrap();
    let (sender, receiver) = async_channel::bounded::<Box<u64>>(CAPACITY);
    (0..ITEMS).for_each(|item| sender.try_send(Box::new(item)).unwrap());
    let stop = Arc::new(AtomicBool::new(false));
    let start = Instant::now();
    let handlers: Vec<_> = (0..CAPACITY)
        .map(|_| {
            let (sender, receiver, stop) = (sender.clone(), receiver.clone(), Arc::clone(&stop));
            runtime.spawn(async move {
                let mut count = 0_u64;
                while let Ok(item) = receiver.recv().await {
                    count += 1;
                    if stop.load(Ordering::Relaxed) || sender.try_send(black_box(item)).is_err() {
                        receiver.close();
                    }
                }
                count
            })
        })
        .collect();
    thread::sleep(LENGTH);
    stop.store(true, Ordering::Relaxed);
    let counts = runtime.block_on(async {
        let mut total = 0;
        for handler in handlers {
            total += handler.await.unwrap();
        }
        total
    });
    millions(counts, start.elapsed().as_secs_f64())
}

/// The whole engine: arrival, dispatch, an empty program, completion, the next arrival, everything recorded.
fn engine(kind: QueueKind, threads: usize) -> f64 {
    let text = format!(
        "schema = 1\nname = \"empty\"\n[run]\nwarmup = \"50ms\"\n[actor.a]\nfocus = true\nload = {{ clients = {ITEMS} }}\nsteps = []\n"
    );
    let mut scenario = Scenario::parse(&text, "empty").unwrap();
    scenario.run.tasks = None;
    scenario.run.duration = Some(Nanos(u64::try_from(LENGTH.as_nanos()).unwrap()));
    let treatment = Treatment { threads: Some(threads), queue: Some(kind), ..Treatment::default() };
    let experiment = Experiment::new(scenario.treated(&treatment), LoadArm::Baseline);
    let record = RealEngine::new().run(&experiment, &Progress::default()).unwrap().record;
    record.actors["a"].throughput_per_s / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "a rate")]
fn millions(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds / 1e6
}
