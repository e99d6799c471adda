//! A run from its first event to its record.

use super::bytecode::Bytecode;
use super::caches::CacheModel;
use super::charges::Charges;
use super::extra::More;
use super::load::MAX_ACTORS;
use super::locks::Lock;
use super::observe::MAX_THREADS;
use super::profile::Sampler;
use super::program::index;
use super::queues::MAX_HANDLERS;
use super::stores::StoreModel;
use super::timeline::Recorder;
use super::world::{Account, Actor, EventKind, NONE, Next, StepSums, Thread, World};
use crate::engine::{EngineError, Experiment, Progress};
use crate::machine::{CoreId, Machine, MachineEvent, ThreadId, Weight};
use crate::measure::Ledger;
use crate::model::Program;
use crate::queue::QueueKind;
use crate::random::{Source, Stream, Streams};
use crate::scenario::{ActorSpec, Layout, Load, LockKind, LockSpec, Scenario};
use crate::units::Nanos;
use crate::workload::Draw;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;

/// Measured tasks when neither tasks nor a duration are given.
const DEFAULT_TASKS: u64 = 2_000;
/// Events between two looks at the outside.
const STRIDE: u64 = 1 << 14;
/// Events without a finished task of the focus after which somebody looks whether it is in a deadlock.
const CURIOSITY: u64 = 1 << 20;
/// Events without a finished task after which a run is given up.
const PATIENCE: u64 = 50_000_000;
/// After so many events somebody looks how much time they took, unless there are very many clients.
const LIVELY: u64 = 10_000_000;

/// A system at time 0, nothing scheduled yet.
pub(super) fn world<'a>(
    experiment: &'a Experiment,
    layout: &'a Layout,
    (programs, code): (&'a [Program], &'a Bytecode),
    charges: Charges,
) -> Result<World<'a>, EngineError> {
    let scenario = &experiment.scenario;
    let threads = numbered(scenario)?;
    let asked = match (scenario.run.tasks, scenario.run.duration) {
        (Some(tasks), _) => tasks.max(1),
        (None, Some(_)) => u64::MAX,
        (None, None) => DEFAULT_TASKS,
    };
    let cores = charges.cores;
    let mut locks = locks(scenario);
    let excludes = scenario.host.factors.coherence > 0.0;
    let caches =
        scenario.caches.iter().map(|spec| CacheModel::new(spec, threads, &mut locks, excludes)).collect();
    let stores = StoreModel::all(scenario, &charges, &mut locks);
    let machine = Machine::replicate(
        cores,
        charges.scheduler(),
        charges.costs,
        experiment.seed,
        u64::from(experiment.replicate),
    )
    .with_siblings(scenario.host.siblings.unwrap_or(1000));
    let mut world = World {
        scenario,
        layout,
        programs,
        code,
        charges,
        seed: experiment.seed,
        machine,
        now: 0,
        digest: 0,
        handled: 0,
        actors: Vec::with_capacity(scenario.actors.len()),
        steps: vec![StepSums::default(); code.steps + 1],
        tasks: Vec::new(),
        free: Vec::new(),
        threads: Vec::with_capacity(threads),
        accounts: Vec::new(),
        locks,
        caches,
        accesses: Vec::new(),
        stores,
        uses: Vec::new(),
        window_start: scenario.run.warmup.0,
        window_end: u64::MAX,
        window_open: false,
        closed: None,
        outstanding: 0,
        over: false,
        timeline: Recorder::new(experiment.timeline_spans),
        sampler: Sampler::new(experiment, code.steps),
        workers: threads,
        asked,
        wanted: asked,
        finished: 0,
        more: More::new(scenario, code),
    };
    for (number, lock) in world.locks.iter_mut().enumerate() {
        lock.gil.coin =
            Stream::new(experiment.seed, Source::Scheduler, number as u64, u64::from(experiment.replicate));
    }
    world.populate();
    Ok(world)
}

