//! The reference: the concurrent cache from crates.io that one would pick instead (`quick_cache`).
//!
//! Not model-checked: loom cannot see into it. It is no LRU but a CLOCK variant with a ghost queue, so its hit ratio
//! differs; a hit takes a shard's lock for reading only. Its lock waits and its probe lengths are not visible from
//! outside and are reported as none, and the work of an access is done outside of its locks.

use super::counters::CounterBlock;
use super::lru::value_word;
use super::spaced::Spaced;
use super::{Access, Cache, CacheCounts, Inserted, Probe};
use quick_cache::sync::Cache as QuickCache;
use quick_cache::{DefaultHashBuilder, Lifecycle, UnitWeighter};
use std::sync::Arc;

/// `quick_cache`, with values as large as ours behind a shared pointer, as one would store them.
#[derive(Debug)]
pub struct ReferenceCache {
    entries: QuickCache<u64, Arc<[u64]>, UnitWeighter, DefaultHashBuilder, CountEvictions>,
    counters: Spaced<CounterBlock>,
    value_words: usize,
}

/// Tells an insertion whether it threw something out.
#[derive(Clone, Copy, Debug)]
struct CountEvictions;

impl Lifecycle<u64, Arc<[u64]>> for CountEvictions {
    type RequestState = Option<Arc<[u64]>>;

    fn on_evict(&self, state: &mut Self::RequestState, _: u64, value: Arc<[u64]>) {
        *state = Some(value);
    }
}

impl ReferenceCache {
    /// An empty cache for `workers` workers, of about `capacity` entries with values of `value_bytes`.
    #[must_use]
    pub fn new(workers: usize, capacity: usize, value_bytes: usize) -> Self {
        Self {
            entries: QuickCache::with(
                capacity.max(1),
                capacity.max(1) as u64,
                UnitWeighter,
                DefaultHashBuilder::default(),
                CountEvictions,
            ),
            counters: Spaced::new((0..workers.max(1)).map(|_| CounterBlock::new()), true),
            value_words: value_bytes.div_ceil(size_of::<u64>()),
        }
    }
}

impl Cache for ReferenceCache {
    fn access(&self, worker: usize, key: u64, probe: &mut dyn Probe) -> Access {
        let value = self.entries.get(&key);
        let hit = value.is_some();
        let digest = value.map_or(0, |value| value.iter().fold(0, |sum: u64, word| sum.wrapping_add(*word)));
        probe.inside(hit);
        self.counters[worker].count_access(hit, 0);
        Access { hit, probe_length: 0, digest }
    }

    fn insert(&self, worker: usize, key: u64, _: &mut dyn Probe) -> Inserted {
        let mut thrown_out = None;
        let value = (0..self.value_words as u64).map(|place| value_word(key, place)).collect();
        self.entries.insert_with_lifecycle(key, value, &mut thrown_out);
        let inserted = Inserted { present: false, evicted: thrown_out.is_some(), collided: false };
        self.counters[worker].count_insertion(inserted);
        inserted
    }

    fn counts(&self) -> CacheCounts {
        let mut total = CacheCounts::default();
        self.counters.iter().for_each(|block| block.add_to(&mut total));
        total
    }
}
