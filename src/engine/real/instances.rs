//! Instances of an actor: which one a message goes to.

use crate::model::{Routing, instance};
use crate::scenario::{Layout, Load, Route, Scenario};
use crate::sync::Padded;
use std::sync::atomic::{AtomicU64, Ordering};

/// The instances of a run.
#[derive(Debug)]
pub(super) struct Instances {
    layout: Layout,
    /// By actor: how messages to it are shared out, and how many clients it has.
    routes: Vec<(Route, Option<u64>)>,
    /// By actor: messages that were shared out to its instances, and tasks that it has, waiting and served; kept where a route
    /// asks for them.
    turns: Vec<Padded<AtomicU64>>,
    present: Vec<Padded<AtomicU64>>,
}

impl Instances {
    pub(super) fn new(layout: &Layout, scenario: &Scenario) -> Self {
        let counters = || if layout.is_plain() { 0 } else { scenario.actors.len() };
        let clients = |load: &Load| match load {
            Load::Closed { clients, .. } => Some(*clients as u64),
            Load::None | Load::Open { .. } => None,
        };
        Self {
            layout: layout.clone(),
            routes: scenario.actors.iter().map(|actor| (actor.route, clients(&actor.load))).collect(),
            turns: (0..counters()).map(|_| Padded::default()).collect(),
            present: (0..counters()).map(|_| Padded::default()).collect(),
        }
    }

    pub(super) const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The actor of the written scenario that `actor` is an instance of.
    #[inline]
    pub(super) fn home(&self, actor: usize) -> usize {
        self.layout.home(actor)
    }

    /// Whose message one is that `actor` sends for its task of this number: a client's, or the task's own.
    pub(super) fn key_of(&self, actor: usize, number: u64) -> u64 {
        self.routes[self.home(actor)].1.map_or(number, |clients| number % clients)
    }

    /// The instance of `to` that a message of this number and key goes to; it has one task more from here on.
    #[inline]
    pub(super) fn route(&self, seed: u64, to: usize, number: u64, key: u64) -> usize {
        let members = self.layout.members(to);
        if members.is_empty() {
            return to;
        }
        let (route, _) = self.routes[to];
        let turn =
            if route == Route::RoundRobin { self.turns[to].fetch_add(1, Ordering::Relaxed) } else { 0 };
        let tasks = |instance: usize| self.present[members[instance]].load(Ordering::Relaxed);
        let routing = Routing { route, seed, to, number, key, turn };
        let chosen = members[instance(routing, members.len(), tasks)];
        if route == Route::Shortest {
            self.present[chosen].fetch_add(1, Ordering::Relaxed);
        }
        chosen
    }

    /// A task of `actor` has ended.
    #[inline]
    pub(super) fn left(&self, actor: usize) {
        if !self.layout.is_plain()
            && self.routes.get(actor).is_some_and(|(route, _)| *route == Route::Shortest)
        {
            // Those that were not shared out were not counted either.
            let one_less = |count: u64| count.checked_sub(1);
            self.present[actor].fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).ok();
        }
    }
}
