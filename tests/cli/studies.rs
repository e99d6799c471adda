//! `compare`, `explain`, `whatif` and `claims` from outside: what they answer, and the code they end with.

use super::{conlab, program};
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

const FEW: [&str; 7] = ["--engine", "virtual", "--tasks", "300", "--replicates", "3", "--no-save"];

fn with<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [words, &FEW].concat()
}

#[test]
fn a_gate_that_fails_ends_with_three_and_says_why() {
    let (said, _) = conlab(&with(&["compare", "--gate", "p99<1ms"]));
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.stdout.contains("FAILED: p99<1ms"), "{}", said.stdout);
    let (said, _) = conlab(&with(&["compare", "--gate", "p99<1h", "--gate", "lock_acquisition<100%"]));
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("passed: p99<1h"), "{}", said.stdout);
}

#[test]
fn gates_and_claims_are_test_cases() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("cases.xml");
    let file = file.to_str().unwrap();
    let (said, _) = conlab(&with(&[
        "compare",
        "--queue",
        "mutex,lockfree",
        "--gate",
        "p99<1ms",
        "--gate",
        "p99<1h",
        "--junit",
        file,
    ]));
    assert_eq!(said.code, 3, "{said:?}");
    let xml = fs::read_to_string(file).unwrap();
    assert!(xml.contains("tests=\"4\"") && xml.contains("failures=\"2\""), "{xml}");
    assert!(
        xml.contains("name=\"p99&lt;1ms: mutex\"") && xml.contains("name=\"p99&lt;1h: lockfree\""),
        "{xml}"
    );
    let (said, _) = conlab(&["compare", "--junit", file]);
    assert_eq!(said.code, 2, "nothing to judge: {said:?}");

    let (said, _) =
        conlab(&["claims", "--only", "K1,K9", "--replicates", "2", "--no-save", "--json", "--junit", file]);
    let document: Value = serde_json::from_str(&said.stdout).unwrap();
    let claims = document["claims"].as_array().unwrap();
    let verdicts = |wanted: &[&str]| {
        claims.iter().filter(|claim| wanted.contains(&claim["verdict"].as_str().unwrap())).count()
    };
    let xml = fs::read_to_string(file).unwrap();
    assert_eq!(xml.matches("<testcase").count(), claims.len(), "{xml}");
    assert_eq!(xml.matches("<failure").count(), verdicts(&["refuted"]), "{xml}");
    assert_eq!(xml.matches("<skipped").count(), verdicts(&["inconclusive", "not_testable"]), "{xml}");
}

#[test]
fn a_treatment_is_the_same_as_itself() {
    let (said, _) = conlab(&with(&["compare", "--queue", "mutex,mutex", "--json"]));
    assert_eq!(said.code, 0, "{said:?}");
    let document: Value = serde_json::from_str(&said.stdout).unwrap();
    let treatments = document["comparison"]["treatments"].as_array().unwrap();
    assert_eq!(treatments[1]["label"], "mutex again");
    for figure in treatments[1]["figures"].as_array().unwrap() {
        assert_eq!(figure["verdict"], "same", "{figure}");
        for key in ["value", "half_width", "n"] {
            assert!(figure["value"][key].is_number(), "{figure}");
        }
    }
}

#[test]
fn what_cannot_be_compared_is_said() {
    for (words, sentence) in [
        (&["compare", "--queue", "mutex,lockfree", "--reference", "mutx"][..], "did you mean `mutex`?"),
        (&["compare", "--gate", "p99"], "--gate: `p99` is no gate"),
        (&["compare", "--metrics", "p98"], "unknown metric `p98`"),
        (&["whatif", "--cost", "lock:registri"], "did you mean `lock:registry`?"),
        (&["claims", "--only", "K99"], "unknown claim `K99`"),
    ] {
        let (said, _) = conlab(words);
        assert_eq!(said.code, 2, "{words:?}: {said:?}");
        assert!(said.stderr.contains(sentence), "{words:?}: {}", said.stderr);
    }
}

