//! The gap between two arms split over its causes, by a full factorial of what can be taken away.
//!
//! `v(S)` is the gap when only the mechanisms of `S` exist: with neighbours minus without, all under the same random
//! numbers. A mechanism's share is its Shapley value in `v`, so the shares and `v(∅)` sum to the gap. `v(∅)` is what
//! neighbours cost without any mechanism in between: by occupying actors that the one in focus waits for, or, when it
//! waits for none of them, what the factorial cannot explain.

use super::ablation::{Mechanism, neighbours, reaches_neighbour};
use super::metric::{Carries, Metric, Observation, doubts_of_runs};
use super::stats::{
    Estimate, leave_one_out, mean_interval, only_one, pair_interactions, ratio_of_means, shapley,
    simultaneous,
};
use super::trial::{Arm, ListedArm, RunList, Runner, StudyError, Watch, rounds_within, run_rounds};
use crate::engine::Progress;
use crate::explain::Waterfall;
use crate::measure::record::{Breakdown, Warning};
use crate::scenario::{EngineKind, LoadArm, Scenario, Treatment};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A gap below this share of the smaller arm is none: histograms hold three digits.
const NO_GAP: f64 = 0.002;

/// What the baseline is set against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Against {
    /// The isolated arm: no neighbour has load of its own.
    #[default]
    Isolated,
    /// The same load with every mechanism free.
    Ideal,
}

impl Against {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Isolated, Self::Ideal];

    /// The word for it on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Isolated => "isolated",
            Self::Ideal => "ideal",
        }
    }
}

/// How to explain.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplainOptions {
    /// What the baseline is set against.
    pub against: Against,
    /// What is split.
    pub metrics: Vec<Metric>,
    /// Confidence of the intervals.
    pub level: f64,
    /// Rounds made at least.
    pub least_rounds: u32,
    /// Rounds made at most.
    pub most_rounds: u32,
    /// Half-width of the largest share at which no more rounds are made.
    pub precision: f64,
    /// Seed of the first round.
    pub seed: u64,
}

impl Default for ExplainOptions {
    fn default() -> Self {
        Self {
            against: Against::Isolated,
            metrics: vec![Metric::Mean, Metric::P99, Metric::Throughput],
            level: 0.95,
            least_rounds: 6,
            most_rounds: 16,
            precision: 0.05,
            seed: 0,
        }
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    /// Name of the scenario.
    pub scenario: String,
    /// Its question.
    pub question: String,
    /// Actor in focus.
    pub focus: String,
    /// `real` or `virtual`.
    pub engine: String,
    /// Seed of the first round.
    pub seed: u64,
    /// Rounds made; each runs the whole factorial.
    pub rounds: u32,
    /// Runs in a round.
    pub runs_per_round: usize,
    /// Fewest tasks of a run.
    pub tasks: u64,
    /// Confidence of the intervals.
    pub level: f64,
    /// What the baseline is set against.
    pub against: Against,
    /// Actors whose load makes the difference between the arms.
    pub neighbours: Vec<String>,
    /// What was taken away, and how.
    pub mechanisms: Vec<Ablated>,
    /// Mechanisms that are present and could not be taken away here.
    pub kept: Vec<String>,
    /// The split of each metric.
    pub splits: Vec<Split>,
    /// States of the mean task in both arms.
    pub waterfall_mean: Waterfall,
    /// States of the tasks at the p99 in both arms.
    pub waterfall_p99: Waterfall,
    /// Doubts.
    pub warnings: Vec<Warning>,
}

/// A mechanism and its ablation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ablated {
    /// Which.
    pub mechanism: Mechanism,
    /// What was done to take it away.
    pub by: String,
}

