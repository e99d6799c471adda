//! The registry: the kinds of queue that a treatment can name.

use super::{ChannelQueue, MutexQueue, Parked, RingQueue, TaskQueue};
use crossbeam_queue::{ArrayQueue, SegQueue};

/// The registry: an empty queue of `kind` for at most `capacity` items ([`QueueKind::SegQueue`] is unbounded).
///
/// An engine that awaits builds a [`ChannelQueue`] itself, for the sake of its ends.
///
/// # Panics
///
/// When `capacity` is 0.
///
/// # Examples
///
/// ```
/// # #[cfg(not(loom))] {
/// use conlab_queue::queue::{QueueKind, build};
///
/// for kind in QueueKind::ALL {
///     let queue = build(kind, 4);
///     queue.push(kind.name()).unwrap();
///     assert_eq!(queue.pop(), Ok(kind.name()));
/// }
/// # }
/// ```
#[must_use]
pub fn build<T: Send + 'static>(kind: QueueKind, capacity: usize) -> Box<dyn TaskQueue<T>> {
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
