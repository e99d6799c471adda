//! What changed between two records.

use super::states::{StateChange, states};
use crate::measure::RunRecord;
use crate::measure::record::{ActorRecord, Distribution};
use crate::study::stats::{Estimate, mean_interval};
use crate::study::{Metric, Unit};
use serde::Serialize;

/// Slices of a run's series that an interval is made of, at most: means of many tasks each, nearly independent.
const BATCHES: usize = 20;

/// Confidence of every interval here.
const LEVEL: f64 = 0.95;

/// A setting or a place that is not the same in both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// What it is.
    pub name: String,
    /// In the first record.
    pub before: String,
    /// In the second.
    pub after: String,
}

/// A figure of the actor in focus in both.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FigureChange {
    /// Which figure.
    pub metric: Metric,
    /// In the first record, with the interval that it has by itself.
    pub before: Estimate,
    /// In the second.
    pub after: Estimate,
    /// `after / before − 1`, with its interval; absent where the first is 0.
    pub relative: Option<Estimate>,
    /// Whether the interval leaves 0 out.
    pub changed: bool,
    /// Whether it changed for the worse.
    pub worse: bool,
}

/// A cause's part of the mean task's time in both, in nanoseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CauseChange {
    /// Its label.
    pub cause: String,
    /// In the first record.
    pub before_ns: f64,
    /// In the second.
    pub after_ns: f64,
}

/// What changed from one record to another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Treatment, scenario, host, program: what is not the same.
    pub fields: Vec<FieldChange>,
    /// Figures that both have.
    pub figures: Vec<FigureChange>,
    /// Causes, the largest change first.
    pub causes: Vec<CauseChange>,
    /// Threads by state, of two recordings of other programs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<StateChange>,
    /// Why the two should not be set against each other.
    pub doubts: Vec<String>,
}

/// What changed from `before` to `after`.
#[must_use]
pub fn difference(before: &RunRecord, after: &RunRecord) -> Difference {
    let (old, new) = (focus(before), focus(after));
    let figures = match (old, new) {
        (Some(old), Some(new)) => {
            Metric::ALL.iter().filter_map(|metric| figure(*metric, (old, before), (new, after))).collect()
        }
        _ => Vec::new(),
    };
    let mut causes: Vec<CauseChange> = match (old, new) {
        (Some(old), Some(new)) => old
            .breakdown_mean_ns
            .parts()
            .iter()
            .zip(new.breakdown_mean_ns.parts())
            .map(|((cause, before_ns), (_, after_ns))| CauseChange {
                cause: cause.label().to_owned(),
                before_ns: *before_ns,
                after_ns,
            })
            .filter(|change| change.before_ns != 0.0 || change.after_ns != 0.0)
            .collect(),
        _ => Vec::new(),
    };
    causes.sort_by(|one, other| {
        (other.after_ns - other.before_ns).abs().total_cmp(&(one.after_ns - one.before_ns).abs())
    });
    Difference {
        fields: fields(before, after),
        figures,
        causes,
        states: states(before, after),
        doubts: doubts(before, after),
    }
}

fn focus(record: &RunRecord) -> Option<&ActorRecord> {
    record.actors.get(&record.treatment.focus)
}

