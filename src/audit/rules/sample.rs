//! Statistics and the samples they are said to come from.

use super::super::figure::{Figure, short};
use super::super::report::{Benchmark, percentile_name};
use super::super::statistics::{deviation, mean, median_of_sorted, percentile_neighbours, sorted};
use super::{Evidence, Hit, Said, Severity};

/// Fewer than one sample beyond the percentile.
#[expect(clippy::cast_precision_loss, reason = "sample counts")]
pub(super) fn small(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        // What a tool prints whatever the sample was chosen by nobody.
        if benchmark.manner.percentiles_unasked {
            return None;
        }
        let count = benchmark.size()?;
        let short_of = benchmark.summary.percentiles.iter();
        let unfounded: Vec<f64> = short_of
            .map(|(quantile, _)| *quantile)
            .filter(|quantile| *quantile > 0.5 && count as f64 * (1.0 - quantile) < 1.0 - 1e-9)
            .collect();
        let least = unfounded.iter().copied().reduce(f64::min)?;
        let names: Vec<String> = unfounded.iter().map(|quantile| percentile_name(*quantile)).collect();
        Some((
            format!("{} of {count} sample{}", names.join(", "), if count == 1 { "" } else { "s" }),
            format!(
                "{} needs at least 1/(1 − {}) = {} samples; {count} leave{} {} of a sample beyond it",
                percentile_name(least),
                short(least, 4),
                short((1.0 / (1.0 - least)).round(), 0),
                if count == 1 { "s" } else { "" },
                short(count as f64 * (1.0 - least), 2),
            ),
        ))
    })
}

/// A percentile from the 95th on that equals the maximum; without a maximum, two such percentiles that are equal.
#[expect(clippy::cast_precision_loss, reason = "sample counts")]
pub(super) fn equals_max(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        if benchmark.manner.percentiles_unasked || benchmark.manner.bucket > 0.0 {
            return None;
        }
        let summary = &benchmark.summary;
        let high: Vec<(f64, Figure)> =
            summary.percentiles.iter().copied().filter(|(quantile, _)| *quantile >= 0.95 - 1e-9).collect();
        // Where the whole upper half is a few printed digits wide, equality is rounding.
        let centre = summary.median.or(summary.mean)?;
        let is_spread = |value: Figure| value.value - centre.value > 20.0 * 2.0 * value.half_unit.max(centre.half_unit);
        let Some(max) = summary.max else {
            let [first, second, ..] = high.as_slice() else { return None };
            return (same(first.1, second.1) && is_spread(first.1)).then(|| {
                Said::new(
                    format!("{} = {} = {}{}", percentile_name(first.0), percentile_name(second.0), short(first.1.value, 3), benchmark.ms()),
                    "no value lies between the two percentiles: the sample is small, or one of them was copied",
                )
                .at(Severity::Doubt)
            });
        };
        let equal: Vec<f64> = high.iter().filter(|(_, at)| same(*at, max)).map(|(quantile, _)| *quantile).collect();
        let lowest = equal.first()?;
        if !is_spread(max) {
            return None;
        }
        let names: Vec<String> = equal.iter().map(|quantile| percentile_name(*quantile)).collect();
        let beyond = benchmark.size().map(|count| count as f64 * (1.0 - lowest));
        let evidence = format!("{} = max = {}{}", names.join(" = "), short(max.value, 3), benchmark.ms());
        Some(match beyond {
            // That a sample this small has no value beyond is said by another rule, or is its very definition.
            Some(beyond) if beyond <= 1.0 + 1e-9 => return None,
            Some(beyond) if beyond >= 2.0 => Said::new(
                evidence,
                format!("{} samples lie beyond {}, and all of them are the maximum to the last digit", short(beyond, 1), names[0]),
            ),
            _ => Said::new(evidence, "no value lies beyond the percentile, so it is the maximum under another name").at(Severity::Doubt),
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
        let bucket = benchmark.manner.bucket;
        let below = |one: Option<Figure>, other: Option<Figure>| -> bool {
            one.zip(other).is_some_and(|(one, other)| {
                one.value > other.value
                    && !one.agrees(other)
                    && one.value - other.value > bucket * one.value.abs()
            })
        };
        // A histogram's percentile is the end of its bucket, which may lie above the maximum that is kept exactly.
        let is_bucket_end = |one: Option<Figure>, other: Option<Figure>| {
            one.zip(other).is_some_and(|(one, other)| one.value - other.value <= 0.01 * other.value.abs())
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
            if below(pair[0].1, pair[1].1) && !(pair[1].0 == "max" && is_bucket_end(pair[0].1, pair[1].1)) {
                return contradiction(&pair[0], &pair[1], benchmark.ms());
            }
        }
        if benchmark.manner.mixed_populations {
            return None;
        }
        for (one, other) in
            [((("min"), summary.min), ("mean", summary.mean)), (("mean", summary.mean), ("max", summary.max))]
        {
            if below(one.1, other.1) {
                return contradiction(
                    &(one.0.to_owned(), one.1),
                    &(other.0.to_owned(), other.1),
                    benchmark.ms(),
                );
            }
        }
        spread(benchmark)
    })
}

fn contradiction(
    one: &(String, Option<Figure>),
    other: &(String, Option<Figure>),
    ms: &str,
) -> Option<(String, String)> {
    Some((
        format!("{} = {}{ms}, {} = {}{ms}", one.0, short(one.1?.value, 6), other.0, short(other.1?.value, 6)),
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
    let ms = benchmark.ms();
    let freedom = benchmark.size().filter(|&count| count > 1).map_or(1.0, |n| n as f64 / (n as f64 - 1.0));
    let most = (above * beneath * freedom).sqrt();
    (stddev.span().low > most * (1.001 + 2.0 * benchmark.manner.bucket)).then(|| {
        (
            format!(
                "stddev {}{ms} with min {}, mean {}, max {}{ms}",
                short(stddev.value, 6),
                short(min.value, 6),
                short(mean.value, 6),
                short(max.value, 6)
            ),
            format!("the standard deviation is at most √((max − mean)(mean − min)) = {}{ms}", short(most, 4)),
        )
    })
}

/// Mean, median, extremes, deviation and percentiles recomputed from the samples.
pub(super) fn not_of_samples(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        let samples = &benchmark.samples;
        if samples.len() < 2 || benchmark.samples_dropped > 0 || benchmark.count != Some(samples.len() as u64)
        {
            return None;
        }
        let ascending = sorted(samples);
        let summary = &benchmark.summary;
        // Rounding of the samples themselves, and of floating-point sums.
        let slack = benchmark.sample_unit / 2.0
            + (1e-6 + benchmark.manner.bucket) * ascending[ascending.len() - 1].abs();
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
        (!wrong.is_empty()).then(|| {
            let unit = if benchmark.is_timed() { " (ms)" } else { "" };
            (format!("{} samples given", samples.len()), format!("{}{unit}", wrong.join("; ")))
        })
    })
}
