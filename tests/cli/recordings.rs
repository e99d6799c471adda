//! Recordings of other programs: kept as records, and opened by everything that opens a run's.
#![cfg(target_os = "linux")]

use super::{Said, left_in, program};
use conlab::measure::observed::BlockedBy;
use conlab::measure::{RunRecord, stored};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn said(folder: &Path, words: &[&str]) -> Said {
    program(folder).args(words).output().unwrap().into()
}

/// A page without its line breaks.
fn in_one_line(page: &str) -> String {
    page.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Records a shell that works, starts another process that sleeps, and waits for it; the record and where it is.
fn recorded(folder: &Path, sleep: &str) -> (RunRecord, PathBuf) {
    let known = if folder.join("results").exists() { left_in(&folder.join("results")) } else { Vec::new() };
    let script = format!("i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; sleep {sleep}");
    let done = said(folder, &["record", "--every", "1ms", "--", "sh", "-c", &script]);
    assert_eq!(done.code, 0, "{done:?}");
    for text in
        ["Of the threads' time", "on a processor", "sleep", "shows threads, not tasks", "saved in results"]
    {
        assert!(in_one_line(&done.stdout).contains(text), "no {text} in\n{}", done.stdout);
    }
    let name = left_in(&folder.join("results")).into_iter().find(|name| !known.contains(name)).unwrap();
    let path = folder.join("results").join(name);
    (stored::load(&path).unwrap(), path)
}

#[test]
fn a_process_tree_is_recorded_as_a_record_whose_times_add_up() {
    let folder = TempDir::new().unwrap();
    let (record, path) = recorded(folder.path(), "0.4");
    assert_eq!((record.engine.as_str(), record.scenario.name.as_str()), ("observed", "sh"));
    assert!(record.trustworthy && !record.partial, "{:?}", record.identities);
    assert!(record.identities.len() >= 3, "{:?}", record.identities);
    assert!(record.actors.is_empty() && record.locks.is_empty() && record.series.is_empty());
    let observed = record.observed.unwrap();
    assert_eq!((observed.source.as_str(), observed.processes), ("proc", 2), "the shell and the sleep");
    let total = observed.total();
    assert_eq!(total.wall_ns, total.on_cpu_ns + total.run_queue_ns + total.blocked());
    assert_eq!(record.scheduler.on_cpu_ns, total.on_cpu_ns);
    assert!(total.on_cpu_ns > 0, "the loop ran");
    // What blocks is seen where the system lets its calls be seen; in all others it is a warning.
    if observed.sees_calls {
        let slept = observed.groups["sleep"].blocked_ns[&BlockedBy::Sleep];
        assert!(slept >= 200_000_000, "{slept} ns of a sleep of 400 ms");
        assert!(observed.groups["sh"].blocked_ns.contains_key(&BlockedBy::Child));
    } else {
        assert!(record.warnings.iter().any(|warning| warning.code == "calls-unseen"));
    }
    let in_slices: u64 = observed.series.iter().map(|slice| slice.on_cpu_ns).sum();
    assert!(in_slices <= total.on_cpu_ns + 1, "{in_slices} of {}", total.on_cpu_ns);
    assert_eq!(left_in(&path), ["report.html", "run.json"]);
}

#[test]
fn whatever_opens_a_record_opens_a_recording() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    let (_, first) = recorded(here, "0.2");
    let (_, second) = recorded(here, "0.3");
    // By path: two of one second differ only at the end of their names.
    let word = |path: &PathBuf| path.to_str().unwrap().to_owned();
    let (first, second) = (word(&first), word(&second));
    for words in [&["show", "latest"][..], &["report", "latest"], &["report", "latest", "--details"]] {
        let shown = said(here, words);
        assert_eq!(shown.code, 0, "{shown:?}");
        assert!(shown.stdout.contains("Of the threads' time"), "{}", shown.stdout);
        assert!(!shown.stdout.contains("p99"), "a recording has no percentiles:\n{}", shown.stdout);
    }
    let report = ["report", &second, "--html", "page.html", "--markdown", "page.md", "--csv", "groups.csv"];
    let rendered = said(here, &report);
    assert_eq!(rendered.code, 0, "{rendered:?}");
    for file in ["page.html", "page.md"] {
        let text = fs::read_to_string(here.join(file)).unwrap();
        assert!(text.contains("shows threads, not tasks"), "{file}");
    }
    let csv = fs::read_to_string(here.join("groups.csv")).unwrap();
    assert!(csv.starts_with("record,program,engine") && csv.contains(",sleep,1,"), "{csv}");
    let forms =
        ["report", &second, "--trace", "trace.json", "--folded", "stacks.txt", "--junit", "checks.xml"];
    assert_eq!(said(here, &forms).code, 0);
    let trace: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(here.join("trace.json")).unwrap()).unwrap();
    assert!(trace["traceEvents"].as_array().unwrap().iter().any(|event| event["ph"] == "C"), "{trace}");
    assert!(fs::read_to_string(here.join("stacks.txt")).unwrap().contains("sh;execution "));
    assert!(fs::read_to_string(here.join("checks.xml")).unwrap().contains("processor-time"));
    let both = said(here, &["report", &first, &second]);
    assert!(both.code == 0 && both.stdout.contains("Recordings"), "{both:?}");
    let diff = said(here, &["diff", &first, &second]);
    assert_eq!(diff.code, 0, "{diff:?}");
    assert!(
        diff.stdout.contains("Threads in each state") && diff.stdout.contains("all threads"),
        "{}",
        diff.stdout
    );
    let listed = said(here, &["results", "--kind", "record"]);
    assert!(
        listed.stdout.contains("2 of 2 results") && listed.stdout.contains("observed"),
        "{}",
        listed.stdout
    );
    let table = said(here, &["results", "--table", "all.parquet"]);
    assert_eq!(table.code, 0, "{table:?}");
    let audited = said(here, &["audit", &format!("{first}/run.json")]);
    assert_eq!(audited.code, 0, "{audited:?}");
    assert!(in_one_line(&audited.stdout).contains("recording of"), "{}", audited.stdout);
}

