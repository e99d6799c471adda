//! Non-blocking queues made to block and close by conlab's parking: crossbeam-queue's, and a user's own.
//!
//! Not model-checked: loom cannot see inside crossbeam. The contract tests and `conlab verify` cover them.
//!
//! # Orderings
//!
//! - A1 (announce against work, rule E1 of the event count): these queues lend us no atomic to modify, so both
//!   sides make a `fence(SeqCst)`: after the push and before reading the sleepers' word, and between announcing
//!   sleep and the re-check. The push pays for it; the queue itself costs what crossbeam's costs.
//! - A2 (close against push): a push announces itself in its stripe of `entered`, then reads `closed`; close
//!   stores `closed`, then a consumer that wants to report `Closed` reads all stripes. A `SeqCst` fence between
//!   each pair: either the push sees the closing or the consumer sees the push.

use super::event_count::EventCount;
use super::{PopError, PushError, TaskQueue};
use crate::sync::{
    AtomicBool, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
    Padded, backoff, fence, thread,
};
#[cfg(feature = "peers")]
use crossbeam_queue::{ArrayQueue, SegQueue};
use std::fmt;

/// The non-blocking half of a queue: what [`Parked`] needs to make the rest.
pub trait NonBlockingQueue<T>: Send + Sync {
    /// Adds at the tail or gives back what did not fit.
    ///
    /// # Errors
    ///
    /// The item, when full.
    fn offer(&self, item: T) -> Result<(), T>;

    /// Takes the head item.
    fn take(&self) -> Option<T>;

    /// Items queued.
    fn count(&self) -> usize;

    /// Items that fit; `None` when unbounded.
    fn bound(&self) -> Option<usize>;

    /// Whether another item fits now.
    fn has_room(&self) -> bool {
        self.bound().is_none_or(|bound| self.count() < bound)
    }
}

#[cfg(feature = "peers")]
impl<T: Send> NonBlockingQueue<T> for ArrayQueue<T> {
    fn offer(&self, item: T) -> Result<(), T> {
        self.push(item)
    }

    fn take(&self) -> Option<T> {
        self.pop()
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn bound(&self) -> Option<usize> {
        Some(self.capacity())
    }
}

#[cfg(feature = "peers")]
impl<T: Send> NonBlockingQueue<T> for SegQueue<T> {
    fn offer(&self, item: T) -> Result<(), T> {
        self.push(item);
        Ok(())
    }

    fn take(&self) -> Option<T> {
        self.pop()
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn bound(&self) -> Option<usize> {
        None
    }
}

/// Producers spread over this many counters, so that announcing a push is not itself contended.
const STRIPES: usize = 8;

/// A non-blocking queue made to block and to close.
///
/// # Examples
///
/// ```
/// # #[cfg(all(feature = "peers", not(loom)))] {
/// use conlab_queue::queue::{Parked, TaskQueue};
/// use crossbeam_queue::SegQueue;
///
/// let queue = Parked::new(SegQueue::new());
/// queue.push(1).unwrap();
/// queue.close();
/// assert_eq!((queue.pop(), queue.push(2).is_err()), (Ok(1), true));
/// # }
/// ```
pub struct Parked<Q> {
    queue: Q,
    closed: AtomicBool,
    entered: [Padded<AtomicUsize>; STRIPES],
    consumers: EventCount,
    producers: EventCount,
}

impl<Q> fmt::Debug for Parked<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parked").field("closed", &self.closed).finish_non_exhaustive()
    }
}

impl<Q> Parked<Q> {
    /// Wraps `queue`, which must be empty.
    pub fn new(queue: Q) -> Self {
        Self {
            queue,
            closed: AtomicBool::new(false),
            entered: std::array::from_fn(|_| Padded(AtomicUsize::new(0))),
            consumers: EventCount::new(),
            producers: EventCount::new(),
        }
    }

    /// Adds `item` unless closed or full. `Ok(Err)` is full, `Err` closed.
    fn offer<T>(&self, item: T) -> Result<Result<(), T>, T>
    where
        Q: NonBlockingQueue<T>,
    {
        let entered = Entered::new(&self.entered[stripe()]);
        fence(SeqCst); // A2
        if self.closed.load(Relaxed) {
            return Err(item);
        }
        let outcome = self.queue.offer(item);
        drop(entered);
        if outcome.is_ok() {
            fence(SeqCst); // A1
            self.consumers.notify_one();
        }
        Ok(outcome)
    }

