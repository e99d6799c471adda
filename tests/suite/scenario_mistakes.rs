//! What a wrong scenario is answered with: every kind of mistake, with line, key, expectation and nearest name.

use conlab::scenario::{Scenario, ScenarioError};

/// A scenario that is right.
const RIGHT: &str = r#"schema = 1
name = "right"
[run]
tasks = 10
[host]
cores = 2
[lock.table]
kind = "mutex"
[lock.interpreter]
kind = "gil"
interval = "5ms"
[cache.rsu]
capacity = 100
keys = { count = 1000, zipf = 0.9 }
[store.disk]
value = "4KiB"
[actor.agents]
focus = true
threads = 2
load = { clients = 2, think = "1ms" }
under = "interpreter"
steps = [
  { name = "plan", compute = "1ms", spread = { lognormal = 0.1 } },
  { name = "fetch", call = "vault" },
]
[actor.vault]
steps = [{ name = "read", cache = "rsu", hit = "1us", miss = { io = "1ms" } }]
[isolated]
load = ["agents"]
"#;

/// One that is right and says more.
const RICH: &str = r#"schema = 1
name = "rich"
[host]
quota = "150%"
period = "100ms"
[lock.index]
kind = "mutex"
next = "fifo"
wait = "park"
[lock.table]
kind = "shared"
prefer = "readers"
[pool.connections]
size = 10
next = "barge"
timeout = "1s"
[event.gc]
every = "2s"
for = "20ms"
pause = "all"
[actor.web]
focus = true
queue = "mutex"
capacity = 100
full = "refuse"
timeout = "1s"
shed = { length = 50 }
load = { phases = [{ for = "1s", rate = "10/s" }, { for = "1s", rate = 0 }], mix = { get = 1, put = 2 } }
[actor.web.on.get]
priority = 2
steps = [
  { name = "query", pool = "connections", lock = "table", share = true, io = "1ms", blocks = true },
  { name = "ask", chance = "10%", call = "leaf", fan = 3, wait = 2, parallel = 2, hedge = "5ms", timeout = "50ms", cancel = true, retry = { times = 3, after = "1ms", factor = 2, jitter = 0.5, budget = "10%" } },
]
[actor.web.on.put]
steps = [
  { name = "commit", lock = "index", fail = 0.1, io = "1ms", batch = { most = 8, within = "1ms" } },
  { name = "tell", send = "leaf", call = ["leaf", "leaf"] },
]
[actor.leaf]
steps = [{ name = "work", compute = "1ms" }]
"#;

/// The answer to a scenario that is right with `from` replaced by `to`.
fn answer_in(right: &str, from: &str, to: &str) -> String {
    assert!(right.contains(from), "`{from}` is not in the scenario");
    match Scenario::parse(&right.replacen(from, to, 1), "file.toml") {
        Ok(_) => panic!("`{to}` for `{from}` was accepted"),
        Err(error) => error.to_string(),
    }
}

/// Holds all answers, one below the other, against the snapshot of this name.
fn check(name: &str, cases: &[(&str, &str)]) {
    check_in(RIGHT, name, cases);
}

fn check_in(right: &str, name: &str, cases: &[(&str, &str)]) {
    let said = |from, to| answer_in(right, from, to).replace('\n', "\n    ");
    let all: String = cases.iter().map(|(from, to)| format!("{to}\n    {}\n", said(from, to))).collect();
    insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!(name, all) });
}

#[test]
fn the_right_one_is_right() {
    Scenario::parse(RIGHT, "file.toml").unwrap();
}

#[test]
fn policies_of_what_is_shared() {
    Scenario::parse(RICH, "file.toml").unwrap();
    check_in(
        RICH,
        "policies_of_what_is_shared",
        &[
            ("quota = \"150%\"", "quota = \"much\""),
            ("quota = \"150%\"", "quota = 0"),
            ("quota = \"150%\"", ""),
            ("next = \"fifo\"", "next = \"fiffo\""),
            ("next = \"fifo\"", "next = { handovr = \"1ms\" }"),
            ("wait = \"park\"", "wait = { spin = \"1us\", poll = \"1ms\" }"),
            ("wait = \"park\"", "wait = \"spin\""),
            ("prefer = \"readers\"", "prefer = \"reader\""),
            ("prefer = \"readers\"", "next = \"fifo\""),
            ("size = 10", "size = 0"),
            ("size = 10", ""),
            ("timeout = \"1s\"\n[event", "timeout = \"0s\"\n[event"),
            ("next = \"barge\"", "next = { handover = \"1ms\" }"),
            ("every = \"2s\"", ""),
            ("every = \"2s\"", "every = \"0s\""),
            ("for = \"20ms\"", ""),
            ("pause = \"all\"", "pause = \"wep\""),
        ],
    );
}

