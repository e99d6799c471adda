//! Real compression of texts whose entropy is known, so that a ratio can be set against what is possible.
//!
//! A corpus is a sequence of independent draws from a known distribution: of bytes, or of words whose frequencies fall
//! as 1/rank. Its entropy per byte follows from the distribution, and no lossless code beats 8 bits over it by more than
//! chance.

use crate::clock;
use crate::random::{Source, Stream};
use crate::units::Nanos;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use std::io::Write;

/// Bytes of a corpus: enough for the code to settle, small enough for the second-level cache.
const BYTES: usize = 256 * 1024;
/// Distinct words of the text-like corpus.
const WORDS: u32 = 2000;

/// A kind of corpus.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Corpus {
    /// Its name.
    pub name: &'static str,
    /// Whether it is made of words.
    pub is_text: bool,
    /// Distinct bytes, each as likely as any other; for text, nothing.
    pub alphabet: u32,
}

/// The corpora, from redundant to incompressible.
pub const CORPORA: [Corpus; 5] = [
    Corpus { name: "2 symbols", is_text: false, alphabet: 2 },
    Corpus { name: "4 symbols", is_text: false, alphabet: 4 },
    Corpus { name: "words by 1/rank", is_text: true, alphabet: 0 },
    Corpus { name: "64 symbols", is_text: false, alphabet: 64 },
    Corpus { name: "256 symbols", is_text: false, alphabet: 256 },
];

/// What compressing a corpus gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trial {
    /// Entropy of the source, in bits per byte.
    pub entropy: f64,
    /// Bytes in, of all rounds.
    pub input: u64,
    /// Bytes out.
    pub output: u64,
    /// Time in the compressor.
    pub time: Nanos,
    /// Rounds made.
    pub rounds: u64,
}

impl Trial {
    /// Bytes in over bytes out.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "bytes of one trial")]
    pub fn ratio(&self) -> f64 {
        self.input as f64 / self.output.max(1) as f64
    }

    /// Bytes in over time, in 10⁶ bytes a second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "bytes of one trial")]
    pub fn megabytes_per_second(&self) -> f64 {
        self.input as f64 / 1e6 / self.time.as_secs_f64().max(1e-9)
    }
}

/// Compresses `rounds` texts of a corpus with zlib at level 6, at least one and none after `deadline`.
///
/// # Errors
///
/// The compressor's own, when there is no memory for it.
pub fn compress(corpus: Corpus, rounds: u64, deadline: Nanos) -> std::io::Result<Trial> {
    let mut trial = Trial { entropy: corpus.entropy(), input: 0, output: 0, time: Nanos::ZERO, rounds: 0 };
    let mut packed = Vec::new();
    for round in 0..rounds.max(1) {
        let text = corpus.text(round);
        packed.clear();
        let start = clock::now();
        let mut encoder = ZlibEncoder::new(&mut packed, Compression::new(6));
        encoder.write_all(&text)?;
        encoder.finish()?;
        let end = clock::now();
        trial.time += end.saturating_sub(start);
        trial.input += text.len() as u64;
        trial.output += packed.len() as u64;
        trial.rounds += 1;
        if end >= deadline {
            break;
        }
    }
    Ok(trial)
}

impl Corpus {
    /// Entropy of the source in bits per byte.
    #[must_use]
    pub fn entropy(&self) -> f64 {
        if !self.is_text {
            return f64::from(self.alphabet).log2();
        }
        let words = vocabulary();
        let weights: Vec<f64> = (0..WORDS).map(weight).collect();
        let bits: f64 = weights.iter().map(|weight| -weight * weight.log2()).sum();
        #[expect(clippy::cast_precision_loss, reason = "letters of a word")]
        let letters: f64 =
            words.iter().zip(&weights).map(|(word, weight)| weight * (word.len() + 1) as f64).sum();
        bits / letters
    }

    /// The text of this round.
    fn text(&self, round: u64) -> Vec<u8> {
        let mut stream = Stream::new(18, Source::Data, u64::from(self.alphabet), round);
        if !self.is_text {
            let byte =
                |stream: &mut Stream| u8::try_from(stream.below(u64::from(self.alphabet))).unwrap_or(u8::MAX);
            return (0..BYTES).map(|_| byte(&mut stream)).collect();
        }
        let words = vocabulary();
        let mut text = Vec::with_capacity(BYTES + 16);
        while text.len() < BYTES {
            // Inverse of the distribution: rank r + 1 covers log(r + 2) − log(r + 1) of log(WORDS + 1).
            let rank = libm::pow(f64::from(WORDS) + 1.0, stream.unit());
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between 1 and WORDS + 1"
            )]
            let word = &words[(rank as usize - 1).min(words.len() - 1)];
            text.extend_from_slice(word);
            text.push(b' ');
        }
        text
    }
}

/// Probability of the word of rank `rank`, from 0: falls as 1/rank.
fn weight(rank: u32) -> f64 {
    let rank = f64::from(rank);
    ((rank + 2.0) / (rank + 1.0)).ln() / (f64::from(WORDS) + 1.0).ln()
}

/// The words, the same for every text.
fn vocabulary() -> Vec<Vec<u8>> {
    let mut stream = Stream::new(18, Source::Data, u64::MAX, 0);
    (0..WORDS)
        .map(|_| {
            (0..2 + stream.below(8)).map(|_| b'a' + u8::try_from(stream.below(26)).unwrap_or(0)).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_ratio_beats_the_entropy_and_order_is_kept() {
        let mut before = f64::INFINITY;
        for corpus in CORPORA {
            let trial = compress(corpus, 2, Nanos::MAX).unwrap();
            let bound = 8.0 / trial.entropy;
            // A sample's own entropy lies a little beside its source's.
            assert!(trial.ratio() <= bound * 1.02, "{}: {} of {bound}", corpus.name, trial.ratio());
            // zlib sees words as letters, so it comes half as far on text.
            let least = if corpus.is_text { 0.4 } else { 0.7 };
            assert!(trial.ratio() > least * bound, "{}: {} of {bound}", corpus.name, trial.ratio());
            assert!(trial.ratio() < before, "{}", corpus.name);
            before = trial.ratio();
        }
    }

    #[test]
    fn the_weights_are_a_distribution() {
        let sum: f64 = (0..WORDS).map(weight).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    }
}
