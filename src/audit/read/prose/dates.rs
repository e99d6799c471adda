//! Dates and moments in text and in names of files.

/// Seconds since 1970 of a moment in UTC.
#[must_use]
pub(super) fn seconds(year: i64, month: u32, day: u32, clock: f64) -> Option<f64> {
    if !(1990..2200).contains(&year)
        || !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || !(0.0..=86_400.0).contains(&clock)
    {
        return None;
    }
    // Days from the civil calendar (Howard Hinnant's algorithm).
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted - era * 400;
    let of_year = (153 * ((i64::from(month) + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    let of_days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    #[expect(clippy::cast_precision_loss, reason = "days of some centuries")]
    let days = (era * 146_097 + of_days - 719_468) as f64;
    Some(days * 86_400.0 + clock)
}

/// The moment in a name such as `day_1_report_20251217_093655.json` or `Bench_2025-12-17T09-36-55.123.json`.
#[must_use]
pub(in super::super::super) fn stamp(name: &str) -> Option<f64> {
    let bytes = name.as_bytes();
    (0..bytes.len())
        .filter(|at| *at == 0 || !bytes[at - 1].is_ascii_digit())
        .find_map(|from| name.get(from..).and_then(stamp_at))
}

fn stamp_at(text: &str) -> Option<f64> {
    if !text.starts_with("20") {
        return None;
    }
    let mut rest = text;
    let year = digits(&mut rest, 4)?;
    let dashed = skip(&mut rest, &['-']);
    let month = digits(&mut rest, 2)?;
    if skip(&mut rest, &['-']) != dashed {
        return None;
    }
    let day = digits(&mut rest, 2)?;
    if !skip(&mut rest, &['T', '_', ' ', '-', 't']) {
        return None;
    }
    let hour = digits(&mut rest, 2)?;
    skip(&mut rest, &[':', '-']);
    let minute = digits(&mut rest, 2)?;
    skip(&mut rest, &[':', '-']);
    let second = digits(&mut rest, 2)?;
    let mut fraction = 0.0;
    if let Some(after) = rest.strip_prefix(['.', ',']) {
        let count = after.bytes().take_while(u8::is_ascii_digit).count();
        fraction = format!("0.{}", &after[..count]).parse().unwrap_or(0.0);
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    seconds(i64::from(year), month, day, f64::from(hour * 3600 + minute * 60 + second) + fraction)
}

fn digits(text: &mut &str, count: usize) -> Option<u32> {
    let number = text.get(..count).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))?;
    *text = &text[count..];
    number.parse().ok()
}

fn skip(text: &mut &str, any: &[char]) -> bool {
    match text.strip_prefix(any) {
        Some(rest) => {
            *text = rest;
            true
        }
        None => false,
    }
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// The day of a moment: year, month, day of the month.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "days of some centuries")]
pub(in super::super::super) fn civil(at: f64) -> (i64, u32, u32) {
    let days = (at / 86_400.0).floor() as i64 + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days - era * 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, u32::try_from(month).unwrap_or(1), u32::try_from(day).unwrap_or(1))
}

/// The first date in a text: year (0 if none), month (if any), day of the month.
#[must_use]
pub(super) fn date(text: &str) -> Option<(i64, Option<u32>, u32)> {
    // 2025-12-20
    for (at, _) in text.match_indices("20") {
        let mut rest = &text[at..];
        let parsed = (|| {
            let year = digits(&mut rest, 4)?;
            skip(&mut rest, &['-', '/', '.']).then_some(())?;
            let month = digits(&mut rest, 2)?;
            skip(&mut rest, &['-', '/', '.']).then_some(())?;
            let day = digits(&mut rest, 2)?;
            ((1..=12).contains(&month) && (1..=31).contains(&day)).then_some((
                i64::from(year),
                Some(month),
                day,
            ))
        })();
        if parsed.is_some() {
            return parsed;
        }
    }
    let words: Vec<&str> =
        text.split([' ', ',', '(', ')', '|', ':', '*', '–', '—']).filter(|word| !word.is_empty()).collect();
    let day_of = |word: &str| -> Option<u32> {
        let number = word.trim_end_matches(['s', 't', 'n', 'd', 'r', 'h', '.']);
        number.parse().ok().filter(|day| (1..=31).contains(day))
    };
    let month_of = |word: &str| -> Option<u32> {
        let lower = word.to_lowercase();
        let at = MONTHS.iter().position(|month| {
            lower.starts_with(month) && lower.chars().all(char::is_alphabetic) && is_month(&lower)
        })?;
        u32::try_from(at + 1).ok()
    };
    let year_of = |word: Option<&&str>| {
        word.and_then(|word| word.parse::<i64>().ok()).filter(|year| (1990..2200).contains(year)).unwrap_or(0)
    };
    for (at, word) in words.iter().enumerate() {
        let Some(month) = month_of(word) else { continue };
        if let Some(day) = words.get(at + 1).and_then(|next| day_of(next)) {
            return Some((year_of(words.get(at + 2)), Some(month), day));
        }
        if let Some(day) = at.checked_sub(1).and_then(|before| day_of(words[before])) {
            return Some((year_of(words.get(at + 1)), Some(month), day));
        }
    }
    // the 20th
    words.windows(2).find_map(|pair| {
        let is_ordinal = pair[1].ends_with("th")
            || pair[1].ends_with("st")
            || pair[1].ends_with("nd")
            || pair[1].ends_with("rd");
        (pair[0].eq_ignore_ascii_case("the") && is_ordinal)
            .then(|| day_of(pair[1]))
            .flatten()
            .map(|day| (0, None, day))
    })
}

fn is_month(lower: &str) -> bool {
    const FULL: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    FULL.iter().any(|full| full.starts_with(lower)) || lower == "sept"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_in_names() {
        let at = |name: &str| stamp(name).unwrap();
        assert!((at("a_20251217_093655.json") - 1_765_964_215.0).abs() < 1e-6);
        assert!(
            (at("b_2025-12-17T09-36-57.010.json") - at("b_2025-12-17T09:36:55.000") - 2.010).abs() < 1e-6
        );
        assert_eq!(stamp("version 2025.12"), None);
        assert_eq!(civil(at("a_20251217_093655.json")), (2025, 12, 17));
    }

    #[test]
    fn dates_in_text() {
        assert_eq!(date("Day 4 (December 20, 2025)"), Some((2025, Some(12), 20)));
        assert_eq!(date("on 20 Dec"), Some((0, Some(12), 20)));
        assert_eq!(date("set for the 20th"), Some((0, None, 20)));
        assert_eq!(date("2025-12-20"), Some((2025, Some(12), 20)));
        assert_eq!(date("may take 12 ms"), None);
    }

    #[test]
    fn names_beyond_ascii_have_stamps_too() {
        assert_eq!(stamp("Bench_….json"), None);
        assert_eq!(stamp("ΣVAULT…20251217_093655.json"), stamp("day_20251217_093655.json"));
        assert!(stamp("ΣVAULT…20251217_093655.json").is_some());
    }
}
