//! Caches: the very structures of the real engine under the scenario's keys, with what their layout costs in time.
//!
//! An access takes the lock of its part, works inside (the look-up, the lines that come from another core, the scenario's
//! work of a hit), and gives the lock back; a miss is paid for outside and then inserts, under the lock again. The
//! contended layout has one part and moves two lines per access, entry and counters; a sharded one has a lock and a
//! line for each shard; an isolated copy belongs to its worker, needs no lock and moves nothing.
//!
//! The cache's lock blocks the thread, on asynchronous workers too, as it does on the real engine.

use super::bytecode::Access;
use super::locks::Lock;
use super::program::{Turn, index};
use super::world::{NONE, Purpose, World};
use crate::cache::{Cache, CacheCounts, CacheLayout, NoProbe, build};
use crate::measure::{CacheLedger, CacheRecord, Cause};
use crate::scenario::{CacheSpec, LockKind};
use crate::units::Nanos;
use crate::workload::Keys;
use std::collections::BTreeMap;

/// Progress of an access.
const LOCKED: u8 = 1;
const WORKED: u8 = 2;
const MISSED: u8 = 3;
const MISS_PAID: u8 = 4;
const INSERTING: u8 = 5;
const FOLLOWED: u8 = 6;

/// A task's access to a cache, while it is under way.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    key: u64,
    began: u64,
    work: u64,
    /// How long it waited for the lock of the cache's part.
    pub(super) lock_waited: u64,
    /// That lock, while it is held.
    part_lock: u32,
    hit: bool,
    /// Others wait for what it fetches.
    leads: bool,
    /// 0 between two accesses.
    phase: u8,
}

impl Visit {
    /// No access is under way.
    const NONE: Self = Self {
        key: 0,
        began: 0,
        work: 0,
        lock_waited: 0,
        part_lock: NONE,
        hit: false,
        leads: false,
        phase: 0,
    };
}

/// A cache and its figures.
pub(super) struct CacheModel {
    layout: CacheLayout,
    keys: Keys,
    cache: Box<dyn Cache>,
    /// Lock of the first part, in the world's table; `NONE` where accesses exclude nobody.
    first_lock: u32,
    shards: u64,
    /// Core that was last in each part.
    touched_by: Vec<u32>,
    /// How long an entry serves; with it, by copy and key, since when each does.
    ttl: Option<Nanos>,
    stamps: BTreeMap<(u32, u64), u64>,
    /// Whether a key is fetched once; by copy and key, who waits until it is there.
    once: bool,
    flights: BTreeMap<(u32, u64), Vec<u32>>,
    before: CacheCounts,
    noted: CacheLedger,
}

impl CacheModel {
    /// The cache of `spec` for this many threads; adds its locks to `locks`. `excludes` is false when a treatment takes
    /// the coherence costs away, locks included.
    pub(super) fn new(spec: &CacheSpec, threads: usize, locks: &mut Vec<Lock>, excludes: bool) -> Self {
        let shards = match spec.layout {
            CacheLayout::Contended | CacheLayout::Isolated => 1,
            CacheLayout::Sharded | CacheLayout::Reference => spec.shards.clamp(1, spec.capacity.max(1)),
        };
        let locked = excludes && spec.layout != CacheLayout::Isolated;
        let first_lock = if locked { index(locks.len()) } else { NONE };
        if locked {
            locks.extend((0..shards).map(|_| Lock::new(LockKind::Mutex)));
        }
        // The reference hashes with a random seed, so its nearest kin takes its place: D1.
        let layout = if spec.layout == CacheLayout::Reference { CacheLayout::Sharded } else { spec.layout };
        // What is in a value decides nothing here, so it is kept small.
        let cache = build(layout, threads.max(1), spec.capacity, 8, shards, Some(false));
        Self {
            layout: spec.layout,
            keys: Keys::new(spec.keys.count, spec.keys.zipf),
            before: cache.counts(),
            cache,
            first_lock,
            shards: shards as u64,
            touched_by: vec![NONE; shards],
            ttl: spec.ttl,
            stamps: BTreeMap::new(),
            once: spec.once,
            flights: BTreeMap::new(),
            noted: CacheLedger::default(),
        }
    }

    /// Forgets what happened before the measured window.
    pub(super) fn reset(&mut self) {
        self.before = self.cache.counts();
        self.noted = CacheLedger::default();
    }

    pub(super) fn record(&self) -> CacheRecord {
        let counts = self.cache.counts().since(&self.before);
        self.noted.clone().into_record(self.layout, counts)
    }

    /// Whether `lock`, in the world's table, is one of its parts'.
    pub(super) fn has_lock(&self, lock: u32) -> bool {
        self.first_lock != NONE && u64::from(lock.wrapping_sub(self.first_lock)) < self.shards
    }

    /// A key in the copy that a thread sees.
    fn place(&self, thread: u32, key: u64) -> (u32, u64) {
        (if self.layout == CacheLayout::Isolated { thread } else { 0 }, key)
    }

    /// Whether an entry that was found still serves.
    fn is_fresh(&self, thread: u32, key: u64, now: u64) -> bool {
        let put_in = self.stamps.get(&self.place(thread, key));
        self.ttl.is_none_or(|ttl| put_in.is_some_and(|at| now - at < ttl.0))
    }

    /// Which part a key is in: a mix of its bits, as the shards of the real cache are chosen by a hash.
    fn part(&self, key: u64) -> usize {
        let mixed = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        usize::try_from((mixed * self.shards) >> 32).unwrap_or(0)
    }

