//! OTLP JSON: one export request after the other, as a collector's file exporter writes them.

use super::span::{Hold, Side, Span, Spans, Stated, identity};
use serde::Deserialize;
use serde::de::Deserializer;
use std::borrow::Cow;

/// One export request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Export<'t> {
    #[serde(borrow, default, alias = "resource_spans")]
    resource_spans: Vec<ResourceSpans<'t>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'t> {
    #[serde(borrow, default)]
    resource: Resource<'t>,
    #[serde(borrow, default, alias = "instrumentationLibrarySpans", alias = "scope_spans")]
    scope_spans: Vec<ScopeSpans<'t>>,
}

#[derive(Debug, Default, Deserialize)]
struct Resource<'t> {
    #[serde(borrow, default)]
    attributes: Vec<Attribute<'t>>,
}

#[derive(Debug, Deserialize)]
struct Attribute<'t> {
    #[serde(borrow, default)]
    key: Cow<'t, str>,
    #[serde(borrow, default)]
    value: AnyValue<'t>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnyValue<'t> {
    #[serde(borrow, default, alias = "string_value")]
    string_value: Option<Cow<'t, str>>,
    #[serde(default, alias = "int_value", deserialize_with = "whole")]
    int_value: Option<u64>,
    #[serde(default, alias = "bool_value")]
    bool_value: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct ScopeSpans<'t> {
    #[serde(borrow, default)]
    spans: Vec<SpanJson<'t>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpanJson<'t> {
    #[serde(borrow, default, alias = "trace_id")]
    trace_id: Cow<'t, str>,
    #[serde(borrow, default, alias = "span_id")]
    span_id: Cow<'t, str>,
    #[serde(borrow, default, alias = "parent_span_id")]
    parent_span_id: Cow<'t, str>,
    #[serde(borrow, default)]
    name: Cow<'t, str>,
    #[serde(default)]
    kind: Kind,
    #[serde(default, alias = "start_time_unix_nano", deserialize_with = "nanos")]
    start_time_unix_nano: u64,
    #[serde(default, alias = "end_time_unix_nano", deserialize_with = "nanos")]
    end_time_unix_nano: u64,
    #[serde(default)]
    status: Status,
    #[serde(borrow, default)]
    attributes: Vec<Attribute<'t>>,
}

/// The span's kind, as a number or as its name.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Kind {
    #[default]
    Absent,
    Number(u64),
    Word(String),
}

impl Kind {
    fn side(&self) -> Side {
        match self {
            Self::Number(2) => Side::Server,
            Self::Number(3) => Side::Client,
            Self::Number(4) => Side::Producer,
            Self::Number(5) => Side::Consumer,
            Self::Word(word) => match word.trim_start_matches("SPAN_KIND_").to_ascii_lowercase().as_str() {
                "server" => Side::Server,
                "client" => Side::Client,
                "producer" => Side::Producer,
                "consumer" => Side::Consumer,
                _ => Side::Internal,
            },
            Self::Absent | Self::Number(_) => Side::Internal,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
struct Status {
    #[serde(default)]
    code: Code,
}

#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Code {
    #[default]
    Absent,
    Number(u64),
    Word(String),
}

impl Code {
    fn is_error(&self) -> bool {
        match self {
            Self::Number(code) => *code == 2,
            Self::Word(word) => word.ends_with("ERROR"),
            Self::Absent => false,
        }
    }
}

/// A time; one that is no number is one that was never set: the span counts as unfinished.
fn nanos<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(whole(deserializer)?.unwrap_or(0))
}

/// An integer, if it is one that is not negative. 64-bit integers are strings in JSON as protobuf maps it, and numbers in some writers.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either<'t> {
        Number(u64),
        #[serde(borrow)]
        Text(Cow<'t, str>),
        Other(serde::de::IgnoredAny),
    }
    Ok(match Either::deserialize(deserializer)? {
        Either::Number(number) => Some(number),
        Either::Text(text) => text.parse().ok(),
        Either::Other(_) => None,
    })
}

/// What a service says of itself.
fn stated(attributes: &[Attribute<'_>]) -> Stated {
    let mut stated = Stated::default();
    for Attribute { key, value } in attributes {
        match (&**key, value.int_value, value.string_value.as_deref()) {
            ("conlab.workers", workers, _) => stated.workers = workers.filter(|&workers| workers > 0),
            ("conlab.scheduling", _, Some(how)) => stated.is_async = how == "async",
            ("process.runtime.name", _, Some(name)) => {
                stated.interpreter = name.eq_ignore_ascii_case("cpython");
            }
            ("host.cpu.count", count, _) => stated.processors = count.filter(|&count| count > 0),
            _ => {}
        }
    }
    stated
}

/// Which of the instances of a service it is.
fn instance<'t>(attributes: &'t [Attribute<'_>]) -> Option<&'t str> {
    ["service.instance.id", "k8s.pod.name"].iter().find_map(|name| {
        let attribute = attributes.iter().find(|attribute| attribute.key == *name)?;
        attribute.value.string_value.as_deref()
    })
}

/// What a span says beyond its times.
fn tell(span: &mut Span, attributes: &[Attribute<'_>], spans: &mut Spans) {
    let (mut resource, mut is_lock) = (None, false);
    for Attribute { key, value } in attributes {
        let Some(key) = key.strip_prefix("conlab.") else { continue };
        match (key, value.int_value, value.string_value.as_deref()) {
            ("cpu_ns", cpu, _) => span.cpu = cpu,
            ("queued_ns" | "waited_ns", Some(time), _) => span.queued = time,
            ("resource", _, Some(name)) => resource = Some(spans.intern(name)),
            ("resource.kind", _, Some(kind)) => is_lock = kind == "lock",
            ("blocks", ..) => span.blocks = value.bool_value == Some(true),
            _ => {}
        }
    }
    span.hold = resource.map(if is_lock { Hold::Lock } else { Hold::Pool });
}

/// Takes over the spans of a request.
pub(super) fn read(export: Export<'_>, spans: &mut Spans) {
    for resource in export.resource_spans {
        let named = resource.resource.attributes.iter().find(|attribute| attribute.key == "service.name");
        let service =
            named.and_then(|attribute| attribute.value.string_value.as_deref()).unwrap_or("unknown");
        let service = spans.intern(service);
        let instance = instance(&resource.resource.attributes).map(|name| spans.intern(name));
        let stated = stated(&resource.resource.attributes);
        if stated != Stated::default() {
            spans.stated.insert(service, stated);
        }
        for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            let operation = spans.intern(&span.name);
            if span.span_id.is_empty() {
                spans.nameless += 1;
            }
            let mut told = Span {
                id: identity(&span.trace_id, &span.span_id),
                parent: identity(&span.trace_id, &span.parent_span_id),
                service,
                instance,
                operation,
                side: span.kind.side(),
                start: span.start_time_unix_nano,
                end: span.end_time_unix_nano,
                failed: span.status.code.is_error(),
                ..Span::default()
            };
            tell(&mut told, &span.attributes, spans);
            spans.add(told);
        }
    }
}
