//! What a scenario may say beyond actors that wait for each other: pools, kinds of request, deadlines, phases, events.

use crate::units::Nanos;
use crate::workload::Draw;
use std::fmt;
use std::sync::Arc;

/// Places that tasks hold over a step: connections, permits, slots.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolSpec {
    /// Its name in the file and in records.
    pub name: String,
    /// Places, at least 1.
    pub size: usize,
    /// Who gets a place that falls free.
    pub next: Next,
    /// How long a task waits for a place before it gives up; `None`: for ever.
    pub timeout: Option<Draw>,
}

/// Who gets what falls free while others wait for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Next {
    /// Whoever comes first: a running thread may overtake one that is being woken.
    #[default]
    Barge,
    /// The longest waiter, to whom it is handed.
    Fifo,
    /// Whoever comes first, until somebody has waited for this long: then it is handed to that one (as Go's mutex does).
    Handover(Nanos),
}

/// How a thread waits for a mutex.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// Asleep, until it is woken.
    #[default]
    Park,
    /// On its processor for at most this long, then asleep.
    Spin(Nanos),
    /// Asleep for this long at a time, and trying again.
    Poll(Nanos),
}

/// Who is let in first where readers share a lock and writers do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prefer {
    /// No reader comes in while a writer waits.
    #[default]
    Writers,
    /// A reader comes in while no writer is inside.
    Readers,
    /// In the order of coming.
    Fifo,
}

impl Prefer {
    /// Every preference.
    pub const ALL: [Self; 3] = [Self::Writers, Self::Readers, Self::Fifo];

    /// The word for it in scenarios.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Writers => "writers",
            Self::Readers => "readers",
            Self::Fifo => "fifo",
        }
    }
}

/// A kind of request that an actor answers: a part of its steps.
#[derive(Clone, Debug, PartialEq)]
pub struct KindSpec {
    /// Its name; empty for the steps of the actor itself.
    pub name: String,
    /// Index of its first step among the actor's.
    pub first: usize,
    /// How many steps it has.
    pub count: usize,
    /// Tasks of a higher priority leave the queue before those of a lower one.
    pub priority: u32,
}

/// Whom a message goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Index of the actor.
    pub actor: usize,
    /// Index into its kinds; 0 where it has none.
    pub kind: usize,
}

/// A call that is more than one message and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct CallSpec {
    /// One message to each of these, in order.
    pub parts: Vec<Target>,
    /// Answers that are waited for, from 1 to the number of parts.
    pub need: usize,
    /// Most messages that are under way at once.
    pub parallel: usize,
    /// A part without an answer for this long is asked for once more.
    pub hedge: Option<Nanos>,
    /// How long the answers are waited for.
    pub timeout: Option<Draw>,
    /// Whether messages whose answers are no longer waited for are withdrawn.
    pub cancel: bool,
    /// What happens when the answers do not come.
    pub retry: Option<Retry>,
}

impl CallSpec {
    /// A call of one actor, whose answer is waited for as long as it takes.
    #[must_use]
    pub fn plain(target: Target) -> Self {
        Self {
            parts: vec![target],
            need: 1,
            parallel: 1,
            hedge: None,
            timeout: None,
            cancel: false,
            retry: None,
        }
    }
}

/// How often, and when, a call is tried again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// Further attempts, at least 1.
    pub times: u32,
    /// Wait before the first of them.
    pub after: Nanos,
    /// What the wait is multiplied by from one attempt to the next, at least 1.
    pub factor: f64,
    /// Share of the wait that is left to chance, in 0..1: the wait is uniform between (1 − jitter) of it and all of it.
    pub jitter: f64,
    /// Retries per call, in 0..1, that the step as a whole may make; `None`: any.
    pub budget: Option<f64>,
}

impl Retry {
    /// The wait before further attempt `attempt`, counted from 0, with a random number in `[0, 1)`.
    #[must_use]
    pub fn wait(&self, attempt: u32, unit: f64) -> Nanos {
        let factor = libm::pow(self.factor, f64::from(attempt)) * (1.0 - self.jitter * unit);
        self.after.scaled(factor).min(super::LONGEST)
    }
}

