//! The caches: one worker at a time in a part, and a whole value for every hit.

use conlab::cache::{Cache, CacheLayout, CachePlan, Locking, NoProbe, value_digest};
use conlab::sync::{Arc, model, thread};

/// Two workers use the same two keys of a cache with room for one: lookups, insertions and evictions meet.
fn meet(plan: CachePlan) {
    let cache = Arc::new(plan.build());
    let body = |cache: &dyn Cache, worker: usize| {
        for key in [1, 2] {
            let access = cache.access(worker, key, &mut NoProbe);
            if access.hit {
                assert_eq!(access.digest, value_digest(key, 8));
            } else {
                cache.insert(worker, key, &mut NoProbe);
            }
        }
    };
    let other = {
        let cache = Arc::clone(&cache);
        thread::spawn(move || body(&*cache, 1))
    };
    body(&*cache, 0);
    other.join().unwrap();
    let counts = cache.counts();
    assert_eq!(counts.hits + counts.misses, 4);
}

/// Killed by: breaking C2 (no lock around the part).
#[test]
fn workers_of_a_contended_cache_take_turns() {
    model(2, || meet(CachePlan::of(CacheLayout::Contended, 2, 1, 8)));
}

/// The same with a lock that spins.
#[test]
fn workers_of_a_spinning_cache_take_turns() {
    model(2, || {
        meet(CachePlan { locking: Locking::Spin, ..CachePlan::of(CacheLayout::Contended, 2, 1, 8) });
    });
}

/// Without locks, each worker has a copy and sees nothing of the other's.
#[test]
fn workers_of_an_isolated_cache_do_not_meet() {
    model(2, || meet(CachePlan::of(CacheLayout::Isolated, 2, 1, 8)));
}
