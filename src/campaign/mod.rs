//! A profiling campaign: tasks by day, their files and reports, on three levels that are never blurred. What a campaign
//! measures, bounds, proposes and replays is its [`Pack`], a folder of TOML files; phase 18F's is in the binary.
//!
//! - [`Level::Replay`]: the reported figures regenerated from their ramps; nothing is run, and every file says
//!   `synthetic`.
//! - [`Level::Model`]: a mechanism model in virtual time, fitted on the isolated figures and asked for the baseline.
//! - [`Level::Measured`]: the scenarios on real threads of this machine.

mod config;
mod days;
mod drift;
mod files;
mod measured;
mod model;
mod outcome;
mod pack;
mod page;
mod replay;
mod roadmap;
mod scan;
mod summary;
mod targets;
mod toml;

pub use config::{TaskSpec, What};
use days::DayInput;
pub use days::{Campaign, DayReport, run};
pub use files::ResultFiles;
pub use outcome::{Artifact, Outcome, Status};
pub use pack::{EMBEDDED, Pack, ScanBounds};
pub use page::campaign_page;
pub use replay::{Replay, Replayed};
pub use roadmap::{Entry, Judged, Trial, roadmap_fixes};
pub use targets::Target;

use std::path::PathBuf;

/// How far the figures are from a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Reported figures regenerated; nothing runs.
    Replay,
    /// Virtual time.
    Model,
    /// Real threads.
    #[default]
    Measured,
}

impl Level {
    /// Every level, from the report to the machine.
    pub const ALL: [Self; 3] = [Self::Replay, Self::Model, Self::Measured];

    /// The word for it on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Model => "model",
            Self::Measured => "measured",
        }
    }

    /// What every output of the level says of itself.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Replay => "synthetic: regenerated from formulas, nothing was run",
            Self::Model => "model: virtual time, a prediction",
            Self::Measured => "measured on this machine",
        }
    }
}

/// Why a campaign could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CampaignError {
    /// A file of the pack says what cannot be.
    #[error("{0}")]
    Config(String),
    /// A file could not be read or written.
    #[error("{action} {}", path.display())]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The user interrupted it; what was finished is in its files.
    #[error("finish the campaign: interrupted; what was finished is kept")]
    Interrupted,
}
