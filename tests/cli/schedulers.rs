//! Sweeps under real schedulers, started here for the test alone; passed over with a message where they cannot be had.

use super::{Said, program};
use conlab::random::{Source, Stream};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What a whole test may take before it gives up.
const LONGEST: Duration = Duration::from_secs(240);

/// Rounds of submitting in which shards are killed.
const ROUNDS_OF_KILLS: u32 = 3;

/// A Slurm of this test, stopped with it.
struct Slurm {
    folder: TempDir,
}

impl Slurm {
    fn script() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schedulers/slurm.sh")
    }

    /// Starts it, or says why not.
    fn start() -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let mut command = Command::new("bash");
        let output = command.arg(Self::script()).arg("start").arg(folder.path()).stdin(Stdio::null());
        let output = output.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.code() {
            Some(0) => Some(Self { folder }),
            Some(77) => {
                eprintln!("passed over: {said}");
                None
            }
            _ => panic!("Slurm did not start: {said}"),
        }
    }

    fn configuration(&self) -> PathBuf {
        self.folder.path().join("slurm.conf")
    }

    fn command(&self, name: &str, words: &[&str]) -> String {
        let output = Command::new(name).args(words).env("SLURM_CONF", self.configuration()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Jobs in this state, or all, as Slurm names them.
    fn jobs(&self, more: &[&str]) -> Vec<String> {
        let words: Vec<&str> = ["--noheader", "--array", "--format=%i"].iter().chain(more).copied().collect();
        self.command("squeue", &words).split_whitespace().map(str::to_owned).collect()
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        Command::new("bash").arg(Self::script()).arg("stop").arg(self.folder.path()).status().ok();
    }
}

const STUDY: &str = "schema = 1\nname = \"array\"\nscenario = \"agents\"\nseeds = { count = 40 }\n[fixed]\n\
    \"run.tasks\" = 300\n\"run.warmup\" = \"0s\"\n[factor]\nthreads = [1, 2, 4]\nqueue = [\"mutex\", \"lockfree\"]\n";

const CELLS: usize = 240;

fn said(folder: &Path, words: &[&str]) -> Said {
    program(folder).args(words).output().unwrap().into()
}

/// Plans the study in `folder`/`name`.
fn planned(folder: &Path, name: &str) {
    fs::write(folder.join("study.toml"), STUDY).unwrap();
    let planned = said(folder, &["sweep", "plan", "study.toml", "--out", name]);
    assert_eq!(planned.code, 0, "{planned:?}");
}

fn tables(folder: &Path) -> (Vec<u8>, Vec<u8>) {
    (fs::read(folder.join("cells.csv")).unwrap(), fs::read(folder.join("groups.csv")).unwrap())
}

/// Keys of the whole lines in a sweep's folder, in order.
fn keys(folder: &Path) -> Vec<String> {
    let mut keys = Vec::new();
    for entry in fs::read_dir(folder.join("cells")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "jsonl") {
            continue;
        }
        for line in fs::read_to_string(path).unwrap().lines() {
            let line = line.split_once(' ').and_then(|(_, text)| serde_json::from_str::<Value>(text).ok());
            keys.extend(line.map(|line| line["key"].as_str().unwrap().to_owned()));
        }
    }
    keys
}

