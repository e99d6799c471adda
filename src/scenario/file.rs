//! Parses a scenario's TOML: the only way from text to a [`Scenario`].
//!
//! Every mistake of a file is reported at once. What the keys mean is described in `docs/scenarios.md`.

use super::actors::{Names, ReadActor, kinds_of, read_actor};
use super::calls::Receivers;
use super::draws::draw;
use super::host::{self, HostConstants};
use super::names::Directory;
use super::offload;
use super::reader::{Field, Log, Section};
use super::shared::{read_event, read_lock, read_pool};
use super::topology;
use super::workers::read_workers;
use super::{
    ActorSpec, CacheSpec, EngineKind, HostSpec, KeySpec, LoadArm, LockKind, Mistake, Quota, RunSpec,
    Scenario, ScenarioError, StoreSpec,
};
use crate::cache::CacheLayout;
use crate::units::Nanos;
use crate::workload::Spread;
use toml_edit::Document;

/// Keys at the top of a file.
pub(super) const ROOT: [&str; 13] = [
    "schema", "name", "question", "run", "host", "lock", "pool", "event", "cache", "store", "actor",
    "workers", "isolated",
];

/// Version of the language.
const SCHEMA: u64 = 1;

/// Largest count of threads, of cores.
pub(super) const MAX_THREADS: u64 = 65_536;

/// What a run does that neither scenario nor command line bounds.
const DURATION: Nanos = Nanos::from_secs(3);

/// The kernel's default period of a quota.
const PERIOD: Nanos = Nanos::from_millis(100);

/// Discarded start where a scenario gives none.
const WARMUP: Nanos = Nanos::from_millis(500);

impl Scenario {
    /// Parses `text`; `origin` names it in messages.
    ///
    /// # Errors
    ///
    /// [`ScenarioError::Invalid`] with every mistake, in the order of the file.
    pub fn parse(text: &str, origin: &str) -> Result<Self, ScenarioError> {
        let log = Log::new(text);
        let document = match Document::parse(text) {
            Ok(document) => document,
            Err(error) => {
                let what = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
                log.note(error.span().or(Some(0..0)), "", format!("is not TOML: {what}"));
                return log.finish(origin, None);
            }
        };
        let scenario = read(&Section::root(&log, document.as_table()), text);
        log.finish(origin, scenario)
    }
}

/// Reads the whole file. `None` means that mistakes were noted, and so may `Some`.
fn read(root: &Section<'_>, text: &str) -> Option<Scenario> {
    root.only(&ROOT);
    if let Some(field) = root.required("schema", "schema = 1")
        && field.count(0, u64::MAX >> 1).is_some_and(|schema| schema != SCHEMA)
    {
        field.wrong("is a version that this conlab does not know: expected schema = 1");
    }
    let name = root.required("name", "the scenario's name, such as name = \"mine\"");
    let name = name.and_then(|field| {
        let name = field.text("the scenario's name")?;
        check_name(name).map_err(|why| field.wrong(why)).ok().map(|()| name.to_owned())
    });
    let locks = named(root, "lock", read_lock);
    let pools = named(root, "pool", read_pool);
    let caches = named(root, "cache", read_cache);
    let stores = named(root, "store", read_store);
    let mut actor_sections = sections(root, "actor");
    let worker_sections = sections(root, "workers");
    let names = Names {
        locks: Directory::of(locks.iter().map(|lock| &lock.name)),
        interpreters: locks.iter().map(|lock| matches!(lock.kind, LockKind::Gil { .. })).collect(),
        shared: locks
            .iter()
            .map(|lock| matches!(lock.kind, LockKind::Shared { .. } | LockKind::Absent))
            .collect(),
        absent: locks.iter().map(|lock| lock.kind == LockKind::Absent).collect(),
        workers: worker_sections.iter().map(|(name, section)| read_workers(name, section)).collect(),
        worker_names: Directory::of(worker_sections.iter().map(|(name, _)| name)),
        pools: Directory::of(pools.iter().map(|pool| &pool.name)),
        caches: Directory::of(caches.iter().map(|cache| &cache.name)),
        stores: Directory::of(stores.iter().map(|store| &store.name)),
        receivers: Receivers {
            actors: Directory::of(actor_sections.iter().map(|(name, _)| name)),
            kinds: actor_sections.iter().map(|(_, section)| kinds_of(section)).collect(),
        },
    };
    let read: Vec<_> = actor_sections
        .iter()
        .enumerate()
        .map(|(index, (name, section))| read_actor(index, name, section, &names))
        .collect();
    let focus = topology::focus(root, &actor_sections);
    let mut actors = with_pools(read, &mut actor_sections);
    add_workers(&mut actors, names.workers.clone(), worker_sections, &mut actor_sections);
    let events = named(root, "event", |name, section| read_event(name, section, &names.receivers.actors));
    let isolated = read_isolated(root, &names.receivers.actors, focus.unwrap_or(0));
    let mut scenario = Scenario {
        name: name.unwrap_or_default(),
        question: root.text("question", "a question, as a sentence").unwrap_or_default().to_owned(),
        source: text.to_owned(),
        run: read_run(root),
        host: read_host(root),
        locks,
        pools,
        events,
        caches,
        stores,
        actors,
        // Without a focus the scenario is refused below.
        focus: focus.unwrap_or(0),
        isolated,
    };
    scenario.spell_out_calls();
    topology::check(&scenario, &actor_sections);
    check_kills(root, &scenario);
    // A wrong load or reference would only be reported a second time.
    if root.is_clean() {
        topology::check_work(&scenario, root, &actor_sections);
    }
    Some(scenario)
}

