//! What the figures become if one cost changes: curves, ceilings, and where the bottleneck goes.
//!
//! Every knob is tried at half its cost and at none, under the random numbers of the scenario as it is; the knobs that
//! move the first metric most get a whole curve, up to twice their cost. The dear half of a curve is there because a
//! slow-down can be tried on a real system: a step whose delay moves nothing is not worth speeding up.

use super::knob::Knob;
use super::metric::{Metric, Observation, doubts_of_runs};
use super::stats::{Estimate, mean, mean_interval, relative_difference};
use super::trial::{Arm, ListedArm, RunList, Runner, StudyError, Watch, run_rounds};
use crate::engine::{Experiment, Progress};
use crate::measure::record::Warning;
use crate::scenario::{EngineKind, Load, LoadArm, MissCost, Scenario, StepSpec};
use crate::units::Nanos;
use crate::workload::Draw;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Factors at which every knob is tried.
const SCREEN: [f64; 2] = [0.0, 0.5];
/// Further factors for the knobs that matter most.
const CURVE: [f64; 5] = [0.25, 0.75, 1.25, 1.5, 2.0];
/// Share of a task's time that must be left where clients do not think.
const LEAST_LEFT: f64 = 0.01;
/// Calls within calls that count for how long a task takes.
const DEPTH: u32 = 64;
/// Nanoseconds of an access to a store, to tell it from nothing.
const STORE_TIME: f64 = 1e5;
/// Most events that all arms of a study in virtual time may have together: about a minute of one processor.
const MOST_EVENTS: u64 = 150_000_000;
/// Fewest rounds that a study is cut down to.
const FEWEST_ROUNDS: u32 = 3;
/// From this utilisation on a lock or the processors are the bottleneck before a pool of workers is.
const SCARCE: f64 = 0.75;

/// How to try.
#[derive(Clone, Debug, PartialEq)]
pub struct WhatIfOptions {
    /// What is looked at; the first decides which knobs get a whole curve.
    pub metrics: Vec<Metric>,
    /// Knobs to turn; empty: all of them.
    pub knobs: Vec<Knob>,
    /// How many get a whole curve.
    pub curves: usize,
    /// Confidence of the intervals.
    pub level: f64,
    /// Rounds.
    pub rounds: u32,
    /// Seed of the first round.
    pub seed: u64,
}

impl Default for WhatIfOptions {
    fn default() -> Self {
        Self {
            metrics: vec![Metric::P99, Metric::Mean, Metric::Throughput],
            knobs: Vec::new(),
            curves: 3,
            level: 0.95,
            rounds: 6,
            seed: 0,
        }
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WhatIf {
    /// Name of the scenario.
    pub scenario: String,
    /// Actor in focus.
    pub focus: String,
    /// `real` or `virtual`.
    pub engine: String,
    /// Seed of the first round.
    pub seed: u64,
    /// Rounds made.
    pub rounds: u32,
    /// Fewest tasks of a run.
    pub tasks: u64,
    /// Confidence of the intervals.
    pub level: f64,
    /// The figures as they are.
    pub now: Vec<Value>,
    /// What limits throughput now.
    pub bottleneck: Option<String>,
    /// What was left out because it would have taken too long, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_short: Option<String>,
    /// The knobs, the one that moves the first metric most first.
    pub knobs: Vec<Curve>,
    /// What is doubtful: a busy host, starvation, tasks that were unfinished.
    pub warnings: Vec<Warning>,
}

/// A figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Value {
    /// Which.
    pub metric: Metric,
    /// Its value.
    pub value: Estimate,
}

/// What turning one knob does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Curve {
    /// Name of the knob.
    pub knob: String,
    /// Its points, by factor.
    pub points: Vec<Point>,
}

/// A factor and its effects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// What the cost is multiplied by: 0 is 100 % cheaper.
    pub factor: f64,
    /// Effect on each metric, in the order asked for.
    pub effects: Vec<Effect>,
    /// What limits throughput then.
    pub bottleneck: Option<String>,
}

/// Effect on one metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Effect {
    /// Which metric.
    pub metric: Metric,
    /// Its value then.
    pub value: Estimate,
    /// Share more (or less) than now.
    pub relative: Estimate,
}

