//! From recordings to scenarios: what was planted comes back, and what a recording cannot tell is said.

use conlab::engine::{Engine, Experiment, Progress, VirtualEngine};
use conlab::import::{Imported, Source, of_log, of_spans, read, system};
use conlab::random::{Source as Chance, Stream};
use conlab::scenario::{Load, LoadArm, Overrides, Scenario, Treatment};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Nanoseconds since the epoch at which recordings begin.
const EPOCH: u64 = 1_790_000_000_000_000_000;

fn exponential(stream: &mut Stream, mean: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "nanoseconds")]
    let nanos = (-mean * stream.positive_unit().ln()) as u64;
    nanos
}

/// One task of the planted system: web works, calls db, and works again.
struct Planted {
    start: u64,
    before: u64,
    transport: u64,
    db: u64,
    after: u64,
}

impl Planted {
    const fn length(&self) -> u64 {
        self.before + 2 * self.transport + self.db + self.after
    }
}

fn planted(count: u64, seed: u64) -> Vec<Planted> {
    let mut stream = Stream::new(seed, Chance::Data, 0, 0);
    let mut start = EPOCH;
    (0..count)
        .map(|_| {
            start += exponential(&mut stream, 10e6);
            Planted {
                start,
                before: exponential(&mut stream, 2e6),
                transport: 100_000,
                db: 1_000_000 + exponential(&mut stream, 3e6),
                after: exponential(&mut stream, 1e6),
            }
        })
        .collect()
}

/// The planted tasks as a collector writes them: one export request a line, the callee's clock `skew` ahead.
fn otlp(tasks: &[Planted], skew: u64) -> String {
    let mut text = String::new();
    let mut spans = |service: &str, spans: &str| {
        let _ = writeln!(
            text,
            "{{\"resourceSpans\":[{{\"resource\":{{\"attributes\":[{{\"key\":\"service.name\",\"value\":{{\"stringValue\":\"{service}\"}}}}]}},\"scopeSpans\":[{{\"spans\":[{spans}]}}]}}]}}"
        );
    };
    for (number, task) in tasks.iter().enumerate() {
        let span = |id: &str, parent: &str, name: &str, kind: u8, start: u64, length: u64| {
            format!(
                "{{\"traceId\":\"{number:032x}\",\"spanId\":\"{id}\",\"parentSpanId\":\"{parent}\",\"name\":\"{name}\",\"kind\":{kind},\"startTimeUnixNano\":\"{start}\",\"endTimeUnixNano\":\"{}\",\"status\":{{}}}}",
                start + length
            )
        };
        let call = task.start + task.before;
        let web = span("a", "", "GET /", 2, task.start, task.length());
        let client = span("b", "a", "query", 3, call, 2 * task.transport + task.db);
        spans("web", &format!("{web},{client}"));
        spans("db", &span("c", "b", "SELECT", 2, call + task.transport + skew, task.db));
    }
    text
}

fn imported(folder: &Path, text: &str, stem: &str) -> Imported {
    let file = folder.join("trace.json");
    std::fs::write(&file, text).unwrap();
    let Ok(Source::Spans(spans)) = read(&[file], None) else { panic!("no spans") };
    let imported = of_spans(&spans, &system(&spans), 1.0, stem).unwrap();
    keep(folder, &imported, stem);
    imported
}

