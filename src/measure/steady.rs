//! Whether the measured window shows a steady state, and how long the system took to recover from what happened in it: from the
//! course of the sojourns of the actor in focus.

use super::mechanism_record::RecoveryRecord;
use super::record::{RunRecord, SeriesPoint, Verdict, VerdictKind};
use crate::scenario::Scenario;
use crate::units::Nanos;

/// Slices before a disturbance that tell the level before it, at least.
const BEFORE: usize = 3;
/// Sojourns up to so many times the level before are those of a system that has recovered, in so many slices in a row.
const RECOVERED: f64 = 1.5;
const IN_A_ROW: usize = 3;
/// Batches whose means are compared, an even number, and tasks in each, at least.
const BATCHES: usize = 10;
const TASKS: u64 = 30;
/// Student's t of the difference between both halves from which they differ, with eight degrees of freedom: one in three thousand
/// for batches that do not depend on each other, which those of queues do a little.
const DIFFERENT: f64 = 6.0;
/// A smaller difference, as a share of the mean, matters to nobody.
const MATTERS: f64 = 0.25;

/// Adds what the course of the sojourns shows: times to recover, and the verdict that the window is not one of a steady state.
pub(super) fn judge(record: &mut RunRecord, scenario: &Scenario) {
    let warmup = record.window.warmup_ns;
    let (series, length) = (std::mem::take(&mut record.series), record.window.length_ns);
    let mut late = None;
    for event in scenario.events.iter().filter(|event| event.every.is_none()) {
        let Some(figures) = record.events.get_mut(&event.name).filter(|figures| figures.count == 1) else {
            continue;
        };
        let Some(begin) = event.at.0.checked_sub(warmup) else { continue };
        figures.recovery = recovery(&series, [begin, begin + figures.total_ns], length);
        late = late.or_else(|| unrecovered(figures.recovery, &format!("`{}`", event.name)));
    }
    let focus = &scenario.actors[scenario.focus];
    if let Some(figures) = record.actors.get_mut(&focus.name) {
        let rates: Vec<f64> = focus.pattern.phases.iter().map(|phase| phase.rate).collect();
        for (place, phase) in figures.phases.iter_mut().enumerate() {
            let is_burst = place > 0
                && rates.get(place + 1).is_some_and(|next| *next < rates[place])
                && rates[place - 1] < rates[place];
            let Some(begin) = phase.from_ns.checked_sub(warmup).filter(|_| is_burst) else { continue };
            phase.recovery = recovery(&series, [begin, phase.to_ns - warmup], length);
            late = late.or_else(|| unrecovered(phase.recovery, &format!("phase {}", place + 1)));
        }
    }
    let stated = record.partial || !record.verdicts.is_empty();
    let verdict = late.or_else(|| drift(&series)).filter(|_| !stated);
    record.verdicts.extend(verdict.map(|message| Verdict {
        kind: VerdictKind::Transient,
        message,
        parties: Vec::new(),
    }));
    record.series = series;
}

/// The median of the means of slices with tasks.
fn level(slices: &[SeriesPoint]) -> Option<f64> {
    let mut means: Vec<f64> =
        slices.iter().filter(|slice| slice.completed > 0).map(|slice| slice.mean_ns).collect();
    means.sort_by(f64::total_cmp);
    (means.len() >= BEFORE).then(|| means[means.len() / 2])
}

/// How long after a disturbance between two instants of a window of this length sojourns were back at their level before it.
fn recovery(series: &[SeriesPoint], [begin, end]: [u64; 2], length: u64) -> Option<RecoveryRecord> {
    let width = series.get(1)?.at_ns - series[0].at_ns;
    let before = series.iter().take_while(|slice| slice.at_ns + width <= begin).count();
    let level_ns = level(&series[..before])?;
    let after: Vec<&SeriesPoint> =
        series.iter().filter(|slice| slice.at_ns + width > end && slice.completed > 0).collect();
    let left = length.checked_sub(end).filter(|left| *left > 0)?;
    let calm = |slices: &[&SeriesPoint]| slices.iter().all(|slice| slice.mean_ns <= RECOVERED * level_ns);
    let back = after.windows(IN_A_ROW).position(calm);
    let took_ns = back.map_or(left, |place| after[place].at_ns.saturating_sub(end));
    Some(RecoveryRecord { level_ns, took_ns, recovered: back.is_some() })
}

