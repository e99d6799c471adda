//! What dispatches tasks: the queues that conlab compares, behind one trait.

#[cfg(not(loom))]
mod channel;
#[cfg(not(loom))]
pub mod contract;
#[cfg(not(loom))]
mod crossbeam;
mod end;
mod error;
mod event_count;
mod latch;
mod mutex;
mod ring;
mod sleepers;

#[cfg(not(loom))]
pub use channel::ChannelQueue;
#[cfg(not(loom))]
pub use crossbeam::{Parked, Reference};
pub use error::{PopError, PushError};
pub use event_count::EventCount;
pub use mutex::MutexQueue;
pub use ring::RingQueue;

use std::collections::VecDeque;

/// A task queue: many producers, many consumers, first in first out.
///
/// Contract, checked for every kind by one body of tests: an accepted item is delivered exactly once, items of
/// one producer leave in its order, a refused item comes back, and after [`close`](TaskQueue::close) everything
/// accepted before is still delivered, then `Closed`.
///
/// `Full` and `Empty` may be early where a queue says so: while another thread is halfway through pushing or
/// popping. The blocking ends never give them. A queue that can only do the non-blocking half implements
/// [`Reference`] and is wrapped in [`Parked`].
pub trait TaskQueue<T>: Send + Sync {
    /// Adds `item` at the tail, or gives it back at once.
    ///
    /// # Errors
    ///
    /// [`PushError::Full`] or [`PushError::Closed`], with the item.
    fn try_push(&self, item: T) -> Result<(), PushError<T>>;

    /// Adds `item` at the tail, sleeping while the queue is full.
    ///
    /// # Errors
    ///
    /// [`PushError::Closed`] with the item; never `Full`.
    fn push(&self, item: T) -> Result<(), PushError<T>>;

    /// Takes the item at the head, if there is one.
    ///
    /// # Errors
    ///
    /// [`PopError::Empty`], or [`PopError::Closed`] when the queue is closed and everything is delivered.
    fn try_pop(&self) -> Result<T, PopError>;

    /// Takes the item at the head, sleeping while the queue is empty.
    ///
    /// # Errors
    ///
    /// [`PopError::Closed`] when the queue is closed and everything is delivered; never `Empty`.
    fn pop(&self) -> Result<T, PopError>;

    /// Adds all of `items` from the front, sleeping while the queue is full; other producers' items may come
    /// between them.
    ///
    /// # Errors
    ///
    /// [`PushError::Closed`]; what was not accepted is left in `items`.
    fn push_many(&self, items: &mut VecDeque<T>) -> Result<(), PushError<()>> {
        while let Some(item) = items.pop_front() {
            if let Err(refused) = self.push(item) {
                items.push_front(refused.into_item());
                return Err(PushError::Closed(()));
            }
        }
        Ok(())
    }

    /// Sleeps until there is an item, then adds up to `most` to `items`; says how many, at least 1 (0 if `most` is).
    ///
    /// # Errors
    ///
    /// [`PopError::Closed`] when the queue is closed and everything is delivered; never `Empty`.
    fn pop_many(&self, items: &mut Vec<T>, most: usize) -> Result<usize, PopError> {
        if most == 0 {
            return Ok(0);
        }
        items.push(self.pop()?);
        let mut count = 1;
        while count < most
            && let Ok(item) = self.try_pop()
        {
            items.push(item);
            count += 1;
        }
        Ok(count)
    }

    /// Refuses further pushes and wakes everybody who sleeps; idempotent.
    fn close(&self);

    /// How many items are queued; approximate while others push and pop.
    fn len(&self) -> usize;

    /// Whether the queue holds nothing; as approximate as [`len`](TaskQueue::len).
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many items fit; `None` when unbounded.
    fn capacity(&self) -> Option<usize>;
}

/// The registry: an empty queue of `kind` for at most `capacity` items ([`QueueKind::SegQueue`] is unbounded).
///
/// An engine that awaits builds a [`ChannelQueue`] itself, for the sake of its ends.
///
/// # Panics
///
/// When `capacity` is 0.
#[cfg(not(loom))]
#[must_use]
pub fn build<T: Send + 'static>(kind: QueueKind, capacity: usize) -> Box<dyn TaskQueue<T>> {
    use ::crossbeam_queue::{ArrayQueue, SegQueue};
    match kind {
        QueueKind::Mutex => Box::new(MutexQueue::with_capacity(capacity)),
        QueueKind::LockFree => Box::new(RingQueue::with_capacity(capacity)),
        QueueKind::Async => Box::new(ChannelQueue::with_capacity(capacity)),
        QueueKind::ArrayQueue => Box::new(Parked::new(ArrayQueue::new(capacity))),
        QueueKind::SegQueue => Box::new(Parked::new(SegQueue::new())),
    }
}

/// The kinds of queue that a treatment can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueueKind {
    /// Bounded `Mutex<VecDeque>` with condition variables.
    Mutex,
    /// Our bounded ring without a mutex, parking by an event count.
    LockFree,
    /// tokio tasks over async-channel.
    Async,
    /// crossbeam-queue's bounded `ArrayQueue`, a reference.
    ArrayQueue,
    /// crossbeam-queue's unbounded `SegQueue`, a reference.
    SegQueue,
}

impl QueueKind {
    /// Every kind, in the order in which they are listed.
    pub const ALL: [Self; 5] = [Self::Mutex, Self::LockFree, Self::Async, Self::ArrayQueue, Self::SegQueue];

    /// The word for it in scenarios and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mutex => "mutex",
            Self::LockFree => "lockfree",
            Self::Async => "async",
            Self::ArrayQueue => "arrayqueue",
            Self::SegQueue => "segqueue",
        }
    }

    /// One sentence for `conlab list`.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Mutex => "bounded Mutex<VecDeque> with condition variables",
            Self::LockFree => "conlab's bounded ring without a mutex; idle workers park on an event count",
            Self::Async => "tokio tasks over async-channel; waits release the worker",
            Self::ArrayQueue => "crossbeam-queue's bounded ArrayQueue with conlab's parking (reference)",
            Self::SegQueue => "crossbeam-queue's unbounded SegQueue with conlab's parking (reference)",
        }
    }
}
