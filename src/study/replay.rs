//! A scenario beside recordings of the system that it describes: figure by figure, by actor and kind of request.
//!
//! The load is the recorded one where a recording has instants and the scenario's load is open; a closed load stays closed,
//! since its arrivals depend on what it waits for. Several recordings show how far the system differs from itself: a
//! prediction that lies among them is as good as another recording.

use super::metric::{Carries, Metric};
use super::parallel;
use super::stats::{Estimate, mean_interval};
use super::trial::{SharedEngine, StudyError, Watch, round_seed};
use crate::engine::{Experiment, Progress};
use crate::measure::RunRecord;
use crate::measure::record::Distribution;
use crate::scenario::{Load, Scenario};
use crate::units::Nanos;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs in virtual time behind each prediction.
const RUNS: u32 = 8;
/// Most tasks of a run.
const MAX_TASKS: u64 = 50_000;

/// The figures of one actor, or of one kind of its tasks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// Tasks behind the figures.
    pub tasks: u64,
    /// Sojourn times in nanoseconds and throughput per second; only what so many tasks carry.
    pub figures: BTreeMap<Metric, f64>,
}

impl Group {
    /// Figures of sojourn times in nanoseconds, of tasks that came at `rate` per second.
    #[must_use]
    pub fn of_times(mut times: Vec<u64>, rate: f64) -> Self {
        times.sort_unstable();
        let Some(last) = times.len().checked_sub(1) else { return Self::default() };
        let at = |share: usize| times[(times.len() * share).div_ceil(100).saturating_sub(1).min(last)];
        #[expect(clippy::cast_precision_loss, reason = "nanoseconds of a task, below 2^53")]
        let mean = times.iter().map(|&time| time as f64).sum::<f64>() / times.len() as f64;
        Self::of(times.len() as u64, mean, [at(50), at(90), at(99)].map(Some), rate)
    }

    /// Figures of a record's actor or kind; percentiles that unfinished tasks reach into are left out.
    fn of_record(tasks: u64, times: &Distribution, rate: f64) -> Self {
        let known = |value: u64| (!times.is_lower_bound(value)).then_some(value);
        Self::of(tasks, times.mean, [times.p50, times.p90, times.p99].map(known), rate)
    }

    fn of(tasks: u64, mean: f64, percentiles: [Option<u64>; 3], rate: f64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "nanoseconds of a task, below 2^53")]
        let percentiles = percentiles.map(|value| value.map(|value| value as f64));
        let [p50, p90, p99] = percentiles;
        let figures = [
            (Metric::Throughput, Some(rate)),
            (Metric::Mean, Some(mean)),
            (Metric::P50, p50),
            (Metric::P90, p90),
            (Metric::P99, p99),
        ];
        let carried = |metric: Metric| metric.carried_by(tasks) != Carries::No;
        let figures = figures
            .into_iter()
            .filter_map(|(metric, value)| Some((metric, value.filter(|_| carried(metric))?)))
            .filter(|(_, value)| value.is_finite() && *value > 0.0)
            .collect();
        Self { tasks, figures }
    }
}

/// What was recorded of a system in one go.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    /// Figures by actor (`web`) and by actor and kind (`web.get`).
    pub groups: BTreeMap<String, Group>,
    /// Requests from outside, by actor.
    pub arrivals: BTreeMap<String, Arrived>,
}

/// When the requests of an actor came, and of which kind they were.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arrived {
    /// Instants from the first on; ascending.
    pub instants: Vec<Nanos>,
    /// Name of the kind of each; empty: not recorded.
    pub kinds: Vec<String>,
}

impl Recording {
    /// What a record has: figures, and no instants.
    #[must_use]
    pub fn of_record(record: &RunRecord) -> Self {
        let mut groups = BTreeMap::new();
        for (name, actor) in &record.actors {
            let whole = Group::of_record(actor.completed, &actor.sojourn_ns, actor.throughput_per_s);
            groups.insert(name.clone(), whole);
            for (kind, of) in &actor.kinds {
                let one = Group::of_record(of.completed, &of.sojourn_ns, of.throughput_per_s);
                groups.insert(format!("{name}.{kind}"), one);
            }
        }
        groups.retain(|_, group: &mut Group| group.tasks > 0);
        Self { groups, arrivals: BTreeMap::new() }
    }
}

