//! Claims put to the test: each has an experiment with a criterion, and arithmetic that may settle it beforehand.
//!
//! A claim is *supported* when the whole interval of its figure meets the criterion, *refuted* when the whole interval
//! misses it or when arithmetic on the claim's own figures rules it out, *inconclusive* in between, and *not testable*
//! when what it speaks of is not here. A verdict says what it was tried on and reaches no further; arithmetic may rule out
//! a part of a claim, such as the saving, that cannot be tested.

mod arithmetic;
mod file;
mod trials;

pub use arithmetic::{Bound, BoundResult};
pub(crate) use file::plain as toml_as_json;
pub use file::{Claim, ClaimFile, ClaimFileError, Criterion, Levels, PHASE_18F, Trial};

use super::stats::Estimate;
use super::trial::{SharedEngine, StudyError};
use crate::engine::Progress;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trials::Bench;

/// What the evidence says of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClaimVerdict {
    /// The figure meets the criterion, interval and all.
    Supported,
    /// The figure misses it, interval and all, or arithmetic rules the claim out.
    Refuted,
    /// The interval reaches over the criterion.
    Inconclusive,
    /// What the claim speaks of is not here.
    NotTestable,
}

impl ClaimVerdict {
    /// The words for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::Refuted => "refuted",
            Self::Inconclusive => "inconclusive",
            Self::NotTestable => "not testable",
        }
    }
}

/// How to test.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimOptions {
    /// Only these claims; empty: all of them.
    pub only: Vec<String>,
    /// Confidence of the intervals.
    pub level: f64,
    /// Rounds of every experiment.
    pub rounds: u32,
    /// Seed of the first round.
    pub seed: u64,
}

impl Default for ClaimOptions {
    fn default() -> Self {
        Self { only: Vec::new(), level: 0.95, rounds: 8, seed: 18 }
    }
}

/// A claim's verdict with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClaimResult {
    /// Its word.
    pub id: String,
    /// What is claimed.
    pub says: String,
    /// The verdict.
    pub verdict: ClaimVerdict,
    /// What the claim is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// What the verdict was tried on, and so holds for; nothing where it is not testable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried_on: Option<String>,
    /// What settled it: `arithmetic`, `experiment`, or why it cannot be tested.
    pub settled_by: String,
    /// Arithmetic on the claim's own figures.
    pub arithmetic: Vec<BoundResult>,
    /// Experiments; the first decides, the others are evidence.
    pub findings: Vec<Finding>,
}

impl ClaimResult {
    /// The verdict in words, with the part that arithmetic rules out where the whole cannot be tested.
    #[must_use]
    pub fn verdict_words(&self) -> String {
        let name = self.verdict.name();
        if self.verdict != ClaimVerdict::NotTestable {
            return name.into();
        }
        match self.arithmetic.iter().find_map(|bound| bound.refuted_part.as_ref()) {
            Some(part) => format!("{name} here; {part} refuted by arithmetic"),
            None => format!("{name} here"),
        }
    }
}

/// What an experiment found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What was measured.
    pub what: String,
    /// The figure with its interval.
    pub figure: Estimate,
    /// The same in words.
    pub shown: String,
    /// What it must be for the claim to hold.
    pub criterion: String,
    /// Whether it is.
    pub verdict: ClaimVerdict,
    /// `real`, `virtual`, or `kernel` for a computation timed on this machine.
    pub engine: String,
    /// Seed of the first round.
    pub seed: u64,
}

/// Tests every claim of `file`; `watch` is told which one is being tested and how many there are.
///
/// # Errors
///
/// [`StudyError`] when an experiment cannot be made; a claim whose experiment lacks tasks for its figure is
/// inconclusive instead.
pub fn test_claims(
    file: &ClaimFile,
    engine: &SharedEngine,
    options: &ClaimOptions,
    progress: &Progress,
    watch: super::Watch<'_>,
) -> Result<Vec<ClaimResult>, StudyError> {
    let wanted = |claim: &&Claim| options.only.is_empty() || options.only.contains(&claim.id);
    let claims: Vec<&Claim> = file.claim.iter().filter(wanted).collect();
    let mut bench = Bench::new(file, engine, options, progress);
    let mut results = Vec::with_capacity(claims.len());
    for (index, claim) in claims.iter().enumerate() {
        watch(index, claims.len());
        match test(claim, &mut bench) {
            Ok(result) => results.push(result),
            Err(StudyError::Interrupted { .. }) if !results.is_empty() => return Ok(results),
            Err(error) => return Err(error),
        }
    }
    watch(claims.len(), claims.len());
    Ok(results)
}

fn test(claim: &Claim, bench: &mut Bench<'_>) -> Result<ClaimResult, StudyError> {
    let arithmetic: Vec<BoundResult> = claim.bound.iter().map(Bound::judge).collect();
    let mut findings = Vec::with_capacity(claim.trial.len());
    for trial in &claim.trial {
        findings.push(bench.run(trial)?);
    }
    let (verdict, settled_by, tried_on) = if arithmetic.iter().any(|bound| bound.refutes) {
        let own = "the figures of its own report".to_owned();
        (ClaimVerdict::Refuted, "arithmetic on its own figures".to_owned(), Some(own))
    } else if let Some(why) = &claim.untestable {
        (ClaimVerdict::NotTestable, why.clone(), None)
    } else if let (Some(trial), Some(finding)) = (claim.trial.first(), findings.first()) {
        let tried_on = trial.tried_on(&finding.engine);
        (finding.verdict, format!("experiment ({})", finding.engine), Some(tried_on))
    } else {
        (ClaimVerdict::NotTestable, "no experiment is given".into(), None)
    };
    Ok(ClaimResult {
        id: claim.id.clone(),
        says: claim.says.clone(),
        about: claim.about.clone(),
        verdict,
        tried_on,
        settled_by,
        arithmetic,
        findings,
    })
}
