//! Finds a scenario by name or path, applies what the command line overrides, and validates the result.

use super::edit;
use super::names::unknown;
use super::quantity::write_duration;
use super::{EMBEDDED, EngineKind, Mistake, Scenario, ScenarioError, Treatment, embedded};
use crate::files::{self, LARGEST_TEXT};
use crate::units::Nanos;
use std::io;
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, InlineTable, Item, Value};

/// What the command line changes in a scenario.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// `--set PATH=VALUE`, in order.
    pub set: Vec<(String, String)>,
    /// Measured tasks; replaces the file's duration as well, unless `duration` is given too.
    pub tasks: Option<u64>,
    /// Measured time; replaces the file's tasks as well, unless `tasks` is given too.
    pub duration: Option<Nanos>,
    /// Discarded start.
    pub warmup: Option<Nanos>,
    /// Independent repetitions.
    pub replicates: Option<u64>,
    /// Seed.
    pub seed: Option<u64>,
    /// Open load of the actor in focus, per second.
    pub rate: Option<f64>,
    /// Closed load of the actor in focus.
    pub clients: Option<u64>,
    /// The engine that runs it.
    pub engine: Option<EngineKind>,
}

impl Scenario {
    /// The scenario of this embedded name, or in the file of this path (`-`: standard input), with `overrides`.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`]: it cannot be found or read, or says what cannot be.
    pub fn load(name_or_path: &str, overrides: &Overrides) -> Result<Self, ScenarioError> {
        if let Some(found) = embedded(name_or_path) {
            return Self::with_overrides(found.text, name_or_path, None, overrides);
        }
        let path = Path::new(name_or_path);
        let is_path = name_or_path == "-"
            || path.components().count() > 1
            || path.extension().is_some()
            || path.exists();
        if !is_path {
            let known: Vec<&str> = EMBEDDED.iter().map(|scenario| scenario.name).collect();
            return Err(ScenarioError::Unknown(unknown("scenario", name_or_path, &known)));
        }
        let text = read(path).map_err(|source| ScenarioError::Read { path: path.to_owned(), source })?;
        let base = path.canonicalize().ok().and_then(|path| path.parent().map(Path::to_owned));
        Self::with_overrides(&text, name_or_path, base, overrides)
    }

    /// This scenario with the fields at these paths set, as `--set` does.
    ///
    /// # Errors
    ///
    /// [`ScenarioError::Invalid`]: a path leads nowhere, or the changed scenario says what cannot be.
    pub fn edited(&self, set: &[(String, String)]) -> Result<Self, ScenarioError> {
        self.overridden(&Overrides { set: set.to_vec(), ..Overrides::default() })
    }

    /// This scenario with `overrides`.
    ///
    /// # Errors
    ///
    /// As [`Scenario::edited`].
    pub fn overridden(&self, overrides: &Overrides) -> Result<Self, ScenarioError> {
        let Ok(mut document) = self.source.parse::<DocumentMut>() else {
            return Self::parse(&self.source, &self.name);
        };
        let mistakes = overrides.apply(&mut document);
        if mistakes.is_empty() {
            Self::parse(&document.to_string(), &self.name)
        } else {
            Err(ScenarioError::Invalid { origin: self.name.clone(), mistakes })
        }
    }

    /// The text of the field at `path`, or of its `mean` where it is a table; `None` where there is none.
    #[must_use]
    pub fn field(&self, path: &str) -> Option<String> {
        let document = self.source.parse::<DocumentMut>().ok()?;
        edit::get(&document, path)
    }

    /// The scenario of this text, with `overrides`; `origin` names it in messages.
    ///
    /// # Errors
    ///
    /// [`ScenarioError::Invalid`].
    pub fn from_text(text: &str, origin: &str, overrides: &Overrides) -> Result<Self, ScenarioError> {
        Self::with_overrides(text, origin, None, overrides)
    }

    /// Parses `text`, then again with `overrides`; sample files are relative to `base`.
    fn with_overrides(
        text: &str,
        origin: &str,
        base: Option<PathBuf>,
        overrides: &Overrides,
    ) -> Result<Self, ScenarioError> {
        let invalid = |mistakes| ScenarioError::Invalid { origin: origin.to_owned(), mistakes };
        let mut document = match text.parse::<DocumentMut>() {
            Ok(document) => document,
            // The parser proper words the complaint.
            Err(_) => return Self::parse(text, origin),
        };
        let base = base.or_else(|| std::env::current_dir().ok()).unwrap_or_default();
        let anchored = edit::anchor(&mut document, &base);
        // Mistakes of the file itself come first, with its own lines; anchoring moves none.
        let as_written = if anchored { document.to_string() } else { text.to_owned() };
        if *overrides == Overrides::default() {
            // The document of a million actors takes gigabytes, so that there is never more than one.
            drop(document);
            return Self::parse(&as_written, origin);
        }
        Self::parse(&as_written, origin)?;
        let mistakes = overrides.apply(&mut document);
        if !mistakes.is_empty() {
            return Err(invalid(mistakes));
        }
        // What is wrong now came from an option, and has no line in the file.
        Self::parse(&document.to_string(), origin).map_err(|error| match error {
            ScenarioError::Invalid { mistakes, .. } => {
                invalid(mistakes.into_iter().map(|mistake| Mistake { line: 0, ..mistake }).collect())
            }
            other => other,
        })
    }

