//! Records as rows of a table, and back: one row for each figure, and for everything else that a record says.

use crate::columns::{Field, Format, Item, Kind, Schema, Sink, read_parquet};
use crate::measure::RunRecord;
use serde_json::{Map, Number, Value};
use std::io::{self, Write};

/// Parts of a record that name their members themselves; the members of lists are numbered.
const MAPS: [&str; 7] = ["actors", "locks", "pools", "batches", "events", "caches", "stores"];

/// Largest whole number up to which every one has a floating-point number of its own.
const EXACT: u64 = 1 << 53;

fn schema() -> Schema {
    let field = Field::new;
    Schema {
        fields: vec![
            field("record", Kind::Text, "name of the record's folder"),
            field("scenario", Kind::Text, "name of the scenario"),
            field("engine", Kind::Text, "real or virtual"),
            field("focus", Kind::Text, "actor in focus"),
            field("threads", Kind::Whole, "its threads"),
            field("queue", Kind::Text, "its queue"),
            field("cache", Kind::Text, "layout of the caches, if there are any"),
            field("load", Kind::Text, "baseline or isolated"),
            field("cores", Kind::Whole, "processors used or simulated"),
            field("seed", Kind::Whole, "seed of every random stream"),
            field("cpu", Kind::Text, "processor of the host"),
            field("started", Kind::Text, "start of the run, RFC 3339 in UTC"),
            field("section", Kind::Text, "part of the record: actors, locks, manifest, ..."),
            field("item", Kind::Text, "which actor, lock, thread, ..., by name or number"),
            field("figure", Kind::Text, "what of it, as the record's fields are named"),
            field("kind", Kind::Text, "real, integer, text, bool, null, list (its length) or object (empty)"),
            field("unit", Kind::Text, "unit of a number: ns, 1/s, By, or 1 for counts and shares"),
            field("value", Kind::Real, "a number, in the unit of its row"),
            field("text", Kind::Text, "a text; the digits of a whole number that `value` rounds"),
        ],
        notes: vec![
            ("conlab".into(), env!("CARGO_PKG_VERSION").into()),
            ("conlab.table".into(), "records".into()),
            ("conlab.schema".into(), "1".into()),
            ("conlab.units".into(), "{\"value\":\"as column unit says\"}".into()),
        ],
    }
}

/// Writes a table of `records`, each with its name; returns how many rows it has.
///
/// # Errors
///
/// What the writing says.
pub fn write_records<'r, W: Write + Send>(
    records: impl IntoIterator<Item = (&'r str, &'r RunRecord)>,
    format: Format,
    to: W,
) -> io::Result<u64> {
    let mut sink = Sink::new(format, schema(), to)?;
    for (name, record) in records {
        let whole = serde_json::to_value(record).map_err(io::Error::other)?;
        walk(&whole, &mut Vec::new(), &mut |path, value| add(&mut sink, (name, record), path, value))?;
    }
    sink.finish()
}

/// Calls `row` for whatever a table has a row of: every value, every list before its members, every empty object.
fn walk(
    value: &Value,
    path: &mut Vec<String>,
    row: &mut dyn FnMut(&[String], &Value) -> io::Result<()>,
) -> io::Result<()> {
    let members: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(list) => {
            row(path, value)?;
            list.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect()
        }
        _ => return row(path, value),
    };
    if members.is_empty() && value.is_object() {
        return row(path, value);
    }
    for (part, value) in members {
        path.push(part);
        walk(value, path, row)?;
        path.pop();
    }
    Ok(())
}

fn add<W: Write + Send>(
    sink: &mut Sink<W>,
    (name, record): (&str, &RunRecord),
    path: &[String],
    value: &Value,
) -> io::Result<()> {
    let (section, item, figure) = address(path);
    let (kind, number, text) = leaf(value);
    let unit = match kind {
        "real" | "integer" => Some(unit(path, record)),
        "list" => Some("1"),
        _ => None,
    };
    let treatment = &record.treatment;
    sink.row(&[
        Item::Text(name),
        Item::Text(&record.scenario.name),
        Item::Text(&record.engine),
        Item::Text(&treatment.focus),
        Item::Whole(treatment.threads as u64),
        Item::Text(&treatment.queue),
        treatment.cache.as_deref().map_or(Item::Absent, Item::Text),
        Item::Text(&treatment.load),
        Item::Whole(u64::from(treatment.cores)),
        Item::Whole(record.seed),
        Item::Text(&record.manifest.cpu),
        Item::Text(&record.manifest.started),
        section.map_or(Item::Absent, Item::Text),
        item.map_or(Item::Absent, Item::Text),
        figure.as_deref().map_or(Item::Absent, Item::Text),
        Item::Text(kind),
        unit.map_or(Item::Absent, Item::Text),
        number.map_or(Item::Absent, Item::Real),
        text.as_deref().map_or(Item::Absent, Item::Text),
    ])
}

