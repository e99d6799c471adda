//! Sweeps whose cells are a first round of a fit.

use super::{Said, program};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn said(folder: &Path, words: &[&str]) -> Said {
    program(folder).args(words).output().unwrap().into()
}

fn done(folder: &Path, words: &[&str]) -> Said {
    let said = said(folder, words);
    assert_eq!(said.code, 0, "{words:?}: {said:?}");
    said
}

/// A worker with two clients, whose time of service is 3 ms: chance moves nothing.
const SCENARIO: &str = r#"
schema = 1
name = "planted"
run = { tasks = 400, warmup = "0s", seed = 5 }
host = { cores = 2 }
[actor.web]
focus = true
threads = 1
load = { clients = 2 }
steps = [{ name = "work", compute = "3ms" }]
"#;

/// Sets of the sample, and the bounds in milliseconds.
const SETS: f64 = 60.0;
const BOUNDS: (f64, f64) = (2.4, 3.6);

/// A folder with the scenario, a record of it, and a study with `table`.
fn laid_out(table: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    fs::write(here.join("planted.toml"), SCENARIO).unwrap();
    done(here, &["run", "planted.toml", "--engine", "virtual", "--json", "--out", "kept"]);
    let record = fs::read_dir(here.join("kept")).unwrap().map(|entry| entry.unwrap().path());
    let record = record.into_iter().find(|path| path.join("run.json").is_file()).unwrap();
    fs::copy(record.join("run.json"), here.join("seen.json")).unwrap();
    let study = format!(
        "schema = 1\nname = \"s\"\nscenario = \"planted.toml\"\nseed = 7\n[fit]\nto = \"seen.json\"\n{table}"
    );
    fs::write(here.join("study.toml"), study).unwrap();
    folder
}

/// What is merged after `shards` were computed, each by a process.
fn merged(here: &Path, out: &str, shards: &[&str]) -> (Said, Value, Vec<u8>) {
    done(here, &["sweep", "plan", "study.toml", "--out", out]);
    for shard in shards {
        done(here, &["sweep", "run", out, "--shard", shard]);
    }
    let merged = said(here, &["sweep", "merge", out]);
    let text = fs::read_to_string(here.join(out).join("fit.json")).unwrap();
    let cells = fs::read(here.join(out).join("cells.csv")).unwrap();
    assert!(here.join(out).join("fit.html").is_file());
    (merged, serde_json::from_str(&text).unwrap(), cells)
}

#[test]
fn a_first_round_finds_a_planted_time_however_it_was_computed() {
    let table = "free = \"actor.web.steps.work.compute=2400us..3600us\"\nsamples = 60\nfigures = [\"mean\", \"p50\"]\n\
         predict = \"p90\"\ntolerance = \"5%\"\n";
    let folder = laid_out(table);
    let here = folder.path();
    let (one, found, cells) = merged(here, "one", &["0/1"]);
    // What was planned is what is met, whatever becomes of the record.
    fs::rename(here.join("seen.json"), here.join("gone.json")).unwrap();
    assert_eq!(said(here, &["sweep", "merge", "one"]).code, one.code);
    fs::rename(here.join("gone.json"), here.join("seen.json")).unwrap();
    let (three, again, other_cells) = merged(here, "three", &["1/3", "0/3", "2/3"]);
    assert_eq!((one.code, three.code), (0, 0), "{one:?}");
    assert_eq!((&found["fit"], &cells), (&again["fit"], &other_cells));
    assert_eq!(String::from_utf8(cells).unwrap().lines().count() - 1, 240, "60 sets under 4 seeds");

    let fitted = &found["fit"]["components"][0];
    let time = &fitted["parameters"][0];
    let best = time["value"].as_f64().unwrap();
    // Draws of neighbouring strata are at most two strata apart.
    let resolution = 2.0 * (BOUNDS.1 - BOUNDS.0) / SETS;
    assert!((best - 3.0).abs() <= resolution, "{best}");
    assert!(time["low"].as_f64().unwrap() < 3.0 && time["high"].as_f64().unwrap() > 3.0, "{time}");
    assert_eq!(fitted["tried"], 60);
    assert!((1..30).contains(&fitted["fitting"].as_u64().unwrap()), "{fitted}");
    assert_eq!(found["fit"]["predicted"][0]["metric"], "p90");
    let nearest = found["fit"]["sampled"]["nearest"].as_array().unwrap();
    let errors: Vec<f64> = nearest.iter().map(|set| set["worst"].as_f64().unwrap()).collect();
    assert!(errors.is_sorted() && nearest[0]["values"][0].as_f64() == Some(best), "{nearest:?}");

    // The command that is named is one that starts from the best set.
    let line = one.stdout.lines().find(|line| line.contains("conlab fit")).unwrap();
    let command = &line[line.find("conlab fit").unwrap()..];
    let words: Vec<&str> = command.split_whitespace().skip(1).collect();
    let start = words.iter().position(|word| *word == "--start").unwrap();
    let value: f64 = words[start + 1].trim_end_matches("ms").parse().unwrap();
    assert!((value - best).abs() < 1e-3, "{command}");
    let on = said(here, &[&words[..start + 2], &["--json", "--no-save"]].concat());
    assert_eq!(on.code, 0, "{command}: {on:?}");
    let on: Value = serde_json::from_str(&on.stdout).unwrap();
    let on = on["fit"]["components"][0]["parameters"][0]["value"].as_f64().unwrap();
    assert!((on - 3.0).abs() <= resolution, "{on}");
}

