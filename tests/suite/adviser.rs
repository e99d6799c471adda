//! The adviser's predictions, on an engine whose truth is planted: only the interpreter lock's interval moves its p99.

use conlab::engine::{Engine, EngineError, Experiment, Progress, RunOutput};
use conlab::measure::RunRecord;
use conlab::measure::record::{ActorRecord, Breakdown, Distribution, TreatmentRecord};
use conlab::scenario::{LockKind, Scenario};
use conlab::study::stats::Estimate;
use conlab::study::{Against, Explanation, Mechanism, Metric, Part, Split, next_experiment};

/// Ten milliseconds, and ten intervals where there is an interpreter lock; a thousandth of noise by seed.
struct Planted;

impl Engine for Planted {
    fn name(&self) -> &'static str {
        "planted"
    }

    fn run(&self, experiment: &Experiment, _progress: &Progress) -> Result<RunOutput, EngineError> {
        let intervals = experiment.scenario.locks.iter().map(|lock| match lock.kind {
            LockKind::Gil { interval, .. } => interval.0 as f64,
            _ => 0.0,
        });
        let noise = 1.0 + 0.001 * (experiment.seed % 5) as f64;
        let p99 = (10e6 + 10.0 * intervals.sum::<f64>()) * noise;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some milliseconds")]
        let at = p99 as u64;
        let sojourn = Distribution {
            mean: p99 / 2.0,
            p50: at / 2,
            p99: at,
            max: at,
            count: 5000,
            ..Distribution::default()
        };
        let focus = experiment.scenario.actors[experiment.scenario.focus].name.clone();
        let actor = ActorRecord {
            issued: 5000,
            completed: 5000,
            throughput_per_s: 100.0,
            sojourn_ns: sojourn,
            breakdown_mean_ns: Breakdown { execution: p99 / 2.0, ..Breakdown::default() },
            ..ActorRecord::default()
        };
        let record = RunRecord {
            engine: "planted".into(),
            seed: experiment.seed,
            trustworthy: true,
            treatment: TreatmentRecord { focus: focus.clone(), ..TreatmentRecord::default() },
            actors: [(focus, actor)].into(),
            ..RunRecord::default()
        };
        Ok(RunOutput { record, sojourn: Vec::new() })
    }
}

const SCENARIO: &str = r#"
schema = 1
name = "two locks"
run = { tasks = 1000, seed = 3 }
lock.interpreter = { kind = "gil", interval = "5ms" }
lock.registry = { kind = "mutex" }
[actor.a]
focus = true
under = "interpreter"
threads = 2
load = { clients = 2 }
steps = [{ name = "s", compute = "1ms", lock = "registry" }]
"#;

fn about(value: f64) -> Estimate {
    Estimate::new(value, value * 0.9, value * 1.1, 6)
}

#[test]
fn each_prediction_is_that_of_its_own_hypothesis() {
    let scenario = Scenario::parse(SCENARIO, "test").unwrap();
    let part = |mechanism: Mechanism, effect: f64| Part {
        mechanism: Some(mechanism),
        cause: mechanism.name().into(),
        effect: about(effect),
        share: Some(about(effect / 50e6)),
        leave_one_out: about(effect),
        only_one: about(effect),
    };
    for (first, second) in [(35e6, 15e6), (15e6, 35e6)] {
        let explanation = Explanation {
            scenario: scenario.name.clone(),
            question: String::new(),
            focus: "a".into(),
            engine: "planted".into(),
            seed: 3,
            rounds: 6,
            runs_per_round: 4,
            tasks: 1000,
            level: 0.95,
            against: Against::Isolated,
            neighbours: Vec::new(),
            mechanisms: Vec::new(),
            kept: Vec::new(),
            splits: vec![Split {
                metric: Metric::P99,
                baseline: about(60e6),
                other: about(10e6),
                gap: about(50e6),
                shown: true,
                barely: false,
                parts: vec![part(Mechanism::Interpreter, first), part(Mechanism::Locks, second)],
                interactions: Vec::new(),
            }],
            waterfall_mean: conlab::explain::Waterfall::default(),
            waterfall_p99: conlab::explain::Waterfall::default(),
            warnings: Vec::new(),
        };
        let next = next_experiment(&scenario, &explanation, &Planted, 4, &Progress::default()).unwrap();
        let next = next.expect("the interval tells the two apart");
        assert!(next.action.contains("switch interval"), "{}", next.action);
        let change = |cause: Mechanism| {
            let found = next.predictions.iter().find(|one| one.cause == cause.name()).unwrap();
            found.change.value
        };
        // 60 ms become 15 ms where the interpreter lock is the cause; nothing happens where it is not there.
        assert!((change(Mechanism::Interpreter) + 0.75).abs() < 0.02, "{}", change(Mechanism::Interpreter));
        assert!(change(Mechanism::Locks).abs() < 0.02, "{}", change(Mechanism::Locks));
    }
}
