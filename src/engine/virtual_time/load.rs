//! Load: open arrivals that wait for nobody, and clients that each wait for their answer.

use super::program::index;
use super::queues::Push;
use super::world::{Client, Kind, NONE, World};
use crate::random::{Source, Stream};
use crate::scenario::{Arrivals, Load};

impl World<'_> {
    /// Starts every actor's own load at time 0.
    pub(super) fn start_load(&mut self) {
        let scenario = self.scenario;
        for (actor, spec) in scenario.actors.iter().enumerate() {
            match &spec.load {
                Load::None => {}
                Load::Open { .. } => self.next_arrival(index(actor)),
                Load::Closed { clients, .. } => {
                    for _ in 0..*clients {
                        let client = index(self.clients.len());
                        self.clients.push(Client { actor: index(actor), tasks: 0 });
                        self.schedule(0, Kind::Client, 0, client);
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
            Arrivals::Poisson => -libm::log(state.gaps.positive_unit()),
        };
        // Instants are summed before rounding, so that the rate is exact in the long run.
        state.next_arrival += factor * 1e9 / rate;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of positive gaps")]
        let at = (state.next_arrival as u64).max(self.now);
        self.schedule(at, Kind::Arrival, 0, actor);
    }

    /// A task of open load arrives; a full queue refuses it.
    pub(super) fn arrival(&mut self, actor: u32) {
        let task = self.new_task(actor, NONE, NONE);
        if self.push(task, NONE) == Push::Full {
            let state = self.task(task);
            state.alive = false;
            let measured = state.measured;
            self.actors[actor as usize].ledger.refused += u64::from(measured);
            self.free.push(task);
        }
        self.next_arrival(actor);
    }

    /// A client issues its next task.
    pub(super) fn client_issues(&mut self, client: u32, thread: u32) {
        let actor = self.clients[client as usize].actor;
        let task = self.new_task(actor, client, NONE);
        self.push_or_wait(task, thread, NONE);
    }

    /// A client has its answer: it thinks, then issues again.
    pub(super) fn client_done(&mut self, index: u32, thread: u32) {
        let seed = self.seed;
        let client = &mut self.clients[index as usize];
        let (actor, number) = (client.actor, u64::from(client.tasks));
        client.tasks += 1;
        let scenario = self.scenario;
        let Load::Closed { think, .. } = &scenario.actors[actor as usize].load else { return };
        let mut stream = Stream::new(seed, Source::Think, u64::from(index), number);
        let thought = think.sample(&mut stream, number).0;
        if thought == 0 {
            self.client_issues(index, thread);
        } else {
            self.schedule(self.now + thought, Kind::Client, 0, index);
        }
    }
}