/// How many worker threads a scenario has; an index has to have room for everything.
fn numbered(scenario: &Scenario) -> Result<usize, EngineError> {
    let threads: usize = scenario.actors.iter().map(|actor| actor.threads).sum();
    let counted = [(threads, "threads", 1 << 29), (scenario.actors.len(), "actors", MAX_ACTORS)];
    match counted.into_iter().find(|(count, _, most)| count >= most) {
        Some((count, what, most)) => Err(EngineError::Unsupported(format!(
            "{count} {what} are more than the virtual engine can number; use fewer than {most}"
        ))),
        None => Ok(threads),
    }
}

/// The locks, all free. A spin lock that asynchronous tasks take is awaited instead, as on the real engine.
fn locks(scenario: &Scenario) -> Vec<Lock> {
    let awaited = |lock: usize| {
        let takes = |actor: &&ActorSpec| {
            actor.steps.iter().any(|step| step.lock == Some(lock) || step.opens == Some(lock))
        };
        scenario.actors.iter().filter(|actor| actor.queue == QueueKind::Async).any(|actor| takes(&actor))
    };
    let of = |(number, spec): (usize, &LockSpec)| match spec.kind {
        LockKind::Spin if awaited(number) => Lock::new(LockKind::Mutex),
        kind => Lock::with(kind, spec.next, spec.wait),
    };
    scenario.locks.iter().enumerate().map(of).collect()
}

