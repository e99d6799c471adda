//! The one door to synchronisation: std's primitives, or loom's under `--cfg loom`.
//!
//! Only this file names `std::sync::atomic`, `UnsafeCell` or `loom`; what is written against it is therefore
//! seen by the model checker. All builds export the same names.
//!
//! `--cfg loom` leaves out of the crate what loom cannot see. `--cfg shuttle` on top of it puts shuttle's primitives in
//! the place of loom's: random schedules of longer programs, but sequentially consistent, so orderings are not tried.

mod barrier;
#[cfg(all(loom, not(shuttle)))]
mod explored;
mod token;

pub use barrier::{heavy_barrier, heavy_barriers_work, light_barrier};
pub use token::thread_token;
pub(crate) use token::{Life, life, tenant};

use std::{sync::PoisonError, time::Duration};

#[cfg(all(loom, not(shuttle)))]
pub use explored::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize};
#[cfg(all(loom, not(shuttle)))]
pub use loom::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{Ordering, fence},
    },
    thread,
};
#[cfg(shuttle)]
pub use shuttle::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
    },
    thread,
};
#[cfg(not(any(loom, shuttle)))]
pub use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
    },
    thread,
};

/// A cell whose exclusive access the surrounding protocol guarantees; loom checks that it does.
#[derive(Debug)]
pub struct UnsafeCell<T>(
    #[cfg(all(loom, not(shuttle)))] loom::cell::UnsafeCell<T>,
    #[cfg(not(all(loom, not(shuttle))))] std::cell::UnsafeCell<T>,
);

impl<T> UnsafeCell<T> {
    /// Wraps `value`.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(not(loom))] {
    /// use conlab_queue::sync::UnsafeCell;
    ///
    /// let cell = UnsafeCell::new(1);
    /// // SAFETY: one thread alone has the cell.
    /// cell.with_mut(|value| unsafe { *value += 1 });
    /// // SAFETY: as above.
    /// assert_eq!(cell.with(|value| unsafe { *value }), 2);
    /// # }
    /// ```
    pub fn new(value: T) -> Self {
        #[cfg(all(loom, not(shuttle)))]
        return Self(loom::cell::UnsafeCell::new(value));
        #[cfg(not(all(loom, not(shuttle))))]
        Self(std::cell::UnsafeCell::new(value))
    }

    /// Passes a pointer for reading to `read`; nobody may write meanwhile.
    #[inline]
    pub fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        #[cfg(all(loom, not(shuttle)))]
        return self.0.with(read);
        #[cfg(not(all(loom, not(shuttle))))]
        read(self.0.get())
    }

    /// Passes a pointer for writing to `write`; nobody may read or write meanwhile.
    #[inline]
    pub fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        #[cfg(all(loom, not(shuttle)))]
        return self.0.with_mut(write);
        #[cfg(not(all(loom, not(shuttle))))]
        write(self.0.get())
    }
}

#[cfg(all(loom, not(shuttle)))]
use loom::thread_local;
#[cfg(shuttle)]
use shuttle::thread_local;

#[cfg(any(loom, shuttle))]
thread_local! {
    /// How many more waits of this thread time out.
    static TIMEOUTS_LEFT: std::cell::Cell<u32> = std::cell::Cell::new(2);
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

/// Locks `mutex`. A panic elsewhere while it was held is that thread's failure, not the caller's: poison is ignored.
#[inline]
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives the guard's mutex back, sleeps until `condition` is signalled (or for no reason), and locks it again.
#[inline]
pub fn wait<'a, T>(condition: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condition.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// Sleeps on `condition` as long as `sleeps_on` says so of what `mutex` guards, which `guard` locks, and for at most
/// `timeout`; tells whether it still said so when the time was over.
///
/// It is asked before the first sleep, at every wake-up and when the time is over.
#[inline]
pub fn wait_while_for<'a, T>(
    condition: &Condvar,
    mutex: &'a Mutex<T>,
    guard: MutexGuard<'a, T>,
    timeout: Duration,
    mut sleeps_on: impl FnMut(&mut T) -> bool,
) -> (MutexGuard<'a, T>, bool) {
    #[cfg(any(loom, shuttle))]
    {
        let mut guard = guard;
        while sleeps_on(&mut guard) {
            let over;
            (guard, over) = wait_for(condition, mutex, guard, timeout);
            if over {
                let over = sleeps_on(&mut guard);
                return (guard, over);
            }
        }
        (guard, false)
    }
    #[cfg(not(any(loom, shuttle)))]
    {
        let _ = mutex;
        let (guard, result) = condition
            .wait_timeout_while(guard, timeout, |guarded| sleeps_on(guarded))
            .unwrap_or_else(PoisonError::into_inner);
        (guard, result.timed_out())
    }
}

