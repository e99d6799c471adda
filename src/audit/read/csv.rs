//! CSV and its cousins: the separator is told from the first lines, the header from the first row.

use super::super::figure::Figure;
use super::super::report::{Benchmark, Report};
use super::number::{cell, time_unit};
use super::table::Table;
use super::vocabulary::at_quantile;
use std::io::BufRead;

/// How the lines of a text are separated into cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    separator: u8,
    /// Cells of most rows.
    cells: usize,
}

/// The shape of a text whose lines have the same number of cells; `None` for prose.
pub(super) fn recognise(head: &str) -> Option<Shape> {
    let lines: Vec<&str> =
        head.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).take(60).collect();
    let first = lines.first()?;
    for separator in [b'\t', b';', b',', b'|'] {
        let counts: Vec<usize> = lines.iter().map(|line| cells(line, separator)).collect();
        let common = most_frequent(&counts)?;
        let same = counts.iter().filter(|count| **count == common).count();
        let is_table = common >= 2 && same * 10 >= counts.len() * 9 && counts.len() >= 2;
        // A Markdown table is no CSV.
        if is_table && !first.trim_start().starts_with('|') && has_numbers(&lines, separator, common) {
            return Some(Shape { separator, cells: common });
        }
    }
    // One column of numbers, perhaps with a name.
    let number = |line: &&&str| cell(line.trim(), false).is_some() && !line.contains([':', '|']);
    let rest = if number(&first) { &lines[..] } else { &lines[1..] };
    let is_column = rest.len() >= 2
        && rest.iter().filter(number).count() == rest.len()
        && first.split_whitespace().count() <= 4;
    is_column.then_some(Shape { separator: b'\n', cells: 1 })
}

fn most_frequent(counts: &[usize]) -> Option<usize> {
    let mut sorted = counts.to_vec();
    sorted.sort_unstable();
    sorted.chunk_by(|one, other| one == other).max_by_key(|chunk| chunk.len()).map(|chunk| chunk[0])
}

/// Cells of a line, separators in quotes not counted.
fn cells(line: &str, separator: u8) -> usize {
    let mut quoted = false;
    1 + line
        .bytes()
        .filter(|byte| {
            quoted ^= *byte == b'"';
            !quoted && *byte == separator
        })
        .count()
}

/// Whether rows after the first hold numbers: a paragraph with commas has none in its cells.
fn has_numbers(lines: &[&str], separator: u8, common: usize) -> bool {
    let rows = lines.iter().skip(1).filter(|line| cells(line, separator) == common);
    let comma = separator != b',';
    let (mut numbers, mut all) = (0, 0);
    for row in rows {
        all += 1;
        let mut parts = row.split(char::from(separator));
        numbers += usize::from(parts.any(|part| cell(part.trim().trim_matches('"'), comma).is_some()));
    }
    all > 0 && numbers * 10 >= all * 8
}

/// Reads rows until the end.
#[expect(clippy::too_many_lines, reason = "a row passes from one kind of table to the next")]
pub(super) fn read(bytes: impl BufRead, shape: Shape) -> Result<Report, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(if shape.separator == b'\n' { 0x1f } else { shape.separator })
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .from_reader(bytes);
    let mut record = csv::ByteRecord::new();
    let mut table = Table::new(if shape.separator == b'\t' { "TSV" } else { "CSV" }.to_owned());
    let mut header: Option<Vec<String>> = None;
    let mut odd = 0;
    let mut text = String::new();
    let mut ends = Vec::new();
    let mut probe: Vec<Vec<String>> = Vec::new();
    let mut place = 1_u32;
    let mut quotient: Option<Quotient> = None;
    let mut percentages: Option<Report> = None;
    while reader.read_byte_record(&mut record).map_err(|error| error.to_string())? {
        place =
            record.position().map_or(place, |position| u32::try_from(position.line()).unwrap_or(u32::MAX));
        if header.is_none() {
            if record.len() != shape.cells {
                odd += 1;
                continue;
            }
            let names: Vec<String> =
                record.iter().map(|name| super::super::encoding::repair(name).0).collect();
            if let Some(report) = served(&names) {
                header = Some(names);
                percentages = Some(report);
                continue;
            }
            let words = names.iter().filter(|name| cell(name, shape.separator != b',').is_none()).count();
            // Percentiles name columns too: a header is mostly words.
            let is_header = words * 2 > names.len() || super::columns::known(&names).is_some();
            let column = |at: usize| format!("column {}", at + 1);
            let given = if is_header {
                names.clone()
            } else {
                vegeta(&names).unwrap_or_else(|| (0..names.len()).map(column).collect())
            };
            quotient = Quotient::of(&given);
            table.header(if is_header { unique(given.clone()) } else { given.clone() });
            header = Some(given);
            if is_header {
                continue;
            }
        }
        if record.len() == 1 && shape.cells > 1 {
            odd += 1;
            continue;
        }
        text.clear();
        ends.clear();
        for cell in &record {
            match std::str::from_utf8(cell) {
                Ok(cell) => text.push_str(cell),
                Err(_) => text.push_str(&super::super::encoding::repair(cell).0),
            }
            ends.push(text.len());
        }
        if let Some(report) = &mut percentages {
            let cells: Vec<f64> = split(&text, &ends).filter_map(|cell| cell.parse().ok()).collect();
            percentage(report, &cells);
            continue;
        }
        if let Some(quotient) = &quotient {
            if let Some((name, figure)) = quotient.sample(&split(&text, &ends).collect::<Vec<_>>()) {
                table.sample(&name, figure, place);
            }
            continue;
        }
        if probe.len() < 20 && shape.separator != b',' && !table.comma {
            let row: Vec<String> = split(&text, &ends).map(str::to_owned).collect();
            table.comma = row.iter().any(|cell| decimal_comma(cell));
            probe.push(row);
        }
        table.row(split(&text, &ends), place);
    }
    let mut report = percentages.unwrap_or_else(|| table.finish());
    report.ignore("lines that are no rows of the table", odd);
    Ok(report)
}

