//! The layer on the machine: what it reports is accounted to threads, tasks and steps, and what threads ask of it.

use super::bytecode::Bytecode;
use super::extra::Extra;
use super::timeline::Recorder;
use super::world::{Account, NONE, Packed, StepSums, Task, Thread, World};
use crate::machine::{Activity, CoreId, Machine, Observer, Roused, Scheduler, State, ThreadId};
use crate::measure::{Cause, Epoch, PLAIN_CAUSES};
use crate::scenario::Scenario;
use crate::units::Nanos;

/// Where time goes.
pub(super) struct Accounts<'w> {
    pub(super) threads: &'w [Thread],
    pub(super) tasks: &'w mut [Task],
    accounts: &'w mut [Account],
    steps: &'w mut [StepSums],
    extras: &'w mut [Extra],
    pub(super) timeline: &'w mut Recorder,
    pub(super) scene: Scene<'w>,
}

/// What the spans of a timeline are named after, and counted from.
#[derive(Clone, Copy)]
pub(super) struct Scene<'w> {
    pub(super) scenario: &'w Scenario,
    pub(super) code: &'w Bytecode,
    pub(super) now: u64,
    pub(super) window_start: u64,
    pub(super) workers: usize,
    pub(super) measuring: bool,
}

impl Accounts<'_> {
    /// Accounts `time` of a task to `cause`, and to its step.
    #[inline]
    pub(super) fn note_time(&mut self, index: u32, cause: Cause, time: u64) {
        let task = &mut self.tasks[index as usize];
        match task.times.get_mut(cause as usize) {
            Some(sum) => *sum += time,
            None => self.extras[index as usize].times[cause as usize - PLAIN_CAUSES] += time,
        }
        if task.epoch == Epoch::Inside && cause != Cause::Queue {
            self.steps[task.step as usize].times[cause as usize] += time;
        }
    }
}

impl Observer for Accounts<'_> {
    /// Accounts time of a thread, and of its task.
    #[inline]
    fn spent(&mut self, thread: ThreadId, activity: Activity, Nanos(time): Nanos) {
        let Thread { task, account, waits, .. } = self.threads[thread.index()];
        let account = &mut self.accounts[account as usize];
        let cause = match activity {
            Activity::Spinning => {
                account.on_cpu += time;
                account.spinning += time;
                Cause::Lock
            }
            Activity::Working => {
                account.on_cpu += time;
                account.work += if task == NONE { 0 } else { time };
                Cause::Execution
            }
            Activity::Ready => {
                account.run_queue += time;
                Cause::RunQueue
            }
            Activity::Blocked => {
                account.blocked += time;
                account.idle += if task == NONE { time } else { 0 };
                waits
            }
        };
        if self.timeline.wanted() {
            self.note_span(thread.0, activity, cause, time);
        }
        if task != NONE {
            self.note_time(task, cause, time);
        }
    }

    fn preempted(&mut self, thread: ThreadId) {
        let account = self.threads[thread.index()].account;
        self.accounts[account as usize].involuntary += 1;
    }
}

/// A thread's number where there may be none.
const fn some(thread: u32) -> Option<ThreadId> {
    if thread == NONE { None } else { Some(ThreadId(thread)) }
}

