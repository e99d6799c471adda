//! What each worker counts of its own accesses: one writer for each block, any reader.
//!
//! Ordering C1: a block is written by its worker alone and publishes nothing: Relaxed loads and stores, no
//! read-modify-write. Whether the blocks of different workers share cache lines is the point of the comparison: packed,
//! each count takes the line from a neighbour that never looks at it (false sharing).

use super::Inserted;
use crate::sync::AtomicU64;
use crate::sync::Ordering::Relaxed;

/// What happened to a cache so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// Accesses that found their key.
    pub hits: u64,
    /// Accesses that did not.
    pub misses: u64,
    /// Entries thrown out for others.
    pub evictions: u64,
    /// Insertions that found their home bucket taken.
    pub collisions: u64,
    /// Buckets looked at by all accesses.
    pub probes: u64,
    /// The longest search.
    pub longest_probe: u64,
}

impl CacheCounts {
    /// Buckets looked at per access, mean; 0 before the first access.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts are below 2^53")]
    pub fn mean_probe_length(&self) -> f64 {
        let accesses = self.hits + self.misses;
        if accesses == 0 { 0.0 } else { self.probes as f64 / accesses as f64 }
    }

    /// What happened since `earlier`; the longest search is of the whole life.
    #[must_use]
    pub const fn since(&self, earlier: &Self) -> Self {
        Self {
            hits: self.hits - earlier.hits,
            misses: self.misses - earlier.misses,
            evictions: self.evictions - earlier.evictions,
            collisions: self.collisions - earlier.collisions,
            probes: self.probes - earlier.probes,
            longest_probe: self.longest_probe,
        }
    }
}

/// The counts of one worker: 48 bytes, so that packed blocks straddle lines. What every access reads and writes comes
/// first.
#[derive(Debug)]
#[repr(C)]
pub(super) struct CounterBlock {
    longest_probe: AtomicU64,
    hits: AtomicU64,
    probes: AtomicU64,
    misses: AtomicU64,
    evictions: AtomicU64,
    collisions: AtomicU64,
}

impl CounterBlock {
    pub(super) fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            hits: zero(),
            misses: zero(),
            evictions: zero(),
            collisions: zero(),
            probes: zero(),
            longest_probe: zero(),
        }
    }

    /// Counts an access; only the block's worker may call this.
    #[inline]
    pub(super) fn count_access(&self, hit: bool, probes: u32) {
        add(if hit { &self.hits } else { &self.misses }, 1);
        add(&self.probes, u64::from(probes));
        if u64::from(probes) > self.longest_probe.load(Relaxed) {
            self.longest_probe.store(probes.into(), Relaxed); // C1
        }
    }

    /// Counts an insertion; only the block's worker may call this.
    #[inline]
    pub(super) fn count_insertion(&self, inserted: Inserted) {
        if inserted.evicted {
            add(&self.evictions, 1);
        }
        if inserted.collided {
            add(&self.collisions, 1);
        }
    }

    /// Adds what this worker counted to `total`.
    pub(super) fn add_to(&self, total: &mut CacheCounts) {
        // C1: approximate while the worker is at it
        total.hits += self.hits.load(Relaxed);
        total.misses += self.misses.load(Relaxed);
        total.evictions += self.evictions.load(Relaxed);
        total.collisions += self.collisions.load(Relaxed);
        total.probes += self.probes.load(Relaxed);
        total.longest_probe = total.longest_probe.max(self.longest_probe.load(Relaxed));
    }
}

/// Adds without a read-modify-write: there is one writer.
#[inline]
fn add(counter: &AtomicU64, count: u64) {
    counter.store(counter.load(Relaxed) + count, Relaxed); // C1
}
