//! Measuring this host: the constants that the virtual engine charges, each with its spread.
//!
//! Every figure is the median of many short trials, printed with its quartiles, because a shared machine disturbs some
//! of them. Where a host cannot be measured (threads cannot be tied to processors), the built-in value
//! stays and is said to be one.

mod busy;
mod memory;
mod pinned;
mod placement;
mod queues;
mod scheduling;
mod stores;

use crate::clock;
use crate::measure::usage::Usage;
use crate::measure::{Calibration, QueueCost};
use crate::queue::QueueKind;
use crate::units::Nanos;

/// One constant as it was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Its word, as in the stored file.
    pub name: String,
    /// What it is.
    pub what: String,
    /// Median, in nanoseconds (per KiB for rates; counts as they are).
    pub value: f64,
    /// First and third quartile.
    pub quartiles: (f64, f64),
    /// Number of trials; 0: not measured, the built-in value.
    pub trials: usize,
}

impl Measured {
    /// Median and quartiles of trials in nanoseconds; the built-in value when there are none.
    fn of(name: &str, what: &str, mut trials: Vec<f64>, builtin: f64) -> Self {
        trials.sort_by(f64::total_cmp);
        let at = |part: usize| trials[(trials.len() - 1) * part / 4];
        let (value, quartiles) =
            if trials.is_empty() { (builtin, (builtin, builtin)) } else { (at(2), (at(1), at(3))) };
        Self { name: name.into(), what: what.into(), value, quartiles, trials: trials.len() }
    }

    /// The value in whole nanoseconds, or as a whole number.
    #[must_use]
    pub fn nanos(&self) -> Nanos {
        Nanos(1).scaled(self.value)
    }
}

/// What a calibration found: the constants, and how well each is known.
#[derive(Clone, Debug)]
pub struct Findings {
    /// What the virtual engine will charge.
    pub calibration: Calibration,
    /// Every figure with its spread, those for information among them.
    pub figures: Vec<Measured>,
    /// What speaks against them, each as part of a sentence; empty on a quiet host.
    pub doubts: Vec<String>,
}

/// How the origin of constants that were measured on a busy machine goes on.
const DOUBTED: &str = ", doubtful: ";

impl Findings {
    /// The constants, whose origin says what speaks against them.
    #[must_use]
    pub fn as_told(&self) -> Calibration {
        let mut told = self.calibration.clone();
        if !self.doubts.is_empty() {
            told.origin = format!("{}{DOUBTED}{}", told.origin, self.doubts.join(", "));
        }
        told
    }
}

/// Whether something spoke against these constants when they were measured.
#[must_use]
pub fn is_doubted(calibration: &Calibration) -> bool {
    calibration.origin.contains(DOUBTED)
}

/// Measures this host; takes some ten to twenty seconds. `say` is told what is being measured.
#[must_use]
pub fn measure(say: &dyn Fn(&str)) -> Findings {
    let builtin = Calibration::default();
    let mut figures = Vec::new();
    let before = Usage::now();
    say("context switches and wake-ups");
    let scheduling = scheduling::measure(&builtin);
    say("where woken threads go");
    let placement = placement::measure(&builtin);
    say("locks, lines and memory");
    let memory = memory::measure(&builtin);
    say("a store and its disk");
    let stores = stores::measure(&builtin);
    figures.extend(stores.figures);
    let mut queues = builtin.queues;
    for (kind, cost) in QueueKind::ALL.into_iter().zip(&mut queues) {
        say(&format!("queue {}", kind.name()));
        let (alone, exclusive) = queues::measure(kind);
        *cost = QueueCost {
            push: Nanos(1).scaled(alone.value / 2.0),
            pop: Nanos(1).scaled(alone.value / 2.0),
            exclusive: exclusive.nanos(),
        };
        figures.extend([alone, exclusive]);
    }
    let calibration = Calibration {
        origin: format!("calibrated {} on {}", clock::utc(), Calibration::fingerprint()),
        base_slice: scheduling.base_slice.nanos(),
        kernel_tick: scheduling.kernel_tick.nanos(),
        wake_packing: placement.wake_packing.nanos().0,
        wake_packing_below: placement.wake_packing_below.nanos().0,
        switch: scheduling.switch.nanos(),
        wake: scheduling.wake.nanos(),
        wake_shape: scheduling.wake_shape,
        signal: scheduling.signal.nanos(),
        signal_shape: scheduling.signal_shape,
        overshoot: scheduling.overshoot.nanos(),
        jitter: jitter(&scheduling.overshoot),
        poll: scheduling.poll.nanos(),
        lock: memory.lock.nanos(),
        transfer: memory.transfer.nanos(),
        cache: memory.cache.nanos(),
        touch: memory.touch.value,
        compress: memory.compress.value,
        store: stores.cost,
        queues,
        ..builtin
    };
    let mut all = scheduling.into_figures();
    all.extend([placement.wake_packing, placement.wake_packing_below]);
    all.extend(memory.into_figures());
    all.append(&mut figures);
    let others = before.zip(Usage::now()).map(|(before, after)| after.others_since(before));
    let doubts = busy::doubts(others, &all);
    Findings { calibration, figures: all, doubts }
}

/// By how much sleeps end earlier or later than their median says: evenly spread over ± the jitter, half of the values lie within half
/// of it, so it is the distance of the quartiles.
fn jitter(overshoot: &Measured) -> Nanos {
    let (first, third) = overshoot.quartiles;
    Nanos(1).scaled(third - first)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The wrong program: the sum of the quartiles, which grows with the overshoot itself.
    #[test]
    fn jitter_is_how_far_sleeps_lie_apart_however_late_they_are() {
        let late = |by: f64| {
            let trials = (0..=100).map(|trial| by + f64::from(trial) * 100.0).collect();
            jitter(&Measured::of("overshoot", "", trials, 0.0))
        };
        assert_eq!(late(50_000.0), Nanos(5_000), "10 µs from end to end are ± 5 µs");
        assert_eq!(late(500_000.0), late(50_000.0));
    }
}
