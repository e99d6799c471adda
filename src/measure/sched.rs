//! What the kernel says of a thread: time on a processor, time waiting for one, switches.
//!
//! On Linux the run-queue wait comes from `/proc/thread-self/schedstat` (field 2), which is exact while the
//! thread itself reads it: the wait is added when the thread is put on a processor. On-CPU time in the same file
//! lags by up to a tick, so it is read from the thread's CPU clock. Elsewhere nothing is known, and says so.

use crate::units::Nanos;
use std::path::Path;

/// Figures of the calling thread since its birth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadFigures {
    /// On a processor.
    pub on_cpu: Nanos,
    /// Runnable but not running.
    pub run_queue: Nanos,
    /// The thread gave the processor up.
    pub voluntary_switches: u64,
    /// The kernel took it.
    pub involuntary_switches: u64,
}

impl ThreadFigures {
    /// What was added since `earlier`.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            on_cpu: self.on_cpu.saturating_sub(earlier.on_cpu),
            run_queue: self.run_queue.saturating_sub(earlier.run_queue),
            voluntary_switches: self.voluntary_switches - earlier.voluntary_switches,
            involuntary_switches: self.involuntary_switches - earlier.involuntary_switches,
        }
    }
}

/// What the kernel has counted of a living thread since its birth, on a processor and waiting for one, in nanoseconds. `task` is its folder
/// in `/proc/PID/task`; nothing where the system does not say.
#[must_use]
pub fn counted(task: &Path) -> Option<(u64, u64)> {
    let text = std::fs::read_to_string(task.join("schedstat")).ok()?;
    let mut fields = text.split_whitespace().map(str::parse);
    Some((fields.next()?.ok()?, fields.next()?.ok()?))
}

/// Reads the kernel's figures of the thread that made it; useless in another thread.
#[derive(Debug)]
pub struct ThreadSched {
    #[cfg(target_os = "linux")]
    schedstat: Option<std::fs::File>,
}

impl ThreadSched {
    /// A reader for the calling thread.
    #[must_use]
    pub fn of_this_thread() -> Self {
        Self {
            #[cfg(target_os = "linux")]
            schedstat: std::fs::File::open("/proc/thread-self/schedstat").ok(),
        }
    }

    /// Run-queue wait of the calling thread since its birth; `None` where the system does not say.
    #[must_use]
    pub fn run_queue(&self) -> Option<Nanos> {
        #[cfg(target_os = "linux")]
        {
            use std::os::unix::fs::FileExt;
            let mut text = [0; 64];
            let length = self.schedstat.as_ref()?.read_at(&mut text, 0).ok()?;
            let field = text[..length].split(|&byte| byte == b' ').nth(1)?;
            Some(Nanos(field.iter().fold(0, |value, digit| value * 10 + u64::from(digit.wrapping_sub(b'0')))))
        }
        #[cfg(not(target_os = "linux"))]
        None
    }

    /// All figures of the calling thread; `None` where the system does not give them.
    #[must_use]
    pub fn figures(&self) -> Option<ThreadFigures> {
        #[cfg(target_os = "linux")]
        {
            let (voluntary_switches, involuntary_switches) = linux::switches()?;
            let run_queue = self.run_queue()?;
            Some(ThreadFigures {
                on_cpu: linux::on_cpu()?,
                run_queue,
                voluntary_switches,
                involuntary_switches,
            })
        }
        #[cfg(not(target_os = "linux"))]
        None
    }
}

/// Time that the calling thread was on a processor since its birth; `None` where the system does not say.
#[must_use]
pub fn on_cpu() -> Option<Nanos> {
    #[cfg(target_os = "linux")]
    return linux::on_cpu();
    #[cfg(not(target_os = "linux"))]
    None
}

/// How many processors the calling thread may run on; `None` where the system does not say.
#[must_use]
pub fn processors() -> Option<usize> {
    #[cfg(target_os = "linux")]
    return linux::processors();
    #[cfg(not(target_os = "linux"))]
    None
}

/// Confines the calling thread, and threads it starts later, to `cores` of the processors it may use now.
///
/// # Errors
///
/// The system's reason; always an error where the system cannot do it.
pub fn confine(cores: u32) -> std::io::Result<Confined> {
    #[cfg(target_os = "linux")]
    return linux::confine(cores);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = cores;
        Err(std::io::Error::new(
            std::io::ErrorKind::Unsupported,
            "this system cannot confine a thread to processors",
        ))
    }
}

/// Gives the calling thread its processors back when dropped.
#[derive(Debug)]
pub struct Confined {
    #[cfg(target_os = "linux")]
    before: libc::cpu_set_t,
}

#[cfg(target_os = "linux")]
impl Drop for Confined {
    fn drop(&mut self) {
        linux::set_affinity(&self.before).ok();
    }
}

/// Ties the calling thread to the `index`-th of the processors that it may use now; whether that worked.
pub fn tie(index: usize) -> bool {
    #[cfg(target_os = "linux")]
    return linux::tie(index).is_ok_and(|tied| tied);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = index;
        false
    }
}

/// The processor on which the calling thread is just now; `None` where the system does not say.
#[must_use]
pub fn processor() -> Option<usize> {
    #[cfg(target_os = "linux")]
    return linux::processor();
    #[cfg(not(target_os = "linux"))]
    None
}

