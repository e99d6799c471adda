//! Folded stacks, flame graphs, HdrHistogram's formats, Markdown, CSV and JUnit.

use super::sample::{distribution, record};
use conlab::measure::Tally;
use conlab::measure::archive::Archive;
use conlab::measure::record::{Breakdown, RunRecord};
use conlab::report::junit::{Case, CaseOutcome, cases, junit};
use conlab::report::{histogram, markdown::markdown, run_page, stacks, table::csv};
use conlab::units::Nanos;
use hdrhistogram::Histogram;

/// Sum of the weights of an actor's stacks, first or second column.
fn weight(folded: &str, actor: &str, column: usize) -> u64 {
    let prefix = format!("{actor};");
    folded
        .lines()
        .filter(|line| line.starts_with(&prefix))
        .map(|line| line.split(' ').nth(1 + column).unwrap().parse::<u64>().unwrap())
        .sum()
}

#[test]
fn stacks_add_up_to_the_time_of_all_tasks() {
    let record = record("agents", 1000, 4, 100);
    let folded = stacks::folded(&record);
    for (name, actor) in &record.actors {
        let sum = weight(&folded, name, 0) as f64;
        let seconds = record.window.length_ns as f64 / 1e9;
        let expected = actor.sojourn_ns.mean * actor.sojourn_ns.count as f64 / seconds;
        assert!((sum / expected - 1.0).abs() < 1e-3, "{name}: {sum} of {expected}");
    }
    // Frames of different actors add up to the tasks that are there on average.
    let all: f64 = record.actors.keys().map(|name| weight(&folded, name, 0) as f64).sum();
    let total: f64 =
        folded.lines().map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum();
    assert!((all - total).abs() < 0.5);
    assert!(folded.lines().all(|line| line.split(';').count() == 3), "three frames each:\n{folded}");
}

#[test]
fn separators_in_names_do_not_make_frames() {
    let mut record = record("agents", 1000, 4, 100);
    let actor = record.actors.remove("agents").unwrap();
    record.actors.insert("a;b c\nd".into(), actor);
    let folded = stacks::folded(&record);
    assert!(folded.contains("a,b_c,d;plan;execution "), "{folded}");
    assert!(folded.lines().all(|line| line.split(';').count() == 3 && line.split(' ').count() == 2));
}

#[test]
fn a_difference_holds_both_sides_and_draws() {
    let before = record("agents", 1000, 4, 100);
    let mut after = before.clone();
    let step = &mut after.actors.get_mut("agents").unwrap().steps[0];
    step.total_ns = Breakdown { execution: step.total_ns.execution, lock: 0.0, ..step.total_ns };
    let folded = stacks::folded_difference(&before, &after);
    let gone = folded.lines().find(|line| line.starts_with("agents;plan;lock ")).unwrap();
    assert!(gone.ends_with(" 0"), "{gone}");
    assert!(weight(&folded, "agents", 0) > weight(&folded, "agents", 1));
    let svg = stacks::flame_graph(&folded, "before and after", "", "ns").unwrap();
    assert!(svg.contains("<svg") && svg.contains("plan"));
}

#[test]
fn a_flame_graph_takes_names_literally() {
    let mut record = record("agents", 1000, 4, 100);
    let actor = record.actors.remove("agents").unwrap();
    record.actors.insert("<script>alert(1)</script>".into(), actor);
    let svg = stacks::flame_graph(&stacks::folded(&record), "<script>alert(1)</script>", "", "ns").unwrap();
    assert!(!svg.contains("<script>alert"));
    assert!(svg.contains("&lt;script&gt;alert(1)"));
    assert!(stacks::flame_graph("", "nothing", "", "ns").is_err());
}

