//! Load generators: k6, vegeta, oha, autocannon, Gatling, fio, vLLM, bombardier, ghz, artillery.

use super::super::super::figure::Figure;
use super::super::super::report::{Benchmark, Report, Stat, TimeUnit};
use super::super::number::whole;
use super::super::vocabulary::{at_quantile, quantile};
use super::tree::Node;
use super::{fill, take_series};

/// oha's JSON: seconds, percentiles, no samples; how many clients there were is not in it.
pub(super) fn oha(root: &Node) -> Report {
    let mut benchmark = Benchmark::named("requests");
    let seconds = |key: &str| root.time(key, 1e3);
    benchmark.summary.min = seconds("summary/fastest");
    benchmark.summary.max = seconds("summary/slowest");
    benchmark.summary.mean = seconds("summary/average");
    for (name, value) in root.get("latencyPercentiles").map_or(&[][..], Node::members) {
        if let (Some(at), Some(value)) = (quantile(name), value.number()) {
            benchmark.summary.set(at_quantile(at), value.times(1e3));
        }
    }
    let total = |key: &str| -> u64 {
        root.get(key)
            .map_or(&[][..], Node::members)
            .iter()
            .filter_map(|(_, count)| whole(count.number()?.value))
            .sum()
    };
    let answered = total("statusCodeDistribution");
    let errors = total("errorDistribution");
    let refused: u64 = root
        .get("statusCodeDistribution")
        .map_or(&[][..], Node::members)
        .iter()
        .filter(|(code, _)| code.starts_with(['4', '5']))
        .filter_map(|(_, count)| whole(count.number()?.value))
        .sum();
    benchmark.count = (answered > 0).then_some(answered);
    benchmark.attempts = Some(answered + errors);
    benchmark.failures = Some(errors + refused);
    benchmark.failures_timed = Some(errors == 0);
    benchmark.throughput = root.figure("summary/requestsPerSec");
    benchmark.duration_s = root.figure("summary/total");
    // A client may wait for its turn, and failed requests take part in the rate only.
    benchmark.may_idle = true;
    benchmark.manner.percentiles_unasked = true;
    benchmark.manner.mixed_populations = errors > 0;
    if errors > 0 {
        // The rate counts requests that have no latency.
        benchmark.count = None;
    }
    if let (Some(bytes), Some(rate)) = (root.figure("summary/totalData"), root.figure("summary/sizePerSec")) {
        benchmark.amounts.push(("bytes".to_owned(), bytes, rate));
    }
    Report { benchmarks: vec![benchmark], ..Report::of("oha JSON") }
}

