//! Pools, kinds, deadlines, fan-out, batches, events and lock policies on real threads and on tokio: what must hold whatever the
//! speed. Each runs on both, and the virtual engine is asked to agree where figures are exact.

use conlab::engine::real::RealEngine;
use conlab::engine::{Engine, Experiment, Progress, VirtualEngine};
use conlab::measure::record::ActorRecord;
use conlab::measure::{Cause, RunRecord};
use conlab::scenario::{LoadArm, Scenario};

fn run(engine: &dyn Engine, text: &str) -> RunRecord {
    let scenario = Scenario::parse(text, "test.toml").unwrap();
    let record =
        engine.run(&Experiment::new(scenario, LoadArm::Baseline), &Progress::default()).unwrap().record;
    for identity in &record.identities {
        // How well the kernel accounts for threads is not the subject here.
        assert!(
            identity.holds || identity.name == "thread-time",
            "{}: {}\n{text}",
            identity.name,
            identity.detail
        );
    }
    record
}

fn real(text: &str) -> RunRecord {
    run(&RealEngine::new(), text)
}

/// A scenario with an actor `a` in focus, on threads and on tokio.
fn both(shared: &str, actor: &str, others: &str) -> [String; 2] {
    ["mutex", "async"].map(|queue| {
        format!(
            "schema = 1\nname = \"real\"\n[run]\nwarmup = \"20ms\"\nduration = \"300ms\"\n{shared}\n\
             [actor.a]\nfocus = true\nqueue = \"{queue}\"\n{actor}\n{others}\n"
        )
    })
}

fn a(record: &RunRecord) -> &ActorRecord {
    &record.actors["a"]
}

#[test]
fn a_pool_lets_in_no_more_than_its_size() {
    for next in ["fifo", "barge"] {
        let shared = format!("[pool.p]\nsize = 2\nnext = \"{next}\"");
        let actor =
            "threads = 6\nload = { clients = 6 }\nsteps = [{ name = \"s\", pool = \"p\", io = \"2ms\" }]";
        for text in both(&shared, actor, "") {
            let begun = conlab::clock::now();
            let record = real(&text);
            let there_was = conlab::clock::now().saturating_sub(begun).0 as f64;
            let pool = &record.pools["p"];
            // Two at a time: what they held cannot be more than twice the time there was, with what runs on after the window.
            let held = pool.hold_ns.mean * pool.hold_ns.count as f64;
            assert!(held <= 2.0 * there_was, "{pool:?}");
            assert!(pool.contended > 0 && pool.timed_out == 0, "{pool:?}");
            assert!(a(&record).breakdown_mean_ns.pool > 0.0);
        }
    }
}

#[test]
fn whoever_waits_too_long_for_a_pool_gives_up() {
    let shared = "[pool.p]\nsize = 1\ntimeout = \"1ms\"";
    let actor =
        "threads = 4\nload = { clients = 4 }\nsteps = [{ name = \"s\", pool = \"p\", io = \"20ms\" }]";
    for text in both(shared, actor, "") {
        let record = real(&text);
        assert!(a(&record).timed_out > 0 && a(&record).completed > 0);
        assert!(record.pools["p"].timed_out > 0);
    }
}

#[test]
fn kinds_do_their_own_steps_and_chance_leaves_some_out() {
    let actor = "threads = 2\nload = { clients = 2, mix = { get = 3, scan = 1 } }\n\
                 [actor.a.on.get]\nsteps = [{ name = \"r\", io = \"100us\" }, { name = \"never\", chance = 0, io = \"1s\" }]\n\
                 [actor.a.on.scan]\nsteps = [{ name = \"r\", io = \"200us\" }]";
    for text in both("", actor, "") {
        let record = real(&text);
        let kinds = &a(&record).kinds;
        let count = |step: &str| a(&record).steps.iter().find(|one| one.name == step).unwrap().count;
        assert_eq!(kinds["get"].completed + kinds["scan"].completed, a(&record).completed);
        assert_eq!(kinds["get"].issued + kinds["scan"].issued, a(&record).issued);
        assert!(kinds["get"].completed > kinds["scan"].completed);
        assert_eq!(count("get.never"), 0);
        // The unfinished may have done theirs as well.
        assert!(count("scan.r") >= kinds["scan"].completed);
    }
}