#[test]
fn a_stored_record_is_a_baseline_of_its_own_scenario_and_engine_only() {
    let folder = TempDir::new().unwrap();
    let run = |words: &[&str]| program(folder.path()).args(words).output().unwrap();
    assert!(run(&["run", "--engine", "virtual", "--tasks", "300", "--out", "kept"]).status.success());
    let record = fs::read_dir(folder.path().join("kept")).unwrap().next().unwrap().unwrap().path();
    let record = record.to_str().unwrap();
    let same = run(&with(&["compare", "--baseline", record, "--gate", "throughput>-50%"]));
    assert_eq!(same.status.code(), Some(0), "{same:?}");
    assert!(!String::from_utf8_lossy(&same.stdout).contains("another-scenario"), "{same:?}");
    let other = run(&with(&["compare", "oversubscription", "--baseline", record]));
    assert_eq!(other.status.code(), Some(2), "{other:?}");
    assert!(String::from_utf8_lossy(&other.stderr).contains("the stored record is of scenario `agents`"));
}

#[test]
fn explain_answers_and_proposes() {
    let (said, _) = conlab(&with(&["explain"]));
    assert_eq!(said.code, 0, "{said:?}");
    for part in ["The p99 gap", "interpreter lock", "Next experiment", "seeds 18 to 20"] {
        assert!(said.stdout.contains(part), "`{part}` is missing from\n{}", said.stdout);
    }
}

