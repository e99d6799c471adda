//! What the words beside a figure say it is: a key of JSON, a column of CSV or of a table, the left side of `Key: value`.

use super::super::report::Stat;
use super::number::{Per, Unit, byte_unit, time_unit};

/// What a figure is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Topic {
    /// A duration of one operation.
    Latency,
    /// So many a second.
    Rate(Per),
    /// Samples taken.
    Count,
    /// Requests that failed.
    Failures,
    /// Tasks in the system at once.
    Concurrency,
    /// How long a run took.
    Wall,
    /// Processor time.
    Cpu,
    /// Cache hits.
    Hits,
    /// Sizes, memory.
    Size,
    /// A factor between two results.
    Speedup,
    /// A bound or an expectation, not a result.
    Target,
    /// When, not how long.
    Moment,
    /// A name or number of the row.
    Index,
    /// Something else that is no duration.
    Other,
    /// No word says.
    #[default]
    Unsaid,
}

/// What a label says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Label {
    pub(super) stat: Option<Stat>,
    pub(super) unit: Option<Unit>,
    pub(super) topic: Topic,
    /// Words that say nothing of the above: what is measured.
    pub(super) rest: Vec<String>,
}

impl Label {
    /// Whether a number under this label is a statistic of durations.
    pub(super) fn is_time_statistic(&self) -> bool {
        self.stat.is_some()
            && (self.topic == Topic::Latency || self.topic == Topic::Unsaid)
            && matches!(self.unit, Some(Unit::Time(_)) | None)
            && (self.topic == Topic::Latency || self.unit.is_some())
    }

    /// Milliseconds in its unit, if it names one of time.
    pub(super) fn factor(&self) -> Option<f64> {
        match self.unit {
            Some(Unit::Time(factor)) => Some(factor),
            _ => None,
        }
    }
}

/// The words of a label, lower case; `p99.9`, `p(95)`, `99.9%` and `99th` stay whole.
pub(super) fn words(label: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let characters: Vec<char> = label.chars().take(400).collect();
    for (at, &letter) in characters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| characters[at]);
        let next = characters.get(at + 1).copied();
        let camel = letter.is_uppercase()
            && before.is_some_and(|before| before.is_lowercase() || before.is_ascii_digit() && word.len() > 2)
            // µS, kB and the like are units.
            && !word.is_empty()
            && !matches!(word.as_str(), "k" | "m" | "g" | "µ" | "req" if next.is_none());
        let inner_point = letter == '.'
            && before.is_some_and(|before| before.is_ascii_digit())
            && next.is_some_and(|next| next.is_ascii_digit());
        if camel {
            words.push(std::mem::take(&mut word));
        }
        if letter.is_alphanumeric() || inner_point || matches!(letter, '%' | 'µ' | 'μ') {
            word.extend(letter.to_lowercase());
        } else if letter == '(' && word == "p" {
            // k6's p(95)
        } else if letter == '/' {
            words.push(std::mem::take(&mut word));
            words.push("/".to_owned());
        } else {
            words.push(std::mem::take(&mut word));
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// The quantile that a word names: `p99`, `p99.9`, `p999`, `99%`, `99th`, `q95`, `90%ile`.
pub(super) fn quantile(word: &str) -> Option<f64> {
    let (digits, shortened) =
        if let Some(digits) = word.strip_prefix(['p', 'q']).or_else(|| word.strip_prefix("pct")) {
            (digits.trim_end_matches("th").trim_end_matches("tile"), true)
        } else if let Some(digits) =
            word.strip_suffix("th").or_else(|| word.strip_suffix("%ile")).or_else(|| word.strip_suffix('%'))
        {
            (digits, false)
        } else {
            return None;
        };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty()
        || whole.len() > 6
        || !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return None;
    }
    let value: f64 = digits.parse().ok()?;
    if shortened && fraction.is_empty() && whole.len() > 2 {
        // p999 is p99.9, p9999 is p99.99; p100 is the maximum.
        return match whole {
            "100" => Some(1.0),
            nines if nines.starts_with('9') => format!("0.{nines}").parse().ok(),
            _ => None,
        };
    }
    // Shifted by decimals, not divided: 99.9 is 0.999 and not the next number.
    (value <= 100.0).then(|| (value * 1e6).round() / 1e8)
}

