//! Databases' benchmarks: sysbench, pgbench, redis-benchmark, YCSB, memtier.

use super::super::super::report::{Benchmark, Report, Stat};
use super::super::number::{number, quantity, whole};
use super::super::vocabulary::{at_quantile, quantile};
use super::scan::{after, blocks, count, figure, numbers, time};

/// sysbench: milliseconds, one block a run.
pub(super) fn sysbench(text: &str) -> Report {
    let mut report = Report::of("sysbench text");
    let mut runs = blocks(text, |line| {
        line.starts_with("sysbench ") || line.starts_with("Running the test with following options")
    });
    runs.retain(|(_, block)| block.contains("Latency (ms):"));
    if runs.is_empty() {
        runs.push((1, text));
    }
    for (line, block) in runs {
        let mut benchmark = Benchmark { place: format!("line {line}"), ..Benchmark::named("events") };
        benchmark.manner.percentiles_unasked = true;
        // The percentile comes from a histogram with about this width.
        benchmark.manner.bucket = 0.02;
        benchmark.concurrency = figure(block, "Number of threads:").map(|threads| threads.value);
        benchmark.may_idle = true;
        benchmark.count = count(block, "total number of events:");
        benchmark.duration_s = time(block, "total time:").map(|ms| ms.times(1e-3));
        benchmark.throughput =
            figure(block, "events per second:").or_else(|| figure(block, "events/s (eps):"));
        if let Some(transactions) = after(block, "transactions:").filter(|_| benchmark.throughput.is_none()) {
            benchmark.throughput = numbers(transactions).get(1).copied();
        }
        let latency = block.split("Latency (ms):").nth(1).unwrap_or_default();
        for (label, stat) in [("min:", Stat::Min), ("avg:", Stat::Mean), ("max:", Stat::Max)] {
            if let Some(value) = figure(latency, label) {
                benchmark.summary.set(stat, value);
            }
        }
        benchmark.total = figure(latency, "sum:");
        for row in latency.lines() {
            if let Some((at, value)) = row.trim().split_once("th percentile:")
                && let (Ok(at), Some((value, _))) = (at.trim().parse::<f64>(), number(value.trim(), false))
                && value.value > 0.0
            {
                benchmark.summary.set(at_quantile(at / 100.0), value);
            }
        }
        // Means are printed with two decimals; of a million events that is not enough to give the sum.
        report.benchmarks.push(benchmark);
    }
    report
}

/// pgbench: milliseconds.
pub(super) fn pgbench(text: &str) -> Report {
    let mut report = Report::of("pgbench text");
    let mut runs = blocks(text, |line| line.starts_with("transaction type:"));
    if runs.is_empty() {
        runs.push((1, text));
    }
    for (line, block) in runs {
        let kind = after(block, "transaction type:").unwrap_or("transactions");
        let mut benchmark = Benchmark { place: format!("line {line}"), ..Benchmark::named(kind) };
        benchmark.concurrency = figure(block, "number of clients:").map(|clients| clients.value);
        benchmark.may_idle = true;
        benchmark.count = after(block, "number of transactions actually processed:")
            .and_then(|rest| number(rest, false))
            .and_then(|(count, _)| whole(count.value));
        benchmark.duration_s = figure(block, "duration:")
            .filter(|_| after(block, "duration:").is_some_and(|rest| rest.ends_with('s')));
        benchmark.summary.mean =
            figure(block, "latency average =").or_else(|| figure(block, "latency average:"));
        benchmark.summary.stddev =
            figure(block, "latency stddev =").or_else(|| figure(block, "latency stddev:"));
        benchmark.throughput = block
            .lines()
            .rev()
            .find_map(|line| number(line.trim().strip_prefix("tps = ")?, false))
            .map(|(rate, _)| rate);
        let failed = count(block, "number of failed transactions:");
        benchmark.attempts = benchmark.count.map(|done| done + failed.unwrap_or(0));
        benchmark.failures = failed;
        benchmark.failures_timed = Some(false);
        report.benchmarks.push(benchmark);
    }
    report
}

