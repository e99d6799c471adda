//! Who performs an actor's tasks, one after the other: a worker thread, or one of many handlers on tokio.
//!
//! Here is what happens to a task as a whole; what its program asks for is in `interpret.rs`.

use super::book::{Belongs, Notes};
use super::executor::Executor;
use super::locks::Held;
use super::profile::StepHooks;
use super::runtime::{Origin, Returned, Runtime, Task};
use super::timekeeper::{Activity, Piece, Timekeeper};
use super::work::{Corpus, Memory};
use crate::engine::ThreadState;
use crate::measure::record::Breakdown;
use crate::measure::{CAUSES, Cause, Finished, TaskTimes};
use crate::queue::PushError;
use crate::units::Nanos;

/// Performs tasks of one actor.
pub(super) struct Performer<'run, E: Executor> {
    pub(super) run: &'run Runtime,
    pub(super) actor: usize,
    pub(super) executor: E,
    pub(super) time: Timekeeper,
    pub(super) memory: Memory,
    pub(super) corpus: Corpus,
    /// The lock held around work, kept from task to task, and since when.
    pub(super) interpreter: Option<(usize, Held, Nanos)>,
    /// Locks held over steps, innermost last, and since when.
    pub(super) held: Vec<(usize, Held, Nanos)>,
    /// The present step, or the last one while its task ends.
    pub(super) step: Option<usize>,
    /// Who held the lock that was last asked for.
    pub(super) held_by: Option<usize>,
    /// The present task's times by step and cause, and repetitions.
    pub(super) steps: Vec<([Nanos; CAUSES], u64)>,
    /// The task under way.
    pub(super) service: Option<Task>,
    /// Number of the present task, or of the last one.
    pub(super) task_number: u64,
    /// Messages that the present task has sent.
    pub(super) messages: u64,
    /// A profiler that wants to know of every step.
    pub(super) hooks: Option<StepHooks>,
}

impl<E: Executor> Drop for Performer<'_, E> {
    /// One that is dropped in the middle of a task leaves it unfinished.
    fn drop(&mut self) {
        if let Some(task) = self.service.take() {
            self.abandon(&task);
        }
        self.let_go();
    }
}

impl<'run, E: Executor> Performer<'run, E> {
    pub(super) fn new(run: &'run Runtime, actor: usize, executor: E, hooks: Option<StepHooks>) -> Self {
        Self {
            run,
            actor,
            executor,
            time: Timekeeper::new(run.clock.clone()),
            memory: Memory::default(),
            corpus: Corpus::default(),
            interpreter: None,
            held: Vec::new(),
            step: None,
            held_by: None,
            steps: vec![Default::default(); run.actors[actor].program.steps.len()],
            service: None,
            task_number: 0,
            messages: 0,
            hooks,
        }
    }

    /// Performs a task from its start to its end, and issues its client's next one.
    #[inline]
    pub(super) async fn serve(&mut self, task: Task) {
        let run = self.run;
        let started = self.time.last();
        if run.spans > 0 {
            let worker = self.executor.worker();
            self.executor
                .note(|notes| notes.book.spans.keep_flow(&task, worker, started, run.window_start()));
        }
        self.time.start_task(started.saturating_sub(task.arrived));
        self.task_number = task.number;
        self.messages = 0;
        self.steps.fill(Default::default());
        let performed = if run.actors[self.actor].program.ops.is_empty() {
            self.service = Some(task);
            Ok(())
        } else {
            let mut stream = run.stream(self.actor, task.number);
            self.service = Some(task);
            self.perform(&mut stream).await
        };
        // Every step ends with a cut, so nothing of the task lies behind the last one.
        let ended = self.time.last();
        let Some(task) = self.service.take() else { return };
        if performed.is_ok() {
            self.complete(task, started, ended);
        } else {
            self.let_go();
            self.abandon(&task);
        }
        self.step = None;
    }

    /// Notes a task that is done, and tells whom it concerns.
    fn complete(&mut self, mut task: Task, started: Nanos, mut ended: Nanos) {
        let (arrived, issued) = (task.arrived, task.issued);
        if matches!(task.origin, Origin::Client) {
            self.reissue(task, ended);
        } else if let Origin::Call(answer) = std::mem::replace(&mut task.origin, Origin::Open) {
            // The caller has gone only when the run is over.
            answer.send(()).ok();
            // An answer is part of the task, and of its last step: the caller's wake-up is paid by whoever answers.
            ended = self.cut(Activity::Work);
        }
        self.note_end(&Finished { arrived, issued, started, ended, times: self.time.task });
    }

