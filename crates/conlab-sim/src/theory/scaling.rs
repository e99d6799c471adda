//! Laws of scaling: Amdahl's, the Universal Scalability Law with a fit, and Little's.

use super::{TheoryError, not_negative};

/// Mean tasks in a system: throughput × mean sojourn.
///
/// # Source
///
/// J. D. C. Little, "A proof for the queuing formula L = λW", Operations Research 9 (1961).
///
/// ```
/// assert_eq!(conlab_sim::theory::little(200.0, 0.01), 2.0);
/// ```
#[must_use]
pub fn little(throughput: f64, sojourn: f64) -> f64 {
    throughput * sojourn
}

/// Speedup on `n` processors when a share `serial` of the work cannot be divided.
///
/// # Errors
///
/// [`TheoryError::OutOfRange`] when `serial` is outside `0..=1` or `n` is below 1.
///
/// # Source
///
/// G. M. Amdahl, "Validity of the single processor approach…", AFIPS (1967): `1 / (s + (1 − s)/n)`.
///
/// # Examples
///
/// ```
/// assert!((conlab_sim::theory::amdahl_speedup(0.5, 4.0)? - 1.6).abs() < 1e-12);
/// # Ok::<(), conlab_sim::theory::TheoryError>(())
/// ```
pub fn amdahl_speedup(serial: f64, n: f64) -> Result<f64, TheoryError> {
    if !(0.0..=1.0).contains(&serial) {
        return Err(TheoryError::OutOfRange { name: "serial", value: serial, expected: "within 0..=1" });
    }
    if n.is_nan() || n < 1.0 {
        return Err(TheoryError::OutOfRange { name: "n", value: n, expected: "at least 1" });
    }
    Ok(1.0 / (serial + (1.0 - serial) / n))
}

/// How much faster a whole becomes at most when a share of it takes no time at all any more: `1 / (1 − share)`.
///
/// # Errors
///
/// [`TheoryError::OutOfRange`] when `share` is outside `0..1`.
///
/// # Examples
///
/// Removing the 35 % and 18 % of two causes altogether caps the speedup at 2.13:
///
/// ```
/// assert!((conlab_sim::theory::amdahl_speedup_limit(0.53)? - 2.1277).abs() < 1e-4);
/// # Ok::<(), conlab_sim::theory::TheoryError>(())
/// ```
pub fn amdahl_speedup_limit(share: f64) -> Result<f64, TheoryError> {
    if (0.0..1.0).contains(&share) {
        Ok(1.0 / (1.0 - share))
    } else {
        Err(TheoryError::OutOfRange { name: "share", value: share, expected: "within 0..1" })
    }
}

/// The Universal Scalability Law: `X(n) = λn / (1 + σ(n − 1) + κn(n − 1))`.
///
/// # Source
///
/// N. J. Gunther, *Guerrilla Capacity Planning* (2007), ch. 4 to 6.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usl {
    /// Throughput of one: λ.
    pub lambda: f64,
    /// Contention: σ.
    pub sigma: f64,
    /// Coherency: κ.
    pub kappa: f64,
}

impl Usl {
    /// Throughput at `n`.
    ///
    /// ```
    /// let law = conlab_sim::theory::Usl { lambda: 10.0, sigma: 1.0, kappa: 0.0 };
    /// assert_eq!(law.throughput(8.0), 10.0);
    /// ```
    #[must_use]
    pub fn throughput(&self, n: f64) -> f64 {
        self.lambda * n / (1.0 + self.sigma * (n - 1.0) + self.kappa * n * (n - 1.0))
    }

    /// The size beyond which throughput falls; `None` when it never does.
    ///
    /// ```
    /// let law = conlab_sim::theory::Usl { lambda: 1.0, sigma: 0.19, kappa: 0.01 };
    /// assert!((law.peak().unwrap() - 9.0).abs() < 1e-12);
    /// ```
    #[must_use]
    pub fn peak(&self) -> Option<f64> {
        (self.kappa > 0.0).then(|| ((1.0 - self.sigma).max(0.0) / self.kappa).sqrt())
    }
}

