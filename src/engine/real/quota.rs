//! A quota of processor time on real threads: a control group of the run's own, which its workers enter.
//!
//! The kernel tells how often the quota was used up and for how long, summed over processors (`cpu.stat`). What it tells of
//! a thread is only that it waited for a processor; how much of that the quota took is told apart by what the kernel has
//! added to that sum since the wait began, divided by the processors that the workers can use. So the group's figures are
//! the kernel's, and the part of a task's time is an estimate that never exceeds the task's wait.
//!
//! Threads that issue load stay outside: their lateness would be counted as queueing.

use crate::engine::EngineError;
use crate::measure::record::QuotaRecord;
use crate::scenario::Quota;
use crate::units::Nanos;
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// What the kernel allows for a period, and the least quota.
const PERIODS: [Nanos; 2] = [Nanos::from_millis(1), Nanos::from_secs(1)];
/// Growths of throttled time that are remembered: far more than a step lasts periods.
const REMEMBERED: usize = 256;

/// Where control groups of processor time are made.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Hierarchy {
    /// The `cpu` controller of version 1, mounted on its own.
    One(PathBuf),
    /// The unified hierarchy.
    Two(PathBuf),
}

impl Hierarchy {
    /// The group that this process is in, in the hierarchy with the `cpu` controller.
    ///
    /// `groups` is the text of `/proc/self/cgroup`, `mounts` that of `/proc/self/mountinfo`.
    fn find(groups: &str, mounts: &str) -> Option<Self> {
        let path_in = |wanted: &dyn Fn(&str) -> bool| {
            groups.lines().find_map(|line| {
                let mut fields = line.splitn(3, ':').skip(1);
                let controllers = fields.next()?;
                wanted(controllers).then(|| fields.next()).flatten()
            })
        };
        // A mount shows the hierarchy from its root on, which in a container is not the whole one.
        let mounted = |kind: &str, option: Option<&str>| {
            mounts.lines().find_map(|line| {
                let (place, system) = line.split_once(" - ")?;
                let mut place = place.split(' ').skip(3);
                let (root, point) = (place.next()?, place.next()?);
                let mut system = system.split(' ');
                let fits = system.next()? == kind
                    && option.is_none_or(|option| {
                        system.nth(1).is_some_and(|options| options.split(',').any(|one| one == option))
                    });
                fits.then_some((root, point))
            })
        };
        let inside = |(root, point): (&str, &str), path: &str| {
            let below = path.strip_prefix(root.trim_end_matches('/')).unwrap_or(path);
            Path::new(point).join(below.trim_start_matches('/'))
        };
        let one = mounted("cgroup", Some("cpu"))
            .zip(path_in(&|controllers| controllers.split(',').any(|one| one == "cpu")))
            .map(|(mount, path)| Self::One(inside(mount, path)));
        one.or_else(|| {
            let path = path_in(&str::is_empty)?;
            Some(Self::Two(inside(mounted("cgroup2", None)?, path)))
        })
    }

    fn folder(&self) -> &Path {
        match self {
            Self::One(folder) | Self::Two(folder) => folder,
        }
    }

    /// Makes `group` in it for so many workers with a quota. A group weighs as much as one thread unless told otherwise; each
    /// worker is to weigh as much as a thread outside.
    fn make(&self, group: &Path, quota: Quota, workers: u64) -> io::Result<()> {
        let micros = |time: Nanos| time.0 / 1000;
        let (time, period) = (micros(quota.time()), micros(quota.period));
        fs::create_dir(group)?;
        let set = |folder: &Path, file: &str, value: &str| {
            fs::write(folder.join(file), value)
                .map_err(|error| io::Error::new(error.kind(), format!("{file} takes no {value}: {error}")))
        };
        match self {
            Self::One(_) => {
                set(group, "cpu.cfs_period_us", &period.to_string())?;
                set(group, "cpu.cfs_quota_us", &time.to_string())?;
                set(group, "cpu.shares", &(1024 * workers).min(262_144).to_string())
            }
            // A group of threads first: with it this process's own group may hand on the controller although it has processes.
            Self::Two(own) => {
                set(group, "cgroup.type", "threaded")?;
                set(own, "cgroup.subtree_control", "+cpu")?;
                set(group, "cpu.max", &format!("{time} {period}"))?;
                set(group, "cpu.weight", &(100 * workers).min(10_000).to_string())
            }
        }
    }

    /// The file of a group to which a thread writes itself.
    const fn threads(&self) -> &'static str {
        match self {
            Self::One(_) => "tasks",
            Self::Two(_) => "cgroup.threads",
        }
    }
}

/// What the kernel has counted of a group since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    periods: u64,
    throttled: u64,
    /// Summed over processors.
    time: Nanos,
}

