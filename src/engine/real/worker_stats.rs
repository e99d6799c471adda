//! What one worker notes in a run; merged when the run is over.

use super::locks::LockLedger;
use super::memory::StoreLedger;
use super::places::PoolLedger;
use super::profile::StepSeen;
use super::runtime::{ActorRuntime, NOBODY, Runtime, TaskBody};
use super::timekeeper::{Activity, Segment, ThreadTimes, Timekeeper};
use crate::engine::LiveBatch;
use crate::measure::record::CallsRecord;
use crate::measure::record::{Flow, Span, TaskSpan, ThreadRecord};
use crate::measure::sched::ThreadFigures;
use crate::measure::verdicts::Waiter;
use crate::measure::{
    CacheLedger, Cause, Epoch, Finished, Group, Groups, Ledger, Outcome, Presence, TaskTimes,
};
use crate::units::Nanos;
use std::collections::BTreeMap;

/// Tasks that somebody issued to an actor.
#[derive(Clone, Debug, Default)]
pub(super) struct Issued {
    /// In the measured window.
    pub(super) issued: u64,
    /// Of these, refused.
    pub(super) refused: u64,
    pub(super) presence: Presence,
    /// Tasks that nobody began to serve before the run was over.
    pub(super) left: Vec<Left>,
}

/// A task that waits in or before a queue when the run is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    arrived: Nanos,
    issued: Nanos,
    epoch: Epoch,
}

impl Issued {
    /// Notes that a task arrives, before it is offered to a queue; `party` issues it.
    #[inline]
    pub(super) fn arrive(&mut self, run: &Runtime, party: usize, task: &mut TaskBody) {
        let start = run.window_start();
        task.epoch = Epoch::of(task.arrived, start, run.window_end());
        if task.epoch == Epoch::After {
            return;
        }
        self.presence.arrive(task.arrived, start);
        if task.epoch == Epoch::Inside {
            self.issued += 1;
            run.issued_by(party);
        }
    }

    /// Notes that a task which has arrived is turned away.
    pub(super) fn refuse(&mut self, run: &Runtime, party: usize, task: &TaskBody) {
        if task.epoch == Epoch::After {
            return;
        }
        let now = task.issued.max(task.arrived);
        self.presence.leave(task.arrived, now, run.window_start(), run.window_end());
        if task.epoch == Epoch::Inside {
            self.refused += 1;
            run.ended_at(party);
        }
    }

    /// Notes that the run is over before anybody has begun to serve a task.
    pub(super) fn leave(&mut self, task: &TaskBody) {
        if task.epoch != Epoch::After {
            self.left.push(Left { arrived: task.arrived, issued: task.issued, epoch: task.epoch });
        }
    }
}

impl Left {
    /// Notes it as unfinished: all of its time was waiting in the queue.
    pub(super) fn note(&self, ledger: &mut Ledger, start: Nanos, end: Nanos, over: Nanos) {
        let ended = over.max(self.arrived);
        let mut times = TaskTimes::default();
        times[Cause::Queue as usize] = ended - self.arrived;
        let task = Finished { arrived: self.arrived, issued: self.issued, started: ended, ended, times };
        ledger.leave(&task, self.epoch, start, end);
    }
}

