//! Everything that reads input of others, as functions of bytes that may be anything: for the bounded run in the tests and for
//! cargo-fuzz. Each must end soon and without a panic; some say more than that.

use conlab::audit::{audit, read_bytes, to_json};
use conlab::campaign::Pack;
use conlab::cli::args::Counts;
use conlab::files::read_hlog;
use conlab::measure::RunRecord;
use conlab::measure::stored;
use conlab::report::html::html;
use conlab::report::markdown::markdown;
use conlab::report::{audit_page, comparison_page, histogram, junit, run_page, stacks, table, text, trace};
use conlab::scenario::{Overrides, Scenario, parse_duration, parse_rate, parse_size, write_duration};
use conlab::study::Gate;
use conlab::study::claims::ClaimFile;
use conlab::sweep::{Shard, read_study};

/// A name and what reads the bytes.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// Every target.
pub(crate) const TARGETS: [Target; 10] = [
    ("scenario", scenario),
    ("set", set),
    ("quantities", quantities),
    ("claims", claims),
    ("campaign", campaign),
    ("record", record),
    ("audit", audited),
    ("histogram", histogram),
    ("escaping", escaping),
    ("study", study),
];

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn scenario(bytes: &[u8]) {
    if let Ok(scenario) = Scenario::parse(&lossy(bytes), "fuzzed") {
        // What was taken is taken again, and is the same.
        let again = Scenario::parse(&scenario.source, "fuzzed").unwrap();
        assert_eq!(scenario.digest(), again.digest());
    }
}

/// One `PATH=VALUE` a line.
fn set(bytes: &[u8]) {
    let text = lossy(bytes);
    let set = text.lines().take(4).filter_map(|line| line.split_once('='));
    let set = set.map(|(path, value)| (path.to_owned(), value.to_owned())).collect();
    let overrides = Overrides { set, ..Overrides::default() };
    if let Ok(scenario) = Scenario::load("agents", &overrides) {
        Scenario::parse(&scenario.source, "fuzzed").unwrap();
    }
}

fn quantities(bytes: &[u8]) {
    let text = lossy(bytes);
    if let Ok(time) = parse_duration(&text) {
        assert_eq!(parse_duration(&write_duration(time)), Ok(time), "{text}");
    }
    if let Ok(rate) = parse_rate(&text) {
        assert!(rate.is_finite() && rate > 0.0, "{text}");
    }
    let _ = (parse_size(&text), text.parse::<Counts>(), text.parse::<Gate>(), text.parse::<Shard>());
}

fn claims(bytes: &[u8]) {
    let _ = ClaimFile::parse(&lossy(bytes), "fuzzed");
}

fn campaign(bytes: &[u8]) {
    let text = lossy(bytes);
    let pack = || Pack::open("phase-18f").unwrap();
    let _ = (pack().with_tasks(&text, "fuzzed"), pack().with_roadmap(&text, "fuzzed"));
}

/// A record in every form that it is shown in.
fn record(bytes: &[u8]) {
    if let Ok(record) = stored::parse(&lossy(bytes)) {
        render(record);
    }
}

fn render(record: RunRecord) {
    let page = run_page(&record);
    let _ = (html(&page), markdown(&page), text::text(&page, 80, &text::Details::All));
    if let Some((text, _)) = trace::trace(&record) {
        serde_json::from_str::<serde::de::IgnoredAny>(&text).unwrap();
    }
    let folded = stacks::folded(&record);
    let _ = stacks::flame_graph(&folded, "title", "subtitle", "ns");
    for actor in record.actors.values() {
        let _ = histogram::hgrm(&actor.sojourn_ns);
    }
    let _ = junit::junit("conlab", &[("suite".to_owned(), junit::cases(&record))]);
    let runs = [("a".to_owned(), record.clone()), ("b".to_owned(), record)];
    let _ = (table::csv(&runs), html(&comparison_page(&runs)));
}

fn audited(bytes: &[u8]) {
    if let Ok(report) = read_bytes("fuzzed", bytes) {
        let reports = [report];
        let findings = audit(&reports);
        let _ = (html(&audit_page(&reports, &findings)), to_json(&reports, &findings));
    }
}

fn histogram(bytes: &[u8]) {
    let _ = read_hlog(bytes);
}

/// A record whose names are the input: a mark of a page's language in them is never one of the page.
fn escaping(bytes: &[u8]) {
    let given: String = lossy(bytes).chars().filter(|letter| !letter.is_control()).take(90).collect();
    let name = format!("<zq>{given}<zq\">");
    let mut record = RunRecord { engine: name.clone(), ..RunRecord::default() };
    name.clone_into(&mut record.scenario.name);
    name.clone_into(&mut record.treatment.focus);
    record.actors.insert(name.clone(), conlab::measure::record::ActorRecord::default());
    let warning =
        conlab::measure::record::Warning { code: name.clone(), message: name.clone(), remedy: name.clone() };
    record.warnings.push(warning);
    let page = html(&run_page(&record));
    assert!(!page.contains("<zq"), "{name:?} is not escaped");
    let xml = junit::junit("conlab", &[(name.clone(), junit::cases(&record))]).unwrap();
    assert!(!xml.contains("<zq"), "{name:?} is not escaped in JUnit");
    let csv = table::csv(&[(name.clone(), record)]).unwrap();
    // Quoted names may hold lines of their own, but these have none.
    assert_eq!(csv.lines().count(), 2, "{name:?}");
}

fn study(bytes: &[u8]) {
    let _ = read_study(&lossy(bytes), "fuzzed");
}

/// Runs the target of this name.
#[cfg_attr(test, expect(dead_code, reason = "for cargo-fuzz, which has a program for each target"))]
pub(crate) fn run(name: &str, bytes: &[u8]) {
    if let Some((_, target)) = TARGETS.iter().find(|(known, _)| *known == name) {
        target(bytes);
    }
}
