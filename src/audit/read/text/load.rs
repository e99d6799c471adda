//! Load generators' text: wrk and wrk2, ab, hey and oha, vegeta, k6.

use super::super::super::figure::Figure;
use super::super::super::report::{Benchmark, Report, Stat};
use super::super::number::{number, whole};
use super::super::vocabulary::{at_quantile, quantile};
use super::scan::{after, blocks, count, duration, figure, numbers, time};

/// wrk and wrk2: a block for each run.
pub(super) fn wrk(text: &str) -> Report {
    let mut report = Report::of(if text.contains("HdrHistogram") { "wrk2 text" } else { "wrk text" });
    for (line, block) in
        blocks(text, |line| line.trim_start().starts_with("Running ") && line.contains("test @"))
    {
        let url = after(block, "test @").unwrap_or("requests");
        let mut benchmark = Benchmark { place: format!("line {line}"), ..Benchmark::named(url) };
        benchmark.manner.percentiles_unasked = true;
        benchmark.may_idle = true;
        // Threads and connections: "2 threads and 8 connections".
        benchmark.concurrency = block
            .lines()
            .find(|line| line.contains("threads and"))
            .and_then(|line| numbers(line).get(1).map(|connections| connections.value));
        for row in block.lines() {
            latency_row(row, &mut benchmark);
        }
        if block.contains("HdrHistogram") {
            benchmark.manner.bucket = 0.01;
            // wrk2 measures from the intended start, so more is in the system than the connections hold.
            benchmark.concurrency = None;
        }
        if let Some(done) = block.lines().find(|line| line.contains(" requests in ")) {
            benchmark.count = number(done.trim(), false).and_then(|(figure, _)| whole(figure.value));
            benchmark.duration_s = time(done, " requests in ").map(|ms| ms.times(1e-3));
        }
        benchmark.throughput = figure(block, "Requests/sec:");
        let lost: u64 = after(block, "Socket errors:")
            .map_or(0, |rest| numbers(rest).iter().filter_map(|figure| whole(figure.value)).sum());
        let refused = count(block, "Non-2xx or 3xx responses:").unwrap_or(0);
        benchmark.attempts = benchmark.count.map(|answered| answered + lost);
        benchmark.failures = Some(lost + refused);
        benchmark.failures_timed = Some(lost == 0);
        report.benchmarks.push(benchmark);
    }
    report
}

/// `Latency  4.05ms  1.13ms 19.43ms 88.12%`, or a row of the distribution.
fn latency_row(row: &str, benchmark: &mut Benchmark) {
    let row = row.trim();
    if let Some(rest) =
        row.strip_prefix("Latency ").filter(|rest| !rest.trim_start().starts_with("Distribution"))
    {
        let mut rest = rest;
        for stat in [Stat::Mean, Stat::Deviation, Stat::Max] {
            let Some((value, used)) = duration(rest) else { return };
            benchmark.summary.set(stat, value);
            rest = &rest[used..];
        }
        return;
    }
    let Some((percent, rest)) = row.split_once('%') else { return };
    if let (Ok(at), Some((value, used))) = (percent.trim().parse::<f64>(), duration(rest))
        && rest[used..].trim().is_empty()
        && (0.0..=100.0).contains(&at)
    {
        benchmark.summary.set(at_quantile(at / 100.0), value);
    }
}

