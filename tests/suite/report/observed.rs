//! Pages of another program that was recorded.

use super::pages::{fits, snapshot};
use conlab::history::difference;
use conlab::measure::identities;
use conlab::measure::observed::{
    BlockedBy, FutexWait, OBSERVED, ObservedRecord, ObservedSlice, ObservedThread, ThreadGroup,
};
use conlab::measure::record::{RunRecord, SCHEMA};
use conlab::report::study::difference_page;
use conlab::report::text::{Details, text};
use conlab::report::{comparison_page, run_page};
use std::collections::BTreeMap;

const MS: u64 = 1_000_000;

fn group(threads: u64, on_cpu_ms: u64, run_queue_ms: u64, blocked: &[(BlockedBy, u64)]) -> ThreadGroup {
    let blocked_ns: BTreeMap<BlockedBy, u64> = blocked.iter().map(|(cause, ms)| (*cause, ms * MS)).collect();
    ThreadGroup {
        threads,
        wall_ns: (on_cpu_ms + run_queue_ms) * MS + blocked_ns.values().sum::<u64>(),
        on_cpu_ns: on_cpu_ms * MS,
        run_queue_ns: run_queue_ms * MS,
        blocked_ns,
        voluntary_switches: 100 * threads,
        involuntary_switches: 7,
    }
}

/// Two seconds of a program with workers that wait for a futex, and one that writes.
fn recording(on_cpu_ms: u64) -> RunRecord {
    let workers =
        group(4, on_cpu_ms, 200, &[(BlockedBy::Futex, 5000), (BlockedBy::Events, 2800 - on_cpu_ms)]);
    let writer = group(1, 50, 0, &[(BlockedBy::Disk, 1950)]);
    let single = |name: &str, group: &str, time: &ThreadGroup| ObservedThread {
        name: name.into(),
        process: 4711,
        group: group.into(),
        time: ThreadGroup { threads: 1, ..time.clone() },
    };
    let series = (0..20).map(|at| ObservedSlice {
        at_ns: at * 100 * MS,
        length_ns: 100 * MS,
        on_cpu_ns: (on_cpu_ms + 50) * MS / 20 + at % 3 * MS,
        run_queue_ns: 10 * MS,
        blocked_ns: BTreeMap::from([(BlockedBy::Futex, 250 * MS)]),
    });
    let observed = ObservedRecord {
        pid: 4711,
        processes: 1,
        source: "proc".into(),
        how: "/proc every 5.00 ms or rarer".into(),
        looks: 400,
        overhead: 0.006,
        sees_calls: true,
        process_cpu_ns: Some((on_cpu_ms + 55) * MS),
        threads: vec![single("web-1", "web", &workers), single("writer", "writer", &writer)],
        groups: BTreeMap::from([("web".to_owned(), workers), ("writer".to_owned(), writer)]),
        futexes: vec![FutexWait {
            address: "0x7f0000001234".into(),
            process: 4711,
            wait_ns: 4900 * MS,
            looks: 350,
            threads: 4,
            groups: vec!["web".into()],
        }],
        series: series.collect(),
    };
    let mut record = RunRecord { schema: SCHEMA, engine: OBSERVED.into(), ..RunRecord::default() };
    record.scenario.name = "shop".into();
    record.manifest.started = "2026-01-02T03:04:05Z".into();
    (record.treatment.threads, record.treatment.cores) = (5, 2);
    record.window.length_ns = 2000 * MS;
    record.scheduler = observed.scheduler();
    record.warnings = observed.warnings();
    record.observed = Some(observed);
    record.identities = identities::check(&record);
    record.trustworthy = record.identities.iter().all(|identity| identity.holds);
    record
}

#[test]
fn a_recording() {
    let record = recording(800);
    assert!(record.trustworthy, "{:?}", record.identities);
    let page = run_page(&record);
    snapshot("recording", &page);
    fits(&page);
    for absent in ["p99", "sojourn", "throughput of"] {
        let shown = text(&page, 100, &Details::All);
        assert!(!shown.contains(absent), "{absent}: a recording has no tasks\n{shown}");
    }
}

#[test]
fn two_recordings_and_what_changed() {
    let (before, after) = (recording(800), recording(400));
    let page = difference_page("before", "after", &difference(&before, &after), &[]);
    insta::assert_snapshot!("recording-difference", text(&page, 80, &Details::All));
    fits(&page);
    let both = comparison_page(&[("before".into(), before), ("after".into(), after)]);
    insta::assert_snapshot!("recordings-side-by-side", text(&both, 100, &Details::All));
}

/// One that claims more processor time than its process had says so before everything else.
#[test]
fn a_recording_that_cannot_be_is_not_trusted() {
    let mut record = recording(800);
    record.observed.as_mut().unwrap().process_cpu_ns = Some(100 * MS);
    record.identities = identities::check(&record);
    record.trustworthy = false;
    let shown = text(&run_page(&record), 80, &Details::Brief);
    assert!(shown.contains("Not to be relied on: the identity processor-time does not hold"), "{shown}");
}
