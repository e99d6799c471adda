//! Reads a TOML tree field by field and notes every mistake on the way, with its line.
//!
//! A reading method answers `None` when the field is absent and also when it is wrong; in the second case the
//! mistake is noted, and the scenario is refused at the end, so a caller may go on with any default.

use super::names::{Directory, unknown};
use super::quantity::{check_rate, parse_duration, parse_rate, parse_size};
use super::{Mistake, ScenarioError};
use crate::units::Nanos;
use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};
use toml_edit::{Item, Table, TableLike, Value};

/// What was found wrong so far.
#[derive(Debug)]
pub(super) struct Log {
    /// Byte offsets at which lines begin.
    lines: Vec<usize>,
    found: RefCell<Vec<Mistake>>,
}

impl Log {
    /// An empty log for a file of this text.
    pub(super) fn new(text: &str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { lines, found: RefCell::default() }
    }

    /// Notes a mistake at a place in the file.
    pub(super) fn note(&self, at: Option<Range<usize>>, key: &str, what: impl Into<String>) {
        let line = at.map_or(0, |span| self.lines.partition_point(|&start| start <= span.start));
        self.found.borrow_mut().push(Mistake { line, key: key.to_owned(), what: what.into() });
    }

    /// Whether nothing is wrong so far.
    pub(super) fn is_clean(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// `built`, or every mistake in the order of the file when there are any.
    pub(super) fn finish<T>(self, origin: &str, built: Option<T>) -> Result<T, ScenarioError> {
        let mut mistakes = self.found.into_inner();
        mistakes.sort_by_key(|mistake| if mistake.line == 0 { usize::MAX } else { mistake.line });
        mistakes.dedup();
        match built {
            Some(built) if mistakes.is_empty() => Ok(built),
            _ => {
                assert!(!mistakes.is_empty(), "a scenario was refused without a mistake");
                Err(ScenarioError::Invalid { origin: origin.to_owned(), mistakes })
            }
        }
    }
}

/// A place in the tree where a value stands.
#[derive(Clone, Copy)]
enum Node<'a> {
    Item(&'a Item),
    Value(&'a Value),
    Table(&'a Table),
}

/// A value with its path and line.
#[derive(Clone)]
pub(super) struct Field<'a> {
    log: &'a Log,
    node: Node<'a>,
    at: Option<Range<usize>>,
    /// The path, as `--set` takes it.
    pub(super) path: String,
}

/// A table with its path and line.
#[derive(Clone)]
pub(super) struct Section<'a> {
    log: &'a Log,
    table: &'a dyn TableLike,
    at: Option<Range<usize>>,
    path: String,
}

impl<'a> Field<'a> {
    /// Notes that this field is wrong.
    pub(super) fn wrong(&self, what: impl Into<String>) {
        self.log.note(self.at.clone(), &self.path, what);
    }

    fn value(&self) -> Option<&'a Value> {
        match self.node {
            Node::Item(item) => item.as_value(),
            Node::Value(value) => Some(value),
            Node::Table(_) => None,
        }
    }

    /// What stands here, in words.
    fn shown(&self) -> String {
        match self.value() {
            None => "a table".to_owned(),
            Some(Value::Array(_)) => "an array".to_owned(),
            Some(Value::InlineTable(_)) => "a table".to_owned(),
            Some(value) => format!("`{}`", value.clone().decorated("", "")),
        }
    }

    fn expected<T>(&self, expected: &str) -> Option<T> {
        self.wrong(format!("expected {expected}, found {}", self.shown()));
        None
    }

