//! What reports say about themselves: missing values, impossible sources, contradictions, conditions.

use super::super::figure::short;
use super::super::report::Share;
use super::super::statement::Fact;
use super::{Evidence, Hit, Said, Severity};

/// A success with a metric that has no value.
pub(super) fn nulls(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each(|benchmark| {
        (benchmark.succeeded == Some(true) && !benchmark.nulls.is_empty()).then(|| {
            (
                format!("success; null: {}", benchmark.nulls.join(", ")),
                if benchmark.nulls.len() == 1 {
                    "one metric was not measured".to_owned()
                } else {
                    format!("{} metrics were not measured", benchmark.nulls.len())
                },
            )
        })
    })
}

/// What each kind of profiler cannot see, by words of a metric's name.
const BLIND: [(&[&str], &str, &[&str]); 3] = [
    (
        &["py-spy", "pyspy", "sampling"],
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
        &["cprofile", "deterministic"],
        "a deterministic profiler times calls",
        &["memory", "allocations", "cpu_percent", "cache_line", "context_switching", "hit_ratio"],
    ),
    (
        &["memory_profiler", "memray", "tracemalloc"],
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
    let mut hits = in_text(evidence);
    hits.extend(evidence.each(|benchmark| {
        let bound = benchmark.stated_bound?;
        evidence
            .benchmarks()
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
    }));
    hits
}

/// `no function above 25 % self time`, and a profile of functions with a larger share, in whichever file.
fn in_text(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each_statement(|_, statement| {
        let Fact::NoneAbove { what, percent } = &statement.fact else { return None };
        let is_of = |share: &Share| {
            let whole = share.whole.to_lowercase();
            ["self", "function", "profile", what.as_str()].iter().any(|word| whole.contains(word))
        };
        let (benchmark, share) = evidence
            .benchmarks()
            .flat_map(|benchmark| benchmark.shares.iter().map(move |share| (benchmark, share)))
            .filter(|(_, share)| is_of(share) && share.percent.span().low > percent.span().high)
            .max_by(|one, other| one.1.percent.value.total_cmp(&other.1.percent.value))?;
        Some((
            format!("no {what} above {} %", short(percent.value, 2)),
            format!(
                "{} ({}) has {} at {} %",
                benchmark.title(),
                benchmark.place,
                share.name,
                short(share.percent.value, 2)
            ),
        ))
    })
}

/// Text that had to be repaired.
pub(super) fn encoding(evidence: &Evidence<'_>) -> Vec<Hit> {
    let repaired = |report: &super::Report| {
        report.repair.as_ref().map(|repair| Hit {
            subject: "the text".to_owned(),
            file: report.source.clone(),
            place: String::new(),
            said: Said::new(
                format!("“{}” stands for “{}”", repair.example.0, repair.example.1),
                format!(
                    "UTF-8 taken for {} in {} place{}, undone",
                    repair.taken_for,
                    repair.places,
                    if repair.places == 1 { "" } else { "s" }
                ),
            ),
        })
    };
    evidence.reports.iter().filter_map(repaired).collect()
}

/// A build without optimisation.
pub(super) fn debug_build(evidence: &Evidence<'_>) -> Vec<Hit> {
    once_a_report(
        evidence,
        |manner| manner.debug_build,
        || {
            Said::new(
                "the file says: debug build",
                "what is measured is not what will run: optimised code is often several times faster",
            )
        },
    )
}

/// A library that takes more time than it must around what it times.
pub(super) fn debug_library(evidence: &Evidence<'_>) -> Vec<Hit> {
    once_a_report(
        evidence,
        |manner| manner.debug_library,
        || {
            Said::new(
                "the file says: the benchmark library is a debug build",
                "the library's own work around short benchmarks counts as theirs; how they were built themselves the file does not say",
            )
        },
    )
}

/// A processor that changes its frequency.
pub(super) fn frequency_scaling(evidence: &Evidence<'_>) -> Vec<Hit> {
    once_a_report(
        evidence,
        |manner| manner.frequency_scaling,
        || {
            Said::new(
                "the file says: frequency scaling is enabled",
                "the clock may change between two benchmarks, and their times with it",
            )
            .at(Severity::Note)
        },
    )
}

/// One hit for each file in which any benchmark ran in this manner.
fn once_a_report(
    evidence: &Evidence<'_>,
    holds: impl Fn(&super::super::report::Manner) -> bool,
    said: impl Fn() -> Said,
) -> Vec<Hit> {
    let mut hits = Vec::new();
    for report in evidence.reports {
        let concerned = report.benchmarks.iter().filter(|benchmark| holds(&benchmark.manner)).count();
        if concerned > 0 {
            hits.push(Hit {
                subject: format!("{concerned} benchmark{}", if concerned == 1 { "" } else { "s" }),
                file: report.source.clone(),
                place: String::new(),
                said: said(),
            });
        }
    }
    hits
}
