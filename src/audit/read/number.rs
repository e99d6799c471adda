//! Numbers and quantities as people and programs print them: `1,010.10 tok/s`, `49.5ms`, `85 %`, `2.1×`, `4 GiB`.

use super::super::figure::Figure;

/// Half a unit of the last digit printed in `digits` (a plain number, perhaps with an exponent).
#[must_use]
pub(super) fn half_unit(digits: &str) -> f64 {
    let (mantissa, exponent) = match digits.find(['e', 'E']) {
        Some(at) => (&digits[..at], digits[at + 1..].parse::<i32>().unwrap_or(0)),
        None => (digits, 0),
    };
    let decimals = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let decimals = i32::try_from(decimals).unwrap_or(i32::MAX).saturating_sub(exponent).clamp(-300, 300);
    0.5 * 10_f64.powi(-decimals)
}

/// A whole number of at most 10^15.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be a whole count")]
pub(super) fn whole(value: f64) -> Option<u64> {
    (value >= 0.0 && value.fract() == 0.0 && value < 1e15).then_some(value as u64)
}

/// A whole number beyond 2^53, as near as it was kept: numbers of tasks take all 64 bits, and the highest of them are kept as 2^64.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be a whole count; 2^64 saturates"
)]
pub(super) fn large(value: f64) -> Option<u64> {
    const END: f64 = 18_446_744_073_709_551_616.0;
    (value >= 0.0 && value.fract() == 0.0 && value <= END).then_some(value as u64)
}

/// What a rate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Per {
    /// Requests, operations, transactions: what latency is measured of.
    Operation,
    /// Tokens, frames, rows, messages inside an operation.
    Item,
    /// Bytes; the number is then in bytes a second.
    Byte,
}

/// What a figure is measured in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unit {
    /// Nothing stands there.
    None,
    /// A duration: milliseconds in a unit.
    Time(f64),
    /// Per cent.
    Percent,
    /// A factor: `2×`.
    Times,
    /// So many a second.
    Rate(Per, f64),
    /// Bytes in a unit.
    Bytes(f64),
    /// Something else.
    Other,
}

/// A figure and its unit, in that unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Quantity {
    pub(super) figure: Figure,
    pub(super) unit: Unit,
}

impl Quantity {
    /// In milliseconds, if it is a duration.
    pub(super) fn ms(self) -> Option<Figure> {
        match self.unit {
            Unit::Time(factor) => Some(self.figure.times(factor)),
            _ => None,
        }
    }

    /// In its base unit: milliseconds, bytes, a second, per cent, or as printed.
    pub(super) fn base(self) -> Figure {
        match self.unit {
            Unit::Time(factor) | Unit::Rate(_, factor) | Unit::Bytes(factor) => self.figure.times(factor),
            _ => self.figure,
        }
    }
}

/// Milliseconds in the unit of time that `word` names.
#[must_use]
pub(super) fn time_unit(word: &str) -> Option<f64> {
    Some(match word {
        "ns" | "nsec" | "nsecs" | "nanos" | "nano" | "nanosecond" | "nanoseconds" | "nanosec" => 1e-6,
        "us" | "µs" | "μs" | "usec" | "usecs" | "micros" | "micro" | "microsecond" | "microseconds"
        | "microsec" => 1e-3,
        "ms" | "msec" | "msecs" | "millis" | "milli" | "millisecond" | "milliseconds" | "millisec" => 1.0,
        "s" | "sec" | "secs" | "second" | "seconds" => 1e3,
        "m" | "min" | "mins" | "minute" | "minutes" => 6e4,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3.6e6,
        _ => return None,
    })
}

/// Bytes in the unit that `word` names.
#[must_use]
pub(super) fn byte_unit(word: &str) -> Option<f64> {
    Some(match word {
        "B" | "b" | "bytes" | "byte" => 1.0,
        "kB" | "KB" | "kb" | "Kb" => 1e3,
        "KiB" | "kib" | "Ki" => 1024.0,
        "MB" | "mb" | "Mb" => 1e6,
        "MiB" | "mib" | "Mi" => 1024.0 * 1024.0,
        "GB" | "gb" | "Gb" => 1e9,
        "GiB" | "gib" | "Gi" => 1024.0 * 1024.0 * 1024.0,
        "TB" => 1e12,
        _ => return None,
    })
}

