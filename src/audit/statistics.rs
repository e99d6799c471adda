//! The few statistics that auditing needs, over plain slices of milliseconds.

/// Arithmetic mean; 0 for nothing.
#[expect(clippy::cast_precision_loss, reason = "sample counts stay far below 2^53")]
pub(super) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// Standard deviation with `n − freedom` in the denominator.
#[expect(clippy::cast_precision_loss, reason = "sample counts stay far below 2^53")]
pub(super) fn deviation(values: &[f64], freedom: usize) -> f64 {
    if values.len() <= freedom {
        return 0.0;
    }
    let centre = mean(values);
    let squares: f64 = values.iter().map(|value| (value - centre).powi(2)).sum();
    (squares / (values.len() - freedom) as f64).sqrt()
}

/// The values in ascending order.
pub(super) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Median of ascending values; 0 for nothing.
pub(super) fn median_of_sorted(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        length if length % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// The neighbours between which every usual definition of a percentile lies (Hyndman and Fan 1996).
#[expect(clippy::cast_precision_loss, reason = "sample counts stay far below 2^53")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the slice")]
pub(super) fn percentile_neighbours(sorted: &[f64], quantile: f64) -> (f64, f64) {
    let last = sorted.len() - 1;
    let position = quantile * sorted.len() as f64;
    let low = ((position - 1.0).floor().max(0.0) as usize).min(last);
    let high = (position.ceil().max(0.0) as usize).min(last);
    (sorted[low], sorted[high])
}

/// Ranks from 1, ties sharing their mean rank.
#[expect(clippy::cast_precision_loss, reason = "sample counts stay far below 2^53")]
pub(super) fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&one, &other| values[one].total_cmp(&values[other]));
    let mut ranks = vec![0.0; values.len()];
    let mut from = 0;
    while from < order.len() {
        let tied = order[from..].iter().take_while(|&&at| values[at].total_cmp(&values[order[from]]).is_eq());
        let to = from + tied.count();
        let shared = (from + 1 + to) as f64 / 2.0;
        order[from..to].iter().for_each(|&at| ranks[at] = shared);
        from = to;
    }
    ranks
}

/// Probability that a standard normal variable lies further from zero than `z`.
pub(super) fn two_sided(z: f64) -> f64 {
    libm::erfc(z.abs() / std::f64::consts::SQRT_2)
}
