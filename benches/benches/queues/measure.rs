//! What is measured of one queue.

use crate::peers::Peer;
use conlab::clock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

/// Tells a consumer to stop.
const STOP: u64 = u64::MAX;
/// Items that fit, everywhere.
pub(crate) const CAPACITY: usize = 1024;

/// One trial of producers against consumers.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct Throughput {
    /// Million messages a second.
    pub(crate) millions: f64,
    /// The worst-served consumer's messages over the mean.
    pub(crate) worst_share: f64,
    /// Processor time over wall time: 2 means two processors busy.
    pub(crate) processors: f64,
}

/// Producers push and consumers pop, one item at a time, for `span`.
pub(crate) fn throughput<P: Peer>(producers: usize, consumers: usize, span: Duration) -> Throughput {
    let (tx, rx) = P::channel(CAPACITY);
    let stop = Arc::new(AtomicBool::new(false));
    let start = Arc::new(Barrier::new(producers + consumers + 1));
    let pushing: Vec<_> = (0..producers)
        .map(|_| {
            let (mut tx, stop, start) = (P::tx(&tx), Arc::clone(&stop), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                let mut item = 0;
                while !stop.load(Relaxed) {
                    for _ in 0..64 {
                        P::send(&mut tx, item);
                        item += 1;
                    }
                }
            })
        })
        .collect();
    let mut ends: Vec<_> = (1..consumers).filter_map(|_| P::rx(&rx)).collect();
    ends.push(rx);
    assert_eq!(ends.len(), consumers, "{} has one consumer", P::NAME);
    let popping: Vec<_> = ends
        .into_iter()
        .map(|mut rx| {
            let start = Arc::clone(&start);
            thread::spawn(move || {
                start.wait();
                let mut count = 0u64;
                while P::recv(&mut rx) != STOP {
                    count += 1;
                }
                count
            })
        })
        .collect();
    start.wait();
    let (began, cpu) = (clock::now(), processor_time());
    thread::sleep(span);
    stop.store(true, Relaxed);
    for thread in pushing {
        thread.join().expect("a producer does not panic");
    }
    let mut tx = tx;
    for _ in 0..consumers {
        P::send(&mut tx, STOP);
    }
    let counts: Vec<u64> =
        popping.into_iter().map(|thread| thread.join().expect("a consumer does not panic")).collect();
    let wall = (clock::now() - began).as_secs_f64();
    let total = counts.iter().sum::<u64>() as f64;
    let worst = counts.iter().copied().min().unwrap_or(0) as f64;
    Throughput {
        millions: total / wall / 1e6,
        worst_share: worst * consumers as f64 / total.max(1.0),
        processors: (processor_time() - cpu) / wall,
    }
}

/// Nanoseconds of a push and a pop by one thread alone.
pub(crate) fn alone<P: Peer>(count: u64) -> f64 {
    let (mut tx, mut rx) = P::channel(CAPACITY);
    let mut run = |count: u64| {
        let began = clock::now();
        for item in 0..count {
            P::send(&mut tx, item);
            std::hint::black_box(P::recv(&mut rx));
        }
        (clock::now() - began).0 as f64 / count as f64
    };
    run(count / 10);
    run(count)
}

/// Dispatch latency with a paced producer.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct Paced {
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

/// One producer pushes 10,000 times a second; `consumers` sleep in between. From push to pop.
pub(crate) fn paced<P: Peer>(consumers: usize, span: Duration) -> Paced {
    const GAP: u64 = 100_000;
    let (mut tx, rx) = P::channel(CAPACITY);
    let mut ends: Vec<_> = (1..consumers).filter_map(|_| P::rx(&rx)).collect();
    ends.push(rx);
    let popping: Vec<_> = ends
        .into_iter()
        .map(|mut rx| {
            thread::spawn(move || {
                let clock = clock::Clock::get();
                let mut waits = Vec::with_capacity(1 << 16);
                loop {
                    let sent = P::recv(&mut rx);
                    if sent == STOP {
                        return waits;
                    }
                    waits.push(clock.now().0.saturating_sub(sent));
                }
            })
        })
        .collect();
    let clock = clock::Clock::get();
    let began = clock.now().0;
    for number in 1..=span.as_nanos() as u64 / GAP {
        let due = began + number * GAP;
        thread::sleep(Duration::from_nanos(due.saturating_sub(clock.now().0)));
        P::send(&mut tx, clock.now().0);
    }
    for _ in 0..popping.len() {
        P::send(&mut tx, STOP);
    }
    let mut waits: Vec<u64> =
        popping.into_iter().flat_map(|thread| thread.join().expect("a consumer does not panic")).collect();
    waits.sort_unstable();
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize] as f64 / 1e3;
    Paced { p50_us: at(0.5), p99_us: at(0.99) }
}

/// Share of one processor that `consumers` use while nothing comes for `span`.
pub(crate) fn idle<P: Peer>(consumers: usize, span: Duration) -> f64 {
    let (mut tx, rx) = P::channel(CAPACITY);
    let mut ends: Vec<_> = (1..consumers).filter_map(|_| P::rx(&rx)).collect();
    ends.push(rx);
    let count = ends.len();
    let popping: Vec<_> = ends.into_iter().map(|mut rx| thread::spawn(move || P::recv(&mut rx))).collect();
    thread::sleep(Duration::from_millis(20));
    let cpu = processor_time();
    let began = clock::now();
    thread::sleep(span);
    let share = (processor_time() - cpu) / (clock::now() - began).as_secs_f64();
    for _ in 0..count {
        P::send(&mut tx, STOP);
    }
    for thread in popping {
        thread.join().expect("a consumer does not panic");
    }
    share
}

/// Nanoseconds that a cache line takes from one processor to the other.
pub(crate) fn crossing() -> f64 {
    const ROUNDS: u64 = 20_000;
    let ball = Arc::new(AtomicU64::new(0));
    let other = Arc::clone(&ball);
    let thread = thread::spawn(move || {
        for round in 0..ROUNDS {
            wait_for(&other, 2 * round + 1);
            other.store(2 * round + 2, Release);
        }
    });
    let mut began = clock::now();
    for round in 0..ROUNDS {
        if round == ROUNDS / 10 {
            began = clock::now();
        }
        ball.store(2 * round + 1, Release);
        wait_for(&ball, 2 * round + 2);
    }
    let spent = (clock::now() - began).0 as f64;
    thread.join().expect("the other side does not panic");
    spent / (2 * (ROUNDS - ROUNDS / 10)) as f64
}

fn wait_for(ball: &AtomicU64, value: u64) {
    let mut tries = 0u32;
    while ball.load(Acquire) != value {
        tries += 1;
        if tries.is_multiple_of(10_000) {
            thread::yield_now();
        }
        std::hint::spin_loop();
    }
}

/// Processor time of the process so far, in seconds.
fn processor_time() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes to a timespec that outlives it.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(status, 0, "the clock of the process's processor time exists");
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
