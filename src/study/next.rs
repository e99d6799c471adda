//! The cheapest experiment on the user's own system that would tell the remaining hypotheses apart.
//!
//! Each hypothesis is a world in which its cause alone exists. Every experiment is run in both worlds; the cheapest
//! whose effects differ clearly is proposed, with both predictions, so that the outcome decides.

use super::ablation::{Mechanism, neighbours};
use super::explain::Explanation;
use super::knob::Knob;
use super::metric::Metric;
use super::stats::{Estimate, relative_difference};
use super::trial::{Arm, Runner, StudyError, run_rounds};
use crate::engine::Progress;
use crate::queue::QueueKind;
use crate::scenario::{EngineKind, Load, LoadArm, LockKind, Scenario};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Effects closer than this are not told apart on a real system.
const APART: f64 = 0.05;

/// A proposed experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NextExperiment {
    /// What to do.
    pub action: String,
    /// What it costs.
    pub cost: String,
    /// The figure to watch.
    pub metric: Metric,
    /// What to expect under each hypothesis.
    pub predictions: Vec<Prediction>,
}

/// What a hypothesis predicts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Prediction {
    /// The cause that the hypothesis names.
    pub cause: String,
    /// Share by which the figure changes.
    pub change: Estimate,
}

/// An experiment: what to do, what it costs, and the scenario after it.
struct Candidate {
    action: String,
    cost: &'static str,
    change: Box<dyn Fn(&Scenario) -> Scenario>,
}

/// Proposes the cheapest experiment that tells the two largest causes of `explanation` apart; `None` when no gap is
/// shown or nothing tells them apart.
///
/// # Errors
///
/// As [`run_rounds`].
pub fn next_experiment(
    scenario: &Scenario,
    explanation: &Explanation,
    engine: &dyn Runner,
    rounds: u32,
    progress: &Progress,
) -> Result<Option<NextExperiment>, StudyError> {
    let shown = |metric: Metric| explanation.split(metric).filter(|split| split.shown);
    let Some(split) = shown(Metric::P99).or_else(|| shown(Metric::Mean)) else { return Ok(None) };
    let metric = split.metric;
    let rivals: Vec<(String, Option<Mechanism>)> =
        split.ranked().into_iter().take(2).map(|part| (part.cause.clone(), part.mechanism)).collect();
    let [first, second] = rivals.as_slice() else { return Ok(None) };
    let worlds = [only(scenario, first.1), only(scenario, second.1)];
    let candidates = candidates(scenario);
    let mut scenarios: Vec<Scenario> = worlds.to_vec();
    for candidate in &candidates {
        scenarios.extend(worlds.iter().map(|world| (candidate.change)(world)));
    }
    let arms: Vec<Arm<'_>> =
        scenarios.iter().map(|scenario| Arm { engine, scenario, load: LoadArm::Baseline }).collect();
    let found = run_rounds(&arms, 0..rounds.max(2), explanation.seed, progress, &|| {})?;
    let series: Option<Vec<Vec<f64>>> =
        found.iter().map(|runs| runs.iter().map(|run| run.get(metric)).collect()).collect();
    let Some(series) = series else { return Ok(None) };
    for (index, candidate) in candidates.into_iter().enumerate() {
        let change = |world: usize| {
            relative_difference(&series[2 + 2 * index + world], &series[world], explanation.level)
        };
        let (Some(a), Some(b)) = (change(0), change(1)) else { continue };
        let apart = (a.value - b.value).abs();
        if apart > APART && apart > a.half_width + b.half_width {
            let predict = |cause: &str, change| Prediction { cause: cause.to_owned(), change };
            return Ok(Some(NextExperiment {
                action: candidate.action,
                cost: candidate.cost.to_owned(),
                metric,
                predictions: vec![predict(&first.0, a), predict(&second.0, b)],
            }));
        }
    }
    Ok(None)
}

/// The world in which `cause` alone exists (`None`: no mechanism at all).
fn only(scenario: &Scenario, cause: Option<Mechanism>) -> Scenario {
    let others = Mechanism::ALL.into_iter().filter(|mechanism| Some(*mechanism) != cause);
    others.fold(scenario.clone(), |world, mechanism| {
        mechanism.without(&world, EngineKind::Virtual).unwrap_or(world)
    })
}

/// Experiments that one can make on a real system, the cheapest first.
fn candidates(scenario: &Scenario) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (index, lock) in scenario.locks.iter().enumerate() {
        if let LockKind::Gil { interval, .. } = lock.kind {
            found.push(Candidate {
                action: format!(
                    "shorten the switch interval of `{}` from {interval} to {} (CPython: sys.setswitchinterval)",
                    lock.name,
                    interval.scaled(0.1)
                ),
                cost: "one line",
                change: Box::new(move |world| match world.locks[index].kind {
                    LockKind::Gil { .. } => Knob::Lock(index).scaled(world, 0.1),
                    _ => world.clone(),
                }),
            });
        }
    }
    for name in neighbours(scenario) {
        let Some(index) = scenario.actors.iter().position(|actor| actor.name == name) else { continue };
        found.push(Candidate {
            action: format!("run once without the load of `{name}`"),
            cost: "one run",
            change: Box::new(move |world| {
                let mut world = world.clone();
                world.actors[index].load = Load::None;
                world
            }),
        });
    }
    found.push(Candidate {
        action: "run once on twice as many processors".into(),
        cost: "one run on another host",
        change: Box::new(|world| {
            let mut world = world.clone();
            world.host.cores = world.host.cores.map(|cores| cores.saturating_mul(2));
            world
        }),
    });
    for (index, lock) in scenario.locks.iter().enumerate() {
        if !matches!(lock.kind, LockKind::Gil { .. }) {
            found.push(Candidate {
                action: format!(
                    "hold `{}` twice as long: a delay inside it, as a slow-down can always be tried",
                    lock.name
                ),
                cost: "one line",
                change: Box::new(move |world| match world.locks[index].kind {
                    LockKind::Absent => world.clone(),
                    _ => Knob::Lock(index).scaled(world, 2.0),
                }),
            });
        }
    }
    let focus = scenario.focus;
    if scenario.actors[focus].queue == QueueKind::Mutex {
        found.push(Candidate {
            action: "put a lock-free queue in place of the queue in focus".into(),
            cost: "days",
            change: Box::new(move |world| {
                let mut world = world.clone();
                world.actors[focus].queue = QueueKind::LockFree;
                world
            }),
        });
    }
    found
}