impl Curve {
    /// The point at `factor`.
    #[must_use]
    pub fn at(&self, factor: f64) -> Option<&Point> {
        self.points.iter().find(|point| (point.factor - factor).abs() < 1e-9)
    }

    /// The effect on `metric` of making it free: more than that it cannot bring.
    #[must_use]
    pub fn ceiling(&self, metric: Metric) -> Option<&Effect> {
        self.at(0.0)?.effects.iter().find(|effect| effect.metric == metric)
    }
}

/// Turns the knobs of `scenario` on `engine`.
///
/// # Errors
///
/// As [`run_rounds`].
pub fn whatif(
    scenario: &Scenario,
    load: LoadArm,
    engine: &dyn Runner,
    options: &WhatIfOptions,
    progress: &Progress,
    watch: Watch<'_>,
) -> Result<WhatIf, StudyError> {
    let Turned { knobs, screens, plan, .. } = Turned::of(scenario, load, engine, options, progress)?;
    let cut_short = plan.cut_short();
    let (scenario, rounds, curves) = (&plan.scenario, plan.rounds, plan.curves);
    let total = usize::try_from(plan.runs()).unwrap_or(usize::MAX);
    let done = AtomicUsize::new(0);
    let step = || watch(done.fetch_add(1, Ordering::Relaxed) + 1, total);
    let run = |scenarios: &[Scenario]| {
        let arms: Vec<Arm<'_>> = scenarios.iter().map(|scenario| Arm { engine, scenario, load }).collect();
        run_rounds(&arms, 0..rounds, options.seed, progress, &step)
    };
    let mut scenarios = vec![scenario.clone()];
    for (knob, factors) in knobs.iter().zip(&screens) {
        scenarios.extend(factors.iter().map(|factor| knob.scaled(scenario, *factor)));
    }
    // Interrupted, the answer rests on the rounds that are complete, and there are no curves.
    let (mut found, interrupted) = match run(&scenarios) {
        Ok(found) => (found, false),
        Err(StudyError::Interrupted { complete }) if complete[0].len() >= 2 => (complete, true),
        Err(error) => return Err(error),
    };
    let now = found.remove(0);
    let mut found = found.as_slice();
    let mut turned: Vec<(Knob, Vec<Point>)> = Vec::with_capacity(knobs.len());
    for (knob, factors) in knobs.iter().zip(&screens) {
        let (runs, rest) = found.split_at(factors.len());
        turned.push((*knob, points(factors, runs, &now, options)));
        found = rest;
    }
    turned.sort_by(|a, b| reach(&b.1).total_cmp(&reach(&a.1)));
    let wanted: Vec<Scenario> = turned
        .iter()
        .take(curves)
        .flat_map(|(knob, _)| CURVE.map(|factor| knob.scaled(scenario, factor)))
        .collect();
    let curves = if wanted.is_empty() || interrupted { Ok(Vec::new()) } else { run(&wanted) };
    let found = match curves {
        Ok(found) => found,
        Err(StudyError::Interrupted { .. }) => Vec::new(),
        Err(error) => return Err(error),
    };
    for ((_, so_far), runs) in turned.iter_mut().zip(found.chunks(CURVE.len())) {
        so_far.extend(points(&CURVE, runs, &now, options));
        so_far.sort_by(|a, b| a.factor.total_cmp(&b.factor));
    }
    let named = |(knob, points): (Knob, Vec<Point>)| Curve { knob: knob.name(scenario), points };
    Ok(WhatIf {
        scenario: scenario.name.clone(),
        focus: scenario.actors[scenario.focus].name.clone(),
        engine: engine.engine().to_owned(),
        seed: options.seed,
        rounds: u32::try_from(now.len()).unwrap_or(rounds),
        tasks: now.iter().map(|run| run.tasks).min().unwrap_or(0),
        level: options.level,
        now: values(&now, options),
        bottleneck: bottleneck(&now),
        cut_short,
        knobs: turned.into_iter().map(named).collect(),
        warnings: doubts_of_runs(now.iter()),
    })
}