/// The kernel's tick, which is the resolution of its coarse clock; `None` where the system does not say.
#[must_use]
pub fn tick() -> Option<Nanos> {
    #[cfg(target_os = "linux")]
    return linux::tick();
    #[cfg(not(target_os = "linux"))]
    None
}

/// Sets the nice value of the calling thread, where that is not the usual 0; whether it has it now.
pub fn set_nice(nice: i32) -> bool {
    #[cfg(target_os = "linux")]
    return nice == 0 || linux::set_nice(nice);
    #[cfg(not(target_os = "linux"))]
    return nice == 0;
}

/// Asks the kernel to fire this thread's timers on time (1 ns of slack) where it has such a setting.
pub fn sharpen_timers() {
    #[cfg(target_os = "linux")]
    linux::sharpen_timers();
}

#[cfg(target_os = "linux")]
mod linux {
    use super::Confined;
    use crate::units::Nanos;
    use std::{io, mem};

    /// Voluntary and involuntary switches of the calling thread.
    pub(super) fn switches() -> Option<(u64, u64)> {
        // SAFETY: all-zero bytes are a valid rusage, a plain C struct of integers.
        let mut usage: libc::rusage = unsafe { mem::zeroed() };
        // SAFETY: the pointer is to a local rusage that outlives the call.
        let status = unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) };
        (status == 0).then(|| (usage.ru_nvcsw.cast_unsigned(), usage.ru_nivcsw.cast_unsigned()))
    }

    /// Where the calling thread runs.
    pub(super) fn processor() -> Option<usize> {
        // SAFETY: this call takes nothing and changes nothing.
        let cpu = unsafe { libc::sched_getcpu() };
        usize::try_from(cpu).ok()
    }

    /// The resolution of the coarse clock.
    pub(super) fn tick() -> Option<Nanos> {
        let mut resolution = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the pointer is to a local timespec that outlives the call.
        let status = unsafe { libc::clock_getres(libc::CLOCK_MONOTONIC_COARSE, &raw mut resolution) };
        let nanos = u64::try_from(resolution.tv_nsec).unwrap_or(0);
        (status == 0 && resolution.tv_sec == 0 && nanos > 0).then_some(Nanos(nanos))
    }

    /// Time the calling thread was on a processor, exact to now.
    pub(super) fn on_cpu() -> Option<Nanos> {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the pointer is to a local timespec that outlives the call.
        let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
        (status == 0)
            .then(|| Nanos(time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()))
    }

    /// Processors in the calling thread's affinity.
    pub(super) fn processors() -> Option<usize> {
        affinity().ok().map(|set| members(&set).count())
    }

    fn affinity() -> io::Result<libc::cpu_set_t> {
        // SAFETY: all-zero bytes are a valid, empty processor set.
        let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
        // SAFETY: the pointer is to a local set of the size given.
        let status = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
        if status == 0 { Ok(set) } else { Err(io::Error::last_os_error()) }
    }

    pub(super) fn set_affinity(set: &libc::cpu_set_t) -> io::Result<()> {
        // SAFETY: the pointer is to a set of the size given.
        let status = unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), set) };
        if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    pub(super) fn confine(cores: u32) -> io::Result<Confined> {
        let before = affinity()?;
        let cpus: Vec<usize> = members(&before).take(cores as usize).collect();
        set_affinity(&set_of(&cpus))?;
        Ok(Confined { before })
    }

    pub(super) fn tie(index: usize) -> io::Result<bool> {
        let cpu = members(&affinity()?).nth(index);
        cpu.map_or(Ok(false), |cpu| set_affinity(&set_of(&[cpu])).map(|()| true))
    }

    /// The processors in `set`, ascending.
    fn members(set: &libc::cpu_set_t) -> impl Iterator<Item = usize> {
        // SAFETY: `cpu` is below the number of bits in the set.
        (0..8 * size_of::<libc::cpu_set_t>()).filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, set) })
    }

    /// The set of `cpus`, each of which is a member of another set.
    fn set_of(cpus: &[usize]) -> libc::cpu_set_t {
        // SAFETY: all-zero bytes are a valid, empty processor set.
        let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
        for cpu in cpus {
            // SAFETY: a member of a set is below its number of bits.
            unsafe { libc::CPU_SET(*cpu, &mut set) };
        }
        set
    }

    /// Sets the nice value of the calling thread; whether that was allowed.
    pub(super) fn set_nice(nice: i32) -> bool {
        // SAFETY: this call takes three integers; process 0 is the calling thread, which it changes alone.
        let status = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) };
        status == 0
    }

    pub(super) fn sharpen_timers() {
        let slack: libc::c_ulong = 1;
        // SAFETY: this option takes one integer and changes only the calling thread's timer slack.
        unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, slack) };
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn figures_only_grow_and_working_is_on_cpu_time() {
        let sched = ThreadSched::of_this_thread();
        let before = sched.figures().expect("Linux gives per-thread figures");
        let mut word = 1_u64;
        while sched.figures().expect("as before").since(before).on_cpu < Nanos::from_millis(5) {
            for _ in 0..1000 {
                word = std::hint::black_box(word.wrapping_mul(3) ^ 1);
            }
        }
        let after = sched.figures().expect("as before");
        assert!(after.run_queue >= before.run_queue);
        assert!(after.voluntary_switches >= before.voluntary_switches);
    }
}
