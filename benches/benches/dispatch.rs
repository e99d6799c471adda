//! What the real engine costs beyond its queue: empty tasks through the whole engine, probe included, beside a bare
//! loop that takes items from the same queue and puts them back.
//!
//! Both circulate 64 items among the workers, in rounds that alternate, so that a machine that changes its speed
//! changes it for both. `cargo bench -p conlab-benches --bench dispatch -- --rounds 5`

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run should stop")]
#![expect(clippy::disallowed_methods, reason = "the bare loop has no clock of conlab's")]
#![expect(missing_docs, reason = "a program")]

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
const LENGTH: Duration = Duration::from_millis(400);
const KINDS: [QueueKind; 4] =
    [QueueKind::Mutex, QueueKind::LockFree, QueueKind::ArrayQueue, QueueKind::SegQueue];

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let rounds: usize = words
        .iter()
        .position(|word| word == "--rounds")
        .and_then(|at| words.get(at + 1)?.parse().ok())
        .unwrap_or(5);
    println!("million tasks/s, median of {rounds} alternating rounds of {} ms", LENGTH.as_millis());
    println!("{:<12} {:>7} {:>10} {:>10} {:>7}  ratios", "queue", "threads", "bare loop", "engine", "ratio");
    for threads in [1, 2, 4] {
        for kind in KINDS {
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
    let queue: Arc<dyn TaskQueue<Box<u64>>> = Arc::from(build::<Box<u64>>(kind, 1024));
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
