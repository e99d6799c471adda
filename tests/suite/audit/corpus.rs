//! Honest and dishonest reports in every format: nothing is said of the former, the planted lie is found in the latter.

use super::formats::{FORMATS, Format, Run};
use super::to_text;
use conlab::audit::{Report, Severity, audit, read_bytes};
use std::collections::BTreeMap;

fn runs(seed: u64) -> [Run; 2] {
    [Run::made("list", seed, 1200, 23.4), Run::made("search", seed + 1000, 1200, 61.7)]
}

fn read(format: &Format, runs: &[Run; 2]) -> Report {
    let bytes = (format.2)(runs);
    read_bytes(&format!("report.{}", format.1), &bytes)
        .unwrap_or_else(|error| panic!("{}: {error}\n{}", format.0, String::from_utf8_lossy(&bytes)))
}

#[test]
fn honest_reports_of_every_format_are_understood_and_raise_nothing() {
    let mut files = 0;
    for format in FORMATS {
        for seed in [3, 14] {
            let report = read(format, &runs(seed));
            assert_eq!(report.format, format.0);
            assert!(report.is_understood());
            let found: Vec<_> = audit(std::slice::from_ref(&report))
                .into_iter()
                .filter(|finding| finding.severity > Severity::Note)
                .collect();
            assert!(found.is_empty(), "{} seed {seed}\n{}", format.0, to_text(&[report], &found));
            files += 1;
        }
    }
    assert!(files >= 80, "{files}");
}

