//! Calls that are more than one message and its answer: to several actors, with a deadline, tried again.
//!
//! Whoever asks sleeps until its call is decided, another part may be sent, or a time is over; then it looks at what has
//! come. Answers name the epoch of the wait that they belong to, so that one that comes too late is nobody's.

use super::alarms::Alarm;
use super::bytecode::Do;
use super::extra::Stage;
use super::program::{Turn, index};
use super::world::{NONE, PARENT, World};
use crate::measure::{Cause, Epoch, Outcome};
use crate::random::Source;
use crate::scenario::CallSpec;

/// One part of a call.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    /// Messages under way for it.
    copies: u32,
    answered: bool,
    hedged: bool,
}

/// A call under way.
#[derive(Debug)]
pub(super) struct Asked {
    parts: Vec<Part>,
    /// The first part that was not sent.
    next: usize,
    /// Parts sent that are neither answered nor dead.
    open: usize,
    answers: usize,
    need: usize,
    parallel: usize,
    /// Parts that can have no answer any more.
    dead: usize,
    /// Parts to ask for once more.
    late: Vec<u32>,
    /// Messages sent in this attempt.
    sent: Vec<u32>,
    attempt: u32,
    /// How the last message that got no answer ended.
    worst: Outcome,
}

impl Asked {
    fn new(calls: &CallSpec) -> Self {
        Self {
            parts: vec![Part::default(); calls.parts.len()],
            next: 0,
            open: 0,
            answers: 0,
            need: calls.need,
            parallel: calls.parallel,
            dead: 0,
            late: Vec::new(),
            sent: Vec::new(),
            attempt: 0,
            worst: Outcome::Failed,
        }
    }

    /// Begins another attempt.
    fn again(&mut self) {
        self.parts.fill(Part::default());
        (self.next, self.open, self.answers, self.dead) = (0, 0, 0, 0);
        self.late.clear();
        self.sent.clear();
    }

    const fn is_answered(&self) -> bool {
        self.answers >= self.need
    }

    const fn is_hopeless(&self) -> bool {
        self.parts.len() - self.dead < self.need
    }

    /// Whether the caller has something to do.
    const fn is_due(&self) -> bool {
        self.is_answered() || self.is_hopeless() || !self.late.is_empty() || self.may_send()
    }

    const fn may_send(&self) -> bool {
        self.next < self.parts.len() && self.open < self.parallel
    }
}

