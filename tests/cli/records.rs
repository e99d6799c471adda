//! Records and other files that many processes write at once, some of which are killed.

use super::kills::{Kind, Place};
use super::{left_in, program};
use conlab::measure::stored::load;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;

const RUN: [&str; 8] = ["run", "agents", "--engine", "virtual", "--tasks", "20", "--warmup", "0s"];

#[test]
fn runs_that_share_a_folder_lose_no_record() {
    let folder = TempDir::new().unwrap();
    let start = |_| {
        let mut command = program(folder.path());
        command.args(RUN).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let children: Vec<_> = (0..24).map(start).collect();
    let mut places = Vec::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let saved = stdout.lines().find_map(|line| line.strip_prefix("saved in ")).unwrap();
        places.push(folder.path().join(saved));
    }
    places.sort();
    places.dedup();
    assert_eq!(places.len(), 24, "two runs were saved in one place");
    assert!(places.iter().all(|place| load(place).is_ok()));
    assert_eq!(left_in(&folder.path().join("results")).len(), 24);
}

#[test]
fn campaigns_of_one_second_keep_every_file() {
    let folder = TempDir::new().unwrap();
    let words = ["campaign", "--day", "1", "--level", "replay"];
    let start = |_| program(folder.path()).args(words).stderr(Stdio::piped()).spawn().unwrap();
    let children: Vec<_> = (0..6).map(start).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let root = folder.path().join("results/phase_18f");
    let reports = left_in(&root.join("daily_reports"));
    assert_eq!(reports.iter().filter(|name| name.ends_with(".json")).count(), 6, "{reports:?}");
    let metrics = left_in(&root.join("metrics_json"));
    assert_eq!(metrics.len() % 6, 0, "{metrics:?}");
    assert!(metrics.len() >= 12, "{metrics:?}");
}

#[test]
fn killed_programs_leave_nothing_half_done_and_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let mut place = Place::new(folder.path(), 18);
    let kinds = [Kind::Run, Kind::Store, Kind::Compare, Kind::Campaign, Kind::Report];
    for kind in kinds {
        let longest = place.measure(kind, 2);
        place.kill(kind, 4, longest);
        place.check_whole();
    }
    // Ends before it writes anything, and leaves no folder for its stores either.
    place.kill(Kind::Calibrate, 1, Duration::from_millis(400));
    place.check_tidy(&kinds);
    assert!(place.check_whole() > 0);
}

#[test]
fn a_record_is_kept_when_its_page_cannot_be_written() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("page.html")).unwrap();
    let output = program(folder.path()).args(RUN).args(["--html", "page.html"]).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.starts_with("error: cannot write page.html"), "{stderr}");
    assert!(stdout.contains("saved in results/"), "{stdout}");
    let records = left_in(&folder.path().join("results"));
    let record = folder.path().join("results").join(&records[0]);
    assert!(load(&record).is_ok());
    assert!(record.join("report.html").exists());
}

/// What `conlab report` says of a record whose `run.json` is `bytes`.
fn refusal(bytes: &[u8]) -> String {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("run.json"), bytes).unwrap();
    let output = program(folder.path()).args(["report", "."]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty());
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr
}

#[test]
fn damaged_truncated_and_newer_records_are_refused_in_one_sentence() {
    let folder = TempDir::new().unwrap();
    let output = program(folder.path()).args(RUN).arg("--json").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let newer = text.replacen("\"schema\": 1", "\"schema\": 999", 1);
    assert!(
        refusal(newer.as_bytes())
            .contains("it has schema 999, and this program reads schema 1; update conlab")
    );
    let half = refusal(&text.as_bytes()[..text.len() / 2]);
    assert!(half.contains("run.json as a record") && half.contains("EOF"), "{half}");
    assert!(refusal(b"\xff\xfe").contains("is not UTF-8"));
    assert!(refusal(b"").contains("EOF"));
    let huge = format!("{{\"schema\": 1, \"conlab\": [\"{}\"]}}", "x".repeat(100_000));
    assert!(refusal(huge.as_bytes()).len() < 2000);
}

#[test]
fn links_in_the_results_folder_are_not_followed() {
    let folder = TempDir::new().unwrap();
    let precious: PathBuf = folder.path().join("precious");
    fs::create_dir(&precious).unwrap();
    fs::write(precious.join("run.json"), "precious").unwrap();
    fs::create_dir(folder.path().join("results")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&precious, folder.path().join("results/.conlab-unfinished-link")).unwrap();
    let output = program(folder.path()).args(RUN).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(fs::read_to_string(precious.join("run.json")).unwrap(), "precious");
    assert_eq!(left_in(&precious), ["run.json"]);
}

/// What a campaign writes is audited as a whole: each day's report holds the files of its benchmarks.
#[test]
fn an_audit_of_a_campaigns_folder_finds_nothing() {
    let folder = TempDir::new().unwrap();
    for day in ["1", "3"] {
        let output =
            program(folder.path()).args(["campaign", "--level", "model", "--day", day]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let root = folder.path().join("results/phase_18f");
    let output = program(folder.path()).arg("audit").arg(&root).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    assert!(stdout.contains("Nothing found"), "{stdout}");
    // On a page long names may break; JSON has them whole.
    let output = program(folder.path()).args(["audit", "--json"]).arg(&root).output().unwrap();
    let json = String::from_utf8_lossy(&output.stdout).into_owned();
    for place in ["daily_reports", "metrics_json", "raw_profiles"] {
        assert!(json.contains(place), "{place} was not read: {json}");
    }
}
