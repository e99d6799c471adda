//! Harnesses that time code in process: JMH, pytest-benchmark, pyperf, Google Benchmark, nanobench, vitest,
//! BenchmarkDotNet, asv, hyperfine.

use super::super::super::figure::Figure;
use super::super::super::report::{Benchmark, Manner, Report, Stat, TimeUnit};
use super::super::number::{Unit, unit};
use super::super::vocabulary::at_quantile;
use super::tree::{Kind, Node, Series};
use super::{fill, place, take_series};

/// hyperfine's `--export-json`: seconds, all runs listed.
pub(super) fn hyperfine(root: &Node) -> Report {
    let mut report = Report::of("hyperfine JSON");
    for (at, result) in root.at("/results").map_or(&[][..], Node::items).iter().enumerate() {
        let mut name = result.word("command").unwrap_or("command").to_owned();
        for (parameter, value) in result.get("parameters").map_or(&[][..], Node::members) {
            if let Some(value) = value.text() {
                name = format!("{name} ({parameter} {value})");
            }
        }
        let mut benchmark = Benchmark { place: place("results", at, result), ..Benchmark::named(name) };
        fill(
            &mut benchmark,
            result,
            1e3,
            &[
                ("min", Stat::Min),
                ("max", Stat::Max),
                ("mean", Stat::Mean),
                ("median", Stat::Median),
                ("stddev", Stat::Deviation),
            ],
        );
        if let Some(times) = result.get("times").and_then(Node::series) {
            take_series(&mut benchmark, times, 1e3);
        }
        if let Some(codes) = result.get("exit_codes").and_then(Node::series) {
            let failed = codes.values.iter().filter(|code| **code != 0.0).count() as u64;
            benchmark.attempts = Some(codes.values.len() as u64);
            benchmark.failures = Some(failed);
            benchmark.failures_timed = Some(true);
        }
        report.benchmarks.push(benchmark);
    }
    report
}

/// JMH's `-rf json`.
pub(super) fn jmh(root: &Node) -> Report {
    let mut report = Report::of("JMH JSON");
    for (at, run) in root.items().iter().enumerate() {
        let Some(metric) = run.get("primaryMetric") else { continue };
        let mut name = run.word("benchmark").unwrap_or("benchmark").to_owned();
        for (parameter, value) in run.get("params").map_or(&[][..], Node::members) {
            name = format!("{name} {parameter}={}", value.text().unwrap_or("?"));
        }
        let mode = run.word("mode").unwrap_or_default();
        let mut benchmark =
            Benchmark { place: place("run", at, run), ..Benchmark::named(format!("{name} [{mode}]")) };
        benchmark.manner.percentiles_unasked = true;
        let of_time = metric.word("scoreUnit").and_then(unit).and_then(|(found, _)| match found {
            Unit::Time(factor) => Some(factor),
            _ => None,
        });
        let factor = of_time.unwrap_or(1.0);
        if of_time.is_none() {
            benchmark.unit = TimeUnit::Other;
        }
        // In sample mode the raw data are histograms: [[value, count], …] one level deeper.
        if let Some(raw) = metric.get("rawData") {
            let mut all = Series { finest: f64::INFINITY, ..Series::default() };
            collect(raw, &mut all);
            take_series(&mut benchmark, &all, factor);
            // Forks are listed one after the other.
            benchmark.manner.unordered = raw.items().len() > 1;
        }
        benchmark.summary.mean = metric.time("score", factor);
        for (quantile, value) in metric.get("scorePercentiles").map_or(&[][..], Node::members) {
            if let (Ok(at), Some(value)) = (quantile.parse::<f64>(), value.number()) {
                benchmark.summary.set(at_quantile(at / 100.0), value.times(factor));
            }
        }
        report.benchmarks.push(benchmark);
    }
    report
}

fn collect(node: &Node, into: &mut Series) {
    match &node.kind {
        Kind::Series(series) => {
            into.values.extend_from_slice(&series.values);
            into.finest = into.finest.min(series.finest);
            into.dropped += series.dropped;
        }
        Kind::List(items) => items.iter().for_each(|item| collect(item, into)),
        _ => {}
    }
}

