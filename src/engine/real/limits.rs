//! The threads and file handles that a run needs, asked for before anything is started, and refused in one sentence where
//! they cannot be had.

use crate::engine::EngineError;
use crate::measure::limits;
use crate::queue::QueueKind;
use crate::scenario::{Load, Scenario};
use std::thread;

/// Files that are open besides those of workers and stores.
const FILES: u64 = 64;

/// What a run needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Needs {
    threads: u64,
    files: u64,
}

impl Needs {
    fn of(scenario: &Scenario) -> Self {
        let workers: u64 = scenario.actors.iter().map(|actor| actor.threads as u64).sum();
        let loads = scenario.actors.iter().filter(|actor| actor.load != Load::None).count() as u64;
        Self {
            threads: workers + loads + 2,
            // Each worker reads the kernel's figures of itself by two files; each runtime has a few of its own.
            files: FILES + 2 * workers + 8 * (scenario.actors.len() + scenario.stores.len()) as u64,
        }
    }

    /// Why it cannot be had, if it cannot: a fragment after "cannot".
    fn refused(self, threads: Option<u64>, files: Result<(), u64>) -> Option<String> {
        let Self { threads: wanted, files: open } = self;
        if let Some(left) = threads.filter(|left| wanted > *left) {
            return Some(format!(
                "start {wanted} threads: the control group of this process has room for {left}; use fewer --threads, or \
                 raise its pids.max"
            ));
        }
        files.err().map(|most| {
            format!(
                "open about {open} files: this process may have {most}; raise the limit by `ulimit -n {open}`, or use \
                 fewer --threads"
            )
        })
    }
}

/// Refuses a run that needs more than the system gives.
pub(super) fn check(scenario: &Scenario) -> Result<(), EngineError> {
    let needs = Needs::of(scenario);
    if let Some(why) = needs.refused(limits::threads(), limits::want_files(needs.files)) {
        return Err(EngineError::Unsupported(why));
    }
    let awaiting = scenario.actors.iter().filter(|actor| actor.queue == QueueKind::Async);
    try_threads(awaiting.map(|actor| actor.threads).sum())
}

/// Starts so many threads at once and ends them: a runtime that is refused one panics and never ends.
fn try_threads(count: usize) -> Result<(), EngineError> {
    let mut started = Vec::with_capacity(count);
    let mut refused = None;
    for index in 0..count {
        match thread::Builder::new().spawn(thread::park) {
            Ok(hand) => started.push(hand),
            Err(source) => {
                refused = Some(EngineError::Spawn { index, count, source });
                break;
            }
        }
    }
    for hand in started {
        hand.thread().unpark();
        hand.join().ok();
    }
    refused.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_and_files_are_refused_with_limit_and_remedy() {
        let text = "schema = 1\nname = \"n\"\n[run]\nduration = \"1s\"\n[actor.x]\nthreads = 5000\n\
                    load = { clients = 4 }\nsteps = []\n";
        let many = Needs::of(&Scenario::parse(text, "n").unwrap());
        let why = many.refused(Some(100), Ok(())).unwrap();
        assert!(why.contains("5003 threads") && why.contains("room for 100"), "{why}");
        let why = many.refused(None, Err(1024)).unwrap();
        assert!(why.contains("ulimit -n 10072") && why.contains("may have 1024"), "{why}");
        assert!(many.refused(Some(6000), Ok(())).is_none());
    }
}
