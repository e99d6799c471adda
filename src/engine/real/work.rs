//! Work: amounts of it, never deadlines.
//!
//! A unit is one link of a dependent instruction chain, which no processor can overlap with the next. What a link takes is
//! measured once per process, and what it costs to stop between two pieces and look around; from then on "12 ms of
//! compute" is a number of links in pieces, so that losing the processor, the cache or clock speed lengthens it. The loop
//! that is measured is the loop that is used, and each run measures how far it is off.

use crate::clock::Clock;
use crate::random::{Source, Stream};
use crate::units::Nanos;
use flate2::{Compression, write::ZlibEncoder};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{hint::black_box, io::Write};

/// Rounds of calibration; the fastest counts, because everything that disturbs a round only lengthens it.
const ROUNDS: u32 = 24;
/// Links in one round: about a millisecond.
const LINKS_PER_ROUND: u64 = 1_000_000;
/// Links of a piece in the rounds that measure what stopping costs: some fifth of a microsecond.
const SHORT_PIECE: u64 = 200;
/// Work between two looks at whether the run has been stopped.
pub(super) const STOP_CHECK: Nanos = Nanos::from_micros(100);
/// Work by which a run measures how exact it is, and the pieces that it comes in: those of an interpreter lock.
const TRIAL: Nanos = Nanos::from_millis(1);
const TRIAL_PIECE: Nanos = Nanos::from_micros(1);
/// Trials of a run; the nearest to what was asked for counts.
const TRIALS: u32 = 5;

/// What work costs on this host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    /// Nanoseconds that a link takes.
    link: f64,
    /// Nanoseconds that a piece takes beyond its links.
    piece: f64,
}

/// An amount of work in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pieces {
    /// All links of it.
    pub(super) links: u64,
    /// Links of one piece, at least 1; the last one may have fewer.
    pub(super) piece: u64,
}

impl Work {
    /// What it costs on this host; measured at the first call (some 50 ms).
    pub(crate) fn calibrated() -> Self {
        static WORK: OnceLock<Work> = OnceLock::new();
        *WORK.get_or_init(measure)
    }

    /// The pieces of `amount` of undisturbed work that looks around after each `poll`.
    #[expect(clippy::cast_precision_loss, reason = "2^53 ns is 104 days")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "float casts saturate")]
    pub(super) fn pieces(self, amount: Nanos, poll: Nanos) -> Pieces {
        let piece = ((poll.0 as f64 - self.piece) / self.link).max(1.0) as u64;
        let time = piece as f64 * self.link + self.piece;
        let whole = (amount.0 as f64 / time).floor();
        let rest = amount.0 as f64 - whole * time - self.piece;
        Pieces { links: (whole as u64).saturating_mul(piece) + (rest / self.link).max(0.0) as u64, piece }
    }

    /// How much longer (or, below zero, shorter) work in pieces takes now than was asked for, as a share: the smallest of
    /// some trials of a millisecond, because everything that disturbs one lengthens it.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds")]
    pub(crate) fn error(self) -> f64 {
        let clock = Clock::get();
        let looks = Looks::default();
        (0..TRIALS)
            .map(|_| {
                let start = clock.now();
                in_pieces(self.pieces(TRIAL, TRIAL_PIECE), || looks.look()).ok();
                (clock.now() - start).0 as f64 / TRIAL.0 as f64 - 1.0
            })
            .fold(f64::INFINITY, f64::min)
    }

    /// The rate, for manifests.
    pub(super) fn describe(self) -> String {
        format!(
            "{:.1} links of work per µs, fastest of {ROUNDS} rounds of {LINKS_PER_ROUND}; {:.1} ns more a piece",
            1e3 / self.link,
            self.piece
        )
    }
}

/// What a performer looks at between two pieces.
#[derive(Debug, Default)]
struct Looks {
    requested: AtomicBool,
    stopped: AtomicBool,
}

