//! Fields of handlers: what tokio's own span of a task cannot say.
//!
//! tokio opens the span of a task itself, with its name and nothing else of ours. The layer here stands before the
//! console's and hands such a span on with the handler's fields added to tokio's.

use super::HandlerName;
use console_subscriber::ConsoleLayer;
use std::cell::RefCell;
use tracing::field::{Field, Value, Visit};
use tracing::span::{Attributes, Id};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, Registry};

thread_local! {
    /// The handler that this thread is spawning.
    static SPAWNING: RefCell<Option<Spawning>> = const { RefCell::new(None) };
}

/// A handler that is being spawned.
struct Spawning {
    actor: String,
    handler: u64,
    queue: &'static str,
}

/// Runs `spawn`, which spawns the handler `name`.
pub(super) fn during_spawn<R>(name: HandlerName<'_>, spawn: impl FnOnce() -> R) -> R {
    let HandlerName { actor, handler, queue } = name;
    SPAWNING.set(Some(Spawning { actor: actor.to_owned(), handler: handler as u64, queue }));
    let spawned = spawn();
    SPAWNING.take();
    spawned
}

/// The console's layer, told more of handlers than tokio says.
pub(super) struct WithFields {
    console: ConsoleLayer,
    /// Describes the span of a handler.
    handler: &'static Metadata<'static>,
}

impl WithFields {
    pub(super) fn new(console: ConsoleLayer) -> Self {
        // A registry of its own sees this span, so that it only lends its description.
        let handler = tracing::subscriber::with_default(tracing_subscriber::registry(), || {
            tracing::trace_span!(
                target: "tokio::task",
                parent: None,
                "runtime.spawn",
                kind = "",
                task.name = "",
                task.id = 0_u64,
                size.bytes = 0_u64,
                actor = "",
                handler = 0_u64,
                queue = "",
                loc.file = "",
                loc.line = 0_u64,
                loc.col = 0_u64,
            )
            .metadata()
        });
        let handler = handler.unwrap_or_else(|| unreachable!("a registry opens every span"));
        Layer::<Registry>::register_callsite(&console, handler);
        Self { console, handler }
    }
}

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for WithFields {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        Layer::<S>::register_callsite(&self.console, metadata)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let ours = (attributes.metadata().name() == "runtime.spawn").then(|| SPAWNING.take()).flatten();
        let Some(ours) = ours else {
            return self.console.on_new_span(attributes, id, context);
        };
        let mut theirs = Theirs::default();
        attributes.record(&mut theirs);
        let fields = self.handler.fields();
        let field = |name: &str| {
            fields.field(name).unwrap_or_else(|| unreachable!("{name} is a field of a handler's span"))
        };
        let values: [(&str, &dyn Value); 10] = [
            ("kind", &"task"),
            ("task.name", &theirs.name.as_str()),
            ("task.id", &theirs.task),
            ("size.bytes", &theirs.size),
            ("actor", &ours.actor.as_str()),
            ("handler", &ours.handler),
            ("queue", &ours.queue),
            ("loc.file", &theirs.file.as_str()),
            ("loc.line", &theirs.line),
            ("loc.col", &theirs.column),
        ];
        let named = values.map(|(name, value)| (field(name), value));
        let set = named.each_ref().map(|(field, value)| (field, Some(*value)));
        let set = fields.value_set(&set);
        self.console.on_new_span(&Attributes::new_root(self.handler, &set), id, context);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        self.console.on_event(event, context);
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        self.console.on_enter(id, context);
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        self.console.on_exit(id, context);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        self.console.on_close(id, context);
    }
}

/// What tokio says of a task.
#[derive(Default)]
struct Theirs {
    name: String,
    task: u64,
    size: u64,
    file: String,
    line: u64,
    column: u64,
}

impl Visit for Theirs {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "task.id" => self.task = value,
            "size.bytes" => self.size = value,
            "loc.line" => self.line = value,
            "loc.col" => self.column = value,
            _ => {}
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "loc.file" {
            value.clone_into(&mut self.file);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "task.name" {
            self.name = format!("{value:?}");
        }
    }
}
