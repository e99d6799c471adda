//! Pools, kinds of request, overload, fan-out, phases, events and batches on the virtual engine, against closed forms where
//! there are any and against exact counts where there are none. `tests/slow` repeats the hard ones within 1 %.

use super::oracle::{agrees, estimate};
use super::simulated::{ideal, nothing_is_lost};
use conlab::measure::RunRecord;
use conlab::measure::record::ActorRecord;
use conlab::theory::{
    batch_wait, erlang_a, erlang_b, mg1_wait, mm1_wait, mmc_wait, order_statistic, priority_waits,
};

/// A scenario with an actor `a` in focus; `shared` are tables before it, `actor` its keys.
fn scenario(run: &str, cores: u32, shared: &str, actor: &str, others: &str) -> String {
    format!(
        "schema = 1\nname = \"mechanism\"\n[run]\nwarmup = \"2s\"\n{run}\n[host]\ncores = {cores}\n{shared}\n\
         [actor.a]\nfocus = true\n{actor}\n{others}\n"
    )
}

fn a(record: &RunRecord) -> &ActorRecord {
    &record.actors["a"]
}

#[test]
fn a_pool_makes_wait_as_erlang_says() {
    for next in ["fifo", "barge"] {
        let text = scenario(
            "tasks = 30000",
            500,
            &format!("[pool.connections]\nsize = 4\nnext = \"{next}\""),
            "threads = 500\nload = { rate = \"3200/s\" }\n\
             steps = [{ name = \"query\", pool = \"connections\", io = \"1ms\", spread = \"exponential\" }]",
            "",
        );
        let theory = mmc_wait(3.2, 4, 1.0).unwrap();
        agrees(next, estimate(&text, |record| a(record).breakdown_mean_ns.pool / 1e6), theory);
        agrees(next, estimate(&text, |record| record.pools["connections"].wait_ns.mean / 1e6), theory);
        let record = ideal(&text, 1);
        let pool = &record.pools["connections"];
        assert_eq!(pool.size, 4);
        assert!(pool.contended > 0 && pool.contended < pool.acquisitions, "{pool:?}");
        assert!(a(&record).breakdown_mean_ns.lock.abs() < 1e-9, "a pool is not a lock");
    }
}

#[test]
fn whoever_waits_for_a_pool_too_long_gives_up_and_holds_nothing() {
    let text = scenario(
        "tasks = 20000",
        500,
        "[pool.few]\nsize = 2\ntimeout = { mean = \"1ms\", spread = \"exponential\" }\n[lock.l]",
        "threads = 500\nload = { rate = \"4000/s\" }\nsteps = [\n\
         { name = \"query\", pool = \"few\", lock = \"l\", io = \"500us\", spread = \"exponential\" },\n\
         { name = \"after\", io = \"1us\" }]",
        "",
    );
    // One at a time under the lock, two in the pool: the chain of Erlang A with a place before the server.
    let record = ideal(&text, 1);
    nothing_is_lost(&record);
    assert!(a(&record).timed_out > 1000, "{}", a(&record).timed_out);
    assert_eq!(record.pools["few"].timed_out, a(&record).timed_out);
    // Nobody who gave up did the step after.
    let after = a(&record).steps.iter().find(|step| step.name == "after").unwrap();
    assert!(after.count.abs_diff(a(&record).completed) <= 4, "{after:?}");
}

#[test]
fn a_full_system_refuses_what_erlang_b_says() {
    let text = scenario(
        "tasks = 60000",
        4,
        "",
        "threads = 4\ncapacity = 1\nfull = \"refuse\"\nload = { rate = \"5000/s\" }\n\
         steps = [{ name = \"serve\", compute = \"1ms\", spread = \"exponential\" }]",
        "",
    );
    // One more place than servers: M/M/4/5, whose blocking follows from Erlang's recursion.
    let five = {
        let b = erlang_b(5.0, 4).unwrap();
        let carried = 5.0 / 4.0 * b;
        carried / (1.0 + carried)
    };
    let share = |record: &RunRecord| a(record).refused as f64 / a(record).issued as f64;
    agrees("refused", estimate(&text, share), five);
    nothing_is_lost(&ideal(&text, 1));
}