    /// Writes the levels of a treatment into the source, so that the file reproduces the run.
    pub(super) fn write_levels(&mut self, treatment: &Treatment) {
        let station = self.station(self.focus);
        let focus = &self.actors[station].name;
        let family = if self.is_workers(station) { "workers" } else { "actor" };
        let mut edits: Vec<(String, Value)> = Vec::new();
        if let Some(threads) = treatment.threads {
            edits.push((edit::path(&[family, focus, "threads"]), integer(threads as u64)));
        }
        if let Some(queue) = treatment.queue {
            edits.push((edit::path(&[family, focus, "queue"]), queue.name().into()));
        }
        if let Some(layout) = treatment.cache {
            let names = self.caches.iter().map(|cache| edit::path(&["cache", &cache.name, "layout"]));
            edits.extend(names.map(|path| (path, layout.name().into())));
        }
        if let Some(cores) = treatment.cores {
            edits.push(("host.cores".to_owned(), integer(u64::from(cores))));
        }
        if treatment.load != self.run.load {
            edits.push(("run.load".to_owned(), treatment.load.name().into()));
        }
        self.run.load = treatment.load;
        if edits.is_empty() {
            return;
        }
        let Ok(mut document) = self.source.parse::<DocumentMut>() else { return };
        for (path, value) in edits {
            // A path that was valid when the scenario was parsed still is.
            let done = edit::set(&mut document, &path, value);
            debug_assert!(done.is_ok(), "{path}: {done:?}");
        }
        self.source = document.to_string();
    }
}

impl Overrides {
    /// Applies every override; what cannot be applied is returned.
    fn apply(&self, document: &mut DocumentMut) -> Vec<Mistake> {
        let mut edits: Vec<(String, Value)> = Vec::new();
        if self.tasks.is_some() != self.duration.is_some() {
            edit::remove(document, "run", if self.tasks.is_some() { "duration" } else { "tasks" });
        }
        let counts = [("tasks", self.tasks), ("replicates", self.replicates), ("seed", self.seed)];
        for (key, count) in counts {
            edits.extend(count.map(|count| (format!("run.{key}"), integer(count))));
        }
        edits.extend(self.engine.map(|engine| ("run.engine".to_owned(), engine.name().into())));
        for (key, time) in [("duration", self.duration), ("warmup", self.warmup)] {
            edits.extend(time.map(|time| (format!("run.{key}"), write_duration(time).into())));
        }
        if let Some(focus) = edit::focus(document) {
            edits.extend(
                self.load(document, &focus).map(|load| (edit::path(&["actor", &focus, "load"]), load)),
            );
        }
        edits.extend(self.set.iter().map(|(path, value)| (path.clone(), edit::value_of(value))));
        let mut mistakes = Vec::new();
        for (path, value) in edits {
            if let Err(why) = edit::set(document, &path, value) {
                mistakes.push(Mistake::anywhere(format!("--set {path}"), why));
            }
        }
        mistakes
    }

    /// The load of the actor in focus by `--rate` or `--clients`; rhythm or think time stay the file's.
    fn load(&self, document: &DocumentMut, focus: &str) -> Option<Value> {
        let kept = |key: &str| {
            let load = edit::of_actor(document, focus, "load")?.as_table_like()?;
            load.get(key).and_then(Item::as_value).cloned()
        };
        let mut load = InlineTable::new();
        let keep: &[&str] = match (self.rate, self.clients) {
            (Some(rate), _) => {
                load.insert("rate", format!("{rate}/s").into());
                &["arrivals", "mix"]
            }
            (None, Some(clients)) => {
                load.insert("clients", integer(clients));
                &["think", "spread", "mix"]
            }
            (None, None) => return None,
        };
        for key in keep {
            if let Some(value) = kept(key) {
                load.insert(*key, value);
            }
        }
        load.fmt();
        Some(load.into())
    }
}

/// TOML's integers are signed; counts here are far below the limit.
fn integer(count: u64) -> Value {
    i64::try_from(count).unwrap_or(i64::MAX).into()
}

