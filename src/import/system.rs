//! From spans to a system: services, kinds of request, what each does in order, whom it calls.

use super::loops;
use super::span::{Hold, Name, Place, Side, Span, Spans};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Calls of one operation that are told apart; the time of more is counted as the task's own.
const MAX_CALLS: usize = 64;

/// A system as its spans show it.
#[derive(Clone, Debug, Default)]
pub struct System {
    /// The kinds of request, by service and operation.
    pub operations: Vec<Operation>,
    /// Requests that nobody in the files caused: (operation, start, end), in nanoseconds.
    pub roots: Vec<(usize, u64, u64)>,
    /// Spans that fit nowhere: their parent is not in the files.
    pub orphans: u64,
    /// Pairs of services whose clocks disagree: caller, callee, nanoseconds.
    pub skews: Vec<(String, String, i64)>,
    /// Calls that failed and were made again.
    pub retries: u64,
    /// What spans hold, where programs say it.
    pub resources: BTreeMap<Hold, Resource>,
    /// Waits whose end was seen late, as every worker was busy when it came.
    pub seen_late: u64,
}

/// A pool or a lock as its holders' spans show it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// Times that it was held.
    pub held: u64,
    /// Times that somebody waited for it.
    pub waited: u64,
    /// Most holders at once.
    pub most: u64,
}

/// What a service does for one kind of request.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The service.
    pub service: Name,
    /// The operation.
    pub name: Name,
    /// Tasks seen.
    pub tasks: u64,
    /// Tasks that failed.
    pub failed: u64,
    /// Instances of its service.
    pub instances: usize,
    /// Most tasks of an instance of the service at once, and the share of time in which there were as many.
    pub at_once: (u64, f64),
    /// What it does, in order.
    pub steps: Vec<Step>,
    /// Calls that were not told apart.
    pub folded: u64,
    /// The numbers of its tasks among those of the service, by arrival.
    pub numbers: Vec<usize>,
}

/// A piece of own time, then a call.
#[derive(Clone, Debug)]
pub struct Step {
    /// Own time before the call, or after the last one: nanoseconds, one of each task that has this step, by arrival.
    pub own: Vec<u64>,
    /// Processor time of that, where the program says it: one of each, or none.
    pub work: Vec<u64>,
    /// What is called; `None`: the end of the task.
    pub call: Option<Call>,
    /// Tasks that have this step.
    pub tasks: u64,
}

/// A call, or several at once.
#[derive(Clone, Debug)]
pub struct Call {
    /// Whom, as operations; empty where the callee left no spans.
    pub to: Vec<usize>,
    /// Name of a callee without spans.
    pub outside: Option<Name>,
    /// Time of a call to a callee without spans, or for which something is held, in nanoseconds.
    pub outside_time: Vec<u64>,
    /// What is held over it, instead of a call.
    pub hold: Option<Hold>,
    /// Processor time while it is held, where the program says it: one of each, or none.
    pub hold_work: Vec<u64>,
    /// Whether the wait keeps the worker.
    pub blocks: bool,
    /// Time between the caller's and the callee's spans, in nanoseconds: transport and waiting in the callee's queue.
    pub between: Vec<u64>,
    /// Whether the caller goes on without an answer.
    pub is_send: bool,
}

/// A call as one task made it.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) key: Key,
    between: Option<u64>,
    failed: bool,
    /// Time for which something is held or somebody outside answers.
    pub(super) time: u64,
    cpu: Option<u64>,
    pub(super) blocks: bool,
}

/// What tells calls apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Inside { to: Vec<usize>, is_send: bool },
    Outside(Name),
    Held(Hold, Name),
}

