//! Edits a scenario's TOML before it is validated: `--set PATH=VALUE` and the options that override the file.
//!
//! Comments and layout stay, so that the file kept with a record is the user's own with the changes in it.

use super::file::ROOT;
use super::names::unknown;
use std::path::Path;
use toml_edit::visit_mut::{VisitMut, visit_table_like_kv_mut};
use toml_edit::{DocumentMut, InlineTable, Item, Key, KeyMut, Table, Value};

/// Families of named things: a path into one that is not defined is an error, not a new one.
const FAMILIES: [&str; 7] = ["lock", "pool", "event", "cache", "store", "workers", "actor"];

/// `text` as a TOML value: what parses as one is one, anything else is a string.
#[must_use]
pub(super) fn value_of(text: &str) -> Value {
    text.parse::<Value>().unwrap_or_else(|_| Value::from(text)).decorated("", "")
}

/// Sets the field at `path`; tables on the way are created.
///
/// # Errors
///
/// A sentence: the path leads nowhere, or through something that has no fields.
pub(super) fn set(document: &mut DocumentMut, path: &str, value: Value) -> Result<(), String> {
    let keys = Key::parse(path).map_err(|_| {
        format!("`{path}` is not a path: expected names joined by dots, such as actor.agents.threads")
    })?;
    let keys: Vec<&str> = keys.iter().map(Key::get).collect();
    if !ROOT.contains(&keys[0]) {
        return Err(unknown("key", keys[0], &ROOT));
    }
    if FAMILIES.contains(&keys[0]) {
        let family = document.get(keys[0]).and_then(Item::as_table_like);
        let known: Vec<&str> =
            family.map(|table| table.iter().map(|(name, _)| name).collect()).unwrap_or_default();
        let Some(name) = keys.get(1) else {
            return Err(format!("`{path}` names a whole family: expected {path}.NAME.FIELD=VALUE"));
        };
        let defines = keys.len() == 2 && value.is_inline_table();
        if !known.contains(name) && !defines {
            return Err(unknown(keys[0], name, &known));
        }
        if let (true, Value::InlineTable(defined)) = (defines, &value) {
            // A table of its own, below the others of its family.
            let family = document.entry(keys[0]).or_insert_with(|| {
                let mut table = Table::new();
                table.set_implicit(true);
                Item::Table(table)
            });
            if let Some(family) = family.as_table_like_mut() {
                family.insert(keys[1], Item::Table(defined.clone().into_table()));
            }
            return Ok(());
        }
    }
    // The root becomes an item for the walk, and its layout stays its own.
    set_in(document.as_item_mut(), &keys, value)
}

/// The text at `path`, or of `mean` in the table there.
pub(super) fn get(document: &DocumentMut, path: &str) -> Option<String> {
    let mut item = document.as_item().clone();
    for key in Key::parse(path).ok()? {
        let key = key.get();
        item = if let Some(tables) = item.as_array_of_tables() {
            let names: Vec<String> = tables.iter().map(name_of).collect();
            Item::Table(tables.get(element(key, &names).ok()?)?.clone())
        } else if let Some(array) = item.as_array() {
            let names: Vec<String> = array
                .iter()
                .map(|value| value.as_inline_table().map_or(String::new(), inline_name))
                .collect();
            Item::Value(array.get(element(key, &names).ok()?)?.clone())
        } else {
            item.as_table_like()?.get(key)?.clone()
        };
    }
    let mean = item.as_table_like().and_then(|table| table.get("mean"));
    mean.unwrap_or(&item).as_str().map(str::to_owned)
}

