//! Quantities as users write them: durations `250us`, rates `100/s`, sizes `256KiB`.

use crate::units::Nanos;

/// The longest duration accepted: a year, so that sums of many never overflow.
pub const LONGEST: Nanos = Nanos::from_secs(365 * 86_400);

/// Nanoseconds of each unit of time.
const TIMES: [(&str, f64); 8] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("min", 60e9),
    ("m", 60e9),
    ("h", 3600e9),
];

/// Bytes of each unit of size.
const SIZES: [(&str, f64); 9] = [
    ("", 1.0),
    ("B", 1.0),
    ("kB", 1e3),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
];

/// Parses a duration: a number and one of `ns`, `us`, `ms`, `s`, `min`, `h`.
///
/// # Errors
///
/// A fragment that reads well after the field's name, such as `is negative: …`.
///
/// ```
/// use conlab::{scenario::parse_duration, units::Nanos};
/// assert_eq!(parse_duration("0.5ms"), Ok(Nanos::from_micros(500)));
/// ```
pub fn parse_duration(text: &str) -> Result<Nanos, String> {
    const EXPECTED: &str = "expected a duration such as 250us, 5ms or 2s";
    let (number, unit) = split(text).ok_or_else(|| format!("`{text}` is not a duration: {EXPECTED}"))?;
    let Some((_, factor)) = TIMES.iter().find(|(name, _)| *name == unit) else {
        return Err(match unit {
            "" if number.abs() == 0.0 => return Ok(Nanos::ZERO),
            "" => format!("`{text}` has no unit: {EXPECTED}"),
            _ => format!("`{text}` has an unknown unit `{unit}`: {EXPECTED}"),
        });
    };
    if number < 0.0 {
        return Err(format!("`{text}` is negative: {EXPECTED}"));
    }
    let ns = number * factor;
    #[expect(clippy::cast_precision_loss, reason = "a bound")]
    if ns > LONGEST.0 as f64 {
        return Err(format!("`{text}` is too long: expected at most 8760h (a year)"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    let whole = Nanos(ns.round() as u64);
    if whole == Nanos::ZERO && number > 0.0 {
        return Err(format!("`{text}` is shorter than a nanosecond: write 0s for none"));
    }
    Ok(whole)
}

/// Parses a size in bytes: a number and one of `B`, `kB`, `MB`, `GB`, `KiB`, `MiB`, `GiB`, or no unit.
///
/// # Errors
///
/// As [`parse_duration`].
pub fn parse_size(text: &str) -> Result<u64, String> {
    const EXPECTED: &str = "expected a size such as 4096, 256KiB or 2MB";
    let (number, unit) = split(text).ok_or_else(|| format!("`{text}` is not a size: {EXPECTED}"))?;
    let Some((_, factor)) = SIZES.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("`{text}` has an unknown unit `{unit}`: {EXPECTED}"));
    };
    let bytes = number * factor;
    if bytes < 0.0 {
        return Err(format!("`{text}` is negative: {EXPECTED}"));
    }
    if bytes > 68_719_476_736.0 {
        return Err(format!("`{text}` is too large: expected at most 64GiB"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    Ok(bytes.round() as u64)
}

/// Parses a rate per second: `100/s`, `6000/min`, `0.5/ms` or a plain number of events per second.
///
/// # Errors
///
/// As [`parse_duration`].
pub fn parse_rate(text: &str) -> Result<f64, String> {
    const EXPECTED: &str = "expected a rate such as 100/s";
    let (count, unit) = text.split_once('/').unwrap_or((text, "s"));
    let number = match split(count.trim()) {
        Some((number, "")) => number,
        _ => return Err(format!("`{text}` is not a rate: {EXPECTED}")),
    };
    let Some((_, ns)) = TIMES.iter().find(|(name, _)| *name == unit.trim()) else {
        return Err(format!("`{text}` has an unknown unit `/{unit}`: {EXPECTED}"));
    };
    // A rate per second is taken as written, to the last bit.
    let rate = if unit.trim() == "s" { number } else { number * 1e9 / ns };
    check_rate(rate).map_err(|why| format!("`{text}` {why}"))
}

/// Writes a duration such that [`parse_duration`] gives it back exactly.
#[must_use]
pub fn write_duration(time: Nanos) -> String {
    let (unit, size) = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)]
        .into_iter()
        .find(|(_, size)| time.0.is_multiple_of(*size))
        .unwrap_or(("ns", 1));
    format!("{}{unit}", time.0 / size)
}

/// Whether `rate` per second can be issued at all.
///
/// # Errors
///
/// As [`parse_duration`].
pub fn check_rate(rate: f64) -> Result<f64, String> {
    if rate <= 0.0 || rate.is_nan() {
        return Err("is not above zero: leave the load out for none".to_owned());
    }
    if rate < 1e-6 {
        return Err("is too low: expected at least one task in eleven days".to_owned());
    }
    if rate > 1e9 {
        return Err("is too high: expected at most 1000000000/s".to_owned());
    }
    Ok(rate)
}

/// The number that `text` begins with, and the rest; `None` when it begins with none, or with infinity.
fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let is_number = |(index, c): (usize, char)| {
        c.is_ascii_digit() || matches!(c, '.' | '_') || (index == 0 && matches!(c, '-' | '+'))
    };
    let length = text.char_indices().find(|&at| !is_number(at)).map_or(text.len(), |(index, _)| index);
    let (number, unit) = text.split_at(length);
    let number: f64 = number.replace('_', "").parse().ok()?;
    number.is_finite().then_some((number, unit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_written() {
        for (text, expected) in [
            ("250us", Nanos::from_micros(250)),
            ("250 µs", Nanos::from_micros(250)),
            ("5ms", Nanos::from_millis(5)),
            ("2s", Nanos::from_secs(2)),
            ("1.5 min", Nanos::from_secs(90)),
            ("1h", Nanos::from_secs(3600)),
            ("0", Nanos::ZERO),
            ("0ms", Nanos::ZERO),
            ("1_000ns", Nanos(1000)),
            ("8760h", LONGEST),
        ] {
            assert_eq!(parse_duration(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn wrong_durations_are_refused_with_a_reason() {
        for (text, reason) in [
            ("", "not a duration"),
            ("ms", "not a duration"),
            ("5", "no unit"),
            ("5 parsecs", "unknown unit `parsecs`"),
            ("-5ms", "negative"),
            ("9000h", "too long"),
            ("99999999999999999999999s", "too long"),
            ("0.1ns", "shorter than a nanosecond"),
            ("1e400s", "unknown unit"),
            ("inf", "not a duration"),
            ("NaNs", "not a duration"),
            ("1.2.3s", "not a duration"),
        ] {
            let said = parse_duration(text).unwrap_err();
            assert!(said.contains(reason), "{text}: {said}");
        }
    }

    #[test]
    fn a_written_duration_reads_back() {
        for ns in [0, 1, 999, 1_000, 1_500, 2_000_000, 5_000_000_000, 5_000_000_001, LONGEST.0] {
            assert_eq!(parse_duration(&write_duration(Nanos(ns))), Ok(Nanos(ns)));
        }
    }

    #[test]
    fn sizes_and_rates_are_read_as_written() {
        assert_eq!(parse_size("256KiB"), Ok(262_144));
        assert_eq!(parse_size("4096"), Ok(4096));
        assert_eq!(parse_size("1.5 MB"), Ok(1_500_000));
        assert!(parse_size("-1").unwrap_err().contains("negative"));
        assert!(parse_size("65GiB").unwrap_err().contains("too large"));
        assert_eq!(parse_rate("100/s"), Ok(100.0));
        assert_eq!(parse_rate("100"), Ok(100.0));
        assert_eq!(parse_rate("6000/min"), Ok(100.0));
        assert_eq!(parse_rate("2/ms"), Ok(2000.0));
        assert!(parse_rate("0/s").unwrap_err().contains("not above zero"));
        assert!(parse_rate("-3/s").unwrap_err().contains("not above zero"));
        assert!(parse_rate("3/fortnight").unwrap_err().contains("unknown unit"));
        assert!(parse_rate("1e30/s").unwrap_err().contains("not a rate"));
        assert!(parse_rate("9999999999/s").unwrap_err().contains("too high"));
    }
}
