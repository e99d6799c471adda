//! A trend in a series: Mann–Kendall's test and Theil and Sen's slope, with care for autocorrelation.
//!
//! Successive latencies are correlated (a queue remembers), which makes the plain test cry wolf. The variance is
//! therefore inflated by the autocorrelation of the detrended ranks.
//!
//! Sources: H. B. Mann, *Econometrica* 13 (1945); M. G. Kendall, *Rank Correlation Methods* (1975); P. K. Sen, *JASA*
//! 63 (1968); K. H. Hamed and A. R. Rao, *Journal of Hydrology* 204 (1998) for the correction.

use super::statistics::{mean, median_of_sorted, ranks, sorted, two_sided};

/// Longer series are folded into this many means of neighbours first: the test compares every pair.
const MAX_POINTS: usize = 400;

/// What the test says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// Kendall's tau, in −1..1.
    pub tau: f64,
    /// Probability of a tau at least as large without a trend, autocorrelation accounted for.
    pub p_value: f64,
    /// Change over the whole series by Theil and Sen's slope, in units of the series.
    pub change: f64,
    /// Median of the series.
    pub median: f64,
    /// How many points count as independent.
    pub effective_points: f64,
    /// Points compared (means of neighbours where the series was longer).
    pub points: usize,
}

impl Trend {
    /// Change over the series relative to its median; 0 when the median is 0.
    #[must_use]
    pub fn relative_change(&self) -> f64 {
        if self.median == 0.0 { 0.0 } else { self.change / self.median }
    }

    /// Whether the series drifts: significant at `alpha`, and by at least `least` of its median.
    #[must_use]
    pub fn is_drift(&self, alpha: f64, least: f64) -> bool {
        self.p_value < alpha && self.relative_change().abs() >= least
    }
}

/// Tests `series` for a monotone trend; `None` for fewer than ten points or a constant series.
///
/// `O(n²)` for at most 400 points; longer series are folded into means of neighbours.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "at most 400 points are compared")]
pub fn trend(series: &[f64]) -> Option<Trend> {
    let folded = fold(series);
    let points = folded.len();
    if points < 10 || folded.windows(2).all(|pair| pair[0].total_cmp(&pair[1]).is_eq()) {
        return None;
    }
    let n = points as f64;
    let mut score = 0.0_f64;
    let mut slopes = Vec::with_capacity(points * (points - 1) / 2);
    for (later, &value) in folded.iter().enumerate() {
        for (earlier, &before) in folded[..later].iter().enumerate() {
            score += match value.total_cmp(&before) {
                std::cmp::Ordering::Less => -1.0,
                std::cmp::Ordering::Equal => 0.0,
                std::cmp::Ordering::Greater => 1.0,
            };
            slopes.push((value - before) / (later - earlier) as f64);
        }
    }
    let slope = median_of_sorted(&sorted(&slopes));
    let detrended: Vec<f64> =
        folded.iter().enumerate().map(|(at, value)| value - slope * at as f64).collect();
    let inflation = inflation(&ranks(&detrended));
    let variance = untied_variance(&folded) * inflation;
    // The continuity correction moves the score half a step of two towards zero.
    let z = (score.abs() - 1.0).max(0.0) / variance.sqrt();
    Some(Trend {
        tau: score / (n * (n - 1.0) / 2.0),
        p_value: two_sided(z),
        change: slope * (n - 1.0),
        median: median_of_sorted(&sorted(&folded)),
        effective_points: n / inflation,
        points,
    })
}

/// Means of neighbours, at most [`MAX_POINTS`].
fn fold(series: &[f64]) -> Vec<f64> {
    let stride = series.len().div_ceil(MAX_POINTS).max(1);
    series.chunks(stride).filter(|chunk| chunk.len() == stride).map(mean).collect()
}

/// Variance of the score without autocorrelation, corrected for ties.
#[expect(clippy::cast_precision_loss, reason = "at most 400 points are compared")]
fn untied_variance(values: &[f64]) -> f64 {
    let term = |count: f64| count * (count - 1.0) * (2.0 * count + 5.0);
    let ascending = sorted(values);
    let ties: f64 = ascending
        .chunk_by(|one, other| one.total_cmp(other).is_eq())
        .map(|group| term(group.len() as f64))
        .sum();
    (term(values.len() as f64) - ties) / 18.0
}

/// Factor by which autocorrelation of the ranks inflates the variance; at least 1.
///
/// Hamed and Rao's sum over the lags that are positively significant at 95 % one after the other misses the far ones,
/// and estimates from short series are biased low; so the inflation of a first-order process with the first lag's
/// correlation, corrected for that bias (Kendall 1954), is taken where it is larger.
#[expect(clippy::cast_precision_loss, reason = "at most 400 points are compared")]
fn inflation(ranks: &[f64]) -> f64 {
    let n = ranks.len() as f64;
    let centre = mean(ranks);
    let total: f64 = ranks.iter().map(|rank| (rank - centre).powi(2)).sum();
    if total <= 0.0 {
        return 1.0;
    }
    let mut sum = 0.0;
    let mut first_order = 1.0;
    for lag in 1..ranks.len() / 2 {
        let product: f64 =
            ranks.iter().zip(&ranks[lag..]).map(|(one, other)| (one - centre) * (other - centre)).sum();
        let correlation = product / total;
        if correlation < 1.645 / n.sqrt() {
            break;
        }
        if lag == 1 {
            let unbiased = ((correlation + 1.0 / n) / (1.0 - 3.0 / n)).min(0.98);
            first_order = (1.0 + unbiased) / (1.0 - unbiased);
        }
        let left = n - lag as f64;
        sum += left * (left - 1.0) * (left - 2.0) * correlation;
    }
    (1.0 + 2.0 / (n * (n - 1.0) * (n - 2.0)) * sum).max(first_order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Source, Stream};

    /// First-order autoregressive noise of unit innovations on a slope.
    fn series(seed: u64, memory: f64, slope: f64) -> Vec<f64> {
        let mut stream = Stream::new(seed, Source::Data, 0, 0);
        let mut state = 0.0;
        (0..200)
            .map(|at| {
                state = memory * state + stream.unit() - 0.5;
                100.0 + state + slope * at as f64
            })
            .collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "test sizes")]
    fn alarms(memory: f64, slope: f64) -> f64 {
        let found = (0..300).filter(|&seed| trend(&series(seed, memory, slope)).unwrap().p_value < 0.01);
        found.count() as f64 / 300.0
    }

    #[test]
    fn cries_wolf_rarely_even_when_neighbours_are_alike() {
        for memory in [0.0, 0.3, 0.6, 0.8] {
            let rate = alarms(memory, 0.0);
            assert!(rate <= 0.04, "memory {memory}: {rate} alarms at level 0.01");
        }
    }

    #[test]
    fn finds_a_drift_of_one_standard_deviation() {
        assert!(alarms(0.0, 0.3 / 200.0) > 0.8);
        assert!(alarms(0.6, 1.5 / 200.0) > 0.8);
    }

    #[test]
    fn the_slope_ignores_outliers() {
        let mut values: Vec<f64> = (0..50).map(f64::from).collect();
        values[3] = 1e6;
        let found = trend(&values).unwrap();
        assert!((found.change - 49.0).abs() < 1.0, "{found:?}");
        assert!(found.tau > 0.9);
    }

    #[test]
    fn refuses_what_it_cannot_judge() {
        assert_eq!(trend(&[1.0; 50]), None);
        assert_eq!(trend(&[1.0, 2.0, 3.0]), None);
    }
}
