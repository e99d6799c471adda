//! The start of a scenario from a recording of a program's threads: how many there are, how they run and wait.
//!
//! A recording has sums, not single cycles: a group's time on a processor and blocked, and how often its threads gave their
//! processor up. A cycle of running and waiting is therefore a mean one, and its spread an assumption.

use super::write::{Writer, ms, safe, shown};
use crate::measure::RunRecord;
use crate::measure::observed::{BlockedBy, FutexWait, ThreadGroup};
use std::collections::BTreeSet;

/// Groups that become actors.
const MOST_GROUPS: usize = 12;
/// Share of all processor time below which a group is left out.
const LEAST_SHARE: f64 = 0.01;
/// Longest mean piece of work: threads that seldom block are cut into such. Nanoseconds.
const LONGEST_WORK: u64 = 10_000_000;
/// Share of a group's wait below which a cause is left to the others.
const LEAST_WAIT: f64 = 0.005;

/// A scenario from a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Twin {
    /// The scenario as TOML.
    pub scenario: String,
    /// What a reader should know, a sentence each.
    pub notes: Vec<String>,
    /// Its actors, in the order of their processor time.
    pub groups: Vec<TwinGroup>,
}

/// A group of threads and the actor that stands for it.
#[derive(Clone, Debug, PartialEq)]
pub struct TwinGroup {
    /// The actor.
    pub actor: String,
    /// Mean number of its threads on a processor.
    pub on_cpu: f64,
    /// Mean number of its threads that waited for one.
    pub run_queue: f64,
}

#[expect(clippy::cast_precision_loss, reason = "times and counts of a recording")]
fn as_f64(value: u64) -> f64 {
    value as f64
}

/// The scenario of a recording, called `stem`; `None` where the record is none, or no thread ran in it.
#[must_use]
pub fn of_recording(record: &RunRecord, stem: &str) -> Option<Twin> {
    let observed = record.observed.as_ref()?;
    let length = record.window.length_ns.max(1);
    let all = observed.total();
    let mut groups: Vec<(&String, &ThreadGroup)> = observed.groups.iter().collect();
    groups.sort_by_key(|(name, group)| (std::cmp::Reverse(group.on_cpu_ns), (*name).clone()));
    let matters = |group: &ThreadGroup| as_f64(group.on_cpu_ns) >= LEAST_SHARE * as_f64(all.on_cpu_ns.max(1));
    let (kept, left): (Vec<_>, Vec<_>) = groups
        .into_iter()
        .enumerate()
        .partition(|(place, (_, group))| *place < MOST_GROUPS && matters(group));
    if kept.is_empty() {
        return None;
    }
    let mut writer = Writer::new(
        stem,
        "What would other processors, threads or shorter work change in these threads' time?",
    );
    let cores = record.treatment.cores.max(1);
    writer.line(&format!(
        "cores = {cores}   # measured: the processors of the recorded host; other programs took some of them"
    ));
    let mut taken = BTreeSet::new();
    let mut twins = Vec::new();
    for (place, (name, group)) in kept {
        let actor = safe(name, &mut taken);
        let futexes = observed.futexes.iter().filter(|futex| futex.groups.contains(name)).collect::<Vec<_>>();
        self::group(&mut writer, (&actor, name), group, length, place == 0, &futexes);
        twins.push(TwinGroup {
            actor,
            on_cpu: as_f64(group.on_cpu_ns) / as_f64(length),
            run_queue: as_f64(group.run_queue_ns) / as_f64(length),
        });
    }
    notes(&mut writer, &left.into_iter().map(|(_, (_, group))| group).collect::<Vec<_>>(), &all);
    let (scenario, _, notes) = writer.finish();
    Some(Twin { scenario, notes, groups: twins })
}

/// One group as an actor that is always at work: its threads run and wait by turns.
fn group(
    writer: &mut Writer,
    (actor, name): (&str, &str),
    group: &ThreadGroup,
    length: u64,
    is_first: bool,
    futexes: &[&FutexWait],
) {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a mean number of threads")]
    let threads = ((as_f64(group.wall_ns) / as_f64(length)).round() as u64).clamp(1, 65_536);
    let cycles = group.voluntary_switches.max(group.on_cpu_ns / LONGEST_WORK).max(1);
    let mean = |time: u64| as_f64(time) / as_f64(cycles);
    writer.line(&format!("\n# threads `{}`\n[actor.{actor}]", shown(name)));
    if is_first {
        writer.line("focus = true");
    }
    writer
        .line(&format!("threads = {threads}   # measured: at once, on average; {} were seen", group.threads));
    writer.line(&format!("capacity = {}", (2 * threads).max(16)));
    writer.line("# derived: a thread begins its next cycle when the one before is over; who hands whom work is not identifiable");
    writer.line(&format!("load = {{ clients = {threads}, think = \"0ms\" }}"));
    let how = if cycles > group.voluntary_switches {
        format!(
            "assumed: cut into pieces, since the threads gave their processor up {} times only",
            group.voluntary_switches
        )
    } else {
        "one for each time that a thread gave its processor up".into()
    };
    writer.line(&format!("# derived: sums over {cycles} cycles ({how}); assumed: exponential"));
    writer.line("steps = [");
    writer.line(&format!(
        "  {{ name = \"work\", compute = \"{}\", spread = \"exponential\" }},",
        ms(mean(group.on_cpu_ns).max(1.0))
    ));
    for cause in BlockedBy::ALL {
        let time = group.blocked_ns.get(&cause).copied().unwrap_or(0);
        if as_f64(time) < LEAST_WAIT * as_f64(group.blocked().max(1)) || mean(time) < 1.0 {
            continue;
        }
        writer.line(&format!("  # {}", provenance(cause, futexes)));
        writer.line(&format!(
            "  {{ name = \"{}\", io = \"{}\", spread = \"exponential\" }},",
            cause.key(),
            ms(mean(time))
        ));
    }
    writer.line("]");
}

