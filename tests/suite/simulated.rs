//! Runs of the virtual engine from a scenario's text.

use conlab::engine::{Engine, Experiment, Progress, VirtualEngine};
use conlab::measure::RunRecord;
use conlab::measure::record::GroupRecord;
use conlab::scenario::{LoadArm, Scenario, Treatment};

/// The record of one arm of a scenario on `engine`, under `seed`.
pub(crate) fn arm(engine: &VirtualEngine, text: &str, load: LoadArm, seed: u64) -> RunRecord {
    let scenario = Scenario::parse(text, "test.toml").unwrap();
    let scenario = scenario.treated(&Treatment { load, ..Treatment::default() });
    let mut experiment = Experiment::new(scenario, load);
    experiment.seed = seed;
    let record = engine.run(&experiment, &Progress::default()).unwrap().record;
    for identity in &record.identities {
        assert!(identity.holds, "seed {seed}: {} does not hold: {}", identity.name, identity.detail);
    }
    record
}

/// The baseline arm on a host that charges nothing.
pub(crate) fn ideal(text: &str, seed: u64) -> RunRecord {
    arm(&VirtualEngine::ideal(), text, LoadArm::Baseline, seed)
}

/// Everything that was issued ended in exactly one way, in the actor and in each of its kinds.
pub(crate) fn nothing_is_lost(record: &RunRecord) {
    for (name, actor) in &record.actors {
        assert_eq!(actor.issued, actor.ended() + actor.in_flight, "{name}");
        if !actor.kinds.is_empty() {
            let sum = |of: fn(&GroupRecord) -> u64| actor.kinds.values().map(of).sum::<u64>();
            assert_eq!(actor.issued, sum(|kind| kind.issued), "{name}");
            assert_eq!(actor.completed, sum(|kind| kind.completed), "{name}");
            assert_eq!(actor.timed_out, sum(|kind| kind.timed_out), "{name}");
            assert_eq!(actor.refused, sum(|kind| kind.refused), "{name}");
        }
    }
}
