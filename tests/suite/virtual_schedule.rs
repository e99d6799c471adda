//! Schedules computed by hand, event by event, on hosts whose costs are round figures.

use conlab::engine::{Engine, Experiment, Progress, VirtualEngine};
use conlab::measure::Calibration;
use conlab::measure::record::{RunRecord, Timeline};
use conlab::scenario::{LoadArm, Scenario};
use conlab::units::Nanos;

/// A host on which a switch takes 1 ms, a wake-up 2 ms, and nothing else anything.
fn round_host() -> VirtualEngine {
    VirtualEngine::with(Calibration {
        switch: Nanos::from_millis(1),
        wake: Nanos::from_millis(2),
        ..Calibration::ideal()
    })
}

fn run(engine: &VirtualEngine, text: &str) -> RunRecord {
    let mut experiment = Experiment::new(Scenario::parse(text, "test").unwrap(), LoadArm::Baseline);
    experiment.timeline_spans = 10_000;
    engine.run(&experiment, &Progress::default()).unwrap().record
}

/// The spans of a track up to `until`, as `state start..end` in milliseconds.
fn spans(timeline: &Timeline, track: usize, until: u64) -> Vec<String> {
    timeline
        .spans
        .iter()
        .filter(|span| span.track == track && span.start_ns < until * 1_000_000)
        .map(|span| {
            let end = span.start_ns + span.length_ns;
            format!("{} {}..{}", span.state, span.start_ns as f64 / 1e6, end as f64 / 1e6)
        })
        .collect()
}

fn actor(host: &str, more: &str, body: &str) -> String {
    format!(
        "schema = 1\nname = \"hand\"\n[run]\nduration = \"100ms\"\nwarmup = \"0s\"\n[host]\n{host}\n{more}\n\
         [actor.a]\nfocus = true\n{body}\n"
    )
}

#[test]
fn slices_and_switches_on_one_core() {
    // Two threads with 10 ms of work each; the first task wakes a thread on an idle core (2 ms), the second waits.
    let text = actor(
        "cores = 1\nslice = \"4ms\"",
        "",
        "threads = 2\nload = { clients = 2, think = \"1s\" }\nsteps = [ { name = \"w\", compute = \"10ms\" } ]",
    );
    let text = text.replace("think = \"1s\"", "think = \"0ms\"").replace("\"100ms\"", "\"40ms\"");
    let record = run(&round_host(), &text);
    let timeline = record.timeline.as_ref().unwrap();
    // Thread 0 runs 2..6, is preempted, 1 ms of switch, thread 1 runs 7..11, 0 again 12..16, 1 again 17..21, 0 has 2 ms
    // left: 22..24; its client's next task joins the queue, which the same thread takes at once and works on to the end
    // of its slice at 26.
    assert_eq!(
        spans(timeline, 0, 24),
        [
            "run_queue 0..2",
            "execution 2..6",
            "run_queue 6..12",
            "execution 12..16",
            "run_queue 16..22",
            "execution 22..24"
        ]
    );
    assert_eq!(
        spans(timeline, 1, 20),
        ["run_queue 0..7", "execution 7..11", "run_queue 11..17", "execution 17..21"]
    );
}

