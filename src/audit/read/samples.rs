//! CSV of samples: every numeric column is a series, or, beside columns of words, one series for each combination.

use super::super::report::{Arm, Benchmark, Report};
use std::collections::BTreeMap;

/// Reads CSV with or without a header; `None` when no column is numeric.
pub(super) fn read(text: &str) -> Option<Report> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().ok()?;
    let rows: Vec<&csv::StringRecord> = rows
        .iter()
        .filter(|row| {
            row.get(0).is_some_and(|cell| !(cell.starts_with('#') || cell.is_empty() && row.len() == 1))
        })
        .collect();
    let first = rows.first()?;
    let has_header = first.iter().all(|cell| cell.parse::<f64>().is_err());
    let header: Vec<String> = (0..first.len())
        .map(|at| if has_header { first[at].to_owned() } else { format!("column {}", at + 1) })
        .collect();
    let rows = &rows[usize::from(has_header)..];
    let numeric: Vec<bool> = (0..header.len())
        .map(|at| {
            !rows.is_empty()
                && rows.iter().all(|row| row.get(at).is_some_and(|cell| cell.parse::<f64>().is_ok()))
        })
        .collect();
    let mut series: BTreeMap<(Vec<String>, usize), Vec<&str>> = BTreeMap::new();
    for row in rows {
        let words: Vec<String> = (0..header.len())
            .filter(|&at| !numeric[at])
            .filter_map(|at| row.get(at))
            .map(str::to_owned)
            .collect();
        for at in (0..header.len()).filter(|&at| numeric[at] && !is_index(&header[at])) {
            series.entry((words.clone(), at)).or_default().push(&row[at]);
        }
    }
    let benchmarks: Vec<Benchmark> =
        series.into_iter().map(|((words, at), cells)| benchmark(&words, &header[at], &cells)).collect();
    (!benchmarks.is_empty()).then(|| Report {
        format: "CSV of samples".to_owned(),
        benchmarks,
        ..Report::default()
    })
}

/// Columns that number or date the samples.
fn is_index(header: &str) -> bool {
    let name = header.to_lowercase();
    matches!(
        name.as_str(),
        "i" | "index"
            | "iteration"
            | "run"
            | "sample"
            | "n"
            | "id"
            | "seed"
            | "timestamp"
            | "at"
            | "at_ns"
            | "at_ms"
            | "time_s"
    )
}

fn benchmark(words: &[String], header: &str, cells: &[&str]) -> Benchmark {
    let factor = milliseconds(header);
    let decimals = cells.iter().map(|cell| cell.split_once('.').map_or(0, |(_, digits)| digits.len())).max();
    let unit = 0.1_f64.powi(i32::try_from(decimals.unwrap_or(0)).unwrap_or(i32::MAX));
    let arm = words.iter().find_map(|word| match word.to_lowercase().as_str() {
        "baseline" => Some(Arm::Baseline),
        "isolated" => Some(Arm::Isolated),
        _ => None,
    });
    let others: Vec<&str> = words
        .iter()
        .map(String::as_str)
        .filter(|word| !matches!(word.to_lowercase().as_str(), "baseline" | "isolated"))
        .collect();
    let name = if others.is_empty() { header.to_owned() } else { format!("{} {header}", others.join(" ")) };
    let samples: Vec<f64> =
        cells.iter().filter_map(|cell| cell.parse::<f64>().ok()).map(|value| value * factor).collect();
    Benchmark {
        component: Some(name.clone()),
        arm,
        count: Some(samples.len() as u64),
        samples,
        sample_unit: unit * factor,
        ..Benchmark::named(name)
    }
}

/// Factor from the unit that a column's name ends in to milliseconds; names without one are taken as milliseconds.
fn milliseconds(header: &str) -> f64 {
    let name = header.to_lowercase();
    let unit = name.rsplit(['_', ' ', '(', '[']).next().unwrap_or("").trim_end_matches([')', ']']);
    match unit {
        "s" | "sec" | "secs" | "seconds" => 1e3,
        "us" | "µs" | "micros" => 1e-3,
        "ns" | "nanos" => 1e-6,
        _ => 1.0,
    }
}
