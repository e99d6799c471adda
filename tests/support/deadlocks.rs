//! Deadlocks of different shapes, each with everybody in it, and systems that look like them and are merely slow: one list, which
//! both engines are held to.

use conlab::measure::record::{Party, RunRecord, VerdictKind};
use std::fmt::Write as _;

/// A system that deadlocks.
pub(crate) struct Shape {
    pub(crate) name: String,
    /// Locks, pools and actors.
    pub(crate) text: String,
    /// The cycle: an actor, and what somebody of it waits for, which the next one keeps from it.
    pub(crate) cycle: Vec<(String, String)>,
}

fn shape(name: &str, text: String, cycle: &[(&str, &str)]) -> Shape {
    let owned = |(who, what): &(&str, &str)| ((*who).to_owned(), (*what).to_owned());
    Shape { name: name.to_owned(), text, cycle: cycle.iter().map(owned).collect() }
}

/// The actor in a name such as `bee-3`, `bee handler 7` or `bee`.
fn actor(who: &str) -> &str {
    who.split([' ', '-']).next().unwrap()
}

/// Demands that a run ended in exactly this deadlock.
pub(crate) fn assert_named(shape: &Shape, record: &RunRecord) {
    let name = &shape.name;
    let found: Vec<_> =
        record.verdicts.iter().filter(|verdict| verdict.kind == VerdictKind::Deadlock).collect();
    assert!(!found.is_empty(), "{name}: {:?}", record.verdicts);
    let parties: &[Party] = &found[0].parties;
    for (party, next) in parties.iter().zip(parties.iter().cycle().skip(1)) {
        assert_eq!(party.held_by.as_deref(), Some(next.who.as_str()), "{name}: {parties:?}");
        assert!(found[0].message.contains(&party.waits_for), "{name}");
    }
    let named: Vec<(String, String)> =
        parties.iter().map(|party| (actor(&party.who).to_owned(), party.waits_for.clone())).collect();
    let turned = |by: usize| {
        let mut expected = shape.cycle.clone();
        expected.rotate_left(by);
        expected
    };
    assert!(
        (0..shape.cycle.len()).any(|by| named == turned(by)),
        "{name}: {named:?} is not {:?}",
        shape.cycle
    );
    assert!(!record.trustworthy, "{name}");
    assert_eq!(record.why_untrustworthy().as_ref(), Some(&found[0].message), "{name}");
}

/// Demands that nothing of a run is called a deadlock.
pub(crate) fn assert_only_slow(name: &str, record: &RunRecord) {
    let deadlock = record.verdicts.iter().find(|verdict| verdict.kind == VerdictKind::Deadlock);
    assert!(deadlock.is_none(), "{name}: {deadlock:?}");
    assert!(!record.partial, "{name}");
}

/// Longer than a deadlock's detector needs for two looks.
const LONG: &str = "io = \"230ms\"";
/// Long enough for two who begin at once to hold what they take first.
const SHORT: &str = "io = \"2ms\"";

/// Two callers that hold a lock each, and two who answer them and need the other's. `locks` is said of each lock, the others of
/// callers and of those who answer; `meanwhile` happens under every lock. In one order nobody waits for ever.
fn crossed(locks: &str, callers: &str, answerers: &str, in_order: bool) -> String {
    let (held, wanted) = if in_order { ("a", "b") } else { ("b", "a") };
    let meanwhile = if in_order { LONG } else { SHORT };
    format!(
        "[lock.a]\n{locks}[lock.b]\n{locks}\
         [actor.x]\nfocus = true\nload = {{ clients = 1 }}\n{callers}\
         steps = [{{ name = \"s\", lock = \"a\", {meanwhile}, call = \"bee\" }}]\n\
         [actor.y]\nload = {{ clients = 1 }}\n{callers}\
         steps = [{{ name = \"s\", lock = \"{held}\", {meanwhile}, call = \"cee\" }}]\n\
         [actor.bee]\n{answerers}steps = [{{ name = \"t\", lock = \"b\", compute = \"100us\" }}]\n\
         [actor.cee]\n{answerers}steps = [{{ name = \"t\", lock = \"{wanted}\", compute = \"100us\" }}]\n"
    )
}

