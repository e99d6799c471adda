//! Deadlocks in virtual time: each shape is named with its whole cycle, and nothing that is merely slow is called one.

use super::shapes::{assert_named, assert_only_slow, look_alikes, shapes};
use conlab::engine::{Engine, Experiment, Progress, VirtualEngine};
use conlab::measure::record::{RunRecord, Verdict, VerdictKind};
use conlab::scenario::{LoadArm, Scenario};
use std::fmt::Write as _;

fn run(text: &str) -> RunRecord {
    let scenario = Scenario::parse(text, "deadlock").unwrap_or_else(|error| panic!("{error}\n{text}"));
    let experiment = Experiment::new(scenario, LoadArm::Baseline);
    VirtualEngine::new().run(&experiment, &Progress::default()).unwrap().record
}

fn deadlocks(record: &RunRecord) -> Vec<&Verdict> {
    record.verdicts.iter().filter(|verdict| verdict.kind == VerdictKind::Deadlock).collect()
}

/// A cycle as `who: what`, and that it is one: each waits for something that the next one holds.
fn cycle(verdict: &Verdict) -> Vec<String> {
    let parties = &verdict.parties;
    for (number, party) in parties.iter().enumerate() {
        let next = &parties[(number + 1) % parties.len()];
        assert_eq!(party.held_by.as_ref(), Some(&next.who), "{}", verdict.message);
    }
    parties.iter().map(|party| format!("{}: {}", party.who, party.waits_for)).collect()
}

const HEAD: &str =
    "schema = 1\nname = \"shape\"\n[run]\nduration = \"500ms\"\nwarmup = \"0s\"\n[host]\ncores = 4\n";

/// What a ring is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Mutex,
    Spin,
    Async,
    /// Everybody under one interpreter lock, and mutexes.
    Interpreter,
}

/// Actors `x0`, `x1`, …: each holds lock `l0`, `l1`, … and calls `t0`, `t1`, …, which want the next one's lock.
fn ring_of_calls(length: usize, kind: Kind) -> String {
    let lock = if kind == Kind::Spin { "spin" } else { "mutex" };
    let queue = if kind == Kind::Async { "queue = \"async\"\n" } else { "" };
    let under = if kind == Kind::Interpreter { "under = \"g\"\n" } else { "" };
    let mut text = HEAD.replace("cores = 4", "cores = 20");
    if kind == Kind::Interpreter {
        text.push_str("[lock.g]\nkind = \"gil\"\n");
    }
    for number in 0..length {
        let next = (number + 1) % length;
        let focus = if number == 0 { "focus = true\n" } else { "" };
        write!(
            text,
            "[lock.l{number}]\nkind = \"{lock}\"\n\
             [actor.x{number}]\n{focus}{queue}{under}load = {{ clients = 1 }}\n\
             steps = [{{ name = \"s\", lock = \"l{number}\", compute = \"100us\", io = \"2ms\", call = \"t{number}\" }}]\n\
             [actor.t{number}]\n{queue}{under}steps = [{{ name = \"t\", lock = \"l{next}\", compute = \"10us\" }}]\n"
        )
        .unwrap();
    }
    text
}

/// As [`ring_of_calls`], but each sends into a queue of one place whose worker wants the next one's lock.
fn ring_of_queues(length: usize, threads: usize) -> String {
    let mut text = HEAD.replace("cores = 4", "cores = 20");
    for number in 0..length {
        let next = (number + 1) % length;
        let focus = if number == 0 { "focus = true\n" } else { "" };
        write!(
            text,
            "[lock.l{number}]\n[actor.x{number}]\n{focus}threads = {threads}\nload = {{ clients = {clients} }}\n\
             steps = [{{ name = \"s\", lock = \"l{number}\", compute = \"10us\", send = \"q{number}\" }}]\n\
             [actor.q{number}]\ncapacity = 1\nsteps = [{{ name = \"t\", lock = \"l{next}\", compute = \"100us\" }}]\n",
            clients = 2 * threads,
        )
        .unwrap();
    }
    text
}

/// The one cycle of a run that ended for it, and what each party waits for.
fn waits_of_the_cycle(what: &str, record: &RunRecord) -> Vec<String> {
    let found = deadlocks(record);
    assert_eq!(
        found.len(),
        1,
        "{what}: {:?} {:?}",
        record.verdicts,
        record.actors.values().map(|a| a.completed).collect::<Vec<_>>()
    );
    cycle(found[0]);
    let end = record.window.length_ns.cast_signed();
    let parties = &found[0].parties;
    assert!(parties.iter().all(|party| (0..=end).contains(&party.since_ns)), "{what}: {parties:?}");
    assert!(!record.trustworthy, "{what}");
    assert_eq!(record.why_untrustworthy().as_ref(), Some(&found[0].message), "{what}");
    parties.iter().map(|party| party.waits_for.clone()).collect()
}

