//! What goes wrong in code that is not ours, and in what order a thread ends: nobody else must suffer from it.

use conlab_queue::queue::{
    EventCount, MutexQueue, NonBlockingQueue, Parked, PopError, QueueKind, RingQueue, TaskQueue, build,
};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

/// How long a thread may take that has all it needs.
const PATIENCE: Duration = Duration::from_secs(20);

/// What `body` gives on a thread of its own; `None` when it is stuck.
fn in_time<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> Option<R> {
    let (told, tell) = mpsc::channel();
    thread::spawn(move || {
        let _ = told.send(body());
    });
    tell.recv_timeout(PATIENCE).ok()
}

/// A queue of one item whose methods panic when they are told to.
#[derive(Default)]
struct Fussy {
    item: std::sync::Mutex<Option<u8>>,
    offers_panic: AtomicBool,
    takes_panic: AtomicUsize,
}

impl NonBlockingQueue<u8> for Fussy {
    fn offer(&self, item: u8) -> Result<(), u8> {
        assert!(!self.offers_panic.load(SeqCst), "an offer was told to panic");
        let mut slot = self.item.lock().unwrap();
        if slot.is_some() {
            return Err(item);
        }
        *slot = Some(item);
        Ok(())
    }

    fn take(&self) -> Option<u8> {
        let mut slot = self.item.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if slot.is_some() && self.takes_panic.load(SeqCst) > 0 {
            self.takes_panic.fetch_sub(1, SeqCst);
            drop(slot);
            panic!("a take was told to panic");
        }
        slot.take()
    }

    fn count(&self) -> usize {
        usize::from(self.item.lock().unwrap().is_some())
    }

    fn bound(&self) -> Option<usize> {
        Some(1)
    }
}

#[test]
fn a_panic_in_a_users_offer_keeps_no_consumer_waiting() {
    let fussy = Fussy { offers_panic: AtomicBool::new(true), ..Fussy::default() };
    let queue = Arc::new(Parked::new(fussy));
    let pushing = Arc::clone(&queue);
    assert!(thread::spawn(move || pushing.try_push(1)).join().is_err());
    queue.close();
    assert_eq!(in_time(move || queue.pop()), Some(Err(PopError::Closed)));
}

#[test]
fn a_panic_in_a_users_take_passes_the_wake_up_on() {
    let queue = Arc::new(Parked::new(Fussy { takes_panic: AtomicUsize::new(1), ..Fussy::default() }));
    let (told, tell) = mpsc::channel();
    for _ in 0..2 {
        let (queue, told) = (Arc::clone(&queue), told.clone());
        thread::spawn(move || told.send(queue.pop()));
    }
    // Whether they sleep by now or not: one panics over the item, the other must get it.
    for _ in 0..1_000 {
        thread::yield_now();
    }
    queue.push(7).unwrap();
    assert_eq!(tell.recv_timeout(PATIENCE), Ok(Ok(7)));
}

#[test]
fn a_panic_in_the_re_check_loses_no_wake_up() {
    let events = Arc::new(EventCount::new());
    let panicking = Arc::clone(&events);
    let re_check = || panic!("a re-check was told to panic");
    assert!(thread::spawn(move || panicking.sleep_unless(false, re_check)).join().is_err());
    assert_eq!(events.sleepers(), 0, "the one that panicked is still on the list");
    let sleeping = Arc::clone(&events);
    let sleeper = thread::spawn(move || sleeping.sleep_unless(false, || false));
    while events.sleepers() == 0 {
        thread::yield_now();
    }
    events.notify_one();
    assert_eq!(in_time(move || sleeper.join().unwrap()), Some(true));
}

/// The thread that panics was chosen meanwhile: somebody else must get its wake-up.
#[test]
fn a_wake_up_for_a_thread_that_panics_goes_to_the_next() {
    let events = Arc::new(EventCount::new());
    let (panicking, notifying) = (Arc::clone(&events), Arc::clone(&events));
    let (slept, sleeping) = (Arc::clone(&events), mpsc::channel());
    let panicked = thread::spawn(move || {
        panicking.sleep_unless(false, || {
            let sleeper = thread::spawn(move || {
                let _ = sleeping.0.send(slept.sleep_unless(false, || false));
            });
            while notifying.sleepers() < 2 {
                thread::yield_now();
            }
            notifying.notify_one(); // chooses this thread, the first on the list
            drop(sleeper);
            panic!("a re-check was told to panic");
        })
    });
    assert!(panicked.join().is_err());
    assert_eq!(sleeping.1.recv_timeout(PATIENCE), Ok(true));
}

/// Queues are used from a destructor of thread-local storage, when the thread is nearly gone.
#[test]
fn a_thread_that_is_nearly_gone_can_push_and_pop() {
    struct Last(Arc<dyn TaskQueue<u8>>);
    impl Drop for Last {
        fn drop(&mut self) {
            for item in 0..100 {
                self.0.try_push(item).unwrap();
                assert_eq!(self.0.try_pop(), Ok(item));
            }
            self.0.push(2).unwrap();
        }
    }
    thread_local! {
        static LAST: std::cell::RefCell<Option<Last>> = const { std::cell::RefCell::new(None) };
    }
    let queues: [Arc<dyn TaskQueue<u8>>; 3] = [
        Arc::new(RingQueue::with_eager_leases(4)),
        Arc::new(MutexQueue::with_capacity(4)),
        build(QueueKind::ArrayQueue, 4).into(),
    ];
    for queue in queues {
        for uses_it_before in [false, true] {
            let (theirs, last) = (Arc::clone(&queue), Last(Arc::clone(&queue)));
            thread::spawn(move || {
                LAST.with(|place| *place.borrow_mut() = Some(last));
                if uses_it_before {
                    theirs.push(1).unwrap(); // its lease, if any, is that of a living thread
                    assert_eq!(theirs.pop(), Ok(1));
                }
            })
            .join()
            .unwrap();
            assert_eq!(queue.pop(), Ok(2));
            assert_eq!(queue.try_pop(), Err(PopError::Empty));
        }
    }
}

/// A thread ends with the lease of both ends; whoever comes next takes over where it stopped.
#[test]
fn what_a_thread_leaves_when_it_ends_is_found_by_the_next() {
    let queue = Arc::new(RingQueue::with_eager_leases(5));
    for round in 0..300 {
        let theirs = Arc::clone(&queue);
        thread::spawn(move || {
            theirs.push(round).unwrap();
            theirs.push(round + 1).unwrap();
            assert_eq!(theirs.pop(), Ok(round));
        })
        .join()
        .unwrap();
        assert_eq!(queue.pop(), Ok(round + 1), "round {round}");
    }
}
