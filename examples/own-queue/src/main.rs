//! A queue of one's own: the non-blocking half in thirty lines, and what the library makes of it.
//!
//! `Reference` asks for four things; `Parked` adds blocking, close and wake-ups. The result is a `TaskQueue`, which the
//! contract checks, `verify` and any benchmark take.
#![expect(clippy::print_stdout, reason = "a program that shows its findings")]

use conlab::queue::{Parked, Reference, TaskQueue, contract};
use conlab::verify::{Options, Subject, VerifyReport, examine, render};
use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A bounded deque under a mutex.
#[derive(Debug)]
struct Deque {
    items: Mutex<VecDeque<u64>>,
    capacity: usize,
}

impl Deque {
    fn lock(&self) -> MutexGuard<'_, VecDeque<u64>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reference<u64> for Deque {
    fn offer(&self, item: u64) -> Result<(), u64> {
        let mut items = self.lock();
        if items.len() == self.capacity {
            return Err(item);
        }
        items.push_back(item);
        Ok(())
    }

    fn take(&self) -> Option<u64> {
        self.lock().pop_front()
    }

    fn count(&self) -> usize {
        self.lock().len()
    }

    fn bound(&self) -> Option<usize> {
        Some(self.capacity)
    }
}

fn build(capacity: usize) -> Box<dyn TaskQueue<u64>> {
    Box::new(Parked::new(Deque { items: Mutex::default(), capacity }))
}

fn main() -> ExitCode {
    let kept = contract::check(&build);
    for violation in kept.as_ref().err().into_iter().flatten() {
        println!("contract: {violation}");
    }
    let subject = Subject { name: "own", early: false, factory: &build };
    let options = Options { operations: 100_000, histories: 500, ..Options::default() };
    let report = VerifyReport { seed: options.seed, verdicts: vec![examine(&subject, &options)] };
    print!("{}", render(&report));
    if kept.is_ok() && report.clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
