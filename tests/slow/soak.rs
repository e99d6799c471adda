//! An hour of mixed runs on both engines in one process:
//!
//! ```sh
//! CONLAB_SOAK_MINUTES=60 cargo test --release --test slow soak -- --ignored --nocapture
//! ```
//!
//! Each run has a fresh seed, a built-in scenario, a number of threads and a queue drawn from it. Its identities hold;
//! no thread and no file is left open; and the memory that the process holds does not grow by more than 5 % after its first
//! five minutes (or its first twelfth, when it runs for less than an hour).

use conlab::clock;
use conlab::engine::real::RealEngine;
use conlab::engine::{Engine, Experiment, Progress, VirtualEngine};
use conlab::measure::RunRecord;
use conlab::measure::record::VerdictKind;
use conlab::queue::QueueKind;
use conlab::random::{Source, Stream};
use conlab::scenario::{EMBEDDED, LoadArm, Scenario, Treatment};
use conlab::units::Nanos;
use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// Runs that a closing thread or file may still be counted in.
const LOOKS: u32 = 200;

/// The system's allocator, which counts what is held: what the process occupies also has what the allocator keeps.
struct Counting;

static HELD: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every method hands its arguments to `System`, which keeps the contract, and returns what it returned.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc` for `layout`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: `pointer` came from `System` by `alloc`, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Memory that is held, in KiB.
fn held() -> u64 {
    HELD.load(Ordering::Relaxed) / 1024
}

struct Soak {
    stream: Stream,
    real: RealEngine,
    model: VirtualEngine,
    runs: u64,
    tasks: u64,
    refused: BTreeMap<String, u64>,
    faults: Vec<String>,
}

impl Soak {
    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.stream.below(most as u64)).unwrap()
    }

    /// One run; what is wrong with it is kept.
    fn run(&mut self) {
        let embedded = &EMBEDDED[self.below(EMBEDDED.len())];
        let seed = self.stream.below(1 << 40);
        let queue = QueueKind::ALL[self.below(QueueKind::ALL.len())];
        let threads = [1, 2, 3, 8, 16][self.below(5)];
        let is_real = self.below(2) == 0;
        let mut scenario = Scenario::parse(embedded.text, embedded.name).unwrap();
        scenario.run.tasks = None;
        scenario.run.duration = Some(Nanos::from_millis(500));
        scenario.run.warmup = Nanos::from_millis(50);
        scenario.run.seed = seed;
        let treatment = Treatment { threads: Some(threads), queue: Some(queue), ..Treatment::default() };
        let experiment = Experiment::new(scenario.treated(&treatment), LoadArm::Baseline);
        let engine: &dyn Engine = if is_real { &self.real } else { &self.model };
        let place = format!(
            "{} --engine {} --threads {threads} --queue {} --seed {seed}",
            embedded.name,
            if is_real { "real" } else { "virtual" },
            queue.name()
        );
        match engine.run(&experiment, &Progress::default()) {
            Ok(output) => {
                self.runs += 1;
                self.tasks += output.record.actors.values().map(|actor| actor.completed).sum::<u64>();
                self.faults.extend(faults(&output.record).map(|fault| format!("{place}: {fault}")));
            }
            // What this host or this number of threads cannot do is refused before it starts.
            Err(error) => *self.refused.entry(error.to_string()).or_default() += 1,
        }
    }
}

/// Identities that do not hold. A busy machine takes time from threads, and a stated verdict excuses nothing else.
fn faults(record: &RunRecord) -> impl Iterator<Item = String> + '_ {
    let is_busy = record.engine == "real";
    let stated = record
        .verdicts
        .iter()
        .any(|verdict| matches!(verdict.kind, VerdictKind::Deadlock | VerdictKind::TooShort));
    record
        .identities
        .iter()
        .filter(move |identity| {
            let is_excused = stated || is_busy && identity.name == "thread-time";
            !identity.holds && !is_excused
        })
        .map(|identity| format!("{}: {}", identity.name, identity.detail))
}

fn entries(folder: &str) -> usize {
    fs::read_dir(folder).unwrap().count()
}

/// Memory that the process occupies and that is no file's, in KiB: what is held and what the allocator keeps.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Medians of what was held and occupied while a part of the soak ran; its room is taken at once, so as not to grow.
struct Part {
    from: Duration,
    to: Duration,
    held: Vec<u64>,
    resident: Vec<u64>,
}

impl Part {
    fn between(from: Duration, to: Duration) -> Self {
        Self { from, to, held: Vec::with_capacity(4096), resident: Vec::with_capacity(4096) }
    }

    fn look(&mut self, at: Duration) {
        if (self.from..self.to).contains(&at) && self.held.len() < self.held.capacity() {
            self.held.push(held());
            self.resident.push(resident());
        }
    }
}

/// Waits until as few threads and files are there as before; a thread that has ended is listed for a moment.
fn settled(before: (usize, usize)) -> (usize, usize) {
    let mut now = (0, 0);
    for _ in 0..LOOKS {
        now = (entries("/proc/self/task"), entries("/proc/self/fd"));
        if now.0 <= before.0 && now.1 <= before.1 {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    now
}

fn median(mut values: Vec<u64>) -> u64 {
    assert!(!values.is_empty(), "no run ended in a twelfth of the soak: give it more minutes");
    values.sort_unstable();
    values[values.len() / 2]
}

#[test]
#[ignore = "an hour"]
fn an_hour_of_runs_breaks_no_identity_and_leaves_nothing_behind() {
    let setting = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let length = Duration::from_secs(60 * setting("CONLAB_SOAK_MINUTES").unwrap_or(60));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let seed = setting("CONLAB_SEED").unwrap_or(now.as_secs());
    eprintln!("seed {seed}, {} minutes", length.as_secs() / 60);
    let mut soak = Soak {
        stream: Stream::new(seed, Source::Data, 0, 0),
        real: RealEngine::new(),
        model: VirtualEngine::new(),
        runs: 0,
        tasks: 0,
        refused: BTreeMap::new(),
        faults: Vec::new(),
    };
    // The first runs start what lives as long as the process.
    (0..20).for_each(|_| soak.run());
    let before = (entries("/proc/self/task"), entries("/proc/self/fd"));
    let begun = clock::now();
    let passed = || clock::now().saturating_sub(begun).to_duration();
    let mut early = Part::between(length / 12, length / 6);
    let mut late = Part::between(length - length / 12, length * 2);
    let mut told = Duration::ZERO;
    while passed() < length {
        soak.run();
        let after = settled(before);
        assert!(
            after.0 <= before.0 && after.1 <= before.1,
            "seed {seed}, run {}: {after:?} threads and files, {before:?} before",
            soak.runs
        );
        early.look(passed());
        late.look(passed());
        if passed() > told + length / 12 {
            told = passed();
            eprintln!(
                "{} min: {} runs, {} tasks, {} KiB held, {} threads, {} files, {} faults",
                told.as_secs() / 60,
                soak.runs,
                soak.tasks,
                held(),
                after.0,
                after.1,
                soak.faults.len()
            );
        }
    }
    eprintln!("{} runs, {} tasks; refused: {:?}", soak.runs, soak.tasks, soak.refused);
    let (before, after) = (median(early.held), median(late.held));
    eprintln!(
        "held {before} KiB early and {after} KiB at the end; occupied {} and {} KiB",
        median(early.resident),
        median(late.resident)
    );
    assert!(soak.faults.is_empty(), "seed {seed}: {:#?}", soak.faults);
    assert!(after * 100 <= before * 105, "seed {seed}: {before} KiB were held early, {after} KiB at the end");
}
