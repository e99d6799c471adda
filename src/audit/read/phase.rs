//! Reports in the layout of phase 18F, and any other JSON whose keys name statistics.
//!
//! There is no schema to rely on: an object with a `benchmark` (or `name`) key is a benchmark, objects inside it are
//! its metrics, and each number is understood by the words of its path (`ttft.p99_ms`, `read_latency_mean`,
//! `ops_per_s`). Lists called `claims`, `roadmap` or alike hold claims.

use super::super::figure::Figure;
use super::super::report::{Arm, Benchmark, Claim, Report, Share};
use serde_json::{Map, Value};

const CLAIM_LISTS: [&str; 6] =
    ["claims", "roadmap", "entries", "recommendations", "optimizations", "optimisations"];

/// Reads whatever benchmarks and claims the document holds.
pub(super) fn read(value: &Value) -> Report {
    let mut report = Report { format: "phase-18F JSON".to_owned(), ..Report::default() };
    walk(value, None, &mut report);
    if report.benchmarks.is_empty()
        && report.claims.is_empty()
        && let Value::Object(object) = value
    {
        // Numbers that are no statistic do not make a report.
        let is_measured = |benchmark: &Benchmark| {
            !benchmark.summary.named().is_empty()
                || !benchmark.samples.is_empty()
                || benchmark.throughput.is_some()
        };
        report.benchmarks.extend(benchmarks("report", object).into_iter().filter(is_measured));
    }
    report
}

fn walk(value: &Value, key: Option<&str>, report: &mut Report) {
    match value {
        Value::Array(items) if key.is_some_and(|key| CLAIM_LISTS.contains(&key)) => {
            report.claims.extend(items.iter().filter_map(Value::as_object).map(claim));
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, None, report)),
        Value::Object(object) => {
            if let Some(name) = word(object, &["benchmark", "benchmark_name", "name"]) {
                let found = benchmarks(name, object);
                if !found.is_empty() {
                    report.benchmarks.extend(found);
                    for list in CLAIM_LISTS {
                        if let Some(inner) = object.get(list) {
                            walk(inner, Some(list), report);
                        }
                    }
                    return;
                }
            }
            for (inner_key, inner) in object {
                match (key, inner) {
                    (Some("benchmarks" | "results" | "tasks"), Value::Object(named)) => {
                        report.benchmarks.extend(benchmarks(inner_key, named));
                    }
                    _ => walk(inner, Some(inner_key), report),
                }
            }
        }
        _ => {}
    }
}

fn word<'v>(object: &'v Map<String, Value>, keys: &[&str]) -> Option<&'v str> {
    keys.iter().find_map(|key| object.get(*key)).and_then(Value::as_str)
}

/// The benchmarks of one object: one for each metric with statistics, or one for all if there is none.
fn benchmarks(name: &str, object: &Map<String, Value>) -> Vec<Benchmark> {
    let mut collected = Collected { common: common(name, object), named: Vec::new() };
    collect(&mut Vec::new(), object, &mut collected);
    let Collected { mut common, mut named } = collected;
    let only_one = named.len() == 1;
    match named.len() {
        0 if common.throughput.is_none()
            && common.shares.is_empty()
            && common.nulls.is_empty()
            && common.samples.is_empty()
            && common.metrics.is_empty() =>
        {
            return Vec::new();
        }
        0 => named.push((String::new(), common.clone())),
        // What belongs to the whole benchmark goes with its first metric.
        _ => {}
    }
    for (at, (metric, benchmark)) in named.iter_mut().enumerate() {
        let summary = std::mem::take(&mut benchmark.summary);
        let taken = std::mem::take(&mut benchmark.samples);
        *benchmark = common.clone();
        if !only_one && !metric.is_empty() {
            benchmark.name = format!("{} {metric}", benchmark.name);
        }
        benchmark.summary = if summary == super::super::report::Summary::default() {
            common.summary.clone()
        } else {
            summary
        };
        if !taken.is_empty() {
            benchmark.samples = taken;
        }
        benchmark.summary.percentiles.sort_by(|one, other| one.0.total_cmp(&other.0));
        if at == 0 {
            // The rest is said once.
            (common.shares, common.nulls, common.metrics, common.throughput) =
                (Vec::new(), Vec::new(), Vec::new(), None);
        }
    }
    named.into_iter().map(|(_, benchmark)| benchmark).collect()
}

struct Collected {
    common: Benchmark,
    named: Vec<(String, Benchmark)>,
}

