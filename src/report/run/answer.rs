//! What a run's page opens with: verdicts, the answer in two sentences, how sure it is, what to type next.

use super::{as_f64, largest};
use crate::measure::Cause;
use crate::measure::record::{ActorRecord, Breakdown, Distribution, LockUse, RunRecord, VerdictKind};
use crate::report::page::{Next, Notice, Tone};
use crate::report::words::{OLD_RULE, at_least, count, duration, share};
use crate::scenario::{DEFAULT, EMBEDDED};

/// Tasks below which a p99 is not shown.
pub(super) const P99_NEEDS: u64 = 100;
/// Share from which one of several stands for all of them.
const MOST: f64 = 0.95;

/// The verdicts, which come before every figure.
pub(super) fn alarms(record: &RunRecord) -> Vec<Notice> {
    let notice = |verdict: &crate::measure::record::Verdict| {
        let parties = verdict.parties.iter().map(|party| {
            let held =
                party.held_by.as_ref().map_or_else(String::new, |holder| format!(", held by {holder}"));
            format!("{} waits for {}{held}", party.who, party.waits_for)
        });
        Notice {
            tone: Tone::Bad,
            code: verdict_name(verdict.kind).into(),
            message: std::iter::once(verdict.message.clone()).chain(parties).collect::<Vec<_>>().join("; "),
            remedy: String::new(),
        }
    };
    record.verdicts.iter().map(notice).collect()
}

const fn verdict_name(kind: VerdictKind) -> &'static str {
    match kind {
        VerdictKind::Deadlock => "DEADLOCK",
        VerdictKind::Starvation => "STARVATION",
        VerdictKind::Overload => "OVERLOAD",
        VerdictKind::Transient => "NOT STEADY",
        VerdictKind::TooShort => "TOO SHORT",
    }
}

/// What dominates at the p99 and at the mean: which thing, and whose.
pub(super) fn answer(record: &RunRecord, actor: &ActorRecord) -> String {
    let name = &record.treatment.focus;
    let sojourn = &actor.sojourn_ns;
    if sojourn.count == 0 {
        return format!("No task of `{name}` completed in the measured window.");
    }
    let part = |breakdown: &Breakdown| {
        let (cause, value) = largest(breakdown);
        (cause, share(value / breakdown.total().max(f64::MIN_POSITIVE)))
    };
    let (mean_cause, mean_share) = part(&actor.breakdown_mean_ns);
    let mean = at_least(sojourn, u64::MAX, duration(sojourn.mean));
    if sojourn.count < P99_NEEDS {
        return format!(
            "{mean_share} of the mean of `{name}` ({mean}) is {}.",
            thing(record, actor, mean_cause)
        );
    }
    let (cause, tail_share) = part(&actor.breakdown_p99_ns);
    let p99 = at_least(sojourn, sojourn.p99, duration(as_f64(sojourn.p99)));
    let tail = format!("{tail_share} of the p99 of `{name}` ({p99}) is {}.", thing(record, actor, cause));
    let at_mean = if cause == mean_cause {
        format!("At the mean ({mean}) the same is {mean_share}.")
    } else {
        format!(
            "At the mean ({mean}) the largest part is {}: {mean_share}.",
            thing(record, actor, mean_cause)
        )
    };
    format!("{tail} {at_mean}")
}

/// A cause as the thing that it is in this run: which lock, held by whom; which callee; which step.
fn thing(record: &RunRecord, actor: &ActorRecord, cause: Cause) -> String {
    let found = match cause {
        Cause::Lock => lock_thing(record),
        Cause::Call => call_thing(record, actor),
        Cause::Execution => {
            step_with_most(actor, cause).map(|step| format!("execution, most of it of step `{step}`"))
        }
        Cause::Io => step_with_most(actor, cause).map(|step| format!("I/O, most of it of step `{step}`")),
        Cause::Queue => Some(format!("waiting in the queue of `{}`", record.treatment.focus)),
        Cause::Store => store_thing(record),
        Cause::RunQueue => {
            let treatment = &record.treatment;
            let threads = record.threads.len().max(treatment.threads);
            Some(format!("waiting for a processor ({threads} threads on {} cores)", treatment.cores))
        }
        _ => None,
    };
    found.unwrap_or_else(|| cause.sentence().to_owned())
}

fn store_thing(record: &RunRecord) -> Option<String> {
    let waits = record.stores.iter().filter_map(|(name, store)| {
        let wait = store.wait_ns.as_ref()?;
        Some((name, wait.mean * as_f64(wait.count)))
    });
    let (name, _) = waits.max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(format!("waiting for other writers of store `{name}`"))
}

