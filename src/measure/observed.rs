//! What was seen of another program from outside: its threads' time by name and state, without tasks.

use super::identities::within;
use super::record::{Identity, RunRecord, SchedulerRecord, Warning};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The word for the engine in records of other programs.
pub const OBSERVED: &str = "observed";
/// Share by which the threads' processor time may exceed what the kernel counts of their processes.
const TOLERANCE: f64 = 0.02;
/// Time by which it may exceed that besides, for each process: the kernel's figure has ticks.
const TICKS_NS: u64 = 40_000_000;
/// Share of the processes' processor time that may be missing in the threads' before it is said.
const UNSEEN: f64 = 0.05;

/// What a thread was blocked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BlockedBy {
    /// A lock or condition: `futex`.
    Futex,
    /// Waiting for sockets, pipes or timers to be ready: `epoll_wait`, `poll`, `select`.
    Events,
    /// Reading from or writing to a socket or pipe.
    Socket,
    /// Reading from or writing to a file, or making it durable.
    Disk,
    /// `nanosleep` and its like.
    Sleep,
    /// Waiting for a child process.
    Child,
    /// Any other system call, or one that may not be seen.
    Other,
}

impl BlockedBy {
    /// Every cause, in the order in which they are shown.
    pub const ALL: [Self; 7] =
        [Self::Futex, Self::Events, Self::Socket, Self::Disk, Self::Sleep, Self::Child, Self::Other];

    /// The words for it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Futex => "futex (lock or condition)",
            Self::Events => "events (epoll, poll, select)",
            Self::Socket => "socket or pipe",
            Self::Disk => "file or disk",
            Self::Sleep => "sleep",
            Self::Child => "child process",
            Self::Other => "other",
        }
    }

    /// The word for programs.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Futex => "futex",
            Self::Events => "events",
            Self::Socket => "socket",
            Self::Disk => "disk",
            Self::Sleep => "sleep",
            Self::Child => "child",
            Self::Other => "other",
        }
    }
}

/// Where the time of some threads went: `wall = on_cpu + run_queue + blocked`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ThreadGroup {
    /// Threads that were seen.
    pub threads: u64,
    /// Time for which they were observed, summed over the threads.
    pub wall_ns: u64,
    /// On a processor.
    pub on_cpu_ns: u64,
    /// Runnable, but not running.
    pub run_queue_ns: u64,
    /// Blocked, by cause.
    pub blocked_ns: BTreeMap<BlockedBy, u64>,
    /// The thread gave the processor up.
    pub voluntary_switches: u64,
    /// The kernel took it.
    pub involuntary_switches: u64,
}

impl ThreadGroup {
    /// All blocked time.
    #[must_use]
    pub fn blocked(&self) -> u64 {
        self.blocked_ns.values().fold(0, |sum, time| sum.saturating_add(*time))
    }

    /// Adds the threads of another group to this one.
    pub fn add(&mut self, other: &Self) {
        let more = |own: &mut u64, time: u64| *own = own.saturating_add(time);
        more(&mut self.threads, other.threads);
        more(&mut self.wall_ns, other.wall_ns);
        more(&mut self.on_cpu_ns, other.on_cpu_ns);
        more(&mut self.run_queue_ns, other.run_queue_ns);
        for (cause, time) in &other.blocked_ns {
            more(self.blocked_ns.entry(*cause).or_default(), *time);
        }
        more(&mut self.voluntary_switches, other.voluntary_switches);
        more(&mut self.involuntary_switches, other.involuntary_switches);
    }

    /// Time by state, in the order in which it is shown; what is nothing is left out.
    #[must_use]
    pub fn states(&self) -> Vec<(String, u64)> {
        let blocked = BlockedBy::ALL.into_iter().map(|cause| {
            let time = self.blocked_ns.get(&cause).copied().unwrap_or(0);
            (format!("blocked: {}", cause.label()), time)
        });
        [("on a processor".to_owned(), self.on_cpu_ns), ("run-queue wait".to_owned(), self.run_queue_ns)]
            .into_iter()
            .chain(blocked)
            .filter(|(_, time)| *time > 0)
            .collect()
    }
}

