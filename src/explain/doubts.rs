//! What can be doubted of a scenario before it runs: load beyond capacity, windows too short, samples too small.
//!
//! Bounds by arithmetic alone: expected work, rates along calls and messages, no waiting. What is said here is true of
//! every run; that nothing is said proves nothing.

use crate::queue::QueueKind;
use crate::scenario::{ActorSpec, Load, MissCost, Scenario, StepSpec};
use crate::units::Nanos;

/// A doubt about a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// A stable word.
    pub code: &'static str,
    /// What is the case, with its figures.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

/// Tasks that a p99 needs, and those that it should have.
const P99: (f64, f64) = (100.0, 1000.0);

/// The doubts about `scenario`, the gravest first.
#[must_use]
pub fn doubts(scenario: &Scenario) -> Vec<Doubt> {
    let rates = rates(scenario);
    let mut found = Vec::new();
    processors(scenario, &rates, &mut found);
    pools(scenario, &rates, &mut found);
    locks(scenario, &rates, &mut found);
    window(scenario, &rates, &mut found);
    found
}

fn seconds(time: Nanos) -> f64 {
    time.as_secs_f64()
}

fn counted(step: &StepSpec, time: f64) -> f64 {
    f64::from(step.times) * time
}

/// Work on a processor of one task in seconds, without memory touched and data compressed, whose speed the host decides.
fn work(actor: &ActorSpec) -> f64 {
    let of = |step: &StepSpec| {
        let access = step.cache.as_ref().map_or(0.0, |(_, hit, _)| seconds(hit.expected()));
        counted(step, step.compute.as_ref().map_or(0.0, |draw| seconds(draw.expected())) + access)
    };
    actor.steps.iter().map(of).sum()
}

/// Time that one task takes at least, in seconds: its work, its I/O and its calls, nobody else there.
fn service(scenario: &Scenario, actor: usize, depth: usize) -> f64 {
    let spec = &scenario.actors[actor];
    let of = |step: &StepSpec| {
        let io = step.io.as_ref().map_or(0.0, |draw| seconds(draw.expected()));
        let call = match step.call {
            Some(to) if depth < scenario.actors.len() => service(scenario, to, depth + 1),
            _ => 0.0,
        };
        counted(step, io + call)
    };
    work(spec) + spec.steps.iter().map(of).sum::<f64>()
}

/// Tasks a second of each actor that open load makes for certain; closed load adds what fits.
fn rates(scenario: &Scenario) -> Vec<f64> {
    let own: Vec<f64> = scenario
        .actors
        .iter()
        .map(|actor| if let Load::Open { rate, .. } = actor.load { rate } else { 0.0 })
        .collect();
    let mut rates = own.clone();
    // Along chains of calls and messages; a circle of messages is cut after as many steps as there are actors.
    for _ in 0..scenario.actors.len().min(64) {
        let mut next = own.clone();
        for (actor, rate) in scenario.actors.iter().zip(&rates) {
            for step in &actor.steps {
                for to in [step.call, step.send].into_iter().flatten() {
                    next[to] += rate * f64::from(step.times);
                }
            }
        }
        if next == rates {
            break;
        }
        rates = next;
    }
    rates
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn processors(scenario: &Scenario, rates: &[f64], found: &mut Vec<Doubt>) {
    let Some(cores) = scenario.host.cores else { return };
    let wanted: f64 = scenario.actors.iter().zip(rates).map(|(actor, rate)| rate * work(actor)).sum();
    if wanted > f64::from(cores) {
        found.push(Doubt {
            code: "processors-overloaded",
            message: format!(
                "the work that arrives keeps {wanted:.1} processors busy, and there are {cores}"
            ),
            remedy: "lower the rates, or raise host.cores: no queue drains".into(),
        });
    }
}

fn pools(scenario: &Scenario, rates: &[f64], found: &mut Vec<Doubt>) {
    for (index, actor) in scenario.actors.iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "a number of threads")]
        let threads = (scenario.actors[scenario.station(index)].threads * scenario.copies(index)) as f64;
        // A handler that waits leaves its tokio worker; a thread that waits is held.
        let held = if actor.queue == QueueKind::Async { work(actor) } else { service(scenario, index, 0) };
        let used = rates[index] * held / threads;
        if used >= 1.0 {
            found.push(Doubt {
                code: "queue-cannot-drain",
                message: format!(
                    "`{}` gets {:.0} tasks/s of {} each, which keeps its {} threads {} busy: its queue of {} fills up",
                    actor.name,
                    rates[index],
                    Nanos(1).scaled(held * 1e9),
                    scenario.actors[scenario.station(index)].threads,
                    percent(used),
                    actor.capacity
                ),
                remedy: format!("raise actor.{}.threads, lower the rate, or make a step cheaper", actor.name),
            });
        }
        if let Load::Closed { clients, .. } = actor.load
            && actor.at.is_none()
            && clients < actor.threads * actor.instances
            && rates[index] <= 0.0
        {
            found.push(Doubt {
                code: "idle-threads",
                message: format!(
                    "{} clients of `{}` keep at most {} of its {} threads busy",
                    clients, actor.name, clients, actor.threads
                ),
                remedy: format!("raise actor.{0}.load.clients or lower actor.{0}.threads", actor.name),
            });
        }
    }
}

