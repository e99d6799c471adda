//! A sample in the place of the search: sets spread over the bounds, each run under the seeds that a search begins with.
//! The runs may be made anywhere; what is found is told as that of a search is, as far as a sample can say.

use super::file::{Component, Figure, FitPlan};
use super::problem::{Problem, alone, with_values};
use super::search::{FIRST_SEEDS, Searched, Tried};
use super::{FitOptions, Fitted, Identified, fit_by, unit_name};
use crate::engine::{Experiment, Progress};
use crate::scenario::Scenario;
use crate::study::trial::{ListedArm, RunList, Runner, SharedEngine, StudyError, round_seed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Sets of each component, as places between the bounds.
pub type Places = Vec<Vec<Vec<f64>>>;

/// Seeds of each set of a sample.
pub const SAMPLE_SEEDS: u64 = FIRST_SEEDS;

/// Sets of a component that are listed, the nearest first.
const LISTED: usize = 10;

/// The sample that stood in the place of a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sampled {
    /// Sets of each component.
    pub sets: usize,
    /// Seeds of each set.
    pub seeds: u64,
    /// Seeds with which chance would move no figure of the best set by more than a third of its tolerance.
    pub seeds_needed: u64,
    /// The nearest sets of each component, the nearest first.
    pub nearest: Vec<SampledSet>,
}

/// A set of a sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SampledSet {
    /// Its component.
    pub component: String,
    /// Its values, in the order of the parameters.
    pub values: Vec<f64>,
    /// The largest error of its figures, in units of their tolerances; at most 1 where it fits, absent where it has no figures.
    pub worst: Option<f64>,
}

/// The runs of a sample: every set of every component, under the seeds that a search begins with.
///
/// # Errors
///
/// [`StudyError::Refused`] when the plan or a path of it cannot be carried out, or a figure is of an actor of which cells keep
/// none.
pub fn sampled_runs(
    scenario: &Scenario,
    plan: &FitPlan,
    places: &Places,
    options: FitOptions,
) -> Result<RunList, StudyError> {
    plan.check().map_err(StudyError::Refused)?;
    let components = plan.components();
    let mut arms = Vec::new();
    for (component, places) in components.iter().zip(places) {
        let focus = alone(scenario, component).map_err(StudyError::Refused)?;
        let focus = &focus.actors[focus.focus].name;
        component.figure.iter().try_for_each(|figure| of_focus(figure, focus))?;
        for at in places {
            let values = values(component, at);
            let experiment = experiment(scenario, component, &values).map_err(StudyError::Refused)?;
            let mut levels = Vec::new();
            if components.len() > 1 {
                levels.push(("component".to_owned(), component.name.clone()));
            }
            levels.extend(component.parameter.iter().zip(&values).map(|(parameter, value)| {
                (parameter.label().to_owned(), format!("{value}{}", unit_suffix(unit_name(parameter.unit))))
            }));
            arms.push(ListedArm { levels, scenario: experiment.scenario, load: experiment.load });
        }
    }
    let rounds = u32::try_from(FIRST_SEEDS).unwrap_or(u32::MAX);
    Ok(RunList { arms, seed: options.seed, rounds, events: None, fit: Some(plan.clone()) })
}

/// What is written behind a value of a unit.
fn unit_suffix(unit: &str) -> &str {
    match unit {
        "count" => "",
        "times" => "x",
        other => other,
    }
}

/// Refuses figures of other actors than the one in focus.
fn of_focus(figure: &Figure, focus: &str) -> Result<(), StudyError> {
    match &figure.actor {
        Some(actor) if actor != focus => Err(StudyError::Refused(format!(
            "figure {}: a cell keeps the figures of the actor in focus, `{focus}`: expected figures of it alone, or `conlab fit` \
             without a sweep",
            figure.label()
        ))),
        _ => Ok(()),
    }
}

fn values(component: &Component, at: &[f64]) -> Vec<f64> {
    component.parameter.iter().zip(at).map(|(parameter, &place)| parameter.value(place)).collect()
}

/// What a set runs.
fn experiment(scenario: &Scenario, component: &Component, values: &[f64]) -> Result<Experiment, String> {
    let scenario = alone(&with_values(scenario, &component.parameter, values)?, component)?;
    let load = scenario.run.load;
    Ok(Experiment::new(scenario, load))
}

