//! Studies: experiments designed, run through any engine, and judged.

mod ablation;
mod compare;
mod explain;
mod gate;
mod metric;
pub mod stats;
mod trial;

pub use ablation::{Mechanism, neighbours, reaches_neighbour};
pub use compare::{
    AgainstStored, Candidate, CompareOptions, Compared, Comparison, Figure, Stop, StoredFigure, Verdict,
    absolute, against_stored, compare,
};
pub use explain::{Ablated, Against, ExplainOptions, Explanation, PairEffect, Part, Split, explain};
pub use gate::{Gate, GateResult};
pub use metric::{Carries, Metric, Observation, Unit};
pub use trial::{Arm, SharedEngine, StudyError, Watch, round_seed, run_rounds};

/// An actor of three threads in focus and a neighbour of two, under one interpreter lock and one mutex.
#[cfg(test)]
fn sample_scenario() -> crate::scenario::Scenario {
    use crate::queue::QueueKind;
    use crate::scenario::{ActorSpec, HostSpec, Load, LockKind, LockSpec, RunSpec, Scenario, StepSpec};
    use crate::units::Nanos;
    use crate::workload::Draw;
    let actor = |name: &str, threads: usize| {
        let mut step = StepSpec::named("work");
        step.compute = Some(Draw::constant(Nanos::from_micros(100)));
        step.under = Some(0);
        step.lock = Some(1);
        let load = Load::Closed { clients: threads, think: Draw::constant(Nanos::ZERO) };
        ActorSpec {
            name: name.into(),
            threads,
            queue: QueueKind::Mutex,
            capacity: 64,
            load,
            steps: vec![step],
        }
    };
    let gil = LockKind::Gil { interval: Nanos::from_millis(5), check: Nanos::from_micros(1) };
    let lock = |name: &str, kind| LockSpec { name: name.into(), kind };
    Scenario {
        name: "sample".into(),
        question: String::new(),
        source: String::new(),
        run: RunSpec { tasks: Some(200), duration: None, warmup: Nanos::ZERO, seed: 18, replicates: 1 },
        host: HostSpec { cores: Some(2), ..HostSpec::default() },
        locks: vec![lock("interpreter", gil), lock("registry", LockKind::Mutex)],
        caches: Vec::new(),
        stores: Vec::new(),
        actors: vec![actor("agents", 3), actor("ryot", 2)],
        focus: 0,
        isolated: vec![0],
    }
}