    fn take<T>(&self) -> Result<T, PopError>
    where
        Q: NonBlockingQueue<T>,
    {
        let outcome = self.queue.take().map_or_else(|| self.none_left(), Ok);
        if outcome.is_ok() {
            fence(SeqCst); // A1
            self.producers.notify_one();
        }
        outcome
    }

    /// The queue was found empty: for now, or for ever?
    #[cold]
    fn none_left<T>(&self) -> Result<T, PopError>
    where
        Q: NonBlockingQueue<T>,
    {
        if !self.closed.load(Acquire) {
            return Err(PopError::Empty);
        }
        fence(SeqCst); // A2
        // A push that is inside may still be accepted. Ends: it does not block, and whoever enters now leaves at once.
        let mut tries = 0;
        while self.entered.iter().any(|stripe| stripe.load(Acquire) != 0) {
            backoff(&mut tries);
        }
        // Nobody is inside and nobody can enter: what is not there now never comes.
        self.queue.take().ok_or(PopError::Closed)
    }
}

/// A push under way. Ends also when the queue's own code panics: nobody waits for it for ever.
struct Entered<'a>(&'a AtomicUsize);

impl<'a> Entered<'a> {
    fn new(stripe: &'a AtomicUsize) -> Self {
        stripe.fetch_add(1, Relaxed);
        Self(stripe)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Release); // A2: the push is done before it counts as left
    }
}

/// The wake-up that a thread was given: passed on when the queue's own code panics before the thread can look what it leaves.
struct WakeUp<'a> {
    events: &'a EventCount,
    given: bool,
}

impl Drop for WakeUp<'_> {
    fn drop(&mut self) {
        if self.given && thread::panicking() {
            fence(SeqCst); // A1
            self.events.notify_one();
        }
    }
}

/// The calling thread's stripe.
fn stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static STRIPE: usize = NEXT.fetch_add(1, Relaxed) % STRIPES;
    }
    STRIPE.with(|stripe| *stripe)
}

impl<T: Send, Q: NonBlockingQueue<T>> TaskQueue<T> for Parked<Q> {
    fn try_push(&self, item: T) -> Result<(), PushError<T>> {
        match self.offer(item) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(item)) => Err(PushError::Full(item)),
            Err(item) => Err(PushError::Closed(item)),
        }
    }

    fn push(&self, item: T) -> Result<(), PushError<T>> {
        let mut item = item;
        let mut wake_up = WakeUp { events: &self.producers, given: false };
        let ready = || {
            fence(SeqCst); // A1
            self.queue.has_room() || self.closed.load(Relaxed)
        };
        loop {
            match self.offer(item) {
                Ok(Ok(())) => {
                    if wake_up.given && ready() {
                        self.producers.notify_one();
                    }
                    return Ok(());
                }
                Err(item) => return Err(PushError::Closed(item)),
                Ok(Err(refused)) => {
                    item = refused;
                    wake_up.given |= self.producers.sleep_unless(wake_up.given, ready);
                }
            }
        }
    }

    fn try_pop(&self) -> Result<T, PopError> {
        self.take()
    }

    fn pop(&self) -> Result<T, PopError> {
        let mut wake_up = WakeUp { events: &self.consumers, given: false };
        let mut tries = 0;
        let ready = || {
            fence(SeqCst); // A1
            self.queue.count() > 0 || self.closed.load(Relaxed)
        };
        loop {
            match self.take() {
                Ok(item) => {
                    if wake_up.given && ready() {
                        self.consumers.notify_one();
                    }
                    return Ok(item);
                }
                Err(PopError::Closed) => return Err(PopError::Closed),
                Err(PopError::Empty) if self.closed.load(Relaxed) => backoff(&mut tries),
                Err(PopError::Empty) => {
                    wake_up.given |= self.consumers.sleep_unless(wake_up.given, ready);
                }
            }
        }
    }

    fn close(&self) {
        self.closed.store(true, Release);
        fence(SeqCst); // A2
        self.consumers.notify_all();
        self.producers.notify_all();
    }

    fn len(&self) -> usize {
        self.queue.count()
    }

    fn capacity(&self) -> Option<usize> {
        self.queue.bound()
    }
}