/// One sleep for at most `timeout`; tells whether the time was over.
///
/// The checkers have no time. There, [`Duration::MAX`] never ends, and any other timeout is over at once, after the others had
/// a chance to run, for the first two waits of a thread, and then never ends: all are allowed outcomes of a real wait,
/// so a protocol must survive them, and two bound the search.
#[cfg(any(loom, shuttle))]
fn wait_for<'a, T>(
    condition: &Condvar,
    mutex: &'a Mutex<T>,
    guard: MutexGuard<'a, T>,
    timeout: Duration,
) -> (MutexGuard<'a, T>, bool) {
    let left = TIMEOUTS_LEFT.with(std::cell::Cell::get);
    if timeout == Duration::MAX || left == 0 {
        return (wait(condition, guard), false);
    }
    TIMEOUTS_LEFT.with(|cell| cell.set(left - 1));
    drop(guard);
    thread::yield_now();
    (lock(mutex), true)
}

/// Lets another thread run; the model checkers need this in every retry loop to bound the search.
#[inline]
pub fn spin() {
    #[cfg(any(loom, shuttle))]
    thread::yield_now();
    #[cfg(not(any(loom, shuttle)))]
    std::hint::spin_loop();
}

/// Processors that this process may use, as the system said when it was asked first; at least 1. Two under the model checkers.
///
/// # Examples
///
/// ```
/// assert!(conlab_queue::sync::processors() >= 1);
/// ```
#[must_use]
pub fn processors() -> usize {
    static PROCESSORS: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    let ask = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if cfg!(any(loom, shuttle)) { 2 } else { *PROCESSORS.get_or_init(ask) }
}

/// Leaves a contended place to the thread that was faster, for long enough that it gets some work done there.
#[inline]
pub fn step_back() {
    for _ in 0..if cfg!(any(loom, shuttle)) { 1 } else { 60 } {
        spin();
    }
}

/// Waits a moment for another thread that is halfway through something: a few spins, then the processor is given
/// up, so that a stopped thread can be scheduled. `tries` counts the calls of one wait and starts at 0.
#[inline]
pub fn backoff(tries: &mut u32) {
    if *tries < 6 && !cfg!(any(loom, shuttle)) {
        for _ in 0..1 << *tries {
            spin();
        }
    } else {
        thread::yield_now();
    }
    *tries += 1;
}

/// Random schedules of a model under shuttle, and as many more with few switches.
#[cfg(shuttle)]
const SCHEDULES: usize = 2_000;

/// Runs `body` under the interleavings that loom finds with at most `preemptions` forced switches; under shuttle,
/// some thousand times in random orders and orders with few switches; else 64 times on real threads. The same test is
/// a search in one build and a smoke test in the other.
///
/// # Examples
///
/// ```
/// use conlab_queue::sync::{Arc, AtomicU32, Ordering::Relaxed, model, thread};
///
/// model(2, || {
///     let count = Arc::new(AtomicU32::new(0));
///     let other = { let count = Arc::clone(&count); thread::spawn(move || count.fetch_add(1, Relaxed)) };
///     count.fetch_add(1, Relaxed);
///     other.join().unwrap();
///     assert_eq!(count.load(Relaxed), 2);
/// });
/// ```
///
/// `LOOM_MAX_PREEMPTIONS` overrides the bound. The executions are counted and printed by `--nocapture`.
pub fn model(preemptions: usize, body: impl Fn() + Send + Sync + 'static) {
    #[cfg(all(loom, not(shuttle)))]
    {
        let mut builder = loom::model::Builder::new();
        builder.max_branches = 20_000;
        if builder.preemption_bound.is_none() {
            builder.preemption_bound = Some(preemptions);
        }
        let executions = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counter = std::sync::Arc::clone(&executions);
        builder.check(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            body();
        });
        #[expect(clippy::print_stdout, reason = "captured by the test harness unless it is asked for")]
        {
            let count = executions.load(Ordering::Relaxed);
            let test = std::thread::current().name().unwrap_or("a model").to_owned();
            println!("{test}: {count} executions, at most {:?} preemptions", preemptions);
        }
    }
    #[cfg(shuttle)]
    {
        let _ = preemptions;
        let body = std::sync::Arc::new(body);
        let again = std::sync::Arc::clone(&body);
        shuttle::check_random(move || body(), SCHEDULES);
        shuttle::check_pct(move || again(), SCHEDULES, 3);
    }
    #[cfg(not(any(loom, shuttle)))]
    {
        let _ = preemptions;
        for _ in 0..64 {
            body();
        }
    }
}
