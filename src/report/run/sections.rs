//! The sections of a run's page, in order; here those about tasks.

use super::answer::P99_NEEDS;
use super::{as_f64, calls, mechanisms, parts, special, spectrum_chart, tasks, threads, trust};
use crate::measure::Cause;
use crate::measure::record::{ActorRecord, Breakdown, Distribution, RunRecord, SeriesPoint};
use crate::report::observe;
use crate::report::page::{Axis, Lines, Scale, Section, Series, Stack, StackRow, Table, Unit};
use crate::report::words::{at_least, count, duration, number, percentile, several, share, tail};

/// Everything that a record holds, in the order in which a reader asks for it.
pub(super) fn of_run(record: &RunRecord) -> Vec<Section> {
    let mut sections = Vec::new();
    if let Some(observed) = &record.observed {
        sections.extend(observe::sections(record, observed));
    }
    let focus = record.actors.get(&record.treatment.focus);
    if let Some(actor) = focus {
        sections.push(causes(&record.treatment.focus, actor));
        sections.extend(tasks::end_to_end(record));
        sections.extend(calls::through_calls(record, actor));
        sections.extend(special::sections(record));
        sections.extend(tasks::slowest(record, actor));
        if !actor.steps.is_empty() {
            sections
                .push(Section::new("steps", "By step", "Per task, over all its steps.").with(steps(actor)));
        }
        sections.push(percentiles(actor));
    }
    if !record.series.is_empty() {
        sections.push(over_time(&record.series, record.window.length_ns));
    }
    if !record.threads.is_empty() || record.timeline.is_some() {
        sections.push(threads::threads(record));
    }
    if !record.locks.is_empty() {
        sections.push(mechanisms::locks(record));
    }
    if !record.caches.is_empty() || !record.stores.is_empty() {
        sections.push(mechanisms::caches(record));
    }
    if record.actors.len() > 1 {
        sections.push(actors(record));
    }
    sections.extend(mechanisms::profile(record));
    sections.push(trust::checks(record));
    sections.push(trust::manifest(record));
    sections
}

/// A distribution's spectrum, or its summary where the spectrum was not kept.
pub(super) fn spectrum_series(name: &str, distribution: &Distribution) -> Series {
    let mut points: Vec<(f64, f64)> = distribution
        .spectrum
        .iter()
        .filter(|point| point.0 < 1.0)
        .map(|&(q, value)| (q, as_f64(value)))
        .collect();
    if points.is_empty() && distribution.count > 0 {
        points = summary(distribution)
            .into_iter()
            .filter(|point| point.0 < 1.0)
            .map(|(quantile, value)| (quantile, as_f64(value)))
            .collect();
    }
    Series { name: name.into(), points, ..Series::default() }
}

fn summary(of: &Distribution) -> [(f64, u64); 7] {
    [
        (0.0, of.min),
        (0.5, of.p50),
        (0.9, of.p90),
        (0.95, of.p95),
        (0.99, of.p99),
        (0.999, of.p999),
        (1.0, of.max),
    ]
}

fn causes(name: &str, actor: &ActorRecord) -> Section {
    let mean = StackRow { label: "mean".into(), parts: parts(&actor.breakdown_mean_ns) };
    let tail = StackRow {
        label: format!("p99 (n = {})", count(actor.breakdown_p99_count)),
        parts: parts(&actor.breakdown_p99_ns),
    };
    let carried = actor.sojourn_ns.count >= P99_NEEDS;
    let bars = Stack {
        caption: format!("a task of {name}"),
        rows: if carried { vec![tail, mean] } else { vec![mean] },
        ..Stack::default()
    };
    Section::new(
        "causes",
        "Where the time goes",
        if carried {
            format!(
                "Sojourn split over its causes; the parts sum to the whole. The p99's bar is the mean of the {} around the p99 (at least \
                 ten, and one in a hundred), so it is near the p99 and not equal to it. They are another kind of task than the mean.",
                several(actor.breakdown_p99_count, "task")
            )
        } else {
            "Sojourn split over its causes; the parts sum to the whole.".into()
        },
    )
    .with(bars)
    .in_brief()
}