impl World<'_> {
    /// The machine, and whoever it reports to.
    #[inline]
    pub(super) fn parts(&mut self) -> (&mut Machine<Scheduler, Packed>, Accounts<'_>) {
        let scene = Scene {
            scenario: self.scenario,
            code: self.code,
            now: self.now,
            window_start: self.window_start,
            workers: self.workers,
            measuring: self.measuring(),
        };
        let accounts = Accounts {
            threads: &self.threads,
            tasks: &mut self.tasks,
            accounts: &mut self.accounts,
            steps: &mut self.steps,
            extras: &mut self.more.extras,
            timeline: &mut self.timeline,
            scene,
        };
        (&mut self.machine, accounts)
    }

    /// The machine's clock moves on.
    #[inline]
    pub(super) const fn set_now(&mut self, now: u64) {
        self.now = now;
        self.machine.advance_to(Nanos(now));
    }

    /// Where a thread is.
    #[inline]
    pub(super) fn state_of(&self, thread: u32) -> State {
        self.machine.state(ThreadId(thread))
    }

    /// The core that a thread is on, or was on last.
    #[inline]
    pub(super) fn core_of(&self, thread: u32) -> u32 {
        self.machine.core_of(ThreadId(thread)).map_or(NONE, |core| core.0)
    }

    /// Accounts a thread's time up to now.
    #[inline]
    pub(super) fn split(&mut self, thread: u32) {
        let (machine, mut accounts) = self.parts();
        machine.split(ThreadId(thread), &mut accounts);
    }

    /// Makes a blocked thread runnable that `waker` has woken, or nobody.
    pub(super) fn make_ready(&mut self, thread: u32, waker: u32) -> Roused {
        let (machine, mut accounts) = self.parts();
        machine.wake(ThreadId(thread), some(waker), &mut accounts)
    }

    /// Makes a blocked thread runnable whose timer fired.
    pub(super) fn make_ready_by_timer(&mut self, thread: u32) {
        let (machine, mut accounts) = self.parts();
        machine.wake_by_timer(ThreadId(thread), &mut accounts);
    }

    /// A core's thread starts, or goes on after something was granted to it.
    pub(super) fn start(&mut self, core: CoreId) {
        let (machine, mut accounts) = self.parts();
        let thread = machine.start(core, &mut accounts);
        if self.more.stops.any
            && let Some(cause) = self.kept_off(thread.0)
        {
            self.hold(thread.0, cause);
            return;
        }
        let (machine, mut accounts) = self.parts();
        let resumes = machine.go_on(core, &mut accounts);
        self.resume_on_core(resumes);
    }

    /// A core's burst or slice is over.
    pub(super) fn burst_over(&mut self, core: CoreId) {
        let (machine, mut accounts) = self.parts();
        let resumes = machine.burst_over(core, &mut accounts);
        self.resume_on_core(resumes);
    }

    #[inline]
    fn resume_on_core(&mut self, thread: Option<ThreadId>) {
        if let Some(thread) = thread {
            self.resume(thread.0);
            self.machine.resumed();
        }
    }

    /// The kernel looks at a core.
    pub(super) fn tick(&mut self, core: CoreId) {
        let (machine, mut accounts) = self.parts();
        machine.tick(core, &mut accounts);
    }

    /// Takes a running thread off its core until something wakes it.
    pub(super) fn block(&mut self, thread: u32, waits: Cause) {
        let state = self.thread(thread);
        state.waits = waits;
        let account = state.account;
        self.accounts[account as usize].voluntary += 1;
        let (machine, mut accounts) = self.parts();
        machine.block(ThreadId(thread), &mut accounts);
    }

    /// Lets a thread burn its core: for at most `limit`, or until what it waits for is granted to it.
    pub(super) fn spin(&mut self, thread: u32, limit: Option<Nanos>) {
        let (machine, mut accounts) = self.parts();
        machine.spin(ThreadId(thread), limit, &mut accounts);
    }

    /// Starts a burst of a thread that is on its core, for all the work given to it.
    #[inline]
    pub(super) fn work_for(&mut self, thread: u32, nanos: u64) {
        let (machine, mut accounts) = self.parts();
        machine.work(ThreadId(thread), Nanos(nanos), &mut accounts);
    }

    /// Pays what a thread owes; whether it had to.
    pub(super) fn settle(&mut self, thread: u32) -> bool {
        let debt = std::mem::take(&mut self.thread(thread).debt);
        if debt > 0 {
            self.work_for(thread, debt);
        }
        debt > 0
    }
}
