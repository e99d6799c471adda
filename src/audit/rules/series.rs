//! Samples that are too regular to be measured, or that drift.

use super::super::figure::short;
use super::super::report::Benchmark;
use super::super::statistics::sorted;
use super::super::trend::trend;
use super::{Evidence, Hit};

/// Drift below this share of the median is not worth a word.
const LEAST_DRIFT: f64 = 0.1;
/// Level of the trend test: low, because many series are tested and a false alarm costs trust.
const TREND_LEVEL: f64 = 1e-4;

/// The regularity of a series, the most specific first.
enum Shape {
    Constant(f64),
    Ramp { first: f64, step: f64 },
    Periodic { period: usize },
    Lattice { first: f64, step: f64, levels: usize },
}

/// The shape of at least five samples, if they have one.
fn shape(benchmark: &Benchmark) -> Option<Shape> {
    let samples = &benchmark.samples;
    if samples.len() < 5 {
        return None;
    }
    // Two samples are equal when they cannot be told apart as printed, or to nine digits where nothing is known.
    let scale = samples.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    let sliver = (1e-9 * scale).max(benchmark.sample_unit * 0.01);
    let equal = |one: f64, other: f64| (one - other).abs() <= sliver;
    if samples.iter().all(|&value| equal(value, samples[0])) {
        return Some(Shape::Constant(samples[0]));
    }
    let step = samples[1] - samples[0];
    let rounding = benchmark.sample_unit * 1.01;
    let off_ramp = |at: usize, value: f64| {
        #[expect(clippy::cast_precision_loss, reason = "sample counts")]
        let expected = samples[0] + slope(samples) * at as f64;
        (value - expected).abs() > sliver.max(rounding)
    };
    if step != 0.0
        && slope(samples).abs() > 2.0 * rounding
        && !samples.iter().enumerate().any(|(at, &value)| off_ramp(at, value))
    {
        return Some(Shape::Ramp { first: samples[0], step: slope(samples) });
    }
    let period = (2..=samples.len() / 3)
        .find(|&period| samples.iter().zip(&samples[period..]).all(|(&one, &other)| equal(one, other)));
    if let Some(period) = period {
        return Some(Shape::Periodic { period });
    }
    lattice_of(benchmark, sliver)
}

/// Mean step from the first to the last sample.
#[expect(clippy::cast_precision_loss, reason = "sample counts")]
fn slope(samples: &[f64]) -> f64 {
    (samples[samples.len() - 1] - samples[0]) / (samples.len() as f64 - 1.0)
}

/// Few distinct values, all whole steps from the smallest, with a step far above the printed digit.
fn lattice_of(benchmark: &Benchmark, sliver: f64) -> Option<Shape> {
    let ascending = sorted(&benchmark.samples);
    let mut levels: Vec<f64> = ascending.clone();
    levels.dedup_by(|one, other| (*one - *other).abs() <= sliver);
    // Every level must be met about three times for the gaps to mean anything.
    if levels.len() < 3 || levels.len() * 3 > ascending.len() {
        return None;
    }
    let step = levels.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
    let is_coarse = step >= 5.0 * benchmark.sample_unit && step > 100.0 * sliver;
    let on_step = |level: &f64| {
        let steps = (level - levels[0]) / step;
        (steps - steps.round()).abs() * step <= sliver * 10.0
    };
    (is_coarse && benchmark.sample_unit > 0.0 && levels.iter().all(on_step)).then(|| Shape::Lattice {
        first: levels[0],
        step,
        levels: levels.len(),
    })
}

/// Samples that are all equal.
pub(super) fn constant(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| match shape(benchmark)? {
        Shape::Constant(value) => Some((
            format!("{} samples of {} ms", benchmark.samples.len(), short(value, 6)),
            "a measured duration varies in its last digits; the standard deviation is exactly 0".to_owned(),
        )),
        _ => None,
    })
}

/// Samples that rise or fall by equal steps.
pub(super) fn ramp(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| match shape(benchmark)? {
        Shape::Ramp { first, step } => Some((
            format!("{} samples: {} …", benchmark.samples.len(), first_few(&benchmark.samples)),
            format!("sample i = {} + {}·i ms, exactly", short(first, 6), short(step, 6)),
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
                "{} samples take {levels} values, printed to {} ms",
                benchmark.samples.len(),
                short(benchmark.sample_unit, 9)
            ),
            format!("each is {} + {}·k ms with whole k", short(first, 6), short(step, 6)),
        )),
        _ => None,
    })
}

/// A monotone trend that matters.
pub(super) fn drift(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        if shape(benchmark).is_some() {
            return None;
        }
        let found = trend(&benchmark.samples).filter(|found| found.is_drift(TREND_LEVEL, LEAST_DRIFT))?;
        Some((
            format!(
                "{} samples drift by {} ms ({:+.0} % of the median)",
                benchmark.samples.len(),
                short(found.change, 3),
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