/// pgbench's `-l`: client, transaction, time in µs, script, seconds since 1970, µs.
pub(super) fn is_pgbench_log(head: &str) -> bool {
    let mut lines = head.lines().filter(|line| !line.trim().is_empty()).take(20).peekable();
    lines.peek().is_some()
        && lines.all(|line| {
            let cells: Vec<&str> = line.split(' ').collect();
            (6..=8).contains(&cells.len())
                && cells.iter().all(|cell| !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit()))
                && cells[4].parse::<f64>().is_ok_and(|seconds| (1e9..3e9).contains(&seconds))
        })
}

/// Reads the times of a pgbench log, one sample a transaction.
pub(super) fn pgbench_log(text: &str) -> Report {
    let mut report = Report::of("pgbench log");
    let mut benchmark =
        Benchmark { place: "line 1".to_owned(), sample_unit: 1e-3, ..Benchmark::named("transactions") };
    benchmark.samples = text
        .lines()
        .filter_map(|line| line.split(' ').nth(2)?.parse::<f64>().ok())
        .map(|us| us * 1e-3)
        .collect();
    benchmark.count = Some(benchmark.samples.len() as u64);
    // Several clients write into one log.
    benchmark.manner.unordered = true;
    report.benchmarks.push(benchmark);
    report
}

/// redis-benchmark: milliseconds.
pub(super) fn redis(text: &str) -> Report {
    let mut report = Report::of("redis-benchmark text");
    // Progress is overwritten: only what stands after the last return of a line was final.
    let text = &text
        .lines()
        .map(|line| line.rsplit('\r').find(|part| !part.trim().is_empty()).unwrap_or("").trim_start())
        .collect::<Vec<_>>()
        .join("\n");
    for (line, block) in blocks(text, |line| line.starts_with("====== ")) {
        let name = block.lines().next().unwrap_or_default().trim_matches(['=', ' ']);
        let mut benchmark = Benchmark { place: format!("line {line}"), ..Benchmark::named(name) };
        benchmark.manner.percentiles_unasked = true;
        benchmark.manner.bucket = 0.02;
        benchmark.may_idle = true;
        let done = block.lines().find(|line| line.contains("requests completed in"));
        benchmark.count =
            done.and_then(|line| number(line.trim(), false)).and_then(|(count, _)| whole(count.value));
        benchmark.duration_s = done.and_then(|line| figure(line, "completed in"));
        benchmark.concurrency = block
            .lines()
            .find(|line| line.contains("parallel clients"))
            .and_then(|line| number(line.trim(), false))
            .map(|(clients, _)| clients.value);
        benchmark.throughput = figure(block, "throughput summary:").or_else(|| {
            block
                .lines()
                .rev()
                .find(|line| line.trim().ends_with("requests per second"))
                .and_then(|line| number(line.trim(), false))
                .map(|(rate, _)| rate)
        });
        let mut rows = block.lines().skip_while(|line| !line.contains("latency summary (msec)")).skip(1);
        if let (Some(names), Some(values)) = (rows.next(), rows.next()) {
            for (name, value) in names.split_whitespace().zip(numbers(values)) {
                let stat = match name {
                    "avg" => Some(Stat::Mean),
                    "min" => Some(Stat::Min),
                    "max" => Some(Stat::Max),
                    other => quantile(other).map(at_quantile),
                };
                if let Some(stat) = stat {
                    benchmark.summary.set(stat, value);
                }
            }
        }
        // Pipelined requests share a round trip: more are in the system than clients.
        if block.contains("pipeline") {
            benchmark.concurrency = None;
        }
        report.benchmarks.push(benchmark);
    }
    for (at, line) in text.lines().enumerate() {
        let Some((name, rest)) = line.split_once(": ") else { continue };
        let Some((rate, p50)) = rest.split_once(" requests per second, p50=") else { continue };
        let mut benchmark = Benchmark { place: format!("line {}", at + 1), ..Benchmark::named(name.trim()) };
        benchmark.throughput = number(rate.trim(), false).map(|(rate, _)| rate);
        benchmark.summary.median = quantity(p50).and_then(|(found, _)| found.ms());
        report.benchmarks.push(benchmark);
    }
    report
}

