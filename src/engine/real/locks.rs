//! The locks of a run, and what each worker notes of them.

use super::console::Resource;
use super::executor::block_on;
use super::runtime::{Runtime, Stopped};
use super::turnstile::Turnstile;
use crate::lock::{Gil, GilCounts, MutexLock, RawLock, SpinLock};
use crate::measure::record::LockRecord;
use crate::measure::verdicts::LAST;
use crate::measure::{LockUses, Tally};
use crate::scenario::{LockKind, LockSpec, Next, Wait};
use crate::units::Nanos;
use async_lock::{Mutex as AwaitableMutex, MutexGuardArc};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// A lock while it is in use.
pub(super) struct LockRuntime {
    /// Its name in the scenario.
    pub(super) name: String,
    pub(super) mechanism: Mechanism,
    /// What tokio-console is told of it.
    pub(super) seen: Resource,
    /// The worker that holds it, where a timeline is kept: written by whoever takes or gives it, so never ahead of the
    /// lock. Elsewhere it would be one more line that everybody writes.
    holder: Option<AtomicU64>,
}

/// Nobody holds the lock.
const NOBODY: u64 = u64::MAX;

/// How a lock excludes.
pub(super) enum Mechanism {
    /// Parks or spins.
    Raw { lock: Box<dyn RawLock>, spins: bool },
    /// A mutex that tasks await; the threads among its users block.
    Awaited(Arc<AwaitableMutex<()>>),
    /// A lock with a policy of its own, or one that readers share.
    Policy(Arc<Turnstile>, &'static str),
    /// An interpreter lock, how much work lies between two polls, and what had happened when the measured window began
    /// and ended.
    Interpreter { gil: Box<Gil>, check: Nanos, before: OnceLock<GilCounts>, after: OnceLock<GilCounts> },
    /// Excludes nobody.
    Absent,
}

impl Mechanism {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Raw { spins: false, .. } | Self::Awaited(_) => "mutex",
            Self::Raw { spins: true, .. } => "spin",
            Self::Policy(_, kind) => kind,
            Self::Interpreter { .. } => "gil",
            Self::Absent => "absent",
        }
    }
}

impl std::fmt::Debug for LockRuntime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.mechanism.kind())
    }
}

impl LockRuntime {
    pub(super) fn new(spec: &LockSpec, awaited: bool, watched: bool) -> Self {
        let LockSpec { name, kind, next, wait, private: _ } = spec;
        let policy = |prefer, kind| Mechanism::Policy(Arc::new(Turnstile::new(*next, *wait, prefer)), kind);
        let mechanism = match *kind {
            LockKind::Mutex | LockKind::Spin if awaited => Mechanism::Awaited(Arc::default()),
            LockKind::Shared { prefer } => policy(Some(prefer), "shared"),
            LockKind::Mutex if *next != Next::Barge || *wait != Wait::Park => policy(None, "mutex"),
            LockKind::Mutex => Mechanism::Raw { lock: Box::new(MutexLock::new()), spins: false },
            LockKind::Spin => Mechanism::Raw { lock: Box::new(SpinLock::new()), spins: true },
            LockKind::Gil { interval, check } => {
                let gil = Box::new(Gil::new(interval.to_duration()));
                Mechanism::Interpreter { gil, check, before: OnceLock::new(), after: OnceLock::new() }
            }
            LockKind::Absent => Mechanism::Absent,
        };
        let seen = Resource::lock(name, mechanism.kind());
        Self { name: name.clone(), mechanism, seen, holder: watched.then(|| AtomicU64::new(NOBODY)) }
    }

    /// Remembers what happened in the warm-up, to leave it out.
    pub(super) fn begin_window(&self) {
        if let Mechanism::Interpreter { gil, before, .. } = &self.mechanism {
            before.get_or_init(|| gil.counts());
        }
    }

    /// Remembers what has happened by the end of the window, to leave the drain out.
    pub(super) fn end_window(&self) {
        if let Mechanism::Interpreter { gil, after, .. } = &self.mechanism {
            after.get_or_init(|| gil.counts());
        }
    }

