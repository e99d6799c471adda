//! A build with the console: serves it, and tells it of tasks, threads, queues and locks.

use super::HandlerName;
use super::fields::{self, WithFields};
use crate::engine::EngineError;
use console_subscriber::{ConsoleLayer, ServerParts};
use std::future::{Future, poll_fn};
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;
use tokio::runtime::{self, Runtime};
use tokio::task::{self, AbortHandle};
use tracing::Span;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How long the console keeps what is over: every call and every timed wait is a resource of tokio's own.
const RETENTION: Duration = Duration::from_secs(10);

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
    let cannot = |source| EngineError::System {
        action: format!("serve tokio-console at {address}; choose another by --console=ADDR"),
        source,
    };
    // The server would only say so in a thread of its own.
    drop(TcpListener::bind(address).map_err(cannot)?);
    let (layer, server) = ConsoleLayer::builder().server_addr(address).retention(RETENTION).build();
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
    tracing_subscriber::registry().with(WithFields::new(layer)).init();
    let ServerParts { instrument_server, aggregator, .. } = server.into_parts();
    let serving = move || {
        // What the server itself does is not part of the run.
        let _unseen = tracing::subscriber::set_default(tracing::subscriber::NoSubscriber::default());
        runtime.block_on(async {
            // Held to tokio's budget of a task, it would take in 128 events a second.
            tokio::spawn(task::unconstrained(aggregator.run()));
            let server = tonic::transport::Server::builder().add_service(instrument_server);
            // It ends only with an error that nobody is left to hear.
            drop(server.serve(address).await);
        });
    };
    thread::Builder::new().name("tokio-console".into()).spawn(serving).map_err(cannot)?;
    *served = Some(address);
    Ok(())
}

/// Spawns a named task.
pub(in crate::engine::real) fn spawn<F>(
    runtime: &Runtime,
    name: HandlerName<'_>,
    future: F,
) -> std::io::Result<AbortHandle>
where
    F: Future<Output = ()> + Send + 'static,
{
    fields::during_spawn(name, || {
        let named = format!("{}-{}", name.actor, name.handler);
        task::Builder::new().name(&named).spawn_on(future, runtime.handle()).map(|task| task.abort_handle())
    })
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

/// Tells a new value of one attribute of the resource whose span is entered.
macro_rules! attribute {
    ($($field:tt)*) => {
        tracing::trace!(target: "runtime::resource::state_update", $($field)*)
    };
}

/// A queue or lock as the console sees it.
#[derive(Clone, Debug)]
pub(in crate::engine::real) struct Resource(Span);

impl Resource {
    fn new(concrete_type: &str, kind: &'static str) -> Self {
        Self(tracing::trace_span!(
            target: "conlab",
            parent: None,
            "runtime.resource",
            concrete_type,
            kind,
            loc.file = file!(),
            loc.line = line!(),
            loc.col = column!(),
        ))
    }

    /// The queue of `actor`.
    pub(in crate::engine::real) fn queue(actor: &str, queue: &str, capacity: usize) -> Self {
        let resource = Self::new(&format!("{queue} queue"), "Channel");
        resource.0.in_scope(|| {
            attribute!(actor);
            attribute!(capacity);
            attribute!(tasks = 0_u64, tasks.op = "override");
        });
        resource
    }

    /// The lock `name`.
    pub(in crate::engine::real) fn lock(name: &str, kind: &str) -> Self {
        let resource = Self::new(&format!("{kind} lock"), "Sync");
        resource.0.in_scope(|| {
            attribute!(lock = name);
            attribute!(locked = false, locked.op = "override");
            attribute!(acquisitions = 0_u64, acquisitions.op = "override");
            attribute!(contended = 0_u64, contended.op = "override");
        });
        resource
    }

    /// Tells how many tasks a queue holds.
    #[inline]
    pub(in crate::engine::real) fn holds(&self, tasks: impl FnOnce() -> usize) {
        if !self.0.is_disabled() {
            self.0.in_scope(|| attribute!(tasks = tasks() as u64, tasks.op = "override"));
        }
    }

    /// Tells that a lock was taken.
    #[inline]
    pub(in crate::engine::real) fn taken(&self, contended: bool) {
        if !self.0.is_disabled() {
            self.0.in_scope(|| {
                attribute!(locked = true, locked.op = "override");
                attribute!(acquisitions = 1_u64, acquisitions.op = "add");
                attribute!(contended = u64::from(contended), contended.op = "add");
            });
        }
    }

    /// Tells that a lock was given back.
    #[inline]
    pub(in crate::engine::real) fn released(&self) {
        if !self.0.is_disabled() {
            self.0.in_scope(|| attribute!(locked = false, locked.op = "override"));
        }
    }

    /// Something that a handler awaits of it.
    pub(in crate::engine::real) fn operation(&self, source: &'static str) -> Operation {
        let operation =
            self.0.in_scope(|| tracing::trace_span!(target: "conlab", "runtime.resource.async_op", source));
        Operation { resource: self.0.clone(), operation, source }
    }
}

/// Something awaited of a resource.
#[derive(Debug)]
pub(in crate::engine::real) struct Operation {
    resource: Span,
    operation: Span,
    source: &'static str,
}

impl Operation {
    /// Awaits `future`, each poll of it being a poll of the operation.
    pub(in crate::engine::real) async fn during<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| {
            let _resource = self.resource.enter();
            let _operation = self.operation.enter();
            let polled = future.as_mut().poll(context);
            tracing::trace!(
                target: "runtime::resource::poll_op",
                op_name = self.source,
                is_ready = polled.is_ready()
            );
            polled
        })
        .await
    }
}
