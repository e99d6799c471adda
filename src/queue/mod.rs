//! What dispatches tasks: the queues that conlab compares, behind one trait.

mod error;

pub use error::{PopError, PushError};

/// A task queue: many producers, many consumers, first in first out.
///
/// Contract, checked for every kind by one body of tests: an accepted item is delivered exactly once, items of
/// one producer leave in its order, a refused item comes back, and after [`close`](TaskQueue::close) everything
/// accepted before is still delivered, then `Closed`.
///
/// A queue that can only do the non-blocking half implements `try_push`, `try_pop`, `close` and `len`, and is
/// wrapped in an adapter that parks.
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
