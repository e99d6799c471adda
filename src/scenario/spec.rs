//! What a scenario says, with every name resolved.

use super::policies::{
    BatchSpec, CallSpec, EventSpec, Full, KindSpec, Next, Panics, Pattern, PoolSpec, Prefer, Quota, Route,
    Shed, Slowdown, Target, Wait,
};
use super::{EngineKind, HostConstants, LoadArm};
use crate::cache::CacheLayout;
use crate::queue::QueueKind;
use crate::units::Nanos;
use crate::workload::Draw;
use std::fmt;

/// A whole scenario. Built by the parser or by [`Scenario::treated`](crate::scenario::Scenario::treated).
///
/// Invariants: indices are in range; there is exactly one actor in focus; the graph of calls and sends has no
/// cycle; thread counts and capacities are at least 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its name, as records carry it.
    pub name: String,
    /// The question it answers; may be empty.
    pub question: String,
    /// The TOML it came from, as run (overrides by `--set` included); empty when built in code.
    pub source: String,
    /// Defaults of the run.
    pub run: RunSpec,
    /// The simulated host.
    pub host: HostSpec,
    /// Locks by index.
    pub locks: Vec<LockSpec>,
    /// Pools by index.
    pub pools: Vec<PoolSpec>,
    /// Events by index.
    pub events: Vec<EventSpec>,
    /// Caches by index.
    pub caches: Vec<CacheSpec>,
    /// Stores by index.
    pub stores: Vec<StoreSpec>,
    /// Actors by index.
    pub actors: Vec<ActorSpec>,
    /// Index of the actor in focus.
    pub focus: usize,
    /// Actors that keep load of their own in the isolated arm.
    pub isolated: Vec<usize>,
}

impl StepSpec {
    /// Whether its tasks may end otherwise than completed.
    fn may_end_otherwise(&self) -> bool {
        self.fail > 0.0
            || self.panic.is_some()
            || self.calls.as_ref().is_some_and(|calls| calls.timeout.is_some())
    }
}

impl ActorSpec {
    fn is_special(&self) -> bool {
        let special = |step: &StepSpec| {
            step.calls.is_some()
                || step.pool.is_some()
                || step.batch.is_some()
                || step.fail > 0.0
                || step.panic.is_some()
                || step.store.is_some_and(|(_, writes)| writes)
                || step.send_kind > 0
        };
        !self.kinds.is_empty()
            || self.instances > 1
            || self.at.is_some()
            || !self.pattern.phases.is_empty()
            || self.full.is_some()
            || self.timeout.is_some()
            || self.shed.is_some()
            || self.slowdown.is_some()
            || self.steps.iter().any(special)
    }
}

impl Scenario {
    /// Whether tasks need more than a queue, a program and one answer, so that engines keep more of them.
    #[must_use]
    pub fn is_special(&self) -> bool {
        !self.events.is_empty()
            || self.host.quota.is_some()
            || self.caches.iter().any(|cache| cache.once)
            || self.actors.iter().any(ActorSpec::is_special)
    }

    /// Makes every plain call one that knows of failures, where there may be any.
    pub(super) fn spell_out_calls(&mut self) {
        let gives_up = self.pools.iter().any(|pool| pool.timeout.is_some())
            || self.events.iter().any(|event| event.kill.is_some());
        let fails = |actor: &ActorSpec| {
            matches!(actor.full, Some(Full::Refuse | Full::DropOldest))
                || actor.timeout.is_some()
                || actor.shed.is_some()
                || actor.steps.iter().any(StepSpec::may_end_otherwise)
        };
        if !gives_up && !self.actors.iter().any(fails) {
            return;
        }
        for step in self.actors.iter_mut().flat_map(|actor| &mut actor.steps) {
            if let (Some(actor), None) = (step.call, &step.calls) {
                step.calls = Some(Box::new(CallSpec::plain(Target { actor, kind: 0 })));
            }
        }
    }