#[test]
fn a_call_waits_for_as_many_answers_as_it_says_and_not_for_ever() {
    let leaf = "[actor.leaf]\nthreads = 8\nsteps = [{ name = \"s\", io = \"1ms\" }, { name = \"late\", chance = 0.2, io = \"30ms\" }]";
    for (call, gives_up) in [
        ("fan = 4", Some(false)),
        ("fan = 4, wait = \"first\"", Some(false)),
        ("fan = 4, wait = 3, cancel = true", Some(false)),
        ("fan = 6, parallel = 2", Some(false)),
        ("hedge = \"5ms\"", Some(false)),
        ("timeout = \"5ms\"", Some(true)),
        ("timeout = \"5ms\", retry = { times = 5, after = \"1ms\", factor = 2, jitter = 0.5 }", None),
    ] {
        let actor = format!(
            "threads = 2\nload = {{ clients = 2 }}\nsteps = [{{ name = \"ask\", call = \"leaf\", {call} }}]"
        );
        for text in both("", &actor, leaf) {
            let record = real(&text);
            let calls = a(&record).calls.unwrap();
            assert!(a(&record).completed > 0, "{call}");
            assert!(calls.attempts >= calls.calls, "{call}: {calls:?}");
            match gives_up {
                Some(gives_up) => assert_eq!(a(&record).timed_out > 0, gives_up, "{call}"),
                // On a busy machine five attempts may be too few.
                None => assert!(calls.attempts > calls.calls, "{call}: {calls:?}"),
            }
            if call.starts_with("hedge") {
                assert!(calls.hedges > 0, "{calls:?}");
            }
        }
    }
}

#[test]
fn a_full_queue_refuses_whoever_asks_and_tells_them() {
    for full in ["refuse", "drop-oldest"] {
        let leaf = format!(
            "[actor.leaf]\nthreads = 1\ncapacity = 1\nfull = \"{full}\"\nsteps = [{{ name = \"s\", io = \"3ms\" }}]"
        );
        let actor = "threads = 8\nload = { clients = 8, think = \"1ms\" }\nsteps = [{ name = \"ask\", call = \"leaf\" }]";
        for text in both("", actor, &leaf) {
            let record = real(&text);
            let leaf = &record.actors["leaf"];
            assert!(leaf.refused > 0 && leaf.completed > 0, "{leaf:?}");
            assert!(a(&record).failed > 0 && a(&record).completed > 0);
        }
    }
}

#[test]
fn impatient_and_old_tasks_are_not_begun() {
    for (key, ended) in [
        ("timeout = \"4ms\"", (|actor: &ActorRecord| actor.timed_out) as fn(&ActorRecord) -> u64),
        ("shed = { age = \"4ms\" }", |actor| actor.refused),
        ("shed = { length = 2 }", |actor| actor.refused),
    ] {
        let actor = format!(
            "threads = 1\ncapacity = 100\n{key}\nload = {{ rate = \"2000/s\" }}\nsteps = [{{ name = \"s\", io = \"2ms\" }}]"
        );
        // Handlers take tasks out of their queue at once, so that this is about threads.
        let [text, _] = both("", &actor, "");
        let record = real(&text);
        assert!(ended(a(&record)) > 0 && a(&record).completed > 0, "{key}: {:?}", a(&record));
    }
}

#[test]
fn a_batch_is_done_once_for_all_of_its_tasks() {
    let actor = "threads = 8\nload = { clients = 8 }\n\
                 steps = [{ name = \"commit\", io = \"3ms\", batch = { most = 4, within = \"1ms\" } }]";
    for text in both("", actor, "") {
        let record = real(&text);
        let batch = record.batches["a.commit"];
        assert!(batch.largest <= 4 && batch.batches < batch.tasks, "{batch:?}");
        assert!(a(&record).breakdown_mean_ns.batch > 0.0);
    }
}

