//! Scaled dot-product attention on the processor, f32: plain, and tiled with an online softmax.
//!
//! Both compute `softmax(Q·Kᵀ/√d)·V` for one head, unmasked. The plain form writes the whole `n × n` matrix of
//! scores and reads it back twice (maximum and exponentials, then the product with `V`). The tiled form holds a tile
//! of scores at a time and corrects what it has summed whenever it meets a larger maximum, so its working set does
//! not grow with `n`². Both use the same inner loops, so that only the order of the work differs.

use crate::clock;
use crate::random::{Source, Stream};
use crate::units::Nanos;

/// Partial sums of a dot product, so that the compiler may use vector registers.
const LANES: usize = 16;

/// The inputs of one head: three matrices of `tokens × width`, row after row.
#[derive(Clone, Debug)]
pub struct Head {
    tokens: usize,
    width: usize,
    queries: Vec<f32>,
    keys: Vec<f32>,
    values: Vec<f32>,
}

/// Sizes of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Query rows, at least 1.
    pub rows: usize,
    /// Keys, at least 1.
    pub keys: usize,
}

impl Default for Tile {
    /// 32 × 128 scores: 16 KiB, beside as much of `K` and `V` in a second-level cache.
    fn default() -> Self {
        Self { rows: 32, keys: 128 }
    }
}

impl Head {
    /// A head with entries uniform in −1..1.
    #[must_use]
    pub fn random(tokens: usize, width: usize, seed: u64) -> Self {
        let matrix = |owner| {
            let mut stream = Stream::new(seed, Source::Data, owner, 0);
            #[expect(clippy::cast_possible_truncation, reason = "any f32 near will do")]
            (0..tokens * width).map(|_| (2.0 * stream.unit() - 1.0) as f32).collect()
        };
        Self { tokens, width, queries: matrix(0), keys: matrix(1), values: matrix(2) }
    }

    /// Length of the sequence.
    #[must_use]
    pub const fn tokens(&self) -> usize {
        self.tokens
    }

    /// Attention with the whole matrix of scores in `scores`, which is resized to `tokens²`; the result goes to
    /// `out`, resized to `tokens × width`.
    pub fn plain(&self, scores: &mut Vec<f32>, out: &mut Vec<f32>) {
        let (n, d) = (self.tokens, self.width);
        scores.resize(n * n, 0.0);
        out.clear();
        out.resize(n * d, 0.0);
        for (query, row) in self.queries.chunks_exact(d).zip(scores.chunks_exact_mut(n)) {
            self.score(query, &self.keys, row);
        }
        for row in scores.chunks_exact_mut(n) {
            let most = largest(row);
            let sum = exponentials(row, most);
            row.iter_mut().for_each(|weight| *weight /= sum);
        }
        for (row, out) in scores.chunks_exact(n).zip(out.chunks_exact_mut(d)) {
            accumulate(row, &self.values, out);
        }
    }

    /// Attention tile by tile with an online softmax; the result goes to `out`, resized to `tokens × width`.
    ///
    /// # Source
    ///
    /// Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018); Dao, "FlashAttention-2" (2023),
    /// whose order this is: queries outside, keys inside, one division at the end.
    pub fn tiled(&self, tile: Tile, out: &mut Vec<f32>) {
        let (d, keys) = (self.width, tile.keys.max(1));
        let rows = tile.rows.max(1);
        out.clear();
        out.resize(self.tokens * d, 0.0);
        let mut scores = vec![0.0; keys];
        let mut softmax = vec![(f32::NEG_INFINITY, 0.0_f32); rows];
        for (queries, out) in self.queries.chunks(rows * d).zip(out.chunks_mut(rows * d)) {
            softmax.fill((f32::NEG_INFINITY, 0.0));
            for (keys, values) in self.keys.chunks(keys * d).zip(self.values.chunks(keys * d)) {
                let scores = &mut scores[..keys.len() / d];
                let each = queries.chunks_exact(d).zip(out.chunks_exact_mut(d)).zip(&mut softmax);
                for ((query, out), (most, sum)) in each {
                    self.score(query, keys, scores);
                    let larger = most.max(largest(scores));
                    let correction = if larger > *most { exponential(*most - larger) } else { 1.0 };
                    if correction < 1.0 {
                        out.iter_mut().for_each(|value| *value *= correction);
                    }
                    *sum = *sum * correction + exponentials(scores, larger);
                    *most = larger;
                    accumulate(scores, values, out);
                }
            }
            for (out, (_, sum)) in out.chunks_exact_mut(d).zip(&softmax) {
                out.iter_mut().for_each(|value| *value /= sum);
            }
        }
    }

