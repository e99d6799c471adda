//! Puts the cells of a sweep together: tables in the order of the plan, histograms added exactly.

use super::{Cell, Log, Outcome, Plan, SweepError};
use crate::study::stats::mean_interval;
use crate::study::{Metric, Unit};
use hdrhistogram::Histogram;
use std::collections::BTreeMap;

/// Quantiles of added histograms that a table shows.
const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999)];

/// The tables of a sweep, as CSV.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tables {
    /// A row for each cell.
    pub cells: String,
    /// A row for each combination on each host, over its seeds: means with 95 % intervals, and percentiles of the added
    /// histograms.
    pub groups: String,
}

/// Merges what is there; with `partial` also when cells are missing or failed.
///
/// # Errors
///
/// [`SweepError::Refused`]: cells are missing, failed, or of another plan; the sentence names the first.
pub fn merge(plan: &Plan, log: &Log, partial: bool) -> Result<Tables, SweepError> {
    if let Some(foreign) = log.foreign.first() {
        return Err(SweepError::Refused(format!(
            "{} cells are of another plan: {} in {} was computed by conlab {} (the plan's is {}), or with another calibration or \
             scenario; move such files away",
            log.foreign.len(),
            foreign.key,
            foreign.file.display(),
            foreign.version,
            plan.version
        )));
    }
    let missing = plan.cells.iter().filter(|cell| !log.found.contains_key(&cell.key)).count();
    if missing > 0 && !partial {
        return Err(SweepError::Refused(format!(
            "{missing} of {} cells are missing: `conlab sweep run` computes them, --partial merges without them",
            plan.cells.len()
        )));
    }
    let failed =
        plan.cells.iter().enumerate().find_map(|(index, cell)| match log.found.get(&cell.key)?.outcome {
            Outcome::Failed(ref why) => Some(format!("cell {index} failed: {why}")),
            Outcome::Done { .. } => None,
        });
    if let (Some(failed), false) = (failed, partial) {
        return Err(SweepError::Refused(format!(
            "{failed}; `conlab sweep run --retry` tries again, --partial leaves it out"
        )));
    }
    let written = |error: csv::Error| SweepError::Refused(format!("cannot write CSV: {error}"));
    Ok(Tables { cells: cells(plan, log).map_err(written)?, groups: groups(plan, log).map_err(written)? })
}

/// The paths that any cell sets, in the order of their first use.
pub(super) fn paths(plan: &Plan) -> Vec<&str> {
    let mut paths: Vec<&str> = Vec::new();
    for (path, _) in plan.cells.iter().flat_map(|cell| &cell.levels) {
        if !paths.contains(&path.as_str()) {
            paths.push(path);
        }
    }
    paths
}

fn level<'c>(cell: &'c Cell, path: &str) -> &'c str {
    cell.levels.iter().find(|(known, _)| known == path).map_or("", |(_, value)| value)
}

/// A metric's column: its name with its unit.
fn column(metric: Metric) -> String {
    let unit = match metric.unit() {
        Unit::Time => "ns",
        Unit::Rate => "per_s",
        Unit::Share => "share",
    };
    format!("{}_{unit}", metric.name())
}

fn text(writer: csv::Writer<Vec<u8>>) -> Result<String, csv::Error> {
    let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn cells(plan: &Plan, log: &Log) -> Result<String, csv::Error> {
    let paths = paths(plan);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut head: Vec<String> = ["cell", "key", "engine", "host"].map(str::to_owned).into();
    head.extend(paths.iter().map(|path| (*path).to_owned()));
    head.extend(["seed", "tasks", "trustworthy"].map(str::to_owned));
    head.extend(Metric::ALL.iter().map(|metric| column(*metric)));
    writer.write_record(&head)?;
    for (index, cell) in plan.cells.iter().enumerate() {
        let Some(Outcome::Done { tasks, figures, broken, host, .. }) =
            log.found.get(&cell.key).map(|stored| &stored.outcome)
        else {
            continue;
        };
        let mut row = vec![index.to_string(), cell.key.clone(), cell.engine.clone(), host.clone()];
        row.extend(paths.iter().map(|path| level(cell, path).to_owned()));
        row.extend([cell.seed.to_string(), tasks.to_string(), broken.is_empty().to_string()]);
        row.extend(
            Metric::ALL
                .iter()
                .map(|metric| figures.get(metric.name()).map_or(String::new(), ToString::to_string)),
        );
        writer.write_record(&row)?;
    }
    text(writer)
}

/// What the seeds of one combination came to.
#[derive(Debug)]
struct Group<'c> {
    cell: &'c Cell,
    host: &'c str,
    means: Vec<f64>,
    rates: Vec<f64>,
    sojourn: Histogram<u64>,
}

fn groups(plan: &Plan, log: &Log) -> Result<String, csv::Error> {
    let paths = paths(plan);
    let mut order: Vec<Group<'_>> = Vec::new();
    let mut places: BTreeMap<(&str, &str, Vec<&str>), usize> = BTreeMap::new();
    for cell in &plan.cells {
        let Some(Outcome::Done { figures, sojourn, host, .. }) =
            log.found.get(&cell.key).map(|stored| &stored.outcome)
        else {
            continue;
        };
        // A host is a factor: figures of two are never one.
        let name =
            (cell.engine.as_str(), host.as_str(), paths.iter().map(|path| level(cell, path)).collect());
        let place = *places.entry(name).or_insert_with(|| {
            let sojourn = Histogram::new(3).unwrap_or_else(|_| unreachable!("three digits are allowed"));
            order.push(Group { cell, host, means: Vec::new(), rates: Vec::new(), sojourn });
            order.len() - 1
        });
        let group = &mut order[place];
        group.means.extend(figures.get(Metric::Mean.name()));
        group.rates.extend(figures.get(Metric::Throughput.name()));
        for &(value, count) in sojourn {
            // An auto-resizing histogram of three digits refuses no value.
            group.sojourn.record_n(value, count).ok();
        }
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut head: Vec<String> = ["engine", "host"].map(str::to_owned).into();
    head.extend(paths.iter().map(|path| (*path).to_owned()));
    head.extend(["seeds", "tasks", "mean_ns", "mean_low_ns", "mean_high_ns"].map(str::to_owned));
    head.extend(["throughput_per_s", "throughput_low_per_s", "throughput_high_per_s"].map(str::to_owned));
    head.extend(QUANTILES.iter().map(|(name, _)| format!("{name}_ns")));
    head.push("max_ns".into());
    writer.write_record(&head)?;
    for group in &order {
        let mut row = vec![group.cell.engine.clone(), group.host.to_owned()];
        row.extend(paths.iter().map(|path| level(group.cell, path).to_owned()));
        row.extend([group.means.len().to_string(), group.sojourn.len().to_string()]);
        for figures in [&group.means, &group.rates] {
            let interval = mean_interval(figures, 0.95);
            // One seed bounds nothing.
            let end = |end: f64| if end.is_finite() { end.to_string() } else { String::new() };
            row.extend([interval.value.to_string(), end(interval.low), end(interval.high)]);
        }
        row.extend(
            QUANTILES.iter().map(|(_, quantile)| group.sojourn.value_at_quantile(*quantile).to_string()),
        );
        row.push(group.sojourn.max().to_string());
        writer.write_record(&row)?;
    }
    text(writer)
}