/// Every setting and place that is not the same.
fn fields(before: &RunRecord, after: &RunRecord) -> Vec<FieldChange> {
    let is_observed = before.observed.is_some() && after.observed.is_some();
    let all = |record: &RunRecord| {
        let (treatment, manifest) = (&record.treatment, &record.manifest);
        let option = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".into());
        [
            (if is_observed { "program" } else { "scenario" }, record.scenario.name.clone()),
            (
                if is_observed { "command" } else { "scenario's text" },
                record.scenario.digest.chars().take(8).collect(),
            ),
            ("engine", record.engine.clone()),
            ("focus", treatment.focus.clone()),
            ("threads", treatment.threads.to_string()),
            ("queue", treatment.queue.clone()),
            ("cache", option(&treatment.cache)),
            ("load", treatment.load.clone()),
            ("cores", treatment.cores.to_string()),
            ("seed", record.seed.to_string()),
            ("processor", format!("{} x {}", manifest.cores, manifest.cpu)),
            ("kernel", manifest.kernel.clone()),
            ("conlab", manifest.version.clone()),
            ("commit", option(&manifest.commit)),
            ("compiler", manifest.compiler.clone()),
            ("flags", manifest.flags.clone()),
            ("calibration", manifest.calibration.clone()),
        ]
    };
    all(before)
        .into_iter()
        .zip(all(after))
        .filter(|((_, before), (_, after))| before != after)
        .map(|((name, before), (_, after))| FieldChange { name: name.into(), before, after })
        .collect()
}

fn doubts(before: &RunRecord, after: &RunRecord) -> Vec<String> {
    let mut doubts = Vec::new();
    if before.observed.is_some() != after.observed.is_some() {
        doubts.push(
            "one is a run, the other a recording of another program's threads: they have no figure in common"
                .into(),
        );
    } else if before.engine != after.engine {
        doubts.push(
            "one is of the real engine, the other of the virtual: their times are not of one kind".into(),
        );
    }
    if before.instrumented != after.instrumented {
        doubts.push("a tool that perturbs watched one of them only".into());
    }
    if before.scenario.name != after.scenario.name {
        let what = if before.observed.is_some() { "programs" } else { "scenarios" };
        doubts.push(format!("they are of different {what}"));
    }
    for (which, record) in [("first", before), ("second", after)] {
        if let Some(why) = record.why_untrustworthy() {
            doubts.push(format!("the {which} is not trustworthy: {why}"));
        }
        if record.was_interrupted() {
            doubts.push(format!("the {which} was interrupted"));
        }
    }
    doubts
}

fn figure(
    metric: Metric,
    (old, before): (&ActorRecord, &RunRecord),
    (new, after): (&ActorRecord, &RunRecord),
) -> Option<FigureChange> {
    let before = interval(metric, old, before)?;
    let after = interval(metric, new, after)?;
    let relative = (before.value > 0.0).then(|| {
        let value = after.value / before.value - 1.0;
        // Independent runs: the relative widths add as squares.
        let width = |estimate: &Estimate| estimate.half_width / estimate.value.abs().max(f64::MIN_POSITIVE);
        let half = (1.0 + value) * width(&before).hypot(width(&after));
        Estimate::new(value, value - half, value + half, before.n.min(after.n))
    });
    // No width at all is no certainty: it is a figure whose scatter is not known.
    let changed = relative.is_some_and(|share| share.half_width > 0.0 && share.excludes(0.0));
    let grew = after.value > before.value;
    Some(FigureChange {
        metric,
        before,
        after,
        relative,
        changed,
        worse: changed && grew != metric.more_is_better(),
    })
}

/// A figure with the interval that one run gives it: of means from the slices of the series, of percentiles from the ranks
/// around them, with tasks taken as independent; of others none.
fn interval(metric: Metric, actor: &ActorRecord, record: &RunRecord) -> Option<Estimate> {
    let value = metric.read(actor, record)?;
    let unknown = Estimate::new(value, value, value, 1);
    let quantile = match metric {
        Metric::Mean | Metric::Throughput => return Some(batches(metric, record, value).unwrap_or(unknown)),
        Metric::P50 => 0.5,
        Metric::P90 => 0.9,
        Metric::P95 => 0.95,
        Metric::P99 => 0.99,
        Metric::P999 => 0.999,
        _ => return Some(unknown),
    };
    Some(ranks(&actor.sojourn_ns, quantile, value).unwrap_or(unknown))
}

