//! Tables: a row is a benchmark and the columns are statistics, or a row is a metric and the columns are runs.

use super::super::super::figure::Figure;
use super::super::super::report::{Report, Share, Stat};
use super::super::super::statement::{Fact, Range, Statement};
use super::super::super::text::shortened;
use super::super::number::{Quantity, Unit, cell, unit};
use super::super::row::Row;
use super::super::vocabulary::{Label, Topic, label};
use super::facts;
use super::lines::{Section, arm_of, clean};
use super::phrase::{Found, quantities, unit_name};

/// What a column holds.
#[derive(Clone, Debug, PartialEq)]
enum Column {
    /// Names of rows.
    Name,
    /// A statistic, a rate, a count: the label says which.
    Figure(Box<Label>),
    /// A run or a state: its name.
    Run(String),
    Target,
    Verdict,
    Headroom,
    /// What changed between two runs, in per cent, as a factor or as a difference.
    Change,
    /// Percentages of a whole.
    Share,
    /// Units of the figures in the row.
    Unit,
    Other,
}

fn has(text: &str, words: &[&str]) -> bool {
    text.split(|letter: char| !(letter.is_alphanumeric() || letter == '%')).any(|word| words.contains(&word))
}

/// Words of headers, by what their columns hold.
const TARGETS: [&str; 11] = [
    "target",
    "targets",
    "goal",
    "slo",
    "threshold",
    "limit",
    "bound",
    "requirement",
    "expected",
    "budget",
    "sla",
];
const ROOMS: [&str; 2] = ["headroom", "margin"];
const VERDICTS: [&str; 7] = ["status", "verdict", "met", "pass", "ok", "passed", "result?"];
const CHANGES: [&str; 18] = [
    "change",
    "improvement",
    "speedup",
    "delta",
    "δ",
    "diff",
    "difference",
    "gain",
    "reduction",
    "gap",
    "savings",
    "saving",
    "relative",
    "ratio",
    "faster",
    "factor",
    "advantage",
    "win",
];
const UNITS: [&str; 2] = ["unit", "units"];
const SHARES: [&str; 12] = [
    "share",
    "% of",
    "%age",
    "self time",
    "self %",
    "breakdown",
    "% time",
    "time %",
    "% total",
    "percentage",
    "portion",
    "fraction of",
];
const NAMES: [&str; 12] = [
    "name",
    "benchmark",
    "test",
    "metric",
    "component",
    "operation",
    "case",
    "scenario",
    "command",
    "function",
    "task",
    "",
];

/// What a column holds, by its header and its cells.
fn column(header: &str, cells: &[&str]) -> Column {
    let lower = header.to_lowercase();
    let figures = cells.iter().filter(|text| first_figure(text).is_some()).count();
    let filled = cells.iter().filter(|text| !clean(text).is_empty()).count();
    let said = label(header);
    if has(&lower, &TARGETS) {
        return Column::Target;
    }
    if has(&lower, &ROOMS) {
        return Column::Headroom;
    }
    if has(&lower, &VERDICTS) && figures * 2 <= filled.max(1) {
        return Column::Verdict;
    }
    if has(&lower, &CHANGES) || lower.contains("speed-up") {
        return Column::Change;
    }
    if has(&lower, &UNITS) {
        return Column::Unit;
    }
    let is_share = SHARES.iter().any(|word| lower.contains(word)) || lower.trim() == "%";
    let percents = cells
        .iter()
        .filter(|text| {
            first_figure(text)
                .is_some_and(|(found, _)| found.unit == Unit::Percent || is_share && found.unit == Unit::None)
        })
        .count();
    if is_share && percents * 2 > filled && said.stat.is_none() && percents > 0 {
        return Column::Share;
    }
    if figures * 2 < filled || figures == 0 {
        return if has(&lower, &NAMES) { Column::Name } else { Column::Other };
    }
    let is_figure = said.stat.is_some()
        || matches!(
            said.topic,
            Topic::Rate(_)
                | Topic::Count
                | Topic::Failures
                | Topic::Concurrency
                | Topic::Wall
                | Topic::Hits
                | Topic::Latency
        );
    // `Mean` of what? Only where a unit of time stands, in the header or in the cells.
    let has_time = matches!(said.topic, Topic::Latency | Topic::Wall)
        || said.factor().is_some()
        || cells
            .iter()
            .any(|text| first_figure(text).is_some_and(|(found, _)| matches!(found.unit, Unit::Time(_))));
    if said.topic == Topic::Unsaid
        && said.stat.is_some()
        && !has_time
        && !matches!(said.stat, Some(Stat::Quantile(_)))
        && arm_of(header).is_none()
    {
        return Column::Figure(Box::new(Label { topic: Topic::Other, ..said }));
    }
    if is_figure && arm_of(header).is_none() {
        return Column::Figure(Box::new(if said.topic == Topic::Unsaid {
            Label { topic: Topic::Latency, ..said }
        } else {
            said
        }));
    }
    if matches!(said.topic, Topic::Size | Topic::Index | Topic::Moment | Topic::Cpu)
        && arm_of(header).is_none()
    {
        return Column::Other;
    }
    Column::Run(clean(header).to_owned())
}

