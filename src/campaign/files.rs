//! The file layout of phase 18F: written whole or not at all.

use super::{CampaignError, Outcome};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders under `phase_18f/`.
const FOLDERS: [&str; 4] = ["daily_reports", "metrics_json", "raw_profiles", "flame_graphs"];

/// Where a campaign writes, and the time in its names.
#[derive(Clone, Debug)]
pub struct ResultFiles {
    root: PathBuf,
    /// RFC 3339 in UTC.
    time: String,
    /// Everything written so far.
    pub written: Vec<PathBuf>,
}

impl ResultFiles {
    /// Makes the folders under `out`; `time` as RFC 3339 in UTC.
    ///
    /// # Errors
    ///
    /// [`CampaignError::File`] when a folder cannot be made.
    pub fn create(out: &Path, time: &str) -> Result<Self, CampaignError> {
        let root = out.join("phase_18f");
        for folder in FOLDERS {
            let path = root.join(folder);
            fs::create_dir_all(&path).map_err(|source| CampaignError::File {
                action: "make",
                path,
                source,
            })?;
        }
        // Whole seconds are enough, and the names stay short.
        let seconds = time.split(['.', 'Z', '+']).next().unwrap_or(time);
        Ok(Self { root, time: format!("{seconds}Z"), written: Vec::new() })
    }

    /// The folder of the campaign.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Writes a task's metrics, profiles and flame graphs.
    ///
    /// # Errors
    ///
    /// [`CampaignError::File`] when a file cannot be written.
    pub fn write_outcome(&mut self, outcome: &Outcome) -> Result<(), CampaignError> {
        let stem = format!("{}_{}", outcome.task.name, self.time.replace(':', "-"));
        self.write("metrics_json", &format!("{stem}.json"), &format!("{:#}\n", outcome.to_json()))?;
        for artifact in &outcome.artifacts {
            self.write(artifact.folder, &format!("{stem}{}", artifact.ending), &artifact.text)?;
        }
        Ok(())
    }

    /// Writes a day's report and its summary.
    ///
    /// # Errors
    ///
    /// [`CampaignError::File`] when a file cannot be written.
    pub fn write_day(&mut self, day: u64, report: &Value, summary: &str) -> Result<(), CampaignError> {
        let digits: String = self.time.chars().filter(char::is_ascii_digit).collect();
        let (date, clock) = digits.split_at(digits.len().min(8));
        let stem = format!("day_{day}_report_{date}_{clock}");
        self.write("daily_reports", &format!("{stem}.json"), &format!("{report:#}\n"))?;
        self.write("daily_reports", &format!("{stem}.md"), summary)
    }

    /// Writes one file under `folder`, first to a temporary name.
    ///
    /// # Errors
    ///
    /// [`CampaignError::File`] when it cannot be written.
    pub fn write(&mut self, folder: &str, name: &str, text: &str) -> Result<(), CampaignError> {
        let path = self.root.join(folder).join(name);
        let draft = path.with_extension("part");
        fs::write(&draft, text)
            .and_then(|()| fs::rename(&draft, &path))
            .map_err(|source| CampaignError::File { action: "write", path: path.clone(), source })?;
        self.written.push(path);
        Ok(())
    }
}
