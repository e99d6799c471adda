//! Whether the numbers of a record can be figures of a run, asked before anything computes with them.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Largest whole number: nine years in nanoseconds. Sums of many stay within 64 bits.
const MOST: u64 = 1 << 58;

/// Largest number that is not whole.
const MAX_REAL: f64 = 1e30;

/// Keys whose numbers are no figures: seeds, and the names of tasks, which are hashes.
const SEEDS: [&str; 2] = ["seed", "task"];

/// Reads a document of which every number must be one that a run can have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plausible {
    /// Whether the value here is a seed, which may be any number.
    seed: bool,
}

impl Plausible {
    /// For a whole document.
    pub(super) const fn document() -> Self {
        Self { seed: false }
    }
}

impl<'de> DeserializeSeed<'de> for Plausible {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Plausible {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("figures of a run")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        if number <= MOST || self.seed {
            return Ok(());
        }
        Err(E::custom(format_args!("{number} is beyond what a run can have")))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.visit_u64(number.unsigned_abs())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        if number.abs() <= MAX_REAL {
            return Ok(());
        }
        Err(E::custom(format_args!("{number:e} is beyond what a run can have")))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while elements.next_element_seed(Self::document())?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(key) = fields.next_key::<Cow<'_, str>>()? {
            fields.next_value_seed(Self { seed: SEEDS.contains(&&*key) })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        let mut reader = serde_json::Deserializer::from_str(text);
        Plausible::document()
            .deserialize(&mut reader)
            .map_or_else(|error| error.to_string(), |()| "fine".into())
    }

    #[test]
    fn numbers_that_no_run_has_are_refused_wherever_they_stand() {
        assert_eq!(
            said("{\"seed\": 18446744073709551615, \"a\": [1, {\"b\": -2.5}, null, true, \"x\"]}"),
            "fine"
        );
        for text in [
            "[[18446744073709551615]]",
            "{\"a\": {\"b\": -9223372036854775808}}",
            "[1e308]",
            "{\"seed\": [1e40]}",
        ] {
            assert!(said(text).contains("beyond what a run can have"), "{text}: {}", said(text));
        }
        assert!(said(&"[".repeat(100_000)).contains("recursion"));
    }
}
