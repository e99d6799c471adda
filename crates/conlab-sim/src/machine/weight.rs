//! How much of a core a thread gets beside others.

/// A thread's weight: beside others it gets its share of their sum. Linux's numbers, so 1024 for a nice value of 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight(u32);

impl Default for Weight {
    fn default() -> Self {
        Self::NORMAL
    }
}

/// Linux's weights of the nice values from −20 to 19: each is about a quarter more than the next.
const WEIGHTS: [u32; 40] = [
    88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904, 3906, 3121,
    2501, 1991, 1586, 1277, 1024, 820, 655, 526, 423, 335, 272, 215, 172, 137, 110, 87, 70, 56, 45, 36, 29,
    23, 18, 15,
];

impl Weight {
    /// That of a nice value of 0.
    pub const NORMAL: Self = Self(1024);

    /// That of a nice value; one outside of −20..=19 is that of the nearer end.
    ///
    /// ```
    /// use conlab_sim::machine::Weight;
    /// assert_eq!(Weight::of_nice(0), Weight::NORMAL);
    /// assert_eq!((Weight::of_nice(-20).get(), Weight::of_nice(19).get()), (88761, 15));
    /// ```
    #[must_use]
    pub fn of_nice(nice: i32) -> Self {
        let place = usize::try_from(nice.clamp(-20, 19) + 20).unwrap_or(20);
        Self(WEIGHTS[place])
    }

    /// The number.
    #[inline]
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// How much of its virtual time passes while the thread runs for `nanos`.
    #[inline]
    pub(super) fn virtual_time(self, nanos: i64) -> i64 {
        if self.0 == Self::NORMAL.0 { nanos } else { scaled(nanos, Self::NORMAL.0, self.0) }
    }

    /// The shortest time in which at least so much of its virtual time passes: rounded up, because a look at a deadline
    /// that comes a nanosecond early finds it not reached, and a nanosecond may be no virtual time at all.
    #[inline]
    pub(super) fn real_time(self, virtual_nanos: i64) -> i64 {
        if self.0 == Self::NORMAL.0 {
            return virtual_nanos;
        }
        -scaled(virtual_nanos.saturating_neg(), self.0, Self::NORMAL.0)
    }
}

/// Rounded down.
fn scaled(value: i64, factor: u32, divisor: u32) -> i64 {
    let product = (i128::from(value) * i128::from(factor)).div_euclid(i128::from(divisor));
    i64::try_from(product).unwrap_or(if value < 0 { -i64::MAX } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The wrong program: a look at a deadline that comes too early, finds it not reached, and looks again for ever.
    #[test]
    fn a_deadline_is_reached_when_its_time_is_over() {
        for nice in -20..=19 {
            let weight = Weight::of_nice(nice);
            for left in (0..2000).chain([3_000_000, 123_456_789]) {
                let passed = weight.virtual_time(weight.real_time(left));
                assert!(passed >= left, "nice {nice}: {passed} of {left} ns");
                assert!(left == 0 || weight.real_time(left) > 0, "nice {nice}: no time for {left} ns");
            }
        }
    }
}
