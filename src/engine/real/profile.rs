//! Profilers of the real engine: steps timed one by one, steps sampled from outside, allocations by step.
//!
//! | profiler | sees | cannot see |
//! | --- | --- | --- |
//! | deterministic | every entry and exit of a step, with a clock read at each | why a step took its time |
//! | sampling | what each worker does at some instants | calls, and what is shorter than its share of samples |
//! | memory | allocations between entry and exit of a step, by its own thread | memory that was there before |
//!
//! Their own cost is measured and part of the record. Allocations of handlers that await are not counted by step: what a
//! step allocates is counted by its thread, and a handler's steps do not stay on one.

use super::runtime::Runtime;
use crate::clock::Clock;
use crate::engine::{Profiler, ThreadState};
use crate::measure::allocations::{self, Allocated, Watching};
use crate::measure::record::{ProfileEntry, ProfileRecord};
use crate::measure::sched::ThreadSched;
use crate::random::{Source, Stream};
use crate::units::Nanos;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// Mean time between two samples: 100 a second, as py-spy does.
const PERIOD: Nanos = Nanos::from_millis(10);

/// One step of one worker, as a profiler saw it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct StepSeen {
    calls: u64,
    total: Nanos,
    /// Waiting for the answers of others: theirs, not the step's own.
    called: Nanos,
    allocated: Allocated,
}

impl StepSeen {
    fn merge(&mut self, other: &Self) {
        self.calls += other.calls;
        self.total += other.total;
        self.called += other.called;
        self.allocated.count += other.allocated.count;
        self.allocated.bytes += other.allocated.bytes;
        self.allocated.peak = self.allocated.peak.max(other.allocated.peak);
    }
}

/// What a worker tells a profiler at the ends of its steps.
#[derive(Debug)]
pub(super) struct StepHooks {
    clock: Clock,
    counts_memory: bool,
    rows: Vec<StepSeen>,
    entered: Nanos,
    call_began: Nanos,
    called: Nanos,
}

impl StepHooks {
    /// Hooks for a worker with so many steps, if the profiler needs any.
    pub(super) fn new(profiler: Profiler, clock: &Clock, steps: usize) -> Option<Self> {
        let counts_memory = match profiler {
            Profiler::Deterministic => false,
            Profiler::Memory => true,
            Profiler::None | Profiler::Sampling => return None,
        };
        Some(Self {
            clock: clock.clone(),
            counts_memory,
            rows: vec![StepSeen::default(); steps],
            entered: Nanos::ZERO,
            call_began: Nanos::ZERO,
            called: Nanos::ZERO,
        })
    }

    /// Forgets the warm-up.
    pub(super) fn begin_window(&mut self) {
        self.rows.fill(StepSeen::default());
    }

    pub(super) fn enter(&mut self) {
        self.called = Nanos::ZERO;
        if self.counts_memory {
            allocations::take();
        }
        self.entered = self.clock.now();
    }

    /// A repetition of the step begins.
    pub(super) fn repeat(&mut self, step: usize) {
        self.leave(step);
        self.enter();
    }

    pub(super) fn call(&mut self) {
        self.call_began = self.clock.now();
    }

    pub(super) fn answered(&mut self) {
        self.called += self.clock.now().saturating_sub(self.call_began);
    }

    pub(super) fn leave(&mut self, step: usize) {
        let now = self.clock.now();
        let allocated = if self.counts_memory { allocations::take() } else { Allocated::default() };
        let total = now.saturating_sub(self.entered);
        self.rows[step].merge(&StepSeen { calls: 1, total, called: self.called, allocated });
    }

    /// Empties what was seen of one task into `rows`, if it is measured.
    pub(super) fn empty_into(&mut self, rows: &mut Vec<StepSeen>, measured: bool) {
        if measured {
            merge(rows, &self.rows);
        }
        self.begin_window();
    }
}

