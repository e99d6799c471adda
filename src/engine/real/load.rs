//! The thread that issues an actor's load: open arrivals at their intended instants, and clients that think.

use super::book::Issued;
use super::runtime::{Origin, Returned, Runtime, Task};
use crate::measure::sched;
use crate::queue::PushError;
use crate::random::{Source, Stream};
use crate::scenario::{Arrivals, Load};
use crate::units::Nanos;
use crate::workload::exponential;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError};

/// Longest sleep between two looks at whether the run is over.
const LONGEST_SLEEP: Nanos = Nanos::from_millis(20);

/// Issues the load of `actor` until the run is over; returns what was issued in the measured window.
pub(super) fn issue(run: &Runtime, actor: usize, returned: Option<&Receiver<Returned>>) -> Issued {
    sched::sharpen_timers();
    let mut load = LoadThread {
        run,
        actor,
        counts: Issued::default(),
        thinking: BinaryHeap::new(),
        queue_full: VecDeque::new(),
    };
    match run.actors[actor].spec.load.clone() {
        Load::None => {}
        Load::Open { rate, arrivals } => load.open(rate, arrivals),
        Load::Closed { clients, .. } => {
            if let Some(returned) = returned {
                load.closed(clients as u64, returned);
            }
        }
    }
    load.counts
}

struct LoadThread<'run> {
    run: &'run Runtime,
    actor: usize,
    counts: Issued,
    /// Clients by the instant at which they stop thinking, soonest first.
    thinking: BinaryHeap<Thinking>,
    /// Tasks that have arrived and found no room, oldest first.
    queue_full: VecDeque<Task>,
}

/// A client that thinks; the soonest is the greatest, as the heap wants it.
struct Thinking(Task);

impl Thinking {
    /// Order of leaving: by arrival, then by number, so that it does not depend on who came back first.
    fn key(&self) -> (u64, u64) {
        (self.0.arrived.0, self.0.number)
    }
}

impl PartialEq for Thinking {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Thinking {}

impl PartialOrd for Thinking {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Thinking {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.key().cmp(&self.key())
    }
}

impl LoadThread<'_> {
    /// Arrivals that do not depend on completions. One that finds the queue full is refused.
    fn open(&mut self, rate: f64, arrivals: Arrivals) {
        let mut stream = Stream::new(self.run.seed, Source::Arrivals, self.actor as u64, 0);
        let gap = Nanos::from_secs(1).scaled(1.0 / rate);
        let mut intended = self.run.clock.now();
        for number in 0.. {
            intended += match arrivals {
                Arrivals::Poisson => gap.scaled(exponential(&mut stream)),
                Arrivals::Paced => gap,
                Arrivals::Uniform => gap.scaled(2.0 * stream.unit()),
            };
            if !self.sleep_until(intended) {
                return;
            }
            let issued = self.run.clock.now();
            let mut task = Task::new(intended, issued, number, Origin::Open);
            let party = self.run.load_of(self.actor);
            self.counts.arrive(self.run, party, &mut task);
            match self.run.offer(self.actor, task) {
                Ok(()) => {}
                Err(PushError::Full(task)) => self.counts.refuse(self.run, party, &task),
                Err(PushError::Closed(task)) => return self.counts.leave(&task),
            }
        }
    }

    /// Sleeps until `instant`; false when the run is over before.
    fn sleep_until(&self, instant: Nanos) -> bool {
        loop {
            if self.run.stopped() {
                return false;
            }
            let now = self.run.clock.now();
            if now >= instant {
                return true;
            }
            std::thread::park_timeout((instant - now).min(LONGEST_SLEEP).to_duration());
        }
    }

    /// Clients that issue their first task at once (after thinking, if they think), and are then sent back here
    /// by the workers when they have to think or found no room.
    fn closed(&mut self, clients: u64, returned: &Receiver<Returned>) {
        let start = self.run.clock.now();
        for client in 0..clients {
            // Task numbers of a client are those congruent to it; its first follows an imaginary one before it.
            let mut task = Task::new(start, start, client.wrapping_sub(clients), Origin::Client);
            let thinks = self.run.renew(self.actor, &mut task, start);
            if thinks {
                self.thinking.push(Thinking(task));
            } else {
                self.arrive(task);
            }
        }
        while !self.run.stopped() {
            let now = self.run.clock.now();
            self.retry();
            while self.thinking.peek().is_some_and(|client| client.0.arrived <= now) {
                if let Some(Thinking(task)) = self.thinking.pop() {
                    self.arrive(task);
                }
            }
            let next = self.thinking.peek().map_or(Nanos::MAX, |client| client.0.arrived);
            let retry = if self.queue_full.is_empty() { LONGEST_SLEEP } else { Nanos::from_millis(1) };
            let sleep = next.saturating_sub(now).min(retry);
            match returned.recv_timeout(sleep.to_duration()) {
                Ok(Returned::Thinking(task)) => self.thinking.push(Thinking(task)),
                Ok(Returned::Refused(task)) => self.queue_full.push_back(task),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        for task in std::mem::take(&mut self.queue_full) {
            self.counts.leave(&task);
        }
    }

    /// A client's task arrives: it is issued from here on, whether or not there is room.
    fn arrive(&mut self, mut task: Task) {
        task.issued = self.run.clock.now().max(task.arrived);
        self.counts.arrive(self.run, self.run.load_of(self.actor), &mut task);
        match self.run.offer(self.actor, task) {
            Ok(()) => {}
            Err(PushError::Full(task)) => self.queue_full.push_back(task),
            Err(PushError::Closed(task)) => self.counts.leave(&task),
        }
    }

    /// Offers again what found no room, oldest first.
    fn retry(&mut self) {
        while let Some(task) = self.queue_full.pop_front() {
            match self.run.offer(self.actor, task) {
                Ok(()) => {}
                Err(PushError::Full(task)) => return self.queue_full.push_front(task),
                Err(PushError::Closed(task)) => return self.counts.leave(&task),
            }
        }
    }
}

/// Notes what workers sent back after the load's thread had gone. Clients that think were not in the system.
pub(super) fn drain(counts: &mut Issued, returned: &Receiver<Returned>) {
    while let Ok(client) = returned.try_recv() {
        if let Returned::Refused(task) = client {
            counts.leave(&task);
        }
    }
}
