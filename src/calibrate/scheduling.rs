//! What the kernel's scheduler costs: switches, wake-ups, sleeps, slices.

use super::Measured;
use super::pinned::{join, spawn};
use crate::clock::Clock;
use crate::measure::{Calibration, Shape, sched};
use crate::units::Nanos;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, Thread};
use std::time::Duration;

/// The scheduler's figures.
pub(super) struct Scheduling {
    pub(super) switch: Measured,
    pub(super) wake: Measured,
    pub(super) wake_shape: Shape,
    pub(super) signal: Measured,
    pub(super) signal_shape: Shape,
    pub(super) overshoot: Measured,
    pub(super) base_slice: Measured,
    pub(super) kernel_tick: Measured,
    pub(super) poll: Measured,
}

impl Scheduling {
    pub(super) fn into_figures(self) -> Vec<Measured> {
        vec![
            self.switch,
            self.wake,
            self.signal,
            self.overshoot,
            self.base_slice,
            self.kernel_tick,
            self.poll,
        ]
    }
}

pub(super) fn measure(builtin: &Calibration) -> Scheduling {
    let ns = |time: Nanos| time.as_secs_f64() * 1e9;
    let (wakes, signals) = wake_ups();
    let shape = |trials: &[f64], builtin| if trials.is_empty() { builtin } else { Shape::of(trials) };
    let (wake_shape, signal_shape) =
        (shape(&wakes, builtin.wake_shape), shape(&signals, builtin.signal_shape));
    let signal = Measured::of("signal", "waking a thread, for the waker", signals, ns(builtin.signal));
    let switch = Measured::of(
        "switch",
        "blocking and switching to another thread, one processor",
        ping_pong(),
        ns(builtin.switch),
    );
    let late: Vec<f64> = oversleeps().into_iter().map(|late| (late - switch.value).max(0.0)).collect();
    Scheduling {
        wake: Measured::of("wake", "woken by another thread, on an idle processor", wakes, ns(builtin.wake)),
        overshoot: Measured::of(
            "overshoot",
            "end of a sleep of 1 ms, beyond it",
            late,
            ns(builtin.overshoot),
        ),
        kernel_tick: Measured::of(
            "kernel_tick",
            "the kernel's tick, at which slices end and threads are moved",
            sched::tick().map(nanos).into_iter().collect(),
            ns(builtin.kernel_tick),
        ),
        base_slice: Measured::of(
            "base_slice",
            "a thread that began to run is safe from whom it wakes",
            base_slices(),
            ns(builtin.base_slice),
        ),
        poll: Measured::of("poll", "resuming a tokio task", polls(), ns(builtin.poll)),
        switch,
        signal,
        wake_shape,
        signal_shape,
    }
}

fn nanos(time: Nanos) -> f64 {
    time.as_secs_f64() * 1e9
}

/// A parked thread that notes when it woke, and its waker.
struct Sleeper {
    woken_at: AtomicU64,
    asleep: AtomicBool,
    over: AtomicBool,
}

impl Sleeper {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            woken_at: AtomicU64::new(0),
            asleep: AtomicBool::new(false),
            over: AtomicBool::new(false),
        })
    }

    /// Parks until it is over, noting each time when it woke.
    fn sleep(&self) {
        let clock = Clock::get();
        while !self.over.load(Ordering::Acquire) {
            self.asleep.store(true, Ordering::Release);
            thread::park();
            self.woken_at.store(clock.now().0, Ordering::Release);
        }
    }

    /// Wakes the sleeper; how long until it ran, and how long waking took the waker. Gives up after 50 ms.
    fn wake(&self, thread: &Thread, clock: &Clock) -> Option<(f64, f64)> {
        if !self.asleep.swap(false, Ordering::AcqRel) {
            return None;
        }
        let start = clock.now();
        thread.unpark();
        let signalled = clock.now();
        let deadline = start + Nanos::from_millis(50);
        loop {
            let woken = self.woken_at.load(Ordering::Acquire);
            if woken >= start.0 {
                return Some((nanos(Nanos(woken) - start), nanos(signalled - start)));
            }
            if clock.now() > deadline {
                return None;
            }
            std::hint::spin_loop();
        }
    }

    fn end(&self, thread: &Thread) {
        self.over.store(true, Ordering::Release);
        thread.unpark();
    }
}

/// Wakes a thread on another, idle processor: latencies, and costs for the waker.
fn wake_ups() -> (Vec<f64>, Vec<f64>) {
    let sleeper = Sleeper::new();
    let other = Arc::clone(&sleeper);
    let handle = spawn(1, move || other.sleep());
    let thread = handle.thread().clone();
    let waker = Arc::clone(&sleeper);
    let waker = spawn(0, move || {
        let clock = Clock::get();
        let found: Vec<(f64, f64)> = (0..400)
            .filter_map(|_| {
                // Long enough for the processor to fall idle.
                thread::park_timeout(Duration::from_micros(500));
                waker.wake(&thread, &clock)
            })
            .collect();
        waker.end(&thread);
        found
    });
    let found = join(waker).unwrap_or_default();
    sleeper.end(handle.thread());
    join(handle);
    found.into_iter().unzip()
}

