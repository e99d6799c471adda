//! An actor on tokio: handlers that await where threads would block.
//!
//! The runtime has as many workers as the actor has threads; each of up to [`MAX_HANDLERS`] handlers takes a task
//! from the channel, and its waits, calls and locks release the worker. Time that a handler was ready but had no
//! worker is run-queue wait: its waker stamps the instant at which it became ready.

use super::console::{self, HandlerName};
use super::executor::Executor;
use super::locks::{Held, Mechanism};
use super::performer::Performer;
use super::pool::{self, Pool, Seat};
use super::profile::StepHooks;
use super::runtime::{Inbox, Runtime, Stopped, Task};
use super::stamp::{Stamp, Stamped};
use super::timekeeper::{Activity, Segment, Timekeeper};
use super::worker_stats::{Notes, ThreadAccount, begin_window};
use crate::engine::{EngineError, Profiler, ThreadState};
use crate::queue::PushError;
use crate::units::Nanos;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// Most tasks of one actor that are under way at once.
pub(super) const MAX_HANDLERS: usize = 1024;

/// Time between two looks of a handler whether a queue of threads has room: a tick of tokio's timer.
const ROOM_CHECK: Duration = Duration::from_millis(1);
/// Longest sleep of a blocked worker between two looks at whether the run is over.
const LONGEST_SLEEP: Nanos = Nanos::from_millis(20);

/// A running pool.
pub(super) struct Running {
    pool: Arc<Pool>,
    runtime: runtime::Runtime,
    handlers: Vec<AbortHandle>,
}

/// Starts the runtime and the handlers of `actor`, whose workers are numbered from `first`.
pub(super) fn start(run: &Arc<Runtime>, actor: usize, first: usize) -> Result<Running, EngineError> {
    let spec = &run.actors[actor].spec;
    let threads = spec.threads;
    let seat = || Seat { notes: Notes::new(run, actor), account: None, measuring: false, reads: (0, 0) };
    let pool = Arc::new(Pool {
        run: Arc::clone(run),
        actor,
        first,
        seats: (0..threads).map(|_| Mutex::new(seat())).collect(),
        started: AtomicUsize::new(0),
    });
    let hook = |call: fn(&Pool)| {
        let pool = Arc::clone(&pool);
        move || call(&pool)
    };
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_time()
        .thread_name(format!("{}-tokio", spec.name))
        .on_thread_start(hook(Pool::start_thread))
        .on_thread_park(hook(Pool::park_thread))
        .on_thread_unpark(hook(Pool::unpark_thread))
        .on_thread_stop(hook(Pool::stop_thread))
        .build()
        .map_err(|source| EngineError::Spawn { index: first, count: threads, source })?;
    let handlers = (0..spec.capacity.min(MAX_HANDLERS))
        .map(|number| {
            let name = HandlerName { actor: &spec.name, handler: number, queue: spec.queue.name() };
            console::spawn(&runtime, name, handle(Arc::clone(&pool), number))
        })
        .collect::<Result<_, _>>()
        .map_err(|source| EngineError::Spawn { index: first, count: threads, source })?;
    Ok(Running { pool, runtime, handlers })
}

impl Running {
    /// Ends every handler where it awaits, and the runtime, within `grace`; returns what its workers noted, and names those
    /// that are left behind.
    pub(super) fn stop(
        self,
        grace: Duration,
        abandoned: &mut Vec<String>,
    ) -> Vec<(Notes, Option<ThreadAccount>)> {
        let Self { pool, runtime, handlers } = self;
        for handler in handlers {
            handler.abort();
        }
        // Waits for the workers, which drop the handlers and what they hold.
        runtime.shutdown_timeout(grace);
        let name = &pool.run.actors[pool.actor].spec.name;
        pool.seats
            .iter()
            .enumerate()
            .map(|(index, seat)| {
                let mut seat = seat.lock().unwrap_or_else(PoisonError::into_inner);
                let notes = std::mem::replace(&mut seat.notes, Notes::new(&pool.run, pool.actor));
                let account = seat.account.take();
                if account.is_none() && index < pool.started.load(Ordering::Relaxed) {
                    abandoned.push(format!("{name}-{}", pool.first + index));
                }
                (notes, account)
            })
            .collect()
    }
}

