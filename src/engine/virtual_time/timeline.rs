//! Spans of the threads' states, when a trace was asked for.

use super::accounts::{Accounts, Scene};
use super::world::{NONE, World};
use crate::machine::Activity;
use crate::measure::record::{Flow, Span, TaskSpan, Timeline};
use crate::measure::{Cause, Epoch, Outcome};
use crate::scenario::Scenario;

/// Collects spans up to a bound; beyond it they are counted.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    most: usize,
    spans: Vec<Span>,
    flows: Vec<Flow>,
    omitted: u64,
    /// Place of each track's last span.
    last: Vec<usize>,
    /// By task: the thread that sent it.
    senders: Vec<u32>,
    /// By task: the thread that held the lock when the wait for it began.
    holders: Vec<u32>,
    /// Tasks that have ended.
    tasks: Vec<TaskSpan>,
    /// By task that has not ended: what is known of it.
    open: Vec<Open>,
    /// Tasks that have begun.
    begun: u64,
}

/// A task that has not ended.
#[derive(Clone, Copy, Debug, Default)]
struct Open {
    id: u64,
    parent: u64,
    awaited: bool,
    /// 0: no worker has taken it up.
    taken: u64,
    /// It came in the window, or a task that did sent it.
    kept: bool,
}

impl Recorder {
    pub(super) fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// Whether a trace was asked for.
    #[inline]
    pub(super) const fn wanted(&self) -> bool {
        self.most > 0
    }

    /// Notes the thread that sent a task, or nobody.
    pub(super) fn sent_by(&mut self, task: u32, thread: u32) {
        note(&mut self.senders, task, thread);
    }

    /// Notes a task that came from outside, unless it is said to be somebody's message.
    pub(super) fn begins(&mut self, task: u32, measured: bool) {
        self.begun += 1;
        if self.open.len() <= task as usize {
            self.open.resize(task as usize + 1, Open::default());
        }
        self.open[task as usize] = Open { id: self.begun, kept: measured, ..Open::default() };
    }

    /// Notes the task that sent another.
    fn caused_by(&mut self, task: u32, parent: u32, awaited: bool) {
        let by = self.open.get(parent as usize).copied().unwrap_or_default();
        let open = &mut self.open[task as usize];
        (open.parent, open.awaited, open.kept) = (by.id, awaited, by.kept);
    }

    /// Notes that a worker takes a task up.
    fn taken_up(&mut self, task: u32, now: u64) {
        self.open[task as usize].taken = now;
    }

    /// Notes who holds the lock that a task begins to wait for.
    pub(super) fn held_by(&mut self, task: u32, holder: u32) {
        note(&mut self.holders, task, holder);
    }

    /// Adds a span, or lengthens the track's last one when it only goes on.
    fn add(&mut self, span: Span) {
        if self.last.len() <= span.track {
            self.last.resize(span.track + 1, usize::MAX);
        }
        if let Some(last) = self.spans.get_mut(self.last[span.track])
            && last.start_ns + last.length_ns == span.start_ns
            && (&last.state, &last.label, last.task) == (&span.state, &span.label, span.task)
        {
            last.length_ns += span.length_ns;
        } else if self.spans.len() < self.most {
            self.last[span.track] = self.spans.len();
            self.spans.push(span);
        } else {
            self.omitted += 1;
        }
    }

    pub(super) fn into_timeline(mut self, scenario: &Scenario) -> Timeline {
        self.spans.sort_by_key(|span| (span.track, span.start_ns));
        let names = scenario.actors.iter().flat_map(|actor| std::iter::repeat_n(&actor.name, actor.threads));
        let tracks = names.enumerate().map(|(index, name)| format!("{name}-{index}")).collect();
        self.tasks.sort_by_key(|task| (task.arrived_ns, task.id));
        Timeline { tracks, spans: self.spans, flows: self.flows, tasks: self.tasks, omitted: self.omitted }
    }
}

/// Sets the entry of `task`.
fn note(table: &mut Vec<u32>, task: u32, value: u32) {
    if table.len() <= task as usize {
        table.resize(task as usize + 1, NONE);
    }
    table[task as usize] = value;
}