/// k6's `--summary-export` and the data of `handleSummary`: milliseconds.
pub(super) fn k6_summary(root: &Node) -> Report {
    let mut report = Report::of("k6 summary JSON");
    let metric = |name: &str| root.at(&format!("/metrics/{name}"));
    let number = |name: &str, key: &str| metric(name).and_then(|metric| value_of(metric, key));
    let duration = root.time("state/testRunDurationMs", 1e-3);
    let most_users =
        number("vus_max", "max").or_else(|| number("vus_max", "value")).or_else(|| number("vus", "max"));
    for (name, node) in root.get("metrics").map_or(&[][..], Node::members) {
        let values = node.get("values").unwrap_or(node);
        let is_trend = ["avg", "med", "p(95)"].iter().any(|key| values.get(key).is_some());
        if !is_trend {
            continue;
        }
        let contains = node.word("contains");
        let is_time = contains == Some("time")
            || contains.is_none()
                && ["duration", "http_req_", "ws_", "grpc_", "browser_"]
                    .iter()
                    .any(|part| name.contains(part));
        let mut benchmark = Benchmark { place: format!("line {}", node.line), ..Benchmark::named(&**name) };
        if !is_time {
            benchmark.unit = if contains.is_none() { TimeUnit::Unknown } else { TimeUnit::Other };
        }
        fill(
            &mut benchmark,
            values,
            1.0,
            &[("min", Stat::Min), ("max", Stat::Max), ("avg", Stat::Mean), ("med", Stat::Median)],
        );
        for (key, value) in values.members() {
            if let (Some(at), Some(value)) =
                (key.strip_prefix("p(").and_then(|rest| rest.strip_suffix(')')), value.number())
                && let Ok(at) = at.parse::<f64>()
            {
                benchmark.summary.set(at_quantile(at / 100.0), value);
            }
        }
        benchmark.manner.percentiles_unasked = true;
        // The parts of a request may be zero, and metrics of one's own may repeat those of k6.
        benchmark.manner.exact_repeats = &**name != "http_req_duration" && &**name != "iteration_duration";
        benchmark.may_idle = true;
        if &**name == "iteration_duration" {
            benchmark.count = number("iterations", "count").and_then(|count| whole(count.value));
            benchmark.throughput = number("iterations", "rate");
            benchmark.concurrency = most_users.map(|users| users.value);
            benchmark.duration_s = duration;
        }
        if &**name == "http_req_duration" {
            benchmark.count = number("http_reqs", "count").and_then(|count| whole(count.value));
            benchmark.attempts = benchmark.count;
            benchmark.failures = number("http_req_failed", "passes").and_then(|count| whole(count.value));
            benchmark.failures_timed = Some(true);
            for amount in ["data_received", "data_sent", "http_reqs"] {
                if let (Some(count), Some(rate), Some(_)) =
                    (number(amount, "count"), number(amount, "rate"), duration)
                {
                    benchmark.amounts.push((amount.to_owned(), count, rate));
                }
            }
            benchmark.duration_s = duration;
        }
        report.benchmarks.push(benchmark);
    }
    report
}

/// The value of a metric, in either of k6's layouts.
fn value_of(metric: &Node, key: &str) -> Option<Figure> {
    metric.figure(key).or_else(|| metric.get("values")?.figure(key))
}

/// vegeta's `report -type=json`: nanoseconds.
pub(super) fn vegeta(root: &Node) -> Report {
    let mut benchmark = Benchmark::named("requests");
    let latencies = root.get("latencies");
    if let Some(latencies) = latencies {
        fill(
            &mut benchmark,
            latencies,
            1e-6,
            &[("min", Stat::Min), ("max", Stat::Max), ("mean", Stat::Mean), ("50th", Stat::Median)],
        );
        for (name, value) in latencies.members() {
            if let (Some(at), Some(value)) = (quantile(name), value.number()) {
                benchmark.summary.set(at_quantile(at), value.times(1e-6));
            }
        }
        benchmark.total = latencies.time("total", 1e-6);
    }
    benchmark.count = root.whole("requests");
    benchmark.attempts = benchmark.count;
    let codes = root.get("status_codes").map_or(&[][..], Node::members);
    let good: u64 = codes
        .iter()
        .filter(|(code, _)| code.starts_with(['2', '3']))
        .filter_map(|(_, count)| whole(count.number()?.value))
        .sum();
    benchmark.failures =
        benchmark.count.filter(|_| !codes.is_empty()).map(|count| count.saturating_sub(good));
    benchmark.failures_timed = Some(true);
    benchmark.throughput = root.figure("rate");
    benchmark.duration_s = root.time("duration", 1e-9);
    benchmark.may_idle = true;
    benchmark.manner.percentiles_unasked = true;
    // Estimated by t-digest.
    benchmark.manner.bucket = 0.02;
    Report { benchmarks: vec![benchmark], ..Report::of("vegeta JSON") }
}

