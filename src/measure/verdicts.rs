//! Verdicts on the system that was run: what keeps its figures from meaning what they usually mean.

use super::record::{ActorRecord, LockRecord, Party, RunRecord, Verdict, VerdictKind, Warning};
use super::{identities, steady};
use crate::queue::QueueKind;
use crate::scenario::{ActorSpec, Load, Scenario};
use crate::units::Nanos;
use std::collections::BTreeMap;

/// A system that keeps up completes what arrives but for this share, besides chance.
const KEEPS_UP: f64 = 0.02;
/// Standard deviations of chance that arrivals may exceed completions by.
const CHANCE: f64 = 3.0;
/// Workers that are idle for a larger share of the window have capacity left, whatever it is.
const MOSTLY_IDLE: f64 = 0.9;
/// Of a wait's length, how much must lie in the window for it to be of the whole window.
const WHOLE: f64 = 0.9;
/// Acquisitions of a lock that are looked at, the last ones, and how many of them must have overtaken a waiter that starves.
pub const LAST: usize = 16;
const OVERTOOK: usize = 12;

/// Completes the record of a run: its identities, its verdicts, and whether it can be trusted.
pub fn settle(record: &mut RunRecord, scenario: &Scenario) {
    record.identities = identities::check(record);
    judge(record, scenario);
    steady::judge(record, scenario);
    record.trustworthy = record.why_untrustworthy().is_none();
    record.warnings.extend(unfinished(record));
}

/// The warning that figures of the actor in focus are lower bounds.
fn unfinished(record: &RunRecord) -> Option<Warning> {
    let name = &record.treatment.focus;
    let focus = record.actors.get(name).filter(|focus| focus.in_flight > 0)?;
    let drain = Nanos(record.window.drain?.length_ns);
    Some(Warning {
        code: "unfinished".into(),
        message: format!(
            "{} of {} tasks of `{name}` that were issued in the window were unfinished {drain} after it: what they took is counted as far \
             as it went, and figures that reach into it are lower bounds (≥)",
            focus.in_flight, focus.issued
        ),
        remedy: "look at the verdicts and at the queue and lock waits; where tasks are just long, raise --duration".into(),
    })
}

/// Adds the verdicts that a record's own figures carry: too short, overload.
fn judge(record: &mut RunRecord, scenario: &Scenario) {
    let overloads: Vec<Verdict> =
        scenario.actors.iter().filter_map(|actor| overload(record, actor)).collect();
    record.verdicts.extend(overloads);
    let deadlock = record.verdicts.iter().any(|verdict| verdict.kind == VerdictKind::Deadlock);
    if !deadlock {
        let verdict = too_short(record);
        record.verdicts.extend(verdict);
    }
}

fn verdict(kind: VerdictKind, message: String, parties: Vec<Party>) -> Verdict {
    Verdict { kind, message, parties }
}

fn too_short(record: &RunRecord) -> Option<Verdict> {
    let name = &record.treatment.focus;
    let focus = record.actors.get(name)?;
    let ended = focus.ended();
    if ended > 0 || record.partial {
        return None;
    }
    let window = Nanos(record.window.length_ns);
    let message = if focus.issued == 0 {
        format!("no task of `{name}` was issued in the {window} of the window; run longer (--duration)")
    } else {
        let drain = Nanos(record.window.drain.unwrap_or_default().length_ns);
        format!(
            "no task of `{name}` completed: {} were issued in the {window} of the window, and none was done {drain} after it; run longer (--duration)",
            focus.issued
        )
    };
    Some(verdict(VerdictKind::TooShort, message, Vec::new()))
}

/// Open load beyond its actor's capacity, which is what it completes for the share of the time in which its workers are not
/// idle: by more than chance explains.
#[expect(clippy::cast_precision_loss, reason = "counts of tasks")]
fn overload(record: &RunRecord, spec: &ActorSpec) -> Option<Verdict> {
    let Load::Open { .. } = spec.load else { return None };
    let actor = record.actors.get(&spec.name)?;
    let (arrived, done) = (actor.issued as f64, actor.completed_in_window? as f64);
    let capacity = done / (1.0 - idle(record, spec, actor)?);
    let beyond = arrived - capacity;
    let by_chance = CHANCE * (arrived + done).sqrt() + 5.0;
    if beyond <= by_chance || beyond <= KEEPS_UP * arrived {
        return None;
    }
    let rate = |tasks: f64| tasks * 1e9 / record.window.length_ns as f64;
    let refused = if actor.refused > 0 {
        format!("; {} were refused by a full queue", actor.refused)
    } else {
        "; the longer it runs, the longer they wait".into()
    };
    let message = format!(
        "`{}` gets {:.0} tasks/s and completes {:.0}: arrivals are beyond its capacity{refused}",
        spec.name,
        rate(arrived),
        rate(done)
    );
    Some(verdict(VerdictKind::Overload, message, Vec::new()))
}

