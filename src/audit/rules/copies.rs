//! Rows that are copies of others: equal to the last digit, or all in one ratio.

use super::super::figure::{Figure, Span, short};
use super::super::report::{Benchmark, Report, Stat};
use super::{Evidence, Hit, Item, Said};
use std::collections::BTreeMap;

/// Statistics that must agree before two rows count as copies.
const LEAST_EQUAL: usize = 4;
/// Digits that they must have together: equal rows of one digit each are met by chance.
const LEAST_DIGITS: f64 = 9.0;
/// Rows that are compared with each other for a common ratio: every pair is looked at.
const MAX_ROWS: usize = 600;
/// Words of rows that sum up others and may equal the only one of them.
const TOTALS: [&str; 9] =
    ["total", "aggregated", "aggregate", "all", "overall", "summary", "combined", "global", "expected"];

/// Different benchmarks, or different runs, with equal statistics.
pub(super) fn duplicates(evidence: &Evidence<'_>) -> Vec<Hit> {
    let mut rows: BTreeMap<Vec<(u64, u64)>, Vec<Item<'_>>> = BTreeMap::new();
    for item in &evidence.items {
        let figures = comparable(item.benchmark);
        let digits: f64 = distinct(&figures).iter().map(|figure| digits(*figure)).sum();
        if figures.len() < LEAST_EQUAL
            || digits < LEAST_DIGITS
            || item.benchmark.manner.exact_repeats
            || is_total(&item.benchmark.name)
        {
            continue;
        }
        let key = figures.iter().map(|(name, figure)| (*name, figure.value.to_bits())).collect();
        rows.entry(key).or_default().push(*item);
    }
    let mut hits = Vec::new();
    for same in rows.into_values().filter(|same| same.len() > 1) {
        for pair in without_quotations(same).windows(2) {
            let (one, other) = (pair[0], pair[1]);
            if is_quoted(one, other) || one.benchmark.samples != other.benchmark.samples {
                continue;
            }
            let figures = named(one.benchmark);
            let listed: Vec<String> =
                figures.iter().map(|(name, figure)| format!("{name} {}", short(figure.value, 6))).collect();
            let computation = if one.benchmark.name == other.benchmark.name {
                format!(
                    "{} statistics of two runs are equal to the last digit and none differs",
                    figures.len()
                )
            } else {
                format!("{} statistics are equal to the last digit and none differs", figures.len())
            };
            hits.push(one.hit_beside("and", other, Said::new(listed.join(", "), computation)));
        }
    }
    hits
}

/// The rows without those that a file has only because it holds another of these files whole: one for each such file.
fn without_quotations(rows: Vec<Item<'_>>) -> Vec<Item<'_>> {
    let reports: BTreeMap<&str, &Report> =
        rows.iter().map(|item| (item.report.source.as_str(), item.report)).collect();
    let mut quoted: BTreeMap<&str, usize> = reports
        .iter()
        .map(|(source, report)| {
            let held = reports.values().filter(|other| report.quotes.holds(&other.quotes)).count();
            (*source, held)
        })
        .collect();
    rows.into_iter()
        .filter(|item| match quoted.get_mut(item.report.source.as_str()) {
            Some(left) if *left > 0 => {
                *left -= 1;
                false
            }
            _ => true,
        })
        .collect()
}

/// The statistics and the rate, with a number for each name.
fn comparable(benchmark: &Benchmark) -> Vec<(u64, Figure)> {
    let stats = [(1, Stat::Min), (2, Stat::Max), (3, Stat::Mean), (4, Stat::Median), (5, Stat::Deviation)];
    let mut figures: Vec<(u64, Figure)> = stats
        .into_iter()
        .filter_map(|(at, stat)| benchmark.summary.get(stat).map(|figure| (at, figure)))
        .collect();
    figures
        .extend(benchmark.summary.percentiles.iter().map(|(quantile, figure)| (quantile.to_bits(), *figure)));
    figures.extend(benchmark.throughput.map(|rate| (6, rate)));
    figures
}

fn named(benchmark: &Benchmark) -> Vec<(String, Figure)> {
    let mut rows = benchmark.summary.named();
    rows.extend(benchmark.throughput.map(|rate| ("per second".to_owned(), rate)));
    rows
}

/// Figures that differ from each other: p95 = p99 = max says one thing.
fn distinct(figures: &[(u64, Figure)]) -> Vec<Figure> {
    let mut values: Vec<Figure> =
        figures.iter().map(|(_, figure)| *figure).filter(|figure| figure.value != 0.0).collect();
    values.sort_by(|one, other| one.value.total_cmp(&other.value));
    values.dedup_by(|one, other| one.value.total_cmp(&other.value).is_eq());
    values
}

/// Significant digits of a figure.
fn digits(figure: Figure) -> f64 {
    if figure.half_unit <= 0.0 {
        return 6.0;
    }
    (figure.value.abs() / (2.0 * figure.half_unit)).log10().clamp(0.0, 8.0)
}

fn is_total(name: &str) -> bool {
    name.to_lowercase().split(|letter: char| !letter.is_alphanumeric()).any(|word| TOTALS.contains(&word))
}

/// Words of names that say what kind of thing is meant rather than which.
const COMMON: [&str; 16] = [
    "the",
    "and",
    "task",
    "test",
    "benchmark",
    "results",
    "summary",
    "performance",
    "metrics",
    "details",
    "detailed",
    "overview",
    "endpoint",
    "report",
    "latency",
    "executive",
];

/// Whether one row quotes the other: a summary at the top of a text repeats a table further down.
fn is_quoted(one: Item<'_>, other: Item<'_>) -> bool {
    // Columns of one table stand at one place and are different runs.
    if one.report.source != other.report.source
        || !is_prose(one)
        || one.benchmark.place == other.benchmark.place
    {
        return false;
    }
    let words = |item: Item<'_>| -> Vec<String> {
        item.benchmark
            .name
            .to_lowercase()
            .split(|letter: char| !letter.is_alphanumeric())
            .filter(|word| word.len() > 2 && !COMMON.contains(word))
            .map(str::to_owned)
            .collect()
    };
    let (one, other) = (words(one), words(other));
    let (few, many) = if one.len() <= other.len() { (&one, &other) } else { (&other, &one) };
    few.iter().all(|word| many.contains(word))
}