#[test]
fn an_event_stops_whom_it_says() {
    let shared = "[event.gc]\nevery = \"50ms\"\nfor = \"20ms\"\npause = \"a\"";
    let actor = "threads = 1\nload = { clients = 1 }\nsteps = [{ name = \"s\", compute = \"200us\" }]";
    let other = "[actor.b]\nload = { clients = 1 }\nsteps = [{ name = \"s\", compute = \"200us\" }]";
    for text in both(shared, actor, other) {
        let record = real(&text);
        assert!(record.events["gc"].count > 0);
        assert!(a(&record).breakdown_mean_ns.paused > 0.0);
        assert!(record.actors["b"].breakdown_mean_ns.paused.abs() < 1e-9);
    }
}

#[test]
fn locks_exclude_whatever_their_policy() {
    for policy in [
        "next = \"fifo\"",
        "next = { handover = \"1ms\" }",
        "wait = { spin = \"20us\" }",
        "wait = { poll = \"1ms\" }",
        "kind = \"shared\"\nprefer = \"readers\"",
        "kind = \"shared\"\nprefer = \"writers\"",
        "kind = \"shared\"\nprefer = \"fifo\"",
    ] {
        let shared = format!("[lock.m]\n{policy}");
        let actor = "threads = 4\nload = { clients = 4 }\nsteps = [{ name = \"s\", lock = \"m\", compute = \"50us\" }]";
        for text in both(&shared, actor, "") {
            let record = real(&text);
            let lock = &record.locks["m"];
            let held = lock.hold_ns.mean * lock.hold_ns.count as f64;
            assert!(lock.acquisitions > 0, "{policy}");
            assert!(held <= 1.01 * record.window.length_ns as f64 + 5e7, "{policy}: {held}");
        }
    }
}

#[test]
fn readers_are_inside_together() {
    let shared = "[lock.m]\nkind = \"shared\"";
    let actor = "threads = 4\nload = { clients = 4 }\n\
                 steps = [{ name = \"s\", lock = \"m\", share = true, io = \"5ms\" }]";
    for text in both(shared, actor, "") {
        let record = real(&text);
        assert_eq!(record.locks["m"].contended, 0);
    }
}

#[test]
fn phases_and_recorded_arrivals_come_when_they_say() {
    let actor = "load = { phases = [{ for = \"150ms\", rate = \"200/s\" }, { for = \"100ms\", rate = 0 },\n\
                 { for = \"1s\", rate = \"200/s\" }] }\nsteps = [{ name = \"s\", io = \"100us\" }]";
    for text in both("", actor, "") {
        let (real, simulated) = (real(&text), run(&VirtualEngine::ideal(), &text));
        for (mine, theirs) in a(&real).phases.iter().zip(&a(&simulated).phases) {
            // The same arrivals under the same seed, but for those at the edges of the window, which a busy machine moves by
            // some milliseconds.
            let edges = 2 + theirs.tasks.issued / 4;
            assert!(mine.tasks.issued.abs_diff(theirs.tasks.issued) <= edges, "{mine:?} {theirs:?}");
        }
        assert_eq!(a(&real).phases[1].tasks.issued, 0);
    }
}

