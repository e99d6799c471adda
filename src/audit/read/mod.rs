//! Readers: files of several programs, one [`Report`].
//!
//! The format is told from the content, never from the name alone.

mod conlab;
mod criterion;
mod hyperfine;
mod oha;
mod phase;
mod samples;

use super::encoding::repair;
use super::report::Report;
use crate::files::{self, LARGEST_RECORD};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Why a file could not be audited.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The file could not be read.
    #[error("read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The text is neither JSON nor CSV.
    #[error(
        "{name}: cannot read it as JSON ({reason}) nor as CSV with a numeric column; audit takes conlab's run.json, phase-18F reports, and what hyperfine --export-json, criterion, oha --output-format json or CSV files of samples hold"
    )]
    Format {
        /// Which file.
        name: String,
        /// What the JSON reader said.
        reason: String,
    },
    /// JSON that holds no benchmark.
    #[error(
        "{name}: no benchmark found in it; audit looks for statistics by name (mean_ms, p99_ms, …), samples, and claims"
    )]
    Empty {
        /// Which file.
        name: String,
    },
}

/// Reads a file, or every JSON and CSV file of a directory and those below it (criterion's and phase 18F's results are
/// directories).
///
/// # Errors
///
/// [`AuditError`] when a named file cannot be read or understood; files inside a directory that hold no benchmark are
/// passed over, unless none does.
pub fn read_path(path: &Path) -> Result<Vec<Report>, AuditError> {
    if !path.is_dir() {
        let bytes = files::read(path, LARGEST_RECORD)
            .map_err(|source| AuditError::Read { path: path.to_owned(), source })?;
        return read_file(path, &bytes).map(|report| vec![report]);
    }
    let mut reports = Vec::new();
    for file in files_below(path)? {
        let bytes = files::read(&file, LARGEST_RECORD)
            .map_err(|source| AuditError::Read { path: file.clone(), source })?;
        match read_file(&file, &bytes) {
            Ok(report) => reports.push(report),
            Err(AuditError::Empty { .. } | AuditError::Format { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    if reports.is_empty() {
        return Err(AuditError::Empty { name: path.display().to_string() });
    }
    Ok(reports)
}

/// Every JSON and CSV file below `directory`, in order of path.
fn files_below(directory: &Path) -> Result<Vec<PathBuf>, AuditError> {
    let mut found = Vec::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(directory) = pending.pop() {
        let failed = |source| AuditError::Read { path: directory.clone(), source };
        for entry in fs::read_dir(&directory).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.is_dir() {
                // criterion keeps the previous run beside the new one, and the comparison of the two.
                if !path.file_name().is_some_and(|name| name == "base" || name == "change") {
                    pending.push(path);
                }
            } else if path.extension().is_some_and(|end| end == "json" || end == "csv") {
                found.push(path);
            }
        }
    }
    // criterion's samples are read together with what lies beside them.
    let has_samples = |path: &PathBuf| path.with_file_name("sample.json").exists();
    let is_beside = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| name == "benchmark.json" || name == "estimates.json" || name == "tukey.json")
            && has_samples(path)
    };
    found.retain(|path| !is_beside(path));
    found.sort();
    Ok(found)
}

/// Reads one file; criterion's come in threes, so its neighbours are looked at.
fn read_file(path: &Path, bytes: &[u8]) -> Result<Report, AuditError> {
    if path.file_name().is_some_and(|name| name == "sample.json" || name == "estimates.json")
        && let Some(report) = criterion::read_beside(path)
    {
        return Ok(report);
    }
    read_bytes(&path.display().to_string(), bytes)
}

/// Reads the content of one file.
///
/// # Errors
///
/// [`AuditError::Format`] when it is neither JSON nor CSV, [`AuditError::Empty`] when nothing in it can be audited.
pub fn read_bytes(name: &str, bytes: &[u8]) -> Result<Report, AuditError> {
    let (text, repair) = repair(bytes);
    let mut report = match serde_json::from_str::<Value>(&text) {
        Ok(value) => read_json(&value),
        Err(reason) => samples::read(&text)
            .ok_or_else(|| AuditError::Format { name: name.to_owned(), reason: reason.to_string() })?,
    };
    if report.benchmarks.is_empty() && report.claims.is_empty() {
        return Err(AuditError::Empty { name: name.to_owned() });
    }
    name.clone_into(&mut report.source);
    report.repair = repair;
    Ok(report)
}

/// Tells the format by keys that only it has.
fn read_json(value: &Value) -> Report {
    if value.get("identities").is_some() && value.get("actors").is_some() {
        conlab::read(value)
    } else if value.get("responseTimeHistogram").is_some() && value.get("summary").is_some() {
        oha::read(value)
    } else if value.pointer("/results/0/command").is_some() {
        hyperfine::read(value)
    } else if value.get("sampling_mode").is_some() {
        criterion::read(None, Some(value), None)
    } else if value.get("median_abs_dev").is_some() {
        criterion::read(None, None, Some(value))
    } else {
        phase::read(value)
    }
}
