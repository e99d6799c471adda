//! Linux: looks at `/proc/PID/task/*` of a process and those that come from it, again and again.

use super::slices::Slices;
use super::{Observation, ObserveError};
use crate::clock;
use crate::measure::observed::{BlockedBy, FutexWait, ObservedRecord, ObservedThread, ThreadGroup};
use crate::measure::sched;
use crate::units::Nanos;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

/// Share of one processor that looking may take; beyond it looks become rarer.
const MAX_OVERHEAD: f64 = 0.01;
/// Futexes that are listed.
const MAX_FUTEXES: usize = 20;
/// Threads that are listed singly.
const MAX_THREADS: usize = 200;
/// Processes that are followed.
const MAX_PROCESSES: usize = 1000;
/// The kernel's tick in its counts of processor time of processes, whatever its own tick is.
const TICK_NS: u64 = 10_000_000;

/// A thread, as it was at the first look and at the last.
struct Seen {
    process: u32,
    name: String,
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

/// Who waited for a futex.
#[derive(Default)]
struct Waited {
    wait_ns: u64,
    looks: u64,
    threads: BTreeSet<u32>,
    groups: BTreeSet<String>,
}

/// Processor time of a process at the first look and at the last.
struct Process {
    first: Option<u64>,
    last: Option<u64>,
}

/// Everything that was seen so far.
struct Watch {
    began: Nanos,
    /// When the look before this one began; before the first, when watching began.
    before: Nanos,
    looks: u64,
    threads: BTreeMap<u32, Seen>,
    processes: BTreeMap<u32, Process>,
    futexes: BTreeMap<(u32, u64), Waited>,
    slices: Slices,
    groups: BTreeMap<String, ThreadGroup>,
    singles: Vec<ObservedThread>,
    sees_calls: bool,
}

pub(super) fn observe(
    pid: u32,
    every: Nanos,
    goes_on: &mut dyn FnMut() -> bool,
) -> Result<Observation, ObserveError> {
    let tasks = PathBuf::from(format!("/proc/{pid}/task"));
    fs::read_dir(&tasks).map_err(|source| ObserveError::Process { pid, source })?;
    if look(&tasks.join(pid.to_string())).is_none() {
        return Err(ObserveError::Unsupported);
    }
    let began = clock::now();
    let mut watch = Watch::new(began);
    let mut spent = Nanos::ZERO;
    loop {
        let (start, before) = (clock::now(), sched::on_cpu());
        if !watch.look(pid, start) {
            break;
        }
        // Processor time: an observer that had to wait for a processor took nothing from anybody meanwhile.
        let wall = clock::now().saturating_sub(start);
        let cost = before.zip(sched::on_cpu()).map_or(wall, |(before, after)| after.saturating_sub(before));
        spent += cost;
        if !goes_on() {
            break;
        }
        // As rare as it takes to stay cheap, however many threads there are.
        let pause = every.max(cost.scaled(1.0 / MAX_OVERHEAD));
        thread::park_timeout(pause.to_duration());
    }
    let length = clock::now().saturating_sub(began);
    let mut observed = watch.finish(pid, length);
    observed.how = format!(
        "/proc every {every} or rarer: on-CPU, run-queue wait and switches are the kernel's counts, causes of blocking are sampled; \
         processes that come from this one are seen while their parents live"
    );
    observed.overhead = spent.as_secs_f64() / length.as_secs_f64().max(f64::MIN_POSITIVE);
    Ok(Observation { length, observed })
}

impl Watch {
    fn new(began: Nanos) -> Self {
        Self {
            began,
            before: began,
            looks: 0,
            threads: BTreeMap::new(),
            processes: BTreeMap::new(),
            futexes: BTreeMap::new(),
            slices: Slices::default(),
            groups: BTreeMap::new(),
            singles: Vec::new(),
            sees_calls: false,
        }
    }