/// Reads the system out of the spans.
#[must_use]
pub fn system(spans: &Spans) -> System {
    let all = &spans.spans;
    let mut by_id: Vec<(u128, u32)> =
        all.iter().zip(0..).filter(|(span, _)| span.id != 0).map(|(span, at)| (span.id, at)).collect();
    by_id.sort_unstable();
    let find = |id: u128| {
        let at = by_id.partition_point(|(other, _)| *other < id);
        by_id.get(at).filter(|(other, _)| *other == id && id != 0).map(|(_, at)| *at as usize)
    };
    let parents: Vec<Option<usize>> = all.iter().map(|span| find(span.parent)).collect();
    let entries: Vec<bool> =
        all.iter().zip(&parents).map(|(span, parent)| is_entry(span, parent.map(|at| &all[at]))).collect();
    let mut found = System::default();
    let operations = operations(all, &entries, &mut found);
    let owners = owners(&parents, &entries);
    let mut calls: Vec<Vec<Made>> = vec![Vec::new(); all.len()];
    let mut answered = vec![false; all.len()];
    let mut skews: BTreeMap<(Name, Name), Vec<i64>> = BTreeMap::new();
    for (at, span) in all.iter().enumerate().filter(|(at, _)| entries[*at]) {
        let Some(parent) = parents[at] else {
            if span.parent == 0 {
                found.roots.push((operations[at], span.arrived(), span.end));
            } else {
                found.orphans += 1;
            }
            continue;
        };
        let Some(owner) = owners[parent] else { continue };
        let caller = &all[parent];
        let waits = parent != owner && matches!(caller.side, Side::Client | Side::Producer);
        let seen = if waits { caller } else { span };
        answered[parent] |= waits;
        if waits && caller.side == Side::Client {
            skews.entry((caller.service, span.service)).or_default().push(middle(span) - middle(caller));
        }
        calls[owner].push(Made {
            start: seen.arrived(),
            end: seen.end,
            key: Key::Inside {
                to: vec![operations[at]],
                is_send: span.side == Side::Consumer || caller.side == Side::Producer,
            },
            between: (waits && caller.side == Side::Client)
                .then(|| caller.length().saturating_sub(span.length())),
            failed: span.failed || caller.failed,
            time: 0,
            cpu: None,
            blocks: false,
        });
    }
    outside_calls(all, &parents, &owners, &answered, &mut calls);
    found.resources = holds(all, &owners, &mut calls);
    found.seen_late = loops::correct(spans, &entries, &mut calls);
    found.skews = skews.into_iter().filter_map(|(pair, offsets)| skew(spans, pair, offsets)).collect();
    // In the order of arrival, which is that of the samples.
    let mut tasks: Vec<usize> = (0..all.len()).filter(|at| entries[*at]).collect();
    tasks.sort_by_key(|at| all[*at].arrived());
    let begun = begun(spans, &tasks, &operations, &found.operations);
    let mut numbers: BTreeMap<Name, usize> = BTreeMap::new();
    for (at, start) in tasks.into_iter().zip(begun) {
        let number = numbers.entry(all[at].service).or_default();
        found.operations[operations[at]].numbers.push(*number);
        *number += 1;
        let made = grouped(std::mem::take(&mut calls[at]), &mut found.retries);
        add_task(&mut found.operations[operations[at]], &Span { start, ..all[at] }, made);
    }
    for operation in &mut found.operations {
        operation.steps.retain(|step| step.tasks > 0);
    }
    found
}

/// Whether a span is a task: it handles a request, or nobody of its own service caused it.
fn is_entry(span: &Span, parent: Option<&Span>) -> bool {
    match (span.side, parent) {
        (_, None) | (Side::Server | Side::Consumer, _) => true,
        (_, Some(parent)) => parent.service != span.service,
    }
}

/// By span: its operation; and every operation with the concurrency of its service.
fn operations(all: &[Span], entries: &[bool], found: &mut System) -> Vec<usize> {
    let mut numbers: BTreeMap<(Name, Name), usize> = BTreeMap::new();
    let mut of_instance: BTreeMap<Place, Vec<(u64, bool)>> = BTreeMap::new();
    let mut operations = vec![usize::MAX; all.len()];
    for (at, span) in all.iter().enumerate().filter(|(at, _)| entries[*at]) {
        let next = numbers.len();
        let number = *numbers.entry((span.service, span.operation)).or_insert(next);
        if number == found.operations.len() {
            found.operations.push(Operation {
                service: span.service,
                name: span.operation,
                tasks: 0,
                failed: 0,
                instances: 0,
                at_once: (0, 0.0),
                steps: Vec::new(),
                folded: 0,
                numbers: Vec::new(),
            });
        }
        operations[at] = number;
        found.operations[number].tasks += 1;
        found.operations[number].failed += u64::from(span.failed);
        let events = of_instance.entry(span.place()).or_default();
        events.extend([(span.start, true), (span.end, false)]);
    }
    let mut services: BTreeMap<Name, (usize, (u64, f64))> = BTreeMap::new();
    for ((service, _), events) in of_instance {
        let (instances, at_once) = services.entry(service).or_insert((0, (0, 0.0)));
        let here = most_at_once(events);
        *instances += 1;
        *at_once = if here.0 > at_once.0 { here } else { *at_once };
    }
    for operation in &mut found.operations {
        (operation.instances, operation.at_once) = services[&operation.service];
    }
    operations
}

