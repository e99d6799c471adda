//! Figures that stand together under their labels, as benchmarks: an object of JSON, a row of a table, a block of
//! `Key: value`.
//!
//! Each metric (the words of a label that name neither statistic nor unit) becomes a benchmark of its own; what belongs
//! to the whole (count, rate, load) goes with the only metric, or with the first.

use super::super::figure::Figure;
use super::super::report::{Arm, Benchmark, Share, Stat, Summary, TimeUnit};
use super::number::{Per, Quantity, Unit, whole};
use super::units::settle;
use super::vocabulary::{Label, Topic};

/// What is known of a row so far.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) common: Benchmark,
    metrics: Vec<(String, Metric)>,
    /// Figures that no rule can use, counted.
    pub(super) passed: u64,
    /// Milliseconds in the unit that holds for figures whose label names none.
    pub(super) factor: Option<f64>,
    /// A name that stands beside the figures rather than in their labels: one metric is meant.
    pub(super) merge: bool,
}

#[derive(Debug, Default)]
struct Metric {
    summary: Summary,
    samples: Vec<f64>,
    dropped: u64,
    sample_unit: f64,
    /// Whether any figure had no unit.
    unknown: bool,
    /// Its own number of samples.
    count: Option<u64>,
}

impl Row {
    pub(super) fn new(name: &str, place: String) -> Self {
        let mut common = Benchmark { place, ..Benchmark::named(name) };
        common.arm = arm(name);
        Self { common, metrics: Vec::new(), passed: 0, factor: None, merge: false }
    }

    /// Adds a figure under its label; `path` is the label as printed.
    pub(super) fn add(&mut self, label: &Label, path: &str, quantity: Quantity) {
        let figure = quantity.figure;
        // A unit beside the figure wins over the label's.
        let factor = match quantity.unit {
            Unit::Time(factor) => Some(factor),
            Unit::None => label.factor().or(self.factor),
            _ => None,
        };
        let is_plain = quantity.unit == Unit::None;
        if self.special(path, figure) {
            return;
        }
        if let Unit::Rate(per, scale) = quantity.unit
            && label.topic != Topic::Target
        {
            return self.rate(per, figure.times(scale), path, label.stat);
        }
        match label.topic {
            Topic::Rate(per) if is_plain => {
                let scale = match label.unit {
                    Some(Unit::Rate(_, scale)) => scale,
                    _ => 1.0,
                };
                self.rate(per, figure.times(scale), path, label.stat);
            }
            // A count inside a part is that part's.
            Topic::Count if is_plain && path.contains('.') => {
                let rest: Vec<String> =
                    label.rest.iter().filter(|word| !super::vocabulary::is_count(word)).cloned().collect();
                let merge = self.merge;
                self.metric(&rest, merge).count = whole(figure.value);
            }
            Topic::Count if is_plain => {
                if self.common.count.is_none() {
                    self.common.count = whole(figure.value);
                }
            }
            Topic::Failures if is_plain => self.common.failures = whole(figure.value),
            Topic::Concurrency if is_plain => self.common.concurrency = Some(figure.value),
            // A total inside a part is that part's, not how long the run took.
            Topic::Wall if factor.is_some() && !path.contains('.') => {
                self.common.duration_s = factor.map(|factor| figure.times(factor * 1e-3));
            }
            Topic::Hits => {
                let is_share =
                    quantity.unit == Unit::Percent || label.unit == Some(Unit::Percent) || figure.value > 1.0;
                if (0.0..=100.0).contains(&figure.value) {
                    self.common.metrics.push(path.to_lowercase());
                    self.common.hit_ratio = Some(figure.times(if is_share { 0.01 } else { 1.0 }));
                }
            }
            Topic::Latency | Topic::Unsaid if is_time(label, quantity.unit) => {
                self.time(label, path, figure, factor)
            }
            _ => self.other(path),
        }
    }

