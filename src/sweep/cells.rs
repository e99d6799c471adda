//! What was computed: lines in files that one process each writes, whole or not at all.

use super::{Plan, SweepError, digest};
use crate::files::{self, LARGEST_RECORD};
use crate::study::Observation;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The folder of the lines.
pub(super) const FOLDER: &str = "cells";

/// What a cell's run came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Outcome {
    /// It ran.
    Done {
        /// Tasks completed by the actor in focus.
        tasks: u64,
        /// Its figures, by the metric's name.
        figures: BTreeMap<String, f64>,
        /// Its sojourns: the lowest value of each bucket in nanoseconds, and how many there are.
        sojourn: Vec<(u64, u64)>,
        /// Identities that do not hold.
        broken: Vec<String>,
        /// Where it ran; empty in virtual time, whose figures do not depend on it.
        host: String,
        /// What a study needs besides the figures; of the cells of a study alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<Box<Observation>>,
    },
    /// It could not be run, and why.
    Failed(String),
}

/// A line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// The cell's key.
    pub key: String,
    /// Version of conlab that computed it.
    pub version: String,
    /// What it came to.
    pub outcome: Outcome,
}

impl Outcome {
    /// What is kept of a run; all that was seen of it where a study `asks` for it.
    #[must_use]
    pub fn of(observation: Observation, sojourn: &Histogram<u64>, host: String, asks: bool) -> Self {
        let sojourn = sojourn
            .iter_recorded()
            .map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value()))
            .collect();
        Self::Done {
            tasks: observation.tasks,
            figures: observation.figures(),
            sojourn,
            broken: observation.broken.clone(),
            host,
            seen: asks.then(|| Box::new(observation)),
        }
    }
}

/// A line of another plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// The file it is in.
    pub file: PathBuf,
    /// Its key.
    pub key: String,
    /// The version that computed it.
    pub version: String,
}

/// Every line of a sweep.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// What was computed, by key.
    pub found: BTreeMap<String, Stored>,
    /// Lines of other plans.
    pub foreign: Vec<Foreign>,
    /// Lines that were cut short when their process was killed.
    pub cut: usize,
}

impl Log {
    /// Reads every line in `folder`; of a key that is there twice, a run that was done counts before one that failed.
    ///
    /// # Errors
    ///
    /// [`SweepError::File`]; [`SweepError::Refused`] when two lines of one key in virtual time differ.
    pub fn read(folder: &Path, plan: &Plan) -> Result<Self, SweepError> {
        let mut log = Self::default();
        let engines: BTreeMap<&str, &str> =
            plan.cells.iter().map(|cell| (cell.key.as_str(), cell.engine.as_str())).collect();
        let place = folder.join(FOLDER);
        let entries = match fs::read_dir(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(log),
            other => other.map_err(SweepError::file("read", &place))?,
        };
        let mut paths: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
            .collect();
        paths.sort();
        for path in paths {
            let bytes = files::read(&path, LARGEST_RECORD).map_err(SweepError::file("read", &path))?;
            for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let Some(stored) = parse(line) else {
                    log.cut += 1;
                    continue;
                };
                let Some(engine) = engines.get(stored.key.as_str()) else {
                    log.foreign.push(Foreign {
                        file: path.clone(),
                        key: stored.key,
                        version: stored.version,
                    });
                    continue;
                };
                log.add(stored, engine)?;
            }
        }
        Ok(log)
    }

    fn add(&mut self, stored: Stored, engine: &str) -> Result<(), SweepError> {
        match self.found.get(&stored.key) {
            Some(there) if matches!(there.outcome, Outcome::Done { .. }) => {
                let differs =
                    matches!(stored.outcome, Outcome::Done { .. }) && stored.outcome != there.outcome;
                if differs && engine == "virtual" {
                    return Err(SweepError::Refused(format!(
                        "cell {} was computed twice with different figures: one of the machines is broken",
                        stored.key
                    )));
                }
            }
            _ => {
                self.found.insert(stored.key.clone(), stored);
            }
        }
        Ok(())
    }
}

/// A line without its end, or `None` where it is not whole.
fn parse(line: &[u8]) -> Option<Stored> {
    let line = std::str::from_utf8(line).ok()?;
    let (sum, text) = line.split_once(' ')?;
    if digest(&[text]) != sum {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// Writes the lines of one process.
#[derive(Debug)]
pub(super) struct Writer {
    file: File,
    path: PathBuf,
    lines: usize,
}

impl Writer {
    /// A file of its own in `folder`.
    pub(super) fn create(folder: &Path, shard: &str) -> Result<Self, SweepError> {
        let place = folder.join(FOLDER);
        fs::create_dir_all(&place).map_err(SweepError::file("make", &place))?;
        // Ends at the first free number; files of earlier processes stay as they are.
        for number in 1_u32.. {
            let path = place.join(format!("{shard}-{number}.jsonl"));
            match OpenOptions::new().append(true).create_new(true).open(&path) {
                Ok(file) => return Ok(Self { file, path, lines: 0 }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(SweepError::File { action: "write", path, source: error }),
            }
        }
        Err(SweepError::Refused(format!("{} is full of files", place.display())))
    }

    /// Adds a line, in one piece.
    pub(super) fn add(&mut self, stored: &Stored) -> Result<(), SweepError> {
        let text = serde_json::to_string(stored)
            .map_err(|error| SweepError::Refused(format!("cannot write a cell as JSON: {error}")))?;
        let line = format!("{} {text}\n", digest(&[&text]));
        self.lines += 1;
        self.file.write_all(line.as_bytes()).map_err(SweepError::file("write", &self.path))
    }

    /// Makes what was written last.
    pub(super) fn sync(&self) -> Result<(), SweepError> {
        self.file.sync_data().map_err(SweepError::file("write", &self.path))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.lines == 0 {
            fs::remove_file(&self.path).ok();
        }
    }
}
