//! Small steps over lines of text.

use super::super::super::figure::Figure;
use super::super::number::{Unit, number, quantity};

/// What follows `label` on the first line that has it.
pub(super) fn after<'t>(text: &'t str, label: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.split_once(label).map(|(_, rest)| rest.trim()))
}

/// The number after `label`.
pub(super) fn figure(text: &str, label: &str) -> Option<Figure> {
    number(after(text, label)?, false).map(|(figure, _)| figure)
}

/// The whole number after `label`.
pub(super) fn count(text: &str, label: &str) -> Option<u64> {
    super::super::number::whole(figure(text, label)?.value)
}

/// A duration at the start of `text`, in milliseconds: `1.5ms`, `2.01 s`, `1m30.5s`.
pub(super) fn duration(text: &str) -> Option<(Figure, usize)> {
    let text_start = text.len() - text.trim_start().len();
    let mut used = text_start;
    let mut sum: Option<Figure> = None;
    while let Some((found, length)) = quantity(&text[used..]) {
        let Unit::Time(_) = found.unit else { break };
        let Some(part) = found.ms() else { break };
        used += length;
        sum =
            Some(sum.map_or(part, |before| Figure {
                value: before.value + part.value,
                half_unit: part.half_unit,
            }));
        if !text[used..].starts_with(|next: char| next.is_ascii_digit()) {
            break;
        }
    }
    sum.map(|figure| (figure, used))
}

/// The duration after `label`, in milliseconds.
pub(super) fn time(text: &str, label: &str) -> Option<Figure> {
    duration(after(text, label)?).map(|(figure, _)| figure)
}

/// All numbers of a line.
pub(super) fn numbers(line: &str) -> Vec<Figure> {
    line.split([' ', '\t', '(', ')', '[', ']', ','])
        .filter(|word| word.starts_with(|first: char| first.is_ascii_digit() || first == '-' || first == '.'))
        .filter_map(|word| number(word, false).filter(|(_, used)| *used == word.trim_end_matches('%').len()))
        .map(|(figure, _)| figure)
        .collect()
}

/// Blocks of lines, each beginning with a line that `starts` knows; what stands before the first is left out.
pub(super) fn blocks(text: &str, starts: impl Fn(&str) -> bool) -> Vec<(u32, &str)> {
    let mut found: Vec<(u32, usize)> = Vec::new();
    let mut at = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if starts(line.trim_end()) {
            found.push((u32::try_from(number + 1).unwrap_or(u32::MAX), at));
        }
        at += line.len();
    }
    (0..found.len())
        .map(|place| {
            let end = found.get(place + 1).map_or(text.len(), |next| next.1);
            (found[place].0, &text[found[place].1..end])
        })
        .collect()
}
