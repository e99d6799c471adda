//! Traces that other programs write for Chrome and Perfetto, and what a program says of itself in OTLP.

use super::importing::keep;
use conlab::engine::{Engine, Experiment, Progress, VirtualEngine};
use conlab::import::{Imported, Source, Spans, of_spans, read, system};
use conlab::queue::QueueKind;
use conlab::scenario::{Load, LoadArm, Overrides, Scenario, Treatment};
use std::fmt::Write as _;

fn spans(text: &str) -> Result<Spans, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trace.json");
    std::fs::write(&file, text).unwrap();
    match read(&[file], None).map_err(|error| error.to_string())? {
        Source::Spans(spans) => Ok(spans),
        Source::Log(_) => panic!("a log"),
    }
}

/// Requests of web, 10 ms apart: 1 ms of its own, a call of 2 ms to db by an arrow, 0.5 ms of its own with a slice inside.
fn chrome() -> String {
    let mut events = vec![
        r#"{"ph":"M","pid":1,"tid":0,"name":"process_name","args":{"name":"web"}}"#.to_owned(),
        r#"{"ph":"M","pid":2,"tid":0,"name":"process_name","args":{"name":"db"}}"#.to_owned(),
        r#"{"ph":"C","pid":1,"tid":0,"ts":5,"name":"heap","args":{"bytes":[1,{"a":2}]}}"#.to_owned(),
    ];
    for number in 0..40 {
        let at = 10_000 * number;
        events.push(format!(
            r#"{{"ph":"X","pid":1,"tid":7,"ts":{at},"dur":3500,"name":"GET","cat":"http","args":{{"parent":{{"x":1}},"name":7}}}}"#
        ));
        events.push(format!(r#"{{"ph":"X","pid":1,"tid":7,"ts":{},"dur":400,"name":"render"}}"#, at + 3050));
        events.push(format!(
            r#"{{"ph":"s","pid":1,"tid":7,"ts":{},"id":"0x{number:x}","name":"call"}}"#,
            at + 1000
        ));
        // The callee's slice as begin and end, written as text.
        events.push(format!(r#"{{"ph":"B","pid":2,"tid":"a","ts":"{}","name":"SELECT"}}"#, at + 1000));
        events.push(format!(r#"{{"ph":"E","pid":2,"tid":"a","ts":{}}}"#, at + 3000));
        events.push(format!(
            r#"{{"ph":"f","bp":"e","pid":2,"tid":"a","ts":{},"id":"0x{number:x}","name":"call"}}"#,
            at + 1000
        ));
    }
    events.join(",\n")
}

#[test]
fn slices_nest_and_arrows_call() {
    for text in
        [format!("[{}]", chrome()), format!("{{\"traceEvents\":[{}],\"displayTimeUnit\":\"ms\"}}", chrome())]
    {
        let found = spans(&text).unwrap();
        let system = system(&found);
        assert_eq!((system.operations.len(), system.roots.len()), (2, 40));
        let web = system.operations.iter().find(|one| found.name(one.service) == "web").unwrap();
        assert_eq!(web.steps.len(), 2, "{:?}", web.steps);
        assert_eq!((web.steps[0].own[0], web.steps[1].own[0]), (1_000_000, 500_000));
        let call = web.steps[0].call.as_ref().unwrap();
        let callee = &system.operations[call.to[0]];
        assert_eq!((found.name(callee.service), found.name(callee.name)), ("db", "SELECT"));
    }
}

/// Perfetto's and Chrome's own writers leave the end of the array out when they are stopped.
#[test]
fn a_cut_trace_keeps_what_came_before() {
    let found = spans(&format!("[{},", chrome())).unwrap();
    assert_eq!((found.spans.len(), found.unfinished), (120, 1));
    let open = spans(r#"[{"ph":"B","pid":1,"tid":1,"ts":1,"name":"a"},{"ph":"X","pid":1,"tid":2,"ts":1,"dur":5,"name":"b"},{"ph":"E","pid":9,"tid":1,"ts":2},{"ph":"X","pid":1,"tid":2,"ts":7,"name":"never ended"}]"#).unwrap();
    assert_eq!((open.spans.len(), open.unfinished), (1, 3));
}

#[test]
fn asynchronous_events_are_requests_and_nest_by_identity() {
    let mut text = "[".to_owned();
    for number in 0..30 {
        let at = 1000 * number;
        let _ = write!(
            text,
            r#"{{"ph":"b","cat":"net","id":{number},"pid":1,"tid":1,"ts":{at},"name":"fetch"}},
               {{"ph":"b","cat":"net","id":{number},"pid":1,"tid":1,"ts":{},"name":"connect"}},
               {{"ph":"e","cat":"net","id":{number},"pid":1,"tid":2,"ts":{},"name":"connect"}},
               {{"ph":"e","cat":"net","id":{number},"pid":1,"tid":2,"ts":{},"name":"fetch"}},"#,
            at + 100,
            at + 300,
            at + 5000
        );
    }
    let found = spans(&text).unwrap();
    let system = system(&found);
    assert_eq!((system.roots.len(), system.operations.len(), system.operations[0].at_once.0), (30, 1, 5));
}

#[test]
fn what_is_no_chrome_trace_gets_a_sentence() {
    let states = r#"{"otherData":{"program":"conlab 0.1.0"},"traceEvents":[{"ph":"X","pid":1,"tid":1,"ts":0,"dur":1,"name":"idle"}]}"#;
    assert!(spans(states).unwrap_err().contains("states of threads and no tasks"));
    assert!(spans(r#"{"traceEvents":7}"#).unwrap_err().contains("not a Chrome or Perfetto trace"));
    assert!(spans(r#"[{"ph":"X","pid":1"#).unwrap_err().contains("not a Chrome or Perfetto trace"));
    assert!(spans(r#"{"traceEvents":[]}"#).unwrap_err().contains("no finished span"));
}

/// A service of CPython with 8 threads whose spans say their processor time and the pool that they hold: 2 ms of work, then 8 ms on one of
/// two places for which every other task waits.
fn stated() -> String {
    let mut text = String::new();
    for number in 0..200_u64 {
        let start = 1_790_000_000_000_000_000 + number * 7_000_000;
        let waited = if number % 2 == 0 { 0 } else { 3_000_000 };
        let taken = start + 2_500_000 + waited;
        let span = |id: &str, parent: &str, kind: u8, start: u64, end: u64, said: &str| {
            format!(
                r#"{{"traceId":"{number:032x}","spanId":"{id}","parentSpanId":"{parent}","name":"op","kind":{kind},"startTimeUnixNano":"{start}","endTimeUnixNano":"{end}","attributes":[{said}]}}"#
            )
        };
        let int =
            |key: &str, value: u64| format!(r#"{{"key":"conlab.{key}","value":{{"intValue":"{value}"}}}}"#);
        let word =
            |key: &str, value: &str| format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#);
        let root = span("a", "", 2, start, taken + 8_000_000, &int("cpu_ns", 2_100_000));
        let said = [
            word("conlab.resource", "connections"),
            word("conlab.resource.kind", "pool"),
            int("waited_ns", waited),
            int("cpu_ns", 100_000),
        ];
        let held = span("b", "a", 1, taken, taken + 8_000_000, &said.join(","));
        let service =
            [word("service.name", "shop"), word("process.runtime.name", "cpython"), int("workers", 8)];
        let _ = writeln!(
            text,
            r#"{{"resourceSpans":[{{"resource":{{"attributes":[{}]}},"scopeSpans":[{{"spans":[{root},{held}]}}]}}]}}"#,
            service.join(",")
        );
    }
    text
}

fn stated_scenario(folder: &std::path::Path) -> (Imported, Scenario) {
    let found = spans(&stated()).unwrap();
    let imported = of_spans(&found, &system(&found), 1.0, "shop").unwrap();
    keep(folder, &imported, "shop");
    let file = folder.join("shop.toml");
    let overrides = Overrides { tasks: Some(200), ..Overrides::default() };
    let scenario = Scenario::load(file.to_str().unwrap(), &overrides)
        .unwrap_or_else(|error| panic!("{error}\n{}", imported.scenario));
    (imported, scenario)
}

#[test]
fn what_a_program_says_of_itself_becomes_workers_locks_and_pools() {
    let folder = tempfile::tempdir().unwrap();
    let (imported, scenario) = stated_scenario(folder.path());
    let shop = &scenario.actors[0];
    assert_eq!((shop.threads, shop.queue), (8, QueueKind::Mutex));
    assert!(matches!(shop.load, Load::Open { .. }), "{:?}", shop.load);
    assert_eq!((scenario.pools.len(), scenario.pools[0].size, scenario.locks.len()), (1, 2, 1));
    assert!(imported.scenario.contains("waited for 100 times: it was full then"), "{}", imported.scenario);
    let experiment = Experiment::new(scenario.treated(&Treatment::default()), LoadArm::Baseline);
    let record = VirtualEngine::ideal().run(&experiment, &Progress::default()).unwrap().record;
    // Work of 2.1 ms and 7.9 ms of waiting; that the place was waited for is not in it, as it would come again on top.
    let shop = &record.actors["shop"];
    let least = shop.sojourn_ns.p50;
    assert!((10_000_000..10_700_000).contains(&least), "{least}");
}