/// A path as section, item and figure. Joined, they are the path again.
fn address(path: &[String]) -> (Option<&str>, Option<&str>, Option<String>) {
    let figure = |parts: &[String]| {
        let escaped: Vec<String> =
            parts.iter().map(|part| part.replace('~', "~0").replace('/', "~1")).collect();
        (!parts.is_empty()).then(|| escaped.join("/"))
    };
    match path {
        [section, item, rest @ ..] if MAPS.contains(&section.as_str()) || is_number(item) => {
            (Some(section), Some(item), figure(rest))
        }
        [section, rest @ ..] if !rest.is_empty() => (Some(section), None, figure(rest)),
        _ => (None, None, figure(path)),
    }
}

fn is_number(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|letter| letter.is_ascii_digit())
}

/// A value as a row has it: its kind, its number, its text.
fn leaf(value: &Value) -> (&'static str, Option<f64>, Option<String>) {
    #[expect(clippy::cast_precision_loss, reason = "what is rounded is a text as well")]
    match value {
        Value::Null => ("null", None, None),
        Value::Bool(is) => ("bool", Some(f64::from(u8::from(*is))), None),
        Value::String(text) => ("text", None, Some(text.clone())),
        Value::Array(list) => ("list", Some(list.len() as f64), None),
        Value::Object(_) => ("object", None, None),
        Value::Number(number) => {
            let rounded = number.as_i64().map_or(number.as_u64(), |number| Some(number.unsigned_abs()));
            let text = rounded.filter(|size| *size > EXACT).map(|_| number.to_string());
            (if rounded.is_some() { "integer" } else { "real" }, number.as_f64(), text)
        }
    }
}

/// The unit of the number at `path`. What is measured in time or bytes is named so, or belongs to what is.
fn unit<'r>(path: &[String], record: &'r RunRecord) -> &'r str {
    // Names that a scenario gave say nothing.
    let given = |at: usize| match at {
        0 => false,
        1 => MAPS.contains(&path[0].as_str()),
        _ => path[at - 1] == "kinds",
    };
    let names: Vec<&str> = path
        .iter()
        .enumerate()
        .filter(|(at, part)| !given(*at) && !is_number(part))
        .map(|(_, part)| part.as_str())
        .collect();
    let Some((last, above)) = names.split_last() else { return "1" };
    let of_profile = record.profile.as_ref().map_or("1", |profile| profile.unit.as_str());
    match *last {
        name if name.ends_with("_ns") => "ns",
        name if name.ends_with("_per_s") => "1/s",
        name if name.ends_with("_bytes") => "By",
        "self_weight" | "total_weight" | "stacks" => of_profile,
        "count" | "n" => "1",
        // Pairs of a quantile and its value.
        "spectrum" if path.last().is_some_and(|part| part == "0") => "1",
        _ if above.iter().any(|name| name.ends_with("_ns")) => "ns",
        _ => "1",
    }
}

/// The records that a table was written of, each with its name, in their order.
///
/// # Errors
///
/// The file is damaged, or no table of records.
pub fn read_records(parquet: Vec<u8>) -> io::Result<Vec<(String, RunRecord)>> {
    let (schema, rows) = read_parquet(parquet)?;
    let mut found: Vec<(String, Value)> = Vec::new();
    for row in 0..rows.rows {
        let text = |column: &str| match rows.get(&schema, column, row) {
            Item::Text(text) => Some(text),
            _ => None,
        };
        let number = match rows.get(&schema, "value", row) {
            Item::Real(number) => Some(number),
            _ => None,
        };
        let name = text("record").ok_or_else(|| damaged(row))?;
        if found.last().is_none_or(|(last, _)| last != name) {
            found.push((name.to_owned(), Value::Object(Map::new())));
        }
        let mut path: Vec<String> =
            [text("section"), text("item")].into_iter().flatten().map(str::to_owned).collect();
        for part in text("figure").into_iter().flat_map(|figure| figure.split('/')) {
            path.push(part.replace("~1", "/").replace("~0", "~"));
        }
        let value = text("kind").and_then(|kind| of_leaf(kind, number, text("text")));
        let into = found.last_mut().map(|(_, record)| record);
        into.zip(value).and_then(|(record, value)| put(record, &path, value)).ok_or_else(|| damaged(row))?;
    }
    found
        .into_iter()
        .map(|(name, record)| Ok((name, serde_json::from_value(record).map_err(io::Error::other)?)))
        .collect()
}

