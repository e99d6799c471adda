//! The Universal Scalability Law over the thread counts of a comparison, with intervals from its rounds.

use super::compare::{Compared, Comparison};
use super::stats::{Estimate, bootstrap, mean};
use crate::theory::{Usl, usl_fit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A law that misses a point by more than this share does not describe the points.
const FITS: f64 = 0.10;
/// Resamples of the rounds.
const RESAMPLES: usize = 1_000;

/// A fitted law.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Scaling {
    /// What the treatments have in common.
    pub group: String,
    /// Thread counts and mean throughputs.
    pub points: Vec<(f64, f64)>,
    /// Throughput of one thread, per second.
    pub lambda: Estimate,
    /// Contention.
    pub sigma: Estimate,
    /// Coherency: above 0, throughput falls beyond a peak.
    pub kappa: Estimate,
    /// Threads at the peak; absent when the fitted law has none. Its upper end is infinite when some resample has none.
    pub peak: Option<Estimate>,
    /// Largest relative distance of a point from the law.
    pub misfit: f64,
}

impl Scaling {
    /// Whether the law describes the points: only then do its parameters and their intervals mean anything.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.misfit <= FITS
    }
}

/// Fits every group of treatments that differ in their thread count alone, where there are three counts or more.
#[must_use]
pub fn scaling(comparison: &Comparison) -> Vec<Scaling> {
    let mut groups: Vec<(String, Vec<&Compared>)> = Vec::new();
    for treatment in &comparison.treatments {
        let name = group(treatment);
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, members)) => members.push(treatment),
            None => groups.push((name, vec![treatment])),
        }
    }
    let fitted = |(name, members): &(String, Vec<&Compared>)| fit(name, members, comparison.level);
    groups.iter().filter_map(fitted).collect()
}

/// Everything but the thread count, in words.
fn group(treatment: &Compared) -> String {
    let levels = &treatment.levels;
    let cache = levels.cache.as_ref().map(|cache| format!(", {cache} cache")).unwrap_or_default();
    format!("{} queue{cache}, {} load, {}", levels.queue, levels.load, treatment.engine)
}

fn fit(name: &str, members: &[&Compared], level: f64) -> Option<Scaling> {
    let rounds = members.iter().map(|member| member.throughputs.len()).min()?;
    #[expect(clippy::cast_precision_loss, reason = "thread counts")]
    let sizes: Vec<f64> = members.iter().map(|member| member.levels.threads as f64).collect();
    let points = |rounds: &[usize]| -> Vec<(f64, f64)> {
        let of = |member: &Compared| {
            mean(&rounds.iter().map(|&round| member.throughputs[round]).collect::<Vec<_>>())
        };
        sizes.iter().zip(members).map(|(size, member)| (*size, of(member))).collect()
    };
    let all: Vec<usize> = (0..rounds).collect();
    let law = usl_fit(&points(&all)).ok()?;
    let estimate = |series: u64, of: fn(&Usl) -> f64| {
        bootstrap(&all, level, RESAMPLES, series, |rounds| {
            usl_fit(&points(rounds)).map_or(f64::NAN, |law| of(&law))
        })
    };
    let peak = |law: &Usl| law.peak().unwrap_or(f64::INFINITY);
    let distance = |(n, throughput): &(f64, f64)| (law.throughput(*n) / throughput - 1.0).abs();
    Some(Scaling {
        group: name.to_owned(),
        misfit: points(&all).iter().map(distance).fold(0.0, f64::max),
        points: points(&all),
        lambda: estimate(1, |law| law.lambda),
        sigma: estimate(2, |law| law.sigma),
        kappa: estimate(3, |law| law.kappa),
        peak: law.peak().map(|_| estimate(4, peak)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::record::TreatmentRecord;
    use crate::study::{CompareOptions, Stop};

    #[test]
    fn a_planted_law_lies_within_the_intervals() {
        let law = Usl { lambda: 1000.0, sigma: 0.08, kappa: 0.004 };
        let treatments = [1_usize, 2, 4, 8, 16, 32].map(|threads| {
            let wobble = |round: usize| 1.0 + 0.02 * ((round * 7 + threads * 3) % 5) as f64 / 2.0 - 0.02;
            Compared {
                label: String::new(),
                engine: "virtual".into(),
                levels: TreatmentRecord { threads, queue: "mutex".into(), ..TreatmentRecord::default() },
                tasks: 1000,
                figures: Vec::new(),
                others: Vec::new(),
                throughputs: (0..8).map(|round| law.throughput(threads as f64) * wobble(round)).collect(),
            }
        });
        let options = CompareOptions::default();
        let comparison = Comparison {
            scenario: String::new(),
            question: String::new(),
            seed: 0,
            rounds: 8,
            stopped: Stop::Precise,
            level: options.level,
            differences: 0,
            precision: options.precision,
            reference: String::new(),
            treatments: treatments.into(),
            warnings: Vec::new(),
        };
        let found = &scaling(&comparison)[0];
        for (estimate, truth) in [(found.lambda, 1000.0), (found.sigma, 0.08), (found.kappa, 0.004)] {
            assert!((estimate.value / truth - 1.0).abs() < 0.2 && estimate.half_width > 0.0, "{found:?}");
        }
        assert!((found.peak.unwrap().value - law.peak().unwrap()).abs() < 2.0, "{found:?}");
        let mut two = comparison;
        two.treatments.truncate(2);
        assert!(scaling(&two).is_empty(), "two sizes carry no law");
    }
}