/// What a rate of this word counts, and how many a unit stands for.
fn rate_of(word: &str) -> Option<(Per, f64)> {
    let word = word.trim();
    if let Some(bytes) = byte_unit(word) {
        return Some((Per::Byte, bytes));
    }
    let (factor, lower) = scaled(word);
    Some((
        match lower.trim_end_matches('s') {
            "req" | "request" | "op" | "operation" | "query" | "querie" | "tx" | "transaction" | "trx"
            | "call" | "iter" | "iteration" | "task" | "it" | "hit" | "command" | "cmd" | "read"
            | "write" | "event" | "" => Per::Operation,
            "tok" | "token" | "frame" | "row" | "msg" | "message" | "item" | "element" | "elem"
            | "record" | "image" | "sample" | "packet" | "line" | "doc" | "object" => Per::Item,
            "bit" => return Some((Per::Byte, factor / 8.0)),
            _ => return None,
        },
        factor,
    ))
}

/// `kreq`, `Mops`: thousands and millions, and the rest of the word.
fn scaled(word: &str) -> (f64, String) {
    for (prefix, factor) in [("k", 1e3), ("K", 1e3), ("M", 1e6), ("G", 1e9)] {
        if let Some(rest) = word.strip_prefix(prefix)
            && (rest.is_empty()
                || ["req", "op", "tok", "elem", "msg", "bit", "tx"]
                    .iter()
                    .any(|known| rest.to_lowercase().starts_with(known)))
        {
            return (factor, rest.to_lowercase());
        }
    }
    (1.0, word.to_lowercase())
}

/// A number at the start of `text` and how many bytes it takes. Thousands may be grouped by commas, apostrophes,
/// underscores or thin spaces; a comma followed by anything but three digits is a decimal comma when `comma` says so.
#[must_use]
pub(super) fn number(text: &str, comma: bool) -> Option<(Figure, usize)> {
    let mut plain = String::new();
    let mut used = 0;
    let mut has_digit = false;
    let mut seen_point = false;
    for (at, letter) in text.char_indices() {
        let digits_after = |skip: usize| text[at + skip..].chars().take_while(char::is_ascii_digit).count();
        match letter {
            '0'..='9' => {
                plain.push(letter);
                has_digit = true;
            }
            '-' | '+' if at == 0 => {
                if letter == '-' {
                    plain.push('-');
                }
            }
            '−' if at == 0 => plain.push('-'),
            '.' if !seen_point
                && (digits_after(1) > 0 || has_digit)
                && !(comma && digits_after(1) == 3 && text[at..].contains(',')) =>
            {
                if digits_after(1) == 0 {
                    break;
                }
                seen_point = true;
                plain.push('.');
            }
            '.' if comma && digits_after(1) == 3 => {}
            ',' if comma && has_digit && !seen_point && digits_after(1) > 0 => {
                seen_point = true;
                plain.push('.');
            }
            ',' if !comma && has_digit && !seen_point && digits_after(1) == 3 => {}
            '_' | '\'' | '’' | '\u{202f}' | '\u{2009}' | '\u{a0}'
                if has_digit && !seen_point && digits_after(letter.len_utf8()) == 3 => {}
            ' ' if has_digit && !seen_point && digits_after(1) == 3 && grouped(text, at) => {}
            'e' | 'E' if has_digit => {
                let rest = &text[at + 1..];
                let signed = rest.strip_prefix(['-', '+']).unwrap_or(rest);
                let digits = signed.chars().take_while(char::is_ascii_digit).count();
                if digits == 0 || digits > 3 || signed[digits..].starts_with(|c: char| c.is_alphabetic()) {
                    break;
                }
                let length = rest.len() - signed.len() + digits;
                plain.push('e');
                plain.push_str(&rest[..length]);
                used = at + 1 + length;
                let value: f64 = plain.parse().ok()?;
                return value.is_finite().then(|| (Figure { value, half_unit: half_unit(&plain) }, used));
            }
            _ => break,
        }
        used = at + letter.len_utf8();
        if plain.len() > 60 {
            return None;
        }
    }
    if !has_digit {
        return None;
    }
    let value: f64 = plain.parse().ok()?;
    Some((Figure { value, half_unit: half_unit(&plain) }, used))
}

