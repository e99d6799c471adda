//! Randomness by name: one seeded stream for each source of chance and each task.
//!
//! A stream is a function of seed, source and index alone, so a task draws the same numbers in every treatment
//! and on every engine whatever runs around it (common random numbers), and adding a source shifts no other.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::SplitMix64;

/// What a stream of random numbers is for. The number is part of every seed: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Source {
    /// Instants at which open load arrives; index: actor.
    Arrivals = 1,
    /// Think times of a closed load's clients; index: task.
    Think = 2,
    /// What a task needs, in the order of its program; index: task.
    Service = 3,
    /// Choices of the virtual scheduler; index: replicate.
    Scheduler = 4,
    /// Resampling in statistics; index: resample.
    Bootstrap = 5,
    /// The order in which treatments are run; index: round.
    Order = 6,
    /// Generated data (corpora, keys laid out at start); index: item.
    Data = 7,
    /// Histories of `verify`; index: history.
    History = 8,
    /// Kinds of a load's tasks; index: task.
    Mix = 9,
    /// How long tasks wait before they give up; index: task.
    Patience = 10,
    /// How much waits between attempts vary; index: task.
    Jitter = 11,
    /// Lengths of events and gaps between them; index: event.
    Event = 12,
    /// Which instance of an actor a message goes to; index: message.
    Route = 13,
    /// How long each wake-up of the virtual scheduler takes; index: replicate.
    WakeUps = 14,
    /// How long workers that died are away; index: death.
    Restart = 15,
}

/// All streams of one source and owner: what their keys have in common, so that another one costs a fourth.
///
/// ```
/// use conlab_sim::random::{Source, Stream, Streams};
/// let clients = Streams::new(18, Source::Think, 3);
/// assert_eq!(clients.stream(7).bits(), Stream::new(18, Source::Think, 3, 7).bits());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Streams(u64);

impl Streams {
    /// The streams of `source` (of `owner`, an actor or client) under `seed`.
    #[must_use]
    pub const fn new(seed: u64, source: Source, owner: u64) -> Self {
        let mut key = mix(seed ^ 0x9e37_79b9_7f4a_7c15);
        key = mix(key ^ (source as u64).wrapping_mul(0xd1b5_4a32_d192_ed03));
        Self(mix(key ^ owner.wrapping_mul(0xaef1_7502_108e_f2d9)))
    }

    /// The stream number `index`.
    #[inline]
    #[must_use]
    pub fn stream(self, index: u64) -> Stream {
        let key = mix(self.0 ^ index.wrapping_mul(0x9e6c_63d0_976a_9e4b));
        Stream(SplitMix64::from_seed(key.to_le_bytes()))
    }
}

/// A stream of random numbers, cheap enough to make one for every task.
///
/// Not for secrets: whoever knows the seed knows every number.
///
/// ```
/// use conlab_sim::random::{Source, Stream};
/// let mut stream = Stream::new(18, Source::Service, 0, 0);
/// let (die, share) = (1 + stream.below(6), stream.unit());
/// assert!((1..=6).contains(&die) && (0.0..1.0).contains(&share));
/// // The same names, the same numbers: on every machine, whatever else is drawn.
/// assert_eq!(die, 1 + Stream::new(18, Source::Service, 0, 0).below(6));
/// ```
#[derive(Clone, Debug)]
pub struct Stream(SplitMix64);

impl Stream {
    /// The stream of `source` number `index` (of `owner`, an actor or client) under `seed`.
    #[must_use]
    pub fn new(seed: u64, source: Source, owner: u64, index: u64) -> Self {
        Streams::new(seed, source, owner).stream(index)
    }

    /// The next 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in `[0, 1)`, 53 bits.
    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Uniform in `(0, 1]`, for logarithms.
    #[inline]
    pub fn positive_unit(&mut self) -> f64 {
        1.0 - self.unit()
    }

    /// Uniform in `0..bound`; `bound` must not be zero.
    ///
    /// Multiply-shift (Lemire 2019) without rejection: the bias is below `bound / 2^64`.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// Shuffles `items` uniformly (Fisher, Yates; Durstenfeld 1964).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            #[expect(clippy::cast_possible_truncation, reason = "below last + 1, a usize")]
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }
}

/// A bijection that avalanches: every input bit reaches every output bit (variant 13 of Stafford's mixers).
///
/// ```
/// use conlab_sim::random::mix;
/// assert_ne!(mix(1), mix(2));
/// assert_eq!(mix(0), 0, "zero is its own image: add a constant where that matters");
/// ```
#[inline]
#[must_use]
pub const fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_a_function_of_seed_source_owner_and_index() {
        let first = |seed, source, owner, index| Stream::new(seed, source, owner, index).bits();
        let base = first(1, Source::Service, 2, 3);
        assert_eq!(base, first(1, Source::Service, 2, 3));
        assert_ne!(base, first(2, Source::Service, 2, 3));
        assert_ne!(base, first(1, Source::Think, 2, 3));
        assert_ne!(base, first(1, Source::Service, 3, 3));
        assert_ne!(base, first(1, Source::Service, 2, 4));
    }

    #[test]
    fn below_stays_below_and_reaches_both_ends() {
        let mut stream = Stream::new(7, Source::Data, 0, 0);
        let drawn: Vec<u64> = (0..1000).map(|_| stream.below(3)).collect();
        assert!((0..3).all(|value| drawn.contains(&value)));
        assert!(drawn.iter().all(|&value| value < 3));
    }
}
