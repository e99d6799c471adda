//! Load: open arrivals that wait for nobody, and clients that each wait for their answer.
//!
//! Numbers of tasks, and so what they draw, are those of the real engine: open load counts up, and the tasks of a client
//! are those congruent to it modulo the number of clients.

use super::program::index;
use super::queues::Push;
use super::world::{CLIENT, Client, Kind, NONE, State, World};
use crate::measure::Cause;
use crate::scenario::{Arrivals, Load};
use crate::workload::exponential;

impl World<'_> {
    /// Starts every actor's own load at time 0.
    pub(super) fn start_load(&mut self) {
        let scenario = self.scenario;
        for (actor, spec) in scenario.actors.iter().enumerate() {
            match &spec.load {
                Load::None => {}
                Load::Open { .. } => self.next_arrival(index(actor)),
                Load::Closed { clients, think } => {
                    let first = index(self.clients.len());
                    let state = &mut self.actors[actor];
                    (state.first_client, state.clients) = (first, index(*clients));
                    state.think = think.clone();
                    for client in 0..index(*clients) {
                        self.clients.push(Client { actor: index(actor), tasks: 0 });
                        self.client_thinks(first + client, NONE);
                    }
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
        self.schedule_issue(at.max(self.now), Kind::Arrival, actor, actor);
    }

    /// Schedules something to be issued at `at`; a thread that sleeps for it oversleeps.
    fn schedule_issue(&mut self, at: u64, kind: Kind, number: u32, actor: u32) {
        let late = if self.actors[actor as usize].issuer == NONE { 0 } else { self.charges.overshoot };
        self.schedule(at + late, kind, 0, number);
    }

    /// Open load is due: it arrives, or its issuer has to be woken for it.
    pub(super) fn arrival_due(&mut self, actor: u32) {
        if self.actors[actor as usize].issuer == NONE {
            self.arrival(self.now, actor, NONE);
        } else {
            self.due(actor, NONE);
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
    pub(super) fn client_due(&mut self, client: u32) {
        let actor = self.clients[client as usize].actor;
        if self.actors[actor as usize].issuer == NONE {
            self.client_issues(self.now, client, NONE);
        } else {
            self.due(actor, client);
        }
    }

    /// Leaves something to the thread that issues the load of `actor`.
    fn due(&mut self, actor: u32, client: u32) {
        let intended = self.now - self.charges.overshoot.min(self.now);
        let state = &mut self.actors[actor as usize];
        state.due.push_back((intended, client));
        let issuer = state.issuer;
        if state.due.len() == 1 && self.threads[issuer as usize].state == State::Blocked {
            self.make_ready_by_timer(issuer);
        }
    }

    /// The thread that issues load runs: it issues one thing that is due, or sleeps. Whether it goes on at once.
    pub(super) fn issue_due(&mut self, thread: u32, actor: u32) -> bool {
        let Some((intended, client)) = self.actors[actor as usize].due.pop_front() else {
            self.block(thread, Cause::Queue);
            return false;
        };
        if client == NONE {
            self.arrival(intended, actor, thread);
        } else {
            self.client_issues(intended, client, thread);
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
            let state = self.task(task);
            state.actor = NONE;
            let measured = state.measured;
            self.actors[actor as usize].ledger.refused += u64::from(measured);
            self.free.push(task);
        }
    }

    /// Number of a client's present task.
    fn client_task(&self, client: u32) -> u64 {
        let state = self.clients[client as usize];
        let actor = &self.actors[state.actor as usize];
        u64::from(client - actor.first_client) + u64::from(state.tasks) * u64::from(actor.clients)
    }

    /// A client issues its task; a full queue makes it wait for room.
    fn client_issues(&mut self, intended: u64, client: u32, thread: u32) {
        let number = self.client_task(client);
        let state = &mut self.clients[client as usize];
        state.tasks += 1;
        let actor = state.actor;
        let task = self.new_task(intended, actor, number, client | CLIENT);
        self.push_or_wait(task, thread, NONE);
    }

    /// A client thinks before its next task, or issues it at once.
    pub(super) fn client_thinks(&mut self, client: u32, thread: u32) {
        let actor = self.clients[client as usize].actor;
        let thought = if self.actors[actor as usize].think.mean.0 == 0 {
            0
        } else {
            let number = self.client_task(client);
            let owner = &self.actors[actor as usize];
            owner.think.sample(&mut owner.thinking.stream(number), number).0
        };
        if thought == 0 && thread != NONE {
            self.client_issues(self.now, client, thread);
        } else {
            self.hand_to_issuer(actor, thread);
            self.schedule_issue(self.now + thought, Kind::Client, client, actor);
        }
    }
}
