//! Why a queue refuses, and what the caller holds then.

/// Why an item was refused. The item always comes back: a refused task is never lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError<T> {
    /// Every slot is taken. Retrying may succeed.
    #[error("queue is full")]
    Full(T),
    /// The queue was closed. Retrying cannot succeed.
    #[error("queue is closed")]
    Closed(T),
}

impl<T> PushError<T> {
    /// The item that was refused.
    pub fn into_item(self) -> T {
        match self {
            Self::Full(item) | Self::Closed(item) => item,
        }
    }
}

/// Why no item came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PopError {
    /// Nothing is queued now.
    #[error("queue is empty")]
    Empty,
    /// The queue is closed and everything accepted was delivered.
    #[error("queue is closed and drained")]
    Closed,
}
