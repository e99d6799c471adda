//! Statements that can be worked out again: parts, changes, headroom, verdicts, totals, counts, quotations.

use super::super::figure::{Figure, Span, short};
use super::super::report::{Benchmark, Report};
use super::super::statement::{Fact, Range};
use super::{Evidence, Hit, Said, Severity};

fn span(range: Range) -> Span {
    Span {
        low: range.0.span().low.min(range.1.span().low),
        high: range.1.span().high.max(range.0.span().high),
    }
}

fn shown(range: Range) -> String {
    if (range.0.value - range.1.value).abs() < 1e-12 {
        short(range.0.value, 4)
    } else {
        format!("{} to {}", short(range.0.value, 4), short(range.1.value, 4))
    }
}

/// `x of y (p %)`.
pub(super) fn parts(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each_statement(|_, statement| {
        let Fact::PartOf { part, whole, percent } = &statement.fact else { return None };
        if whole.value <= 0.0 {
            return None;
        }
        if part.span().low > whole.span().high {
            return Some(Said::new(
                format!("{} of {}", short(part.value, 4), short(whole.value, 4)),
                "a part is not larger than its whole",
            ));
        }
        let percent = (*percent)?;
        let share = Span {
            low: part.span().low / whole.span().high,
            high: part.span().high / whole.span().low.max(f64::MIN_POSITIVE),
        } * 100.0;
        // Counts are exact, whatever their digits are taken for.
        let is_count = part.value.fract() == 0.0 && whole.value.fract() == 0.0 && part.half_unit >= 0.5;
        let share = if is_count { Span::exactly(100.0 * part.value / whole.value) } else { share };
        let stated = percent.span();
        // Truncation is as common as rounding.
        let slack = percent.half_unit * 1.01;
        (stated.high + slack < share.low || stated.low - slack > share.high).then(|| {
            Said::new(
                format!(
                    "{} of {} called {} %",
                    short(part.value, 4),
                    short(whole.value, 4),
                    short(percent.value, 4)
                ),
                format!(
                    "{} / {} = {} %",
                    short(part.value, 4),
                    short(whole.value, 4),
                    short(100.0 * part.value / whole.value, 2)
                ),
            )
        })
    })
}

/// The factor between two ranges, the larger over the smaller: the least and the greatest that their ends give.
fn factors(from: Range, to: Range) -> Option<Span> {
    let (from, to) = (span(from), span(to));
    if from.low <= 0.0 || to.low <= 0.0 {
        return None;
    }
    let (large, small) = if from.middle() >= to.middle() { (from, to) } else { (to, from) };
    Some(Span { low: large.low / small.high, high: large.high / small.low })
}

/// `from a to b`, called so many times, so many per cent, or so much.
pub(super) fn changes(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each_statement(|_, statement| {
        let Fact::Change { from, to, unit, percent, factor, difference, .. } = &statement.fact else {
            return None;
        };
        let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
        let change = format!("{} → {}{unit}", shown(*from), shown(*to));
        if let Some(stated) = factor {
            return off_factor(&change, *from, *to, *stated);
        }
        if let Some(stated) = percent {
            // Between percentages the difference in points is meant as often as the ratio.
            let points = (to.0.value - from.0.value).abs();
            let rounding = from.0.half_unit + to.0.half_unit + 2.0 * stated.0.half_unit;
            if statement_is_percent(&unit)
                && (points - stated.0.value.abs()).abs() <= rounding + 0.01 * points
            {
                return None;
            }
            return off_percent(&change, *from, *to, *stated);
        }
        let stated = (*difference)?;
        let (from, to) = (span(*from), span(*to));
        let (large, small) = if from.middle() >= to.middle() { (from, to) } else { (to, from) };
        let gap = Span { low: (large.low - small.high).max(0.0), high: large.high - small.low };
        let claimed = span((absolute(stated.0), absolute(stated.1)));
        let is_range = (stated.0.value - stated.1.value).abs() > 1e-12;
        (claimed.intersect(gap).is_none() || is_range && stated.1.value > gap.high * 1.15).then(|| {
            Said::new(
                format!("{change}, called a difference of {}{unit}", shown(stated)),
                format!("the difference is {} to {}{unit}", short(gap.low, 4), short(gap.high, 4)),
            )
        })
    })
}