/// Executes a performer on the workers of a tokio runtime, which it leaves wherever it waits.
struct Awaiting<'run> {
    pool: &'run Pool,
    number: usize,
    stamp: Arc<Stamp>,
    waker: Waker,
    /// How the last wait ended: off the worker, with the instant at which the handler was ready to go on, or on it.
    ended: Wait,
}

/// How a handler waited.
#[derive(Clone, Copy)]
enum Wait {
    /// Off its worker; ready to go on at this instant, if it was not ready at once.
    Away(Option<Nanos>),
    /// Blocking its worker.
    Here,
}

impl<'run> Awaiting<'run> {
    fn new(pool: &'run Pool, number: usize) -> Self {
        let stamp = Arc::new(Stamp::new(pool.run.clock.clone()));
        Self { pool, number, waker: Waker::from(Arc::clone(&stamp)), stamp, ended: Wait::Here }
    }

    /// Awaits, and tells the wait from the time after it in which no worker was free.
    async fn wait<F: Future>(&mut self, future: F) -> F::Output {
        let stamped = Stamped { inner: pin!(future), stamp: &self.stamp, waker: &self.waker };
        let (output, ready) = stamped.await;
        self.ended = Wait::Away(ready);
        output
    }
}

impl Executor for Awaiting<'_> {
    fn worker(&self) -> usize {
        self.pool.worker()
    }

    fn note<R>(&mut self, note: impl FnOnce(&mut Notes) -> R) -> R {
        note(&mut self.pool.seat().notes)
    }

    fn say(&self, step: u32, state: ThreadState) {
        match state {
            ThreadState::Executing | ThreadState::Lock => self.pool.say_step(step, state),
            // The worker goes on with somebody else, or parks.
            ThreadState::Io | ThreadState::Call | ThreadState::Idle => {
                self.pool.say_step(0, ThreadState::Idle);
            }
        }
    }

    fn account(&mut self, activity: Activity, own: Nanos) {
        pool::account(activity, own);
    }

    fn note_end<R>(&mut self, time: &mut Timekeeper, note: impl FnOnce(&mut Notes) -> R) -> R {
        let mut seat = self.pool.seat();
        seat.reads.0 += std::mem::take(&mut time.clock_reads);
        seat.reads.1 += std::mem::take(&mut time.kernel_reads);
        note(&mut seat.notes)
    }

    /// The worker's own window is the pool's affair; here begins that of its figures, once for all of its handlers.
    fn begin_window(&mut self, time: &mut Timekeeper, _activity: Activity, segment: Segment) {
        self.pool.cross_edges_of_thread(segment.end, segment.end);
        let mut seat = self.pool.seat();
        if !seat.measuring {
            seat.measuring = true;
            begin_window(&mut seat.notes.stats, time);
            seat.reads = (0, 0);
        }
    }

    fn end_window(&mut self, _time: &Timekeeper, _activity: Activity, segment: Segment) {
        self.pool.cross_edges_of_thread(segment.end, segment.end);
        self.pool.seat().notes.stats.close_window();
    }

    fn end_wait(&mut self, time: &mut Timekeeper, activity: Activity) -> (Segment, bool) {
        match self.ended {
            Wait::Away(ready) => (time.cut_resumed(activity, ready), true),
            Wait::Here => (time.cut(activity), false),
        }
    }

    fn track_of_waits(&self) -> usize {
        self.pool.handler_track(self.number)
    }

    async fn sleep(&mut self, length: Nanos) -> Result<(), Stopped> {
        // The end of the run drops a handler that sleeps.
        self.wait(tokio::time::sleep(length.to_duration())).await;
        Ok(())
    }

    async fn await_answer(&mut self, answered: oneshot::Receiver<()>) -> Result<(), Stopped> {
        self.wait(answered).await.map_err(|_| Stopped)
    }

    fn block(&self, entry: usize) {
        self.pool.run.register.occupy(self.pool.worker(), entry);
    }

    fn unblock(&self) {
        self.pool.run.register.vacate(self.pool.worker());
    }

    async fn push(&mut self, to: usize, task: Task) -> Result<(), Task> {
        let receiver = &self.pool.run.actors[to];
        match &*receiver.inbox {
            Inbox::Channel(channel) => {
                let sending = receiver.seen.operation("send");
                self.wait(sending.during(channel.sender().send(task))).await.map_err(|refused| refused.0)
            }
            // A queue of threads has nothing to await, so that a handler has to ask again: blocking would take the worker
            // from those who may have to act before there is room.
            Inbox::Blocking(queue) => {
                let asking = async move {
                    let mut task = task;
                    loop {
                        tokio::time::sleep(ROOM_CHECK).await;
                        match queue.try_push(task) {
                            Ok(()) => return Ok(()),
                            Err(PushError::Full(back)) => task = back,
                            Err(PushError::Closed(back)) => return Err(back),
                        }
                    }
                };
                self.wait(asking).await
            }
        }
    }

    async fn wait_for<F>(&mut self, future: F, until: Option<Nanos>) -> Result<Option<F::Output>, Stopped>
    where
        F: Future<Output: Send> + Send,
    {
        let Some(until) = until else { return Ok(Some(self.wait(future).await)) };
        let left = until.saturating_sub(self.pool.run.clock.now());
        Ok(self.wait(tokio::time::timeout(left.to_duration(), future)).await.ok())
    }

    fn sleep_here(&mut self, length: Nanos) -> Result<(), Stopped> {
        self.ended = Wait::Here;
        let clock = &self.pool.run.clock;
        let until = clock.now() + length;
        loop {
            let left = until.saturating_sub(clock.now());
            if left == Nanos::ZERO {
                return Ok(());
            }
            if self.pool.run.stopped() {
                return Err(Stopped);
            }
            std::thread::sleep(left.min(LONGEST_SLEEP).to_duration());
        }
    }

    async fn take(&mut self, lock: usize, entry: usize) -> Result<Held, Stopped> {
        let lock = &self.pool.run.locks[lock];
        if let Mechanism::Awaited(mutex) = &lock.mechanism {
            let locking = lock.seen.operation("lock");
            let guard = self.wait(locking.during(mutex.lock_arc())).await;
            lock.taken(self.pool.thread(), true);
            Ok(Held::Guard(guard))
        } else {
            self.ended = Wait::Here;
            self.block(entry);
            let taken = lock.take(&self.pool.run, self.pool.thread());
            self.unblock();
            taken
        }
    }
}

