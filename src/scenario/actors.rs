//! Reads an actor: its workers, its queue, its kinds of request, its steps.

use super::calls::{CALL, Receivers, read_call, read_share};
use super::draws::{draw, spread};
use super::faults::{read_nice, read_panics, read_restart, read_slowdown};
use super::file::{MAX_THREADS, check_name};
use super::names::Directory;
use super::offload;
use super::reader::{Field, Section};
use super::shared::read_timeout;
use super::traffic::read_load;
use super::workers::read_membership;
use super::{ActorSpec, BatchSpec, Full, KindSpec, Load, MissCost, Pattern, Route, Shed, StepSpec};
use crate::queue::QueueKind;
use crate::units::Nanos;
use crate::workload::{Draw, Spread};

/// Largest capacity of a queue: its slots are allocated at once.
pub(super) const MAX_CAPACITY: u64 = 1 << 24;

/// What a step may do.
const EFFECTS: [&str; 11] =
    ["compute", "touch", "compress", "cache", "read", "write", "io", "call", "send", "fail", "panic"];

/// Every key of a step besides those of its call.
const STEP: [&str; 24] = [
    "name", "times", "under", "lock", "spread", "hit", "miss", "compute", "touch", "compress", "cache",
    "read", "write", "io", "call", "send", "pool", "share", "chance", "fail", "blocks", "batch", "offload",
    "panic",
];

/// Every key of an actor.
const ACTOR: [&str; 18] = [
    "focus",
    "threads",
    "queue",
    "capacity",
    "load",
    "under",
    "steps",
    "on",
    "full",
    "timeout",
    "shed",
    "offload",
    "instances",
    "route",
    "workers",
    "slowdown",
    "nice",
    "restart",
];

/// What the file defines, by index.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) locks: Directory,
    /// Which locks are interpreter locks.
    pub(super) interpreters: Vec<bool>,
    /// Which locks readers may share.
    pub(super) shared: Vec<bool>,
    /// Which are taken away.
    pub(super) absent: Vec<bool>,
    /// Workers that actors share.
    pub(super) workers: Vec<ActorSpec>,
    pub(super) worker_names: Directory,
    pub(super) pools: Directory,
    pub(super) caches: Directory,
    pub(super) stores: Directory,
    pub(super) receivers: Receivers,
}

/// The names of an actor's kinds of request; none where it has one kind.
pub(super) fn kinds_of(actor: &Section<'_>) -> Vec<String> {
    let Some(on) = actor.field("on").and_then(|field| field.section("tables [actor.NAME.on.KIND]")) else {
        return Vec::new();
    };
    let own = actor.has("steps").then(String::new);
    own.into_iter().chain(on.fields().into_iter().map(|(name, _)| name.to_owned())).collect()
}

/// An actor as its table says, with what has yet to be given to its blocking pool.
#[derive(Debug)]
pub(super) struct ReadActor {
    pub(super) spec: ActorSpec,
    /// The pool and the steps that it does, by index.
    pub(super) offload: Option<(ActorSpec, Vec<usize>)>,
}

