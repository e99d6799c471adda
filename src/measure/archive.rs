//! Records on disk: a folder each, written as a draft and renamed, so that a record is whole or absent.

use super::{Counts, RunRecord, json};
use crate::files::DraftFolder;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
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
    draft: DraftFolder,
}

/// A record that is stored.
#[derive(Debug)]
pub struct Kept {
    /// Its folder.
    pub folder: PathBuf,
    /// Files beside the record that could not be written; the record is whole without them.
    pub missing: Vec<ArchiveError>,
}

impl Archive {
    /// Reserves a place under `out`, which is created if need be.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Write`] when nothing can be written there.
    pub fn reserve(out: &Path) -> Result<Self, ArchiveError> {
        let draft = DraftFolder::reserve(out)
            .map_err(|source| ArchiveError::Write { path: out.to_owned(), source })?;
        Ok(Self { out: out.to_owned(), draft })
    }

    /// Keeps a record, with its histograms and the scenario as run, and those of the `extra` files that can be written.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`]; nothing is left behind then.
    pub fn keep(
        self,
        record: &RunRecord,
        sojourn: &[(String, Counts)],
        scenario: &str,
        extra: &[(&str, &str)],
    ) -> Result<Kept, ArchiveError> {
        let log = interval_log(record, sojourn)?;
        self.files(record, &[("latency.hlog", &log), ("scenario.toml", scenario.as_bytes())], extra)
    }

    /// Keeps the record of another program, which has neither tasks nor a scenario.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`]; nothing is left behind then.
    pub fn keep_observed(self, record: &RunRecord, extra: &[(&str, &str)]) -> Result<Kept, ArchiveError> {
        self.files(record, &[], extra)
    }

    fn files(
        self,
        record: &RunRecord,
        beside: &[(&str, &[u8])],
        extra: &[(&str, &str)],
    ) -> Result<Kept, ArchiveError> {
        let json = json::to_string(record)
            .map_err(|error| ArchiveError::Encode { part: "figures", reason: error.to_string() })?;
        let failed = |name: &str| {
            let path = self.out.join(name);
            move |source| ArchiveError::Write { path, source }
        };
        for (name, bytes) in [("run.json", json.as_bytes())].iter().chain(beside) {
            self.draft.write(name, bytes).map_err(failed(name))?;
        }
        let missing = extra
            .iter()
            .filter_map(|(name, text)| self.draft.write(name, text.as_bytes()).map_err(failed(name)).err())
            .collect();
        let stem = stem(record);
        let path = self.out.join(&stem);
        let folder = self.draft.keep(&stem).map_err(|source| ArchiveError::Write { path, source })?;
        Ok(Kept { folder, missing })
    }
}

/// `<time>-<scenario>-<short digest>`.
fn stem(record: &RunRecord) -> String {
    let time: String = record.manifest.started.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let digest: String = record.scenario.digest.chars().take(8).collect();
    format!("{time}-{}-{digest}", file_word(&record.scenario.name))
}

/// `text` as a part of a file's name: letters, digits, `-` and `_`, at most 120 bytes, which leaves room for the rest of a
/// name in the 255 that file systems allow.
#[must_use]
pub fn file_word(text: &str) -> String {
    let mut word = String::new();
    for letter in text.chars() {
        let letter = if letter.is_alphanumeric() || letter == '-' || letter == '_' { letter } else { '_' };
        if word.len() + letter.len_utf8() > 120 {
            break;
        }
        word.push(letter);
    }
    word
}

/// One interval, the measured window, for each actor as a tag: `HdrHistogram` V2, deflated, which is the only form that all
/// libraries read; values in nanoseconds.
fn interval_log(record: &RunRecord, sojourn: &[(String, Counts)]) -> Result<Vec<u8>, ArchiveError> {
    let failed = |reason: String| ArchiveError::Encode { part: "histograms", reason };
    let mut bytes = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
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
    use std::fs;

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
            let kept = archive.keep(&record(), &sojourn, "schema = 1", &[("extra.txt", "x")]).unwrap();
            assert!(kept.missing.is_empty(), "{kept:?}");
            kept.folder
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
    fn a_record_is_kept_without_what_cannot_be_written_beside_it() {
        let out = tempfile::tempdir().unwrap();
        let mut record = record();
        record.scenario.name = "\u{10330}".repeat(100);
        let archive = Archive::reserve(out.path()).unwrap();
        let kept = archive.keep(&record, &[], "", &[("no/such/folder.html", "")]).unwrap();
        assert_eq!(kept.missing.len(), 1);
        assert!(kept.folder.join("run.json").exists());
        assert!(kept.folder.file_name().unwrap().len() <= 255);
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
