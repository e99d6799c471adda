//! The timeline of the threads' states: one path per lane, state and label, so that it stays small and can be
//! zoomed by changing the view box alone.

use super::escape::{Escaped, class, put};
use crate::report::page::{Lanes, Stretch, state_label};
use crate::report::words;
use crate::units::Nanos;
use std::collections::BTreeMap;

/// Most stretches that a page carries; some ten bytes each.
const MOST: usize = 60_000;
/// Units of the drawing's width: a zoom of a thousandfold still shows a thousand positions.
const WIDTH: u64 = 1_000_000;
/// Units of a lane's height, of which the bar takes eight.
const LANE: usize = 10;

/// Appends the timeline with its controls.
pub(super) fn timeline(out: &mut String, lanes: &Lanes) {
    let length = lanes.length_ns.max(1);
    let (stretches, coarse) = bounded(lanes, length);
    put!(out, "<figure class=\"timeline\" data-length=\"{length}\">");
    put!(out, "<figcaption>{}<small>", Escaped(&lanes.caption));
    if let Some(cell) = coarse {
        put!(
            out,
            " Busy lanes are drawn in steps of {}: each step shows the state that prevails in it.",
            Nanos(cell)
        );
    }
    if lanes.omitted > 0 {
        put!(
            out,
            " {} further stretches were not recorded: the bound was reached.",
            words::count(lanes.omitted)
        );
    }
    put!(out, "</small></figcaption><ul class=\"legend\">");
    for state in states(&stretches) {
        put!(
            out,
            "<li><span class=\"swatch k-{}\"></span>{}</li>",
            class(state),
            Escaped(state_label(state))
        );
    }
    put!(out, "</ul>");
    out.push_str(CONTROLS);
    let crowded = if lanes.lanes.len() > 24 { " crowded" } else { "" };
    put!(out, "<div class=\"lanes{crowded}\"><ol class=\"lane-names\">");
    for name in &lanes.lanes {
        put!(out, "<li title=\"{0}\">{0}</li>", Escaped(name));
    }
    let height = lanes.lanes.len() * LANE;
    put!(
        out,
        "</ol><div class=\"lane-area\" tabindex=\"0\" role=\"group\" aria-label=\"Timeline of {} threads over {}. Arrow keys move, plus and minus zoom, 0 shows all.\"><svg viewBox=\"0 0 {WIDTH} {height}\" preserveAspectRatio=\"none\" style=\"--lanes:{}\">",
        lanes.lanes.len(),
        Nanos(length),
        lanes.lanes.len()
    );
    paths(out, &stretches, length);
    put!(out, "</svg><output class=\"tip\" hidden></output></div><div class=\"x-ticks\">");
    for quarter in 0..=4_u64 {
        put!(out, "<span style=\"left:{}%\">{}</span>", quarter * 25, Nanos(length / 4 * quarter));
    }
    put!(out, "</div></div></figure>");
}

const CONTROLS: &str = "<div class=\"controls\"><button type=\"button\" data-do=\"in\">Zoom in</button>\
<button type=\"button\" data-do=\"out\">Zoom out</button><button type=\"button\" data-do=\"left\" aria-label=\"Earlier\">←</button>\
<button type=\"button\" data-do=\"right\" aria-label=\"Later\">→</button><button type=\"button\" data-do=\"all\">Show all</button>\
<span class=\"range dim\" aria-live=\"polite\"></span></div>";

/// A stretch as it is drawn, in nanoseconds from and to.
struct Run<'record> {
    lane: usize,
    from: u64,
    to: u64,
    state: &'record str,
    label: &'record str,
}

impl<'record> Run<'record> {
    fn of(stretch: &'record Stretch) -> Self {
        let to = stretch.start_ns.saturating_add(stretch.length_ns);
        Self { lane: stretch.lane, from: stretch.start_ns, to, state: &stretch.state, label: &stretch.label }
    }
}

fn states<'record>(runs: &[Run<'record>]) -> Vec<&'record str> {
    let mut states: Vec<&str> = Vec::new();
    for run in runs {
        if !states.contains(&run.state) {
            states.push(run.state);
        }
    }
    states.sort_unstable_by_key(|state| (*state == "idle", *state != "execution", *state));
    states
}

