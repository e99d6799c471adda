//! Reported figures regenerated from the formulas of a pack. Nothing is run, and nothing here is a measurement.

use super::toml::{SchemaOne, document};
use super::{CampaignError, Level, Outcome, TaskSpec};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The reported figures of a campaign, with the formulas that give them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replay {
    figures: Vec<Replayed>,
    samples: BTreeMap<String, Ramp>,
}

/// `replay.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "schema")]
    _schema: SchemaOne,
    #[serde(default)]
    ramp: BTreeMap<String, Ramp>,
    #[serde(default)]
    samples: BTreeMap<String, Samples>,
    #[serde(default)]
    figure: Vec<FigureRow>,
}

/// Values `start + step·i` ms, `i` below `count`, repeated until there are `length`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ramp {
    start: f64,
    step: f64,
    count: u32,
    length: u32,
}

/// The ramp of a task's samples.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Samples {
    ramp: String,
    length: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FigureRow {
    benchmark: String,
    metric: String,
    printed: String,
    from: Option<From>,
}

/// Where a figure comes from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct From {
    ramp: String,
    statistic: Statistic,
    minus: Option<String>,
    times: Option<f64>,
}

/// A statistic of a ramp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Statistic {
    Min,
    Max,
    Mean,
    Median,
    /// Population standard deviation.
    Deviation,
    /// One request after the other: a thousand over the mean.
    Rate,
}

impl Statistic {
    const fn name(self) -> &'static str {
        match self {
            Self::Min => "minimum",
            Self::Max => "maximum",
            Self::Mean => "mean",
            Self::Median => "median",
            Self::Deviation => "population deviation",
            Self::Rate => "1 / mean",
        }
    }
}

impl Ramp {
    /// The values in order, in milliseconds.
    fn values(self) -> Vec<f64> {
        (0..self.length).map(|at| self.start + self.step * f64::from(at % self.count)).collect()
    }

    /// The ramp as a formula.
    fn formula(self) -> String {
        let index = if self.length > self.count { format!("(i mod {})", self.count) } else { "i".to_owned() };
        format!("{} + {}·{index} ms, i < {}", self.start, self.step, self.length)
    }

    /// A statistic of the values; the values of a whole ramp are evenly spaced, so each has a closed form.
    fn statistic(self, statistic: Statistic) -> f64 {
        let last = self.step * f64::from(self.count - 1);
        match statistic {
            Statistic::Min => self.start,
            Statistic::Max => self.start + last,
            Statistic::Mean | Statistic::Median => self.start + last / 2.0,
            Statistic::Deviation => self.step * ((f64::from(self.count).powi(2) - 1.0) / 12.0).sqrt(),
            Statistic::Rate => 1e3 / (self.start + last / 2.0),
        }
    }
}

/// One reported figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// The benchmark that reports it.
    pub benchmark: String,
    /// Path of the metric.
    pub metric: String,
    /// As printed in the report.
    pub printed: String,
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

impl Replay {
    /// Reads `replay.toml`; `origin` names it in messages.
    ///
    /// # Errors
    ///
    /// [`CampaignError::Config`] when a figure names an unknown ramp or a value out of range.
    pub(super) fn parse(text: &str, origin: &str) -> Result<Self, CampaignError> {
        let file: File = document(text, origin)?;
        let wrong = |what: String| CampaignError::Config(format!("{origin}: {what}"));
        let names: Vec<&str> = file.ramp.keys().map(String::as_str).collect();
        let find = |name: &str| {
            file.ramp.get(name).copied().ok_or_else(|| wrong(crate::scenario::unknown("ramp", name, &names)))
        };
        for (name, ramp) in &file.ramp {
            if ramp.count == 0
                || ramp.length == 0
                || ramp.length > 1_000_000
                || !ramp.start.is_finite()
                || !ramp.step.is_finite()
            {
                return Err(wrong(format!(
                    "ramp `{name}`: expected count and length from 1 to 1000000, start and step finite"
                )));
            }
        }
        let mut samples = BTreeMap::new();
        for (benchmark, row) in &file.samples {
            let ramp = find(&row.ramp)?;
            let length = row.length.unwrap_or(ramp.length);
            samples.insert(benchmark.clone(), Ramp { length, ..ramp });
        }
        let figures = file.figure.iter().map(|row| figure(row, &find, &wrong)).collect::<Result<_, _>>()?;
        Ok(Self { figures, samples })
    }

    /// Every reported figure, in the file's order.
    #[must_use]
    pub fn figures(&self) -> &[Replayed] {
        &self.figures
    }

