//! A lock whose waiters burn their processor: test, and test-and-set, with bounded backoff.
//!
//! # Orderings
//!
//! - S1: the holder's Release store `held = false` pairs with the next holder's Acquire exchange, so what was written
//!   under the lock is read under it.
//! - S3: `closed` is only ever set, and publishes nothing; a waiter looks at it between two looks at the lock: Relaxed.
//! - S2: the loads between attempts only look whether an attempt is worth its price: Relaxed.
//!
//! # Progress
//!
//! Blocking and unfair. A waiter never gives its processor up of its own will: that is what this lock is compared
//! for. When the holder is preempted (more runnable threads than cores), a waiter burns its whole time slice, and
//! the kernel ends it; a spin lock that yields or parks would be another treatment.

use super::RawLock;
use crate::sync::AtomicBool;
use crate::sync::Ordering::{self, Acquire, Relaxed, Release};
use crate::sync::spin;

const UNLOCK: Ordering = if cfg!(conlab_weaken = "S1") { Relaxed } else { Release };

/// Most pauses between two looks at the lock; some 64 × 10–40 ns, well below a time slice.
const LONGEST_BACKOFF: u32 = 64;

/// A lock whose waiters burn their processor.
#[derive(Debug)]
pub struct SpinLock {
    held: AtomicBool,
    /// Nobody is to wait any more.
    closed: AtomicBool,
}

impl SpinLock {
    /// A free lock.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(not(loom))] {
    /// use conlab_queue::lock::{RawLock, SpinLock};
    ///
    /// let lock = SpinLock::new();
    /// assert!(lock.try_acquire() && !lock.try_acquire());
    /// lock.release();
    /// # }
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self { held: AtomicBool::new(false), closed: AtomicBool::new(false) }
    }
}

impl Default for SpinLock {
    fn default() -> Self {
        Self::new()
    }
}

impl RawLock for SpinLock {
    #[inline]
    fn try_acquire(&self) -> bool {
        self.held.compare_exchange(false, true, Acquire, Relaxed).is_ok() // S1
    }

    fn acquire(&self) {
        self.wait(|| false);
    }

    fn acquire_unless_closed(&self) -> bool {
        self.wait(|| self.closed.load(Relaxed)) // S3
    }

    fn close(&self) {
        self.closed.store(true, Relaxed); // S3
    }

    #[inline]
    fn release(&self) {
        debug_assert!(self.held.load(Relaxed), "a spin lock was released that nobody held"); // S2
        self.held.store(false, UNLOCK); // S1
    }
}

impl SpinLock {
    /// Takes the lock, or gives up when it is told to; whether it was taken.
    #[inline]
    fn wait(&self, gives_up: impl Fn() -> bool) -> bool {
        let mut backoff = 1;
        // Ends when the holder releases and this thread's exchange comes before the others'.
        while !self.try_acquire() {
            loop {
                for _ in 0..backoff {
                    spin();
                }
                if !self.held.load(Relaxed) {
                    break; // S2
                }
                if gives_up() {
                    return false;
                }
                // Under loom one pause says it all, and more would only lengthen the search.
                backoff = if cfg!(loom) { 1 } else { (backoff * 2).min(LONGEST_BACKOFF) };
            }
        }
        true
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{RawLock, SpinLock};
    use std::thread;

    #[test]
    fn closing_ends_every_wait() {
        let lock = SpinLock::new();
        assert!(lock.try_acquire());
        thread::scope(|scope| {
            let waiters = [(); 2].map(|()| scope.spawn(|| lock.acquire_unless_closed()));
            lock.close();
            assert!(waiters.into_iter().all(|waiter| !waiter.join().unwrap_or(true)));
        });
        lock.release();
        assert!(lock.acquire_unless_closed(), "it is free");
    }
}
