//! Jaeger's JSON: traces with spans and the processes that they name.

use super::span::{Side, Span, Spans, identity};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The answer of Jaeger's query interface, or the file that its page saves.
#[derive(Debug, Deserialize)]
pub(super) struct Answer<'t> {
    #[serde(borrow)]
    data: Vec<Trace<'t>>,
}

#[derive(Debug, Deserialize)]
struct Trace<'t> {
    #[serde(borrow, default)]
    spans: Vec<SpanJson<'t>>,
    #[serde(borrow, default)]
    processes: BTreeMap<Cow<'t, str>, Process<'t>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Process<'t> {
    #[serde(borrow, default)]
    service_name: Cow<'t, str>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpanJson<'t> {
    #[serde(borrow, default, rename = "traceID")]
    trace_id: Cow<'t, str>,
    #[serde(borrow, default, rename = "spanID")]
    span_id: Cow<'t, str>,
    #[serde(borrow, default, rename = "parentSpanID")]
    parent_span_id: Cow<'t, str>,
    #[serde(borrow, default)]
    operation_name: Cow<'t, str>,
    #[serde(borrow, default)]
    references: Vec<Reference<'t>>,
    /// Microseconds.
    #[serde(default)]
    start_time: u64,
    /// Microseconds; absent where the span never ended.
    duration: Option<u64>,
    #[serde(borrow, default)]
    tags: Vec<Tag<'t>>,
    #[serde(borrow, default, rename = "processID")]
    process_id: Cow<'t, str>,
    #[serde(borrow)]
    process: Option<Process<'t>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference<'t> {
    #[serde(borrow, default)]
    ref_type: Cow<'t, str>,
    #[serde(borrow, default, rename = "spanID")]
    span_id: Cow<'t, str>,
}

#[derive(Debug, Deserialize)]
struct Tag<'t> {
    #[serde(borrow, default)]
    key: Cow<'t, str>,
    #[serde(default)]
    value: serde_json::Value,
}

/// Takes over the spans of every trace.
pub(super) fn read(answer: Answer<'_>, spans: &mut Spans) {
    for trace in answer.data {
        for span in trace.spans {
            let process = span.process.as_ref().or_else(|| trace.processes.get(&span.process_id));
            let service = process.map_or("unknown", |process| &process.service_name);
            let service = spans.intern(service);
            let operation = spans.intern(&span.operation_name);
            let of = |kinds: [&str; 2]| {
                span.references.iter().find(|one| kinds.contains(&&*one.ref_type)).map(|one| &*one.span_id)
            };
            let parent = of(["CHILD_OF", "FOLLOWS_FROM"]).unwrap_or(&span.parent_span_id);
            let tag = |key: &str| span.tags.iter().find(|tag| tag.key == key).map(|tag| &tag.value);
            let side = match tag("span.kind").and_then(serde_json::Value::as_str) {
                Some("server") => Side::Server,
                Some("client") => Side::Client,
                Some("producer") => Side::Producer,
                Some("consumer") => Side::Consumer,
                _ => Side::Internal,
            };
            if span.span_id.is_empty() {
                spans.nameless += 1;
            }
            let start = span.start_time.saturating_mul(1000);
            let failed = tag("error").is_some_and(|value| {
                value.as_bool().unwrap_or(false) || value.as_str().is_some_and(|text| text == "true")
            });
            spans.add(Span {
                id: identity(&span.trace_id, &span.span_id),
                parent: identity(&span.trace_id, parent),
                service,
                operation,
                side,
                start,
                end: span.duration.map_or(0, |length| start.saturating_add(length.saturating_mul(1000))),
                failed,
                ..Span::default()
            });
        }
    }
}
