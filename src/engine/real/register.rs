//! The register of waits: what each performer waits for, what it holds and whose call it answers, for the thread that
//! looks for deadlocks.
//!
//! A performer writes its own entry and nobody else's, but for one word: whoever answers a call says so in the caller's
//! entry. Every store is one relaxed or releasing store to a line that no other thread writes, and most happen only
//! where something is waited for.
//!
//! # What a look may conclude
//!
//! A lock enters `held` after it was taken and leaves it before it is given back, and `serves` is set before a task
//! begins; so do places of pools. `moves` grows at the begin and at the end of every wait, after what it begins with was written (Release) and
//! before it is read (Acquire). So an entry whose `moves` two looks find the same, and odd, was in the same wait for all of the
//! time between them, held the same locks and served the same task.

use super::asking::{Asking, Outlook};
use crate::model::{Op, Program};
use crate::scenario::ActorSpec;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What a performer waits for without a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaits {
    /// Nothing: it works, sleeps for a time, or waits for a task.
    Nothing,
    /// A lock, by index, for itself alone.
    Lock(usize),
    /// A lock that readers share, as one of them.
    Share(usize),
    /// A place in a pool, by index.
    Place(usize),
    /// Answers to a call of several parts, the first of which goes to this actor.
    Answers(usize),
    /// The answer of an actor, by index.
    Answer(usize),
    /// Room in the queue of an actor, by index.
    Room(usize),
}

impl Awaits {
    const fn word(self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Lock(lock) => (lock as u64) << 3 | 1,
            Self::Answer(actor) => (actor as u64) << 3 | 2,
            Self::Room(actor) => (actor as u64) << 3 | 3,
            Self::Share(lock) => (lock as u64) << 3 | 4,
            Self::Place(pool) => (pool as u64) << 3 | 5,
            Self::Answers(actor) => (actor as u64) << 3 | 6,
        }
    }

    fn of(word: u64) -> Self {
        let index = usize::try_from(word >> 3).unwrap_or(usize::MAX);
        match word & 7 {
            1 => Self::Lock(index),
            2 => Self::Answer(index),
            3 => Self::Room(index),
            4 => Self::Share(index),
            5 => Self::Place(index),
            6 => Self::Answers(index),
            _ => Self::Nothing,
        }
    }
}

/// Names a call: the caller's entry, and how many it had made. Never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket(pub(super) u64);

/// Calls of one caller before its tickets repeat.
const CALLS: u64 = 1 << 40;

impl Ticket {
    fn new(caller: usize, calls: u64) -> Self {
        Self((caller as u64 + 1) * CALLS + calls % CALLS)
    }

    fn caller(self) -> usize {
        usize::try_from(self.0 / CALLS).unwrap_or(usize::MAX).wrapping_sub(1)
    }
}

/// One performer's entry.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Entry {
    /// Waits begun and ended.
    moves: AtomicU64,
    awaits: AtomicU64,
    /// When the wait began.
    since: AtomicU64,
    /// The call that its task answers; 0: none.
    serves: AtomicU64,
    /// Its last call.
    asked: AtomicU64,
    /// The last of its calls that was answered; written by whoever answers.
    answered: AtomicU64,
    /// Locks that it holds, each plus one: first the one around work, then those over steps; [`SHARED`] as readers do.
    held: Box<[AtomicU32]>,
    /// Pools of which it holds a place, each plus one.
    places: Box<[AtomicU32]>,
    /// Its call of several parts, while it waits for answers without a bound.
    asking: Mutex<Option<Arc<Asking>>>,
}

/// Marks a lock that is held as readers hold it.
const SHARED: u32 = 1 << 31;

impl Entry {
    fn new(Depth { locks, places }: Depth) -> Self {
        Self {
            moves: AtomicU64::new(0),
            awaits: AtomicU64::new(0),
            since: AtomicU64::new(0),
            serves: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            held: (0..=locks).map(|_| AtomicU32::new(0)).collect(),
            places: (0..places).map(|_| AtomicU32::new(0)).collect(),
            asking: Mutex::new(None),
        }
    }

    /// A wait begins.
    #[inline]
    pub(super) fn begin(&self, awaits: Awaits, since: u64) {
        self.awaits.store(awaits.word(), Ordering::Relaxed);
        self.since.store(since, Ordering::Relaxed);
        // Nobody else writes it.
        self.moves.store(self.moves.load(Ordering::Relaxed) | 1, Ordering::Release);
    }

