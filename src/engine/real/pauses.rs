//! Events that stop actors or kill workers: a thread makes them happen, and workers stop or die at their next safepoint, which is at most a look at
//! the stop flag away: between two operations, and between two pieces of work.

use crate::measure::record::EventRecord;
use crate::random::{Source, Stream};
use crate::scenario::{EventSpec, Scenario};
use crate::units::Nanos;
use crate::workload::Draw;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The events of a run.
#[derive(Debug)]
pub(super) struct Pauses {
    specs: Vec<EventSpec>,
    seed: u64,
    /// By actor: events that stop it now.
    stopped: Vec<AtomicU32>,
    figures: Mutex<Vec<EventRecord>>,
    over: Condvar,
}

impl Pauses {
    pub(super) fn new(scenario: &Scenario, seed: u64) -> Self {
        Self {
            specs: scenario.events.clone(),
            seed,
            stopped: scenario.actors.iter().map(|_| AtomicU32::new(0)).collect(),
            figures: Mutex::new(vec![EventRecord::default(); scenario.events.len()]),
            over: Condvar::new(),
        }
    }

    /// How many events there are.
    pub(super) const fn count(&self) -> usize {
        self.specs.len()
    }

    fn figures(&self) -> MutexGuard<'_, Vec<EventRecord>> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the workers of `actor` have to stop.
    #[inline]
    pub(super) fn stops(&self, actor: usize) -> bool {
        self.stopped[actor].load(Ordering::Relaxed) > 0
    }

    /// Waits until the workers of `actor` may go on.
    pub(super) fn wait(&self, actor: usize) {
        let mut guard = self.figures();
        while self.stops(actor) {
            guard = self.over.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn change(&self, event: usize, begins: bool) {
        if self.specs[event].kill.is_some() {
            return;
        }
        let guard = self.figures();
        for (actor, stopped) in self.stopped.iter().enumerate() {
            if self.specs[event].pause.is_none_or(|only| only == actor) {
                if begins {
                    stopped.fetch_add(1, Ordering::Relaxed);
                } else {
                    stopped.fetch_sub(1, Ordering::Relaxed);
                }
            }
        }
        drop(guard);
        self.over.notify_all();
    }

    /// Makes one event happen, from `start` on, until `sleep_until` says that the run is over; `kill` is told when who dies is back.
    /// `window` is the measured window as far as it is known.
    pub(super) fn happen(
        &self,
        event: usize,
        start: Nanos,
        sleep_until: impl Fn(Nanos) -> bool,
        now: impl Fn() -> Nanos,
        kill: impl Fn(Nanos),
        window: impl Fn() -> [Nanos; 2],
    ) {
        let spec = &self.specs[event];
        let drawn = |draw: &Draw, turn: u64| {
            draw.sample(&mut Stream::new(self.seed, Source::Event, event as u64, turn), turn)
        };
        let mut due = start + spec.at;
        for turn in 0.. {
            if !sleep_until(due) {
                return;
            }
            let length = drawn(&spec.length, 2 * turn);
            let began = now();
            kill(began + length);
            self.change(event, true);
            let went_on = sleep_until(began + length);
            self.change(event, false);
            let ended = now();
            let [first, last] = window();
            let mut all = self.figures();
            all[event].count += u64::from(began >= first && began < last);
            all[event].total_ns += ended.min(last).saturating_sub(began.max(first)).0;
            drop(all);
            let ended = ended.max(due);
            let Some(every) = spec.every.as_ref().filter(|_| went_on) else { return };
            due = (due + drawn(every, 2 * turn + 1)).max(ended);
        }
    }

    /// What happened in the measured window, by event.
    pub(super) fn records(&self) -> Vec<EventRecord> {
        self.figures().clone()
    }
}
