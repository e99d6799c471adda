//! Cuts a worker's time into segments, so that every nanosecond belongs to exactly one cause.
//!
//! A worker cuts whenever it changes what it does. A segment longer than [`LONG`] may hide a wait for a processor, so
//! the kernel's figure is read after it, and what it grew by is taken out of the segment. Shorter segments are not worth
//! a system call: whoever loses the processor is away for longer than that.

use super::quota::ControlGroup;
use crate::clock::Clock;
use crate::measure::sched::{self, ThreadSched};
use crate::measure::{Cause, TaskTimes};
use crate::units::Nanos;
use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

/// Pieces longer than this are checked against the kernel's figures: some 2 % of probe effect at the worst.
const LONG: Nanos = Nanos::from_micros(50);

/// Waits that were announced and last longer than this are checked as well: whoever sleeps pays for more than that.
const LONG_WAIT: Nanos = Nanos::from_micros(10);

/// Waits for a processor that are shorter are not asked how much of them a quota took.
const SHORTEST_THROTTLED: Nanos = Nanos::from_micros(200);

/// What a worker did in a segment of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    /// Executing a step.
    Work,
    /// Waiting for a lock, asleep.
    Lock,
    /// Waiting for a lock on the processor.
    Spin,
    /// Waiting for I/O.
    Io,
    /// Waiting for an answer or for room.
    Call,
    /// Waiting for a place in a pool.
    Pool,
    /// Waiting before another attempt at a call.
    Backoff,
    /// Waiting for a batch.
    Batch,
    /// Stopped by an event.
    Paused,
    /// Waiting for other writers of a store.
    Writers,
    /// Waiting for a task.
    Idle,
    /// Taking tasks and noting results.
    Bookkeeping,
}

impl Activity {
    /// The cause under which a task accounts for it; `None` between tasks.
    pub(super) const fn cause(self) -> Option<Cause> {
        match self {
            Self::Work => Some(Cause::Execution),
            Self::Lock | Self::Spin => Some(Cause::Lock),
            Self::Io => Some(Cause::Io),
            Self::Call => Some(Cause::Call),
            Self::Pool => Some(Cause::Pool),
            Self::Backoff => Some(Cause::Backoff),
            Self::Batch => Some(Cause::Batch),
            Self::Paused => Some(Cause::Paused),
            Self::Writers => Some(Cause::Store),
            Self::Idle | Self::Bookkeeping => None,
        }
    }

    /// Whether the thread is off the processor meanwhile.
    pub(super) const fn sleeps(self) -> bool {
        !matches!(self, Self::Work | Self::Spin | Self::Bookkeeping)
    }

    /// Whether it is a wait for a lock.
    pub(super) const fn waits_for_lock(self) -> bool {
        matches!(self, Self::Lock | Self::Spin)
    }

    /// The word for it in a timeline.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Work => "execution",
            Self::Lock | Self::Spin => "lock",
            Self::Io => "io",
            Self::Call => "call",
            Self::Pool => "pool",
            Self::Backoff => "backoff",
            Self::Batch => "batch",
            Self::Paused => "paused",
            Self::Writers => "store",
            Self::Idle => "idle",
            Self::Bookkeeping => "bookkeeping",
        }
    }
}

/// What a thread's time went into, as it says itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ThreadTimes {
    pub(super) work: Nanos,
    pub(super) spinning: Nanos,
    /// Asleep for any reason; idle included.
    pub(super) blocked: Nanos,
    pub(super) idle: Nanos,
    pub(super) busy: Nanos,
}

impl ThreadTimes {
    /// Takes the last `time` of a sleep out again.
    pub(super) fn wake_at(&mut self, activity: Activity, time: Nanos) {
        self.blocked = self.blocked.saturating_sub(time);
        if activity == Activity::Idle {
            self.idle = self.idle.saturating_sub(time);
        }
    }
}

/// A segment of time that was cut off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) start: Nanos,
    pub(super) end: Nanos,
    /// Part of it in which the thread was runnable but not running.
    pub(super) run_queue: Nanos,
    /// Of that, what a quota took.
    pub(super) throttled: Nanos,
}

/// The kernel's figure of the calling thread, and what of it was already given to a segment.
struct Kernel {
    sched: ThreadSched,
    seen: Nanos,
}

thread_local! {
    static KERNEL: RefCell<Option<Kernel>> = const { RefCell::new(None) };
}

