//! What tasks have that wait for more than locks, I/O and one answer, and how tasks end otherwise than completed.
//!
//! Kept apart from the tasks themselves, which fill two lines of a processor's cache: a scenario that uses none of it pays
//! one look at [`More::used`] here and there.

use super::alarms::{Alarm, Alarms, Stops};
use super::batches::Batch;
use super::bytecode::Do;
use super::calls::Asked;
use super::pools::Pool;
use super::program::{Turn, index};
use super::world::{CLIENT, NONE, Next, PARENT, World};
use crate::measure::record::{ActorRecord, CallsRecord};
use crate::measure::{CAUSES, Cause, Epoch, Finished, Group, Groups, Outcome, PLAIN_CAUSES};
use crate::random::{Source, Stream};
use crate::scenario::{ActorSpec, Budget, Scenario, StepSpec};
use crate::units::Nanos;

/// What a task is at in an operation that takes several turns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// The operation begins.
    #[default]
    Fresh,
    /// It waits for a place, for answers, or for its batch to fill.
    Waiting,
    /// It waits before another attempt.
    BackingOff,
    /// Another attempt is due.
    Again,
    /// It waits for the leader of its batch.
    Following,
    /// It is to lead the next batch.
    Promoted,
    /// Others have done it.
    Done,
}

/// What a task has beyond a plain one.
#[derive(Debug, Default)]
pub(super) struct Extra {
    /// By cause, beyond the plain ones.
    pub(super) times: [u64; CAUSES - PLAIN_CAUSES],
    pub(super) kind: u32,
    /// Rises whenever a wait ends, and is never reset: alarms and answers that belong to an earlier one are void.
    pub(super) epoch: u32,
    pub(super) stage: Stage,
    /// It sleeps until [`World::rouse`].
    pub(super) sleeping: bool,
    /// Whom to wake then.
    pub(super) entity: u32,
    /// What it waits for did not come in time.
    pub(super) expired: bool,
    /// It is in its actor's queue, or waits for room there.
    pub(super) queued: bool,
    /// Its caller has withdrawn it.
    pub(super) withdrawn: bool,
    /// Its worker has died under it, which it has yet to find out.
    pub(super) killed: bool,
    /// It has failed by that, or by a panic.
    pub(super) died: bool,
    pub(super) outcome: Outcome,
    /// Whose part it is: the task that asked, that task's epoch then, and which part.
    pub(super) parent: u32,
    pub(super) parent_epoch: u32,
    pub(super) part: u32,
    /// Since when it waits.
    pub(super) since: u64,
    pub(super) asked: Option<Box<Asked>>,
}

/// Everything beyond plain tasks.
#[derive(Debug)]
pub(super) struct More {
    /// Whether the scenario asks for any of it.
    pub(super) used: bool,
    /// By task.
    pub(super) extras: Vec<Extra>,
    pub(super) alarms: Alarms,
    pub(super) stops: Stops,
    pub(super) pools: Vec<Pool>,
    pub(super) batches: Vec<Batch>,
    /// By step among those of all actors, where its calls have one.
    pub(super) budgets: Vec<Option<Budget>>,
    /// By actor.
    pub(super) calls: Vec<CallsRecord>,
    pub(super) groups: Vec<Groups>,
    /// By actor: messages that were shared out to its instances.
    pub(super) turns: Vec<u64>,
    /// By actor: tasks that are served.
    pub(super) under_way: Vec<u64>,
    /// By step among those of all actors: tasks that came to where some panic.
    pub(super) panics: Vec<u64>,
    /// Workers that died of a panic.
    pub(super) deaths: u64,
}

impl More {
    pub(super) fn new(scenario: &Scenario, code: &super::bytecode::Bytecode) -> Self {
        let budget = |step: &StepSpec| step.calls.as_ref()?.retry?.budget.map(Budget::new);
        Self {
            used: scenario.is_special(),
            extras: Vec::new(),
            alarms: Alarms::default(),
            stops: Stops::new(scenario),
            pools: scenario.pools.iter().map(Pool::new).collect(),
            batches: code.batches.iter().map(|(_, spec)| Batch::new(*spec)).collect(),
            budgets: scenario.actors.iter().flat_map(|actor| &actor.steps).map(budget).collect(),
            calls: vec![CallsRecord::default(); scenario.actors.len()],
            groups: scenario.actors.iter().map(groups_of).collect(),
            turns: vec![0; scenario.actors.len()],
            under_way: vec![0; scenario.actors.len()],
            panics: vec![0; code.steps],
            deaths: 0,
        }
    }

