//! The known ways to get a scenario wrong from a recording, each with what it would give.

use super::importing::keep;
use conlab::engine::{Engine, Experiment, Progress, VirtualEngine};
use conlab::import::{Imported, Source, Spans, of_spans, read, system};
use conlab::measure::RunRecord;
use conlab::random::{Source as Chance, Stream};
use conlab::scenario::{LoadArm, Overrides, Scenario, Treatment};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write as _;
use std::path::Path;

const MS: u64 = 1_000_000;
/// Nanoseconds since the epoch at which recordings begin.
const EPOCH: u64 = 1_790_000_000_000_000_000;

fn spans_of(folder: &Path, text: &str) -> Result<Spans, String> {
    let file = folder.join("recording");
    std::fs::write(&file, text).unwrap();
    match read(&[file], None).map_err(|error| error.to_string())? {
        Source::Spans(spans) => Ok(spans),
        Source::Log(_) => Err("a log".into()),
    }
}

/// A line of OTLP JSON with one span.
#[expect(clippy::too_many_arguments, reason = "all that a span has")]
fn line(
    service: &str,
    said: &str,
    trace: u64,
    id: u64,
    parent: u64,
    kind: u8,
    name: &str,
    times: [u64; 2],
) -> String {
    let parent = if parent == 0 { String::new() } else { format!("{parent:016x}") };
    format!(
        "{{\"resourceSpans\":[{{\"resource\":{{\"attributes\":[{{\"key\":\"service.name\",\"value\":{{\"stringValue\":\"{service}\"}}}}]}},\"scopeSpans\":[{{\"spans\":[{{\"traceId\":\"{trace:032x}\",\"spanId\":\"{id:016x}\",\"parentSpanId\":\"{parent}\",\"name\":\"{name}\",\"kind\":{kind},\"startTimeUnixNano\":\"{}\",\"endTimeUnixNano\":\"{}\",{said}}}]}}]}}]}}\n",
        EPOCH + times[0],
        EPOCH + times[1]
    )
}

fn failed(is_failed: bool) -> &'static str {
    if is_failed { "\"status\":{\"code\":2}" } else { "\"status\":{}" }
}

fn imported(folder: &Path, spans: &Spans, sampled: f64) -> Imported {
    let imported = of_spans(spans, &system(spans), sampled, "again").unwrap();
    keep(folder, &imported, "again");
    imported
}

fn run(folder: &Path, tasks: u64) -> RunRecord {
    let overrides = Overrides { tasks: Some(tasks), seed: Some(5), ..Overrides::default() };
    let file = folder.join("again.toml");
    let scenario = Scenario::load(file.to_str().unwrap(), &overrides).unwrap_or_else(|error| {
        panic!("{error}\n{}", std::fs::read_to_string(&file).unwrap());
    });
    let experiment = Experiment::new(scenario.treated(&Treatment::default()), LoadArm::Baseline);
    VirtualEngine::default().run(&experiment, &Progress::default()).unwrap().record
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a task")]
fn mean(values: &[u64]) -> f64 {
    values.iter().map(|&value| value as f64).sum::<f64>() / values.len() as f64
}

/// Mean of a file of samples, in milliseconds.
fn mean_of(imported: &Imported, part: &str) -> f64 {
    let (_, text) = imported.samples.iter().find(|(name, _)| name.contains(part)).unwrap_or_else(|| {
        panic!("no {part} in {:?}", imported.samples.iter().map(|(name, _)| name).collect::<Vec<_>>())
    });
    let values: Vec<f64> = text.lines().map(|line| line.parse().unwrap()).collect();
    #[expect(clippy::cast_precision_loss, reason = "counts of samples")]
    let count = values.len() as f64;
    values.iter().sum::<f64>() / count
}

/// web calls a for 10 ms and b for 20 ms, with 1 ms of its own before, between and after. From start to start it would be 1 + 11 + 21 ms.
#[test]
fn own_time_ends_where_a_call_begins_and_goes_on_where_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::new();
    for number in 0..50 {
        let at = number * 100 * MS;
        let ok = failed(false);
        text += &line("web", ok, number, 1, 0, 2, "GET", [at, at + 33 * MS]);
        text += &line("web", ok, number, 2, 1, 3, "a", [at + MS, at + 11 * MS]);
        text += &line("web", ok, number, 3, 1, 3, "b", [at + 12 * MS, at + 32 * MS]);
    }
    let spans = spans_of(folder.path(), &text).unwrap();
    imported(folder.path(), &spans, 1.0);
    let sojourn = &run(folder.path(), 200).actors["web"].sojourn_ns;
    assert!((sojourn.mean / 33e6 - 1.0).abs() < 0.001, "{}", sojourn.mean);
}

