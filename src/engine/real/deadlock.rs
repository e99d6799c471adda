//! Finds deadlocks in what the register of waits shows.
//!
//! A performer is *live* when it can go on by itself or by others that are live: it waits for nothing without a bound, or
//! what it waits for is there already, or somebody who can provide it is live. Who is not live at a look, and has not moved
//! since the look before, waits for ever, because everybody who could end its wait does so as well. A chain that ends at
//! somebody who works, sleeps for a time or waits for a task is therefore never called a deadlock, however slow it is.
//!
//! | waits for | provided by |
//! | --- | --- |
//! | a lock | all who hold it; nobody holds it: it is there |
//! | a lock, as a reader | the writer that holds it; readers hold it: all writers that wait before |
//! | a place in a pool | any who has one; one is free: it is there |
//! | an answer | whoever serves the call; nobody serves it yet: any performer of the actor called |
//! | answers to several parts | as many of those who serve them, or are to, as answers are needed |
//! | room in a queue | any performer of the actor whose queue it is |
//!
//! A performer that shares workers with others needs one of them besides: they are lost when performers that are
//! not live block them all.

use super::asking::Outlook;
use super::register::{Awaits, Look, Register, Seen};
use super::runtime::Runtime;
use crate::measure::record::{Party, Verdict};
use crate::units::Nanos;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// One wait of a deadlock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stuck {
    /// The performer that waits, by its entry.
    pub(super) who: usize,
    /// What it waits for; nothing but a worker when this is [`Awaits::Nothing`].
    pub(super) awaits: Awaits,
    /// The performer that could provide it.
    pub(super) held_by: usize,
    /// Since when.
    pub(super) since: u64,
}

/// Looks again and again.
#[derive(Debug, Default)]
pub(super) struct Detector {
    before: Option<Look>,
}

impl Detector {
    /// Takes another look; returns the cycles of waits that were there at the one before as well, each in order.
    pub(super) fn look(&mut self, register: &Register, now: Look) -> Vec<Vec<Stuck>> {
        let waits = now.entries.iter().any(|seen| seen.awaits != Awaits::Nothing && !seen.granted);
        let before = self.before.replace(now);
        match (&before, &self.before) {
            (Some(before), Some(now)) if waits => cycles(register, before, now),
            _ => Vec::new(),
        }
    }
}

/// Who could end the wait of a performer.
enum Providers {
    /// Nobody needs to.
    None,
    /// All of them must act.
    All(Vec<usize>),
    /// One of them is enough.
    Any(Range<usize>),
    /// One of these is enough.
    AnyOf(Vec<usize>),
    /// Answers to a call of several parts: who serves some, who could serve the rest, and what is left of it.
    Parts { servers: Vec<usize>, others: Vec<usize>, outlook: Outlook },
}

impl Providers {
    fn all(&self) -> Vec<usize> {
        match self {
            Self::None => Vec::new(),
            Self::All(all) | Self::AnyOf(all) => all.clone(),
            Self::Any(any) => any.clone().collect(),
            Self::Parts { servers, others, .. } => servers.iter().chain(others).copied().collect(),
        }
    }

    /// Whether the wait may end, by those who are live.
    fn may_act(&self, live: &[bool]) -> bool {
        match self {
            Self::None => true,
            Self::All(all) => all.iter().all(|each| live[*each]),
            Self::Any(any) => any.clone().any(|each| live[each]),
            Self::AnyOf(any) => any.iter().any(|each| live[*each]),
            Self::Parts { servers, others, outlook } => {
                let served = servers.iter().filter(|each| live[**each]).count();
                let rest = if others.iter().any(|each| live[*each]) { outlook.open } else { 0 };
                let may_come = served + rest.saturating_sub(servers.len());
                may_come >= outlook.needed || may_come > 0 && may_come + outlook.unsent >= outlook.needed
            }
        }
    }
}

