//! Leases of the ring's ends: tickets taken by plain loads and stores, until somebody else needs the end.
//!
//! Leases are eager here: whoever wins a ticket holds the end from there on.

use crate::door::start;
use conlab::queue::{RingQueue, TaskQueue};
use conlab::sync::{Arc, model};

type Ring = RingQueue<Box<u8>>;

fn ring(capacity: usize) -> Arc<Ring> {
    Arc::new(Ring::with_eager_leases(capacity))
}

/// What the ring holds, taken out by one thread.
fn drained(queue: &Ring) -> Vec<u8> {
    std::iter::from_fn(|| queue.try_pop().ok()).map(|item| *item).collect()
}

/// The holder claims a ticket while another producer recalls the lease: each item gets a slot of its own.
///
/// Killed by: B1-light, B1-heavy, B2-stands, B2-void.
#[test]
fn a_claim_and_a_recall_agree_on_the_ticket() {
    model(2, || {
        let queue = ring(3);
        queue.try_push(Box::new(1)).unwrap(); // leased to this thread now
        let other = start(&queue, |queue| queue.try_push(Box::new(3)).unwrap());
        queue.try_push(Box::new(2)).unwrap();
        other.join().unwrap();
        let mut got = drained(&queue);
        assert!(got == [1, 2, 3] || got == [1, 3, 2], "{got:?}");
        got.sort_unstable();
        assert_eq!(got, [1, 2, 3]);
    });
}

/// The same at the other end: no item is taken twice, none is left behind.
///
/// Killed by: B1-light, B1-heavy, B2-stands, B2-void.
#[test]
fn two_consumers_under_a_lease_take_each_item_once() {
    model(2, || {
        let queue = ring(3);
        for item in 1..=3 {
            queue.try_push(Box::new(item)).unwrap();
        }
        assert_eq!(*queue.try_pop().unwrap(), 1); // leased to this thread now
        let other = start(&queue, |queue| *queue.try_pop().unwrap());
        let mine = *queue.try_pop().unwrap();
        let mut got = [mine, other.join().unwrap()];
        got.sort_unstable();
        assert_eq!(got, [2, 3]);
    });
}

/// A push under a lease makes no read-modify-write, and yet no consumer oversleeps it.
///
/// Killed by: B3.
#[test]
fn a_push_under_a_lease_wakes_the_sleeping_consumer() {
    model(2, || {
        let queue = ring(2);
        let consumer = start(&queue, |queue| [*queue.pop().unwrap(), *queue.pop().unwrap()]);
        queue.push(Box::new(1)).unwrap();
        queue.push(Box::new(2)).unwrap();
        assert_eq!(consumer.join().unwrap(), [1, 2]);
    });
}

/// Close ends the lease: what the holder was told is accepted is delivered, what comes later is refused.
///
/// Killed by: B1-heavy.
#[test]
fn a_close_ends_the_lease() {
    model(2, || {
        let queue = ring(3);
        queue.try_push(Box::new(1)).unwrap();
        let closing = start(&queue, |queue| queue.close());
        let accepted = queue.try_push(Box::new(2)).is_ok();
        closing.join().unwrap();
        assert!(queue.try_push(Box::new(3)).is_err());
        assert_eq!(drained(&queue).len(), 1 + usize::from(accepted));
    });
}
