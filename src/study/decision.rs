//! Possible fixes side by side, whoever proposes them: what each saves, how sure that is, and a verdict in the same words.
//!
//! A saving is that of a change which was tried. Where the trial sets the very factor that is promised (half the cost of a
//! step, say), it shows what the factor would bring and not that it can be reached: the verdict says so.

use super::claims::{Claim, ClaimFile, ClaimResult, ClaimVerdict};
use super::explain::Explanation;
use super::metric::Metric;
use super::stats::Estimate;
use super::whatif::WhatIf;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A saving below this share of the present value is not worth a day.
pub const LEAST_SHARE: f64 = 0.02;
/// The factor that counts as attainable for a cost.
const HALF: f64 = 0.5;

/// What the evidence says of a fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FixVerdict {
    /// A saving is shown.
    WorthDoing,
    /// Less than was promised, and more than nothing.
    SmallerThanPromised,
    /// A saving is shown for a factor that the trial assumes.
    IfReached,
    /// What is saved when a mechanism is gone altogether: no fix of it saves more.
    Ceiling,
    /// The interval allows both.
    Undecided,
    /// A claim that the evidence supports, without a saving of its own.
    Supported,
    /// It was promised, and the evidence rules it out.
    PromiseRefuted,
    /// What is saved is shown to be next to nothing.
    NotWorthDoing,
    /// Nothing here could try it.
    NotTried,
}

impl FixVerdict {
    /// The words for it, the same on every page.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WorthDoing => "worth doing",
            Self::SmallerThanPromised => "promise refuted; a smaller saving is shown",
            Self::IfReached => "worth doing if the factor is reached, which the trial assumes",
            Self::Ceiling => "a ceiling: no fix of it saves more",
            Self::Undecided => "undecided: the interval is too wide",
            Self::Supported => "claim supported",
            Self::PromiseRefuted => "promise refuted; not worth doing",
            Self::NotWorthDoing => "not worth doing",
            Self::NotTried => "not tried",
        }
    }

    /// Whether it speaks for the fix.
    #[must_use]
    pub const fn speaks_for(self) -> bool {
        matches!(self, Self::WorthDoing | Self::SmallerThanPromised | Self::IfReached)
    }
}

/// A possible fix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fix {
    /// What would be done.
    pub name: String,
    /// The figure that it is to improve.
    pub metric: Metric,
    /// How much better the figure becomes, in its unit (times: nanoseconds); `None` where none was obtained.
    pub saving: Option<Estimate>,
    /// Days of work, where somebody said so.
    pub effort_days: Option<f64>,
    /// What the evidence says.
    pub verdict: FixVerdict,
    /// What tried it: engine, scenario, rounds.
    pub tried_on: String,
    /// The evidence in words where there is no saving; may be empty.
    pub shown: String,
}

impl Fix {
    /// The near end of the saving: what is surely saved, 0 where nothing is.
    #[must_use]
    pub fn surely(&self) -> f64 {
        self.saving.map_or(0.0, |saving| if saving.low.is_finite() { saving.low.max(0.0) } else { 0.0 })
    }
}

/// What an interval of a saving says, against the present value `now` of the figure; `assumed` where the trial sets what is
/// promised.
#[must_use]
pub fn judge_saving(saving: &Estimate, now: f64, assumed: bool) -> FixVerdict {
    let least = LEAST_SHARE * now;
    if saving.low > 0.0 && saving.value >= least {
        if assumed { FixVerdict::IfReached } else { FixVerdict::WorthDoing }
    } else if saving.high < least {
        FixVerdict::NotWorthDoing
    } else {
        FixVerdict::Undecided
    }
}

/// Puts fixes in order: those that something speaks for first, by the near end of the saving.
pub fn rank(fixes: &mut [Fix]) {
    fixes.sort_by(|one, other| {
        let class = |fix: &Fix| match fix.verdict {
            verdict if verdict.speaks_for() => 0,
            FixVerdict::Ceiling | FixVerdict::Supported | FixVerdict::Undecided => 1,
            _ => 2,
        };
        class(one).cmp(&class(other)).then(other.surely().total_cmp(&one.surely()))
    });
}

/// The fixes after the first, best one that cannot be told from it: their intervals overlap.
#[must_use]
pub fn tied(fixes: &[Fix]) -> Vec<&Fix> {
    let Some((best, others)) = fixes.split_first() else { return Vec::new() };
    let Some(saving) = best.saving.filter(|_| best.verdict.speaks_for()) else { return Vec::new() };
    let overlaps = |fix: &&Fix| {
        fix.verdict.speaks_for()
            && fix.saving.is_some_and(|other| other.low <= saving.high && saving.low <= other.high)
    };
    others.iter().filter(overlaps).collect()
}

