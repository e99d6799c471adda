//! A figure over many records of one experiment, and where it changed.

use crate::measure::RunRecord;
use crate::random::{Source, Stream};
use crate::study::Metric;
use crate::study::stats::{Estimate, unpaired_difference};
use serde::Serialize;

/// Chance that a course without a change is said to have one, at most.
pub const ALPHA: f64 = 0.03;

/// Orders in which the same figures are drawn to see what chance does.
const PERMUTATIONS: usize = 999;

/// Fewest records on each side of a change.
const SIDE: usize = 3;

/// One record's figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// The record.
    pub name: String,
    /// When it was started.
    pub started: String,
    /// Commit that conlab was built from, if known.
    pub commit: Option<String>,
    /// The figure, in the metric's unit.
    pub value: f64,
}

/// A place where the figure changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Index of the first record after it.
    pub at: usize,
    /// Mean before, back to the change before it.
    pub before: f64,
    /// Mean after, up to the next change.
    pub after: f64,
    /// `after / before − 1`, with a 95 % interval; absent where the figure was 0.
    pub relative: Option<Estimate>,
    /// Chance of a change as clear as this in figures of any order.
    pub p: f64,
    /// Whether it is for the worse.
    pub worse: bool,
}

/// A figure's course over the records of one experiment on one host.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Course {
    /// Scenario, treatment, engine and host, in words.
    pub experiment: String,
    /// Which figure.
    pub metric: Metric,
    /// The records in the order of time.
    pub points: Vec<Point>,
    /// Changes in the order of time.
    pub changes: Vec<Change>,
}

/// The courses of `metric` over `records`, in the order of time: records of another scenario, treatment, engine or host are
/// another experiment.
#[must_use]
pub fn courses(records: &[(String, &RunRecord)], metric: Metric) -> Vec<Course> {
    let mut found: Vec<Course> = Vec::new();
    for (name, record) in records {
        let actor = record.actors.get(&record.treatment.focus);
        let Some(value) = actor.and_then(|actor| metric.read(actor, record)) else { continue };
        let point = Point {
            name: name.clone(),
            started: record.manifest.started.clone(),
            commit: record.manifest.commit.clone(),
            value,
        };
        let experiment = experiment(record);
        match found.iter_mut().find(|course| course.experiment == experiment) {
            Some(course) => course.points.push(point),
            None => found.push(Course { experiment, metric, points: vec![point], changes: Vec::new() }),
        }
    }
    for course in &mut found {
        let values: Vec<f64> = course.points.iter().map(|point| point.value).collect();
        course.changes = change_points(&values, metric.more_is_better());
    }
    found
}

fn experiment(record: &RunRecord) -> String {
    let (treatment, manifest) = (&record.treatment, &record.manifest);
    let cache = treatment.cache.as_ref().map(|cache| format!(", {cache} cache")).unwrap_or_default();
    let host = if record.engine == "real" {
        format!(", {} x {}", manifest.cores, manifest.cpu)
    } else {
        format!(", {}", manifest.calibration)
    };
    format!(
        "{} ({}): {} queue, {} threads{cache}, {} load, {} cores, {} engine{host}",
        record.scenario.name,
        record.scenario.digest.chars().take(8).collect::<String>(),
        treatment.queue,
        treatment.threads,
        treatment.load,
        treatment.cores,
        record.engine,
    )
}

/// Where the mean of `values` changed, in order; `more_is_better` says which way is worse.
///
/// The clearest split of a stretch is the one whose two means lie farthest apart by Welch's t. It counts as a change when at
/// most [`ALPHA`] of the random orders of the same values have one as clear; then both sides are looked at in the same way.
/// The random orders are drawn from a fixed seed, so that the same records always give the same answer.
#[must_use]
pub fn change_points(values: &[f64], more_is_better: bool) -> Vec<Change> {
    let mut cuts: Vec<(usize, f64)> = Vec::new();
    let mut open = vec![(0, values.len())];
    while let Some((start, end)) = open.pop() {
        let stretch = &values[start..end];
        let Some((at, clear)) = clearest(stretch) else { continue };
        let p = chance(stretch, clear);
        if p <= ALPHA {
            cuts.push((start + at, p));
            open.push((start, start + at));
            open.push((start + at, end));
        }
    }
    cuts.sort_by_key(|(at, _)| *at);
    let mean = |values: &[f64]| crate::study::stats::mean(values);
    let ends: Vec<usize> = cuts.iter().map(|(at, _)| *at).chain([values.len()]).collect();
    let starts: Vec<usize> = std::iter::once(0).chain(cuts.iter().map(|(at, _)| *at)).collect();
    cuts.iter()
        .enumerate()
        .map(|(index, (at, p))| {
            let (old, new) = (&values[starts[index]..*at], &values[*at..ends[index + 1]]);
            let (before, after) = (mean(old), mean(new));
            let relative = unpaired_difference(new, old, 0.95);
            Change { at: *at, before, after, relative, p: *p, worse: (after > before) != more_is_better }
        })
        .collect()
}

