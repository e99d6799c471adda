//! Costs that grow with concurrency, weights of threads, processors that share a core, panics, workers that die and writers
//! that wait for each other: on the virtual engine, against closed forms and exact counts.

use super::oracle::{agrees, estimate};
use super::simulated::{arm, ideal, nothing_is_lost};
use conlab::engine::VirtualEngine;
use conlab::measure::RunRecord;
use conlab::measure::record::ActorRecord;
use conlab::scenario::LoadArm;
use conlab::theory::dps_sojourns;

/// A scenario with an actor `a` in focus.
fn scenario(run: &str, host: &str, actor: &str, others: &str) -> String {
    format!(
        "schema = 1\nname = \"hardships\"\n[run]\nwarmup = \"1s\"\n{run}\n[host]\n{host}\n\
         [actor.a]\nfocus = true\n{actor}\n{others}\n"
    )
}

fn a(record: &RunRecord) -> &ActorRecord {
    &record.actors["a"]
}

fn near(what: &str, value: f64, expected: f64, tolerance: f64) {
    assert!((value / expected - 1.0).abs() <= tolerance, "{what}: {value}, expected {expected}");
}

#[test]
fn work_takes_longer_the_more_tasks_are_under_way() {
    for (step, queue) in [("compute", "mutex"), ("io", "mutex"), ("compute", "async"), ("touch", "mutex")] {
        let effect = if step == "touch" { "touch = \"64KiB\"" } else { &format!("{step} = \"1ms\"") };
        let text = |slowdown: &str| {
            scenario(
                "duration = \"5s\"",
                "cores = 20\ntouch = \"20us\"",
                &format!(
                    "threads = 20\nqueue = \"{queue}\"\n{slowdown}\nload = {{ clients = 20 }}\n\
                     steps = [{{ name = \"s\", {effect} }}]"
                ),
                "",
            )
        };
        // Ten of twenty are beyond: each of them adds a tenth, so that all take twice as long.
        let (with, without) =
            (ideal(&text("slowdown = { beyond = 10, each = \"10%\" }"), 1), ideal(&text(""), 1));
        let factor = a(&with).sojourn_ns.mean / a(&without).sojourn_ns.mean;
        near(step, factor, 2.0, 0.002);
        near(step, a(&with).throughput_per_s, a(&without).throughput_per_s / 2.0, 0.002);
        nothing_is_lost(&with);
        let few = ideal(&text("slowdown = { beyond = 20, each = \"10%\" }"), 1);
        near(step, a(&few).sojourn_ns.mean, a(&without).sojourn_ns.mean, 1e-9);
    }
}

/// Two actors that compute without a pause on one processor.
fn niced(host: &str, nice: [i32; 2]) -> String {
    let actor = |nice: i32| {
        format!(
            "threads = 1\nnice = {nice}\nload = {{ clients = 1 }}\nsteps = [{{ name = \"s\", compute = \"700us\" }}]"
        )
    };
    scenario("duration = \"8s\"", host, &actor(nice[0]), &format!("[actor.b]\n{}", actor(nice[1])))
}

#[test]
fn threads_get_their_share_of_a_processor_by_weight() {
    // Linux's weights: 1024 at 0, 335 at 5, 3121 at -5.
    for (nice, ratio) in
        [([0, 0], 1.0), ([0, 5], 1024.0 / 335.0), ([-5, 0], 3121.0 / 1024.0), ([19, 17], 15.0 / 23.0)]
    {
        for host in [
            "cores = 1\nideal = true\nslice = \"1ms\"",
            "cores = 1\nideal = true\nbase_slice = \"3ms\"\nkernel_tick = \"1ms\"",
            "cores = 1\nideal = true\nslice = \"3ms\"\nkernel_tick = \"1ms\"",
        ] {
            let record = arm(&VirtualEngine::new(), &niced(host, nice), LoadArm::Baseline, 1);
            let found = a(&record).throughput_per_s / record.actors["b"].throughput_per_s;
            near(&format!("{nice:?} on {host}"), found, ratio, 0.02);
            let sum = a(&record).throughput_per_s + record.actors["b"].throughput_per_s;
            near(host, sum, 1e6 / 700.0, 0.001);
        }
    }
}

