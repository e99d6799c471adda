//! Names of a timeline's tracks: workers by actor and number, and behind them what tokio's handlers awaited.

use super::tasks::MAX_HANDLERS;
use crate::measure::record::{Span, Timeline};
use crate::scenario::Scenario;

/// Names the tracks of `timeline`, in which they are numbers, and puts its spans and messages in order.
pub(super) fn name(timeline: &mut Timeline, scenario: &Scenario) {
    // Spans carry the worker's number; its name ends with it.
    let workers = scenario.actors.iter().flat_map(|actor| std::iter::repeat_n(&actor.name, actor.threads));
    timeline.tracks = workers.enumerate().map(|(index, name)| format!("{name}-{index}")).collect();
    timeline.spans.sort_by_key(|span| span.start_ns);
    let workers = timeline.tracks.len();
    for (actor, spec) in scenario.actors.iter().enumerate() {
        let handlers = workers + actor * MAX_HANDLERS..workers + (actor + 1) * MAX_HANDLERS;
        let awaited = timeline.spans.iter_mut().filter(|span| handlers.contains(&span.track));
        let rows = pack(awaited, FINAL + timeline.tracks.len());
        timeline.tracks.extend((0..rows).map(|row| format!("{} awaiting {row}", spec.name)));
    }
    for span in &mut timeline.spans {
        span.track -= if span.track >= FINAL { FINAL } else { 0 };
    }
    timeline.spans.sort_by_key(|span| (span.track, span.start_ns));
    timeline.flows.sort_by_key(|flow| flow.sent_ns);
}

/// Above every number of a handler's track, to tell tracks that are final already.
const FINAL: usize = usize::MAX / 2;

/// Deals spans, in order of their start, to as few tracks from `first` on as they need not to overlap; returns how
/// many. A thousand handlers take tasks by turns, but no more of them wait at once than there are tasks.
fn pack<'spans>(spans: impl Iterator<Item = &'spans mut Span>, first: usize) -> usize {
    let mut ends: Vec<u64> = Vec::new();
    for span in spans {
        let row = ends.iter().position(|end| *end <= span.start_ns).unwrap_or(ends.len());
        let end = span.start_ns + span.length_ns;
        if row == ends.len() {
            ends.push(end);
        } else {
            ends[row] = end;
        }
        span.track = first + row;
    }
    ends.len()
}
