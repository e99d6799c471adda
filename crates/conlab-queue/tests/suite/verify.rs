//! `verify` finds what is planted, and nothing where nothing is.

use conlab_queue::queue::{MutexQueue, PopError, PushError, QueueKind, TaskQueue};
use conlab_queue::verify::{Failure, Options, Subject, examine, render, run};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

fn quick() -> Options {
    Options { histories: 300, operations: 20_000, patience: Duration::from_secs(2), ..Options::default() }
}

#[test]
fn every_kind_is_clean() {
    let report = run(&QueueKind::ALL, &quick());
    assert!(report.clean(), "{}", render(&report));
}

/// A queue that is right but for one thing, done once in so many operations.
struct Planted {
    queue: MutexQueue<u64>,
    defect: Defect,
    every: u64,
    count: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Defect {
    Drops,
    Duplicates,
    SwapsTwo,
    EmptyThoughNot,
}

impl Planted {
    fn now(&self, defect: Defect) -> bool {
        self.defect == defect && self.count.fetch_add(1, Relaxed) % self.every == self.every - 1
    }
}

impl TaskQueue<u64> for Planted {
    fn try_push(&self, item: u64) -> Result<(), PushError<u64>> {
        if self.now(Defect::Drops) {
            return Ok(());
        }
        if self.now(Defect::Duplicates) {
            let _ = self.queue.try_push(item);
        }
        self.queue.try_push(item)
    }

    fn push(&self, item: u64) -> Result<(), PushError<u64>> {
        if self.now(Defect::Drops) {
            return Ok(());
        }
        if self.now(Defect::Duplicates) {
            let _ = self.queue.push(item);
        }
        self.queue.push(item)
    }

    fn try_pop(&self) -> Result<u64, PopError> {
        if self.now(Defect::EmptyThoughNot) {
            return Err(PopError::Empty);
        }
        self.swapped(self.queue.try_pop())
    }

    fn pop(&self) -> Result<u64, PopError> {
        self.swapped(self.queue.pop())
    }

    fn close(&self) {
        self.queue.close();
    }

    fn len(&self) -> usize {
        self.queue.len()
    }

    fn capacity(&self) -> Option<usize> {
        self.queue.capacity()
    }
}

impl Planted {
    /// Gives the second item first, now and then.
    fn swapped(&self, first: Result<u64, PopError>) -> Result<u64, PopError> {
        let first = first?;
        if self.defect == Defect::SwapsTwo
            && !self.queue.is_empty()
            && self.now(Defect::SwapsTwo)
            && let Ok(second) = self.queue.try_pop()
        {
            let _ = self.queue.try_push(first);
            return Ok(second);
        }
        Ok(first)
    }
}

#[test]
fn every_planted_defect_is_found_though_it_is_rare() {
    for defect in [Defect::Drops, Defect::Duplicates, Defect::SwapsTwo, Defect::EmptyThoughNot] {
        let factory = move |capacity| -> Box<dyn TaskQueue<u64>> {
            let queue = MutexQueue::with_capacity(capacity);
            // One defect in 10⁵ operations of a queue; the first after 40,000.
            Box::new(Planted { queue, defect, every: 100_000, count: AtomicU64::new(60_000) })
        };
        let subject = Subject { name: "planted", early: false, factory: &factory };
        let verdict = examine(&subject, &Options { patience: Duration::from_secs(2), ..Options::default() });
        assert!(verdict.failure.is_some(), "{defect:?} went unnoticed");
    }
}

/// A queue with an error in its histories only: `try_pop` now and then gives the second item.
#[test]
fn a_history_that_no_order_explains_is_minimised_and_shown() {
    let factory = |capacity| -> Box<dyn TaskQueue<u64>> {
        let queue = MutexQueue::with_capacity(capacity);
        Box::new(Planted { queue, defect: Defect::EmptyThoughNot, every: 3, count: AtomicU64::new(0) })
    };
    let subject = Subject { name: "planted", early: false, factory: &factory };
    // Only histories: the long trials would find it first.
    let verdict = examine(&subject, &Options { operations: 0, histories: 200, ..Options::default() });
    let Some(Failure::NotLinearizable { history, .. }) = &verdict.failure else {
        panic!("{:?}", verdict.failure)
    };
    assert!(history.operations.len() <= 8, "{history:?}");
    let report = conlab_queue::verify::VerifyReport { seed: 18, verdicts: vec![verdict.clone()] };
    let text = render(&report);
    assert!(text.contains("| thread 0") && text.contains("No order of these operations"), "{text}");
}

/// A plain blocking queue that forgets one notification in 10⁴.
struct Forgetful {
    state: Mutex<(VecDeque<u64>, bool)>,
    changed: Condvar,
    capacity: usize,
    pushes: AtomicU64,
}

impl TaskQueue<u64> for Forgetful {
    fn try_push(&self, item: u64) -> Result<(), PushError<u64>> {
        let mut state = self.state.lock().unwrap();
        if state.1 {
            return Err(PushError::Closed(item));
        }
        if state.0.len() == self.capacity {
            return Err(PushError::Full(item));
        }
        state.0.push_back(item);
        if self.pushes.fetch_add(1, Relaxed) % 10_000 != 9_999 {
            self.changed.notify_all();
        }
        Ok(())
    }

    fn push(&self, item: u64) -> Result<(), PushError<u64>> {
        loop {
            match self.try_push(item) {
                Err(PushError::Full(_)) => {}
                outcome => return outcome,
            }
            let state = self.state.lock().unwrap();
            drop(self.changed.wait_while(state, |(items, closed)| items.len() == self.capacity && !*closed));
        }
    }

    fn try_pop(&self) -> Result<u64, PopError> {
        let mut state = self.state.lock().unwrap();
        let item = state.0.pop_front();
        self.changed.notify_all();
        item.ok_or(if state.1 { PopError::Closed } else { PopError::Empty })
    }

    fn pop(&self) -> Result<u64, PopError> {
        loop {
            match self.try_pop() {
                Err(PopError::Empty) => {}
                outcome => return outcome,
            }
            let state = self.state.lock().unwrap();
            drop(self.changed.wait_while(state, |(items, closed)| items.is_empty() && !*closed));
        }
    }

    fn close(&self) {
        self.state.lock().unwrap().1 = true;
        self.changed.notify_all();
    }

    fn len(&self) -> usize {
        self.state.lock().unwrap().0.len()
    }

    fn capacity(&self) -> Option<usize> {
        Some(self.capacity)
    }
}

#[test]
fn a_lost_wake_up_in_ten_thousand_is_found() {
    let factory = |capacity| -> Box<dyn TaskQueue<u64>> {
        Box::new(Forgetful {
            state: Mutex::default(),
            changed: Condvar::new(),
            capacity,
            pushes: AtomicU64::new(0),
        })
    };
    let subject = Subject { name: "forgetful", early: false, factory: &factory };
    let verdict = examine(&subject, &Options { patience: Duration::from_secs(1), ..Options::default() });
    let Some(Failure::Rule(rule)) = verdict.failure else { panic!("went unnoticed") };
    assert!(rule.contains("wake-up was lost"), "{rule}");
}