/// The figure that a cell begins with, marks aside; and whether a range stands there.
fn first_figure(text: &str) -> Option<(Quantity, bool)> {
    let text = clean(text);
    let found = quantities(text).first().copied()?;
    // `3-tier caching`, `2 of our five services`: words, not a figure.
    let rest = &text[found.to..];
    let is_words = rest.starts_with('-') && rest[1..].starts_with(char::is_alphabetic)
        || found.unit == Unit::None
            && rest.split_whitespace().filter(|word| word.starts_with(char::is_alphabetic)).count() > 3;
    (!is_words && text[..found.from].chars().filter(|letter| letter.is_alphabetic()).count() == 0)
        .then_some((Quantity { figure: found.low, unit: found.unit }, !found.single()))
}

/// Reads a table.
pub(super) fn read(
    header: &[String],
    rows: &[(u32, Vec<String>)],
    line: u32,
    section: &mut Section,
    report: &mut Report,
) {
    for (place, cells) in rows {
        facts::stamps(&cells.join(" "), *place, section, report);
        facts::scheduled(&cells.join(" "), *place, section, report);
    }
    let columns: Vec<Column> = header
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let cells: Vec<&str> =
                rows.iter().filter_map(|(_, row)| row.get(at)).map(String::as_str).collect();
            if at == 0
                && cells.iter().filter(|text| cell(clean(text), false).is_some()).count() * 2 <= cells.len()
            {
                Column::Name
            } else {
                column(name, &cells)
            }
        })
        .collect();
    let statistics = columns
        .iter()
        .filter(|column| matches!(column, Column::Figure(label) if label.stat.is_some()))
        .count();
    let metrics = rows.iter().filter(|(_, row)| row.first().is_some_and(|name| is_metric(name))).count();
    let by_rows = statistics > 0 || metrics * 2 < rows.len().max(1);
    shares(&columns, rows, line, section, report);
    if by_rows {
        benchmarks(header, &columns, rows, section, report);
    } else {
        runs(header, &columns, rows, section, report);
    }
    for (place, cells) in rows {
        judged(&columns, cells, *place, section, report);
        changed(header, &columns, cells, *place, section, report);
    }
    totals(header, &columns, rows, section, report);
}

/// Whether the name of a row is a metric: `p99 latency`, `Throughput (req/s)`.
fn is_metric(name: &str) -> bool {
    let said = label(clean(name));
    said.stat.is_some()
        || matches!(
            said.topic,
            Topic::Rate(_)
                | Topic::Latency
                | Topic::Count
                | Topic::Hits
                | Topic::Size
                | Topic::Failures
                | Topic::Concurrency
                | Topic::Wall
                | Topic::Cpu
        )
}

