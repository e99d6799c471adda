//! The host's fingerprint: without it a figure is not a result.

use super::record::{Manifest, Warning};
use crate::clock;
use std::fs;

/// The manifest of a run that starts now, with `calibration` in force.
#[must_use]
pub fn manifest(calibration: String) -> Manifest {
    let commit = env!("CONLAB_COMMIT");
    Manifest {
        started: clock::utc(),
        version: env!("CARGO_PKG_VERSION").into(),
        commit: (!commit.is_empty()).then(|| commit.into()),
        compiler: env!("CONLAB_COMPILER").into(),
        flags: env!("CONLAB_FLAGS").trim().into(),
        cpu: cpu_model(),
        cores: cores(),
        kernel: kernel(),
        cgroup_cores: cgroup_cores(),
        steal_ns: None,
        calibration,
        calibration_digest: None,
        clock: clock::source().into(),
        no_miss_counters: None,
    }
}

/// Processors that this process may use.
#[must_use]
pub fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX))
}

/// Model of the processor, or `unknown`.
#[must_use]
pub fn cpu_model() -> String {
    field("/proc/cpuinfo", "model name").unwrap_or_else(|| format!("unknown {}", std::env::consts::ARCH))
}

/// Release of the kernel, or the name of the system.
#[must_use]
pub fn kernel() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").map_or_else(
        |_| std::env::consts::OS.into(),
        |text| format!("{} {}", std::env::consts::OS, text.trim()),
    )
}

/// Processors that a control group (version 2) allows this process, if it is limited.
#[must_use]
pub fn cgroup_cores() -> Option<f64> {
    let path = fs::read_to_string("/proc/self/cgroup").ok()?;
    let group = path.lines().find_map(|line| line.strip_prefix("0::"))?;
    let text = fs::read_to_string(format!("/sys/fs/cgroup{group}/cpu.max"))
        .or_else(|_| fs::read_to_string("/sys/fs/cgroup/cpu.max"))
        .ok()?;
    let (quota, period) = text.trim().split_once(' ')?;
    Some(quota.parse::<f64>().ok()? / period.parse::<f64>().ok()?)
}

/// Time that the hypervisor has taken from this machine's processors since boot, in nanoseconds.
#[must_use]
pub fn steal_ns() -> Option<u64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let ticks: u64 = stat.lines().next()?.split_whitespace().nth(8)?.parse().ok()?;
    // The kernel reports in hundredths of a second whatever its own tick is.
    Some(ticks * 10_000_000)
}

/// Warns when the hypervisor took more than 1 % of `cores × length_ns`.
#[must_use]
pub fn steal_warning(steal_ns: Option<u64>, cores: u32, length_ns: u64) -> Option<Warning> {
    let steal = steal_ns?;
    let capacity = u128::from(cores) * u128::from(length_ns);
    (u128::from(steal) * 100 > capacity).then(|| Warning {
        code: "steal".into(),
        message: format!(
            "the hypervisor took {} ms of this machine's processors during the run",
            steal / 1_000_000
        ),
        remedy: "run on a quieter machine, or raise --replicates and compare intervals".into(),
    })
}

/// The value of the first line `key : value` of a file.
fn field(path: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let (_, value) =
        text.lines().filter_map(|line| line.split_once(':')).find(|(name, _)| name.trim() == key)?;
    Some(value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_a_hundredth_stolen_is_a_warning() {
        assert_eq!(steal_warning(Some(9_000_000), 1, 1_000_000_000), None);
        assert!(steal_warning(Some(11_000_000), 1, 1_000_000_000).is_some());
        assert_eq!(steal_warning(None, 1, 1), None);
    }
}
