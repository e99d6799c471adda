//! What a performer does beyond plain steps: pools, calls with deadlines and several parts, batches, and tasks that end
//! otherwise than completed.

use super::asking::{Asking, Due};
use super::executor::Executor;
use super::gathering::{Member, Part, Told};
use super::performer::{Performer, note_steps};
use super::register::Awaits;
use super::runtime::{NOBODY, Origin, Returned, Stopped, Task};
use super::timekeeper::Activity;
use crate::engine::ThreadState;
use crate::measure::{Epoch, Finished, Outcome};
use crate::model::chance_of;
use crate::queue::PushError;
use crate::random::Source;
use crate::scenario::{CallSpec, Full, Shed, Target};
use crate::units::Nanos;
use std::sync::Arc;

impl<E: Executor> Performer<'_, E> {
    /// Ends the present task otherwise than completed.
    pub(super) fn fail(&mut self, outcome: Outcome) -> Stopped {
        self.ending = Some(outcome);
        Stopped
    }

    /// Stops at a safepoint while an event keeps the actor's workers off; an error where one has killed them.
    #[inline]
    pub(super) fn safepoint(&mut self) -> Result<(), Stopped> {
        self.lives()?;
        let run = self.run;
        if run.pauses.stops(run.home(self.actor)) {
            self.cut(Activity::Work);
            run.pauses.wait(run.home(self.actor));
            self.cut(Activity::Paused);
        }
        Ok(())
    }

    /// Whether whoever asked for the present task would rather have it left.
    pub(super) fn is_withdrawn(&self) -> bool {
        let origin = self.service.as_ref().map(|(task, _)| &task.origin);
        matches!(origin, Some(Origin::Part(asking, _)) if asking.is_withdrawn())
    }

    /// Why a task is not begun that has just been taken from the queue, if it is not.
    pub(super) fn turned_away(&self, task: &Task, now: Nanos) -> Option<Outcome> {
        let run = self.run;
        let spec = &run.actors[self.actor].spec;
        if matches!(&task.origin, Origin::Part(asking, _) if asking.is_withdrawn()) {
            return Some(Outcome::Cancelled);
        }
        let waited = now.saturating_sub(task.arrived);
        if let Some(draw) = &spec.timeout {
            let mut stream = chance_of(run.seed, Source::Patience, run.home(self.actor), task.number, 0);
            if waited >= draw.sample(&mut stream, task.number) {
                return Some(Outcome::TimedOut);
            }
        }
        matches!(spec.shed, Some(Shed::Age(most)) if waited >= most).then_some(Outcome::Refused)
    }

    /// Notes a task that has ended otherwise than completed, and tells whom it concerns.
    pub(super) fn end_otherwise(&mut self, task: Task, (outcome, started): (Outcome, Nanos), ended: Nanos) {
        let (actor, party, times) = (self.actor, self.executor.worker(), self.time.task);
        let (arrived, issued, epoch, kind) = (task.arrived, task.issued, task.epoch, task.kind);
        let finished = Finished { arrived, issued, started, ended, times };
        if self.whole.is_some() {
            self.keep_whole(outcome, ended);
        }
        let died = u64::from(std::mem::take(&mut self.died));
        let Self { run, executor, steps, .. } = self;
        let counts = run.home(actor) == run.focus && matches!(outcome, Outcome::TimedOut | Outcome::Failed);
        let publishes = executor.note(|notes| {
            notes.stats.serve(run, actor);
            notes.stats.end_otherwise(run, party, &finished, (epoch, outcome));
            if epoch != Epoch::Inside {
                return None;
            }
            note_steps(&mut notes.stats, steps);
            notes.stats.ledger.ends.died += died;
            let at = arrived.saturating_sub(run.start());
            notes.stats.groups[actor].of(at, kind).for_each(|group| group.end(outcome));
            notes.unpublished += u64::from(counts && ended <= run.window_end());
            (notes.unpublished >= run.stride).then(|| std::mem::take(&mut notes.unpublished))
        });
        if let Some(count) = publishes {
            self.run.publish(count, ended);
        }
        self.tell_of_end(actor, task, outcome, ended);
    }

    /// Tells whoever waits for a task of `actor` that it has ended.
    fn tell_of_end(&mut self, actor: usize, mut task: Task, outcome: Outcome, ended: Nanos) {
        self.run.instances.left(actor);
        let (actor, own) = (self.run.home(actor), self.run.home(self.actor));
        match std::mem::replace(&mut task.origin, Origin::Open) {
            Origin::Part(asking, part) => {
                self.register().served(asking.ticket);
                asking.answer(part, outcome);
            }
            Origin::Client if actor == own => {
                task.origin = Origin::Client;
                self.reissue(task, ended);
            }
            Origin::Client => {
                task.origin = Origin::Client;
                let run = self.run;
                run.renew(actor, &mut task, ended);
                if let Some(clients) = &run.actors[actor].clients {
                    // A client whose task was turned away thinks; once the load's thread has gone it is over.
                    clients.send(Returned::Thinking(task)).ok();
                }
            }
            Origin::Open | Origin::Call { .. } => {}
        }
    }

    /// Turns away a task of another actor, which has not been taken by anybody.
    fn turn_away(&mut self, to: usize, mut task: Task) {
        let (run, party, now) = (self.run, self.executor.worker(), self.time.last());
        task.issued = now.max(task.arrived);
        let (at, kind) = (task.arrived.saturating_sub(run.start()), task.kind);
        self.executor.note(|notes| {
            notes.stats.issued[to].refuse(run, party, &task);
            if task.epoch == Epoch::Inside {
                notes.stats.groups[to].of(at, kind).for_each(|group| group.end(Outcome::Refused));
            }
        });
        self.tell_of_end(to, task, Outcome::Refused, now);
    }

    /// Sends a message to an actor that may turn it away.
    pub(super) async fn send_to(&mut self, target: Target, origin: Origin) -> Result<(), Stopped> {
        let run = self.run;
        let now = self.cut(Activity::Work);
        let (number, to) = self.address(target.actor);
        if let Origin::Part(asking, part) = &origin {
            asking.goes_to(*part, to);
        }
        let party = self.executor.worker();
        let mut task = Task::message(party, now, number, origin);
        task.parent = self.task_key();
        task.to = u32::try_from(to).unwrap_or(NOBODY);
        task.kind = u32::try_from(target.kind).unwrap_or(0);
        self.executor.note(|notes| notes.stats.arrive(run, (to, party), &mut task));
        let spec = &run.actors[to].spec;
        let queue = run.actors[to].inbox.queue();
        if matches!(spec.shed, Some(Shed::Length(most)) if queue.len() >= most) {
            self.turn_away(to, task);
            return Ok(());
        }
        let mut task = match run.offer(to, task) {
            Ok(()) => return Ok(()),
            Err(PushError::Closed(task)) => {
                self.leave_waiting(to, &task);
                return Err(Stopped);
            }
            Err(PushError::Full(task)) => task,
        };
        match spec.full.unwrap_or(Full::Block) {
            Full::Refuse => {
                self.turn_away(to, task);
                Ok(())
            }
            Full::DropOldest => {
                // Others may fill the room that this one makes; each turn turns one away.
                loop {
                    if let Ok(oldest) = queue.try_pop() {
                        self.turn_away(to, oldest);
                    }
                    match run.offer(to, task) {
                        Ok(()) => return Ok(()),
                        Err(PushError::Full(back)) => task = back,
                        Err(PushError::Closed(back)) => {
                            self.leave_waiting(to, &back);
                            return Err(Stopped);
                        }
                    }
                }
            }
            Full::Block => {
                self.drop_interpreter(Activity::Work);
                self.cut(Activity::Work);
                self.say(ThreadState::Call);
                self.waits = Some((Activity::Call, None));
                self.begin_wait(Awaits::Room(to));
                let pushed = self.executor.push(to, task).await;
                self.end_wait();
                self.cut_wait(Activity::Call, None);
                self.say(ThreadState::Executing);
                pushed.map_err(|task| {
                    self.leave_waiting(to, &task);
                    Stopped
                })
            }
        }
    }

    /// Takes a place in a pool.
    pub(super) async fn acquire(&mut self, pool: usize) -> Result<(), Stopped> {
        let run = self.run;
        let before = self.cut(Activity::Work);
        let places = &run.pools[pool];
        let (place, contended) = match places.try_take() {
            Some(place) => (Some(place), false),
            None => {
                self.drop_interpreter(Activity::Work);
                self.say(ThreadState::Lock);
                let until = places.timeout.as_ref().map(|draw| {
                    let turn = 1 + pool as u64;
                    let mut stream =
                        chance_of(run.seed, Source::Patience, run.home(self.actor), self.task_number, turn);
                    before + draw.sample(&mut stream, self.task_number)
                });
                self.waits = Some((Activity::Pool, None));
                if until.is_none() {
                    self.begin_wait(Awaits::Place(pool));
                }
                let place = self.executor.wait_for(places.take(), until).await;
                self.end_wait();
                self.cut_wait(Activity::Pool, None);
                self.say(ThreadState::Executing);
                (place?.flatten(), true)
            }
        };
        let Some(place) = place else {
            self.executor.note(|notes| notes.stats.pools[pool].given_up());
            return Err(self.fail(Outcome::TimedOut));
        };
        let since = self.time.last();
        self.executor.note(|notes| notes.stats.pools[pool].taken(contended, since - before));
        self.register().take_place(self.places.len(), pool);
        self.places.push((pool, place, since));
        Ok(())
    }

    /// Gives a place back.
    pub(super) fn release(&mut self, pool: usize) {
        let end = self.cut(Activity::Work);
        if let Some((pool, place, since)) = self.places.pop_if(|(held, ..)| *held == pool) {
            self.executor.note(|notes| notes.stats.pools[pool].released(end - since));
            self.register().leave_place(self.places.len());
            drop(place);
        }
    }

    /// Asks, and waits until the call is decided or its time is over; tries again where the call says so.
    pub(super) async fn ask(&mut self, step: usize, calls: &CallSpec) -> Result<(), Stopped> {
        let run = self.run;
        let measured = u64::from(self.time.last() >= run.window_start());
        let actor = self.actor;
        self.executor.note(|notes| {
            notes.stats.serve(run, actor);
            notes.stats.calls.calls += measured;
        });
        if let Some(budget) = &run.actors[self.actor].budgets[step] {
            budget.lock().unwrap_or_else(std::sync::PoisonError::into_inner).call();
        }
        for attempt in 0.. {
            let ticket = run.register.call(self.entry, self.calls);
            self.calls += 1;
            let asking = Arc::new(Asking::new(calls, ticket));
            let failure = self.attempt(&asking, calls, attempt > 0).await;
            asking.close();
            let Some(outcome) = failure? else { return Ok(()) };
            let Some(wait) = self.another_attempt(step, calls, attempt) else {
                let measured = u64::from(self.time.last() >= run.window_start());
                self.executor.note(|notes| {
                    notes.stats.serve(run, actor);
                    notes.stats.calls.gave_up += measured;
                });
                let timed_out = outcome == Outcome::TimedOut;
                return Err(self.fail(if timed_out { outcome } else { Outcome::Failed }));
            };
            if wait > Nanos::ZERO {
                self.drop_interpreter(Activity::Work);
                self.cut(Activity::Work);
                self.say(ThreadState::Io);
                self.waits = Some((Activity::Backoff, None));
                let slept = self.executor.sleep(wait).await;
                self.cut_wait(Activity::Backoff, None);
                self.say(ThreadState::Executing);
                slept?;
            }
        }
        Ok(())
    }

    /// One attempt at a call; how it failed, if it did.
    async fn attempt(
        &mut self,
        asking: &Arc<Asking>,
        calls: &CallSpec,
        again: bool,
    ) -> Result<Option<Outcome>, Stopped> {
        let began = self.cut(Activity::Work);
        let deadline = calls.timeout.as_ref().map(|draw| {
            let turn = 1 << 32 | self.messages;
            let mut stream = chance_of(self.run.seed, Source::Patience, self.actor, self.task_number, turn);
            began + draw.sample(&mut stream, self.task_number)
        });
        loop {
            let now = self.time.last();
            match asking.due(now) {
                Due::Answered => return Ok(None),
                Due::Hopeless(outcome) => return Ok(Some(outcome)),
                Due::Send(part) => {
                    self.send_part(asking, calls, part, (again, false)).await?;
                    continue;
                }
                Due::Wait => {}
            }
            if deadline.is_some_and(|deadline| now >= deadline) {
                return Ok(Some(Outcome::TimedOut));
            }
            if let Some(part) = calls.hedge.and_then(|hedge| asking.late(now, hedge)) {
                self.send_part(asking, calls, part, (false, true)).await?;
                continue;
            }
            let late = calls.hedge.and_then(|hedge| asking.next_late(hedge));
            let until = [deadline, late].into_iter().flatten().min();
            self.drop_interpreter(Activity::Work);
            self.cut(Activity::Work);
            self.say(ThreadState::Call);
            self.waits = Some((Activity::Call, None));
            if until.is_none() {
                self.register().ask(Some(Arc::clone(asking)));
                self.begin_wait(Awaits::Answers(calls.parts[0].actor));
            }
            let due = self.executor.wait_for(asking.is_due(), until).await;
            self.end_wait();
            self.cut_wait(Activity::Call, None);
            if until.is_none() {
                self.register().ask(None);
            }
            self.say(ThreadState::Executing);
            due?;
        }
    }

    async fn send_part(
        &mut self,
        asking: &Arc<Asking>,
        calls: &CallSpec,
        part: usize,
        (again, hedge): (bool, bool),
    ) -> Result<(), Stopped> {
        let measured = u64::from(self.time.last() >= self.run.window_start());
        let (run, actor) = (self.run, self.actor);
        self.executor.note(|notes| {
            notes.stats.serve(run, actor);
            let figures = &mut notes.stats.calls;
            figures.attempts += measured;
            figures.retries += measured * u64::from(again);
            figures.hedges += measured * u64::from(hedge);
        });
        self.send_to(calls.parts[part], Origin::Part(Arc::clone(asking), part)).await
    }

    /// How long to wait before another attempt; nothing when there is to be none.
    fn another_attempt(&self, step: usize, calls: &CallSpec, attempt: u32) -> Option<Nanos> {
        let retry = calls.retry.filter(|retry| attempt < retry.times)?;
        if let Some(budget) = &self.run.actors[self.actor].budgets[step]
            && !budget.lock().unwrap_or_else(std::sync::PoisonError::into_inner).retry()
        {
            return None;
        }
        let mut stream = chance_of(
            self.run.seed,
            Source::Jitter,
            self.run.home(self.actor),
            self.task_number,
            self.messages,
        );
        Some(retry.wait(attempt, stream.unit()))
    }

    /// Comes to a batch step; whether it leads, and so does the step.
    pub(super) async fn join(&mut self, step: usize) -> Result<bool, Stopped> {
        let run = self.run;
        let Some(gathering) = &run.actors[self.actor].gatherings[step] else { return Ok(true) };
        let now = self.cut(Activity::Work);
        let until = match gathering.come(now) {
            Part::Leads(until) => until,
            Part::Follows(member) => {
                let told = self.wait_in_batch(member.told(), None).await?;
                if told == Some(Told::Done) {
                    return Ok(false);
                }
                gathering.gathers_until(&member)
            }
        };
        if until > self.time.last() {
            self.wait_in_batch(gathering.full(), Some(until)).await?;
        }
        let members = gathering.depart(self.time.last() >= run.window_start());
        self.leading.push((step, members));
        Ok(true)
    }

    pub(super) async fn wait_in_batch<F: Future<Output: Send> + Send>(
        &mut self,
        future: F,
        until: Option<Nanos>,
    ) -> Result<Option<F::Output>, Stopped> {
        self.drop_interpreter(Activity::Work);
        self.cut(Activity::Work);
        self.say(ThreadState::Io);
        self.waits = Some((Activity::Batch, None));
        let output = self.executor.wait_for(future, until).await;
        self.cut_wait(Activity::Batch, None);
        self.say(ThreadState::Executing);
        output
    }

    /// Ends a batch that the present task leads.
    pub(super) fn part(&mut self) {
        self.cut(Activity::Work);
        let Some((step, members)) = self.leading.pop() else { return };
        self.tell_members(step, &members);
    }

    fn tell_members(&self, step: usize, members: &[Arc<Member>]) {
        if let Some(gathering) = &self.run.actors[self.actor].gatherings[step] {
            gathering.done(members);
        }
    }

    /// Gives back the places of a task that ends where it is, and lets go whom it leads.
    pub(super) fn let_go_of_others(&mut self) {
        while let Some((_, place, _)) = self.places.pop() {
            self.register().leave_place(self.places.len());
            drop(place);
        }
        while let Some((step, members)) = self.leading.pop() {
            self.tell_members(step, &members);
        }
    }
}
