//! Gates: bounds that a continuous integration sets, judged on the interval's end and not on the figure.

use super::compare::{AgainstStored, Compared};
use super::metric::{Metric, Unit};
use super::stats::Estimate;
use crate::scenario::{parse_duration, parse_rate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// A bound such as `p99<50ms`, `lock_acquisition<10%`, `throughput>1000/s`, or `p99<+5%` against the reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    /// As the user wrote it.
    pub text: String,
    metric: Metric,
    below: bool,
    bound: Bound,
}

/// What a gate compares with.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    /// A value in the metric's unit.
    Value(f64),
    /// A share more or less than the reference.
    Relative(f64),
}

/// What a gate says of a treatment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GateResult {
    /// The gate.
    pub gate: String,
    /// The treatment.
    pub treatment: String,
    /// Whether it holds for the interval's whole length.
    pub passed: bool,
    /// The figures.
    pub why: String,
}

impl FromStr for Gate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const EXPECTED: &str =
            "expected METRIC<BOUND or METRIC>BOUND, such as p99<50ms, lock_acquisition<10% or p99<+5%";
        let at = text.find(['<', '>']).ok_or_else(|| format!("`{text}` is no gate: {EXPECTED}"))?;
        let metric = Metric::parse(text[..at].trim())?;
        let bound = text[at + 1..].trim_start_matches('=').trim();
        let bound = if bound.starts_with(['+', '-']) {
            Bound::Relative(percent(bound).ok_or_else(|| format!("`{bound}` is no share: {EXPECTED}"))?)
        } else {
            Bound::Value(match metric.unit() {
                #[expect(clippy::cast_precision_loss, reason = "2^53 ns is 104 days")]
                Unit::Time => parse_duration(bound)?.0 as f64,
                Unit::Rate => parse_rate(bound)?,
                Unit::Share => percent(bound).ok_or_else(|| format!("`{bound}` is no share: {EXPECTED}"))?,
            })
        };
        Ok(Self { text: text.to_owned(), metric, below: text.as_bytes()[at] == b'<', bound })
    }
}

/// A share more or less, with its sign.
fn signed(value: f64) -> String {
    format!("{:+.1} %", value * 100.0)
}

/// `10%` as 0.1.
fn percent(text: &str) -> Option<f64> {
    let number: f64 = text.strip_suffix('%')?.trim().parse().ok()?;
    number.is_finite().then_some(number / 100.0)
}

impl Gate {
    /// The figure that it bounds.
    #[must_use]
    pub const fn metric(&self) -> Metric {
        self.metric
    }

    /// Whether its bound is a share more or less than a reference.
    #[must_use]
    pub const fn is_relative(&self) -> bool {
        matches!(self.bound, Bound::Relative(_))
    }

    /// Whether the whole interval of `value` is on the gate's side, or the whole of it on the other; `None` when it lies on
    /// both, or when the gate is relative.
    #[must_use]
    pub fn decide(&self, value: &Estimate) -> Option<bool> {
        let Bound::Value(bound) = self.bound else { return None };
        let (surely, surely_not) = if self.below {
            (value.high < bound, value.low >= bound)
        } else {
            (value.low > bound, value.high <= bound)
        };
        if surely { Some(true) } else { surely_not.then_some(false) }
    }

    /// Whether a share more or less keeps a signed bound with the whole of its interval, or breaks it with the whole of it;
    /// `None` when the interval lies on both sides, or when the bound is a value.
    #[must_use]
    pub fn holds_relative(&self, share: &Estimate) -> Option<bool> {
        let Bound::Relative(bound) = self.bound else { return None };
        let value = Self { bound: Bound::Value(bound), ..self.clone() };
        value.decide(share)
    }

    /// Judges a signed bound by the difference from stored runs; `None` for a bound that is a value.
    #[must_use]
    pub fn judge_stored(&self, stored: &AgainstStored) -> Option<GateResult> {
        let Bound::Relative(bound) = self.bound else { return None };
        let figure = stored.figures.iter().find(|figure| figure.metric == self.metric)?;
        Some(self.result(&stored.label, figure.relative, bound, &signed))
    }

