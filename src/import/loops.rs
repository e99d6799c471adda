//! Waits of event loops: that one has ended is seen only when its loop is free.
//!
//! A wait that ends while every worker of an asynchronous service is busy lasts, as its span shows it, until one is free. Taken as it stands
//! it would hold the business of the workers, which the run makes once more. Of such a wait only an interval is known: it
//! ended after the workers were last free, and before it was seen. How long waits of its kind are is then estimated from those whose
//! ends were seen at once and from the intervals of the others together (Turnbull's self-consistent estimate, 1976), and each wait of which
//! only the interval is known gets a length within it.

use super::span::{Name, Place, Spans};
use super::system::{Key, Made};
use std::collections::BTreeMap;

/// Workers that are free for less have gone from one task to the next: nothing was looked at in between. Nanoseconds.
const BETWEEN: u64 = 500_000;
/// A wait whose end was seen so soon after its workers became busy was seen at once. Nanoseconds.
const AT_ONCE: u64 = 50_000;
/// Rounds of the estimate; it changes little after ten.
const ROUNDS: usize = 25;

/// A wait whose end was seen late: which call of which task, and the shortest and the longest that it can have been.
struct Late {
    task: usize,
    call: usize,
    least: u64,
    most: u64,
}

/// Waits of a kind: lengths that were seen, and intervals.
#[derive(Default)]
struct Kind {
    seen: Vec<u64>,
    late: Vec<Late>,
}

/// Gives waits whose ends were seen late a length that they can have had; how many there were.
///
/// `entries[at]` says whether span `at` is a task, `calls[at]` what it waited for.
pub(super) fn correct(spans: &Spans, entries: &[bool], calls: &mut [Vec<Made>]) -> u64 {
    let mut count = 0;
    for (place, stretches) in busy(spans, entries, calls) {
        let mut kinds: BTreeMap<Name, Kind> = BTreeMap::new();
        for (task, made) in calls.iter().enumerate().filter(|(task, _)| spans.spans[*task].place() == place) {
            for (number, call) in made.iter().enumerate() {
                let Key::Outside(operation) = call.key else { continue };
                if call.blocks {
                    continue;
                }
                let kind = kinds.entry(operation).or_default();
                let before = stretches.partition_point(|(start, _)| start.saturating_add(AT_ONCE) < call.end);
                let around = before.checked_sub(1).map(|at| stretches[at]);
                match around.filter(|(_, end)| end.saturating_add(BETWEEN) >= call.end) {
                    None => kind.seen.push(call.time),
                    Some((start, _)) => kind.late.push(Late {
                        task,
                        call: number,
                        least: start.saturating_sub(call.start).min(call.time),
                        most: call.time,
                    }),
                }
            }
        }
        for kind in kinds.into_values().filter(|kind| !kind.seen.is_empty()) {
            count += kind.late.len() as u64;
            let lengths = kind.lengths();
            for (late, length) in kind.late.iter().zip(lengths) {
                calls[late.task][late.call].time = length;
            }
        }
    }
    count
}

/// Stretches of time in which every worker was busy, of the services whose tasks leave their workers while they wait.
fn busy(spans: &Spans, entries: &[bool], calls: &[Vec<Made>]) -> BTreeMap<Place, Vec<(u64, u64)>> {
    let mut events: BTreeMap<Place, Vec<(u64, bool)>> = BTreeMap::new();
    for (at, span) in spans.spans.iter().enumerate().filter(|(at, _)| entries[*at]) {
        if !spans.stated.get(&span.service).is_some_and(|stated| stated.is_async) {
            continue;
        }
        let mut made: Vec<&Made> = calls[at].iter().collect();
        made.sort_by_key(|call| call.start);
        let mut from = span.start;
        let mut pieces = Vec::with_capacity(made.len() + 1);
        for call in made.into_iter().filter(|call| !call.blocks) {
            pieces.push((from, call.start.max(from)));
            from = from.max(call.end);
        }
        pieces.push((from, span.end.max(from)));
        let blocked: u64 = calls[at].iter().filter(|call| call.blocks).map(|call| call.time).sum();
        let length: u64 = pieces.iter().map(|(start, end)| end - start).sum();
        // Where most of a task's own time is no work, it waits for something that has no span, and its worker is free then.
        if span.cpu.is_some_and(|cpu| cpu.saturating_add(blocked) >= length / 2) {
            let of = events.entry(span.place()).or_default();
            let real = pieces.into_iter().filter(|(start, end)| start < end);
            real.for_each(|(start, end)| of.extend([(start, true), (end, false)]));
        }
    }
    let workers = |service: &Name| spans.stated.get(service).and_then(|stated| stated.workers).unwrap_or(1);
    events.into_iter().map(|(place, of)| (place, stretches(of, workers(&place.0)))).collect()
}