/// The largest number of intervals at once, and the share of the time with any in which there were as many.
#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a recording")]
fn most_at_once(mut events: Vec<(u64, bool)>) -> (u64, f64) {
    events.sort_unstable();
    let (mut now, mut last) = (0_u64, 0);
    let mut time: BTreeMap<u64, u64> = BTreeMap::new();
    for (at, begins) in events {
        if now > 0 {
            *time.entry(now).or_default() += at - last;
        }
        last = at;
        now = if begins { now + 1 } else { now.saturating_sub(1) };
    }
    let all: u64 = time.values().sum();
    let most = time.keys().next_back().copied().unwrap_or(1);
    (most, time.get(&most).copied().unwrap_or(0) as f64 / all.max(1) as f64)
}

/// When a queue in order of arrival would have let each of `tasks` begin, given when those before it ended: by arrival.
///
/// A task that waits although a worker of its service is idle waits for something else than the tasks before it (to be woken, for an
/// interpreter, for the end of a pause). That is own time: a run would not find it again in its queue.
fn begun(spans: &Spans, tasks: &[usize], operations: &[usize], of: &[Operation]) -> Vec<u64> {
    let mut ends: BTreeMap<Place, BinaryHeap<Reverse<u64>>> = BTreeMap::new();
    let begins = |&at: &usize| {
        let span = &spans.spans[at];
        let stated = spans.stated.get(&span.service).copied().unwrap_or_default();
        // Tasks leave an event loop where they wait, and threads of a scheduler's recording wait for processors: no queue of tasks explains that.
        if stated.is_async || stated.cycles {
            return span.start;
        }
        let workers = stated.workers.unwrap_or(0).max(of[operations[at]].at_once.0);
        let ends = ends.entry(span.place()).or_default();
        // Before as many have ended as there are workers, those whom the recording does not have may be in the way.
        let free = if (ends.len() as u64) < workers { None } else { ends.pop() };
        ends.push(Reverse(span.end));
        free.map_or(span.start, |Reverse(free)| free.clamp(span.arrived(), span.start))
    };
    tasks.iter().map(begins).collect()
}

/// By span: the task that it is part of.
fn owners(parents: &[Option<usize>], entries: &[bool]) -> Vec<Option<usize>> {
    let mut owners: Vec<Option<usize>> = vec![None; parents.len()];
    for at in 0..parents.len() {
        // Parents may come later in the file, so the way up is walked; its length is bounded by the spans' number.
        let (mut way, mut here) = (Vec::new(), at);
        let owner = loop {
            if entries[here] {
                break Some(here);
            }
            if owners[here].is_some() || way.len() > parents.len() {
                break owners[here];
            }
            way.push(here);
            match parents[here] {
                Some(parent) => here = parent,
                None => break None,
            }
        };
        owners[at] = owner;
        for step in way {
            owners[step] = owner;
        }
    }
    owners
}

/// Spans that hold something: they are parts of their tasks, like calls.
fn holds(all: &[Span], owners: &[Option<usize>], calls: &mut [Vec<Made>]) -> BTreeMap<Hold, Resource> {
    let mut resources: BTreeMap<Hold, Resource> = BTreeMap::new();
    let mut events: BTreeMap<Hold, Vec<(u64, bool)>> = BTreeMap::new();
    for (at, span) in all.iter().enumerate() {
        let (Some(hold), Some(owner)) = (span.hold, owners[at].filter(|owner| *owner != at)) else {
            continue;
        };
        let resource = resources.entry(hold).or_default();
        resource.held += 1;
        // Taking what is free costs some microseconds with a clock read before and after.
        resource.waited += u64::from(span.queued > 100_000);
        events.entry(hold).or_default().extend([(span.start, true), (span.end, false)]);
        calls[owner].push(Made {
            start: span.arrived(),
            end: span.end,
            key: Key::Held(hold, span.operation),
            between: None,
            failed: span.failed,
            time: span.length(),
            cpu: span.cpu,
            blocks: span.blocks,
        });
    }
    for (hold, events) in events {
        let (most, _) = most_at_once(events);
        resources.entry(hold).or_default().most = most;
    }
    resources
}

