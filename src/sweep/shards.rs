//! Computes the cells of a shard that nobody has yet.

use super::cells::{FOLDER, Writer};
use super::plan::version;
use super::{Cell, Log, Outcome, Plan, Stored, SweepError};
use crate::engine::{Engine, Experiment, Progress};
use crate::files::Claim;
use crate::measure::Calibration;
use crate::scenario::{LoadArm, Scenario};
use crate::study::{ListedArm, Observation, SharedEngine};
use std::fs;
use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Lines after which a file is synced.
const SYNC_EVERY: usize = 64;

/// One of several equal parts of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which, from 0.
    pub index: usize,
    /// Of how many.
    pub of: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no shard: expected i/n with i from 0 to n-1, such as 0/10");
        let (index, of) = text.split_once('/').ok_or_else(wrong)?;
        let (index, of) =
            (index.trim().parse().map_err(|_| wrong())?, of.trim().parse().map_err(|_| wrong())?);
        if index < of { Ok(Self { index, of }) } else { Err(wrong()) }
    }
}

impl Shard {
    /// The whole sweep.
    pub const ALL: Self = Self { index: 0, of: 1 };

    /// The shard that a scheduler's variables name: `SLURM_ARRAY_TASK_ID` with `_MIN` and `_COUNT`, or
    /// `JOB_COMPLETION_INDEX` or `HQ_TASK_ID` with `CONLAB_SHARDS`.
    ///
    /// # Errors
    ///
    /// A sentence, when they contradict each other.
    pub fn of_scheduler(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        let number = |name: &str| {
            variable(name)
                .map(|text| {
                    text.parse::<usize>().map_err(|_| format!("{name} is `{text}`: expected a number"))
                })
                .transpose()
        };
        let shards = number("CONLAB_SHARDS")?;
        if let Some(id) = number("SLURM_ARRAY_TASK_ID")? {
            let least = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
            let of = match shards {
                Some(of) => of,
                None => number("SLURM_ARRAY_TASK_COUNT")?.ok_or("SLURM_ARRAY_TASK_COUNT is missing")?,
            };
            return Self::within(id.saturating_sub(if shards.is_some() { 0 } else { least }), of).map(Some);
        }
        for name in ["JOB_COMPLETION_INDEX", "HQ_TASK_ID"] {
            if let Some(id) = number(name)? {
                let of = shards.ok_or_else(|| {
                    format!("{name} is set and CONLAB_SHARDS is not: expected their number")
                })?;
                return Self::within(id, of).map(Some);
            }
        }
        Ok(None)
    }

    fn within(index: usize, of: usize) -> Result<Self, String> {
        if index < of {
            Ok(Self { index, of })
        } else {
            Err(format!("shard {index} of {of}: expected one below {of}"))
        }
    }

    /// The word for it in names of files.
    #[must_use]
    pub fn word(self) -> String {
        format!("shard-{}-of-{}", self.index, self.of)
    }
}

/// What a process did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// Cells of the shard.
    pub cells: usize,
    /// Those that were there already.
    pub there: usize,
    /// Those computed now.
    pub computed: usize,
    /// Those among them that failed.
    pub failed: usize,
}

/// How cells are computed.
#[derive(Clone, Copy)]
pub struct Computing<'a> {
    /// Threads, where all is in virtual time.
    pub jobs: usize,
    /// Whether cells that failed are computed again.
    pub retry: bool,
    /// The engine of this name, `real` or `virtual`, under these constants.
    pub engines: &'a (dyn Fn(&str, Calibration) -> Box<SharedEngine> + Sync),
    /// The arms of the command that the plan is of.
    pub arms: &'a dyn Fn(&Plan) -> Result<Vec<ListedArm>, SweepError>,
}

impl std::fmt::Debug for Computing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Computing")
            .field("jobs", &self.jobs)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

/// Computes what is missing of `shard`.
/// `watch` is told how many cells are done and how many there are to do.
///
/// # Errors
///
/// [`SweepError`]: the plan is of another version, another process is at this shard, or a file cannot be written.
pub fn compute(
    folder: &Path,
    shard: Shard,
    how: &Computing<'_>,
    progress: &Progress,
    watch: &(dyn Fn(usize, usize) + Sync),
) -> Result<Ran, SweepError> {
    let Computing { jobs, retry, engines, .. } = *how;
    let plan = Plan::read(folder)?;
    plan.check_version()?;
    let place = folder.join(FOLDER);
    fs::create_dir_all(&place).map_err(SweepError::file("make", &place))?;
    let Some(_claim) = Claim::take(&place, &shard.word()).map_err(SweepError::file("write", &place))? else {
        return Err(SweepError::Refused(format!(
            "another process computes {} now: wait for it, or choose another --shard",
            shard.word()
        )));
    };
    let log = Log::read(folder, &plan)?;
    let mine: Vec<&Cell> = plan.cells.iter().skip(shard.index).step_by(shard.of).collect();
    let is_there = |cell: &&&Cell| match log.found.get(&cell.key) {
        Some(stored) => !(retry && matches!(stored.outcome, Outcome::Failed(_))),
        None => false,
    };
    let there = mine.iter().filter(is_there).count();
    let missing: Vec<&Cell> = mine.iter().filter(|cell| !is_there(cell)).copied().collect();
    let mut ran = Ran { cells: mine.len(), there, ..Ran::default() };
    if missing.is_empty() {
        return Ok(ran);
    }
    let calibration = Calibration::of_any_host(&plan.calibration).ok_or_else(|| {
        SweepError::Refused("the plan's calibration is of another version: plan again".into())
    })?;
    // Real threads are measured one run at a time.
    let jobs =
        if missing.iter().any(|cell| cell.engine == "real") { 1 } else { jobs.clamp(1, missing.len()) };
    let work = Work {
        plan: &plan,
        arms: if plan.command.is_some() { (how.arms)(&plan)? } else { Vec::new() },
        constants: plan.calibration.to_string(),
        source: Plan::source(folder)?,
        missing,
        writer: Mutex::new(Writer::create(folder, &shard.word())?),
        next: AtomicUsize::new(0),
        computed: AtomicUsize::new(0),
        failed: AtomicUsize::new(0),
        fault: Mutex::new(None),
        progress,
        watch,
    };
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                let by_name = |name: &str| engines(name, calibration.clone());
                work.compute(&*by_name("real"), &*by_name("virtual"));
            });
        }
    });
    if let Some(error) = work.fault.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    work.writer.into_inner().unwrap_or_else(PoisonError::into_inner).sync()?;
    ran.computed = work.computed.into_inner();
    ran.failed = work.failed.into_inner();
    Ok(ran)
}

