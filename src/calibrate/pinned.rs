//! Threads tied to one processor each.

use crate::measure::sched::{sharpen_timers, tie};
use std::thread::{self, JoinHandle};

/// Starts `body` on processor `cpu` (the `cpu`-th that this process may use); `None` where that cannot be done.
pub(super) fn spawn<R: Send + 'static>(
    cpu: usize,
    body: impl FnOnce() -> R + Send + 'static,
) -> JoinHandle<Option<R>> {
    thread::spawn(move || {
        let tied = tie(cpu);
        sharpen_timers();
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
