//! Work: amounts of it, never deadlines.
//!
//! A unit is one link of a dependent instruction chain, which no processor can overlap with the next. How many
//! links make a microsecond is measured once per process; from then on "12 ms of compute" is a number of links,
//! so that losing the processor, the cache or clock speed lengthens it.

use crate::clock::Clock;
use crate::random::{Source, Stream};
use crate::units::Nanos;
use flate2::{Compression, write::ZlibEncoder};
use std::{hint::black_box, io::Write, sync::OnceLock};

/// Rounds of calibration; the fastest counts, because everything that disturbs a round only lengthens it.
const ROUNDS: u32 = 24;
/// Links in one round: about a millisecond.
const LINKS_PER_ROUND: u64 = 1_000_000;
/// Work between two looks at whether the run has been stopped.
pub(super) const STOP_CHECK: Nanos = Nanos::from_micros(100);

/// The calibrated rate of work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    links_per_nano: f64,
}

impl Work {
    /// The rate on this host; measured at the first call (some 25 ms).
    pub(super) fn calibrated() -> Self {
        static RATE: OnceLock<f64> = OnceLock::new();
        Self { links_per_nano: *RATE.get_or_init(measure) }
    }

    /// How many links `time` of undisturbed work has.
    #[expect(clippy::cast_precision_loss, reason = "2^53 ns is 104 days")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "float casts saturate")]
    pub(super) fn links(self, time: Nanos) -> u64 {
        (time.0 as f64 * self.links_per_nano) as u64
    }

    /// The rate, for manifests.
    pub(super) fn describe(self) -> String {
        format!(
            "{:.1} links of work per µs, fastest of {ROUNDS} rounds of {LINKS_PER_ROUND}",
            self.links_per_nano * 1e3
        )
    }
}

/// Does `links` links of work, starting from `seed`, and returns where the chain ended.
#[inline(never)]
pub(crate) fn chain(links: u64, seed: u64) -> u64 {
    let mut word = seed;
    for _ in 0..links {
        // The barrier keeps the compiler from finding a closed form.
        word = black_box(word.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23));
    }
    word
}

#[expect(clippy::cast_precision_loss, reason = "a rate")]
fn measure() -> f64 {
    let clock = Clock::get();
    let mut word = 1;
    let fastest = (0..ROUNDS)
        .map(|_| {
            let start = clock.now();
            word = chain(LINKS_PER_ROUND, word);
            (clock.now() - start).0.max(1)
        })
        .min()
        .unwrap_or(1);
    black_box(word);
    LINKS_PER_ROUND as f64 / fastest as f64
}

/// Memory that one worker streams through, grown to the largest working set it was asked for.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    words: Vec<u64>,
}

/// Words in a cache line.
const LINE: usize = 8;

impl Memory {
    /// Reads and writes every line of `bytes` once.
    pub(crate) fn touch(&mut self, bytes: u64) {
        let words = usize::try_from(bytes.div_ceil(8)).unwrap_or(usize::MAX);
        if self.words.len() < words {
            self.words.resize(words, 1);
        }
        for line in self.words[..words].iter_mut().step_by(LINE) {
            *line = black_box(line.wrapping_add(1));
        }
    }
}

/// Text to compress, and room for the result; one for each worker.
#[derive(Debug, Default)]
pub(crate) struct Corpus {
    text: Vec<u8>,
    packed: Vec<u8>,
    /// Bytes that went in.
    pub(super) input: u64,
    /// Bytes that came out.
    pub(super) output: u64,
}

impl Corpus {
    /// Compresses `bytes` of generated text with zlib at level 6.
    pub(crate) fn compress(&mut self, bytes: u64, seed: u64) {
        let length = usize::try_from(bytes).unwrap_or(usize::MAX);
        if self.text.len() < length {
            write_text(&mut self.text, length, seed);
        }
        self.packed.clear();
        let mut encoder = ZlibEncoder::new(std::mem::take(&mut self.packed), Compression::new(6));
        // Writing to memory cannot fail.
        if encoder.write_all(&self.text[..length]).is_ok()
            && let Ok(packed) = encoder.finish()
        {
            self.packed = packed;
        }
        self.input += bytes;
        self.output += self.packed.len() as u64;
        black_box(&self.packed);
    }
}

/// Words of a made-up language whose frequencies fall as 1/rank, as in real text, so that it compresses like text.
fn write_text(text: &mut Vec<u8>, length: usize, seed: u64) {
    let mut stream = Stream::new(seed, Source::Data, 0, 0);
    let words: Vec<Vec<u8>> = (0..2000)
        .map(|_| {
            (0..2 + stream.below(8)).map(|_| b'a' + u8::try_from(stream.below(26)).unwrap_or(0)).collect()
        })
        .collect();
    while text.len() < length {
        // Inverse of the integral of 1/rank: ranks up to `words.len()`, log-uniform.
        let rank = libm::pow(2000.0, stream.unit());
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 2000")]
        let word = &words[rank as usize - 1];
        text.extend_from_slice(word);
        text.push(b' ');
    }
    text.truncate(length);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_proportional_to_the_time_asked_for() {
        let work = Work::calibrated();
        let (short, long) = (work.links(Nanos::from_micros(10)), work.links(Nanos::from_micros(1000)));
        assert!(short > 0);
        assert!(long.abs_diff(short * 100) <= 100);
        assert_eq!(chain(3, chain(2, 7)), chain(5, 7));
    }

    #[test]
    fn generated_text_compresses_like_text() {
        let mut corpus = Corpus::default();
        corpus.compress(256 * 1024, 18);
        let ratio = 256.0 * 1024.0 / f64::from(u32::try_from(corpus.output).unwrap());
        assert!((2.0..5.0).contains(&ratio), "{ratio}");
        let mut packed = flate2::read::ZlibDecoder::new(&corpus.packed[..]);
        let mut back = Vec::new();
        std::io::Read::read_to_end(&mut packed, &mut back).unwrap();
        assert!(back == corpus.text[..256 * 1024]);
    }
}
