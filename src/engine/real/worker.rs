//! A worker thread: takes tasks from its actor's queue and performs them, blocking wherever they wait.

use super::console::Watched;
use super::executor::{Executor, block_on, block_until, ready};
use super::locks::Held;
use super::performer::Performer;
use super::profile::StepHooks;
use super::runtime::{Inbox, Runtime, Stopped, Task};
use super::timekeeper::{Activity, Segment, Timekeeper, forget_run_queue};
use super::worker_stats::{Notes, ThreadAccount, begin_window};
use crate::engine::ThreadState;
use crate::measure::sched::{self, ThreadFigures, ThreadSched};
use crate::queue::PopError;
use crate::units::Nanos;
use std::future::Future;
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;

/// Executes a performer on a thread of its own.
pub(super) struct Blocking<'run> {
    run: &'run Runtime,
    /// Number among all workers of the run.
    index: usize,
    notes: &'run mut Notes,
    sched: ThreadSched,
    /// When its measured window began, and what the kernel said then.
    window: Option<(Nanos, Option<ThreadFigures>)>,
    /// The thread's account of its window, once that has ended.
    account: ThreadAccount,
}

impl Executor for Blocking<'_> {
    #[inline]
    fn worker(&self) -> usize {
        self.index
    }

    #[inline]
    fn note<R>(&mut self, note: impl FnOnce(&mut Notes) -> R) -> R {
        note(self.notes)
    }

    #[inline]
    fn say(&self, step: u32, state: ThreadState) {
        self.run.current[self.index].store(step << 8 | state as u32, Ordering::Relaxed);
        if let Some(thread) = self.run.progress.live.threads().get(self.index) {
            thread.set(state);
        }
    }

    /// The thread's own timekeeper accounts for it.
    #[inline]
    fn account(&mut self, _activity: Activity, _own: Nanos) {}

    /// A thread that slept over the edge has slept from it on.
    fn begin_window(&mut self, time: &mut Timekeeper, activity: Activity, segment: Segment) {
        begin_window(&mut self.notes.stats, time);
        let from = if activity.sleeps() { segment.start.max(self.run.window_start()) } else { segment.end };
        time.sleep_on(activity, segment.end - from);
        self.window = Some((from, self.sched.figures()));
    }

    /// A thread that slept over the edge has slept up to it.
    fn end_window(&mut self, time: &Timekeeper, activity: Activity, segment: Segment) {
        self.notes.stats.close_window();
        let Some((from, before)) = self.window else { return };
        let until =
            if activity.sleeps() { self.run.window_end().clamp(from, segment.end) } else { segment.end };
        let account = &mut self.account;
        account.wall = until - from;
        account.times = time.thread;
        account.times.wake_at(activity, segment.end - until);
        account.kernel = before.and_then(|before| Some(self.sched.figures()?.since(before)));
        account.tasks = self.notes.stats.completed();
        (account.clock_reads, account.kernel_reads) = (time.clock_reads, time.kernel_reads);
    }

    #[inline]
    fn fall_asleep(&self, time: &mut Timekeeper) {
        time.begin_wait();
    }

    #[inline]
    fn end_wait(&mut self, time: &mut Timekeeper, activity: Activity) -> (Segment, bool) {
        (time.cut(activity), false)
    }

    fn track_of_waits(&self) -> usize {
        self.index
    }

    async fn sleep(&mut self, length: Nanos) -> Result<(), Stopped> {
        let mut now = self.run.clock.now();
        let until = now + length;
        while now < until {
            if self.run.stopped() {
                return Err(Stopped);
            }
            std::thread::park_timeout((until - now).to_duration());
            now = self.run.clock.now();
        }
        Ok(())
    }

    async fn await_answer(&mut self, answered: oneshot::Receiver<()>) -> Result<(), Stopped> {
        block_on(self.run, answered)?.map_err(|_| Stopped)
    }

    async fn push(&mut self, to: usize, task: Task) -> Result<(), Task> {
        self.run.actors[to].inbox.queue().push(task).map_err(|refusal| refusal.into_item())
    }

    async fn wait_for<F>(&mut self, future: F, until: Option<Nanos>) -> Result<Option<F::Output>, Stopped>
    where
        F: Future<Output: Send> + Send,
    {
        block_until(self.run, future, until)
    }

    fn sleep_here(&mut self, length: Nanos) -> Result<(), Stopped> {
        ready(self.sleep(length))
    }

    async fn take(&mut self, lock: usize, _entry: usize) -> Result<Held, Stopped> {
        self.run.locks[lock].take(self.run, self.index as u64)
    }
}

