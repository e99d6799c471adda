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
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Poll, Waker};

/// A cache while it is in use.
pub(super) struct CacheRuntime {
    pub(super) cache: Box<dyn Cache>,
    pub(super) keys: Keys,
    layout: CacheLayout,
    ttl: Option<Nanos>,
    /// By copy and key, since when an entry serves, where that is bounded.
    stamps: Mutex<BTreeMap<(usize, u64), Nanos>>,
    once: bool,
    /// By copy and key, those fetched now, where each is fetched once.
    flights: Mutex<BTreeMap<(usize, u64), Arc<Flight>>>,
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
            ttl: spec.ttl,
            stamps: Mutex::default(),
            once: spec.once,
            flights: Mutex::default(),
            before: OnceLock::new(),
            after: OnceLock::new(),
        }
    }

    /// A key in the copy that a worker sees.
    fn place(&self, worker: usize, key: u64) -> (usize, u64) {
        (if self.layout == CacheLayout::Isolated { worker } else { 0 }, key)
    }

    /// Whether an entry that was found still serves.
    pub(super) fn is_fresh(&self, worker: usize, key: u64, now: Nanos) -> bool {
        let Some(ttl) = self.ttl else { return true };
        let stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        stamps.get(&self.place(worker, key)).is_some_and(|at| now.saturating_sub(*at) < ttl)
    }

    /// The flight of somebody who fetches this key already; whoever gets none has to fetch it, and to land.
    pub(super) fn board(&self, worker: usize, key: u64) -> Option<Arc<Flight>> {
        if !self.once {
            return None;
        }
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        let place = self.place(worker, key);
        let found = flights.get(&place).cloned();
        if found.is_none() {
            flights.insert(place, Arc::default());
        }
        found
    }

    /// A key that was fetched is there: the worker that looked for it, and the one into whose copy it was put.
    pub(super) fn land(&self, [looked, put_in]: [usize; 2], key: u64, now: Nanos) {
        if self.ttl.is_some() {
            self.stamps.lock().unwrap_or_else(PoisonError::into_inner).insert(self.place(put_in, key), now);
        }
        if self.once {
            let landed =
                self.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.place(looked, key));
            landed.iter().for_each(|flight| flight.land());
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

/// A key on its way into a cache: whether it is there, and who waits for it.
#[derive(Debug, Default)]
pub(super) struct Flight(Mutex<(bool, Vec<Waker>)>);

impl Flight {
    fn state(&self) -> MutexGuard<'_, (bool, Vec<Waker>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn land(&self) {
        let mut state = self.state();
        state.0 = true;
        let waiting = std::mem::take(&mut state.1);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Ready when the key is there.
    pub(super) fn landed(&self) -> impl Future<Output = ()> + Send + '_ {
        poll_fn(|context| {
            let mut state = self.state();
            if state.0 {
                return Poll::Ready(());
            }
            state.1.push(context.waker().clone());
            Poll::Pending
        })
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

    /// Reads or writes the value of a key drawn from `stream`; `entered` is called when no other writer is in the way any more.
    pub(super) fn access(
        &self,
        write: bool,
        stream: &mut Stream,
        entered: &mut dyn FnMut(),
    ) -> Result<(), StoreError> {
        let key = stream.below(self.store.plan().count.max(1));
        if write { self.write(key, entered) } else { self.read(key) }
    }

    /// Reads a value, as a cache miss does.
    pub(super) fn read(&self, key: u64) -> Result<(), StoreError> {
        let key = key % self.store.plan().count.max(1);
        self.store.read(key).map(|value| {
            std::hint::black_box(value);
        })
    }

    fn write(&self, key: u64, entered: &mut dyn FnMut()) -> Result<(), StoreError> {
        let version = self.version.fetch_add(1, Ordering::Relaxed);
        self.store.write_after(key, &make_value(key, version, self.store.plan().value_bytes), entered)
    }
}

/// What one worker notes of one store.
#[derive(Clone, Debug, Default)]
pub(super) struct StoreLedger {
    reads: u64,
    writes: u64,
    read: Tally,
    write: Tally,
    /// What writers waited for each other.
    wait: Tally,
    /// The first thing that the store refused.
    pub(super) failure: Option<String>,
}

impl StoreLedger {
    pub(super) fn accessed(&mut self, write: bool, time: Nanos, waited: Option<Nanos>) {
        waited.into_iter().for_each(|waited| self.wait.record(waited));
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
        self.wait.merge(&other.wait);
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
            wait_ns: (self.writes > 0).then(|| self.wait.distribution()),
            write_ns: self.write.distribution(),
        }
    }
}
