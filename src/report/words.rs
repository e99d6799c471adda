//! Figures as readers see them.

use super::page::Unit;
use crate::measure::record::Distribution;
use crate::units::Nanos;

/// A duration in the unit that fits, three digits; differences carry their sign.
pub(crate) fn duration(ns: f64) -> String {
    if !ns.is_finite() {
        return "–".into();
    }
    if ns == 0.0 {
        return "0".into();
    }
    let sign = if ns <= -0.5 { "−" } else { "" };
    let size = ns.abs();
    if size < 10.0 && size.fract() > 1e-9 {
        return format!("{sign}{size:.1} ns");
    }
    format!("{sign}{}", Nanos(1).scaled(size))
}

/// What a record says that counted only the tasks which were issued and completed in the window.
pub(crate) const OLD_RULE: &str = "by the rule of conlab 0.1: only tasks that were issued and completed in the window count, which favours short ones";

/// `text` of a value of a distribution, marked where the true value may be larger; the mean is asked for as the largest.
pub(crate) fn at_least(figures: &Distribution, value: u64, text: String) -> String {
    if figures.is_lower_bound(value) && text != "–" { format!("≥ {text}") } else { text }
}

/// A count with thin spaces between thousands.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && digits.len() > 4 {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A number with about three digits.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return "–".into();
    }
    let sign = if value < 0.0 { "−" } else { "" };
    if size >= 999.5 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "float casts saturate")]
        let whole = size.round() as u64;
        return format!("{sign}{}", count(whole));
    }
    let decimals = match size {
        _ if size.fract() < 1e-9 => 0,
        0.0..0.0995 => 3,
        0.0..9.995 => 2,
        0.0..99.95 => 1,
        _ => 0,
    };
    format!("{sign}{size:.decimals$}")
}

/// A share in 0..1 as per cent.
pub(crate) fn share(value: f64) -> String {
    let percent = value * 100.0;
    let sign = if percent <= -0.05 { "−" } else { "" };
    match percent.abs() {
        _ if !percent.is_finite() => "–".into(),
        size if size < 0.05 => format!("{size:.0} %"),
        size if size < 9.95 => format!("{sign}{size:.1} %"),
        size => format!("{sign}{size:.0} %"),
    }
}

/// A percentile of `ns` that a distribution carries if it has `needs` values: `–` where they cannot, `~` before it where few
/// lie beyond it.
pub(crate) fn tail(of: &Distribution, ns: u64, needs: u64) -> String {
    let shown = match of.count {
        count if count < needs => "–".into(),
        count if count < 10 * needs => format!("~{}", Nanos(ns)),
        _ => Nanos(ns).to_string(),
    };
    at_least(of, ns, shown)
}

/// Why a percentile is missing or rough; empty where it is neither.
pub(crate) fn tail_note(count: u64, needs: u64) -> &'static str {
    match count {
        _ if count < needs => "too few tasks to carry it",
        _ if count < 10 * needs => "rough: few tasks lie beyond it",
        _ => "",
    }
}

/// A count with its noun: `1 thread`, `2 threads`, `2 fixes`.
pub(crate) fn several(number: u64, noun: &str) -> String {
    let ending = match number {
        1 => "",
        _ if noun.ends_with('x') => "es",
        _ => "s",
    };
    format!("{} {noun}{ending}", count(number))
}

/// `value` in `unit`.
pub(crate) fn in_unit(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Nanos => duration(value),
        Unit::Count => number(value),
        Unit::Share => share(value),
        Unit::PerSecond => format!("{}/s", number(value)),
    }
}

/// A quantile as the percentile it is: `p50`, `p99.9`.
pub(crate) fn percentile(quantile: f64) -> String {
    let text = format!("{:.5}", quantile * 100.0);
    format!("p{}", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_refused_below_its_sample_and_marked_below_ten_times_that() {
        let of = |count| Distribution { count, ..Distribution::default() };
        assert_eq!(tail(&of(99), 5_000_000, 100), "–");
        assert_eq!(tail(&of(100), 5_000_000, 100), "~5.00 ms");
        assert_eq!(tail(&of(1000), 5_000_000, 100), "5.00 ms");
    }

    #[test]
    fn figures_read_well() {
        for (shown, expected) in [
            (duration(0.0), "0"),
            (duration(3.25), "3.2 ns"),
            (duration(1_250_000.0), "1.25 ms"),
            (duration(-37_300_000.0), "−37.3 ms"),
            (duration(f64::NAN), "–"),
            (count(950), "950"),
            (count(9500), "9500"),
            (count(1_234_567), "1\u{202f}234\u{202f}567"),
            (number(0.0), "0"),
            (number(3.0), "3"),
            (number(3.256), "3.26"),
            (number(-31.42), "−31.4"),
            (number(123_456.7), "123\u{202f}457"),
            (share(0.473), "47 %"),
            (share(0.0473), "4.7 %"),
            (share(0.0), "0 %"),
            (share(-0.02), "−2.0 %"),
            (percentile(0.5), "p50"),
            (percentile(0.999), "p99.9"),
        ] {
            assert_eq!(shown, expected);
        }
    }
}
