//! hyperfine's `--export-json`: seconds, all runs listed.

use super::super::figure::Figure;
use super::super::report::{Benchmark, Report, Summary};
use serde_json::Value;

/// Reads every command.
pub(super) fn read(value: &Value) -> Report {
    let results = value.get("results").and_then(Value::as_array);
    let benchmarks = results.into_iter().flatten().map(benchmark).collect();
    Report { format: "hyperfine JSON".to_owned(), benchmarks, ..Report::default() }
}

fn benchmark(result: &Value) -> Benchmark {
    let figure = |key: &str| result.get(key).and_then(Value::as_f64).map(|s| Figure::printed(s).times(1e3));
    let times = result.get("times").and_then(Value::as_array);
    let samples: Vec<f64> =
        times.into_iter().flatten().filter_map(Value::as_f64).map(|seconds| seconds * 1e3).collect();
    Benchmark {
        count: (!samples.is_empty()).then_some(samples.len() as u64),
        samples,
        summary: Summary {
            min: figure("min"),
            max: figure("max"),
            mean: figure("mean"),
            median: figure("median"),
            stddev: figure("stddev"),
            percentiles: Vec::new(),
        },
        ..Benchmark::named(result.get("command").and_then(Value::as_str).unwrap_or("command"))
    }
}
