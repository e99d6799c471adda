//! async-channel as a task queue; its ends can also be awaited.
//!
//! Not model-checked: loom cannot see inside async-channel. The contract tests and `conlab verify` cover it.

use super::{PopError, PushError, TaskQueue};
use async_channel::{Receiver, Sender, TryRecvError, TrySendError};

/// A bounded async-channel with both of its ends.
#[derive(Debug, Clone)]
pub struct ChannelQueue<T> {
    sender: Sender<T>,
    receiver: Receiver<T>,
}

impl<T> ChannelQueue<T> {
    /// An empty channel for at most `capacity` items.
    ///
    /// # Panics
    ///
    /// When `capacity` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(not(loom))] {
    /// use conlab_queue::queue::{ChannelQueue, TaskQueue};
    ///
    /// let queue = ChannelQueue::with_capacity(2);
    /// queue.push('a').unwrap();
    /// assert_eq!(queue.receiver().try_recv(), Ok('a')); // the ends can also be awaited
    /// # }
    /// ```
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        assert!(capacity > 0, "capacity of a queue must be at least 1");
        let (sender, receiver) = async_channel::bounded(capacity);
        Self { sender, receiver }
    }

    /// The end to send by, for tasks that await.
    #[must_use]
    pub fn sender(&self) -> &Sender<T> {
        &self.sender
    }

    /// The end to receive by, for tasks that await.
    #[must_use]
    pub fn receiver(&self) -> &Receiver<T> {
        &self.receiver
    }
}

impl<T: Send> TaskQueue<T> for ChannelQueue<T> {
    fn try_push(&self, item: T) -> Result<(), PushError<T>> {
        self.sender.try_send(item).map_err(|error| match error {
            TrySendError::Full(item) => PushError::Full(item),
            TrySendError::Closed(item) => PushError::Closed(item),
        })
    }

    fn push(&self, item: T) -> Result<(), PushError<T>> {
        self.sender.send_blocking(item).map_err(|error| PushError::Closed(error.into_inner()))
    }

    fn try_pop(&self) -> Result<T, PopError> {
        self.receiver.try_recv().map_err(|error| match error {
            TryRecvError::Empty => PopError::Empty,
            TryRecvError::Closed => PopError::Closed,
        })
    }

    fn pop(&self) -> Result<T, PopError> {
        self.receiver.recv_blocking().map_err(|_| PopError::Closed)
    }

    fn close(&self) {
        self.sender.close();
    }

    fn len(&self) -> usize {
        self.sender.len()
    }

    fn capacity(&self) -> Option<usize> {
        self.sender.capacity()
    }
}
