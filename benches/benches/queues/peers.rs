//! The queues that are compared, each behind the same two ends.

use conlab::queue::{MutexQueue, RingQueue, TaskQueue};
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::yield_now;

/// How a queue waits when it is empty or full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// The thread sleeps.
    Sleeping,
    /// The benchmark spins and yields for it, because the queue does not block.
    Yielding,
}

/// A queue of numbers with a producers' and a consumers' end.
pub(crate) trait Peer: 'static {
    const NAME: &'static str;
    const WAITS: Waits = Waits::Sleeping;
    /// Whether it is built on a mutex, as our `mutex` is.
    const MUTEX: bool = false;
    /// Whether several consumers can take from it without a lock of the benchmark's own.
    const MANY_CONSUMERS: bool = true;
    type Tx: Send + 'static;
    type Rx: Send + 'static;

    fn channel(capacity: usize) -> (Self::Tx, Self::Rx);
    fn tx(end: &Self::Tx) -> Self::Tx;
    fn rx(end: &Self::Rx) -> Option<Self::Rx>;
    fn send(end: &mut Self::Tx, item: u64);
    fn recv(end: &mut Self::Rx) -> u64;
}

/// A peer whose two ends are the same shared object.
macro_rules! shared {
    ($peer:ident, $name:literal, $queue:ty, |$capacity:ident| $new:expr, |$q:ident, $item:ident| $send:expr,
     |$r:ident| $recv:expr $(, $constant:ident = $value:expr)*) => {
        pub(crate) struct $peer;
        impl Peer for $peer {
            const NAME: &'static str = $name;
            $(const $constant: shared!(@type $constant) = $value;)*
            type Tx = Arc<$queue>;
            type Rx = Arc<$queue>;
            fn channel($capacity: usize) -> (Self::Tx, Self::Rx) {
                let queue = Arc::new($new);
                (Arc::clone(&queue), queue)
            }
            fn tx(end: &Self::Tx) -> Self::Tx {
                Arc::clone(end)
            }
            fn rx(end: &Self::Rx) -> Option<Self::Rx> {
                Some(Arc::clone(end))
            }
            #[inline]
            fn send($q: &mut Self::Tx, $item: u64) {
                $send
            }
            #[inline]
            fn recv($r: &mut Self::Rx) -> u64 {
                $recv
            }
        }
    };
    (@type WAITS) => { Waits };
    (@type MUTEX) => { bool };
}

/// A peer with a sender and a receiver of its own.
macro_rules! channel {
    ($peer:ident, $name:literal, $tx:ty, $rx:ty, |$capacity:ident| $new:expr, |$r:ident| $clone:expr,
     |$t:ident, $item:ident| $send:expr, |$end:ident| $recv:expr $(, $constant:ident = $value:expr)*) => {
        pub(crate) struct $peer;
        impl Peer for $peer {
            const NAME: &'static str = $name;
            $(const $constant: bool = $value;)*
            type Tx = $tx;
            type Rx = $rx;
            fn channel($capacity: usize) -> (Self::Tx, Self::Rx) {
                $new
            }
            fn tx(end: &Self::Tx) -> Self::Tx {
                end.clone()
            }
            fn rx($r: &Self::Rx) -> Option<Self::Rx> {
                $clone
            }
            #[inline]
            fn send($t: &mut Self::Tx, $item: u64) {
                $send
            }
            #[inline]
            fn recv($end: &mut Self::Rx) -> u64 {
                $recv
            }
        }
    };
}

/// Retries, giving the processor up now and then.
#[inline]
fn spin_until<R>(mut attempt: impl FnMut() -> Option<R>) -> R {
    let mut tries = 0u32;
    loop {
        if let Some(result) = attempt() {
            return result;
        }
        tries += 1;
        if tries.is_multiple_of(32) {
            yield_now();
        } else {
            std::hint::spin_loop();
        }
    }
}

shared!(
    LockFree,
    "conlab lockfree",
    RingQueue<u64>,
    |n| RingQueue::with_capacity(n),
    |q, item| q.push(item).expect("open"),
    |q| q.pop().expect("open")
);
shared!(
    Mutex,
    "conlab mutex",
    MutexQueue<u64>,
    |n| MutexQueue::with_capacity(n),
    |q, item| q.push(item).expect("open"),
    |q| q.pop().expect("open"),
    MUTEX = true
);
shared!(
    ArrayQueue,
    "crossbeam ArrayQueue",
    crossbeam_queue::ArrayQueue<u64>,
    |n| crossbeam_queue::ArrayQueue::new(n),
    |q, item| spin_until(|| q.push(item).ok()),
    |q| spin_until(|| q.pop()),
    WAITS = Waits::Yielding
);
shared!(
    SegQueue,
    "crossbeam SegQueue (unbounded)",
    crossbeam_queue::SegQueue<u64>,
    |_n| crossbeam_queue::SegQueue::new(),
    |q, item| q.push(item),
    |q| spin_until(|| q.pop()),
    WAITS = Waits::Yielding
);
shared!(
    ConcurrentQueue,
    "concurrent-queue",
    concurrent_queue::ConcurrentQueue<u64>,
    |n| concurrent_queue::ConcurrentQueue::bounded(n),
    |q, item| spin_until(|| q.push(item).ok()),
    |q| spin_until(|| q.pop().ok()),
    WAITS = Waits::Yielding
);

