//! The caches and stores of a run, and what each worker notes of them.

use crate::cache::{self, Cache, CacheCounts, CacheLayout};
use crate::engine::EngineError;
use crate::files::Temporary;
use crate::measure::record::{CacheRecord, StoreRecord};
use crate::measure::{CacheLedger, Tally};
use crate::random::Stream;
use crate::scenario::{CacheSpec, StoreSpec};
use crate::store::{Store, StoreError, StorePlan, make_value};
use crate::units::Nanos;
use crate::workload::Keys;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// A cache while it is in use.
pub(super) struct CacheRuntime {
    pub(super) cache: Box<dyn Cache>,
    pub(super) keys: Keys,
    layout: CacheLayout,
    /// What had happened when the measured window began.
    before: OnceLock<CacheCounts>,
    /// What had happened when it ended.
    after: OnceLock<CacheCounts>,
}

impl CacheRuntime {
    pub(super) fn new(spec: &CacheSpec, workers: usize) -> Self {
        Self {
            cache: cache::build(
                spec.layout,
                workers,
                spec.capacity,
                spec.value_bytes,
                spec.shards,
                spec.padded,
            ),
            keys: Keys::new(spec.keys.count, spec.keys.zipf),
            layout: spec.layout,
            before: OnceLock::new(),
            after: OnceLock::new(),
        }
    }

    /// Remembers what happened in the warm-up, to leave it out.
    pub(super) fn begin_window(&self) {
        self.before.get_or_init(|| self.cache.counts());
    }

    /// Remembers what has happened by the end of the window, to leave the drain out.
    pub(super) fn end_window(&self) {
        self.after.get_or_init(|| self.cache.counts());
    }

    /// The record, with what the workers noted.
    pub(super) fn record(&self, noted: CacheLedger) -> CacheRecord {
        let before = self.before.get().copied().unwrap_or_default();
        let after = self.after.get().copied().unwrap_or_else(|| self.cache.counts());
        noted.into_record(self.layout, after.since(&before))
    }
}

impl std::fmt::Debug for CacheRuntime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.layout.name())
    }
}

/// A store while it is in use; its file goes when the run is over.
#[derive(Debug)]
pub(super) struct StoreRuntime {
    store: Store,
    version: AtomicU64,
    _folder: Temporary,
}

impl StoreRuntime {
    /// Makes the store and lays its keys out.
    pub(super) fn new(spec: &StoreSpec) -> Result<Self, EngineError> {
        let folder = Temporary::new("store").map_err(|source| EngineError::System {
            action: "make a folder for a store; set TMPDIR to one that can be written".into(),
            source,
        })?;
        let plan = StorePlan { value_bytes: spec.value_bytes, count: spec.count, durable: spec.durable };
        let store = Store::create(folder.path(), &plan)
            .map_err(|error| EngineError::Unsupported(format!("make the store {}: {error}", spec.name)))?;
        Ok(Self { store, version: AtomicU64::new(1), _folder: folder })
    }

    /// Reads or writes the value of a key drawn from `stream`.
    pub(super) fn access(&self, write: bool, stream: &mut Stream) -> Result<(), StoreError> {
        let key = stream.below(self.store.plan().count.max(1));
        if write { self.write(key) } else { self.read(key) }
    }

    /// Reads a value, as a cache miss does.
    pub(super) fn read(&self, key: u64) -> Result<(), StoreError> {
        let key = key % self.store.plan().count.max(1);
        self.store.read(key).map(|value| {
            std::hint::black_box(value);
        })
    }

    fn write(&self, key: u64) -> Result<(), StoreError> {
        let version = self.version.fetch_add(1, Ordering::Relaxed);
        self.store.write(key, &make_value(key, version, self.store.plan().value_bytes))
    }
}

/// What one worker notes of one store.
#[derive(Clone, Debug, Default)]
pub(super) struct StoreLedger {
    reads: u64,
    writes: u64,
    read: Tally,
    write: Tally,
    /// The first thing that the store refused.
    pub(super) failure: Option<String>,
}

impl StoreLedger {
    pub(super) fn accessed(&mut self, write: bool, time: Nanos) {
        if write {
            self.writes += 1;
            self.write.record(time);
        } else {
            self.reads += 1;
            self.read.record(time);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.reads += other.reads;
        self.writes += other.writes;
        self.read.merge(&other.read);
        self.write.merge(&other.write);
        if self.failure.is_none() {
            self.failure.clone_from(&other.failure);
        }
    }

    pub(super) fn into_record(self) -> StoreRecord {
        StoreRecord {
            engine: Store::ENGINE.into(),
            reads: self.reads,
            writes: self.writes,
            read_ns: self.read.distribution(),
            write_ns: self.write.distribution(),
        }
    }
}