fn paths(out: &mut String, runs: &[Run<'_>], length: u64) {
    let mut kinds = BTreeMap::<(usize, &str, &str), Vec<(u64, u64)>>::new();
    let place =
        |ns: u64| u64::try_from(u128::from(ns) * u128::from(WIDTH) / u128::from(length)).unwrap_or(WIDTH);
    for run in runs {
        let from = place(run.from);
        let to = place(run.to).max(from + 1);
        let kind = kinds.entry((run.lane, run.state, run.label)).or_default();
        match kind.last_mut() {
            Some(last) if last.1 >= from => last.1 = last.1.max(to),
            _ => kind.push((from, to)),
        }
    }
    for ((lane, state, label), places) in kinds {
        put!(
            out,
            "<path class=\"k-{}\" data-lane=\"{lane}\" data-state=\"{}\" data-label=\"{}\" d=\"M0 {}",
            class(state),
            Escaped(state_label(state)),
            Escaped(label),
            lane * LANE + LANE / 2
        );
        let mut at = 0;
        for (from, to) in places {
            put!(out, "m{} 0h{}", from - at, to - from);
            at = to;
        }
        put!(out, "\"/>");
    }
}

/// At most about [`MOST`] runs: lanes with more than their share are drawn in equal steps, each in the state that
/// prevails in it. Returns the step, if any lane needed it.
fn bounded(lanes: &Lanes, length: u64) -> (Vec<Run<'_>>, Option<u64>) {
    let mut by_lane: Vec<Vec<Run<'_>>> = lanes.lanes.iter().map(|_| Vec::new()).collect();
    for stretch in &lanes.stretches {
        if let Some(lane) = by_lane.get_mut(stretch.lane) {
            lane.push(Run::of(stretch));
        }
    }
    let share = MOST / by_lane.len().max(1);
    let cell = (length / share.max(1) as u64).max(1);
    let mut runs = Vec::new();
    let mut coarse = None;
    for lane in by_lane {
        if lane.len() <= share || lanes.stretches.len() <= MOST {
            runs.extend(lane);
        } else {
            coarse = Some(cell);
            prevailing(&lane, cell, &mut runs);
        }
    }
    (runs, coarse)
}

/// Appends, for each step of length `cell`, the state that takes most of it; gaps stay gaps.
fn prevailing<'record>(lane: &[Run<'record>], cell: u64, runs: &mut Vec<Run<'record>>) {
    let mut current = None;
    let mut times: BTreeMap<(&'record str, &'record str), u64> = BTreeMap::new();
    let mut finish = |index: u64, times: &mut BTreeMap<(&'record str, &'record str), u64>| {
        let most = times.iter().max_by_key(|(_, time)| **time).map(|(kind, _)| *kind);
        if let (Some((state, label)), Some(first)) = (most, lane.first()) {
            runs.push(Run {
                lane: first.lane,
                from: index * cell,
                to: (index + 1).saturating_mul(cell),
                state,
                label,
            });
        }
        times.clear();
    };
    // Stretches of one lane do not overlap; those that a record says do are cut, so that each step is seen once.
    let mut seen = 0;
    for run in lane {
        let from = run.from.max(seen);
        if from > run.to {
            continue;
        }
        seen = run.to;
        for index in from / cell..=run.to.saturating_sub(1).max(from) / cell {
            if current != Some(index) {
                if let Some(done) = current {
                    finish(done, &mut times);
                }
                current = Some(index);
            }
            let inside = run.to.min((index + 1).saturating_mul(cell)).saturating_sub(from.max(index * cell));
            *times.entry((run.state, run.label)).or_default() += inside;
        }
    }
    if let Some(done) = current {
        finish(done, &mut times);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(lane: usize, start_ns: u64, length_ns: u64, state: &str) -> Stretch {
        Stretch { lane, start_ns, length_ns, state: state.into(), label: "step".into() }
    }

    #[test]
    fn a_crowded_lane_shows_what_prevails_and_a_quiet_one_every_stretch() {
        let mut stretches: Vec<Stretch> = (0..200_000)
            .map(|index| {
                let long = if index < 100_000 { ("execution", "lock") } else { ("lock", "execution") };
                if index % 2 == 0 {
                    stretch(0, index * 10, 9, long.0)
                } else {
                    stretch(0, index * 10 - 1, 1, long.1)
                }
            })
            .collect();
        stretches.push(stretch(1, 5, 1, "io"));
        let lanes = Lanes {
            lanes: vec!["a".into(), "b".into()],
            stretches,
            length_ns: 2_000_000,
            ..Lanes::default()
        };
        let (runs, coarse) = bounded(&lanes, 2_000_000);
        assert_eq!(coarse, Some(66));
        assert!(runs.len() <= MOST, "{} runs", runs.len());
        assert!(
            runs.iter().filter(|run| run.lane == 0 && run.to <= 999_900).all(|run| run.state == "execution")
        );
        assert!(runs.iter().filter(|run| run.from >= 1_000_100).all(|run| run.state == "lock"));
        assert_eq!(runs.iter().filter(|run| run.lane == 1).count(), 1);
    }

    #[test]
    fn stretches_that_touch_become_one() {
        let lanes = Lanes {
            lanes: vec!["a".into()],
            stretches: vec![stretch(0, 0, 10, "io"), stretch(0, 10, 10, "io"), stretch(0, 50, 50, "io")],
            length_ns: 100,
            ..Lanes::default()
        };
        let mut out = String::new();
        timeline(&mut out, &lanes);
        assert!(out.contains("d=\"M0 5m0 0h200000m300000 0h500000\""), "{out}");
    }
}
