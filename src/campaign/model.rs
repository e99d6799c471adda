//! The mechanism model: fitted on the isolated figures alone, then asked for the baseline.
//!
//! The search is over a handful of parameters of each component, in virtual time. Matching the figures identifies no
//! cause: many sets fit, and what they predict for the baseline differs. So all sets that fit are kept, and the spread
//! of their predictions is printed beside the best one's.

use super::outcome::rounded;
use crate::engine::{Experiment, Progress};
use crate::measure::RunRecord;
use crate::measure::record::ActorRecord;
use crate::random::{Source, Stream};
use crate::scenario::{Load, LoadArm, MissCost, Scenario, Treatment};
use crate::study::{ExplainOptions, Metric, SharedEngine, explain};
use crate::units::Nanos;
use crate::workload::{Draw, Spread};
use serde_json::{Value, json};
use std::fmt::Write;

const SCENARIO: &str = include_str!("model.toml");
/// Relative error within which a set fits.
const FITS: f64 = 0.02;
/// Other sets whose baseline is predicted as well.
const MOST_ALTERNATIVES: usize = 24;
/// Seeds of a set that is tried: too few, and the search fits the noise of those few.
const SEARCH_SEEDS: u64 = 4;
/// Sets that fitted best and are judged under seeds of their own, and how many seeds.
const SHORTLIST: usize = 24;
const JUDGING_SEEDS: u64 = 16;
/// Seeds of a figure that is printed; none of them is one that was searched with.
const SEEDS: u64 = 8;

/// How a figure is read off.
type Read = fn(&ActorRecord) -> f64;

/// A parameter: its name, its bounds, and what it sets.
struct Parameter {
    name: &'static str,
    low: f64,
    high: f64,
    set: fn(&mut Scenario, f64),
}

/// A figure to be met: its name, its reported value, and how it is read off.
struct Figure {
    name: &'static str,
    reported: f64,
    read: Read,
}

/// A component that is fitted alone.
struct Component {
    actor: &'static str,
    parameters: &'static [Parameter],
    figures: &'static [Figure],
    /// Sets to start from besides random ones, in the order of the parameters.
    starts: &'static [&'static [f64]],
}

fn ms(value: f64) -> Nanos {
    Nanos(1_000_000).scaled(value)
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of one task")]
fn p99(actor: &ActorRecord) -> f64 {
    actor.sojourn_ns.p99 as f64 / 1e6
}

fn mean(actor: &ActorRecord) -> f64 {
    actor.sojourn_ns.mean / 1e6
}

fn step(scenario: &mut Scenario, actor: &str, step: &str, change: impl Fn(&mut crate::scenario::StepSpec)) {
    let steps = scenario.actors.iter_mut().filter(|one| one.name == actor).flat_map(|one| &mut one.steps);
    steps.filter(|one| one.name == step).for_each(change);
}

fn compute_mean(scenario: &mut Scenario, actor: &str, name: &str, value: f64) {
    step(scenario, actor, name, |step| step.compute.iter_mut().for_each(|draw| draw.mean = ms(value)));
}

fn io_mean(scenario: &mut Scenario, actor: &str, name: &str, value: f64) {
    step(scenario, actor, name, |step| step.io.iter_mut().for_each(|draw| draw.mean = ms(value)));
}

fn spread(draw: &mut Option<Draw>, width: f64) {
    if let Some(draw) = draw {
        draw.spread = Spread::Uniform(width);
    }
}

const AGENTS: Component = Component {
    actor: "agents",
    parameters: &[
        Parameter {
            name: "agents: Python outside the queue's lock, ms",
            low: 0.1,
            high: 3.0,
            set: |scenario, value| compute_mean(scenario, "agents", "plan", value),
        },
        Parameter {
            name: "agents: Python under the queue's lock, ms",
            low: 0.05,
            high: 3.0,
            set: |scenario, value| compute_mean(scenario, "agents", "enqueue", value),
        },
        Parameter {
            name: "agents: waiting without CPU, ms",
            low: 26.0,
            high: 35.0,
            set: |scenario, value| io_mean(scenario, "agents", "act", value),
        },
        Parameter {
            name: "agents: half-width of that wait, share",
            low: 0.0,
            high: 0.08,
            set: |scenario, value| step(scenario, "agents", "act", |step| spread(&mut step.io, value)),
        },
        Parameter {
            name: "agents: think time of a client, ms",
            low: 0.0,
            high: 30.0,
            set: |scenario, value| {
                for actor in scenario.actors.iter_mut().filter(|actor| actor.name == "agents") {
                    if let Load::Closed { think, .. } = &mut actor.load {
                        think.mean = ms(value);
                    }
                }
            },
        },
        Parameter {
            name: "agents: workers, each with a client",
            low: 2.0,
            high: 64.0,
            set: |scenario, value| {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "2 to 64")]
                let workers = value.round() as usize;
                for actor in scenario.actors.iter_mut().filter(|actor| actor.name == "agents") {
                    actor.threads = workers;
                    if let Load::Closed { clients, .. } = &mut actor.load {
                        *clients = workers;
                    }
                }
            },
        },
        Parameter {
            name: "host: a wake-up, ms",
            low: 0.0,
            high: 0.6,
            set: |scenario, value| scenario.host.wake = Some(ms(value)),
        },
    ],
    figures: &[
        Figure { name: "Agents mean, ms", reported: 34.9, read: mean },
        Figure { name: "Agents p99, ms", reported: 37.3, read: p99 },
        Figure {
            name: "Agents lock acquisition, %",
            reported: 35.0,
            read: |a| 100.0 * a.shares.lock_acquisition,
        },
        Figure {
            name: "Agents context switching, %",
            reported: 18.0,
            read: |a| 100.0 * a.shares.context_switching,
        },
        Figure { name: "Agents execution, %", reported: 47.0, read: |a| 100.0 * a.shares.execution },
    ],
    // Many workers with little Python each: what waits for the lock then varies little, as the narrow p99 wants.
    starts: &[
        &[0.6, 0.11, 32.7, 0.033, 6.7, 22.0, 0.3],
        &[0.33, 0.06, 33.7, 0.04, 6.9, 44.0, 0.15],
        &[0.25, 0.05, 34.0, 0.05, 6.0, 60.0, 0.11],
    ],
};

