//! Random scenarios of the whole language on real threads: nothing is lost in any of them. One that fails is made as small as it
//! can be. More of them: `CONLAB_SCENARIOS=200 CONLAB_SEED=7 cargo test --test real random -- --ignored`.

use super::author::{Author, setting, shrunk};
use conlab::engine::real::RealEngine;
use conlab::engine::{Engine, EngineError, Experiment, Progress};
use conlab::scenario::{LoadArm, Scenario};
use conlab::units::Nanos;

/// What is wrong with a short run of it, if anything; nothing as well where it is refused.
fn fault(text: &str) -> Option<String> {
    let mut scenario = Scenario::parse(text, "random").ok()?;
    // However slow the machine: a run ends by its clock.
    scenario.run.duration = Some(Nanos::from_millis(60));
    scenario.run.warmup = Nanos::from_millis(10);
    scenario.host.cores = None;
    let ran = RealEngine::new().run(&Experiment::new(scenario, LoadArm::Baseline), &Progress::default());
    let record = match ran {
        Ok(output) => output.record,
        Err(EngineError::Unsupported(_)) => return None,
        Err(error) => return Some(error.to_string()),
    };
    let names = ["nothing-lost", "task-time", "little"];
    let is_exact = |name: &str| names.iter().any(|kind| name.split(' ').next() == Some(*kind));
    let broken = record.identities.iter().find(|one| !one.holds && is_exact(&one.name));
    broken.map(|identity| format!("{}: {}", identity.name, identity.detail))
}

#[test]
#[ignore = "minutes"]
fn nothing_is_lost_in_random_scenarios() {
    let (wanted, seed) = (setting("CONLAB_SCENARIOS", 12), setting("CONLAB_SEED", 18));
    let (mut ran, mut drawn) = (0, 0);
    while ran < wanted {
        let text = Author::new(seed, drawn).scenario();
        drawn += 1;
        assert!(drawn < 10 * wanted, "seed {seed}: {ran} of {drawn} scenarios are valid");
        if Scenario::parse(&text, "random").is_err() {
            continue;
        }
        ran += 1;
        if let Some(found) = fault(&text) {
            println!("seed {seed}, scenario {}: {found}\n{text}\nmaking it smaller", drawn - 1);
            // What depends on chance is asked twice.
            let small = shrunk(&text, |text| fault(text).is_some() && fault(text).is_some());
            panic!("seed {seed}, scenario {}: {found}\nas small as it fails:\n{small}", drawn - 1);
        }
    }
}