/// Fits the Universal Scalability Law to `(n, throughput)` points: non-negative least squares on `n / X(n)`, weighted so
/// that relative errors of the throughput count alike.
///
/// `n/X = a + b(n − 1) + c·n(n − 1)` is linear in `a = 1/λ`, `b = σ/λ` and `c = κ/λ`; of the solutions with b or c
/// clamped to 0 the one with the least error is taken.
///
/// # Errors
///
/// [`TheoryError::TooFewPoints`] below three points at different sizes; [`TheoryError::OutOfRange`] for a
/// throughput or size that is not positive.
///
/// # Examples
///
/// ```
/// use conlab_sim::theory::{Usl, usl_fit};
/// let law = Usl { lambda: 5.0, sigma: 0.1, kappa: 0.01 };
/// let points: Vec<_> = [1.0, 2.0, 4.0, 8.0, 16.0].map(|n| (n, law.throughput(n))).into();
/// let fit = usl_fit(&points)?;
/// assert!((fit.sigma - 0.1).abs() < 1e-9 && (fit.kappa - 0.01).abs() < 1e-9);
/// # Ok::<(), conlab_sim::theory::TheoryError>(())
/// ```
pub fn usl_fit(points: &[(f64, f64)]) -> Result<Usl, TheoryError> {
    for &(n, throughput) in points {
        if not_negative("n", n)? == 0.0 || not_negative("throughput", throughput)? == 0.0 {
            return Err(TheoryError::OutOfRange {
                name: "throughput",
                value: throughput,
                expected: "above 0",
            });
        }
    }
    let mut sizes: Vec<f64> = points.iter().map(|point| point.0).collect();
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    if sizes.len() < 3 {
        return Err(TheoryError::TooFewPoints { needed: 3, got: sizes.len() });
    }
    let best = [[true, true], [true, false], [false, true], [false, false]]
        .into_iter()
        .filter_map(|free| solve(points, free))
        .min_by(|left, right| left.1.total_cmp(&right.1));
    best.map(|(law, _)| law).ok_or(TheoryError::TooFewPoints { needed: 3, got: sizes.len() })
}

/// The least-squares solution with only these of `b` and `c` free, and its error; `None` when it is not allowed.
fn solve(points: &[(f64, f64)], free: [bool; 2]) -> Option<(Usl, f64)> {
    let columns: Vec<usize> =
        [Some(0), free[0].then_some(1), free[1].then_some(2)].into_iter().flatten().collect();
    let row = |n: f64| [1.0, n - 1.0, n * (n - 1.0)];
    let size = columns.len();
    let mut matrix = vec![vec![0.0; size + 1]; size];
    for &(n, throughput) in points {
        // n/X has a relative error like X's own; dividing by it makes the errors alike.
        let (values, target) = (row(n), n / throughput);
        let weight = 1.0 / (target * target);
        for (line, left) in columns.iter().enumerate() {
            for (column, right) in columns.iter().enumerate() {
                matrix[line][column] += weight * values[*left] * values[*right];
            }
            matrix[line][size] += weight * values[*left] * target;
        }
    }
    let solution = eliminate(matrix)?;
    let mut coefficients = [0.0; 3];
    for (column, value) in columns.iter().zip(solution) {
        coefficients[*column] = value;
    }
    let [a, b, c] = coefficients;
    if a <= 0.0 || b < 0.0 || c < 0.0 {
        return None;
    }
    let law = Usl { lambda: 1.0 / a, sigma: b / a, kappa: c / a };
    let error = points.iter().map(|&(n, throughput)| (law.throughput(n) / throughput).ln().powi(2)).sum();
    Some((law, error))
}

/// Gaussian elimination with pivoting on an augmented matrix.
fn eliminate(mut matrix: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let size = matrix.len();
    for column in 0..size {
        let pivot = (column..size)
            .max_by(|left, right| matrix[*left][column].abs().total_cmp(&matrix[*right][column].abs()))?;
        matrix.swap(column, pivot);
        if matrix[column][column].abs() < 1e-300 {
            return None;
        }
        let pivot_row = matrix[column].clone();
        for (line, row) in matrix.iter_mut().enumerate() {
            if line != column {
                let factor = row[column] / pivot_row[column];
                row.iter_mut().zip(&pivot_row).for_each(|(value, pivot)| *value -= factor * pivot);
            }
        }
    }
    Some((0..size).map(|line| matrix[line][size] / matrix[line][line]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perfectly_linear_system_fits_without_contention() {
        let fit = usl_fit(&[(1.0, 3.0), (2.0, 6.0), (4.0, 12.0), (8.0, 24.0)]).unwrap();
        assert!((fit.lambda - 3.0).abs() < 1e-9 && fit.sigma < 1e-9 && fit.kappa < 1e-9, "{fit:?}");
        assert_eq!(Usl { kappa: 0.0, ..fit }.peak(), None);
    }

    #[test]
    fn superlinear_points_are_clamped_and_too_few_are_refused() {
        let fit = usl_fit(&[(1.0, 1.0), (2.0, 2.2), (4.0, 4.6)]).unwrap();
        assert!(fit.sigma >= 0.0 && fit.kappa >= 0.0, "{fit:?}");
        assert_eq!(usl_fit(&[(1.0, 1.0), (1.0, 1.1)]), Err(TheoryError::TooFewPoints { needed: 3, got: 1 }));
        assert!(usl_fit(&[(1.0, 0.0), (2.0, 1.0), (3.0, 1.0)]).is_err());
    }
}
