//! Figures in running text: quantities and ranges with their places, signs and words around them.

use super::super::super::figure::Figure;
use super::super::number::{Per, Quantity, Unit, number, quantity};

/// A quantity or a range in a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Found {
    /// Where it begins and ends, in bytes.
    pub(super) from: usize,
    pub(super) to: usize,
    /// The least and the greatest, equal if there is one.
    pub(super) low: Figure,
    pub(super) high: Figure,
    pub(super) unit: Unit,
    /// `100+`: at least so many.
    pub(super) or_more: bool,
    /// Printed with a sign: `-37 %`.
    pub(super) signed: bool,
}

impl Found {
    /// The range in milliseconds, bytes or a second.
    pub(super) fn base(&self) -> (Figure, Figure) {
        let base = |figure| Quantity { figure, unit: self.unit }.base();
        (base(self.low), base(self.high))
    }

    /// Whether two are of one kind, so that one can become the other.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(&self.unit) == std::mem::discriminant(&other.unit) || self.unit == Unit::None
    }

    /// A single number.
    pub(super) fn single(&self) -> bool {
        (self.low.value - self.high.value).abs() < 1e-12
    }
}

/// The unit as people write it.
pub(super) const fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Time(_) => "ms",
        Unit::Percent => "%",
        Unit::Times => "times",
        Unit::Rate(Per::Byte, _) => "bytes/s",
        Unit::Rate(..) => "/s",
        Unit::Bytes(_) => "bytes",
        Unit::None | Unit::Other => "",
    }
}

/// Every quantity in `text`, in order. Digits inside words (`p99`, `K5`, `v2`, `18F`), dates, times of day and versions
/// are none.
pub(super) fn quantities(text: &str) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut at = 0;
    while let Some(offset) = text[at..].find(|letter: char| letter.is_ascii_digit()) {
        let from = at + offset;
        let before = text[..from].chars().next_back();
        let glued = before.is_some_and(|letter| {
            letter.is_alphabetic()
                || matches!(letter, '_' | '#' | '.' | ':' | '/')
                    && text[..from].chars().rev().nth(1).is_some_and(char::is_alphanumeric)
        });
        if glued {
            at = from
                + text[from..]
                    .find(|letter: char| !(letter.is_ascii_digit() || letter == '.' || letter == ','))
                    .unwrap_or(text.len() - from);
            continue;
        }
        let Some((first, used)) = quantity(&text[from..]) else {
            at = from + 1;
            continue;
        };
        let end = from + used;
        let rest = &text[end..];
        // 18F, 2nd, 1.2.3, 12:30, 2025-12-17, file_20251217.json
        let is_word = rest.starts_with(|letter: char| letter.is_alphabetic() && !matches!(letter, '×' | 'x'))
            && first.unit == Unit::None;
        let is_date = rest.starts_with([':', '_'])
            && rest[1..].starts_with(|letter: char| letter.is_ascii_digit())
            || rest.starts_with('-')
                && rest.len() > 3
                && rest.as_bytes()[1..3].iter().all(u8::is_ascii_digit)
                && rest.as_bytes()[3] == b'-';
        if is_word || is_date {
            at = end
                + rest
                    .find(|letter: char| {
                        !(letter.is_alphanumeric() || matches!(letter, '-' | ':' | '_' | '.'))
                    })
                    .unwrap_or(rest.len());
            continue;
        }
        let signed = matches!(before, Some('-' | '−' | '+'))
            && !text[..from]
                .trim_end_matches(['-', '−', '+'])
                .ends_with(|letter: char| letter.is_alphanumeric());
        let (low, high, unit, to) = range(text, from, first, end);
        let or_more = text[to..].starts_with('+') || text[..to].ends_with('+');
        found.push(Found { from, to, low, high, unit, or_more, signed });
        at = to.max(from + 1);
    }
    found
}

