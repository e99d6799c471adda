//! The virtual-time engine beside its peers, in interleaved rounds; medians.
//!
//! - **Event list alone**, under the hold model (each event that leaves schedules one more, exponentially later): ours, and
//!   std's binary heap with sequence numbers.
//! - **Whole simulators** on the same model: every pending event is a client that thinks. Ours runs it as a scenario, with
//!   queue, worker and record and all: two events a turn, the thought and the work. Peers: nexosim, odem-rs, simcore,
//!   simu-des.
//! - **M/M/16 at a load of 0.9**, checked against theory in every simulator: on our event list, as a bare program that sums
//!   the waits as the peers do; and as a scenario on the whole engine, which keeps its record.
//! - **The scheduler**: threads on 64 cores with slices, switch costs and a parking mutex, the breakdown recorded; and
//!   what recording costs, from runs in which nothing is measured.
//! - **Bytes** of an actor that thinks and of a thread, from the peak memory of processes of their own.
//!
//! Our rates count the events that the engine says it handled, and leave out setting up: that is the difference of two runs.
//!
//! Arguments: `--json`, `--rounds N`, and the first letters of works to run, such as `hold` or `scheduler`.
#![expect(clippy::print_stdout, reason = "a benchmark prints")]
#![expect(clippy::cast_precision_loss, reason = "rates")]
#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive spans")]
#![expect(clippy::unwrap_used, reason = "a benchmark may fail")]

mod peers;

use conlab::clock::now;
use conlab::engine::{Engine, Experiment, Progress, VirtualEngine};
use conlab::future_events::FutureEvents;
use conlab::random::{Source, Stream};
use conlab::scenario::{Load, LoadArm, Scenario};
use conlab::units::Nanos;
use serde_json::json;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::hint::black_box;
use std::process::Command;
use std::sync::atomic::Ordering;

/// Mean distance into the future, in nanoseconds.
const MEAN: f64 = 1e6;
/// Pending events, actors and threads.
const SIZES: [u64; 3] = [100, 10_000, 1_000_000];

fn gap(stream: &mut Stream) -> u64 {
    (-stream.positive_unit().ln() * MEAN) as u64
}

/// Million events a second of our event list.
fn list(pending: u64, events: u64) -> f64 {
    let mut stream = Stream::new(1, Source::Data, 0, 0);
    let mut list = FutureEvents::new();
    (0..pending).for_each(|what| list.push(Nanos(gap(&mut stream)), what));
    let start = now();
    for _ in 0..events {
        let event = list.pop().unwrap();
        list.push(event.at + Nanos(gap(&mut stream)), event.what);
    }
    rate(events, start)
}

/// The same of std's heap.
fn heap(pending: u64, events: u64) -> f64 {
    let mut stream = Stream::new(1, Source::Data, 0, 0);
    let mut heap: BinaryHeap<Reverse<(u64, u64, u64)>> =
        (0..pending).map(|what| Reverse((gap(&mut stream), what, what))).collect();
    let start = now();
    for sequence in 0..events {
        let Reverse((at, _, what)) = heap.pop().unwrap();
        heap.push(Reverse((at + gap(&mut stream), pending + sequence, what)));
    }
    rate(events, start)
}

/// M/M/16 as the peers have it: arrivals, services, and the sum of the waits.
fn list_mmc(events: u64) -> f64 {
    const ARRIVAL: u64 = 0;
    let (mut arrivals, mut services) =
        (Stream::new(1, Source::Data, 0, 0), Stream::new(1, Source::Data, 1, 0));
    let (mut list, mut queue, mut free) = (FutureEvents::new(), VecDeque::new(), peers::SERVERS);
    let (mut wait, mut tasks) = (0, 0);
    list.push(Nanos::ZERO, ARRIVAL);
    let start = now();
    for _ in 0..events {
        let event = list.pop().unwrap();
        if event.what == ARRIVAL {
            list.push(event.at + Nanos(peers::arrival_gap(&mut arrivals) as u64), ARRIVAL);
            tasks += 1;
            queue.push_back(event.at);
        } else {
            free += 1;
        }
        if free > 0
            && let Some(arrived) = queue.pop_front()
        {
            free -= 1;
            wait += (event.at - arrived).0;
            list.push(event.at + Nanos(gap(&mut services)), 1);
        }
    }
    let rate = rate(events, start);
    peers::check_wait("conlab", wait as f64, tasks);
    rate
}

fn rate(events: u64, start: Nanos) -> f64 {
    events as f64 / (now() - start).as_secs_f64() / 1e6
}