impl Looks {
    fn look(&self) -> Result<(), ()> {
        let looks = self.requested.load(Ordering::Relaxed) || self.stopped.load(Ordering::Relaxed);
        if looks { Err(()) } else { Ok(()) }
    }
}

/// Does work in pieces, and looks around between them; ends early when `look` fails.
#[inline]
pub(super) fn in_pieces<E>(work: Pieces, mut look: impl FnMut() -> Result<(), E>) -> Result<(), E> {
    let mut left = work.links;
    let mut word = left;
    while left > work.piece {
        word = chain(work.piece, word);
        left -= work.piece;
        look()?;
    }
    black_box(chain(left, word));
    Ok(())
}

/// Does `links` links of work, starting from `seed`, and returns where the chain ended.
///
/// Each link needs the one before it, and no compiler finds a closed form of a product that is rotated, so nothing has to
/// hold it back. A barrier would: `black_box` hands the word through memory, and what that costs depends on the processor
/// and on how long the loop has been running (twice the time in pieces of a microsecond, on one that predicts it late).
#[inline(never)]
pub(crate) fn chain(links: u64, seed: u64) -> u64 {
    let mut word = seed;
    for _ in 0..links {
        word = word.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
    }
    word
}

/// What a link takes, and what stopping after a piece adds.
#[expect(clippy::cast_precision_loss, reason = "a rate")]
fn measure() -> Work {
    let clock = Clock::get();
    let fastest = |piece: u64| {
        let looks = Looks::default();
        let round = Pieces { links: LINKS_PER_ROUND, piece };
        (0..ROUNDS)
            .map(|_| {
                let start = clock.now();
                in_pieces(round, || looks.look()).ok();
                (clock.now() - start).0.max(1)
            })
            .min()
            .unwrap_or(1) as f64
    };
    let link = fastest(LINKS_PER_ROUND) / LINKS_PER_ROUND as f64;
    let pieces = (LINKS_PER_ROUND / SHORT_PIECE) as f64;
    // Whatever a machine does meanwhile, a stop costs no more than its piece.
    let most = SHORT_PIECE as f64 * link;
    let piece = ((fastest(SHORT_PIECE) - link * LINKS_PER_ROUND as f64) / pieces).clamp(0.0, most);
    Work { link, piece }
}

/// Memory that one worker streams through, grown to the largest working set it was asked for.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    words: Vec<u64>,
}

/// Words in a cache line.
const LINE: usize = 8;
/// Words in a megabyte.
const PART: usize = 1 << 17;
/// Bytes that are compressed between two looks: some milliseconds.
const PORTION: usize = 64 * 1024;

