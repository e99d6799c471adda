//! Who performs an actor's tasks, one after the other: a worker thread, or one of many handlers on tokio.
//!
//! Here is what happens to a task as a whole; what its program asks for is in `interpret.rs`.

use super::executor::Executor;
use super::gathering::Member;
use super::locks::{Held, use_key};
use super::places::Place;
use super::profile::StepHooks;
use super::register::{Awaits, Entry};
use super::runtime::{Origin, Returned, Runtime, Task};
use super::timekeeper::{Activity, Segment, Timekeeper};
use super::whole_tasks::Whole;
use super::work::{Corpus, Memory};
use super::worker_stats::{Belongs, Notes, WorkerStats};
use crate::engine::ThreadState;
use crate::measure::record::Breakdown;
use crate::measure::verdicts::Waiter;
use crate::measure::{CAUSES, Cause, Epoch, Finished, Outcome, TaskTimes};
use crate::queue::PushError;
use crate::units::Nanos;
use std::sync::Arc;

/// Performs tasks of one actor.
pub(super) struct Performer<'run, E: Executor> {
    pub(super) run: &'run Runtime,
    pub(super) actor: usize,
    /// Number of its entry in the register of waits.
    pub(super) entry: usize,
    pub(super) executor: E,
    pub(super) time: Timekeeper,
    pub(super) memory: Memory,
    pub(super) corpus: Corpus,
    /// The lock held around work, kept from task to task, and since when.
    pub(super) interpreter: Option<(usize, Held, Nanos)>,
    /// Locks held over steps, innermost last, and since when.
    pub(super) held: Vec<(usize, Held, Nanos)>,
    /// Places held over steps, innermost last, and since when.
    pub(super) places: Vec<(usize, Place, Nanos)>,
    /// Batches that the present task leads: the step, and for whom else.
    pub(super) leading: Vec<(usize, Vec<Arc<Member>>)>,
    /// How the present task ends, if it does not complete.
    pub(super) ending: Option<Outcome>,
    /// Whether it ends with its worker.
    pub(super) died: bool,
    /// How often the worker had been killed when it took the present task.
    pub(super) kills_before: u32,
    /// The present step, or the last one while its task ends.
    pub(super) step: Option<usize>,
    /// The same, or the last one: a worker keeps an interpreter lock from task to task.
    pub(super) last_step: usize,
    /// Who held the lock that was last asked for.
    pub(super) held_by: Option<usize>,
    /// The present task's times by step and cause, and repetitions.
    pub(super) steps: Vec<([Nanos; CAUSES], u64)>,
    /// The task under way, and when its service began.
    pub(super) service: Option<(Task, Nanos)>,
    /// The same, where a timeline is wanted.
    pub(super) whole: Option<Whole>,
    /// What it waits for, and the lock, if it is one.
    pub(super) waits: Option<(Activity, Option<usize>)>,
    /// How far the measured window is, as this performer has noted it.
    phase: Phase,
    /// Number of the present task, or of the last one.
    pub(super) task_number: u64,
    /// Messages that the present task has sent.
    pub(super) messages: u64,
    /// Calls that the performer has made.
    pub(super) calls: u64,
    /// A profiler that wants to know of every step.
    pub(super) hooks: Option<StepHooks>,
}

impl<E: Executor> Drop for Performer<'_, E> {
    /// One that is dropped in the middle of a task leaves it unfinished.
    fn drop(&mut self) {
        if let Some((task, started)) = self.put_down() {
            if let Some((activity, lock)) = self.waits.take() {
                let segment = self.time.cut_resumed(activity, None);
                self.note_times(activity, segment);
                self.look_at_edges(activity, segment, lock);
            }
            self.abandon(&task, started);
        }
        self.let_go();
    }
}

impl<'run, E: Executor> Performer<'run, E> {
    /// Performer `number` of `actor`.
    pub(super) fn new(
        run: &'run Runtime,
        actor: usize,
        number: usize,
        executor: E,
        hooks: Option<StepHooks>,
    ) -> Self {
        Self {
            run,
            actor,
            entry: run.register.performers[actor].start + number,
            executor,
            time: Timekeeper::new(run.clock.clone(), run.group.clone()),
            memory: Memory::default(),
            corpus: Corpus::default(),
            interpreter: None,
            held: Vec::new(),
            places: Vec::new(),
            leading: Vec::new(),
            ending: None,
            died: false,
            kills_before: 0,
            step: None,
            last_step: 0,
            held_by: None,
            steps: vec![Default::default(); run.actors[actor].program.steps.len()],
            service: None,
            whole: None,
            waits: None,
            phase: Phase::Before,
            task_number: 0,
            messages: 0,
            calls: 0,
            hooks,
        }
    }

