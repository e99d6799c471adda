//! `explain` on gaps whose causes are planted by formula: shares, sums, interactions, and silence where nothing is.

use super::fake::scenario;
use conlab::engine::{Engine, EngineError, Experiment, Progress, RunOutput};
use conlab::measure::RunRecord;
use conlab::measure::record::{ActorRecord, Distribution, TreatmentRecord};
use conlab::queue::QueueKind;
use conlab::random::{Source, Stream};
use conlab::scenario::{Load, LockKind, LockSpec, Scenario};
use conlab::study::{Against, ExplainOptions, Explanation, Mechanism, Metric, StudyError, explain};
use conlab::units::Nanos;

/// Sojourn = 10 ms + what each mechanism costs while a neighbour is loaded, with noise by run.
#[derive(Debug, Default)]
struct Formula {
    interpreter: f64,
    locks: f64,
    switching: f64,
    /// Only when both the interpreter lock and other locks exist.
    both: f64,
    direct: f64,
    noise: f64,
}

impl Engine for Formula {
    fn name(&self) -> &'static str {
        "virtual"
    }

    fn run(&self, experiment: &Experiment, _progress: &Progress) -> Result<RunOutput, EngineError> {
        let scenario = &experiment.scenario;
        let there = |lock: usize| f64::from(u8::from(scenario.locks[lock].kind != LockKind::Absent));
        let loaded = f64::from(u8::from(scenario.actors[1].load != Load::None));
        let mut extra = self.interpreter * there(0) + self.locks * there(1) + self.both * there(0) * there(1);
        extra += self.switching * scenario.host.factors.switch + self.direct;
        // A word of the scenario enters, so that cells of one round are as independent as runs on a host.
        let cell = (there(0) + 2.0 * there(1) + 4.0 * scenario.host.factors.switch + 8.0 * loaded).to_bits();
        let mut stream = Stream::new(experiment.seed, Source::Scheduler, cell, 0);
        let noise = self.noise * (stream.unit() + stream.unit() + stream.unit() - 1.5);
        let sojourn = 10e6 + extra * loaded + noise;
        let focus = &scenario.actors[scenario.focus];
        let actor = ActorRecord {
            completed: 2_000,
            throughput_per_s: 1e9 / sojourn,
            sojourn_ns: Distribution {
                mean: sojourn,
                p99: Nanos(2).scaled(sojourn).0,
                ..Distribution::default()
            },
            ..ActorRecord::default()
        };
        let record = RunRecord {
            treatment: TreatmentRecord { focus: focus.name.clone(), ..TreatmentRecord::default() },
            actors: [(focus.name.clone(), actor)].into(),
            ..RunRecord::default()
        };
        Ok(RunOutput { record, sojourn: Vec::new() })
    }
}

/// Two actors under an interpreter lock and a mutex; the second is a neighbour.
fn neighbourly() -> Scenario {
    let mut scenario = scenario(QueueKind::Mutex, 2, 2_000);
    let gil = LockKind::Gil { interval: Nanos::from_millis(5), check: Nanos::from_micros(1) };
    for (name, kind) in [("interpreter", gil), ("registry", LockKind::Mutex)] {
        scenario.locks.push(LockSpec::new(name, kind));
    }
    let mut neighbour = scenario.actors[0].clone();
    neighbour.name = "ryot".into();
    scenario.actors.push(neighbour);
    scenario.actors[0].steps[0].under = Some(0);
    scenario.actors[0].steps[0].lock = Some(1);
    scenario
}

fn explained(engine: &Formula) -> Explanation {
    explain(&neighbourly(), engine, &ExplainOptions::default(), &Progress::default(), &|_, _| {}).unwrap()
}

#[test]
fn parts_sum_to_the_gap_and_a_planted_cause_gets_it() {
    for (engine, expected) in [
        (Formula { interpreter: 3e6, noise: 1e5, ..Formula::default() }, [1.0, 0.0, 0.0, 0.0]),
        (Formula { locks: 3e6, noise: 1e5, ..Formula::default() }, [0.0, 1.0, 0.0, 0.0]),
        (Formula { switching: 3e6, noise: 1e5, ..Formula::default() }, [0.0, 0.0, 1.0, 0.0]),
        (Formula { direct: 3e6, noise: 1e5, ..Formula::default() }, [0.0, 0.0, 0.0, 1.0]),
        (
            Formula { interpreter: 4e6, locks: 2e6, noise: 1e5, ..Formula::default() },
            [2.0 / 3.0, 1.0 / 3.0, 0.0, 0.0],
        ),
        (Formula { both: 4e6, noise: 1e5, ..Formula::default() }, [0.5, 0.5, 0.0, 0.0]),
    ] {
        let found = explained(&engine);
        for split in &found.splits {
            let sum: f64 = split.parts.iter().map(|part| part.effect.value).sum();
            assert!((sum - split.gap.value).abs() <= 1e-9 * split.gap.value.abs(), "{engine:?}");
        }
        let mean = found.split(Metric::Mean).unwrap();
        assert!(mean.shown);
        // No worker is short in this formula.
        let parts = mean.parts.iter().filter(|part| part.mechanism != Some(Mechanism::Workers));
        for (part, expected) in parts.zip(expected) {
            let share = part.share.unwrap();
            // The interval is wider than the truth is far, in all but one of twenty; twice that is never.
            assert!(
                (share.value - expected).abs() <= 2.0 * share.half_width,
                "{engine:?}: {} {share:?}",
                part.cause
            );
            assert!((share.value - expected).abs() < 0.1, "{engine:?}: {} {share:?}", part.cause);
        }
    }
}

#[test]
fn causes_that_need_each_other_show_as_an_interaction() {
    let found = explained(&Formula { both: 4e6, noise: 1e5, ..Formula::default() });
    let mean = found.split(Metric::Mean).unwrap();
    let strongest = mean.interactions.first().unwrap();
    assert_eq!((strongest.first, strongest.second), (Mechanism::Interpreter, Mechanism::Locks));
    assert!((strongest.effect.value - 4e6).abs() < 2e5, "{strongest:?}");
    let interpreter = mean.part(Mechanism::Interpreter).unwrap();
    assert!(interpreter.leave_one_out.value > 3.5e6 && interpreter.only_one.value.abs() < 5e5);
}

#[test]
fn no_gap_is_shared_out_where_none_is_planted() {
    let found = explained(&Formula { noise: 1e5, ..Formula::default() });
    assert!(
        found.splits.iter().all(|split| !split.shown && split.parts.iter().all(|part| part.share.is_none()))
    );
}

#[test]
fn without_neighbours_there_is_no_gap_to_explain() {
    let mut alone = neighbourly();
    alone.isolated = vec![0, 1];
    let engine = Formula { interpreter: 3e6, ..Formula::default() };
    let options = ExplainOptions::default();
    let refused = explain(&alone, &engine, &options, &Progress::default(), &|_, _| {});
    assert!(matches!(refused, Err(StudyError::Refused(why)) if why.contains("--against ideal")));
    let options = ExplainOptions { against: Against::Ideal, ..options };
    let found = explain(&alone, &engine, &options, &Progress::default(), &|_, _| {}).unwrap();
    let share = found.split(Metric::Mean).unwrap().part(Mechanism::Interpreter).unwrap().share.unwrap();
    assert!((share.value - 1.0).abs() < 0.01, "{share:?}");
}