/// Each row is a benchmark.
fn benchmarks(
    header: &[String],
    columns: &[Column],
    rows: &[(u32, Vec<String>)],
    section: &Section,
    report: &mut Report,
) {
    for (place, cells) in rows {
        let names: Vec<&str> = cells
            .iter()
            .zip(columns)
            .filter(|(_, column)| **column == Column::Name)
            .map(|(cell, _)| clean(cell))
            .filter(|name| !name.is_empty())
            .collect();
        let mut name = if names.is_empty() {
            cells.first().map_or("", |first| clean(first)).to_owned()
        } else {
            names.join(" ")
        };
        if matches!(columns.first(), Some(Column::Run(_) | Column::Figure(_) | Column::Other))
            && names.is_empty()
        {
            name = format!("{} {name}", header.first().map_or("", |first| clean(first)));
        }
        let name = if name.is_empty() { section.name() } else { name };
        let mut row = Row::new(&name, format!("line {place}"));
        row.common.component = Some(name.clone());
        row.common.arm = section.arm.or_else(|| arm_of(&name));
        row.merge = true;
        // `Name (time in us)`: the unit of all columns stands with the names.
        row.factor = header.first().and_then(|first| label(first).factor());
        for ((text, column), title) in cells.iter().zip(columns).zip(header) {
            if let (Column::Run(run), Some((found, false))) = (column, first_figure(text))
                && matches!(found.unit, Unit::Time(_) | Unit::Rate(..))
            {
                row.common.singles.push((run.clone(), found.base()));
            }
            let Column::Figure(said) = column else { continue };
            let Some((found, is_range)) = first_figure(text) else { continue };
            if is_range {
                continue;
            }
            // `12.3 ± 0.4`: the deviation stands behind the mean.
            if let Some((_, deviation)) = text.split_once('±')
                && let Some(deviation) = cell(deviation, false)
                && said.stat == Some(Stat::Mean)
            {
                let unit = if deviation.unit == Unit::None { found.unit } else { deviation.unit };
                let spread = Label { stat: Some(Stat::Deviation), ..(**said).clone() };
                row.add(&spread, title, Quantity { figure: deviation.figure, unit });
            }
            row.add(said, title, found);
        }
        if row.has_figures() {
            report.benchmarks.extend(row.finish());
        }
    }
}

/// Each column of figures is a run, each row a metric.
fn runs(
    header: &[String],
    columns: &[Column],
    rows: &[(u32, Vec<String>)],
    section: &Section,
    report: &mut Report,
) {
    let units = columns.iter().position(|column| *column == Column::Unit);
    let values: Vec<usize> =
        (0..columns.len()).filter(|at| matches!(columns[*at], Column::Run(_) | Column::Figure(_))).collect();
    for &at in &values {
        let title = clean(&header[at]).to_owned();
        let is_plain = values.len() == 1
            || ["value", "actual", "result", "measured", "current"].contains(&title.to_lowercase().as_str());
        let arm = arm_of(&title).or(section.arm);
        let name = if is_plain { section.name() } else { format!("{}: {title}", section.name()) };
        // A row names its component where its words are more than a statistic.
        let mut made: Vec<(String, Row)> = Vec::new();
        for (place, cells) in rows {
            let (Some(metric), Some(text)) = (cells.first().map(|first| clean(first)), cells.get(at)) else {
                continue;
            };
            let Some((mut found, is_range)) = first_figure(text) else { continue };
            if is_range {
                continue;
            }
            let said = label(metric);
            if found.unit == Unit::None
                && let Some((of_row, _)) =
                    units.and_then(|at| cells.get(at)).and_then(|text| unit(clean(text)))
            {
                found.unit = of_row;
            }
            let is_time = matches!(found.unit, Unit::Time(_)) || said.factor().is_some();
            let said = if said.topic == Topic::Unsaid && said.stat.is_some() && is_time {
                Label { topic: Topic::Latency, ..said }
            } else {
                said
            };
            let component = if said.rest.is_empty() { name.clone() } else { said.rest.join(" ") };
            let key = if arm.is_some() { component.clone() } else { String::new() };
            let place = format!("line {place}");
            let index = made.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
                let own = if arm.is_some() { component.clone() } else { name.clone() };
                let mut row = Row::new(&own, place);
                row.common.arm = arm;
                row.common.component = Some(own);
                row.common.said_concurrent = title.to_lowercase().contains("concurren");
                made.push((key.clone(), row));
                made.len() - 1
            });
            made[index].1.add(&said, metric, found);
        }
        for (_, row) in made {
            if row.has_figures() {
                report.benchmarks.extend(row.finish());
            } else if row.common.count.is_some() {
                report.benchmarks.push(row.common);
            }
        }
    }
}

