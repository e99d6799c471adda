//! The virtual-time engine beside its peers, in interleaved rounds.
//!
//! - **Event list alone**, under the hold model (each event that leaves schedules one more, exponentially later): ours, and
//!   std's binary heap with sequence numbers.
//! - **Whole simulators** on the same model: every pending event is a client that thinks. Ours runs it as a scenario, with
//!   queue, worker and record and all: two events a turn (the thought and the work). Peers: nexosim, simcore, simu-des.
//! - **The scheduler**: threads that compute and share a parking mutex on 64 cores with slices and switch costs, the
//!   breakdown recorded; with bytes per simulated thread, from the resident set.
//!
//! odem-rs 0.4 is not among them yet. Arguments: `--json`, `--rounds N`.
#![expect(clippy::print_stdout, reason = "a benchmark prints")]
#![expect(clippy::cast_precision_loss, reason = "rates")]
#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive spans")]
#![expect(clippy::unwrap_used, reason = "a benchmark may fail")]

use conlab::clock::now;
use conlab::engine::virtual_time::future_events::FutureEvents;
use conlab::engine::{Engine, Experiment, Progress, VirtualEngine};
use conlab::random::{Source, Stream};
use conlab::scenario::{Load, LoadArm, Scenario};
use serde_json::json;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::rc::Rc;

/// Mean distance into the future, in nanoseconds.
const MEAN: f64 = 1e6;

fn gap(stream: &mut Stream) -> u64 {
    (-stream.positive_unit().ln() * MEAN) as u64
}