/// The lock that tasks of the actor in focus wait for longest in sum, and its part of all their waiting.
pub(super) fn worst_lock(record: &RunRecord) -> Option<(&str, f64)> {
    let waited = |uses: &[LockUse]| {
        uses.iter().filter(|one| one.actor == record.treatment.focus).map(|one| one.total_ns).sum::<u64>()
    };
    let mut waits: Vec<(&str, f64)> = record
        .locks
        .iter()
        .map(|(name, lock)| (name.as_str(), as_f64(waited(&lock.waiters))))
        .filter(|(_, time)| *time > 0.0)
        .collect();
    if waits.is_empty() {
        // Records of earlier versions do not say who waited.
        let all = record
            .locks
            .iter()
            .map(|(name, lock)| (name.as_str(), lock.wait_ns.mean * as_f64(lock.wait_ns.count)));
        waits = all.filter(|(_, time)| *time > 0.0).collect();
    }
    let whole: f64 = waits.iter().map(|(_, time)| time).sum();
    let worst = waits.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some((worst.0, worst.1 / whole))
}

fn lock_thing(record: &RunRecord) -> Option<String> {
    let (name, part) = worst_lock(record)?;
    let waiting = if part >= MOST {
        format!("waiting for lock `{name}`")
    } else {
        format!("waiting for locks ({} of it for `{name}`)", share(part))
    };
    let lock = record.locks.get(name)?;
    let held: u64 = lock.holders.iter().map(|one| one.total_ns).sum();
    let longest = lock.holders.first().filter(|_| held > 0).map_or_else(String::new, |one| {
        let part = share(as_f64(one.total_ns) / as_f64(held));
        format!(", held longest by `{}` ({part} of the time that it is held)", user(one))
    });
    Some(format!("{waiting}{longest}"))
}

/// A step as `actor.step`; the actor alone where the lock was held between steps.
pub(super) fn user(one: &LockUse) -> String {
    if one.step.is_empty() { one.actor.clone() } else { format!("{}.{}", one.actor, one.step) }
}

/// The callee that the actor waits for longest, and where that one's own time goes.
fn call_thing(record: &RunRecord, actor: &ActorRecord) -> Option<String> {
    let waits = calls(actor);
    let whole: f64 = waits.iter().map(|(_, time)| time).sum();
    let (name, time) = waits.first()?;
    let part = time / whole;
    let waiting = if part >= MOST {
        format!("waiting for answers of `{name}`")
    } else {
        format!("waiting for answers ({} of it of `{name}`)", share(part))
    };
    let callee = record.actors.get(*name).filter(|callee| callee.completed > 0);
    let own = callee.map_or_else(String::new, |callee| {
        let (cause, value) = largest(&callee.breakdown_mean_ns);
        let part = share(value / callee.breakdown_mean_ns.total().max(f64::MIN_POSITIVE));
        format!(", whose own time is mostly {} ({part})", cause.label())
    });
    Some(format!("{waiting}{own}"))
}

/// Time in calls by callee, the longest first, over all tasks.
pub(super) fn calls(actor: &ActorRecord) -> Vec<(&str, f64)> {
    let mut waits: Vec<(&str, f64)> = Vec::new();
    for step in &actor.steps {
        let Some(callee) = step.calls.as_deref() else { continue };
        match waits.iter_mut().find(|(name, _)| *name == callee) {
            Some((_, time)) => *time += step.total_ns.call,
            None => waits.push((callee, step.total_ns.call)),
        }
    }
    waits.retain(|(_, time)| *time > 0.0);
    waits.sort_by(|a, b| b.1.total_cmp(&a.1));
    waits
}

fn part_of(breakdown: &Breakdown, cause: Cause) -> f64 {
    breakdown.parts().into_iter().filter(|part| part.0 == cause).map(|part| part.1).sum()
}

/// The step that has most of a cause, if more than one could.
fn step_with_most(actor: &ActorRecord, cause: Cause) -> Option<&str> {
    let most = actor
        .steps
        .iter()
        .max_by(|a, b| part_of(&a.total_ns, cause).total_cmp(&part_of(&b.total_ns, cause)))?;
    (part_of(&most.total_ns, cause) > 0.0).then_some(most.name.as_str())
}

