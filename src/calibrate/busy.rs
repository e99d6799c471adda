//! Whether this host was quiet while it was measured: who else used its processors, and how far the trials lie apart.

use super::Measured;
use std::fs;

/// Others may use so much of all processors.
const MAX_OF_OTHERS: f64 = 0.10;
/// A figure whose third quartile is so many times its first was disturbed: by name.
const WIDEST: [(&str, f64); 3] = [("wake", 4.0), ("switch", 2.0), ("signal", 4.0)];

/// Processor time of the whole host and of this process, in clock ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Usage {
    total: u64,
    busy: u64,
    own: u64,
}

impl Usage {
    /// Up to now; `None` where the kernel does not say.
    pub(super) fn now() -> Option<Self> {
        let (stat, own) =
            (fs::read_to_string("/proc/stat").ok()?, fs::read_to_string("/proc/self/stat").ok()?);
        Self::parse(&stat, &own)
    }

    fn parse(stat: &str, own: &str) -> Option<Self> {
        let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
        // user nice system idle iowait irq softirq steal; guests are counted in the first two.
        let times: Vec<u64> = line.split_whitespace().take(8).map_while(|word| word.parse().ok()).collect();
        let total: u64 = times.iter().sum();
        let idle = times.get(3)? + times.get(4)?;
        // The name in parentheses may hold spaces.
        let mut fields = own.rsplit_once(')')?.1.split_whitespace().skip(11);
        let mut next = || fields.next()?.parse::<u64>().ok();
        Some(Self { total, busy: total - idle, own: next()? + next()? })
    }

    /// The share of all processors that others used from `earlier` to now.
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    fn others_since(self, earlier: Self) -> f64 {
        let (total, busy) =
            (self.total.saturating_sub(earlier.total), self.busy.saturating_sub(earlier.busy));
        let others = busy.saturating_sub(self.own.saturating_sub(earlier.own));
        if total == 0 { 0.0 } else { others as f64 / total as f64 }
    }
}

/// What speaks against these figures; empty on a quiet host.
pub(super) fn doubts(before: Option<Usage>, after: Option<Usage>, figures: &[Measured]) -> Vec<String> {
    let mut doubts = Vec::new();
    if let (Some(before), Some(after)) = (before, after) {
        let others = after.others_since(before);
        if others > MAX_OF_OTHERS {
            doubts.push(format!("others used {:.0} % of the processors meanwhile", 100.0 * others));
        }
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

    fn usage(cpu: &str, own: &str) -> Usage {
        Usage::parse(&format!("cpu  {cpu}\ncpu0 1 2 3\n"), &format!("7 (a ) b) S {own}")).unwrap()
    }

    #[test]
    fn the_time_of_others_is_told_from_ones_own() {
        // Eleven fields before the process's own times.
        let fields = |user: u64| format!("1 1 1 0 -1 0 0 0 0 0 {user} 5 0 0");
        let before = usage("100 0 50 1000 10 0 0 0 0 0", &fields(10));
        let quiet = usage("200 0 100 1850 10 0 0 0 0 0", &fields(150));
        let loud = usage("500 0 250 1400 10 0 0 0 0 0", &fields(150));
        assert!(doubts(Some(before), Some(quiet), &[]).is_empty());
        assert_eq!(doubts(Some(before), Some(loud), &[]), ["others used 46 % of the processors meanwhile"]);
        assert!(doubts(None, Some(loud), &[]).is_empty());
    }

    #[test]
    fn figures_that_lie_far_apart_are_doubted() {
        let wake = |trials: [f64; 5]| Measured::of("wake", "", trials.to_vec(), 0.0);
        assert!(doubts(None, None, &[wake([10.0, 15.0, 20.0, 25.0, 400.0])]).is_empty());
        assert_eq!(
            doubts(None, None, &[wake([10.0, 15.0, 100.0, 414.0, 900.0])]),
            ["half of the trials of `wake` lie between 15 and 414 ns"]
        );
    }
}
