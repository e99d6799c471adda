//! The hardware probe of a run with caches: misses per access where the processor counts them, else the twins.

use crate::cache::{CacheLayout, CachePlan};
use crate::measure::RunRecord;
use crate::measure::counters::{MissCounters, MissCounts};
use crate::measure::false_sharing::compare_twins;
use crate::measure::record::TwinRecord;
use crate::scenario::{CacheSpec, Scenario};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Twins that this process has compared: they tell of the host and the layout, not of the run.
static COMPARED: Mutex<BTreeMap<(CacheLayout, usize, usize, usize), TwinRecord>> =
    Mutex::new(BTreeMap::new());

/// Counts misses over the measured window, or remembers why it cannot.
#[derive(Debug)]
pub(super) enum MissProbe {
    /// The scenario has no caches.
    Idle,
    /// Counts, and what was counted when the window began.
    Counting(MissCounters, MissCounts),
    /// What was counted over the window.
    Counted(MissCounts),
    /// Says why not.
    Blind(String),
}

impl MissProbe {
    /// Opens the counters for the threads that are about to start, if there are caches to watch.
    pub(super) fn open(scenario: &Scenario) -> Self {
        if scenario.caches.is_empty() {
            return Self::Idle;
        }
        match MissCounters::open() {
            Ok(counters) => Self::Counting(counters, MissCounts::default()),
            Err(refusal) => Self::Blind(refusal.to_string()),
        }
    }

    /// The measured window begins.
    pub(super) fn begin_window(&mut self) {
        if let Self::Counting(counters, before) = self {
            *before = counters.read();
        }
    }

    /// The measured window ends.
    pub(super) fn end_window(&mut self) {
        if let Self::Counting(counters, before) = self {
            *self = Self::Counted(counters.read().since(before));
        }
    }

    /// Writes down what was seen over the window.
    pub(super) fn report_to(self, scenario: &Scenario, threads: usize, record: &mut RunRecord) {
        let misses = match self {
            Self::Idle => return,
            Self::Counting(mut counters, before) => of_level(counters.read().since(&before)),
            Self::Counted(counts) => of_level(counts),
            Self::Blind(reason) => {
                record.manifest.no_miss_counters = Some(reason);
                None
            }
        };
        let accesses: u64 = record.caches.values().map(|cache| cache.hits + cache.misses).sum();
        for spec in &scenario.caches {
            let Some(cache) = record.caches.get_mut(&spec.name) else { continue };
            match misses {
                #[expect(clippy::cast_precision_loss, reason = "shown to three digits")]
                Some(misses) if accesses > 0 => {
                    cache.line_misses_per_access = Some(misses as f64 / accesses as f64);
                }
                Some(_) => {}
                None if spec.layout == CacheLayout::Reference => {}
                None => cache.twins = Some(twins_of(spec, threads)),
            }
        }
    }
}

/// First-level misses, or last-level ones where the host counts no other.
fn of_level(counts: MissCounts) -> Option<u64> {
    counts.first_level.or(counts.last_level)
}

/// The twins of a cache at `threads` threads, compared once in the life of the process.
fn twins_of(spec: &CacheSpec, threads: usize) -> TwinRecord {
    let mut compared = COMPARED.lock().unwrap_or_else(PoisonError::into_inner);
    *compared.entry((spec.layout, spec.shards, spec.value_bytes, threads)).or_insert_with(|| {
        let mut plan = CachePlan::of(spec.layout, threads, spec.capacity, spec.value_bytes);
        if spec.layout == CacheLayout::Sharded {
            plan.shards = spec.shards;
        }
        compare_twins(&plan)
    })
}
