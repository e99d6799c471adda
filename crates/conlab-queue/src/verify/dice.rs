//! What the trials draw: a stream of its own for each thread of each history, so that one can be made again alone.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::SplitMix64;

/// A stream of random numbers.
#[derive(Debug)]
pub(super) struct Dice(SplitMix64);

impl Dice {
    /// The stream of `thread` in history `number` under `seed`.
    pub(super) fn new(seed: u64, thread: u64, number: u64) -> Self {
        // Each number takes a step of the generator, whose output is a bijection that avalanches.
        let key = [thread, number].into_iter().fold(seed, |key, part| {
            SplitMix64::from_seed((key ^ part.wrapping_mul(0x9e6c_63d0_976a_9e4b)).to_le_bytes()).next_u64()
        });
        Self(SplitMix64::from_seed(key.to_le_bytes()))
    }

    /// The next 64 random bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in `0..bound`, which must not be zero (multiply-shift; the bias is below `bound / 2^64`).
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn a_stream_is_a_function_of_seed_thread_and_number() {
        let first = |seed, thread, number| Dice::new(seed, thread, number).bits();
        assert_eq!(first(1, 2, 3), first(1, 2, 3));
        for other in [first(2, 2, 3), first(1, 3, 2), first(1, 3, 3), first(1, 2, 4)] {
            assert_ne!(first(1, 2, 3), other);
        }
        let drawn: Vec<u64> = (0..100).map(|number| Dice::new(7, 0, number).below(3)).collect();
        assert!((0..3).all(|value| drawn.contains(&value)) && drawn.iter().all(|&value| value < 3));
    }
}