/// How a prediction stands beside the recordings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fidelity {
    /// Within 10 % for means and throughput, 20 % for percentiles.
    Good,
    /// Further off, but between the least and the largest of several recordings.
    WithinRecordings,
    /// Further off than both.
    Missed,
}

/// One figure, recorded and predicted: nanoseconds, or per second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReplayedFigure {
    /// The actor, or the actor and the kind of its tasks.
    pub of: String,
    /// Which.
    pub metric: Metric,
    /// Tasks behind it in all recordings.
    pub tasks: u64,
    /// As recorded: mean of the recordings, the least and the largest.
    pub recorded: (f64, f64, f64),
    /// As predicted, with its 95 % interval.
    pub predicted: Estimate,
    /// `predicted / recorded − 1`.
    pub error: f64,
    /// How it stands.
    pub fidelity: Fidelity,
}

/// A scenario beside recordings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Replayed {
    /// Name of the scenario.
    pub scenario: String,
    /// First of the seeds.
    pub seed: u64,
    /// Recordings.
    pub recordings: usize,
    /// Actors whose recorded arrivals were replayed at their instants.
    pub replayed: Vec<String>,
    /// The figures, by actor and kind.
    pub figures: Vec<ReplayedFigure>,
    /// Groups of the recordings that the scenario does not have.
    pub unknown: Vec<String>,
}

/// Runs `scenario` in virtual time and sets its figures beside those of `recordings`; `recorded_load` replays recorded
/// arrivals where the scenario's load is open.
///
/// # Errors
///
/// [`StudyError::Refused`] when the scenario has none of the recorded actors; [`StudyError::Interrupted`] when the user
/// stopped it; [`StudyError`] of a run that failed.
pub fn replay(
    scenario: &Scenario,
    recordings: &[Recording],
    recorded_load: bool,
    engine: &SharedEngine,
    progress: &Progress,
    watch: Watch<'_>,
) -> Result<Replayed, StudyError> {
    let seed = scenario.run.seed;
    let mut replayed = Vec::new();
    let scenarios: Vec<Scenario> = recordings
        .iter()
        .map(|recording| {
            let (loaded, actors) = loaded(scenario, recording, recorded_load);
            replayed.extend(actors.into_iter().filter(|name| !replayed.contains(name)).collect::<Vec<_>>());
            loaded
        })
        .collect();
    let (done, most) = (AtomicUsize::new(0), RUNS as usize * scenarios.len().max(1));
    watch(0, most);
    // One recording after the other in turn, so that each has its share of the runs' spread.
    let jobs: Vec<(u32, &Scenario)> =
        (0..RUNS).flat_map(|round| scenarios.iter().map(move |scenario| (round, scenario))).collect();
    let records = parallel::map(&jobs, |(round, scenario)| {
        if progress.stopped() {
            return None;
        }
        let mut experiment = Experiment::new((*scenario).clone(), scenario.run.load);
        (experiment.replicate, experiment.seed) = (*round, round_seed(seed, *round));
        let output = engine.run(&experiment, progress);
        watch(done.fetch_add(1, Ordering::Relaxed) + 1, most);
        let found = output.map(|output| Recording::of_record(&output.record));
        Some(found.map_err(|source| StudyError::Engine { arm: scenario.name.clone(), source }))
    });
    if progress.stopped() {
        return Err(StudyError::Interrupted { complete: Vec::new() });
    }
    let predicted: Vec<Recording> = records.into_iter().flatten().collect::<Result<_, _>>()?;
    let mut unknown: Vec<String> = recordings.iter().flat_map(|one| one.groups.keys().cloned()).collect();
    unknown.sort();
    unknown.dedup();
    let known: Vec<String> = unknown
        .iter()
        .filter(|name| predicted.iter().any(|one| one.groups.contains_key(*name)))
        .cloned()
        .collect();
    unknown.retain(|name| !known.contains(name));
    if known.is_empty() {
        let names: Vec<&str> = scenario.actors.iter().map(|actor| actor.name.as_str()).collect();
        return Err(StudyError::Refused(format!(
            "the recordings have {}, and the scenario runs tasks of {}: expected at least one name in common",
            unknown.join(", "),
            names.join(", ")
        )));
    }
    let figures = known.iter().flat_map(|name| figures(name, recordings, &predicted)).collect();
    Ok(Replayed {
        scenario: scenario.name.clone(),
        seed,
        recordings: recordings.len(),
        replayed,
        figures,
        unknown,
    })
}

