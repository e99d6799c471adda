//! How long a step takes: a mean and the shape of the spread around it.
//!
//! The transforms use the `libm` crate, whose results are the same bits on every machine; the platform's own
//! logarithm is not, and virtual runs must be equal everywhere.

use super::logarithm::minus_log;
use crate::random::Stream;
use crate::units::Nanos;
use std::sync::Arc;

/// The shape of a duration around its mean. Every shape but `Ramp` is scaled to mean one.
#[derive(Clone, Debug, PartialEq)]
pub enum Spread {
    /// Always the mean.
    Constant,
    /// Uniform within ± this share of the mean, in `0..=1`.
    Uniform(f64),
    /// Exponential: C² = 1.
    Exponential,
    /// Lognormal; the parameter is the standard deviation of the logarithm, above 0.
    Lognormal(f64),
    /// Gamma with this shape, above 0: C² = 1/shape (whole shapes are Erlang distributions).
    Gamma(f64),
    /// Pareto with this tail index, above 1.
    Pareto(f64),
    /// Two exponential phases with balanced means; the parameter is C², at least 1.
    Hyperexponential(f64),
    /// Task `i` takes `mean + step·(i mod count)`: the synthetic series that audits look for.
    Ramp {
        /// What each task takes longer than the one before it.
        step: Nanos,
        /// After how many tasks the ramp starts again, at least 1.
        count: u64,
    },
    /// Drawn uniformly from these samples, each a multiple of their mean; never empty.
    Empirical(Arc<[f64]>),
    /// Task `i` takes the sample `i mod n` of these, multiples of their mean in the order in which they were recorded: steps
    /// whose samples have a row for each task keep what the recorded tasks had in common.
    Recorded(Arc<[f64]>),
}

/// A distribution of durations: `mean × spread`.
///
/// ```
/// use conlab_sim::{random::{Source, Stream}, units::Nanos, workload::{Draw, Spread}};
/// let service = Draw { mean: Nanos::from_millis(2), spread: Spread::Uniform(0.5) };
/// let mut stream = Stream::new(18, Source::Service, 0, 0);
/// let drawn = service.sample(&mut stream, 0);
/// assert!((1_000_000..=3_000_000).contains(&drawn.0));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Draw {
    /// The mean (for a ramp: the first value).
    pub mean: Nanos,
    /// The shape.
    pub spread: Spread,
}

impl Draw {
    /// Always `mean`.
    ///
    /// ```
    /// use conlab_sim::{units::Nanos, workload::Draw};
    /// assert_eq!(Draw::constant(Nanos(700)).expected(), Nanos(700));
    /// ```
    #[must_use]
    pub const fn constant(mean: Nanos) -> Self {
        Self { mean, spread: Spread::Constant }
    }

    /// A duration for task number `task`, with randomness from `stream`.
    #[inline]
    #[must_use]
    pub fn sample(&self, stream: &mut Stream, task: u64) -> Nanos {
        match &self.spread {
            Spread::Constant => self.mean,
            Spread::Exponential => self.mean.scaled(exponential(stream)),
            _ => self.sample_other(stream, task),
        }
    }

    /// The shapes that are drawn less often.
    #[inline(never)]
    fn sample_other(&self, stream: &mut Stream, task: u64) -> Nanos {
        let factor = match &self.spread {
            Spread::Constant => 1.0,
            Spread::Exponential => exponential(stream),
            Spread::Ramp { step, count } => return self.mean + *step * (task % count),
            Spread::Uniform(share) => 1.0 + share * (2.0 * stream.unit() - 1.0),
            Spread::Lognormal(sigma) => libm::exp(sigma * normal(stream) - sigma * sigma / 2.0),
            Spread::Gamma(shape) => gamma(*shape, stream) / shape,
            Spread::Pareto(alpha) => (alpha - 1.0) / alpha * libm::pow(stream.positive_unit(), -1.0 / alpha),
            Spread::Hyperexponential(scv) => hyperexponential(*scv, stream),
            Spread::Empirical(samples) => {
                #[expect(clippy::cast_possible_truncation, reason = "below the slice's length")]
                let index = stream.below(samples.len() as u64) as usize;
                samples[index]
            }
            Spread::Recorded(samples) => {
                #[expect(clippy::cast_possible_truncation, reason = "below the slice's length")]
                let index = (row(task) % samples.len() as u64) as usize;
                samples[index]
            }
        };
        self.mean.scaled(factor)
    }

    /// The same shape around `mean × factor`; what `whatif` makes cheaper.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let spread = match &self.spread {
            Spread::Ramp { step, count } => Spread::Ramp { step: step.scaled(factor), count: *count },
            other => other.clone(),
        };
        Self { mean: self.mean.scaled(factor), spread }
    }

    /// The long-run mean.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "ramps are short")]
    pub fn expected(&self) -> Nanos {
        match &self.spread {
            Spread::Ramp { step, count } => self.mean + step.scaled((*count as f64 - 1.0) / 2.0),
            _ => self.mean,
        }
    }
}

