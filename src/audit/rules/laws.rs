//! Laws that every measurement obeys: Little, conservation of time, and arms that are compared.

use super::super::figure::{Figure, Span, short};
use super::super::report::{Benchmark, Share};
use super::super::statistics::sorted;
use super::lattice::shared_ramp;
use super::{Evidence, Hit};

/// Requests in the system by Little's law: throughput × mean latency.
fn in_system(benchmark: &Benchmark) -> Option<Span> {
    let rate = benchmark.throughput?.times(1.0 / benchmark.operations_per_sample);
    Some(rate.span() * benchmark.summary.mean?.times(1e-3).span())
}

/// Throughput × latency against the concurrency that is stated.
pub(super) fn little(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        let stated = benchmark.concurrency?;
        let product = in_system(benchmark)?;
        let too_many = product.low > 1.1 * stated;
        let too_few = !benchmark.may_idle && product.high < 0.9 * stated;
        (too_many || too_few).then(|| {
            (
                format!("concurrency {}, {}", short(stated, 3), rate_and_mean(benchmark)),
                format!(
                    "throughput × latency = {} requests in the system, {} stated",
                    short(product.middle(), 2),
                    short(stated, 2)
                ),
            )
        })
    })
}

fn rate_and_mean(benchmark: &Benchmark) -> String {
    let rate = benchmark.throughput.map_or(0.0, |rate| rate.value);
    let per = if benchmark.operations_per_sample > 1.0 {
        format!(" ({} a request)", short(benchmark.operations_per_sample, 0))
    } else {
        String::new()
    };
    let mean =
        benchmark.summary.mean.map_or(String::new(), |mean| format!(", mean {} ms", short(mean.value, 4)));
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
        let rate = benchmark.throughput?.times(1.0 / benchmark.operations_per_sample);
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
        let (duration, count) = (benchmark.duration_s?, benchmark.size()? as f64);
        // Where clients are many but their number is not given, only the rate can be checked.
        let at_once =
            benchmark.concurrency.or((!benchmark.may_idle).then_some(1.0)).map(|some| some.max(1.0));
        if let (Some(mean), Some(at_once)) = (benchmark.summary.mean, at_once) {
            let needed = count * mean.span().low * 1e-3 / at_once;
            if duration.span().high < 0.95 * needed {
                return Some((
                    format!("{} s for {count} iterations of {} ms", duration.value, short(mean.value, 4)),
                    format!(
                        "{count} × {} ms / {} at once = {} s at least",
                        short(mean.value, 4),
                        short(at_once, 2),
                        short(needed, 3)
                    ),
                ));
            }
        }
        let rate = benchmark.throughput?.times(1.0 / benchmark.operations_per_sample);
        let expected = rate.span() * duration.span();
        (expected.low > 1.25 * count || expected.high < 0.8 * count).then(|| {
            (
                format!("{count} iterations in {} s at {}/s", duration.value, short(rate.value, 3)),
                format!(
                    "{}/s × {} s = {} iterations",
                    short(rate.value, 3),
                    duration.value,
                    short(expected.middle(), 1)
                ),
            )
        })
    })
}

/// Shares of one whole that do not make a whole, beyond rounding.
pub(super) fn shares(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        benchmark.shares.chunk_by(|one, other| one.whole == other.whole).find_map(broken_whole)
    })
}

fn broken_whole(shares: &[Share]) -> Option<(String, String)> {
    let zero = Span::exactly(0.0);
    let total = shares.iter().map(|share| share.percent.span()).fold(zero, |sum, share| sum + share);
    if shares.len() < 2 || total.holds(100.0) {
        return None;
    }
    let listed: Vec<String> =
        shares.iter().map(|share| format!("{} {} %", share.name, short(share.percent.value, 2))).collect();
    let sum: f64 = shares.iter().map(|share| share.percent.value).sum();
    Some((
        listed.join(", "),
        format!("together {} %, off by {} % after rounding", short(sum, 2), short((sum - 100.0).abs(), 2)),
    ))
}

/// Faster beside others than alone, by more than 5 %.
pub(super) fn better_under_load(evidence: &Evidence<'_>) -> Vec<Hit> {
    let check = |(baseline, isolated): (&Benchmark, &Benchmark)| {
        let statistics = [
            ("mean", baseline.summary.mean, isolated.summary.mean),
            ("p99", baseline.summary.percentile(0.99), isolated.summary.percentile(0.99)),
        ];
        let better: Vec<String> = statistics
            .into_iter()
            .filter_map(|(name, loaded, alone)| {
                let (loaded, alone) = (loaded?, alone?);
                (loaded.span().high < 0.95 * alone.span().low)
                    .then(|| format!("{name} {} ms under load, {} ms alone", loaded.value, alone.value))
            })
            .collect();
        (!better.is_empty()).then(|| Hit {
            subject: format!("{} against {}", baseline.title(), isolated.title()),
            evidence: better.join("; "),
            computation: "load takes time from the component or leaves it alone; it does not give any"
                .to_owned(),
        })
    };
    evidence.arms().into_iter().filter_map(check).collect()
}

/// Arms whose extremes are compared although one has more samples; does the gap survive equal sizes?
pub(super) fn unequal(evidence: &Evidence<'_>) -> Vec<Hit> {
    let check = |(baseline, isolated): (&Benchmark, &Benchmark)| {
        let ramp = shared_ramp(baseline, isolated);
        let loaded = baseline.size().or(ramp.as_ref().map(|ramp| ramp.counts.0))?;
        let alone = isolated.size().or(ramp.as_ref().map(|ramp| ramp.counts.1))?;
        if loaded.max(alone) * 10 <= loaded.min(alone) * 11 {
            return None;
        }
        // Percentiles that both samples carry do not grow with the sample; maxima do.
        let carried =
            |benchmark: &Benchmark, count: u64| count >= 100 && benchmark.summary.percentile(0.99).is_some();
        if carried(baseline, loaded) && carried(isolated, alone) && loaded.max(alone) < 2 * loaded.min(alone)
        {
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
        Some(Hit {
            subject: format!("{} against {}", baseline.title(), isolated.title()),
            evidence: format!("{loaded} samples under load, {alone} alone ({stated}), maxima compared"),
            computation,
        })
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
