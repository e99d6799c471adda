//! Words that users write: which ones are known, and which known one a wrong one resembles.

use std::collections::BTreeMap;

/// Names in the order in which they are defined, found without reading them all.
#[derive(Debug)]
pub(super) struct Directory(BTreeMap<String, usize>);

impl Directory {
    /// A directory of these names, each of them once.
    pub(super) fn of<'a>(names: impl Iterator<Item = &'a String>) -> Self {
        Self(names.cloned().zip(0..).collect())
    }

    /// The place of a name.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.0.get(name).copied()
    }

    /// All names in their order.
    pub(super) fn all(&self) -> Vec<&str> {
        let mut names: Vec<(&str, usize)> = self.0.iter().map(|(name, at)| (name.as_str(), *at)).collect();
        names.sort_by_key(|(_, at)| *at);
        names.into_iter().map(|(name, _)| name).collect()
    }
}

/// The candidate that most resembles `word`, if any does.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (likeness(&word, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= 0.72)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// How alike two words are, from 0 to 1. One slip of the finger counts as alike, which the Jaro–Winkler measure misses
/// in short words.
fn likeness(word: &str, candidate: &str) -> f64 {
    let one_slip = candidate.len() > 2 && strsim::osa_distance(word, candidate) == 1;
    strsim::jaro_winkler(word, candidate).max(if one_slip { 0.75 } else { 0.0 })
}

/// Says that `word` is no known `what`: names the nearest, and the choices when they fit into a sentence.
///
/// ```
/// let said = conlab::scenario::unknown("queue", "lockfre", &["mutex", "lockfree"]);
/// assert_eq!(said, "unknown queue `lockfre`; did you mean `lockfree`? (known: mutex, lockfree)");
/// ```
#[must_use]
pub fn unknown(what: &str, word: &str, candidates: &[&str]) -> String {
    let guess = match nearest(word, candidates.iter().copied()) {
        Some(candidate) => format!("; did you mean `{candidate}`?"),
        None => String::new(),
    };
    let known = match candidates {
        [] => format!(" (no {what} is defined)"),
        _ if candidates.len() <= 28 => format!(" (known: {})", candidates.join(", ")),
        _ => String::new(),
    };
    format!("unknown {what} `{word}`{guess}{known}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_named_and_a_far_one_is_not() {
        let known = ["mutex", "lockfree", "async"];
        assert_eq!(nearest("lock-free", known), Some("lockfree"));
        assert_eq!(nearest("MUTEX", known), Some("mutex"));
        assert_eq!(nearest("rnu", ["list", "run", "man"]), Some("run"));
        assert_eq!(nearest("zzz", known), None);
        assert_eq!(nearest("x", []), None);
    }
}
