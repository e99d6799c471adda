//! The layouts: copies, shards, locks and padding around the LRU cache of one thread.
//!
//! | layout    | copies     | shards | lock  | padded |
//! |-----------|------------|--------|-------|--------|
//! | contended | 1          | 1      | mutex | no     |
//! | sharded   | 1          | many   | mutex | yes    |
//! | isolated  | per worker | 1      | none  | yes    |
//!
//! Invariant C2: the cache behind a shard is touched only between acquiring and releasing that shard's lock.
//! `loom_tests/cache.rs` fails when C2 is broken.

use super::counters::CounterBlock;
use super::hash;
use super::lru::Lru;
use super::spaced::Spaced;
use super::{Access, Cache, CacheCounts, CacheLayout, Inserted, Locking, Probe};
use crate::lock::{AnyLock, MutexLock, OwnerLock, RawLock, SpinLock};
use crate::sync::{UnsafeCell, processors};

/// What to build: every factor of a layout by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachePlan {
    /// Workers that will come, at least 1.
    pub workers: usize,
    /// A copy for each worker instead of one for all.
    pub copies: bool,
    /// Entries that fit into each copy, at least 1.
    pub capacity: usize,
    /// Parts of each copy with a lock of their own, at least 1 and at most its capacity.
    pub shards: usize,
    /// What locks a part.
    pub locking: Locking,
    /// Whether shards and counters are each on line pairs of their own, and values on lines.
    pub padded: bool,
    /// Bytes of one entry's value.
    pub value_bytes: usize,
}

impl CachePlan {
    /// The factors of `layout`, with eight shards for each processor where it has shards (at least 16, and at most one for four
    /// entries), so that workers seldom meet. The reference has no plan; its nearest kin is sharded.
    #[must_use]
    pub fn of(layout: CacheLayout, workers: usize, capacity: usize, value_bytes: usize) -> Self {
        let plan = Self {
            workers,
            copies: false,
            capacity,
            shards: 1,
            locking: Locking::Mutex,
            padded: false,
            value_bytes,
        };
        match layout {
            CacheLayout::Contended => plan,
            CacheLayout::Sharded | CacheLayout::Reference => {
                let shards = (8 * processors()).next_power_of_two().clamp(16, (capacity / 4).max(16));
                Self { shards, padded: true, ..plan }
            }
            CacheLayout::Isolated => Self { copies: true, locking: Locking::Owner, padded: true, ..plan },
        }
    }

    /// Builds the cache; its memory is written through once, so that no page is first touched under measurement.
    ///
    /// # Panics
    ///
    /// When a copy would have 2³⁰ entries or more.
    #[must_use]
    pub fn build(&self) -> LruCache {
        LruCache::new(self)
    }
}

/// An LRU cache on real memory, laid out by a [`CachePlan`].
#[derive(Debug)]
pub struct LruCache {
    /// Copy by copy, shard by shard.
    parts: Spaced<Part>,
    counters: Spaced<CounterBlock>,
    shards: usize,
    copies: bool,
}

/// One shard of one copy. The lock stands before the head of the cache, whose first words share its line.
#[derive(Debug)]
#[repr(C)]
struct Part {
    lock: AnyLock,
    lru: UnsafeCell<Lru>,
}

// SAFETY: by C2 the cell is reached only by the holder of `lock`, one thread at a time; what is in it may be
// used by any thread (it is plain memory).
unsafe impl Sync for LruCache {}

impl LruCache {
    fn new(plan: &CachePlan) -> Self {
        let workers = plan.workers.max(1);
        let shards = plan.shards.clamp(1, plan.capacity.max(1));
        let copies = if plan.copies { workers } else { 1 };
        let parts = (0..copies * shards).map(|number| {
            // The first shards take what does not divide evenly.
            let rest = usize::from(number % shards < plan.capacity % shards);
            Part {
                lock: match plan.locking {
                    Locking::Mutex => AnyLock::Mutex(MutexLock::spinning()),
                    Locking::Spin => AnyLock::Spin(SpinLock::new()),
                    Locking::Owner => AnyLock::Owner(OwnerLock::new()),
                },
                lru: UnsafeCell::new(Lru::new(plan.capacity / shards + rest, plan.value_bytes, plan.padded)),
            }
        });
        Self {
            parts: Spaced::new(parts, plan.padded),
            counters: Spaced::new((0..workers).map(|_| CounterBlock::new()), plan.padded),
            shards,
            copies: plan.copies,
        }
    }

