//! An actor on tokio: handlers that await where threads would block.
//!
//! The runtime has as many workers as the actor has threads; each of up to [`MOST_HANDLERS`] handlers takes a task
//! from the channel, and its waits, calls and locks release the worker. Time that a handler was ready but had no
//! worker is run-queue wait: its waker stamps the instant at which it became ready.

use super::book::{Book, ThreadAccount, begin_window};
use super::locks::{Attempt, Held, LockRuntime};
use super::runtime::{Inbox, Origin, Returned, Runtime, Task};
use super::timekeeper::{Activity, ThreadTimes, Timekeeper, forget_run_queue};
use super::work::{self, Corpus, Memory, STOP_CHECK};
use super::worker::{Stopped, breakdown};
use crate::clock::Clock;
use crate::engine::{EngineError, LiveBatch};
use crate::measure::sched::{ThreadFigures, ThreadSched};
use crate::measure::{CAUSES, Cause, Finished};
use crate::model::{Op, child_number};
use crate::queue::PushError;
use crate::random::Stream;
use crate::units::Nanos;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// Most tasks of one actor that are under way at once.
pub(super) const MOST_HANDLERS: usize = 1024;

/// What one worker of the tokio runtime notes. Its lock is taken by that worker alone, so it is never contended.
struct Seat {
    book: Book,
    live: Option<LiveBatch>,
    unpublished: u64,
    account: Option<ThreadAccount>,
    /// Whether the measured window has begun here.
    measuring: bool,
    /// Reads of the clock and of the kernel's figures.
    reads: (u64, u64),
}

/// What the workers and handlers of one actor share.
pub(super) struct Pool {
    run: Arc<Runtime>,
    actor: usize,
    /// Number of this actor's first worker among all workers of the run.
    first: usize,
    seats: Vec<Mutex<Seat>>,
    started: AtomicUsize,
}

thread_local! {
    /// This worker's seat, and its account of itself.
    static SEAT: Cell<Option<usize>> = const { Cell::new(None) };
    static SELF: RefCell<Option<Own>> = const { RefCell::new(None) };
}

/// A runtime worker's account of itself.
struct Own {
    sched: ThreadSched,
    times: ThreadTimes,
    parked_at: Option<Nanos>,
    window: Option<(Nanos, Option<ThreadFigures>)>,
}

/// A running pool.
pub(super) struct Running {
    pool: Arc<Pool>,
    runtime: runtime::Runtime,
    handlers: Vec<AbortHandle>,
}