    #[inline]
    fn note_end(&mut self, finished: &Finished) {
        let Self { run, actor, executor, time, steps, hooks, .. } = self;
        let publishes = executor.note_end(time, |notes| {
            if let Some(hooks) = hooks {
                hooks.empty_into(&mut notes.book.profile, finished.started >= run.window_start());
            }
            if !notes.book.end(finished, run.window_start(), run.window_end()) {
                return None;
            }
            for (step, (times, count)) in steps.iter().enumerate() {
                notes.book.ledger.step_sums(step, *count, times);
            }
            if *actor != run.focus {
                return None;
            }
            notes.unpublished += 1;
            if let Some(live) = &mut notes.live {
                let sojourn = finished.ended.saturating_sub(finished.arrived);
                live.record(finished.ended, sojourn, &breakdown(&finished.times));
            }
            (notes.unpublished >= run.stride).then(|| std::mem::take(&mut notes.unpublished))
        });
        if let Some(count) = publishes {
            run.publish(count, finished.ended);
        }
    }

    /// Issues the next task of the client whose task ended at `ended`.
    #[inline]
    fn reissue(&mut self, mut task: Task, ended: Nanos) {
        let (run, actor) = (self.run, self.actor);
        if run.stopped() {
            return;
        }
        let thinks = run.renew(actor, &mut task, ended);
        let returned = if thinks {
            Returned::Thinking(task)
        } else {
            let measured = u64::from(task.arrived >= run.window_start());
            self.executor.note(|notes| notes.book.issued[actor].issued += measured);
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
            // The load's thread has gone, so the run is over.
            self.abandon(&task);
        }
    }

    /// Notes a task that the end of the run leaves unfinished. Dropping a call's answer tells the caller.
    pub(super) fn abandon(&mut self, task: &Task) {
        let run = self.run;
        self.executor.note(|notes| notes.book.leave(task.arrived, run.window_start(), run.window_end()));
    }

    /// Gives back whatever a stopped task held.
    fn let_go(&mut self) {
        while let Some((lock, held, _)) = self.held.pop() {
            self.run.locks[lock].give_back(held, self.thread());
        }
    }

    /// The number that names the performer's thread to locks.
    pub(super) fn thread(&self) -> u64 {
        self.executor.worker() as u64
    }

    /// Publishes what is being done, for samplers and live views.
    #[inline]
    pub(super) fn say(&self, state: ThreadState) {
        let step = self.step.map_or(0, |step| u32::try_from(step + 1).unwrap_or(0));
        self.executor.say(step, state);
    }

    /// Ends a piece of time and notes it under the present step.
    #[inline]
    pub(super) fn cut(&mut self, activity: Activity) -> Nanos {
        let piece = self.time.cut(activity);
        self.note_piece(activity, piece, None)
    }

    /// Ends a piece of time that concerned a lock.
    pub(super) fn cut_lock(&mut self, activity: Activity, lock: usize) -> Nanos {
        let piece = self.time.cut(activity);
        self.note_piece(activity, piece, Some(lock))
    }

    /// Ends a wait, for a lock or for something else.
    pub(super) fn cut_wait(&mut self, activity: Activity, lock: Option<usize>) -> Nanos {
        let (piece, away) = self.executor.end_wait(&mut self.time, activity);
        if !away {
            return self.note_piece(activity, piece, lock);
        }
        self.note_times(activity, piece);
        if self.run.spans > 0 {
            self.keep_span(activity, piece, lock, self.executor.track_of_waits());
        }
        piece.end
    }

    /// Notes a piece of the worker's time.
    #[inline]
    pub(super) fn note_piece(&mut self, activity: Activity, piece: Piece, lock: Option<usize>) -> Nanos {
        self.note_times(activity, piece);
        self.executor.account(activity, piece.end - piece.start - piece.run_queue);
        if self.run.spans > 0 {
            self.keep_span(activity, piece, lock, self.executor.worker());
        }
        piece.end
    }

    #[inline]
    fn note_times(&mut self, activity: Activity, piece: Piece) {
        if let (Some(step), Some(cause)) = (self.step, activity.cause()) {
            let times = &mut self.steps[step].0;
            times[cause as usize] += piece.end - piece.start - piece.run_queue;
            times[Cause::RunQueue as usize] += piece.run_queue;
        }
    }

    #[cold]
    fn keep_span(&mut self, activity: Activity, piece: Piece, lock: Option<usize>, track: usize) {
        let run = self.run;
        let label = match (lock, self.step) {
            (Some(lock), _) => run.locks[lock].name.clone(),
            (None, Some(step)) => run.actors[self.actor].program.steps[step].clone(),
            (None, None) => String::new(),
        };
        let belongs = Belongs { track, task: self.task_number, label, holder: self.held_by };
        self.executor.note(|notes| notes.book.spans.keep(activity, piece, run.window_start(), &belongs));
    }

    /// Publishes the completed tasks that have not been yet.
    pub(super) fn publish_rest(&mut self) {
        let count = self.executor.note(|notes: &mut Notes| std::mem::take(&mut notes.unpublished));
        if count > 0 {
            self.run.publish(count, self.time.last());
        }
    }
}

/// A task's time by cause, for the live board.
#[expect(clippy::cast_precision_loss, reason = "shown to three digits")]
fn breakdown(times: &TaskTimes) -> Breakdown {
    let [queue, execution, lock, run_queue, io, call] = times.map(|time| time.0 as f64);
    Breakdown { queue, execution, lock, run_queue, io, call, residual: 0.0 }
}