/// A futex that threads waited for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FutexWait {
    /// Its address in the program.
    pub address: String,
    /// The process that the address is in.
    pub process: u32,
    /// Time waited, summed over the threads.
    pub wait_ns: u64,
    /// Looks that found a thread waiting for it.
    pub looks: u64,
    /// Threads that waited for it.
    pub threads: u64,
    /// Their groups.
    pub groups: Vec<String>,
}

/// A thread, with the group that it belongs to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ObservedThread {
    /// Its name.
    pub name: String,
    /// Its process.
    pub process: u32,
    /// Its group.
    pub group: String,
    /// Where its time went.
    pub time: ThreadGroup,
}

/// A slice of the observed time: the time of all threads by state, as the looks found it. The kernel counts a wait when it is
/// over, so a long one may be in a later slice, and the slices sum to the groups' times only nearly.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ObservedSlice {
    /// Start of the slice, from the start of the window.
    pub at_ns: u64,
    /// Its length.
    pub length_ns: u64,
    /// On a processor.
    pub on_cpu_ns: u64,
    /// Runnable, but not running.
    pub run_queue_ns: u64,
    /// Blocked, by cause.
    pub blocked_ns: BTreeMap<BlockedBy, u64>,
}

/// What was seen of another program. A record that has this has no tasks: `actors`, `locks`, `threads`, `series`, `little`
/// and `seed` say nothing then, and `window`, `scheduler`, `manifest` and `identities` are the recording's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ObservedRecord {
    /// The process that was named or started.
    pub pid: u32,
    /// Processes that were seen: it and those that come from it.
    pub processes: u64,
    /// Where the figures come from: `proc`, the kernel's files for each thread.
    pub source: String,
    /// How it was observed, and what that cannot see, in words.
    pub how: String,
    /// Looks that were made.
    pub looks: u64,
    /// Processor time of the observer over the observed time.
    pub overhead: f64,
    /// Whether system calls could be seen; without them every wait is `other`.
    pub sees_calls: bool,
    /// Processor time that the kernel counts for the processes as wholes, threads included that no look met; absent where it says
    /// nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_cpu_ns: Option<u64>,
    /// Threads by name; digits at the end are left out.
    pub groups: BTreeMap<String, ThreadGroup>,
    /// Single threads, those with most processor time first; at most some hundred.
    pub threads: Vec<ObservedThread>,
    /// Futexes, the longest waits first.
    pub futexes: Vec<FutexWait>,
    /// All threads over time; at most some hundred slices.
    pub series: Vec<ObservedSlice>,
}

impl ObservedRecord {
    /// All threads together.
    #[must_use]
    pub fn total(&self) -> ThreadGroup {
        let mut total = ThreadGroup::default();
        self.groups.values().for_each(|group| total.add(group));
        total
    }

    /// The scheduler's figures of all threads together.
    #[must_use]
    pub fn scheduler(&self) -> SchedulerRecord {
        let total = self.total();
        SchedulerRecord {
            available: true,
            on_cpu_ns: total.on_cpu_ns,
            run_queue_ns: total.run_queue_ns,
            blocked_ns: total.blocked(),
            voluntary_switches: total.voluntary_switches,
            involuntary_switches: total.involuntary_switches,
            migrations: None,
        }
    }

    /// What is doubtful about it.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let warning = |code: &str, message: String, remedy: &str| Warning {
            code: code.into(),
            message,
            remedy: remedy.into(),
        };
        if !self.sees_calls && self.total().blocked() > 0 {
            warnings.push(warning(
                "calls-unseen",
                "system calls could not be seen, so no cause of blocking is known".into(),
                "run as the program's user, or as root",
            ));
        }
        let seen = self.total().on_cpu_ns;
        if let Some(all) = self.process_cpu_ns
            && all.saturating_sub(seen) > TICKS_NS.saturating_mul(self.processes.max(1))
            && as_f64(seen) < (1.0 - UNSEEN) * as_f64(all)
        {
            warnings.push(warning(
                "threads-unseen",
                format!(
                    "{:.0} % of the program's processor time is of threads that lived between two looks, and is in no group",
                    100.0 * (1.0 - as_f64(seen) / as_f64(all))
                ),
                "look more often: --every 1ms",
            ));
        }
        warnings
    }
}

