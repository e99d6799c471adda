//! The workers of one tokio runtime: a seat each for what they note, and their accounts of themselves.

use super::runtime::Runtime;
use super::tasks::MAX_HANDLERS;
use super::timekeeper::{Activity, Segment, ThreadTimes, forget_run_queue, run_queue_growth};
use super::worker_stats::{Belongs, Notes, ThreadAccount};
use crate::engine::ThreadState;
use crate::measure::sched::{self, ThreadFigures, ThreadSched};
use crate::units::Nanos;
use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What one worker of the tokio runtime notes. Its lock is taken by that worker alone, so it is never contended.
pub(super) struct Seat {
    pub(super) notes: Notes,
    pub(super) account: Option<ThreadAccount>,
    /// Whether the measured window has begun here.
    pub(super) measuring: bool,
    /// Reads of the clock and of the kernel's figures.
    pub(super) reads: (u64, u64),
}

/// What the workers and handlers of one actor share.
pub(super) struct Pool {
    pub(super) run: Arc<Runtime>,
    pub(super) actor: usize,
    /// Number of this actor's first worker among all workers of the run.
    pub(super) first: usize,
    pub(super) seats: Vec<Mutex<Seat>>,
    pub(super) started: AtomicUsize,
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
    /// When it was parked, and how long it had been on a processor then.
    parked_at: Option<(Nanos, Nanos)>,
    window: Option<(Nanos, Option<ThreadFigures>)>,
    /// Its account of its window, once that has ended.
    account: Option<ThreadAccount>,
}

impl Pool {
    pub(super) fn seat(&self) -> MutexGuard<'_, Seat> {
        // A handler that is dropped after its worker has gone notes its task at the first seat.
        let index = SEAT.get().unwrap_or(0);
        self.seats[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Number of the calling worker among all workers of the run.
    pub(super) fn worker(&self) -> usize {
        self.first + SEAT.get().unwrap_or(0)
    }

    pub(super) fn thread(&self) -> u64 {
        self.worker() as u64
    }

    /// The timeline's track of a handler: behind those of all workers.
    pub(super) fn handler_track(&self, handler: usize) -> usize {
        self.run.current.len() + self.actor * MAX_HANDLERS + handler
    }

    pub(super) fn start_thread(&self) {
        self.run.enter_group();
        sched::set_nice(self.run.actors[self.actor].spec.nice);
        SEAT.set(Some(self.started.fetch_add(1, Ordering::Relaxed) % self.seats.len()));
        forget_run_queue();
        SELF.set(Some(Own {
            sched: ThreadSched::of_this_thread(),
            times: ThreadTimes::default(),
            parked_at: None,
            window: None,
            account: None,
        }));
    }

    /// Publishes what this worker does, for live views.
    fn say(&self, state: ThreadState) {
        if let Some(thread) = self.run.progress.live.threads().get(self.worker()) {
            thread.set(state);
        }
    }

    /// Publishes the step of the handler that this worker polls, and its state, for samplers.
    pub(super) fn say_step(&self, step: u32, state: ThreadState) {
        self.run.current[self.worker()].store(step << 8 | state as u32, Ordering::Relaxed);
    }

    pub(super) fn park_thread(&self) {
        self.say(ThreadState::Idle);
        let now = self.run.clock.now();
        SELF.with_borrow_mut(|own| {
            if let Some(own) = own {
                own.parked_at = Some((now, sched::on_cpu().unwrap_or_default()));
            }
        });
    }

    pub(super) fn unpark_thread(&self) {
        self.say(ThreadState::Executing);
        let now = self.run.clock.now();
        let waited = run_queue_growth();
        let mut parked = now;
        SELF.with_borrow_mut(|own| {
            if let Some(own) = own
                && let Some((parked_at, before)) = own.parked_at.take()
            {
                parked = parked_at;
                // Falling asleep and waking up take the processor.
                let awake = sched::on_cpu().unwrap_or_default().saturating_sub(before);
                let asleep = now.saturating_sub(parked_at).saturating_sub(waited + awake);
                own.times.blocked += asleep;
                own.times.idle += asleep;
                if self.run.spans > 0 {
                    let idle = Segment {
                        start: parked_at,
                        end: now,
                        run_queue: waited.min(now - parked_at),
                        throttled: Nanos::ZERO,
                    };
                    let nothing =
                        Belongs { track: self.worker(), task: 0, label: String::new(), holder: None };
                    self.seat().notes.stats.spans.keep(
                        Activity::Idle,
                        idle,
                        self.run.window_start(),
                        &nothing,
                    );
                }
            }
        });
        self.cross_edges_of_thread(parked, now);
    }

    /// Begins and ends this worker's measured window, if it is time and it has not yet. It was parked from `parked` on,
    /// which is now where it was not.
    pub(super) fn cross_edges_of_thread(&self, parked: Nanos, now: Nanos) {
        let (start, end) = (self.run.window_start(), self.run.window_end());
        if now < start {
            return;
        }
        SELF.with_borrow_mut(|own| {
            let Some(own) = own else { return };
            if own.window.is_none() {
                let from = parked.max(start);
                let asleep = now.saturating_sub(from);
                own.times = ThreadTimes { blocked: asleep, idle: asleep, ..ThreadTimes::default() };
                own.window = Some((from, own.sched.figures()));
            }
            if now >= end && own.account.is_none() {
                let account = self.account_of(own, parked.max(end).min(now));
                own.account = Some(account);
            }
        });
    }

    /// A worker's account of its window up to `until`; it slept from then on.
    fn account_of(&self, own: &Own, until: Nanos) -> ThreadAccount {
        let (start, before) = own.window.unwrap_or((until, None));
        let mut times = own.times;
        let after = self.run.clock.now().saturating_sub(until);
        if own.parked_at.is_none() && after > Nanos::ZERO {
            times.wake_at(Activity::Idle, after.min(times.idle));
        }
        let name = &self.run.actors[self.actor].spec.name;
        let seat = self.seat();
        ThreadAccount {
            name: format!("{name}-{}", self.thread()),
            actor: self.actor,
            wall: until.saturating_sub(start),
            times,
            kernel: before.and_then(|before| Some(own.sched.figures()?.since(before))),
            tasks: seat.notes.stats.completed(),
            clock_reads: seat.reads.0,
            kernel_reads: seat.reads.1,
        }
    }

    pub(super) fn stop_thread(&self) {
        let now = self.run.clock.now();
        let parked = SELF.with_borrow_mut(|own| {
            let own = own.as_mut()?;
            let (parked, _) = own.parked_at.take()?;
            let asleep = now.saturating_sub(parked);
            own.times.blocked += asleep;
            own.times.idle += asleep;
            Some(parked)
        });
        self.cross_edges_of_thread(parked.unwrap_or(now), now);
        let Some(own) = SELF.take() else { return };
        let account = own.account.clone().unwrap_or_else(|| self.account_of(&own, now));
        self.seat().account = Some(account);
    }
}

/// Adds a segment of `activity` to the account of the calling runtime worker.
pub(super) fn account(activity: Activity, own: Nanos) {
    SELF.with_borrow_mut(|thread| {
        let Some(thread) = thread else { return };
        match activity {
            Activity::Work => thread.times.work += own,
            Activity::Spin => thread.times.spinning += own,
            Activity::Lock
            | Activity::Call
            | Activity::Io
            | Activity::Pool
            | Activity::Backoff
            | Activity::Batch
            | Activity::Writers
            | Activity::Paused => thread.times.blocked += own,
            Activity::Idle | Activity::Bookkeeping => {}
        }
    });
}