fn statement_is_percent(unit: &str) -> bool {
    unit.trim() == "%"
}

fn absolute(figure: Figure) -> Figure {
    Figure { value: figure.value.abs(), ..figure }
}

fn off_factor(change: &str, from: Range, to: Range, stated: Range) -> Option<Said> {
    let computed = factors(from, to)?;
    let claimed = span(stated);
    // `0.5×` is a factor of the result, `2×` of the speed; and `1.5× faster` may mean 2.5 times.
    let inverse = Span { low: 1.0 / claimed.high.max(1e-9), high: 1.0 / claimed.low.max(1e-9) };
    let added = Span { low: claimed.low + 1.0, high: claimed.high + 1.0 };
    let agrees = |claimed: Span| {
        claimed.intersect(Span { low: computed.low * 0.97, high: computed.high * 1.03 }).is_some()
    };
    let is_range = (stated.0.value - stated.1.value).abs() > 1e-12 || (to.0.value - to.1.value).abs() > 1e-12;
    let numbers = format!("{change}, called {} times", shown(stated));
    let said = format!(
        "{change} is {}{} times",
        short(computed.low, 2),
        if computed.width() > 0.01 * computed.low {
            format!(" to {}", short(computed.high, 2))
        } else {
            String::new()
        }
    );
    if !agrees(claimed) && !agrees(inverse) && !agrees(added) {
        return Some(Said::new(numbers, said));
    }
    // Ranges that overlap and promise more at an end than the figures give.
    let least = nominal(from, to)?;
    let promises_more = is_range && stated.1.value > least.1 * 1.15 && stated.0.value > least.0 * 1.15;
    (promises_more && claimed.low > 1.0).then(|| {
        Said::new(numbers, format!("{change} is {} to {} times", short(least.0, 2), short(least.1, 2)))
    })
}

/// The factors as printed, without rounding.
fn nominal(from: Range, to: Range) -> Option<(f64, f64)> {
    let all = [from.0.value / to.1.value, from.1.value / to.0.value];
    let (low, high) = (all[0].min(all[1]), all[0].max(all[1]));
    if !(low.is_finite() && high.is_finite()) || low <= 0.0 {
        return None;
    }
    if high < 1.0 { Some((1.0 / high, 1.0 / low)) } else { Some((low, high)) }
}

fn off_percent(change: &str, from: Range, to: Range, stated: Range) -> Option<Said> {
    let (from, to) = (span(from), span(to));
    if from.low <= 0.0 || to.low <= 0.0 {
        return None;
    }
    let claimed = span((absolute(stated.0), absolute(stated.1)));
    let slack = 0.5 * (stated.0.half_unit + stated.1.half_unit) + 0.02 * claimed.high;
    let claimed = Span { low: claimed.low - slack, high: claimed.high + slack };
    let relative = |one: Span, other: Span| {
        let all = [
            (one.low - other.high) / one.low,
            (one.high - other.low) / one.high,
            (one.low - other.high) / one.high,
            (one.high - other.low) / one.low,
        ];
        let (low, high) = all.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), value| {
            (low.min(value.abs()), high.max(value.abs()))
        });
        let crosses = one.intersect(other).is_some();
        Span { low: if crosses { 0.0 } else { low }, high } * 100.0
    };
    // Of the first, of the second (a speed), or the one as a share of the other.
    let meanings = [
        relative(from, to),
        relative(to, from),
        Span { low: to.low / from.high, high: to.high / from.low } * 100.0,
        Span { low: from.low / to.high, high: from.high / to.low } * 100.0,
    ];
    if meanings.iter().any(|meaning| meaning.intersect(claimed).is_some()) {
        return None;
    }
    let nominal = 100.0 * (to.middle() - from.middle()) / from.middle();
    Some(Said::new(
        format!("{change}, called {} %", shown(stated)),
        format!(
            "({} − {}) / {} = {nominal:+.1} %",
            short(to.middle(), 4),
            short(from.middle(), 4),
            short(from.middle(), 4)
        ),
    ))
}