/// One trace in ten was kept: the load is ten times what the file shows, and what the sample cannot tell is said.
#[test]
fn sampled_traces_have_their_rates_scaled() {
    let folder = tempfile::tempdir().unwrap();
    let (mut text, mut at, mut stream) = (String::new(), 0, Stream::new(11, Chance::Data, 0, 0));
    for number in 0..2000 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "nanoseconds")]
        let gap = (-100e6 * stream.positive_unit().ln()) as u64;
        at += gap;
        text += &line("web", failed(false), number, 1, 0, 2, "GET", [at, at + 5 * MS]);
    }
    let spans = spans_of(folder.path(), &text).unwrap();
    let all = imported(folder.path(), &spans, 1.0);
    let rate = |imported: &Imported| {
        let text = imported.scenario.split_once("rate = \"").unwrap().1;
        text.split_once("/s").unwrap().0.parse::<f64>().unwrap()
    };
    let tenth = imported(folder.path(), &spans, 0.1);
    assert!((rate(&tenth) / rate(&all) - 10.0).abs() < 1e-3, "{} {}", rate(&tenth), rate(&all));
    assert!(
        tenth.notes.iter().any(|note| note.contains("numbers at once are those of the sample")),
        "{:?}",
        tenth.notes
    );
}

/// A call that fails and is made again is two calls, and the page says that why is not known.
#[test]
fn retries_are_counted_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::new();
    for number in 0..50 {
        let at = number * 100 * MS;
        text += &line("web", failed(false), number, 1, 0, 2, "GET", [at, at + 30 * MS]);
        text += &line("web", failed(true), number, 2, 1, 3, "a", [at, at + 10 * MS]);
        text += &line("web", failed(false), number, 3, 1, 3, "a", [at + 15 * MS, at + 30 * MS]);
    }
    let spans = spans_of(folder.path(), &text).unwrap();
    assert_eq!(system(&spans).retries, 50);
    let imported = imported(folder.path(), &spans, 1.0);
    assert!(
        imported.notes.iter().any(|note| note.contains("50 calls failed and were made again")),
        "{:?}",
        imported.notes
    );
    let sojourn = &run(folder.path(), 200).actors["web"].sojourn_ns;
    assert!((sojourn.mean / 30e6 - 1.0).abs() < 0.001, "{}", sojourn.mean);
}

/// An event loop with one worker, first come, first served: pages wait for 10 ms on average and work for 1 ms; one request in 25 blocks the
/// loop for 25 ms. A page's wait is seen to end when the loop looks. The recording, and the sojourns.
fn blocked_loop(requests: u64, rate: f64, seed: u64) -> (String, Vec<u64>) {
    let mut stream = Stream::new(seed, Chance::Data, 0, 0);
    let mut events: BinaryHeap<Reverse<(u64, u64, u64, u64)>> = BinaryHeap::new();
    let mut at = 0;
    for number in 0..requests {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "nanoseconds")]
        let gap = (-1e9 / rate * stream.positive_unit().ln()) as u64;
        at += gap;
        events.push(Reverse((at, number, 0, at)));
    }
    let mut first = vec![[0; 2]; usize::try_from(requests).unwrap()];
    let (mut text, mut lengths, mut free) = (String::new(), Vec::new(), 0);
    let said = |queued: u64, cpu: u64| {
        format!(
            "\"attributes\":[{{\"key\":\"conlab.queued_ns\",\"value\":{{\"intValue\":\"{queued}\"}}}},{{\"key\":\"conlab.cpu_ns\",\"value\":{{\"intValue\":\"{cpu}\"}}}}]"
        )
    };
    let blocks = "\"attributes\":[{\"key\":\"conlab.blocks\",\"value\":{\"boolValue\":true}}]";
    while let Some(Reverse((ready, number, began, arrived))) = events.pop() {
        let now = ready.max(free);
        let place = usize::try_from(number).unwrap();
        if began == 0 && number % 25 == 7 {
            free = now + 26 * MS;
            text += &line("loop", blocks, number, 2, 1, 3, "read", [now, now + 25 * MS]);
            text += &line("loop", &said(now - arrived, MS), number, 1, 0, 2, "export", [now, free]);
            lengths.push(free - arrived);
        } else if began == 0 {
            first[place] = [now, now + 20_000];
            free = now + 20_000;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "nanoseconds")]
            let wait = 5 * MS + (stream.positive_unit() * 10e6) as u64;
            events.push(Reverse((free + wait, number, 1, arrived)));
        } else {
            free = now + MS;
            let [start, asked] = first[place];
            text += &line("loop", failed(false), number, 2, 1, 3, "fetch", [asked, now]);
            text +=
                &line("loop", &said(start - arrived, MS + 20_000), number, 1, 0, 2, "page", [start, free]);
            lengths.push(free - arrived);
        }
    }
    let stated = r#"{"key":"conlab.workers","value":{"intValue":"1"}},{"key":"conlab.scheduling","value":{"stringValue":"async"}},{"key":"service.name""#;
    (text.replace(r#"{"key":"service.name""#, stated), lengths)
}

/// What a wait lasts after its end, until the blocked loop looks, is in its span, and comes once more out of the run if it is taken as it is.
#[test]
fn waits_that_end_while_their_loop_is_blocked_are_not_counted_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (text, lengths) = blocked_loop(6000, 200.0, 12);
    let spans = spans_of(folder.path(), &text).unwrap();
    let seen: Vec<u64> = spans
        .spans
        .iter()
        .filter(|span| spans.name(span.operation) == "fetch")
        .map(|span| span.length())
        .collect();
    // The wrong program: these lengths as they stand.
    assert!(mean(&seen) > 11.5e6, "nothing to correct: {}", mean(&seen));
    let imported = imported(folder.path(), &spans, 1.0);
    let fetch = mean_of(&imported, "page-0.csv");
    assert!((fetch / 10.0 - 1.0).abs() < 0.03, "{fetch} ms instead of 10");
    assert!(
        imported.notes.iter().any(|note| note.contains("ended while their event loop was busy")),
        "{:?}",
        imported.notes
    );
    let sojourn = &run(folder.path(), 6000).actors["loop"].sojourn_ns;
    let recorded = mean(&lengths);
    assert!((sojourn.mean / recorded - 1.0).abs() < 0.1, "{} instead of {recorded}", sojourn.mean);
}