/// The statistic that one word names.
fn statistic(word: &str) -> Option<Stat> {
    Some(match word {
        "min" | "minimum" | "fastest" | "best" | "lowest" | "shortest" => Stat::Min,
        "max" | "maximum" | "slowest" | "worst" | "highest" | "longest" | "peak" => Stat::Max,
        "mean" | "avg" | "average" | "μ" | "mittel" => Stat::Mean,
        "median" | "med" | "mdn" => Stat::Median,
        "stddev" | "std" | "stdev" | "sd" | "σ" | "deviation" | "stdv" => Stat::Deviation,
        _ => {
            let at = quantile(word)?;
            return Some(at_quantile(at));
        }
    })
}

/// The statistic at a quantile: the median, the extremes, or a percentile.
pub(super) fn at_quantile(quantile: f64) -> Stat {
    if (quantile - 0.5).abs() < 1e-9 {
        Stat::Median
    } else if quantile <= 0.0 {
        Stat::Min
    } else if quantile >= 1.0 {
        Stat::Max
    } else {
        Stat::Quantile(quantile)
    }
}

fn has(words: &[String], any: &[&str]) -> bool {
    words.iter().any(|word| any.contains(&word.as_str()))
}

const LATENCY: &[&str] = &[
    "latency",
    "latencies",
    "lat",
    "time",
    "times",
    "duration",
    "durations",
    "elapsed",
    "ttft",
    "tpot",
    "itl",
    "e2el",
    "response",
    "responsetime",
    "sojourn",
    "rtt",
    "delay",
    "wait",
    "waiting",
    "service",
    "runtime",
    "took",
    "took_ms",
    "walltime",
    "clat",
    "slat",
    "responses",
    "dauer",
    "zeit",
    "iteration_duration",
    "blocked",
    "connecting",
    "sending",
    "receiving",
];
const FAILURES: &[&str] =
    &["errors", "error", "failures", "failed", "failure", "fails", "ko", "non2xx", "unsuccessful"];
const COUNTS: &[&str] = &[
    "iterations",
    "iters",
    "count",
    "n",
    "samples",
    "runs",
    "rounds",
    "requests",
    "prompts",
    "completed",
    "repeats",
    "reps",
    "repetitions",
    "executions",
    "transactions",
    "queries",
    "trials",
    "operations",
    "calls",
    "invocations",
    "successes",
    "successful",
    "observations",
    "measurements",
];
const CONCURRENCY: &[&str] = &[
    "concurrency",
    "clients",
    "vus",
    "connections",
    "workers",
    "threads",
    "users",
    "parallel",
    "parallelism",
    "inflight",
];
const TARGETS: &[&str] = &[
    "target",
    "targets",
    "expected",
    "expectation",
    "bound",
    "limit",
    "budget",
    "goal",
    "slo",
    "sla",
    "threshold",
    "cap",
    "allowed",
    "deadline",
    "timeout",
    "estimate",
    "estimated",
    "projected",
    "planned",
    "requirement",
    "required",
    "desired",
    "ideal",
];
const SIZES: &[&str] = &[
    "memory",
    "mem",
    "rss",
    "heap",
    "bytes",
    "size",
    "payload",
    "kb",
    "mb",
    "gb",
    "kib",
    "mib",
    "gib",
    "alloc",
    "allocs",
    "allocations",
    "allocated",
    "disk",
    "length",
    "len",
];
const INDEXES: &[&str] = &[
    "index",
    "idx",
    "id",
    "seed",
    "iteration",
    "run",
    "trial",
    "repetition",
    "row",
    "number",
    "no",
    "schema",
    "version",
    "day",
    "priority",
    "port",
    "pid",
    "status",
    "code",
    "seq",
];
const MOMENTS: &[&str] = &[
    "timestamp",
    "timestamps",
    "ts",
    "date",
    "datetime",
    "epoch",
    "at",
    "started",
    "ended",
    "created",
    "generated",
    "clock",
];

