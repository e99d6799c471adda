//! A Markdown or plain text cut into headings, tables, lines and code, each with its line.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// A piece of the text.
#[derive(Debug, PartialEq)]
pub(super) enum Block {
    Heading {
        level: usize,
        text: String,
        line: u32,
    },
    Table {
        header: Vec<String>,
        rows: Vec<(u32, Vec<String>)>,
        line: u32,
    },
    /// A line of a paragraph or of a list, and how far it is indented.
    Line {
        text: String,
        line: u32,
        indent: usize,
    },
    Code {
        text: String,
        line: u32,
    },
    /// The end of a paragraph or list.
    Break,
}

/// Cells of a table and rows that are read.
const MAX_CELLS: usize = 200_000;

/// Where each line of the text begins.
struct Lines(Vec<usize>);

impl Block {
    /// The line that it begins on; 0 for a break.
    pub(super) const fn line(&self) -> u32 {
        match self {
            Self::Heading { line, .. }
            | Self::Table { line, .. }
            | Self::Line { line, .. }
            | Self::Code { line, .. } => *line,
            Self::Break => 0,
        }
    }
}

impl Lines {
    fn of(text: &str) -> Self {
        Self(
            std::iter::once(0)
                .chain(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1))
                .collect(),
        )
    }

    fn at(&self, offset: usize) -> u32 {
        u32::try_from(self.0.partition_point(|start| *start <= offset)).unwrap_or(u32::MAX)
    }
}

/// Cuts `text` into blocks.
#[expect(clippy::too_many_lines, reason = "one arm for each event of the parser")]
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let lines = Lines::of(text);
    let mut blocks = Vec::new();
    let mut state = State::default();
    let mut cells = 0;
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        let line = lines.at(range.start);
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                state.flush(&mut blocks);
                state.heading = Some((level as usize, line));
            }
            Event::End(TagEnd::Heading(_)) => {
                let text = std::mem::take(&mut state.text);
                if let Some((level, line)) = state.heading.take() {
                    blocks.push(Block::Heading { level, text: text.trim().to_owned(), line });
                }
            }
            Event::Start(Tag::List(_)) => state.depth += 1,
            Event::End(TagEnd::List(_)) => {
                state.flush(&mut blocks);
                state.depth = state.depth.saturating_sub(1);
                if state.depth == 0 {
                    blocks.push(Block::Break);
                }
            }
            Event::Start(Tag::Item | Tag::Paragraph) => {
                state.flush(&mut blocks);
                state.line = line;
            }
            Event::End(TagEnd::Item) => state.flush(&mut blocks),
            Event::End(TagEnd::Paragraph) => {
                state.flush(&mut blocks);
                if state.depth == 0 {
                    blocks.push(Block::Break);
                }
            }
            Event::Start(Tag::CodeBlock(kind)) => {
                state.flush(&mut blocks);
                // An indented block begins with its text, a fenced one a line later.
                state.code = Some(if matches!(kind, CodeBlockKind::Fenced(_)) { line + 1 } else { line });
            }
            Event::End(TagEnd::CodeBlock) => {
                let text = std::mem::take(&mut state.text);
                if let Some(line) = state.code.take() {
                    blocks.push(Block::Code { text, line });
                }
            }
            Event::Start(Tag::Table(_)) => {
                state.flush(&mut blocks);
                state.table = Some((Vec::new(), line));
            }
            Event::Start(Tag::TableHead | Tag::TableRow) => state.row = Some((line, Vec::new())),
            Event::End(TagEnd::TableHead | TagEnd::TableRow) => {
                if let (Some(row), Some((rows, _))) = (state.row.take(), state.table.as_mut())
                    && cells < MAX_CELLS
                {
                    cells += row.1.len();
                    rows.push(row);
                }
            }
            Event::End(TagEnd::TableCell) => {
                let text = std::mem::take(&mut state.text).trim().to_owned();
                if let Some((_, cells)) = &mut state.row {
                    cells.push(text);
                }
            }
            Event::End(TagEnd::Table) => {
                if let Some((mut rows, line)) = state.table.take().filter(|(rows, _)| !rows.is_empty()) {
                    let (_, header) = rows.remove(0);
                    blocks.push(Block::Table { header, rows, line });
                }
            }
            Event::Text(words) | Event::Code(words) => {
                if state.text.is_empty() && state.code.is_none() && state.heading.is_none() {
                    state.line = line;
                }
                state.text.push_str(&words);
            }
            Event::SoftBreak | Event::HardBreak if state.heading.is_some() || state.row.is_some() => {
                state.text.push(' ')
            }
            Event::SoftBreak | Event::HardBreak => state.flush(&mut blocks),
            Event::InlineHtml(words) if words.trim_start_matches('<').to_lowercase().starts_with("br") => {
                state.text.push(' ')
            }
            Event::Html(words) => {
                let plain = without_tags(&words);
                if !plain.trim().is_empty() {
                    blocks.push(Block::Line { text: plain, line, indent: 0 });
                }
            }
            _ => {}
        }
    }
    state.flush(&mut blocks);
    blocks
}

/// A row of a table and its line.
type Cells = (u32, Vec<String>);

#[derive(Default)]
struct State {
    text: String,
    line: u32,
    depth: usize,
    heading: Option<(usize, u32)>,
    code: Option<u32>,
    table: Option<(Vec<Cells>, u32)>,
    row: Option<Cells>,
}

impl State {
    /// Ends the line that is being collected.
    fn flush(&mut self, blocks: &mut Vec<Block>) {
        if self.heading.is_some() || self.code.is_some() || self.row.is_some() {
            return;
        }
        let text = std::mem::take(&mut self.text);
        if !text.trim().is_empty() {
            blocks.push(Block::Line { text, line: self.line, indent: self.depth });
        }
    }
}

/// The text between tags.
pub(super) fn without_tags(html: &str) -> String {
    let mut plain = String::new();
    let mut inside = false;
    for letter in html.chars() {
        match letter {
            '<' => inside = true,
            '>' => {
                inside = false;
                plain.push(' ');
            }
            letter if !inside => plain.push(letter),
            _ => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_tables_lists_and_lines_keep_their_places() {
        let text = "# A\n\nfirst line\nsecond **line**\n\n- one: 1 ms\n  - two: `2` ms\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\ncode: 3\n```\n";
        let found = blocks(text);
        assert_eq!(found[0], Block::Heading { level: 1, text: "A".into(), line: 1 });
        assert_eq!(found[1], Block::Line { text: "first line".into(), line: 3, indent: 0 });
        assert_eq!(found[2], Block::Line { text: "second line".into(), line: 4, indent: 0 });
        assert!(found.contains(&Block::Line { text: "two: 2 ms".into(), line: 7, indent: 2 }), "{found:?}");
        assert!(
            found.contains(&Block::Table {
                header: vec!["a".into(), "b".into()],
                rows: vec![(11, vec!["1".into(), "2".into()])],
                line: 9
            }),
            "{found:?}"
        );
        assert!(found.contains(&Block::Code { text: "code: 3\n".into(), line: 14 }), "{found:?}");
    }
}