/// pytest-benchmark's `--benchmark-json`: seconds.
pub(super) fn pytest_benchmark(root: &Node) -> Report {
    let mut report = Report::of("pytest-benchmark JSON");
    for (at, run) in root.at("/benchmarks").map_or(&[][..], Node::items).iter().enumerate() {
        let Some(stats) = run.get("stats") else { continue };
        let name = run.word("fullname").or_else(|| run.word("name")).unwrap_or("benchmark");
        let mut benchmark = Benchmark { place: place("benchmarks", at, run), ..Benchmark::named(name) };
        fill(
            &mut benchmark,
            stats,
            1e3,
            &[
                ("min", Stat::Min),
                ("max", Stat::Max),
                ("mean", Stat::Mean),
                ("median", Stat::Median),
                ("stddev", Stat::Deviation),
                ("q1", Stat::Quantile(0.25)),
                ("q3", Stat::Quantile(0.75)),
            ],
        );
        benchmark.manner.percentiles_unasked = true;
        // q1 and q3 are the medians of the halves (Tukey's hinges), which no neighbour rule of percentiles holds for small samples.
        benchmark.summary.percentiles.clear();
        benchmark.count = stats.whole("rounds");
        benchmark.total = stats.time("total", 1e3);
        benchmark.throughput = stats.figure("ops");
        benchmark.concurrency = benchmark.throughput.map(|_| 1.0);
        if let Some(data) = stats.get("data").or_else(|| run.get("data")).and_then(Node::series) {
            let count = benchmark.count;
            take_series(&mut benchmark, data, 1e3);
            benchmark.count = count.or(benchmark.count);
        }
        report.benchmarks.push(benchmark);
    }
    report
}

/// pyperf: values of several processes, seconds unless the metadata say otherwise.
pub(super) fn pyperf(root: &Node) -> Report {
    let mut report = Report::of("pyperf JSON");
    for (at, run) in root.at("/benchmarks").map_or(&[][..], Node::items).iter().enumerate() {
        let name = run.word("metadata/name").or_else(|| root.word("metadata/name")).unwrap_or("benchmark");
        let unit = run.word("metadata/unit").or_else(|| root.word("metadata/unit")).unwrap_or("second");
        let mut benchmark = Benchmark { place: place("benchmarks", at, run), ..Benchmark::named(name) };
        let mut all = Series { finest: f64::INFINITY, ..Series::default() };
        for process in run.at("/runs").map_or(&[][..], Node::items) {
            if let Some(values) = process.get("values") {
                collect(values, &mut all);
            }
        }
        if unit != "second" {
            benchmark.unit = TimeUnit::Other;
        }
        take_series(&mut benchmark, &all, if unit == "second" { 1e3 } else { 1.0 });
        benchmark.manner.unordered = true;
        report.benchmarks.push(benchmark);
    }
    report
}

/// Google Benchmark's `--benchmark_format=json`.
pub(super) fn google_benchmark(root: &Node) -> Report {
    let mut report = Report::of("Google Benchmark JSON");
    let manner = Manner {
        // Of the library alone: distributions ship debug builds of it, and the benchmarks may be optimised all the same.
        debug_library: root.word("context/library_build_type") == Some("debug"),
        frequency_scaling: root.at("/context/cpu_scaling_enabled").and_then(Node::truth) == Some(true),
        ..Manner::default()
    };
    let cores = root.whole("context/num_cpus");
    for (at, row) in root.at("/benchmarks").map_or(&[][..], Node::items).iter().enumerate() {
        let is_aggregate = row.word("run_type") == Some("aggregate");
        let name = row.word("run_name").or_else(|| row.word("name")).unwrap_or("benchmark");
        if row.at("/error_occurred").and_then(Node::truth) == Some(true) {
            report.ignore("benchmarks that ended with an error", 1);
            continue;
        }
        let factor = match row.word("time_unit").unwrap_or("ns") {
            "us" => 1e-3,
            "ms" => 1.0,
            "s" => 1e3,
            _ => 1e-6,
        };
        let found = report.benchmarks.iter().position(|known| known.name == name);
        let known = found.unwrap_or_else(|| {
            let benchmark =
                Benchmark { place: place("benchmarks", at, row), manner, cores, ..Benchmark::named(name) };
            report.benchmarks.push(benchmark);
            report.benchmarks.len() - 1
        });
        let benchmark = &mut report.benchmarks[known];
        let Some(real) = row.time("real_time", factor) else { continue };
        if is_aggregate {
            match row.word("aggregate_name") {
                Some("mean") => benchmark.summary.mean = Some(real),
                Some("median") => benchmark.summary.median = Some(real),
                Some("stddev") => benchmark.summary.stddev = Some(real),
                _ => {}
            }
            continue;
        }
        benchmark.samples.push(real.value);
        benchmark.sample_unit = real.half_unit * 2.0;
        benchmark.amounts.clear();
    }
    for benchmark in &mut report.benchmarks {
        benchmark.count = Some(benchmark.samples.len() as u64).filter(|count| *count > 0);
        // A single row is the mean of its iterations, not a sample.
        if let [only] = benchmark.samples[..] {
            let half_unit = benchmark.sample_unit / 2.0;
            benchmark.summary.mean.get_or_insert(Figure { value: only, half_unit });
            benchmark.samples.clear();
            benchmark.count = None;
        }
    }
    report
}

