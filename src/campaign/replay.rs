//! The reported figures of phase 18F, regenerated from formulas. Nothing is run, and nothing here is a measurement.
//!
//! Three ramps give every latency and rate that the reports print; what no formula gives is listed as a constant, which
//! is all that can be said of it.

use super::{Level, Outcome, TaskSpec};
use serde_json::{Value, json};

/// Values `start + step·i`, `i` below `count`, repeated until there are `length`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ramp {
    start: f64,
    step: f64,
    count: u32,
    length: u32,
}

const RYOT: Ramp = Ramp { start: 45.3, step: 2.1, count: 5, length: 100 };
const VAULT_LOADED: Ramp = Ramp { start: 6.2, step: 0.35, count: 15, length: 15 };
const VAULT_ALONE: Ramp = Ramp { start: 6.2, step: 0.35, count: 10, length: 10 };
const AGENTS_LOADED: Ramp = Ramp { start: 32.5, step: 1.2, count: 20, length: 20 };
const AGENTS_ALONE: Ramp = Ramp { start: 32.5, step: 1.2, count: 5, length: 5 };

impl Ramp {
    /// The values in order, in milliseconds.
    #[must_use]
    pub(super) fn values(self) -> Vec<f64> {
        (0..self.length).map(|at| self.start + self.step * f64::from(at % self.count)).collect()
    }

    /// The ramp as a formula.
    #[must_use]
    pub(super) fn formula(self) -> String {
        let index = if self.length > self.count { format!("(i mod {})", self.count) } else { "i".to_owned() };
        format!("{} + {}·{index} ms, i < {}", self.start, self.step, self.length)
    }

    fn mean(self) -> f64 {
        self.start + self.step * f64::from(self.count - 1) / 2.0
    }

    fn max(self) -> f64 {
        self.start + self.step * f64::from(self.count - 1)
    }

    /// Population standard deviation.
    fn deviation(self) -> f64 {
        self.step * ((f64::from(self.count).powi(2) - 1.0) / 12.0).sqrt()
    }
}

/// One reported figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// The benchmark that reports it.
    pub benchmark: &'static str,
    /// Path of the metric.
    pub metric: &'static str,
    /// As printed in the report.
    pub printed: &'static str,
    /// Regenerated.
    pub value: f64,
    /// Where it comes from.
    pub formula: String,
    /// Whether it follows from a formula; a constant follows from nothing.
    pub is_derived: bool,
}

impl Replayed {
    /// The regenerated value with as many decimals as the report prints.
    #[must_use]
    pub fn regenerated(&self) -> String {
        let decimals = self.printed.split_once('.').map_or(0, |(_, digits)| digits.len());
        let text = format!("{:.decimals$}", self.value);
        if !self.printed.contains(',') {
            return text;
        }
        // Thousands are separated in that report.
        let split = text.find('.').unwrap_or(text.len()).saturating_sub(3);
        format!("{},{}", &text[..split], &text[split..])
    }
}

/// Every reported figure of the tables, in their order.
#[must_use]
pub fn figures() -> Vec<Replayed> {
    let mut all = Vec::new();
    for benchmark in ["FirstTokenLatencyBenchmark", "TokenGenerationBenchmark"] {
        all.extend(ryot(benchmark));
    }
    let constant = |benchmark, metric, printed: &'static str| Replayed {
        benchmark,
        metric,
        printed,
        value: printed.parse().unwrap_or(f64::NAN),
        formula: "a constant".to_owned(),
        is_derived: false,
    };
    all.push(constant("CompressionRatioBenchmark", "expected_ratio", "3.5"));
    all.push(constant("CompressionThroughputBenchmark", "mb_per_s", "125.5"));
    all.push(constant("CompressionThroughputBenchmark", "expected_mb_per_s", "125"));
    all.extend(arm("RSUReadBenchmark", VAULT_LOADED, [None, Some("11.1"), Some("116")]));
    all.push(constant("RSUReadBenchmark", "expected_p99_ms", "9.2"));
    all.push(constant("RSUWriteBenchmark", "expected_p99_ms", "18.5"));
    all.extend(arm("AgentTaskLatencyBenchmark", AGENTS_LOADED, [Some("43.9"), Some("55.3"), None]));
    all.push(constant("AgentTaskLatencyBenchmark", "expected_p99_ms", "45"));
    all.extend(arm("DetailedRyotInferenceProfiling", RYOT, [Some("49.50"), Some("53.70"), None]));
    all.push(derived(
        "DetailedRyotInferenceProfiling",
        "tokens_per_s",
        "1,010.10",
        50e3 / RYOT.mean(),
        "50 tokens / mean",
    ));
    let profile = [
        ("self_time_percent.forward pass", "38"),
        ("self_time_percent.attention", "22"),
        ("self_time_percent.linear layers", "18"),
        ("self_time_percent.tokenization", "12"),
        ("self_time_percent.other", "10"),
    ];
    all.extend(profile.map(|(metric, printed)| constant("DetailedRyotInferenceProfiling", metric, printed)));
    all.extend(arm("SigmaVaultMemoryProfiling", VAULT_ALONE, [None, Some("9.35"), Some("129")]));
    all.push(constant("SigmaVaultMemoryProfiling", "hit_percent", "87"));
    all.extend(arm("AgentCommunicationProfiling", AGENTS_ALONE, [Some("34.90"), Some("37.30"), None]));
    let shares = [
        ("shares_percent.lock_acquisition", "35"),
        ("shares_percent.context_switching", "18"),
        ("shares_percent.execution", "47"),
    ];
    all.extend(shares.map(|(metric, printed)| constant("AgentCommunicationProfiling", metric, printed)));
    all.push(derived(
        "SigmaVaultMemoryProfiling",
        "gap_p99_ms",
        "1.75",
        VAULT_LOADED.max() - VAULT_ALONE.max(),
        "5 steps of the ramp",
    ));
    all.push(derived(
        "AgentCommunicationProfiling",
        "gap_p99_ms",
        "18",
        AGENTS_LOADED.max() - AGENTS_ALONE.max(),
        "15 steps of the ramp",
    ));
    all
}

