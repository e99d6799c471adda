//! Arithmetic ramps and lattices, inferred from statistics alone.
//!
//! `n` values `a + d·i` have mean `a + d(n − 1)/2` and maximum `a + d(n − 1)`. One mean and one maximum always fit some
//! ramp; what gives a generated series away is a third figure that fits as well: another arm on the same ramp, or a
//! standard deviation that belongs to a whole number of levels. How likely that is by accident is worked out from the
//! rounding of the figures and printed with the finding.

use super::super::figure::{Figure, Span, short};
use super::super::report::{Benchmark, Summary};
use super::{Evidence, Hit, Item, Said};

/// Accidents more likely than this are not reported.
const MAX_LIKELY: f64 = 0.02;
/// Ramps longer than this are not looked for: rounding hides the step.
const MAX_VALUES: u64 = 200;

/// One ramp behind two arms.
pub(super) struct SharedRamp {
    start: f64,
    step: f64,
    /// Values in the baseline and in the isolated arm.
    pub(super) counts: (u64, u64),
    odds: f64,
}

impl SharedRamp {
    /// The ramp as a formula.
    pub(super) fn formula(&self) -> String {
        format!("{} + {}·i ms", short(self.start, 4), short(self.step, 4))
    }
}

/// What an arm says of its ramp: mean and maximum, and how the mean is known.
struct Clue {
    mean: Span,
    max: Figure,
    min: Option<Figure>,
    count: Option<u64>,
}

fn clue(benchmark: &Benchmark) -> Option<Clue> {
    let count = benchmark.size();
    // Below a hundred values the p99 is the maximum.
    let p99 = benchmark.summary.percentile(0.99).filter(|_| count.is_none_or(|count| count < 100));
    let rate = benchmark.throughput.map(|rate| rate.times(1.0 / benchmark.operations_per_sample));
    // One request after the other has the reciprocal of the rate for its mean.
    let mean = benchmark
        .summary
        .mean
        .map(Figure::span)
        .or_else(|| rate.filter(|rate| rate.value > 0.0).map(|rate| rate.span().reciprocal() * 1e3))?;
    let max = benchmark.summary.max.or(p99)?;
    (max.value > mean.middle()).then_some(Clue { mean, max, min: benchmark.summary.min, count })
}

/// The ramp that gives the figures of both arms, if there is one and it is no likely accident.
pub(super) fn shared_ramp(baseline: &Benchmark, isolated: &Benchmark) -> Option<SharedRamp> {
    let (loaded, alone) = (clue(baseline)?, clue(isolated)?);
    let known = alone.count.or(loaded.count).filter(|count| (3..=MAX_VALUES).contains(count))?;
    // The ramp starts at 2·mean − max, in both arms alike.
    let start_of = |clue: &Clue| clue.mean * 2.0 - clue.max.span();
    let mut start = start_of(&loaded).intersect(start_of(&alone))?;
    for min in [loaded.min, alone.min].into_iter().flatten() {
        start = start.intersect(min.span())?;
    }
    let (anchor, other) = if alone.count.is_some() { (&alone, &loaded) } else { (&loaded, &alone) };
    let steps = |count: u64| f64_of(count - 1);
    let step = (anchor.max.span() - anchor.mean) * (2.0 / steps(known));
    if step.low <= 0.0 {
        return None;
    }
    let nominal = 2.0 * (other.max.value - other.mean.middle()) / step.middle();
    let guess = other.count.or_else(|| whole(nominal.round()).map(|steps| steps + 1))?;
    if !(3..=MAX_VALUES).contains(&guess) || guess == known {
        return None;
    }
    let step = step.intersect((other.max.span() - other.mean) * (2.0 / steps(guess)))?;
    let (start_value, step_value) = simplest(start, step, &[(anchor, known), (other, guess)])?;
    // By accident the other arm's start could lie anywhere below its maximum; a missing count could be any fraction.
    let room = other.max.value - start.middle();
    let window = start_of(&loaded).width() + start_of(&alone).width();
    let fraction =
        if other.count.is_some() { 1.0 } else { (2.0 * (nominal - nominal.round()).abs()).clamp(0.1, 1.0) };
    let odds = (window / room).min(1.0) * fraction;
    let counts = if alone.count.is_some() { (guess, known) } else { (known, guess) };
    (odds <= MAX_LIKELY).then_some(SharedRamp { start: start_value, step: step_value, counts, odds })
}

/// The ramp with the fewest decimals that gives every figure as printed.
fn simplest(start: Span, step: Span, clues: &[(&Clue, u64)]) -> Option<(f64, f64)> {
    const GRIDS: [f64; 6] = [1.0, 0.5, 0.1, 0.05, 0.01, 0.005];
    let on_grid = |span: Span, grid: f64| -> Vec<f64> {
        let first = (span.low / grid).ceil();
        (0..200)
            .map(|at| (first + f64::from(at)) * grid)
            .take_while(|value| *value <= span.high + 1e-9)
            .collect()
    };
    let fits = |start: f64, step: f64| {
        clues.iter().all(|(clue, count)| {
            let length = step * f64_of(count - 1);
            let mean = start + length / 2.0;
            clue.max.agrees(Figure::exact(start + length))
                && mean >= clue.mean.low - 1e-9
                && mean <= clue.mean.high + 1e-9
        })
    };
    for total in 0..2 * GRIDS.len() {
        for (first, first_grid) in GRIDS.iter().enumerate() {
            let Some(second) = total.checked_sub(first).filter(|second| *second < GRIDS.len()) else {
                continue;
            };
            for candidate in on_grid(start, *first_grid) {
                if let Some(step) =
                    on_grid(step, GRIDS[second]).into_iter().find(|step| fits(candidate, *step))
                {
                    return Some((candidate, step));
                }
            }
        }
    }
    None
}

