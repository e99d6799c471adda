//! What the process as a whole uses: processor time and memory, from `/proc/self`.

use crate::clock;
use crate::units::Nanos;

/// Processor time and memory from one instant on.
#[derive(Debug)]
pub struct ProcessMeter {
    started: Nanos,
    cpu: Option<Nanos>,
    /// Whether the kernel let the peak start anew.
    fresh_peak: bool,
}

/// What was used since.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProcessUsage {
    /// Processor time over wall time, in per cent of one processor; `None` where the system does not say.
    pub cpu_percent: Option<f64>,
    /// Largest resident set, in bytes.
    pub peak_bytes: Option<u64>,
    /// Whether the peak is of this stretch; if not, it is of the process's whole life.
    pub peak_is_fresh: bool,
    /// Wall time.
    pub wall: Nanos,
}

impl ProcessMeter {
    /// Starts now, and asks the kernel to forget the peak of the resident set.
    #[must_use]
    pub fn start() -> Self {
        // 5: reset the peak (Linux 4.0). Refused in some containers; then the peak is of the whole life.
        let fresh_peak = std::fs::write("/proc/self/clear_refs", "5").is_ok();
        Self { started: clock::now(), cpu: cpu_time(), fresh_peak }
    }

    /// What was used since the start.
    #[must_use]
    pub fn read(&self) -> ProcessUsage {
        let wall = clock::now().saturating_sub(self.started);
        let used = cpu_time().zip(self.cpu).map(|(now, before)| now.saturating_sub(before));
        ProcessUsage {
            cpu_percent: used
                .filter(|_| wall > Nanos::ZERO)
                .map(|used| 100.0 * used.as_secs_f64() / wall.as_secs_f64()),
            peak_bytes: status(|status| status.vmhwm),
            peak_is_fresh: self.fresh_peak,
            wall,
        }
    }
}

/// Resident set now, in bytes.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    status(|status| status.vmrss)
}

#[cfg(target_os = "linux")]
fn status(pick: impl Fn(&procfs::process::Status) -> Option<u64>) -> Option<u64> {
    let status = procfs::process::Process::myself().ok()?.status().ok()?;
    // The file counts in kibibytes.
    pick(&status).map(|kibibytes| kibibytes * 1024)
}

/// Processor time of all threads, those that have ended among them; counted in ticks of a hundredth of a second.
#[cfg(target_os = "linux")]
fn cpu_time() -> Option<Nanos> {
    let stat = procfs::process::Process::myself().ok()?.stat().ok()?;
    let ticks = procfs::ticks_per_second();
    (ticks > 0).then(|| Nanos((stat.utime + stat.stime) * (1_000_000_000 / ticks)))
}

#[cfg(not(target_os = "linux"))]
struct NoStatus {
    vmhwm: Option<u64>,
    vmrss: Option<u64>,
}

#[cfg(not(target_os = "linux"))]
fn status(pick: impl Fn(&NoStatus) -> Option<u64>) -> Option<u64> {
    pick(&NoStatus { vmhwm: None, vmrss: None })
}

#[cfg(not(target_os = "linux"))]
fn cpu_time() -> Option<Nanos> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_written_raises_the_peak() {
        let meter = ProcessMeter::start();
        let before = meter.read().peak_bytes.unwrap();
        let block = std::hint::black_box(vec![1_u8; 64 << 20]);
        let after = meter.read().peak_bytes.unwrap();
        assert!(after >= before && after >= block.len() as u64, "{before} {after}");
        assert!(meter.read().cpu_percent.is_some());
    }
}