/// The wrong program: one that writes the quota into the record and leaves its workers outside the control group.
#[test]
fn workers_use_no_more_processor_time_than_their_quota() {
    let host = "[host]\ncores = 2\nquota = \"20%\"\nperiod = \"50ms\"";
    let actor = "load = { clients = 8 }\nsteps = [{ name = \"s\", compute = \"2ms\" }]";
    for text in both(host, actor, "") {
        let scenario = Scenario::parse(&text, "test.toml").unwrap();
        let ran = RealEngine::new().run(&Experiment::new(scenario, LoadArm::Baseline), &Progress::default());
        let record = match ran {
            Ok(output) => output.record,
            // Only where this process may not make a control group.
            Err(error) => {
                assert!(error.to_string().contains("under a quota"), "{error}");
                println!("skipped: {error}");
                return;
            }
        };
        let quota = record.quota.unwrap();
        let used: u64 = record.threads.iter().map(|thread| thread.on_cpu_ns).sum();
        // Edges of the window within a period, and a slice of 5 ms that each processor may have taken from the pool before.
        let periods = record.window.length_ns / quota.period_ns + 2;
        let allowed = periods * quota.quota_ns + 2 * 5_000_000;
        assert!(used <= allowed, "used {used} ns of {allowed} ns");
        assert!(quota.throttled > 0 && quota.throttled_ns > 0, "{quota:?}");
        assert!(
            a(&record)
                .breakdown_mean_ns
                .parts()
                .iter()
                .any(|(cause, time)| *cause == Cause::Throttled && *time > 0.0)
        );
        assert!(record.identities.iter().all(|identity| identity.holds), "{:?}", record.identities);
    }
    let left = |folder: &str| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let own = format!("conlab-{}-", std::process::id());
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&own)).count()
    };
    assert_eq!(left("/sys/fs/cgroup/cpu") + left("/sys/fs/cgroup"), 0, "control groups are left");
}

#[test]
fn what_real_threads_do_not_do_is_refused_in_a_sentence() {
    let refused = |text: &str| {
        let scenario = Scenario::parse(text, "test.toml").unwrap();
        RealEngine::new()
            .run(&Experiment::new(scenario, LoadArm::Baseline), &Progress::default())
            .unwrap_err()
            .to_string()
    };
    let actor = "load = { clients = 1 }\nsteps = [{ name = \"s\", io = \"1ms\" }]";
    let [text, _] = both("[host]\nquota = \"50%\"\nperiod = \"3s\"", actor, "");
    assert!(refused(&text).starts_with("put real threads under a quota"), "{}", refused(&text));
    assert!(refused(&text).contains("from 1ms to 1s"), "{}", refused(&text));
    let actor = "load = { clients = 1, mix = { x = 1 } }\n[actor.a.on.x]\npriority = 1\n\
                 steps = [{ name = \"s\", io = \"1ms\" }]";
    let [text, _] = both("", actor, "");
    assert!(refused(&text).contains("before another"), "{}", refused(&text));
}

#[test]
fn offloaded_steps_are_done_by_the_pool_and_answered() {
    for text in both(
        "",
        "threads = 2\noffload = { threads = 3 }\nload = { clients = 4 }\nsteps = [\n\
         { name = \"look\", compute = \"20us\" },\n\
         { name = \"hash\", offload = true, compute = \"200us\" },\n\
         { name = \"wait\", chance = 0.5, offload = true, io = \"200us\" }]",
        "",
    ) {
        let record = real(&text);
        let (a, pool) = (a(&record), &record.actors["a.offload"]);
        assert!(a.completed > 0, "{a:?}");
        assert_eq!(pool.issued, pool.ended() + pool.in_flight);
        let step = |name: &str| pool.steps.iter().find(|step| step.name == name).unwrap();
        let own = |name: &str| a.steps.iter().find(|step| step.name == name).unwrap();
        // A task that crosses an edge of the window may count on one side of a call only: at most one a client.
        assert!(step("hash").count.abs_diff(own("hash").count) <= 4, "{:?}", pool.steps);
        assert!(step("wait").count < step("hash").count, "{:?}", pool.steps);
        assert_eq!(record.threads.iter().filter(|thread| thread.actor == "a.offload").count(), 3);
        let work: u64 = record
            .threads
            .iter()
            .filter(|thread| thread.actor == "a.offload")
            .map(|thread| thread.tasks)
            .sum();
        assert!(work > 0, "nobody of the pool worked");
    }
}

