//! Reference pages are made from the program: its help, the schemas of scenario and record, the rules of `audit`. A page that is not
//! current fails here; `CONLAB_UPDATE_REFERENCE=1` writes it anew.

use super::conlab;
use serde_json::Value;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Says so where a page is not what the program would make of it; writes it where asked.
fn current(name: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference").join(name);
    if std::env::var_os("CONLAB_UPDATE_REFERENCE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, made).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let line = kept.lines().zip(made.lines()).position(|(kept, made)| kept != made);
    assert!(
        kept == made,
        "docs/reference/{name} is not current from line {} on; write it anew by\n\
         CONLAB_UPDATE_REFERENCE=1 cargo test --test cli reference",
        line.map_or(kept.lines().count().min(made.lines().count()), |line| line) + 1
    );
}

#[test]
fn every_command_and_option_is_in_the_reference() {
    let (said, _) = conlab(&["--help"]);
    let mut page = format!(
        "# Commands and options\n\nAs `conlab help COMMAND` prints them. This page is made from the program.\n\n```text\n{}```\n",
        said.stdout
    );
    let listed = said.stdout.lines().skip_while(|line| !line.starts_with("Usage:")).skip(1);
    let names: Vec<&str> = listed
        .take_while(|line| *line != "Options:")
        .filter(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let (said, _) = conlab(&[name, "--help"]);
        let text: Vec<&str> = said.stdout.lines().map(str::trim_end).collect();
        let _ = write!(page, "\n## {name}\n\n```text\n{}\n```\n", text.join("\n"));
    }
    current("commands.md", &page);
}

/// The type of a property, in a word or two.
fn kind(property: &Value) -> String {
    let named = |reference: &str| reference.rsplit('/').next().unwrap_or_default().to_owned();
    if let Some(reference) = property["$ref"].as_str() {
        return named(reference);
    }
    let several = ["anyOf", "oneOf", "allOf"].iter().find_map(|key| property[*key].as_array());
    if let Some(list) = several {
        let mut kinds: Vec<String> =
            list.iter().map(kind).filter(|kind| kind != "null" && !kind.is_empty()).collect();
        kinds.dedup();
        return kinds.join(" or ");
    }
    if let Some(values) = property["enum"].as_array() {
        return values
            .iter()
            .filter_map(Value::as_str)
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", ");
    }
    if let Some(value) = property["const"].as_str() {
        return format!("`{value}`");
    }
    match &property["type"] {
        Value::String(kind) if kind == "array" && property["items"].is_object() => {
            format!("list of {}", self::kind(&property["items"]))
        }
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => {
            let kinds = kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null");
            kinds.collect::<Vec<_>>().join(" or ")
        }
        _ => String::new(),
    }
}

/// A schema as tables: a section for the document and one for each of its parts.
fn tables(title: &str, lead: &str, schema: &Value) -> String {
    let mut page = format!("# {title}\n\n{lead} This page is made from the program.\n");
    let mut parts = vec![("The document", schema)];
    if let Some(definitions) = schema["$defs"].as_object() {
        parts.extend(definitions.iter().map(|(name, part)| (name.as_str(), part)));
    }
    for (name, part) in parts {
        let Some(fields) = part["properties"].as_object() else { continue };
        let line = |text: &Value| {
            let text = text.as_str().unwrap_or_default();
            text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
        };
        let _ = write!(
            page,
            "\n## {name}\n\n{}\n\n| key | type | meaning |\n| --- | --- | --- |\n",
            line(&part["description"])
        );
        for (key, field) in fields {
            let _ = writeln!(
                page,
                "| `{key}` | {} | {} |",
                kind(field).replace('|', "\\|"),
                line(&field["description"])
            );
        }
    }
    page
}

#[test]
fn every_key_of_a_scenario_is_in_the_reference() {
    let (said, _) = conlab(&["schema"]);
    let schema: Value = serde_json::from_str(&said.stdout).unwrap();
    let lead = "The keys of a scenario, as the JSON Schema of `conlab schema` has them; [The scenario file](../scenarios.md) explains them.";
    let page = tables("Keys of a scenario", lead, &schema);
    assert!(page.contains("| `steps` |"), "{page}");
    current("scenario-keys.md", &page);
}

#[test]
fn every_field_of_a_record_is_in_the_reference() {
    let text = include_str!("../../schema/run.schema.json");
    let schema: Value = serde_json::from_str(text).unwrap();
    let lead = "The fields of `run.json`, from [its JSON Schema](../../schema/run.schema.json). Times are nanoseconds where a name ends in `_ns`.";
    let page = tables("Fields of a record", lead, &schema);
    assert!(page.contains("| `sojourn_ns` |"), "{page}");
    current("record-fields.md", &page);
}

#[test]
fn every_rule_of_audit_is_in_the_reference() {
    let (said, _) = conlab(&["audit", "--rules"]);
    let page = format!(
        "# Rules of audit\n\nCode, severity and what each looks for, as `conlab audit --rules` prints them. This page is made from the program.\n\n```text\n{}```\n",
        said.stdout
    );
    assert!(page.contains("ramp-series"), "{page}");
    current("audit-rules.md", &page);
}
