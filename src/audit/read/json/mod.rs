//! JSON of many programs: told by structure, read by one function each, or by the words of its keys.

mod claims;
mod conlab;
pub(super) mod criterion;
mod generic;
mod harness;
mod load;
mod profiles;
mod quotes;
pub(super) mod tree;

use super::super::figure::Figure;
use super::super::report::{Benchmark, Quotes, Report, Stat};
use super::table::Table;
use std::io::BufRead;
use tree::{Broken, Node, Parser, Series};

/// Why a JSON file was not read.
pub(super) enum NoReport {
    /// It is damaged.
    Broken(Broken),
    /// It is sound, and this is what it looks like.
    Looks(String),
}

/// What tells a format, and its reader.
type Format = (fn(&Node) -> bool, fn(&Node) -> Report);

/// Formats that have a reader of their own, the most specific sign first.
const FORMATS: &[Format] = &[
    (
        |root| {
            root.get("responseTimeHistogram").is_some() && root.get("summary").is_some()
                || root.get("latencyPercentiles").is_some() && root.at("/summary/requestsPerSec").is_some()
        },
        load::oha,
    ),
    (|root| root.at("/results/0/command").is_some(), harness::hyperfine),
    (|root| root.at("/0/primaryMetric").is_some(), harness::jmh),
    (
        |root| {
            root.at("/benchmarks/0/stats/rounds").is_some()
                || root.get("machine_info").is_some() && root.get("benchmarks").is_some()
        },
        harness::pytest_benchmark,
    ),
    (|root| root.at("/benchmarks/0/runs").is_some() && root.get("version").is_some(), harness::pyperf),
    (
        |root| {
            root.get("context").is_some() && root.at("/benchmarks/0/time_unit").is_some()
                || root.at("/benchmarks/0/run_type").is_some()
        },
        harness::google_benchmark,
    ),
    (|root| root.at("/results/0/median(elapsed)").is_some(), harness::nanobench),
    (|root| root.at("/files/0/groups/0/benchmarks").is_some(), harness::vitest),
    (
        |root| root.get("HostEnvironmentInfo").is_some() && root.get("Benchmarks").is_some(),
        harness::benchmark_dotnet,
    ),
    (|root| root.get("result_columns").is_some() && root.get("results").is_some(), harness::asv),
    (
        |root| {
            root.get("samples_ns").is_some() && root.get("avg_ts").is_some()
                || root.at("/0/avg_ts").is_some() && root.at("/0/n_gen").is_some()
        },
        harness::llama_bench,
    ),
    (
        |root| {
            root.at("/metrics/http_reqs").is_some()
                || root.at("/metrics/iteration_duration").is_some()
                || root.get("root_group").is_some() && root.get("metrics").is_some()
        },
        load::k6_summary,
    ),
    (|root| root.at("/latencies/50th").is_some() && root.get("status_codes").is_some(), load::vegeta),
    (|root| root.at("/latency/p97_5").is_some() && root.get("connections").is_some(), load::autocannon),
    (is_gatling, load::gatling),
    (|root| root.get("fio version").is_some() && root.get("jobs").is_some(), load::fio),
    (|root| root.get("mean_ttft_ms").is_some() && root.get("request_throughput").is_some(), load::vllm),
    (
        |root| root.at("/spec/numberOfConnections").is_some() && root.at("/result/latency").is_some(),
        load::bombardier,
    ),
    (
        |root| {
            root.get("latencyDistribution").is_some()
                && root.get("statusCodeDistribution").is_some()
                && root.get("rps").is_some()
        },
        load::ghz,
    ),
    (
        |root| root.at("/aggregate/counters").is_some() && root.at("/aggregate/summaries").is_some(),
        load::artillery,
    ),
    (|root| root.get("sampling_mode").is_some(), |root| criterion::read(None, Some(root), None)),
    (|root| root.get("median_abs_dev").is_some(), |root| criterion::read(None, None, Some(root))),
    (
        |root| root.get("traceEvents").is_some() || root.at("/0/ph").is_some() && root.at("/0/ts").is_some(),
        profiles::trace_events,
    ),
];

fn is_gatling(root: &Node) -> bool {
    let stats = root.get("stats").unwrap_or(root);
    stats.get("numberOfRequests").is_some() && stats.get("meanResponseTime").is_some()
}

/// Reads one document, or a stream of them, one a line.
pub(super) fn read(bytes: Box<dyn BufRead + '_>) -> Result<Report, NoReport> {
    let mut parser = Parser::new(bytes);
    let Some(first) = parser.next_document().map_err(NoReport::Broken)? else {
        return Err(NoReport::Looks("JSON without a value".to_owned()));
    };
    let report = match parser.next_document() {
        Ok(None) => document(&first).map(|report| Report { quotes: Quotes::of(&first), ..report }),
        Ok(Some(second)) => lines(first, second, &mut parser),
        // What follows a sound document may be a word of the shell; but half a stream is damaged.
        Err(broken) => Err(NoReport::Broken(broken)),
    };
    report.map(|mut report| {
        report.repair = parser.repair.take();
        report
    })
}

