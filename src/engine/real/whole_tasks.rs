//! Whole tasks for a timeline: from arrival to end, and which task sent them.

use super::executor::Executor;
use super::performer::Performer;
use super::runtime::{Runtime, TaskBody};
use crate::measure::Outcome;
use crate::measure::record::{TaskSpan, Timeline};
use crate::units::Nanos;
use std::collections::{BTreeMap, BTreeSet};

/// A task under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whole {
    key: u64,
    parent: u64,
    awaited: bool,
    kind: usize,
    actor: usize,
    arrived: Nanos,
    taken: Nanos,
}

/// What tells a task of an actor from all others; never 0. Tasks of load are numbered for each actor, messages by a hash.
pub(super) const fn key(actor: usize, number: u64) -> u64 {
    let key = (actor as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number);
    if key == 0 { 1 } else { key }
}

impl Whole {
    /// The task that a worker takes up at `taken` for `actor`.
    pub(super) fn of(run: &Runtime, task: &TaskBody, actor: usize, taken: Nanos) -> Self {
        Self {
            key: key(run.home(actor), task.number),
            parent: task.parent,
            awaited: task.origin.is_awaited(),
            kind: task.kind as usize,
            actor,
            arrived: task.arrived,
            taken,
        }
    }

    fn ended(&self, run: &Runtime, outcome: Outcome, ended: Nanos) -> TaskSpan {
        let spec = &run.actors[run.home(self.actor)].spec;
        let of = match spec.kinds.get(self.kind) {
            Some(kind) if !kind.name.is_empty() => format!("{}.{}", spec.name, kind.name),
            _ => spec.name.clone(),
        };
        let members = run.instances.layout().members(run.home(self.actor));
        let instance = members.iter().position(|member| *member == self.actor).map_or(0, |at| at as u64 + 1);
        let from_start = |at: Nanos| at.saturating_sub(run.window_start()).0;
        TaskSpan {
            id: self.key,
            parent: self.parent,
            awaited: self.awaited,
            of,
            instance,
            arrived_ns: from_start(self.arrived),
            taken_ns: from_start(self.taken.max(self.arrived)),
            ended_ns: from_start(ended.max(self.arrived)),
            end: outcome.key().to_owned(),
        }
    }
}

impl<E: Executor> Performer<'_, E> {
    /// What tells the present task from all others.
    pub(super) fn task_key(&self) -> u64 {
        key(self.run.home(self.actor), self.task_number)
    }

    /// Keeps the present task, which ends at `ended`, where a timeline is wanted.
    #[cold]
    pub(super) fn keep_whole(&mut self, outcome: Outcome, ended: Nanos) {
        let Some(whole) = self.whole.take() else { return };
        let run = self.run;
        if whole.arrived >= run.window_start() {
            let task = whole.ended(run, outcome, ended);
            self.executor.note(|notes| notes.stats.spans.keep_task(task));
        }
    }
}

/// Numbers the tasks of a timeline from 1 in order of arrival, and their spans after them. Tasks whose sender came before the window, or was
/// under way at the end, are left out: they would seem to come from outside.
pub(super) fn number(timeline: &mut Timeline) {
    timeline.tasks.sort_by_key(|task| (task.arrived_ns, task.id));
    // Senders arrive before what they send.
    let mut known: BTreeSet<u64> = BTreeSet::new();
    timeline.tasks.retain(|task| {
        let is_kept = task.parent == 0 || known.contains(&task.parent);
        is_kept && known.insert(task.id)
    });
    let mut numbers: BTreeMap<u64, u64> = BTreeMap::new();
    for task in &timeline.tasks {
        let next = numbers.len() as u64 + 1;
        numbers.entry(task.id).or_insert(next);
    }
    for task in &mut timeline.tasks {
        task.id = numbers[&task.id];
        task.parent = numbers.get(&task.parent).copied().unwrap_or(0);
    }
    for span in timeline.spans.iter_mut().filter(|span| span.task != 0) {
        let next = numbers.len() as u64 + 1;
        span.task = *numbers.entry(span.task).or_insert(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::record::Span;

    #[test]
    fn tasks_are_numbered_by_arrival_and_spans_and_parents_follow() {
        let task = |actor, number, parent, arrived_ns| TaskSpan {
            id: key(actor, number),
            parent,
            arrived_ns,
            ..TaskSpan::default()
        };
        let span = |task| Span { task, ..Span::default() };
        let mut timeline = Timeline {
            // Two actors have a task of the same number.
            tasks: vec![task(1, 7, key(0, 7), 20), task(0, 7, 0, 10), task(1, 8, key(0, 99), 30)],
            spans: vec![span(key(1, 7)), span(0), span(key(0, 99)), span(key(0, 7))],
            ..Timeline::default()
        };
        number(&mut timeline);
        let tasks: Vec<(u64, u64)> = timeline.tasks.iter().map(|task| (task.id, task.parent)).collect();
        assert_eq!(tasks, [(1, 0), (2, 1)]);
        let spans: Vec<u64> = timeline.spans.iter().map(|span| span.task).collect();
        assert_eq!(spans, [2, 0, 3, 1]);
    }
}
