//! Outcomes as JUnit XML, which every CI system shows: gates, claims and identities as test cases.

use crate::measure::record::RunRecord;
use crate::printable::PrintableLines;
use crate::study::GateResult;
use crate::study::claims::{ClaimResult, ClaimVerdict};
use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaseOutcome {
    /// As demanded.
    Passed,
    /// Not as demanded, and why.
    Failed(String),
    /// It cannot be said, and why: inconclusive or not testable.
    Skipped(String),
}

/// A gate, a claim or an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// What it demands.
    pub name: String,
    /// The figures.
    pub detail: String,
    /// How it ended.
    pub outcome: CaseOutcome,
}

/// A report of suites, each a name with its cases.
///
/// # Errors
///
/// [`SerializeError`] when it cannot be written.
pub fn junit(name: &str, suites: &[(String, Vec<Case>)]) -> Result<String, SerializeError> {
    let shown = |text: &str| PrintableLines(text).to_string();
    let mut report = Report::new(shown(name));
    for (name, cases) in suites {
        let mut suite = TestSuite::new(shown(name));
        for case in cases {
            let status = match &case.outcome {
                CaseOutcome::Passed => TestCaseStatus::success(),
                CaseOutcome::Failed(why) => {
                    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                    status.set_message(shown(why));
                    status
                }
                CaseOutcome::Skipped(why) => {
                    let mut status = TestCaseStatus::skipped();
                    status.set_message(shown(why));
                    status
                }
            };
            let mut test = TestCase::new(shown(&case.name), status);
            test.set_classname(shown(name));
            if !case.detail.is_empty() {
                test.set_system_out(shown(&case.detail));
            }
            suite.add_test_case(test);
        }
        report.add_test_suite(suite);
    }
    report.to_string()
}

/// A record's identities, and whether it was measured to its end, as cases.
#[must_use]
pub fn cases(record: &RunRecord) -> Vec<Case> {
    let mut cases: Vec<Case> = record
        .identities
        .iter()
        .map(|identity| {
            let outcome = if identity.holds {
                CaseOutcome::Passed
            } else {
                CaseOutcome::Failed(identity.detail.clone())
            };
            Case { name: identity.name.clone(), detail: identity.detail.clone(), outcome }
        })
        .collect();
    cases.push(Case {
        name: "complete".into(),
        detail: String::new(),
        outcome: if record.was_interrupted() {
            CaseOutcome::Skipped("interrupted before its end".into())
        } else if record.partial {
            CaseOutcome::Failed(record.why_untrustworthy().unwrap_or_else(|| "it ended by itself".into()))
        } else {
            CaseOutcome::Passed
        },
    });
    for warning in &record.warnings {
        cases.push(Case {
            name: format!("warning: {}", warning.code),
            detail: warning.remedy.clone(),
            outcome: CaseOutcome::Skipped(warning.message.clone()),
        });
    }
    cases
}

/// Gates as cases, one for each treatment that they judge.
#[must_use]
pub fn gate_cases(gates: &[GateResult]) -> Vec<Case> {
    gates
        .iter()
        .map(|gate| Case {
            name: format!("{}: {}", gate.gate, gate.treatment),
            detail: gate.why.clone(),
            outcome: if gate.passed { CaseOutcome::Passed } else { CaseOutcome::Failed(gate.why.clone()) },
        })
        .collect()
}

/// Claims as cases: one that is refuted has failed, one that nothing settles is skipped.
#[must_use]
pub fn claim_cases(claims: &[ClaimResult]) -> Vec<Case> {
    claims
        .iter()
        .map(|claim| {
            let found = claim.findings.iter().map(|found| {
                format!(
                    "{}: {}, wanted {} ({})",
                    found.what,
                    found.shown,
                    found.criterion,
                    found.verdict.name()
                )
            });
            let tried_on =
                claim.tried_on.as_ref().map_or_else(String::new, |tried_on| format!(", tried on {tried_on}"));
            let detail = std::iter::once(format!("settled by {}{tried_on}", claim.settled_by)).chain(found);
            let detail = detail.collect::<Vec<_>>().join("\n");
            let why = format!("{}: {}", claim.verdict_words(), detail.replace('\n', "; "));
            Case {
                name: format!("{}: {}", claim.id, claim.says),
                detail,
                outcome: match claim.verdict {
                    ClaimVerdict::Supported => CaseOutcome::Passed,
                    ClaimVerdict::Refuted => CaseOutcome::Failed(why),
                    ClaimVerdict::Inconclusive | ClaimVerdict::NotTestable => CaseOutcome::Skipped(why),
                },
            }
        })
        .collect()
}