fn steps(actor: &ActorRecord) -> Table {
    let tasks = as_f64(actor.completed.max(1));
    let mut head: Vec<String> = ["step", "times"].map(String::from).into();
    let shown: Vec<Cause> = Breakdown::default()
        .parts()
        .iter()
        .enumerate()
        .filter(|(index, _)| actor.steps.iter().any(|step| step.total_ns.parts()[*index].1.abs() > 0.0))
        .map(|(_, part)| part.0)
        .collect();
    head.extend(shown.iter().map(|cause| cause.label().to_owned()));
    head.push("per task".into());
    let rows = actor
        .steps
        .iter()
        .map(|step| {
            let parts = step.total_ns.parts();
            let mut row = vec![step.name.clone(), count(step.count)];
            row.extend(
                parts.iter().filter(|part| shown.contains(&part.0)).map(|part| duration(part.1 / tasks)),
            );
            row.push(duration(step.total_ns.total() / tasks));
            row
        })
        .collect();
    Table { caption: String::new(), head, rows, words: 1 }
}

fn percentiles(actor: &ActorRecord) -> Section {
    let mut series = vec![spectrum_series("from the intended start", &actor.sojourn_ns)];
    let mut columns = vec![("sojourn", &actor.sojourn_ns)];
    if let Some(uncorrected) = &actor.sojourn_uncorrected_ns {
        series.push(spectrum_series("from the actual start (coordinated omission)", uncorrected));
        columns.push(("uncorrected", uncorrected));
    }
    columns.extend([
        ("wait", &actor.wait_ns),
        ("service", &actor.service_ns),
        ("lock wait", &actor.lock_wait_ns),
        ("run-queue wait", &actor.run_queue_ns),
    ]);
    Section::new(
        "percentiles",
        "Percentiles",
        "Each further nine takes the same room on the horizontal axis.",
    )
    .with(spectrum_chart(series))
    .with(distributions("", &columns))
}

/// Distributions as columns of one table.
fn distributions(caption: &str, columns: &[(&str, &Distribution)]) -> Table {
    let mut head = vec![String::new()];
    head.extend(columns.iter().map(|(name, _)| (*name).to_owned()));
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut row = |name: String, cell: &dyn Fn(&Distribution) -> String| {
        rows.push(std::iter::once(name).chain(columns.iter().map(|(_, each)| cell(each))).collect());
    };
    row("mean".into(), &|each| at_least(each, u64::MAX, duration(each.mean)));
    row("standard deviation".into(), &|each| duration(each.stddev));
    for (index, (quantile, _)) in summary(&Distribution::default()).into_iter().enumerate() {
        let name = match quantile {
            0.0 => "minimum".into(),
            1.0 => "maximum".into(),
            _ => percentile(quantile),
        };
        row(name, &move |each| {
            let value = summary(each)[index].1;
            at_least(each, value, duration(as_f64(value)))
        });
    }
    row("count".into(), &|each| count(each.count));
    Table { caption: caption.into(), head, rows, words: 1 }
}

/// Slices joined such that each holds some 25 tasks, or there are but 24 of them: fewer tasks show chance alone.
fn joined(series: &[SeriesPoint]) -> Vec<SeriesPoint> {
    let total: u64 = series.iter().map(|point| point.completed).sum();
    let wanted = usize::try_from(total / 25).unwrap_or(usize::MAX).max(24);
    let group = series.len().div_ceil(wanted).max(1);
    series
        .chunks(group)
        .map(|points| {
            let completed = points.iter().map(|point| point.completed).sum();
            let sum: f64 = points.iter().map(|point| point.mean_ns * as_f64(point.completed)).sum();
            SeriesPoint {
                at_ns: points[0].at_ns,
                completed,
                mean_ns: if completed > 0 { sum / as_f64(completed) } else { 0.0 },
                max_ns: points.iter().map(|point| point.max_ns).max().unwrap_or(0),
            }
        })
        .collect()
}

