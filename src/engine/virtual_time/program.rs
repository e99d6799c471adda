//! Threads execute programs: what each operation does to the simulated system.

use super::bytecode::Do;
use super::world::{EventKind, NONE, Next, TASK, World};
use crate::machine::ThreadId;
use crate::measure::{Cause, Epoch, Outcome};
use crate::scenario::MissCost;
use crate::units::Nanos;
use crate::workload::Draw;

/// How a thread goes on after what its task did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Turn {
    /// At once: it is on its core, with this task or another.
    GoesOn,
    /// Later: it has a burst on its core, or is blocked.
    IsOver,
}

/// An index as tasks and threads store it; the world's tables are far below four thousand million entries.
#[inline]
pub(super) fn index(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(NONE)
}

pub(super) fn lock_index(lock: Option<usize>) -> u32 {
    lock.map_or(NONE, index)
}

impl World<'_> {
    /// Runs a thread that is on a core and has no burst left, until it has one or blocks.
    pub(super) fn resume(&mut self, thread: u32) {
        // Each turn moves a task's program on or takes another task, so the loop ends with the program's time.
        loop {
            let task = self.threads[thread as usize].task;
            let turn = if task == NONE {
                self.fetch(thread)
            } else {
                match self.tasks[task as usize].next {
                    Next::Operation => self.execute(thread, task),
                    Next::Work => self.work(thread, task),
                    Next::Retry => self.retry(thread, task),
                }
            };
            if turn == Turn::IsOver || self.over {
                return;
            }
        }
    }

    /// Pays what a thread owes, where it owes anything.
    fn settle_or_go_on(&mut self, thread: u32) -> Turn {
        if self.settle(thread) { Turn::IsOver } else { Turn::GoesOn }
    }

    /// Puts the task's pending work onto the core, under the lock it needs; how the thread goes on.
    fn work(&mut self, thread: u32, task: u32) -> Turn {
        if self.task(task).work == 0 {
            self.task(task).next = Next::Operation;
            return self.settle_or_go_on(thread);
        }
        if self.hold_interpreter(thread, task) == Turn::IsOver {
            return Turn::IsOver;
        }
        let debt = std::mem::take(&mut self.thread(thread).debt);
        let work = std::mem::take(&mut self.task(task).work);
        self.work_for(thread, work + debt);
        Turn::IsOver
    }

    /// Gives a task work to do next.
    pub(super) fn set_work(&mut self, task: u32, nanos: u64, under: u32) {
        let task = self.task(task);
        task.work = nanos;
        task.lock = under;
        task.next = Next::Work;
    }

    /// Executes a task's program from its counter on, until it has to wait, has work to do or is done; how the
    /// thread goes on.
    fn execute(&mut self, thread: u32, task: u32) -> Turn {
        let code = self.code;
        if self.more.used
            && let Some(turn) = self.ends_early(thread, task)
        {
            return turn;
        }
        // The counter rises with each turn but for a step's repetitions, which are finitely many.
        loop {
            let state = &mut self.tasks[task as usize];
            let line = &code.lines[state.counter as usize];
            if line.step != state.step {
                self.begin_step(thread, task, line.step);
                continue;
            }
            match &line.what {
                Do::Work { draw, under } => {
                    state.counter += 1;
                    let nanos = draw.sample(&mut state.stream, state.number).0;
                    let actor = state.actor;
                    let nanos = self.slowed(actor, nanos);
                    let runner = &mut self.threads[thread as usize];
                    if *under != NONE || runner.interpreter != NONE {
                        self.set_work(task, nanos, *under);
                        return self.work(thread, task);
                    }
                    // No lock is needed or held, so the work needs no turn of its own.
                    let nanos = nanos + std::mem::take(&mut runner.debt);
                    if nanos > 0 {
                        self.work_for(thread, nanos);
                        return Turn::IsOver;
                    }
                }
                Do::End { times, repeat_from } => {
                    self.end_repetition(task, line.step, *times, *repeat_from);
                }
                Do::Unlock { lock } => {
                    state.counter += 1;
                    self.unlock(thread, task, *lock);
                }
                Do::Maybe { chance, otherwise } => {
                    let happens = state.stream.unit() < *chance;
                    state.counter = if happens { state.counter + 1 } else { *otherwise };
                }
                Do::Fail { chance } => {
                    state.counter += 1;
                    if state.stream.unit() < *chance {
                        return self.fail(thread, task, Outcome::Failed);
                    }
                }
                Do::Panic { step, panics } => {
                    state.counter += 1;
                    return self.may_panic(thread, task, *step, *panics);
                }
                Do::Release { pool } => {
                    state.counter += 1;
                    self.release(thread, task, *pool);
                }
                Do::Part { batch } => return self.tell(thread, task, *batch),
                Do::Acquire { pool } => return self.acquire(thread, task, *pool),
                Do::Join { batch, otherwise } => return self.join(thread, task, *batch, *otherwise),
                Do::Ask { step, calls } => return self.ask(thread, task, *step, calls),
                Do::Done => return self.finish(thread, task),
                Do::Cache(access) => return self.access(thread, task, access),
                other => return self.may_wait(thread, task, other),
            }
        }
    }

    /// How the thread goes on with a task that was withdrawn, or whose worker has died; nothing where it goes on itself.
    fn ends_early(&mut self, thread: u32, task: u32) -> Option<Turn> {
        let extra = &self.more.extras[task as usize];
        let (withdrawn, killed) = (extra.withdrawn, extra.killed);
        // What an access holds is given back by the access.
        if !(withdrawn || killed) || self.uses_cache(task) || self.uses_store(task) {
            return None;
        }
        Some(if killed { self.die(thread, task) } else { self.fail(thread, task, Outcome::Cancelled) })
    }

    /// A repetition of the step at `step` is over: the next one begins at `repeat_from`, unless that was the last.
    fn end_repetition(&mut self, task: u32, step: u32, times: u32, repeat_from: u32) {
        let state = &mut self.tasks[task as usize];
        self.steps[step as usize].count += u64::from(state.epoch == Epoch::Inside);
        state.repeats += 1;
        if state.repeats < times {
            state.counter = repeat_from;
        } else {
            state.repeats = 0;
            state.counter += 1;
        }
    }

    /// The program is done; what the thread owes is paid before.
    fn finish(&mut self, thread: u32, task: u32) -> Turn {
        match self.settle_or_go_on(thread) {
            Turn::GoesOn => self.complete(thread, task),
            Turn::IsOver => Turn::IsOver,
        }
    }

    /// An operation that may have to wait: what the thread owes is paid before. How the thread goes on.
    fn may_wait(&mut self, thread: u32, task: u32, what: &Do) -> Turn {
        if self.settle(thread) {
            return Turn::IsOver;
        }
        self.advance(task);
        match what {
            Do::Lock { lock, share } => self.lock_step(thread, task, *lock, *share),
            Do::Io { draw, blocks } => {
                let nanos = self.sample(task, draw);
                if *blocks { self.sleep_on_worker(thread, nanos) } else { self.sleep(thread, task, nanos) }
            }
            Do::Store { store, write } => {
                let turn = self.use_store(thread, task, *store, *write);
                // The task stays at this line while its access is under way.
                self.task(task).counter -= u32::from(self.uses_store(task));
                turn
            }
            Do::Call { to } => self.call(thread, task, *to),
            Do::Send { to, kind } => self.send(thread, task, *to, *kind),
            _ => Turn::GoesOn,
        }
    }

    /// Accounts the time so far to the step that ends, and begins another.
    fn begin_step(&mut self, thread: u32, task: u32, step: u32) {
        self.split(thread);
        self.task(task).step = step;
    }

    pub(super) fn advance(&mut self, task: u32) {
        self.task(task).counter += 1;
    }

    /// Draws a duration from the task's own stream, longer by its actor's slow-down.
    pub(super) fn sample(&mut self, task: u32, draw: &Draw) -> u64 {
        let task = self.task(task);
        let (number, actor) = (task.number, task.actor);
        let nanos = draw.sample(&mut task.stream, number).0;
        self.slowed(actor, nanos)
    }

    /// A task waits for something that is arranged already; how its thread goes on, with another task.
    pub(super) fn wait(&mut self, thread: u32, task: u32, cause: Cause) -> Turn {
        let actor = self.threads[thread as usize].actor;
        if !self.actors[actor as usize].asynchronous {
            self.block(thread, cause);
            return Turn::IsOver;
        }
        self.split(thread);
        self.thread(thread).task = NONE;
        let now = self.now;
        let waiting = self.task(task);
        waiting.mark = now;
        waiting.waits = cause;
        Turn::GoesOn
    }

    /// Waits without CPU, then goes on with the program.
    pub(super) fn sleep(&mut self, thread: u32, task: u32, nanos: u64) -> Turn {
        if nanos == 0 {
            return Turn::GoesOn;
        }
        self.drop_interpreter(thread);
        let entity = self.entity(thread, task);
        if entity & TASK == 0 {
            let late = self.oversleep();
            self.nap(thread, nanos + late);
        } else {
            // The runtime's timer wheel turns in whole ticks and never fires early. Its worker sleeps for the ticks that are
            // left, counted from the last one, and so wakes up as much after the tick as it fell asleep after one.
            let (now, tick) = (self.now, self.charges.tick);
            let until =
                if tick == 0 { now + nanos } else { (now + nanos).next_multiple_of(tick) + now % tick };
            let late = self.oversleep();
            self.schedule(until + late, EventKind::TaskTimer, task);
        }
        self.wait(thread, task, Cause::Io)
    }

    /// Waits without CPU and without leaving the worker.
    fn sleep_on_worker(&mut self, thread: u32, nanos: u64) -> Turn {
        if nanos == 0 {
            return Turn::GoesOn;
        }
        self.drop_interpreter(thread);
        let late = self.oversleep();
        self.nap(thread, nanos + late);
        self.block(thread, Cause::Io);
        Turn::IsOver
    }

    /// Sets a thread's timer.
    pub(super) fn nap(&mut self, thread: u32, nanos: u64) {
        self.machine.set_timer(ThreadId(thread), Nanos(self.now + nanos));
    }

    /// What a cache miss costs on top of the access.
    pub(super) fn pay_miss(&mut self, thread: u32, task: u32, miss: &MissCost, under: u32) -> Turn {
        match miss {
            MissCost::Compute(draw) => {
                let nanos = self.sample(task, draw);
                self.set_work(task, nanos, under);
                Turn::GoesOn
            }
            MissCost::Io(draw) => {
                let nanos = self.sample(task, draw);
                self.sleep(thread, task, nanos)
            }
            MissCost::Store(store) => self.use_store(thread, task, *store, false),
        }
    }
}