/// The runs that [`whatif`] may make of `scenario`. A curve is listed for every knob, since the screening decides whose is
/// drawn; where there are as many curves as knobs, all are.
///
/// # Errors
///
/// [`StudyError`] when the scenario as it is cannot be run, which says how much there may be.
pub fn turned_runs(
    scenario: &Scenario,
    load: LoadArm,
    engine: &dyn Runner,
    options: &WhatIfOptions,
    progress: &Progress,
) -> Result<RunList, StudyError> {
    let Turned { knobs, screens, plan, events } = Turned::of(scenario, load, engine, options, progress)?;
    let arm = |name: &str, factor: f64, scenario: Scenario| ListedArm {
        levels: vec![("cost".into(), name.into()), ("factor".into(), factor.to_string())],
        scenario,
        load,
    };
    let mut arms = vec![arm("as it is", 1.0, plan.scenario.clone())];
    let curve: &[f64] = if plan.curves > 0 { &CURVE } else { &[] };
    for (knob, screen) in knobs.iter().zip(&screens) {
        let name = knob.name(&plan.scenario);
        let factors = screen.iter().chain(curve);
        arms.extend(factors.map(|factor| arm(&name, *factor, knob.scaled(&plan.scenario, *factor))));
    }
    Ok(RunList { arms, seed: options.seed, rounds: plan.rounds, events, fit: None })
}

/// What is turned, and how far.
struct Turned {
    knobs: Vec<Knob>,
    /// Factors at which each is screened.
    screens: Vec<Vec<f64>>,
    plan: Plan,
    /// Events of a run of the scenario as it is, in virtual time.
    events: Option<u64>,
}

impl Turned {
    fn of(
        scenario: &Scenario,
        load: LoadArm,
        engine: &dyn Runner,
        options: &WhatIfOptions,
        progress: &Progress,
    ) -> Result<Self, StudyError> {
        let kind = engine.kind();
        let knobs = if options.knobs.is_empty() { Knob::all(scenario, kind) } else { options.knobs.clone() };
        let screens: Vec<Vec<f64>> = knobs.iter().map(|knob| screen(knob, scenario)).collect();
        let mut plan = Plan {
            scenario: scenario.clone(),
            rounds: options.rounds.max(2),
            curves: options.curves.min(knobs.len()),
            screened: screens.iter().map(Vec::len).sum(),
            cut: Vec::new(),
        };
        let mut events = None;
        if kind == EngineKind::Virtual {
            let mut experiment = Experiment::new(scenario.clone(), load);
            experiment.seed = options.seed;
            let of_a_run = engine.events(&experiment, progress)?;
            plan.keep_within(of_a_run);
            events = Some(of_a_run);
        }
        Ok(Self { knobs, screens, plan, events })
    }
}

/// The figures of runs.
fn values(runs: &[Observation], options: &WhatIfOptions) -> Vec<Value> {
    let value = |&metric: &Metric| {
        Some(Value { metric, value: mean_interval(&series(runs, metric)?, options.level) })
    };
    options.metrics.iter().filter_map(value).collect()
}

/// What a study in virtual time is to run.
struct Plan {
    scenario: Scenario,
    rounds: u32,
    curves: usize,
    /// Points at which knobs are screened.
    screened: usize,
    /// What was taken back.
    cut: Vec<String>,
}

impl Plan {
    const fn runs(&self) -> u64 {
        (1 + self.screened + self.curves * CURVE.len()) as u64 * self.rounds as u64
    }

