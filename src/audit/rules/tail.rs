//! Mean against percentiles: half the samples at or above 100 mean an average of at least half of 100.

use super::super::figure::{Figure, short};
use super::super::report::{Benchmark, percentile_name};
use super::{Evidence, Hit};

/// The mean lies outside what the percentiles leave for it.
pub(super) fn mean_outside(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        if benchmark.manner.mixed_populations {
            return None;
        }
        let mean = benchmark.summary.mean?;
        let known = ladder(benchmark);
        let slack = 1.005 + benchmark.manner.bucket;
        if known.is_empty() {
            return None;
        }
        let (least, how) = lower(benchmark, &known)?;
        if mean.span().high * slack < least {
            return Some((
                format!("mean {}{}; {}", short(mean.value, 6), benchmark.ms(), listed(&known, benchmark)),
                format!("{how}: the mean is at least {}{}", short(least, 4), benchmark.ms()),
            ));
        }
        let (most, how) = upper(benchmark, &known)?;
        (mean.span().low > most * slack).then(|| {
            (
                format!("mean {}{}; {}", short(mean.value, 6), benchmark.ms(), listed(&known, benchmark)),
                format!("{how}: the mean is at most {}{}", short(most, 4), benchmark.ms()),
            )
        })
    })
}

/// Percentiles in ascending order, the median among them.
fn ladder(benchmark: &Benchmark) -> Vec<(f64, Figure)> {
    let summary = &benchmark.summary;
    let mut known: Vec<(f64, Figure)> = summary.percentiles.clone();
    known.extend(summary.median.map(|median| (0.5, median)));
    known.sort_by(|one, other| one.0.total_cmp(&other.0));
    // Percentiles out of order are another rule's.
    if known.windows(2).any(|pair| pair[0].1.value > pair[1].1.value) {
        known.clear();
    }
    known
}

fn listed(known: &[(f64, Figure)], benchmark: &Benchmark) -> String {
    let mut words: Vec<String> = Vec::new();
    if let Some(min) = benchmark.summary.min {
        words.push(format!("min {}", short(min.value, 6)));
    }
    words.extend(
        known.iter().map(|(at, figure)| format!("{} {}", percentile_name(*at), short(figure.value, 6))),
    );
    if let Some(max) = benchmark.summary.max {
        words.push(format!("max {}", short(max.value, 6)));
    }
    words.join(", ")
}

/// How far a percentile's rank may lie from its quantile: definitions differ by one sample.
#[expect(clippy::cast_precision_loss, reason = "sample counts")]
fn shift(benchmark: &Benchmark) -> f64 {
    benchmark.size().map_or(0.02, |count| (1.5 / count.max(1) as f64).min(0.5))
}

/// The least mean: every sample as small as the percentiles allow.
fn lower(benchmark: &Benchmark, known: &[(f64, Figure)]) -> Option<(f64, String)> {
    let shift = shift(benchmark);
    let floor = benchmark.summary.min.map_or(0.0, |min| min.span().low.max(0.0));
    let mut sum = 0.0;
    let mut from = 0.0;
    let mut value = floor;
    for (at, figure) in known {
        let at = (at + shift).min(1.0);
        sum += (at - from) * value;
        (from, value) = (at, figure.span().low.max(value));
    }
    sum += (1.0 - from) * value;
    let (at, figure) = known
        .iter()
        .max_by(|one, other| ((1.0 - one.0) * one.1.value).total_cmp(&((1.0 - other.0) * other.1.value)))?;
    let rest = if floor > 0.0 { format!(" and none is below {}", short(floor, 4)) } else { String::new() };
    Some((
        sum,
        format!(
            "{} % of the samples are at or above {}{rest}",
            short(100.0 * (1.0 - at), 3),
            short(figure.value, 4)
        ),
    ))
}

/// The greatest mean: every sample as large as the percentiles allow; needs the maximum.
fn upper(benchmark: &Benchmark, known: &[(f64, Figure)]) -> Option<(f64, String)> {
    let shift = shift(benchmark);
    let max = benchmark.summary.max?.span().high;
    let mut sum = 0.0;
    let mut from = 0.0;
    for (at, figure) in known {
        let at = (at - shift).max(0.0);
        if at > from {
            sum += (at - from) * figure.span().high;
            from = at;
        }
    }
    sum += (1.0 - from) * max;
    let (at, figure) = known.last()?;
    Some((
        sum,
        format!(
            "{} % of the samples are at or below {} and none is above {}",
            short(100.0 * at, 3),
            short(figure.value, 4),
            short(max, 4)
        ),
    ))
}
