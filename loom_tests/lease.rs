//! Leases of the ring's ends: tickets taken by plain loads and stores, until somebody else needs the end.
//!
//! Leases are eager here: whoever wins a ticket holds the end from there on.

use crate::door::{collect, start};
use conlab::queue::{PopError, RingQueue, TaskQueue};
use conlab::sync::{Arc, model};
use std::collections::VecDeque;

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

/// Two producers hold the end in turn: the one that waits is given it after a handful (two tickets here), or takes it away.
/// Nothing is lost and each producer's items stay in order.
///
/// Killed by: B4 (the second holder is given the seat of the first, who is halfway through a claim), B5 (given back after a recall).
#[test]
fn an_end_changes_hands_between_two_producers() {
    model(2, || {
        let queue = ring(6);
        queue.try_push(Box::new(1)).unwrap(); // leased to this thread now
        let other = start(&queue, |queue| [11, 12].map(|item| queue.try_push(Box::new(item)).unwrap()));
        queue.try_push(Box::new(2)).unwrap();
        queue.try_push(Box::new(3)).unwrap();
        other.join().unwrap();
        let got = drained(&queue);
        let of = |low: bool| got.iter().copied().filter(|&item| (item < 10) == low).collect::<Vec<_>>();
        assert_eq!((of(true), of(false)), (vec![1, 2, 3], vec![11, 12]), "{got:?}");
    });
}

/// Both ends are leased and full or empty in turn, so that holders sleep and are recalled.
///
/// Killed by: B3.
#[test]
fn holders_of_both_ends_fill_the_ring_and_sleep() {
    model(0, || {
        let queue = ring(1);
        let producer = start(&queue, |queue| [1, 2].map(|item| queue.push(Box::new(item)).unwrap()));
        assert_eq!([1, 2].map(|_| *queue.pop().unwrap()), [1, 2]);
        producer.join().unwrap();
    });
}

/// Three threads: two producers that want the end from one another, and a consumer.
///
/// Killed by: B1-light, B1-heavy, B2-stands, B2-void.
#[test]
fn two_producers_and_a_consumer_share_leased_ends() {
    model(2, || {
        let queue = ring(4);
        queue.try_push(Box::new(0)).unwrap(); // leased to this thread now
        let other = start(&queue, |queue| queue.try_push(Box::new(1)).unwrap());
        let consumer = start(&queue, |queue| *queue.try_pop().unwrap());
        queue.try_push(Box::new(2)).unwrap();
        other.join().unwrap();
        let mut got = vec![consumer.join().unwrap()];
        got.extend(drained(&queue));
        assert_eq!(got[0], 0);
        got.sort_unstable();
        assert_eq!(got, [0, 1, 2]);
    });
}

/// A batch is claimed as a whole: a recall sees all of it or nothing.
///
/// Killed by: B1-light, B1-heavy, B2-stands, B2-void.
#[test]
fn a_batch_under_a_lease_stands_or_falls_as_one() {
    model(2, || {
        let queue = ring(6);
        queue.try_push(Box::new(1)).unwrap();
        queue.try_push(Box::new(2)).unwrap(); // leased to this thread, at the start of a handful
        let other = start(&queue, |queue| queue.try_push(Box::new(11)).unwrap());
        queue.push_many(&mut VecDeque::from([3, 4].map(Box::new))).unwrap();
        other.join().unwrap();
        let mut got = Vec::new();
        assert_eq!(queue.pop_many(&mut got, 9), Ok(5));
        let mine: Vec<u8> = got.iter().map(|item| **item).filter(|&item| item != 11).collect();
        assert_eq!(mine, [1, 2, 3, 4], "{got:?}");
    });
}

/// The last item of a closed queue goes to the holder or to the one that takes the end away from it, and both then hear `Closed`.
///
/// Killed by: B1-light, B1-heavy, B2-void.
#[test]
fn the_last_item_of_a_closed_queue_goes_to_one() {
    model(2, || {
        let queue = ring(3);
        queue.try_push(Box::new(1)).unwrap();
        queue.try_push(Box::new(2)).unwrap();
        queue.close();
        assert_eq!(*queue.try_pop().unwrap(), 1); // leased to this thread now
        let other = start(&queue, |queue| collect(|| queue.pop()).len());
        let mine = collect(|| queue.pop()).len();
        assert_eq!(mine + other.join().unwrap(), 1);
        assert_eq!(queue.try_pop(), Err(PopError::Closed));
    });
}
