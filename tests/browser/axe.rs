//! axe-core (npm) over every kind of page, in the browser: no finding that is serious or critical.
//!
//! `CONLAB_AXE` names `axe.min.js`; else it is installed by `npm` into the target folder, once. Without either, or without a
//! browser, the test is skipped with a message.

use super::chromium::Chromium;
use super::sample;
use conlab::audit::{audit, phase_18f};
use conlab::campaign::{Campaign, EMBEDDED, Level, Pack, campaign_page, run};
use conlab::engine::{Progress, VirtualEngine};
use conlab::explain::doubts;
use conlab::measure::doctor::{Check, State};
use conlab::measure::record::TreatmentRecord;
use conlab::report::host::doctor_page;
use conlab::report::html::html;
use conlab::report::page::Page;
use conlab::report::scenario::{check_page, scenario_section};
use conlab::report::study::{Decision, claims_page};
use conlab::report::study::{compare_page, decision_page, explain_page, verify_page, whatif_page};
use conlab::report::{audit_page, comparison_page, run_page};
use conlab::scenario::{LoadArm, Overrides, Scenario, Treatment};
use conlab::study::decision::{fixes_of_explanation, fixes_of_whatif, rank};
use conlab::study::{
    Arm, Candidate, CompareOptions, ExplainOptions, Metric, WhatIfOptions, compare, explain, whatif,
};
use conlab::verify::{Verdict, VerifyReport};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The version that is installed where none is named.
const VERSION: &str = "axe-core@4.14.1";

/// The text of `axe.min.js`, if it can be had.
fn axe() -> Option<String> {
    let named = std::env::var_os("CONLAB_AXE").map(PathBuf::from);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("axe");
    let file = named.unwrap_or_else(|| folder.join("node_modules/axe-core/axe.min.js"));
    if !file.is_file() {
        let npm =
            Command::new("npm").args(["install", "--no-save", "--prefix"]).arg(&folder).arg(VERSION).output();
        if !npm.is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: no axe-core; name axe.min.js in CONLAB_AXE, or let npm install it");
            return None;
        }
    }
    std::fs::read_to_string(&file).ok()
}

/// Findings of axe as lines, serious and critical ones; `checked` says that it looked at something.
const PROBE: &str = "const said=[];window.axe.run(document,{resultTypes:['violations']}).then((found)=>{\
    const bad=found.violations.filter((one)=>['serious','critical'].includes(one.impact));\
    const lines=['checked='+(found.passes.length>5),'bad='+bad.length];\
    bad.forEach((one,index)=>lines.push('finding'+index+'='+one.id+': '+one.nodes.slice(0,3)\
      .map((node)=>node.html.replace(/\\s+/g,' ').slice(0,160)+' '+(node.any[0]?.message||'')).join(' | ')));\
    parent.document.getElementById('said').textContent=lines.join('\\n')});";

