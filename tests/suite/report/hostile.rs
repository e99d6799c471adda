//! Names, paths and messages that a terminal, a browser, a spreadsheet or a parser would obey, through every renderer.

use super::sample::record;
use conlab::measure::record::{RunRecord, Warning};
use conlab::printable::is_obeyed;
use conlab::report::html::html;
use conlab::report::junit::{cases, junit};
use conlab::report::markdown::markdown;
use conlab::report::scenario::svg;
use conlab::report::table::csv;
use conlab::report::text::{Details, text};
use conlab::report::trace::trace;
use conlab::report::{comparison_page, run_page, stacks};
use conlab::scenario::Scenario;

/// Clears the screen, turns the text around, closes a tag, begins a formula, ends a cell, splits a path.
const HOSTILE: &str =
    "=cmd|'/C calc'!A0\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}</script>\"<b>\r\n;`|\u{9b}31m\u{200b}";

/// The sample with that name for everything that a file or a user may name.
fn hostile() -> RunRecord {
    let mut hostile = record(HOSTILE, 1000, 2, 100);
    let mut actor = hostile.actors.remove("agents").unwrap();
    for step in &mut actor.steps {
        step.name = HOSTILE.into();
        step.calls = step.calls.take().map(|_| HOSTILE.into());
    }
    hostile.treatment.focus = HOSTILE.into();
    hostile.actors.insert(HOSTILE.into(), actor);
    let mut lock = hostile.locks["registry"].clone();
    for one in lock.holders.iter_mut().chain(&mut lock.waiters) {
        (one.actor, one.step) = (HOSTILE.into(), HOSTILE.into());
    }
    lock.kind = HOSTILE.into();
    hostile.locks.insert(HOSTILE.into(), lock);
    let cache = hostile.caches["rsu"].clone();
    hostile.caches.insert(HOSTILE.into(), cache);
    hostile.warnings =
        vec![Warning { code: HOSTILE.into(), message: HOSTILE.into(), remedy: HOSTILE.into() }];
    hostile.command = vec!["conlab".into(), HOSTILE.into()];
    for text in [
        &mut hostile.manifest.cpu,
        &mut hostile.manifest.kernel,
        &mut hostile.manifest.flags,
        &mut hostile.treatment.queue,
        &mut hostile.treatment.load,
        &mut hostile.engine,
        &mut hostile.identities[0].detail,
        &mut hostile.threads[0].name,
    ] {
        *text = HOSTILE.into();
    }
    let timeline = hostile.timeline.as_mut().unwrap();
    timeline.tracks[0] = HOSTILE.into();
    timeline.spans[0].label = HOSTILE.into();
    timeline.spans[0].state = HOSTILE.into();
    hostile
}

/// What is obeyed in a text of lines.
fn obeyed(text: &str) -> Vec<char> {
    text.chars().filter(|&character| character != '\n' && is_obeyed(character)).collect()
}

#[test]
fn no_renderer_lets_a_terminal_or_a_reader_obey_a_name() {
    let record = hostile();
    let runs = [(HOSTILE.to_owned(), record.clone()), ("b".to_owned(), record.clone())];
    let suites = [(HOSTILE.to_owned(), cases(&record))];
    let folded = stacks::folded(&record);
    for (renderer, rendered) in [
        ("text", text(&run_page(&record), 80, &Details::All)),
        ("text side by side", text(&comparison_page(&runs), 80, &Details::All)),
        ("markdown", markdown(&run_page(&record))),
        ("html", html(&run_page(&record))),
        ("html side by side", html(&comparison_page(&runs))),
        ("csv", csv(&runs).unwrap()),
        ("junit", junit(HOSTILE, &suites).unwrap()),
        ("trace", trace(&record).unwrap().0),
        ("folded", folded.clone()),
        ("flame graph", stacks::flame_graph(&folded, HOSTILE, HOSTILE, "ns").unwrap()),
    ] {
        let found = obeyed(&rendered);
        assert!(found.is_empty(), "{renderer}: {found:?}");
    }
    let page = html(&run_page(&record));
    assert!(!page.contains("<b>\\r"), "markup of a name");
    assert_eq!(page.matches("</script>").count(), 1, "only the page's own");
    let sheet = csv(&runs).unwrap();
    let mut reader = csv::Reader::from_reader(sheet.as_bytes());
    for cell in reader.records().flat_map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>()) {
        let formula = cell.starts_with(['=', '+', '-', '@']) && cell.parse::<f64>().is_err();
        assert!(!formula, "a spreadsheet would compute {cell}");
    }
    let parsed: serde_json::Value = serde_json::from_str(&trace(&record).unwrap().0).unwrap();
    assert!(parsed["traceEvents"].is_array());
}

#[test]
fn numbers_of_a_record_that_cannot_be_are_rendered_all_the_same() {
    let mut broken = record("agents", 1000, 2, 100);
    let timeline = broken.timeline.as_mut().unwrap();
    timeline.spans[0].track = usize::MAX;
    timeline.spans[1].start_ns = u64::MAX;
    timeline.spans[1].length_ns = u64::MAX;
    timeline.spans[2].holder = Some(usize::MAX);
    timeline.flows.push(conlab::measure::record::Flow {
        from_track: usize::MAX,
        sent_ns: u64::MAX,
        to_track: usize::MAX,
        taken_ns: 0,
    });
    broken.locks.get_mut("registry").unwrap().wait_ns.p99 = u64::MAX;
    broken.actors.get_mut("agents").unwrap().sojourn_ns.mean = f64::NAN;
    let (trace, counts) = trace(&broken).unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&trace).is_ok());
    assert!(counts.threads < 10, "a track is made only for spans that are there: {}", counts.threads);
    assert!(html(&run_page(&broken)).contains("</html>"));
    assert!(!text(&run_page(&broken), 80, &Details::All).is_empty());
}

#[test]
fn a_step_may_be_called_as_a_lock_is() {
    let mut named = record("agents", 1000, 2, 100);
    for span in &mut named.timeline.as_mut().unwrap().spans {
        span.label = "lock 7".into();
    }
    assert!(trace(&named).unwrap().0.contains("lock 7"));
}

#[test]
fn a_picture_takes_names_literally() {
    let text = "schema = 1\nname = \"t\"\n[run]\ntasks = 1\n[actor.\"</text><script>alert(1)</script>\"]\nfocus = true\n\
                load = { clients = 1 }\nsteps = [{ name = \"s\", compute = \"1ms\" }]\n";
    // Whether such a name is allowed is the language's business; where it is, it is text.
    if let Ok(scenario) = Scenario::parse(text, "test") {
        assert!(!svg(&scenario).contains("<script>"));
    }
}
