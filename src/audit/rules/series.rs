//! Samples that are too regular to be measured, or that drift.
//!
//! A clock that ticks coarsely makes durations equal and puts them on a lattice through zero; only what such a clock
//! cannot explain is called generated.

use super::super::figure::short;
use super::super::report::Benchmark;
use super::super::statistics::sorted;
use super::super::trend::trend;
use super::{Evidence, Hit, Said, Severity};

/// Drift below this share of the median is not worth a word.
const LEAST_DRIFT: f64 = 0.1;
/// Level of the trend test: low, because many series are tested and a false alarm costs trust.
const TREND_LEVEL: f64 = 1e-4;
/// Samples looked at: a longer series is judged by its beginning.
const LOOKED_AT: usize = 20_000;
/// Natural logarithm of the odds below which a coincidence is not believed: about one in a million.
const BELIEVED: f64 = 14.0;

/// The regularity of a series, the most specific first.
enum Shape {
    Constant(f64),
    Ramp {
        first: f64,
        step: f64,
    },
    Periodic {
        period: usize,
    },
    Lattice {
        first: f64,
        step: f64,
        levels: usize,
    },
    /// Regular, but a coarse clock or sorting explains it.
    Explained,
}

/// The shape of at least five samples, if they have one.
fn shape(benchmark: &Benchmark) -> Option<Shape> {
    let samples = &benchmark.samples[..benchmark.samples.len().min(LOOKED_AT)];
    if samples.len() < 5 || benchmark.manner.exact_repeats {
        return None;
    }
    // Two samples are equal when they cannot be told apart as printed, or to nine digits where nothing is known.
    let scale = samples.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    let sliver = (1e-9 * scale).max(benchmark.sample_unit * 0.01);
    let equal = |one: f64, other: f64| (one - other).abs() <= sliver;
    if samples.iter().all(|&value| equal(value, samples[0])) {
        // Zero is another rule's; three digits that agree may be a coarse clock's.
        let resolution = benchmark.sample_unit / scale;
        let enough = if samples.len() >= 20 { 2e-3 } else { 2e-4 };
        return Some(if scale > 0.0 && resolution <= enough {
            Shape::Constant(samples[0])
        } else {
            Shape::Explained
        });
    }
    if let Some(ramp) =
        ramp_of(samples, sliver, benchmark.sample_unit).filter(|_| !benchmark.manner.unordered)
    {
        return Some(ramp);
    }
    if let Some(period) = period_of(samples, sliver).filter(|_| !benchmark.manner.unordered) {
        return Some(Shape::Periodic { period });
    }
    if let Some(lattice) = lattice_of(benchmark, samples, sliver) {
        return Some(lattice);
    }
    let is_sorted = samples.windows(2).all(|pair| pair[0] <= pair[1])
        || samples.windows(2).all(|pair| pair[0] >= pair[1]);
    is_sorted.then_some(Shape::Explained)
}

/// Equal steps from the first sample to the last, wider than the printed digit.
fn ramp_of(samples: &[f64], sliver: f64, unit: f64) -> Option<Shape> {
    let step = slope(samples);
    let rounding = unit * 1.01;
    let off = |(at, value): (usize, &f64)| {
        #[expect(clippy::cast_precision_loss, reason = "sample counts")]
        let expected = samples[0] + step * at as f64;
        (value - expected).abs() > sliver.max(rounding)
    };
    (step.abs() > 2.0 * rounding && step.abs() > 10.0 * sliver && !samples.iter().enumerate().any(off))
        .then_some(Shape::Ramp { first: samples[0], step })
}

/// A period after which every sample is met again, if that is no coincidence among so few values.
fn period_of(samples: &[f64], sliver: f64) -> Option<usize> {
    let mut levels = sorted(samples);
    levels.dedup_by(|one, other| (*one - *other).abs() <= sliver);
    #[expect(clippy::cast_precision_loss, reason = "sample counts")]
    let (kinds, all) = (levels.len() as f64, samples.len() as f64);
    // A series of many different values has no short period; do not look for one.
    if kinds > all / 3.0 || kinds < 2.0 {
        return None;
    }
    let equal = |one: f64, other: f64| (one - other).abs() <= sliver;
    #[expect(clippy::cast_precision_loss, reason = "sample counts")]
    let is_believed = |period: usize| (all - period as f64) * kinds.ln() > BELIEVED;
    (levels.len()..=(samples.len() / 3).min(2000))
        .find(|&period| samples.iter().zip(&samples[period..]).all(|(&one, &other)| equal(one, other)))
        .filter(|period| is_believed(*period))
}

