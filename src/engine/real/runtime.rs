//! What the threads of one run share.

use super::asking::Asking;
use super::console::Resource;
use super::deaths::Deaths;
use super::gathering::Gathering;
use super::instances::Instances;
use super::locks::{LockRuntime, Mechanism};
use super::memory::{CacheRuntime, StoreRuntime};
use super::pauses::Pauses;
use super::places::PoolRuntime;
use super::quota::ControlGroup;
use super::register::{Look as RegisterLook, Register, Ticket};
use super::tasks::MAX_HANDLERS;
use super::work::{self, STOP_CHECK, Work};
use crate::clock::Clock;
use crate::engine::live::LiveBatch;
use crate::engine::{EngineError, Experiment, Profiler, Progress};
use crate::measure::{Epoch, host};
use crate::model::{Op, Program, weighted};
use crate::queue::{self, ChannelQueue, PushError, QueueKind, TaskQueue};
use crate::random::{Source, Stream};
use crate::scenario::{ActorSpec, Budget, Layout, Load, LockKind, Next, Scenario, StepSpec, Wait};
use crate::sync::Padded;
use crate::units::Nanos;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::thread::Thread;
use tokio::sync::oneshot;

/// A task on its way. What queues move is one pointer, and a client's task is the same allocation for ever: moving
/// the body itself through a queue cost more than all of the bookkeeping (48 against 31 ns per empty task).
#[derive(Debug)]
pub struct Task(Box<TaskBody>);

/// No worker sent it.
pub(super) const NOBODY: u32 = u32::MAX;

/// What a task says of itself.
#[derive(Debug)]
pub struct TaskBody {
    /// Intended start.
    pub(super) arrived: Nanos,
    /// When it was really issued.
    pub(super) issued: Nanos,
    /// Where its arrival lies, as whoever issued it saw it.
    pub(super) epoch: Epoch,
    /// Its number, which names its stream of random numbers.
    pub(super) number: u64,
    /// The task that sent it, as [`whole_tasks::key`](super::whole_tasks::key) tells it; 0 when it is load.
    pub(super) parent: u64,
    /// The worker that sent it; [`NOBODY`] when it is load.
    pub(super) sender: u32,
    /// Whom its end concerns.
    pub(super) origin: Origin,
    /// Index into its actor's kinds.
    pub(super) kind: u32,
    /// The actor that serves it.
    pub(super) to: u32,
}

impl Task {
    /// A task that was to start at `arrived` and was issued at `issued`.
    pub(super) fn new(arrived: Nanos, issued: Nanos, number: u64, origin: Origin) -> Self {
        Self(Box::new(TaskBody {
            arrived,
            issued,
            epoch: Epoch::Before,
            number,
            parent: 0,
            sender: NOBODY,
            origin,
            kind: 0,
            to: NOBODY,
        }))
    }

    /// A message that the worker `sender` sends at `sent`.
    pub(super) fn message(sender: usize, sent: Nanos, number: u64, origin: Origin) -> Self {
        let sender = u32::try_from(sender).unwrap_or(NOBODY);
        Self(Box::new(TaskBody {
            arrived: sent,
            issued: sent,
            epoch: Epoch::Before,
            number,
            parent: 0,
            sender,
            origin,
            kind: 0,
            to: NOBODY,
        }))
    }
}

impl Deref for Task {
    type Target = TaskBody;

    fn deref(&self) -> &TaskBody {
        &self.0
    }
}

impl DerefMut for Task {
    fn deref_mut(&mut self) -> &mut TaskBody {
        &mut self.0
    }
}

/// Where a task came from, and who waits for its end.
#[derive(Debug)]
pub(super) enum Origin {
    /// Open load, or a message that nobody waits for.
    Open,
    /// A client of a closed load, which then thinks and issues its next task.
    Client,
    /// A caller that waits for the answer.
    Call {
        /// Tells it.
        answer: oneshot::Sender<()>,
        /// Names the call in the register of waits.
        ticket: Ticket,
    },
    /// An attempt at a call, and which part of it.
    Part(Arc<Asking>, usize),
}

impl Origin {
    /// Whether somebody waits for the task's end.
    pub(super) const fn is_awaited(&self) -> bool {
        matches!(self, Self::Call { .. } | Self::Part(..))
    }
}

/// The queue of an actor, by how its workers wait.
pub(super) enum Inbox {
    /// Threads that block.
    Blocking(Box<dyn TaskQueue<Task>>),
    /// Tasks that await.
    Channel(ChannelQueue<Task>),
}

