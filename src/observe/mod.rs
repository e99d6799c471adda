//! A foreign program's time, from outside: on a processor, waiting for one, blocked and by what.
//!
//! The kernel counts on-CPU time, run-queue wait and switches of every thread (`/proc/PID/task/TID/schedstat`, `status`), so those
//! are exact over the observed time. What a thread is blocked by is sampled: at each look its blocked time since the last is
//! put down to the system call that it sleeps in then. Waits shorter than the distance of looks are therefore
//! apportioned, not measured. A futex is named by its address; whose lock that is, only the program knows.

#[cfg(target_os = "linux")]
mod proc;
#[cfg(target_os = "linux")]
mod slices;

use crate::measure::observed::ObservedRecord;
use crate::units::Nanos;

/// Why a process cannot be observed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObserveError {
    /// There is no such process, or it may not be looked at.
    #[error("look at process {pid}; it must run, and belong to this user")]
    Process {
        /// Its number.
        pid: u32,
        /// The system's reason.
        source: std::io::Error,
    },
    /// This system does not say.
    #[error("observe another program: this system has no /proc with schedstat")]
    Unsupported,
}

/// What was seen of a program, and for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// Observed time.
    pub length: Nanos,
    /// What was seen.
    pub observed: ObservedRecord,
}

/// Observes the threads of a process, and of those that come from it, until `goes_on` says no or it has ended.
///
/// # Errors
///
/// [`ObserveError`]: there is no such process, or the system does not say.
#[cfg(target_os = "linux")]
pub fn observe(
    pid: u32,
    every: Nanos,
    goes_on: &mut dyn FnMut() -> bool,
) -> Result<Observation, ObserveError> {
    proc::observe(pid, every, goes_on)
}

/// Observes nothing: this system has no `/proc`.
///
/// # Errors
///
/// [`ObserveError::Unsupported`].
#[cfg(not(target_os = "linux"))]
pub fn observe(_: u32, _: Nanos, _: &mut dyn FnMut() -> bool) -> Result<Observation, ObserveError> {
    Err(ObserveError::Unsupported)
}