impl Counts {
    /// From the text of a `cpu.stat`.
    fn of(text: &str) -> Self {
        let mut counts = Self::default();
        for (name, value) in text.lines().filter_map(|line| line.split_once(' ')) {
            let value = value.trim().parse().unwrap_or(0);
            match name {
                "nr_periods" => counts.periods = value,
                "nr_throttled" => counts.throttled = value,
                "throttled_time" => counts.time = Nanos(value),
                "throttled_usec" => counts.time = Nanos(value.saturating_mul(1000)),
                _ => {}
            }
        }
        counts
    }
}

/// When throttled time was seen to have grown, and by how much.
#[derive(Debug, Default)]
struct Growth {
    total: Nanos,
    /// Newest last.
    steps: VecDeque<(Nanos, Nanos)>,
}

impl Growth {
    /// Notes the sum that was read at `now`.
    fn note(&mut self, now: Nanos, total: Nanos) {
        if total > self.total {
            let grown = total - std::mem::replace(&mut self.total, total);
            if self.steps.len() == REMEMBERED {
                self.steps.pop_front();
            }
            self.steps.push_back((now, grown));
        }
    }

    /// What it grew by after `start`.
    fn since(&self, start: Nanos) -> Nanos {
        self.steps.iter().rev().take_while(|(at, _)| *at > start).map(|(_, grown)| *grown).sum()
    }
}

