//! What is noted of a cache on either engine.

use super::Tally;
use super::record::CacheRecord;
use crate::cache::{CacheCounts, CacheLayout};
use crate::units::Nanos;

/// What one worker, or the virtual engine, notes of one cache.
#[derive(Clone, Debug, Default)]
pub struct CacheLedger {
    /// Accesses that found their key.
    pub hits: u64,
    /// Accesses that did not.
    pub misses: u64,
    hit: Tally,
    miss: Tally,
    lock_wait: Tally,
}

impl CacheLedger {
    /// Notes a whole access, and how much of it was waiting for the cache's lock.
    pub fn accessed(&mut self, hit: bool, time: Nanos, lock_wait: Nanos) {
        if hit {
            self.hits += 1;
            self.hit.record(time);
        } else {
            self.misses += 1;
            self.miss.record(time);
        }
        self.lock_wait.record(lock_wait);
    }

    /// Adds everything that `other` noted.
    pub fn merge(&mut self, other: &Self) {
        self.hits += other.hits;
        self.misses += other.misses;
        self.hit.merge(&other.hit);
        self.miss.merge(&other.miss);
        self.lock_wait.merge(&other.lock_wait);
    }

    /// The record of a cache of this layout, of which the structure itself counted `counts` meanwhile.
    #[must_use]
    pub fn into_record(self, layout: CacheLayout, counts: CacheCounts) -> CacheRecord {
        CacheRecord {
            layout: layout.name().into(),
            hits: self.hits,
            misses: self.misses,
            evictions: counts.evictions,
            collisions: counts.collisions,
            mean_probe_length: counts.mean_probe_length(),
            max_probe_length: counts.longest_probe,
            hit_ns: self.hit.distribution(),
            miss_ns: self.miss.distribution(),
            lock_wait_ns: self.lock_wait.distribution(),
            line_misses_per_access: None,
            twins: None,
        }
    }
}