/// autocannon's `--json`: milliseconds, percentiles in whole ones.
pub(super) fn autocannon(root: &Node) -> Report {
    let mut benchmark =
        Benchmark::named(root.word("title").or_else(|| root.word("url")).unwrap_or("requests"));
    if let Some(latency) = root.get("latency") {
        fill(
            &mut benchmark,
            latency,
            1.0,
            &[
                ("min", Stat::Min),
                ("max", Stat::Max),
                ("average", Stat::Mean),
                ("mean", Stat::Mean),
                ("stddev", Stat::Deviation),
            ],
        );
        for (name, value) in latency.members() {
            if let (Some(at), Some(value)) = (quantile(&name.replace('_', ".")), value.number()) {
                benchmark.summary.set(at_quantile(at), value);
            }
        }
        benchmark.count = latency.whole("totalCount").or_else(|| root.whole("requests/total"));
    }
    // Latencies are recorded in whole milliseconds.
    let whole_ms = |figure: &mut Figure| figure.half_unit = figure.half_unit.max(0.5);
    let summary = &mut benchmark.summary;
    summary
        .percentiles
        .iter_mut()
        .map(|(_, figure)| figure)
        .chain(summary.median.as_mut())
        .chain(summary.max.as_mut())
        .chain(summary.min.as_mut())
        .for_each(whole_ms);
    benchmark.manner.bucket = 0.01;
    benchmark.manner.percentiles_unasked = true;
    let failed = |key: &str| root.whole(key).unwrap_or(0);
    let total = root.whole("requests/total").unwrap_or(0);
    let lost = failed("errors");
    benchmark.attempts = Some(total + lost);
    benchmark.failures = Some(lost + failed("non2xx"));
    benchmark.failures_timed = Some(lost == 0);
    benchmark.throughput =
        root.figure("requests/average").map(|rate| Figure { half_unit: 0.1 * rate.value, ..rate });
    benchmark.duration_s = root.figure("duration");
    let pipelining = root.figure("pipelining").map_or(1.0, |depth| depth.value.max(1.0));
    benchmark.concurrency = root.figure("connections").map(|connections| connections.value * pipelining);
    benchmark.may_idle = true;
    Report { benchmarks: vec![benchmark], ..Report::of("autocannon JSON") }
}

/// Gatling's `stats.json` and `global_stats.json`: whole milliseconds.
pub(super) fn gatling(root: &Node) -> Report {
    let mut report = Report::of("Gatling JSON");
    gatling_group(root, &mut report);
    report
}

fn gatling_group(node: &Node, report: &mut Report) {
    let stats = node.get("stats").unwrap_or(node);
    if stats.get("meanResponseTime").is_some() {
        let name = stats.word("name").or_else(|| node.word("name")).unwrap_or("requests");
        let mut benchmark = Benchmark { place: format!("line {}", node.line), ..Benchmark::named(name) };
        // Figures may be texts ("-" where there are none).
        let total = |key: &str| -> Option<Figure> {
            let cell = stats.at(&format!("/{key}/total"))?;
            cell.number()
                .or_else(|| super::super::number::number(cell.text()?, false).map(|(figure, _)| figure))
        };
        let part = |key: &str, which: &str| {
            let cell = stats.at(&format!("/{key}/{which}"))?;
            let figure = cell
                .number()
                .or_else(|| super::super::number::number(cell.text()?, false).map(|(figure, _)| figure))?;
            whole(figure.value)
        };
        let set = [
            ("minResponseTime", Stat::Min),
            ("maxResponseTime", Stat::Max),
            ("meanResponseTime", Stat::Mean),
            ("standardDeviation", Stat::Deviation),
            ("percentiles1", Stat::Median),
            ("percentiles2", Stat::Quantile(0.75)),
            ("percentiles3", Stat::Quantile(0.95)),
            ("percentiles4", Stat::Quantile(0.99)),
        ];
        for (key, stat) in set {
            if let Some(figure) = total(key) {
                benchmark.summary.set(stat, figure);
            }
        }
        benchmark.count = part("numberOfRequests", "total");
        benchmark.attempts = benchmark.count;
        benchmark.failures = part("numberOfRequests", "ko");
        benchmark.failures_timed = Some(true);
        benchmark.may_idle = true;
        benchmark.manner.percentiles_unasked = true;
        benchmark.manner.bucket = 0.02;
        report.benchmarks.push(benchmark);
    }
    for (_, inner) in node.get("contents").map_or(&[][..], Node::members) {
        gatling_group(inner, report);
    }
}

