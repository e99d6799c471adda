//! Minimising without derivatives inside the unit cube: J. A. Nelder and R. Mead, *Computer Journal* 7 (1965).

/// A point of the unit cube and its cost.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Corner {
    /// Coordinates in 0..=1.
    pub(super) at: Vec<f64>,
    /// What is minimised; infinite where it cannot be evaluated.
    pub(super) cost: f64,
}

/// Minimises `cost` from a simplex with edges of `reach` at `start`, with about `most` evaluations; ends early once the cost
/// is at most `enough` or the simplex has collapsed.
pub(super) fn minimise(
    start: &[f64],
    reach: f64,
    most: usize,
    enough: f64,
    cost: &mut dyn FnMut(&[f64]) -> f64,
) -> Corner {
    let mut evaluate = |at: Vec<f64>| {
        let cost = cost(&at);
        Corner { at, cost }
    };
    let size = start.len();
    let mut simplex = vec![evaluate(start.to_vec())];
    for axis in 0..size {
        let mut at = start.to_vec();
        at[axis] += if at[axis] + reach > 1.0 { -reach } else { reach };
        simplex.push(evaluate(at));
    }
    let mut spent = simplex.len();
    loop {
        simplex.sort_by(|one, other| one.cost.total_cmp(&other.cost));
        if spent >= most || simplex[0].cost <= enough || is_collapsed(&simplex) {
            return simplex.swap_remove(0);
        }
        let worst = simplex[size].clone();
        let mut try_at = |factor: f64| {
            spent += 1;
            evaluate(along(&simplex[..size], &worst, factor))
        };
        let reflected = try_at(-1.0);
        let next = if reflected.cost < simplex[0].cost {
            let expanded = try_at(-2.0);
            if expanded.cost < reflected.cost { expanded } else { reflected }
        } else if reflected.cost < simplex[size.saturating_sub(1)].cost {
            reflected
        } else {
            try_at(0.5)
        };
        if next.cost < worst.cost {
            simplex[size] = next;
            continue;
        }
        // Nothing on the line is better: shrink towards the best corner.
        let best = simplex[0].at.clone();
        for corner in &mut simplex[1..] {
            let at = corner.at.iter().zip(&best).map(|(one, best)| f64::midpoint(*one, *best)).collect();
            *corner = evaluate(at);
            spent += 1;
        }
    }
}

/// The point `factor` of the way from the centre of `others` to `worst`, inside the cube.
#[expect(clippy::cast_precision_loss, reason = "a handful of parameters")]
fn along(others: &[Corner], worst: &Corner, factor: f64) -> Vec<f64> {
    let centre = |axis: usize| others.iter().map(|one| one.at[axis]).sum::<f64>() / others.len() as f64;
    let place = |(axis, worst): (usize, &f64)| {
        let centre = centre(axis);
        (centre + factor * (worst - centre)).clamp(0.0, 1.0)
    };
    worst.at.iter().enumerate().map(place).collect()
}

/// Whether no coordinate varies any more.
fn is_collapsed(simplex: &[Corner]) -> bool {
    let best = &simplex[0].at;
    simplex.iter().all(|corner| corner.at.iter().zip(best).all(|(one, best)| (one - best).abs() < 1e-6))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rosenbrock's valley on the unit cube, its minimum at (0.75, 0.75).
    fn valley(at: &[f64]) -> f64 {
        let (x, y) = (4.0 * at[0] - 2.0, 4.0 * at[1] - 2.0);
        (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2)
    }

    #[test]
    fn it_walks_a_curved_valley_to_its_end() {
        let found = minimise(&[0.2, 0.75], 0.1, 400, 1e-10, &mut valley);
        assert!((found.at[0] - 0.75).abs() < 1e-3 && (found.at[1] - 0.75).abs() < 1e-3, "{found:?}");
    }

    #[test]
    fn it_stays_inside_and_finds_a_minimum_on_the_edge() {
        let mut outside = false;
        let found = minimise(&[0.5, 0.5, 0.5], 0.2, 600, 0.0, &mut |at| {
            outside |= at.iter().any(|x| !(0.0..=1.0).contains(x));
            at.iter().map(|x| (x - 1.3).powi(2)).sum()
        });
        assert!(!outside);
        assert!(found.at.iter().all(|x| (x - 1.0).abs() < 1e-3), "{found:?}");
    }

    #[test]
    fn it_ends_within_its_budget_and_survives_what_cannot_be_evaluated() {
        let mut calls = 0;
        let found = minimise(&[0.5, 0.5], 0.1, 50, -1.0, &mut |at| {
            calls += 1;
            if at[0] > 0.55 { f64::INFINITY } else { at[0] + at[1] }
        });
        assert!(calls <= 54, "{calls}");
        assert!(found.cost < 0.5, "{found:?}");
    }
}
