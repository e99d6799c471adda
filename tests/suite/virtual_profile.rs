//! Profiles of simulated runs against what the record says otherwise.

use conlab::engine::{Engine, EngineError, Experiment, Profiler, Progress, VirtualEngine};
use conlab::measure::record::{Breakdown, RunRecord};
use conlab::scenario::{EMBEDDED, LoadArm, Scenario};
use conlab::units::Nanos;

fn run(scenario: Scenario, profiler: Profiler) -> Result<RunRecord, EngineError> {
    let mut experiment = Experiment::new(scenario, LoadArm::Baseline);
    experiment.profiler = profiler;
    Ok(VirtualEngine::new().run(&experiment, &Progress::default())?.record)
}

/// A sum of whole nanoseconds, as records hold it.
fn whole(time: f64) -> u64 {
    Nanos(1).scaled(time).0
}

/// What of the profile disagrees with the steps' times, to the nanosecond.
fn disagreement(record: &RunRecord) -> Option<String> {
    let profile = record.profile.as_ref()?;
    for (actor, figures) in &record.actors {
        for step in &figures.steps {
            let path = format!("{actor};{}", step.name);
            for (cause, time) in step.total_ns.parts() {
                let stack = format!("{path};{cause}");
                let weights = profile.stacks.iter().filter(|(name, _)| *name == stack);
                let weight: u64 = weights.map(|(_, weight)| weight).sum();
                if weight != whole(time) {
                    return Some(format!("{stack}: {weight} instead of {time}"));
                }
            }
            let entry = profile.entries.iter().find(|row| row.actor == *actor && row.step == step.name)?;
            let (total, call) = (step.total_ns.total(), step.total_ns.call);
            let found = (entry.calls, entry.total_weight, entry.self_weight);
            let expected = (step.count, whole(total), whole(total - call));
            if found != expected {
                return Some(format!("{path}: {found:?} instead of {expected:?}"));
            }
        }
    }
    (profile.overhead > 0.0).then(|| format!("it cost {}", profile.overhead))
}

#[test]
fn every_step_of_the_profile_is_that_of_the_record_to_the_nanosecond() {
    for embedded in EMBEDDED {
        let mut scenario = Scenario::parse(embedded.text, embedded.name).unwrap();
        scenario.run.tasks = Some(40);
        scenario.run.duration = Some(Nanos::from_millis(200));
        let record = run(scenario, Profiler::Deterministic).unwrap();
        let stacks = &record.profile.as_ref().unwrap().stacks;
        assert!(!stacks.is_empty(), "{}: an empty profile", embedded.name);
        assert_eq!(disagreement(&record), None, "{}", embedded.name);
    }
}

#[test]
fn a_profile_that_loses_a_nanosecond_or_a_call_is_found_out() {
    let scenario = Scenario::parse(ONE_CLIENT, "test").unwrap();
    let record = run(scenario, Profiler::Deterministic).unwrap();
    let mut lossy = record.clone();
    lossy.profile.as_mut().unwrap().stacks[0].1 -= 1;
    assert!(disagreement(&lossy).unwrap().contains("instead of"));
    let mut lossy = record.clone();
    lossy.profile.as_mut().unwrap().entries[0].calls -= 1;
    assert!(disagreement(&lossy).unwrap().contains("instead of"));
    let mut costly = record;
    costly.profile.as_mut().unwrap().overhead = 0.01;
    assert!(disagreement(&costly).unwrap().contains("cost"));
}

/// One task at a time, and the run ends with the last: nothing is under way then.
const ONE_CLIENT: &str = r#"
schema = 1
name = "one"
[run]
tasks = 50
warmup = "0s"
[host]
cores = 1
slice = "1ms"
[store.s]
[actor.a]
focus = true
threads = 1
load = { clients = 1, think = "1ms" }
steps = [
  { name = "work", compute = "3ms", spread = { lognormal = 0.5 }, times = 2 },
  { name = "ask", call = "b" },
  { name = "keep", io = "1ms", write = "s" },
]
[actor.b]
threads = 1
steps = [ { name = "answer", compute = "1ms", io = "2ms" } ]
"#;

#[test]
fn the_steps_of_the_profile_sum_to_the_tasks_breakdown() {
    let record = run(Scenario::parse(ONE_CLIENT, "test").unwrap(), Profiler::Deterministic).unwrap();
    let profile = record.profile.unwrap();
    for (name, actor) in &record.actors {
        assert_eq!((actor.completed, actor.in_flight), (50, 0), "{name}");
        let profiled = |cause: &str| {
            let stacks = profile.stacks.iter().filter(|(stack, _)| stack.starts_with(&format!("{name};")));
            stacks.filter(|(stack, _)| stack.ends_with(cause)).map(|(_, weight)| weight).sum::<u64>()
        };
        let mean = Breakdown { queue: 0.0, ..actor.breakdown_mean_ns };
        for (cause, time) in mean.parts() {
            assert_eq!(profiled(&format!(";{cause}")), whole(time * 50.0), "{name}, {cause}");
        }
    }
    let calls: Vec<u64> = profile.entries.iter().map(|entry| entry.calls).collect();
    assert_eq!(calls, [100, 50, 50, 50]);
}

#[test]
fn samples_are_of_the_step_under_way_and_move_nothing() {
    // One worker that never stops: every sample finds it in its step, one in 5 to 15 ms.
    let busy = ONE_CLIENT.replace("think = \"1ms\"", "think = \"0ms\"").replace("tasks = 50", "tasks = 500");
    let plain = run(Scenario::parse(&busy, "test").unwrap(), Profiler::None).unwrap();
    let mut sampled = run(Scenario::parse(&busy, "test").unwrap(), Profiler::Sampling).unwrap();
    let profile = sampled.profile.take().unwrap();
    assert_eq!(profile.unit, "samples");
    let of = |actor: &str| {
        let rows = profile.entries.iter().filter(|row| row.actor == actor);
        rows.map(|row| row.total_weight).sum::<u64>()
    };
    let length = sampled.window.length_ns;
    assert!((length / 15_000_000..=length / 5_000_000 + 1).contains(&of("a")), "{} samples", of("a"));
    assert!(of("b") > 0 && of("b") < of("a"), "{} samples", of("b"));
    let asking = profile.entries.iter().find(|row| row.step == "ask").unwrap();
    assert_eq!((asking.calls, asking.self_weight), (0, 0), "{asking:?}");
    // When and where it ran is not part of the result.
    sampled.manifest = plain.manifest.clone();
    assert_eq!(sampled, plain);
}

#[test]
fn memory_is_refused_in_a_sentence() {
    let refused = run(Scenario::parse(ONE_CLIENT, "test").unwrap(), Profiler::Memory).unwrap_err();
    assert!(refused.to_string().contains("nothing is allocated"), "{refused}");
}
