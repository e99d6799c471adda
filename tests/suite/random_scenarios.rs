//! Random valid scenarios of the whole language: every identity holds in each, and nothing but a stated verdict makes a run
//! untrustworthy. One that fails is made as small as it can be, and is kept below.
//!
//! 200 of them run in the suite, more by
//!
//! ```sh
//! CONLAB_SCENARIOS=1000 CONLAB_SEED=7 cargo test --test suite random_scenarios
//! ```

use super::author::{Author, setting, shrunk};
use conlab::engine::{Engine, Experiment, Progress, VirtualEngine};
use conlab::measure::record::VerdictKind;
use conlab::scenario::{LoadArm, Scenario};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A system that stands still, one whose others keep its actor in focus from ever finishing a task, one whose tasks take no
/// time, or hardly any, on a host that charges nothing.
const STATED: [&str; 4] =
    ["deadlock", "no task finished in the last", "that take no time", "that take hardly any time"];

/// Scenarios that broke something once.
const BROKE: [(&str, &str); 4] = [
    (
        "tasks asleep among threads that spin",
        r#"
[lock.l]
wait = { spin = "20us" }
[actor.a]
focus = true
queue = "async"
threads = 4
load = { clients = 30 }
steps = [ { name = "s", lock = "l", compute = "300us" } ]
[actor.b]
threads = 4
load = { clients = 30 }
steps = [ { name = "s", lock = "l", compute = "300us" } ]
"#,
    ),
    (
        "a part that fails between its hedge and its caller's turn",
        r#"
[host]
cores = 1
[actor.a]
focus = true
threads = 12
load = { clients = 40 }
steps = [ { name = "s", compute = "200us" }, { name = "ask", call = "b", fan = 5, wait = 2, hedge = "1ms" } ]
[actor.b]
threads = 3
timeout = "1100us"
load = { rate = "500/s" }
steps = [ { name = "s", compute = "400us", fail = 0.3 } ]
"#,
    ),
    (
        "a task that is withdrawn when its wait for a place has just timed out",
        r#"
[pool.p]
size = 3
timeout = "459us"
[actor.a]
focus = true
threads = 3
load = { clients = 36 }
steps = [ { name = "s", compute = "5ms" }, { name = "ask", call = "b", fan = 4, wait = 1, cancel = true } ]
[actor.b]
threads = 7
steps = [ { name = "s", pool = "p", io = "8ms", spread = { hyperexponential = 4.0 } } ]
"#,
    ),
    (
        "a worker that is killed when its wait for a place has just timed out",
        r#"
[pool.p]
size = 1
timeout = { mean = "5ms" }
[event.e]
for = "15ms"
every = "49ms"
kill = "a"
[actor.a]
threads = 6
load = { clients = 29 }
steps = [ { name = "s", io = "811us" }, { name = "t", pool = "p", io = "9ms" } ]
"#,
    ),
];

fn engines() -> [VirtualEngine; 2] {
    [VirtualEngine::ideal(), VirtualEngine::new()]
}

/// Runs one; what is wrong with it, if anything. An error in words of [`STATED`] is none.
fn fault(text: &str, engine: &VirtualEngine) -> Option<String> {
    let scenario = Scenario::parse(text, "random").ok()?;
    let experiment = Experiment::new(scenario, LoadArm::Baseline);
    let ran = catch_unwind(AssertUnwindSafe(|| engine.run(&experiment, &Progress::default())));
    let output = match ran {
        Err(_) => return Some("it panicked".into()),
        Ok(Ok(output)) => output,
        Ok(Err(error)) => {
            let said = error.to_string();
            return (!STATED.iter().any(|words| said.contains(words))).then_some(said);
        }
    };
    let record = output.record;
    let broken: Vec<String> = record
        .identities
        .iter()
        .filter(|identity| !identity.holds)
        .map(|identity| format!("{}: {}", identity.name, identity.detail))
        .collect();
    if !broken.is_empty() {
        return Some(broken.join("; "));
    }
    for (name, actor) in &record.actors {
        let ended = actor.ended();
        if actor.issued != ended + actor.in_flight || actor.died > actor.failed {
            return Some(format!(
                "{name}: {} issued, {ended} ended, {} in flight",
                actor.issued, actor.in_flight
            ));
        }
    }
    let stated = record
        .verdicts
        .iter()
        .any(|verdict| matches!(verdict.kind, VerdictKind::Deadlock | VerdictKind::TooShort));
    (record.trustworthy == stated)
        .then(|| format!("trustworthy {}, {:?}", record.trustworthy, record.verdicts))
}

