//! A worker thread: takes tasks from its actor's queue and performs their programs.

use super::access::Access;
use super::book::{Belongs, Book, ThreadAccount, begin_window};
use super::console::Watched;
use super::locks::{Attempt, Held};
use super::profile::StepHooks;
use super::runtime::{Inbox, Origin, Returned, Runtime, Stopped, Task};
use super::timekeeper::{Activity, Piece, Timekeeper, forget_run_queue};
use super::work::{Corpus, Memory};
use crate::engine::{LiveBatch, ThreadState};
use crate::measure::record::Breakdown;
use crate::measure::sched::{self, ThreadFigures, ThreadSched};
use crate::measure::{Cause, Finished, TaskTimes};
use crate::model::{Op, child_number};
use crate::queue::{PopError, PushError};
use crate::random::Stream;
use crate::units::Nanos;
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;

/// One worker thread.
pub(super) struct Worker<'run> {
    pub(super) run: &'run Runtime,
    actor: usize,
    /// Number among all workers of the run; names the thread to interpreter locks.
    pub(super) index: usize,
    time: Timekeeper,
    pub(super) book: Book,
    memory: Memory,
    corpus: Corpus,
    /// The lock held around work, kept from task to task.
    interpreter: Option<usize>,
    interpreter_since: Nanos,
    /// Locks held over steps, innermost last, and since when.
    held: Vec<(usize, Held, Nanos)>,
    step: Option<usize>,
    /// Who held the lock that was last asked for.
    held_by: Option<usize>,
    /// A profiler that wants to know of every step.
    hooks: Option<StepHooks>,
    pub(super) task_number: u64,
    messages: u64,
    sched: ThreadSched,
    window: Option<(Nanos, Option<ThreadFigures>, u64)>,
    unpublished: u64,
    live: Option<LiveBatch>,
}

impl<'run> Worker<'run> {
    /// Worker number `index` of the run, for `actor`; to be called on its own thread.
    pub(super) fn new(run: &'run Runtime, actor: usize, index: usize) -> Self {
        let steps = run.actors[actor].program.steps.len();
        sched::sharpen_timers();
        forget_run_queue();
        Self {
            run,
            actor,
            index,
            time: Timekeeper::new(run.clock.clone()),
            book: Book::new(actor, run.actors.len(), steps, run.locks.len(), run.spans)
                .with_memory(run.caches.len(), run.stores.len()),
            memory: Memory::default(),
            corpus: Corpus::default(),
            interpreter: None,
            interpreter_since: Nanos::ZERO,
            held: Vec::new(),
            step: None,
            held_by: None,
            hooks: StepHooks::new(run.profiler, &run.clock, steps),
            task_number: 0,
            messages: 0,
            sched: ThreadSched::of_this_thread(),
            window: None,
            unpublished: 0,
            live: run.live(actor),
        }
    }

    /// Works until the queue is closed and drained.
    pub(super) fn work(mut self) -> (Book, ThreadAccount) {
        let spec = &self.run.actors[self.actor].spec;
        let watched = Watched::new(&spec.name, self.index, spec.queue.name());
        while let Ok(task) = self.next_task() {
            if self.window.is_none() && self.time.last() >= self.run.window_start() {
                begin_window(&mut self.book, &mut self.time);
                self.hooks.iter_mut().for_each(StepHooks::begin_window);
                self.window = Some((self.time.last(), self.sched.figures(), self.book.ledger.completed()));
            }
            if self.run.stopped() {
                self.abandon(&task);
                continue;
            }
            watched.busy(|| self.serve(task));
        }
        self.finish()
    }

    /// The next task, asleep while there is none; without the interpreter lock, as a blocked `get` is.
    #[inline]
    fn next_task(&mut self) -> Result<Task, PopError> {
        let actor = &self.run.actors[self.actor];
        let Inbox::Blocking(queue) = &actor.inbox else { unreachable!("workers that await are in tasks.rs") };
        let task = match queue.try_pop() {
            Err(PopError::Empty) => {
                self.cut(Activity::Bookkeeping);
                self.drop_interpreter(Activity::Bookkeeping);
                self.publish_rest();
                self.say(ThreadState::Idle);
                let task = queue.pop();
                self.cut(Activity::Idle);
                self.say(ThreadState::Executing);
                task
            }
            other => {
                self.cut(Activity::Bookkeeping);
                other
            }
        };
        actor.tell();
        task
    }