#[test]
fn rings_of_locks_over_calls_are_named() {
    for kind in [Kind::Mutex, Kind::Spin, Kind::Async, Kind::Interpreter] {
        for length in 2..=6 {
            let record = run(&ring_of_calls(length, kind));
            let what = format!("{kind:?}, {length}");
            let expected: Vec<String> = (0..length)
                .flat_map(|number| {
                    [format!("an answer of `t{number}`"), format!("lock `l{}`", (number + 1) % length)]
                })
                .collect();
            assert_eq!(waits_of_the_cycle(&what, &record), expected, "{what}");
            // It ends as soon as nothing is left to happen.
            assert!(record.partial && record.window.length_ns < 50_000_000, "{what}");
        }
    }
}

#[test]
fn threads_that_spin_for_ever_in_turns_on_one_core_are_named_at_the_end() {
    let record = run(&ring_of_calls(3, Kind::Spin).replace("cores = 20", "cores = 1"));
    assert_eq!(waits_of_the_cycle("spin", &record).len(), 6);
    assert!(!record.partial);
}

#[test]
fn rings_of_full_queues_are_named() {
    for length in 2..=4 {
        for threads in [2, 8] {
            let record = run(&ring_of_queues(length, threads));
            let what = format!("{length}, {threads}");
            let expected: Vec<String> = (0..length)
                .flat_map(|number| {
                    [
                        format!("room in the queue of `q{number}`"),
                        format!("lock `l{}`", (number + 1) % length),
                    ]
                })
                .collect();
            assert_eq!(waits_of_the_cycle(&what, &record), expected, "{what}");
            assert!(record.partial && record.window.length_ns < 50_000_000, "{what}");
        }
    }
}

/// Two actors that hold each other's lock over a call: the smallest.
const ABBA: &str = "[lock.a]\n[lock.b]\n\
    [actor.x]\nload = { clients = 1 }\nsteps = [{ name = \"s\", lock = \"a\", io = \"2ms\", call = \"bee\" }]\n\
    [actor.y]\nload = { clients = 1 }\nsteps = [{ name = \"s\", lock = \"b\", io = \"2ms\", call = \"cee\" }]\n\
    [actor.bee]\nsteps = [{ name = \"t\", lock = \"b\", compute = \"100us\" }]\n\
    [actor.cee]\nsteps = [{ name = \"t\", lock = \"a\", compute = \"100us\" }]\n";

#[test]
fn single_shapes_are_named_in_order() {
    let mixed = "[lock.l]\n[lock.m]\n\
        [actor.x]\nfocus = true\nthreads = 2\nload = { clients = 4 }\nsteps = [{ name = \"s\", lock = \"l\", send = \"q\" }]\n\
        [actor.y]\nthreads = 2\nload = { clients = 4 }\nsteps = [{ name = \"s\", lock = \"m\", send = \"s\" }]\n\
        [actor.q]\ncapacity = 1\nsteps = [{ name = \"t\", call = \"r\" }]\n\
        [actor.r]\ncapacity = 1\nsteps = [{ name = \"t\", lock = \"m\", compute = \"100us\" }]\n\
        [actor.s]\ncapacity = 1\nsteps = [{ name = \"t\", lock = \"l\", compute = \"100us\" }]\n";
    let abba = ABBA.replace("[actor.x]\n", "[actor.x]\nfocus = true\n");
    let crowd = abba.replace("load = { clients = 1 }", "threads = 3\nload = { clients = 9 }");
    let cases: [(&str, String, &[&str]); 4] = [
        (
            "two locks",
            abba.clone(),
            &["x-0: an answer of `bee`", "bee-2: lock `b`", "y-1: an answer of `cee`", "cee-3: lock `a`"],
        ),
        (
            "two locks, and others that wait behind them",
            crowd,
            &["x-1: an answer of `bee`", "bee-6: lock `b`", "y-5: an answer of `cee`", "cee-7: lock `a`"],
        ),
        (
            "two locks on one core",
            abba.replace("[lock.a]", "[lock.a]\n# one core"),
            &["x-0: an answer of `bee`", "bee-2: lock `b`", "y-1: an answer of `cee`", "cee-3: lock `a`"],
        ),
        (
            "a queue and a call",
            mixed.to_owned(),
            &[
                "x-1: room in the queue of `q`",
                "q-4: an answer of `r`",
                "r-5: lock `m`",
                "y-3: room in the queue of `s`",
                "s-6: lock `l`",
            ],
        ),
    ];
    for (what, body, expected) in cases {
        let head =
            if what.contains("one core") { HEAD.replace("cores = 4", "cores = 1") } else { HEAD.to_owned() };
        let record = run(&format!("{head}{body}"));
        assert_eq!(waits_of_the_cycle(what, &record).len(), expected.len(), "{what}");
        assert_eq!(cycle(deadlocks(&record)[0]), expected, "{what}");
        assert!(record.partial, "{what}");
    }
}

