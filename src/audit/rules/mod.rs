//! Rules: one function each, with a stable code.

mod arithmetic;
mod claims;
mod copies;
mod description;
mod failures;
mod lattice;
mod laws;
mod moments;
mod rates;
mod sample;
mod series;
mod tail;

use super::report::{Arm, Benchmark, Claim, Report};
use super::statement::Statement;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// The figure may not mean what it seems to.
    Doubt,
    /// The figure cannot be right, or cannot support what is said.
    Defect,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Doubt => "doubt",
            Self::Defect => "defect",
        }
    }
}

/// What a rule found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The rule's code.
    pub code: &'static str,
    /// What the rule looks for, in words.
    pub title: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The benchmark or claim.
    pub subject: String,
    /// The file that it stands in.
    pub file: String,
    /// Where in the file, in words; empty when it concerns the whole file.
    pub place: String,
    /// The figures, as reported.
    pub evidence: String,
    /// What follows from them.
    pub computation: String,
    /// What to do.
    pub remedy: &'static str,
}

/// A rule: what it is called, what it says to do, and its function.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// A stable word for programs, in kebab-case.
    pub code: &'static str,
    /// What it looks for, in words.
    pub title: &'static str,
    /// How bad its findings are.
    pub severity: Severity,
    /// What to do about a finding.
    pub remedy: &'static str,
    check: fn(&Evidence<'_>) -> Vec<Hit>,
}

/// A place where a rule applies.
struct Hit {
    subject: String,
    file: String,
    place: String,
    said: Said,
}

/// What a rule says: the figures, what follows, and how bad it is if not as bad as usual.
struct Said {
    evidence: String,
    computation: String,
    severity: Option<Severity>,
}

impl Said {
    /// As bad as the rule is.
    fn new(evidence: impl Into<String>, computation: impl Into<String>) -> Self {
        Self { evidence: evidence.into(), computation: computation.into(), severity: None }
    }

    /// Of this severity.
    fn at(self, severity: Severity) -> Self {
        Self { severity: Some(severity), ..self }
    }
}

impl From<(String, String)> for Said {
    fn from((evidence, computation): (String, String)) -> Self {
        Self::new(evidence, computation)
    }
}

/// A benchmark and the report that it is part of.
#[derive(Clone, Copy)]
struct Item<'r> {
    report: &'r Report,
    benchmark: &'r Benchmark,
}

impl Item<'_> {
    fn hit(self, said: impl Into<Said>) -> Hit {
        Hit {
            subject: self.benchmark.title(),
            file: self.report.source.clone(),
            place: self.benchmark.place.clone(),
            said: said.into(),
        }
    }

    /// A hit that concerns this and another benchmark.
    fn hit_beside(self, word: &str, other: Self, said: impl Into<Said>) -> Hit {
        let place = |item: Self, other: Self| {
            if item.report.source == other.report.source || item.report.source.is_empty() {
                item.benchmark.place.clone()
            } else {
                format!("{} of {}", item.benchmark.place, item.report.source)
            }
        };
        Hit {
            subject: format!("{} {word} {}", self.benchmark.title(), other.benchmark.title()),
            file: self.report.source.clone(),
            place: format!("{} and {}", self.benchmark.place, place(other, self)),
            said: said.into(),
        }
    }
}

/// Everything that is audited together.
struct Evidence<'r> {
    reports: &'r [Report],
    items: Vec<Item<'r>>,
    claims: Vec<(&'r Report, &'r Claim)>,
}

