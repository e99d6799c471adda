//! Reads an actor: its workers, its load, its steps.

use super::draws::{draw, spread};
use super::file::{MOST_THREADS, check_name};
use super::names::Directory;
use super::reader::{Field, Section};
use super::{ActorSpec, Arrivals, Load, MissCost, StepSpec};
use crate::queue::QueueKind;
use crate::units::Nanos;
use crate::workload::{Draw, Spread};

/// Largest capacity of a queue: its slots are allocated at once.
const MOST_CAPACITY: u64 = 1 << 24;

/// What a step may do.
const EFFECTS: [&str; 9] = ["compute", "touch", "compress", "cache", "read", "write", "io", "call", "send"];

/// Every key of a step.
const STEP: [&str; 16] = [
    "name", "times", "under", "lock", "spread", "hit", "miss", "compute", "touch", "compress", "cache",
    "read", "write", "io", "call", "send",
];

/// What the file defines, by index.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) locks: Directory,
    /// Which locks are interpreter locks.
    pub(super) interpreters: Vec<bool>,
    pub(super) caches: Directory,
    pub(super) stores: Directory,
    pub(super) actors: Directory,
}

/// Reads `[actor.NAME]`.
pub(super) fn read_actor(name: &str, actor: &Section<'_>, names: &Names) -> ActorSpec {
    actor.only(&["focus", "threads", "queue", "capacity", "load", "under", "steps"]);
    let under = actor.field("under").and_then(|field| read_under(&field, names));
    let steps = actor.required("steps", "what a task does, such as [{ name = \"work\", compute = \"1ms\" }]");
    let steps = steps.and_then(|field| field.elements("an array of steps")).unwrap_or_default();
    let mut seen: Vec<String> = Vec::new();
    let mut read = Vec::new();
    for (index, field) in steps.iter().enumerate() {
        let Some(section) = field.section("a step such as { name = \"work\", compute = \"1ms\" }") else {
            continue;
        };
        let step = read_step(index, section, name, under, names);
        if seen.contains(&step.name) {
            field.wrong(format!("is the second step named `{}`: expected a name of its own", step.name));
        }
        seen.push(step.name.clone());
        read.push(step);
    }
    ActorSpec {
        name: name.to_owned(),
        threads: actor.length("threads", 1, MOST_THREADS).unwrap_or(1),
        queue: actor.one_of("queue", "queue", &QueueKind::ALL, QueueKind::name).unwrap_or(QueueKind::Mutex),
        capacity: actor.length("capacity", 1, MOST_CAPACITY).unwrap_or(1024),
        load: actor
            .section("load", "{ clients = 8 } or { rate = \"100/s\" }")
            .map_or(Load::None, |load| read_load(&load)),
        steps: read,
    }
}

/// The lock that work is done under; the empty name means none.
fn read_under(field: &Field<'_>, names: &Names) -> Option<usize> {
    match field.text("the name of a lock, or \"\" for none")? {
        "" => None,
        _ => field.reference("lock", &names.locks),
    }
}

/// Reads a load, open or closed.
fn read_load(load: &Section<'_>) -> Load {
    load.only(&["rate", "arrivals", "clients", "think", "spread"]);
    let closed = load.has("clients");
    if closed == load.has("rate") {
        load.wrong("expected either `clients` (closed load) or `rate` (open load)");
        return Load::None;
    }
    for key in if closed { ["arrivals", "arrivals"] } else { ["think", "spread"] } {
        if let Some(field) = load.field(key) {
            let other = if closed { "open load, beside `rate`" } else { "closed load, beside `clients`" };
            field.wrong(format!("belongs to {other}"));
            break;
        }
    }
    if closed {
        let shape = load.field("spread").and_then(|field| spread(&field)).unwrap_or(Spread::Constant);
        let think = load.field("think").and_then(|field| draw(&field, &shape));
        let clients = load.length("clients", 1, 1_000_000).unwrap_or(1);
        return Load::Closed { clients, think: think.unwrap_or(Draw::constant(Nanos::ZERO)) };
    }
    const RHYTHMS: [Arrivals; 3] = [Arrivals::Poisson, Arrivals::Paced, Arrivals::Uniform];
    let arrivals = load.one_of("arrivals", "rhythm of arrivals", &RHYTHMS, Arrivals::name);
    let rate = load.field("rate").and_then(|field| field.rate()).unwrap_or(1.0);
    Load::Open { rate, arrivals: arrivals.unwrap_or(Arrivals::Poisson) }
}