/// Client spans that no span of a callee answers: calls to something outside the files.
fn outside_calls(
    all: &[Span],
    parents: &[Option<usize>],
    owners: &[Option<usize>],
    answered: &[bool],
    calls: &mut [Vec<Made>],
) {
    for (at, span) in all.iter().enumerate() {
        let is_held = parents[at].is_some_and(|parent| all[parent].hold.is_some());
        if !matches!(span.side, Side::Client) || answered[at] || span.hold.is_some() || is_held {
            continue;
        }
        if let Some(owner) = owners[at].filter(|owner| *owner != at) {
            calls[owner].push(Made {
                start: span.start,
                end: span.end,
                key: Key::Outside(span.operation),
                between: None,
                failed: span.failed,
                time: span.length(),
                cpu: None,
                blocks: span.blocks,
            });
        }
    }
}

#[expect(clippy::cast_possible_wrap, reason = "nanoseconds since an epoch fit 63 bits")]
const fn middle(span: &Span) -> i64 {
    (span.start / 2 + span.end / 2) as i64
}

/// How far the clocks of two services disagree, where it is more than a call can explain.
fn skew(
    spans: &Spans,
    (caller, callee): (Name, Name),
    mut offsets: Vec<i64>,
) -> Option<(String, String, i64)> {
    offsets.sort_unstable();
    let median = offsets[offsets.len() / 2];
    (median.abs() > 1_000_000).then(|| (spans.name(caller).to_owned(), spans.name(callee).to_owned(), median))
}

/// Calls in order, those that overlap joined into one.
fn grouped(mut made: Vec<Made>, retries: &mut u64) -> Vec<Made> {
    made.sort_by_key(|call| call.start);
    let mut groups: Vec<Made> = Vec::new();
    for call in made {
        if let Some(last) = groups.last_mut() {
            if last.failed && last.key == call.key && call.start >= last.end {
                *retries += 1;
            }
            if let (Key::Inside { to, is_send: false }, Key::Inside { to: more, is_send: false }) =
                (&mut last.key, &call.key)
                && call.start < last.end
            {
                to.extend(more);
                to.sort_unstable();
                last.end = last.end.max(call.end);
                last.between = None;
                continue;
            }
        }
        groups.push(call);
    }
    groups
}

/// Adds a task to its operation: its own time before each call, and after the last.
fn add_task(operation: &mut Operation, span: &Span, made: Vec<Made>) {
    let mut at = span.start;
    let mut step = 0;
    let mut own = 0;
    // The pieces of own time, by the step that they belong to.
    let mut pieces: Vec<(usize, u64)> = Vec::with_capacity(made.len() + 1);
    let mut held_cpu = 0;
    for call in made {
        own += call.start.saturating_sub(at);
        held_cpu += call.cpu.unwrap_or(0);
        let end = if matches!(call.key, Key::Inside { is_send: true, .. }) { call.start } else { call.end };
        at = at.max(end).min(span.end);
        match place(operation, step, &call.key, &mut pieces) {
            Some(place) => {
                let found = &mut operation.steps[place];
                found.tasks += 1;
                if let Some(known) = &mut found.call {
                    known.between.extend(call.between);
                    if known.outside.is_some() || known.hold.is_some() {
                        known.outside_time.push(call.time);
                    }
                    known.hold_work.extend(call.cpu);
                    known.blocks |= call.blocks;
                }
                pieces.push((place, own));
                own = 0;
                step = place + 1;
            }
            None => {
                operation.folded += 1;
                own += end.saturating_sub(call.start);
            }
        }
    }
    own += span.end.saturating_sub(at);
    let last = match operation.steps.iter().position(|step| step.call.is_none()) {
        Some(last) => last,
        None => {
            operation.steps.push(Step { own: Vec::new(), work: Vec::new(), call: None, tasks: 0 });
            operation.steps.len() - 1
        }
    };
    operation.steps[last].tasks += 1;
    pieces.push((last, own));
    let whole: u64 = pieces.iter().map(|piece| piece.1).sum();
    for (place, own) in pieces {
        operation.steps[place].own.push(own);
        if let Some(cpu) = span.cpu {
            // Which piece the work was in is not known: each has it by its length.
            let share = u128::from(cpu.saturating_sub(held_cpu)) * u128::from(own) / u128::from(whole.max(1));
            operation.steps[place].work.push(u64::try_from(share).unwrap_or(u64::MAX));
        }
    }
}

