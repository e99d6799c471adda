//! Bounded `Mutex<VecDeque>` whose waiting threads sleep one by one: the baseline that people really use.
//!
//! # Protocol
//!
//! Everything lies under one mutex. A push wakes a consumer only when one sleeps and no wake-up is under way; the
//! woken consumer passes the wake-up on when it leaves items behind. The same for producers and room. The system
//! call that wakes is made after unlocking, so that the woken thread does not run into the lock.
//!
//! Rules, each with a weakened variant that a loom test kills:
//!
//! - M1: a push wakes a sleeping consumer (and a pop a sleeping producer).
//! - M2, M3: the woken consumer (producer) passes the wake-up on.
//! - M4: after lingering without the lock, the state is looked at again before the thread goes on the list.
//! - M5: close wakes everybody.

use super::sleepers::{Patience, WaitList};
use super::{PopError, PushError, TaskQueue};
use crate::sync::{Mutex, MutexGuard, lock};
use std::collections::VecDeque;

/// A bounded queue under one mutex; see the module.
#[derive(Debug)]
pub struct MutexQueue<T> {
    state: Mutex<State<T>>,
    capacity: usize,
    consumers_patience: Patience,
    producers_patience: Patience,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    closed: bool,
    consumers: WaitList,
    producers: WaitList,
}

impl<T> MutexQueue<T> {
    /// An empty queue for at most `capacity` items.
    ///
    /// # Panics
    ///
    /// When `capacity` is 0.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        assert!(capacity > 0, "capacity of a queue must be at least 1");
        let state = State {
            items: VecDeque::with_capacity(capacity),
            closed: false,
            consumers: WaitList::default(),
            producers: WaitList::default(),
        };
        Self {
            state: Mutex::new(state),
            capacity,
            consumers_patience: Patience::new(),
            producers_patience: Patience::new(),
        }
    }

    /// How many consumers and how many producers sleep.
    #[must_use]
    pub fn sleepers(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.consumers.len(), state.producers.len())
    }

    /// Adds an item for which there is room, and wakes whom that concerns.
    fn add(&self, mut state: MutexGuard<'_, State<T>>, item: T, was_woken: bool) {
        state.items.push_back(item);
        let consumer = if cfg!(conlab_weaken = "M1") { None } else { state.consumers.choose() };
        let room = state.items.len() < self.capacity;
        let producer =
            if was_woken && room && !cfg!(conlab_weaken = "M3") { state.producers.choose() } else { None };
        drop(state);
        for sleeper in consumer.into_iter().chain(producer) {
            sleeper.wake();
        }
    }

    /// Takes the head item, if there is one, and wakes whom that concerns; says how many items are left.
    fn take(
        mut state: MutexGuard<'_, State<T>>,
        was_woken: bool,
    ) -> Result<(T, usize), MutexGuard<'_, State<T>>> {
        let Some(item) = state.items.pop_front() else { return Err(state) };
        let producer = state.producers.choose();
        let more = was_woken && !state.items.is_empty() && !cfg!(conlab_weaken = "M2");
        let consumer = if more { state.consumers.choose() } else { None };
        let left = state.items.len();
        drop(state);
        for sleeper in producer.into_iter().chain(consumer) {
            sleeper.wake();
        }
        Ok((item, left))
    }
}

impl<T: Send> TaskQueue<T> for MutexQueue<T> {
    fn try_push(&self, item: T) -> Result<(), PushError<T>> {
        let state = lock(&self.state);
        if state.closed {
            return Err(PushError::Closed(item));
        }
        if state.items.len() == self.capacity {
            return Err(PushError::Full(item));
        }
        self.add(state, item, false);
        Ok(())
    }

    fn push(&self, item: T) -> Result<(), PushError<T>> {
        let (mut woken, mut looks) = (false, 0);
        let mut state = lock(&self.state);
        loop {
            if state.closed {
                return Err(PushError::Closed(item));
            }
            if state.items.len() < self.capacity {
                self.add(state, item, woken);
                if looks > 0 || woken {
                    self.producers_patience.restore();
                }
                return Ok(());
            }
            let others_sleep = state.producers.len() > 0;
            drop(state);
            if self.producers_patience.linger(&mut looks, others_sleep) {
                state = lock(&self.state);
                continue;
            }
            state = lock(&self.state);
            if (state.closed || state.items.len() < self.capacity) && !cfg!(conlab_weaken = "M4") {
                continue;
            }
            let me = state.producers.enlist(woken);
            drop(state);
            me.sleep();
            (woken, looks) = (true, 0);
            state = lock(&self.state);
            state.producers.arrived();
        }
    }

    fn try_pop(&self) -> Result<T, PopError> {
        Self::take(lock(&self.state), false)
            .map(|(item, _)| item)
            .map_err(|state| if state.closed { PopError::Closed } else { PopError::Empty })
    }

    fn pop(&self) -> Result<T, PopError> {
        let (mut woken, mut looks) = (false, 0);
        let mut state = lock(&self.state);
        loop {
            state = match Self::take(state, woken) {
                Ok((item, left)) => {
                    if looks > 0 || (woken && left > 0) {
                        self.consumers_patience.restore();
                    }
                    return Ok(item);
                }
                Err(state) => state,
            };
            if state.closed {
                return Err(PopError::Closed);
            }
            let others_sleep = state.consumers.len() > 0;
            drop(state);
            if self.consumers_patience.linger(&mut looks, others_sleep) {
                state = lock(&self.state);
                continue;
            }
            state = lock(&self.state);
            if (state.closed || !state.items.is_empty()) && !cfg!(conlab_weaken = "M4") {
                continue;
            }
            let me = state.consumers.enlist(woken);
            drop(state);
            me.sleep();
            (woken, looks) = (true, 0);
            state = lock(&self.state);
            state.consumers.arrived();
        }
    }

    fn push_many(&self, items: &mut VecDeque<T>) -> Result<(), PushError<()>> {
        while let Some(first) = items.pop_front() {
            // Sleeps if it must; the rest goes in under one lock for as long as there is room.
            if let Err(refused) = self.push(first) {
                items.push_front(refused.into_item());
                return Err(PushError::Closed(()));
            }
            let mut state = lock(&self.state);
            if state.closed {
                continue;
            }
            let room = self.capacity - state.items.len();
            let moved = room.min(items.len());
            state.items.extend(items.drain(..moved));
            let consumer = if moved > 0 { state.consumers.choose() } else { None };
            drop(state);
            if let Some(sleeper) = consumer {
                sleeper.wake();
            }
        }
        Ok(())
    }

    fn pop_many(&self, items: &mut Vec<T>, most: usize) -> Result<usize, PopError> {
        if most == 0 {
            return Ok(0);
        }
        items.push(self.pop()?);
        let mut state = lock(&self.state);
        let moved = state.items.len().min(most - 1);
        items.extend(state.items.drain(..moved));
        let producer = if moved > 0 { state.producers.choose() } else { None };
        drop(state);
        if let Some(sleeper) = producer {
            sleeper.wake();
        }
        Ok(moved + 1)
    }

    fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        if cfg!(conlab_weaken = "M5") {
            return;
        }
        let mut everybody = state.consumers.take_all();
        everybody.append(&mut state.producers.take_all());
        drop(state);
        for sleeper in everybody {
            sleeper.wake();
        }
    }

    fn len(&self) -> usize {
        lock(&self.state).items.len()
    }

    fn capacity(&self) -> Option<usize> {
        Some(self.capacity)
    }
}