impl World<'_> {
    /// Makes the actors and their workers, all of them idle.
    fn populate(&mut self) {
        let scenario = self.scenario;
        for (number, spec) in scenario.actors.iter().enumerate() {
            let asynchronous = spec.queue == QueueKind::Async;
            // All instances draw from the same streams, so that a task draws the same whichever serves it.
            let owner = self.layout.home(number) as u64;
            let first = self.threads.len();
            self.threads.extend((0..spec.threads).map(|_| Thread::idle(index(number))));
            self.actors.push(Actor {
                asynchronous,
                station: index(scenario.station(number)),
                capacity: if spec.queue == QueueKind::SegQueue { usize::MAX } else { spec.capacity },
                queue: VecDeque::new(),
                overflow: VecDeque::new(),
                idle: (first..self.threads.len()).map(index).collect(),
                ready: VecDeque::new(),
                late: Vec::new(),
                polls: 0,
                handlers: if asynchronous { spec.capacity.min(MAX_HANDLERS) } else { 0 },
                busy_until: 0,
                touched_by: NONE,
                arrivals: 0,
                clients: 0,
                at_once: 0,
                think: Draw::constant(Nanos::ZERO),
                thinking: Streams::new(self.seed, Source::Think, owner),
                service: Streams::new(self.seed, Source::Service, owner),
                issuer: NONE,
                due: VecDeque::new(),
                gaps: Stream::new(self.seed, Source::Arrivals, number as u64, 0),
                next_arrival: 0.0,
                present: 0,
                ledger: Ledger::small(spec.steps.len()),
            });
        }
        if self.charges.issuers {
            for (number, spec) in scenario.actors.iter().enumerate() {
                if spec.load != Load::None {
                    self.actors[number].issuer = index(self.threads.len());
                    self.threads.push(Thread::idle(index(number)));
                }
            }
        }
        // The listed workers' accounts, that of all others, and one for the threads that issue load and are in no record.
        let listed = self.workers.min(MAX_THREADS);
        self.accounts = vec![Account::default(); listed + 2];
        for (number, thread) in self.threads.iter_mut().enumerate() {
            thread.account = index(if number < self.workers { number.min(listed) } else { listed + 1 });
        }
        for number in 0..self.threads.len() {
            let added = self.machine.add_thread();
            let spec = &scenario.actors[self.threads[number].actor as usize];
            if number < self.workers && spec.nice != 0 {
                self.machine.weigh(added, Weight::of_nice(spec.nice));
            }
        }
    }

    /// Runs until the run is over, nothing is pending, a deadlock keeps it from its end or somebody stops it; whether it was cut
    /// short.
    ///
    /// # Errors
    ///
    /// When the system makes no progress.
    pub(super) fn run(&mut self, progress: &Progress) -> Result<bool, EngineError> {
        self.schedule(self.window_start, EventKind::Window, 0);
        let mut edges = 1;
        if let Some(duration) = self.scenario.run.duration {
            self.schedule(self.window_start + duration.0, EventKind::Window, 1);
            edges += 1;
        }
        self.start_load();
        self.start_stops();
        let (mut finished, mut finished_at) = (0, 0);
        let (mut left, mut stood) = ((self.wanted, 0), (0, 0));
        let mut cut_short = false;
        while !self.over {
            if let Some(core) = self.machine.next_due() {
                self.start(core);
                continue;
            }
            let Some(event) = self.machine.pop() else {
                cut_short = self.closed.is_none() && self.is_deadlocked();
                break;
            };
            let (at, what) = (event.at.0, event.what.0);
            if at > self.drain_until() {
                self.set_now(self.drain_until());
                break;
            }
            // The other numbers of this kind are alarms.
            if EventKind::of(what) == EventKind::Window && what & u64::from(u32::MAX) < 2 {
                edges -= 1;
                // Nothing but the window's edges is left to happen: whoever waits now waits for ever.
                if self.machine.pending() == edges && self.is_deadlocked() {
                    cut_short = true;
                    break;
                }
            }
            if at >= self.sampler.due {
                self.sample_until(at);
            }
            self.set_now(at);
            self.digest = mix(self.digest ^ at, what);
            self.handled += 1;
            self.handle(what);
            if self.handled.is_multiple_of(STRIDE) {
                let done = self.publish(progress);
                if done != finished {
                    (finished, finished_at) = (done, self.handled);
                }
                if self.closed.as_ref().is_some_and(|closed| self.handled > closed.most_events) {
                    break;
                }
                if self.never_ends(&mut left) {
                    cut_short = self.closed.is_none();
                    break;
                }
                self.makes_progress(finished_at, &mut stood)?;
                if progress.stopped() {
                    return Ok(true);
                }
            }
        }
        self.publish(progress);
        if let Some(actor) = self.takes_no_time() {
            return Err(EngineError::Unsupported(format!(
                "simulate tasks of `{actor}` that take no time for clients that do not think: they come to no end; give a step a \
                 time, or the clients `think`"
            )));
        }
        Ok(cut_short)
    }

    /// # Errors
    ///
    /// No task was finished since the event `finished_at`, or hardly any time passed since `stood`.
    fn makes_progress(&self, finished_at: u64, stood: &mut (u64, u64)) -> Result<(), EngineError> {
        if self.handled - finished_at > PATIENCE {
            return Err(EngineError::Unsupported(format!(
                "go on: no task finished in the last {PATIENCE} events; give the scenario a duration, or look whether \
                 anybody sends tasks to its actor in focus"
            )));
        }
        if self.stands_still(stood) {
            return Err(EngineError::Unsupported(format!(
                "simulate tasks that take hardly any time: after {} events {} ns have passed; give the steps a time, or let \
                 the clients `think`",
                self.handled, self.now
            )));
        }
        Ok(())
    }

    /// Whether clients who do not think get their answers so soon that the run would come to no end: more than one event in ten
    /// nanoseconds for every client and core, since the event `stood.0` at the instant `stood.1`.
    fn stands_still(&self, stood: &mut (u64, u64)) -> bool {
        let (events, nanos) = (self.handled - stood.0, self.now - stood.1);
        let everybody =
            self.actors.iter().map(|actor| actor.clients).sum::<u64>() + u64::from(self.charges.cores);
        // Everybody may come at the same instant, and do a task.
        if events < LIVELY.max(100 * everybody) {
            return false;
        }
        *stood = (self.handled, self.now);
        let hasty = |actor: &Actor| actor.clients > 0 && actor.think.mean.0 == 0;
        self.actors.iter().any(hasty) && events.saturating_mul(10) > nanos.saturating_mul(everybody)
    }

    /// Whether a deadlock keeps a run that no clock ends from its end. Looks when tasks that are waited for have stayed as many
    /// (`left`, since so many events) for long.
    fn never_ends(&self, left: &mut (u64, u64)) -> bool {
        let now = if self.closed.is_some() { self.outstanding } else { self.wanted };
        if now != left.0 {
            *left = (now, self.handled);
        }
        if self.handled - left.1 <= CURIOSITY {
            return false;
        }
        left.1 = self.handled;
        (self.closed.is_some() || self.scenario.run.duration.is_none()) && self.is_deadlocked()
    }

    /// Tells the outside how far the run is; returns how many measured tasks all actors have finished.
    fn publish(&self, progress: &Progress) -> u64 {
        progress.completed.store(self.asked - self.wanted, Ordering::Relaxed);
        progress.events.store(self.handled, Ordering::Relaxed);
        progress.phase.store(if self.window_open { 2 } else { 1 }, Ordering::Relaxed);
        if self.window_open { self.finished } else { self.now }
    }

    #[inline]
    fn handle(&mut self, what: u64) {
        #[expect(clippy::cast_possible_truncation, reason = "fields of a payload")]
        let (number, generation) = (what as u32, (what >> 32) as u32 & ((1 << 29) - 1));
        match EventKind::of(what) {
            EventKind::Start => {
                let core = CoreId(number);
                if self.machine.is_valid(MachineEvent::Start { core, generation }) {
                    self.start(core);
                }
            }
            EventKind::Burst => {
                let core = CoreId(number);
                if self.machine.is_valid(MachineEvent::Burst { core, generation }) {
                    self.burst_over(core);
                }
            }
            EventKind::ThreadTimer => {
                let thread = ThreadId(number);
                if self.machine.is_valid(MachineEvent::Timer { thread, generation }) {
                    self.thread_timer(number);
                }
            }
            EventKind::TaskTimer => self.task_timer(number),
            EventKind::Arrival => self.arrival_due(number),
            EventKind::Client => self.client_due(what),
            EventKind::Window if number == 0 => self.open_window(),
            EventKind::Window if number == 1 => self.close_window(),
            EventKind::Window => self.alarm(number),
            EventKind::Tick => self.tick(CoreId(number)),
        }
    }

    /// A sleep or a round of the interpreter lock is over.
    fn thread_timer(&mut self, thread: u32) {
        let task = self.threads[thread as usize].task;
        if task == NONE {
            // One that had died is back.
            return self.make_ready_by_timer(thread);
        }
        let lock = self.task(task).lock;
        if self.task(task).next == Next::Retry && matches!(self.lock(lock).kind, LockKind::Gil { .. }) {
            self.gil_timed_out(thread, lock);
        } else {
            self.make_ready_by_timer(thread);
        }
    }

    /// The measured window begins: everything counted so far is forgotten.
    fn open_window(&mut self) {
        self.flush();
        self.window_open = true;
        self.accounts.iter_mut().for_each(|account| *account = Account::default());
        self.locks.iter_mut().for_each(Lock::reset);
        self.caches.iter_mut().for_each(CacheModel::reset);
        self.more.reset();
        self.machine.forget_migrations();
    }

    /// Accounts every thread's time up to now.
    pub(super) fn flush(&mut self) {
        let (machine, mut accounts) = self.parts();
        machine.split_all(&mut accounts);
    }
}

/// Mixes an event into the digest of the sequence.
#[inline]
const fn mix(digest: u64, what: u64) -> u64 {
    let word = (digest ^ what.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word ^ (word >> 29)
}