const CROSSED: [(&str, &str); 4] =
    [("x", "an answer of `bee`"), ("bee", "lock `b`"), ("y", "an answer of `cee`"), ("cee", "lock `a`")];

/// `count` locks and as many who take two neighbours of them, from `who(index, focus, locks, meanwhile)`; in order, the last takes
/// them the other way round, and nobody waits for ever.
fn around(count: usize, in_order: bool, who: impl Fn(usize, &str, [usize; 2], &str) -> String) -> String {
    let meanwhile = if in_order { LONG } else { SHORT };
    let locks = (0..count).map(|index| format!("[lock.l{index}]\n"));
    let all = (0..count).map(|index| {
        let focus = if index == 0 { "focus = true\n" } else { "" };
        let locks = if in_order && index == count - 1 { [0, index] } else { [index, (index + 1) % count] };
        who(index, focus, locks, meanwhile)
    });
    locks.chain(all).collect()
}

/// `count` actors, each of which holds a lock and calls one who takes the next; the last one in order, if so.
fn ring(count: usize, in_order: bool) -> String {
    around(count, in_order, |index, focus, [first, second], meanwhile| {
        format!(
            "[actor.h{index}]\n{focus}load = {{ clients = 1 }}\n\
             steps = [{{ name = \"s\", lock = \"l{first}\", {meanwhile}, call = \"t{index}\" }}]\n\
             [actor.t{index}]\nsteps = [{{ name = \"t\", lock = \"l{second}\", compute = \"10us\" }}]\n"
        )
    })
}

fn ring_cycle(count: usize) -> Vec<(String, String)> {
    (0..count)
        .flat_map(|index| {
            [
                (format!("h{index}"), format!("an answer of `t{index}`")),
                (format!("t{index}"), format!("lock `l{}`", (index + 1) % count)),
            ]
        })
        .collect()
}

/// `count` philosophers, each of whom takes the lock of its left and then, holding it, that of its right.
fn philosophers(count: usize, of: &str, in_order: bool) -> String {
    around(count, in_order, |index, focus, [first, second], meanwhile| {
        format!(
            "[actor.p{index}]\n{focus}{of}load = {{ clients = 1 }}\n\
             steps = [{{ name = \"s\", lock = \"l{first}\", steps = [{{ name = \"w\", {meanwhile} }}, \
             {{ name = \"t\", lock = \"l{second}\", compute = \"50us\" }}] }}]\n"
        )
    })
}

fn philosophers_cycle(count: usize) -> Vec<(String, String)> {
    (0..count).map(|index| (format!("p{index}"), format!("lock `l{}`", (index + 1) % count))).collect()
}

/// Each sends under a lock into a queue of one place whose worker wants the next one's lock. `kind`: to a kind of request.
fn full_queues(count: usize, of: &str, kind: bool) -> String {
    let mut text = String::new();
    for index in 0..count {
        let next = (index + 1) % count;
        let focus = if index == 0 { "focus = true\n" } else { "" };
        let (to, on) =
            if kind { (".put", format!("[actor.q{index}.on.put]\n")) } else { ("", String::new()) };
        write!(
            text,
            "[lock.l{index}]\n[actor.x{index}]\n{focus}threads = 2\nload = {{ clients = 4 }}\n\
             steps = [{{ name = \"s\", lock = \"l{index}\", send = \"q{index}{to}\" }}]\n\
             [actor.q{index}]\ncapacity = 1\n{of}{on}\
             steps = [{{ name = \"t\", lock = \"l{next}\", compute = \"100us\" }}]\n"
        )
        .unwrap();
    }
    text
}

fn full_queues_cycle(count: usize) -> Vec<(String, String)> {
    (0..count)
        .flat_map(|index| {
            [
                (format!("x{index}"), format!("room in the queue of `q{index}`")),
                (format!("q{index}"), format!("lock `l{}`", (index + 1) % count)),
            ]
        })
        .collect()
}