    /// Lines that an access moves when another core was there last.
    const fn lines(&self) -> u64 {
        match self.layout {
            CacheLayout::Contended => 2,
            CacheLayout::Sharded | CacheLayout::Reference => 1,
            CacheLayout::Isolated => 0,
        }
    }
}

impl World<'_> {
    fn visit(&mut self, task: u32) -> &mut Visit {
        &mut self.accesses[task as usize]
    }

    /// One turn of an access; how the thread goes on.
    pub(super) fn access(&mut self, thread: u32, task: u32, access: &Access) -> Turn {
        if self.accesses.len() <= task as usize {
            self.accesses.resize(self.tasks.len(), Visit::NONE);
        }
        match self.visit(task).phase {
            LOCKED => self.work_inside(thread, task, access),
            WORKED => self.leave_part(thread, task, access.cache),
            MISSED => {
                if self.settle(thread) {
                    return Turn::IsOver;
                }
                if self.caches[access.cache].once && self.follows(task, thread, access.cache) {
                    self.visit(task).phase = FOLLOWED;
                    return self.rest(thread, task, Cause::Batch);
                }
                self.visit(task).phase = MISS_PAID;
                return self.pay_miss(thread, task, &access.miss, access.under);
            }
            MISS_PAID => {
                if self.uses_store(task) {
                    return self.pay_miss(thread, task, &access.miss, access.under);
                }
                self.visit(task).phase = INSERTING;
                return self.enter_part(thread, task, access.cache);
            }
            INSERTING => self.insert(thread, task, access.cache),
            FOLLOWED => self.note_access(task, access.cache, false),
            _ => {
                let now = self.now;
                let keys = self.caches[access.cache].keys;
                let key = keys.draw(&mut self.task(task).stream);
                let work = self.sample(task, &access.hit);
                *self.visit(task) = Visit { key, began: now, work, phase: LOCKED, ..Visit::NONE };
                return self.enter_part(thread, task, access.cache);
            }
        }
        Turn::GoesOn
    }

    /// Takes the lock of the key's part; how the thread goes on.
    fn enter_part(&mut self, thread: u32, task: u32, cache: usize) -> Turn {
        let model = &self.caches[cache];
        if model.first_lock == NONE {
            return Turn::GoesOn;
        }
        let lock = model.first_lock + index(model.part(self.accesses[task as usize].key));
        self.visit(task).part_lock = lock;
        if self.try_take(thread, thread, lock, 0) {
            return Turn::GoesOn;
        }
        self.drop_interpreter(thread);
        self.want(task, lock, Purpose::Part);
        self.wait_for_lock(thread, task, lock)
    }

    /// The work of an access, with the part's lock held.
    fn work_inside(&mut self, thread: u32, task: u32, access: &Access) {
        let core = self.core_of(thread);
        let (base, transfer) = (self.charges.cache, self.charges.transfer);
        let now = self.now;
        let key = self.accesses[task as usize].key;
        let model = &mut self.caches[access.cache];
        let part = model.part(key);
        let moves = model.layout != CacheLayout::Isolated
            && model.touched_by[part] != core
            && model.touched_by[part] != NONE;
        model.touched_by[part] = core;
        let moved = if moves { model.lines() * transfer } else { 0 };
        let found = model.cache.access(thread as usize, key, &mut NoProbe).hit;
        let hit = found && model.is_fresh(thread, key, now);
        let visit = self.visit(task);
        visit.phase = WORKED;
        visit.hit = hit;
        let work = base + moved + visit.work;
        self.set_work(task, work, access.under);
    }

    fn leave_part(&mut self, thread: u32, task: u32, cache: usize) {
        self.give_back_part(thread, task);
        if self.visit(task).hit {
            self.note_access(task, cache, true);
        } else {
            self.visit(task).phase = MISSED;
        }
    }

    /// Whether a task that has missed a key waits for another that fetches it; it leads where none does.
    fn follows(&mut self, task: u32, thread: u32, cache: usize) -> bool {
        let key = self.visit(task).key;
        let model = &mut self.caches[cache];
        let place = model.place(thread, key);
        if let Some(waiting) = model.flights.get_mut(&place) {
            waiting.push(task);
            return true;
        }
        model.flights.insert(place, Vec::new());
        self.visit(task).leads = true;
        false
    }

    /// Whether the task's access to a cache is under way.
    pub(super) fn uses_cache(&self, task: u32) -> bool {
        self.accesses.get(task as usize).is_some_and(|visit| visit.phase != 0)
    }

    fn insert(&mut self, thread: u32, task: u32, cache: usize) {
        let key = self.visit(task).key;
        let now = self.now;
        let model = &mut self.caches[cache];
        model.cache.insert(thread as usize, key, &mut NoProbe);
        let place = model.place(thread, key);
        if model.ttl.is_some() {
            model.stamps.insert(place, now);
        }
        self.give_back_part(thread, task);
        if std::mem::take(&mut self.visit(task).leads) {
            for waiter in self.caches[cache].flights.remove(&place).unwrap_or_default() {
                self.rouse(waiter, thread);
            }
        }
        self.note_access(task, cache, false);
    }

    fn give_back_part(&mut self, thread: u32, task: u32) {
        let lock = std::mem::replace(&mut self.visit(task).part_lock, NONE);
        if lock != NONE {
            self.give_back(thread, lock);
        }
    }

    /// Notes a finished access and moves the program on.
    fn note_access(&mut self, task: u32, cache: usize, hit: bool) {
        let now = self.now;
        let visit = self.visit(task);
        visit.phase = 0;
        let (took, waited) = (Nanos(now - visit.began), Nanos(visit.lock_waited));
        self.advance(task);
        if self.measuring() {
            self.caches[cache].noted.accessed(hit, took, waited);
        }
    }
}
