//! Those who wait for a core, by deadline: as Linux keeps them, so that choosing among very many takes logarithmic time.
//!
//! # Layout
//!
//! A *treap*: a search tree by key, in which each node's priority, a hash of its order number, is above its children's. So its
//! shape is that of a tree built in random order, and a function of what it holds alone. Nodes are lines of one vector
//! that name each other by index; a line that becomes free is used again. A few threads, the usual case, are a sorted list instead.
//!
//! # Invariants
//!
//! - T1: in order, the nodes' keys (deadline, order) rise; no two are equal.
//! - T2: each node's `least` is the least of what its whole subtree has, component by component.
//! - T3: without a root, the lines are the list: in order, all in use, at most `FEW`.
//!
//! T2 finds the first of all that meet a condition on one component, if whatever is less meets it as well: it is in the left subtree
//! if the least there meets it.

use crate::random::mix;

/// No node.
const NONE: u32 = u32::MAX;

/// How many are a list: up to twice as many, a list would be faster in the mean, and slower where many are not eligible.
const FEW: usize = 32;

/// What is asked of those who wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Traits {
    /// Virtual runtime.
    pub(super) runtime: i64,
    /// When it was last on a processor; if it is asleep, never.
    pub(super) left: u64,
}

impl Traits {
    /// More than anybody's.
    const NOBODY: Self = Self { runtime: i64::MAX, left: u64::MAX };

    fn least(self, other: Self) -> Self {
        Self { runtime: self.runtime.min(other.runtime), left: self.left.min(other.left) }
    }
}

/// Where a thread stands: by deadline, then in order of coming, which no two share.
pub(super) type Key = (i64, u64);

/// A thread that waits: 64 bytes, a cache line.
#[derive(Clone, Copy, Debug)]
struct Node {
    key: Key,
    own: Traits,
    least: Traits,
    thread: u32,
    priority: u32,
    /// Those before it, those after it.
    children: [u32; 2],
}

/// Threads by deadline.
#[derive(Clone, Debug)]
pub(super) struct DeadlineTree {
    nodes: Vec<Node>,
    root: u32,
    /// The first line that is free; its first child is the next.
    free: u32,
    len: u32,
}

impl Default for DeadlineTree {
    fn default() -> Self {
        Self { nodes: Vec::new(), root: NONE, free: NONE, len: 0 }
    }
}

impl DeadlineTree {
    /// Whether nobody waits.
    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many wait.
    #[cfg(test)]
    pub(super) const fn len(&self) -> u32 {
        self.len
    }

    /// A thread begins to wait.
    #[inline]
    pub(super) fn insert(&mut self, key: Key, thread: u32, own: Traits) {
        let node = Node { key, own, least: own, thread, priority: 0, children: [NONE; 2] };
        self.len += 1;
        if self.root == NONE && self.nodes.len() < FEW {
            let place = self.nodes.iter().rposition(|other| other.key < key).map_or(0, |before| before + 1);
            self.nodes.insert(place, node);
            return;
        }
        if self.root == NONE {
            for listed in std::mem::take(&mut self.nodes) {
                self.plant(listed);
            }
        }
        self.plant(node);
    }

    fn plant(&mut self, node: Node) {
        let new = self.allocate(Node { priority: priority(node.key), ..node });
        self.root = self.put(self.root, new);
    }

    /// A thread waits no longer; false if it did not.
    #[inline]
    pub(super) fn remove(&mut self, key: Key) -> bool {
        if self.root == NONE {
            let Some(place) = self.nodes.iter().position(|node| node.key == key) else { return false };
            self.nodes.remove(place);
            self.len -= 1;
            return true;
        }
        let len = self.len;
        self.root = self.take(self.root, key);
        if self.root == NONE {
            self.nodes.clear();
            self.free = NONE;
        }
        self.len < len
    }