    /// Takes something back until all runs together stay within the bound, or nothing more can be taken: a warm-up that is longer than
    /// what is measured, then rounds, then curves.
    fn keep_within(&mut self, mut events_of_a_run: u64) {
        let within = |plan: &Self, events: u64| plan.runs().saturating_mul(events) <= MOST_EVENTS;
        if within(self, events_of_a_run) {
            return;
        }
        let run = &mut self.scenario.run;
        if let Some(duration) = run.duration.filter(|duration| *duration < run.warmup) {
            let (all, left) = ((run.warmup + duration).0, 2 * duration.0);
            let shorter = u128::from(events_of_a_run) * u128::from(left) / u128::from(all.max(1));
            events_of_a_run = u64::try_from(shorter).unwrap_or(events_of_a_run);
            run.warmup = duration;
            self.cut.push(format!("a warm-up of {duration}"));
        }
        let rounds = self.rounds;
        while !within(self, events_of_a_run) && self.rounds > FEWEST_ROUNDS {
            self.rounds -= 1;
        }
        if self.rounds < rounds {
            self.cut.push(format!("{} instead of {rounds} rounds", self.rounds));
        }
        let curves = self.curves;
        while !within(self, events_of_a_run) && self.curves > 0 {
            self.curves -= 1;
        }
        if self.curves < curves {
            self.cut.push(format!("{} instead of {curves} curves", self.curves));
        }
    }

    fn cut_short(&self) -> Option<String> {
        (!self.cut.is_empty()).then(|| {
            format!(
                "A run of this scenario is dear to simulate, so the study was cut down: {}. Name the costs (--cost) to have all of it.",
                self.cut.join(", ")
            )
        })
    }
}

/// The factors at which a knob is screened: nothing, unless that takes nearly all of its time from the task of a client that does
/// not think. Such clients would do tasks without end in no time, which no system does and no run survives.
fn screen(knob: &Knob, scenario: &Scenario) -> Vec<f64> {
    let (before, free) = (task_times(scenario), task_times(&knob.scaled(scenario, 0.0)));
    let goes_on = |actor: usize| match &scenario.actors[actor].load {
        // Nothing of a task may be known here where all of it is the cost of a cache's lines.
        Load::Closed { think, .. } if think.mean == Nanos::ZERO => {
            free[actor] > 0.0 && free[actor] >= LEAST_LEFT * before[actor]
        }
        _ => true,
    };
    let may_be_free = (0..scenario.actors.len()).all(goes_on);
    SCREEN.into_iter().filter(|factor| *factor > 0.0 || may_be_free).collect()
}

