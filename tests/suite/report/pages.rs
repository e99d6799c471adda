//! Every page that people read, as text, Markdown and HTML, as a snapshot.

use super::sample::record;
use conlab::report::html::html;
use conlab::report::markdown::markdown;
use conlab::report::page::Page;
use conlab::report::run_page;
use conlab::report::text::{Details, text};

/// The page in all forms; HTML without style and script, which have snapshots of their own in the browser.
pub(super) fn snapshot(name: &str, page: &Page) {
    insta::assert_snapshot!(format!("{name}-brief"), text(page, 80, &Details::Brief));
    insta::assert_snapshot!(format!("{name}-details"), text(page, 80, &Details::All));
    insta::assert_snapshot!(format!("{name}-markdown"), markdown(page));
    let html = html(page);
    let header = html.split("<header>").nth(1).and_then(|rest| rest.split("</header>").next()).unwrap();
    insta::assert_snapshot!(format!("{name}-html-header"), header.replace("><", ">\n<"));
}

/// No line of a terminal page is wider than the terminal.
pub(super) fn fits(page: &Page) {
    for width in [40, 80, 120] {
        for details in [Details::Brief, Details::All] {
            for line in text(page, width, &details).lines() {
                if line.starts_with("Next: ") {
                    continue;
                }
                assert!(line.chars().count() <= width, "{width} columns: {line}");
            }
        }
    }
}

#[test]
fn a_run() {
    let page = run_page(&record("agents", 1000, 4, 100));
    snapshot("run", &page);
    fits(&page);
    assert!(text(&page, 80, &Details::Brief).lines().count() <= 22, "a brief page fits a screen");
}

/// The figures of a breakdown stand beside their own names: no two of them are alike in the sample.
#[test]
fn shares_are_those_of_their_causes() {
    let record = record("agents", 1000, 4, 100);
    let shown = text(&run_page(&record), 100, &Details::All);
    let rows = shown.split("Where the time goes").nth(1).unwrap();
    let row = |name: &str| rows.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    for (name, tail, mean) in [
        ("queue wait", "31 %", "18 %"),
        ("execution", "7.0 %", "27 %"),
        ("lock wait", "44 %", "20 %"),
        ("run-queue wait", "13 %", "10 %"),
        ("I/O", "4.0 %", "20 %"),
        ("calls", "1.0 %", "4.5 %"),
    ] {
        let row = row(name);
        let places = [row.find(tail), row.rfind(mean)];
        assert!(places[0].is_some() && places[0] < places[1], "{name}: {row}");
    }
    // The brief page has the largest of them, and the others in one row.
    let brief = text(&run_page(&record), 100, &Details::Brief);
    let brief = brief.split("Where the time goes").nth(1).unwrap();
    for (name, tail, mean) in
        [("lock wait", "44 %", "20 %"), ("queue wait", "31 %", "18 %"), ("3 others", "14 %", "15 %")]
    {
        let row =
            brief.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {brief}"));
        let places = [row.find(tail), row.rfind(mean)];
        assert!(places[0].is_some() && places[0] < places[1], "{name}: {row}");
    }
    let answer = run_page(&record).answer;
    assert!(answer.contains("44 % of the p99 of `agents` (93.8 ms) is waiting for locks"), "{answer}");
    assert!(answer.contains("for `interpreter`"), "{answer}");
    assert!(answer.contains("held longest by `vault.read` (75 % of the time that it is held)"), "{answer}");
    for (name, share) in [("busy: execution", "47 %"), ("lock wait", "35 %"), ("run-queue wait", "18 %")] {
        assert!(shown.contains(&format!("{name} {share}")), "{name}: {shown}");
    }
}
