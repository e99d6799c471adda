//! Why a scenario cannot be run.

use std::fmt;
use std::path::PathBuf;

/// Why a scenario cannot be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// The file could not be read.
    #[error("read scenario {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// No embedded scenario has this name, and it is not a path.
    #[error("{0}; a file is named by its path, such as ./mine.toml")]
    Unknown(String),
    /// The file says something that cannot be; every mistake at once, in the order of the file.
    #[error("{}", listed(origin, mistakes))]
    Invalid {
        /// The file or embedded name.
        origin: String,
        /// What is wrong.
        mistakes: Vec<Mistake>,
    },
}

/// One thing that a scenario says and cannot mean.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// Line in the file, from 1; 0 when it belongs to no line (something is missing, or it came from an option).
    pub line: usize,
    /// The key, as a path such as `actor.agents.threads`; empty for the file as a whole.
    pub key: String,
    /// What is wrong, what was expected, and the nearest known name.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)
    }
}

/// One mistake as one sentence; several under a heading, a line each.
fn listed(origin: &str, mistakes: &[Mistake]) -> String {
    let located = |mistake: &Mistake| match mistake.line {
        0 => format!("{origin}: {mistake}"),
        line => format!("{origin}:{line}: {mistake}"),
    };
    match mistakes {
        [only] => located(only),
        _ => {
            let lines: Vec<String> =
                mistakes.iter().map(|mistake| format!("\n  {}", located(mistake))).collect();
            format!("{} mistakes in {origin}:{}", mistakes.len(), lines.concat())
        }
    }
}
