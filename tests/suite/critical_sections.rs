//! Critical sections over several steps: what is held, where the wait is counted, and what is refused.

use super::simulated::ideal;
use conlab::scenario::Scenario;

fn scenario(steps: &str) -> String {
    format!(
        r#"
schema = 1
name = "sections"
run = {{ duration = "1s", warmup = "100ms" }}
[host]
cores = 4
[lock.log]
kind = "mutex"
[lock.index]
kind = "mutex"
[lock.interpreter]
kind = "gil"
interval = "5ms"
[actor.writer]
focus = true
threads = 2
load = {{ clients = 2, think = "1ms" }}
under = "interpreter"
steps = [ {steps} ]
[actor.disk]
threads = 4
steps = [ {{ name = "sync", io = "1ms" }} ]
[actor.clerk]
steps = [ {{ name = "note", lock = "log", compute = "10us" }} ]
"#
    )
}

#[test]
fn a_lock_is_held_over_work_waits_and_calls() {
    let text = scenario(
        r#"{ name = "commit", lock = "log", steps = [ { name = "read", io = "1ms" },
           { name = "append", compute = "500us", times = 2 }, { name = "sync", call = "disk" } ] }"#,
    );
    let record = ideal(&text, 18);
    let lock = &record.locks["log"];
    assert!((lock.hold_ns.mean / 1e6 - 3.0).abs() < 0.01, "{lock:?}");
    let writer = &record.actors["writer"];
    let names: Vec<&str> = writer.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["commit", "read", "append", "sync"]);
    // Two writers, one lock, 1 ms of thought: each waits 2 ms for the other, at the head of the section.
    let waits: Vec<f64> = writer.steps.iter().map(|step| step.total_ns.lock / 1e6).collect();
    let each = writer.sojourn_ns.count as f64;
    assert!((waits[0] / each - 2.0).abs() < 0.05, "{waits:?} over {each}");
    assert!(waits[1..].iter().all(|wait| wait.abs() < 1e-9), "{waits:?}");
    assert_eq!(writer.steps[2].count, 2 * writer.sojourn_ns.count);
    assert!((writer.throughput_per_s - 1e3 / 3.0).abs() < 2.0, "{}", writer.throughput_per_s);
}

#[test]
fn sections_nest_and_give_back_in_order() {
    let text = scenario(
        r#"{ name = "outer", lock = "log", steps = [ { name = "a", io = "1ms" },
           { name = "inner", lock = "index", steps = [ { name = "b", io = "2ms" } ] } ] }, { name = "c", io = "4ms" }"#,
    );
    let record = ideal(&text, 18);
    assert!((record.locks["log"].hold_ns.mean / 1e6 - 3.0).abs() < 0.01, "{:?}", record.locks["log"]);
    assert!((record.locks["index"].hold_ns.mean / 1e6 - 2.0).abs() < 0.01, "{:?}", record.locks["index"]);
}

/// A step of a section is reached by its name, as any other.
#[test]
fn a_step_inside_a_section_can_be_set() {
    let text = scenario(r#"{ name = "commit", lock = "log", steps = [ { name = "read", io = "1ms" } ] }"#);
    let plain = Scenario::parse(&text, "x").unwrap();
    let path = "actor.writer.steps.commit.steps.read.io".to_owned();
    let edited = plain.edited(&[(path, "5ms".to_owned())]).unwrap();
    assert_eq!(edited.actors[0].steps[1].io.as_ref().unwrap().mean.0, 5_000_000);
    assert_ne!(edited.digest(), plain.digest());
}

#[test]
fn mistakes_in_sections_are_named() {
    for (steps, expected) in [
        (
            r#"{ name = "s", steps = [ { name = "a", io = "1ms" } ] }"#,
            "expected the lock that is held over `steps`",
        ),
        (
            r#"{ name = "s", lock = "log", steps = [] }"#,
            "is empty: expected the steps over which the lock is held",
        ),
        (
            r#"{ name = "s", lock = "log", times = 2, steps = [ { name = "a", io = "1ms" } ] }"#,
            "unknown key `times`",
        ),
        (
            r#"{ name = "s", lock = "log", io = "1ms", steps = [ { name = "a", io = "1ms" } ] }"#,
            "unknown key `io`",
        ),
        (r#"{ name = "s", lock = "lok", steps = [ { name = "a", io = "1ms" } ] }"#, "did you mean `log`?"),
        (
            r#"{ name = "s", lock = "log", steps = [ { name = "a", lock = "log", io = "1ms" } ] }"#,
            "is held already by the critical section around it",
        ),
        (
            r#"{ name = "s", lock = "interpreter", steps = [ { name = "a", io = "1ms" } ] }"#,
            "is an interpreter lock, released around waits",
        ),
        (
            r#"{ name = "s", lock = "log", steps = [ { name = "s", io = "1ms" } ] }"#,
            "is the second step named `s`",
        ),
        (
            r#"{ name = "s", lock = "log", steps = [ { name = "a", call = "clerk" } ] }"#,
            "holds lock `log` while it waits for `clerk`, which takes it too",
        ),
    ] {
        let error = Scenario::parse(&scenario(steps), "x.toml").unwrap_err().to_string();
        assert!(error.contains(expected), "{steps}: {error}");
    }
}

/// What follows a section is free of its lock.
#[test]
fn a_call_behind_a_section_may_take_its_lock() {
    let steps = r#"{ name = "s", lock = "log", steps = [ { name = "a", io = "1ms" } ] }, { name = "b", call = "clerk" }"#;
    Scenario::parse(&scenario(steps), "x.toml").unwrap();
}
