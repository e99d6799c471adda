//! Tables and headings of an HTML page, as Markdown.

/// Elements whose content is no text.
const SKIPPED: [&str; 4] = ["style", "script", "svg", "head"];

/// The page as Markdown: headings, tables, and a line for each block of text.
pub(super) fn to_markdown(html: &str) -> String {
    let mut text = String::with_capacity(html.len() / 4);
    let mut rest = html;
    let mut rows = 0_usize;
    let mut cells = 0_usize;
    while let Some(at) = rest.find('<') {
        push(&mut text, &rest[..at]);
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let Some(end) = rest.find('>') else { break };
        let tag = &rest[1..end];
        rest = &rest[end + 1..];
        let is_end = tag.starts_with('/');
        let name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_lowercase();
        if !is_end && SKIPPED.contains(&name.as_str()) && !tag.ends_with('/') {
            let close = format!("</{name}");
            rest = find_ignoring_case(rest, &close).map_or("", |at| &rest[at..]);
            continue;
        }
        match (name.as_str(), is_end) {
            ("table", false) => {
                rows = 0;
                text.push_str("\n\n");
            }
            ("tr", false) => {
                cells = 0;
                text.push_str("\n|");
            }
            ("tr", true) => {
                if rows == 0 {
                    text.push_str("\n|");
                    text.push_str(&" --- |".repeat(cells.min(200)));
                }
                rows += 1;
            }
            ("td" | "th", true) => {
                cells += 1;
                text.push_str(" |");
            }
            ("h1" | "h2" | "h3" | "h4", false) => text.push_str("\n\n# "),
            ("h1" | "h2" | "h3" | "h4" | "p" | "table", true) => text.push_str("\n\n"),
            ("br" | "li" | "div" | "dt" | "dd", false) => {
                text.push_str(if rows > 0 && cells > 0 { " " } else { "\n" })
            }
            _ => {}
        }
    }
    push(&mut text, rest);
    text
}

/// Adds text without the entities that pages use.
fn push(text: &mut String, words: &str) {
    let words = words.replace(['\n', '\r', '\t', '|'], " ");
    let plain =
        [("&lt;", "<"), ("&gt;", ">"), ("&nbsp;", " "), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")]
            .iter()
            .fold(
                words,
                |words, (entity, letter)| {
                    if words.contains('&') { words.replace(entity, letter) } else { words }
                },
            );
    text.push_str(&plain);
}

fn find_ignoring_case(text: &str, wanted: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    bytes.windows(wanted.len()).position(|window| window.eq_ignore_ascii_case(wanted.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::to_markdown;

    #[test]
    fn tables_and_headings_are_kept() {
        let text = to_markdown(
            "<html><head><title>x</title></head><body><h1>Run</h1><svg><text>1</text></svg><table><tr><th>Name</th><th>Mean</th></tr><tr><td>a</td><td>1&nbsp;ms</td></tr></table></body></html>",
        );
        assert!(text.contains("# Run"));
        assert!(text.contains("|Name |Mean |\n| --- | --- |"), "{text}");
        assert!(text.contains("|a |1 ms |"));
        assert!(!text.contains("<"));
        assert!(!to_markdown("<table><tr><td>").is_empty());
    }
}
