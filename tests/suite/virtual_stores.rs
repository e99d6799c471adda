//! What stores cost in simulated time, computed by hand on a host that charges nothing else.

use conlab::engine::{Engine, Experiment, Progress, VirtualEngine};
use conlab::measure::record::RunRecord;
use conlab::measure::{Calibration, StoreCost, StoreTimes, Waits};
use conlab::scenario::{LoadArm, Scenario};
use conlab::units::Nanos;

const MICROS: u64 = 1_000;

/// A read takes 10 µs, a write 60 on a processor and, when it is durable, 140 for the disk in two waits.
fn run(store: &str, actor: &str) -> RunRecord {
    let times = StoreTimes {
        read: Nanos(10 * MICROS),
        fetch: Nanos(10 * MICROS),
        write: Nanos(60 * MICROS),
        commit: Nanos(60 * MICROS),
        wait: Nanos(140 * MICROS),
    };
    let spread = Waits::constant(times.wait);
    let store_cost = StoreCost { small: times, large: times, waits: 2, spread };
    let text = format!(
        "schema = 1\nname = \"stores\"\n[run]\ntasks = 100\nwarmup = \"10ms\"\n[store.s]\n{store}\n\
         [lock.py]\nkind = \"gil\"\n[actor.a]\nfocus = true\n{actor}\n"
    );
    let engine = VirtualEngine::with(Calibration { store: store_cost, ..Calibration::ideal() });
    let experiment = Experiment::new(Scenario::parse(&text, "test").unwrap(), LoadArm::Baseline);
    let record = engine.run(&experiment, &Progress::default()).unwrap().record;
    assert!(record.trustworthy, "{:?}", record.identities);
    record
}

/// Mean execution, run-queue wait and I/O of a task, in microseconds.
fn check(name: &str, record: &RunRecord, expected: [f64; 3]) {
    let mean = record.actors["a"].breakdown_mean_ns;
    let found = [mean.execution, mean.run_queue, mean.io].map(|time| time / 1e3);
    assert!(
        found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 0.01),
        "{name}: {found:?} instead of {expected:?}"
    );
    assert_eq!((mean.lock, mean.call, mean.residual), (0.0, 0.0, 0.0), "{name}");
}

fn actor(threads: u32, steps: &str) -> String {
    format!("threads = {threads}\nload = {{ clients = {threads} }}\nsteps = [ {steps} ]")
}

#[test]
fn writers_follow_one_another_and_the_rest_of_a_write_is_io() {
    let write = "{ name = \"w\", compute = \"50us\", write = \"s\" }";
    // Alone: 60 µs on a processor and 140 without.
    check("one writer", &run("", &actor(1, write)), [50.0, 0.0, 200.0]);
    // The disk is always busy: a writer waits for what is left of the other's 200 µs after its own 50.
    let two = run("", &actor(2, write));
    check("two writers", &two, [50.0, 0.0, 200.0]);
    assert!((two.actors["a"].breakdown_mean_ns.store - 150e3).abs() < 10.0, "the other writer");
    assert_eq!(two.stores["s"].write_ns.p50 / MICROS, 350);
    // One processor: the other's 50 µs of work fit into the waits, so nothing changes but who waits for a processor.
    let shared = run("", &format!("{}\n[host]\ncores = 1", actor(1, write)));
    check("one processor", &shared, [50.0, 0.0, 200.0]);
}

#[test]
fn a_write_that_need_not_be_on_the_disk_waits_for_nothing() {
    let steps = "{ name = \"w\", write = \"s\" }, { name = \"r\", read = \"s\", times = 3 }";
    let record = run("durable = false", &actor(1, steps));
    check("loose", &record, [0.0, 0.0, 90.0]);
    let store = &record.stores["s"];
    // The first value of a histogram's bucket may be a little below what was recorded.
    assert!(store.read_ns.max.abs_diff(10 * MICROS) < 20, "{:?}", store.read_ns);
    assert_eq!(store.read_ns.count, store.reads);
    assert!(store.reads >= 3 * store.writes - 3);
}

#[test]
fn what_the_scenario_says_goes_before_what_was_measured() {
    let steps = "{ name = \"w\", write = \"s\" }, { name = \"r\", read = \"s\" }";
    check("both", &run("write = \"2ms\"\nread = \"5us\"", &actor(1, steps)), [0.0, 0.0, 2005.0]);
    check("a write", &run("write = \"2ms\"", &actor(1, steps)), [0.0, 0.0, 2010.0]);
    // Two writers still follow one another.
    let writes = "{ name = \"w\", compute = \"1ms\", write = \"s\" }";
    check("two writers", &run("write = \"2ms\"", &actor(2, writes)), [1000.0, 0.0, 2000.0]);
}

#[test]
fn a_miss_reads_the_store_without_the_interpreter_lock() {
    // One worker reads for 2 ms while the other computes under the lock: neither waits for the other.
    let text = "threads = 1\nunder = \"py\"\nload = { clients = 1 }\nsteps = [ { name = \"r\", cache = \"c\", \
                hit = \"0ms\", miss = { read = \"s\" } } ]\n[cache.c]\ncapacity = 1\nkeys = { count = 1000000 }\n\
                [actor.b]\nthreads = 1\nunder = \"py\"\nload = { clients = 1 }\nsteps = [ { name = \"c\", \
                compute = \"1ms\" } ]";
    let record = run("read = \"2ms\"", text);
    check("a miss", &record, [0.0, 0.0, 2000.0]);
    assert_eq!(record.locks["py"].contended, 0);
}