/// By performer, who could end its wait.
fn providers(register: &Register, look: &Look) -> Vec<Providers> {
    let mut holders: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut readers: BTreeSet<usize> = BTreeSet::new();
    let mut writers: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut places: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut servers: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (who, seen) in look.entries.iter().enumerate() {
        for (lock, share) in &seen.held {
            holders.entry(*lock).or_default().push(who);
            readers.extend(share.then_some(*lock));
        }
        seen.places.iter().for_each(|pool| places.entry(*pool).or_default().push(who));
        if let Awaits::Lock(lock) = seen.awaits {
            writers.entry(lock).or_default().push(who);
        }
        if seen.serves != 0 {
            servers.entry(seen.serves).or_default().push(who);
        }
    }
    let all = |who: Option<&Vec<usize>>| who.map_or(Providers::None, |who| Providers::All(who.clone()));
    let of = |seen: &Seen| match seen.awaits {
        _ if seen.granted => Providers::None,
        Awaits::Nothing => Providers::None,
        Awaits::Lock(lock) => all(holders.get(&lock)),
        Awaits::Share(lock) if readers.contains(&lock) => all(writers.get(&lock)),
        Awaits::Share(lock) => all(holders.get(&lock)),
        Awaits::Place(pool) => match places.get(&pool) {
            Some(who) if who.len() >= register.sizes[pool] => Providers::AnyOf(who.clone()),
            _ => Providers::None,
        },
        Awaits::Answers(_) => match &seen.outlook {
            Some(outlook) if outlook.needed > 0 => {
                let servers = servers.get(&seen.asked).cloned().unwrap_or_default();
                let rest = if outlook.open > servers.len() { &outlook.to[..] } else { &[] };
                let others = rest.iter().flat_map(|actor| register.performers[*actor].clone()).collect();
                Providers::Parts { servers, others, outlook: outlook.clone() }
            }
            _ => Providers::None,
        },
        Awaits::Answer(actor) => match servers.get(&seen.asked) {
            Some(who) => Providers::All(who.clone()),
            None => Providers::Any(register.performers[actor].clone()),
        },
        Awaits::Room(actor) => Providers::Any(register.performers[actor].clone()),
    };
    look.entries.iter().map(of).collect()
}

