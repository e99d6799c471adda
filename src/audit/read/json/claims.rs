//! Claims and roadmap entries in JSON.

use super::super::super::figure::Figure;
use super::super::super::report::Claim;
use super::super::number::number;
use super::loose;
use super::tree::{Kind, Node};

/// Keys of lists that hold claims.
pub(super) const LISTS: [&str; 6] =
    ["claims", "roadmap", "entries", "recommendations", "optimizations", "optimisations"];

/// Reads one claim; `None` when nothing in it can be worked out.
pub(super) fn claim(object: &Node) -> Option<Claim> {
    let text = |keys: &[&str]| keys.iter().find_map(|key| object.word(key)).map(str::to_owned);
    let figure = |keys: &[&str]| keys.iter().find_map(|key| loose(object.get(key)?));
    let pair = |keys: &[&str]| keys.iter().find_map(|key| object.get(key)).and_then(range);
    let claim = Claim {
        id: text(&["id"])
            .or_else(|| figure(&["priority"]).map(|p| format!("roadmap {}", p.value)))
            .unwrap_or_default(),
        text: text(&["text", "title", "claim"]).unwrap_or_default(),
        component: text(&["component"]),
        metric: text(&["metric"]),
        cause: text(&["cause"]),
        cause_ms: figure(&["cause_ms"]),
        cause_percent: figure(&["cause_percent"]),
        from_ms: figure(&["from_ms", "current_ms"]),
        to_ms: pair(&["to_ms", "result_ms"]),
        saving_ms: pair(&["saving_ms", "savings_ms"]),
        speedup: pair(&["speedup", "expected_speedup"]),
        acts_on: text(&["acts_on"]),
        place: format!("line {}", object.line),
    };
    let is_checkable = claim.cause_ms.is_some()
        || claim.cause_percent.is_some()
        || claim.from_ms.is_some()
        || claim.to_ms.is_some()
        || claim.saving_ms.is_some()
        || claim.speedup.is_some()
        || claim.acts_on.is_some();
    is_checkable.then_some(claim)
}

/// A number, a pair of numbers, or words like `1.4-2x`; smaller first.
fn range(value: &Node) -> Option<(Figure, Figure)> {
    let numbers: Vec<Figure> = match &value.kind {
        Kind::Number(figure) => vec![*figure],
        Kind::Series(series) => series.values.iter().map(|value| Figure::printed(*value)).collect(),
        Kind::Text(text) => text
            .split(|letter: char| !(letter.is_ascii_digit() || letter == '.' || letter == ','))
            .filter_map(|part| number(part, false).map(|(figure, _)| figure))
            .collect(),
        _ => return None,
    };
    let by = |one: &Figure, other: &Figure| one.value.total_cmp(&other.value);
    let low = numbers.iter().copied().min_by(by)?;
    let high = numbers.iter().copied().max_by(by)?;
    Some((low, high))
}
