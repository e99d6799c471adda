//! What the system lets this process have: threads and file handles.

use std::fs;

/// Threads that this process may still start, by its control group; `None` where nothing limits them.
#[must_use]
pub fn threads() -> Option<u64> {
    let path = fs::read_to_string("/proc/self/cgroup").ok()?;
    let group = path.lines().find_map(|line| line.strip_prefix("0::"))?.trim().to_owned();
    let read = |name: &str| -> Option<u64> {
        let text = fs::read_to_string(format!("/sys/fs/cgroup{group}/{name}"))
            .or_else(|_| fs::read_to_string(format!("/sys/fs/cgroup/{name}")))
            .ok()?;
        // `max`: no limit.
        text.trim().parse().ok()
    };
    Some(read("pids.max")?.saturating_sub(read("pids.current")?))
}

/// Makes sure that the process may have `wanted` files open at once, raising its own limit as far as it may.
///
/// # Errors
///
/// The most that it may have, when that is less.
pub fn want_files(wanted: u64) -> Result<(), u64> {
    #[cfg(target_os = "linux")]
    {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the pointer is to a local that outlives the call.
        let status = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
        if status != 0 || limit.rlim_cur >= wanted {
            return Ok(());
        }
        if limit.rlim_max < wanted {
            return Err(limit.rlim_max);
        }
        limit.rlim_cur = wanted;
        // SAFETY: as above. Where it is refused, the first file that is refused tells.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = wanted;
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::want_files;

    #[test]
    fn more_files_than_may_be_had_are_refused_with_the_most() {
        assert!(want_files(3).is_ok());
        assert!(want_files(u64::MAX - 1).is_err_and(|most| most < u64::MAX - 1));
    }
}