    fn other(&mut self, path: &str) {
        self.common.metrics.push(path.to_lowercase());
        self.passed += 1;
    }

    /// Keys that mean one thing only.
    fn special(&mut self, path: &str, figure: Figure) -> bool {
        let last = path.rsplit(['.', '/']).next().unwrap_or(path);
        match last {
            "tokens_per_request" | "operations_per_sample" if figure.value > 0.0 => {
                self.common.operations_per_sample = figure.value
            }
            "duration_s" | "duration_seconds" => self.common.duration_s = Some(figure),
            "miss_min_ms" => self.common.miss_min = Some(figure),
            "max_self_percent" => self.common.stated_bound = Some(figure),
            "cores" | "cpus" | "num_cpus" | "ncpus" | "cpu_count" => self.common.cores = whole(figure.value),
            "cpu_s" | "cpu_time_s" | "cpu_seconds" => self.common.cpu_s = Some(figure),
            _ => return false,
        }
        true
    }

    fn rate(&mut self, per: Per, figure: Figure, path: &str, stat: Option<Stat>) {
        self.common.metrics.push(path.to_lowercase());
        match (per, stat) {
            (Per::Operation, None | Some(Stat::Mean)) if self.common.throughput.is_none() => {
                self.common.throughput = Some(figure)
            }
            // Tokens count as operations only where the report says how many a request has.
            (Per::Item, None | Some(Stat::Mean))
                if self.common.throughput.is_none() && self.common.operations_per_sample > 1.0 =>
            {
                self.common.throughput = Some(figure);
            }
            _ => self.common.singles.push((path.to_owned(), figure)),
        }
    }

    fn time(&mut self, label: &Label, path: &str, figure: Figure, factor: Option<f64>) {
        let Some(stat) = label.stat else {
            let unit = factor.unwrap_or(1.0);
            self.common.singles.push((path.to_owned(), figure.times(unit)));
            return;
        };
        let merge = self.merge;
        let metric = self.metric(&label.rest, merge);
        metric.unknown |= factor.is_none();
        metric.summary.set(stat, figure.times(factor.unwrap_or(1.0)));
    }

