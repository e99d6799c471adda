//! Where the kernel puts a thread that a computing thread wakes: on the waker's processor, or on one that is idle.
//!
//! Linux as it is published looks for an idle processor. Kernels of virtual machines may gather threads instead, so that the
//! host has fewer processors to run: the woken thread then waits behind its waker, but only while the processor of that one
//! has time to spare. Two figures say when: how often, and up to which use.

use super::Measured;
use crate::clock::Clock;
use crate::measure::sched::{ThreadSched, processor, sharpen_timers};
use crate::measure::{Calibration, host};
use crate::units::Nanos;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// A waker computes for its part of each period, wakes the other thread, and sleeps.
const PERIOD: Nanos = Nanos::from_micros(2_500);
/// Parts of a period in which the waker computes, per mille.
const LEVELS: [u64; 7] = [400, 500, 600, 650, 700, 750, 850];
/// Times that all levels are gone through: what disturbs one does not disturb the others.
const SWEEPS: usize = 3;
/// Wake-ups before those that count: the kernel's averages forget half in 32 ms.
const SETTLING: usize = 40;
/// Wake-ups of one level that count.
const TRIALS: usize = 60;
/// A processor no busier than this (per mille) has time to spare.
const LOW: f64 = 620.0;
/// Fewer than so many of a thousand on the waker's processor are chance.
const CHANCE: f64 = 100.0;
/// Nobody has been there yet.
const NOWHERE: usize = usize::MAX;

/// What was found.
pub(super) struct Placement {
    pub(super) wake_packing: Measured,
    pub(super) wake_packing_below: Measured,
}

/// One level: how much of the processor the waker used, and how many of the woken were put there, both per mille.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Level {
    use_of_processor: f64,
    gathered: f64,
}

#[expect(clippy::cast_precision_loss, reason = "per mille")]
pub(super) fn measure(builtin: &Calibration) -> Placement {
    let sweeps = if host::cores() < 2 { 0 } else { SWEEPS };
    let sweeps: Vec<Vec<Level>> =
        (0..sweeps).map(|_| LEVELS.iter().filter_map(|part| level(*part)).collect()).collect();
    let low = sweeps.iter().flatten().filter(|level| level.use_of_processor <= LOW);
    let mut wake_packing = Measured::of(
        "wake_packing",
        "of 1000 threads woken by a computing one, how many go to its processor",
        low.map(|level| level.gathered).collect(),
        builtin.wake_packing as f64,
    );
    let full = builtin.wake_packing_below as f64;
    let mut wake_packing_below = Measured::of(
        "wake_packing_below",
        "use of that processor, per 1000, at which half as many do",
        sweeps.iter().map(|levels| falls_to_half(levels, wake_packing.value).unwrap_or(full)).collect(),
        full,
    );
    // What counts is how many threads were woken, not at how many levels.
    wake_packing.trials *= TRIALS;
    wake_packing_below.trials *= LEVELS.len() * TRIALS;
    Placement { wake_packing, wake_packing_below }
}

/// The use at which half as many are gathered as on a processor with time to spare, between two levels in proportion. `None`
/// when they are not gathered, or up to full use.
fn falls_to_half(levels: &[Level], wake_packing: f64) -> Option<f64> {
    let half = wake_packing / 2.0;
    let crosses = |pair: &&[Level]| pair[0].gathered > half && pair[1].gathered <= half;
    let pair = levels.windows(2).filter(|_| wake_packing >= CHANCE).find(crosses)?;
    let part = (pair[0].gathered - half) / (pair[0].gathered - pair[1].gathered);
    Some(pair[0].use_of_processor + part * (pair[1].use_of_processor - pair[0].use_of_processor))
}

/// Wakes a thread again and again, having computed for `part` (per mille) of the time.
#[expect(clippy::cast_precision_loss, reason = "per mille")]
fn level(part: u64) -> Option<Level> {
    let seen = Arc::new(AtomicUsize::new(NOWHERE));
    let over = Arc::new(AtomicBool::new(false));
    let (noted, ended) = (Arc::clone(&seen), Arc::clone(&over));
    let sleeper = thread::spawn(move || {
        while !ended.load(Ordering::Acquire) {
            thread::park();
            noted.store(processor().unwrap_or(NOWHERE), Ordering::Release);
        }
    });
    let woken = sleeper.thread().clone();
    let waker = thread::spawn(move || {
        sharpen_timers();
        let (clock, sched) = (Clock::get(), ThreadSched::of_this_thread());
        let (mut gathered, mut counted) = (0_usize, 0_usize);
        let (mut began, mut before) = (clock.now(), sched.figures()?);
        for trial in 0..SETTLING + TRIALS {
            if trial == SETTLING {
                (began, before) = (clock.now(), sched.figures()?);
            }
            let end = clock.now() + PERIOD;
            let pause = end - Nanos(PERIOD.0 * (1000 - part) / 1000);
            while clock.now() < pause {
                std::hint::spin_loop();
            }
            seen.store(NOWHERE, Ordering::Release);
            let mine = processor()?;
            woken.unpark();
            while clock.now() < end {
                thread::park_timeout((end - clock.now().min(end)).to_duration());
            }
            let theirs = seen.load(Ordering::Acquire);
            if trial >= SETTLING && theirs != NOWHERE {
                counted += 1;
                gathered += usize::from(theirs == mine);
            }
        }
        let (wall, busy) = (clock.now() - began, sched.figures()?.since(before).on_cpu);
        Some(Level {
            use_of_processor: 1000.0 * busy.0 as f64 / wall.0 as f64,
            gathered: 1000.0 * gathered as f64 / counted.max(1) as f64,
        })
    });
    let found = waker.join();
    over.store(true, Ordering::Release);
    sleeper.thread().unpark();
    let joined = sleeper.join();
    match (found, joined) {
        (Ok(level), Ok(())) => level,
        (Err(panic), _) | (_, Err(panic)) => std::panic::resume_unwind(panic),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(gathered: [f64; 3], wake_packing: f64, expected: Option<f64>) {
        let uses = [500.0, 600.0, 800.0];
        let levels: Vec<Level> = uses
            .into_iter()
            .zip(gathered)
            .map(|(use_of_processor, gathered)| Level { use_of_processor, gathered })
            .collect();
        assert_eq!(falls_to_half(&levels, wake_packing), expected, "{gathered:?}");
    }

    #[test]
    fn half_is_found_between_two_levels_and_only_where_threads_are_gathered() {
        check([800.0, 800.0, 0.0], 800.0, Some(700.0));
        check([800.0, 200.0, 0.0], 800.0, Some(500.0 + 100.0 * 2.0 / 3.0));
        check([800.0, 800.0, 700.0], 800.0, None);
        check([40.0, 20.0, 10.0], 40.0, None);
        check([0.0, 0.0, 0.0], 0.0, None);
    }
}
