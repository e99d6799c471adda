//! Pages of studies and verdicts, from results made by hand: every figure in them is different, so that none can stand
//! in another's place unnoticed.

use super::pages::{fits, snapshot};
use conlab::audit::{audit, phase_18f};
use conlab::explain::{Bar, Waterfall, doubts};
use conlab::measure::Cause;
use conlab::measure::doctor::{Check, State};
use conlab::measure::record::{TreatmentRecord, Warning};
use conlab::report::audit_page;
use conlab::report::host::doctor_page;
use conlab::report::scenario::{check_page, svg};
use conlab::report::study::{
    Decision, answer, claims_page, compare_page, decision_page, explain_page, validate_page, verify_page,
    whatif_page,
};
use conlab::report::text::{Details, text};
use conlab::scenario::{Overrides, Scenario};
use conlab::study::claims::{BoundResult, ClaimResult, ClaimVerdict, Finding};
use conlab::study::decision::{Fix, FixVerdict, rank};
use conlab::study::stats::Estimate;
use conlab::study::validate::{Row, Validated, Verdict as Judged};
use conlab::study::{
    Against, Compared, Comparison, Curve, Effect, Explanation, Figure, GateResult, Mechanism, Metric,
    NextExperiment, Part, Point, Prediction, Split, Stop, Value, Verdict, WhatIf,
};
use conlab::verify::{Verdict as Verified, VerifyReport};
use std::time::Duration;

fn about(value: f64, half: f64) -> Estimate {
    Estimate::new(value, value - half, value + half, 6)
}

fn part(mechanism: Option<Mechanism>, cause: &str, effect: f64, share: f64) -> Part {
    Part {
        mechanism,
        cause: cause.into(),
        effect: about(effect, 1e6),
        share: Some(about(share, 0.03)),
        leave_one_out: about(effect * 0.9, 1e6),
        only_one: about(effect * 0.8, 1e6),
    }
}

fn explanation() -> Explanation {
    let waterfall = |factor: f64| {
        let bar = |state, baseline_ns: f64, isolated_ns: f64| Bar {
            state,
            baseline_ns: baseline_ns * factor,
            isolated_ns: isolated_ns * factor,
        };
        Waterfall(vec![
            bar(Cause::Queue, 4e6, 1e6),
            bar(Cause::Execution, 8e6, 7e6),
            bar(Cause::Lock, 17e6, 2e6),
        ])
    };
    Explanation {
        scenario: "agents".into(),
        question: "Why is it slower beside the others?".into(),
        focus: "agents".into(),
        engine: "virtual".into(),
        seed: 18,
        rounds: 6,
        runs_per_round: 32,
        tasks: 1000,
        level: 0.95,
        against: Against::Isolated,
        neighbours: vec!["ryot".into(), "vault".into()],
        mechanisms: Vec::new(),
        kept: Vec::new(),
        splits: vec![Split {
            metric: Metric::P99,
            baseline: about(80e6, 2e6),
            other: about(40e6, 1e6),
            gap: about(40e6, 2e6),
            shown: true,
            barely: false,
            parts: vec![
                part(Some(Mechanism::Interpreter), "interpreter lock", 27e6, 0.675),
                part(Some(Mechanism::Locks), "other locks and queues", 9e6, 0.225),
                part(None, "neighbours", 4e6, 0.1),
            ],
            interactions: Vec::new(),
        }],
        waterfall_mean: waterfall(1.0),
        waterfall_p99: waterfall(2.5),
        warnings: vec![Warning {
            code: "a-doubt".into(),
            message: "a doubt".into(),
            remedy: "a remedy".into(),
        }],
    }
}

#[test]
fn an_explanation() {
    let next = NextExperiment {
        action: "shorten the switch interval".into(),
        cost: "one line".into(),
        metric: Metric::P99,
        predictions: vec![
            Prediction { cause: "interpreter lock".into(), change: about(-0.42, 0.04) },
            Prediction { cause: "other locks and queues".into(), change: about(-0.01, 0.02) },
        ],
    };
    let page = explain_page(&explanation(), Some(&next));
    snapshot("explain", &page);
    fits(&page);
}