/// Percentages of one whole, a column of them.
fn shares(
    columns: &[Column],
    rows: &[(u32, Vec<String>)],
    line: u32,
    section: &Section,
    report: &mut Report,
) {
    for (at, _) in columns.iter().enumerate().filter(|(_, column)| **column == Column::Share) {
        let mut parts = Vec::new();
        for (_, cells) in rows {
            let (Some(name), Some(text)) = (cells.first().map(|first| clean(first)), cells.get(at)) else {
                continue;
            };
            let is_total = name.to_lowercase().contains("total") || name.to_lowercase() == "sum";
            if let Some((found, false)) = first_figure(text).filter(|_| !is_total) {
                parts.push(Share { whole: section.under(), name: name.to_owned(), percent: found.figure });
            }
        }
        if parts.len() > 1 {
            let name = section.name();
            let mut benchmark = super::super::super::report::Benchmark {
                place: format!("line {line}"),
                component: Some(name.clone()),
                arm: section.arm,
                ..super::super::super::report::Benchmark::named(name)
            };
            benchmark.metrics = parts.iter().map(|part| part.name.to_lowercase()).collect();
            benchmark.shares = parts;
            report.benchmarks.push(benchmark);
        }
    }
}

fn statement(section: &Section, line: u32, cells: &[String], fact: Fact) -> Statement {
    Statement { line, under: section.under(), text: shortened(&cells.join(" | ")), fact }
}

/// A value against its target: the verdict and the room.
fn judged(columns: &[Column], cells: &[String], line: u32, section: &Section, report: &mut Report) {
    let at = |kind: &Column| columns.iter().position(|column| column == kind).and_then(|at| cells.get(at));
    let Some(target) = at(&Column::Target) else { return };
    let value = columns
        .iter()
        .position(|column| matches!(column, Column::Run(_) | Column::Figure(_)))
        .and_then(|at| cells.get(at))
        .and_then(|text| first_figure(text));
    let (Some((value, false)), Some((bound, false))) = (value, first_figure(target)) else { return };
    let value_unit = if value.unit == Unit::None { bound.unit } else { value.unit };
    let bound_unit = if bound.unit == Unit::None { value.unit } else { bound.unit };
    if std::mem::discriminant(&value_unit) != std::mem::discriminant(&bound_unit) {
        return;
    }
    let (value, bound) =
        (Quantity { unit: value_unit, ..value }.base(), Quantity { unit: bound_unit, ..bound }.base());
    let unit = unit_name(value_unit).to_owned();
    if let Some((room, false)) = at(&Column::Headroom)
        .and_then(|text| first_figure(text))
        .filter(|(room, _)| room.unit == Unit::Percent)
    {
        report.statements.push(statement(
            section,
            line,
            cells,
            Fact::Headroom { value, bound, percent: room.figure, unit: unit.clone() },
        ));
    }
    let below = target.contains(['<', '≤'])
        || target.to_lowercase().contains("below")
        || target.to_lowercase().contains("under");
    let above = target.contains(['>', '≥'])
        || target.to_lowercase().contains("above")
        || target.to_lowercase().contains("at least");
    if let Some(met) = at(&Column::Verdict).and_then(|text| verdict(text)).filter(|_| below != above) {
        report.statements.push(statement(
            section,
            line,
            cells,
            Fact::Verdict { value, bound, below, met, unit },
        ));
    }
}

