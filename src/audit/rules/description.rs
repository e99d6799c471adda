//! What reports say about themselves: copies, missing values, impossible sources, contradictions.

use super::super::figure::short;
use super::super::report::Benchmark;
use super::{Evidence, Hit};

/// Statistics that must agree before two rows count as copies.
const LEAST_EQUAL: usize = 4;

/// Different benchmarks with equal statistics.
pub(super) fn duplicates(evidence: &Evidence<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (at, one) in evidence.benchmarks.iter().enumerate() {
        for other in evidence.benchmarks[at + 1..].iter().filter(|other| other.name != one.name) {
            let equal = equal_statistics(one, other);
            if equal.len() >= LEAST_EQUAL {
                hits.push(Hit {
                    subject: format!("{} and {}", one.title(), other.title()),
                    evidence: equal.join(", "),
                    computation: format!(
                        "{} statistics are equal to the last digit and none differs",
                        equal.len()
                    ),
                });
            }
        }
    }
    hits
}

/// The statistics that both have, if all of them are equal.
fn equal_statistics(one: &Benchmark, other: &Benchmark) -> Vec<String> {
    let rows = |benchmark: &Benchmark| {
        let mut rows = benchmark.summary.named();
        rows.extend(benchmark.throughput.map(|rate| ("per second".to_owned(), rate)));
        rows
    };
    let others = rows(other);
    let mut equal = Vec::new();
    for (name, figure) in rows(one) {
        let Some((_, same)) = others.iter().find(|(other_name, _)| *other_name == name) else { continue };
        if figure.value.total_cmp(&same.value).is_ne() {
            return Vec::new();
        }
        equal.push(format!("{name} {}", short(figure.value, 6)));
    }
    equal
}

/// A success with a metric that has no value.
pub(super) fn nulls(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        (benchmark.succeeded == Some(true) && !benchmark.nulls.is_empty()).then(|| {
            (
                format!("success; null: {}", benchmark.nulls.join(", ")),
                format!("{} metrics were not measured", benchmark.nulls.len()),
            )
        })
    })
}

/// What each kind of profiler cannot see, by words of a metric's name.
const BLIND: [(&[&str], &str, &[&str]); 3] = [
    (
        &["py-spy", "pyspy", "sampling", "perf"],
        "a sampler reads stacks now and then",
        &[
            "calls",
            "call_count",
            "memory",
            "allocations",
            "cache_line",
            "collisions",
            "evictions",
            "context_switching",
        ],
    ),
    (
        &["cprofile", "deterministic", "profile"],
        "a deterministic profiler times calls",
        &["memory", "allocations", "cpu_percent", "cache_line", "context_switching", "hit_ratio"],
    ),
    (
        &["memory_profiler", "memory", "memray", "tracemalloc"],
        "a memory profiler counts allocations",
        &[
            "calls",
            "self_time",
            "lock_acquisition",
            "context_switching",
            "cache_line",
            "hit_ratio",
            "ops_per",
        ],
    ),
];

/// A metric that the named profiler cannot produce.
pub(super) fn profiler(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        let named = benchmark.profiler.as_deref()?.to_lowercase();
        let (_, how, blind) = BLIND.iter().find(|(names, ..)| names.contains(&named.as_str()))?;
        let listed = benchmark.metrics.iter().filter(|metric| {
            let metric = metric.replace(' ', "_");
            blind.iter().any(|word| metric.contains(word))
        });
        let impossible: Vec<&str> = listed.map(String::as_str).collect();
        (!impossible.is_empty()).then(|| {
            (
                format!("profiler {named}; reported: {}", impossible.join(", ")),
                format!("{how} and cannot see {}", if impossible.len() == 1 { "it" } else { "them" }),
            )
        })
    })
}

/// A stated upper bound of every share, and a share above it.
pub(super) fn bound(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        let bound = benchmark.stated_bound?;
        evidence
            .benchmarks
            .iter()
            .filter(|other| other.component == benchmark.component)
            .flat_map(|other| other.shares.iter().map(move |share| (other, share)))
            .filter(|(_, share)| share.percent.span().low > bound.span().high)
            .max_by(|one, other| one.1.percent.value.total_cmp(&other.1.percent.value))
            .map(|(other, share)| {
                (
                    format!("no function above {} % self time", bound.value),
                    format!("{} has {} at {} %", other.title(), share.name, short(share.percent.value, 2)),
                )
            })
    })
}

/// Text that had to be repaired.
pub(super) fn encoding(evidence: &Evidence<'_>) -> Vec<Hit> {
    let repaired = |report: &super::Report| {
        report.repair.as_ref().map(|repair| Hit {
            subject: report.source.clone(),
            evidence: format!("“{}” stands for “{}”", repair.example.0, repair.example.1),
            computation: format!("UTF-8 taken for {} in {} places, undone", repair.taken_for, repair.places),
        })
    };
    evidence.reports.iter().filter_map(repaired).collect()
}