/// Somebody waits for room in a queue whose worker waits for an answer from behind a lock, over another such queue.
fn queues_and_calls(of: &str) -> String {
    format!(
        "[lock.l]\n[lock.m]\n\
         [actor.x]\nfocus = true\nthreads = 2\nload = {{ clients = 4 }}\nsteps = [{{ name = \"s\", lock = \"l\", send = \"q\" }}]\n\
         [actor.y]\nthreads = 2\nload = {{ clients = 4 }}\nsteps = [{{ name = \"s\", lock = \"m\", send = \"s\" }}]\n\
         [actor.q]\ncapacity = 1\n{of}steps = [{{ name = \"t\", call = \"r\" }}]\n\
         [actor.r]\ncapacity = 1\nsteps = [{{ name = \"t\", lock = \"m\", compute = \"100us\" }}]\n\
         [actor.s]\ncapacity = 1\n{of}steps = [{{ name = \"t\", lock = \"l\", compute = \"100us\" }}]\n"
    )
}

const QUEUES_AND_CALLS: [(&str, &str); 5] = [
    ("x", "room in the queue of `q`"),
    ("q", "an answer of `r`"),
    ("r", "lock `m`"),
    ("y", "room in the queue of `s`"),
    ("s", "lock `l`"),
];

/// Callers that have a place in a pool while they wait for an answer that needs one too.
fn pool_in_itself(pool: &str, of: &str, callers: usize) -> String {
    format!(
        "[pool.p]\n{pool}[actor.x]\nfocus = true\nthreads = {callers}\n{of}load = {{ clients = {callers} }}\n\
         steps = [{{ name = \"s\", pool = \"p\", {SHORT}, call = \"y\" }}]\n\
         [actor.y]\nthreads = 2\n{of}steps = [{{ name = \"t\", pool = \"p\", compute = \"50us\" }}]\n"
    )
}

const POOL: [(&str, &str); 2] = [("x", "an answer of `y`"), ("y", "a place in pool `p`")];

/// As [`crossed`] over locks that readers share; whether callers and those who answer only read.
fn crossed_shared(callers: bool, answerers: bool, in_order: bool) -> String {
    let mut text = crossed("kind = \"shared\"\n", "", "", in_order);
    if callers {
        text = text.replace("\", io", "\", share = true, io");
    }
    if answerers {
        text = text.replace("\", compute", "\", share = true, compute");
    }
    text
}

const WRITER: &str =
    "[actor.w]\nload = { clients = 1 }\nsteps = [{ name = \"s\", lock = \"a\", compute = \"50us\" }]\n";

/// As [`crossed`] with pools.
fn two_pools(in_order: bool) -> String {
    let (meanwhile, held, wanted) = if in_order { (LONG, "p", "q") } else { (SHORT, "q", "p") };
    format!(
        "[pool.p]\nsize = 1\n[pool.q]\nsize = 1\n\
         [actor.x]\nfocus = true\nload = {{ clients = 1 }}\nsteps = [{{ name = \"s\", pool = \"p\", {meanwhile}, call = \"bee\" }}]\n\
         [actor.y]\nload = {{ clients = 1 }}\nsteps = [{{ name = \"s\", pool = \"{held}\", {meanwhile}, call = \"cee\" }}]\n\
         [actor.bee]\nsteps = [{{ name = \"t\", pool = \"q\", compute = \"50us\" }}]\n\
         [actor.cee]\nsteps = [{{ name = \"t\", pool = \"{wanted}\", compute = \"50us\" }}]\n"
    )
}

