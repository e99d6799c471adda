//! The tasks of a campaign, replaceable field by field.

use super::CampaignError;
use super::toml::{Row, parse};
use crate::engine::Profiler;
use crate::scenario::LoadArm;
use crate::units::Nanos;

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
    /// Its number.
    pub number: u64,
    /// Its day, from 1.
    pub day: u64,
    /// The benchmark's name.
    pub name: String,
    /// The component that it is about.
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

/// The tasks of `text`, in order; `origin` names it in messages.
///
/// # Errors
///
/// [`CampaignError::Config`] when a field is missing, unknown or out of range.
pub(super) fn tasks(text: &str, origin: &str) -> Result<Vec<TaskSpec>, CampaignError> {
    let document = parse(text, origin)?;
    let mut tasks: Vec<TaskSpec> = Vec::new();
    for row in Row::all(&document, "task", origin)? {
        let mut task = TaskSpec {
            number: 0,
            day: 1,
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
        let needs_scenario = matches!(task.what, What::Run | What::Scaling | What::Endurance);
        if needs_scenario && (task.scenario.is_empty() || task.actor.is_empty()) {
            return Err(CampaignError::Config(format!(
                "{origin}: task `{}`: expected scenario and actor for what = \"{}\"",
                task.name,
                task.what.name()
            )));
        }
        tasks.push(task);
    }
    Ok(tasks)
}

/// Replaces the fields of tasks that `text` gives, by name.
///
/// # Errors
///
/// [`CampaignError::Config`] when it names an unknown task or key, or a value out of range.
pub(super) fn replace(tasks: &mut [TaskSpec], text: &str, origin: &str) -> Result<(), CampaignError> {
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
    Ok(())
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

    const TWO: &str = "[[task]]\nnumber = 1\nname = \"Reads\"\nscenario = \"agents\"\nactor = \"vault\"\niterations = 3\n\n[[task]]\nnumber = 2\nname = \"Scaling\"\nwhat = \"scaling\"\nscenario = \"agents\"\nactor = \"agents\"\n";

    #[test]
    fn a_file_replaces_fields_by_name_and_nothing_else() {
        let mut changed = tasks(TWO, "tasks.toml").unwrap();
        let text = "[[task]]\nname = \"Reads\"\niterations = 7\ncap = \"1s\"\nprofiler = \"sampling\"";
        replace(&mut changed, text, "mine.toml").unwrap();
        let read = &changed[0];
        assert_eq!((read.iterations, read.cap, read.profiler), (7, Nanos::from_secs(1), Profiler::Sampling));
        assert_eq!(read.scenario, "agents");
        for (text, part) in [
            ("[[task]]\nname = \"Raeds\"", "did you mean"),
            ("[[task]]\nname = \"Scaling\"\niteration = 3", "iteration"),
            ("[[task]]\nname = \"Scaling\"\niterations = 0", "at least 1"),
            ("task = 3", "expected [[task]]"),
        ] {
            let error = replace(&mut changed, text, "mine.toml").unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        let error = tasks("[[task]]\nname = \"Nothing\"", "tasks.toml").unwrap_err().to_string();
        assert!(error.contains("expected scenario and actor"), "{error}");
    }
}