    /// It is over.
    #[inline]
    pub(super) fn end(&self) {
        self.moves.store((self.moves.load(Ordering::Relaxed) | 1) + 1, Ordering::Release);
        self.awaits.store(0, Ordering::Relaxed);
    }

    /// A lock was taken: at `place` 0 the one around work, from 1 on those over steps.
    #[inline]
    pub(super) fn hold(&self, place: usize, lock: usize, share: bool) {
        if let Some(held) = self.held.get(place) {
            let shared = if share { SHARED } else { 0 };
            held.store(u32::try_from(lock + 1).unwrap_or(0) | shared, Ordering::Relaxed);
        }
    }

    /// A place was taken in a pool, after `before` others.
    pub(super) fn take_place(&self, before: usize, pool: usize) {
        if let Some(place) = self.places.get(before) {
            place.store(u32::try_from(pool + 1).unwrap_or(0), Ordering::Relaxed);
        }
    }

    /// The place that was taken after `before` others is about to be given back.
    pub(super) fn leave_place(&self, before: usize) {
        if let Some(place) = self.places.get(before) {
            place.store(0, Ordering::Relaxed);
        }
    }

    /// Which call of several parts it waits for without a bound, if for any.
    pub(super) fn ask(&self, asking: Option<Arc<Asking>>) {
        *self.asking.lock().unwrap_or_else(PoisonError::into_inner) = asking;
    }

    fn outlook(&self) -> Option<Outlook> {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|asking| asking.outlook())
    }

    /// The lock at `place` is about to be given back.
    #[inline]
    pub(super) fn release(&self, place: usize) {
        if let Some(held) = self.held.get(place) {
            held.store(0, Ordering::Relaxed);
        }
    }

    /// A task begins that answers this call, or none.
    #[inline]
    pub(super) fn serve(&self, ticket: Option<Ticket>) {
        self.serves.store(ticket.map_or(0, |ticket| ticket.0), Ordering::Relaxed);
    }

    /// Its part of this call is about to be answered.
    pub(super) fn served(&self, ticket: Ticket) {
        if self.serves.load(Ordering::Relaxed) == ticket.0 {
            self.serves.store(0, Ordering::Relaxed);
        }
    }
}

/// Everybody's entries, and who is whose.
#[derive(Debug)]
pub(super) struct Register {
    pub(super) entries: Vec<Entry>,
    /// By actor, its performers.
    pub(super) performers: Vec<Range<usize>>,
    /// By actor, the workers that its performers share; empty where each has its own.
    pub(super) pools: Vec<Range<usize>>,
    /// By worker of the run, the entry (plus one) of the performer that blocks a shared worker.
    pub(super) occupied: Vec<AtomicU32>,
    /// By pool, its places.
    pub(super) sizes: Vec<usize>,
}