/// Most unused retries that a budget saves up: ten seconds of trouble must not spend what an hour of peace has saved.
const MAX_SAVED: f64 = 10.0;

/// What is left of a [`Retry::budget`]: each call adds its share, each retry takes one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    share: f64,
    left: f64,
}

impl Budget {
    /// A budget that begins with all that it may save.
    #[must_use]
    pub const fn new(share: f64) -> Self {
        Self { share, left: MAX_SAVED }
    }

    /// A call is made for the first time.
    pub fn call(&mut self) {
        self.left = (self.left + self.share).min(MAX_SAVED);
    }

    /// Whether a retry may be made; it is then taken off.
    pub fn retry(&mut self) -> bool {
        let may = self.left >= 1.0;
        self.left -= if may { 1.0 } else { 0.0 };
        may
    }
}

/// What a full queue does with one more task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// Whoever brings it waits, open load too.
    Block,
    /// It is refused, whoever brings it.
    Refuse,
    /// It is taken in, and the oldest in the queue is refused.
    DropOldest,
}

impl Full {
    /// Every answer.
    pub const ALL: [Self; 3] = [Self::Block, Self::Refuse, Self::DropOldest];

    /// The word for it in scenarios.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Refuse => "refuse",
            Self::DropOldest => "drop-oldest",
        }
    }
}

/// Which of an actor's instances a message goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Route {
    /// Any, each as likely as the others.
    #[default]
    Random,
    /// One after the other.
    RoundRobin,
    /// One that has the fewest tasks, waiting and served.
    Shortest,
    /// Always the same one for the same client, or for the same task that sends.
    Hash,
}

impl Route {
    /// Every route.
    pub const ALL: [Self; 4] = [Self::Random, Self::RoundRobin, Self::Shortest, Self::Hash];

    /// The word for it in scenarios.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::RoundRobin => "round-robin",
            Self::Shortest => "shortest",
            Self::Hash => "hash",
        }
    }
}

/// When an actor refuses work although it has room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shed {
    /// So many tasks are in the queue: a new one is refused.
    Length(usize),
    /// A task has been in the queue for so long when a worker takes it: it is refused then.
    Age(Nanos),
}

/// A stretch of open load at one rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Phase {
    /// How long.
    pub length: Nanos,
    /// Tasks per second; 0: none.
    pub rate: f64,
}

/// How a load differs from one kind of task at one rate.
#[derive(Clone, Default, PartialEq)]
pub struct Pattern {
    /// Weights of the actor's kinds; empty: the first alone.
    pub mix: Vec<f64>,
    /// Rates one after the other, from the start of the run; the last goes on. Empty: one rate.
    pub phases: Vec<Phase>,
    /// Recorded arrivals, from the start of the run, ascending; nobody arrives after the last.
    pub recorded: Option<Arc<[Nanos]>>,
    /// The kinds of the recorded arrivals, one each, as indices into the actor's; `None`: drawn by `mix`.
    pub recorded_kinds: Option<Arc<[usize]>>,
}

impl Pattern {
    /// The kind of task `number` of the load, where that was recorded.
    #[must_use]
    pub fn recorded_kind(&self, number: u64) -> Option<usize> {
        self.recorded_kinds.as_ref()?.get(usize::try_from(number).ok()?).copied()
    }
}

impl fmt::Debug for Pattern {
    /// What is not said is left out, so that digests of scenarios without it stay.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mix, phases, recorded, recorded_kinds } = self;
        let mut shown = f.debug_struct("Pattern");
        if !mix.is_empty() {
            shown.field("mix", mix);
        }
        if !phases.is_empty() {
            shown.field("phases", phases);
        }
        if let Some(recorded) = recorded {
            shown.field("recorded", recorded);
        }
        if let Some(kinds) = recorded_kinds {
            shown.field("recorded_kinds", kinds);
        }
        shown.finish()
    }
}

/// Cost that grows with concurrency: whatever an actor's tasks do takes longer, the more of them are under way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slowdown {
    /// Tasks under way up to which nothing takes longer.
    pub beyond: u64,
    /// How much longer it takes for each further one, as a share (0 to 1) of what it takes alone.
    pub each: f64,
}

