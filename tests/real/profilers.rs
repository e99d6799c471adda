//! The profilers against the step timers of the same run. The shares are compared, never the speeds.

use conlab::engine::real::RealEngine;
use conlab::engine::{Engine, Experiment, Profiler, Progress};
use conlab::measure::RunRecord;
use conlab::measure::record::ProfileRecord;
use conlab::scenario::{LoadArm, Scenario};

const SCENARIO: &str = r#"
schema = 1
name = "three steps"
run = { tasks = 150, duration = "6s", warmup = "50ms", seed = 18 }
[actor.worker]
focus = true
threads = 1
load = { clients = 1 }
steps = [
  { name = "long",  compute = "8ms", spread = { uniform = 0.4 } },
  { name = "wait",  io = "5ms", spread = { uniform = 0.4 } },
  { name = "short", compute = "1ms", times = 3 },
  { name = "ask",   call = "helper" },
]
[actor.helper]
threads = 1
steps = [{ name = "answer", compute = "2ms" }]
"#;

fn profiled(profiler: Profiler) -> (RunRecord, ProfileRecord) {
    profiled_run(SCENARIO, profiler)
}

fn profiled_run(text: &str, profiler: Profiler) -> (RunRecord, ProfileRecord) {
    let mut experiment = Experiment::new(Scenario::parse(text, "test").unwrap(), LoadArm::Baseline);
    experiment.profiler = profiler;
    let record = RealEngine::new().run(&experiment, &Progress::default()).unwrap().record;
    let profile = record.profile.clone().unwrap();
    assert_eq!(profile.profiler, profiler.name());
    assert!(record.instrumented);
    assert!((0.0..1.0).contains(&profile.overhead), "{}", profile.overhead);
    (record, profile)
}

/// Wall time of each step of the worker over that of all of them, by the step timers.
fn timed_shares(record: &RunRecord) -> Vec<f64> {
    let steps = &record.actors["worker"].steps;
    let all: f64 = steps.iter().map(|step| step.total_ns.total()).sum();
    steps.iter().map(|step| step.total_ns.total() / all).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts of one run")]
fn profile_shares(profile: &ProfileRecord) -> (Vec<f64>, f64) {
    let rows: Vec<f64> = profile
        .entries
        .iter()
        .filter(|entry| entry.actor == "worker")
        .map(|entry| entry.total_weight as f64)
        .collect();
    let all: f64 = rows.iter().sum();
    (rows.iter().map(|weight| weight / all).collect(), all)
}

/// What a deterministic profile says of the worker's steps is what the step timers say.
fn assert_agree(profile: &ProfileRecord, record: &RunRecord) {
    let (shares, _) = profile_shares(profile);
    for (seen, timed) in shares.iter().zip(timed_shares(record)) {
        assert!((seen - timed).abs() < 0.02, "{shares:?} {:?}", timed_shares(record));
    }
}

#[test]
fn a_deterministic_profile_agrees_with_the_step_timers_and_counts_calls() {
    let (record, profile) = profiled(Profiler::Deterministic);
    assert_agree(&profile, &record);
    let calls = |step: &str| profile.entries.iter().find(|entry| entry.step == step).unwrap().calls;
    assert!(calls("short").abs_diff(3 * calls("long")) <= 6, "{:?}", profile.entries);
    let ask = profile.entries.iter().find(|entry| entry.step == "ask").unwrap();
    assert!(ask.self_weight < ask.total_weight, "waiting for an answer is not the step's own: {ask:?}");
}

#[test]
fn samples_agree_with_the_step_timers_within_their_own_statistical_error() {
    let (record, profile) = profiled(Profiler::Sampling);
    let (shares, samples) = profile_shares(&profile);
    assert!(samples > 100.0, "{samples} samples");
    for (seen, timed) in shares.iter().zip(timed_shares(&record)) {
        // Four standard errors of a share, and two samples for the edges of the window.
        let error = 4.0 * (timed * (1.0 - timed) / samples).sqrt() + 2.0 / samples;
        assert!((seen - timed).abs() <= error, "{shares:?} {:?} of {samples}", timed_shares(&record));
    }
    assert!(profile.entries.iter().all(|entry| entry.calls == 0), "a sampler cannot count calls");
    assert!(profile.stacks.iter().any(|(stack, _)| stack == "worker;wait;io"), "{:?}", profile.stacks);
}

/// What the comparison must not let pass: the same samples counted for the wrong steps.
#[test]
fn samples_of_other_steps_would_not_agree() {
    let (record, profile) = profiled(Profiler::Sampling);
    let (mut shares, samples) = profile_shares(&profile);
    shares.rotate_left(1);
    let timed = timed_shares(&record);
    let off = shares.iter().zip(&timed).any(|(seen, timed)| {
        (seen - timed).abs() > 4.0 * (timed * (1.0 - timed) / samples).sqrt() + 2.0 / samples
    });
    assert!(off, "{shares:?} {timed:?}");
}

/// Steps of handlers move from thread to thread; the hooks stay with the handler.
#[test]
fn a_deterministic_profile_of_handlers_agrees_with_their_step_timers() {
    let text = SCENARIO.replace("threads = 1\nload", "threads = 2\nqueue = \"async\"\nload");
    assert_ne!(text, SCENARIO);
    let (record, profile) = profiled_run(&text, Profiler::Deterministic);
    assert_agree(&profile, &record);
    let calls = |step: &str| profile.entries.iter().find(|entry| entry.step == step).unwrap().calls;
    assert!(calls("long") > 0 && calls("short").abs_diff(3 * calls("long")) <= 6, "{:?}", profile.entries);
}

const ALLOCATES: &str = r#"
schema = 1
name = "one step allocates"
run = { tasks = 60, duration = "6s", warmup = "50ms", seed = 18 }
[actor.worker]
focus = true
threads = 1
load = { clients = 1 }
steps = [
  { name = "squeeze", compress = "64KiB" },
  { name = "think", compute = "200us" },
]
"#;

/// A compressor allocates its window and hash chains anew for every text; work on registers allocates nothing.
#[test]
fn a_memory_profile_lays_allocations_at_the_step_that_makes_them() {
    let (_, profile) = profiled_run(ALLOCATES, Profiler::Memory);
    let entry = |step: &str| profile.entries.iter().find(|entry| entry.step == step).unwrap();
    let (squeeze, think) = (entry("squeeze"), entry("think"));
    assert_eq!(profile.unit, "bytes");
    assert!(squeeze.calls >= 60, "{squeeze:?}");
    assert!(squeeze.self_weight / squeeze.calls >= 64 * 1024, "{squeeze:?}");
    assert!(squeeze.peak_bytes.unwrap() >= 64 * 1024, "{squeeze:?}");
    assert_eq!((think.self_weight, think.peak_bytes), (0, Some(0)), "{think:?}");
}

#[test]
fn a_memory_profile_of_handlers_is_refused_with_a_way_out() {
    let text = ALLOCATES.replace("threads = 1", "threads = 1\nqueue = \"async\"");
    let mut experiment = Experiment::new(Scenario::parse(&text, "test").unwrap(), LoadArm::Baseline);
    experiment.profiler = Profiler::Memory;
    let refused = RealEngine::new().run(&experiment, &Progress::default()).unwrap_err().to_string();
    assert!(refused.contains("--profiler deterministic"), "{refused}");
}