    /// Whether a waiter burns its processor.
    pub(super) const fn spins(&self) -> bool {
        matches!(self.mechanism, Mechanism::Raw { spins: true, .. })
    }

    /// Takes the lock at once, or not. An interpreter lock has no such attempt: it is waited for, and says whether
    /// that was needed.
    pub(super) fn try_take(&self, thread: u64) -> Attempt {
        let taken = match &self.mechanism {
            Mechanism::Raw { lock, .. } => lock.try_acquire().then_some(Held::Raw),
            Mechanism::Awaited(lock) => lock.try_lock_arc().map(Held::Guard),
            Mechanism::Interpreter { gil, .. } => {
                let Some(taken) = gil.take_unless_closed(thread) else { return Attempt::Closed };
                self.taken(thread, taken.contended);
                return if taken.contended { Attempt::Waited } else { Attempt::Taken(Held::Raw) };
            }
            Mechanism::Policy(turnstile, _) => turnstile.try_enter(false).then_some(Held::Policy(false)),
            Mechanism::Absent => Some(Held::Raw),
        };
        taken.map_or(Attempt::Refused, |held| {
            self.taken(thread, false);
            Attempt::Taken(held)
        })
    }

    /// Notes whose the lock is now.
    pub(super) fn taken(&self, thread: u64, contended: bool) {
        self.held_by(thread);
        self.seen.taken(contended);
    }

    fn held_by(&self, thread: u64) {
        if let Some(holder) = &self.holder {
            holder.store(thread, Ordering::Relaxed);
        }
    }

    /// The worker that seems to hold it now, if a timeline is kept.
    pub(super) fn holder(&self) -> Option<usize> {
        let holder = self.holder.as_ref()?.load(Ordering::Relaxed);
        usize::try_from(holder).ok().filter(|holder| *holder != usize::MAX)
    }

    /// Takes the lock, blocking the thread; ended when the run is over.
    pub(super) fn take(&self, run: &Runtime, thread: u64) -> Result<Held, Stopped> {
        let (taken, held) = match &self.mechanism {
            Mechanism::Raw { lock, .. } => (lock.acquire_unless_closed(), Held::Raw),
            Mechanism::Awaited(lock) => (true, Held::Guard(block_on(run, lock.lock_arc())?)),
            Mechanism::Interpreter { gil, .. } => (gil.take_unless_closed(thread).is_some(), Held::Raw),
            Mechanism::Policy(turnstile, _) => {
                block_on(run, turnstile.enter(false))?;
                (true, Held::Policy(false))
            }
            Mechanism::Absent => (true, Held::Raw),
        };
        if !taken {
            return Err(Stopped);
        }
        self.taken(thread, true);
        Ok(held)
    }

    /// Ends every wait for it: the run is over.
    pub(super) fn close(&self) {
        match &self.mechanism {
            Mechanism::Raw { lock, .. } => lock.close(),
            Mechanism::Interpreter { gil, .. } => gil.close(),
            // Who awaits looks whether the run is over.
            Mechanism::Awaited(_) | Mechanism::Policy(..) | Mechanism::Absent => {}
        }
    }

    /// Frees the lock held around work, and tells whether the caller must then await the hand-over.
    pub(super) fn release_around_work(&self, held: Held, thread: u64) -> bool {
        let Mechanism::Interpreter { gil, .. } = &self.mechanism else {
            self.give_back(held, thread);
            return false;
        };
        self.held_by(NOBODY);
        self.seen.released();
        gil.release(thread)
    }

    /// Waits until another thread has an interpreter lock that was asked for.
    pub(super) fn await_hand_over(&self, thread: u64) {
        if let Mechanism::Interpreter { gil, .. } = &self.mechanism {
            gil.await_hand_over(thread);
        }
    }

