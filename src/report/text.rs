//! A page as plain text for a terminal: headings, sentences, tables, bars.

use super::page::{Block, Intervals, Lines, Page, Section, Stack, Table, Tone, Waterfall};
use super::words::{duration, in_unit, share};
use comfy_table::{CellAlignment, LineStyle, TableStyle};
use std::fmt::Write;

/// Cells of the longest bar.
const BAR: f64 = 24.0;

/// `page` as text of at most `width` columns, as far as its tables allow.
#[must_use]
pub fn text(page: &Page, width: usize) -> String {
    let mut out = format!("{}\n", page.kicker);
    for line in [&page.question, &page.answer] {
        if !line.is_empty() {
            _ = writeln!(out, "\n{}", wrapped(line, width, ""));
        }
    }
    if let Some(verdict) = &page.verdict {
        _ = writeln!(out, "\n{}", wrapped(&verdict.text, width, ""));
    }
    for fact in &page.facts {
        let note = if fact.note.is_empty() { String::new() } else { format!("  ({})", fact.note) };
        _ = writeln!(out, "{}: {}{note}", fact.label, fact.value);
    }
    for section in &page.sections {
        self::section(&mut out, section, width);
    }
    out
}

fn section(out: &mut String, section: &Section, width: usize) {
    _ = writeln!(out, "\n{}\n{}", section.title, "─".repeat(section.title.chars().count()));
    if !section.lead.is_empty() {
        _ = writeln!(out, "{}", wrapped(&section.lead, width, ""));
    }
    for each in &section.blocks {
        block(out, each, width);
    }
}

fn block(out: &mut String, block: &Block, width: usize) {
    match block {
        Block::Text(text) => _ = writeln!(out, "{}", wrapped(text, width, "")),
        Block::Notices(notices) => {
            for notice in notices {
                let remedy = if notice.remedy.is_empty() { "" } else { " → " };
                let sign = match notice.tone {
                    Tone::Good => "✓",
                    Tone::Bad => "✗",
                    Tone::Plain | Tone::Doubtful => "!",
                };
                let line = format!("{sign} {}: {}{remedy}{}", notice.code, notice.message, notice.remedy);
                _ = writeln!(out, "{}", wrapped(&line, width, "  "));
            }
        }
        Block::Table(content) => table(out, content),
        Block::Pairs(pairs) => {
            for (name, value) in pairs {
                _ = writeln!(out, "{}", wrapped(&format!("{name}: {value}"), width, "  "));
            }
        }
        Block::Stack(content) => stack(out, content),
        Block::Lines(content) => lines(out, content),
        Block::Timeline(lanes) => _ = writeln!(out, "{}: see --html or --trace", lanes.caption),
        Block::Intervals(content) => intervals(out, content),
        Block::Waterfall(content) => waterfall(out, content),
        Block::Details { summary, blocks } => {
            _ = writeln!(out, "{summary}");
            for each in blocks {
                self::block(out, each, width);
            }
        }
        Block::Code(text) => {
            for line in text.lines() {
                _ = writeln!(out, "  {line}");
            }
        }
    }
}

/// Breaks a sentence at spaces; lines after the first begin with `indent`.
fn wrapped(text: &str, width: usize, indent: &str) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            out.push('\n');
            out.push_str(indent);
            column = indent.len();
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

fn table(out: &mut String, table: &Table) {
    if !table.caption.is_empty() {
        _ = writeln!(out, "{}", table.caption);
    }
    let mut drawn = comfy_table::Table::new();
    let rule = LineStyle::none().fill('─').junction('─');
    drawn.load_style(TableStyle::new().header_separator(rule)).set_header(&table.head);
    for (index, column) in drawn.column_iter_mut().enumerate() {
        let words = index < table.words.max(1);
        column.set_cell_alignment(if words { CellAlignment::Left } else { CellAlignment::Right });
        column.set_padding((0, 2));
    }
    for row in &table.rows {
        drawn.add_row(row);
    }
    for line in drawn.to_string().lines() {
        _ = writeln!(out, "{}", line.trim_end());
    }
}