/// Shapes of locks, calls and queues.
fn plain_shapes() -> Vec<Shape> {
    let locks = |name: &str, locks: &str| shape(name, crossed(locks, "", "", false), &CROSSED);
    let of = |name: &str, callers: &str, answerers: &str| {
        shape(name, crossed("", callers, answerers, false), &CROSSED)
    };
    let tokio = "queue = \"async\"\n";
    let under = "under = \"g\"\n";
    let gil = format!("[lock.g]\nkind = \"gil\"\n{}", crossed("", under, under, false));
    let mut shapes = vec![
        locks("mutexes over calls", ""),
        locks("spin locks over calls", "kind = \"spin\"\n"),
        locks("fair mutexes over calls", "next = \"fifo\"\n"),
        locks("mutexes that are handed over", "next = { handover = \"1ms\" }\n"),
        locks("mutexes that are spun for", "wait = { spin = \"50us\" }\n"),
        locks("mutexes that are polled", "wait = { poll = \"1ms\" }\n"),
        of("several workers", "threads = 4\n", "threads = 3\n"),
        of("lock-free queues", "queue = \"lockfree\"\n", "queue = \"lockfree\"\n"),
        of("array queues", "queue = \"arrayqueue\"\n", "queue = \"arrayqueue\"\n"),
        of("queues in segments", "queue = \"segqueue\"\n", "queue = \"segqueue\"\n"),
        of("callers await", tokio, ""),
        of("answerers await", "", tokio),
        of("all await", tokio, tokio),
        of("two instances of each", "instances = 2\n", "instances = 2\n"),
        shape("an interpreter lock beside mutexes", gil, &CROSSED),
        shape("queues, calls and locks", queues_and_calls(""), &QUEUES_AND_CALLS),
        shape("queues, calls and locks, awaited", queues_and_calls(tokio), &QUEUES_AND_CALLS),
    ];
    for count in [3, 5] {
        let (name, text) = (format!("a ring of {count} over calls"), ring(count, false));
        shapes.push(Shape { name, text, cycle: ring_cycle(count) });
    }
    for (count, of) in [(2, ""), (3, tokio), (5, "")] {
        let (name, text) = (format!("{count} philosophers"), philosophers(count, of, false));
        shapes.push(Shape { name, text, cycle: philosophers_cycle(count) });
    }
    for (count, of, kind) in [(2, "", false), (3, "", false), (2, tokio, false), (2, "", true)] {
        let name = format!("{count} full queues {of}{kind}");
        shapes.push(Shape { name, text: full_queues(count, of, kind), cycle: full_queues_cycle(count) });
    }
    shapes
}