/// `scenario` under the load of `recording`, and the actors whose arrivals that has.
fn loaded(scenario: &Scenario, recording: &Recording, recorded_load: bool) -> (Scenario, Vec<String>) {
    let mut loaded = scenario.clone();
    let mut replayed = Vec::new();
    let mut end = Nanos::ZERO;
    for actor in loaded.actors.iter_mut().filter(|_| recorded_load) {
        let Some(Arrived { instants, kinds }) = recording.arrivals.get(&actor.name) else { continue };
        let (Load::Open { rate, .. }, Some(last)) = (&mut actor.load, instants.last()) else { continue };
        if *last == Nanos::ZERO {
            continue;
        }
        #[expect(clippy::cast_precision_loss, reason = "a mean rate")]
        let mean = instants.len() as f64 / last.as_secs_f64();
        *rate = mean;
        actor.pattern.phases.clear();
        actor.pattern.recorded = Some(Arc::from(instants.as_slice()));
        // Kinds that the scenario does not have are drawn by its mix.
        let number = |name: &String| actor.kinds.iter().position(|kind| kind.name == *name);
        let numbers: Option<Vec<usize>> = kinds.iter().map(number).collect();
        actor.pattern.recorded_kinds =
            numbers.filter(|numbers| numbers.len() == instants.len()).map(Arc::from);
        end = end.max(*last);
        replayed.push(actor.name.clone());
    }
    let focus = &scenario.actors[scenario.focus].name;
    let observed = recording.groups.get(focus).map_or(0, |group| group.tasks);
    if replayed.is_empty() {
        loaded.run.tasks = Some(observed.clamp(200, MAX_TASKS));
        loaded.run.duration = None;
    } else {
        // As the recording: from its first request to its last.
        (loaded.run.tasks, loaded.run.duration, loaded.run.warmup) = (None, Some(end), Nanos::ZERO);
    }
    (loaded, replayed)
}

fn figures(name: &str, recordings: &[Recording], predicted: &[Recording]) -> Vec<ReplayedFigure> {
    let of = |all: &[Recording], metric: Metric| -> Vec<f64> {
        all.iter().filter_map(|one| one.groups.get(name)?.figures.get(&metric).copied()).collect()
    };
    let tasks = recordings.iter().filter_map(|one| one.groups.get(name)).map(|group| group.tasks).sum();
    [Metric::Throughput, Metric::Mean, Metric::P50, Metric::P90, Metric::P99]
        .into_iter()
        .filter_map(|metric| {
            let seen = of(recordings, metric);
            let model = of(predicted, metric);
            if seen.is_empty() || model.is_empty() {
                return None;
            }
            #[expect(clippy::cast_precision_loss, reason = "a handful of recordings")]
            let mean = seen.iter().sum::<f64>() / seen.len() as f64;
            let least = seen.iter().copied().fold(f64::INFINITY, f64::min);
            let largest = seen.iter().copied().fold(0.0, f64::max);
            let predicted = mean_interval(&model, 0.95);
            let error = predicted.value / mean - 1.0;
            let fidelity = judge(metric, error, (least..=largest).contains(&predicted.value));
            Some(ReplayedFigure {
                of: name.to_owned(),
                metric,
                tasks,
                recorded: (mean, least, largest),
                predicted,
                error,
                fidelity,
            })
        })
        .collect()
}

