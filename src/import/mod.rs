//! From a recording of a real system to a scenario: spans and access logs in, TOML with provenance out.
//!
//! A figure in the scenario is measured (from so many spans), derived (how), assumed, or not identifiable from the source:
//! a span shows no lock, no queue and no processor. Each says which, in a comment beside it.

mod access_log;
mod arrivals;
mod chrome;
mod jaeger;
mod loops;
mod otlp;
mod recording;
mod sched;
mod span;
mod steps;
mod system;
mod write;

pub use access_log::{Columns, Log, Request};
pub use arrivals::{Rhythm, rhythm};
pub use recording::{Twin, TwinGroup, of_recording};
pub use span::{Hold, Name, Side, Span, Spans, Stated};
pub use system::{Call, Operation, Resource, Step, System, system};
pub use write::{Imported, of_log, of_spans};

use flate2::read::GzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

/// Largest content of a file, unpacked: 10⁶ spans of OTLP JSON have some 0.6 GB.
const LARGEST: u64 = 2 << 30;

/// Why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// It could not be read.
    #[error("read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It is none of the formats.
    #[error("{0}")]
    NotUnderstood(String),
}

/// What the files hold.
#[derive(Debug)]
pub enum Source {
    /// Spans of traces.
    Spans(Spans),
    /// Requests of an access log.
    Log(Log),
}

/// Reads files of one kind: OTLP JSON, Jaeger JSON, Chrome or Perfetto JSON, scheduler events as `perf script` prints them, or access logs;
/// gzip-compressed ones too.
///
/// # Errors
///
/// [`ImportError`]: a file cannot be read, is none of these, or they are of different kinds.
pub fn read(paths: &[PathBuf], columns: Option<&Columns>) -> Result<Source, ImportError> {
    let mut spans = Spans::default();
    let mut log: Option<Log> = None;
    let (mut traces, mut scheduled) = (false, false);
    for path in paths {
        let text = text(path)?;
        if text.trim_start().starts_with(['{', '[']) {
            traces = true;
            json(&text, &mut spans)
                .map_err(|why| ImportError::NotUnderstood(format!("{}: {why}", path.display())))?;
            continue;
        }
        if text.starts_with("PERFILE2") {
            return Err(ImportError::NotUnderstood(format!(
                "{0} is binary: print it with `perf script --ns -i {0} > sched.txt`, and import sched.txt",
                path.display()
            )));
        }
        if columns.is_none() && sched::is_perf_script(&text) {
            scheduled = true;
            sched::read(&text, &mut spans)
                .map_err(|why| ImportError::NotUnderstood(format!("{}: {why}", path.display())))?;
            continue;
        }
        let found = match columns {
            Some(columns) => access_log::read_csv(&text, columns)?,
            None => access_log::read_lines(&text),
        };
        if found.requests.is_empty() {
            return Err(ImportError::NotUnderstood(format!(
                "{}: no request was read: expected OTLP, Jaeger or Chrome JSON, an nginx log with $request_time at the end, an envoy log, or a \
                 CSV with --columns start=NAME,duration=NAME,unit=ms, or what `perf script` prints of `perf sched record`",
                path.display()
            )));
        }
        match &mut log {
            None => log = Some(found),
            Some(log) => {
                log.requests.extend(found.requests);
                log.requests.sort_by_key(|request| request.start);
                log.unread += found.unread;
                log.grain = log.grain.max(found.grain);
            }
        }
    }
    if traces && scheduled {
        return Err(ImportError::NotUnderstood(
            "traces beside scheduler events: import one kind at a time".into(),
        ));
    }
    match (log, spans.spans.is_empty()) {
        (Some(log), true) => Ok(Source::Log(log)),
        (None, false) => Ok(Source::Spans(spans)),
        (Some(_), false) => {
            Err(ImportError::NotUnderstood("traces beside access logs: import one kind at a time".into()))
        }
        (None, true) => Err(ImportError::NotUnderstood(format!(
            "no finished span was read ({} unfinished): expected OTLP, Jaeger or Chrome trace JSON",
            spans.unfinished
        ))),
    }
}

/// The content of a file, unpacked if need be; bytes that are not text are replaced.
fn text(path: &Path) -> Result<String, ImportError> {
    let cannot = |source| ImportError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(cannot)?;
    // Room for all of it at once: growing by doubling would take three times as much for a moment.
    let length = file.metadata().map_or(0, |meta| meta.len()).min(LARGEST + 1);
    let mut file = BufReader::new(file);
    let mut magic = [0; 2];
    let got = file.read(&mut magic).map_err(cannot)?;
    let head = magic[..got].to_vec();
    let whole = io::Cursor::new(head.clone()).chain(file);
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1);
    let read = if head == [0x1f, 0x8b] {
        GzDecoder::new(whole).take(LARGEST + 1).read_to_end(&mut bytes)
    } else {
        whole.take(LARGEST + 1).read_to_end(&mut bytes)
    };
    read.map_err(cannot)?;
    if bytes.len() as u64 > LARGEST {
        return Err(cannot(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "larger than 2 GiB; import a shorter recording",
        )));
    }
    Ok(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// Reads one JSON value after the other.
fn json(text: &str, spans: &mut Spans) -> Result<(), String> {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let head = start.char_indices().nth(65_536).map_or(start, |(end, _)| &start[..end]);
    if head.contains("\"traceEvents\"") || (head.starts_with('[') && head.contains("\"ph\"")) {
        return chrome::read(start, spans);
    }
    if start.get(..4096).unwrap_or(start).contains("\"data\"") {
        let answer: jaeger::Answer<'_> =
            serde_json::from_str(start).map_err(|error| format!("not Jaeger JSON: {error}"))?;
        jaeger::read(answer, spans);
        return Ok(());
    }
    let values = serde_json::Deserializer::from_str(start).into_iter::<otlp::Export<'_>>();
    for (requests, export) in values.enumerate() {
        match export {
            Ok(export) => otlp::read(export, spans),
            // A recording that is cut off in the middle keeps what came before.
            Err(error) if error.is_eof() && requests > 0 => {
                spans.unfinished += 1;
                return Ok(());
            }
            Err(error) => return Err(format!("not OTLP JSON: {error}")),
        }
    }
    Ok(())
}