    /// Looks at every thread of every process; whether the first process is there.
    fn look(&mut self, pid: u32, start: Nanos) -> bool {
        let mut met = BTreeSet::new();
        let mut open = vec![pid];
        let mut known = BTreeSet::from([pid]);
        while let Some(process) = open.pop() {
            let Ok(entries) = fs::read_dir(format!("/proc/{process}/task")) else {
                if process == pid {
                    return false;
                }
                continue;
            };
            self.processor_time(process);
            for entry in entries.flatten() {
                let Some(tid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
                    continue;
                };
                let path = entry.path();
                if self.thread(&path, process, tid) {
                    met.insert(tid);
                }
                let children = fs::read_to_string(path.join("children")).unwrap_or_default();
                let children = children.split_whitespace().filter_map(|word| word.parse().ok());
                open.extend(children.filter(|child| known.len() < MAX_PROCESSES && known.insert(*child)));
            }
        }
        let gone: Vec<u32> = self.threads.keys().copied().filter(|tid| !met.contains(tid)).collect();
        for tid in gone {
            if let Some(seen) = self.threads.remove(&tid) {
                self.ended(seen);
            }
        }
        self.looks += 1;
        self.before = start;
        true
    }

    /// What the kernel counts for a process as a whole. One that began while it was watched began with nothing.
    fn processor_time(&mut self, process: u32) {
        let now = fs::read_to_string(format!("/proc/{process}/stat")).ok().and_then(|text| ticks(&text));
        let began_here = self.looks > 0;
        let of = self
            .processes
            .entry(process)
            .or_insert_with(|| Process { first: if began_here { now.map(|_| 0) } else { now }, last: now });
        of.last = now.or(of.last);
    }

    /// Looks at a thread; whether it lives.
    fn thread(&mut self, path: &Path, process: u32, tid: u32) -> bool {
        let Some((now, name)) = look(path) else { return false };
        let replaced = self.threads.get(&tid).is_some_and(|seen| now.on_cpu < seen.last.on_cpu);
        if replaced && let Some(seen) = self.threads.remove(&tid) {
            // Another thread has its number now.
            self.ended(seen);
        }
        let seen = self.threads.entry(tid).or_insert_with(|| {
            let first = if self.looks == 0 { now } else { now.at_birth(self.before) };
            Seen { process, name: String::new(), first, last: first, causes: BTreeMap::new() }
        });
        seen.name = name;
        let (ran, waited, wall) = now.since(&seen.last);
        if wall == 0 {
            return true;
        }
        seen.last = now;
        let waiting = waiting(path, process);
        // A thread that runs now, or waits for a processor, is not in the call that it was blocked by.
        let blocked = if now.runnable { 0 } else { wall - ran - waited };
        *seen.causes.entry(waiting.cause).or_default() += blocked;
        let at = now.at.saturating_sub(self.began);
        self.slices.add(at, wall, (ran, waited, wall - ran - waited), waiting.cause);
        self.sees_calls |= waiting.cause != BlockedBy::Other;
        if let Some(address) = waiting.futex.filter(|_| blocked > 0) {
            let waited = self.futexes.entry((process, address)).or_default();
            waited.wait_ns += blocked;
            waited.looks += 1;
            waited.threads.insert(tid);
            waited.groups.insert(group_of(&seen.name));
        }
        true
    }

    /// Counts a thread that has ended, or that is seen no more.
    fn ended(&mut self, seen: Seen) {
        let group = group_of(&seen.name);
        let time = seen.total();
        self.groups.entry(group.clone()).or_default().add(&time);
        self.singles.push(ObservedThread { name: shown(&seen.name), process: seen.process, group, time });
        if self.singles.len() >= 4 * MAX_THREADS {
            self.keep_largest();
        }
    }

    fn keep_largest(&mut self) {
        self.singles.sort_by(|one, other| {
            let key = |of: &ObservedThread| (std::cmp::Reverse(of.time.on_cpu_ns), of.process);
            key(one).cmp(&key(other)).then_with(|| one.name.cmp(&other.name))
        });
        self.singles.truncate(MAX_THREADS);
    }

