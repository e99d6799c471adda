//! Single tasks of a trace from arrival to end: what they did themselves, in order, and in place of each call what the task that answered it did.
//!
//! Of several answers that a task awaits at once the last one counts, and of that one's own calls the same: the critical path. Its pieces
//! are disjoint and sum to the sojourn.

use super::as_f64;
use crate::measure::Cause;
use crate::measure::record::{Span, TaskSpan, Timeline};
use std::collections::BTreeMap;

/// Calls within calls that are followed.
const DEEPEST: usize = 8;

/// A stretch of a task's critical path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The actors from the one in focus to the one whose task this is of, as `web → db`.
    pub(super) place: String,
    /// Calls between the task and this.
    pub(super) depth: usize,
    /// What it was.
    pub(super) cause: Cause,
    /// Step or lock.
    pub(super) label: String,
    /// From the start of the window.
    pub(super) start_ns: u64,
    /// Its length.
    pub(super) length_ns: u64,
    /// The track that it was on; none in a queue.
    pub(super) track: Option<usize>,
    /// Of a wait: the track that was in the way, and what it was at, as `actor.step`.
    pub(super) holder: Option<(usize, String)>,
}

/// A trace, ready to follow tasks.
pub(super) struct Paths<'record> {
    timeline: &'record Timeline,
    tasks: BTreeMap<u64, &'record TaskSpan>,
    /// By task, in order of start.
    spans: BTreeMap<u64, Vec<&'record Span>>,
    /// By task: those that it sent and waited for.
    awaited: BTreeMap<u64, Vec<&'record TaskSpan>>,
    /// By track, in order of start.
    tracks: Vec<Vec<&'record Span>>,
    /// What ended later is not in the trace as a whole.
    until: u64,
}

impl<'record> Paths<'record> {
    /// `None` where the trace has no whole tasks.
    pub(super) fn of(timeline: &'record Timeline) -> Option<Self> {
        if timeline.tasks.is_empty() {
            return None;
        }
        let mut spans: BTreeMap<u64, Vec<&Span>> = BTreeMap::new();
        let mut tracks: Vec<Vec<&Span>> = vec![Vec::new(); timeline.tracks.len()];
        // A damaged record may name tracks that it does not have.
        for span in timeline.spans.iter().filter(|span| span.state != "task") {
            let Some(track) = tracks.get_mut(span.track) else { continue };
            track.push(span);
            if span.task != 0 {
                spans.entry(span.task).or_default().push(span);
            }
        }
        tracks.iter_mut().for_each(|of| of.sort_by_key(|span| span.start_ns));
        spans.values_mut().for_each(|of| of.sort_by_key(|span| span.start_ns));
        let mut awaited: BTreeMap<u64, Vec<&TaskSpan>> = BTreeMap::new();
        for task in
            timeline.tasks.iter().filter(|task| task.awaited && task.parent != 0 && task.parent != task.id)
        {
            awaited.entry(task.parent).or_default().push(task);
        }
        let last = timeline.spans.iter().map(|span| span.start_ns.saturating_add(span.length_ns)).max();
        let until = if timeline.omitted > 0 { last.unwrap_or(0) } else { u64::MAX };
        let tasks = timeline.tasks.iter().map(|task| (task.id, task)).collect();
        Some(Self { timeline, tasks, spans, awaited, tracks, until })
    }

