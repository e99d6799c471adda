//! How much of this host's processors other programs use meanwhile.

use super::record::Warning;
use std::fs;

/// Others may use so much of all processors.
pub const MOST_OF_OTHERS: f64 = 0.10;

/// Processor time of the whole host and of this process, in clock ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    total: u64,
    busy: u64,
    own: u64,
}

impl Usage {
    /// Up to now; `None` where the kernel does not say.
    #[must_use]
    pub fn now() -> Option<Self> {
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

    /// The share of all processors, in 0..1, that others used from `earlier` to now.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    pub fn others_since(self, earlier: Self) -> f64 {
        let (total, busy) =
            (self.total.saturating_sub(earlier.total), self.busy.saturating_sub(earlier.busy));
        let others = busy.saturating_sub(self.own.saturating_sub(earlier.own));
        if total == 0 { 0.0 } else { others as f64 / total as f64 }
    }
}

/// Warns when others used more than [`MOST_OF_OTHERS`] of all processors during a run.
#[must_use]
pub fn busy_warning(others: Option<f64>) -> Option<Warning> {
    let others = others.filter(|others| *others > MOST_OF_OTHERS)?;
    Some(Warning {
        code: "busy-host".into(),
        message: format!(
            "other programs used {:.0} % of this machine's processors during the run",
            100.0 * others
        ),
        remedy: "stop them or run elsewhere; the run-queue waits and the tail are partly theirs".into(),
    })
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
        assert_eq!(busy_warning(Some(quiet.others_since(before))), None);
        let warning = busy_warning(Some(loud.others_since(before))).unwrap();
        assert_eq!(warning.message, "other programs used 46 % of this machine's processors during the run");
        assert_eq!(busy_warning(None), None);
    }
}