/// nanobench's JSON template: seconds an iteration.
pub(super) fn nanobench(root: &Node) -> Report {
    let mut report = Report::of("nanobench JSON");
    for (at, result) in root.at("/results").map_or(&[][..], Node::items).iter().enumerate() {
        let name = result.word("name").unwrap_or("benchmark");
        let name = result.word("title").map_or(name.to_owned(), |title| format!("{title}: {name}"));
        let mut benchmark = Benchmark { place: place("results", at, result), ..Benchmark::named(name) };
        benchmark.summary.median = result.time("median(elapsed)", 1e3);
        let mut all = Series { finest: f64::INFINITY, ..Series::default() };
        for measurement in result.at("/measurements").map_or(&[][..], Node::items) {
            if let Some(elapsed) = measurement.figure("elapsed") {
                all.values.push(elapsed.value);
                all.finest = all.finest.min(elapsed.half_unit * 2.0);
            }
        }
        if !all.values.is_empty() {
            take_series(&mut benchmark, &all, 1e3);
        }
        report.benchmarks.push(benchmark);
    }
    report
}

/// vitest's and tinybench's results: milliseconds, `hz` beside them.
pub(super) fn vitest(root: &Node) -> Report {
    let mut report = Report::of("vitest bench JSON");
    for file in root.at("/files").map_or(&[][..], Node::items) {
        for group in file.at("/groups").map_or(&[][..], Node::items) {
            for (at, run) in group.at("/benchmarks").map_or(&[][..], Node::items).iter().enumerate() {
                let group_name = group.word("fullName").unwrap_or_default();
                let name = format!("{group_name} > {}", run.word("name").unwrap_or("benchmark"));
                let mut benchmark =
                    Benchmark { place: place("benchmarks", at, run), ..Benchmark::named(name) };
                tinybench(&mut benchmark, run);
                report.benchmarks.push(benchmark);
            }
        }
    }
    report
}

fn tinybench(benchmark: &mut Benchmark, run: &Node) {
    fill(
        benchmark,
        run,
        1.0,
        &[
            ("min", Stat::Min),
            ("max", Stat::Max),
            ("mean", Stat::Mean),
            ("median", Stat::Median),
            ("sd", Stat::Deviation),
            ("p75", Stat::Quantile(0.75)),
            ("p99", Stat::Quantile(0.99)),
            ("p995", Stat::Quantile(0.995)),
            ("p999", Stat::Quantile(0.999)),
        ],
    );
    benchmark.manner.percentiles_unasked = true;
    // Samples are kept sorted.
    benchmark.manner.unordered = true;
    benchmark.total = run.time("totalTime", 1.0);
    if let Some(samples) = run.get("samples").and_then(Node::series) {
        take_series(benchmark, samples, 1.0);
    }
    benchmark.count = benchmark.count.or_else(|| run.whole("sampleCount"));
    benchmark.throughput = run.figure("hz");
    benchmark.concurrency = benchmark.throughput.map(|_| 1.0);
    // vitest drops the samples unless asked, and writes an empty list.
    if benchmark.samples.is_empty() && benchmark.count == Some(0) {
        benchmark.count = None;
    }
    // Some versions take hz as the mean of rates, which is more than the rate of the mean.
    benchmark.may_idle = true;
    if let (Some(rate), Some(mean)) = (benchmark.throughput, benchmark.summary.mean)
        && rate.value * mean.value > 1000.0
    {
        benchmark.concurrency = None;
    }
}

/// BenchmarkDotNet's `*-report-full.json` and `*-report-brief.json`: nanoseconds.
pub(super) fn benchmark_dotnet(root: &Node) -> Report {
    let mut report = Report::of("BenchmarkDotNet JSON");
    let is_debug =
        root.word("HostEnvironmentInfo/Configuration").is_some_and(|word| word.eq_ignore_ascii_case("debug"));
    for (at, run) in root.at("/Benchmarks").map_or(&[][..], Node::items).iter().enumerate() {
        let name = run.word("FullName").or_else(|| run.word("DisplayInfo")).unwrap_or("benchmark");
        let mut benchmark = Benchmark { place: place("Benchmarks", at, run), ..Benchmark::named(name) };
        benchmark.manner.debug_build = is_debug;
        benchmark.manner.percentiles_unasked = true;
        let Some(stats) = run.get("Statistics").filter(|stats| !stats.members().is_empty()) else {
            report.ignore("benchmarks without statistics (they failed)", 1);
            continue;
        };
        fill(
            &mut benchmark,
            stats,
            1e-6,
            &[
                ("Min", Stat::Min),
                ("Max", Stat::Max),
                ("Mean", Stat::Mean),
                ("Median", Stat::Median),
                ("StandardDeviation", Stat::Deviation),
            ],
        );
        if let Some(values) = stats.get("OriginalValues").and_then(Node::series) {
            take_series(&mut benchmark, values, 1e-6);
            // Percentiles are interpolated, and the values were sorted by some versions.
            benchmark.manner.unordered = true;
        }
        benchmark.count = benchmark.count.or_else(|| stats.whole("N"));
        for (name, value) in stats.get("Percentiles").map_or(&[][..], Node::members) {
            if let (Some(Ok(at)), Some(value)) =
                (name.strip_prefix('P').map(str::parse::<f64>), value.number())
            {
                benchmark.summary.set(at_quantile(at / 100.0), value.times(1e-6));
            }
        }
        report.benchmarks.push(benchmark);
    }
    report
}

