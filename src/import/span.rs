//! Spans, whatever format they came in, and what a reader had to leave out.

use std::collections::BTreeMap;

/// A name, interned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(pub(super) u32);

/// One span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Its trace and its own identity, as far as the format has them.
    pub id: u128,
    /// The span that caused it; 0: none.
    pub parent: u128,
    /// The service.
    pub service: Name,
    /// Which of the service's instances, where the recording says it.
    pub instance: Option<Name>,
    /// The operation.
    pub operation: Name,
    /// Which side of a message it is.
    pub side: Side,
    /// When its work began, in nanoseconds since any epoch.
    pub start: u64,
    /// How long it had waited before, in a queue or for what it holds, in nanoseconds; 0 where the format does not say.
    pub queued: u64,
    /// End, in nanoseconds; not before the start.
    pub end: u64,
    /// Whether it ended in an error.
    pub failed: bool,
    /// Processor time of its thread in nanoseconds, where the program says it.
    pub cpu: Option<u64>,
    /// What it holds from its start to its end, where the program says it.
    pub hold: Option<Hold>,
    /// Whether it keeps the worker that it waits on.
    pub blocks: bool,
}

/// What a span holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hold {
    /// A place of a pool.
    Pool(Name),
    /// A lock.
    Lock(Name),
}

/// What a service says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stated {
    /// Worker threads.
    pub workers: Option<u64>,
    /// Tasks leave their worker where they wait.
    pub is_async: bool,
    /// Its threads take turns at one interpreter.
    pub interpreter: bool,
    /// Processors of its machine.
    pub processors: Option<u64>,
    /// Its tasks are the cycles of its threads: each begins when the last has ended.
    pub cycles: bool,
}

/// A service, and which of its instances.
pub(super) type Place = (Name, Option<Name>);

impl Span {
    pub(super) const fn place(&self) -> Place {
        (self.service, self.instance)
    }

    /// Its length in nanoseconds.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.end - self.start
    }

    /// When it was sent or came, as far as its format tells.
    #[must_use]
    pub const fn arrived(&self) -> u64 {
        self.start.saturating_sub(self.queued)
    }
}

/// Which side of a message a span is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// Neither, or not said.
    #[default]
    Internal,
    /// Handles a request.
    Server,
    /// Waits for an answer.
    Client,
    /// Sends a message and goes on.
    Producer,
    /// Handles a message that nobody waits for.
    Consumer,
}

/// Every span of the files that were read.
#[derive(Clone, Debug, Default)]
pub struct Spans {
    /// The spans, in the files' order.
    pub spans: Vec<Span>,
    /// The service that the recording is about, where it says so.
    pub focus: Option<Name>,
    /// What services say of themselves.
    pub stated: BTreeMap<Name, Stated>,
    names: Vec<String>,
    index: BTreeMap<String, Name>,
    /// Spans without an end, or whose end lies before their start.
    pub unfinished: u64,
    /// Spans without an identity, which nothing can refer to.
    pub nameless: u64,
    /// Tasks of a trace of conlab's own that were not completed; their callers' time for them counts as own time.
    pub not_completed: u64,
    /// What else a reader should know, a sentence each.
    pub notes: Vec<String>,
}

impl Spans {
    /// The number of a name; the same for equal texts.
    pub fn intern(&mut self, text: &str) -> Name {
        if let Some(&name) = self.index.get(text) {
            return name;
        }
        let name = Name(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        self.names.push(text.to_owned());
        self.index.insert(text.to_owned(), name);
        name
    }

    /// The text of a name.
    #[must_use]
    pub fn name(&self, name: Name) -> &str {
        &self.names[name.0 as usize]
    }

    /// Adds a span, or counts why it cannot be used.
    pub fn add(&mut self, span: Span) {
        if span.end < span.start || span.end == 0 {
            self.unfinished += 1;
        } else {
            self.spans.push(span);
        }
    }
}

/// A hexadecimal or other identity as a number; equal texts give equal numbers.
#[must_use]
pub(super) fn identity(trace: &str, span: &str) -> u128 {
    if span.is_empty() {
        return 0;
    }
    // FNV-1a over both, so that ids that are unique only within a trace are told apart.
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for byte in trace.bytes().chain([0]).chain(span.bytes()) {
        hash = (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    hash.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_depend_on_trace_and_span() {
        assert_eq!(identity("a", "b"), identity("a", "b"));
        assert_ne!(identity("a", "b"), identity("b", "a"));
        assert_ne!(identity("a", "b"), identity("ab", ""));
        assert_eq!(identity("a", ""), 0);
    }
}
