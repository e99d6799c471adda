//! Rows of figures, read one at a time: CSV, lines of JSON, lists of flat objects.
//!
//! A table either holds samples (a row is a measurement) or statistics (a row is a benchmark). Memory is bounded: a
//! series keeps its first [`MAX_KEPT`] samples, all series together [`MAX_TOGETHER`], and there are at most
//! [`MAX_GROUPS`] names; what is beyond is counted and said.

use super::super::figure::Figure;
use super::super::report::{Benchmark, Report, TimeUnit};
use super::columns::{self, Role};
use super::json::tree::{Kind, Node};
use super::number::{Quantity, Unit, cell, number, quantity, unit};
use super::row::{Row, arm};
use super::units::settle;
use super::vocabulary::label;
use std::collections::BTreeMap;

/// Samples kept of one series.
const MAX_KEPT: usize = 200_000;
/// Samples kept of all.
const MAX_TOGETHER: usize = 4_000_000;
/// Names that are told apart.
const MAX_GROUPS: usize = 2000;
/// Benchmarks that one table may hold.
const MAX_ROWS: usize = 20_000;
/// Rows that are looked at to tell what the columns are.
const LOOKED_AT: usize = 200;

/// A table that is being read.
pub(super) struct Table {
    report: Report,
    header: Vec<String>,
    /// Rows seen before the columns were told, with their lines.
    waiting: Vec<(Vec<String>, u32)>,
    roles: Option<Vec<Role>>,
    is_statistics: bool,
    /// Only the last row of a name counts: the others are earlier states of the same run.
    last_only: bool,
    long: Option<Long>,
    groups: BTreeMap<Vec<u8>, usize>,
    series: Vec<Series>,
    kept: usize,
    last_key: Vec<u8>,
    last_at: usize,
    pub(super) comma: bool,
    merged: u64,
}

/// Columns of a table with one figure a row: what it is, the figure, its unit.
#[derive(Debug)]
struct Long {
    what: usize,
    value: usize,
    unit: Option<usize>,
    rows: Vec<(String, Row)>,
}

struct Series {
    name: String,
    line: u32,
    last_line: u32,
    values: Vec<f64>,
    dropped: u64,
    finest: f64,
    failures: u64,
    has_success: bool,
    unknown: bool,
}

impl Table {
    pub(super) fn new(format: String) -> Self {
        Self {
            report: Report::of(format),
            header: Vec::new(),
            waiting: Vec::new(),
            roles: None,
            is_statistics: false,
            last_only: false,
            long: None,
            groups: BTreeMap::new(),
            series: Vec::new(),
            kept: 0,
            last_key: Vec::new(),
            last_at: usize::MAX,
            comma: false,
            merged: 0,
        }
    }

    /// The names of the columns.
    pub(super) fn header(&mut self, header: Vec<String>) {
        if let Some((format, roles)) = columns::known(&header) {
            format.clone_into(&mut self.report.format);
            self.last_only = format == "Locust history";
            self.is_statistics =
                roles.iter().any(|role| matches!(role, Role::Figure(label) if label.stat.is_some()));
            self.roles = Some(roles);
        }
        self.header = header;
    }

    /// Takes a flat object as a row.
    pub(super) fn object(&mut self, node: &Node) {
        let members = node.members();
        if self.header.is_empty() {
            self.header(members.iter().map(|(key, _)| key.to_string()).collect());
        }
        let text = |value: &Node| match &value.kind {
            Kind::Number(figure) => printed(*figure),
            Kind::Text(text) => text.to_string(),
            Kind::Bool(truth) => truth.to_string(),
            _ => String::new(),
        };
        let same = members.len() == self.header.len()
            && members.iter().zip(&self.header).all(|((key, _), name)| **key == **name);
        let cells: Vec<String> = if same {
            members.iter().map(|(_, value)| text(value)).collect()
        } else {
            self.header.iter().map(|name| node.get(name).map_or(String::new(), text)).collect()
        };
        self.row(cells.iter().map(String::as_str), node.line);
    }

