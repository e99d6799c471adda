//! What conlab writes itself: `run.json`, and the results of its other commands.

use super::super::super::figure::Figure;
use super::super::super::report::{Arm, Benchmark, Manner, Report, Share, Summary};
use super::NoReport;
use super::tree::{Kind, Node};
use crate::measure::RunRecord;
use crate::measure::identities::check;
use crate::measure::record::{ActorRecord, Distribution, ObservedRecord, SCHEMA};
use serde_json::Value;

/// Reads a record: every actor that completed anything. `None` when it is something else.
pub(super) fn read(root: &Node) -> Result<Option<Report>, NoReport> {
    if root.get("identities").is_none() || root.get("actors").is_none() || root.get("conlab").is_none() {
        return Ok(None);
    }
    let schema = root.whole("schema").unwrap_or(0);
    if schema > u64::from(SCHEMA) {
        return Err(NoReport::Looks(format!(
            "a record of a newer conlab (schema {schema}; this one reads up to schema {SCHEMA}); audit it with that version"
        )));
    }
    let record: RunRecord = serde_json::from_value(value(root)).map_err(|error| {
        NoReport::Looks(format!("a record of conlab that is damaged or of another version ({error})"))
    })?;
    if let Some(observed) = &record.observed {
        return Ok(Some(recording(&record, observed)));
    }
    let mut report = Report::of("conlab run.json");
    for (name, actor) in record.actors.iter().filter(|(_, actor)| actor.completed > 0) {
        report.benchmarks.push(benchmark(&record, name, actor));
    }
    report.ignore(
        "actors that completed nothing",
        record.actors.values().filter(|actor| actor.completed == 0).count() as u64,
    );
    if !report.is_understood() {
        return Err(NoReport::Looks("a record of conlab in which no task was completed".to_owned()));
    }
    Ok(Some(report))
}

/// A recording of another program: the threads' time by state of each group, as shares of its whole.
#[expect(clippy::cast_precision_loss, reason = "shares of nanoseconds")]
fn recording(record: &RunRecord, observed: &ObservedRecord) -> Report {
    let mut report = Report::of("conlab run.json, a recording of another program");
    let holds = record.trustworthy && check(record).iter().all(|identity| identity.holds);
    for (name, group) in observed.groups.iter().filter(|(_, group)| group.wall_ns > 0) {
        let share = |(state, time): (String, u64)| Share {
            whole: "the threads' time".to_owned(),
            name: state,
            percent: Figure { value: 100.0 * time as f64 / group.wall_ns as f64, half_unit: 1e-3 },
        };
        report.benchmarks.push(Benchmark {
            component: Some(format!("{name} (recorded)")),
            shares: group.states().into_iter().map(share).collect(),
            succeeded: Some(holds),
            place: format!("observed.groups.{name}"),
            ..Benchmark::named(format!("{} {name}", record.scenario.name))
        });
    }
    report.ignore(
        "groups that were seen for no time",
        observed.groups.len() as u64 - report.benchmarks.len() as u64,
    );
    report
}

/// The same tree as serde knows it.
#[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
fn value(node: &Node) -> Value {
    let number = |value: f64, whole: bool| {
        if whole && value.fract() == 0.0 && value.abs() < 9e15 {
            return Value::from(value as i64);
        }
        let large = if whole { super::super::number::large(value) } else { None };
        large.map_or_else(|| Value::from(value), Value::from)
    };
    match &node.kind {
        Kind::Null | Kind::NoNumber => Value::Null,
        Kind::Bool(truth) => Value::from(*truth),
        Kind::Number(figure) => number(figure.value, figure.half_unit >= 0.5),
        Kind::Text(text) => Value::from(&**text),
        Kind::List(items) => items.iter().map(value).collect(),
        Kind::Series(series) => {
            series.values.iter().map(|one| number(*one, series.finest >= 1.0 || one.fract() == 0.0)).collect()
        }
        Kind::Object(members) => members
            .iter()
            .map(|(key, inner)| (key.to_string(), value(inner)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
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
        place: format!("actors.{name}"),
        // Virtual time repeats itself to the last digit, which is its purpose.
        manner: Manner { exact_repeats: record.engine == "virtual", bucket: 1e-3, ..Manner::default() },
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
