//! How a time of the kernel spreads around its median: no wake-up takes as long as the next one.
//!
//! With one constant a race between two threads has one outcome for ever: a lock's last holder always beats the woken waiter, and a
//! microsecond more or less turns that over. With the spread each has its chance.

use crate::random::Stream;
use crate::units::Nanos;

/// Of how many in ten thousand each quantile is not exceeded: fine at both ends, where races are decided.
const EDGES: [u64; 17] =
    [0, 500, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 9500, 9750, 9900, 9950, 9990, 10_000];
/// The place of the median among them.
const MEDIAN: usize = 6;

/// Quantiles at `EDGES`, in thousandths of the median; between two of them every value is as likely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape([u32; EDGES.len()]);

impl Shape {
    /// No spread: always the median.
    pub const EXACT: Self = Self([1000; EDGES.len()]);

    /// Wake-ups where nothing was measured: a twentieth find the processor still awake, a hundredth takes over four times the median.
    pub const WAKE_UP: Self = Self([
        50, 250, 450, 640, 780, 890, 1000, 1110, 1240, 1420, 1750, 2200, 3000, 4500, 6500, 10_000, 20_000,
    ]);

    /// What waking costs the waker, where nothing was measured.
    pub const SIGNAL: Self = Self([
        500, 700, 780, 860, 920, 960, 1000, 1060, 1140, 1300, 1700, 2300, 3200, 5000, 7000, 12_000, 25_000,
    ]);

    /// The spread of these trials, such as wake-ups in microseconds; [`Shape::EXACT`] where there are too few or their median is nothing.
    #[must_use]
    pub fn of(trials: &[f64]) -> Self {
        let mut sorted = trials.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |edge: u64| {
            let place = (sorted.len() as u64 - 1) * edge / EDGES[EDGES.len() - 1];
            usize::try_from(place).ok().and_then(|place| sorted.get(place)).copied().unwrap_or(0.0)
        };
        if sorted.len() < EDGES.len() || at(EDGES[MEDIAN]) <= 0.0 {
            return Self::EXACT;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let parts = |edge| (1000.0 * at(edge) / at(EDGES[MEDIAN])).clamp(0.0, 1e9) as u32;
        Self(EDGES.map(parts))
    }

    /// A time around `median`, from 64 random bits.
    ///
    /// ```
    /// use conlab_sim::machine::Shape;
    /// assert_eq!(Shape::WAKE_UP.sample(10_000, 1 << 63), 10_000, "half of the wake-ups take longer");
    /// ```
    #[inline]
    #[must_use]
    pub fn sample(&self, median: u64, bits: u64) -> u64 {
        let (part, within) = (((bits >> 32) * EDGES[EDGES.len() - 1]) >> 32, bits & 0xffff_ffff);
        let group = EDGES[1..EDGES.len() - 1].partition_point(|edge| *edge <= part);
        let (low, high) = (u64::from(self.0[group]), u64::from(self.0[group + 1]));
        let thousandths = low + ((high.saturating_sub(low) * within) >> 32);
        let time = u128::from(median) * u128::from(thousandths) / 1000;
        u64::try_from(time).unwrap_or(u64::MAX)
    }

    /// A time around `median`; draws nothing where every time is the median.
    #[inline]
    pub(super) fn around(&self, median: Nanos, stream: &mut Stream) -> Nanos {
        if self.is_exact() { median } else { Nanos(self.sample(median.0, stream.bits())) }
    }

    /// Whether every sample is the median.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        *self == Self::EXACT
    }

    /// The quantiles, in thousandths of the median.
    #[must_use]
    pub const fn quantiles(&self) -> &[u32] {
        &self.0
    }

    /// The shape with these quantiles; `None` unless they are as many as there should be, and rise.
    ///
    /// ```
    /// use conlab_sim::machine::Shape;
    /// assert_eq!(Shape::from_quantiles(Shape::SIGNAL.quantiles()), Some(Shape::SIGNAL));
    /// assert_eq!(Shape::from_quantiles(&[1, 2, 3]), None);
    /// ```
    #[must_use]
    pub fn from_quantiles(given: &[u32]) -> Option<Self> {
        let parts = given.try_into().ok()?;
        given.is_sorted().then_some(Self(parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Source;

    /// Sorted samples around a median of 10 µs.
    fn samples(shape: &Shape) -> Vec<u64> {
        let mut stream = Stream::new(3, Source::Data, 0, 0);
        let mut all: Vec<u64> = (0..40_000).map(|_| shape.sample(10_000, stream.bits())).collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn samples_have_the_quantiles_of_their_shape() {
        for shape in [Shape::WAKE_UP, Shape::SIGNAL] {
            let drawn = samples(&shape);
            for (edge, part) in [(500, 1), (2000, 3), (5000, 6), (9000, 10), (9750, 12)] {
                let (got, expected) = (drawn[40_000 * edge / 10_000], 10 * u64::from(shape.0[part]));
                assert!(got.abs_diff(expected) < expected / 8, "{edge}: {got}, expected {expected}");
            }
        }
        assert!(samples(&Shape::EXACT).iter().all(|time| *time == 10_000));
    }

    #[test]
    fn the_shape_of_samples_is_that_of_their_source() {
        let drawn: Vec<f64> = samples(&Shape::WAKE_UP).iter().map(|time| *time as f64).collect();
        let found = Shape::of(&drawn);
        for (got, expected) in found.0.iter().zip(Shape::WAKE_UP.0).take(13).skip(1) {
            assert!(got.abs_diff(expected) <= expected / 15, "{found:?}");
        }
        assert_eq!(Shape::from_quantiles(found.quantiles()), Some(found));
        assert!(Shape::of(&[5.0; 3]).is_exact() && Shape::of(&[0.0; 100]).is_exact());
    }
}