impl Inbox {
    /// The queue, for those who push.
    pub(super) fn queue(&self) -> &dyn TaskQueue<Task> {
        match self {
            Self::Blocking(queue) => queue.as_ref(),
            Self::Channel(queue) => queue,
        }
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Inbox with {} tasks", self.queue().len())
    }
}

/// An actor while it runs.
#[derive(Debug)]
pub(super) struct ActorRuntime {
    pub(super) spec: ActorSpec,
    pub(super) program: Program,
    /// Shared by actors that share their workers.
    pub(super) inbox: Arc<Inbox>,
    /// What tokio-console is told of the inbox.
    pub(super) seen: Resource,
    /// By step: what is left of the budget of its calls' retries, and those who do it in batches.
    pub(super) budgets: Vec<Option<Mutex<Budget>>>,
    pub(super) gatherings: Vec<Option<Gathering>>,
    /// By step: tasks that came to where some panic.
    pub(super) panics: Vec<AtomicU64>,
    /// Tasks that are served, where that makes them slower.
    pub(super) under_way: Padded<AtomicU64>,
    /// Clients that must think, or found the queue full, go back to the load's thread by this.
    pub(super) clients: Option<Sender<Returned>>,
}

impl ActorRuntime {
    /// Tells tokio-console how many tasks wait.
    #[inline]
    pub(super) fn tell(&self) {
        self.seen.holds(|| self.inbox.queue().len());
    }
}

/// A client that goes back to the thread that issues load.
#[derive(Debug)]
pub(super) enum Returned {
    /// It thinks until the task's arrival.
    Thinking(Task),
    /// It found no room: the task has arrived and waits.
    Refused(Task),
}

/// Measured tasks that one party issued and ended; written by it alone.
#[derive(Debug, Default)]
struct Outstanding {
    issued: AtomicU64,
    ended: AtomicU64,
}

/// Counts one more in a counter that nobody else writes.
#[inline]
fn count(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Release);
}

/// What a worker has to look at between two pieces of work.
#[derive(Clone, Copy, Debug)]
pub(super) enum Look {
    /// Somebody has asked for the lock that is held around the work.
    HandOver(usize),
    /// An event may have begun.
    Pause,
}

/// The run was stopped while a task was under way.
#[derive(Debug)]
pub(super) struct Stopped;

/// A run while it is under way.
#[derive(Debug)]
pub(super) struct Runtime {
    pub(super) clock: Clock,
    pub(super) work: Work,
    pub(super) seed: u64,
    pub(super) focus: usize,
    pub(super) actors: Vec<ActorRuntime>,
    pub(super) instances: Instances,
    pub(super) locks: Vec<LockRuntime>,
    pub(super) pools: Vec<PoolRuntime>,
    pub(super) pauses: Pauses,
    pub(super) deaths: Deaths,
    /// The quota of the workers.
    pub(super) group: Option<Arc<ControlGroup>>,
    /// Whether tasks need more than a queue, a program and one answer.
    pub(super) special: bool,
    warmup: Nanos,
    pub(super) caches: Vec<CacheRuntime>,
    pub(super) stores: Vec<StoreRuntime>,
    /// Who waits for what, and who holds it.
    pub(super) register: Register,
    pub(super) progress: Progress,
    pub(super) profiler: Profiler,
    /// Most spans that each worker keeps for the timeline.
    pub(super) spans: usize,
    window_start: AtomicU64,
    window_end: AtomicU64,
    /// When the run was over: the end of the drain.
    ended: AtomicU64,
    stop: AtomicBool,
    /// Measured tasks in the system: what each worker, and then each actor's load, issued and ended.
    outstanding: Vec<Padded<Outstanding>>,
    /// Measured tasks of the actor in focus, published in strides.
    completed: Padded<AtomicU64>,
    target: u64,
    /// Tasks between two publications of a worker.
    pub(super) stride: u64,
    /// What each worker does now: `step + 1` in the high half, activity in the low; written by it alone.
    pub(super) current: Vec<Padded<AtomicU32>>,
    controller: Thread,
}

