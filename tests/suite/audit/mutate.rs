//! Damaged input: what audit reads is anybody's, so no bytes may make it panic or hang.

use super::formats::{FORMATS, Run};
use conlab::audit::{audit, read_bytes, to_json};
use conlab::random::{Source, Stream};
use conlab::report::audit_page;
use conlab::report::text::{Details, text};

/// Words that break readers: extremes, other languages of numbers, ends of strings, marks that forge lines.
const WORDS: [&str; 29] = [
    "1e308",
    "-1e308",
    "-0",
    "NaN",
    "Infinity",
    "99999999999999999999",
    "0.0000000000000000000000001",
    "1,5",
    "\"",
    "\\u",
    "{",
    "[",
    "]",
    "}",
    "|",
    "|---|---|",
    "\n",
    "\u{1b}[31m",
    "\u{202e}",
    "p99.9",
    "→",
    "1e-400",
    "%",
    "12:00:00",
    "2025-13-45T99:99:99",
    "p(",
    "<testsuite tests=\"",
    "</testsuite>",
    ";",
];

/// Formats that show no statistics of two runs.
const OTHERS: [&str; 3] = [
    "<?xml version=\"1.0\"?>\n<testsuites tests=\"2\"><testsuite name=\"a\" tests=\"2\" failures=\"1\" time=\"0.03\">\
     <testcase name=\"one\" time=\"0.012\"/><testcase name=\"t&amp;o\" time=\"0.018\"><failure/></testcase></testsuite></testsuites>",
    "main;parse 30\nmain;work;inner 60\nmain;work 10\n",
    "{\"profiler\": \"sampling\", \"stacks\": [[\"a;x\", 51], [\"a;y\", 49]], \"entries\": [\
     {\"actor\": \"a\", \"step\": \"x\", \"self_weight\": 51}, {\"actor\": \"a\", \"step\": \"y\", \"self_weight\": 49}]}",
];

/// Small reports of every format.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    FORMATS
        .iter()
        .map(|format| (format.2)(&[Run::made("list", 7, 12, 23.4), Run::made("search", 8, 12, 61.7)]))
        .chain(OTHERS.map(|text| text.as_bytes().to_vec()))
        .collect()
}

fn below(stream: &mut Stream, most: usize) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "some thousand bytes"
    )]
    let drawn = (stream.unit() * most as f64) as usize;
    drawn.min(most.saturating_sub(1))
}

/// One to four changes of one of the seeds.
pub(super) fn mutated(seeds: &[Vec<u8>], stream: &mut Stream) -> Vec<u8> {
    let mut bytes = seeds[below(stream, seeds.len())].clone();
    for _ in 0..=below(stream, 4) {
        let at = below(stream, bytes.len().max(1));
        let length = below(stream, 40).min(bytes.len() - at.min(bytes.len()));
        match below(stream, 7) {
            0 if !bytes.is_empty() => bytes[at] = u8::try_from(below(stream, 256)).unwrap_or(0),
            1 => bytes.truncate(at),
            2 => drop(bytes.drain(at..at + length)),
            3 => {
                let piece = bytes[at..at + length].to_vec();
                let to = below(stream, bytes.len().max(1));
                bytes.splice(to..to, piece);
            }
            4 => {
                let other = &seeds[below(stream, seeds.len())];
                let from = below(stream, other.len());
                bytes.extend_from_slice(&other[from..(from + 400).min(other.len())]);
            }
            _ => {
                let word = WORDS[below(stream, WORDS.len())];
                let end = at + length.min(8);
                bytes.splice(at..end, word.bytes());
            }
        }
    }
    bytes
}

/// Reads, audits and prints a mutated report; panics only if audit does.
pub(super) fn try_one(bytes: &[u8]) {
    if let Ok(report) = read_bytes("mutated", bytes) {
        let reports = [report];
        let findings = audit(&reports);
        let text = text(&audit_page(&reports, &findings), 120, &Details::All);
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text:?}");
        let _ = to_json(&reports, &findings);
    }
}

#[test]
fn damaged_reports_neither_panic_nor_reach_the_terminal() {
    let seeds = seeds();
    for seed in 0..2000 {
        let mut stream = Stream::new(seed, Source::Data, 0, 0);
        try_one(&mutated(&seeds, &mut stream));
    }
}
