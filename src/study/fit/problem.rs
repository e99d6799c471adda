//! One component of a fit: from a set of values to how far its figures are from those observed.

use super::file::{Component, Figure, Parameter, ParameterUnit};
use crate::engine::{Experiment, Progress};
use crate::measure::RunRecord;
use crate::scenario::{LoadArm, Scenario, Treatment, parse_duration, write_duration};
use crate::study::SharedEngine;
use crate::study::stats::{deviation, mean};
use crate::units::Nanos;

/// What every evaluation needs.
#[derive(Clone)]
pub(super) struct Problem<'p> {
    pub(super) engine: &'p SharedEngine,
    pub(super) base: &'p Scenario,
    pub(super) component: &'p Component,
    pub(super) progress: &'p Progress,
    /// Relative tolerance of each figure: the one asked for, or the figure's own uncertainty where that is wider.
    pub(super) tolerances: Vec<f64>,
}

/// What chance does to the figures at one point.
pub(super) struct Noise {
    /// Seeds that make the noise of every figure a third of its tolerance.
    pub(super) seeds: u64,
    /// The tolerances, none of them narrower than what chance does to the observed figure.
    pub(super) tolerances: Vec<f64>,
}

/// How far a set is from the figures, in units of their tolerances.
#[derive(Clone, Copy, Debug)]
pub(super) struct Misfit {
    /// The largest; at most 1 where the set fits.
    pub(super) worst: f64,
    /// The sum of squares.
    pub(super) squares: f64,
}

impl Misfit {
    const NONE: Self = Self { worst: f64::INFINITY, squares: f64::INFINITY };
}

impl Problem<'_> {
    /// The values at a point of the unit cube.
    pub(super) fn values(&self, at: &[f64]) -> Vec<f64> {
        self.component.parameter.iter().zip(at).map(|(parameter, &place)| parameter.value(place)).collect()
    }

    /// How far the figures of the point are from those observed, over `count` seeds from `seed` on.
    pub(super) fn misfit(&self, at: &[f64], seed: u64, count: u64) -> Result<Misfit, String> {
        let scenario = with_values(self.base, &self.component.parameter, &self.values(at))?;
        let records = self.runs(&alone(&scenario, self.component)?, seed, count)?;
        let model: Vec<f64> = self.component.figure.iter().map(|figure| average(&records, figure)).collect();
        Ok(self.misfit_of(&model))
    }

    /// How far the model's figures, in the component's order, are from those observed.
    pub(super) fn misfit_of(&self, model: &[f64]) -> Misfit {
        let mut misfit = Misfit { worst: 0.0, squares: 0.0 };
        for ((figure, tolerance), model) in self.component.figure.iter().zip(&self.tolerances).zip(model) {
            let observed = figure.observed().unwrap_or(f64::NAN);
            let error = ((model / observed - 1.0) / tolerance).abs();
            if !error.is_finite() {
                return Misfit::NONE;
            }
            misfit = Misfit { worst: misfit.worst.max(error), squares: misfit.squares + error * error };
        }
        misfit
    }

    /// What chance does to the figures at this point, from eight runs of it.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "ratios of small numbers, counts of tasks; float casts saturate"
    )]
    pub(super) fn noise(&self, at: &[f64], seed: u64) -> Result<Noise, String> {
        const SEEDS: u64 = 8;
        let scenario = with_values(self.base, &self.component.parameter, &self.values(at))?;
        let records = self.runs(&alone(&scenario, self.component)?, seed + 100, SEEDS)?;
        let (mut needed, mut tolerances) = (1.0_f64, Vec::new());
        for figure in &self.component.figure {
            let each: Vec<f64> =
                records.iter().map(|record| average(std::slice::from_ref(record), figure)).collect();
            let relative = deviation(&each) / mean(&each).abs();
            // A run of the observed size would vary so much; twice that holds 95 of 100 observations.
            let tasks = |record: &RunRecord| {
                let name = figure.actor.as_deref().unwrap_or(&record.treatment.focus);
                record.actors.get(name).map_or(0.0, |actor| actor.completed as f64)
            };
            let of_model = mean(&records.iter().map(tasks).collect::<Vec<f64>>());
            let of_observed =
                figure.tasks.map_or(0.0, |tasks| 2.0 * relative * (of_model / tasks.max(1) as f64).sqrt());
            let tolerance =
                if of_observed.is_finite() { figure.tolerance.max(of_observed) } else { figure.tolerance };
            needed = needed.max((3.0 * relative / tolerance).powi(2).ceil());
            tolerances.push(tolerance);
        }
        Ok(Noise { seeds: needed as u64, tolerances })
    }

    /// Runs of `scenario` under `count` seeds from `seed` on.
    pub(super) fn runs(&self, scenario: &Scenario, seed: u64, count: u64) -> Result<Vec<RunRecord>, String> {
        runs(self.engine, scenario, seed, count, self.progress)
    }
}

