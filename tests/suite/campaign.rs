//! The campaign without a clock: replayed in full, and with tasks that fail.

use conlab::audit::{audit, read_path};
use conlab::campaign::{Campaign, EMBEDDED, Level, Pack, campaign_page, run};
use conlab::engine::{Engine, EngineError, Experiment, Progress, RunOutput, VirtualEngine};
use conlab::report::markdown::markdown;
use conlab::report::page::{Block, Section};
use conlab::report::text::{Details, text};
use conlab::scenario::{Overrides, Scenario};
use std::path::Path;

fn campaign<'c>(
    level: Level,
    days: &[u64],
    real: &'c conlab::study::SharedEngine,
    simulated: &'c VirtualEngine,
    progress: &'c Progress,
    out: &Path,
) -> Campaign<'c> {
    Campaign {
        level,
        days: days.to_vec(),
        pack: Pack::open(EMBEDDED).unwrap(),
        real,
        simulated,
        seed: 18,
        out: out.to_owned(),
        command: vec!["conlab".to_owned()],
        progress,
    }
}

/// Refuses every scenario but one.
struct Refusing(VirtualEngine);

impl Engine for Refusing {
    fn name(&self) -> &'static str {
        "real"
    }

    fn run(&self, experiment: &Experiment, progress: &Progress) -> Result<RunOutput, EngineError> {
        match experiment.scenario.name.as_str() {
            "phase-18f-ryot" if experiment.scenario.run.tasks == Some(50) => panic!("no such luck"),
            "phase-18f-ryot" => self.0.run(experiment, progress),
            name => Err(EngineError::Unsupported(format!("{name} is refused by this test"))),
        }
    }
}

#[test]
fn replay_gives_every_figure_and_says_that_it_is_synthetic() {
    for figure in Pack::open(EMBEDDED).unwrap().replay.figures() {
        assert_eq!(figure.regenerated(), figure.printed, "{} {}", figure.benchmark, figure.metric);
    }
    let folder = tempfile::tempdir().unwrap();
    let (simulated, progress) = (VirtualEngine::default(), Progress::default());
    let replay = campaign(Level::Replay, &[1, 2, 3, 4, 5], &simulated, &simulated, &progress, folder.path());
    let (reports, files) = run(&replay, &|_, _, _| {}).unwrap();
    let outcomes: Vec<_> = reports.iter().flat_map(|report| &report.outcomes).collect();
    assert_eq!(outcomes.len(), 15);
    assert!(outcomes.iter().all(|outcome| outcome.is_success()));
    for report in &reports {
        assert!(report.summary.contains("Synthetic"), "{}", report.summary);
        assert_eq!(report.json["level"], "replay");
    }
    assert_eq!(files.written.len(), 15 + 2 * 5);
    // An audit of the files finds the ramps.
    let reports = read_path(&folder.path().join("phase_18f/metrics_json")).unwrap();
    let found: Vec<&str> = audit(&reports).iter().map(|finding| finding.code).collect();
    assert!(found.contains(&"ramp-series") && found.contains(&"periodic-series"), "{found:?}");
}

/// Replaces the last column of the section's table, which is how long a task took.
fn without_time(section: &mut Section, id: &str) {
    if section.id != id {
        return;
    }
    for block in &mut section.blocks {
        let Block::Table(table) = block else { continue };
        for row in &mut table.rows {
            *row.last_mut().unwrap() = "–".into();
        }
    }
}

/// A day's report has every section of such reports, and its gaps are those of the components that were measured both ways.
#[test]
fn a_day_is_reported_in_full() {
    let folder = tempfile::tempdir().unwrap();
    let (simulated, progress) = (VirtualEngine::default(), Progress::default());
    let replay = campaign(Level::Replay, &[1, 2, 3, 4, 5], &simulated, &simulated, &progress, folder.path());
    let (reports, _) = run(&replay, &|_, _, _| {}).unwrap();
    let mut day = reports[3].page.clone();
    assert!(day.answer.contains("Agents: p99 55.30"), "{}", day.answer);
    assert!(day.answer.contains("a gap of 18.00 ms"), "{}", day.answer);
    // Times and the machine are those of this run.
    day.kicker.clear();
    for section in &mut day.sections {
        if section.id == "configuration" {
            section.lead.clear();
        }
        without_time(section, "results");
    }
    insta::assert_snapshot!("a-day", markdown(&day));
    let mut whole = campaign_page("Phase 18F", &reports, Level::Replay, 18, (25, "results/phase_18f"));
    assert!(
        whole.answer.starts_with("15 of 15 tasks done, made from the reported formulas"),
        "{}",
        whole.answer
    );
    assert!(whole.answer.contains("a gap of 18.00 ms"), "{}", whole.answer);
    whole.sections.iter_mut().for_each(|section| without_time(section, "tasks"));
    insta::assert_snapshot!("the-campaign", text(&whole, 80, &Details::Brief));
    let progress = text(&reports[4].page, 80, &Details::Of(vec!["progress".into()]));
    assert!(progress.contains("15 of 15 tasks"), "{progress}");
}

