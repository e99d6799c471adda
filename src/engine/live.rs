//! What a live view reads while a run is under way.
//!
//! Workers count in memory of their own ([`LiveBatch`]) and hand over a batch every `STRIDE` (50 ms), so that being
//! watched costs a few additions per task and twenty short locks per worker and second. When nobody watches
//! ([`Live::wanted`] is false), workers do none of it.

use crate::measure::record::Breakdown;
use crate::units::Nanos;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Least time between two hand-overs of one worker.
const STRIDE: Nanos = Nanos::from_millis(50);

/// Buckets of the coarse histogram: eight to each doubling, so that a percentile is right within 7 %.
const BUCKETS: usize = 62 * 8;

/// What a thread is doing, as it says itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum ThreadState {
    /// Waiting for a task, or not started.
    #[default]
    Idle,
    /// Executing a step; whether the kernel lets it run is not visible here.
    Executing,
    /// Waiting for a lock.
    Lock,
    /// Waiting without CPU.
    Io,
    /// Waiting for an answer or for room in a queue.
    Call,
}

impl ThreadState {
    /// All states, in the order in which they are shown.
    pub const ALL: [Self; 5] = [Self::Executing, Self::Lock, Self::Io, Self::Call, Self::Idle];

    /// The word for it, the same as in a record's timeline.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Executing => "execution",
            Self::Lock => "lock",
            Self::Io => "io",
            Self::Call => "call",
        }
    }
}

/// One thread on the board.
#[derive(Debug, Default)]
pub struct LiveThread {
    /// Its name.
    pub name: String,
    /// The actor it works for.
    pub actor: String,
    state: AtomicU8,
    /// Its number in the system; 0: not known.
    system: AtomicU32,
}

impl LiveThread {
    /// A thread that waits for its first task.
    #[must_use]
    pub fn new(name: impl Into<String>, actor: impl Into<String>) -> Self {
        Self { name: name.into(), actor: actor.into(), state: AtomicU8::new(0), system: AtomicU32::new(0) }
    }

    /// Notes which thread of the system it is, where the system says; only the thread itself calls this.
    pub fn here(&self) {
        let link = std::fs::read_link("/proc/thread-self").ok();
        let number = link.and_then(|link| link.file_name()?.to_str()?.parse().ok());
        self.system.store(number.unwrap_or(0), Ordering::Relaxed);
    }

    /// Its number in the system, if it is known.
    #[must_use]
    pub fn system(&self) -> Option<u32> {
        Some(self.system.load(Ordering::Relaxed)).filter(|number| *number > 0)
    }

    /// Says what the thread does now; only the thread itself calls this.
    #[inline]
    pub fn set(&self, state: ThreadState) {
        self.state.store(state as u8, Ordering::Relaxed);
    }

    /// What the thread last said.
    #[must_use]
    pub fn state(&self) -> ThreadState {
        let word = self.state.load(Ordering::Relaxed);
        ThreadState::ALL.into_iter().find(|state| *state as u8 == word).unwrap_or_default()
    }
}

/// The board that an engine writes to and a view reads.
#[derive(Debug, Default)]
pub struct Live {
    wanted: AtomicBool,
    threads: OnceLock<Vec<LiveThread>>,
    totals: Mutex<LiveTotals>,
}

impl Live {
    /// A view asks the engine to publish; call it before the run starts.
    pub fn watch(&self) {
        self.wanted.store(true, Ordering::Relaxed);
    }

    /// Whether anybody watches; engines read it once, at the start.
    #[must_use]
    pub fn wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    /// Sets up one row for each worker thread; the first call counts.
    pub fn set_threads(&self, threads: Vec<LiveThread>) {
        let _ = self.threads.set(threads);
    }

    /// The rows; empty before the engine has set them up.
    #[must_use]
    pub fn threads(&self) -> &[LiveThread] {
        self.threads.get().map_or(&[], Vec::as_slice)
    }

    /// What has been handed over so far.
    #[must_use]
    pub fn totals(&self) -> LiveTotals {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Sums over the completed tasks of the actor in focus.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveTotals {
    /// Tasks.
    pub completed: u64,
    /// Nanoseconds by cause, summed.
    pub causes: Breakdown,
    sojourn: Vec<u64>,
}

impl Default for LiveTotals {
    fn default() -> Self {
        Self { completed: 0, causes: Breakdown::default(), sojourn: vec![0; BUCKETS] }
    }
}

impl LiveTotals {
    /// Counts one task.
    fn record(&mut self, sojourn: Nanos, causes: &Breakdown) {
        self.completed += 1;
        self.sojourn[bucket(sojourn.0)] += 1;
        add(&mut self.causes, causes, 1.0);
    }

    fn take(&mut self, batch: &mut Self) {
        self.completed += batch.completed;
        add(&mut self.causes, &batch.causes, 1.0);
        for (total, count) in self.sojourn.iter_mut().zip(&mut batch.sojourn) {
            *total += std::mem::take(count);
        }
        batch.completed = 0;
        batch.causes = Breakdown::default();
    }

    /// What was added since `earlier`, which must be a snapshot of the same run.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut causes = self.causes;
        add(&mut causes, &earlier.causes, -1.0);
        let sojourn = self.sojourn.iter().zip(&earlier.sojourn).map(|(now, then)| now - then).collect();
        Self { completed: self.completed - earlier.completed, causes, sojourn }
    }

    /// The sojourn below which a share `quantile` of the tasks lies, within 7 %; `None` without tasks.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rank below 2^53")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank below 2^53")]
    pub fn percentile(&self, quantile: f64) -> Option<Nanos> {
        let rank = ((self.completed as f64 * quantile).ceil() as u64).clamp(1, self.completed.max(1));
        let mut seen = 0;
        let found = self.sojourn.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(Nanos(upper(found)))
    }
}

/// A worker's own counts; see the module.
#[derive(Debug)]
pub struct LiveBatch {
    live: Arc<Live>,
    own: LiveTotals,
    handed_over: Nanos,
}

impl LiveBatch {
    /// An empty batch when `live` is watched, else none.
    #[must_use]
    pub fn new(live: &Arc<Live>) -> Option<Self> {
        live.wanted().then(|| Self {
            live: Arc::clone(live),
            own: LiveTotals::default(),
            handed_over: Nanos::ZERO,
        })
    }

