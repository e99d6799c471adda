//! Laws that every measurement obeys: Little, conservation of time, and arms that are compared.

use super::super::figure::{Figure, Span, short};
use super::super::report::{Benchmark, Share};
use super::super::statistics::sorted;
use super::lattice::shared_ramp;
use super::{Evidence, Hit, Item, Said, Severity};

/// Requests in the system by Little's law: throughput × mean latency.
fn in_system(benchmark: &Benchmark) -> Option<Span> {
    if !benchmark.is_timed() {
        return None;
    }
    let rate = benchmark.throughput?.times(1.0 / benchmark.operations_per_sample);
    Some(rate.span() * benchmark.summary.mean?.times(1e-3).span())
}

/// Throughput × latency against the concurrency that is stated.
///
/// More requests than there are clients cannot be in the system; fewer can, where clients think or the run is short.
pub(super) fn little(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        let stated = benchmark.concurrency.filter(|stated| *stated > 0.0)?;
        let product = in_system(benchmark)?;
        let too_many = product.low > 1.15 * stated;
        let too_few = !benchmark.may_idle && product.high < 0.5 * stated;
        let said = Said::new(
            format!("concurrency {}, {}", short(stated, 3), rate_and_mean(benchmark)),
            format!(
                "throughput × latency = {} requests in the system, {} stated{}",
                short(product.middle(), 2),
                short(stated, 2),
                if too_few {
                    ": the clients wait most of the time, or the figures are of different requests"
                } else {
                    ""
                }
            ),
        );
        // A mean of rates, or a run of a few requests each, may be off by a part; not by a multiple.
        let is_certain = product.low > 1.5 * stated;
        match (too_many, too_few) {
            (true, _) if is_certain => Some(said),
            (true, _) | (_, true) => Some(said.at(Severity::Doubt)),
            _ => None,
        }
    })
}

fn rate_and_mean(benchmark: &Benchmark) -> String {
    let rate = benchmark.throughput.map_or(0.0, |rate| rate.value);
    let ms = benchmark.ms();
    let per = if benchmark.operations_per_sample > 1.0 {
        format!(" ({} a request)", short(benchmark.operations_per_sample, 0))
    } else {
        String::new()
    };
    let mean =
        benchmark.summary.mean.map_or(String::new(), |mean| format!(", mean {}{ms}", short(mean.value, 4)));
    format!("{}/s{per}{mean}", short(rate, 2))
}

/// Said to be concurrent, and yet not two requests at once on average.
pub(super) fn serial(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        if !benchmark.said_concurrent {
            return None;
        }
        if let Some(product) = in_system(benchmark) {
            return (product.holds(1.0) || product.high < 1.0).then(|| {
                (
                    rate_and_mean(benchmark),
                    format!("throughput × latency = {}: one request at a time", short(product.middle(), 3)),
                )
            });
        }
        let rate = benchmark
            .throughput
            .filter(|_| benchmark.is_timed())?
            .times(1.0 / benchmark.operations_per_sample);
        let longest = benchmark.summary.max.or_else(|| benchmark.summary.percentile(0.99))?;
        let most = (rate.span() * longest.times(1e-3).span()).high;
        (most < 2.0).then(|| {
            (
                format!("{}/s, slowest {} ms", short(rate.value, 2), short(longest.value, 3)),
                format!(
                    "even if every request took the slowest time there would be {} in the system, below two",
                    short(most, 2)
                ),
            )
        })
    })
}

