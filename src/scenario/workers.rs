//! Workers that several actors share: `[workers.NAME]`, `workers = "NAME"`.
//!
//! They are an actor of their own, which has threads and a queue, and nothing to do. Its members have neither, and name it.

use super::actors::MAX_CAPACITY;
use super::faults::{read_nice, read_restart};
use super::file::MAX_THREADS;
use super::names::Directory;
use super::reader::Section;
use super::{ActorSpec, Scenario};
use crate::queue::QueueKind;

/// Keys of `[workers.NAME]`.
pub(super) const KEYS: [&str; 5] = ["threads", "queue", "capacity", "nice", "restart"];

/// Reads `[workers.NAME]`.
pub(super) fn read_workers(name: &str, workers: &Section<'_>) -> ActorSpec {
    workers.only(&KEYS);
    let queue =
        workers.one_of("queue", "queue", &QueueKind::ALL, QueueKind::name).unwrap_or(QueueKind::Mutex);
    ActorSpec {
        nice: read_nice(workers),
        restart: read_restart(workers, queue),
        threads: workers.length("threads", 1, MAX_THREADS).unwrap_or(1),
        queue,
        capacity: workers.length("capacity", 1, MAX_CAPACITY).unwrap_or(1024),
        ..ActorSpec::named(name)
    }
}

/// The workers that an actor names, by number. What it says of workers of its own is a mistake then.
pub(super) fn read_membership(actor: &Section<'_>, known: &Directory) -> Option<usize> {
    let workers = actor.field("workers")?.reference("workers", known);
    for key in KEYS {
        if let Some(field) = actor.field(key) {
            field.wrong(format!(
                "belongs to workers of its own: expected `{key}` at the shared ones, or no `workers`"
            ));
        }
    }
    if let Some(field) = actor.field("instances") {
        field.wrong("have workers of their own each: expected no `workers` beside it");
    }
    workers
}

impl Scenario {
    /// The actor whose threads and queue serve `actor`: itself, or the workers that it shares with others.
    #[must_use]
    pub fn station(&self, actor: usize) -> usize {
        self.actors[actor].at.unwrap_or(actor)
    }

    /// Whether an actor is workers that others share.
    #[must_use]
    pub fn is_workers(&self, actor: usize) -> bool {
        self.actors[actor].at == Some(actor)
    }

    /// The actors that are served where `actor` is, itself among them.
    pub fn served_with(&self, actor: usize) -> impl Iterator<Item = usize> {
        let station = self.station(actor);
        (0..self.actors.len()).filter(move |other| self.station(*other) == station)
    }
}