fn over_time(series: &[SeriesPoint], length_ns: u64) -> Section {
    let series = &joined(series);
    let x = Axis { label: "time of issue, since the start of the measured window".into(), ..Axis::default() };
    let ending = |value: fn(&SeriesPoint) -> f64| {
        let mut points: Vec<(f64, f64)> = series
            .iter()
            .filter(|point| point.completed > 0)
            .map(|point| (as_f64(point.at_ns), value(point)))
            .collect();
        if let Some(last) = points.last().copied() {
            points.push((as_f64(length_ns).max(last.0), last.1));
        }
        points
    };
    let slice = series.get(1).map_or(length_ns, |point| point.at_ns).max(1);
    let ends = series.iter().skip(1).map(|point| point.at_ns).chain([length_ns]);
    let rate = series
        .iter()
        .zip(ends)
        .map(|(point, end)| {
            let length = as_f64(end.saturating_sub(point.at_ns).max(1));
            (as_f64(point.at_ns), as_f64(point.completed) / length * 1e9)
        })
        .collect();
    let sojourn = Lines {
        caption: "Sojourn time".into(),
        x: x.clone(),
        y: Axis { label: "sojourn time".into(), scale: Scale::Fitting, unit: Unit::Nanos },
        series: vec![
            Series { name: "mean".into(), points: ending(|point| point.mean_ns), ..Series::default() },
            Series {
                name: "largest".into(),
                points: ending(|point| as_f64(point.max_ns)),
                ..Series::default()
            },
        ],
        ..Lines::default()
    };
    let throughput = Lines {
        caption: "Tasks issued".into(),
        x,
        y: Axis { label: "tasks issued".into(), scale: Scale::Linear, unit: Unit::PerSecond },
        series: vec![Series { name: "issued".into(), points: rate, steps: true, ..Series::default() }],
        low: true,
        ..Lines::default()
    };
    let lead = format!(
        "Slices of {}. A level that drifts says that the run was not in a steady state.",
        duration(as_f64(slice))
    );
    Section::new("time", "Over time", lead).with(sojourn).with(throughput)
}

fn actors(record: &RunRecord) -> Section {
    let head = "actor | issued | completed | refused | unfinished | throughput | mean | p50 \
        | p99 | execution | lock | switching";
    let rows = record
        .actors
        .iter()
        .map(|(name, actor)| {
            let at = |value: u64| at_least(&actor.sojourn_ns, value, duration(as_f64(value)));
            vec![
                name.clone(),
                count(actor.issued),
                count(actor.completed),
                count(actor.refused),
                count(actor.in_flight),
                format!("{}/s", number(actor.throughput_per_s)),
                at_least(&actor.sojourn_ns, u64::MAX, duration(actor.sojourn_ns.mean)),
                at(actor.sojourn_ns.p50),
                tail(&actor.sojourn_ns, actor.sojourn_ns.p99, 100),
                share(actor.shares.execution),
                share(actor.shares.lock_acquisition),
                share(actor.shares.context_switching),
            ]
        })
        .collect();
    let bars = record
        .actors
        .iter()
        .filter(|(_, actor)| actor.completed > 0)
        .map(|(name, actor)| StackRow { label: name.clone(), parts: parts(&actor.breakdown_mean_ns) })
        .collect();
    Section::new("actors", "All actors", "Issued = completed + refused + in flight at the end.")
        .with(Table::new("", head, 1, rows))
        .with(Stack {
            caption: "The mean task of each actor, as shares".into(),
            rows: bars,
            shares_only: true,
            compact: true,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thin_slices_are_joined_and_nothing_is_lost() {
        let slice = |at_ns, completed| SeriesPoint { at_ns, completed, mean_ns: 10.0, max_ns: at_ns };
        let thin: Vec<SeriesPoint> = (0..240).map(|index| slice(index, index % 2)).collect();
        let joined = joined(&thin);
        assert_eq!(joined.len(), 24);
        assert_eq!(joined.iter().map(|point| point.completed).sum::<u64>(), 120);
        assert_eq!((joined[1].at_ns, joined[1].max_ns, joined[1].mean_ns), (10, 19, 10.0));
        let thick: Vec<SeriesPoint> = (0..240).map(|index| slice(index, 100)).collect();
        assert_eq!(super::joined(&thick), thick);
    }
}