    fn metric(&mut self, rest: &[String], merge: bool) -> &mut Metric {
        let name = if merge { String::new() } else { rest.join(" ") };
        let at = self.metrics.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            self.metrics.push((name, Metric::default()));
            self.metrics.len() - 1
        });
        &mut self.metrics[at].1
    }

    /// Adds samples.
    pub(super) fn samples(&mut self, label: &Label, values: &[f64], dropped: u64, finest: f64) {
        let factor = label.factor().or(self.factor);
        // Samples belong to the statistics that are named like them; without a name, to the only ones there are.
        const KINDS: [&str; 10] = [
            "samples",
            "raw",
            "series",
            "data",
            "times",
            "latencies",
            "durations",
            "timings",
            "measurements",
            "list",
        ];
        let rest: Vec<String> =
            label.rest.iter().filter(|word| !KINDS.contains(&word.as_str())).cloned().collect();
        let metric = self.metric(&rest, false);
        metric.unknown |= factor.is_none();
        let factor = factor.unwrap_or(1.0);
        metric.samples =
            values.iter().filter(|value| value.is_finite()).map(|value| value * factor).collect();
        metric.dropped = dropped;
        metric.sample_unit = if finest.is_finite() { finest * factor } else { 0.0 };
    }

    /// A metric without a value.
    pub(super) fn null(&mut self, label: &Label, path: &str) {
        let is_metric = label.stat.is_some() && label.topic != Topic::Target
            || matches!(label.topic, Topic::Rate(_) | Topic::Hits)
            || label.topic == Topic::Latency
            || matches!(label.unit, Some(Unit::Percent | Unit::Bytes(_)));
        // The deviation of a single run has no value, rightly.
        if is_metric && label.stat != Some(Stat::Deviation) {
            self.common.nulls.push(path.to_owned());
        }
    }

    /// Adds shares of one whole, in per cent.
    pub(super) fn shares(&mut self, whole: &str, parts: Vec<(String, Figure)>) {
        for (name, percent) in parts {
            self.common.metrics.push(format!("{whole}.{name}").to_lowercase());
            self.common.shares.push(Share { whole: whole.to_owned(), name: name.replace('_', " "), percent });
        }
    }

    /// Whether anything in it can be audited.
    pub(super) fn has_figures(&self) -> bool {
        self.metrics
            .iter()
            .any(|(_, metric)| metric.summary != Summary::default() || !metric.samples.is_empty())
            || self.common.throughput.is_some()
            || !self.common.singles.is_empty()
            || !self.common.shares.is_empty()
            || self.common.hit_ratio.is_some()
    }

    /// The benchmarks: one for each metric, or one for all if there is none.
    pub(super) fn finish(self) -> Vec<Benchmark> {
        let Self { mut common, mut metrics, .. } = self;
        // Counts without statistics of their name belong to the only ones there are.
        let is_bare = |metric: &Metric| metric.summary == Summary::default() && metric.samples.is_empty();
        let counted: Vec<u64> = metrics
            .iter()
            .filter(|(_, metric)| is_bare(metric))
            .filter_map(|(_, metric)| metric.count)
            .collect();
        metrics.retain(|(_, metric)| !is_bare(metric));
        if let ([only], true) = (&counted[..], metrics.len() <= 1) {
            common.count.get_or_insert(*only);
        }
        if metrics.is_empty() {
            return if is_worth(&common) { vec![common] } else { Vec::new() };
        }
        // Samples without a name belong to the metric that has the statistics, if there is one.
        if let Some(at) = metrics.iter().position(|(name, _)| name.is_empty())
            && metrics.len() == 2
            && metrics[at].1.summary == Summary::default()
        {
            let (_, samples) = metrics.remove(at);
            let other = &mut metrics[0].1;
            other.samples = samples.samples;
            other.dropped = samples.dropped;
            other.sample_unit = samples.sample_unit;
        }
        let only_one = metrics.len() == 1;
        let mut benchmarks = Vec::with_capacity(metrics.len());
        for (name, metric) in metrics {
            let mut benchmark = common.clone();
            if !only_one && !name.is_empty() {
                benchmark.name = format!("{} {name}", benchmark.name);
            }
            benchmark.summary = metric.summary;
            benchmark.samples = metric.samples;
            benchmark.samples_dropped = metric.dropped;
            benchmark.sample_unit = metric.sample_unit;
            benchmark.count = metric.count.or(benchmark.count);
            if metric.unknown {
                benchmark.unit = TimeUnit::Unknown;
            }
            settle(&mut benchmark);
            benchmarks.push(benchmark);
            // The rest is said once.
            common.shares.clear();
            common.nulls.clear();
            common.metrics.clear();
            common.singles.clear();
            common.throughput = None;
            common.duration_s = None;
        }
        benchmarks
    }
}

fn is_worth(common: &Benchmark) -> bool {
    common.throughput.is_some()
        || !common.shares.is_empty()
        || !common.nulls.is_empty()
        || !common.singles.is_empty()
        || !common.metrics.is_empty()
        || common.stated_bound.is_some()
}

/// Whether a figure of this unit under this label is a duration.
fn is_time(label: &Label, unit: Unit) -> bool {
    match unit {
        Unit::Time(_) => true,
        Unit::None => {
            matches!(label.unit, None | Some(Unit::Time(_)))
                && (label.topic == Topic::Latency
                    || label.stat.is_some() && matches!(label.unit, Some(Unit::Time(_))))
        }
        _ => false,
    }
}

/// The arm that a name tells.
pub(super) fn arm(text: &str) -> Option<Arm> {
    match text.trim().to_lowercase().as_str() {
        "baseline" | "loaded" => Some(Arm::Baseline),
        "isolated" | "alone" => Some(Arm::Isolated),
        _ => None,
    }
}
