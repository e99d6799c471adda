//! A real tokio-console client against a real run. Needs a build of its own:
//!
//! `RUSTFLAGS="--cfg tokio_unstable" cargo test --features console --target-dir target/console --test console`
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use conlab::engine::Experiment;
use conlab::queue::QueueKind;
use conlab::scenario::{LoadArm, Overrides, Scenario, Treatment};

/// The default scenario on tokio with sixteen workers, watched.
fn watched(address: std::net::SocketAddr) -> Experiment {
    let scenario = Scenario::load("agents", &Overrides::default()).unwrap();
    let treatment = Treatment { threads: Some(16), queue: Some(QueueKind::Async), ..Treatment::default() };
    let mut scenario = scenario.treated(&treatment);
    scenario.run.tasks = None;
    scenario.run.warmup = conlab::units::Nanos::ZERO;
    scenario.run.duration = Some(conlab::units::Nanos::from_secs(60));
    let mut experiment = Experiment::new(scenario, LoadArm::Baseline);
    experiment.console = Some(address);
    experiment
}

#[cfg(not(all(feature = "console", tokio_unstable)))]
#[test]
fn a_build_without_the_console_says_how_to_make_one() {
    use conlab::engine::{Engine, Progress, real::RealEngine};
    let error =
        RealEngine::new().run(&watched(([127, 0, 0, 1], 0).into()), &Progress::default()).unwrap_err();
    assert!(error.to_string().contains("--features console"), "{error}");
}

#[cfg(all(feature = "console", tokio_unstable))]
mod client;
