//! `explain` in virtual time, on scenarios in which one thing only can make the gap.

use conlab::engine::{Progress, VirtualEngine};
use conlab::scenario::Scenario;
use conlab::study::{ExplainOptions, Explanation, Mechanism, Metric, Part, Split, explain};

/// The actor in focus and its neighbours on a host with `cores` processors.
fn planted(cores: u32, shared: &str, focus: &str, neighbours: &str) -> Scenario {
    let text = format!(
        r#"
        schema = 1
        name = "planted"
        run = {{ tasks = 1000, warmup = "500ms", seed = 18 }}
        host = {{ cores = {cores} }}
        isolated = {{ load = ["agents"] }}
        {shared}
        [actor.agents]
        focus = true
        {focus}
        {neighbours}
        "#
    );
    Scenario::parse(&text, "planted").unwrap()
}

fn explained(scenario: &Scenario) -> Explanation {
    let options = ExplainOptions { seed: 18, most_rounds: 8, ..ExplainOptions::default() };
    explain(scenario, &VirtualEngine::new(), &options, &Progress::default(), &|_, _| {}).unwrap()
}

const INTERPRETER: &str = r#"lock.interpreter = { kind = "gil" }"#;
const REGISTRY: &str = r#"lock.registry = { kind = "mutex" }"#;
/// Waits three times, then works a little under the interpreter lock.
const TALKS: &str = r#"
    threads = 1
    load = { clients = 1, think = "1ms" }
    under = "interpreter"
    steps = [
        { name = "fetch", io = "4ms", spread = { uniform = 0.2 } },
        { name = "plan", compute = "300us", spread = { uniform = 0.2 } },
    ]
"#;
const HOGS_THE_INTERPRETER: &str = r#"
    [actor.ryot]
    threads = 1
    load = { clients = 1 }
    under = "interpreter"
    steps = [{ name = "forward", compute = "10ms", spread = { uniform = 0.3 } }]
"#;
const HOLDS_THE_REGISTRY: &str = r#"
    [actor.keeper]
    threads = 1
    load = { clients = 1, think = "1.8ms" }
    steps = [{ name = "hold", lock = "registry", io = "6.5ms", spread = { uniform = 0.3 } }]
"#;

fn interpreter_only() -> Scenario {
    planted(8, INTERPRETER, TALKS, HOGS_THE_INTERPRETER)
}

fn lock_only() -> Scenario {
    let focus = r#"
        threads = 1
        load = { clients = 1, think = "1ms" }
        steps = [
            { name = "fetch", io = "4ms", spread = { uniform = 0.2 } },
            { name = "register", lock = "registry", compute = "300us", spread = { uniform = 0.2 } },
        ]
    "#;
    planted(8, REGISTRY, focus, HOLDS_THE_REGISTRY)
}

fn oversubscription_only() -> Scenario {
    let focus = r#"
        threads = 1
        load = { clients = 1, think = "1ms" }
        steps = [{ name = "plan", compute = "5ms", spread = { uniform = 0.2 } }]
    "#;
    let neighbours = r#"
        [actor.ryot]
        threads = 4
        load = { clients = 4 }
        steps = [{ name = "forward", compute = "10ms", spread = { uniform = 0.3 } }]
    "#;
    planted(2, "", focus, neighbours)
}

fn cache_only() -> Scenario {
    let shared = r#"cache.rsu = { capacity = 100, keys = { count = 100, zipf = 0.0 } }"#;
    let steps = r#"steps = [{ name = "read", times = 20, cache = "rsu", hit = "200ns", miss = { compute = "200ns" } }]"#;
    let focus = format!("threads = 1\nload = {{ clients = 1, think = \"5us\" }}\n{steps}");
    let neighbours = format!("[actor.ryot]\nthreads = 4\nload = {{ clients = 4 }}\n{steps}");
    let mut scenario = planted(8, shared, &focus, &neighbours);
    scenario.run.tasks = Some(60);
    scenario.run.warmup = conlab::units::Nanos::from_millis(1);
    // The neighbours access the cache all the time, which is what takes this test its own.
    scenario.run.duration = Some(conlab::units::Nanos::from_millis(30));
    scenario
}

