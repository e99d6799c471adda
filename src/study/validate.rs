//! How well virtual time predicts real threads: the same treatments on both engines, interleaved, figure by figure.
//!
//! A figure is good when its error is within the tolerance of its kind, or no larger than the noise of the real runs
//! (half of their 95 % interval, which must not be wider than twice the tolerance); everything else is a miss, and misses are shown, not hidden.

use super::metric::{Observation, doubts_of_runs};
use super::stats::mean_interval;
use crate::engine::{Engine, EngineError, Experiment, Progress};
use crate::measure::record::Warning;
use crate::measure::{Cause, RunRecord};
use crate::scenario::{Scenario, Treatment};
use serde_json::{Value, json};

/// A figure that is compared: its name, how much of an error is allowed, and where it is in a record.
struct Figure {
    name: &'static str,
    tolerance: f64,
    of: fn(&RunRecord) -> f64,
}

/// Throughput and mean within 10 %, the tail within 20 %.
const FIGURES: [Figure; 3] = [
    Figure { name: "throughput_per_s", tolerance: 0.10, of: |record| focus(record).throughput_per_s },
    Figure { name: "sojourn_mean_ms", tolerance: 0.10, of: |record| focus(record).sojourn_ns.mean / 1e6 },
    Figure {
        name: "sojourn_p99_ms",
        tolerance: 0.20,
        #[expect(clippy::cast_precision_loss, reason = "a duration of less than 2^53 ns")]
        of: |record| focus(record).sojourn_ns.p99 as f64 / 1e6,
    },
];

/// Of a scenario with a quota: how often it was used up and for how long, within 10 %.
const OF_A_QUOTA: [Figure; 2] = [
    Figure {
        name: "throttled_periods",
        tolerance: 0.10,
        #[expect(clippy::cast_precision_loss, reason = "a count of periods")]
        of: |record| record.quota.map_or(0.0, |quota| quota.throttled as f64),
    },
    Figure {
        name: "throttled_s",
        tolerance: 0.10,
        #[expect(clippy::cast_precision_loss, reason = "a duration of less than 2^53 ns")]
        of: |record| record.quota.map_or(0.0, |quota| quota.throttled_ns as f64 / 1e9),
    },
];

/// Parts of the mean task's time, for information: where an error comes from.
const PARTS: [Cause; 7] =
    [Cause::Queue, Cause::Execution, Cause::Lock, Cause::RunQueue, Cause::Io, Cause::Call, Cause::Throttled];

fn focus(record: &RunRecord) -> &crate::measure::record::ActorRecord {
    &record.actors[&record.treatment.focus]
}

/// Whether a prediction is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Within the tolerance.
    Good,
    /// Beyond it, but within the real runs' own noise.
    Noise,
    /// Beyond the tolerance, and the real runs are so noisy that nothing could be told from them.
    Unknown,
    /// Beyond both.
    Miss,
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Noise => "within noise",
            Self::Unknown => "cannot tell",
            Self::Miss => "MISS",
        }
    }
}

/// One figure of one treatment on both engines.
#[derive(Clone, Debug)]
pub struct Row {
    /// Scenario.
    pub scenario: String,
    /// Queue, threads and load.
    pub treatment: String,
    /// Figure, with its unit.
    pub figure: String,
    /// Mean of the real runs, and half of its 95 % interval.
    pub real: (f64, f64),
    /// Mean of the virtual runs.
    pub virtual_time: f64,
    /// `virtual / real − 1`.
    pub error: f64,
    /// `None` for parts that are shown for information.
    pub verdict: Option<Verdict>,
}

/// What a validation found.
#[derive(Clone, Debug, Default)]
pub struct Validated {
    /// Figure by figure.
    pub rows: Vec<Row>,
    /// Fewest tasks of the actor in focus that a real run completed.
    pub tasks: u64,
    /// What was doubtful about the real runs: steal, a busy host, tasks that were unfinished.
    pub warnings: Vec<Warning>,
}