    /// The first whose traits are `wanted`, with its deadline. Whoever has one that is `wanted` must be so with any less.
    #[inline]
    pub(super) fn first(&self, wanted: impl Fn(Traits) -> bool) -> Option<(i64, u32)> {
        if self.root == NONE {
            return self.nodes.iter().find(|node| wanted(node.own)).map(|node| (node.key.0, node.thread));
        }
        let mut at = self.root;
        while at != NONE {
            let node = &self.nodes[at as usize];
            let [before, after] = node.children;
            if before != NONE && wanted(self.nodes[before as usize].least) {
                at = before;
            } else if wanted(node.own) {
                return Some((node.key.0, node.thread));
            } else {
                at = after;
            }
        }
        None
    }

    #[expect(clippy::cast_possible_truncation, reason = "threads have numbers of 32 bits")]
    fn allocate(&mut self, node: Node) -> u32 {
        let at = self.free;
        if at == NONE {
            self.nodes.push(node);
            return self.nodes.len() as u32 - 1;
        }
        self.free = self.nodes[at as usize].children[0];
        self.nodes[at as usize] = node;
        at
    }

    /// Restores T2 at `at`, whose children have it.
    fn renew(&mut self, at: u32) {
        let node = &self.nodes[at as usize];
        let of = |child: u32| if child == NONE { Traits::NOBODY } else { self.nodes[child as usize].least };
        let least = node.own.least(of(node.children[0])).least(of(node.children[1]));
        self.nodes[at as usize].least = least;
    }

    fn set_child(&mut self, at: u32, side: usize, child: u32) {
        self.nodes[at as usize].children[side] = child;
        self.renew(at);
    }

    /// Puts `new` into the subtree under `at`; its root then.
    fn put(&mut self, at: u32, new: u32) -> u32 {
        if at == NONE {
            return new;
        }
        let (node, coming) = (&self.nodes[at as usize], &self.nodes[new as usize]);
        if coming.priority > node.priority {
            let children = self.split(at, coming.key);
            self.nodes[new as usize].children = children;
            self.renew(new);
            return new;
        }
        let side = usize::from(node.key < coming.key);
        let own = coming.own;
        let child = self.put(node.children[side], new);
        let node = &mut self.nodes[at as usize];
        node.children[side] = child;
        node.least = node.least.least(own);
        at
    }

    /// Splits the subtree under `at` into those before `key` and those after it.
    fn split(&mut self, at: u32, key: Key) -> [u32; 2] {
        if at == NONE {
            return [NONE; 2];
        }
        let node = &self.nodes[at as usize];
        let side = usize::from(node.key < key);
        let mut parts = self.split(node.children[side], key);
        self.set_child(at, side, parts[1 - side]);
        parts[1 - side] = at;
        parts
    }

    /// Takes the node with `key` out of the subtree under `at`; its root then.
    fn take(&mut self, at: u32, key: Key) -> u32 {
        if at == NONE {
            return NONE;
        }
        let node = &mut self.nodes[at as usize];
        let children = node.children;
        if node.key == key {
            node.children[0] = std::mem::replace(&mut self.free, at);
            self.len -= 1;
            return self.join(children);
        }
        let side = usize::from(node.key < key);
        let child = self.take(children[side], key);
        self.set_child(at, side, child);
        at
    }

    /// Makes one tree of two, all of the first before all of the second; its root.
    fn join(&mut self, [first, second]: [u32; 2]) -> u32 {
        if first == NONE || second == NONE {
            return if first == NONE { second } else { first };
        }
        let (before, after) = (&self.nodes[first as usize], &self.nodes[second as usize]);
        if before.priority > after.priority {
            let child = self.join([before.children[1], second]);
            self.set_child(first, 1, child);
            first
        } else {
            let child = self.join([first, after.children[0]]);
            self.set_child(second, 0, child);
            second
        }
    }
}

