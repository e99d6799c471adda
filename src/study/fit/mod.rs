//! Finding parameters of a scenario that give observed figures, and saying which of them the figures identify.
//!
//! A match identifies no cause: many sets may give the same figures. So a fit ends with three things. The best set, judged
//! under seeds that the search never saw. For each parameter the range of values that fit as well, the others being
//! fitted again (a profile); where that range is wide, the figures do not identify the parameter. And predictions of
//! figures that were not fitted, with their range over all sets that fit.

mod file;
mod problem;
mod sample;
mod search;
mod simplex;

pub use file::{Amount, Component, Figure, FitPlan, Parameter, ParameterUnit};
pub use sample::{Places, SAMPLE_SEEDS, Sampled, SampledSet, fit_sample, sampled_runs};

use super::metric::Metric;
use super::parallel;
use super::trial::{SharedEngine, StudyError, Watch};
use crate::engine::Progress;
use crate::scenario::{LoadArm, Scenario, Treatment};
use problem::{Problem, alone, average, runs, with_values};
use schemars::JsonSchema;
use search::Searched;
use serde::{Deserialize, Serialize};

/// Largest half-range, as a share of the value, of a parameter that counts as identified.
pub const IDENTIFIED: f64 = 0.05;
/// Sets that fit as well under which predictions are made again.
const MAX_ALTERNATIVES: usize = 24;
/// Seeds of a figure that is printed; none of them is one that was searched with.
const SEEDS: u64 = 8;

/// How to fit.
#[derive(Clone, Copy, Debug)]
pub struct FitOptions {
    /// First of the seeds.
    pub seed: u64,
}

/// What a fit found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fitted {
    /// Name of the scenario.
    pub scenario: String,
    /// First of the seeds.
    pub seed: u64,
    /// What the scenario assumes, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumed: Option<String>,
    /// The components, in order.
    pub components: Vec<FittedComponent>,
    /// Figures that were not fitted.
    pub predicted: Vec<FittedFigure>,
    /// The scenario with the best set in it, as TOML.
    pub source: String,
    /// The sample that stands in the place of the search, where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Sampled>,
}

/// What was found for one component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FittedComponent {
    /// Its name.
    pub name: String,
    /// Whether the best set gives every figure within its tolerance, under seeds that the search never saw.
    pub fits: bool,
    /// Its parameters.
    pub parameters: Vec<FittedParameter>,
    /// Its figures.
    pub figures: Vec<FittedFigure>,
    /// Sets that were tried.
    pub tried: usize,
    /// Of those, sets that fit.
    pub fitting: usize,
}

/// What the figures say of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Identified {
    /// Every value that fits lies within 5 % of the best.
    Found,
    /// Values further apart fit as well.
    NotIdentifiable,
    /// No values further apart are known to fit, and only a search of the other parameters can tell; of samples alone.
    Undecided,
    /// No set fits, so there is nothing to identify it by.
    NothingFits,
}

/// A parameter's best value and the values that fit as well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FittedParameter {
    /// Its name.
    pub name: String,
    /// How its value is written.
    pub unit: String,
    /// The best value.
    pub value: f64,
    /// Smallest value with which a set fits.
    pub low: f64,
    /// Largest value with which a set fits.
    pub high: f64,
    /// The bounds that were searched.
    pub searched: (f64, f64),
    /// What the figures say of it.
    pub identified: Identified,
}

/// A figure of the model beside the one observed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FittedFigure {
    /// Its name.
    pub name: String,
    /// Which it is.
    pub metric: Metric,
    /// What was observed, in the metric's unit.
    pub observed: Option<f64>,
    /// The best set's, mean of eight seeds.
    pub model: f64,
    /// Relative tolerance within which a set fits.
    pub tolerance: f64,
    /// Least and largest over sets that fit; of predictions only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<(f64, f64)>,
}

impl FittedFigure {
    /// Relative error of the model; `None` where nothing was observed.
    #[must_use]
    pub fn error(&self) -> Option<f64> {
        self.observed.map(|observed| self.model / observed - 1.0)
    }
}

/// Fits `plan` to `scenario`; `watch` is told how many steps of how many are done.
///
/// # Errors
///
/// [`StudyError::Refused`] when the plan or a path of it cannot be carried out; [`StudyError::Interrupted`] when the user
/// stopped it.
pub fn fit(
    scenario: &Scenario,
    plan: &FitPlan,
    engine: &SharedEngine,
    options: FitOptions,
    progress: &Progress,
    watch: Watch<'_>,
) -> Result<Fitted, StudyError> {
    let steps = plan.components().len() * 3 + 1;
    fit_by(scenario, plan, engine, options, progress, &mut |index, problem| {
        search::search(problem, options.seed, &|stage| watch(3 * index + stage, steps))
    })
    .inspect(|_| watch(steps, steps))
}

