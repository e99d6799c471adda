//! oha's JSON: seconds, percentiles, no samples; how many clients there were is not in it.

use super::super::figure::Figure;
use super::super::report::{Benchmark, Report, Summary};
use serde_json::Value;

/// Reads the one benchmark of a file.
pub(super) fn read(value: &Value) -> Report {
    let seconds =
        |key: &str| value.pointer(key).and_then(Value::as_f64).map(|s| Figure::printed(s).times(1e3));
    let codes = value.get("statusCodeDistribution").and_then(Value::as_object);
    let count: u64 = codes.into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum();
    let listed = value.get("latencyPercentiles").and_then(Value::as_object);
    let mut percentiles: Vec<(f64, Figure)> = listed
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| {
            let quantile = name.strip_prefix('p')?.parse::<f64>().ok()? / 100.0;
            Some((quantile, Figure::printed(value.as_f64()?).times(1e3)))
        })
        .collect();
    percentiles.sort_by(|one, other| one.0.total_cmp(&other.0));
    let benchmark = Benchmark {
        count: (count > 0).then_some(count),
        summary: Summary {
            min: seconds("/summary/fastest"),
            max: seconds("/summary/slowest"),
            mean: seconds("/summary/average"),
            percentiles,
            ..Summary::default()
        },
        throughput: value.pointer("/summary/requestsPerSec").and_then(Value::as_f64).map(Figure::printed),
        duration_s: value.pointer("/summary/total").and_then(Value::as_f64).map(Figure::printed),
        // A client may wait for its turn, and failed requests take part in the rate only.
        may_idle: true,
        ..Benchmark::named("requests")
    };
    Report { format: "oha JSON".to_owned(), benchmarks: vec![benchmark], ..Report::default() }
}
