//! An actor on tokio: handlers that await where threads would block.
//!
//! The runtime has as many workers as the actor has threads; each of up to [`MOST_HANDLERS`] handlers takes a task
//! from the channel, and its waits, calls and locks release the worker. Time that a handler was ready but had no
//! worker is run-queue wait: its waker stamps the instant at which it became ready.

use super::access::Access;
use super::book::{Belongs, Book, ThreadAccount, begin_window};
use super::console::{self, HandlerName};
use super::locks::{Attempt, Held, Mechanism};
use super::pool::{self, Pool, Seat};
use super::profile::StepHooks;
use super::runtime::{Inbox, Origin, Returned, Runtime, Stopped, Task};
use super::stamp::{Stamp, Stamped};
use super::timekeeper::{Activity, Piece, Timekeeper};
use super::work::{Corpus, Memory};
use super::worker::breakdown;
use crate::cache::Probe;
use crate::engine::{EngineError, Profiler};
use crate::measure::{CAUSES, Cause, Finished};
use crate::model::{Op, child_number};
use crate::queue::PushError;
use crate::random::Stream;
use crate::scenario::MissCost;
use crate::store::StoreError;
use crate::units::Nanos;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// Most tasks of one actor that are under way at once.
pub(super) const MOST_HANDLERS: usize = 1024;

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
    let seat = || Seat {
        book: Book::new(
            actor,
            run.actors.len(),
            run.actors[actor].program.steps.len(),
            run.locks.len(),
            run.spans,
        )
        .with_memory(run.caches.len(), run.stores.len()),
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
        .map(|number| {
            let name = HandlerName { actor: &spec.name, handler: number, queue: spec.queue.name() };
            console::spawn(&runtime, name, Handler::new(Arc::clone(&pool), number).handle())
        })
        .collect::<Result<_, _>>()
        .map_err(|source| EngineError::Spawn { index: first, count: threads, source })?;
    Ok(Running { pool, runtime, handlers })
}

impl Running {
    /// Ends every handler where it awaits, and the runtime; returns what its workers noted.
    pub(super) fn stop(self) -> Vec<(Book, Option<ThreadAccount>)> {
        let Self { pool, runtime, handlers } = self;
        for handler in handlers {
            handler.abort();
        }
        // Tally for the workers, which drop the handlers and what they hold.
        drop(runtime);
        pool.seats
            .iter()
            .map(|seat| {
                let mut seat = seat.lock().unwrap_or_else(PoisonError::into_inner);
                let steps = pool.run.actors[pool.actor].program.steps.len();
                let empty = Book::new(pool.actor, pool.run.actors.len(), steps, 0, 0);
                (std::mem::replace(&mut seat.book, empty), seat.account.take())
            })
            .collect()
    }
}

/// One task at a time, many of them at once.
struct Handler {
    pool: Arc<Pool>,
    number: usize,
    time: Timekeeper,
    stamp: Arc<Stamp>,
    waker: Waker,
    memory: Memory,
    corpus: Corpus,
    interpreter: Option<(usize, Nanos)>,
    held: Vec<(usize, Held, Nanos)>,
    step: Option<usize>,
    /// The lock that was last asked for, and who held it then.
    wanted: Option<(usize, Option<usize>)>,
    /// Times of the present task by step and cause, and repetitions; noted when it ends.
    steps: Vec<([Nanos; CAUSES], u64)>,
    service: Option<Service>,
    messages: u64,
    /// A profiler that wants to know of every step.
    hooks: Option<StepHooks>,
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
            self.abandon(&service.task);
        }
        while let Some((lock, held, _)) = self.held.pop() {
            self.pool.run.locks[lock].give_back(held, self.pool.thread());
        }
    }
}