/// The control group of a run's workers.
#[derive(Debug)]
pub(super) struct ControlGroup {
    folder: PathBuf,
    threads: &'static str,
    quota: Quota,
    /// Processors among which throttled time is divided.
    processors: u64,
    growth: Mutex<Growth>,
    /// What the kernel had counted when the measured window began, and when it ended.
    window: Mutex<[Counts; 2]>,
    /// A worker could not enter.
    refused: AtomicBool,
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ControlGroup {
    /// Makes the group, and tries whether a thread can enter it.
    ///
    /// # Errors
    ///
    /// [`EngineError::System`] where the host has no such groups or this process may not make one.
    pub(super) fn make(quota: Quota, processors: u32, workers: usize) -> Result<Self, EngineError> {
        let [least, most] = PERIODS;
        let refused = |why: String, source: io::Error| EngineError::System {
            action: format!("put real threads under a quota: {why}; or use --engine virtual"),
            source,
        };
        if !(least..=most).contains(&quota.period) || quota.time() < least {
            let range = "the kernel takes periods from 1ms to 1s and at least 1ms of processor time in each";
            return Err(EngineError::Unsupported(format!(
                "put real threads under a quota of {} in {}: {range}; use a longer period, or --engine virtual",
                quota.time(),
                quota.period
            )));
        }
        let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
        let Some(hierarchy) = Hierarchy::find(&read("/proc/self/cgroup"), &read("/proc/self/mountinfo"))
        else {
            return Err(EngineError::Unsupported(
                "put real threads under a quota: this host shows no control groups with the cpu controller; use --engine \
                 virtual"
                    .into(),
            ));
        };
        remove_left_behind(hierarchy.folder());
        static MADE: AtomicU64 = AtomicU64::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let folder = hierarchy.folder().join(format!("conlab-{}-{number}", std::process::id()));
        let group = Self {
            threads: hierarchy.threads(),
            quota,
            processors: u64::from(processors).min(workers as u64).max(1),
            growth: Mutex::default(),
            window: Mutex::default(),
            refused: AtomicBool::new(false),
            folder,
        };
        let remedy = format!(
            "make a control group in {} (start conlab as root, or where the cpu controller is delegated to it)",
            hierarchy.folder().display()
        );
        hierarchy
            .make(&group.folder, quota, workers as u64)
            .map_err(|source| refused(remedy.clone(), source))?;
        thread::scope(|scope| scope.spawn(|| group.try_to_enter()).join())
            .unwrap_or_else(|_| Err(io::Error::other("the thread that tried it panicked")))
            .map_err(|source| refused(remedy, source))?;
        Ok(group)
    }

    fn try_to_enter(&self) -> io::Result<()> {
        // Zero is whoever writes it.
        fs::write(self.folder.join(self.threads), "0")
    }

    /// Puts the calling thread under the quota, for the rest of its life.
    pub(super) fn enter(&self) {
        if self.try_to_enter().is_err() {
            self.refused.store(true, Ordering::Relaxed);
        }
    }

    /// Fails where a worker could not enter: it ran without the quota.
    pub(super) fn check(&self) -> Result<(), EngineError> {
        if !self.refused.load(Ordering::Relaxed) {
            return Ok(());
        }
        Err(EngineError::Unsupported(format!(
            "put every worker under the quota: {} refused one; try again, or use --engine virtual",
            self.folder.display()
        )))
    }

    fn counts(&self) -> Counts {
        fs::read_to_string(self.folder.join("cpu.stat")).map_or(Counts::default(), |text| Counts::of(&text))
    }

    /// Of a wait for a processor that began after `start` and ends `now`, how much the quota took, at most.
    pub(super) fn throttled_since(&self, start: Nanos, now: Nanos) -> Nanos {
        let total = self.counts().time;
        let mut growth = guard(&self.growth);
        growth.note(now, total);
        Nanos(growth.since(start).0 / self.processors)
    }

    /// The measured window begins.
    pub(super) fn begin_window(&self) {
        *guard(&self.window) = [self.counts(); 2];
    }

    /// The measured window ends.
    pub(super) fn end_window(&self) {
        guard(&self.window)[1] = self.counts();
    }

    /// What the kernel counted over the window; the time is that of one processor, on average.
    pub(super) fn record(&self) -> QuotaRecord {
        let [before, after] = *guard(&self.window);
        QuotaRecord {
            quota_ns: self.quota.time().0,
            period_ns: self.quota.period.0,
            periods: after.periods - before.periods,
            throttled: after.throttled - before.throttled,
            throttled_ns: (after.time - before.time).0 / self.processors,
        }
    }
}

impl Drop for ControlGroup {
    /// Threads leave a group a moment after they have ended.
    fn drop(&mut self) {
        for _ in 0..50 {
            if fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Removes groups of runs that were killed; the kernel refuses where somebody is still in one.
fn remove_left_behind(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix("conlab-")?.split_once('-'));
        if owner.is_some_and(|(process, _)| {
            process.bytes().all(|digit| digit.is_ascii_digit()) && !Path::new("/proc").join(process).exists()
        }) {
            fs::remove_dir(entry.path()).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
                       32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct\n\
                       34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n\
                       41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
    const TWO: &str = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";

    #[test]
    fn the_group_of_this_process_is_found_in_both_versions() {
        let one = "9:name=systemd:/s\n3:cpuset:/x\n1:cpu,cpuacct:/jobs/7\n0::/y\n";
        assert_eq!(
            Hierarchy::find(one, ONE),
            Some(Hierarchy::One("/sys/fs/cgroup/cpu,cpuacct/jobs/7".into()))
        );
        let two = "0::/user.slice/me.scope\n";
        assert_eq!(
            Hierarchy::find(two, TWO),
            Some(Hierarchy::Two("/sys/fs/cgroup/user.slice/me.scope".into()))
        );
        // In a container the mount begins at the container's group.
        let inside = "32 31 0:29 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n";
        assert_eq!(
            Hierarchy::find("1:cpu:/docker/abc/sub\n", inside),
            Some(Hierarchy::One("/sys/fs/cgroup/cpu/sub".into()))
        );
        assert_eq!(Hierarchy::find("", TWO), None);
        assert_eq!(Hierarchy::find(two, ""), None);
    }

    #[test]
    fn both_versions_count_the_same() {
        let expected = Counts { periods: 22, throttled: 19, time: Nanos(522_161_000) };
        assert_eq!(
            Counts::of("nr_periods 22\nnr_throttled 19\nthrottled_time 522161000\nnr_bursts 0\n"),
            expected
        );
        let two = "usage_usec 1000\nnr_periods 22\nnr_throttled 19\nthrottled_usec 522161\nburst_usec 0\n";
        assert_eq!(Counts::of(two), expected);
    }

    #[test]
    fn a_version_two_group_is_threaded_before_it_gets_the_controller() {
        let own = tempfile::tempdir().unwrap();
        let group = own.path().join("conlab-1-0");
        let quota = Quota { processors: 1.5, period: Nanos::from_millis(20) };
        Hierarchy::Two(own.path().into()).make(&group, quota, 16).unwrap();
        let written = |file: PathBuf| fs::read_to_string(file).unwrap();
        assert_eq!(written(group.join("cgroup.type")), "threaded");
        assert_eq!(written(own.path().join("cgroup.subtree_control")), "+cpu");
        assert_eq!(written(group.join("cpu.max")), "30000 20000");
        assert_eq!(written(group.join("cpu.weight")), "1600");
    }

    #[test]
    fn a_wait_is_given_only_what_grew_within_it() {
        let mut growth = Growth::default();
        growth.note(Nanos(100), Nanos(40));
        growth.note(Nanos(150), Nanos(40));
        growth.note(Nanos(200), Nanos(70));
        assert_eq!(growth.since(Nanos(50)), Nanos(70));
        assert_eq!(growth.since(Nanos(100)), Nanos(30));
        assert_eq!(growth.since(Nanos(200)), Nanos::ZERO);
    }

    #[test]
    fn what_the_kernel_does_not_take_is_refused_before_anything_is_made() {
        let refused = |processors, period| {
            let quota = Quota { processors, period };
            ControlGroup::make(quota, 2, 2).map(drop).unwrap_err().to_string()
        };
        assert!(refused(1.0, Nanos::from_secs(2)).contains("from 1ms to 1s"));
        assert!(refused(0.001, Nanos::from_millis(100)).contains("at least 1ms"));
    }
}