/// Fits `plan` by a sample whose runs `runner` has; the few runs behind the tolerances, the best set's figures and the
/// predictions are made on `engine`, under seeds that the sample has not.
///
/// # Errors
///
/// As [`super::fit`]; and [`StudyError::Refused`] when `runner` lacks a run of the sample.
pub fn fit_sample(
    scenario: &Scenario,
    plan: &FitPlan,
    places: &Places,
    runner: &dyn Runner,
    engine: &SharedEngine,
    options: FitOptions,
) -> Result<Fitted, StudyError> {
    let progress = Progress::default();
    let mut sampled = Sampled {
        sets: places.first().map_or(0, Vec::len),
        seeds: FIRST_SEEDS,
        seeds_needed: 1,
        nearest: Vec::new(),
    };
    let mut fitted = fit_by(scenario, plan, engine, options, &progress, &mut |index, problem| {
        let places = places.get(index).map_or(&[][..], Vec::as_slice);
        let (searched, needed) = of_sample(problem, places, runner, options.seed)?;
        sampled.seeds_needed = sampled.seeds_needed.max(needed);
        let mut nearest: Vec<&Tried> = searched.tried.iter().collect();
        nearest.sort_by(|one, other| one.1.total_cmp(&other.1));
        sampled.nearest.extend(nearest.into_iter().take(LISTED).map(|(at, worst)| SampledSet {
            component: problem.component.name.clone(),
            values: problem.values(at),
            worst: worst.is_finite().then_some(*worst),
        }));
        Ok(searched)
    })?;
    for component in fitted.components.iter_mut().filter(|component| component.parameters.len() > 1) {
        // A sample shows that values far apart fit. That none do, only fitting the others again at each value can show.
        for one in component.parameters.iter_mut().filter(|one| one.identified == Identified::Found) {
            one.identified = Identified::Undecided;
        }
    }
    fitted.sampled = Some(sampled);
    Ok(fitted)
}

/// What a sample says of a component, and the seeds that chance would ask for at its best set.
fn of_sample(
    problem: &Problem<'_>,
    places: &[Vec<f64>],
    runner: &dyn Runner,
    seed: u64,
) -> Result<(Searched, u64), String> {
    let figures: Vec<Vec<f64>> =
        places.iter().map(|at| figures(problem, at, runner, seed)).collect::<Result<_, _>>()?;
    let squares = |model: &Vec<f64>| problem.misfit_of(model).squares;
    let nearest = figures.iter().map(squares).enumerate().min_by(|one, other| one.1.total_cmp(&other.1));
    let (nearest, _) = nearest.ok_or("the sample has no set")?;
    let noise = problem.noise(&places[nearest], seed)?;
    let problem = Problem { tolerances: noise.tolerances, ..problem.clone() };
    let worst = figures.iter().map(|model| problem.misfit_of(model).worst);
    let tried: Vec<Tried> = places.iter().cloned().zip(worst).collect();
    let best = tried.iter().min_by(|one, other| one.1.total_cmp(&other.1));
    let best = best.map(|(at, _)| at.clone()).unwrap_or_default();
    let fits = tried.iter().any(|(_, worst)| *worst <= 1.0);
    let ranges = (0..best.len()).map(|axis| if fits { range(&tried, axis) } else { (0.0, 1.0) }).collect();
    Ok((Searched { tried, best, fits, ranges, tolerances: problem.tolerances }, noise.seeds))
}

/// The figures of a set, over its seeds.
#[expect(clippy::cast_precision_loss, reason = "a handful of seeds")]
fn figures(problem: &Problem<'_>, at: &[f64], runner: &dyn Runner, seed: u64) -> Result<Vec<f64>, String> {
    let mut experiment = experiment(problem.base, problem.component, &problem.values(at))?;
    let mut sums = vec![0.0; problem.component.figure.len()];
    for round in 0..u32::try_from(FIRST_SEEDS).unwrap_or(u32::MAX) {
        experiment.seed = round_seed(seed, round);
        let seen = runner.observe(&experiment, problem.progress).map_err(|error| error.to_string())?;
        for (sum, figure) in sums.iter_mut().zip(&problem.component.figure) {
            *sum += figure.times * seen.get(figure.metric).unwrap_or(f64::NAN);
        }
    }
    Ok(sums.into_iter().map(|sum| sum / FIRST_SEEDS as f64).collect())
}

/// From where to where sets may fit along `axis`: to the next places of the sample beyond those that fit, or to the bounds.
fn range(tried: &[Tried], axis: usize) -> (f64, f64) {
    let fitting = tried.iter().filter(|(_, worst)| *worst <= 1.0).map(|(at, _)| at[axis]);
    let (low, high) =
        fitting.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| (low.min(at), high.max(at)));
    let all = tried.iter().map(|(at, _)| at[axis]);
    (all.clone().filter(|at| *at < low).fold(0.0, f64::max), all.filter(|at| *at > high).fold(1.0, f64::min))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_goes_to_the_next_places_that_do_not_fit() {
        let tried: Vec<Tried> = [(0.1, 9.0), (0.3, 2.0), (0.5, 0.4), (0.6, 0.9), (0.8, 1.1)]
            .into_iter()
            .map(|(at, worst)| (vec![at], worst))
            .collect();
        assert_eq!(range(&tried, 0), (0.3, 0.8));
        assert_eq!(range(&tried[2..4], 0), (0.0, 1.0));
    }
}
