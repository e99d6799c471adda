//! Reading records back.

use super::RunRecord;
use super::plausible::Plausible;
use super::record::SCHEMA;
use crate::files::{self, LARGEST_RECORD};
use serde::de::DeserializeSeed;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoredError {
    /// There is nothing to read.
    #[error("read {}; name a record's folder or its run.json", path.display())]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It is something else than a record.
    #[error("use {} as a record: {reason}", path.display())]
    NotARecord {
        /// What was read.
        path: PathBuf,
        /// Why it is none.
        reason: String,
    },
    /// It was written by a later program, whose fields may mean something else.
    #[error(
        "use {} as a record: it has schema {found}, and this program reads schema {SCHEMA}; update conlab",
        path.display()
    )]
    Newer {
        /// What was read.
        path: PathBuf,
        /// Its schema.
        found: u64,
    },
}

/// The record at `path`: a record's folder, or its `run.json` under any name.
///
/// # Errors
///
/// [`StoredError`].
pub fn load(path: &Path) -> Result<RunRecord, StoredError> {
    let file = if path.is_dir() { path.join("run.json") } else { path.to_owned() };
    let text = files::read_text(&file, LARGEST_RECORD)
        .map_err(|source| StoredError::Read { path: file.clone(), source })?;
    read(&text).map_err(|fault| match fault {
        Fault::Newer(found) => StoredError::Newer { path: file, found },
        Fault::Other(reason) => StoredError::NotARecord { path: file, reason },
    })
}

enum Fault {
    Newer(u64),
    Other(String),
}

/// The record that `text`, JSON, is.
///
/// # Errors
///
/// Why it is none, as a fragment.
pub fn parse(text: &str) -> Result<RunRecord, String> {
    read(text).map_err(|fault| match fault {
        Fault::Newer(found) => format!("it has schema {found}"),
        Fault::Other(reason) => reason,
    })
}

fn read(text: &str) -> Result<RunRecord, Fault> {
    // Without building the tree twice: the schema alone first, then the record.
    #[derive(serde::Deserialize)]
    struct Head {
        schema: Option<Value>,
    }
    let head: Head = serde_json::from_str(text).map_err(|error| Fault::Other(format!("{error}")))?;
    match head.schema.as_ref().map(Value::as_u64) {
        None => return Err(Fault::Other("it names no schema".into())),
        Some(Some(found)) if found > u64::from(SCHEMA) => return Err(Fault::Newer(found)),
        Some(Some(found)) if found == u64::from(SCHEMA) => {}
        Some(_) => return Err(Fault::Other(format!("its schema is not {SCHEMA}"))),
    }
    // Before anything is computed with its numbers.
    Plausible::document()
        .deserialize(&mut serde_json::Deserializer::from_str(text))
        .map_err(|error| Fault::Other(format!("{error}")))?;
    serde_json::from_str(text).map_err(|error| Fault::Other(format!("{error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn said(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("run.json"), text).unwrap();
        load(folder.path()).map_or_else(|error| error.to_string(), |record| record.scenario.name)
    }

    #[test]
    fn a_record_comes_back_from_its_folder_and_everything_else_is_refused_with_a_reason() {
        let mut record = RunRecord { schema: SCHEMA, ..RunRecord::default() };
        record.scenario.name = "agents".into();
        assert_eq!(said(&serde_json::to_string(&record).unwrap()), "agents");
        record.schema = SCHEMA + 1;
        assert!(said(&serde_json::to_string(&record).unwrap()).contains("update conlab"));
        for (text, reason) in [
            ("{}", "it names no schema"),
            ("[1]", "use "),
            ("", "EOF"),
            ("{\"schema\": \"1\"}", "its schema is not 1"),
            ("{\"schema\": 1, \"conlab\": 7}", "expected a string"),
        ] {
            assert!(said(text).contains(reason), "{text}: {}", said(text));
        }
        let missing = load(Path::new("/nowhere/at/all")).unwrap_err().to_string();
        assert!(missing.contains("name a record's folder"), "{missing}");
    }
}
