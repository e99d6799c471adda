//! Stores: what an access takes of a processor and of the disk, and that writers follow one another.
//!
//! Where the scenario does not say what an access takes, the calibration does. A read is processor time. A durable write is
//! processor time with one or more waits for the disk in between, under the store's own lock: who finds another writer
//! there sleeps until it is woken, and may find the next one there. What the scenario says is waiting alone.
//!
//! An access blocks the worker, on the asynchronous runtime too, gives the interpreter lock back first, and is I/O by all
//! its time but the waits for a processor and for other writers, as it is on the real engine.

use super::charges::Charges;
use super::locks::Lock;
use super::program::{Turn, index};
use super::world::{NONE, Purpose, World};
use crate::measure::record::StoreRecord;
use crate::measure::{Cause, Epoch, PLAIN_CAUSES, StoreCharge, Tally, Waits};
use crate::scenario::{LockKind, Scenario};
use crate::units::Nanos;
use crate::workload::Draw;

/// Progress of an access: it has the store, if it writes.
const ENTERED: u8 = 1;
/// Its processor time up to the next wait is over.
const WORKED: u8 = 2;
/// It has waited.
const WAITED: u8 = 3;
/// The next writer may come.
const LEFT: u8 = 4;

/// A task's access to a store while it is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use {
    began: u64,
    /// What the task had executed and waited for locks when it began.
    before: [u64; 2],
    /// Waits still to come, and how long each is.
    waits: u64,
    wait: u64,
    /// Processor time before each wait and after the last.
    work: u64,
    /// 0 between two accesses.
    phase: u8,
}

impl Use {
    const NONE: Self = Self { began: 0, before: [0; 2], waits: 0, wait: 0, work: 0, phase: 0 };
}

/// What is I/O inside an access, or a wait for other writers, whatever it is elsewhere.
const INSIDE: [Cause; 2] = [Cause::Execution, Cause::Lock];

/// A store and its figures.
#[derive(Debug)]
pub(super) struct StoreModel {
    charge: StoreCharge,
    /// What the scenario says of a read and of a write.
    said: [Option<Draw>; 2],
    /// The writers' lock, in the world's table.
    lock: u32,
    /// Of reads and of writes.
    tallies: [Tally; 2],
    counts: [u64; 2],
    /// What writers waited for each other.
    waits: Tally,
}

impl StoreModel {
    /// The scenario's stores; their locks are added to `locks`.
    pub(super) fn all(scenario: &Scenario, charges: &Charges, locks: &mut Vec<Lock>) -> Vec<Self> {
        let of = |(spec, charge): (&crate::scenario::StoreSpec, &StoreCharge)| {
            let lock = index(locks.len());
            let together = scenario.host.factors.writers <= 0.0;
            locks.push(Lock::new(if together { LockKind::Absent } else { LockKind::Mutex }));
            // A thread that has waited starts after a switch, which was part of what was measured.
            let switch = charges.costs.switch * charge.waits;
            let waiting = charge.waiting.map(|wait| wait.saturating_sub(switch));
            Self {
                charge: StoreCharge { waiting, ..*charge },
                said: [spec.read.clone(), spec.write.clone()],
                lock,
                tallies: [Tally::default(), Tally::default()],
                counts: [0; 2],
                waits: Tally::default(),
            }
        };
        scenario.stores.iter().zip(&charges.stores).map(of).collect()
    }

    /// The lock of its writers, in the world's table.
    pub(super) const fn writers_lock(&self) -> u32 {
        self.lock
    }

    pub(super) fn record(&self) -> StoreRecord {
        let [read, write] = &self.tallies;
        StoreRecord {
            engine: "charged".into(),
            reads: self.counts[0],
            writes: self.counts[1],
            read_ns: read.distribution(),
            write_ns: write.distribution(),
            wait_ns: (self.counts[1] > 0).then(|| self.waits.distribution()),
        }
    }
}

