//! A queue of one's own: the non-blocking half in thirty lines, and the whole lab for it.
//!
//! `NonBlockingQueue` asks for four things; `Parked` adds blocking, close and wake-ups. The result is a `TaskQueue`.
//!
//! `cargo run --release -p own-queue -- contract`, or `verify`, `run`, `compare`; all of them in turn without a word.
#![expect(clippy::print_stdout, reason = "a program that shows its findings")]

use conlab::engine::real::RealEngine;
use conlab::engine::{Engine, Experiment, Progress};
use conlab::measure::record::TreatmentRecord;
use conlab::queue::{NonBlockingQueue, Parked, QueueKind, TaskQueue, contract};
use conlab::report::{run_page, study::compare_page, text::Details, text::text};
use conlab::scenario::{LoadArm, Overrides, Scenario, Treatment};
use conlab::study::{Arm, Candidate, CompareOptions, compare};
use conlab::verify::{Options, Subject, VerifyReport, examine, render};
use std::collections::VecDeque;
use std::error::Error;
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A bounded deque under a mutex.
#[derive(Debug)]
struct Deque<T> {
    items: Mutex<VecDeque<T>>,
    capacity: usize,
}

impl<T> Deque<T> {
    fn lock(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send> NonBlockingQueue<T> for Deque<T> {
    fn offer(&self, item: T) -> Result<(), T> {
        let mut items = self.lock();
        if items.len() == self.capacity {
            return Err(item);
        }
        items.push_back(item);
        Ok(())
    }

    fn take(&self) -> Option<T> {
        self.lock().pop_front()
    }

    fn count(&self) -> usize {
        self.lock().len()
    }

    fn bound(&self) -> Option<usize> {
        Some(self.capacity)
    }
}

fn build<T: Send + 'static>(capacity: usize) -> Box<dyn TaskQueue<T>> {
    Box::new(Parked::new(Deque { items: Mutex::default(), capacity }))
}

// ── that was the queue; the rest asks the library

/// Every rule of the contract, on this queue.
fn keeps_contract() -> bool {
    let kept = contract::check(&build);
    for violation in kept.as_ref().err().into_iter().flatten() {
        println!("contract: {violation}");
    }
    println!("contract: {}", if kept.is_ok() { "kept" } else { "broken" });
    kept.is_ok()
}

/// Random concurrent histories, as `conlab verify` tries them.
fn verified() -> bool {
    let subject = Subject { name: "own", early: false, factory: &build };
    let options = Options { operations: 100_000, histories: 500, ..Options::default() };
    let report = VerifyReport { seed: options.seed, verdicts: vec![examine(&subject, &options)] };
    print!("{}", render(&report));
    report.clean()
}

/// The built-in scenario of short tasks, on this queue where it names `mutex`.
fn scenario(queue: QueueKind) -> Result<Scenario, Box<dyn Error>> {
    let overrides = Overrides { tasks: Some(2_000), ..Overrides::default() };
    let scenario = Scenario::load("oversubscription", &overrides)?;
    Ok(scenario.treated(&Treatment { queue: Some(queue), threads: Some(4), ..Treatment::default() }))
}

/// One run on real threads, with the page of `conlab run`.
fn run() -> Result<bool, Box<dyn Error>> {
    let engine = RealEngine::with_queue(QueueKind::Mutex, build);
    let experiment = Experiment::new(scenario(QueueKind::Mutex)?, LoadArm::Baseline);
    let record = engine.run(&experiment, &Progress::default())?.record;
    print!("{}", text(&run_page(&record), 120, &Details::All));
    Ok(record.identities.iter().all(|identity| identity.holds))
}

/// This queue beside conlab's two, interleaved, with intervals and verdicts.
fn compared() -> Result<bool, Box<dyn Error>> {
    let (registered, ours) = (RealEngine::new(), RealEngine::with_queue(QueueKind::Mutex, build));
    let scenarios = [scenario(QueueKind::Mutex)?, scenario(QueueKind::LockFree)?];
    let candidate = |label: &str, engine, scenario| Candidate {
        label: label.to_owned(),
        levels: TreatmentRecord::default(),
        arm: Arm { engine, scenario, load: LoadArm::Baseline },
    };
    let candidates = [
        candidate("own", &ours, &scenarios[0]),
        candidate("mutex", &registered, &scenarios[0]),
        candidate("lockfree", &registered, &scenarios[1]),
    ];
    let options = CompareOptions { least_rounds: 3, most_rounds: 3, ..CompareOptions::default() };
    let (comparison, _) = compare(&candidates, &options, &Progress::default(), &|_, _| {})?;
    print!("{}", text(&compare_page(&comparison, &[], &[], &[]), 120, &Details::All));
    Ok(true)
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let asked = |word: &str| wanted.is_empty() || wanted.iter().any(|other| other == word);
    let good = (!asked("contract") || keeps_contract())
        && (!asked("verify") || verified())
        && (!asked("run") || run()?)
        && (!asked("compare") || compared()?);
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