/// Reads `[actor.NAME]`, whose number is `index`.
pub(super) fn read_actor(index: usize, name: &str, actor: &Section<'_>, names: &Names) -> ReadActor {
    actor.only(&ACTOR);
    let under = actor.field("under").and_then(|field| read_under(&field, names));
    let mut reader = Steps {
        actor: name,
        under,
        names,
        seen: Vec::new(),
        held: Vec::new(),
        offloaded: Vec::new(),
        read: Vec::new(),
    };
    let mut kinds = Vec::new();
    if actor.has("steps") || !actor.has("on") {
        reader.read_all(actor, "");
        kinds.push(KindSpec { name: String::new(), first: 0, count: reader.read.len(), priority: 0 });
    }
    let on = actor.field("on").and_then(|field| field.section("tables [actor.NAME.on.KIND]"));
    for (kind, field) in on.iter().flat_map(Section::fields) {
        if let Err(why) = check_name(kind) {
            field.wrong(why);
        }
        let Some(section) = field.section(&format!("a table [actor.{name}.on.{kind}]")) else { continue };
        section.only(&["steps", "priority"]);
        let first = reader.read.len();
        reader.read_all(&section, kind);
        let priority = section.count("priority", 0, 1000).and_then(|number| u32::try_from(number).ok());
        let count = reader.read.len() - first;
        kinds.push(KindSpec { name: kind.to_owned(), first, count, priority: priority.unwrap_or(0) });
    }
    let (load, pattern) = actor
        .section("load", "{ clients = 8 } or { rate = \"100/s\" }")
        .map_or((Load::None, Pattern::default()), |load| read_load(&load, &names.receivers.kinds[index]));
    let full = actor.one_of("full", "answer of a full queue", &Full::ALL, Full::name);
    if let (Some(field), Some(Full::Refuse | Full::DropOldest), Load::Closed { think, .. }) =
        (actor.field("full"), full, &load)
        && think.mean == Nanos::ZERO
    {
        field.wrong("refuses clients that do not think, which would ask again at once, for ever: expected `think` in the load");
    }
    let at = read_membership(actor, &names.worker_names);
    let shared = at.map(|number| &names.workers[number]);
    let queue = actor.one_of("queue", "queue", &QueueKind::ALL, QueueKind::name);
    let queue = shared.map_or(queue.unwrap_or(QueueKind::Mutex), |shared| shared.queue);
    check_queue(actor, queue);
    let pool = offload::read_pool(name, actor, !reader.offloaded.is_empty());
    let (instances, route) = read_instances(actor);
    let spec = ActorSpec {
        instances,
        route,
        threads: if at.is_some() { 0 } else { actor.length("threads", 1, MAX_THREADS).unwrap_or(1) },
        queue,
        capacity: shared.map_or_else(
            || actor.length("capacity", 1, MAX_CAPACITY).unwrap_or(1024),
            |shared| shared.capacity,
        ),
        at,
        load,
        steps: reader.read,
        kinds: if on.is_some() { kinds } else { Vec::new() },
        pattern,
        full,
        timeout: read_timeout(actor),
        shed: actor.field("shed").and_then(|field| read_shed(&field)),
        slowdown: read_slowdown(actor),
        nice: read_nice(actor),
        restart: read_restart(actor, queue),
        ..ActorSpec::named(name)
    };
    ReadActor { spec, offload: pool.map(|pool| (pool, reader.offloaded)) }
}

/// Notes a queue whose tasks are awaited where threads are to block.
pub(super) fn check_threads_queue(section: &Section<'_>, queue: QueueKind) {
    if let (Some(field), QueueKind::Async) = (section.field("queue"), queue) {
        let others = QueueKind::ALL.into_iter().filter(|kind| *kind != QueueKind::Async);
        let names: Vec<&str> = others.map(QueueKind::name).collect();
        field.wrong(format!("awaits, and this pool's threads block: expected one of {}", names.join(", ")));
    }
}

/// Notes what is said of a queue of a kind that cannot do it.
fn check_queue(actor: &Section<'_>, queue: QueueKind) {
    if queue == QueueKind::SegQueue
        && let Some(field) = actor.field("full")
    {
        field.wrong("belongs to a queue that can be full, which segqueue never is: expected another queue");
    }
    let on = actor.field("on").and_then(|field| field.section("tables [actor.NAME.on.KIND]"));
    let kinds = on.iter().flat_map(Section::fields);
    for kind in kinds.filter_map(|(_, field)| field.section("a table")) {
        if queue == QueueKind::Async
            && let Some(field) = kind.field("priority")
        {
            field.wrong("orders a queue, out of which asynchronous handlers take tasks at once: expected a queue of threads");
        }
    }
}

/// `{ length = 100 }` or `{ age = "50ms" }`.
fn read_shed(field: &Field<'_>) -> Option<Shed> {
    const EXPECTED: &str = "{ length = 100 } or { age = \"50ms\" }";
    let shed = field.section(EXPECTED)?;
    shed.only(&["length", "age"]);
    match (shed.field("length"), shed.field("age")) {
        (Some(_), None) => shed.length("length", 1, MAX_CAPACITY).map(Shed::Length),
        (None, Some(age)) => age.some_time().map(Shed::Age),
        _ => {
            field.wrong(format!("names not exactly one reason: expected {EXPECTED}"));
            None
        }
    }
}

