//! The threads' time by state over the observed time, in slices that grow where it is long.

use crate::measure::observed::{BlockedBy, ObservedSlice};
use crate::units::Nanos;

/// Slices that are kept at most; beyond it, two become one.
const MOST: usize = 200;
/// Length of a slice at first.
const FIRST: Nanos = Nanos::from_millis(20);

/// Slices of equal length from the start on.
#[derive(Debug)]
pub(super) struct Slices {
    width: u64,
    slices: Vec<ObservedSlice>,
}

impl Default for Slices {
    fn default() -> Self {
        Self { width: FIRST.0, slices: Vec::new() }
    }
}

impl Slices {
    /// Adds `wall` nanoseconds of a thread that end at `end`: on a processor, waiting for one, blocked, and by what. Where they
    /// reach over several slices each gets its part.
    pub(super) fn add(&mut self, end: Nanos, wall: u64, of: (u64, u64, u64), cause: BlockedBy) {
        while end.0 / self.width >= MOST as u64 {
            self.halve();
        }
        let start = end.0.saturating_sub(wall);
        let (mut given, mut done) = ((0, 0, 0), 0);
        let mut at = start;
        while done < wall {
            let number = at / self.width;
            let upto = ((number + 1) * self.width).min(end.0).max(at + 1);
            done = (done + upto - at).min(wall);
            let part = |time: u64| {
                let part = u128::from(time) * u128::from(done) / u128::from(wall);
                u64::try_from(part).unwrap_or(time)
            };
            let now = (part(of.0), part(of.1), part(of.2));
            let slice = self.slice(number);
            slice.on_cpu_ns += now.0 - given.0;
            slice.run_queue_ns += now.1 - given.1;
            if now.2 > given.2 {
                *slice.blocked_ns.entry(cause).or_default() += now.2 - given.2;
            }
            (given, at) = (now, upto);
        }
    }

    fn slice(&mut self, number: u64) -> &mut ObservedSlice {
        let number = usize::try_from(number).unwrap_or(MOST);
        while self.slices.len() <= number {
            let at_ns = self.slices.len() as u64 * self.width;
            self.slices.push(ObservedSlice { at_ns, length_ns: self.width, ..ObservedSlice::default() });
        }
        &mut self.slices[number]
    }

    /// Every two become one.
    fn halve(&mut self) {
        self.width *= 2;
        let old = std::mem::take(&mut self.slices);
        for (number, slice) in old.into_iter().enumerate() {
            let into = self.slice(number as u64 / 2);
            into.on_cpu_ns += slice.on_cpu_ns;
            into.run_queue_ns += slice.run_queue_ns;
            for (cause, time) in slice.blocked_ns {
                *into.blocked_ns.entry(cause).or_default() += time;
            }
        }
    }

    /// The slices of a watch of this length: the last may be shorter.
    pub(super) fn finish(mut self, length: Nanos) -> Vec<ObservedSlice> {
        self.slices.retain(|slice| slice.at_ns < length.0);
        if let Some(last) = self.slices.last_mut() {
            last.length_ns = last.length_ns.min(length.0 - last.at_ns);
        }
        self.slices
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_lies_in_the_slices_that_it_reaches_over_and_none_is_lost() {
        let mut slices = Slices::default();
        let ms = |ms| Nanos::from_millis(ms);
        // From 10 to 50 ms: half of the first slice, all of the second, half of the third.
        slices.add(ms(50), ms(40).0, (ms(20).0, ms(4).0, ms(16).0), BlockedBy::Futex);
        let on_cpu: Vec<u64> = slices.slices.iter().map(|slice| slice.on_cpu_ns / 1_000_000).collect();
        assert_eq!(on_cpu, [5, 10, 5]);
        // A watch of an hour keeps as few slices, and all of the time.
        slices.add(ms(3_600_000), ms(3_599_000).0, (0, 0, ms(3_599_000).0), BlockedBy::Sleep);
        let found = slices.finish(ms(3_600_000));
        assert!(found.len() <= MOST, "{}", found.len());
        assert_eq!(found.iter().map(|slice| slice.on_cpu_ns).sum::<u64>(), ms(20).0);
        let slept: u64 = found.iter().filter_map(|slice| slice.blocked_ns.get(&BlockedBy::Sleep)).sum();
        assert_eq!(slept, ms(3_599_000).0);
        let last = found.last().unwrap();
        assert_eq!(last.at_ns + last.length_ns, ms(3_600_000).0);
    }
}
