//! Deadlocks: cycles of waits that nothing outside of them can end.
//!
//! A task is *live* when it can go on without anybody else, or when what it waits for is held by somebody live: a lock by its
//! owner or by all who read under it (or by the writer in line before a reader), an answer by its message, a call of several parts
//! by as many messages as it needs answers, a place in a pool by any one who has a place, room in a queue (or a worker for a
//! message) by any one of the receiver's workers. The least set that is
//! closed under this is found by going through the tasks until nothing changes; whoever is not in it never goes on. So a wait that
//! is merely long is never taken for a deadlock: its end is on some core, in some timer, or with somebody live.
//!
//! What a wait is for is read off the state when somebody asks; nothing is kept for it while the system runs. Waits of kinds that
//! are not known here count as live, and so do messages that their caller may withdraw and tasks that give up after a while.

use super::program::index;
use super::world::{CLIENT, NONE, Next, PARENT, TASK, World};
use crate::machine::{State, ThreadId};
use crate::measure::Cause;
use crate::measure::record::{Party, Verdict};
use std::collections::BTreeMap;

/// Most cycles that are named.
const MAX_CYCLES: usize = 8;

/// What a task waits for.
#[derive(Clone, Copy, Debug)]
enum Wait {
    /// Nothing, or something that comes by itself.
    Nobody,
    /// A lock.
    Lock(u32),
    /// Its turn at a lock that readers hold, behind this writer.
    Turn { lock: u32, writer: u32 },
    /// A place in a pool.
    Place(u32),
    /// The answer to a message.
    Answer(u32),
    /// Answers to its call of several parts.
    Answers,
    /// Room in an actor's queue, for a message.
    Room { actor: u32, message: u32 },
    /// A worker of its actor that takes it from the queue.
    Service(u32),
    /// A worker of its actor to go on with.
    Worker(u32),
}

/// What is waited for, by who waits.
struct Asked {
    /// By whom it is for: the message of a call.
    answers: BTreeMap<u32, u32>,
    /// By sender: the message that waits for room.
    rooms: BTreeMap<u32, u32>,
    /// By task: the pool in which it waits for a place for as long as it takes.
    places: BTreeMap<u32, u32>,
    /// By task: the messages of its call.
    parts: BTreeMap<u32, Vec<u32>>,
}

/// The waits of all tasks at one instant.
struct Waits<'w, 'a> {
    world: &'w World<'a>,
    /// By task: the thread that it is on.
    threads: Vec<u32>,
    /// By task.
    of: Vec<Wait>,
    /// By task.
    live: Vec<bool>,
    asked: Asked,
}

impl World<'_> {
    /// Every deadlock there is now, as a verdict that names its cycle.
    pub(super) fn deadlocks(&self) -> Vec<Verdict> {
        let mut waits = Waits::of(self);
        waits.find_the_live();
        waits.cycles().iter().map(|cycle| Verdict::deadlock(waits.parties(cycle))).collect()
    }

    /// Whether somebody is in a deadlock.
    pub(super) fn is_deadlocked(&self) -> bool {
        let mut waits = Waits::of(self);
        waits.find_the_live();
        waits.live.contains(&false)
    }

    /// A thread's name, as records have it.
    pub(super) fn thread_name(&self, thread: u32) -> String {
        let station = self.actors[self.threads[thread as usize].actor as usize].station;
        format!("{}-{thread}", self.scenario.actors[station as usize].name)
    }

    /// A lock by its name in the scenario.
    fn lock_name(&self, lock: u32) -> String {
        let number = lock as usize;
        if let Some(spec) = self.scenario.locks.get(number) {
            return format!("lock `{}`", spec.name);
        }
        let caches = self.scenario.caches.iter().zip(&self.caches);
        if let Some((spec, _)) = caches.into_iter().find(|(_, cache)| cache.has_lock(lock)) {
            return format!("a part of cache `{}`", spec.name);
        }
        let mut stores = self.scenario.stores.iter().zip(&self.stores);
        let store = stores.find(|(_, store)| store.writers_lock() == lock);
        store.map_or_else(|| "a lock".into(), |(spec, _)| format!("store `{}`", spec.name))
    }
}