/// Stretches with at least so many at once; those that nearly touch are one.
fn stretches(mut events: Vec<(u64, bool)>, workers: u64) -> Vec<(u64, u64)> {
    events.sort_unstable();
    let (mut now, mut since) = (0_u64, 0);
    let mut found: Vec<(u64, u64)> = Vec::new();
    for (at, begins) in events {
        let before = now;
        now = if begins { now + 1 } else { now.saturating_sub(1) };
        if before < workers && now >= workers {
            since = at;
        } else if before >= workers && now < workers {
            match found.last_mut().filter(|last| last.1.saturating_add(BETWEEN) >= since) {
                Some(last) => last.1 = at,
                None => found.push((since, at)),
            }
        }
    }
    found
}

impl Kind {
    /// A length within its interval for each wait that was seen late.
    #[expect(clippy::cast_precision_loss, reason = "counts of waits")]
    fn lengths(&self) -> Vec<u64> {
        let mut support = self.seen.clone();
        support.sort_unstable();
        let ranges: Vec<(usize, usize)> = self
            .late
            .iter()
            .map(|late| {
                let from = support.partition_point(|&length| length < late.least);
                (from, support.partition_point(|&length| length <= late.most))
            })
            .collect();
        let mut mass = vec![1.0; support.len()];
        for _ in 0..ROUNDS {
            let sums = sums(&mass);
            // What the intervals give to each length that they hold, as differences from one length to the next.
            let mut given = vec![0.0; support.len() + 1];
            for &(from, to) in ranges.iter().filter(|(from, to)| from < to) {
                let share = 1.0 / (sums[to] - sums[from]).max(f64::MIN_POSITIVE);
                given[from] += share;
                given[to] -= share;
            }
            let mut now = 0.0;
            for (mass, given) in mass.iter_mut().zip(given) {
                now += given;
                *mass = *mass * now.max(0.0) + 1.0;
            }
        }
        let sums = sums(&mass);
        // Multiples of the golden ratio, so that each length is taken about as often as its mass says.
        let chance = |number: usize| (number as f64 * 0.618_033_988_749_894_9).fract();
        let numbered = self.late.iter().zip(&ranges).enumerate();
        numbered
            .map(|(number, (late, &(from, to)))| {
                let nearest = support[from.min(support.len() - 1)].clamp(late.least, late.most);
                if from == to {
                    return nearest;
                }
                let wanted = sums[from] + chance(number) * (sums[to] - sums[from]);
                support[sums.partition_point(|&sum| sum <= wanted).saturating_sub(1).clamp(from, to - 1)]
            })
            .collect()
    }
}

/// Sums of the first so many.
fn sums(mass: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0; mass.len() + 1];
    for (at, mass) in mass.iter().enumerate() {
        sums[at + 1] = sums[at] + mass;
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_where_every_worker_is_busy() {
        let events = |of: &[(u64, u64)]| of.iter().flat_map(|&(s, e)| [(s, true), (e, false)]).collect();
        let far = 1_000_000;
        assert_eq!(stretches(events(&[(0, 10), (5, 20), (far, far + 1)]), 1), [(0, 20), (far, far + 1)]);
        assert_eq!(stretches(events(&[(0, 10), (5, 20), (far, far + 1)]), 2), [(5, 10)]);
    }

    /// Lengths stay within their intervals, and an interval without any seen length gives its end nearest to one.
    #[test]
    fn late_waits_get_a_length_that_they_can_have_had() {
        let late = |least, most| Late { task: 0, call: 0, least, most };
        let kind = Kind { seen: vec![10, 20, 30], late: vec![late(15, 25), late(40, 50), late(0, 5)] };
        assert_eq!(kind.lengths(), [20, 40, 5]);
    }
}
