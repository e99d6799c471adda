//! From replicates to intervals: what may be said, and how surely.
//!
//! The unit of evidence is the replicate, never the task: tasks of one run wait for each other and are not
//! independent. Arms are paired by round (the same seed, run one after the other), so what drifts between rounds
//! cancels. Times and rates differ by factors, so arms are compared by the mean of log ratios.

mod bootstrap;
mod shapley;

pub use bootstrap::bootstrap;
pub use shapley::{Interaction, leave_one_out, only_one, pair_interactions, shapley};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// From so many replicates on, a bootstrap is drawn beside the t-interval and the wider end of both is taken.
const BOOTSTRAP_FROM: usize = 10;
/// Resamples of a bootstrap that guards a t-interval.
const RESAMPLES: usize = 2_000;

/// A figure with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Lower end of its interval.
    pub low: f64,
    /// Upper end of its interval.
    pub high: f64,
    /// The larger distance from the figure to an end.
    pub half_width: f64,
    /// Replicates behind it.
    pub n: usize,
}

impl Estimate {
    /// An estimate from its ends.
    #[must_use]
    pub fn new(value: f64, low: f64, high: f64, n: usize) -> Self {
        Self { value, low, high, half_width: (high - value).max(value - low), n }
    }

    /// Whether the interval leaves `value` out.
    #[must_use]
    pub fn excludes(&self, value: f64) -> bool {
        self.low > value || self.high < value
    }

    /// The same with figure and ends passed through `map`, which must be increasing.
    #[must_use]
    pub fn map(self, map: impl Fn(f64) -> f64) -> Self {
        Self::new(map(self.value), map(self.low), map(self.high), self.n)
    }

    /// The same turned positive, its interval with it.
    #[must_use]
    pub fn magnitude(self) -> Self {
        if self.value < 0.0 { Self::new(-self.value, -self.high, -self.low, self.n) } else { self }
    }

    /// Half-width over the figure; infinite when the figure is 0 and the width is not.
    #[must_use]
    pub fn relative_half_width(&self) -> f64 {
        if self.half_width <= 0.0 { 0.0 } else { self.half_width / self.value.abs() }
    }
}

/// Two-sided quantile of Student's t at confidence `level` with `freedom` degrees of freedom.
#[must_use]
pub fn t_quantile(level: f64, freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::INFINITY, |t| t.inverse_cdf(f64::midpoint(1.0, level)))
}

/// Arithmetic mean; 0 of nothing.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of replicates")]
pub fn mean(samples: &[f64]) -> f64 {
    samples.iter().sum::<f64>() / samples.len().max(1) as f64
}

/// Standard deviation with `n − 1`; 0 of fewer than two.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of replicates")]
pub fn deviation(samples: &[f64]) -> f64 {
    if samples.len() < 2 {
        return 0.0;
    }
    let centre = mean(samples);
    let squares: f64 = samples.iter().map(|sample| (sample - centre).powi(2)).sum();
    (squares / (samples.len() - 1) as f64).sqrt()
}

/// Mean of independent replicates, with a t-interval; unbounded with fewer than two.
///
/// From ten replicates on a BCa bootstrap is drawn as well and the wider end of the two is taken on each side: the
/// t-interval is right for few and nearly normal replicates, the bootstrap sees skew that t does not, and is far
/// too narrow for few.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of replicates")]
pub fn mean_interval(samples: &[f64], level: f64) -> Estimate {
    let (n, value) = (samples.len(), mean(samples));
    if n < 2 {
        return Estimate::new(value, f64::NEG_INFINITY, f64::INFINITY, n);
    }
    let half = t_quantile(level, (n - 1) as f64) * deviation(samples) / (n as f64).sqrt();
    let (mut low, mut high) = (value - half, value + half);
    if n >= BOOTSTRAP_FROM && half > 0.0 {
        let guard = bootstrap(samples, level, RESAMPLES, 0, mean);
        (low, high) = (low.min(guard.low), high.max(guard.high));
    }
    Estimate::new(value, low, high, n)
}

/// Relative difference of `treated` against `reference`, paired by round: `exp(mean of log ratios) − 1`.
///
/// `None` when a value is not above 0, since there is no ratio then; compare by [`difference`].
#[must_use]
pub fn relative_difference(treated: &[f64], reference: &[f64], level: f64) -> Option<Estimate> {
    let logs: Option<Vec<f64>> = treated
        .iter()
        .zip(reference)
        .map(|(treated, reference)| (*treated > 0.0 && *reference > 0.0).then(|| (treated / reference).ln()))
        .collect();
    Some(mean_interval(&logs?, level).map(f64::exp_m1))
}

/// Absolute difference of `treated` against `reference`, paired by round.
#[must_use]
pub fn difference(treated: &[f64], reference: &[f64], level: f64) -> Estimate {
    let differences: Vec<f64> = treated.iter().zip(reference).map(|(t, r)| t - r).collect();
    mean_interval(&differences, level)
}

/// Ratio of two means measured in the same rounds, such as a part of a gap over the gap: the t-interval of the
/// linearised ratio.
///
/// Holds while the denominator is well away from 0; unbounded with fewer than two rounds or a denominator of 0.
#[must_use]
pub fn ratio_of_means(numerators: &[f64], denominators: &[f64], level: f64) -> Estimate {
    let (whole, n) = (mean(denominators), numerators.len());
    if whole.abs() < f64::MIN_POSITIVE {
        return Estimate::new(f64::NAN, f64::NEG_INFINITY, f64::INFINITY, n);
    }
    let ratio = mean(numerators) / whole;
    let errors: Vec<f64> =
        numerators.iter().zip(denominators).map(|(part, all)| (part - ratio * all) / whole).collect();
    let around = mean_interval(&errors, level);
    Estimate::new(ratio, ratio + around.low, ratio + around.high, n)
}

