//! JSON whose keys name statistics: there is no schema to rely on.
//!
//! An object with a `benchmark` (or `name`) key is a benchmark, objects inside it are its metrics, and each number is
//! understood by the words of its path (`ttft.p99_ms`, `read_latency_mean`, `ops_per_s`). Lists called `claims`,
//! `roadmap` or alike hold claims.

use super::super::super::figure::Figure;
use super::super::super::report::{Arm, Benchmark, Report};
use super::super::number::{Quantity, Unit, quantity, time_unit};
use super::super::row::{Row, arm};
use super::super::table::Table;
use super::super::vocabulary::{Topic, label};
use super::claims::{LISTS, claim};
use super::tree::{Kind, Node, Series};

const NAMES: [&str; 5] = ["benchmark", "benchmark_name", "name", "test", "bench"];

/// Reads whatever benchmarks and claims the document holds.
pub(super) fn read(root: &Node) -> Report {
    let mut report = Report::of("JSON by its keys");
    walk(root, None, &mut report);
    if report.benchmarks.is_empty() && report.claims.is_empty() && !root.members().is_empty() {
        object("report", root, &mut report);
    }
    report
}

fn walk(node: &Node, key: Option<&str>, report: &mut Report) {
    match &node.kind {
        Kind::List(items) if key.is_some_and(|key| LISTS.contains(&key)) => {
            report.claims.extend(items.iter().filter_map(claim));
        }
        Kind::List(items) if is_table(items) => {
            let mut table = Table::new(key.unwrap_or("rows").to_owned());
            items.iter().for_each(|item| table.object(item));
            let read = table.finish();
            report.benchmarks.extend(read.benchmarks);
            read.ignored.into_iter().for_each(|(what, times)| report.ignore(what, times));
        }
        Kind::List(items) => items.iter().for_each(|item| walk(item, None, report)),
        Kind::Object(members) => {
            let name = NAMES.iter().find_map(|key| node.word(key));
            if let Some(name) = name
                && object(name, node, report)
            {
                for list in LISTS {
                    if let Some(inner) = node.get(list) {
                        walk(inner, Some(list), report);
                    }
                }
                return;
            }
            let before = report.benchmarks.len();
            for (inner_key, inner) in members {
                let is_named =
                    matches!(key, Some("benchmarks" | "results" | "tasks" | "scenarios" | "tests" | "runs"));
                if is_named && !inner.members().is_empty() {
                    object(inner_key, inner, report);
                } else {
                    walk(inner, Some(inner_key), report);
                }
            }
            // An object without a name whose own members are statistics.
            if before == report.benchmarks.len() && key.is_some() && name.is_none() && has_statistics(node) {
                object(key.unwrap_or_default(), node, report);
            }
        }
        _ => {}
    }
}

/// Rows without a name of their own: a list of flat objects with one set of keys.
fn is_table(items: &[Node]) -> bool {
    let Some(first) = items.first().filter(|_| items.len() >= 3) else { return false };
    let keys = |node: &Node| node.members().iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
    let is_flat = |node: &Node| {
        !node.members().is_empty()
            && node
                .members()
                .iter()
                .all(|(_, value)| !matches!(value.kind, Kind::Object(_) | Kind::List(_) | Kind::Series(_)))
    };
    let named = NAMES.iter().any(|name| first.word(name).is_some());
    let statistics = first.members().iter().any(|(key, _)| label(key).stat.is_some());
    !named && !statistics && items.iter().take(100).all(|item| is_flat(item) && keys(item) == keys(first))
}

fn has_statistics(node: &Node) -> bool {
    node.members().iter().any(|(key, value)| {
        value.number().is_some() && label(key).stat.is_some() || matches!(value.kind, Kind::Series(_))
    })
}

