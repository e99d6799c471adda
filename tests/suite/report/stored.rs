//! Pages of stored records: what changed between two, a figure's course over many.

use super::sample;
use conlab::history::{courses, difference};
use conlab::measure::RunRecord;
use conlab::report::html::html;
use conlab::report::study::{JudgedGate, difference_page, history_page};
use conlab::report::text::{Details, text};
use conlab::study::Metric;

fn record() -> RunRecord {
    sample::record("stored", 2000, 2, 0)
}

/// The sample with its times stretched, another queue, and a name that HTML would obey.
fn slower(factor: f64) -> RunRecord {
    let mut slower = record();
    slower.treatment.queue = "<b>lockfree</b>".into();
    let focus = slower.treatment.focus.clone();
    let actor = slower.actors.get_mut(&focus).unwrap();
    actor.sojourn_ns.mean *= factor;
    actor.breakdown_mean_ns.lock *= factor;
    slower
}

#[test]
fn the_page_of_a_difference() {
    let difference = difference(&record(), &slower(1.5));
    let gates = [
        JudgedGate { gate: "mean<+5%".into(), passed: false, why: "+50.0 %".into() },
        JudgedGate { gate: "p99<1s".into(), passed: true, why: "50.0 ms".into() },
    ];
    let page = difference_page("before", "after", &difference, &gates);
    insta::assert_snapshot!(text(&page, 100, &Details::All));
    let written = html(&page);
    assert!(written.contains("&lt;b&gt;lockfree") && !written.contains("<b>lockfree"));
    let same = conlab::history::difference(&record(), &record());
    let page = difference_page("before", "before", &same, &[]);
    assert!(page.answer.contains("No figure is shown to have changed"), "{}", page.answer);
    assert!(page.verdict.is_none());
}

#[test]
fn the_page_of_a_history() {
    let records: Vec<(String, RunRecord)> = (0..12_u32)
        .map(|day| {
            let mut record = record();
            let focus = record.treatment.focus.clone();
            let step = if day >= 6 { 1.2 } else { 1.0 };
            record.actors.get_mut(&focus).unwrap().sojourn_ns.mean *=
                step * (1.0 + 0.01 * f64::from(day % 3));
            record.manifest.started = format!("2026-01-{:02}T00:00:00Z", day + 1);
            (format!("record-{day}"), record)
        })
        .collect();
    let named: Vec<(String, &RunRecord)> =
        records.iter().map(|(name, record)| (name.clone(), record)).collect();
    let page = history_page(&courses(&named, Metric::Mean), Metric::Mean);
    insta::assert_snapshot!(text(&page, 100, &Details::All));
    assert!(html(&page).contains("2026-01-07"));
    let page = history_page(&courses(&named[..6], Metric::Mean), Metric::Mean);
    assert_eq!(page.answer, "No change is shown.");
}