fn set_in(item: &mut Item, keys: &[&str], value: Value) -> Result<(), String> {
    let [key, rest @ ..] = keys else {
        let decor = item.as_value().map(|old| old.decor().clone());
        let mut value = value;
        if let Some(decor) = decor {
            *value.decor_mut() = decor;
        }
        *item = Item::Value(value);
        return Ok(());
    };
    if let Some(tables) = item.as_array_of_tables_mut() {
        let names: Vec<String> = tables.iter().map(name_of).collect();
        let index = element(key, &names)?;
        let mut table = Item::Table(tables.get(index).cloned().unwrap_or_default());
        set_in(&mut table, rest, value)?;
        if let (Ok(table), Some(place)) = (table.into_table(), tables.get_mut(index)) {
            *place = table;
        }
        return Ok(());
    }
    if let Some(array) = item.as_array_mut() {
        let names: Vec<String> =
            array.iter().map(|value| value.as_inline_table().map_or(String::new(), inline_name)).collect();
        let index = element(key, &names)?;
        let mut inner = Item::Value(array.get(index).cloned().unwrap_or(Value::from(false)));
        let decor = inner.as_value().map(|value| value.decor().clone()).unwrap_or_default();
        set_in(&mut inner, rest, value)?;
        if let (Ok(mut inner), Some(place)) = (inner.into_value(), array.get_mut(index)) {
            *inner.decor_mut() = decor;
            *place = inner;
        }
        return Ok(());
    }
    let shown = item.to_string();
    if let Some(table) = item.as_table_mut() {
        let place = table.entry(key).or_insert(match rest {
            [] => Item::Value(Value::from(false)),
            _ => Item::Table(Table::new()),
        });
        return set_in(place, rest, value);
    }
    let Some(table) = item.as_inline_table_mut() else {
        return Err(format!("`{key}` cannot be set in {}, which has no fields", shown.trim()));
    };
    let mut inner = match table.get(key) {
        Some(value) => Item::Value(value.clone()),
        None if rest.is_empty() => Item::Value(value.clone()),
        None => Item::Value(Value::InlineTable(InlineTable::new())),
    };
    set_in(&mut inner, rest, value)?;
    if let Ok(inner) = inner.into_value() {
        table.insert(*key, inner);
    }
    Ok(())
}

/// Index of the element that `key` means: a name, or a number from 0.
fn element(key: &str, names: &[String]) -> Result<usize, String> {
    let by_name = names.iter().position(|name| name == key);
    let by_number = || key.parse().ok().filter(|&index: &usize| index < names.len());
    by_name.or_else(by_number).ok_or_else(|| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        unknown("step", key, &names)
    })
}

fn name_of(table: &Table) -> String {
    table.get("name").and_then(Item::as_str).unwrap_or_default().to_owned()
}

fn inline_name(table: &InlineTable) -> String {
    table.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Removes the field `key` of table `table`, if both are there.
pub(super) fn remove(document: &mut DocumentMut, table: &str, key: &str) {
    if let Some(table) = document.get_mut(table).and_then(Item::as_table_like_mut) {
        table.remove(key);
    }
}

/// Name of the actor in focus, as far as the document says it plainly.
pub(super) fn focus(document: &DocumentMut) -> Option<String> {
    let actors = document.get("actor")?.as_table_like()?;
    let in_focus =
        |actor: &Item| actor.as_table_like().and_then(|table| table.get("focus")?.as_bool()).unwrap_or(false);
    let found = actors.iter().find(|(_, actor)| in_focus(actor));
    found.or_else(|| actors.iter().next().filter(|_| actors.len() == 1)).map(|(name, _)| name.to_owned())
}

/// A field of the actor in focus, such as its load.
pub(super) fn of_actor<'a>(document: &'a DocumentMut, actor: &str, key: &str) -> Option<&'a Item> {
    document.get("actor")?.as_table_like()?.get(actor)?.as_table_like()?.get(key)
}

/// A path of keys, quoted where they need it.
pub(super) fn path(keys: &[&str]) -> String {
    let quoted: Vec<String> = keys.iter().map(|key| Key::new(*key).display_repr().into_owned()).collect();
    quoted.join(".")
}

/// Makes the names of sample files absolute, so that the file can be kept elsewhere; whether there were any.
pub(super) fn anchor(document: &mut DocumentMut, base: &Path) -> bool {
    struct Anchor<'a>(&'a Path, bool);
    impl VisitMut for Anchor<'_> {
        fn visit_table_like_kv_mut(&mut self, key: KeyMut<'_>, node: &mut Item) {
            let rhythm = |word: &str| matches!(word, "poisson" | "paced" | "uniform");
            if let ("empirical" | "samples" | "arrivals", Some(file)) = (key.get(), node.as_str())
                && !(key.get() == "arrivals" && rhythm(file))
            {
                let absolute = self.0.join(file);
                if absolute.as_path() != Path::new(file)
                    && let Some(absolute) = absolute.to_str()
                {
                    *node = toml_edit::value(absolute);
                    self.1 = true;
                }
            }
            visit_table_like_kv_mut(self, key, node);
        }
    }
    let mut anchor = Anchor(base, false);
    anchor.visit_document_mut(document);
    anchor.1
}