/// Where a wait comes from, and what of it is not known.
fn provenance(cause: BlockedBy, futexes: &[&FutexWait]) -> String {
    match cause {
        BlockedBy::Futex => {
            let worst = futexes.first().map_or_else(String::new, |futex| {
                format!("; most of it for futex {}", shown(&futex.address))
            });
            format!(
                "sampled: blocked by futexes{worst}. Whether that is a lock or a condition, and who holds it, is not identifiable: if it is a lock, write \
                 it as [lock.NAME] with the step that holds it"
            )
        }
        BlockedBy::Events | BlockedBy::Child => {
            format!(
                "sampled: blocked by {}; idle or waiting for an answer, which is not identifiable",
                cause.label()
            )
        }
        BlockedBy::Other => {
            "sampled: blocked by a call that is none of the known ones, or could not be seen".into()
        }
        known => format!("sampled: blocked by {}", known.label()),
    }
}

fn notes(writer: &mut Writer, left: &[&ThreadGroup], all: &ThreadGroup) {
    writer.note(
        "A recording shows when threads run, wait for a processor and are blocked, and by which kind of call. Requests, locks and who waits for whom are \
         not identifiable: waits stay as they were, whatever changes. Traces (OTLP, Jaeger) show requests; `conlab fit` turns parameters."
            .into(),
    );
    if !left.is_empty() {
        let threads: u64 = left.iter().map(|group| group.threads).sum();
        let time: u64 = left.iter().map(|group| group.on_cpu_ns).sum();
        writer.note(format!(
            "{threads} threads with {:.1} % of the processor time are left out: each group has less than 1 %, or there are more than {MOST_GROUPS}.",
            100.0 * as_f64(time) / as_f64(all.on_cpu_ns.max(1))
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::observed::ObservedRecord;
    use crate::scenario::Scenario;
    use std::collections::BTreeMap;

    fn record() -> RunRecord {
        let group = |threads: u64, on_cpu_ms: u64, futex_ms: u64, voluntary_switches: u64| ThreadGroup {
            threads,
            wall_ns: (on_cpu_ms + futex_ms) * 1_000_000,
            on_cpu_ns: on_cpu_ms * 1_000_000,
            blocked_ns: BTreeMap::from([(BlockedBy::Futex, futex_ms * 1_000_000)]),
            voluntary_switches,
            ..ThreadGroup::default()
        };
        let groups = BTreeMap::from([
            ("web \"x\"".to_owned(), group(4, 400, 3600, 1000)),
            ("spin".to_owned(), group(1, 1000, 0, 0)),
            ("idle".to_owned(), group(1, 1, 999, 3)),
        ]);
        let futexes = vec![FutexWait {
            address: "0x7f00".into(),
            groups: vec!["web \"x\"".into()],
            ..FutexWait::default()
        }];
        let observed = ObservedRecord { groups, futexes, ..ObservedRecord::default() };
        let mut record = RunRecord { observed: Some(observed), ..RunRecord::default() };
        record.window.length_ns = 1_000_000_000;
        record.treatment.cores = 2;
        record
    }

    #[test]
    fn groups_become_actors_that_run_and_wait_as_they_did() {
        let twin = of_recording(&record(), "shop").unwrap();
        let scenario = Scenario::parse(&twin.scenario, "shop.toml")
            .unwrap_or_else(|error| panic!("{error}\n{}", twin.scenario));
        let threads: Vec<(&str, usize)> =
            scenario.actors.iter().map(|actor| (actor.name.as_str(), actor.threads)).collect();
        assert_eq!(threads.len(), 2, "{threads:?}");
        assert!(threads.contains(&("spin", 1)) && threads.contains(&("web__x", 4)), "{threads:?}");
        for text in ["compute = \"0.4000ms\"", "io = \"3.6000ms\"", "0x7f00", "not identifiable", "cores = 2"]
        {
            assert!(twin.scenario.contains(text), "{text}\n{}", twin.scenario);
        }
        // A thread that never blocks is cut into pieces, and the file says so.
        assert!(
            twin.scenario.contains("compute = \"10.0000ms\"")
                && twin.scenario.contains("assumed: cut into pieces")
        );
        assert!(twin.notes.iter().any(|note| note.starts_with("1 threads with 0.1 %")), "{:?}", twin.notes);
        assert_eq!(of_recording(&RunRecord::default(), "none"), None);
    }
}