/// Whether a space at `at` groups thousands: one to three digits before it and exactly three behind it.
fn grouped(text: &str, at: usize) -> bool {
    let groups: Vec<&str> = text[..at].trim_start_matches(['-', '+']).split(' ').collect();
    let is_first =
        |group: &str| (1..=3).contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_digit());
    groups.iter().enumerate().all(|(place, group)| is_first(group) && (place == 0 || group.len() == 3))
}

/// A quantity at the start of `text`: a number and the unit that follows at once or after a space.
#[must_use]
pub(super) fn quantity(text: &str) -> Option<(Quantity, usize)> {
    quantity_with(text, false)
}

/// The same with decimal commas.
#[must_use]
pub(super) fn quantity_with(text: &str, comma: bool) -> Option<(Quantity, usize)> {
    let (figure, mut used) = number(text, comma)?;
    let mut figure = figure;
    let rest = &text[used..];
    // 1.2k, 3.4M: thousands and millions of what follows.
    for (letter, factor) in [('k', 1e3), ('K', 1e3), ('M', 1e6)] {
        if let Some(after) = rest.strip_prefix(letter)
            && !after.starts_with(|c: char| c.is_alphanumeric())
        {
            figure = figure.times(factor);
            used += 1;
        }
    }
    let rest = &text[used..];
    let space = rest.len() - rest.trim_start_matches([' ', '\u{a0}', '\u{202f}']).len();
    if space > 2 {
        return Some((Quantity { figure, unit: Unit::None }, used));
    }
    match unit(&rest[space..]) {
        Some((found, length)) => Some((Quantity { figure, unit: found }, used + space + length)),
        None => Some((Quantity { figure, unit: Unit::None }, used)),
    }
}

/// The unit at the start of `text` and its length.
pub(super) fn unit(text: &str) -> Option<(Unit, usize)> {
    if text.starts_with('%') {
        return Some((Unit::Percent, 1));
    }
    let word: &str = &text[..text
        .char_indices()
        .find(|(_, letter)| !(letter.is_alphabetic() || matches!(letter, '×' | 'µ' | 'μ')))
        .map_or(text.len(), |(at, _)| at)];
    let after = &text[word.len()..];
    if word == "×"
        || ((word == "x" || word == "X" || word == "times" || word == "fold") && !after.starts_with('/'))
    {
        return Some((Unit::Times, word.len()));
    }
    if matches!(word, "percent" | "pct") {
        return Some((Unit::Percent, word.len()));
    }
    if let Some(rest) = after.strip_prefix('/').or_else(|| after.strip_prefix(" / ")) {
        let gap = after.len() - rest.len();
        let per: String = rest.chars().take_while(|c| c.is_alphabetic()).collect();
        let second = match per.to_lowercase().as_str() {
            "s" | "sec" | "second" => 1.0,
            "ms" => 1e3,
            "min" | "minute" => 1.0 / 60.0,
            "h" | "hour" => 1.0 / 3600.0,
            // ns/op, ms/iter: a duration.
            _ => {
                return time_unit(word)
                    .map(|factor| (Unit::Time(factor), word.len() + gap + per.len()))
                    .or_else(|| (!word.is_empty()).then_some((Unit::Other, word.len() + gap + per.len())));
            }
        };
        let (of, factor) = rate_of(word).unwrap_or((Per::Item, 1.0));
        return Some((Unit::Rate(of, factor * second), word.len() + gap + per.len()));
    }
    if let Some(rest) = after.strip_prefix(" per ") {
        let per: String = rest.chars().take_while(|c| c.is_alphabetic()).collect();
        if matches!(per.as_str(), "second" | "s" | "sec") {
            let (of, factor) = rate_of(word).unwrap_or((Per::Item, 1.0));
            return Some((Unit::Rate(of, factor), word.len() + 5 + per.len()));
        }
    }
    match word.to_lowercase().as_str() {
        "" => return None,
        "rps" | "qps" | "tps" | "iops" | "ops" => return Some((Unit::Rate(Per::Operation, 1.0), word.len())),
        "mbps" => return Some((Unit::Rate(Per::Byte, 1e6 / 8.0), word.len())),
        _ => {}
    }
    if let Some(factor) =
        time_unit(word).or_else(|| (word.len() > 1).then(|| time_unit(&word.to_lowercase())).flatten())
    {
        return Some((Unit::Time(factor), word.len()));
    }
    byte_unit(word).map(|bytes| (Unit::Bytes(bytes), word.len()))
}