/// Handles tasks one at a time, as many others do, until the channel is closed and drained.
async fn handle(pool: Arc<Pool>, number: usize) {
    let (run, pool) = (&*pool.run, &*pool);
    let actor = &run.actors[pool.actor];
    let Inbox::Channel(channel) = &*actor.inbox else { unreachable!("threads that block are in worker.rs") };
    let hooks = match run.profiler {
        Profiler::Deterministic => StepHooks::new(run.profiler, &run.clock, actor.program.steps.len()),
        Profiler::None | Profiler::Sampling | Profiler::Memory => None,
    };
    let mut performer = Performer::new(run, pool.actor, number, Awaiting::new(pool, number), hooks);
    let receiving = actor.seen.operation("recv");
    loop {
        let task = match channel.receiver().try_recv() {
            Ok(task) => task,
            Err(_) => {
                // Nothing there, or closed: what must not be held through a wait is given back before it.
                performer.drop_interpreter(Activity::Bookkeeping);
                match receiving.during(channel.receiver().recv()).await {
                    Ok(task) => task,
                    Err(_) => return,
                }
            }
        };
        actor.tell();
        performer.came_to_work();
        if run.stopped() {
            performer.leave_waiting(task.to as usize, &task);
            continue;
        }
        performer.serve(task).await;
    }
}