/// A lie: what it does to the runs, and the rules of which one must find it. `None` where a format has not the figures
/// to show it.
type Lie = (&'static str, fn(&mut [Run; 2]), &'static [&'static str], &'static [&'static str]);

const LIES: &[Lie] = &[
    (
        "the mean is halved",
        |runs| runs.iter_mut().for_each(|run| run.mean /= 2.0),
        &["mean-outside-percentiles", "impossible-summary", "summary-not-of-samples", "total-mismatch"],
        &[
            "hyperfine JSON",
            "JMH JSON",
            "pytest-benchmark JSON",
            "Google Benchmark JSON",
            "vitest bench JSON",
            "BenchmarkDotNet JSON",
            "k6 summary JSON",
            "vegeta JSON",
            "oha JSON",
            "autocannon JSON",
            "Gatling JSON",
            "fio JSON",
            "vLLM benchmark JSON",
            "llama-bench JSON",
            "bombardier JSON",
            "ghz JSON",
            "artillery JSON",
            "JSON by its keys",
            "JMeter aggregate report",
            "Locust statistics",
            "hyperfine CSV",
            "wrk text",
            "ab text",
            "hey text",
            "divan text",
            "sysbench text",
            "redis-benchmark text",
            "HdrHistogram percentile table",
            "Markdown",
            "text",
        ],
    ),
    (
        "the maximum lies below the 95th percentile",
        |runs| runs.iter_mut().for_each(|run| run.max = run.p[3] * 0.83),
        &["impossible-summary", "summary-not-of-samples", "mean-outside-percentiles"],
        &[
            "hyperfine JSON",
            "JMH JSON",
            "pytest-benchmark JSON",
            "BenchmarkDotNet JSON",
            "k6 summary JSON",
            "vegeta JSON",
            "oha JSON",
            "autocannon JSON",
            "Gatling JSON",
            "fio JSON",
            "bombardier JSON",
            "ghz JSON",
            "artillery JSON",
            "JSON by its keys",
            "JMeter aggregate report",
            "Locust statistics",
            "wrk text",
            "ab text",
            "hey text",
            "sysbench text",
            "redis-benchmark text",
            "YCSB text",
            "HdrHistogram percentile table",
            "Markdown",
            "text",
        ],
    ),
    (
        "the second run is a copy of the first",
        |runs| {
            let name = runs[1].name.clone();
            runs[1] = Run { name, ..runs[0].clone() };
        },
        &["duplicate-rows"],
        &[
            "hyperfine JSON",
            "JMH JSON",
            "pytest-benchmark JSON",
            "vitest bench JSON",
            "BenchmarkDotNet JSON",
            "JSON by its keys",
            "JMeter aggregate report",
            "Locust statistics",
            "hyperfine CSV",
            "wrk text",
            "divan text",
            "redis-benchmark text",
            "Markdown",
            "text",
        ],
    ),
    (
        "the second run is the first times 1.37",
        |runs| {
            let samples = runs[0].samples.iter().map(|sample| sample * 1.37).collect();
            let name = runs[1].name.clone();
            runs[1] = Run::of(&name, samples, 4);
        },
        &["scaled-rows"],
        &[
            "hyperfine JSON",
            "pytest-benchmark JSON",
            "vitest bench JSON",
            "JSON by its keys",
            "hyperfine CSV",
            "wrk text",
            "text",
        ],
    ),
    (
        "every request failed",
        |runs| runs.iter_mut().for_each(|run| run.failed = run.n),
        &["all-failed"],
        &[
            "k6 summary JSON",
            "vegeta JSON",
            "oha JSON",
            "autocannon JSON",
            "Gatling JSON",
            "bombardier JSON",
            "ghz JSON",
            "JSON by its keys",
            "JMeter JTL",
            "Locust statistics",
            "wrk text",
            "ab text",
            "hey text",
        ],
    ),
    (
        "three times the rate that the latency allows",
        |runs| {
            runs.iter_mut().for_each(|run| {
                run.rate *= 3.0;
                run.seconds /= 3.0;
            })
        },
        &["little-law", "duration-mismatch"],
        &[
            "k6 summary JSON",
            "autocannon JSON",
            "fio JSON",
            "bombardier JSON",
            "ghz JSON",
            "JSON by its keys",
            "wrk text",
            "ab text",
            "sysbench text",
            "pgbench text",
            "redis-benchmark text",
            "memtier text",
        ],
    ),
    (
        "samples of a formula",
        |runs| {
            runs.iter_mut().for_each(|run| {
                let samples = (0..run.samples.len()).map(|at| 12.5 + 0.37 * at as f64).collect();
                *run = Run::of(&run.name.clone(), samples, 4);
            })
        },
        &["ramp-series"],
        &[
            "hyperfine JSON",
            "JMH JSON",
            "Google Benchmark JSON",
            "nanobench JSON",
            "llama-bench JSON",
            "JSON lines",
            "CSV",
            "k6 CSV",
            "hey CSV",
        ],
    ),
    (
        "samples of five values in turn",
        |runs| {
            runs.iter_mut().for_each(|run| {
                let samples = (0..run.samples.len())
                    .map(|at| [21.936, 24.44, 19.016, 21.794, 16.791][at % 5])
                    .collect();
                *run = Run::of(&run.name.clone(), samples, 4);
            })
        },
        &["periodic-series"],
        &[
            "hyperfine JSON",
            "JMH JSON",
            "Google Benchmark JSON",
            "nanobench JSON",
            "llama-bench JSON",
            "JSON lines",
            "CSV",
            "k6 CSV",
            "hey CSV",
        ],
    ),
];

#[test]
fn planted_lies_are_found_in_every_format_that_can_show_them() {
    let (mut planted, mut found) = (0, 0);
    let mut missed: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (lie, plant, rules, formats) in LIES {
        for format in FORMATS.iter().filter(|format| formats.contains(&format.0)) {
            let mut runs = runs(5);
            plant(&mut runs);
            // The four CSV layouts and the four of Markdown show different figures: a series lie needs samples.
            let report = read(format, &runs);
            let needs_samples = rules.contains(&"ramp-series") || rules.contains(&"periodic-series");
            if needs_samples && report.samples() == 0 {
                continue;
            }
            planted += 1;
            let findings = audit(std::slice::from_ref(&report));
            if findings.iter().any(|finding| rules.contains(&finding.code)) {
                found += 1;
            } else {
                missed.entry(lie).or_default().push(format.0);
            }
        }
    }
    assert!(planted >= 60, "{planted}");
    assert!(found * 100 >= planted * 95, "{found} of {planted} found; missed: {missed:#?}");
}

/// More than an eighth above what the clients can have in the system is a doubt, from half as many more on an error; a tenth is the
/// roughness of rounded means. The wrong rule lets anything below twice the clients pass.
#[test]
fn littles_law_allows_a_tenth_and_not_a_third() {
    let format = FORMATS.iter().find(|format| format.0 == "JSON by its keys").unwrap();
    for (times, expected) in [
        (1.1, None),
        (1.3, Some(Severity::Doubt)),
        (1.7, Some(Severity::Defect)),
        (3.0, Some(Severity::Defect)),
    ] {
        let mut runs = runs(5);
        runs.iter_mut().for_each(|run| run.rate *= times);
        let found = audit(&[read(format, &runs)]);
        let found = found.iter().find(|finding| finding.code == "little-law").map(|finding| finding.severity);
        assert_eq!(found, expected, "{times} times the rate");
    }
}