    /// As [`Cache::access`], for a probe whose type is known.
    ///
    /// # Panics
    ///
    /// As [`Cache::access`].
    #[inline]
    pub fn access_with<P: Probe + ?Sized>(&self, worker: usize, key: u64, probe: &mut P) -> Access {
        let hash = hash(key);
        let access = self.part(worker, hash).with(probe, |lru, probe| {
            let lookup = lru.find(key, hash);
            let digest = lookup.entry.map_or(0, |entry| lru.read(entry));
            let hit = lookup.entry.is_some();
            probe.inside(hit);
            Access { hit, probe_length: lookup.probes, digest }
        });
        self.counters[worker].count_access(access.hit, access.probe_length);
        access
    }

    /// As [`Cache::insert`], for a probe whose type is known.
    ///
    /// # Panics
    ///
    /// As [`Cache::insert`].
    #[inline]
    pub fn insert_with<P: Probe + ?Sized>(&self, worker: usize, key: u64, probe: &mut P) -> Inserted {
        let hash = hash(key);
        let inserted = self.part(worker, hash).with(probe, |lru, _| lru.insert(key, hash));
        self.counters[worker].count_insertion(inserted);
        inserted
    }

    /// The part that `worker` finds a key of this `hash` in.
    #[inline]
    fn part(&self, worker: usize, hash: u64) -> &Part {
        let first = if self.copies { worker * self.shards } else { 0 };
        // The high half of the hash chooses the shard; the index inside uses the low half.
        let shard = ((hash >> 32) * self.shards as u64) >> 32;
        let shard = shard as usize; // below `shards`
        &self.parts[first + shard]
    }
}

impl Part {
    /// Works on the cache with the lock held.
    #[inline]
    fn with<R, P: Probe + ?Sized>(&self, probe: &mut P, work: impl FnOnce(&mut Lru, &mut P) -> R) -> R {
        let locked = !cfg!(conlab_weaken = "C2");
        let waited = locked && !self.lock.try_acquire();
        if waited {
            probe.blocked();
            self.lock.acquire();
        }
        // From here on, so that a probe that panics leaves no lock behind. The cache is whole whenever a probe runs.
        let _held = locked.then(|| Held(&self.lock));
        if waited {
            probe.resumed();
        }
        self.lru.with_mut(|lru| {
            // SAFETY: we hold the lock, so by C2 nobody else has a reference into the cell; `probe` cannot reach it.
            work(unsafe { &mut *lru }, probe)
        })
    }
}

/// Frees a part's lock at the end of an access, also of one that panics.
struct Held<'a>(&'a AnyLock);

impl Drop for Held<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.release();
    }
}

impl Cache for LruCache {
    fn access(&self, worker: usize, key: u64, probe: &mut dyn Probe) -> Access {
        self.access_with(worker, key, probe)
    }

    fn insert(&self, worker: usize, key: u64, probe: &mut dyn Probe) -> Inserted {
        self.insert_with(worker, key, probe)
    }