/// Reads a text file of bounded size.
fn read(path: &Path) -> io::Result<String> {
    if path.as_os_str() == "-" {
        return files::text(files::read_stdin(LARGEST_TEXT)?);
    }
    files::read_text(path, LARGEST_TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::QueueKind;
    use crate::scenario::{Load, LoadArm, LockKind};

    fn set(path: &str, value: &str) -> Overrides {
        Overrides { set: vec![(path.to_owned(), value.to_owned())], ..Overrides::default() }
    }

    fn agents(overrides: &Overrides) -> Scenario {
        Scenario::load("agents", overrides).unwrap()
    }

    #[test]
    fn set_reaches_tables_inline_tables_and_steps_by_name() {
        let interval = agents(&set("lock.interpreter.interval", "0.5ms"));
        assert!(matches!(interval.locks[0].kind, LockKind::Gil { interval: Nanos(500_000), .. }));
        let think = agents(&set("actor.agents.load.think", "7ms"));
        assert!(
            matches!(&think.actors[0].load, Load::Closed { think, .. } if think.mean == Nanos::from_millis(7))
        );
        let step = agents(&set("actor.agents.steps.plan.compute", "9ms"));
        assert_eq!(step.actors[0].steps[0].compute.as_ref().unwrap().mean, Nanos::from_millis(9));
        let times = agents(&set("actor.agents.steps.0.times", "3"));
        assert_eq!(times.actors[0].steps[0].times, 3);
        let under = agents(&set("actor.agents.under", "\"\""));
        assert!(under.actors[0].steps.iter().all(|step| step.under.is_none()));
        let host = agents(&set("host.cores", "4"));
        assert_eq!(host.host.cores, Some(4));
        let lock = agents(&set("lock.new", "{ kind = \"spin\" }"));
        assert_eq!(lock.locks.last().map(|lock| lock.kind), Some(LockKind::Spin));
    }

    #[test]
    fn set_refuses_paths_that_lead_nowhere() {
        for (path, value, reason) in [
            ("lock.interpretr.interval", "1ms", "unknown lock `interpretr`; did you mean `interpreter`?"),
            ("actr.agents.threads", "1", "unknown key `actr`; did you mean `actor`?"),
            ("actor.agents.thread", "1", "unknown key `thread`; did you mean `threads`?"),
            ("actor.agents.steps.plam.compute", "1ms", "unknown step `plam`; did you mean `plan`?"),
            ("actor.agents.threads.x", "1", "which has no fields"),
            ("actor.agents.threads", "0", "0 is out of range"),
            ("actor..threads", "1", "not a path"),
            ("actor", "1", "names a whole family"),
            ("run.duration", "-5ms", "negative"),
            ("run.duration", "1e99h", "unknown unit"),
        ] {
            let said = Scenario::load("agents", &set(path, value)).unwrap_err().to_string();
            assert!(said.contains(reason), "{path}={value}: {said}");
        }
    }

    #[test]
    fn options_override_the_file_and_a_single_bound_replaces_both() {
        let overrides = Overrides { tasks: Some(7), seed: Some(9), rate: Some(12.5), ..Overrides::default() };
        let scenario = agents(&overrides);
        assert_eq!((scenario.run.tasks, scenario.run.duration, scenario.run.seed), (Some(7), None, 9));
        assert!(
            matches!(scenario.actors[0].load, Load::Open { rate, .. } if rate.to_bits() == 12.5_f64.to_bits())
        );
        let overrides =
            Overrides { duration: Some(Nanos(1_500_000)), clients: Some(3), ..Overrides::default() };
        let scenario = agents(&overrides);
        assert_eq!((scenario.run.tasks, scenario.run.duration), (None, Some(Nanos(1_500_000))));
        assert!(matches!(scenario.actors[0].load, Load::Closed { clients: 3, .. }));
    }

    #[test]
    fn the_source_of_a_treated_scenario_reproduces_it() {
        let treatment = Treatment {
            threads: Some(3),
            queue: Some(QueueKind::LockFree),
            cache: Some(crate::cache::CacheLayout::Sharded),
            load: LoadArm::Isolated,
            cores: Some(2),
        };
        let overrides = Overrides { warmup: Some(Nanos(123)), clients: Some(5), ..Overrides::default() };
        let run = agents(&overrides).treated(&treatment);
        let again = Scenario::parse(&run.source, "again").unwrap();
        assert_eq!(again.run.load, LoadArm::Isolated);
        let again = again.treated(&Treatment { load: again.run.load, ..Treatment::default() });
        assert_eq!(again, run);
        assert_eq!(again.digest(), run.digest());
        assert_ne!(agents(&Overrides::default()).digest(), run.digest());
        assert!(run.source.contains("# Question:"), "comments stay");
    }

    #[test]
    fn a_digest_sees_the_experiment_and_not_its_looks() {
        let plain = agents(&Overrides::default());
        let text = embedded("agents").unwrap().text.replace("5ms", "5000us").replace('#', "# more:");
        assert_eq!(Scenario::parse(&text, "x").unwrap().digest(), plain.digest());
        assert_ne!(agents(&set("run.seed", "19")).digest(), plain.digest());
    }
}