#[test]
fn a_sample_with_no_set_that_fits_says_so_and_blames_no_bounds() {
    let table = "free = [\"actor.web.steps.work.compute=100us..200us\", \"host.wake=1us..9us\"]\nsamples = 4\nfigures = \"mean\"\n";
    let folder = laid_out(table);
    let (merged, found, _) = merged(folder.path(), "far", &["0/1"]);
    assert_eq!(merged.code, 3, "{merged:?}");
    assert_eq!(found["fit"]["components"][0]["fitting"], 0);
    assert!(found["answer"].as_str().unwrap().starts_with("None of 4 sampled sets"), "{found}");
    assert!(merged.stdout.contains("conlab fit") && merged.stdout.contains("--start"), "{merged:?}");
}

#[test]
fn first_rounds_that_cannot_be_are_refused_when_a_study_is_planned() {
    let free = "free = \"actor.web.steps.work.compute=1ms..4ms\"\n";
    for (table, reason) in [
        (String::new(), "nothing to fit"),
        (format!("{free}samples = 0"), "fit.samples: 0: expected a whole number from 2"),
        (format!("{free}samples = 1000000"), "from 2 to 250000"),
        (format!("{free}fitted = \"x.toml\""), "[fit] unknown option `fitted`"),
        (format!("{free}start = \"1ms,2ms\""), "2 values: expected 1"),
        ("free = \"actor.none.threads=1..4\"".into(), "none"),
        ("free = \"actor.web.threads=4..1\"".into(), "expected the smaller bound first"),
    ] {
        let folder = laid_out(&table);
        let refused = said(folder.path(), &["sweep", "plan", "study.toml"]);
        assert!(refused.code == 2 && refused.stderr.contains(reason), "{table}: {refused:?}");
        assert!(!folder.path().join("sweep").exists(), "{table}");
    }
    let folder = laid_out(free);
    let text = fs::read_to_string(folder.path().join("study.toml")).unwrap();
    fs::write(folder.path().join("study.toml"), text.replace("seen.json", "nothing.json")).unwrap();
    let refused = said(folder.path(), &["sweep", "plan", "study.toml"]);
    assert!(refused.code == 2 && refused.stderr.contains("nothing.json"), "{refused:?}");
    let other = "schema = 1\n[[figure]]\nactor = \"db\"\nmetric = \"mean\"\nvalue = \"6ms\"\n[[parameter]]\n\
         set = [\"actor.web.steps.work.compute\"]\nlow = 1\nhigh = 4\n";
    fs::write(folder.path().join("plan.toml"), other).unwrap();
    fs::write(folder.path().join("study.toml"), text.replace("seen.json", "plan.toml").replace(free, ""))
        .unwrap();
    let refused = said(folder.path(), &["sweep", "plan", "study.toml"]);
    assert!(refused.code == 2 && refused.stderr.contains("the actor in focus, `web`"), "{refused:?}");
}
