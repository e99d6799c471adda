//! Who works where: steps that the blocking pool does, instances of an actor, workers that several actors share; on the virtual
//! engine, against closed forms.

use super::oracle::{agrees, estimate};
use super::simulated::ideal;
use conlab::measure::RunRecord;
use conlab::scenario::{EngineKind, Scenario};
use conlab::study::{Knob, Mechanism};
use conlab::theory::{mm1_wait, mmc_wait};

/// A scenario with an actor `a` in focus.
fn scenario(run: &str, cores: u32, actor: &str, others: &str) -> String {
    format!(
        "schema = 1\nname = \"workplaces\"\n[run]\nwarmup = \"2s\"\n{run}\n[host]\ncores = {cores}\n\
         [actor.a]\nfocus = true\n{actor}\n{others}\n"
    )
}

/// Everything that was issued ended in exactly one way.
fn nothing_is_lost(record: &RunRecord) {
    for (name, actor) in &record.actors {
        let ended = actor.completed + actor.refused + actor.timed_out + actor.failed + actor.cancelled;
        assert_eq!(actor.issued, ended + actor.in_flight, "{name}");
    }
}

/// One asynchronous worker, whose step of an exponential millisecond is done by a blocking pool, or not.
fn offloading(offload: &str) -> String {
    scenario(
        "tasks = 30000",
        8,
        &format!(
            "queue = \"async\"\nload = {{ rate = \"1200/s\" }}\n{offload}\nsteps = [\n\
             {{ name = \"look\", compute = \"10us\" }},\n\
             {{ name = \"hash\", offload = true, compute = \"1ms\", spread = \"exponential\" }}]"
        ),
        "",
    )
}

#[test]
fn an_offloaded_step_waits_for_a_thread_of_its_pool_as_erlang_says() {
    for threads in [2, 3] {
        let text = offloading(&format!("offload = {{ threads = {threads} }}"));
        let theory = mmc_wait(1.2, threads, 1.0).unwrap();
        let name = format!("{threads} threads");
        agrees(
            &name,
            estimate(&text, |record| record.actors["a.offload"].breakdown_mean_ns.queue / 1e6),
            theory,
        );
        // To the caller all of it is the call.
        let call = |record: &RunRecord| record.actors["a"].breakdown_mean_ns.call / 1e6;
        agrees(&name, estimate(&text, call), theory + 1.0);
        nothing_is_lost(&ideal(&text, 1));
    }
    // The event loop is free meanwhile: it could not carry 1.2 erlangs alone.
    let record = ideal(&offloading("offload = { threads = 3 }"), 1);
    let workers: Vec<&str> = record.threads.iter().map(|thread| thread.actor.as_str()).collect();
    assert_eq!(workers, ["a", "a.offload", "a.offload", "a.offload"]);
    assert!(record.threads[0].work_ns < record.window.length_ns / 50, "{:?}", record.threads[0]);
}

#[test]
fn a_blocking_pool_has_the_default_of_tokio() {
    let scenario = Scenario::parse(&offloading(""), "test.toml").unwrap();
    assert_eq!((scenario.actors[1].name.as_str(), scenario.actors[1].threads), ("a.offload", 512));
}

#[test]
fn offloaded_steps_keep_their_chances_failures_and_locks() {
    // Two offloaded steps, so two kinds; one of them rarely, one of them failing at times, in a section of the caller.
    let text = scenario(
        "tasks = 20000",
        8,
        "queue = \"async\"\nload = { clients = 4, think = \"1ms\" }\noffload = { threads = 4 }\nsteps = [\n\
         { name = \"rare\", chance = 0.1, offload = true, io = \"1ms\", times = 2 },\n\
         { name = \"commit\", lock = \"log\", steps = [\n\
           { name = \"write\", offload = true, io = \"100us\" } ] },\n\
         { name = \"check\", offload = true, compute = \"10us\", fail = 0.05 }]",
        "[lock.log]",
    );
    let record = ideal(&text, 1);
    nothing_is_lost(&record);
    let (a, pool) = (&record.actors["a"], &record.actors["a.offload"]);
    let kinds: Vec<&str> = pool.kinds.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["check", "rare", "write"]);
    let share = pool.kinds["rare"].completed as f64 / pool.kinds["write"].completed as f64;
    assert!((0.08..0.12).contains(&share), "{share}");
    let failed = a.failed as f64 / a.issued as f64;
    assert!((0.04..0.06).contains(&failed), "{failed}");
    // The section's lock is held while the pool writes.
    assert!(record.locks["log"].hold_ns.mean >= 1e5, "{:?}", record.locks["log"]);
    assert_eq!(record.locks["log"].acquisitions, pool.kinds["write"].issued);
}

#[test]
fn causes_of_an_offloaded_step_can_be_asked_for() {
    let scenario = Scenario::parse(&offloading("offload = { threads = 2 }"), "test.toml").unwrap();
    let names: Vec<String> =
        Knob::all(&scenario, EngineKind::Virtual).iter().map(|knob| knob.name(&scenario)).collect();
    assert!(names.contains(&"step:a.offload.hash".to_owned()), "{names:?}");
    let without = Mechanism::Switching.without(&scenario, EngineKind::Virtual).unwrap();
    assert_eq!(without.host.cores, Some(3));
}