/// fio's `--output-format=json`: nanoseconds.
pub(super) fn fio(root: &Node) -> Report {
    let mut report = Report::of("fio JSON");
    let option = |job: &Node, key: &str| -> Option<f64> {
        let of =
            |node: Option<&Node>| node.and_then(|node| node.word(key)).and_then(|word| word.parse().ok());
        of(job.get("job options")).or_else(|| of(root.get("global options")))
    };
    for job in root.at("/jobs").map_or(&[][..], Node::items) {
        let name = job.word("jobname").unwrap_or("job");
        let depth = option(job, "iodepth").unwrap_or(1.0);
        let jobs = option(job, "numjobs").unwrap_or(1.0).max(1.0);
        for direction in ["read", "write", "trim"] {
            let Some(side) =
                job.get(direction).filter(|side| side.whole("total_ios").is_some_and(|count| count > 0))
            else {
                continue;
            };
            let mut benchmark = Benchmark {
                place: format!("line {}", side.line),
                ..Benchmark::named(format!("{name} {direction}"))
            };
            let lat = side
                .get("lat_ns")
                .filter(|lat| lat.figure("mean").is_some_and(|mean| mean.value > 0.0))
                .or_else(|| side.get("clat_ns"));
            if let Some(lat) = lat {
                fill(
                    &mut benchmark,
                    lat,
                    1e-6,
                    &[
                        ("min", Stat::Min),
                        ("max", Stat::Max),
                        ("mean", Stat::Mean),
                        ("stddev", Stat::Deviation),
                    ],
                );
                benchmark.count = lat.whole("N").or_else(|| side.whole("total_ios"));
            }
            // Percentiles are of the completion latency, which is the total less the submission.
            let own = lat.is_some_and(|lat| lat.get("percentile").is_some());
            let listed = if own { lat } else { None }.and_then(|lat| lat.get("percentile"));
            for (name, value) in listed.map_or(&[][..], Node::members) {
                if let (Ok(at), Some(value)) = (name.parse::<f64>(), value.number()) {
                    benchmark.summary.set(at_quantile(at / 100.0), value.times(1e-6));
                }
            }
            benchmark.manner.bucket = 0.03;
            benchmark.manner.percentiles_unasked = true;
            benchmark.throughput = side.figure("iops");
            benchmark.duration_s = side
                .time("runtime", 1e-3)
                .map(|runtime| Figure { half_unit: runtime.half_unit.max(1e-3), ..runtime });
            // Both directions share one queue, and jobs may be summed or not.
            benchmark.concurrency = Some(depth * jobs);
            benchmark.may_idle = true;
            if let (Some(bytes), Some(rate)) = (side.figure("io_bytes"), side.figure("bw_bytes")) {
                benchmark.amounts.push(("bytes".to_owned(), bytes, rate));
            }
            report.benchmarks.push(benchmark);
        }
    }
    report
}

/// vLLM's serving benchmark (and SGLang's, which writes the same keys).
pub(super) fn vllm(root: &Node) -> Report {
    let mut report = Report::of("vLLM benchmark JSON");
    let model = root.word("model_id").or_else(|| root.word("model")).unwrap_or("model");
    let completed = root.whole("completed");
    let prompts = root.whole("num_prompts");
    for (metric, title) in [
        ("e2el", "end-to-end latency"),
        ("e2e_latency", "end-to-end latency"),
        ("ttft", "time to first token"),
        ("tpot", "time per output token"),
        ("itl", "inter-token latency"),
    ] {
        let mut benchmark = Benchmark {
            place: format!("{metric} of line {}", root.line),
            ..Benchmark::named(format!("{model} {title}"))
        };
        for (key, value) in root.members() {
            let Some(stem) = key
                .strip_suffix("_ms")
                .and_then(|stem| stem.strip_suffix(metric))
                .and_then(|stem| stem.strip_suffix('_'))
            else {
                continue;
            };
            let stat = match stem {
                "mean" => Some(Stat::Mean),
                "median" => Some(Stat::Median),
                "std" => Some(Stat::Deviation),
                "max" => Some(Stat::Max),
                "min" => Some(Stat::Min),
                _ => quantile(stem).map(at_quantile),
            };
            if let (Some(stat), Some(figure)) = (stat, value.number()) {
                benchmark.summary.set(stat, figure);
            }
        }
        if benchmark.summary.named().is_empty() {
            continue;
        }
        benchmark.manner.percentiles_unasked = true;
        benchmark.may_idle = true;
        if matches!(metric, "ttft" | "e2el" | "e2e_latency") {
            benchmark.count = completed;
            benchmark.attempts = prompts;
            benchmark.failures = prompts.zip(completed).map(|(all, done)| all.saturating_sub(done));
            benchmark.failures_timed = Some(false);
        }
        if metric == "ttft"
            && let Some(lists) = root.get("ttfts").and_then(Node::series)
        {
            take_series(&mut benchmark, lists, 1e3);
        }
        if metric.starts_with("e2e") {
            benchmark.throughput = root.figure("request_throughput");
            benchmark.concurrency = root.figure("max_concurrency").map(|most| most.value);
        }
        if report.benchmarks.is_empty() {
            benchmark.duration_s = root.figure("duration");
            let pairs = [("completed", "request_throughput"), ("total_output_tokens", "output_throughput")];
            for (amount, rate) in pairs {
                if let (Some(amount_is), Some(rate)) = (root.figure(amount), root.figure(rate)) {
                    benchmark.amounts.push((amount.replace('_', " "), amount_is, rate));
                }
            }
        }
        report.benchmarks.push(benchmark);
    }
    report
}