/// The first share in the answer belongs to the largest cause, the second to the next.
#[test]
fn an_explanation_answers_with_the_shares_of_their_causes() {
    let said = answer(&explanation());
    assert!(said.contains("68 % ± 3 is due to the interpreter lock"), "{said}");
    assert!(said.contains("and 23 % ± 3 to other locks and queues"), "{said}");
    assert!(said.contains("80.0 ms beside ryot and vault and 40.0 ms alone"), "{said}");
}

fn figure(metric: Metric, value: f64, relative: Option<(f64, f64)>, verdict: Option<Verdict>) -> Figure {
    Figure {
        metric,
        value: Some(about(value, value * 0.02)),
        barely: false,
        relative: relative.map(|(value, half)| about(value, half)),
        verdict,
    }
}

fn treatment(label: &str, figures: Vec<Figure>) -> Compared {
    Compared {
        label: label.into(),
        engine: "real".into(),
        levels: TreatmentRecord::default(),
        tasks: 1000,
        figures,
        others: Vec::new(),
        throughputs: Vec::new(),
    }
}

#[test]
fn a_comparison() {
    let (same, worse, better) = (Some(Verdict::Same), Some(Verdict::Worse), Some(Verdict::Better));
    let comparison = Comparison {
        scenario: "agents".into(),
        question: "Would another queue help?".into(),
        seed: 18,
        rounds: 8,
        stopped: Stop::Precise,
        level: 0.95,
        differences: 6,
        precision: 0.05,
        reference: "mutex".into(),
        treatments: vec![
            treatment(
                "mutex",
                vec![figure(Metric::P99, 80e6, None, None), figure(Metric::Throughput, 350.0, None, None)],
            ),
            treatment(
                "lockfree",
                vec![
                    figure(Metric::P99, 79e6, Some((-0.01, 0.03)), same),
                    figure(Metric::Throughput, 351.0, Some((0.003, 0.02)), same),
                ],
            ),
            treatment(
                "async",
                vec![
                    figure(Metric::P99, 60e6, Some((-0.25, 0.04)), better),
                    figure(Metric::Throughput, 315.0, Some((-0.1, 0.02)), worse),
                ],
            ),
        ],
        warnings: Vec::new(),
    };
    let gates = [
        GateResult {
            gate: "p99<50ms".into(),
            treatment: "mutex".into(),
            passed: false,
            why: "80.0 ms".into(),
        },
        GateResult { gate: "p99<1h".into(), treatment: "async".into(), passed: true, why: "60.0 ms".into() },
    ];
    let page = compare_page(&comparison, &[], &gates, &[]);
    assert!(
        page.answer.contains("`lockfree` changes nothing: p99 −1.0 % [−4.0 %, +2.0 %]"),
        "{}",
        page.answer
    );
    assert!(page.answer.contains("throughput −10.0 % [−12.0 %, −8.0 %] worse"), "{}", page.answer);
    snapshot("compare", &page);
    fits(&page);
}

#[test]
fn a_what_if_ranks_by_what_is_attainable_and_announces_ties() {
    let effect =
        |value: f64| Effect { metric: Metric::P99, value: about(80e6, 1e6), relative: about(value, 0.03) };
    let curve = |knob: &str, half: f64, none: f64| Curve {
        knob: knob.into(),
        points: vec![
            Point { factor: 0.0, effects: vec![effect(none)], bottleneck: Some("processors".into()) },
            Point { factor: 0.5, effects: vec![effect(half)], bottleneck: None },
        ],
    };
    let found = WhatIf {
        scenario: "agents".into(),
        focus: "agents".into(),
        engine: "virtual".into(),
        seed: 18,
        rounds: 6,
        tasks: 1000,
        level: 0.95,
        now: vec![Value { metric: Metric::P99, value: about(80e6, 1e6) }],
        cut_short: None,
        bottleneck: Some("lock interpreter".into()),
        // The one that brings most when it is free is not the one that brings most when it is halved.
        knobs: vec![
            curve("step:agents.plan", -0.08, -0.6),
            curve("lock:interpreter", -0.3, -0.45),
            curve("switch", -0.26, -0.4),
        ],
        warnings: Vec::new(),
    };
    let page = whatif_page(&found);
    assert!(
        page.answer.starts_with("Halving `lock:interpreter` changes the p99 by −30.0 %"),
        "{}",
        page.answer
    );
    assert!(page.answer.contains("Not told apart from it: `switch`."), "{}", page.answer);
    snapshot("whatif", &page);
    fits(&page);
}

