//! The interpreter of an actor's program, the same on threads and on tokio: what each [`Op`] does.
//!
//! A new operation has its arm in [`Performer::perform_one`], and nothing else to change here or in an executor unless it
//! waits for something of a new kind.

use super::access::Access;
use super::executor::Executor;
use super::locks::{Attempt, Held};
use super::performer::Performer;
use super::profile::StepHooks;
use super::register::Awaits;
use super::runtime::{Origin, Stopped, Task};
use super::timekeeper::Activity;
use crate::engine::ThreadState;
use crate::model::{Op, child_number};
use crate::queue::PushError;
use crate::random::Stream;
use crate::units::Nanos;
use tokio::sync::oneshot;

impl<E: Executor> Performer<'_, E> {
    /// Performs the program for the present task.
    pub(super) async fn perform(&mut self, stream: &mut Stream) -> Result<(), Stopped> {
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
                    self.steps[*step].1 += 1;
                    left -= 1;
                    if left == 0 {
                        self.leave(*step);
                    } else if run.stopped() {
                        return Err(Stopped);
                    } else {
                        next = *repeat_from;
                        self.hooks.iter_mut().for_each(|hooks| hooks.repeat(*step));
                    }
                }
                other => self.perform_one(other, stream).await?,
            }
        }
        Ok(())
    }

    fn enter(&mut self, step: usize) {
        self.step = Some(step);
        self.say(ThreadState::Executing);
        self.hooks.iter_mut().for_each(StepHooks::enter);
    }

    fn leave(&mut self, step: usize) {
        self.cut(Activity::Work);
        self.executor.say(0, ThreadState::Executing);
        self.hooks.iter_mut().for_each(|hooks| hooks.leave(step));
    }

    /// Performs one operation between a step's begin and its end.
    #[inline]
    async fn perform_one(&mut self, op: &Op, stream: &mut Stream) -> Result<(), Stopped> {
        let run = self.run;
        match op {
            Op::Begin { .. } | Op::End { .. } => {}
            Op::Compute { draw, under } => {
                let amount = draw.sample(stream, self.task_number);
                self.hold_interpreter(*under)?;
                self.compute(amount, *under)?;
            }
            Op::Touch { bytes, under } => {
                self.hold_interpreter(*under)?;
                self.memory.touch(*bytes, || run.goes_on())?;
            }
            Op::Compress { bytes, under } => {
                self.hold_interpreter(*under)?;
                self.corpus.compress(*bytes, run.seed, || run.goes_on())?;
            }
            Op::Io { draw } => {
                let length = draw.sample(stream, self.task_number);
                self.sleep(length).await?;
            }
            Op::Lock { lock } => self.lock(*lock).await?,
            Op::Unlock { lock } => self.unlock(*lock),
            Op::Call { to } => self.call(*to).await?,
            Op::Send { to } => self.send(*to, Origin::Open).await?,
            Op::Cache { cache, hit, miss, under } => {
                let access = Access { cache: *cache, hit, miss, under: *under };
                self.access_cache(&access, stream).await?;
            }
            Op::Store { store, write } => self.access_store(*store, *write, stream)?,
        }
        Ok(())
    }

    /// Does an amount of work; gives an interpreter lock around it to whoever asks for it.
    pub(super) fn compute(&mut self, amount: Nanos, under: Option<usize>) -> Result<(), Stopped> {
        let run = self.run;
        run.compute(amount, under, |lock| {
            self.drop_interpreter(Activity::Work);
            self.take_interpreter(lock)
        })
    }

    /// Makes sure that exactly `wanted` is held around work.
    #[inline]
    pub(super) fn hold_interpreter(&mut self, wanted: Option<usize>) -> Result<(), Stopped> {
        if self.interpreter.as_ref().map(|(lock, ..)| *lock) == wanted {
            return Ok(());
        }
        self.drop_interpreter(Activity::Work);
        wanted.map_or(Ok(()), |lock| self.take_interpreter(lock))
    }

    /// Takes the lock around work. It blocks the worker, as any code under an interpreter lock does.
    fn take_interpreter(&mut self, lock: usize) -> Result<(), Stopped> {
        let before = self.cut(Activity::Work);
        let (run, thread) = (self.run, self.thread());
        self.say(ThreadState::Lock);
        self.held_by = run.locks[lock].holder();
        self.begin_wait(Awaits::Lock(lock));
        self.executor.block(self.entry);
        let taken = match run.locks[lock].try_take(thread) {
            Attempt::Taken(held) => Ok((held, false)),
            Attempt::Waited => Ok((Held::Raw, true)),
            Attempt::Refused => run.locks[lock].take(run, thread).map(|held| (held, true)),
            Attempt::Closed => Err(Stopped),
        };
        self.executor.unblock();
        self.end_wait();
        self.say(ThreadState::Executing);
        let contended = !matches!(taken, Ok((_, false)));
        let since = if contended { self.cut_lock(Activity::Lock, lock) } else { before };
        let (held, _) = taken?;
        self.register().hold(0, lock);
        self.interpreter = Some((lock, held, since));
        self.executor.note(|notes| notes.book.locks[lock].taken(contended, since - before));
        Ok(())
    }

    /// Gives the lock around work back before a wait; the piece before it belongs to `activity`.
    #[inline]
    pub(super) fn drop_interpreter(&mut self, activity: Activity) {
        let Some((lock, held, since)) = self.interpreter.take() else { return };
        let (run, thread) = (self.run, self.thread());
        // First the drop, then the books: by the time that those take, the waiter that asked would be asleep again,
        // and another one would be woken.
        let end = self.time.peek();
        self.register().release(0);
        let asked = run.locks[lock].release_around_work(held, thread);
        let piece = self.time.cut_at(activity, end);
        let end = self.note_piece(activity, piece, None);
        self.executor.note(|notes| notes.book.locks[lock].released(end - since));
        if asked {
            run.locks[lock].await_hand_over(thread);
        }
        self.cut_lock(Activity::Lock, lock);
    }

    /// Takes a step's lock: one attempt with the interpreter lock held, then waiting without it.
    async fn lock(&mut self, lock: usize) -> Result<(), Stopped> {
        let run = self.run;
        let before = self.cut(Activity::Work);
        self.held_by = run.locks[lock].holder();
        let (held, contended) = match run.locks[lock].try_take(self.thread()) {
            Attempt::Taken(held) => (held, false),
            Attempt::Waited => {
                self.cut_lock(Activity::Lock, lock);
                (Held::Raw, true)
            }
            Attempt::Closed => return Err(Stopped),
            Attempt::Refused => {
                self.drop_interpreter(Activity::Work);
                self.say(ThreadState::Lock);
                let activity = if run.locks[lock].spins() { Activity::Spin } else { Activity::Lock };
                self.waits = Some((activity, Some(lock)));
                self.begin_wait(Awaits::Lock(lock));
                let held = self.executor.take(lock, self.entry).await;
                self.end_wait();
                self.cut_wait(activity, Some(lock));
                self.say(ThreadState::Executing);
                (held?, true)
            }
        };
        let since = self.time.last();
        self.executor.note(|notes| notes.book.locks[lock].taken(contended, since - before));
        self.register().hold(1 + self.held.len(), lock);
        self.held.push((lock, held, since));
        Ok(())
    }

    fn unlock(&mut self, lock: usize) {
        let end = self.cut(Activity::Work);
        if let Some((lock, held, since)) = self.held.pop_if(|(held, ..)| *held == lock) {
            self.executor.note(|notes| notes.book.locks[lock].released(end - since));
            self.register().release(1 + self.held.len());
            self.run.locks[lock].give_back(held, self.thread());
        }
    }

    /// Waits without a processor.
    pub(super) async fn sleep(&mut self, length: Nanos) -> Result<(), Stopped> {
        self.drop_interpreter(Activity::Work);
        self.cut(Activity::Work);
        self.say(ThreadState::Io);
        self.waits = Some((Activity::Io, None));
        let slept = self.executor.sleep(length).await;
        self.cut_wait(Activity::Io, None);
        self.say(ThreadState::Executing);
        slept
    }

    async fn call(&mut self, to: usize) -> Result<(), Stopped> {
        let (answer, answered) = oneshot::channel();
        let ticket = self.run.register.call(self.entry, self.calls);
        self.calls += 1;
        self.send(to, Origin::Call { answer, ticket }).await?;
        self.drop_interpreter(Activity::Work);
        self.cut(Activity::Work);
        self.say(ThreadState::Call);
        self.hooks.iter_mut().for_each(StepHooks::call);
        self.waits = Some((Activity::Call, None));
        self.begin_wait(Awaits::Answer(to));
        let outcome = self.executor.await_answer(answered).await;
        self.end_wait();
        self.hooks.iter_mut().for_each(StepHooks::answered);
        self.cut_wait(Activity::Call, None);
        self.say(ThreadState::Executing);
        outcome
    }

    /// Sends a message, waiting for room without the interpreter lock.
    async fn send(&mut self, to: usize, origin: Origin) -> Result<(), Stopped> {
        let run = self.run;
        let now = self.cut(Activity::Work);
        let number = child_number(self.actor, self.task_number, self.messages);
        self.messages += 1;
        let worker = self.executor.worker();
        let mut task = Task::message(worker, now, number, origin);
        self.executor.note(|notes| notes.book.issued[to].arrive(run, worker, &mut task));
        let lost = match run.offer(to, task) {
            Ok(()) => return Ok(()),
            Err(PushError::Closed(task)) => Some(task),
            Err(PushError::Full(task)) => {
                self.drop_interpreter(Activity::Work);
                // The piece before the wait is work, however short it is.
                self.cut(Activity::Work);
                self.say(ThreadState::Call);
                self.waits = Some((Activity::Call, None));
                self.begin_wait(Awaits::Room(to));
                let pushed = self.executor.push(to, task).await;
                self.end_wait();
                self.cut_wait(Activity::Call, None);
                self.say(ThreadState::Executing);
                pushed.err()
            }
        };
        let Some(task) = lost else { return Ok(()) };
        // Refused only because the run is over: the message was on its way.
        self.leave_waiting(to, &task);
        Err(Stopped)
    }
}