#[test]
fn claims_refuted_by_arithmetic_end_with_three() {
    let (said, _) = conlab(&["claims", "--only", "K5", "--replicates", "2", "--no-save", "--details=k5"]);
    assert_eq!(said.code, 3, "{said:?}");
    let sentences = said.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(sentences.contains("26.0 ms of 55.3 ms are left"), "{}", said.stdout);
    let (said, _) = conlab(&["claims", "--only", "K1", "--no-save"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("not testable"), "{}", said.stdout);
}

const WEB: &str = r#"
schema = 1
name = "web"
[run]
warmup = "1s"
tasks = 2000
[host]
ideal = true
[actor.web]
threads = 4
load = { rate = "300/s" }
steps = [{ name = "s", io = { mean = "6ms", spread = "exponential" } }]
"#;

/// A scenario gives the figures of its own record; with half of its threads it does not, and the page says which.
#[test]
fn a_replay_knows_the_system_from_another() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("web.toml"), WEB).unwrap();
    let run = |words: &[&str]| program(folder.path()).args(words).output().unwrap();
    assert!(run(&["run", "web.toml", "--engine", "virtual", "--out", "kept"]).status.success());
    let kept = fs::read_dir(folder.path().join("kept")).unwrap().next().unwrap().unwrap().path();
    let kept = kept.to_str().unwrap();
    let answer = |words: &[&str]| {
        let output = run(&[&["replay", "web.toml", "--no-save", "--json", "--to", kept], words].concat());
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), document["answer"].as_str().unwrap().to_owned())
    };
    let (code, said) = answer(&[]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = answer(&["--set", "actor.web.threads=2"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("misses 4 of 5") && said.contains("`web`"), "{said}");
}

/// Requests every 10 ms in a log: replayed at their instants they never meet, under the scenario's own arrivals they do.
#[test]
fn a_log_is_replayed_at_its_instants() {
    let folder = TempDir::new().unwrap();
    let text = WEB.replace("threads = 4", "threads = 1").replace("300/s", "100/s");
    let text = text.replace("{ mean = \"6ms\", spread = \"exponential\" }", "\"6ms\"");
    fs::write(folder.path().join("web.toml"), text).unwrap();
    let lines: String = (0..1000).map(|number| format!("{},6\n", 10 * number)).collect();
    fs::write(folder.path().join("log.csv"), format!("t0,rt\n{lines}")).unwrap();
    let words =
        ["replay", "web.toml", "--no-save", "--to", "log.csv", "--columns", "start=t0,duration=rt,unit=ms"];
    let code = |words: &[&str]| program(folder.path()).args(words).output().unwrap().status.code();
    assert_eq!(code(&words), Some(0));
    assert_eq!(code(&[&words[..], &["--own-load"]].concat()), Some(3));
    fs::write(folder.path().join("log.csv"), "t0,rt\n1,6\n").unwrap();
    assert_eq!(code(&words), Some(2), "one request says nothing");
}

/// Constants from a file go before those of the host, and the record names them; the word goes before both.
#[test]
fn a_calibration_is_a_file_or_the_builtin_one() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("web.toml"), WEB.replace("[host]\nideal = true\n", "")).unwrap();
    let run = |words: &[&str]| {
        let words = [&["run", "web.toml", "--tasks", "200", "--no-save", "--json"], words].concat();
        program(folder.path()).args(words).output().unwrap()
    };
    let digest = |words: &[&str]| {
        let record: Value = serde_json::from_slice(&run(words).stdout).unwrap();
        record["manifest"]["calibration_digest"].as_str().unwrap().to_owned()
    };
    let wake = conlab::units::Nanos(123_456);
    let constants = conlab::measure::Calibration { wake, ..Default::default() };
    fs::write(folder.path().join("slow.json"), constants.to_json().to_string()).unwrap();
    let of_file = digest(&["--engine", "virtual", "--calibration", "slow.json"]);
    assert_eq!(of_file, constants.digest());
    let builtin = digest(&["--engine", "virtual", "--calibration", "builtin"]);
    assert_eq!(builtin, conlab::measure::Calibration::default().digest());
    assert_ne!(of_file, builtin);
    fs::write(folder.path().join("half.json"), "{\"schema\": 1}").unwrap();
    for (words, expected) in [
        (["--engine", "virtual", "--calibration", "half.json"], "conlab calibrate"),
        (["--engine", "virtual", "--calibration", "none.json"], "none.json"),
        (["--engine", "real", "--calibration", "slow.json"], "--engine virtual"),
    ] {
        let output = run(&words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

/// Without a stored calibration the host is measured once, aloud; afterwards the stored constants are charged in silence.
#[test]
fn a_host_is_measured_at_first_use_and_once() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("web.toml"), WEB.replace("[host]\nideal = true\n", "")).unwrap();
    let run = |home: &str| {
        let mut command = program(folder.path());
        command.env_remove("CONLAB_CALIBRATION").env_remove("XDG_CACHE_HOME");
        command.env("HOME", folder.path().join(home));
        command.args(["run", "web.toml", "--engine", "virtual", "--tasks", "200", "--no-save", "--json"]);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        let record: Value = serde_json::from_slice(&output.stdout).unwrap();
        (said, record["manifest"].clone())
    };
    let (said, first) = run("home");
    assert!(said.contains("this host has no calibration yet") && said.contains("stored in"), "{said}");
    assert!(first["calibration"].as_str().unwrap().starts_with("calibrated 2"), "{first}");
    let (said, second) = run("home");
    assert_eq!(said, "");
    assert_eq!(first["calibration_digest"], second["calibration_digest"]);
}

/// A study in virtual time says how far its model is from real runs, or why it does not know.
#[test]
fn studies_say_how_far_the_model_is_from_real_runs() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("web.toml"), WEB.replace("[host]\nideal = true\n", "")).unwrap();
    fs::write(folder.path().join("ideal.toml"), WEB).unwrap();
    let run = |words: &[&str]| {
        let mut command = program(folder.path());
        command.env_remove("XDG_CACHE_HOME").env("HOME", folder.path().join("home"));
        command.args(words).args(["--tasks", "150", "--replicates", "2", "--no-save", "--json"]);
        let output = command.output().unwrap();
        let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        document
    };
    let model = |words: &[&str]| run(words)["model"].clone();
    let never = model(&["whatif", "web.toml"]);
    assert_eq!((&never["state"], &never["why"]), (&"unknown".into(), &"--real-check is never".into()));
    let ideal = model(&["whatif", "ideal.toml", "--real-check", "now"]);
    assert!(ideal["why"].as_str().unwrap().contains("ideal"), "{ideal}");
    let now = model(&["whatif", "web.toml", "--real-check", "now"]);
    assert_eq!(now["state"], "measured", "{now}");
    let names: Vec<&str> =
        now["figures"].as_array().unwrap().iter().map(|one| one["figure"].as_str().unwrap()).collect();
    assert_eq!(names, ["throughput_per_s", "sojourn_mean_ms", "sojourn_p99_ms"]);
    assert!(now["figures"][0]["error"].is_number(), "{now}");
    // What others disturbed is not kept; what is kept is found by every study of this scenario.
    let kept = folder.path().join("home/.cache/conlab/checks").exists();
    assert_eq!(kept, now["warnings"].as_array().unwrap().is_empty(), "{now}");
    let later = model(&["compare", "web.toml", "--engine", "virtual"]);
    assert_eq!(later["state"], if kept { "stored" } else { "unknown" }, "{later}");
    assert!(model(&["compare", "web.toml", "--engine", "real,virtual", "--duration", "300ms"]).is_null());
}