fn fix(name: &str, saving: Option<(f64, f64)>, effort: Option<f64>, verdict: FixVerdict) -> Fix {
    Fix {
        name: name.into(),
        metric: Metric::P99,
        saving: saving.map(|(value, half)| about(value, half)),
        effort_days: effort,
        verdict,
        tried_on: "virtual engine, agents, 6 rounds".into(),
        shown: if saving.is_none() { "1.02× [0.99×, 1.05×], n = 8".into() } else { String::new() },
    }
}

/// The page says what saves most, how real that is, which promise does not hold, and ranks by the near end.
#[test]
fn a_decision() {
    let mut fixes = vec![
        fix("lock-free task queue", Some((0.1e6, 0.3e6)), Some(4.0), FixVerdict::PromiseRefuted),
        fix("halve lock:interpreter", Some((24e6, 2.4e6)), None, FixVerdict::IfReached),
        fix("batch the registry", Some((37e6, 520e6)), Some(1.0), FixVerdict::Undecided),
        fix("halve switch", Some((20.8e6, 2.5e6)), None, FixVerdict::IfReached),
        fix("without interpreter lock", Some((24.3e6, 1e6)), None, FixVerdict::Ceiling),
        fix("smaller registry lock", Some((6e6, 1e6)), Some(2.0), FixVerdict::SmallerThanPromised),
        fix(
            "K4: a lock-free queue gives 3 to 4 times the throughput",
            None,
            None,
            FixVerdict::PromiseRefuted,
        ),
    ];
    rank(&mut fixes);
    assert_eq!(fixes[0].name, "halve lock:interpreter", "what is surely saved, not what might be");
    let page = decision_page(&Decision {
        scenario: "agents".into(),
        focus: "agents".into(),
        manner: "modelled in virtual time, not measured".into(),
        now: Some((Metric::P99, about(80e6, 1e6))),
        measured: Some("p99 46.3 ms over 1377 tasks (2026-11-28T03:59:10Z, real threads)".into()),
        seed: 18,
        fixes,
    });
    for part in [
        "`halve lock:interpreter` saves most: 24.0 ms [21.6 ms, 26.4 ms] of 80.0 ms p99, modelled in virtual time, not measured",
        "the last measured record has p99 46.3 ms",
        "which the trial assumes",
        "Not told apart from it: `halve switch`.",
    ] {
        assert!(page.answer.contains(part), "{part}: {}", page.answer);
    }
    assert!(page.certainty.contains("3 promised and refuted"), "{}", page.certainty);
    let shown = text(&page, 120, &Details::All);
    let row = shown.lines().rfind(|line| line.starts_with("smaller registry lock")).unwrap();
    assert!(
        row.contains("2 days") && row.contains("2.50 ms"),
        "6 ± 1 ms over 2 days is surely 2.5 a day: {row}"
    );
    snapshot("decide", &page);
    fits(&page);
}

/// One treatment has figures and nothing to be compared with: the page says both.
#[test]
fn a_comparison_of_one() {
    let one = treatment("mutex × 4", vec![figure(Metric::P99, 80e6, None, None)]);
    let comparison = Comparison {
        scenario: "agents".into(),
        question: String::new(),
        seed: 18,
        rounds: 8,
        stopped: Stop::Precise,
        level: 0.95,
        differences: 0,
        precision: 0.05,
        reference: "mutex × 4".into(),
        treatments: vec![one],
        warnings: Vec::new(),
    };
    let page = compare_page(&comparison, &[], &[], &[]);
    assert_eq!(
        page.answer,
        "`mutex × 4` alone: p99 80.0 ms ± 1.60 ms. One treatment has nothing to be compared with."
    );
    assert_eq!(page.next.unwrap().command, "conlab compare --queue mutex,lockfree");
}

#[test]
fn an_audit() {
    let reports = [phase_18f().unwrap()];
    let findings = audit(&reports);
    let page = audit_page(&reports, &findings);
    assert!(page.answer.contains("look generated, not measured"), "{}", page.answer);
    snapshot("audit", &page);
    fits(&page);
}