fn neighbour_only() -> Scenario {
    let focus = r#"
        threads = 4
        load = { clients = 2, think = "1ms" }
        steps = [{ name = "fetch", call = "vault" }]
    "#;
    let neighbours = r#"
        [actor.vault]
        threads = 2
        load = { rate = "200/s" }
        steps = [{ name = "read", io = "6ms", spread = { uniform = 0.5 } }]
    "#;
    planted(8, "", focus, neighbours)
}

fn share(split: &Split, mechanism: Option<Mechanism>) -> f64 {
    let part: &Part = split.parts.iter().find(|part| part.mechanism == mechanism).unwrap();
    part.share.unwrap_or_else(|| panic!("no gap shown in {}: {:?}", split.metric.name(), split.gap)).value
}

#[test]
fn the_only_cause_there_is_gets_at_least_nine_tenths() {
    for (scenario, cause) in [
        (interpreter_only(), Some(Mechanism::Interpreter)),
        (lock_only(), Some(Mechanism::Locks)),
        (oversubscription_only(), Some(Mechanism::Switching)),
        (cache_only(), Some(Mechanism::Caches)),
        (neighbour_only(), Some(Mechanism::Workers)),
    ] {
        let found = explained(&scenario);
        for split in &found.splits {
            let sum: f64 = split.parts.iter().map(|part| part.effect.value).sum();
            assert!((sum - split.gap.value).abs() <= 1e-6 * split.gap.value.abs().max(1.0));
            let share = share(split, cause);
            assert!(share >= 0.9, "{cause:?} gets {share} of the {} gap: {split:#?}", split.metric.name());
        }
    }
}

#[test]
fn a_neighbour_that_shares_nothing_makes_no_gap() {
    let neighbours = r#"
        [actor.ryot]
        threads = 2
        load = { clients = 2 }
        steps = [{ name = "forward", compute = "10ms", spread = { uniform = 0.3 } }]
    "#;
    let found = explained(&planted(8, INTERPRETER, TALKS, neighbours));
    assert!(found.splits.iter().all(|split| !split.shown), "{:#?}", found.splits);
}

/// Waits, works under the interpreter lock twice, and once under the registry's.
fn two_causes(registry: bool, interpreter: bool) -> Scenario {
    let focus = r#"
        threads = 1
        load = { clients = 1, think = "1ms" }
        steps = [
            { name = "fetch", io = "4ms", under = "", spread = { uniform = 0.2 } },
            { name = "plan", compute = "300us", under = "interpreter", spread = { uniform = 0.2 } },
            { name = "reply", io = "4ms", spread = { uniform = 0.2 } },
            { name = "register", lock = "registry", compute = "300us", spread = { uniform = 0.2 } },
        ]
    "#;
    let mut neighbours = String::new();
    if interpreter {
        neighbours += HOGS_THE_INTERPRETER;
    }
    if registry {
        neighbours += HOLDS_THE_REGISTRY;
    }
    planted(8, &format!("{INTERPRETER}\n{REGISTRY}"), focus, &neighbours)
}

#[test]
fn two_causes_come_out_in_their_proportion() {
    let gap = |scenario: &Scenario| explained(scenario).split(Metric::Mean).unwrap().gap.value;
    let (interpreter, registry) = (gap(&two_causes(false, true)), gap(&two_causes(true, false)));
    let found = explained(&two_causes(true, true));
    let mean = found.split(Metric::Mean).unwrap();
    let planted = interpreter / (interpreter + registry);
    let share = mean.part(Mechanism::Interpreter).unwrap().share.unwrap();
    assert!(
        (share.value - planted).abs() <= share.half_width.max(0.03),
        "planted {planted}, found {share:?}"
    );
}
