//! Readers: files of many programs, one [`Report`].
//!
//! The format is told from the content, never from the name alone. A file from which no figure was understood is
//! refused: "nothing found" is said only of figures that were read.

mod columns;
mod csv;
mod files;
mod html;
mod json;
mod number;
mod own;
mod prose;
mod row;
mod source;
mod table;
mod text;
mod units;
mod vocabulary;

pub(super) use prose::{civil, stamp};

use super::encoding::repair;
use super::report::Report;
use source::{NoText, Source, WHOLE};
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

/// What audit reads, for people whose file it does not.
const READABLE: &str = "audit reads JSON and text of benchmark tools (docs/guide/audit.md lists them), CSV with a column of durations, and Markdown or text with statistics by name (mean, p99, …)";

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
    /// Nothing in it was understood.
    #[error("{name}: not understood: it looks like {looks}; {READABLE}")]
    NotUnderstood {
        /// Which file.
        name: String,
        /// What it looks like.
        looks: String,
    },
    /// It is damaged.
    #[error("{name}: damaged: it begins like {kind}, but {why} at line {line}; nothing in it was audited")]
    Damaged {
        /// Which file.
        name: String,
        /// What it begins like.
        kind: &'static str,
        /// What is wrong.
        why: String,
        /// Where.
        line: u32,
    },
}

/// What was read of several files.
#[derive(Debug, Default)]
pub struct Reading {
    /// Of files that were understood.
    pub reports: Vec<Report>,
    /// Files that were named and not understood, or could not be read.
    pub refused: Vec<AuditError>,
    /// Files of directories that hold no benchmark, passed over.
    pub passed_over: Vec<PathBuf>,
}

impl Reading {
    /// Adds what was read of one file.
    pub fn add(&mut self, read: Result<Report, AuditError>) {
        match read {
            Ok(report) => self.reports.push(report),
            Err(error) => self.refused.push(error),
        }
    }

    /// Adds what was read of other files.
    pub fn append(&mut self, other: Self) {
        self.reports.extend(other.reports);
        self.refused.extend(other.refused);
        self.passed_over.extend(other.passed_over);
    }
}

/// Reads files and directories; one that cannot be read does not lose the others.
#[must_use]
pub fn read_all(paths: &[PathBuf]) -> Reading {
    let mut reading = Reading::default();
    for path in paths {
        if path.is_dir() {
            directory(path, &mut reading);
        } else {
            match read_file(path) {
                Ok(report) => reading.reports.push(report),
                Err(error) => reading.refused.push(error),
            }
        }
    }
    reading
}

fn directory(path: &Path, reading: &mut Reading) {
    let listing = files::below(path);
    reading
        .refused
        .extend(listing.failed.into_iter().map(|(path, source)| AuditError::Read { path, source }));
    let before = reading.reports.len();
    let mut criterion_read = Vec::new();
    for file in listing.files {
        if let Some(beside) = criterion_folder(&file) {
            if criterion_read.contains(&beside) {
                continue;
            }
            criterion_read.push(beside);
        }
        match read_file(&file) {
            Ok(report) => reading.reports.push(report),
            Err(AuditError::NotUnderstood { .. }) => reading.passed_over.push(file),
            Err(other) => reading.refused.push(other),
        }
    }
    if reading.reports.len() == before && reading.refused.is_empty() {
        let files = reading.passed_over.len();
        let plural = if files == 1 { "" } else { "s" };
        reading.refused.push(AuditError::NotUnderstood {
            name: path.display().to_string(),
            looks: format!("a directory with {files} file{plural} of other kinds"),
        });
    }
}

/// The folder of criterion's that a file belongs to.
fn criterion_folder(file: &Path) -> Option<PathBuf> {
    let name = file.file_name()?.to_str()?;
    let is_its =
        matches!(name, "sample.json" | "estimates.json" | "benchmark.json" | "tukey.json" | "raw.csv");
    let folder = file.parent()?;
    (is_its && folder.join("sample.json").is_file()).then(|| folder.to_owned())
}

/// Reads a file, or every file of a directory and those below it (criterion's and phase 18F's results are directories).
///
/// # Errors
///
/// [`AuditError`] when nothing was understood.
pub fn read_path(path: &Path) -> Result<Vec<Report>, AuditError> {
    let mut reading = read_all(&[path.to_owned()]);
    if reading.reports.is_empty() {
        let first = reading.refused.pop();
        return Err(first.unwrap_or_else(|| AuditError::NotUnderstood {
            name: path.display().to_string(),
            looks: "nothing".to_owned(),
        }));
    }
    Ok(reading.reports)
}

/// Reads one file; criterion's come in threes, so its neighbours are looked at.
fn read_file(path: &Path) -> Result<Report, AuditError> {
    if criterion_folder(path).is_some()
        && let Some(report) = json::criterion::read_beside(path)
    {
        return Ok(report);
    }
    let failed = |source| AuditError::Read { path: path.to_owned(), source };
    let kind = path.metadata().map_err(failed)?.file_type();
    if !kind.is_file() {
        let looks = "a device, a pipe or a socket; give it on standard input as `-`".to_owned();
        return Err(AuditError::NotUnderstood { name: path.display().to_string(), looks });
    }
    let file = File::open(path).map_err(failed)?;
    match read_stream(&path.display().to_string(), file) {
        Err(AuditError::Read { source, .. }) => Err(failed(source)),
        other => other,
    }
}