/// The split of `values` whose means lie farthest apart, and how far, by Welch's t.
fn clearest(values: &[f64]) -> Option<(usize, f64)> {
    let mut best: Option<(usize, f64)> = None;
    if values.len() < 2 * SIDE {
        return None;
    }
    // Sums from both ends, so that every split is looked at in one pass.
    let total: (f64, f64) = values.iter().fold((0.0, 0.0), |(sum, squares), x| (sum + x, squares + x * x));
    let mut left = (0.0, 0.0);
    for at in 1..values.len() {
        left = (left.0 + values[at - 1], left.1 + values[at - 1] * values[at - 1]);
        if at < SIDE || values.len() - at < SIDE {
            continue;
        }
        let t = welch(left, at, (total.0 - left.0, total.1 - left.1), values.len() - at);
        if best.is_none_or(|(_, most)| t > most) {
            best = Some((at, t));
        }
    }
    best
}

#[expect(clippy::cast_precision_loss, reason = "counts of records")]
fn welch((sum, squares): (f64, f64), n: usize, (other, other_squares): (f64, f64), m: usize) -> f64 {
    let (n, m) = (n as f64, m as f64);
    let within = (squares - sum * sum / n).max(0.0) + (other_squares - other * other / m).max(0.0);
    // One scatter for both sides: with three values a side its own would be far too uncertain.
    let variance = within / (n + m - 2.0);
    let apart = (sum / n - other / m).abs();
    if apart == 0.0 { 0.0 } else { apart / (variance * (1.0 / n + 1.0 / m)).sqrt().max(f64::MIN_POSITIVE) }
}

/// Share of random orders of `values` whose clearest split is at least as clear.
fn chance(values: &[f64], clear: f64) -> f64 {
    let mut stream = Stream::new(18, Source::Order, 0, values.len() as u64);
    let mut shuffled = values.to_vec();
    let as_clear = (0..PERMUTATIONS)
        .filter(|_| {
            stream.shuffle(&mut shuffled);
            clearest(&shuffled).is_some_and(|(_, t)| t >= clear)
        })
        .count();
    #[expect(clippy::cast_precision_loss, reason = "at most 1000")]
    let share = (as_clear + 1) as f64 / (PERMUTATIONS + 1) as f64;
    share
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twenty figures around 100 with a standard deviation of 4, and a step of 10 % from `at` on.
    fn noisy(seed: u64, at: Option<usize>) -> Vec<f64> {
        let mut stream = Stream::new(seed, Source::Data, 1, 0);
        (0..20)
            .map(|index| {
                // Nearly normal: twelve uniforms.
                let noise: f64 = (0..12).map(|_| stream.unit()).sum::<f64>() - 6.0;
                let level = if at.is_some_and(|at| index >= at) { 110.0 } else { 100.0 };
                level + 4.0 * noise
            })
            .collect()
    }

    #[test]
    #[expect(clippy::print_stdout, reason = "the rates are shown beside the verdict")]
    fn a_planted_step_is_found_and_noise_is_not() {
        let trials = 200;
        let mut found = 0;
        for trial in 0..trials {
            let at = 5 + usize::try_from(trial % 11).unwrap();
            let changes = change_points(&noisy(trial, Some(at)), false);
            found += usize::from(changes.iter().any(|change| change.at.abs_diff(at) <= 2 && change.worse));
        }
        let false_alarms =
            (0..trials).filter(|trial| !change_points(&noisy(1000 + trial, None), false).is_empty()).count();
        println!("steps of 10 % found: {found} of {trials}; false alarms: {false_alarms} of {trials}");
        assert!(found >= 180, "{found} of {trials} steps were found near their place");
        assert!(false_alarms <= 10, "{false_alarms} of {trials} courses of noise were said to change");
    }

    #[test]
    fn a_course_that_is_short_or_flat_has_no_change_and_two_steps_are_two() {
        assert!(change_points(&[1.0, 1.0, 9.0, 9.0, 9.0], true).is_empty());
        assert!(change_points(&[5.0; 30], true).is_empty());
        let steps: Vec<f64> =
            (0..30_u32).map(|index| f64::from(index / 10 * 10) + f64::from(index % 3) * 0.1 + 1.0).collect();
        let changes = change_points(&steps, true);
        assert_eq!(changes.iter().map(|change| change.at).collect::<Vec<_>>(), [10, 20]);
        assert!(changes.iter().all(|change| !change.worse));
    }

    #[test]
    fn another_treatment_is_another_course() {
        let mut records = Vec::new();
        for index in 0..4 {
            let mut record = RunRecord::default();
            record.treatment.focus = "a".into();
            record.treatment.threads = index % 2;
            let actor = crate::measure::record::ActorRecord { completed: 100, ..Default::default() };
            record.actors.insert("a".into(), actor);
            records.push(record);
        }
        let named: Vec<(String, &RunRecord)> =
            records.iter().enumerate().map(|(index, record)| (index.to_string(), record)).collect();
        let found = courses(&named, Metric::Mean);
        assert_eq!(found.iter().map(|course| course.points.len()).collect::<Vec<_>>(), [2, 2]);
    }
}
