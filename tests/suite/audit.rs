//! Every rule finds the defect planted for it, and no rule says anything about honest reports.
//!
//! `audit/defects/<code>.*` is a report made with that one defect; `audit/honest/` holds what hyperfine and criterion
//! really wrote, and reports made without a defect.

mod corpus;
mod formats;
mod mutate;

use conlab::audit::{Finding, RULES, Report, audit, phase_18f, read_bytes, read_path};
use conlab::engine::{Engine, Experiment, Progress, VirtualEngine};
use conlab::random::{Source, Stream};
use conlab::report::audit_page;
use conlab::report::text::{Details, text};
use conlab::scenario::{EMBEDDED, LoadArm, Scenario};
use conlab::units::Nanos;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The page of findings, for messages.
fn to_text(reports: &[Report], findings: &[Finding]) -> String {
    text(&audit_page(reports, findings), 120, &Details::All)
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/audit").join(name)
}

fn codes(reports: &[Report]) -> BTreeSet<&'static str> {
    audit(reports).iter().map(|finding| finding.code).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_planted_defect_is_found_and_nothing_else() {
    for file in files(&folder("defects")) {
        let code = file.file_stem().unwrap().to_str().unwrap();
        let reports = read_path(&file).unwrap();
        let mut expected = BTreeSet::from([code]);
        if code == "shared-ramp" {
            // Two maxima of one ramp differ because the arms differ in size.
            expected.insert("unequal-samples");
        }
        assert_eq!(codes(&reports), expected, "{}\n{}", file.display(), to_text(&reports, &audit(&reports)));
    }
}

#[test]
fn every_rule_has_its_planted_defect() {
    let planted: BTreeSet<String> = files(&folder("defects"))
        .iter()
        .map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let rules: BTreeSet<String> = RULES.iter().map(|rule| rule.code.to_owned()).collect();
    assert_eq!(planted, rules);
}

#[test]
fn honest_reports_raise_nothing() {
    for file in files(&folder("honest")) {
        let reports = read_path(&file).unwrap();
        assert!(reports.iter().all(|report| !report.benchmarks.is_empty()), "{}", file.display());
        assert!(audit(&reports).is_empty(), "{}", to_text(&reports, &audit(&reports)));
    }
}

/// conlab's own records of every built-in scenario, both arms set beside each other as a reader would.
#[test]
fn conlabs_own_records_raise_nothing() {
    for embedded in EMBEDDED {
        let mut scenario = Scenario::parse(embedded.text, embedded.name).unwrap();
        scenario.run.tasks = Some(400);
        scenario.run.duration = Some(Nanos::from_millis(2000));
        let reports: Vec<Report> = [LoadArm::Baseline, LoadArm::Isolated]
            .into_iter()
            .map(|load| {
                let mut experiment = Experiment::new(scenario.clone(), load);
                // Numbers of tasks in a timeline take all 64 bits.
                experiment.timeline_spans = 2000;
                let record = VirtualEngine::new().run(&experiment, &Progress::default()).unwrap().record;
                read_bytes(embedded.name, &serde_json::to_vec(&record).unwrap()).unwrap()
            })
            .collect();
        assert!(reports.iter().all(|report| !report.benchmarks.is_empty()), "{}", embedded.name);
        assert!(audit(&reports).is_empty(), "{}", to_text(&reports, &audit(&reports)));
    }
}

/// Skewed, correlated and bimodal series of several sizes, printed to several digits.
#[test]
fn honest_noise_raises_nothing() {
    for seed in 0..300 {
        let mut stream = Stream::new(seed, Source::Data, 0, 0);
        let count = [12, 60, 400][usize::try_from(seed % 3).unwrap()];
        let digits = [1, 2, 6][usize::try_from(seed / 3 % 3).unwrap()];
        let mut memory = 0.0;
        let mut text = "latency_ms\n".to_owned();
        for _ in 0..count {
            memory = 0.4 * memory + stream.unit();
            let slow = if stream.unit() < 0.1 { 15.0 } else { 0.0 };
            text.push_str(&format!("{:.digits$}\n", 20.0 + 3.0 * memory + slow));
        }
        let report = read_bytes("noise", text.as_bytes()).unwrap();
        let found = audit(std::slice::from_ref(&report));
        assert!(found.is_empty(), "seed {seed}: {}", to_text(&[report], &found));
    }
}

