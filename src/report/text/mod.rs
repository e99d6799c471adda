//! A page as plain text for a terminal: the answer first, then what is asked for of the rest.
//!
//! Every text is printable: what a terminal would obey is shown instead.

mod ascii;
mod charts;
mod grid;

pub use ascii::{ascii, ascii_page};

use super::page::{Block, Notice, Page, Section, Tone};
use crate::printable::{Printable, is_obeyed};
use std::fmt::Write;
use unicode_width::UnicodeWidthChar;

/// Sections that are named where they are left out.
const NAMED: usize = 14;

/// How much of a page is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Details {
    /// The answer and the sections that carry it: about twenty lines for a run.
    #[default]
    Brief,
    /// Everything.
    All,
    /// The answer and the sections of these anchors.
    Of(Vec<String>),
}

/// `page` as text of at most `width` columns, as far as single words and figures allow.
#[must_use]
pub fn text(page: &Page, width: usize, details: &Details) -> String {
    let width = width.max(20);
    // A page that marks nothing as its answer is shown whole.
    let all = Details::All;
    let details = if page.sections.iter().any(|section| section.brief) { details } else { &all };
    let mut out = String::new();
    let brief = *details == Details::Brief;
    paragraph(&mut out, &page.kicker, width);
    // The kicker names what was done; who asks for the answer knows the question.
    if !brief || page.answer.is_empty() {
        paragraph(&mut out, &page.question, width);
    }
    out.push('\n');
    notices(&mut out, &page.alarms, width);
    paragraph(&mut out, &page.answer, width);
    paragraph(&mut out, &page.certainty, width);
    if let Some(next) = &page.next {
        let why = if next.why.is_empty() { String::new() } else { format!("   {}", Printable(&next.why)) };
        let command = format!("Next: {}", Printable(&next.command));
        if columns(&command) + columns(&why) <= width {
            _ = writeln!(out, "{command}{why}");
        } else {
            // A command stays on one line, to be copied.
            _ = writeln!(out, "{command}");
            let why = if brief { "" } else { why.as_str() };
            for line in wrapped(why.trim_start(), width.saturating_sub(6)) {
                if !line.is_empty() {
                    _ = writeln!(out, "      {line}");
                }
            }
        }
    }
    if let Some(verdict) = &page.verdict {
        paragraph_signed(&mut out, verdict.tone, &verdict.text, width);
    }
    if !page.facts.is_empty() {
        let facts: Vec<String> =
            page.facts.iter().map(|fact| format!("{} {}", fact.label, fact.value)).collect();
        if !brief {
            out.push('\n');
        }
        paragraph_of(&mut out, &facts, " · ", width);
    }
    let shown = |section: &&Section| match details {
        Details::All => true,
        Details::Brief => section.brief,
        Details::Of(ids) => ids.contains(&section.id),
    };
    for section in page.sections.iter().filter(shown) {
        self::section(&mut out, section, width, !brief);
    }
    hidden(&mut out, page, details, width);
    out
}

/// Says which sections are left out, and how to see them.
fn hidden(out: &mut String, page: &Page, details: &Details, width: usize) {
    let left: Vec<String> =
        page.sections.iter().filter(|section| !section.brief).map(|section| section.id.clone()).collect();
    if *details == Details::Brief && !left.is_empty() {
        let more = match left.len().checked_sub(NAMED) {
            Some(more @ 1..) => format!(" and {more} more"),
            _ => String::new(),
        };
        let named = left[..left.len().min(NAMED)].join(" ");
        let line = format!("--details shows more, --details={} that alone: {named}{more}", left[0]);
        paragraph(out, &line, width);
    }
}

/// Appends a section; in brief without how to read it and what is shown on demand.
fn section(out: &mut String, section: &Section, width: usize, full: bool) {
    if let ([Block::Stack(stack)], false) = (section.blocks.as_slice(), full) {
        out.push('\n');
        return charts::brief_stack(out, stack, &section.title, width);
    }
    _ = writeln!(out, "\n{}", Printable(&section.title));
    if full {
        paragraph(out, &section.lead, width);
    }
    let shown = |block: &&Block| full || !matches!(block, Block::Details { .. });
    for (index, each) in section.blocks.iter().filter(shown).enumerate() {
        if index > 0 {
            out.push('\n');
        }
        block(out, each, width);
    }
}

