//! Requests that failed: left out of the latencies, or all there is; and a maximum that is the time-out.

use super::super::figure::short;
use super::super::report::Benchmark;
use super::{Evidence, Hit, Said};

/// Share of failures from which they change what the latencies mean.
const LEAST_SHARE: f64 = 0.01;
/// Time-outs that tools and proxies have, in milliseconds.
const USUAL: [f64; 7] = [5e3, 1e4, 1.5e4, 2e4, 3e4, 6e4, 1.2e5];

fn share(benchmark: &Benchmark) -> Option<(u64, u64, f64)> {
    let failures = benchmark.failures?;
    let attempts = benchmark.attempts.or(benchmark.count)?;
    #[expect(clippy::cast_precision_loss, reason = "counts of requests")]
    let share = failures as f64 / attempts.max(1) as f64;
    (attempts > 0).then_some((failures, attempts, share))
}

/// Every request failed.
pub(super) fn all_failed(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        let (failures, attempts, share) = share(benchmark)?;
        let has_latency = !benchmark.summary.named().is_empty()
            || !benchmark.samples.is_empty()
            || benchmark.throughput.is_some();
        (share >= 1.0 - 1e-9 && has_latency).then(|| {
            (
                format!("{failures} of {attempts} requests failed"),
                "what was timed is how fast the errors come back".to_owned(),
            )
        })
    })
}

/// Failures that are part of the requests and not of the latencies.
pub(super) fn left_out(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        let (failures, attempts, share) = share(benchmark)?;
        let has_latency = !benchmark.summary.named().is_empty() || !benchmark.samples.is_empty();
        if !(LEAST_SHARE..1.0 - 1e-9).contains(&share) || !has_latency {
            return None;
        }
        let computation = match benchmark.failures_timed {
            Some(false) => format!(
                "the latencies are of the other {}: {} % of the requests have none",
                attempts - failures.min(attempts),
                short(100.0 * share, 2)
            ),
            _ if share >= 0.05 => format!(
                "{} % of the times are those of errors, which come back sooner or later than answers",
                short(100.0 * share, 2)
            ),
            _ => return None,
        };
        Some((format!("{failures} of {attempts} requests failed"), computation))
    })
}

/// A maximum that is the time after which the tool gives up.
pub(super) fn timeout(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        let max = benchmark.summary.max.filter(|_| benchmark.is_timed())?;
        if let Some(limit) = benchmark.timeout {
            return (max.value >= limit.value * 0.998).then(|| {
                Said::new(
                    format!("max {} ms, time-out {} ms", short(max.value, 3), short(limit.value, 3)),
                    "the slowest requests were given up: how long they would have taken is not known, and mean and high percentiles are too low",
                )
            });
        }
        // Only load generators give up requests.
        let is_load = benchmark.attempts.is_some() || benchmark.may_idle;
        let limit = USUAL.into_iter().find(|limit| (max.value / limit - 1.0).abs() < 2e-3 && max.value >= limit - max.half_unit)?;
        let centre = benchmark.summary.median.or(benchmark.summary.mean)?;
        (is_load && centre.value * 20.0 < max.value).then(|| {
            Said::new(
                format!("max {} ms, {} {} ms", short(max.value, 3), if benchmark.summary.median.is_some() { "median" } else { "mean" }, short(centre.value, 3)),
                format!("the maximum is a usual time-out, {} s: the slowest requests were probably given up", short(limit / 1e3, 0)),
            )
        })
    })
}
