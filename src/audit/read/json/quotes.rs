//! Which documents a JSON file holds whole: a day's report quotes the files of its benchmarks, a summary those of its
//! runs. Figures that are equal for that reason are no copies.

use super::super::super::report::Quotes;
use super::tree::{Kind, Node};
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Members that an object has at least to be a document.
const LEAST_MEMBERS: usize = 4;
/// Objects that are remembered of one file.
const MAX_OBJECTS: usize = 100_000;

impl Quotes {
    /// The document itself and the objects in it, by what they hold; the order of members does not matter.
    pub(in super::super) fn of(root: &Node) -> Self {
        let mut parts = BTreeSet::new();
        let whole = digest(root, &mut parts);
        parts.remove(&whole);
        let is_document = root.members().len() >= LEAST_MEMBERS;
        Self { whole: is_document.then_some(whole), parts }
    }
}

fn digest(node: &Node, parts: &mut BTreeSet<u64>) -> u64 {
    let mut hasher = DefaultHasher::new();
    std::mem::discriminant(&node.kind).hash(&mut hasher);
    match &node.kind {
        Kind::Null | Kind::NoNumber => {}
        Kind::Bool(truth) => truth.hash(&mut hasher),
        Kind::Number(figure) => figure.value.to_bits().hash(&mut hasher),
        Kind::Text(text) => text.hash(&mut hasher),
        Kind::Series(series) => {
            series.dropped.hash(&mut hasher);
            series.values.iter().for_each(|value| value.to_bits().hash(&mut hasher));
        }
        Kind::List(items) => items.iter().for_each(|item| digest(item, parts).hash(&mut hasher)),
        Kind::Object(members) => {
            let sum = members.iter().fold(0_u64, |sum, (key, value)| {
                let mut member = DefaultHasher::new();
                (key, digest(value, parts)).hash(&mut member);
                sum.wrapping_add(member.finish())
            });
            (members.len(), sum).hash(&mut hasher);
        }
    }
    let digest = hasher.finish();
    if node.members().len() >= LEAST_MEMBERS && parts.len() < MAX_OBJECTS {
        parts.insert(digest);
    }
    digest
}
