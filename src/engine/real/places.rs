//! Pools: places that tasks hold over a step.

use crate::measure::Tally;
use crate::measure::record::PoolRecord;
use crate::scenario::{Next, PoolSpec};
use crate::units::Nanos;
use crate::workload::Draw;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A pool while it is in use.
#[derive(Debug)]
pub(super) struct PoolRuntime {
    pub(super) name: String,
    pub(super) size: usize,
    mechanism: Mechanism,
    /// How long a task waits for a place.
    pub(super) timeout: Option<Draw>,
}

#[derive(Debug)]
enum Mechanism {
    /// Places are handed to the longest waiter.
    Fifo(Arc<Semaphore>),
    /// Whoever comes first takes one that is free.
    Barge(Arc<async_lock::Semaphore>),
}

/// A place that is held; dropped, it is free.
#[derive(Debug)]
pub(super) struct Place {
    _permit: Permit,
}

/// What gives the place back when it is dropped.
#[derive(Debug)]
#[expect(dead_code, reason = "held for its drop")]
enum Permit {
    /// Of a fair pool.
    Fifo(OwnedSemaphorePermit),
    /// Of another.
    Barge(async_lock::SemaphoreGuardArc),
}

impl Permit {
    const fn place(self) -> Place {
        Place { _permit: self }
    }
}

impl PoolRuntime {
    pub(super) fn new(spec: &PoolSpec) -> Self {
        let size = spec.size.min(Semaphore::MAX_PERMITS);
        let mechanism = if spec.next == Next::Barge {
            Mechanism::Barge(Arc::new(async_lock::Semaphore::new(size)))
        } else {
            Mechanism::Fifo(Arc::new(Semaphore::new(size)))
        };
        Self { name: spec.name.clone(), size, mechanism, timeout: spec.timeout.clone() }
    }

    /// A place, if one is free and nobody is before.
    pub(super) fn try_take(&self) -> Option<Place> {
        match &self.mechanism {
            Mechanism::Fifo(places) => {
                Arc::clone(places).try_acquire_owned().ok().map(Permit::Fifo).map(Permit::place)
            }
            Mechanism::Barge(places) => places.try_acquire_arc().map(Permit::Barge).map(Permit::place),
        }
    }

    /// Waits for a place; none when the pool has gone, which it does not while a run is under way.
    pub(super) async fn take(&self) -> Option<Place> {
        match &self.mechanism {
            Mechanism::Fifo(places) => {
                Arc::clone(places).acquire_owned().await.ok().map(Permit::Fifo).map(Permit::place)
            }
            Mechanism::Barge(places) => Some(Permit::Barge(places.acquire_arc().await).place()),
        }
    }
}

/// What one worker notes of one pool.
#[derive(Clone, Debug, Default)]
pub(super) struct PoolLedger {
    acquisitions: u64,
    contended: u64,
    timed_out: u64,
    wait: Tally,
    hold: Tally,
}

impl PoolLedger {
    pub(super) fn taken(&mut self, contended: bool, wait: Nanos) {
        self.acquisitions += 1;
        self.contended += u64::from(contended);
        self.wait.record(wait);
    }

    pub(super) fn given_up(&mut self) {
        self.contended += 1;
        self.timed_out += 1;
    }

    pub(super) fn released(&mut self, hold: Nanos) {
        self.hold.record(hold);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.acquisitions += other.acquisitions;
        self.contended += other.contended;
        self.timed_out += other.timed_out;
        self.wait.merge(&other.wait);
        self.hold.merge(&other.hold);
    }

    pub(super) fn into_record(self, pool: &PoolRuntime) -> PoolRecord {
        PoolRecord {
            size: pool.size,
            acquisitions: self.acquisitions,
            contended: self.contended,
            timed_out: self.timed_out,
            wait_ns: self.wait.distribution(),
            hold_ns: self.hold.distribution(),
        }
    }
}
