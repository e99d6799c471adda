//! Deadlocks are named with everybody in them, and what is only slow is never called one.

use super::shapes::{assert_named, assert_only_slow, look_alikes, shapes};
use conlab::engine::real::RealEngine;
use conlab::engine::{Engine, Experiment, Progress};
use conlab::measure::RunRecord;
use conlab::scenario::{LoadArm, Scenario};
use std::sync::Mutex;

/// Runs a scenario of these locks and actors for as long as `duration` says.
fn run(name: &str, duration: &str, rest: &str) -> RunRecord {
    let text =
        format!("schema = 1\nname = \"shape\"\n[run]\nduration = \"{duration}\"\nwarmup = \"0s\"\n{rest}");
    let scenario = Scenario::parse(&text, "shape").unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
    let experiment = Experiment::new(scenario, LoadArm::Baseline);
    RealEngine::new().run(&experiment, &Progress::default()).unwrap().record
}

/// Runs at a time; they sleep for most of it.
const AT_ONCE: usize = 8;

/// Does something with each of `cases`, several at a time.
fn each<T: Sync>(cases: &[T], check: impl Fn(&T) + Sync) {
    let next = Mutex::new(cases.iter());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                // Ends with the cases.
                loop {
                    let case = next.lock().unwrap().next();
                    let Some(case) = case else { return };
                    check(case);
                }
            });
        }
    });
}

#[test]
fn every_shape_is_named_with_all_its_parties() {
    let shapes = shapes();
    println!("{} shapes", shapes.len());
    assert!(shapes.len() >= 30);
    each(&shapes, |shape| {
        // Found long before that.
        let record = run(&shape.name, "60s", &shape.text);
        println!("{}: ended after {} ms", shape.name, record.window.length_ns / 1_000_000);
        assert_named(shape, &record);
        assert!(record.partial, "{}", shape.name);
        // What was measured up to then is kept, and nothing is lost.
        for (who, actor) in &record.actors {
            assert_eq!(actor.issued, actor.ended() + actor.in_flight, "{}: {who}", shape.name);
        }
    });
}

#[test]
fn what_is_merely_slow_is_no_deadlock() {
    let systems = look_alikes();
    println!("{} look-alikes", systems.len());
    assert!(systems.len() >= 50);
    each(&systems, |(name, text)| {
        let record = run(name, "300ms", text);
        assert_only_slow(name, &record);
    });
}

/// Steps far longer than the run, of many short pieces and of one long one.
#[test]
fn the_end_of_the_run_reaches_every_step() {
    for step in [
        r#"touch = "64KiB", times = 1000000000"#,
        r#"touch = "64MiB", times = 1000000"#,
        r#"compress = "64KiB", times = 1000000000"#,
        r#"compress = "1GiB""#,
        r#"compute = "0s", times = 1000000000"#,
        r#"compute = "1h""#,
        r#"io = "1h""#,
        r#"io = "0s", times = 1000000000"#,
    ] {
        for queue in ["mutex", "async"] {
            let record = run(
                "long step",
                "100ms",
                &format!(
                    "[actor.x]\nqueue = \"{queue}\"\nload = {{ clients = 1 }}\nsteps = [{{ name = \"s\", {step} }}]\n"
                ),
            );
            assert_eq!((record.actors["x"].completed, record.actors["x"].in_flight), (0, 1), "{step}");
        }
    }
}
