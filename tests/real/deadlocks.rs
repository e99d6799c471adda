//! Deadlocks are named with everybody in them, and what is only slow is never called one.

use conlab::engine::real::RealEngine;
use conlab::engine::{Engine, Experiment, Progress};
use conlab::measure::RunRecord;
use conlab::measure::record::{Party, VerdictKind};
use conlab::scenario::{LoadArm, Scenario};
use std::collections::BTreeSet;

/// Runs a scenario of these locks and actors for as long as `duration` says.
fn run(name: &str, duration: &str, rest: &str) -> RunRecord {
    let text =
        format!("schema = 1\nname = \"{name}\"\n[run]\nduration = \"{duration}\"\nwarmup = \"0s\"\n{rest}");
    let scenario = Scenario::parse(&text, name).unwrap_or_else(|error| panic!("{name}: {error}"));
    let experiment = Experiment::new(scenario, LoadArm::Baseline);
    RealEngine::new().run(&experiment, &Progress::default()).unwrap().record
}

/// The actor in a name such as `bee-3` or `bee handler 7`.
fn actor(who: &str) -> &str {
    who.split([' ', '-']).next().unwrap()
}

/// The run deadlocks: somebody of each of these actors is in the cycle and nobody else, each waits for what the next one
/// holds, and the run ends long before its time.
fn deadlocks(name: &str, rest: &str, actors: &[&str]) {
    let record = run(name, "60s", rest);
    let found: Vec<_> =
        record.verdicts.iter().filter(|verdict| verdict.kind == VerdictKind::Deadlock).collect();
    assert!(!found.is_empty(), "{name}: {:?}", record.verdicts);
    let parties: &[Party] = &found[0].parties;
    println!("{name}: {}", found[0].message);
    let who: BTreeSet<&str> = parties.iter().map(|party| actor(&party.who)).collect();
    assert_eq!(who, actors.iter().copied().collect(), "{name}: {parties:?}");
    for (party, next) in parties.iter().zip(parties.iter().cycle().skip(1)) {
        assert_eq!(party.held_by.as_deref(), Some(next.who.as_str()), "{name}: {parties:?}");
        assert!(found[0].message.contains(&party.waits_for), "{name}");
    }
    assert!(record.partial && !record.trustworthy, "{name}");
    assert!(record.why_untrustworthy().unwrap().starts_with("deadlock: "), "{name}");
    // What was measured up to then is kept, and nothing is lost.
    for (who, each) in &record.actors {
        assert_eq!(each.issued, each.completed + each.refused + each.in_flight, "{name}: {who}");
    }
}

/// The run is slow and nothing else.
fn only_slow(name: &str, rest: &str) {
    let record = run(name, "1500ms", rest);
    assert!(
        record.verdicts.iter().all(|verdict| verdict.kind != VerdictKind::Deadlock),
        "{name}: {:?}",
        record.verdicts
    );
    assert!(!record.partial, "{name}");
}

/// Two callers that hold a lock each, and two who answer them and need the other's; `more` is said of everybody.
fn crossed(kind: &str, callers: &str, answerers: &str) -> String {
    format!(
        r#"
[lock.a]
kind = "{kind}"
[lock.b]
kind = "{kind}"
[actor.x]
focus = true
load = {{ clients = 1 }}
{callers}
steps = [{{ name = "s", lock = "a", io = "2ms", call = "bee" }}]
[actor.y]
load = {{ clients = 1 }}
{callers}
steps = [{{ name = "s", lock = "b", io = "2ms", call = "cee" }}]
[actor.bee]
{answerers}
steps = [{{ name = "t", lock = "b", compute = "100us" }}]
[actor.cee]
{answerers}
steps = [{{ name = "t", lock = "a", compute = "100us" }}]
"#
    )
}

const CROSSED: [&str; 4] = ["x", "y", "bee", "cee"];

#[test]
fn locks_taken_in_both_orders_over_calls() {
    deadlocks("mutex", &crossed("mutex", "", ""), &CROSSED);
    deadlocks("spin", &crossed("spin", "", ""), &CROSSED);
    deadlocks("workers", &crossed("mutex", "threads = 4\n", "threads = 3\n"), &CROSSED);
    for queue in ["lockfree", "arrayqueue", "segqueue"] {
        deadlocks(queue, &crossed("mutex", &format!("queue = \"{queue}\"\n"), ""), &CROSSED);
    }
}

#[test]
fn locks_taken_in_both_orders_by_handlers() {
    let tokio = "queue = \"async\"\n";
    deadlocks("callers await", &crossed("mutex", tokio, ""), &CROSSED);
    deadlocks("answerers await", &crossed("mutex", "", tokio), &CROSSED);
    deadlocks("all await", &crossed("mutex", tokio, tokio), &CROSSED);
    deadlocks(
        "all await on two workers",
        &crossed("mutex", "queue = \"async\"\nthreads = 2\n", tokio),
        &CROSSED,
    );
}

