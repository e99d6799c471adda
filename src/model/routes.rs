//! Which instance of an actor a message goes to.

use crate::random::{Source, Stream};
use crate::scenario::Route;

/// A message that goes to one of an actor's instances.
#[derive(Clone, Copy, Debug)]
pub struct Routing {
    /// How the instance is chosen.
    pub route: Route,
    /// The run's seed.
    pub seed: u64,
    /// The actor, by number.
    pub to: usize,
    /// The message's number.
    pub number: u64,
    /// Whose message it is: messages of one key go to one instance by `hash`.
    pub key: u64,
    /// How many messages went to the actor before, for `round-robin`.
    pub turn: u64,
}

/// The number below `count` of the instance that is chosen; `tasks` are how many each has, waiting and served.
#[must_use]
pub fn instance(routing: Routing, count: usize, tasks: impl Fn(usize) -> u64) -> usize {
    let Routing { route, seed, to, number, key, turn } = routing;
    // The hash is salted by the seed, so that replicates differ in whom it puts together.
    let mut stream =
        Stream::new(seed, Source::Route, to as u64, if route == Route::Hash { key } else { number });
    let below = |number: u64| usize::try_from(number).unwrap_or(0).min(count.saturating_sub(1));
    let all = count.max(1) as u64;
    match route {
        Route::Random | Route::Hash => below(stream.below(all)),
        Route::RoundRobin => below(turn % all),
        Route::Shortest => {
            let least = (0..count).map(&tasks).min().unwrap_or(0);
            let tied = (0..count).filter(|instance| tasks(*instance) == least).count().max(1) as u64;
            let chosen = stream.below(tied);
            let mut tied = (0..count).filter(|instance| tasks(*instance) == least);
            // Counts may move under a real engine between two looks.
            tied.nth(below(chosen)).unwrap_or_else(|| below(chosen))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(route: Route, number: u64, key: u64) -> usize {
        let tasks = [3, 1, 2, 1];
        let routing = Routing { route, seed: 18, to: 0, number, key, turn: number };
        instance(routing, 4, |instance| tasks[instance])
    }

    #[test]
    fn each_route_chooses_as_it_says() {
        let counts = |route| {
            let mut counts = [0; 4];
            (0..4000).for_each(|number| counts[chosen(route, number, number)] += 1);
            counts
        };
        for even in [Route::Random, Route::Hash] {
            assert!(counts(even).iter().all(|count| (900..1100).contains(count)), "{:?}", counts(even));
        }
        assert_eq!(counts(Route::RoundRobin), [1000; 4]);
        let [first, _, third, last] = counts(Route::Shortest);
        assert!(first == 0 && third == 0 && (1900..2100).contains(&last), "ties are broken by chance");
        let first = chosen(Route::Hash, 0, 7);
        assert!((0..50).all(|number| chosen(Route::Hash, number, 7) == first));
    }
}