/// YCSB: `[READ], 99thPercentileLatency(us), 1234`.
pub(super) fn ycsb(text: &str) -> Report {
    let mut report = Report::of("YCSB text");
    let mut overall = (None, None);
    for (at, line) in text.lines().enumerate() {
        let parts: Vec<&str> = line.split(", ").map(str::trim).collect();
        let [section, key, value] = parts[..] else { continue };
        let Some(name) = section.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else { continue };
        let Some((figure, _)) = number(value, false) else { continue };
        if name == "OVERALL" {
            match key {
                "RunTime(ms)" => overall.0 = Some(figure.times(1e-3)),
                "Throughput(ops/sec)" => overall.1 = Some(figure),
                _ => {}
            }
            continue;
        }
        if matches!(name, "CLEANUP") || name.starts_with("TOTAL_GC") {
            continue;
        }
        let known =
            report.benchmarks.iter().position(|benchmark| benchmark.name == name).unwrap_or_else(|| {
                report.benchmarks.push(Benchmark {
                    place: format!("line {}", at + 1),
                    may_idle: true,
                    ..Benchmark::named(name)
                });
                report.benchmarks.len() - 1
            });
        let benchmark = &mut report.benchmarks[known];
        benchmark.manner.percentiles_unasked = true;
        benchmark.manner.bucket = 0.01;
        let (stem, factor) = match key.split_once('(') {
            Some((stem, "us)")) => (stem, 1e-3),
            Some((stem, "ms)")) => (stem, 1.0),
            Some((stem, "ns)")) => (stem, 1e-6),
            _ => (key, 1.0),
        };
        let stat = match stem {
            "AverageLatency" => Some(Stat::Mean),
            "MinLatency" => Some(Stat::Min),
            "MaxLatency" => Some(Stat::Max),
            _ => stem
                .strip_suffix("thPercentileLatency")
                .and_then(|at| at.parse::<f64>().ok())
                .map(|at| at_quantile(at / 100.0)),
        };
        match (stat, key) {
            (Some(stat), _) => benchmark.summary.set(stat, figure.times(factor)),
            (None, "Operations") => benchmark.count = whole(figure.value),
            _ => {}
        }
    }
    report.benchmarks.retain(|benchmark| !benchmark.summary.named().is_empty());
    if let [only] = &mut report.benchmarks[..] {
        (only.duration_s, only.throughput) = overall;
    }
    report
}

/// memtier_benchmark: milliseconds.
pub(super) fn memtier(text: &str) -> Report {
    let mut report = Report::of("memtier text");
    let of = |label: &str| {
        text.lines()
            .find(|line| line.trim_end().ends_with(label))
            .and_then(|line| number(line.trim(), false))
            .map(|(figure, _)| figure.value)
    };
    let clients =
        of(" Threads").zip(of(" Connections per thread")).map(|(threads, connections)| threads * connections);
    for (line, block) in blocks(text, |line| line.starts_with("Type ") && line.contains("Ops/sec")) {
        // Columns are separated by two spaces or more: "Avg. Latency" is one of them.
        let columns: Vec<&str> = block
            .lines()
            .next()
            .unwrap_or_default()
            .split("  ")
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .collect();
        for row in block.lines().skip(1).take_while(|row| !row.contains("Request Latency Distribution")) {
            let cells: Vec<&str> = row.split_whitespace().collect();
            if cells.len() != columns.len() || !matches!(cells[0], "Sets" | "Gets" | "Totals") {
                continue;
            }
            let mut benchmark = Benchmark {
                place: format!("line {line}"),
                may_idle: true,
                ..Benchmark::named(cells[0].to_lowercase())
            };
            benchmark.manner.percentiles_unasked = true;
            benchmark.manner.bucket = 0.01;
            for (column, cell) in columns.iter().zip(&cells) {
                let Some((value, _)) = number(cell, false) else { continue };
                let column = column.to_lowercase();
                if column == "ops/sec" && cells[0] == "Totals" {
                    benchmark.throughput = Some(value);
                } else if column == "avg. latency" || column == "latency" {
                    benchmark.summary.mean = Some(value);
                } else if let Some(at) = column.strip_suffix(" latency").and_then(quantile) {
                    benchmark.summary.set(at_quantile(at), value);
                }
            }
            benchmark.concurrency = clients.filter(|_| benchmark.throughput.is_some());
            report.benchmarks.push(benchmark);
        }
    }
    report
}