/// Reads one benchmark; whether anything was found.
fn object(name: &str, node: &Node, report: &mut Report) -> bool {
    let mut row = Row::new(name, format!("line {}", node.line));
    common(node, &mut row.common);
    row.factor = unit_beside(node);
    single_value(node, &mut row);
    collect(&mut Vec::new(), node, &mut row);
    report.ignore("figures that are neither durations nor rates", row.passed);
    let has_figures = row.has_figures();
    let found: Vec<Benchmark> = row.finish();
    let keep = has_figures
        || found.iter().any(|benchmark| {
            !benchmark.nulls.is_empty() || !benchmark.metrics.is_empty() && benchmark.profiler.is_some()
        });
    if keep {
        report.benchmarks.extend(found);
    }
    keep
}

/// A unit that stands beside the figures: `"unit": "ms"`.
fn unit_beside(node: &Node) -> Option<f64> {
    ["unit", "units", "time_unit", "timeUnit"].iter().find_map(|key| {
        let word = node.word(key)?;
        time_unit(word.split('/').next().unwrap_or(word).trim())
    })
}

/// `{"name": …, "unit": "ns/iter", "value": 12}`, as CI dashboards take it.
fn single_value(node: &Node, row: &mut Row) {
    let (Some(value), Some(unit)) = (node.figure("value"), node.word("unit")) else { return };
    if let Some((Unit::Time(factor), _)) = super::super::number::unit(unit) {
        row.common.singles.push((row.common.name.clone(), value.times(factor)));
    } else if let Some((Unit::Rate(_, factor), _)) = super::super::number::unit(unit) {
        row.common.singles.push((row.common.name.clone(), value.times(factor)));
    }
}

/// What is known before any number is looked at.
fn common(node: &Node, benchmark: &mut Benchmark) {
    let word = |keys: &[&str]| keys.iter().find_map(|key| node.word(key));
    benchmark.arm = word(&["arm", "load"]).and_then(arm);
    benchmark.component = word(&["subject", "component"]).map(str::to_owned);
    benchmark.profiler = word(&["profiler"]).map(str::to_owned);
    let status = word(&["status"]).map(str::to_lowercase);
    benchmark.succeeded = status
        .map(|status| {
            matches!(status.as_str(), "success" | "succeeded" | "ok" | "passed" | "completed" | "done")
        })
        .or_else(|| node.get("success").and_then(Node::truth));
    benchmark.said_concurrent = node.get("concurrent").and_then(Node::truth).unwrap_or(false);
    benchmark.may_idle = node.get("open_load").and_then(Node::truth).unwrap_or(false)
        || node.figure("think_ms").is_some_and(|think| think.value > 0.0);
    benchmark.manner.debug_build = ["build", "profile", "build_type", "configuration"]
        .iter()
        .any(|key| node.word(key).is_some_and(|word| word.eq_ignore_ascii_case("debug")));
    if benchmark.arm == Some(Arm::Isolated) && benchmark.component.is_none() {
        benchmark.component = Some(benchmark.name.clone());
    }
}

fn collect(path: &mut Vec<String>, node: &Node, row: &mut Row) {
    for (key, value) in node.members() {
        if path.is_empty()
            && (LISTS.contains(&&**key)
                || matches!(
                    &**key,
                    "host"
                        | "manifest"
                        | "environment"
                        | "machine"
                        | "config"
                        | "parameters"
                        | "params"
                        | "system_info"
                ))
        {
            if matches!(&**key, "config" | "parameters" | "params") {
                parameters(value, row);
            }
            continue;
        }
        path.push(key.to_lowercase());
        let joined = path.join(".");
        match &value.kind {
            Kind::Object(_) if is_shares(key) && shares(key, value, row) => {}
            Kind::Object(_) if &**key == "sources" => {}
            Kind::Object(_) if path.len() < 12 => collect(path, value, row),
            Kind::Number(figure) => row.add(
                &label(&joined_key(path, key)),
                &joined,
                Quantity { figure: *figure, unit: Unit::None },
            ),
            Kind::Text(text) => text_value(&joined_key(path, key), &joined, text, row),
            Kind::Null | Kind::NoNumber if path.first().is_some_and(|first| first != "error") => {
                row.null(&label(&joined_key(path, key)), &joined)
            }
            Kind::Series(series) if is_samples(key, path) => samples(&joined_key(path, key), series, row),
            _ => {}
        }
        path.pop();
    }
    // A metric whose source is named was not produced by the profiler.
    if let (true, Some(sources)) = (path.is_empty(), node.get("sources")) {
        let named: Vec<&str> = sources.members().iter().map(|(source, _)| &**source).collect();
        row.common.metrics.retain(|metric| !named.iter().any(|source| metric.ends_with(*source)));
    }
}

