//! The constants of a host that the virtual engine charges: what they are, and their built-in values.

use crate::queue::QueueKind;
use crate::units::Nanos;

/// What one operation of a task queue costs when nobody is in the way.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QueueCost {
    /// Adding an item.
    pub push: Nanos,
    /// Taking an item.
    pub pop: Nanos,
    /// How long an operation keeps others out of the queue: the critical section with its line transfers.
    pub exclusive: Nanos,
}

/// The constants of one host.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// Where they come from, as records say it: `built-in defaults`, or when and on what they were measured.
    pub origin: String,
    /// Time slice of a thread when others wait for its processor; zero: threads run until they block.
    pub slice: Nanos,
    /// How long a running thread is safe from a thread that wakes up.
    pub grain: Nanos,
    /// Direct cost of a context switch.
    pub switch: Nanos,
    /// Made runnable by another thread to running, on an idle core.
    pub wake: Nanos,
    /// What waking another thread costs the waker.
    pub signal: Nanos,
    /// How much later than asked a sleep ends, before the wake-up itself.
    pub overshoot: Nanos,
    /// Whether load is issued by threads that need a processor themselves, as the real engine's is.
    pub issuers: bool,
    /// Granularity of the asynchronous runtime's timer; zero: exact.
    pub tick: Nanos,
    /// Resuming a task on an asynchronous worker.
    pub poll: Nanos,
    /// Taking a free lock.
    pub lock: Nanos,
    /// Moving a line between processors.
    pub transfer: Nanos,
    /// Looking a key up in a cache, besides the work that the scenario gives to a hit.
    pub cache: Nanos,
    /// Streaming through a KiB of memory.
    pub touch: f64,
    /// Compressing a KiB of text.
    pub compress: f64,
    /// Queues, in the order of [`QueueKind::ALL`].
    pub queues: [QueueCost; QueueKind::ALL.len()],
}

impl Default for Calibration {
    /// Values of an ordinary server of 2025; good for shapes, not for this host's figures.
    fn default() -> Self {
        let cost = |push, pop, exclusive| QueueCost {
            push: Nanos(push),
            pop: Nanos(pop),
            exclusive: Nanos(exclusive),
        };
        Self {
            origin: "built-in defaults (run `conlab calibrate` to measure this host)".into(),
            slice: Nanos::from_millis(4),
            grain: Nanos::from_micros(1_500),
            switch: Nanos(2_000),
            wake: Nanos::from_micros(20),
            signal: Nanos(2_000),
            overshoot: Nanos::from_micros(60),
            issuers: true,
            tick: Nanos::from_millis(1),
            poll: Nanos(150),
            lock: Nanos(15),
            transfer: Nanos(80),
            cache: Nanos(60),
            touch: 60.0,
            compress: 25_000.0,
            queues: [cost(20, 20, 60), cost(8, 8, 15), cost(30, 30, 60), cost(8, 8, 30), cost(12, 12, 30)],
        }
    }
}

impl Calibration {
    /// A host that charges nothing: only what a scenario says takes time. Closed forms hold on it exactly.
    #[must_use]
    pub fn ideal() -> Self {
        Self {
            origin: "ideal host: nothing is charged".into(),
            slice: Nanos::ZERO,
            grain: Nanos::MAX,
            switch: Nanos::ZERO,
            wake: Nanos::ZERO,
            signal: Nanos::ZERO,
            overshoot: Nanos::ZERO,
            issuers: false,
            tick: Nanos::ZERO,
            poll: Nanos::ZERO,
            lock: Nanos::ZERO,
            transfer: Nanos::ZERO,
            cache: Nanos::ZERO,
            touch: 0.0,
            compress: 0.0,
            queues: [QueueCost::default(); QueueKind::ALL.len()],
        }
    }

    /// The cost of a queue's operations.
    #[must_use]
    pub fn queue(&self, kind: QueueKind) -> QueueCost {
        self.queues[QueueKind::ALL.iter().position(|other| *other == kind).unwrap_or(0)]
    }
}
