//! Text that was read in the wrong encoding: UTF-8 taken for Latin-1, Windows-1252 or Mac Roman, once or several times.
//!
//! `ΣLANG` then shows as `Î£LANG` or `Œ£LANG`, `â†’` stands for an arrow, `‚úÖ` for a tick. The damage is undone by
//! writing each character back as the byte it came from and reading the bytes as UTF-8. Only runs that turn into valid
//! UTF-8 are touched, and only when the text as a whole speaks for it, so text that really contains `Î` or `√π` is left
//! alone.

use encoding_rs::{Encoding, MACINTOSH, WINDOWS_1252};
use std::sync::LazyLock;

/// What was repaired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// What the text was taken for.
    pub taken_for: &'static str,
    /// Places changed.
    pub places: usize,
    /// The first one: before and after.
    pub example: (String, String),
}

/// A wrong reading that is known: its name, and each byte's character.
struct Reading {
    name: &'static str,
    /// Characters that stand for the bytes from 0x80 on, in order of character.
    bytes: Vec<(char, u8)>,
}

impl Reading {
    fn new(name: &'static str, encoding: &'static Encoding) -> Self {
        let mut bytes: Vec<(char, u8)> = (0x80..=0xff_u8)
            .filter_map(|byte| Some((encoding.decode_without_bom_handling(&[byte]).0.chars().next()?, byte)))
            .collect();
        bytes.sort_unstable();
        Self { name, bytes }
    }

    fn byte(&self, character: char) -> Option<u8> {
        let at = self.bytes.binary_search_by_key(&character, |(shown, _)| *shown).ok()?;
        Some(self.bytes[at].1)
    }
}

static READINGS: LazyLock<[Reading; 2]> =
    LazyLock::new(|| [Reading::new("Windows-1252", WINDOWS_1252), Reading::new("Mac Roman", MACINTOSH)]);

/// Reads `bytes` as text and undoes wrong decodings, if any; bytes that are no UTF-8 are taken for Windows-1252.
#[must_use]
pub fn repair(bytes: &[u8]) -> (String, Option<Repair>) {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.is_ascii() {
        return (String::from_utf8_lossy(bytes).into_owned(), None);
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        let (text, _) = WINDOWS_1252.decode_without_bom_handling(bytes);
        let places = bytes.iter().filter(|byte| !byte.is_ascii()).count();
        let example = ("bytes that are no UTF-8".to_owned(), "read as Windows-1252".to_owned());
        return (text.into_owned(), Some(Repair { taken_for: "UTF-8", places, example }));
    };
    let mut text = text.to_owned();
    let mut found: Option<Repair> = None;
    // Twice damaged text needs two rounds; each round shortens the text, and more than four were never seen.
    for _ in 0..4 {
        let best = READINGS
            .iter()
            .filter_map(|reading| undo_once(&text, reading))
            .max_by_key(|(_, round)| round.places);
        let Some((repaired, round)) = best else { break };
        text = repaired;
        found = Some(match found {
            None => round,
            Some(before) => Repair { example: (before.example.0, round.example.1), ..before },
        });
    }
    (text, found)
}

/// One round of undoing; `None` when there is nothing to undo.
fn undo_once(text: &str, reading: &Reading) -> Option<(String, Repair)> {
    let mut repaired = String::with_capacity(text.len());
    let mut places = 0;
    let mut is_telling = false;
    let mut example = None;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first.is_ascii() {
            let plain = rest.bytes().take_while(u8::is_ascii).count();
            repaired.push_str(&rest[..plain]);
            rest = &rest[plain..];
            continue;
        }
        let Some((good, length, telling)) = misread(rest, reading) else {
            repaired.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        example.get_or_insert_with(|| (rest[..length].to_owned(), good.to_string()));
        is_telling |= telling;
        places += 1;
        repaired.push(good);
        rest = &rest[length..];
    }
    let example = example.filter(|_| is_telling || places >= 3)?;
    Some((repaired, Repair { taken_for: reading.name, places, example }))
}