/// Share of the window for which an actor's workers wait for tasks; `None` where that is nearly all of it, or unknown. Those of
/// tokio are idle while their handlers wait, so there the queue tells.
#[expect(clippy::cast_precision_loss, reason = "shares")]
fn idle(record: &RunRecord, spec: &ActorSpec, actor: &ActorRecord) -> Option<f64> {
    let mean = &actor.breakdown_mean_ns;
    if spec.queue == QueueKind::Async && mean.queue > 0.5 * mean.total() {
        return Some(0.0);
    }
    let threads = || record.threads.iter().filter(|thread| thread.actor == spec.name);
    let wall: u64 = threads().map(|thread| thread.wall_ns).sum();
    let idle: u64 = threads().map(|thread| thread.idle_ns).sum();
    let share = idle as f64 / wall as f64;
    (share < MOSTLY_IDLE).then_some(share)
}

/// Somebody who waits for a lock when the window ends.
#[derive(Clone, Debug)]
pub struct Waiter {
    /// Index of its actor.
    pub actor: usize,
    /// Its number among the run's workers; nothing for a task that has left its worker.
    pub worker: Option<usize>,
    /// Since when, on the engine's clock.
    pub since: Nanos,
}

/// What the window's end shows of one lock.
#[derive(Clone, Debug, Default)]
pub struct Contest {
    /// Who waits.
    pub waiters: Vec<Waiter>,
    /// When each of the last [`LAST`] acquirers had begun to want it.
    pub began: Vec<Nanos>,
}

/// The verdict on a lock that somebody wanted over the whole window, from its start to its end, and others, who came later,
/// got instead.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "shares")]
pub fn starvation(
    scenario: &Scenario,
    lock: &str,
    record: &LockRecord,
    contest: &Contest,
    (start, end): (Nanos, Nanos),
) -> Option<Verdict> {
    let length = end.saturating_sub(start);
    let starves = |waiter: &&Waiter| {
        let waited = end.saturating_sub(waiter.since.max(start));
        let overtaken = contest.began.iter().filter(|began| **began > waiter.since).count();
        overtaken >= OVERTOOK && waited.0 as f64 >= WHOLE * length.0 as f64
    };
    let victims: Vec<&Waiter> = contest.waiters.iter().filter(starves).collect();
    if victims.is_empty() || length == Nanos::ZERO {
        return None;
    }
    let mut held: BTreeMap<&str, u64> = BTreeMap::new();
    for holder in &record.holders {
        *held.entry(&holder.actor).or_default() += holder.total_ns;
    }
    let (hog, held) = held.into_iter().max_by_key(|(_, held)| *held)?;
    let share = 100.0 * (held as f64 / length.0 as f64).min(1.0);
    let mut names: Vec<String> = Vec::new();
    for (number, actor) in scenario.actors.iter().enumerate() {
        let of = || victims.iter().filter(|victim| victim.actor == number);
        if actor.threads > 0 && of().count() >= actor.threads {
            names.push(format!("`{}`", actor.name));
        } else {
            names.extend(of().map(|victim| format!("`{}`", name_of(scenario, victim))));
        }
    }
    let more = if names.len() > 3 { format!(" and {} more", names.len() - 3) } else { String::new() };
    names.truncate(3);
    let message = format!(
        "{}{more} never got lock `{lock}`: held by `{hog}` {share:.0} % of the time",
        names.join(", ")
    );
    let party = |victim: &&Waiter| Party {
        who: name_of(scenario, victim),
        waits_for: format!("lock `{lock}`"),
        held_by: Some(hog.to_owned()),
        since_ns: victim.since.0.cast_signed() - start.0.cast_signed(),
    };
    Some(verdict(VerdictKind::Starvation, message, victims.iter().map(party).collect()))
}

fn name_of(scenario: &Scenario, waiter: &Waiter) -> String {
    let actor = scenario.actors.get(waiter.actor).map_or("", |actor| actor.name.as_str());
    waiter.worker.map_or_else(|| actor.to_owned(), |worker| format!("{actor}-{worker}"))
}