/// The missing cells of a shard, while threads compute them.
struct Work<'a> {
    plan: &'a Plan,
    /// The arms of the plan's command; none where there is no command.
    arms: Vec<ListedArm>,
    constants: String,
    source: String,
    missing: Vec<&'a Cell>,
    writer: Mutex<Writer>,
    next: AtomicUsize,
    computed: AtomicUsize,
    failed: AtomicUsize,
    fault: Mutex<Option<SweepError>>,
    progress: &'a Progress,
    watch: &'a (dyn Fn(usize, usize) + Sync),
}

impl Work<'_> {
    /// Computes cells until there are no more, the user stops it or a line cannot be written.
    fn compute(&self, real: &SharedEngine, simulated: &SharedEngine) {
        while let Some(cell) = self.missing.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let engine = if cell.engine == "real" { real } else { simulated };
            let outcome = self.outcome(cell, engine).unwrap_or_else(Outcome::Failed);
            if self.progress.stopped() {
                // What was cut short is no cell.
                return;
            }
            self.failed.fetch_add(usize::from(matches!(outcome, Outcome::Failed(_))), Ordering::Relaxed);
            if let Err(error) = self.keep(Stored { key: cell.key.clone(), version: version(), outcome }) {
                self.fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                self.next.store(self.missing.len(), Ordering::Relaxed);
                return;
            }
        }
    }

    fn keep(&self, stored: Stored) -> Result<(), SweepError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.add(&stored)?;
        let computed = self.computed.fetch_add(1, Ordering::Relaxed) + 1;
        if computed.is_multiple_of(SYNC_EVERY) {
            writer.sync()?;
        }
        drop(writer);
        (self.watch)(computed, self.missing.len());
        Ok(())
    }

    /// What a cell runs.
    fn experiment(&self, cell: &Cell) -> Result<(Scenario, LoadArm), String> {
        let Some(index) = cell.arm else {
            let found = self.plan.scenario_of(&self.source, cell);
            let (scenario, treatment) = found.map_err(|error| error.to_string())?;
            return Ok((scenario.treated(&treatment), treatment.load));
        };
        let arm = self.arms.get(index).filter(|arm| {
            let Cell { engine, seed, replicate, .. } = cell;
            self.plan.key(&self.constants, &arm.scenario.digest(), arm.load, engine, (*seed, *replicate))
                == cell.key
        });
        let arm =
            arm.ok_or("the plan's options come to another run here than where it was planned: plan again")?;
        Ok((arm.scenario.clone(), arm.load))
    }

    /// Runs a cell, or says why it cannot be.
    fn outcome(&self, cell: &Cell, engine: &dyn Engine) -> Result<Outcome, String> {
        let (scenario, load) = self.experiment(cell)?;
        let mut experiment = Experiment::new(scenario, load);
        (experiment.seed, experiment.replicate) = (cell.seed, cell.replicate);
        let output = engine.run(&experiment, self.progress).map_err(|error| error.to_string())?;
        let record = &output.record;
        let host = if cell.engine == "real" { Calibration::fingerprint() } else { String::new() };
        let focus = output.sojourn.iter().find(|(name, _)| *name == record.treatment.focus);
        match (Observation::of(record), focus) {
            (Some(observation), Some((_, sojourn))) => {
                Ok(Outcome::of(observation, &sojourn.histogram(), host, cell.arm.is_some()))
            }
            _ => Err("the record lacks its actor in focus".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedulers_name_shards_in_their_own_ways() {
        let of = |pairs: &[(&str, &str)]| {
            Shard::of_scheduler(|name| {
                pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(of(&[]), Ok(None));
        let slurm =
            [("SLURM_ARRAY_TASK_ID", "3"), ("SLURM_ARRAY_TASK_MIN", "1"), ("SLURM_ARRAY_TASK_COUNT", "10")];
        assert_eq!(of(&slurm), Ok(Some(Shard { index: 2, of: 10 })));
        assert_eq!(
            of(&[("JOB_COMPLETION_INDEX", "4"), ("CONLAB_SHARDS", "5")]),
            Ok(Some(Shard { index: 4, of: 5 }))
        );
        assert_eq!(of(&[("HQ_TASK_ID", "0"), ("CONLAB_SHARDS", "5")]), Ok(Some(Shard { index: 0, of: 5 })));
        assert!(of(&[("HQ_TASK_ID", "5"), ("CONLAB_SHARDS", "5")]).is_err());
        assert!(of(&[("HQ_TASK_ID", "5")]).unwrap_err().contains("CONLAB_SHARDS"));
        assert!("3/3".parse::<Shard>().is_err() && "x".parse::<Shard>().is_err());
        assert_eq!("2/3".parse(), Ok(Shard { index: 2, of: 3 }));
    }
}