/// Shapes of pools, readers and writers, shared workers, blocking pools and calls of several parts.
#[expect(clippy::too_many_lines, reason = "a list of systems")]
fn further_shapes() -> Vec<Shape> {
    let mutexes = "[lock.a]\n[lock.b]\n";
    let chain = "[lock.a]\n[lock.b]\n\
        [actor.x]\nfocus = true\nload = { clients = 1 }\nsteps = [{ name = \"s\", lock = \"a\", io = \"2ms\", call = \"first\" }]\n\
        [actor.first]\nsteps = [{ name = \"s\", call = \"second\" }]\n\
        [actor.second]\nsteps = [{ name = \"s\", call = \"third\" }]\n\
        [actor.third]\nsteps = [{ name = \"s\", lock = \"b\", compute = \"10us\" }]\n\
        [actor.y]\nload = { clients = 1 }\nsteps = [{ name = \"s\", lock = \"b\", io = \"2ms\", call = \"cee\" }]\n\
        [actor.cee]\nsteps = [{ name = \"s\", lock = \"a\", compute = \"10us\" }]\n";
    let one_worker = "[lock.a]\n[lock.b]\n\
        [actor.x]\nfocus = true\nload = { clients = 1 }\nsteps = [{ name = \"s\", lock = \"a\", io = \"2ms\", call = \"one\" }]\n\
        [actor.v]\nthreads = 2\nload = { clients = 2 }\nsteps = [{ name = \"s\", call = \"one\" }]\n\
        [actor.one]\nsteps = [{ name = \"t\", lock = \"b\", compute = \"50us\" }]\n\
        [actor.w]\nload = { clients = 1 }\nsteps = [{ name = \"s\", lock = \"b\", steps = [{ name = \"w\", io = \"2ms\" }, \
        { name = \"t\", lock = \"a\", compute = \"50us\" }] }]\n";
    let pool_and_lock = "[lock.a]\n[pool.p]\nsize = 1\n\
        [actor.x]\nfocus = true\nload = { clients = 1 }\nsteps = [{ name = \"s\", pool = \"p\", lock = \"a\", compute = \"50us\" }]\n\
        [actor.y]\nload = { clients = 1 }\nsteps = [{ name = \"s\", lock = \"a\", io = \"2ms\", call = \"z\" }]\n\
        [actor.z]\nsteps = [{ name = \"t\", pool = \"p\", compute = \"50us\" }]\n";
    let behind_a_writer = crossed("kind = \"shared\"\n", "", "", false)
        .replace("lock = \"a\", io", "lock = \"a\", share = true, io")
        .replace("lock = \"a\", compute", "lock = \"a\", share = true, compute");
    let shared_workers = "[workers.pool]\nthreads = 2\n\
        [actor.x]\nfocus = true\nworkers = \"pool\"\nload = { clients = 4 }\nsteps = [{ name = \"s\", call = \"y\" }]\n\
        [actor.y]\nworkers = \"pool\"\nsteps = [{ name = \"t\", compute = \"50us\" }]\n";
    let offloaded = |name: &str, focus: &str, outer: &str, inner: &str| {
        format!(
            "[actor.{name}]\n{focus}offload = {{ threads = 1 }}\nload = {{ clients = 1 }}\n\
             steps = [{{ name = \"s\", lock = \"{outer}\", steps = [{{ name = \"w\", io = \"2ms\" }}, \
             {{ name = \"t\", offload = true, lock = \"{inner}\", compute = \"50us\" }}] }}]\n"
        )
    };
    let offload = format!(
        "{mutexes}{}{}",
        offloaded("x", "focus = true\n", "a", "b"),
        offloaded("y", "queue = \"async\"\n", "b", "a")
    );
    let fan = crossed("", "", "", false).replace("call = \"bee\"", "call = [\"bee\", \"dee\"]")
        + "[actor.dee]\nsteps = [{ name = \"t\", compute = \"50us\" }]\n";
    let kinds = crossed("", "", "", false)
        .replace("call = \"bee\"", "call = \"bee.get\"")
        .replace("[actor.bee]\n", "[actor.bee]\n[actor.bee.on.get]\n");
    vec![
        shape(
            "a chain of calls between the locks",
            chain.to_owned(),
            &[
                ("x", "an answer of `first`"),
                ("first", "an answer of `second`"),
                ("second", "an answer of `third`"),
                ("third", "lock `b`"),
                ("y", "an answer of `cee`"),
                ("cee", "lock `a`"),
            ],
        ),
        shape(
            "one worker, at somebody else's task",
            one_worker.to_owned(),
            &[("x", "an answer of `one`"), ("one", "lock `b`"), ("w", "lock `a`")],
        ),
        shape("a pool in itself", pool_in_itself("size = 1\n", "", 1), &POOL),
        shape("a pool of two in itself", pool_in_itself("size = 2\n", "", 2), &POOL),
        shape("a barging pool in itself", pool_in_itself("size = 2\nnext = \"barge\"\n", "", 2), &POOL),
        shape("a pool in itself, awaited", pool_in_itself("size = 2\n", "queue = \"async\"\n", 2), &POOL),
        shape(
            "a pool and a lock",
            pool_and_lock.to_owned(),
            &[("x", "lock `a`"), ("y", "an answer of `z`"), ("z", "a place in pool `p`")],
        ),
        shape(
            "two pools in both orders",
            two_pools(false),
            &[
                ("x", "an answer of `bee`"),
                ("bee", "a place in pool `q`"),
                ("y", "an answer of `cee`"),
                ("cee", "a place in pool `p`"),
            ],
        ),
        shape(
            "readers that want to write what the other reads",
            crossed_shared(true, false, false),
            &CROSSED,
        ),
        shape(
            "writers that want to read what the other writes",
            crossed_shared(false, true, false),
            &CROSSED,
        ),
        shape(
            "a reader behind a writer that waits for a reader",
            behind_a_writer + WRITER,
            &[CROSSED[0], CROSSED[1], CROSSED[2], ("cee", "its turn at lock `a`"), ("w", "lock `a`")],
        ),
        shape(
            "shared workers wait for themselves",
            shared_workers.to_owned(),
            &[("pool", "an answer of `y`")],
        ),
        shape(
            "blocking pools and locks",
            offload,
            &[
                ("x", "an answer of `x.offload`"),
                ("x.offload", "lock `b`"),
                ("y", "an answer of `y.offload`"),
                ("y.offload", "lock `a`"),
            ],
        ),
        shape("a call of two parts", fan, &CROSSED),
        shape("a call to a kind of request", kinds, &CROSSED),
    ]
}

