//! Units in types: what is a time, a rate or a share cannot be mistaken for another number.

use std::{fmt, iter::Sum, ops};

/// A span of time, or an instant counted from the start of a run, in nanoseconds.
///
/// Integer on purpose: virtual time must be exact and equal on every machine.
///
/// ```
/// use conlab_sim::units::Nanos;
/// let service = Nanos::from_micros(12) + Nanos(345);
/// assert_eq!(service.to_string(), "12.3 µs");
/// assert_eq!(service.scaled(2.0), Nanos(24_690));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(
    /// The count of nanoseconds.
    pub u64,
);

impl Nanos {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The end of time: later than any instant of a run.
    pub const MAX: Self = Self(u64::MAX);

    /// `count` microseconds.
    #[must_use]
    #[inline]
    pub const fn from_micros(count: u64) -> Self {
        Self(count * 1_000)
    }

    /// `count` milliseconds.
    #[must_use]
    #[inline]
    pub const fn from_millis(count: u64) -> Self {
        Self(count * 1_000_000)
    }

    /// `count` seconds.
    #[must_use]
    #[inline]
    pub const fn from_secs(count: u64) -> Self {
        Self(count * 1_000_000_000)
    }

    /// The time in seconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "2^53 ns is 104 days")]
    #[inline]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// `self × factor`, rounded to the nearest nanosecond; negative and NaN become zero.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "2^53 ns is 104 days")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "float casts saturate")]
    #[inline]
    pub fn scaled(self, factor: f64) -> Self {
        Self((self.0 as f64 * factor + 0.5) as u64)
    }

    /// `self − other`, or zero where that would be negative.
    #[must_use]
    #[inline]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The same span as a [`std::time::Duration`].
    #[must_use]
    #[inline]
    pub const fn to_duration(self) -> std::time::Duration {
        std::time::Duration::from_nanos(self.0)
    }
}

impl ops::Add for Nanos {
    type Output = Self;

    #[inline]
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl ops::AddAssign for Nanos {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl ops::Sub for Nanos {
    type Output = Self;

    #[inline]
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl ops::Mul<u64> for Nanos {
    type Output = Self;

    #[inline]
    fn mul(self, count: u64) -> Self {
        Self(self.0 * count)
    }
}

impl Sum for Nanos {
    fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
        Self(items.map(|item| item.0).sum())
    }
}

/// Prints three significant digits in the unit that fits: `950 ns`, `12.3 µs`, `37.3 ms`, `1.25 s`.
impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
        let ns = self.0 as f64;
        let (value, unit) = match self.0 {
            0..1_000 => return f.pad(&format!("{} ns", self.0)),
            1_000..1_000_000 => (ns / 1e3, "µs"),
            1_000_000..1_000_000_000 => (ns / 1e6, "ms"),
            _ => (ns / 1e9, "s"),
        };
        let decimals = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
        f.pad(&format!("{value:.decimals$} {unit}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_three_digits_in_the_unit_that_fits() {
        for (ns, shown) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (12_345, "12.3 µs"),
            (99_960, "100 µs"),
            (37_300_000, "37.3 ms"),
            (1_250_000_000, "1.25 s"),
            (61_000_000_000, "61.0 s"),
        ] {
            assert_eq!(Nanos(ns).to_string(), shown);
        }
    }

    #[test]
    fn scaling_rounds_and_never_goes_below_zero() {
        assert_eq!(Nanos(10).scaled(0.25), Nanos(3));
        assert_eq!(Nanos(10).scaled(-1.0), Nanos(0));
        assert_eq!(Nanos(10).scaled(f64::NAN), Nanos(0));
    }
}
