//! A page as Markdown: headings, sentences and tables. Curves and timelines need the HTML page, which is said.

use super::page::{Block, Intervals, Notice, Page, Section, Stack, StackRow, Table, Waterfall};
use super::words::{duration, in_unit, share};
use crate::measure::Cause;
use crate::printable::{Printable, PrintableLines, is_obeyed};
use std::fmt::{self, Write};

/// `page` as Markdown (tables as GitHub writes them).
#[must_use]
pub fn markdown(page: &Page) -> String {
    let mut out = format!("# {}\n\n", Escaped(&page.title));
    for line in [&page.kicker, &page.question] {
        paragraph(&mut out, line);
    }
    notices(&mut out, &page.alarms);
    if !page.answer.is_empty() {
        let _ = writeln!(out, "**{}**\n", Escaped(&page.answer));
    }
    paragraph(&mut out, &page.certainty);
    if let Some(next) = &page.next {
        let why = if next.why.is_empty() { "" } else { " – " };
        let _ = writeln!(out, "Next: {}{why}{}\n", Code(&next.command), Escaped(&next.why));
    }
    if let Some(verdict) = &page.verdict {
        let _ = writeln!(out, "**{}**\n", Escaped(&verdict.text));
    }
    if !page.facts.is_empty() {
        let rows =
            page.facts.iter().map(|fact| vec![fact.label.clone(), fact.value.clone(), fact.note.clone()]);
        table(&mut out, &Table::new("", "figure | value | remark", 1, rows.collect()));
    }
    for section in &page.sections {
        self::section(&mut out, section);
    }
    out
}

fn section(out: &mut String, section: &Section) {
    let _ = writeln!(out, "## {}\n", Escaped(&section.title));
    paragraph(out, &section.lead);
    for each in &section.blocks {
        block(out, each);
    }
}

fn paragraph(out: &mut String, text: &str) {
    if !text.is_empty() {
        let _ = writeln!(out, "{}\n", Escaped(text));
    }
}

fn block(out: &mut String, content: &Block) {
    match content {
        Block::Text(text) => paragraph(out, text),
        Block::Notices(list) => notices(out, list),
        Block::Table(content) => table(out, content),
        Block::Pairs(pairs) => {
            let rows = pairs.iter().map(|(name, value)| vec![name.clone(), value.clone()]).collect();
            table(out, &Table::new("", "what | value", 2, rows));
        }
        Block::Stack(content) => stack(out, content),
        Block::Lines(lines) => {
            let _ = writeln!(out, "*{}: see the HTML page.*\n", Escaped(&lines.caption));
        }
        Block::Timeline(lanes) => {
            let _ = writeln!(out, "*{}: see the HTML page or the trace.*\n", Escaped(&lanes.caption));
        }
        Block::Intervals(content) => intervals(out, content),
        Block::Waterfall(content) => waterfall(out, content),
        Block::Details { summary, blocks } => {
            let _ = writeln!(out, "### {}\n", Escaped(summary));
            for each in blocks {
                block(out, each);
            }
        }
        Block::Picture(picture) => {
            let _ = writeln!(
                out,
                "*{}: see the HTML page.* {}\n",
                Escaped(&picture.caption),
                Escaped(&picture.description)
            );
        }
        Block::Code(text) => {
            let fence = "`".repeat(3.max(longest_run(text) + 1));
            let _ = writeln!(out, "{fence}\n{}\n{fence}\n", PrintableLines(text));
        }
    }
}

fn notices(out: &mut String, notices: &[Notice]) {
    for notice in notices {
        let remedy = if notice.remedy.is_empty() { "" } else { " → " };
        let _ = writeln!(
            out,
            "- **{}**: {}{remedy}{}",
            Escaped(&notice.code),
            Escaped(&notice.message),
            Escaped(&notice.remedy)
        );
    }
    if !notices.is_empty() {
        out.push('\n');
    }
}

fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}

fn table(out: &mut String, table: &Table) {
    if !table.caption.is_empty() {
        let _ = writeln!(out, "**{}**\n", Escaped(&table.caption));
    }
    row(out, &table.head);
    out.push('|');
    for column in 0..table.head.len() {
        out.push_str(if column < table.words.max(1) { " --- |" } else { " ---: |" });
    }
    out.push('\n');
    for cells in &table.rows {
        row(out, cells);
    }
    out.push('\n');
}

fn row(out: &mut String, cells: &[String]) {
    out.push('|');
    for cell in cells {
        let _ = write!(out, " {} |", Escaped(cell));
    }
    out.push('\n');
}

fn stack(out: &mut String, stack: &Stack) {
    let mut causes: Vec<Cause> = Vec::new();
    for (cause, _) in stack.rows.iter().flat_map(|row| &row.parts) {
        if !causes.contains(cause) {
            causes.push(*cause);
        }
    }
    let part = |row: &StackRow, cause: Cause| {
        let value: f64 = row.parts.iter().filter(|part| part.0 == cause).map(|part| part.1).sum();
        let whole = row.total();
        format!("{} ({})", duration(value), share(if whole > 0.0 { value / whole } else { 0.0 }))
    };
    // Many bars are read down a column, few along a row.
    let head: Vec<String> =
        ["", "total"].into_iter().chain(causes.iter().map(|cause| cause.label())).map(String::from).collect();
    let rows = stack
        .rows
        .iter()
        .map(|row| {
            let mut cells = vec![row.label.clone(), duration(row.total())];
            cells.extend(causes.iter().map(|cause| part(row, *cause)));
            cells
        })
        .collect();
    table(out, &Table { caption: stack.caption.clone(), head, rows, words: 1 });
}

fn intervals(out: &mut String, chart: &Intervals) {
    let show = |value| in_unit(chart.unit, value);
    let rows = chart
        .rows
        .iter()
        .map(|row| {
            vec![row.label.clone(), row.verdict.clone(), show(row.value), show(row.low), show(row.high)]
        })
        .collect();
    table(out, &Table::new(chart.caption.clone(), "what | verdict | estimate | from | to", 2, rows));
}

fn waterfall(out: &mut String, chart: &Waterfall) {
    let show = |value| in_unit(chart.unit, value);
    let mut rows = vec![vec![chart.from.0.clone(), show(chart.from.1), String::new()]];
    rows.extend(chart.parts.iter().map(|part| {
        let half = part.half_width.map_or_else(String::new, |half| format!("± {}", show(half)));
        vec![part.label.clone(), show(part.value), half]
    }));
    rows.push(vec![chart.to.0.clone(), show(chart.to.1), String::new()]);
    table(out, &Table::new(chart.caption.clone(), "part | adds | interval", 1, rows));
}

/// Shows a text such that Markdown takes it literally, in a table cell as well.
struct Escaped<'text>(&'text str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' | '`' | '*' | '_' | '|' | '[' | ']' | '#' => write!(f, "\\{character}")?,
                '<' => f.write_str("&lt;")?,
                '&' => f.write_str("&amp;")?,
                '\n' | '\r' => f.write_char(' ')?,
                obeyed if is_obeyed(obeyed) => write!(f, "{}", Printable(obeyed.encode_utf8(&mut [0; 4])))?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// Shows a text as code within a line: between more backticks than it holds.
struct Code<'text>(&'text str);

impl fmt::Display for Code<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fence = "`".repeat(longest_run(self.0) + 1);
        let room = if fence.len() > 1 { " " } else { "" };
        write!(f, "{fence}{room}{}{room}{fence}", Printable(self.0))
    }
}
