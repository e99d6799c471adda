//! Foreign text made harmless for people's screens: names, paths and messages of files and records.
//!
//! Control and bidirectional characters are shown, not obeyed; what is quoted is bounded in length.

use std::fmt::{self, Write};

/// Shows a text on one line, every character that a terminal or a page would obey as its escape: `\u{1b}`.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'text>(pub &'text str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| put(f, character))
    }
}

/// The same for a text of several lines, such as a list of mistakes: line feeds stay.
#[derive(Clone, Copy, Debug)]
pub struct PrintableLines<'text>(pub &'text str);

impl fmt::Display for PrintableLines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '\n' => f.write_char('\n'),
            other => put(f, other),
        })
    }
}

fn put(f: &mut fmt::Formatter<'_>, character: char) -> fmt::Result {
    match character {
        '\n' => f.write_str("\\n"),
        '\r' => f.write_str("\\r"),
        '\t' => f.write_str("\\t"),
        _ if is_obeyed(character) => write!(f, "\\u{{{:x}}}", u32::from(character)),
        _ => f.write_char(character),
    }
}

/// Whether a terminal or a page obeys a character, or shows nothing where it stands: controls, marks of direction,
/// separators of lines, characters without width that hide in a name.
#[must_use]
pub fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{115f}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// At most `most` characters of `text`, printable; what is longer ends in `…`.
#[must_use]
pub fn excerpt(text: &str, most: usize) -> String {
    let mut short: String = text.chars().take(most).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    Printable(&short).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_shown() {
        assert_eq!(Printable("\x1b[31mred\u{202e}\n").to_string(), "\\u{1b}[31mred\\u{202e}\\n");
        assert_eq!(PrintableLines("a\nb\x07\u{9b}").to_string(), "a\nb\\u{7}\\u{9b}");
        assert_eq!(Printable("µ → 日本 ± ✓ é").to_string(), "µ → 日本 ± ✓ é");
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        assert_eq!(excerpt("żółw", 4), "żółw");
        assert_eq!(excerpt("żółwie", 4), "żółw…");
        assert_eq!(excerpt("\x1bx", 1), "\\u{1b}…");
    }
}