    /// The name of a step that is counted among those of all actors: actor and step, joined by a dot.
    #[must_use]
    pub fn step_name(&self, number: usize) -> String {
        let named = |actor: &ActorSpec| {
            let actor_name = actor.name.clone();
            actor.steps.iter().map(move |step| format!("{actor_name}.{}", step.name)).collect::<Vec<_>>()
        };
        self.actors.iter().flat_map(named).nth(number).unwrap_or_default()
    }
}

/// How much to run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunSpec {
    /// Measured tasks of the actor in focus after which the run ends.
    pub tasks: Option<u64>,
    /// Measured time after which the run ends; with both, whichever comes first.
    pub duration: Option<Nanos>,
    /// Discarded start.
    pub warmup: Nanos,
    /// Seed of every stream of random numbers.
    pub seed: u64,
    /// Independent repetitions.
    pub replicates: u32,
    /// The arm that runs when the command line names none.
    pub load: LoadArm,
    /// The engine that runs when the command line names none.
    pub engine: EngineKind,
}

/// What the virtual engine simulates where the scenario overrides the calibration.
#[derive(Clone, Default, PartialEq)]
pub struct HostSpec {
    /// Processors; the real engine confines the run to as many.
    pub cores: Option<u32>,
    /// Scheduler time slice.
    pub slice: Option<Nanos>,
    /// Direct cost of a context switch.
    pub switch: Option<Nanos>,
    /// Made runnable by another thread to running, on an idle core: the median, unless nothing spreads.
    pub wake: Option<Nanos>,
    /// What the charges above and the calibrated ones are multiplied by.
    pub factors: CostFactors,
    /// Most processor time of all workers together; `None`: all there is.
    pub quota: Option<Quota>,
    /// Speed of each of two processors that share a core while both are busy, in thousandths; `None`: each has its own.
    pub siblings: Option<u32>,
    /// All other constants.
    pub constants: HostConstants,
}

impl fmt::Debug for HostSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cores, slice, switch, wake, factors, quota, siblings, constants } = self;
        let mut shown = f.debug_struct("HostSpec");
        shown.field("cores", cores).field("slice", slice).field("switch", switch);
        shown.field("wake", wake).field("factors", factors);
        if let Some(quota) = quota {
            shown.field("quota", quota);
        }
        if let Some(siblings) = siblings {
            shown.field("siblings", siblings);
        }
        if *constants != HostConstants::default() {
            shown.field("constants", constants);
        }
        shown.finish()
    }
}

/// Factors on what the virtual engine charges: 1 as calibrated, 0 free. Not part of a scenario file: `explain` sets
/// them to 0 one by one, `whatif` to values in between. The real engine refuses any but 1.
#[derive(Clone, Copy, PartialEq)]
pub struct CostFactors {
    /// Operations of task queues. At 0 a queue also excludes nobody: no waiting for its own lock.
    pub queue: f64,
    /// Context switches and wake-ups.
    pub switch: f64,
    /// Lines that move between processors, and the caches' own locks. At 0 a cache also excludes nobody.
    pub coherence: f64,
    /// Writers of a store that wait for each other: 1 as they do; at 0 they exclude nobody.
    pub writers: f64,
}

impl Default for CostFactors {
    fn default() -> Self {
        Self { queue: 1.0, switch: 1.0, coherence: 1.0, writers: 1.0 }
    }
}

impl fmt::Debug for CostFactors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { queue, switch, coherence, writers } = self;
        let mut shown = f.debug_struct("CostFactors");
        shown.field("queue", queue).field("switch", switch).field("coherence", coherence);
        if *writers < 1.0 {
            shown.field("writers", writers);
        }
        shown.finish()
    }
}

/// A lock that steps or interpreters take.
#[derive(Clone, PartialEq)]
pub struct LockSpec {
    /// Its name in the file and in records.
    pub name: String,
    /// Its algorithm.
    pub kind: LockKind,
    /// Who gets it when it falls free.
    pub next: Next,
    /// How its waiters wait.
    pub wait: Wait,
    /// Whether each instance of an actor has one of its own; `None`: if that actor alone uses it.
    pub private: Option<bool>,
}

impl LockSpec {
    /// A lock of this name and kind, with the policies that such locks have.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: LockKind) -> Self {
        Self { name: name.into(), kind, next: Next::Barge, wait: Wait::Park, private: None }
    }
}

