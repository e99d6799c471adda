//! One self-contained HTML page: no network, light and dark, for screens of any width and for paper.

mod axis;
mod bars;
pub(in crate::report) mod escape;
mod lines;
mod timeline;

use crate::report::page::{Block, Notice, Page, Section, Table};
use bars::tone_class;
use escape::{Escaped, Lines, Prose, put};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("zoom.js");

/// `page` as a whole HTML document.
#[must_use]
pub fn html(page: &Page) -> String {
    let mut out = String::with_capacity(64 * 1024);
    put!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{} – conlab</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\
         <style>{STYLE}</style></head><body><a class=\"skip\" href=\"#content\">Skip to the content</a>",
        Escaped(&page.title)
    );
    head(&mut out, page);
    put!(out, "<div class=\"columns\"><nav aria-label=\"Sections\"><ol>");
    for section in &page.sections {
        put!(out, "<li><a href=\"#{}\">{}</a></li>", Escaped(&section.id), Escaped(&section.title));
    }
    put!(out, "</ol></nav><main id=\"content\">");
    for each in &page.sections {
        section(&mut out, each);
    }
    put!(
        out,
        "</main></div><footer>Made by conlab {}. This page is self-contained: it loads nothing and sends nothing.</footer>\
         <script>{SCRIPT}</script></body></html>\n",
        env!("CARGO_PKG_VERSION")
    );
    out
}

fn head(out: &mut String, page: &Page) {
    put!(out, "<header><p class=\"kicker\">{}</p><h1>{}</h1>", Escaped(&page.kicker), Escaped(&page.title));
    if !page.question.is_empty() {
        put!(out, "<p class=\"question\">{}</p>", Prose(&page.question));
    }
    if !page.alarms.is_empty() {
        notices(out, &page.alarms);
    }
    if !page.answer.is_empty() {
        put!(out, "<p class=\"answer\">{}</p>", Prose(&page.answer));
    }
    if !page.certainty.is_empty() {
        put!(out, "<p class=\"certainty\">{}</p>", Prose(&page.certainty));
    }
    if let Some(next) = &page.next {
        put!(out, "<p class=\"next\">Next: <code>{}</code> {}</p>", Escaped(&next.command), Prose(&next.why));
    }
    if let Some(verdict) = &page.verdict {
        put!(out, "<p class=\"verdict {}\">{}</p>", tone_class(verdict.tone), Escaped(&verdict.text));
    }
    if !page.facts.is_empty() {
        put!(out, "<dl class=\"facts\">");
        for fact in &page.facts {
            put!(
                out,
                "<div><dt>{}</dt><dd>{}<small>{}</small></dd></div>",
                Escaped(&fact.label),
                Escaped(&fact.value),
                Escaped(&fact.note)
            );
        }
        put!(out, "</dl>");
    }
    put!(out, "</header>");
}

fn section(out: &mut String, section: &Section) {
    let id = Escaped(&section.id);
    put!(out, "<section id=\"{id}\"><h2>{}</h2>", Escaped(&section.title));
    if !section.lead.is_empty() {
        put!(out, "<p class=\"lead\">{}</p>", Prose(&section.lead));
    }
    for each in &section.blocks {
        block(out, each);
    }
    put!(out, "</section>");
}

fn block(out: &mut String, block_: &Block) {
    match block_ {
        Block::Text(text) => put!(out, "<p>{}</p>", Prose(text)),
        Block::Notices(list) => notices(out, list),
        Block::Table(content) => table(out, content),
        Block::Pairs(list) => {
            put!(out, "<dl class=\"pairs\">");
            for (name, value) in list {
                put!(out, "<div><dt>{}</dt><dd>{}</dd></div>", Escaped(name), Escaped(value));
            }
            put!(out, "</dl>");
        }
        Block::Stack(content) => bars::stack(out, content),
        Block::Lines(content) => lines::chart(out, content),
        Block::Timeline(content) => timeline::timeline(out, content),
        Block::Intervals(content) => bars::intervals(out, content),
        Block::Waterfall(content) => bars::waterfall(out, content),
        Block::Details { summary, blocks } => {
            put!(out, "<details><summary>{}</summary>", Escaped(summary));
            for each in blocks {
                block(out, each);
            }
            put!(out, "</details>");
        }
        Block::Picture(picture) => {
            put!(
                out,
                "<figure class=\"picture\"><figcaption>{0}</figcaption><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\">{1}</div></figure>",
                Escaped(&picture.caption),
                picture.svg
            );
        }
        Block::Code(text) => {
            put!(out, "<pre tabindex=\"0\"><code>{}</code></pre>", Lines(text));
        }
    }
}

fn notices(out: &mut String, notices: &[Notice]) {
    put!(out, "<ul class=\"notices\">");
    for notice in notices {
        put!(
            out,
            "<li class=\"{}\"><b>{}</b><p>{}</p>",
            tone_class(notice.tone),
            Escaped(&notice.code),
            Prose(&notice.message)
        );
        if !notice.remedy.is_empty() {
            put!(out, "<p class=\"remedy\">→ {}</p>", Prose(&notice.remedy));
        }
        put!(out, "</li>");
    }
    put!(out, "</ul>");
}

fn table(out: &mut String, table: &Table) {
    // Tables of many columns are set closer, to fit a screen whole.
    let many = if table.head.len() > 10 { " class=\"many\"" } else { "" };
    let name = if table.caption.is_empty() { table.head.join(", ") } else { table.caption.clone() };
    put!(
        out,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table: {}\"><table{many}>",
        Escaped(name.trim_start_matches(", "))
    );
    if !table.caption.is_empty() {
        put!(out, "<caption>{}</caption>", Escaped(&table.caption));
    }
    let class = |column: usize| if column < table.words { " class=\"word\"" } else { "" };
    put!(out, "<thead><tr>");
    for (column, name) in table.head.iter().enumerate() {
        // A header without words is none.
        let tag = if name.trim().is_empty() { "td" } else { "th scope=\"col\"" };
        put!(out, "<{tag}{}>{}</{}>", class(column), Escaped(name), &tag[..2]);
    }
    put!(out, "</tr></thead><tbody>");
    for row in &table.rows {
        put!(out, "<tr>");
        for (column, cell) in row.iter().enumerate() {
            if column == 0 && !cell.trim().is_empty() {
                put!(out, "<th scope=\"row\">{}</th>", Escaped(cell));
            } else {
                put!(out, "<td{}>{}</td>", class(column), Escaped(cell));
            }
        }
        put!(out, "</tr>");
    }
    put!(out, "</tbody></table></div>");
}