impl Pool {
    fn seat(&self) -> MutexGuard<'_, Seat> {
        // A handler that is dropped after its worker has gone notes its task at the first seat.
        let index = SEAT.get().unwrap_or(0);
        self.seats[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn thread(&self) -> u64 {
        (self.first + SEAT.get().unwrap_or(0)) as u64
    }

    fn start_thread(&self) {
        SEAT.set(Some(self.started.fetch_add(1, Ordering::Relaxed) % self.seats.len()));
        forget_run_queue();
        SELF.set(Some(Own {
            sched: ThreadSched::of_this_thread(),
            times: ThreadTimes::default(),
            parked_at: None,
            window: None,
        }));
    }

    fn park_thread(&self) {
        let now = self.run.clock.now();
        SELF.with_borrow_mut(|own| {
            if let Some(own) = own {
                own.parked_at = Some(now);
            }
        });
    }

    fn unpark_thread(&self) {
        let now = self.run.clock.now();
        let waited = super::timekeeper::run_queue_growth();
        SELF.with_borrow_mut(|own| {
            if let Some(own) = own
                && let Some(parked_at) = own.parked_at.take()
            {
                let asleep = now.saturating_sub(parked_at).saturating_sub(waited);
                own.times.blocked += asleep;
                own.times.idle += asleep;
            }
        });
        self.begin_window_of_thread(now);
    }

    /// Begins this worker's measured window, if it is time and it has not begun.
    fn begin_window_of_thread(&self, now: Nanos) {
        if now < self.run.window_start() {
            return;
        }
        SELF.with_borrow_mut(|own| {
            if let Some(own) = own
                && own.window.is_none()
            {
                own.times = ThreadTimes::default();
                own.window = Some((now, own.sched.figures()));
            }
        });
    }

    fn stop_thread(&self) {
        let now = self.run.clock.now();
        let Some(own) = SELF.take() else { return };
        let mut times = own.times;
        if let Some(parked_at) = own.parked_at {
            times.blocked += now.saturating_sub(parked_at);
        }
        let (start, before) = own.window.unwrap_or((now, None));
        let name = &self.run.actors[self.actor].spec.name;
        let mut seat = self.seat();
        seat.account = Some(ThreadAccount {
            name: format!("{name}-{}", self.thread()),
            actor: self.actor,
            wall: now.saturating_sub(start),
            times,
            kernel: before.and_then(|before| Some(own.sched.figures()?.since(before))),
            tasks: seat.book.ledger.completed(),
            clock_reads: seat.reads.0,
            kernel_reads: seat.reads.1,
        });
    }
}

/// Starts the runtime and the handlers of `actor`, whose workers are numbered from `first`.
pub(super) fn start(run: &Arc<Runtime>, actor: usize, first: usize) -> Result<Running, EngineError> {
    let spec = &run.actors[actor].spec;
    let threads = spec.threads;
    let seat = || Seat {
        book: Book::new(
            actor,
            run.actors.len(),
            run.actors[actor].program.steps.len(),
            run.locks.len(),
            run.spans,
        ),
        live: run.live(actor),
        unpublished: 0,
        account: None,
        measuring: false,
        reads: (0, 0),
    };
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
    let handlers = (0..spec.capacity.min(MOST_HANDLERS))
        .map(|_| runtime.spawn(Handler::new(Arc::clone(&pool)).handle()).abort_handle())
        .collect();
    Ok(Running { pool, runtime, handlers })
}

impl Running {
    /// Ends every handler where it awaits, and the runtime; returns what its workers noted.
    pub(super) fn stop(self) -> Vec<(Book, Option<ThreadAccount>)> {
        let Self { pool, runtime, handlers } = self;
        for handler in handlers {
            handler.abort();
        }
        // Waits for the workers, which drop the handlers and what they hold.
        drop(runtime);
        pool.seats
            .iter()
            .map(|seat| {
                let mut seat = seat.lock().unwrap_or_else(PoisonError::into_inner);
                let steps = pool.run.actors[pool.actor].program.steps.len();
                let empty = Book::new(pool.actor, pool.run.actors.len(), steps, pool.run.locks.len(), 0);
                (std::mem::replace(&mut seat.book, empty), seat.account.take())
            })
            .collect()
    }
}

/// One task at a time, many of them at once.
struct Handler {
    pool: Arc<Pool>,
    time: Timekeeper,
    stamp: Arc<Stamp>,
    waker: Waker,
    memory: Memory,
    corpus: Corpus,
    interpreter: Option<(usize, Nanos)>,
    held: Vec<(usize, Held, Nanos)>,
    step: Option<usize>,
    /// Times of the present task by step and cause, and repetitions; noted when it ends.
    steps: Vec<([Nanos; CAUSES], u64)>,
    service: Option<Service>,
    messages: u64,
}

/// The task under way.
struct Service {
    task: Task,
    started: Nanos,
}

impl Drop for Handler {
    /// A handler that is dropped in the middle of a task leaves it unfinished.
    fn drop(&mut self) {
        if let Some(service) = self.service.take() {
            self.abandon(service.task);
        }
        while let Some((lock, held, _)) = self.held.pop() {
            self.pool.run.locks[lock].give_back(held, self.pool.thread());
        }
    }
}

impl Handler {
    fn new(pool: Arc<Pool>) -> Self {
        let stamp = Arc::new(Stamp::new(pool.run.clock.clone()));
        let steps = pool.run.actors[pool.actor].program.steps.len();
        Self {
            time: Timekeeper::new(pool.run.clock.clone()),
            waker: Waker::from(Arc::clone(&stamp)),
            stamp,
            memory: Memory::default(),
            corpus: Corpus::default(),
            interpreter: None,
            held: Vec::new(),
            step: None,
            steps: vec![Default::default(); steps],
            service: None,
            messages: 0,
            pool,
        }
    }

    async fn handle(mut self) {
        let run = Arc::clone(&self.pool.run);
        let Inbox::Channel(channel) = &run.actors[self.pool.actor].inbox else {
            unreachable!("threads that block are in worker.rs")
        };
        while let Ok(task) = channel.receiver().recv().await {
            self.time.cut_resumed(Activity::Bookkeeping, None);
            self.pool.begin_window_of_thread(self.time.last());
            self.begin_window_of_seat();
            if run.stopped() {
                self.abandon(task);
                continue;
            }
            self.serve(&run, task).await;
        }
    }

    fn begin_window_of_seat(&mut self) {
        if self.time.last() < self.pool.run.window_start() {
            return;
        }
        let mut seat = self.pool.seat();
        if !seat.measuring {
            seat.measuring = true;
            begin_window(&mut seat.book, &mut self.time);
            seat.reads = (0, 0);
        }
    }