fn unrecovered(recovery: Option<RecoveryRecord>, what: &str) -> Option<String> {
    let recovery = recovery.filter(|recovery| !recovery.recovered)?;
    Some(format!(
        "no steady state: {} after {what} tasks still took more than {RECOVERED} times as long as before it ({})",
        Nanos(recovery.took_ns),
        nanos(recovery.level_ns)
    ))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a mean of durations")]
const fn nanos(mean: f64) -> Nanos {
    Nanos(mean as u64)
}

/// That the second half of a window differs from the first, by more than chance and by enough to matter.
#[expect(clippy::cast_precision_loss, reason = "counts of tasks")]
fn drift(series: &[SeriesPoint]) -> Option<String> {
    let per_batch = series.len() / BATCHES;
    if per_batch == 0 {
        return None;
    }
    let mut means = Vec::with_capacity(BATCHES);
    for batch in series.chunks_exact(per_batch).take(BATCHES) {
        let tasks: u64 = batch.iter().map(|slice| slice.completed).sum();
        if tasks < TASKS {
            return None;
        }
        let sum: f64 = batch.iter().map(|slice| slice.mean_ns * slice.completed as f64).sum();
        means.push(sum / tasks as f64);
    }
    let (first, second) = means.split_at(BATCHES / 2);
    let count = first.len() as f64;
    let mean = |half: &[f64]| half.iter().sum::<f64>() / count;
    let (before, after) = (mean(first), mean(second));
    let squares = |half: &[f64], mean: f64| half.iter().map(|one| (one - mean).powi(2)).sum::<f64>();
    let variance = (squares(first, before) + squares(second, after)) / (2.0 * count - 2.0);
    let error = (2.0 * variance / count).sqrt();
    let difference = (after - before).abs();
    let shown = difference > DIFFERENT * error && difference > MATTERS * f64::midpoint(before, after);
    shown.then(|| {
        format!(
            "no steady state: tasks of the first half of the window took {} on average, those of the second {}; run longer, or discard more \
             (--warmup)",
            nanos(before),
            nanos(after)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// Slices of a millisecond with these mean sojourns, in milliseconds.
    fn course(means: impl IntoIterator<Item = f64>) -> Vec<SeriesPoint> {
        let point = |(at, mean): (u64, f64)| SeriesPoint {
            at_ns: at * MS,
            completed: 20,
            mean_ns: mean * 1e6,
            max_ns: 0,
        };
        (0..).zip(means).map(point).collect()
    }

    #[test]
    fn a_system_has_recovered_when_its_sojourns_are_back_and_stay() {
        let until = |last: u64| {
            course((0..100).map(|at| {
                if (20..last).contains(&at) && at != 40 {
                    9.0
                } else {
                    1.0 + 0.1 * f64::from(u32::try_from(at % 3).unwrap())
                }
            }))
        };
        let took = |last| recovery(&until(last), [20 * MS, 30 * MS], 100 * MS).unwrap();
        // One good slice at 40 does not count.
        assert_eq!((took(60).took_ns, took(60).recovered), (30 * MS, true));
        assert_eq!((took(25).took_ns, took(25).recovered), (0, true));
        assert_eq!((took(100).took_ns, took(100).recovered), (70 * MS, false));
        // Without anything before it there is no level to come back to.
        assert_eq!(recovery(&until(60), [2 * MS, 30 * MS], 100 * MS), None);
    }

    #[test]
    fn a_course_that_changes_is_no_steady_state_and_one_that_varies_is() {
        let noise = |at: u64| 1.0 + 0.2 * ((at * 7919 % 100) as f64 / 100.0);
        assert_eq!(drift(&course((0..100).map(noise))), None);
        let warms_up = course((0..100).map(|at| noise(at) + if at < 50 { 2.0 } else { 0.0 }));
        assert!(drift(&warms_up).is_some_and(|said| said.starts_with("no steady state")));
        // Even growth is not told: the batches of a half differ by as much as its halves do (t = 5, whatever the slope).
        // Where arrivals exceed the capacity, the verdict of overload says so.
        assert_eq!(drift(&course((0..100).map(|at| 1.0 + 0.05 * at as f64))), None);
        // A tenth more is shown, and matters to nobody.
        assert_eq!(drift(&course((0..100).map(|at| if at < 50 { 1.0 } else { 1.1 }))), None);
        assert_eq!(drift(&course([1.0; 5])), None);
    }
}
