//! A fit plan: what may vary, what must come out, what is predicted.

use crate::scenario::{parse_duration, parse_rate};
use crate::study::Metric;
use crate::study::metric::Unit;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Relative tolerance of a figure that gives none.
const TOLERANCE: f64 = 0.02;

/// A fit plan, as its TOML file has it. Parameters and figures at the top belong to one component: the whole scenario.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitPlan {
    /// Version of the format: 1.
    #[serde(default)]
    pub schema: u32,
    /// Scenario, beside the file or built in; the command line's goes first.
    #[serde(default)]
    pub scenario: Option<String>,
    /// Components, fitted one after the other and each by itself.
    #[serde(default)]
    pub component: Vec<Component>,
    /// Parameters of the whole scenario.
    #[serde(default)]
    pub parameter: Vec<Parameter>,
    /// Figures of the whole scenario.
    #[serde(default)]
    pub figure: Vec<Figure>,
    /// Sets of the whole scenario to start from besides random ones, in the order of the parameters.
    #[serde(default)]
    pub start: Vec<Vec<f64>>,
    /// Figures that are predicted and never fitted.
    #[serde(default)]
    pub predict: Vec<Figure>,
    /// What the scenario assumes, in words, for the report.
    #[serde(default)]
    pub assumed: Option<String>,
}

/// Parameters and figures that are fitted together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// Its name in the report.
    pub name: String,
    /// The only actor with load, and in focus; absent: the scenario as it is.
    #[serde(default)]
    pub alone: Option<String>,
    /// What may vary.
    #[serde(default)]
    pub parameter: Vec<Parameter>,
    /// What must come out.
    #[serde(default)]
    pub figure: Vec<Figure>,
    /// Sets to start from besides random ones, in the order of the parameters.
    #[serde(default)]
    pub start: Vec<Vec<f64>>,
}

/// A parameter: fields of the scenario that take its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Its name in the report; absent: its first path.
    #[serde(default)]
    pub name: Option<String>,
    /// Paths of the fields, as `--set` takes them.
    pub set: Vec<String>,
    /// How its value is written into the fields.
    #[serde(default)]
    pub unit: ParameterUnit,
    /// Smallest value tried.
    pub low: f64,
    /// Largest value tried.
    pub high: f64,
}

/// How a parameter's value becomes a field's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterUnit {
    /// A duration in milliseconds.
    #[default]
    Ms,
    /// A plain number, such as a spread's.
    Number,
    /// A whole number.
    Count,
    /// Arrivals a second.
    PerSecond,
    /// A factor on the duration that is there.
    Factor,
}

/// A figure: observed, or to be predicted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// Its name in the report; absent: actor and metric.
    #[serde(default)]
    pub name: Option<String>,
    /// Whose it is; absent: the actor in focus.
    #[serde(default)]
    pub actor: Option<String>,
    /// Which it is.
    pub metric: Metric,
    /// What was observed: `"49.5ms"`, `"129/s"`, `"35%"`.
    #[serde(default)]
    pub value: Option<Amount>,
    /// Factor on the model's figure, such as tokens in a task.
    #[serde(default = "one")]
    pub times: f64,
    /// Relative tolerance within which a set fits, above 0.
    #[serde(default = "tolerance")]
    pub tolerance: f64,
    /// Tasks behind the observed value. Where chance alone moves the figure of so many tasks further than the tolerance, that
    /// is the tolerance instead.
    #[serde(default)]
    pub tasks: Option<u64>,
}

const fn one() -> f64 {
    1.0
}

const fn tolerance() -> f64 {
    TOLERANCE
}

/// A quantity with its unit, as users write it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Amount(pub String);

