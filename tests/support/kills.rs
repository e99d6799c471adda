//! Programs that are killed while they write, and what they leave.

use conlab::measure::RunRecord;
use conlab::measure::stored::load;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How the names of drafts begin.
pub(crate) const DRAFT: &str = ".conlab-unfinished-";

/// What is run, and killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A run in virtual time, with a page.
    Run,
    /// A run on real threads with a store.
    Store,
    /// A comparison in virtual time.
    Compare,
    /// A day of the campaign.
    Campaign,
    /// Records rendered again, over the files of the last time.
    Report,
    /// A calibration.
    Calibrate,
}

impl Kind {
    fn words(self) -> Vec<&'static str> {
        match self {
            Self::Run => "run agents --engine virtual --tasks 50 --html page.html",
            Self::Store => "run durable-writes --engine real --tasks 5 --warmup 0s --duration 200ms",
            Self::Compare => {
                "compare agents --engine virtual --queue mutex,lockfree --tasks 50 --replicates 2"
            }
            Self::Campaign => "campaign --day 1 --level replay",
            Self::Report => {
                "report record --html page.html --markdown page.md --csv table.csv --junit cases.xml"
            }
            Self::Calibrate => "calibrate",
        }
        .split(' ')
        .collect()
    }
}

/// A folder in which programs are killed: all results in one place, temporary files and home within it.
#[derive(Debug)]
pub(crate) struct Place {
    root: PathBuf,
    stream: u64,
    /// Programs that were killed before they ended.
    pub(crate) killed: usize,
    /// Programs that said where they saved something.
    pub(crate) saved: usize,
}

impl Place {
    /// Lays the folder out. The same `seed` kills after the same times.
    pub(crate) fn new(root: &Path, seed: u64) -> Self {
        eprintln!("kill seed {seed}");
        for folder in ["tmp", "home"] {
            fs::create_dir(root.join(folder)).unwrap();
        }
        let place = Self { root: root.to_owned(), stream: seed, killed: 0, saved: 0 };
        let made = place.program(Kind::Run).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let record = Self::folders(&root.join("results")).remove(0);
        fs::rename(record, root.join("record")).unwrap();
        place
    }

    /// A number from a sequence that the seed decides (`SplitMix64`).
    fn next(&mut self) -> u64 {
        self.stream = self.stream.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.stream;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn program(&self, kind: Kind) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_conlab"));
        command.args(kind.words()).current_dir(&self.root).stdin(Stdio::null());
        command.env("TMPDIR", self.root.join("tmp")).env("HOME", self.root.join("home"));
        command.env_remove("XDG_CACHE_HOME").env_remove("CONLAB_OUT");
        command.env("CONLAB_CALIBRATION", "builtin").env("CONLAB_REAL_CHECK", "never");
        command
    }

    fn start(&self, kind: Kind) -> Child {
        self.program(kind).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Starts `side` programs of this kind at once, kills each at a random moment, and checks what was saved. Half of the
    /// kills come shortly after a draft appears.
    pub(crate) fn kill(&mut self, kind: Kind, side: usize, longest: Duration) {
        let mut children: Vec<(Child, Duration)> = Vec::new();
        for _ in 0..side {
            let at = Duration::from_nanos(self.next() % u64::try_from(longest.as_nanos()).unwrap().max(1));
            children.push((self.start(kind), at));
        }
        let (begun, watching) = (Instant::now(), self.next().is_multiple_of(2));
        while watching && begun.elapsed() < longest && !self.has_draft() {
            thread::sleep(Duration::from_micros(200));
        }
        let seen = begun.elapsed();
        // Writing takes a small part of the time: as fine as that when a draft was waited for.
        let scale = if watching { 5 } else { 1 };
        children.sort_by_key(|(_, at)| *at);
        for (mut child, at) in children {
            let due = if watching { seen + at / scale } else { at };
            thread::sleep(due.saturating_sub(begun.elapsed()));
            let ended = child.try_wait().unwrap().is_some();
            child.kill().ok();
            let output = child.wait_with_output().unwrap();
            self.killed += usize::from(!ended);
            self.check_saved(&String::from_utf8_lossy(&output.stdout));
        }
    }

    /// How long programs of this kind take, `side` at once, when nobody kills them.
    pub(crate) fn measure(&mut self, kind: Kind, side: usize) -> Duration {
        let begun = Instant::now();
        let children: Vec<Child> = (0..side).map(|_| self.start(kind)).collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            self.check_saved(&String::from_utf8_lossy(&output.stdout));
        }
        begun.elapsed()
    }

