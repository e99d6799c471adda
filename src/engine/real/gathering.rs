//! Batches: steps that one task does for itself and others. See the virtual engine's `batches` for the rules.

use crate::measure::record::BatchRecord;
use crate::scenario::BatchSpec;
use crate::units::Nanos;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// A batch step while it is in use.
#[derive(Debug)]
pub(super) struct Gathering {
    spec: BatchSpec,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    busy: bool,
    /// Whoever gathers a batch, to be woken when it is full.
    leader: Option<Waker>,
    waiting: VecDeque<Arc<Member>>,
    figures: BatchRecord,
}

/// A task that waits for a batch.
#[derive(Debug)]
pub(super) struct Member {
    since: Nanos,
    state: Mutex<(Told, Option<Waker>)>,
}

/// What a member has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing.
    Waits,
    /// It is to lead the next batch.
    Leads,
    /// Others have done it.
    Done,
}

/// The part that a task has in a batch as it comes.
#[derive(Debug)]
pub(super) enum Part {
    /// It leads, and gathers others until then.
    Leads(Nanos),
    /// It waits.
    Follows(Arc<Member>),
}

impl Member {
    fn state(&self) -> MutexGuard<'_, (Told, Option<Waker>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, told: Told) {
        let mut state = self.state();
        state.0 = told;
        if let Some(waker) = state.1.take() {
            waker.wake();
        }
    }

    /// Ready when it has been told something.
    pub(super) fn told(&self) -> impl Future<Output = Told> + Send + '_ {
        poll_fn(|context| {
            let mut state = self.state();
            if state.0 == Told::Waits {
                state.1 = Some(context.waker().clone());
                Poll::Pending
            } else {
                Poll::Ready(state.0)
            }
        })
    }
}

impl Gathering {
    pub(super) fn new(spec: BatchSpec) -> Self {
        Self { spec, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_full(&self, state: &State) -> bool {
        state.waiting.len() + 1 >= self.spec.most
    }

    /// A task comes.
    pub(super) fn come(&self, now: Nanos) -> Part {
        let mut state = self.state();
        if !state.busy {
            state.busy = true;
            return Part::Leads(now + self.spec.within);
        }
        let member = Arc::new(Member { since: now, state: Mutex::new((Told::Waits, None)) });
        state.waiting.push_back(Arc::clone(&member));
        if self.is_full(&state)
            && let Some(leader) = state.leader.take()
        {
            leader.wake();
        }
        Part::Follows(member)
    }

    /// Until when a member that leads from now on gathers others.
    pub(super) fn gathers_until(&self, member: &Member) -> Nanos {
        member.since + self.spec.within
    }

    /// Ready when the batch is full.
    pub(super) fn full(&self) -> impl Future<Output = ()> + Send + '_ {
        poll_fn(|context| {
            let mut state = self.state();
            if self.is_full(&state) {
                Poll::Ready(())
            } else {
                state.leader = Some(context.waker().clone());
                Poll::Pending
            }
        })
    }

    /// The leader begins: others who wait come with it. What happens in the warm-up is not counted.
    pub(super) fn depart(&self, measured: bool) -> Vec<Arc<Member>> {
        let mut state = self.state();
        state.leader = None;
        let others = state.waiting.len().min(self.spec.most - 1);
        let members: Vec<_> = state.waiting.drain(..others).collect();
        if measured {
            let size = 1 + members.len() as u64;
            state.figures.batches += 1;
            state.figures.tasks += size;
            state.figures.largest = state.figures.largest.max(size);
        }
        members
    }

    /// A batch is done: its members go on, and the first who waits leads the next one.
    pub(super) fn done(&self, members: &[Arc<Member>]) {
        members.iter().for_each(|member| member.tell(Told::Done));
        let mut state = self.state();
        let next = state.waiting.pop_front();
        state.busy = next.is_some();
        drop(state);
        if let Some(next) = next {
            next.tell(Told::Leads);
        }
    }

    /// What was done in batches.
    pub(super) fn figures(&self) -> BatchRecord {
        self.state().figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_meanwhile_belongs_to_the_next_batch_up_to_its_size() {
        let gathering = Gathering::new(BatchSpec { most: 2, within: Nanos(5) });
        assert!(matches!(gathering.come(Nanos(10)), Part::Leads(Nanos(15))));
        let members: Vec<_> = (0..4)
            .map(|task| match gathering.come(Nanos(11 + task)) {
                Part::Follows(member) => member,
                Part::Leads(_) => panic!("two lead"),
            })
            .collect();
        let first = gathering.depart(true);
        assert_eq!(first.len(), 1);
        gathering.done(&first);
        let told: Vec<Told> = members.iter().map(|member| member.state().0).collect();
        assert_eq!(told, [Told::Done, Told::Leads, Told::Waits, Told::Waits]);
        assert_eq!(gathering.gathers_until(&members[1]), Nanos(17));
        let second = gathering.depart(false);
        gathering.done(&second);
        assert_eq!(gathering.figures(), BatchRecord { batches: 1, tasks: 2, largest: 2 });
    }
}
