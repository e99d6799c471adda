//! Batches: steps that one task does for itself and others, as a group commit does.
//!
//! The first task leads: it may wait for others, then does the step for all of them. Whoever comes meanwhile belongs to the
//! next batch, which the first of them leads as soon as this one is done.

use super::alarms::Alarm;
use super::extra::Stage;
use super::program::Turn;
use super::world::World;
use crate::measure::Cause;
use crate::measure::record::BatchRecord;
use crate::scenario::BatchSpec;
use std::collections::VecDeque;

/// A batch step and its figures.
#[derive(Debug)]
pub(super) struct Batch {
    spec: BatchSpec,
    /// Somebody gathers a batch or does it.
    busy: bool,
    /// Who gathers one.
    leader: Option<u32>,
    /// Those of the batch under way but its leader.
    members: VecDeque<u32>,
    /// Those of the next ones, and since when they wait.
    waiting: VecDeque<(u32, u64)>,
    figures: BatchRecord,
}

impl Batch {
    pub(super) fn new(spec: BatchSpec) -> Self {
        Self {
            spec,
            busy: false,
            leader: None,
            members: VecDeque::new(),
            waiting: VecDeque::new(),
            figures: BatchRecord::default(),
        }
    }

    /// Forgets what happened before the measured window.
    pub(super) fn reset(&mut self) {
        self.figures = BatchRecord::default();
    }

    fn is_full(&self) -> bool {
        self.waiting.len() + 1 >= self.spec.most
    }

    /// The leader begins: others who wait come with it.
    fn depart(&mut self) {
        self.leader = None;
        let others = self.waiting.len().min(self.spec.most - 1);
        self.members = self.waiting.drain(..others).map(|(task, _)| task).collect();
        let size = 1 + others as u64;
        self.figures.batches += 1;
        self.figures.tasks += size;
        self.figures.largest = self.figures.largest.max(size);
    }
}

impl World<'_> {
    /// A task comes to a batch step; how its thread goes on.
    pub(super) fn join(&mut self, thread: u32, task: u32, number: u32, otherwise: u32) -> Turn {
        if self.settle(thread) {
            return Turn::IsOver;
        }
        let now = self.now;
        let stage = self.extra(task).stage;
        let batch = &mut self.more.batches[number as usize];
        match stage {
            Stage::Done => {
                self.next_epoch(task);
                self.extra(task).stage = Stage::Fresh;
                self.task(task).counter = otherwise;
                return Turn::GoesOn;
            }
            Stage::Waiting => return self.lead(task, number),
            Stage::Fresh if batch.busy => {
                batch.waiting.push_back((task, now));
                let leader = batch.leader.filter(|_| batch.is_full());
                self.extra(task).stage = Stage::Following;
                if let Some(leader) = leader {
                    self.rouse(leader, thread);
                }
                return self.rest(thread, task, Cause::Batch);
            }
            // A wake-up that was meant for something else.
            Stage::Following => return self.rest(thread, task, Cause::Batch),
            _ => {}
        }
        let since = if stage == Stage::Promoted { self.extra(task).since } else { now };
        let batch = &mut self.more.batches[number as usize];
        batch.busy = true;
        let due = since + batch.spec.within.0;
        if due <= now || batch.is_full() {
            return self.lead(task, number);
        }
        batch.leader = Some(task);
        let epoch = self.next_epoch(task);
        self.extra(task).stage = Stage::Waiting;
        self.set_alarm(due, Alarm::Rouse { task, epoch });
        self.rest(thread, task, Cause::Batch)
    }

    /// A leader goes on, for all who wait.
    fn lead(&mut self, task: u32, number: u32) -> Turn {
        self.more.batches[number as usize].depart();
        self.next_epoch(task);
        self.extra(task).stage = Stage::Fresh;
        self.advance(task);
        Turn::GoesOn
    }

    /// A batch is done: its leader tells one member after the other, each of which takes a wake-up's time, and then the first who
    /// waits, who leads the next one. Members who were told early may come back meanwhile, and wait with it. How the thread goes on.
    pub(super) fn tell(&mut self, thread: u32, task: u32, number: u32) -> Turn {
        if self.settle(thread) {
            return Turn::IsOver;
        }
        if !self.tell_member(thread, number) {
            self.promote(thread, number);
            self.advance(task);
        }
        Turn::GoesOn
    }

    /// The same at once, for a leader that ends where it is.
    pub(super) fn part(&mut self, thread: u32, number: u32) {
        while self.tell_member(thread, number) {}
        self.promote(thread, number);
    }

    /// Tells the next member that its batch is done; whether there was one.
    fn tell_member(&mut self, thread: u32, number: u32) -> bool {
        let Some(member) = self.more.batches[number as usize].members.pop_front() else { return false };
        self.extra(member).stage = Stage::Done;
        self.rouse(member, thread);
        true
    }

    /// The first who waits is to lead the next batch.
    fn promote(&mut self, thread: u32, number: u32) {
        let batch = &mut self.more.batches[number as usize];
        let next = batch.waiting.pop_front();
        batch.busy = next.is_some();
        if let Some((next, since)) = next {
            let extra = self.extra(next);
            extra.stage = Stage::Promoted;
            extra.since = since;
            self.rouse(next, thread);
        }
    }

    /// A task that waits for a batch is withdrawn.
    pub(super) fn leave_batch(&mut self, thread: u32, task: u32, number: u32) {
        let stage = self.extra(task).stage;
        let batch = &mut self.more.batches[number as usize];
        batch.waiting.retain(|(waiter, _)| *waiter != task);
        batch.members.retain(|member| *member != task);
        if matches!(stage, Stage::Waiting | Stage::Promoted) {
            batch.leader = None;
            self.part(thread, number);
        }
    }

    /// Batches by number.
    pub(super) fn batch_records(&self) -> Vec<BatchRecord> {
        self.more.batches.iter().map(|batch| batch.figures).collect()
    }
}