fn bar(part: f64, whole: f64) -> String {
    if whole <= 0.0 || !part.is_finite() {
        return String::new();
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and BAR")]
    let cells = (part / whole * BAR).round().clamp(0.0, BAR) as usize;
    "█".repeat(cells)
}

fn stack(out: &mut String, stack: &Stack) {
    let mut rows = Vec::new();
    for row in &stack.rows {
        let whole = row.total();
        for (cause, value) in row.parts.iter().filter(|(_, value)| *value != 0.0) {
            let of = if whole > 0.0 { share(value / whole) } else { String::new() };
            rows.push(vec![
                row.label.clone(),
                cause.label().to_owned(),
                bar(*value, whole),
                duration(*value),
                of,
            ]);
        }
    }
    table(out, &Table::new(stack.caption.clone(), "| cause || time | share", 3, rows));
}

fn intervals(out: &mut String, chart: &Intervals) {
    let show = |value| in_unit(chart.unit, value);
    let row = |row: &super::page::Interval| {
        let range = format!("[{}, {}]", show(row.low), show(row.high));
        vec![row.label.clone(), row.verdict.clone(), show(row.value), range]
    };
    let rows = chart.rows.iter().map(row).collect();
    table(out, &Table::new(chart.caption.clone(), "| verdict | estimate | interval", 2, rows));
}

fn waterfall(out: &mut String, chart: &Waterfall) {
    let show = |value| in_unit(chart.unit, value);
    let largest = chart.parts.iter().map(|part| part.value.abs()).fold(0.0, f64::max);
    let mut rows = vec![vec![chart.from.0.clone(), String::new(), show(chart.from.1), String::new()]];
    rows.extend(chart.parts.iter().map(|part| {
        let half = part.half_width.map_or_else(String::new, |half| format!("± {}", show(half)));
        vec![format!("  {}", part.label), bar(part.value.abs(), largest), show(part.value), half]
    }));
    rows.push(vec![chart.to.0.clone(), String::new(), show(chart.to.1), String::new()]);
    table(out, &Table::new(chart.caption.clone(), "||adds|", 2, rows));
}

/// Curves as a table: a row for each, a column for each x.
fn lines(out: &mut String, chart: &Lines) {
    let mut places: Vec<f64> =
        chart.series.iter().flat_map(|line| line.points.iter().map(|point| point.0)).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let mut head = vec![chart.x.label.clone()];
    head.extend(places.iter().map(|&place| in_unit(chart.x.unit, place)));
    let at = |line: &super::page::Series, place: f64| {
        let point = line.points.iter().find(|point| point.0.total_cmp(&place).is_eq());
        point.map_or_else(String::new, |point| in_unit(chart.y.unit, point.1))
    };
    let row = |line: &super::page::Series| {
        let mut row = vec![line.name.clone()];
        row.extend(places.iter().map(|&place| at(line, place)));
        row
    };
    let rows = chart.series.iter().map(row).collect();
    table(out, &Table { caption: chart.caption.clone(), head, rows, words: 1 });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::page::{Interval, Unit};

    #[test]
    fn sentences_break_at_the_width_and_keep_their_indent() {
        let text = wrapped("one two three four", 9, "  ");
        assert_eq!(text, "one two\n  three\n  four");
        assert_eq!(wrapped("one two", 80, ""), "one two");
    }

    #[test]
    fn a_page_shows_every_block() {
        let section = Section::new("a", "Differences", "Lead.")
            .with(Intervals {
                caption: "p99".into(),
                unit: Unit::Share,
                rows: vec![Interval {
                    label: "lockfree".into(),
                    value: -0.1,
                    low: -0.12,
                    high: -0.08,
                    verdict: "better".into(),
                    ..Interval::default()
                }],
                ..Intervals::default()
            })
            .with(Block::Code("conlab run".into()));
        let page = Page { kicker: "compare".into(), sections: vec![section], ..Page::default() };
        let shown = text(&page, 80);
        for part in
            ["compare", "Differences\n───────────", "lockfree", "better", "[−12 %, −8.0 %]", "  conlab run"]
        {
            assert!(shown.contains(part), "`{part}` is missing from\n{shown}");
        }
    }
}