/// One metric's gap and its parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Split {
    /// Which metric.
    pub metric: Metric,
    /// Its value in the baseline arm.
    pub baseline: Estimate,
    /// Its value in the other arm.
    pub other: Estimate,
    /// Baseline − other.
    pub gap: Estimate,
    /// Whether a gap is shown; without one nothing is shared out.
    pub shown: bool,
    /// Whether the sample barely carries the metric.
    pub barely: bool,
    /// The parts, in the order of the mechanisms, then the rest.
    pub parts: Vec<Part>,
    /// Pairs that make more or less together than apart, the strongest first.
    pub interactions: Vec<PairEffect>,
}

/// A part of a gap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// The mechanism; absent for the rest.
    pub mechanism: Option<Mechanism>,
    /// The words for it.
    pub cause: String,
    /// Its Shapley value, in the metric's unit.
    pub effect: Estimate,
    /// The same over the gap; absent when no gap is shown.
    pub share: Option<Estimate>,
    /// How much smaller the gap becomes when this alone is taken away.
    pub leave_one_out: Estimate,
    /// The gap that this alone makes.
    pub only_one: Estimate,
}

/// Two mechanisms' interaction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PairEffect {
    /// One.
    pub first: Mechanism,
    /// The other.
    pub second: Mechanism,
    /// What they make together beyond what they make apart.
    pub effect: Estimate,
}

impl Split {
    /// The mechanisms' parts, the largest first.
    #[must_use]
    pub fn ranked(&self) -> Vec<&Part> {
        let worse = if self.metric.more_is_better() { -1.0 } else { 1.0 };
        let mut parts: Vec<&Part> = self.parts.iter().collect();
        parts.sort_by(|a, b| (worse * b.effect.value).total_cmp(&(worse * a.effect.value)));
        parts
    }

    /// The part of `mechanism`.
    #[must_use]
    pub fn part(&self, mechanism: Mechanism) -> Option<&Part> {
        self.parts.iter().find(|part| part.mechanism == Some(mechanism))
    }
}

impl Explanation {
    /// The split of `metric`.
    #[must_use]
    pub fn split(&self, metric: Metric) -> Option<&Split> {
        self.splits.iter().find(|split| split.metric == metric)
    }
}

/// The cells of a factorial: scenarios by set of mechanisms, in both arms.
struct Factorial {
    mechanisms: Vec<Mechanism>,
    kept: Vec<Mechanism>,
    /// `cells[set]` is the baseline, `cells[sets + set]` the isolated arm, if there is one.
    cells: Vec<(Scenario, LoadArm)>,
}

impl Factorial {
    /// # Errors
    ///
    /// [`StudyError::Refused`] when the arms do not differ.
    fn of(scenario: &Scenario, engine: EngineKind, against: Against) -> Result<Self, StudyError> {
        if against == Against::Isolated && neighbours(scenario).is_empty() {
            return Err(StudyError::Refused(format!(
                "explain `{}`: its isolated arm takes no load away, so there is no gap; let [isolated] load name fewer \
                 actors, or use --against ideal",
                scenario.name
            )));
        }
        let present = Mechanism::ALL.into_iter().filter(|mechanism| mechanism.present(scenario));
        let (mechanisms, kept): (Vec<_>, Vec<_>) =
            present.partition(|mechanism| mechanism.without(scenario, engine).is_some());
        let mut cells = Vec::new();
        let loads: &[LoadArm] =
            if against == Against::Isolated { &LoadArm::ALL } else { &[LoadArm::Baseline] };
        for &load in loads {
            for set in 0..1_usize << mechanisms.len() {
                let mut cell = scenario.clone();
                for (bit, mechanism) in mechanisms.iter().enumerate() {
                    if set & (1 << bit) == 0 {
                        cell = mechanism.without(&cell, engine).unwrap_or(cell);
                    }
                }
                cells.push((cell.treated(&Treatment { load, ..Treatment::default() }), load));
            }
        }
        Ok(Self { mechanisms, kept, cells })
    }

