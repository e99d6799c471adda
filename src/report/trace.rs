//! A trace for Perfetto and Chrome's viewer, from a record's timeline.
//!
//! Every track of the timeline becomes a thread, every span a complete event, every message a flow arrow. The
//! format wants the events of one thread to nest; tasks that a worker interleaves do not, so what would overlap
//! goes to a further thread of the same name. Whole tasks become asynchronous events, with the task that sent them and when a
//! worker took them up, so that the trace can be imported. An arrow whose end lies at no span cannot be drawn and is left out.
//! What was left out is said in the trace itself.

use super::page::state_label;
use super::words::count;
use crate::measure::Cause;
use crate::measure::observed::BlockedBy;
use crate::measure::record::{ObservedRecord, RunRecord, Span, TaskSpan, Timeline};
use crate::printable::Printable;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Most events of a trace; at some 130 bytes each it stays near 65 MB.
const MOST: usize = 500_000;

/// What a trace holds, so that a test of the loaded trace can be exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceCounts {
    /// Threads, further ones for what overlaps included.
    pub threads: usize,
    /// Slices.
    pub slices: usize,
    /// Arrows.
    pub flows: usize,
    /// Whole tasks.
    pub tasks: usize,
    /// Spans and messages left out, those that the engine did not record included.
    pub omitted: u64,
}

/// One thread of the trace.
struct Lane<'record> {
    name: String,
    spans: Vec<&'record Span>,
}

/// The trace of `record` as JSON, and what it holds; `None` when the record has no timeline.
#[must_use]
pub fn trace(record: &RunRecord) -> Option<(String, TraceCounts)> {
    if let Some(observed) = &record.observed {
        return Some((counters(record, observed), TraceCounts::default()));
    }
    let timeline = record.timeline.as_ref()?;
    // A damaged record may name tracks that it does not have.
    let named = |span: &&Span| span.track < timeline.tracks.len();
    let spans: Vec<&Span> = timeline.spans.iter().filter(named).take(MOST).collect();
    let kept = spans.len();
    let lanes = lanes(timeline, spans);
    let flows = drawable(timeline, &lanes, MOST - kept);
    let tasks = timeline.tasks.len().min((MOST - kept - flows.len()) / 2);
    let left_out =
        timeline.spans.len() - kept + timeline.flows.len() - flows.len() + timeline.tasks.len() - tasks;
    let counts = TraceCounts {
        threads: lanes.len(),
        slices: kept,
        flows: flows.len(),
        tasks,
        omitted: timeline.omitted.saturating_add(left_out as u64),
    };
    let mut out = String::with_capacity(160 * (kept + 2 * flows.len()) + 4096);
    let _ = writeln!(
        out,
        "{{\"displayTimeUnit\":\"ms\",\"otherData\":{{\"program\":\"conlab {}\",\"scenario\":{},\"engine\":{},\"focus\":{},\
         \"seed\":\"{}\",\"omitted\":\"{}\"}},\"traceEvents\":[",
        env!("CARGO_PKG_VERSION"),
        text(&record.scenario.name),
        text(&record.engine),
        text(&record.treatment.focus),
        record.seed,
        counts.omitted
    );
    let process = format!("conlab: {} ({} engine)", record.scenario.name, record.engine);
    let _ = write!(
        out,
        "{{\"ph\":\"M\",\"pid\":1,\"tid\":0,\"name\":\"process_name\",\"args\":{{\"name\":{}}}}}",
        text(&process)
    );
    for (index, lane) in lanes.iter().enumerate() {
        thread(&mut out, index + 1, lane, &timeline.tracks);
    }
    for (number, (from, sent, to, taken)) in flows.into_iter().enumerate() {
        let _ = write!(
            out,
            ",\n{{\"ph\":\"s\",\"id\":{number},\"pid\":1,\"tid\":{},\"ts\":{},\"cat\":\"message\",\"name\":\"message\"}}\
             ,\n{{\"ph\":\"f\",\"bp\":\"e\",\"id\":{number},\"pid\":1,\"tid\":{},\"ts\":{},\"cat\":\"message\",\"name\":\"message\"}}",
            from + 1,
            Micros(sent),
            to + 1,
            Micros(taken)
        );
    }
    let ranks = ranks(record, timeline);
    timeline.tasks.iter().take(tasks).for_each(|task| whole(&mut out, task, ranks.get(&task.id)));
    if counts.omitted > 0 {
        let note =
            format!("{} spans or messages were left out: the bound was reached", count(counts.omitted));
        let _ = write!(
            out,
            ",\n{{\"ph\":\"i\",\"s\":\"g\",\"pid\":1,\"tid\":0,\"ts\":0,\"name\":{}}}",
            text(&note)
        );
    }
    out.push_str("\n]}\n");
    Some((out, counts))
}