#[test]
fn locks_taken_in_both_orders_beside_an_interpreter_lock() {
    let under = "under = \"interpreter\"\n";
    let text = "[lock.interpreter]\nkind = \"gil\"\n".to_owned() + &crossed("mutex", under, under);
    deadlocks("interpreter", &text, &CROSSED);
}

#[test]
fn rings_of_locks() {
    for count in [3, 5] {
        let mut text = String::new();
        for index in 0..count {
            text += &format!("[lock.l{index}]\n");
        }
        for index in 0..count {
            let next = (index + 1) % count;
            let focus = if index == 0 { "focus = true\n" } else { "" };
            text += &format!(
                "[actor.holder{index}]\n{focus}load = {{ clients = 1 }}\nsteps = [{{ name = \"s\", lock = \
                 \"l{index}\", io = \"2ms\", call = \"taker{next}\" }}]\n"
            );
            text += &format!(
                "[actor.taker{index}]\nsteps = [{{ name = \"t\", lock = \"l{index}\", compute = \"10us\" }}]\n"
            );
        }
        let names: Vec<String> =
            (0..count).flat_map(|index| [format!("holder{index}"), format!("taker{index}")]).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        deadlocks(&format!("ring of {count}"), &text, &names);
    }
}

#[test]
fn a_chain_of_calls_between_the_locks() {
    deadlocks(
        "chain",
        r#"
[lock.a]
[lock.b]
[actor.x]
focus = true
load = { clients = 1 }
steps = [{ name = "s", lock = "a", io = "2ms", call = "first" }]
[actor.first]
steps = [{ name = "s", call = "second" }]
[actor.second]
steps = [{ name = "s", call = "third" }]
[actor.third]
steps = [{ name = "s", lock = "b", compute = "10us" }]
[actor.y]
load = { clients = 1 }
steps = [{ name = "s", lock = "b", io = "2ms", call = "cee" }]
[actor.cee]
steps = [{ name = "s", lock = "a", compute = "10us" }]
"#,
        &["x", "first", "second", "third", "y", "cee"],
    );
}

/// Somebody waits for room in a queue whose workers wait for a lock that the sender holds, over another such queue.
fn full_queues(of: &str) -> String {
    format!(
        r#"
[lock.l]
[lock.m]
[actor.x]
focus = true
threads = 2
load = {{ clients = 4 }}
steps = [{{ name = "s", lock = "l", send = "q" }}]
[actor.y]
threads = 2
load = {{ clients = 4 }}
steps = [{{ name = "s", lock = "m", send = "s" }}]
[actor.q]
capacity = 1
{of}
steps = [{{ name = "t", call = "r" }}]
[actor.r]
capacity = 1
steps = [{{ name = "t", lock = "m", compute = "100us" }}]
[actor.s]
capacity = 1
{of}
steps = [{{ name = "t", lock = "l", compute = "100us" }}]
"#
    )
}

#[test]
fn full_queues_and_locks() {
    deadlocks("full", &full_queues(""), &["x", "y", "q", "r", "s"]);
    deadlocks("full, awaited", &full_queues("queue = \"async\"\n"), &["x", "y", "q", "r", "s"]);
}

#[test]
fn slow_holders_of_locks_are_no_deadlock() {
    only_slow(
        "long io under a lock",
        "[lock.l]\n[actor.x]\nthreads = 4\nload = { clients = 4 }\nsteps = [{ name = \"s\", lock = \"l\", io = \"700ms\" }]\n",
    );
    only_slow(
        "long work under a lock",
        "[lock.l]\n[actor.x]\nthreads = 3\nload = { clients = 3 }\nsteps = [{ name = \"s\", lock = \"l\", compute = \"400ms\" }]\n",
    );
    only_slow(
        "long work under a spin lock",
        "[lock.l]\nkind = \"spin\"\n[actor.x]\nthreads = 3\nload = { clients = 3 }\nsteps = [{ name = \"s\", lock = \"l\", compute = \"200ms\" }]\n",
    );
    only_slow(
        "one worker whose handlers await a lock",
        "[lock.l]\n[actor.x]\nqueue = \"async\"\nload = { clients = 8 }\nsteps = [{ name = \"s\", lock = \"l\", io = \"500ms\" }]\n",
    );
}