/// bombardier's `-o json`: microseconds.
pub(super) fn bombardier(root: &Node) -> Report {
    let mut benchmark = Benchmark::named(root.word("spec/url").unwrap_or("requests"));
    if let Some(latency) = root.at("/result/latency") {
        fill(
            &mut benchmark,
            latency,
            1e-3,
            &[("mean", Stat::Mean), ("max", Stat::Max), ("stddev", Stat::Deviation)],
        );
        for (name, value) in latency.get("percentiles").map_or(&[][..], Node::members) {
            if let (Ok(at), Some(value)) = (name.parse::<f64>(), value.number()) {
                benchmark.summary.set(at_quantile(at / 100.0), value.times(1e-3));
            }
        }
    }
    let codes = ["req1xx", "req2xx", "req3xx", "req4xx", "req5xx", "others"];
    let count = |code: &str| root.whole(&format!("result/{code}")).unwrap_or(0);
    benchmark.count = Some(codes.iter().map(|code| count(code)).sum()).filter(|all| *all > 0);
    benchmark.attempts = benchmark.count;
    benchmark.failures = Some(count("req4xx") + count("req5xx") + count("others"));
    benchmark.failures_timed = Some(true);
    benchmark.concurrency = root.figure("spec/numberOfConnections").map(|connections| connections.value);
    benchmark.throughput =
        root.figure("result/rps/mean").map(|rate| Figure { half_unit: 0.1 * rate.value, ..rate });
    benchmark.duration_s = root.figure("result/timeTakenSeconds");
    benchmark.may_idle = true;
    benchmark.manner.percentiles_unasked = true;
    Report { benchmarks: vec![benchmark], ..Report::of("bombardier JSON") }
}

/// ghz's `-O json`: nanoseconds.
pub(super) fn ghz(root: &Node) -> Report {
    let mut benchmark = Benchmark::named(root.word("options/call").unwrap_or("calls"));
    fill(
        &mut benchmark,
        root,
        1e-6,
        &[("fastest", Stat::Min), ("slowest", Stat::Max), ("average", Stat::Mean)],
    );
    for row in root.at("/latencyDistribution").map_or(&[][..], Node::items) {
        if let (Some(at), Some(value)) = (row.figure("percentage"), row.time("latency", 1e-6)) {
            benchmark.summary.set(at_quantile(at.value / 100.0), value);
        }
    }
    benchmark.count = root.whole("count");
    benchmark.attempts = benchmark.count;
    benchmark.throughput = root.figure("rps");
    benchmark.duration_s = root.time("total", 1e-9);
    benchmark.concurrency = root.figure("options/concurrency").map(|workers| workers.value);
    benchmark.may_idle = true;
    benchmark.manner.percentiles_unasked = true;
    let errors: u64 = root
        .get("errorDistribution")
        .map_or(&[][..], Node::members)
        .iter()
        .filter_map(|(_, count)| whole(count.number()?.value))
        .sum();
    benchmark.failures = Some(errors);
    benchmark.failures_timed = Some(true);
    Report { benchmarks: vec![benchmark], ..Report::of("ghz JSON") }
}

