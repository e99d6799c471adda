//! The unit of durations that stand without one, where Little's law leaves a single answer.

use super::super::report::{Benchmark, TimeUnit};

/// Units that figures without one are tried in: milliseconds in it, and its name.
const TRIED: [(f64, &str); 4] = [
    (1e-6, "ns, by Little's law"),
    (1e-3, "µs, by Little's law"),
    (1.0, "ms, by Little's law"),
    (1e3, "s, by Little's law"),
];

/// Settles an unknown unit: throughput × mean is the number of requests in the system, which the concurrency bounds.
///
/// The units lie a thousand apart, so at most one of them can put between a twentieth of the clients and all of them
/// into the system.
pub(super) fn settle(benchmark: &mut Benchmark) {
    if benchmark.unit != TimeUnit::Unknown {
        return;
    }
    let Some(((rate, mean), clients)) = benchmark
        .throughput
        .zip(benchmark.summary.mean.or(benchmark.summary.median))
        .zip(benchmark.concurrency)
    else {
        return;
    };
    let in_system = |factor: f64| rate.value / benchmark.operations_per_sample * mean.value * factor * 1e-3;
    let fitting: Vec<(f64, &'static str)> = TRIED
        .into_iter()
        .filter(|(factor, _)| (0.05 * clients..=1.15 * clients).contains(&in_system(*factor)))
        .collect();
    if let [(factor, name)] = fitting[..] {
        benchmark.unit = TimeUnit::Settled(name);
        benchmark.summary.scale(factor);
        benchmark.samples.iter_mut().for_each(|sample| *sample *= factor);
        benchmark.sample_unit *= factor;
        benchmark.total = benchmark.total.map(|total| total.times(factor));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Figure;

    #[test]
    fn one_unit_obeys_the_law() {
        let mut benchmark = Benchmark {
            unit: TimeUnit::Unknown,
            throughput: Some(Figure::printed(2000.0)),
            concurrency: Some(16.0),
            ..Benchmark::named("b")
        };
        benchmark.summary.mean = Some(Figure::printed(7600.0));
        settle(&mut benchmark);
        assert_eq!(benchmark.unit, TimeUnit::Settled("µs, by Little's law"));
        assert!((benchmark.summary.mean.unwrap().value - 7.6).abs() < 1e-9);
        let mut alone = Benchmark { unit: TimeUnit::Unknown, ..Benchmark::named("b") };
        settle(&mut alone);
        assert_eq!(alone.unit, TimeUnit::Unknown);
    }
}