/// Nanoseconds that a task of each actor takes on an idle host, those of the actors that it calls included, as far as calls go
/// [`DEPTH`] deep.
fn task_times(scenario: &Scenario) -> Vec<f64> {
    let fits: Vec<bool> = scenario
        .caches
        .iter()
        .map(|cache| cache.ttl.is_none() && cache.keys.count <= cache.capacity as u64)
        .collect();
    let mut times = vec![0.0; scenario.actors.len()];
    for _ in 0..DEPTH {
        let next = scenario.actors.iter().map(|actor| {
            let called = |step: &StepSpec| step.call.map_or(0.0, |called| times[called]);
            actor.steps.iter().map(|step| step_time(step, called(step), &fits)).sum()
        });
        let next: Vec<f64> = next.collect();
        if std::mem::replace(&mut times, next) == times {
            break;
        }
    }
    times
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn step_time(step: &StepSpec, called: f64, fits: &[bool]) -> f64 {
    let of = |draw: &Draw| draw.expected().0 as f64;
    let optional = |draw: &Option<Draw>| draw.as_ref().map_or(0.0, of);
    let memory = (step.touch.unwrap_or(0) + 10 * step.compress.unwrap_or(0)) as f64 / 10.0;
    let cache = step.cache.as_ref().map_or(0.0, |(cache, hit, miss)| {
        let missed = match miss {
            // All keys fit, so that none is missed for long.
            _ if fits[*cache] => 0.0,
            MissCost::Io(draw) | MissCost::Compute(draw) => of(draw),
            MissCost::Store(_) => STORE_TIME,
        };
        of(hit) + missed
    });
    let store = if step.store.is_some() { STORE_TIME } else { 0.0 };
    let once = optional(&step.compute) + optional(&step.io) + memory + cache + store + called;
    step.chance * f64::from(step.times) * once
}

fn series(runs: &[Observation], metric: Metric) -> Option<Vec<f64>> {
    runs.iter().map(|run| run.get(metric)).collect()
}

/// How far a knob moves the first metric at any factor tried.
fn reach(points: &[Point]) -> f64 {
    let moved = |point: &Point| point.effects.first().map_or(0.0, |effect| effect.relative.value.abs());
    points.iter().map(moved).fold(0.0, f64::max)
}

fn points(
    factors: &[f64],
    runs: &[Vec<Observation>],
    now: &[Observation],
    options: &WhatIfOptions,
) -> Vec<Point> {
    let point = |(&factor, runs): (&f64, &Vec<Observation>)| Point {
        factor,
        effects: options
            .metrics
            .iter()
            .filter_map(|&metric| effect(metric, runs, now, options.level))
            .collect(),
        bottleneck: bottleneck(runs),
    };
    factors.iter().zip(runs).map(point).collect()
}

fn effect(metric: Metric, runs: &[Observation], now: &[Observation], level: f64) -> Option<Effect> {
    let (then, before) = (series(runs, metric)?, series(now, metric)?);
    let relative = relative_difference(&then, &before, level)?;
    Some(Effect { metric, value: mean_interval(&then, level), relative })
}

/// What is busiest: a lock or the processors when one of them is scarce, else a pool of workers.
fn bottleneck(runs: &[Observation]) -> Option<String> {
    let first = runs.first()?;
    let averaged = first.utilisation.iter().enumerate().map(|(index, (name, _))| {
        let of = |run: &Observation| run.utilisation.get(index).map_or(0.0, |(_, share)| *share);
        (name.as_str(), mean(&runs.iter().map(of).collect::<Vec<f64>>()))
    });
    let (workers, shared): (Vec<_>, Vec<_>) = averaged.partition(|(name, _)| name.starts_with("workers"));
    let shared = busiest(shared).filter(|(_, share)| *share >= SCARCE);
    let (name, share) = shared.or_else(|| busiest(workers))?;
    Some(format!("{name} ({:.0} % taken)", share.min(1.0) * 100.0))
}

fn busiest(resources: Vec<(&str, f64)>) -> Option<(&str, f64)> {
    resources.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_step(think: &str, steps: &str) -> Scenario {
        let text = format!(
            "schema = 1\nname = \"one\"\n[actor.w]\nload = {{ clients = 2, think = \"{think}\" }}\nsteps = [{steps}]\n"
        );
        Scenario::parse(&text, "test").unwrap()
    }

    #[test]
    fn a_study_that_would_take_too_long_is_cut_down_and_says_so() {
        let mut scenario = one_step("0ms", "{ name = \"work\", io = \"50ms\" }");
        scenario.run.duration = Some(Nanos::from_millis(100));
        scenario.run.warmup = Nanos::from_millis(500);
        let plan =
            || Plan { scenario: scenario.clone(), rounds: 6, curves: 3, screened: 12, cut: Vec::new() };
        let mut cheap = plan();
        cheap.keep_within(100_000);
        assert_eq!((cheap.rounds, cheap.curves, cheap.cut_short()), (6, 3, None));
        let mut dear = plan();
        dear.keep_within(5_000_000);
        assert_eq!((dear.rounds, dear.scenario.run.warmup), (3, Nanos::from_millis(100)));
        assert!(dear.runs() * 5_000_000 / 3 <= MOST_EVENTS, "{} runs", dear.runs());
        let said = dear.cut_short().unwrap();
        assert!(said.contains("a warm-up of 100 ms, 3 instead of 6 rounds"), "{said}");
        let mut hopeless = plan();
        hopeless.keep_within(1 << 40);
        assert_eq!((hopeless.rounds, hopeless.curves), (3, 0));
    }

    #[test]
    fn a_loop_without_end_is_not_tried() {
        let only = "{ name = \"work\", io = \"50ms\" }";
        let knob = Knob::Step { actor: 0, step: 0 };
        assert_eq!(screen(&knob, &one_step("0ms", only)), [0.5]);
        // Clients that think, or have something else to do, go on in bounded time.
        assert_eq!(screen(&knob, &one_step("1ms", only)), SCREEN);
        let two = format!("{only}, {{ name = \"rest\", compute = \"1ms\" }}");
        assert_eq!(screen(&knob, &one_step("0ms", &two)), SCREEN);
        let little = format!("{only}, {{ name = \"rest\", compute = \"1us\" }}");
        assert_eq!(screen(&knob, &one_step("0ms", &little)), [0.5]);
    }
}