    /// The arms, told by what is left of the mechanisms, and the load.
    fn listed(self) -> Vec<ListedArm> {
        let (sets, mechanisms) = (self.sets(), self.mechanisms);
        let left = |set: usize| {
            let there = mechanisms.iter().enumerate().filter(|(bit, _)| set & (1 << bit) != 0);
            let names: Vec<&str> = there.map(|(_, mechanism)| mechanism.name()).collect();
            if names.is_empty() { "none".to_owned() } else { names.join(" + ") }
        };
        let arm = |(index, (scenario, load)): (usize, (Scenario, LoadArm))| ListedArm {
            levels: vec![("load".into(), load.name().into()), ("mechanisms".into(), left(index % sets))],
            scenario,
            load,
        };
        self.cells.into_iter().enumerate().map(arm).collect()
    }

    const fn sets(&self) -> usize {
        1 << self.mechanisms.len()
    }

    /// Index of the cell that the baseline is set against.
    const fn other(&self) -> usize {
        if self.cells.len() > self.sets() { self.cells.len() - 1 } else { 0 }
    }

    /// `values[round][set]`: the gap in `metric` when only the mechanisms of `set` exist.
    fn gaps(&self, observations: &[Vec<Observation>], metric: Metric) -> Option<Vec<Vec<f64>>> {
        let rounds = observations.iter().map(Vec::len).min().unwrap_or(0);
        let two_arms = self.cells.len() > self.sets();
        (0..rounds)
            .map(|round| {
                (0..self.sets())
                    .map(|set| {
                        let baseline = observations[set][round].get(metric)?;
                        let isolated =
                            if two_arms { observations[self.sets() + set][round].get(metric)? } else { 0.0 };
                        Some(baseline - isolated)
                    })
                    .collect()
            })
            .collect()
    }
}

impl ExplainOptions {
    fn rounds(&self) -> (u32, u32) {
        rounds_within(self.least_rounds, self.most_rounds)
    }
}

/// The runs that [`explain`] may make of `scenario`.
///
/// # Errors
///
/// [`StudyError::Refused`] when the arms do not differ.
pub fn explained_runs(
    scenario: &Scenario,
    engine: EngineKind,
    options: &ExplainOptions,
) -> Result<RunList, StudyError> {
    let arms = Factorial::of(scenario, engine, options.against)?.listed();
    let (_, rounds) = options.rounds();
    Ok(RunList { arms, seed: options.seed, rounds, events: None, fit: None })
}

/// Splits the gap of `scenario` on `engine`.
///
/// # Errors
///
/// [`StudyError::Refused`] when the arms do not differ; otherwise as [`run_rounds`].
pub fn explain(
    scenario: &Scenario,
    engine: &dyn Runner,
    options: &ExplainOptions,
    progress: &Progress,
    watch: Watch<'_>,
) -> Result<Explanation, StudyError> {
    let kind = engine.kind();
    let factorial = Factorial::of(scenario, kind, options.against)?;
    let arms: Vec<Arm<'_>> =
        factorial.cells.iter().map(|(scenario, load)| Arm { engine, scenario, load: *load }).collect();
    let (least, most) = options.rounds();
    let done = AtomicUsize::new(0);
    let step = || watch(done.fetch_add(1, Ordering::Relaxed) + 1, most as usize * arms.len());
    let mut observations: Vec<Vec<Observation>> = vec![Vec::new(); arms.len()];
    let mut rounds = 0;
    loop {
        let upto = if rounds == 0 { least } else { (rounds + 2).min(most) };
        match run_rounds(&arms, rounds..upto, options.seed, progress, &step) {
            Ok(found) => observations.iter_mut().zip(found).for_each(|(all, new)| all.extend(new)),
            Err(StudyError::Interrupted { complete }) => {
                observations.iter_mut().zip(complete).for_each(|(all, new)| all.extend(new));
                if observations[0].len() < 2 {
                    return Err(StudyError::Interrupted { complete: observations });
                }
                break;
            }
            Err(error) => return Err(error),
        }
        rounds = upto;
        let splits = splits(scenario, &factorial, &observations, options);
        if rounds >= most || splits.iter().all(|split| precise(split, options.precision)) {
            break;
        }
    }
    Ok(put_together(scenario, engine.engine(), kind, &factorial, &observations, options))
}

