//! Runs days: every task of a day, its files, its summary.

use super::config::What;
use super::measured::Lab;
use super::model::Model;
use super::outcome::{Artifact, Status};
use super::replay::Replayed;
use super::{CampaignError, Level, Outcome, Pack, ResultFiles, TaskSpec, roadmap, summary, targets};
use crate::clock;
use crate::engine::Progress;
use crate::measure::host;
use crate::report::markdown::markdown;
use crate::report::page::{Block, Page, Section};
use crate::report::words::several;
use crate::study::SharedEngine;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Rounds in which the roadmap's entries are tried, and tasks of a round, in virtual time.
const VIRTUAL_ROUNDS: (u32, u64) = (12, 1000);
/// The same on real threads, where they take real time.
const REAL_ROUNDS: (u32, u64) = (3, 120);

/// What is to be done.
pub struct Campaign<'c> {
    /// The level.
    pub level: Level,
    /// Days in order.
    pub days: Vec<u64>,
    /// What the campaign is.
    pub pack: Pack,
    /// Real threads.
    pub real: &'c SharedEngine,
    /// Virtual time.
    pub simulated: &'c SharedEngine,
    /// Seed of every stream.
    pub seed: u64,
    /// Where results go.
    pub out: PathBuf,
    /// The command line, for the records.
    pub command: Vec<String>,
    /// Set by the user to end it between two tasks.
    pub progress: &'c Progress,
}

impl std::fmt::Debug for Campaign<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Campaign")
            .field("level", &self.level)
            .field("days", &self.days)
            .finish_non_exhaustive()
    }
}

/// A day that is over.
#[derive(Clone, Debug)]
pub struct DayReport {
    /// Its number.
    pub day: u64,
    /// What its tasks left.
    pub outcomes: Vec<Outcome>,
    /// The report as a page.
    pub page: Page,
    /// The same in Markdown.
    pub summary: String,
    /// The same for programs.
    pub json: Value,
}

/// What a day's page is made of.
#[derive(Debug)]
pub(super) struct DayInput<'d> {
    pub(super) pack: &'d Pack,
    pub(super) day: u64,
    pub(super) level: Level,
    pub(super) time: &'d str,
    pub(super) seed: u64,
    /// The machine, in words.
    pub(super) machine: String,
    pub(super) outcomes: &'d [Outcome],
    /// What earlier days of the same campaign left.
    pub(super) earlier: Vec<&'d Outcome>,
    pub(super) targets: &'d [targets::Judged],
}

/// Runs the campaign; `watch` is told each task before it starts.
///
/// # Errors
///
/// [`CampaignError`] when a file cannot be written or the user interrupted it. A task that fails is no error: it is
/// reported failed, and the others go on.
pub fn run(
    campaign: &Campaign<'_>,
    watch: &dyn Fn(&TaskSpec, usize, usize),
) -> Result<(Vec<DayReport>, ResultFiles), CampaignError> {
    let time = clock::utc();
    let mut files = ResultFiles::create(&campaign.out, &campaign.pack.folder, &time)?;
    let chosen: Vec<&TaskSpec> =
        campaign.pack.tasks.iter().filter(|task| campaign.days.contains(&task.day)).collect();
    let mut reports: Vec<DayReport> = Vec::new();
    let mut done = 0;
    let mut model = None;
    for &day in &campaign.days {
        let mut outcomes: Vec<Outcome> = Vec::new();
        for task in chosen.iter().filter(|task| task.day == day) {
            if campaign.progress.stopped() {
                return Err(CampaignError::Interrupted);
            }
            watch(task, done, chosen.len());
            let outcome = perform(campaign, task);
            files.write_outcome(&outcome)?;
            outcomes.push(outcome);
            done += 1;
        }
        // The model is that of the whole campaign: fitted once, shown on each of its days.
        if campaign.level == Level::Model && campaign.pack.model_days.contains(&day) && model.is_none() {
            model = Model::fit(campaign);
        }
        let shown = model.as_ref().filter(|_| campaign.pack.model_days.contains(&day));
        let report = report(campaign, day, &time, outcomes, (shown, &reports));
        files.write_day(day, &report.json, &report.summary)?;
        reports.push(report);
    }
    Ok((reports, files))
}

fn perform(campaign: &Campaign<'_>, task: &TaskSpec) -> Outcome {
    let engine = match campaign.level {
        Level::Measured => campaign.real,
        Level::Replay | Level::Model => campaign.simulated,
    };
    let started = clock::now();
    let mut outcome = match (campaign.level, task.what) {
        (_, What::Roadmap) => plan(campaign, task),
        (Level::Replay, _) => campaign.pack.replay.outcome(task),
        (level, _) => {
            let command = campaign.command.clone();
            Lab { pack: &campaign.pack, engine, level, seed: campaign.seed, command }.outcome(task)
        }
    };
    outcome.seconds = clock::now().saturating_sub(started).as_secs_f64();
    outcome
}