    /// Takes a row.
    pub(super) fn row<'c>(&mut self, cells: impl Iterator<Item = &'c str> + Clone, line: u32) {
        if self.roles.is_none() {
            self.waiting.push((cells.map(str::to_owned).collect(), line));
            if self.waiting.len() >= LOOKED_AT {
                self.decide();
            }
            return;
        }
        self.take(cells, line);
    }

    /// Tells what the columns are and takes the rows that waited for it.
    fn decide(&mut self) {
        let rows: Vec<Vec<String>> = self.waiting.iter().map(|(cells, _)| cells.clone()).collect();
        self.long = long(&self.header, &rows);
        let roles = columns::by_name(&self.header, &rows, self.comma);
        self.is_statistics =
            roles.iter().any(|role| matches!(role, Role::Figure(label) if label.stat.is_some()));
        self.roles = Some(roles);
        for (cells, line) in std::mem::take(&mut self.waiting) {
            self.take(cells.iter().map(String::as_str), line);
        }
    }

    fn take<'c>(&mut self, cells: impl Iterator<Item = &'c str> + Clone, line: u32) {
        if self.long.is_some() {
            self.take_long(&cells.collect::<Vec<_>>(), line);
        } else if self.is_statistics {
            self.take_statistics(&cells.collect::<Vec<_>>(), line);
        } else {
            self.take_samples(cells, line);
        }
    }

    fn take_long(&mut self, cells: &[&str], line: u32) {
        let Some(long) = &mut self.long else { return };
        let (Some(what), Some(value)) = (cells.get(long.what), cells.get(long.value)) else { return };
        let others: Vec<&str> = cells
            .iter()
            .enumerate()
            .filter(|(at, cell)| {
                *at != long.what
                    && *at != long.value
                    && Some(*at) != long.unit
                    && cell.trim().parse::<f64>().is_err()
                    && !columns::is_date(cell)
            })
            .map(|(_, cell)| cell.trim())
            .collect();
        let name = if others.is_empty() { "table".to_owned() } else { others.join(" ") };
        let at = long.rows.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            long.rows.push((name.clone(), Row::new(&name, format!("line {line}"))));
            long.rows.len() - 1
        });
        let Some(mut found) = cell(value, self.comma) else { return };
        if let Some((unit, _)) = long.unit.and_then(|at| cells.get(at)).and_then(|text| unit(text.trim()))
            && found.unit == Unit::None
        {
            found.unit = unit;
        }
        long.rows[at].1.add(&label(what), what, found);
    }

    fn take_statistics(&mut self, cells: &[&str], line: u32) {
        let Some(roles) = &self.roles else { return };
        let words: Vec<&str> = cells
            .iter()
            .zip(roles)
            .filter(|(_, role)| **role == Role::Key)
            .map(|(cell, _)| cell.trim())
            .filter(|cell| !cell.is_empty())
            .collect();
        let mut name = words.join(" ");
        for ((cell, role), header) in cells.iter().zip(roles).zip(&self.header) {
            let is_load =
                matches!(role, Role::Figure(label) if label.topic == super::vocabulary::Topic::Concurrency);
            if *role == Role::Parameter || is_load {
                name = format!("{name}{}{header}={}", if name.is_empty() { "" } else { " " }, cell.trim());
            }
        }
        if name.is_empty() {
            name = format!("row {line}");
        }
        let mut row = Row::new(&name, format!("line {line}"));
        row.common.arm = words.iter().find_map(|word| arm(word));
        row.common.component = row
            .common
            .arm
            .map(|_| words.iter().filter(|word| arm(word).is_none()).copied().collect::<Vec<_>>().join(" "));
        for ((text, role), header) in cells.iter().zip(roles).zip(&self.header) {
            if let (Role::Figure(label), Some(found)) = (role, cell(text, self.comma)) {
                row.add(label, header, found);
            }
        }
        if !row.has_figures() {
            self.report.ignore("rows without a figure", 1);
            return;
        }
        row.common.manner.percentiles_unasked =
            self.report.format.starts_with("JMeter") || self.report.format.starts_with("Locust");
        if self.last_only {
            self.report.benchmarks.retain(|benchmark| benchmark.name != name);
        }
        if self.report.benchmarks.len() < MAX_ROWS {
            self.report.benchmarks.extend(row.finish());
        } else {
            self.report.ignore(format!("rows beyond the first {MAX_ROWS}"), 1);
        }
    }

    fn take_samples<'c>(&mut self, cells: impl Iterator<Item = &'c str> + Clone, line: u32) {
        let Some(roles) = self.roles.take() else { return };
        let mut failed = None;
        let mut key = Vec::new();
        for (cell, role) in cells.clone().zip(&roles) {
            match role {
                Role::Key | Role::Parameter => {
                    key.extend_from_slice(cell.trim().as_bytes());
                    key.push(0x1f);
                }
                Role::Success => failed = Some(cell.eq_ignore_ascii_case("false")),
                _ => {}
            }
        }
        let skip = self.report.format == "k6 CSV" && !key.windows(8).any(|part| part == b"duration");
        for (at, (text, role)) in cells.zip(&roles).enumerate() {
            let Role::Sample(factor) = role else { continue };
            if skip {
                self.report.ignore("rows of other metrics", 1);
                continue;
            }
            let Some(found) = fast(text.trim(), self.comma) else { continue };
            let own = match found.unit {
                Unit::Time(factor) => Some(factor),
                _ => *factor,
            };
            let figure = found.figure.times(own.unwrap_or(1.0));
            let series = self.series_at(&key, at, &roles, line);
            series.unknown |= own.is_none();
            if let Some(failed) = failed {
                series.has_success = true;
                series.failures += u64::from(failed);
            }
            self.push(figure, line);
        }
        self.roles = Some(roles);
    }

    /// Adds a sample of a series that is known by name.
    pub(super) fn sample(&mut self, name: &str, figure: Figure, line: u32) {
        self.roles.get_or_insert_default();
        self.find(name.as_bytes(), usize::MAX - 1, line, |_| name.to_owned());
        self.push(figure, line);
    }

    fn series_at(&mut self, key: &[u8], column: usize, roles: &[Role], line: u32) -> &mut Series {
        let header = self.header.clone();
        let several = roles.iter().filter(|role| matches!(role, Role::Sample(_))).count() > 1;
        let roles = roles.to_vec();
        self.find(key, column, line, move |key| series_name(key, &header, &roles, column, several))
    }

    /// The series of a key and a column; the name is made when it is met for the first time.
    fn find(
        &mut self,
        key: &[u8],
        column: usize,
        line: u32,
        name: impl FnOnce(&[u8]) -> String,
    ) -> &mut Series {
        let mut full = column.to_le_bytes().to_vec();
        full.extend_from_slice(key);
        if self.last_at == usize::MAX || self.last_key != full {
            let at = match self.groups.get(&full) {
                Some(at) => *at,
                None if self.series.len() >= MAX_GROUPS => {
                    self.merged += 1;
                    MAX_GROUPS - 1
                }
                None => {
                    self.series.push(Series {
                        name: name(key),
                        line,
                        last_line: line,
                        values: Vec::new(),
                        dropped: 0,
                        finest: f64::INFINITY,
                        failures: 0,
                        has_success: false,
                        unknown: false,
                    });
                    self.groups.insert(full.clone(), self.series.len() - 1);
                    self.series.len() - 1
                }
            };
            self.last_key = full;
            self.last_at = at;
        }
        let at = self.last_at;
        &mut self.series[at]
    }

    /// Adds a sample to the series that was found last.
    fn push(&mut self, figure: Figure, line: u32) {
        let Some(series) = self.series.get_mut(self.last_at) else { return };
        series.last_line = line;
        if series.values.len() >= MAX_KEPT || self.kept >= MAX_TOGETHER {
            series.dropped += 1;
            return;
        }
        self.kept += 1;
        series.finest = series.finest.min(figure.half_unit * 2.0);
        series.values.push(figure.value);
    }

    /// Everything that was read.
    pub(super) fn finish(mut self) -> Report {
        if self.roles.is_none() {
            self.decide();
        }
        let mut report = self.report;
        let merged = self.merged;
        report.ignore(format!("names beyond the first {MAX_GROUPS}"), merged);
        for role in self.roles.iter().flatten() {
            if let Role::Ignored(why) = role {
                report.ignore(*why, 1);
            }
        }
        if let Some(long) = self.long {
            for (_, row) in long.rows {
                if row.has_figures() {
                    report.benchmarks.extend(row.finish());
                }
            }
        }
        for series in self.series {
            report.benchmarks.push(series.finish(&report.format));
        }
        report
    }
}