#[test]
fn a_deadlock_during_the_warmup_is_named_from_before_the_window() {
    let text = format!("{HEAD}{ABBA}").replace("warmup = \"0s\"", "warmup = \"100ms\"");
    let record = run(&text.replace("[actor.x]\n", "[actor.x]\nfocus = true\n"));
    let found = deadlocks(&record);
    assert_eq!(found.len(), 1);
    assert!(found[0].parties.iter().all(|party| (-100_000_000..-97_000_000).contains(&party.since_ns)));
    assert_eq!(record.window.length_ns, 0);
}

#[test]
fn a_part_that_is_deadlocked_is_named_while_the_rest_goes_on() {
    let rest =
        "[actor.rest]\nfocus = true\nload = { clients = 1 }\nsteps = [{ name = \"w\", compute = \"1ms\" }]\n";
    let record = run(&format!("{HEAD}{ABBA}{rest}"));
    assert_eq!(cycle(deadlocks(&record)[0]).len(), 4);
    assert!(record.actors["rest"].completed > 400 && !record.partial);
    // Without a duration the focus would be waited for for ever.
    let tasks = HEAD.replace("duration = \"500ms\"", "tasks = 1000");
    let abba = ABBA.replace("[actor.x]\n", "[actor.x]\nfocus = true\n");
    let record = run(&format!("{tasks}{abba}{}", rest.replace("focus = true\n", "").replace("1ms", "20us")));
    assert_eq!(cycle(deadlocks(&record)[0]).len(), 4);
    assert!(record.partial && record.actors["x"].completed == 0 && record.actors["rest"].completed > 1000);
}

#[test]
fn two_deadlocks_are_two_verdicts() {
    let mut text = format!("{HEAD}{}", ABBA.replace("[actor.x]\n", "[actor.x]\nfocus = true\n"));
    let mut other = ABBA.to_owned();
    for name in ["lock.a", "lock.b", "actor.x", "actor.y", "actor.bee", "actor.cee"] {
        other = other.replace(&format!("[{name}]"), &format!("[{name}2]"));
    }
    for name in ["\"a\"", "\"b\"", "\"bee\"", "\"cee\""] {
        other = other.replace(name, &format!("{}2\"", name.trim_end_matches('"')));
    }
    text.push_str(&other);
    let record = run(&text);
    let found = deadlocks(&record);
    assert_eq!(found.len(), 2, "{:?}", record.verdicts);
    assert!(cycle(found[0])[0].starts_with("x-0") && cycle(found[1])[0].starts_with("x2-4"));
}

/// The list that the real engine is held to as well.
#[test]
fn every_shape_is_named_with_all_its_parties() {
    for shape in shapes() {
        assert_named(&shape, &run(&format!("{}{}", head_for(&shape.text), shape.text)));
    }
}

/// Systems that wait long or for ever for somebody who is at work, at the end of the window too.
#[test]
fn what_is_merely_slow_is_no_deadlock() {
    for (name, text) in look_alikes() {
        assert_only_slow(&name, &run(&format!("{}{text}", head_for(&text))));
    }
    let focus = "[actor.x]\nfocus = true\n";
    let endless: [(&str, String); 4] = [
        (
            "a lock held over the window's end",
            format!(
                "[lock.l]\n{focus}threads = 3\nload = {{ clients = 3 }}\nsteps = [{{ name = \"s\", lock = \"l\", io = \"100s\" }}]\n"
            ),
        ),
        (
            "a call that takes longer than the window",
            format!(
                "[lock.l]\n{focus}threads = 2\nload = {{ clients = 4 }}\nsteps = [{{ name = \"s\", lock = \"l\", call = \"slow\" }}]\n[actor.slow]\nsteps = [{{ name = \"t\", io = \"100s\" }}]\n"
            ),
        ),
        (
            "an interpreter lock that is never free",
            format!(
                "[lock.g]\nkind = \"gil\"\ninterval = \"1s\"\n{focus}threads = 4\nload = {{ clients = 4 }}\nunder = \"g\"\nsteps = [{{ name = \"s\", compute = \"10s\" }}]\n"
            ),
        ),
        (
            "spinning for a thread without a core",
            format!(
                "[lock.l]\nkind = \"spin\"\n{focus}threads = 12\nload = {{ clients = 12 }}\nsteps = [{{ name = \"s\", lock = \"l\", compute = \"3ms\" }}]\n"
            ),
        ),
    ];
    for (name, text) in endless {
        assert_only_slow(name, &run(&format!("{HEAD}{text}")));
    }
}

/// As [`HEAD`], with a core for everybody unless the system says how many.
fn head_for(text: &str) -> String {
    let host = "[host]\ncores = 4\n";
    HEAD.replace(host, if text.contains("[host]") { "" } else { "[host]\ncores = 20\n" })
}
