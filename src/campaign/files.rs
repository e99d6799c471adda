//! The file layout of a campaign; each file whole or absent, and none shared with another campaign.

use super::{CampaignError, Outcome};
use crate::files::{self, Claim};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders under the campaign's.
const FOLDERS: [&str; 4] = ["daily_reports", "metrics_json", "raw_profiles", "flame_graphs"];

/// Where a campaign writes, and the time in its names.
#[derive(Debug)]
pub struct ResultFiles {
    root: PathBuf,
    stamp: Stamp,
    /// Everything written so far.
    pub written: Vec<PathBuf>,
    // Nobody else may write files of this stamp for now.
    _claim: Claim,
}

/// The time in the names of a campaign's files, to the second, with a number where several began within one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    /// As tasks have it: `2026-01-02T03-04-05Z`.
    of_tasks: String,
    /// As days have it: `20260102_030405`.
    of_days: String,
}

impl Stamp {
    /// The `copy`th campaign, from 1, that began at `time`, RFC 3339 in UTC.
    fn new(time: &str, copy: u32) -> Self {
        let seconds = time.split(['.', 'Z', '+']).next().unwrap_or(time);
        let digits: String = seconds.chars().filter(char::is_ascii_digit).collect();
        let (date, clock) = digits.split_at(digits.len().min(8));
        let behind = |mark: char| if copy == 1 { String::new() } else { format!("{mark}{copy}") };
        Self {
            of_tasks: format!("{}Z{}", seconds.replace(':', "-"), behind('-')),
            of_days: format!("{date}_{clock}{}", behind('_')),
        }
    }

    /// Whether a file of this name carries it.
    fn is_in(&self, name: &str) -> bool {
        let carries = |stamp: &str| {
            name.split_once(stamp).is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with(['.', '_']))
        };
        carries(&self.of_tasks) || name.contains(&format!("_{}.", self.of_days))
    }
}

impl ResultFiles {
    /// Makes the folders of the campaign `folder` under `out`; `time` as RFC 3339 in UTC.
    ///
    /// # Errors
    ///
    /// [`CampaignError::File`] when a folder cannot be made.
    pub fn create(out: &Path, folder: &str, time: &str) -> Result<Self, CampaignError> {
        let root = out.join(folder);
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| CampaignError::File { action: "make", path, source }
        };
        for folder in FOLDERS {
            let path = root.join(folder);
            fs::create_dir_all(&path).map_err(failed(&path))?;
            files::tidy(&path);
        }
        files::tidy(&root);
        // Ends at the first number that no campaign has or had.
        let mut copy = 1;
        loop {
            let stamp = Stamp::new(time, copy);
            let claim = Claim::take(&root, &stamp.of_tasks).map_err(failed(&root))?;
            if let Some(claim) = claim
                && !is_taken(&root, &stamp).map_err(failed(&root))?
            {
                return Ok(Self { root, stamp, written: Vec::new(), _claim: claim });
            }
            copy += 1;
        }
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
        let stem = format!("{}_{}", outcome.task.name, self.stamp.of_tasks);
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
        let stem = format!("day_{day}_report_{}", self.stamp.of_days);
        self.write("daily_reports", &format!("{stem}.json"), &format!("{report:#}\n"))?;
        self.write("daily_reports", &format!("{stem}.md"), summary)
    }

    /// Writes one file under `folder`, whole or not at all.
    ///
    /// # Errors
    ///
    /// [`CampaignError::File`] when it cannot be written.
    pub fn write(&mut self, folder: &str, name: &str, text: &str) -> Result<(), CampaignError> {
        let path = self.root.join(folder).join(name);
        files::replace(&path, text.as_bytes()).map_err(|source| CampaignError::File {
            action: "write",
            path: path.clone(),
            source,
        })?;
        self.written.push(path);
        Ok(())
    }
}

/// Whether a file of an earlier campaign carries this stamp.
fn is_taken(root: &Path, stamp: &Stamp) -> std::io::Result<bool> {
    for folder in FOLDERS {
        for entry in fs::read_dir(root.join(folder))? {
            if stamp.is_in(&entry?.file_name().to_string_lossy()) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn campaigns_of_one_second_share_no_file() {
        let out = tempfile::tempdir().unwrap();
        let time = "2026-01-02T03:04:05Z";
        let mut first = ResultFiles::create(out.path(), "mine", time).unwrap();
        let mut second = ResultFiles::create(out.path(), "mine", time).unwrap();
        for files in [&mut first, &mut second] {
            files.write_day(1, &serde_json::json!({}), "").unwrap();
        }
        drop(first);
        let mut third = ResultFiles::create(out.path(), "mine", time).unwrap();
        third.write_day(1, &serde_json::json!({}), "").unwrap();
        drop((second, third));
        let mut names: Vec<String> = fs::read_dir(out.path().join("mine/daily_reports"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name.ends_with(".json"))
            .collect();
        names.sort();
        let expected = ["", "_2", "_3"].map(|behind| format!("day_1_report_20260102_030405{behind}.json"));
        assert_eq!(names, expected);
        assert_eq!(fs::read_dir(out.path().join("mine")).unwrap().count(), FOLDERS.len());
    }

    #[test]
    fn a_stamp_is_told_from_a_numbered_one() {
        let (first, second) =
            (Stamp::new("2026-01-02T03:04:05Z", 1), Stamp::new("2026-01-02T03:04:05.7Z", 2));
        assert!(first.is_in("task_2026-01-02T03-04-05Z.json"));
        assert!(first.is_in("task_2026-01-02T03-04-05Z_roadmap.md"));
        assert!(!first.is_in("task_2026-01-02T03-04-05Z-2.json"));
        assert!(second.is_in("task_2026-01-02T03-04-05Z-2.json"));
        assert!(second.is_in("day_3_report_20260102_030405_2.md"));
        assert!(!first.is_in("day_3_report_20260102_030405_2.md"));
    }
}