#[test]
fn claims() {
    let claim = |id: &str, verdict, shown: &str| ClaimResult {
        id: id.into(),
        says: "the task-queue lock is 18 % of the p99".into(),
        about: Some("a program in Python".into()),
        verdict,
        tried_on: Some("the model `claims/agents`, in virtual time".into()),
        settled_by: "experiment".into(),
        arithmetic: Vec::new(),
        findings: vec![Finding {
            what: "share of the p99".into(),
            figure: about(0.04, 0.01),
            shown: shown.into(),
            criterion: "at least 10 %".into(),
            verdict,
            engine: "virtual".into(),
            seed: 18,
        }],
    };
    let results = [
        claim("K1", ClaimVerdict::Supported, "17 % ± 2"),
        claim("K2", ClaimVerdict::Refuted, "4 % ± 1"),
        claim("K3", ClaimVerdict::Inconclusive, "9 % ± 8"),
        ClaimResult {
            tried_on: None,
            settled_by: "the server is not here".into(),
            arithmetic: vec![BoundResult {
                says: "1.4 to 2.0 times on 11.0 ms saves 3.1 ms to 5.5 ms, where 4.0 ms to 6.0 ms is claimed"
                    .into(),
                refutes: false,
                refuted_part: Some("a saving of more than 5.5 ms".into()),
            }],
            ..claim("K4", ClaimVerdict::NotTestable, "0.9 times")
        },
    ];
    let page = claims_page("phase 18F", &results);
    snapshot("claims", &page);
    fits(&page);
}

#[test]
fn a_validation() {
    let row = |figure: &str, error: f64, verdict| Row {
        scenario: "agents".into(),
        treatment: "mutex × 4, baseline".into(),
        figure: figure.into(),
        real: (80.0, 3.0),
        virtual_time: 80.0 * (1.0 + error),
        error,
        verdict,
    };
    let rows = vec![
        row("throughput_per_s", 0.02, Some(Judged::Good)),
        row("sojourn_mean_ms", -0.14, Some(Judged::Noise)),
        row("sojourn_p99_ms", 0.31, Some(Judged::Miss)),
        row("lock_mean_ms", 0.5, None),
    ];
    let busy = conlab::measure::usage::busy_warning(Some(0.4)).unwrap();
    let page =
        validate_page(&Validated { rows, tasks: 1000, warnings: vec![busy] }, "calibrated on this host", 3);
    assert!(
        page.answer.contains("1 of 3 figures are missed") && page.answer.contains("+31.0 %"),
        "{}",
        page.answer
    );
    snapshot("validate", &page);
    fits(&page);
}

#[test]
fn a_verification() {
    let verdict = |queue: &str, operations: u64| Verified {
        queue: queue.into(),
        operations,
        histories: 2000,
        threads: 4,
        failure: None,
        took: Duration::from_millis(1234),
    };
    let clean = VerifyReport {
        seed: 18,
        verdicts: vec![verdict("mutex", 1_000_000), verdict("lockfree", 2_000_000)],
    };
    let page = verify_page(&clean);
    snapshot("verify", &page);
    fits(&page);
    let mut wrong = clean;
    wrong.verdicts[1].failure = Some(conlab::verify::Failure::Rule("an item came out twice".into()));
    let page = verify_page(&wrong);
    assert_eq!(page.alarms.len(), 1);
    assert!(page.answer.contains("1 of 2 queues"), "{}", page.answer);
}

#[test]
fn a_host() {
    let check = |name, state, found: &str, remedy: &str| Check {
        name,
        state,
        found: found.into(),
        remedy: remedy.into(),
    };
    let page = doctor_page(&[
        check("processors", State::Good, "2 × a processor", ""),
        check("steal", State::Limited, "3 % of the time", "repeat on a quiet machine"),
        check("hardware counters", State::Missing, "no counters", "use bare metal"),
    ]);
    snapshot("doctor", &page);
    fits(&page);
}

#[test]
fn a_scenario_with_a_doubt() {
    let overrides = Overrides { rate: Some(9000.0), ..Overrides::default() };
    let scenario = Scenario::load("oversubscription", &overrides).unwrap();
    let found = doubts(&scenario);
    assert!(!found.is_empty(), "nine thousand tasks a second are too many");
    let page = check_page(&scenario, "oversubscription", &found);
    fits(&page);
    let sound = Scenario::load("agents", &Overrides::default()).unwrap();
    let page = check_page(&sound, "agents", &doubts(&sound));
    snapshot("check", &page);
    insta::assert_snapshot!("scenario-svg", svg(&sound).replace("><", ">\n<"));
}
