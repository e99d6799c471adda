//! The sections of a run's page about locks, caches and stores, and what a profiler saw.

use super::answer::user;
use super::as_f64;
use crate::measure::record::{CacheRecord, EstimateRecord, LockUse, RunRecord, StoreRecord};
use crate::report::page::{Block, Section, Table};
use crate::report::words::{count, duration, number, share, tail};

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
                tail(&lock.wait_ns, lock.wait_ns.p99, 100),
                duration(as_f64(lock.wait_ns.max)),
                duration(lock.hold_ns.mean),
                tail(&lock.hold_ns, lock.hold_ns.p99, 100),
                share(held / as_f64(record.window.length_ns.max(1))),
                optional(lock.forced_drops),
                optional(lock.switches),
            ]
        })
        .collect();
    let section = Section::new(
        "locks",
        "Locks",
        "Wait: call to acquisition. Utilisation: time held over the measured window.",
    )
    .with(Table::new("", head, 2, rows));
    let uses = lock_uses(record);
    if uses.rows.is_empty() { section } else { section.with(uses) }
}

/// Who held each lock longest, and who waited longest for it.
fn lock_uses(record: &RunRecord) -> Table {
    let mut rows = Vec::new();
    for (name, lock) in &record.locks {
        for index in 0..lock.holders.len().max(lock.waiters.len()).min(5) {
            let cells = |uses: &[LockUse]| {
                uses.get(index).map_or_else(
                    || [String::new(), String::new()],
                    |one| [user(one), duration(as_f64(one.total_ns))],
                )
            };
            let [holder, held] = cells(&lock.holders);
            let [waiter, waited] = cells(&lock.waiters);
            let name = if index == 0 { name.clone() } else { String::new() };
            rows.push(vec![name, holder, waiter, held, waited]);
        }
    }
    Table::new("Who holds it, who waits for it", "lock | holder | waiter | held | waited", 3, rows)
}

pub(super) fn caches(record: &RunRecord) -> Section {
    let mut section = Section::new("caches", "Caches and stores", "");
    if !record.caches.is_empty() {
        section.blocks.push(cache_table(record).into());
        section.blocks.extend(record.caches.iter().filter_map(|(name, cache)| twins(name, cache)));
        if let Some(reason) = &record.manifest.no_miss_counters {
            section.blocks.push(Block::Text(format!("Cache misses are not counted: {reason}")));
        }
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

/// What the packed and padded twins say of sharing lines.
fn twins(name: &str, cache: &CacheRecord) -> Option<Block> {
    let twins = cache.twins.as_ref()?;
    let ratio = |ratio: &EstimateRecord| format!("{:.2} ± {:.2}", ratio.value, ratio.half_width);
    Some(Block::Text(format!(
        "{name}: packed ÷ padded twin {} at {} threads ({} and {} an access), {} at one thread (n = {})",
        ratio(&twins.ratio),
        twins.threads,
        duration(twins.packed_ns),
        duration(twins.padded_ns),
        ratio(&twins.alone),
        twins.ratio.n
    )))
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
            store.wait_ns.as_ref().map_or_else(|| "–".into(), |wait| duration(wait.mean)),
        ]
    };
    let head = "store | engine | reads | read mean | read p99 | writes | write mean | write p99 | of it, other writers";
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
