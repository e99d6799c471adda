//! Task queues and workers: how tasks reach threads, and what happens when there is no room or no task.
//!
//! - A worker takes the head of its actor's queue, or sleeps until a push wakes it (the longest idle first). Another
//!   worker may take the task before the woken one runs; it then sleeps again.
//! - A push into a full queue is refused for open load; everybody else waits for room, in order.
//! - A busy asynchronous runtime notices timers late: only a worker that has nothing to do waits for them.
//! - Asynchronous actors: a bounded channel, and handlers that each take one task at a time from it. A task that waits leaves its
//!   worker; when it can go on it joins the runtime's queue of ready tasks.
//!
//! An operation costs its caller time; queues with an exclusive part also keep others out for that long.

use super::alarms::Alarm;
use super::program::{Turn, index};
use super::world::{CLIENT, NONE, Next, PARENT, Purpose, TASK, Task, World};
use crate::measure::{Cause, Epoch, Finished, Outcome, PLAIN_CAUSES};
use crate::model::child_number;
use crate::random::Source;
use crate::scenario::{Full, Shed};
use crate::units::Nanos;

/// Polls between two looks at the timers of a busy worker: tokio's `event_interval`.
const EVENT_INTERVAL: u32 = 61;
/// Most tasks that an asynchronous actor handles at once.
pub(super) const MAX_HANDLERS: usize = 1024;

/// Where a new task went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Push {
    Accepted,
    Full,
}

