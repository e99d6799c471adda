//! `compare` against planted truths: how often it errs, and what it refuses.

use super::fake::{Fake, scenario};
use conlab::engine::{Engine, EngineError, Experiment, Progress, RunOutput, VirtualEngine};
use conlab::measure::record::TreatmentRecord;
use conlab::queue::QueueKind;
use conlab::scenario::{Load, LoadArm};
use conlab::study::{Arm, Candidate, CompareOptions, Comparison, Metric, Stop, StudyError, Verdict, compare};
use conlab::units::Nanos;
use conlab::workload::{Draw, Spread};
use std::sync::atomic::{AtomicU64, Ordering};

/// Compares a mutex arm with a lock-free one, whose planted effect the engine knows.
fn trial(engine: &Fake, tasks: u64, options: &CompareOptions) -> Result<Comparison, StudyError> {
    let scenarios = [QueueKind::Mutex, QueueKind::LockFree].map(|queue| scenario(queue, 2, tasks));
    let candidates: Vec<Candidate<'_>> = scenarios
        .iter()
        .map(|scenario| Candidate {
            label: scenario.actors[0].queue.name().into(),
            levels: TreatmentRecord::default(),
            arm: Arm { engine, scenario, load: LoadArm::Baseline },
        })
        .collect();
    compare(&candidates, options, &Progress::default(), &|_, _| {}).map(|(comparison, _)| comparison)
}

fn verdict(comparison: &Comparison, metric: Metric) -> Verdict {
    comparison.treatments[1].figure(metric).unwrap().verdict.unwrap()
}

#[test]
fn a_treatment_differs_from_itself_in_at_most_one_trial_of_twenty() {
    let mut wrong = 0;
    for trial_number in 0..200 {
        let engine = Fake::new(0.03, 1.0, 1_000_000 * trial_number);
        let found = trial(&engine, 1_000, &CompareOptions::default()).unwrap();
        let differs = |metric: &Metric| matches!(verdict(&found, *metric), Verdict::Better | Verdict::Worse);
        wrong += u32::from(CompareOptions::default().metrics.iter().any(differs));
    }
    assert!(wrong <= 10, "{wrong} of 200 comparisons of a treatment with itself reported a difference");
}

#[test]
fn a_difference_of_ten_percent_is_found_nine_times_in_ten() {
    let mut found = 0;
    for trial_number in 0..200 {
        let engine = Fake::new(0.03, 1.1, 1_000_000 * (1_000 + trial_number));
        let comparison = trial(&engine, 2_000, &CompareOptions::default()).unwrap();
        found += u32::from(verdict(&comparison, Metric::P50) == Verdict::Worse);
        assert_ne!(verdict(&comparison, Metric::P50), Verdict::Better);
    }
    assert!(found >= 180, "found in {found} of 200");
}

#[test]
fn a_loud_host_gets_more_rounds_and_a_quiet_one_few() {
    let options = CompareOptions { most_rounds: 12, ..CompareOptions::default() };
    let loud = trial(&Fake::new(0.3, 1.0, 7), 1_000, &options).unwrap();
    assert_eq!((loud.stopped, loud.rounds), (Stop::Limit, 12));
    assert!(loud.warnings.iter().any(|warning| warning.code == "not-precise"));
    let throughput = CompareOptions { metrics: vec![Metric::Throughput], ..options };
    let quiet = trial(&Fake::new(0.0, 1.0, 7), 20_000, &throughput).unwrap();
    assert_eq!((quiet.stopped, quiet.rounds), (Stop::Precise, 6));
    assert_eq!(verdict(&quiet, Metric::Throughput), Verdict::Same);
}

#[test]
fn a_p99_is_refused_below_its_sample_and_marked_where_it_barely_holds() {
    let options = CompareOptions { most_rounds: 6, ..CompareOptions::default() };
    let small = trial(&Fake::new(0.03, 1.0, 1), 99, &options).unwrap();
    let p99 = small.treatments[1].figure(Metric::P99).unwrap();
    assert!(p99.value.is_none() && p99.verdict.is_none());
    assert!(small.warnings.iter().any(|warning| warning.code == "sample-too-small"));
    let middling = trial(&Fake::new(0.03, 1.0, 1), 500, &options).unwrap();
    let p99 = middling.treatments[1].figure(Metric::P99).unwrap();
    assert!(p99.value.is_some() && p99.barely);
}

#[test]
fn an_observed_run_is_not_set_against_a_plain_one() {
    let mut engine = Fake::new(0.03, 1.0, 1);
    engine.instrumented = true;
    let refused = trial(&engine, 500, &CompareOptions::default());
    assert!(matches!(refused, Err(StudyError::Refused(why)) if why.contains("watch both or none")));
}

/// The virtual engine, each of whose runs draws everything anew, as a host would.
#[derive(Debug)]
struct Reseeded {
    engine: VirtualEngine,
    runs: AtomicU64,
}

impl Engine for Reseeded {
    fn name(&self) -> &'static str {
        "virtual, reseeded"
    }

    fn run(&self, experiment: &Experiment, progress: &Progress) -> Result<RunOutput, EngineError> {
        let mut experiment = experiment.clone();
        experiment.seed = self.runs.fetch_add(1, Ordering::Relaxed);
        self.engine.run(&experiment, progress)
    }
}

/// Of 200 comparisons in virtual time of a treatment with one whose steps take `factor` times as long: how many report
/// any difference, and how many find the p50 worse.
fn virtual_trials(factor: f64) -> (u32, u32) {
    let mut ours = scenario(QueueKind::Mutex, 2, 300);
    ours.actors[0].load = Load::Closed { clients: 2, think: Draw::constant(Nanos::ZERO) };
    ours.actors[0].steps[0].compute =
        Some(Draw { mean: Nanos::from_millis(1), spread: Spread::Uniform(0.3) });
    let mut theirs = ours.clone();
    theirs.actors[0].steps[0].compute =
        ours.actors[0].steps[0].compute.as_ref().map(|draw| draw.scaled(factor));
    let engine = Reseeded { engine: VirtualEngine::new(), runs: AtomicU64::new(0) };
    let candidate = |label: &str, scenario| Candidate {
        label: label.into(),
        levels: TreatmentRecord::default(),
        arm: Arm { engine: &engine, scenario, load: LoadArm::Baseline },
    };
    let candidates = [candidate("ours", &ours), candidate("theirs", &theirs)];
    let options = CompareOptions { most_rounds: 12, ..CompareOptions::default() };
    let (mut any, mut worse) = (0, 0);
    for _ in 0..200 {
        let (found, _) = compare(&candidates, &options, &Progress::default(), &|_, _| {}).unwrap();
        let differs = |metric: &Metric| matches!(verdict(&found, *metric), Verdict::Better | Verdict::Worse);
        any += u32::from(options.metrics.iter().any(differs));
        worse += u32::from(verdict(&found, Metric::P50) == Verdict::Worse);
    }
    (any, worse)
}

#[test]
fn in_virtual_time_too_a_treatment_rarely_differs_from_itself_and_a_tenth_is_found() {
    let (wrong, _) = virtual_trials(1.0);
    assert!(wrong <= 10, "{wrong} of 200 comparisons of a treatment with itself reported a difference");
    let (_, found) = virtual_trials(1.1);
    assert!(found >= 180, "found in {found} of 200");
}