/// The actors, and behind them the blocking pools that do some of their steps. A pool's mistakes are noted at its actor.
fn with_pools(read: Vec<ReadActor>, sections: &mut Vec<(String, Section<'_>)>) -> Vec<ActorSpec> {
    let (mut actors, offloads): (Vec<_>, Vec<_>) =
        read.into_iter().map(|actor| (actor.spec, actor.offload)).unzip();
    for (owner, offload) in offloads.into_iter().enumerate() {
        let Some((mut pool, steps)) = offload else { continue };
        if let Some((_, taken)) = sections.iter().find(|(name, _)| *name == pool.name) {
            let owner = &actors[owner].name;
            taken.wrong(format!("has the name of the blocking pool of `{owner}`: expected another one"));
        }
        pool.nice = actors[owner].nice;
        offload::hand_over(&mut actors, owner, &steps, &mut pool);
        sections.push((pool.name.clone(), sections[owner].1.clone()));
        actors.push(pool);
    }
    actors
}

/// Adds workers that actors share, behind the actors. So far these name them by number.
fn add_workers<'a>(
    actors: &mut Vec<ActorSpec>,
    workers: Vec<ActorSpec>,
    of_workers: Vec<(String, Section<'a>)>,
    of_actors: &mut Vec<(String, Section<'a>)>,
) {
    let first = actors.len();
    for actor in &mut *actors {
        actor.at = actor.at.map(|number| first + number);
    }
    for (mut spec, (name, section)) in workers.into_iter().zip(of_workers) {
        let index = actors.len();
        if of_actors.iter().any(|(taken, _)| *taken == name) {
            section.wrong("has the name of an actor: expected another one");
        }
        if !actors.iter().any(|actor| actor.at == Some(index)) {
            section.wrong(format!("works for nobody: expected workers = \"{name}\" in an actor"));
        }
        spec.at = Some(index);
        actors.push(spec);
        of_actors.push((name, section));
    }
}

/// The tables `[family.NAME]`, with their names.
fn sections<'a>(root: &Section<'a>, family: &str) -> Vec<(String, Section<'a>)> {
    let expected = format!("[{family}.NAME] tables");
    let Some(table) = root.section(family, &expected) else { return Vec::new() };
    let mut found = Vec::new();
    for (name, field) in table.fields() {
        if let Err(why) = check_name(name) {
            field.wrong(why);
        }
        if let Some(section) = field.section(&format!("a table [{family}.{name}]")) {
            found.push((name.to_owned(), section));
        }
    }
    found
}

/// As [`sections`], each read.
fn named<'a, T>(root: &Section<'a>, family: &str, read: impl Fn(&str, &Section<'a>) -> T) -> Vec<T> {
    sections(root, family).iter().map(|(name, section)| read(name, section)).collect()
}

/// Whether `name` can be a name.
pub(super) fn check_name(name: &str) -> Result<(), &'static str> {
    if name.trim().is_empty() {
        return Err("has no name: expected at least one character");
    }
    if name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err("is no name: expected at most 100 characters, none of them a control character");
    }
    Ok(())
}