/// Relative difference of two unpaired groups, such as fresh runs against stored ones: Welch's interval on logarithms.
///
/// A group of one carries no spread of its own and is given the other group's: the question is then whether it
/// could be one more replicate of that group.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of replicates")]
pub fn unpaired_difference(treated: &[f64], reference: &[f64], level: f64) -> Option<Estimate> {
    if treated.iter().chain(reference).any(|value| *value <= 0.0)
        || treated.is_empty()
        || reference.is_empty()
    {
        return None;
    }
    let logs = |values: &[f64]| values.iter().map(|value| value.ln()).collect::<Vec<f64>>();
    let (treated, reference) = (logs(treated), logs(reference));
    let value = mean(&treated) - mean(&reference);
    let (a, b) = (treated.len() as f64, reference.len() as f64);
    let n = treated.len().min(reference.len());
    let (error, freedom) = match (treated.len(), reference.len()) {
        (1, 1) => (f64::INFINITY, 1.0),
        (_, 1) => (deviation(&treated) * (1.0 + 1.0 / a).sqrt(), a - 1.0),
        (1, _) => (deviation(&reference) * (1.0 + 1.0 / b).sqrt(), b - 1.0),
        _ => {
            let (u, v) = (deviation(&treated).powi(2) / a, deviation(&reference).powi(2) / b);
            let freedom = if u + v > 0.0 {
                (u + v).powi(2) / (u * u / (a - 1.0) + v * v / (b - 1.0))
            } else {
                a + b - 2.0
            };
            ((u + v).sqrt(), freedom)
        }
    };
    let half = if error > 0.0 { t_quantile(level, freedom) * error } else { 0.0 };
    Some(Estimate::new(value, value - half, value + half, n).map(f64::exp_m1))
}

/// The level at which each of `count` intervals must be drawn so that all of them hold together with probability
/// `level` (Bonferroni).
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of comparisons")]
pub fn simultaneous(level: f64, count: usize) -> f64 {
    1.0 - (1.0 - level) / count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Source, Stream};

    #[test]
    fn quantiles_of_t_are_those_of_the_tables() {
        for (level, freedom, expected) in [(0.95, 4.0, 2.776), (0.99, 9.0, 3.250), (0.95, 1.0, 12.706)] {
            assert!((t_quantile(level, freedom) - expected).abs() < 1e-3);
        }
    }

    #[test]
    fn a_mean_of_one_replicate_has_no_bounds() {
        let estimate = mean_interval(&[3.0], 0.95);
        assert!(estimate.low.is_infinite() && estimate.high.is_infinite());
    }

    #[test]
    fn doubling_is_plus_one_hundred_percent() {
        let found = relative_difference(&[2.0, 4.0, 6.0], &[1.0, 2.0, 3.0], 0.95).unwrap();
        assert!((found.value - 1.0).abs() < 1e-12 && found.half_width < 1e-9, "{found:?}");
        assert_eq!(relative_difference(&[1.0], &[0.0], 0.95), None);
    }

    /// Share of intervals, of `trials`, that hold the true mean of skewed data.
    fn coverage(n: usize, trials: u64) -> f64 {
        let mut held = 0;
        for trial in 0..trials {
            let mut stream = Stream::new(18, Source::Data, n as u64, trial);
            let samples: Vec<f64> = (0..n).map(|_| -stream.positive_unit().ln()).collect();
            held += u64::from(!mean_interval(&samples, 0.95).excludes(1.0));
        }
        held as f64 / trials as f64
    }

    #[test]
    fn intervals_hold_the_truth_about_as_often_as_they_say() {
        // Exponential data, far more skewed than means of runs are: a little under the nominal 95 % is expected.
        for (n, least) in [(5, 0.86), (12, 0.90), (30, 0.925)] {
            let share = coverage(n, 400);
            assert!(share >= least && share < 0.995, "n = {n}: {share}");
        }
    }

    #[test]
    fn a_part_that_moves_with_its_whole_is_known_exactly() {
        let wholes = [10.0, 14.0, 8.0, 12.0];
        let found = ratio_of_means(&wholes.map(|whole| 0.75 * whole), &wholes, 0.95);
        assert!((found.value - 0.75).abs() < 1e-12 && found.half_width < 1e-9, "{found:?}");
        let loose = ratio_of_means(&[9.0, 6.0, 7.0, 8.0], &wholes, 0.95);
        assert!(loose.half_width > 0.1 && !loose.excludes(0.75), "{loose:?}");
        assert!(ratio_of_means(&[1.0, 1.0], &[1.0, -1.0], 0.95).value.is_nan());
    }

    #[test]
    fn one_stored_record_is_judged_by_the_spread_of_the_fresh_runs() {
        let fresh = [100.0, 104.0, 97.0, 101.0, 99.0];
        let inside = unpaired_difference(&fresh, &[103.0], 0.95).unwrap();
        assert!(!inside.excludes(0.0), "{inside:?}");
        let outside = unpaired_difference(&fresh, &[80.0], 0.95).unwrap();
        assert!(outside.excludes(0.0), "{outside:?}");
    }
}
