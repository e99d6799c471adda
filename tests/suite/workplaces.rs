//! Who works where: steps that the blocking pool does, instances of an actor, workers that several actors share; on the virtual
//! engine, against closed forms.

use super::oracle::{agrees, estimate};
use super::simulated::{ideal, nothing_is_lost};
use conlab::measure::RunRecord;
use conlab::measure::record::VerdictKind;
use conlab::queue::QueueKind;
use conlab::scenario::{EngineKind, LoadArm, Scenario, Treatment};
use conlab::study::{Knob, Mechanism};
use conlab::theory::{mg1_wait, mm1_wait, mmc_wait};

/// A scenario with an actor `a` in focus.
fn scenario(run: &str, cores: u32, actor: &str, others: &str) -> String {
    format!(
        "schema = 1\nname = \"workplaces\"\n[run]\nwarmup = \"2s\"\n{run}\n[host]\ncores = {cores}\n\
         [actor.a]\nfocus = true\n{actor}\n{others}\n"
    )
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

/// `count` instances with an exponential millisecond of service, each used for `utilisation` of its time.
fn instances(count: u32, route: &str, utilisation: f64) -> String {
    scenario(
        "tasks = 40000",
        64,
        &format!(
            "instances = {count}\nroute = \"{route}\"\nload = {{ rate = {} }}\n\
             steps = [{{ name = \"serve\", compute = \"1ms\", spread = \"exponential\" }}]",
            f64::from(count) * utilisation * 1000.0
        ),
        "",
    )
}

fn wait(record: &RunRecord) -> f64 {
    record.actors["a"].breakdown_mean_ns.queue / 1e6
}

#[test]
fn instances_under_random_routing_are_each_an_m_m_1() {
    for route in ["random", "hash"] {
        let text = instances(4, route, 0.8);
        agrees(route, estimate(&text, wait), mm1_wait(0.8, 1.0).unwrap());
    }
}

#[test]
fn the_shortest_queue_lies_between_one_queue_for_all_and_taking_turns() {
    let waits = ["shortest", "round-robin", "random"].map(|route| estimate(&instances(4, route, 0.8), wait));
    let one_queue = mmc_wait(3.2, 4, 1.0).unwrap();
    let [shortest, turns, random] = waits.map(|(mean, _)| mean);
    assert!(one_queue < shortest && shortest < turns && turns < random, "{one_queue} {waits:?}");
    // Joining the shortest queue is near one queue for all; taking turns is a D-like arrival stream, at most half as good.
    assert!(shortest < 2.0 * one_queue && turns > 2.0 * one_queue, "{one_queue} {waits:?}");
}

#[test]
fn figures_of_instances_are_those_of_their_actor_together() {
    for route in ["random", "round-robin", "shortest", "hash"] {
        let text = instances(5, route, 0.7);
        let record = ideal(&text, 3);
        nothing_is_lost(&record);
        let a = &record.actors["a"];
        assert_eq!((record.actors.len(), a.instances.len()), (1, 5));
        assert_eq!(a.instances.iter().map(|one| one.completed).sum::<u64>(), a.completed, "{route}");
        let sum: f64 = a.instances.iter().map(|one| one.completed as f64 * one.wait_mean_ns).sum();
        assert!((sum / a.completed as f64 - a.wait_ns.mean).abs() < 1.0, "{route}");
        assert_eq!(record.threads.iter().filter(|thread| thread.actor == "a").count(), 5);
        assert_eq!(record.digest, ideal(&text, 3).digest, "{route}");
    }
}

#[test]
fn one_instance_is_no_instance() {
    let text = instances(1, "shortest", 0.7);
    let plain = text.replace("instances = 1\nroute = \"shortest\"\n", "");
    let [one, plain] = [ideal(&text, 1), ideal(&plain, 1)];
    assert_eq!((one.digest, one.scenario.digest), (plain.digest, plain.scenario.digest));
    assert!(one.actors["a"].instances.is_empty());
}

#[test]
fn locks_of_an_actor_alone_are_private_to_its_instances() {
    let text = |private: &str, others: &str| {
        scenario(
            "tasks = 2000",
            8,
            "instances = 4\nroute = \"round-robin\"\nload = { clients = 8 }\n\
             steps = [{ name = \"note\", lock = \"l\", pool = \"p\", compute = \"1ms\", spread = \"exponential\" }]",
            &format!("[lock.l]\n{private}\n[pool.p]\nsize = 1\n{others}"),
        )
    };
    let other = "[actor.other]\nsteps = [{ name = \"note\", lock = \"l\", compute = \"1us\" }]";
    for (private, others, contended) in
        [("", "", false), ("private = true", other, false), ("private = false", "", true), ("", other, true)]
    {
        let record = ideal(&text(private, others), 1);
        nothing_is_lost(&record);
        let lock = &record.locks["l"];
        assert_eq!(lock.contended > 0, contended, "{private} {others} {lock:?}");
        assert_eq!((record.locks.len(), record.pools["p"].size), (1, 4));
        assert_eq!(lock.holders.len(), 1, "{:?}", lock.holders);
        // Of eight clients, at either end of the window.
        assert!(lock.acquisitions.abs_diff(record.actors["a"].completed) <= 16, "{lock:?}");
    }
}

#[test]
fn a_key_stays_with_its_instance_and_turns_are_taken_by_messages_too() {
    let served = |record: &RunRecord, actor: &str| -> Vec<u64> {
        record.actors[actor].instances.iter().map(|one| one.completed).collect()
    };
    let closed = |route: &str| {
        let load = format!(
            "instances = 4\nroute = \"{route}\"\nload = {{ clients = 1 }}\nsteps = [{{ name = \"s\", compute = \"1ms\" }}]"
        );
        ideal(&scenario("tasks = 1000", 8, &load, ""), 1)
    };
    let mut hashed = served(&closed("hash"), "a");
    hashed.sort_unstable();
    assert!(hashed[..3] == [0, 0, 0] && hashed[3] >= 1000, "{hashed:?}");
    let turns = served(&closed("round-robin"), "a");
    assert!(turns.iter().max().unwrap() - turns.iter().min().unwrap() <= 1, "{turns:?}");
    // A plain call, a fan-out and a send, each to instances.
    for step in ["call = \"b\"", "call = \"b\", fan = 4, wait = \"all\"", "send = \"b\""] {
        let text = scenario(
            "tasks = 1000",
            8,
            &format!("load = {{ clients = 2, think = \"5ms\" }}\nsteps = [{{ name = \"ask\", {step} }}]"),
            "[actor.b]\ninstances = 4\nroute = \"round-robin\"\nsteps = [{ name = \"s\", compute = \"100us\" }]",
        );
        let record = ideal(&text, 1);
        nothing_is_lost(&record);
        let turns = served(&record, "b");
        assert!(turns.iter().max().unwrap() - turns.iter().min().unwrap() <= 2, "{step}: {turns:?}");
        assert!(record.actors["b"].completed >= 1000, "{step}");
    }
}

#[test]
fn each_instance_has_a_blocking_pool_of_its_own() {
    // Two instances, each an event loop whose pool has one thread: an M/M/1 each.
    let text = scenario(
        "tasks = 40000",
        8,
        "instances = 2\nqueue = \"async\"\noffload = { threads = 1 }\nload = { rate = \"1400/s\" }\n\
         steps = [{ name = \"hash\", offload = true, compute = \"1ms\", spread = \"exponential\" }]",
        "",
    );
    let pool = |record: &RunRecord| record.actors["a.offload"].breakdown_mean_ns.queue / 1e6;
    agrees("pools", estimate(&text, pool), mm1_wait(0.7, 1.0).unwrap());
    let record = ideal(&text, 1);
    nothing_is_lost(&record);
    assert_eq!(record.actors["a.offload"].instances.len(), 2);
}

/// Two actors on shared workers, each with open load.
fn sharing(workers: &str, cores: u32, steps: [&str; 2], rates: [u32; 2]) -> String {
    let [one, other] = steps;
    scenario(
        "tasks = 30000",
        cores,
        &format!("workers = \"w\"\nload = {{ rate = {} }}\nsteps = [{{ name = \"s\", {one} }}]", rates[0]),
        &format!(
            "[workers.w]\n{workers}\n[actor.b]\nworkers = \"w\"\nload = {{ rate = {} }}\nsteps = [{{ name = \"s\", {other} }}]",
            rates[1]
        ),
    )
}

#[test]
fn actors_on_shared_workers_wait_in_one_queue() {
    let millisecond = "compute = \"1ms\", spread = \"exponential\"";
    let wait_of =
        |actor: &'static str| move |record: &RunRecord| record.actors[actor].breakdown_mean_ns.queue / 1e6;
    for queue in ["mutex", "async"] {
        let text = sharing(&format!("threads = 3\nqueue = \"{queue}\""), 3, [millisecond; 2], [1500, 700]);
        let theory = mmc_wait(2.2, 3, 1.0).unwrap();
        agrees(queue, estimate(&text, wait_of("a")), theory);
        agrees(queue, estimate(&text, wait_of("b")), theory);
        let record = ideal(&text, 1);
        nothing_is_lost(&record);
        assert_eq!(record.actors.keys().collect::<Vec<_>>(), ["a", "b"]);
        let threads: Vec<&str> = record.threads.iter().map(|thread| thread.actor.as_str()).collect();
        assert_eq!((threads, record.treatment.threads), (vec!["w"; 3], 3));
    }
    // Slow work beside quick work: one M/G/1 of both.
    let text = sharing("threads = 1", 1, ["compute = \"1ms\"", "compute = \"10ms\""], [300, 30]);
    let (mean, second) = ((300.0 + 30.0 * 10.0) / 330.0, (300.0 + 30.0 * 100.0) / 330.0);
    let theory = mg1_wait(0.6, mean, second / (mean * mean) - 1.0).unwrap();
    agrees("slow beside quick", estimate(&text, wait_of("a")), theory);
    agrees("quick beside slow", estimate(&text, wait_of("b")), theory);
}

#[test]
fn a_pool_that_waits_for_itself_is_a_deadlock_and_a_runtime_is_not() {
    for (queue, deadlock) in [("mutex", true), ("async", false)] {
        let text = scenario(
            "tasks = 200",
            4,
            "workers = \"w\"\nload = { clients = 4 }\nsteps = [{ name = \"ask\", call = \"b\" }]",
            &format!(
                "[workers.w]\nthreads = 2\nqueue = \"{queue}\"\n[actor.b]\nworkers = \"w\"\n\
                 steps = [{{ name = \"s\", compute = \"100us\" }}]"
            ),
        )
        .replace("warmup = \"2s\"", "warmup = \"0s\"");
        let record = ideal(&text, 1);
        let named: Vec<&str> = record.verdicts.iter().map(|verdict| verdict.message.as_str()).collect();
        let found = record.verdicts.iter().any(|verdict| verdict.kind == VerdictKind::Deadlock);
        assert_eq!(found, deadlock, "{named:?}");
        if deadlock {
            assert!(
                named.iter().any(|message| message.contains("`w`") || message.contains("w-")),
                "{named:?}"
            );
        } else {
            nothing_is_lost(&record);
        }
    }
}

#[test]
fn a_treatment_changes_the_shared_workers() {
    let text = sharing("threads = 3", 3, ["compute = \"1us\""; 2], [10, 10]);
    let scenario = Scenario::parse(&text, "test.toml").unwrap();
    let treatment = Treatment { threads: Some(5), queue: Some(QueueKind::LockFree), ..Treatment::default() };
    let treated = scenario.treated(&treatment);
    assert_eq!((treated.threads(), treated.levels(LoadArm::Baseline).threads), (5, Some(5)));
    assert!(treated.actors.iter().all(|actor| actor.queue == QueueKind::LockFree));
    let again = Scenario::parse(&treated.source, "again.toml").unwrap();
    assert_eq!(again.actors, treated.actors);
}
