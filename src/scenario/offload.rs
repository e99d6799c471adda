//! Steps that an actor's workers hand to its blocking pool: `offload = true`.
//!
//! The pool is an actor of its own, `NAME.offload`, that answers calls of that one actor. So its threads, its queue and the lock
//! of that queue are simulated, performed and reported as those of any other, on both engines.

use super::actors::check_threads_queue;
use super::file::{MAX_THREADS, check_name};
use super::reader::Section;
use super::{ActorSpec, CallSpec, KindSpec, StepSpec, Target};
use crate::queue::QueueKind;

/// Threads of a blocking pool where a scenario gives none: tokio's `max_blocking_threads`.
const THREADS: usize = 512;

/// Keys of `[actor.NAME.offload]`.
const KEYS: [&str; 3] = ["threads", "queue", "capacity"];

/// The name of an actor's blocking pool.
pub(super) fn name_of_pool(actor: &str) -> String {
    format!("{actor}.offload")
}

/// Reads `offload` of an actor some of whose steps (`offloaded`, by index) are done by its blocking pool.
pub(super) fn read_pool(name: &str, actor: &Section<'_>, offloaded: bool) -> Option<ActorSpec> {
    const EXPECTED: &str = "the actor's blocking pool, such as { threads = 16 }";
    let field = actor.field("offload");
    if let (Some(field), false) = (&field, offloaded) {
        field.wrong("serves no step: expected offload = true on a step");
    }
    let mut pool = ActorSpec { threads: THREADS, ..ActorSpec::named(name_of_pool(name)) };
    if let Some(section) = field.and_then(|field| field.section(EXPECTED)) {
        section.only(&KEYS);
        pool.threads = section.length("threads", 1, MAX_THREADS).unwrap_or(THREADS);
        let queue = section.one_of("queue", "queue", &QueueKind::ALL, QueueKind::name);
        pool.queue = queue.unwrap_or(QueueKind::Mutex);
        check_threads_queue(&section, pool.queue);
        pool.capacity = section.length("capacity", 1, super::actors::MAX_CAPACITY).unwrap_or(pool.capacity);
    }
    if offloaded && check_name(&pool.name).is_err() {
        actor.wrong("has too long a name for its blocking pool, NAME.offload: expected a shorter one");
    }
    offloaded.then_some(pool)
}

/// Gives the steps `offloaded` of an actor, by number, to `pool`, which will be the last of them, and leaves a call in the
/// place of each.
pub(super) fn hand_over(
    actors: &mut [ActorSpec],
    owner_index: usize,
    offloaded: &[usize],
    pool: &mut ActorSpec,
) {
    let index = actors.len();
    let owner = &mut actors[owner_index];
    for (kind, &place) in offloaded.iter().enumerate() {
        let step = &mut owner.steps[place];
        // Whether the step happens is the caller's affair, and so are locks of sections around it.
        let call = StepSpec {
            chance: std::mem::replace(&mut step.chance, 1.0),
            closes: std::mem::take(&mut step.closes),
            call: Some(index),
            calls: (kind > 0).then(|| Box::new(CallSpec::plain(Target { actor: index, kind }))),
            ..StepSpec::named(step.name.clone())
        };
        pool.steps.push(std::mem::replace(step, call));
    }
    pool.pool_of = Some(owner_index);
    if offloaded.len() > 1 {
        let kind = |(first, step): (usize, &StepSpec)| KindSpec {
            name: step.name.clone(),
            first,
            count: 1,
            priority: 0,
        };
        pool.kinds = pool.steps.iter().enumerate().map(kind).collect();
    }
}
