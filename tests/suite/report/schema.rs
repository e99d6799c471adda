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
