//! Targets: value, bound, verdict and headroom.

use super::Outcome;
use serde::Deserialize;
use serde_json::{Value, json};

/// A bound on one metric of some benchmarks.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// What is bounded.
    pub name: String,
    /// Path of the metric in a task's metrics.
    pub metric: String,
    /// Unit of value and bound.
    pub unit: String,
    /// The value must stay below this.
    #[serde(default)]
    pub below: Option<f64>,
    /// The value must stay above this.
    #[serde(default)]
    pub above: Option<f64>,
    /// Names of the benchmarks.
    pub benchmarks: Vec<String>,
}

impl Target {
    /// Whether it has one bound, a number above 0.
    pub(super) fn check(&self) -> Result<(), String> {
        match (self.below, self.above) {
            (Some(bound), None) | (None, Some(bound)) if bound > 0.0 && bound.is_finite() => Ok(()),
            _ => Err(format!("target `{}`: expected either below or above, a number above 0", self.name)),
        }
    }
}

/// A target and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Judged {
    /// What is bounded.
    pub(super) what: String,
    /// The benchmark.
    pub(super) benchmark: String,
    /// Its value; `None` when the sample cannot carry it or the task failed.
    pub(super) value: Option<f64>,
    /// Unit of value and bound.
    pub(super) unit: String,
    /// The bound.
    pub(super) bound: f64,
    /// Whether the value must stay below it.
    pub(super) below: bool,
}

impl Judged {
    /// Whether the target is met; `None` when there is no value.
    #[must_use]
    pub(super) fn is_met(&self) -> Option<bool> {
        self.value.map(|value| if self.below { value < self.bound } else { value > self.bound })
    }

    /// How far the value is on the good side, in per cent of the bound; negative on the bad side.
    #[must_use]
    pub(super) fn headroom_percent(&self) -> Option<f64> {
        let value = self.value?;
        let room = if self.below { self.bound - value } else { value - self.bound };
        Some(100.0 * room / self.bound)
    }

    /// `met`, `missed` or `no value`.
    #[must_use]
    pub(super) fn verdict(&self) -> &'static str {
        match self.is_met() {
            Some(true) => "met",
            Some(false) => "missed",
            None => "no value",
        }
    }

    /// For the day's report; what has no value is absent.
    #[must_use]
    pub(super) fn to_json(&self) -> Value {
        let mut row = json!({
            "target": self.what,
            "benchmark": self.benchmark,
            "must_be": if self.below { "below" } else { "above" },
            "bound": self.bound,
            "unit": self.unit,
            "verdict": self.verdict(),
        });
        if let (Value::Object(row), Some(value), Some(room)) = (&mut row, self.value, self.headroom_percent())
        {
            row.insert("value".to_owned(), json!(value));
            row.insert("headroom_percent".to_owned(), json!(super::outcome::rounded(room)));
        }
        row
    }
}

/// Every target of these tasks.
#[must_use]
pub(super) fn judge(targets: &[Target], outcomes: &[Outcome]) -> Vec<Judged> {
    let mut rows = Vec::new();
    for target in targets {
        let of_target = |outcome: &&Outcome| target.benchmarks.contains(&outcome.task.name);
        for outcome in outcomes.iter().filter(of_target) {
            // A figure that the level does not have is no missed target.
            let value = outcome.metric(&target.metric);
            if value.is_none() && !target.metric.starts_with("latency") {
                continue;
            }
            rows.push(Judged {
                what: target.name.clone(),
                benchmark: outcome.task.name.clone(),
                value,
                unit: target.unit.clone(),
                bound: target.below.or(target.above).unwrap_or(f64::NAN),
                below: target.below.is_some(),
            });
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headroom_is_positive_on_the_good_side() {
        let judged = |value, bound, below| Judged {
            what: "x".into(),
            benchmark: String::new(),
            value: Some(value),
            unit: "ms".into(),
            bound,
            below,
        };
        assert_eq!(judged(49.5, 100.0, true).headroom_percent(), Some(50.5));
        assert_eq!(judged(1010.0, 50.0, false).headroom_percent(), Some(1920.0));
        assert_eq!(judged(55.3, 50.0, true).verdict(), "missed");
        assert_eq!(judged(50.0, 50.0, true).is_met(), Some(false));
    }

    #[test]
    fn a_target_has_one_bound() {
        let target = |below, above| Target {
            name: "x".into(),
            metric: "latency.p99_ms".into(),
            unit: "ms".into(),
            below,
            above,
            benchmarks: Vec::new(),
        };
        assert!(target(Some(5.0), None).check().is_ok());
        for (below, above) in [(None, None), (Some(1.0), Some(2.0)), (Some(0.0), None)] {
            assert!(target(below, above).check().unwrap_err().contains("either below or above"));
        }
    }
}