/// The path with the last key as it is spelled: `responseTime` has a capital that tells two words apart.
fn joined_key(path: &[String], key: &str) -> String {
    let mut joined = path[..path.len() - 1].join(".");
    if !joined.is_empty() {
        joined.push('.');
    }
    joined.push_str(key);
    joined
}

fn parameters(node: &Node, row: &mut Row) {
    for (key, value) in node.members() {
        if let Some(figure) = value.number()
            && label(key).topic == Topic::Concurrency
        {
            row.common.concurrency = Some(figure.value);
        }
    }
}

/// A figure written as a text: `"12.5 ms"`, `"NaN"`.
fn text_value(key: &str, path: &str, text: &str, row: &mut Row) {
    let trimmed = text.trim();
    if matches!(
        trimmed.to_lowercase().as_str(),
        "nan" | "n/a" | "null" | "none" | "inf" | "-inf" | "infinity" | "-"
    ) {
        row.null(&label(key), path);
        return;
    }
    if let Some((found, used)) = quantity(trimmed)
        && used == trimmed.len()
    {
        row.add(&label(key), path, found);
    }
}

/// Whether a list holds the samples of a benchmark.
fn is_samples(key: &str, path: &[String]) -> bool {
    const WORDS: [&str; 11] = [
        "samples",
        "latencies",
        "times",
        "values",
        "raw",
        "series",
        "durations",
        "measurements",
        "timings",
        "data",
        "latency",
    ];
    let lower = key.to_lowercase();
    let said = label(&joined_key(path, key));
    let is_else = matches!(
        said.topic,
        Topic::Rate(_)
            | Topic::Size
            | Topic::Moment
            | Topic::Target
            | Topic::Index
            | Topic::Hits
            | Topic::Concurrency
    );
    !is_else
        && !lower.contains("per_s")
        && !lower.contains("token")
        && (WORDS.iter().any(|word| lower.starts_with(word) || lower.ends_with(word))
            || said.topic == Topic::Latency)
}

fn samples(key: &str, series: &Series, row: &mut Row) {
    let mut said = label(key);
    if said.factor().is_none() && row.factor.is_none() {
        said.unit = None;
    }
    row.samples(&said, &series.values, series.dropped, series.finest);
}

fn is_shares(key: &str) -> bool {
    let key = key.to_lowercase();
    key.contains("share")
        || key.contains("breakdown")
        || key.contains("self_time")
        || key.contains("distribution")
}

/// Reads shares of one whole; whether they are shares at all (a breakdown may be in milliseconds or in counts).
fn shares(key: &str, node: &Node, row: &mut Row) -> bool {
    let numbers: Vec<(String, Figure)> = node
        .members()
        .iter()
        .filter_map(|(name, value)| value.number().map(|value| (name.to_string(), value)))
        .collect();
    let lower = key.to_lowercase();
    let in_time =
        numbers.iter().any(|(name, _)| label(name).factor().is_some()) || label(key).factor().is_some();
    let total: f64 = numbers.iter().map(|(_, value)| value.value).sum();
    let says_percent = ["percent", "pct", "share", "%"].iter().any(|word| lower.contains(word));
    let is_near = (98.0..=102.0).contains(&total) || (0.98..=1.02).contains(&total);
    if in_time
        || numbers.len() < 2
        || numbers.iter().any(|(_, value)| value.value < 0.0)
        || !(says_percent || is_near)
    {
        return false;
    }
    let is_fraction = !lower.contains("percent") && !lower.contains("pct") && total <= 1.5;
    let factor = if is_fraction { 100.0 } else { 1.0 };
    row.shares(key, numbers.into_iter().map(|(name, value)| (name, value.times(factor))).collect());
    true
}