/// Reads `[run]`.
fn read_run(root: &Section<'_>) -> RunSpec {
    let defaults = RunSpec::default();
    let Some(run) = root.section("run", "a table [run]") else { return defaults };
    run.only(&["tasks", "duration", "warmup", "seed", "replicates", "load", "engine"]);
    let tasks = run.count("tasks", 1, 1_000_000_000_000);
    let duration = run.some_time("duration");
    let unbounded = !run.has("tasks") && !run.has("duration");
    let replicates = run.count("replicates", 1, 1_000_000).and_then(|count| u32::try_from(count).ok());
    RunSpec {
        tasks,
        duration: if unbounded { defaults.duration } else { duration },
        warmup: run.duration("warmup").unwrap_or(defaults.warmup),
        seed: run.count("seed", 0, i64::MAX.unsigned_abs()).unwrap_or(defaults.seed),
        replicates: replicates.unwrap_or(defaults.replicates),
        load: run.one_of("load", "load arm", &LoadArm::ALL, LoadArm::name).unwrap_or_default(),
        engine: run.one_of("engine", "engine", &EngineKind::ALL, EngineKind::name).unwrap_or_default(),
    }
}

impl Default for RunSpec {
    fn default() -> Self {
        Self {
            tasks: None,
            duration: Some(DURATION),
            warmup: WARMUP,
            seed: 1,
            replicates: 1,
            load: LoadArm::Baseline,
            engine: EngineKind::Real,
        }
    }
}

/// Reads `[host]`.
fn read_host(root: &Section<'_>) -> HostSpec {
    let Some(given) = root.section("host", "a table [host]") else { return HostSpec::default() };
    given.only(&host::KEYS);
    if let Some(field) = given.field("period").filter(|_| !given.has("quota")) {
        field.wrong("belongs to a quota: expected `quota` beside it");
    }
    let period = given.some_time("period").unwrap_or(PERIOD);
    let quota = given.field("quota").and_then(|field| read_quota(&field));
    HostSpec {
        cores: given.count("cores", 1, MAX_THREADS).and_then(|count| u32::try_from(count).ok()),
        slice: given.some_time("slice"),
        switch: given.duration("switch"),
        wake: given.duration("wake"),
        quota: quota.map(|processors| Quota { processors, period }),
        siblings: given.field("siblings").and_then(|field| read_siblings(&field)),
        constants: HostConstants::read(&given),
        ..HostSpec::default()
    }
}

