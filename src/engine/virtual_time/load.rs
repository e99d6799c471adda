//! Load: open arrivals that wait for nobody, and clients that each wait for their answer.
//!
//! Numbers of tasks, and so what they draw, are those of the real engine: open load counts up, and the tasks of a client
//! are those congruent to it modulo the number of clients.

use super::program::{Turn, index};
use super::world::{Actor, CLIENT, EventKind, NONE, Packed, World};
use crate::machine::State;
use crate::measure::Cause;
use crate::scenario::{Arrivals, Load};
use crate::units::Nanos;
use crate::workload::exponential;

/// Bits of a task's number in the event of a client that thinks: hours of simulation on one processor.
const NUMBER_BITS: u32 = 37;
/// Tasks of an actor's clients, in a row, that may be done at the instant at which they arrive.
const MOST_AT_ONCE: u64 = 10_000;
/// Most actors whose clients can be told apart in the other bits.
pub(super) const MAX_ACTORS: usize = 1 << (61 - NUMBER_BITS);
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
        let spec = &scenario.actors[actor as usize];
        let Load::Open { rate, arrivals } = &spec.load else { return };
        let state = &mut self.actors[actor as usize];
        if let Some(recorded) = &spec.pattern.recorded {
            let next = usize::try_from(state.arrivals).ok().and_then(|next| recorded.get(next));
            if let Some(at) = next {
                let at = self.issued_at(at.0.max(self.now), actor);
                self.schedule(at, EventKind::Arrival, actor);
            }
            return;
        }
        let factor = match arrivals {
            Arrivals::Paced => 1.0,
            Arrivals::Uniform => 2.0 * state.gaps.unit(),
            Arrivals::Poisson => exponential(&mut state.gaps),
        };
        // Instants are summed before rounding, so that the rate is exact in the long run.
        if spec.pattern.phases.is_empty() {
            state.next_arrival += factor * 1e9 / rate;
        } else {
            match crate::model::after(&spec.pattern.phases, state.next_arrival, factor) {
                Some(at) => state.next_arrival = at,
                None => return,
            }
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of positive gaps")]
        let at = state.next_arrival as u64;
        let at = self.issued_at(at.max(self.now), actor);
        self.schedule(at, EventKind::Arrival, actor);
    }

    /// When something that is meant to be issued at `at` is: a thread that sleeps for it oversleeps.
    #[inline]
    fn issued_at(&self, at: u64, actor: u32) -> u64 {
        if self.actors[actor as usize].issuer == NONE { at } else { at + self.charges.costs.overshoot.0 }
    }

    /// Open load is due: it arrives, or its issuer has to be woken for it.
    pub(super) fn arrival_due(&mut self, actor: u32) {
        let issued = self.actors[actor as usize].issuer == NONE;
        if issued {
            self.arrival(self.now, actor, NONE);
        } else {
            self.due(actor, OPEN);
        }
        self.next_arrival(actor);
    }

    /// A worker hands a client that will think to the thread that issues load, which wakes up to set its timer.
    fn hand_to_issuer(&mut self, actor: u32, thread: u32) {
        let issuer = self.actors[actor as usize].issuer;
        if thread != NONE && issuer != NONE && self.state_of(issuer) == State::Blocked {
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
        let intended = self.now - self.charges.costs.overshoot.0.min(self.now);
        let state = &mut self.actors[actor as usize];
        state.due.push_back((intended, number));
        let issuer = state.issuer;
        if state.due.len() == 1 && self.state_of(issuer) == State::Blocked {
            self.make_ready_by_timer(issuer);
        }
    }

    /// The thread that issues load runs: it issues one thing that is due, or sleeps. How it goes on.
    pub(super) fn issue_due(&mut self, thread: u32, actor: u32) -> Turn {
        let Some((intended, number)) = self.actors[actor as usize].due.pop_front() else {
            self.block(thread, Cause::Queue);
            return Turn::IsOver;
        };
        if number == OPEN {
            self.arrival(intended, actor, thread);
        } else {
            self.client_issues(intended, actor, number, thread);
        }
        Turn::GoesOn
    }

    /// A task of open load arrives; a full queue refuses it.
    fn arrival(&mut self, intended: u64, actor: u32, thread: u32) {
        let arrivals = &mut self.actors[actor as usize].arrivals;
        let number = *arrivals;
        *arrivals += 1;
        let to = self.route(actor, number, self.key_of(actor, number));
        let task = self.new_task(intended, to, number, NONE);
        let kind = self.drawn_kind(actor, number);
        self.set_kind(task, kind);
        self.push_or(task, thread, NONE, true);
    }

    /// A client issues its task; a full queue makes it wait for room.
    fn client_issues(&mut self, intended: u64, actor: u32, number: u64, thread: u32) {
        let to = self.route(actor, number, self.key_of(actor, number));
        let task = self.new_task(intended, to, number, CLIENT);
        let kind = self.drawn_kind(actor, number);
        self.set_kind(task, kind);
        self.push_or(task, thread, NONE, false);
    }

    /// A client has its answer to task `number`: it thinks before its next one. If that took no time at all (`at_once`), it thinks for
    /// at least an instant: a client that does not think would do tasks for ever while time stands still.
    #[inline]
    pub(super) fn answer_client(&mut self, actor: u32, number: u64, thread: u32, at_once: bool) {
        if at_once {
            self.actors[actor as usize].at_once += 1;
            self.over |= self.takes_no_time().is_some();
            self.client_goes_on(actor, number, thread);
            return;
        }
        let state = &mut self.actors[actor as usize];
        state.at_once = 0;
        let next = number + state.clients;
        self.client_thinks(actor, next, thread);
    }

    /// An actor whose clients do not think and whose tasks take no time, one after the other: such a run comes to no end.
    pub(super) fn takes_no_time(&self) -> Option<&str> {
        let endless = |actor: &Actor| actor.at_once > MOST_AT_ONCE && actor.think.mean.0 == 0;
        let actor = self.actors.iter().position(endless)?;
        Some(&self.scenario.actors[actor].name)
    }

    /// A client's task has not been completed: it thinks before its next one, for at least an instant.
    pub(super) fn client_goes_on(&mut self, actor: u32, number: u64, thread: u32) {
        let number = number + self.actors[actor as usize].clients;
        let thinks = self.think_time(actor, number).max(1);
        self.comes_back(actor, number, thinks, thread);
    }

    /// A client thinks for so long before its task `number`.
    fn comes_back(&mut self, actor: u32, number: u64, thinks: u64, thread: u32) {
        self.hand_to_issuer(actor, thread);
        let at = self.issued_at(self.now + thinks, actor);
        self.machine.schedule(Nanos(at), Packed(when_thought(actor, number)));
    }

    fn think_time(&self, actor: u32, number: u64) -> u64 {
        let owner = &self.actors[actor as usize];
        if owner.think.mean.0 == 0 {
            return 0;
        }
        owner.think.sample(&mut owner.thinking.stream(number), number).0
    }

    /// A client thinks before its task `number`, or issues it at once.
    fn client_thinks(&mut self, actor: u32, number: u64, thread: u32) {
        let thinks = self.think_time(actor, number);
        if thinks == 0 && thread != NONE {
            self.client_issues(self.now, actor, number, thread);
        } else {
            self.comes_back(actor, number, thinks, thread);
        }
    }
}

/// The payload of a client that thinks: all that is known of it, so that a million clients need no table.
const fn when_thought(actor: u32, number: u64) -> u64 {
    (EventKind::Client as u64) << 61 | (actor as u64) << NUMBER_BITS | number & ((1 << NUMBER_BITS) - 1)
}

/// The actor and the task's number in such a payload.
const fn thought(what: u64) -> (u32, u64) {
    ((what << 3 >> (NUMBER_BITS + 3)) as u32, what & ((1 << NUMBER_BITS) - 1))
}