    async fn serve(&mut self, run: &Runtime, task: Task) {
        let started = self.time.last();
        self.time.start_task(started.saturating_sub(task.arrived));
        self.messages = 0;
        for step in &mut self.steps {
            *step = Default::default();
        }
        let number = task.number;
        self.service = Some(Service { task, started });
        let mut stream = run.stream(self.pool.actor, number);
        let performed = self.perform(run, number, &mut stream).await;
        self.drop_interpreter(run);
        let ended = self.cut(Activity::Work);
        let Some(Service { task, started }) = self.service.take() else { return };
        if performed.is_err() {
            while let Some((lock, held, _)) = self.held.pop() {
                run.locks[lock].give_back(held, self.pool.thread());
            }
            self.abandon(task);
            return;
        }
        let Task { arrived, issued, number, origin } = task;
        match origin {
            Origin::Open => {}
            Origin::Client => self.reissue(run, number, ended),
            Origin::Call(answer) => {
                answer.send(()).ok();
            }
        }
        self.note(run, &Finished { arrived, issued, started, ended, times: self.time.task });
    }

    fn note(&mut self, run: &Runtime, finished: &Finished) {
        let mut seat = self.pool.seat();
        seat.reads.0 += std::mem::take(&mut self.time.clock_reads);
        seat.reads.1 += std::mem::take(&mut self.time.kernel_reads);
        let counted = seat.book.end(finished, run.window_start(), run.window_end());
        for (step, (times, count)) in self.steps.iter().enumerate() {
            for _ in 0..*count {
                seat.book.ledger.step_done(step);
            }
            for (cause, time) in CAUSE_LIST.into_iter().zip(times) {
                seat.book.ledger.step_time(step, cause, *time);
            }
        }
        if counted && self.pool.actor == run.focus {
            seat.unpublished += 1;
            if let Some(live) = &mut seat.live {
                let sojourn = finished.ended.saturating_sub(finished.arrived);
                live.record(finished.ended, sojourn, &breakdown(&finished.times));
            }
            if seat.unpublished >= run.stride {
                let count = std::mem::take(&mut seat.unpublished);
                drop(seat);
                run.publish(count, finished.ended);
            }
        }
    }

    fn reissue(&mut self, run: &Runtime, number: u64, ended: Nanos) {
        if run.stopped() {
            return;
        }
        let actor = self.pool.actor;
        let (task, thinks) = run.next_of_client(actor, number, ended);
        let returned = if thinks {
            Returned::Thinking(task)
        } else {
            self.pool.seat().book.issued[actor].issued += u64::from(task.arrived >= run.window_start());
            match run.offer(actor, task) {
                Ok(()) => return,
                Err(PushError::Full(task)) => Returned::Refused(task),
                Err(PushError::Closed(task)) => return self.abandon(task),
            }
        };
        if let Some(clients) = &run.actors[actor].clients
            && let Err(lost) = clients.send(returned)
            && let Returned::Refused(task) = lost.0
        {
            self.abandon(task);
        }
    }

    fn abandon(&self, task: Task) {
        let run = &self.pool.run;
        self.pool.seat().book.leave(task.arrived, run.window_start(), run.window_end());
    }

    async fn perform(&mut self, run: &Runtime, number: u64, stream: &mut Stream) -> Result<(), Stopped> {
        let ops = &run.actors[self.pool.actor].program.ops;
        let (mut next, mut left) = (0, 0_u32);
        while let Some(op) = ops.get(next) {
            next += 1;
            match op {
                Op::Begin { step, times } => {
                    self.step = Some(*step);
                    left = *times;
                    let worker = self.pool.first + SEAT.get().unwrap_or(0);
                    let word = u32::try_from(step + 1).unwrap_or(u32::MAX >> 8) << 8;
                    run.current[worker]
                        .store(word | crate::engine::ThreadState::Executing as u32, Ordering::Relaxed);
                }
                Op::End { step, repeat_from } => {
                    self.steps[*step].1 += 1;
                    left -= 1;
                    if left > 0 {
                        next = *repeat_from;
                    } else {
                        self.cut(Activity::Work);
                        self.step = None;
                    }
                }
                other => self.perform_one(run, other, number, stream).await?,
            }
        }
        Ok(())
    }

