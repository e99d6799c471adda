//! Verdicts on planted systems, and on others that look like them and are not.

use super::simulated::ideal;
use conlab::engine::{Engine, Experiment, Progress, VirtualEngine};
use conlab::measure::RunRecord;
use conlab::measure::record::VerdictKind;
use conlab::scenario::{LoadArm, Overrides, Scenario};
use conlab::units::Nanos;

/// Kinds of the verdicts of a record.
fn kinds(record: &RunRecord) -> Vec<VerdictKind> {
    record.verdicts.iter().map(|verdict| verdict.kind).collect()
}

fn scenario(cores: u32, window: &str, warmup: &str, rest: &str) -> String {
    format!(
        "schema = 1\nname = \"planted\"\nrun = {{ duration = \"{window}\", warmup = \"{warmup}\" }}\n\
         [host]\ncores = {cores}\n{rest}"
    )
}

/// An actor of `threads` threads with tasks of 1 ms.
fn station(threads: usize, queue: &str, capacity: usize, load: &str, step: &str) -> String {
    format!(
        "[actor.a]\nfocus = true\nthreads = {threads}\nqueue = \"{queue}\"\ncapacity = {capacity}\nload = {load}\n\
         steps = [ {{ name = \"work\", {step} }} ]\n"
    )
}

#[test]
fn load_beyond_capacity_is_overload() {
    let work = "compute = \"1ms\"";
    let spread = "compute = \"1ms\", spread = \"exponential\"";
    for (case, (cores, threads, queue, capacity, load, step)) in [
        (1, 1, "mutex", 1_000_000, "{ rate = \"5000/s\" }", work),
        (1, 1, "mutex", 64, "{ rate = \"5000/s\" }", work),
        (1, 1, "mutex", 1, "{ rate = \"1500/s\", arrivals = \"poisson\" }", spread),
        (1, 1, "lockfree", 1024, "{ rate = \"1200/s\", arrivals = \"poisson\" }", spread),
        (2, 2, "lockfree", 100_000, "{ rate = \"2300/s\", arrivals = \"uniform\" }", spread),
        (2, 2, "segqueue", 1024, "{ rate = \"20000/s\", arrivals = \"paced\" }", work),
        (4, 4, "arrayqueue", 1024, "{ rate = \"4500/s\", arrivals = \"poisson\" }", work),
        (4, 1, "mutex", 100_000, "{ rate = \"1200/s\", arrivals = \"paced\" }", work),
        (1, 4, "mutex", 100_000, "{ rate = \"1500/s\", arrivals = \"poisson\" }", work),
        (8, 8, "mutex", 100_000, "{ rate = \"1500/s\", arrivals = \"paced\" }", "io = \"10ms\""),
        (1, 1, "async", 100_000, "{ rate = \"3000/s\", arrivals = \"poisson\" }", work),
        (2, 2, "mutex", 1024, "{ rate = \"2500/s\", arrivals = \"poisson\" }", spread),
    ]
    .into_iter()
    .enumerate()
    {
        let text = scenario(cores, "2s", "0s", &station(threads, queue, capacity, load, step));
        let record = ideal(&text, 18 + case as u64);
        assert_eq!(kinds(&record), [VerdictKind::Overload], "case {case}: {:?}", record.verdicts);
        assert!(record.verdicts[0].message.starts_with("`a` gets "), "{}", record.verdicts[0].message);
        assert!(record.trustworthy, "throughput is what it is under overload");
    }
}