    /// Performs a task from its start to its end, and issues its client's next one.
    #[inline]
    pub(super) async fn serve(&mut self, task: Task) {
        let run = self.run;
        let started = self.time.last();
        self.serve_actor(task.to as usize);
        if run.spans > 0 {
            let worker = self.executor.worker();
            self.whole = Some(Whole::of(run, &task, self.actor, started));
            self.executor
                .note(|notes| notes.stats.spans.keep_flow(&task, worker, started, run.window_start()));
        }
        self.time.start_task(started.saturating_sub(task.arrived));
        self.task_number = task.number;
        self.messages = 0;
        if run.deaths.any {
            self.kills_before = run.deaths.kills(self.executor.worker());
        }
        run.register.entries[self.entry].serve(match &task.origin {
            Origin::Call { ticket, .. } => Some(*ticket),
            Origin::Part(asking, _) => Some(asking.ticket),
            Origin::Open | Origin::Client => None,
        });
        self.steps.fill(Default::default());
        if run.special
            && let Some(outcome) = self.turned_away(&task, started)
        {
            self.end_otherwise(task, (outcome, started), started);
            return;
        }
        let performed = if run.actors[self.actor].program.ops.is_empty() {
            self.take_in_hand(task, started);
            Ok(())
        } else {
            let mut stream = run.stream(self.actor, task.number);
            let kind = task.kind as usize;
            self.take_in_hand(task, started);
            self.perform(kind, &mut stream).await
        };
        let Some((task, started)) = self.put_down() else { return };
        if performed.is_ok() {
            // Every step ends with a cut, so nothing of the task lies behind the last one.
            self.complete(task, started, self.time.last());
        } else {
            let ended = self.cut(Activity::Work);
            match self.ending.take() {
                Some(outcome) => {
                    self.let_go();
                    self.end_otherwise(task, (outcome, started), ended);
                }
                None => {
                    self.abandon(&task, started);
                    self.let_go();
                }
            }
        }
        self.step = None;
    }

    /// Its next task is one of this actor, where several share their workers.
    #[inline]
    fn serve_actor(&mut self, actor: usize) {
        if self.actor != actor {
            self.actor = actor;
            self.steps.resize(self.run.actors[actor].program.steps.len(), Default::default());
        }
    }

    /// Notes a task that is done, and tells whom it concerns.
    fn complete(&mut self, mut task: Task, started: Nanos, mut ended: Nanos) {
        let (arrived, issued, epoch, kind) = (task.arrived, task.issued, task.epoch, task.kind);
        self.run.instances.left(self.actor);
        let mut wasted = false;
        if matches!(task.origin, Origin::Client) {
            self.reissue(task, ended);
        } else {
            match std::mem::replace(&mut task.origin, Origin::Open) {
                Origin::Call { answer, ticket } => {
                    self.run.register.answer(ticket);
                    // The caller has gone only when the run is over.
                    answer.send(()).ok();
                }
                Origin::Part(asking, part) => {
                    self.register().served(asking.ticket);
                    wasted = !asking.answer(part, Outcome::Completed);
                }
                Origin::Open | Origin::Client => {}
            }
            // An answer is part of the task, and of its last step: the caller's wake-up is paid by whoever answers.
            ended = self.cut(Activity::Work);
        }
        let finished = Finished { arrived, issued, started, ended, times: self.time.task };
        if self.whole.is_some() {
            self.keep_whole(Outcome::Completed, ended);
        }
        self.note_end(&finished, epoch, (kind, wasted));
    }

