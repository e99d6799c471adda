//! The sections of a run's page about mechanisms that not every scenario has: kinds of request, phases, calls that are
//! tried again, pools, batches, events, a quota.

use super::as_f64;
use crate::measure::record::{ActorRecord, GroupRecord, InstanceRecord, RecoveryRecord, RunRecord};
use crate::report::page::{Block, Section, Table};
use crate::report::words::{count, duration, number, share, tail};

/// The further ends of an actor's tasks, as terms of a sum.
pub(super) fn ends(actor: &ActorRecord) -> String {
    let ends = [("timed out", actor.timed_out), ("failed", actor.failed), ("cancelled", actor.cancelled)];
    ends.iter().filter(|end| end.1 > 0).map(|(name, count)| format!(" + {count} {name}")).collect()
}

/// Everything about such mechanisms that the record has.
pub(super) fn sections(record: &RunRecord) -> Vec<Section> {
    let focus = record.actors.get(&record.treatment.focus);
    let groups = focus.map(groups).unwrap_or_default();
    groups
        .into_iter()
        .chain([instances(record), goodput(record), pools(record), others(record)].into_iter().flatten())
        .collect()
}

/// What of the completed tasks was still waited for, and how often calls were tried.
fn goodput(record: &RunRecord) -> Option<Section> {
    let seconds = as_f64(record.window.length_ns) / 1e9;
    let mut sentences = Vec::new();
    for (name, actor) in &record.actors {
        if actor.wasted > 0 && seconds > 0.0 {
            let useful = as_f64(actor.completed.saturating_sub(actor.wasted)) / seconds;
            sentences.push(format!(
                "{name}: {} of {} completed tasks were no longer waited for; goodput {} tasks/s",
                count(actor.wasted),
                count(actor.completed),
                number(useful)
            ));
        }
        if actor.died > 0 {
            sentences.push(format!("{name}: {} tasks died with their worker", count(actor.died)));
        }
        if let Some(calls) = actor.calls.filter(|calls| calls.calls > 0) {
            sentences.push(format!(
                "{name}: {} calls sent {} messages ({} retries, {} hedges), {} gave up",
                count(calls.calls),
                count(calls.attempts),
                count(calls.retries),
                count(calls.hedges),
                count(calls.gave_up)
            ));
        }
    }
    section("goodput", "Goodput and attempts", sentences)
}

fn section(id: &str, title: &str, sentences: Vec<String>) -> Option<Section> {
    let empty = sentences.is_empty();
    let section =
        Section { blocks: sentences.into_iter().map(Block::Text).collect(), ..Section::new(id, title, "") };
    (!empty).then(|| section.in_brief())
}

/// How evenly an actor's instances work.
fn instances(record: &RunRecord) -> Option<Section> {
    let mut sentences = Vec::new();
    for (name, actor) in &record.actors {
        let range = |of: fn(&InstanceRecord) -> f64| {
            let all = actor.instances.iter().map(of);
            all.fold((f64::INFINITY, 0.0), |(least, most): (f64, f64), one| (least.min(one), most.max(one)))
        };
        if actor.instances.is_empty() {
            continue;
        }
        let (fewest, most) = range(|one| as_f64(one.completed));
        let (quickest, slowest) = range(|one| one.sojourn_mean_ns);
        let (shortest, longest) = range(|one| one.wait_mean_ns);
        sentences.push(format!(
            "{name}: {} instances completed {} to {} tasks each, in {} to {} on average, of it {} to {} in the queue",
            actor.instances.len(),
            number(fewest),
            number(most),
            duration(quickest),
            duration(slowest),
            duration(shortest),
            duration(longest)
        ));
    }
    section("instances", "Instances", sentences)
}

