//! Shares of a whole among causes that interact: the Shapley value over a full factorial.
//!
//! `values[set]` is the outcome with exactly the causes of `set` present, one bit for each cause, so `values[0]` has
//! none and the last has all. The shares sum to `values[all] − values[0]` whatever the interactions.

/// Two causes that make more (or less) together than the sum of what each makes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interaction {
    /// Index of one cause.
    pub first: usize,
    /// Index of the other, larger.
    pub second: usize,
    /// What they make together beyond what they make apart, averaged over the presence of the others.
    pub effect: f64,
}

/// Number of causes in a factorial of so many outcomes.
///
/// # Panics
///
/// When `values` is not a full factorial: its length must be a power of two.
fn causes(values: &[f64]) -> usize {
    assert!(values.len().is_power_of_two(), "{} outcomes are not a full factorial", values.len());
    values.len().trailing_zeros() as usize
}

/// Weight of a coalition of `size` others among `players` that join in random order: `size!·(players−size−1)!/players!`.
fn weight(size: u32, players: usize) -> f64 {
    // 1 / (players · C(players − 1, size)), without factorials.
    let others = players - 1;
    let mut choose = 1.0;
    for index in 0..size as usize {
        #[expect(clippy::cast_precision_loss, reason = "a handful of causes")]
        {
            choose *= (others - index) as f64 / (index + 1) as f64;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a handful of causes")]
    let players = players as f64;
    1.0 / (players * choose)
}

/// Each cause's share: its marginal effect averaged over every order in which the causes could appear.
///
/// # Panics
///
/// When `values` is not a full factorial.
///
/// # Source
///
/// Shapley, "A value for n-person games" (1953).
///
/// # Examples
///
/// Two causes that need each other share the effect evenly:
///
/// ```
/// assert_eq!(conlab::study::stats::shapley(&[0.0, 0.0, 0.0, 6.0]), [3.0, 3.0]);
/// ```
#[must_use]
pub fn shapley(values: &[f64]) -> Vec<f64> {
    let players = causes(values);
    (0..players)
        .map(|player| {
            let bit = 1 << player;
            (0..values.len())
                .filter(|set| set & bit == 0)
                .map(|set| weight(set.count_ones(), players) * (values[set | bit] - values[set]))
                .sum()
        })
        .collect()
}

/// What is gained by taking one cause away while all the others stay.
///
/// # Panics
///
/// When `values` is not a full factorial.
#[must_use]
pub fn leave_one_out(values: &[f64]) -> Vec<f64> {
    let all = values.len() - 1;
    (0..causes(values)).map(|player| values[all] - values[all & !(1 << player)]).collect()
}

/// What one cause makes alone.
///
/// # Panics
///
/// When `values` is not a full factorial.
#[must_use]
pub fn only_one(values: &[f64]) -> Vec<f64> {
    (0..causes(values)).map(|player| values[1 << player] - values[0]).collect()
}

/// The Shapley interaction index of every pair, in the order of their indices.
///
/// # Panics
///
/// When `values` is not a full factorial.
///
/// # Source
///
/// Grabisch and Roubens, "An axiomatic approach to the concept of interaction among players" (1999).
#[must_use]
pub fn pair_interactions(values: &[f64]) -> Vec<Interaction> {
    let players = causes(values);
    let mut found = Vec::new();
    for first in 0..players {
        for second in first + 1..players {
            let (a, b) = (1 << first, 1 << second);
            let effect = (0..values.len())
                .filter(|set| set & (a | b) == 0)
                .map(|set| {
                    let together = values[set | a | b] - values[set | a] - values[set | b] + values[set];
                    weight(set.count_ones(), players - 1) * together
                })
                .sum();
            found.push(Interaction { first, second, effect });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
        }
    }

    #[test]
    fn additive_causes_get_their_own_effect_and_no_interaction() {
        let values: Vec<f64> =
            (0..8).map(|set: u32| f64::from(set & 1) * 5.0 + f64::from(set >> 1 & 1) * 2.0 + 10.0).collect();
        near(&shapley(&values), &[5.0, 2.0, 0.0]);
        near(&leave_one_out(&values), &[5.0, 2.0, 0.0]);
        near(&only_one(&values), &[5.0, 2.0, 0.0]);
        assert!(pair_interactions(&values).iter().all(|pair| pair.effect.abs() < 1e-9));
    }

    #[test]
    fn shares_sum_to_the_whole_whatever_the_interactions() {
        let values = [1.0, 4.0, -2.0, 9.0, 0.5, 7.0, 3.0, 20.0, 1.0, 1.0, 2.0, 8.0, 6.0, 6.0, 6.0, 31.0];
        near(&[shapley(&values).iter().sum()], &[30.0]);
    }

    #[test]
    fn a_pair_that_needs_each_other_shows_as_an_interaction() {
        let values = [0.0, 0.0, 0.0, 6.0];
        near(&shapley(&values), &[3.0, 3.0]);
        near(&leave_one_out(&values), &[6.0, 6.0]);
        near(&only_one(&values), &[0.0, 0.0]);
        assert_eq!(pair_interactions(&values), [Interaction { first: 0, second: 1, effect: 6.0 }]);
    }

    #[test]
    fn the_glove_game_has_its_known_value() {
        // One left glove, two right ones: a pair is worth 1; the known value is 2/3, 1/6, 1/6.
        let values: Vec<f64> = (0..8).map(|set: u32| f64::from(u32::from(set & 1 == 1 && set > 1))).collect();
        near(&shapley(&values), &[2.0 / 3.0, 1.0 / 6.0, 1.0 / 6.0]);
    }
}