/// Whether a word counts samples.
pub(super) fn is_count(word: &str) -> bool {
    COUNTS.contains(&word)
}

/// What `label` says. The unit is looked for in brackets, at the end, and beside a slash.
pub(super) fn label(text: &str) -> Label {
    let words = words(text);
    let stat = words.iter().find_map(|word| statistic(word)).or_else(|| spoken_percentile(&words));
    let unit = unit_of(text, &words);
    let rate = rate_of(text, &words);
    let topic = topic(&words, unit, rate, stat);
    let rest = words
        .iter()
        .filter(|word| {
            statistic(word).is_none()
                && time_unit(word).is_none()
                && !matches!(
                    word.as_str(),
                    "/" | "metrics"
                        | "results"
                        | "result"
                        | "latency"
                        | "latencies"
                        | "time"
                        | "summary"
                        | "statistics"
                        | "stats"
                        | "percentile"
                        | "percentiles"
                        | "value"
                        | "values"
                        | "duration"
                        | "of"
                        | "the"
                        | "in"
                        | "standard"
                        | "dev"
                )
        })
        .cloned()
        .collect();
    Label { stat, unit: rate.map(|(per, factor)| Unit::Rate(per, factor)).or(unit), topic, rest }
}

/// `95th percentile`, `percentile 95`.
fn spoken_percentile(words: &[String]) -> Option<Stat> {
    let at =
        words.iter().position(|word| word.starts_with("percentile") || word == "pct" || word == "%ile")?;
    let beside = [at.checked_sub(1).and_then(|at| words.get(at)), words.get(at + 1)];
    beside.into_iter().flatten().find_map(|word| {
        let value: f64 = word.trim_end_matches(['t', 'h']).parse().ok()?;
        (0.0..=100.0).contains(&value).then(|| at_quantile(value / 100.0))
    })
}

fn unit_of(text: &str, words: &[String]) -> Option<Unit> {
    if text.contains('%') && !words.iter().any(|word| quantile(word).is_some())
        || has(words, &["percent", "pct", "percentage"])
    {
        return Some(Unit::Percent);
    }
    // In brackets first: `Mean [ms]`, `Duration (s)`.
    for (open, close) in [('(', ')'), ('[', ']')] {
        if let Some(inner) =
            text.rsplit(open).next().filter(|_| text.contains(open)).and_then(|rest| rest.split(close).next())
        {
            let inner = inner.trim();
            if let Some(factor) = time_unit(inner).or_else(|| time_unit(&inner.to_lowercase())) {
                return Some(Unit::Time(factor));
            }
            if let Some(bytes) = byte_unit(inner) {
                return Some(Unit::Bytes(bytes));
            }
        }
    }
    // The last unit word counts: `ns_per_iter`, `latency_ms_p99`. A lone m, h, min or b is too short to mean one.
    let times = words.iter().rev().find_map(|word| {
        let is_short = matches!(word.as_str(), "m" | "h" | "min" | "b");
        let is_lone_s = word == "s" && words.len() == 1;
        time_unit(word).filter(|_| !is_short && !is_lone_s)
    });
    if let Some(factor) = times {
        return Some(Unit::Time(factor));
    }
    let joined = words.iter().rev().find_map(|word| {
        ["ms", "us", "ns"].iter().find_map(|unit| {
            let stem = word.strip_suffix(unit)?;
            (LATENCY.contains(&stem) || statistic(stem).is_some()).then(|| time_unit(unit)).flatten()
        })
    });
    joined.map(Unit::Time).or_else(|| has(words, SIZES).then_some(Unit::Bytes(1.0)))
}

