//! Load: open arrivals that wait for nobody, and clients that each wait for their answer.
//!
//! Numbers of tasks, and so what they draw, are those of the real engine: open load counts up, and the tasks of a client
//! are those congruent to it modulo the number of clients.

use super::program::index;
use super::queues::Push;
use super::world::{CLIENT, Kind, NONE, State, World};
use crate::measure::{Cause, Epoch};
use crate::scenario::{Arrivals, Load};
use crate::units::Nanos;
use crate::workload::exponential;

/// Bits of a task's number in the event of a client that thinks: hours of simulation on one processor.
const NUMBER_BITS: u32 = 37;
/// Most actors whose clients can be told apart in the other bits.
pub(super) const MOST_ACTORS: usize = 1 << (61 - NUMBER_BITS);
/// In place of a client's number: open load.
const OPEN: u64 = u64::MAX;

impl World<'_> {
    /// Starts every actor's own load at time 0.
    pub(super) fn start_load(&mut self) {
        let scenario = self.scenario;
        for (actor, spec) in scenario.actors.iter().enumerate() {
            match &spec.load {
                Load::None => {}
                Load::Open { .. } => self.next_arrival(index(actor)),
                Load::Closed { clients, think } => {
                    let state = &mut self.actors[actor];
                    state.clients = *clients as u64;
                    state.think = think.clone();
                    // The first tasks of the clients have their numbers.
                    (0..state.clients).for_each(|number| self.client_thinks(index(actor), number, NONE));
                }
            }
        }
    }

    /// Schedules the next arrival of an actor's open load.
    fn next_arrival(&mut self, actor: u32) {
        let scenario = self.scenario;
        let Load::Open { rate, arrivals } = &scenario.actors[actor as usize].load else { return };
        let state = &mut self.actors[actor as usize];
        let factor = match arrivals {
            Arrivals::Paced => 1.0,
            Arrivals::Uniform => 2.0 * state.gaps.unit(),
            Arrivals::Poisson => exponential(&mut state.gaps),
        };
        // Instants are summed before rounding, so that the rate is exact in the long run.
        state.next_arrival += factor * 1e9 / rate;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of positive gaps")]
        let at = state.next_arrival as u64;
        let at = self.issued_at(at.max(self.now), actor);
        self.schedule(at, Kind::Arrival, 0, actor);
    }

    /// When something that is meant to be issued at `at` is: a thread that sleeps for it oversleeps.
    #[inline]
    fn issued_at(&self, at: u64, actor: u32) -> u64 {
        if self.actors[actor as usize].issuer == NONE { at } else { at + self.charges.overshoot }
    }

    /// Open load is due: it arrives, or its issuer has to be woken for it.
    pub(super) fn arrival_due(&mut self, actor: u32) {
        if self.actors[actor as usize].issuer == NONE {
            self.arrival(self.now, actor, NONE);
        } else {
            self.due(actor, OPEN);
        }
        self.next_arrival(actor);
    }

    /// A worker hands a client that will think to the thread that issues load, which wakes up to set its timer.
    fn hand_to_issuer(&mut self, actor: u32, thread: u32) {
        let issuer = self.actors[actor as usize].issuer;
        if thread != NONE && issuer != NONE && self.threads[issuer as usize].state == State::Blocked {
            self.wake(issuer, thread);
        }
    }

    /// A client has thought: it issues, or its issuer has to be woken for it.
    pub(super) fn client_due(&mut self, what: u64) {
        let (actor, number) = thought(what);
        if self.actors[actor as usize].issuer == NONE {
            self.client_issues(self.now, actor, number, NONE);
        } else {
            self.due(actor, number);
        }
    }

    /// Leaves something to the thread that issues the load of `actor`.
    fn due(&mut self, actor: u32, number: u64) {
        let intended = self.now - self.charges.overshoot.min(self.now);
        let state = &mut self.actors[actor as usize];
        state.due.push_back((intended, number));
        let issuer = state.issuer;
        if state.due.len() == 1 && self.threads[issuer as usize].state == State::Blocked {
            self.make_ready_by_timer(issuer);
        }
    }

    /// The thread that issues load runs: it issues one thing that is due, or sleeps. Whether it goes on at once.
    pub(super) fn issue_due(&mut self, thread: u32, actor: u32) -> bool {
        let Some((intended, number)) = self.actors[actor as usize].due.pop_front() else {
            self.block(thread, Cause::Queue);
            return false;
        };
        if number == OPEN {
            self.arrival(intended, actor, thread);
        } else {
            self.client_issues(intended, actor, number, thread);
        }
        true
    }

    /// A task of open load arrives; a full queue refuses it.
    fn arrival(&mut self, intended: u64, actor: u32, thread: u32) {
        let arrivals = &mut self.actors[actor as usize].arrivals;
        let number = *arrivals;
        *arrivals += 1;
        let task = self.new_task(intended, actor, number, NONE);
        if self.push(task, thread) == Push::Full {
            self.refuse(task);
        }
    }

    /// A task is turned away: it leaves at once.
    fn refuse(&mut self, task: u32) {
        let (now, start, end) = (Nanos(self.now), Nanos(self.window_start), Nanos(self.window_end));
        let state = self.task(task);
        let actor = std::mem::replace(&mut state.actor, NONE);
        let (arrived, epoch) = (Nanos(state.arrived), state.epoch);
        let ledger = &mut self.actors[actor as usize].ledger;
        if epoch != Epoch::After {
            ledger.presence.leave(arrived, now.max(arrived), start, end);
        }
        if epoch == Epoch::Inside {
            ledger.refused += 1;
            self.outstanding -= 1;
            self.over |= self.window_end != u64::MAX && self.outstanding == 0;
        }
        self.free.push(task);
    }

    /// A client issues its task; a full queue makes it wait for room.
    fn client_issues(&mut self, intended: u64, actor: u32, number: u64, thread: u32) {
        let task = self.new_task(intended, actor, number, CLIENT);
        self.push_or_wait(task, thread, NONE);
    }

    /// A client has its answer to task `number`: it thinks before its next one.
    #[inline]
    pub(super) fn answer_client(&mut self, actor: u32, number: u64, thread: u32) {
        self.client_thinks(actor, number + self.actors[actor as usize].clients, thread);
    }

    /// A client thinks before its task `number`, or issues it at once.
    fn client_thinks(&mut self, actor: u32, number: u64, thread: u32) {
        let owner = &self.actors[actor as usize];
        let thinks = if owner.think.mean.0 == 0 {
            0
        } else {
            owner.think.sample(&mut owner.thinking.stream(number), number).0
        };
        if thinks == 0 && thread != NONE {
            self.client_issues(self.now, actor, number, thread);
        } else {
            self.hand_to_issuer(actor, thread);
            let at = self.issued_at(self.now + thinks, actor);
            self.events.push(at, when_thought(actor, number));
        }
    }
}

/// The payload of a client that thinks: all that is known of it, so that a million clients need no table.
const fn when_thought(actor: u32, number: u64) -> u64 {
    (Kind::Client as u64) << 61 | (actor as u64) << NUMBER_BITS | number & ((1 << NUMBER_BITS) - 1)
}

/// The actor and the task's number in such a payload.
const fn thought(what: u64) -> (u32, u64) {
    ((what << 3 >> (NUMBER_BITS + 3)) as u32, what & ((1 << NUMBER_BITS) - 1))
}