    #[inline]
    fn note_end(&mut self, finished: &Finished, epoch: Epoch, (kind, wasted): (u32, bool)) {
        let party = self.executor.worker();
        let Self { run, actor, executor, time, steps, hooks, .. } = self;
        let publishes = executor.note_end(time, |notes| {
            notes.stats.serve(run, *actor);
            if let Some(hooks) = hooks {
                hooks.empty_into(&mut notes.stats.profile, epoch == Epoch::Inside);
            }
            let counted = notes.stats.end(run, party, finished, epoch);
            if epoch == Epoch::Inside {
                note_steps(&mut notes.stats, steps);
            }
            if run.special && epoch == Epoch::Inside {
                let at = finished.arrived.saturating_sub(run.start());
                notes.stats.groups[*actor].of(at, kind).for_each(|group| group.finish(finished));
                notes.stats.ledger.ends.wasted += u64::from(wasted);
            }
            if !counted || run.home(*actor) != run.focus {
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
    pub(super) fn reissue(&mut self, mut task: Task, ended: Nanos) {
        let (run, actor) = (self.run, self.run.home(self.actor));
        if run.stopped() {
            return;
        }
        let thinks = run.renew(actor, &mut task, ended);
        let returned = if thinks {
            Returned::Thinking(task)
        } else {
            let party = self.executor.worker();
            self.executor.note(|notes| notes.stats.arrive(run, (actor, party), &mut task));
            let to = run.share_out(actor, &mut task);
            match run.offer(to, task) {
                Ok(()) => return,
                Err(PushError::Full(task)) => Returned::Refused(task),
                Err(PushError::Closed(task)) => return self.leave_waiting(actor, &task),
            }
        };
        if let Some(clients) = &run.actors[actor].clients
            && let Err(lost) = clients.send(returned)
            && let Returned::Refused(task) = lost.0
        {
            // The load's thread has gone, so the run is over.
            self.leave_waiting(actor, &task);
        }
    }

    /// Notes a task for the actor `to` that nobody has begun to serve when the run is over. Dropping a call's answer tells
    /// the caller.
    pub(super) fn leave_waiting(&mut self, to: usize, task: &Task) {
        self.executor.note(|notes| notes.stats.issued[to].leave(task));
    }

    /// Notes a task whose service the end of the run interrupts, as far as it got.
    fn abandon(&mut self, task: &Task, started: Nanos) {
        let Self { run, actor, executor, time, steps, .. } = self;
        let (arrived, issued) = (task.arrived, task.issued);
        let unfinished = Finished { arrived, issued, started, ended: time.last(), times: time.task };
        executor.note(|notes| {
            notes.stats.serve(run, *actor);
            notes.stats.leave(run, &unfinished, task.epoch);
            if task.epoch == Epoch::Inside {
                note_steps(&mut notes.stats, steps);
            }
        });
    }

    /// Gives back whatever a stopped task held.
    fn let_go(&mut self) {
        while let Some((lock, held, _)) = self.held.pop() {
            self.register().release(1 + self.held.len());
            self.run.locks[lock].give_back(held, self.thread());
        }
        self.let_go_of_others();
    }

    /// Its entry in the register of waits.
    #[inline]
    pub(super) fn register(&self) -> &'run Entry {
        &self.run.register.entries[self.entry]
    }

    /// A wait begins that has no bound of its own.
    #[inline]
    pub(super) fn begin_wait(&mut self, awaits: Awaits) {
        self.register().begin(awaits, self.time.last().0);
        self.executor.fall_asleep(&mut self.time);
    }

    /// It is over.
    #[inline]
    pub(super) fn end_wait(&self) {
        self.register().end();
    }

    /// The number that names the performer's thread to locks.
    pub(super) fn thread(&self) -> u64 {
        self.executor.worker() as u64
    }

    /// The step that takes or gives a lock, as a key of the lock's uses.
    pub(super) fn user(&self) -> u64 {
        use_key(self.run.home(self.actor), self.last_step)
    }

    /// Publishes what is being done, for samplers and live views.
    #[inline]
    pub(super) fn say(&self, state: ThreadState) {
        let step = self.step.map_or(0, |step| u32::try_from(step + 1).unwrap_or(0));
        self.executor.say(step, state);
    }

    /// A handler comes to a worker with nothing of its own to account for.
    pub(super) fn came_to_work(&mut self) {
        let segment = self.time.cut_resumed(Activity::Bookkeeping, None);
        self.look_at_edges(Activity::Bookkeeping, segment, None);
    }

    /// Ends a segment of time and notes it under the present step.
    #[inline]
    pub(super) fn cut(&mut self, activity: Activity) -> Nanos {
        let segment = self.time.cut(activity);
        self.note_piece(activity, segment, None)
    }

    /// Ends a segment of time that concerned a lock.
    pub(super) fn cut_lock(&mut self, activity: Activity, lock: usize) -> Nanos {
        let segment = self.time.cut(activity);
        self.note_piece(activity, segment, Some(lock))
    }

    /// Ends a wait, for a lock or for something else.
    pub(super) fn cut_wait(&mut self, activity: Activity, lock: Option<usize>) -> Nanos {
        let (segment, away) = self.executor.end_wait(&mut self.time, activity);
        self.waits = None;
        if !away {
            return self.note_piece(activity, segment, lock);
        }
        self.note_times(activity, segment);
        if self.run.spans > 0 {
            self.keep_span(activity, segment, lock, self.executor.track_of_waits());
        }
        self.look_at_edges(activity, segment, lock);
        segment.end
    }

    /// Notes a segment of the worker's time.
    #[inline]
    pub(super) fn note_piece(&mut self, activity: Activity, segment: Segment, lock: Option<usize>) -> Nanos {
        self.note_times(activity, segment);
        self.executor.account(activity, segment.end - segment.start - segment.run_queue);
        if self.run.spans > 0 {
            self.keep_span(activity, segment, lock, self.executor.worker());
        }
        self.look_at_edges(activity, segment, lock);
        segment.end
    }

    /// Notes that the window has begun or ended, if it has within this segment.
    #[inline]
    fn look_at_edges(&mut self, activity: Activity, segment: Segment, lock: Option<usize>) {
        let edge = match self.phase {
            Phase::Before => self.run.window_start(),
            Phase::Within => self.run.window_end(),
            Phase::After => return,
        };
        if segment.end >= edge {
            self.cross_edges(activity, segment, lock);
        }
    }

    #[cold]
    fn cross_edges(&mut self, activity: Activity, segment: Segment, lock: Option<usize>) {
        if self.phase == Phase::Before {
            self.phase = Phase::Within;
            self.executor.begin_window(&mut self.time, activity, segment);
        }
        let end = self.run.window_end();
        if segment.end < end {
            return;
        }
        self.phase = Phase::After;
        self.executor.end_window(&self.time, activity, segment);
        // Whoever waits or holds at the end is in no figure yet.
        if let Some(lock) = lock.filter(|_| segment.start < end && activity.waits_for_lock()) {
            let worker = self.executor.worker();
            let on_worker = self.executor.track_of_waits() == worker;
            let waiter =
                Waiter { actor: self.actor, worker: on_worker.then_some(worker), since: segment.start };
            self.executor.note(|notes| {
                notes.stats.at_the_end(lock, |ledger| ledger.waits(end - segment.start));
                notes.stats.waiting.push((lock, waiter));
            });
        }
        let around_work = self.interpreter.iter().map(|(lock, _, since)| (*lock, *since));
        for (lock, since) in self.held.iter().map(|(lock, _, since)| (*lock, *since)).chain(around_work) {
            let hold = end.saturating_sub(since);
            let by = self.user();
            self.executor.note(|notes| notes.stats.at_the_end(lock, |ledger| ledger.released(by, hold)));
        }
    }

    #[inline]
    fn note_times(&mut self, activity: Activity, segment: Segment) {
        if let (Some(step), Some(cause)) = (self.step, activity.cause()) {
            let times = &mut self.steps[step].0;
            times[cause as usize] += segment.end - segment.start - segment.run_queue;
            times[Cause::RunQueue as usize] += segment.run_queue - segment.throttled;
            times[Cause::Throttled as usize] += segment.throttled;
        }
    }

    #[cold]
    fn keep_span(&mut self, activity: Activity, segment: Segment, lock: Option<usize>, track: usize) {
        let run = self.run;
        let label = match (lock, self.step) {
            (Some(lock), _) => run.locks[lock].name.clone(),
            (None, Some(step)) => run.actors[self.actor].program.steps[step].clone(),
            (None, None) => String::new(),
        };
        // Who holds the lock of a cache is not known; what is noted is of the last named lock.
        let holder = lock.and(self.held_by);
        let belongs = Belongs { track, task: self.task_key(), label, holder };
        self.executor.note(|notes| notes.stats.spans.keep(activity, segment, run.window_start(), &belongs));
    }

    /// Publishes the completed tasks that have not been yet.
    pub(super) fn publish_rest(&mut self) {
        let count = self.executor.note(|notes: &mut Notes| std::mem::take(&mut notes.unpublished));
        if count > 0 {
            self.run.publish(count, self.time.last());
        }
    }
}

/// How far the measured window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Before,
    Within,
    After,
}

/// Notes what a measured task has spent on each step.
pub(super) fn note_steps(stats: &mut WorkerStats, steps: &[([Nanos; CAUSES], u64)]) {
    for (step, (times, count)) in steps.iter().enumerate() {
        stats.ledger.step_sums(step, *count, times);
    }
}

/// A task's time by cause, for the live board.
#[expect(clippy::cast_precision_loss, reason = "shown to three digits")]
fn breakdown(times: &TaskTimes) -> Breakdown {
    Breakdown::of_causes(times.map(|time| time.0 as f64))
}