/// Submits the shards again and again, killing some at random at first, until the merge has run.
fn submit_and_kill(slurm: &Slurm, here: &Path) {
    let seed = u64::from(std::process::id());
    eprintln!("seed {seed}");
    let mut chance = Stream::new(seed, Source::Order, 0, 0);
    let begun = Instant::now();
    let mut killed = 0;
    for round in 0.. {
        assert!(begun.elapsed() < LONGEST, "not done after {round} rounds: {}", slurm.command("squeue", &[]));
        let mut submit = program(here);
        submit.args(["sweep", "submit", "parts", "--engine", "slurm", "--shards", "12"]);
        let submitted: Said = submit.env("SLURM_CONF", slurm.configuration()).output().unwrap().into();
        assert_eq!(submitted.code, 0, "{submitted:?}");
        assert!(submitted.stdout.contains("array "), "{submitted:?}");
        while !slurm.jobs(&[]).is_empty() {
            assert!(begun.elapsed() < LONGEST, "{}", slurm.command("squeue", &[]));
            let running = slurm.jobs(&["--states=RUNNING", "--name=conlab"]);
            if round < ROUNDS_OF_KILLS && !running.is_empty() && chance.unit() < 0.5 {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
                let victim = &running[(chance.unit() * running.len() as f64) as usize];
                slurm.command("scancel", &["--signal=KILL", "--full", victim]);
                killed += 1;
            }
            thread::sleep(Duration::from_millis(50).mul_f64(chance.unit()));
        }
        let log = fs::read_to_string(here.join("parts/log-merge.txt")).unwrap_or_default();
        if log.contains("wrote") {
            eprintln!("{killed} kills, {} rounds, {:?}", round + 1, begun.elapsed());
            return;
        }
    }
}

/// What every scheduler must come to: the bytes of one uninterrupted process, and nothing that was kept computed again.
fn assert_like_one_process(here: &Path) {
    planned(here, "whole");
    let whole = said(here, &["sweep", "run", "whole", "--jobs", "1"]);
    assert_eq!(whole.code, 0, "{whole:?}");
    assert_eq!(said(here, &["sweep", "merge", "whole"]).code, 0);
    assert_eq!(tables(&here.join("parts")), tables(&here.join("whole")));
    let keys = keys(&here.join("parts"));
    assert_eq!(keys.len(), CELLS);
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), CELLS);
}

#[test]
fn a_sweep_under_slurm_with_shards_killed_has_the_bytes_of_one_process() {
    let Some(slurm) = Slurm::start() else { return };
    let folder = TempDir::new().unwrap();
    planned(folder.path(), "parts");
    submit_and_kill(&slurm, folder.path());
    assert_like_one_process(folder.path());
}

/// Processes that compute shards of the sweep in `folder`.
fn computing(folder: &Path) -> Vec<String> {
    let folder = folder.canonicalize().unwrap();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
            let here = folder.as_os_str().as_encoded_bytes();
            let computes =
                words.contains(&here) && words.contains(&&b"run"[..]) && !words.contains(&&b"--"[..]);
            computes.then(|| entry.file_name().to_string_lossy().into_owned())
        })
        .collect()
}

#[test]
fn a_sweep_under_hyperqueue_with_shards_killed_has_the_bytes_of_one_process() {
    let there = Command::new("python3").args(["-c", "import hyperqueue"]).stderr(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        return eprintln!("passed over: python3 has no module `hyperqueue` (pip install hyperqueue)");
    }
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schedulers");
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    planned(here, "parts");
    let seed = u64::from(std::process::id());
    eprintln!("seed {seed}");
    let mut chance = Stream::new(seed, Source::Order, 1, 0);
    let begun = Instant::now();
    let mut killed = 0;
    for round in 0.. {
        assert!(begun.elapsed() < LONGEST, "not done after {round} rounds");
        let mut submit = program(here);
        submit.args(["sweep", "submit", "parts", "--engine", "hq", "--shards", "12"]).env("PATH", &path);
        let mut submitted = submit.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let status = loop {
            if let Some(status) = submitted.try_wait().unwrap() {
                break status;
            }
            let running = computing(&here.join("parts"));
            if round < ROUNDS_OF_KILLS && !running.is_empty() && chance.unit() < 0.5 {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
                let victim = &running[(chance.unit() * running.len() as f64) as usize];
                killed += u32::from(Command::new("kill").args(["-9", victim]).status().unwrap().success());
            }
            thread::sleep(Duration::from_millis(50).mul_f64(chance.unit()));
        };
        // The merge runs if no shard failed, and only then.
        if status.success() {
            eprintln!("{killed} kills, {} rounds, {:?}", round + 1, begun.elapsed());
            break;
        }
        assert!(!here.join("parts/cells.csv").exists());
    }
    assert_like_one_process(here);
}