impl Accounts<'_> {
    /// Notes that a thread was in a state for `time` up to now.
    #[cold]
    pub(super) fn note_span(&mut self, thread: u32, activity: Activity, cause: Cause, time: u64) {
        let Scene { scenario, code, now, window_start, workers, measuring } = self.scene;
        if !measuring || thread as usize >= workers {
            return;
        }
        let state = &self.threads[thread as usize];
        let task = (state.task != NONE).then(|| &self.tasks[state.task as usize]);
        let shown = match (activity, cause) {
            (Activity::Ready, _) => Cause::RunQueue,
            (Activity::Blocked, _) if task.is_none() => Cause::Idle,
            (Activity::Working, _) if task.is_none() => return,
            (_, Cause::Queue) => Cause::Idle,
            _ => cause,
        };
        let label = match (shown, task) {
            (Cause::Execution, Some(task)) => scenario.actors[task.actor as usize]
                .steps
                .get((task.step - code.entries[task.actor as usize].step) as usize)
                .map_or("", |step| &step.name),
            (Cause::Lock, Some(task)) => scenario.locks.get(task.lock as usize).map_or("", |lock| &lock.name),
            _ => "",
        };
        let holder = self.timeline.holders.get(state.task as usize).filter(|_| shown == Cause::Lock);
        let held_by = holder.copied().unwrap_or(NONE) as usize;
        let start = (now - time).max(window_start);
        let span = Span {
            track: thread as usize,
            start_ns: start - window_start,
            length_ns: now - start,
            state: shown.key().into(),
            label: label.into(),
            // A lock that belongs to a task off its worker has no thread to name.
            holder: (held_by < workers && held_by != thread as usize).then_some(held_by),
            task: task.map_or(0, |_| self.timeline.open.get(state.task as usize).map_or(0, |open| open.id)),
        };
        self.timeline.add(span);
    }
}

impl World<'_> {
    /// Notes the task that sent a message: what the thread is at.
    #[cold]
    pub(super) fn note_cause(&mut self, message: u32, thread: u32) {
        self.timeline.sent_by(message, thread);
        let awaited = self.tasks[message as usize].answer_to != NONE;
        let sender = self.threads[thread as usize].task;
        if sender != NONE {
            self.timeline.caused_by(message, sender, awaited);
        }
    }

    /// Notes the end of a task of `actor` that arrived at `arrived`.
    #[cold]
    pub(super) fn note_end(&mut self, slot: u32, actor: u32, outcome: Outcome) {
        let open = self.timeline.open[slot as usize];
        if !open.kept {
            return;
        }
        if self.timeline.tasks.len() >= self.timeline.most {
            self.timeline.omitted += 1;
            return;
        }
        let spec = &self.scenario.actors[actor as usize];
        let kind = if self.more.used { self.more.extras[slot as usize].kind as usize } else { 0 };
        let of = match spec.kinds.get(kind) {
            Some(kind) if !kind.name.is_empty() => format!("{}.{}", spec.name, kind.name),
            _ => spec.name.clone(),
        };
        let members = self.layout.members(self.home(actor) as usize);
        let instance =
            members.iter().position(|member| *member == actor as usize).map_or(0, |at| at as u64 + 1);
        let from_start = |at: u64| at.saturating_sub(self.window_start);
        let arrived = self.tasks[slot as usize].arrived;
        let taken = if open.taken == 0 { self.now } else { open.taken };
        let ended = self.now.max(arrived);
        self.timeline.tasks.push(TaskSpan {
            id: open.id,
            parent: open.parent,
            awaited: open.awaited,
            of,
            instance,
            arrived_ns: from_start(arrived),
            taken_ns: from_start(taken.max(arrived)),
            ended_ns: from_start(ended),
            end: outcome.key().to_owned(),
        });
    }

    /// Notes that a thread took up a message.
    #[cold]
    pub(super) fn note_flow(&mut self, thread: u32, task: u32) {
        self.timeline.taken_up(task, self.now);
        let message = &self.tasks[task as usize];
        let sender = self.timeline.senders.get(task as usize).copied().unwrap_or(NONE);
        if message.epoch != Epoch::Inside || sender == NONE || self.timeline.flows.len() >= self.timeline.most
        {
            return;
        }
        self.timeline.flows.push(Flow {
            from_track: sender as usize,
            sent_ns: message.arrived - self.window_start,
            to_track: thread as usize,
            taken_ns: self.now - self.window_start,
        });
    }
}
