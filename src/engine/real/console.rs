//! tokio-console: what it needs of a run, and nothing at all in a build without it.
//!
//! The console watches tokio's tasks, so every handler of an `async` actor is a task named by its actor and number. The
//! workers of the other actors are threads; each opens a span of the kind that tokio opens for a task, so that they
//! are listed, named and timed beside the tasks. Both exist only in a build with the `console` feature and
//! `--cfg tokio_unstable`.

pub(super) use imp::{Watched, serve, spawn};

#[cfg(all(feature = "console", tokio_unstable))]
mod imp {
    use crate::engine::EngineError;
    use std::future::Future;
    use std::net::{SocketAddr, TcpListener};
    use std::sync::Mutex;
    use tokio::runtime::Runtime;
    use tokio::task::{self, AbortHandle};
    use tracing::Span;

    /// Where this process serves: it can only once.
    static SERVED: Mutex<Option<SocketAddr>> = Mutex::new(None);

    /// Serves the console's interface at `address` for the rest of the process.
    pub(in crate::engine::real) fn serve(address: SocketAddr) -> Result<(), EngineError> {
        let mut served = SERVED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match *served {
            Some(earlier) if earlier == address => return Ok(()),
            Some(earlier) => {
                return Err(EngineError::Unsupported(format!(
                    "serve tokio-console at {address}: this process already serves it at {earlier}"
                )));
            }
            None => {}
        }
        // The server would only say so in a thread of its own.
        drop(TcpListener::bind(address).map_err(|source| EngineError::System {
            action: format!("serve tokio-console at {address}; choose another by --console=ADDR"),
            source,
        })?);
        console_subscriber::ConsoleLayer::builder().server_addr(address).init();
        *served = Some(address);
        Ok(())
    }

    /// Spawns a named task.
    pub(in crate::engine::real) fn spawn<F>(
        runtime: &Runtime,
        name: &str,
        future: F,
    ) -> std::io::Result<AbortHandle>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        task::Builder::new().name(name).spawn_on(future, runtime.handle()).map(|handle| handle.abort_handle())
    }

    /// A worker thread as the console sees it.
    #[derive(Debug)]
    pub(in crate::engine::real) struct Watched(Span);

    impl Watched {
        pub(in crate::engine::real) fn new(actor: &str, worker: usize, queue: &str) -> Self {
            let name = format!("{actor}-{worker}");
            Self(tracing::trace_span!(
                target: "tokio::task",
                parent: None,
                "runtime.spawn",
                kind = "thread",
                task.name = %name,
                task.id = 1_000_000_u64 + worker as u64,
                actor,
                worker,
                queue,
                loc.file = file!(),
                loc.line = line!(),
                loc.col = column!(),
            ))
        }

        /// Runs `work` as a poll of the task.
        #[inline]
        pub(in crate::engine::real) fn busy<R>(&self, work: impl FnOnce() -> R) -> R {
            self.0.in_scope(work)
        }
    }
}

#[cfg(not(all(feature = "console", tokio_unstable)))]
mod imp {
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
        _name: &str,
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
}