#[test]
fn the_impatient_leave_as_erlang_a_says() {
    let text = scenario(
        "duration = \"30s\"",
        4,
        "",
        "threads = 4\ncapacity = 100000\ntimeout = { mean = \"2ms\", spread = \"exponential\" }\n\
         load = { rate = \"4800/s\" }\nsteps = [{ name = \"serve\", compute = \"1ms\", spread = \"exponential\" }]",
        "",
    );
    let theory = erlang_a(4.8, 4, 2.0).unwrap();
    let left = |record: &RunRecord| a(record).timed_out as f64 / a(record).issued as f64;
    agrees("abandoning", estimate(&text, left), theory.abandoning);
    nothing_is_lost(&ideal(&text, 1));
}

#[test]
fn two_kinds_wait_alike_and_take_what_they_take() {
    let text = scenario(
        "tasks = 40000",
        1,
        "",
        "capacity = 100000\nload = { rate = \"500/s\", mix = { get = 0.9, scan = 0.1 } }\n\
         [actor.a.on.get]\nsteps = [{ name = \"read\", compute = \"500us\" }]\n\
         [actor.a.on.scan]\nsteps = [{ name = \"read\", compute = \"5ms\" }]",
        "",
    );
    // E[S] = 0.95 ms, E[S²] = 0.9 · 0.25 + 0.1 · 25 ms².
    let (mean, square) = (0.95, 0.9 * 0.25 + 0.1 * 25.0);
    let theory = mg1_wait(0.5 * mean, mean, square / (mean * mean) - 1.0).unwrap();
    for (kind, service) in [("get", 0.5), ("scan", 5.0)] {
        agrees(kind, estimate(&text, |record| a(record).kinds[kind].wait_ns.mean / 1e6), theory);
        let sojourn = estimate(&text, |record| a(record).kinds[kind].sojourn_ns.mean / 1e6);
        agrees(kind, sojourn, theory + service);
    }
    let record = ideal(&text, 1);
    nothing_is_lost(&record);
    let names: Vec<&str> = a(&record).steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["get.read", "scan.read"]);
    assert_eq!(a(&record).steps[1].count, a(&record).kinds["scan"].completed);
}

#[test]
fn the_higher_priority_waits_as_cobham_says() {
    let text = scenario(
        "tasks = 60000",
        3,
        "",
        "threads = 3\ncapacity = 100000\nload = { rate = \"2550/s\", mix = { fast = 0.3, slow = 0.7 } }\n\
         [actor.a.on.fast]\npriority = 1\nsteps = [{ name = \"s\", compute = \"1ms\", spread = \"exponential\" }]\n\
         [actor.a.on.slow]\nsteps = [{ name = \"s\", compute = \"1ms\", spread = \"exponential\" }]",
        "",
    );
    let theory = priority_waits(&[2.55 * 0.3, 2.55 * 0.7], 3, 1.0).unwrap();
    for (kind, wait) in ["fast", "slow"].into_iter().zip(theory) {
        agrees(kind, estimate(&text, |record| a(record).kinds[kind].wait_ns.mean / 1e6), wait);
    }
}

#[test]
fn a_step_left_to_chance_happens_as_often_as_it_says() {
    let text = scenario(
        "tasks = 20000",
        1,
        "",
        "load = { clients = 1 }\nsteps = [\n{ name = \"first\", compute = \"10us\" },\n\
         { name = \"rare\", chance = 0.1, times = 3, compute = \"10us\" },\n{ name = \"last\", compute = \"10us\" }]",
        "",
    );
    let record = ideal(&text, 1);
    let count = |name: &str| a(&record).steps.iter().find(|step| step.name == name).unwrap().count as f64;
    let share = count("rare") / 3.0 / count("first");
    // Four standard deviations of the share.
    assert!((share - 0.1).abs() < 4.0 * (0.09 / count("first")).sqrt(), "{share}");
    assert!((count("last") - count("first")).abs() < 2.0);
}