    /// The completed tasks of `actor` that the trace has whole, the slowest first.
    pub(super) fn completed(&self, actor: &str) -> Vec<&'record TaskSpan> {
        let mut found: Vec<&TaskSpan> = self
            .timeline
            .tasks
            .iter()
            .filter(|task| actor_of(task) == actor && task.end == "completed" && task.ended_ns <= self.until)
            .collect();
        found.sort_by_key(|task| (std::cmp::Reverse(sojourn(task)), task.arrived_ns, task.id));
        found
    }

    /// The name of a track.
    pub(super) fn track(&self, track: usize) -> &'record str {
        self.timeline.tracks.get(track).map_or("", String::as_str)
    }

    /// A task's critical path, in order of time.
    pub(super) fn pieces(&self, task: &TaskSpan) -> Vec<Piece> {
        let mut pieces = Vec::new();
        self.walk(task, (task.arrived_ns, task.ended_ns), actor_of(task), 0, &mut pieces);
        pieces.retain(|piece| piece.length_ns > 0);
        pieces
    }

    /// What `task` did between two instants.
    fn walk(&self, task: &TaskSpan, (from, to): (u64, u64), place: &str, depth: usize, out: &mut Vec<Piece>) {
        if from >= to {
            return;
        }
        let piece = |cause, start_ns: u64, end: u64| Piece {
            place: place.to_owned(),
            depth,
            cause,
            label: String::new(),
            start_ns,
            length_ns: end.saturating_sub(start_ns),
            track: None,
            holder: None,
        };
        let taken = task.taken_ns.clamp(from, to);
        if taken > from {
            out.push(Piece { holder: self.before(task), ..piece(Cause::Queue, from, taken) });
        }
        let mut at = taken;
        for span in self.spans.get(&task.id).map_or(&[][..], Vec::as_slice) {
            let start = span.start_ns.clamp(at, to);
            let end = span.start_ns.saturating_add(span.length_ns).clamp(start, to);
            if start > at {
                self.through(task, piece(Cause::Residual, at, start), out);
            }
            let cause = Cause::of_key(&span.state).unwrap_or(Cause::Residual);
            let own = Piece {
                label: span.label.clone(),
                track: Some(span.track),
                holder: span.holder.and_then(|holder| self.at_work(holder, span.start_ns)),
                ..piece(cause, start, end)
            };
            if cause == Cause::Call {
                self.through(task, own, out)
            } else {
                out.push(own)
            }
            at = end;
        }
        if at < to {
            self.through(task, piece(Cause::Residual, at, to), out);
        }
    }

    /// A stretch in which a task waited for others: what those did, back from the last answer.
    fn through(&self, task: &TaskSpan, wait: Piece, out: &mut Vec<Piece>) {
        let start = wait.start_ns;
        let mut until = start.saturating_add(wait.length_ns);
        let rest =
            |from: u64, to: u64| Piece { start_ns: from, length_ns: to.saturating_sub(from), ..wait.clone() };
        let mut parts: Vec<Vec<Piece>> = Vec::new();
        let callees = self.awaited.get(&task.id).map_or(&[][..], Vec::as_slice);
        while until > start && wait.depth < DEEPEST {
            let within = callees.iter().filter(|callee| callee.arrived_ns < until && callee.ended_ns > start);
            let Some(callee) = within.max_by_key(|callee| (callee.ended_ns.min(until), callee.arrived_ns))
            else {
                break;
            };
            let (from, to) = (callee.arrived_ns.max(start), callee.ended_ns.min(until));
            if from >= to {
                break;
            }
            parts.push(vec![rest(to, until)]);
            let mut inner = Vec::new();
            let place = format!("{} → {}", wait.place, actor_of(callee));
            self.walk(callee, (from, to), &place, wait.depth + 1, &mut inner);
            parts.push(inner);
            until = from;
        }
        parts.push(vec![rest(start, until)]);
        out.extend(parts.into_iter().rev().flatten());
    }

    /// What a track was at, at an instant, as `actor.step`.
    fn at_work(&self, track: usize, at: u64) -> Option<(usize, String)> {
        let spans = self.tracks.get(track)?;
        let place = spans.partition_point(|span| span.start_ns <= at);
        let span = spans[..place].last()?;
        Some((track, self.words(span)))
    }

    fn words(&self, span: &Span) -> String {
        let actor = self.tasks.get(&span.task).map_or("", |task| actor_of(task));
        let step = if span.state == "execution" {
            span.label.as_str()
        } else {
            crate::report::page::state_label(&span.state)
        };
        match (actor.is_empty(), step.is_empty()) {
            (true, _) => step.to_owned(),
            (false, true) => actor.to_owned(),
            (false, false) => format!("{actor}.{step}"),
        }
    }

    /// What the worker that took a task up was at before.
    fn before(&self, task: &TaskSpan) -> Option<(usize, String)> {
        let track = self.spans.get(&task.id)?.first()?.track;
        let spans = &self.tracks[track];
        let place = spans.partition_point(|span| span.start_ns < task.taken_ns);
        let last = spans[..place].iter().rev().find(|span| span.task != 0 && span.task != task.id)?;
        let was_waited_for = last.start_ns.saturating_add(last.length_ns) > task.arrived_ns;
        let actor = self.tasks.get(&last.task).map_or("", |task| actor_of(task));
        (was_waited_for && !actor.is_empty()).then(|| (track, format!("{actor} before it")))
    }
}

