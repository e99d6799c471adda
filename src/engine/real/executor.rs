//! How a performer waits and where it notes: all that differs between a thread that blocks and a task that awaits.

use super::locks::Held;
use super::runtime::{Runtime, Stopped, Task};
use super::timekeeper::{Activity, Segment, Timekeeper};
use super::worker_stats::Notes;
use crate::engine::ThreadState;
use crate::units::Nanos;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;
use tokio::sync::oneshot;

/// What executes a performer: a thread of its own ([`Blocking`](super::worker::Blocking)), or tokio's workers
/// ([`Awaiting`](super::tasks::Awaiting)).
///
/// The futures of a thread are ready at the first poll, for they block in it; see [`ready`]. So one interpreter serves
/// both, and a thread pays for no allocation and no waker.
pub(super) trait Executor: Send {
    /// Number, among all workers of the run, of the one that executes now.
    fn worker(&self) -> usize;

    /// Notes something in that worker's figures.
    fn note<R>(&mut self, note: impl FnOnce(&mut Notes) -> R) -> R;

    /// Publishes the step (from 1; 0 between steps) and the state, for samplers and live views.
    fn say(&self, step: u32, state: ThreadState);

    /// Adds a segment to the worker's own account of its time.
    fn account(&mut self, activity: Activity, own: Nanos);

    /// Notes the end of a task, and takes over how often its performer has read the clock and the kernel's figures where
    /// that is not the worker's own timekeeper.
    #[inline]
    fn note_end<R>(&mut self, _time: &mut Timekeeper, note: impl FnOnce(&mut Notes) -> R) -> R {
        self.note(note)
    }

    /// The measured window has begun within `segment`, which was spent on `activity`.
    fn begin_window(&mut self, time: &mut Timekeeper, activity: Activity, segment: Segment);

    /// The measured window has ended within `segment`.
    fn end_window(&mut self, time: &Timekeeper, activity: Activity, segment: Segment);

    /// Ends the segment of time of the wait that is just over: the segment, and whether it was spent off the worker.
    fn end_wait(&mut self, time: &mut Timekeeper, activity: Activity) -> (Segment, bool);

    /// The timeline's track of what is spent off the worker.
    fn track_of_waits(&self) -> usize;

    /// A wait begins that takes a thread off its processor, where the performer's timekeeper is the thread's.
    #[inline]
    fn fall_asleep(&self, _time: &mut Timekeeper) {}

    /// The performer with this entry is about to block its worker, although others may share it.
    #[inline]
    fn block(&self, _entry: usize) {}

    /// It goes on.
    #[inline]
    fn unblock(&self) {}

    /// Waits for `length` without a processor; ended early when the run stops.
    fn sleep(&mut self, length: Nanos) -> impl Future<Output = Result<(), Stopped>> + Send;

    /// Waits for an answer.
    fn await_answer(
        &mut self,
        answered: oneshot::Receiver<()>,
    ) -> impl Future<Output = Result<(), Stopped>> + Send;

    /// Puts `task` into the queue of the actor `to`, waiting for room; gives it back when the run is over.
    fn push(&mut self, to: usize, task: Task) -> impl Future<Output = Result<(), Task>> + Send;

    /// Waits for `future`, at most until the instant `until`; nothing when it was not ready by then.
    fn wait_for<F>(
        &mut self,
        future: F,
        until: Option<Nanos>,
    ) -> impl Future<Output = Result<Option<F::Output>, Stopped>> + Send
    where
        F: Future<Output: Send> + Send;

    /// Waits for `length` without a processor and without leaving the worker.
    fn sleep_here(&mut self, length: Nanos) -> Result<(), Stopped>;

    /// Takes a lock that was not free, for the performer with this entry.
    fn take(&mut self, lock: usize, entry: usize) -> impl Future<Output = Result<Held, Stopped>> + Send;
}

thread_local! {
    /// Wakes the thread up.
    static UNPARK: Waker = Waker::from(Arc::new(Unpark(thread::current())));
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// Longest sleep between two looks at whether the run is over; whoever ends it wakes its threads besides.
const LONGEST_SLEEP: Duration = Duration::from_millis(20);

/// Blocks the thread until a future is ready, or the run is over.
pub(super) fn block_on<F: Future>(run: &Runtime, future: F) -> Result<F::Output, Stopped> {
    block_until(run, future, None)?.ok_or(Stopped)
}

/// As [`block_on`], but at most until an instant: nothing when the future was not ready by then.
pub(super) fn block_until<F: Future>(
    run: &Runtime,
    future: F,
    until: Option<Nanos>,
) -> Result<Option<F::Output>, Stopped> {
    let mut future = pin!(future);
    UNPARK.with(|waker| {
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(waker)) {
                return Ok(Some(output));
            }
            run.goes_on()?;
            let left = until.map(|until| until.saturating_sub(run.clock.now()).to_duration());
            if left == Some(Duration::ZERO) {
                return Ok(None);
            }
            thread::park_timeout(left.map_or(LONGEST_SLEEP, |left| left.min(LONGEST_SLEEP)));
        }
    })
}

/// The output of a future that blocks where others would be pending.
#[inline]
pub(super) fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("a thread's waits block, so none is ever pending"),
    }
}