/// A call to `fan` leaves, of which `wait` must answer.
fn fan(fan: u32, wait: &str, more: &str) -> String {
    scenario(
        "tasks = 20000",
        1000,
        "",
        &format!(
            "threads = 1\nload = {{ clients = 1 }}\n\
             steps = [{{ name = \"ask\", call = \"leaf\", fan = {fan}, wait = {wait}{more} }}]"
        ),
        "[actor.leaf]\nthreads = 300\ncapacity = 10000\nsteps = [{ name = \"s\", io = \"1ms\", spread = \"exponential\" }]",
    )
}

#[test]
fn a_fan_out_waits_for_its_order_statistic() {
    let sojourn = |record: &RunRecord| a(record).breakdown_mean_ns.call / 1e6;
    for (count, wait, k) in [(10, "\"all\"", 10), (10, "\"first\"", 1), (20, "19", 19)] {
        let theory = order_statistic(k, count, 1.0).unwrap();
        agrees(wait, estimate(&fan(count, wait, ""), sojourn), theory);
    }
    // Two at a time: nine end at twice the rate of one, the last by itself.
    let two = estimate(&fan(10, "\"all\"", ", parallel = 2"), sojourn);
    agrees("two at a time", two, 4.5 + 1.0);
    let record = ideal(&fan(10, "\"first\"", ""), 1);
    nothing_is_lost(&record);
    let leaf = &record.actors["leaf"];
    assert!(leaf.wasted > 8 * a(&record).completed, "{} of {}", leaf.wasted, leaf.completed);
    let cancelled = ideal(&fan(10, "\"first\"", ", cancel = true"), 1);
    nothing_is_lost(&cancelled);
    assert!(
        cancelled.actors["leaf"].cancelled > 8 * a(&cancelled).completed,
        "a wait off the worker ends by itself"
    );
}

#[test]
fn a_hedge_asks_again_and_takes_the_first_answer() {
    // One in ten answers takes 100 ms, the others 1 ms: asked again after 2 ms, one in a hundred does.
    let text = |hedge: &str| {
        scenario(
            "tasks = 20000",
            1000,
            "",
            &format!(
                "threads = 1\nload = {{ clients = 1 }}\nsteps = [{{ name = \"ask\", call = \"leaf\"{hedge} }}]"
            ),
            "[actor.leaf]\nthreads = 300\ncapacity = 10000\nsteps = [\n{ name = \"s\", io = \"1ms\" },\n\
             { name = \"slow\", chance = 0.1, io = \"99ms\" }]",
        )
    };
    let mean = |record: &RunRecord| a(record).breakdown_mean_ns.call / 1e6;
    agrees("without", estimate(&text(""), mean), 1.0 + 0.1 * 99.0);
    agrees("with", estimate(&text(", hedge = \"2ms\""), mean), 1.0 + 0.1 * (2.0 + 0.1 * 97.0));
    let record = ideal(&text(", hedge = \"2ms\""), 1);
    let calls = a(&record).calls.unwrap();
    assert_eq!(calls.attempts, calls.calls + calls.hedges);
    assert!((calls.hedges as f64 / calls.calls as f64 - 0.1).abs() < 0.01, "{calls:?}");
    nothing_is_lost(&record);
}

#[test]
fn attempts_back_off_and_end() {
    // Every answer takes 5 ms, nobody waits for more than 1 ms: three retries, 2 + 4 + 8 ms apart.
    let text = scenario(
        "duration = \"5s\"",
        100,
        "",
        "threads = 1\nload = { clients = 1 }\nsteps = [{ name = \"ask\", call = \"leaf\", timeout = \"1ms\",\n\
         retry = { times = 3, after = \"2ms\", factor = 2 } }]",
        "[actor.leaf]\nthreads = 50\nsteps = [{ name = \"s\", io = \"5ms\" }]",
    );
    let record = ideal(&text, 1);
    nothing_is_lost(&record);
    let (focus, calls) = (a(&record), a(&record).calls.unwrap());
    assert_eq!((focus.completed, focus.failed), (0, 0));
    // 4 · 1 ms of waiting and 14 ms between: 277 or 278 in 5 s.
    assert!((276..=278).contains(&focus.timed_out), "{}", focus.timed_out);
    assert_eq!(calls.gave_up, focus.timed_out);
    assert!(calls.attempts.abs_diff(4 * calls.calls) <= 4 && calls.retries.abs_diff(3 * calls.calls) <= 3);
    assert!(record.actors["leaf"].wasted > 1000);
}

