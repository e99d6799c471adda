//! Mechanisms and what a scenario is without each: the factors of an explanation.
//!
//! In virtual time a mechanism is made free and nothing else changes: the work and the random numbers stay. On real
//! threads only what really exists can replace it, so an ablation there is coarser, or cannot be made.

use super::shortage::{give_workers, short_of_workers};
use crate::cache::CacheLayout;
use crate::queue::QueueKind;
use crate::scenario::{EngineKind, Load, LockKind, Scenario};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::num::NonZero;
use std::thread;

/// Places of a pool that nobody waits for.
const PLACES_FOR_ALL: usize = 1 << 24;

/// Something by which tasks hinder each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mechanism {
    /// Locks held while computing and released around waits.
    Interpreter,
    /// All other locks, those of the queues among them.
    Locks,
    /// Too few processors, switches between threads, wake-ups.
    Switching,
    /// Caches that several actors share, their locks, lines that move between processors.
    Caches,
    /// Pools with too few places.
    Pools,
    /// A quota of processor time.
    Quota,
    /// Events that stop actors, panics.
    Pauses,
    /// Too few workers for those who come.
    Workers,
    /// Costs that grow with concurrency.
    Slowdown,
    /// Writers of a store that wait for each other.
    Writers,
}

impl Mechanism {
    /// Every mechanism, in the order in which they are shown.
    pub const ALL: [Self; 10] = [
        Self::Interpreter,
        Self::Locks,
        // Before switching, which gives every worker a processor.
        Self::Workers,
        Self::Switching,
        Self::Caches,
        Self::Pools,
        Self::Quota,
        Self::Pauses,
        Self::Slowdown,
        Self::Writers,
    ];

    /// The words for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interpreter => "interpreter lock",
            Self::Locks => "other locks and queues",
            Self::Switching => "switching and cores",
            Self::Caches => "shared caches",
            Self::Pools => "pools",
            Self::Quota => "quota",
            Self::Pauses => "pauses",
            Self::Workers => "too few workers",
            Self::Slowdown => "slow-down by concurrency",
            Self::Writers => "other writers",
        }
    }

    /// The words for it in this scenario, with the names of whom it concerns.
    #[must_use]
    pub fn name_in(self, scenario: &Scenario) -> String {
        let actor = |index: &usize| scenario.actors[*index].name.as_str();
        match self {
            Self::Workers => {
                let short = short_of_workers(scenario);
                format!("{} of {}", self.name(), listed(short.iter().map(actor).collect()))
            }
            Self::Writers => {
                let stores = written_stores(scenario);
                let names = stores.iter().map(|store| scenario.stores[*store].name.as_str()).collect();
                format!("{} of store {}", self.name(), listed(names))
            }
            _ => self.name().to_owned(),
        }
    }

    /// Whether `scenario` has it. Queues and processors always are; the others may not be.
    #[must_use]
    pub fn present(self, scenario: &Scenario) -> bool {
        match self {
            Self::Interpreter => (0..scenario.locks.len()).any(|lock| is_interpreter(scenario, lock)),
            Self::Locks | Self::Switching => true,
            Self::Caches => !scenario.caches.is_empty(),
            Self::Pools => !scenario.pools.is_empty(),
            Self::Quota => scenario.host.quota.is_some(),
            Self::Pauses => !scenario.events.is_empty() || panics(scenario),
            Self::Workers => !short_of_workers(scenario).is_empty(),
            Self::Slowdown => scenario.actors.iter().any(|actor| actor.slowdown.is_some()),
            Self::Writers => !written_stores(scenario).is_empty(),
        }
    }

    /// What is done to a scenario to take it away.
    #[must_use]
    pub const fn ablation(self, engine: EngineKind) -> &'static str {
        match (self, engine) {
            (Self::Interpreter, _) => "no lock is held while computing",
            (Self::Locks, EngineKind::Virtual) => "steps take no locks, queue operations cost nothing",
            (Self::Locks, EngineKind::Real) => "steps take no locks, the queue in focus is lock-free",
            (Self::Switching, EngineKind::Virtual) => {
                "a processor for every thread, free switches and wake-ups"
            }
            (Self::Switching, EngineKind::Real) => "as many processors as threads",
            (Self::Caches, EngineKind::Virtual) => "a cache for each actor, no lines move",
            (Self::Caches, EngineKind::Real) => "a padded copy of each cache for each worker",
            (Self::Pools, _) => "a place for everybody",
            (Self::Quota, _) => "no quota",
            (Self::Pauses, _) => "nothing is stopped, nobody dies",
            (Self::Workers, _) => "a worker for everybody who comes",
            (Self::Slowdown, _) => "nothing takes longer because of others",
            (Self::Writers, _) => "writers of a store do not wait for each other",
        }
    }

    /// `scenario` without it; `None` where `engine` cannot take it away.
    #[must_use]
    pub fn without(self, scenario: &Scenario, engine: EngineKind) -> Option<Scenario> {
        let mut scenario = scenario.clone();
        match (self, engine) {
            (Self::Interpreter, _) => {
                for lock in 0..scenario.locks.len() {
                    if is_interpreter(&scenario, lock) {
                        scenario.locks[lock].kind = LockKind::Absent;
                    }
                }
                for step in scenario.actors.iter_mut().flat_map(|actor| &mut actor.steps) {
                    step.under = None;
                }
            }
            (Self::Locks, engine) => {
                for lock in 0..scenario.locks.len() {
                    if !is_interpreter(&scenario, lock) {
                        scenario.locks[lock].kind = LockKind::Absent;
                    }
                }
                match engine {
                    EngineKind::Virtual => scenario.host.factors.queue = 0.0,
                    EngineKind::Real => {
                        // Workers that others share have one queue for all of them.
                        let served: Vec<usize> = scenario.served_with(scenario.focus).collect();
                        for actor in served {
                            let queue = &mut scenario.actors[actor].queue;
                            if *queue == QueueKind::Mutex {
                                *queue = QueueKind::LockFree;
                            }
                        }
                    }
                }
            }
            (Self::Switching, EngineKind::Virtual) => {
                scenario.host.cores = Some(threads(&scenario));
                scenario.host.factors.switch = 0.0;
            }
            (Self::Switching, EngineKind::Real) => {
                let available = thread::available_parallelism().map_or(1, NonZero::get);
                let wanted = threads(&scenario);
                let confined = scenario.host.cores?;
                if wanted as usize > available || confined >= wanted {
                    return None;
                }
                scenario.host.cores = Some(wanted);
            }
            (Self::Caches, EngineKind::Virtual) => {
                one_cache_for_each_actor(&mut scenario);
                scenario.host.factors.coherence = 0.0;
            }
            (Self::Pools, _) => scenario.pools.iter_mut().for_each(|pool| pool.size = PLACES_FOR_ALL),
            (Self::Quota, _) => scenario.host.quota = None,
            (Self::Pauses, _) => without_stops(&mut scenario),
            (Self::Workers, engine) => with_enough_workers(&mut scenario, engine),
            (Self::Slowdown, _) => {
                scenario.actors.iter_mut().for_each(|actor| actor.slowdown = None);
            }
            (Self::Writers, EngineKind::Virtual) => scenario.host.factors.writers = 0.0,
            (Self::Writers, EngineKind::Real) => return None,
            (Self::Caches, EngineKind::Real) => {
                for cache in &mut scenario.caches {
                    cache.layout = CacheLayout::Isolated;
                }
            }
        }
        Some(scenario)
    }
}