/// Clients that think.
fn thinkers(clients: u64) -> Scenario {
    let text = format!(
        "schema = 1\nname = \"hold\"\n[run]\ntasks = 1\nwarmup = \"0s\"\n[host]\ncores = 16\n[actor.a]\nfocus = true\n\
         threads = 16\ncapacity = 1000000\n\
         load = {{ clients = {clients}, think = \"{}us\", spread = \"exponential\" }}\n\
         steps = [ {{ name = \"w\", compute = \"100ns\" }} ]\n",
        (MEAN / 1e3).max(clients as f64 * 0.02)
    );
    Scenario::parse(&text, "bench").unwrap()
}

/// M/M/16 at a load of 0.9, all of it: arrivals, queue, wake-ups, record.
fn station() -> Scenario {
    let text = format!(
        "schema = 1\nname = \"mmc\"\n[run]\ntasks = 1\nwarmup = \"0s\"\n[host]\ncores = 16\n[actor.a]\nfocus = true\n\
         threads = 16\ncapacity = 1000000\nload = {{ rate = \"{}/s\", arrivals = \"poisson\" }}\n\
         steps = [ {{ name = \"w\", compute = \"1ms\", spread = \"exponential\" }} ]\n",
        peers::SERVERS as f64 * peers::LOAD * 1000.0
    );
    Scenario::parse(&text, "bench").unwrap()
}

/// Threads on 64 cores with slices and a parking mutex.
fn threads(count: u64) -> Scenario {
    let text = "schema = 1\nname = \"threads\"\n[run]\ntasks = 1\nwarmup = \"0s\"\n[host]\ncores = 64\nslice = \"3ms\"\n\
         switch = \"3us\"\n[lock.l]\nkind = \"mutex\"\n[actor.a]\nfocus = true\nthreads = 1\ncapacity = 1000000\n\
         load = { clients = 1 }\n\
         steps = [ { name = \"w\", compute = \"1ms\", spread = \"exponential\" }, \
         { name = \"l\", lock = \"l\", compute = \"1us\" } ]\n";
    let mut scenario = Scenario::parse(text, "bench").unwrap();
    let actor = &mut scenario.actors[0];
    // More than a file may ask for.
    actor.threads = usize::try_from(count).unwrap();
    if let Load::Closed { clients, .. } = &mut actor.load {
        *clients = actor.threads;
    }
    scenario
}

/// Runs a scenario for this many tasks on a host that charges nothing else; how many events that was, in how many seconds.
fn run(mut scenario: Scenario, tasks: u64) -> (f64, f64) {
    scenario.run.tasks = Some(tasks);
    let experiment = Experiment::new(scenario, LoadArm::Baseline);
    let progress = Progress::default();
    let start = now();
    black_box(VirtualEngine::ideal().run(&experiment, &progress).unwrap());
    (progress.events.load(Ordering::Relaxed) as f64, (now() - start).as_secs_f64())
}

/// Million events a second between a run of few tasks and one of many.
fn slope(scenario: &Scenario, few: u64, many: u64) -> f64 {
    let (short, long) = (run(scenario.clone(), few), run(scenario.clone(), few + many));
    (long.0 - short.0) / (long.1 - short.1) / 1e6
}

fn engine(pending: u64, events: u64) -> f64 {
    slope(&thinkers(pending), 1, events / 2)
}

/// Share of a run's time that recording takes: with every task measured, and with none.
fn recording(count: u64, tasks: u64) -> f64 {
    let mut unmeasured = threads(count);
    // The window opens when as many tasks are done, and closes at its first completion.
    unmeasured.run.warmup = Nanos((tasks as f64 / 64.0 * 1.004e6) as u64);
    let (events, seconds) = run(unmeasured, 1);
    let (all_events, all_seconds) = run(threads(count), tasks);
    100.0 * (1.0 - seconds / events * all_events / all_seconds)
}

/// Peak resident bytes of this process; only Linux says.
fn peak() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Peak memory of a process that runs a scenario of `count`.
fn peak_of(what: &str, count: u64) -> f64 {
    let child =
        Command::new(std::env::current_exe().unwrap()).args(["--peak", what, &count.to_string()]).output();
    String::from_utf8(child.unwrap().stdout).unwrap().trim().parse().unwrap()
}

/// The child's side of [`peak_of`].
fn tell_peak(words: &[String]) {
    let count: u64 = words[1].parse().unwrap();
    let scenario = if words[0] == "actor" { thinkers(count) } else { threads(count) };
    run(scenario, 2 * count);
    println!("{}", peak());
}

/// One line of the table: what was done, by whom, the value and its unit.
type Row = (String, &'static str, f64, &'static str);