/// The wrong program: one that gives every thread the same share.
#[test]
fn two_classes_share_a_processor_as_fayolle_says() {
    let actor = |nice: i32, rate: u32, service: &str| {
        format!(
            "threads = 400\ncapacity = 1000000\nnice = {nice}\nload = {{ rate = \"{rate}/s\" }}\n\
             steps = [{{ name = \"s\", compute = \"{service}\", spread = \"exponential\" }}]"
        )
    };
    let text = scenario(
        "duration = \"40s\"",
        "cores = 1\nslice = \"40us\"",
        &actor(0, 300, "1ms"),
        &format!("[actor.b]\n{}", actor(7, 150, "2ms")),
    );
    let theory = dps_sojourns([0.3, 0.15], [1.0, 2.0], [1024.0, 215.0]).unwrap();
    let alike = dps_sojourns([0.3, 0.15], [1.0, 2.0], [1.0, 1.0]).unwrap();
    for (name, theory, alike) in [("a", theory[0], alike[0]), ("b", theory[1], alike[1])] {
        let found = estimate(&text, |record| record.actors[name].sojourn_ns.mean / 1e6);
        agrees(name, (found.0, found.1.max(0.01 * theory)), theory);
        assert!((found.0 - alike).abs() > found.1, "{name}: {found:?} does not tell weights apart");
    }
}

#[test]
fn two_processors_of_a_core_are_slower_while_both_are_busy() {
    let text = |clients: u32, cores: u32, siblings: &str| {
        scenario(
            "duration = \"5s\"",
            &format!("cores = {cores}\n{siblings}"),
            &format!(
                "threads = {clients}\nload = {{ clients = {clients} }}\nsteps = [{{ name = \"s\", compute = \"1ms\" }}]"
            ),
            "",
        )
    };
    let throughput =
        |clients, cores, siblings: &str| a(&ideal(&text(clients, cores, siblings), 1)).throughput_per_s;
    // Alone at full speed, both at 60 %; three on two cores: one alone, two at 60 %.
    for (clients, cores, expected) in
        [(1, 2, 1000.0), (2, 2, 1200.0), (2, 4, 2000.0), (3, 4, 2200.0), (4, 4, 2400.0)]
    {
        near(
            &format!("{clients} on {cores}"),
            throughput(clients, cores, "siblings = \"60%\""),
            expected,
            0.002,
        );
    }
    near("no siblings", throughput(2, 2, ""), 2000.0, 0.001);
    // Where both are busy for a part of the time only: 2 ms of work against 1 ms, each with a pause between.
    let text = scenario(
        "duration = \"100s\"",
        "cores = 2\nsiblings = \"50%\"\nslice = \"1ms\"",
        "threads = 2\nload = { clients = 2, think = \"500us\" }\nsteps = [{ name = \"s\", compute = \"1ms\", spread = \"exponential\" }]",
        "",
    );
    let record = ideal(&text, 1);
    // Two at half the speed do as much as one: M/M/1 with two customers, which think for half a service.
    let theory = 1000.0 * conlab::theory::machine_repair(2, 1, 0.5, 1.0).unwrap().0;
    near("as one server", a(&record).throughput_per_s, theory, 0.015);
}

#[test]
fn tasks_panic_as_often_as_they_should_and_cost_their_worker_some_time() {
    let text = |panic: &str, restart: &str| {
        scenario(
            "duration = \"30s\"",
            "cores = 4",
            &format!(
                "threads = 1\n{restart}\nload = {{ clients = 3 }}\nsteps = [\n\
                 {{ name = \"s\", lock = \"l\", compute = \"1ms\", panic = {panic} }}, {{ name = \"after\", compute = \"1us\" }}]"
            ),
            "[lock.l]",
        )
    };
    let every = ideal(&text("{ every = 10 }", ""), 1);
    nothing_is_lost(&every);
    near("a tenth", a(&every).failed as f64 / a(&every).issued as f64, 0.1, 0.001);
    assert_eq!(a(&every).died, a(&every).failed);
    // Ten tasks of 1 ms, then 5 ms without the worker; a client whose task failed thinks for an instant.
    let away = ideal(&text("{ every = 10 }", "restart = \"5ms\""), 1);
    nothing_is_lost(&away);
    near("with restarts", a(&away).throughput_per_s, 9.0 / 0.015_009, 0.002);
    let once = ideal(&text("{ task = 2000 }", "restart = \"1s\""), 1);
    assert_eq!((a(&once).failed, a(&once).died), (1, 1));
    near("once", a(&once).completed_in_window.unwrap() as f64, 29_000.0 / 1.001, 0.001);
    let chance = ideal(&text("\"5%\"", ""), 1);
    let share = a(&chance).failed as f64 / a(&chance).issued as f64;
    assert!((share - 0.05).abs() < 4.0 * (0.05 * 0.95 / a(&chance).issued as f64).sqrt(), "{share}");
    // A handler of tokio fails alone.
    let handlers = ideal(&text("{ every = 10 }", "queue = \"async\""), 1);
    nothing_is_lost(&handlers);
    near("async", a(&handlers).failed as f64 / a(&handlers).issued as f64, 0.1, 0.001);
}