/// Whether a cell says that a target is met.
fn verdict(text: &str) -> Option<bool> {
    let lower = text.to_lowercase();
    let good = ["✅", "✓", "✔", "pass", "met", "yes", "ok"].iter().any(|word| lower.contains(word));
    let bad =
        ["❌", "✗", "✘", "fail", "missed", "not met", "no ", "⚠"].iter().any(|word| lower.contains(word))
            || lower.trim() == "no";
    match (good, bad) {
        (true, false) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

/// Two runs and what is said to have changed between them.
fn changed(
    header: &[String],
    columns: &[Column],
    cells: &[String],
    line: u32,
    section: &Section,
    report: &mut Report,
) {
    let runs: Vec<usize> =
        (0..columns.len()).filter(|at| matches!(columns[*at], Column::Run(_) | Column::Figure(_))).collect();
    let changes: Vec<usize> = (0..columns.len()).filter(|at| columns[*at] == Column::Change).collect();
    // A third figure in the row leaves it open which two the change is between.
    let figures = cells
        .iter()
        .zip(columns)
        .skip(1)
        .filter(|(text, column)| **column != Column::Change && !quantities(text).is_empty())
        .count();
    let ([one, other], [_, ..], 2) = (&runs[..], &changes[..], figures) else { return };
    if [one, other].into_iter().any(|at| cells.get(*at).is_some_and(|text| is_vague(text))) {
        return;
    }
    // Two runs of one thing, not a statistic beside another.
    let labels = (&columns[*one], &columns[*other]);
    if let (Column::Figure(first), Column::Figure(second)) = labels
        && first.stat != second.stat
    {
        return;
    }
    if !matches!(labels, (Column::Run(_), Column::Run(_))) && !is_pair(&header[*one], &header[*other]) {
        return;
    }
    let range = |at: usize| -> Option<(Range, Unit)> {
        let found = cells.get(at).and_then(|text| quantities(clean(text)).first().copied())?;
        Some(((found.low, found.high), found.unit))
    };
    let (Some((from, from_unit)), Some((to, to_unit))) = (range(*one), range(*other)) else { return };
    if std::mem::discriminant(&from_unit) != std::mem::discriminant(&to_unit) {
        return;
    }
    // `10 rebuilds` and `1 rebuild` count something; what a percentage beside them is of is open.
    let is_bare = |at: usize| {
        cells.get(at).is_some_and(|text| {
            let text = clean(text);
            quantities(text)
                .first()
                .is_some_and(|found| text[found.to..].chars().all(|letter| !letter.is_alphanumeric()))
        })
    };
    if matches!(from_unit, Unit::None) && !(is_bare(*one) && is_bare(*other)) {
        return;
    }
    let base = |range: Range, unit: Unit| {
        (Quantity { figure: range.0, unit }.base(), Quantity { figure: range.1, unit }.base())
    };
    let (from, to) = (base(from, from_unit), base(to, to_unit));
    let Stated { percent, factor, difference } = stated(header, &changes, cells, from_unit);
    if percent.is_none() && factor.is_none() && difference.is_none() {
        return;
    }
    let what = cells.first().map_or(String::new(), |first| clean(first).to_owned());
    let fact = Fact::Change {
        what,
        from,
        to,
        unit: unit_name(from_unit).to_owned(),
        percent,
        factor,
        difference,
        better: None,
        less_is_better: None,
    };
    report.statements.push(statement(section, line, cells, fact));
}

/// What is said of a change: per cent, a factor, a difference.
#[derive(Default)]
struct Stated {
    percent: Option<Range>,
    factor: Option<Range>,
    difference: Option<Range>,
}

/// Whether a cell is only about right.
fn is_vague(text: &str) -> bool {
    text.contains(['~', '≈', '<', '>'])
}

/// Reads the columns that say what changed; `of` is the unit of the runs.
fn stated(header: &[String], changes: &[usize], cells: &[String], of: Unit) -> Stated {
    let mut stated = Stated::default();
    for &at in changes {
        let Some(text) = cells.get(at).map(|text| clean(text)).filter(|text| !is_vague(text)) else {
            continue;
        };
        let Some(found) = quantities(text).first().copied() else { continue };
        let is_bare = text[found.to..].chars().all(|letter| !letter.is_alphanumeric());
        let title = header[at].to_lowercase();
        match found.unit {
            Unit::Percent => stated.percent = Some((found.low, found.high)),
            Unit::Times => stated.factor = Some((found.low, found.high)),
            Unit::None
                if is_bare
                    && has(&title, &["speedup", "ratio", "factor", "relative"])
                    && !title.contains('%') =>
            {
                stated.factor = Some((found.low, found.high));
            }
            Unit::None if is_bare && title.contains('%') => stated.percent = Some((found.low, found.high)),
            unit if std::mem::discriminant(&unit) == std::mem::discriminant(&of)
                && !matches!(unit, Unit::None) =>
            {
                stated.difference = Some(found.base());
            }
            _ => {}
        }
    }
    stated
}

/// Whether two headers name two states of one thing.
fn is_pair(one: &str, other: &str) -> bool {
    let words = [
        ("before", "after"),
        ("old", "new"),
        ("baseline", "optimized"),
        ("baseline", "isolated"),
        ("baseline", "current"),
        ("original", "optimized"),
        ("without", "with"),
        ("previous", "current"),
        ("baseline", "optimised"),
    ];
    let (one, other) = (one.to_lowercase(), other.to_lowercase());
    words.iter().any(|(first, second)| one.contains(first) && other.contains(second))
}

/// A last row called total, against the rows above it.
fn totals(
    header: &[String],
    columns: &[Column],
    rows: &[(u32, Vec<String>)],
    section: &Section,
    report: &mut Report,
) {
    let Some(((place, last), parts)) = rows.split_last() else { return };
    let name = last.first().map_or("", |first| clean(first)).to_lowercase();
    if parts.len() < 2
        || !matches!(
            name.as_str(),
            "total" | "sum" | "totals" | "all" | "overall total" | "grand total" | "total time"
        )
    {
        return;
    }
    for (at, title) in header.iter().enumerate().skip(1) {
        let said = label(title);
        let may_add = said.stat.is_none()
            && !matches!(
                said.topic,
                Topic::Rate(_)
                    | Topic::Speedup
                    | Topic::Hits
                    | Topic::Index
                    | Topic::Concurrency
                    | Topic::Target
            )
            && !matches!(columns[at], Column::Headroom | Column::Verdict | Column::Change | Column::Target);
        if !may_add {
            continue;
        }
        let figures: Vec<(Figure, Unit)> = parts
            .iter()
            .filter_map(|(_, cells)| first_figure(cells.get(at)?).filter(|(_, is_range)| !is_range))
            .map(|(found, _)| (found.base(), found.unit))
            .collect();
        let Some((total, false)) = last.get(at).and_then(|text| first_figure(text)) else { continue };
        let unit = total.unit;
        let is_same =
            figures.iter().all(|(_, other)| std::mem::discriminant(other) == std::mem::discriminant(&unit));
        if figures.len() != parts.len() || !is_same || matches!(unit, Unit::Rate(..) | Unit::Times) {
            continue;
        }
        let fact = Fact::Total {
            what: clean(title).to_owned(),
            parts: figures.into_iter().map(|(figure, _)| figure).collect(),
            total: total.base(),
            unit: unit_name(unit).to_owned(),
        };
        report.statements.push(statement(section, *place, last, fact));
    }
}

/// A figure as it was found, for statements.
pub(super) const fn range_of(found: &Found) -> Range {
    (found.low, found.high)
}
