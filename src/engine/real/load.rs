//! The thread that issues an actor's load: open arrivals at their intended instants, and clients that think.

use super::runtime::{Origin, Returned, Runtime, Task};
use super::worker_stats::{Issued, groups_of};
use crate::measure::{Epoch, Group, Groups, Outcome, sched};
use crate::model::after;
use crate::queue::PushError;
use crate::random::{Source, Stream};
use crate::scenario::{Arrivals, Full, Load, Pattern, Shed};
use crate::units::Nanos;
use crate::workload::exponential;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError};

/// Longest sleep between two looks at whether the run is over.
const LONGEST_SLEEP: Nanos = Nanos::from_millis(20);

/// Issues the load of `actor` until the run is over; returns what was issued in the measured window.
pub(super) fn issue(
    run: &Runtime,
    actor: usize,
    returned: Option<&Receiver<Returned>>,
) -> (Issued, Option<Groups>) {
    sched::sharpen_timers();
    let mut load = LoadThread {
        run,
        actor,
        counts: Issued::default(),
        groups: groups_of(run).into_iter().nth(actor),
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
    (load.counts, load.groups)
}

struct LoadThread<'run> {
    run: &'run Runtime,
    actor: usize,
    counts: Issued,
    groups: Option<Groups>,
    /// Clients by the instant at which they stop thinking, soonest first.
    thinking: BinaryHeap<Thinking>,
    /// Tasks that have arrived and found no room, oldest first.
    queue_full: VecDeque<Task>,
}

/// The instants of an open load.
struct Instants {
    stream: Stream,
    gap: Nanos,
    arrivals: Arrivals,
    pattern: Pattern,
    last: Nanos,
    /// Nanoseconds, where the load has phases.
    after_start: f64,
}

impl Instants {
    /// When task `number` of a load that began at `start` arrives, if it does.
    fn next(&mut self, start: Nanos, number: u64) -> Option<Nanos> {
        if let Some(recorded) = &self.pattern.recorded {
            let at = usize::try_from(number).ok().and_then(|number| recorded.get(number))?;
            return Some(start + *at);
        }
        let factor = match self.arrivals {
            Arrivals::Poisson => exponential(&mut self.stream),
            Arrivals::Paced => 1.0,
            Arrivals::Uniform => 2.0 * self.stream.unit(),
        };
        if !self.pattern.phases.is_empty() {
            self.after_start = after(&self.pattern.phases, self.after_start, factor)?;
            return Some(start + Nanos(1).scaled(self.after_start));
        }
        self.last += if self.arrivals == Arrivals::Paced { self.gap } else { self.gap.scaled(factor) };
        Some(self.last)
    }
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
    /// Arrivals that do not depend on completions. One that finds the queue full is refused, unless the actor says what else
    /// becomes of it.
    fn open(&mut self, rate: f64, arrivals: Arrivals) {
        let pattern = self.run.actors[self.actor].spec.pattern.clone();
        // Phases and recorded instants are those of the run, however late this thread began.
        let timed = !pattern.phases.is_empty() || pattern.recorded.is_some();
        let start = if timed { self.run.start() } else { self.run.clock.now() };
        let mut instants = Instants {
            stream: Stream::new(self.run.seed, Source::Arrivals, self.actor as u64, 0),
            gap: Nanos::from_secs(1).scaled(1.0 / rate),
            arrivals,
            pattern,
            last: start,
            after_start: 0.0,
        };
        for number in 0.. {
            let Some(intended) = instants.next(start, number) else { return self.wait_for_end() };
            if !self.sleep_until(intended) {
                return self.leave_all();
            }
            self.retry();
            let issued = self.run.clock.now();
            let mut task = Task::new(intended, issued, number, Origin::Open);
            let party = self.run.load_of(self.actor);
            task.kind = self.run.drawn_kind(self.actor, number);
            self.run.share_out(self.actor, &mut task);
            self.counts.arrive(self.run, party, &mut task);
            self.note_issue(&task);
            if let Err(PushError::Closed(task)) = self.offer(task, Full::Refuse) {
                self.counts.leave(&task);
                return self.leave_all();
            }
        }
    }

    /// Everybody has arrived: what waits for room goes in as there is some.
    fn wait_for_end(&mut self) {
        while !self.run.stopped() {
            self.retry();
            let sleep = if self.queue_full.is_empty() { LONGEST_SLEEP } else { Nanos::from_millis(1) };
            std::thread::park_timeout(sleep.to_duration());
        }
        self.leave_all();
    }

