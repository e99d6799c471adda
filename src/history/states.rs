//! What changed between two recordings of other programs: threads in each state.

use crate::measure::RunRecord;
use crate::measure::observed::{BlockedBy, ObservedRecord, ObservedSlice};
use crate::study::stats::{Estimate, mean_interval};
use serde::Serialize;

/// Stretches of a recording that an interval is made of, at most.
const BATCHES: usize = 20;
/// Confidence of every interval here.
const LEVEL: f64 = 0.95;
/// Groups whose states are listed.
const MOST_GROUPS: usize = 12;

/// The mean number of threads in a state in two recordings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StateChange {
    /// The group of threads; absent for all threads.
    pub group: Option<String>,
    /// The state.
    pub state: String,
    /// In the first recording: mean number of threads in it.
    pub before: Estimate,
    /// In the second.
    pub after: Estimate,
    /// Whether the intervals show a change; without an interval nothing is shown.
    pub changed: bool,
}

/// Threads by state in both, all threads first; nothing unless both are recordings.
pub(super) fn states(before: &RunRecord, after: &RunRecord) -> Vec<StateChange> {
    let (Some(old), Some(new)) = (&before.observed, &after.observed) else { return Vec::new() };
    let mut changes: Vec<StateChange> = of_all(old)
        .into_iter()
        .zip(of_all(new))
        .map(|((state, one), (_, other))| {
            let (one, other) = (whole(one, old, before), whole(other, new, after));
            StateChange { group: None, state, before: one, after: other, changed: apart(&one, &other) }
        })
        .collect();
    let mut groups: Vec<&String> = old.groups.keys().chain(new.groups.keys()).collect();
    groups.sort_unstable();
    groups.dedup();
    let busy = |name: &String| [old, new].iter().filter_map(|of| Some(of.groups.get(name)?.on_cpu_ns)).max();
    groups.sort_by_key(|name| std::cmp::Reverse(busy(name)));
    for name in groups.into_iter().take(MOST_GROUPS) {
        let of = |seen: &ObservedRecord| -> Vec<(String, u64)> {
            seen.groups.get(name).map(|group| group.states()).unwrap_or_default()
        };
        let (one, other) = (of(old), of(new));
        let mut states: Vec<&String> = one.iter().chain(&other).map(|(state, _)| state).collect();
        states.sort_unstable();
        states.dedup();
        for state in states {
            let mean = |of: &[(String, u64)], record: &RunRecord| {
                let time = of.iter().find(|(known, _)| known == state).map_or(0, |(_, time)| *time);
                certain(ratio(time, record.window.length_ns))
            };
            changes.push(StateChange {
                group: Some(name.clone()),
                state: state.clone(),
                before: mean(&one, before),
                after: mean(&other, after),
                changed: false,
            });
        }
    }
    changes.retain(|change| change.before.value > 0.0 || change.after.value > 0.0);
    changes
}

/// What picks a state's time of a slice.
type Pick = Box<dyn Fn(&ObservedSlice) -> u64>;

/// All states of all threads: time, and what picks it of a slice.
fn of_all(seen: &ObservedRecord) -> Vec<(String, (u64, Pick))> {
    let total = seen.total();
    let mut all: Vec<(String, (u64, Pick))> = vec![
        ("on a processor".into(), (total.on_cpu_ns, Box::new(|slice: &ObservedSlice| slice.on_cpu_ns))),
        ("run-queue wait".into(), (total.run_queue_ns, Box::new(|slice: &ObservedSlice| slice.run_queue_ns))),
    ];
    for cause in BlockedBy::ALL {
        let time = total.blocked_ns.get(&cause).copied().unwrap_or(0);
        let pick = move |slice: &ObservedSlice| slice.blocked_ns.get(&cause).copied().unwrap_or(0);
        all.push((format!("blocked: {}", cause.label()), (time, Box::new(pick))));
    }
    all
}

