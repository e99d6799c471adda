//! Records and sweeps as tables: what is written comes back.

use conlab::columns::{Format, Item, read_parquet};
use conlab::engine::{Engine, Experiment, Progress, VirtualEngine};
use conlab::history::{read_records, write_records};
use conlab::measure::RunRecord;
use conlab::scenario::{EMBEDDED, LoadArm, Scenario, Treatment};
use std::collections::BTreeSet;

/// A record of every embedded scenario, with a trace, so that nothing a record may have is missing.
fn records() -> Vec<(String, RunRecord)> {
    EMBEDDED
        .iter()
        .enumerate()
        .map(|(number, embedded)| {
            let mut scenario = Scenario::parse(embedded.text, embedded.name).unwrap();
            scenario.run.tasks = Some(60);
            scenario.run.warmup = conlab::units::Nanos::from_millis(50);
            scenario.run.duration = Some(conlab::units::Nanos::from_millis(300));
            let treatment = Treatment { load: LoadArm::Baseline, ..Treatment::default() };
            let mut experiment = Experiment::new(scenario.treated(&treatment), LoadArm::Baseline);
            experiment.timeline_spans = if number == 0 { 500 } else { 0 };
            // A seed that floating point rounds.
            experiment.seed = u64::MAX - number as u64;
            let record = VirtualEngine::new().run(&experiment, &Progress::default()).unwrap().record;
            (format!("record-{number}"), record)
        })
        .collect()
}

fn table(records: &[(String, RunRecord)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let named = records.iter().map(|(name, record)| (name.as_str(), record));
    write_records(named, Format::Parquet, &mut bytes).unwrap();
    bytes
}

#[test]
fn records_come_back_from_parquet_without_loss() {
    let records = records();
    let back = read_records(table(&records)).unwrap();
    assert_eq!(back.len(), records.len());
    for ((name, record), (back_name, back)) in records.iter().zip(&back) {
        assert_eq!((name, record), (back_name, back));
        // Nor is anything else in its file.
        let text = |record: &RunRecord| conlab::measure::json::to_string(record).unwrap();
        assert_eq!(text(record), text(back));
    }
}

#[test]
fn a_table_of_something_else_is_no_record() {
    let (schema, _) = read_parquet(table(&records()[..1])).unwrap();
    let mut bytes = Vec::new();
    let mut sink = conlab::columns::Sink::new(Format::Parquet, schema.clone(), &mut bytes).unwrap();
    sink.row(&vec![Item::Absent; schema.fields.len()]).unwrap();
    sink.finish().unwrap();
    assert!(read_records(bytes).unwrap_err().to_string().contains("row 0 is of no record"));
}

/// People read which figure has which unit: a new field of a record shows up here.
#[test]
fn every_number_of_a_record_has_its_unit() {
    let records = records();
    let (schema, rows) = read_parquet(table(&records)).unwrap();
    let mut found = BTreeSet::new();
    for row in 0..rows.rows {
        let text = |column: &str| match rows.get(&schema, column, row) {
            Item::Text(text) => text,
            _ => "",
        };
        let number = matches!(rows.get(&schema, "value", row), Item::Real(_)) && text("kind") != "bool";
        assert_eq!(number, !text("unit").is_empty(), "{} {}", text("section"), text("figure"));
        if !number {
            continue;
        }
        let mut after_kinds = false;
        let parts: Vec<&str> = text("figure")
            .split('/')
            .map(|part| {
                let named = std::mem::replace(&mut after_kinds, part == "kinds");
                if named || part.parse::<u64>().is_ok() { "*" } else { part }
            })
            .collect();
        let item = if text("item").is_empty() { "" } else { "*/" };
        // The last number of a spectrum's pair says which of the two it is.
        let which = match (parts.contains(&"spectrum"), text("figure").rsplit('/').next()) {
            (true, Some(last @ ("0" | "1"))) if parts.last() == Some(&"*") && parts.len() > 3 => last,
            _ => "",
        };
        found.insert(format!("{:4} {}/{item}{}{which}", text("unit"), text("section"), parts.join("/")));
    }
    let all: Vec<String> = found.into_iter().collect();
    insta::assert_snapshot!(all.join("\n"));
}
