//! criterion's `sample.json`, `estimates.json` and `benchmark.json`: nanoseconds, iterations per sample.

use super::super::encoding::repair;
use super::super::figure::Figure;
use super::super::report::{Benchmark, Report, Summary};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Reads a benchmark's directory by one of its files; `None` when there are no samples of criterion's in it.
pub(super) fn read_beside(path: &Path) -> Option<Report> {
    let directory = path.parent()?;
    let load = |name: &str| -> Option<Value> {
        let (text, _) = repair(&fs::read(directory.join(name)).ok()?);
        serde_json::from_str(&text).ok()
    };
    let (benchmark, sample, estimates) =
        (load("benchmark.json"), load("sample.json"), load("estimates.json"));
    // Only what criterion wrote; another program may use the same names.
    sample.as_ref()?.get("sampling_mode")?;
    let mut report = read(benchmark.as_ref(), sample.as_ref(), estimates.as_ref());
    report.source = path.display().to_string();
    Some(report)
}

/// Reads what is there of the three.
pub(super) fn read(benchmark: Option<&Value>, sample: Option<&Value>, estimates: Option<&Value>) -> Report {
    let name = benchmark
        .and_then(|value| value.get("full_id").or_else(|| value.get("title")))
        .and_then(Value::as_str)
        .unwrap_or("criterion benchmark");
    let numbers = |key: &str| -> Vec<f64> {
        let listed = sample.and_then(|value| value.get(key)).and_then(Value::as_array);
        listed.into_iter().flatten().filter_map(Value::as_f64).collect()
    };
    // The linear mode runs 1, 2, 3… times as many iterations in each sample; only time per iteration is a measurement.
    let samples: Vec<f64> = numbers("times")
        .iter()
        .zip(numbers("iters"))
        .map(|(time, iterations)| time / iterations / 1e6)
        .collect();
    let estimate = |key: &str| {
        let value = estimates?.pointer(&format!("/{key}/point_estimate"))?.as_f64()?;
        Some(Figure::printed(value).times(1e-6))
    };
    let read = Benchmark {
        count: (!samples.is_empty()).then_some(samples.len() as u64),
        samples,
        summary: Summary {
            mean: estimate("mean"),
            median: estimate("median"),
            stddev: estimate("std_dev"),
            ..Summary::default()
        },
        ..Benchmark::named(name)
    };
    Report { format: "criterion".to_owned(), benchmarks: vec![read], ..Report::default() }
}