/// Most instances of an actor.
const MAX_INSTANCES: u64 = 10_000;

/// How many of an actor there are, and which of them a message goes to.
fn read_instances(actor: &Section<'_>) -> (usize, Route) {
    let instances = actor.length("instances", 1, MAX_INSTANCES).unwrap_or(1);
    if let Some(field) = actor.field("route").filter(|_| !actor.has("instances")) {
        field.wrong("chooses among instances: expected `instances` beside it");
    }
    (instances, actor.one_of("route", "route", &Route::ALL, Route::name).unwrap_or_default())
}

/// Most critical sections inside each other.
const DEEPEST: usize = 16;

/// Reads the steps of an actor, one kind after the other. Critical sections are laid flat: a head that takes the lock, and
/// then their steps.
struct Steps<'a> {
    actor: &'a str,
    under: Option<usize>,
    names: &'a Names,
    seen: Vec<String>,
    /// Locks of the critical sections around the present step.
    held: Vec<usize>,
    /// Steps that the blocking pool does, by index.
    offloaded: Vec<usize>,
    read: Vec<StepSpec>,
}

impl Steps<'_> {
    /// Reads the `steps` of `section`, which are those of `kind`.
    fn read_all(&mut self, section: &Section<'_>, kind: &str) {
        let expected = "what a task does, such as [{ name = \"work\", compute = \"1ms\" }]";
        let steps = section.required("steps", expected);
        let steps = steps.and_then(|field| field.elements("an array of steps")).unwrap_or_default();
        self.read_fields(&steps, kind);
    }

    fn read_fields(&mut self, fields: &[Field<'_>], kind: &str) {
        for (index, field) in fields.iter().enumerate() {
            let Some(section) = field.section("a step such as { name = \"work\", compute = \"1ms\" }") else {
                continue;
            };
            let inner = section.field("steps");
            if inner.is_none() && is_offloaded(&section) {
                self.offloaded.push(self.read.len());
            }
            let (lock, fail) = (section.field("lock"), section.field("fail"));
            let mut step = if inner.is_some() {
                read_head(index, section, (self.actor, kind), self.names)
            } else {
                read_step(index, section, (self.actor, kind), self.under, self.names)
            };
            if !kind.is_empty() {
                step.name = format!("{kind}.{}", step.name);
            }
            if self.seen.contains(&step.name) {
                field.wrong(format!("is the second step named `{}`: expected a name of its own", step.name));
            }
            let wants = step.opens.or(step.lock);
            if let Some(field) = lock.filter(|_| wants.is_some_and(|lock| self.held.contains(&lock))) {
                field.wrong(
                    "is held already by the critical section around it: expected another lock, or none",
                );
            }
            if let Some(field) = fail.filter(|_| !self.held.is_empty()) {
                field.wrong("leaves a critical section in the middle: expected it in a step outside");
            }
            let opens = step.opens;
            self.seen.push(step.name.clone());
            self.read.push(step);
            if let Some(inner) = inner {
                self.read_section(&inner, opens, kind);
            }
        }
    }

    /// The steps of a critical section under the lock `opens`.
    fn read_section(&mut self, inner: &Field<'_>, opens: Option<usize>, kind: &str) {
        let fields = inner.elements("an array of steps").unwrap_or_default();
        if fields.is_empty() {
            inner.wrong("is empty: expected the steps over which the lock is held");
        } else if self.held.len() == DEEPEST {
            return inner.wrong(format!("is inside {DEEPEST} critical sections: expected fewer"));
        }
        self.held.extend(opens);
        self.read_fields(&fields, kind);
        if let (Some(lock), Some(last)) = (opens, self.read.last_mut()) {
            last.closes.push(lock);
            self.held.pop();
        }
    }
}

/// Whether a step is done by the actor's blocking pool.
fn is_offloaded(step: &Section<'_>) -> bool {
    let offloaded = step.flag("offload").unwrap_or(false);
    if let Some(blocks) = step.field("blocks").filter(|_| offloaded) {
        blocks.wrong("blocks the worker that the step leaves by `offload`: expected one of the two");
    }
    offloaded
}

