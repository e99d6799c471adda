//! Charts in characters: bars, sparklines, and tables where a chart has few points.

use super::grid;
use crate::measure::Cause;
use crate::report::page::{
    Axis, Interval, Intervals, Lines, Scale, Series, Stack, StackRow, Table, Waterfall,
};
use crate::report::words::{duration, in_unit, share};

/// Cells of a bar that stands for the whole, and fewest.
const BAR: usize = 16;
/// Rows up to which a stack is set as columns side by side.
const FEW: usize = 2;
/// Causes that a brief page shows, and their least share.
const LARGEST: usize = 4;
const LEAST: f64 = 0.02;
/// Points up to which curves are a table.
const POINTS: usize = 8;
/// Cells of a sparkline.
const SPARKS: usize = 48;

/// A bar for a share in 0..1 of `cells` cells, in eighths of a cell.
fn bar(share: f64, cells: usize) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    if !share.is_finite() {
        return String::new();
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 8 × cells")]
    #[expect(clippy::cast_precision_loss, reason = "a width of a screen")]
    let eighths = (share.clamp(0.0, 1.0) * (8 * cells) as f64).round() as usize;
    let mut bar = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        bar.push(EIGHTHS[eighths % 8]);
    }
    bar
}

fn part_of(row: &StackRow, cause: Cause) -> f64 {
    row.parts.iter().filter(|part| part.0 == cause).map(|part| part.1).sum()
}

fn causes(stack: &Stack) -> Vec<Cause> {
    let occurs = |cause: &Cause| stack.rows.iter().any(|row| part_of(row, *cause) != 0.0);
    Cause::ALL.into_iter().filter(occurs).collect()
}

/// Few bars side by side, a row for each cause; many as a row of shares each.
pub(super) fn stack(out: &mut String, stack: &Stack, width: usize) {
    let causes = causes(stack);
    let of = |row: &StackRow, cause| {
        let whole = row.total();
        if whole > 0.0 { part_of(row, cause) / whole } else { 0.0 }
    };
    if stack.rows.len() > FEW {
        let mut head = vec![String::new(), "total".into()];
        head.extend(causes.iter().map(|cause| cause.label().to_owned()));
        let row = |row: &StackRow| {
            let mut cells = vec![row.label.clone(), duration(row.total())];
            cells.extend(causes.iter().map(|&cause| share(of(row, cause))));
            cells
        };
        let rows = stack.rows.iter().map(row).collect();
        grid::table(out, &Table { caption: stack.caption.clone(), head, rows, words: 1 }, width);
        return;
    }
    let mut table = table_of(stack, &causes, &causes, width);
    let mut sum = vec!["sum".to_owned()];
    for row in &stack.rows {
        sum.extend([duration(row.total()), String::new(), String::new()]);
    }
    table.rows.push(sum);
    grid::table(out, &table, width);
}

/// The largest causes of a few bars alone, under the section's title: what an answer rests on.
pub(super) fn brief_stack(out: &mut String, whole: &Stack, title: &str, width: usize) {
    let of = |row: &StackRow, cause| part_of(row, cause) / row.total().max(f64::MIN_POSITIVE);
    let weight = |cause: Cause| whole.rows.iter().map(|row| of(row, cause)).fold(0.0, f64::max);
    let mut kept = causes(whole);
    kept.sort_by(|a, b| weight(*b).total_cmp(&weight(*a)));
    kept.truncate(LARGEST);
    kept.retain(|cause| weight(*cause) >= LEAST);
    let shown = Stack { caption: title.to_owned(), ..whole.clone() };
    if whole.rows.len() > FEW {
        return stack(out, &shown, width);
    }
    grid::table(out, &table_of(&shown, &causes(whole), &kept, width), width);
}

/// Few bars side by side: the causes `kept` in a row each, the others in one.
fn table_of(stack: &Stack, all: &[Cause], kept: &[Cause], width: usize) -> Table {
    let of = |row: &StackRow, cause| part_of(row, cause) / row.total().max(f64::MIN_POSITIVE);
    // Beside a bar stand its cause (once), a time and a share.
    let room = width.saturating_sub(20) / stack.rows.len().max(1);
    let long = room.saturating_sub(20).clamp(4, BAR);
    let mut head = vec![stack.caption.clone()];
    for row in &stack.rows {
        head.extend([row.label.clone(), String::new(), " ".repeat(long)]);
    }
    let cells = |time: f64, part: f64| {
        let bar = bar(part, long);
        let room = " ".repeat(long.saturating_sub(bar.chars().count()));
        [duration(time), share(part), format!("{bar}{room}")]
    };
    let mut rows: Vec<Vec<String>> = kept
        .iter()
        .map(|&cause| {
            let row = stack.rows.iter().flat_map(|row| cells(part_of(row, cause), of(row, cause)));
            std::iter::once(cause.label().to_owned()).chain(row).collect()
        })
        .collect();
    let others: Vec<Cause> = all.iter().copied().filter(|cause| !kept.contains(cause)).collect();
    if !others.is_empty() {
        let sum = |row: &StackRow, of: &dyn Fn(&StackRow, Cause) -> f64| {
            others.iter().map(|&cause| of(row, cause)).sum::<f64>()
        };
        let row = stack.rows.iter().flat_map(|row| cells(sum(row, &part_of), sum(row, &of)));
        let name = match others.as_slice() {
            [one] => one.label().to_owned(),
            several => format!("{} others", several.len()),
        };
        rows.push(std::iter::once(name).chain(row).collect());
    }
    Table { caption: String::new(), head, rows, words: 1 }
}

