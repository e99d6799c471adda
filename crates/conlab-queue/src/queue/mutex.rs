//! Bounded `Mutex<VecDeque>` whose waiting threads sleep one by one: the baseline that people really use.
//!
//! # Protocol
//!
//! Everything lies under one [lock](super::latch), whose losers step back. A push wakes a consumer only when one sleeps
//! and no wake-up is under way; the woken consumer passes the wake-up on when it leaves items behind. The same for
//! producers and room. The system call that wakes is made after unlocking, so that the woken thread does not run into
//! the lock. While a wake-up is under way, an operation costs no more than when nobody sleeps.
//!
//! Rules, each with a weakened variant that a loom test kills:
//!
//! - M1: a push wakes a sleeping consumer (and a pop a sleeping producer).
//! - M2, M3: the woken consumer (producer) passes the wake-up on.
//! - M4: after lingering without the lock, the state is looked at again before the thread goes on the list.
//! - M5: close wakes everybody.

use super::latch::{Held, Latch};
use super::sleepers::{Patience, WaitList};
use super::{PopError, PushError, TaskQueue};
use std::collections::VecDeque;

/// A bounded queue under one mutex; see the module.
#[derive(Debug)]
pub struct MutexQueue<T> {
    state: Latch<State<T>>,
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
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(not(loom))] {
    /// use conlab_queue::queue::{MutexQueue, TaskQueue};
    /// use std::collections::VecDeque;
    ///
    /// let queue = MutexQueue::with_capacity(8);
    /// queue.push_many(&mut VecDeque::from([1, 2, 3])).unwrap(); // one lock for all
    /// let mut items = Vec::new();
    /// assert_eq!(queue.pop_many(&mut items, 2), Ok(2));
    /// assert_eq!(items, [1, 2]);
    /// # }
    /// ```
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
            state: Latch::new(state),
            capacity,
            consumers_patience: Patience::new(),
            producers_patience: Patience::new(),
        }
    }

    /// How many consumers and how many producers sleep.
    #[must_use]
    pub fn sleepers(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.consumers.len(), state.producers.len())
    }

    /// Adds an item for which there is room, and wakes whom that concerns.
    #[inline]
    fn add(&self, mut state: Held<'_, State<T>>, item: T, was_woken: bool) {
        state.items.push_back(item);
        if state.consumers.has_choice() || was_woken {
            self.wake_after_push(state, was_woken);
        }
    }

    #[cold]
    fn wake_after_push(&self, mut state: Held<'_, State<T>>, was_woken: bool) {
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
    #[inline]
    fn take(mut state: Held<'_, State<T>>, was_woken: bool) -> Result<(T, usize), Held<'_, State<T>>> {
        let Some(item) = state.items.pop_front() else { return Err(state) };
        let left = state.items.len();
        if state.producers.has_choice() || was_woken {
            Self::wake_after_pop(state, was_woken);
        }
        Ok((item, left))
    }

    #[cold]
    fn wake_after_pop(mut state: Held<'_, State<T>>, was_woken: bool) {
        let producer = state.producers.choose();
        let more = was_woken && !state.items.is_empty() && !cfg!(conlab_weaken = "M2");
        let consumer = if more { state.consumers.choose() } else { None };
        drop(state);
        for sleeper in producer.into_iter().chain(consumer) {
            sleeper.wake();
        }
    }

    /// Pushes when the queue was found full: looks again for a little, then sleeps.
    #[cold]
    fn push_patiently(&self, item: T) -> Result<(), PushError<T>> {
        let (mut woken, mut looks) = (false, 0);
        let mut state = self.state.lock();
        // Ends: the queue gets room or is closed; asleep otherwise.
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
                state = self.state.lock();
                continue;
            }
            state = self.state.lock();
            if (state.closed || state.items.len() < self.capacity) && !cfg!(conlab_weaken = "M4") {
                continue;
            }
            let me = state.producers.enlist(woken);
            drop(state);
            me.sleep();
            (woken, looks) = (true, 0);
            state = self.state.lock();
            state.producers.arrived();
        }
    }

    /// Pops when the queue was found empty: looks again for a little, then sleeps.
    #[cold]
    fn pop_patiently(&self) -> Result<T, PopError> {
        let (mut woken, mut looks) = (false, 0);
        let mut state = self.state.lock();
        // Ends: an item comes or the queue is closed; asleep otherwise.
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
                state = self.state.lock();
                continue;
            }
            state = self.state.lock();
            if (state.closed || !state.items.is_empty()) && !cfg!(conlab_weaken = "M4") {
                continue;
            }
            let me = state.consumers.enlist(woken);
            drop(state);
            me.sleep();
            (woken, looks) = (true, 0);
            state = self.state.lock();
            state.consumers.arrived();
        }
    }
}

impl<T: Send> TaskQueue<T> for MutexQueue<T> {
    #[inline]
    fn try_push(&self, item: T) -> Result<(), PushError<T>> {
        let state = self.state.lock();
        if state.closed {
            return Err(PushError::Closed(item));
        }
        if state.items.len() == self.capacity {
            return Err(PushError::Full(item));
        }
        self.add(state, item, false);
        Ok(())
    }

    #[inline]
    fn push(&self, item: T) -> Result<(), PushError<T>> {
        match self.try_push(item) {
            Err(PushError::Full(item)) => self.push_patiently(item),
            outcome => outcome,
        }
    }

    #[inline]
    fn try_pop(&self) -> Result<T, PopError> {
        Self::take(self.state.lock(), false)
            .map(|(item, _)| item)
            .map_err(|state| if state.closed { PopError::Closed } else { PopError::Empty })
    }

    #[inline]
    fn pop(&self) -> Result<T, PopError> {
        match self.try_pop() {
            Err(PopError::Empty) => self.pop_patiently(),
            outcome => outcome,
        }
    }

    fn push_many(&self, items: &mut VecDeque<T>) -> Result<(), PushError<()>> {
        while let Some(first) = items.pop_front() {
            // Sleeps if it must; the rest goes in under one lock for as long as there is room.
            if let Err(refused) = self.push(first) {
                items.push_front(refused.into_item());
                return Err(PushError::Closed(()));
            }
            let mut state = self.state.lock();
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
        let mut state = self.state.lock();
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
        let mut state = self.state.lock();
        state.closed = true;
        if cfg!(conlab_weaken = "M5") {
            return;
        }
        let all = |list: &mut WaitList| match () {
            () if cfg!(conlab_weaken = "M5-one") => list.choose().into_iter().collect(),
            () => list.take_all(),
        };
        let mut everybody = VecDeque::new();
        if !cfg!(conlab_weaken = "M5-consumers") {
            everybody = all(&mut state.consumers); // M5
        }
        if !cfg!(conlab_weaken = "M5-producers") {
            everybody.append(&mut all(&mut state.producers)); // M5
        }
        drop(state);
        for sleeper in everybody {
            sleeper.wake();
        }
    }

    fn len(&self) -> usize {
        self.state.lock().items.len()
    }

    fn capacity(&self) -> Option<usize> {
        Some(self.capacity)
    }
}
