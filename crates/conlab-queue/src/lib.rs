//! Blocking task queues whose interleavings were searched, and the tools to build, check and try your own.
//!
//! ```
//! # #[cfg(not(loom))] {
//! use conlab_queue::queue::{PopError, RingQueue, TaskQueue};
//! use std::{sync::Arc, thread};
//!
//! let queue = Arc::new(RingQueue::with_capacity(64));
//! let worker = {
//!     let queue = Arc::clone(&queue);
//!     // Sleeps while the queue is empty; ends when it is closed and everything is delivered.
//!     thread::spawn(move || std::iter::from_fn(|| queue.pop().ok()).sum::<u64>())
//! };
//! for task in 1..=100 {
//!     queue.push(task).unwrap(); // sleeps while the queue is full
//! }
//! queue.close();
//! assert_eq!(worker.join().unwrap(), 5_050);
//! assert_eq!(queue.pop(), Err(PopError::Closed));
//! # }
//! ```
//!
//! # Which queue
//!
//! | take | when |
//! | --- | --- |
//! | [`RingQueue`](queue::RingQueue) | many items a second, or one thread at each end: an end that one thread uses alone costs no read-modify-write |
//! | [`MutexQueue`](queue::MutexQueue) | a queue that is easy to reason about: one lock, exact `Full` and `Empty`, sleepers woken in order |
//! | [`Parked`](queue::Parked) around your own | you have a non-blocking queue and want it to block, to close and to lose no wake-up |
//! | [`build`](queue::build)`(kind, …)` | you compare: crossbeam-queue's and async-channel's stand behind the same trait (feature `peers`, on by default) |
//!
//! All of them are bounded (but for crossbeam's `SegQueue`), have many producers and many consumers, deliver in order, sleep
//! without using a processor, and deliver after [`close`](queue::TaskQueue::close) what they accepted before.
//!
//! # A queue of your own
//!
//! Four methods make a non-blocking queue; [`Parked`](queue::Parked) does the rest, [`contract`](queue::contract) and [`verify`]
//! say whether it is right:
//!
//! ```
//! # #[cfg(not(loom))] {
//! use conlab_queue::queue::{NonBlockingQueue, Parked, TaskQueue, contract};
//! use std::{collections::VecDeque, sync::Mutex};
//!
//! struct Deque<T>(Mutex<VecDeque<T>>, usize);
//!
//! impl<T: Send> NonBlockingQueue<T> for Deque<T> {
//!     fn offer(&self, item: T) -> Result<(), T> {
//!         let mut items = self.0.lock().unwrap();
//!         if items.len() == self.1 {
//!             return Err(item);
//!         }
//!         items.push_back(item);
//!         Ok(())
//!     }
//!     fn take(&self) -> Option<T> {
//!         self.0.lock().unwrap().pop_front()
//!     }
//!     fn count(&self) -> usize {
//!         self.0.lock().unwrap().len()
//!     }
//!     fn bound(&self) -> Option<usize> {
//!         Some(self.1)
//!     }
//! }
//!
//! let build = |capacity| -> Box<dyn TaskQueue<u64>> { Box::new(Parked::new(Deque(Mutex::default(), capacity))) };
//! assert_eq!(contract::check(&build), Ok(()));
//! # }
//! ```
//!
//! # How the parts lie on one another
//!
//! ```text
//!   verify    random histories on real threads, held against what a queue is
//!     │
//!   queue     TaskQueue ── RingQueue ── MutexQueue ── Parked<your own> ── contract
//!     │                        │             │             │
//!     │                   ends, leases    latch      EventCount: who sleeps, who is woken
//!     │                        └─────────────┴─────────────┘
//!   lock      locks without guards: a mutex that parks, a spin lock, CPython's interpreter lock
//!     │
//!   sync      the door: std's atomics, mutexes and threads, or loom's, or shuttle's
//! ```
//!
//! What is written against [`sync`] compiles unchanged under `--cfg loom` and is searched there: [`sync::model`] runs a test under
//! every interleaving that a bound allows, and some times on real threads in an ordinary build. Orderings and protocols
//! have names (`P1`, `B2`, …) in the source of each mechanism; a variant with each of them broken dies under loom.

pub mod lock;
pub mod queue;
pub mod sync;
#[cfg(not(loom))]
pub mod verify;
