//! Every built-in scenario's run in virtual time, exported as a trace and as an access log, imported, and run again: the same mean and
//! p99, or a cause that no recording shows.

use super::importing::keep;
use conlab::engine::{Engine, Experiment, Progress, VirtualEngine};
use conlab::import::{Imported, Source, of_log, of_spans, read, system};
use conlab::measure::RunRecord;
use conlab::measure::record::Distribution;
use conlab::report::{requests::requests, trace::trace};
use conlab::scenario::{EMBEDDED, Embedded, LoadArm, Overrides, Scenario, Treatment};
use conlab::study::Metric;
use conlab::study::replay::{Arrived, Recording, replay};
use conlab::units::Nanos;
use std::collections::BTreeMap;
use std::path::Path;

/// Measured tasks of a run.
const TASKS: u64 = 2000;
/// Scenarios that cost more for each task.
const FEWER: &[(&str, u64)] = &[("false-sharing", 100), ("tail-at-scale", 300)];
/// What is as far off as the third and fourth figures say, of the trace's mean and p99, and why no recording of requests shows it.
const NOT_IDENTIFIABLE: &[(&str, f64, f64, &str)] = &[
    (
        "agents",
        0.1,
        0.15,
        "which waits for the interpreter lock fall together: they are drawn for each task alone",
    ),
    (
        "retry-storm",
        0.8,
        0.1,
        "deadlines and retries: who gives up when is in no span, so attempts are calls of their own",
    ),
    ("tail-at-scale", 0.05, 0.05, "chance: 300 means over the slowest of a hundred answers are known to 4 %"),
    ("thundering-herd", 0.03, 0.05, "as agents: herds of 32 meet at one lock"),
    ("phase-18f", 0.02, 0.1, "as agents"),
    ("unbalanced-processes", 0.1, 0.2, "which instance a task goes to: it is drawn again, as by chance"),
];

fn run(scenario: &Scenario, spans: usize) -> RunRecord {
    let mut experiment = Experiment::new(scenario.treated(&Treatment::default()), LoadArm::Baseline);
    experiment.timeline_spans = spans;
    VirtualEngine::default().run(&experiment, &Progress::default()).unwrap().record
}

fn sojourn(record: &RunRecord) -> &Distribution {
    &record.actors[&record.treatment.focus].sojourn_ns
}

/// Relative errors of mean and p99 when `imported` runs, under the load that was imported and at the recorded instants.
#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a task")]
fn errors(folder: &Path, imported: &Imported, observed: &RunRecord) -> [f64; 4] {
    keep(folder, imported, "again");
    let file = folder.join("again.toml");
    let completed = observed.actors[&observed.treatment.focus].completed;
    let overrides = Overrides { tasks: Some(completed), seed: Some(7), ..Overrides::default() };
    let scenario = Scenario::load(file.to_str().unwrap(), &overrides)
        .unwrap_or_else(|error| panic!("{error}\n{}", imported.scenario));
    let again = run(&scenario, 0);
    let (of, again) = (sojourn(observed), sojourn(&again));
    let arrivals = imported.arrivals.iter().map(|(actor, all)| {
        let instants = all.iter().map(|(at, _)| Nanos(at - all[0].0)).collect();
        let kinds = all.iter().map(|(_, kind)| kind.clone()).filter(|kind| !kind.is_empty()).collect();
        (actor.clone(), Arrived { instants, kinds })
    });
    let mut recording = Recording { arrivals: arrivals.collect(), ..Recording::of_record(observed) };
    let focus = &scenario.actors[scenario.focus].name;
    let group = recording.groups[&observed.treatment.focus].clone();
    recording.groups = BTreeMap::from([(focus.clone(), group)]);
    let engine = VirtualEngine::default();
    let found = replay(&scenario, &[recording], true, &engine, &Progress::default(), &|_, _| {}).unwrap();
    let error = |metric| {
        found.figures.iter().find(|figure| figure.metric == metric).map_or(f64::NAN, |figure| figure.error)
    };
    [
        again.mean / of.mean - 1.0,
        again.p99 as f64 / of.p99 as f64 - 1.0,
        error(Metric::Mean),
        error(Metric::P99),
    ]
}

fn by_trace(folder: &Path, record: &RunRecord) -> [f64; 4] {
    let file = folder.join("trace.json");
    std::fs::write(&file, trace(record).unwrap().0).unwrap();
    let Source::Spans(spans) = read(&[file], None).unwrap() else { panic!("no spans") };
    let imported = of_spans(&spans, &system(&spans), 1.0, "again").unwrap();
    errors(folder, &imported, record)
}

fn by_log(folder: &Path, record: &RunRecord) -> [f64; 4] {
    let file = folder.join("requests.csv");
    std::fs::write(&file, requests(record).unwrap()).unwrap();
    let columns = "start=start_ms,duration=duration_ms,status=status,unit=ms".parse().unwrap();
    let Source::Log(log) = read(&[file], Some(&columns)).unwrap() else { panic!("no log") };
    errors(folder, &of_log(&log, "again").unwrap(), record)
}

#[test]
fn built_in_scenarios_come_back_from_a_trace_and_from_a_log() {
    let mut faults = Vec::new();
    eprintln!(
        "| scenario | n | mean, ms | p99, ms | trace: mean | p99 | replayed: mean | p99 | log: mean | p99 | replayed: mean | p99 |"
    );
    for Embedded { name, .. } in EMBEDDED {
        let tasks = FEWER.iter().find(|(few, _)| few == name).map_or(TASKS, |(_, tasks)| *tasks);
        let overrides = Overrides { tasks: Some(tasks), seed: Some(18), ..Overrides::default() };
        let scenario = Scenario::load(name, &overrides).unwrap();
        let record = run(&scenario, 60_000);
        let folder = tempfile::tempdir().unwrap();
        let [traced, logged] = [by_trace(folder.path(), &record), by_log(folder.path(), &record)];
        let of = sojourn(&record);
        let shown: Vec<String> =
            traced.iter().chain(&logged).map(|error| format!("{:+.1} %", 100.0 * error)).collect();
        eprintln!(
            "| {name} | {} | {:.3} | {:.3} | {} |",
            record.actors[&record.treatment.focus].completed,
            of.mean / 1e6,
            of.p99 as f64 / 1e6,
            shown.join(" | ")
        );
        let known = NOT_IDENTIFIABLE.iter().find(|(known, ..)| known == name);
        if let Some((.., why)) = known {
            eprintln!("| | | | | {why} |");
        }
        for (way, [.., mean, p99]) in [("trace", traced), ("log", logged)] {
            let known = known.filter(|_| way == "trace");
            let (most_mean, most_p99) = known.map_or((0.02, 0.05), |known| (known.1, known.2));
            if mean.abs() > most_mean || p99.abs() > most_p99 || mean.is_nan() || p99.is_nan() {
                faults.push(format!("{name}: {way}: mean {mean:+.3}, p99 {p99:+.3}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