/// What is counted a second, if the label names a rate.
fn rate_of(text: &str, words: &[String]) -> Option<(Per, f64)> {
    let lower = text.to_lowercase();
    let per_second = words.windows(2).any(|pair| {
        matches!(pair[0].as_str(), "/" | "per") && matches!(pair[1].as_str(), "s" | "sec" | "second")
    }) || lower.ends_with("_s") && has(words, &["ops", "req", "requests", "tokens"])
        || lower.contains("persec");
    let named = has(words, &["throughput", "rps", "qps", "tps", "iops", "hz", "opsps"])
        || words.iter().any(|word| matches!(word.as_str(), "ops" | "rate") && words.len() <= 2)
            && !has(words, &["hit", "miss", "error", "failure", "sampling", "success"]);
    if !per_second && !named {
        return None;
    }
    if words.windows(2).any(|pair| {
        pair[0] == "/" && matches!(pair[1].as_str(), "op" | "iter" | "iteration" | "request" | "call")
    }) {
        return None;
    }
    let per = if has(
        words,
        &["mb", "gb", "kb", "mib", "gib", "kib", "bytes", "byte", "mbps", "bandwidth", "mbit", "bits"],
    ) {
        Per::Byte
    } else if has(
        words,
        &[
            "tokens", "token", "tok", "tokps", "frames", "rows", "messages", "elements", "items", "samples",
            "images", "packets", "lines", "docs",
        ],
    ) {
        Per::Item
    } else {
        Per::Operation
    };
    let factor = words
        .iter()
        .find_map(|word| byte_unit(word).filter(|_| per == Per::Byte && word != "b"))
        .map_or(1.0, |_| {
            // Case was lost: mb and MB are taken for megabytes.
            if has(words, &["gb"]) {
                1e9
            } else if has(words, &["mb"]) {
                1e6
            } else if has(words, &["kb"]) {
                1e3
            } else if has(words, &["mib"]) {
                1_048_576.0
            } else if has(words, &["gib"]) {
                1_073_741_824.0
            } else if has(words, &["kib"]) {
                1024.0
            } else {
                1.0
            }
        });
    Some((per, factor))
}

