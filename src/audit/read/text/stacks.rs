//! Folded stacks of a profiler: `frame;frame;frame weight`, as flame graphs are drawn from.

use super::super::super::figure::Figure;
use super::super::super::report::{Benchmark, Report, Share, TimeUnit};
use super::super::number::number;
use std::collections::BTreeMap;

/// Functions whose share is kept, the heaviest first.
const MOST: usize = 200;

/// Whether every line of the beginning is a stack and its weight.
pub(super) fn is_folded(head: &str) -> bool {
    // The last line of a beginning may be cut.
    let end = if head.ends_with('\n') { head.len() } else { head.rfind('\n').unwrap_or(head.len()) };
    let lines: Vec<&str> = head[..end].lines().filter(|line| !line.trim().is_empty()).collect();
    !lines.is_empty()
        && lines.iter().all(|line| stack(line).is_some())
        && lines.iter().any(|line| stack(line).is_some_and(|(frames, _)| frames.contains(';')))
}

/// Reads the share of each function that is at the end of a stack.
pub(super) fn read(text: &str) -> Report {
    let mut broken = 0;
    let mut own: BTreeMap<&str, f64> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match stack(line) {
            Some((frames, weight)) => {
                *own.entry(frames.rsplit(';').next().unwrap_or(frames)).or_default() += weight;
            }
            None => broken += 1,
        }
    }
    let mut report = shares("folded stacks", own.into_iter());
    report.ignore("lines that are no stack", broken);
    report
}

/// The shares of functions by their weight.
pub(in super::super) fn shares<'n>(format: &str, own: impl Iterator<Item = (&'n str, f64)>) -> Report {
    let mut own: Vec<(&str, f64)> = own.filter(|(_, weight)| *weight > 0.0).collect();
    own.sort_by(|one, other| other.1.total_cmp(&one.1));
    let total: f64 = own.iter().map(|(_, weight)| weight).sum();
    let mut report = Report::of(format);
    let mut benchmark =
        Benchmark { place: "line 1".to_owned(), unit: TimeUnit::Other, ..Benchmark::named("self weight") };
    let rest: f64 = own.iter().skip(MOST).map(|(_, weight)| weight).sum();
    let kept = own.into_iter().take(MOST).chain((rest > 0.0).then_some(("all others", rest)));
    benchmark.shares.extend(kept.map(|(name, weight)| Share {
        whole: "stacks".to_owned(),
        name: name.to_owned(),
        // Worked out here, so they sum to 100 % but for the arithmetic of floating point.
        percent: Figure { value: weight / total * 100.0, half_unit: 1e-6 },
    }));
    report.benchmarks.push(benchmark);
    report
}

fn stack(line: &str) -> Option<(&str, f64)> {
    let (frames, weight) = line.trim_end().rsplit_once(' ')?;
    let (weight_read, read) = number(weight, false)?;
    (read == weight.len() && weight_read.value >= 0.0 && !frames.trim().is_empty() && !frames.contains('\t'))
        .then_some((frames, weight_read.value))
}