/// One whose work is dear and whose workers die.
const HARD: &str = r#"schema = 1
name = "hard"
[host]
siblings = "60%"
[event.crash]
at = "3s"
for = "2s"
kill = "web"
workers = 1
[workers.runtime]
threads = 2
nice = 5
restart = "1s"
[actor.web]
focus = true
threads = 4
nice = -5
restart = { mean = "1s", spread = "exponential" }
slowdown = { beyond = 96, each = "0.1%" }
load = { clients = 4 }
steps = [{ name = "s", compute = "1ms", panic = { every = 1000 } }]
[actor.loop]
queue = "async"
steps = [{ name = "s", io = "1ms", panic = "0.1%" }]
[actor.report]
workers = "runtime"
steps = [{ name = "s", panic = { task = 7 } }]
"#;

#[test]
fn slow_downs_niceness_and_deaths() {
    Scenario::parse(HARD, "file.toml").unwrap();
    check_in(
        HARD,
        "slow_downs_niceness_and_deaths",
        &[
            ("siblings = \"60%\"", "siblings = \"0%\""),
            ("siblings = \"60%\"", "sibling = \"60%\""),
            ("kill = \"web\"", "kill = \"wep\""),
            ("kill = \"web\"", "kill = \"loop\""),
            ("kill = \"web\"", "kill = \"report\""),
            ("kill = \"web\"", "kill = \"web\"\npause = \"all\""),
            ("kill = \"web\"", "pause = \"web\""),
            ("kill = \"web\"\nworkers = 1", ""),
            ("workers = 1", "workers = 5"),
            ("workers = 1", "workers = 0"),
            ("nice = 5", "nice = 20"),
            ("nice = -5", "nice = \"low\""),
            ("restart = \"1s\"", "restart = 1"),
            ("queue = \"async\"", "queue = \"async\"\nrestart = \"1s\""),
            ("workers = \"runtime\"", "workers = \"runtime\"\nnice = 3"),
            ("{ beyond = 96, each = \"0.1%\" }", "{ beyond = 96 }"),
            ("{ beyond = 96, each = \"0.1%\" }", "{ above = 96, each = \"0.1%\" }"),
            ("{ beyond = 96, each = \"0.1%\" }", "\"0.1%\""),
            ("{ every = 1000 }", "{ every = 0 }"),
            ("{ every = 1000 }", "{ evry = 1000 }"),
            ("{ every = 1000 }", "{ every = 1000, task = 3 }"),
            ("{ every = 1000 }", "2"),
        ],
    );
}

#[test]
fn kinds_calls_and_overload() {
    check_in(
        RICH,
        "kinds_calls_and_overload",
        &[
            ("full = \"refuse\"", "full = \"drop\""),
            ("queue = \"mutex\"", "queue = \"async\""),
            ("queue = \"mutex\"", "queue = \"segqueue\""),
            ("shed = { length = 50 }", "shed = { length = 50, age = \"1s\" }"),
            ("shed = { length = 50 }", "shed = { size = 50 }"),
            ("mix = { get = 1, put = 2 }", "mix = { got = 1, put = 2 }"),
            ("mix = { get = 1, put = 2 }", "mix = { get = 0 }"),
            (", mix = { get = 1, put = 2 }", ""),
            ("{ for = \"1s\", rate = \"10/s\" }", "{ for = \"1s\", rate = 0 }"),
            ("{ for = \"1s\", rate = \"10/s\" }", "{ fro = \"1s\", rate = \"10/s\" }"),
            ("load = { phases", "load = { rate = 1, phases"),
            (
                "load = { phases = [{ for = \"1s\", rate = \"10/s\" }, { for = \"1s\", rate = 0 }]",
                "load = { clients = 2",
            ),
            (
                "load = { phases = [{ for = \"1s\", rate = \"10/s\" }, { for = \"1s\", rate = 0 }]",
                "load = { arrivals = \"/no/such.csv\"",
            ),
            ("priority = 2", "priority = -1"),
            ("pool = \"connections\"", "pool = \"conections\""),
            ("lock = \"table\", share = true", "lock = \"index\", share = true"),
            ("io = \"1ms\", blocks = true", "blocks = true, compute = \"1ms\""),
            ("chance = \"10%\"", "chance = \"110%\""),
            ("call = \"leaf\", fan = 3", "call = \"laef\", fan = 3"),
            ("call = \"leaf\", fan = 3", "call = \"web.gt\", fan = 3"),
            ("call = \"leaf\", fan = 3", "call = \"web\", fan = 3"),
            ("call = \"leaf\", fan = 3", "call = [\"leaf\"], fan = 3"),
            ("call = \"leaf\", fan = 3", "io = \"1ms\""),
            ("wait = 2", "wait = 4"),
            ("wait = 2", "wait = \"last\""),
            ("retry = { times = 3", "retry = { time = 3"),
            ("factor = 2", "factor = 0.5"),
            ("budget = \"10%\"", "budget = 2"),
            ("batch = { most = 8", "batch = { most = 0"),
            ("call = [\"leaf\", \"leaf\"]", "call = []"),
            ("call = [\"leaf\", \"leaf\"]", "cancel = true, call = \"leaf\""),
            ("fail = 0.1", "fail = 2"),
        ],
    );
}

