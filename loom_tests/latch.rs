//! The lock of the mutex queue, through the queue: it has no other user.

use crate::door::start;
use conlab::queue::{MutexQueue, TaskQueue};
use conlab::sync::{Arc, model};

/// Two threads push: one of them may sleep for the lock, and is woken.
///
/// Killed by: X1-store, X1-load, X2-light, X2-heavy, X3.
#[test]
fn a_waiter_gets_the_lock_and_sees_what_was_done_under_it() {
    model(3, || {
        let queue: Arc<MutexQueue<u8>> = Arc::new(MutexQueue::with_capacity(2));
        let other = start(&queue, |queue| queue.try_push(1).unwrap());
        queue.try_push(2).unwrap();
        other.join().unwrap();
        assert_eq!(queue.len(), 2);
    });
}

/// Three threads, so that a waiter may be overtaken by a running thread when it was woken.
///
/// Killed by: X4 (the winner of the last attempt stays on the list, and is woken in place of a waiter).
#[test]
fn an_overtaken_waiter_is_woken_again() {
    model(3, || {
        let queue: Arc<MutexQueue<u8>> = Arc::new(MutexQueue::with_capacity(3));
        let others = [1, 2].map(|item| start(&queue, move |queue| queue.try_push(item).unwrap()));
        queue.try_push(3).unwrap();
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(queue.len(), 3);
    });
}
