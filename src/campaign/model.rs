//! The model of a campaign in its reports: what was fitted, what was predicted, and how the gap splits over causes.

use super::days::Campaign;
use super::outcome::rounded;
use crate::engine::Progress;
use crate::scenario::Scenario;
use crate::study::fit::{FitOptions, Fitted, FittedComponent, FittedFigure, Identified, fit};
use crate::study::{ExplainOptions, Metric, SharedEngine, Unit, explain};
use serde_json::{Value, json};
use std::fmt::Write;

/// The fitted model, or why there is none.
#[derive(Clone, Debug)]
pub(super) struct Model {
    found: Result<(Fitted, Vec<String>), String>,
}

impl Model {
    /// Fits the campaign's model in virtual time; `None` where the pack has none.
    pub(super) fn fit(campaign: &Campaign<'_>) -> Option<Self> {
        let (plan, scenario) = campaign.pack.model.as_ref()?;
        let options = FitOptions { seed: campaign.seed };
        let fitted = fit(scenario, plan, campaign.simulated, options, campaign.progress, &|_, _| {})
            .map_err(|error| error.to_string());
        let found = fitted.and_then(|fitted| {
            let best =
                Scenario::parse(&fitted.source, "the fitted model").map_err(|error| error.to_string())?;
            let causes = causes(campaign.simulated, &best, campaign.seed, campaign.progress)?;
            Ok((fitted, causes))
        });
        Some(Self { found })
    }

    /// For people.
    pub(super) fn to_markdown(&self) -> String {
        let mut text = "\n## The mechanism model\n\n".to_owned();
        let (fitted, causes) = match &self.found {
            Ok(found) => found,
            Err(problem) => {
                let _ = writeln!(text, "It could not be fitted: {problem}.");
                return text;
            }
        };
        text.push_str(
            "Fitted in virtual time, each component by itself.\n\n| component | parameter | value | values that fit as well | searched | the figures |\n| --- | --- | --- | --- | --- | --- |\n",
        );
        for component in &fitted.components {
            parameters(&mut text, component);
        }
        if let Some(assumed) = &fitted.assumed {
            let _ = writeln!(text, "\nAssumed: {assumed}.");
        }
        text.push_str("\n| figure (fitted) | reported | model | error |\n| --- | --- | --- | --- |\n");
        for figure in fitted.components.iter().flat_map(|component| &component.figures) {
            row(&mut text, figure);
        }
        text.push_str("\n| figure (predicted, never fitted) | reported | model | error | over all sets that fit |\n| --- | --- | --- | --- | --- |\n");
        for figure in &fitted.predicted {
            row(&mut text, figure);
        }
        let counts: Vec<String> = fitted
            .components
            .iter()
            .map(|one| format!("{} {} of {}", one.name, one.fitting, one.tried))
            .collect();
        let _ = writeln!(
            text,
            "\nSets that give every figure within its tolerance: {}. A match identifies no cause.\n",
            counts.join(", ")
        );
        for cause in causes {
            let _ = writeln!(text, "- {cause}");
        }
        text
    }

    /// For programs.
    pub(super) fn to_json(&self) -> Value {
        match &self.found {
            Err(problem) => json!({ "level": "model", "problem": problem }),
            Ok((fitted, causes)) => {
                let figures: Vec<&FittedFigure> =
                    fitted.components.iter().flat_map(|component| &component.figures).collect();
                json!({
                    "level": "model",
                    "parameters": fitted.components.iter().flat_map(|component| {
                        component.parameters.iter().map(|one| json!({
                            "component": component.name, "parameter": one.name, "fitted": rounded(one.value),
                            "fits_from": rounded(one.low), "fits_to": rounded(one.high),
                            "searched": [one.searched.0, one.searched.1], "identified": one.identified,
                        }))
                    }).collect::<Vec<_>>(),
                    "isolated": figures.into_iter().map(json_of).collect::<Vec<_>>(),
                    "baseline": fitted.predicted.iter().map(json_of).collect::<Vec<_>>(),
                    "sets_tried": fitted.components.iter().map(|one| one.tried).sum::<usize>(),
                    "sets_that_fit": fitted.components.iter().map(|one| json!({ "component": one.name, "sets": one.fitting })).collect::<Vec<_>>(),
                    "gap_causes": causes,
                })
            }
        }
    }
}

fn parameters(text: &mut String, component: &FittedComponent) {
    for one in &component.parameters {
        let verdict = match one.identified {
            Identified::Found => "identify it",
            Identified::NotIdentifiable => "do not identify it",
            Identified::Undecided => "do not decide it",
            Identified::NothingFits => "fit no set",
        };
        let _ = writeln!(
            text,
            "| {} | {} | {:.4} | {:.4} to {:.4} | {} to {} | {verdict} |",
            component.name, one.name, one.value, one.low, one.high, one.searched.0, one.searched.1
        );
    }
}

/// A figure in the metric's unit, milliseconds or per cent, as numbers without their unit.
fn plain(metric: Metric, value: f64) -> f64 {
    match metric.unit() {
        Unit::Time => value / 1e6,
        Unit::Share => 100.0 * value,
        Unit::Rate => value,
    }
}

fn row(text: &mut String, figure: &FittedFigure) {
    let unit = figure.metric.unit();
    let reported = figure.observed.map_or("–".to_owned(), |value| unit.show(value));
    let error = figure.error().map_or("–".to_owned(), |error| format!("{:+.1} %", 100.0 * error));
    let range = figure
        .range
        .map_or(String::new(), |(low, high)| format!(" {} to {} |", unit.show(low), unit.show(high)));
    let _ = writeln!(text, "| {} | {reported} | {} | {error} |{range}", figure.name, unit.show(figure.model));
}

fn json_of(figure: &FittedFigure) -> Value {
    let shown = |value: f64| rounded(plain(figure.metric, value));
    let mut value = json!({ "figure": figure.name, "metric": figure.metric, "model": shown(figure.model) });
    if let Value::Object(fields) = &mut value {
        if let (Some(observed), Some(error)) = (figure.observed, figure.error()) {
            fields.insert("reported".to_owned(), json!(shown(observed)));
            fields.insert("error_percent".to_owned(), json!(rounded(100.0 * error)));
        }
        if let Some((low, high)) = figure.range {
            fields.insert("other_sets".to_owned(), json!([shown(low), shown(high)]));
        }
    }
    value
}

/// How the gap of the actor in focus splits over the mechanisms.
fn causes(
    engine: &SharedEngine,
    best: &Scenario,
    seed: u64,
    progress: &Progress,
) -> Result<Vec<String>, String> {
    let options =
        ExplainOptions { seed, metrics: vec![Metric::Mean, Metric::P99], ..ExplainOptions::default() };
    let explanation =
        explain(best, &engine, &options, progress, &|_, _| {}).map_err(|error| error.to_string())?;
    let focus = &best.actors[best.focus].name;
    let sentences = explanation.splits.iter().map(|split| {
        let parts: Vec<String> = split
            .ranked()
            .iter()
            .map(|part| {
                let share = part.share.map_or(String::new(), |share| {
                    format!(
                        " ({:.0} % of it, {:.0} to {:.0})",
                        100.0 * share.value,
                        100.0 * share.low,
                        100.0 * share.high
                    )
                });
                format!("{} {:+.2} ms{share}", part.cause, part.effect.value / 1e6)
            })
            .collect();
        format!(
            "gap of the {} of `{focus}`, {:.2} ms: {}",
            split.metric.name(),
            split.gap.value / 1e6,
            parts.join("; ")
        )
    });
    Ok(sentences.collect())
}