/// An event loop with a blocking pool.
const PLACES: &str = r#"schema = 1
name = "places"
[actor.web]
focus = true
queue = "async"
offload = { threads = 4, queue = "mutex", capacity = 100 }
instances = 4
route = "shortest"
load = { clients = 2 }
steps = [{ name = "hash", offload = true, compute = "1ms" }]
[workers.runtime]
threads = 2
queue = "async"
[actor.api]
workers = "runtime"
steps = [{ name = "answer", compute = "1ms" }]
"#;

#[test]
fn who_works_where() {
    Scenario::parse(PLACES, "file.toml").unwrap();
    check_in(
        PLACES,
        "who_works_where",
        &[
            ("offload = true", "offload = \"yes\""),
            ("offload = true", "offlod = true"),
            ("offload = true, ", ""),
            ("offload = true, compute = \"1ms\"", "offload = true, io = \"1ms\", blocks = true"),
            ("threads = 4", "threads = 0"),
            ("threads = 4", "thread = 4"),
            ("queue = \"mutex\"", "queue = \"async\""),
            ("queue = \"mutex\"", "queue = \"mutx\""),
            ("capacity = 100", "capacity = 0"),
            ("workers = \"runtime\"", "workers = \"runtme\""),
            ("workers = \"runtime\"", "workers = \"runtime\"\nthreads = 2\ncapacity = 3"),
            ("workers = \"runtime\"", "workers = \"runtime\"\ninstances = 2"),
            ("workers = \"runtime\"", ""),
            ("workers = \"runtime\"", "wrkers = \"runtime\""),
            ("threads = 2\nqueue", "thread = 2\nqueue"),
            ("[workers.runtime]", "[workers.api]"),
            ("instances = 4", "instances = 0"),
            ("instances = 4", "instnces = 4"),
            ("instances = 4", ""),
            ("route = \"shortest\"", "route = \"shorter\""),
            ("[actor.web]", "[lock.l]\nprivat = true\n[actor.web]"),
            ("[actor.web]", "[lock.l]\nprivate = 1\n[actor.web]"),
            ("offload = { threads = 4, queue = \"mutex\", capacity = 100 }", "offload = 4"),
            (
                "load = { clients = 2 }",
                "load = { clients = 2 }\n[actor.\"web.offload\"]\nsteps = []\n[actor.web.on.x]",
            ),
            (
                "compute = \"1ms\" }]",
                "call = \"back\" }]\n[actor.back]\nsteps = [{ name = \"b\", call = \"web\" }]",
            ),
        ],
    );
}

#[test]
fn text_that_is_no_toml() {
    check(
        "text_that_is_no_toml",
        &[("[run]", "[run"), ("tasks = 10", "tasks = 10\ntasks = 11"), ("tasks = 10", "tasks = ten")],
    );
}

