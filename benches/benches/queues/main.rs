//! conlab's queues beside those of crates.io: throughput, fairness, dispatch latency, idle cost.
//!
//! The candidates take turns, round by round, so that what drifts in the machine falls on all of them; the time a
//! cache line takes from processor to processor is measured before each round, because it moves every figure.
//!
//! `cargo bench -p conlab-benches --bench queues -- [--quick] [--rounds N] [--only NAME,…] [--part PART,…]`
//! `[--json FILE]`; parts: `1x1`, `2x2`, `4x4`, `8x8`, `32x32`, `alone`, `paced`, `idle`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "figures are shown, not kept"
)]
#![expect(clippy::cast_sign_loss, reason = "shares of a length are not negative")]

mod measure;
mod peers;

use measure::{Paced, Throughput};
use peers::{Peer, Waits};
use std::collections::BTreeMap;
use std::time::Duration;

/// A queue's measurements as plain functions.
struct Candidate {
    name: &'static str,
    waits: Waits,
    mutex: bool,
    many_consumers: bool,
    throughput: fn(usize, usize, Duration) -> Throughput,
    alone: fn(u64) -> f64,
    paced: fn(usize, Duration) -> Paced,
    idle: fn(usize, Duration) -> f64,
}

impl Candidate {
    fn of<P: Peer>() -> Self {
        Self {
            name: P::NAME,
            waits: P::WAITS,
            mutex: P::MUTEX,
            many_consumers: P::MANY_CONSUMERS,
            throughput: measure::throughput::<P>,
            alone: measure::alone::<P>,
            paced: measure::paced::<P>,
            idle: measure::idle::<P>,
        }
    }
}

fn candidates() -> Vec<Candidate> {
    vec![
        Candidate::of::<peers::LockFree>(),
        Candidate::of::<peers::Mutex>(),
        Candidate::of::<peers::Crossfire>(),
        Candidate::of::<peers::Kanal>(),
        Candidate::of::<peers::CrossbeamChannel>(),
        Candidate::of::<peers::Flume>(),
        Candidate::of::<peers::AsyncChannel>(),
        Candidate::of::<peers::StdChannel>(),
        Candidate::of::<peers::Tokio>(),
        Candidate::of::<peers::StdCondvar>(),
        Candidate::of::<peers::ParkingLotCondvar>(),
        Candidate::of::<peers::ArrayQueue>(),
        Candidate::of::<peers::SegQueue>(),
        Candidate::of::<peers::ConcurrentQueue>(),
    ]
}

const PARTS: [&str; 8] = ["1x1", "2x2", "4x4", "8x8", "32x32", "alone", "paced", "idle"];

struct Options {
    rounds: usize,
    quick: bool,
    only: Vec<String>,
    parts: Vec<String>,
    json: Option<String>,
}

fn options() -> Options {
    let mut options = Options { rounds: 7, quick: false, only: vec![], parts: vec![], json: None };
    let mut words = std::env::args().skip(1);
    let list = |word: Option<String>| -> Vec<String> {
        word.unwrap_or_default().split(',').map(str::to_owned).collect()
    };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--quick" => {
                options.quick = true;
                options.rounds = 3;
            }
            "--rounds" => options.rounds = words.next().and_then(|n| n.parse().ok()).unwrap_or(7),
            "--only" => options.only = list(words.next()),
            "--part" => options.parts = list(words.next()),
            "--json" => options.json = words.next(),
            _ => {} // what cargo adds
        }
    }
    if options.parts.is_empty() {
        options.parts = PARTS.map(str::to_owned).to_vec();
    }
    options
}

/// Samples by part, candidate and column.
type Samples = BTreeMap<(String, &'static str, &'static str), Vec<f64>>;

fn main() {
    let options = options();
    let chosen: Vec<_> = candidates()
        .into_iter()
        .filter(|one| options.only.is_empty() || options.only.iter().any(|part| one.name.contains(part)))
        .collect();
    let mut samples = Samples::new();
    let mut crossings = Vec::new();
    for round in 0..options.rounds {
        let crossing = measure::crossing();
        crossings.push(crossing);
        println!("round {}: a cache line crosses in {crossing:.0} ns", round + 1);
        for part in &options.parts {
            for turn in 0..chosen.len() {
                // Another one begins each round.
                measure_part(&chosen[(turn + round) % chosen.len()], part, options.quick, &mut samples);
            }
        }
    }
    let mut ratios = Vec::new();
    for part in &options.parts {
        print_part(part, &chosen, &samples, &mut ratios);
    }
    println!("\n{}", machine());
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&json(&samples, &crossings, &ratios)).expect("plain data");
        std::fs::write(path, text).unwrap_or_else(|error| println!("cannot write {path}: {error}"));
    }
}