/// One worker's notes.
#[derive(Debug)]
pub(super) struct WorkerStats {
    /// The actor whose tasks it notes now, where its workers are shared; otherwise its own.
    pub(super) actor: usize,
    pub(super) ledger: Ledger,
    /// By actor: what it noted of the tasks of others.
    pub(super) others: BTreeMap<usize, (Ledger, CallsRecord)>,
    /// By actor.
    pub(super) issued: Vec<Issued>,
    /// By actor: its kinds and phases, where the scenario is one that has any.
    pub(super) groups: Vec<Groups>,
    /// Calls of the actor that this worker works for.
    pub(super) calls: CallsRecord,
    /// By pool.
    pub(super) pools: Vec<PoolLedger>,
    /// By lock.
    pub(super) locks: Vec<LockLedger>,
    /// By cache.
    pub(super) caches: Vec<CacheLedger>,
    /// By store.
    pub(super) stores: Vec<StoreLedger>,
    pub(super) spans: Spans,
    /// By step, if a profiler was told of them.
    pub(super) profile: Vec<StepSeen>,
    /// Bytes into and out of compression.
    pub(super) compressed: (u64, u64),
    /// Who waited for which lock when the window ended.
    pub(super) waiting: Vec<(usize, Waiter)>,
    /// What was noted of locks, caches and stores when the window ended; what comes after it is not part of it.
    closed: Option<Box<Closed>>,
}

/// The state of the mechanisms at the end of the window.
#[derive(Debug)]
struct Closed {
    locks: Vec<LockLedger>,
    pools: Vec<PoolLedger>,
    caches: Vec<CacheLedger>,
    stores: Vec<StoreLedger>,
}

impl WorkerStats {
    /// The empty figures of a worker of `actor`.
    fn new(run: &Runtime, actor: usize) -> Self {
        Self {
            actor,
            ledger: Ledger::new(run.actors[actor].program.steps.len()),
            others: BTreeMap::new(),
            issued: vec![Issued::default(); run.actors.len()],
            groups: groups_of(run),
            calls: CallsRecord::default(),
            pools: vec![PoolLedger::default(); run.pools.len()],
            locks: vec![LockLedger::default(); run.locks.len()],
            caches: vec![CacheLedger::default(); run.caches.len()],
            stores: vec![StoreLedger::default(); run.stores.len()],
            spans: Spans { most: run.spans, ..Spans::default() },
            profile: Vec::new(),
            compressed: (0, 0),
            waiting: Vec::new(),
            closed: None,
        }
    }

    /// What is noted from here on is of tasks of this actor.
    #[inline]
    pub(super) fn serve(&mut self, run: &Runtime, actor: usize) {
        if self.actor != actor {
            self.change_to(run, actor);
        }
    }

    fn change_to(&mut self, run: &Runtime, actor: usize) {
        let fresh = || (Ledger::new(run.actors[actor].program.steps.len()), CallsRecord::default());
        let (ledger, calls) = self.others.remove(&actor).unwrap_or_else(fresh);
        let before = (std::mem::replace(&mut self.ledger, ledger), std::mem::replace(&mut self.calls, calls));
        self.others.insert(std::mem::replace(&mut self.actor, actor), before);
    }

    /// Tasks that it has completed in the window.
    pub(super) fn completed(&self) -> u64 {
        let others = self.others.values().map(|(ledger, _)| ledger.presence.completed);
        self.ledger.presence.completed + others.sum::<u64>()
    }

    /// Notes that a task arrives at the actor `to`, issued by `party`, before it is offered to a queue.
    #[inline]
    pub(super) fn arrive(&mut self, run: &Runtime, (to, party): (usize, usize), task: &mut TaskBody) {
        self.issued[to].arrive(run, party, task);
        if run.special && task.epoch == Epoch::Inside {
            let at = task.arrived.saturating_sub(run.start());
            self.groups[to].of(at, task.kind).for_each(Group::issue);
        }
    }

    /// Notes the end of a task; returns whether it was measured and ended in the window.
    #[inline]
    pub(super) fn end(&mut self, run: &Runtime, party: usize, task: &Finished, epoch: Epoch) -> bool {
        let end = run.window_end();
        self.ledger.end(task, epoch, run.window_start(), end);
        if epoch != Epoch::Inside {
            return false;
        }
        run.ended_at(party);
        task.ended <= end
    }