const RYOT: Component = Component {
    actor: "ryot",
    parameters: &[
        Parameter {
            name: "ryot: factor on its 49.5 ms of work",
            low: 0.95,
            high: 1.05,
            set: |scenario, value| {
                for actor in scenario.actors.iter_mut().filter(|actor| actor.name == "ryot") {
                    for draw in actor.steps.iter_mut().filter_map(|step| step.compute.as_mut()) {
                        *draw = draw.scaled(value);
                    }
                }
            },
        },
        Parameter {
            name: "ryot: half-width of a step, share",
            low: 0.0,
            high: 0.3,
            set: |scenario, value| {
                for actor in scenario.actors.iter_mut().filter(|actor| actor.name == "ryot") {
                    actor.steps.iter_mut().for_each(|step| spread(&mut step.compute, value));
                }
            },
        },
    ],
    figures: &[
        Figure { name: "Ryot TTFT mean, ms", reported: 49.5, read: mean },
        Figure { name: "Ryot TTFT p99, ms", reported: 53.7, read: p99 },
        Figure { name: "Ryot tokens/s", reported: 1010.0, read: |a| 50.0 * a.throughput_per_s },
    ],
    starts: &[],
};

const VAULT: Component = Component {
    actor: "vault",
    parameters: &[
        Parameter {
            name: "vault: a reply's wait, ms",
            low: 5.0,
            high: 9.0,
            set: |scenario, value| io_mean(scenario, "vault", "reply", value),
        },
        Parameter {
            name: "vault: half-width of that wait, share",
            low: 0.0,
            high: 0.15,
            set: |scenario, value| step(scenario, "vault", "reply", |step| spread(&mut step.io, value)),
        },
        Parameter {
            name: "vault: a miss, ms",
            low: 0.1,
            high: 4.0,
            set: |scenario, value| {
                step(scenario, "vault", "lookup", |step| {
                    if let Some((_, _, MissCost::Io(draw))) = &mut step.cache {
                        draw.mean = ms(value);
                    }
                });
            },
        },
    ],
    figures: &[
        Figure { name: "ΣVAULT read p99, ms", reported: 9.35, read: p99 },
        Figure { name: "ΣVAULT ops/s", reported: 129.0, read: |a| a.throughput_per_s },
    ],
    starts: &[],
};

const SLANG: Component = Component {
    actor: "slang",
    parameters: &[Parameter {
        name: "slang: 256 KiB, ms",
        low: 1.9,
        high: 2.3,
        set: |scenario, value| compute_mean(scenario, "slang", "compress", value),
    }],
    figures: &[Figure { name: "ΣLANG MB/s", reported: 125.5, read: |a| 0.262_144 * a.throughput_per_s }],
    starts: &[],
};

