//! What each column of a table is: told by the file's header as a whole where a tool writes it, else by name and unit,
//! checked against the first rows.

use super::super::report::Stat;
use super::number::{cell, number};
use super::vocabulary::{Label, Topic, label};

/// What a column is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Role {
    /// Durations: milliseconds in their unit, if known.
    Sample(Option<f64>),
    /// A statistic or another figure of the row's benchmark.
    Figure(Box<Label>),
    /// Names the row.
    Key,
    /// A number that distinguishes rows: threads, payload.
    Parameter,
    /// Whether the row's request succeeded.
    Success,
    /// Left out, and why.
    Ignored(&'static str),
}

/// A column that a tool's header names.
#[derive(Clone, Copy)]
enum Known {
    Sample(f64),
    Stat(Stat, f64),
    Topic(Topic),
    Key,
    Success,
}

/// A tool's header: its format, columns that must be there, and what they are; others are left out.
struct Signature {
    format: &'static str,
    needs: &'static [&'static str],
    columns: &'static [(&'static str, Known)],
}

use Known::{Key, Sample as Sampled, Stat as Is, Success, Topic as About};

const MS: f64 = 1.0;
const S: f64 = 1e3;

const SIGNATURES: &[Signature] = &[
    Signature {
        format: "JMeter JTL",
        needs: &["timestamp", "elapsed", "label"],
        columns: &[("elapsed", Sampled(MS)), ("label", Key), ("success", Success)],
    },
    Signature {
        format: "JMeter aggregate report",
        needs: &["label", "# samples", "average", "median"],
        columns: &[
            ("label", Key),
            ("# samples", About(Topic::Count)),
            ("average", Is(Stat::Mean, MS)),
            ("median", Is(Stat::Median, MS)),
            ("90% line", Is(Stat::Quantile(0.9), MS)),
            ("95% line", Is(Stat::Quantile(0.95), MS)),
            ("99% line", Is(Stat::Quantile(0.99), MS)),
            ("min", Is(Stat::Min, MS)),
            ("max", Is(Stat::Max, MS)),
            ("maximum", Is(Stat::Max, MS)),
            ("std. dev.", Is(Stat::Deviation, MS)),
        ],
    },
    Signature {
        format: "JMeter summary report",
        needs: &["label", "# samples", "average", "std. dev."],
        columns: &[
            ("label", Key),
            ("# samples", About(Topic::Count)),
            ("average", Is(Stat::Mean, MS)),
            ("min", Is(Stat::Min, MS)),
            ("max", Is(Stat::Max, MS)),
            ("std. dev.", Is(Stat::Deviation, MS)),
        ],
    },
    Signature {
        format: "Locust statistics",
        needs: &["type", "name", "request count", "average response time"],
        columns: &[
            ("type", Key),
            ("name", Key),
            ("request count", About(Topic::Count)),
            ("failure count", About(Topic::Failures)),
            ("median response time", Is(Stat::Median, MS)),
            ("average response time", Is(Stat::Mean, MS)),
            ("min response time", Is(Stat::Min, MS)),
            ("max response time", Is(Stat::Max, MS)),
            ("66%", Is(Stat::Quantile(0.66), MS)),
            ("75%", Is(Stat::Quantile(0.75), MS)),
            ("80%", Is(Stat::Quantile(0.8), MS)),
            ("90%", Is(Stat::Quantile(0.9), MS)),
            ("95%", Is(Stat::Quantile(0.95), MS)),
            ("98%", Is(Stat::Quantile(0.98), MS)),
            ("99%", Is(Stat::Quantile(0.99), MS)),
            ("99.9%", Is(Stat::Quantile(0.999), MS)),
        ],
    },
    Signature {
        format: "Locust history",
        needs: &["timestamp", "user count", "name", "total request count"],
        columns: &[
            ("name", Key),
            ("total request count", About(Topic::Count)),
            ("total failure count", About(Topic::Failures)),
            ("total median response time", Is(Stat::Median, MS)),
            ("total average response time", Is(Stat::Mean, MS)),
            ("total min response time", Is(Stat::Min, MS)),
            ("total max response time", Is(Stat::Max, MS)),
        ],
    },
    Signature {
        format: "hey CSV",
        needs: &["response-time", "status-code", "offset"],
        columns: &[("response-time", Sampled(S))],
    },
    Signature {
        format: "Google Benchmark CSV",
        needs: &["name", "iterations", "real_time", "cpu_time", "time_unit"],
        columns: &[("name", Key)],
    },
    Signature {
        format: "ab gnuplot table",
        needs: &["starttime", "ttime", "wait"],
        columns: &[("ttime", Sampled(MS))],
    },
    Signature {
        format: "hyperfine CSV",
        needs: &["command", "mean", "stddev", "user", "system"],
        columns: &[
            ("command", Key),
            ("mean", Is(Stat::Mean, S)),
            ("stddev", Is(Stat::Deviation, S)),
            ("median", Is(Stat::Median, S)),
            ("min", Is(Stat::Min, S)),
            ("max", Is(Stat::Max, S)),
        ],
    },
    Signature {
        format: "criterion raw.csv",
        needs: &["group", "sample_measured_value", "iteration_count"],
        columns: &[("group", Key), ("function", Key), ("value", Key)],
    },
    Signature {
        format: "k6 CSV",
        needs: &["metric_name", "timestamp", "metric_value"],
        columns: &[("metric_name", Key), ("metric_value", Sampled(MS))],
    },
];

