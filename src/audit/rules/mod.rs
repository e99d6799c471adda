//! Rules: one function each, with a stable code.

mod claims;
mod description;
mod lattice;
mod laws;
mod sample;
mod series;

use super::report::{Arm, Benchmark, Claim, Report};

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
    evidence: String,
    computation: String,
}

/// Everything that is audited together.
struct Evidence<'r> {
    reports: &'r [Report],
    benchmarks: Vec<&'r Benchmark>,
    claims: Vec<&'r Claim>,
}

impl<'r> Evidence<'r> {
    /// What `check` says of each benchmark.
    fn each(&self, check: impl Fn(&'r Benchmark) -> Option<(String, String)>) -> Vec<Hit> {
        let one = |benchmark: &&'r Benchmark| {
            check(benchmark).map(|(evidence, computation)| Hit {
                subject: benchmark.title(),
                evidence,
                computation,
            })
        };
        self.benchmarks.iter().filter_map(one).collect()
    }

    /// What `check` says of each claim.
    fn each_claim(&self, check: impl Fn(&'r Claim) -> Option<(String, String)>) -> Vec<Hit> {
        let one = |claim: &&'r Claim| {
            let subject = if claim.text.is_empty() {
                claim.id.clone()
            } else {
                format!("{}: {}", claim.id, claim.text)
            };
            check(claim).map(|(evidence, computation)| Hit { subject, evidence, computation })
        };
        self.claims.iter().filter_map(one).collect()
    }

    /// Pairs of baseline and isolated benchmark of one component.
    fn arms(&self) -> Vec<(&'r Benchmark, &'r Benchmark)> {
        let of =
            |arm: Arm| self.benchmarks.iter().copied().filter(move |benchmark| benchmark.arm == Some(arm));
        of(Arm::Baseline)
            .flat_map(|baseline| {
                of(Arm::Isolated)
                    .filter(move |isolated| {
                        baseline.component.is_some() && baseline.component == isolated.component
                    })
                    .map(move |isolated| (baseline, isolated))
            })
            .collect()
    }
}

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
        check: description::duplicates,
    },
    Rule {
        code: "small-sample-percentile",
        title: "percentile of a sample that is too small for it",
        severity: Severity::Defect,
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
        severity: Severity::Defect,
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
        code: "wrong-encoding",
        title: "text that was read in the wrong encoding",
        severity: Severity::Note,
        remedy: "Repaired for this audit; write and read the file as UTF-8.",
        check: description::encoding,
    },
];

/// Applies every rule to reports that belong together; the worst findings first, then in the order of [`RULES`].
#[must_use]
pub fn audit(reports: &[Report]) -> Vec<Finding> {
    let evidence = Evidence {
        reports,
        benchmarks: reports.iter().flat_map(|report| &report.benchmarks).collect(),
        claims: reports.iter().flat_map(|report| &report.claims).collect(),
    };
    let mut findings: Vec<Finding> = RULES
        .iter()
        .flat_map(|rule| {
            (rule.check)(&evidence).into_iter().map(|hit| Finding {
                code: rule.code,
                title: rule.title,
                severity: rule.severity,
                subject: hit.subject,
                evidence: hit.evidence,
                computation: hit.computation,
                remedy: rule.remedy,
            })
        })
        .collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}
