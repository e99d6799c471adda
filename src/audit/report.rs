//! What an audit knows of a report: figures with their printed precision, and what is said about them.
//!
//! All durations are milliseconds: audited figures come from text and are compared as printed, so they keep the unit
//! of the reports this was made for rather than conlab's integer nanoseconds.

use super::encoding::Repair;
use super::figure::Figure;

/// One file (or one family of files read together).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Where it came from.
    pub source: String,
    /// Its format, in words.
    pub format: String,
    /// What had to be done to its text before it could be read.
    pub repair: Option<Repair>,
    /// What was measured.
    pub benchmarks: Vec<Benchmark>,
    /// What is claimed.
    pub claims: Vec<Claim>,
}

/// Under which load a benchmark ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arm {
    /// Everything loaded.
    Baseline,
    /// The component alone.
    Isolated,
}

impl Arm {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Isolated => "isolated",
        }
    }
}

/// One benchmark: a summary, perhaps its samples, and its circumstances.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Benchmark {
    /// Its name.
    pub name: String,
    /// What it measures; benchmarks of one component are compared across arms.
    pub component: Option<String>,
    /// Its arm, where there are arms.
    pub arm: Option<Arm>,
    /// Samples in the order in which they were taken, in milliseconds.
    pub samples: Vec<f64>,
    /// Unit of the last printed digit of the samples, in milliseconds; 0 if unknown.
    pub sample_unit: f64,
    /// Number of samples.
    pub count: Option<u64>,
    /// Its statistics.
    pub summary: Summary,
    /// Operations per second.
    pub throughput: Option<Figure>,
    /// Operations of the throughput in one sample of the latency (tokens in a request).
    pub operations_per_sample: f64,
    /// Tasks in the system at once.
    pub concurrency: Option<f64>,
    /// Whether it is said to have run under concurrent load.
    pub said_concurrent: bool,
    /// Whether its clients wait between requests, or load is open: then fewer than `concurrency` are in the system.
    pub may_idle: bool,
    /// How long it ran, in seconds.
    pub duration_s: Option<Figure>,
    /// The profiler attached, as named.
    pub profiler: Option<String>,
    /// Whether it is said to have succeeded.
    pub succeeded: Option<bool>,
    /// Metrics that are present without a value.
    pub nulls: Vec<String>,
    /// Metrics that are present with a value.
    pub metrics: Vec<String>,
    /// Share of cache accesses that hit, in 0..1.
    pub hit_ratio: Option<Figure>,
    /// Fastest miss, in milliseconds.
    pub miss_min: Option<Figure>,
    /// Shares of one whole, in per cent.
    pub shares: Vec<Share>,
    /// Largest share of a single function that is stated elsewhere as an upper bound, in per cent.
    pub stated_bound: Option<Figure>,
}

impl Benchmark {
    /// An empty benchmark of this name.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), operations_per_sample: 1.0, ..Self::default() }
    }

    /// The number of samples, counted or stated.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.count.or_else(|| (!self.samples.is_empty()).then_some(self.samples.len() as u64))
    }

    /// Its name with its arm.
    #[must_use]
    pub fn title(&self) -> String {
        match self.arm {
            Some(arm) => format!("{} ({})", self.name, arm.name()),
            None => self.name.clone(),
        }
    }
}

/// Statistics of a series, in milliseconds, each where reported.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Smallest.
    pub min: Option<Figure>,
    /// Largest.
    pub max: Option<Figure>,
    /// Mean.
    pub mean: Option<Figure>,
    /// Median.
    pub median: Option<Figure>,
    /// Standard deviation.
    pub stddev: Option<Figure>,
    /// Percentiles: (quantile in 0..1, value), ascending.
    pub percentiles: Vec<(f64, Figure)>,
}

impl Summary {
    /// The percentile at `quantile`, if reported.
    #[must_use]
    pub fn percentile(&self, quantile: f64) -> Option<Figure> {
        self.percentiles.iter().find(|(at, _)| (at - quantile).abs() < 1e-9).map(|(_, value)| *value)
    }

    /// Names and values of all statistics.
    #[must_use]
    pub fn named(&self) -> Vec<(String, Figure)> {
        let single = [
            ("min", self.min),
            ("max", self.max),
            ("mean", self.mean),
            ("median", self.median),
            ("stddev", self.stddev),
        ];
        let mut all: Vec<(String, Figure)> = single
            .into_iter()
            .filter_map(|(name, figure)| figure.map(|figure| (name.to_owned(), figure)))
            .collect();
        all.extend(self.percentiles.iter().map(|(quantile, figure)| (percentile_name(*quantile), *figure)));
        all
    }
}

/// `p99` for 0.99, `p99.9` for 0.999.
#[must_use]
pub(super) fn percentile_name(quantile: f64) -> String {
    format!("p{}", super::figure::short(quantile * 100.0, 4))
}

/// One part of a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// The whole that it is a part of: shares of one whole sum to 100 %.
    pub whole: String,
    /// What it is the share of.
    pub name: String,
    /// In per cent.
    pub percent: Figure,
}

/// Something that a report claims about an improvement or a cause. Durations are milliseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claim {
    /// Its identifier.
    pub id: String,
    /// In words.
    pub text: String,
    /// The component.
    pub component: Option<String>,
    /// The statistic that is to change: `mean`, `p99`, …
    pub metric: Option<String>,
    /// What is named as the cause.
    pub cause: Option<String>,
    /// How much time the cause is said to take.
    pub cause_ms: Option<Figure>,
    /// Which share of the whole the cause is said to have, in per cent.
    pub cause_percent: Option<Figure>,
    /// Before.
    pub from_ms: Option<Figure>,
    /// After: the best and the worst promised, equal if there is one.
    pub to_ms: Option<(Figure, Figure)>,
    /// Saving: the least and the most promised.
    pub saving_ms: Option<(Figure, Figure)>,
    /// Speedup of the whole: the least and the most promised.
    pub speedup: Option<(Figure, Figure)>,
    /// `hits` when the change makes hits faster and leaves misses alone.
    pub acts_on: Option<String>,
}

impl Claim {
    /// The least saving promised, in milliseconds, with how it follows from the claim.
    #[must_use]
    pub fn least_saving(&self) -> Option<(f64, String)> {
        if let Some((least, _)) = self.saving_ms {
            return Some((least.span().low, format!("saving of at least {} ms as stated", least.value)));
        }
        let from = self.from_ms?;
        if let Some((_, worst)) = self.to_ms {
            let low = (from.span() - worst.span()).low;
            return Some((
                low,
                format!("{} − {} = {:.2} ms", from.value, worst.value, from.value - worst.value),
            ));
        }
        let (least, _) = self.speedup?;
        let saving = from.value * (1.0 - 1.0 / least.value);
        Some((saving, format!("{}·(1 − 1/{}) = {saving:.2} ms", from.value, least.value)))
    }
}