#[test]
fn a_kernel_with_ticks_lets_a_thread_that_is_owed_time_in_at_once() {
    let kernel = VirtualEngine::with(Calibration {
        base_slice: Nanos::from_micros(1_400),
        kernel_tick: Nanos::from_millis(4),
        ..Calibration::ideal()
    });
    let text = "schema = 1\nname = \"hand\"\n[run]\nduration = \"100ms\"\nwarmup = \"0s\"\n[host]\ncores = 1\n\
        [actor.a]\nfocus = true\nload = { clients = 1 }\n\
        steps = [ { name = \"wait\", io = \"1ms\" }, { name = \"work\", compute = \"500us\" } ]\n\
        [actor.hog]\nload = { clients = 1 }\nsteps = [ { name = \"w\", compute = \"1s\" } ]\n";
    // Without slices the hog, which never sleeps, never gives way.
    let patient = Calibration { kernel_tick: Nanos::from_millis(4), ..Calibration::ideal() };
    let record = run(&VirtualEngine::with(patient), text);
    assert_eq!(spans(record.timeline.as_ref().unwrap(), 0, 100), ["io 0..1", "run_queue 1..100"]);
    let record = run(&kernel, text);
    // It comes at 1 ms to a hog whose deadline is earlier, and gets its turn at the tick. When it sleeps at 4.5, the hog
    // has had 4 ms and it 0.5 beyond the average at which it came, 1: it is owed 1.25 ms, so at 5.5 its deadline is earlier than
    // the hog's, 5.4, and it need not wait for the tick.
    assert_eq!(
        spans(record.timeline.as_ref().unwrap(), 0, 6),
        ["io 0..1", "run_queue 1..4", "execution 4..4.5", "io 4.5..5.5", "execution 5.5..6"]
    );
}

#[test]
fn a_busy_runtime_notices_its_timers_at_every_61st_poll() {
    // Tasks of 3 ms of work and a wait of 1 ms arrive every 2 ms, so its only worker is never idle. Polls 0 to 180 ms begin
    // the first sixty tasks; before the next one it looks at the timers, and nobody is done before that.
    let completed = |duration: &str| {
        let text = format!(
            "schema = 1\nname = \"hand\"\n[run]\nduration = \"{duration}\"\nwarmup = \"0s\"\n[host]\ncores = 1\n[actor.a]\n\
             focus = true\nqueue = \"async\"\ncapacity = 1000\nload = {{ rate = \"500/s\", arrivals = \"paced\" }}\n\
             steps = [ {{ name = \"w\", compute = \"3ms\", io = \"1ms\" }} ]\n"
        );
        run(&VirtualEngine::ideal(), &text).actors["a"].completed_in_window.unwrap()
    };
    assert_eq!(completed("180ms"), 0);
    assert!(completed("600ms") > 0);
}

#[test]
fn a_mutex_wakes_its_longest_waiter_and_lets_a_running_thread_overtake() {
    let text = actor(
        "cores = 2",
        "[lock.l]\nkind = \"mutex\"",
        "threads = 2\nload = { clients = 2 }\nsteps = [ { name = \"w\", lock = \"l\", compute = \"10ms\" } ]",
    );
    let record = run(&round_host(), &text);
    let timeline = record.timeline.as_ref().unwrap();
    // Both start at 2. Thread 0 holds the lock 2..12 and frees it; thread 1 is woken and runs at 14, but thread 0 has
    // taken its next task and the lock at 12 already: barging. Thread 1 parks again, and so on.
    assert_eq!(
        spans(timeline, 0, 30),
        ["run_queue 0..2", "execution 2..12", "execution 12..22", "execution 22..32"]
    );
    assert_eq!(
        spans(timeline, 1, 30),
        [
            "run_queue 0..2",
            "lock 2..12",
            "run_queue 12..14",
            "lock 14..22",
            "run_queue 22..24",
            "lock 24..32"
        ]
    );
}

#[test]
fn two_computing_threads_hand_the_interpreter_lock_over_every_interval() {
    let text = actor(
        "cores = 2",
        "[lock.g]\nkind = \"gil\"\ninterval = \"5ms\"\ncheck = \"1us\"",
        "threads = 2\nload = { clients = 2 }\nunder = \"g\"\nsteps = [ { name = \"w\", compute = \"12ms\" } ]",
    );
    let record = run(&VirtualEngine::ideal(), &text);
    let timeline = record.timeline.as_ref().unwrap();
    // The waiter asks after 5 ms; the holder drops at its next check, 1 µs later, and asks in turn 5 ms after that.
    let first: Vec<String> = spans(timeline, 0, 16);
    assert_eq!(
        first,
        ["execution 0..5.001", "lock 5.001..10.002", "execution 10.002..15.003", "lock 15.003..20.004"]
    );
    let second: Vec<String> = spans(timeline, 1, 16);
    assert_eq!(
        second,
        ["lock 0..5.001", "execution 5.001..10.002", "lock 10.002..15.003", "execution 15.003..20.004"]
    );
    let lock = &record.locks["g"];
    assert_eq!(lock.forced_drops, lock.switches.map(|switches| switches - 1));
}

