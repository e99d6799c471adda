//! A virtual run is a function of scenario, seed and calibration.

use conlab::engine::{Engine, Experiment, Progress, VirtualEngine};
use conlab::measure::RunRecord;
use conlab::queue::QueueKind;
use conlab::scenario::{EMBEDDED, LoadArm, Scenario, Treatment};
use std::thread;

/// Every embedded scenario with a few treatments, cut down to some hundred tasks.
fn experiments() -> Vec<Experiment> {
    let mut all = Vec::new();
    for embedded in EMBEDDED {
        let mut scenario = Scenario::parse(embedded.text, embedded.name).unwrap();
        scenario.run.tasks = Some(60);
        scenario.run.warmup = conlab::units::Nanos::from_millis(50);
        scenario.run.duration = Some(conlab::units::Nanos::from_millis(300));
        for (load, queue) in [
            (LoadArm::Baseline, None),
            (LoadArm::Isolated, None),
            (LoadArm::Baseline, Some(QueueKind::LockFree)),
            (LoadArm::Baseline, Some(QueueKind::Async)),
        ] {
            let treatment = Treatment { load, queue, cores: Some(3), ..Treatment::default() };
            all.push(Experiment::new(scenario.treated(&treatment), load));
        }
    }
    all
}

fn run(experiment: &Experiment) -> RunRecord {
    let mut record = VirtualEngine::new().run(experiment, &Progress::default()).unwrap().record;
    for identity in &record.identities {
        assert!(
            identity.holds,
            "{}: {} does not hold: {}",
            record.scenario.name, identity.name, identity.detail
        );
    }
    // When and where it ran is not part of the result.
    record.manifest = conlab::measure::record::Manifest::default();
    record
}

#[test]
fn the_same_run_twice_and_on_two_threads_gives_the_same_record() {
    let experiments = experiments();
    let once: Vec<RunRecord> = experiments.iter().map(run).collect();
    let halves = experiments.split_at(experiments.len() / 2);
    let again: Vec<RunRecord> = thread::scope(|scope| {
        let late = scope.spawn(|| halves.1.iter().map(run).collect::<Vec<_>>());
        let mut all: Vec<RunRecord> = halves.0.iter().map(run).collect();
        all.extend(late.join().unwrap());
        all
    });
    for (first, second) in once.iter().zip(&again) {
        assert!(first.digest.is_some());
        assert_eq!(first, second, "{} differs from itself", first.scenario.name);
    }
}

#[test]
fn another_seed_gives_another_digest() {
    // These have nothing random in them: no spread, no key, no open load.
    let certain = ["phase-18f-slang", "phase-18f-vault-writer"];
    for experiment in experiments().into_iter().filter(|one| !certain.contains(&one.scenario.name.as_str())) {
        let mut other = experiment.clone();
        other.seed += 1;
        assert_ne!(run(&experiment).digest, run(&other).digest, "{}", experiment.scenario.name);
    }
}

/// The digest of a scenario of this file, as debug and release builds of every platform must find it. It changes when
/// the model or the built-in constants change, and only then.
#[test]
fn the_digest_is_the_same_in_every_build() {
    let text = r#"
schema = 1
name = "pinned"
[run]
tasks = 500
seed = 18
[host]
cores = 2
slice = "3ms"
[lock.interpreter]
kind = "gil"
interval = "5ms"
[lock.registry]
kind = "mutex"
[cache.store]
capacity = 64
keys = { count = 500, zipf = 0.99 }
[actor.agents]
focus = true
threads = 6
load = { clients = 8 }
under = "interpreter"
steps = [
  { name = "plan", compute = "2ms", spread = { lognormal = 0.3 } },
  { name = "write", lock = "registry", compute = "100us", io = "200us" },
  { name = "read", cache = "store", hit = "50us", miss = { io = "1ms" } },
  { name = "send", send = "sink" },
]
[actor.sink]
threads = 2
queue = "async"
load = { rate = "100/s", arrivals = "poisson" }
steps = [ { name = "sink", compute = "100us", io = "1ms" } ]
"#;
    let record = run(&Experiment::new(Scenario::parse(text, "pinned").unwrap(), LoadArm::Baseline));
    assert_eq!(
        record.digest.as_deref(),
        Some("5ea124602882a31b"),
        "the model changed: say so in the changelog"
    );
}

/// A trace takes no simulated time, so a traced run may be set against a plain one.
#[test]
fn a_traced_run_is_the_run_itself() {
    for mut experiment in experiments() {
        let plain = run(&experiment);
        experiment.timeline_spans = 10_000;
        let traced = run(&experiment);
        assert!(traced.timeline.is_some() && !traced.instrumented);
        let same = RunRecord { timeline: None, ..traced };
        assert_eq!(plain, same, "{} differs when traced", plain.scenario.name);
    }
}