/// The speed of each of two processors that share a core while both are busy, in thousandths: `0.6` or `"60%"`.
fn read_siblings(field: &Field<'_>) -> Option<u32> {
    let speed = super::calls::read_share(field)?;
    if speed < 0.001 {
        field.wrong("is no speed: expected a share from 0.001 to 1, such as \"60%\"");
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 1000")]
    Some((speed * 1000.0).round() as u32)
}

/// A quota: `1.5` processors, or `"150%"` of one.
fn read_quota(field: &Field<'_>) -> Option<f64> {
    const EXPECTED: &str = "\"150%\" or a number of processors above 0, such as 1.5";
    if !field.is_text() {
        return field.number(&(0.001..=65_536.0));
    }
    let text = field.text(EXPECTED)?;
    let share = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    match share.map(|share| share / 100.0) {
        Some(processors) if (0.001..=65_536.0).contains(&processors) => Some(processors),
        _ => {
            field.wrong(format!("`{text}` is no quota: expected {EXPECTED}"));
            None
        }
    }
}

/// Notes events that kill workers which are nobody's own threads.
fn check_kills(root: &Section<'_>, scenario: &Scenario) {
    for ((_, section), event) in sections(root, "event").iter().zip(&scenario.events) {
        let Some((field, kill)) = section.field("kill").zip(event.kill) else { continue };
        let actor = &scenario.actors[kill.actor];
        if actor.at.is_some() || actor.queue == crate::queue::QueueKind::Async {
            field.wrong(format!(
                "names `{}`, which has no threads of its own that could die: expected an actor with a queue of threads and no `workers`",
                actor.name
            ));
        } else if kill.workers.is_some_and(|workers| workers > actor.threads * scenario.copies(kill.actor)) {
            field.wrong(format!("kills more workers than `{}` has: expected fewer `workers`", actor.name));
        }
    }
}

/// Reads `[cache.NAME]`.
fn read_cache(name: &str, cache: &Section<'_>) -> CacheSpec {
    cache.only(&["layout", "capacity", "keys", "shards", "padded", "value", "ttl", "once"]);
    let layout = cache.one_of("layout", "cache layout", &CacheLayout::ALL, CacheLayout::name);
    let capacity = cache.required("capacity", "how many entries fit, such as 4096");
    let keys = cache.required("keys", "{ count = 100000, zipf = 0.99 }");
    CacheSpec {
        name: name.to_owned(),
        layout: layout.unwrap_or(CacheLayout::Contended),
        capacity: capacity
            .and_then(|field| field.count(1, 100_000_000))
            .and_then(|entries| usize::try_from(entries).ok())
            .unwrap_or(1),
        keys: keys
            .and_then(|field| field.section("{ count = 100000, zipf = 0.99 }"))
            .map_or(KeySpec { count: 1, zipf: 0.0 }, |keys| read_keys(&keys)),
        ttl: cache.some_time("ttl"),
        once: cache.flag("once").unwrap_or(false),
        shards: cache.length("shards", 1, 65_536).unwrap_or(16),
        padded: cache.flag("padded"),
        value_bytes: cache.size("value").and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(64),
    }
}

fn read_keys(keys: &Section<'_>) -> KeySpec {
    keys.only(&["count", "zipf"]);
    let count = keys.required("count", "how many distinct keys there are");
    KeySpec {
        count: count.and_then(|field| field.count(1, 1_000_000_000_000)).unwrap_or(1),
        zipf: keys.field("zipf").and_then(|field| field.number(&(0.0..=100.0))).unwrap_or(0.0),
    }
}

/// Reads `[store.NAME]`.
fn read_store(name: &str, store: &Section<'_>) -> StoreSpec {
    store.only(&["value", "count", "durable", "read", "write"]);
    let said = |key| store.field(key).and_then(|field| draw(&field, &Spread::Constant));
    StoreSpec {
        name: name.to_owned(),
        value_bytes: store.size("value").and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(1024),
        count: store.count("count", 1, 1_000_000_000).unwrap_or(1000),
        durable: store.flag("durable").unwrap_or(true),
        read: said("read"),
        write: said("write"),
    }
}

/// Reads `[isolated]`: the actors that keep load of their own.
fn read_isolated(root: &Section<'_>, actors: &Directory, focus: usize) -> Vec<usize> {
    let Some(isolated) = root.section("isolated", "a table [isolated]") else { return vec![focus] };
    isolated.only(&["load"]);
    let Some(load) = isolated.field("load") else { return vec![focus] };
    let names = load.elements("an array of actors, such as [\"agents\"]").unwrap_or_default();
    names.iter().filter_map(|name| name.reference("actor", actors)).collect()
}

impl Mistake {
    /// A mistake that belongs to no line.
    #[must_use]
    pub fn anywhere(key: impl Into<String>, what: impl Into<String>) -> Self {
        Self { line: 0, key: key.into(), what: what.into() }
    }
}