/// Mean lock wait per task of a thread that does I/O five times a task beside one that computes.
fn convoy(interval: &str) -> f64 {
    let text = format!(
        r#"
schema = 1
name = "convoy"
[run]
tasks = 200
[host]
cores = 2
[lock.g]
kind = "gil"
interval = "{interval}"
[actor.io]
focus = true
load = {{ clients = 1 }}
under = "g"
steps = [ {{ name = "turn", compute = "100us", io = "3ms", times = 5 }} ]
[actor.hog]
load = {{ clients = 1 }}
under = "g"
steps = [ {{ name = "w", compute = "50ms" }} ]
"#
    );
    run(&VirtualEngine::ideal(), &text).actors["io"].breakdown_mean_ns.lock / 1e6
}

#[test]
fn a_thread_pays_an_interval_at_every_return_and_a_tenth_of_it_with_a_tenth_of_the_interval() {
    let (long, short) = (convoy("5ms"), convoy("500us"));
    // Five returns a task, each one interval and one check.
    assert!((long - 5.0 * 5.000_05).abs() < 0.05, "{long}");
    assert!((short - 5.0 * 0.500_05).abs() < 0.05, "{short}");
}

#[test]
fn a_holder_that_looks_late_finds_the_requester_asleep_and_serves_the_head() {
    let text = actor(
        "cores = 2",
        "[lock.g]\nkind = \"gil\"\ninterval = \"5ms\"\ncheck = \"100us\"",
        "threads = 3\nload = { clients = 3 }\nunder = \"g\"\nsteps = [ { name = \"w\", compute = \"50ms\" } ]",
    );
    let record = run(&VirtualEngine::ideal(), &text);
    let timeline = record.timeline.as_ref().unwrap();
    // Threads 1 and 2 both ask at 5; the holder looks at 5.1 and signals the head, thread 1. Thread 0 waits from 5.1 and
    // asks at 10.1, as nobody switched since; thread 2's round ended at 10 after a switch. At 10.2 thread 2 is the
    // head. And so on, in order.
    assert_eq!(spans(timeline, 0, 20), ["execution 0..5.1", "lock 5.1..15.3", "execution 15.3..20.4"]);
    assert_eq!(spans(timeline, 1, 20), ["lock 0..5.1", "execution 5.1..10.2", "lock 10.2..20.4"]);
    assert_eq!(spans(timeline, 2, 20), ["lock 0..10.2", "execution 10.2..15.3", "lock 15.3..25.5"]);
}

/// Threads, and `CPython` 3.11's wait for the lock with as many, mean and p99, in ms.
const CROWDS: [(usize, f64, f64); 3] = [(3, 11.5, 59.0), (4, 16.7, 86.0), (8, 37.1, 250.0)];

/// Threads that only compute under the lock on two cores, for a minute.
fn crowd(threads: usize) -> RunRecord {
    let text = format!(
        r#"
schema = 1
name = "crowd"
[run]
duration = "60s"
[host]
cores = 2
[lock.g]
kind = "gil"
interval = "5ms"
[actor.a]
focus = true
threads = {threads}
load = {{ clients = {threads} }}
under = "g"
steps = [ {{ name = "w", compute = "50ms" }} ]
"#
    );
    run(&VirtualEngine::new(), &text)
}

