//! A real tokio-console client against a real run. Needs a build of its own:
//!
//! `RUSTFLAGS="--cfg tokio_unstable" cargo test --features console --target-dir target/console --test console`
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use conlab::engine::{Engine, Experiment, Progress, real::RealEngine};
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
    let error =
        RealEngine::new().run(&watched(([127, 0, 0, 1], 0).into()), &Progress::default()).unwrap_err();
    assert!(error.to_string().contains("--features console"), "{error}");
}

#[cfg(all(feature = "console", tokio_unstable))]
mod client {
    use super::*;
    use console_api::field::{Name, Value};
    use console_api::instrument::InstrumentRequest;
    use console_api::instrument::instrument_client::InstrumentClient;
    use std::collections::BTreeSet;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    /// Names of the tasks that a client is told of, until `enough` of them say so or the updates end.
    async fn names(
        address: std::net::SocketAddr,
        enough: impl Fn(&BTreeSet<String>) -> bool,
    ) -> BTreeSet<String> {
        let mut client = loop {
            match InstrumentClient::connect(format!("http://{address}")).await {
                Ok(client) => break client,
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        };
        let mut updates = client.watch_updates(InstrumentRequest {}).await.unwrap().into_inner();
        let mut names = BTreeSet::new();
        while let Some(update) = updates.message().await.unwrap() {
            for task in update.task_update.into_iter().flat_map(|update| update.new_tasks) {
                for field in task.fields {
                    if let (Some(Name::StrName(name)), Some(Value::StrVal(value) | Value::DebugVal(value))) =
                        (field.name, field.value)
                        && name == "task.name"
                    {
                        names.insert(value);
                    }
                }
            }
            if enough(&names) {
                break;
            }
        }
        names
    }

    #[test]
    fn a_client_lists_every_actor_and_worker_by_name() {
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let experiment = watched(address);
        let mut wanted: BTreeSet<String> = (0..16).map(|number| format!("agents-{number}")).collect();
        let mut worker = 0;
        for actor in &experiment.scenario.actors {
            for _ in 0..actor.threads {
                if actor.queue != QueueKind::Async {
                    wanted.insert(format!("{}-{worker}", actor.name));
                }
                worker += 1;
            }
        }
        let progress = Progress::default();
        let shared = progress.clone();
        let run = std::thread::spawn(move || RealEngine::new().run(&experiment, &shared).unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let seen = runtime.block_on(async {
            let all = |names: &BTreeSet<String>| wanted.is_subset(names);
            tokio::time::timeout(Duration::from_secs(30), names(address, all)).await
        });
        progress.stop.store(true, Ordering::Relaxed);
        let output = run.join().unwrap();
        let seen = seen.expect("every name within thirty seconds");
        println!("a client sees {} tasks, among them {wanted:?}", seen.len());
        assert!(output.record.instrumented, "watched runs are marked");
    }
}