fn groups(actor: &ActorRecord) -> Vec<Section> {
    let kinds: Vec<(String, &GroupRecord)> =
        actor.kinds.iter().map(|(name, group)| (name.clone(), group)).collect();
    let at = |ns: u64| duration(as_f64(ns));
    let phases: Vec<(String, &GroupRecord)> = actor
        .phases
        .iter()
        .map(|of| (format!("{} to {}", at(of.from_ns), at(of.to_ns)), &of.tasks))
        .collect();
    let shown = [
        ("kinds", "By kind of request", "", kinds),
        ("phases", "By phase", "Of the tasks that arrived in it.", phases),
    ];
    let head = "| p99 | mean | p50 | p99.9 | maximum | issued | completed | refused | timed out | failed | throughput";
    shown
        .into_iter()
        .filter(|(.., groups)| !groups.is_empty())
        .map(|(id, title, lead, groups)| {
            let rows = groups.into_iter().map(|(name, group)| {
                let of = &group.sojourn_ns;
                vec![
                    name,
                    tail(of, of.p99, 100),
                    duration(of.mean),
                    at(of.p50),
                    tail(of, of.p999, 1000),
                    at(of.max),
                    count(group.issued),
                    count(group.completed),
                    count(group.refused),
                    count(group.timed_out),
                    count(group.failed + group.cancelled),
                    format!("{}/s", number(group.throughput_per_s)),
                ]
            });
            Section::new(id, title, lead).with(Table::new("", head, 1, rows.collect()))
        })
        .collect()
}

fn pools(record: &RunRecord) -> Option<Section> {
    let rows: Vec<Vec<String>> = record
        .pools
        .iter()
        .map(|(name, pool)| {
            vec![
                name.clone(),
                pool.size.to_string(),
                count(pool.acquisitions),
                count(pool.contended),
                count(pool.timed_out),
                duration(pool.wait_ns.mean),
                tail(&pool.wait_ns, pool.wait_ns.p99, 100),
                duration(pool.hold_ns.mean),
            ]
        })
        .collect();
    let head = "pool | size | taken | waited | gave up | wait mean | wait p99 | hold mean";
    (!rows.is_empty()).then(|| Section::new("pools", "Pools", "").with(Table::new("", head, 1, rows)))
}

fn recovered(what: &str, recovery: &RecoveryRecord) -> String {
    let (took, level) = (duration(as_f64(recovery.took_ns)), duration(recovery.level_ns));
    if recovery.recovered {
        format!("{what}: recovered {took} after it (mean sojourn before it: {level})")
    } else {
        format!(
            "{what}: not recovered {took} after it, at the end of the window (mean sojourn before it: {level})"
        )
    }
}

fn others(record: &RunRecord) -> Option<Section> {
    let mut sentences = Vec::new();
    for (step, batch) in record.batches.iter().filter(|(_, batch)| batch.batches > 0) {
        sentences.push(format!(
            "{step}: {} tasks in {} batches, {} each, {} at most",
            count(batch.tasks),
            count(batch.batches),
            number(as_f64(batch.tasks) / as_f64(batch.batches)),
            batch.largest
        ));
    }
    let window = as_f64(record.window.length_ns.max(1));
    for (name, event) in &record.events {
        sentences.push(format!(
            "event {name}: {} times, {} in all ({} of the window)",
            event.count,
            duration(as_f64(event.total_ns)),
            share(as_f64(event.total_ns) / window)
        ));
        sentences.extend(event.recovery.map(|recovery| recovered(&format!("event {name}"), &recovery)));
    }
    let focus = record.actors.get(&record.treatment.focus);
    for (place, phase) in focus.iter().flat_map(|actor| actor.phases.iter().enumerate()) {
        sentences
            .extend(phase.recovery.map(|recovery| recovered(&format!("phase {}", place + 1), &recovery)));
    }
    if let Some(quota) = record.quota {
        sentences.push(format!(
            "quota of {} in {}: used up in {} of {} periods, for {} in all",
            duration(as_f64(quota.quota_ns)),
            duration(as_f64(quota.period_ns)),
            quota.throttled,
            quota.periods,
            duration(as_f64(quota.throttled_ns))
        ));
    }
    section("other-mechanisms", "Batches, events, quota", sentences)
}
