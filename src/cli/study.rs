//! What `compare`, `explain`, `whatif`, `decide` and `claims` share: progress, presentation, keeping.

use super::args::{OutputOptions, RunOptions};
use super::exit::{Failure, Outcome, print, say};
use super::report::write;
use super::terminal::{ProgressChoice, Terminal};
use crate::clock;
use crate::engine::{Progress, VirtualEngine};
use crate::files::{self, DraftFolder};
use crate::measure::archive::file_word;
use crate::measure::record::{Manifest, ScenarioRef};
use crate::measure::{Calibration, host, json};
use crate::printable::Printable;
use crate::report::html::html;
use crate::report::junit::{Case, junit};
use crate::report::page::{Block, Page, Section};
use crate::scenario::{EngineKind, Scenario};
use crate::study::{RunList, Runner, StudyError, manifest};
use crate::units::Nanos;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

impl From<StudyError> for Failure {
    fn from(error: StudyError) -> Self {
        match error {
            StudyError::Refused(sentence) => Self::Usage(sentence),
            StudyError::Interrupted { .. } => Self::Interrupted(
                "interrupted before every arm had run twice, so there is nothing to say yet".into(),
            ),
            _ => Self::CouldNotRun(Box::new(error)),
        }
    }
}

/// Lets every run of a study end after the same number of tasks, where there is one: only a duration that was asked for
/// on the command line still ends a run.
pub(super) fn equal_tasks(scenario: &mut Scenario, options: &RunOptions) {
    if scenario.run.tasks.is_some() && options.amount.duration.is_none() {
        scenario.run.duration = None;
    }
}

/// How sure the result of a study is to be, and how often it repeats itself for that.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Confidence")]
pub(super) struct Confidence {
    /// Half-width of the widest interval at which no more rounds are made
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = parse_share)]
    pub(super) precision: f64,
    #[command(flatten)]
    pub(super) level: Level,
}

/// How sure an interval is to hold its figure.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Confidence")]
pub(super) struct Level {
    /// Confidence of the intervals
    #[arg(long, value_name = "SHARE", default_value = "95%", value_parser = parse_share)]
    pub(super) level: f64,
}

/// Writes the outcomes of a study as JUnit XML, where asked.
pub(super) fn write_junit(
    file: Option<&Path>,
    suite: &str,
    cases: Vec<Case>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let Some(file) = file else { return Ok(()) };
    let xml = junit("conlab", &[(suite.to_owned(), cases)])
        .map_err(|error| Failure::cannot("write JUnit XML", error))?;
    write(file, &xml, terminal)
}

/// Shows how many runs of a study are done, until it is dropped.
#[derive(Debug)]
pub(super) struct Runs {
    bar: ProgressBar,
    counter: bool,
    what: &'static str,
    began: Nanos,
    said: AtomicUsize,
}

impl Runs {
    /// In the terminal's manner.
    pub(super) fn new(terminal: &Terminal) -> Self {
        Self::of(terminal, "runs")
    }