/// Every deadlock, of different shapes.
pub(crate) fn shapes() -> Vec<Shape> {
    let mut shapes = plain_shapes();
    shapes.extend(further_shapes());
    shapes
}

/// An actor in focus with clients and one step, and what is said of it besides.
fn alone(head: &str, of: &str, clients: usize, step: &str) -> String {
    format!(
        "{head}[actor.x]\nfocus = true\n{of}load = {{ clients = {clients} }}\nsteps = [{{ name = \"s\", {step} }}]\n"
    )
}

/// As [`alone`], before another actor.
fn before(other: &str, head: &str, of: &str, clients: usize, step: &str) -> String {
    alone(head, of, clients, step) + other
}

/// The shapes, cured: everything is taken in one order, or there is enough, or somebody gives up.
fn cured() -> Vec<(String, String)> {
    let tokio = "queue = \"async\"\n";
    let under = "under = \"g\"\n";
    let in_order = |locks: &str, callers: &str, answerers: &str| crossed(locks, callers, answerers, true);
    let mut systems: Vec<(&str, String)> = vec![
        ("mutexes in one order", in_order("", "", "")),
        ("spin locks in one order", in_order("kind = \"spin\"\n", "", "")),
        ("fair mutexes in one order", in_order("next = \"fifo\"\n", "", "")),
        ("mutexes handed over in one order", in_order("next = { handover = \"1ms\" }\n", "", "")),
        ("mutexes spun for in one order", in_order("wait = { spin = \"50us\" }\n", "", "")),
        ("mutexes polled in one order", in_order("wait = { poll = \"1ms\" }\n", "", "")),
        ("several workers in one order", in_order("", "threads = 4\n", "threads = 3\n")),
        ("lock-free queues in one order", in_order("", "queue = \"lockfree\"\n", "queue = \"lockfree\"\n")),
        ("callers await in one order", in_order("", tokio, "")),
        ("all await in one order", in_order("", tokio, tokio)),
        ("two instances in one order", in_order("", "instances = 2\n", "instances = 2\n")),
        ("an interpreter lock, in one order", format!("[lock.g]\nkind = \"gil\"\n{}", in_order("", under, under))),
        ("a lock that excludes nobody", crossed("", "", "", false).replacen("[lock.b]", "[lock.b]\nkind = \"absent\"", 1)),
        ("a ring in order", ring(3, true)),
        ("three philosophers in order", philosophers(3, "", true)),
        ("four philosophers who await, in order", philosophers(4, tokio, true)),
        ("two pools in one order", two_pools(true)),
        ("a pool with a place to spare", pool_in_itself("size = 2\n", "", 1).replace(SHORT, LONG)),
        ("a pool that is waited for no longer than a while", pool_in_itself("size = 2\ntimeout = \"100ms\"\n", "", 2)),
        (
            "a call that is waited for no longer than a while",
            crossed("", "", "", false)
                .replace("call = \"bee\"", "call = \"bee\", timeout = \"100ms\"")
                .replace("call = \"cee\"", "call = \"cee\", timeout = \"100ms\""),
        ),
        ("readers of both", crossed_shared(true, true, false).replace(SHORT, LONG)),
        ("readers behind a writer, in one order", crossed_shared(true, true, true) + WRITER),
        (
            "shared workers with one to spare",
            "[workers.pool]\nthreads = 2\n[actor.x]\nfocus = true\nworkers = \"pool\"\nload = { clients = 1 }\n\
             steps = [{ name = \"s\", call = \"y\" }]\n[actor.y]\nworkers = \"pool\"\nsteps = [{ name = \"t\", io = \"230ms\" }]\n"
                .to_owned(),
        ),
    ];
    // The two take the gate first, so that they never meet.
    let gate = crossed("", "", "", false).replace("[lock.a]", "[lock.gate]\n[lock.a]");
    let gate = gate.replace(
        "steps = [{ name = \"s\", lock",
        "steps = [{ name = \"g\", lock = \"gate\", steps = [{ name = \"s\", lock",
    );
    systems.push((
        "behind a gate",
        gate.replace("\" }]\n[actor.y]", "\" }] }]\n[actor.y]").replace("\"cee\" }]", "\"cee\" }] }]"),
    ));
    systems.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}