    /// Counts a task that completed at `now`, and hands over when a stride has passed.
    pub fn record(&mut self, now: Nanos, sojourn: Nanos, causes: &Breakdown) {
        self.own.record(sojourn, causes);
        if now.saturating_sub(self.handed_over) >= STRIDE {
            self.handed_over = now;
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        if self.own.completed > 0 {
            self.live.totals.lock().unwrap_or_else(PoisonError::into_inner).take(&mut self.own);
        }
    }
}

impl Drop for LiveBatch {
    fn drop(&mut self) {
        self.hand_over();
    }
}

fn add(total: &mut Breakdown, other: &Breakdown, sign: f64) {
    total.queue += sign * other.queue;
    total.execution += sign * other.execution;
    total.lock += sign * other.lock;
    total.run_queue += sign * other.run_queue;
    total.io += sign * other.io;
    total.call += sign * other.call;
    total.pool += sign * other.pool;
    total.backoff += sign * other.backoff;
    total.batch += sign * other.batch;
    total.throttled += sign * other.throttled;
    total.paused += sign * other.paused;
    total.residual += sign * other.residual;
}

/// Values below 8 have a bucket each; above, the three bits after the leading one choose within a doubling.
#[expect(clippy::cast_possible_truncation, reason = "below 8")]
const fn bucket(value: u64) -> usize {
    if value < 8 {
        return value as usize;
    }
    let exponent = value.ilog2() as usize;
    (exponent - 2) * 8 + ((value >> (exponent - 3)) & 7) as usize
}

/// The largest value that falls into `bucket`.
const fn upper(bucket: usize) -> u64 {
    if bucket < 8 {
        return bucket as u64;
    }
    let (exponent, within) = (bucket / 8 + 2, (bucket % 8) as u64);
    let width = 1_u64 << (exponent - 3);
    (8 + within) * width + (width - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_cover_every_value_once_and_in_order() {
        for value in (0..5_000).chain((4..64).map(|bit| (1_u64 << bit) - 1)).chain([u64::MAX]) {
            let found = bucket(value);
            assert!(upper(found) >= value, "{value} is above its bucket {found}");
            assert!(found == 0 || upper(found - 1) < value, "{value} belongs below its bucket {found}");
        }
        for index in 8..BUCKETS {
            #[expect(clippy::cast_precision_loss, reason = "a ratio")]
            let width = (upper(index) - upper(index - 1)) as f64 / upper(index) as f64;
            assert!(width <= 0.125, "bucket {index} is {width} wide");
        }
    }

    #[test]
    fn batches_arrive_whole_and_differences_are_exact() {
        let live = Arc::new(Live::default());
        assert!(LiveBatch::new(&live).is_none(), "nobody watches");
        live.watch();
        let causes = Breakdown { execution: 3.0, lock: 1.0, ..Breakdown::default() };
        let mut batch = LiveBatch::new(&live).unwrap();
        batch.record(Nanos(1), Nanos(100), &causes);
        assert_eq!(live.totals().completed, 0, "kept until the stride has passed");
        batch.record(STRIDE + Nanos(1), Nanos(200), &causes);
        let first = live.totals();
        assert_eq!((first.completed, first.causes.execution, first.causes.lock), (2, 6.0, 2.0));
        batch.record(STRIDE + Nanos(2), Nanos(50_000), &causes);
        drop(batch);
        let later = live.totals().since(&first);
        assert_eq!((later.completed, later.causes.total()), (1, 4.0));
        let p99 = later.percentile(0.99).unwrap().0;
        assert!((50_000..56_250).contains(&p99), "{p99}");
        assert_eq!(later.since(&later).percentile(0.5), None);
    }

    #[test]
    fn a_thread_shows_what_it_last_said() {
        let thread = LiveThread::new("agents-0", "agents");
        assert_eq!(thread.state(), ThreadState::Idle);
        for state in ThreadState::ALL {
            thread.set(state);
            assert_eq!(thread.state(), state);
        }
    }
}