/// Two threads of one program on one processor, woken by a timer: 2 ms of work in two pieces with another program's 0.5 ms between, then
/// 5 ms blocked; as `perf script --ns` prints it.
fn scheduler_events(cycles: u64) -> String {
    let mut text = String::from("# a comment\n");
    let mut event = |at: u64, who: &str, name: &str, said: &str| {
        let _ = writeln!(
            text,
            "{who} [000] {}.{:09}: sched:{name}: {said}",
            at / 1_000_000_000,
            at % 1_000_000_000
        );
    };
    let switch = |from: &str, state: &str, to: &str| {
        let of = |end: &str, thread: &str| {
            let (name, number) = thread.split_once(':').unwrap();
            format!("{end}_comm={name} {end}_pid={number} {end}_prio=120")
        };
        format!("{} prev_state={state} ==> {}", of("prev", from), of("next", to))
    };
    for cycle in 0..cycles {
        for (thread, offset) in [("web work-1:11", 0), ("web work-2:12", 3_700_000)] {
            let at = 5_000 * MS + cycle * 7_700_000 + offset;
            let (name, number) = thread.split_once(':').unwrap();
            event(
                at,
                "swapper 0",
                "sched_waking",
                &format!("comm={name} pid={number} prio=120 target_cpu=000"),
            );
            event(at + 100_000, "swapper 0", "sched_switch", &switch("swapper/0:0", "R", thread));
            event(at + MS, "web 11", "sched_switch", &switch(thread, "R+", "other:99"));
            event(at + MS + 500_000, "other 99", "sched_switch", &switch("other:99", "S", thread));
            event(at + 2_600_000, "web 11", "sched_switch", &switch(thread, "S", "swapper/0:0"));
        }
    }
    text
}

#[test]
fn scheduler_events_become_work_and_blocked_time() {
    let folder = tempfile::tempdir().unwrap();
    let spans = spans_of(folder.path(), &scheduler_events(300)).unwrap();
    let imported = imported(folder.path(), &spans, 1.0);
    assert!((mean_of(&imported, "-0-work.csv") - 2.0).abs() < 1e-6);
    assert!(imported.scenario.contains("io = \"5.1000ms\""), "{}", imported.scenario);
    assert!(imported.scenario.contains("cores = 1"), "{}", imported.scenario);
    assert!(imported.scenario.contains("load = { clients = 2 }"), "{}", imported.scenario);
    assert!(imported.notes.iter().any(|note| note.contains("is not identifiable")), "{:?}", imported.notes);
    // Work and blocked time alone are 7.1 ms; what the threads waited for the processor comes out of the run, without the other program.
    let sojourn = &run(folder.path(), 500).actors["web_work"].sojourn_ns;
    assert!((7.1e6..7.8e6).contains(&sojourn.mean), "{}", sojourn.mean);
}

#[test]
fn damaged_and_mixed_recordings_get_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let said = |text: &[u8]| {
        let file = folder.path().join("recording");
        std::fs::write(&file, text).unwrap();
        let error = read(&[file], None).unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        format!("{error}: {source}")
    };
    assert!(said(b"PERFILE2\x00\x01").contains("perf script --ns"));
    assert!(said(scheduler_events(3).as_bytes()).contains("record for longer"));
    // gzip whose end is missing, and gzip of nothing that is one.
    assert!(said(&[0x1f, 0x8b, 8, 0, 0, 0]).contains("read"));
    assert!(said(b"\x1f\x8bnonsense").contains("read"));
    let [trace, log, sched] = ["a.json", "b.log", "c.txt"].map(|name| folder.path().join(name));
    std::fs::write(&trace, line("web", failed(false), 1, 1, 0, 2, "GET", [0, MS]).repeat(2)).unwrap();
    std::fs::write(
        &log,
        "1.2.3.4 - - [10/Oct/2000:13:55:36 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"-\" 0.010\n",
    )
    .unwrap();
    std::fs::write(&sched, scheduler_events(50)).unwrap();
    for (pair, part) in [([&trace, &log], "one kind at a time"), ([&trace, &sched], "one kind at a time")] {
        let error = read(&pair.map(Clone::clone), None).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}
