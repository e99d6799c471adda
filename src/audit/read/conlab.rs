//! conlab's own `run.json`.

use super::super::figure::Figure;
use super::super::report::{Arm, Benchmark, Report, Share, Summary};
use crate::measure::RunRecord;
use crate::measure::record::{ActorRecord, Distribution};
use serde_json::Value;

/// Reads every actor that completed anything.
pub(super) fn read(value: &Value) -> Report {
    let mut report = Report { format: "conlab run.json".to_owned(), ..Report::default() };
    let Ok(record) = serde_json::from_value::<RunRecord>(value.clone()) else {
        return report;
    };
    for (name, actor) in record.actors.iter().filter(|(_, actor)| actor.completed > 0) {
        report.benchmarks.push(benchmark(&record, name, actor));
    }
    report
}

fn benchmark(record: &RunRecord, name: &str, actor: &ActorRecord) -> Benchmark {
    let is_focus = name == record.treatment.focus;
    let percent = |share: f64| Figure { value: share * 100.0, half_unit: 0.5 };
    let shares = &actor.shares;
    let has_shares = shares.execution + shares.lock_acquisition + shares.context_switching > 0.0;
    Benchmark {
        // Engines are not compared, and only the focus has load of its own in both arms.
        component: Some(format!("{name} ({} engine)", record.engine)),
        arm: is_focus.then_some(if record.treatment.load == "isolated" {
            Arm::Isolated
        } else {
            Arm::Baseline
        }),
        count: Some(actor.sojourn_ns.count),
        summary: summary(&actor.sojourn_ns),
        // The record measures the number of tasks in the system of its focus; the law is checked against that.
        throughput: (is_focus && record.little.tasks_in_system > 0.0)
            .then_some(Figure { value: actor.throughput_per_s, half_unit: 0.02 * actor.throughput_per_s }),
        concurrency: (is_focus && record.little.tasks_in_system > 0.0)
            .then_some(record.little.tasks_in_system),
        may_idle: true,
        // Samples of a series of means: the record keeps no single ones.
        samples: if is_focus { series(record) } else { Vec::new() },
        shares: if has_shares {
            vec![
                Share {
                    whole: "busy time".to_owned(),
                    name: "execution".to_owned(),
                    percent: percent(shares.execution),
                },
                Share {
                    whole: "busy time".to_owned(),
                    name: "lock acquisition".to_owned(),
                    percent: percent(shares.lock_acquisition),
                },
                Share {
                    whole: "busy time".to_owned(),
                    name: "context switching".to_owned(),
                    percent: percent(shares.context_switching),
                },
            ]
        } else {
            Vec::new()
        },
        succeeded: Some(record.trustworthy),
        profiler: record.profile.as_ref().map(|profile| profile.profiler.clone()),
        ..Benchmark::named(format!("{} {name}", record.scenario.name))
    }
}

/// Percentiles that the sample cannot carry are in the record for programs; conlab does not print them, and they are
/// not held against it.
#[expect(clippy::cast_precision_loss, reason = "nanoseconds of one task")]
fn summary(distribution: &Distribution) -> Summary {
    let ms = |ns: u64| Figure { value: ns as f64 / 1e6, half_unit: 0.5e-6 };
    // HdrHistogram keeps three digits.
    let rounded = |ns: u64| Figure { value: ns as f64 / 1e6, half_unit: ns as f64 / 1e6 * 1e-3 };
    let carried = [
        (0.9, distribution.p90),
        (0.95, distribution.p95),
        (0.99, distribution.p99),
        (0.999, distribution.p999),
    ]
    .into_iter()
    .filter(|(quantile, _)| distribution.count as f64 * (1.0 - quantile) > 10.0 - 1e-9);
    Summary {
        min: Some(ms(distribution.min)),
        max: Some(rounded(distribution.max)),
        mean: Some(Figure { value: distribution.mean / 1e6, half_unit: distribution.mean / 1e6 * 1e-3 }),
        median: Some(rounded(distribution.p50)),
        stddev: Some(Figure {
            value: distribution.stddev / 1e6,
            half_unit: distribution.stddev / 1e6 * 2e-2,
        }),
        percentiles: carried.map(|(quantile, ns)| (quantile, rounded(ns))).collect(),
    }
}

/// Mean sojourn of each slice that completed enough tasks for its mean to be one.
///
/// A constant series in virtual time is what the scenario asked for, not a timer that nobody read: it is left out.
fn series(record: &RunRecord) -> Vec<f64> {
    let means: Vec<f64> =
        record.series.iter().filter(|point| point.completed >= 5).map(|point| point.mean_ns / 1e6).collect();
    let constant = means.windows(2).all(|pair| pair[0].total_cmp(&pair[1]).is_eq());
    if record.engine == "virtual" && constant { Vec::new() } else { means }
}