/// Sums the rows of an actor's workers.
pub(super) fn merge(into: &mut Vec<StepSeen>, rows: &[StepSeen]) {
    if into.len() < rows.len() {
        into.resize(rows.len(), StepSeen::default());
    }
    into.iter_mut().zip(rows).for_each(|(mine, theirs)| mine.merge(theirs));
}

/// Samples of one worker: by step (0: between steps) and state.
type Counts = Vec<[u64; ThreadState::ALL.len()]>;

/// What a sampler brings back.
#[derive(Debug, Default)]
pub(super) struct Samples {
    /// By actor.
    counts: Vec<Counts>,
    /// Processor time of the sampler.
    cost: Nanos,
}

/// What watches a run from outside its workers.
pub(super) struct Attached {
    sampler: Option<Sampler>,
    _watching: Option<Watching>,
}

impl Attached {
    /// Starts what the run's profiler needs.
    pub(super) fn start(run: &Arc<Runtime>) -> Self {
        Self {
            sampler: if run.profiler == Profiler::Sampling { Sampler::start(run) } else { None },
            _watching: if run.profiler == Profiler::Memory { allocations::watch() } else { None },
        }
    }

    /// Stops it, and returns what a sampler saw.
    pub(super) fn finish(self) -> Option<Samples> {
        self.sampler.map(Sampler::finish)
    }
}

/// A thread that reads each worker's current step now and then.
struct Sampler {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Samples>,
}

impl Sampler {
    /// Starts sampling the workers of `run`; `None` when the system has no thread left.
    fn start(run: &Arc<Runtime>) -> Option<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, run) = (Arc::clone(&stop), Arc::clone(run));
        let sample = move || {
            let sched = ThreadSched::of_this_thread();
            let before = sched.figures();
            let mut samples = Samples {
                counts: run
                    .actors
                    .iter()
                    .map(|actor| vec![[0; ThreadState::ALL.len()]; actor.program.steps.len() + 1])
                    .collect(),
                cost: Nanos::ZERO,
            };
            // A fixed period would lock in with periodic work, so gaps are uniform in half to one and a half of it.
            let mut stream = Stream::new(run.seed, Source::Scheduler, u64::MAX, 0);
            while !stopped.load(Ordering::Relaxed) {
                thread::park_timeout(PERIOD.scaled(0.5 + stream.unit()).to_duration());
                let now = run.clock.now();
                if now >= run.window_start() && now < run.window_end() {
                    samples.sweep(&run);
                }
            }
            if let Some((before, after)) = before.zip(sched.figures()) {
                samples.cost = after.since(before).on_cpu;
            }
            samples
        };
        let thread = thread::Builder::new().name("sampler".into()).spawn(sample).ok()?;
        Some(Self { stop, thread })
    }

    /// Stops, and returns what was seen.
    fn finish(self) -> Samples {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        self.thread.join().unwrap_or_default()
    }
}

impl Samples {
    /// One look at every worker.
    fn sweep(&mut self, run: &Runtime) {
        let owners =
            run.actors.iter().enumerate().flat_map(|(actor, it)| std::iter::repeat_n(actor, it.spec.threads));
        for (current, actor) in run.current.iter().zip(owners) {
            let word = current.load(Ordering::Relaxed);
            let (step, state) = ((word >> 8) as usize, (word & 0xff) as usize);
            if let Some(count) = self.counts[actor].get_mut(step).and_then(|states| states.get_mut(state)) {
                *count += 1;
            }
        }
    }