    fn serve(&mut self, mut task: Task) {
        let started = self.time.last();
        self.book.spans.keep_flow(&task, self.index, started, self.run.window_start());
        self.time.start_task(started.saturating_sub(task.arrived));
        self.task_number = task.number;
        self.messages = 0;
        let run = self.run;
        let performed = if run.actors[self.actor].program.ops.is_empty() {
            Ok(())
        } else {
            let mut stream = run.stream(self.actor, task.number);
            self.perform(&mut stream)
        };
        // Every step ends with a cut, so nothing of the task lies behind the last one.
        let ended = self.time.last();
        if performed.is_err() {
            self.let_go();
            self.abandon(&task);
            return;
        }
        let (arrived, issued) = (task.arrived, task.issued);
        let mut end_seen = ended;
        if matches!(task.origin, Origin::Client) {
            self.reissue(task, ended);
        } else if let Origin::Call(answer) = std::mem::replace(&mut task.origin, Origin::Open) {
            // The caller has gone only when the run is over.
            answer.send(()).ok();
            // An answer is part of the task: the caller's wake-up is paid by whoever answers.
            end_seen = self.cut(Activity::Work).end;
        }
        let finished = Finished { arrived, issued, started, ended: end_seen, times: self.time.task };
        self.note(&finished);
    }

    #[inline]
    fn note(&mut self, finished: &Finished) {
        let run = self.run;
        let counted = self.book.end(finished, run.window_start(), run.window_end());
        if counted && self.actor == run.focus {
            self.unpublished += 1;
            if let Some(live) = &mut self.live {
                let sojourn = finished.ended.saturating_sub(finished.arrived);
                live.record(finished.ended, sojourn, &breakdown(&finished.times));
            }
            if self.unpublished >= run.stride {
                self.publish(finished.ended);
            }
        }
    }

    fn publish(&mut self, at: Nanos) {
        self.run.publish(std::mem::take(&mut self.unpublished), at);
    }

    fn publish_rest(&mut self) {
        if self.unpublished > 0 {
            self.publish(self.time.last());
        }
    }

    /// Issues the next task of the client whose task ended at `ended`.
    #[inline]
    fn reissue(&mut self, mut task: Task, ended: Nanos) {
        let run = self.run;
        if run.stopped() {
            return;
        }
        let thinks = run.renew(self.actor, &mut task, ended);
        let measured = task.arrived >= run.window_start();
        let returned = if thinks {
            Returned::Thinking(task)
        } else {
            self.book.issued[self.actor].issued += u64::from(measured);
            match run.offer(self.actor, task) {
                Ok(()) => return,
                Err(PushError::Full(task)) => Returned::Refused(task),
                Err(PushError::Closed(task)) => return self.abandon(&task),
            }
        };
        if let Some(clients) = &run.actors[self.actor].clients
            && let Err(lost) = clients.send(returned)
            && let Returned::Refused(task) = lost.0
        {
            // The load's thread has gone, so the run is over.
            self.abandon(&task);
        }
    }

    /// Notes a task that the end of the run leaves unfinished. Dropping a call's answer tells the caller.
    fn abandon(&mut self, task: &Task) {
        let run = self.run;
        self.book.leave(task.arrived, run.window_start(), run.window_end());
    }

    fn perform(&mut self, stream: &mut Stream) -> Result<(), Stopped> {
        let run = self.run;
        let ops = &run.actors[self.actor].program.ops;
        let (mut next, mut left) = (0, 0_u32);
        while let Some(op) = ops.get(next) {
            next += 1;
            match op {
                Op::Begin { step, times } => {
                    self.enter(*step);
                    left = *times;
                }
                Op::End { step, repeat_from } => {
                    self.book.ledger.step_done(*step, 1);
                    left -= 1;
                    if left > 0 {
                        next = *repeat_from;
                        self.hooks.iter_mut().for_each(|hooks| hooks.repeat(*step));
                    } else {
                        self.cut(Activity::Work);
                        self.leave(*step);
                    }
                }
                other => self.perform_one(other, stream)?,
            }
        }
        Ok(())
    }

