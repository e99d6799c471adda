//! Pages for terminals without UTF-8: other characters are replaced before lines are laid out, so that columns stay in line
//! although `±` becomes two characters.

use crate::report::page::{
    Axis, Block, Interval, Notice, Page, Section, Series, StackRow, Table, WaterfallPart,
};

/// `page` in ASCII.
#[must_use]
pub fn ascii_page(page: &Page) -> Page {
    let mut page = page.clone();
    for text in [&mut page.kicker, &mut page.title, &mut page.question, &mut page.answer, &mut page.certainty]
    {
        *text = ascii(text);
    }
    page.alarms.iter_mut().for_each(notice);
    if let Some(next) = &mut page.next {
        (next.command, next.why) = (ascii(&next.command), ascii(&next.why));
    }
    if let Some(verdict) = &mut page.verdict {
        verdict.text = ascii(&verdict.text);
    }
    for fact in &mut page.facts {
        (fact.label, fact.value) = (ascii(&fact.label), ascii(&fact.value));
    }
    for Section { title, lead, blocks, .. } in &mut page.sections {
        (*title, *lead) = (ascii(title), ascii(lead));
        blocks.iter_mut().for_each(block);
    }
    page
}

fn notice(notice: &mut Notice) {
    for text in [&mut notice.code, &mut notice.message, &mut notice.remedy] {
        *text = ascii(text);
    }
}

fn table(table: &mut Table) {
    table.caption = ascii(&table.caption);
    for cell in table.head.iter_mut().chain(table.rows.iter_mut().flatten()) {
        *cell = ascii(cell);
    }
}

fn block(block: &mut Block) {
    match block {
        Block::Text(text) | Block::Code(text) => *text = ascii(text),
        Block::Notices(list) => list.iter_mut().for_each(notice),
        Block::Table(content) => table(content),
        Block::Pairs(pairs) => {
            for (name, value) in pairs {
                (*name, *value) = (ascii(name), ascii(value));
            }
        }
        Block::Stack(content) => {
            content.caption = ascii(&content.caption);
            for StackRow { label, .. } in &mut content.rows {
                *label = ascii(label);
            }
        }
        Block::Lines(content) => {
            content.caption = ascii(&content.caption);
            for Axis { label, .. } in [&mut content.x, &mut content.y] {
                *label = ascii(label);
            }
            for Series { name, .. } in &mut content.series {
                *name = ascii(name);
            }
        }
        Block::Timeline(lanes) => lanes.caption = ascii(&lanes.caption),
        Block::Intervals(content) => {
            content.caption = ascii(&content.caption);
            for Interval { label, verdict, .. } in &mut content.rows {
                (*label, *verdict) = (ascii(label), ascii(verdict));
            }
        }
        Block::Waterfall(content) => {
            content.caption = ascii(&content.caption);
            (content.from.0, content.to.0) = (ascii(&content.from.0), ascii(&content.to.0));
            for WaterfallPart { label, .. } in &mut content.parts {
                *label = ascii(label);
            }
        }
        Block::Picture(picture) => picture.description = ascii(&picture.description),
        Block::Details { summary, blocks } => {
            *summary = ascii(summary);
            blocks.iter_mut().for_each(self::block);
        }
    }
}

/// Replaces the characters that conlab uses beyond ASCII; whatever else there is becomes `?`.
#[must_use]
pub fn ascii(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            _ if c.is_ascii() => plain.push(c),
            'µ' | 'μ' => plain.push('u'),
            '×' => plain.push('x'),
            '·' | '•' => plain.push('-'),
            '±' => plain.push_str("+-"),
            '≤' => plain.push_str("<="),
            '≥' => plain.push_str(">="),
            '≈' => plain.push('~'),
            '→' => plain.push_str("->"),
            '←' => plain.push_str("<-"),
            '−' | '–' | '—' | '─' | '━' | '╌' | '═' => plain.push('-'),
            '│' | '┃' | '┆' | '║' => plain.push('|'),
            '█' | '▉' | '▊' | '▋' | '▌' | '▓' | '■' | '▇' | '▆' | '▅' => plain.push('#'),
            '▒' | '▄' | '▃' => plain.push('='),
            '▍' | '▎' | '▏' | '░' | '▂' | '▁' | '…' => plain.push('.'),
            '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' | '╭' | '╮' | '╯' | '╰' | '╞' | '╡' | '╪' =>
            {
                plain.push('+');
            }
            'Σ' => plain.push('S'),
            '’' | '‘' => plain.push('\''),
            '“' | '”' => plain.push('"'),
            '✓' => plain.push_str("ok"),
            '✗' => plain.push('x'),
            ' ' | '\u{202f}' => plain.push(' '),
            _ => plain.push('?'),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_keeps_the_meaning() {
        assert_eq!(ascii("12.3 µs ± 4 → █░"), "12.3 us +- 4 -> #.");
        assert_eq!(ascii("a · b × 2 █▊▎"), "a - b x 2 ##.");
        assert!(ascii("日本│").is_ascii());
    }
}
