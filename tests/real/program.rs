//! `conlab run` as a process: interrupted, watched from outside, and kept small.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

fn conlab(scenario: &str, folder: &Path, words: &[&str]) -> Command {
    let file = folder.join("scenario.toml");
    fs::write(&file, scenario).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_conlab"));
    command.arg("run").arg(file).args(["--quiet", "--out"]).arg(folder.join("out")).args(words);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

const BUSY: &str = r#"
schema = 1
name = "busy"
[run]
duration = "2s"
warmup = "0ms"
[actor.agents]
focus = true
threads = 6
load = { clients = 12 }
steps = [ { name = "work", compute = "1ms" } ]
"#;

fn records(folder: &Path) -> Vec<serde_json::Value> {
    let Ok(entries) = fs::read_dir(folder.join("out")) else { return Vec::new() };
    entries
        .map(|entry| {
            serde_json::from_str(&fs::read_to_string(entry.unwrap().path().join("run.json")).unwrap())
                .unwrap()
        })
        .collect()
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_keeps_what_was_measured_as_a_partial_record() {
    let folder = tempfile::tempdir().unwrap();
    let child = conlab(BUSY, folder.path(), &["--duration", "60s"]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    let kept = records(folder.path());
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0]["partial"], true);
    assert!(kept[0]["actors"]["agents"]["completed"].as_u64().unwrap() > 0);
    assert!(kept[0]["window"]["length_ns"].as_u64().unwrap() < 30_000_000_000);
}

/// The last figures of each worker thread, read from outside while it lives: on-CPU and run-queue wait in ns.
#[cfg(target_os = "linux")]
fn watch(child: &mut Child) -> BTreeMap<String, (u64, u64)> {
    let mut seen = BTreeMap::new();
    while child.try_wait().unwrap().is_none() {
        for task in fs::read_dir(format!("/proc/{}/task", child.id())).into_iter().flatten().flatten() {
            let read = |name: &str| fs::read_to_string(task.path().join(name)).unwrap_or_default();
            let figures = read("schedstat");
            let mut fields = figures.split_whitespace().map(|field| field.parse().unwrap_or(0));
            if read("comm").starts_with("agents-") && !read("comm").contains("load") {
                let pair = (fields.next().unwrap_or(0), fields.next().unwrap_or(0));
                seen.insert(task.file_name().to_string_lossy().into_owned(), pair);
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    seen
}

#[cfg(target_os = "linux")]
#[test]
fn scheduler_figures_agree_with_a_witness_outside() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = conlab(BUSY, folder.path(), &[]).spawn().unwrap();
    let seen = watch(&mut child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(seen.len(), 6);
    let record = &records(folder.path())[0];
    let witness = |pick: fn(&(u64, u64)) -> u64| seen.values().map(pick).sum::<u64>();
    for (name, outside) in [("on_cpu_ns", witness(|pair| pair.0)), ("run_queue_ns", witness(|pair| pair.1))] {
        let own = record["scheduler"][name].as_u64().unwrap();
        let error = own.abs_diff(outside) as f64 / outside as f64;
        println!("{name}: own {own}, outside {outside}, {:.2} % apart", error * 100.0);
        assert!(error < 0.05, "{name}: {own} against {outside}");
    }
}

/// Peak memory of a run of so many empty tasks, in KiB.
#[cfg(target_os = "linux")]
fn peak(tasks: &str) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let empty = BUSY.replace(r#"{ name = "work", compute = "1ms" }"#, "");
    let mut child = conlab(&empty, folder.path(), &["--tasks", tasks, "--duration", "60s"]).spawn().unwrap();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0);
        peak = peak.max(now);
        std::thread::sleep(Duration::from_millis(2));
    }
    peak
}

#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_number_of_tasks() {
    let (few, many) = (peak("200000"), peak("4000000"));
    println!("200 000 tasks: {few} KiB; 4 000 000 tasks: {many} KiB");
    // Histograms grow with the range of values, by at most some hundred KiB for each worker.
    assert!(many < few + 12 * 1024, "{few} KiB for few, {many} KiB for many");
}

#[test]
fn a_real_record_is_true_of_the_published_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/run.schema.json");
    let schema: serde_json::Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace.json");
    let words = ["--duration", "300ms", "--profiler", "sampling", "--trace", trace.to_str().unwrap()];
    let output = conlab(BUSY, folder.path(), &words).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let kept = records(folder.path());
    assert!(schema.is_valid(&kept[0]), "{:?}", schema.iter_errors(&kept[0]).next());
    // The same record with a figure as text is not.
    let mut broken = kept[0].clone();
    broken["timeline"]["spans"][0]["start_ns"] = "0".into();
    assert!(!schema.is_valid(&broken));
    // The largest part of it, its spans, has a line each.
    let text = fs::read_to_string(
        fs::read_dir(folder.path().join("out")).unwrap().next().unwrap().unwrap().path().join("run.json"),
    );
    let spans = kept[0]["timeline"]["spans"].as_array().unwrap().len();
    let lines = text.unwrap().lines().count();
    assert!(spans > 100 && lines < spans + 3000, "{lines} lines for {spans} spans");
}
