//! What is promised, against what is there to be saved.

use super::super::figure::{Figure, short};
use super::super::report::{Arm, Benchmark, Claim, Share};
use super::{Evidence, Hit};

/// The least speedup of the whole that a claim promises, and where it says so.
fn least_speedup(claim: &Claim) -> Option<(f64, String)> {
    if let Some((least, _)) = claim.speedup {
        return Some((least.span().low, format!("{} times as stated", least.value)));
    }
    let (from, (_, worst)) = (claim.from_ms?, claim.to_ms?);
    let low = from.span().low / worst.span().high;
    Some((low, format!("{} / {} = {:.2} times", from.value, worst.value, from.value / worst.value)))
}

/// More speedup than removing the cause altogether gives.
pub(super) fn amdahl(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each_claim(|claim| {
        let (promised, how) = least_speedup(claim)?;
        let Some(percent) = claim.cause_percent else {
            return all_but_execution(evidence, claim, promised, &how);
        };
        let share = percent.span().high / 100.0;
        if share >= 1.0 {
            return None;
        }
        let ceiling = 1.0 / (1.0 - share);
        let nominal = 1.0 / (1.0 - percent.value / 100.0);
        let left = claim.from_ms.map_or(String::new(), |from| {
            format!(", leaving {} of {} ms", short(from.value * (1.0 - percent.value / 100.0), 1), from.value)
        });
        (promised > ceiling).then(|| {
            (
                format!("{how}; {} is {} % of the whole", cause(claim), short(percent.value, 2)),
                format!(
                    "removing all of it speeds the whole up at most 1/(1 − {}) = {:.2} times{left}",
                    short(percent.value / 100.0, 4),
                    nominal
                ),
            )
        })
    })
}

/// Words of the part of a breakdown that is the work itself.
const WORK: [&str; 8] =
    ["execution", "executing", "work", "working", "compute", "computation", "processing", "useful"];

/// No cause is named with its share, but a breakdown of the component is: even without any overhead the work is left.
fn all_but_execution(
    evidence: &Evidence<'_>,
    claim: &Claim,
    promised: f64,
    how: &str,
) -> Option<(String, String)> {
    let component = claim.component.as_deref()?;
    let is_work = |name: &str| {
        name.to_lowercase().split(|letter: char| !letter.is_alphanumeric()).any(|word| WORK.contains(&word))
    };
    let benchmark = evidence.benchmarks().find(|benchmark| {
        benchmark.component.as_deref() == Some(component)
            && benchmark.shares.iter().any(|share| is_work(&share.name))
    })?;
    let parts: Vec<&Share> = benchmark.shares.iter().filter(|share| !is_work(&share.name)).collect();
    let nominal: f64 = parts.iter().map(|share| share.percent.value).sum();
    // Independent roundings add up by their squares.
    let rounding = parts.iter().map(|share| share.percent.half_unit.powi(2)).sum::<f64>().sqrt();
    let overhead = (nominal + rounding) / 100.0;
    if !(0.0..1.0).contains(&overhead) || promised <= 1.0 / (1.0 - overhead) {
        return None;
    }
    let listed: Vec<String> =
        parts.iter().map(|share| format!("{} {} %", share.name, short(share.percent.value, 2))).collect();
    let left = claim.from_ms.map_or(String::new(), |from| {
        format!(", leaving {} of {} ms", short(from.value * (1.0 - nominal / 100.0), 1), short(from.value, 4))
    });
    Some((
        format!("{how}; {} has {}", benchmark.title(), listed.join(", ")),
        format!(
            "removing all of these speeds the whole up at most 1/(1 − {}) = {:.2} times{left}",
            short(nominal / 100.0, 4),
            1.0 / (1.0 - nominal / 100.0)
        ),
    ))
}

fn cause(claim: &Claim) -> &str {
    claim.cause.as_deref().unwrap_or("the cause")
}

