//! A plan: the cells of a study, and what they depend on.

use super::{MAX_CELLS, Study, StudyCommand, SweepError, digest};
use crate::cache::CacheLayout;
use crate::files::{self, LARGEST_RECORD};
use crate::measure::Calibration;
use crate::queue::QueueKind;
use crate::scenario::{EngineKind, LoadArm, Overrides, Scenario, Treatment, unknown};
use crate::study::{RunList, round_seed};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The plan's file in a sweep's folder.
const FILE: &str = "plan.json";

/// The scenario's file in a sweep's folder.
const SCENARIO: &str = "scenario.toml";

/// One run of a sweep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// Hash of everything that its figures depend on.
    pub key: String,
    /// Its engine.
    pub engine: String,
    /// Its seed.
    pub seed: u64,
    /// Its levels: path and value, in the order of the study's factors.
    pub levels: Vec<(String, String)>,
    /// Its number among the repetitions of its arm, from 0; 0 where there is no command.
    #[serde(default, skip_serializing_if = "is_first")]
    pub replicate: u32,
    /// Which arm of the study's command it is a run of, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arm: Option<usize>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_first(replicate: &u32) -> bool {
    *replicate == 0
}

/// The cells of a study, and what they depend on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Version of the format: 1.
    pub schema: u32,
    /// The study's name.
    pub name: String,
    /// Version of conlab that makes the cells, with its commit if that is known.
    pub version: String,
    /// What the virtual engine charges.
    pub calibration: Value,
    /// What is set in every cell.
    pub fixed: Vec<(String, String)>,
    /// The command whose runs the cells are, where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<StudyCommand>,
    /// The cells, in order.
    pub cells: Vec<Cell>,
}

/// The version of this program, as cells name it.
pub(super) fn version() -> String {
    match env!("CONLAB_COMMIT") {
        "" => env!("CARGO_PKG_VERSION").to_owned(),
        commit => format!("{} ({commit})", env!("CARGO_PKG_VERSION")),
    }
}

impl Plan {
    /// Plans `study`, whose scenario's text is written into `folder` with the plan. An equal plan that is there already is
    /// left as it is; another one is refused, since its cells would be lost. `list` says which runs a command makes of the
    /// scenario of this name or path.
    ///
    /// # Errors
    ///
    /// [`SweepError`]: a cell cannot be made, or a file cannot be written.
    pub fn make(
        study: &Study,
        base: &Path,
        calibration: &Calibration,
        folder: &Path,
        list: &dyn Fn(&StudyCommand, &str) -> Result<RunList, SweepError>,
    ) -> Result<Self, SweepError> {
        let beside = base.join(&study.scenario);
        let place = if beside.is_file() { beside.display().to_string() } else { study.scenario.clone() };
        let refused = |error: crate::scenario::ScenarioError| SweepError::Refused(error.to_string());
        let source = Scenario::load(&place, &Overrides::default()).map_err(refused)?.source;
        let mut plan = Self {
            schema: 1,
            name: study.name.clone(),
            version: version(),
            calibration: calibration.to_json(),
            fixed: study.fixed.clone(),
            command: None,
            cells: Vec::new(),
        };
        if let Some(command) = &study.command {
            plan.add_runs(command, &list(command, &place)?)?;
        } else {
            plan.add_combinations(study, &source)?;
            plan.refuse_twins()?;
        }
        plan.keep(&source, folder)?;
        Ok(plan)
    }

    /// What is hashed of a run: the digest of the scenario with its treatment, load, engine, seed and replicate, constants where
    /// time is virtual, version.
    pub(super) fn key(
        &self,
        constants: &str,
        scenario: &str,
        load: LoadArm,
        engine: &str,
        (seed, replicate): (u64, u32),
    ) -> String {
        let charged = if engine == EngineKind::Virtual.name() { constants } else { "" };
        // Streams depend on both.
        let seed = if replicate == 0 { seed.to_string() } else { format!("{seed}/{replicate}") };
        digest(&[scenario, load.name(), engine, &seed, charged, &self.version])
    }

    fn add_combinations(&mut self, study: &Study, source: &str) -> Result<(), SweepError> {
        let constants = self.calibration.to_string();
        for combination in &study.combinations {
            for engine in &study.engines {
                let levels = combination.clone();
                let (key, engine) = (String::new(), engine.clone());
                let mut cell = Cell { key, engine, seed: 0, levels, replicate: 0, arm: None };
                let (scenario, treatment) = self.scenario_of(source, &cell)?;
                let what = scenario.treated(&treatment).digest();
                for seed in &study.seeds {
                    cell.key = self.key(&constants, &what, treatment.load, &cell.engine, (*seed, 0));
                    cell.seed = *seed;
                    self.cells.push(cell.clone());
                }
            }
        }
        Ok(())
    }

    /// The runs of a command, each once: arms that come to the same scenario share their cells.
    fn add_runs(&mut self, command: &StudyCommand, list: &RunList) -> Result<(), SweepError> {
        let cells = list.arms.len().saturating_mul(list.rounds as usize);
        if cells == 0 || cells > MAX_CELLS {
            return Err(SweepError::Refused(format!(
                "[{}] makes {cells} cells: expected 1 to {MAX_CELLS}; give fewer levels, or fewer replicates",
                command.name
            )));
        }
        self.command = Some(StudyCommand { events: list.events, fit: list.fit.clone(), ..command.clone() });
        let constants = self.calibration.to_string();
        let engine = EngineKind::Virtual.name();
        let mut there = BTreeSet::new();
        for (index, arm) in list.arms.iter().enumerate() {
            let what = arm.scenario.digest();
            for round in 0..list.rounds {
                let seed = round_seed(list.seed, round);
                let round = if list.fit.is_some() { 0 } else { round };
                let key = self.key(&constants, &what, arm.load, engine, (seed, round));
                if there.insert(key.clone()) {
                    let (engine, levels) = (engine.to_owned(), arm.levels.clone());
                    self.cells.push(Cell { key, engine, seed, levels, replicate: round, arm: Some(index) });
                }
            }
        }
        Ok(())
    }