impl Handler {
    fn new(pool: Arc<Pool>, number: usize) -> Self {
        let stamp = Arc::new(Stamp::new(pool.run.clock.clone()));
        let steps = pool.run.actors[pool.actor].program.steps.len();
        Self {
            number,
            time: Timekeeper::new(pool.run.clock.clone()),
            waker: Waker::from(Arc::clone(&stamp)),
            stamp,
            memory: Memory::default(),
            corpus: Corpus::default(),
            interpreter: None,
            held: Vec::new(),
            step: None,
            wanted: None,
            steps: vec![Default::default(); steps],
            service: None,
            messages: 0,
            hooks: match pool.run.profiler {
                Profiler::Deterministic => StepHooks::new(pool.run.profiler, &pool.run.clock, steps),
                Profiler::None | Profiler::Sampling | Profiler::Memory => None,
            },
            pool,
        }
    }

    async fn handle(mut self) {
        let run = Arc::clone(&self.pool.run);
        let Inbox::Channel(channel) = &run.actors[self.pool.actor].inbox else {
            unreachable!("threads that block are in worker.rs")
        };
        let receiving = run.actors[self.pool.actor].seen.operation("recv");
        while let Ok(task) = receiving.during(channel.receiver().recv()).await {
            run.actors[self.pool.actor].tell();
            self.time.cut_resumed(Activity::Bookkeeping, None);
            self.pool.begin_window_of_thread(self.time.last());
            self.begin_window_of_seat();
            if run.stopped() {
                self.abandon(&task);
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
        if run.spans > 0 {
            self.pool.seat().book.spans.keep_flow(&task, self.pool.worker(), started, run.window_start());
        }
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
        let Some(Service { mut task, started }) = self.service.take() else { return };
        if performed.is_err() {
            while let Some((lock, held, _)) = self.held.pop() {
                run.locks[lock].give_back(held, self.pool.thread());
            }
            self.abandon(&task);
            return;
        }
        let (arrived, issued) = (task.arrived, task.issued);
        if matches!(task.origin, Origin::Client) {
            self.reissue(run, task, ended);
        } else if let Origin::Call(answer) = std::mem::replace(&mut task.origin, Origin::Open) {
            answer.send(()).ok();
        }
        self.note(run, &Finished { arrived, issued, started, ended, times: self.time.task });
    }

    fn note(&mut self, run: &Runtime, finished: &Finished) {
        let mut seat = self.pool.seat();
        seat.reads.0 += std::mem::take(&mut self.time.clock_reads);
        seat.reads.1 += std::mem::take(&mut self.time.kernel_reads);
        let counted = seat.book.end(finished, run.window_start(), run.window_end());
        if let Some(hooks) = &mut self.hooks {
            hooks.empty_into(&mut seat.book.profile, finished.started >= run.window_start());
        }
        for (step, (times, count)) in self.steps.iter().enumerate() {
            seat.book.ledger.step_done(step, *count);
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

    fn reissue(&mut self, run: &Runtime, mut task: Task, ended: Nanos) {
        if run.stopped() {
            return;
        }
        let actor = self.pool.actor;
        let thinks = run.renew(actor, &mut task, ended);
        let returned = if thinks {
            Returned::Thinking(task)
        } else {
            self.pool.seat().book.issued[actor].issued += u64::from(task.arrived >= run.window_start());
            match run.offer(actor, task) {
                Ok(()) => return,
                Err(PushError::Full(task)) => Returned::Refused(task),
                Err(PushError::Closed(task)) => return self.abandon(&task),
            }
        };
        if let Some(clients) = &run.actors[actor].clients
            && let Err(lost) = clients.send(returned)
            && let Returned::Refused(task) = lost.0
        {
            self.abandon(&task);
        }
    }

    fn abandon(&self, task: &Task) {
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
                    let worker = self.pool.worker();
                    let word = u32::try_from(step + 1).unwrap_or(u32::MAX >> 8) << 8;
                    run.current[worker]
                        .store(word | crate::engine::ThreadState::Executing as u32, Ordering::Relaxed);
                    self.hooks.iter_mut().for_each(StepHooks::enter);
                }
                Op::End { step, repeat_from } => {
                    self.steps[*step].1 += 1;
                    left -= 1;
                    if left > 0 {
                        next = *repeat_from;
                        self.hooks.iter_mut().for_each(|hooks| hooks.repeat(*step));
                    } else {
                        self.cut(Activity::Work);
                        self.step = None;
                        self.hooks.iter_mut().for_each(|hooks| hooks.leave(*step));
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
                self.hooks.iter_mut().for_each(StepHooks::call);
                let outcome = self.wait(Activity::Call, answered).await;
                self.hooks.iter_mut().for_each(StepHooks::answered);
                return outcome.map_err(|_| Stopped);
            }
            Op::Send { to } => self.send(run, *to, number, Origin::Open).await?,
            Op::Cache { cache, hit, miss, under } => {
                self.access_cache(run, &Access { cache: *cache, hit, miss, under: *under }, number, stream)
                    .await?;
            }
            Op::Store { store, write } => {
                self.use_store(run, *store, *write, || run.stores[*store].access(*write, stream))?;
            }
        }
        Ok(())
    }

    fn compute(&mut self, run: &Runtime, amount: Nanos, under: Option<usize>) -> Result<(), Stopped> {
        run.compute(amount, under, |lock| {
            self.drop_interpreter(run);
            self.hold_interpreter(run, Some(lock));
        })
    }

    fn hold_interpreter(&mut self, run: &Runtime, wanted: Option<usize>) {
        if self.interpreter.map(|(lock, _)| lock) == wanted {
            return;
        }
        self.drop_interpreter(run);
        if let Some(lock) = wanted {
            let before = self.cut(Activity::Work);
            let thread = self.pool.thread();
            self.wanted = Some((lock, run.locks[lock].holder()));
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
        self.wanted = Some((lock, run.locks[lock].holder()));
        let (held, contended) = match run.locks[lock].try_take(thread) {
            Attempt::Taken(held) => (held, false),
            Attempt::Waited => {
                self.cut(Activity::Lock);
                (Held::Raw, true)
            }
            Attempt::Refused => {
                self.drop_interpreter(run);
                let held = if let Mechanism::Awaited(mutex) = &run.locks[lock].mechanism {
                    let locking = run.locks[lock].seen.operation("lock");
                    let guard = self.wait(Activity::Lock, locking.during(mutex.lock_arc())).await;
                    run.locks[lock].taken(self.pool.thread(), true);
                    Held::Guard(guard)
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

    async fn access_cache(
        &mut self,
        run: &Runtime,
        access: &Access<'_>,
        number: u64,
        stream: &mut Stream,
    ) -> Result<(), Stopped> {
        let cache = &run.caches[access.cache];
        let key = cache.keys.draw(stream);
        let work = access.hit.sample(stream, number);
        let start = self.cut(Activity::Work);
        let thread = self.pool.worker();
        let mut inside = self.inside(run, work, access.under);
        let hit = cache.cache.access(thread, key, &mut inside).hit;
        let (mut waited, stopped) = (inside.waited, inside.stopped);
        if stopped {
            return Err(Stopped);
        }
        if !hit {
            match access.miss {
                MissCost::Io(draw) => {
                    let length = draw.sample(stream, number);
                    self.drop_interpreter(run);
                    self.cut(Activity::Work);
                    self.wait(Activity::Io, tokio::time::sleep(length.to_duration())).await;
                }
                MissCost::Compute(draw) => {
                    let amount = draw.sample(stream, number);
                    self.hold_interpreter(run, access.under);
                    self.compute(run, amount, access.under)?;
                }
                MissCost::Store(store) => {
                    self.use_store(run, *store, false, || run.stores[*store].read(key))?
                }
            }
            // The wait may have moved the handler to another worker.
            let thread = self.pool.worker();
            let mut inserting = self.inside(run, Nanos::ZERO, access.under);
            cache.cache.insert(thread, key, &mut inserting);
            waited += inserting.waited;
        }
        let end = self.cut(Activity::Work);
        self.pool.seat().book.caches[access.cache].accessed(hit, end - start, waited);
        Ok(())
    }

    fn inside<'task>(
        &'task mut self,
        run: &'task Runtime,
        work: Nanos,
        under: Option<usize>,
    ) -> Inside<'task> {
        Inside {
            handler: self,
            run,
            work,
            under,
            waited: Nanos::ZERO,
            wait_began: Nanos::ZERO,
            stopped: false,
        }
    }

    /// Reads or writes a store, which blocks the worker: its engine has no other interface.
    fn use_store(
        &mut self,
        run: &Runtime,
        store: usize,
        write: bool,
        access: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<(), Stopped> {
        self.drop_interpreter(run);
        let start = self.cut(Activity::Work);
        let outcome = access();
        let end = self.cut(Activity::Io);
        let mut seat = self.pool.seat();
        let ledger = &mut seat.book.stores[store];
        ledger.accessed(write, end - start);
        outcome.map_err(|error| {
            ledger.failure.get_or_insert_with(|| error.to_string());
            run.end_window(end);
            Stopped
        })
    }

    async fn send(&mut self, run: &Runtime, to: usize, parent: u64, origin: Origin) -> Result<(), Stopped> {
        let now = self.cut(Activity::Work);
        let number = child_number(self.pool.actor, parent, self.messages);
        self.messages += 1;
        let measured = now >= run.window_start();
        self.pool.seat().book.issued[to].issued += u64::from(measured);
        let task = Task::message(self.pool.worker(), now, number, origin);
        let lost = match run.offer(to, task) {
            Ok(()) => return Ok(()),
            Err(PushError::Closed(_)) => true,
            Err(PushError::Full(task)) => {
                self.drop_interpreter(run);
                match &run.actors[to].inbox {
                    Inbox::Channel(channel) => {
                        let sending = run.actors[to].seen.operation("send");
                        self.wait(Activity::Call, sending.during(channel.sender().send(task))).await.is_err()
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
        self.note_piece(activity, piece, true);
        output
    }

    fn cut(&mut self, activity: Activity) -> Nanos {
        let piece = self.time.cut(activity);
        self.note_piece(activity, piece, false);
        pool::account(activity, piece.end - piece.start - piece.run_queue);
        piece.end
    }

    /// Notes a piece under the present step; `away` tells that the handler had left its worker.
    fn note_piece(&mut self, activity: Activity, piece: Piece, away: bool) {
        if let (Some(step), Some(cause)) = (self.step, activity.cause()) {
            self.steps[step].0[cause as usize] += piece.end - piece.start - piece.run_queue;
            self.steps[step].0[Cause::RunQueue as usize] += piece.run_queue;
        }
        if self.pool.run.spans > 0 {
            self.keep_span(activity, piece, away);
        }
    }

    /// A wait off the worker goes to a track of the handler's own, everything else to the worker's.
    #[cold]
    fn keep_span(&self, activity: Activity, piece: Piece, away: bool) {
        let Some(service) = &self.service else { return };
        let run = &self.pool.run;
        let lock = self.wanted.filter(|_| activity == Activity::Lock);
        let step = self.step.map_or("", |step| &run.actors[self.pool.actor].program.steps[step]);
        let belongs = Belongs {
            track: if away { self.pool.handler_track(self.number) } else { self.pool.worker() },
            task: service.task.number,
            label: lock.map_or_else(|| step.to_owned(), |(lock, _)| format!("lock {lock}")),
            holder: lock.and_then(|(_, holder)| holder),
        };
        self.pool.seat().book.spans.keep(activity, piece, run.window_start(), &belongs);
    }
}

/// What a handler does around and inside an access to a cache.
struct Inside<'task> {
    handler: &'task mut Handler,
    run: &'task Runtime,
    work: Nanos,
    under: Option<usize>,
    waited: Nanos,
    wait_began: Nanos,
    stopped: bool,
}

impl Probe for Inside<'_> {
    fn blocked(&mut self) {
        self.handler.drop_interpreter(self.run);
        self.wait_began = self.handler.cut(Activity::Work);
    }

    fn resumed(&mut self) {
        let end = self.handler.cut(Activity::Lock);
        self.waited += end - self.wait_began;
    }

    fn inside(&mut self, _hit: bool) {
        self.handler.hold_interpreter(self.run, self.under);
        self.stopped |= self.handler.compute(self.run, self.work, self.under).is_err();
    }
}

/// The causes in the order of their numbers.
const CAUSE_LIST: [Cause; CAUSES] =
    [Cause::Queue, Cause::Execution, Cause::Lock, Cause::RunQueue, Cause::Io, Cause::Call];