/// Growth of the calling thread's run-queue wait since it was last asked for.
pub(super) fn run_queue_growth() -> Nanos {
    KERNEL.with_borrow_mut(|kernel| {
        let kernel = kernel.get_or_insert_with(|| {
            let sched = ThreadSched::of_this_thread();
            let seen = sched.run_queue().unwrap_or_default();
            Kernel { sched, seen }
        });
        let now = kernel.sched.run_queue().unwrap_or_default();
        now.saturating_sub(std::mem::replace(&mut kernel.seen, now))
    })
}

/// Gives what the calling thread waited for a processor so far to nobody; called where a thread begins or was parked.
pub(super) fn forget_run_queue() {
    run_queue_growth();
}

/// Cuts time; one for each worker thread, or for each task of the async engine.
#[derive(Debug)]
pub(super) struct Timekeeper {
    clock: Clock,
    last: Nanos,
    /// The present task's time by cause.
    pub(super) task: TaskTimes,
    /// This thread's own account since it began to be measured.
    pub(super) thread: ThreadTimes,
    pub(super) clock_reads: u64,
    pub(super) kernel_reads: u64,
    /// The thread's time on a processor when the wait began that goes on.
    awake: Option<Nanos>,
    /// The quota that the thread is under.
    group: Option<Arc<ControlGroup>>,
}

impl Timekeeper {
    pub(super) fn new(clock: Clock, group: Option<Arc<ControlGroup>>) -> Self {
        let last = clock.now();
        Self {
            clock,
            last,
            task: TaskTimes::default(),
            thread: ThreadTimes::default(),
            clock_reads: 0,
            kernel_reads: 0,
            awake: None,
            group,
        }
    }

    /// A wait of this thread begins, which the next segment is. Falling asleep and waking up take the processor for some
    /// microseconds, which are not time that the thread was blocked.
    #[inline]
    pub(super) fn begin_wait(&mut self) {
        self.awake = sched::on_cpu();
    }

    /// When time was last cut.
    pub(super) const fn last(&self) -> Nanos {
        self.last
    }

    /// The time now, without a cut.
    #[inline]
    pub(super) fn peek(&mut self) -> Nanos {
        self.clock_reads += 1;
        self.clock.now()
    }

    /// Ends a segment of time that was spent on `activity`.
    #[inline]
    pub(super) fn cut(&mut self, activity: Activity) -> Segment {
        let now = self.peek();
        self.cut_at(activity, now)
    }

    /// Ends a segment of time that was spent on `activity` until `at`, an instant that was read since the last cut.
    #[inline]
    pub(super) fn cut_at(&mut self, activity: Activity, at: Nanos) -> Segment {
        let start = self.last;
        let end = at.max(start);
        self.last = end;
        let length = end - start;
        let run_queue = if length > LONG || self.awake.is_some() && length > LONG_WAIT {
            self.kernel_reads += 1;
            run_queue_growth().min(length)
        } else {
            Nanos::ZERO
        };
        self.account(activity, start, end, run_queue)
    }

    /// Ends a segment of an awaiting task, which was ready to go on at `ready`.
    pub(super) fn cut_resumed(&mut self, activity: Activity, ready: Option<Nanos>) -> Segment {
        let start = self.last;
        let end = self.clock.now().max(start);
        self.clock_reads += 1;
        self.last = end;
        let run_queue = ready.map_or(Nanos::ZERO, |ready| end.saturating_sub(ready.max(start)));
        self.account(activity, start, end, run_queue)
    }

    #[inline]
    fn account(&mut self, activity: Activity, start: Nanos, end: Nanos, run_queue: Nanos) -> Segment {
        let throttled = match &self.group {
            Some(group) if run_queue >= SHORTEST_THROTTLED => {
                group.throttled_since(start, end).min(run_queue)
            }
            _ => Nanos::ZERO,
        };
        let segment = Segment { start, end, run_queue, throttled };
        let own = end - start - run_queue;
        if let Some(cause) = activity.cause() {
            self.task[cause as usize] += own;
            self.task[Cause::RunQueue as usize] += run_queue - throttled;
            self.task[Cause::Throttled as usize] += throttled;
        }
        match activity {
            Activity::Work => self.thread.work += own,
            Activity::Spin => self.thread.spinning += own,
            Activity::Bookkeeping => self.thread.busy += own,
            Activity::Lock
            | Activity::Io
            | Activity::Call
            | Activity::Pool
            | Activity::Backoff
            | Activity::Batch
            | Activity::Paused
            | Activity::Writers
            | Activity::Idle => {
                let blocked = own - self.awake_of(own);
                self.thread.blocked += blocked;
                if activity == Activity::Idle {
                    self.thread.idle += blocked;
                }
            }
        }
        self.awake = None;
        segment
    }