impl World<'_> {
    /// A new task of `actor`, with the number that fixes what it draws, for whoever is to have the answer.
    pub(super) fn new_task(&mut self, arrived: u64, actor: u32, number: u64, answer_to: u32) -> u32 {
        let epoch = Epoch::of(Nanos(arrived), Nanos(self.window_start), Nanos(self.window_end));
        let entry = self.code.entries[actor as usize];
        let owner = &mut self.actors[actor as usize];
        owner.present += 1;
        if epoch != Epoch::After {
            owner.ledger.presence.arrive(Nanos(arrived), Nanos(self.window_start));
        }
        if epoch == Epoch::Inside {
            owner.ledger.issued += 1;
            self.outstanding += 1;
        }
        let task = Task {
            arrived,
            mark: arrived,
            times: [0; PLAIN_CAUSES],
            number,
            stream: owner.service.stream(number),
            work: 0,
            since: arrived,
            actor,
            counter: entry.line,
            step: entry.step,
            repeats: 0,
            answer_to,
            messages: 0,
            lock: NONE,
            next: Next::Operation,
            purpose: Purpose::Step,
            waits: Cause::Queue,
            epoch,
        };
        let slot = if let Some(slot) = self.free.pop() {
            self.tasks[slot as usize] = task;
            slot
        } else {
            self.tasks.push(task);
            index(self.tasks.len() - 1)
        };
        if self.more.used {
            self.begin_extra(slot);
        }
        if self.timeline.wanted() {
            self.timeline.sent_by(slot, NONE);
            self.timeline.begins(slot, epoch == Epoch::Inside);
        }
        slot
    }

    /// Charges `thread` for an operation on the queue of `actor`, and for waiting its turn.
    fn queue_operation(&mut self, actor: u32, thread: u32, push: bool) {
        let Some(cost) = self.charges.queues[actor as usize] else { return };
        if thread == NONE {
            return;
        }
        let core = self.core_of(thread);
        let now = self.now;
        let queue = &mut self.actors[actor as usize];
        let mut nanos = if push { cost.push.0 } else { cost.pop.0 };
        if queue.touched_by != core && queue.touched_by != NONE {
            nanos += cost.exclusive.0;
        }
        nanos += queue.busy_until.saturating_sub(now);
        queue.busy_until = now.max(queue.busy_until) + cost.exclusive.0;
        queue.touched_by = core;
        self.owe(thread, nanos);
    }

    /// Puts a task into its actor's queue and wakes a worker for it.
    pub(super) fn push(&mut self, task: u32, thread: u32) -> Push {
        let index = self.station_of(task);
        let actor = &mut self.actors[index as usize];
        if actor.asynchronous && actor.handlers > 0 {
            actor.handlers -= 1;
            self.queue_operation(index, thread, true);
            self.task(task).waits = Cause::Queue;
            self.make_task_ready(task, thread);
            return Push::Accepted;
        }
        if actor.queue.len() >= actor.capacity {
            return Push::Full;
        }
        if self.more.used {
            self.queue_up(task);
        } else {
            actor.queue.push_back(task);
        }
        let actor = &mut self.actors[index as usize];
        let idle = if actor.asynchronous { None } else { actor.idle.pop_front() };
        self.queue_operation(index, thread, true);
        if let Some(worker) = idle {
            self.wake(worker, thread);
        }
        Push::Accepted
    }

    /// Puts a task into its actor's queue, or makes `sender` (or nobody) wait for room; whether it went in.
    pub(super) fn push_or_wait(&mut self, task: u32, thread: u32, sender: u32) -> bool {
        if self.push(task, thread) == Push::Accepted {
            return true;
        }
        self.wait_for_room(task, sender);
        false
    }

    fn wait_for_room(&mut self, task: u32, sender: u32) {
        let station = self.station_of(task);
        self.actors[station as usize].overflow.push_back((task, sender));
        if self.more.used {
            self.be_patient(task);
        }
    }

    /// Puts a task into its actor's queue, or does with it what the actor's full queue does; whether whoever brings it goes
    /// on. What comes as open load is refused where the scenario does not say what else becomes of it.
    pub(super) fn push_or(&mut self, task: u32, thread: u32, sender: u32, open: bool) -> bool {
        let actor = self.task(task).actor as usize;
        let spec = &self.scenario.actors[actor];
        let station = self.station_of(task) as usize;
        if let Some(Shed::Length(most)) = spec.shed
            && self.actors[station].queue.len() >= most
        {
            self.discard(task, Outcome::Refused, thread);
            return true;
        }
        if self.push(task, thread) == Push::Accepted {
            return true;
        }
        let full = spec.full.unwrap_or(if open { Full::Refuse } else { Full::Block });
        match full {
            Full::Block => {
                self.wait_for_room(task, sender);
                return false;
            }
            Full::Refuse => self.discard(task, Outcome::Refused, thread),
            Full::DropOldest => {
                // Oldest by arrival: where there are priorities, not the head.
                let oldest = self.actors[station].queue.iter().copied().min_by_key(|queued| {
                    let queued = &self.tasks[*queued as usize];
                    (queued.arrived, queued.number)
                });
                if let Some(oldest) = oldest {
                    self.leave_queue(oldest);
                    self.discard(oldest, Outcome::Refused, thread);
                }
                self.push(task, thread);
            }
        }
        true
    }

    /// Puts a task into its actor's queue, where its priority has it.
    fn queue_up(&mut self, task: u32) {
        let station = self.station_of(task) as usize;
        let (scenario, tasks) = (self.scenario, &self.tasks);
        let priority = |extras: &[super::extra::Extra], task: u32| {
            let kinds = &scenario.actors[tasks[task as usize].actor as usize].kinds;
            kinds.get(extras[task as usize].kind as usize).map_or(0, |kind| kind.priority)
        };
        let own = priority(&self.more.extras, task);
        let extras = &self.more.extras;
        let queue = &mut self.actors[station].queue;
        let last = queue.back().map_or(u32::MAX, |last| priority(extras, *last));
        if last >= own {
            queue.push_back(task);
        } else {
            let place = queue.partition_point(|queued| priority(extras, *queued) >= own);
            queue.insert(place, task);
        }
        if !self.extra(task).queued {
            self.be_patient(task);
        }
    }

    /// A task is in its actor's queue, or waits for room there: from now on for as long as it is patient.
    fn be_patient(&mut self, task: u32) {
        self.extra(task).queued = true;
        let scenario = self.scenario;
        let actor = self.tasks[task as usize].actor as usize;
        let Some(draw) = &scenario.actors[actor].timeout else { return };
        let epoch = self.next_epoch(task);
        let patience =
            draw.sample(&mut self.chance_of(task, Source::Patience, 0), self.tasks[task as usize].number);
        self.alarm_in(patience.0, Alarm::QueueTimeout { task, epoch });
    }

    /// Takes a task out of its actor's queue, or from those who wait for room there. Its sender, if it waits, goes on.
    pub(super) fn leave_queue(&mut self, task: u32) {
        let number = self.station_of(task);
        let actor = &mut self.actors[number as usize];
        if let Some(place) = actor.queue.iter().position(|queued| *queued == task) {
            actor.queue.remove(place);
            self.admit(number, NONE);
        } else if let Some(place) = actor.overflow.iter().position(|(waiting, _)| *waiting == task) {
            let sender = actor.overflow.remove(place).map_or(NONE, |(_, sender)| sender);
            if sender != NONE {
                self.wake(sender, NONE);
            }
        }
    }

    /// Lets the first who waits for room in, now that there is some.
    fn admit(&mut self, actor: u32, thread: u32) {
        let Some((task, sender)) = self.actors[actor as usize].overflow.pop_front() else { return };
        if self.more.used {
            self.queue_up(task);
        } else {
            self.actors[actor as usize].queue.push_back(task);
        }
        if sender != NONE {
            self.wake(sender, thread);
        }
    }

    /// Takes the head of the actor's queue.
    fn take_task(&mut self, actor: u32, thread: u32) -> Option<u32> {
        // Each turn takes a task, so the loop ends.
        loop {
            let task = self.actors[actor as usize].queue.pop_front()?;
            self.queue_operation(actor, thread, false);
            self.admit(actor, thread);
            if !self.more.used || !self.is_too_old(task) {
                return Some(task);
            }
            self.discard(task, Outcome::Refused, thread);
        }
    }

    /// Whether a task has been in the queue for longer than its actor serves.
    fn is_too_old(&self, task: u32) -> bool {
        let actor = self.tasks[task as usize].actor;
        let Some(Shed::Age(most)) = self.scenario.actors[actor as usize].shed else { return false };
        self.now - self.tasks[task as usize].arrived >= most.0
    }

    /// A worker without a task looks for one; how it goes on.
    pub(super) fn fetch(&mut self, thread: u32) -> Turn {
        if self.settle(thread) {
            return Turn::IsOver;
        }
        let actor = self.threads[thread as usize].actor;
        if self.actors[actor as usize].issuer == thread {
            return self.issue_due(thread, actor);
        }
        if self.stays_away(thread) {
            return Turn::IsOver;
        }
        let actor = self.actors[actor as usize].station;
        if self.actors[actor as usize].asynchronous {
            if let Some(task) = self.next_ready(actor, thread) {
                self.take_up(thread, task);
                return Turn::GoesOn;
            }
        } else if let Some(task) = self.take_task(actor, thread) {
            self.begin(thread, task);
            return Turn::GoesOn;
        }
        self.drop_interpreter(thread);
        self.actors[actor as usize].idle.push_back(thread);
        self.block(thread, Cause::Queue);
        Turn::IsOver
    }

    /// The head of the runtime's ready queue. A worker looks at the timers when it finds nothing ready, and at every 61st poll.
    fn next_ready(&mut self, actor: u32, thread: u32) -> Option<u32> {
        let state = &mut self.actors[actor as usize];
        state.polls += 1;
        if !state.late.is_empty() && (state.ready.is_empty() || state.polls.is_multiple_of(EVENT_INTERVAL)) {
            for task in std::mem::take(&mut state.late) {
                self.make_task_ready(task, thread);
            }
        }
        self.actors[actor as usize].ready.pop_front()
    }

    /// The actor whose queue and workers serve a task.
    pub(super) fn station_of(&self, task: u32) -> u32 {
        self.actors[self.tasks[task as usize].actor as usize].station
    }

    /// Gives a worker a task: it works for the task's actor from here on.
    fn give_task(&mut self, thread: u32, task: u32) {
        let actor = self.tasks[task as usize].actor;
        let worker = self.thread(thread);
        (worker.task, worker.actor) = (task, actor);
    }

    /// Service of a task begins.
    fn begin(&mut self, thread: u32, task: u32) {
        self.split(thread);
        self.charge(task, Cause::Queue);
        if self.more.used {
            self.next_epoch(task);
            self.extra(task).queued = false;
            let actor = self.tasks[task as usize].actor;
            self.more.under_way[actor as usize] += 1;
        }
        self.give_task(thread, task);
        if self.timeline.wanted() {
            self.note_flow(thread, task);
        }
    }

    /// A worker takes up a task from the runtime's ready queue.
    fn take_up(&mut self, thread: u32, task: u32) {
        let poll = self.charges.poll;
        self.owe(thread, poll);
        if self.task(task).waits == Cause::Queue {
            self.begin(thread, task);
            return;
        }
        self.split(thread);
        self.charge(task, Cause::RunQueue);
        self.give_task(thread, task);
    }

    /// An asynchronous task wants a worker.
    pub(super) fn make_task_ready(&mut self, task: u32, waker: u32) {
        let (actor, waited_for) = {
            let task = self.task(task);
            (task.actor, task.waits)
        };
        self.charge(task, waited_for);
        let station = self.actors[actor as usize].station;
        let actor = &mut self.actors[station as usize];
        actor.ready.push_back(task);
        if let Some(worker) = actor.idle.pop_front() {
            self.wake(worker, waker);
        }
    }

    /// A task is done; how the thread goes on.
    pub(super) fn complete(&mut self, thread: u32, index: u32) -> Turn {
        self.split(thread);
        self.thread(thread).task = NONE;
        let account = self.threads[thread as usize].account;
        self.accounts[account as usize].tasks += 1;
        let now = Nanos(self.now);
        let times = self.times_of(index);
        let task = &mut self.tasks[index as usize];
        let actor = std::mem::replace(&mut task.actor, NONE);
        let (answer_to, number) = (task.answer_to, task.number);
        let finished = Finished {
            arrived: Nanos(task.arrived),
            issued: Nanos(task.arrived),
            started: Nanos(task.arrived + task.times[Cause::Queue as usize]),
            ended: now,
            times,
        };
        let epoch = task.epoch;
        if self.timeline.wanted()
            && (!self.more.used || self.more.extras[index as usize].outcome == Outcome::Completed)
        {
            self.note_end(index, actor, Outcome::Completed);
        }
        if self.more.used {
            let outcome = self.end_extra(index, actor, &finished);
            if outcome != Outcome::Completed {
                self.tasks[index as usize].actor = actor;
                self.discard(index, outcome, thread);
                self.next_after(thread, actor);
                return Turn::GoesOn;
            }
            if epoch == Epoch::Inside && answer_to == PARENT && !self.is_awaited(index) {
                self.actors[actor as usize].ledger.ends.wasted += 1;
            }
        }
        let (window_start, window_end) = (Nanos(self.window_start), Nanos(self.window_end));
        let owner = &mut self.actors[actor as usize];
        owner.present -= 1;
        owner.ledger.end(&finished, epoch, window_start, window_end);
        self.free.push(index);
        if epoch == Epoch::Inside {
            self.measured_done(actor);
        }
        if answer_to == CLIENT {
            self.answer_client(self.home(actor), number, thread, finished.arrived == now);
        } else if answer_to == PARENT {
            self.answer_parent(index, Outcome::Completed, thread);
        } else if answer_to != NONE {
            self.wake(answer_to, thread);
        }
        self.next_after(thread, actor);
        Turn::GoesOn
    }

    /// A worker's task has ended: a handler goes on to its next one.
    fn next_after(&mut self, thread: u32, actor: u32) {
        let actor = self.actors[actor as usize].station;
        if self.actors[actor as usize].asynchronous {
            self.drop_interpreter(thread);
            // The handler goes on to its next task without leaving the worker.
            if let Some(next) = self.take_task(actor, thread) {
                self.begin(thread, next);
            } else {
                self.actors[actor as usize].handlers += 1;
            }
        }
    }

    /// A measured task is done.
    pub(super) fn measured_done(&mut self, actor: u32) {
        self.finished += 1;
        self.outstanding -= 1;
        if self.window_end != u64::MAX {
            self.over |= self.outstanding == 0;
        } else if self.home(actor) as usize == self.scenario.focus {
            self.wanted -= 1;
            if self.wanted == 0 {
                self.close_window();
            }
        }
    }

    /// Sends a message and waits for the answer; how the thread goes on.
    pub(super) fn call(&mut self, thread: u32, task: u32, to: u32) -> Turn {
        self.drop_interpreter(thread);
        let entity = self.entity(thread, task);
        let (number, key) = self.message_number(thread, task);
        let to = self.route(to, number, key);
        let message = self.new_task(self.now, to, number, entity);
        self.set_kind(message, 0);
        self.note_sender(message, thread);
        // A call that finds no room waits in the receiver's overflow; its answer is what the caller waits for.
        self.push_or_wait(message, thread, NONE);
        self.wait(thread, task, Cause::Call)
    }

    pub(super) fn note_sender(&mut self, message: u32, thread: u32) {
        if self.timeline.wanted() {
            self.note_cause(message, thread);
        }
    }

    /// The number of the next message that a task sends, and its key.
    pub(super) fn message_number(&mut self, thread: u32, task: u32) -> (u64, u64) {
        let actor = self.home(self.threads[thread as usize].actor);
        let key = self.key_of(actor, self.tasks[task as usize].number);
        let sender = self.task(task);
        let sent_before = u64::from(sender.messages);
        sender.messages += 1;
        (child_number(actor as usize, sender.number, sent_before), key)
    }

    /// Sends a message; waits only while the receiver's queue is full. How the thread goes on.
    pub(super) fn send(&mut self, thread: u32, task: u32, to: u32, kind: u32) -> Turn {
        let entity = self.entity(thread, task);
        let (number, key) = self.message_number(thread, task);
        let to = self.route(to, number, key);
        let message = self.new_task(self.now, to, number, NONE);
        self.set_kind(message, kind as usize);
        self.note_sender(message, thread);
        if self.push_or(message, thread, entity, false) {
            return Turn::GoesOn;
        }
        self.drop_interpreter(thread);
        self.wait(thread, task, Cause::Call)
    }

    /// Timer of an asynchronous task: an idle worker waits for it; where all are busy, it is late.
    pub(super) fn task_timer(&mut self, task: u32) {
        let station = self.station_of(task);
        let state = &mut self.actors[station as usize];
        if state.idle.is_empty() {
            state.late.push(task);
        } else {
            self.wake(task | TASK, NONE);
        }
    }
}
