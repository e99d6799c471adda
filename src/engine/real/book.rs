//! What one worker notes in a run; merged when the run is over.

use super::locks::LockLedger;
use super::memory::StoreLedger;
use super::profile::StepSeen;
use super::runtime::{NOBODY, Runtime, TaskBody};
use super::timekeeper::{Activity, Piece, ThreadTimes, Timekeeper};
use crate::engine::LiveBatch;
use crate::measure::record::{Flow, Span, ThreadRecord};
use crate::measure::sched::ThreadFigures;
use crate::measure::{CacheLedger, Finished, Ledger};
use crate::units::Nanos;

/// Tasks that one worker issued to an actor, and those of them that were refused, in the measured window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Issued {
    pub(super) issued: u64,
    pub(super) refused: u64,
    pub(super) in_flight: u64,
    pub(super) presence: u128,
}

/// One worker's notes.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) actor: usize,
    pub(super) ledger: Ledger,
    /// By actor.
    pub(super) issued: Vec<Issued>,
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
}

impl Book {
    /// An empty book of a worker of `actor`.
    fn new(run: &Runtime, actor: usize) -> Self {
        Self {
            actor,
            ledger: Ledger::new(run.actors[actor].program.steps.len()),
            issued: vec![Issued::default(); run.actors.len()],
            locks: vec![LockLedger::default(); run.locks.len()],
            caches: vec![CacheLedger::default(); run.caches.len()],
            stores: vec![StoreLedger::default(); run.stores.len()],
            spans: Spans { most: run.spans, ..Spans::default() },
            profile: Vec::new(),
            compressed: (0, 0),
        }
    }

    /// Notes the end of a task; returns whether it counts as completed.
    ///
    /// A task counts when it arrived in the measured window and ended in it. One that arrived before counts only for
    /// the time it was there; one that ended after it was in flight.
    #[inline]
    pub(super) fn end(&mut self, task: &Finished, window_start: Nanos, window_end: Nanos) -> bool {
        if task.ended > window_end {
            self.leave(task.arrived, window_start, window_end);
            false
        } else if task.arrived >= window_start {
            self.ledger.finish(task, window_start);
            true
        } else {
            if task.ended > window_start {
                self.ledger.overlap(task.ended, window_start);
            }
            false
        }
    }

    /// Notes a task that is unfinished when measuring ends.
    pub(super) fn leave(&mut self, arrived: Nanos, window_start: Nanos, window_end: Nanos) {
        if arrived >= window_start {
            self.ledger.leave(arrived, window_end);
        } else {
            self.ledger.overlap(window_end, window_start);
        }
    }
}

/// Where a worker notes things: its book, and what it has not published yet.
#[derive(Debug)]
pub(super) struct Notes {
    pub(super) book: Book,
    /// Figures for a live view, if there is one.
    pub(super) live: Option<LiveBatch>,
    /// Completed tasks of the actor in focus.
    pub(super) unpublished: u64,
}

impl Notes {
    /// Empty notes of a worker of `actor`.
    pub(super) fn new(run: &Runtime, actor: usize) -> Self {
        Self { book: Book::new(run, actor), live: run.live(actor), unpublished: 0 }
    }
}

/// A worker thread's own account of its window.
#[derive(Clone, Debug)]
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

/// Shorter pieces are not worth a span.
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

    /// Keeps a piece, with its run-queue part as a span of its own at the piece's end.
    pub(super) fn keep(&mut self, activity: Activity, piece: Piece, window: Nanos, belongs: &Belongs) {
        if activity == Activity::Bookkeeping || piece.start < window {
            return;
        }
        let own_end = Nanos(piece.end.0 - piece.run_queue.0);
        let parts = [(activity.name(), piece.start, own_end), ("run_queue", own_end, piece.end)];
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
pub(super) fn begin_window(book: &mut Book, time: &mut Timekeeper) {
    time.thread = ThreadTimes::default();
    time.clock_reads = 0;
    time.kernel_reads = 0;
    book.locks.fill(LockLedger::default());
    book.caches.fill(CacheLedger::default());
    book.stores.fill(StoreLedger::default());
    book.compressed = (0, 0);
}
