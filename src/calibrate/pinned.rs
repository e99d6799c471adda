//! Threads tied to one processor each.

use std::thread::{self, JoinHandle};

/// Starts `body` on processor `cpu` (the `cpu`-th that this process may use); `None` where that cannot be done.
pub(super) fn spawn<R: Send + 'static>(
    cpu: usize,
    body: impl FnOnce() -> R + Send + 'static,
) -> JoinHandle<Option<R>> {
    thread::spawn(move || {
        let tied = tie(cpu);
        crate::measure::sched::sharpen_timers();
        tied.then(body)
    })
}

/// What a thread started by [`spawn`] returned; `None` when it could not be tied.
pub(super) fn join<R>(handle: JoinHandle<Option<R>>) -> Option<R> {
    match handle.join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Ties the calling thread to the `index`-th processor that it may use; whether that worked.
#[cfg(target_os = "linux")]
fn tie(index: usize) -> bool {
    let size = std::mem::size_of::<libc::cpu_set_t>();
    // SAFETY: all-zero bytes are a valid, empty processor set.
    let mut allowed: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a local set of the size that is passed.
    if unsafe { libc::sched_getaffinity(0, size, &raw mut allowed) } != 0 {
        return false;
    }
    // SAFETY: the set is initialised and the index is below its size.
    let is_allowed = |cpu: &usize| unsafe { libc::CPU_ISSET(*cpu, &allowed) };
    let Some(cpu) = (0..8 * size).filter(is_allowed).nth(index) else { return false };
    // SAFETY: all-zero bytes are a valid, empty processor set.
    let mut wanted: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `cpu` is below the size of the set.
    unsafe { libc::CPU_SET(cpu, &mut wanted) };
    // SAFETY: the pointer is to a local set of the size that is passed; only the calling thread is tied.
    unsafe { libc::sched_setaffinity(0, size, &raw const wanted) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn tie(_index: usize) -> bool {
    false
}
