//! Tables in plain text whose columns are set apart by spaces, with a rule of dashes below the header.

use super::blocks::Block;

/// Finds the tables, and the text without them.
pub(super) fn tables(text: &str) -> (Vec<Block>, String) {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    let mut kept: Vec<&str> = lines.clone();
    let mut at = 1;
    while at < lines.len() {
        let columns = cells(lines[at - 1]);
        if !is_rule(lines[at]) || columns.len() < 2 || lines[at - 1].contains('|') {
            at += 1;
            continue;
        }
        let mut rows = Vec::new();
        let mut end = at + 1;
        while end < lines.len() && !lines[end].trim().is_empty() {
            let row = cells(lines[end]);
            if is_rule(lines[end]) {
                end += 1;
                continue;
            }
            if row.len() != columns.len() {
                break;
            }
            rows.push((line_number(end), row));
            end += 1;
        }
        if rows.is_empty() {
            at += 1;
            continue;
        }
        found.push(Block::Table { header: columns, rows, line: line_number(at - 1) });
        kept[at - 1..end].fill("");
        at = end + 1;
    }
    if found.is_empty() {
        return (found, text.to_owned());
    }
    (found, kept.join("\n"))
}

/// Puts the tables where they stood among the other blocks.
pub(super) fn merge(tables: Vec<Block>, blocks: &mut Vec<Block>) {
    for table in tables.into_iter().rev() {
        let place = blocks.iter().position(|block| block.line() > table.line()).unwrap_or(blocks.len());
        blocks.insert(place, table);
    }
}

fn line_number(index: usize) -> u32 {
    u32::try_from(index + 1).unwrap_or(u32::MAX)
}

/// A line of dashes and nothing else.
fn is_rule(line: &str) -> bool {
    let line = line.trim();
    line.chars().count() >= 8
        && line.chars().all(|letter| matches!(letter, '-' | '=' | '─' | '━' | '+' | ' ' | '|'))
}

/// Cells that two spaces or a tab set apart.
fn cells(line: &str) -> Vec<String> {
    line.replace('\t', "  ")
        .split("  ")
        .map(str::trim)
        .filter(|cell| !cell.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligned_columns_are_a_table() {
        let (found, rest) = tables(
            "Results\n\nName      Mean (ms)   p99 (ms)\n------------------------------\nread      1.2         3.4\nwrite     2.3         5.6\n\nend\n",
        );
        assert_eq!(found.len(), 1);
        assert!(matches!(&found[0], Block::Table { rows, line: 3, .. } if rows.len() == 2));
        assert!(!rest.contains("read") && rest.contains("end"));
    }
}