/// The mean number of threads in a state, as wide as stretches of the recording differ.
fn whole((time, pick): (u64, Pick), seen: &ObservedRecord, record: &RunRecord) -> Estimate {
    let value = ratio(time, record.window.length_ns);
    if seen.series.len() < 4 {
        return certain(value);
    }
    let means: Vec<f64> = seen
        .series
        .chunks(seen.series.len().div_ceil(BATCHES))
        .map(|slices| {
            let time = slices.iter().map(&pick).fold(0, u64::saturating_add);
            ratio(time, slices.iter().map(|slice| slice.length_ns).fold(0, u64::saturating_add))
        })
        .collect();
    let found = mean_interval(&means, LEVEL);
    if found.half_width.is_finite() {
        Estimate::new(value, (value - found.half_width).max(0.0), value + found.half_width, means.len())
    } else {
        certain(value)
    }
}

/// A value whose scatter is not known.
fn certain(value: f64) -> Estimate {
    Estimate::new(value, value, value, 1)
}

/// Whether two intervals show a difference: by the root of the sum of their squares.
fn apart(one: &Estimate, other: &Estimate) -> bool {
    let width = one.half_width.hypot(other.half_width);
    width > 0.0 && (one.value - other.value).abs() > width
}

#[expect(clippy::cast_precision_loss, reason = "means of threads")]
fn ratio(time: u64, length: u64) -> f64 {
    if length == 0 { 0.0 } else { time as f64 / length as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::observed::ThreadGroup;
    use std::collections::BTreeMap;

    /// Two threads for a second: one runs for `share` of it in every slice but for a little, and sleeps otherwise.
    fn recording(share: f64) -> RunRecord {
        let slices = (0..20_u32).map(|at| {
            let wobble = 1.0 + 0.02 * f64::from(at % 3);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small time")]
            let on_cpu_ns = (50e6 * share * wobble) as u64;
            ObservedSlice {
                at_ns: u64::from(at) * 50_000_000,
                length_ns: 50_000_000,
                on_cpu_ns,
                blocked_ns: BTreeMap::from([(BlockedBy::Sleep, 100_000_000 - on_cpu_ns)]),
                ..ObservedSlice::default()
            }
        });
        let series: Vec<ObservedSlice> = slices.collect();
        let on_cpu_ns = series.iter().map(|slice| slice.on_cpu_ns).sum();
        let group = ThreadGroup {
            threads: 2,
            wall_ns: 2_000_000_000,
            on_cpu_ns,
            blocked_ns: BTreeMap::from([(BlockedBy::Sleep, 2_000_000_000 - on_cpu_ns)]),
            ..ThreadGroup::default()
        };
        let groups = BTreeMap::from([("web".to_owned(), group)]);
        let observed = ObservedRecord { groups, series, ..ObservedRecord::default() };
        let mut record = RunRecord { observed: Some(observed), ..RunRecord::default() };
        record.window.length_ns = 1_000_000_000;
        record
    }

    #[test]
    fn threads_in_a_state_changed_where_the_stretches_say_so() {
        let changes = states(&recording(0.5), &recording(0.8));
        let all = |state: &str| changes.iter().find(|one| one.group.is_none() && one.state.contains(state));
        let on_cpu = all("processor").unwrap();
        assert!(
            on_cpu.changed && (on_cpu.after.value / on_cpu.before.value - 1.6).abs() < 0.01,
            "{on_cpu:?}"
        );
        assert!(all("sleep").unwrap().changed);
        assert!(all("futex").is_none(), "nobody waited for a futex");
        let group = changes.iter().find(|one| one.group.as_deref() == Some("web")).unwrap();
        assert!(!group.changed && group.after.value > 0.0);
        assert!(states(&recording(0.5), &recording(0.5)).iter().all(|one| !one.changed));
        assert!(states(&recording(0.5), &RunRecord::default()).is_empty());
    }
}
