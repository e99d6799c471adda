//! Targets: value, bound, verdict and headroom.

use super::Outcome;
use serde_json::{Value, json};

/// A bound on one metric of some benchmarks.
struct Target {
    what: &'static str,
    path: &'static str,
    unit: &'static str,
    bound: f64,
    /// Whether the value must stay below the bound; else above.
    below: bool,
    benchmarks: &'static [&'static str],
}

const RYOT: &[&str] =
    &["FirstTokenLatencyBenchmark", "TokenGenerationBenchmark", "DetailedRyotInferenceProfiling"];

const fn below(
    what: &'static str,
    path: &'static str,
    unit: &'static str,
    bound: f64,
    benchmarks: &'static [&'static str],
) -> Target {
    Target { what, path, unit, bound, below: true, benchmarks }
}

const fn above(
    what: &'static str,
    path: &'static str,
    unit: &'static str,
    bound: f64,
    benchmarks: &'static [&'static str],
) -> Target {
    Target { what, path, unit, bound, below: false, benchmarks }
}

const TARGETS: &[Target] = &[
    below("Ryot TTFT mean", "latency.mean_ms", "ms", 100.0, RYOT),
    below("Ryot TTFT p99", "latency.p99_ms", "ms", 100.0, RYOT),
    above("Ryot throughput", "tokens_per_s", "tokens/s", 50.0, RYOT),
    below("Ryot peak memory", "peak_memory_mb", "MB", 4000.0, RYOT),
    above("ΣLANG ratio", "compression_ratio", ": 1", 3.0, &["CompressionRatioBenchmark"]),
    above("ΣLANG throughput", "mb_per_s", "MB/s", 100.0, &["CompressionThroughputBenchmark"]),
    below(
        "ΣVAULT read p99",
        "latency.p99_ms",
        "ms",
        10.0,
        &["RSUReadBenchmark", "SigmaVaultMemoryProfiling"],
    ),
    below("ΣVAULT write p99", "latency.p99_ms", "ms", 20.0, &["RSUWriteBenchmark"]),
    below(
        "Agents p99",
        "latency.p99_ms",
        "ms",
        50.0,
        &["AgentTaskLatencyBenchmark", "AgentCommunicationProfiling"],
    ),
];

/// A target and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Judged {
    /// What is bounded.
    pub(super) what: &'static str,
    /// The benchmark.
    pub(super) benchmark: String,
    /// Its value; `None` when the sample cannot carry it or the task failed.
    pub(super) value: Option<f64>,
    /// Unit of value and bound.
    pub(super) unit: &'static str,
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
pub(super) fn judge(outcomes: &[Outcome]) -> Vec<Judged> {
    let mut rows = Vec::new();
    for target in TARGETS {
        for outcome in
            outcomes.iter().filter(|outcome| target.benchmarks.contains(&outcome.task.name.as_str()))
        {
            // A figure that the level does not have is no missed target.
            let value = outcome.metric(target.path);
            if value.is_none() && !target.path.starts_with("latency") {
                continue;
            }
            rows.push(Judged {
                what: target.what,
                benchmark: outcome.task.name.clone(),
                value,
                unit: target.unit,
                bound: target.bound,
                below: target.below,
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
            what: "x",
            benchmark: String::new(),
            value: Some(value),
            unit: "ms",
            bound,
            below,
        };
        assert_eq!(judged(49.5, 100.0, true).headroom_percent(), Some(50.5));
        assert_eq!(judged(1010.0, 50.0, false).headroom_percent(), Some(1920.0));
        assert_eq!(judged(55.3, 50.0, true).verdict(), "missed");
        assert_eq!(judged(50.0, 50.0, true).is_met(), Some(false));
    }
}