/// Mean step from the first to the last sample.
#[expect(clippy::cast_precision_loss, reason = "sample counts")]
fn slope(samples: &[f64]) -> f64 {
    (samples[samples.len() - 1] - samples[0]) / (samples.len() as f64 - 1.0)
}

/// Few distinct values, all whole steps from the smallest, with a step far above the printed digit.
fn lattice_of(benchmark: &Benchmark, samples: &[f64], sliver: f64) -> Option<Shape> {
    let ascending = sorted(samples);
    let mut levels: Vec<f64> = ascending.clone();
    levels.dedup_by(|one, other| (*one - *other).abs() <= sliver);
    // Every level must be met about three times for the gaps to mean anything.
    if levels.len() < 3 || levels.len() * 3 > ascending.len() {
        return None;
    }
    let narrowest = levels.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
    // The step over the whole range is known better than any single one.
    let range = levels[levels.len() - 1] - levels[0];
    let step = range / (range / narrowest).round();
    let is_coarse = step >= 5.0 * benchmark.sample_unit && step > 100.0 * sliver;
    let tolerance = (benchmark.sample_unit * 0.51).max(sliver * 10.0);
    let on = |offset: f64| {
        let steps = offset / step;
        (steps - steps.round()).abs() * step <= tolerance
    };
    if !(is_coarse && benchmark.sample_unit > 0.0 && levels.iter().all(|level| on(level - levels[0]))) {
        return None;
    }
    // The ticks of a clock count from zero.
    if on(levels[0]) {
        return Some(Shape::Explained);
    }
    Some(Shape::Lattice { first: levels[0], step, levels: levels.len() })
}

/// Samples that are all equal.
pub(super) fn constant(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| match shape(benchmark)? {
        Shape::Constant(value) => {
            let digits = benchmark.sample_unit / value.abs();
            let said = Said::new(
                format!("{} samples of {}{}", benchmark.samples.len(), short(value, 6), benchmark.ms()),
                format!("printed to {}{}, and the standard deviation is exactly 0: a measured duration varies in its last digits", short(benchmark.sample_unit, 9), benchmark.ms()),
            );
            Some(if digits > 1e-3 { said.at(Severity::Doubt) } else { said })
        }
        _ => None,
    })
}

/// Samples that rise or fall by equal steps.
pub(super) fn ramp(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| match shape(benchmark)? {
        Shape::Ramp { first, step } => Some((
            format!("{} samples: {} …", benchmark.samples.len(), first_few(&benchmark.samples)),
            format!("sample i = {} + {}·i{}, exactly", short(first, 6), short(step, 6), benchmark.ms()),
        )),
        _ => None,
    })
}

/// Samples that repeat after a period.
pub(super) fn periodic(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| match shape(benchmark)? {
        Shape::Periodic { period } => Some((
            format!("{} samples: {} …", benchmark.samples.len(), first_few(&benchmark.samples)),
            format!("sample i = sample i + {period} throughout: {period} values, repeated"),
        )),
        _ => None,
    })
}

/// Samples on a coarse lattice.
pub(super) fn lattice(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| match shape(benchmark)? {
        Shape::Lattice { first, step, levels } => Some((
            format!(
                "{} samples take {levels} values, printed to {}{}",
                benchmark.samples.len(),
                short(benchmark.sample_unit, 9),
                benchmark.ms()
            ),
            format!(
                "each is {} + {}·k{} with whole k; a clock that ticks every {} would give multiples of it",
                short(first, 6),
                short(step, 6),
                benchmark.ms(),
                short(step, 6)
            ),
        )),
        _ => None,
    })
}

/// A monotone trend that matters.
pub(super) fn drift(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        if benchmark.manner.unordered || shape(benchmark).is_some() {
            return None;
        }
        let found = trend(&benchmark.samples).filter(|found| found.is_drift(TREND_LEVEL, LEAST_DRIFT))?;
        Some((
            format!(
                "{} samples drift by {}{} ({:+.0} % of the median)",
                benchmark.samples.len(),
                short(found.change, 3),
                benchmark.ms(),
                100.0 * found.relative_change()
            ),
            format!(
                "Mann–Kendall tau {:.2}, p = {:.1e} with {:.0} effective points; Theil–Sen slope",
                found.tau, found.p_value, found.effective_points
            ),
        ))
    })
}

fn first_few(samples: &[f64]) -> String {
    samples.iter().take(4).map(|value| short(*value, 6)).collect::<Vec<_>>().join(", ")
}
