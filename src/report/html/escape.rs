//! Text from records made harmless in HTML.

use crate::printable::{Printable, is_obeyed};
use std::fmt::{self, Write};

/// Shows a text such that HTML, in content and in quoted attributes, takes it literally.
pub(in crate::report) struct Escaped<'text>(pub(in crate::report) &'text str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                obeyed if is_obeyed(obeyed) => write!(f, "{}", Printable(obeyed.encode_utf8(&mut [0; 4])))?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// The same for a text of several lines.
pub(super) struct Lines<'text>(pub(super) &'text str);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.lines().try_for_each(|line| writeln!(f, "{}", Escaped(line)))
    }
}

/// The same, with names that stand between backticks set apart as code.
pub(super) struct Prose<'text>(pub(super) &'text str);

impl fmt::Display for Prose<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((before, name, after)) = rest
            .split_once('`')
            .and_then(|(before, after)| after.split_once('`').map(|(name, after)| (before, name, after)))
        {
            write!(f, "{}<code>{}</code>", Escaped(before), Escaped(name))?;
            rest = after;
        }
        write!(f, "{}", Escaped(rest))
    }
}

/// A cause or state as part of a class name: anything else than letters and `_` is dropped.
pub(super) fn class(word: &str) -> String {
    word.chars().filter(|character| character.is_ascii_alphanumeric() || *character == '_').collect()
}

/// Appends formatted text; a `String` cannot refuse it.
macro_rules! put {
    ($out:expr, $($format:tt)*) => {{
        use std::fmt::Write as _;
        let _ = write!($out, $($format)*);
    }};
}
pub(in crate::report) use put;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(
            Escaped("<script>alert(\"1\" & '2')</script>").to_string(),
            "&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;"
        );
        assert_eq!(
            Prose("`a<b` has `p99`, and one ` stays").to_string(),
            "<code>a&lt;b</code> has <code>p99</code>, and one ` stays"
        );
        assert_eq!(class("run_queue\" onload=x"), "run_queueonloadx");
    }
}