impl Runtime {
    #[expect(clippy::too_many_lines, reason = "the fields of a run, one after the other")]
    pub(super) fn new(
        experiment: &Experiment,
        layout: &Layout,
        clients: Vec<Option<Sender<Returned>>>,
        queue: &dyn Fn(QueueKind, usize) -> Box<dyn TaskQueue<Task>>,
        progress: &Progress,
    ) -> Result<Self, EngineError> {
        let scenario = &experiment.scenario;
        let workers: usize = scenario.actors.iter().map(|actor| actor.threads).sum();
        let inboxes: Vec<Option<Arc<Inbox>>> = scenario
            .actors
            .iter()
            .map(|spec| {
                let own = match (spec.threads, spec.queue) {
                    (0, _) => return None,
                    (_, QueueKind::Async) => Inbox::Channel(ChannelQueue::with_capacity(spec.capacity)),
                    _ => Inbox::Blocking(queue(spec.queue, spec.capacity)),
                };
                Some(Arc::new(own))
            })
            .collect();
        let inbox_of = |actor: usize| {
            let inbox = inboxes[scenario.station(actor)].clone();
            inbox.unwrap_or_else(|| unreachable!("shared workers have threads"))
        };
        let actors: Vec<ActorRuntime> = scenario
            .actors
            .iter()
            .zip(clients)
            .enumerate()
            .map(|(number, (spec, clients))| ActorRuntime {
                program: Program::of(spec),
                inbox: inbox_of(number),
                budgets: spec.steps.iter().map(budget_of).collect(),
                gatherings: spec.steps.iter().map(|step| step.batch.map(Gathering::new)).collect(),
                panics: spec.steps.iter().map(|_| AtomicU64::new(0)).collect(),
                under_way: Padded::default(),
                seen: Resource::queue(&spec.name, spec.queue.name(), spec.capacity),
                spec: spec.clone(),
                clients,
            })
            .collect();
        let target = scenario.run.tasks.unwrap_or(u64::MAX);
        let locks = scenario.locks.iter().enumerate().map(|(index, spec)| {
            let awaited = actors.iter().any(|actor| {
                actor.spec.queue == QueueKind::Async
                    && actor
                        .program
                        .ops
                        .iter()
                        .any(|op| matches!(op, Op::Lock { lock, .. } if *lock == index))
            });
            let awaited = awaited && !matches!(spec.kind, LockKind::Gil { .. });
            let plain = spec.next == Next::Barge && spec.wait == Wait::Park;
            let awaited = awaited && plain && !matches!(spec.kind, LockKind::Shared { .. });
            LockRuntime::new(spec, awaited, experiment.timeline_spans > 0)
        });
        let stores = scenario.stores.iter().map(StoreRuntime::new).collect::<Result<_, _>>()?;
        Ok(Self {
            clock: Clock::get(),
            work: Work::calibrated(),
            seed: experiment.seed,
            focus: scenario.focus,
            instances: Instances::new(layout, scenario),
            locks: locks.collect(),
            pools: scenario.pools.iter().map(PoolRuntime::new).collect(),
            pauses: Pauses::new(scenario, experiment.seed),
            deaths: Deaths::new(scenario, layout),
            group: group_of(scenario, workers)?,
            special: scenario.is_special(),
            warmup: scenario.run.warmup,
            caches: scenario.caches.iter().map(|spec| CacheRuntime::new(spec, workers)).collect(),
            stores,
            register: Register::new(
                actors.iter().map(|actor| {
                    let shared = actor.spec.queue == QueueKind::Async;
                    let performers = if shared && actor.spec.threads > 0 {
                        actor.spec.capacity.min(MAX_HANDLERS)
                    } else {
                        actor.spec.threads
                    };
                    (&actor.spec, &actor.program, performers, shared)
                }),
                scenario.pools.iter().map(|pool| pool.size).collect(),
            ),
            actors,
            progress: progress.clone(),
            profiler: experiment.profiler,
            spans: if experiment.timeline_spans == 0 {
                0
            } else {
                (experiment.timeline_spans / workers.max(1)).max(16)
            },
            window_start: AtomicU64::new(u64::MAX),
            window_end: AtomicU64::new(u64::MAX),
            ended: AtomicU64::new(u64::MAX),
            outstanding: (0..workers + scenario.actors.len()).map(|_| Padded::default()).collect(),
            stop: AtomicBool::new(false),
            completed: Padded::default(),
            target,
            stride: (target / (1000 * workers.max(1) as u64)).clamp(1, 256),
            current: (0..workers).map(|_| Padded::default()).collect(),
            controller: std::thread::current(),
        })
    }

    /// Puts the calling thread, which is a worker, under the quota.
    pub(super) fn enter_group(&self) {
        if let Some(group) = &self.group {
            group.enter();
        }
    }

    /// Sets the instant from which arrivals are measured.
    pub(super) fn set_window_start(&self, at: Nanos) {
        self.window_start.store(at.0, Ordering::Release);
    }

    /// The instant from which arrivals are measured.
    #[inline]
    pub(super) fn window_start(&self) -> Nanos {
        Nanos(self.window_start.load(Ordering::Relaxed))
    }