#[test]
fn slow_answers_and_full_queues_are_no_deadlock() {
    only_slow(
        "a slow answer at the end of a chain",
        "[lock.l]\n[actor.x]\nfocus = true\nthreads = 2\nload = { clients = 2 }\nsteps = [{ name = \"s\", lock = \"l\", call = \"y\" }]\n\
         [actor.y]\nsteps = [{ name = \"s\", call = \"z\" }]\n[actor.z]\nsteps = [{ name = \"s\", io = \"600ms\" }]\n",
    );
    for queue in ["mutex", "async"] {
        only_slow(
            "queues of one before a slow worker",
            &format!(
                "[actor.x]\nfocus = true\nload = {{ clients = 4 }}\nsteps = [{{ name = \"s\", send = \"y\" }}]\n\
                 [actor.y]\ncapacity = 1\nsteps = [{{ name = \"s\", send = \"z\" }}]\n\
                 [actor.z]\nqueue = \"{queue}\"\ncapacity = 1\nsteps = [{{ name = \"s\", io = \"500ms\" }}]\n"
            ),
        );
        only_slow(
            "a lock over a send to a full queue",
            &format!(
                "[lock.l]\n[actor.x]\nfocus = true\nqueue = \"{queue}\"\nthreads = 2\nload = {{ clients = 4 }}\n\
                 steps = [{{ name = \"s\", lock = \"l\", send = \"y\" }}]\n\
                 [actor.y]\ncapacity = 1\nsteps = [{{ name = \"s\", io = \"400ms\" }}]\n"
            ),
        );
    }
    only_slow(
        "more arrivals than anybody can serve",
        "[actor.x]\ncapacity = 4\nload = { rate = \"2000/s\" }\nsteps = [{ name = \"s\", io = \"300ms\" }]\n",
    );
}

#[test]
fn locks_in_both_orders_that_cannot_meet_are_no_deadlock() {
    let gate = "[lock.gate]\n[lock.a]\n[lock.b]\n[actor.x]\nfocus = true\nload = { clients = 1 }\n\
                steps = [{ name = \"s\", lock = \"gate\", call = \"x2\" }]\n[actor.x2]\n\
                steps = [{ name = \"s\", lock = \"a\", io = \"120ms\", call = \"bee\" }]\n[actor.y]\nload = { clients = 1 }\n\
                steps = [{ name = \"s\", lock = \"gate\", call = \"y2\" }]\n[actor.y2]\n\
                steps = [{ name = \"s\", lock = \"b\", io = \"120ms\", call = \"cee\" }]\n[actor.bee]\n\
                steps = [{ name = \"t\", lock = \"b\", io = \"120ms\" }]\n[actor.cee]\n\
                steps = [{ name = \"t\", lock = \"a\", io = \"120ms\" }]\n";
    only_slow("behind a gate", gate);
    let order = "[lock.a]\n[lock.b]\n[actor.x]\nfocus = true\nthreads = 2\nload = { clients = 2 }\n\
                 steps = [{ name = \"s\", lock = \"a\", io = \"100ms\", call = \"bee\" }]\n[actor.y]\nload = { clients = 2 }\n\
                 steps = [{ name = \"s\", lock = \"a\", io = \"100ms\", call = \"cee\" }]\n[actor.bee]\n\
                 steps = [{ name = \"t\", lock = \"b\", io = \"100ms\" }]\n[actor.cee]\n\
                 steps = [{ name = \"t\", lock = \"b\", io = \"100ms\" }]\n";
    only_slow("in one order", order);
}

#[test]
fn an_interpreter_lock_beside_locks_is_no_deadlock() {
    let text = |interval: &str| {
        format!(
            "[lock.interpreter]\nkind = \"gil\"\ninterval = \"{interval}\"\n[lock.l]\n[actor.x]\nfocus = true\nthreads = 4\n\
             under = \"interpreter\"\nload = {{ clients = 4 }}\n\
             steps = [{{ name = \"s\", lock = \"l\", compute = \"20ms\", io = \"60ms\" }}]\n\
             [actor.y]\nunder = \"interpreter\"\nload = {{ clients = 1 }}\nsteps = [{{ name = \"s\", compute = \"200ms\" }}]\n"
        )
    };
    only_slow("interpreter", &text("5ms"));
    only_slow("an interpreter lock that waits long", &text("300ms"));
}

/// Thirty threads on one processor: whoever could go on does not run for long.
#[test]
fn threads_that_starve_for_a_processor_are_no_deadlock() {
    only_slow(
        "starved",
        "[host]\ncores = 1\n[lock.l]\n[actor.x]\nfocus = true\nthreads = 10\nload = { clients = 10 }\n\
         steps = [{ name = \"s\", lock = \"l\", compute = \"100us\", call = \"y\" }]\n\
         [actor.y]\nthreads = 4\nsteps = [{ name = \"s\", compute = \"100us\" }]\n\
         [actor.burn]\nthreads = 16\nload = { clients = 16 }\nsteps = [{ name = \"s\", compute = \"50ms\" }]\n",
    );
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