    /// A string.
    pub(super) fn text(&self, expected: &str) -> Option<&'a str> {
        self.value().and_then(Value::as_str).or_else(|| self.expected(expected))
    }

    /// Whether a string stands here.
    pub(super) fn is_text(&self) -> bool {
        self.value().is_some_and(Value::is_str)
    }

    /// `true` or `false`.
    pub(super) fn flag(&self) -> Option<bool> {
        self.value().and_then(Value::as_bool).or_else(|| self.expected("true or false"))
    }

    /// A whole number within bounds.
    pub(super) fn count(&self, least: u64, most: u64) -> Option<u64> {
        let expected = format!("a whole number from {least} to {most}");
        let Some(number) = self.value().and_then(Value::as_integer) else {
            return self.expected(&expected);
        };
        match u64::try_from(number) {
            Ok(count) if (least..=most).contains(&count) => Some(count),
            _ => {
                self.wrong(format!("{number} is out of range: expected {expected}"));
                None
            }
        }
    }

    /// A whole number within bounds, which may be negative.
    pub(super) fn integer(&self, least: i64, most: i64) -> Option<i64> {
        let expected = format!("a whole number from {least} to {most}");
        let Some(number) = self.value().and_then(Value::as_integer) else {
            return self.expected(&expected);
        };
        if (least..=most).contains(&number) {
            return Some(number);
        }
        self.wrong(format!("{number} is out of range: expected {expected}"));
        None
    }

    /// A number, whole or not, within bounds.
    pub(super) fn number(&self, range: &RangeInclusive<f64>) -> Option<f64> {
        let expected = format!("a number from {} to {}", range.start(), range.end());
        #[expect(clippy::cast_precision_loss, reason = "the user's number, read as a double")]
        let number = match self.value() {
            Some(Value::Integer(whole)) => *whole.value() as f64,
            Some(Value::Float(number)) => *number.value(),
            _ => return self.expected(&expected),
        };
        if range.contains(&number) {
            return Some(number);
        }
        self.wrong(format!("{number} is out of range: expected {expected}"));
        None
    }

    /// A duration.
    pub(super) fn duration(&self) -> Option<Nanos> {
        let text = self.text("a duration such as \"250us\", \"5ms\" or \"2s\"")?;
        self.checked(parse_duration(text))
    }

    /// A duration above zero.
    pub(super) fn some_time(&self) -> Option<Nanos> {
        let time = self.duration()?;
        if time == Nanos::ZERO {
            self.wrong("is no time at all: expected a duration above zero, such as \"5ms\"");
            return None;
        }
        Some(time)
    }

    /// A size in bytes, at least 1.
    pub(super) fn size(&self) -> Option<u64> {
        let size = match self.value() {
            Some(Value::Integer(bytes)) => parse_size(&bytes.value().to_string()),
            _ => parse_size(self.text("a size such as 4096 or \"256KiB\"")?),
        };
        let size = self.checked(size)?;
        if size == 0 {
            self.wrong("is nothing at all: expected a size of at least one byte");
            return None;
        }
        Some(size)
    }

    /// A rate per second.
    pub(super) fn rate(&self) -> Option<f64> {
        if self.is_text() {
            return self.checked(parse_rate(self.text("")?));
        }
        let rate = self.number(&(f64::MIN..=f64::MAX))?;
        self.checked(check_rate(rate).map_err(|why| format!("{rate} {why}")))
    }

    /// A rate per second, or 0 for none.
    pub(super) fn rate_or_none(&self) -> Option<f64> {
        let none = self.value().is_some_and(|value| {
            value.as_integer() == Some(0) || value.as_str().is_some_and(|text| matches!(text, "0" | "0/s"))
        });
        if none { Some(0.0) } else { self.rate() }
    }

    /// The member of `all` whose name stands here.
    pub(super) fn one_of<T: Copy>(
        &self,
        what: &str,
        all: &[T],
        name: impl Fn(T) -> &'static str,
    ) -> Option<T> {
        let names: Vec<&str> = all.iter().map(|&item| name(item)).collect();
        let word = self.text(&format!("one of {}", names.join(", ")))?;
        let found = all.iter().copied().find(|&item| name(item) == word);
        if found.is_none() {
            self.wrong(unknown(what, word, &names));
        }
        found
    }

    /// The index of the defined thing whose name stands here.
    pub(super) fn reference(&self, what: &str, names: &Directory) -> Option<usize> {
        let word = self.text(&format!("the name of a {what}"))?;
        let found = names.find(word);
        if found.is_none() {
            self.wrong(unknown(what, word, &names.all()));
        }
        found
    }

    /// The elements of an array.
    pub(super) fn elements(&self, expected: &str) -> Option<Vec<Field<'a>>> {
        let tables = match self.node {
            Node::Item(item) => item.as_array_of_tables(),
            _ => None,
        };
        let element = |index: usize, node, at| Field {
            log: self.log,
            node,
            at,
            path: format!("{}.{index}", self.path),
        };
        if let Some(tables) = tables {
            let all = tables.iter().enumerate();
            return Some(all.map(|(at, table)| element(at, Node::Table(table), table.span())).collect());
        }
        let Some(array) = self.value().and_then(Value::as_array) else { return self.expected(expected) };
        let all = array.iter().enumerate();
        Some(all.map(|(at, value)| element(at, Node::Value(value), value.span())).collect())
    }

    /// The table that stands here, if one does.
    pub(super) fn table(&self) -> Option<Section<'a>> {
        let is_table = match self.node {
            Node::Item(item) => item.is_table_like(),
            Node::Value(value) => value.is_inline_table(),
            Node::Table(_) => true,
        };
        if is_table { self.section("a table") } else { None }
    }

    /// A table.
    pub(super) fn section(&self, expected: &str) -> Option<Section<'a>> {
        let table = match self.node {
            Node::Item(item) => item.as_table_like(),
            Node::Value(value) => value.as_inline_table().map(|table| table as &dyn TableLike),
            Node::Table(table) => Some(table as &dyn TableLike),
        };
        let Some(table) = table else { return self.expected(expected) };
        Some(Section { log: self.log, table, at: self.at.clone(), path: self.path.clone() })
    }

    fn checked<T>(&self, result: Result<T, String>) -> Option<T> {
        result.map_err(|why| self.wrong(why)).ok()
    }
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(super) fn root(log: &'a Log, table: &'a Table) -> Self {
        Self { log, table, at: None, path: String::new() }
    }

    /// Whether nothing in the whole file is wrong so far.
    pub(super) fn is_clean(&self) -> bool {
        self.log.is_clean()
    }

    /// Notes that this table as a whole is wrong.
    pub(super) fn wrong(&self, what: impl Into<String>) {
        self.log.note(self.at.clone(), &self.path, what);
    }

    /// This table under another path, such as one that a name gives.
    pub(super) fn called(mut self, path: String) -> Self {
        self.path = path;
        self
    }

    /// Whether there is this key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The field of this key, if there is one.
    pub(super) fn field(&self, key: &str) -> Option<Field<'a>> {
        let (written, item) = self.table.get_key_value(key)?;
        let at = written.span().or_else(|| item.span());
        Some(Field { log: self.log, node: Node::Item(item), at, path: self.path_of(key) })
    }

    /// The field of this key; its absence is noted.
    pub(super) fn required(&self, key: &str, expected: &str) -> Option<Field<'a>> {
        let field = self.field(key);
        if field.is_none() {
            self.log.note(self.at.clone(), &self.path_of(key), format!("is missing: expected {expected}"));
        }
        field
    }

    /// Every field, in the order of the file.
    pub(super) fn fields(&self) -> Vec<(&'a str, Field<'a>)> {
        let keys = self.table.iter().map(|(key, _)| key);
        keys.filter_map(|key| Some((key, self.field(key)?))).collect()
    }

    /// Notes every key that is not among `known`.
    pub(super) fn only(&self, known: &[&str]) {
        for (key, field) in self.fields() {
            if !known.contains(&key) {
                field.wrong(unknown("key", key, known));
            }
        }
    }

    /// The table of this key, if there is one.
    pub(super) fn section(&self, key: &str, expected: &str) -> Option<Section<'a>> {
        self.field(key)?.section(expected)
    }

    /// See [`Field::text`].
    pub(super) fn text(&self, key: &str, expected: &str) -> Option<&'a str> {
        self.field(key)?.text(expected)
    }

    /// See [`Field::flag`].
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.field(key)?.flag()
    }

    /// See [`Field::count`].
    pub(super) fn count(&self, key: &str, least: u64, most: u64) -> Option<u64> {
        self.field(key)?.count(least, most)
    }

    /// See [`Field::count`], for a number that sizes something in memory.
    pub(super) fn length(&self, key: &str, least: u64, most: u64) -> Option<usize> {
        self.count(key, least, most).and_then(|count| usize::try_from(count).ok())
    }

    /// See [`Field::duration`].
    pub(super) fn duration(&self, key: &str) -> Option<Nanos> {
        self.field(key)?.duration()
    }

    /// See [`Field::some_time`].
    pub(super) fn some_time(&self, key: &str) -> Option<Nanos> {
        self.field(key)?.some_time()
    }

    /// See [`Field::size`].
    pub(super) fn size(&self, key: &str) -> Option<u64> {
        self.field(key)?.size()
    }

    /// See [`Field::one_of`].
    pub(super) fn one_of<T: Copy>(
        &self,
        key: &str,
        what: &str,
        all: &[T],
        name: impl Fn(T) -> &'static str,
    ) -> Option<T> {
        self.field(key)?.one_of(what, all, name)
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}
