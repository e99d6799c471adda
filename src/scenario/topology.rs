//! What must hold between actors: one in focus, no cycles, no certain deadlock, and work for the focus.

use super::reader::Section;
use super::{Load, Scenario};

/// Most actors of a cycle that a message names.
const MAX_NAMED: usize = 20;

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
        let mut names: Vec<&str> = cycle.iter().map(|&actor| scenario.actors[actor].name.as_str()).collect();
        if names.len() > MAX_NAMED {
            names.splice(MAX_NAMED / 2..names.len() - MAX_NAMED / 2, ["…"]);
        }
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
    scenario.actors[actor].steps.iter().flat_map(super::StepSpec::receivers)
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

/// For each actor who sends to it.
fn senders(scenario: &Scenario) -> Vec<Vec<usize>> {
    let mut senders = vec![Vec::new(); scenario.actors.len()];
    for actor in 0..scenario.actors.len() {
        receivers(scenario, actor).for_each(|to| senders[to].push(actor));
    }
    senders
}

/// An actor on a cycle of messages, if there is one: actors are taken away one by one, each when nobody sends to it any
/// more (Kahn 1962); from one that stays, the way back from sender to sender never ends, and so comes round.
fn on_a_cycle(scenario: &Scenario, senders: &[Vec<usize>]) -> Option<usize> {
    let count = scenario.actors.len();
    let mut left: Vec<usize> = senders.iter().map(Vec::len).collect();
    let mut free: Vec<usize> = (0..count).filter(|actor| left[*actor] == 0).collect();
    let mut taken = vec![false; count];
    while let Some(actor) = free.pop() {
        taken[actor] = true;
        for to in receivers(scenario, actor) {
            left[to] -= 1;
            if left[to] == 0 {
                free.push(to);
            }
        }
    }
    let mut actor = (0..count).find(|&actor| !taken[actor])?;
    let mut seen = vec![false; count];
    while !std::mem::replace(&mut seen[actor], true) {
        actor = *senders[actor].iter().find(|&&sender| !taken[sender])?;
    }
    Some(actor)
}

/// A cycle of messages, its first actor repeated at the end; quick, also for a hundred thousand actors.
fn cycle(scenario: &Scenario) -> Option<Vec<usize>> {
    let senders = senders(scenario);
    let on = on_a_cycle(scenario, &senders)?;
    let back = distances(&senders, on);
    // Round once, the shortest way; then again from the first of them in the file.
    let around = walk(scenario, on, &back)?;
    let first = around.iter().copied().min()?;
    walk(scenario, first, &distances(&senders, first))
}

/// For each actor over how many messages it reaches `to`: breadth first, from receiver to sender.
fn distances(senders: &[Vec<usize>], to: usize) -> Vec<usize> {
    let mut distance = vec![usize::MAX; senders.len()];
    distance[to] = 0;
    let mut open = std::collections::VecDeque::from([to]);
    while let Some(actor) = open.pop_front() {
        for &sender in &senders[actor] {
            if distance[sender] == usize::MAX {
                distance[sender] = distance[actor] + 1;
                open.push_back(sender);
            }
        }
    }
    distance
}

/// The shortest way from `first` round to itself, `first` at both ends; each step comes nearer, so that it ends.
fn walk(scenario: &Scenario, first: usize, distance: &[usize]) -> Option<Vec<usize>> {
    let mut path = vec![first];
    let mut actor = first;
    loop {
        actor = receivers(scenario, actor)
            .filter(|&next| distance[next] != usize::MAX)
            .min_by_key(|&next| distance[next])?;
        path.push(actor);
        if actor == first {
            return Some(path);
        }
    }
}

/// Steps that hold a lock while they wait for an actor that, directly or by further calls, takes it as well: actor,
/// step, lock, actor waited for.
fn held_across(scenario: &Scenario) -> Vec<(usize, usize, usize, usize)> {
    let takes = |actor: usize, lock: usize| {
        scenario.actors[actor]
            .steps
            .iter()
            .any(|step| [step.lock, step.opens, step.under].contains(&Some(lock)))
    };
    let mut found = Vec::new();
    for (actor, spec) in scenario.actors.iter().enumerate() {
        let mut open: Vec<usize> = Vec::new();
        for (index, step) in spec.steps.iter().enumerate() {
            open.extend(step.opens);
            if step.lock.is_none() && open.is_empty() {
                continue;
            }
            for to in step.receivers() {
                let reached = reached(scenario, vec![to]);
                for lock in open.iter().copied().chain(step.lock) {
                    let taker =
                        (0..scenario.actors.len()).find(|&other| reached[other] && takes(other, lock));
                    if let Some(taker) = taker {
                        found.push((actor, index, lock, taker));
                    }
                }
            }
            open.truncate(open.len().saturating_sub(step.closes.len()));
        }
    }
    found
}