/// The row of recorded samples that a task takes: its number, where it came from outside. The number of a message is a hash that
/// moves in step with its sender's, so it is mixed (the finaliser of `SplitMix64`), or callers would meet the same callees again and again.
const fn row(task: u64) -> u64 {
    /// Above every number of a task from outside.
    const MESSAGES: u64 = 1 << 40;
    if task < MESSAGES {
        return task;
    }
    let word = (task ^ (task >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Exponential with mean 1, by inversion: one draw each, and a smaller one never gives a shorter time.
///
/// ```
/// use conlab_sim::{random::{Source, Stream}, workload::exponential};
/// let mut stream = Stream::new(18, Source::Arrivals, 0, 0);
/// let mean = (0..10_000).map(|_| exponential(&mut stream)).sum::<f64>() / 10_000.0;
/// assert!((mean - 1.0).abs() < 0.05);
/// ```
#[inline]
#[must_use]
pub fn exponential(stream: &mut Stream) -> f64 {
    minus_log(stream.positive_unit())
}

/// Standard normal, by Box and Muller (1958); one of the pair is enough here.
fn normal(stream: &mut Stream) -> f64 {
    let radius = libm::sqrt(2.0 * exponential(stream));
    radius * libm::cos(2.0 * std::f64::consts::PI * stream.unit())
}

/// Gamma with unit scale: Marsaglia and Tsang, "A simple method for generating gamma variables" (2000).
fn gamma(shape: f64, stream: &mut Stream) -> f64 {
    if shape < 1.0 {
        return gamma(shape + 1.0, stream) * libm::pow(stream.positive_unit(), 1.0 / shape);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / libm::sqrt(9.0 * d);
    // Accepts at least 95 % of the draws, so the loop ends after a few rounds.
    loop {
        let x = normal(stream);
        let v = libm::pow(1.0 + c * x, 3.0);
        if v > 0.0 && libm::log(stream.positive_unit()) < 0.5 * x * x + d * (1.0 - v + libm::log(v)) {
            return d * v;
        }
    }
}

/// Two exponential phases, each with half of the mean (balanced means), with the given C².
fn hyperexponential(scv: f64, stream: &mut Stream) -> f64 {
    let p = 0.5 * (1.0 + libm::sqrt((scv - 1.0) / (scv + 1.0)));
    let share = if stream.unit() < p { p } else { 1.0 - p };
    exponential(stream) / (2.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Source;

    /// Mean and C² of many draws must match the closed form; the tolerance is several standard errors.
    #[expect(clippy::cast_precision_loss, reason = "test sizes")]
    fn check(spread: Spread, expected_scv: f64, tolerance: f64) {
        let draw = Draw { mean: Nanos::from_millis(10), spread };
        let mut stream = Stream::new(18, Source::Service, 0, 0);
        let samples: Vec<f64> =
            (0..400_000).map(|task| draw.sample(&mut stream, task).0 as f64 / 1e7).collect();
        let mean = samples.iter().sum::<f64>() / samples.len() as f64;
        let variance = samples.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / samples.len() as f64;
        assert!((mean - 1.0).abs() < tolerance, "{:?}: mean {mean}", draw.spread);
        assert!(
            (variance / mean.powi(2) - expected_scv).abs() < 6.0 * tolerance,
            "{:?}: {variance}",
            draw.spread
        );
    }

    #[test]
    fn every_shape_keeps_the_mean_and_has_its_own_variance() {
        check(Spread::Constant, 0.0, 1e-9);
        check(Spread::Uniform(0.5), 0.25 / 3.0, 0.003);
        check(Spread::Exponential, 1.0, 0.008);
        check(Spread::Lognormal(0.5), libm::exp(0.25) - 1.0, 0.005);
        check(Spread::Gamma(4.0), 0.25, 0.004);
        check(Spread::Gamma(0.5), 2.0, 0.02);
        check(Spread::Pareto(4.0), 0.125, 0.02);
        check(Spread::Hyperexponential(4.0), 4.0, 0.02);
        check(Spread::Empirical([0.5, 1.5].into()), 0.25, 0.004);
    }

    #[test]
    fn recorded_samples_come_in_their_order_and_again() {
        let draw = Draw { mean: Nanos(100), spread: Spread::Recorded([0.5, 1.5, 1.0].into()) };
        let mut stream = Stream::new(0, Source::Service, 0, 0);
        let values: Vec<u64> = (0..5).map(|task| draw.sample(&mut stream, task).0).collect();
        assert_eq!(values, [50, 150, 100, 50, 150]);
    }

    #[test]
    fn a_ramp_repeats_after_its_count() {
        let draw = Draw { mean: Nanos(100), spread: Spread::Ramp { step: Nanos(10), count: 3 } };
        let mut stream = Stream::new(0, Source::Service, 0, 0);
        let values: Vec<u64> = (0..5).map(|task| draw.sample(&mut stream, task).0).collect();
        assert_eq!(values, [100, 110, 120, 100, 110]);
        assert_eq!(draw.expected(), Nanos(110));
    }
}
