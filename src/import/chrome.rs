//! Chrome's trace event format, which Perfetto reads too: complete events, begin and end, asynchronous events, flows.
//!
//! Of a foreign trace a process is a service. A slice that lies in no other of its thread is a request, those within it are
//! part of it, and an arrow from a slice to one of another thread is a call; the sender waits for it if its slice ends later.
//! An asynchronous event is a request too, and those of its identity within it are parts of it. A trace of conlab's own has its tasks
//! as asynchronous events that name their senders, so the states of threads are not needed.

use super::span::{Name, Side, Span, Spans};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// Slices that are looked at for the one that an arrow leaves or reaches: nesting is shallow.
const NEAR: usize = 64;

/// A scalar of any type; anything else is nothing.
#[derive(Clone, Debug, Default, PartialEq)]
enum Scalar<'t> {
    #[default]
    Nothing,
    Number(f64),
    Text(Cow<'t, str>),
    Flag(bool),
}

impl Scalar<'_> {
    /// A number, as such or as text.
    fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
            Self::Nothing | Self::Flag(_) => None,
        }
        .filter(|number| number.is_finite())
    }

    fn text(&self) -> &str {
        if let Self::Text(text) = self { text } else { "" }
    }

    /// An identity: equal scalars give equal numbers.
    fn key(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Number(number) => number.to_bits(),
            Self::Flag(flag) => u64::from(*flag),
            Self::Text(text) => text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            }),
        }
    }
}

impl<'de: 't, 't> Deserialize<'de> for Scalar<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Scalar<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_bool<E>(self, flag: bool) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Flag(flag))
            }
            #[expect(clippy::cast_precision_loss, reason = "times and numbers of threads, below 2^53")]
            fn visit_u64<E>(self, number: u64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Number(number as f64))
            }
            #[expect(clippy::cast_precision_loss, reason = "times and numbers of threads, below 2^53")]
            fn visit_i64<E>(self, number: i64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Number(number as f64))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Number(number))
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Text(Cow::Owned(text.to_owned())))
            }
            fn visit_unit<E>(self) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Nothing)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar<'de>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar::Nothing)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Scalar<'de>, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar::Nothing)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// One event.
#[derive(Debug, Deserialize)]
struct Event<'t> {
    #[serde(borrow, default)]
    ph: Scalar<'t>,
    #[serde(borrow, default)]
    cat: Scalar<'t>,
    #[serde(borrow, default)]
    name: Scalar<'t>,
    /// Microseconds.
    #[serde(borrow, default)]
    ts: Scalar<'t>,
    #[serde(borrow, default)]
    dur: Scalar<'t>,
    #[serde(borrow, default)]
    pid: Scalar<'t>,
    #[serde(borrow, default)]
    tid: Scalar<'t>,
    #[serde(borrow, default)]
    id: Scalar<'t>,
    #[serde(borrow, default)]
    bp: Scalar<'t>,
    #[serde(borrow, default)]
    args: Args<'t>,
}

/// What matters of an event's arguments.
#[derive(Debug, Default)]
struct Args<'t> {
    name: Scalar<'t>,
    task: Scalar<'t>,
    parent: Scalar<'t>,
    awaited: Scalar<'t>,
    queued: Scalar<'t>,
    end: Scalar<'t>,
    instance: Scalar<'t>,
}

impl<'de: 't, 't> Deserialize<'de> for Args<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Known;
        impl<'de> Visitor<'de> for Known {
            type Value = Args<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("arguments")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Args<'de>, A::Error> {
                let mut args = Args::default();
                while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                    let place = match &*key {
                        "name" => &mut args.name,
                        "task" => &mut args.task,
                        "parent" => &mut args.parent,
                        "awaited" => &mut args.awaited,
                        "queued" => &mut args.queued,
                        "end" => &mut args.end,
                        "instance" => &mut args.instance,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    *place = map.next_value()?;
                }
                Ok(args)
            }
            fn visit_str<E>(self, _: &str) -> Result<Args<'de>, E> {
                Ok(Args::default())
            }
            fn visit_unit<E>(self) -> Result<Args<'de>, E> {
                Ok(Args::default())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Args<'de>, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Args::default())
            }
        }
        deserializer.deserialize_any(Known)
    }
}

/// A slice of a thread.
#[derive(Clone, Copy, Debug)]
struct Slice {
    thread: (u64, u64),
    name: Name,
    start: u64,
    end: u64,
}

/// An end of an arrow.
#[derive(Clone, Copy, Debug)]
struct End {
    thread: (u64, u64),
    at: u64,
    /// It is bound to the slice around it, not to the next one.
    encloses: bool,
}

/// An asynchronous event that has begun.
#[derive(Clone, Copy, Debug)]
struct Begun {
    id: u128,
    parent: u128,
    process: u64,
    name: Name,
    start: u64,
}