    /// The same for `what` instead of runs.
    pub(super) fn of(terminal: &Terminal, what: &'static str) -> Self {
        let bar = ProgressBar::new(1);
        if terminal.progress == ProgressChoice::Bar {
            if let Ok(style) = ProgressStyle::with_template(&format!(
                "{what} {{pos}}/{{len}} [{{bar:40}}] {{elapsed_precise}} {{msg}}"
            )) {
                bar.set_style(style.progress_chars("=> "));
            }
        } else {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self {
            bar,
            counter: terminal.progress == ProgressChoice::Counter,
            began: clock::now(),
            said: AtomicUsize::new(usize::MAX),
            what,
        }
    }

    /// `done` of at most `most` runs are made.
    pub(super) fn show(&self, done: usize, most: usize) {
        self.bar.set_length(most as u64);
        self.bar.set_position(done as u64);
        // One line for each quarter, and one before the first run.
        let quarter = done * 4 / most.max(1);
        if self.counter && done < most && self.said.swap(quarter, Ordering::Relaxed) != quarter {
            say(&counted(self.what, done, most, clock::now().saturating_sub(self.began)));
        }
    }
}

/// How many runs are made, and how long the others take at most if they take as long.
fn counted(what: &str, done: usize, most: usize, spent: Nanos) -> String {
    if done == 0 {
        return format!("at most {most} {what}");
    }
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let left = spent.as_secs_f64() / done as f64 * (most - done) as f64;
    format!("{done} of at most {most} {what}, at most {left:.0} s left")
}

impl Drop for Runs {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Where and how a study was made, for its document and its page.
#[derive(Debug)]
pub(super) struct Made {
    manifest: Manifest,
    scenario: Option<ScenarioRef>,
}

impl Made {
    /// Of `scenario` under the constants of virtual time, or on real threads.
    pub(super) fn of(scenario: Option<&Scenario>, constants: Option<&Calibration>) -> Self {
        let manifest = match (constants, scenario) {
            (Some(constants), Some(scenario)) => {
                manifest(&VirtualEngine::with(constants.clone()).charged(scenario))
            }
            (Some(constants), None) => manifest(constants),
            (None, _) => host::manifest("real threads".into()),
        };
        let scenario =
            scenario.map(|scenario| ScenarioRef { name: scenario.name.clone(), digest: scenario.digest() });
        Self { manifest, scenario }
    }

    fn section(&self) -> Section {
        let manifest = &self.manifest;
        let mut pairs = vec![
            ("started", manifest.started.clone()),
            (
                "conlab",
                format!("{} ({})", manifest.version, manifest.commit.as_deref().unwrap_or("unknown commit")),
            ),
            ("processor", format!("{} × {}", manifest.cores, manifest.cpu)),
            ("kernel", manifest.kernel.clone()),
            ("calibration", manifest.calibration.clone()),
        ];
        pairs.extend(manifest.calibration_digest.clone().map(|digest| ("calibration digest", digest)));
        pairs.extend(self.scenario.as_ref().map(|scenario| ("scenario digest", scenario.digest.clone())));
        let pairs = pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Section::new("manifest", "Manifest", "Where and how this study was made.").with(Block::Pairs(pairs))
    }

    /// `document` with the manifest in it, after its first keys.
    fn into_document(self, document: &impl Serialize) -> serde_json::Result<Value> {
        let mut document = serde_json::to_value(document)?;
        if let Some(fields) = document.as_object_mut() {
            fields.insert("manifest".into(), serde_json::to_value(&self.manifest)?);
            if let Some(scenario) = &self.scenario {
                fields.insert("scenario".into(), serde_json::to_value(scenario)?);
            }
        }
        Ok(document)
    }
}

/// What a study command found.
#[derive(Debug)]
pub(super) struct Answer {
    command: &'static str,
    json: String,
    page: Page,
    pub(super) outcome: Outcome,
}

impl Answer {
    /// The answer of `command`: its document, its page, where and how it was made, and how it ended.
    pub(super) fn of(
        command: &'static str,
        result: &impl Serialize,
        mut page: Page,
        made: Made,
        outcome: Outcome,
    ) -> Result<Self, Failure> {
        page.sections.push(made.section());
        let json = made
            .into_document(result)
            .and_then(|document| json::to_string(&document))
            .map_err(|error| Failure::cannot(format!("write the result of {command} as JSON"), error))?;
        Ok(Self { command, json, page, outcome })
    }

    /// Prints it as [`present`] does and keeps it, or says why not.
    pub(super) fn present(self, output: &OutputOptions, terminal: &Terminal) -> Result<Outcome, Failure> {
        show(self.command, &self.json, &self.page, output, terminal)?;
        Ok(self.outcome)
    }