/// Two threads on one processor wake each other in turn: half a round is a wake-up and a switch.
fn ping_pong() -> Vec<f64> {
    const ROUNDS: u32 = 200;
    const OVER: u64 = u64::MAX;
    let turn = Arc::new(AtomicU64::new(0));
    let other = Arc::clone(&turn);
    let (introduce, introduced) = mpsc::channel::<Thread>();
    let pong = spawn(0, move || {
        let Ok(ping) = introduced.recv() else { return };
        let mut expected = 1;
        loop {
            match other.load(Ordering::Acquire) {
                OVER => return,
                turn if turn == expected => {
                    other.store(expected + 1, Ordering::Release);
                    expected += 2;
                    ping.unpark();
                }
                _ => thread::park(),
            }
        }
    });
    let partner = pong.thread().clone();
    let ping = spawn(0, move || {
        introduce.send(thread::current()).ok();
        let clock = Clock::get();
        let mut round = 0;
        let trials: Vec<f64> = (0..20)
            .map(|_| {
                let start = clock.now();
                for _ in 0..ROUNDS {
                    turn.store(2 * round + 1, Ordering::Release);
                    partner.unpark();
                    while turn.load(Ordering::Acquire) != 2 * round + 2 {
                        thread::park();
                    }
                    round += 1;
                }
                nanos(clock.now() - start) / f64::from(2 * ROUNDS)
            })
            .collect();
        turn.store(OVER, Ordering::Release);
        partner.unpark();
        trials
    });
    // Where threads cannot be tied both end at once.
    let trials = join(ping).unwrap_or_default();
    join(pong);
    trials
}

/// By how much sleeps of a millisecond overshoot.
fn oversleeps() -> Vec<f64> {
    let sleeping = spawn(1, || {
        let clock = Clock::get();
        let length = Nanos::from_millis(1);
        (0..300)
            .map(|_| {
                let start = clock.now();
                while clock.now() - start < length {
                    thread::park_timeout((length - (clock.now() - start).min(length)).to_duration());
                }
                nanos(clock.now() - start - length)
            })
            .collect()
    });
    join(sleeping).unwrap_or_default()
}

/// How long a thread that has begun to run is safe from one that wakes up on its processor: the shortest run after which it
/// loses the processor at once to a thread that it wakes itself.
fn base_slices() -> Vec<f64> {
    const LONGEST: u64 = 60;
    (0..15)
        .map_while(|_| {
            let runs = (1..=LONGEST).map(|step| Nanos::from_micros(100) * step);
            // Ends at the first run that is too long, or without an answer where threads cannot be tied.
            runs.map(|run| (run, loses_at_once(run))).find(|(_, lost)| *lost != Some(false))
        })
        .filter_map(|(run, lost)| lost.map(|_| nanos(run)))
        .collect()
}

/// Whether a thread that has run for so long loses its processor at once to one that it wakes. Both are new, and the second
/// begins when the first sleeps: a thread that once got less than its share has that to its credit, and may go first
/// although the other is in its slice.
fn loses_at_once(run: Nanos) -> Option<bool> {
    let sleeper = Sleeper::new();
    let other = Arc::clone(&sleeper);
    let handle = spawn(1, move || other.sleep());
    let thread = handle.thread().clone();
    thread::park_timeout(Duration::from_micros(500));
    let waker = Arc::clone(&sleeper);
    let outcome = join(spawn(1, move || {
        let clock = Clock::get();
        // Begins afresh after a sleep.
        thread::park_timeout(Duration::from_millis(1));
        let began = clock.now();
        while clock.now() - began < run {
            std::hint::spin_loop();
        }
        waker.wake(&thread, &clock).map(|(latency, _)| latency < 100_000.0)
    }));
    sleeper.end(handle.thread());
    join(handle);
    outcome.flatten()
}

/// What it costs to put a tokio task aside and resume it.
fn polls() -> Vec<f64> {
    const YIELDS: u32 = 2_000;
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build() else {
        return Vec::new();
    };
    let task = runtime.spawn(async {
        let clock = Clock::get();
        let mut trials = Vec::new();
        for _ in 0..30 {
            let start = clock.now();
            for _ in 0..YIELDS {
                tokio::task::yield_now().await;
            }
            trials.push(nanos(clock.now() - start) / f64::from(YIELDS));
        }
        trials
    });
    runtime.block_on(task).unwrap_or_default()
}
