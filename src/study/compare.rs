//! Several treatments against a reference: figures with intervals, differences, verdicts.
//!
//! The intervals of the differences hold all together (Bonferroni over metrics and treatments), so comparing a
//! treatment with itself, however many ways, finds a difference in at most 1 − level of the cases. Replicates are
//! added until every difference is known closely enough, a rule that looks at widths and never at signs.

use super::metric::{Carries, Metric, Observation, doubts_of_runs};
use super::stats::{
    Estimate, difference, mean_interval, relative_difference, simultaneous, unpaired_difference,
};
use super::trial::{Arm, ListedArm, RunList, StudyError, Watch, rounds_within, run_rounds};
use crate::engine::Progress;
use crate::measure::record::{TreatmentRecord, Warning};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Differences below this share are not told apart: histograms hold three digits.
const RESOLUTION: f64 = 0.001;

/// A treatment to compare.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    /// What tells it from the others.
    pub label: String,
    /// Its levels.
    pub levels: TreatmentRecord,
    /// What runs.
    pub arm: Arm<'a>,
}

/// How to compare.
#[derive(Clone, Debug, PartialEq)]
pub struct CompareOptions {
    /// What is compared, each with a verdict.
    pub metrics: Vec<Metric>,
    /// Index of the treatment that the others are set against.
    pub reference: usize,
    /// Confidence of the intervals.
    pub level: f64,
    /// Rounds made at least.
    pub least_rounds: u32,
    /// Rounds made at most.
    pub most_rounds: u32,
    /// Half-width of every difference's interval at which no more rounds are made, as a share.
    pub precision: f64,
    /// Seed of the first round.
    pub seed: u64,
}

impl Default for CompareOptions {
    fn default() -> Self {
        Self {
            metrics: vec![Metric::Mean, Metric::P50, Metric::P99, Metric::Throughput],
            reference: 0,
            level: 0.95,
            least_rounds: 6,
            most_rounds: 20,
            precision: 0.05,
            seed: 0,
        }
    }
}

/// What the figures say of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Better than the reference.
    Better,
    /// Worse than the reference.
    Worse,
    /// The whole interval lies within the precision asked for: as good as the same.
    Same,
    /// No difference shown, and none excluded.
    NotShown,
}

impl Verdict {
    /// The words for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Same => "same",
            Self::NotShown => "no difference shown",
        }
    }

    /// What a relative difference says, when `margin` is as good as none.
    #[must_use]
    pub fn of(metric: Metric, relative: &Estimate, margin: f64) -> Self {
        if relative.excludes(0.0) && relative.value.abs() >= RESOLUTION {
            if (relative.value > 0.0) == metric.more_is_better() { Self::Better } else { Self::Worse }
        } else if relative.low > -margin && relative.high < margin {
            Self::Same
        } else {
            Self::NotShown
        }
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// Name of the scenario.
    pub scenario: String,
    /// Its question.
    pub question: String,
    /// Seed of the first round; round `r` ran under `seed + r`.
    pub seed: u64,
    /// Rounds made.
    pub rounds: u32,
    /// Why no more were made.
    pub stopped: Stop,
    /// Confidence of the intervals.
    pub level: f64,
    /// Number of differences whose intervals hold together at that confidence.
    pub differences: usize,
    /// Half-width asked for, and the margin within which treatments count as the same.
    pub precision: f64,
    /// Label of the reference.
    pub reference: String,
    /// The treatments.
    pub treatments: Vec<Compared>,
    /// Doubts.
    pub warnings: Vec<Warning>,
}

/// Why no more rounds were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// Every difference is known closely enough.
    Precise,
    /// The limit of rounds was reached.
    Limit,
    /// The user ended it.
    Interrupted,
}

/// A treatment and its figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Compared {
    /// Its label.
    pub label: String,
    /// Its engine.
    pub engine: String,
    /// Its levels.
    pub levels: TreatmentRecord,
    /// Fewest tasks of a replicate.
    pub tasks: u64,
    /// Compared figures.
    pub figures: Vec<Figure>,
    /// Other figures: intervals without a verdict.
    pub others: Vec<Figure>,
    /// Throughput of each round, for scaling laws.
    pub throughputs: Vec<f64>,
}

/// One figure of one treatment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figure {
    /// Which.
    pub metric: Metric,
    /// The mean over the replicates; absent when the sample cannot carry it.
    pub value: Option<Estimate>,
    /// Whether the sample barely carries it (a p99 of fewer than 1000 tasks).
    pub barely: bool,
    /// Share more (or less) than the reference; absent for the reference itself.
    pub relative: Option<Estimate>,
    /// What that says.
    pub verdict: Option<Verdict>,
}

impl Compared {
    /// The figure of `metric`, compared or not.
    #[must_use]
    pub fn figure(&self, metric: Metric) -> Option<&Figure> {
        self.figures.iter().chain(&self.others).find(|figure| figure.metric == metric)
    }
}

impl CompareOptions {
    fn rounds(&self) -> (u32, u32) {
        rounds_within(self.least_rounds, self.most_rounds)
    }
}