#[test]
fn instances_share_the_work_out_as_their_route_says_and_lose_nothing() {
    for route in ["random", "round-robin", "shortest", "hash"] {
        for load in ["clients = 1", "clients = 6, think = \"100us\"", "rate = \"2000/s\""] {
            let actor = format!(
                "instances = 3\nroute = \"{route}\"\nthreads = 1\nload = {{ {load} }}\nsteps = [\n\
                 {{ name = \"work\", lock = \"own\", compute = \"50us\" }}, {{ name = \"ask\", call = \"leaf\" }}]"
            );
            let leaf = "[actor.leaf]\ninstances = 2\nroute = \"shortest\"\nsteps = [{ name = \"s\", compute = \"10us\" }]";
            for text in both("[lock.own]", &actor, leaf) {
                let record = real(&text);
                for (name, actor) in &record.actors {
                    assert_eq!(actor.issued, actor.ended() + actor.in_flight, "{name}\n{text}");
                    let each = actor.instances.iter().map(|one| one.completed);
                    assert_eq!(each.clone().sum::<u64>(), actor.completed, "{name}\n{text}");
                    assert_eq!(each.count(), if name == "a" { 3 } else { 2 });
                }
                let mut served: Vec<u64> = a(&record).instances.iter().map(|one| one.completed).collect();
                served.sort_unstable();
                match (route, load) {
                    ("hash", "clients = 1") => assert_eq!(served[..2], [0, 0], "{text}"),
                    // One after the other: at most the one that crosses the window's edge apart.
                    ("round-robin", "clients = 1") => {
                        assert!(served[2] - served[0] <= 1, "{served:?}\n{text}")
                    }
                    _ => {}
                }
                if text.contains("\"mutex\"") {
                    assert_eq!(record.locks["own"].contended, 0, "one thread each, and a lock each\n{text}");
                }
            }
        }
    }
}

#[test]
fn actors_share_their_workers_and_each_has_its_own_figures() {
    for queue in ["mutex", "lockfree", "async"] {
        // On threads a call to the same pool could use it up; messages cannot.
        let tells = if queue == "async" { "call" } else { "send" };
        let text = format!(
            "schema = 1\nname = \"real\"\n[run]\nwarmup = \"20ms\"\nduration = \"300ms\"\n\
             [workers.w]\nthreads = 2\nqueue = \"{queue}\"\n\
             [actor.a]\nfocus = true\nworkers = \"w\"\nload = {{ clients = 3, think = \"200us\" }}\n\
             steps = [{{ name = \"work\", compute = \"50us\" }}, {{ name = \"tell\", {tells} = \"b\" }}]\n\
             [actor.b]\nworkers = \"w\"\nload = {{ rate = \"200/s\" }}\nsteps = [{{ name = \"s\", compute = \"20us\" }}]\n"
        );
        let record = real(&text);
        assert_eq!(record.actors.keys().collect::<Vec<_>>(), ["a", "b"]);
        for (name, actor) in &record.actors {
            assert_eq!(actor.issued, actor.ended() + actor.in_flight, "{name}\n{text}");
            assert!(actor.completed > 0, "{name}\n{text}");
        }
        assert!(record.actors["b"].issued + 3 >= a(&record).completed, "each task of `a` tells `b`\n{text}");
        assert_eq!(
            a(&record).steps.iter().map(|step| step.name.as_str()).collect::<Vec<_>>(),
            ["work", "tell"]
        );
        let threads: Vec<&str> = record.threads.iter().map(|thread| thread.actor.as_str()).collect();
        assert_eq!(threads, ["w", "w"]);
    }
}

/// The wrong program: one that lets a worker go on at once, or loses the task that it had in hand.
#[test]
fn tasks_that_panic_fail_and_their_workers_come_back() {
    for (panic, restart) in
        [("{ every = 5 }", ""), ("\"20%\"", "restart = \"2ms\""), ("{ task = 7 }", "restart = \"20ms\"")]
    {
        let actor = format!(
            "threads = 2\n{restart}\nload = {{ clients = 4, think = \"100us\" }}\n\
             steps = [{{ name = \"s\", lock = \"l\", compute = \"50us\", panic = {panic} }}]"
        );
        // A handler of tokio has nothing to restart.
        let texts = both("", &actor, "[lock.l]");
        for text in texts.iter().filter(|text| restart.is_empty() || text.contains("\"mutex\"")) {
            let record = real(text);
            let a = a(&record);
            assert_eq!(a.died, a.failed, "{text}");
            assert!(a.completed > 0 && record.locks["l"].acquisitions > 0, "{text}");
            match panic {
                "{ task = 7 }" => assert!(a.died <= 1, "{}", a.died),
                // At most the tasks of one window's edge apart.
                "{ every = 5 }" => assert!(a.died.abs_diff(a.issued / 5) <= 2, "{} of {}", a.died, a.issued),
                _ => assert!(a.died > 0),
            }
        }
    }
}