    /// Forgets what happened before the measured window.
    pub(super) fn reset(&mut self) {
        self.pools.iter_mut().for_each(Pool::reset);
        self.batches.iter_mut().for_each(Batch::reset);
        self.stops.reset();
        self.calls.fill(CallsRecord::default());
    }

    /// Adds what it knows of an actor to its record. The window is counted from the start of the run.
    pub(super) fn add_to(
        &mut self,
        record: &mut ActorRecord,
        spec: &ActorSpec,
        number: usize,
        window: [u64; 2],
    ) {
        let calls = self.calls[number];
        record.calls = spec.steps.iter().any(|step| step.calls.is_some()).then_some(calls);
        let groups = std::mem::take(&mut self.groups[number]);
        groups.add_to(record, spec.kinds.iter().map(|kind| kind.name.as_str()), window.map(Nanos));
    }
}

fn groups_of(actor: &ActorSpec) -> Groups {
    Groups::new(actor.kinds.len(), actor.pattern.phases.iter().map(|phase| phase.length))
}

impl World<'_> {
    pub(super) fn extra(&mut self, task: u32) -> &mut Extra {
        &mut self.more.extras[task as usize]
    }

    /// Makes room for what a new task has beyond a plain one, and counts it.
    pub(super) fn begin_extra(&mut self, task: u32) {
        let tasks = self.tasks.len();
        if self.more.extras.len() < tasks {
            self.more.extras.resize_with(tasks, Extra::default);
        }
        let fresh = self.extra(task);
        *fresh = Extra { epoch: fresh.epoch, parent: NONE, entity: NONE, ..Extra::default() };
    }

    /// Gives a new task its kind, which its program and its figures depend on.
    pub(super) fn set_kind(&mut self, task: u32, kind: usize) {
        if !self.more.used {
            return;
        }
        let code = self.code;
        let state = &mut self.tasks[task as usize];
        let (actor, arrived) = (state.actor as usize, state.arrived);
        let measured = state.epoch == Epoch::Inside;
        state.counter = code.kinds[actor][kind];
        self.extra(task).kind = index(kind);
        if measured {
            self.more.groups[actor].of(Nanos(arrived), index(kind)).for_each(Group::issue);
        }
    }

    /// The kind of a task of an actor's own load.
    pub(super) fn drawn_kind(&self, actor: u32, number: u64) -> usize {
        let pattern = &self.scenario.actors[actor as usize].pattern;
        if let Some(kind) = pattern.recorded_kind(number) {
            return kind;
        }
        let mix = &pattern.mix;
        if mix.is_empty() {
            return 0;
        }
        let unit = Stream::new(self.seed, Source::Mix, u64::from(actor), number).unit();
        crate::model::weighted(mix, unit)
    }

    /// Chance of `source` for a task, such as how long it is patient; `turn` tells several of one task apart.
    pub(super) fn chance_of(&self, task: u32, source: Source, turn: u64) -> Stream {
        let state = &self.tasks[task as usize];
        crate::model::chance_of(self.seed, source, self.home(state.actor) as usize, state.number, turn)
    }

    /// A task waits until it is roused; how its thread goes on, with another task.
    pub(super) fn rest(&mut self, thread: u32, task: u32, cause: Cause) -> Turn {
        self.drop_interpreter(thread);
        let entity = self.entity(thread, task);
        let resting = self.extra(task);
        resting.sleeping = true;
        resting.entity = entity;
        self.wait(thread, task, cause)
    }

    /// Wakes a task that rests; nothing where it does not.
    pub(super) fn rouse(&mut self, task: u32, waker: u32) {
        let resting = self.extra(task);
        if std::mem::take(&mut resting.sleeping) {
            let entity = resting.entity;
            self.wake(entity, waker);
        }
    }

    /// A wait of a task is over: whatever is still under way for it is void.
    pub(super) fn next_epoch(&mut self, task: u32) -> u32 {
        let extra = self.extra(task);
        extra.epoch = extra.epoch.wrapping_add(1);
        extra.expired = false;
        extra.epoch
    }

    /// Sets an alarm for the present wait of a task.
    pub(super) fn alarm_in(&mut self, nanos: u64, alarm: Alarm) {
        let at = self.now + nanos;
        self.set_alarm(at, alarm);
    }

    /// A task ends where it is: it gives back what it holds and skips the rest of its program. Its thread goes on.
    pub(super) fn fail(&mut self, thread: u32, task: u32, outcome: Outcome) -> Turn {
        let code = self.code;
        let mut line = self.tasks[task as usize].counter as usize;
        match &code.lines[line].what {
            Do::Acquire { pool } => self.leave_pool(thread, task, *pool),
            Do::Join { batch, .. } => self.leave_batch(thread, task, *batch),
            _ => {}
        }
        // What the program would only take later on, innermost last.
        let mut later = Vec::new();
        loop {
            match &code.lines[line].what {
                Do::Done => break,
                Do::Lock { lock, .. } => later.push((0, *lock)),
                Do::Acquire { pool } => later.push((1, *pool)),
                Do::Join { batch, .. } => later.push((2, *batch)),
                Do::Unlock { lock } if later.pop_if(|held| *held == (0, *lock)).is_none() => {
                    self.unlock(thread, task, *lock);
                }
                Do::Release { pool } if later.pop_if(|held| *held == (1, *pool)).is_none() => {
                    self.release(thread, task, *pool);
                }
                Do::Part { batch } if later.pop_if(|held| *held == (2, *batch)).is_none() => {
                    self.part(thread, *batch);
                }
                _ => {}
            }
            line += 1;
        }
        self.withdraw_parts(task, thread);
        self.next_epoch(task);
        let ended = self.extra(task);
        ended.outcome = outcome;
        ended.stage = Stage::Fresh;
        ended.withdrawn = false;
        ended.killed = false;
        ended.asked = None;
        let state = self.task(task);
        state.counter = index(line);
        state.next = Next::Operation;
        Turn::GoesOn
    }

    /// How a task ended that was on a thread: its groups note it if it completed.
    pub(super) fn end_extra(&mut self, task: u32, actor: u32, finished: &Finished) -> Outcome {
        self.more.under_way[actor as usize] -= 1;
        let (outcome, kind) = {
            let extra = self.extra(task);
            (extra.outcome, extra.kind)
        };
        if outcome == Outcome::Completed {
            self.next_epoch(task);
            if self.tasks[task as usize].epoch == Epoch::Inside {
                let groups = self.more.groups[actor as usize].of(finished.arrived, kind);
                groups.for_each(|group| group.finish(finished));
            }
        }
        outcome
    }

    /// Ends a task that no thread has: refused, out of patience, withdrawn. Whoever waits for it is told by `thread`.
    pub(super) fn discard(&mut self, task: u32, outcome: Outcome, thread: u32) {
        let times = self.times_of(task);
        let now = self.now;
        let state = &mut self.tasks[task as usize];
        let actor = std::mem::replace(&mut state.actor, NONE);
        let (epoch, answer_to, number) = (state.epoch, state.answer_to, state.number);
        let arrived = Nanos(state.arrived);
        let ended = Nanos(now).max(arrived);
        let (start, end) = (Nanos(self.window_start), Nanos(self.window_end));
        let owner = &mut self.actors[actor as usize];
        owner.present -= 1;
        let ledger = &mut owner.ledger;
        if epoch != Epoch::After {
            ledger.presence.leave(arrived, ended, start, end);
        }
        if epoch == Epoch::Inside {
            let started = (arrived + times[Cause::Queue as usize]).min(ended);
            ledger.end_otherwise(outcome, &Finished { arrived, issued: arrived, started, ended, times });
            ledger.ends.died += u64::from(self.more.used && self.more.extras[task as usize].died);
            if matches!(outcome, Outcome::TimedOut | Outcome::Failed) {
                self.measured_done(actor);
            } else {
                self.outstanding -= 1;
                self.over |= self.window_end != u64::MAX && self.outstanding == 0;
            }
        }
        if self.timeline.wanted() {
            self.note_end(task, actor, outcome);
        }
        if self.more.used {
            self.next_epoch(task);
            let extra = self.extra(task);
            extra.queued = false;
            let kind = extra.kind;
            if epoch == Epoch::Inside {
                let groups = self.more.groups[actor as usize].of(arrived, kind);
                groups.for_each(|group| group.end(outcome));
            }
        }
        self.free.push(task);
        if answer_to == CLIENT {
            self.client_goes_on(self.home(actor), number, thread);
        } else if answer_to == PARENT {
            self.answer_parent(task, outcome, thread);
        }
    }
}
