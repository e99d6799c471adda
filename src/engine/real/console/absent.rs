//! A build without the console: everything of it that a run calls, and none of it does anything.

use super::HandlerName;
use crate::engine::EngineError;
use std::future::Future;
use std::net::SocketAddr;
use tokio::runtime::Runtime;
use tokio::task::AbortHandle;

/// Refused, with the way to a build that can.
pub(in crate::engine::real) fn serve(_address: SocketAddr) -> Result<(), EngineError> {
    Err(EngineError::Unsupported(
        "serve tokio-console: this build leaves it out; make one by RUSTFLAGS=\"--cfg tokio_unstable\" cargo \
         build --release --features console --target-dir target/console"
            .into(),
    ))
}

#[expect(clippy::unnecessary_wraps, reason = "as in the other build")]
pub(in crate::engine::real) fn spawn<F>(
    runtime: &Runtime,
    _name: HandlerName<'_>,
    future: F,
) -> std::io::Result<AbortHandle>
where
    F: Future<Output = ()> + Send + 'static,
{
    Ok(runtime.spawn(future).abort_handle())
}

/// A worker thread that nobody watches.
#[derive(Debug)]
pub(in crate::engine::real) struct Watched;

impl Watched {
    pub(in crate::engine::real) const fn new(_actor: &str, _worker: usize, _queue: &str) -> Self {
        Self
    }

    #[inline]
    #[expect(clippy::unused_self, reason = "as in the other build")]
    pub(in crate::engine::real) fn busy<R>(&self, work: impl FnOnce() -> R) -> R {
        work()
    }
}

/// A queue or lock that nobody watches.
#[derive(Clone, Debug)]
pub(in crate::engine::real) struct Resource;

#[expect(clippy::unused_self, reason = "as in the other build")]
impl Resource {
    pub(in crate::engine::real) const fn queue(_actor: &str, _queue: &str, _capacity: usize) -> Self {
        Self
    }

    pub(in crate::engine::real) const fn lock(_name: &str, _kind: &str) -> Self {
        Self
    }

    #[inline]
    pub(in crate::engine::real) fn holds(&self, _tasks: impl FnOnce() -> usize) {}

    #[inline]
    pub(in crate::engine::real) const fn taken(&self, _contended: bool) {}

    #[inline]
    pub(in crate::engine::real) const fn released(&self) {}

    #[inline]
    pub(in crate::engine::real) const fn operation(&self, _source: &'static str) -> Operation {
        Operation
    }
}

/// Something awaited of a resource.
#[derive(Debug)]
pub(in crate::engine::real) struct Operation;

impl Operation {
    #[inline]
    #[expect(clippy::unused_self, reason = "as in the other build")]
    pub(in crate::engine::real) fn during<F: Future>(&self, future: F) -> F {
        future
    }
}
