//! Sweeps: studies of many cells, computed by any number of processes on any number of machines, and put together again.
//!
//! A **plan** lists the cells of a study and freezes what they depend on: the scenario's text, the constants that the virtual
//! engine charges, the program's version. A cell's **key** is a hash of all of it and of the cell's treatment and seed. A
//! **shard** computes those of its cells that nobody has; each result is a line of a file that only one process writes, with
//! a checksum, so that a cell is there whole or not at all. **Merging** reads every line, refuses what is of another plan, and
//! writes tables in the order of the plan: the same bytes, however the cells were computed.
//!
//! The cells may be the runs of another command, such as `explain`, or the first round of `fit`. Merged, they stand in the place of the engine
//! ([`Kept`]), and that command makes its answer of them as it would of runs.

mod cells;
mod design;
mod kept;
mod merge;
mod plan;
mod shards;
mod submit;
mod table;

pub use cells::{Foreign, Log, Outcome, Stored};
pub use design::{Sample, Study, StudyCommand, read_study};
pub use kept::Kept;
pub use merge::{Tables, merge};
pub use plan::{Cell, Plan};
pub use shards::{Computing, Ran, Shard, compute};
pub use submit::{Job, Parts, Scheduler, job};
pub use table::write_table;

use std::path::PathBuf;

/// Most cells of a plan.
pub const MAX_CELLS: usize = 1_000_000;

/// Why a sweep cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// A file could not be read or written.
    #[error("{action} {}", path.display())]
    File {
        /// `read`, `write` or `make`.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The study, the plan or the cells say what cannot be; the sentence says what to do.
    #[error("{0}")]
    Refused(String),
}

impl SweepError {
    fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}

/// FNV-1a over 128 bits, in hexadecimal: against mix-ups, not against forgery.
fn digest(parts: &[&str]) -> String {
    let mut hash = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    for part in parts {
        // A mark between parts, so that no two lists run together alike.
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }
    format!("{hash:032x}")
}
