//! The HTML page: bounded, self-contained, and literal about every text.

use super::sample::record;
use conlab::report::html::html;
use conlab::report::{comparison_page, distinctions, run_page};

#[test]
fn a_large_record_makes_a_small_page() {
    let page = html(&run_page(&record("agents", 1_000_000, 64, 400_000)));
    assert!(page.len() < 3_000_000, "{} bytes", page.len());
    for section in
        ["causes", "percentiles", "time", "threads", "locks", "caches", "actors", "checks", "manifest"]
    {
        assert!(page.contains(&format!("<section id=\"{section}\">")), "no section {section}");
    }
}

#[test]
fn names_are_text_wherever_they_appear() {
    let attack = "<script>alert(1)</script>";
    let mut hostile = record(attack, 1000, 2, 100);
    let actor = hostile.actors.remove("agents").unwrap();
    hostile.treatment.focus = attack.into();
    hostile.actors.insert(attack.into(), actor);
    hostile.locks.insert(format!("\"{attack}"), hostile.locks["registry"].clone());
    hostile.manifest.cpu = attack.into();
    hostile.warnings[0].message = attack.into();
    hostile.identities[0].detail = attack.into();
    hostile.threads[0].name = attack.into();
    let timeline = hostile.timeline.as_mut().unwrap();
    timeline.tracks[0] = attack.into();
    timeline.spans[0].label = format!("\"> {attack}");
    timeline.spans[0].state = format!("x\" onload=\"alert(1)\" {attack}");
    let side_by_side = [(attack.to_owned(), hostile.clone()), ("b".to_owned(), hostile.clone())];
    for page in [html(&run_page(&hostile)), html(&comparison_page(&side_by_side))] {
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert_eq!(page.matches("<script>").count(), 1, "only the page's own");
        assert!(!page.contains("\" onload="));
    }
}

#[test]
fn the_page_asks_nobody_for_anything() {
    let page = html(&run_page(&record("agents", 1000, 2, 100)));
    for reference in ["http://", "https://", "src=", "@import", "url(", "fetch(", "XMLHttpRequest", "<link"] {
        assert!(!page.contains(reference), "the page says {reference}");
    }
}

#[test]
fn anchors_are_unique_and_every_one_is_reached() {
    let runs = ["one", "two", "three"].map(|name| (name.to_owned(), record("agents", 1000, 2, 100)));
    for page in [html(&comparison_page(&runs)), html(&run_page(&runs[0].1))] {
        let mut anchors: Vec<&str> =
            page.split("<section id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        for anchor in &anchors {
            assert!(page.contains(&format!("<a href=\"#{anchor}\">")), "{anchor}");
        }
        let count = anchors.len();
        anchors.sort_unstable();
        anchors.dedup();
        assert_eq!(anchors.len(), count, "an anchor occurs twice");
    }
}

#[test]
fn an_empty_record_makes_a_page_too() {
    let page = html(&run_page(&conlab::measure::RunRecord::default()));
    assert!(page.contains("not trustworthy"));
}

#[test]
fn records_are_told_apart_by_what_differs() {
    let one = record("agents", 1000, 2, 100);
    let mut other = one.clone();
    other.treatment.queue = "lockfree".into();
    assert_eq!(
        distinctions(&[&one, &other]),
        Some(vec!["mutex queue".to_owned(), "lockfree queue".to_owned()])
    );
    assert_eq!(distinctions(&[&one, &other, &one]), None);
}