    fn finish(mut self, pid: u32, length: Nanos) -> ObservedRecord {
        for seen in std::mem::take(&mut self.threads).into_values() {
            self.ended(seen);
        }
        self.keep_largest();
        let times = self.processes.values().map(|of| Some(of.last?.saturating_sub(of.first?)));
        ObservedRecord {
            pid,
            processes: self.processes.len() as u64,
            source: "proc".into(),
            looks: self.looks,
            sees_calls: self.sees_calls,
            process_cpu_ns: times.sum(),
            groups: self.groups,
            threads: self.singles,
            futexes: listed(self.futexes),
            series: self.slices.finish(length),
            ..ObservedRecord::default()
        }
    }
}

/// Processor time of a process, of what `/proc/PID/stat` says.
fn ticks(stat: &str) -> Option<u64> {
    // The name may hold spaces and brackets; what follows its last bracket does not.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system) = (fields.next()?.parse::<u64>().ok()?, fields.next()?.parse::<u64>().ok()?);
    Some(user.saturating_add(system).saturating_mul(TICK_NS))
}

/// The longest waits first.
fn listed(futexes: BTreeMap<(u32, u64), Waited>) -> Vec<FutexWait> {
    let mut waits: Vec<FutexWait> = futexes
        .into_iter()
        .map(|((process, address), waited)| FutexWait {
            address: format!("{address:#x}"),
            process,
            wait_ns: waited.wait_ns,
            looks: waited.looks,
            threads: waited.threads.len() as u64,
            groups: waited.groups.into_iter().collect(),
        })
        .collect();
    waits.sort_by_key(|wait| std::cmp::Reverse(wait.wait_ns));
    waits.truncate(MAX_FUTEXES);
    waits
}

impl Figures {
    /// On a processor, waiting for one, and all of the time since `earlier`.
    fn since(&self, earlier: &Self) -> (u64, u64, u64) {
        let wall = self.at.saturating_sub(earlier.at).0;
        let ran = self.on_cpu.saturating_sub(earlier.on_cpu).min(wall);
        (ran, self.run_queue.saturating_sub(earlier.run_queue).min(wall - ran), wall)
    }

    /// The figures at the birth of a thread that was not there at `before`: it has lived at least as long as it ran and waited.
    fn at_birth(&self, before: Nanos) -> Self {
        let lived = Nanos(self.on_cpu.saturating_add(self.run_queue));
        Self {
            at: self.at.saturating_sub(lived).max(before).min(self.at),
            on_cpu: 0,
            run_queue: 0,
            switches: (0, 0),
            runnable: true,
        }
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

/// What the kernel has counted of a living thread by now, and its name.
fn look(path: &Path) -> Option<(Figures, String)> {
    let (on_cpu, run_queue) = sched::counted(path)?;
    let status = fs::read_to_string(path.join("status")).ok()?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let count = |name: &str| field(name).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let state = field("State:").unwrap_or_default();
    if state.starts_with(['Z', 'X']) {
        return None;
    }
    let switches = (count("voluntary_ctxt_switches:"), count("nonvoluntary_ctxt_switches:"));
    let runnable = state.starts_with('R');
    let name = field("Name:").unwrap_or_default().to_owned();
    Some((Figures { at: clock::now(), on_cpu, run_queue, switches, runnable }, name))
}

/// A name as it is shown: control characters are replaced.
fn shown(name: &str) -> String {
    name.trim_end().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A thread's name without the digits at its end, which number equal threads.
fn group_of(comm: &str) -> String {
    let name = shown(comm);
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
        let seen =
            Seen { process: 1, name: String::new(), first: at(0, 0, false), last: at(10, 6, true), causes };
        let total = seen.total();
        assert_eq!((total.wall_ns, total.run_queue_ns, total.blocked()), (10_000_000, 6_000_000, 4_000_000));
        assert_eq!(total.blocked_ns[&BlockedBy::Sleep], 3_000_000);
        assert_eq!(at(9, 6, true).since(&at(8, 0, true)), (0, 1_000_000, 1_000_000));
    }

    #[test]
    fn the_processor_time_of_a_process_is_found_behind_any_name() {
        let fields = "S 1 2 3 4 5 6 7 8 9 10 25 17 0 0";
        assert_eq!(ticks(&format!("7 (a) b ( c) {fields}")), Some(42 * TICK_NS));
        assert_eq!(ticks("7 (a) S 1 2"), None);
        assert_eq!(ticks(""), None);
    }

    /// A thread that was born between two looks has run all that it has since then, and lived no longer than since the look before.
    #[test]
    fn a_thread_that_was_not_there_before_brings_its_whole_life() {
        let now = Figures { at: Nanos(1000), on_cpu: 300, run_queue: 100, switches: (3, 1), runnable: false };
        assert_eq!(now.since(&now.at_birth(Nanos(0))), (300, 100, 400));
        assert_eq!(now.since(&now.at_birth(Nanos(900))), (100, 0, 100));
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