    async fn perform_one(
        &mut self,
        run: &Runtime,
        op: &Op,
        number: u64,
        stream: &mut Stream,
    ) -> Result<(), Stopped> {
        match op {
            Op::Begin { .. } | Op::End { .. } => {}
            Op::Compute { draw, under } => {
                let amount = draw.sample(stream, number);
                self.hold_interpreter(run, *under);
                self.compute(run, amount, *under)?;
            }
            Op::Touch { bytes, under } => {
                self.hold_interpreter(run, *under);
                self.memory.touch(*bytes);
            }
            Op::Compress { bytes, under } => {
                self.hold_interpreter(run, *under);
                self.corpus.compress(*bytes, run.seed);
            }
            Op::Io { draw } => {
                let length = draw.sample(stream, number);
                self.drop_interpreter(run);
                self.cut(Activity::Work);
                self.wait(Activity::Io, tokio::time::sleep(length.to_duration())).await;
            }
            Op::Lock { lock } => self.lock(run, *lock).await,
            Op::Unlock { lock } => self.unlock(run, *lock),
            Op::Call { to } => {
                let (answer, answered) = oneshot::channel();
                self.send(run, *to, number, Origin::Call(answer)).await?;
                self.drop_interpreter(run);
                self.cut(Activity::Work);
                return self.wait(Activity::Call, answered).await.map_err(|_| Stopped);
            }
            Op::Send { to } => self.send(run, *to, number, Origin::Open).await?,
            Op::Cache { .. } | Op::Store { .. } => unreachable!("refused before the run"),
        }
        Ok(())
    }

    fn compute(&mut self, run: &Runtime, amount: Nanos, under: Option<usize>) -> Result<(), Stopped> {
        let (gil, poll) = match under.map(|lock| (&run.locks[lock], lock)) {
            Some((LockRuntime::Interpreter { gil, check }, lock)) => (Some((gil, lock)), *check),
            _ => (None, STOP_CHECK),
        };
        let piece = run.work.links(poll).max(1);
        let mut left = run.work.links(amount);
        let (mut word, mut unchecked) = (left, Nanos::ZERO);
        while left > 0 {
            let links = left.min(piece);
            word = work::chain(links, word);
            left -= links;
            if let Some((gil, lock)) = gil
                && gil.requested()
                && left > 0
            {
                self.drop_interpreter(run);
                self.hold_interpreter(run, Some(lock));
            }
            unchecked += poll;
            if unchecked >= STOP_CHECK {
                unchecked = Nanos::ZERO;
                if run.stopped() {
                    return Err(Stopped);
                }
            }
        }
        std::hint::black_box(word);
        Ok(())
    }

    fn hold_interpreter(&mut self, run: &Runtime, wanted: Option<usize>) {
        if self.interpreter.map(|(lock, _)| lock) == wanted {
            return;
        }
        self.drop_interpreter(run);
        if let Some(lock) = wanted {
            let before = self.cut(Activity::Work);
            let thread = self.pool.thread();
            let contended = match run.locks[lock].try_take(thread) {
                Attempt::Taken(_) => false,
                Attempt::Waited => true,
                Attempt::Refused => {
                    run.locks[lock].take(thread);
                    true
                }
            };
            let since = if contended { self.cut(Activity::Lock) } else { before };
            self.interpreter = Some((lock, since));
            self.pool.seat().book.locks[lock].taken(contended, since - before);
        }
    }

    fn drop_interpreter(&mut self, run: &Runtime) {
        let Some((lock, since)) = self.interpreter.take() else { return };
        let end = self.cut(Activity::Work);
        self.pool.seat().book.locks[lock].released(end - since);
        run.locks[lock].give_back(Held::Raw, self.pool.thread());
        self.cut(Activity::Lock);
    }

    async fn lock(&mut self, run: &Runtime, lock: usize) {
        let before = self.cut(Activity::Work);
        let thread = self.pool.thread();
        let (held, contended) = match run.locks[lock].try_take(thread) {
            Attempt::Taken(held) => (held, false),
            Attempt::Waited => {
                self.cut(Activity::Lock);
                (Held::Raw, true)
            }
            Attempt::Refused => {
                self.drop_interpreter(run);
                let held = if let LockRuntime::Awaited(mutex) = &run.locks[lock] {
                    let waiting = mutex.lock_arc();
                    Held::Guard(self.wait(Activity::Lock, waiting).await)
                } else {
                    let held = run.locks[lock].take(thread);
                    self.cut(Activity::Lock);
                    held
                };
                (held, true)
            }
        };
        let now = self.time.last();
        self.pool.seat().book.locks[lock].taken(contended, now - before);
        self.held.push((lock, held, now));
    }

    fn unlock(&mut self, run: &Runtime, lock: usize) {
        let end = self.cut(Activity::Work);
        if let Some((lock, held, since)) = self.held.pop_if(|(held, ..)| *held == lock) {
            self.pool.seat().book.locks[lock].released(end - since);
            run.locks[lock].give_back(held, self.pool.thread());
        }
    }

