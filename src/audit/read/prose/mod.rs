//! Reports that people write, in Markdown or plain text: headings, tables, `Key: value`, sentences with figures.
//!
//! Headings name what stands below them. Tables and `Key: value` lines become benchmarks; sentences become statements
//! that can be worked out again, and claims about what a change would bring.

mod aligned;
mod blocks;
mod claim;
mod dates;
mod facts;
mod lines;
mod link;
mod phrase;
mod tables;

pub(in super::super) use dates::{civil, stamp};

use super::super::report::Report;
use blocks::Block;
use lines::Section;

/// Reads a report; what is a tool's output in a code block is read as that.
pub(super) fn read(text: &str) -> Report {
    let (aligned, text) = aligned::tables(text);
    let mut blocks = blocks::blocks(&text);
    let is_markdown = blocks.iter().any(|block| matches!(block, Block::Heading { .. } | Block::Table { .. }));
    aligned::merge(aligned, &mut blocks);
    let mut report = Report::of(if is_markdown { "Markdown" } else { "text" });
    let mut section = Section::default();
    for block in &blocks {
        match block {
            Block::Heading { level, text, line } => {
                section.close(&mut report);
                section.enter(*level, text, *line);
                facts::of_line(text, *line, &section, &mut report);
            }
            Block::Table { header, rows, line } => {
                tables::read(header, rows, *line, &mut section, &mut report)
            }
            Block::Line { text, line, indent } => {
                lines::read(text, *line, *indent, &mut section, &mut report)
            }
            Block::Code { text, line } => code(text, *line, &mut section, &mut report),
            Block::Break => section.rest(),
        }
    }
    section.close(&mut report);
    link::link(&mut report);
    report
}

/// A code block: the output of a tool, or lines as any other.
fn code(text: &str, line: u32, section: &mut Section, report: &mut Report) {
    if let Some(reader) = super::text::tool(text) {
        let read = reader(text);
        for mut benchmark in read.benchmarks {
            benchmark.place = format!("{} of the {} at line {line}", benchmark.place, read.format);
            report.benchmarks.push(benchmark);
        }
        return;
    }
    for (at, row) in text.lines().enumerate() {
        let place = line.saturating_add(u32::try_from(at).unwrap_or(u32::MAX));
        let indent = row.len() - row.trim_start().len();
        lines::read(row, place, indent, section, report);
    }
}