impl Slowdown {
    /// What times are multiplied by while so many tasks are under way.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts of tasks")]
    pub fn factor(&self, under_way: u64) -> f64 {
        1.0 + self.each * under_way.saturating_sub(self.beyond) as f64
    }
}

/// Which tasks panic at a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Panics {
    /// Any, with this chance, in 0..1.
    Chance(f64),
    /// The one that comes to it as this one, from 1 on.
    Task(u64),
    /// Each that comes to it as a multiple of this one.
    Every(u64),
}

impl Panics {
    /// Whether the task panics that comes to the step as `number`, from 1 on; `unit` is a random number in `[0, 1)`.
    #[must_use]
    pub fn panics(self, number: u64, unit: f64) -> bool {
        match self {
            Self::Chance(chance) => unit < chance,
            Self::Task(task) => number == task,
            Self::Every(every) => number.is_multiple_of(every),
        }
    }
}

/// Workers that die when an event begins, and are back when it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kill {
    /// Whose.
    pub actor: usize,
    /// How many of them; `None`: all.
    pub workers: Option<usize>,
}

/// Something that happens to actors: a stop of the world, an outage, workers that die.
#[derive(Clone, PartialEq)]
pub struct EventSpec {
    /// Its name in the file and in records.
    pub name: String,
    /// When it begins first, from the start of the run.
    pub at: Nanos,
    /// From one beginning to the next; `None`: once.
    pub every: Option<Draw>,
    /// How long it lasts.
    pub length: Draw,
    /// Whom it keeps off the processors; `None`: everybody. Of no meaning where it kills.
    pub pause: Option<usize>,
    /// Whose workers it kills, instead.
    pub kill: Option<Kill>,
}

impl fmt::Debug for EventSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, at, every, length, pause, kill } = self;
        let mut shown = f.debug_struct("EventSpec");
        shown.field("name", name).field("at", at).field("every", every).field("length", length);
        shown.field("pause", pause);
        if let Some(kill) = kill {
            shown.field("kill", kill);
        }
        shown.finish()
    }
}

/// A limit on processor time, as a control group's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quota {
    /// Processors' worth of time, above 0.
    pub processors: f64,
    /// The time over which it is counted.
    pub period: Nanos,
}

impl Quota {
    /// Processor time allowed in each period.
    #[must_use]
    pub fn time(&self) -> Nanos {
        self.period.scaled(self.processors)
    }
}

/// A step that several tasks do at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSpec {
    /// Most tasks of a batch, at least 1.
    pub most: usize,
    /// How long the first waits for others.
    pub within: Nanos,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_between_attempts_grow_and_jitter_only_shortens_them() {
        let retry = Retry { times: 3, after: Nanos(1000), factor: 2.0, jitter: 0.5, budget: None };
        assert_eq!([0, 1, 2].map(|attempt| retry.wait(attempt, 0.0).0), [1000, 2000, 4000]);
        assert_eq!(retry.wait(1, 0.5), Nanos(1500));
        assert_eq!(retry.wait(4000, 0.0), super::super::LONGEST);
    }

    #[test]
    fn panics_count_from_one_and_slow_downs_from_what_is_beyond() {
        let which =
            |panics: Panics| (1..=9).filter(|number| panics.panics(*number, 0.5)).collect::<Vec<u64>>();
        assert_eq!((which(Panics::Task(3)), which(Panics::Every(4))), (vec![3], vec![4, 8]));
        assert_eq!((which(Panics::Chance(0.5)).len(), which(Panics::Chance(0.6)).len()), (0, 9));
        let slowdown = Slowdown { beyond: 4, each: 0.5 };
        assert!([4, 5, 8].into_iter().map(|tasks| slowdown.factor(tasks)).eq([1.0, 1.5, 3.0]));
    }

    #[test]
    fn a_budget_gives_its_share_and_saves_little() {
        let mut budget = Budget::new(0.1);
        let at_once = (0..100).filter(|_| budget.retry()).count();
        assert_eq!(at_once, 10);
        let granted = (0..10_000)
            .filter(|_| {
                budget.call();
                budget.retry()
            })
            .count();
        assert!((999..=1000).contains(&granted), "{granted}");
        (0..10_000).for_each(|_| budget.call());
        assert_eq!((0..100).filter(|_| budget.retry()).count(), 10);
    }
}