/// Fields that a scenario does not use are left out here and below, so that its digest stays when there are more of them.
impl fmt::Debug for LockSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, kind, next, wait, private } = self;
        let mut shown = f.debug_struct("LockSpec");
        shown.field("name", name).field("kind", kind);
        if *next != Next::Barge {
            shown.field("next", next);
        }
        if *wait != Wait::Park {
            shown.field("wait", wait);
        }
        if let Some(private) = private {
            shown.field("private", private);
        }
        shown.finish()
    }
}

/// The algorithm of a lock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LockKind {
    /// Parks waiters; a running thread may overtake a woken one.
    Mutex,
    /// Waiters burn their processor.
    Spin,
    /// `CPython`'s interpreter lock.
    Gil {
        /// The switch interval.
        interval: Nanos,
        /// Work between two polls of the drop request.
        check: Nanos,
    },
    /// Shared by readers, or held by one writer.
    Shared {
        /// Who is let in first.
        prefer: Prefer,
    },
    /// No lock at all: acquiring is free and excludes nobody. What an ablation puts in a lock's place.
    Absent,
}

/// A cache that steps access.
#[derive(Clone, PartialEq)]
pub struct CacheSpec {
    /// Its name.
    pub name: String,
    /// How it is shared.
    pub layout: CacheLayout,
    /// Entries that fit (in each copy, for the isolated layout).
    pub capacity: usize,
    /// Which keys are asked for.
    pub keys: KeySpec,
    /// Shards of the sharded layout.
    pub shards: usize,
    /// Whether entries and counters are padded to a line pair; `None`: as the layout has it.
    pub padded: Option<bool>,
    /// Bytes of one entry's value.
    pub value_bytes: usize,
    /// How long an entry serves after it was put in; `None`: until it is thrown out.
    pub ttl: Option<Nanos>,
    /// Whether of those who miss a key at once only the first pays for it, and the others wait.
    pub once: bool,
}

impl fmt::Debug for CacheSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, layout, capacity, keys, shards, padded, value_bytes, ttl, once } = self;
        let mut shown = f.debug_struct("CacheSpec");
        shown.field("name", name).field("layout", layout).field("capacity", capacity).field("keys", keys);
        shown.field("shards", shards).field("padded", padded).field("value_bytes", value_bytes);
        if let Some(ttl) = ttl {
            shown.field("ttl", ttl);
        }
        if *once {
            shown.field("once", once);
        }
        shown.finish()
    }
}

/// Which keys are asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeySpec {
    /// Distinct keys, at least 1.
    pub count: u64,
    /// Zipf exponent; 0 is uniform.
    pub zipf: f64,
}

/// A file-backed key-value store behind a cache.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreSpec {
    /// Its name.
    pub name: String,
    /// Bytes of one value.
    pub value_bytes: usize,
    /// Keys laid out at start.
    pub count: u64,
    /// Whether a write is on the disk before it is acknowledged.
    pub durable: bool,
    /// How long a read waits in the virtual engine; `None`: what the calibration found. The real engine has a real store.
    pub read: Option<Draw>,
    /// How long a write waits in the virtual engine, once no other writer is in the way; `None`: what the calibration found.
    pub write: Option<Draw>,
}

/// An actor: its workers, its queue, its load, what it does for a task.
#[derive(Clone, PartialEq)]
pub struct ActorSpec {
    /// Its name.
    pub name: String,
    /// Worker threads (tokio workers for `async`), at least 1; 0 where it shares those of `at`.
    pub threads: usize,
    /// How tasks reach the workers.
    pub queue: QueueKind,
    /// Tasks that fit into the queue, at least 1.
    pub capacity: usize,
    /// Load of its own.
    pub load: Load,
    /// What a task does, in order; of all kinds of task, one kind after the other.
    pub steps: Vec<StepSpec>,
    /// The kinds of task; empty: one kind that does all steps.
    pub kinds: Vec<KindSpec>,
    /// How its load differs from one kind at one rate.
    pub pattern: Pattern,
    /// What its full queue does with one more task; `None`: it refuses open load, and makes everybody else wait.
    pub full: Option<Full>,
    /// How long a task stays in its queue before it leaves; `None`: until a worker takes it.
    pub timeout: Option<Draw>,
    /// When it refuses work although it has room.
    pub shed: Option<Shed>,
    /// How its work takes longer, the more of its tasks are under way.
    pub slowdown: Option<Slowdown>,
    /// Nice value of its workers, −20 to 19.
    pub nice: i32,
    /// How long a worker is away after a task has panicked on it; `None`: it goes on at once.
    pub restart: Option<Draw>,
    /// How many of it there are, at least 1: each with workers, a queue and locks of its own.
    pub instances: usize,
    /// Which of them a message goes to.
    pub route: Route,
    /// The workers that it shares with others, an actor of their own; those name themselves.
    pub at: Option<usize>,
    /// The actor whose blocking pool it is.
    pub pool_of: Option<usize>,
}