/// The step at or after `from` with this call; a new one where there is none and room for one.
fn place(operation: &mut Operation, from: usize, key: &Key, pieces: &mut [(usize, u64)]) -> Option<usize> {
    let steps = &mut operation.steps;
    let same = |step: &Step| step.call.as_ref().is_some_and(|call| call.key() == *key);
    if let Some(found) = steps.iter().skip(from).position(same) {
        return Some(from + found);
    }
    if steps.len() > MAX_CALLS {
        return None;
    }
    let (to, outside, is_send, hold) = match key {
        Key::Inside { to, is_send } => (to.clone(), None, *is_send, None),
        Key::Outside(name) => (Vec::new(), Some(*name), false, None),
        Key::Held(hold, name) => (Vec::new(), Some(*name), false, Some(*hold)),
    };
    let call = Call {
        to,
        outside,
        outside_time: Vec::new(),
        between: Vec::new(),
        is_send,
        hold,
        hold_work: Vec::new(),
        blocks: false,
    };
    // The end of the task stays last.
    let at = from.min(steps.iter().position(|step| step.call.is_none()).unwrap_or(steps.len()));
    steps.insert(at, Step { own: Vec::new(), work: Vec::new(), call: Some(call), tasks: 0 });
    pieces.iter_mut().filter(|piece| piece.0 >= at).for_each(|piece| piece.0 += 1);
    Some(at)
}

impl Call {
    fn key(&self) -> Key {
        match (self.outside, self.hold) {
            (Some(name), Some(hold)) => Key::Held(hold, name),
            (Some(name), None) => Key::Outside(name),
            (None, _) => Key::Inside { to: self.to.clone(), is_send: self.is_send },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::span::identity;

    struct Builder {
        spans: Spans,
    }

    impl Builder {
        fn add(&mut self, id: &str, parent: &str, service: &str, side: Side, start: u64, end: u64) {
            let (service, operation) = (self.spans.intern(service), self.spans.intern("op"));
            self.spans.add(Span {
                id: identity("t", id),
                parent: identity("t", parent),
                service,
                operation,
                side,
                start,
                end,
                ..Span::default()
            });
        }
    }

    /// web [0, 100] calls db by a client span [20, 60]; db handles it in [30, 50].
    fn one_call(skew: u64) -> System {
        let mut built = Builder { spans: Spans::default() };
        built.add("db", "client", "db", Side::Server, 30 + skew, 50 + skew);
        built.add("client", "web", "web", Side::Client, 20, 60);
        built.add("web", "", "web", Side::Server, 0, 100);
        system(&built.spans)
    }

    #[test]
    fn a_call_splits_its_callers_time_and_is_not_part_of_it() {
        let found = one_call(0);
        let web = found.operations.iter().find(|one| one.steps.len() == 2).unwrap();
        assert_eq!((web.steps[0].own.clone(), web.steps[1].own.clone()), (vec![20], vec![40]));
        let call = web.steps[0].call.as_ref().unwrap();
        assert_eq!((call.between.clone(), call.to.len()), (vec![20], 1));
        assert_eq!(found.roots.len(), 1);
    }

    /// The callee's clock is an hour off: no time changes, and the skew is named.
    #[test]
    fn skewed_clocks_change_no_time() {
        let (plain, skewed) = (one_call(0), one_call(3_600_000_000_000));
        for (one, other) in plain.operations.iter().zip(&skewed.operations) {
            let own = |operation: &Operation| {
                operation.steps.iter().map(|step| step.own.clone()).collect::<Vec<_>>()
            };
            assert_eq!(own(one), own(other));
        }
        assert!(plain.skews.is_empty());
        assert_eq!(skewed.skews.len(), 1);
    }

    #[test]
    fn overlapping_calls_are_one_parallel_call() {
        let mut built = Builder { spans: Spans::default() };
        built.add("web", "", "web", Side::Server, 0, 100);
        built.add("a", "web", "a", Side::Server, 10, 50);
        built.add("b", "web", "b", Side::Server, 20, 90);
        let found = system(&built.spans);
        let web = found.operations.iter().find(|one| one.steps.len() == 2).unwrap();
        assert_eq!(web.steps[0].call.as_ref().unwrap().to.len(), 2);
        assert_eq!((web.steps[0].own[0], web.steps[1].own[0]), (10, 10));
    }

    #[test]
    fn unfinished_and_orphaned_spans_are_counted_and_not_used() {
        let mut built = Builder { spans: Spans::default() };
        built.add("web", "", "web", Side::Server, 10, 0);
        built.add("lost", "elsewhere", "db", Side::Server, 10, 20);
        let found = system(&built.spans);
        assert_eq!((built.spans.unfinished, found.orphans, found.roots.len()), (1, 1, 0));
    }
}
