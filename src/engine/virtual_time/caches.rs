//! Caches: a true LRU under the scenario's keys, with what its layout costs.
//!
//! An access is a look-up (its own cost, a line transfer when another core was there last, waiting while another core
//! is inside a shared structure) and the scenario's work of a hit; a miss pays on top and then inserts. The contended
//! layout moves two lines per access, entry and counters, the sharded one its shard's line; an isolated copy
//! belongs to its worker and moves none.

use super::world::{NONE, Next, World};
use crate::cache::CacheLayout;
use crate::measure::{CacheRecord, Waits, distribution};
use crate::scenario::{CacheSpec, MissCost};
use crate::units::Nanos;
use crate::workload::{Draw, Keys};

/// Progress of an access.
const LOOKED_UP_HIT: u8 = 1;
const LOOKED_UP_MISS: u8 = 2;
const MISS_PAID: u8 = 3;

/// One access, as the program says it.
pub(super) struct Access<'p> {
    pub(super) cache: usize,
    pub(super) hit: &'p Draw,
    pub(super) miss: &'p MissCost,
    pub(super) under: u32,
}

/// A cache and its figures.
#[derive(Debug)]
pub(super) struct CacheModel {
    layout: CacheLayout,
    keys: Keys,
    capacity: usize,
    parts: Vec<Option<Part>>,
    hits: u64,
    misses: u64,
    evictions: u64,
    hit_times: Waits,
    miss_times: Waits,
    lock_waits: Waits,
}

/// One structure behind one lock.
#[derive(Debug)]
struct Part {
    lru: Lru,
    busy_until: u64,
    touched_by: u32,
}

impl CacheModel {
    /// The cache of `spec`, for this many worker threads in all.
    pub(super) fn new(spec: &CacheSpec, threads: usize) -> Self {
        let (parts, capacity) = match spec.layout {
            CacheLayout::Contended | CacheLayout::Reference => (1, spec.capacity),
            CacheLayout::Sharded => {
                let shards = spec.shards.max(1);
                (shards, spec.capacity.div_ceil(shards))
            }
            CacheLayout::Isolated => (threads, spec.capacity),
        };
        Self {
            layout: spec.layout,
            keys: Keys::new(spec.keys.count, spec.keys.zipf),
            capacity: capacity.max(1),
            parts: (0..parts).map(|_| None).collect(),
            hits: 0,
            misses: 0,
            evictions: 0,
            hit_times: Waits::default(),
            miss_times: Waits::default(),
            lock_waits: Waits::default(),
        }
    }

    /// Forgets what happened before the measured window.
    pub(super) fn reset(&mut self) {
        (self.hits, self.misses, self.evictions) = (0, 0, 0);
        (self.hit_times, self.miss_times) = (Waits::default(), Waits::default());
        self.lock_waits = Waits::default();
    }

    pub(super) fn record(self) -> CacheRecord {
        CacheRecord {
            layout: self.layout.name().into(),
            hits: self.hits,
            misses: self.misses,
            evictions: self.evictions,
            collisions: 0,
            mean_probe_length: 1.0,
            max_probe_length: 1,
            hit_ns: distribution(&self.hit_times.into_histogram(), false),
            miss_ns: distribution(&self.miss_times.into_histogram(), false),
            lock_wait_ns: distribution(&self.lock_waits.into_histogram(), false),
            line_misses_per_access: None,
        }
    }

    fn part(&mut self, key: u64, thread: u32) -> &mut Part {
        let index = match self.layout {
            CacheLayout::Contended | CacheLayout::Reference => 0,
            CacheLayout::Sharded => usize::try_from(key).unwrap_or(0) % self.parts.len(),
            CacheLayout::Isolated => thread as usize,
        };
        let capacity = self.capacity;
        self.parts[index].get_or_insert_with(|| Part {
            lru: Lru::new(capacity),
            busy_until: 0,
            touched_by: NONE,
        })
    }
}