/// A tool's format by its header, and the role of each column.
pub(super) fn known(header: &[String]) -> Option<(&'static str, Vec<Role>)> {
    let lower: Vec<String> = header.iter().map(|name| name.trim().to_lowercase()).collect();
    let signature = SIGNATURES
        .iter()
        .find(|signature| signature.needs.iter().all(|need| lower.iter().any(|name| name == need)))?;
    let role = |name: &String| match signature
        .columns
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, what)| *what)
    {
        Some(Known::Sample(factor)) => Role::Sample(Some(factor)),
        Some(Known::Stat(stat, factor)) => Role::Figure(Box::new(Label {
            stat: Some(stat),
            unit: Some(super::number::Unit::Time(factor)),
            topic: Topic::Latency,
            rest: Vec::new(),
        })),
        Some(Known::Topic(topic)) => Role::Figure(Box::new(Label { topic, ..Label::default() })),
        Some(Known::Key) => Role::Key,
        Some(Known::Success) => Role::Success,
        None => Role::Ignored("columns that are no durations"),
    };
    Some((signature.format, lower.iter().map(role).collect()))
}

/// The roles of columns by their names and first rows.
pub(super) fn by_name(header: &[String], rows: &[Vec<String>], comma: bool) -> Vec<Role> {
    let labels: Vec<Label> = header.iter().map(|name| label(name)).collect();
    let columns: Vec<Vec<&str>> = (0..header.len())
        .map(|at| {
            rows.iter()
                .filter_map(|row| row.get(at))
                .map(|cell| cell.trim())
                .filter(|cell| !is_blank(cell))
                .collect()
        })
        .collect();
    let numeric: Vec<bool> = columns.iter().map(|cells| is_numeric(cells, comma)).collect();
    // A table of statistics without units: `name,mean,p99`.
    let statistics = (0..header.len())
        .filter(|&at| numeric[at] && labels[at].stat.is_some() && labels[at].topic != Topic::Target)
        .count();
    let mut roles: Vec<Role> = (0..header.len())
        .map(|at| {
            let cells = &columns[at];
            if cells.is_empty() {
                return Role::Ignored("empty columns");
            }
            if !numeric[at] {
                return words_role(&header[at], cells);
            }
            number_role(&labels[at], cells, comma, statistics)
        })
        .collect();
    only_candidate(header, &mut roles, &labels, &numeric);
    let has_statistics = roles.iter().any(|role| matches!(role, Role::Figure(label) if label.stat.is_some()));
    for (at, role) in roles.iter_mut().enumerate() {
        settle_role(role, &labels[at], &columns[at], has_statistics, comma);
    }
    drop_axis(header, &mut roles, &columns, comma);
    roles
}

fn is_blank(cell: &str) -> bool {
    matches!(cell.to_lowercase().as_str(), "" | "-" | "na" | "n/a" | "nan" | "null" | "none" | "–" | "—")
}

