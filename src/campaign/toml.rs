//! Reading TOML tables with every mistake named.

use super::CampaignError;
use crate::scenario::{parse_duration, unknown};
use crate::units::Nanos;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use toml_edit::{Document, Item, TableLike, Value};

/// A table being read, and where it stands in the file.
pub(super) struct Row<'t> {
    table: &'t dyn TableLike,
    place: String,
}

impl<'t> Row<'t> {
    /// The tables of `[[family]]`, each a row.
    pub(super) fn all(
        document: &'t Document<&str>,
        family: &str,
        origin: &str,
    ) -> Result<Vec<Self>, CampaignError> {
        let tables = document
            .get(family)
            .and_then(Item::as_array_of_tables)
            .ok_or_else(|| CampaignError::Config(format!("{origin}: expected [[{family}]] tables")))?;
        let row = |(at, table): (usize, &'t toml_edit::Table)| {
            let name = ["name", "title"].iter().find_map(|key| table.get(key)?.as_str());
            let place =
                name.map_or_else(|| format!("{family} {}", at + 1), |name| format!("{family} `{name}`"));
            Self { table, place: format!("{origin}: {place}") }
        };
        Ok(tables.iter().enumerate().map(row).collect())
    }

    /// Refuses keys that nobody reads.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), CampaignError> {
        match self.table.iter().find(|(key, _)| !known.contains(key)) {
            Some((key, _)) => {
                Err(CampaignError::Config(format!("{}: {}", self.place, unknown("key", key, known))))
            }
            None => Ok(()),
        }
    }

    fn wrong(&self, key: &str, expected: &str) -> CampaignError {
        CampaignError::Config(format!("{}: {key}: expected {expected}", self.place))
    }

    fn value(&self, key: &str) -> Option<&'t Value> {
        self.table.get(key).and_then(Item::as_value)
    }

    /// A text, if given.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, CampaignError> {
        self.value(key)
            .map(|value| value.as_str().map(str::to_owned).ok_or_else(|| self.wrong(key, "a text")))
            .transpose()
    }

    /// A text that must be given.
    pub(super) fn required(&self, key: &str) -> Result<String, CampaignError> {
        self.text(key)?.ok_or_else(|| self.wrong(key, "a text; it is missing"))
    }

    /// A count of at least 1, if given.
    pub(super) fn count(&self, key: &str) -> Result<Option<u64>, CampaignError> {
        let read = |value: &Value| {
            value.as_integer().and_then(|count| u64::try_from(count).ok()).filter(|&count| count > 0)
        };
        self.value(key)
            .map(|value| read(value).ok_or_else(|| self.wrong(key, "a count of at least 1")))
            .transpose()
    }

    /// A number above 0, if given.
    pub(super) fn number(&self, key: &str) -> Result<Option<f64>, CampaignError> {
        self.value(key)
            .map(|value| {
                number(value).filter(|&n| n > 0.0).ok_or_else(|| self.wrong(key, "a number above 0"))
            })
            .transpose()
    }

    /// Two numbers, the smaller first, if given.
    pub(super) fn pair(&self, key: &str) -> Result<Option<(f64, f64)>, CampaignError> {
        let read = |value: &Value| {
            let numbers: Option<Vec<f64>> = value.as_array()?.iter().map(number).collect();
            match numbers?[..] {
                [low, high] if 0.0 < low && low <= high => Some((low, high)),
                _ => None,
            }
        };
        self.value(key)
            .map(|value| read(value).ok_or_else(|| self.wrong(key, "two numbers, the smaller first")))
            .transpose()
    }

    /// Counts, if given.
    pub(super) fn counts(&self, key: &str) -> Result<Option<Vec<u64>>, CampaignError> {
        let read = |value: &Value| -> Option<Vec<u64>> {
            value
                .as_array()?
                .iter()
                .map(|one| u64::try_from(one.as_integer()?).ok().filter(|&n| n > 0))
                .collect()
        };
        self.value(key)
            .map(|value| read(value).ok_or_else(|| self.wrong(key, "an array of counts")))
            .transpose()
    }

    /// A duration, if given.
    pub(super) fn duration(&self, key: &str) -> Result<Option<Nanos>, CampaignError> {
        self.text(key)?
            .map(|text| parse_duration(&text).map_err(|_| self.wrong(key, "a duration such as 30s")))
            .transpose()
    }

    /// A word of a list, if given.
    pub(super) fn word<T: Copy>(
        &self,
        key: &str,
        all: &[T],
        name: impl Fn(T) -> &'static str,
    ) -> Result<Option<T>, CampaignError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let names: Vec<&str> = all.iter().map(|&one| name(one)).collect();
        all.iter()
            .copied()
            .find(|&one| name(one) == text)
            .map(Some)
            .ok_or_else(|| CampaignError::Config(format!("{}: {}", self.place, unknown(key, &text, &names))))
    }

    /// An inline table, if given.
    pub(super) fn inner(&self, key: &str) -> Option<Self> {
        let table = self.table.get(key)?.as_table_like()?;
        Some(Self { table, place: format!("{}: {key}", self.place) })
    }
}

fn number(value: &Value) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))
}

/// `schema = 1`, the only version so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SchemaOne;

impl<'de> Deserialize<'de> for SchemaOne {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            1 => Ok(Self),
            other => Err(D::Error::custom(format!("schema {other}: expected schema = 1"))),
        }
    }
}

/// Reads a whole document into its type; a mistake is named with its line.
pub(super) fn document<T: DeserializeOwned>(text: &str, origin: &str) -> Result<T, CampaignError> {
    toml_edit::de::from_str(text).map_err(|error| {
        let line = error.span().map_or(String::new(), |span| {
            format!(" line {}:", text[..span.start.min(text.len())].matches('\n').count() + 1)
        });
        let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        CampaignError::Config(format!("{origin}:{line} {message}"))
    })
}

/// Parses a document.
pub(super) fn parse<'t>(text: &'t str, origin: &str) -> Result<Document<&'t str>, CampaignError> {
    Document::parse(text)
        .map_err(|error| CampaignError::Config(format!("{origin}: {}", error.to_string().trim())))
}