/// Whether the largest part of a gap is known closely enough.
fn precise(split: &Split, precision: f64) -> bool {
    let largest = split.ranked().first().and_then(|part| part.share);
    largest.is_none_or(|share| share.half_width <= precision)
}

fn splits(
    scenario: &Scenario,
    factorial: &Factorial,
    observations: &[Vec<Observation>],
    options: &ExplainOptions,
) -> Vec<Split> {
    let of = |&metric| split(metric, scenario, factorial, observations, options);
    options.metrics.iter().filter_map(of).collect()
}

/// The split of one metric; `None` when a run cannot carry it.
fn split(
    metric: Metric,
    scenario: &Scenario,
    factorial: &Factorial,
    observations: &[Vec<Observation>],
    options: &ExplainOptions,
) -> Option<Split> {
    let level = options.level;
    let of_arm = |cell: usize| {
        let values: Option<Vec<f64>> = observations[cell].iter().map(|run| run.get(metric)).collect();
        values.map(|values| mean_interval(&values, level))
    };
    let all = factorial.sets() - 1;
    let (baseline, other) = (of_arm(all)?, of_arm(factorial.other())?);
    let values = factorial.gaps(observations, metric)?;
    let per_round = |of: &dyn Fn(&[f64]) -> f64| values.iter().map(|set| of(set)).collect::<Vec<f64>>();
    let origin = |set: &[f64]| if options.against == Against::Ideal { set[0] } else { 0.0 };
    let gaps = per_round(&|set| set[all] - origin(set));
    let gap = mean_interval(&gaps, level);
    let together = mean_interval(&gaps, simultaneous(level, options.metrics.len()));
    let shown = together.excludes(0.0) && gap.value.abs() > NO_GAP * baseline.value.min(other.value);
    let share = |effects: &[f64]| shown.then(|| ratio_of_means(effects, &gaps, level));
    let estimate = |effects: &[f64]| mean_interval(effects, level);
    let mut parts: Vec<Part> = Vec::new();
    for (index, &mechanism) in factorial.mechanisms.iter().enumerate() {
        let effects = per_round(&|set| shapley(set)[index]);
        parts.push(Part {
            mechanism: Some(mechanism),
            cause: mechanism.name_in(scenario),
            effect: estimate(&effects),
            share: share(&effects),
            leave_one_out: estimate(&per_round(&|set| leave_one_out(set)[index])),
            only_one: estimate(&per_round(&|set| only_one(set)[index])),
        });
    }
    if options.against == Against::Isolated {
        let rest = per_round(&|set| set[0]);
        let direct = reaches_neighbour(scenario);
        parts.push(Part {
            mechanism: None,
            cause: if direct { "neighbours, directly" } else { "unexplained" }.to_owned(),
            effect: estimate(&rest),
            share: share(&rest),
            leave_one_out: gap,
            only_one: estimate(&rest),
        });
    }
    let fewest = observations.iter().flatten().map(|run| run.tasks).min().unwrap_or(0);
    let barely = metric.carried_by(fewest) == Carries::Barely;
    let interactions = interactions(&values, &factorial.mechanisms, level);
    Some(Split { metric, baseline, other, gap, shown, barely, parts, interactions })
}