#[test]
fn what_looks_like_overload_and_is_not() {
    let spread = "compute = \"1ms\", spread = \"exponential\"";
    for seed in 1..=3 {
        for (cores, threads, capacity, load, step) in [
            // Close to capacity: queues come and go.
            (1, 1, 100_000, "{ rate = \"900/s\", arrivals = \"poisson\" }", spread),
            (1, 1, 100_000, "{ rate = \"950/s\", arrivals = \"poisson\" }", spread),
            (4, 4, 100_000, "{ rate = \"3900/s\", arrivals = \"poisson\" }", spread),
            (1, 1, 100_000, "{ rate = \"1000/s\", arrivals = \"paced\" }", "compute = \"1ms\""),
            // A queue too short for bursts refuses much while there is capacity left.
            (1, 1, 1, "{ rate = \"700/s\", arrivals = \"poisson\" }", spread),
            (2, 2, 2, "{ rate = \"1400/s\", arrivals = \"poisson\" }", spread),
            // Clients that wait for each other are as many as they are.
            (1, 1, 1024, "{ clients = 200 }", "compute = \"1ms\""),
            (2, 64, 1024, "{ clients = 64, think = \"1ms\" }", spread),
            // Many threads, and tasks that fill up from an empty start.
            (2, 1000, 100_000, "{ rate = \"2000/s\", arrivals = \"poisson\" }", "io = \"300ms\""),
            (2, 500, 100_000, "{ rate = \"200/s\" }", "io = \"1s\", spread = { hyperexponential = 9.0 }"),
        ] {
            let text = scenario(cores, "2s", "0s", &station(threads, "mutex", capacity, load, step));
            let record = ideal(&text, seed);
            assert_eq!(kinds(&record), [], "{load} {step}, seed {seed}: {:?}", record.verdicts);
        }
    }
}

/// An actor that takes the lock `l` over and over.
fn user(name: &str, focus: bool, threads: usize, think: &str, step: &str) -> String {
    format!(
        "[actor.{name}]\nfocus = {focus}\nthreads = {threads}\nload = {{ clients = {threads}, think = \"{think}\" }}\n\
         steps = [ {{ name = \"s\", {step} }} ]\n"
    )
}

const LOCK: &str = "[lock.l]\nkind = \"mutex\"\n";

#[test]
fn a_lock_that_is_never_got_is_starvation() {
    let under = |work: &str| format!("lock = \"l\", {work}");
    for (case, (hold, want, threads, window, warmup)) in [
        ("compute = \"1ms\"", "compute = \"1ms\"", 1, "1s", "0s"),
        ("compute = \"1ms\"", "compute = \"1ms\"", 1, "1s", "500ms"),
        ("compute = \"100us\"", "compute = \"5ms\"", 1, "500ms", "100ms"),
        ("io = \"1ms\"", "compute = \"1ms\"", 1, "1s", "0s"),
        ("io = \"4ms\"", "io = \"4ms\"", 1, "2s", "0s"),
        ("io = \"1ms\", spread = \"exponential\"", "io = \"1ms\"", 1, "1s", "100ms"),
        ("compute = \"1ms\", spread = \"exponential\"", "io = \"10ms\"", 1, "1s", "0s"),
        ("compute = \"500us\", io = \"500us\"", "compute = \"1us\"", 1, "1s", "0s"),
        ("compute = \"1ms\"", "compute = \"1ms\"", 3, "1s", "100ms"),
        ("io = \"2ms\"", "io = \"2ms\"", 2, "4s", "1s"),
    ]
    .into_iter()
    .enumerate()
    {
        let hog = user("hog", true, 1, "0s", &under(hold));
        let victim = user("victim", false, threads, "0s", &under(want));
        let record = ideal(&scenario(8, window, warmup, &format!("{LOCK}{hog}{victim}")), 18);
        assert_eq!(kinds(&record), [VerdictKind::Starvation], "case {case}: {:?}", record.verdicts);
        let verdict = &record.verdicts[0];
        assert!(
            verdict.message.starts_with("`victim` never got lock `l`: held by `hog` ")
                && ["99 % of the time", "100 % of the time"].iter().any(|end| verdict.message.ends_with(end)),
            "case {case}: {}",
            verdict.message
        );
        assert_eq!(verdict.parties.len(), threads, "case {case}: {:?}", verdict.parties);
        assert!(record.locks["l"].open_waits >= threads as u64, "case {case}: {:?}", record.locks["l"]);
        assert_eq!(record.actors["victim"].completed, 0);
    }
}