#[test]
fn the_top_of_the_file() {
    check(
        "the_top_of_the_file",
        &[
            ("schema = 1", ""),
            ("schema = 1", "schema = 2"),
            ("schema = 1", "schema = \"1\""),
            ("name = \"right\"", ""),
            ("name = \"right\"", "name = \"\""),
            ("name = \"right\"", "name = \"a\\u0007b\""),
            ("[run]", "[rum]"),
            ("[run]\ntasks = 10", "run = 3"),
        ],
    );
}

#[test]
fn amounts_and_host() {
    check(
        "amounts_and_host",
        &[
            ("tasks = 10", "tasks = 0"),
            ("tasks = 10", "tasks = -1"),
            ("tasks = 10", "tasks = 1.5"),
            ("tasks = 10", "task = 1"),
            ("tasks = 10", "duration = \"0s\""),
            ("tasks = 10", "duration = \"-5ms\""),
            ("tasks = 10", "duration = \"99999999999999999999s\""),
            ("tasks = 10", "duration = 5"),
            ("tasks = 10", "warmup = \"5 parsecs\""),
            ("tasks = 10", "seed = -1"),
            ("tasks = 10", "replicates = 0"),
            ("tasks = 10", "load = \"isolatd\""),
            ("tasks = 10", "engine = \"virtul\""),
            ("cores = 2", "cores = 0"),
            ("cores = 2", "slice = \"0ms\""),
            ("cores = 2", "ideal = 1"),
            ("cores = 2", "wakeup = \"20us\""),
            ("cores = 2", "wake_packing = 1001"),
            ("cores = 2", "kernel_tick = 4"),
        ],
    );
}

#[test]
fn shared_things() {
    check(
        "shared_things",
        &[
            ("kind = \"mutex\"", "kind = \"mutx\""),
            ("kind = \"mutex\"", "kind = \"mutex\"\ninterval = \"1ms\""),
            ("interval = \"5ms\"", "interval = \"0ms\""),
            ("capacity = 100", "capacity = 0"),
            ("capacity = 100", ""),
            ("capacity = 100", "capacity = 100\nlayout = \"shared\""),
            ("capacity = 100", "capacity = 100\nshards = 0"),
            ("count = 1000, ", ""),
            ("count = 1000, ", "count = 0, "),
            ("zipf = 0.9", "zipf = -1"),
            ("zipf = 0.9", "zipf = nan"),
            ("value = \"4KiB\"", "value = \"4KB/s\""),
            ("value = \"4KiB\"", "value = 0"),
            ("value = \"4KiB\"", "durable = 1"),
            ("[lock.table]", "[lock.\"\"]"),
        ],
    );
}

#[test]
fn actors_and_load() {
    check(
        "actors_and_load",
        &[
            ("threads = 2", "threads = 0"),
            ("threads = 2", "threads = 1000000"),
            ("threads = 2", "threads = \"two\""),
            ("threads = 2", "thread = 2"),
            ("threads = 2", "queue = \"nonsense\""),
            ("threads = 2", "queue = \"lock-free\""),
            ("threads = 2", "capacity = 0"),
            ("threads = 2", "capacity = 99999999999"),
            ("clients = 2, think = \"1ms\"", "clients = 0"),
            ("clients = 2, think = \"1ms\"", "rate = 0"),
            ("clients = 2, think = \"1ms\"", "rate = \"-5/s\""),
            ("clients = 2, think = \"1ms\"", "rate = \"5/s\", arrivals = \"poison\""),
            ("clients = 2, think = \"1ms\"", "rate = \"5/s\", think = \"1ms\""),
            ("clients = 2, think = \"1ms\"", "clients = 2, rate = \"5/s\""),
            ("clients = 2, think = \"1ms\"", "clients = 2, arrivals = \"paced\""),
            ("clients = 2, think = \"1ms\"", ""),
            ("under = \"interpreter\"", "under = \"interpretr\""),
            ("focus = true", "focus = 1"),
            ("load = [\"agents\"]", "load = [\"agent\"]"),
            ("load = [\"agents\"]", "load = \"agents\""),
        ],
    );
}