/// Every cycle of performers that wait for each other for ever.
fn cycles(register: &Register, before: &Look, now: &Look) -> Vec<Vec<Stuck>> {
    let count = now.entries.len();
    let mut pool_of = vec![None; count];
    for (performers, pool) in register.performers.iter().zip(&register.pools) {
        if !pool.is_empty() {
            pool_of[performers.clone()].fill(Some(pool.clone()));
        }
    }
    let providers = providers(register, now);
    // Whoever has moved since the look before may be anywhere, so it counts as live.
    let mut live: Vec<bool> = (0..count)
        .map(|who| {
            now.entries[who].moves != before.entries[who].moves
                || pool_of[who].is_none() && matches!(providers[who], Providers::None)
        })
        .collect();
    let worker_for = |who: usize, live: &[bool]| match &pool_of[who] {
        None => true,
        Some(pool) => now.occupied[pool.clone()].iter().any(|by| by.is_none_or(|by| by == who || live[by])),
    };
    // Ends because every round but the last makes somebody live.
    loop {
        let mut changed = false;
        for who in 0..count {
            if !live[who] && providers[who].may_act(&live) && worker_for(who, &live) {
                live[who] = true;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    // From each that is stuck to one that it waits for.
    let next = |who: usize| -> Option<(Awaits, usize)> {
        if matches!(providers[who], Providers::None) {
            let pool = pool_of[who].clone()?;
            return now.occupied[pool]
                .iter()
                .flatten()
                .copied()
                .find(|by| !live[*by])
                .map(|by| (Awaits::Nothing, by));
        }
        let stuck: Vec<usize> = providers[who].all().into_iter().filter(|each| !live[*each]).collect();
        // One that waits for something says more than one that only has no worker.
        let waits = stuck.iter().find(|each| now.entries[**each].awaits != Awaits::Nothing);
        waits.or(stuck.first()).map(|by| (now.entries[who].awaits, *by))
    };
    let mut found = Vec::new();
    let mut visited = vec![false; count];
    for start in (0..count).filter(|who| !live[*who]) {
        let mut path: Vec<Stuck> = Vec::new();
        let mut who = start;
        // Ends because nobody is visited twice.
        while !visited[who] {
            visited[who] = true;
            let Some((awaits, held_by)) = next(who) else { break };
            path.push(Stuck { who, awaits, held_by, since: now.entries[who].since });
            who = held_by;
        }
        if let Some(first) = path.iter().position(|stuck| stuck.who == who) {
            found.push(path.split_off(first));
        }
    }
    found
}

/// The verdict on a cycle of waits.
pub(super) fn verdict(run: &Runtime, cycle: &[Stuck]) -> Verdict {
    let actor = |index: usize| format!("`{}`", run.actors[index].spec.name);
    let parties = cycle.iter().map(|stuck| Party {
        who: run.performer_name(stuck.who),
        waits_for: match stuck.awaits {
            Awaits::Lock(lock) => format!("lock `{}`", run.locks[lock].name),
            Awaits::Share(lock) if !reads_behind_a_writer(cycle, stuck.held_by, lock) => {
                format!("lock `{}`", run.locks[lock].name)
            }
            Awaits::Share(lock) => format!("its turn at lock `{}`", run.locks[lock].name),
            Awaits::Place(pool) => format!("a place in pool `{}`", run.pools[pool].name),
            Awaits::Answer(to) | Awaits::Answers(to) => format!("an answer of {}", actor(to)),
            Awaits::Room(to) => format!("room in the queue of {}", actor(to)),
            Awaits::Nothing => format!("a worker of {}", actor(run.actor_of(stuck.who))),
        },
        held_by: Some(run.performer_name(stuck.held_by)),
        since_ns: Nanos(stuck.since).0.cast_signed() - run.window_start().0.cast_signed(),
    });
    Verdict::deadlock(parties.collect())
}

/// Whether this performer of a cycle waits for the lock as a writer, so that readers who come wait behind it.
fn reads_behind_a_writer(cycle: &[Stuck], writer: usize, lock: usize) -> bool {
    cycle.iter().any(|stuck| stuck.who == writer && stuck.awaits == Awaits::Lock(lock))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two actors of two threads each, and one of four handlers on two workers.
    fn register() -> Register {
        Register {
            entries: Vec::new(),
            performers: vec![0..2, 2..4, 4..8],
            pools: vec![0..0, 2..2, 4..6],
            occupied: Vec::new(),
            sizes: vec![2],
        }
    }

    fn nobody_waits() -> Look {
        let seen = Seen {
            moves: 7,
            awaits: Awaits::Nothing,
            since: 3,
            serves: 0,
            asked: 0,
            granted: false,
            held: Vec::new(),
            places: Vec::new(),
            outlook: None,
        };
        Look { entries: vec![seen; 8], occupied: vec![None; 6] }
    }

    fn waits(look: &mut Look, who: usize, awaits: Awaits, holds: &[usize]) {
        look.entries[who].awaits = awaits;
        look.entries[who].held = holds.iter().map(|lock| (*lock, false)).collect();
    }

    /// The performers of each cycle that two looks find.
    fn found(before: &Look, now: &Look) -> Vec<Vec<usize>> {
        let mut detector = Detector::default();
        assert!(detector.look(&register(), before.clone()).is_empty(), "one look proves nothing");
        let cycles = detector.look(&register(), now.clone());
        cycles.iter().map(|cycle| cycle.iter().map(|stuck| stuck.who).collect()).collect()
    }

    /// Thread 0 holds lock 0 and wants lock 1, thread 2 the other way round.
    fn crossed() -> Look {
        let mut look = nobody_waits();
        waits(&mut look, 0, Awaits::Lock(1), &[0]);
        waits(&mut look, 2, Awaits::Lock(0), &[1]);
        look
    }

    #[test]
    fn two_locks_in_both_orders() {
        assert_eq!(found(&crossed(), &crossed()), [[0, 2]]);
    }

    #[test]
    fn who_moved_between_the_looks_is_not_stuck() {
        let mut now = crossed();
        now.entries[2].moves += 2;
        assert!(found(&crossed(), &now).is_empty());
    }

    #[test]
    fn a_lock_that_nobody_holds_and_a_wait_that_is_granted_are_no_reason() {
        let mut free = crossed();
        free.entries[2].held.clear();
        assert!(found(&free, &free).is_empty());
        let mut granted = crossed();
        granted.entries[0].granted = true;
        assert!(found(&granted, &granted).is_empty());
    }

    #[test]
    fn one_free_performer_is_enough_for_room_and_for_a_call_that_nobody_serves() {
        for awaits in [Awaits::Room(1), Awaits::Answer(1)] {
            let mut look = nobody_waits();
            look.entries[0].asked = 9;
            waits(&mut look, 0, awaits, &[0]);
            waits(&mut look, 2, Awaits::Lock(0), &[]);
            assert!(found(&look, &look).is_empty(), "thread 3 is free");
            waits(&mut look, 3, Awaits::Lock(0), &[]);
            assert_eq!(found(&look, &look), [[0, 2]], "one that hangs on the cycle is not in it");
        }
    }

    #[test]
    fn a_call_is_up_to_whoever_serves_it() {
        let mut look = nobody_waits();
        look.entries[0].asked = 9;
        look.entries[2].serves = 9;
        waits(&mut look, 0, Awaits::Answer(1), &[0]);
        waits(&mut look, 2, Awaits::Lock(0), &[]);
        assert_eq!(found(&look, &look), [[0, 2]], "although thread 3 is free");
        look.entries[2].serves = 8;
        assert!(found(&look, &look).is_empty(), "it serves another call");
    }

    /// A lock that several hold is free when all have given it back.
    #[test]
    fn every_holder_counts() {
        let mut look = crossed();
        waits(&mut look, 3, Awaits::Nothing, &[1]);
        assert_eq!(found(&look, &look), [[0, 2]]);
        look.entries[2].awaits = Awaits::Nothing;
        assert!(found(&look, &look).is_empty());
    }

    /// Lock 0 is read by thread 0, which wants lock 1; its writer, thread 1, waits; thread 2 holds lock 1 and reads after the writer.
    #[test]
    fn a_reader_waits_for_the_writer_before_it() {
        let mut look = crossed();
        look.entries[0].held = vec![(0, true)];
        look.entries[2].awaits = Awaits::Share(0);
        assert!(found(&look, &look).is_empty(), "no writer waits, so it may go in");
        waits(&mut look, 1, Awaits::Lock(0), &[]);
        assert_eq!(found(&look, &look), [[0, 2, 1]]);
    }

    #[test]
    fn a_place_is_up_to_all_who_have_one() {
        let mut look = nobody_waits();
        for who in [0, 1] {
            look.entries[who].places = vec![0];
            waits(&mut look, who, Awaits::Answer(1), &[]);
            look.entries[who].asked = 9 + who as u64;
            look.entries[2 + who].serves = 9 + who as u64;
            look.entries[2 + who].awaits = Awaits::Place(0);
        }
        assert_eq!(found(&look, &look), [[0, 2]]);
        look.entries[3].awaits = Awaits::Nothing;
        assert!(found(&look, &look).is_empty(), "the other place comes back");
        look.entries[3].awaits = Awaits::Place(0);
        look.entries[1].places.clear();
        assert!(found(&look, &look).is_empty(), "a place is free");
    }

    #[test]
    fn a_call_of_parts_is_stuck_when_too_few_answers_can_come() {
        let mut look = nobody_waits();
        let outlook = |needed, unsent| Some(Outlook { needed, open: 2, to: vec![1, 2], unsent });
        look.entries[0].asked = 9;
        look.entries[0].outlook = outlook(2, 0);
        waits(&mut look, 0, Awaits::Answers(1), &[0]);
        look.entries[2].serves = 9;
        waits(&mut look, 2, Awaits::Lock(0), &[]);
        look.entries[4].serves = 9;
        assert_eq!(found(&look, &look), [[0, 2]], "both are needed, and one never comes");
        look.entries[0].outlook = outlook(1, 0);
        assert!(found(&look, &look).is_empty(), "one is enough");
        look.entries[4].serves = 0;
        assert!(found(&look, &look).is_empty(), "the other has not been begun");
    }

    #[test]
    fn handlers_whose_workers_are_all_blocked_are_stuck() {
        let mut look = nobody_waits();
        // Handlers 4 and 5 block both workers for lock 0, whose holder, handler 6, sleeps for a time.
        waits(&mut look, 6, Awaits::Nothing, &[0]);
        waits(&mut look, 4, Awaits::Lock(0), &[]);
        waits(&mut look, 5, Awaits::Lock(0), &[]);
        look.occupied[4] = Some(4);
        assert!(found(&look, &look).is_empty(), "there is another worker");
        look.occupied[5] = Some(5);
        assert_eq!(found(&look, &look), [[4, 6]]);
    }
}
