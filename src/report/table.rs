//! Records as CSV: one row for each actor of each record, times in nanoseconds.

use crate::measure::observed::{BlockedBy, ThreadGroup};
use crate::measure::record::{ActorRecord, Breakdown, Distribution, RunRecord};
use crate::printable::Printable;

/// Records with their names as CSV (RFC 4180, a header line, one row per actor).
///
/// # Errors
///
/// [`csv::Error`] when a row cannot be written.
pub fn csv(runs: &[(String, RunRecord)]) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = cells("", &RunRecord::default(), "", &ActorRecord::default());
    writer.write_record(header.iter().map(|cell| cell.0.as_str()))?;
    for (name, record) in runs {
        for (actor, figures) in &record.actors {
            writer.write_record(cells(name, record, actor, figures).into_iter().map(|cell| cell.1))?;
        }
    }
    let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Recordings of other programs as CSV: a row for each group of threads of each.
///
/// # Errors
///
/// [`csv::Error`] when a row cannot be written.
pub fn observed_csv(runs: &[(String, RunRecord)]) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = group_cells("", &RunRecord::default(), "", &ThreadGroup::default());
    writer.write_record(header.iter().map(|cell| cell.0.as_str()))?;
    for (name, record) in runs {
        for (group, time) in record.observed.iter().flat_map(|observed| &observed.groups) {
            writer.write_record(group_cells(name, record, group, time).into_iter().map(|cell| cell.1))?;
        }
    }
    let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn group_cells(name: &str, record: &RunRecord, group: &str, time: &ThreadGroup) -> Vec<(String, String)> {
    let mut cells: Vec<(String, String)> = Vec::new();
    let mut add =
        |title: &str, value: &dyn ToString| cells.push((title.to_owned(), harmless(&value.to_string())));
    add("record", &name);
    add("program", &record.scenario.name);
    add("engine", &record.engine);
    add("cores", &record.treatment.cores);
    add("trustworthy", &record.trustworthy);
    add("window_ns", &record.window.length_ns);
    add("group", &group);
    add("threads", &time.threads);
    add("wall_ns", &time.wall_ns);
    add("on_cpu_ns", &time.on_cpu_ns);
    add("run_queue_ns", &time.run_queue_ns);
    for cause in BlockedBy::ALL {
        let blocked = time.blocked_ns.get(&cause).copied().unwrap_or(0);
        add(&format!("blocked_{}_ns", cause.key()), &blocked);
    }
    add("voluntary_switches", &time.voluntary_switches);
    add("involuntary_switches", &time.involuntary_switches);
    cells
}

/// Column titles with their values, so that neither can drift from the other.
fn cells(name: &str, record: &RunRecord, actor: &str, figures: &ActorRecord) -> Vec<(String, String)> {
    let treatment = &record.treatment;
    let mut cells: Vec<(String, String)> = Vec::new();
    let mut add =
        |title: &str, value: &dyn ToString| cells.push((title.to_owned(), harmless(&value.to_string())));
    add("record", &name);
    add("scenario", &record.scenario.name);
    add("scenario_digest", &record.scenario.digest);
    add("engine", &record.engine);
    add("seed", &record.seed);
    add("replicate", &record.replicate);
    add("threads", &treatment.threads);
    add("queue", &treatment.queue);
    add("cache", &treatment.cache.as_deref().unwrap_or_default());
    add("load", &treatment.load);
    add("cores", &treatment.cores);
    add("trustworthy", &record.trustworthy);
    add("partial", &record.partial);
    add("instrumented", &record.instrumented);
    let codes: Vec<&str> = record.warnings.iter().map(|warning| warning.code.as_str()).collect();
    add("warnings", &codes.join(" "));
    add("window_ns", &record.window.length_ns);
    add("actor", &actor);
    add("focus", &(actor == treatment.focus));
    add("issued", &figures.issued);
    add("completed", &figures.completed);
    add("completed_in_window", &figures.completed_in_window.unwrap_or(figures.completed));
    add("refused", &figures.refused);
    add("in_flight", &figures.in_flight);
    add("throughput_per_s", &figures.throughput_per_s);
    distribution(&mut add, "sojourn_ns", &figures.sojourn_ns);
    distribution(&mut add, "wait_ns", &figures.wait_ns);
    distribution(&mut add, "service_ns", &figures.service_ns);
    distribution(&mut add, "lock_wait_ns", &figures.lock_wait_ns);
    distribution(&mut add, "run_queue_ns", &figures.run_queue_ns);
    add("share_execution", &figures.shares.execution);
    add("share_lock_acquisition", &figures.shares.lock_acquisition);
    add("share_context_switching", &figures.shares.context_switching);
    breakdown(&mut add, "breakdown_mean_ns", &figures.breakdown_mean_ns);
    breakdown(&mut add, "breakdown_p99_ns", &figures.breakdown_p99_ns);
    cells
}

/// A cell that a spreadsheet takes literally: what begins as a formula does gets an apostrophe before it.
fn harmless(cell: &str) -> String {
    let shown = Printable(cell).to_string();
    let formula = shown.starts_with(['=', '+', '-', '@']) && shown.parse::<f64>().is_err();
    if formula { format!("'{shown}") } else { shown }
}

fn distribution(add: &mut impl FnMut(&str, &dyn ToString), prefix: &str, of: &Distribution) {
    add(&format!("{prefix}_mean"), &of.mean);
    add(&format!("{prefix}_stddev"), &of.stddev);
    for (figure, value) in [
        ("min", of.min),
        ("p50", of.p50),
        ("p90", of.p90),
        ("p95", of.p95),
        ("p99", of.p99),
        ("p999", of.p999),
        ("max", of.max),
        ("count", of.count),
    ] {
        add(&format!("{prefix}_{figure}"), &value);
    }
}

fn breakdown(add: &mut impl FnMut(&str, &dyn ToString), prefix: &str, of: &Breakdown) {
    for (cause, value) in of.parts() {
        if cause.is_special() && value <= 0.0 {
            continue;
        }
        add(&format!("{prefix}_{cause}"), &value);
    }
}
