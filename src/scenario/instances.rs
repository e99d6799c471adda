//! Instances of an actor: as many alike beside each other, each with a queue, workers and locks of its own.
//!
//! A scenario says how many there are; engines run one that is laid out, in which each instance is an actor.

use super::{ActorSpec, Load, Scenario};
use std::collections::BTreeSet;

/// What a laid-out scenario has beyond the written one. Of a scenario without instances it is empty.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// By actor, lock and pool of the laid-out scenario: which one of the written it is a copy of.
    actors: Vec<usize>,
    locks: Vec<usize>,
    pools: Vec<usize>,
    /// By actor of the written scenario: its instances, itself the first; none where it has one.
    members: Vec<Vec<usize>>,
}

fn first_of(copies: &[usize], index: usize) -> usize {
    copies.get(index).copied().unwrap_or(index)
}

impl Layout {
    /// Whether nothing is laid out.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        self.actors.is_empty()
    }

    /// The actor of the written scenario that `actor` is an instance of.
    #[inline]
    #[must_use]
    pub fn home(&self, actor: usize) -> usize {
        first_of(&self.actors, actor)
    }

    /// The lock of the written scenario that `lock` is a copy of.
    #[must_use]
    pub fn lock(&self, lock: usize) -> usize {
        first_of(&self.locks, lock)
    }

    /// The pool of the written scenario that `pool` is a copy of.
    #[must_use]
    pub fn pool(&self, pool: usize) -> usize {
        first_of(&self.pools, pool)
    }

    /// The instances that messages to `actor` are shared out to; none where it has one.
    #[inline]
    #[must_use]
    pub fn members(&self, actor: usize) -> &[usize] {
        self.members.get(actor).map_or(&[], Vec::as_slice)
    }
}

impl ActorSpec {
    /// The locks that its steps take, and the pools.
    fn uses(&self) -> (BTreeSet<usize>, BTreeSet<usize>) {
        let locks = |step: &super::StepSpec| [step.lock, step.opens, step.under];
        (
            self.steps.iter().flat_map(locks).flatten().collect(),
            self.steps.iter().filter_map(|step| step.pool).collect(),
        )
    }

    /// Puts other locks, pools and a blocking pool in the place of its own: pairs of old and new indices.
    fn give(&mut self, locks: &[(usize, usize)], pools: &[(usize, usize)], blocking: Option<(usize, usize)>) {
        fn put(index: &mut usize, pairs: &[(usize, usize)]) {
            if let Some((_, new)) = pairs.iter().find(|(old, _)| old == index) {
                *index = *new;
            }
        }
        let blocking: Vec<(usize, usize)> = blocking.into_iter().collect();
        for step in &mut self.steps {
            let held = [&mut step.lock, &mut step.opens, &mut step.under].into_iter().flatten();
            held.chain(&mut step.closes).for_each(|lock| put(lock, locks));
            step.pool.iter_mut().for_each(|pool| put(pool, pools));
            step.call.iter_mut().for_each(|to| put(to, &blocking));
            let parts = step.calls.iter_mut().flat_map(|calls| &mut calls.parts);
            parts.for_each(|part| put(&mut part.actor, &blocking));
        }
    }
}

impl Scenario {
    /// Worker threads of all actors, of each instance of one.
    #[must_use]
    pub fn threads(&self) -> usize {
        (0..self.actors.len()).map(|actor| self.actors[actor].threads * self.copies(actor)).sum()
    }

    /// How many instances an actor has; a blocking pool as many as its owner.
    #[must_use]
    pub fn copies(&self, actor: usize) -> usize {
        let spec = &self.actors[actor];
        spec.pool_of.map_or(spec.instances, |owner| self.actors[owner].instances).max(1)
    }

    /// Whether each instance has a lock of its own in the place of this one: what it says, or else whether one actor alone
    /// uses it.
    fn is_private(&self, lock: usize, owner: usize) -> bool {
        self.locks[lock].private.unwrap_or_else(|| self.used_by_it_alone(owner, |spec| spec.uses().0, lock))
    }

    fn used_by_it_alone(
        &self,
        owner: usize,
        uses: impl Fn(&ActorSpec) -> BTreeSet<usize>,
        index: usize,
    ) -> bool {
        let others = self.actors.iter().enumerate();
        let mut others = others.filter(|(other, spec)| *other != owner && spec.pool_of != Some(owner));
        !others.any(|(_, spec)| uses(spec).contains(&index))
    }