/// The pairs whose interaction is shown, the strongest first.
fn interactions(values: &[Vec<f64>], mechanisms: &[Mechanism], level: f64) -> Vec<PairEffect> {
    let by_round: Vec<_> = values.iter().map(|set| pair_interactions(set)).collect();
    let pairs = by_round.first().map_or(0, Vec::len);
    let mut found: Vec<PairEffect> = (0..pairs)
        .map(|pair| {
            let effects: Vec<f64> = by_round.iter().map(|round| round[pair].effect).collect();
            let of = by_round[0][pair];
            let level = simultaneous(level, pairs);
            PairEffect {
                first: mechanisms[of.first],
                second: mechanisms[of.second],
                effect: mean_interval(&effects, level),
            }
        })
        .filter(|pair| pair.effect.excludes(0.0))
        .collect();
    found.sort_by(|a, b| b.effect.value.abs().total_cmp(&a.effect.value.abs()));
    found.truncate(3);
    found
}

fn put_together(
    scenario: &Scenario,
    engine: &str,
    kind: EngineKind,
    factorial: &Factorial,
    observations: &[Vec<Observation>],
    options: &ExplainOptions,
) -> Explanation {
    let breakdowns = |cell: usize, of: fn(&Observation) -> Breakdown| -> Vec<Breakdown> {
        observations[cell].iter().map(of).collect()
    };
    let all = factorial.sets() - 1;
    let waterfall = |of| Waterfall::between(&breakdowns(all, of), &breakdowns(factorial.other(), of));
    let by = |&mechanism: &Mechanism| Ablated { mechanism, by: mechanism.ablation(kind).to_owned() };
    let splits = splits(scenario, factorial, observations, options);
    Explanation {
        scenario: scenario.name.clone(),
        question: scenario.question.clone(),
        focus: scenario.actors[scenario.focus].name.clone(),
        engine: engine.to_owned(),
        seed: options.seed,
        rounds: u32::try_from(observations[0].len()).unwrap_or(u32::MAX),
        runs_per_round: observations.len(),
        tasks: observations.iter().flatten().map(|run| run.tasks).min().unwrap_or(0),
        level: options.level,
        against: options.against,
        neighbours: neighbours(scenario).into_iter().map(str::to_owned).collect(),
        mechanisms: factorial.mechanisms.iter().map(by).collect(),
        kept: factorial.kept.iter().map(|mechanism| mechanism.name_in(scenario)).collect(),
        warnings: doubts(&splits, observations, options),
        splits,
        waterfall_mean: waterfall(|run| run.breakdown_mean),
        waterfall_p99: waterfall(|run| run.breakdown_p99),
    }
}

fn doubts(splits: &[Split], observations: &[Vec<Observation>], options: &ExplainOptions) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |code: &str, message: String, remedy: &str| {
        warnings.push(Warning { code: code.into(), message, remedy: remedy.into() });
    };
    let runs = || observations.iter().flatten();
    let fewest = runs().map(|run| run.tasks).min().unwrap_or(0);
    let largest = runs().map(|run| run.tasks).max().unwrap_or(0);
    for &metric in &options.metrics {
        if !splits.iter().any(|split| split.metric == metric) {
            warn(
                "sample-too-small",
                format!("{} is not split: some run has only {fewest} tasks", metric.name()),
                "raise --tasks, or --duration if it ends runs early",
            );
        }
    }
    if largest > fewest + fewest / 50 {
        warn(
            "unequal-tasks",
            format!(
                "runs completed {fewest} to {largest} tasks, so their percentiles rest on unequal samples"
            ),
            "set --tasks, and raise --duration so that it never ends a run",
        );
    }
    if let Some(broken) = runs().find_map(|run| run.broken.first()) {
        warn("identity-broken", broken.clone(), "treat the split as wrong until the identity holds");
    }
    for split in splits.iter().filter(|split| split.shown && !precise(split, options.precision)) {
        warn(
            "not-precise",
            format!(
                "the largest share of the {} gap is known less closely than ±{:.0} points",
                split.metric.name(),
                options.precision * 100.0
            ),
            "raise --replicates or --tasks",
        );
    }
    warnings.extend(doubts_of_runs(runs()));
    warnings
}
