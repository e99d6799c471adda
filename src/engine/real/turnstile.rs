//! Locks with policies of their own: mutexes that are handed over, and locks that readers share. Who waits is a future, so that
//! threads and tasks wait alike.
//!
//! Nothing here is meant to be fast: a standard mutex guards the state, as it does in the locks that such policies are
//! compared in.

use crate::clock::Clock;
use crate::scenario::{Next, Prefer, Wait};
use crate::units::Nanos;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A lock that one holds, or several readers.
#[derive(Debug)]
pub(super) struct Turnstile {
    state: Mutex<State>,
    clock: Clock,
    next: Next,
    /// How its waiters wait, beyond being asleep.
    pub(super) wait: Wait,
    /// Readers share it, and this is let in first.
    prefer: Option<Prefer>,
}

#[derive(Debug, Default)]
struct State {
    writer: bool,
    readers: usize,
    line: VecDeque<Waiter>,
    /// Waiters that have been let in and do not know yet.
    granted: Vec<u64>,
    /// A waiter has been woken, to try again, and has not yet.
    waking: bool,
    numbered: u64,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    share: bool,
    since: Nanos,
    waker: Waker,
}

impl State {
    const fn is_free_for(&self, share: bool) -> bool {
        !self.writer && (share || self.readers == 0)
    }

    const fn let_in(&mut self, share: bool) {
        if share {
            self.readers += 1;
        } else {
            self.writer = true;
        }
    }

    fn grant(&mut self, place: usize) -> Option<Waker> {
        let waiter = self.line.remove(place)?;
        self.let_in(waiter.share);
        self.granted.push(waiter.number);
        Some(waiter.waker)
    }
}