/// One worker thread.
struct Worker<'run> {
    performer: Performer<'run, Blocking<'run>>,
}

/// Works as worker number `index` of the run, `number` of `actor`, until the queue is closed and drained; to be called on
/// a thread of its own.
pub(super) fn work(run: &Runtime, actor: usize, index: usize, number: usize) -> (Notes, ThreadAccount) {
    run.enter_group();
    sched::set_nice(run.actors[actor].spec.nice);
    sched::sharpen_timers();
    if let Some(thread) = run.progress.live.threads().get(index) {
        thread.here();
    }
    forget_run_queue();
    let mut notes = Notes::new(run, actor);
    let hooks = StepHooks::new(run.profiler, &run.clock, run.actors[actor].program.steps.len());
    let executor = Blocking {
        run,
        index,
        notes: &mut notes,
        sched: ThreadSched::of_this_thread(),
        window: None,
        account: ThreadAccount {
            name: format!("{}-{index}", run.actors[actor].spec.name),
            actor,
            ..ThreadAccount::default()
        },
    };
    let worker = Worker { performer: Performer::new(run, actor, number, executor, hooks) };
    let account = worker.work();
    (notes, account)
}

impl Worker<'_> {
    fn work(mut self) -> ThreadAccount {
        let Performer { run, actor, .. } = self.performer;
        let spec = &run.actors[actor].spec;
        let watched = Watched::new(&spec.name, self.performer.executor.index, spec.queue.name());
        while let Ok(task) = self.next_task() {
            let Some(task) = self.unless_away(task) else { continue };
            let performer = &mut self.performer;
            if run.stopped() {
                performer.leave_waiting(task.to as usize, &task);
                continue;
            }
            watched.busy(|| ready(performer.serve(task)));
        }
        self.finish()
    }

    /// Sleeps while the worker is away after it has died.
    #[cold]
    fn stay_away(&mut self) {
        let performer = &mut self.performer;
        let run = performer.run;
        let until = run.deaths.back_at(performer.executor.index);
        let left = until.saturating_sub(run.clock.now());
        if left == Nanos::ZERO || run.stopped() {
            return;
        }
        performer.cut(Activity::Bookkeeping);
        performer.drop_interpreter(Activity::Bookkeeping);
        performer.publish_rest();
        performer.executor.say(0, ThreadState::Idle);
        performer.time.begin_wait();
        ready(performer.executor.sleep(left)).ok();
        performer.cut(Activity::Idle);
        performer.executor.say(0, ThreadState::Executing);
    }

    /// A task that has just been taken from the queue; a worker that died while it was idle leaves it to the others, and keeps it
    /// where there is no room for it.
    #[inline]
    fn unless_away(&mut self, task: Task) -> Option<Task> {
        let Performer { run, actor, .. } = self.performer;
        if !run.deaths.any {
            return Some(task);
        }
        if run.deaths.back_at(self.performer.executor.index) <= run.clock.now() || run.stopped() {
            return Some(task);
        }
        let kept = match run.offer(actor, task) {
            Ok(()) => None,
            Err(refusal) => Some(refusal.into_item()),
        };
        self.stay_away();
        kept
    }

    /// The next task, asleep while there is none; without the interpreter lock, as a blocked `get` is.
    #[inline]
    fn next_task(&mut self) -> Result<Task, PopError> {
        if self.performer.run.deaths.any {
            // Once is enough: who dies meanwhile finds out with a task in hand.
            self.stay_away();
        }
        let performer = &mut self.performer;
        let actor = &performer.run.actors[performer.actor];
        let Inbox::Blocking(queue) = &*actor.inbox else {
            unreachable!("workers that await are in tasks.rs")
        };
        let task = match queue.try_pop() {
            Err(PopError::Empty) => {
                performer.cut(Activity::Bookkeeping);
                performer.drop_interpreter(Activity::Bookkeeping);
                performer.publish_rest();
                performer.executor.say(0, ThreadState::Idle);
                performer.time.begin_wait();
                let task = queue.pop();
                performer.cut(Activity::Idle);
                performer.executor.say(0, ThreadState::Executing);
                task
            }
            other => {
                performer.cut(Activity::Bookkeeping);
                other
            }
        };
        actor.tell();
        task
    }

    fn finish(self) -> ThreadAccount {
        let Self { mut performer } = self;
        performer.publish_rest();
        performer.drop_interpreter(Activity::Bookkeeping);
        performer.cut(Activity::Bookkeeping);
        performer.executor.notes.stats.compressed = (performer.corpus.input, performer.corpus.output);
        std::mem::take(&mut performer.executor.account)
    }
}
