//! What is made of stored results: lists, differences, histories, sweeps.

use super::{Said, left_in, program};
use conlab::columns::Item;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;

fn said(folder: &Path, words: &[&str]) -> Said {
    program(folder).args(words).output().unwrap().into()
}

/// Runs the default scenario in virtual time.
fn run(folder: &Path, more: &[&str]) {
    let mut words = vec!["run", "agents", "--engine", "virtual", "--tasks", "200", "--warmup", "0s"];
    words.extend(more);
    let said = said(folder, &words);
    assert_eq!(said.code, 0, "{said:?}");
}

#[test]
fn records_are_listed_opened_by_name_compared_and_pruned() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    assert!(said(here, &["results"]).stdout.contains("nothing is stored"));
    run(here, &[]);
    let first = left_in(&here.join("results")).remove(0);
    run(here, &["--queue", "lockfree", "--set", "lock.interpreter.interval=20ms"]);
    let second = left_in(&here.join("results")).into_iter().find(|name| *name != first).unwrap();
    let listed = said(here, &["results", "--json"]);
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert!(said(here, &["report", &first[..first.len() - 3]]).stdout.contains("agents"));
    assert_eq!(said(here, &["report", "nothing-like-it"]).code, 2);
    let diff = said(here, &["diff", &first, &second]);
    assert_eq!(diff.code, 0, "{diff:?}");
    for word in ["queue", "lockfree", "p99", "scenario's text"] {
        assert!(diff.stdout.contains(word), "{word}: {}", diff.stdout);
    }
    assert_eq!(said(here, &["diff", &first, &second, "--gate", "mean<1ns"]).code, 3);
    assert_eq!(said(here, &["diff", &first, &first, "--gate", "mean<1h"]).code, 0);
    let pruned = said(here, &["results", "--prune", "--keep", "1"]);
    assert!(pruned.stdout.contains("1 of 2 results would be removed"), "{}", pruned.stdout);
    assert_eq!(left_in(&here.join("results")).len(), 2);
    assert_eq!(said(here, &["results", "--prune", "--keep", "1", "--yes"]).code, 0);
    assert_eq!(left_in(&here.join("results")).len(), 1);
    assert_eq!(left_in(&here.join("results"))[0], listed[1]["name"]);
}

#[test]
fn a_history_names_where_a_figure_got_worse_and_gates_it() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    // One record, then copies of it whose mean is scaled: as if its host had become slower.
    run(here, &[]);
    let first = left_in(&here.join("results")).remove(0);
    let text = fs::read_to_string(here.join("results").join(&first).join("run.json")).unwrap();
    let record: Value = serde_json::from_str(&text).unwrap();
    let mean = record["actors"]["agents"]["sojourn_ns"]["mean"].as_f64().unwrap();
    for day in 1..=12_u32 {
        let mut copy = record.clone();
        let slower = if day > 6 { 1.2 } else { 1.0 };
        copy["manifest"]["started"] = format!("2026-01-{day:02}T00:00:00Z").into();
        copy["actors"]["agents"]["sojourn_ns"]["mean"] =
            (mean * slower * (1.0 + 0.01 * f64::from(day % 3))).into();
        let place = here.join("results").join(format!("202601{day:02}T000000Z-copy"));
        fs::create_dir(&place).unwrap();
        fs::write(place.join("run.json"), copy.to_string()).unwrap();
    }
    fs::remove_dir_all(here.join("results").join(first)).unwrap();
    let history = said(here, &["history", "--metric", "mean"]);
    assert_eq!(history.code, 0, "{history:?}");
    let marked: Vec<&str> = history.stdout.lines().filter(|line| line.contains("worse from here")).collect();
    assert_eq!(marked.len(), 1, "{}", history.stdout);
    assert!(marked[0].contains("2026-01-07"), "{}", marked[0]);
    assert_eq!(said(here, &["history", "--metric", "mean", "--gate"]).code, 3);
    assert_eq!(said(here, &["history", "--metric", "p50", "--gate"]).code, 0);
}

const STUDY: &str = "schema = 1\nname = \"small\"\nscenario = \"agents\"\nseeds = { first = 3, count = 3 }\n[fixed]\n\
    \"run.tasks\" = 30\n\"run.warmup\" = \"0s\"\n[factor]\nthreads = [1, 2]\nqueue = [\"mutex\", \"lockfree\"]\n";