/// The actor of a task, without its kind.
pub(super) fn actor_of(task: &TaskSpan) -> &str {
    task.of.split('.').next().unwrap_or(&task.of)
}

pub(super) const fn sojourn(task: &TaskSpan) -> u64 {
    task.ended_ns.saturating_sub(task.arrived_ns)
}

/// The sums of some tasks' pieces.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sum {
    /// Time.
    pub(super) time: f64,
    /// Of it, by what was in the way.
    pub(super) holders: BTreeMap<String, f64>,
}

/// Pieces by place, cause and lock, over all of `tasks`.
pub(super) fn sums(paths: &Paths<'_>, tasks: &[&TaskSpan]) -> BTreeMap<(String, Cause, String), Sum> {
    let mut sums: BTreeMap<(String, Cause, String), Sum> = BTreeMap::new();
    for piece in tasks.iter().flat_map(|task| paths.pieces(task)) {
        let label = if piece.cause == Cause::Queue { String::new() } else { piece.label };
        let sum = sums.entry((piece.place, piece.cause, label)).or_default();
        let time = as_f64(piece.length_ns);
        sum.time += time;
        if let Some((_, holder)) = piece.holder {
            *sum.holders.entry(holder).or_default() += time;
        }
    }
    sums
}

/// The tasks around the p99 of those given, the slowest first: the nearest by rank, at least ten and one in a hundred.
pub(super) fn around_p99<'tasks, 'record>(tasks: &'tasks [&'record TaskSpan]) -> &'tasks [&'record TaskSpan] {
    let number = (tasks.len() / 100).max(10).min(tasks.len());
    let rank = tasks.len() / 100;
    let from = rank.saturating_sub(number / 2).min(tasks.len() - number);
    &tasks[from..from + number]
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn span(track: usize, start_ns: u64, length_ns: u64, state: &str, label: &str, task: u64) -> Span {
        Span { track, start_ns, length_ns, state: state.into(), label: label.into(), holder: None, task }
    }

    fn task(id: u64, parent: u64, of: &str, times: (u64, u64, u64)) -> TaskSpan {
        TaskSpan {
            id,
            parent,
            awaited: parent != 0,
            of: of.into(),
            arrived_ns: times.0,
            taken_ns: times.1,
            ended_ns: times.2,
            end: "completed".into(),
            ..TaskSpan::default()
        }
    }

    /// Web waits in its queue behind another task, works, asks a database and a cache at once, of which the database answers last: it
    /// had queued, worked and waited for a lock that another of its threads held.
    pub(in crate::report::run) fn timeline() -> Timeline {
        let tracks = ["web-0", "db-0", "db-1", "cache-0"].map(String::from).into();
        let lock = Span { holder: Some(2), ..span(1, 50, 20, "lock", "pages", 3) };
        let spans = vec![
            span(0, 0, 20, "execution", "render", 1),
            span(0, 20, 10, "execution", "parse", 2),
            span(0, 30, 60, "call", "ask", 2),
            span(0, 90, 10, "execution", "render", 2),
            span(1, 40, 10, "execution", "plan", 3),
            lock,
            span(1, 70, 15, "execution", "read", 3),
            span(2, 45, 25, "execution", "vacuum", 5),
            span(3, 30, 10, "execution", "look", 4),
        ];
        let tasks = vec![
            task(1, 0, "web", (0, 0, 20)),
            task(2, 0, "web.page", (5, 20, 100)),
            task(3, 2, "db", (30, 40, 85)),
            task(4, 2, "cache", (30, 30, 40)),
            task(5, 0, "db", (45, 45, 70)),
        ];
        Timeline { tracks, spans, tasks, ..Timeline::default() }
    }

    #[test]
    fn a_task_is_followed_through_the_answer_that_came_last() {
        let timeline = timeline();
        let paths = Paths::of(&timeline).unwrap();
        let tasks = paths.completed("web");
        assert_eq!(tasks.iter().map(|task| task.id).collect::<Vec<_>>(), [2, 1], "the slowest first");
        let pieces = paths.pieces(tasks[0]);
        let told: Vec<(&str, Cause, &str, u64)> = pieces
            .iter()
            .map(|piece| (piece.place.as_str(), piece.cause, piece.label.as_str(), piece.length_ns))
            .collect();
        let (web, db) = ("web", "web → db");
        assert_eq!(
            told,
            [
                (web, Cause::Queue, "", 15),
                (web, Cause::Execution, "parse", 10),
                (db, Cause::Queue, "", 10),
                (db, Cause::Execution, "plan", 10),
                (db, Cause::Lock, "pages", 20),
                (db, Cause::Execution, "read", 15),
                // The answer was there, and the caller was not on its processor yet.
                (web, Cause::Call, "ask", 5),
                (web, Cause::Execution, "render", 10),
            ]
        );
        assert_eq!(pieces.iter().map(|piece| piece.length_ns).sum::<u64>(), sojourn(tasks[0]));
        assert_eq!(pieces[4].holder, Some((2, "db.vacuum".into())), "who held the lock, and at what");
        assert_eq!(pieces[0].holder, Some((0, "web before it".into())), "behind which task it queued");
        assert_eq!(pieces[2].holder, None, "the database's worker had nothing to do before");
    }

    #[test]
    fn sums_are_of_all_tasks_and_name_the_holder() {
        let timeline = timeline();
        let paths = Paths::of(&timeline).unwrap();
        let tasks = paths.completed("web");
        let sums = sums(&paths, &tasks);
        let whole: f64 = sums.values().map(|sum| sum.time).sum();
        assert!((whole - 115.0).abs() < 1e-9, "{whole}");
        let lock = &sums[&("web → db".to_owned(), Cause::Lock, "pages".to_owned())];
        assert!((lock.holders["db.vacuum"] - 20.0).abs() < 1e-9, "{lock:?}");
    }

    /// Whatever a damaged record says: tasks that sent themselves, circles, times that go back.
    #[test]
    fn a_damaged_trace_is_followed_without_end_or_panic() {
        let mut timeline = timeline();
        timeline.tasks[0].parent = 2;
        timeline.tasks[0].awaited = true;
        timeline.tasks[1].parent = 1;
        timeline.tasks[1].awaited = true;
        timeline.tasks[2].ended_ns = 3;
        timeline.tasks[3].parent = 4;
        timeline.tasks[3].taken_ns = u64::MAX;
        timeline.spans[3].length_ns = u64::MAX;
        timeline.spans[4].track = 99;
        let paths = Paths::of(&timeline).unwrap();
        for task in paths.completed("web") {
            assert!(paths.pieces(task).iter().map(|piece| piece.length_ns).sum::<u64>() <= sojourn(task));
        }
        assert!(Paths::of(&Timeline::default()).is_none());
    }

    #[test]
    fn the_tasks_around_the_p99_lie_around_its_rank() {
        let timeline = Timeline {
            tasks: (1..=2000).map(|id| task(id, 0, "web", (0, 0, id))).collect(),
            ..Timeline::default()
        };
        let paths = Paths::of(&timeline).unwrap();
        let tasks = paths.completed("web");
        let around: Vec<u64> = around_p99(&tasks).iter().map(|task| sojourn(task)).collect();
        assert_eq!((around.len(), around[0], around[19]), (20, 1990, 1971));
        assert_eq!(around_p99(&tasks[..3]).len(), 3);
    }
}