/// Pages of every kind; those of studies from small ones in virtual time.
fn pages() -> Vec<(&'static str, Page)> {
    let (engine, progress) = (VirtualEngine::default(), Progress::default());
    let overrides = Overrides { tasks: Some(300), seed: Some(18), ..Overrides::default() };
    let scenario = Scenario::load("agents", &overrides).unwrap();
    let mut run = run_page(&sample::record("agents", 20_000, 16, 20_000));
    run.sections.push(scenario_section(&scenario));
    let record = || sample::record("agents", 1000, 4, 100);
    let records = comparison_page(&[("first".into(), record()), ("second".into(), record())]);
    let turning = WhatIfOptions { rounds: 3, curves: 1, ..WhatIfOptions::default() };
    let turned = whatif(&scenario, LoadArm::Baseline, &engine, &turning, &progress, &|_, _| {}).unwrap();
    let splitting = ExplainOptions {
        metrics: vec![Metric::P99, Metric::Mean],
        least_rounds: 3,
        most_rounds: 3,
        ..ExplainOptions::default()
    };
    let explained = explain(&scenario, &engine, &splitting, &progress, &|_, _| {}).unwrap();
    let mut fixes = [fixes_of_whatif(&turned), fixes_of_explanation(&explained)].concat();
    rank(&mut fixes);
    let decision = decision_page(&Decision {
        scenario: "agents".into(),
        focus: "agents".into(),
        manner: "modelled in virtual time, not measured".into(),
        now: None,
        measured: None,
        seed: 18,
        fixes,
    });
    let reports = [phase_18f().unwrap()];
    let check = |name, state| Check { name, state, found: "found".into(), remedy: "a remedy".into() };
    let verified = Verdict {
        queue: "mutex".into(),
        operations: 1000,
        histories: 20,
        threads: 4,
        failure: None,
        took: Duration::from_millis(12),
    };
    vec![
        ("run", run),
        ("records", records),
        ("whatif", whatif_page(&turned)),
        ("explain", explain_page(&explained, None)),
        ("decide", decision),
        ("compare", compared(&scenario, &engine)),
        ("claims", claims_page("phase 18F", &[])),
        ("verify", verify_page(&VerifyReport { seed: 18, verdicts: vec![verified] })),
        ("audit", audit_page(&reports, &audit(&reports))),
        ("doctor", doctor_page(&[check("steal", State::Limited), check("counters", State::Missing)])),
        ("check", check_page(&scenario, "agents", &doubts(&scenario))),
        ("campaign", replayed(&engine)),
    ]
}

fn compared(scenario: &Scenario, engine: &VirtualEngine) -> Page {
    let with = |threads| scenario.treated(&Treatment { threads: Some(threads), ..Treatment::default() });
    let scenarios = [2, 4].map(with);
    let candidates: Vec<Candidate<'_>> = scenarios
        .iter()
        .map(|scenario| Candidate {
            label: format!("{} threads", scenario.actors[scenario.focus].threads),
            levels: TreatmentRecord::default(),
            arm: Arm { engine, scenario, load: LoadArm::Baseline },
        })
        .collect();
    let options = CompareOptions { least_rounds: 3, most_rounds: 3, ..CompareOptions::default() };
    let (found, _) = compare(&candidates, &options, &Progress::default(), &|_, _| {}).unwrap();
    compare_page(&found, &[], &[], &[])
}

fn replayed(engine: &VirtualEngine) -> Page {
    let folder = tempfile::tempdir().unwrap();
    let progress = Progress::default();
    let campaign = Campaign {
        level: Level::Replay,
        days: vec![1, 2, 3, 4, 5],
        pack: Pack::open(EMBEDDED).unwrap(),
        real: engine,
        simulated: engine,
        seed: 18,
        out: folder.path().to_owned(),
        command: vec!["conlab".into()],
        progress: &progress,
    };
    let (reports, files) = run(&campaign, &|_, _, _| {}).unwrap();
    campaign_page("Phase 18F", &reports, Level::Replay, 18, (files.written.len(), "results/phase_18f"))
}

#[test]
fn axe_finds_nothing_serious_on_any_page() {
    let Some(chromium) = Chromium::found("axe") else { return };
    let Some(axe) = axe() else { return };
    // A page whose text has no contrast is found: the check can fail.
    let faint = html(&run_page(&sample::record("agents", 1000, 4, 100)))
        .replace("</head>", "<style>p{color:#999!important;background:#aaa!important}</style></head>");
    let said = chromium.ask_later(&faint, &format!("{axe};{PROBE}"), 1280, false);
    assert_ne!(said["bad"], "0", "letters of grey on grey");
    let mut wrong = Vec::new();
    for (name, page) in pages() {
        for dark in [false, true] {
            let page = html(&page);
            let said = chromium.ask_later(&page, &format!("{axe};{PROBE}"), 1280, dark);
            assert_eq!(said["checked"], "true", "{name}");
            let findings = said.iter().filter(|(key, _)| key.starts_with("finding"));
            wrong.extend(findings.map(|(_, finding)| format!("{name}, dark {dark}: {finding}")));
            for width in [390, 1440] {
                let mode = if dark { "dark" } else { "light" };
                chromium.picture(&page, &format!("{name}-{width}-{mode}"), width, 2400, dark);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