#[test]
fn a_budget_bounds_the_retries() {
    let text = scenario(
        "duration = \"20s\"",
        100,
        "",
        "threads = 50\nload = { rate = \"200/s\" }\nsteps = [{ name = \"ask\", call = \"leaf\", timeout = \"1ms\",\n\
         retry = { times = 3, budget = \"10%\" } }]",
        "[actor.leaf]\nthreads = 50\nsteps = [{ name = \"s\", io = \"5ms\" }]",
    );
    let record = ideal(&text, 1);
    let calls = a(&record).calls.unwrap();
    let share = calls.retries as f64 / calls.calls as f64;
    assert!((share - 0.1).abs() < 0.01, "{calls:?}");
}

#[test]
fn failures_reach_whoever_asked() {
    let text = scenario(
        "tasks = 20000",
        10,
        "",
        "threads = 1\nload = { clients = 1 }\nsteps = [{ name = \"ask\", call = \"leaf\", retry = { times = 1 } }]",
        "[actor.leaf]\nsteps = [{ name = \"s\", compute = \"10us\", fail = 0.2 }]",
    );
    let record = ideal(&text, 1);
    nothing_is_lost(&record);
    let (focus, leaf) = (a(&record), &record.actors["leaf"]);
    let share = focus.failed as f64 / (focus.failed + focus.completed) as f64;
    assert!((share - 0.04).abs() < 4.0 * (0.04 * 0.96 / 20000.0_f64).sqrt(), "{share}");
    assert!((leaf.failed as f64 / leaf.issued as f64 - 0.2).abs() < 0.01);
}

#[test]
fn full_queues_do_what_they_are_told() {
    let text = |full: &str| {
        scenario(
            "duration = \"10s\"",
            1,
            "",
            &format!(
                "capacity = 10\n{full}\nload = {{ rate = \"2000/s\" }}\nsteps = [{{ name = \"s\", compute = \"1ms\" }}]"
            ),
            "",
        )
    };
    let sojourn = |record: &RunRecord| a(record).sojourn_ns.mean / 1e6;
    let refuse = ideal(&text("full = \"refuse\""), 1);
    let oldest = ideal(&text("full = \"drop-oldest\""), 1);
    let block = ideal(&text("full = \"block\""), 1);
    let shed = ideal(&text("shed = { length = 3 }"), 1);
    let age = ideal(&text("shed = { age = \"2ms\" }"), 1);
    for record in [&refuse, &oldest, &block, &shed, &age] {
        nothing_is_lost(record);
    }
    for record in [&refuse, &oldest, &block, &shed] {
        // A worker that never stops, whoever is turned away.
        assert!((a(record).throughput_per_s - 1000.0).abs() < 15.0, "{}", a(record).throughput_per_s);
    }
    // The plain queue refuses open load.
    assert_eq!(a(&refuse).completed, a(&ideal(&text(""), 1)).completed);
    assert!(
        sojourn(&refuse) > 9.0 && sojourn(&oldest) < sojourn(&refuse),
        "{} {}",
        sojourn(&oldest),
        sojourn(&refuse)
    );
    assert_eq!(a(&block).refused, 0);
    // Whoever comes last waits for all who came before: as long again as the run took.
    assert!(a(&block).sojourn_ns.max > 9_000_000_000, "{}", a(&block).sojourn_ns.max);
    assert!(sojourn(&shed) < 4.1, "{}", sojourn(&shed));
    assert!(a(&age).sojourn_ns.max < 3_010_000, "{}", a(&age).sojourn_ns.max);
}

