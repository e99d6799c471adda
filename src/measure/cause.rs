//! Where time goes: the causes of a task's sojourn and the further states of a thread, each with its one key, label
//! and sentence.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What time went into. Of the first [`CAUSES`], which make up a task's time, the number is the index into
/// [`TaskTimes`](super::TaskTimes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Cause {
    /// Waiting in the queue.
    Queue = 0,
    /// On a processor, working.
    Execution = 1,
    /// Waiting for locks.
    Lock = 2,
    /// Runnable but not running.
    RunQueue = 3,
    /// Waiting for I/O.
    Io = 4,
    /// Waiting for answers, and for room in a receiver's queue.
    Call = 5,
    /// Waiting for a place in a pool.
    Pool = 6,
    /// Waiting before another attempt at a call.
    Backoff = 7,
    /// Waiting for a batch to fill, or for others to do it.
    Batch = 8,
    /// Kept off the processors by a quota.
    Throttled = 9,
    /// Kept off the processors by an event that stops its actor.
    Paused = 10,
    /// Waiting for other writers of a store.
    Store = 11,
    /// What none of these explains.
    Residual,
    /// A thread waits for tasks.
    Idle,
    /// A thread burns its processor on a lock.
    Spinning,
    /// A thread takes tasks and measures.
    Bookkeeping,
    /// A thread is asleep with a task: on a lock, I/O or an answer.
    Blocked,
}

/// Number of causes of a task's time.
pub const CAUSES: usize = 12;

/// Causes that every scenario can have; each of the others needs a key of its own in the scenario.
pub const PLAIN_CAUSES: usize = 6;

impl Cause {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 17] = [
        Self::Queue,
        Self::Execution,
        Self::Lock,
        Self::RunQueue,
        Self::Io,
        Self::Call,
        Self::Pool,
        Self::Backoff,
        Self::Batch,
        Self::Throttled,
        Self::Paused,
        Self::Store,
        Self::Residual,
        Self::Idle,
        Self::Spinning,
        Self::Bookkeeping,
        Self::Blocked,
    ];

    /// The word for programs: in records, traces, stacks and CSV.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Execution => "execution",
            Self::Lock => "lock",
            Self::RunQueue => "run_queue",
            Self::Io => "io",
            Self::Call => "call",
            Self::Pool => "pool",
            Self::Backoff => "backoff",
            Self::Batch => "batch",
            Self::Throttled => "throttled",
            Self::Paused => "paused",
            Self::Store => "store",
            Self::Residual => "residual",
            Self::Idle => "idle",
            Self::Spinning => "spinning",
            Self::Bookkeeping => "bookkeeping",
            Self::Blocked => "blocked",
        }
    }

    /// The word for people: in tables, legends and charts.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Queue => "queue wait",
            Self::Execution => "execution",
            Self::Lock => "lock wait",
            Self::RunQueue => "run-queue wait",
            Self::Io => "I/O",
            Self::Call => "calls",
            Self::Pool => "pool wait",
            Self::Backoff => "backoff",
            Self::Batch => "batch wait",
            Self::Throttled => "throttled",
            Self::Paused => "paused",
            Self::Store => "other writers",
            Self::Residual => "residual",
            Self::Idle => "idle",
            Self::Spinning => "spinning",
            Self::Bookkeeping => "bookkeeping",
            Self::Blocked => "blocked",
        }
    }

    /// How a sentence goes on after "42 % of the time is": a clause without a full stop.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Queue => "waiting in the queue",
            Self::Execution => "execution",
            Self::Lock => "waiting for locks",
            Self::RunQueue => "waiting for a processor",
            Self::Io => "I/O",
            Self::Call => "waiting for the actors that it calls",
            Self::Pool => "waiting for a pool",
            Self::Backoff => "waiting before another attempt",
            Self::Batch => "waiting for a batch",
            Self::Throttled => "kept off the processors by a quota",
            Self::Paused => "stopped by an event",
            Self::Store => "waiting for other writers of a store",
            Self::Residual => "not explained by any cause",
            Self::Idle => "waiting for tasks",
            Self::Spinning => "spinning on locks",
            Self::Bookkeeping => "bookkeeping",
            Self::Blocked => "blocked",
        }
    }

    /// Whether only scenarios that use a mechanism of their own have it: readers are not shown it where it is nothing.
    #[must_use]
    pub const fn is_special(self) -> bool {
        let number = self as usize;
        number >= PLAIN_CAUSES && number < CAUSES
    }

    /// The causes of a task's time, in the order of their numbers.
    pub fn of_tasks() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().take(CAUSES)
    }

    /// The cause of this key, if there is one: records of other versions may have further ones.
    #[must_use]
    pub fn of_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.key() == key)
    }
}

/// Writes the key.
impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_what_json_says_and_leads_back() {
        for (index, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, index, "{cause} stands at its number");
            assert_eq!(Cause::of_key(cause.key()), Some(cause));
            assert_eq!(serde_json::to_value(cause).unwrap(), cause.key());
        }
        assert_eq!(Cause::of_key("task"), None);
    }
}