#[test]
fn killed_workers_drop_their_tasks_and_others_go_on() {
    let shared = "[event.crash]\nevery = \"60ms\"\nfor = \"20ms\"\nkill = \"a\"\nworkers = 1";
    let actor = "threads = 2\nload = { clients = 4 }\nsteps = [{ name = \"s\", compute = \"500us\" }]";
    let [text, _] = both(shared, actor, "");
    let record = real(&text);
    let crashes = record.events["crash"].count;
    assert!(crashes > 0 && a(&record).completed > 0);
    // One worker each time, and one task at most with it.
    assert!(a(&record).died <= crashes + 1, "{} of {crashes}", a(&record).died);
    assert_eq!(a(&record).died, a(&record).failed);
}

#[test]
fn costs_grow_with_the_tasks_under_way() {
    let actor = |slowdown: &str| {
        format!(
            "threads = 8\n{slowdown}\nload = {{ clients = 8 }}\nsteps = [{{ name = \"s\", io = \"2ms\" }}]"
        )
    };
    let slow = both("", &actor("slowdown = { beyond = 4, each = \"100%\" }"), "");
    for text in slow {
        let record = real(&text);
        // Four beyond: five times as long, for whoever found all others there; two at least are.
        assert!(a(&record).sojourn_ns.p50 > 4_000_000, "{:?}", a(&record).sojourn_ns);
    }
}

#[test]
fn threads_have_the_niceness_that_they_are_given() {
    let actor =
        "threads = 1\nnice = 7\nload = { clients = 1 }\nsteps = [{ name = \"s\", compute = \"100us\" }]";
    for text in both("", actor, "") {
        assert!(a(&real(&text)).completed > 0);
    }
    let set = std::thread::spawn(|| {
        conlab::measure::sched::set_nice(7);
        std::fs::read_to_string("/proc/thread-self/stat").ok().and_then(|stat| {
            // Behind the name, which may hold blanks: the nice value is the 17th field from the state on.
            stat.rsplit_once(')')?.1.split_whitespace().nth(16)?.parse::<i32>().ok()
        })
    });
    assert!(set.join().unwrap().is_none_or(|nice| nice == 7));
    let [text, _] = both("", &actor.replace("nice = 7", "nice = -20"), "");
    let scenario = Scenario::parse(&text, "test.toml").unwrap();
    let ran = RealEngine::new().run(&Experiment::new(scenario, LoadArm::Baseline), &Progress::default());
    if std::thread::spawn(|| conlab::measure::sched::set_nice(-20)).join().unwrap() {
        assert!(ran.is_ok());
    } else {
        let said = ran.unwrap_err().to_string();
        assert!(said.starts_with("give the workers of `a` a nice value of -20"), "{said}");
    }
}

#[test]
fn writers_wait_for_each_other_and_not_for_the_disk() {
    let actor = "threads = 4\nload = { clients = 4 }\nsteps = [{ name = \"s\", write = \"log\" }]";
    for text in both("[store.log]\nvalue = \"1KiB\"\ncount = 100", actor, "") {
        let record = real(&text);
        if a(&record).completed < 20 {
            continue;
        }
        let waits = record.stores["log"].wait_ns.as_ref().unwrap();
        assert_eq!(waits.count, record.stores["log"].writes);
        assert!(a(&record).breakdown_mean_ns.store > 0.0 && a(&record).breakdown_mean_ns.io > 0.0);
    }
}