fn is_numeric(cells: &[&str], comma: bool) -> bool {
    let good = cells.iter().filter(|text| cell(text, comma).is_some() && !is_date(text)).count();
    !cells.is_empty() && good * 10 >= cells.len() * 9
}

/// Whether a text is a date or a time of day.
pub(super) fn is_date(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let parts = text.bytes().filter(|byte| matches!(byte, b'-' | b':' | b'/')).count();
    digits >= 4
        && parts >= 2
        && text.bytes().all(|byte| {
            byte.is_ascii_digit()
                || matches!(byte, b'-' | b':' | b'/' | b'.' | b',' | b'T' | b'Z' | b' ' | b'+')
        })
}

fn words_role(header: &str, cells: &[&str]) -> Role {
    let name = header.trim().to_lowercase();
    let truths = cells.iter().filter(|cell| matches!(cell.to_lowercase().as_str(), "true" | "false")).count();
    if truths == cells.len() && matches!(name.as_str(), "success" | "ok" | "passed" | "succeeded") {
        return Role::Success;
    }
    if cells.iter().filter(|cell| is_date(cell)).count() * 2 > cells.len() {
        return Role::Ignored("dates and times of day");
    }
    let mut distinct: Vec<&&str> = cells.iter().collect();
    distinct.sort_unstable();
    distinct.dedup();
    let is_identity = cells.len() > 20 && distinct.len() * 2 > cells.len();
    if is_identity { Role::Ignored("names that differ in every row") } else { Role::Key }
}

fn number_role(label: &Label, cells: &[&str], comma: bool, statistics: usize) -> Role {
    let has_time =
        cells.iter().filter(|text| cell(text, comma).is_some_and(|found| found.ms().is_some())).count() * 2
            > cells.len();
    if is_epoch(cells, comma) {
        return Role::Ignored("moments");
    }
    match label.topic {
        _ if label.is_time_statistic() || label.stat.is_some() && has_time => {
            Role::Figure(Box::new(label.clone()))
        }
        // `name,mean,p99`: statistics of something whose unit is not said.
        Topic::Unsaid if label.stat.is_some() && statistics >= 2 && label.unit.is_none() => {
            Role::Figure(Box::new(Label { topic: Topic::Latency, ..label.clone() }))
        }
        Topic::Latency if label.stat.is_none() => Role::Sample(label.factor()),
        Topic::Wall if has_time || label.factor().is_some() || label.unit.is_none() => {
            Role::Sample(label.factor())
        }
        Topic::Unsaid if has_time => Role::Sample(None),
        Topic::Rate(_) | Topic::Failures | Topic::Hits => Role::Figure(Box::new(label.clone())),
        Topic::Count | Topic::Concurrency => Role::Figure(Box::new(label.clone())),
        Topic::Size => Role::Parameter,
        Topic::Moment => Role::Ignored("moments"),
        Topic::Index => Role::Ignored("numbers of the rows, codes"),
        Topic::Target => Role::Ignored("targets and bounds"),
        Topic::Unsaid => Role::Parameter,
        _ => Role::Ignored("columns that are no durations"),
    }
}

/// Whether the numbers are times since 1970 in some unit.
fn is_epoch(cells: &[&str], comma: bool) -> bool {
    let is_one = |text: &&&str| {
        number(text, comma).is_some_and(|(figure, _)| {
            [1.0, 1e3, 1e6, 1e9].iter().any(|unit| (1.2e9..2.2e9).contains(&(figure.value / unit)))
        })
    };
    cells.iter().filter(is_one).count() * 10 >= cells.len() * 9 && !cells.is_empty()
}

/// A file of one column of numbers holds samples, whatever it is called.
fn only_candidate(header: &[String], roles: &mut [Role], labels: &[Label], numeric: &[bool]) {
    if roles.iter().any(|role| {
        matches!(role, Role::Sample(_)) || matches!(role, Role::Figure(label) if label.stat.is_some())
    }) {
        return;
    }
    let numbers: Vec<usize> = (0..roles.len())
        .filter(|&at| {
            numeric[at] && matches!(labels[at].topic, Topic::Unsaid) && matches!(roles[at], Role::Parameter)
        })
        .collect();
    let is_value = |at: &usize| {
        matches!(
            header[*at].trim().to_lowercase().as_str(),
            "value" | "values" | "sample" | "samples" | "x" | "y" | "" | "measurement" | "result"
        )
    };
    match numbers[..] {
        [only] if roles.len() == 1 || is_value(&only) => roles[only] = Role::Sample(labels[only].factor()),
        _ => {}
    }
}