/// The trace of a recording: threads in each state over time, as one counter.
fn counters(record: &RunRecord, observed: &ObservedRecord) -> String {
    let mut out = String::new();
    let process = format!("{} (process {}, recorded)", record.scenario.name, observed.pid);
    let _ = write!(
        out,
        "{{\"displayTimeUnit\":\"ms\",\"otherData\":{{\"program\":\"conlab {}\",\"engine\":{},\"omitted\":\"0\"}},\"traceEvents\":[\n\
         {{\"ph\":\"M\",\"pid\":1,\"tid\":0,\"name\":\"process_name\",\"args\":{{\"name\":{}}}}}",
        env!("CARGO_PKG_VERSION"),
        text(&record.engine),
        text(&process)
    );
    for slice in &observed.series {
        #[expect(clippy::cast_precision_loss, reason = "a mean number of threads")]
        let mean = |time: u64| time as f64 / slice.length_ns.max(1) as f64;
        let _ = write!(
            out,
            ",\n{{\"ph\":\"C\",\"pid\":1,\"tid\":0,\"ts\":{},\"name\":\"threads by state\",\"args\":{{\"on a processor\":{:.4},\"run-queue wait\":{:.4}",
            Micros(slice.at_ns),
            mean(slice.on_cpu_ns),
            mean(slice.run_queue_ns)
        );
        for cause in BlockedBy::ALL {
            let time = slice.blocked_ns.get(&cause).copied().unwrap_or(0);
            let _ = write!(out, ",{}:{:.4}", text(cause.label()), mean(time));
        }
        out.push_str("}}");
    }
    out.push_str("\n]}\n");
    out
}

fn thread(out: &mut String, tid: usize, lane: &Lane<'_>, tracks: &[String]) {
    let _ = write!(
        out,
        ",\n{{\"ph\":\"M\",\"pid\":1,\"tid\":{tid},\"name\":\"thread_name\",\"args\":{{\"name\":{}}}}}\
         ,\n{{\"ph\":\"M\",\"pid\":1,\"tid\":{tid},\"name\":\"thread_sort_index\",\"args\":{{\"sort_index\":{tid}}}}}",
        text(&lane.name)
    );
    for span in &lane.spans {
        let (name, what) = words(span);
        let _ = write!(
            out,
            ",\n{{\"ph\":\"X\",\"pid\":1,\"tid\":{tid},\"ts\":{},\"dur\":{},\"cat\":{},\"name\":{},\"args\":{{\"task\":{}",
            Micros(span.start_ns),
            Micros(span.length_ns),
            text(&span.state),
            text(name),
            span.task
        );
        if !what.is_empty() {
            let _ = write!(out, ",\"{what}\":{}", text(&span.label));
        }
        if let Some(holder) = span.holder.and_then(|track| tracks.get(track)) {
            let _ = write!(out, ",\"holder\":{}", text(holder));
        }
        out.push_str("}}");
    }
}

/// Tasks that are marked as the slowest.
const SLOWEST: usize = 10;

/// The slowest completed tasks of the actor in focus by their number: 1 is the slowest.
fn ranks(record: &RunRecord, timeline: &Timeline) -> BTreeMap<u64, usize> {
    let focus = record.treatment.focus.as_str();
    let is_of_focus = |task: &&TaskSpan| task.end == "completed" && task.of.split('.').next() == Some(focus);
    let mut slow: Vec<&TaskSpan> = timeline.tasks.iter().filter(is_of_focus).collect();
    slow.sort_by_key(|task| {
        (std::cmp::Reverse(task.ended_ns.saturating_sub(task.arrived_ns)), task.arrived_ns)
    });
    slow.iter().take(SLOWEST).zip(1..).map(|(task, rank)| (task.id, rank)).collect()
}

/// A whole task, as an asynchronous event; of the slowest with their rank.
fn whole(out: &mut String, task: &TaskSpan, rank: Option<&usize>) {
    let (id, name) = (task.id, text(&task.of));
    let instance =
        if task.instance == 0 { String::new() } else { format!(",\"instance\":{}", task.instance) };
    let rank = rank.map_or_else(String::new, |rank| format!(",\"slowest\":{rank}"));
    let _ = write!(
        out,
        ",\n{{\"ph\":\"b\",\"cat\":\"task\",\"id\":{id},\"pid\":1,\"tid\":0,\"ts\":{},\"name\":{name},\"args\":{{\"task\":{id},\
         \"parent\":{},\"awaited\":{},\"queued\":{},\"end\":{}{instance}{rank}}}}}\
         ,\n{{\"ph\":\"e\",\"cat\":\"task\",\"id\":{id},\"pid\":1,\"tid\":0,\"ts\":{},\"name\":{name}}}",
        Micros(task.arrived_ns),
        task.parent,
        task.awaited,
        Micros(task.taken_ns.saturating_sub(task.arrived_ns)),
        text(&task.end),
        Micros(task.ended_ns)
    );
}

