//! A campaign pack: a folder of TOML files that say everything about a campaign. The code knows no campaign.

use super::CampaignError;
use super::config::{self, TaskSpec};
use super::replay::Replay;
use super::roadmap::{self, Entry};
use super::targets::Target;
use super::toml::document;
use crate::scenario::{self, Overrides, Scenario};
use crate::study::fit::FitPlan;
use serde::Deserialize;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Name of the pack in the binary.
pub const EMBEDDED: &str = "phase-18f";

/// Largest file of a pack.
const LARGEST: u64 = 16 << 20;

macro_rules! embedded {
    ($($name:literal),* $(,)?) => {
        /// The files of the embedded pack that are not scenarios.
        const FILES: &[(&str, &str)] = &[$((
            $name,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/experiments/phase-18f/", $name)),
        )),*];
    };
}

embedded!["pack.toml", "tasks.toml", "targets.toml", "roadmap.toml", "replay.toml", "fit.toml", "model.toml"];

/// A campaign, read and checked.
#[derive(Clone, Debug)]
pub struct Pack {
    /// Its name.
    pub name: String,
    /// Its name in reports.
    pub title: String,
    /// Folder of its results, below `--out`.
    pub folder: String,
    /// Its tasks, in order.
    pub tasks: Vec<TaskSpec>,
    /// Bounds on what is measured.
    pub targets: Vec<Target>,
    /// What is proposed.
    pub entries: Vec<Entry>,
    /// Reported figures and their formulas.
    pub replay: Replay,
    /// The model: a plan and its scenario.
    pub model: Option<(FitPlan, Scenario)>,
    /// Days whose reports show the model.
    pub model_days: Vec<u64>,
    /// Bottleneck scan: most self time of a function and most time of a component, in per cent.
    pub scan: ScanBounds,
    source: Source,
}

/// Bounds of the bottleneck scan, in per cent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScanBounds {
    /// Most self time of a function.
    pub self_time: f64,
    /// Most time of a component.
    pub total_time: f64,
}

/// Where a pack's files are.
#[derive(Clone, Debug)]
enum Source {
    Embedded,
    Folder(PathBuf),
}

/// `pack.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    #[serde(rename = "schema")]
    _schema: super::toml::SchemaOne,
    name: String,
    title: String,
    folder: String,
    #[serde(default)]
    model_days: Vec<u64>,
    #[serde(default = "self_time")]
    self_time: f64,
    #[serde(default = "total_time")]
    total_time: f64,
}

const fn self_time() -> f64 {
    25.0
}

const fn total_time() -> f64 {
    35.0
}

/// `targets.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Targets {
    #[serde(default, rename = "schema")]
    _schema: super::toml::SchemaOne,
    #[serde(default)]
    target: Vec<Target>,
}

impl Pack {
    /// The pack in the binary of this name, or the one in the folder of this path.
    ///
    /// # Errors
    ///
    /// [`CampaignError`]: there is none, or one of its files says what cannot be.
    pub fn open(name_or_path: &str) -> Result<Self, CampaignError> {
        if name_or_path == EMBEDDED {
            return Self::read(Source::Embedded);
        }
        let folder = Path::new(name_or_path);
        if !folder.join("pack.toml").is_file() {
            return Err(CampaignError::Config(format!(
                "{name_or_path} is not a campaign pack: expected `{EMBEDDED}` or a folder with a pack.toml"
            )));
        }
        Self::read(Source::Folder(folder.to_owned()))
    }

    fn read(source: Source) -> Result<Self, CampaignError> {
        let required = |name: &str| {
            source.text(name)?.ok_or_else(|| {
                CampaignError::Config(format!("{}: expected a file {name}", source.place(".")))
            })
        };
        let head: Head = document(&required("pack.toml")?, &source.place("pack.toml"))?;
        check_name(&head.folder)
            .map_err(|why| CampaignError::Config(format!("{}: folder: {why}", source.place("pack.toml"))))?;
        let place = source.place("tasks.toml");
        let tasks = config::tasks(&required("tasks.toml")?, &place)?;
        let targets: Targets = match source.text("targets.toml")? {
            Some(text) => document(&text, &source.place("targets.toml"))?,
            None => Targets::default(),
        };
        for target in &targets.target {
            target
                .check()
                .map_err(|why| CampaignError::Config(format!("{}: {why}", source.place("targets.toml"))))?;
        }
        let entries = match source.text("roadmap.toml")? {
            Some(text) => roadmap::entries(&text, &source.place("roadmap.toml"))?,
            None => Vec::new(),
        };
        let replay = match source.text("replay.toml")? {
            Some(text) => Replay::parse(&text, &source.place("replay.toml"))?,
            None => Replay::default(),
        };
        let mut pack = Self {
            name: head.name,
            title: head.title,
            folder: head.folder,
            tasks,
            targets: targets.target,
            entries,
            replay,
            model: None,
            model_days: head.model_days,
            scan: ScanBounds { self_time: head.self_time, total_time: head.total_time },
            source,
        };
        pack.model = pack.read_model()?;
        Ok(pack)
    }

    fn read_model(&self) -> Result<Option<(FitPlan, Scenario)>, CampaignError> {
        let Some(text) = self.source.text("fit.toml")? else { return Ok(None) };
        let place = self.source.place("fit.toml");
        let plan = FitPlan::parse(&text, &place).map_err(CampaignError::Config)?;
        let name = plan.scenario.clone().ok_or_else(|| {
            CampaignError::Config(format!(
                "{place}: expected scenario = \"…\", a file beside it or a built-in one"
            ))
        })?;
        let scenario = self.scenario(&name, &Overrides::default()).map_err(CampaignError::Config)?;
        Ok(Some((plan, scenario)))
    }