/// ApacheBench: whole milliseconds.
pub(super) fn ab(text: &str) -> Report {
    let mut report = Report::of("ab text");
    let mut runs =
        blocks(text, |line| line.starts_with("This is ApacheBench") || line.starts_with("Server Software:"));
    runs.retain(|(_, block)| block.contains("Concurrency Level:"));
    if runs.is_empty() {
        runs.push((1, text));
    }
    for (line, block) in runs {
        let path = after(block, "Document Path:").unwrap_or("requests");
        let mut benchmark = Benchmark { place: format!("line {line}"), ..Benchmark::named(path) };
        benchmark.manner.percentiles_unasked = true;
        benchmark.may_idle = true;
        benchmark.concurrency = figure(block, "Concurrency Level:").map(|level| level.value);
        benchmark.duration_s = figure(block, "Time taken for tests:");
        benchmark.count = count(block, "Complete requests:");
        benchmark.attempts = benchmark.count;
        // A page whose length changes is no failure; ab counts it as one.
        let failed = count(block, "Failed requests:").unwrap_or(0);
        let of_length = block
            .lines()
            .find(|line| line.contains("Length:") && line.contains("Connect:"))
            .and_then(|line| count(line, "Length:"))
            .unwrap_or(0);
        let refused = count(block, "Non-2xx responses:").unwrap_or(0);
        benchmark.failures = Some(failed.saturating_sub(of_length).max(refused));
        benchmark.failures_timed = Some(true);
        benchmark.throughput = figure(block, "Requests per second:");
        let total = block.lines().find_map(|line| line.strip_prefix("Total:"));
        if let Some([min, mean, deviation, median, max]) = total.map(numbers).as_deref() {
            for (stat, value) in [
                (Stat::Min, min),
                (Stat::Mean, mean),
                (Stat::Deviation, deviation),
                (Stat::Median, median),
                (Stat::Max, max),
            ] {
                benchmark.summary.set(stat, *value);
            }
        }
        for row in block.lines() {
            let Some((percent, rest)) = row.trim().split_once("% ") else { continue };
            if let (Ok(at), Some((value, _))) = (percent.trim().parse::<f64>(), number(rest.trim(), false)) {
                benchmark.summary.set(at_quantile(at / 100.0), value);
            }
        }
        // ab's median is the upper of two, and its rows are truncated rather than rounded.
        benchmark.summary.min = benchmark.summary.min.map(truncated);
        benchmark.summary.mean = benchmark.summary.mean.map(truncated);
        benchmark.summary.median = benchmark.summary.median.map(truncated);
        benchmark.summary.max = benchmark.summary.max.map(truncated);
        benchmark.summary.percentiles.iter_mut().for_each(|(_, value)| *value = truncated(*value));
        report.benchmarks.push(benchmark);
    }
    report
}

/// A figure that may have lost up to a whole unit.
fn truncated(figure: Figure) -> Figure {
    Figure { half_unit: figure.half_unit * 2.0, ..figure }
}

/// hey's and oha's text: seconds or with units.
pub(super) fn hey(text: &str) -> Report {
    let mut report = Report::of(if text.contains("Success rate:") { "oha text" } else { "hey text" });
    let mut runs = blocks(text, |line| line.trim() == "Summary:");
    if runs.is_empty() {
        runs.push((1, text));
    }
    for (line, block) in runs {
        let mut benchmark = Benchmark { place: format!("line {line}"), ..Benchmark::named("requests") };
        benchmark.manner.percentiles_unasked = true;
        benchmark.may_idle = true;
        benchmark.summary.max = time(block, "Slowest:");
        benchmark.summary.min = time(block, "Fastest:");
        benchmark.summary.mean = time(block, "Average:");
        benchmark.duration_s = time(block, "Total:").map(|ms| ms.times(1e-3));
        benchmark.throughput = figure(block, "Requests/sec:");
        for row in block.lines() {
            let Some((percent, rest)) = row.trim().split_once("% in ") else { continue };
            if let (Some((at, _)), Some((value, _))) = (number(percent.trim(), false), duration(rest)) {
                benchmark.summary.set(at_quantile(at.value / 100.0), value);
            }
        }
        let codes = block.split("Status code distribution:").nth(1).unwrap_or_default();
        let (mut answered, mut refused) = (0, 0);
        for row in
            codes.lines().map(str::trim).filter(|row| row.starts_with('[') && row.contains("responses"))
        {
            let found = numbers(row);
            if let [code, responses, ..] = found[..] {
                let responses = whole(responses.value).unwrap_or(0);
                answered += responses;
                refused += if code.value >= 400.0 { responses } else { 0 };
            }
        }
        let errors: u64 = block
            .split("Error distribution:")
            .nth(1)
            .unwrap_or_default()
            .lines()
            .filter_map(|row| {
                number(row.trim().strip_prefix('[')?, false).and_then(|(count, _)| whole(count.value))
            })
            .sum();
        benchmark.attempts = (answered + errors > 0).then_some(answered + errors);
        benchmark.failures = Some(refused + errors);
        benchmark.failures_timed = Some(errors == 0);
        benchmark.count = (errors == 0 && answered > 0).then_some(answered);
        benchmark.manner.mixed_populations = errors > 0;
        report.benchmarks.push(benchmark);
    }
    report
}

