//! `conlab decide`: every possible fix on one page.

use super::args::{RunOptions, ScenarioArg};
use super::exit::{Failure, Outcome, say};
use super::signals::stop_on_interrupt;
use super::study::{Made, Runs, equal_tasks, present};
use super::terminal::Terminal;
use crate::campaign::{EMBEDDED, Pack, roadmap_fixes};
use crate::engine::{Progress, VirtualEngine};
use crate::files::{self, LARGEST_TEXT};
use crate::history::list;
use crate::measure::RunRecord;
use crate::report::scenario::scenario_section;
use crate::report::study::{Decision, decision_page};
use crate::scenario::{EngineKind, LoadArm, Scenario, Treatment};
use crate::study::claims::{ClaimFile, ClaimOptions, test_claims};
use crate::study::decision::{Fix, fixes_of_claims, fixes_of_explanation, fixes_of_whatif, rank};
use crate::study::{ExplainOptions, Metric, SharedEngine, WhatIfOptions, explain, whatif};
use crate::units::Nanos;
use serde::Serialize;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  conlab decide                          every cost of the default scenario halved, every mechanism taken away
  conlab decide phase-18f                with the entries of its roadmap, and its claims that propose something
  conlab decide mine.toml --roadmap r.toml

Everything is tried in virtual time under the same seeds; the page says so beside the last measured record in DIR.";

/// Each possible fix with what it saves, how sure that is, effort and verdict, on one page
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    scenario: ScenarioArg,
    #[command(flatten)]
    options: RunOptions,
    /// Entries of a roadmap to try as well, as `conlab campaign --roadmap` takes them
    #[arg(long, value_name = "FILE")]
    roadmap: Option<PathBuf>,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Document {
    schema: u32,
    /// Whether the user ended it early.
    partial: bool,
    answer: String,
    measured: Option<String>,
    fixes: Vec<Fix>,
}

/// Rounds of the roadmap's entries and of claims.
const ROUNDS: u32 = 8;
/// Tasks of a round of an entry.
const TASKS: u64 = 1000;

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    args.options.honoured_by_studies("decide")?;
    if args.options.treatment.engine.iter().any(|kind| *kind != EngineKind::Virtual) {
        return Err(Failure::Usage(
            "decide tries every fix in virtual time; `conlab whatif --engine real` tries one cost on real threads".into(),
        ));
    }
    let mut scenario = args.options.scenario(&args.scenario.scenario)?;
    equal_tasks(&mut scenario, &args.options);
    let treatment = args.options.one_treatment("decide", &scenario)?;
    let scenario = scenario.treated(&Treatment { load: LoadArm::Baseline, ..treatment });
    let progress = Progress::default();
    stop_on_interrupt(&progress);
    let constants = args.options.calibration.constants(terminal)?;
    let engine = VirtualEngine::with(constants.clone());
    let asked = args.options.rounds();
    let (mut fixes, now) = modelled(&scenario, &engine, asked, &progress, terminal)?;
    fixes.extend(promised(args, &scenario, &engine, &progress, terminal)?);
    rank(&mut fixes);
    let measured = last_measured(&args.options.output.out, &scenario.name);
    let decision = Decision {
        scenario: scenario.name.clone(),
        focus: scenario.actors[scenario.focus].name.clone(),
        manner: "modelled in virtual time, not measured".into(),
        now,
        measured,
        seed: scenario.run.seed,
        fixes,
    };
    let mut page = decision_page(&decision);
    page.sections.push(scenario_section(&scenario));
    let document = Document {
        schema: 1,
        partial: progress.stopped(),
        answer: page.answer.clone(),
        measured: decision.measured,
        fixes: decision.fixes,
    };
    let made = Made::of(Some(&scenario), Some(&constants));
    present("decide", &document, page, made, &args.options.output, terminal)?;
    Ok(if progress.stopped() { Outcome::Interrupted } else { Outcome::Done })
}

type Now = Option<(Metric, crate::study::stats::Estimate)>;

