//! criterion's `sample.json`, `estimates.json` and `benchmark.json`: nanoseconds, iterations per sample.

use super::super::super::report::{Benchmark, Report};
use super::tree::{Node, Parser};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// Reads a benchmark's directory by one of its files; `None` when there are no samples of criterion's in it.
pub(in super::super) fn read_beside(path: &Path) -> Option<Report> {
    let directory = path.parent()?;
    let load = |name: &str| -> Option<Node> {
        let file = File::open(directory.join(name)).ok()?;
        Parser::new(BufReader::new(file)).next_document().ok()?
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
pub(super) fn read(benchmark: Option<&Node>, sample: Option<&Node>, estimates: Option<&Node>) -> Report {
    let name = benchmark
        .and_then(|value| value.word("full_id").or_else(|| value.word("title")))
        .unwrap_or("criterion benchmark");
    let mut read = Benchmark { place: "sample.json".to_owned(), ..Benchmark::named(name) };
    let numbers = |key: &str| sample.and_then(|value| value.get(key)).and_then(Node::series);
    // The linear mode runs 1, 2, 3… times as many iterations in each sample; only time per iteration is a measurement,
    // and the fixed cost of a sample makes the first ones longer.
    if let (Some(times), Some(iterations)) = (numbers("times"), numbers("iters")) {
        read.samples =
            times.values.iter().zip(&iterations.values).map(|(time, count)| time / count / 1e6).collect();
        read.count = Some(read.samples.len() as u64);
        read.manner.unordered = iterations.values.windows(2).any(|pair| pair[0] < pair[1]);
    }
    let estimate = |key: &str| Some(estimates?.get(key)?.figure("point_estimate")?.times(1e-6));
    read.summary.mean = estimate("mean");
    read.summary.median = estimate("median");
    read.summary.stddev = estimate("std_dev");
    Report { benchmarks: vec![read], ..Report::of("criterion") }
}
