//! Whether this host was quiet while it was measured: who else used its processors, and how far the trials lie apart.

use super::Measured;
use crate::measure::usage::MOST_OF_OTHERS;

/// A figure whose third quartile is so many times its first was disturbed: by name.
const WIDEST: [(&str, f64); 3] = [("wake", 4.0), ("switch", 2.0), ("signal", 4.0)];

/// What speaks against these figures, with the share of the processors that others used; empty on a quiet host.
pub(super) fn doubts(others: Option<f64>, figures: &[Measured]) -> Vec<String> {
    let mut doubts = Vec::new();
    if let Some(others) = others.filter(|others| *others > MOST_OF_OTHERS) {
        doubts.push(format!("others used {:.0} % of the processors meanwhile", 100.0 * others));
    }
    for (name, widest) in WIDEST {
        let Some(figure) = figures.iter().find(|figure| figure.name == name && figure.trials > 0) else {
            continue;
        };
        let (low, high) = figure.quartiles;
        if high > widest * low {
            doubts.push(format!("half of the trials of `{name}` lie between {low:.0} and {high:.0} ns"));
        }
    }
    doubts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_and_figures_that_lie_far_apart_are_doubted() {
        let wake = |trials: [f64; 5]| Measured::of("wake", "", trials.to_vec(), 0.0);
        assert!(doubts(Some(0.05), &[wake([10.0, 15.0, 20.0, 25.0, 400.0])]).is_empty());
        assert_eq!(doubts(Some(0.46), &[]), ["others used 46 % of the processors meanwhile"]);
        assert_eq!(
            doubts(None, &[wake([10.0, 15.0, 100.0, 414.0, 900.0])]),
            ["half of the trials of `wake` lie between 15 and 414 ns"]
        );
    }
}