impl Register {
    /// A register of every actor's performers, with programs and numbers of those, and of pools of these sizes.
    pub(super) fn new<'run>(
        actors: impl Iterator<Item = (&'run ActorSpec, &'run Program, usize, bool)>,
        sizes: Vec<usize>,
    ) -> Self {
        let mut register = Self {
            entries: Vec::new(),
            performers: Vec::new(),
            pools: Vec::new(),
            occupied: Vec::new(),
            sizes,
        };
        let mut stations = Vec::new();
        // Whoever serves several actors may hold what any of them takes.
        let mut deepest = Depth::default();
        for (spec, program, performers, shared) in actors {
            stations.push(spec.at);
            let mut depth = Depth::of(program);
            if spec.at.is_some() {
                depth = depth.max(deepest);
                deepest = depth;
            }
            let first = register.entries.len();
            register.entries.extend((0..performers).map(|_| Entry::new(depth)));
            register.performers.push(first..first + performers);
            let worker = register.occupied.len();
            register.occupied.extend((0..spec.threads).map(|_| AtomicU32::new(0)));
            register.pools.push(if shared { worker..worker + spec.threads } else { worker..worker });
        }
        for (actor, station) in stations.into_iter().enumerate() {
            if let Some(station) = station.filter(|station| *station != actor) {
                register.performers[actor] = register.performers[station].clone();
                register.pools[actor] = register.pools[station].clone();
            }
        }
        register
    }

    /// The ticket of the next call of the performer with this entry, which has made `calls`; a call of several parts has one.
    #[inline]
    pub(super) fn call(&self, entry: usize, calls: u64) -> Ticket {
        let ticket = Ticket::new(entry, calls);
        self.entries[entry].asked.store(ticket.0, Ordering::Relaxed);
        ticket
    }

    /// The call is about to be answered.
    #[inline]
    pub(super) fn answer(&self, ticket: Ticket) {
        if let Some(caller) = self.entries.get(ticket.caller()) {
            caller.answered.store(ticket.0, Ordering::Release);
        }
    }

    /// The performer with this entry is about to block a worker that others share with it.
    pub(super) fn occupy(&self, worker: usize, entry: usize) {
        self.occupied[worker].store(u32::try_from(entry + 1).unwrap_or(0), Ordering::Relaxed);
    }

    /// It blocks the worker no longer.
    pub(super) fn vacate(&self, worker: usize) {
        self.occupied[worker].store(0, Ordering::Relaxed);
    }

    /// What everybody does now; `has_room` tells whether the queue of an actor has room.
    pub(super) fn look(&self, has_room: impl Fn(usize) -> bool) -> Look {
        let entries = self.entries.iter().map(|entry| {
            let moves = entry.moves.load(Ordering::Acquire);
            let awaits = if moves % 2 == 1 {
                Awaits::of(entry.awaits.load(Ordering::Relaxed))
            } else {
                Awaits::Nothing
            };
            let asked = entry.asked.load(Ordering::Relaxed);
            Seen {
                moves,
                awaits,
                since: entry.since.load(Ordering::Relaxed),
                serves: entry.serves.load(Ordering::Relaxed),
                asked,
                granted: match awaits {
                    Awaits::Answer(_) => entry.answered.load(Ordering::Acquire) == asked,
                    Awaits::Room(actor) => has_room(actor),
                    _ => false,
                },
                held: entry.held.iter().filter_map(held).collect(),
                places: entry.places.iter().filter_map(held).map(|(pool, _)| pool).collect(),
                outlook: matches!(awaits, Awaits::Answers(_)).then(|| entry.outlook()).flatten(),
            }
        });
        let occupied = self
            .occupied
            .iter()
            .map(|entry| usize::try_from(entry.load(Ordering::Relaxed)).unwrap_or(0).checked_sub(1));
        Look { entries: entries.collect(), occupied: occupied.collect() }
    }
}

/// What a word says is held, and whether as readers hold it.
fn held(word: &AtomicU32) -> Option<(usize, bool)> {
    let word = word.load(Ordering::Relaxed);
    let index = usize::try_from(word & !SHARED).ok()?.checked_sub(1)?;
    Some((index, word & SHARED != 0))
}

/// Most locks over steps, and most places, that a program holds at once.
#[derive(Clone, Copy, Debug, Default)]
struct Depth {
    locks: usize,
    places: usize,
}

impl Depth {
    fn of(program: &Program) -> Self {
        let (mut now, mut most) = (Self::default(), Self::default());
        for op in &program.ops {
            match op {
                Op::Lock { .. } => now.locks += 1,
                Op::Unlock { .. } => now.locks = now.locks.saturating_sub(1),
                Op::Acquire { .. } => now.places += 1,
                Op::Release { .. } => now.places = now.places.saturating_sub(1),
                _ => {}
            }
            most = most.max(now);
        }
        most
    }

    fn max(self, other: Self) -> Self {
        Self { locks: self.locks.max(other.locks), places: self.places.max(other.places) }
    }
}

/// What one performer did at the time of a look.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) moves: u64,
    pub(super) awaits: Awaits,
    pub(super) since: u64,
    pub(super) serves: u64,
    pub(super) asked: u64,
    /// What it waits for is there already: it only has not gone on yet.
    pub(super) granted: bool,
    /// Locks, and whether each is held as readers hold it.
    pub(super) held: Vec<(usize, bool)>,
    /// Pools of which it has a place, as often as it has one.
    pub(super) places: Vec<usize>,
    /// What is left of its call of several parts.
    pub(super) outlook: Option<Outlook>,
}

/// What everybody did at the time of a look.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) entries: Vec<Seen>,
    /// By worker of the run, the performer that blocks it although others share it.
    pub(super) occupied: Vec<Option<usize>>,
}
