//! Pools, overload, kinds, fan-out and batches against their closed forms within 1 %, on a host that charges nothing; the table is
//! printed with `--nocapture`.

use super::theory::check;
use conlab::measure::record::ActorRecord;
use conlab::theory::{
    batch_wait, erlang_a, erlang_b, mg1_wait, mm1_wait, mmc_wait, order_statistic, priority_waits,
};

fn scenario(tasks: u64, cores: u32, shared: &str, actor: &str, others: &str) -> String {
    format!(
        "schema = 1\nname = \"mechanism\"\n[run]\nwarmup = \"20s\"\ntasks = {tasks}\n[host]\ncores = {cores}\n{shared}\n\
         [actor.a]\nfocus = true\n{actor}\n{others}\n"
    )
}

fn share(part: u64, record: &ActorRecord) -> f64 {
    part as f64 / record.issued as f64
}

#[test]
#[ignore = "minutes"]
fn theory_of_pools_and_overload() {
    let text = scenario(
        1_000_000,
        1000,
        "[pool.p]\nsize = 4",
        "threads = 1000\nload = { rate = \"3200/s\" }\n\
         steps = [{ name = \"s\", pool = \"p\", io = \"1ms\", spread = \"exponential\" }]",
        "",
    );
    let pool = |record: &ActorRecord| record.breakdown_mean_ns.pool / 1e6;
    check("M/M/4 behind a pool, ρ = 0.8", &text, &[("mean wait, ms", &pool, mmc_wait(3.2, 4, 1.0).unwrap())]);
    // One place in the queue: M/M/4/5.
    let carried = 5.0 / 4.0 * erlang_b(5.0, 4).unwrap();
    let text = scenario(
        2_000_000,
        4,
        "",
        "threads = 4\ncapacity = 1\nfull = \"refuse\"\nload = { rate = \"5000/s\" }\n\
         steps = [{ name = \"s\", compute = \"1ms\", spread = \"exponential\" }]",
        "",
    );
    let refused = |record: &ActorRecord| share(record.refused, record);
    check("M/M/4/5 at 5 erlangs", &text, &[("refused", &refused, carried / (1.0 + carried))]);
    let text = scenario(
        2_000_000,
        4,
        "",
        "threads = 4\ncapacity = 1000000\ntimeout = { mean = \"2ms\", spread = \"exponential\" }\n\
         load = { rate = \"4800/s\" }\nsteps = [{ name = \"s\", compute = \"1ms\", spread = \"exponential\" }]",
        "",
    );
    let left = |record: &ActorRecord| share(record.timed_out, record);
    check("Erlang A, 4.8 erlangs on 4", &text, &[("left", &left, erlang_a(4.8, 4, 2.0).unwrap().abandoning)]);
}

#[test]
#[ignore = "minutes"]
fn theory_of_kinds() {
    let text = scenario(
        2_000_000,
        3,
        "",
        "threads = 3\ncapacity = 1000000\nload = { rate = \"2550/s\", mix = { fast = 0.3, slow = 0.7 } }\n\
         [actor.a.on.fast]\npriority = 1\nsteps = [{ name = \"s\", compute = \"1ms\", spread = \"exponential\" }]\n\
         [actor.a.on.slow]\nsteps = [{ name = \"s\", compute = \"1ms\", spread = \"exponential\" }]",
        "",
    );
    let waits = priority_waits(&[0.765, 1.785], 3, 1.0).unwrap();
    let fast = |record: &ActorRecord| record.kinds["fast"].wait_ns.mean / 1e6;
    let slow = |record: &ActorRecord| record.kinds["slow"].wait_ns.mean / 1e6;
    check("M/M/3, two priorities", &text, &[("wait, high", &fast, waits[0]), ("wait, low", &slow, waits[1])]);
    let text = scenario(
        2_000_000,
        1,
        "",
        "capacity = 1000000\nload = { rate = \"500/s\", mix = { get = 0.9, scan = 0.1 } }\n\
         [actor.a.on.get]\nsteps = [{ name = \"s\", compute = \"500us\" }]\n\
         [actor.a.on.scan]\nsteps = [{ name = \"s\", compute = \"5ms\" }]",
        "",
    );
    let (mean, square) = (0.95, 0.9 * 0.25 + 0.1 * 25.0);
    let wait = mg1_wait(0.5 * mean, mean, square / (mean * mean) - 1.0).unwrap();
    let get = |record: &ActorRecord| record.kinds["get"].sojourn_ns.mean / 1e6;
    let scan = |record: &ActorRecord| record.kinds["scan"].sojourn_ns.mean / 1e6;
    check("M/G/1, two kinds", &text, &[("get, ms", &get, wait + 0.5), ("scan, ms", &scan, wait + 5.0)]);
}

#[test]
#[ignore = "minutes"]
fn theory_of_fans_and_batches() {
    let call = |record: &ActorRecord| record.breakdown_mean_ns.call / 1e6;
    for (k, n) in [(10, 10), (1, 10), (19, 20)] {
        let text = scenario(
            200_000,
            1000,
            "",
            &format!(
                "load = {{ clients = 1 }}\nsteps = [{{ name = \"ask\", call = \"leaf\", fan = {n}, wait = {k} }}]"
            ),
            "[actor.leaf]\nthreads = 400\ncapacity = 10000\nsteps = [{ name = \"s\", io = \"1ms\", spread = \"exponential\" }]",
        );
        check(
            &format!("{k} of {n} exponentials"),
            &text,
            &[("ms", &call, order_statistic(k, n, 1.0).unwrap())],
        );
    }
    let sojourn = |record: &ActorRecord| record.sojourn_ns.mean / 1e6;
    for most in [1, 4, 32] {
        let text = scenario(
            500_000 * u64::from(most),
            2000,
            "",
            &format!(
                "threads = 2000\nload = {{ rate = \"{}/s\" }}\n\
                 steps = [{{ name = \"s\", io = \"1ms\", spread = \"exponential\", batch = {{ most = {most} }} }}]",
                700 * most
            ),
            "",
        );
        let theory = 1.0 + batch_wait(0.7 * f64::from(most), most, 1.0).unwrap();
        check(&format!("batches of up to {most}, ρ = 0.7"), &text, &[("sojourn, ms", &sojourn, theory)]);
    }
    let text = scenario(
        1_000_000,
        1000,
        "[lock.l]\nkind = \"shared\"",
        "threads = 1000\nload = { rate = \"700/s\" }\n\
         steps = [{ name = \"s\", lock = \"l\", io = \"1ms\", spread = \"exponential\" }]",
        "",
    );
    let lock = |record: &ActorRecord| record.breakdown_mean_ns.lock / 1e6;
    check("writers alone at a shared lock", &text, &[("wait, ms", &lock, mm1_wait(0.7, 1.0).unwrap())]);
}
