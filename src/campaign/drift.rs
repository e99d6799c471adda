//! Drift over a long run: memory and latency, by a trend test rather than by a glance.

use crate::audit::{Trend, trend};
use crate::measure::RunRecord;
use crate::measure::process::resident_bytes;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Level of the test.
const LEVEL: f64 = 0.01;
/// Drift below these shares of the median is no drift worth a name.
const LEAST_LATENCY: f64 = 0.05;
const LEAST_MEMORY: f64 = 0.02;
/// Time between two looks at memory.
const EVERY: Duration = Duration::from_millis(100);

/// What became of one series.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drift {
    pub(super) trend: Trend,
    pub(super) is_drift: bool,
    /// Changes below this share are no drift worth a name.
    least: f64,
}

/// Whether the mean latency drifts, slice by slice.
pub(super) fn latency(record: &RunRecord) -> Option<Drift> {
    // The last slice is cut short, and empty ones have no mean.
    let slices = record.series.split_last().map_or(&[][..], |(_, rest)| rest);
    let means: Vec<f64> =
        slices.iter().filter(|slice| slice.completed > 0).map(|slice| slice.mean_ns / 1e6).collect();
    judged(&means, LEAST_LATENCY)
}

/// Whether memory grows.
pub(super) fn memory(series: &[f64]) -> Option<Drift> {
    judged(series, LEAST_MEMORY)
}

fn judged(series: &[f64], least: f64) -> Option<Drift> {
    let trend = trend(series)?;
    Some(Drift { trend, is_drift: trend.is_drift(LEVEL, least), least })
}

impl Drift {
    /// The test in a sentence.
    pub(super) fn sentence(&self, what: &str, unit: &str) -> String {
        let verdict = if self.is_drift {
            "drifts"
        } else if self.trend.relative_change().abs() > self.least {
            // A change that matters, and too few or too scattered points to tell it from chance.
            "cannot tell"
        } else {
            "no drift shown"
        };
        format!(
            "{what}: {verdict}; Theil–Sen change {:+.3} {unit} ({:+.1} %) over the run, Mann–Kendall tau {:.2}, p = {:.2} with {:.0} effective of {} points",
            self.trend.change,
            100.0 * self.trend.relative_change(),
            self.trend.tau,
            self.trend.p_value,
            self.trend.effective_points,
            self.trend.points
        )
    }
}

/// Looks at the resident set now and then until it is stopped.
pub(super) struct MemoryWatch {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<f64>>>,
    thread: Option<JoinHandle<()>>,
}

impl MemoryWatch {
    /// Starts looking.
    pub(super) fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (stopped, kept) = (Arc::clone(&stop), Arc::clone(&seen));
        let watch = move || {
            while !stopped.load(Ordering::Relaxed) {
                if let Some(bytes) = resident_bytes() {
                    #[expect(clippy::cast_precision_loss, reason = "bytes of memory")]
                    let megabytes = bytes as f64 / 1e6;
                    kept.lock().unwrap_or_else(PoisonError::into_inner).push(megabytes);
                }
                thread::park_timeout(EVERY);
            }
        };
        // Without a thread there is no series, and the task says so.
        let thread = thread::Builder::new().name("memory-watch".into()).spawn(watch).ok();
        Self { stop, seen, thread }
    }

    /// Stops, and returns megabytes in the order in which they were seen.
    pub(super) fn finish(mut self) -> Vec<f64> {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A watch that panicked has seen what it has seen.
            let _ = thread.join();
        }
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