#[test]
fn an_audit_finds_a_recording_whose_states_make_no_whole() {
    let folder = TempDir::new().unwrap();
    let (mut record, path) = recorded(folder.path(), "0.2");
    for group in record.observed.as_mut().unwrap().groups.values_mut() {
        group.run_queue_ns += group.wall_ns / 5;
    }
    fs::write(path.join("run.json"), serde_json::to_string(&record).unwrap()).unwrap();
    let audited = said(folder.path(), &["audit", path.join("run.json").to_str().unwrap()]);
    assert_ne!(audited.code, 0, "{audited:?}");
    assert!(audited.stdout.contains("120"), "{}", audited.stdout);
}

#[test]
fn a_recording_becomes_the_start_of_a_scenario_that_runs() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    recorded(here, "0.2");
    let made = said(here, &["import", "latest", "--out", "twin.toml"]);
    assert!([0, 3].contains(&made.code), "{made:?}");
    for text in ["Mean numbers of threads", "not identifiable"] {
        assert!(in_one_line(&made.stdout).contains(text), "no {text} in\n{}", made.stdout);
    }
    let twin = fs::read_to_string(here.join("twin.toml")).unwrap();
    assert!(twin.contains("[actor.sh]") && twin.contains("# measured"), "{twin}");
    let run = said(here, &["run", "twin.toml", "--engine", "virtual", "--tasks", "100", "--no-save"]);
    assert_eq!(run.code, 0, "{run:?}");
}

/// What needs tasks says that there are none, instead of zeros.
#[test]
fn what_a_recording_cannot_give_is_refused_with_a_reason() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    let (_, path) = recorded(here, "0.1");
    let place = path.join("run.json");
    let place = place.to_str().unwrap();
    for words in [
        &["report", "latest", "--requests", "-"][..],
        &["report", "latest", "--hgrm", "-"],
        &["replay", "agents", "--to", place],
        &["fit", "agents", "--to", place, "--free", "actor.agents.steps.plan.compute=100us..5ms"],
    ] {
        let refused = said(here, words);
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.stderr.contains("recording of"), "{}", refused.stderr);
    }
    let compared = said(here, &["diff", "latest", "latest", "--gate", "p99<1s"]);
    assert_eq!(compared.code, 3, "a gate on a figure that is not there does not hold: {compared:?}");
}