/// A saving of more than the cause's own time.
pub(super) fn exceeds_cause(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each_claim(|claim| {
        let size = claim.cause_ms?;
        let (saving, how) = claim.least_saving()?;
        (saving > size.span().high).then(|| {
            (
                format!("{}: {} ms; promised: {how}", cause(claim), short(size.value, 4)),
                format!("the least promised saving is {} times its cause", short(saving / size.value, 1)),
            )
        })
    })
}

/// The statistic that a claim is about.
fn statistic(benchmark: &Benchmark, claim: &Claim) -> Option<Figure> {
    match claim.metric.as_deref().unwrap_or("p99") {
        "mean" => benchmark.summary.mean,
        "median" | "p50" => benchmark.summary.median,
        name => {
            let digits = name.strip_prefix('p')?;
            benchmark.summary.percentile(format!("0.{digits}").parse().ok()?)
        }
    }
}

/// A result better than the component has alone.
pub(super) fn below_isolated(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each_claim(|claim| {
        let worst = claim.to_ms?.1;
        // A cure for what the neighbours do cannot beat having none.
        let component = claim.component.as_deref()?;
        let isolated = evidence
            .benchmarks()
            .filter(|benchmark| {
                benchmark.arm == Some(Arm::Isolated) && benchmark.component.as_deref() == Some(component)
            })
            .find_map(|benchmark| statistic(benchmark, claim))?;
        (worst.span().high < isolated.span().low).then(|| {
            (
                format!("promised {} ms at worst; alone it takes {} ms", worst.value, isolated.value),
                format!(
                    "removing every neighbour saves down to {} ms; the promise goes {} ms below",
                    isolated.value,
                    short(isolated.value - worst.value, 2)
                ),
            )
        })
    })
}

/// One share, two names.
pub(super) fn shifting(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each_claim(|claim| {
        let (cause, percent) = (claim.cause.as_deref()?, claim.cause_percent?);
        let component = claim.component.as_deref()?;
        evidence.benchmarks().filter(|benchmark| benchmark.component.as_deref() == Some(component)).find_map(
            |benchmark| {
                let own = benchmark.shares.iter().find(|share| alike(&share.name, cause))?;
                let other = benchmark
                    .shares
                    .iter()
                    .find(|share| !alike(&share.name, cause) && share.percent.agrees(percent))?;
                (!own.percent.agrees(percent)).then(|| {
                    (
                        format!("the claim has {} % for {cause}", short(percent.value, 2)),
                        format!(
                            "{} has {} % for {} and {} % for {}",
                            benchmark.title(),
                            short(other.percent.value, 2),
                            other.name,
                            short(own.percent.value, 2),
                            own.name
                        ),
                    )
                })
            },
        )
    })
}

/// Whether two names of a cause have a telling word in common.
fn alike(one: &str, other: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        text.to_lowercase()
            .split(|letter: char| !letter.is_alphanumeric())
            .filter(|word| word.len() > 3)
            .map(str::to_owned)
            .collect()
    };
    let others = words(other);
    words(one).iter().any(|word| others.contains(word))
}

/// Faster hits and a p99 among the misses.
pub(super) fn hits(evidence: &Evidence<'_>) -> Vec<Hit> {
    evidence.each_claim(|claim| {
        if claim.acts_on.as_deref() != Some("hits") || claim.metric.as_deref() != Some("p99") {
            return None;
        }
        let component = claim.component.as_deref()?;
        let ratio = evidence
            .benchmarks()
            .filter(|benchmark| benchmark.component.as_deref() == Some(component))
            .find_map(|benchmark| benchmark.hit_ratio)?;
        (ratio.span().high < 0.99).then(|| {
            let misses = 100.0 * (1.0 - ratio.value);
            (
                format!("hit ratio {} %; the change makes hits faster", short(ratio.value * 100.0, 2)),
                format!(
                    "{} % of reads miss, {} times the slowest 1 %: the p99 is a miss, whatever a hit costs",
                    short(misses, 2),
                    short(misses, 0)
                ),
            )
        })
    })
}