    fn enter(&mut self, step: usize) {
        self.step = Some(step);
        let word = u32::try_from(step + 1).unwrap_or(u32::MAX >> 8) << 8;
        self.run.current[self.index].store(word | ThreadState::Executing as u32, Ordering::Relaxed);
        self.hooks.iter_mut().for_each(StepHooks::enter);
    }

    fn leave(&mut self, step: usize) {
        self.step = None;
        self.run.current[self.index].store(ThreadState::Executing as u32, Ordering::Relaxed);
        self.hooks.iter_mut().for_each(|hooks| hooks.leave(step));
    }

    fn perform_one(&mut self, op: &Op, stream: &mut Stream) -> Result<(), Stopped> {
        match op {
            Op::Begin { .. } | Op::End { .. } => {}
            Op::Compute { draw, under } => {
                let amount = draw.sample(stream, self.task_number);
                self.hold_interpreter(*under);
                self.compute(amount, *under)?;
            }
            Op::Touch { bytes, under } => {
                self.hold_interpreter(*under);
                self.memory.touch(*bytes);
            }
            Op::Compress { bytes, under } => {
                self.hold_interpreter(*under);
                self.corpus.compress(*bytes, self.run.seed);
            }
            Op::Io { draw } => {
                let length = draw.sample(stream, self.task_number);
                self.pause(length)?;
            }
            Op::Lock { lock } => self.lock(*lock),
            Op::Unlock { lock } => self.unlock(*lock),
            Op::Call { to } => self.call(*to)?,
            Op::Send { to } => self.send(*to, Origin::Open)?,
            Op::Cache { cache, hit, miss, under } => {
                self.access_cache(&Access { cache: *cache, hit, miss, under: *under }, stream)?;
            }
            Op::Store { store, write } => self.access_store(*store, *write, stream)?,
        }
        Ok(())
    }

    /// Does an amount of work; gives an interpreter lock around it to whoever asks for it.
    pub(super) fn compute(&mut self, amount: Nanos, under: Option<usize>) -> Result<(), Stopped> {
        let run = self.run;
        run.compute(amount, under, |lock| self.yield_interpreter(lock))
    }

    /// Makes sure that exactly `wanted` is held around work.
    #[inline]
    pub(super) fn hold_interpreter(&mut self, wanted: Option<usize>) {
        if self.interpreter == wanted {
            return;
        }
        self.drop_interpreter(Activity::Work);
        if let Some(lock) = wanted {
            self.take_interpreter(lock);
        }
    }

    fn take_interpreter(&mut self, lock: usize) {
        self.cut(Activity::Work);
        let before = self.time.last();
        let run = self.run;
        self.say(ThreadState::Lock);
        self.held_by = run.locks[lock].holder();
        let contended = match run.locks[lock].try_take(self.index as u64) {
            Attempt::Taken(_) => false,
            Attempt::Waited => true,
            Attempt::Refused => {
                run.locks[lock].take(self.index as u64);
                true
            }
        };
        self.say(ThreadState::Executing);
        if contended {
            self.cut_lock(Activity::Lock, lock);
        }
        self.interpreter = Some(lock);
        self.interpreter_since = self.time.last();
        self.book.locks[lock].taken(contended, self.time.last() - before);
    }

    /// Gives the lock around work back before a wait; the piece before it belongs to `activity`.
    #[inline]
    pub(super) fn drop_interpreter(&mut self, activity: Activity) {
        let Some(lock) = self.interpreter.take() else { return };
        let (run, thread) = (self.run, self.index as u64);
        // First the drop, then the books: by the time that those take, the waiter that asked would be asleep again,
        // and another one would be woken.
        let end = self.time.peek();
        let asked = run.locks[lock].release_around_work(thread);
        let piece = self.time.cut_at(activity, end);
        self.note_piece(activity, piece, None);
        self.book.locks[lock].released(piece.end - self.interpreter_since);
        if asked {
            run.locks[lock].await_hand_over(thread);
        }
        self.cut_lock(Activity::Lock, lock);
    }