#[test]
fn what_looks_like_starvation_and_is_not() {
    let under = |work: &str| format!("lock = \"l\", {work}");
    let both = |hog: String, victim: String| format!("{LOCK}{hog}{victim}");
    let spin = "[lock.l]\nkind = \"spin\"\n";
    for rest in [
        // Both pause, so each gets its turn.
        both(
            user("hog", true, 1, "100us", &under("compute = \"1ms\"")),
            user("victim", false, 1, "100us", &under("compute = \"1ms\"")),
        ),
        both(
            user("hog", true, 1, "1ms", &under("io = \"4ms\"")),
            user("victim", false, 4, "1ms", &under("io = \"4ms\"")),
        ),
        // One long hold: nobody else gets the lock either.
        both(
            user("hog", true, 1, "0s", &under("io = \"1h\"")),
            user("victim", false, 1, "0s", &under("compute = \"1ms\"")),
        ),
        // A long queue in order: each waits longer than the window, and gets its turn.
        both(
            user("hog", true, 1, "1ms", &under("io = \"10ms\"")),
            user("victim", false, 400, "1ms", &under("io = \"10ms\"")),
        ),
        // A spin lock is passed on in order.
        format!(
            "{spin}{}{}",
            user("hog", true, 1, "0s", &under("compute = \"1ms\"")),
            user("victim", false, 1, "0s", &under("compute = \"1ms\""))
        ),
        // Nobody wants it at the same time.
        both(
            user("hog", true, 1, "1ms", &under("compute = \"100us\"")),
            user("victim", false, 1, "1h", &under("compute = \"1ms\"")),
        ),
    ] {
        let record = ideal(&scenario(8, "1s", "100ms", &rest), 18);
        let starving = record.verdicts.iter().any(|verdict| verdict.kind == VerdictKind::Starvation);
        assert!(!starving, "{rest}: {:?}", record.verdicts);
    }
}

#[test]
fn a_run_in_which_nothing_completes_is_too_short() {
    let clients = "{ clients = 2 }";
    for (case, (window, load, step)) in [
        ("1s", clients, "io = \"1h\""),
        ("1ms", clients, "io = \"1h\""),
        ("10s", clients, "io = \"2h\""),
        ("1s", clients, "compute = \"1h\""),
        ("100ms", clients, "compute = \"10min\""),
        ("1s", "{ clients = 1, think = \"1h\" }", "compute = \"1ms\""),
        ("1s", "{ rate = \"1/min\", arrivals = \"paced\" }", "compute = \"1ms\""),
        ("1s", "{ rate = \"10/min\", arrivals = \"paced\" }", "io = \"1ms\""),
        ("1s", "{ rate = \"1/s\", arrivals = \"paced\" }", "io = \"1ms\""),
        ("2s", "{ rate = \"3/s\", arrivals = \"paced\" }", "io = \"1h\""),
    ]
    .into_iter()
    .enumerate()
    {
        let text = scenario(2, window, "0s", &station(2, "mutex", 64, load, step));
        let record = ideal(&text, 18);
        assert_eq!(kinds(&record), [VerdictKind::TooShort], "case {case}: {:?}", record.verdicts);
        let message = &record.verdicts[0].message;
        assert!(message.starts_with("no task of `a` ") && message.contains("run longer"), "{message}");
        assert_eq!(record.why_untrustworthy().as_ref(), Some(message));
        assert!(!record.trustworthy && record.identities.iter().all(|identity| identity.holds));
    }
}

/// A task that outlasts the window is waited for.
#[test]
fn a_long_task_is_no_short_run() {
    for (window, step) in [("1s", "io = \"10s\""), ("10ms", "io = \"30s\""), ("1ms", "compute = \"1ms\"")] {
        let text = scenario(2, window, "0s", &station(2, "mutex", 64, "{ clients = 2 }", step));
        let record = ideal(&text, 18);
        assert_eq!(kinds(&record), [], "{:?}", record.verdicts);
        assert!(record.trustworthy);
    }
}

/// The wrong program: an engine in which a client that does not think issues its next task at the same instant, for ever.
#[test]
fn tasks_without_end_in_no_time_are_refused() {
    let mut scenario = Scenario::load("false-sharing", &Overrides::default()).unwrap();
    scenario.run.warmup = Nanos::from_millis(500);
    scenario.actors[0].steps[0].times = 10;
    let refused = VirtualEngine::ideal()
        .run(&Experiment::new(scenario.clone(), LoadArm::Baseline), &Progress::default())
        .unwrap_err()
        .to_string();
    assert!(refused.contains("tasks of `worker` that take no time"), "{refused}");
    // As many tasks as are asked for are done all the same, an instant apart.
    scenario.run.warmup = Nanos::ZERO;
    scenario.run.tasks = Some(500);
    let record = VirtualEngine::ideal()
        .run(&Experiment::new(scenario, LoadArm::Baseline), &Progress::default())
        .unwrap()
        .record;
    assert!(record.actors["worker"].completed >= 500);
}