impl Asked {
    fn of(world: &World<'_>) -> Self {
        let tasks = || world.tasks.iter().enumerate().filter(|(_, task)| task.actor != NONE);
        let asked = tasks().filter(|(_, task)| ![NONE, CLIENT, PARENT].contains(&task.answer_to));
        let waiting = world.actors.iter().flat_map(|actor| &actor.overflow);
        let mut parts: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (number, _) in tasks().filter(|(_, task)| task.answer_to == PARENT) {
            if let Some(parent) = world.waits_without_bound_for(index(number)) {
                parts.entry(parent).or_default().push(index(number));
            }
        }
        let pools = world.more.pools.iter().enumerate();
        Self {
            answers: asked.map(|(number, task)| (task.answer_to, index(number))).collect(),
            rooms: waiting
                .filter(|(_, sender)| *sender != NONE)
                .map(|(message, sender)| (*sender, *message))
                .collect(),
            places: pools.flat_map(|(pool, of)| of.patient().map(move |task| (task, index(pool)))).collect(),
            parts,
        }
    }
}

impl<'w, 'a> Waits<'w, 'a> {
    fn of(world: &'w World<'a>) -> Self {
        let tasks = world.tasks.len();
        let mut waits = Self {
            world,
            threads: vec![NONE; tasks],
            of: vec![Wait::Nobody; tasks],
            live: Vec::new(),
            asked: Asked::of(world),
        };
        for (number, thread) in world.threads.iter().enumerate() {
            if thread.task != NONE {
                waits.threads[thread.task as usize] = index(number);
                let blocked = world.state_of(index(number)) == State::Blocked;
                let spins = !blocked && world.machine.is_spinning(ThreadId(index(number)));
                if spins || blocked {
                    let cause = if spins { Cause::Lock } else { thread.waits };
                    waits.of[thread.task as usize] = waits.held(thread.task, index(number), cause);
                }
            }
        }
        for (number, task) in world.tasks.iter().enumerate() {
            if task.actor != NONE && waits.threads[number] == NONE {
                waits.of[number] = waits.held(index(number), index(number) | TASK, task.waits);
            }
        }
        waits.note_queued();
        waits
    }

    /// What a task waits for that is off the processor, as `entity`.
    fn held(&self, task: u32, entity: u32, cause: Cause) -> Wait {
        let state = &self.world.tasks[task as usize];
        match cause {
            Cause::Lock if state.next == Next::Retry => self.at_lock(task, state.lock),
            Cause::Pool => self.asked.places.get(&task).map_or(Wait::Nobody, |pool| Wait::Place(*pool)),
            Cause::Call => match (self.asked.rooms.get(&entity), self.asked.answers.get(&entity)) {
                (Some(message), _) => {
                    Wait::Room { actor: self.world.station_of(*message), message: *message }
                }
                (None, Some(message)) => Wait::Answer(*message),
                (None, None) if self.asked.parts.contains_key(&task) => Wait::Answers,
                (None, None) => Wait::Nobody,
            },
            _ => Wait::Nobody,
        }
    }

    /// What a task waits for that wants a lock: the lock, or its turn behind the writer that is before it.
    fn at_lock(&self, task: u32, lock: u32) -> Wait {
        let state = &self.world.locks[lock as usize];
        let reads = |line: &&(u32, u32, bool)| line.0 == task && line.2;
        if state.owner == NONE && !state.readers.is_empty() && state.line.iter().any(|line| reads(&line)) {
            let writer = state.line.iter().find(|(_, _, share)| !share);
            return writer.map_or(Wait::Nobody, |(writer, ..)| Wait::Turn { lock, writer: *writer });
        }
        Wait::Lock(lock)
    }

    /// Notes the tasks in queues, and those that want a worker of their runtime.
    fn note_queued(&mut self) {
        for (number, actor) in self.world.actors.iter().enumerate() {
            let number = index(number);
            for task in actor.queue.iter().chain(actor.overflow.iter().map(|(task, _)| task)) {
                let of = self.world.tasks[*task as usize].actor;
                let gives_up = self.world.scenario.actors[of as usize].timeout.is_some();
                self.of[*task as usize] = if gives_up { Wait::Nobody } else { Wait::Service(number) };
            }
            for task in actor.ready.iter().chain(&actor.late) {
                self.of[*task as usize] = Wait::Worker(number);
            }
        }
    }

