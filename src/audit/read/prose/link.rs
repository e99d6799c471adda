//! What belongs together in one text: figures that are repeated, claims and whose latency they are about.
//!
//! A report states a figure in one place and what it is of in another. Two places that print the same percentile mean
//! the same measurement, so counts, means and rates are carried over from one to the other.

use super::super::super::figure::Figure;
use super::super::super::report::{Arm, Benchmark, Report};

/// Links benchmarks and claims.
pub(super) fn link(report: &mut Report) {
    carry_over(&mut report.benchmarks);
    shares_to_arms(&mut report.benchmarks);
    claims(report);
    // Counts alone served their purpose.
    report.benchmarks.retain(|benchmark| benchmark.statistics() > 0 || !benchmark.nulls.is_empty());
}

/// A figure that names a measurement: the 99th percentile, else the mean.
fn sign(benchmark: &Benchmark) -> Option<(u8, u64)> {
    let figure = |figure: Figure| figure.value.to_bits();
    benchmark
        .summary
        .percentile(0.99)
        .map(|p99| (1, figure(p99)))
        .or_else(|| benchmark.summary.mean.map(|mean| (2, figure(mean))))
}

/// Benchmarks with the same sign in arms take what others with that sign have.
fn carry_over(benchmarks: &mut [Benchmark]) {
    let known: Vec<(Option<(u8, u64)>, Benchmark)> = benchmarks
        .iter()
        .filter(|benchmark| benchmark.arm.is_none() || benchmark.count.is_some())
        .take(500)
        .map(|benchmark| (sign(benchmark), benchmark.clone()))
        .collect();
    for benchmark in benchmarks.iter_mut().filter(|benchmark| benchmark.arm.is_some()).take(500) {
        let Some(own) = sign(benchmark) else { continue };
        for (_, other) in known.iter().filter(|(other, _)| *other == Some(own)) {
            benchmark.count = benchmark.count.or(other.count);
            benchmark.summary.mean = benchmark.summary.mean.or(other.summary.mean);
            benchmark.summary.max = benchmark.summary.max.or(other.summary.max);
            benchmark.throughput = benchmark.throughput.or(other.throughput);
            benchmark.hit_ratio = benchmark.hit_ratio.or(other.hit_ratio);
        }
    }
}

/// Telling words of a name.
fn words(name: &str) -> Vec<String> {
    const COMMON: [&str; 22] = [
        "the",
        "and",
        "for",
        "with",
        "read",
        "write",
        "latency",
        "time",
        "benchmark",
        "profiling",
        "task",
        "detailed",
        "component",
        "results",
        "p99",
        "mean",
        "throughput",
        "before",
        "baseline",
        "isolated",
        "performance",
        "analysis",
    ];
    let mut found = Vec::new();
    let mut word = String::new();
    let mut last_lower = false;
    // CamelCase names are words too.
    for letter in name.chars().chain([' ']) {
        if !letter.is_alphanumeric() || letter.is_uppercase() && last_lower {
            found.push(std::mem::take(&mut word));
        }
        if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
        }
        last_lower = letter.is_lowercase();
    }
    found.retain(|word| word.len() > 2 && !COMMON.contains(&word.as_str()));
    found.iter().map(|word| word.trim_end_matches('s').to_owned()).collect()
}

/// Whether two names have a telling word in common.
fn alike(one: &str, other: &str) -> bool {
    let others = words(other);
    words(one).iter().any(|word| others.contains(word))
}

/// A breakdown's component is the arm that has a telling word of its name.
fn shares_to_arms(benchmarks: &mut [Benchmark]) {
    let components: Vec<String> = benchmarks
        .iter()
        .filter(|benchmark| benchmark.arm.is_some())
        .filter_map(|benchmark| benchmark.component.clone())
        .take(500)
        .collect();
    for benchmark in benchmarks.iter_mut().filter(|benchmark| benchmark.arm.is_none()).take(2000) {
        if let Some(component) = components.iter().find(|component| alike(component, &benchmark.name)) {
            benchmark.component = Some(component.clone());
        }
    }
}

/// A claim is about the component whose figure it starts from, else about the one that it names.
fn claims(report: &mut Report) {
    let arms: Vec<Benchmark> =
        report.benchmarks.iter().filter(|benchmark| benchmark.arm.is_some()).take(500).cloned().collect();
    for claim in report.claims.iter_mut().filter(|claim| claim.component.is_none()) {
        let starts = |benchmark: &&Benchmark| {
            benchmark.arm == Some(Arm::Baseline)
                && claim.from_ms.is_some_and(|from| {
                    benchmark
                        .summary
                        .named()
                        .iter()
                        .any(|(_, figure)| (figure.value - from.value).abs() < 1e-9)
                })
        };
        let text = format!("{} {} {}", claim.id, claim.text, claim.cause.as_deref().unwrap_or_default());
        let named = |benchmark: &&Benchmark| {
            benchmark.component.as_deref().is_some_and(|component| alike(component, &text))
        };
        let found = arms.iter().find(starts).or_else(|| arms.iter().find(named));
        if let Some(found) = found {
            claim.component.clone_from(&found.component);
            if claim.metric.is_none() && found.summary.percentile(0.99).is_some() {
                claim.metric = Some("p99".to_owned());
            }
        }
    }
}