    /// The scenario with an actor for each instance, behind those that are written; `None` where none has more than one.
    #[must_use]
    pub fn laid_out(&self) -> Option<(Self, Layout)> {
        if self.actors.iter().all(|actor| actor.instances <= 1) {
            return None;
        }
        let mut laid = self.clone();
        let mut layout = Layout {
            actors: (0..self.actors.len()).collect(),
            locks: (0..self.locks.len()).collect(),
            pools: (0..self.pools.len()).collect(),
            members: vec![Vec::new(); self.actors.len()],
        };
        for (owner, spec) in self.actors.iter().enumerate().filter(|(_, spec)| spec.instances > 1) {
            layout.members[owner].push(owner);
            let blocking = self.actors.iter().position(|pool| pool.pool_of == Some(owner));
            let (mut locks, mut pools) = spec.uses();
            if let Some(blocking) = blocking {
                let (more_locks, more_pools) = self.actors[blocking].uses();
                locks.extend(more_locks);
                pools.extend(more_pools);
            }
            locks.retain(|lock| self.is_private(*lock, owner));
            pools.retain(|pool| self.used_by_it_alone(owner, |spec| spec.uses().1, *pool));
            for _ in 1..spec.instances {
                let mut new_locks = Vec::new();
                for &lock in &locks {
                    new_locks.push((lock, laid.locks.len()));
                    laid.locks.push(self.locks[lock].clone());
                    layout.locks.push(lock);
                }
                let mut new_pools = Vec::new();
                for &pool in &pools {
                    new_pools.push((pool, laid.pools.len()));
                    laid.pools.push(self.pools[pool].clone());
                    layout.pools.push(pool);
                }
                let index = laid.actors.len();
                layout.members[owner].push(index);
                let copies =
                    [(owner, spec)].into_iter().chain(blocking.map(|pool| (pool, &self.actors[pool])));
                for (first, spec) in copies {
                    let mut copy = ActorSpec { load: Load::None, ..spec.clone() };
                    copy.give(&new_locks, &new_pools, blocking.map(|pool| (pool, index + 1)));
                    laid.actors.push(copy);
                    layout.actors.push(first);
                }
            }
        }
        Some((laid, layout))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_instance_has_locks_pools_and_a_blocking_pool_of_its_own() {
        let text = "schema = 1\nname = \"n\"\n[lock.own]\n[lock.file]\nprivate = false\n[lock.both]\n[pool.mine]\nsize = 2\n\
                    [actor.web]\nfocus = true\ninstances = 3\nthreads = 2\noffload = { threads = 4 }\nload = { clients = 4 }\n\
                    steps = [{ name = \"a\", lock = \"own\", compute = \"1us\" }, { name = \"b\", lock = \"file\", io = \"1us\" },\n\
                    { name = \"c\", offload = true, pool = \"mine\", compute = \"1us\" },\n\
                    { name = \"d\", lock = \"both\", compute = \"1us\" }]\n\
                    [actor.other]\nsteps = [{ name = \"a\", lock = \"both\", compute = \"1us\" }]\n";
        let scenario = Scenario::parse(text, "n").unwrap();
        assert_eq!(scenario.threads(), 3 * (2 + 4) + 1);
        let (laid, layout) = scenario.laid_out().unwrap();
        // web, other, web.offload; then two more of web and its pool by turns.
        assert_eq!(layout.actors, [0, 1, 2, 0, 2, 0, 2]);
        assert_eq!(layout.members(0), [0, 3, 5]);
        assert!(layout.members(2).is_empty());
        assert_eq!((layout.locks, layout.pools), (vec![0, 1, 2, 0, 0], vec![0, 0, 0]));
        let last = &laid.actors[5];
        assert_eq!([last.steps[0].lock, last.steps[1].lock, last.steps[3].lock], [Some(4), Some(1), Some(2)]);
        assert_eq!((last.steps[2].call, laid.actors[6].steps[0].pool), (Some(6), Some(2)));
        assert_eq!((&laid.actors[0], &last.load), (&scenario.actors[0], &Load::None));
    }
}
