//! HdrHistogram's percentile table (`.hgrm`) and interval log (`.hlog`).

use super::super::super::figure::Figure;
use super::super::super::report::{Benchmark, Report, Stat, TimeUnit};
use super::super::number::{number, whole};
use super::super::vocabulary::at_quantile;
use super::scan::numbers;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

/// Percentiles kept of a table: it has hundreds of rows, two a bucket.
const KEPT: [f64; 10] = [0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99999];

/// Reads a percentile table. Its unit is whatever the program that wrote it used.
pub(super) fn hgrm(text: &str) -> Report {
    let mut report = Report::of("HdrHistogram percentile table");
    let mut benchmark =
        Benchmark { place: "line 1".to_owned(), unit: TimeUnit::Unknown, ..Benchmark::named("histogram") };
    benchmark.manner.bucket = 0.01;
    benchmark.manner.percentiles_unasked = true;
    let mut rows: Vec<(f64, Figure, f64)> = Vec::new();
    let mut broken = 0;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("#[") {
            let found: Vec<Figure> = rest
                .split('=')
                .skip(1)
                .filter_map(|part| number(part.trim(), false))
                .map(|(figure, _)| figure)
                .collect();
            match (rest.split([' ', '=']).next().unwrap_or_default(), &found[..]) {
                ("Mean", [mean, deviation, ..]) => {
                    benchmark.summary.set(Stat::Mean, *mean);
                    benchmark.summary.set(Stat::Deviation, *deviation);
                }
                ("Max", [max, count, ..]) => {
                    benchmark.summary.set(Stat::Max, *max);
                    benchmark.count = whole(count.value);
                }
                _ => {}
            }
            continue;
        }
        if line.starts_with(['#', 'V', 'v']) {
            continue;
        }
        match numbers(line)[..] {
            [value, quantile, total, ..] if (0.0..=1.0).contains(&quantile.value) => {
                rows.push((quantile.value, value, total.value))
            }
            _ => broken += 1,
        }
    }
    for kept in KEPT {
        // The row at or just above the quantile, if it is near enough to be that percentile.
        if let Some((at, value, _)) = rows.iter().find(|(at, ..)| *at >= kept - 1e-9)
            && (at - kept) <= (1.0 - kept) * 0.02 + 1e-9
        {
            benchmark.summary.set(at_quantile(kept), *value);
        }
    }
    if benchmark.count.is_none() {
        benchmark.count = rows.last().and_then(|(.., total)| whole(*total));
    }
    report.ignore("rows that are no percentile", broken);
    report.ignore("percentiles between those kept", rows.len().saturating_sub(KEPT.len()) as u64);
    report.benchmarks.push(benchmark);
    report
}

/// Reads an interval log: intervals of one tag are added up; values are taken for nanoseconds, as the format's tools do.
pub(super) fn hlog(text: &str) -> Report {
    let mut report = Report::of("HdrHistogram interval log");
    let mut found: Vec<(String, Histogram<u64>)> = Vec::new();
    let mut deserializer = Deserializer::new();
    for entry in IntervalLogIterator::new(text.as_bytes()) {
        let Ok(LogEntry::Interval(interval)) = entry else { continue };
        let tag = interval.tag().map_or("", |tag| tag.as_str());
        let Ok(bytes) = STANDARD.decode(interval.encoded_histogram()) else {
            report.ignore("intervals that do not decode", 1);
            continue;
        };
        // A histogram of more than this is no honest log: it would take the memory that it names.
        let read: Option<Histogram<u64>> =
            (bytes.len() < 1 << 22).then(|| deserializer.deserialize(&mut bytes.as_slice()).ok()).flatten();
        let Some(histogram) = read else {
            report.ignore("intervals that do not decode", 1);
            continue;
        };
        match found.iter_mut().find(|(name, _)| name == tag) {
            Some((_, sum)) => {
                if sum.add(histogram).is_err() {
                    report.ignore("intervals of another range", 1);
                }
            }
            None => found.push((tag.to_owned(), histogram)),
        }
    }
    for (tag, histogram) in found.into_iter().filter(|(_, histogram)| !histogram.is_empty()) {
        let name = if tag.is_empty() { "histogram" } else { &tag };
        let mut benchmark = Benchmark {
            place: if tag.is_empty() { String::new() } else { format!("tag {tag}") },
            ..Benchmark::named(name)
        };
        benchmark.manner.bucket = 0.01;
        benchmark.manner.percentiles_unasked = true;
        #[expect(clippy::cast_precision_loss, reason = "nanoseconds of one sample")]
        let ms = |ns: u64| Figure { value: ns as f64 * 1e-6, half_unit: ns as f64 * 1e-9 };
        benchmark.count = Some(histogram.len());
        benchmark.summary.set(Stat::Min, ms(histogram.min()));
        benchmark.summary.set(Stat::Max, ms(histogram.max()));
        let mean = histogram.mean() * 1e-6;
        benchmark.summary.set(Stat::Mean, Figure { value: mean, half_unit: mean * 1e-3 });
        for at in KEPT {
            benchmark.summary.set(at_quantile(at), ms(histogram.value_at_quantile(at)));
        }
        report.benchmarks.push(benchmark);
    }
    report
}
