//! What an operation on a task queue costs, alone and while another processor works on the same queue.

use super::Measured;
use super::pinned::{join, spawn};
use crate::clock::Clock;
use crate::queue::{QueueKind, TaskQueue, build};
use std::sync::{Arc, Barrier};

const PAIRS: u32 = 5_000;
const TRIALS: usize = 15;

/// A push and a pop by one thread alone; and for how long an operation keeps another processor out.
pub(super) fn measure(kind: QueueKind) -> (Measured, Measured) {
    let queue: Arc<dyn TaskQueue<u64>> = Arc::from(build::<u64>(kind, 1024));
    let alone = Measured::of(
        &format!("queue {}", kind.name()),
        "a push and a pop, alone",
        join(spawn(0, {
            let queue = Arc::clone(&queue);
            move || (0..TRIALS).map(|_| pairs(&*queue)).collect()
        }))
        .unwrap_or_default(),
        40.0,
    );
    let barrier = Arc::new(Barrier::new(2));
    let side = |cpu| {
        let (queue, barrier) = (Arc::clone(&queue), Arc::clone(&barrier));
        spawn(cpu, move || {
            (0..TRIALS)
                .map(|_| {
                    barrier.wait();
                    pairs(&*queue)
                })
                .collect::<Vec<f64>>()
        })
    };
    let contended = if crate::measure::host::cores() < 2 || alone.trials == 0 {
        Vec::new()
    } else {
        let (one, other) = (side(0), side(1));
        let mut times = join(one).unwrap_or_default();
        times.extend(join(other).unwrap_or_default());
        times
    };
    // Two processors make four operations in the time of one's pair, one after the other.
    let exclusive = contended.into_iter().map(|pair| pair / 4.0).collect();
    let exclusive = Measured::of(
        &format!("queue {} exclusive", kind.name()),
        "an operation while another processor has the queue",
        exclusive,
        40.0,
    );
    (alone, exclusive)
}

/// Nanoseconds of a push and a pop.
fn pairs(queue: &dyn TaskQueue<u64>) -> f64 {
    let clock = Clock::get();
    let start = clock.now();
    for item in 0..PAIRS {
        // Never full: at most one item of each thread is inside. Empty when the other has taken mine, so retry.
        if queue.try_push(u64::from(item)).is_ok() {
            while queue.try_pop().is_err() {
                std::hint::spin_loop();
            }
        }
    }
    (clock.now() - start).as_secs_f64() * 1e9 / f64::from(PAIRS)
}
