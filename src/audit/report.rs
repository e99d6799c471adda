//! What an audit knows of a report: figures with their printed precision, and what is said about them.
//!
//! All durations are milliseconds: audited figures come from text and are compared as printed, so they keep the unit
//! of the reports this was made for rather than conlab's integer nanoseconds. Where a report gives no unit, its figures
//! stand as printed and [`Benchmark::unit`] says so.

use super::encoding::Repair;
use super::figure::Figure;
use super::statement::Statement;
use std::collections::BTreeSet;

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
    /// What its text states with figures: parts, changes, headrooms, totals, dates.
    pub statements: Vec<Statement>,
    /// What was not read, in words, and how often.
    pub ignored: Vec<(String, u64)>,
    /// The documents that it holds whole.
    pub quotes: Quotes,
}

/// A JSON document and the objects in it, as digests of what they hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quotes {
    pub(super) whole: Option<u64>,
    pub(super) parts: BTreeSet<u64>,
}

impl Quotes {
    /// Whether the other document stands in this one, equal in every field.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        other.whole.is_some_and(|whole| self.parts.contains(&whole))
    }
}

impl Report {
    /// An empty report of this format.
    #[must_use]
    pub fn of(format: impl Into<String>) -> Self {
        Self { format: format.into(), ..Self::default() }
    }

    /// Whether any figure in it was understood.
    #[must_use]
    pub fn is_understood(&self) -> bool {
        self.statistics() > 0 || self.samples() > 0 || !self.claims.is_empty() || !self.statements.is_empty()
    }

    /// Statistics read.
    #[must_use]
    pub fn statistics(&self) -> usize {
        self.benchmarks.iter().map(Benchmark::statistics).sum()
    }

    /// Samples read.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.benchmarks
            .iter()
            .map(|benchmark| benchmark.samples.len() as u64 + benchmark.samples_dropped)
            .sum()
    }

    /// The units that the figures were given in.
    #[must_use]
    pub fn units(&self) -> Vec<&'static str> {
        let units: BTreeSet<&'static str> = self
            .benchmarks
            .iter()
            .filter(|benchmark| !benchmark.summary.named().is_empty() || !benchmark.samples.is_empty())
            .map(|benchmark| benchmark.unit.name())
            .collect();
        units.into_iter().collect()
    }

    /// Notes that something was not read.
    pub(super) fn ignore(&mut self, what: impl Into<String>, times: u64) {
        let what = what.into();
        if times == 0 {
            return;
        }
        match self.ignored.iter_mut().find(|(known, _)| *known == what) {
            Some((_, count)) => *count += times,
            None => self.ignored.push((what, times)),
        }
    }
}

/// In what a benchmark's durations were given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeUnit {
    /// A unit stood beside the figures or belongs to the format; they were converted.
    #[default]
    Given,
    /// No unit is given, and only this one obeys Little's law.
    Settled(&'static str),
    /// No unit is given: the figures are as printed.
    Unknown,
    /// The figures are no durations (a rate, a size): they are as printed.
    Other,
}

impl TimeUnit {
    /// The word for it in the table of what was read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Given => "ms",
            Self::Settled(name) => name,
            Self::Unknown => "unit not given",
            Self::Other => "not a time",
        }
    }
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

/// How a benchmark's figures came about, as far as it changes what may be held against them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts of a tool")]
pub struct Manner {
    /// The tool prints these percentiles whatever the sample, so nobody chose them.
    pub percentiles_unasked: bool,
    /// Relative width of the buckets that statistics were read from; 0 when exact.
    pub bucket: f64,
    /// The samples are no longer in the order in which they were taken.
    pub unordered: bool,
    /// The samples are means of several runs, or counts of a simulator: equality is no sign of anything.
    pub exact_repeats: bool,
    /// Built without optimisation.
    pub debug_build: bool,
    /// The library that timed it was built without optimisation.
    pub debug_library: bool,
    /// The processor's frequency was not fixed.
    pub frequency_scaling: bool,
    /// Percentiles are of another population than the mean (of successes only, say).
    pub mixed_populations: bool,
}

