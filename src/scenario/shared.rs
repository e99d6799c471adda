//! Reads what actors share or suffer together: locks, pools, events.

use super::draws::draw;
use super::faults::read_kill;
use super::names::Directory;
use super::reader::{Field, Section};
use super::{EventSpec, LockKind, LockSpec, Next, PoolSpec, Prefer, Wait};
use crate::units::Nanos;
use crate::workload::{Draw, Spread};

/// `CPython`'s default switch interval.
const SWITCH_INTERVAL: Nanos = Nanos::from_millis(5);

/// Work between two polls of an interpreter lock's drop request, where a scenario gives none: about what `CPython` does
/// between two, a loop's edge or a call. It decides who is next: the longer the holder takes to notice, the more often
/// the waiter that asked has fallen asleep again and another one is woken.
const CHECK: Nanos = Nanos(50);

/// Most places of a pool.
const MAX_PLACES: u64 = 1 << 24;

/// Reads `[lock.NAME]`.
pub(super) fn read_lock(name: &str, lock: &Section<'_>) -> LockSpec {
    const KINDS: [&str; 5] = ["mutex", "spin", "shared", "gil", "absent"];
    lock.only(&["kind", "interval", "check", "next", "wait", "prefer", "private"]);
    let kind = lock.one_of("kind", "kind of lock", &KINDS, |kind| kind).unwrap_or("mutex");
    // A lock that is taken away for an ablation keeps its other keys.
    for (keys, owner, what) in [
        (&["interval", "check"][..], "gil", "an interpreter lock"),
        (&["prefer"], "shared", "a lock that readers share"),
        (&["next", "wait"], "mutex", "a mutex"),
    ] {
        for field in keys.iter().filter_map(|key| lock.field(key)) {
            if kind != owner && kind != "absent" {
                field.wrong(format!("belongs to {what}: expected kind = \"{owner}\" beside it"));
            }
        }
    }
    let interval = lock.some_time("interval");
    let check = lock.some_time("check");
    let prefer = lock.one_of("prefer", "preference", &Prefer::ALL, Prefer::name);
    let next = lock.field("next").and_then(|field| read_next(&field, true));
    let wait = lock.field("wait").and_then(|field| read_wait(&field));
    let kind = match kind {
        "spin" => LockKind::Spin,
        "absent" => LockKind::Absent,
        "shared" => LockKind::Shared { prefer: prefer.unwrap_or_default() },
        "gil" => {
            LockKind::Gil { interval: interval.unwrap_or(SWITCH_INTERVAL), check: check.unwrap_or(CHECK) }
        }
        _ => LockKind::Mutex,
    };
    LockSpec {
        next: next.unwrap_or_default(),
        wait: wait.unwrap_or_default(),
        private: lock.flag("private"),
        ..LockSpec::new(name, kind)
    }
}

/// Who is next: `"barge"`, `"fifo"`, and for locks `{ handover = "1ms" }`.
fn read_next(field: &Field<'_>, lock: bool) -> Option<Next> {
    let words = ["barge", "fifo"];
    if field.is_text() || !lock {
        let word = field.one_of("order", &words, |word| word)?;
        return Some(if word == "fifo" { Next::Fifo } else { Next::Barge });
    }
    let table = field.section("\"barge\", \"fifo\" or { handover = \"1ms\" }")?;
    table.only(&["handover"]);
    table
        .required("handover", "how long a waiter waits before the lock is handed to it")?
        .duration()
        .map(Next::Handover)
}

/// How a mutex is waited for: `"park"`, `{ spin = "20us" }` or `{ poll = "10ms" }`.
fn read_wait(field: &Field<'_>) -> Option<Wait> {
    const EXPECTED: &str = "\"park\", { spin = \"20us\" } or { poll = \"10ms\" }";
    if field.is_text() {
        return field.one_of("way to wait", &["park"], |word| word).map(|_| Wait::Park);
    }
    let table = field.section(EXPECTED)?;
    table.only(&["spin", "poll"]);
    match (table.field("spin"), table.field("poll")) {
        (Some(spin), None) => spin.some_time().map(Wait::Spin),
        (None, Some(poll)) => poll.some_time().map(Wait::Poll),
        _ => {
            field.wrong(format!("names not exactly one way: expected {EXPECTED}"));
            None
        }
    }
}

/// Reads `[pool.NAME]`.
pub(super) fn read_pool(name: &str, pool: &Section<'_>) -> PoolSpec {
    pool.only(&["size", "next", "timeout"]);
    let size = pool.required("size", "how many tasks hold a place at once, such as 10");
    PoolSpec {
        name: name.to_owned(),
        size: size
            .and_then(|field| field.count(1, MAX_PLACES))
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(1),
        next: pool.field("next").and_then(|field| read_next(&field, false)).unwrap_or(Next::Fifo),
        timeout: read_timeout(pool),
    }
}

/// The `timeout` of a table: a duration, perhaps with a spread.
pub(super) fn read_timeout(table: &Section<'_>) -> Option<Draw> {
    let field = table.field("timeout")?;
    let timeout = draw(&field, &Spread::Constant)?;
    if timeout.mean == Nanos::ZERO {
        field.wrong("is no time at all: expected a duration above zero, such as \"100ms\"");
    }
    Some(timeout)
}

/// Reads `[event.NAME]`.
pub(super) fn read_event(name: &str, event: &Section<'_>, actors: &Directory) -> EventSpec {
    event.only(&["at", "every", "for", "pause", "kill", "workers"]);
    let every = event.field("every").and_then(|field| {
        let every = draw(&field, &Spread::Constant)?;
        if every.mean == Nanos::ZERO {
            field.wrong("is no time at all: expected a duration above zero, such as \"2s\"");
        }
        Some(every)
    });
    if !event.has("at") && !event.has("every") {
        event.wrong("never happens: expected at = \"20s\", every = \"2s\", or both");
    }
    let length = event.required("for", "how long it lasts, such as for = \"20ms\"");
    let kill = read_kill(event, actors);
    let pause = if event.has("kill") {
        if let Some(field) = event.field("pause") {
            field.wrong("stands beside `kill`: expected one of them, and another event for the other");
        }
        None
    } else {
        event
            .required("pause", "whom it stops: \"all\", or the name of an actor; or kill = \"ACTOR\" instead")
    };
    let pause = pause.and_then(|field| match field.text("\"all\" or the name of an actor")? {
        "all" => None,
        _ => field.reference("actor", actors),
    });
    EventSpec {
        name: name.to_owned(),
        at: event.duration("at").unwrap_or_else(|| every.as_ref().map_or(Nanos::ZERO, |every| every.mean)),
        every,
        length: length
            .and_then(|field| draw(&field, &Spread::Constant))
            .unwrap_or_else(|| Draw::constant(Nanos::ZERO)),
        pause,
        kill,
    }
}
