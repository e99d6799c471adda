//! The lock of the mutex queue: waiters step back for a while, then sleep; taking it costs one read-modify-write.
//!
//! # Protocol
//!
//! `held` is the lock. Who finds it held tries again a few times, stepping back in between for long enough that the
//! holder gets many operations done: the lock's line then stays where it is. After that the waiter enters the list,
//! tries once more, and sleeps. Whoever unlocks while somebody is on the list wakes the first of them, who then
//! competes with everybody else.
//!
//! # Orderings
//!
//! - X1: the holder's Release store to `held` pairs with the next holder's Acquire exchange, so what was written under
//!   the lock is read under it.
//! - X2 (announce against unlock): the waiter makes a heavy barrier between entering the list (`waiting`) and its last
//!   attempt; who unlocks makes a light one between freeing `held` and reading `waiting`. Then the attempt succeeds,
//!   or fails against a holder who will wake, or the waiter is seen. So unlocking needs no read-modify-write.
//!
//! # Progress
//!
//! Blocking, and barging: a running thread may overtake a woken one.

use super::sleepers::{CHECKED, Sleeper};
use crate::sync::{
    Arc, AtomicBool, AtomicUsize, Mutex,
    Ordering::{self, Acquire, Relaxed, Release},
    Padded, UnsafeCell, heavy_barrier, heavy_barriers_work, light_barrier, lock, step_back,
};
use std::collections::VecDeque;
use std::fmt;
use std::ops::{Deref, DerefMut};

/// The orderings of X1, by name; the variants of the loom tests weaken one each.
const FREE: Ordering = if cfg!(conlab_weaken = "X1-store") { Relaxed } else { Release };
const TAKE: Ordering = if cfg!(conlab_weaken = "X1-load") { Relaxed } else { Acquire };

/// Attempts before sleep, some microseconds apart.
const ATTEMPTS: u32 = if CHECKED { 0 } else { 20 };

/// A value under a lock.
pub(super) struct Latch<T> {
    hot: Padded<Hot<T>>,
    list: Mutex<VecDeque<Arc<Sleeper>>>,
}

struct Hot<T> {
    held: AtomicBool,
    /// How many are on the list.
    waiting: AtomicUsize,
    value: UnsafeCell<T>,
}

// SAFETY: the lock hands the value to one thread at a time, which `T: Send` allows.
unsafe impl<T: Send> Sync for Latch<T> {}

impl<T> Latch<T> {
    pub(super) fn new(value: T) -> Self {
        heavy_barriers_work(); // from the start, so that light barriers are free
        Self {
            hot: Padded(Hot {
                held: AtomicBool::new(false),
                waiting: AtomicUsize::new(0),
                value: UnsafeCell::new(value),
            }),
            list: Mutex::default(),
        }
    }

    #[inline]
    pub(super) fn lock(&self) -> Held<'_, T> {
        if !self.try_take() {
            self.wait();
        }
        Held { latch: self }
    }

    #[inline]
    fn try_take(&self) -> bool {
        self.hot.held.compare_exchange(false, true, TAKE, Relaxed).is_ok() // X1
    }

    #[cold]
    fn wait(&self) {
        for _ in 0..ATTEMPTS {
            step_back();
            if !self.hot.held.load(Relaxed) && self.try_take() {
                return;
            }
        }
        // Every round ends with a wake-up, which follows an unlocking; another thread may have barged in between.
        loop {
            let me = Sleeper::current();
            self.edit(|list| list.push_back(Arc::clone(&me)));
            if !cfg!(conlab_weaken = "X2-heavy") {
                heavy_barrier(); // X2
            }
            if self.try_take() {
                if !cfg!(conlab_weaken = "X4") {
                    self.edit(|list| list.retain(|other| !Arc::ptr_eq(other, &me)));
                }
                return;
            }
            me.sleep();
            if self.try_take() {
                return;
            }
        }
    }

    /// Changes the list, and says how many are on it now.
    fn edit<R>(&self, change: impl FnOnce(&mut VecDeque<Arc<Sleeper>>) -> R) -> R {
        let mut list = lock(&self.list);
        let result = change(&mut list);
        self.hot.waiting.store(list.len(), Relaxed);
        result
    }

    #[inline]
    fn unlock(&self) {
        self.hot.held.store(false, FREE); // X1
        if !cfg!(conlab_weaken = "X2-light") {
            light_barrier(); // X2
        }
        if self.hot.waiting.load(Relaxed) != 0 {
            self.wake_one();
        }
    }

    #[cold]
    fn wake_one(&self) {
        if let Some(sleeper) = self.edit(VecDeque::pop_front)
            && !cfg!(conlab_weaken = "X3")
        {
            sleeper.wake();
        }
    }
}

impl<T> fmt::Debug for Latch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latch").field("waiting", &self.hot.waiting).finish_non_exhaustive()
    }
}

/// Access to the value, until it is dropped.
pub(super) struct Held<'a, T> {
    latch: &'a Latch<T>,
}

impl<T> Deref for Held<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this thread holds the lock, so nobody writes while the guard lives.
        self.latch.hot.value.with(|value| unsafe { &*value })
    }
}

impl<T> DerefMut for Held<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this thread holds the lock, and the guard is borrowed for as long as the reference lives.
        self.latch.hot.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T> Drop for Held<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.latch.unlock();
    }
}