    /// Notes a task that ended otherwise than completed, after it had waited in the queue for the first of its times.
    pub(super) fn end_otherwise(
        &mut self,
        run: &Runtime,
        party: usize,
        task: &Finished,
        (epoch, outcome): (Epoch, Outcome),
    ) {
        if epoch == Epoch::After {
            return;
        }
        self.ledger.presence.leave(task.arrived, task.ended, run.window_start(), run.window_end());
        if epoch == Epoch::Inside {
            self.ledger.end_otherwise(outcome, task);
            run.ended_at(party);
        }
    }

    /// Notes a task that is unfinished when the run is over.
    pub(super) fn leave(&mut self, run: &Runtime, task: &Finished, epoch: Epoch) {
        self.ledger.leave(task, epoch, run.window_start(), run.window_end());
    }

    /// Ends the measured window for locks, caches and stores.
    pub(super) fn close_window(&mut self) {
        if self.closed.is_none() {
            self.closed = Some(Box::new(Closed {
                locks: self.locks.clone(),
                pools: self.pools.clone(),
                caches: self.caches.clone(),
                stores: self.stores.clone(),
            }));
        }
    }

    /// Notes of a window that has ended that somebody waits for a lock at its end, or has held it so long.
    pub(super) fn at_the_end(&mut self, lock: usize, note: impl FnOnce(&mut LockLedger)) {
        if let Some(closed) = &mut self.closed {
            note(&mut closed.locks[lock]);
        }
    }

    /// Leaves out whatever was noted after the window.
    pub(super) fn keep_window(&mut self) {
        if let Some(closed) = self.closed.take() {
            // A store's failure ends a run, whenever it comes.
            let failures = self.stores.iter().map(|store| store.failure.clone());
            let mut stores = closed.stores;
            stores.iter_mut().zip(failures).for_each(|(store, failure)| store.failure = failure);
            (self.locks, self.caches, self.stores) = (closed.locks, closed.caches, stores);
            self.pools = closed.pools;
        }
    }
}

/// Empty groups of every actor, where the scenario is one that has any.
pub(super) fn groups_of(run: &Runtime) -> Vec<Groups> {
    if !run.special {
        return Vec::new();
    }
    let of = |actor: &ActorRuntime| {
        let phases = &actor.spec.pattern.phases;
        Groups::new(actor.spec.kinds.len(), phases.iter().map(|phase| phase.length))
    };
    run.actors.iter().map(of).collect()
}

/// Where a worker notes things: its figures, and what it has not published yet.
#[derive(Debug)]
pub(super) struct Notes {
    pub(super) stats: WorkerStats,
    /// Figures for a live view, if there is one.
    pub(super) live: Option<LiveBatch>,
    /// Completed tasks of the actor in focus.
    pub(super) unpublished: u64,
}

impl Notes {
    /// Empty notes of a worker of `actor`.
    pub(super) fn new(run: &Runtime, actor: usize) -> Self {
        Self { stats: WorkerStats::new(run, actor), live: run.live(actor), unpublished: 0 }
    }
}

/// A worker thread's own account of its window; all zero where the run was over before it.
#[derive(Clone, Debug, Default)]
pub(super) struct ThreadAccount {
    pub(super) name: String,
    pub(super) actor: usize,
    pub(super) wall: Nanos,
    pub(super) times: ThreadTimes,
    /// What the kernel says of the same window, if it says anything.
    pub(super) kernel: Option<ThreadFigures>,
    pub(super) tasks: u64,
    pub(super) clock_reads: u64,
    pub(super) kernel_reads: u64,
}

