//! A foreign program's time, from outside: on a processor, waiting for one, blocked and by what.
//!
//! The kernel counts on-CPU time, run-queue wait and switches of every thread (`/proc/PID/task/TID/schedstat`, `status`), so those
//! are exact over the observed time. What a thread is blocked by is sampled: at each look its blocked time since the last is
//! put down to the system call that it sleeps in then. Waits shorter than the distance of looks are therefore
//! apportioned, not measured. A futex is named by its address; whose lock that is, only the program knows.

#[cfg(target_os = "linux")]
mod proc;

use crate::units::Nanos;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Why a process cannot be observed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObserveError {
    /// There is no such process, or it may not be looked at.
    #[error("look at process {pid}; it must run, and belong to this user")]
    Process {
        /// Its number.
        pid: u32,
        /// The system's reason.
        source: std::io::Error,
    },
    /// This system does not say.
    #[error("observe another program: this system has no /proc with schedstat")]
    Unsupported,
}

/// What a thread was blocked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BlockedBy {
    /// A lock or condition: `futex`.
    Futex,
    /// Waiting for sockets, pipes or timers to be ready: `epoll_wait`, `poll`, `select`.
    Events,
    /// Reading from or writing to a socket or pipe.
    Socket,
    /// Reading from or writing to a file, or making it durable.
    Disk,
    /// `nanosleep` and its like.
    Sleep,
    /// Waiting for a child process.
    Child,
    /// Any other system call, or one that may not be seen.
    Other,
}

impl BlockedBy {
    /// Every cause, in the order in which they are shown.
    pub const ALL: [Self; 7] =
        [Self::Futex, Self::Events, Self::Socket, Self::Disk, Self::Sleep, Self::Child, Self::Other];

    /// The words for it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Futex => "futex (lock or condition)",
            Self::Events => "events (epoll, poll, select)",
            Self::Socket => "socket or pipe",
            Self::Disk => "file or disk",
            Self::Sleep => "sleep",
            Self::Child => "child process",
            Self::Other => "other",
        }
    }
}

/// Where the time of some threads went, in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ThreadGroup {
    /// Threads that were seen.
    pub threads: u64,
    /// Time for which they were observed, summed over the threads.
    pub wall_ns: u64,
    /// On a processor.
    pub on_cpu_ns: u64,
    /// Runnable, but not running.
    pub run_queue_ns: u64,
    /// Blocked, by cause.
    pub blocked_ns: BTreeMap<BlockedBy, u64>,
    /// The thread gave the processor up.
    pub voluntary_switches: u64,
    /// The kernel took it.
    pub involuntary_switches: u64,
}

impl ThreadGroup {
    /// All blocked time.
    #[must_use]
    pub fn blocked(&self) -> u64 {
        self.blocked_ns.values().sum()
    }

    fn add(&mut self, other: &Self) {
        self.threads += other.threads;
        self.wall_ns += other.wall_ns;
        self.on_cpu_ns += other.on_cpu_ns;
        self.run_queue_ns += other.run_queue_ns;
        for (cause, time) in &other.blocked_ns {
            *self.blocked_ns.entry(*cause).or_default() += time;
        }
        self.voluntary_switches += other.voluntary_switches;
        self.involuntary_switches += other.involuntary_switches;
    }
}

/// A futex that threads waited for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FutexWait {
    /// Its address in the program.
    pub address: String,
    /// Time waited, summed over the threads.
    pub wait_ns: u64,
    /// Looks that found a thread waiting for it.
    pub looks: u64,
    /// Threads that waited for it.
    pub threads: u64,
}

/// What was seen of a process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Observation {
    /// The process.
    pub pid: u32,
    /// How it was observed, and what that cannot see.
    pub source: String,
    /// Observed time.
    pub length_ns: u64,
    /// Looks that were made.
    pub looks: u64,
    /// Processor time of the observer over the observed time.
    pub overhead: f64,
    /// Whether system calls could be seen; without them every wait is `other`.
    pub sees_calls: bool,
    /// Threads by name; digits at the end are left out.
    pub groups: BTreeMap<String, ThreadGroup>,
    /// Futexes, the longest waits first.
    pub futexes: Vec<FutexWait>,
}

impl Observation {
    /// All threads together.
    #[must_use]
    pub fn total(&self) -> ThreadGroup {
        let mut total = ThreadGroup::default();
        self.groups.values().for_each(|group| total.add(group));
        total
    }
}

/// Observes the threads of a process until `goes_on` says no or it has ended.
///
/// # Errors
///
/// [`ObserveError`]: there is no such process, or the system does not say.
#[cfg(target_os = "linux")]
pub fn observe(
    pid: u32,
    every: Nanos,
    goes_on: &mut dyn FnMut() -> bool,
) -> Result<Observation, ObserveError> {
    proc::observe(pid, every, goes_on)
}

/// Observes nothing: this system has no `/proc`.
///
/// # Errors
///
/// [`ObserveError::Unsupported`].
#[cfg(not(target_os = "linux"))]
pub fn observe(_: u32, _: Nanos, _: &mut dyn FnMut() -> bool) -> Result<Observation, ObserveError> {
    Err(ObserveError::Unsupported)
}