/// Reads the head of a critical section: its name and its lock.
fn read_head(index: usize, section: Section<'_>, actor: (&str, &str), names: &Names) -> StepSpec {
    let (name, section) = read_name(index, section, actor);
    section.only(&["name", "lock", "steps"]);
    let mut head = StepSpec::named(name);
    if section.has("lock") {
        head.opens = read_lock_name(&section, None, names);
    } else {
        section.wrong("lock: is missing: expected the lock that is held over `steps`");
    }
    head
}

/// A step's name, and its section under that name.
fn read_name<'a>(index: usize, section: Section<'a>, (actor, kind): (&str, &str)) -> (String, Section<'a>) {
    let field = section.required("name", "the step's name");
    let name = field.as_ref().and_then(|field| field.text("the step's name"));
    if let (Some(field), Some(Err(why))) = (&field, name.map(check_name)) {
        field.wrong(why);
    }
    let name = name.map_or_else(|| index.to_string(), str::to_owned);
    let on = if kind.is_empty() { String::new() } else { format!(".on.{kind}") };
    let section = section.called(format!("actor.{actor}{on}.steps.{name}"));
    (name, section)
}

/// The lock that work is done under; the empty name means none.
fn read_under(field: &Field<'_>, names: &Names) -> Option<usize> {
    match field.text("the name of a lock, or \"\" for none")? {
        "" => None,
        _ => {
            let lock = field.reference("lock", &names.locks)?;
            if names.shared[lock] && !names.absent[lock] {
                field.wrong("is a lock that readers share: expected an interpreter lock or a mutex");
            }
            Some(lock)
        }
    }
}

/// Reads one step; its path is its name, or its number while it has none.
fn read_step(
    index: usize,
    section: Section<'_>,
    actor: (&str, &str),
    under: Option<usize>,
    names: &Names,
) -> StepSpec {
    let (name, section) = read_name(index, section, actor);
    section.only(&[&STEP[..], &CALL].concat());
    if !EFFECTS.iter().any(|effect| section.has(effect)) {
        section.wrong(format!("does nothing: expected at least one of {}", EFFECTS.join(", ")));
    }
    let shape = section.field("spread").and_then(|field| spread(&field)).unwrap_or(Spread::Constant);
    let time = |key| section.field(key).and_then(|field| draw(&field, &shape));
    let share = |key| section.field(key).and_then(|field| read_share(&field));
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
    if let Some((first, calls)) = read_call(&section, &names.receivers) {
        (step.call, step.calls) = (Some(first), calls);
    }
    if let Some(target) = section.field("send").and_then(|field| names.receivers.target(&field)) {
        (step.send, step.send_kind) = (Some(target.actor), target.kind);
    }
    step.pool = section.field("pool").and_then(|field| field.reference("pool", &names.pools));
    step.share = read_shared(&section, step.lock, names);
    step.chance = share("chance").unwrap_or(1.0);
    step.fail = share("fail").unwrap_or(0.0);
    step.panic = section.field("panic").and_then(|field| read_panics(&field));
    step.blocks = section.flag("blocks").unwrap_or(false);
    if let Some(field) = section.field("blocks").filter(|_| step.io.is_none()) {
        field.wrong("belongs to a wait: expected `io` beside it");
    }
    step.batch = section.section("batch", "{ most = 64, within = \"0ms\" }").map(|batch| read_batch(&batch));
    step
}

/// Whether the step's lock is held as readers hold it.
fn read_shared(step: &Section<'_>, lock: Option<usize>, names: &Names) -> bool {
    let Some(field) = step.field("share") else { return false };
    let share = field.flag().unwrap_or(false);
    if share && !lock.is_some_and(|lock| names.shared[lock]) {
        field.wrong("belongs to a lock that readers share: expected `lock`, and kind = \"shared\" there");
    }
    share
}

/// Reads `batch = { most, within }`.
fn read_batch(batch: &Section<'_>) -> BatchSpec {
    batch.only(&["most", "within"]);
    let most = batch.required("most", "how many tasks a batch has at most, such as 64");
    BatchSpec {
        most: most
            .and_then(|field| field.count(1, 1_000_000))
            .and_then(|most| usize::try_from(most).ok())
            .unwrap_or(1),
        within: batch.duration("within").unwrap_or(Nanos::ZERO),
    }
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
