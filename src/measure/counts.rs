//! Counts of times, only the buckets that hold any: what a tally or a few values become at the end of a run.
//!
//! All figures are those that the `hdrhistogram` library would give of a histogram of three significant digits, to the last
//! bit (a test compares them). Such a histogram of a second's times takes 170 KB to set up and to read through, for five
//! figures of each actor; a scenario may have a million actors.

use super::record::Distribution;
use super::tally::{bucket_of, highest_of, smallest_of};
use hdrhistogram::Histogram;

/// Ticks of a spectrum in each half of the distance to one.
const TICKS: f64 = 5.0;

/// How many values each bucket holds, by bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Invariant: buckets rise, and no count is zero.
    buckets: Vec<(u32, u64)>,
    total: u64,
}

impl Counts {
    /// Counts of these values, in any order.
    pub(super) fn of_values(values: impl Iterator<Item = u64>) -> Self {
        let mut found: Vec<u32> = values.map(bucket).collect();
        found.sort_unstable();
        Self::of_buckets(found.chunk_by(PartialEq::eq).map(|same| (same[0], same.len() as u64)))
    }

    /// These buckets, which must rise; empty ones are left out.
    pub(super) fn of_buckets(buckets: impl Iterator<Item = (u32, u64)>) -> Self {
        let buckets: Vec<(u32, u64)> = buckets.filter(|(_, count)| *count > 0).collect();
        Self { total: buckets.iter().map(|(_, count)| count).sum(), buckets }
    }

    /// Adds `count` zeros.
    pub(super) fn add_zeros(&mut self, count: u64) {
        self.total += count;
        match self.buckets.first_mut() {
            Some((0, zeros)) => *zeros += count,
            _ if count > 0 => self.buckets.insert(0, (0, count)),
            _ => {}
        }
    }

    /// How many values there are.
    pub(super) const fn count(&self) -> u64 {
        self.total
    }

    /// The library's histogram of the same values, to be written down.
    ///
    /// # Panics
    ///
    /// Never: three digits are within the library's range.
    #[must_use]
    pub fn histogram(&self) -> Histogram<u64> {
        let mut histogram = Histogram::new(3).expect("three significant digits are allowed");
        for &(bucket, count) in &self.buckets {
            // An auto-resizing histogram of three digits refuses no value.
            histogram.record_n(smallest_of(bucket as usize), count).ok();
        }
        histogram
    }

    /// The value at a quantile: the largest of its bucket.
    #[expect(clippy::cast_precision_loss, reason = "as the library counts")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most the total")]
    pub(super) fn at(&self, quantile: f64) -> u64 {
        let wanted = ((quantile * self.total as f64).ceil() as u64).max(1);
        let mut sum = 0;
        let reached = self.buckets.iter().find(|(_, count)| {
            sum += count;
            sum >= wanted
        });
        reached.or(self.buckets.last()).map_or(0, |(bucket, _)| highest_of(*bucket as usize))
    }

    /// Their summary; with a spectrum of quantiles or without.
    #[must_use]
    pub fn distribution(&self, spectrum: bool) -> Distribution {
        let (Some((first, _)), Some((last, _))) = (self.buckets.first(), self.buckets.last()) else {
            return Distribution::default();
        };
        let mean = self.mean();
        Distribution {
            mean,
            min: smallest_of(*first as usize),
            p50: self.at(0.5),
            p90: self.at(0.9),
            p95: self.at(0.95),
            p99: self.at(0.99),
            p999: self.at(0.999),
            max: highest_of(*last as usize),
            stddev: self.stddev(mean),
            count: self.total,
            spectrum: if spectrum { self.spectrum() } else { Vec::new() },
            censored: None,
        }
    }

