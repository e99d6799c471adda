//! What arithmetic on a claim's own figures says, before anything is run.

use crate::units::Nanos;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A check of a claim against figures of the same report. Times are in milliseconds.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Bound {
    /// A part of a whole: `share · whole` must be `part`, to within a twentieth.
    Product {
        /// The share, in 0..1.
        share: f64,
        /// The whole.
        whole_ms: f64,
        /// What is said to be that share of it.
        part_ms: f64,
    },
    /// Amdahl: with parts of these shares gone altogether, this much is left of the time before.
    Amdahl {
        /// Shares in 0..1 of what could be removed.
        shares: Vec<f64>,
        /// The time before.
        before_ms: f64,
        /// The claimed time after, from best to worst.
        after_ms: [f64; 2],
    },
    /// A fix of a cause cannot save more than the cause costs.
    Saving {
        /// What the cause costs: the gap between two arms, say.
        cause_ms: f64,
        /// Words for it.
        cause: String,
        /// The time before.
        before_ms: f64,
        /// The claimed time after, from best to worst.
        after_ms: [f64; 2],
    },
    /// A speed-up of a part implies what it saves.
    Speedup {
        /// The claimed speed-up, from least to most.
        speedup: [f64; 2],
        /// The part's time before.
        before_ms: f64,
        /// The claimed saving, from least to most.
        saving_ms: [f64; 2],
    },
    /// The largest speed-up of a whole whose part becomes free.
    Ceiling {
        /// The part's share, in 0..1.
        share: f64,
        /// The whole.
        whole_ms: f64,
    },
    /// With this hit ratio, the percentile lies among the misses, so that faster hits cannot move it.
    AmongMisses {
        /// Hits over accesses.
        hit_ratio: f64,
        /// The percentile as a quantile, such as 0.99.
        quantile: f64,
    },
    /// What the same report says elsewhere and does not go with the claim.
    Contradiction {
        /// Its words or figures.
        elsewhere: String,
        /// Whether that alone rules the claim out.
        #[serde(default)]
        refutes: bool,
    },
}

/// What a check says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BoundResult {
    /// The arithmetic in a sentence.
    pub says: String,
    /// Whether it rules the claim out.
    pub refutes: bool,
    /// A part of the claim that it rules out where it leaves the rest alone, such as `a saving of more than 5.50 ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuted_part: Option<String>,
}

impl Bound {
    /// Does the arithmetic.
    #[must_use]
    pub fn judge(&self) -> BoundResult {
        let (says, refutes) = match self {
            Self::Speedup { speedup, before_ms, saving_ms } => {
                return speed_up(*speedup, *before_ms, *saving_ms);
            }
            Self::Product { share, whole_ms, part_ms } => product(*share, *whole_ms, *part_ms),
            Self::Amdahl { shares, before_ms, after_ms } => amdahl(shares, *before_ms, *after_ms),
            Self::Saving { cause_ms, cause, before_ms, after_ms } => {
                saving(*cause_ms, cause, [before_ms - after_ms[1], before_ms - after_ms[0]])
            }
            Self::Ceiling { share, whole_ms } => (ceiling(*share, *whole_ms), false),
            Self::AmongMisses { hit_ratio, quantile } => (among_misses(*hit_ratio, *quantile), false),
            Self::Contradiction { elsewhere, refutes } => {
                (format!("the report itself says elsewhere: {elsewhere}"), *refutes)
            }
        };
        BoundResult { says, refutes, refuted_part: None }
    }
}

fn product(share: f64, whole: f64, part: f64) -> (String, bool) {
    let product = share * whole;
    let agrees = (product / part - 1.0).abs() <= 0.05;
    let verb = if agrees { "agrees with" } else { "is not" };
    (format!("{} of {} is {}, which {verb} {}", percent(share), ms(whole), ms(product), ms(part)), !agrees)
}