/// Waits that are long, and end.
fn slow() -> Vec<(String, String)> {
    let lock = "[lock.l]\n";
    let under_lock = format!("lock = \"l\", {LONG}");
    let slow_worker = "[actor.q]\ncapacity = 1\nsteps = [{ name = \"t\", io = \"230ms\" }]\n";
    let awaiting = "[actor.q]\ncapacity = 1\nqueue = \"async\"\nsteps = [{ name = \"t\", io = \"230ms\" }]\n";
    let pipe = "[actor.q]\ncapacity = 1\nsteps = [{ name = \"t\", send = \"r\" }]\n\
                [actor.r]\ncapacity = 1\nsteps = [{ name = \"t\", io = \"230ms\" }]\n";
    let chain = "[actor.q]\nsteps = [{ name = \"s\", call = \"r\" }]\n[actor.r]\nsteps = [{ name = \"s\", io = \"230ms\" }]\n";
    let parts = "[actor.q]\nsteps = [{ name = \"s\", compute = \"50us\" }]\n[actor.r]\nsteps = [{ name = \"s\", io = \"230ms\" }]\n";
    let gil = "[lock.g]\nkind = \"gil\"\n";
    let hog = "[actor.hog]\nunder = \"g\"\nload = { clients = 1 }\nsteps = [{ name = \"c\", compute = \"90ms\" }]\n";
    let shared = |prefer: &str| format!("[lock.l]\nkind = \"shared\"\nprefer = \"{prefer}\"\n");
    let writer =
        "[actor.w]\nload = { clients = 1 }\nsteps = [{ name = \"s\", lock = \"l\", io = \"120ms\" }]\n";
    let reads = format!("lock = \"l\", share = true, {LONG}");
    let two = "threads = 2\n";
    let systems: Vec<(&str, String)> = vec![
        ("a mutex over long I/O", alone(lock, two, 2, &under_lock)),
        ("a fair mutex over long I/O", alone("[lock.l]\nnext = \"fifo\"\n", two, 2, &under_lock)),
        ("long work under a mutex", alone(lock, two, 2, "lock = \"l\", compute = \"60ms\"")),
        ("long work under a spin lock", alone("[lock.l]\nkind = \"spin\"\n", two, 2, "lock = \"l\", compute = \"60ms\"")),
        ("one worker whose handlers await a lock", alone(lock, "queue = \"async\"\n", 2, &under_lock)),
        ("I/O that blocks the only asynchronous worker", alone("", "queue = \"async\"\n", 2, "io = \"120ms\", blocks = true")),
        ("the same under a lock", alone(lock, "queue = \"async\"\n", 2, "lock = \"l\", io = \"120ms\", blocks = true")),
        ("a full queue before a slow worker", before(slow_worker, "", "", 2, "send = \"q\"")),
        ("a full queue before a slow handler", before(awaiting, "", "", 2, "send = \"q\"")),
        ("a lock over a send to a full queue", before(slow_worker, lock, two, 2, "lock = \"l\", send = \"q\"")),
        ("the same, awaited", before(awaiting, lock, "queue = \"async\"\n", 2, "lock = \"l\", send = \"q\"")),
        ("two full queues in a row", before(pipe, "", "", 2, "send = \"q\"")),
        ("a slow answer at the end of a chain", before(chain, lock, two, 2, "lock = \"l\", call = \"q\"")),
        ("one worker for many calls", before(slow_worker, "", "threads = 3\n", 3, "call = \"q\"").replace("230ms", "80ms")),
        ("one slow part of two", before(parts, lock, two, 2, "lock = \"l\", call = [\"q\", \"r\"]")),
        ("the first of two answers", before(parts, "", two, 2, "call = [\"r\", \"q\"], wait = \"first\"")),
        ("a fan of four to one worker", before(parts, "", "", 1, "call = \"r\", fan = 4").replace("230ms", "60ms")),
        ("tries again and again", before(parts, "", "", 1, "call = \"r\", timeout = \"30ms\", retry = { times = 2, after = \"20ms\" }")),
        ("a hedge that is late too", before(parts, "", "", 1, "call = \"r\", hedge = \"30ms\"")),
        ("a pool of one over long I/O", alone("[pool.p]\nsize = 1\n", two, 2, "pool = \"p\", io = \"230ms\"")),
        ("a barging pool over long I/O", alone("[pool.p]\nsize = 1\nnext = \"barge\"\n", two, 2, "pool = \"p\", io = \"230ms\"")),
        ("a pool over a slow call", before(slow_worker, "[pool.p]\nsize = 1\n", two, 2, "pool = \"p\", call = \"q\"")),
        ("a pool that is awaited", alone("[pool.p]\nsize = 1\n", "queue = \"async\"\n", 2, "pool = \"p\", io = \"230ms\"")),
        ("slow readers, writers first", before(writer, &shared("writers"), two, 2, &reads)),
        ("slow readers, readers first", before(writer, &shared("readers"), two, 2, &reads)),
        ("slow readers, in order", before(writer, &shared("fifo"), two, 2, &reads)),
        ("an interpreter lock that is long asked for", before(hog, "[lock.g]\nkind = \"gil\"\ninterval = \"60ms\"\n", "under = \"g\"\n", 1, "compute = \"1ms\"")),
        ("a mutex whose holder waits for the interpreter lock", before(hog, &format!("{gil}{lock}"), "threads = 2\nunder = \"g\"\n", 2, "lock = \"l\", compute = \"10ms\", io = \"60ms\"")),
        ("a blocking pool of one thread", alone("", "queue = \"async\"\noffload = { threads = 1 }\n", 2, "offload = true, io = \"230ms\"")),
        ("a lock in a blocking pool", alone(lock, "threads = 2\noffload = { threads = 2 }\n", 2, "offload = true, lock = \"l\", io = \"230ms\"")),
        ("a shared worker at somebody else's slow task", "[workers.pool]\nthreads = 1\n[actor.x]\nfocus = true\nworkers = \"pool\"\nload = { clients = 1 }\nsteps = [{ name = \"s\", compute = \"1ms\" }]\n[actor.y]\nworkers = \"pool\"\nload = { clients = 1 }\nsteps = [{ name = \"t\", io = \"230ms\" }]\n".to_owned()),
        ("instances of which one gets everything", alone("", "instances = 3\nroute = \"hash\"\n", 1, LONG)),
        ("followers of a slow leader", alone("", "threads = 3\n", 3, "batch = { most = 8, within = \"0ms\" }, io = \"230ms\"")),
        ("a stop of the world", alone("[event.gc]\nat = \"20ms\"\nfor = \"230ms\"\npause = \"all\"\n", two, 2, "compute = \"1ms\"")),
        ("a key that one fetches for all", alone("[cache.c]\nlayout = \"contended\"\ncapacity = 4\nkeys = { count = 1, zipf = 0 }\nonce = true\n", two, 2, "cache = \"c\", hit = \"1us\", miss = { io = \"230ms\" }")),
        ("threads that starve for a processor", before("[actor.burn]\nthreads = 8\nload = { clients = 8 }\nsteps = [{ name = \"c\", compute = \"10ms\" }]\n", "[host]\ncores = 1\n[lock.l]\n", "threads = 4\n", 4, "lock = \"l\", compute = \"100us\"")),
        ("nobody sends anything", alone("", "", 1, "compute = \"1ms\"").replace("clients = 1", "clients = 1, think = \"10s\"")),
        ("more arrivals than anybody can serve", alone("", "capacity = 4\n", 1, "io = \"120ms\"").replace("clients = 1", "rate = \"500/s\"")),
    ];
    systems.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}

/// Systems that look as if they deadlocked, and are merely slow.
pub(crate) fn look_alikes() -> Vec<(String, String)> {
    let mut systems = cured();
    systems.extend(slow());
    systems
}