/// A cell that holds one quantity and nothing else of weight: marks, emphasis and comparison signs around it are fine.
#[must_use]
pub(super) fn cell(text: &str, comma: bool) -> Option<Quantity> {
    let trimmed =
        text.trim().trim_matches(['*', '`', '_', '~', '≈', '<', '>', '=', '≤', '≥', '$', ' ', '\u{a0}']);
    let trimmed = trimmed.strip_prefix("± ").or_else(|| trimmed.strip_prefix('±')).unwrap_or(trimmed);
    let (found, used) = quantity_with(trimmed, comma)?;
    let rest = trimmed[used..].trim();
    // What may follow: a mark, a deviation, a remark in brackets.
    let is_mark = rest.chars().all(|c| !c.is_alphanumeric());
    (rest.is_empty() || rest.starts_with(['±', '(', '+']) || is_mark).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_their_digits() {
        for (text, comma, value, half, used) in [
            ("1,010.10 tok", false, 1010.10, 0.005, 8),
            ("49.50ms", false, 49.5, 0.005, 5),
            ("1.234,5", true, 1234.5, 0.05, 7),
            ("12,5", true, 12.5, 0.05, 4),
            ("1 234 567 ns", false, 1_234_567.0, 0.5, 9),
            ("3e-2 s", false, 0.03, 0.005, 4),
            ("5-7", false, 5.0, 0.5, 1),
            ("-3", false, -3.0, 0.5, 2),
        ] {
            let (figure, length) = number(text, comma).unwrap();
            assert!(
                (figure.value - value).abs() < 1e-9 && (figure.half_unit - half).abs() < 1e-12,
                "{text}: {figure:?}"
            );
            assert_eq!(length, used, "{text}");
        }
        assert!(number("x", false).is_none());
    }

    #[test]
    fn quantities_with_their_units() {
        for (text, unit) in [
            ("49.5 ms", Unit::Time(1.0)),
            ("12ns/op", Unit::Time(1e-6)),
            ("1,010 tok/s", Unit::Rate(Per::Item, 1.0)),
            ("125.5 MB/s", Unit::Rate(Per::Byte, 1e6)),
            ("1.2 Mops/s", Unit::Rate(Per::Operation, 1e6)),
            ("85%", Unit::Percent),
            ("3.5x faster", Unit::Times),
            ("2048 MB", Unit::Bytes(1e6)),
            ("30 requests per second", Unit::Rate(Per::Operation, 1.0)),
            ("120 rps", Unit::Rate(Per::Operation, 1.0)),
            ("7 apples", Unit::None),
        ] {
            assert_eq!(quantity(text).unwrap().0.unit, unit, "{text}");
        }
        let (kilo, _) = quantity("1.2k req/s").unwrap();
        assert!((kilo.base().value - 1200.0).abs() < 1e-9 && kilo.figure.half_unit > 49.0);
    }
}
