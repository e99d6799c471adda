//! The interpreter lock: exclusion, wake-ups, forced hand-over.
//!
//! loom has no time. An interval without end keeps waiters asleep until they are signalled, so that a lost wake-up
//! is a deadlock; any other interval is over at once, so that every waiter asks.

use conlab::lock::Gil;
use conlab::sync::{Arc, UnsafeCell, model, spin, thread};
use std::time::Duration;

const NEVER: Duration = Duration::MAX;
const AT_ONCE: Duration = Duration::from_micros(100);

/// A lock and what it guards; loom fails when two threads are at the counter together.
struct Shared {
    gil: Gil,
    counter: UnsafeCell<u64>,
}

// SAFETY: the counter is only touched by the holder of `gil`.
unsafe impl Sync for Shared {}

impl Shared {
    fn new(interval: Duration) -> Arc<Self> {
        Arc::new(Self { gil: Gil::new(interval), counter: UnsafeCell::new(0) })
    }

    /// One piece of work of the holder.
    fn work(&self) {
        self.counter.with_mut(|counter| {
            // SAFETY: the caller holds `gil`, which excludes others (G1).
            unsafe { *counter += 1 }
        });
    }

    fn worked(&self) -> u64 {
        self.counter.with(|counter| {
            // SAFETY: the caller has joined every other thread.
            unsafe { *counter }
        })
    }
}

fn start(shared: &Arc<Shared>, body: impl FnOnce(&Shared) + Send + 'static) -> thread::JoinHandle<()> {
    let shared = Arc::clone(shared);
    thread::spawn(move || body(&shared))
}

/// Three threads take turns; nobody ever asks, so only signals wake a waiter.
///
/// Killed by: weakening G1 (two at the counter), weakening G2 (a waiter sleeps for ever).
#[test]
fn the_holder_is_alone_and_every_waiter_wakes() {
    model(2, || {
        let shared = Shared::new(NEVER);
        let body = |thread| {
            move |shared: &Shared| {
                shared.gil.take(thread);
                shared.work();
                shared.gil.drop_lock(thread);
            }
        };
        let others = [start(&shared, body(1)), start(&shared, body(2))];
        body(0)(&shared);
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(shared.worked(), 3);
        let counts = shared.gil.counts();
        assert_eq!((counts.acquisitions, counts.switches, counts.forced_drops), (3, 3, 0));
    });
}

/// A holder that finds a request and yields to it gets the lock back only after another had it.
///
/// Killed by: weakening G3 (it takes the lock straight back), weakening G4 (it sleeps through the taker's signal).
#[test]
fn a_requested_drop_hands_the_lock_over() {
    model(3, || {
        let shared = Shared::new(AT_ONCE);
        shared.gil.take(0);
        let other = start(&shared, |shared| {
            shared.gil.take(1);
            shared.work();
            shared.gil.drop_lock(1);
        });
        shared.work();
        // Ends: the other thread waits, its round is over at once, and it asks.
        while !shared.gil.requested() {
            spin();
        }
        let taken = shared.gil.yield_to_request(0);
        assert!(taken.switched, "took the lock straight back");
        let counts = shared.gil.counts();
        assert_eq!(counts.switches, 3);
        // The other's drop is forced as well if this thread's round was over before it (shuttle finds that order).
        assert!((1..=2).contains(&counts.forced_drops), "{counts:?}");
        shared.work();
        shared.gil.drop_lock(0);
        other.join().unwrap();
        assert_eq!(shared.worked(), 3);
    });
}

/// Two holders drop on request one after the other, so that the first may still be leaving the hand-over when
/// the second enters it.
///
/// Killed by: a flag in the place of the count of droppers (`G4-flag`).
#[test]
fn a_dropper_on_its_way_out_does_not_silence_the_next() {
    model(1, || {
        let shared = Shared::new(AT_ONCE);
        shared.gil.take(0);
        let second = start(&shared, |shared| {
            shared.gil.take(1);
            shared.work();
            // Somebody asks while others wait; when this thread comes last, nobody does.
            for _ in 0..2 {
                if shared.gil.requested() {
                    break;
                }
                spin();
            }
            shared.gil.drop_lock(1);
        });
        let third = start(&shared, |shared| {
            shared.gil.take(2);
            shared.work();
            shared.gil.drop_lock(2);
        });
        while !shared.gil.requested() {
            spin();
        }
        shared.gil.yield_to_request(0);
        shared.work();
        shared.gil.drop_lock(0);
        second.join().unwrap();
        third.join().unwrap();
        assert_eq!(shared.worked(), 3);
    });
}

/// A thread waits for a lock that nobody gives back, and it is closed: the thread gives up.
///
/// Killed by: weakening G7 (a waiter that looked before the closing sleeps after it).
#[test]
fn closing_ends_every_wait() {
    model(2, || {
        let shared = Shared::new(NEVER);
        shared.gil.take(0);
        let waiter = start(&shared, |shared| assert!(shared.gil.take_unless_closed(1).is_none()));
        shared.gil.close();
        waiter.join().unwrap();
        shared.gil.drop_lock(0);
        assert!(shared.gil.take_unless_closed(2).is_some(), "it is free");
    });
}