/// Every cost halved and every mechanism taken away, and the figure as it is.
fn modelled(
    scenario: &Scenario,
    engine: &SharedEngine,
    rounds: Option<u32>,
    progress: &Progress,
    terminal: &Terminal,
) -> Result<(Vec<Fix>, Now), Failure> {
    let metrics = vec![Metric::P99, Metric::Mean];
    let turning = WhatIfOptions {
        metrics: metrics.clone(),
        curves: 0,
        seed: scenario.run.seed,
        ..WhatIfOptions::default()
    };
    let turning = WhatIfOptions { rounds: rounds.unwrap_or(turning.rounds), ..turning };
    let found = {
        let runs = Runs::of(terminal, "runs, costs halved");
        whatif(scenario, LoadArm::Baseline, &engine, &turning, progress, &|done, most| runs.show(done, most))?
    };
    let mut fixes = fixes_of_whatif(&found);
    let now = found.now.first().map(|value| (value.metric, value.value));
    if progress.stopped() {
        return Ok((fixes, now));
    }
    let default = ExplainOptions::default();
    let splitting = ExplainOptions {
        metrics,
        seed: scenario.run.seed,
        least_rounds: rounds.unwrap_or(default.least_rounds),
        most_rounds: rounds.unwrap_or(default.least_rounds),
        ..default
    };
    let runs = Runs::of(terminal, "runs, mechanisms taken away");
    // A system without neighbours or mechanisms has nothing to split; its costs are enough.
    match explain(scenario, &engine, &splitting, progress, &|done, most| runs.show(done, most)) {
        Ok(explanation) => fixes.extend(fixes_of_explanation(&explanation)),
        Err(error) => say(&format!("no mechanism could be taken away: {}", super::exit::with_causes(&error))),
    }
    Ok((fixes, now))
}

/// What somebody proposes for this scenario: entries of roadmaps, and claims that go with them.
fn promised(
    args: &Args,
    scenario: &Scenario,
    engine: &SharedEngine,
    progress: &Progress,
    terminal: &Terminal,
) -> Result<Vec<Fix>, Failure> {
    let refused = |error: crate::campaign::CampaignError| Failure::Usage(error.to_string());
    let mut pack = Pack::open(EMBEDDED).map_err(refused)?;
    let own = args.roadmap.is_some();
    if let Some(path) = &args.roadmap {
        let text = files::read_text(path, LARGEST_TEXT)
            .map_err(|error| Failure::cannot(format!("read {}", path.display()), error))?;
        pack = pack.with_roadmap(&text, &path.display().to_string()).map_err(refused)?;
    } else {
        pack.entries.retain(|entry| {
            entry.scenario == scenario.name
                || scenario.name == EMBEDDED && entry.scenario.starts_with(EMBEDDED)
        });
    }
    if pack.entries.is_empty() || progress.stopped() {
        return Ok(Vec::new());
    }
    if !terminal.quiet {
        say(&format!("trying {} entries of the roadmap, {ROUNDS} rounds each", pack.entries.len()));
    }
    let mut fixes = roadmap_fixes(&pack, engine, scenario.run.seed, ROUNDS, TASKS);
    if own || progress.stopped() {
        return Ok(fixes);
    }
    let file = ClaimFile::phase_18f().map_err(|error| Failure::Usage(error.to_string()))?;
    let proposing: Vec<String> = fixes_of_claims_ids(&file);
    let options =
        ClaimOptions { only: proposing, rounds: ROUNDS, seed: scenario.run.seed, ..ClaimOptions::default() };
    let runs = Runs::of(terminal, "claims");
    let results = test_claims(&file, engine, &options, progress, &|done, all| runs.show(done, all))?;
    fixes.extend(fixes_of_claims(&file, &results));
    Ok(fixes)
}

/// Ids of the claims that propose a change.
fn fixes_of_claims_ids(file: &ClaimFile) -> Vec<String> {
    file.claim.iter().filter(|claim| claim.proposes()).map(|claim| claim.id.clone()).collect()
}

/// The newest real run of the scenario in `out`, in words.
fn last_measured(out: &Path, scenario: &str) -> Option<String> {
    let found = list(out).ok()?;
    let of_scenario = |record: &&RunRecord| record.scenario.name == scenario && record.engine == "real";
    let record = found.iter().rev().filter_map(|one| one.record.as_deref()).find(of_scenario)?;
    let sojourn = &record.actors.get(&record.treatment.focus)?.sojourn_ns;
    Some(format!(
        "p99 {} over {} tasks ({}, real threads)",
        Nanos(sojourn.p99),
        sojourn.count,
        record.manifest.started
    ))
}