impl Series {
    fn finish(self, format: &str) -> Benchmark {
        let place = if self.line == self.last_line {
            format!("line {}", self.line)
        } else {
            format!("lines {} to {}", self.line, self.last_line)
        };
        let words: Vec<&str> = self.name.split(' ').collect();
        let own = words.iter().find_map(|word| arm(word));
        let component =
            words.iter().filter(|word| arm(word).is_none()).copied().collect::<Vec<_>>().join(" ");
        let mut benchmark = Benchmark {
            place,
            arm: own,
            component: Some(component.clone()),
            count: Some(self.values.len() as u64 + self.dropped),
            samples: self.values,
            samples_dropped: self.dropped,
            sample_unit: if self.finest.is_finite() { self.finest } else { 0.0 },
            failures: self.has_success.then_some(self.failures),
            failures_timed: Some(true),
            unit: if self.unknown { TimeUnit::Unknown } else { TimeUnit::Given },
            ..Benchmark::named(if own.is_some() { component } else { self.name })
        };
        benchmark.attempts = benchmark.count.filter(|_| self.has_success);
        benchmark.manner.percentiles_unasked = !format.is_empty();
        settle(&mut benchmark);
        benchmark
    }
}

/// The name of a series: its key cells, parameters with their names, and its column where there are several.
fn series_name(key: &[u8], header: &[String], roles: &[Role], column: usize, several: bool) -> String {
    let cells = String::from_utf8_lossy(key);
    let mut cells = cells.split('\u{1f}');
    let mut words = Vec::new();
    for (role, name) in roles.iter().zip(header) {
        match role {
            Role::Key => words.extend(cells.next().filter(|cell| !cell.is_empty()).map(str::to_owned)),
            Role::Parameter => words.extend(cells.next().map(|cell| format!("{name}={cell}"))),
            _ => {}
        }
    }
    if words.is_empty() || several {
        words.push(header.get(column).cloned().unwrap_or_else(|| format!("column {}", column + 1)));
    }
    words.join(" ")
}