    /// `row[j] = query · keys[j] / √width`.
    fn score(&self, query: &[f32], keys: &[f32], row: &mut [f32]) {
        #[expect(clippy::cast_precision_loss, reason = "widths are small")]
        let scale = 1.0 / (self.width as f32).sqrt();
        for (key, score) in keys.chunks_exact(self.width).zip(row) {
            *score = dot(query, key) * scale;
        }
    }
}

/// Dot product in [`LANES`] partial sums.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (a_lanes, b_lanes) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_lanes.remainder().iter().zip(b_lanes.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_lanes.zip(b_lanes) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// The largest of some scores.
fn largest(scores: &[f32]) -> f32 {
    scores.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

/// Replaces each score by `exp(score − most)` and returns their sum, in [`LANES`] partial sums.
fn exponentials(scores: &mut [f32], most: f32) -> f32 {
    for score in scores.iter_mut() {
        *score = exponential(*score - most);
    }
    let lanes = scores.chunks_exact(LANES);
    let rest: f32 = lanes.remainder().iter().sum();
    let mut sums = [0.0_f32; LANES];
    for chunk in lanes {
        for lane in 0..LANES {
            sums[lane] += chunk[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// `exp(x)` for `x` of at most 0, to within 6e-6 of its value (3e-7 near 0), without branches, so that a loop over it may use vector
/// registers; the library's is a call for each element and would drown what the kernels differ in. Below −87, where the
/// true value is under 1e-38, it stays at about that.
///
/// `2^t` with `t = x·log₂e` is split into a whole power, added to the exponent's bits, and a fraction in −0.5..0.5 by
/// the Taylor polynomial of degree 6.
fn exponential(x: f32) -> f32 {
    /// 1.5 · 2²³: adding it rounds to a whole number, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let t = (x * std::f32::consts::LOG2_E).max(-125.0);
    let shifted = t + ROUND;
    let y = (t - (shifted - ROUND)) * std::f32::consts::LN_2;
    let tail = 1.0 / 6.0 + y * (1.0 / 24.0 + y * (1.0 / 120.0 + y * (1.0 / 720.0)));
    let power = 1.0 + y * (1.0 + y * (0.5 + y * tail));
    f32::from_bits(power.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// `out += Σ weights[j] · values[j]`.
fn accumulate(weights: &[f32], values: &[f32], out: &mut [f32]) {
    for (weight, value) in weights.iter().zip(values.chunks_exact(out.len())) {
        for (out, value) in out.iter_mut().zip(value) {
            *out += weight * value;
        }
    }
}

/// The largest difference between two results.
#[must_use]
pub fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// What a trial of both forms found.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Times of the plain form, one for each round.
    pub plain: Vec<Nanos>,
    /// Times of the tiled form, in the same rounds.
    pub tiled: Vec<Nanos>,
    /// The largest difference between their results.
    pub difference: f32,
}

/// Times both forms, interleaved and in alternating order, `rounds` times after one round that is not counted.
#[must_use]
pub fn trial(head: &Head, tile: Tile, rounds: usize) -> Trial {
    let (mut scores, mut plain, mut tiled) = (Vec::new(), Vec::new(), Vec::new());
    let mut found = Trial { plain: Vec::new(), tiled: Vec::new(), difference: 0.0 };
    for round in 0..=rounds {
        let (mut of_plain, mut of_tiled) = (Nanos::ZERO, Nanos::ZERO);
        for turn in 0..2 {
            if (turn + round) % 2 == 0 {
                of_plain = timed(|| head.plain(&mut scores, &mut plain));
            } else {
                of_tiled = timed(|| head.tiled(tile, &mut tiled));
            }
        }
        if round > 0 {
            found.plain.push(of_plain);
            found.tiled.push(of_tiled);
        }
    }
    found.difference = largest_difference(&plain, &tiled);
    found
}

/// Times the plain form with buffers allocated for every pass and with buffers kept, interleaved and in alternating
/// order, `rounds` times after one round that is not counted.
#[must_use]
pub fn buffers_trial(head: &Head, rounds: usize) -> (Vec<Nanos>, Vec<Nanos>) {
    let (mut scores, mut out) = (Vec::new(), Vec::new());
    let (mut fresh, mut kept) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let (mut of_fresh, mut of_kept) = (Nanos::ZERO, Nanos::ZERO);
        for turn in 0..2 {
            if (turn + round) % 2 == 0 {
                of_fresh = timed(|| head.plain(&mut Vec::new(), &mut Vec::new()));
            } else {
                of_kept = timed(|| head.plain(&mut scores, &mut out));
            }
        }
        if round > 0 {
            fresh.push(of_fresh);
            kept.push(of_kept);
        }
    }
    (fresh, kept)
}

/// How long `work` took.
fn timed(work: impl FnOnce()) -> Nanos {
    let start = clock::now();
    work();
    clock::now().saturating_sub(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, in f64, without any of the helpers.
    fn reference(head: &Head) -> Vec<f32> {
        let d = head.width;
        let at = |matrix: &[f32], row: usize, column: usize| f64::from(matrix[row * d + column]);
        let mut out = Vec::new();
        for query in 0..head.tokens {
            let weights: Vec<f64> = (0..head.tokens)
                .map(|key| {
                    let score: f64 =
                        (0..d).map(|c| at(&head.queries, query, c) * at(&head.keys, key, c)).sum();
                    (score / (d as f64).sqrt()).exp()
                })
                .collect();
            let sum: f64 = weights.iter().sum();
            for column in 0..d {
                let value: f64 =
                    (0..head.tokens).map(|key| weights[key] * at(&head.values, key, column)).sum();
                #[expect(clippy::cast_possible_truncation, reason = "compared within 1e-5")]
                out.push((value / sum) as f32);
            }
        }
        out
    }

    #[test]
    fn both_forms_agree_with_the_definition() {
        for (tokens, width, tile) in [
            (1, 1, Tile { rows: 1, keys: 1 }),
            (7, 5, Tile { rows: 2, keys: 3 }),
            (64, 16, Tile { rows: 64, keys: 64 }),
            (100, 64, Tile::default()),
            (257, 20, Tile { rows: 9, keys: 31 }),
        ] {
            let head = Head::random(tokens, width, 18);
            let (mut scores, mut plain, mut tiled) = (Vec::new(), Vec::new(), Vec::new());
            head.plain(&mut scores, &mut plain);
            head.tiled(tile, &mut tiled);
            let expected = reference(&head);
            assert!(largest_difference(&plain, &expected) < 1e-5, "plain, {tokens} × {width}");
            assert!(largest_difference(&tiled, &expected) < 1e-5, "tiled, {tokens} × {width}");
            assert!(largest_difference(&tiled, &plain) < 1e-5, "{tokens} × {width}");
        }
    }

    #[test]
    fn the_exponential_is_as_good_as_the_library_s() {
        for step in 0..=86_000 {
            let x = -step as f32 / 1000.0;
            let (found, expected) = (f64::from(exponential(x)), f64::from(x).exp());
            assert!((found / expected - 1.0).abs() < 6e-6, "exp({x}) = {found}, not {expected}");
        }
        assert!(exponential(f32::NEG_INFINITY) < 1e-37 && (exponential(0.0) - 1.0).abs() < 1e-7);
    }

    #[test]
    fn large_scores_do_not_overflow_and_need_the_correction() {
        let mut head = Head::random(96, 8, 3);
        // Keys grow along the sequence, so nearly every tile brings a new maximum; exp of the raw scores is infinite.
        for (index, key) in head.keys.iter_mut().enumerate() {
            *key *= 1.0 + (index / 8) as f32 * 4.0;
        }
        let (mut scores, mut plain, mut tiled) = (Vec::new(), Vec::new(), Vec::new());
        head.plain(&mut scores, &mut plain);
        head.tiled(Tile { rows: 4, keys: 8 }, &mut tiled);
        assert!(plain.iter().all(|value| value.is_finite()));
        assert!(largest_difference(&plain, &tiled) < 1e-5);
        // The comparison itself can fail: one tile for everything but the last keys is another result.
        head.keys.truncate(88 * 8);
        head.values.truncate(88 * 8);
        let mut short = Vec::new();
        head.tiled(Tile { rows: 4, keys: 8 }, &mut short);
        assert!(largest_difference(&plain, &short) > 1e-5);
    }

    #[test]
    fn a_trial_times_every_round_of_both() {
        let found = trial(&Head::random(32, 16, 1), Tile::default(), 4);
        assert_eq!((found.plain.len(), found.tiled.len()), (4, 4));
        assert!(found.difference < 1e-5);
    }
}
