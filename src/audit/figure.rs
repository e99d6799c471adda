//! A printed figure and what it may stand for: rounding is part of the evidence.

use std::ops;

/// A closed interval of real numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Span {
    /// The interval between two numbers, in either order.
    #[must_use]
    pub const fn new(one: f64, other: f64) -> Self {
        Self { low: one.min(other), high: one.max(other) }
    }

    /// The interval that holds only `value`.
    #[must_use]
    pub const fn exactly(value: f64) -> Self {
        Self { low: value, high: value }
    }

    /// What both hold, if anything.
    #[must_use]
    pub fn intersect(self, other: Self) -> Option<Self> {
        let (low, high) = (self.low.max(other.low), self.high.min(other.high));
        (low <= high).then_some(Self { low, high })
    }

    /// Whether `value` lies in it.
    #[must_use]
    pub fn holds(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Its length.
    #[must_use]
    pub fn width(self) -> f64 {
        self.high - self.low
    }

    /// Its middle.
    #[must_use]
    pub const fn middle(self) -> f64 {
        f64::midpoint(self.low, self.high)
    }

    /// `1 / self`, for intervals above zero.
    #[must_use]
    pub fn reciprocal(self) -> Self {
        Self { low: 1.0 / self.high, high: 1.0 / self.low }
    }
}

impl ops::Add for Span {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { low: self.low + other.low, high: self.high + other.high }
    }
}

impl ops::Sub for Span {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { low: self.low - other.high, high: self.high - other.low }
    }
}

impl ops::Mul<f64> for Span {
    type Output = Self;

    fn mul(self, factor: f64) -> Self {
        Self::new(self.low * factor, self.high * factor)
    }
}

impl ops::Mul for Span {
    type Output = Self;

    /// For intervals that do not reach below zero.
    fn mul(self, other: Self) -> Self {
        Self { low: self.low * other.low, high: self.high * other.high }
    }
}

/// A figure as printed: its value, and half a unit of its last digit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// The value as printed.
    pub value: f64,
    /// The true value lies within `value ± half_unit` if the figure was rounded.
    pub half_unit: f64,
}

impl Figure {
    /// Reads the precision off the shortest decimal form of `value`: 37.3 stands for 37.25 to 37.35.
    #[must_use]
    pub fn printed(value: f64) -> Self {
        let text = format!("{value}");
        let decimals = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        Self { value, half_unit: 0.5 * 0.1_f64.powi(i32::try_from(decimals).unwrap_or(i32::MAX)) }
    }

    /// A figure that was not rounded.
    #[must_use]
    pub const fn exact(value: f64) -> Self {
        Self { value, half_unit: 0.0 }
    }

    /// The same figure in another unit.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self { value: self.value * factor, half_unit: self.half_unit * factor.abs() }
    }

    /// The values that it may stand for.
    #[must_use]
    pub fn span(self) -> Span {
        Span { low: self.value - self.half_unit, high: self.value + self.half_unit }
    }

    /// Whether two figures may stand for the same value; a sliver is allowed for binary fractions.
    #[must_use]
    pub fn agrees(self, other: Self) -> bool {
        let sliver = 1e-9 * self.value.abs().max(other.value.abs());
        (self.value - other.value).abs() <= self.half_unit + other.half_unit + sliver
    }
}

/// Prints a number with at most `decimals` decimals and no trailing zeros.
#[must_use]
pub(super) fn short(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if !text.contains('.') {
        return text;
    }
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_digits_say_how_far_the_truth_may_lie() {
        for (value, half_unit) in [(37.3, 0.05), (9.35, 0.005), (116.0, 0.5), (0.0, 0.5)] {
            assert!((Figure::printed(value).half_unit - half_unit).abs() < 1e-12, "{value}");
        }
    }

    #[test]
    fn intervals_meet_or_do_not() {
        assert_eq!(Span::new(1.0, 3.0).intersect(Span::new(2.0, 5.0)), Some(Span::new(2.0, 3.0)));
        assert_eq!(Span::new(1.0, 2.0).intersect(Span::new(3.0, 5.0)), None);
    }
}
