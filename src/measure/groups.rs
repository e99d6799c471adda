//! Tasks by how they ended, and figures of some of an actor's tasks: of one kind, or of one phase of its load.

use super::ledger::Finished;
use super::record::{ActorRecord, GroupRecord, PhaseRecord};
use super::tally::Tally;
use crate::units::Nanos;

/// How a task ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    #[default]
    Completed,
    /// By a full queue, or shed.
    Refused,
    /// It, or a call of its, waited for too long.
    TimedOut,
    /// It, or a call of its, failed.
    Failed,
    /// Its caller withdrew it.
    Cancelled,
}

impl Outcome {
    /// Its word in records.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Refused => "refused",
            Self::TimedOut => "timed-out",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Tasks that ended neither completed nor refused, and completed ones whose callers had gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// See [`Outcome::TimedOut`].
    pub timed_out: u64,
    /// See [`Outcome::Failed`].
    pub failed: u64,
    /// See [`Outcome::Cancelled`].
    pub cancelled: u64,
    /// Completed, but nobody waited for the answer any more.
    pub wasted: u64,
    /// Of those that failed, those whose worker died under them, of a panic or by an event.
    pub died: u64,
    /// What those that did not complete spent on steps.
    pub steps_ns: u64,
}

impl Ends {
    pub(super) const fn merge(&mut self, other: Self) {
        self.timed_out += other.timed_out;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
        self.wasted += other.wasted;
        self.died += other.died;
        self.steps_ns += other.steps_ns;
    }
}

/// Figures of some of an actor's tasks.
#[derive(Clone, Debug, Default)]
pub struct Group {
    issued: u64,
    refused: u64,
    ends: Ends,
    sojourn: Tally,
    wait: Tally,
}

impl Group {
    /// Notes a task that arrived.
    pub const fn issue(&mut self) {
        self.issued += 1;
    }

    /// Notes a task that completed.
    pub fn finish(&mut self, task: &Finished) {
        self.sojourn.record(task.ended.saturating_sub(task.arrived));
        self.wait.record(task.started.saturating_sub(task.arrived));
    }

    /// Notes a task that ended otherwise; a completed one is for [`finish`](Self::finish).
    pub const fn end(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Completed => {}
            Outcome::Refused => self.refused += 1,
            Outcome::TimedOut => self.ends.timed_out += 1,
            Outcome::Failed => self.ends.failed += 1,
            Outcome::Cancelled => self.ends.cancelled += 1,
        }
    }

    /// Adds everything that `other` noted.
    pub fn merge(&mut self, other: &Self) {
        self.issued += other.issued;
        self.refused += other.refused;
        self.ends.merge(other.ends);
        self.sojourn.merge(&other.sojourn);
        self.wait.merge(&other.wait);
    }

    /// The record, over a time of this length.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate of tasks")]
    pub fn into_record(self, length: Nanos) -> GroupRecord {
        let completed = self.sojourn.count();
        let ended = completed + self.refused + self.ends.timed_out + self.ends.failed + self.ends.cancelled;
        let seconds = length.as_secs_f64();
        GroupRecord {
            issued: self.issued,
            completed,
            refused: self.refused,
            timed_out: self.ends.timed_out,
            failed: self.ends.failed,
            cancelled: self.ends.cancelled,
            in_flight: self.issued.saturating_sub(ended),
            throughput_per_s: if seconds > 0.0 { completed as f64 / seconds } else { 0.0 },
            sojourn_ns: self.sojourn.distribution(),
            wait_ns: self.wait.distribution(),
        }
    }
}

/// Figures of an actor's kinds of task, and of the phases of its load. Instants are counted from the start of the run.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    kinds: Vec<Group>,
    phases: Vec<Group>,
    /// Ends of the phases but the last.
    ends: Vec<Nanos>,
}

impl Groups {
    /// For an actor with this many kinds (0: one without a name), and phases of these lengths.
    #[must_use]
    pub fn new(kinds: usize, lengths: impl Iterator<Item = Nanos>) -> Self {
        let mut end = Nanos::ZERO;
        let mut ends: Vec<Nanos> = lengths
            .map(|length| {
                end += length;
                end
            })
            .collect();
        let phases = vec![Group::default(); ends.len()];
        ends.pop();
        Self { kinds: vec![Group::default(); kinds], phases, ends }
    }

    /// The groups that a task belongs to which arrived at `at` and is of this kind.
    pub fn of(&mut self, at: Nanos, kind: u32) -> impl Iterator<Item = &mut Group> {
        let phase = self.ends.partition_point(|end| *end <= at);
        self.kinds.get_mut(kind as usize).into_iter().chain(self.phases.get_mut(phase))
    }

    /// Adds everything that `other` noted of the same actor.
    pub fn merge(&mut self, other: &Self) {
        self.kinds.iter_mut().zip(&other.kinds).for_each(|(mine, theirs)| mine.merge(theirs));
        self.phases.iter_mut().zip(&other.phases).for_each(|(mine, theirs)| mine.merge(theirs));
    }

    /// Adds the groups to the actor's record; its kinds have these names. The measured window lies between `start` and `end`.
    pub fn add_to<'a>(
        self,
        record: &mut ActorRecord,
        names: impl Iterator<Item = &'a str>,
        [start, end]: [Nanos; 2],
    ) {
        let window = end.saturating_sub(start);
        let named = names.map(|name| if name.is_empty() { "steps" } else { name }.to_owned());
        record.kinds = named.zip(self.kinds).map(|(name, group)| (name, group.into_record(window))).collect();
        let mut from = Nanos::ZERO;
        for (place, group) in self.phases.into_iter().enumerate() {
            let to = self.ends.get(place).copied().unwrap_or(end).min(end);
            let measured = to.saturating_sub(from.max(start));
            record.phases.push(PhaseRecord {
                from_ns: from.min(end).0,
                to_ns: to.0,
                recovery: None,
                tasks: group.into_record(measured),
            });
            from = to;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_in_its_kind_and_in_the_phase_in_which_it_arrived() {
        let seconds = |length: u64| Nanos::from_secs(length);
        let mut groups = Groups::new(2, [seconds(1), seconds(2)].into_iter());
        for (at, kind) in [(0, 0), (1, 1), (9, 1)] {
            groups.of(seconds(at), kind).for_each(Group::issue);
        }
        groups.of(seconds(9), 1).for_each(|group| group.end(Outcome::Failed));
        let mut record = ActorRecord::default();
        groups.add_to(&mut record, ["", "scan"].into_iter(), [Nanos::ZERO, seconds(10)]);
        let issued: Vec<u64> = record.phases.iter().map(|phase| phase.tasks.issued).collect();
        assert_eq!((issued, record.phases[1].to_ns), (vec![1, 2], 10_000_000_000));
        assert_eq!((record.kinds["steps"].issued, record.kinds["scan"].issued), (1, 2));
        assert_eq!((record.kinds["scan"].failed, record.kinds["scan"].in_flight), (1, 1));
    }
}