/// The share of holds whose thread was the holder before the last.
fn taken_by_the_one_before(timeline: &Timeline) -> f64 {
    let mut held: Vec<(u64, usize)> = timeline
        .spans
        .iter()
        .filter(|span| span.state == "execution" && span.length_ns > 1_000_000)
        .map(|span| (span.start_ns, span.track))
        .collect();
    held.sort_unstable();
    held.dedup_by_key(|(_, track)| *track);
    let back = held.windows(3).filter(|three| three[0].1 == three[2].1).count();
    back as f64 / (held.len() - 2) as f64
}

#[test]
fn with_many_contenders_the_requester_often_wins_and_the_tail_is_long() {
    // First in, first out would give every thread seven of eight intervals of 5.1 ms to wait, at the mean and at
    // the tail, and nobody back the lock it has just lost.
    for (threads, mean, p99) in CROWDS {
        let record = crowd(threads);
        let wait = &record.locks["g"].wait_ns;
        let back = taken_by_the_one_before(record.timeline.as_ref().unwrap());
        assert!((mean * 0.85..mean * 1.15).contains(&(wait.mean / 1e6)), "{threads}: {wait:?}");
        assert!((p99 * 0.75..p99 * 1.25).contains(&(wait.p99 as f64 / 1e6)), "{threads}: {wait:?}");
        assert!((0.41..0.71).contains(&back), "{threads}: {back}");
    }
}

/// The program measured on CPython 3.11 (2 cores, default interval): mean and p99 of the agents' service, in ms.
fn agents(neighbours: &str) -> (f64, f64) {
    let text = format!(
        r#"
schema = 1
name = "cpython"
[run]
tasks = 1000
warmup = "1s"
[host]
cores = 2
[lock.g]
kind = "gil"
interval = "5ms"
[lock.shared]
kind = "mutex"
[cache.rsu]
capacity = 870
keys = {{ count = 1000, zipf = 0.0 }}
[actor.agents]
focus = true
load = {{ clients = 1 }}
under = "g"
steps = [
  {{ name = "plan", compute = "4ms", spread = {{ uniform = 0.15 }} }},
  {{ name = "fetch", io = "29ms", spread = {{ uniform = 0.06 }} }},
  {{ name = "commit", lock = "shared", compute = "1.6ms" }},
]
{neighbours}
"#
    );
    let record = run(&VirtualEngine::new(), &text);
    let actor = &record.actors["agents"];
    (actor.service_ns.mean / 1e6, actor.service_ns.p99 as f64 / 1e6)
}

const RYOT: &str = r#"
[actor.ryot]
load = { clients = 1 }
under = "g"
steps = [ { name = "forward", compute = "10ms", spread = { uniform = 0.3 } } ]
"#;

const OTHERS: &str = r#"
[actor.vault]
load = { clients = 1, think = "60ms" }
under = "g"
steps = [ { name = "read", cache = "rsu", hit = "300us", miss = { io = "5ms" }, spread = { uniform = 0.3 } } ]
[actor.slang]
load = { clients = 1, think = "120ms" }
under = "g"
steps = [ { name = "zip", compress = "256KiB", under = "" } ]
"#;

#[test]
fn the_program_measured_on_cpython_takes_as_long_in_virtual_time() {
    let near = |what: &str, value: f64, low: f64, high: f64, slack: f64| {
        assert!(
            value > low * (1.0 - slack) && value < high * (1.0 + slack),
            "{what}: {value} not in {low}..{high}"
        );
    };
    let (mean, p99) = agents("");
    near("isolated mean", mean, 34.8, 35.0, 0.03);
    near("isolated p99", p99, 36.8, 37.6, 0.03);
    let (mean, p99) = agents(RYOT);
    near("beside Ryot, mean", mean, 44.9, 45.3, 0.05);
    near("beside Ryot, p99", p99, 47.3, 48.1, 0.05);
    let (mean, p99) = agents(&format!("{RYOT}{OTHERS}"));
    near("baseline mean", mean, 43.9, 44.3, 0.06);
    near("baseline p99", p99, 50.2, 54.2, 0.10);
}
