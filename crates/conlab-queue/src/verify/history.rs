//! Histories: who called what, when it returned, and with which answer.

/// What was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `try_push` of a value that occurs once.
    Push(u64),
    /// `try_pop`.
    Pop,
    /// `close`.
    Close,
}

/// What it answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done.
    Done,
    /// The item popped.
    Item(u64),
    /// Refused: full.
    Full,
    /// Nothing there.
    Empty,
    /// Refused: closed.
    Closed,
}

/// One operation of one thread; `called` and `returned` are instants of one common count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Whose.
    pub thread: usize,
    /// What.
    pub call: Call,
    /// With which outcome.
    pub answer: Answer,
    /// When it was called.
    pub called: u64,
    /// When it returned.
    pub returned: u64,
}

impl Operation {
    /// Whether the two were under way at the same time.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.called < other.returned && other.called < self.returned
    }

    /// The value pushed or popped.
    #[must_use]
    pub fn value(&self) -> Option<u64> {
        match (self.call, self.answer) {
            (Call::Push(value), _) | (_, Answer::Item(value)) => Some(value),
            _ => None,
        }
    }
}

/// What some threads did with one queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// The queue's capacity; `None` when unbounded.
    pub capacity: Option<usize>,
    /// Whether `Full` and `Empty` may be early while another operation is under way.
    pub early: bool,
    /// The operations, in the order of their calls; at most 64.
    pub operations: Vec<Operation>,
}