/// Every cost of a what-if, halved.
#[must_use]
pub fn fixes_of_whatif(found: &WhatIf) -> Vec<Fix> {
    let Some(now) = found.now.first() else { return Vec::new() };
    let value = now.value.value;
    let sign = if now.metric.more_is_better() { 1.0 } else { -1.0 };
    let fix = |curve: &super::whatif::Curve| {
        let effects = &curve.at(HALF)?.effects;
        let relative = effects.iter().find(|effect| effect.metric == now.metric)?.relative;
        let ends = [relative.low * sign * value, relative.high * sign * value];
        let saving = Estimate::new(
            relative.value * sign * value,
            ends[0].min(ends[1]),
            ends[0].max(ends[1]),
            relative.n,
        );
        Some(Fix {
            name: format!("halve {}", curve.knob),
            metric: now.metric,
            saving: Some(saving),
            effort_days: None,
            verdict: judge_saving(&saving, value, true),
            tried_on: format!("{} engine, {}, {} rounds", found.engine, found.scenario, found.rounds),
            shown: String::new(),
        })
    };
    found.knobs.iter().filter_map(fix).collect()
}

/// Every mechanism of an explanation, gone altogether: what no fix of it can exceed.
#[must_use]
pub fn fixes_of_explanation(found: &Explanation) -> Vec<Fix> {
    let split = found.split(Metric::P99).or_else(|| found.split(Metric::Mean));
    let Some(split) = split.filter(|split| split.shown) else { return Vec::new() };
    let fix = |part: &super::explain::Part| {
        part.mechanism?;
        let saving = part.leave_one_out;
        let verdict = match judge_saving(&saving, split.baseline.value, true) {
            FixVerdict::IfReached => FixVerdict::Ceiling,
            other => other,
        };
        Some(Fix {
            name: format!("without {}", part.cause),
            metric: split.metric,
            saving: Some(saving),
            effort_days: None,
            verdict,
            tried_on: format!("{} engine, {}, {} rounds", found.engine, found.scenario, found.rounds),
            shown: String::new(),
        })
    };
    split.parts.iter().filter_map(fix).collect()
}

/// The claims of a file that propose a change, with what came out.
#[must_use]
pub fn fixes_of_claims(file: &ClaimFile, results: &[ClaimResult]) -> Vec<Fix> {
    let fix = |claim: &Claim| {
        let result = results.iter().find(|result| result.id == claim.id)?;
        let finding = result.findings.first();
        Some(Fix {
            name: format!("{}: {}", claim.id, claim.says),
            metric: Metric::P99,
            saving: None,
            effort_days: None,
            verdict: match result.verdict {
                ClaimVerdict::Supported => FixVerdict::Supported,
                ClaimVerdict::Refuted => FixVerdict::PromiseRefuted,
                ClaimVerdict::Inconclusive => FixVerdict::Undecided,
                ClaimVerdict::NotTestable => FixVerdict::NotTried,
            },
            tried_on: finding.map_or_else(
                || result.settled_by.clone(),
                |finding| format!("{} engine: {}", finding.engine, finding.what),
            ),
            shown: finding.map(|finding| finding.shown.clone()).unwrap_or_default(),
        })
    };
    file.claim.iter().filter(|claim| claim.proposes()).filter_map(fix).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fix(name: &str, low: f64, value: f64, high: f64) -> Fix {
        let saving = Estimate::new(value, low, high, 8);
        Fix {
            name: name.into(),
            metric: Metric::P99,
            saving: Some(saving),
            effort_days: None,
            verdict: judge_saving(&saving, 100.0, false),
            tried_on: String::new(),
            shown: String::new(),
        }
    }

    #[test]
    fn the_near_end_ranks_and_a_wide_interval_ranks_nothing() {
        let mut fixes = [
            fix("wide", -483.0, 37.0, 558.0),
            fix("sure", 20.0, 25.0, 30.0),
            fix("less sure", 5.0, 40.0, 75.0),
        ];
        rank(&mut fixes);
        let names: Vec<&str> = fixes.iter().map(|fix| fix.name.as_str()).collect();
        assert_eq!(names, ["sure", "less sure", "wide"]);
        assert_eq!(fixes[2].verdict, FixVerdict::Undecided);
        let tied: Vec<&str> = tied(&fixes).iter().map(|fix| fix.name.as_str()).collect();
        assert_eq!(tied, ["less sure"]);
    }

    #[test]
    fn an_assumed_factor_is_no_proof_and_little_is_not_worth_doing() {
        let saving = Estimate::new(30.0, 20.0, 40.0, 8);
        assert_eq!(judge_saving(&saving, 100.0, true), FixVerdict::IfReached);
        assert_eq!(judge_saving(&saving, 100.0, false), FixVerdict::WorthDoing);
        assert_eq!(judge_saving(&Estimate::new(0.5, 0.1, 1.0, 8), 100.0, false), FixVerdict::NotWorthDoing);
        assert_eq!(judge_saving(&Estimate::new(3.0, -1.0, 7.0, 8), 100.0, false), FixVerdict::Undecided);
    }
}