/// Runs one treatment `replicates` times on both engines, one after the other in turn, under the same seeds.
///
/// # Errors
///
/// What either engine says; a validation that was stopped gives no rows.
pub fn validate(
    engines: [&dyn Engine; 2],
    scenario: &Scenario,
    treatment: &Treatment,
    replicates: u32,
    progress: &Progress,
) -> Result<Validated, EngineError> {
    let treated = scenario.treated(treatment);
    let mut records: [Vec<RunRecord>; 2] = [Vec::new(), Vec::new()];
    for replicate in 0..replicates.max(1) {
        for (engine, found) in engines.iter().zip(&mut records) {
            let mut experiment = Experiment::new(treated.clone(), treatment.load);
            experiment.replicate = replicate;
            experiment.seed = scenario.run.seed.wrapping_add(u64::from(replicate));
            found.push(engine.run(&experiment, progress)?.record);
            if progress.stopped() {
                return Ok(Validated::default());
            }
        }
    }
    let [real, simulated] = records;
    let levels = &real[0].treatment;
    let label = format!("{} × {}, {}", levels.queue, levels.threads, levels.load);
    let row = |figure: &str, of: &dyn Fn(&RunRecord) -> f64, tolerance: Option<f64>| {
        let values = |records: &[RunRecord]| records.iter().map(of).collect::<Vec<f64>>();
        let measured = mean_interval(&values(&real), 0.95);
        let half_width = measured.half_width;
        let predicted = mean_interval(&values(&simulated), 0.95).value;
        let error = predicted / measured.value - 1.0;
        Row {
            scenario: scenario.name.clone(),
            treatment: label.clone(),
            figure: figure.into(),
            real: (measured.value, half_width),
            virtual_time: predicted,
            error,
            verdict: tolerance.map(|tolerance| judge(predicted, measured.value, half_width, tolerance)),
        }
    };
    let mut rows: Vec<Row> =
        FIGURES.iter().map(|figure| row(figure.name, &figure.of, Some(figure.tolerance))).collect();
    let of_a_quota = OF_A_QUOTA.iter().filter(|_| treated.host.quota.is_some());
    rows.extend(of_a_quota.map(|figure| row(figure.name, &figure.of, Some(figure.tolerance))));
    for part in PARTS {
        let of = |record: &RunRecord| {
            let parts = focus(record).breakdown_mean_ns.parts();
            parts.iter().find(|(name, _)| *name == part).map_or(0.0, |(_, value)| value / 1e6)
        };
        rows.push(row(&format!("{part}_mean_ms"), &of, None));
    }
    let seen: Vec<Observation> = real.iter().filter_map(Observation::of).collect();
    let tasks = seen.iter().map(|run| run.tasks).min().unwrap_or(0);
    Ok(Validated { rows, tasks, warnings: doubts_of_runs(seen.iter()) })
}

/// Noise excuses an error up to so many tolerances.
const WIDEST: f64 = 2.0;

fn judge(predicted: f64, measured: f64, half_width: f64, tolerance: f64) -> Verdict {
    let difference = (predicted - measured).abs();
    if difference <= tolerance * measured.abs() {
        Verdict::Good
    } else if half_width.is_finite() && difference <= half_width {
        // An interval that holds everything excuses nothing.
        if half_width <= WIDEST * tolerance * measured.abs() { Verdict::Noise } else { Verdict::Unknown }
    } else {
        Verdict::Miss
    }
}

/// The rows as JSON, an estimate as `{value, half_width, n}`.
#[must_use]
pub fn to_json(found: &Validated, calibration: &str, replicates: u32) -> Value {
    let rows: Vec<Value> = found
        .rows
        .iter()
        .map(|row| {
            json!({
                "scenario": row.scenario,
                "treatment": row.treatment,
                "figure": row.figure,
                "real": {"value": row.real.0, "half_width": row.real.1, "n": replicates},
                "virtual": row.virtual_time,
                "error": row.error,
                "verdict": row.verdict.map(Verdict::name),
            })
        })
        .collect();
    json!({"schema": 1, "calibration": calibration, "replicates": replicates, "rows": rows, "warnings": found.warnings})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_judged_by_the_tolerance_first_and_then_by_the_noise() {
        assert_eq!(judge(1.09, 1.0, 0.0, 0.10), Verdict::Good);
        assert_eq!(judge(1.15, 1.0, 0.2, 0.10), Verdict::Noise);
        assert_eq!(judge(1.15, 1.0, 0.1, 0.10), Verdict::Miss);
        assert_eq!(judge(0.064, 1.0, 0.95, 0.10), Verdict::Unknown, "−93.6 % is no noise");
        assert_eq!(judge(0.85, 1.0, f64::INFINITY, 0.10), Verdict::Miss, "one run says nothing about noise");
    }
}