fn locks(scenario: &Scenario, rates: &[f64], found: &mut Vec<Doubt>) {
    for (index, lock) in scenario.locks.iter().enumerate() {
        let held = |actor: &ActorSpec| -> f64 {
            let of = |step: &StepSpec| {
                let compute = step.compute.as_ref().map_or(0.0, |draw| seconds(draw.expected()));
                let io = step.io.as_ref().map_or(0.0, |draw| seconds(draw.expected()));
                let held = match (step.lock == Some(index), step.under == Some(index)) {
                    (true, _) => compute + io,
                    (false, true) => compute,
                    (false, false) => 0.0,
                };
                counted(step, held)
            };
            actor.steps.iter().map(of).sum()
        };
        // A lock that every instance has of its own is held by a share of them.
        let each = |actor: &ActorSpec| if lock.private == Some(false) { 1 } else { actor.instances };
        #[expect(clippy::cast_precision_loss, reason = "a number of instances")]
        let of = |(actor, rate): (&ActorSpec, &f64)| rate * held(actor) / each(actor) as f64;
        let used: f64 = scenario.actors.iter().zip(rates).map(of).sum();
        if used >= 1.0 {
            found.push(Doubt {
                code: "lock-overloaded",
                message: format!("lock `{}` would have to be held {} of the time", lock.name, percent(used)),
                remedy: "hold it shorter, or lower the rates: whoever needs it falls behind for ever".into(),
            });
        }
    }
}

fn window(scenario: &Scenario, rates: &[f64], found: &mut Vec<Doubt>) {
    let focus = &scenario.actors[scenario.focus];
    let least = service(scenario, scenario.focus, 0);
    let misses = focus.steps.iter().filter_map(|step| step.cache.as_ref());
    let slowest_miss = misses.map(|(_, _, miss)| match miss {
        MissCost::Io(draw) | MissCost::Compute(draw) => seconds(draw.expected()),
        MissCost::Store(_) => 0.0,
    });
    let longest = least + slowest_miss.fold(0.0, f64::max);
    let Some(duration) = scenario.run.duration.map(seconds) else { return };
    if duration < longest {
        found.push(Doubt {
            code: "window-shorter-than-a-task",
            message: format!(
                "a task of `{}` takes {} at least, and the window is {}",
                focus.name,
                Nanos(1).scaled(longest * 1e9),
                Nanos(1).scaled(duration * 1e9)
            ),
            remedy: "raise run.duration: no task both arrives and ends in it".into(),
        });
        return;
    }
    #[expect(clippy::cast_precision_loss, reason = "numbers of clients and threads")]
    let most = match &focus.load {
        Load::Closed { clients, think } => {
            let round = least + seconds(think.expected());
            if round > 0.0 { *clients as f64 / round * duration } else { f64::INFINITY }
        }
        Load::Open { .. } | Load::None => rates[scenario.focus] * duration,
    };
    #[expect(clippy::cast_precision_loss, reason = "a number of tasks")]
    let tasks = scenario.run.tasks.map_or(most, |tasks| most.min(tasks as f64));
    if tasks < P99.1 && tasks > 0.0 {
        let rest = if tasks < P99.0 { "too few to carry one" } else { "a rough one" };
        found.push(Doubt {
            code: "few-tasks",
            message: format!(
                "at most {tasks:.0} tasks of `{}` end in the window: for a p99 {rest}",
                focus.name
            ),
            remedy: "raise run.duration or run.tasks to 1000 tasks or more".into(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(run: &str, actor: &str) -> Vec<&'static str> {
        let text = format!(
            "schema = 1\nname = \"t\"\n[run]\n{run}\n[host]\ncores = 4\n[lock.l]\nkind = \"mutex\"\n[actor.a]\nfocus = true\n{actor}\n"
        );
        let scenario = Scenario::parse(&text, "test").unwrap();
        doubts(&scenario).into_iter().map(|doubt| doubt.code).collect()
    }

    #[test]
    fn what_cannot_work_is_doubted_and_what_can_is_not() {
        let sound = "threads = 4\nload = { rate = \"100/s\" }\nsteps = [{ name = \"s\", compute = \"5ms\" }]";
        assert_eq!(codes("duration = \"20s\"", sound), [""; 0]);
        for (run, actor, code) in [
            ("duration = \"20s\"", sound.replace("100/s", "900/s"), "processors-overloaded"),
            (
                "duration = \"20s\"",
                sound.replace("threads = 4", "threads = 1").replace("5ms\"", "5ms\", io = \"6ms\""),
                "queue-cannot-drain",
            ),
            ("duration = \"20s\"", sound.replace("5ms\"", "11ms\", lock = \"l\""), "lock-overloaded"),
            ("duration = \"3ms\"", sound.to_owned(), "window-shorter-than-a-task"),
            ("duration = \"400ms\"", sound.to_owned(), "few-tasks"),
            ("tasks = 40\nduration = \"20s\"", sound.to_owned(), "few-tasks"),
            ("duration = \"60s\"", sound.replace("{ rate = \"100/s\" }", "{ clients = 2 }"), "idle-threads"),
        ] {
            assert!(codes(run, &actor).contains(&code), "{code}: {:?} of {actor}", codes(run, &actor));
        }
    }
}