#[test]
fn identities_hold_in_every_valid_scenario() {
    let (wanted, seed) = (setting("CONLAB_SCENARIOS", 200), setting("CONLAB_SEED", 18));
    let engines = engines();
    let (mut ran, mut drawn) = (0, 0);
    while ran < wanted {
        let text = Author::new(seed, drawn).scenario();
        drawn += 1;
        assert!(drawn < 6 * wanted, "seed {seed}: {ran} of {drawn} scenarios are valid");
        if Scenario::parse(&text, "random").is_err() {
            continue;
        }
        let engine = &engines[usize::try_from(ran % 2).unwrap()];
        if let Some(found) = fault(&text, engine) {
            let small = shrunk(&text, |text| fault(text, engine).is_some());
            let why = fault(&small, engine).unwrap_or_default();
            panic!("seed {seed}, scenario {}: {found}\nas small as it fails: {why}\n{small}", drawn - 1);
        }
        ran += 1;
    }
}

#[test]
fn what_broke_once_holds() {
    let mut broken = Vec::new();
    for (what, system) in BROKE {
        for engine in &engines() {
            for seed in 1..=20 {
                let text = format!(
                    "schema = 1\nname = \"once\"\n[run]\nduration = \"200ms\"\nwarmup = \"10ms\"\nseed = {seed}\n{system}"
                );
                Scenario::parse(&text, "once").unwrap();
                broken.extend(fault(&text, engine).map(|found| format!("{what}, seed {seed}: {found}")));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Tasks that wait a nanosecond for each other came to no end: time passed, a nanosecond at a time.
#[test]
fn tasks_that_take_hardly_any_time_are_refused() {
    let text = r#"
schema = 1
name = "once"
[run]
duration = "100ms"
[host]
cores = 5
ideal = true
[actor.a]
focus = true
threads = 12
queue = "lockfree"
load = { clients = 31 }
steps = [ { name = "s", touch = "16KiB", batch = { most = 5, within = "5ms" } } ]
"#;
    let scenario = Scenario::parse(text, "once").unwrap();
    let ran = VirtualEngine::ideal().run(&Experiment::new(scenario, LoadArm::Baseline), &Progress::default());
    let said = ran.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(said.contains("that take hardly any time"), "{said}");
}

/// Every key of the language is drawn by somebody: a key that is not is not tested.
#[test]
fn every_key_is_drawn() {
    let all: Vec<String> = (0..400).map(|number| Author::new(18, number).scenario()).collect();
    for key in [
        "pool = ",
        "share = ",
        "chance = ",
        "fail = ",
        "panic = ",
        "batch = ",
        "blocks = ",
        "offload = ",
        "fan = ",
        "wait = \"first\"",
        "parallel = ",
        "hedge = ",
        "timeout = ",
        "cancel = ",
        "retry = ",
        "budget = ",
        "send = ",
        "call = ",
        "full = ",
        "shed = ",
        "slowdown = ",
        "nice = ",
        "restart = ",
        "instances = ",
        "route = ",
        "workers = \"w\"",
        "mix = ",
        ".on.get]",
        "phases = ",
        "quota = ",
        "siblings = ",
        "kill = ",
        "pause = ",
        "ttl = ",
        "once = ",
        "next = ",
        "prefer = ",
        "under = ",
        "write = \"d",
        "read = \"d",
        "times = ",
        "steps = [ { name = \"s00\"",
        "call = [",
        "priority = ",
        "interval = ",
        "private = ",
        "shards = ",
        "empirical = ",
        "ideal = true",
        "issuers = true",
        "spread = false",
        "wake = \"",
        "base_slice = ",
    ] {
        let valid = |text: &&String| text.contains(key) && Scenario::parse(text, "random").is_ok();
        assert!(all.iter().any(|text| valid(&text)), "no valid scenario has `{key}`");
    }
}

#[test]
fn a_scenario_that_fails_is_made_small() {
    let with_retry = (0..400)
        .map(|number| Author::new(18, number).scenario())
        .find(|text| text.contains("retry") && Scenario::parse(text, "random").is_ok())
        .unwrap();
    let small = shrunk(&with_retry, |text| text.contains("retry"));
    assert!(small.contains("retry") && Scenario::parse(&small, "random").is_ok());
    let lines = small.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines < 20 && lines < with_retry.lines().count(), "{small}");
}
