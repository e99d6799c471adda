//! tokio-console: what it needs of a run, and nothing at all in a build without it.
//!
//! The console watches tokio's tasks, so every handler of an `async` actor is a task named by its actor and number. The
//! workers of the other actors are threads; each opens a span of the kind that tokio opens for a task, so that they
//! are listed, named and timed beside the tasks. Every actor's queue and every lock is a resource, as tokio's own are:
//! its state is told at each change, and what a handler awaits of it is an operation on it. All of this exists only in
//! a build with the `console` feature and `--cfg tokio_unstable`.

#[cfg(not(all(feature = "console", tokio_unstable)))]
mod absent;
#[cfg(all(feature = "console", tokio_unstable))]
mod fields;
#[cfg(all(feature = "console", tokio_unstable))]
mod served;

#[cfg(not(all(feature = "console", tokio_unstable)))]
use absent as imp;
#[cfg(all(feature = "console", tokio_unstable))]
use served as imp;

pub(super) use imp::{Resource, Watched, serve, spawn};

/// What names a handler among the tasks.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    not(all(feature = "console", tokio_unstable)),
    expect(dead_code, reason = "read only where there is a console")
)]
pub(super) struct HandlerName<'actor> {
    pub(super) actor: &'actor str,
    pub(super) handler: usize,
    pub(super) queue: &'static str,
}
