//! Which results a folder holds.

use crate::measure::RunRecord;
use crate::measure::stored::load;
use std::fs;
use std::path::{Path, PathBuf};

/// Studies whose results are kept, by the name of their file.
const STUDIES: [&str; 7] = ["compare", "explain", "whatif", "decide", "claims", "fit", "search"];

/// What a result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundKind {
    /// The record of a run.
    Run,
    /// The record of another program.
    Recording,
    /// The result of a study, by its command.
    Study(&'static str),
    /// A folder whose record cannot be read.
    Unreadable,
}

impl FoundKind {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Recording => "record",
            Self::Study(command) => command,
            Self::Unreadable => "unreadable",
        }
    }
}

/// A stored result.
#[derive(Clone, Debug)]
pub struct Found {
    /// Name of its folder.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub kind: FoundKind,
    /// The record, of a run.
    pub record: Option<Box<RunRecord>>,
    /// Why it cannot be read.
    pub fault: Option<String>,
    /// Bytes of its files.
    pub bytes: u64,
}

impl Found {
    /// When it was made: of a run as its record says, of others as their name does; RFC 3339 without marks, such as
    /// `20260304T050607Z`, so that times sort as texts.
    #[must_use]
    pub fn time(&self) -> String {
        match &self.record {
            Some(record) => {
                record.manifest.started.chars().filter(|mark| !matches!(mark, '-' | ':')).collect()
            }
            None => self.name.split('-').next().unwrap_or_default().to_owned(),
        }
    }
}

/// Every result in `folder`, oldest first. Drafts, links and folders of other things are passed over.
///
/// # Errors
///
/// What the file system says of the folder.
pub fn list(folder: &Path) -> std::io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for path in folders(folder)? {
        let Some(kind) = kind_of(&path) else { continue };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = size(&path);
        let one = |kind, record, fault| Found { name, path: path.clone(), kind, record, fault, bytes };
        found.push(match kind {
            FoundKind::Run => match load(&path) {
                Ok(record) => {
                    let kind = if record.observed.is_some() { FoundKind::Recording } else { FoundKind::Run };
                    one(kind, Some(Box::new(record)), None)
                }
                Err(error) => one(FoundKind::Unreadable, None, Some(error.to_string())),
            },
            study => one(study, None, None),
        });
    }
    found.sort_by_key(|one| (one.time(), one.name.clone()));
    Ok(found)
}

/// The folders in `folder` that are neither hidden nor links.
fn folders(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        // Of the entry itself: a link to a folder is none.
        if !hidden && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            paths.push(entry.path());
        }
    }
    Ok(paths)
}

fn kind_of(path: &Path) -> Option<FoundKind> {
    if path.join("run.json").is_file() {
        return Some(FoundKind::Run);
    }
    STUDIES.into_iter().find(|study| path.join(format!("{study}.json")).is_file()).map(FoundKind::Study)
}

fn size(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|file| file.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::archive::Archive;

    fn keep(out: &Path, scenario: &str, time: &str) -> PathBuf {
        let mut record = RunRecord { schema: crate::measure::record::SCHEMA, ..RunRecord::default() };
        record.scenario.name = scenario.into();
        record.manifest.started = time.into();
        Archive::reserve(out).unwrap().keep(&record, &[], "", &[]).unwrap().folder
    }

    #[test]
    fn results_are_listed_in_the_order_of_time_and_damaged_ones_say_why() {
        let out = tempfile::tempdir().unwrap();
        keep(out.path(), "b", "2026-01-02T03:04:05Z");
        keep(out.path(), "a", "2026-01-02T03:04:06Z");
        let study = out.path().join("20260102T030404Z-x-compare");
        fs::create_dir(&study).unwrap();
        fs::write(study.join("compare.json"), "{}").unwrap();
        let damaged = out.path().join("20260102T030407Z-damaged");
        fs::create_dir(&damaged).unwrap();
        fs::write(damaged.join("run.json"), "{").unwrap();
        let found = list(out.path()).unwrap();
        let kinds: Vec<&str> = found.iter().map(|one| one.kind.name()).collect();
        assert_eq!(kinds, ["compare", "run", "run", "unreadable"]);
        assert!(found[3].fault.as_ref().unwrap().contains("as a record"));
    }
}
