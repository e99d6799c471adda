//! Bounded `Mutex<VecDeque>` whose waiting threads sleep one by one: the baseline that people really use.
//!
//! # Protocol
//!
//! Everything lies under one mutex. A push wakes a consumer only when one sleeps and no wake-up is under way; the
//! woken consumer passes the wake-up on when it leaves items behind. The same for producers and room. The system
//! call that wakes is made after unlocking, so that the woken thread does not run into the lock.

use super::sleepers::WaitList;
use super::{PopError, PushError, TaskQueue};
use crate::sync::{Mutex, MutexGuard, lock};
use std::collections::VecDeque;

/// A bounded queue under one mutex; see the module.
#[derive(Debug)]
pub struct MutexQueue<T> {
    state: Mutex<State<T>>,
    capacity: usize,
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
        Self { state: Mutex::new(state), capacity }
    }

    /// Adds an item for which there is room, and wakes whom that concerns.
    fn add(&self, mut state: MutexGuard<'_, State<T>>, item: T, was_woken: bool) {
        state.items.push_back(item);
        let consumer = state.consumers.choose();
        let room = state.items.len() < self.capacity;
        let producer = if was_woken && room { state.producers.choose() } else { None };
        drop(state);
        for sleeper in consumer.into_iter().chain(producer) {
            sleeper.wake();
        }
    }

    /// Takes the head item, if there is one, and wakes whom that concerns.
    fn take(mut state: MutexGuard<'_, State<T>>, was_woken: bool) -> Result<T, MutexGuard<'_, State<T>>> {
        let Some(item) = state.items.pop_front() else { return Err(state) };
        let producer = state.producers.choose();
        let consumer = if was_woken && !state.items.is_empty() { state.consumers.choose() } else { None };
        drop(state);
        for sleeper in producer.into_iter().chain(consumer) {
            sleeper.wake();
        }
        Ok(item)
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
        let mut woken = false;
        let mut state = lock(&self.state);
        loop {
            if state.closed {
                return Err(PushError::Closed(item));
            }
            if state.items.len() < self.capacity {
                self.add(state, item, woken);
                return Ok(());
            }
            let me = state.producers.enlist(woken);
            drop(state);
            me.sleep();
            woken = true;
            state = lock(&self.state);
            state.producers.arrived();
        }
    }

    fn try_pop(&self) -> Result<T, PopError> {
        Self::take(lock(&self.state), false)
            .map_err(|state| if state.closed { PopError::Closed } else { PopError::Empty })
    }

    fn pop(&self) -> Result<T, PopError> {
        let mut woken = false;
        let mut state = lock(&self.state);
        loop {
            state = match Self::take(state, woken) {
                Ok(item) => return Ok(item),
                Err(state) => state,
            };
            if state.closed {
                return Err(PopError::Closed);
            }
            let me = state.consumers.enlist(woken);
            drop(state);
            me.sleep();
            woken = true;
            state = lock(&self.state);
            state.consumers.arrived();
        }
    }

    fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
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
