//! What dispatches tasks: queues that block, close and deliver in order, behind one trait.
//!
//! ```
//! # #[cfg(not(loom))] {
//! use conlab_queue::queue::{MutexQueue, PopError, PushError, TaskQueue};
//!
//! let queue = MutexQueue::with_capacity(1);
//! assert_eq!(queue.try_push('a'), Ok(()));
//! assert_eq!(queue.try_push('b'), Err(PushError::Full('b'))); // a refused item comes back
//! queue.close();
//! assert_eq!(queue.pop(), Ok('a')); // accepted before the close, so delivered
//! assert_eq!(queue.pop(), Err(PopError::Closed));
//! # }
//! ```

#[cfg(all(feature = "peers", not(loom)))]
mod channel;
#[cfg(not(loom))]
pub mod contract;
mod end;
mod error;
mod event_count;
#[cfg(all(feature = "peers", not(loom)))]
mod kind;
mod latch;
mod mutex;
#[cfg(not(loom))]
mod parked;
mod ring;
mod sleepers;

#[cfg(all(feature = "peers", not(loom)))]
pub use channel::ChannelQueue;
pub use error::{PopError, PushError};
pub use event_count::EventCount;
#[cfg(all(feature = "peers", not(loom)))]
pub use kind::{QueueKind, build};
pub use mutex::MutexQueue;
#[doc(hidden)] // its name before 0.2
#[cfg(not(loom))]
pub use parked::NonBlockingQueue as Reference;
#[cfg(not(loom))]
pub use parked::{NonBlockingQueue, Parked};
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
/// [`NonBlockingQueue`] and is wrapped in [`Parked`].
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