#[test]
fn callers_learn_of_a_panic() {
    let text = scenario(
        "duration = \"10s\"",
        "cores = 4",
        "threads = 2\nload = { clients = 2 }\nsteps = [{ name = \"ask\", call = \"leaf\" }]",
        "[actor.leaf]\nthreads = 2\nsteps = [{ name = \"s\", compute = \"1ms\", panic = { every = 4 } }]",
    );
    let record = ideal(&text, 1);
    nothing_is_lost(&record);
    let leaf = &record.actors["leaf"];
    assert!(
        leaf.died > 0 && a(&record).failed.abs_diff(leaf.died) <= 2,
        "{} {}",
        a(&record).failed,
        leaf.died
    );
    assert_eq!(a(&record).died, 0);
}

#[test]
fn killed_workers_drop_what_they_do_and_come_back() {
    let text = |workers: &str, effect: &str| {
        scenario(
            "duration = \"10s\"",
            "cores = 8",
            &format!(
                "threads = 4\nload = {{ clients = 8, think = \"1us\" }}\nsteps = [{{ name = \"s\", lock = \"l\", share = true, {effect} }}]"
            ),
            &format!(
                "[lock.l]\nkind = \"shared\"\n[event.crash]\nat = \"3s\"\nfor = \"2s\"\nkill = \"a\"\n{workers}"
            ),
        )
    };
    for effect in ["compute = \"1ms\"", "io = \"1ms\""] {
        let all = ideal(&text("", effect), 1);
        nothing_is_lost(&all);
        // What was in hand failed; nobody served for 2 of 10 s. Whoever waits for its I/O dies when that is over.
        assert_eq!((a(&all).failed, a(&all).died), (4, 4), "{effect}");
        near(effect, a(&all).throughput_per_s, 4000.0 * 0.8, 0.002);
        assert_eq!(all.events["crash"].count, 1);
        assert_eq!(all.events["crash"].total_ns, 2_000_000_000);
        let one = ideal(&text("workers = 1", effect), 1);
        nothing_is_lost(&one);
        assert_eq!(a(&one).died, 1);
        near(effect, a(&one).throughput_per_s, 4000.0 - 1000.0 * 0.2, 0.002);
    }
    // Idle workers die as well: a task that comes meanwhile waits for them to be back.
    let idle = scenario(
        "duration = \"10s\"",
        "cores = 8",
        "threads = 4\nload = { rate = \"1/s\", arrivals = \"paced\" }\nsteps = [{ name = \"s\", compute = \"1ms\" }]",
        "[event.crash]\nat = \"3500ms\"\nfor = \"2s\"\nkill = \"a\"",
    );
    let record = ideal(&idle, 1);
    assert_eq!(a(&record).died, 0);
    // Those of 4 and 5 s are served at 5.5 s.
    near("the first that waits", a(&record).sojourn_ns.max as f64, 1.501e9, 0.002);
}

#[test]
fn waiting_for_other_writers_is_no_io() {
    let text = |clients: u32| {
        scenario(
            "duration = \"10s\"",
            "cores = 8",
            &format!(
                "threads = {clients}\nload = {{ clients = {clients} }}\nsteps = [{{ name = \"s\", compute = \"10us\", write = \"log\" }}]"
            ),
            "[store.log]\nwrite = \"1ms\"",
        )
    };
    let record = ideal(&text(5), 1);
    let mean = a(&record).breakdown_mean_ns;
    near("own write", mean.io, 1e6, 0.002);
    near("others'", mean.store, 3.99e6, 0.002);
    assert!(mean.lock.abs() < 1e-9);
    let waits = record.stores["log"].wait_ns.as_ref().unwrap();
    near("of the store", waits.mean, 3.99e6, 0.002);
    let alone = ideal(&text(1), 1);
    assert!(a(&alone).breakdown_mean_ns.store.abs() < 1e-9);
}