/// A planned sweep in `folder`/`name`.
fn planned(folder: &Path, name: &str) {
    fs::write(folder.join("study.toml"), STUDY).unwrap();
    let planned = said(folder, &["sweep", "plan", "study.toml", "--out", name]);
    assert_eq!(planned.code, 0, "{planned:?}");
    assert!(
        planned.stdout.contains("small: 12 cells (4 combinations, 1 engines, 3 seeds)"),
        "{}",
        planned.stdout
    );
}

fn tables(folder: &Path) -> (Vec<u8>, Vec<u8>) {
    (fs::read(folder.join("cells.csv")).unwrap(), fs::read(folder.join("groups.csv")).unwrap())
}

#[test]
fn a_sweep_in_shards_killed_and_taken_up_again_has_the_bytes_of_one_process() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    planned(here, "whole");
    assert_eq!(said(here, &["sweep", "run", "whole", "--jobs", "1"]).code, 0);
    assert_eq!(said(here, &["sweep", "status", "whole"]).code, 0);
    assert_eq!(said(here, &["sweep", "merge", "whole"]).code, 0);
    planned(here, "parts");
    // Planning again is no harm.
    planned(here, "parts");
    let refused = said(here, &["sweep", "merge", "parts"]);
    assert!(refused.code == 2 && refused.stderr.contains("12 of 12 cells are missing"), "{refused:?}");
    for _ in 0..4 {
        let mut child = program(here)
            .args(["sweep", "run", "parts", "--shard", "0/1"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(40));
        child.kill().ok();
        child.wait().unwrap();
    }
    // Half a line, as a kill leaves it; on a busy machine nobody came as far as to make the folder.
    fs::create_dir_all(here.join("parts/cells")).unwrap();
    fs::write(here.join("parts/cells/shard-9-of-9-1.jsonl"), "0123 {\"key\":\"").unwrap();
    // How far the killed ones came depends on the machine; that half a line is no cell does not.
    let status = said(here, &["sweep", "status", "parts"]).code;
    assert!(matches!(status, 0 | 3), "{status}");
    let shards: Vec<_> = (0..3)
        .map(|shard| {
            let mut command = program(here);
            command.args(["sweep", "run", "parts"]).env("JOB_COMPLETION_INDEX", shard.to_string());
            command.env("CONLAB_SHARDS", "3").stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for shard in shards {
        assert!(shard.wait_with_output().unwrap().status.success());
    }
    let again = said(here, &["sweep", "run", "parts"]);
    assert!(again.stdout.contains("12 cells, 12 there already, 0 computed"), "{}", again.stdout);
    assert_eq!(said(here, &["sweep", "merge", "parts"]).code, 0);
    assert_eq!(tables(&here.join("parts")), tables(&here.join("whole")));
    let cells = String::from_utf8(tables(&here.join("whole")).0).unwrap();
    assert_eq!(cells.lines().count(), 13);
    assert!(
        cells.lines().next().unwrap().contains("queue,threads,seed,tasks,trustworthy,mean_ns"),
        "{cells}"
    );
    assert_eq!(String::from_utf8(tables(&here.join("whole")).1).unwrap().lines().count(), 5);
}

#[test]
fn sweeps_and_records_are_written_as_tables() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    planned(here, "sweep");
    let unknown = said(here, &["sweep", "merge", "--out", "cells.txt"]);
    assert!(
        unknown.code == 2 && unknown.stderr.contains("expected a name in .parquet or .arrow"),
        "{unknown:?}"
    );
    assert_eq!(said(here, &["sweep", "run"]).code, 0);
    for name in ["cells.parquet", "cells.arrow"] {
        let merged = said(here, &["sweep", "merge", "--out", name]);
        assert_eq!(merged.code, 0, "{merged:?}");
        assert!(merged.stderr.contains(&format!("wrote {name}: ")), "{merged:?}");
    }
    let (schema, table) =
        conlab::columns::read_parquet(fs::read(here.join("cells.parquet")).unwrap()).unwrap();
    let note =
        |key: &str| schema.notes.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str());
    let units: Value = serde_json::from_str(note("conlab.units").unwrap()).unwrap();
    assert_eq!((&units["p99"], &units["throughput"]), (&"ns".into(), &"1/s".into()));
    // The figures are those of cells.csv, to the last digit.
    let (cells, _) = tables(&here.join("sweep"));
    let mut csv = csv::Reader::from_reader(&cells[..]);
    let head = csv.headers().unwrap().clone();
    let mut row = 0;
    for line in csv.records() {
        let line = line.unwrap();
        let of = |name: &str| line.get(head.iter().position(|known| known == name).unwrap()).unwrap();
        let figures = head
            .iter()
            .filter(|name| name.ends_with("_ns") || name.ends_with("_per_s") || name.ends_with("_share"));
        for name in std::iter::once("tasks").chain(figures).filter(|name| !of(name).is_empty()) {
            let figure = ["_ns", "_per_s", "_share"]
                .iter()
                .fold(name, |name, end| name.strip_suffix(end).unwrap_or(name));
            let get = |column: &str| table.get(&schema, column, row);
            assert_eq!(get("figure"), Item::Text(figure));
            assert_eq!(get("value"), Item::Real(of(name).parse().unwrap()));
            assert_eq!(get("key"), Item::Text(of("key")));
            assert_eq!(get("threads"), Item::Whole(of("threads").parse().unwrap()));
            assert_eq!(get("queue"), Item::Text(of("queue")));
            assert_eq!(get("seed"), Item::Whole(of("seed").parse().unwrap()));
            row += 1;
        }
    }
    assert_eq!(row, table.rows);
    run(here, &[]);
    run(here, &["--seed", "9007199254740993"]);
    assert_eq!(said(here, &["results", "--table", "records.parquet"]).code, 0);
    let back = conlab::history::read_records(fs::read(here.join("records.parquet")).unwrap()).unwrap();
    assert_eq!(back.len(), 2);
    for (name, record) in back {
        let stored = fs::read_to_string(here.join("results").join(name).join("run.json")).unwrap();
        assert_eq!(conlab::measure::json::to_string(&record).unwrap().trim_end(), stored.trim_end());
    }
}