    /// Leaves what waits for room, as the run is over.
    fn leave_all(&mut self) {
        for task in std::mem::take(&mut self.queue_full) {
            self.counts.leave(&task);
        }
    }

    fn note_issue(&mut self, task: &Task) {
        let at = task.arrived.saturating_sub(self.run.start());
        if task.epoch == Epoch::Inside
            && let Some(groups) = &mut self.groups
        {
            groups.of(at, task.kind).for_each(Group::issue);
        }
    }

    /// Puts a task into the queue, or does with it what the actor's full queue does (`full` where it does not say);
    /// what must wait for room is kept. Gives it back only when the run is over.
    fn offer(&mut self, task: Task, full: Full) -> Result<(), PushError<Task>> {
        let to = task.to as usize;
        let spec = &self.run.actors[to].spec;
        let queue = self.run.actors[to].inbox.queue();
        if matches!(spec.shed, Some(Shed::Length(most)) if queue.len() >= most) {
            self.turn_away(task);
            return Ok(());
        }
        let mut task = match self.run.offer(to, task) {
            Ok(()) => return Ok(()),
            Err(PushError::Full(task)) => task,
            Err(closed) => return Err(closed),
        };
        match spec.full.unwrap_or(full) {
            Full::Block => self.queue_full.push_back(task),
            Full::Refuse => self.turn_away(task),
            // Others may fill the room that this one makes; each turn turns one away.
            Full::DropOldest => loop {
                if let Ok(mut oldest) = queue.try_pop() {
                    oldest.to = task.to;
                    self.turn_away(oldest);
                }
                match self.run.offer(to, task) {
                    Ok(()) => break,
                    Err(PushError::Full(back)) => task = back,
                    Err(closed) => return Err(closed),
                }
            },
        }
        Ok(())
    }

    /// Refuses a task: its client thinks before the next one, and whoever asked for it is told.
    fn turn_away(&mut self, mut task: Task) {
        let at = task.arrived.saturating_sub(self.run.start());
        self.run.instances.left(task.to as usize);
        task.issued = self.run.clock.now().max(task.arrived);
        self.counts.refuse(self.run, self.run.load_of(self.actor), &task);
        if task.epoch == Epoch::Inside
            && let Some(groups) = &mut self.groups
        {
            groups.of(at, task.kind).for_each(|group| group.end(Outcome::Refused));
        }
        match std::mem::replace(&mut task.origin, Origin::Open) {
            Origin::Client => {
                task.origin = Origin::Client;
                let now = self.run.clock.now();
                self.run.renew(self.actor, &mut task, now);
                self.thinking.push(Thinking(task));
            }
            Origin::Part(asking, part) => drop(asking.answer(part, Outcome::Refused)),
            Origin::Open | Origin::Call { .. } => {}
        }
    }

    /// Sleeps until `instant`; false when the run is over before. What waits for room is offered again meanwhile.
    fn sleep_until(&mut self, instant: Nanos) -> bool {
        while !self.queue_full.is_empty() && self.run.clock.now() + Nanos::from_millis(1) < instant {
            if !sleep_until(self.run, self.run.clock.now() + Nanos::from_millis(1)) {
                return false;
            }
            self.retry();
        }
        sleep_until(self.run, instant)
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
        self.leave_all();
    }

    /// A client's task arrives: it is issued from here on, whether or not there is room.
    fn arrive(&mut self, mut task: Task) {
        task.issued = self.run.clock.now().max(task.arrived);
        self.run.share_out(self.actor, &mut task);
        self.counts.arrive(self.run, self.run.load_of(self.actor), &mut task);
        self.note_issue(&task);
        if let Err(PushError::Closed(task)) = self.offer(task, Full::Block) {
            self.counts.leave(&task);
        }
    }

    /// Offers again what found no room, oldest first.
    fn retry(&mut self) {
        while let Some(task) = self.queue_full.pop_front() {
            match self.run.offer(task.to as usize, task) {
                Ok(()) => {}
                Err(PushError::Full(task)) => return self.queue_full.push_front(task),
                Err(PushError::Closed(task)) => return self.counts.leave(&task),
            }
        }
    }
}

/// Sleeps until `instant`; false when the run is over before.
pub(super) fn sleep_until(run: &Runtime, instant: Nanos) -> bool {
    loop {
        if run.stopped() {
            return false;
        }
        let now = run.clock.now();
        if now >= instant {
            return true;
        }
        std::thread::park_timeout((instant - now).min(LONGEST_SLEEP).to_duration());
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
