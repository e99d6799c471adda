//! Plain tables for commands that print one without a page.

/// Characters between two columns.
const GAP: usize = 2;

/// Rows below a head; the first `words` columns, and those without a title, are aligned to the left, the others to the right.
/// Control characters are shown as `�`, since names come from files of others.
#[must_use]
pub fn plain_table(head: &[&str], rows: Vec<Vec<String>>, words: usize) -> String {
    let shown = |cell: &String| -> String {
        cell.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
    };
    let mut all: Vec<Vec<String>> = vec![head.iter().map(|title| (*title).to_owned()).collect()];
    all.extend(rows.iter().map(|row| row.iter().map(shown).collect()));
    let width =
        |column: usize| all.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..head.len()).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for (number, row) in all.iter().enumerate() {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let pad = " ".repeat(widths.get(column).map_or(0, |width| width - cell.chars().count()));
            let left = column < words || head.get(column).is_none_or(|title| title.is_empty());
            line.push_str(&if left { format!("{cell}{pad}") } else { format!("{pad}{cell}") });
            line.push_str(&" ".repeat(GAP));
        }
        text.push_str(line.trim_end());
        text.push('\n');
        if number == 0 {
            let length = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
            text.push_str(&"─".repeat(length));
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_to_the_left_and_figures_to_the_right() {
        let rows = vec![vec!["a\u{1b}b".into(), "5".into()], vec!["c".into(), "1000".into()]];
        assert_eq!(
            plain_table(&["name", "n"], rows, 1),
            "name     n\n──────────\na\u{fffd}b      5\nc     1000\n"
        );
    }
}