fn block(out: &mut String, block: &Block, width: usize) {
    match block {
        Block::Text(text) => paragraph(out, text, width),
        Block::Notices(list) => notices(out, list, width),
        Block::Table(content) => grid::table(out, content, width),
        Block::Pairs(pairs) => {
            for (name, value) in pairs {
                paragraph_indented(out, &format!("{name}: {value}"), width, "  ");
            }
        }
        Block::Stack(content) => charts::stack(out, content, width),
        Block::Lines(content) => charts::lines(out, content, width),
        Block::Timeline(lanes) => {
            let line = format!("{}: see the HTML page", lanes.caption);
            paragraph(out, &line, width);
        }
        Block::Intervals(content) => charts::intervals(out, content, width),
        Block::Waterfall(content) => charts::waterfall(out, content, width),
        Block::Picture(picture) => paragraph(out, &picture.description, width),
        Block::Details { summary, blocks } => {
            paragraph(out, summary, width);
            for each in blocks {
                self::block(out, each, width);
            }
        }
        Block::Code(text) => {
            for line in text.lines() {
                _ = writeln!(out, "  {}", Printable(line));
            }
        }
    }
}

fn notices(out: &mut String, notices: &[Notice], width: usize) {
    for notice in notices {
        let remedy = if notice.remedy.is_empty() { "" } else { " → " };
        let line = format!("{}: {}{remedy}{}", notice.code, notice.message, notice.remedy);
        paragraph_signed(out, notice.tone, &line, width);
    }
}

fn paragraph_signed(out: &mut String, tone: Tone, text: &str, width: usize) {
    let sign = match tone {
        Tone::Good => "✓ ",
        Tone::Bad => "✗ ",
        Tone::Plain | Tone::Doubtful => "! ",
    };
    paragraph_indented(out, &format!("{sign}{text}"), width, "  ");
}

fn paragraph(out: &mut String, text: &str, width: usize) {
    paragraph_indented(out, text, width, "");
}

/// Appends a paragraph whose lines after the first begin with `indent`; nothing where there is no text.
fn paragraph_indented(out: &mut String, text: &str, width: usize, indent: &str) {
    if text.is_empty() {
        return;
    }
    for (index, line) in wrapped(text, width.saturating_sub(indent.len())).into_iter().enumerate() {
        let indent = if index == 0 { "" } else { indent };
        _ = writeln!(out, "{indent}{line}");
    }
}

/// Appends items with a separator, breaking between items alone.
fn paragraph_of(out: &mut String, items: &[String], separator: &str, width: usize) {
    let mut line = String::new();
    for item in items.iter().map(|item| Printable(item).to_string()) {
        if !line.is_empty() && columns(&line) + columns(separator) + columns(&item) > width {
            _ = writeln!(out, "{line}");
            line.clear();
        } else if !line.is_empty() {
            line.push_str(separator);
        }
        line.push_str(&item);
    }
    _ = writeln!(out, "{line}");
}

/// Breaks a text at spaces into lines of at most `width` columns; a longer word behind a mark that joins its parts
/// (`step:ryot.forward`), and where it must be if it has none.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut column) = (String::new(), 0);
    for word in Printable(text).to_string().split(' ') {
        if column > 0 && column + 1 + columns(word) > width {
            lines.push(std::mem::take(&mut line));
            column = 0;
        } else if column > 0 {
            line.push(' ');
            column += 1;
        }
        for part in joined(word) {
            if column > 0 && column + columns(part) > width {
                lines.push(std::mem::take(&mut line));
                column = 0;
            }
            for character in part.chars() {
                let wide = columns_of(character);
                if column + wide > width && column > 0 {
                    lines.push(std::mem::take(&mut line));
                    column = 0;
                }
                line.push(character);
                column += wide;
            }
        }
    }
    lines.push(line);
    lines
}

/// The parts of a word, each with the mark that ends it.
fn joined(word: &str) -> impl Iterator<Item = &str> {
    word.split_inclusive([':', '.', '/', '-', '_', ',', '='])
}

/// Columns that a printable text takes.
fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

fn columns_of(character: char) -> usize {
    if is_obeyed(character) { 0 } else { character.width().unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_break_at_the_width_and_long_words_where_they_must() {
        assert_eq!(wrapped("one two three four", 9), ["one two", "three", "four"]);
        assert_eq!(wrapped("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrapped("日本語", 4), ["日本", "語"]);
        assert_eq!(wrapped("step:ryot.forward", 16), ["step:ryot.", "forward"]);
        assert_eq!(wrapped("halve step:ryot.forward", 17), ["halve", "step:ryot.forward"]);
        let mut out = String::new();
        paragraph_indented(&mut out, "one two three", 8, "  ");
        assert_eq!(out, "one\n  two\n  three\n");
    }
}