impl Amount {
    /// Its value in the unit of `metric`: nanoseconds, per second, or a share.
    ///
    /// # Errors
    ///
    /// A sentence that says what was expected.
    pub fn of(&self, metric: Metric) -> Result<f64, String> {
        let text = self.0.trim();
        #[expect(clippy::cast_precision_loss, reason = "2^53 ns is 104 days")]
        match metric.unit() {
            Unit::Time => parse_duration(text).map(|time| time.0 as f64),
            Unit::Rate => parse_rate(text),
            Unit::Share => text
                .strip_suffix('%')
                .and_then(|percent| f64::from_str(percent.trim()).ok())
                .filter(|percent| (0.0..=100.0).contains(percent))
                .map(|percent| percent / 100.0)
                .ok_or_else(|| format!("`{text}` is not a share: expected one such as 35%")),
        }
    }
}

impl Parameter {
    /// Its name in the report.
    #[must_use]
    pub fn label(&self) -> &str {
        self.name.as_deref().or_else(|| self.set.first().map(String::as_str)).unwrap_or_default()
    }

    /// The value at `place` in 0..=1 between the bounds; evenly in the logarithm where they differ by a factor of 20 or more.
    #[must_use]
    pub(super) fn value(&self, place: f64) -> f64 {
        let value = if self.low > 0.0 && self.high / self.low >= 20.0 {
            self.low * (self.high / self.low).powf(place)
        } else {
            self.low + (self.high - self.low) * place
        };
        if self.unit == ParameterUnit::Count { value.round() } else { value }
    }

    /// The inverse of [`Parameter::value`].
    #[must_use]
    pub(super) fn place(&self, value: f64) -> f64 {
        let place = if self.low > 0.0 && self.high / self.low >= 20.0 {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        place.clamp(0.0, 1.0)
    }
}

impl Figure {
    /// Its name in the report.
    #[must_use]
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| match &self.actor {
            Some(actor) => format!("{actor} {}", self.metric.name()),
            None => self.metric.name().to_owned(),
        })
    }

    /// What was observed, in the metric's unit; `None` where nothing was. Checked by [`FitPlan::parse`].
    #[must_use]
    pub fn observed(&self) -> Option<f64> {
        self.value.as_ref().and_then(|amount| amount.of(self.metric).ok())
    }
}

impl FitPlan {
    /// Parses a plan; `origin` names it in messages.
    ///
    /// # Errors
    ///
    /// One sentence with the place and what was expected.
    pub fn parse(text: &str, origin: &str) -> Result<Self, String> {
        let plan: Self = toml_edit::de::from_str(text).map_err(|error| {
            let line = error.span().map_or(String::new(), |span| {
                format!(" line {}", text[..span.start.min(text.len())].matches('\n').count() + 1)
            });
            let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
            format!("{origin}:{line} {message}")
        })?;
        plan.check().map_err(|why| format!("{origin}: {why}"))?;
        Ok(plan)
    }

    /// The components: those of the file, or the whole scenario as one.
    #[must_use]
    pub fn components(&self) -> Vec<Component> {
        if self.parameter.is_empty() {
            return self.component.clone();
        }
        vec![Component {
            name: "the scenario".into(),
            alone: None,
            parameter: self.parameter.clone(),
            figure: self.figure.clone(),
            start: self.start.clone(),
        }]
    }

    /// Whether the plan can be carried out.
    ///
    /// # Errors
    ///
    /// What is wrong, and what was expected.
    pub fn check(&self) -> Result<(), String> {
        if self.schema != 1 {
            return Err(format!("schema {}: expected schema = 1", self.schema));
        }
        let has_own = !self.parameter.is_empty() || !self.figure.is_empty() || !self.start.is_empty();
        if !self.component.is_empty() && has_own {
            return Err("[[component]] beside [[parameter]], [[figure]] or start: expected either; move the latter into a component".into());
        }
        let components = self.components();
        if components.is_empty() {
            return Err("nothing to fit: expected [[parameter]] with `set`, `low` and `high`, or --free PATH=LOW..HIGH".into());
        }
        for component in &components {
            component.check()?;
        }
        self.predict.iter().try_for_each(|figure| figure.check(false))
    }
}

