//! What tasks read and write: LRU caches on real memory, in layouts behind one trait.
//!
//! A layout is a combination of factors that can also be set one by one ([`CachePlan`]): how many copies, how many
//! shards, what locks them, and whether shards, counters and values are padded to line pairs.
//!
//! An access holds the lock of its shard while it searches, reads the value, and does what its [`Probe`] does inside;
//! the cost of a miss is paid outside, before [`Cache::insert`].

mod counters;
mod layouts;
mod lru;
#[cfg(not(loom))]
mod reference;
mod spaced;

pub use counters::CacheCounts;
pub use layouts::{CachePlan, LruCache};
pub use lru::{Inserted, value_digest};
#[cfg(not(loom))]
pub use reference::ReferenceCache;

/// How a cache is laid out and shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CacheLayout {
    /// One lock, one packed structure, counters and entries on shared lines.
    Contended,
    /// A lock for each shard.
    Sharded,
    /// A copy for each worker, padded to a line pair.
    Isolated,
    /// `quick_cache` from crates.io, for comparison.
    Reference,
}

impl CacheLayout {
    /// Every layout, in the order in which they are listed.
    pub const ALL: [Self; 4] = [Self::Contended, Self::Sharded, Self::Isolated, Self::Reference];

    /// The word for it in scenarios and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Contended => "contended",
            Self::Sharded => "sharded",
            Self::Isolated => "isolated",
            Self::Reference => "quick_cache",
        }
    }

    /// One sentence for `conlab list`.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Contended => "one lock, one packed structure; counters and entries share lines",
            Self::Sharded => "a lock for each shard",
            Self::Isolated => "a copy for each worker, padded to a line pair",
            Self::Reference => "quick_cache from crates.io (sharded, no LRU), for comparison",
        }
    }
}

/// Builds a cache of `layout` for `workers` workers. `capacity` is of each copy; `shards` counts for the sharded
/// layout; `padded` overrides the layout's own padding, if given.
#[cfg(not(loom))]
#[must_use]
pub fn build(
    layout: CacheLayout,
    workers: usize,
    capacity: usize,
    value_bytes: usize,
    shards: usize,
    padded: Option<bool>,
) -> Box<dyn Cache> {
    if layout == CacheLayout::Reference {
        return Box::new(ReferenceCache::new(workers, capacity, value_bytes));
    }
    let mut plan = CachePlan::of(layout, workers, capacity, value_bytes);
    if layout == CacheLayout::Sharded {
        plan.shards = shards;
    }
    plan.padded = padded.unwrap_or(plan.padded);
    Box::new(plan.build())
}

/// What keeps two workers apart in one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locking {
    /// A mutex whose waiters spin for about a microsecond and then park, as the standard library's do.
    Mutex,
    /// A lock that spins.
    Spin,
    /// Nothing: each copy admits one thread, and panics when a second one comes.
    Owner,
}

/// What one access found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Whether the key was there.
    pub hit: bool,
    /// Buckets looked at, at least 1; 0 where the cache does not tell.
    pub probe_length: u32,
    /// A digest of the whole value, which was read for it; 0 for a miss.
    pub digest: u64,
}

/// What an engine does around an access: it times the wait for a shard's lock, and does the work of the access inside.
///
/// Every method defaults to nothing, so [`NoProbe`] costs nothing.
pub trait Probe {
    /// The lock was taken by another worker at the first attempt, and the caller is about to wait for it. What must
    /// not be held through a wait (an interpreter lock) is dropped here.
    #[inline]
    fn blocked(&mut self) {}

    /// The wait that [`blocked`](Probe::blocked) announced is over; the lock is held.
    #[inline]
    fn resumed(&mut self) {}

    /// Called inside, with the lock held, after the search and the read: the work of an access.
    #[inline]
    fn inside(&mut self, hit: bool) {
        let _ = hit;
    }
}

/// Measures nothing, does nothing.
#[derive(Clone, Copy, Debug)]
pub struct NoProbe;

impl Probe for NoProbe {}

/// A cache that workers share, each by its own number.
pub trait Cache: Send + Sync {
    /// Looks `key` up for `worker`, reads its value if it is there, and makes it the most recent.
    ///
    /// # Panics
    ///
    /// When `worker` is not below the number that the cache was built for.
    fn access(&self, worker: usize, key: u64, probe: &mut dyn Probe) -> Access;

    /// Puts `key` in for `worker`, after a miss was paid for.
    ///
    /// # Panics
    ///
    /// When `worker` is not below the number that the cache was built for.
    fn insert(&self, worker: usize, key: u64, probe: &mut dyn Probe) -> Inserted;

    /// What happened so far; approximate while workers are at it.
    fn counts(&self) -> CacheCounts;
}

/// Mixes a key: the 128 bits of one product, folded, so that every bit of the key reaches both halves of the result.
///
/// The factor is odd and has no pattern (the golden ratio's bits); the constant added first keeps key 0 from being 0.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the halves of the product")]
const fn hash(key: u64) -> u64 {
    let product = (key ^ 0xbf58_476d_1ce4_e5b9) as u128 * 0x9e37_79b9_7f4a_7c15;
    product as u64 ^ (product >> 64) as u64
}