impl World<'_> {
    /// One turn of an access; whether the thread goes on at once.
    pub(super) fn access(&mut self, thread: u32, task: u32, access: &Access<'_>) -> bool {
        match self.task(task).phase {
            LOOKED_UP_HIT => {
                self.finish_access(thread, task, access, true);
                true
            }
            LOOKED_UP_MISS => {
                if self.settle(thread) {
                    return false;
                }
                self.task(task).phase = MISS_PAID;
                self.pay_miss(thread, task, access.miss, access.under)
            }
            MISS_PAID => {
                self.finish_access(thread, task, access, false);
                true
            }
            _ => {
                self.look_up(thread, task, access);
                true
            }
        }
    }

    /// Draws the key, looks it up, and gives the task the work of it.
    fn look_up(&mut self, thread: u32, task: u32, access: &Access<'_>) {
        let now = self.now;
        let core = self.threads[thread as usize].core;
        let keys = self.caches[access.cache].keys;
        let key = keys.draw(&mut self.task(task).stream);
        let hit_work = self.sample(task, access.hit);
        let (base, transfer) = (self.charges.cache, self.charges.transfer);
        let cache = &mut self.caches[access.cache];
        let lines = match cache.layout {
            CacheLayout::Contended | CacheLayout::Reference => 2,
            CacheLayout::Sharded => 1,
            CacheLayout::Isolated => 0,
        };
        let part = cache.part(key, thread);
        let hit = part.lru.touch(key);
        let moved = if part.touched_by == core || part.touched_by == NONE { 0 } else { lines * transfer };
        let inside = base + moved;
        // An isolated copy has no lock; a base of zero (factor 0) also excludes nobody.
        let wait = if lines == 0 { 0 } else { part.busy_until.saturating_sub(now) };
        part.busy_until = now + wait + inside;
        part.touched_by = core;
        if self.tasks[task as usize].measured {
            cache.lock_waits.record(Nanos(wait));
        }
        let state = self.task(task);
        state.key = key;
        state.since = now;
        state.phase = if hit { LOOKED_UP_HIT } else { LOOKED_UP_MISS };
        state.work = wait + inside + hit_work;
        state.under = access.under;
        state.next = Next::Work;
    }

    /// Notes a finished access, inserts after a miss, and moves the program on.
    fn finish_access(&mut self, thread: u32, task: u32, access: &Access<'_>, hit: bool) {
        let now = self.now;
        let state = self.task(task);
        state.phase = 0;
        state.counter += 1;
        let (key, measured, took) = (state.key, state.measured, Nanos(now - state.since));
        let cache = &mut self.caches[access.cache];
        let evicted = !hit && cache.part(key, thread).lru.insert(key);
        if !measured {
            return;
        }
        cache.evictions += u64::from(evicted);
        if hit {
            cache.hits += 1;
            cache.hit_times.record(took);
        } else {
            cache.misses += 1;
            cache.miss_times.record(took);
        }
    }
}

/// Least recently used: slots in a ring of links, and where each key is.
#[derive(Debug)]
struct Lru {
    capacity: usize,
    /// Key, previous and next slot; slot 0 is the ring's anchor.
    slots: Vec<(u64, u32, u32)>,
    /// Slot of each key up to the largest seen; 0 when it is absent.
    places: Vec<u32>,
}

impl Lru {
    fn new(capacity: usize) -> Self {
        Self { capacity, slots: vec![(u64::MAX, 0, 0)], places: Vec::new() }
    }

    fn place(&self, key: u64) -> u32 {
        usize::try_from(key).ok().and_then(|key| self.places.get(key)).copied().unwrap_or(0)
    }

    fn unlink(&mut self, slot: u32) {
        let (_, previous, next) = self.slots[slot as usize];
        self.slots[previous as usize].2 = next;
        self.slots[next as usize].1 = previous;
    }

    fn link_first(&mut self, slot: u32) {
        let first = self.slots[0].2;
        self.slots[slot as usize].1 = 0;
        self.slots[slot as usize].2 = first;
        self.slots[first as usize].1 = slot;
        self.slots[0].2 = slot;
    }

    /// Makes `key` the most recently used; whether it is there.
    fn touch(&mut self, key: u64) -> bool {
        let slot = self.place(key);
        if slot != 0 {
            self.unlink(slot);
            self.link_first(slot);
        }
        slot != 0
    }

    /// Adds `key` if it is absent; whether another was thrown out for it.
    fn insert(&mut self, key: u64) -> bool {
        if self.touch(key) {
            return false;
        }
        let Ok(position) = usize::try_from(key) else { return false };
        if self.places.len() <= position {
            self.places.resize(position + 1, 0);
        }
        let full = self.slots.len() > self.capacity;
        let slot = if full {
            let last = self.slots[0].1;
            self.unlink(last);
            let old = usize::try_from(self.slots[last as usize].0).unwrap_or(0);
            self.places[old] = 0;
            self.slots[last as usize].0 = key;
            last
        } else {
            self.slots.push((key, 0, 0));
            super::program::index(self.slots.len() - 1)
        };
        self.places[position] = slot;
        self.link_first(slot);
        full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_key_is_thrown_out() {
        let mut lru = Lru::new(2);
        assert!(!lru.insert(1));
        assert!(!lru.insert(2));
        assert!(lru.touch(1));
        assert!(lru.insert(3), "2 leaves");
        assert!(lru.touch(1));
        assert!(!lru.touch(2));
        assert!(lru.touch(3));
        assert!(lru.insert(4), "1 leaves");
        assert!(!lru.touch(1));
    }
}