/// Reads the content of one file.
///
/// # Errors
///
/// [`AuditError::NotUnderstood`] when nothing in it can be audited, [`AuditError::Damaged`] when it breaks off.
pub fn read_bytes(name: &str, bytes: &[u8]) -> Result<Report, AuditError> {
    read_stream(name, Cursor::new(bytes))
}

/// Reads one file from wherever it comes, in bounded memory.
///
/// # Errors
///
/// As [`read_bytes`].
pub fn read_stream(name: &str, bytes: impl Read) -> Result<Report, AuditError> {
    let refuse = |looks: String| AuditError::NotUnderstood { name: name.to_owned(), looks };
    let source = source::open(bytes).map_err(|no_text| match no_text {
        NoText::Io(source) => AuditError::Read { path: PathBuf::from(name), source },
        NoText::Is(looks) => refuse(looks),
    })?;
    let packed = source.packed;
    let is_own = own::is_own(&source.head);
    let mut report = match source.head.trim_start().bytes().next() {
        Some(b'{' | b'[') if looks_like_json(&source.head) => match json::read(source.reader) {
            Ok(report) => report,
            Err(json::NoReport::Looks(looks)) => return Err(refuse(looks)),
            Err(json::NoReport::Broken(broken)) => {
                return Err(AuditError::Damaged {
                    name: name.to_owned(),
                    kind: "JSON",
                    why: format!("it {}", broken.why),
                    line: broken.line,
                });
            }
        },
        _ => text_or_table(source).map_err(refuse)?,
    };
    if !report.is_understood() {
        let format = report.format;
        return Err(refuse(format!("{format}, but no figure in it was understood")));
    }
    if is_own {
        own::mark(&mut report);
    }
    if let Some(packed) = packed {
        report.format = format!("{} ({packed})", report.format);
    }
    name.clone_into(&mut report.source);
    Ok(report)
}

/// `[` also begins lines of logs: `[12:00:01] 3 ms`, `[main] INFO`.
fn looks_like_json(head: &str) -> bool {
    let rest = head.trim_start();
    if let Some(inner) = rest.strip_prefix('{') {
        return inner.trim_start().starts_with(['"', '}']) || inner.is_empty();
    }
    let inner = rest.strip_prefix('[').unwrap_or_default().trim_start();
    inner.is_empty()
        || inner.starts_with(['{', '[', '"', ']', '-'])
        || inner.starts_with(|first: char| first.is_ascii_digit()) && {
            let after = inner
                .trim_start_matches(|letter: char| {
                    letter.is_ascii_digit() || matches!(letter, '.' | 'e' | 'E' | '-' | '+')
                })
                .trim_start();
            after.starts_with(',') || after.starts_with("]\n") || after == "]" || after.is_empty()
        }
        || ["null", "true", "false", "NaN"].iter().any(|word| inner.starts_with(word))
}

fn text_or_table(mut source: Source<'_>) -> Result<Report, String> {
    if let Some(reader) = text::tool(&source.head) {
        return whole(&mut source).map(|(text, mut report)| {
            let read = reader(&text);
            report.benchmarks = read.benchmarks;
            report.format = read.format;
            report.statements = read.statements;
            read.ignored.into_iter().for_each(|(what, times)| report.ignore(what, times));
            report
        });
    }
    if let Some(shape) = csv::recognise(&source.head) {
        let read = csv::read(source.reader, shape)?;
        if read.is_understood() {
            return Ok(read);
        }
        return Err(
            "a table in which no column is known to hold durations or statistics (by its name and unit)"
                .to_owned(),
        );
    }
    let (text, mut report) = whole(&mut source)?;
    let start = text.trim_start();
    let is_page = ["<!doctype html", "<html"]
        .iter()
        .any(|tag| start.get(..tag.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(tag)));
    let read = if is_page {
        Report { format: "HTML".to_owned(), ..prose::read(&html::to_markdown(&text)) }
    } else {
        prose::read(&text)
    };
    if !read.is_understood() {
        return Err(text::looks_like(&text).to_owned());
    }
    let Report { benchmarks, claims, statements, ignored, format, .. } = read;
    (report.benchmarks, report.claims, report.statements, report.format) =
        (benchmarks, claims, statements, format);
    ignored.into_iter().for_each(|(what, times)| report.ignore(what, times));
    Ok(report)
}

/// The text as a whole, repaired, and a report that says so.
fn whole(source: &mut Source<'_>) -> Result<(String, Report), String> {
    let mut bytes = Vec::new();
    let mut report = Report::default();
    source.reader.by_ref().take(WHOLE as u64).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    let mut more = [0];
    if source.reader.read(&mut more).is_ok_and(|read| read > 0) {
        report.ignore(format!("everything after the first {} MiB", WHOLE >> 20), 1);
    }
    let (text, repair) = repair(&bytes);
    report.repair = repair;
    Ok((text, report))
}