#[test]
fn an_interval_log_gives_back_what_went_in() {
    let both = |values: &mut dyn Iterator<Item = u64>| {
        let (mut histogram, mut tally) = (Histogram::<u64>::new(3).unwrap(), Tally::default());
        for value in values {
            histogram.record(value).unwrap();
            tally.record(Nanos(value));
        }
        (histogram, tally.counts())
    };
    let (agents, of_agents) = both(&mut (1..=5000).map(|value| value * 1000));
    let (vault, of_vault) = both(&mut (1..=30).map(|value| value * value));
    let histograms = [("agents, all".to_owned(), of_agents), ("vault".to_owned(), of_vault)];
    let out = tempfile::tempdir().unwrap();
    let archive = Archive::reserve(out.path()).unwrap();
    let folder = archive.keep(&record("agents", 1000, 4, 100), &histograms, "", &[]).unwrap();
    let log = std::fs::read(folder.folder.join("latency.hlog")).unwrap();
    let read = histogram::read_hlog(&log).unwrap();
    assert_eq!(read, [("agents__all".to_owned(), agents), ("vault".to_owned(), vault)]);
    assert!(histogram::read_hlog(b"Tag=x,0.0,1.0,1.0,HISTFnonsense\n").is_err());
}

#[test]
fn a_percentile_table_ends_at_the_maximum() {
    let mut values = Histogram::new(3).unwrap();
    (1..=1000_u64).for_each(|value| values.record(value * 1_000_000).unwrap());
    let text = histogram::hgrm(&distribution(&values));
    let rows: Vec<Vec<f64>> = text
        .lines()
        .skip(2)
        .take_while(|line| !line.starts_with('#'))
        .map(|line| line.split_whitespace().map(|cell| cell.parse().unwrap()).collect())
        .collect();
    assert!(rows.windows(2).all(|pair| pair[0][0] <= pair[1][0] && pair[0][1] <= pair[1][1]), "{text}");
    assert_eq!((rows.last().unwrap()[1], rows.last().unwrap()[2]), (1.0, 1000.0));
    assert_eq!(rows.last().unwrap().len(), 3, "the maximum has no 1/(1-Percentile)");
    assert!(text.contains("Total count    =         1000"));
}

#[test]
fn csv_has_a_row_for_each_actor_and_quotes_what_needs_it() {
    let runs = [("a,\"b\"".to_owned(), record("agents", 1000, 4, 100))];
    let text = csv(&runs).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let head = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let cell =
        |row: usize, title: &str| rows[row][head.iter().position(|each| each == title).unwrap()].to_owned();
    assert_eq!((rows.len(), cell(0, "record"), cell(0, "actor")), (2, "a,\"b\"".into(), "agents".into()));
    let p99 = runs[0].1.actors["agents"].sojourn_ns.p99;
    assert_eq!((cell(0, "sojourn_ns_p99"), cell(1, "focus")), (p99.to_string(), "false".into()));
}

#[test]
fn junit_fails_what_failed_and_skips_what_cannot_be_said() {
    let mut record = record("a & b", 1000, 4, 100);
    record.identities[3].holds = false;
    let mut all = cases(&record);
    all.push(Case {
        name: "p99 < 250 ms".into(),
        detail: String::new(),
        outcome: CaseOutcome::Skipped("inconclusive".into()),
    });
    let text = junit("conlab", &[("a & b".into(), all)]).unwrap();
    assert!(text.contains("tests=\"7\"") && text.contains("failures=\"1\""), "{text}");
    assert!(text.contains("<failure message=\"64.02 against 63.97\""), "{text}");
    assert_eq!(text.matches("<skipped").count(), 2, "{text}");
    assert!(text.contains("a &amp; b") && text.contains("p99 &lt; 250 ms"));
}

#[test]
fn markdown_tables_keep_their_shape_whatever_the_names() {
    let mut record = record("a|b <i>*x*</i>", 1000, 4, 100);
    record.locks.insert("x|y".into(), record.locks["registry"].clone());
    let text = markdown(&run_page(&record));
    assert!(text.starts_with("# a\\|b &lt;i>\\*x\\*&lt;/i>\n"), "{}", &text[..60]);
    let mut columns = 0;
    for line in text.lines() {
        let count = line.replace("\\|", "").matches('|').count();
        assert!(count == 0 || columns == 0 || count == columns, "ragged: {line}");
        columns = count;
    }
    assert!(!markdown(&run_page(&RunRecord::default())).is_empty());
}
