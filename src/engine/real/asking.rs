//! A call that is more than one message and its answer, shared between whoever asks and whoever answers.

use super::register::Ticket;
use crate::measure::Outcome;
use crate::scenario::CallSpec;
use crate::units::Nanos;
use std::future::{Future, poll_fn};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// One attempt at a call.
#[derive(Debug)]
pub(super) struct Asking {
    state: Mutex<State>,
    /// Names the call in the register of waits.
    pub(super) ticket: Ticket,
    /// Whether messages whose answers are no longer waited for are withdrawn.
    cancel: bool,
}

#[derive(Debug)]
struct State {
    parts: Vec<Part>,
    next: usize,
    open: usize,
    answers: usize,
    dead: usize,
    need: usize,
    parallel: usize,
    /// How the last message that got no answer ended.
    worst: Outcome,
    closed: bool,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Part {
    copies: u32,
    answered: bool,
    hedged: bool,
    sent: Nanos,
    /// The actor that its last message went to.
    to: usize,
}

/// What is left of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outlook {
    /// Answers that are still needed; none when the call is decided.
    pub(super) needed: usize,
    /// Parts that were sent and have no answer yet.
    pub(super) open: usize,
    /// The actors that they went to.
    pub(super) to: Vec<usize>,
    /// Parts that may yet be sent.
    pub(super) unsent: usize,
}

/// What there is to do for whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// There are enough answers.
    Answered,
    /// There cannot be enough any more; the last one that failed ended so.
    Hopeless(Outcome),
    /// This part may be sent.
    Send(usize),
    /// Nothing.
    Wait,
}

impl State {
    fn due(&self) -> Due {
        if self.answers >= self.need {
            Due::Answered
        } else if self.parts.len() - self.dead < self.need {
            Due::Hopeless(self.worst)
        } else if self.next < self.parts.len() && self.open < self.parallel {
            Due::Send(self.next)
        } else {
            Due::Wait
        }
    }
}