impl Arrivals {
    /// The word for it in scenarios.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Poisson => "poisson",
            Self::Paced => "paced",
            Self::Uniform => "uniform",
        }
    }
}

/// Reads one step; its path is its name, or its number while it has none.
fn read_step(
    index: usize,
    section: Section<'_>,
    actor: &str,
    under: Option<usize>,
    names: &Names,
) -> StepSpec {
    let field = section.required("name", "the step's name");
    let name = field.as_ref().and_then(|field| field.text("the step's name"));
    if let (Some(field), Some(Err(why))) = (&field, name.map(check_name)) {
        field.wrong(why);
    }
    let name = name.map_or_else(|| index.to_string(), str::to_owned);
    let section = section.called(format!("actor.{actor}.steps.{name}"));
    section.only(&STEP);
    if !EFFECTS.iter().any(|effect| section.has(effect)) {
        section.wrong(format!("does nothing: expected at least one of {}", EFFECTS.join(", ")));
    }
    let shape = section.field("spread").and_then(|field| spread(&field)).unwrap_or(Spread::Constant);
    let time = |key| section.field(key).and_then(|field| draw(&field, &shape));
    let actor_named = |key| section.field(key).and_then(|field| field.reference("actor", &names.actors));
    let times = section.count("times", 1, 1_000_000_000).and_then(|count| u32::try_from(count).ok());
    let mut step = StepSpec::named(name);
    step.times = times.unwrap_or(1);
    step.under = match section.field("under") {
        Some(field) => read_under(&field, names),
        None => under,
    };
    step.lock = read_lock_name(&section, step.under, names);
    step.compute = time("compute");
    step.touch = section.size("touch");
    step.compress = section.size("compress");
    step.cache = read_access(&section, &shape, names);
    step.store = read_store_access(&section, names);
    step.io = time("io");
    step.call = actor_named("call");
    step.send = actor_named("send");
    step
}

/// The lock over a whole step.
fn read_lock_name(step: &Section<'_>, under: Option<usize>, names: &Names) -> Option<usize> {
    let field = step.field("lock")?;
    let lock = field.reference("lock", &names.locks)?;
    if under == Some(lock) {
        field.wrong("is held already by `under`: expected another lock");
    } else if names.interpreters[lock] {
        field.wrong("is an interpreter lock, released around waits: expected `under` instead of `lock`");
    }
    Some(lock)
}

/// A cache access: `cache`, `hit`, `miss`.
fn read_access(step: &Section<'_>, shape: &Spread, names: &Names) -> Option<(usize, Draw, MissCost)> {
    let Some(field) = step.field("cache") else {
        for key in ["hit", "miss"] {
            if let Some(field) = step.field(key) {
                field.wrong("belongs to a cache access: expected `cache` beside it");
            }
        }
        return None;
    };
    let cache = field.reference("cache", &names.caches)?;
    let free = Draw::constant(Nanos::ZERO);
    let hit = step.field("hit").and_then(|field| draw(&field, shape)).unwrap_or(free.clone());
    let miss = step.field("miss").and_then(|field| read_miss(&field, shape, names));
    Some((cache, hit, miss.unwrap_or(MissCost::Compute(free))))
}

fn read_miss(field: &Field<'_>, shape: &Spread, names: &Names) -> Option<MissCost> {
    const EXPECTED: &str = "{ io = \"8ms\" }, { compute = \"1ms\" } or { read = \"store\" }";
    let miss = field.section(EXPECTED)?;
    miss.only(&["io", "compute", "read"]);
    let fields = miss.fields();
    let [(kind, cost)] = fields.as_slice() else {
        field.wrong(format!("names {} costs: expected exactly one, {EXPECTED}", fields.len()));
        return None;
    };
    match *kind {
        "io" => draw(cost, shape).map(MissCost::Io),
        "compute" => draw(cost, shape).map(MissCost::Compute),
        "read" => cost.reference("store", &names.stores).map(MissCost::Store),
        // `only` has noted it.
        _ => None,
    }
}

/// `read` or `write` of a store; whether it writes.
fn read_store_access(step: &Section<'_>, names: &Names) -> Option<(usize, bool)> {
    let read = step.field("read");
    let write = step.field("write");
    if let (Some(_), Some(write)) = (&read, &write) {
        write.wrong("stands beside `read`: expected one of them, and another step for the other");
        return None;
    }
    let writes = write.is_some();
    let store = read.or(write)?.reference("store", &names.stores)?;
    Some((store, writes))
}