#[test]
fn the_ramps_of_phase_18f_are_found_from_its_figures_alone() {
    let report = phase_18f().unwrap();
    let findings = audit(&[report]);
    let said = |code: &str| -> Vec<&str> {
        findings.iter().filter(|found| found.code == code).map(|found| found.computation.as_str()).collect()
    };
    let ramps = said("shared-ramp");
    assert!(
        ramps.iter().any(|ramp| ramp.starts_with("32.5 + 1.2·i ms with 5 values")
            && ramp.contains("with 20 values mean 43.9 and maximum 55.3")),
        "{ramps:?}"
    );
    assert!(ramps.iter().any(|ramp| ramp.starts_with("6.2 + 0.35·i ms with 10 values") && ramp.contains("with 15 values")), "{ramps:?}");
    assert!(
        said("lattice-summary")
            .iter()
            .any(|levels| levels.starts_with("5 equally likely values 45.3 + 2.1·i"))
    );
    assert!(said("amdahl")[0].contains("2.13 times, leaving 26 of 55.3 ms"), "{:?}", said("amdahl"));
    let expected = [
        "lattice-summary",
        "shared-ramp",
        "duplicate-rows",
        "small-sample-percentile",
        "percentile-equals-max",
        "serial-load",
        "unequal-samples",
        "profiler-cannot",
        "bound-contradicted",
        "amdahl",
        "saving-exceeds-cause",
        "below-isolated",
        "shifting-cause",
        "hits-cannot-move-p99",
    ];
    for code in expected {
        assert!(!said(code).is_empty(), "{code} is silent");
    }
}

