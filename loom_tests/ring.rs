//! The ring and its event counts: delivery, order, wake-ups, close.

use crate::door::{collect, start};
use conlab::queue::{PopError, PushError, RingQueue, TaskQueue};
use conlab::sync::{Arc, model, spin};
use std::collections::VecDeque;

type Ring = RingQueue<Box<u8>>;

fn ring(capacity: usize) -> Arc<Ring> {
    Arc::new(Ring::with_capacity(capacity))
}

/// Retries until there is room.
fn push(queue: &Ring, item: u8) {
    let mut item = Box::new(item);
    while let Err(PushError::Full(refused)) = queue.try_push(item) {
        item = refused;
        spin();
    }
}

/// Retries until there is an item.
fn pop(queue: &Ring) -> u8 {
    loop {
        match queue.try_pop() {
            Ok(item) => return *item,
            Err(_) => spin(),
        }
    }
}

/// One producer laps a one-slot ring, so the slot is published (P1), recycled (P2) and reused.
///
/// Killed by: P1-store, P1-load, P2-store, P2-load.
#[test]
fn items_cross_laps_in_order() {
    model(3, || {
        let queue = ring(1);
        let producer = start(&queue, |queue| (1..=3).for_each(|item| push(queue, item)));
        assert_eq!([pop(&queue), pop(&queue), pop(&queue)], [1, 2, 3]);
        producer.join().unwrap();
    });
}

/// Two producers share the tickets; what the consumer gets is all of it, once.
#[test]
fn two_producers_lose_nothing() {
    model(2, || {
        let queue = ring(2);
        let producers = [1, 2].map(|item| start(&queue, move |queue| push(queue, item)));
        let mut got = [pop(&queue), pop(&queue)];
        got.sort_unstable();
        assert_eq!(got, [1, 2]);
        producers.into_iter().for_each(|producer| producer.join().unwrap());
        assert_eq!(queue.try_pop(), Err(PopError::Empty));
    });
}

/// A consumer that sleeps, or is about to, is woken by the push.
///
/// Killed by: P4-win, P4-recheck, P4-plain, P4-early, E-recheck.
#[test]
fn a_push_wakes_the_sleeping_consumer() {
    model(3, || {
        let queue = ring(1);
        let consumer = start(&queue, |queue| *queue.pop().unwrap());
        queue.try_push(Box::new(7)).unwrap();
        assert_eq!(consumer.join().unwrap(), 7);
    });
}

/// The same from the other side: the pop wakes the producer that waits for room.
#[test]
fn a_pop_wakes_the_sleeping_producer() {
    model(3, || {
        let queue = ring(1);
        queue.try_push(Box::new(1)).unwrap();
        let producer = start(&queue, |queue| queue.push(Box::new(2)).unwrap());
        assert_eq!(*queue.try_pop().unwrap(), 1);
        producer.join().unwrap();
        assert_eq!(*queue.try_pop().unwrap(), 2);
    });
}

/// Two items for two sleepers, of whom only one is woken by a push: the other by the first.
///
/// Killed by: E-pass.
#[test]
fn a_woken_consumer_passes_the_wake_up_on() {
    model(1, || {
        let queue = ring(2);
        let consumers = [0, 1].map(|_| start(&queue, |queue| *queue.pop().unwrap()));
        // Only sleepers need the wake-up: nothing is lost by waiting for both.
        while cfg!(loom) && queue.sleepers().0 < 2 {
            spin();
        }
        queue.try_push(Box::new(1)).unwrap();
        queue.try_push(Box::new(2)).unwrap();
        let mut got = consumers.map(|consumer| consumer.join().unwrap());
        got.sort_unstable();
        assert_eq!(got, [1, 2]);
    });
}

/// Room for two sleeping producers, of whom only one is woken by a pop: the other by the first.
///
/// Killed by: E-pass-push.
#[test]
fn a_woken_producer_passes_the_wake_up_on() {
    model(1, || {
        let queue = ring(2);
        push(&queue, 0);
        push(&queue, 0);
        let producers = [1, 2].map(|item| start(&queue, move |queue| queue.push(Box::new(item)).unwrap()));
        while cfg!(loom) && queue.sleepers().1 < 2 {
            spin();
        }
        assert_eq!([pop(&queue), pop(&queue)], [0, 0]);
        producers.into_iter().for_each(|producer| producer.join().unwrap());
    });
}

/// Everybody who sleeps hears of the close: two consumers, or two producers.
///
/// Killed by: K1, K1-consumers, K1-producers, K1-one.
#[test]
fn close_wakes_two_sleepers_on_either_side() {
    for full in [false, true] {
        model(1, move || {
            let queue = ring(1);
            if full {
                push(&queue, 0);
            }
            let sleepers = [(); 2].map(|()| {
                start(&queue, move |queue| match full {
                    false => queue.pop().is_err(),
                    true => matches!(queue.push(Box::new(1)), Err(PushError::Closed(_))),
                })
            });
            while cfg!(loom) && queue.sleepers() != if full { (0, 2) } else { (2, 0) } {
                spin();
            }
            queue.close();
            assert!(sleepers.into_iter().all(|sleeper| sleeper.join().unwrap()));
        });
    }
}

/// One consumer sleeps twice: a wake-up that came while it was about to sleep must be used up.
///
/// Killed by: E-cancel, E-clear.
#[test]
fn a_wake_up_that_came_early_is_not_left_pending() {
    model(2, || {
        let queue = ring(1);
        let consumer = start(&queue, |queue| [*queue.pop().unwrap(), *queue.pop().unwrap()]);
        queue.push(Box::new(1)).unwrap();
        queue.push(Box::new(2)).unwrap();
        assert_eq!(consumer.join().unwrap(), [1, 2]);
    });
}

/// What was accepted before the close is delivered, then everybody learns that it is closed.
///
/// Killed by: K1, K2.
#[test]
fn close_wakes_the_sleeper_and_delivers_what_was_accepted() {
    model(3, || {
        let queue = ring(1);
        let consumer = start(&queue, |queue| collect(|| queue.pop().map(|item| *item)));
        let accepted = start(&queue, |queue| queue.try_push(Box::new(1)).is_ok());
        queue.close();
        let accepted = accepted.join().unwrap();
        assert_eq!(consumer.join().unwrap().len(), usize::from(accepted));
    });
}

/// Batches hand over as single items do.
///
/// Killed by: P1-store, P1-load (over several slots at once).
#[test]
fn a_batch_crosses_in_order() {
    model(1, || {
        let queue = ring(2);
        let producer = start(&queue, |queue| {
            let mut items: VecDeque<_> = (1..=3).map(Box::new).collect();
            queue.push_many(&mut items).unwrap();
            queue.close();
        });
        let mut got = Vec::new();
        while queue.pop_many(&mut got, 2).is_ok() {}
        assert_eq!(got.into_iter().map(|item| *item).collect::<Vec<u8>>(), [1, 2, 3]);
        producer.join().unwrap();
    });
}