#[test]
fn cells_of_another_plan_are_refused_by_name() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    planned(here, "sweep");
    assert_eq!(said(here, &["sweep", "run"]).code, 0);
    let other = STUDY.replace("\"run.tasks\" = 30", "\"run.tasks\" = 31");
    fs::write(here.join("other.toml"), other).unwrap();
    let refused = said(here, &["sweep", "plan", "other.toml"]);
    assert!(refused.code == 2 && refused.stderr.contains("holds another plan"), "{refused:?}");
    assert_eq!(said(here, &["sweep", "plan", "other.toml", "--out", "other"]).code, 0);
    fs::create_dir(here.join("other/cells")).unwrap();
    fs::copy(here.join("sweep/cells/shard-0-of-1-1.jsonl"), here.join("other/cells/stray.jsonl")).unwrap();
    let refused = said(here, &["sweep", "merge", "other"]);
    assert!(refused.code == 2 && refused.stderr.contains("cells are of another plan"), "{refused:?}");
    assert!(refused.stderr.contains("stray.jsonl was computed by conlab "), "{refused:?}");
    // A plan of another version is not computed.
    let path = here.join("sweep/plan.json");
    let plan = fs::read_to_string(&path).unwrap();
    let version = plan.split("\"version\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    fs::write(&path, plan.replace(&format!("\"version\":\"{version}\""), "\"version\":\"0.0.1\"")).unwrap();
    let refused = said(here, &["sweep", "run"]);
    assert!(refused.code == 2 && refused.stderr.contains("made by conlab 0.0.1"), "{refused:?}");
}

#[test]
fn jobs_are_shown_before_they_are_submitted() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    planned(here, "sweep");
    let shown = |words: &[&str]| {
        let all: Vec<&str> = ["sweep", "submit", "--dry-run"].iter().chain(words).copied().collect();
        said(here, &all)
    };
    let slurm = shown(&["--engine", "slurm", "--shards", "4", "--width", "2"]);
    for part in [
        "--array=0-3%2",
        "--dependency=afterok",
        "--shard \"$SLURM_ARRAY_TASK_ID/4\"",
        "--kill-on-invalid-dep=yes",
        "sweep merge",
        "would run: sh ",
    ] {
        assert!(slurm.stdout.contains(part), "{part}: {}", slurm.stdout);
    }
    let hq = shown(&["--engine", "hq", "--shards", "4"]);
    assert!(hq.stdout.contains("--array 0-3") && hq.stdout.contains("CONLAB_SHARDS=4"), "{}", hq.stdout);
    let missing = shown(&["--engine", "kubernetes", "--shards", "4"]);
    assert!(missing.code == 2 && missing.stderr.contains("--image"), "{missing:?}");
    let kubernetes = shown(&["--engine", "kubernetes", "--shards", "4", "--image", "registry/conlab:1"]);
    assert!(kubernetes.stdout.contains("\"completionMode\": \"Indexed\""), "{}", kubernetes.stdout);
    assert_eq!(shown(&["--engine", "slurm", "--shards", "13"]).code, 2);
    assert_eq!(left_in(&here.join("sweep")), ["plan.json", "scenario.toml"]);
}
