//! Which workers may be too few, and how many would be enough: from who sends how much to whom.

use crate::queue::QueueKind;
use crate::scenario::{EngineKind, Load, Scenario};

/// Most worker threads of an actor that an arm asks for, all instances together.
const MOST: [usize; 2] = [256, 4096];
/// Most handlers of an asynchronous actor.
const HANDLERS: usize = 1024;

/// By station (an actor with threads): how many of its tasks may be there at once, as far as that is known without a run.
fn demands(scenario: &Scenario) -> Vec<usize> {
    let mut demands = vec![0_usize; scenario.actors.len()];
    let mut ask = |actor: usize, tasks: usize| {
        let station = scenario.station(actor);
        demands[station] = demands[station].saturating_add(tasks);
    };
    for (index, actor) in scenario.actors.iter().enumerate() {
        match &actor.load {
            Load::None => {}
            Load::Open { .. } => ask(index, usize::MAX),
            Load::Closed { clients, .. } => ask(index, *clients),
        }
        let own = &scenario.actors[scenario.station(index)];
        let performers = if own.queue == QueueKind::Async { own.capacity.min(HANDLERS) } else { own.threads };
        let performers = performers.saturating_mul(scenario.copies(index));
        for step in &actor.steps {
            // Whoever sends without waiting may have sent any number.
            step.send.into_iter().for_each(|to| ask(to, usize::MAX));
            match (&step.calls, step.call) {
                (Some(calls), _) => {
                    let each = if calls.timeout.is_some() || calls.hedge.is_some() {
                        usize::MAX
                    } else {
                        performers
                    };
                    calls.parts.iter().for_each(|part| ask(part.actor, each));
                }
                (None, Some(to)) => ask(to, performers),
                (None, None) => {}
            }
        }
    }
    demands
}

/// The stations that tasks of the actor in focus are served at, its own first.
fn on_the_way(scenario: &Scenario) -> Vec<usize> {
    let mut actors = vec![scenario.focus];
    let mut next = 0;
    while let Some(&actor) = actors.get(next) {
        next += 1;
        let called = scenario.actors[actor].steps.iter().flat_map(|step| {
            let parts = step.calls.iter().flat_map(|calls| calls.parts.iter().map(|part| part.actor));
            step.call.into_iter().chain(parts)
        });
        for to in called {
            if !actors.contains(&to) {
                actors.push(to);
            }
        }
    }
    let mut stations = Vec::new();
    for actor in actors {
        let station = scenario.station(actor);
        if !stations.contains(&station) {
            stations.push(station);
        }
    }
    stations
}

/// The stations on the way of tasks in focus at which more tasks may be than there are workers.
#[must_use]
pub(super) fn short_of_workers(scenario: &Scenario) -> Vec<usize> {
    let demands = demands(scenario);
    let short = |station: &usize| {
        demands[*station] > scenario.actors[*station].threads.saturating_mul(scenario.copies(*station))
    };
    on_the_way(scenario).into_iter().filter(short).collect()
}

/// Gives a station as many workers as tasks may be there, as far as `engine` can have so many.
pub(super) fn give_workers(scenario: &mut Scenario, station: usize, engine: EngineKind) {
    let copies = scenario.copies(station);
    let most = MOST[usize::from(engine == EngineKind::Virtual)] / copies;
    let wanted = demands(scenario)[station].div_ceil(copies);
    let actor = &mut scenario.actors[station];
    // More than its queue holds besides those in hand never wait at it.
    let wanted = wanted.min(actor.capacity.saturating_add(actor.threads)).min(most);
    actor.threads = actor.threads.max(wanted);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Scenario {
        Scenario::parse(&format!("schema = 1\nname = \"s\"\n{text}"), "s").unwrap()
    }

    #[test]
    fn workers_are_too_few_where_more_tasks_may_come_than_there_are() {
        let text = |clients: u32, leaf: u32| {
            parse(&format!(
                "[actor.web]\nfocus = true\nthreads = 4\nload = {{ clients = {clients} }}\n\
                 steps = [{{ name = \"a\", call = \"leaf\" }}, {{ name = \"b\", send = \"log\" }}]\n\
                 [actor.leaf]\nthreads = {leaf}\nsteps = [{{ name = \"s\", io = \"1ms\" }}]\n\
                 [actor.log]\nsteps = [{{ name = \"s\", io = \"1ms\" }}]\n"
            ))
        };
        // A message that nobody waits for does not lie on the way.
        assert!(short_of_workers(&text(4, 4)).is_empty());
        assert_eq!(short_of_workers(&text(5, 4)), [0]);
        assert_eq!(short_of_workers(&text(4, 3)), [1]);
        let mut scenario = text(9, 3);
        give_workers(&mut scenario, 0, EngineKind::Virtual);
        // Of nine in `web`, nine may be in `leaf` then.
        give_workers(&mut scenario, 1, EngineKind::Virtual);
        assert_eq!([scenario.actors[0].threads, scenario.actors[1].threads], [9, 9]);
        assert!(short_of_workers(&scenario).is_empty());
    }

    #[test]
    fn open_load_wants_as_many_as_its_queue_holds() {
        let mut scenario = parse(
            "[actor.web]\ninstances = 4\ncapacity = 50\nload = { rate = 10 }\nsteps = [{ name = \"s\", io = \"1ms\" }]\n",
        );
        assert_eq!(short_of_workers(&scenario), [0]);
        give_workers(&mut scenario, 0, EngineKind::Virtual);
        assert_eq!(scenario.actors[0].threads, 51);
        scenario.actors[0].threads = 1;
        give_workers(&mut scenario, 0, EngineKind::Real);
        assert_eq!(scenario.actors[0].threads, 51);
    }
}