/// Reads one document.
fn document(root: &Node) -> Result<Report, NoReport> {
    if root.get("lighthouseVersion").is_some() {
        return Err(NoReport::Looks("a Lighthouse report, which scores single loads of a page".to_owned()));
    }
    if let Some(report) = conlab::read(root)? {
        return Ok(report);
    }
    if let Some(report) = super::own::result(root).or_else(|| super::own::profile(root)) {
        return Ok(report);
    }
    for (recognise, reader) in FORMATS {
        if recognise(root) {
            return Ok(reader(root));
        }
    }
    let mut report = generic::read(root);
    if report.is_understood() {
        super::own::mark_campaign(root, &mut report);
        return Ok(report);
    }
    Err(NoReport::Looks(looks_like(root)))
}

/// Reads a stream: samples by name, or rows of a table.
fn lines(first: Node, second: Node, parser: &mut Parser<Box<dyn BufRead + '_>>) -> Result<Report, NoReport> {
    let kind = load::line_kind(&first);
    if first.word("Action").is_some() && first.get("Time").or(first.get("Package")).is_some() {
        return go_test(first, second, parser);
    }
    let mut table = Table::new(format!("{} (JSON lines)", kind.unwrap_or("rows")));
    let mut report = Report::of(kind.unwrap_or("JSON lines"));
    let mut pending = vec![second, first];
    let mut passed = 0;
    loop {
        let node = match pending.pop() {
            Some(node) => node,
            None => match parser.next_document().map_err(NoReport::Broken)? {
                Some(node) => node,
                None => break,
            },
        };
        if kind.is_none() {
            table.object(&node);
        } else if let Some(benchmark) = load::cargo_criterion(&node) {
            report.benchmarks.push(benchmark);
        } else if let Some((name, factor, value)) = load::line_sample(&node) {
            table.sample(&name, value.times(factor), node.line);
        } else {
            passed += 1;
        }
    }
    let read = table.finish();
    report.benchmarks.extend(read.benchmarks);
    report.ignored.extend(read.ignored);
    report.ignore("lines that are no sample", passed);
    if report.is_understood() {
        Ok(report)
    } else {
        Err(NoReport::Looks("JSON lines in which no figure is known".to_owned()))
    }
}

/// `go test -json`: the lines of its benchmarks are wrapped in events.
fn go_test(
    first: Node,
    second: Node,
    parser: &mut Parser<Box<dyn BufRead + '_>>,
) -> Result<Report, NoReport> {
    const LONGEST: usize = 32 * 1024 * 1024;
    let mut text = String::new();
    let mut next = Some(first);
    let mut following = Some(second);
    while let Some(event) = next {
        if let Some(output) = event.word("Output").filter(|_| text.len() < LONGEST) {
            text.push_str(output);
        }
        next = match following.take() {
            Some(node) => Some(node),
            None => parser.next_document().map_err(NoReport::Broken)?,
        };
    }
    let mut report = super::text::go_bench(&text);
    report.format = "go test -json".to_owned();
    if report.is_understood() {
        Ok(report)
    } else {
        Err(NoReport::Looks("events of `go test -json` without a benchmark".to_owned()))
    }
}

/// What a sound document looks like, for people.
fn looks_like(root: &Node) -> String {
    let names: Vec<&str> = root.members().iter().take(6).map(|(name, _)| &**name).collect();
    if names.is_empty() {
        return match root.items().len() {
            0 => "JSON without a named figure".to_owned(),
            items => format!("a JSON list of {items} items without a named figure"),
        };
    }
    let more = if root.members().len() > names.len() { ", …" } else { "" };
    format!("JSON with the keys {}{more}, in which no statistic has a known name", names.join(", "))
}

/// Where a list's item stands.
fn place(list: &str, at: usize, node: &Node) -> String {
    format!("{list}[{at}], line {}", node.line)
}

/// Fills statistics by their keys; a key without a value is noted.
fn fill(benchmark: &mut Benchmark, node: &Node, factor: f64, keys: &[(&str, Stat)]) {
    for (key, stat) in keys {
        let Some(value) = node.get(key) else { continue };
        if let Some(figure) = value.number() {
            benchmark.summary.set(*stat, figure.times(factor));
        } else if *stat != Stat::Deviation {
            // The deviation of a single run has no value, rightly.
            benchmark.nulls.push((*key).to_owned());
        }
    }
}

/// Takes a list of numbers for the samples.
fn take_series(benchmark: &mut Benchmark, series: &Series, factor: f64) {
    benchmark.samples =
        series.values.iter().filter(|value| value.is_finite()).map(|value| value * factor).collect();
    benchmark.samples_dropped = series.dropped;
    benchmark.sample_unit = if series.finest.is_finite() { series.finest * factor } else { 0.0 };
    benchmark.count = Some(series.values.len() as u64 + series.dropped);
}

/// A figure that may be printed as a text: `"12.5"`, `"12.5 ms"`.
fn loose(node: &Node) -> Option<Figure> {
    node.number().or_else(|| super::number::number(node.text()?.trim(), false).map(|(figure, _)| figure))
}
