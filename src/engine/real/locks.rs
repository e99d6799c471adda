//! The locks of a run, and what each worker notes of them.

use crate::lock::{Gil, GilCounts, MutexLock, RawLock, SpinLock};
use crate::measure::record::LockRecord;
use crate::measure::{Tally, distribution};
use crate::scenario::LockKind;
use crate::units::Nanos;
use async_lock::{Mutex as AwaitableMutex, MutexGuardArc};
use std::sync::{Arc, OnceLock};

/// A lock while it is in use.
pub(super) enum LockRuntime {
    /// Parks or spins.
    Raw { lock: Box<dyn RawLock>, spins: bool },
    /// A mutex that tasks await; the threads among its users block.
    Awaited(Arc<AwaitableMutex<()>>),
    /// An interpreter lock, how much work lies between two polls, and what had happened when the measured window began.
    Interpreter { gil: Gil, check: Nanos, before: OnceLock<GilCounts> },
    /// Excludes nobody.
    Absent,
}

impl std::fmt::Debug for LockRuntime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind())
    }
}

impl LockRuntime {
    pub(super) fn new(kind: LockKind, awaited: bool) -> Self {
        match kind {
            LockKind::Mutex | LockKind::Spin if awaited => Self::Awaited(Arc::default()),
            LockKind::Mutex => Self::Raw { lock: Box::new(MutexLock::new()), spins: false },
            LockKind::Spin => Self::Raw { lock: Box::new(SpinLock::new()), spins: true },
            LockKind::Gil { interval, check } => {
                Self::Interpreter { gil: Gil::new(interval.to_duration()), check, before: OnceLock::new() }
            }
            LockKind::Absent => Self::Absent,
        }
    }

    /// Remembers what happened in the warm-up, to leave it out.
    pub(super) fn begin_window(&self) {
        if let Self::Interpreter { gil, before, .. } = self {
            before.get_or_init(|| gil.counts());
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Raw { spins: false, .. } | Self::Awaited(_) => "mutex",
            Self::Raw { spins: true, .. } => "spin",
            Self::Interpreter { .. } => "gil",
            Self::Absent => "absent",
        }
    }

    /// Whether a waiter burns its processor.
    pub(super) const fn spins(&self) -> bool {
        matches!(self, Self::Raw { spins: true, .. })
    }

    /// Takes the lock at once, or not. An interpreter lock has no such attempt: it is waited for, and says whether
    /// that was needed.
    pub(super) fn try_take(&self, thread: u64) -> Attempt {
        let taken = match self {
            Self::Raw { lock, .. } => lock.try_acquire().then_some(Held::Raw),
            Self::Awaited(lock) => lock.try_lock_arc().map(Held::Guard),
            Self::Interpreter { gil, .. } => {
                return if gil.take(thread).contended { Attempt::Waited } else { Attempt::Taken(Held::Raw) };
            }
            Self::Absent => Some(Held::Raw),
        };
        taken.map_or(Attempt::Refused, Attempt::Taken)
    }

    /// Takes the lock, blocking the thread.
    pub(super) fn take(&self, thread: u64) -> Held {
        match self {
            Self::Raw { lock, .. } => lock.acquire(),
            Self::Awaited(lock) => return Held::Guard(lock.lock_arc_blocking()),
            Self::Interpreter { gil, .. } => {
                gil.take(thread);
            }
            Self::Absent => {}
        }
        Held::Raw
    }

    /// Gives the lock back; an interpreter lock that somebody asked for is given only once that one has it.
    pub(super) fn give_back(&self, held: Held, thread: u64) {
        match (self, held) {
            (_, Held::Guard(guard)) => drop(guard),
            (Self::Raw { lock, .. }, Held::Raw) => lock.release(),
            (Self::Interpreter { gil, .. }, Held::Raw) => gil.drop_lock(thread),
            (Self::Awaited(_) | Self::Absent, Held::Raw) => {}
        }
    }
}

/// How an attempt to take a lock ended.
#[derive(Debug)]
pub(super) enum Attempt {
    /// It was free.
    Taken(Held),
    /// It was not free; it is held now.
    Waited,
    /// It is not free.
    Refused,
}

/// A lock that is held.
#[derive(Debug)]
pub(super) enum Held {
    /// By this thread.
    Raw,
    /// By whoever has the guard.
    Guard(MutexGuardArc<()>),
}

/// What one worker notes of one lock.
#[derive(Clone, Debug, Default)]
pub(super) struct LockLedger {
    pub(super) acquisitions: u64,
    pub(super) contended: u64,
    wait: Tally,
    hold: Tally,
}

impl LockLedger {
    /// Notes an acquisition that took `wait` beyond the first attempt (zero when that succeeded).
    #[inline]
    pub(super) fn taken(&mut self, contended: bool, wait: Nanos) {
        self.acquisitions += 1;
        self.contended += u64::from(contended);
        self.wait.record(wait);
    }

    /// Notes how long the lock was held.
    #[inline]
    pub(super) fn released(&mut self, hold: Nanos) {
        self.hold.record(hold);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.acquisitions += other.acquisitions;
        self.contended += other.contended;
        self.wait.merge(&other.wait);
        self.hold.merge(&other.hold);
    }

    /// The record of `lock`.
    pub(super) fn into_record(self, lock: &LockRuntime) -> LockRecord {
        let counts = match lock {
            LockRuntime::Interpreter { gil, before, .. } => {
                Some(gil.counts().since(&before.get().copied().unwrap_or_default()))
            }
            _ => None,
        };
        LockRecord {
            kind: lock.kind().into(),
            acquisitions: self.acquisitions,
            contended: self.contended,
            wait_ns: distribution(&self.wait.histogram(), false),
            hold_ns: distribution(&self.hold.histogram(), false),
            forced_drops: counts.map(|counts| counts.forced_drops),
            switches: counts.map(|counts| counts.switches),
        }
    }
}