    async fn send(&mut self, run: &Runtime, to: usize, parent: u64, origin: Origin) -> Result<(), Stopped> {
        let now = self.cut(Activity::Work);
        let number = child_number(self.pool.actor, parent, self.messages);
        self.messages += 1;
        let measured = now >= run.window_start();
        self.pool.seat().book.issued[to].issued += u64::from(measured);
        let task = Task { arrived: now, issued: now, number, origin };
        let lost = match run.offer(to, task) {
            Ok(()) => return Ok(()),
            Err(PushError::Closed(_)) => true,
            Err(PushError::Full(task)) => {
                self.drop_interpreter(run);
                match &run.actors[to].inbox {
                    Inbox::Channel(channel) => {
                        self.wait(Activity::Call, channel.sender().send(task)).await.is_err()
                    }
                    Inbox::Blocking(queue) => {
                        let refused = queue.push(task).is_err();
                        self.cut(Activity::Call);
                        refused
                    }
                }
            }
        };
        if !lost {
            return Ok(());
        }
        if measured {
            let mut seat = self.pool.seat();
            let issued = &mut seat.book.issued[to];
            issued.in_flight += 1;
            issued.presence += u128::from(run.window_end().saturating_sub(now).0);
        }
        Err(Stopped)
    }

    /// Awaits, and tells the wait from the time after it in which no worker was free.
    async fn wait<F: Future>(&mut self, activity: Activity, future: F) -> F::Output {
        let stamped = Stamped { inner: pin!(future), stamp: &self.stamp, waker: &self.waker };
        let (output, ready) = stamped.await;
        let piece = self.time.cut_resumed(activity, ready);
        self.note_piece(activity, piece.end - piece.start - piece.run_queue, piece.run_queue);
        output
    }

    fn cut(&mut self, activity: Activity) -> Nanos {
        let piece = self.time.cut(activity);
        let own = piece.end - piece.start - piece.run_queue;
        self.note_piece(activity, own, piece.run_queue);
        SELF.with_borrow_mut(|thread| {
            if let Some(thread) = thread {
                match activity {
                    Activity::Work => thread.times.work += own,
                    Activity::Spin => thread.times.spinning += own,
                    Activity::Lock | Activity::Call | Activity::Io => thread.times.blocked += own,
                    Activity::Idle | Activity::Bookkeeping => {}
                }
            }
        });
        piece.end
    }

    fn note_piece(&mut self, activity: Activity, own: Nanos, run_queue: Nanos) {
        if let (Some(step), Some(cause)) = (self.step, activity.cause()) {
            self.steps[step].0[cause as usize] += own;
            self.steps[step].0[Cause::RunQueue as usize] += run_queue;
        }
    }
}

/// The causes in the order of their numbers.
const CAUSE_LIST: [Cause; CAUSES] =
    [Cause::Queue, Cause::Execution, Cause::Lock, Cause::RunQueue, Cause::Io, Cause::Call];

/// Remembers when a handler was woken.
struct Stamp {
    clock: Clock,
    woken_at: AtomicU64,
    inner: Mutex<Option<Waker>>,
}

/// Not woken since the last poll.
const NOT_WOKEN: u64 = u64::MAX;

impl Stamp {
    fn new(clock: Clock) -> Self {
        Self { clock, woken_at: AtomicU64::new(NOT_WOKEN), inner: Mutex::new(None) }
    }
}

impl Wake for Stamp {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // The first wake-up counts: from then on the handler was ready.
        let now = self.clock.now().0;
        self.woken_at.compare_exchange(NOT_WOKEN, now, Ordering::Relaxed, Ordering::Relaxed).ok();
        let waker = self.inner.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A future that also says when it became ready, if it had to wait.
struct Stamped<'wait, F> {
    inner: Pin<&'wait mut F>,
    stamp: &'wait Stamp,
    waker: &'wait Waker,
}

impl<F: Future> Future for Stamped<'_, F> {
    type Output = (F::Output, Option<Nanos>);

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let woken_at = this.stamp.woken_at.swap(NOT_WOKEN, Ordering::Relaxed);
        {
            let mut inner = this.stamp.inner.lock().unwrap_or_else(PoisonError::into_inner);
            if !inner.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
                *inner = Some(context.waker().clone());
            }
        }
        let ready = (woken_at != NOT_WOKEN).then_some(Nanos(woken_at));
        this.inner.as_mut().poll(&mut Context::from_waker(this.waker)).map(|output| (output, ready))
    }
}