fn damaged(row: usize) -> io::Error {
    io::Error::other(format!("row {row} is of no record"))
}

/// The value that a row has.
fn of_leaf(kind: &str, number: Option<f64>, text: Option<&str>) -> Option<Value> {
    Some(match kind {
        "null" => Value::Null,
        "bool" => Value::Bool(number? > 0.5),
        "text" => Value::String(text?.to_owned()),
        "list" => Value::Array(Vec::new()),
        "object" => Value::Object(Map::new()),
        "real" => Value::Number(Number::from_f64(number?)?),
        "integer" => Value::Number(match (text, number?) {
            (Some(text), _) => serde_json::from_str(text).ok()?,
            #[expect(clippy::cast_possible_truncation, reason = "whole, and at most 2^53")]
            (None, number) if number < 0.0 => Number::from(number as i64),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "whole, and at most 2^53"
            )]
            (None, number) => Number::from(number as u64),
        }),
        _ => return None,
    })
}

/// Puts `value` where `path` leads; objects on the way are made, members of lists come in order.
fn put(mut at: &mut Value, path: &[String], value: Value) -> Option<()> {
    for part in path {
        if at.is_null() {
            *at = Value::Object(Map::new());
        }
        at = match at {
            Value::Object(members) => members.entry(part.as_str()).or_insert(Value::Null),
            Value::Array(list) => {
                let index: usize = part.parse().ok()?;
                if index == list.len() {
                    list.push(Value::Null);
                }
                list.get_mut(index)?
            }
            _ => return None,
        };
    }
    *at = value;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader is told to be a member is one: the record has no other part with names of its own.
    #[test]
    fn the_parts_with_names_of_their_own_are_known() {
        let schema = schemars::schema_for!(RunRecord);
        let parts = schema.as_value()["properties"].as_object().unwrap();
        let named: Vec<&str> = parts
            .iter()
            .filter(|(_, part)| part["additionalProperties"].is_object())
            .map(|(name, _)| name.as_str())
            .collect();
        let mut known = MAPS.to_vec();
        known.sort_unstable();
        let mut named = named;
        named.sort_unstable();
        assert_eq!(named, known);
    }

    #[test]
    fn numbers_that_floating_point_rounds_come_back() {
        for number in [u64::MAX, EXACT, EXACT + 1, 0] {
            let (kind, value, text) = leaf(&Value::from(number));
            assert_eq!(of_leaf(kind, value, text.as_deref()), Some(Value::from(number)));
        }
        for number in [i64::MIN, -1] {
            let (kind, value, text) = leaf(&Value::from(number));
            assert_eq!(of_leaf(kind, value, text.as_deref()), Some(Value::from(number)));
        }
        assert_eq!(leaf(&Value::from(2.0)).0, "real");
    }

    #[test]
    fn names_may_have_slashes_and_digits() {
        let mut root = Value::Null;
        for part in ["a/b", "~1", "7", "c.d"] {
            let path = vec!["actors".to_owned(), part.to_owned(), "steps".to_owned(), part.to_owned()];
            let (section, item, figure) = address(&path);
            assert_eq!((section, item), (Some("actors"), Some(part)));
            let figure = figure.unwrap();
            let back: Vec<String> =
                figure.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
            assert_eq!(back, path[2..]);
            put(&mut root, &path, Value::from(1)).unwrap();
        }
        assert_eq!(root["actors"]["a/b"]["steps"]["a/b"], 1);
        assert!(
            put(
                &mut root,
                &["actors".into(), "7".into(), "steps".into(), "7".into(), "x".into()],
                Value::Null
            )
            .is_none()
        );
    }
}