impl Turnstile {
    pub(super) fn new(next: Next, wait: Wait, prefer: Option<Prefer>) -> Self {
        Self { state: Mutex::default(), clock: Clock::get(), next, wait, prefer }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody who comes now gets in.
    fn may_enter(&self, state: &State, share: bool) -> bool {
        let waits = |share: bool| state.line.iter().any(|waiter| waiter.share == share);
        state.is_free_for(share)
            && match (self.prefer, self.next) {
                (None, Next::Barge | Next::Handover(_)) => true,
                (None, Next::Fifo) => state.line.is_empty(),
                (Some(Prefer::Readers), _) if share => true,
                (Some(Prefer::Writers), _) if share => !waits(false),
                (Some(_), _) => state.line.is_empty(),
            }
    }

    /// Gets in at once, or not.
    pub(super) fn try_enter(&self, share: bool) -> bool {
        let mut state = self.state();
        let may = self.may_enter(&state, share);
        if may {
            state.let_in(share);
        }
        may
    }

    /// Waits until it gets in.
    pub(super) fn enter(self: &Arc<Self>, share: bool) -> Enter {
        Enter { turnstile: Arc::clone(self), share, number: None, since: Nanos::ZERO }
    }

    /// Goes out, and lets others in.
    pub(super) fn leave(&self, share: bool) {
        let mut state = self.state();
        if share {
            state.readers -= 1;
        } else {
            state.writer = false;
        }
        let wakers = self.pass_on(&mut state);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Lets in whom the policy says; whoever is to be woken.
    fn pass_on(&self, state: &mut State) -> Vec<Waker> {
        let mut wakers = Vec::new();
        let Some(prefer) = self.prefer else {
            let Some(first) = state.line.front().filter(|_| state.is_free_for(false)) else { return wakers };
            let hands = match self.next {
                Next::Barge => false,
                Next::Fifo => true,
                Next::Handover(limit) => self.clock.now().saturating_sub(first.since) >= limit,
            };
            if hands {
                wakers.extend(state.grant(0));
            } else if !state.waking {
                state.waking = true;
                wakers.extend(state.line.pop_front().map(|waiter| waiter.waker));
            }
            return wakers;
        };
        // Each turn lets one in, so the loop ends.
        while let Some(place) = next_in(state, prefer) {
            wakers.extend(state.grant(place));
        }
        wakers
    }
}

/// Place in the line of who is let in next, if anybody is.
fn next_in(state: &State, prefer: Prefer) -> Option<usize> {
    if state.writer {
        return None;
    }
    let writer = state.line.iter().position(|waiter| !waiter.share);
    let reader = state.line.iter().position(|waiter| waiter.share);
    let empty = state.readers == 0;
    match prefer {
        Prefer::Writers if writer.is_some() => writer.filter(|_| empty),
        Prefer::Writers => reader,
        Prefer::Readers => reader.or(writer.filter(|_| empty)),
        Prefer::Fifo => (!state.line.is_empty()).then_some(0).filter(|_| empty || reader == Some(0)),
    }
}

/// A wait for a [`Turnstile`].
#[derive(Debug)]
pub(super) struct Enter {
    turnstile: Arc<Turnstile>,
    share: bool,
    /// Its number while it is waiting, or has been woken.
    number: Option<u64>,
    since: Nanos,
}

impl Future for Enter {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut state = this.turnstile.state();
        let mut again = false;
        if let Some(number) = this.number {
            if let Some(place) = state.granted.iter().position(|granted| *granted == number) {
                state.granted.swap_remove(place);
                this.number = None;
                return Poll::Ready(());
            }
            if let Some(waiter) = state.line.iter_mut().find(|waiter| waiter.number == number) {
                waiter.waker.clone_from(context.waker());
                return Poll::Pending;
            }
            state.waking = false;
            again = true;
        }
        if this.turnstile.may_enter(&state, this.share) {
            state.let_in(this.share);
            this.number = None;
            return Poll::Ready(());
        }
        if !again {
            this.since = this.turnstile.clock.now();
        }
        state.numbered += 1;
        let number = state.numbered;
        let waiter = Waiter { number, share: this.share, since: this.since, waker: context.waker().clone() };
        // One that was woken, and found somebody faster, is the longest waiter still.
        if again && matches!(this.turnstile.next, Next::Handover(_)) {
            state.line.push_front(waiter);
        } else {
            state.line.push_back(waiter);
        }
        this.number = Some(number);
        Poll::Pending
    }
}

impl Drop for Enter {
    /// Whoever gives up waiting leaves what it was given to others.
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut state = self.turnstile.state();
        if let Some(place) = state.line.iter().position(|waiter| waiter.number == number) {
            state.line.remove(place);
            return;
        }
        if let Some(place) = state.granted.iter().position(|granted| *granted == number) {
            state.granted.swap_remove(place);
            drop(state);
            self.turnstile.leave(self.share);
            return;
        }
        state.waking = false;
        let wakers = self.turnstile.pass_on(&mut state);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polled(enter: &mut Pin<Box<Enter>>) -> bool {
        enter.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    fn turnstile(next: Next, prefer: Option<Prefer>) -> Arc<Turnstile> {
        Arc::new(Turnstile::new(next, Wait::Park, prefer))
    }

    fn waits(turnstile: &Arc<Turnstile>, share: bool) -> Pin<Box<Enter>> {
        let mut enter = Box::pin(turnstile.enter(share));
        assert!(!polled(&mut enter));
        enter
    }

    #[test]
    fn a_mutex_that_is_handed_over_cannot_be_overtaken_and_one_that_is_not_can() {
        for next in [Next::Fifo, Next::Barge, Next::Handover(Nanos::ZERO)] {
            let lock = turnstile(next, None);
            assert!(lock.try_enter(false) && !lock.try_enter(false));
            let (mut first, mut second) = (waits(&lock, false), waits(&lock, false));
            lock.leave(false);
            assert_eq!(lock.try_enter(false), next == Next::Barge, "{next:?}");
            if next == Next::Barge {
                assert!(!polled(&mut first));
                lock.leave(false);
                // It has gone to the tail, so that the other one was woken.
                assert!(polled(&mut second));
            } else {
                assert!(!polled(&mut second));
                assert!(polled(&mut first));
            }
        }
    }

    #[test]
    fn whoever_gives_up_passes_on_what_it_was_given() {
        for next in [Next::Fifo, Next::Barge] {
            let lock = turnstile(next, None);
            assert!(lock.try_enter(false));
            let (first, mut second, third) = (waits(&lock, false), waits(&lock, false), waits(&lock, false));
            lock.leave(false);
            drop(first);
            drop(third);
            assert!(polled(&mut second), "{next:?}");
            lock.leave(false);
            assert!(lock.try_enter(false));
        }
    }

    #[test]
    fn preference_decides_between_readers_and_writers() {
        for (prefer, reader_first) in
            [(Prefer::Readers, true), (Prefer::Writers, false), (Prefer::Fifo, true)]
        {
            let lock = turnstile(Next::Barge, Some(prefer));
            assert!(lock.try_enter(false));
            let (mut reader, mut writer) = (waits(&lock, true), waits(&lock, false));
            lock.leave(false);
            assert_eq!(
                (polled(&mut reader), polled(&mut writer)),
                (reader_first, !reader_first),
                "{prefer:?}"
            );
            // A reader beside a reader: not while a writer waits, unless readers are preferred.
            if reader_first {
                assert_eq!(lock.try_enter(true), prefer == Prefer::Readers, "{prefer:?}");
            } else {
                assert!(!lock.try_enter(true));
            }
        }
    }
}