/// Takes a row of ab's percentages; it prints every one of them, of which the usual ones are kept.
fn percentage(report: &mut Report, cells: &[f64]) {
    const KEPT: [f64; 9] = [50.0, 66.0, 75.0, 80.0, 90.0, 95.0, 98.0, 99.0, 100.0];
    if let ([percent, ms], Some(benchmark)) = (cells, report.benchmarks.first_mut())
        && KEPT.contains(percent)
    {
        benchmark.summary.set(at_quantile(percent / 100.0), Figure::printed(*ms));
    }
}

fn split<'t>(text: &'t str, ends: &'t [usize]) -> impl Iterator<Item = &'t str> + Clone {
    (0..ends.len()).map(move |at| &text[if at == 0 { 0 } else { ends[at - 1] }..ends[at]])
}

/// ab's `-e`: percentage served, time in ms.
fn served(header: &[String]) -> Option<Report> {
    let is_its = header.len() == 2
        && header[0].eq_ignore_ascii_case("percentage served")
        && header[1].eq_ignore_ascii_case("time in ms");
    is_its.then(|| {
        let mut benchmark =
            Benchmark { place: "line 2".to_owned(), may_idle: true, ..Benchmark::named("requests") };
        benchmark.manner.percentiles_unasked = true;
        Report { benchmarks: vec![benchmark], ..Report::of("ab percentages") }
    })
}

/// Columns of criterion's `raw.csv`, whose samples hold several iterations each.
struct Quotient {
    value: usize,
    unit: Option<usize>,
    iterations: usize,
    /// Whether the value is of all iterations together.
    is_sum: bool,
    names: Vec<usize>,
}

impl Quotient {
    fn of(header: &[String]) -> Option<Self> {
        let find = |name: &str| header.iter().position(|column| column == name);
        Some(Self {
            value: find("sample_measured_value")
                .or_else(|| find("sample_time_nanos"))
                .or_else(|| find("real_time").filter(|_| find("cpu_time").is_some()))?,
            unit: find("unit").or_else(|| find("time_unit")),
            iterations: find("iteration_count").or_else(|| find("real_time").and(find("iterations")))?,
            is_sum: find("iteration_count").is_some(),
            names: ["group", "function", "value", "name"].into_iter().filter_map(find).collect(),
        })
    }

    fn sample(&self, cells: &[&str]) -> Option<(String, Figure)> {
        let value: f64 = cells.get(self.value)?.parse().ok()?;
        let iterations: f64 = cells.get(self.iterations)?.parse().ok()?;
        let factor = self.unit.and_then(|at| time_unit(cells.get(at)?)).unwrap_or(1e-6);
        let names: Vec<&str> = self
            .names
            .iter()
            .filter_map(|at| cells.get(*at).copied())
            .filter(|name| !name.is_empty())
            .collect();
        (iterations > 0.0).then(|| {
            (
                names.join("/"),
                if self.is_sum {
                    Figure::exact(value / iterations * factor)
                } else {
                    Figure::printed(value).times(factor)
                },
            )
        })
    }
}

/// `12,5`: digits, a comma, and digits that are no group of three.
fn decimal_comma(cell: &str) -> bool {
    cell.trim().split_once(',').is_some_and(|(whole, fraction)| {
        !whole.is_empty()
            && !fraction.is_empty()
            && fraction.len() != 3
            && (whole.to_owned() + fraction)
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'-' || byte == b'.')
    })
}

/// Names that occur once: the second `p99` becomes `p99 2`.
fn unique(names: Vec<String>) -> Vec<String> {
    let mut given: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        let times = given.iter().filter(|known| **known == name).count();
        given.push(if times == 0 { name } else { format!("{name} {}", times + 1) });
    }
    given
}

/// The columns of `vegeta encode -to csv`, which writes no header: time in ns, code, latency in ns.
fn vegeta(first: &[String]) -> Option<Vec<String>> {
    let is_time =
        first.first().is_some_and(|cell| cell.len() == 19 && cell.bytes().all(|byte| byte.is_ascii_digit()));
    let is_code =
        first.get(1).is_some_and(|cell| cell.len() <= 3 && cell.bytes().all(|byte| byte.is_ascii_digit()));
    if !(is_time && is_code && first.len() >= 7) {
        return None;
    }
    let mut names: Vec<String> =
        ["timestamp", "code", "latency_ns", "bytes out", "bytes in"].map(str::to_owned).to_vec();
    names.extend((5..first.len()).map(|at| format!("id {at}")));
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_tables_from_prose() {
        assert_eq!(recognise("a,b\n1,2\n3,4\n"), Some(Shape { separator: b',', cells: 2 }));
        assert_eq!(recognise("a;b\n1,5;2,5\n3,5;4,5\n"), Some(Shape { separator: b';', cells: 2 }));
        assert_eq!(recognise("latency_ms\n1.5\n2.5\n"), Some(Shape { separator: b'\n', cells: 1 }));
        assert_eq!(recognise("1.5\n2.5\n2.25\n"), Some(Shape { separator: b'\n', cells: 1 }));
        assert_eq!(recognise("We measured, again, and found it good.\nNothing, really.\nOr so.\n"), None);
        assert_eq!(recognise("| a | b |\n|---|---|\n| 1 | 2 |\n"), None);
    }
}
