//! Why a store refuses.

use std::path::PathBuf;

/// Why a store cannot be made, opened, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file is not what was written: it was cut, altered, or is no store at all.
    #[error(
        "the store {} is damaged ({what}) and was not opened: restore it from a copy, or delete it to begin anew",
        path.display()
    )]
    Damaged {
        /// The store's file.
        path: PathBuf,
        /// What gave it away.
        what: String,
    },
    /// There is no store in that place.
    #[error("there is no store at {}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// It is open elsewhere, in this process or another.
    #[error("the store {} is in use: wait for whoever has it open, or choose another directory", path.display())]
    Busy {
        /// The store's file.
        path: PathBuf,
    },
    /// A value of another size than the store's.
    #[error("a value of {given} bytes does not fit a store of values of {wanted} bytes")]
    WrongSize {
        /// Bytes given.
        given: usize,
        /// Bytes of the store's values.
        wanted: usize,
    },
    /// The system refused a file operation.
    #[error("{action} the store {}", path.display())]
    System {
        /// What was tried.
        action: &'static str,
        /// The store's file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The engine behind the store refused.
    #[error("{action} the store {}", path.display())]
    Engine {
        /// What was tried.
        action: &'static str,
        /// The store's file.
        path: PathBuf,
        /// The engine's reason.
        source: Box<redb::Error>,
    },
}