channel!(
    CrossbeamChannel,
    "crossbeam-channel",
    crossbeam_channel::Sender<u64>,
    crossbeam_channel::Receiver<u64>,
    |n| crossbeam_channel::bounded(n),
    |r| Some(r.clone()),
    |t, item| t.send(item).expect("open"),
    |r| r.recv().expect("open")
);
channel!(
    Flume,
    "flume",
    flume::Sender<u64>,
    flume::Receiver<u64>,
    |n| flume::bounded(n),
    |r| Some(r.clone()),
    |t, item| t.send(item).expect("open"),
    |r| r.recv().expect("open"),
    MUTEX = true
);
channel!(
    Kanal,
    "kanal",
    kanal::Sender<u64>,
    kanal::Receiver<u64>,
    |n| kanal::bounded(n),
    |r| Some(r.clone()),
    |t, item| t.send(item).expect("open"),
    |r| r.recv().expect("open"),
    MUTEX = true
);
channel!(
    AsyncChannel,
    "async-channel",
    async_channel::Sender<u64>,
    async_channel::Receiver<u64>,
    |n| async_channel::bounded(n),
    |r| Some(r.clone()),
    |t, item| t.send_blocking(item).expect("open"),
    |r| r.recv_blocking().expect("open")
);
channel!(
    Crossfire,
    "crossfire mpmc",
    crossfire::MTx<crossfire::mpmc::Array<u64>>,
    crossfire::MRx<crossfire::mpmc::Array<u64>>,
    |n| crossfire::mpmc::bounded_blocking(n),
    |r| Some(r.clone()),
    |t, item| t.send(item).expect("open"),
    |r| r.recv().expect("open")
);
channel!(
    StdChannel,
    "std sync_channel",
    std::sync::mpsc::SyncSender<u64>,
    std::sync::mpsc::Receiver<u64>,
    |n| std::sync::mpsc::sync_channel(n),
    |_r| None,
    |t, item| t.send(item).expect("open"),
    |r| r.recv().expect("open"),
    MANY_CONSUMERS = false
);
channel!(
    Tokio,
    "tokio mpsc",
    tokio::sync::mpsc::Sender<u64>,
    tokio::sync::mpsc::Receiver<u64>,
    |n| tokio::sync::mpsc::channel(n),
    |_r| None,
    |t, item| t.blocking_send(item).expect("open"),
    |r| r.blocking_recv().expect("open"),
    MANY_CONSUMERS = false
);

/// What people write by hand: a deque, a mutex, two condition variables, one notification an operation.
pub(crate) struct StdNaive {
    items: std::sync::Mutex<VecDeque<u64>>,
    not_empty: std::sync::Condvar,
    not_full: std::sync::Condvar,
    capacity: usize,
}

impl StdNaive {
    fn send(&self, item: u64) {
        let items = self.items.lock().expect("no panic");
        let mut items =
            self.not_full.wait_while(items, |items| items.len() == self.capacity).expect("no panic");
        items.push_back(item);
        self.not_empty.notify_one();
    }

    fn recv(&self) -> u64 {
        let items = self.items.lock().expect("no panic");
        let mut items = self.not_empty.wait_while(items, |items| items.is_empty()).expect("no panic");
        let item = items.pop_front().expect("not empty");
        self.not_full.notify_one();
        item
    }
}

shared!(
    StdCondvar,
    "std Mutex + Condvar",
    StdNaive,
    |n| StdNaive {
        items: std::sync::Mutex::default(),
        not_empty: std::sync::Condvar::new(),
        not_full: std::sync::Condvar::new(),
        capacity: n
    },
    |q, item| StdNaive::send(q, item),
    |q| StdNaive::recv(q),
    MUTEX = true
);

/// The same with `parking_lot`, whose notification costs nothing when nobody waits.
pub(crate) struct ParkingLot {
    items: parking_lot::Mutex<VecDeque<u64>>,
    not_empty: parking_lot::Condvar,
    not_full: parking_lot::Condvar,
    capacity: usize,
}

impl ParkingLot {
    fn send(&self, item: u64) {
        let mut items = self.items.lock();
        while items.len() == self.capacity {
            self.not_full.wait(&mut items);
        }
        items.push_back(item);
        drop(items);
        self.not_empty.notify_one();
    }

    fn recv(&self) -> u64 {
        let mut items = self.items.lock();
        let item = loop {
            match items.pop_front() {
                Some(item) => break item,
                None => self.not_empty.wait(&mut items),
            }
        };
        drop(items);
        self.not_full.notify_one();
        item
    }
}

shared!(
    ParkingLotCondvar,
    "parking_lot + Condvar",
    ParkingLot,
    |n| ParkingLot {
        items: parking_lot::Mutex::default(),
        not_empty: parking_lot::Condvar::new(),
        not_full: parking_lot::Condvar::new(),
        capacity: n
    },
    |q, item| ParkingLot::send(q, item),
    |q| ParkingLot::recv(q),
    MUTEX = true
);