#[test]
fn phases_have_their_rates_and_their_waits() {
    let text = "schema = 1\nname = \"phases\"\n[run]\nwarmup = \"0s\"\nduration = \"300s\"\n[host]\ncores = 1\n\
                [actor.a]\nfocus = true\ncapacity = 100000\nload = { phases = [{ for = \"100s\", rate = \"200/s\" },\n\
                { for = \"100s\", rate = \"700/s\" }, { for = \"100s\", rate = 0 }] }\n\
                steps = [{ name = \"s\", compute = \"1ms\", spread = \"exponential\" }]\n";
    for (phase, rate) in [(0, 200.0), (1, 700.0)] {
        let issued = estimate(text, |record| a(record).phases[phase].tasks.issued as f64 / 100.0);
        agrees("rate", issued, rate);
        let wait = estimate(text, |record| a(record).phases[phase].tasks.wait_ns.mean / 1e6);
        agrees("wait", (wait.0, wait.1.max(0.01 * wait.0)), mm1_wait(rate / 1000.0, 1.0).unwrap());
    }
    assert_eq!(a(&ideal(text, 1)).phases[2].tasks.issued, 0);
}

#[test]
fn recorded_arrivals_come_at_their_instants() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("arrivals.csv");
    std::fs::write(&file, "at_ms\n1\n2.5\n2.5\n400\n").unwrap();
    let text = format!(
        "schema = 1\nname = \"recorded\"\n[run]\nwarmup = \"0s\"\nduration = \"1s\"\n[host]\ncores = 1\n[actor.a]\n\
         focus = true\nload = {{ arrivals = \"{}\", unit = \"ms\" }}\nsteps = [{{ name = \"s\", compute = \"1ms\" }}]\n",
        file.display()
    );
    let record = ideal(&text, 1);
    assert_eq!((a(&record).issued, a(&record).completed), (4, 4));
    // Only the third waits: for the second.
    assert!(a(&record).wait_ns.max.abs_diff(1_000_000) < 2000, "{}", a(&record).wait_ns.max);
    assert!((a(&record).sojourn_ns.mean - 1_250_000.0).abs() < 2000.0);
}

#[test]
fn a_stopped_world_loses_the_time_of_its_stops() {
    let text = |pause: &str| {
        scenario(
            "duration = \"10s\"",
            2,
            &format!("[event.gc]\nevery = \"100ms\"\nfor = \"20ms\"\npause = \"{pause}\""),
            "threads = 2\nload = { clients = 2 }\nsteps = [{ name = \"s\", compute = \"1ms\" }]",
            "[actor.other]\nload = { clients = 1, think = \"1s\" }\nsteps = [{ name = \"s\", io = \"1ms\" }]",
        )
    };
    for pause in ["all", "a"] {
        let record = ideal(&text(pause), 1);
        let throughput = a(&record).throughput_per_s;
        assert!((throughput - 1600.0).abs() < 3.0, "{pause}: {throughput}");
        let paused = a(&record).breakdown_mean_ns.paused;
        assert!((paused - 250_000.0).abs() < 4000.0, "{pause}: {paused}");
        let event = record.events["gc"];
        assert_eq!((event.count, event.total_ns), (100, 2_000_000_000));
    }
    // Somebody else's stop does not concern it.
    assert!((a(&ideal(&text("other"), 1)).throughput_per_s - 2000.0).abs() < 3.0);
}

#[test]
fn a_quota_is_used_up_and_no_more() {
    let text = scenario(
        "duration = \"10s\"",
        4,
        "quota = \"150%\"\nperiod = \"100ms\"",
        "threads = 4\nload = { clients = 4 }\nsteps = [{ name = \"s\", compute = \"1ms\" }]",
        "",
    );
    let record = ideal(&text, 1);
    // 1.5 processors' worth of tasks of 1 ms.
    assert!((a(&record).throughput_per_s - 1500.0).abs() < 8.0, "{}", a(&record).throughput_per_s);
    let quota = record.quota.unwrap();
    assert_eq!(
        (quota.quota_ns, quota.period_ns, quota.periods, quota.throttled),
        (150_000_000, 100_000_000, 100, 100)
    );
    // Four processors use it up in 37.5 ms of each 100.
    assert!((quota.throttled_ns as f64 / 100.0 - 62.5e6).abs() < 1e5, "{quota:?}");
    let share = a(&record).breakdown_mean_ns.throttled / a(&record).breakdown_mean_ns.total();
    assert!((share - 0.625).abs() < 0.01, "{share}");
    // A quota that is never reached changes nothing.
    let ample = ideal(&text.replace("150%", "400%"), 1);
    assert!((a(&ample).throughput_per_s - 4000.0).abs() < 1.0);
    assert_eq!(ample.quota.unwrap().throttled, 0);
}