/// The roadmap, tried in virtual time, and on real threads where that is the level.
fn plan(campaign: &Campaign<'_>, task: &TaskSpec) -> Outcome {
    let mut outcome = Outcome::new(task, campaign.level);
    if campaign.level == Level::Replay {
        let rows: Vec<Value> = campaign
            .pack
            .entries
            .iter()
            .map(|entry| json!({ "title": entry.title, "savings": [entry.savings_ms.0, entry.savings_ms.1] }))
            .collect();
        outcome.metrics.insert("expected".to_owned(), json!(rows));
        outcome.findings.push("synthetic: the expected savings as reported; nothing was tried".to_owned());
        return outcome;
    }
    let virtual_rounds = roadmap::judge(
        &campaign.pack,
        campaign.simulated,
        "virtual",
        campaign.seed,
        VIRTUAL_ROUNDS.0,
        VIRTUAL_ROUNDS.1,
    );
    let judged = if campaign.level == Level::Measured {
        for found in &virtual_rounds {
            outcome.findings.push(sentence(found));
        }
        roadmap::judge(&campaign.pack, campaign.real, "real", campaign.seed, REAL_ROUNDS.0, REAL_ROUNDS.1)
    } else {
        virtual_rounds
    };
    let tried = judged.iter().filter(|one| one.found.is_ok()).count();
    for found in &judged {
        outcome.findings.push(sentence(found));
    }
    outcome.note("entries", f64::from(u32::try_from(judged.len()).unwrap_or(u32::MAX)), "the roadmap's file");
    outcome.note("tried", f64::from(u32::try_from(tried).unwrap_or(u32::MAX)), "the lab");
    if tried == 0 {
        let why = judged.iter().find_map(|one| one.found.as_ref().err()).cloned().unwrap_or_default();
        outcome.status = Status::Failed(format!("no entry could be tried: {why}"));
    }
    let text = format!("{:#}\n", roadmap::to_json(&judged));
    outcome.artifacts.push(Artifact { folder: "daily_reports", ending: "_roadmap.json", text });
    let text = roadmap::to_markdown(&judged);
    outcome.artifacts.push(Artifact { folder: "daily_reports", ending: "_roadmap.md", text });
    outcome.roadmap = judged;
    outcome
}

fn sentence(judged: &roadmap::Judged) -> String {
    let entry = &judged.entry;
    match (&judged.found, judged.saving()) {
        (Ok(_), Some(saving)) => format!(
            "{} ({} engine): saves {:.2} ms of {} ({:.2} to {:.2}), expected {} to {}: {}",
            entry.title,
            judged.engine,
            saving.value,
            entry.metric,
            saving.low,
            saving.high,
            entry.savings_ms.0,
            entry.savings_ms.1,
            judged.verdict()
        ),
        (Err(why), _) => format!("{} ({} engine): not tried: {why}", entry.title, judged.engine),
        (Ok(_), None) => String::new(),
    }
}

fn report(
    campaign: &Campaign<'_>,
    day: u64,
    time: &str,
    outcomes: Vec<Outcome>,
    (model, earlier): (Option<&Model>, &[DayReport]),
) -> DayReport {
    let targets = targets::judge(&campaign.pack.targets, &outcomes);
    let manifest = host::manifest(String::new());
    let mut page = summary::day_page(&DayInput {
        pack: &campaign.pack,
        day,
        level: campaign.level,
        time,
        seed: campaign.seed,
        machine: format!("{}, {}", manifest.cpu, several(u64::from(manifest.cores), "core")),
        outcomes: &outcomes,
        earlier: earlier.iter().flat_map(|report| &report.outcomes).collect(),
        targets: &targets,
    });
    let mut summary = markdown(&page);
    let mut json = json!({
        "schema": 1,
        "conlab": env!("CARGO_PKG_VERSION"),
        "campaign": campaign.pack.name,
        "title": campaign.pack.title,
        "day": day,
        "level": campaign.level.name(),
        "label": campaign.level.label(),
        "time": time,
        "seed": campaign.seed,
        "command": campaign.command,
        "manifest": manifest,
        "tasks_done": outcomes.iter().filter(|outcome| outcome.is_success()).count(),
        "targets": targets.iter().map(targets::Judged::to_json).collect::<Vec<_>>(),
        "benchmarks": outcomes.iter().map(Outcome::to_json).collect::<Vec<_>>(),
    });
    if let Some(model) = model {
        let text = model.to_markdown();
        page.sections.push(Section::new("model", "The model", "").with(Block::Code(text.clone())));
        summary.push_str(&text);
        if let Value::Object(fields) = &mut json {
            fields.insert("model".to_owned(), model.to_json());
        }
    }
    if campaign.level == Level::Replay {
        summary.push_str(&regenerated(&campaign.pack, &outcomes));
    }
    DayReport { day, outcomes, page, summary, json }
}

/// Every reported figure of these tasks beside the one from its formula.
fn regenerated(pack: &Pack, outcomes: &[Outcome]) -> String {
    let mut text = "\n## Regenerated figures (synthetic)\n\n| benchmark | figure | reported | regenerated | from |\n| --- | --- | --- | --- | --- |\n".to_owned();
    let is_of_the_day = |figure: &Replayed| outcomes.iter().any(|one| one.task.name == figure.benchmark);
    for figure in pack.replay.figures().iter().filter(|figure| is_of_the_day(figure)) {
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} |\n",
            figure.benchmark,
            figure.metric,
            figure.printed,
            figure.regenerated(),
            figure.formula
        ));
    }
    text
}
