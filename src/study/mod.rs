//! Studies: experiments designed, run through any engine, and judged.

mod ablation;
pub mod claims;
mod compare;
pub mod decision;
mod explain;
pub mod fit;
mod gate;
mod knob;
mod metric;
mod model_check;
mod next;
mod parallel;
pub mod replay;
mod scaling;
mod search;
mod shortage;
pub mod stats;
mod trial;
pub mod validate;
mod whatif;

pub use ablation::{Mechanism, neighbours, reaches_neighbour};
pub use compare::{
    AgainstStored, Candidate, CompareOptions, Compared, Comparison, Figure, Stop, StoredFigure, Verdict,
    absolute, against_stored, compare, compared_runs,
};
pub use explain::{
    Ablated, Against, ExplainOptions, Explanation, PairEffect, Part, Split, explain, explained_runs,
};
pub use gate::{Gate, GateResult};
pub use knob::Knob;
pub use metric::{Carries, Metric, Observation, Unit};
pub use model_check::{
    CheckedFigure, ModelCheck, ModelDistance, check_model, key as model_key, manifest, why_not_here,
};
pub use next::{NextExperiment, Prediction, next_experiment};
pub use scaling::{Scaling, scaling};
pub use search::{MAX_SETTINGS, Over, Reached, SearchOptions, SearchResult, Setting, search, searched_runs};
pub use trial::{Arm, ListedArm, RunList, Runner, SharedEngine, StudyError, Watch, round_seed, run_rounds};
pub use whatif::{Curve, Effect, Point, Value, WhatIf, WhatIfOptions, turned_runs, whatif};

/// An actor of three threads in focus and a neighbour of two, under one interpreter lock and one mutex.
#[cfg(test)]
fn sample_scenario() -> crate::scenario::Scenario {
    let text = r#"
        schema = 1
        name = "sample"
        run = { tasks = 200, warmup = "0s", seed = 18 }
        host = { cores = 2 }
        lock.interpreter = { kind = "gil" }
        lock.registry = { kind = "mutex" }
        isolated = { load = ["agents"] }
        [actor.agents]
        focus = true
        threads = 3
        load = { clients = 3 }
        under = "interpreter"
        steps = [{ name = "work", lock = "registry", compute = "100us" }]
        [actor.ryot]
        threads = 2
        load = { clients = 2 }
        under = "interpreter"
        steps = [{ name = "work", lock = "registry", compute = "100us" }]
    "#;
    crate::scenario::Scenario::parse(text, "sample").unwrap_or_else(|error| panic!("{error}"))
}
