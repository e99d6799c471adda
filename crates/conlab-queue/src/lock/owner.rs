//! No lock at all, checked: what one thread alone uses needs none, and this notices when a second one comes.
//!
//! # Protocol
//!
//! The first thread to acquire becomes the owner for good; every later acquisition compares the owner with the caller,
//! and notices when the caller is inside already. Loads and stores of a line that one thread uses, and after the
//! first time no read-modify-write.
//!
//! Ordering O1: only the owner itself ever passes, so what it wrote before is ordered by its own program, and `inside`
//! is its own, too. The first exchange, all loads and stores are Relaxed.

use super::RawLock;
use crate::sync::Ordering::Relaxed;
use crate::sync::thread_token;
use crate::sync::{AtomicBool, AtomicUsize};

/// No owner yet; no thread has this token.
const NOBODY: usize = 0;

/// Admits one thread for good.
#[derive(Debug)]
pub struct OwnerLock {
    owner: AtomicUsize,
    /// The owner is between acquiring and releasing.
    inside: AtomicBool,
}

impl OwnerLock {
    /// A lock without an owner.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(not(loom))] {
    /// use conlab_queue::lock::{OwnerLock, RawLock};
    ///
    /// let lock = OwnerLock::new();
    /// lock.acquire(); // the first thread to come is the owner for good
    /// lock.release();
    /// std::thread::scope(|scope| assert!(!scope.spawn(|| lock.try_acquire()).join().unwrap()));
    /// # }
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self { owner: AtomicUsize::new(NOBODY), inside: AtomicBool::new(false) }
    }
}

impl Default for OwnerLock {
    fn default() -> Self {
        Self::new()
    }
}

impl RawLock for OwnerLock {
    /// Whether the caller is the owner and not inside; the first caller becomes the owner.
    #[inline]
    fn try_acquire(&self) -> bool {
        let caller = thread_token();
        let passes = self.owner.load(Relaxed) == caller
            || self.owner.compare_exchange(NOBODY, caller, Relaxed, Relaxed).is_ok(); // O1
        if !passes || self.inside.load(Relaxed) {
            return false;
        }
        self.inside.store(true, Relaxed); // O1
        true
    }

    /// # Panics
    ///
    /// When the caller is not the owner, as what it guards was meant for one thread, or is inside already.
    #[inline]
    fn acquire(&self) {
        assert!(
            self.try_acquire(),
            "a second thread came to what one thread was to use alone, or it came twice"
        );
    }

    /// Never waits, so there is nothing to give up.
    #[inline]
    fn acquire_unless_closed(&self) -> bool {
        self.acquire();
        true
    }

    fn close(&self) {}

    #[inline]
    fn release(&self) {
        self.inside.store(false, Relaxed); // O1
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_owner_enters_once_at_a_time_and_nobody_else_ever() {
        let lock = OwnerLock::new();
        lock.acquire();
        assert!(!lock.try_acquire(), "inside already");
        assert!(std::panic::catch_unwind(|| lock.acquire()).is_err());
        lock.release();
        assert!(lock.try_acquire());
        lock.release();
        // One after the other, so that a token that came again would let one in.
        for _ in 0..50 {
            std::thread::scope(|scope| assert!(!scope.spawn(|| lock.try_acquire()).join().unwrap()));
        }
    }
}