/// asv's results of one commit: seconds for `time_…`, median and quartiles.
pub(super) fn asv(root: &Node) -> Report {
    let mut report = Report::of("asv JSON");
    let columns: Vec<&str> =
        root.at("/result_columns").map_or(&[][..], Node::items).iter().filter_map(Node::text).collect();
    let column = |name: &str| columns.iter().position(|known| *known == name);
    for (name, row) in root.get("results").map_or(&[][..], Node::members) {
        let last = name.rsplit('.').next().unwrap_or(name);
        if !last.starts_with("time") {
            report.ignore("benchmarks of memory or of counts", 1);
            continue;
        }
        let cells = match &row.kind {
            Kind::List(cells) => cells.as_slice(),
            _ => {
                report.ignore("benchmarks without a result", 1);
                continue;
            }
        };
        let list = |name: &str| -> Vec<Option<Figure>> {
            let Some(cell) = column(name).and_then(|at| cells.get(at)) else { return Vec::new() };
            match &cell.kind {
                Kind::Series(series) => {
                    series.values.iter().map(|value| Some(Figure::printed(*value))).collect()
                }
                Kind::List(items) => items.iter().map(Node::number).collect(),
                _ => Vec::new(),
            }
        };
        let (medians, low, high) = (list("result"), list("stats_q_25"), list("stats_q_75"));
        let repeats = list("repeat");
        for (at, median) in medians.iter().enumerate() {
            let Some(median) = median else {
                report.ignore("results without a value", 1);
                continue;
            };
            let title = if medians.len() > 1 { format!("{name} #{}", at + 1) } else { name.to_string() };
            let mut benchmark = Benchmark { place: format!("line {}", row.line), ..Benchmark::named(title) };
            benchmark.summary.median = Some(median.times(1e3));
            benchmark.manner.percentiles_unasked = true;
            for (quantile, list) in [(0.25, &low), (0.75, &high)] {
                if let Some(Some(value)) = list.get(at) {
                    benchmark.summary.set(Stat::Quantile(quantile), value.times(1e3));
                }
            }
            benchmark.count =
                repeats.get(at).copied().flatten().and_then(|count| super::super::number::whole(count.value));
            let samples =
                column("samples").and_then(|column| cells.get(column)).and_then(|cell| cell.items().get(at));
            if let Some(samples) = samples.and_then(Node::series) {
                take_series(&mut benchmark, samples, 1e3);
                benchmark.manner.unordered = true;
            }
            report.benchmarks.push(benchmark);
        }
    }
    report
}

/// llama.cpp's `llama-bench -o json`: nanoseconds of each repetition.
pub(super) fn llama_bench(root: &Node) -> Report {
    let mut report = Report::of("llama-bench JSON");
    let rows = if root.items().is_empty() { std::slice::from_ref(root) } else { root.items() };
    for (at, row) in rows.iter().enumerate() {
        let whole = |key: &str| row.whole(key).unwrap_or(0);
        let (prompt, generated) = (whole("n_prompt"), whole("n_gen"));
        let model = row.word("model_type").or_else(|| row.word("model_filename")).unwrap_or("model");
        let threads = whole("n_threads");
        let name = format!("{model} pp{prompt} tg{generated} t{threads}");
        let mut benchmark = Benchmark { place: place("row", at, row), ..Benchmark::named(name) };
        benchmark.summary.mean = row.time("avg_ns", 1e-6);
        benchmark.summary.stddev = row.time("stddev_ns", 1e-6);
        if let Some(samples) = row.get("samples_ns").and_then(Node::series) {
            take_series(&mut benchmark, samples, 1e-6);
        }
        report.benchmarks.push(benchmark);
    }
    report
}