/// Runs of `scenario` under `count` seeds from `seed` on.
pub(super) fn runs(
    engine: &SharedEngine,
    scenario: &Scenario,
    seed: u64,
    count: u64,
    progress: &Progress,
) -> Result<Vec<RunRecord>, String> {
    (0..count)
        .map(|round| {
            if progress.stopped() {
                return Err("interrupted".into());
            }
            let mut experiment = Experiment::new(scenario.clone(), scenario.run.load);
            experiment.seed = seed.wrapping_add(round);
            let output = engine.run(&experiment, &Progress::default()).map_err(|error| error.to_string())?;
            Ok(output.record)
        })
        .collect()
}

/// Mean of a figure over records; no number where one lacks it.
#[expect(clippy::cast_precision_loss, reason = "a handful of records")]
pub(super) fn average(records: &[RunRecord], figure: &Figure) -> f64 {
    let read = |record: &RunRecord| {
        let name = figure.actor.as_deref().unwrap_or(&record.treatment.focus);
        record.actors.get(name).and_then(|actor| figure.metric.read(actor, record)).unwrap_or(f64::NAN)
    };
    figure.times * records.iter().map(read).sum::<f64>() / records.len().max(1) as f64
}

/// `scenario` with each parameter at its value.
pub(super) fn with_values(
    scenario: &Scenario,
    parameters: &[Parameter],
    values: &[f64],
) -> Result<Scenario, String> {
    let mut set = Vec::new();
    for (parameter, &value) in parameters.iter().zip(values) {
        for path in &parameter.set {
            set.push((path.clone(), written(scenario, parameter.unit, path, value)?));
        }
    }
    scenario.edited(&set).map_err(|error| error.to_string())
}

/// `value` as the field at `path` takes it.
fn written(scenario: &Scenario, unit: ParameterUnit, path: &str, value: f64) -> Result<String, String> {
    Ok(match unit {
        ParameterUnit::Ms => write_duration(Nanos(1_000_000).scaled(value)),
        ParameterUnit::Number => format!("{value:?}"),
        ParameterUnit::Count => format!("{value:.0}"),
        ParameterUnit::PerSecond => format!("{value}/s"),
        ParameterUnit::Factor => {
            let present = scenario.field(path).ok_or_else(|| {
                format!("{path}: the scenario has no such field: expected one with a duration for unit = \"factor\"")
            })?;
            let present = parse_duration(&present).map_err(|why| format!("{path}: {why}"))?;
            write_duration(present.scaled(value))
        }
    })
}

/// The scenario with the component's only actor loaded and in focus, or as it is.
pub(super) fn alone(scenario: &Scenario, component: &Component) -> Result<Scenario, String> {
    let Some(name) = &component.alone else {
        let treatment = Treatment { load: scenario.run.load, ..Treatment::default() };
        return Ok(scenario.treated(&treatment));
    };
    let index = scenario.actors.iter().position(|actor| actor.name == *name).ok_or_else(|| {
        let names: Vec<&str> = scenario.actors.iter().map(|actor| actor.name.as_str()).collect();
        crate::scenario::unknown("actor", name, &names)
    })?;
    let mut changed = scenario.clone();
    (changed.focus, changed.isolated) = (index, vec![index]);
    Ok(changed.treated(&Treatment { load: LoadArm::Isolated, ..Treatment::default() }))
}