/// artillery's `--output`: milliseconds.
pub(super) fn artillery(root: &Node) -> Report {
    let mut report = Report::of("artillery JSON");
    let counters = root.at("/aggregate/counters");
    let counter = |name: &str| {
        counters.and_then(|counters| counters.get(name)).and_then(|count| whole(count.number()?.value))
    };
    for (name, node) in root.at("/aggregate/summaries").map_or(&[][..], Node::members) {
        let mut benchmark = Benchmark { place: format!("line {}", node.line), ..Benchmark::named(&**name) };
        fill(
            &mut benchmark,
            node,
            1.0,
            &[("min", Stat::Min), ("max", Stat::Max), ("mean", Stat::Mean), ("median", Stat::Median)],
        );
        for (key, value) in node.members() {
            if let (Some(at), Some(value)) = (quantile(key), value.number()) {
                benchmark.summary.set(at_quantile(at), value);
            }
        }
        benchmark.count = node.whole("count");
        benchmark.manner.percentiles_unasked = true;
        benchmark.manner.bucket = 0.02;
        benchmark.may_idle = true;
        if &**name == "http.response_time" {
            benchmark.attempts = counter("http.requests");
            let answered = counter("http.responses");
            benchmark.failures =
                benchmark.attempts.zip(answered).map(|(all, answered)| all.saturating_sub(answered));
            benchmark.failures_timed = Some(false);
        }
        report.benchmarks.push(benchmark);
    }
    report
}

/// Lines of vegeta's results, k6's points: told by their first line.
pub(super) fn line_kind(node: &Node) -> Option<&'static str> {
    if node.get("latency").is_some() && node.get("code").is_some() && node.get("timestamp").is_some() {
        return Some("vegeta results");
    }
    if node.word("type").is_some_and(|kind| kind == "Metric" || kind == "Point") && node.get("data").is_some()
    {
        return Some("k6 points");
    }
    if node.word("reason").is_some_and(|reason| reason.starts_with("benchmark")) {
        return Some("cargo-criterion messages");
    }
    None
}

/// One line of a stream of results: benchmark, its samples' unit, and the value.
pub(super) fn line_sample(node: &Node) -> Option<(String, f64, Figure)> {
    if let Some(latency) = node.figure("latency") {
        return Some(("requests".to_owned(), 1e-6, latency));
    }
    if node.word("type") == Some("Point") {
        let metric = node.word("metric")?;
        let is_time = metric.ends_with("_duration");
        return Some((metric.to_owned(), 1.0, node.figure("data/value")?)).filter(|_| is_time);
    }
    None
}

/// A cargo-criterion message.
pub(super) fn cargo_criterion(node: &Node) -> Option<Benchmark> {
    if node.word("reason") != Some("benchmark-complete") {
        return None;
    }
    let factor = match node.word("unit").unwrap_or("ns") {
        "ns" => 1e-6,
        "us" | "µs" => 1e-3,
        "s" => 1e3,
        _ => 1.0,
    };
    let mut benchmark =
        Benchmark { place: format!("line {}", node.line), ..Benchmark::named(node.word("id")?) };
    benchmark.summary.mean = node.time("mean/estimate", factor);
    benchmark.summary.median = node.time("median/estimate", factor);
    let lists = (
        node.get("iteration_count").and_then(Node::series),
        node.get("measured_values").and_then(Node::series),
    );
    if let (Some(iterations), Some(measured)) = lists {
        benchmark.samples = measured
            .values
            .iter()
            .zip(&iterations.values)
            .map(|(time, count)| time / count * factor)
            .collect();
        benchmark.count = Some(benchmark.samples.len() as u64);
    }
    benchmark.manner.unordered = true;
    Some(benchmark)
}