    /// Judges a treatment by the end of its interval that is nearer to failing.
    ///
    /// The reference has no difference from itself, so a relative gate does not apply to it: `None`.
    #[must_use]
    pub fn judge(&self, treatment: &Compared) -> Option<GateResult> {
        let refused = |why: String| {
            Some(GateResult {
                gate: self.text.clone(),
                treatment: treatment.label.clone(),
                passed: false,
                why,
            })
        };
        let Some(figure) = treatment.figure(self.metric) else {
            return refused(format!("no run has a {}", self.metric.name()));
        };
        let Some(value) = figure.value else {
            let tasks = treatment.tasks;
            return refused(format!("{tasks} tasks a run cannot carry a {}", self.metric.name()));
        };
        match self.bound {
            Bound::Value(bound) => {
                let unit = self.metric.unit();
                Some(self.result(&treatment.label, value, bound, &|value| unit.show(value)))
            }
            Bound::Relative(bound) => Some(self.result(&treatment.label, figure.relative?, bound, &signed)),
        }
    }

    /// The verdict on one estimate.
    fn result(
        &self,
        label: &str,
        estimate: Estimate,
        bound: f64,
        show: &dyn Fn(f64) -> String,
    ) -> GateResult {
        let end = if self.below { estimate.high } else { estimate.low };
        let side = if self.below { "upper" } else { "lower" };
        GateResult {
            gate: self.text.clone(),
            treatment: label.to_owned(),
            passed: if self.below { end < bound } else { end > bound },
            why: format!(
                "{} {} (n = {}), {side} end {}, bound {}",
                self.metric.name(),
                show(estimate.value),
                estimate.n,
                show(end),
                show(bound)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::record::TreatmentRecord;
    use crate::study::compare::{Figure, Verdict};

    fn treatment(metric: Metric, value: Estimate, relative: Option<Estimate>) -> Compared {
        Compared {
            label: "lockfree".into(),
            engine: "virtual".into(),
            levels: TreatmentRecord::default(),
            tasks: 2000,
            figures: vec![Figure {
                metric,
                value: Some(value),
                barely: false,
                verdict: relative.map(|relative| Verdict::of(metric, &relative, 0.05)),
                relative,
            }],
            others: Vec::new(),
            throughputs: Vec::new(),
        }
    }

    #[test]
    fn the_far_end_of_the_interval_decides() {
        let near = treatment(Metric::P99, Estimate::new(48e6, 46e6, 51e6, 8), None);
        for (gate, passed) in
            [("p99<50ms", false), ("p99<52ms", true), ("p99>45ms", true), ("p99>47ms", false)]
        {
            let result = gate.parse::<Gate>().unwrap().judge(&near).unwrap();
            assert_eq!(result.passed, passed, "{gate}: {}", result.why);
        }
        let share = treatment(Metric::LockAcquisition, Estimate::new(0.08, 0.06, 0.09, 8), None);
        assert!("lock_acquisition<10%".parse::<Gate>().unwrap().judge(&share).unwrap().passed);
        assert!(!"p99<1s".parse::<Gate>().unwrap().judge(&share).unwrap().passed, "a missing figure fails");
    }

    #[test]
    fn a_signed_bound_is_against_the_reference() {
        let gate: Gate = "p99<+5%".parse().unwrap();
        let relative = Estimate::new(0.02, -0.02, 0.06, 8);
        let estimate = Estimate::new(48e6, 46e6, 51e6, 8);
        assert!(!gate.judge(&treatment(Metric::P99, estimate, Some(relative))).unwrap().passed);
        assert_eq!(gate.judge(&treatment(Metric::P99, estimate, None)), None, "the reference itself");
    }

    #[test]
    fn what_is_no_gate_is_said() {
        for (text, reason) in [
            ("p99", "no gate"),
            ("p98<5ms", "unknown metric"),
            ("p99<50", "no unit"),
            ("p99<+5", "no share"),
            ("lock_acquisition<10", "no share"),
        ] {
            let said = text.parse::<Gate>().unwrap_err();
            assert!(said.contains(reason), "{text}: {said}");
        }
    }
}