fn derived(
    benchmark: &'static str,
    metric: &'static str,
    printed: &'static str,
    value: f64,
    formula: impl Into<String>,
) -> Replayed {
    Replayed { benchmark, metric, printed, value, formula: formula.into(), is_derived: true }
}

/// Mean, p99 and rate of a ramp; with so few values the p99 is the maximum, and the rate is that of one request after
/// the other.
fn arm(benchmark: &'static str, ramp: Ramp, printed: [Option<&'static str>; 3]) -> Vec<Replayed> {
    let formula = ramp.formula();
    let [mean, p99, rate] = printed;
    let rows = [
        (mean, "latency.mean_ms", ramp.mean(), format!("mean of {formula}")),
        (p99, "latency.p99_ms", ramp.max(), format!("maximum of {formula}")),
        (rate, "throughput_per_s", 1e3 / ramp.mean(), format!("1 / mean of {formula}")),
    ];
    rows.into_iter()
        .filter_map(|(printed, metric, value, formula)| {
            Some(derived(benchmark, metric, printed?, value, formula))
        })
        .collect()
}

fn ryot(benchmark: &'static str) -> Vec<Replayed> {
    let formula = RYOT.formula();
    let rows = [
        ("latency.min_ms", "45.3", RYOT.start, "minimum of "),
        ("latency.max_ms", "53.7", RYOT.max(), "maximum of "),
        ("latency.mean_ms", "49.5", RYOT.mean(), "mean of "),
        ("latency.median_ms", "49.5", RYOT.mean(), "median of "),
        ("latency.p95_ms", "53.7", RYOT.max(), "maximum of "),
        ("latency.p99_ms", "53.7", RYOT.max(), "maximum of "),
        ("latency.stddev_ms", "2.97", RYOT.deviation(), "population deviation of "),
        ("tokens_per_s", "1,010", 50e3 / RYOT.mean(), "50 tokens / mean of "),
    ];
    let mut figures: Vec<Replayed> = rows
        .into_iter()
        .map(|(metric, printed, value, what)| {
            derived(benchmark, metric, printed, value, format!("{what}{formula}"))
        })
        .collect();
    for (metric, printed, value) in [("cpu_percent", "85", 85.0), ("peak_memory_mb", "2,048", 2048.0)] {
        let formula = "a constant".to_owned();
        figures.push(Replayed { benchmark, metric, printed, value, formula, is_derived: false });
    }
    figures
}

/// The ramp behind a benchmark, if there is one.
fn ramp_of(benchmark: &str) -> Option<Ramp> {
    Some(match benchmark {
        "FirstTokenLatencyBenchmark" => RYOT,
        "TokenGenerationBenchmark" => Ramp { length: 50, ..RYOT },
        "DetailedRyotInferenceProfiling" => Ramp { length: 10, ..RYOT },
        "RSUReadBenchmark" => VAULT_LOADED,
        "AgentTaskLatencyBenchmark" => AGENTS_LOADED,
        "SigmaVaultMemoryProfiling" => VAULT_ALONE,
        "AgentCommunicationProfiling" => AGENTS_ALONE,
        _ => return None,
    })
}

/// A task's outcome on this level.
#[must_use]
pub(super) fn outcome(task: &TaskSpec) -> Outcome {
    let mut outcome = Outcome::new(task, Level::Replay);
    for figure in figures().iter().filter(|figure| figure.benchmark == task.name) {
        let shown: f64 = figure.regenerated().replace(',', "").parse().unwrap_or(figure.value);
        match figure.metric.split_once('.') {
            Some((group, name)) => {
                let entry = outcome.metrics.entry(group).or_insert_with(|| json!({}));
                if let Value::Object(group) = entry {
                    group.insert(name.to_owned(), json!(shown));
                }
            }
            None => {
                outcome.metrics.insert(figure.metric.to_owned(), json!(shown));
            }
        }
        outcome.sources.insert(figure.metric.to_owned(), json!(format!("synthetic: {}", figure.formula)));
    }
    if let Some(ramp) = ramp_of(&task.name) {
        let samples: Vec<f64> = ramp.values().into_iter().map(super::outcome::rounded).collect();
        outcome.metrics.insert("samples_ms".to_owned(), json!(samples));
        outcome.findings.push(format!("synthetic: every latency is {}", ramp.formula()));
    }
    if outcome.metrics.is_empty() {
        outcome
            .findings
            .push("the reports give no figure for this task, so there is nothing to replay".to_owned());
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reported_figure_comes_out_to_the_printed_digit() {
        for figure in figures() {
            assert_eq!(figure.regenerated(), figure.printed, "{} {}", figure.benchmark, figure.metric);
        }
    }

    /// A ramp that is off by one step in a hundred does not give the figures.
    #[test]
    fn another_ramp_is_told_apart() {
        let other = Ramp { step: 1.21, ..AGENTS_LOADED };
        let wrong = arm("AgentTaskLatencyBenchmark", other, [Some("43.9"), Some("55.3"), None]);
        assert!(wrong.iter().any(|figure| figure.regenerated() != figure.printed));
    }

    #[test]
    fn the_summaries_are_those_of_the_values() {
        let values = RYOT.values();
        let mean = values.iter().sum::<f64>() / 100.0;
        assert!((mean - RYOT.mean()).abs() < 1e-9);
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 100.0;
        assert!((variance.sqrt() - RYOT.deviation()).abs() < 1e-9);
    }
}
