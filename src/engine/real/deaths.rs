//! Workers that die: who is away until when, and who has been killed with a task in hand.
//!
//! A thread stands for its successor as well: it drops what it does, sleeps for as long as a restart takes, and goes on.

use super::executor::Executor;
use super::performer::Performer;
use super::runtime::{Stopped, Task};
use crate::measure::Outcome;
use crate::random::{Source, Stream};
use crate::scenario::{Layout, Panics, Scenario};
use crate::units::Nanos;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Who is away.
#[derive(Debug)]
pub(super) struct Deaths {
    /// Whether any worker can die.
    pub(super) any: bool,
    /// By worker: until when.
    back_at: Vec<AtomicU64>,
    /// By worker: how often it was killed.
    kills: Vec<AtomicU32>,
    /// By event: the workers that it kills.
    victims: Vec<Vec<usize>>,
    /// Panics that cost a worker some time.
    happened: AtomicU64,
}

impl Deaths {
    pub(super) fn new(scenario: &Scenario, layout: &Layout) -> Self {
        let mut owners = Vec::new();
        for (actor, spec) in scenario.actors.iter().enumerate() {
            owners.extend(std::iter::repeat_n(layout.home(actor), spec.threads));
        }
        let victims: Vec<Vec<usize>> = scenario
            .events
            .iter()
            .map(|event| {
                let Some(kill) = event.kill else { return Vec::new() };
                let theirs = owners.iter().enumerate().filter(|(_, owner)| **owner == kill.actor);
                theirs.map(|(worker, _)| worker).take(kill.workers.unwrap_or(usize::MAX)).collect()
            })
            .collect();
        Self {
            any: scenario.events.iter().any(|event| event.kill.is_some())
                || scenario.actors.iter().any(|actor| actor.restart.is_some()),
            back_at: owners.iter().map(|_| AtomicU64::new(0)).collect(),
            kills: owners.iter().map(|_| AtomicU32::new(0)).collect(),
            victims,
            happened: AtomicU64::new(0),
        }
    }

    /// The workers that an event kills die, and are back at `until`.
    pub(super) fn kill(&self, event: usize, until: Nanos) {
        for &worker in &self.victims[event] {
            self.back_at[worker].fetch_max(until.0, Ordering::Relaxed);
            self.kills[worker].fetch_add(1, Ordering::Release);
        }
    }

    /// Until when a worker is away.
    pub(super) fn back_at(&self, worker: usize) -> Nanos {
        Nanos(self.back_at[worker].load(Ordering::Relaxed))
    }

    /// How often a worker was killed so far.
    pub(super) fn kills(&self, worker: usize) -> u32 {
        self.kills[worker].load(Ordering::Acquire)
    }
}

impl<E: Executor> Performer<'_, E> {
    /// A time of the present task, longer by its actor's slow-down.
    #[inline]
    pub(super) fn slowed(&self, time: Nanos) -> Nanos {
        let actor = &self.run.actors[self.actor];
        match &actor.spec.slowdown {
            Some(slowdown) => time.scaled(slowdown.factor(actor.under_way.load(Ordering::Relaxed))),
            None => time,
        }
    }

    /// A working set as often, and at the end as much of it, as its actor's slow-down asks for.
    pub(super) fn portions(&self, bytes: u64) -> impl Iterator<Item = u64> + use<E> {
        let mut left = self.slowed(Nanos(bytes)).0;
        std::iter::from_fn(move || {
            let portion = left.min(bytes);
            left -= portion;
            (portion > 0).then_some(portion)
        })
    }

    /// The performer has a task in hand from now on.
    #[inline]
    pub(super) fn take_in_hand(&mut self, task: Task, started: Nanos) {
        let run = self.run;
        if run.actors[self.actor].spec.slowdown.is_some() {
            run.actors[self.actor].under_way.fetch_add(1, Ordering::Relaxed);
        }
        self.service = Some((task, started));
    }

    /// The task that the performer has in hand, which ends here.
    #[inline]
    pub(super) fn put_down(&mut self) -> Option<(Task, Nanos)> {
        let service = self.service.take()?;
        let run = self.run;
        if run.actors[self.actor].spec.slowdown.is_some() {
            run.actors[self.actor].under_way.fetch_sub(1, Ordering::Relaxed);
        }
        Some(service)
    }

    /// The present task ends with its worker.
    pub(super) fn die(&mut self) -> Stopped {
        self.died = true;
        self.fail(Outcome::Failed)
    }

    /// An error where the worker has been killed since it took the present task.
    #[inline]
    pub(super) fn lives(&mut self) -> Result<(), Stopped> {
        let deaths = &self.run.deaths;
        if deaths.any && deaths.kills(self.executor.worker()) != self.kills_before {
            return Err(self.die());
        }
        Ok(())
    }

    /// The present task comes to where some panic: an error if it does.
    pub(super) fn may_panic(
        &mut self,
        step: usize,
        panics: Panics,
        stream: &mut Stream,
    ) -> Result<(), Stopped> {
        let run = self.run;
        let number = run.actors[self.actor].panics[step].fetch_add(1, Ordering::Relaxed) + 1;
        let unit = if matches!(panics, Panics::Chance(_)) { stream.unit() } else { 0.0 };
        if !panics.panics(number, unit) {
            return Ok(());
        }
        let spec = &run.actors[self.actor].spec;
        let station = spec.at.unwrap_or(self.actor);
        if let Some(restart) = &run.actors[station].spec.restart {
            let turn = run.deaths.happened.fetch_add(1, Ordering::Relaxed);
            let away =
                restart.sample(&mut Stream::new(run.seed, Source::Restart, station as u64, turn), turn);
            let until = run.clock.now() + away;
            run.deaths.back_at[self.executor.worker()].fetch_max(until.0, Ordering::Relaxed);
        }
        Err(self.die())
    }
}
