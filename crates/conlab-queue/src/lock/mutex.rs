//! A mutex that parks its waiters; a running thread may overtake a woken one.
//!
//! Source: U. Drepper, "Futexes are tricky" (2011), mutex 2. In place of the kernel's futex stands a standard mutex
//! with a condition variable, which the model checker understands; it is touched only when somebody waits.
//!
//! # Protocol
//!
//! | `state`       | meaning                          | release does         |
//! |---------------|----------------------------------|----------------------|
//! | 0 `FREE`      | nobody holds it                  | (a bug)              |
//! | 1 `HELD`      | held, nobody sleeps              | store only           |
//! | 2 `CONTENDED` | held, somebody sleeps or did     | store and wake one   |
//!
//!
//! # Orderings
//!
//! - L1: the holder's Release swap to `FREE` pairs with the next holder's Acquire exchange or swap, so what was
//!   written under the lock is read under it.
//! - L2: a waiter's last attempt and its falling asleep are one step under `sleepers`, and a releaser that saw 2
//!   signals under `sleepers`; the signal therefore comes before the attempt, which then succeeds, or after the
//!   waiter sleeps, and is heard. Without it a wake-up could fall between the two and be lost.
//! - L3: a waiter leaves 2 behind, also when it takes the lock: others may still sleep, and the next release must
//!   wake one of them.
//! - L4: the loads between attempts only look whether an attempt is worth its price: Relaxed.
//!
//! `loom_tests/locks.rs` fails when L1, L2 or L3 is weakened.
//!
//! - L5: `closed` is set before `sleepers` is locked to wake everybody, and a waiter looks at it under `sleepers` before it sleeps.
//!   So it sees the closing, or it is asleep already and is woken.
//!
//! # Progress
//!
//! Blocking. Barging: a thread that finds the lock free takes it, whoever was woken for it. Made by `new`, its waiters
//! do not spin before they park, so that wait is blocked time and nothing else: these are the locks of
//! scenarios. Made by `spinning`, they look again for a while first (a microsecond, or with many processors about as long as
//! parking takes), because what a cache does under its lock takes some tens of nanoseconds.

use super::RawLock;
use crate::sync;
use crate::sync::Ordering::{self, Acquire, Relaxed, Release};
use crate::sync::{AtomicBool, AtomicU32, Condvar, Mutex};

const FREE: u32 = 0;
const HELD: u32 = 1;
const CONTENDED: u32 = 2;

const UNLOCK: Ordering = if cfg!(conlab_weaken = "L1") { Relaxed } else { Release };

/// Looks of a waiter at a lock that is held before it parks, and the most pauses of 10–40 ns before one. The looks of a patient
/// waiter together take about as long as parking and being woken; they get rarer, so that the holder keeps the line.
const LOOKS: u32 = if cfg!(loom) { 1 } else { 40 };
const PATIENT_LOOKS: u32 = if cfg!(loom) { 1 } else { 16 };
const LONGEST_PAUSE: u32 = if cfg!(loom) { 1 } else { 64 };
/// Processors from which on a holder counts as running, so that patience pays. With fewer, threads that spin keep others from theirs.
const MANY_PROCESSORS: usize = 4;

/// A mutex that parks its waiters.
#[derive(Debug)]
pub struct MutexLock {
    state: AtomicU32,
    /// Looks before parking.
    looks: u32,
    /// Whether a waiter looks more and more seldom, and also where others sleep.
    patient: bool,
    sleepers: Mutex<()>,
    released: Condvar,
    /// Nobody is to wait any more.
    closed: AtomicBool,
}

impl MutexLock {
    /// A free lock whose waiters park at once.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(not(loom))] {
    /// use conlab_queue::lock::{MutexLock, RawLock};
    ///
    /// let lock = MutexLock::new();
    /// lock.acquire();
    /// assert!(!lock.try_acquire());
    /// lock.release();
    /// # }
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: AtomicU32::new(FREE),
            looks: 0,
            patient: false,
            sleepers: Mutex::new(()),
            released: Condvar::new(),
            closed: AtomicBool::new(false),
        }
    }

    /// A free lock whose waiters spin for a moment before they park.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(not(loom))] {
    /// use conlab_queue::lock::{MutexLock, RawLock};
    ///
    /// let lock = MutexLock::spinning();
    /// lock.acquire();
    /// lock.release();
    /// # }
    /// ```
    #[must_use]
    pub fn spinning() -> Self {
        let patient = sync::processors() >= MANY_PROCESSORS;
        Self { looks: if patient { PATIENT_LOOKS } else { LOOKS }, patient, ..Self::new() }
    }
}

impl Default for MutexLock {
    fn default() -> Self {
        Self::new()
    }
}

impl RawLock for MutexLock {
    #[inline]
    fn try_acquire(&self) -> bool {
        self.state.compare_exchange(FREE, HELD, Acquire, Relaxed).is_ok() // L1
    }

    fn acquire(&self) {
        self.wait(|| false);
    }

    fn acquire_unless_closed(&self) -> bool {
        self.wait(|| self.closed.load(Relaxed)) // L5
    }

    fn close(&self) {
        self.closed.store(true, Relaxed); // L5
        let guard = (!cfg!(conlab_weaken = "L5")).then(|| sync::lock(&self.sleepers)); // L5
        self.released.notify_all();
        drop(guard);
    }

    #[inline]
    fn release(&self) {
        match self.state.swap(FREE, UNLOCK) {
            // L1
            HELD => {}
            CONTENDED => self.wake_one(),
            state => panic!("a mutex was released that nobody held (state {state})"),
        }
    }
}

impl MutexLock {
    /// Takes the lock, or gives up when it is told to; whether it was taken.
    #[inline]
    fn wait(&self, gives_up: impl Fn() -> bool) -> bool {
        if self.try_acquire() || self.spin() {
            return true;
        }
        let mut guard = sync::lock(&self.sleepers);
        // Every round ends with a wake-up, which follows a release; another may have barged in between.
        // L1, L2, L3
        while self.state.swap(CONTENDED, Acquire) != FREE {
            if gives_up() {
                return false;
            }
            guard = sync::wait(&self.released, guard);
            if cfg!(conlab_weaken = "L3") && self.try_acquire() {
                break;
            }
        }
        true
    }

    /// Looks again some times, and tells whether that got the lock. Where somebody sleeps already, only a patient waiter does: one that
    /// parked there at once would be woken by the next release, and so on with everybody after it.
    fn spin(&self) -> bool {
        let mut pauses = 1;
        for _ in 0..self.looks {
            for _ in 0..pauses {
                sync::spin();
            }
            match self.state.load(Relaxed) {
                // L4
                FREE if self.try_acquire() => return true,
                CONTENDED if !self.patient => return false,
                _ => {}
            }
            if self.patient {
                pauses = (pauses * 2).min(LONGEST_PAUSE);
            }
        }
        false
    }

    /// Wakes one waiter, if there is one.
    #[cold]
    fn wake_one(&self) {
        let guard = (!cfg!(conlab_weaken = "L2")).then(|| sync::lock(&self.sleepers)); // L2
        self.released.notify_one();
        drop(guard);
    }
}
