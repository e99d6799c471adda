//! What must hold between actors: one in focus, no cycles, no certain deadlock, and work for the focus.

use super::reader::Section;
use super::{Load, Scenario};

/// The actor in focus: the one that says so, or the only one.
pub(super) fn focus(root: &Section<'_>, actors: &[(String, Section<'_>)]) -> Option<usize> {
    if actors.is_empty() {
        root.wrong("actor: is missing: expected at least one table [actor.NAME]");
        return None;
    }
    let said: Vec<usize> = actors
        .iter()
        .enumerate()
        .filter(|(_, (_, section))| section.flag("focus") == Some(true))
        .map(|(index, _)| index)
        .collect();
    match said.as_slice() {
        [only] => Some(*only),
        [] if actors.len() == 1 => Some(0),
        [] => {
            root.wrong("actor: none is in focus: expected focus = true in exactly one actor");
            None
        }
        [first, others @ ..] => {
            for other in others {
                let first = &actors[*first].0;
                if let Some(field) = actors[*other].1.field("focus") {
                    field.wrong(format!("is a second focus beside `{first}`: expected exactly one"));
                }
            }
            None
        }
    }
}

/// Notes what cannot run although every part of it is valid.
pub(super) fn check(scenario: &Scenario, actors: &[(String, Section<'_>)]) {
    if let Some(cycle) = cycle(scenario) {
        let names: Vec<&str> = cycle.iter().map(|&actor| scenario.actors[actor].name.as_str()).collect();
        actors[cycle[0]].1.wrong(format!(
            "messages go round in a cycle, which deadlocks when its queues or workers run out: {}",
            names.join(" → ")
        ));
        return;
    }
    for (actor, step, lock, other) in held_across(scenario) {
        let at = |actor: usize| &scenario.actors[actor].name;
        actors[actor].1.wrong(format!(
            "step `{}` holds lock `{}` while it waits for `{}`, which takes it too: a certain deadlock",
            scenario.actors[actor].steps[step].name,
            scenario.locks[lock].name,
            at(other),
        ));
    }
}

/// Notes an actor in focus that gets no tasks, in either arm.
pub(super) fn check_work(scenario: &Scenario, root: &Section<'_>, actors: &[(String, Section<'_>)]) {
    let gets_tasks = |actors: &mut dyn Iterator<Item = usize>| {
        let loaded = actors.filter(|&actor| scenario.actors[actor].load != Load::None).collect();
        reached(scenario, loaded)[scenario.focus]
    };
    let focus = &scenario.actors[scenario.focus].name;
    if !gets_tasks(&mut (0..scenario.actors.len())) {
        let key = format!("actor.{focus}.load");
        actors[scenario.focus].1.clone().called(key).wrong(
            "is missing, and no loaded actor calls or sends to it: expected load = { clients = 8 } or { rate = \"100/s\" }",
        );
    } else if !gets_tasks(&mut scenario.isolated.iter().copied()) {
        root.wrong(format!(
            "isolated.load: leaves the actor in focus, `{focus}`, without tasks: expected `{focus}` in it"
        ));
    }
}

/// Where an actor's messages go.
fn receivers(scenario: &Scenario, actor: usize) -> impl Iterator<Item = usize> {
    scenario.actors[actor].steps.iter().flat_map(|step| [step.call, step.send]).flatten()
}

/// For each actor whether it is one of `from` or their messages lead to it. The graph may have cycles.
fn reached(scenario: &Scenario, from: Vec<usize>) -> Vec<bool> {
    let mut seen = vec![false; scenario.actors.len()];
    let mut open = from;
    while let Some(actor) = open.pop() {
        if !std::mem::replace(&mut seen[actor], true) {
            open.extend(receivers(scenario, actor));
        }
    }
    seen
}

/// Whether actors can be taken away one by one, each when nobody sends to it any more (Kahn 1962): quick, also for a
/// hundred thousand actors.
fn has_no_cycle(scenario: &Scenario) -> bool {
    let count = scenario.actors.len();
    let mut senders = vec![0_usize; count];
    (0..count).flat_map(|actor| receivers(scenario, actor)).for_each(|to| senders[to] += 1);
    let mut free: Vec<usize> = (0..count).filter(|actor| senders[*actor] == 0).collect();
    let mut taken = 0;
    while let Some(actor) = free.pop() {
        taken += 1;
        for to in receivers(scenario, actor) {
            senders[to] -= 1;
            if senders[to] == 0 {
                free.push(to);
            }
        }
    }
    taken == count
}

/// A cycle of messages, its first actor repeated at the end.
fn cycle(scenario: &Scenario) -> Option<Vec<usize>> {
    let count = scenario.actors.len();
    if has_no_cycle(scenario) {
        return None;
    }
    (0..count).find_map(|first| {
        let mut path = vec![first];
        let mut actor = first;
        loop {
            // Each round goes on to a receiver from which `first` can still be reached; a shortest way back
            // visits nobody twice, so it ends within `count` rounds.
            actor = nearest_towards(scenario, actor, first)?;
            path.push(actor);
            if actor == first {
                return Some(path);
            }
        }
    })
}

/// The receiver of `from` on a shortest way to `to`.
fn nearest_towards(scenario: &Scenario, from: usize, to: usize) -> Option<usize> {
    let mut distance = vec![usize::MAX; scenario.actors.len()];
    distance[to] = 0;
    // Relaxing every edge once for each actor settles all distances (Bellman, Ford).
    for _ in 0..scenario.actors.len() {
        for actor in 0..scenario.actors.len() {
            for next in receivers(scenario, actor) {
                if actor != to {
                    distance[actor] = distance[actor].min(distance[next].saturating_add(1));
                }
            }
        }
    }
    receivers(scenario, from).filter(|&next| distance[next] != usize::MAX).min_by_key(|&next| distance[next])
}

/// Steps that hold a lock while they wait for an actor that, directly or by further calls, takes it as well: actor,
/// step, lock, actor waited for.
fn held_across(scenario: &Scenario) -> Vec<(usize, usize, usize, usize)> {
    let takes = |actor: usize, lock: usize| {
        scenario.actors[actor].steps.iter().any(|step| step.lock == Some(lock) || step.under == Some(lock))
    };
    let mut found = Vec::new();
    for (actor, spec) in scenario.actors.iter().enumerate() {
        for (index, step) in spec.steps.iter().enumerate() {
            let Some(lock) = step.lock else { continue };
            for to in [step.call, step.send].into_iter().flatten() {
                let reached = reached(scenario, vec![to]);
                let taker = (0..scenario.actors.len()).find(|&other| reached[other] && takes(other, lock));
                if let Some(taker) = taker {
                    found.push((actor, index, lock, taker));
                }
            }
        }
    }
    found
}