/// The document of a study says by which version, on which host, under which constants and of which scenario it was made.
#[test]
fn studies_have_the_manifest_that_records_have() {
    let (said, _) = conlab(&["run", "--engine", "virtual", "--tasks", "300", "--no-save", "--json"]);
    let record: Value = serde_json::from_str(&said.stdout).unwrap();
    for words in [&["whatif", "--cost", "switch", "--curves", "0", "--json"][..], &["compare", "--json"]] {
        let (said, _) = conlab(&with(words));
        let study: Value = serde_json::from_str(&said.stdout).unwrap();
        for key in ["version", "commit", "cpu", "cores", "kernel", "calibration", "calibration_digest"] {
            assert_eq!(study["manifest"][key], record["manifest"][key], "{words:?}: {key}");
        }
        assert_eq!(study["scenario"]["name"], "agents");
        assert_eq!(study["scenario"]["digest"].as_str().unwrap().len(), 32);
    }
}

/// A record of constants that the scenario sets itself is a baseline of that scenario; a real one of another machine is none.
#[test]
fn baselines_of_another_machine_are_refused_and_those_of_this_scenario_are_not() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("web.toml"), WEB).unwrap();
    let run = |words: &[&str]| -> super::Said { program(folder.path()).args(words).output().unwrap().into() };
    let keep = |out: &str, engine: &str| {
        let said =
            run(&["run", "web.toml", "--engine", engine, "--tasks", "150", "--warmup", "0s", "--out", out]);
        assert_eq!(said.code, 0, "{said:?}");
        fs::read_dir(folder.path().join(out)).unwrap().next().unwrap().unwrap().path()
    };
    let against = |record: &std::path::Path, engine: &str| {
        let record = record.to_str().unwrap();
        run(&[
            "compare",
            "web.toml",
            "--engine",
            engine,
            "--baseline",
            record,
            "--tasks",
            "150",
            "--warmup",
            "0s",
            "--replicates",
            "2",
            "--no-save",
        ])
    };
    let ideal = keep("ideal", "virtual");
    assert_eq!(against(&ideal, "virtual").code, 0, "the same constants: the scenario's own");
    let real = keep("real", "real");
    assert_eq!(against(&real, "real").code, 0);
    let file = real.join("run.json");
    let record: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let mut elsewhere = record.clone();
    elsewhere["manifest"]["cpu"] = "another processor".into();
    fs::write(&file, elsewhere.to_string()).unwrap();
    let said = against(&real, "real");
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stderr.contains("another processor"), "{said:?}");
}

/// What is found in other people's reports must not be in our own.
#[test]
fn an_audit_of_the_claims_finds_nothing() {
    let folder = TempDir::new().unwrap();
    let run = |words: &[&str]| -> super::Said { program(folder.path()).args(words).output().unwrap().into() };
    for (name, shape) in [("claims.json", "--json"), ("claims.txt", "--details")] {
        let said = run(&["claims", "--only", "K1,K2,K3,K5,K9,K14", "--replicates", "3", "--no-save", shape]);
        assert_eq!(said.code, 3, "{said:?}");
        fs::write(folder.path().join(name), said.stdout).unwrap();
        let audited = run(&["audit", name]);
        assert_eq!(audited.code, 0, "{audited:?}");
        assert!(audited.stdout.contains("Nothing found in "), "{audited:?}");
    }
}
