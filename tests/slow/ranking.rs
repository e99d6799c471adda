//! `explain` on real threads and in virtual time puts the same causes in the same order.
//!
//! Order is all that is compared: how long a gap is depends on the host, what makes it does not. Each planted gap is
//! made of locks that sleepers hold or of a processor too few, so that a busy host widens it without changing its cause.

use conlab::engine::real::RealEngine;
use conlab::engine::{Progress, VirtualEngine};
use conlab::scenario::{Scenario, embedded};
use conlab::study::{ExplainOptions, Explanation, Metric, SharedEngine, explain};

/// Shares of the mean gap below this are not ranked.
const LEAST_SHARE: f64 = 0.1;

/// Works under the interpreter lock and under the registry's, both of which somebody else holds for long; the waits
/// for the first are about twice those for the second.
const TWO_LOCKS: &str = r#"
    schema = 1
    name = "two-locks"
    run = { tasks = 100, warmup = "200ms" }
    host = { cores = 2 }
    isolated = { load = ["agents"] }
    lock.interpreter = { kind = "gil" }
    lock.registry = { kind = "mutex" }
    [actor.agents]
    focus = true
    threads = 1
    load = { clients = 1, think = "1ms" }
    steps = [
        { name = "fetch", io = "4ms", spread = { uniform = 0.2 } },
        { name = "plan", compute = "300us", under = "interpreter", spread = { uniform = 0.2 } },
        { name = "reply", io = "4ms", spread = { uniform = 0.2 } },
        { name = "register", lock = "registry", compute = "300us", spread = { uniform = 0.2 } },
    ]
    [actor.ryot]
    threads = 1
    load = { clients = 1 }
    under = "interpreter"
    steps = [{ name = "forward", compute = "10ms", spread = { uniform = 0.3 } }]
    [actor.keeper]
    threads = 1
    load = { clients = 1, think = "1.8ms" }
    steps = [{ name = "hold", lock = "registry", io = "6.5ms", spread = { uniform = 0.3 } }]
"#;

/// One processor for two threads that compute; a second one takes the gap away.
const ONE_PROCESSOR: &str = r#"
    schema = 1
    name = "one-processor"
    run = { tasks = 100, warmup = "200ms" }
    host = { cores = 1 }
    isolated = { load = ["agents"] }
    [actor.agents]
    focus = true
    threads = 1
    load = { clients = 1, think = "1ms" }
    steps = [{ name = "plan", compute = "5ms", spread = { uniform = 0.2 } }]
    [actor.ryot]
    threads = 1
    load = { clients = 1 }
    steps = [{ name = "forward", compute = "10ms", spread = { uniform = 0.3 } }]
"#;

fn explained(engine: &SharedEngine, scenario: &Scenario) -> Explanation {
    let options = ExplainOptions { seed: 18, most_rounds: 8, precision: 0.2, ..ExplainOptions::default() };
    explain(scenario, &engine, &options, &Progress::default(), &|_, _| {}).unwrap()
}

/// Causes of the mean gap, the largest first.
fn ranking(found: &Explanation) -> Vec<String> {
    let split = found.split(Metric::Mean).unwrap();
    let mut parts: Vec<(String, f64, f64)> = split
        .parts
        .iter()
        .filter_map(|part| {
            let share = part.share?;
            Some((part.mechanism?.name().to_owned(), share.value, share.half_width))
        })
        .collect();
    parts.sort_by(|one, other| other.1.total_cmp(&one.1));
    eprintln!("{} on {}: gap {:?}, {parts:?}", found.scenario, found.engine, split.gap);
    parts.into_iter().filter(|(_, share, _)| *share >= LEAST_SHARE).map(|(name, ..)| name).collect()
}

#[test]
#[ignore = "some minutes of real runs"]
fn real_and_virtual_time_rank_the_causes_of_a_gap_alike() {
    for (text, expected) in [
        (TWO_LOCKS.to_owned(), vec!["interpreter lock", "other locks and queues"]),
        (ONE_PROCESSOR.to_owned(), vec!["switching and cores"]),
        (embedded("gil-convoy").unwrap().text.to_owned(), vec!["interpreter lock"]),
    ] {
        let mut scenario = Scenario::parse(&text, "planted").unwrap();
        scenario.run.tasks = Some(100);
        let simulated = ranking(&explained(&VirtualEngine::new(), &scenario));
        let real = ranking(&explained(&RealEngine::new(), &scenario));
        assert_eq!(real, simulated, "{}", scenario.name);
        assert_eq!(real, expected, "{}", scenario.name);
    }
}
