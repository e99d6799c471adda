//! The logarithm behind exponential draws: the same bits on every machine, at half the price of `libm`'s.
//!
//! A number is 2ᵏ·z with z around 1; a table gives 1/c and −ln(1/c) for the middle c of z's cell, and a short series the rest:
//! −ln(2ᵏ·z) = −k·ln 2 + ln(1/c) − ln(1 + r), r = z/c − 1. Only additions, multiplications and one table, all
//! of them exact by IEEE 754 or computed by the compiler.
//!
//! 2.6 ns a draw where `libm::log` took 5.7; a ziggurat takes 1.9, but draws a number of times that depends on what it
//! drew, so that two arms of a comparison would no longer share their random numbers one by one.

/// Cells of the table, as bits of a mantissa.
const CELL_BITS: u32 = 7;
const CELLS: usize = 1 << CELL_BITS;
/// Where the table begins, 0.6875: so that 1 is well inside it, and z with k = 0 reaches to both sides of 1.
const FIRST: u64 = 0x3fe6_0000_0000_0000;

/// 1/c and its logarithm.
type Cell = (f64, f64);

static TABLE: [Cell; CELLS] = table();

/// −ln(x) of a positive, normal `x`; within 5·10⁻¹⁶ of the greater of 1 and the value.
#[inline]
#[must_use]
pub(super) fn minus_log(x: f64) -> f64 {
    minus_log_by(&TABLE, x)
}

#[inline]
#[expect(clippy::cast_precision_loss, reason = "an exponent has eleven bits")]
fn minus_log_by(table: &[Cell; CELLS], x: f64) -> f64 {
    let bits = x.to_bits();
    let offset = bits.wrapping_sub(FIRST);
    let exponent = offset.cast_signed() >> 52;
    let z = f64::from_bits(bits.wrapping_sub(offset & (0xfff << 52)));
    let (inverse, log_of_inverse) = table[(offset >> (52 - CELL_BITS)) as usize & (CELLS - 1)];
    let r = z * inverse - 1.0;
    let squared = r * r;
    // |r| is below 1/170, so that the term after these is below 10⁻¹⁶.
    let series = squared * (0.5 - r * (1.0 / 3.0) + squared * (0.25 - r * 0.2 + squared * (1.0 / 6.0)));
    (log_of_inverse - exponent as f64 * std::f64::consts::LN_2) - r + series
}

const fn table() -> [Cell; CELLS] {
    let mut cells = [(0.0, 0.0); CELLS];
    let mut cell = 0;
    while cell < CELLS {
        let start = f64::from_bits(FIRST + ((cell as u64) << (52 - CELL_BITS)));
        let end = f64::from_bits(FIRST + ((cell as u64 + 1) << (52 - CELL_BITS)));
        // Beside 1 the logarithm is r alone, so that short times are exact.
        let middle = if start.to_bits() == 1.0_f64.to_bits() || end.to_bits() == 1.0_f64.to_bits() {
            1.0
        } else {
            0.5 * (start + end)
        };
        let inverse = 1.0 / middle;
        cells[cell] = (inverse, log_by_series(inverse));
        cell += 1;
    }
    cells
}

/// ln(x) of an `x` near 1: twice the inverse hyperbolic tangent of (x − 1)/(x + 1), the small terms first.
const fn log_by_series(x: f64) -> f64 {
    const TERMS: usize = 16;
    let t = (x - 1.0) / (x + 1.0);
    let (mut terms, mut power, mut term) = ([0.0; TERMS], t, 0);
    while term < TERMS {
        #[expect(clippy::cast_precision_loss, reason = "small odd numbers")]
        let divisor = (2 * term + 1) as f64;
        terms[term] = power / divisor;
        power *= t * t;
        term += 1;
    }
    let mut sum = 0.0;
    while term > 0 {
        term -= 1;
        sum += terms[term];
    }
    2.0 * sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Source, Stream};

    /// The worst distance from `libm`'s logarithm, in parts of the greater of 1 and the value.
    fn worst(table: &[Cell; CELLS]) -> f64 {
        let mut stream = Stream::new(3, Source::Data, 0, 0);
        let drawn = (0..400_000).map(|_| stream.positive_unit());
        let edges = (0..=53).flat_map(|power| {
            let small = libm::exp2(-f64::from(power));
            [small, 1.0 - small, small * 1.5, small * 0.6875]
        });
        let error = |x: f64| {
            let exact = -libm::log(x);
            (minus_log_by(table, x) - exact).abs() / exact.max(1.0)
        };
        edges.chain(drawn).filter(|x| *x > 0.0).map(error).fold(0.0, f64::max)
    }

    /// How far mean, variance, third moment and tails of many draws are from those of an exponential distribution, in
    /// standard errors.
    fn farthest(table: &[Cell; CELLS]) -> f64 {
        let draws = 2_000_000;
        let mut stream = Stream::new(4, Source::Data, 0, 0);
        let (mut moments, mut beyond) = ([0.0; 3], [0_u32; 12]);
        for _ in 0..draws {
            let x = minus_log_by(table, stream.positive_unit());
            moments.iter_mut().zip([x, x * x, x * x * x]).for_each(|(sum, power)| *sum += power);
            beyond.iter_mut().zip(0_u8..).for_each(|(count, from)| *count += u32::from(x > f64::from(from)));
        }
        let all = f64::from(draws);
        // E[Xⁿ] = n!, and the variance of Xⁿ is (2n)! − n!².
        let of_moments = moments
            .iter()
            .zip([(1.0, 1.0_f64), (2.0, 20.0), (6.0, 684.0)])
            .map(|(sum, (mean, variance))| (sum / all - mean).abs() / libm::sqrt(variance / all));
        let of_tails = beyond.iter().zip(0_u8..).skip(1).map(|(count, from)| {
            let chance = libm::exp(-f64::from(from));
            (f64::from(*count) / all - chance).abs() / libm::sqrt(chance * (1.0 - chance) / all)
        });
        of_moments.chain(of_tails).fold(0.0, f64::max)
    }

    /// A table with one logarithm off in the twelfth digit.
    fn wrong() -> [Cell; CELLS] {
        let mut cells = table();
        cells[70].1 += 1e-12;
        cells
    }

    /// A table whose inverses are right and whose logarithms have the wrong base in one eighth of it.
    fn far_off() -> [Cell; CELLS] {
        let mut cells = table();
        cells[..CELLS / 8].iter_mut().for_each(|cell| cell.1 *= std::f64::consts::LOG2_E);
        cells
    }

    #[test]
    fn it_is_the_logarithm() {
        assert!(worst(&TABLE) < 5e-16, "{}", worst(&TABLE));
        assert!(minus_log(1.0).to_bits() == 0, "no time at all is exact");
    }

    #[test]
    fn a_wrong_cell_shows() {
        assert!(worst(&wrong()) > 5e-13, "{}", worst(&wrong()));
    }

    #[test]
    fn moments_and_tails_are_those_of_an_exponential_distribution() {
        assert!(farthest(&TABLE) < 4.0, "{}", farthest(&TABLE));
        assert!(farthest(&far_off()) > 20.0, "{}", farthest(&far_off()));
    }
}