    /// The instant at which load began to be issued.
    pub(super) fn start(&self) -> Nanos {
        self.window_start().saturating_sub(self.warmup)
    }

    /// The kind of a task of an actor's own load.
    pub(super) fn drawn_kind(&self, actor: usize, number: u64) -> u32 {
        let pattern = &self.actors[actor].spec.pattern;
        if let Some(kind) = pattern.recorded_kind(number) {
            return u32::try_from(kind).unwrap_or(0);
        }
        let mix = &pattern.mix;
        if mix.is_empty() {
            return 0;
        }
        let unit = Stream::new(self.seed, Source::Mix, actor as u64, number).unit();
        u32::try_from(weighted(mix, unit)).unwrap_or(0)
    }

    /// The instant at which measuring ended; the end of time while it goes on.
    #[inline]
    pub(super) fn window_end(&self) -> Nanos {
        Nanos(self.window_end.load(Ordering::Acquire))
    }

    /// Whether the run is over.
    #[inline]
    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Ends the measured window at `at`, unless it has ended already; the run goes on for the tasks that were issued in it.
    pub(super) fn close_window(&self, at: Nanos) {
        let at = at.max(self.window_start());
        let ended = self.window_end.compare_exchange(u64::MAX, at.0, Ordering::AcqRel, Ordering::Relaxed);
        if ended.is_ok() {
            self.controller.unpark();
        }
    }

    /// Ends the run: whatever is under way stays unfinished.
    pub(super) fn stop(&self, at: Nanos) {
        self.ended.compare_exchange(u64::MAX, at.0, Ordering::AcqRel, Ordering::Relaxed).ok();
        self.stop.store(true, Ordering::Release);
    }

    /// Ends the window and the run at once.
    pub(super) fn abort(&self, at: Nanos) {
        self.close_window(at);
        self.stop(at);
        self.controller.unpark();
    }

    /// When the run was over; the end of the window where nobody has said.
    pub(super) fn ended(&self) -> Nanos {
        match self.ended.load(Ordering::Acquire) {
            u64::MAX => self.window_end(),
            ended => Nanos(ended),
        }
    }

    /// Notes that `party` has issued a measured task: a worker by its number, or [`Runtime::load_of`].
    #[inline]
    pub(super) fn issued_by(&self, party: usize) {
        count(&self.outstanding[party].issued);
    }

    /// Notes that a measured task has ended at `party`.
    #[inline]
    pub(super) fn ended_at(&self, party: usize) {
        count(&self.outstanding[party].ended);
    }

    /// The party that issues an actor's load.
    pub(super) const fn load_of(&self, actor: usize) -> usize {
        self.current.len() + actor
    }

    /// Measured tasks that are in the system, as far as everybody has said.
    pub(super) fn outstanding(&self) -> u64 {
        let sum = |of: fn(&Outstanding) -> &AtomicU64| -> u64 {
            self.outstanding.iter().map(|party| of(party).load(Ordering::Acquire)).sum()
        };
        // Ends first: a task ends after it was issued, so no sum of ends exceeds the sum of issues that is read after it.
        let ended = sum(|party| &party.ended);
        sum(|party| &party.issued).saturating_sub(ended)
    }

    /// Publishes `count` more measured tasks of the actor in focus, the last of them completed at `at`.
    pub(super) fn publish(&self, count: u64, at: Nanos) {
        let completed = self.completed.fetch_add(count, Ordering::Relaxed) + count;
        self.progress.completed.store(completed, Ordering::Relaxed);
        if completed >= self.target {
            self.close_window(at);
        }
    }

    /// The stream of random numbers of a task.
    pub(super) fn stream(&self, actor: usize, number: u64) -> Stream {
        Stream::new(self.seed, Source::Service, self.home(actor) as u64, number)
    }

    /// The actor of the written scenario that `actor` is an instance of.
    #[inline]
    pub(super) fn home(&self, actor: usize) -> usize {
        self.instances.home(actor)
    }

    /// The instance of `actor` that a task of the actor's own load goes to.
    #[inline]
    pub(super) fn share_out(&self, actor: usize, task: &mut Task) -> usize {
        let key = self.instances.key_of(actor, task.number);
        let to = self.instances.route(self.seed, actor, task.number, key);
        task.to = u32::try_from(to).unwrap_or(NOBODY);
        to
    }

