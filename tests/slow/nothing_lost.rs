//! Nothing is lost: a million tasks on 64 real threads under each way in which tasks can end, counted exactly.
#![expect(clippy::print_stdout, reason = "the counts are the result")]

use conlab::engine::real::RealEngine;
use conlab::engine::{Engine, Experiment, Progress};
use conlab::scenario::{LoadArm, Scenario};

/// Runs a million tasks of `a`, on 64 threads, and holds every actor's count against its ends.
fn counts(what: &str, shared: &str, actor: &str, others: &str) {
    let tasks =
        std::env::var("CONLAB_TASKS").ok().and_then(|tasks| tasks.parse().ok()).unwrap_or(1_000_000_u64);
    let text = format!(
        "schema = 1\nname = \"lossless\"\n[run]\nwarmup = \"50ms\"\ntasks = {tasks}\n{shared}\n\
         [actor.a]\nfocus = true\nthreads = 64\n{actor}\n{others}\n"
    );
    let scenario = Scenario::parse(&text, "lossless").unwrap();
    let record = RealEngine::new()
        .run(&Experiment::new(scenario, LoadArm::Baseline), &Progress::default())
        .unwrap()
        .record;
    let lost: Vec<_> =
        record.identities.iter().filter(|identity| identity.name.starts_with("nothing-lost ")).collect();
    assert_eq!(lost.len(), record.actors.len(), "{what}");
    for identity in lost {
        assert!(identity.holds, "{what}: {}", identity.detail);
    }
    for (name, actor) in &record.actors {
        assert_eq!(actor.issued, actor.ended() + actor.in_flight, "{what}, {name}");
        println!(
            "| {what} | {name} | {} | {} | {} | {} | {} ({} died) | {} | {} |",
            actor.issued,
            actor.completed,
            actor.refused,
            actor.timed_out,
            actor.failed,
            actor.died,
            actor.cancelled,
            actor.in_flight
        );
    }
    let a = &record.actors["a"];
    assert!(a.issued >= tasks, "{what}: {} of {tasks}", a.issued);
}

#[test]
#[ignore = "minutes"]
fn nothing_is_lost_at_64_threads_and_a_million_tasks() {
    let leaf = "[actor.leaf]\nthreads = 16\ncapacity = 64\nfull = \"refuse\"\ntimeout = \"1ms\"\nsteps = [{ name = \"s\", compute = \"1us\", fail = 0.01 }]";
    let closed = "load = { clients = 128 }";
    for (what, shared, actor, others) in [
        ("completed", "", format!("{closed}\nsteps = [{{ name = \"s\", compute = \"500ns\" }}]"), ""),
        (
            "failures and panics",
            "",
            format!("{closed}\nrestart = \"100us\"\nsteps = [{{ name = \"s\", compute = \"500ns\", fail = 0.05, panic = \"0.1%\" }}]"),
            "",
        ),
        (
            "workers killed",
            "[event.crash]\nevery = \"100ms\"\nfor = \"10ms\"\nkill = \"a\"\nworkers = 32",
            format!("{closed}\nsteps = [{{ name = \"s\", lock = \"l\", compute = \"500ns\" }}]"),
            "[lock.l]\nnext = \"fifo\"",
        ),
        (
            "pools and patience",
            "[pool.p]\nsize = 8\ntimeout = \"200us\"",
            "load = { clients = 128, think = \"10us\" }\ntimeout = \"2ms\"\nsteps = [{ name = \"s\", pool = \"p\", compute = \"1us\" }]".into(),
            "",
        ),
        (
            "calls, retries and refusals",
            "",
            "load = { clients = 128, think = \"10us\" }\nsteps = [{ name = \"ask\", call = \"leaf\", timeout = \"2ms\", cancel = true,\n\
             retry = { times = 2, budget = \"20%\" } }]"
                .into(),
            leaf,
        ),
        (
            "fan-outs and hedges",
            "",
            "load = { clients = 64, think = \"10us\" }\nsteps = [{ name = \"ask\", call = \"leaf\", fan = 3, wait = 2, hedge = \"1ms\", cancel = true }]".into(),
            leaf,
        ),
        (
            "batches on instances",
            "",
            "instances = 1\nload = { clients = 128 }\nsteps = [{ name = \"s\", compute = \"1us\", batch = { most = 16, within = \"0ms\" } }]".into(),
            "",
        ),
    ] {
        counts(what, shared, &actor, others);
    }
}