    fn has_draft(&self) -> bool {
        ["", "results", "results/phase_18f/metrics_json", "home/.cache/conlab"]
            .iter()
            .any(|folder| !drafts(&self.root.join(folder), DRAFT).is_empty())
    }

    /// What was reported as saved is there.
    fn check_saved(&mut self, stdout: &str) {
        for line in stdout.lines() {
            let Some(place) = line.strip_prefix("saved in ").or_else(|| line.strip_prefix("stored in "))
            else {
                continue;
            };
            // A line that was cut short names no place.
            if stdout.ends_with('\n') {
                assert!(self.root.join(place).exists(), "lost: {line}");
                self.saved += 1;
            }
        }
    }

    /// The folders that are no drafts.
    fn folders(results: &Path) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(results) else { return Vec::new() };
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .filter(|path| path.is_dir() && !path.file_name().unwrap().to_string_lossy().starts_with('.'))
            .collect()
    }

    /// Everything that has its final name is whole; returns how many records and results there are.
    pub(crate) fn check_whole(&self) -> usize {
        let mut whole = 0;
        for folder in Self::folders(&self.root.join("results")) {
            if folder.ends_with("phase_18f") {
                continue;
            }
            if folder.join("compare.json").exists() {
                is_json(&folder.join("compare.json"));
            } else {
                let record: RunRecord = load(&folder).unwrap_or_else(|error| panic!("{error}"));
                assert!(!record.actors.is_empty());
                for name in ["latency.hlog", "scenario.toml"] {
                    assert!(fs::metadata(folder.join(name)).unwrap().len() > 0, "{folder:?}");
                }
            }
            whole += 1;
        }
        for (file, end) in
            [("page.html", "</html>"), ("page.md", "\n"), ("table.csv", "\n"), ("cases.xml", "</testsuites>")]
        {
            if let Ok(text) = fs::read_to_string(self.root.join(file)) {
                assert!(
                    text.trim_end_matches(' ').trim_end_matches('\n').ends_with(end.trim_end()),
                    "half: {file}"
                );
                assert!(!text.is_empty(), "empty: {file}");
            }
        }
        for folder in ["daily_reports", "metrics_json", "raw_profiles", "flame_graphs"] {
            let Ok(entries) = fs::read_dir(self.root.join("results/phase_18f").join(folder)) else {
                continue;
            };
            for entry in entries {
                let path = entry.unwrap().path();
                let hidden = path.file_name().unwrap().to_string_lossy().starts_with('.');
                if !hidden && path.extension().is_some_and(|end| end == "json") {
                    is_json(&path);
                }
            }
        }
        for path in drafts(&self.root.join("home/.cache/conlab"), "calibration-") {
            is_json(&path);
        }
        whole
    }

    /// Lets one of every kind end, after which nothing of the killed ones is left.
    pub(crate) fn check_tidy(&self, kinds: &[Kind]) {
        for kind in kinds {
            let output = self.program(*kind).output().unwrap();
            // A run of a few tasks may be too short for its identities (4); it is kept all the same.
            assert!(matches!(output.status.code(), Some(0 | 4)), "{kind:?}: {output:?}");
        }
        let mut open = vec![self.root.clone()];
        while let Some(folder) = open.pop() {
            assert_eq!(drafts(&folder, DRAFT), [""; 0].map(PathBuf::from), "left behind");
            assert_eq!(drafts(&folder, "conlab-"), [""; 0].map(PathBuf::from), "left behind");
            open.extend(
                fs::read_dir(&folder)
                    .unwrap()
                    .map(|entry| entry.unwrap().path())
                    .filter(|path| path.is_dir()),
            );
        }
    }
}

/// What in `folder` has a name that begins with `prefix`.
fn drafts(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(prefix)).collect()
}

fn is_json(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    let parsed: Result<serde_json::Value, _> = serde_json::from_str(&text);
    assert!(parsed.is_ok(), "{}: {parsed:?}", path.display());
}
