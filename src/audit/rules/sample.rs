//! Statistics and the samples they are said to come from.

use super::super::figure::{Figure, short};
use super::super::report::{Benchmark, percentile_name};
use super::super::statistics::{deviation, mean, median_of_sorted, percentile_neighbours, sorted};
use super::{Evidence, Hit};

/// Fewer than one sample beyond the percentile.
#[expect(clippy::cast_precision_loss, reason = "sample counts")]
pub(super) fn small(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        let count = benchmark.size()?;
        let short_of = benchmark.summary.percentiles.iter();
        let unfounded: Vec<f64> = short_of
            .map(|(quantile, _)| *quantile)
            .filter(|quantile| *quantile > 0.5 && count as f64 * (1.0 - quantile) < 1.0 - 1e-9)
            .collect();
        let least = unfounded.iter().copied().reduce(f64::min)?;
        let names: Vec<String> = unfounded.iter().map(|quantile| percentile_name(*quantile)).collect();
        Some((
            format!("{} of {count} samples", names.join(", ")),
            format!(
                "{} needs at least 1/(1 − {}) = {} samples; {count} leave {} of a sample beyond it",
                percentile_name(least),
                short(least, 4),
                short((1.0 / (1.0 - least)).round(), 0),
                short(count as f64 * (1.0 - least), 2),
            ),
        ))
    })
}

/// A percentile from the 95th on that equals the maximum, or two such percentiles that are equal.
pub(super) fn equals_max(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        let summary = &benchmark.summary;
        let high: Vec<(f64, Figure)> =
            summary.percentiles.iter().copied().filter(|(quantile, _)| *quantile >= 0.95 - 1e-9).collect();
        let is_spread = summary
            .median
            .or(summary.mean)
            .is_none_or(|centre| high.iter().all(|(_, value)| value.value > centre.value * 1.001));
        let mut equal: Vec<String> = Vec::new();
        let mut value = None;
        if let Some(max) = summary.max {
            equal.extend(
                high.iter().filter(|(_, at)| same(*at, max)).map(|(quantile, _)| percentile_name(*quantile)),
            );
            if !equal.is_empty() {
                equal.push("max".to_owned());
                value = Some(max.value);
            }
        }
        if equal.is_empty()
            && let [first, second, ..] = high.as_slice()
            && same(first.1, second.1)
        {
            equal = vec![percentile_name(first.0), percentile_name(second.0)];
            value = Some(first.1.value);
        }
        (is_spread && !equal.is_empty()).then(|| {
            (
                format!("{} = {} ms", equal.join(" = "), short(value.unwrap_or_default(), 3)),
                "no value lies beyond the percentile, so it is the maximum under another name".to_owned(),
            )
        })
    })
}

/// Equal as printed, not merely within rounding.
fn same(one: Figure, other: Figure) -> bool {
    (one.value - other.value).abs() <= 1e-9 * one.value.abs()
}

/// Order, range and spread that no sample has.
pub(super) fn impossible(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        let summary = &benchmark.summary;
        let below = |one: Option<Figure>, other: Option<Figure>| -> bool {
            one.zip(other).is_some_and(|(one, other)| one.value > other.value && !one.agrees(other))
        };
        let mut ladder: Vec<(String, Option<Figure>)> =
            vec![("min".to_owned(), summary.min), ("median".to_owned(), summary.median)];
        ladder.extend(
            summary
                .percentiles
                .iter()
                .filter(|(quantile, _)| *quantile > 0.5)
                .map(|(quantile, value)| (percentile_name(*quantile), Some(*value))),
        );
        ladder.push(("max".to_owned(), summary.max));
        ladder.retain(|(_, figure)| figure.is_some());
        for pair in ladder.windows(2) {
            if below(pair[0].1, pair[1].1) {
                return contradiction(&pair[0], &pair[1]);
            }
        }
        for (one, other) in
            [((("min"), summary.min), ("mean", summary.mean)), (("mean", summary.mean), ("max", summary.max))]
        {
            if below(one.1, other.1) {
                return contradiction(&(one.0.to_owned(), one.1), &(other.0.to_owned(), other.1));
            }
        }
        spread(benchmark)
    })
}

fn contradiction(
    one: &(String, Option<Figure>),
    other: &(String, Option<Figure>),
) -> Option<(String, String)> {
    Some((
        format!("{} = {} ms, {} = {} ms", one.0, one.1?.value, other.0, other.1?.value),
        format!("the {} cannot exceed the {}", one.0, other.0),
    ))
}

/// Bhatia and Davis: the variance is at most (max − mean)(mean − min).
#[expect(clippy::cast_precision_loss, reason = "sample counts")]
fn spread(benchmark: &Benchmark) -> Option<(String, String)> {
    let summary = &benchmark.summary;
    let (min, max, mean, stddev) = (summary.min?, summary.max?, summary.mean?, summary.stddev?);
    let above = (max.span() - mean.span()).high.max(0.0);
    let beneath = (mean.span() - min.span()).high.max(0.0);
    let freedom = benchmark.size().filter(|&count| count > 1).map_or(1.0, |n| n as f64 / (n as f64 - 1.0));
    let most = (above * beneath * freedom).sqrt();
    (stddev.span().low > most * (1.0 + 1e-9)).then(|| {
        (
            format!(
                "stddev {} ms with min {}, mean {}, max {} ms",
                stddev.value, min.value, mean.value, max.value
            ),
            format!("the standard deviation is at most √((max − mean)(mean − min)) = {} ms", short(most, 4)),
        )
    })
}

/// Mean, median, extremes, deviation and percentiles recomputed from the samples.
pub(super) fn not_of_samples(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        let samples = &benchmark.samples;
        if samples.len() < 2 || benchmark.count != Some(samples.len() as u64) {
            return None;
        }
        let ascending = sorted(samples);
        let summary = &benchmark.summary;
        // Rounding of the samples themselves, and of floating-point sums.
        let slack = benchmark.sample_unit / 2.0 + 1e-6 * ascending[ascending.len() - 1].abs();
        let off = |stated: Option<Figure>, low: f64, high: f64| {
            stated.filter(|figure| {
                figure.value + figure.half_unit + slack < low
                    || figure.value - figure.half_unit - slack > high
            })
        };
        let centre = mean(samples);
        let (tight, loose) = (deviation(samples, 0), deviation(samples, 1));
        let median = median_of_sorted(&ascending);
        let (least, most) = (ascending[0], ascending[ascending.len() - 1]);
        let mut checks = vec![
            ("mean".to_owned(), off(summary.mean, centre, centre), centre),
            ("median".to_owned(), off(summary.median, median, median), median),
            ("min".to_owned(), off(summary.min, least, least), least),
            ("max".to_owned(), off(summary.max, most, most), most),
            ("stddev".to_owned(), off(summary.stddev, tight, loose), loose),
        ];
        for (quantile, stated) in &summary.percentiles {
            let (low, high) = percentile_neighbours(&ascending, *quantile);
            checks.push((percentile_name(*quantile), off(Some(*stated), low, high), high));
        }
        let wrong: Vec<String> = checks
            .iter()
            .filter_map(|(name, stated, truth)| {
                stated.map(|stated| {
                    format!("{name} {} stated, {} computed", short(stated.value, 6), short(*truth, 6))
                })
            })
            .collect();
        (!wrong.is_empty())
            .then(|| (format!("{} samples given", samples.len()), format!("{} (ms)", wrong.join("; "))))
    })
}