fn measure_part(candidate: &Candidate, part: &str, quick: bool, samples: &mut Samples) {
    let span = Duration::from_millis(if quick { 60 } else { 200 });
    let mut keep = |column, value| {
        samples.entry((part.to_owned(), candidate.name, column)).or_default().push(value);
    };
    match part {
        "alone" => keep("ns", (candidate.alone)(if quick { 200_000 } else { 1_000_000 })),
        "paced" if candidate.waits == Waits::Sleeping => {
            let consumers = if candidate.many_consumers { 2 } else { 1 };
            let paced = (candidate.paced)(consumers, span * 2);
            keep("p50_us", paced.p50_us);
            keep("p99_us", paced.p99_us);
        }
        "idle" if candidate.waits == Waits::Sleeping => {
            keep("cpu", (candidate.idle)(if candidate.many_consumers { 4 } else { 1 }, span));
        }
        _ => {
            let Some((producers, consumers)) = part.split_once('x') else { return };
            let (producers, consumers) =
                (producers.parse().expect("a number"), consumers.parse().expect("a number"));
            if consumers > 1 && !candidate.many_consumers {
                return;
            }
            let trial = (candidate.throughput)(producers, consumers, span);
            keep("millions", trial.millions);
            keep("worst_share", trial.worst_share);
            keep("processors", trial.processors);
        }
    }
}

fn print_part(part: &str, chosen: &[Candidate], samples: &Samples, ratios: &mut Vec<serde_json::Value>) {
    let columns: &[&str] = match part {
        "alone" => &["ns"],
        "paced" => &["p50_us", "p99_us"],
        "idle" => &["cpu"],
        _ => &["millions", "worst_share", "processors"],
    };
    let middle = |name, column| samples.get(&(part.to_owned(), name, column)).map(|values| median(values));
    println!("\n{part:<32} {}", columns.map_header());
    let best = |wanted: &dyn Fn(&Candidate) -> bool| {
        chosen
            .iter()
            .filter(|one| !one.name.starts_with("conlab") && wanted(one))
            .filter_map(|one| middle(one.name, columns[0]).map(|value| (value, one.name)))
            .max_by(|a, b| if columns[0] == "millions" { a.0.total_cmp(&b.0) } else { b.0.total_cmp(&a.0) })
    };
    for one in chosen {
        let Some(first) = middle(one.name, columns[0]) else { continue };
        let mut line = format!("{:<32} {first:>12.2}", one.name);
        for column in &columns[1..] {
            line += &format!(" {:>12.2}", middle(one.name, column).unwrap_or(f64::NAN));
        }
        println!("{line}  {}", nature(one));
    }
    let rivals: [(&str, &str, &dyn Fn(&Candidate) -> bool); 2] = [
        ("conlab lockfree", "the best that sleeps", &|one| one.waits == Waits::Sleeping),
        ("conlab mutex", "the best on a mutex", &|one| one.mutex),
    ];
    for (ours, what, wanted) in rivals {
        if let (Some(own), Some((other, name))) = (middle(ours, columns[0]), best(wanted)) {
            println!("{ours} ÷ {what} ({name}): {:.2}", own / other);
            ratios.push(
                serde_json::json!({ "part": part, "queue": ours, "rival": name, "ratio": own / other }),
            );
        }
    }
}

/// What a row of the table says of its queue.
fn nature(candidate: &Candidate) -> &'static str {
    match (candidate.mutex, candidate.waits) {
        (true, _) => "mutex",
        (_, Waits::Yielding) => "yields",
        // Since Rust 1.67 std's channels are crossbeam-channel's; the bounded one is a ring, not a mutex.
        _ if candidate.name == "std sync_channel" => "a ring (crossbeam-channel's)",
        _ => "",
    }
}

trait MapHeader {
    fn map_header(&self) -> String;
}

impl MapHeader for [&str] {
    fn map_header(&self) -> String {
        self.iter().map(|column| format!("{column:>12}")).collect::<Vec<_>>().join(" ")
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
}

fn json(samples: &Samples, crossings: &[f64], ratios: &[serde_json::Value]) -> serde_json::Value {
    let rows: Vec<_> = samples
        .iter()
        .map(|((part, queue, column), values)| {
            serde_json::json!({
                "part": part, "queue": queue, "column": column, "median": median(values), "rounds": values,
            })
        })
        .collect();
    serde_json::json!({ "schema": 1, "machine": machine(), "crossing_ns": crossings, "ratios": ratios, "rows": rows })
}

/// Processor, count and kernel, for whoever reads the table.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, model)| model.trim());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{model}, {cores} processors, Linux {}", read("/proc/sys/kernel/osrelease").trim())
}