/// The identities of a recording: the threads' times against the processes' and the processors'.
#[must_use]
pub fn check(record: &RunRecord, observed: &ObservedRecord) -> Vec<Identity> {
    let total = observed.total();
    let length = u128::from(record.window.length_ns);
    let capacity = length * u128::from(record.treatment.cores.max(1));
    let capacity = u64::try_from(capacity).unwrap_or(u64::MAX);
    let slack = TICKS_NS.saturating_mul(observed.processes.max(1));
    let mut checked = vec![
        Identity {
            name: "processors".into(),
            holds: within(total.on_cpu_ns, capacity, TOLERANCE, slack),
            detail: format!(
                "{} ns on processors of {capacity} ns that there were on {} cores",
                total.on_cpu_ns, record.treatment.cores
            ),
        },
        Identity {
            name: "thread-time".into(),
            holds: observed.groups.values().all(|group| {
                let sum = group.on_cpu_ns.saturating_add(group.run_queue_ns).saturating_add(group.blocked());
                sum == group.wall_ns
            }),
            detail: "on a processor + run-queue wait + blocked = wall, for each group".into(),
        },
    ];
    if let Some(all) = observed.process_cpu_ns {
        checked.push(Identity {
            name: "processor-time".into(),
            holds: within(total.on_cpu_ns, all, TOLERANCE, slack),
            detail: format!(
                "{} ns of the threads that were seen, {all} ns of their processes",
                total.on_cpu_ns
            ),
        });
    }
    checked
}

#[expect(clippy::cast_precision_loss, reason = "shares")]
fn as_f64(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(on_cpu_ns: u64, process_cpu_ns: u64) -> RunRecord {
        let group = ThreadGroup {
            threads: 1,
            wall_ns: 1_000_000_000,
            on_cpu_ns,
            blocked_ns: BTreeMap::from([(BlockedBy::Sleep, 1_000_000_000 - on_cpu_ns)]),
            ..ThreadGroup::default()
        };
        let observed = ObservedRecord {
            processes: 1,
            sees_calls: true,
            process_cpu_ns: Some(process_cpu_ns),
            groups: BTreeMap::from([("web".to_owned(), group)]),
            ..ObservedRecord::default()
        };
        let mut record = RunRecord { observed: Some(observed), ..RunRecord::default() };
        record.window.length_ns = 500_000_000;
        record.treatment.cores = 1;
        record
    }

    fn failing(record: &RunRecord) -> Vec<String> {
        let observed = record.observed.as_ref().unwrap();
        check(record, observed).into_iter().filter(|one| !one.holds).map(|one| one.name).collect()
    }

    #[test]
    fn more_processor_time_than_there_was_or_than_the_process_had_is_found() {
        assert!(failing(&recorded(500_000_000, 500_000_000)).is_empty());
        assert_eq!(failing(&recorded(700_000_000, 700_000_000)), ["processors"]);
        assert_eq!(failing(&recorded(500_000_000, 300_000_000)), ["processor-time"]);
        let mut lost = recorded(500_000_000, 500_000_000);
        lost.observed.as_mut().unwrap().groups.get_mut("web").unwrap().blocked_ns.clear();
        assert_eq!(failing(&lost), ["thread-time"]);
    }

    #[test]
    fn threads_that_no_look_met_and_calls_that_are_hidden_are_warned_of() {
        let codes = |record: &RunRecord| -> Vec<String> {
            record.observed.as_ref().unwrap().warnings().into_iter().map(|one| one.code).collect()
        };
        assert!(codes(&recorded(500_000_000, 510_000_000)).is_empty());
        let mut record = recorded(200_000_000, 500_000_000);
        record.observed.as_mut().unwrap().sees_calls = false;
        assert_eq!(codes(&record), ["calls-unseen", "threads-unseen"]);
    }
}
