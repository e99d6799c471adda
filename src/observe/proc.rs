//! Linux: looks at `/proc/PID/task/*` again and again.

use super::{BlockedBy, FutexWait, Observation, ObserveError, ThreadGroup};
use crate::clock;
use crate::units::Nanos;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

/// Share of one processor that looking may take; beyond it looks become rarer.
const MAX_OVERHEAD: f64 = 0.01;
/// Futexes that are listed.
const MAX_FUTEXES: usize = 20;

/// A thread, as it was at the first look and at the last.
struct Seen {
    group: String,
    first: Figures,
    last: Figures,
    /// Time that it was seen to be blocked for, by cause; what the kernel has not counted yet may be in it.
    causes: BTreeMap<BlockedBy, u64>,
}

/// What the kernel has counted since a thread's birth.
#[derive(Clone, Copy)]
struct Figures {
    at: Nanos,
    on_cpu: u64,
    run_queue: u64,
    switches: (u64, u64),
    /// It runs, or waits for a processor.
    runnable: bool,
}

/// What a thread waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waiting {
    cause: BlockedBy,
    futex: Option<u64>,
}

pub(super) fn observe(
    pid: u32,
    every: Nanos,
    goes_on: &mut dyn FnMut() -> bool,
) -> Result<Observation, ObserveError> {
    let tasks = PathBuf::from(format!("/proc/{pid}/task"));
    fs::read_dir(&tasks).map_err(|source| ObserveError::Process { pid, source })?;
    if figures(&tasks.join(pid.to_string())).is_none() {
        return Err(ObserveError::Unsupported);
    }
    let began = clock::now();
    let mut threads: BTreeMap<u32, Seen> = BTreeMap::new();
    let mut futexes: BTreeMap<u64, (FutexWait, BTreeSet<u32>)> = BTreeMap::new();
    let (mut looks, mut spent, mut sees_calls) = (0_u64, Nanos::ZERO, false);
    loop {
        let start = clock::now();
        let Ok(entries) = fs::read_dir(&tasks) else { break };
        for entry in entries.flatten() {
            let Some(tid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            if let Some((waiting, blocked)) = look(&entry.path(), pid, tid, &mut threads) {
                sees_calls |= waiting.cause != BlockedBy::Other;
                if let Some(address) = waiting.futex.filter(|_| blocked > 0) {
                    let (wait, waiters) = futexes.entry(address).or_default();
                    wait.wait_ns += blocked;
                    wait.looks += 1;
                    waiters.insert(tid);
                }
            }
        }
        looks += 1;
        spent += clock::now().saturating_sub(start);
        if !goes_on() {
            break;
        }
        // As rare as it takes to stay cheap, however many threads there are.
        let cost = clock::now().saturating_sub(start);
        let pause = every.max(cost.scaled(1.0 / MAX_OVERHEAD));
        thread::park_timeout(pause.to_duration());
    }
    let length = clock::now().saturating_sub(began);
    let mut groups: BTreeMap<String, ThreadGroup> = BTreeMap::new();
    for seen in threads.into_values() {
        let total = seen.total();
        groups.entry(seen.group).or_default().add(&total);
    }
    Ok(Observation {
        pid,
        source: format!(
            "/proc every {every} or rarer: on-CPU, run-queue wait and switches are the kernel's counts, causes of blocking are sampled"
        ),
        length_ns: length.0,
        looks,
        overhead: spent.as_secs_f64() / length.as_secs_f64().max(f64::MIN_POSITIVE),
        sees_calls,
        groups,
        futexes: listed(futexes),
    })
}

/// The longest waits first.
fn listed(futexes: BTreeMap<u64, (FutexWait, BTreeSet<u32>)>) -> Vec<FutexWait> {
    let mut waits: Vec<FutexWait> = futexes
        .into_iter()
        .map(|(address, (wait, waiters))| FutexWait {
            address: format!("{address:#x}"),
            threads: waiters.len() as u64,
            ..wait
        })
        .collect();
    waits.sort_by_key(|wait| std::cmp::Reverse(wait.wait_ns));
    waits.truncate(MAX_FUTEXES);
    waits
}

/// Looks at a thread; what it is blocked by now, and how much of the time since the last look it was blocked.
fn look(path: &Path, pid: u32, tid: u32, threads: &mut BTreeMap<u32, Seen>) -> Option<(Waiting, u64)> {
    let now = figures(path)?;
    let Some(seen) = threads.get_mut(&tid) else {
        let group = group_of(&fs::read_to_string(path.join("comm")).unwrap_or_default());
        threads.insert(tid, Seen { group, first: now, last: now, causes: BTreeMap::new() });
        return None;
    };
    let (ran, waited, wall) = now.since(&seen.last);
    seen.last = now;
    let waiting = waiting(path, pid);
    // A thread that runs now, or waits for a processor, is not in the call that it was blocked by.
    let blocked = if now.runnable { 0 } else { wall - ran - waited };
    *seen.causes.entry(waiting.cause).or_default() += blocked;
    Some((waiting, blocked))
}

impl Figures {
    /// On a processor, waiting for one, and all of the time since `earlier`.
    fn since(&self, earlier: &Self) -> (u64, u64, u64) {
        let wall = self.at.saturating_sub(earlier.at).0;
        let ran = self.on_cpu.saturating_sub(earlier.on_cpu).min(wall);
        (ran, self.run_queue.saturating_sub(earlier.run_queue).min(wall - ran), wall)
    }
}

impl Seen {
    /// Where its time went. The kernel counts a wait when it is over and running at a tick, often after the look that it belongs to: only the
    /// counts of all looks together are right, and the causes share what they leave.
    fn total(&self) -> ThreadGroup {
        let (on_cpu_ns, run_queue_ns, wall_ns) = self.last.since(&self.first);
        let blocked = wall_ns - on_cpu_ns - run_queue_ns;
        let seen: u64 = self.causes.values().sum();
        let mut blocked_ns = BTreeMap::new();
        let mut left = blocked;
        for (cause, time) in self.causes.iter().filter(|(_, time)| **time > 0) {
            let share = u128::from(blocked) * u128::from(*time) / u128::from(seen);
            let share = u64::try_from(share).unwrap_or(left).min(left);
            blocked_ns.insert(*cause, share);
            left -= share;
        }
        // What division leaves, or all of it where no look found the thread blocked.
        let most = self.causes.iter().max_by_key(|(_, time)| **time).map(|(cause, _)| *cause);
        *blocked_ns.entry(most.unwrap_or(BlockedBy::Other)).or_default() += left;
        ThreadGroup {
            threads: 1,
            wall_ns,
            on_cpu_ns,
            run_queue_ns,
            blocked_ns,
            voluntary_switches: self.last.switches.0.saturating_sub(self.first.switches.0),
            involuntary_switches: self.last.switches.1.saturating_sub(self.first.switches.1),
        }
    }
}

/// What the kernel has counted of a thread by now.
fn figures(path: &Path) -> Option<Figures> {
    let text = fs::read_to_string(path.join("schedstat")).ok()?;
    let mut fields = text.split_whitespace().map(str::parse::<u64>);
    let (on_cpu, run_queue) = (fields.next()?.ok()?, fields.next()?.ok()?);
    let status = fs::read_to_string(path.join("status")).ok()?;
    let field =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
    let switches =
        (field("voluntary_ctxt_switches:").unwrap_or(0), field("nonvoluntary_ctxt_switches:").unwrap_or(0));
    let runnable = status
        .lines()
        .find_map(|line| line.strip_prefix("State:"))
        .is_some_and(|state| state.trim_start().starts_with('R'));
    Some(Figures { at: clock::now(), on_cpu, run_queue, switches, runnable })
}

/// A thread's name without the digits at its end, which number equal threads; control characters are replaced.
fn group_of(comm: &str) -> String {
    let name: String = comm.trim_end().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    let stem =
        name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches(['-', '_', '#', ':', '/']);
    if stem.is_empty() { name } else { stem.to_owned() }
}

/// What the thread waits in, by its system call.
fn waiting(path: &Path, pid: u32) -> Waiting {
    let text = fs::read_to_string(path.join("syscall")).unwrap_or_default();
    call(&text, &|descriptor| {
        let target = fs::read_link(format!("/proc/{pid}/fd/{descriptor}")).ok()?;
        let target = target.to_string_lossy();
        Some(target.starts_with("socket:") || target.starts_with("pipe:"))
    })
}

/// Reads `/proc/…/syscall`: number and arguments. `is_stream` says whether a descriptor is a socket or pipe.
fn call(text: &str, is_stream: &dyn Fn(u64) -> Option<bool>) -> Waiting {
    let other = Waiting { cause: BlockedBy::Other, futex: None };
    let mut words = text.split_whitespace();
    let Some(number) = words.next().and_then(|word| word.parse::<libc::c_long>().ok()) else { return other };
    let argument = words.next().and_then(|word| u64::from_str_radix(word.trim_start_matches("0x"), 16).ok());
    let cause = match number {
        libc::SYS_futex => {
            return Waiting { cause: BlockedBy::Futex, futex: argument };
        }
        libc::SYS_nanosleep | libc::SYS_clock_nanosleep => BlockedBy::Sleep,
        libc::SYS_epoll_pwait | libc::SYS_ppoll | libc::SYS_pselect6 => BlockedBy::Events,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_epoll_wait | libc::SYS_poll | libc::SYS_select => BlockedBy::Events,
        libc::SYS_accept
        | libc::SYS_accept4
        | libc::SYS_connect
        | libc::SYS_recvfrom
        | libc::SYS_recvmsg
        | libc::SYS_sendto
        | libc::SYS_sendmsg => BlockedBy::Socket,
        libc::SYS_fsync | libc::SYS_fdatasync | libc::SYS_pread64 | libc::SYS_pwrite64 | libc::SYS_openat => {
            BlockedBy::Disk
        }
        libc::SYS_read | libc::SYS_write | libc::SYS_readv | libc::SYS_writev => {
            match argument.and_then(is_stream) {
                Some(false) => BlockedBy::Disk,
                _ => BlockedBy::Socket,
            }
        }
        libc::SYS_wait4 | libc::SYS_waitid => BlockedBy::Child,
        _ => BlockedBy::Other,
    };
    Waiting { cause, futex: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_names_its_cause_and_a_futex_its_address() {
        let on = |text: String| call(&text, &|descriptor| Some(descriptor == 3));
        let futex = on(format!("{} 0x7f00dead 0x80 0x2 0x0", libc::SYS_futex));
        assert_eq!(futex, Waiting { cause: BlockedBy::Futex, futex: Some(0x7f00_dead) });
        for (number, argument, cause) in [
            (libc::SYS_read, 3, BlockedBy::Socket),
            (libc::SYS_read, 4, BlockedBy::Disk),
            (libc::SYS_fdatasync, 4, BlockedBy::Disk),
            (libc::SYS_clock_nanosleep, 0, BlockedBy::Sleep),
            (libc::SYS_wait4, 0, BlockedBy::Child),
            (libc::SYS_getpid, 0, BlockedBy::Other),
        ] {
            assert_eq!(on(format!("{number} {argument:#x} 0x0")).cause, cause, "{number}");
        }
        for text in ["running", "-1 0x0 0x0", ""] {
            assert_eq!(on(text.into()).cause, BlockedBy::Other, "{text}");
        }
    }

    /// Ten looks at a thread that sleeps for 4 ms and then waits for 6 ms for a processor; the kernel counts that at its end, when the thread
    /// runs again. Look by look the wait would be no longer than the time since the look before.
    #[test]
    fn a_wait_counts_where_it_was_although_the_kernel_counts_it_at_its_end() {
        let at = |ms: u64, waited: u64, runnable| Figures {
            at: Nanos::from_millis(ms),
            on_cpu: 0,
            run_queue: waited * 1_000_000,
            switches: (0, 0),
            runnable,
        };
        let causes = BTreeMap::from([(BlockedBy::Sleep, 3_000_000), (BlockedBy::Futex, 1_000_000)]);
        let seen = Seen { group: String::new(), first: at(0, 0, false), last: at(10, 6, true), causes };
        let total = seen.total();
        assert_eq!((total.wall_ns, total.run_queue_ns, total.blocked()), (10_000_000, 6_000_000, 4_000_000));
        assert_eq!(total.blocked_ns[&BlockedBy::Sleep], 3_000_000);
        assert_eq!(at(9, 6, true).since(&at(8, 0, true)), (0, 1_000_000, 1_000_000));
    }

    #[test]
    fn numbered_threads_are_one_group() {
        for (comm, group) in [
            ("web-12\n", "web"),
            ("tokio-runtime-w\n", "tokio-runtime-w"),
            ("7\n", "7"),
            ("a\u{1b}b3", "a\u{fffd}b"),
        ] {
            assert_eq!(group_of(comm), group);
        }
    }
}