/// Takes away what stops actors or kills workers.
fn without_stops(scenario: &mut Scenario) {
    scenario.events.clear();
    for step in scenario.actors.iter_mut().flat_map(|actor| &mut actor.steps) {
        step.panic = None;
    }
}

/// Gives every station on the way of tasks in focus as many workers as tasks may come; twice, as whoever has more workers asks
/// for more at whom it calls.
fn with_enough_workers(scenario: &mut Scenario, engine: EngineKind) {
    for _ in 0..2 {
        for station in short_of_workers(scenario) {
            give_workers(scenario, station, engine);
        }
    }
}

/// Names one after the other, in backticks: three, and how many more there are.
fn listed(names: Vec<&str>) -> String {
    let shown: Vec<String> = names.iter().take(3).map(|name| format!("`{name}`")).collect();
    let more = names.len() - shown.len();
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

/// The stores that somebody writes to.
fn written_stores(scenario: &Scenario) -> Vec<usize> {
    let steps = || scenario.actors.iter().flat_map(|actor| &actor.steps);
    (0..scenario.stores.len())
        .filter(|store| steps().any(|step| step.store == Some((*store, true))))
        .collect()
}

/// Whether tasks of any step panic.
fn panics(scenario: &Scenario) -> bool {
    scenario.actors.iter().flat_map(|actor| &actor.steps).any(|step| step.panic.is_some())
}

/// Whether a lock is held while computing and released around waits: an interpreter lock by its use, whatever its
/// algorithm.
fn is_interpreter(scenario: &Scenario, lock: usize) -> bool {
    matches!(scenario.locks[lock].kind, LockKind::Gil { .. })
        || scenario.actors.iter().flat_map(|actor| &actor.steps).any(|step| step.under == Some(lock))
}

/// Worker threads of all actors.
fn threads(scenario: &Scenario) -> u32 {
    u32::try_from(scenario.threads()).unwrap_or(u32::MAX)
}

/// Gives each actor a cache of its own in place of one that it shares with others.
fn one_cache_for_each_actor(scenario: &mut Scenario) {
    let shared = scenario.caches.len();
    let mut owner: Vec<Option<usize>> = vec![None; shared];
    for (index, actor) in scenario.actors.iter_mut().enumerate() {
        let mut own: Vec<Option<usize>> = vec![None; shared];
        for step in &mut actor.steps {
            let Some((cache, _, _)) = &mut step.cache else { continue };
            let original = *cache;
            if *owner[original].get_or_insert(index) == index {
                continue;
            }
            *cache = *own[original].get_or_insert_with(|| {
                let mut copy = scenario.caches[original].clone();
                copy.name = format!("{} of {}", copy.name, actor.name);
                scenario.caches.push(copy);
                scenario.caches.len() - 1
            });
        }
    }
}

/// Names of the actors whose own load the isolated arm takes away.
#[must_use]
pub fn neighbours(scenario: &Scenario) -> Vec<&str> {
    let loaded =
        |index: &usize| scenario.actors[*index].load != Load::None && !scenario.isolated.contains(index);
    (0..scenario.actors.len()).filter(loaded).map(|index| scenario.actors[index].name.as_str()).collect()
}

/// Whether the actor in focus depends on work of an actor that has load of its own: the direct way in which a
/// neighbour can make it wait.
#[must_use]
pub fn reaches_neighbour(scenario: &Scenario) -> bool {
    let mut reached = vec![false; scenario.actors.len()];
    let mut open = vec![scenario.focus];
    while let Some(actor) = open.pop() {
        for step in &scenario.actors[actor].steps {
            for next in step.receivers() {
                if !reached[next] {
                    reached[next] = true;
                    open.push(next);
                }
            }
        }
    }
    let loaded =
        |index: usize| scenario.actors[index].load != Load::None && !scenario.isolated.contains(&index);
    (0..reached.len()).any(|index| reached[index] && loaded(index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{CacheSpec, KeySpec, LoadArm, MissCost};
    use crate::units::Nanos;
    use crate::workload::Draw;

    /// Two actors, the second a neighbour; both work under a GIL, take a mutex and share a cache.
    fn scenario() -> Scenario {
        let mut scenario = crate::study::sample_scenario();
        let draw = Draw::constant(Nanos(1_000));
        scenario.caches.push(CacheSpec {
            name: "rsu".into(),
            layout: CacheLayout::Contended,
            capacity: 8,
            keys: KeySpec { count: 16, zipf: 0.0 },
            shards: 1,
            padded: None,
            value_bytes: 8,
            ttl: None,
            once: false,
        });
        for actor in &mut scenario.actors {
            actor.steps[0].cache = Some((0, draw.clone(), MissCost::Io(draw.clone())));
        }
        scenario
    }

    #[test]
    fn each_ablation_changes_its_mechanism_alone() {
        let whole = scenario();
        let without = |mechanism: Mechanism| mechanism.without(&whole, EngineKind::Virtual).unwrap();
        let interpreter = without(Mechanism::Interpreter);
        assert_eq!(interpreter.locks[0].kind, LockKind::Absent);
        assert_eq!((interpreter.locks[1].kind, &interpreter.host), (whole.locks[1].kind, &whole.host));
        let locks = without(Mechanism::Locks);
        assert_eq!((locks.locks[0].kind, locks.locks[1].kind), (whole.locks[0].kind, LockKind::Absent));
        assert_eq!((&locks.actors, locks.host.factors.queue), (&whole.actors, 0.0));
        let switching = without(Mechanism::Switching);
        assert_eq!((switching.host.cores, switching.host.factors.switch), (Some(5), 0.0));
        assert_eq!((&switching.actors, &switching.locks), (&whole.actors, &whole.locks));
    }

    #[test]
    fn actors_get_caches_of_their_own_and_the_first_keeps_the_shared_one() {
        let without = Mechanism::Caches.without(&scenario(), EngineKind::Virtual).unwrap();
        let used: Vec<usize> =
            without.actors.iter().map(|actor| actor.steps[0].cache.as_ref().unwrap().0).collect();
        assert_eq!((used, without.caches.len()), (vec![0, 1], 2));
        assert_eq!(without.caches[1].capacity, 8);
    }

    #[test]
    fn neighbours_are_those_whose_load_the_isolated_arm_takes_away() {
        let mut scenario = scenario();
        assert_eq!(neighbours(&scenario), ["ryot"]);
        assert!(!reaches_neighbour(&scenario));
        scenario.actors[0].steps[0].call = Some(1);
        assert!(reaches_neighbour(&scenario));
        scenario.isolated = vec![0, 1];
        assert!(neighbours(&scenario).is_empty());
        assert_eq!(scenario.levels(LoadArm::Baseline).threads, Some(3));
    }
}