    /// Marks everybody live who can go on without those who are not.
    fn find_the_live(&mut self) {
        let world = self.world;
        let may_be_withdrawn = |task: &super::world::Task| task.answer_to == PARENT;
        let live = |(number, task): (usize, &super::world::Task)| {
            task.actor == NONE || may_be_withdrawn(task) && world.is_withdrawable(index(number))
        };
        self.live = world.tasks.iter().enumerate().map(live).collect();
        // Each turn but the last makes somebody live.
        loop {
            let serving = self.actors_that(|waits, task| waits.live[task as usize]);
            let mut changed = false;
            for task in 0..self.live.len() {
                if !self.live[task] && self.goes_on(index(task), &serving) {
                    self.live[task] = true;
                    changed = true;
                }
            }
            if !changed {
                return;
            }
        }
    }

    /// By actor: whether it has a worker that is live, and whether (asynchronous) a handler is.
    fn actors_that(&self, live: impl Fn(&Self, u32) -> bool) -> Vec<(bool, bool)> {
        let world = self.world;
        let mut serving: Vec<(bool, bool)> =
            world.actors.iter().map(|actor| (false, !actor.asynchronous || actor.handlers > 0)).collect();
        for thread in &world.threads[..world.workers] {
            serving[world.actors[thread.actor as usize].station as usize].0 |=
                thread.task == NONE || live(self, thread.task);
        }
        for (number, task) in world.tasks.iter().enumerate() {
            if task.actor != NONE && !matches!(self.of[number], Wait::Service(_)) {
                serving[world.actors[task.actor as usize].station as usize].1 |= live(self, index(number));
            }
        }
        serving
    }

    /// Whether somebody live, or nobody, holds what is waited for.
    fn goes_on(&self, task: u32, serving: &[(bool, bool)]) -> bool {
        match self.of[task as usize] {
            Wait::Nobody => true,
            Wait::Lock(lock) => self.owners(lock).all(|task| self.live[task as usize]),
            Wait::Turn { writer, .. } => self.live[writer as usize],
            Wait::Place(pool) => {
                let pool = &self.world.more.pools[pool as usize];
                pool.is_free() || pool.holders().any(|task| self.live[task as usize])
            }
            Wait::Answer(message) => self.live[message as usize],
            Wait::Answers => self.may_be_answered(task),
            Wait::Room { actor, .. } | Wait::Service(actor) => {
                let (worker, handler) = serving[actor as usize];
                worker && handler
            }
            Wait::Worker(actor) => serving[actor as usize].0,
        }
    }

    /// The tasks that hold a lock, or whose threads do; nobody where it is free or its thread is between two tasks.
    fn owners(&self, lock: u32) -> impl Iterator<Item = u32> {
        let lock = &self.world.locks[lock as usize];
        let owner = (lock.owner != NONE).then_some(lock.owner);
        let task = |owner: u32| {
            if owner & TASK == 0 { self.world.threads[owner as usize].task } else { owner & !TASK }
        };
        owner.into_iter().chain(lock.readers.keys().copied()).map(task).filter(|task| *task != NONE)
    }

    /// Whether a call of several parts may get as many answers as it needs.
    fn may_be_answered(&self, task: u32) -> bool {
        let Some((needed, unsent)) = self.world.outlook(task) else { return true };
        let messages = self.asked.parts.get(&task).into_iter().flatten();
        let may_come = messages.filter(|message| self.live[**message as usize]).count();
        may_come >= needed || may_come > 0 && may_come + unsent >= needed
    }

    /// Who holds what a task that is not live waits for: somebody who is not live either.
    fn holder(&self, task: u32) -> Option<u32> {
        match self.of[task as usize] {
            Wait::Nobody => None,
            Wait::Lock(lock) => self.owners(lock).find(|task| !self.live[*task as usize]),
            Wait::Turn { writer, .. } => Some(writer),
            Wait::Place(pool) => self.world.more.pools[pool as usize].holders().next(),
            Wait::Answer(message) => Some(message),
            Wait::Answers => {
                let mut messages = self.asked.parts.get(&task).into_iter().flatten().copied();
                messages.find(|message| !self.live[*message as usize])
            }
            Wait::Room { actor, .. } | Wait::Service(actor) | Wait::Worker(actor) => self.server(actor),
        }
    }

