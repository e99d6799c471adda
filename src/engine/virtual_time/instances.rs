//! Instances of an actor: which one a message goes to, and how their figures become those of the actor.

use super::locks::Lock;
use super::pools::Pool;
use super::program::index;
use super::world::World;
use crate::measure::record::{BatchRecord, InstanceRecord, LockRecord, PoolRecord};
use crate::model::{Routing, instance};
use crate::scenario::Load;
use crate::units::Nanos;
use std::collections::BTreeMap;

impl World<'_> {
    /// The actor of the written scenario that `actor` is an instance of.
    #[inline]
    pub(super) fn home(&self, actor: u32) -> u32 {
        if self.layout.is_plain() { actor } else { index(self.layout.home(actor as usize)) }
    }

    /// Whose message one is that `actor` sends for its task of this number: a client's, or the task's own.
    pub(super) fn key_of(&self, actor: u32, number: u64) -> u64 {
        match self.scenario.actors[self.home(actor) as usize].load {
            Load::Closed { clients, .. } => number % clients as u64,
            Load::None | Load::Open { .. } => number,
        }
    }

    /// The instance of `to` that a message of this number and key goes to.
    pub(super) fn route(&mut self, to: u32, number: u64, key: u64) -> u32 {
        let members = self.layout.members(to as usize);
        if members.is_empty() {
            return to;
        }
        let turn = self.more.turns[to as usize];
        self.more.turns[to as usize] += 1;
        let actors = &self.actors;
        let route = self.scenario.actors[to as usize].route;
        let tasks = |instance: usize| actors[members[instance]].present;
        let routing = Routing { route, seed: self.seed, to: to as usize, number, key, turn };
        index(members[instance(routing, members.len(), tasks)])
    }

    /// The step of the written scenario that a step of an instance is, among those of all actors.
    fn home_step(&self, step: u64) -> u64 {
        let entries = &self.code.entries;
        let actor = entries.partition_point(|entry| u64::from(entry.step) <= step).saturating_sub(1);
        let first = |actor: usize| entries.get(actor).map_or(0, |entry| u64::from(entry.step));
        step - first(actor) + first(self.layout.home(actor))
    }

    /// The locks of the written scenario, each with those that its copies in other instances are.
    pub(super) fn lock_records(&self) -> Vec<LockRecord> {
        let count = self.scenario.locks.len();
        let mut copies: Vec<Vec<&Lock>> = vec![Vec::new(); count];
        for (number, lock) in self.locks.iter().enumerate().take(count) {
            copies[self.layout.lock(number)].push(lock);
        }
        let records =
            copies.iter().filter(|copies| !copies.is_empty()).map(|copies| match copies.as_slice() {
                [lock] if self.layout.is_plain() => lock.record(|step| self.used_by(step)),
                copies => {
                    let uses = Lock::uses_of(copies, |step| self.home_step(step));
                    Lock::record_of_all(copies, &uses, |step| self.used_by(step))
                }
            });
        records.collect()
    }

    /// The pools of the written scenario, each with its copies.
    pub(super) fn pool_records(&self) -> Vec<PoolRecord> {
        let mut copies: Vec<Vec<&Pool>> = vec![Vec::new(); self.more.pools.len()];
        for (number, pool) in self.more.pools.iter().enumerate() {
            copies[self.layout.pool(number)].push(pool);
        }
        copies.iter().filter(|copies| !copies.is_empty()).map(|copies| Pool::record(copies)).collect()
    }

    /// The batches by step of the written scenario.
    pub(super) fn batches_by_step(&self, records: Vec<BatchRecord>) -> BTreeMap<String, BatchRecord> {
        let mut all: BTreeMap<String, BatchRecord> = BTreeMap::new();
        for ((step, _), record) in self.code.batches.iter().zip(records) {
            all.entry(self.scenario.step_name(*step as usize)).or_default().add(&record);
        }
        all
    }

    /// Adds what each instance noted to its actor; returns what each did, by actor of the written scenario.
    pub(super) fn gather_instances(&mut self, window: Nanos) -> Vec<Vec<InstanceRecord>> {
        let mut each = vec![Vec::new(); self.actors.len()];
        for number in 0..self.actors.len() {
            let home = self.layout.home(number);
            if self.layout.is_plain() {
                break;
            }
            each[home].push(InstanceRecord::of(&self.actors[number].ledger, window));
            if home == number {
                continue;
            }
            let [mine, theirs] = [home, number].map(|actor| self.more.calls[actor]);
            self.more.calls[home] = mine.plus(&theirs);
            let groups = std::mem::take(&mut self.more.groups[number]);
            self.more.groups[home].merge(&groups);
            let (homes, others) = self.actors.split_at_mut(number);
            homes[home].ledger.merge(&others[0].ledger);
        }
        // What there is one of needs no figures by instance.
        each.iter_mut().filter(|each| each.len() < 2).for_each(Vec::clear);
        each
    }
}