/// Beside statistics a duration without one is a figure of the row; beside samples, figures distinguish rows.
fn settle_role(role: &mut Role, label: &Label, cells: &[&str], has_statistics: bool, comma: bool) {
    match role {
        Role::Sample(_) if has_statistics => *role = Role::Figure(Box::new(label.clone())),
        Role::Figure(found) if !has_statistics => {
            *role = match found.topic {
                Topic::Concurrency | Topic::Count => Role::Parameter,
                _ => Role::Ignored("rates and counts of single rows"),
            }
        }
        _ => {}
    }
    if *role == Role::Parameter {
        let mut values: Vec<u64> = cells
            .iter()
            .filter_map(|text| number(text, comma))
            .map(|(figure, _)| figure.value.to_bits())
            .collect();
        values.sort_unstable();
        values.dedup();
        let whole = cells
            .iter()
            .filter_map(|text| number(text, comma))
            .all(|(figure, _)| figure.value.fract() == 0.0);
        if !whole && values.len() * 2 > cells.len()
            || values.len() > 40
            || cells.len() > 20 && values.len() * 2 > cells.len()
        {
            *role = Role::Ignored("columns that no word calls a duration");
        }
    }
}

/// A column called time that only rises is the time axis, not a measurement.
fn drop_axis(header: &[String], roles: &mut [Role], columns: &[Vec<&str>], comma: bool) {
    const AXES: [&str; 14] = [
        "time",
        "t",
        "elapsed",
        "seconds",
        "sec",
        "secs",
        "s",
        "time_s",
        "elapsed_s",
        "time_ms",
        "elapsed_ms",
        "elapsed_time",
        "time (s)",
        "x",
    ];
    let samples = roles.iter().filter(|role| matches!(role, Role::Sample(_))).count();
    for at in 0..roles.len() {
        let name = header[at].trim().to_lowercase();
        if !matches!(roles[at], Role::Sample(_))
            || !AXES.contains(&name.as_str())
            || samples < 2 && !matches!(name.as_str(), "t" | "seconds" | "x")
        {
            continue;
        }
        let values: Vec<f64> = columns[at]
            .iter()
            .filter_map(|text| number(text, comma))
            .map(|(figure, _)| figure.value)
            .collect();
        if values.len() >= 3 && values.windows(2).all(|pair| pair[0] <= pair[1]) {
            roles[at] = Role::Ignored("the time axis");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(header: &str, rows: &[&str]) -> Vec<Role> {
        let split = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
        let rows: Vec<Vec<String>> = rows.iter().map(|row| split(row)).collect();
        by_name(&split(header), &rows, false)
    }

    #[test]
    fn only_durations_are_samples() {
        let found = roles(
            "threads,payload_bytes,latency_ms,status",
            &["1,64,2.31,200", "2,64,2.45,200", "4,128,3.02,200"],
        );
        assert_eq!(found[0], Role::Parameter);
        assert_eq!(found[1], Role::Parameter);
        assert_eq!(found[2], Role::Sample(Some(1.0)));
        assert!(matches!(found[3], Role::Ignored(_)));
        let found = roles("time_s,latency_us", &["0,812", "1,790", "2,845"]);
        assert!(matches!(found[0], Role::Ignored(_)), "{found:?}");
        assert_eq!(found[1], Role::Sample(Some(1e-3)));
        let found =
            roles("timestamp,duration", &["1700000000,1.2ms", "1700000001,1.4ms", "1700000003,1.1ms"]);
        assert!(matches!(found[0], Role::Ignored(_)));
        assert!(matches!(found[1], Role::Sample(_)));
        assert!(matches!(roles("a,b", &["1,2", "2,3", "3,5"])[1], Role::Parameter));
    }
}
