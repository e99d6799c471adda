//! Tasks that panic, workers that die, and work that takes longer the more tasks of its actor are under way.
//!
//! A worker that is gone has no task and sleeps until it is back; nobody wakes it. What it had in hand has failed, and has given
//! back whatever it held.

use super::program::{Turn, index};
use super::world::{NONE, Next, World};
use crate::machine::{State, ThreadId};
use crate::measure::{Cause, Outcome};
use crate::random::{Source, Stream};
use crate::scenario::{Kill, Panics};
use crate::units::Nanos;

impl World<'_> {
    /// A time of a task of `actor`, longer by its slow-down.
    #[inline]
    pub(super) fn slowed(&self, actor: u32, nanos: u64) -> u64 {
        if !self.more.used {
            return nanos;
        }
        match &self.scenario.actors[actor as usize].slowdown {
            Some(slowdown) => Nanos(nanos).scaled(slowdown.factor(self.more.under_way[actor as usize])).0,
            None => nanos,
        }
    }

    /// A task comes to where some panic; how its thread goes on.
    pub(super) fn may_panic(&mut self, thread: u32, task: u32, step: u32, panics: Panics) -> Turn {
        let counted = &mut self.more.panics[step as usize];
        *counted += 1;
        let number = *counted;
        let unit = if matches!(panics, Panics::Chance(_)) { self.task(task).stream.unit() } else { 0.0 };
        if !panics.panics(number, unit) {
            return Turn::GoesOn;
        }
        let scenario = self.scenario;
        let station = self.station_of(task) as usize;
        if let Some(restart) = &scenario.actors[station].restart {
            let turn = self.more.deaths;
            self.more.deaths += 1;
            let away =
                restart.sample(&mut Stream::new(self.seed, Source::Restart, station as u64, turn), turn);
            let back = self.now + away.0;
            self.thread(thread).back_at = back;
        }
        self.die(thread, task)
    }

    /// A task ends with its worker.
    pub(super) fn die(&mut self, thread: u32, task: u32) -> Turn {
        self.extra(task).died = true;
        self.extra(task).killed = false;
        self.fail(thread, task, Outcome::Failed)
    }

    /// A worker without a task that is gone sleeps until it is back; whether it does.
    pub(super) fn stays_away(&mut self, thread: u32) -> bool {
        let back = self.threads[thread as usize].back_at;
        if back <= self.now {
            return false;
        }
        self.drop_interpreter(thread);
        self.nap(thread, back - self.now);
        self.block(thread, Cause::Queue);
        true
    }

    /// Workers die, and are back at `until`.
    pub(super) fn kill(&mut self, kill: Kill, until: u64) {
        let theirs = (0..index(self.workers))
            .filter(|worker| self.home(self.threads[*worker as usize].actor) as usize == kill.actor);
        let victims: Vec<u32> = theirs.take(kill.workers.unwrap_or(usize::MAX)).collect();
        for worker in victims {
            let state = self.thread(worker);
            state.back_at = state.back_at.max(until);
            let (task, actor) = (state.task, state.actor);
            if task == NONE {
                let idle = &mut self.actors[actor as usize].idle;
                if let Some(place) = idle.iter().position(|one| *one == worker) {
                    idle.remove(place);
                    let now = self.now;
                    self.nap(worker, until - now);
                }
                continue;
            }
            self.extra(task).killed = true;
            // Work ends at once, a wait by itself.
            if self.state_of(worker) != State::Blocked && !self.machine.is_spinning(ThreadId(worker)) {
                self.task(task).work = 0;
                let (machine, mut accounts) = self.parts();
                machine.shorten(ThreadId(worker), Nanos::ZERO, &mut accounts);
            }
            if self.task(task).next != Next::Retry {
                self.rouse(task, NONE);
            }
        }
    }
}