/// Shorter than its own iterations, or a rate that does not give the count.
#[expect(clippy::cast_precision_loss, reason = "sample counts")]
pub(super) fn duration(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        let (duration, count) =
            (benchmark.duration_s.filter(|duration| duration.value > 0.0)?, benchmark.size()? as f64);
        let rate = benchmark.throughput.map(|rate| rate.times(1.0 / benchmark.operations_per_sample));
        if let Some(rate) = rate {
            let expected = rate.span() * duration.span();
            // A sample may hold several operations; then the rate gives a multiple of the count.
            let may_be_several = benchmark.operations_per_sample <= 1.0
                && !benchmark.manner.percentiles_unasked
                && expected.low > 1.8 * count;
            if !may_be_several && (expected.low > 1.25 * count || expected.high < 0.8 * count) {
                return Some(Said::new(
                    format!(
                        "{count} iterations in {} s at {}/s",
                        short(duration.value, 4),
                        short(rate.value, 3)
                    ),
                    format!(
                        "{}/s × {} s = {} iterations",
                        short(rate.value, 3),
                        short(duration.value, 4),
                        short(expected.middle(), 1)
                    ),
                ));
            }
        }
        // Where the rate agrees, more than one was under way at once, whatever was said.
        if rate.is_some() && benchmark.concurrency.is_none() || !benchmark.is_timed() {
            return None;
        }
        let at_once = benchmark.concurrency.or((!benchmark.may_idle).then_some(1.0))?.max(1.0);
        let mean = benchmark.summary.mean?;
        let needed = count * mean.span().low * 1e-3 / at_once;
        (duration.span().high < 0.95 * needed).then(|| {
            let said = Said::new(
                format!(
                    "{} s for {count} iterations of {} ms",
                    short(duration.value, 4),
                    short(mean.value, 4)
                ),
                format!(
                    "{count} × {} ms / {} at once = {} s at least",
                    short(mean.value, 4),
                    short(at_once, 2),
                    short(needed, 3)
                ),
            );
            if benchmark.concurrency.is_some() { said } else { said.at(Severity::Doubt) }
        })
    })
}

/// Shares of one whole that do not make a whole, beyond rounding.
pub(super) fn shares(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        benchmark.shares.chunk_by(|one, other| one.whole == other.whole).find_map(broken_whole)
    })
}

/// Words of the part that makes a list of shares complete.
const RESTS: [&str; 9] =
    ["other", "others", "rest", "remaining", "remainder", "misc", "idle", "unknown", "else"];

fn broken_whole(shares: &[Share]) -> Option<Said> {
    let zero = Span::exactly(0.0);
    let total = shares.iter().map(|share| share.percent.span()).fold(zero, |sum, share| sum + share);
    // Inclusive times and per-core loads pass 100 % one by one or by far together; they are no parts of one whole.
    let is_inclusive = shares.iter().any(|share| share.percent.value > 100.0) || total.low > 150.0;
    if shares.len() < 2 || total.holds(100.0) || is_inclusive {
        return None;
    }
    let has_rest = shares.iter().any(|share| {
        share
            .name
            .to_lowercase()
            .split(|letter: char| !letter.is_alphanumeric())
            .any(|word| RESTS.contains(&word))
    });
    let sum: f64 = shares.iter().map(|share| share.percent.value).sum();
    // A list may show the largest parts only; then it says nothing about the rest.
    if sum < 100.0 && !has_rest && sum < 95.0 {
        return None;
    }
    let listed: Vec<String> =
        shares.iter().map(|share| format!("{} {} %", share.name, short(share.percent.value, 2))).collect();
    let said = Said::new(
        listed.join(", "),
        format!("together {} %, off by {} % after rounding", short(sum, 2), short((sum - 100.0).abs(), 2)),
    );
    let is_certain = sum > 102.0 || has_rest && sum < 98.0;
    Some(if is_certain { said } else { said.at(Severity::Doubt) })
}

/// Faster beside others than alone, by more than 5 %.
pub(super) fn better_under_load(evidence: &Evidence<'_>) -> Vec<Hit> {
    let check = |(loaded_item, alone_item): (Item<'_>, Item<'_>)| {
        let (baseline, isolated) = (loaded_item.benchmark, alone_item.benchmark);
        let statistics = [
            ("mean", baseline.summary.mean, isolated.summary.mean),
            ("p99", baseline.summary.percentile(0.99), isolated.summary.percentile(0.99)),
        ];
        let better: Vec<String> = statistics
            .into_iter()
            .filter_map(|(name, loaded, alone)| {
                let (loaded, alone) = (loaded?, alone?);
                (loaded.span().high < 0.95 * alone.span().low).then(|| {
                    format!(
                        "{name} {} under load, {} alone{}",
                        short(loaded.value, 4),
                        short(alone.value, 4),
                        baseline.ms()
                    )
                })
            })
            .collect();
        (!better.is_empty()).then(|| {
            loaded_item.hit_beside(
                "against",
                alone_item,
                Said::new(
                    better.join("; "),
                    "load takes time from the component or leaves it alone; it does not give any",
                ),
            )
        })
    };
    evidence.arms().into_iter().filter_map(check).collect()
}