    /// Turns a client's task, which ended at `ended`, into its next one; returns whether it must think first.
    #[inline]
    pub(super) fn renew(&self, actor: usize, task: &mut Task, ended: Nanos) -> bool {
        let (clients, think) = match &self.actors[actor].spec.load {
            Load::Closed { clients, think } => (*clients as u64, think),
            Load::None | Load::Open { .. } => unreachable!("only closed loads have clients"),
        };
        // A client's first task follows an imaginary one before it, so the sum may wrap.
        task.number = task.number.wrapping_add(clients);
        let thinks = think.mean > Nanos::ZERO;
        task.arrived = if thinks {
            let mut stream = Stream::new(self.seed, Source::Think, actor as u64, task.number);
            ended + think.sample(&mut stream, task.number)
        } else {
            ended
        };
        task.issued = task.arrived;
        task.kind = self.drawn_kind(actor, task.number);
        thinks
    }

    /// Does an amount of work in pieces. Under an interpreter lock a piece is its check interval, and `look` is
    /// called between two pieces when somebody has requested the lock, or when an event may have begun.
    pub(super) fn compute(
        &self,
        amount: Nanos,
        under: Option<usize>,
        mut look: impl FnMut(Look) -> Result<(), Stopped>,
    ) -> Result<(), Stopped> {
        let (gil, poll) = match under.map(|lock| (&self.locks[lock].mechanism, lock)) {
            Some((Mechanism::Interpreter { gil, check, .. }, lock)) => (Some((gil, lock)), *check),
            _ => (None, STOP_CHECK),
        };
        let mut unchecked = Nanos::ZERO;
        work::in_pieces(self.work.pieces(amount, poll), || {
            if let Some((gil, lock)) = gil
                && gil.requested()
            {
                look(Look::HandOver(lock))?;
            }
            unchecked += poll;
            if unchecked >= STOP_CHECK {
                unchecked = Nanos::ZERO;
                if self.pauses.count() > 0 {
                    look(Look::Pause)?;
                }
                return self.goes_on();
            }
            Ok(())
        })
    }

    /// An error once the run is over.
    #[inline]
    pub(super) fn goes_on(&self) -> Result<(), Stopped> {
        if self.stopped() { Err(Stopped) } else { Ok(()) }
    }

    /// Puts a task into the queue of `actor` without waiting.
    #[inline]
    pub(super) fn offer(&self, actor: usize, task: Task) -> Result<(), PushError<Task>> {
        let pushed = self.actors[actor].inbox.queue().try_push(task);
        self.actors[actor].tell();
        pushed
    }

    /// The actor of the performer with this entry in the register of waits.
    pub(super) fn actor_of(&self, entry: usize) -> usize {
        // Workers that actors share come behind these.
        self.register.performers.iter().rposition(|of| of.contains(&entry)).unwrap_or(0)
    }

    /// The name of the performer with this entry: that of its thread, or the number of a handler.
    pub(super) fn performer_name(&self, entry: usize) -> String {
        let actor = self.actor_of(entry);
        let name = &self.actors[actor].spec.name;
        let number = entry - self.register.performers[actor].start;
        if self.register.pools[actor].is_empty() {
            format!("{name}-{}", self.register.pools[actor].start + number)
        } else {
            format!("{name} handler {number}")
        }
    }

    /// What everybody waits for now.
    pub(super) fn look(&self) -> RegisterLook {
        self.register.look(|actor| {
            let actor = &self.actors[actor];
            actor.inbox.queue().len() < actor.spec.capacity
        })
    }

    /// A batch of live figures for a worker of `actor`, when somebody watches and it is the one in focus.
    pub(super) fn live(&self, actor: usize) -> Option<LiveBatch> {
        let focus = &self.actors[self.focus].spec;
        let serves = self.home(actor) == self.focus || focus.at == Some(actor);
        if serves { LiveBatch::new(&self.progress.live) } else { None }
    }
}

/// What a step's retries begin with, if they have a budget.
fn budget_of(step: &StepSpec) -> Option<Mutex<Budget>> {
    let share = step.calls.as_ref()?.retry?.budget?;
    Some(Mutex::new(Budget::new(share)))
}

/// The registry's queues, for runs that bring none of their own.
pub(super) fn registered(kind: QueueKind, capacity: usize) -> Box<dyn TaskQueue<Task>> {
    queue::build(kind, capacity)
}

/// The control group of a scenario with a quota.
fn group_of(scenario: &Scenario, workers: usize) -> Result<Option<Arc<ControlGroup>>, EngineError> {
    let cores = scenario.host.cores.unwrap_or_else(host::cores);
    let group = scenario.host.quota.map(|quota| ControlGroup::make(quota, cores.min(host::cores()), workers));
    Ok(group.transpose()?.map(Arc::new))
}