    fn yield_interpreter(&mut self, lock: usize) {
        self.drop_interpreter(Activity::Work);
        self.take_interpreter(lock);
    }

    /// Takes a step's lock: one attempt with the interpreter lock held, then waiting without it.
    fn lock(&mut self, lock: usize) {
        let run = self.run;
        let before = self.cut(Activity::Work).end;
        let spins = run.locks[lock].spins();
        self.held_by = run.locks[lock].holder();
        let held = match run.locks[lock].try_take(self.index as u64) {
            Attempt::Taken(held) => Some(held),
            Attempt::Waited => None,
            Attempt::Refused => {
                self.drop_interpreter(Activity::Work);
                self.say(ThreadState::Lock);
                let held = run.locks[lock].take(self.index as u64);
                self.say(ThreadState::Executing);
                self.cut_lock(if spins { Activity::Spin } else { Activity::Lock }, lock);
                self.book.locks[lock].taken(true, self.time.last() - before);
                self.held.push((lock, held, self.time.last()));
                return;
            }
        };
        if held.is_none() {
            self.cut_lock(Activity::Lock, lock);
        }
        self.book.locks[lock].taken(held.is_none(), self.time.last() - before);
        self.held.push((lock, held.unwrap_or(Held::Raw), self.time.last()));
    }

    fn unlock(&mut self, lock: usize) {
        let end = self.cut(Activity::Work).end;
        if let Some((lock, held, since)) = self.held.pop_if(|(held, ..)| *held == lock) {
            self.book.locks[lock].released(end - since);
            self.run.locks[lock].give_back(held, self.index as u64);
        }
    }

    /// Gives back whatever a stopped task held.
    fn let_go(&mut self) {
        while let Some((lock, held, _)) = self.held.pop() {
            self.run.locks[lock].give_back(held, self.index as u64);
        }
    }

    /// Waits without CPU; ended early when the run stops.
    pub(super) fn pause(&mut self, length: Nanos) -> Result<(), Stopped> {
        self.drop_interpreter(Activity::Work);
        let start = self.cut(Activity::Work).end;
        let until = start + length;
        self.say(ThreadState::Io);
        let mut now = start;
        while now < until {
            if self.run.stopped() {
                return Err(Stopped);
            }
            std::thread::park_timeout((until - now).to_duration());
            now = self.time.peek();
        }
        self.say(ThreadState::Executing);
        self.cut(Activity::Io);
        Ok(())
    }

    fn call(&mut self, to: usize) -> Result<(), Stopped> {
        let (answer, answered) = oneshot::channel();
        self.send(to, Origin::Call(answer))?;
        self.drop_interpreter(Activity::Work);
        self.cut(Activity::Work);
        self.say(ThreadState::Call);
        self.hooks.iter_mut().for_each(StepHooks::call);
        let outcome = answered.blocking_recv();
        self.hooks.iter_mut().for_each(StepHooks::answered);
        self.say(ThreadState::Executing);
        self.cut(Activity::Call);
        outcome.map_err(|_| Stopped)
    }

    /// Sends a message, waiting for room without the interpreter lock.
    fn send(&mut self, to: usize, origin: Origin) -> Result<(), Stopped> {
        let run = self.run;
        let now = self.cut(Activity::Work).end;
        let number = child_number(self.actor, self.task_number, self.messages);
        self.messages += 1;
        let measured = now >= run.window_start();
        self.book.issued[to].issued += u64::from(measured);
        let task = Task::message(self.index, now, number, origin);
        let refused = match run.offer(to, task) {
            Ok(()) => return Ok(()),
            Err(PushError::Closed(_)) => Some(now),
            Err(PushError::Full(task)) => {
                self.drop_interpreter(Activity::Work);
                self.say(ThreadState::Call);
                let pushed = run.actors[to].inbox.queue().push(task);
                self.say(ThreadState::Executing);
                self.cut(Activity::Call);
                pushed.err().map(|refusal| refusal.into_item().arrived)
            }
        };
        // Refused only because the run is over: the message was on its way.
        match refused {
            None => Ok(()),
            Some(arrived) => {
                if measured {
                    let issued = &mut self.book.issued[to];
                    issued.in_flight += 1;
                    issued.presence += u128::from(run.window_end().saturating_sub(arrived).0);
                }
                Err(Stopped)
            }
        }
    }