/// The character whose UTF-8 bytes the next characters show, how long they are, and whether nothing else can be meant.
fn misread(text: &str, reading: &Reading) -> Option<(char, usize, bool)> {
    let byte = |character: char| {
        // Latin-1 shows control characters where the others have none.
        reading.byte(character).or_else(|| {
            u8::try_from(u32::from(character))
                .ok()
                .filter(|byte| *byte >= 0x80 && reading.name == "Windows-1252")
        })
    };
    let mut characters = text.char_indices();
    let lead = byte(characters.next()?.1)?;
    let length = match lead {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return None,
    };
    let mut bytes = [lead, 0, 0, 0];
    for slot in bytes.iter_mut().take(length).skip(1) {
        *slot = byte(characters.next()?.1)?;
    }
    let good = std::str::from_utf8(&bytes[..length]).ok()?.chars().next()?;
    // Of two-byte runs only Latin and Greek are believed: “±, —≤ and the like stand in sound texts.
    if length == 2 && !matches!(lead, 0xc2 | 0xc3 | 0xc5 | 0xc6 | 0xcb | 0xce | 0xcf) {
        return None;
    }
    let is_telling = length > 2 || reading.name == "Windows-1252" || matches!(lead, 0xce | 0xcf);
    let used = characters.next().map_or(text.len(), |(at, _)| at);
    Some((good, used, is_telling))
}

/// Text in UTF-16, with or without a byte order mark, as UTF-8.
#[must_use]
pub(super) fn utf_16(bytes: &[u8]) -> Option<String> {
    let little = match bytes {
        [0xff, 0xfe, ..] => true,
        [0xfe, 0xff, ..] => false,
        // Without a mark, ASCII has every other byte zero.
        [a, b, ..] if bytes.len() >= 8 && (*a == 0) != (*b == 0) => {
            let zeros = |from: usize| {
                bytes[from..bytes.len().min(64)].iter().step_by(2).filter(|byte| **byte == 0).count()
            };
            let (even, odd) = (zeros(0), zeros(1));
            let pairs = bytes.len().min(64) / 2;
            match (even * 10 < pairs, odd * 10 < pairs) {
                (true, false) if odd * 10 > pairs * 8 => true,
                (false, true) if even * 10 > pairs * 8 => false,
                _ => return None,
            }
        }
        _ => return None,
    };
    let encoding = if little { encoding_rs::UTF_16LE } else { encoding_rs::UTF_16BE };
    Some(encoding.decode_with_bom_removal(bytes).0.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn damage(text: &str, encoding: &'static Encoding) -> String {
        text.bytes()
            .map(|byte| encoding.decode_without_bom_handling(&[byte]).0.chars().next().unwrap())
            .collect()
    }

    #[test]
    fn undoes_one_and_two_wrong_readings() {
        let good = "ΣLANG → ΣVAULT: ≥ 3 ms – “fast” … ✓ 📈";
        for encoding in [WINDOWS_1252, MACINTOSH] {
            let once = damage(good, encoding);
            for damaged in [damage(&once, encoding), once] {
                let (text, found) = repair(damaged.as_bytes());
                assert_eq!(text, good, "{}", encoding.name());
                let taken_for = found.unwrap().taken_for;
                assert_eq!(taken_for == "Mac Roman", encoding == MACINTOSH);
            }
        }
        assert_eq!(repair("‚úÖ Œ£LANG ‚Üí 2√ó".as_bytes()).0, "✅ ΣLANG → 2×");
    }

    #[test]
    fn latin_1_control_characters_are_undone_too() {
        let damaged: String = "Σ → µ".bytes().map(char::from).collect();
        assert_eq!(repair(damaged.as_bytes()).0, "Σ → µ");
    }

    #[test]
    fn leaves_good_text_alone() {
        for good in [
            "Île, £5, Æ, naïve café",
            "ΣLANG → 3×",
            "µs ± 2 ·",
            "",
            "√π, “±5 %”, —≤ 3, ≈±2, 2√2",
            "日本語 ✅",
        ] {
            assert_eq!(repair(good.as_bytes()), (good.to_owned(), None));
        }
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_read_and_said() {
        let (text, found) = repair(b"caf\xe9");
        assert_eq!(text, "café");
        assert!(found.is_some());
    }

    #[test]
    fn utf_16_is_read_with_and_without_its_mark() {
        let words = "mean_ms,1".encode_utf16();
        let little: Vec<u8> = words.clone().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = words.flat_map(u16::to_be_bytes).collect();
        for bytes in [
            little.clone(),
            big.clone(),
            [&[0xff, 0xfe][..], &little].concat(),
            [&[0xfe, 0xff][..], &big].concat(),
        ] {
            assert_eq!(utf_16(&bytes).as_deref(), Some("mean_ms,1"));
        }
        assert_eq!(utf_16(b"plain text"), None);
    }
}