/// Room between a value and its bound.
pub(super) fn headroom(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each_statement(|_, statement| {
        let Fact::Headroom { value, bound, percent, unit } = &statement.fact else { return None };
        if bound.value <= 0.0 || value.value <= 0.0 {
            return None;
        }
        // A bound is exact; the value was rounded. Room is of the bound, of the value, or the value as a share of the bound.
        let spread = |of: f64| value.half_unit / of * 100.0;
        let meanings = [
            (100.0 * (value.value - bound.value).abs() / bound.value, spread(bound.value)),
            (100.0 * (value.value - bound.value).abs() / value.value, spread(value.value)),
            (100.0 * value.value / bound.value, spread(bound.value)),
            (100.0 * bound.value / value.value, spread(value.value)),
        ];
        let agrees = |(room, spread): &(f64, f64)| {
            (room - percent.value.abs()).abs() <= spread + percent.half_unit * 1.5 + 0.005 * room
        };
        let figures = format!(
            "{} against {}{}{unit}, headroom {} %",
            short(value.value, 4),
            short(bound.value, 4),
            if unit.is_empty() { "" } else { " " },
            short(percent.value, 2)
        );
        (!meanings.iter().any(agrees)).then(|| {
            Said::new(
                figures,
                format!(
                    "|{} − {}| / {} = {} %",
                    short(value.value, 4),
                    short(bound.value, 4),
                    short(bound.value, 4),
                    short(meanings[0].0, 1)
                ),
            )
        })
    })
}

/// A target that is called met and is not, or the other way round.
pub(super) fn verdicts(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each_statement(|_, statement| {
        let Fact::Verdict { value, bound, below, met, unit } = &statement.fact else { return None };
        let holds = if *below { value.span().low <= bound.value } else { value.span().high >= bound.value };
        let fails = if *below { value.span().high >= bound.value } else { value.span().low <= bound.value };
        let is_wrong = if *met { !holds } else { !fails };
        is_wrong.then(|| {
            let sign = if *below { "<" } else { ">" };
            Said::new(
                format!(
                    "{} {unit}, target {sign} {} {unit}, called {}",
                    short(value.value, 4),
                    short(bound.value, 4),
                    if *met { "met" } else { "missed" }
                ),
                format!(
                    "{} is {} {}",
                    short(value.value, 4),
                    if value.value < bound.value { "below" } else { "above" },
                    short(bound.value, 4)
                ),
            )
        })
    })
}

/// Parts and their total.
pub(super) fn totals(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each_statement(|_, statement| {
        let Fact::Total { what, parts, total, unit } = &statement.fact else { return None };
        let sum = parts.iter().map(|part| part.span()).fold(Span::exactly(0.0), |sum, part| sum + part);
        // A total of percentages may be a mean, and one of times the longest of parallel parts.
        let most = parts.iter().map(|part| part.value).fold(0.0, f64::max);
        #[expect(clippy::cast_precision_loss, reason = "rows of a table")]
        let mean = parts.iter().map(|part| part.value).sum::<f64>() / parts.len() as f64;
        let is_other =
            total.agrees(Figure::exact(most)) || (total.value - mean).abs() <= 0.01 * mean + total.half_unit;
        (!is_other && sum.intersect(total.span()).is_none()).then(|| {
            let is_count = unit.is_empty() || unit == "%";
            let listed: Vec<String> = parts.iter().map(|part| short(part.value, 4)).collect();
            let exact: f64 = parts.iter().map(|part| part.value).sum();
            let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
            let said = Said::new(
                format!("{what}: total {}{unit}", short(total.value, 4)),
                format!("{} = {}{unit}", listed.join(" + "), short(exact, 4)),
            );
            if is_count { said } else { said.at(Severity::Doubt) }
        })
    })
}

