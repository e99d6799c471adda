//! Cache misses counted by the processor, where the host lets a program read them.
//!
//! A witness opened before the worker threads start counts for all of them (the kernel's `inherit`): in user mode, over
//! the whole process. Virtual machines mostly have no such counters; then the reason is said, and false sharing
//! is estimated from twins instead ([`false_sharing`](super::false_sharing)).

#[cfg(target_os = "linux")]
use perf_event::{
    Builder, Counter,
    events::{Cache, CacheId, CacheOp, CacheResult, Hardware},
};

/// Misses of the calling thread and of every thread that it starts afterwards.
#[derive(Debug)]
pub struct MissCounters {
    #[cfg(target_os = "linux")]
    first_level: Option<Counter>,
    #[cfg(target_os = "linux")]
    last_level: Option<Counter>,
}

/// Misses counted so far; `None` for a level that the host does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MissCounts {
    /// Reads that missed the first-level data cache.
    pub first_level: Option<u64>,
    /// Accesses that missed the last level.
    pub last_level: Option<u64>,
}

impl MissCounts {
    /// What was counted since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let since = |now: Option<u64>, then: Option<u64>| Some(now?.saturating_sub(then?));
        Self {
            first_level: since(self.first_level, earlier.first_level),
            last_level: since(self.last_level, earlier.last_level),
        }
    }
}

/// Why misses cannot be counted here, and what would help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; {remedy}")]
pub struct NoCounters {
    /// What the system said, in words.
    pub reason: String,
    /// What to do about it.
    pub remedy: &'static str,
}

#[cfg(target_os = "linux")]
impl MissCounters {
    /// Opens and starts the counters.
    ///
    /// # Errors
    ///
    /// [`NoCounters`] when the host has neither counter, or does not allow them.
    pub fn open() -> Result<Self, NoCounters> {
        let first_level = start(&mut Builder::new(Cache {
            which: CacheId::L1D,
            operation: CacheOp::READ,
            result: CacheResult::MISS,
        }));
        let last_level = start(&mut Builder::new(Hardware::CACHE_MISSES));
        match (first_level, last_level) {
            (Err(_), Err(error)) => Err(explain(&error)),
            (first_level, last_level) => {
                Ok(Self { first_level: first_level.ok(), last_level: last_level.ok() })
            }
        }
    }

    /// What was counted so far.
    pub fn read(&mut self) -> MissCounts {
        let read = |counter: &mut Option<Counter>| counter.as_mut()?.read().ok();
        MissCounts { first_level: read(&mut self.first_level), last_level: read(&mut self.last_level) }
    }
}

/// Opens one counter for this thread and its children, user mode only, and starts it.
#[cfg(target_os = "linux")]
fn start(builder: &mut Builder<'_>) -> std::io::Result<Counter> {
    let mut counter = builder.inherit(true).exclude_kernel(true).exclude_hv(true).build()?;
    counter.enable()?;
    Ok(counter)
}

/// What a refusal means.
#[cfg(target_os = "linux")]
fn explain(error: &std::io::Error) -> NoCounters {
    let (reason, remedy) = match error.raw_os_error() {
        Some(libc::ENOENT | libc::EOPNOTSUPP | libc::ENODEV) => (
            "this machine has no counters for cache misses".to_owned(),
            "use bare metal, or give the virtual machine a virtual PMU",
        ),
        Some(libc::EACCES | libc::EPERM) => (
            "the kernel does not let this user count cache misses".to_owned(),
            "lower it with: sysctl kernel.perf_event_paranoid=2, or grant CAP_PERFMON",
        ),
        Some(libc::ENOSYS) => (
            "this kernel or container has no perf_event_open".to_owned(),
            "allow the system call, or use a kernel with CONFIG_PERF_EVENTS",
        ),
        _ => (format!("cache misses cannot be counted: {error}"), "see man perf_event_open"),
    };
    NoCounters { reason, remedy }
}

#[cfg(not(target_os = "linux"))]
impl MissCounters {
    /// Opens and starts the counters.
    ///
    /// # Errors
    ///
    /// [`NoCounters`] always: this system has no such interface.
    pub fn open() -> Result<Self, NoCounters> {
        Err(NoCounters {
            reason: "cache misses are counted on Linux only".into(),
            remedy: "use a Linux host for this figure",
        })
    }

    /// Nothing, as there is no witness.
    pub fn read(&mut self) -> MissCounts {
        MissCounts::default()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_says_what_and_what_to_do() {
        for (code, word) in
            [(libc::ENOENT, "no counters"), (libc::EACCES, "does not let"), (libc::ENOSYS, "perf_event_open")]
        {
            let said = explain(&std::io::Error::from_raw_os_error(code)).to_string();
            assert!(said.contains(word) && said.contains("; "), "{said}");
        }
    }

    #[test]
    fn the_host_counts_or_says_why_not() {
        match MissCounters::open() {
            Ok(mut counters) => {
                let before = counters.read();
                // 64 MiB do not fit the caches.
                std::hint::black_box(vec![1_u8; 64 << 20]);
                let counts = counters.read().since(&before);
                assert!(counts.first_level.or(counts.last_level).is_some());
            }
            Err(refusal) => assert!(!refusal.reason.is_empty() && !refusal.remedy.is_empty()),
        }
    }

    #[test]
    fn a_level_that_is_not_counted_stays_unknown() {
        let counts = |first_level, last_level| MissCounts { first_level, last_level };
        assert_eq!(counts(Some(9), None).since(&counts(Some(4), Some(1))), counts(Some(5), None));
    }
}