pub(super) fn keep(folder: &Path, imported: &Imported, stem: &str) {
    for (name, content) in &imported.samples {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    std::fs::write(folder.join(format!("{stem}.toml")), &imported.scenario).unwrap();
}

fn scenario(folder: &Path, stem: &str, tasks: u64) -> Scenario {
    let path: PathBuf = folder.join(format!("{stem}.toml"));
    let overrides = Overrides { tasks: Some(tasks), seed: Some(5), ..Overrides::default() };
    Scenario::load(path.to_str().unwrap(), &overrides).unwrap_or_else(|error| panic!("{error}"))
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a task")]
fn check(name: &str, lengths: &mut [u64], scenario: &Scenario) {
    lengths.sort_unstable();
    let mean = lengths.iter().map(|&length| length as f64).sum::<f64>() / lengths.len() as f64;
    let p99 = lengths[lengths.len() * 99 / 100] as f64;
    let experiment = Experiment::new(scenario.treated(&Treatment::default()), LoadArm::Baseline);
    let record = VirtualEngine::ideal().run(&experiment, &Progress::default()).unwrap().record;
    let sojourn = &record.actors[&record.treatment.focus].sojourn_ns;
    assert!((sojourn.mean / mean - 1.0).abs() < 0.02, "{name}: mean {} of {mean}", sojourn.mean);
    assert!((sojourn.p99 as f64 / p99 - 1.0).abs() < 0.05, "{name}: p99 {} of {p99}", sojourn.p99);
}

#[test]
fn a_recorded_system_comes_back_with_its_mean_and_p99() {
    let folder = tempfile::tempdir().unwrap();
    let tasks = planted(6000, 1);
    let imported = imported(folder.path(), &otlp(&tasks, 0), "shop");
    assert!(imported.notes.is_empty(), "{:?}", imported.notes);
    let shop = scenario(folder.path(), "shop", 6000);
    assert_eq!(shop.actors[shop.focus].name, "web");
    let Load::Open { rate, .. } = shop.actors[shop.focus].load else { panic!("not open") };
    assert!((rate - 100.0).abs() < 4.0, "{rate}");
    let mut lengths: Vec<u64> = tasks.iter().map(Planted::length).collect();
    check("traces", &mut lengths, &shop);
}

/// The callee's clock is 3 s ahead: the scenario is the same, and the skew is named.
#[test]
fn a_skewed_clock_is_named_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let tasks = planted(300, 2);
    let plain = imported(folder.path(), &otlp(&tasks, 0), "shop");
    let skewed = imported(folder.path(), &otlp(&tasks, 3_000_000_000), "shop");
    assert_eq!(plain.samples, skewed.samples);
    assert!(
        skewed.notes.iter().any(|note| note.contains("clocks of web and db disagree by 3000.0 ms")),
        "{:?}",
        skewed.notes
    );
}

/// Eight clients that think for 5 ms, by an access log: replayed as open load its tail would grow without its clients waiting.
#[test]
fn a_closed_loop_is_imported_as_one() {
    let mut stream = Stream::new(3, Chance::Data, 0, 0);
    let mut next: Vec<u64> = (0..8).map(|_| EPOCH + exponential(&mut stream, 5e6)).collect();
    let mut csv = "begin,took\n".to_owned();
    let mut lengths = Vec::new();
    for _ in 0..4000 {
        let (client, &start) = next.iter().enumerate().min_by_key(|(_, at)| **at).unwrap();
        let length = 2_000_000 + exponential(&mut stream, 4e6);
        let _ = writeln!(csv, "{},{length}", start - EPOCH);
        lengths.push(length);
        next[client] = start + length + exponential(&mut stream, 5e6);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("requests.csv");
    std::fs::write(&file, csv).unwrap();
    let columns = "start=begin,duration=took,unit=ns".parse().unwrap();
    let Ok(Source::Log(log)) = read(&[file], Some(&columns)) else { panic!("no log") };
    let imported = of_log(&log, "api").unwrap();
    keep(folder.path(), &imported, "api");
    let api = scenario(folder.path(), "api", 4000);
    let Load::Closed { clients, .. } = api.actors[0].load else { panic!("not closed") };
    assert!(clients.abs_diff(8) <= 1, "{clients}");
    check("log", &mut lengths, &api);
}

/// Bursts of ten requests: neither paced nor Poisson, so the scenario replays the recorded instants.
#[test]
fn bursts_are_replayed_as_recorded() {
    let mut stream = Stream::new(6, Chance::Data, 0, 0);
    let (mut csv, mut at, mut lengths) = ("begin,took\n".to_owned(), 0, Vec::new());
    for number in 0..2000 {
        at += if number % 10 == 0 { exponential(&mut stream, 100e6) } else { 20_000 };
        let length = 1_000_000 + exponential(&mut stream, 1e6);
        let _ = writeln!(csv, "{at},{length}");
        lengths.push(length);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("requests.csv");
    std::fs::write(&file, csv).unwrap();
    let Ok(Source::Log(log)) = read(&[file], Some(&"start=begin,duration=took,unit=ns".parse().unwrap()))
    else {
        panic!("no log")
    };
    let imported = of_log(&log, "bursts").unwrap();
    assert!(imported.scenario.contains("service-arrivals.csv"), "{}", imported.scenario);
    keep(folder.path(), &imported, "bursts");
    check("bursts", &mut lengths, &scenario(folder.path(), "bursts", 2000));
}

#[test]
fn gzip_is_unpacked_and_a_cut_recording_keeps_its_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let text = otlp(&planted(50, 4), 0);
    let file = folder.path().join("trace.json.gz");
    let mut packed =
        flate2::write::GzEncoder::new(std::fs::File::create(&file).unwrap(), flate2::Compression::fast());
    packed.write_all(&text.as_bytes()[..text.len() - 40]).unwrap();
    packed.finish().unwrap();
    let Ok(Source::Spans(spans)) = read(&[file], None) else { panic!("no spans") };
    assert_eq!((spans.spans.len(), spans.unfinished), (149, 1));
}

/// Names from a trace reach no file raw: quotes, newlines, escape sequences, paths.
#[test]
fn hostile_names_stay_names() {
    let folder = tempfile::tempdir().unwrap();
    let text = otlp(&planted(20, 5), 0)
        .replace("\"web\"", "\"web\\u001b[31m\\\"\\n[lock.evil]\"")
        .replace("SELECT", "../../etc/passwd");
    let imported = imported(folder.path(), &text, "../shop\u{1b}");
    assert!(
        !imported.scenario.contains('\u{1b}') && !imported.scenario.contains("\n[lock"),
        "{}",
        imported.scenario
    );
    assert!(imported.samples.iter().all(|(name, _)| !name.contains("..")), "{:?}", imported.samples.len());
    Scenario::parse(&imported.scenario.replace("{ samples", "{ samplez"), "x").unwrap_err();
}

#[test]
fn what_is_no_recording_gets_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    for (text, part) in [
        ("", "no request was read"),
        ("hello\nworld\n", "expected OTLP, Jaeger or Chrome JSON"),
        ("{\"resourceSpans\":[]}", "no finished span"),
        ("{\"resourceSpans\":7}", "not OTLP JSON"),
        ("{\"data\":7}", "not Jaeger JSON"),
    ] {
        let file = folder.path().join("file");
        std::fs::write(&file, text).unwrap();
        let said = read(&[file], None).unwrap_err().to_string();
        assert!(said.contains(part), "{text}: {said}");
    }
}
