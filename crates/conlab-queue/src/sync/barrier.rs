//! Barriers in pairs, of which one side costs nothing: the system makes the barriers of all threads at once.
//!
//! Where the system cannot do that (or a sandbox forbids it) both sides make a fence. Where it could and then refuses, the light
//! side turns to fences for good, and until every thread does, each processor is made to change its thread once.

#[cfg(not(any(loom, shuttle)))]
use super::{AtomicBool, Ordering::Relaxed};
use super::{Ordering::SeqCst, fence};
#[cfg(not(any(loom, shuttle)))]
use std::sync::OnceLock;

/// Puts the calling thread's earlier stores before its later loads in the eyes of whoever makes a [`heavy_barrier`].
/// Costs nothing where the system can make the barriers of all threads at once; elsewhere both are fences.
#[inline]
pub fn light_barrier() {
    if cfg!(conlab_weaken = "B1-both") {
        return;
    }
    #[cfg(any(loom, shuttle))]
    fence(SeqCst);
    #[cfg(not(any(loom, shuttle)))]
    if LIGHT_IS_FREE.load(Relaxed) {
        std::sync::atomic::compiler_fence(SeqCst);
    } else if !cfg!(conlab_weaken = "B1-fallback") {
        fence(SeqCst);
    }
}

/// As if every thread of the process that makes light barriers made a `fence(SeqCst)` now. Costs microseconds.
///
/// When the system granted such barriers and refuses one, the process is aborted if it also forbids this thread to visit its other processors.
pub fn heavy_barrier() {
    if cfg!(conlab_weaken = "B1-both") {
        return;
    }
    #[cfg(any(loom, shuttle))]
    fence(SeqCst);
    #[cfg(not(any(loom, shuttle)))]
    if !heavy_barriers_work() || !by_the_system() {
        fence(SeqCst);
    }
}

/// Whether the system makes the barriers of all threads at once: Linux since 4.14, unless a sandbox forbids it.
pub fn heavy_barriers_work() -> bool {
    #[cfg(any(loom, shuttle))]
    return true;
    #[cfg(not(any(loom, shuttle)))]
    {
        static REGISTERED: OnceLock<bool> = OnceLock::new();
        let registered = *REGISTERED.get_or_init(|| {
            let registered = membarrier(MEMBARRIER_REGISTER_PRIVATE_EXPEDITED);
            // Whoever sees this makes no fence; every heavy barrier is the system's from here on.
            LIGHT_IS_FREE.store(registered, Relaxed);
            registered
        });
        registered && WITHDRAWN.get().is_none()
    }
}

/// Whether light barriers need no fence.
#[cfg(not(any(loom, shuttle)))]
static LIGHT_IS_FREE: AtomicBool = AtomicBool::new(false);

/// The system refused a barrier after it had granted them; light barriers are fences, and everybody knows.
#[cfg(not(any(loom, shuttle)))]
static WITHDRAWN: OnceLock<()> = OnceLock::new();

/// Lets the system make everybody's barrier. False once it refuses: then light barriers are fences.
#[cfg(not(any(loom, shuttle)))]
fn by_the_system() -> bool {
    if membarrier(MEMBARRIER_PRIVATE_EXPEDITED) {
        return true;
    }
    // Registered again, in case the registration was lost on the way (a system that drops it at a fork).
    if membarrier(MEMBARRIER_REGISTER_PRIVATE_EXPEDITED) && membarrier(MEMBARRIER_PRIVATE_EXPEDITED) {
        return true;
    }
    WITHDRAWN.get_or_init(|| {
        LIGHT_IS_FREE.store(false, Relaxed);
        fence(SeqCst);
        // A thread that still read `true` before has its stores seen when its processor changes threads, which is a full
        // barrier; one that reads later makes fences.
        visit_every_processor();
    });
    false
}

/// Commands of membarrier(2), which the kernel runs on every processor that runs a thread of this process.
#[cfg(not(any(loom, shuttle)))]
const MEMBARRIER_PRIVATE_EXPEDITED: i32 = 1 << 3;
#[cfg(not(any(loom, shuttle)))]
const MEMBARRIER_REGISTER_PRIVATE_EXPEDITED: i32 = 1 << 4;

#[cfg(all(target_os = "linux", not(any(loom, shuttle))))]
fn membarrier(command: i32) -> bool {
    // SAFETY: the call takes two numbers and touches no memory of ours.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0) == 0 }
}

#[cfg(not(any(target_os = "linux", loom, shuttle)))]
fn membarrier(_command: i32) -> bool {
    false
}

/// Runs on each processor that the process may use in turn, so that whatever ran there was put aside once.
#[cfg(all(target_os = "linux", not(any(loom, shuttle))))]
#[cold]
#[expect(clippy::print_stderr, reason = "the last word before an abort")]
fn visit_every_processor() {
    // SAFETY: a set of processors is an array of words; all zeros is the empty set.
    let mut home: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    let size = size_of::<libc::cpu_set_t>();
    // SAFETY: `home` has `size` bytes for the set of the calling thread (0).
    let known = unsafe { libc::sched_getaffinity(0, size, &raw mut home) } == 0;
    let mut visited = 0;
    for processor in 0..8 * size {
        // SAFETY: as above.
        let mut only: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: `processor` is below the number of bits of the set.
        unsafe { libc::CPU_SET(processor, &mut only) };
        // SAFETY: the set is `size` bytes; processors that the process may not use are refused. On return the thread runs there.
        visited += usize::from(unsafe { libc::sched_setaffinity(0, size, &raw const only) } == 0);
    }
    if visited == 0 || !known {
        eprintln!(
            "conlab-queue: the system granted membarrier at first and refuses it now, and refuses sched_setaffinity too, \
             so threads cannot be brought to agree; allow one of the two, or forbid membarrier from the start"
        );
        std::process::abort();
    }
    // SAFETY: `home` is the set that the system gave above.
    unsafe { libc::sched_setaffinity(0, size, &raw const home) };
}

#[cfg(not(any(target_os = "linux", loom, shuttle)))]
fn visit_every_processor() {}
