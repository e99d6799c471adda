//! Random concurrent histories of queues, on real threads, checked against what a queue is.
//!
//! Four trials for each queue: one thread against a deque, move by move; blocking producers and consumers, for loss,
//! duplication, order and close; a ping-pong in which a lost wake-up leaves both sides asleep; and short random
//! histories checked for linearizability. What the recording cannot see: its common clock orders the operations'
//! ends, which hides effects of weak memory (loom searches those).

mod dice;
mod history;
mod linear;
mod text;
mod trial;

pub use history::{Answer, Call, History, Operation};
pub use linear::{is_linearizable, minimised};
pub use text::{render, table as history_table};

use crate::queue::contract;
#[cfg(feature = "peers")]
use crate::queue::{QueueKind, RingQueue, TaskQueue, build};
use std::time::{Duration, Instant};

/// How much is tried.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Seed of everything drawn.
    pub seed: u64,
    /// Short histories for each queue.
    pub histories: u64,
    /// Operations of each of the two long trials for each queue.
    pub operations: u64,
    /// How long nothing may happen before threads count as stuck.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 18, histories: 2_000, operations: 1_000_000, patience: Duration::from_secs(5) }
    }
}

/// A queue under test.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Its name, for the report.
    pub name: &'a str,
    /// Whether its documentation lets `Full` and `Empty` come early while another operation is under way.
    pub early: bool,
    /// Builds it.
    pub factory: &'a contract::Factory<'a>,
}

impl std::fmt::Debug for Subject<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subject").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What is wrong with a queue.
#[derive(Clone, Debug)]
pub enum Failure {
    /// A rule was seen broken.
    Rule(String),
    /// A history that no order of its operations explains, minimised.
    NotLinearizable {
        /// Number of the history, for its random stream.
        number: u64,
        /// The smallest part of it that still fails.
        history: History,
    },
}

/// What was tried of one queue, and what was found.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The queue.
    pub queue: String,
    /// Operations made.
    pub operations: u64,
    /// Histories checked.
    pub histories: u64,
    /// Most threads at once.
    pub threads: usize,
    /// What is wrong, if anything.
    pub failure: Option<Failure>,
    /// How long it took.
    pub took: Duration,
}

/// What `conlab verify` found.
#[derive(Clone, Debug)]
pub struct VerifyReport {
    /// The seed.
    pub seed: u64,
    /// One entry a queue.
    pub verdicts: Vec<Verdict>,
}

impl VerifyReport {
    /// Whether nothing was found.
    #[must_use]
    pub fn clean(&self) -> bool {
        self.verdicts.iter().all(|verdict| verdict.failure.is_none())
    }
}

/// Tries each of `kinds`; [`QueueKind::LockFree`] once more with leases from the first item on.
#[cfg(feature = "peers")]
#[must_use]
pub fn run(kinds: &[QueueKind], options: &Options) -> VerifyReport {
    let mut verdicts = Vec::new();
    for &kind in kinds {
        let early = matches!(kind, QueueKind::LockFree);
        let factory = move |capacity| build(kind, capacity);
        verdicts.push(examine(&Subject { name: kind.name(), early, factory: &factory }, options));
        if kind == QueueKind::LockFree {
            // A short history earns no lease, so leases are tried by themselves.
            let factory =
                |capacity| -> Box<dyn TaskQueue<u64>> { Box::new(RingQueue::with_eager_leases(capacity)) };
            verdicts.push(examine(&Subject { name: "… leased", early, factory: &factory }, options));
        }
    }
    VerifyReport { seed: options.seed, verdicts }
}

type Trial = fn(&Subject<'_>, &Options, &mut Verdict) -> Result<(), Failure>;

/// Tries one queue until something is wrong or everything was tried.
///
/// # Examples
///
/// ```
/// # #[cfg(not(loom))] {
/// use conlab_queue::queue::MutexQueue;
/// use conlab_queue::verify::{Options, Subject, examine};
///
/// let factory = |capacity| -> Box<dyn conlab_queue::queue::TaskQueue<u64>> {
///     Box::new(MutexQueue::with_capacity(capacity))
/// };
/// let subject = Subject { name: "mutex", early: false, factory: &factory };
/// let verdict = examine(&subject, &Options { histories: 50, operations: 5_000, ..Options::default() });
/// assert!(verdict.failure.is_none(), "{:?}", verdict.failure);
/// # }
/// ```
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this package has no clock of its own; the time is for the report alone"
)]
pub fn examine(subject: &Subject<'_>, options: &Options) -> Verdict {
    let began = Instant::now();
    let mut verdict = Verdict {
        queue: subject.name.to_owned(),
        operations: 0,
        histories: 0,
        threads: 4,
        failure: None,
        took: Duration::ZERO,
    };
    let trials: [Trial; 4] =
        [trial::against_a_deque, trial::producers_and_consumers, trial::ping_pong, trial::histories];
    verdict.failure = trials.iter().find_map(|trial| trial(subject, options, &mut verdict).err());
    verdict.took = began.elapsed();
    verdict
}