fn judge(metric: Metric, error: f64, among_recordings: bool) -> Fidelity {
    let tolerance = if matches!(metric, Metric::Mean | Metric::Throughput) { 0.10 } else { 0.20 };
    if error.abs() <= tolerance {
        Fidelity::Good
    } else if among_recordings {
        Fidelity::WithinRecordings
    } else {
        Fidelity::Missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::VirtualEngine;

    const WEB: &str = r#"
        schema = 1
        name = "web"
        [run]
        warmup = "0s"
        tasks = 1000
        [host]
        ideal = true
        [actor.web]
        threads = 1
        load = { rate = "500/s" }
        steps = [{ name = "s", io = "1ms" }]
    "#;

    fn recorded(times: Vec<u64>, rate: f64, instants: Vec<Nanos>) -> Recording {
        Recording {
            groups: BTreeMap::from([("web".to_owned(), Group::of_times(times, rate))]),
            arrivals: BTreeMap::from([("web".to_owned(), Arrived { instants, kinds: Vec::new() })]),
        }
    }

    fn replayed(text: &str, recordings: &[Recording]) -> Result<Replayed, StudyError> {
        let scenario = Scenario::parse(text, "web.toml").unwrap();
        replay(&scenario, recordings, true, &VirtualEngine::ideal(), &Progress::default(), &|_, _| {})
    }

    /// Requests every 2 ms never meet in a server of 1 ms, whatever the scenario's own rhythm is.
    #[test]
    fn recorded_instants_replace_the_rhythm_of_an_open_load() {
        let instants: Vec<Nanos> = (0..600).map(|number| Nanos(2_000_000 * number)).collect();
        let found = replayed(WEB, &[recorded(vec![1_000_000; 600], 500.0, instants)]).unwrap();
        assert_eq!(found.replayed, ["web"]);
        assert_eq!(found.figures.len(), 5);
        for figure in &found.figures {
            assert!(figure.error.abs() < 0.01 && figure.fidelity == Fidelity::Good, "{figure:?}");
        }
    }

    /// The same under Poisson arrivals has a queue: a replay that kept the scenario's rhythm would be found out.
    #[test]
    fn a_rhythm_of_its_own_is_missed() {
        let recording =
            Recording { arrivals: BTreeMap::new(), ..recorded(vec![1_000_000; 600], 500.0, vec![]) };
        let found = replayed(WEB, &[recording]).unwrap();
        let mean = found.figures.iter().find(|figure| figure.metric == Metric::Mean).unwrap();
        // M/D/1 at half its capacity: 1.5 ms.
        assert!((mean.error - 0.5).abs() < 0.1 && mean.fidelity == Fidelity::Missed, "{mean:?}");
    }

    #[test]
    fn a_closed_load_stays_closed() {
        let text = WEB.replace("rate = \"500/s\"", "clients = 1");
        let instants: Vec<Nanos> = (0..600).map(|number| Nanos(1_000_000 * number)).collect();
        let found = replayed(&text, &[recorded(vec![1_000_000; 600], 1000.0, instants)]).unwrap();
        assert!(found.replayed.is_empty());
        assert!(found.figures.iter().all(|figure| figure.fidelity == Fidelity::Good), "{found:?}");
    }

    #[test]
    fn what_lies_among_the_recordings_is_as_good_as_another_recording() {
        assert_eq!(judge(Metric::Mean, 0.3, true), Fidelity::WithinRecordings);
        assert_eq!(judge(Metric::Mean, 0.3, false), Fidelity::Missed);
        assert_eq!(judge(Metric::P99, 0.19, false), Fidelity::Good);
        assert_eq!(judge(Metric::Mean, 0.19, false), Fidelity::Missed);
    }

    #[test]
    fn recordings_of_other_actors_are_refused_with_both_names() {
        let other = Recording {
            groups: BTreeMap::from([("shop".to_owned(), Group::of_times(vec![5; 10], 1.0))]),
            arrivals: BTreeMap::new(),
        };
        let error = replayed(WEB, &[other]).unwrap_err().to_string();
        assert!(error.contains("shop") && error.contains("web"), "{error}");
    }
}