    /// Publishes what the thread does, for samplers and live views.
    #[inline]
    fn say(&self, state: ThreadState) {
        let current = &self.run.current[self.index];
        let step = current.load(Ordering::Relaxed) & !0xff;
        current.store(step | state as u32, Ordering::Relaxed);
        if let Some(thread) = self.run.progress.live.threads().get(self.index) {
            thread.set(state);
        }
    }

    /// Ends a piece of time and notes it under the present step.
    #[inline]
    pub(super) fn cut(&mut self, activity: Activity) -> Piece {
        let piece = self.time.cut(activity);
        self.note_piece(activity, piece, None);
        piece
    }

    fn cut_lock(&mut self, activity: Activity, lock: usize) {
        let piece = self.time.cut(activity);
        self.note_piece(activity, piece, Some(lock));
    }

    #[inline]
    fn note_piece(&mut self, activity: Activity, piece: Piece, lock: Option<usize>) {
        if let (Some(step), Some(cause)) = (self.step, activity.cause()) {
            self.book.ledger.step_time(step, cause, piece.end - piece.start - piece.run_queue);
            if piece.run_queue > Nanos::ZERO {
                self.book.ledger.step_time(step, Cause::RunQueue, piece.run_queue);
            }
        }
        if self.book.spans.wanted() {
            self.keep_span(activity, piece, lock);
        }
    }

    #[cold]
    fn keep_span(&mut self, activity: Activity, piece: Piece, lock: Option<usize>) {
        let steps = &self.run.actors[self.actor].program.steps;
        let label = match (lock, self.step) {
            (Some(lock), _) => format!("lock {lock}"),
            (None, Some(step)) => steps[step].clone(),
            (None, None) => String::new(),
        };
        let belongs = Belongs { track: self.index, task: self.task_number, label, holder: self.held_by };
        self.book.spans.keep(activity, piece, self.run.window_start(), &belongs);
    }

    fn finish(mut self) -> (Book, ThreadAccount) {
        self.publish_rest();
        self.drop_interpreter(Activity::Bookkeeping);
        self.cut(Activity::Bookkeeping);
        let end = self.time.last();
        let (start, before, tasks_before) = self.window.unwrap_or_else(|| {
            // It got no task since the window began (it may have starved at a lock), so all it noted is warm-up.
            begin_window(&mut self.book, &mut self.time);
            (end, None, self.book.ledger.completed())
        });
        let account = ThreadAccount {
            name: format!("{}-{}", self.run.actors[self.actor].spec.name, self.index),
            actor: self.actor,
            wall: end - start,
            times: self.time.thread,
            kernel: before.and_then(|before| Some(self.sched.figures()?.since(before))),
            tasks: self.book.ledger.completed() - tasks_before,
            clock_reads: self.time.clock_reads,
            kernel_reads: self.time.kernel_reads,
        };
        self.book.profile = self.hooks.take().map(StepHooks::into_rows).unwrap_or_default();
        self.book.compressed = (self.corpus.input, self.corpus.output);
        (self.book, account)
    }
}

/// A task's time by cause, for the live board.
#[expect(clippy::cast_precision_loss, reason = "shown to three digits")]
pub(super) fn breakdown(times: &TaskTimes) -> Breakdown {
    let [queue, execution, lock, run_queue, io, call] = times.map(|time| time.0 as f64);
    Breakdown { queue, execution, lock, run_queue, io, call, residual: 0.0 }
}
