//! What this host can and cannot measure, found out by trying.

use super::counters::MissCounters;
use super::false_sharing::compare_twins;
use super::sched::{ThreadSched, sharpen_timers};
use super::{Calibration, host};
use crate::cache::{CacheLayout, CachePlan};
use crate::clock;
use crate::units::Nanos;
use serde::Serialize;
use std::fs;
use std::time::Duration;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing stands in the way.
    Good,
    /// It works, with a doubt or a bound.
    Limited,
    /// It cannot be measured here.
    Missing,
}

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// How it came out.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do about it; empty when good.
    pub remedy: String,
}

impl Check {
    fn good(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, state: State::Good, found: found.into(), remedy: String::new() }
    }

    fn limited(name: &'static str, found: impl Into<String>, remedy: &str) -> Self {
        Self { name, state: State::Limited, found: found.into(), remedy: remedy.to_owned() }
    }

    fn missing(name: &'static str, found: impl Into<String>, remedy: &str) -> Self {
        Self { name, state: State::Missing, found: found.into(), remedy: remedy.to_owned() }
    }

    fn good_if(name: &'static str, good: bool, found: impl Into<String>, remedy: &str) -> Self {
        if good { Self::good(name, found) } else { Self::limited(name, found, remedy) }
    }
}

/// Tries everything; takes about a second.
#[must_use]
pub fn checks() -> Vec<Check> {
    vec![
        processors(),
        quota(host::cgroup_cores(), host::cores()),
        scheduler(),
        counters(),
        false_sharing(),
        clock_source(),
        timers(),
        governor(),
        steal(),
        load(),
        threads(),
        calibration(),
        console(),
    ]
}

/// Whether work takes as long as was asked for: `error` is by how much it is off, `tolerance` by how much it may be.
#[must_use]
pub fn work(error: f64, tolerance: f64) -> Check {
    Check::good_if(
        "work",
        error.abs() <= tolerance,
        format!("a millisecond of computing takes {:+.2} %", error * 100.0),
        "compute steps are off by as much: keep the clock speed fixed (cpupower frequency-set -g performance), and leave \
         the processor's other thread idle",
    )
}

fn processors() -> Check {
    let cores = host::cores();
    let found = format!("{cores} × {}", host::cpu_model());
    let remedy =
        "threads never run side by side here: use --engine virtual --cores N to see contention between cores";
    Check::good_if("processors", cores > 1, found, remedy)
}

fn quota(allowed: Option<f64>, cores: u32) -> Check {
    const NAME: &str = "control group";
    match allowed {
        Some(allowed) if allowed < f64::from(cores) => Check::limited(
            NAME,
            format!("{allowed} of {cores} processors allowed"),
            "a throttled thread looks like one that waits in the run queue: lift cpu.max, or confine the run with --cores",
        ),
        Some(allowed) => Check::good(NAME, format!("{allowed} processors allowed")),
        None => Check::good(NAME, "no limit on processor time"),
    }
}

fn scheduler() -> Check {
    const NAME: &str = "scheduler figures";
    const REMEDY: &str = "run-queue wait and switches stay unknown: run on Linux with /proc mounted and SCHED_INFO in the kernel";
    let sched = ThreadSched::of_this_thread();
    let Some(before) = sched.figures() else {
        return Check::missing(NAME, "the system gives none per thread", REMEDY);
    };
    let start = clock::now();
    while clock::now().saturating_sub(start) < Nanos::from_millis(5) {
        std::hint::spin_loop();
    }
    let Some(spent) = sched.figures().map(|after| after.since(before)) else {
        return Check::missing(NAME, "the system gives none per thread", REMEDY);
    };
    let seen = spent.on_cpu + spent.run_queue;
    let found = format!("on-CPU {} and run-queue wait {} in a spin of 5 ms", spent.on_cpu, spent.run_queue);
    if spent.on_cpu == Nanos::ZERO {
        return Check::missing(NAME, "on-CPU time stays zero while working", REMEDY);
    }
    Check::good_if(
        NAME,
        seen >= Nanos::from_millis(4),
        found,
        "more than a fifth is missing: the hypervisor takes processors without saying so; compare steal time",
    )
}

fn counters() -> Check {
    const NAME: &str = "hardware counters";
    match MissCounters::open() {
        Ok(_) => Check::good(NAME, "cache misses can be counted"),
        Err(none) => Check::missing(NAME, none.reason, none.remedy),
    }
}

/// Whether two workers on one line are slower than on lines of their own, which twins of caches can then show.
fn false_sharing() -> Check {
    const NAME: &str = "false sharing";
    if host::cores() < 2 {
        return Check::missing(
            NAME,
            "one processor shares lines with nobody",
            "use a host with two processors",
        );
    }
    let twins = compare_twins(&CachePlan::of(CacheLayout::Isolated, 2, 256, 64));
    let found = format!(
        "packed twin of a cache {:.2} ± {:.2} times as long as the padded one at two threads, {:.2} ± {:.2} at one",
        twins.ratio.value, twins.ratio.half_width, twins.alone.value, twins.alone.half_width
    );
    Check::good_if(
        NAME,
        twins.ratio.value - twins.ratio.half_width > 1.0,
        found,
        "indistinguishable from noise: other programs compete, or the processors share their first-level cache",
    )
}