    /// Samples that found a worker in a step, as stacks `actor;step;state`.
    pub(super) fn into_record(self, run: &Runtime, busy: Nanos) -> ProfileRecord {
        let mut record = empty(Profiler::Sampling, "samples");
        for (actor, counts) in run.actors.iter().zip(&self.counts) {
            for (step, states) in actor.program.steps.iter().zip(counts.iter().skip(1)) {
                let (mut own, mut total) = (0, 0);
                for state in ThreadState::ALL.into_iter().filter(|state| *state != ThreadState::Idle) {
                    let count = states[state as usize];
                    total += count;
                    own += if state == ThreadState::Call { 0 } else { count };
                    if count > 0 {
                        record.stacks.push((format!("{};{step};{}", actor.spec.name, state.name()), count));
                    }
                }
                record.entries.push(entry(&actor.spec.name, step, 0, own, total));
            }
        }
        record.overhead = share(self.cost, busy);
        record
    }
}

/// The record of what hooks saw, by actor; `busy` is the workers' time on processors.
pub(super) fn record_of_hooks(
    profiler: Profiler,
    run: &Runtime,
    seen: &[Vec<StepSeen>],
    busy: Nanos,
) -> ProfileRecord {
    let counts_memory = profiler == Profiler::Memory;
    let mut record = empty(profiler, if counts_memory { "bytes" } else { "ns" });
    let (mut hooks, mut allocations) = (0, 0);
    for (actor, rows) in run.actors.iter().zip(seen) {
        for (step, row) in actor.program.steps.iter().zip(rows) {
            let name = &actor.spec.name;
            hooks += row.calls;
            allocations += row.allocated.count;
            let (own, total) = if counts_memory {
                (row.allocated.bytes, row.allocated.bytes)
            } else {
                (row.total.saturating_sub(row.called).0, row.total.0)
            };
            let mut line = entry(name, step, row.calls, own, total);
            line.peak_bytes = counts_memory.then_some(row.allocated.peak);
            record.entries.push(line);
            if own > 0 {
                record.stacks.push((format!("{name};{step}"), own));
            }
            if total > own {
                record.stacks.push((format!("{name};{step};(answers of others)"), total - own));
            }
        }
    }
    let (hook, allocation) = costs(&run.clock, counts_memory);
    #[expect(clippy::cast_precision_loss, reason = "counts of one run")]
    let cost = hooks as f64 * hook + allocations as f64 * allocation;
    record.overhead = share(Nanos(1).scaled(cost), busy);
    record
}

fn empty(profiler: Profiler, unit: &str) -> ProfileRecord {
    ProfileRecord { profiler: profiler.name().to_owned(), unit: unit.to_owned(), ..ProfileRecord::default() }
}

fn entry(actor: &str, step: &str, calls: u64, own: u64, total: u64) -> ProfileEntry {
    ProfileEntry {
        actor: actor.to_owned(),
        step: step.to_owned(),
        calls,
        self_weight: own,
        total_weight: total,
        peak_bytes: None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share")]
fn share(cost: Nanos, busy: Nanos) -> f64 {
    if busy == Nanos::ZERO { 0.0 } else { (cost.0 as f64 / busy.0 as f64).min(1.0) }
}

/// What an entry with its exit costs, and what counting adds to an allocation, in nanoseconds; measured now.
fn costs(clock: &Clock, counts_memory: bool) -> (f64, f64) {
    const ROUNDS: u32 = 2_000;
    let mean = |from: Nanos| clock.now().saturating_sub(from).as_secs_f64() * 1e9 / f64::from(ROUNDS);
    let profiler = if counts_memory { Profiler::Memory } else { Profiler::Deterministic };
    let Some(mut hooks) = StepHooks::new(profiler, clock, 1) else { return (0.0, 0.0) };
    let start = clock.now();
    for _ in 0..ROUNDS {
        hooks.enter();
        hooks.leave(0);
    }
    let hook = mean(start);
    std::hint::black_box(&hooks);
    if !counts_memory {
        return (hook, 0.0);
    }
    let allocate = || {
        let start = clock.now();
        (0..ROUNDS).for_each(|_| drop(std::hint::black_box(Box::new([1_u8; 64]))));
        mean(start)
    };
    let plain = allocate();
    let watching = allocations::watch();
    let counted = allocate();
    drop(watching);
    (hook, (counted - plain).max(0.0))
}