/// Million events a second of our event list.
fn list(pending: u64, events: u64) -> f64 {
    let mut stream = Stream::new(1, Source::Data, 0, 0);
    let mut list = FutureEvents::new();
    (0..pending).for_each(|what| list.push(gap(&mut stream), what));
    let start = now();
    for _ in 0..events {
        let event = list.pop().unwrap();
        list.push(event.at + gap(&mut stream), event.what);
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

fn rate(events: u64, start: conlab::units::Nanos) -> f64 {
    events as f64 / (now() - start).as_secs_f64() / 1e6
}

/// Runs a scenario for this many tasks on a host without costs; million events a second, at `per_task` events each.
fn scenario(text: &str, per_task: f64) -> f64 {
    run(Scenario::parse(text, "bench").unwrap(), per_task)
}

fn run(scenario: Scenario, per_task: f64) -> f64 {
    let experiment = Experiment::new(scenario, LoadArm::Baseline);
    let tasks = experiment.scenario.run.tasks.unwrap();
    let start = now();
    black_box(VirtualEngine::ideal().run(&experiment, &Progress::default()).unwrap());
    tasks as f64 * per_task / (now() - start).as_secs_f64() / 1e6
}

/// Clients that think: a thought and a piece of work are two events.
fn engine(pending: u64, events: u64) -> f64 {
    let text = format!(
        "schema = 1\nname = \"hold\"\n[run]\ntasks = {}\n[host]\ncores = 16\n[actor.a]\nfocus = true\nthreads = 16\n\
         capacity = 1000000\nload = {{ clients = {pending}, think = \"{}us\", spread = \"exponential\" }}\n\
         steps = [ {{ name = \"w\", compute = \"100ns\" }} ]\n",
        events / 2,
        (MEAN / 1e3).max(pending as f64 * 0.02)
    );
    scenario(&text, 2.0)
}

/// M/M/16 at a load of 0.9, all of it: arrivals, queue, wake-ups, record.
fn mmc(events: u64) -> f64 {
    let text = format!(
        "schema = 1\nname = \"mmc\"\n[run]\ntasks = {}\n[host]\ncores = 16\n[actor.a]\nfocus = true\nthreads = 16\n\
         capacity = 1000000\nload = {{ rate = \"14400/s\", arrivals = \"poisson\" }}\n\
         steps = [ {{ name = \"w\", compute = \"1ms\", spread = \"exponential\" }} ]\n",
        events / 2
    );
    scenario(&text, 2.0)
}

/// Threads on 64 cores with slices and a parking mutex.
fn threads(count: u64, tasks: u64) -> f64 {
    let text = format!(
        "schema = 1\nname = \"threads\"\n[run]\ntasks = {tasks}\n[host]\ncores = 64\nslice = \"3ms\"\nswitch = \"3us\"\n\
         [lock.l]\nkind = \"mutex\"\n[actor.a]\nfocus = true\nthreads = 1\ncapacity = 1000000\n\
         load = {{ clients = 1 }}\n\
         steps = [ {{ name = \"w\", compute = \"1ms\", spread = \"exponential\" }}, \
         {{ name = \"l\", lock = \"l\", compute = \"1us\" }} ]\n"
    );
    // More than a file may ask for.
    let mut scenario = Scenario::parse(&text, "bench").unwrap();
    let actor = &mut scenario.actors[0];
    actor.threads = usize::try_from(count).unwrap();
    if let Load::Closed { clients, .. } = &mut actor.load {
        *clients = actor.threads;
    }
    // Two pieces of work, a switch and a wake-up or a slice for each task, at least.
    run(scenario, 3.0)
}

mod simcore_hold {
    use super::{Stream, gap, now, rate};
    use simcore::{Event, EventHandler, Simulation, SimulationContext};

    #[derive(Clone, serde::Serialize)]
    struct Tick {}

    struct Holder {
        context: SimulationContext,
        stream: Stream,
    }

    impl EventHandler for Holder {
        fn on(&mut self, _event: Event) {
            let delay = gap(&mut self.stream) as f64;
            self.context.emit_self(Tick {}, delay);
        }
    }

    pub(super) fn run(pending: u64, events: u64) -> f64 {
        let mut simulation = Simulation::new(1);
        let context = simulation.create_context("holder");
        let mut stream = Stream::new(1, super::Source::Data, 0, 0);
        for _ in 0..pending {
            context.emit_self(Tick {}, gap(&mut stream) as f64);
        }
        let holder = super::Rc::new(super::RefCell::new(Holder { context, stream }));
        simulation.add_handler("holder", holder);
        let start = now();
        simulation.steps(events);
        rate(events, start)
    }
}

mod simu_hold {
    use super::{Rc, RefCell, Stream, gap, now, rate};

    pub(super) fn run(pending: u64, events: u64) -> f64 {
        let mut simulation = simu::SimEnv::with_seed(1);
        let stream = Rc::new(RefCell::new(Stream::new(1, super::Source::Data, 0, 0)));
        let left = Rc::new(RefCell::new(events));
        for _ in 0..pending {
            let (handle, stream, left) = (simulation.handle(), Rc::clone(&stream), Rc::clone(&left));
            simulation.spawn(async move {
                while *left.borrow() > 0 {
                    let delay = gap(&mut stream.borrow_mut()) as f64;
                    handle.timeout(delay).await;
                    let mut left = left.borrow_mut();
                    *left = left.saturating_sub(1);
                }
            });
        }
        let start = now();
        simulation.run();
        rate(events + pending, start)
    }
}

mod nexosim_hold {
    use super::{Stream, gap, now, rate};
    use nexosim::model::{Context, Model, schedulable};
    use nexosim::simulation::{Mailbox, SimInit};
    use nexosim::time::MonotonicTime;
    use serde::{Deserialize, Serialize};
    use std::time::Duration;

    #[derive(Serialize, Deserialize)]
    struct Holder {
        pending: u64,
        drawn: u64,
    }

    impl Holder {
        fn delay(&mut self) -> Duration {
            self.drawn += 1;
            Duration::from_nanos(gap(&mut Stream::new(1, super::Source::Data, 0, self.drawn)).max(1))
        }
    }

    #[Model]
    impl Holder {
        #[nexosim(init)]
        async fn init(&mut self, cx: &Context<Self>) {
            for _ in 0..self.pending {
                let delay = self.delay();
                cx.schedule_event(delay, schedulable!(Self::tick), ()).unwrap();
            }
        }

        #[nexosim(schedulable)]
        fn tick(&mut self, _: (), cx: &Context<Self>) {
            let delay = self.delay();
            cx.schedule_event(delay, schedulable!(Self::tick), ()).unwrap();
        }
    }

    pub(super) fn run(pending: u64, events: u64) -> f64 {
        let holder = Holder { pending, drawn: 0 };
        let mailbox = Mailbox::new();
        let mut simulation = SimInit::with_num_threads(1)
            .add_model(holder, mailbox, "holder")
            .init(MonotonicTime::EPOCH)
            .unwrap();
        // Events come at `pending` for each mean gap.
        let span = Duration::from_nanos((events as f64 / pending as f64 * super::MEAN) as u64);
        let start = now();
        simulation.step_until(span).unwrap();
        rate(events, start)
    }
}

/// Resident bytes of this process.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let rounds = words
        .iter()
        .position(|word| word == "--rounds")
        .and_then(|at| words.get(at + 1)?.parse().ok())
        .unwrap_or(3);
    type Candidate = (&'static str, fn(u64, u64) -> f64);
    let candidates: [Candidate; 6] = [
        ("conlab event list", list),
        ("std binary heap", heap),
        ("conlab engine", engine),
        ("nexosim", nexosim_hold::run),
        ("simcore", simcore_hold::run),
        ("simu-des", simu_hold::run),
    ];
    let mut results = Vec::new();
    for pending in [100_u64, 10_000, 1_000_000] {
        let mut found = vec![Vec::new(); candidates.len()];
        for _ in 0..rounds {
            for ((_, run), rates) in candidates.iter().zip(&mut found) {
                rates.push(run(pending, 1_000_000.max(pending)));
            }
        }
        for ((name, _), rates) in candidates.iter().zip(found) {
            results.push((format!("hold, {pending} pending"), *name, median(rates)));
        }
    }
    let mmc_rates = (0..rounds).map(|_| mmc(1_000_000)).collect();
    results.push(("M/M/16 at 0.9".into(), "conlab engine", median(mmc_rates)));
    for count in [64_u64, 10_000, 1_000_000] {
        let before = resident();
        let rates: Vec<f64> = (0..rounds.min(2)).map(|_| threads(count, 500_000.max(count))).collect();
        let bytes = resident().saturating_sub(before) / count;
        results.push((format!("scheduler, {count} threads"), "conlab engine", median(rates)));
        if count >= 10_000 {
            results.push((format!("bytes per thread, {count}"), "conlab engine", bytes as f64));
        }
    }
    if words.iter().any(|word| word == "--json") {
        let rows: Vec<_> = results
            .iter()
            .map(|(work, who, value)| json!({"work": work, "candidate": who, "value": value}))
            .collect();
        println!("{:#}", json!({"schema": 1, "rounds": rounds, "unit": "million events/s", "rows": rows}));
        return;
    }
    println!("{:<28} {:<20} {:>12} {:>12}", "work", "candidate", "M events/s", "ns/event");
    for (work, who, value) in results {
        println!("{work:<28} {who:<20} {value:>12.2} {:>12.1}", 1e3 / value);
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
