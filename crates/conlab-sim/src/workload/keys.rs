//! Which keys a cache is asked for: uniform, or skewed by Zipf's law.

use crate::random::Stream;

/// A source of keys `0..count`; key 0 is the most popular.
///
/// Zipf's law gives key `k` the probability `(k+1)^−s / Σ j^−s`. Draws are made by rejection-inversion, which needs no
/// table and a bounded expected time for any count and exponent: W. Hörmann and G. Derflinger,
/// "Rejection-inversion to generate variates from monotone discrete distributions", ACM TOMACS 6 (1996). The
/// transforms come from `libm`, so the keys are the same on every machine.
///
/// ```
/// use conlab_sim::{random::{Source, Stream}, workload::Keys};
/// let keys = Keys::new(1_000_000, 0.99);
/// let mut stream = Stream::new(18, Source::Data, 0, 0);
/// assert!((0..1000).all(|_| keys.draw(&mut stream) < 1_000_000));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Keys {
    count: u64,
    exponent: f64,
    /// The hat's integral from the left end to the first rank, at the last rank, and the width within which a
    /// rounded point is accepted without a look at the hat.
    first: f64,
    last: f64,
    accept: f64,
}

impl Keys {
    /// Keys `0..count` with this Zipf exponent; 0 is uniform.
    ///
    /// # Panics
    ///
    /// When `count` is zero or the exponent is negative or not finite.
    #[must_use]
    pub fn new(count: u64, exponent: f64) -> Self {
        assert!(count > 0, "a source of keys needs at least one key");
        assert!(exponent.is_finite() && exponent >= 0.0, "a Zipf exponent is at least 0, not {exponent}");
        let hat = Hat { exponent };
        #[expect(clippy::cast_precision_loss, reason = "beyond 2^53 neighbouring ranks are equally likely")]
        let end = count as f64 + 0.5;
        Self {
            count,
            exponent,
            first: hat.integral(1.5) - 1.0,
            last: hat.integral(end),
            accept: 2.0 - hat.inverse(hat.integral(2.5) - hat.height(2.0)),
        }
    }

    /// How many keys there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The next key.
    #[must_use]
    pub fn draw(&self, stream: &mut Stream) -> u64 {
        // Bit for bit zero: any other exponent has its own law.
        if self.exponent.to_bits() == 0 {
            return stream.below(self.count);
        }
        let hat = Hat { exponent: self.exponent };
        // Each round accepts with a probability bounded from below, whatever count and exponent are.
        loop {
            let area = self.last + stream.unit() * (self.first - self.last);
            let point = hat.inverse(area);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts saturate")]
            let rank = ((point + 0.5) as u64).clamp(1, self.count);
            #[expect(clippy::cast_precision_loss, reason = "as in `new`")]
            let whole = rank as f64;
            if whole - point <= self.accept || area >= hat.integral(whole + 0.5) - hat.height(whole) {
                return rank - 1;
            }
        }
    }
}

/// The continuous curve `x^−s` above the probabilities.
struct Hat {
    exponent: f64,
}

impl Hat {
    fn height(&self, x: f64) -> f64 {
        libm::exp(-self.exponent * libm::log(x))
    }

    /// `∫₁ˣ t^−s dt`, smooth through `s = 1` where it is the logarithm.
    fn integral(&self, x: f64) -> f64 {
        let log = libm::log(x);
        let power = (1.0 - self.exponent) * log;
        let ratio = if power.abs() > 1e-8 { libm::expm1(power) / power } else { 1.0 + power / 2.0 };
        ratio * log
    }

    /// The inverse of [`integral`](Hat::integral).
    fn inverse(&self, area: f64) -> f64 {
        // Rounding may take it below −1, where there is no logarithm.
        let power = (area * (1.0 - self.exponent)).max(-1.0);
        let ratio = if power.abs() > 1e-8 { libm::log1p(power) / power } else { 1.0 - power / 2.0 };
        libm::exp(ratio * area)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Source;
    use statrs::distribution::{ChiSquared, ContinuousCDF};

    const SEED: u64 = 18;
    const DRAWS: u32 = 200_000;

    /// The probability that draws of the stated law deviate from it as much as those of `keys` do (chi-square;
    /// ranks are pooled until 20 draws are expected of each group).
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "test sizes")]
    fn p_value(keys: &Keys, exponent: f64) -> f64 {
        let mut stream = Stream::new(SEED, Source::Data, 0, 0);
        let mut seen = vec![0_u32; keys.count() as usize];
        for _ in 0..DRAWS {
            seen[keys.draw(&mut stream) as usize] += 1;
        }
        let weight = |rank: usize| ((rank + 1) as f64).powf(-exponent);
        let total: f64 = (0..seen.len()).map(weight).sum();
        let (mut statistic, mut groups, mut expected, mut observed) = (0.0, 0, 0.0, 0.0);
        for (rank, count) in seen.iter().enumerate() {
            expected += weight(rank) / total * f64::from(DRAWS);
            observed += f64::from(*count);
            if expected >= 20.0 || rank + 1 == seen.len() {
                statistic += (observed - expected).powi(2) / expected.max(1e-300);
                groups += 1;
                (expected, observed) = (0.0, 0.0);
            }
        }
        1.0 - ChiSquared::new(f64::from(groups - 1)).unwrap().cdf(statistic)
    }

    #[test]
    fn keys_follow_their_law() {
        for (count, exponent) in [
            (2, 1.0),
            (10, 0.0),
            (10, 0.3),
            (1000, 0.0),
            (1000, 0.99),
            (1000, 1.0),
            (1000, 1.0 + 1e-12),
            (1000, 1.5),
            (100, 3.0),
            (20_000, 0.8),
        ] {
            let p = p_value(&Keys::new(count, exponent), exponent);
            assert!(p > 1e-3, "{count} keys, exponent {exponent}: p = {p:.2e} with seed {SEED}");
        }
    }

    #[test]
    fn the_test_tells_a_neighbouring_law_apart() {
        for (drawn, claimed) in [(0.99, 0.96), (1.0, 1.03), (0.0, 0.03)] {
            let p = p_value(&Keys::new(1000, drawn), claimed);
            assert!(p < 1e-3, "drawn {drawn}, claimed {claimed}: p = {p:.2e} with seed {SEED}");
        }
    }

    #[test]
    fn extremes_stay_in_range() {
        for (count, exponent) in
            [(1, 0.0), (1, 1.0), (1, 50.0), (1_000_000_000_000, 0.5), (u64::MAX, 1.0), (7, 100.0)]
        {
            let keys = Keys::new(count, exponent);
            let mut stream = Stream::new(SEED, Source::Data, 0, 1);
            for _ in 0..1000 {
                assert!(keys.draw(&mut stream) < count, "{count} keys, exponent {exponent}");
            }
        }
    }
}