pub(super) fn intervals(out: &mut String, chart: &Intervals, width: usize) {
    let show = |value| in_unit(chart.unit, value);
    let row = |row: &Interval| {
        let range = format!("[{}, {}]", show(row.low), show(row.high));
        vec![row.label.clone(), row.verdict.clone(), show(row.value), range]
    };
    let rows = chart.rows.iter().map(row).collect();
    grid::table(
        out,
        &Table::new("", &format!("{} | | change | interval", chart.caption.replace('|', "/")), 2, rows),
        width,
    );
}

pub(super) fn waterfall(out: &mut String, chart: &Waterfall, width: usize) {
    let show = |value| in_unit(chart.unit, value);
    let largest = chart.parts.iter().map(|part| part.value.abs()).fold(0.0, f64::max);
    let mut rows = vec![vec![chart.from.0.clone(), String::new(), show(chart.from.1), String::new()]];
    rows.extend(chart.parts.iter().map(|part| {
        let half = part.half_width.map_or_else(String::new, |half| format!("± {}", show(half)));
        vec![format!("  {}", part.label), bar(part.value.abs() / largest, BAR), show(part.value), half]
    }));
    rows.push(vec![chart.to.0.clone(), String::new(), show(chart.to.1), String::new()]);
    grid::table(out, &Table::new(chart.caption.clone(), "||adds|", 2, rows), width);
}

/// Curves of few points as a table, a row for each; others as sparklines with their ends.
pub(super) fn lines(out: &mut String, chart: &Lines, width: usize) {
    let mut places: Vec<f64> =
        chart.series.iter().flat_map(|line| line.points.iter().map(|point| point.0)).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    if places.len() > POINTS {
        return sparklines(out, chart, width);
    }
    let mut head = vec![chart.x.label.clone()];
    head.extend(places.iter().map(|&place| in_unit(chart.x.unit, place)));
    let at = |line: &Series, place: f64| {
        let point = line.points.iter().find(|point| point.0.total_cmp(&place).is_eq());
        point.map_or_else(String::new, |point| in_unit(chart.y.unit, point.1))
    };
    let row = |line: &Series| {
        let mut row = vec![line.name.clone()];
        row.extend(places.iter().map(|&place| at(line, place)));
        row
    };
    let rows = chart.series.iter().map(row).collect();
    grid::table(out, &Table { caption: chart.caption.clone(), head, rows, words: 1 }, width);
}

fn sparklines(out: &mut String, chart: &Lines, width: usize) {
    let room = SPARKS.min(width.saturating_sub(32)).max(8);
    let row = |line: &Series| {
        let figures = || line.points.iter().map(|point| point.1).filter(|value| value.is_finite());
        let (low, high) = (figures().fold(f64::INFINITY, f64::min), figures().fold(0.0, f64::max));
        vec![
            line.name.clone(),
            spark(line, &chart.x, room),
            in_unit(chart.y.unit, low),
            in_unit(chart.y.unit, high),
        ]
    };
    let rows = chart.series.iter().filter(|line| !line.points.is_empty()).map(row).collect();
    grid::table(
        out,
        &Table::new("", &format!("{} | | least | most", chart.caption.replace('|', "/")), 1, rows),
        width,
    );
}

/// The curve in `cells` characters, by the largest value that falls to each; and the last one where none does.
#[expect(clippy::cast_precision_loss, reason = "a number of cells")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index within the cells")]
fn spark(line: &Series, x: &Axis, cells: usize) -> String {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let at = |value: f64| match x.scale {
        Scale::Percentile => -(1.0 - value).max(1e-9).ln(),
        Scale::Log => value.max(f64::MIN_POSITIVE).ln(),
        Scale::Linear | Scale::Fitting => value,
    };
    let points = || line.points.iter().filter(|point| point.0.is_finite() && point.1.is_finite());
    let from = points().map(|point| at(point.0)).fold(f64::INFINITY, f64::min);
    let to = points().map(|point| at(point.0)).fold(f64::NEG_INFINITY, f64::max);
    let top = points().map(|point| point.1).fold(0.0, f64::max);
    let mut largest = vec![f64::NAN; cells];
    for point in points() {
        let place = (at(point.0) - from) / (to - from).max(f64::MIN_POSITIVE) * (cells - 1) as f64;
        let cell = &mut largest[(place.round() as usize).min(cells - 1)];
        *cell = cell.max(point.1);
    }
    // Between two points a curve goes on as it was.
    let mut last = 0.0;
    let character = |value: f64| {
        last = if value.is_nan() { last } else { value };
        if top > 0.0 { LEVELS[((last / top * 7.0).round() as usize).min(7)] } else { LEVELS[0] }
    };
    largest.into_iter().map(character).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_share() {
        assert_eq!(bar(0.0, 8), "");
        assert_eq!(bar(1.0, 8).chars().count(), 8);
        assert_eq!(bar(0.5, 8).chars().count(), 4);
        assert_eq!(bar(-0.1, 8), "");
        assert_eq!(bar(f64::NAN, 8), "");
    }

    #[test]
    fn a_curve_rises_in_its_sparkline() {
        let line =
            Series { points: (0..8).map(|x| (f64::from(x), f64::from(x))).collect(), ..Series::default() };
        assert_eq!(spark(&line, &Axis::default(), 8), "▁▂▃▄▅▆▇█");
    }
}