#[test]
fn steps() {
    let plan = "{ name = \"plan\", compute = \"1ms\", spread = { lognormal = 0.1 } }";
    check(
        "steps",
        &[
            (plan, "{ compute = \"1ms\" }"),
            (plan, "{ name = \"fetch\", compute = \"1ms\" }"),
            (plan, "{ name = \"plan\" }"),
            (plan, "{ name = \"plan\", compute = \"1ms\", times = 0 }"),
            (plan, "{ name = \"plan\", compute = 1 }"),
            (plan, "{ name = \"plan\", compte = \"1ms\" }"),
            (plan, "{ name = \"plan\", io = { spread = \"exponential\" } }"),
            (plan, "{ name = \"plan\", io = { mean = \"1ms\", sprad = \"exponential\" } }"),
            (plan, "{ name = \"plan\", compute = \"1ms\", lock = \"tabel\" }"),
            (plan, "{ name = \"plan\", compute = \"1ms\", lock = \"interpreter\", under = \"\" }"),
            (plan, "{ name = \"plan\", compute = \"1ms\", lock = \"table\", under = \"table\" }"),
            (plan, "{ name = \"plan\", touch = \"999GiB\" }"),
            (plan, "{ name = \"plan\", call = \"valt\" }"),
            (plan, "{ name = \"plan\", cache = \"rsa\" }"),
            (plan, "{ name = \"plan\", io = \"1ms\", miss = { io = \"1ms\" } }"),
            (plan, "{ name = \"plan\", cache = \"rsu\", miss = { io = \"1ms\", compute = \"1ms\" } }"),
            (plan, "{ name = \"plan\", cache = \"rsu\", miss = { read = \"dis\" } }"),
            (plan, "{ name = \"plan\", read = \"disk\", write = \"disk\" }"),
            (plan, "3"),
        ],
    );
}

#[test]
fn spreads() {
    let spread = "{ lognormal = 0.1 }";
    check(
        "spreads",
        &[
            (spread, "\"exponentail\""),
            (spread, "\"gamma\""),
            (spread, "{ uniform = 1.5 }"),
            (spread, "{ lognormal = -0.1 }"),
            (spread, "{ gamma = 0 }"),
            (spread, "{ pareto = 1 }"),
            (spread, "{ hyperexponential = 0.5 }"),
            (spread, "{ lognormal = 0.1, gamma = 2 }"),
            (spread, "{ exponential = 2 }"),
            (spread, "{ lognormall = 0.1 }"),
            (spread, "{ ramp = { step = \"1ms\" } }"),
            (spread, "{ ramp = { step = \"1h\", count = 1000000000 } }"),
            (spread, "{ empirical = \"/no/such/file.csv\" }"),
            (spread, "{ empirical = [1, -1] }"),
            (spread, "{ empirical = [] }"),
        ],
    );
}

#[test]
fn what_cannot_run_although_its_parts_are_right() {
    let read = "{ name = \"read\", cache = \"rsu\", hit = \"1us\", miss = { io = \"1ms\" } }";
    check(
        "what_cannot_run_although_its_parts_are_right",
        &[
            (read, "{ name = \"back\", call = \"agents\" }"),
            (read, "{ name = \"self\", send = \"vault\" }"),
            ("focus = true", ""),
            ("[actor.vault]", "[actor.vault]\nfocus = true"),
            ("load = { clients = 2, think = \"1ms\" }", ""),
            ("load = [\"agents\"]", "load = [\"vault\"]"),
        ],
    );
    // The lock is taken at both ends of the call.
    let both = RIGHT
        .replace("call = \"vault\"", "call = \"vault\", lock = \"table\"")
        .replace("cache = \"rsu\"", "lock = \"table\", cache = \"rsu\"");
    let said = Scenario::parse(&both, "file.toml").unwrap_err().to_string();
    assert!(said.contains("step `fetch` holds lock `table` while it waits for `vault`"), "{said}");
}

#[test]
fn every_mistake_is_reported_at_once_in_the_order_of_the_file() {
    let wrong = RIGHT
        .replace("threads = 2", "threads = 0")
        .replace("tasks = 10", "tasks = 0")
        .replace("call = \"vault\"", "call = \"valt\"")
        .replace("zipf = 0.9", "zipff = 0.9");
    let Err(ScenarioError::Invalid { mistakes, .. }) = Scenario::parse(&wrong, "file.toml") else {
        panic!("accepted");
    };
    let places: Vec<(usize, &str)> =
        mistakes.iter().map(|mistake| (mistake.line, mistake.key.as_str())).collect();
    assert_eq!(
        places,
        [
            (4, "run.tasks"),
            (14, "cache.rsu.keys.zipff"),
            (19, "actor.agents.threads"),
            (24, "actor.agents.steps.fetch.call"),
        ]
    );
}
