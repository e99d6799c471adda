//! The thread that controls a run: warm-up, measured window, drain, and a look now and then whether everybody still can go
//! on.

use super::deadlock::{Detector, verdict};
use super::locks::LockRuntime;
use super::memory::CacheRuntime;
use super::miss_probe::MissProbe;
use super::runtime::Runtime;
use crate::engine::Experiment;
use crate::measure::record::Verdict;
use crate::units::Nanos;
use std::sync::atomic::Ordering;
use std::thread;

/// Longest sleep of the controlling thread between two looks at the user's wish to stop.
const CONTROL: Nanos = Nanos::from_millis(20);
/// Time between two looks at whether the window's tasks are done.
const DRAIN_LOOK: Nanos = Nanos::from_millis(1);
/// Least and greatest time that the window's tasks get after it; between them it is twice the window.
const DRAIN_LEAST: Nanos = Nanos::from_secs(5);
const DRAIN_MOST: Nanos = Nanos::from_secs(60);

/// Time between two looks for deadlocks. One that two looks find is found within three of them.
const DEADLOCK_LOOK: Nanos = Nanos::from_millis(200);

/// Looks for deadlocks now and then.
struct Lookout {
    detector: Detector,
    next: Nanos,
}

impl Lookout {
    /// Looks, if it is time; whether there is a deadlock.
    fn finds(&mut self, run: &Runtime, now: Nanos) -> Vec<Verdict> {
        if now < self.next {
            return Vec::new();
        }
        self.next = now + DEADLOCK_LOOK;
        let cycles = self.detector.look(&run.register, run.look());
        cycles.iter().map(|cycle| verdict(run, cycle)).collect()
    }
}

/// Warm-up, then the measured window, until the tasks are done, the time is over or the user stops it.
///
/// A deadlock ends it early; returned is what was found of them.
pub(super) fn control(run: &Runtime, experiment: &Experiment, probe: &mut MissProbe) -> Vec<Verdict> {
    let mut lookout = Lookout { detector: Detector::default(), next: run.clock.now() };
    let mut found = Vec::new();
    let settings = &experiment.scenario.run;
    let start = run.window_start();
    run.progress.phase.store(1, Ordering::Relaxed);
    let end = settings.duration.map_or(Nanos::MAX, |duration| start + duration);
    let mut measuring = false;
    while run.window_end() == Nanos::MAX {
        let now = run.clock.now();
        if run.progress.stopped() || now >= end {
            run.close_window(now.min(end));
            break;
        }
        found = lookout.finds(run, now);
        if !found.is_empty() {
            run.close_window(now);
            break;
        }
        if !measuring && now >= start {
            measuring = true;
            run.caches.iter().for_each(CacheRuntime::begin_window);
            run.locks.iter().for_each(LockRuntime::begin_window);
            probe.begin_window();
            run.group.iter().for_each(|group| group.begin_window());
            run.progress.phase.store(2, Ordering::Relaxed);
        }
        let next = if measuring { end } else { start };
        thread::park_timeout(next.saturating_sub(now).min(CONTROL).to_duration());
    }
    run.caches.iter().for_each(CacheRuntime::end_window);
    run.locks.iter().for_each(LockRuntime::end_window);
    probe.end_window();
    run.group.iter().for_each(|group| group.end_window());
    if found.is_empty() {
        found = drain(run, &mut lookout);
    }
    run.stop(run.clock.now());
    found
}

/// How long the tasks of a window of this length may take after it.
pub(super) fn drain_bound(window: Nanos) -> Nanos {
    (window + window).clamp(DRAIN_LEAST, DRAIN_MOST)
}

/// After the window: the system goes on under load until every task that was issued in the window is done, or the bound is
/// reached, or the user stops it, or they can never be done.
fn drain(run: &Runtime, lookout: &mut Lookout) -> Vec<Verdict> {
    let until = run.window_end() + drain_bound(run.window_end().saturating_sub(run.window_start()));
    let mut quiet = 0;
    while !run.stopped() && !run.progress.stopped() {
        let now = run.clock.now();
        let found = lookout.finds(run, now);
        if !found.is_empty() || now >= until {
            return found;
        }
        // Twice, for an arrival may be on its way to being counted.
        quiet = if run.outstanding() == 0 { quiet + 1 } else { 0 };
        if quiet == 2 {
            break;
        }
        thread::park_timeout(DRAIN_LOOK.to_duration());
    }
    Vec::new()
}