/// vegeta's text report: `Latencies     [min, mean, 50, 90, 95, 99, max]  1ms, 2ms, …`.
pub(super) fn vegeta(text: &str) -> Report {
    let mut report = Report::of("vegeta text");
    for (line, block) in blocks(text, |line| line.starts_with("Requests      [total, rate")) {
        let mut benchmark = Benchmark { place: format!("line {line}"), ..Benchmark::named("requests") };
        benchmark.manner.percentiles_unasked = true;
        benchmark.manner.bucket = 0.02;
        benchmark.may_idle = true;
        if let Some((names, values)) = after(block, "Latencies")
            .and_then(|rest| rest.strip_prefix('['))
            .and_then(|rest| rest.split_once(']'))
        {
            for (name, value) in names.split(',').zip(values.split(',')) {
                let stat = match name.trim() {
                    "min" => Some(Stat::Min),
                    "mean" => Some(Stat::Mean),
                    "max" => Some(Stat::Max),
                    other => other.parse::<f64>().ok().map(|at| at_quantile(at / 100.0)),
                };
                if let (Some(stat), Some((value, _))) = (stat, duration(value)) {
                    benchmark.summary.set(stat, value);
                }
            }
        }
        let totals = after(block, "Requests")
            .and_then(|rest| rest.split_once(']'))
            .map_or(Vec::new(), |(_, rest)| numbers(rest));
        benchmark.count = totals.first().and_then(|count| whole(count.value));
        benchmark.throughput = totals.get(1).copied();
        benchmark.attempts = benchmark.count;
        let codes =
            after(block, "Status Codes").and_then(|rest| rest.split_once(']')).map_or("", |(_, rest)| rest);
        let good: u64 = codes
            .split_whitespace()
            .filter(|pair| pair.starts_with(['2', '3']))
            .filter_map(|pair| pair.split_once(':').and_then(|(_, count)| count.parse::<u64>().ok()))
            .sum();
        benchmark.failures =
            benchmark.count.filter(|_| !codes.trim().is_empty()).map(|count| count.saturating_sub(good));
        benchmark.failures_timed = Some(true);
        report.benchmarks.push(benchmark);
    }
    report
}

/// k6's summary on the terminal: `http_req_duration....: avg=1.2ms min=… med=… max=… p(90)=… p(95)=…`.
pub(super) fn k6(text: &str) -> Report {
    let mut report = Report::of("k6 text");
    for (at, line) in text.lines().enumerate() {
        let Some((name, rest)) =
            line.split_once(':').filter(|(_, rest)| rest.contains("avg=") && rest.contains("max="))
        else {
            continue;
        };
        let name = name.trim().trim_start_matches(['✓', '✗', ' ']).trim_end_matches('.').trim();
        let mut benchmark = Benchmark { place: format!("line {}", at + 1), ..Benchmark::named(name) };
        benchmark.manner.percentiles_unasked = true;
        benchmark.may_idle = true;
        for part in rest.split_whitespace() {
            let Some((key, value)) = part.split_once('=') else { continue };
            let stat = match key {
                "avg" => Some(Stat::Mean),
                "min" => Some(Stat::Min),
                "med" => Some(Stat::Median),
                "max" => Some(Stat::Max),
                _ => quantile(&key.replace(['(', ')'], "")).map(at_quantile),
            };
            if let (Some(stat), Some((value, _))) = (stat, duration(value)) {
                benchmark.summary.set(stat, value);
            }
        }
        if name == "iteration_duration" {
            let rate = line_of(text, "iterations").and_then(|rest| {
                let found = numbers(rest);
                let per = rest
                    .split_whitespace()
                    .find_map(|word| word.strip_suffix("/s"))
                    .and_then(|rate| number(rate, false));
                found.first().copied().zip(per.map(|(rate, _)| rate))
            });
            if let Some((count, rate)) = rate {
                benchmark.count = whole(count.value);
                benchmark.throughput = Some(rate);
            }
            let most = line_of(text, "vus_max")
                .or_else(|| line_of(text, "vus"))
                .and_then(|rest| rest.split("max=").nth(1))
                .and_then(|most| number(most, false));
            benchmark.concurrency = most.map(|(most, _)| most.value);
        }
        if !benchmark.summary.named().is_empty() {
            report.benchmarks.push(benchmark);
        }
    }
    report
}

/// What follows the name of a k6 metric and its dots.
fn line_of<'t>(text: &'t str, metric: &str) -> Option<&'t str> {
    text.lines().find_map(|line| {
        let line = line.trim();
        let rest = line.strip_prefix(metric)?.strip_prefix('.')?;
        rest.split_once(':').map(|(_, rest)| rest.trim())
    })
}