impl Asking {
    pub(super) fn new(calls: &CallSpec, ticket: Ticket) -> Self {
        let state = State {
            parts: vec![Part::default(); calls.parts.len()],
            next: 0,
            open: 0,
            answers: 0,
            dead: 0,
            need: calls.need,
            parallel: calls.parallel,
            worst: Outcome::Failed,
            closed: false,
            waker: None,
        };
        Self { state: Mutex::new(state), ticket, cancel: calls.cancel }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is left of it.
    pub(super) fn outlook(&self) -> Outlook {
        let state = self.state();
        let decided = matches!(state.due(), Due::Answered | Due::Hopeless(_));
        Outlook {
            needed: if decided { 0 } else { state.need - state.answers },
            open: state.open,
            to: state
                .parts
                .iter()
                .filter(|part| part.copies > 0 && !part.answered)
                .map(|part| part.to)
                .collect(),
            unsent: state.parts.len() - state.next,
        }
    }

    /// What there is to do; a part that may be sent counts as sent from here on.
    pub(super) fn due(&self, now: Nanos) -> Due {
        let mut state = self.state();
        let due = state.due();
        if let Due::Send(part) = due {
            state.next += 1;
            state.open += 1;
            state.parts[part].copies = 1;
            state.parts[part].sent = now;
        }
        due
    }

    /// The message of a part is on its way to this actor.
    pub(super) fn goes_to(&self, part: usize, actor: usize) {
        self.state().parts[part].to = actor;
    }

    /// A part whose answer is late, which counts as sent once more from here on.
    pub(super) fn late(&self, now: Nanos, hedge: Nanos) -> Option<usize> {
        let mut state = self.state();
        let is_late = |part: &Part| {
            part.copies > 0 && !part.answered && !part.hedged && now.saturating_sub(part.sent) >= hedge
        };
        let place = state.parts.iter().position(is_late)?;
        let part = &mut state.parts[place];
        part.hedged = true;
        part.copies += 1;
        Some(place)
    }

    /// When the next part is late.
    pub(super) fn next_late(&self, hedge: Nanos) -> Option<Nanos> {
        let state = self.state();
        let waiting = state.parts.iter().filter(|part| part.copies > 0 && !part.answered && !part.hedged);
        waiting.map(|part| part.sent + hedge).min()
    }

    /// Ready when there is something to do.
    pub(super) fn is_due(&self) -> impl Future<Output = ()> + Send + '_ {
        poll_fn(|context| {
            let mut state = self.state();
            if state.due() == Due::Wait {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
    }

    /// A message of this part has ended; whether anybody waited for it.
    pub(super) fn answer(&self, part: usize, outcome: Outcome) -> bool {
        let mut state = self.state();
        let place = &mut state.parts[part];
        place.copies = place.copies.saturating_sub(1);
        if place.answered {
            return false;
        }
        let dead = place.copies == 0;
        if outcome == Outcome::Completed {
            place.answered = true;
            state.answers += 1;
            state.open -= 1;
        } else if dead {
            state.dead += 1;
            state.open -= 1;
            state.worst = outcome;
        }
        if state.closed {
            return false;
        }
        let waker = if state.due() == Due::Wait { None } else { state.waker.take() };
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// Nobody waits any more.
    pub(super) fn close(&self) {
        self.state().closed = true;
    }

    /// Whether what is done for it would better be left.
    pub(super) fn is_withdrawn(&self) -> bool {
        self.cancel && self.state().closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Target;

    fn calls(parts: usize, need: usize, parallel: usize) -> CallSpec {
        CallSpec {
            parts: vec![Target { actor: 0, kind: 0 }; parts],
            need,
            parallel,
            hedge: None,
            timeout: None,
            cancel: true,
            retry: None,
        }
    }

    #[test]
    fn a_call_is_answered_or_hopeless_as_its_parts_end() {
        let asking = Asking::new(&calls(3, 2, 2), Ticket(1));
        let now = Nanos(10);
        assert_eq!(
            [asking.due(now), asking.due(now), asking.due(now)],
            [Due::Send(0), Due::Send(1), Due::Wait]
        );
        assert!(asking.answer(0, Outcome::Completed));
        let left = |needed, to: &[usize], unsent| Outlook { needed, open: to.len(), to: to.to_vec(), unsent };
        asking.goes_to(1, 7);
        assert_eq!(asking.outlook(), left(1, &[7], 1));
        assert_eq!(asking.due(now), Due::Send(2));
        assert_eq!(asking.outlook(), left(1, &[7, 0], 0));
        assert!(asking.answer(1, Outcome::TimedOut));
        assert_eq!(asking.due(now), Due::Wait);
        assert!(asking.answer(2, Outcome::Refused));
        assert_eq!(asking.due(now), Due::Hopeless(Outcome::Refused));
        assert_eq!(asking.outlook(), left(0, &[], 0));
        assert!(!asking.is_withdrawn());
        asking.close();
        assert!(asking.is_withdrawn());
    }

    #[test]
    fn a_hedged_part_dies_with_its_last_copy_and_is_answered_once() {
        let asking = Asking::new(&calls(1, 1, 1), Ticket(1));
        assert_eq!(asking.due(Nanos(10)), Due::Send(0));
        assert_eq!(asking.next_late(Nanos(5)), Some(Nanos(15)));
        assert_eq!((asking.late(Nanos(14), Nanos(5)), asking.late(Nanos(15), Nanos(5))), (None, Some(0)));
        assert_eq!(asking.late(Nanos(99), Nanos(5)), None);
        assert!(asking.answer(0, Outcome::Failed));
        assert_eq!(asking.due(Nanos(16)), Due::Wait);
        assert!(asking.answer(0, Outcome::Completed));
        assert_eq!(asking.due(Nanos(16)), Due::Answered);
        assert!(!asking.answer(0, Outcome::Completed), "nobody waits for a second answer");
    }
}