/// A second number after a dash or `to`: the unit stands behind the second, or behind both.
fn range(text: &str, from: usize, first: Quantity, end: usize) -> (Figure, Figure, Unit, usize) {
    let one = (first.figure, first.figure, first.unit, end);
    let rest = &text[end..];
    let trimmed = rest.trim_start();
    let dash = ["–", "—", "-", "~", "to ", "bis "].iter().find_map(|dash| trimmed.strip_prefix(dash));
    let Some(after) = dash else { return one };
    // `from 11 to 5 ms` is a change, `4 to 6 ms` a range; so are `3-4x` and `20 – 25 ms`.
    let is_change = text[..from].trim_end().to_lowercase().ends_with("from");
    if is_change {
        return one;
    }
    let after = after.trim_start();
    let Some((second, used)) = quantity(after) else { return one };
    let to = text.len() - after.len() + used;
    let spelled = trimmed.starts_with("to ");
    let agrees = first.unit == Unit::None
        || std::mem::discriminant(&first.unit) == std::mem::discriminant(&second.unit);
    // A range ascends; `55.3 to 20 ms` is a change.
    if !agrees
        || second.figure.value < first.figure.value
        || second.unit == Unit::None && (spelled || first.unit != Unit::None)
    {
        return one;
    }
    let low = if first.unit == Unit::None {
        first.figure
    } else {
        first.figure.times(ratio(first.unit, second.unit))
    };
    (low, second.figure, second.unit, to)
}

/// How many of the second unit one of the first is.
fn ratio(one: Unit, other: Unit) -> f64 {
    match (one, other) {
        (Unit::Time(one), Unit::Time(other))
        | (Unit::Bytes(one), Unit::Bytes(other))
        | (Unit::Rate(_, one), Unit::Rate(_, other)) => one / other,
        _ => 1.0,
    }
}

/// The sentences of a line: full stops between words end them, not those inside numbers.
pub(super) fn sentences(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut from = 0;
    for (at, letter) in line.char_indices() {
        let ends = matches!(letter, '.' | '!' | '?' | ';') && line[at + 1..].starts_with(' ');
        if ends {
            found.push(line[from..at].trim());
            from = at + 1;
        }
    }
    found.push(line[from..].trim());
    found.retain(|sentence| !sentence.is_empty());
    found
}

/// A plain number right behind `text`'s end, for `day 4`.
pub(super) fn number_after<'t>(text: &'t str, word: &str) -> Option<(Figure, &'t str)> {
    let lower = text.to_lowercase();
    let mut from = 0;
    while let Some(at) = lower.get(from..)?.find(word) {
        let end = from + at + word.len();
        if let Some(rest) = text.get(end..)
            && let Some((figure, used)) = number(rest.trim_start_matches([' ', '_', '-', '#', ':']), false)
        {
            let trimmed = rest.trim_start_matches([' ', '_', '-', '#', ':']);
            return Some((figure, &trimmed[used..]));
        }
        from = end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<(f64, f64)> {
        quantities(text).iter().map(|found| (found.low.value, found.high.value)).collect()
    }

    #[test]
    fn quantities_and_ranges() {
        assert_eq!(shown("p99 from 55.3 to 20–25 ms"), [(55.3, 55.3), (20.0, 25.0)]);
        assert_eq!(
            shown("11.1 → 5-7 ms, 2 to 3 times, 1.4-2x"),
            [(11.1, 11.1), (5.0, 7.0), (2.0, 3.0), (1.4, 2.0)]
        );
        assert_eq!(shown("phase 18F ran v1.2.3 on 2025-12-17 at 09:36:55, K5, p99"), []);
        assert_eq!(shown("1,010.10 tok/s over 100+ iterations"), [(1010.10, 1010.10), (100.0, 100.0)]);
        assert!(quantities("100+ iterations")[0].or_more);
        assert!(quantities("changed by -37 %")[0].signed);
    }
}
