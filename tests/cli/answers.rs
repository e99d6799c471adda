//! Sweeps whose cells are the runs of another command: merged, they answer as the command itself does.

use super::{Said, program};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn said(folder: &Path, words: &[&str]) -> Said {
    program(folder).args(words).output().unwrap().into()
}

/// Two actors of three and two threads, under one interpreter lock and one mutex.
const SCENARIO: &str = r#"
schema = 1
name = "pair"
run = { tasks = 150, warmup = "0s", seed = 9007199254740990 }
host = { cores = 2 }
lock.interpreter = { kind = "gil" }
lock.registry = { kind = "mutex" }
isolated = { load = ["agents"] }
[actor.agents]
focus = true
threads = 3
load = { clients = 3 }
under = "interpreter"
steps = [{ name = "work", lock = "registry", compute = { mean = "100us", spread = "exponential" } }]
[actor.ryot]
threads = 2
load = { clients = 2 }
under = "interpreter"
steps = [{ name = "work", lock = "registry", compute = "100us" }]
"#;

/// A JSON document without what says when and where it was made.
fn figures(text: &str) -> String {
    let mut document: Value = serde_json::from_str(text).unwrap();
    let manifest = document["manifest"].as_object_mut().unwrap();
    let calibration = manifest["calibration_digest"].clone();
    assert!(calibration.is_string());
    manifest.retain(|name, _| name == "calibration_digest" || name == "calibration");
    serde_json::to_string_pretty(&document).unwrap()
}

/// Plans `table`, computes it in three shards of separate processes, merges it, and asks the command itself with `words`:
/// the documents are the same, and the exit codes.
fn assert_same_answer(command: &str, table: &str, words: &[&str]) -> (TempDir, Value) {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    fs::write(here.join("pair.toml"), SCENARIO).unwrap();
    let study = format!("schema = 1\nname = \"s\"\nscenario = \"pair.toml\"\n{table}");
    fs::write(here.join("study.toml"), study).unwrap();
    let planned = said(here, &["sweep", "plan", "study.toml"]);
    assert_eq!(planned.code, 0, "{planned:?}");
    assert!(planned.stdout.contains(&format!("the runs of `conlab {command}`")), "{planned:?}");
    let early = said(here, &["sweep", "merge"]);
    assert!(early.code == 2 && early.stderr.contains("cells are missing"), "{early:?}");
    let partial = said(here, &["sweep", "merge", "--partial"]);
    assert!(partial.code == 0 && partial.stderr.contains("no answer of"), "{partial:?}");
    assert!(!here.join("sweep").join(format!("{command}.json")).exists());
    for shard in ["2/3", "0/3", "1/3"] {
        // What the environment says must not change which runs are made.
        let mut run = program(here);
        run.args(["sweep", "run", "--shard", shard]).env("CONLAB_THREADS", "7").env("CONLAB_TASKS", "11");
        let run: Said = run.output().unwrap().into();
        assert_eq!(run.code, 0, "{run:?}");
    }
    let merged = said(here, &["sweep", "merge"]);
    let all: Vec<&str> = [command, "pair.toml", "--json", "--no-save"].iter().chain(words).copied().collect();
    let asked = said(here, &all);
    assert_eq!(merged.code, asked.code, "{merged:?}\n{asked:?}");
    let answer = fs::read_to_string(here.join("sweep").join(format!("{command}.json"))).unwrap();
    assert_eq!(figures(&answer), figures(&asked.stdout));
    let page = fs::read_to_string(here.join("sweep").join(format!("{command}.html"))).unwrap();
    assert!(page.to_lowercase().starts_with("<!doctype html>") && page.contains("Manifest"));
    assert!(merged.stdout.starts_with(&format!("{command} pair")), "{merged:?}");
    (folder, serde_json::from_str(&answer).unwrap())
}

/// Rows of the table of cells, without its head.
fn cells(folder: &TempDir) -> usize {
    fs::read_to_string(folder.path().join("sweep/cells.csv")).unwrap().lines().count() - 1
}

#[test]
fn explain_answers_of_cells_as_of_runs() {
    let table = "[explain]\nreplicates = 3\nmetrics = [\"mean\", \"p90\"]\n";
    let (folder, found) = assert_same_answer("explain", table, &["--replicates=3", "--metrics=mean,p90"]);
    let arms = found["explanation"]["runs_per_round"].as_u64().unwrap();
    assert!(arms >= 16 && cells(&folder) as u64 <= 3 * arms, "{} cells of {arms} arms", cells(&folder));
    let table = "[fixed]\n\"run.tasks\" = 60\n[explain]\nagainst = \"ideal\"\nmetrics = \"mean\"\nprecision = \"90%\"\n";
    let words = ["--against=ideal", "--metrics=mean", "--set=run.tasks=60", "--precision=90%"];
    // Without a number of replicates the plan has the most that may be asked for, and the answer takes those that it needs.
    let (folder, found) = assert_same_answer("explain", table, &words);
    let rounds = found["explanation"]["rounds"].as_u64().unwrap();
    assert!(rounds < 16 && cells(&folder) as u64 >= rounds * 8, "{rounds} rounds");
}

