//! JUnit XML, as CI systems keep it: suites, their test cases and how long each took.
//!
//! A case's time is one run of one test, so cases are no samples of each other. What can be checked is the arithmetic:
//! the cases that a suite states beside those that it lists, and the tests of all suites beside the total.

use super::super::super::figure::Figure;
use super::super::super::report::{Benchmark, Report};
use super::super::super::statement::{Fact, Statement};
use super::super::number::number;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// Times of cases kept; the rest is counted.
const MOST: usize = 2000;
/// Suites within one another.
const DEEPEST: usize = 64;

/// A suite that is open, and the cases found in it so far.
struct Open {
    name: String,
    line: u32,
    stated: Option<Figure>,
    failures: Option<Figure>,
    found: f64,
    failed: f64,
    /// What the suites in it state.
    parts: Vec<Figure>,
}

/// Whether a text is such a report.
pub(super) fn is_junit(head: &str) -> bool {
    head.contains("<testsuite")
}

/// Reads it; a report that breaks off is read as far as it goes, and says so.
pub(super) fn read(text: &str) -> Report {
    let mut report = Report::of("JUnit XML");
    let mut cases = Benchmark { place: "line 1".to_owned(), ..Benchmark::named("test cases") };
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Open> = Vec::new();
    let mut lines = Lines { text, at: 0, line: 1 };
    let mut more = 0;
    loop {
        let before = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let event = match reader.read_event() {
            Ok(Event::Eof) => break,
            Ok(event) => event,
            Err(error) => {
                report.ignore(format!("everything after broken XML ({error})"), 1);
                break;
            }
        };
        let (start, is_empty) = match &event {
            Event::Start(start) => (start, false),
            Event::Empty(start) => (start, true),
            Event::End(end) if end.name().as_ref().starts_with(b"testsuite") => {
                close(&mut open, &mut report);
                continue;
            }
            _ => continue,
        };
        match start.name().as_ref() {
            b"testsuite" | b"testsuites" if open.len() < DEEPEST => {
                let name = attribute(start, "name").unwrap_or_else(|| "suite".to_owned());
                let stated = attribute(start, "tests").and_then(|text| figure(&text));
                let failures = attribute(start, "failures").and_then(|text| figure(&text));
                open.push(Open {
                    name,
                    line: lines.at(before),
                    stated,
                    failures,
                    found: 0.0,
                    failed: 0.0,
                    parts: Vec::new(),
                });
                if is_empty {
                    close(&mut open, &mut report);
                }
            }
            b"testcase" => {
                if let Some(suite) = open.last_mut() {
                    suite.found += 1.0;
                }
                let time = attribute(start, "time").and_then(|text| figure(&text));
                match time {
                    Some(seconds) if cases.singles.len() < MOST => {
                        let name = attribute(start, "name").unwrap_or_else(|| "case".to_owned());
                        cases.singles.push((name, seconds.times(1e3)));
                    }
                    Some(_) => more += 1,
                    None => {}
                }
            }
            b"failure" => {
                if let Some(suite) = open.last_mut() {
                    suite.failed += 1.0;
                }
            }
            _ => {}
        }
    }
    report.ignore("times of further test cases", more);
    report.benchmarks.push(cases);
    report
}

/// States what a suite says of itself, and hands its number of tests to the suite around it.
fn close(open: &mut Vec<Open>, report: &mut Report) {
    let Some(suite) = open.pop() else { return };
    let mut state = |what: &str, parts: Vec<Figure>, total: Figure| {
        report.statements.push(Statement {
            line: suite.line,
            under: String::new(),
            text: format!("{}: {what} {}", suite.name, total.value),
            fact: Fact::Total { what: what.to_owned(), parts, total, unit: String::new() },
        });
    };
    if let Some(total) = suite.stated {
        let mut parts = suite.parts.clone();
        if suite.found > 0.0 {
            parts.push(Figure::exact(suite.found));
        }
        if !parts.is_empty() {
            state("test cases", parts, total);
        }
    }
    if let Some(total) = suite.failures.filter(|_| suite.found > 0.0) {
        state("failures", vec![Figure::exact(suite.failed)], total);
    }
    if let (Some(around), Some(tests)) = (open.last_mut(), suite.stated) {
        around.parts.push(tests);
    }
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = start.try_get_attribute(name).ok()??;
    let text = found.normalized_value(XmlVersion::Implicit1_0).ok()?;
    Some(text.chars().take(200).collect())
}

fn figure(text: &str) -> Option<Figure> {
    number(text.trim(), false).map(|(figure, _)| figure)
}

/// Counts lines up to places that only grow.
struct Lines<'t> {
    text: &'t str,
    at: usize,
    line: u32,
}

impl Lines<'_> {
    fn at(&mut self, place: usize) -> u32 {
        let place = place.min(self.text.len()).max(self.at);
        let passed = &self.text.as_bytes()[self.at..place];
        // The element begins after the white space before it.
        let passed = passed.iter().filter(|byte| **byte == b'\n').count();
        self.at = place;
        self.line += u32::try_from(passed).unwrap_or(u32::MAX - self.line);
        self.line
    }
}
