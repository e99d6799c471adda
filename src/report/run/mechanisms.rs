//! The sections of a run's page about locks, caches and stores, and what a profiler saw.

use super::as_f64;
use crate::measure::record::{CacheRecord, RunRecord, StoreRecord};
use crate::report::page::{Section, Table};
use crate::report::words::{count, duration, number, share};

pub(super) fn locks(record: &RunRecord) -> Section {
    let head = "lock | kind | taken | contended | wait mean | wait p99 | wait max | hold mean \
        | hold p99 | utilisation | forced drops | switches";
    let optional = |value: Option<u64>| value.map_or_else(|| "–".into(), count);
    let rows = record
        .locks
        .iter()
        .map(|(name, lock)| {
            let held = lock.hold_ns.mean * as_f64(lock.hold_ns.count);
            vec![
                name.clone(),
                lock.kind.clone(),
                count(lock.acquisitions),
                share(as_f64(lock.contended) / as_f64(lock.acquisitions.max(1))),
                duration(lock.wait_ns.mean),
                duration(as_f64(lock.wait_ns.p99)),
                duration(as_f64(lock.wait_ns.max)),
                duration(lock.hold_ns.mean),
                duration(as_f64(lock.hold_ns.p99)),
                share(held / as_f64(record.window.length_ns.max(1))),
                optional(lock.forced_drops),
                optional(lock.switches),
            ]
        })
        .collect();
    Section::new(
        "locks",
        "Locks",
        "Wait: call to acquisition. Utilisation: time held over the measured window.",
    )
    .with(Table::new("", head, 2, rows))
}

pub(super) fn caches(record: &RunRecord) -> Section {
    let mut section = Section::new("caches", "Caches and stores", "");
    if !record.caches.is_empty() {
        section.blocks.push(cache_table(record).into());
    }
    if !record.stores.is_empty() {
        section.blocks.push(store_table(record).into());
    }
    section
}

fn cache_table(record: &RunRecord) -> Table {
    let row = |(name, cache): (&String, &CacheRecord)| {
        let accesses = cache.hits + cache.misses;
        vec![
            name.clone(),
            cache.layout.clone(),
            share(as_f64(cache.hits) / as_f64(accesses.max(1))),
            count(accesses),
            count(cache.evictions),
            count(cache.collisions),
            number(cache.mean_probe_length),
            count(cache.max_probe_length),
            duration(cache.hit_ns.mean),
            duration(as_f64(cache.hit_ns.p99)),
            duration(cache.miss_ns.mean),
            duration(cache.lock_wait_ns.mean),
            cache.line_misses_per_access.map_or_else(|| "not counted here".into(), number),
        ]
    };
    let head = "cache | layout | hit ratio | accesses | evictions | collisions | probe mean | probe max | hit mean \
                | hit p99 | miss mean | lock wait mean | line misses";
    Table::new("", head, 2, record.caches.iter().map(row).collect())
}

fn store_table(record: &RunRecord) -> Table {
    let row = |(name, store): (&String, &StoreRecord)| {
        vec![
            name.clone(),
            store.engine.clone(),
            count(store.reads),
            duration(store.read_ns.mean),
            duration(as_f64(store.read_ns.p99)),
            count(store.writes),
            duration(store.write_ns.mean),
            duration(as_f64(store.write_ns.p99)),
        ]
    };
    let head = "store | engine | reads | read mean | read p99 | writes | write mean | write p99";
    Table::new("Stores", head, 2, record.stores.iter().map(row).collect())
}

pub(super) fn profile(record: &RunRecord) -> Option<Section> {
    let profile = record.profile.as_ref()?;
    let weight = |value: u64| match profile.unit.as_str() {
        "ns" => duration(as_f64(value)),
        unit => format!("{} {unit}", count(value)),
    };
    let rows = profile
        .entries
        .iter()
        .map(|entry| {
            let calls = if entry.calls == 0 { "–".into() } else { count(entry.calls) };
            let peak = entry.peak_bytes.map_or_else(|| "–".into(), count);
            vec![
                entry.actor.clone(),
                entry.step.clone(),
                calls,
                weight(entry.self_weight),
                weight(entry.total_weight),
                peak,
            ]
        })
        .collect();
    let head = "actor | step | calls | self | total | peak bytes";
    let cost = match record.engine.as_str() {
        "virtual" => "it costs nothing in simulated time".to_owned(),
        _ => format!("it cost {} of the run", share(profile.overhead)),
    };
    let lead = format!("What the {} profiler saw; {cost}.", profile.profiler);
    Some(Section::new("profile", "Profile", lead).with(Table::new("", head, 2, rows)))
}