impl ActorSpec {
    /// An actor with one thread, a mutex queue, and nothing to do.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            threads: 1,
            queue: QueueKind::Mutex,
            capacity: 1024,
            load: Load::None,
            steps: Vec::new(),
            kinds: Vec::new(),
            pattern: Pattern::default(),
            full: None,
            timeout: None,
            shed: None,
            slowdown: None,
            nice: 0,
            restart: None,
            instances: 1,
            route: Route::default(),
            at: None,
            pool_of: None,
        }
    }
}

impl fmt::Debug for ActorSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, threads, queue, capacity, load, steps, kinds, pattern, full, timeout, shed, .. } =
            self;
        let mut shown = f.debug_struct("ActorSpec");
        shown.field("name", name).field("threads", threads).field("queue", queue);
        shown.field("capacity", capacity).field("load", load).field("steps", steps);
        if !kinds.is_empty() {
            shown.field("kinds", kinds);
        }
        if *pattern != Pattern::default() {
            shown.field("pattern", pattern);
        }
        let policies: [(&str, Option<&dyn fmt::Debug>); 6] = [
            ("full", full.as_ref().map(|full| full as _)),
            ("timeout", timeout.as_ref().map(|timeout| timeout as _)),
            ("shed", shed.as_ref().map(|shed| shed as _)),
            ("slowdown", self.slowdown.as_ref().map(|slowdown| slowdown as _)),
            ("nice", (self.nice != 0).then_some(&self.nice as _)),
            ("restart", self.restart.as_ref().map(|restart| restart as _)),
        ];
        for (name, policy) in policies {
            if let Some(policy) = policy {
                shown.field(name, policy);
            }
        }
        if self.instances > 1 {
            shown.field("instances", &self.instances).field("route", &self.route);
        }
        if let Some(at) = self.at {
            shown.field("at", &at);
        }
        if let Some(owner) = self.pool_of {
            shown.field("pool_of", &owner);
        }
        shown.finish()
    }
}

/// The load that an actor gets of its own, besides what others send it.
#[derive(Clone, Debug, PartialEq)]
pub enum Load {
    /// None: it answers others only.
    None,
    /// Arrivals that do not depend on completions.
    Open {
        /// Tasks per second, above 0.
        rate: f64,
        /// Their rhythm.
        arrivals: Arrivals,
    },
    /// Clients that each wait for their answer.
    Closed {
        /// How many, at least 1.
        clients: usize,
        /// Completion to the same client's next arrival.
        think: Draw,
    },
}

/// The rhythm of open load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrivals {
    /// Exponential gaps.
    Poisson,
    /// Equal gaps.
    Paced,
    /// Uniform in 0 to twice the mean gap.
    Uniform,
}