impl<'r> Evidence<'r> {
    /// What `check` says of each benchmark.
    fn each<S: Into<Said>>(&self, check: impl Fn(&'r Benchmark) -> Option<S>) -> Vec<Hit> {
        self.items.iter().filter_map(|item| check(item.benchmark).map(|said| item.hit(said))).collect()
    }

    /// What `check` says of each claim.
    fn each_claim<S: Into<Said>>(&self, check: impl Fn(&'r Claim) -> Option<S>) -> Vec<Hit> {
        let one = |(report, claim): &(&'r Report, &'r Claim)| {
            let subject = match (claim.id.is_empty(), claim.text.is_empty()) {
                (_, true) => claim.id.clone(),
                (true, false) => claim.text.clone(),
                (false, false) => format!("{}: {}", claim.id, claim.text),
            };
            check(claim).map(|said| Hit {
                subject,
                file: report.source.clone(),
                place: claim.place.clone(),
                said: said.into(),
            })
        };
        self.claims.iter().filter_map(one).collect()
    }

    /// What `check` says of each statement.
    fn each_statement<S: Into<Said>>(
        &self,
        check: impl Fn(&'r Report, &'r Statement) -> Option<S>,
    ) -> Vec<Hit> {
        let statements = self
            .reports
            .iter()
            .flat_map(|report| report.statements.iter().map(move |statement| (report, statement)));
        statements
            .filter_map(|(report, statement)| {
                let said = check(report, statement)?;
                Some(Hit {
                    subject: statement.text.clone(),
                    file: report.source.clone(),
                    place: format!("line {}", statement.line),
                    said: said.into(),
                })
            })
            .collect()
    }

    /// Every benchmark.
    fn benchmarks(&self) -> impl Iterator<Item = &'r Benchmark> + '_ {
        self.items.iter().map(|item| item.benchmark)
    }

    /// Pairs of baseline and isolated benchmark of one component.
    fn arms(&self) -> Vec<(Item<'r>, Item<'r>)> {
        let of = |arm: Arm| {
            self.items.iter().copied().filter(move |item| item.benchmark.arm == Some(arm)).take(MAX_ARMS)
        };
        of(Arm::Baseline)
            .flat_map(|baseline| {
                of(Arm::Isolated)
                    .filter(move |isolated| {
                        baseline.benchmark.component.is_some()
                            && baseline.benchmark.component == isolated.benchmark.component
                    })
                    .map(move |isolated| (baseline, isolated))
            })
            .collect()
    }
}

/// Benchmarks of one arm that are compared with those of the other: every pair is looked at.
const MAX_ARMS: usize = 1000;

/// Every rule, in the order in which findings are shown.
pub const RULES: &[Rule] = &[
    Rule {
        code: "ramp-series",
        title: "samples that rise by equal steps",
        severity: Severity::Defect,
        remedy: "This is a formula, not a measurement: find what generated the samples and run the real thing.",
        check: series::ramp,
    },
    Rule {
        code: "constant-series",
        title: "samples that are all equal",
        severity: Severity::Defect,
        remedy: "No timer repeats itself to the last digit: find the constant in the harness and measure instead.",
        check: series::constant,
    },
    Rule {
        code: "periodic-series",
        title: "samples that repeat",
        severity: Severity::Defect,
        remedy: "The samples are a cycle of a few values: find what generated them and run the real thing.",
        check: series::periodic,
    },
    Rule {
        code: "lattice-series",
        title: "samples on a lattice far coarser than their digits",
        severity: Severity::Defect,
        remedy: "Either the values are generated or the clock ticks that coarsely: measure with a monotonic clock.",
        check: series::lattice,
    },
    Rule {
        code: "lattice-summary",
        title: "statistics of a few equally spaced values",
        severity: Severity::Defect,
        remedy: "Ask for the samples behind these statistics; measured ones do not lie on equal steps.",
        check: lattice::summary,
    },
    Rule {
        code: "shared-ramp",
        title: "one arithmetic ramp explains both arms",
        severity: Severity::Defect,
        remedy: "The arms differ in the number of values, not in load: measure both with the same number of real tasks.",
        check: lattice::shared,
    },
    Rule {
        code: "duplicate-rows",
        title: "different benchmarks with the same statistics",
        severity: Severity::Defect,
        remedy: "Two measurements do not agree to the last digit: one row is a copy; run the second benchmark.",
        check: copies::duplicates,
    },
    Rule {
        code: "scaled-rows",
        title: "row that is another one times a factor",
        severity: Severity::Defect,
        remedy: "No second run stretches every statistic alike: one row was computed from the other; measure it.",
        check: copies::scaled,
    },
    Rule {
        code: "small-sample-percentile",
        title: "percentile of a sample that is too small for it",
        severity: Severity::Doubt,
        remedy: "Take at least 1/(1 − q) samples, better ten times as many, or report the maximum as what it is.",
        check: sample::small,
    },
    Rule {
        code: "percentile-equals-max",
        title: "percentile that is the maximum",
        severity: Severity::Defect,
        remedy: "Take more samples: a percentile says something only when values lie beyond it.",
        check: sample::equals_max,
    },
    Rule {
        code: "impossible-summary",
        title: "statistics that no sample can have together",
        severity: Severity::Defect,
        remedy: "Compute all statistics from the same samples, and publish the samples.",
        check: sample::impossible,
    },
    Rule {
        code: "mean-outside-percentiles",
        title: "mean that its own percentiles rule out",
        severity: Severity::Defect,
        remedy: "Mean and percentiles are not of the same samples: compute both again from one series.",
        check: tail::mean_outside,
    },
    Rule {
        code: "summary-not-of-samples",
        title: "statistics that are not those of the samples",
        severity: Severity::Defect,
        remedy: "Recompute the statistics from the samples given, or give the samples they come from.",
        check: sample::not_of_samples,
    },
    Rule {
        code: "little-law",
        title: "Little's law is broken",
        severity: Severity::Defect,
        remedy: "Measure throughput, latency and concurrency over the same window and the same requests.",
        check: laws::little,
    },
    Rule {
        code: "serial-load",
        title: "concurrent load that never has two requests at once",
        severity: Severity::Defect,
        remedy: "This was one request after the other: load the system with several clients at once, then compare.",
        check: laws::serial,
    },
    Rule {
        code: "duration-mismatch",
        title: "duration that contradicts iterations × time",
        severity: Severity::Defect,
        remedy: "Take duration, count and latency from one run; a run cannot be shorter than its parts.",
        check: laws::duration,
    },
    Rule {
        code: "total-mismatch",
        title: "total that is not count × mean",
        severity: Severity::Defect,
        remedy: "Take total, count and mean from the same samples.",
        check: rates::total,
    },
    Rule {
        code: "amount-mismatch",
        title: "amount that is not rate × time",
        severity: Severity::Defect,
        remedy: "Take amount, rate and duration from one run, over the same window.",
        check: rates::amount,
    },
    Rule {
        code: "cpu-time-exceeds",
        title: "more processor time than the processors have",
        severity: Severity::Defect,
        remedy: "Check the unit of the processor time, and that it is of this run alone.",
        check: rates::cpu,
    },
    Rule {
        code: "nothing-measured",
        title: "durations of zero or below",
        severity: Severity::Defect,
        remedy: "Make the work long enough for the clock, keep the compiler from removing it, use a monotonic clock.",
        check: rates::nothing,
    },
    Rule {
        code: "all-failed",
        title: "every request failed",
        severity: Severity::Defect,
        remedy: "Find out why, and measure answers; the time of an error says nothing about the work.",
        check: failures::all_failed,
    },
    Rule {
        code: "failures-left-out",
        title: "failed requests that the latencies do not show",
        severity: Severity::Doubt,
        remedy: "Report failures beside the latencies, and count what was given up with the time it took until then.",
        check: failures::left_out,
    },
    Rule {
        code: "timeout-is-max",
        title: "maximum that is the time-out",
        severity: Severity::Doubt,
        remedy: "Raise the time-out above the slowest answer, or report how many requests were given up.",
        check: failures::timeout,
    },
    Rule {
        code: "shares-sum",
        title: "shares that do not sum to 100 %",
        severity: Severity::Defect,
        remedy: "State the whole that the shares are of, and show the rest as residual.",
        check: laws::shares,
    },
    Rule {
        code: "better-under-load",
        title: "result under load better than alone",
        severity: Severity::Defect,
        remedy: "Something else differs between the arms (warm-up, sample, build): interleave them and repeat.",
        check: laws::better_under_load,
    },
    Rule {
        code: "unequal-samples",
        title: "arms of unequal sample sizes",
        severity: Severity::Doubt,
        remedy: "Compare equal numbers of tasks: maxima and high percentiles grow with the sample.",
        check: laws::unequal,
    },
    Rule {
        code: "miss-faster-than-fastest",
        title: "p99 below the fastest miss, though misses are more than 1 %",
        severity: Severity::Defect,
        remedy: "Count hits and time accesses in the same run: with this hit ratio the p99 lies among the misses.",
        check: laws::p99_below_misses,
    },
    Rule {
        code: "trend",
        title: "series that drifts",
        severity: Severity::Doubt,
        remedy: "The system was not in a steady state: discard a longer warm-up or report the drift itself.",
        check: series::drift,
    },
    Rule {
        code: "null-metrics",
        title: "success without a value",
        severity: Severity::Defect,
        remedy: "Report the task as failed, with its error, or measure what is missing.",
        check: description::nulls,
    },
    Rule {
        code: "profiler-cannot",
        title: "metric that the named profiler cannot produce",
        severity: Severity::Defect,
        remedy: "Name the source of the figure, or take it with an instrument that can see it.",
        check: description::profiler,
    },
    Rule {
        code: "bound-contradicted",
        title: "statement that another table contradicts",
        severity: Severity::Defect,
        remedy: "Repeat the bottleneck scan on the profile that has the larger share; correct one of the two.",
        check: description::bound,
    },
    Rule {
        code: "amdahl",
        title: "speedup above Amdahl's ceiling",
        severity: Severity::Defect,
        remedy: "Removing the named part altogether cannot give this: find what else the change would remove.",
        check: claims::amdahl,
    },
    Rule {
        code: "saving-exceeds-cause",
        title: "saving larger than its cause",
        severity: Severity::Defect,
        remedy: "Expect at most the cause's own time; measure with the cause removed before promising more.",
        check: claims::exceeds_cause,
    },
    Rule {
        code: "below-isolated",
        title: "promised result better than the component alone",
        severity: Severity::Defect,
        remedy: "Without any neighbour it takes longer than promised: lower the promise to the isolated figure.",
        check: claims::below_isolated,
    },
    Rule {
        code: "shifting-cause",
        title: "one share with two causes",
        severity: Severity::Defect,
        remedy: "Decide which of the causes the share belongs to; a fix for the other will not move it.",
        check: claims::shifting,
    },
    Rule {
        code: "hits-cannot-move-p99",
        title: "faster hits promised to lower a p99 that lies among the misses",
        severity: Severity::Defect,
        remedy: "Raise the hit ratio above 99 % or make misses cheaper; faster hits move the median only.",
        check: claims::hits,
    },
    Rule {
        code: "part-of-whole",
        title: "share that is not part / whole",
        severity: Severity::Defect,
        remedy: "Work the share out again from the two counts; correct whichever is wrong.",
        check: arithmetic::parts,
    },
    Rule {
        code: "change-mismatch",
        title: "change that its own figures do not give",
        severity: Severity::Defect,
        remedy: "State the factor, the per cent and the difference that follow from before and after.",
        check: arithmetic::changes,
    },
    Rule {
        code: "headroom-mismatch",
        title: "headroom that value and bound do not give",
        severity: Severity::Defect,
        remedy: "Work the headroom out again: |value − bound| / bound.",
        check: arithmetic::headroom,
    },
    Rule {
        code: "verdict-mismatch",
        title: "target whose verdict its figures contradict",
        severity: Severity::Defect,
        remedy: "Compare value and target again, and correct the verdict or the figure.",
        check: arithmetic::verdicts,
    },
    Rule {
        code: "total-not-sum",
        title: "total that is not the sum of its parts",
        severity: Severity::Defect,
        remedy: "Add the rows up again; a row is missing, or a figure is of another run.",
        check: arithmetic::totals,
    },
    Rule {
        code: "text-against-table",
        title: "figure in the text that the table has otherwise",
        severity: Severity::Defect,
        remedy: "Take the figures of the text from the table, of one run.",
        check: arithmetic::quoted,
    },
    Rule {
        code: "fewer-than-stated",
        title: "more iterations stated than were run",
        severity: Severity::Doubt,
        remedy: "State how many iterations each benchmark had.",
        check: arithmetic::at_least,
    },
    Rule {
        code: "serial-fraction",
        title: "speedup above the ceiling of its serial fraction",
        severity: Severity::Defect,
        remedy: "Measure the serial part again, or the speedup: by Amdahl's law both cannot be right.",
        check: arithmetic::amdahl,
    },
    Rule {
        code: "written-too-soon",
        title: "results written closer together than the second run takes",
        severity: Severity::Doubt,
        remedy: "Find out whether the second result was run at all, or side by side with the first.",
        check: moments::too_close,
    },
    Rule {
        code: "off-schedule",
        title: "day that ran on another date",
        severity: Severity::Doubt,
        remedy: "Report when it ran; runs said to be days apart that are minutes apart share warm caches and one state of the machine.",
        check: moments::off_schedule,
    },
    Rule {
        code: "debug-build",
        title: "benchmark of a build without optimisation",
        severity: Severity::Doubt,
        remedy: "Build in release mode and measure again.",
        check: description::debug_build,
    },
    Rule {
        code: "debug-library",
        title: "benchmark library built without optimisation",
        severity: Severity::Note,
        remedy: "Link a release build of the library for benchmarks of less than a microsecond.",
        check: description::debug_library,
    },
    Rule {
        code: "frequency-scaling",
        title: "processor whose frequency was free to change",
        severity: Severity::Note,
        remedy: "Fix the frequency (governor `performance`) or repeat and interleave the benchmarks.",
        check: description::frequency_scaling,
    },
    Rule {
        code: "wrong-encoding",
        title: "text that was read in the wrong encoding",
        severity: Severity::Note,
        remedy: "Repaired for this audit; write and read the file as UTF-8.",
        check: description::encoding,
    },
];

/// Findings of one rule that are listed one by one; the rest is counted.
const MAX_FINDINGS: usize = 200;

/// Applies every rule to reports that belong together; the worst findings first, then in the order of [`RULES`].
#[must_use]
pub fn audit(reports: &[Report]) -> Vec<Finding> {
    let evidence = Evidence {
        reports,
        items: reports
            .iter()
            .flat_map(|report| report.benchmarks.iter().map(move |benchmark| Item { report, benchmark }))
            .collect(),
        claims: reports
            .iter()
            .flat_map(|report| report.claims.iter().map(move |claim| (report, claim)))
            .collect(),
    };
    let mut findings: Vec<Finding> = RULES
        .iter()
        .flat_map(|rule| {
            let mut hits = (rule.check)(&evidence);
            let more = hits.len().saturating_sub(MAX_FINDINGS);
            hits.truncate(MAX_FINDINGS);
            if let (Some(last), true) = (hits.last_mut(), more > 0) {
                last.said.computation.push_str(&format!("; and {more} more of this kind"));
            }
            hits.into_iter().map(|hit| Finding {
                code: rule.code,
                title: rule.title,
                severity: hit.said.severity.unwrap_or(rule.severity),
                subject: hit.subject,
                file: hit.file,
                place: hit.place,
                evidence: hit.said.evidence,
                computation: hit.said.computation,
                remedy: rule.remedy,
            })
        })
        .collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}