#[test]
fn a_batch_is_served_as_bailey_says() {
    for most in [1, 4, 32] {
        let text = scenario(
            "tasks = 30000",
            500,
            "",
            &format!(
                "threads = 500\nload = {{ rate = \"{}/s\" }}\n\
                 steps = [{{ name = \"commit\", io = \"1ms\", spread = \"exponential\", batch = {{ most = {most} }} }}]",
                700 * most
            ),
            "",
        );
        let wait = estimate(&text, |record| a(record).sojourn_ns.mean / 1e6 - 1.0);
        let theory = batch_wait(0.7 * f64::from(most), most, 1.0).unwrap();
        // A follower waits for its batch as a whole: on average as long as the leader serves.
        agrees(&format!("most = {most}"), (wait.0, wait.1.max(0.01)), theory);
        let record = ideal(&text, 1);
        let batches = record.batches["a.commit"];
        assert!(batches.largest <= most.into() && batches.tasks >= batches.batches, "{batches:?}");
    }
}

#[test]
fn a_batch_that_gathers_waits_for_its_time_or_until_it_is_full() {
    let text = |clients: u32| {
        scenario(
            "tasks = 1000",
            100,
            "",
            &format!(
                "threads = {clients}\nload = {{ clients = {clients} }}\n\
                 steps = [{{ name = \"commit\", io = \"1ms\", batch = {{ most = 4, within = \"3ms\" }} }}]"
            ),
            "",
        )
    };
    // Three never fill it: 3 ms and 1 ms. Four do at once.
    assert!((a(&ideal(&text(3), 1)).sojourn_ns.mean - 4e6).abs() < 1e4);
    assert!((a(&ideal(&text(4), 1)).sojourn_ns.mean - 1e6).abs() < 1e4);
}

/// Exponential sections of 1 ms under a shared lock.
fn shared(share: bool, prefer: &str, rate: u32) -> String {
    scenario(
        "tasks = 40000",
        500,
        &format!("[lock.table]\nkind = \"shared\"\nprefer = \"{prefer}\""),
        &format!(
            "threads = 500\nload = {{ rate = \"{rate}/s\" }}\n\
             steps = [{{ name = \"s\", lock = \"table\", share = {share}, io = \"1ms\", spread = \"exponential\" }}]"
        ),
        "",
    )
}

#[test]
fn readers_share_and_writers_do_not() {
    for prefer in ["writers", "readers", "fifo"] {
        let lock = |record: &RunRecord| a(record).breakdown_mean_ns.lock / 1e6;
        assert!(lock(&ideal(&shared(true, prefer, 5000), 1)).abs() < 1e-9, "{prefer}");
        let writers = estimate(&shared(false, prefer, 700), lock);
        agrees(prefer, writers, mm1_wait(0.7, 1.0).unwrap());
    }
}

#[test]
fn preference_decides_who_waits() {
    let text = |prefer: &str| {
        scenario(
            "duration = \"20s\"",
            500,
            &format!("[lock.table]\nkind = \"shared\"\nprefer = \"{prefer}\""),
            "threads = 300\nload = { rate = \"2000/s\", mix = { read = 0.95, write = 0.05 } }\n\
             [actor.a.on.read]\nsteps = [{ name = \"s\", lock = \"table\", share = true, io = \"1ms\" }]\n\
             [actor.a.on.write]\nsteps = [{ name = \"s\", lock = \"table\", io = \"1ms\" }]",
            "",
        )
    };
    let of = |prefer: &str, kind: &str| a(&ideal(&text(prefer), 1)).kinds[kind].sojourn_ns.mean / 1e6;
    let [readers, writers, fifo] =
        ["readers", "writers", "fifo"].map(|prefer| [of(prefer, "read"), of(prefer, "write")]);
    assert!(readers[0] < fifo[0] && readers[0] < writers[0], "{readers:?} {fifo:?} {writers:?}");
    assert!(writers[1] < readers[1] && fifo[1] < readers[1], "{readers:?} {fifo:?} {writers:?}");
}