impl Component {
    /// The sets to start from, as places between the bounds.
    #[must_use]
    pub fn starts(&self) -> Vec<Vec<f64>> {
        let places = |values: &Vec<f64>| {
            self.parameter.iter().zip(values).map(|(parameter, &value)| parameter.place(value)).collect()
        };
        self.start.iter().map(places).collect()
    }

    fn check(&self) -> Result<(), String> {
        if self.parameter.is_empty() || self.figure.is_empty() {
            return Err(format!("{}: expected at least one parameter and one figure", self.name));
        }
        self.parameter.iter().try_for_each(Parameter::check)?;
        self.figure.iter().try_for_each(|figure| figure.check(true))?;
        match self.start.iter().find(|start| start.len() != self.parameter.len()) {
            Some(start) => Err(format!(
                "{}: start has {} values, expected {}, one for each parameter",
                self.name,
                start.len(),
                self.parameter.len()
            )),
            None => Ok(()),
        }
    }
}

impl Parameter {
    fn check(&self) -> Result<(), String> {
        if self.set.is_empty() {
            return Err("a parameter sets nothing: expected set = [\"actor.NAME.steps.STEP.compute\"]".into());
        }
        if !(self.low.is_finite() && self.high.is_finite() && self.low >= 0.0 && self.low < self.high) {
            return Err(format!(
                "parameter {}: bounds {} to {}: expected 0 or more, the smaller first",
                self.label(),
                self.low,
                self.high
            ));
        }
        Ok(())
    }
}

impl Figure {
    fn check(&self, fitted: bool) -> Result<(), String> {
        let label = self.label();
        match &self.value {
            Some(amount) => {
                let value = amount.of(self.metric).map_err(|why| format!("figure {label}: {why}"))?;
                if value <= 0.0 {
                    return Err(format!("figure {label}: expected a value above 0"));
                }
            }
            None if fitted => {
                return Err(format!("figure {label}: expected value = \"…\", what was observed"));
            }
            None => {}
        }
        if self.tolerance <= 0.0
            || !self.tolerance.is_finite()
            || self.times <= 0.0
            || !self.times.is_finite()
        {
            return Err(format!("figure {label}: tolerance and times: expected numbers above 0"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "schema = 1\n[[parameter]]\nset = [\"a.b\"]\nlow = 1\nhigh = 3\n[[figure]]\nmetric = \"p99\"\nvalue = \"5ms\"\n";

    #[test]
    fn a_small_plan_is_one_component() {
        let plan = FitPlan::parse(SMALL, "x").unwrap();
        let components = plan.components();
        assert_eq!(components.len(), 1);
        assert_eq!(components[0].figure[0].observed(), Some(5e6));
        assert_eq!(components[0].parameter[0].label(), "a.b");
    }

    #[test]
    fn values_and_places_are_inverse_on_both_scales() {
        for (low, high) in [(1.0, 3.0), (0.01, 50.0), (0.0, 4.0)] {
            let parameter =
                Parameter { name: None, set: vec!["x".into()], unit: ParameterUnit::Number, low, high };
            for place in [0.0, 0.2, 0.5, 1.0] {
                assert!(
                    (parameter.place(parameter.value(place)) - place).abs() < 1e-9,
                    "{low} {high} {place}"
                );
            }
        }
    }

    #[test]
    fn every_mistake_says_what_was_expected() {
        for (from, to, part) in [
            ("schema = 1", "schema = 2", "expected schema = 1"),
            ("low = 1", "low = 4", "the smaller first"),
            ("value = \"5ms\"", "", "what was observed"),
            ("value = \"5ms\"", "value = \"5\"", "no unit"),
            ("metric = \"p99\"", "metric = \"p98\"", "line 7"),
            ("low = 1", "lowest = 1", "line 4"),
            ("set = [\"a.b\"]", "set = []", "sets nothing"),
        ] {
            let said = FitPlan::parse(&SMALL.replace(from, to), "plan.toml").unwrap_err();
            assert!(said.contains(part) && said.starts_with("plan.toml:"), "{said}");
        }
    }
}
