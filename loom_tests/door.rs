//! The door itself: that loom explores what it claims to explore.

use conlab::sync::{Arc, AtomicUsize, Ordering::Relaxed, model, thread};
use std::sync::Mutex;

/// Starts a thread on a shared thing.
pub(crate) fn start<Q: Send + Sync + 'static, R: Send + 'static>(
    shared: &Arc<Q>,
    body: impl FnOnce(&Q) -> R + Send + 'static,
) -> thread::JoinHandle<R> {
    let shared = Arc::clone(shared);
    thread::spawn(move || body(&shared))
}

/// What `pop` gives until it fails.
pub(crate) fn collect<T, E>(mut pop: impl FnMut() -> Result<T, E>) -> Vec<T> {
    std::iter::from_fn(|| pop().ok()).collect()
}

/// One thread loads and then stores; the other's load may come before, between or after, so both values are seen.
///
/// With loom's own atomics the value 1 is never seen (tokio-rs/loom issues 166 and 392).
///
/// Killed by: the door without its companion (`door`).
#[test]
fn a_load_before_a_store_hides_no_race() {
    let seen: &'static Mutex<Vec<usize>> = Box::leak(Box::default());
    model(3, move || {
        let atomic = Arc::new(AtomicUsize::new(0));
        let other = Arc::clone(&atomic);
        let storing = thread::spawn(move || {
            let loaded = other.load(Relaxed);
            other.store(loaded + 1, Relaxed);
        });
        let value = atomic.load(Relaxed);
        seen.lock().unwrap().push(value);
        storing.join().unwrap();
    });
    let seen = seen.lock().unwrap();
    assert!(seen.contains(&0) || !cfg!(loom));
    assert!(seen.contains(&1) || !cfg!(loom), "1 was never seen in {} executions", seen.len());
}
