//! The published JSON Schema: current, and true of records.

use super::sample::record;
use conlab::measure::RunRecord;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn published() -> (std::path::PathBuf, Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/run.schema.json");
    let text = fs::read_to_string(&path).unwrap_or_default();
    (path, serde_json::from_str(&text).unwrap_or_default())
}

/// Run with `CONLAB_UPDATE_SCHEMA=1` to write it anew.
#[test]
fn the_published_schema_is_the_one_of_the_types() {
    let mut schema = serde_json::to_value(schemars::schema_for!(RunRecord)).unwrap();
    let root = schema.as_object_mut().unwrap();
    root.insert("title".into(), "A conlab run record (run.json), schema 1".into());
    let (path, published) = published();
    if std::env::var_os("CONLAB_UPDATE_SCHEMA").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("{schema:#}\n")).unwrap();
        return;
    }
    assert!(published == schema, "schema/run.schema.json is stale: CONLAB_UPDATE_SCHEMA=1 cargo test schema");
}

#[test]
fn records_are_valid_and_what_is_none_is_not() {
    let (_, published) = published();
    let schema = jsonschema::validator_for(&published).unwrap();
    let sound = serde_json::to_value(record("agents", 1000, 4, 100)).unwrap();
    assert!(schema.is_valid(&sound), "{:?}", schema.iter_errors(&sound).next());
    assert!(schema.is_valid(&serde_json::to_value(RunRecord::default()).unwrap()));
    let broken = |pointer: &str, value: Value| {
        let mut record = sound.clone();
        *record.pointer_mut(pointer).unwrap() = value;
        !schema.is_valid(&record)
    };
    assert!(broken("/schema", json!("1")));
    assert!(broken("/actors/agents/completed", json!(-1)));
    assert!(broken("/actors/agents/sojourn_ns", json!({})));
    assert!(broken("/scheduler/on_cpu_ns", json!(null)));
    assert!(!schema.is_valid(&json!({"schema": 1})));
}

/// A record that an earlier version wrote, before waits for locks named a holder and real runs kept messages. It is
/// never renewed: a change that cannot read it needs another number of the schema.
const EARLIER: &str = include_str!("records/first-schema-1.json");

#[test]
fn a_record_of_an_earlier_version_is_valid_and_read_and_rendered() {
    let document: Value = serde_json::from_str(EARLIER).unwrap();
    let schema = jsonschema::validator_for(&published().1).unwrap();
    assert!(schema.is_valid(&document), "{:?}", schema.iter_errors(&document).next());
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("run.json"), EARLIER).unwrap();
    let record = conlab::measure::stored::load(folder.path()).unwrap();
    let agents = &record.actors["agents"];
    assert_eq!((record.schema, record.scenario.name.as_str(), agents.completed), (1, "early", 12));
    let timeline = record.timeline.as_ref().unwrap();
    assert!(timeline.flows.is_empty() && timeline.spans.iter().all(|span| span.holder.is_none()));
    // Nothing of it is lost on the way through this version.
    let again = serde_json::to_value(&record).unwrap();
    assert_eq!(missing(&document, &again, ""), Vec::<String>::new());
    assert!(conlab::report::html::html(&conlab::report::run_page(&record)).contains("early"));
    assert!(conlab::report::trace::trace(&record).is_some());
}

/// Whatever `before` says and `after` does not.
fn missing(before: &Value, after: &Value, path: &str) -> Vec<String> {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => before
            .iter()
            .flat_map(|(key, value)| {
                let path = format!("{path}/{key}");
                after.get(key).map_or_else(|| vec![path.clone()], |found| missing(value, found, &path))
            })
            .collect(),
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            let pairs = before.iter().zip(after).enumerate();
            pairs.flat_map(|(at, (value, found))| missing(value, found, &format!("{path}/{at}"))).collect()
        }
        (before, after) if before == after => Vec::new(),
        _ => vec![path.to_owned()],
    }
}

#[test]
fn what_is_missing_is_found() {
    let before = json!({"a": 1, "b": [{"c": 2}], "d": "x"});
    assert_eq!(missing(&before, &before, ""), Vec::<String>::new());
    assert_eq!(missing(&before, &json!({"a": 2, "b": [{}]}), ""), ["/a", "/b/0/c", "/d"]);
}