    /// The middle of each bucket, and its count.
    #[expect(clippy::cast_precision_loss, reason = "as the library computes")]
    fn middles(&self) -> impl Iterator<Item = (f64, f64)> {
        self.buckets.iter().map(|&(bucket, count)| {
            let (low, high) = (smallest_of(bucket as usize), highest_of(bucket as usize));
            ((low + (high - low).div_ceil(2)) as f64, count as f64)
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "as the library computes")]
    fn mean(&self) -> f64 {
        self.middles().fold(0.0, |sum, (middle, count)| sum + middle * count / self.total as f64)
    }

    #[expect(clippy::cast_precision_loss, reason = "as the library computes")]
    fn stddev(&self, mean: f64) -> f64 {
        let squares = self.middles().fold(0.0, |sum, (middle, count)| {
            let deviation = middle - mean;
            sum + (deviation * deviation) * count
        });
        (squares / self.total as f64).sqrt()
    }

    /// Quantiles and the values there, closer to each other the closer to one: five steps for each halving of the distance.
    #[expect(clippy::cast_precision_loss, reason = "as the library computes")]
    fn spectrum(&self) -> Vec<(f64, u64)> {
        let mut points = Vec::new();
        let (mut next, mut sum) = (0.0, 0);
        for (place, &(bucket, count)) in self.buckets.iter().enumerate() {
            sum += count;
            let point = (sum as f64 / self.total as f64, highest_of(bucket as usize));
            if place + 1 == self.buckets.len() {
                // The last one twice, unless the next step is the end itself: on the way to one, and there.
                points.extend(std::iter::repeat_n(point, if next < 1.0 { 2 } else { 1 }));
                break;
            }
            // A step is at least 2⁻⁵³ or leads to one, so the loop ends.
            while point.0 >= next {
                points.push(point);
                let halvings = (1.0 / (1.0 - next)).log2().floor();
                let after = next + 1.0 / (TICKS * (halvings + 1.0).exp2());
                next = if after > next { after } else { 1.0 };
            }
        }
        points
    }
}

#[expect(clippy::cast_possible_truncation, reason = "below 56 × 1024")]
const fn bucket(value: u64) -> u32 {
    bucket_of(value) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Source, Stream};

    /// The library's answers.
    fn of_library(histogram: &Histogram<u64>) -> Distribution {
        let at = |quantile| histogram.value_at_quantile(quantile).min(histogram.max());
        Distribution {
            mean: histogram.mean(),
            min: histogram.min(),
            p50: at(0.5),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max(),
            stddev: histogram.stdev(),
            count: histogram.len(),
            spectrum: histogram
                .iter_quantiles(5)
                .map(|step| (step.quantile(), step.value_iterated_to().min(histogram.max())))
                .collect(),
            censored: None,
        }
    }

    fn check(seed: u64, values: &[u64]) {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        // As a tally hands them over: the smallest of each bucket.
        values.iter().for_each(|value| histogram.record(smallest_of(bucket_of(*value))).unwrap());
        let counts = Counts::of_values(values.iter().copied());
        assert_eq!(counts.distribution(true), of_library(&histogram), "seed {seed}: {values:?}");
        assert_eq!(counts.histogram(), histogram);
    }

    #[test]
    fn every_figure_is_the_librarys_to_the_last_bit() {
        check(0, &[0]);
        check(0, &[0, 0, 5]);
        check(0, &[1_234_567_890]);
        for seed in 0..300 {
            let mut stream = Stream::new(seed, Source::Data, 0, 0);
            let count = 1 + stream.below(if seed % 10 == 0 { 5_000 } else { 40 });
            let values: Vec<u64> = (0..count).map(|_| stream.bits() >> (12 + stream.below(52))).collect();
            check(seed, &values);
        }
    }

    #[test]
    fn zeros_can_be_added_before_and_beside_others() {
        let mut counts = Counts::of_values([7, 9].into_iter());
        counts.add_zeros(0);
        assert_eq!(counts, Counts::of_values([9, 7].into_iter()));
        counts.add_zeros(2);
        counts.add_zeros(1);
        assert_eq!(counts, Counts::of_values([0, 7, 0, 9, 0].into_iter()));
        assert_eq!(counts.count(), 5);
    }
}