/// What is known before any number is looked at.
fn common(name: &str, object: &Map<String, Value>) -> Benchmark {
    let arm = word(object, &["arm", "load"]).and_then(|arm| match arm.to_lowercase().as_str() {
        "baseline" => Some(Arm::Baseline),
        "isolated" => Some(Arm::Isolated),
        _ => None,
    });
    let succeeded = word(object, &["status"]).map(|status| {
        matches!(
            status.to_lowercase().as_str(),
            "success" | "succeeded" | "ok" | "passed" | "completed" | "done"
        )
    });
    Benchmark {
        component: word(object, &["subject", "component"]).map(str::to_owned),
        arm,
        profiler: word(object, &["profiler"]).map(str::to_owned),
        succeeded: succeeded.or_else(|| object.get("success").and_then(Value::as_bool)),
        said_concurrent: object.get("concurrent").and_then(Value::as_bool).unwrap_or(false),
        may_idle: object.get("open_load").and_then(Value::as_bool).unwrap_or(false)
            || object.get("think_ms").and_then(Value::as_f64).is_some_and(|think| think > 0.0),
        ..Benchmark::named(name)
    }
}

fn collect(path: &mut Vec<String>, object: &Map<String, Value>, into: &mut Collected) {
    for (key, value) in object {
        if path.is_empty() && (CLAIM_LISTS.contains(&key.as_str()) || key == "host" || key == "manifest") {
            continue;
        }
        path.push(key.to_lowercase());
        match value {
            Value::Object(inner) if is_shares(key) => shares(key, inner, &mut into.common),
            Value::Object(inner) => {
                let sources = key == "sources";
                if !sources {
                    collect(path, inner, into);
                }
            }
            Value::Number(number) => {
                if let Some(value) = number.as_f64() {
                    number_at(path, value, into);
                }
            }
            Value::Null if path.first().is_some_and(|first| first != "error") => {
                into.common.nulls.push(path.join("."));
            }
            Value::Array(items) if is_series(key, items) => {
                let factor = unit(&words(path)).unwrap_or(1.0);
                let numbers: Vec<f64> = items.iter().filter_map(Value::as_f64).collect();
                let finest =
                    numbers.iter().map(|value| Figure::printed(*value).half_unit * 2.0).fold(1.0, f64::min);
                into.common.sample_unit = finest * factor;
                into.common.samples = numbers.into_iter().map(|value| value * factor).collect();
            }
            _ => {}
        }
        path.pop();
    }
    // A metric whose source is named was not produced by the profiler.
    if let (true, Some(Value::Object(sources))) = (path.is_empty(), object.get("sources")) {
        into.common.metrics.retain(|metric| !sources.keys().any(|source| metric.ends_with(source.as_str())));
    }
}

/// Whether a list holds the samples of a benchmark.
fn is_series(key: &str, items: &[Value]) -> bool {
    let words = ["samples", "latencies", "times", "values", "raw", "series"];
    !items.is_empty() && items.iter().all(Value::is_number) && words.iter().any(|word| key.starts_with(word))
}

fn is_shares(key: &str) -> bool {
    let key = key.to_lowercase();
    key.contains("share") || key.contains("breakdown") || key.contains("self_time")
}

fn shares(key: &str, object: &Map<String, Value>, benchmark: &mut Benchmark) {
    let numbers: Vec<(&String, f64)> =
        object.iter().filter_map(|(name, value)| value.as_f64().map(|value| (name, value))).collect();
    let total: f64 = numbers.iter().map(|(_, value)| value).sum();
    let factor = if !key.contains("percent") && total <= 1.5 { 100.0 } else { 1.0 };
    for (name, value) in numbers {
        benchmark.metrics.push(format!("{key}.{name}").to_lowercase());
        benchmark.shares.push(Share {
            whole: key.to_owned(),
            name: name.replace('_', " "),
            percent: Figure::printed(value).times(factor),
        });
    }
}

fn words(path: &[String]) -> Vec<&str> {
    path.iter().flat_map(|part| part.split(['_', '-', '.', ' '])).filter(|word| !word.is_empty()).collect()
}

/// Factor to milliseconds, if the words name a unit of time.
fn unit(words: &[&str]) -> Option<f64> {
    words.iter().rev().find_map(|word| match *word {
        "ms" | "millis" | "milliseconds" => Some(1.0),
        "s" | "sec" | "secs" | "seconds" => Some(1e3),
        "us" | "µs" | "micros" | "microseconds" => Some(1e-3),
        "ns" | "nanos" | "nanoseconds" => Some(1e-6),
        _ => None,
    })
}

/// What a word says a number is.
fn statistic(word: &str) -> Option<&'static str> {
    Some(match word {
        "min" | "minimum" => "min",
        "max" | "maximum" => "max",
        "mean" | "avg" | "average" => "mean",
        "median" => "median",
        "stddev" | "std" | "stdev" | "sd" => "stddev",
        _ => return None,
    })
}

fn quantile(word: &str) -> Option<f64> {
    let digits = word.strip_prefix('p')?;
    if digits.len() < 2 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    format!("0.{digits}").parse().ok()
}

