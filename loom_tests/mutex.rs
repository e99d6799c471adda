//! The mutex queue: wake-ups and close.

use crate::door::{collect, start};
use conlab::queue::{MutexQueue, PopError, PushError, TaskQueue};
use conlab::sync::{Arc, model, spin};

fn queue(capacity: usize) -> Arc<MutexQueue<u8>> {
    Arc::new(MutexQueue::with_capacity(capacity))
}

/// Both ends sleep in turn at capacity 1.
///
/// Killed by: M1, M4.
#[test]
fn both_ends_sleep_and_wake() {
    model(2, || {
        let queue = queue(1);
        let consumer = start(&queue, |queue| [queue.pop().unwrap(), queue.pop().unwrap()]);
        queue.push(1).unwrap();
        queue.push(2).unwrap();
        assert_eq!(consumer.join().unwrap(), [1, 2]);
    });
}

/// Killed by: M2.
#[test]
fn a_woken_consumer_passes_the_wake_up_on() {
    model(1, || {
        let queue = queue(2);
        let consumers = [0, 1].map(|_| start(&queue, |queue| queue.pop().unwrap()));
        // Only sleepers need the wake-up: nothing is lost by waiting for both.
        while cfg!(loom) && queue.sleepers().0 < 2 {
            spin();
        }
        queue.push(1).unwrap();
        queue.push(2).unwrap();
        let mut got = consumers.map(|consumer| consumer.join().unwrap());
        got.sort_unstable();
        assert_eq!(got, [1, 2]);
    });
}

/// Killed by: M3.
#[test]
fn a_woken_producer_passes_the_wake_up_on() {
    model(2, || {
        let queue = queue(2);
        queue.push(0).unwrap();
        queue.push(0).unwrap();
        let producers = [1, 2].map(|item| start(&queue, move |queue| queue.push(item).unwrap()));
        assert_eq!([queue.try_pop(), queue.try_pop()], [Ok(0), Ok(0)]);
        producers.into_iter().for_each(|producer| producer.join().unwrap());
    });
}

/// Killed by: M5.
#[test]
fn close_wakes_the_sleeper_and_delivers_what_was_accepted() {
    model(3, || {
        let queue = queue(1);
        let consumer = start(&queue, |queue| collect(|| queue.pop()));
        queue.push(1).unwrap();
        queue.close();
        assert_eq!(consumer.join().unwrap(), [1]);
    });
}

/// Everybody who sleeps hears of the close: two consumers, or two producers.
///
/// Killed by: M5, M5-consumers, M5-producers, M5-one.
#[test]
fn close_wakes_two_sleepers_on_either_side() {
    for full in [false, true] {
        model(1, move || {
            let queue = queue(1);
            if full {
                queue.push(0).unwrap();
            }
            let sleepers = [(); 2].map(|()| {
                start(&queue, move |queue| match full {
                    false => queue.pop() == Err(PopError::Closed),
                    true => queue.push(1) == Err(PushError::Closed(1)),
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
