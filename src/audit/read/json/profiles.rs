//! Chrome and Perfetto traces: complete events with their durations.

use super::super::super::figure::Figure;
use super::super::super::report::Report;
use super::super::table::Table;
use super::tree::Node;

/// Reads the events: microseconds, one series for each name.
pub(super) fn trace_events(root: &Node) -> Report {
    let events = root.get("traceEvents").unwrap_or(root);
    let mut table = Table::new("trace events".to_owned());
    let mut others = 0;
    for event in events.items() {
        let name = event.word("name").unwrap_or("event");
        match event.figure("dur").filter(|_| event.word("ph") == Some("X")) {
            Some(duration) => table.sample(name, Figure::times(duration, 1e-3), event.line),
            None => others += 1,
        }
    }
    let mut report = table.finish();
    report.format = "trace events".to_owned();
    for benchmark in &mut report.benchmarks {
        // Simulated and scheduled times repeat exactly, and a trace mixes tasks of many kinds under one name.
        benchmark.manner.exact_repeats = true;
        benchmark.manner.unordered = true;
    }
    report.ignore("events without a duration", others);
    report
}