/// What has been read.
struct Builder<'s> {
    spans: &'s mut Spans,
    events: u64,
    is_conlab: bool,
    processes: BTreeMap<u64, Name>,
    slices: Vec<Slice>,
    /// Slices that have begun, by thread.
    begun: BTreeMap<(u64, u64), Vec<(Name, u64)>>,
    /// Asynchronous events that have begun, by process, category and identity.
    open: BTreeMap<(u64, u64, u64), Vec<Begun>>,
    /// Asynchronous events that have ended.
    ended: Vec<(Begun, u64)>,
    sent: BTreeMap<u64, End>,
    arrows: Vec<(End, End)>,
    /// Tasks of a trace of conlab's, by identity.
    tasks: BTreeMap<u64, Span>,
    last_id: u128,
}

/// Reads a trace.
pub(super) fn read(text: &str, spans: &mut Spans) -> Result<(), String> {
    let mut builder = Builder {
        spans,
        events: 0,
        is_conlab: false,
        processes: BTreeMap::new(),
        slices: Vec::new(),
        begun: BTreeMap::new(),
        open: BTreeMap::new(),
        ended: Vec::new(),
        sent: BTreeMap::new(),
        arrows: Vec::new(),
        tasks: BTreeMap::new(),
        last_id: 1 << 100,
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    match Top(&mut builder).deserialize(&mut deserializer) {
        Ok(()) => {}
        // The array's end may be missing: a program that was killed writes no more.
        Err(error) if error.is_eof() && builder.events > 0 => builder.spans.unfinished += 1,
        Err(error) => return Err(format!("not a Chrome or Perfetto trace in JSON: {error}")),
    }
    builder.finish()
}

/// The whole file: an object with `traceEvents`, or the array of events.
struct Top<'b, 's>(&'b mut Builder<'s>);

impl<'de> DeserializeSeed<'de> for Top<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Top<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events, or an object with traceEvents")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        #[derive(Deserialize)]
        struct Other<'t> {
            #[serde(borrow, default)]
            program: Scalar<'t>,
            #[serde(borrow, default)]
            focus: Scalar<'t>,
        }
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match &*key {
                "traceEvents" => map.next_value_seed(Top(self.0))?,
                "otherData" => {
                    let other: Other<'_> = map.next_value()?;
                    if other.program.text().starts_with("conlab ") {
                        self.0.is_conlab = true;
                        let focus = Some(other.focus.text()).filter(|focus| !focus.is_empty());
                        self.0.spans.focus = focus.map(|focus| self.0.spans.intern(focus));
                    }
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(event) = seq.next_element::<Event<'_>>()? {
            self.0.event(&event);
        }
        Ok(())
    }
}

/// Microseconds in nanoseconds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "float casts saturate")]
fn nanos(micros: f64) -> u64 {
    (micros * 1000.0).round() as u64
}