/// Eight threads that do nothing but take a mutex.
fn mutex(policy: &str) -> String {
    scenario(
        "duration = \"2s\"",
        8,
        &format!("[lock.m]\n{policy}"),
        "threads = 8\nload = { clients = 8 }\n\
         steps = [{ name = \"s\", lock = \"m\", compute = \"10us\" }, { name = \"t\", compute = \"1us\" }]",
        "",
    )
}

#[test]
fn a_mutex_is_passed_on_as_its_policy_says() {
    let worst = |policy: &str| {
        let record = ideal(&mutex(policy), 1);
        (a(&record).lock_wait_ns.max, a(&record).throughput_per_s)
    };
    let fifo = worst("next = \"fifo\"");
    // In turn: seven others before each, less the microsecond outside.
    assert!((60_000..=72_000).contains(&fifo.0), "{fifo:?}");
    let handover = worst("next = { handover = \"1ms\" }");
    assert!(handover.0 <= 1_200_000, "{handover:?}");
    // Whoever spins loses no time on a host that charges none; nobody waits beyond the run.
    let spin = worst("wait = { spin = \"20us\" }");
    assert!((spin.1 - fifo.1).abs() < 0.02 * fifo.1, "{spin:?} {fifo:?}");
}

#[test]
fn a_mutex_that_is_polled_is_waited_for_in_whole_sleeps() {
    let text = scenario(
        "tasks = 5000",
        8,
        "[lock.m]\nwait = { poll = \"1ms\" }",
        "threads = 8\nload = { rate = \"1000/s\" }\nsteps = [{ name = \"s\", lock = \"m\", compute = \"200us\" }]",
        "",
    );
    let record = ideal(&text, 1);
    let lock = &record.locks["m"];
    assert!(lock.contended > 500, "{lock:?}");
    // Nobody who waited did so for less than one sleep.
    let waited = lock.wait_ns.mean * lock.acquisitions as f64;
    assert!(waited >= 0.999e6 * lock.contended as f64 && lock.wait_ns.p50 == 0, "{lock:?}");
}

#[test]
fn a_key_that_expires_is_fetched_by_everybody_or_once() {
    let text = |once: bool| {
        scenario(
            "duration = \"10s\"",
            100,
            &format!("[cache.c]\ncapacity = 10\nkeys = {{ count = 1 }}\nttl = \"100ms\"\nonce = {once}"),
            "threads = 20\nload = { clients = 20 }\n\
             steps = [{ name = \"w\", compute = \"1ms\" }, { name = \"s\", cache = \"c\", miss = { io = \"10ms\" } }]",
            "",
        )
    };
    let (all, once) = (ideal(&text(false), 1), ideal(&text(true), 1));
    let misses = |record: &RunRecord| record.caches["c"].misses;
    // An entry serves for 100 ms after it was put in: some 90 times in 10 s, and all twenty miss it.
    assert!((1700..=2000).contains(&misses(&all)), "{}", misses(&all));
    assert!(a(&all).breakdown_mean_ns.batch.abs() < 1e-9 && a(&once).breakdown_mean_ns.batch > 0.0);
    let waited = |record: &RunRecord| a(record).breakdown_mean_ns.io * a(record).completed as f64 / 1e7;
    assert!(waited(&once) < 101.0 && waited(&all) > 1700.0, "{} {}", waited(&once), waited(&all));
}

#[test]
fn a_wait_that_blocks_keeps_its_worker() {
    let text = |blocks: &str| {
        scenario(
            "duration = \"10s\"",
            2,
            "",
            &format!(
                "threads = 2\nqueue = \"async\"\nload = {{ clients = 20 }}\nsteps = [{{ name = \"s\", io = \"10ms\"{blocks} }}]"
            ),
            "",
        )
    };
    assert!((a(&ideal(&text(""), 1)).throughput_per_s - 2000.0).abs() < 5.0);
    assert!((a(&ideal(&text(", blocks = true"), 1)).throughput_per_s - 200.0).abs() < 2.5);
}
