//! What a scenario says, with every name resolved.

use super::{EngineKind, LoadArm};
use crate::cache::CacheLayout;
use crate::queue::QueueKind;
use crate::units::Nanos;
use crate::workload::Draw;

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
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostSpec {
    /// Processors; the real engine confines the run to as many.
    pub cores: Option<u32>,
    /// Scheduler time slice.
    pub slice: Option<Nanos>,
    /// Direct cost of a context switch.
    pub switch: Option<Nanos>,
    /// Made runnable by another thread to running, on an idle core.
    pub wake: Option<Nanos>,
    /// What the charges above and the calibrated ones are multiplied by.
    pub factors: CostFactors,
}

/// Factors on what the virtual engine charges: 1 as calibrated, 0 free. Not part of a scenario file: `explain` sets
/// them to 0 one by one, `whatif` to values in between. The real engine refuses any but 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CostFactors {
    /// Operations of task queues. At 0 a queue also excludes nobody: no waiting for its own lock.
    pub queue: f64,
    /// Context switches and wake-ups.
    pub switch: f64,
    /// Lines that move between processors, and the caches' own locks. At 0 a cache also excludes nobody.
    pub coherence: f64,
}

impl Default for CostFactors {
    fn default() -> Self {
        Self { queue: 1.0, switch: 1.0, coherence: 1.0 }
    }
}

/// A lock that steps or interpreters take.
#[derive(Clone, Debug, PartialEq)]
pub struct LockSpec {
    /// Its name in the file and in records.
    pub name: String,
    /// Its algorithm.
    pub kind: LockKind,
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
    /// No lock at all: acquiring is free and excludes nobody. What an ablation puts in a lock's place.
    Absent,
}

/// A cache that steps access.
#[derive(Clone, Debug, PartialEq)]
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
#[derive(Clone, Debug, PartialEq)]
pub struct ActorSpec {
    /// Its name.
    pub name: String,
    /// Worker threads (tokio workers for `async`), at least 1.
    pub threads: usize,
    /// How tasks reach the workers.
    pub queue: QueueKind,
    /// Tasks that fit into the queue, at least 1.
    pub capacity: usize,
    /// Load of its own.
    pub load: Load,
    /// What a task does, in order.
    pub steps: Vec<StepSpec>,
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
#[derive(Clone, Debug, PartialEq)]
pub struct StepSpec {
    /// Its name, unique within the actor.
    pub name: String,
    /// Repetitions, at least 1.
    pub times: u32,
    /// Lock held while computing and released around waits (the actor's, unless the step overrides it).
    pub under: Option<usize>,
    /// Lock held over the whole step, waits included.
    pub lock: Option<usize>,
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
            compute: None,
            touch: None,
            compress: None,
            cache: None,
            store: None,
            io: None,
            call: None,
            send: None,
        }
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