    /// Prints its page, and writes it into `folder` under the command's name, as JSON and as a page.
    pub(super) fn write_into(self, folder: &Path, terminal: &Terminal) -> Result<Outcome, Failure> {
        for (end, text) in [("json", self.json), ("html", html(&self.page))] {
            let path = folder.join(format!("{}.{end}", self.command));
            files::replace(&path, text.as_bytes())
                .map_err(|error| Failure::cannot(format!("write {}", path.display()), error))?;
            say(&format!("wrote {}", path.display()));
        }
        print(&terminal.plain(&terminal.page(&self.page)))?;
        Ok(self.outcome)
    }
}

/// A command that makes many runs and answers by them: an engine makes the runs, or a sweep made them before.
pub(super) trait Question {
    /// The engines that it is asked of.
    fn engines(&self) -> Vec<EngineKind>;

    /// The runs that it may make on `engine`.
    fn runs(&self, engine: &dyn Runner, progress: &Progress) -> Result<RunList, Failure>;

    /// Its answer by the runs of `engine`, under the constants of virtual time.
    fn answer(
        &self,
        engine: &dyn Runner,
        constants: &Calibration,
        progress: &Progress,
        terminal: &Terminal,
    ) -> Result<Answer, Failure>;
}

/// Prints a study's result, as a page or as JSON, writes it as HTML where asked, and keeps it.
pub(super) fn present(
    command: &'static str,
    result: &impl Serialize,
    page: Page,
    made: Made,
    output: &OutputOptions,
    terminal: &Terminal,
) -> Result<(), Failure> {
    Answer::of(command, result, page, made, Outcome::Done)?.present(output, terminal).map(drop)
}

fn show(
    command: &str,
    json: &str,
    page: &Page,
    output: &OutputOptions,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let kept = if output.no_save { None } else { Some(keep(&output.out, command, json, page)?) };
    if output.json {
        print(&format!("{json}\n"))?;
    } else {
        let mut shown = terminal.page(page);
        shown.push_str(&kept.as_ref().map_or_else(
            || "not saved\n".to_owned(),
            |folder| format!("saved in {}\n", Printable(&folder.display().to_string())),
        ));
        print(&terminal.plain(&shown))?;
    }
    match &output.html {
        Some(file) => write(file, &html(page), terminal),
        None => Ok(()),
    }
}

/// Keeps a study's result in a folder of its own, and its page beside it if that can be written.
fn keep(out: &Path, command: &str, json: &str, page: &Page) -> Result<PathBuf, Failure> {
    let cannot = |path: &Path, error| {
        Failure::cannot(
            format!("write to {}; choose another folder by --out, or --no-save", path.display()),
            error,
        )
    };
    let draft = DraftFolder::reserve(out).map_err(|error| cannot(out, error))?;
    let name = format!("{command}.json");
    draft.write(&name, json.as_bytes()).map_err(|error| cannot(&out.join(&name), error))?;
    if let Err(error) = draft.write("report.html", html(page).as_bytes()) {
        say(&format!("warning: report.html is missing from the stored result: {error}"));
    }
    let time: String = clock::utc().chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let stem = format!("{time}-{}-{command}", file_word(&page.title));
    draft.keep(&stem).map_err(|error| cannot(&out.join(&stem), error))
}

/// A share as users write it: `5%` or `0.05`.
pub(super) fn parse_share(text: &str) -> Result<f64, String> {
    let number = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
        None => text.trim().parse::<f64>(),
    };
    match number {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        _ => Err(format!("`{text}` is no share: expected one between 0 and 1, such as 5% or 0.05")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_per_cent_is_a_twentieth() {
        for (text, share) in [("5%", 0.05), ("5 %", 0.05), ("0.05", 0.05), ("95%", 0.95), ("0.5%", 0.005)] {
            assert!((parse_share(text).unwrap() - share).abs() < 1e-12, "{text}");
        }
        for text in ["5", "0", "100%", "-5%", "5%%", "nan", ""] {
            assert!(parse_share(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_left_follows_from_what_is_done() {
        assert_eq!(counted("runs", 0, 80, Nanos::ZERO), "at most 80 runs");
        assert_eq!(counted("runs", 20, 80, Nanos::from_secs(5)), "20 of at most 80 runs, at most 15 s left");
    }
}
