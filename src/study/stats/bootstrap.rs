//! The bootstrap over replicates, bias-corrected and accelerated.

use super::Estimate;
use crate::random::{Source, Stream};
use statrs::distribution::{ContinuousCDF, Normal};

/// Interval of `statistic` by the BCa bootstrap: `resamples` draws with replacement, from a stream of their own.
///
/// - `replicates`: independent observations; with fewer than two the interval is unbounded.
/// - `series`: number of the resampling stream, so that two bootstraps of one report do not share draws.
///
/// `O(resamples × n)`. For fewer than some ten replicates the interval is too narrow whatever is corrected; use
/// [`mean_interval`](super::mean_interval) where the statistic is a mean.
///
/// # Source
///
/// Efron, "Better bootstrap confidence intervals", JASA 82 (1987): the acceleration is a sixth of the skewness of
/// the jackknife values.
#[must_use]
pub fn bootstrap<T: Clone>(
    replicates: &[T],
    level: f64,
    resamples: usize,
    series: u64,
    statistic: impl Fn(&[T]) -> f64,
) -> Estimate {
    let n = replicates.len();
    let value = statistic(replicates);
    if n < 2 || resamples == 0 {
        return Estimate::new(value, f64::NEG_INFINITY, f64::INFINITY, n);
    }
    let mut drawn: Vec<f64> = (0..resamples as u64)
        .map(|index| statistic(&resample(replicates, series, index)))
        .filter(|value| !value.is_nan())
        .collect();
    if drawn.is_empty() {
        return Estimate::new(value, f64::NEG_INFINITY, f64::INFINITY, n);
    }
    drawn.sort_by(f64::total_cmp);
    let (bias, acceleration) = (bias(&drawn, value), acceleration(replicates, &statistic));
    let end = |probability: f64| {
        let normal = Normal::standard();
        let z = bias + normal.inverse_cdf(probability);
        quantile(&drawn, normal.cdf(bias + z / (1.0 - acceleration * z)))
    };
    let tail = (1.0 - level) / 2.0;
    Estimate::new(value, end(tail).min(value), end(1.0 - tail).max(value), n)
}

/// As many replicates as there are, drawn with replacement.
fn resample<T: Clone>(replicates: &[T], series: u64, index: u64) -> Vec<T> {
    let mut stream = Stream::new(0, Source::Bootstrap, series, index);
    let n = replicates.len() as u64;
    #[expect(clippy::cast_possible_truncation, reason = "below the slice's length")]
    (0..n).map(|_| replicates[stream.below(n) as usize].clone()).collect()
}

/// How far the bootstrap's median is from the statistic, in standard deviations.
#[expect(clippy::cast_precision_loss, reason = "counts of resamples")]
fn bias(drawn: &[f64], value: f64) -> f64 {
    let below = drawn.partition_point(|one| *one < value);
    let up_to = drawn.partition_point(|one| *one <= value);
    let share = usize::midpoint(below, up_to) as f64 / drawn.len() as f64;
    let most = 1.0 - 0.5 / drawn.len() as f64;
    Normal::standard().inverse_cdf(share.clamp(1.0 - most, most))
}

/// A sixth of the skewness of the statistic with each replicate left out in turn.
fn acceleration<T: Clone>(replicates: &[T], statistic: impl Fn(&[T]) -> f64) -> f64 {
    let left_out: Vec<f64> = (0..replicates.len())
        .map(|index| {
            let mut rest = replicates.to_vec();
            rest.remove(index);
            statistic(&rest)
        })
        .collect();
    let centre = super::mean(&left_out);
    let (mut squares, mut cubes) = (0.0, 0.0);
    for value in left_out {
        let away: f64 = centre - value;
        squares += away.powi(2);
        cubes += away.powi(3);
    }
    if squares > 0.0 { cubes / (6.0 * squares.powf(1.5)) } else { 0.0 }
}

/// Quantile of sorted values, linear between neighbours.
#[expect(clippy::cast_precision_loss, reason = "counts of resamples")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a position within the slice")]
fn quantile(sorted: &[f64], probability: f64) -> f64 {
    let position = probability.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let below = position as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_mean_is_near_the_normal_one() {
        let replicates: Vec<f64> = (0..40).map(f64::from).collect();
        let found = bootstrap(&replicates, 0.95, 4_000, 1, super::super::mean);
        // 1.96 · 11.69 / √40 = 3.62 (11.54 with n in place of n − 1: the bootstrap's own).
        assert!((found.value - 19.5).abs() < 1e-9);
        assert!((found.low - 15.9).abs() < 0.4 && (found.high - 23.1).abs() < 0.4, "{found:?}");
    }

    #[test]
    fn skewed_data_get_a_skewed_interval() {
        let replicates: Vec<f64> = (0..30).map(|index| f64::from(index).exp2().min(1e4)).collect();
        let found = bootstrap(&replicates, 0.95, 4_000, 2, super::super::mean);
        assert!(found.high - found.value > 0.0 && found.value - found.low > 0.0);
        let lognormal: Vec<f64> = (1..30).map(|index| (f64::from(index) / 5.0).exp()).collect();
        let found = bootstrap(&lognormal, 0.95, 4_000, 2, super::super::mean);
        assert!(found.high - found.value > 1.1 * (found.value - found.low), "{found:?}");
    }

    #[test]
    fn equal_replicates_have_no_width_and_one_has_no_bounds() {
        let found = bootstrap(&[2.0; 8], 0.95, 200, 3, super::super::mean);
        assert!(found.half_width.abs() < f64::EPSILON);
        assert!(bootstrap(&[2.0], 0.95, 200, 3, super::super::mean).high.is_infinite());
    }
}