/// A number with its digits, quickly where it is a plain one.
fn fast(text: &str, comma: bool) -> Option<Quantity> {
    let plain = text.len() < 24 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if plain && !comma {
        let value: f64 = text.parse().ok()?;
        let decimals = text.bytes().rposition(|byte| byte == b'.').map_or(0, |at| text.len() - at - 1);
        let half_unit = HALVES.get(decimals).copied().unwrap_or(0.0);
        return Some(Quantity { figure: Figure { value, half_unit }, unit: Unit::None });
    }
    let (found, used) = super::number::quantity_with(text, comma)?;
    (used == text.len()).then_some(found)
}

const HALVES: [f64; 13] = [0.5, 0.05, 5e-3, 5e-4, 5e-5, 5e-6, 5e-7, 5e-8, 5e-9, 5e-10, 5e-11, 5e-12, 5e-13];

/// The number as it was printed, from its value and its last digit.
fn printed(figure: Figure) -> String {
    if figure.half_unit >= 0.5 {
        return format!("{}", figure.value);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 20 decimals")]
    let decimals = (-(figure.half_unit * 2.0).log10()).round().clamp(0.0, 20.0) as usize;
    format!("{:.decimals$}", figure.value)
}

/// The columns of `metric,value,unit`, if the header has them.
fn long(header: &[String], rows: &[Vec<String>]) -> Option<Long> {
    let find =
        |names: &[&str]| header.iter().position(|name| names.contains(&name.trim().to_lowercase().as_str()));
    let what = find(&["metric", "statistic", "measure", "measurement", "stat", "key", "percentile"])?;
    let value = find(&["value", "val", "result", "score"])?;
    let unit = find(&["unit", "units"]);
    let is_words = rows.iter().filter_map(|row| row.get(what)).all(|cell| {
        number(cell.trim(), false).is_none()
            || quantity(cell).is_some_and(|(found, _)| found.unit == Unit::Percent)
    });
    (what != value && is_words && !rows.is_empty()).then_some(Long { what, value, unit, rows: Vec::new() })
}