    /// The first task that a worker of `actor` is at, or else that is under way there.
    fn server(&self, actor: u32) -> Option<u32> {
        let world = self.world;
        let station = |actor: u32| world.actors[actor as usize].station;
        let workers = world.threads[..world.workers].iter().filter(|thread| station(thread.actor) == actor);
        let on_worker = workers.map(|thread| thread.task).find(|task| *task != NONE);
        on_worker.or_else(|| {
            let mut tasks = world.tasks.iter().zip(&self.of);
            let is_here = |task: &super::world::Task| task.actor != NONE && station(task.actor) == actor;
            tasks.position(|(task, wait)| is_here(task) && !matches!(wait, Wait::Service(_))).map(index)
        })
    }

    /// The cycles among those who are not live, each begun with its lowest task; at most [`MAX_CYCLES`].
    fn cycles(&self) -> Vec<Vec<u32>> {
        let mut seen_by = vec![NONE; self.live.len()];
        let mut cycles: Vec<Vec<u32>> = Vec::new();
        for first in (0..index(self.live.len())).filter(|task| !self.live[*task as usize]) {
            let mut at = first;
            while seen_by[at as usize] == NONE {
                seen_by[at as usize] = first;
                let Some(next) = self.holder(at) else { break };
                at = next;
            }
            if seen_by[at as usize] == first && self.holder(at).is_some() && cycles.len() < MAX_CYCLES {
                cycles.push(self.cycle_through(at));
            }
        }
        cycles
    }

    /// The cycle that a task is in.
    fn cycle_through(&self, task: u32) -> Vec<u32> {
        let mut cycle = vec![task];
        while let Some(next) = cycle.last().and_then(|last| self.holder(*last))
            && next != task
        {
            cycle.push(next);
        }
        let lowest = (0..cycle.len()).min_by_key(|place| self.threads[cycle[*place] as usize]).unwrap_or(0);
        cycle.rotate_left(lowest);
        cycle
    }

    /// A cycle as people read it. A message in a queue is no party: who asked for it, and who is to take it, are.
    fn parties(&self, cycle: &[u32]) -> Vec<Party> {
        let is_party = |task: &&u32| !matches!(self.of[**task as usize], Wait::Service(_));
        cycle.iter().filter(is_party).map(|task| self.party(*task)).collect()
    }

    fn party(&self, task: u32) -> Party {
        let world = self.world;
        let name = |actor: u32| world.scenario.actors[actor as usize].name.as_str();
        let (waits_for, since) = match self.of[task as usize] {
            Wait::Nobody => (String::new(), world.now),
            Wait::Lock(lock) => (world.lock_name(lock), world.tasks[task as usize].since),
            Wait::Turn { lock, .. } => {
                (format!("its turn at {}", world.lock_name(lock)), world.tasks[task as usize].since)
            }
            Wait::Place(pool) => {
                let name = &world.scenario.pools[pool as usize].name;
                (format!("a place in pool `{name}`"), world.more.extras[task as usize].since)
            }
            Wait::Answers => {
                let message = self.holder(task).map_or(task, |message| message);
                let message = &world.tasks[message as usize];
                (format!("an answer of `{}`", name(message.actor)), message.arrived)
            }
            Wait::Answer(message) => {
                let message = &world.tasks[message as usize];
                (format!("an answer of `{}`", name(message.actor)), message.arrived)
            }
            Wait::Room { actor, message } => {
                (format!("room in the queue of `{}`", name(actor)), world.tasks[message as usize].arrived)
            }
            Wait::Service(actor) | Wait::Worker(actor) => {
                (format!("a worker of `{}`", name(actor)), world.tasks[task as usize].mark)
            }
        };
        // Behind a message in a queue stands whoever is to take it.
        let mut holder = self.holder(task);
        while let Some(message) =
            holder.filter(|holder| matches!(self.of[*holder as usize], Wait::Service(_)))
        {
            holder = self.holder(message);
        }
        Party {
            who: self.name(task),
            waits_for,
            held_by: holder.map(|holder| self.name(holder)),
            since_ns: since.cast_signed() - world.window_start.cast_signed(),
        }
    }

    /// The worker that a task is on, or its actor.
    fn name(&self, task: u32) -> String {
        let thread = self.threads[task as usize];
        if thread == NONE {
            let actor = self.world.tasks[task as usize].actor;
            return self.world.scenario.actors[actor as usize].name.clone();
        }
        self.world.thread_name(thread)
    }
}