impl Memory {
    /// Reads and writes every line of `bytes` once, as long as `look` has nothing against it, which is asked once a
    /// megabyte.
    pub(crate) fn touch<E>(&mut self, bytes: u64, mut look: impl FnMut() -> Result<(), E>) -> Result<(), E> {
        let words = usize::try_from(bytes.div_ceil(8)).unwrap_or(usize::MAX);
        while self.words.len() < words {
            // The system hands pages out when they are written, so growing takes its time too.
            self.words.reserve_exact(words - self.words.len());
            self.words.resize(words.min(self.words.len() + PART), 1);
            look()?;
        }
        for part in self.words[..words].chunks_mut(PART) {
            for line in part.iter_mut().step_by(LINE) {
                *line = black_box(line.wrapping_add(1));
            }
            look()?;
        }
        Ok(())
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
    /// Compresses `bytes` of generated text with zlib at level 6, as long as `look` has nothing against it.
    pub(crate) fn compress<E>(
        &mut self,
        bytes: u64,
        seed: u64,
        mut look: impl FnMut() -> Result<(), E>,
    ) -> Result<(), E> {
        let length = usize::try_from(bytes).unwrap_or(usize::MAX);
        while self.text.len() < length {
            let until = length.min(self.text.len() + PORTION);
            write_text(&mut self.text, until, seed);
            look()?;
        }
        self.packed.clear();
        let mut encoder = ZlibEncoder::new(std::mem::take(&mut self.packed), Compression::new(6));
        for portion in self.text[..length].chunks(PORTION) {
            // Writing to memory cannot fail.
            encoder.write_all(portion).ok();
            look()?;
        }
        self.packed = encoder.finish().unwrap_or_default();
        self.input += bytes;
        self.output += self.packed.len() as u64;
        black_box(&self.packed);
        Ok(())
    }
}

/// Words of a made-up language whose frequencies fall as 1/rank, as in real text, so that it compresses like text.
/// It goes on from what is there already.
fn write_text(text: &mut Vec<u8>, length: usize, seed: u64) {
    let mut stream = Stream::new(seed, Source::Data, 0, text.len() as u64);
    let mut vocabulary = Stream::new(seed, Source::Data, 1, 0);
    let words: Vec<Vec<u8>> = (0..2000)
        .map(|_| {
            let letters = 2 + vocabulary.below(8);
            (0..letters).map(|_| b'a' + u8::try_from(vocabulary.below(26)).unwrap_or(0)).collect()
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
        let work = Work { link: 0.96, piece: 3.0 };
        let links = |micros| work.pieces(Nanos::from_micros(micros), Nanos::from_micros(1)).links;
        // Each of the hundred short amounts is right within a link and a stop, which is three links.
        assert!(links(1000).abs_diff(links(10) * 100) <= 420, "{} and {}", links(1000), links(10));
        assert_eq!(chain(3, chain(2, 7)), chain(5, 7));
    }

    /// What the pieces of an amount take, by what a link and a stop take, is that amount: within a link and a stop.
    #[test]
    fn pieces_sum_to_the_amount_at_every_poll() {
        let work = Work { link: 0.96, piece: 3.0 };
        for amount in [1_u64, 10, 999, 5_000, 1_234_567, 5_000_000] {
            for poll in [1_u64, 50, 200, 1_000, 100_000] {
                let pieces = work.pieces(Nanos(amount), Nanos(poll));
                let stops = pieces.links.div_ceil(pieces.piece);
                #[expect(clippy::cast_precision_loss, reason = "small")]
                let takes = pieces.links as f64 * work.link + stops as f64 * work.piece;
                #[expect(clippy::cast_precision_loss, reason = "small")]
                let off = (takes - amount as f64).abs();
                assert!(
                    off <= work.link + work.piece + 1e-6 * takes,
                    "{amount} by {poll}: {off} off, {pieces:?}"
                );
            }
        }
    }

    #[test]
    fn work_ends_when_it_is_told_to() {
        let mut looks = 0;
        let ended = in_pieces(Pieces { links: u64::MAX, piece: 10 }, || {
            looks += 1;
            if looks == 3 { Err(()) } else { Ok(()) }
        });
        assert!(ended.is_err() && looks == 3);
        let mut memory = Memory::default();
        assert!(memory.touch(1 << 30, || Err(())).is_err());
        assert!(memory.words.len() <= PART, "it grew by one part");
        let mut corpus = Corpus::default();
        assert!(corpus.compress(1 << 40, 18, || Err(())).is_err());
        assert!(corpus.text.len() <= PORTION);
    }

    #[test]
    fn generated_text_compresses_like_text() {
        let mut corpus = Corpus::default();
        corpus.compress(256 * 1024, 18, || Ok::<_, ()>(())).unwrap();
        let ratio = 256.0 * 1024.0 / f64::from(u32::try_from(corpus.output).unwrap());
        assert!((2.0..5.0).contains(&ratio), "{ratio}");
        let mut packed = flate2::read::ZlibDecoder::new(&corpus.packed[..]);
        let mut back = Vec::new();
        std::io::Read::read_to_end(&mut packed, &mut back).unwrap();
        assert!(back == corpus.text[..256 * 1024]);
    }
}
