//! Folded stacks of wall time by actor, step and cause, and flame graphs of them.
//!
//! Weights are nanoseconds of all tasks together per second of the window, so that frames of different actors can be added
//! and records of different lengths set against each other: a thousand million is one task at a time.

use crate::measure::record::{Breakdown, RunRecord};
use crate::printable::Printable;
use crate::units::Nanos;
use inferno::flamegraph::{self, Direction, Options};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;

/// Folded stacks `actor;step;cause weight`, one a line, in order of name; weights in nanoseconds per second of the
/// window.
#[must_use]
pub fn folded(record: &RunRecord) -> String {
    lines(&weights(record), |weight| weight.to_string())
}

/// What a profiler saw, folded: its own stacks and weights. `None` when none was attached.
#[must_use]
pub fn folded_profile(record: &RunRecord) -> Option<String> {
    let profile = record.profile.as_ref()?;
    Some(profile.stacks.iter().fold(String::new(), |mut out, (stack, weight)| {
        let _ = writeln!(out, "{} {weight}", Printable(stack));
        out
    }))
}

/// Two records' stacks side by side: `actor;step;cause before after`.
#[must_use]
pub fn folded_difference(before: &RunRecord, after: &RunRecord) -> String {
    let mut both: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (stack, weight) in weights(before) {
        both.entry(stack).or_default().0 = weight;
    }
    for (stack, weight) in weights(after) {
        both.entry(stack).or_default().1 = weight;
    }
    lines(&both, |(before, after)| format!("{before} {after}"))
}

/// A flame graph of `folded` stacks as SVG: time by actor, step and cause; with two weights a line, coloured
/// by what grew (red) and shrank (blue).
///
/// # Errors
///
/// When there is nothing to draw.
pub fn flame_graph(folded: &str, title: &str, subtitle: &str, unit: &str) -> io::Result<String> {
    let mut options = Options::default();
    options.title = Printable(title).to_string();
    options.subtitle = Some(Printable(subtitle).to_string());
    options.count_name = unit.to_owned();
    options.direction = Direction::Inverted;
    options.deterministic = true;
    options.min_width = 0.05;
    let mut out = Vec::new();
    flamegraph::from_lines(&mut options, folded.lines(), &mut out)?;
    String::from_utf8(out).map_err(io::Error::other)
}

fn lines<W>(weights: &BTreeMap<String, W>, show: impl Fn(&W) -> String) -> String {
    weights.iter().fold(String::new(), |mut out, (stack, weight)| {
        let _ = writeln!(out, "{stack} {}", show(weight));
        out
    })
}

/// Nanoseconds per second of the window by stack; what is nothing is left out.
fn weights(record: &RunRecord) -> BTreeMap<String, u64> {
    let mut weights = BTreeMap::new();
    let seconds = Nanos(record.window.length_ns.max(1)).as_secs_f64();
    for (name, group) in record.observed.iter().flat_map(|observed| &observed.groups) {
        let blocked =
            group.blocked_ns.iter().map(|(cause, time)| (format!("blocked;{}", cause.key()), *time));
        let running =
            [("execution".to_owned(), group.on_cpu_ns), ("run_queue".to_owned(), group.run_queue_ns)];
        for (state, time) in running.into_iter().chain(blocked).filter(|(_, time)| *time > 0) {
            weights.insert(format!("{};{state}", frame(name)), Nanos(time).scaled(1.0 / seconds).0);
        }
    }
    for (name, actor) in &record.actors {
        let mut add = |step: &str, breakdown: &Breakdown, times: f64| {
            for (cause, total) in breakdown.parts() {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts saturate")]
                let weight = (total * times / seconds).round() as u64;
                if weight > 0 {
                    let stack = format!("{};{};{cause}", frame(name), frame(step));
                    *weights.entry(stack).or_default() += weight;
                }
            }
        };
        #[expect(clippy::cast_precision_loss, reason = "2^53 tasks are out of reach")]
        let tasks = actor.sojourn_ns.count as f64;
        let queue = Breakdown { queue: actor.breakdown_mean_ns.queue, ..Breakdown::default() };
        // The queue's is a mean, the steps' are sums.
        add("(queue)", &queue, tasks);
        for step in &actor.steps {
            add(&step.name, &step.total_ns, 1.0);
        }
    }
    weights
}

/// A name as a frame: the separators of the format become others.
fn frame(name: &str) -> String {
    let joined = name.replace([';', '\n', '\r'], ",").replace(' ', "_");
    Printable(&joined).to_string()
}
