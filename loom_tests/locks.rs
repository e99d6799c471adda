//! The mutex that parks and the lock that spins: exclusion and wake-ups.

use conlab::lock::{MutexLock, RawLock, SpinLock};
use conlab::sync::{Arc, UnsafeCell, model, thread};

/// A lock and what it guards; loom fails when two threads are at the counter together.
struct Shared<L> {
    lock: L,
    counter: UnsafeCell<u64>,
}

// SAFETY: the counter is only touched by the holder of `lock`.
unsafe impl<L: Sync> Sync for Shared<L> {}

/// Takes the lock, works, gives it back.
fn turn(shared: &Shared<impl RawLock>) {
    shared.lock.acquire();
    shared.counter.with_mut(|counter| {
        // SAFETY: we hold the lock.
        unsafe { *counter += 1 }
    });
    shared.lock.release();
}

/// `threads` threads take `turns` turns each.
fn take_turns<L: RawLock + Default + 'static>(threads: u64, turns: u64) {
    let shared = Arc::new(Shared { lock: L::default(), counter: UnsafeCell::new(0) });
    let others: Vec<_> = (1..threads)
        .map(|_| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || (0..turns).for_each(|_| turn(&shared)))
        })
        .collect();
    (0..turns).for_each(|_| turn(&shared));
    for other in others {
        other.join().unwrap();
    }
    assert!(shared.lock.try_acquire());
    let counted = shared.counter.with(|counter| {
        // SAFETY: every other thread has ended.
        unsafe { *counter }
    });
    assert_eq!(counted, threads * turns);
}

/// Killed by: weakening L1 (what was written under the lock is not seen), weakening L2 (a lost wake-up).
#[test]
fn two_threads_take_the_mutex_in_turns() {
    model(3, || take_turns::<MutexLock>(2, 2));
}

/// With two sleepers the one that is woken must leave word of the other.
///
/// Killed by: weakening L3 (the second sleeper is forgotten).
#[test]
fn a_woken_waiter_remembers_the_other_sleepers() {
    model(2, || take_turns::<MutexLock>(3, 1));
}

/// Killed by: weakening S1 (what was written under the lock is not seen).
#[test]
fn two_threads_take_the_spin_lock_in_turns() {
    model(3, || take_turns::<SpinLock>(2, 2));
}

/// Two threads wait for a lock that nobody gives back, and it is closed: both give up. (A spin lock has no wake-up to lose, and
/// its waiters no end of schedules.)
///
/// Killed by: weakening L5 (a waiter that looked before the closing sleeps after it).
#[test]
fn closing_the_mutex_ends_every_wait() {
    model(2, || {
        let lock = Arc::new(MutexLock::new());
        assert!(lock.try_acquire());
        let waiters = [(); 2].map(|()| {
            let lock = Arc::clone(&lock);
            thread::spawn(move || assert!(!lock.acquire_unless_closed()))
        });
        lock.close();
        for waiter in waiters {
            waiter.join().unwrap();
        }
        lock.release();
        assert!(lock.acquire_unless_closed(), "it is free");
    });
}