/// Of a node: from its order alone, evenly over all numbers.
#[expect(clippy::cast_possible_truncation, reason = "half of the hash is enough")]
const fn priority(key: Key) -> u32 {
    mix(key.1) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::random::{Source, Stream};

    /// A way to remove.
    type Remove = fn(&mut DeadlineTree, Key) -> bool;

    /// Random operations on a tree that grows to about `most` and shrinks to nothing again and again, and on a map that is
    /// walked; what differed first.
    #[expect(clippy::cast_possible_truncation, reason = "numbers below three thousand")]
    fn differs(seed: u64, most: u64, remove: Remove) -> Option<String> {
        let mut stream = Stream::new(seed, Source::Data, 0, 0);
        let (mut tree, mut map) = (DeadlineTree::default(), BTreeMap::new());
        for step in 0..3_000 {
            let wanted = if step / 500 % 2 == 0 { most } else { 1 };
            if stream.below(wanted) >= map.len() as u64 {
                let key = (stream.below(50) as i64 - 25, step);
                let own = Traits { runtime: stream.below(1_000) as i64 - 500, left: stream.below(1_000) };
                tree.insert(key, step as u32, own);
                map.insert(key, (step as u32, own));
            } else {
                let nth = stream.below(map.len() as u64) as usize;
                let key = *map.keys().nth(nth).unwrap();
                map.remove(&key);
                if !remove(&mut tree, key) {
                    return Some(format!("seed {seed}, step {step}: {key:?} was not there"));
                }
            }
            let bound = stream.below(1_000);
            let by: [&dyn Fn(Traits) -> bool; 2] =
                [&|traits| traits.runtime <= bound as i64 - 500, &|traits| traits.left <= bound / 8];
            for wanted in by {
                let walked =
                    map.iter().find(|(_, (_, own))| wanted(*own)).map(|(key, (thread, _))| (key.0, *thread));
                if tree.first(wanted) != walked {
                    return Some(format!(
                        "seed {seed}, step {step}: {:?}, not {walked:?}",
                        tree.first(wanted)
                    ));
                }
            }
            if tree.len() as usize != map.len() || tree.is_empty() != map.is_empty() {
                return Some(format!("seed {seed}, step {step}: {} wait, not {}", tree.len(), map.len()));
            }
        }
        // Not among the steps: even a removal of nobody restores minima.
        assert!(!remove(&mut tree, (0, u64::MAX)), "seed {seed}: nobody was removed");
        assert!(tree.nodes.len() as u64 <= most + 1, "seed {seed}: free lines are not used again");
        None
    }

    /// Wrong: forgets T2 on the way up.
    fn remove_and_keep_minima(tree: &mut DeadlineTree, key: Key) -> bool {
        let minima: Vec<_> = tree.nodes.iter().map(|node| node.least).collect();
        let was_there = tree.remove(key);
        tree.nodes.iter_mut().zip(minima).for_each(|(node, least)| node.least = least);
        was_there
    }

    #[test]
    fn a_tree_finds_whom_a_walk_by_deadline_finds() {
        for seed in 0..20 {
            for most in [2, 8, 100, 2_000] {
                assert_eq!(differs(seed, most, DeadlineTree::remove), None);
            }
        }
    }

    #[test]
    fn a_tree_whose_minima_survive_a_removal_is_found_out() {
        for seed in 0..20 {
            assert!(differs(seed, 100, remove_and_keep_minima).is_some(), "seed {seed}");
        }
    }

    #[test]
    fn a_path_is_short_whatever_comes_in_whatever_order() {
        fn depth(tree: &DeadlineTree, at: u32) -> u32 {
            if at == NONE {
                return 0;
            }
            1 + tree.nodes[at as usize].children.map(|child| depth(tree, child)).into_iter().max().unwrap()
        }
        let rising = |order: u64| order as i64;
        for deadline in [rising, |order| -(order as i64), |_| 0] {
            let mut tree = DeadlineTree::default();
            (0..100_000).for_each(|order| tree.insert((deadline(order), order), 0, Traits::NOBODY));
            // Balanced, it would be 17; a random one's is about 4.3 ln n at most, here 50.
            assert!(depth(&tree, tree.root) < 60);
        }
    }
}