/// A mean or a rate from the means of up to [`BATCHES`] stretches of the run.
fn batches(metric: Metric, record: &RunRecord, value: f64) -> Option<Estimate> {
    let series = &record.series;
    if series.len() < 4 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of tasks")]
    let means: Vec<f64> = series
        .chunks(series.len().div_ceil(BATCHES))
        .filter_map(|slices| {
            let tasks: u64 = slices.iter().map(|slice| slice.completed).sum();
            let weighted: f64 = slices.iter().map(|slice| slice.mean_ns * slice.completed as f64).sum();
            match metric {
                Metric::Throughput => Some(tasks as f64 / slices.len() as f64),
                _ => (tasks > 0).then(|| weighted / tasks as f64),
            }
        })
        .collect();
    let found = mean_interval(&means, LEVEL);
    // Around the run's own figure, as wide as the batches say.
    let share = found.relative_half_width();
    share.is_finite().then(|| Estimate::new(value, value * (1.0 - share), value * (1.0 + share), means.len()))
}

/// A percentile from its neighbours by rank: the binomial interval, nearly normal.
#[expect(clippy::cast_precision_loss, reason = "counts of tasks and nanoseconds")]
fn ranks(of: &Distribution, quantile: f64, value: f64) -> Option<Estimate> {
    let n = of.count as f64;
    if of.spectrum.is_empty() || n < 10.0 {
        return None;
    }
    let half = 1.96 * (quantile * (1.0 - quantile) / n).sqrt();
    let at = |wanted: f64| {
        let step = of.spectrum.partition_point(|(upto, _)| *upto < wanted);
        of.spectrum.get(step).map_or(of.max, |(_, value)| *value) as f64
    };
    let (low, high) = (at((quantile - half).max(0.0)), at(quantile + half));
    Some(Estimate::new(
        value,
        low.min(value),
        high.max(value),
        usize::try_from(of.count).unwrap_or(usize::MAX),
    ))
}

impl FigureChange {
    /// The figure's unit.
    #[must_use]
    pub const fn unit(&self) -> Unit {
        self.metric.unit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::record::SeriesPoint;

    fn record(mean: f64) -> RunRecord {
        let mut record = RunRecord { engine: "virtual".into(), ..RunRecord::default() };
        record.treatment.focus = "a".into();
        record.treatment.queue = "mutex".into();
        let mut actor = ActorRecord { completed: 10_000, ..ActorRecord::default() };
        actor.sojourn_ns.mean = mean;
        actor.sojourn_ns.count = 10_000;
        actor.breakdown_mean_ns.lock = mean / 2.0;
        actor.breakdown_mean_ns.execution = 10.0;
        record.series = (0..40_u32)
            .map(|slice| SeriesPoint {
                at_ns: u64::from(slice),
                completed: 250,
                mean_ns: mean * (1.0 + 0.01 * f64::from(slice % 3)),
                max_ns: 0,
            })
            .collect();
        record.actors.insert("a".into(), actor);
        record
    }

    #[test]
    fn a_change_beyond_the_intervals_is_one_and_what_moved_is_named() {
        let (before, mut after) = (record(1000.0), record(1200.0));
        after.treatment.queue = "lockfree".into();
        after.treatment.threads = 7;
        let found = difference(&before, &after);
        let names: Vec<&str> = found.fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["threads", "queue"]);
        let mean = found.figures.iter().find(|figure| figure.metric == Metric::Mean).unwrap();
        assert!(mean.changed && mean.worse, "{mean:?}");
        assert!((mean.relative.unwrap().value - 0.2).abs() < 1e-9);
        assert_eq!(found.causes[0].cause, crate::measure::Cause::Lock.label());
        assert!(found.doubts.is_empty());
    }

    #[test]
    fn the_same_twice_has_not_changed_and_unlike_kinds_are_doubted() {
        let found = difference(&record(1000.0), &record(1000.5));
        assert!(found.figures.iter().all(|figure| !figure.changed), "{found:?}");
        let mut other = record(1000.0);
        other.engine = "real".into();
        other.partial = true;
        assert_eq!(difference(&record(1000.0), &other).doubts.len(), 2);
    }
}