/// Components in the order in which they are fitted; every one alone.
const COMPONENTS: [Component; 4] = [RYOT, SLANG, VAULT, AGENTS];

/// What the baseline is said to be: actor, figure, reported, read.
const BASELINE: [(&str, &str, f64, Read); 6] = [
    ("agents", "Agents mean, ms", 43.9, mean),
    ("agents", "Agents p99, ms", 55.3, p99),
    ("vault", "ΣVAULT read p99, ms", 11.1, p99),
    ("vault", "ΣVAULT ops/s", 116.0, |a| a.throughput_per_s),
    ("ryot", "Ryot TTFT mean, ms", 49.5, mean),
    ("slang", "ΣLANG MB/s", 125.5, |a| 0.262_144 * a.throughput_per_s),
];

/// A figure of the report beside the model's.
#[derive(Clone, Debug)]
struct Row {
    name: &'static str,
    reported: f64,
    model: f64,
    /// Least and largest over the sets that fit as well; for predictions only.
    others: Option<(f64, f64)>,
}

impl Row {
    fn error(&self) -> f64 {
        self.model / self.reported - 1.0
    }
}

/// The model and what it says.
#[derive(Clone, Debug, Default)]
pub(super) struct Fitted {
    parameters: Vec<(&'static str, f64, f64, f64)>,
    fitted: Vec<Row>,
    predicted: Vec<Row>,
    searched: usize,
    alternatives: Vec<(&'static str, usize)>,
    causes: Vec<String>,
    problem: Option<String>,
}

/// A component's search: every set tried, with its worst relative error.
struct Searched {
    tried: Vec<(Vec<f64>, f64)>,
}

/// Fits every component alone and predicts the baseline.
pub(super) fn fit(engine: &SharedEngine, seed: u64, progress: &Progress) -> Fitted {
    attempt(engine, seed, progress)
        .unwrap_or_else(|problem| Fitted { problem: Some(problem), ..Fitted::default() })
}

fn attempt(engine: &SharedEngine, seed: u64, progress: &Progress) -> Result<Fitted, String> {
    let base = Scenario::parse(SCENARIO, "model.toml").map_err(|error| error.to_string())?;
    let mut fitted = Fitted::default();
    let mut best = base.clone();
    let mut others: Vec<Vec<Vec<f64>>> = Vec::new();
    for component in &COMPONENTS {
        let found = search(engine, &base, component, seed, progress)?;
        fitted.searched += found.tried.len();
        let values = chosen(engine, &base, component, &found, seed)?;
        for (parameter, &value) in component.parameters.iter().zip(&values) {
            (parameter.set)(&mut best, value);
            fitted.parameters.push((parameter.name, value, parameter.low, parameter.high));
        }
        let fitting: Vec<Vec<f64>> = found
            .tried
            .iter()
            .filter(|(_, error)| *error <= FITS)
            .map(|(values, _)| values.clone())
            .collect();
        fitted.alternatives.push((component.actor, fitting.len().saturating_sub(1)));
        others.push(spaced(&fitting));
    }
    for component in &COMPONENTS {
        let records = runs(engine, &alone(&best, component.actor)?, seed + 1000, SEEDS)?;
        fitted.fitted.extend(component.figures.iter().map(|figure| Row {
            name: figure.name,
            reported: figure.reported,
            model: average(&records, component.actor, figure.read),
            others: None,
        }));
    }
    fitted.predicted = predict(engine, &base, &best, &others, seed)?;
    fitted.causes = causes(engine, &best, seed, progress)?;
    Ok(fitted)
}

/// At most so many sets, evenly over the order in which they were found.
fn spaced(sets: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let stride = sets.len().div_ceil(MOST_ALTERNATIVES).max(1);
    sets.iter().step_by(stride).cloned().collect()
}

/// The baseline of the best set, and its range over the others.
fn predict(
    engine: &SharedEngine,
    base: &Scenario,
    best: &Scenario,
    others: &[Vec<Vec<f64>>],
    seed: u64,
) -> Result<Vec<Row>, String> {
    let read = |scenario: &Scenario, seeds: u64| -> Result<Vec<f64>, String> {
        let records = runs(engine, scenario, seed + 2000, seeds)?;
        Ok(BASELINE.iter().map(|(actor, _, _, read)| average(&records, actor, *read)).collect())
    };
    let central = read(best, SEEDS)?;
    let mut ranges: Vec<(f64, f64)> = central.iter().map(|&value| (value, value)).collect();
    let rounds = others.iter().map(Vec::len).max().unwrap_or(0);
    for round in 0..rounds {
        let mut scenario = base.clone();
        for (component, sets) in COMPONENTS.iter().zip(others) {
            let Some(values) = sets.get(round % sets.len().max(1)) else { continue };
            component
                .parameters
                .iter()
                .zip(values)
                .for_each(|(parameter, &value)| (parameter.set)(&mut scenario, value));
        }
        for (range, value) in ranges.iter_mut().zip(read(&scenario, 1)?) {
            *range = (range.0.min(value), range.1.max(value));
        }
    }
    Ok(BASELINE
        .iter()
        .zip(central)
        .zip(ranges)
        .map(|(((_, name, reported, _), model), range)| Row {
            name,
            reported: *reported,
            model,
            others: Some(range),
        })
        .collect())
}

/// The scenario with only `actor` loaded, and in focus.
fn alone(scenario: &Scenario, actor: &str) -> Result<Scenario, String> {
    let index =
        scenario.actors.iter().position(|one| one.name == actor).ok_or("the model lacks a component")?;
    let mut changed = scenario.clone();
    (changed.focus, changed.isolated) = (index, vec![index]);
    Ok(changed.treated(&Treatment { load: LoadArm::Isolated, ..Treatment::default() }))
}

/// Runs under `count` seeds from `seed` on.
fn runs(engine: &SharedEngine, scenario: &Scenario, seed: u64, count: u64) -> Result<Vec<RunRecord>, String> {
    (seed..seed + count)
        .map(|seed| {
            let mut experiment = Experiment::new(scenario.clone(), LoadArm::Baseline);
            experiment.seed = seed;
            engine
                .run(&experiment, &Progress::default())
                .map(|output| output.record)
                .map_err(|error| error.to_string())
        })
        .collect()
}

/// Mean of a figure of `actor` over the records; no number where it is absent.
#[expect(clippy::cast_precision_loss, reason = "a handful of records")]
fn average(records: &[RunRecord], actor: &str, read: Read) -> f64 {
    let sum: f64 = records.iter().map(|record| record.actors.get(actor).map_or(f64::NAN, read)).sum();
    sum / records.len() as f64
}

/// The largest relative error of a set in a component's figures, and the sum of their squares.
fn errors(
    engine: &SharedEngine,
    base: &Scenario,
    component: &Component,
    values: &[f64],
    seed: u64,
    seeds: u64,
) -> Result<(f64, f64), String> {
    let mut scenario = base.clone();
    for (parameter, &value) in component.parameters.iter().zip(values) {
        (parameter.set)(&mut scenario, value);
    }
    let records = runs(engine, &alone(&scenario, component.actor)?, seed, seeds)?;
    let errors = component
        .figures
        .iter()
        .map(|figure| (average(&records, component.actor, figure.read) / figure.reported - 1.0).abs());
    let (worst, squares) =
        errors.fold((0.0_f64, 0.0), |(worst, sum), error| (worst.max(error), sum + error * error));
    Ok((if worst.is_finite() { worst } else { f64::INFINITY }, squares))
}

/// Of the sets that fitted best the one that fits best under other seeds: the best of thousands of tries is the one
/// that suited its seeds.
fn chosen(
    engine: &SharedEngine,
    base: &Scenario,
    component: &Component,
    found: &Searched,
    seed: u64,
) -> Result<Vec<f64>, String> {
    let mut shortlist: Vec<&(Vec<f64>, f64)> = found.tried.iter().collect();
    shortlist.sort_by(|one, other| one.1.total_cmp(&other.1));
    let mut best = None;
    for (values, _) in shortlist.into_iter().take(SHORTLIST) {
        let (worst, _) = errors(engine, base, component, values, seed + 500, JUDGING_SEEDS)?;
        if best.as_ref().is_none_or(|(_, least)| worst < *least) {
            best = Some((values.clone(), worst));
        }
    }
    best.map(|(values, _)| values).ok_or_else(|| "nothing was tried".into())
}

/// Looks for sets that give a component's figures: random starts, then Nelder and Mead from the best.
fn search(
    engine: &SharedEngine,
    base: &Scenario,
    component: &Component,
    seed: u64,
    progress: &Progress,
) -> Result<Searched, String> {
    let mut found = Searched { tried: Vec::new() };
    let mut problem = None;
    let mut cost = |values: &[f64]| -> f64 {
        if progress.stopped() {
            problem = Some("interrupted".to_owned());
        }
        if problem.is_some() {
            return f64::INFINITY;
        }
        match errors(engine, base, component, values, seed, SEARCH_SEEDS) {
            Ok((worst, squares)) => {
                found.tried.push((values.to_vec(), worst));
                squares
            }
            Err(error) => {
                problem = Some(error);
                f64::INFINITY
            }
        }
    };
    let free = component.parameters.len();
    let mut stream = Stream::new(seed, Source::Order, 0, 0);
    let mut starts: Vec<(Vec<f64>, f64)> = (0..12 * free)
        .map(|_| {
            let draw =
                |parameter: &Parameter| parameter.low + (parameter.high - parameter.low) * stream.unit();
            let values: Vec<f64> = component.parameters.iter().map(draw).collect();
            let squares = cost(&values);
            (values, squares)
        })
        .collect();
    starts.extend(component.starts.iter().map(|start| (start.to_vec(), cost(start))));
    starts.sort_by(|one, other| one.1.total_cmp(&other.1));
    let mut ends: Vec<(Vec<f64>, f64)> = starts
        .iter()
        .take(4)
        .map(|(start, _)| nelder_mead(component.parameters, start, 0.1, 40 * free, &mut cost))
        .collect();
    ends.sort_by(|one, other| one.1.total_cmp(&other.1));
    // A simplex that has collapsed early goes on when it is unfolded again around its best corner.
    if let Some((end, _)) = ends.first() {
        let mut best = end.clone();
        for reach in [0.08, 0.04, 0.02] {
            best = nelder_mead(component.parameters, &best, reach, 30 * free, &mut cost).0;
        }
    }
    match problem {
        Some(problem) => Err(problem),
        None => Ok(found),
    }
}

/// Minimises `cost` within the bounds, from a simplex of `reach` of the bounds at `start`: J. A. Nelder and R. Mead, *Computer Journal* 7 (1965).
fn nelder_mead(
    parameters: &[Parameter],
    start: &[f64],
    reach: f64,
    most: usize,
    cost: &mut dyn FnMut(&[f64]) -> f64,
) -> (Vec<f64>, f64) {
    let clamp = |values: Vec<f64>| -> Vec<f64> {
        values
            .iter()
            .zip(parameters)
            .map(|(value, parameter)| value.clamp(parameter.low, parameter.high))
            .collect()
    };
    let mut simplex: Vec<(Vec<f64>, f64)> = vec![(start.to_vec(), cost(start))];
    for (at, parameter) in parameters.iter().enumerate() {
        let mut corner = start.to_vec();
        let step = reach * (parameter.high - parameter.low);
        corner[at] += if corner[at] + step > parameter.high { -step } else { step };
        let value = cost(&corner);
        simplex.push((corner, value));
    }
    let size = parameters.len();
    let mut spent = simplex.len();
    while spent < most {
        simplex.sort_by(|one, other| one.1.total_cmp(&other.1));
        #[expect(clippy::cast_precision_loss, reason = "a handful of parameters")]
        let centre: Vec<f64> = (0..size)
            .map(|at| simplex[..size].iter().map(|(values, _)| values[at]).sum::<f64>() / size as f64)
            .collect();
        let worst = simplex[size].clone();
        let along = |factor: f64| -> Vec<f64> {
            clamp(
                centre
                    .iter()
                    .zip(&worst.0)
                    .map(|(centre, worst)| centre + factor * (worst - centre))
                    .collect(),
            )
        };
        let mut try_at = |factor: f64| {
            let values = along(factor);
            let value = cost(&values);
            spent += 1;
            (values, value)
        };
        let reflected = try_at(-1.0);
        let next = if reflected.1 < simplex[0].1 {
            let expanded = try_at(-2.0);
            if expanded.1 < reflected.1 { expanded } else { reflected }
        } else if reflected.1 < simplex[size - 1].1 {
            reflected
        } else {
            try_at(0.5)
        };
        if next.1 < worst.1 {
            simplex[size] = next;
            continue;
        }
        // Nothing on the line is better: shrink towards the best.
        let best = simplex[0].0.clone();
        for corner in &mut simplex[1..] {
            let values: Vec<f64> =
                corner.0.iter().zip(&best).map(|(one, best)| f64::midpoint(*one, *best)).collect();
            let value = cost(&values);
            spent += 1;
            *corner = (values, value);
        }
    }
    simplex.sort_by(|one, other| one.1.total_cmp(&other.1));
    simplex.swap_remove(0)
}

/// How the gap of the agents splits over the mechanisms.
fn causes(
    engine: &SharedEngine,
    best: &Scenario,
    seed: u64,
    progress: &Progress,
) -> Result<Vec<String>, String> {
    let options =
        ExplainOptions { seed, metrics: vec![Metric::Mean, Metric::P99], ..ExplainOptions::default() };
    let explanation =
        explain(best, engine, &options, progress, &|_, _| {}).map_err(|error| error.to_string())?;
    let mut sentences = Vec::new();
    for split in &explanation.splits {
        let name = if split.metric == Metric::Mean { "mean" } else { "p99" };
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
        sentences.push(format!(
            "gap of the agents' {name} {:.2} ms: {}",
            split.gap.value / 1e6,
            parts.join("; ")
        ));
    }
    Ok(sentences)
}

impl Fitted {
    /// For people.
    pub(super) fn to_markdown(&self) -> String {
        let mut text = "\n## The mechanism model\n\n".to_owned();
        if let Some(problem) = &self.problem {
            let _ = writeln!(text, "It could not be fitted: {problem}.");
            return text;
        }
        text.push_str("Fitted on the isolated figures alone, in virtual time.\n\n| fitted parameter | value | searched |\n| --- | --- | --- |\n");
        for (name, value, low, high) in &self.parameters {
            let _ = writeln!(text, "| {name} | {value:.4} | {low} to {high} |");
        }
        text.push_str("\nAssumed: 8 processors, Ryot's kernels and ΣLANG without the interpreter lock, an interval of 5 ms, neighbours that never pause.\n");
        text.push_str(
            "\n| isolated figure (fitted) | reported | model | error |\n| --- | --- | --- | --- |\n",
        );
        for row in &self.fitted {
            let _ = writeln!(
                text,
                "| {} | {} | {:.4} | {:+.1} % |",
                row.name,
                row.reported,
                row.model,
                100.0 * row.error()
            );
        }
        text.push_str("\n| baseline figure (predicted) | reported | model | error | other sets that fit |\n| --- | --- | --- | --- | --- |\n");
        for row in &self.predicted {
            let others = row.others.map_or(String::new(), |(low, high)| format!("{low:.3} to {high:.3}"));
            let _ = writeln!(
                text,
                "| {} | {} | {:.4} | {:+.1} % | {others} |",
                row.name,
                row.reported,
                row.model,
                100.0 * row.error()
            );
        }
        let others: Vec<String> =
            self.alternatives.iter().map(|(actor, count)| format!("{actor} {count}")).collect();
        let _ = writeln!(
            text,
            "\n{} sets were tried; other sets that give every isolated figure within {} %: {}. A match identifies no cause.\n",
            self.searched,
            100.0 * FITS,
            others.join(", ")
        );
        for cause in &self.causes {
            let _ = writeln!(text, "- {cause}");
        }
        text
    }

    /// For programs.
    pub(super) fn to_json(&self) -> Value {
        if let Some(problem) = &self.problem {
            return json!({ "level": "model", "problem": problem });
        }
        let rows = |rows: &[Row]| -> Vec<Value> {
            rows.iter()
                .map(|row| {
                    let mut value = json!({
                        "figure": row.name,
                        "reported": row.reported,
                        "model": rounded(row.model),
                        "error_percent": rounded(100.0 * row.error()),
                    });
                    if let (Some((low, high)), Value::Object(fields)) = (row.others, &mut value) {
                        fields.insert("other_sets".to_owned(), json!([rounded(low), rounded(high)]));
                    }
                    value
                })
                .collect()
        };
        json!({
            "level": "model",
            "parameters": self.parameters.iter().map(|(name, value, low, high)| json!({
                "parameter": name, "fitted": rounded(*value), "searched": [low, high],
            })).collect::<Vec<_>>(),
            "isolated": rows(&self.fitted),
            "baseline": rows(&self.predicted),
            "sets_tried": self.searched,
            "other_sets_that_fit": self.alternatives.iter().map(|(actor, count)| json!({ "component": actor, "sets": count })).collect::<Vec<_>>(),
            "gap_causes": self.causes,
        })
    }
}