fn is_prose(item: Item<'_>) -> bool {
    item.report.format.starts_with("Markdown")
        || item.report.format.starts_with("text")
        || item.report.format.starts_with("HTML")
}

/// Rows whose figures are all in one ratio.
pub(super) fn scaled(evidence: &Evidence<'_>) -> Vec<Hit> {
    let rows: Vec<(Item<'_>, Vec<(u64, Figure)>)> = evidence
        .items
        .iter()
        .filter(|item| {
            item.benchmark.is_timed()
                && !item.benchmark.manner.exact_repeats
                && item.benchmark.manner.bucket == 0.0
        })
        .map(|item| {
            let figures: Vec<(u64, Figure)> = comparable(item.benchmark)
                .into_iter()
                .filter(|(at, figure)| *at != 6 && figure.value > 0.0)
                .collect();
            (*item, figures)
        })
        .filter(|(item, figures)| {
            figures.len() >= LEAST_EQUAL
                && distinct(figures).len() >= LEAST_EQUAL
                && !is_total(&item.benchmark.name)
        })
        .take(MAX_ROWS)
        .collect();
    let mut hits = Vec::new();
    for (at, (one, figures)) in rows.iter().enumerate() {
        for (other, others) in &rows[at + 1..] {
            if let Some((ratio, odds)) = common_ratio(figures, others) {
                let listed: Vec<String> = named(one.benchmark)
                    .iter()
                    .zip(named(other.benchmark))
                    .filter(|((name, _), _)| name != "per second")
                    .map(|((name, figure), (_, second))| {
                        format!("{name} {} → {}", short(figure.value, 6), short(second.value, 6))
                    })
                    .collect();
                hits.push(one.hit_beside("and", *other, Said::new(
                    listed.join(", "),
                    format!("every figure of the second is {} times the first's, within rounding; about 1 in 10^{odds:.0} by accident", short(ratio, 4)),
                )));
                break;
            }
        }
    }
    hits
}

/// The ratio of all figures of two rows, if rounding leaves one, and the exponent of the odds of that.
fn common_ratio(one: &[(u64, Figure)], other: &[(u64, Figure)]) -> Option<(f64, f64)> {
    if one.len() != other.len() {
        return None;
    }
    let mut common = Span { low: 0.0, high: f64::INFINITY };
    let mut surprise = 0.0;
    let mut widest = 0.0_f64;
    for ((name, figure), (other_name, second)) in one.iter().zip(other) {
        if name != other_name
            || figure.half_unit * 20.0 > figure.value
            || second.half_unit * 20.0 > second.value
        {
            return None;
        }
        let (low, high) = (figure.span(), second.span());
        // Binary fractions are off in their last digits.
        let ratio =
            Span { low: high.low / low.high * (1.0 - 1e-6), high: high.high / low.low * (1.0 + 1e-6) };
        common = common.intersect(ratio)?;
        let width = (ratio.width() / ratio.middle()).max(1e-9);
        // Ratios of measured rows spread by about a tenth.
        surprise += (0.1 / width).max(1.0).log10();
        widest = widest.max((0.1 / width).max(1.0).log10());
    }
    let ratio = common.middle();
    // Equal rows are another rule's, and a thousandfold is the same in another unit.
    let is_unit = [1.0, 1e3, 1e6, 1e-3, 1e-6].iter().any(|unit| (ratio / unit - 1.0).abs() < 1e-3);
    let odds = surprise - widest;
    (!is_unit && odds >= 5.0).then_some((ratio, odds))
}