fn clock_source() -> Check {
    const READS: u32 = 10_000;
    let start = clock::now();
    for _ in 0..READS {
        std::hint::black_box(clock::now());
    }
    let cost = (clock::now().saturating_sub(start)).as_secs_f64() * 1e9 / f64::from(READS);
    let kernel = word_of("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    let kernel = kernel.map_or(String::new(), |source| format!("; the kernel uses {source}"));
    Check::good_if(
        "clock",
        cost < 200.0,
        format!("{cost:.0} ns a reading, {}{kernel}", clock::source()),
        "reading the clock is a system call here and perturbs short steps: use tsc or kvm-clock as the kernel's clock source",
    )
}

fn timers() -> Check {
    sharpen_timers();
    let wanted = Nanos::from_millis(1);
    let mut overshoots: Vec<Nanos> = (0..21)
        .map(|_| {
            let start = clock::now();
            std::thread::sleep(Duration::from_nanos(wanted.0));
            clock::now().saturating_sub(start).saturating_sub(wanted)
        })
        .collect();
    overshoots.sort_unstable();
    let (median, worst) = (overshoots[10], overshoots[20]);
    Check::good_if(
        "timers",
        median < Nanos::from_micros(200),
        format!("a sleep of 1 ms takes {median} too long at the median, {worst} at worst of 21"),
        "I/O steps and open load are late by as much: the machine is busy or its timers are coarse",
    )
}

fn governor() -> Check {
    const NAME: &str = "frequency governor";
    match word_of("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") {
        None => Check::good(NAME, "none visible (as in most virtual machines)"),
        Some(governor) => Check::good_if(
            NAME,
            governor == "performance",
            governor.clone(),
            "work costs more at the start of a run than later: cpupower frequency-set -g performance, or a longer --warmup",
        ),
    }
}

fn steal() -> Check {
    const NAME: &str = "steal time";
    let uptime = word_of("/proc/uptime").and_then(|text| text.parse::<f64>().ok());
    let (Some(steal), Some(uptime)) = (host::steal_ns(), uptime) else {
        return Check::missing(NAME, "the system does not count it", "compare several replicates instead");
    };
    let share = Nanos(steal).as_secs_f64() / (uptime * f64::from(host::cores())) * 100.0;
    Check::good_if(
        NAME,
        share < 1.0,
        format!("{share:.2} % of the processors' time since boot went to the hypervisor's other guests"),
        "use a machine of your own, or more --replicates and intervals",
    )
}

fn load() -> Check {
    const NAME: &str = "other work";
    let Some(average) = word_of("/proc/loadavg").and_then(|text| text.parse::<f64>().ok()) else {
        return Check::missing(
            NAME,
            "the system does not say how busy it is",
            "watch the run's own warnings",
        );
    };
    Check::good_if(
        NAME,
        average < 0.25 * f64::from(host::cores()),
        format!("load average {average} over the last minute"),
        "other programs compete with the run: end them, or read run-queue wait with that in mind",
    )
}

fn threads() -> Check {
    const NAME: &str = "threads";
    let bounds = ["/proc/sys/kernel/threads-max", "/sys/fs/cgroup/pids.max"];
    let most = bounds.iter().filter_map(|path| word_of(path)?.parse::<u64>().ok()).min();
    match most {
        None => Check::good(NAME, "no limit visible"),
        Some(most) => Check::good_if(
            NAME,
            most >= 4096,
            format!("at most {most} at once"),
            "runs with more --threads than that are refused: raise pids.max or kernel.threads-max",
        ),
    }
}

fn calibration() -> Check {
    const NAME: &str = "calibration";
    match Calibration::path().filter(|path| path.exists()) {
        Some(path) => Check::good(NAME, format!("stored in {}", path.display())),
        None => Check::limited(
            NAME,
            "none stored for this host",
            "the virtual engine charges built-in constants: run conlab calibrate",
        ),
    }
}

fn console() -> Check {
    if cfg!(all(feature = "console", tokio_unstable)) {
        return Check::good("tokio-console", "built in");
    }
    Check::limited(
        "tokio-console",
        "not built in",
        "RUSTFLAGS=\"--cfg tokio_unstable\" cargo build --release --features console --target-dir target/console",
    )
}

/// The first word of a file.
fn word_of(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()?.split_whitespace().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_not_good_has_a_remedy() {
        let all = checks();
        assert!(all.len() > 10);
        for check in all {
            assert_eq!(check.state == State::Good, check.remedy.is_empty(), "{check:?}");
            assert!(!check.found.is_empty(), "{check:?}");
        }
    }

    #[test]
    fn a_quota_below_the_processors_is_a_limit() {
        assert_eq!(quota(Some(1.5), 2).state, State::Limited);
        assert_eq!(quota(Some(2.0), 2).state, State::Good);
        assert_eq!(quota(None, 2).state, State::Good);
    }
}