/// One ramp behind the baseline and the isolated arm of a component.
pub(super) fn shared(evidence: &Evidence<'_>) -> Vec<Hit> {
    let check = |(loaded_item, alone_item): (Item<'_>, Item<'_>)| {
        let (baseline, isolated) = (loaded_item.benchmark, alone_item.benchmark);
        let ramp = shared_ramp(baseline, isolated)?;
        let (loaded, alone) = ramp.counts;
        let show = |benchmark: &Benchmark| {
            let summary = &benchmark.summary;
            let max = summary.max.or_else(|| summary.percentile(0.99)).map_or(0.0, |max| max.value);
            match (summary.mean, benchmark.throughput) {
                (Some(mean), _) => format!("mean {} ms, maximum {} ms", mean.value, max),
                (None, Some(rate)) => format!("{}/s, maximum {} ms", rate.value, max),
                (None, None) => String::new(),
            }
        };
        let last = |count: u64| short(ramp.start + ramp.step * f64_of(count - 1), 4);
        let mean = |count: u64| short(ramp.start + ramp.step * f64_of(count - 1) / 2.0, 4);
        Some(alone_item.hit_beside("and", loaded_item, Said::new(
            format!("alone: {}; under load: {}", show(isolated), show(baseline)),
            format!(
                "{} with {alone} values gives mean {} and maximum {}, with {loaded} values mean {} and maximum {}; the gap is {} steps of one ramp, not load; about 1 in {} by accident",
                ramp.formula(),
                mean(alone),
                last(alone),
                mean(loaded),
                last(loaded),
                loaded.abs_diff(alone),
                short(1.0 / ramp.odds, 0),
            ),
        )))
    };
    evidence.arms().into_iter().filter_map(check).collect()
}

/// Minimum, maximum, mean and deviation of a whole number of equally likely, equally spaced values.
pub(super) fn summary(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        if !benchmark.is_timed() || benchmark.manner.exact_repeats {
            return None;
        }
        let found = levels(&benchmark.summary)?;
        let summary = &benchmark.summary;
        let step = (summary.max?.value - summary.min?.value) / (f64::from(found.levels) - 1.0);
        let deviation = step * ((f64::from(found.levels).powi(2) - 1.0) / 12.0).sqrt();
        Some((
            format!(
                "min {}, mean {}, max {}, stddev {} ms",
                summary.min?.value, summary.mean?.value, summary.max?.value, summary.stddev?.value
            ),
            format!(
                "{} equally likely values {} + {}·i ms have mean {} and stddev {}; about 1 in {} by accident",
                found.levels,
                short(summary.min?.value, 4),
                short(step, 4),
                short(summary.min?.value + step * (f64::from(found.levels) - 1.0) / 2.0, 4),
                short(deviation, 4),
                short(1.0 / found.odds, 0),
            ),
        ))
    })
}

struct Levels {
    levels: u32,
    odds: f64,
}

/// How many equally spaced values have these statistics, if the rounding leaves one answer.
fn levels(summary: &Summary) -> Option<Levels> {
    let (min, max, mean, stddev) = (summary.min?, summary.max?, summary.mean?, summary.stddev?);
    let range = max.span() - min.span();
    if range.low <= 0.0 {
        return None;
    }
    let centre = (min.span() + max.span()) * 0.5;
    let sliver = 1e-9 * centre.high.abs();
    let reach = |figure: Figure| figure.half_unit + centre.width() / 2.0;
    let is_central = |figure: Figure| (figure.value - centre.middle()).abs() <= reach(figure) + sliver;
    if !is_central(mean) || summary.median.is_some_and(|median| !is_central(median)) {
        return None;
    }
    // The deviation of k levels over the range R is R·√((k + 1) / (12(k − 1))).
    let ratio = |levels: u32| ((f64::from(levels) + 1.0) / (12.0 * (f64::from(levels) - 1.0))).sqrt();
    let window = |levels: u32| (range * ratio(levels)).intersect(stddev.span());
    let fitting: Vec<u32> = (3..=50).filter(|levels| window(*levels).is_some()).collect();
    let [levels] = fitting[..] else { return None };
    let middle = range.middle();
    let share = |width: f64| (width / middle).min(1.0);
    let covered: f64 = (2..=12).map(|levels| range.width() * ratio(levels) + 2.0 * stddev.half_unit).sum();
    let centred = share(2.0 * reach(mean)) * summary.median.map_or(1.0, |median| share(2.0 * reach(median)));
    let odds = (centred * share(2.0 * covered)).max(f64::MIN_POSITIVE);
    (odds <= MAX_LIKELY).then_some(Levels { levels, odds })
}

#[expect(clippy::cast_precision_loss, reason = "counts of at most some hundred values")]
fn f64_of(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be a small count")]
fn whole(value: f64) -> Option<u64> {
    (2.0..1e6).contains(&value).then_some(value as u64)
}