impl ThreadAccount {
    pub(super) fn into_record(self, actor: String) -> ThreadRecord {
        let kernel = self.kernel.unwrap_or_default();
        let accounted = kernel.on_cpu + kernel.run_queue + self.times.blocked;
        ThreadRecord {
            name: self.name,
            actor,
            wall_ns: self.wall.0,
            on_cpu_ns: kernel.on_cpu.0,
            run_queue_ns: kernel.run_queue.0,
            blocked_ns: self.times.blocked.0,
            work_ns: self.times.work.0,
            spinning_ns: self.times.spinning.0,
            bookkeeping_ns: kernel.on_cpu.saturating_sub(self.times.work + self.times.spinning).0,
            idle_ns: self.times.idle.0,
            residual_ns: if self.kernel.is_some() {
                self.wall.0.cast_signed() - accounted.0.cast_signed()
            } else {
                0
            },
            voluntary_switches: kernel.voluntary_switches,
            involuntary_switches: kernel.involuntary_switches,
            tasks: self.tasks,
        }
    }
}

/// Spans for the timeline, up to a bound.
#[derive(Debug, Default)]
pub(super) struct Spans {
    most: usize,
    pub(super) kept: Vec<Span>,
    pub(super) flows: Vec<Flow>,
    pub(super) tasks: Vec<TaskSpan>,
    pub(super) omitted: u64,
}

/// What a span belongs to.
#[derive(Clone, Debug)]
pub(super) struct Belongs {
    pub(super) track: usize,
    pub(super) task: u64,
    pub(super) label: String,
    /// The worker that held the lock.
    pub(super) holder: Option<usize>,
}

/// Shorter segments are not worth a span.
const SHORTEST: Nanos = Nanos::from_micros(1);

impl Spans {
    /// Whether spans are wanted at all.
    pub(super) const fn wanted(&self) -> bool {
        self.most > 0
    }

    /// Keeps a message that a worker sent and the worker `to` takes at `taken`.
    #[inline]
    pub(super) fn keep_flow(&mut self, task: &TaskBody, to: usize, taken: Nanos, window: Nanos) {
        if !self.wanted() || task.sender == NOBODY || task.issued < window {
            return;
        }
        if self.flows.len() >= self.most {
            self.omitted += 1;
            return;
        }
        self.flows.push(Flow {
            from_track: task.sender as usize,
            sent_ns: (task.issued - window).0,
            to_track: to,
            taken_ns: taken.saturating_sub(window).0,
        });
    }

    /// Keeps a whole task.
    pub(super) fn keep_task(&mut self, task: TaskSpan) {
        if self.tasks.len() < self.most {
            self.tasks.push(task);
        } else {
            self.omitted += 1;
        }
    }

    /// Keeps a segment, with its run-queue part as a span of its own at the segment's end.
    pub(super) fn keep(&mut self, activity: Activity, segment: Segment, window: Nanos, belongs: &Belongs) {
        if activity == Activity::Bookkeeping || segment.start < window {
            return;
        }
        let own_end = Nanos(segment.end.0 - segment.run_queue.0);
        let parts = [(activity.name(), segment.start, own_end), ("run_queue", own_end, segment.end)];
        for (state, start, end) in parts {
            if end.saturating_sub(start) < SHORTEST {
                continue;
            }
            if self.kept.len() >= self.most {
                self.omitted += 1;
                continue;
            }
            self.kept.push(Span {
                track: belongs.track,
                start_ns: (start - window).0,
                length_ns: (end - start).0,
                state: state.into(),
                label: belongs.label.clone(),
                holder: belongs.holder.filter(|holder| state == "lock" && *holder != belongs.track),
                task: belongs.task,
            });
        }
    }
}

/// Begins a worker's measured window: forgets what the warm-up left.
pub(super) fn begin_window(stats: &mut WorkerStats, time: &mut Timekeeper) {
    time.thread = ThreadTimes::default();
    time.clock_reads = 0;
    time.kernel_reads = 0;
    stats.locks.fill(LockLedger::default());
    stats.pools.fill(PoolLedger::default());
    stats.calls = CallsRecord::default();
    stats.others.values_mut().for_each(|(_, calls)| *calls = CallsRecord::default());
    stats.caches.fill(CacheLedger::default());
    stats.stores.fill(StoreLedger::default());
    stats.compressed = (0, 0);
}
