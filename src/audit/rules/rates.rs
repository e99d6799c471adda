//! Amounts, rates, times and totals that must fit each other, and times that say that nothing was measured.

use super::super::figure::{Figure, short};
use super::super::report::TimeUnit;
use super::{Evidence, Hit, Said, Severity};

/// Amount = rate × time.
pub(super) fn amount(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        let duration = benchmark.duration_s.filter(|duration| duration.value > 0.0)?;
        benchmark.amounts.iter().find_map(|(what, amount, rate)| {
            let expected = rate.span() * duration.span();
            let is_off = expected.low > 1.1 * amount.span().high || expected.high < 0.9 * amount.span().low;
            (is_off && amount.value > 0.0).then(|| {
                (
                    format!(
                        "{what}: {} in {} s at {}/s",
                        short(amount.value, 2),
                        short(duration.value, 3),
                        short(rate.value, 2)
                    ),
                    format!(
                        "{} × {} s = {}",
                        short(rate.value, 2),
                        short(duration.value, 3),
                        short(rate.value * duration.value, 2)
                    ),
                )
            })
        })
    })
}

/// Total = count × mean.
#[expect(clippy::cast_precision_loss, reason = "sample counts")]
pub(super) fn total(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        let (total, count, mean) = (benchmark.total?, benchmark.size()? as f64, benchmark.summary.mean?);
        let expected = mean.span() * count;
        let slack = 0.01 * total.value.abs();
        (count > 0.0
            && (expected.high + slack < total.span().low || expected.low - slack > total.span().high))
            .then(|| {
                (
                    format!(
                        "total {}{}, {count} samples with a mean of {}{}",
                        short(total.value, 6),
                        benchmark.ms(),
                        short(mean.value, 6),
                        benchmark.ms()
                    ),
                    format!(
                        "{count} × {} = {}{}",
                        short(mean.value, 6),
                        short(count * mean.value, 6),
                        benchmark.ms()
                    ),
                )
            })
    })
}

/// Processor time beyond processors × wall time.
#[expect(clippy::cast_precision_loss, reason = "processor counts")]
pub(super) fn cpu(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        let (cpu, wall, cores) = (benchmark.cpu_s?, benchmark.duration_s?, benchmark.cores? as f64);
        let most = wall.span().high * cores;
        (cores > 0.0 && cpu.span().low > 1.02 * most).then(|| {
            (
                format!(
                    "{} s of processor time in {} s on {cores} processor{}",
                    short(cpu.value, 3),
                    short(wall.value, 3),
                    if cores > 1.0 { "s" } else { "" }
                ),
                format!("{cores} × {} s = {} s at most", short(wall.value, 3), short(cores * wall.value, 3)),
            )
        })
    })
}

/// Times of zero or below.
pub(super) fn nothing(evidence: &Evidence<'_>) -> Vec<Hit> {
    // Beside others a column of zeros is a part that did not happen.
    let is_alone = evidence.items.len() == 1;
    evidence.each(|benchmark| {
        if matches!(benchmark.unit, TimeUnit::Other) || benchmark.manner.exact_repeats {
            return None;
        }
        let named = benchmark.summary.named();
        if let Some((name, figure)) =
            named.iter().find(|(name, figure)| figure.span().high < 0.0 && name != "stddev")
        {
            return Some(Said::new(
                format!("{name} {}{}", short(figure.value, 6), benchmark.ms()),
                "a duration is not negative: the clock was set, or start and end were swapped",
            ));
        }
        if let Some(least) = benchmark.samples.iter().copied().find(|sample| *sample < 0.0) {
            return Some(Said::new(
                format!("a sample of {}{}", short(least, 6), benchmark.ms()),
                "a duration is not negative: the clock was set, or start and end were swapped",
            ));
        }
        let centre: Option<Figure> = benchmark.summary.mean.or(benchmark.summary.median);
        let is_zero = |figure: Figure| figure.value == 0.0;
        let coarse = benchmark.summary.max.is_some_and(|max| max.value > 0.0);
        let all_zero =
            is_alone && benchmark.samples.len() >= 3 && benchmark.samples.iter().all(|sample| *sample == 0.0);
        (centre.is_some_and(is_zero) && !coarse || all_zero).then(|| {
            let what = if all_zero {
                format!("{} samples of 0", benchmark.samples.len())
            } else {
                "a mean of 0".to_owned()
            };
            Said::new(
                what,
                "nothing was timed: the work was optimised away, or is below the clock's resolution",
            )
            .at(Severity::Doubt)
        })
    })
}