impl World<'_> {
    fn use_of(&mut self, task: u32) -> &mut Use {
        &mut self.uses[task as usize]
    }

    /// Whether the task's access to a store is under way.
    pub(super) fn uses_store(&self, task: u32) -> bool {
        self.uses.get(task as usize).is_some_and(|access| access.phase != 0)
    }

    /// One turn of an access; how the thread goes on. Between two accesses [`World::uses_store`] is false.
    pub(super) fn use_store(&mut self, thread: u32, task: u32, store: usize, write: bool) -> Turn {
        if self.uses.len() <= task as usize {
            self.uses.resize(self.tasks.len(), Use::NONE);
        }
        match self.use_of(task).phase {
            0 => self.enter_store(thread, task, store, write),
            ENTERED => {
                self.plan_access(task, store, write);
                Turn::GoesOn
            }
            WORKED => self.wait_for_disk(thread, task, store, write),
            WAITED => {
                let access = self.use_of(task);
                access.phase = WORKED;
                let work = access.work;
                self.set_work(task, work, NONE);
                Turn::GoesOn
            }
            _ => {
                self.note_use(thread, task, store, write);
                Turn::GoesOn
            }
        }
    }

    /// An access begins: a writer takes the store's lock.
    fn enter_store(&mut self, thread: u32, task: u32, store: usize, write: bool) -> Turn {
        self.drop_interpreter(thread);
        self.split(thread);
        let now = self.now;
        let before = INSIDE.map(|cause| self.tasks[task as usize].times[cause as usize]);
        *self.use_of(task) = Use { began: now, before, phase: ENTERED, ..Use::NONE };
        let lock = self.stores[store].lock;
        if !write || self.try_take(thread, thread, lock, 0) {
            return Turn::GoesOn;
        }
        self.want(task, lock, Purpose::Writer);
        self.wait_for_lock(thread, task, lock)
    }

    /// Draws what the access takes; its processor time up to the first wait comes next.
    fn plan_access(&mut self, task: u32, store: usize, write: bool) {
        let model = &self.stores[store];
        let charge = model.charge;
        let (work, waits, waiting) = match &model.said[usize::from(write)] {
            Some(draw) => {
                let task = &mut self.tasks[task as usize];
                (0, 1, draw.sample(&mut task.stream, task.number).0)
            }
            None if write => {
                let waiting = self.draw_wait(task, charge.waits, &charge.waiting);
                (charge.write.0, charge.waits, waiting)
            }
            None => (charge.read.0, 0, 0),
        };
        let access = self.use_of(task);
        access.phase = WORKED;
        access.waits = if waiting == 0 { 0 } else { waits };
        access.wait = waiting / waits.max(1);
        access.work = work / (access.waits + 1);
        let work = access.work;
        self.set_work(task, work, NONE);
    }

    fn draw_wait(&mut self, task: u32, waits: u64, waiting: &Waits) -> u64 {
        if waits == 0 {
            return 0;
        }
        let stream = &mut self.task(task).stream;
        waiting.sample(|below| stream.below(below)).0
    }

    /// Some of the access's processor time is over: the disk comes next, or the next writer.
    fn wait_for_disk(&mut self, thread: u32, task: u32, store: usize, write: bool) -> Turn {
        let access = self.use_of(task);
        if access.waits > 0 {
            access.waits -= 1;
            access.phase = WAITED;
            let wait = access.wait;
            self.nap(thread, wait);
            self.block(thread, Cause::Io);
            return Turn::IsOver;
        }
        access.phase = LEFT;
        if write {
            let lock = self.stores[store].lock;
            self.give_back(thread, lock);
        }
        Turn::GoesOn
    }

    /// Notes a finished access, all of it as I/O.
    fn note_use(&mut self, thread: u32, task: u32, store: usize, write: bool) {
        self.split(thread);
        let (now, access) = (self.now, *self.use_of(task));
        self.use_of(task).phase = 0;
        let state = &mut self.tasks[task as usize];
        let (measured, step) = (state.epoch == Epoch::Inside, state.step as usize);
        let mut waited = 0;
        for (cause, before) in INSIDE.into_iter().zip(access.before) {
            let inside = state.times[cause as usize] - before;
            state.times[cause as usize] = before;
            let becomes = if cause == Cause::Lock && write { Cause::Store } else { Cause::Io };
            match state.times.get_mut(becomes as usize) {
                Some(time) => *time += inside,
                None => {
                    waited = inside;
                    self.more.extras[task as usize].times[becomes as usize - PLAIN_CAUSES] += inside;
                }
            }
            if measured {
                let sums = &mut self.steps[step].times;
                sums[cause as usize] -= inside;
                sums[becomes as usize] += inside;
            }
            if cause == Cause::Execution {
                // Part of it may have been before the window.
                let account = self.threads[thread as usize].account;
                let work = &mut self.accounts[account as usize].work;
                *work = work.saturating_sub(inside);
            }
        }
        if self.measuring() {
            let model = &mut self.stores[store];
            model.counts[usize::from(write)] += 1;
            model.tallies[usize::from(write)].record(Nanos(now - access.began));
            if write {
                model.waits.record(Nanos(waited));
            }
        }
    }
}