/// Arms whose extremes are compared although one has more samples; does the gap survive equal sizes?
pub(super) fn unequal(evidence: &Evidence<'_>) -> Vec<Hit> {
    let check = |(loaded_item, alone_item): (Item<'_>, Item<'_>)| {
        let (baseline, isolated) = (loaded_item.benchmark, alone_item.benchmark);
        let ramp = shared_ramp(baseline, isolated);
        let loaded = baseline.size().or(ramp.as_ref().map(|ramp| ramp.counts.0))?;
        let alone = isolated.size().or(ramp.as_ref().map(|ramp| ramp.counts.1))?;
        if loaded.max(alone) * 10 <= loaded.min(alone) * 11 {
            return None;
        }
        // Percentiles that both samples carry do not grow with the sample; maxima do.
        let carried = |benchmark: &Benchmark, count: u64, least: u64| {
            count >= least && benchmark.summary.percentile(0.99).is_some()
        };
        let both = |least| carried(baseline, loaded, least) && carried(isolated, alone, least);
        // With three samples beyond it a p99 is no maximum any more.
        if both(300) || both(100) && loaded.max(alone) < 2 * loaded.min(alone) {
            return None;
        }
        let high =
            |benchmark: &Benchmark| benchmark.summary.max.or_else(|| benchmark.summary.percentile(0.99));
        let has_extreme = high(baseline).is_some() || baseline.samples.len() > 1;
        if !has_extreme {
            return None;
        }
        let stated = match (baseline.size(), isolated.size()) {
            (Some(_), Some(_)) => "stated",
            _ => "one of them inferred from the ramp",
        };
        let severity = if ramp.is_some() { Severity::Defect } else { Severity::Doubt };
        let computation = match ramp {
            Some(ramp) => format!(
                "at {} values each, the ramp {} gives both arms the same maximum: no gap is left",
                loaded.min(alone),
                ramp.formula()
            ),
            None => at_equal_size(baseline, isolated).unwrap_or_else(|| {
                "without samples it cannot be told whether the gap survives equal sizes".to_owned()
            }),
        };
        let evidence = format!("{loaded} samples under load, {alone} alone ({stated}), maxima compared");
        Some(loaded_item.hit_beside("against", alone_item, Said::new(evidence, computation).at(severity)))
    };
    evidence.arms().into_iter().filter_map(check).collect()
}

/// The gap of the maxima as found, and when the larger sample is cut to the size of the smaller.
fn at_equal_size(baseline: &Benchmark, isolated: &Benchmark) -> Option<String> {
    let (loaded, alone) = (sorted(&baseline.samples), sorted(&isolated.samples));
    let size = loaded.len().min(alone.len());
    if size < 2 {
        return None;
    }
    let whole = loaded.last()? - alone.last()?;
    let equal = expected_maximum(&loaded, size) - expected_maximum(&alone, size);
    let verdict =
        if equal.abs() < 0.5 * whole.abs() { "most of it was the sample size" } else { "it survives" };
    Some(format!(
        "gap of the maxima {} ms; with {size} samples in each arm {} ms on average: {verdict}",
        short(whole, 3),
        short(equal, 3)
    ))
}

/// Mean of the maximum over all subsets of `size` of the ascending values.
#[expect(clippy::cast_precision_loss, reason = "sample counts")]
fn expected_maximum(ascending: &[f64], size: usize) -> f64 {
    // P(maximum is the value at `at`) = C(at, size − 1) / C(n, size), by ratios from the top down.
    let n = ascending.len();
    let mut probability = size as f64 / n as f64;
    let mut sum = 0.0;
    for at in (size - 1..n).rev() {
        sum += probability * ascending[at];
        if at > 0 {
            probability *= (at + 1 - size) as f64 / at as f64;
        }
    }
    sum
}

/// The p99 lies among the misses, so it cannot be below the fastest of them.
pub(super) fn p99_below_misses(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        let (ratio, fastest) = (benchmark.hit_ratio?, benchmark.miss_min?);
        let p99: Figure = benchmark.summary.percentile(0.99)?;
        (ratio.span().high < 0.99 && p99.span().high < fastest.span().low).then(|| {
            (
                format!(
                    "p99 {} ms, hit ratio {} %, fastest miss {} ms",
                    p99.value,
                    short(ratio.value * 100.0, 2),
                    fastest.value
                ),
                format!(
                    "{} % of accesses are misses, so the slowest 1 % are all misses",
                    short(100.0 * (1.0 - ratio.value), 2)
                ),
            )
        })
    })
}