fn amdahl(shares: &[f64], before: f64, after: [f64; 2]) -> (String, bool) {
    let left = 1.0 - shares.iter().sum::<f64>();
    let floor = before * left;
    let gone: Vec<String> = shares.iter().map(|share| percent(*share)).collect();
    let says = format!(
        "with {} gone altogether, {} of {} are left: a speed-up of {:.2} at most, where {} to {} is claimed",
        gone.join(" and "),
        ms(floor),
        ms(before),
        1.0 / left,
        ms(after[0]),
        ms(after[1])
    );
    (says, after[1] < floor)
}

fn saving(cause_ms: f64, cause: &str, [least, most]: [f64; 2]) -> (String, bool) {
    let refutes = least > cause_ms;
    let verb = if refutes { "is more than" } else { "does not exceed" };
    let says = format!(
        "the claimed saving of {} to {} {verb} the whole of {cause}, {}",
        ms(least),
        ms(most),
        ms(cause_ms)
    );
    (says, refutes)
}

/// Whether the part is as much faster as is claimed, arithmetic cannot tell: it rules out a saving at most.
fn speed_up(speedup: [f64; 2], before: f64, saving: [f64; 2]) -> BoundResult {
    let saves = speedup.map(|speedup| before - before / speedup);
    let says = format!(
        "{:.1} to {:.1} times on {} saves {} to {}, where {} to {} is claimed",
        speedup[0],
        speedup[1],
        ms(before),
        ms(saves[0]),
        ms(saves[1]),
        ms(saving[0]),
        ms(saving[1])
    );
    let refuted_part = (saving[1] > saves[1]).then(|| format!("a saving of more than {}", ms(saves[1])));
    BoundResult { says, refutes: false, refuted_part }
}

fn ceiling(share: f64, whole: f64) -> String {
    format!(
        "a part of {} can bring {} of {} at most: {:.2} times",
        percent(share),
        ms(share * whole),
        ms(whole),
        1.0 / (1.0 - share)
    )
}

fn among_misses(hit_ratio: f64, quantile: f64) -> String {
    let misses = 1.0 - hit_ratio;
    let among = misses > 1.0 - quantile;
    let place = if among { "among the misses: faster hits cannot move it" } else { "among the hits" };
    format!("{} of the accesses miss, so the p{:.0} lies {place}", percent(misses), quantile * 100.0)
}

fn ms(value: f64) -> String {
    let size = Nanos::from_millis(1).scaled(value.abs());
    if value < 0.0 { format!("−{size}") } else { size.to_string() }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_refutes_what_cannot_be() {
        let saving =
            |after_ms| Bound::Saving { cause_ms: 18.0, cause: "the gap".into(), before_ms: 55.3, after_ms };
        assert!(saving([20.0, 25.0]).judge().refutes);
        assert!(!saving([38.0, 45.0]).judge().refutes);
        let amdahl = |after_ms| Bound::Amdahl { shares: vec![0.35, 0.18], before_ms: 55.3, after_ms };
        let refuted = amdahl([20.0, 25.0]).judge();
        assert!(
            refuted.refutes && refuted.says.contains("26.0 ms") && refuted.says.contains("2.13"),
            "{refuted:?}"
        );
        assert!(!amdahl([20.0, 27.0]).judge().refutes);
    }

    #[test]
    fn arithmetic_lets_pass_what_may_be() {
        let product = |part_ms| Bound::Product { share: 0.22, whole_ms: 49.5, part_ms }.judge();
        assert!(!product(11.0).refutes);
        assert!(product(15.0).refutes);
        let speedup = |saving_ms| Bound::Speedup { speedup: [1.4, 2.0], before_ms: 11.0, saving_ms }.judge();
        // The speed-up itself may be true: only the saving that it cannot bring is ruled out.
        assert_eq!(speedup([3.2, 5.5]).refuted_part, None);
        for too_much in [[4.0, 6.0], [6.0, 7.0]] {
            let judged = speedup(too_much);
            assert!(!judged.refutes);
            assert_eq!(judged.refuted_part.as_deref(), Some("a saving of more than 5.50 ms"));
        }
        let among = Bound::AmongMisses { hit_ratio: 0.87, quantile: 0.99 }.judge();
        assert!(among.says.contains("among the misses"));
    }
}