/// `100+ iterations` where fewer were run.
pub(super) fn at_least(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each_statement(|report, statement| {
        let Fact::AtLeast { count, what } = &statement.fact else { return None };
        let fewest = report
            .benchmarks
            .iter()
            .filter_map(|benchmark| benchmark.count.map(|count| (count, benchmark)))
            .filter(|(count, _)| *count > 0)
            .min_by_key(|(count, _)| *count)?;
        #[expect(clippy::cast_precision_loss, reason = "sample counts")]
        let is_fewer = (fewest.0 as f64) < count.value;
        is_fewer.then(|| {
            Said::new(
                format!("{}+ {what} stated; {} has {}", short(count.value, 0), fewest.1.title(), fewest.0),
                format!("{} is fewer than {}", fewest.0, short(count.value, 0)),
            )
            .at(Severity::Doubt)
        })
    })
}

/// Speedup above the ceiling of a stated serial fraction.
pub(super) fn amdahl(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each_statement(|_, statement| {
        let Fact::Amdahl { serial, processors, speedup } = &statement.fact else { return None };
        let least = serial.span().low.max(0.0);
        let ceiling = |serial: f64| match processors {
            Some(count) if *count >= 1.0 => 1.0 / (serial + (1.0 - serial) / count),
            _ => 1.0 / serial.max(f64::MIN_POSITIVE),
        };
        (speedup.span().low > ceiling(least) * 1.01).then(|| {
            let on = processors.map_or(String::new(), |count| format!(" on {} processors", short(count, 0)));
            Said::new(
                format!(
                    "speedup {} times{on}, serial fraction {}",
                    short(speedup.value, 2),
                    short(serial.value, 4)
                ),
                match processors {
                    Some(count) => format!(
                        "1/({s} + (1 − {s})/{}) = {} times at most",
                        short(*count, 0),
                        short(ceiling(serial.value), 2),
                        s = short(serial.value, 4)
                    ),
                    None => format!(
                        "1/{} = {} times at most, on any number of processors",
                        short(serial.value, 4),
                        short(ceiling(serial.value), 2)
                    ),
                },
            )
        })
    })
}

/// A statistic in the text that the table of the same report has otherwise.
pub(super) fn quoted(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each_statement(|report, statement| {
        let Fact::Quoted { statistic, subject, figure } = &statement.fact else { return None };
        let is_there = |benchmark: &Benchmark| {
            benchmark.summary.named().iter().any(|(_, known)| known.agrees(*figure))
                || benchmark.singles.iter().any(|(_, known)| known.agrees(*figure))
        };
        if report.benchmarks.iter().any(is_there) {
            return None;
        }
        let (benchmark, known) = meant(report, subject, statistic)?;
        Some(Said::new(
            format!("the text has {statistic} {} ms", short(figure.value, 4)),
            format!("{} has {} ms for it ({})", benchmark.title(), short(known.value, 4), benchmark.place),
        ))
    })
}

/// The only benchmark whose name the sentence has, and its figure for the statistic.
fn meant<'r>(report: &'r Report, subject: &str, statistic: &str) -> Option<(&'r Benchmark, Figure)> {
    let lower = subject.to_lowercase();
    let telling = |benchmark: &Benchmark| {
        let words: Vec<String> = benchmark
            .name
            .to_lowercase()
            .split(|letter: char| !letter.is_alphanumeric())
            .filter(|word| word.len() > 3)
            .map(str::to_owned)
            .collect();
        !words.is_empty() && words.iter().all(|word| lower.contains(word.as_str()))
    };
    let wanted = statistic.to_lowercase();
    let wanted = match wanted.as_str() {
        "average" | "avg" => "mean",
        "p50" => "median",
        other => other,
    };
    let mut found =
        report.benchmarks.iter().filter(|benchmark| benchmark.is_timed() && telling(benchmark)).filter_map(
            |benchmark| {
                let figure = benchmark.summary.named().into_iter().find(|(name, _)| name == wanted)?.1;
                Some((benchmark, figure))
            },
        );
    let first = found.next()?;
    found.next().is_none().then_some(first)
}