/// Fits `plan` by what `searching` finds for each component.
fn fit_by(
    scenario: &Scenario,
    plan: &FitPlan,
    engine: &SharedEngine,
    options: FitOptions,
    progress: &Progress,
    searching: &mut dyn FnMut(usize, &Problem<'_>) -> Result<Searched, String>,
) -> Result<Fitted, StudyError> {
    let refused = |why: String| {
        if progress.stopped() {
            StudyError::Interrupted { complete: Vec::new() }
        } else {
            StudyError::Refused(why)
        }
    };
    plan.check().map_err(StudyError::Refused)?;
    let components = plan.components();
    let mut best = scenario.clone();
    let mut found = Vec::new();
    let mut fitted = Vec::new();
    for (index, component) in components.iter().enumerate() {
        let tolerances = component.figure.iter().map(|figure| figure.tolerance).collect();
        let problem = Problem { engine, base: scenario, component, progress, tolerances };
        let searched = searching(index, &problem).map_err(refused)?;
        best = with_values(&best, &component.parameter, &problem.values(&searched.best)).map_err(refused)?;
        fitted.push(component_of(&problem, &searched));
        found.push(searched);
    }
    for ((component, fitted), found) in components.iter().zip(&mut fitted).zip(&found) {
        let alone = alone(&best, component).map_err(refused)?;
        let records = runs(engine, &alone, options.seed + 1000, SEEDS, progress).map_err(refused)?;
        let figures = component.figure.iter().zip(&found.tolerances);
        fitted.figures = figures
            .map(|(figure, &tolerance)| FittedFigure {
                tolerance,
                ..figure_of(figure, average(&records, figure))
            })
            .collect();
        let meets =
            |figure: &FittedFigure| figure.error().is_some_and(|error| error.abs() <= figure.tolerance);
        fitted.fits = fitted.figures.iter().all(meets);
        if !fitted.fits {
            // What fitted only the seeds of the search fits nothing.
            fitted.parameters.iter_mut().for_each(|one| one.identified = Identified::NothingFits);
        }
    }
    let predicted =
        predict(&best, plan, &components, &found, engine, options.seed, progress).map_err(refused)?;
    Ok(Fitted {
        scenario: scenario.name.clone(),
        seed: options.seed,
        assumed: plan.assumed.clone(),
        components: fitted,
        predicted,
        source: best.source,
        sampled: None,
    })
}

fn figure_of(figure: &Figure, model: f64) -> FittedFigure {
    FittedFigure {
        name: figure.label(),
        metric: figure.metric,
        observed: figure.observed(),
        model,
        tolerance: figure.tolerance,
        range: None,
    }
}

/// The component's parameters as far as the search tells; its figures come from seeds of their own.
fn component_of(problem: &Problem<'_>, searched: &Searched) -> FittedComponent {
    let values = problem.values(&searched.best);
    let parameters = problem.component.parameter.iter().zip(&values).enumerate();
    FittedComponent {
        name: problem.component.name.clone(),
        fits: false,
        parameters: parameters
            .map(|(axis, (parameter, &value))| {
                let (low, high) = searched.ranges[axis];
                let (low, high) = (parameter.value(low).min(value), parameter.value(high).max(value));
                let half = (high - value).max(value - low);
                FittedParameter {
                    name: parameter.label().to_owned(),
                    unit: unit_name(parameter.unit).to_owned(),
                    value,
                    low,
                    high,
                    searched: (parameter.low, parameter.high),
                    identified: if !searched.fits {
                        Identified::NothingFits
                    } else if half <= IDENTIFIED * value {
                        Identified::Found
                    } else {
                        Identified::NotIdentifiable
                    },
                }
            })
            .collect(),
        figures: Vec::new(),
        tried: searched.tried.len(),
        fitting: searched.tried.iter().filter(|(_, worst)| *worst <= 1.0).count(),
    }
}

const fn unit_name(unit: ParameterUnit) -> &'static str {
    match unit {
        ParameterUnit::Ms => "ms",
        ParameterUnit::Number => "",
        ParameterUnit::Count => "count",
        ParameterUnit::PerSecond => "/s",
        ParameterUnit::Factor => "times",
    }
}

/// The figures that were not fitted: of the best set, and their range over sets that fit as well.
fn predict(
    best: &Scenario,
    plan: &FitPlan,
    components: &[Component],
    found: &[Searched],
    engine: &SharedEngine,
    seed: u64,
    progress: &Progress,
) -> Result<Vec<FittedFigure>, String> {
    if plan.predict.is_empty() {
        return Ok(Vec::new());
    }
    let whole = |scenario: &Scenario| {
        scenario.treated(&Treatment { load: LoadArm::Baseline, ..Treatment::default() })
    };
    let read = |scenario: &Scenario, seeds: u64| -> Result<Vec<f64>, String> {
        let records = runs(engine, &whole(scenario), seed + 2000, seeds, progress)?;
        Ok(plan.predict.iter().map(|figure| average(&records, figure)).collect())
    };
    let central = read(best, SEEDS)?;
    let sets: Vec<Vec<Vec<f64>>> = found.iter().map(|found| spaced(&found.fitting())).collect();
    let rounds: Vec<usize> = (0..sets.iter().map(Vec::len).max().unwrap_or(0)).collect();
    let others = parallel::map(&rounds, |&round| {
        let mut scenario = best.clone();
        for (component, sets) in components.iter().zip(&sets) {
            let Some(at) = sets.get(round % sets.len().max(1)) else { continue };
            let values: Vec<f64> = component
                .parameter
                .iter()
                .zip(at)
                .map(|(parameter, &place)| parameter.value(place))
                .collect();
            scenario = with_values(&scenario, &component.parameter, &values)?;
        }
        read(&scenario, 1)
    });
    let mut ranges: Vec<(f64, f64)> = central.iter().map(|&value| (value, value)).collect();
    for values in others {
        for (range, value) in ranges.iter_mut().zip(values?) {
            *range = (range.0.min(value), range.1.max(value));
        }
    }
    let figures = plan.predict.iter().zip(central).zip(ranges);
    Ok(figures
        .map(|((figure, model), range)| FittedFigure { range: Some(range), ..figure_of(figure, model) })
        .collect())
}

/// At most so many sets, evenly over the order in which they were found.
fn spaced(sets: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let stride = sets.len().div_ceil(MAX_ALTERNATIVES).max(1);
    sets.iter().step_by(stride).cloned().collect()
}