/// What the reader makes of files that are not reports is an error that says so.
#[test]
fn what_is_no_report_is_refused_with_a_sentence() {
    for (bytes, part) in [
        (&b"{\"a\": 1}"[..], "JSON with the keys a, in which no statistic has a known name"),
        (b"not a report", "text without a figure"),
        (b"", "an empty file"),
        (b"  \n", "a file of white space"),
        (b"[]", "JSON without a named figure"),
        (b"{\"a\": [1, 2", "ends in the middle of a value at line 1"),
        (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
        (b"PK\x03\x04rest", "a zip archive"),
        (b"\x00\x01\x02\x03abc", "a binary file"),
        (b"a,b\n1,2\n3,4\n", "a table in which no column is known to hold durations"),
    ] {
        let error = read_bytes("file", bytes).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

/// The two reports of a campaign, in prose: every oddity of their figures is named with its computation.
#[test]
fn campaign_reports_in_markdown_are_taken_apart() {
    let reports = read_path(&folder("prose")).unwrap();
    let findings = audit(&reports);
    let text = to_text(&reports, &findings);
    for (code, part) in [
        (
            "shared-ramp",
            "32.5 + 1.2·i ms with 5 values gives mean 34.9 and maximum 37.3, with 20 values mean 43.9 and maximum 55.3",
        ),
        ("shared-ramp", "6.2 + 0.35·i ms with 10 values gives mean 7.775 and maximum 9.35, with 15 values"),
        ("lattice-summary", "5 equally likely values 45.3 + 2.1·i ms have mean 49.5"),
        ("duplicate-rows", "7 statistics are equal to the last digit"),
        ("percentile-equals-max", "5 samples lie beyond p95"),
        ("serial-load", "below two"),
        ("saving-exceeds-cause", "the least promised saving is 1.6 times its cause"),
        ("saving-exceeds-cause", "the least promised saving is 2 times its cause"),
        ("amdahl", "= 2.13 times, leaving 26 of 55.3 ms"),
        ("below-isolated", "the promise goes 12.3 ms below"),
        ("shifting-cause", "18 % for Context switching and 35 % for Lock acquisition"),
        ("hits-cannot-move-p99", "13 % of reads miss"),
        ("bound-contradicted", "transformer forward pass at 38 %"),
        ("change-mismatch", "11.1 → 5 to 7 ms is 1.59 to 2.22 times"),
        ("headroom-mismatch", "|1010 − 50| / 50 = 1920 %"),
        ("fewer-than-stated", "50 is fewer than 100"),
        ("written-too-soon", "50 × 49.5 ms = 2.475 s, longer than the 2.01 s between them"),
        ("off-schedule", "36 minutes after day_1_report_20251217_093655.json"),
        ("profiler-cannot", "a sampler reads stacks now and then"),
        ("small-sample-percentile", "p99 needs at least 1/(1 − 0.99) = 100 samples"),
    ] {
        assert!(
            findings.iter().any(|found| found.code == code && found.computation.contains(part)),
            "{code}: {part}\n{text}"
        );
    }
}

/// The number of a task takes all 64 bits, and a float keeps the highest of them as 2^64.
#[test]
fn the_highest_numbers_of_tasks_are_read() {
    let scenario = Scenario::parse(EMBEDDED[0].text, EMBEDDED[0].name).unwrap();
    let mut experiment = Experiment::new(scenario, LoadArm::Baseline);
    experiment.timeline_spans = 100;
    let mut record = VirtualEngine::new().run(&experiment, &Progress::default()).unwrap().record;
    let spans = &mut record.timeline.as_mut().unwrap().spans;
    for (span, task) in
        spans.iter_mut().zip([u64::MAX, u64::MAX - 1, 18_395_077_073_260_077_000, 1 << 63, 1 << 53])
    {
        span.task = task;
    }
    read_bytes("run.json", &serde_json::to_vec(&record).unwrap()).unwrap();
}

/// A record that only a later version can read is refused as such.
#[test]
fn a_newer_record_is_refused_as_newer() {
    let text = r#"{"schema": 999, "conlab": "9.0.0", "identities": [], "actors": {}}"#;
    let error = read_bytes("run.json", text.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("a record of a newer conlab (schema 999"), "{error}");
}

/// Names of a report reach the terminal as one harmless line.
#[test]
fn names_cannot_forge_lines() {
    let text = "{\"benchmark\": \"a\\n\\u001b[2JDEFECT [x] y\\u202e\", \"iterations\": 9, \"latency\": {\"mean_ms\": 5.0, \"max_ms\": 3.0}}";
    let report = read_bytes("x", text.as_bytes()).unwrap();
    let shown = to_text(std::slice::from_ref(&report), &audit(std::slice::from_ref(&report)));
    assert!(shown.contains("a\\u{a}\\u{1b}[2JDEFECT [x] y\\u{202e}"), "{shown}");
}

/// One run, as a program of somebody's writes it.
const RUN: &str = r#"{"benchmark": "search", "host": "a", "date": "2026-03-01T10:00:00Z", "iterations": 200,
    "latency": {"min_ms": 10.1213, "mean_ms": 12.3457, "stddev_ms": 1.2345, "p95_ms": 14.6801, "max_ms": 16.1234}}"#;

fn codes_of(files: &[(&str, String)]) -> Vec<&'static str> {
    let reports: Vec<Report> =
        files.iter().map(|(name, text)| read_bytes(name, text.as_bytes()).unwrap()).collect();
    audit(&reports).iter().map(|finding| finding.code).collect()
}

/// A summary that holds the files of its runs whole is no copy of them; a second run with the same figures is.
#[test]
fn a_document_that_stands_in_another_is_quoted_not_copied() {
    let other = RUN.replace("search", "index").replace("12.3457", "12.4461").replace("16.1234", "15.9987");
    let summary = format!("{{\"title\": \"both\", \"runs\": [{RUN}, {other}]}}");
    let run = || RUN.to_owned();
    assert_eq!(codes_of(&[("a.json", run()), ("summary.json", summary.clone())]), [""; 0]);
    // The order of members and the layout do not matter.
    let value: serde_json::Value = serde_json::from_str(RUN).unwrap();
    let compact = serde_json::to_string(&value).unwrap();
    assert_eq!(codes_of(&[("a.json", compact), ("summary.json", summary.clone())]), [""; 0]);

    let later = RUN.replace("10:00:00", "11:00:00");
    assert_eq!(codes_of(&[("a.json", run()), ("b.json", later.clone())]), ["duplicate-rows"]);
    assert_eq!(codes_of(&[("a.json", run()), ("b.json", run())]), ["duplicate-rows"]);
    for files in [
        vec![("a.json", run()), ("b.json", later.clone()), ("summary.json", summary.clone())],
        vec![("summary.json", summary), ("a.json", run()), ("b.json", later.clone())],
        vec![
            ("a.json", run()),
            ("summary.json", format!("{{\"title\": \"t\", \"runs\": [{RUN}, {later}]}}")),
        ],
    ] {
        assert_eq!(codes_of(&files), ["duplicate-rows"], "{files:?}");
    }
}

#[test]
fn suites_of_tests_are_checked_against_the_cases_that_they_list() {
    let report = |tests: u64, total: u64, failures: u64| {
        format!(
            r#"<?xml version="1.0"?>
<testsuites name="all" tests="{total}">
  <testsuite name="a" tests="{tests}" failures="{failures}" time="0.052">
    <testcase classname="a" name="one" time="0.012"/>
    <testcase classname="a" name="t&amp;o" time="0.021"/>
    <testcase classname="a" name="three" time="0.019"><failure message="no"/></testcase>
  </testsuite>
  <testsuite name="b" tests="2"><testcase name="four"/><testcase name="five"/></testsuite>
</testsuites>
"#
        )
    };
    let read = |text: String| read_bytes("junit.xml", text.as_bytes()).unwrap();
    let honest = read(report(3, 5, 1));
    assert!(audit(std::slice::from_ref(&honest)).is_empty());
    let singles: Vec<(&str, f64)> =
        honest.benchmarks[0].singles.iter().map(|(name, figure)| (name.as_str(), figure.value)).collect();
    assert_eq!(singles, [("one", 12.0), ("t&o", 21.0), ("three", 19.0)]);
    for (text, line) in
        [(report(30, 32, 1), "line 3"), (report(3, 50, 1), "line 2"), (report(3, 5, 0), "line 3")]
    {
        let findings = audit(&[read(text)]);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!((findings[0].code, findings[0].place.as_str()), ("total-not-sum", line));
    }
}

#[test]
fn stacks_are_read_as_shares() {
    let folded = "main;parse 30\nmain;work;inner 60\nmain;work 10\n";
    let report = read_bytes("x.folded", folded.as_bytes()).unwrap();
    let shares: Vec<(&str, f64)> = report.benchmarks[0]
        .shares
        .iter()
        .map(|share| (share.name.as_str(), (share.percent.value * 1e6).round() / 1e6))
        .collect();
    assert_eq!(shares, [("inner", 60.0), ("parse", 30.0), ("work", 10.0)]);
    assert!(audit(&[report]).is_empty());
}

/// The same tasks simulated twice are equal by design; the same figures measured twice, or made by a formula, are not.
#[test]
fn only_modelled_documents_of_a_campaign_may_be_equal() {
    let document = |level: &str, name: &str| {
        RUN.replace(
            "{\"benchmark\": \"search\"",
            &format!("{{\"conlab\": \"0.1.0\", \"level\": \"{level}\", \"benchmark\": \"{name}\""),
        )
    };
    let pair =
        |level: &str| codes_of(&[("a.json", document(level, "one")), ("b.json", document(level, "two"))]);
    assert_eq!(pair("model"), [""; 0]);
    assert_eq!(pair("measured"), ["duplicate-rows"]);
    assert_eq!(pair("replay"), ["duplicate-rows"]);
    // Written one second apart: 200 runs of 12 ms take two, unless they were simulated.
    let written = |level: &str| {
        let changed = document(level, "second").replace("12.3457", "12.4457").replace("16.1234", "16.2234");
        codes_of(&[
            ("first_2026-03-01T10-00-00Z.json", document(level, "first")),
            ("second_2026-03-01T10-00-01Z.json", changed),
        ])
    };
    assert_eq!(written("model"), [""; 0]);
    assert_eq!(written("measured"), ["written-too-soon"]);
}
