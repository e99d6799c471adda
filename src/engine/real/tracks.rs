//! Names of a timeline's tracks: workers by actor and number, and behind them the handlers that awaited something.

use super::tasks::MOST_HANDLERS;
use crate::measure::record::Timeline;
use crate::scenario::Scenario;
use std::collections::BTreeSet;

/// Names the tracks and locks of `timeline`, in which they are numbers, and puts its spans and messages in order.
pub(super) fn name(timeline: &mut Timeline, scenario: &Scenario) {
    // Spans carry the worker's number; its name ends with it.
    let workers = scenario.actors.iter().flat_map(|actor| std::iter::repeat_n(&actor.name, actor.threads));
    timeline.tracks = workers.enumerate().map(|(index, name)| format!("{name}-{index}")).collect();
    let workers = timeline.tracks.len();
    // Of the many handlers, those that awaited anything get a track.
    let handlers: BTreeSet<usize> =
        timeline.spans.iter().map(|span| span.track).filter(|track| *track >= workers).collect();
    let handlers: Vec<usize> = handlers.into_iter().collect();
    timeline.tracks.extend(handlers.iter().map(|track| {
        let (actor, handler) = ((track - workers) / MOST_HANDLERS, (track - workers) % MOST_HANDLERS);
        format!("{} handler {handler}", scenario.actors[actor].name)
    }));
    for span in &mut timeline.spans {
        if let Ok(place) = handlers.binary_search(&span.track) {
            span.track = workers + place;
        }
        if let Some(lock) = span.label.strip_prefix("lock ").and_then(|index| index.parse::<usize>().ok()) {
            span.label.clone_from(&scenario.locks[lock].name);
        }
    }
    timeline.spans.sort_by_key(|span| (span.track, span.start_ns));
    timeline.flows.sort_by_key(|flow| flow.sent_ns);
}