/// One benchmark: a summary, perhaps its samples, and its circumstances.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Benchmark {
    /// Its name.
    pub name: String,
    /// Where it stands in its file, in words.
    pub place: String,
    /// What it measures; benchmarks of one component are compared across arms.
    pub component: Option<String>,
    /// Its arm, where there are arms.
    pub arm: Option<Arm>,
    /// In what its durations were given.
    pub unit: TimeUnit,
    /// How its figures came about.
    pub manner: Manner,
    /// Samples in the order in which they were taken, in milliseconds.
    pub samples: Vec<f64>,
    /// Samples read but not kept.
    pub samples_dropped: u64,
    /// Unit of the last printed digit of the samples, in milliseconds; 0 if unknown.
    pub sample_unit: f64,
    /// Number of samples.
    pub count: Option<u64>,
    /// Requests that failed, where counted.
    pub failures: Option<u64>,
    /// Whether failed requests are part of the latencies; `None` when not known.
    pub failures_timed: Option<bool>,
    /// Requests sent, where the latencies are of fewer.
    pub attempts: Option<u64>,
    /// Time after which the tool gives up a request, in milliseconds.
    pub timeout: Option<Figure>,
    /// Its statistics.
    pub summary: Summary,
    /// Sum of all samples, in milliseconds.
    pub total: Option<Figure>,
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
    /// Processor time used, in seconds.
    pub cpu_s: Option<Figure>,
    /// Processors of the machine.
    pub cores: Option<u64>,
    /// Amounts beside their rates: what, amount, rate a second (both in the same unit).
    pub amounts: Vec<(String, Figure, Figure)>,
    /// The profiler attached, as named.
    pub profiler: Option<String>,
    /// Whether it is said to have succeeded.
    pub succeeded: Option<bool>,
    /// Single durations and rates that are no statistic by name: what, and the figure as converted.
    pub singles: Vec<(String, Figure)>,
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
    /// When it ended or was written, in seconds since 1970.
    pub written_at: Option<f64>,
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
        let kept = self.samples.len() as u64 + self.samples_dropped;
        self.count.or_else(|| (kept > 0).then_some(kept))
    }

    /// Its name with its arm.
    #[must_use]
    pub fn title(&self) -> String {
        match self.arm {
            Some(arm) if !self.name.to_lowercase().contains(arm.name()) => {
                format!("{} ({})", self.name, arm.name())
            }
            _ => self.name.clone(),
        }
    }

    /// What stands behind a figure of time: ` ms`, or nothing where the unit is not given.
    #[must_use]
    pub const fn ms(&self) -> &'static str {
        match self.unit {
            TimeUnit::Given | TimeUnit::Settled(_) => " ms",
            TimeUnit::Unknown | TimeUnit::Other => "",
        }
    }

    /// Whether its figures are durations whose unit is known.
    #[must_use]
    pub const fn is_timed(&self) -> bool {
        matches!(self.unit, TimeUnit::Given | TimeUnit::Settled(_))
    }

    /// How many of its figures were understood.
    #[must_use]
    pub fn statistics(&self) -> usize {
        let single = [
            self.throughput.is_some(),
            self.total.is_some(),
            self.hit_ratio.is_some(),
            self.cpu_s.is_some(),
            self.duration_s.is_some() && self.size().is_some(),
        ];
        self.summary.named().len()
            + single.into_iter().filter(|is_there| *is_there).count()
            + self.amounts.len()
            + self.singles.len()
            + self.shares.len()
    }
}

/// A statistic of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stat {
    /// Smallest.
    Min,
    /// Largest.
    Max,
    /// Mean.
    Mean,
    /// Median.
    Median,
    /// Standard deviation.
    Deviation,
    /// Percentile, as a quantile in 0..1.
    Quantile(f64),
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
    /// Sets a statistic; a second figure for the same one is left out.
    pub fn set(&mut self, stat: Stat, figure: Figure) {
        let slot = match stat {
            Stat::Min => &mut self.min,
            Stat::Max => &mut self.max,
            Stat::Mean => &mut self.mean,
            Stat::Median => &mut self.median,
            Stat::Deviation => &mut self.stddev,
            Stat::Quantile(at) => {
                let place = self.percentiles.partition_point(|(other, _)| *other < at - 1e-9);
                if self.percentiles.get(place).is_none_or(|(other, _)| (other - at).abs() > 1e-9) {
                    self.percentiles.insert(place, (at, figure));
                }
                return;
            }
        };
        slot.get_or_insert(figure);
    }

    /// The statistic, if reported.
    #[must_use]
    pub fn get(&self, stat: Stat) -> Option<Figure> {
        match stat {
            Stat::Min => self.min,
            Stat::Max => self.max,
            Stat::Mean => self.mean,
            Stat::Median => self.median,
            Stat::Deviation => self.stddev,
            Stat::Quantile(at) => self.percentile(at),
        }
    }

    /// Converts every figure by `factor`.
    pub(super) fn scale(&mut self, factor: f64) {
        let single = [&mut self.min, &mut self.max, &mut self.mean, &mut self.median, &mut self.stddev];
        for figure in single.into_iter().flatten() {
            *figure = figure.times(factor);
        }
        for (_, figure) in &mut self.percentiles {
            *figure = figure.times(factor);
        }
    }

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
    /// Where it stands in its file, in words.
    pub place: String,
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