#[test]
fn compare_answers_of_cells_as_of_runs() {
    let table = "[compare]\nthreads = [1, 2, 4]\nqueue = [\"mutex\", \"lockfree\"]\nreference = \"mutex, 2 threads\"\n\
         gate = [\"p50<1ns\"]\nreplicates = 4\n";
    let words =
        ["--threads=1,2,4", "--queue=mutex,lockfree", "--reference=mutex, 2 threads", "--gate=p50<1ns"];
    let words: Vec<&str> = words.into_iter().chain(["--replicates=4", "--engine=virtual"]).collect();
    let (folder, found) = assert_same_answer("compare", table, &words);
    assert_eq!(cells(&folder), 24);
    assert_eq!(found["comparison"]["reference"], "mutex, 2 threads");
    // A treatment beside itself shares its cells.
    let table = "[compare]\nqueue = [\"mutex\", \"mutex\"]\nreplicates = 2\n";
    let words = ["--queue=mutex,mutex", "--replicates=2", "--engine=virtual"];
    let (folder, found) = assert_same_answer("compare", table, &words);
    assert_eq!((cells(&folder), found["comparison"]["treatments"].as_array().unwrap().len()), (2, 2));
}

#[test]
fn whatif_answers_of_cells_as_of_runs() {
    let (_, all) = assert_same_answer("whatif", "[whatif]\nreplicates = 2\n", &["--replicates=2"]);
    assert!(all["whatif"]["knobs"].as_array().unwrap().len() > 3);
    let table = "[whatif]\ncost = [\"lock:registry\", \"switch\"]\nreplicates = 3\n";
    let words = ["--cost=lock:registry,switch", "--replicates=3"];
    let (folder, found) = assert_same_answer("whatif", table, &words);
    // Named costs are drawn as curves, so that every cell is a run of the command: 1 + 2 × (2 + 5) under 3 seeds.
    assert_eq!((cells(&folder), found["whatif"]["knobs"].as_array().unwrap().len()), (45, 2));
}

#[test]
fn search_answers_of_cells_as_of_runs_without_a_race() {
    let table = "[search]\ngoal = \"mean<2ms\"\nover = [\"actor.agents.threads=1..4\", \"host.cores=1,2\"]\nreplicates = 6\n";
    let words =
        ["--goal=mean<2ms", "--over=actor.agents.threads=1..4", "--over=host.cores=1,2", "--replicates=6"];
    let (folder, found) = assert_same_answer("search", table, &words);
    assert_eq!((cells(&folder), found["search"]["runs"].as_u64()), (48, Some(48)));
    // The race finds the same, in fewer runs.
    let all: Vec<&str> =
        ["search", "pair.toml", "--json", "--no-save"].iter().chain(&words[..3]).copied().collect();
    let raced: Value = serde_json::from_str(&said(folder.path(), &all).stdout).unwrap();
    assert_eq!(raced["search"]["best"]["fields"], found["search"]["best"]["fields"]);
    // A goal that nothing meets ends both with 3.
    let table = "[search]\ngoal = \"mean<1ns\"\nover = \"host.cores=1,2\"\nreplicates = 2\n";
    assert_same_answer("search", table, &["--goal=mean<1ns", "--over=host.cores=1,2", "--replicates=2"]);
}

#[test]
fn options_that_cannot_be_are_refused_when_a_study_is_planned() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    for (table, reason) in [
        ("[explain]\nagainst = \"idle\"", "[explain] against: unknown arm `idle`"),
        ("[explain]\nagianst = \"ideal\"", "unknown option `agianst`; did you mean `against`?"),
        ("[explain]\nengine = \"real\"", "expected virtual"),
        ("[explain]\nout = \"elsewhere\"", "unknown option `out`"),
        ("[compare]\nbaseline = \"latest\"", "unknown option `baseline`"),
        ("[compare]\nthreads = [0]", "[compare] threads: `0` is too few"),
        ("[compare]\nengine = [\"real\", \"virtual\"]", "expected virtual"),
        ("[whatif]\ncost = \"lock:none\"", "[whatif] cost: unknown cost `lock:none`"),
        ("[search]\nover = \"host.cores=1..4\"", "goal"),
        ("[search]\nover = \"host.cores=1..4\"\ngoal = \"p99<+5%\"", "is relative to a reference"),
        (
            "[search]\nover = \"host.cores=1..4096\"\ngoal = \"p99<1s\"\nreplicates = 1000",
            "makes 4096000 cells",
        ),
    ] {
        fs::write(here.join("s.toml"), format!("schema = 1\nname = \"s\"\nscenario = \"agents\"\n{table}\n"))
            .unwrap();
        let refused = said(here, &["sweep", "plan", "s.toml"]);
        assert!(refused.code == 2 && refused.stderr.contains(reason), "{table}: {refused:?}");
        assert!(!here.join("sweep").exists(), "{table}");
    }
}