impl Builder<'_> {
    fn event(&mut self, event: &Event<'_>) {
        self.events += 1;
        let thread = (event.pid.key(), event.tid.key());
        let start = event.ts.number().map(nanos);
        match (event.ph.text(), start) {
            ("M", _) if event.name.text() == "process_name" => {
                let name = self.spans.intern(event.args.name.text());
                self.processes.insert(thread.0, name);
            }
            ("X", Some(start)) => match event.dur.number() {
                Some(length) if length >= 0.0 => {
                    let name = self.spans.intern(event.name.text());
                    self.slices.push(Slice { thread, name, start, end: start + nanos(length) });
                }
                _ => self.spans.unfinished += 1,
            },
            ("B", Some(start)) => {
                let name = self.spans.intern(event.name.text());
                self.begun.entry(thread).or_default().push((name, start));
            }
            ("E", Some(end)) => match self.begun.get_mut(&thread).and_then(Vec::pop) {
                Some((name, start)) if start <= end => self.slices.push(Slice { thread, name, start, end }),
                _ => self.spans.unfinished += 1,
            },
            ("b" | "S", Some(start)) => self.begins(event, start),
            ("e" | "F", Some(end)) => self.ends(event, end),
            ("s", Some(at)) => {
                self.sent.insert(event.id.key(), End { thread, at, encloses: true });
            }
            (phase @ ("t" | "f"), Some(at)) => {
                let encloses = event.bp.text() == "e" || phase == "t";
                let end = End { thread, at, encloses };
                if let Some(from) = self.sent.get(&event.id.key()) {
                    self.arrows.push((*from, end));
                }
                if phase == "t" {
                    self.sent.insert(event.id.key(), end);
                }
            }
            _ => {}
        }
    }

    fn begins(&mut self, event: &Event<'_>, start: u64) {
        let args = &event.args;
        if event.cat.text() == "task"
            && let (Some(_), Some(queued)) = (args.task.number(), args.queued.number())
        {
            let (service, operation) =
                event.name.text().split_once('.').unwrap_or((event.name.text(), event.name.text()));
            let (service, operation) = (self.spans.intern(service), self.spans.intern(operation));
            let is_root = args.parent.number().is_none_or(|parent| parent == 0.0);
            let awaited = is_root || args.awaited == Scalar::Flag(true);
            let queued = nanos(queued);
            let instance = args.instance.number().map(|number| self.spans.intern(&format!("{number}")));
            let span = Span {
                id: u128::from(args.task.key()),
                parent: if is_root { 0 } else { u128::from(args.parent.key()) },
                service,
                instance,
                operation,
                side: if awaited { Side::Server } else { Side::Consumer },
                start: start.saturating_add(queued),
                queued,
                end: 0,
                failed: args.end.text() != "completed",
                ..Span::default()
            };
            self.tasks.insert(event.id.key(), span);
        }
        let key = (event.pid.key(), event.cat.key(), event.id.key());
        let name = self.spans.intern(event.name.text());
        self.last_id += 1;
        let open = self.open.entry(key).or_default();
        let parent = open.last().map_or(0, |around| around.id);
        open.push(Begun { id: self.last_id, parent, process: event.pid.key(), name, start });
    }

    fn ends(&mut self, event: &Event<'_>, end: u64) {
        if let Some(task) = self.tasks.get_mut(&event.id.key()).filter(|_| event.cat.text() == "task") {
            task.end = end;
        }
        let key = (event.pid.key(), event.cat.key(), event.id.key());
        match self.open.get_mut(&key).and_then(Vec::pop) {
            Some(begun) if begun.start <= end => self.ended.push((begun, end)),
            _ => self.spans.unfinished += 1,
        }
    }

    fn finish(mut self) -> Result<(), String> {
        if self.is_conlab {
            return self.finish_own();
        }
        self.spans.unfinished += self.begun.values().map(|open| open.len() as u64).sum::<u64>();
        self.spans.unfinished += self.open.values().map(|open| open.len() as u64).sum::<u64>();
        let service_of = |spans: &mut Spans, processes: &BTreeMap<u64, Name>, process: u64| {
            processes.get(&process).copied().unwrap_or_else(|| spans.intern("process"))
        };
        for (begun, end) in std::mem::take(&mut self.ended) {
            let service = service_of(self.spans, &self.processes, begun.process);
            self.spans.add(Span {
                id: begun.id,
                parent: begun.parent,
                service,
                operation: begun.name,
                start: begun.start,
                end,
                ..Span::default()
            });
        }
        self.slices.sort_by_key(|slice| (slice.thread, slice.start, u64::MAX - slice.end));
        let mut found: Vec<Span> = Vec::with_capacity(self.slices.len());
        let mut around: Vec<usize> = Vec::new();
        for (number, slice) in self.slices.iter().enumerate() {
            while around.last().is_some_and(|&last| {
                self.slices[last].thread != slice.thread || self.slices[last].end < slice.end
            }) {
                around.pop();
            }
            let service = service_of(self.spans, &self.processes, slice.thread.0);
            found.push(Span {
                id: number as u128 + 1,
                parent: around.last().map_or(0, |&last| last as u128 + 1),
                service,
                operation: slice.name,
                start: slice.start,
                end: slice.end,
                ..Span::default()
            });
            around.push(number);
        }
        for (from, to) in &self.arrows {
            let (Some(sender), Some(receiver)) = (self.bound(from), self.bound(to)) else { continue };
            if found[receiver].parent == 0 && sender != receiver {
                found[receiver].parent = found[sender].id;
                let waits = found[sender].end >= found[receiver].end;
                found[receiver].side = if waits { Side::Server } else { Side::Consumer };
            }
        }
        found.into_iter().for_each(|span| self.spans.add(span));
        Ok(())
    }

    /// The slice that an end of an arrow is bound to.
    fn bound(&self, end: &End) -> Option<usize> {
        let next = self.slices.partition_point(|slice| (slice.thread, slice.start) <= (end.thread, end.at));
        let encloses = |at: &usize| {
            let slice = &self.slices[*at];
            slice.thread == end.thread && slice.end >= end.at
        };
        let around = (next.saturating_sub(NEAR)..next).rev().find(encloses);
        let following =
            || Some(next).filter(|&at| self.slices.get(at).is_some_and(|slice| slice.thread == end.thread));
        if end.encloses { around } else { following().or(around) }
    }

    /// The tasks of a trace of conlab's own.
    fn finish_own(self) -> Result<(), String> {
        if self.tasks.is_empty() {
            return Err("a trace of conlab's with states of threads and no tasks: expected one of a run in virtual time \
                        (--engine virtual --trace FILE)"
                .into());
        }
        let mut tasks: Vec<Span> = self.tasks.into_values().collect();
        tasks.sort_by_key(|task| (task.arrived(), task.id));
        for task in tasks {
            if task.failed {
                self.spans.not_completed += 1;
            } else {
                self.spans.add(task);
            }
        }
        Ok(())
    }
}
