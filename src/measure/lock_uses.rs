//! Which steps hold a lock and wait for it, and for how long.

use crate::units::Nanos;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Entries of each list in a record.
const LISTED: usize = 16;

/// How long one step held a lock, or waited for it, over all its tasks in the window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LockUse {
    /// The actor.
    pub actor: String,
    /// Its step.
    pub step: String,
    /// Times.
    pub count: u64,
    /// Sum.
    pub total_ns: u64,
}

/// Sums by step. What holds a lock over several steps counts for the one that gives it back.
#[derive(Clone, Debug, Default)]
pub struct LockUses(
    /// By rising key: few steps use one lock, and a scenario may have a million locks.
    Vec<(u64, Sums)>,
);

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    holds: u64,
    held: u64,
    waits: u64,
    waited: u64,
}

impl LockUses {
    /// Notes that the step of this key held the lock for `time`.
    #[inline]
    pub fn held(&mut self, key: u64, time: Nanos) {
        let sums = self.of(key);
        sums.holds += 1;
        sums.held += time.0;
    }

    /// Notes that the step of this key waited for the lock for `time`.
    #[inline]
    pub fn waited(&mut self, key: u64, time: Nanos) {
        let sums = self.of(key);
        sums.waits += 1;
        sums.waited += time.0;
    }

    fn of(&mut self, key: u64) -> &mut Sums {
        let place = match self.0.binary_search_by_key(&key, |entry| entry.0) {
            Ok(place) => place,
            Err(place) => {
                self.0.insert(place, (key, Sums::default()));
                place
            }
        };
        &mut self.0[place].1
    }

    /// Adds what `other` noted.
    pub fn merge(&mut self, other: &Self) {
        self.merge_as(other, |key| key);
    }

    /// Adds what `other` noted, under other keys.
    pub fn merge_as(&mut self, other: &Self, key: impl Fn(u64) -> u64) {
        for (theirs_key, theirs) in &other.0 {
            let mine = self.of(key(*theirs_key));
            mine.holds += theirs.holds;
            mine.held += theirs.held;
            mine.waits += theirs.waits;
            mine.waited += theirs.waited;
        }
    }

    /// Holders and waiters as a record lists them; `name` gives a key's actor and step.
    #[must_use]
    pub fn records(&self, name: impl Fn(u64) -> (String, String)) -> [Vec<LockUse>; 2] {
        let list = |of: fn(&Sums) -> (u64, u64)| {
            let mut all: Vec<(u64, u64, u64)> = self
                .0
                .iter()
                .map(|(key, sums)| (*key, of(sums).0, of(sums).1))
                .filter(|(_, _, total)| *total > 0)
                .collect();
            all.sort_by_key(|(key, _, total)| (u64::MAX - total, *key));
            all.truncate(LISTED);
            let named = all.into_iter().map(|(key, count, total_ns)| {
                let (actor, step) = name(key);
                LockUse { actor, step, count, total_ns }
            });
            named.collect()
        };
        [list(|sums| (sums.holds, sums.held)), list(|sums| (sums.waits, sums.waited))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_are_summed_by_step_and_listed_by_time() {
        let (mut one, mut other) = (LockUses::default(), LockUses::default());
        one.held(7, Nanos(10));
        one.waited(3, Nanos(4));
        other.held(2, Nanos(25));
        other.held(7, Nanos(10));
        one.merge(&other);
        let [holders, waiters] = one.records(|key| ("a".into(), key.to_string()));
        let shown = |uses: &[LockUse]| -> Vec<(String, u64, u64)> {
            uses.iter().map(|one| (one.step.clone(), one.count, one.total_ns)).collect()
        };
        assert_eq!(shown(&holders), [("2".into(), 1, 25), ("7".into(), 2, 20)]);
        assert_eq!(shown(&waiters), [("3".into(), 1, 4)]);
    }
}
