//! Text: output of tools, told by its structure, and reports that people write.

mod database;
mod harness;
mod hdr;
mod junit;
mod load;
mod scan;
pub(super) mod stacks;

use super::super::report::Report;

type Reader = fn(&str) -> Report;

/// What tells a tool, and its reader.
type Tool = (fn(&str) -> bool, Reader);

/// A sign of a tool in the beginning of a text, and its reader.
const TOOLS: &[Tool] = &[
    (
        |head| {
            head.contains("#[Histogram log format version")
                || head.starts_with("#[MaxValueDivisor")
                || head.contains("\nTag=") && head.contains(",HIST")
        },
        hdr::hlog,
    ),
    (
        |head| {
            head.contains("Value")
                && head.contains("Percentile")
                && head.contains("TotalCount")
                && !head.contains("Running ")
        },
        hdr::hgrm,
    ),
    (|head| head.contains("Thread Stats") && head.contains("Running ") && head.contains("test @"), load::wrk),
    (|head| head.contains("Concurrency Level:") && head.contains("Time taken for tests:"), load::ab),
    (
        |head| {
            head.contains("Summary:")
                && head.contains("Slowest:")
                && head.contains("Fastest:")
                && head.contains("Requests/sec:")
        },
        load::hey,
    ),
    (|head| head.contains("Requests      [total, rate") && head.contains("Latencies     ["), load::vegeta),
    (|head| head.contains("http_req_duration") && head.contains("avg=") && head.contains("p(95)="), load::k6),
    (
        |head| {
            head.contains("General statistics:") && head.contains("Latency (ms):")
                || head.contains("sysbench ") && head.contains("Latency (ms):")
        },
        database::sysbench,
    ),
    (
        |head| {
            head.contains("number of transactions actually processed:")
                || head.contains("tps = ") && head.contains("latency average")
        },
        database::pgbench,
    ),
    (database::is_pgbench_log, database::pgbench_log),
    (
        |head| {
            head.contains("parallel clients") && head.contains("====== ")
                || head.contains("requests per second, p50=")
        },
        database::redis,
    ),
    (|head| head.lines().any(|line| line.starts_with("[OVERALL], ")), database::ycsb),
    (
        |head| head.contains("ALL STATS") && head.contains("Ops/sec") && head.contains("Avg. Latency"),
        database::memtier,
    ),
    (
        |head| head.lines().any(|line| line.starts_with("Benchmark") && line.contains(" ns/op")),
        harness::go_bench,
    ),
    (
        |head| head.lines().any(|line| line.starts_with("test ") && line.contains("... bench:")),
        harness::libtest,
    ),
    (
        |head| {
            head.contains("fastest")
                && head.contains("slowest")
                && head.contains("median")
                && head.contains('│')
        },
        harness::divan,
    ),
    (
        |head| head.lines().any(|line| line.contains("time:   [") || line.contains("time: [")),
        harness::criterion,
    ),
    (junit::is_junit, junit::read),
    (stacks::is_folded, stacks::read),
    (|head| head.contains("Time (mean ± σ):") || head.contains("Time (abs ≡):"), harness::hyperfine),
];

/// The reader of the tool that wrote a text, if one is known by its beginning.
pub(super) fn tool(head: &str) -> Option<Reader> {
    TOOLS.iter().find(|(sign, _)| sign(head)).map(|(_, reader)| *reader)
}

/// Reads benchmark lines that another format wraps (`go test -json`).
pub(super) fn go_bench(text: &str) -> Report {
    harness::go_bench(text)
}

/// What a text looks like in which nothing was understood.
pub(super) fn looks_like(text: &str) -> &'static str {
    let start = text.trim_start();
    let lower: String = start.chars().take(4000).collect::<String>().to_lowercase();
    if lower.starts_with("<svg") || lower.starts_with("<?xml") && lower.contains("<svg") {
        "an SVG picture; audit the figures that it was drawn from"
    } else if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        "an HTML page without a table of statistics"
    } else if lower.starts_with("<?xml") || lower.starts_with('<') {
        "XML of a kind that audit does not read (JUnit is read)"
    } else if lower.starts_with("#!")
        || lower.contains("fn main")
        || lower.contains("import ") && lower.contains("def ")
    {
        "a program's source"
    } else if lower.contains("error") && !lower.contains(" ms") {
        "a log, or the message of a program that failed"
    } else {
        "text without a figure that has a known name and unit"
    }
}
