//! The interpreter of an actor's program, the same on threads and on tokio: what each [`Op`] does.
//!
//! A new operation has its arm in [`Performer::perform_one`], and nothing else to change here or in an executor unless it
//! waits for something of a new kind.

use super::access::Access;
use super::executor::Executor;
use super::locks::{Attempt, Held, Mechanism};
use super::performer::Performer;
use super::profile::StepHooks;
use super::register::Awaits;
use super::runtime::{Look, NOBODY, Origin, Stopped, Task};
use super::timekeeper::Activity;
use super::turnstile::Turnstile;
use crate::engine::ThreadState;
use crate::measure::Outcome;
use crate::model::{Op, child_number};
use crate::queue::PushError;
use crate::random::Stream;
use crate::scenario::{Target, Wait};
use crate::units::Nanos;
use std::sync::Arc;
use tokio::sync::oneshot;

impl<E: Executor> Performer<'_, E> {
    /// Performs the program for the present task, which is of this kind.
    pub(super) async fn perform(&mut self, kind: usize, stream: &mut Stream) -> Result<(), Stopped> {
        let run = self.run;
        let program = &run.actors[self.actor].program;
        let range = program.kinds.get(kind).cloned().unwrap_or(0..0);
        let ops = &program.ops[..range.end];
        let (mut next, mut left) = (range.start, 0_u32);
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
                Op::Maybe { chance, otherwise } => {
                    if stream.unit() >= *chance {
                        next = *otherwise;
                    }
                }
                Op::Join { step, otherwise, .. } => {
                    if !self.join(*step).await? {
                        next = *otherwise;
                    }
                }
                other => self.perform_one(other, stream).await?,
            }
            if run.special {
                self.safepoint()?;
                if self.is_withdrawn() {
                    return Err(self.fail(Outcome::Cancelled));
                }
            }
        }
        Ok(())
    }

    fn enter(&mut self, step: usize) {
        self.step = Some(step);
        self.last_step = step;
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
            // These move the program on.
            Op::Begin { .. } | Op::End { .. } | Op::Maybe { .. } | Op::Join { .. } => {}
            Op::Part { .. } => self.part(),
            Op::Acquire { pool } => self.acquire(*pool).await?,
            Op::Release { pool } => self.release(*pool),
            Op::Ask { step, calls } => self.ask(*step, calls).await?,
            Op::Fail { chance } => {
                if stream.unit() < *chance {
                    return Err(self.fail(Outcome::Failed));
                }
            }
            Op::Panic { step, panics } => self.may_panic(*step, *panics, stream)?,
            Op::Compute { draw, under } => {
                let amount = self.slowed(draw.sample(stream, self.task_number));
                self.hold_interpreter(*under)?;
                self.compute(amount, *under)?;
            }
            Op::Touch { bytes, under } => {
                self.hold_interpreter(*under)?;
                for bytes in self.portions(*bytes) {
                    self.memory.touch(bytes, || run.goes_on())?;
                }
            }
            Op::Compress { bytes, under } => {
                self.hold_interpreter(*under)?;
                for bytes in self.portions(*bytes) {
                    self.corpus.compress(bytes, run.seed, || run.goes_on())?;
                }
            }
            Op::Io { draw, blocks } => {
                let length = self.slowed(draw.sample(stream, self.task_number));
                if *blocks { self.sleep_here(length)? } else { self.sleep(length).await? }
            }
            Op::Lock { lock, share } => self.lock(*lock, *share).await?,
            Op::Unlock { lock } => self.unlock(*lock),
            Op::Call { to } => self.call(*to).await?,
            Op::Send { to, kind } if self.run.special => {
                self.send_to(Target { actor: *to, kind: *kind }, Origin::Open).await?;
            }
            Op::Send { to, .. } => {
                self.send(*to, Origin::Open).await?;
            }
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
        run.compute(amount, under, |look| {
            match look {
                Look::HandOver(lock) => {
                    self.drop_interpreter(Activity::Work);
                    self.take_interpreter(lock)?;
                }
                Look::Pause => self.safepoint()?,
            }
            Ok(())
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
        // Whether it waits is known only afterwards, so that the kernel is not asked before.
        self.register().begin(Awaits::Lock(lock), before.0);
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
        self.register().hold(0, lock, false);
        self.interpreter = Some((lock, held, since));
        let by = self.user();
        self.executor.note(|notes| notes.stats.locks[lock].taken(by, contended, before, since));
        Ok(())
    }

    /// Gives the lock around work back before a wait; the segment before it belongs to `activity`.
    #[inline]
    pub(super) fn drop_interpreter(&mut self, activity: Activity) {
        let Some((lock, held, since)) = self.interpreter.take() else { return };
        let (run, thread) = (self.run, self.thread());
        // First the drop, then the figures: by the time that those take, the waiter that asked would be asleep again,
        // and another one would be woken.
        let end = self.time.peek();
        self.register().release(0);
        let asked = run.locks[lock].release_around_work(held, thread);
        let segment = self.time.cut_at(activity, end);
        let end = self.note_piece(activity, segment, None);
        let by = self.user();
        self.executor.note(|notes| notes.stats.locks[lock].released(by, end - since));
        if asked {
            run.locks[lock].await_hand_over(thread);
        }
        self.cut_lock(Activity::Lock, lock);
    }

    /// Takes a step's lock: one attempt with the interpreter lock held, then waiting without it.
    async fn lock(&mut self, lock: usize, share: bool) -> Result<(), Stopped> {
        let run = self.run;
        if let Mechanism::Policy(turnstile, _) = &run.locks[lock].mechanism {
            return self.pass_turnstile(lock, turnstile, share).await;
        }
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
        let by = self.user();
        self.executor.note(|notes| notes.stats.locks[lock].taken(by, contended, before, since));
        self.register().hold(1 + self.held.len(), lock, false);
        self.held.push((lock, held, since));
        Ok(())
    }

    /// Takes a lock with a policy of its own.
    async fn pass_turnstile(
        &mut self,
        lock: usize,
        turnstile: &Arc<Turnstile>,
        share: bool,
    ) -> Result<(), Stopped> {
        let (run, before) = (self.run, self.cut(Activity::Work));
        self.held_by = run.locks[lock].holder();
        let contended = !turnstile.try_enter(share);
        if contended {
            self.drop_interpreter(Activity::Work);
            self.say(ThreadState::Lock);
            self.waits = Some((Activity::Lock, Some(lock)));
            self.begin_wait(if share { Awaits::Share(lock) } else { Awaits::Lock(lock) });
            match turnstile.wait {
                Wait::Park => {
                    self.executor.wait_for(turnstile.enter(share), None).await?;
                }
                Wait::Spin(most) => {
                    let until = before + most;
                    let spun = self.spin_until(until, || turnstile.try_enter(share));
                    self.cut_lock(Activity::Spin, lock);
                    if !spun {
                        self.executor.wait_for(turnstile.enter(share), None).await?;
                    }
                }
                Wait::Poll(gap) => loop {
                    self.executor.sleep(gap).await?;
                    if turnstile.try_enter(share) {
                        break;
                    }
                },
            }
            self.end_wait();
            self.cut_wait(Activity::Lock, Some(lock));
            self.say(ThreadState::Executing);
        }
        run.locks[lock].taken(self.thread(), contended);
        let since = self.time.last();
        let by = self.user();
        self.executor.note(|notes| notes.stats.locks[lock].taken(by, contended, before, since));
        self.register().hold(1 + self.held.len(), lock, share);
        self.held.push((lock, Held::Policy(share), since));
        Ok(())
    }

    /// Tries on the processor until an instant; whether it succeeded.
    fn spin_until(&self, until: Nanos, tries: impl Fn() -> bool) -> bool {
        while self.run.clock.now() < until {
            if tries() {
                return true;
            }
            std::hint::spin_loop();
        }
        false
    }

    fn unlock(&mut self, lock: usize) {
        let end = self.cut(Activity::Work);
        if let Some((lock, held, since)) = self.held.pop_if(|(held, ..)| *held == lock) {
            let by = self.user();
            self.executor.note(|notes| notes.stats.locks[lock].released(by, end - since));
            self.register().release(1 + self.held.len());
            self.run.locks[lock].give_back(held, self.thread());
        }
    }

    /// Waits without a processor and without leaving the worker.
    fn sleep_here(&mut self, length: Nanos) -> Result<(), Stopped> {
        self.drop_interpreter(Activity::Work);
        self.cut(Activity::Work);
        self.say(ThreadState::Io);
        let slept = self.executor.sleep_here(length);
        self.cut(Activity::Io);
        self.say(ThreadState::Executing);
        slept
    }

    /// Waits without a processor.
    pub(super) async fn sleep(&mut self, length: Nanos) -> Result<(), Stopped> {
        self.drop_interpreter(Activity::Work);
        self.cut(Activity::Work);
        self.say(ThreadState::Io);
        self.waits = Some((Activity::Io, None));
        self.executor.fall_asleep(&mut self.time);
        let slept = self.executor.sleep(length).await;
        self.cut_wait(Activity::Io, None);
        self.say(ThreadState::Executing);
        slept
    }

    async fn call(&mut self, to: usize) -> Result<(), Stopped> {
        let (answer, answered) = oneshot::channel();
        let ticket = self.run.register.call(self.entry, self.calls);
        self.calls += 1;
        let to = self.send(to, Origin::Call { answer, ticket }).await?;
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

    /// The number of the next message that the present task sends, and which instance of `to` it goes to.
    pub(super) fn address(&mut self, to: usize) -> (u64, usize) {
        let run = self.run;
        let number = child_number(run.home(self.actor), self.task_number, self.messages);
        self.messages += 1;
        let key = run.instances.key_of(self.actor, self.task_number);
        (number, run.instances.route(run.seed, to, number, key))
    }

    /// Sends a message, waiting for room without the interpreter lock; returns the instance that it went to.
    async fn send(&mut self, to: usize, origin: Origin) -> Result<usize, Stopped> {
        let run = self.run;
        let now = self.cut(Activity::Work);
        let (number, to) = self.address(to);
        let worker = self.executor.worker();
        let mut task = Task::message(worker, now, number, origin);
        task.parent = self.task_key();
        task.to = u32::try_from(to).unwrap_or(NOBODY);
        self.executor.note(|notes| notes.stats.issued[to].arrive(run, worker, &mut task));
        let lost = match run.offer(to, task) {
            Ok(()) => return Ok(to),
            Err(PushError::Closed(task)) => Some(task),
            Err(PushError::Full(task)) => {
                self.drop_interpreter(Activity::Work);
                // The segment before the wait is work, however short it is.
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
        let Some(task) = lost else { return Ok(to) };
        // Refused only because the run is over: the message was on its way.
        self.leave_waiting(to, &task);
        Err(Stopped)
    }
}