    /// How much of a wait that took `own` the thread was on a processor, where the wait was announced.
    #[inline]
    fn awake_of(&mut self, own: Nanos) -> Nanos {
        let Some(before) = self.awake.take() else { return Nanos::ZERO };
        self.kernel_reads += 1;
        let awake = sched::on_cpu().map_or(Nanos::ZERO, |now| now.saturating_sub(before)).min(own);
        self.thread.busy += awake;
        awake
    }

    /// Notes the last `time` of a sleep in a thread's account that has just begun.
    pub(super) fn sleep_on(&mut self, activity: Activity, time: Nanos) {
        self.thread.blocked += time;
        if activity == Activity::Idle {
            self.thread.idle += time;
        }
    }

    /// Starts a task's account; what it waited in the queue is given.
    #[inline]
    pub(super) fn start_task(&mut self, queued: Nanos) {
        self.task = TaskTimes::default();
        self.task[Cause::Queue as usize] = queued;
    }
}

/// What one read costs: the clock, and the kernel's figures; in nanoseconds, measured once per process.
pub(super) fn costs() -> (f64, f64) {
    static COSTS: OnceLock<(f64, f64)> = OnceLock::new();
    *COSTS.get_or_init(measure_costs)
}

fn measure_costs() -> (f64, f64) {
    const READS: u32 = 2_000;
    let clock = Clock::get();
    let start = clock.now();
    let mut last = start;
    for _ in 0..READS {
        last = std::hint::black_box(clock.now());
    }
    let middle = clock.now().max(last);
    for _ in 0..READS {
        std::hint::black_box(run_queue_growth());
    }
    let end = clock.now();
    let mean = |from: Nanos, to: Nanos| to.saturating_sub(from).as_secs_f64() * 1e9 / f64::from(READS);
    (mean(start, middle), mean(middle, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_join_without_gaps_and_their_parts_sum_to_the_whole() {
        let mut time = Timekeeper::new(Clock::get(), None);
        let start = time.last();
        time.start_task(Nanos(5));
        let mut end = start;
        for activity in [Activity::Work, Activity::Lock, Activity::Spin, Activity::Io, Activity::Call] {
            let segment = time.cut(activity);
            assert_eq!(segment.start, end);
            end = segment.end;
        }
        assert_eq!(time.task.iter().copied().sum::<Nanos>(), end - start + Nanos(5));
        let thread = time.thread;
        let waited = time.task[Cause::RunQueue as usize];
        assert_eq!(thread.work + thread.spinning + thread.blocked + waited, end - start);
    }

    /// Sleeping for a moment, again and again, takes the processor for a good part of the time.
    #[test]
    fn short_sleeps_are_blocked_time_only_while_the_thread_is_off_the_processor() {
        let mut time = Timekeeper::new(Clock::get(), None);
        forget_run_queue();
        let Some(before) = sched::on_cpu() else { return };
        let start = time.last();
        let mut waited = Nanos::ZERO;
        for _ in 0..2_000 {
            time.cut(Activity::Work);
            time.begin_wait();
            std::thread::park_timeout(std::time::Duration::from_micros(20));
            waited += time.cut(Activity::Io).run_queue;
        }
        let wall = time.cut(Activity::Work).end - start;
        let on_cpu = sched::on_cpu().unwrap() - before;
        let accounted = on_cpu + time.thread.blocked + waited;
        let off = accounted.0.abs_diff(wall.0);
        // Without `begin_wait` it is a third.
        assert!(off * 10 < wall.0, "{off} ns of {} ns", wall.0);
    }

    #[test]
    fn a_resumed_task_waited_for_a_worker_only_since_it_was_ready() {
        let mut time = Timekeeper::new(Clock::get(), None);
        let start = time.last();
        let segment = time.cut_resumed(Activity::Io, Some(start));
        assert_eq!(segment.run_queue, segment.end - segment.start);
        let segment = time.cut_resumed(Activity::Io, None);
        assert_eq!(segment.run_queue, Nanos::ZERO);
    }
}