/// The runs that [`compare`] may make of `candidates`.
#[must_use]
pub fn compared_runs(candidates: &[Candidate<'_>], options: &CompareOptions) -> RunList {
    let arm = |candidate: &Candidate<'_>| ListedArm {
        levels: vec![("treatment".into(), candidate.label.clone())],
        scenario: candidate.arm.scenario.clone(),
        load: candidate.arm.load,
    };
    let (_, rounds) = options.rounds();
    RunList {
        arms: candidates.iter().map(arm).collect(),
        seed: options.seed,
        rounds,
        events: None,
        fit: None,
    }
}

/// Runs every candidate in interleaved rounds and compares it with the reference.
///
/// # Errors
///
/// [`StudyError::Refused`] for fewer than one candidate, or candidates that cannot be set against each other;
/// otherwise as [`run_rounds`].
pub fn compare(
    candidates: &[Candidate<'_>],
    options: &CompareOptions,
    progress: &Progress,
    watch: Watch<'_>,
) -> Result<(Comparison, Vec<Vec<Observation>>), StudyError> {
    if options.reference >= candidates.len() {
        return Err(StudyError::Refused(format!(
            "compare: the reference is number {} of {} treatments",
            options.reference + 1,
            candidates.len()
        )));
    }
    let arms: Vec<Arm<'_>> = candidates.iter().map(|candidate| candidate.arm).collect();
    let (least, most) = options.rounds();
    let done = std::sync::atomic::AtomicUsize::new(0);
    let step = || {
        let so_far = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        watch(so_far, most as usize * arms.len());
    };
    let mut observations: Vec<Vec<Observation>> = vec![Vec::new(); arms.len()];
    let mut rounds = 0;
    let stopped = loop {
        let upto = if rounds == 0 { least } else { rounds + 1 };
        match run_rounds(&arms, rounds..upto, options.seed, progress, &step) {
            Ok(found) => {
                for (all, new) in observations.iter_mut().zip(found) {
                    all.extend(new);
                }
            }
            Err(StudyError::Interrupted { complete }) => {
                for (all, new) in observations.iter_mut().zip(complete) {
                    all.extend(new);
                }
                if observations[0].len() < 2 {
                    return Err(StudyError::Interrupted { complete: observations });
                }
                break Stop::Interrupted;
            }
            Err(error) => return Err(error),
        }
        rounds = upto;
        refuse_mixtures(candidates, &observations)?;
        if precise(&observations, options) {
            break Stop::Precise;
        }
        if rounds >= most {
            break Stop::Limit;
        }
    };
    let comparison = judge(candidates, options, &observations, stopped);
    Ok((comparison, observations))
}

/// Refuses to set an observed run against a plain one.
fn refuse_mixtures(
    candidates: &[Candidate<'_>],
    observations: &[Vec<Observation>],
) -> Result<(), StudyError> {
    let find = |instrumented: bool| {
        let has = |runs: &Vec<Observation>| runs.iter().any(|run| run.instrumented == instrumented);
        observations.iter().position(has).map(|index| &candidates[index].label)
    };
    match (find(true), find(false)) {
        (Some(watched), Some(plain)) => Err(StudyError::Refused(format!(
            "compare `{watched}` with `{plain}`: a profiler, tracer or tokio-console watched only one of them; \
             watch both or none"
        ))),
        _ => Ok(()),
    }
}

/// Number of differences that are judged together.
fn differences(candidates: usize, options: &CompareOptions) -> usize {
    options.metrics.len() * (candidates - 1)
}

/// Values of `metric` by round; `None` when a run lacks it.
fn series(runs: &[Observation], metric: Metric) -> Option<Vec<f64>> {
    runs.iter().map(|run| run.get(metric)).collect()
}

/// The relative difference of two treatments in `metric`; an absolute one where a share may be 0.
fn against(
    treated: &[Observation],
    reference: &[Observation],
    metric: Metric,
    level: f64,
) -> Option<Estimate> {
    let (treated, reference) = (series(treated, metric)?, series(reference, metric)?);
    relative_difference(&treated, &reference, level)
}

/// Whether every difference is known closely enough; a single treatment is judged by its own figures.
fn precise(observations: &[Vec<Observation>], options: &CompareOptions) -> bool {
    let level = simultaneous(options.level, differences(observations.len(), options));
    let reference = &observations[options.reference];
    options.metrics.iter().all(|&metric| {
        if observations.len() == 1 {
            let own = series(reference, metric).map(|values| mean_interval(&values, options.level));
            return own.is_none_or(|own| own.relative_half_width() <= options.precision);
        }
        observations.iter().enumerate().filter(|(index, _)| *index != options.reference).all(|(_, runs)| {
            // A share of the treatment's own value, so that a tenfold one is not asked for to a tenth of that.
            let close = |found: Estimate| found.half_width <= options.precision * (1.0 + found.value);
            against(runs, reference, metric, level).is_none_or(close)
        })
    })
}

fn judge(
    candidates: &[Candidate<'_>],
    options: &CompareOptions,
    observations: &[Vec<Observation>],
    stopped: Stop,
) -> Comparison {
    let count = differences(candidates.len(), options);
    let level = simultaneous(options.level, count);
    let reference = &observations[options.reference];
    let treatments = candidates.iter().zip(observations).enumerate().map(|(index, (candidate, runs))| {
        let tasks = runs.iter().map(|run| run.tasks).min().unwrap_or(0);
        let figure = |metric: Metric, judged: bool| {
            let relative = (judged && index != options.reference)
                .then(|| against(runs, reference, metric, level))
                .flatten();
            Figure {
                metric,
                value: series(runs, metric).map(|values| mean_interval(&values, options.level)),
                barely: metric.carried_by(tasks) == Carries::Barely,
                verdict: relative.map(|relative| Verdict::of(metric, &relative, options.precision)),
                relative,
            }
        };
        Compared {
            label: candidate.label.clone(),
            engine: candidate.arm.engine.engine().to_owned(),
            levels: candidate.levels.clone(),
            tasks,
            figures: options.metrics.iter().map(|&metric| figure(metric, true)).collect(),
            others: Metric::ALL
                .into_iter()
                .filter(|metric| !options.metrics.contains(metric))
                .map(|metric| figure(metric, false))
                .filter(|figure| figure.value.is_some())
                .collect(),
            throughputs: series(runs, Metric::Throughput).unwrap_or_default(),
        }
    });
    let scenario = candidates[options.reference].arm.scenario;
    Comparison {
        scenario: scenario.name.clone(),
        question: scenario.question.clone(),
        seed: options.seed,
        rounds: u32::try_from(reference.len()).unwrap_or(u32::MAX),
        stopped,
        level: options.level,
        differences: count,
        precision: options.precision,
        reference: candidates[options.reference].label.clone(),
        treatments: treatments.collect(),
        warnings: doubts(candidates, options, observations, stopped),
    }
}

fn doubts(
    candidates: &[Candidate<'_>],
    options: &CompareOptions,
    observations: &[Vec<Observation>],
    stopped: Stop,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |code: &str, message: String, remedy: &str| {
        warnings.push(Warning { code: code.into(), message, remedy: remedy.into() });
    };
    let fewest = observations.iter().flatten().map(|run| run.tasks).min().unwrap_or(0);
    let largest = observations.iter().flatten().map(|run| run.tasks).max().unwrap_or(0);
    for &metric in &options.metrics {
        let name = metric.name();
        match metric.carried_by(fewest) {
            Carries::Yes => {}
            Carries::Barely => warn(
                "sample-barely-carries",
                format!("{name} from {fewest} tasks a run rests on fewer than ten of them"),
                "raise --tasks tenfold",
            ),
            Carries::No => warn(
                "sample-too-small",
                format!("{name} is refused: {fewest} tasks a run have none beyond it"),
                "raise --tasks (p99 needs 100, better 1000)",
            ),
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
    for (candidate, runs) in candidates.iter().zip(observations) {
        if let Some(broken) = runs.iter().find_map(|run| run.broken.first()) {
            warn(
                "identity-broken",
                format!("`{}`: {broken}", candidate.label),
                "treat its figures as wrong until the identity holds",
            );
        }
    }
    if stopped == Stop::Limit {
        let percent = options.precision * 100.0;
        warn(
            "not-precise",
            format!(
                "after {} rounds some differences are known less closely than ±{percent:.0} %",
                observations[0].len()
            ),
            "raise --replicates or --tasks, or quieten the host",
        );
    }
    warnings.extend(doubts_of_runs(observations.iter().flatten()));
    warnings
}

/// A treatment against stored runs of the same scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgainstStored {
    /// Label of the treatment.
    pub label: String,
    /// Stored replicates.
    pub stored: usize,
    /// Each figure's stored mean, the fresh one's share more or less, and what that says.
    pub figures: Vec<StoredFigure>,
}

/// One figure against its stored value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StoredFigure {
    /// Which.
    pub metric: Metric,
    /// Mean of the stored replicates.
    pub stored: f64,
    /// Share more (or less) now.
    pub relative: Estimate,
    /// What that says.
    pub verdict: Verdict,
}

/// Sets fresh runs against stored ones, unpaired.
#[must_use]
pub fn against_stored(
    label: &str,
    fresh: &[Observation],
    stored: &[Observation],
    options: &CompareOptions,
) -> AgainstStored {
    let level = simultaneous(options.level, options.metrics.len());
    let figures = options.metrics.iter().filter_map(|&metric| {
        let (fresh, stored) = (series(fresh, metric)?, series(stored, metric)?);
        let relative = unpaired_difference(&fresh, &stored, level)?;
        let verdict = Verdict::of(metric, &relative, options.precision);
        Some(StoredFigure { metric, stored: super::stats::mean(&stored), relative, verdict })
    });
    AgainstStored { label: label.to_owned(), stored: stored.len(), figures: figures.collect() }
}

/// Difference of two arms in percentage points or absolute units, for figures that may be 0.
#[must_use]
pub fn absolute(
    treated: &[Observation],
    reference: &[Observation],
    metric: Metric,
    level: f64,
) -> Option<Estimate> {
    Some(difference(&series(treated, metric)?, &series(reference, metric)?, level))
}