/// A span's name, and what its label is if that is not the name.
fn words(span: &Span) -> (&str, &'static str) {
    match span.state.as_str() {
        "execution" | "io" | "task" if !span.label.is_empty() => (&span.label, ""),
        "lock" => (Cause::Lock.label(), "lock"),
        "call" => (Cause::Call.label(), "actor"),
        state => (state_label(state), if span.label.is_empty() { "" } else { "step" }),
    }
}

/// Spans of named tracks on threads of their own, such that those of a thread nest.
fn lanes<'record>(timeline: &'record Timeline, spans: Vec<&'record Span>) -> Vec<Lane<'record>> {
    let mut by_track: Vec<Vec<&Span>> = timeline.tracks.iter().map(|_| Vec::new()).collect();
    for span in spans {
        by_track[span.track].push(span);
    }
    let mut lanes = Vec::new();
    let mut further = Vec::new();
    for (track, mut spans) in by_track.into_iter().enumerate() {
        spans.sort_by_key(|span| (span.start_ns, u64::MAX - span.length_ns));
        let name = timeline.tracks[track].clone();
        let mut rows = nested(spans).into_iter();
        lanes.push(Lane { name: name.clone(), spans: rows.next().unwrap_or_default() });
        further.extend(
            rows.enumerate()
                .map(|(index, spans)| Lane { name: format!("{name} (overlap {})", index + 1), spans }),
        );
    }
    lanes.extend(further);
    lanes
}

/// `spans`, ordered by start and falling length, dealt to rows in which they nest.
fn nested(spans: Vec<&Span>) -> Vec<Vec<&Span>> {
    let mut rows: Vec<(Vec<&Span>, Vec<u64>)> = vec![(Vec::new(), Vec::new())];
    for span in spans {
        let end = span.start_ns.saturating_add(span.length_ns);
        let fits = rows.iter_mut().position(|(_, open)| {
            while open.last().is_some_and(|last| *last <= span.start_ns) {
                open.pop();
            }
            open.last().is_none_or(|last| end <= *last)
        });
        let row = fits.unwrap_or_else(|| {
            rows.push((Vec::new(), Vec::new()));
            rows.len() - 1
        });
        rows[row].0.push(span);
        rows[row].1.push(end);
    }
    rows.into_iter().map(|(spans, _)| spans).collect()
}

/// Farthest that an arrow's end is moved to the nearest span: engines keep no spans below a microsecond.
const REACH: u64 = 2_000;

/// Messages both of whose ends lie at a span of their track's first thread.
fn drawable(timeline: &Timeline, lanes: &[Lane<'_>], most: usize) -> Vec<(usize, u64, usize, u64)> {
    let place = |track: usize, at: u64| nearest(&lanes.get(track)?.spans, at);
    timeline
        .flows
        .iter()
        .filter_map(|flow| {
            let sent = place(flow.from_track, flow.sent_ns)?;
            let taken = place(flow.to_track, flow.taken_ns)?;
            Some((flow.from_track, sent, flow.to_track, taken))
        })
        .take(most)
        .collect()
}

/// The instant nearest to `at` that lies within one of `spans`, if it is not out of [`REACH`]. A span's end is out
/// of it, as it is for those who read traces.
fn nearest(spans: &[&Span], at: u64) -> Option<u64> {
    let next = spans.partition_point(|span| span.start_ns <= at);
    // An enclosing span starts before its parts: some steps back are enough, as nesting is shallow.
    let before = spans[..next].iter().rev().take(64);
    let last = before
        .filter(|span| span.length_ns > 0)
        .map(|span| span.start_ns.saturating_add(span.length_ns - 1))
        .max();
    match (last, spans.get(next)) {
        (Some(last), _) if last >= at => Some(at),
        (Some(last), _) if at - last <= REACH => Some(last),
        (_, Some(next)) if next.start_ns - at <= REACH => Some(next.start_ns),
        _ => None,
    }
}

/// A text as a JSON string.
fn text(text: &str) -> serde_json::Value {
    serde_json::Value::from(Printable(text).to_string())
}

/// Nanoseconds as microseconds with three decimals, which is what the format wants, without rounding.
struct Micros(u64);

impl std::fmt::Display for Micros {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}