#[test]
fn a_task_that_fails_says_why_and_the_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (real, simulated, progress) =
        (Refusing(VirtualEngine::default()), VirtualEngine::default(), Progress::default());
    let measured = campaign(Level::Measured, &[1], &real, &simulated, &progress, folder.path());
    let (reports, _) = run(&measured, &|_, _, _| {}).unwrap();
    let [first, second] = &reports[0].outcomes[..] else { panic!("two tasks on day 1") };
    assert!(first.is_success(), "{:?}", first.status);
    assert!(!second.is_success());
    let json = second.to_json();
    assert_eq!(json["status"], "failed");
    assert!(json["error"].as_str().unwrap().contains("no such luck"), "{json}");
    assert!(reports[0].summary.contains("no such luck"));
    let agents = campaign(Level::Measured, &[4], &real, &simulated, &progress, folder.path());
    let (reports, _) = run(&agents, &|_, _, _| {}).unwrap();
    let failed: Vec<bool> = reports[0].outcomes.iter().map(|outcome| !outcome.is_success()).collect();
    assert_eq!(failed, [false, true, true]);
}

fn no_null(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Null => false,
        serde_json::Value::Array(items) => items.iter().all(no_null),
        serde_json::Value::Object(fields) => fields.values().all(no_null),
        _ => true,
    }
}

#[test]
fn the_model_level_runs_days_in_virtual_time_without_a_null() {
    let folder = tempfile::tempdir().unwrap();
    let (simulated, progress) = (VirtualEngine::default(), Progress::default());
    let model = campaign(Level::Model, &[1, 3], &simulated, &simulated, &progress, folder.path());
    let (reports, files) = run(&model, &|_, _, _| {}).unwrap();
    for outcome in reports.iter().flat_map(|report| &report.outcomes) {
        assert!(outcome.is_success(), "{}: {:?}", outcome.task.name, outcome.status);
        assert!(no_null(&outcome.to_json()["metrics"]), "{}", outcome.to_json());
    }
    // What was modelled stands beside what was reported, and figures far from it are said to contradict it.
    let first = &reports[0].page;
    let reported = first.sections.iter().find(|section| section.id == "reported").unwrap();
    assert!(
        reported.lead.contains("reported figures are contradicted by what was modelled here"),
        "{}",
        reported.lead
    );
    for id in [
        "configuration",
        "results",
        "functions",
        "shares",
        "checks",
        "deliverables",
        "progress",
        "next-steps",
    ] {
        assert!(first.sections.iter().any(|section| section.id == id), "day 1 has no section {id}");
    }
    for file in &files.written {
        let text = std::fs::read_to_string(file).unwrap();
        if file.extension().is_some_and(|end| end == "json") {
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
        }
        assert!(!text.is_empty(), "{}", file.display());
    }
}

/// The components alone are those of the whole.
#[test]
fn each_component_alone_does_what_it_does_beside_the_others() {
    let load = |name: &str| Scenario::load(name, &Overrides::default()).unwrap();
    let whole = load("phase-18f");
    for name in ["ryot", "slang", "vault", "vault-writer", "agents"] {
        let alone = load(&format!("phase-18f-{name}"));
        let steps = |scenario: &Scenario| -> Vec<(String, Option<conlab::workload::Draw>, Option<u64>)> {
            let actor = scenario.actors.iter().find(|actor| actor.name == name).unwrap();
            actor.steps.iter().map(|step| (step.name.clone(), step.compute.clone(), step.compress)).collect()
        };
        assert_eq!(steps(&alone), steps(&whole), "{name}");
        assert_eq!(alone.actors[alone.focus].name, name);
    }
}
