//! Text that was read in the wrong encoding: UTF-8 taken for Latin-1 or Windows-1252, once or several times.
//!
//! `ΣLANG` then shows as `Î£LANG`, `â†’` stands for an arrow. The damage is undone by writing each character back as
//! the byte it came from and reading the bytes as UTF-8. Only runs that turn into valid UTF-8 are touched, so text that
//! really contains `Î` or `£` is left alone.

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

/// Windows-1252's characters for the bytes 0x80 to 0x9f, where they differ from Latin-1's control characters.
const CP1252: [(u8, char); 27] = [
    (0x80, '€'),
    (0x82, '‚'),
    (0x83, 'ƒ'),
    (0x84, '„'),
    (0x85, '…'),
    (0x86, '†'),
    (0x87, '‡'),
    (0x88, 'ˆ'),
    (0x89, '‰'),
    (0x8a, 'Š'),
    (0x8b, '‹'),
    (0x8c, 'Œ'),
    (0x8e, 'Ž'),
    (0x91, '‘'),
    (0x92, '’'),
    (0x93, '“'),
    (0x94, '”'),
    (0x95, '•'),
    (0x96, '–'),
    (0x97, '—'),
    (0x98, '˜'),
    (0x99, '™'),
    (0x9a, 'š'),
    (0x9b, '›'),
    (0x9c, 'œ'),
    (0x9e, 'ž'),
    (0x9f, 'Ÿ'),
];

/// Reads `bytes` as text and undoes wrong decodings, if any; bytes that are no UTF-8 are taken for Windows-1252.
#[must_use]
pub fn repair(bytes: &[u8]) -> (String, Option<Repair>) {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else {
        let text: String = bytes.iter().map(|&byte| character(byte)).collect();
        let places = bytes.iter().filter(|byte| !byte.is_ascii()).count();
        let example = ("bytes that are no UTF-8".to_owned(), "read as Windows-1252".to_owned());
        return (text, Some(Repair { taken_for: "UTF-8", places, example }));
    };
    let mut text = text.to_owned();
    let mut found: Option<Repair> = None;
    // Twice damaged text needs two rounds; each round shortens the text, so the loop ends.
    while let Some((repaired, round)) = undo_once(&text) {
        text = repaired;
        found = Some(match found {
            None => round,
            Some(before) => Repair { example: (before.example.0, round.example.1), ..before },
        });
    }
    (text, found)
}

/// One round of undoing; `None` when there is nothing to undo.
fn undo_once(text: &str) -> Option<(String, Repair)> {
    let mut repaired = String::with_capacity(text.len());
    let mut repair: Option<Repair> = None;
    let characters: Vec<char> = text.chars().collect();
    let mut at = 0;
    while at < characters.len() {
        let Some((good, used, windows)) = misread(&characters[at..]) else {
            repaired.push(characters[at]);
            at += 1;
            continue;
        };
        let before: String = characters[at..at + used].iter().collect();
        let entry = repair.get_or_insert_with(|| Repair {
            taken_for: if windows { "Windows-1252" } else { "Latin-1" },
            places: 0,
            example: (before, good.to_string()),
        });
        entry.places += 1;
        if windows {
            entry.taken_for = "Windows-1252";
        }
        repaired.push(good);
        at += used;
    }
    repair.map(|repair| (repaired, repair))
}

/// The character whose UTF-8 bytes the next characters show, how many they are, and whether one of them is of Windows-1252.
fn misread(characters: &[char]) -> Option<(char, usize, bool)> {
    let (lead, mut windows) = byte(*characters.first()?)?;
    let length = match lead {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return None,
    };
    let mut bytes = Vec::with_capacity(length);
    for &character in characters.get(..length)? {
        let (byte, of_windows) = byte(character)?;
        windows |= of_windows;
        bytes.push(byte);
    }
    let good = std::str::from_utf8(&bytes).ok()?.chars().next()?;
    Some((good, length, windows))
}

/// The byte that shows as `character`, and whether only Windows-1252 shows it so.
fn byte(character: char) -> Option<(u8, bool)> {
    if let Some((byte, _)) = CP1252.iter().find(|(_, shown)| *shown == character) {
        return Some((*byte, true));
    }
    u8::try_from(u32::from(character)).ok().map(|byte| (byte, false))
}

/// What Windows-1252 shows for `byte`.
fn character(byte: u8) -> char {
    CP1252.iter().find(|(code, _)| *code == byte).map_or(char::from(byte), |(_, shown)| *shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn damage(text: &str) -> String {
        text.bytes().map(character).collect()
    }

    #[test]
    fn undoes_one_and_two_wrong_readings() {
        let good = "ΣLANG → ΣVAULT: ≥ 3 ms – “fast” … ✓ 📈";
        for damaged in [damage(good), damage(&damage(good))] {
            let (text, found) = repair(damaged.as_bytes());
            assert_eq!(text, good);
            assert_eq!(found.unwrap().taken_for, "Windows-1252");
        }
    }

    #[test]
    fn latin_1_control_characters_are_undone_too() {
        let damaged: String = "Σ → µ".bytes().map(char::from).collect();
        assert_eq!(repair(damaged.as_bytes()).0, "Σ → µ");
    }

    #[test]
    fn leaves_good_text_alone() {
        for good in ["Île, £5, Æ, naïve café", "ΣLANG → 3×", "µs ± 2 ·", ""] {
            assert_eq!(repair(good.as_bytes()), (good.to_owned(), None));
        }
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_read_and_said() {
        let (text, found) = repair(b"caf\xe9");
        assert_eq!(text, "café");
        assert!(found.is_some());
    }
}
