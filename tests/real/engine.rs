//! The real engine on this machine: identities under every queue, causes where they must be, and figures that agree
//! with what the kernel tells others.

use conlab::engine::real::RealEngine;
use conlab::engine::{Engine, Experiment, Progress};
use conlab::measure::RunRecord;
use conlab::queue::QueueKind;
use conlab::scenario::{LoadArm, Scenario, Treatment};

/// Agents with work, a lock, a wait and a call; `{}` is the program of the agents.
fn scenario(steps: &str) -> Scenario {
    let text = format!(
        r#"
schema = 1
name = "probe"
[run]
duration = "300ms"
warmup = "50ms"
[lock.registry]
kind = "mutex"
[actor.agents]
focus = true
threads = 4
load = {{ clients = 8 }}
steps = [ {steps} ]
[actor.helper]
threads = 1
steps = [ {{ name = "help", compute = "20us" }} ]
"#
    );
    Scenario::parse(&text, "probe").unwrap()
}

fn run(scenario: &Scenario, threads: usize, queue: QueueKind) -> RunRecord {
    let treatment = Treatment { threads: Some(threads), queue: Some(queue), ..Treatment::default() };
    let experiment = Experiment::new(scenario.treated(&treatment), LoadArm::Baseline);
    RealEngine::new().run(&experiment, &Progress::default()).unwrap().record
}

/// Everything but the time of threads, which a busy machine can take away.
fn assert_sound(record: &RunRecord, what: &str) {
    for identity in record.identities.iter().filter(|identity| identity.name != "thread-time") {
        assert!(identity.holds, "{what}: {}: {}", identity.name, identity.detail);
    }
    let focus = &record.actors[&record.treatment.focus];
    assert!(focus.completed > 0, "{what}: no task completed");
    let mean = focus.breakdown_mean_ns.total();
    assert!(
        (mean - focus.sojourn_ns.mean).abs() <= focus.sojourn_ns.mean * 1e-3 + 1.0,
        "{what}: parts sum to {mean}"
    );
}

#[test]
fn nothing_is_lost_under_any_queue_at_any_number_of_threads() {
    let everything = scenario(
        r#"{ name = "work", compute = "50us" }, { name = "register", lock = "registry", compute = "10us" },
           { name = "wait", io = "200us" }, { name = "ask", call = "helper" }, { name = "tell", send = "helper" }"#,
    );
    for queue in QueueKind::ALL {
        for threads in [1, 16] {
            let record = run(&everything, threads, queue);
            assert_sound(&record, &format!("{} × {threads}", queue.name()));
            let helper = &record.actors["helper"];
            assert_eq!(helper.issued, helper.completed + helper.refused + helper.in_flight);
        }
    }
}

#[test]
fn empty_steps_are_dispatched_without_loss() {
    let nothing = scenario("");
    for queue in QueueKind::ALL {
        assert_sound(&run(&nothing, 2, queue), queue.name());
    }
}

/// Sixteen threads on one processor: a task of 2 ms is on it for a sixteenth of the time.
#[test]
fn more_threads_than_processors_show_as_run_queue_wait() {
    let mut work = scenario(r#"{ name = "work", compute = "2ms" }"#);
    work.host.cores = Some(1);
    work.run.duration = Some(conlab::units::Nanos::from_millis(1500));
    let record = run(&work, 8, QueueKind::LockFree);
    assert_sound(&record, "oversubscribed");
    let shares = record.actors["agents"].shares;
    assert!(shares.context_switching > 0.5, "{shares:?}");
    assert!(shares.lock_acquisition < 0.1, "{shares:?}");
}

#[test]
fn a_lock_held_across_a_wait_shows_as_lock_acquisition_and_a_wait_alone_does_not() {
    let mut held = scenario(r#"{ name = "hold", lock = "registry", io = "2ms" }"#);
    // Barging lets a waiter starve for a while; Little's law needs a window that is long beside the longest sojourn.
    held.run.duration = Some(conlab::units::Nanos::from_secs(2));
    let held = run(&held, 4, QueueKind::Mutex);
    let free = run(&scenario(r#"{ name = "wait", io = "2ms" }"#), 4, QueueKind::Mutex);
    assert_sound(&held, "held");
    assert_sound(&free, "free");
    let lock = |record: &RunRecord| record.actors["agents"].breakdown_mean_ns.lock;
    let service = held.actors["agents"].service_ns.mean;
    assert!(lock(&held) > 0.5 * service, "{} of {service}", lock(&held));
    assert!(lock(&free) < 1.0, "{}", lock(&free));
    let registry = &held.locks["registry"];
    assert!(registry.contended > 0);
    // Waits that go on at the end of the window count as well.
    assert_eq!(registry.wait_ns.count, registry.acquisitions + registry.open_waits);
}

#[test]
fn open_load_counts_from_the_intended_start_and_refuses_what_does_not_fit() {
    let mut open = scenario(r#"{ name = "work", compute = "5ms" }"#);
    open.actors[0].capacity = 2;
    open.actors[0].load =
        conlab::scenario::Load::Open { rate: 2000.0, arrivals: conlab::scenario::Arrivals::Paced };
    let record = run(&open, 1, QueueKind::Mutex);
    let agents = &record.actors["agents"];
    assert!(agents.refused > 0, "{agents:?}");
    assert_eq!(agents.issued, agents.completed + agents.refused + agents.in_flight);
    let uncorrected = agents.sojourn_uncorrected_ns.as_ref().unwrap();
    assert!(uncorrected.mean <= agents.sojourn_ns.mean);
}

#[test]
fn a_queue_of_ones_own_takes_the_place_of_a_kind() {
    let engine = RealEngine::with_queue(QueueKind::Mutex, |capacity| {
        conlab::queue::build(QueueKind::ArrayQueue, capacity)
    });
    let work = scenario(r#"{ name = "work", compute = "20us" }"#);
    let experiment = Experiment::new(work, LoadArm::Baseline);
    let record = engine.run(&experiment, &Progress::default()).unwrap().record;
    assert_sound(&record, "own queue");
}

#[test]
fn the_interpreter_lock_lets_one_thread_work_at_a_time() {
    let mut work = scenario(r#"{ name = "work", compute = "3ms" }"#);
    work.locks[0].kind = conlab::scenario::LockKind::Gil {
        interval: conlab::units::Nanos::from_millis(5),
        check: conlab::units::Nanos::from_micros(1),
    };
    work.actors[0].steps[0].under = Some(0);
    let record = run(&work, 2, QueueKind::Mutex);
    assert_sound(&record, "interpreter lock");
    let gil = &record.locks["registry"];
    assert_eq!(gil.kind, "gil");
    assert!(gil.forced_drops.unwrap() > 0, "{gil:?}");
    // Work of both threads together cannot exceed the window.
    let worked: u64 = record.threads.iter().map(|thread| thread.work_ns).sum();
    assert!(worked <= record.window.length_ns + 20_000_000, "{worked} of {}", record.window.length_ns);
}