    /// Writes the plan into `folder`, unless it is there.
    fn keep(&self, source: &str, folder: &Path) -> Result<(), SweepError> {
        std::fs::create_dir_all(folder).map_err(SweepError::file("make", folder))?;
        let stored = folder.join(SCENARIO);
        let file = folder.join(FILE);
        if file.exists() {
            if Self::read(folder)? == *self
                && files::read_text(&stored, LARGEST_RECORD).is_ok_and(|text| text == source)
            {
                return Ok(());
            }
            return Err(SweepError::Refused(format!(
                "{} holds another plan (another study, scenario, version or calibration): choose another folder by --out",
                folder.display()
            )));
        }
        files::replace(&stored, source.as_bytes()).map_err(SweepError::file("write", &stored))?;
        let text = serde_json::to_string(self).unwrap_or_default().replace("},{\"key\"", "},\n{\"key\"");
        files::replace(&file, text.as_bytes()).map_err(SweepError::file("write", &file))
    }

    /// Refuses cells that would be the same run.
    fn refuse_twins(&self) -> Result<(), SweepError> {
        let mut keys: Vec<(&str, usize)> =
            self.cells.iter().enumerate().map(|(index, cell)| (cell.key.as_str(), index)).collect();
        keys.sort_unstable();
        match keys.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(SweepError::Refused(format!(
                "cells {} and {} are the same run (two levels mean the same): list each level once",
                pair[0].1, pair[1].1
            ))),
            None => Ok(()),
        }
    }

    /// The plan in `folder`.
    ///
    /// # Errors
    ///
    /// [`SweepError`]: there is none, or it is damaged or newer.
    pub fn read(folder: &Path) -> Result<Self, SweepError> {
        let path = folder.join(FILE);
        let text = files::read_text(&path, LARGEST_RECORD).map_err(SweepError::file("read", &path))?;
        let plan: Self = serde_json::from_str(&text)
            .map_err(|error| SweepError::Refused(format!("{} is no plan: {error}", path.display())))?;
        if plan.schema == 1 {
            Ok(plan)
        } else {
            Err(SweepError::Refused(format!("{} has schema {}: update conlab", path.display(), plan.schema)))
        }
    }

    /// Refuses to compute cells with another version than the plan's.
    ///
    /// # Errors
    ///
    /// [`SweepError::Refused`] with both versions.
    pub fn check_version(&self) -> Result<(), SweepError> {
        if self.version == version() {
            return Ok(());
        }
        Err(SweepError::Refused(format!(
            "the plan was made by conlab {}, and this is conlab {}: their figures are not of one kind; plan again into another \
             folder",
            self.version,
            version()
        )))
    }

    /// The file of the scenario that the plan in `folder` is of.
    #[must_use]
    pub fn scenario(folder: &Path) -> PathBuf {
        folder.join(SCENARIO)
    }

    /// The text of that scenario.
    ///
    /// # Errors
    ///
    /// [`SweepError::File`].
    pub fn source(folder: &Path) -> Result<String, SweepError> {
        let path = Self::scenario(folder);
        files::read_text(&path, LARGEST_RECORD).map_err(SweepError::file("read", &path))
    }

    /// What a cell runs: the scenario with what it sets, and the treatment.
    ///
    /// # Errors
    ///
    /// [`SweepError::Refused`] when a level cannot be.
    pub fn scenario_of(&self, source: &str, cell: &Cell) -> Result<(Scenario, Treatment), SweepError> {
        let mut treatment = Treatment::default();
        let mut overrides = Overrides { set: self.fixed.clone(), ..Overrides::default() };
        let refused = |path: &str, why: String| SweepError::Refused(format!("factor.{path}: {why}"));
        let mut load = None;
        for (path, value) in &cell.levels {
            let number = || value.parse().map_err(|_| refused(path, format!("`{value}` is not a count")));
            match path.as_str() {
                "threads" => treatment.threads = Some(number()?),
                "cores" => {
                    treatment.cores =
                        Some(u32::try_from(number()?).map_err(|_| refused(path, "is too many".into()))?);
                }
                "queue" => treatment.queue = Some(named(path, value, &QueueKind::ALL, QueueKind::name)?),
                "cache" => treatment.cache = Some(named(path, value, &CacheLayout::ALL, CacheLayout::name)?),
                "load" => load = Some(named(path, value, &LoadArm::ALL, LoadArm::name)?),
                _ => overrides.set.push((path.clone(), value.clone())),
            }
        }
        for (what, most, count) in
            [("threads", 65_536, treatment.threads), ("cores", 65_536, treatment.cores.map(|n| n as usize))]
        {
            if count.is_some_and(|count| !(1..=most).contains(&count)) {
                return Err(refused(what, format!("expected 1 to {most}")));
            }
        }
        let scenario = Scenario::from_text(source, "the study's scenario", &overrides)
            .map_err(|error| SweepError::Refused(error.to_string()))?;
        treatment.load = load.unwrap_or(scenario.run.load);
        Ok((scenario, treatment))
    }
}

fn named<T: Copy>(path: &str, word: &str, all: &[T], name: fn(T) -> &'static str) -> Result<T, SweepError> {
    all.iter().copied().find(|&one| name(one) == word).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|&one| name(one)).collect();
        SweepError::Refused(format!("factor.{path}: {}", unknown(path, word, &names)))
    })
}
