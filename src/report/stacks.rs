//! Folded stacks of wall time by actor, step and cause, and flame graphs of them.
//!
//! Weights are nanoseconds per completed task, so that records of different lengths can be set against each other.

use crate::measure::record::{Breakdown, RunRecord};
use crate::printable::Printable;
use inferno::flamegraph::{self, Direction, Options};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;

/// Folded stacks `actor;step;cause weight`, one a line, in order of name; weights in nanoseconds per task.
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

/// A flame graph of `folded` stacks as SVG: time per task by actor, step and cause; with two weights a line, coloured
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

/// Nanoseconds per task by stack; what is nothing is left out.
fn weights(record: &RunRecord) -> BTreeMap<String, u64> {
    let mut weights = BTreeMap::new();
    for (name, actor) in &record.actors {
        if actor.completed == 0 {
            continue;
        }
        #[expect(clippy::cast_precision_loss, reason = "2^53 tasks are out of reach")]
        let tasks = actor.completed as f64;
        let mut add = |step: &str, breakdown: &Breakdown, tasks: f64| {
            for (cause, total) in breakdown.parts() {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts saturate")]
                let weight = (total / tasks).round() as u64;
                if weight > 0 {
                    let stack = format!("{};{};{cause}", frame(name), frame(step));
                    *weights.entry(stack).or_default() += weight;
                }
            }
        };
        let queue = Breakdown { queue: actor.breakdown_mean_ns.queue, ..Breakdown::default() };
        add("(queue)", &queue, 1.0);
        for step in &actor.steps {
            add(&step.name, &step.total_ns, tasks);
        }
    }
    weights
}

/// A name as a frame: the separators of the format become others.
fn frame(name: &str) -> String {
    let joined = name.replace([';', '\n', '\r'], ",").replace(' ', "_");
    Printable(&joined).to_string()
}