fn hold(rounds: usize, rows: &mut Vec<Row>) {
    type Candidate = (&'static str, fn(u64, u64) -> f64);
    let candidates: [Candidate; 7] = [
        ("conlab event list", list),
        ("std binary heap", heap),
        ("conlab engine", engine),
        ("nexosim", peers::nexosim_peer::hold),
        ("odem-rs", peers::odem_peer::hold),
        ("simcore", peers::simcore_peer::hold),
        ("simu-des", peers::simu_peer::hold),
    ];
    for pending in SIZES {
        let mut found = vec![Vec::new(); candidates.len()];
        for _ in 0..rounds {
            for ((_, run), rates) in candidates.iter().zip(&mut found) {
                rates.push(run(pending, 1_000_000.max(pending)));
            }
        }
        for ((name, _), rates) in candidates.iter().zip(found) {
            rows.push((format!("hold, {pending} pending"), *name, median(rates), "M events/s"));
        }
    }
}

fn mmc(rounds: usize, rows: &mut Vec<Row>) {
    type Candidate = (&'static str, fn(u64) -> f64);
    let candidates: [Candidate; 6] = [
        ("conlab event list", list_mmc),
        ("conlab engine", |events| slope(&station(), 1, events / 2)),
        ("nexosim", peers::nexosim_peer::mmc),
        ("odem-rs", peers::odem_peer::mmc),
        ("simcore", peers::simcore_peer::mmc),
        ("simu-des", peers::simu_peer::mmc),
    ];
    let mut found = vec![Vec::new(); candidates.len()];
    for _ in 0..rounds {
        for ((_, run), rates) in candidates.iter().zip(&mut found) {
            rates.push(run(1_000_000));
        }
    }
    for ((name, _), rates) in candidates.iter().zip(found) {
        rows.push(("M/M/16 at 0.9".into(), *name, median(rates), "M events/s"));
    }
}

fn scheduler(rounds: usize, rows: &mut Vec<Row>) {
    for count in [64, 10_000, 1_000_000] {
        let tasks = 500_000.max(count);
        let rates = (0..rounds).map(|_| slope(&threads(count), count, tasks)).collect();
        rows.push((format!("scheduler, {count} threads"), "conlab engine", median(rates), "M events/s"));
    }
    let shares = (0..2 * rounds + 1).map(|_| recording(64, 500_000)).collect();
    rows.push(("recording, 64 threads".into(), "conlab engine", median(shares), "% of time"));
}

/// Memory that a run needs beyond one of a single thread or client; none where the peaks of equal runs differ by as much.
fn bytes(rounds: usize, rows: &mut Vec<Row>) {
    for what in ["actor", "thread"] {
        let mut empty: Vec<f64> = (0..2 * rounds + 1).map(|_| peak_of(what, 1)).collect();
        empty.sort_by(f64::total_cmp);
        let spread = empty[2 * rounds] - empty[0];
        for count in SIZES {
            let more = median((0..rounds).map(|_| peak_of(what, count)).collect()) - empty[rounds];
            let each = if more > 2.0 * spread { more / count as f64 } else { f64::NAN };
            rows.push((format!("bytes per {what}, {count}"), "conlab engine", each, "bytes"));
        }
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = words.iter().position(|word| word == "--peak") {
        return tell_peak(&words[at + 1..]);
    }
    let rounds = words
        .iter()
        .position(|word| word == "--rounds")
        .and_then(|at| words.get(at + 1)?.parse().ok())
        .unwrap_or(3);
    type Work = fn(usize, &mut Vec<Row>);
    let works: [(&str, Work); 4] = [("hold", hold), ("mmc", mmc), ("scheduler", scheduler), ("bytes", bytes)];
    let asked = |name: &str| words.iter().any(|word| !word.is_empty() && name.starts_with(word.as_str()));
    let all = !works.iter().any(|(name, _)| asked(name));
    let mut rows = Vec::new();
    for (name, work) in works {
        if all || asked(name) {
            work(rounds, &mut rows);
        }
    }
    if words.iter().any(|word| word == "--json") {
        let rows: Vec<_> = rows
            .iter()
            .map(|(work, who, value, unit)| json!({"work": work, "candidate": who, "value": value, "unit": unit}))
            .collect();
        println!("{:#}", json!({"schema": 2, "rounds": rounds, "rows": rows}));
        return;
    }
    println!("{:<28} {:<20} {:>12} {:<12} {:>10}", "work", "candidate", "value", "", "ns/event");
    for (work, who, value, unit) in rows {
        let nanos = if unit == "M events/s" { format!("{:.1}", 1e3 / value) } else { String::new() };
        let value = if value.is_nan() { "too few".into() } else { format!("{value:.2}") };
        println!("{work:<28} {who:<20} {value:>12} {unit:<12} {nanos:>10}");
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
