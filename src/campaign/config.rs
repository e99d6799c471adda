//! What the fifteen tasks are: embedded, and replaceable field by field.

use super::CampaignError;
use super::toml::{Row, parse};
use crate::engine::Profiler;
use crate::scenario::LoadArm;
use crate::units::Nanos;

const EMBEDDED: &str = include_str!("tasks.toml");

/// What kind of task it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// One run of a scenario.
    Run,
    /// Compression of corpora of known entropy.
    Corpora,
    /// One run for each concurrency.
    Scaling,
    /// One long run, looked at for drift.
    Endurance,
    /// What to do, from everything measured.
    Roadmap,
}

impl What {
    const ALL: [Self; 5] = [Self::Run, Self::Corpora, Self::Scaling, Self::Endurance, Self::Roadmap];

    const fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Corpora => "corpora",
            Self::Scaling => "scaling",
            Self::Endurance => "endurance",
            Self::Roadmap => "roadmap",
        }
    }
}

/// One task.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskSpec {
    /// Its number, 1 to 15.
    pub number: u64,
    /// Its day, 1 to 5.
    pub day: u64,
    /// The benchmark's name.
    pub name: String,
    /// Ryot, ΣLANG, ΣVAULT, Agents or all.
    pub component: String,
    /// What is done.
    pub what: What,
    /// Embedded scenario or path; empty where none is run.
    pub scenario: String,
    /// Actor whose figures count.
    pub actor: String,
    /// Who is loaded.
    pub load: LoadArm,
    /// Iterations.
    pub iterations: u64,
    /// Measured tasks of the actor in an iteration.
    pub tasks_per_iteration: u64,
    /// Ends the task early; never waited for.
    pub cap: Nanos,
    /// What watches.
    pub profiler: Profiler,
    /// Levels of concurrency.
    pub concurrency: Vec<u64>,
    /// Tokens that a task generates, if it does.
    pub tokens_per_task: Option<u64>,
    /// Bytes that a task compresses, if it does.
    pub bytes_per_task: Option<u64>,
}

impl TaskSpec {
    /// Measured tasks in all.
    #[must_use]
    pub const fn tasks(&self) -> u64 {
        self.iterations.saturating_mul(self.tasks_per_iteration)
    }
}

const KEYS: [&str; 15] = [
    "number",
    "day",
    "name",
    "component",
    "what",
    "scenario",
    "actor",
    "load",
    "iterations",
    "tasks_per_iteration",
    "cap",
    "profiler",
    "concurrency",
    "tokens_per_task",
    "bytes_per_task",
];

/// The tasks in order, with what `replacement` (text, and where it came from) changes.
///
/// # Errors
///
/// [`CampaignError::Config`] when the replacement names an unknown task or key, or a value out of range.
pub fn tasks(replacement: Option<(&str, &str)>) -> Result<Vec<TaskSpec>, CampaignError> {
    let document = parse(EMBEDDED, "tasks.toml")?;
    let mut tasks: Vec<TaskSpec> = Vec::new();
    for row in Row::all(&document, "task", "tasks.toml")? {
        let mut task = TaskSpec {
            number: 0,
            day: 0,
            name: row.required("name")?,
            component: String::new(),
            what: What::Run,
            scenario: String::new(),
            actor: String::new(),
            load: LoadArm::Baseline,
            iterations: 1,
            tasks_per_iteration: 1,
            cap: Nanos::from_secs(60),
            profiler: Profiler::None,
            concurrency: Vec::new(),
            tokens_per_task: None,
            bytes_per_task: None,
        };
        apply(&row, &mut task)?;
        tasks.push(task);
    }
    let Some((text, origin)) = replacement else { return Ok(tasks) };
    let document = parse(text, origin)?;
    for row in Row::all(&document, "task", origin)? {
        let name = row.required("name")?;
        let names: Vec<String> = tasks.iter().map(|task| task.name.clone()).collect();
        let Some(task) = tasks.iter_mut().find(|task| task.name == name) else {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let sentence = crate::scenario::unknown("task", &name, &names);
            return Err(CampaignError::Config(format!("{origin}: {sentence}")));
        };
        apply(&row, task)?;
    }
    Ok(tasks)
}

/// Takes over every field that `row` gives.
fn apply(row: &Row<'_>, task: &mut TaskSpec) -> Result<(), CampaignError> {
    fn set<T>(field: &mut T, value: Option<T>) {
        if let Some(value) = value {
            *field = value;
        }
    }
    row.only(&KEYS)?;
    set(&mut task.number, row.count("number")?);
    set(&mut task.day, row.count("day")?);
    set(&mut task.component, row.text("component")?);
    set(&mut task.what, row.word("what", &What::ALL, What::name)?);
    set(&mut task.scenario, row.text("scenario")?);
    set(&mut task.actor, row.text("actor")?);
    set(&mut task.load, row.word("load", &LoadArm::ALL, LoadArm::name)?);
    set(&mut task.iterations, row.count("iterations")?);
    set(&mut task.tasks_per_iteration, row.count("tasks_per_iteration")?);
    set(&mut task.cap, row.duration("cap")?);
    set(&mut task.profiler, row.word("profiler", &Profiler::ALL, Profiler::name)?);
    set(&mut task.concurrency, row.counts("concurrency")?);
    task.tokens_per_task = row.count("tokens_per_task")?.or(task.tokens_per_task);
    task.bytes_per_task = row.count("bytes_per_task")?.or(task.bytes_per_task);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_fifteen_tasks_in_five_days_in_order() {
        let tasks = tasks(None).unwrap();
        assert_eq!(tasks.iter().map(|task| task.number).collect::<Vec<_>>(), (1..=15).collect::<Vec<_>>());
        assert!(tasks.is_sorted_by_key(|task| task.day));
        assert_eq!(tasks.last().unwrap().day, 5);
    }

    #[test]
    fn a_file_replaces_fields_by_name_and_nothing_else() {
        let text = "[[task]]\nname = \"RSUReadBenchmark\"\niterations = 7\ncap = \"1s\"\nprofiler = \"none\"";
        let changed = tasks(Some((text, "mine.toml"))).unwrap();
        let read = changed.iter().find(|task| task.name == "RSUReadBenchmark").unwrap();
        assert_eq!((read.iterations, read.cap, read.profiler), (7, Nanos::from_secs(1), Profiler::None));
        assert_eq!(read.scenario, "phase-18f");
        for (text, part) in [
            ("[[task]]\nname = \"RSUReadBenchmrk\"", "did you mean"),
            ("[[task]]\nname = \"ScalingTest\"\niteration = 3", "iteration"),
            ("[[task]]\nname = \"ScalingTest\"\niterations = 0", "at least 1"),
            ("task = 3", "expected [[task]]"),
        ] {
            let error = tasks(Some((text, "mine.toml"))).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