    /// Gives the lock back; an interpreter lock that somebody asked for is given only once that one has it.
    pub(super) fn give_back(&self, held: Held, thread: u64) {
        self.held_by(NOBODY);
        self.seen.released();
        match (&self.mechanism, held) {
            (_, Held::Guard(guard)) => drop(guard),
            (Mechanism::Policy(turnstile, _), Held::Policy(share)) => turnstile.leave(share),
            (Mechanism::Raw { lock, .. }, Held::Raw) => lock.release(),
            (Mechanism::Interpreter { gil, .. }, Held::Raw) => gil.drop_lock(thread),
            // These have nothing to give back.
            (Mechanism::Awaited(_) | Mechanism::Absent | Mechanism::Policy(..), Held::Raw)
            | (_, Held::Policy(_)) => {}
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
    /// It is not free, and the run is over.
    Closed,
}

/// A lock that is held.
#[derive(Debug)]
pub(super) enum Held {
    /// By this thread.
    Raw,
    /// By this performer, perhaps among other readers.
    Policy(bool),
    /// By whoever has the guard.
    Guard(MutexGuardArc<()>),
}

/// What one worker notes of one lock.
#[derive(Clone, Debug, Default)]
pub(super) struct LockLedger {
    pub(super) acquisitions: u64,
    pub(super) contended: u64,
    open_waits: u64,
    wait: Tally,
    hold: Tally,
    uses: LockUses,
    /// When it was last taken, and since when it had been wanted, in a ring.
    recent: [(Nanos, Nanos); LAST],
}

/// A step of an actor as a key of [`LockUses`].
pub(super) const fn use_key(actor: usize, step: usize) -> u64 {
    ((actor as u64) << 32) | step as u64
}

impl LockLedger {
    /// Notes an acquisition at `now` of a lock that was wanted from `began` on.
    #[inline]
    pub(super) fn taken(&mut self, by: u64, contended: bool, began: Nanos, now: Nanos) {
        let wait = now - began;
        #[expect(clippy::cast_possible_truncation, reason = "a remainder")]
        let place = (self.acquisitions % LAST as u64) as usize;
        self.recent[place] = (now, began);
        if contended {
            self.uses.waited(by, wait);
        }
        self.acquisitions += 1;
        self.contended += u64::from(contended);
        self.wait.record(wait);
    }

    /// Notes a wait that goes on when the window ends.
    pub(super) fn waits(&mut self, wait: Nanos) {
        self.open_waits += 1;
        self.wait.record(wait);
    }

    /// Notes how long the lock was held.
    #[inline]
    pub(super) fn released(&mut self, by: u64, hold: Nanos) {
        self.uses.held(by, hold);
        self.hold.record(hold);
    }

    /// Its last acquisitions: when, and since when it had been wanted.
    pub(super) fn recent(&self) -> &[(Nanos, Nanos)] {
        let taken = usize::try_from(self.acquisitions).unwrap_or(LAST).min(LAST);
        &self.recent[..taken]
    }

    /// Adds what `other` noted; the last acquisitions stay those of this one.
    pub(super) fn merge(&mut self, other: &Self) {
        self.acquisitions += other.acquisitions;
        self.contended += other.contended;
        self.open_waits += other.open_waits;
        self.wait.merge(&other.wait);
        self.hold.merge(&other.hold);
        self.uses.merge(&other.uses);
    }

    /// The record of `lock`; `name` gives the actor and the step of a key.
    pub(super) fn into_record(
        self,
        lock: &LockRuntime,
        name: impl Fn(u64) -> (String, String),
    ) -> LockRecord {
        let [holders, waiters] = self.uses.records(name);
        let counts = match &lock.mechanism {
            Mechanism::Interpreter { gil, before, after, .. } => {
                let after = after.get().copied().unwrap_or_else(|| gil.counts());
                Some(after.since(&before.get().copied().unwrap_or_default()))
            }
            _ => None,
        };
        LockRecord {
            kind: lock.mechanism.kind().into(),
            acquisitions: self.acquisitions,
            contended: self.contended,
            open_waits: self.open_waits,
            wait_ns: self.wait.distribution(),
            hold_ns: self.hold.distribution(),
            forced_drops: counts.map(|counts| counts.forced_drops),
            switches: counts.map(|counts| counts.switches),
            holders,
            waiters,
        }
    }
}
