//! Records on disk: a folder each, written under a temporary name and renamed, so that a record is whole or absent.

use super::{Counts, RunRecord, json};
use hdrhistogram::serialization::V2Serializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a record could not be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The folder cannot be written to.
    #[error("write to {}; choose another folder by --out, or --no-save", path.display())]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A part of the record cannot be written down.
    #[error("write the {part} of the record down: {reason}")]
    Encode {
        /// Which part.
        part: &'static str,
        /// Why.
        reason: String,
    },
}

/// A place for a record, reserved before the run so that a run is never made for nothing.
#[derive(Debug)]
pub struct Archive {
    out: PathBuf,
    draft: PathBuf,
}

impl Archive {
    /// Reserves a place under `out`, which is created if need be.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Write`] when nothing can be written there.
    pub fn reserve(out: &Path) -> Result<Self, ArchiveError> {
        let draft = out.join(format!(".unfinished-{}", std::process::id()));
        let made = fs::create_dir_all(out).and_then(|()| {
            if draft.exists() {
                fs::remove_dir_all(&draft)?;
            }
            fs::create_dir(&draft)
        });
        made.map_err(|source| ArchiveError::Write { path: out.to_owned(), source })?;
        Ok(Self { out: out.to_owned(), draft })
    }

    /// Keeps a record, with its histograms and the scenario as run, and whatever `extra` files it comes with.
    ///
    /// Returns the record's folder.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`]; nothing is left behind then.
    pub fn keep(
        self,
        record: &RunRecord,
        sojourn: &[(String, Counts)],
        scenario: &str,
        extra: &[(&str, String)],
    ) -> Result<PathBuf, ArchiveError> {
        let json = json::to_string(record)
            .map_err(|error| ArchiveError::Encode { part: "figures", reason: error.to_string() })?;
        let log = interval_log(record, sojourn)?;
        let mut files: Vec<(&str, &[u8])> = vec![
            ("run.json", json.as_bytes()),
            ("latency.hlog", &log),
            ("scenario.toml", scenario.as_bytes()),
        ];
        files.extend(extra.iter().map(|(name, text)| (*name, text.as_bytes())));
        for (name, bytes) in files {
            let path = self.draft.join(name);
            fs::write(&path, bytes).map_err(|source| ArchiveError::Write { path, source })?;
        }
        let folder = self.free_name(record);
        fs::rename(&self.draft, &folder)
            .map_err(|source| ArchiveError::Write { path: folder.clone(), source })?;
        Ok(folder)
    }

    /// `<time>-<scenario>-<short digest>`, with a number behind it where that is taken.
    fn free_name(&self, record: &RunRecord) -> PathBuf {
        let time: String = record.manifest.started.chars().filter(|c| !matches!(c, '-' | ':')).collect();
        let safe = |c: char| if c.is_alphanumeric() || c == '-' || c == '_' { c } else { '_' };
        let scenario: String = record.scenario.name.chars().map(safe).take(60).collect();
        let digest: String = record.scenario.digest.chars().take(8).collect();
        let stem = format!("{time}-{scenario}-{digest}");
        // Ends at the first name that is free.
        (1_u32..)
            .map(|copy| self.out.join(if copy == 1 { stem.clone() } else { format!("{stem}-{copy}") }))
            .find(|path| !path.exists())
            .unwrap_or_else(|| self.out.join(stem))
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        // After `keep` the draft has its final name, and there is nothing to remove.
        fs::remove_dir_all(&self.draft).ok();
    }
}

/// One interval, the measured window, for each actor as a tag: `HdrHistogram` V2, values in nanoseconds.
fn interval_log(record: &RunRecord, sojourn: &[(String, Counts)]) -> Result<Vec<u8>, ArchiveError> {
    let failed = |reason: String| ArchiveError::Encode { part: "histograms", reason };
    let mut bytes = Vec::new();
    let mut serializer = V2Serializer::new();
    let mut builder = IntervalLogWriterBuilder::new();
    builder.add_comment("sojourn in ns; max in ms; one line an actor").with_max_value_divisor(1e6);
    let mut writer =
        builder.begin_log_with(&mut bytes, &mut serializer).map_err(|error| failed(error.to_string()))?;
    let start = Duration::from_nanos(record.window.warmup_ns);
    let length = Duration::from_nanos(record.window.length_ns);
    for (actor, counts) in sojourn {
        let tag: String =
            actor.chars().map(|c| if c == ',' || c.is_whitespace() { '_' } else { c }).collect();
        writer
            .write_histogram(&counts.histogram(), start, length, Tag::new(&tag))
            .map_err(|error| failed(format!("{error:?}")))?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> RunRecord {
        let mut record = RunRecord::default();
        record.manifest.started = "2026-01-02T03:04:05Z".into();
        record.scenario.name = "a/b <c>".into();
        record.scenario.digest = "0123456789abcdef".into();
        record
    }

    #[test]
    fn a_record_is_kept_whole_under_a_name_of_its_own() {
        let out = tempfile::tempdir().unwrap();
        let histogram = Counts::of_values(std::iter::once(42));
        let sojourn = [("agents".to_owned(), histogram)];
        let keep = || {
            let archive = Archive::reserve(out.path()).unwrap();
            archive.keep(&record(), &sojourn, "schema = 1", &[("extra.txt", "x".into())]).unwrap()
        };
        let (first, second) = (keep(), keep());
        assert_eq!(first.file_name().unwrap(), "20260102T030405Z-a_b__c_-01234567");
        assert_eq!(second.file_name().unwrap(), "20260102T030405Z-a_b__c_-01234567-2");
        let back: RunRecord =
            serde_json::from_str(&fs::read_to_string(first.join("run.json")).unwrap()).unwrap();
        assert_eq!(back, record());
        assert!(fs::read_to_string(first.join("latency.hlog")).unwrap().contains("Tag=agents"));
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 2);
    }

    #[test]
    fn an_abandoned_run_leaves_nothing_behind() {
        let out = tempfile::tempdir().unwrap();
        drop(Archive::reserve(out.path()).unwrap());
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_in_place_of_the_folder_is_refused_before_the_run() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Archive::reserve(file.path()).unwrap_err();
        assert!(error.to_string().contains("--out"), "{error}");
    }
}