fn number_at(path: &[String], value: f64, into: &mut Collected) {
    let words = words(path);
    let figure = Figure::printed(value);
    let has = |word: &str| words.contains(&word);
    let common = &mut into.common;
    let last = path.last().map_or("", String::as_str);
    if has("per") && (has("s") || has("sec") || has("second")) || has("throughput") || has("rps") {
        if !has("mb") {
            common.throughput = Some(figure);
        }
        common.metrics.push(path.join("."));
        return;
    }
    match last {
        "tokens_per_request" | "operations_per_sample" => return common.operations_per_sample = value,
        "iterations" | "count" | "n" | "samples" | "runs" => return common.count = whole(value),
        "concurrency" | "clients" | "concurrent_requests" => return common.concurrency = Some(value),
        "duration_s" | "duration_seconds" => return common.duration_s = Some(figure),
        "hit_ratio" | "hit_rate" => {
            common.metrics.push(path.join("."));
            let factor = if value > 1.0 { 0.01 } else { 1.0 };
            return common.hit_ratio = Some(figure.times(factor));
        }
        "miss_min_ms" => return common.miss_min = Some(figure),
        "max_self_percent" => return common.stated_bound = Some(figure),
        _ => {}
    }
    let statistic = words.iter().find_map(|word| statistic(word));
    let quantile = words.iter().find_map(|word| quantile(word));
    let is_time = unit(&words).is_some() || has("latency") || has("ttft") || has("time");
    let other = [
        "cpu", "memory", "mb", "percent", "bytes", "ratio", "cap", "target", "expected", "bound", "day",
        "schema",
    ];
    if (statistic.is_none() && quantile.is_none()) || !is_time || other.iter().any(|word| has(word)) {
        common.metrics.push(path.join("."));
        return;
    }
    let metric: Vec<&str> = words
        .iter()
        .copied()
        .filter(|word| {
            self::statistic(word).is_none()
                && self::quantile(word).is_none()
                && unit(&[word]).is_none()
                && !matches!(*word, "metrics" | "results" | "latency" | "time" | "summary" | "statistics")
        })
        .collect();
    let metric = metric.join(" ");
    let figure = figure.times(unit(&words).unwrap_or(1.0));
    let summary = &mut match into.named.iter().position(|(name, _)| *name == metric) {
        Some(at) => &mut into.named[at],
        None => {
            into.named.push((metric, Benchmark::default()));
            into.named.last_mut().expect("just pushed")
        }
    }
    .1
    .summary;
    match (quantile, statistic) {
        (Some(quantile), _) if (quantile - 0.5).abs() < 1e-9 => summary.median = Some(figure),
        (Some(quantile), _) => summary.percentiles.push((quantile, figure)),
        (_, Some("min")) => summary.min = Some(figure),
        (_, Some("max")) => summary.max = Some(figure),
        (_, Some("mean")) => summary.mean = Some(figure),
        (_, Some("median")) => summary.median = Some(figure),
        _ => summary.stddev = Some(figure),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be a whole count")]
fn whole(value: f64) -> Option<u64> {
    (value >= 0.0 && value.fract() == 0.0 && value < 1e15).then_some(value as u64)
}

fn claim(object: &Map<String, Value>) -> Claim {
    let text = |keys: &[&str]| word(object, keys).map(str::to_owned);
    let figure = |keys: &[&str]| {
        keys.iter().find_map(|key| object.get(*key)).and_then(Value::as_f64).map(Figure::printed)
    };
    let pair = |keys: &[&str]| keys.iter().find_map(|key| object.get(*key)).and_then(range);
    Claim {
        id: text(&["id"])
            .or_else(|| figure(&["priority"]).map(|p| format!("roadmap {}", p.value)))
            .unwrap_or_default(),
        text: text(&["text", "title", "claim"]).unwrap_or_default(),
        component: text(&["component"]),
        metric: text(&["metric"]),
        cause: text(&["cause"]),
        cause_ms: figure(&["cause_ms"]),
        cause_percent: figure(&["cause_percent"]),
        from_ms: figure(&["from_ms", "current_ms"]),
        to_ms: pair(&["to_ms", "result_ms"]),
        saving_ms: pair(&["saving_ms", "savings_ms"]),
        speedup: pair(&["speedup", "expected_speedup"]),
        acts_on: text(&["acts_on"]),
    }
}

/// A number, a pair of numbers, or words like `1.4-2x`; smaller first.
fn range(value: &Value) -> Option<(Figure, Figure)> {
    let numbers: Vec<f64> = match value {
        Value::Number(number) => vec![number.as_f64()?],
        Value::Array(items) => items.iter().filter_map(Value::as_f64).collect(),
        Value::String(text) => text
            .split(|letter: char| !(letter.is_ascii_digit() || letter == '.'))
            .filter_map(|part| part.parse().ok())
            .collect(),
        _ => return None,
    };
    let low = numbers.iter().copied().reduce(f64::min)?;
    let high = numbers.iter().copied().reduce(f64::max)?;
    Some((Figure::printed(low), Figure::printed(high)))
}
