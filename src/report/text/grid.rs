//! Tables that fit the width: words wrap, and what is still too wide goes on below with its row names repeated.

use super::{columns, wrapped};
use crate::printable::Printable;
use crate::report::page::Table;
use std::fmt::Write;

/// Columns between two cells.
const GAP: usize = 2;
/// Columns from which on a title wraps.
const TITLE: usize = 12;
/// Fewest columns that a cell of words is wrapped to.
const NARROW: usize = 16;
/// Columns from which on a table has room for long words.
const WIDE: usize = 60;

/// Appends a table.
pub(super) fn table(out: &mut String, table: &Table, width: usize) {
    if !table.caption.is_empty() {
        super::paragraph(out, &table.caption, width);
    }
    let printable = |row: &Vec<String>| -> Vec<String> {
        let cells = row.iter().map(|cell| Printable(cell).to_string());
        cells.chain(std::iter::repeat(String::new())).take(table.head.len()).collect()
    };
    let head = printable(&table.head);
    let rows: Vec<Vec<String>> = table.rows.iter().map(printable).collect();
    let words = table.words.max(1);
    let mut widths: Vec<usize> = (0..head.len())
        .map(|column| {
            let cells = rows.iter().map(|row| columns(&row[column])).max().unwrap_or(0);
            if column < words {
                return cells.max(columns(&head[column]));
            }
            // A long title wraps above its figures.
            let title = wrapped(&head[column], cells.max(TITLE)).iter().map(|line| columns(line)).max();
            cells.max(title.unwrap_or(0))
        })
        .collect();
    let least: Vec<usize> = (0..words.min(head.len()))
        .map(|column| {
            let cells = rows.iter().map(|row| &row[column]).chain([&head[column]]);
            let longest = cells.flat_map(|cell| cell.split(' ')).map(columns).max().unwrap_or(0);
            // A word stays whole as long as half of the width is enough for it.
            longest.clamp(NARROW, if width < WIDE { NARROW } else { (width - GAP) / 2 })
        })
        .collect();
    narrow(&mut widths, &least, width);
    for group in groups(&widths, width) {
        line(out, &head, &widths, words, &group);
        let ruled: usize =
            group.iter().map(|&column| widths[column]).sum::<usize>() + GAP * (group.len() - 1);
        _ = writeln!(out, "{}", "─".repeat(ruled.min(width)));
        for row in &rows {
            line(out, row, &widths, words, &group);
        }
    }
}

/// Narrows columns of words, the widest first, until the table fits or each is as narrow as it may be (`least`).
fn narrow(widths: &mut [usize], least: &[usize], width: usize) {
    loop {
        let whole = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        let over = whole.saturating_sub(width);
        let may = |column: &usize| widths[*column] > least[*column];
        let widest = (0..least.len()).filter(may).max_by_key(|&column| widths[column]);
        let Some(widest) = widest.filter(|_| over > 0) else { return };
        let second = (0..least.len())
            .filter(|&column| column != widest && may(&column))
            .map(|column| widths[column])
            .max()
            .unwrap_or(0)
            .max(least[widest]);
        let step = over.min(widths[widest].saturating_sub(second)).max(1);
        widths[widest] -= step.min(widths[widest] - least[widest]);
    }
}

/// Groups of columns that fit beside the first, each with the first.
fn groups(widths: &[usize], width: usize) -> Vec<Vec<usize>> {
    let mut groups = Vec::new();
    let Some(first) = widths.first() else { return groups };
    let mut group = vec![0];
    let mut used = *first;
    for (column, &wide) in widths.iter().enumerate().skip(1) {
        if used + GAP + wide > width && group.len() > 1 {
            groups.push(std::mem::replace(&mut group, vec![0]));
            used = *first;
        }
        group.push(column);
        used += GAP + wide;
    }
    groups.push(group);
    groups
}

/// Appends one row, on as many lines as its tallest cell takes.
fn line(out: &mut String, cells: &[String], widths: &[usize], words: usize, group: &[usize]) {
    let broken: Vec<Vec<String>> =
        group.iter().map(|&column| wrapped(&cells[column], widths[column])).collect();
    let height = broken.iter().map(Vec::len).max().unwrap_or(0);
    for index in 0..height {
        let mut text = String::new();
        for (place, &column) in group.iter().enumerate() {
            let cell = broken[place].get(index).map_or("", String::as_str);
            let room = " ".repeat(widths[column].saturating_sub(columns(cell)));
            let gap = if place == 0 { "" } else { "  " };
            if column < words {
                _ = write!(text, "{gap}{cell}{room}");
            } else {
                _ = write!(text, "{gap}{room}{cell}");
            }
        }
        _ = writeln!(out, "{}", text.trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(table: &Table, width: usize) -> String {
        let mut out = String::new();
        super::table(&mut out, table, width);
        out
    }

    fn rows(cells: &[&[&str]]) -> Vec<Vec<String>> {
        cells.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect()
    }

    #[test]
    fn what_does_not_fit_goes_on_below_with_its_row_names() {
        let table = Table::new(
            "",
            "lock | mean | p99 | max",
            1,
            rows(&[&["registry", "1.00 ms", "2.00 ms", "3.00 ms"]]),
        );
        assert_eq!(
            shown(&table, 26),
            "lock         mean      p99\n──────────────────────────\nregistry  1.00 ms  2.00 ms\n\
             lock          max\n─────────────────\nregistry  3.00 ms\n"
        );
    }

    #[test]
    fn words_wrap_before_columns_move() {
        let table = Table::new(
            "",
            "claim | says | figure",
            2,
            rows(&[&["K1", "the lock is to blame for it", "12 %"]]),
        );
        assert_eq!(
            shown(&table, 32),
            "claim  says               figure\n────────────────────────────────\nK1     the lock is to       12 %\n       blame for it\n"
        );
    }

    #[test]
    fn no_line_is_wider_than_asked_for_unless_a_figure_is() {
        let row =
            ["a name that is longer than any screen is wide ".repeat(4), "1.23 ms".into(), "x".repeat(20)];
        let table = Table::new("", "name | figure | words", 1, vec![row.to_vec()]);
        for width in [40, 60, 80] {
            assert!(shown(&table, width).lines().all(|line| columns(line) <= width), "{width}");
        }
    }
}