#[expect(clippy::too_many_lines, reason = "one decision after the other, in the order in which words win")]
fn topic(words: &[String], unit: Option<Unit>, rate: Option<(Per, f64)>, stat: Option<Stat>) -> Topic {
    let last = words.last().map_or("", String::as_str);
    if has(words, TARGETS) {
        return Topic::Target;
    }
    if let Some((per, _)) = rate {
        return Topic::Rate(per);
    }
    if has(words, &["hit", "hits"]) && has(words, &["ratio", "rate", "%", "percent", "hits"])
        || words.len() == 1 && last == "hitrate"
    {
        return Topic::Hits;
    }
    if has(
        words,
        &[
            "speedup",
            "factor",
            "improvement",
            "ratio",
            "reduction",
            "gain",
            "change",
            "delta",
            "difference",
            "diff",
            "faster",
        ],
    ) {
        return Topic::Speedup;
    }
    if has(words, &["cpu"]) {
        return if matches!(unit, Some(Unit::Time(_))) { Topic::Cpu } else { Topic::Other };
    }
    if has(words, &["user", "system", "sys", "kernel"])
        && (matches!(unit, Some(Unit::Time(_))) || has(words, &["time"]))
    {
        return Topic::Cpu;
    }
    if has(words, SIZES) || matches!(unit, Some(Unit::Bytes(_))) {
        return Topic::Size;
    }
    if matches!(unit, Some(Unit::Percent))
        || has(words, &["score", "rank", "coefficient", "slope", "r2", "confidence", "temperature"])
    {
        return Topic::Other;
    }
    if has(words, MOMENTS) && stat.is_none() && !has(words, &["latency"]) {
        return Topic::Moment;
    }
    if stat.is_none() && !matches!(unit, Some(Unit::Time(_))) {
        if has(words, FAILURES) {
            return Topic::Failures;
        }
        if has(words, CONCURRENCY) && !has(words, LATENCY) {
            return Topic::Concurrency;
        }
        if COUNTS.contains(&last)
            || words.first().is_some_and(|first| matches!(first.as_str(), "num" | "total" | "number" | "n"))
                && has(words, COUNTS)
        {
            return Topic::Count;
        }
        if INDEXES.contains(&last) {
            return Topic::Index;
        }
    }
    if stat.is_none()
        && (has(words, &["wall", "total", "uptime"])
            && (has(words, LATENCY) || matches!(unit, Some(Unit::Time(_))))
            || matches!(last, "duration" | "elapsed")
            || words.len() == 2 && words[0] == "duration")
    {
        return Topic::Wall;
    }
    if has(words, &["think", "warmup", "interval", "sleep", "period", "uptime", "ramp"]) {
        return Topic::Other;
    }
    if has(words, LATENCY) || words.iter().any(|word| word.ends_with("latency") || word.ends_with("duration"))
    {
        return Topic::Latency;
    }
    if matches!(unit, Some(Unit::Time(_))) && stat.is_none() {
        return Topic::Latency;
    }
    Topic::Unsaid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_in_every_spelling() {
        for (word, at) in [
            ("p99.9", 0.999),
            ("p999", 0.999),
            ("p100", 1.0),
            ("p50", 0.5),
            ("99%", 0.99),
            ("95th", 0.95),
            ("p5", 0.05),
            ("p0", 0.0),
        ] {
            assert!((quantile(word).unwrap() - at).abs() < 1e-12, "{word}");
        }
        for word in ["p", "p101", "pool", "p1234", "99"] {
            assert!(quantile(word).is_none(), "{word}");
        }
    }

    #[test]
    fn labels_say_what_they_say() {
        let time = |ms: f64| Some(Unit::Time(ms));
        for (text, stat, unit, topic) in [
            ("ttft.p99_ms", Some(Stat::Quantile(0.99)), time(1.0), Topic::Latency),
            ("latency.p99.9", Some(Stat::Quantile(0.999)), None, Topic::Latency),
            ("Mean [ms]", Some(Stat::Mean), time(1.0), Topic::Unsaid),
            ("read_latency_mean", Some(Stat::Mean), None, Topic::Latency),
            ("http_req_duration.p(95)", Some(Stat::Quantile(0.95)), None, Topic::Latency),
            ("95th percentile (us)", Some(Stat::Quantile(0.95)), time(1e-3), Topic::Unsaid),
            ("responseTime", None, None, Topic::Latency),
            ("total_requests", None, None, Topic::Count),
            ("num_prompts", None, None, Topic::Count),
            ("max_concurrency", Some(Stat::Max), None, Topic::Unsaid),
            ("vus", None, None, Topic::Concurrency),
            ("payload_bytes", None, Some(Unit::Bytes(1.0)), Topic::Size),
            ("target_p99_ms", Some(Stat::Quantile(0.99)), time(1.0), Topic::Target),
            ("status", None, None, Topic::Index),
            ("timestamp_ms", None, time(1.0), Topic::Moment),
            ("duration_s", None, time(1e3), Topic::Wall),
            ("ns_per_iter", None, time(1e-6), Topic::Latency),
            ("cpu_time", None, None, Topic::Other),
        ] {
            let found = label(text);
            assert_eq!((found.stat, found.unit, found.topic), (stat, unit, topic), "{text}");
        }
        for (text, per) in [
            ("tokens_per_s", Per::Item),
            ("ops/s", Per::Operation),
            ("Throughput (MB/s)", Per::Byte),
            ("req/sec", Per::Operation),
        ] {
            assert_eq!(label(text).topic, Topic::Rate(per), "{text}");
        }
    }
}