/// One step of an actor's program.
///
/// Its parts happen in the order of the fields, all of them under `lock` when there is one, and the whole is
/// repeated `times` times.
#[derive(Clone, PartialEq)]
pub struct StepSpec {
    /// Its name, unique within the actor.
    pub name: String,
    /// Repetitions, at least 1.
    pub times: u32,
    /// Lock held while computing and released around waits (the actor's, unless the step overrides it).
    pub under: Option<usize>,
    /// Lock held over the whole step, waits included.
    pub lock: Option<usize>,
    /// Lock that is taken here and held over the following steps: the head of a critical section, which does nothing else.
    pub opens: Option<usize>,
    /// Locks that are given back after this step, innermost first: it is the last one of their critical sections.
    pub closes: Vec<usize>,
    /// Work.
    pub compute: Option<Draw>,
    /// Bytes of memory that the work streams through.
    pub touch: Option<u64>,
    /// Bytes of generated text to compress, really.
    pub compress: Option<u64>,
    /// Cache access: index, work of a hit, cost of a miss.
    pub cache: Option<(usize, Draw, MissCost)>,
    /// Write to (true) or read from (false) a store.
    pub store: Option<(usize, bool)>,
    /// Wait without CPU.
    pub io: Option<Draw>,
    /// Actor to send a message to and wait for its answer.
    pub call: Option<usize>,
    /// Actor to send a message to.
    pub send: Option<usize>,
    /// The kind of that message, among the receiver's.
    pub send_kind: usize,
    /// What the call is beyond one message to `call`, which is then the first of its parts.
    pub calls: Option<Box<CallSpec>>,
    /// Pool of which a place is held over the whole step, waits and the lock included.
    pub pool: Option<usize>,
    /// Whether the lock is held as readers hold it.
    pub share: bool,
    /// Chance that the step happens at all, in 0..1.
    pub chance: f64,
    /// Chance that the task fails at the end of a repetition, in 0..1.
    pub fail: f64,
    /// Which tasks panic at the end of a repetition.
    pub panic: Option<Panics>,
    /// Whether its waits block an asynchronous worker.
    pub blocks: bool,
    /// Whether several tasks do it at once.
    pub batch: Option<BatchSpec>,
}

impl StepSpec {
    /// A step of this name that does nothing yet.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            times: 1,
            under: None,
            lock: None,
            opens: None,
            closes: Vec::new(),
            compute: None,
            touch: None,
            compress: None,
            cache: None,
            store: None,
            io: None,
            call: None,
            send: None,
            send_kind: 0,
            calls: None,
            pool: None,
            share: false,
            chance: 1.0,
            fail: 0.0,
            panic: None,
            blocks: false,
            batch: None,
        }
    }

    /// The actors that it sends to.
    pub fn receivers(&self) -> impl Iterator<Item = usize> {
        let others = self.calls.iter().flat_map(|calls| calls.parts.iter().skip(1).map(|part| part.actor));
        [self.call, self.send].into_iter().flatten().chain(others)
    }
}

impl fmt::Debug for StepSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            times,
            under,
            lock,
            opens,
            closes,
            compute,
            touch,
            compress,
            cache,
            store,
            io,
            call,
            send,
            send_kind,
            calls,
            pool,
            share,
            chance,
            fail,
            panic,
            blocks,
            batch,
        } = self;
        let mut shown = f.debug_struct("StepSpec");
        shown.field("name", name).field("times", times).field("under", under).field("lock", lock);
        shown.field("compute", compute).field("touch", touch).field("compress", compress);
        shown.field("cache", cache).field("store", store).field("io", io);
        shown.field("call", call).field("send", send);
        let plain = Self::named(String::new());
        let more: [(&str, &dyn fmt::Debug, bool); 11] = [
            ("opens", opens, *opens != plain.opens),
            ("closes", closes, *closes != plain.closes),
            ("send_kind", send_kind, *send_kind != plain.send_kind),
            ("calls", calls, *calls != plain.calls),
            ("pool", pool, *pool != plain.pool),
            ("share", share, *share != plain.share),
            ("chance", chance, *chance < plain.chance),
            ("fail", fail, *fail > plain.fail),
            ("panic", panic, *panic != plain.panic),
            ("blocks", blocks, *blocks != plain.blocks),
            ("batch", batch, *batch != plain.batch),
        ];
        for (name, value, said) in more {
            if said {
                shown.field(name, value);
            }
        }
        shown.finish()
    }
}

/// What a cache miss costs on top of the access.
#[derive(Clone, Debug, PartialEq)]
pub enum MissCost {
    /// A wait without CPU.
    Io(Draw),
    /// Work.
    Compute(Draw),
    /// A read from the store of this index.
    Store(usize),
}