    /// A task's outcome on this level.
    #[must_use]
    pub(super) fn outcome(&self, task: &TaskSpec) -> Outcome {
        let mut outcome = Outcome::new(task, Level::Replay);
        for figure in self.figures.iter().filter(|figure| figure.benchmark == task.name) {
            let shown: f64 = figure.regenerated().replace(',', "").parse().unwrap_or(figure.value);
            match figure.metric.split_once('.') {
                Some((group, name)) => {
                    let entry = outcome.metrics.entry(group).or_insert_with(|| json!({}));
                    if let Value::Object(group) = entry {
                        group.insert(name.to_owned(), json!(shown));
                    }
                }
                None => {
                    outcome.metrics.insert(figure.metric.clone(), json!(shown));
                }
            }
            outcome.sources.insert(figure.metric.clone(), json!(format!("synthetic: {}", figure.formula)));
        }
        if let Some(ramp) = self.samples.get(&task.name) {
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
}

/// A figure with its value.
fn figure(
    row: &FigureRow,
    find: &dyn Fn(&str) -> Result<Ramp, CampaignError>,
    wrong: &dyn Fn(String) -> CampaignError,
) -> Result<Replayed, CampaignError> {
    let (value, formula) = match &row.from {
        None => {
            let value = row.printed.replace(',', "").parse().map_err(|_| {
                wrong(format!(
                    "{} {}: printed `{}`: expected a number",
                    row.benchmark, row.metric, row.printed
                ))
            })?;
            (value, "a constant".to_owned())
        }
        Some(from) => {
            let ramp = find(&from.ramp)?;
            let value = ramp.statistic(from.statistic);
            let times = from.times.unwrap_or(1.0);
            match &from.minus {
                Some(other) => {
                    let less = find(other)?;
                    let formula = format!(
                        "{} of {} minus that of {}",
                        from.statistic.name(),
                        ramp.formula(),
                        less.formula()
                    );
                    (times * (value - less.statistic(from.statistic)), formula)
                }
                None => {
                    let factor = from.times.map_or(String::new(), |times| format!("{times} × "));
                    (times * value, format!("{factor}{} of {}", from.statistic.name(), ramp.formula()))
                }
            }
        }
    };
    Ok(Replayed {
        benchmark: row.benchmark.clone(),
        metric: row.metric.clone(),
        printed: row.printed.clone(),
        value,
        formula,
        is_derived: row.from.is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::Pack;

    fn embedded() -> Replay {
        Pack::open(crate::campaign::EMBEDDED).unwrap().replay
    }

    #[test]
    fn every_reported_figure_comes_out_to_the_printed_digit() {
        let replay = embedded();
        assert!(replay.figures().iter().filter(|figure| figure.is_derived).count() > 20);
        for figure in replay.figures() {
            assert_eq!(figure.regenerated(), figure.printed, "{} {}", figure.benchmark, figure.metric);
        }
    }

    /// A ramp that is off by one step in a hundred does not give the figures.
    #[test]
    fn another_ramp_is_told_apart() {
        let text = include_str!("../../experiments/phase-18f/replay.toml");
        let other = Replay::parse(&text.replace("step = 1.2\n", "step = 1.21\n"), "other").unwrap();
        assert!(other.figures().iter().any(|figure| figure.regenerated() != figure.printed));
    }

    #[test]
    fn the_summaries_are_those_of_the_values() {
        let ramp = Ramp { start: 45.3, step: 2.1, count: 5, length: 100 };
        let values = ramp.values();
        let mean = values.iter().sum::<f64>() / 100.0;
        assert!((mean - ramp.statistic(Statistic::Mean)).abs() < 1e-9);
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 100.0;
        assert!((variance.sqrt() - ramp.statistic(Statistic::Deviation)).abs() < 1e-9);
    }

    #[test]
    fn mistakes_are_named() {
        for (text, part) in [
            (
                "schema = 1\n[[figure]]\nbenchmark = \"a\"\nmetric = \"m\"\nprinted = \"1\"\nfrom = { ramp = \"r\", statistic = \"max\" }",
                "unknown ramp `r`",
            ),
            (
                "schema = 1\n[[figure]]\nbenchmark = \"a\"\nmetric = \"m\"\nprinted = \"many\"",
                "expected a number",
            ),
            (
                "schema = 1\n[ramp.r]\nstart = 1.0\nstep = 1.0\ncount = 0\nlength = 3",
                "expected count and length",
            ),
            ("schema = 1\n[ramp.r]\nstart = 1.0\nstpe = 1.0\ncount = 0\nlength = 3", "line 4"),
        ] {
            let said = Replay::parse(text, "replay.toml").unwrap_err().to_string();
            assert!(said.contains(part), "{said}");
        }
    }
}