    /// The pack with the fields of tasks that `text` changes, by name.
    ///
    /// # Errors
    ///
    /// [`CampaignError::Config`] when it names an unknown task or key, or a value out of range.
    pub fn with_tasks(mut self, text: &str, origin: &str) -> Result<Self, CampaignError> {
        config::replace(&mut self.tasks, text, origin)?;
        Ok(self)
    }

    /// The pack with the roadmap of `text`.
    ///
    /// # Errors
    ///
    /// [`CampaignError::Config`] when a field is missing, unknown or out of range.
    pub fn with_roadmap(mut self, text: &str, origin: &str) -> Result<Self, CampaignError> {
        self.entries = roadmap::entries(text, origin)?;
        Ok(self)
    }

    /// Days that have tasks, in order.
    #[must_use]
    pub fn days(&self) -> Vec<u64> {
        let mut days: Vec<u64> = self.tasks.iter().map(|task| task.day).collect();
        days.sort_unstable();
        days.dedup();
        days
    }

    /// The scenario that a file of the pack names: one beside it, or a built-in one.
    ///
    /// # Errors
    ///
    /// A sentence: there is none, or it says what cannot be.
    pub fn scenario(&self, name: &str, overrides: &Overrides) -> Result<Scenario, String> {
        let found = match &self.source {
            Source::Embedded => match FILES.iter().find(|(file, _)| *file == name) {
                Some((_, text)) => {
                    Scenario::parse(text, name).and_then(|scenario| scenario.overridden(overrides))
                }
                None => Scenario::load(name, overrides),
            },
            Source::Folder(folder) => {
                let file = folder.join(if Path::new(name).extension().is_some() {
                    name.to_owned()
                } else {
                    format!("{name}.toml")
                });
                let is_here = Path::new(name).components().count() == 1 && file.is_file();
                let place = if is_here { file.to_string_lossy().into_owned() } else { name.to_owned() };
                Scenario::load(&place, overrides)
            }
        };
        found.map_err(|error: scenario::ScenarioError| error.to_string())
    }
}

impl Source {
    /// The text of a file; `None` where there is none.
    fn text(&self, name: &str) -> Result<Option<String>, CampaignError> {
        match self {
            Self::Embedded => {
                Ok(FILES.iter().find(|(file, _)| *file == name).map(|(_, text)| (*text).to_owned()))
            }
            Self::Folder(folder) => {
                let path = folder.join(name);
                let cannot = |source| CampaignError::File { action: "read", path: path.clone(), source };
                if !path.exists() {
                    return Ok(None);
                }
                let mut text = String::new();
                let file = fs::File::open(&path).map_err(cannot)?;
                file.take(LARGEST).read_to_string(&mut text).map_err(cannot)?;
                Ok(Some(text))
            }
        }
    }

    /// How messages name a file.
    fn place(&self, name: &str) -> String {
        match self {
            Self::Embedded => format!("{EMBEDDED}/{name}"),
            Self::Folder(folder) => folder.join(name).display().to_string(),
        }
    }
}

/// Whether `folder` is the name of one folder.
fn check_name(folder: &str) -> Result<(), String> {
    let is_plain = !folder.is_empty()
        && !folder.starts_with('.')
        && folder.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if is_plain {
        Ok(())
    } else {
        Err(format!("`{folder}` is not a folder's name: expected letters, digits, - and _"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_pack_is_whole() {
        let pack = Pack::open(EMBEDDED).unwrap();
        assert_eq!((pack.tasks.len(), pack.days()), (15, vec![1, 2, 3, 4, 5]));
        assert_eq!((pack.targets.len(), pack.entries.len()), (9, 3));
        let (plan, _) = pack.model.as_ref().unwrap();
        assert_eq!((plan.components().len(), plan.predict.len()), (4, 6));
    }

    /// Somebody else's campaign: two files and a scenario, and no Rust.
    #[test]
    fn a_folder_is_a_pack() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("pack.toml", "schema = 1\nname = \"mine\"\ntitle = \"Mine\"\nfolder = \"mine\"\n");
        write(
            "tasks.toml",
            "[[task]]\nnumber = 1\nday = 1\nname = \"Reads\"\ncomponent = \"db\"\nscenario = \"reads\"\nactor = \"db\"\n",
        );
        write(
            "reads.toml",
            "schema = 1\nname = \"reads\"\n[actor.db]\nload = { clients = 1 }\nsteps = [{ name = \"read\", io = \"1ms\" }]\n",
        );
        let path = folder.path().to_str().unwrap();
        let pack = Pack::open(path).unwrap();
        assert_eq!(pack.scenario("reads", &Overrides::default()).unwrap().name, "reads");
        assert!(pack.model.is_none() && pack.entries.is_empty());
        write("pack.toml", "schema = 1\nname = \"mine\"\ntitle = \"Mine\"\nfolder = \"../up\"\n");
        assert!(Pack::open(path).unwrap_err().to_string().contains("expected letters"));
        write("pack.toml", "schema = 2\nname = \"mine\"\ntitle = \"Mine\"\nfolder = \"mine\"\n");
        assert!(Pack::open(path).unwrap_err().to_string().contains("expected schema = 1"));
        assert!(Pack::open("nowhere").unwrap_err().to_string().contains("expected `phase-18f` or a folder"));
    }
}
