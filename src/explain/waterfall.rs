//! Where the time of a task goes in two arms, cause by cause: the bars from one to the other.
//!
//! A waterfall is an observation, not an explanation: it says in which state tasks spent the extra time, not what put
//! them there. A task that waits in the queue longer because every other one waits for a lock shows as `queue`.

use crate::measure::Cause;
use crate::measure::record::Breakdown;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One state and the time spent in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bar {
    /// Which state.
    pub state: Cause,
    /// Nanoseconds in the baseline arm.
    pub baseline_ns: f64,
    /// Nanoseconds in the isolated arm.
    pub isolated_ns: f64,
}

impl Bar {
    /// What the baseline takes longer.
    #[must_use]
    pub fn difference_ns(&self) -> f64 {
        self.baseline_ns - self.isolated_ns
    }
}

/// The bars of a task's time, in the order of [`Breakdown::parts`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Waterfall(
    /// The bars; their sums are the two arms' sojourns.
    pub Vec<Bar>,
);

impl Waterfall {
    /// The bars between the means of two groups of replicates.
    #[must_use]
    pub fn between(baseline: &[Breakdown], isolated: &[Breakdown]) -> Self {
        let names = Breakdown::default().parts().map(|(name, _)| name);
        let bars = names.into_iter().enumerate().map(|(part, state)| Bar {
            state,
            baseline_ns: mean_of(baseline, part),
            isolated_ns: mean_of(isolated, part),
        });
        let shown = |bar: &Bar| !bar.state.is_special() || bar.baseline_ns.max(bar.isolated_ns) > 0.0;
        Self(bars.filter(shown).collect())
    }

    /// The state whose time grew most.
    #[must_use]
    pub fn grown_most(&self) -> Option<&Bar> {
        self.0.iter().max_by(|a, b| a.difference_ns().total_cmp(&b.difference_ns()))
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of replicates")]
fn mean_of(group: &[Breakdown], part: usize) -> f64 {
    group.iter().map(|one| one.parts()[part].1).sum::<f64>() / group.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_sum_to_both_arms() {
        let baseline = [
            Breakdown { lock: 6.0, execution: 10.0, ..Breakdown::default() },
            Breakdown { lock: 8.0, execution: 10.0, ..Breakdown::default() },
        ];
        let isolated = [Breakdown { lock: 1.0, execution: 9.5, ..Breakdown::default() }];
        let found = Waterfall::between(&baseline, &isolated);
        assert!((found.0.iter().map(|bar| bar.baseline_ns).sum::<f64>() - 17.0).abs() < 1e-9);
        assert!((found.0.iter().map(|bar| bar.isolated_ns).sum::<f64>() - 10.5).abs() < 1e-9);
        assert_eq!(found.grown_most().map(|bar| bar.state), Some(Cause::Lock));
    }
}
