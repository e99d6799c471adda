//! The one door to synchronisation: std's primitives, or loom's under `--cfg loom`.
//!
//! Only this file names `std::sync::atomic`, `UnsafeCell` or `loom`; what is written against it is therefore
//! seen by the model checker. Both builds export the same names.

#[cfg(loom)]
pub use loom::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
    },
    thread,
};
#[cfg(not(loom))]
pub use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
    },
    thread,
};

/// A cell whose exclusive access the surrounding protocol guarantees; loom checks that it does.
#[derive(Debug)]
pub struct UnsafeCell<T>(#[cfg(loom)] loom::cell::UnsafeCell<T>, #[cfg(not(loom))] std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    /// Wraps `value`.
    pub fn new(value: T) -> Self {
        #[cfg(loom)]
        return Self(loom::cell::UnsafeCell::new(value));
        #[cfg(not(loom))]
        Self(std::cell::UnsafeCell::new(value))
    }

    /// Passes a pointer for reading to `read`; nobody may write meanwhile.
    #[inline]
    pub fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        #[cfg(loom)]
        return self.0.with(read);
        #[cfg(not(loom))]
        read(self.0.get())
    }

    /// Passes a pointer for writing to `write`; nobody may read or write meanwhile.
    #[inline]
    pub fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        #[cfg(loom)]
        return self.0.with_mut(write);
        #[cfg(not(loom))]
        write(self.0.get())
    }
}

/// Keeps `T` on lines of its own: two lines, because prefetchers fetch lines in pairs.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(128))]
pub struct Padded<T>(
    /// The value that shares its line pair with nothing else.
    pub T,
);

impl<T> std::ops::Deref for Padded<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

/// Lets another thread run; loom needs this in every retry loop to bound the search.
#[inline]
pub fn spin() {
    #[cfg(loom)]
    loom::thread::yield_now();
    #[cfg(not(loom))]
    std::hint::spin_loop();
}

/// Runs `body` under the interleavings that loom finds with at most `preemptions` forced switches; without
/// loom, 64 times on real threads. The same test is a search in one build and a smoke test in the other.
pub fn model(preemptions: usize, body: impl Fn() + Send + Sync + 'static) {
    #[cfg(loom)]
    {
        let mut builder = loom::model::Builder::new();
        if builder.preemption_bound.is_none() {
            builder.preemption_bound = Some(preemptions);
        }
        builder.check(body);
    }
    #[cfg(not(loom))]
    {
        let _ = preemptions;
        for _ in 0..64 {
            body();
        }
    }
}