impl World<'_> {
    fn is_measured(&self, task: u32) -> bool {
        self.tasks[task as usize].epoch == Epoch::Inside
    }

    fn asked(&mut self, task: u32) -> Option<&mut Asked> {
        self.extra(task).asked.as_deref_mut()
    }

    /// One turn of a call; how the thread goes on.
    pub(super) fn ask(&mut self, thread: u32, task: u32, step: u32, calls: &CallSpec) -> Turn {
        match self.extra(task).stage {
            Stage::Fresh => {
                if self.settle(thread) {
                    return Turn::IsOver;
                }
                self.extra(task).asked = Some(Box::new(Asked::new(calls)));
                let actor = self.tasks[task as usize].actor as usize;
                let measured = self.is_measured(task);
                self.more.calls[actor].calls += u64::from(measured);
                if let Some(budget) = &mut self.more.budgets[step as usize] {
                    budget.call();
                }
                self.attempt(thread, task, calls)
            }
            Stage::BackingOff => {
                self.extra(task).stage = Stage::Again;
                Turn::GoesOn
            }
            Stage::Again => {
                if self.settle(thread) {
                    return Turn::IsOver;
                }
                if let Some(asked) = self.asked(task) {
                    asked.again();
                }
                self.attempt(thread, task, calls)
            }
            _ => self.look(thread, task, step, calls),
        }
    }

    /// Sends the first messages of an attempt, and waits.
    fn attempt(&mut self, thread: u32, task: u32, calls: &CallSpec) -> Turn {
        let epoch = self.next_epoch(task);
        self.extra(task).stage = Stage::Waiting;
        if let Some(draw) = &calls.timeout {
            let turn = 1 << 32 | u64::from(self.tasks[task as usize].messages);
            let mut stream = self.chance_of(task, Source::Patience, turn);
            let patience = draw.sample(&mut stream, self.tasks[task as usize].number).0;
            self.alarm_in(patience, Alarm::CallTimeout { task, epoch });
        }
        self.look_again(thread, task, calls)
    }

    /// Sends what may be sent, and waits unless the call is decided.
    fn look_again(&mut self, thread: u32, task: u32, calls: &CallSpec) -> Turn {
        // Each turn sends a part, so the loop ends.
        while let Some(asked) = self.asked(task) {
            if asked.is_answered() || asked.is_hopeless() {
                return Turn::GoesOn;
            }
            if let Some(part) = asked.late.pop() {
                let state = &asked.parts[part as usize];
                if state.answered || state.copies == 0 {
                    // It was answered, or failed, between the alarm and the caller's turn.
                    continue;
                }
                let actor = self.tasks[task as usize].actor as usize;
                self.more.calls[actor].hedges += u64::from(self.is_measured(task));
                self.send_part(thread, task, part, calls);
            } else if asked.may_send() {
                let part = asked.next;
                asked.next += 1;
                asked.open += 1;
                self.send_part(thread, task, index(part), calls);
            } else {
                return self.rest(thread, task, Cause::Call);
            }
        }
        Turn::GoesOn
    }

    /// Sends the message of one part.
    fn send_part(&mut self, thread: u32, task: u32, part: u32, calls: &CallSpec) {
        let target = calls.parts[part as usize];
        let epoch = self.extra(task).epoch;
        let (number, key) = self.message_number(thread, task);
        let to = self.route(index(target.actor), number, key);
        let message = self.new_task(self.now, to, number, PARENT);
        self.set_kind(message, target.kind);
        let extra = self.extra(message);
        (extra.parent, extra.parent_epoch, extra.part) = (task, epoch, part);
        self.note_sender(message, thread);
        let actor = self.tasks[task as usize].actor as usize;
        let measured = u64::from(self.is_measured(task));
        let mut again = 0;
        if let Some(asked) = self.asked(task) {
            asked.sent.push(message);
            asked.parts[part as usize].copies += 1;
            again = u64::from(asked.attempt > 0);
        }
        let figures = &mut self.more.calls[actor];
        figures.attempts += measured;
        figures.retries += measured * again;
        if let Some(hedge) = calls.hedge
            && self.asked(task).is_some_and(|asked| !asked.parts[part as usize].hedged)
        {
            self.alarm_in(hedge.0, Alarm::Hedge { task, epoch, part });
        }
        self.push_or(message, thread, NONE, false);
    }

    /// The caller runs again: looks at what has come of its call.
    fn look(&mut self, thread: u32, task: u32, step: u32, calls: &CallSpec) -> Turn {
        let expired = self.extra(task).expired;
        let Some(asked) = self.asked(task) else { return self.fail(thread, task, Outcome::Failed) };
        if asked.is_answered() {
            if calls.cancel {
                self.withdraw_parts(task, thread);
            }
            self.next_epoch(task);
            let extra = self.extra(task);
            extra.stage = Stage::Fresh;
            extra.asked = None;
            self.advance(task);
            return Turn::GoesOn;
        }
        let outcome = if expired {
            Outcome::TimedOut
        } else if asked.is_hopeless() {
            asked.worst
        } else {
            return self.look_again(thread, task, calls);
        };
        if calls.cancel {
            self.withdraw_parts(task, thread);
        }
        self.next_epoch(task);
        if let Some(wait) = self.another_attempt(task, step, calls) {
            return self.back_off(thread, task, wait);
        }
        let actor = self.tasks[task as usize].actor as usize;
        self.more.calls[actor].gave_up += u64::from(self.is_measured(task));
        self.extra(task).asked = None;
        self.fail(thread, task, if expired { outcome } else { Outcome::Failed })
    }

    /// How long to wait before another attempt; nothing when there is to be none.
    fn another_attempt(&mut self, task: u32, step: u32, calls: &CallSpec) -> Option<u64> {
        let retry = calls.retry?;
        let attempt = self.asked(task)?.attempt;
        if attempt >= retry.times {
            return None;
        }
        if let Some(budget) = &mut self.more.budgets[step as usize]
            && !budget.retry()
        {
            return None;
        }
        let turn = u64::from(self.tasks[task as usize].messages);
        let unit = self.chance_of(task, Source::Jitter, turn).unit();
        self.asked(task)?.attempt += 1;
        Some(retry.wait(attempt, unit).0)
    }

    fn back_off(&mut self, thread: u32, task: u32, wait: u64) -> Turn {
        self.extra(task).stage = Stage::BackingOff;
        if wait == 0 {
            return Turn::GoesOn;
        }
        let epoch = self.extra(task).epoch;
        let late = self.oversleep();
        self.alarm_in(wait + late, Alarm::Rouse { task, epoch });
        self.rest(thread, task, Cause::Backoff)
    }

    /// A message of a call has ended; whoever asked is roused when that decides something.
    pub(super) fn answer_parent(&mut self, message: u32, outcome: Outcome, thread: u32) {
        let (parent, epoch, part) = {
            let extra = self.extra(message);
            (extra.parent, extra.parent_epoch, extra.part)
        };
        let waited_for = parent != NONE && self.more.extras[parent as usize].epoch == epoch;
        if !waited_for {
            return;
        }
        let Some(asked) = self.asked(parent) else { return };
        let state = &mut asked.parts[part as usize];
        state.copies = state.copies.saturating_sub(1);
        if state.answered {
            return;
        }
        if outcome == Outcome::Completed {
            state.answered = true;
            asked.answers += 1;
            asked.open -= 1;
        } else if state.copies == 0 {
            asked.dead += 1;
            asked.open -= 1;
            asked.worst = outcome;
        }
        if asked.is_due() {
            self.rouse(parent, thread);
        }
    }

    /// How a task asks that is at a call.
    fn call_of(&self, task: u32) -> Option<&CallSpec> {
        match &self.code.lines.get(self.tasks[task as usize].counter as usize)?.what {
            Do::Ask { calls, .. } => Some(calls),
            _ => None,
        }
    }

    /// Whether whoever asked for a message may withdraw it.
    pub(super) fn is_withdrawable(&self, message: u32) -> bool {
        let parent = self.more.extras[message as usize].parent;
        parent != NONE && self.call_of(parent).is_none_or(|calls| calls.cancel)
    }

    /// Who waits for the answer to a message for as long as it takes.
    pub(super) fn waits_without_bound_for(&self, message: u32) -> Option<u32> {
        let parent = self.more.extras[message as usize].parent;
        let waits = parent != NONE && self.is_awaited(message);
        let patient = |calls: &CallSpec| calls.timeout.is_none() && calls.hedge.is_none();
        (waits && self.call_of(parent).is_some_and(patient)).then_some(parent)
    }

    /// Answers that a call still needs, and parts that may yet be sent; nothing when it is decided.
    pub(super) fn outlook(&self, task: u32) -> Option<(usize, usize)> {
        let asked = self.more.extras[task as usize].asked.as_deref()?;
        let decided = asked.is_answered() || asked.is_hopeless();
        (!decided).then(|| (asked.need - asked.answers, asked.parts.len() - asked.next))
    }

    /// Whether the answer to a message is still waited for.
    pub(super) fn is_awaited(&self, message: u32) -> bool {
        let extra = &self.more.extras[message as usize];
        if extra.parent == NONE {
            return true;
        }
        let parent = &self.more.extras[extra.parent as usize];
        let part = |asked: &Asked| !asked.parts[extra.part as usize].answered;
        parent.epoch == extra.parent_epoch && parent.asked.as_deref().is_some_and(part)
    }

    /// The answers to a call have not come in time.
    pub(super) fn call_timed_out(&mut self, task: u32) {
        self.extra(task).expired = true;
        self.rouse(task, NONE);
    }

    /// An answer is late enough to ask for it once more.
    pub(super) fn hedge_due(&mut self, task: u32, part: u32) {
        let Some(asked) = self.asked(task) else { return };
        let state = &mut asked.parts[part as usize];
        if state.answered || state.copies == 0 || std::mem::replace(&mut state.hedged, true) {
            return;
        }
        asked.late.push(part);
        self.rouse(task, NONE);
    }

    /// Withdraws what is still under way for the present attempt of a call.
    pub(super) fn withdraw_parts(&mut self, task: u32, thread: u32) {
        let epoch = self.extra(task).epoch;
        let Some(asked) = self.asked(task) else { return };
        for message in std::mem::take(&mut asked.sent) {
            let extra = &self.more.extras[message as usize];
            let alive = self.tasks[message as usize].actor != NONE;
            if !alive || extra.parent != task || extra.parent_epoch != epoch {
                continue;
            }
            // Its answer is nobody's from here on.
            self.extra(message).parent = NONE;
            if self.extra(message).queued {
                self.leave_queue(message);
                self.discard(message, Outcome::Cancelled, thread);
            } else {
                self.extra(message).withdrawn = true;
                self.rouse(message, thread);
            }
        }
    }
}
