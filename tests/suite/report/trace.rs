//! The trace: every event well formed, nested on its thread, and nothing left out in silence.

use super::sample::record;
use conlab::measure::record::{Flow, RunRecord, Span, Timeline};
use conlab::report::trace::{TraceCounts, trace};
use serde_json::Value;
use std::collections::BTreeMap;

/// What is wrong with a trace as Perfetto's importer would see it; nothing when it is sound.
fn faults(trace: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let events = trace["traceEvents"].as_array().map_or(&[][..], Vec::as_slice);
    let mut open: BTreeMap<u64, Vec<(f64, f64)>> = BTreeMap::new();
    let mut arrows: BTreeMap<u64, (u32, u32)> = BTreeMap::new();
    for event in events {
        let phase = event["ph"].as_str().unwrap_or_default();
        let (Some(tid), Some(1), Some(_)) =
            (event["tid"].as_u64(), event["pid"].as_u64(), event["name"].as_str())
        else {
            faults.push(format!("no tid, pid or name: {event}"));
            continue;
        };
        let at = event["ts"].as_f64();
        match (phase, at, event["dur"].as_f64(), event["id"].as_u64()) {
            ("M", _, _, _) if event["args"].is_object() => {}
            ("i", Some(_), _, _) => {}
            ("X", Some(at), Some(length), _) => open.entry(tid).or_default().push((at, at + length)),
            ("b" | "e", Some(_), _, Some(_)) if event["cat"] == "task" => {}
            ("s", Some(_), _, Some(id)) => arrows.entry(id).or_default().0 += 1,
            ("f", Some(_), _, Some(id)) if event["bp"] == "e" => arrows.entry(id).or_default().1 += 1,
            _ => faults.push(format!("malformed: {event}")),
        }
    }
    for (tid, slices) in &open {
        let mut stack: Vec<f64> = Vec::new();
        let mut last = 0.0;
        for &(from, to) in slices {
            if from < last {
                faults.push(format!("thread {tid}: out of order at {from}"));
            }
            last = from;
            stack.retain(|end| *end > from + 1e-6);
            if stack.last().is_some_and(|end| to > end + 1e-6) {
                faults.push(format!("thread {tid}: a slice at {from} overlaps another"));
            }
            stack.push(to);
        }
    }
    faults.extend(
        arrows.iter().filter(|arrow| *arrow.1 != (1, 1)).map(|arrow| format!("arrow {} is broken", arrow.0)),
    );
    faults
}

fn traced(record: &RunRecord) -> (Value, TraceCounts) {
    let (text, counts) = trace(record).unwrap();
    (serde_json::from_str(&text).unwrap(), counts)
}

fn phases(trace: &Value, phase: &str) -> usize {
    trace["traceEvents"].as_array().unwrap().iter().filter(|event| event["ph"] == phase).count()
}

#[test]
fn a_trace_is_well_formed_and_counts_what_it_holds() {
    let record = record("<script>alert(1)</script> \"quoted\"", 1000, 16, 5000);
    let (trace, counts) = traced(&record);
    assert_eq!(faults(&trace), Vec::<String>::new());
    assert_eq!(counts.slices, phases(&trace, "X"));
    assert_eq!((counts.flows, counts.flows), (phases(&trace, "s"), phases(&trace, "f")));
    let threads = trace["traceEvents"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["name"] == "thread_name")
        .count();
    assert_eq!((counts.threads, 16), (threads, threads));
    let timeline = record.timeline.unwrap();
    assert_eq!(counts.slices, timeline.spans.len());
    assert_eq!(counts.omitted, timeline.omitted + (timeline.flows.len() - counts.flows) as u64);
    assert_eq!(trace["otherData"]["omitted"], counts.omitted.to_string());
}

fn span(track: usize, start_ns: u64, length_ns: u64, state: &str) -> Span {
    Span { track, start_ns, length_ns, state: state.into(), label: "plan".into(), holder: None, task: 1 }
}

fn hand_made(spans: Vec<Span>, flows: Vec<Flow>) -> RunRecord {
    let timeline = Timeline {
        tracks: vec!["agents-0".into(), "vault-0".into()],
        spans,
        flows,
        tasks: vec![],
        omitted: 0,
    };
    RunRecord { timeline: Some(timeline), ..RunRecord::default() }
}

#[test]
fn tasks_that_interleave_get_threads_of_their_own() {
    let record = hand_made(
        vec![
            span(0, 0, 100, "task"),
            span(0, 10, 20, "execution"),
            span(0, 50, 100, "task"),
            span(0, 60, 80, "io"),
        ],
        vec![],
    );
    let (trace, counts) = traced(&record);
    assert_eq!(faults(&trace), Vec::<String>::new());
    assert_eq!((counts.threads, counts.slices), (3, 4));
}

#[test]
fn an_arrow_into_nothing_is_left_out_and_counted() {
    let flow = |sent_ns, taken_ns| Flow { from_track: 0, sent_ns, to_track: 1, taken_ns };
    let record = hand_made(
        vec![span(0, 0, 100_000, "task"), span(1, 50_000, 100_000, "task")],
        vec![flow(50_000, 60_000), flow(50_000, 40_000), flow(500_000, 600_000)],
    );
    let (trace, counts) = traced(&record);
    assert_eq!(faults(&trace), Vec::<String>::new());
    assert_eq!((counts.flows, counts.omitted), (1, 2));
}

#[test]
fn an_arrow_that_just_misses_a_span_is_moved_to_it() {
    let flow = Flow { from_track: 0, sent_ns: 1_500, to_track: 1, taken_ns: 9_500 };
    let (trace, counts) =
        traced(&hand_made(vec![span(0, 0, 1_000, "task"), span(1, 10_000, 5_000, "task")], vec![flow]));
    assert_eq!((counts.flows, counts.omitted), (1, 0));
    let at = |phase: &str| {
        let events = trace["traceEvents"].as_array().unwrap();
        events.iter().find(|event| event["ph"] == phase).unwrap()["ts"].to_string()
    };
    assert_eq!((at("s"), at("f")), ("0.999".into(), "10.0".into()));
}

#[test]
fn times_are_exact_to_the_nanosecond() {
    let (trace, _) = traced(&hand_made(vec![span(0, 1_234_567_891, 1, "io")], vec![]));
    let slice = trace["traceEvents"].as_array().unwrap().iter().find(|event| event["ph"] == "X").unwrap();
    assert_eq!((slice["ts"].to_string(), slice["dur"].to_string()), ("1234567.891".into(), "0.001".into()));
}

#[test]
fn the_check_finds_planted_faults() {
    let (sound, _) = traced(&hand_made(vec![span(0, 0, 100, "task"), span(0, 10, 20, "io")], vec![]));
    let broken = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut trace = sound.clone();
        change(trace["traceEvents"].as_array_mut().unwrap());
        faults(&trace).len()
    };
    let slice = |events: &[Value]| events.iter().rposition(|event| event["ph"] == "X").unwrap();
    assert_eq!(broken(&|_| {}), 0);
    assert_eq!(broken(&|events| events.last_mut().unwrap()["name"] = Value::Null), 1);
    assert_eq!(
        broken(&|events| {
            let at = slice(events);
            events[at]["dur"] = 500.into()
        }),
        1
    );
    assert_eq!(
        broken(&|events| {
            let at = slice(events);
            events[at].as_object_mut().unwrap().remove("ts");
        }),
        1
    );
    assert_eq!(
        broken(&|events| events
            .push(serde_json::json!({"ph":"s","id":1,"pid":1,"tid":1,"ts":1,"name":"message"}))),
        1
    );
}
