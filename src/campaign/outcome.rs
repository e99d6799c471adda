//! What a task leaves: its status, metrics, findings and raw files.

use super::{Level, TaskSpec};
use serde_json::{Map, Value, json};

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Every metric was obtained.
    Success,
    /// The reason.
    Failed(String),
}

/// A text file that goes with a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Folder under the results.
    pub folder: &'static str,
    /// What follows the benchmark's name and time in the file's name.
    pub ending: &'static str,
    /// Its content.
    pub text: String,
}

/// What a task leaves.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The task.
    pub task: TaskSpec,
    /// How far its figures are from a machine.
    pub level: Level,
    /// How it ended.
    pub status: Status,
    /// How long it took, in seconds of this machine.
    pub seconds: f64,
    /// Figures by name, nested by kind; never null.
    pub metrics: Map<String, Value>,
    /// Where a figure comes from, by name.
    pub sources: Map<String, Value>,
    /// What the figures say, in sentences.
    pub findings: Vec<String>,
    /// Raw profiles and flame graphs.
    pub artifacts: Vec<Artifact>,
    /// Entries of the roadmap as judged, of the task that makes it.
    pub roadmap: Vec<super::Judged>,
}

impl Outcome {
    /// A task about to run.
    #[must_use]
    pub fn new(task: &TaskSpec, level: Level) -> Self {
        Self {
            task: task.clone(),
            level,
            status: Status::Success,
            seconds: 0.0,
            metrics: Map::new(),
            sources: Map::new(),
            findings: Vec::new(),
            artifacts: Vec::new(),
            roadmap: Vec::new(),
        }
    }

    /// Notes a number and where it comes from; one that is no number is left out.
    pub fn note(&mut self, name: &str, value: f64, source: &str) {
        if value.is_finite() {
            self.metrics.insert(name.to_owned(), json!(rounded(value)));
            self.sources.insert(name.to_owned(), json!(source));
        }
    }

    /// The metric at `path` (`latency.p99_ms`).
    #[must_use]
    pub fn metric(&self, path: &str) -> Option<f64> {
        let mut parts = path.split('.');
        let mut value = self.metrics.get(parts.next()?)?;
        for part in parts {
            value = value.get(part)?;
        }
        value.as_f64()
    }

    /// Whether it ended well.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status == Status::Success
    }

    /// The file `metrics_json/<Benchmark>_<time>.json`; [`crate::audit`] reads it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let task = &self.task;
        let mut file = json!({
            "schema": 1,
            "conlab": env!("CARGO_PKG_VERSION"),
            "level": self.level.name(),
            "label": self.level.label(),
            "benchmark": task.name,
            "task": task.number,
            "day": task.day,
            "component": task.component,
            "status": match &self.status { Status::Success => "success", Status::Failed(_) => "failed" },
            "profiler": task.profiler.name(),
            "iterations": task.iterations,
            "cap_seconds": task.cap.as_secs_f64(),
            "took_seconds": rounded(self.seconds),
            "metrics": self.metrics,
            "sources": self.sources,
            "findings": self.findings,
        });
        if let Value::Object(fields) = &mut file {
            if let Status::Failed(error) = &self.status {
                fields.insert("error".to_owned(), json!(error));
            }
            if !task.scenario.is_empty() {
                fields.insert("scenario".to_owned(), json!(task.scenario));
                fields.insert("arm".to_owned(), json!(task.load.name()));
                fields.insert("subject".to_owned(), json!(task.actor));
            }
            if let Some(tokens) = task.tokens_per_task.filter(|_| self.metrics.contains_key("tokens_per_s")) {
                fields.insert("tokens_per_request".to_owned(), json!(tokens));
            }
        }
        file
    }
}

/// Six significant digits: more are noise, and shorter files are read.
#[must_use]
pub(super) fn rounded(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}