/// How sure the figures are: the sample, the interval that it carries, what is doubtful.
pub(super) fn certainty(record: &RunRecord, actor: &ActorRecord) -> String {
    if let Some(why) = record.why_untrustworthy() {
        return format!("Not to be relied on: {why}.");
    }
    let sojourn = &actor.sojourn_ns;
    let sample = if sojourn.count < P99_NEEDS {
        format!("{} tasks are too few for a p99: raise --duration or --tasks", count(sojourn.count))
    } else if let Some((low, high)) = p99_interval(sojourn) {
        format!(
            "{} tasks: the p99 lies between {} and {} (95 %, were they independent)",
            count(sojourn.count),
            duration(as_f64(low)),
            duration(as_f64(high))
        )
    } else {
        format!("{} tasks", count(sojourn.count))
    };
    let doubts = match record.warnings.as_slice() {
        [] => String::new(),
        [one] => format!("; {}", one.message),
        several => format!("; {} warnings, the first: {}", several.len(), several[0].message),
    };
    let rule = if record.window.drain.is_none() { format!("; {OLD_RULE}") } else { String::new() };
    let partial = if record.was_interrupted() { "; interrupted before its end" } else { "" };
    format!("{sample}{partial}{doubts}{rule}.")
}

/// The values between which the p99 of the population lies with 95 %, by the ranks of a binomial, if the values are
/// independent; `None` where the spectrum was not kept.
pub(super) fn p99_interval(of: &Distribution) -> Option<(u64, u64)> {
    let n = as_f64(of.count);
    let spread = 1.96 * (n * 0.99 * 0.01).sqrt();
    let at = |quantile: f64| of.spectrum.iter().find(|point| point.0 >= quantile).map(|point| point.1);
    Some((at((0.99 * n - spread) / n)?, at(((0.99 * n + spread) / n).min(1.0))?))
}

/// The next command to type.
pub(super) fn next(record: &RunRecord, actor: &ActorRecord) -> Option<Next> {
    if actor.sojourn_ns.count == 0 {
        return None;
    }
    let breakdown =
        if actor.sojourn_ns.count < P99_NEEDS { &actor.breakdown_mean_ns } else { &actor.breakdown_p99_ns };
    let scenario = scenario_word(record);
    let treatment = &record.treatment;
    let focus = &treatment.focus;
    Some(match largest(breakdown).0 {
        Cause::Lock => {
            let (name, _) = worst_lock(record)?;
            if record.locks.get(name).is_some_and(|lock| lock.kind == "gil") {
                let edit = word(&format!("lock.{name}.interval=0.5ms"));
                Next::new(
                    format!("conlab run{scenario} --set {edit}"),
                    "the p99 shrinks with the interval if that lock is the cause",
                )
            } else {
                let cost = word(&format!("lock:{name}"));
                Next::new(
                    format!("conlab whatif{scenario} --cost {cost}"),
                    "what holding it shorter would bring",
                )
            }
        }
        Cause::Queue => Next::new(
            format!("conlab compare{scenario} --threads {},{}", treatment.threads, treatment.threads * 2),
            "whether more workers shorten the queue, or only move the wait",
        ),
        Cause::RunQueue => Next::new(
            format!("conlab run{scenario} --engine virtual --cores {}", treatment.cores.saturating_mul(2)),
            "the same on twice the processors, simulated",
        ),
        cause @ (Cause::Execution | Cause::Io) => {
            let step = step_with_most(actor, cause)?;
            let cost = word(&format!("step:{focus}.{step}"));
            Next::new(format!("conlab whatif{scenario} --cost {cost}"), "what a cheaper step would bring")
        }
        Cause::Call => {
            Next::new(format!("conlab explain{scenario}"), "which mechanism makes the callee slow")
        }
        _ => Next::new("conlab doctor", "what this host cannot measure"),
    })
}

/// The scenario as the command line takes it, with a space before it; nothing for the default one.
fn scenario_word(record: &RunRecord) -> String {
    let name = record.scenario.name.as_str();
    let file = record.command.iter().find(|word| word.ends_with(".toml"));
    match file {
        Some(file) => format!(" {}", word(file)),
        None if name == DEFAULT => String::new(),
        None if EMBEDDED.iter().any(|one| one.name == name) => format!(" {name}"),
        None => " FILE".into(),
    }
}

/// A word as a shell takes it literally.
#[must_use]
pub fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_a_command_is_literal() {
        assert_eq!(word("lock.interpreter.interval=0.5ms"), "lock.interpreter.interval=0.5ms");
        assert_eq!(word("a; rm -rf 'x'"), "'a; rm -rf '\\''x'\\'''");
    }

    #[test]
    fn the_interval_of_a_p99_is_that_of_its_ranks() {
        // 10,000 values 1..=10000: ranks 9900 ± 19.5.
        let spectrum = (1..=10_000_u32).map(|value| (f64::from(value) / 1e4, u64::from(value))).collect();
        let of = Distribution { count: 10_000, spectrum, ..Distribution::default() };
        assert_eq!(p99_interval(&of), Some((9881, 9920)));
        assert_eq!(p99_interval(&Distribution { count: 10, ..Distribution::default() }), None);
    }
}
