//! Noting a time on the hot path: one shift and one addition.
//!
//! A tally counts in the buckets of an HDR histogram of three significant digits, and nothing else; total, extremes and
//! percentiles are asked of the counts that the tally becomes when a run is over. Noting a value in
//! the library's own histogram took 67 instructions, which was a quarter of an empty task's way through the engine.

use super::counts::Counts;
use super::record::Distribution;
use crate::units::Nanos;

/// An octave of values has two to this power of buckets; below twice as many, every value has its own.
const BUCKET_BITS: u32 = 10;

/// Which bucket a value is counted in.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "below 56 × 1024")]
pub(super) const fn bucket_of(value: u64) -> usize {
    // Below 2048 the shift is zero and the bucket is the value.
    let octave = 63 - (value | (1 << BUCKET_BITS)).leading_zeros();
    let shift = octave - BUCKET_BITS;
    ((shift as usize) << BUCKET_BITS) + (value >> shift) as usize
}

/// The smallest value of a bucket.
pub(super) const fn smallest_of(bucket: usize) -> u64 {
    let shift = (bucket >> BUCKET_BITS).saturating_sub(1);
    ((bucket - (shift << BUCKET_BITS)) as u64) << shift
}

/// The largest value of a bucket.
pub(super) const fn highest_of(bucket: usize) -> u64 {
    smallest_of(bucket) + ((1 << (bucket >> BUCKET_BITS).saturating_sub(1)) - 1)
}

/// Counts of times, in buckets of about 0.1 %; grows to the largest value it sees (27 octaves are a minute and 220 KB).
#[derive(Clone, Debug, Default)]
pub struct Tally {
    counts: Vec<u64>,
}

impl Tally {
    /// Notes one value.
    #[inline]
    pub fn record(&mut self, value: Nanos) {
        let bucket = bucket_of(value.0);
        match self.counts.get_mut(bucket) {
            Some(count) => *count += 1,
            None => self.grow(bucket),
        }
    }

    /// Notes the first value of a bucket beyond all others.
    #[cold]
    #[inline(never)]
    fn grow(&mut self, bucket: usize) {
        // Whole octaves, so that growth is rare.
        self.counts.resize((bucket | ((1 << BUCKET_BITS) - 1)) + 1, 0);
        self.counts[bucket] = 1;
    }

    /// Takes back one value that was noted before.
    pub(super) fn forget(&mut self, value: Nanos) {
        self.counts[bucket_of(value.0)] -= 1;
    }

    /// How many values were noted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Adds everything that `other` noted.
    pub fn merge(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
    }

    /// The counts of everything noted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts::of_buckets((0..).zip(self.counts.iter().copied()))
    }

    /// The summary of everything noted.
    #[must_use]
    pub fn distribution(&self) -> Distribution {
        self.counts().distribution(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Source, Stream};
    use hdrhistogram::Histogram;

    #[test]
    fn a_tally_becomes_the_histogram_that_the_library_would_have_kept() {
        let seed = 7;
        let mut stream = Stream::new(seed, Source::Data, 0, 0);
        let edges = (0..52).flat_map(|octave| [(1_u64 << octave) - 1, 1 << octave, (1 << octave) + 1]);
        let drawn = (0..20_000).map(|_| stream.below(u64::MAX) >> (12 + stream.below(52)));
        let mut library = Histogram::<u64>::new(3).unwrap();
        let (mut left, mut right) = (Tally::default(), Tally::default());
        let mut noted = 0;
        for (index, value) in edges.chain(drawn).enumerate() {
            library.record(value).unwrap();
            if index % 3 == 0 { &mut left } else { &mut right }.record(Nanos(value));
            noted += 1;
        }
        left.merge(&right);
        let mine = left.counts().histogram();
        assert_eq!(left.count(), noted);
        assert_eq!(mine, library, "seed {seed}");
        assert_eq!((mine.min(), mine.max()), (library.min(), library.max()));
        assert!((mine.mean() - library.mean()).abs() < 1e-6);
    }

    #[test]
    fn the_smallest_value_of_a_bucket_is_in_it_and_the_one_before_is_not() {
        for bucket in 1..40 << BUCKET_BITS {
            let smallest = smallest_of(bucket);
            assert_eq!(bucket_of(smallest), bucket);
            assert_eq!(bucket_of(smallest - 1), bucket - 1);
        }
    }
}
