//! Random valid scenarios of the whole language: every identity holds in each, and nothing but a stated verdict makes a run
//! untrustworthy. One that fails is made as small as it can be.
//!
//! They take minutes, so that the suite runs those of `random_scenarios`, which have fewer mechanisms; these by
//!
//! ```sh
//! CONLAB_SCENARIOS=1000 CONLAB_SEED=7 cargo test --test suite random_language -- --ignored
//! ```

use super::author::{Author, setting, shrunk};
use super::random_scenarios::fault;
use conlab::engine::VirtualEngine;
use conlab::scenario::Scenario;

/// A system that stands still.
const STATED: [&str; 1] = ["deadlock"];

#[test]
#[ignore = "minutes"]
fn identities_hold_in_every_valid_scenario_of_the_language() {
    let (wanted, seed) = (setting("CONLAB_SCENARIOS", 150), setting("CONLAB_SEED", 18));
    let engines = [VirtualEngine::ideal(), VirtualEngine::new()];
    let (mut ran, mut drawn) = (0, 0);
    while ran < wanted {
        let text = Author::new(seed, drawn).scenario();
        drawn += 1;
        assert!(drawn < 6 * wanted, "seed {seed}: {ran} of {drawn} scenarios are valid");
        if Scenario::parse(&text, "random").is_err() {
            continue;
        }
        let engine = &engines[usize::try_from(ran % 2).unwrap()];
        if let Some(found) = fault(&text, engine, &STATED) {
            let small = shrunk(&text, |text| fault(text, engine, &STATED).is_some());
            let why = fault(&small, engine, &STATED).unwrap_or_default();
            panic!("seed {seed}, scenario {}: {found}\nas small as it fails: {why}\n{small}", drawn - 1);
        }
        ran += 1;
    }
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
    assert!(lines < 12 && lines < with_retry.lines().count(), "{small}");
}