    fn counts(&self) -> CacheCounts {
        let mut total = CacheCounts::default();
        self.counters.iter().for_each(|block| block.add_to(&mut total));
        total
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::cache::{NoProbe, ReferenceCache, value_digest};
    use crate::random::{Source, Stream};
    use std::thread;

    /// Runs `accesses` accesses to uniform keys as worker 0 and returns the counts.
    fn exercise(cache: &dyn Cache, keys: u64, accesses: u64) -> CacheCounts {
        let mut stream = Stream::new(3, Source::History, 0, 0);
        for _ in 0..accesses {
            let key = stream.below(keys);
            let access = cache.access(0, key, &mut NoProbe);
            if access.hit {
                assert_eq!(access.digest, value_digest(key, 40));
            } else {
                cache.insert(0, key, &mut NoProbe);
            }
        }
        cache.counts()
    }

    #[test]
    fn every_layout_counts_every_access_and_keeps_what_fits() {
        for layout in CacheLayout::ALL {
            let cache = crate::cache::build(layout, 2, 64, 40, 4, None);
            let counts = exercise(&*cache, 32, 10_000);
            assert_eq!(counts.hits + counts.misses, 10_000, "{layout:?}");
            assert!(counts.misses < 64 && counts.hits > 9_900, "{layout:?}: {counts:?}");
        }
    }

    #[test]
    fn misses_evict_once_the_cache_is_full() {
        for layout in [CacheLayout::Contended, CacheLayout::Isolated] {
            let plan = CachePlan::of(layout, 1, 100, 40);
            let counts = exercise(&plan.build(), 1_000, 10_000);
            assert_eq!(counts.evictions, counts.misses - 100, "{layout:?}");
            // Uniform keys over ten times the capacity: a tenth hits.
            assert!((900..1_100).contains(&counts.hits), "{layout:?}: {counts:?}");
            assert!(counts.mean_probe_length() >= 1.0 && counts.longest_probe > 1);
            assert!(counts.collisions > 0);
        }
    }

    #[test]
    fn a_probe_that_panics_frees_the_part() {
        struct Bad;
        impl Probe for Bad {
            fn inside(&mut self, _: bool) {
                panic!("probe");
            }
        }
        for (layout, locking) in [
            (CacheLayout::Contended, Locking::Mutex),
            (CacheLayout::Contended, Locking::Spin),
            (CacheLayout::Sharded, Locking::Mutex),
            (CacheLayout::Isolated, Locking::Owner),
        ] {
            let plan = CachePlan { locking, ..CachePlan::of(layout, 1, 16, 8) };
            let cache = plan.build();
            cache.insert(0, 1, &mut NoProbe);
            let access = std::panic::AssertUnwindSafe(|| cache.access(0, 1, &mut Bad));
            assert!(std::panic::catch_unwind(access).is_err());
            let part = cache.part(0, hash(1));
            assert!(part.lock.try_acquire(), "{layout:?} {locking:?}: the lock is still held");
            part.lock.release();
            assert!(cache.access(0, 1, &mut NoProbe).hit);
        }
    }

    #[test]
    fn padding_and_locking_change_no_count() {
        let counts = |plan: CachePlan| exercise(&plan.build(), 500, 5_000);
        let plan = CachePlan::of(CacheLayout::Contended, 1, 50, 40);
        let expected = counts(plan);
        for locking in [Locking::Mutex, Locking::Spin, Locking::Owner] {
            for padded in [false, true] {
                assert_eq!(counts(CachePlan { locking, padded, ..plan }), expected, "{locking:?} {padded}");
            }
        }
    }

    #[test]
    fn shards_share_the_capacity_without_loss() {
        let plan = CachePlan { shards: 7, ..CachePlan::of(CacheLayout::Sharded, 1, 100, 8) };
        let cache = plan.build();
        for key in 0..10_000 {
            cache.insert(0, key, &mut NoProbe);
        }
        assert_eq!(cache.counts().evictions, 10_000 - 100);
    }

    #[test]
    #[should_panic(expected = "a second thread came")]
    fn a_second_thread_in_a_copy_without_lock_is_noticed() {
        let cache = CachePlan::of(CacheLayout::Isolated, 2, 8, 8).build();
        thread::scope(|scope| {
            scope.spawn(|| cache.access(1, 7, &mut NoProbe));
        });
        cache.access(1, 7, &mut NoProbe);
    }

    #[test]
    fn the_reference_tells_what_it_threw_out() {
        let counts = exercise(&ReferenceCache::new(1, 64, 40), 1_000, 10_000);
        assert!(counts.evictions > 1_000, "{counts:?}");
    }
}
