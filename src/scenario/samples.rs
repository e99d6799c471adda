//! Measured samples: plain numbers, a one-column CSV, or an `HdrHistogram` (`.hgrm` or `.hlog`).

use crate::files::{self, LARGEST_TEXT};
use crate::units::Nanos;
use hdrhistogram::Histogram;
use std::path::Path;

/// Most characters of a file that a message quotes.
const QUOTED: usize = 20;

/// Points by which a histogram is represented.
const POINTS: u32 = 10_000;

/// Reads samples: their mean, in the file's unit, and each as a multiple of it.
///
/// # Errors
///
/// One sentence that names the file.
pub(super) fn read(path: &Path) -> Result<(f64, Vec<f64>), String> {
    let named = |why: String| format!("{}: {why}", path.display());
    let bytes = files::read(path, LARGEST_TEXT).map_err(|error| named(format!("cannot be read: {error}")))?;
    let samples = match path.extension().and_then(|extension| extension.to_str()) {
        Some("hlog") => interval_log(&bytes),
        Some("hgrm") => percentiles(&String::from_utf8_lossy(&bytes)),
        _ => numbers(&String::from_utf8_lossy(&bytes)),
    };
    samples.and_then(normalised).map_err(named)
}

/// Reads instants, ascending, in units of this many nanoseconds, and the kinds of request behind them where each line has one.
///
/// # Errors
///
/// One sentence that names the file.
pub(super) fn instants(path: &Path, unit: f64) -> Result<(Vec<Nanos>, Vec<String>), String> {
    let named = |why: String| format!("{}: {why}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| named(format!("cannot be read: {error}")))?;
    let (plain, kinds) = columns(&text).map_err(named)?;
    let read = numbers(&plain).map_err(named)?;
    if let Some(wrong) = read.iter().find(|at| !at.is_finite() || **at < 0.0) {
        return Err(named(format!("holds {wrong}: expected instants that are not negative")));
    }
    if let Some(pair) = read.windows(2).find(|pair| pair[1] < pair[0]) {
        return Err(named(format!("holds {} after {}: expected ascending instants", pair[1], pair[0])));
    }
    if read.is_empty() {
        return Err(named("holds no instant".to_owned()));
    }
    if !kinds.is_empty() && kinds.len() != read.len() {
        return Err(named(format!(
            "has {} instants with a kind of request beside them and {} without: expected one on each line, or none",
            kinds.len(),
            read.len().saturating_sub(kinds.len())
        )));
    }
    Ok((read.into_iter().map(|at| Nanos(1).scaled(at * unit).min(super::LONGEST)).collect(), kinds))
}

/// The first column of lines such as `0.25,get`, and the second where it is there; a first line that begins with no number is
/// a heading.
fn columns(text: &str) -> Result<(String, Vec<String>), String> {
    let (mut first, mut kinds) = (String::with_capacity(text.len()), Vec::new());
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim().trim_end_matches(',');
        match line.split_once([',', ';', '\t']) {
            Some((_, kind)) if kind.contains([',', ';', '\t']) => {
                return Err(format!(
                    "line {} has several columns: expected an instant, or an instant and a kind",
                    number + 1
                ));
            }
            Some((at, kind)) => {
                first.push_str(at.trim());
                if at.trim().parse::<f64>().is_ok() {
                    kinds.push(kind.trim().to_owned());
                }
            }
            None => first.push_str(line),
        }
        first.push('\n');
    }
    Ok((first, kinds))
}

/// The mean of `samples` and each as a multiple of it.
///
/// # Errors
///
/// A fragment that says what is wrong with them.
pub(super) fn normalised(mut samples: Vec<f64>) -> Result<(f64, Vec<f64>), String> {
    if let Some(wrong) = samples.iter().find(|sample| !sample.is_finite() || **sample < 0.0) {
        return Err(format!("holds {wrong}: expected samples that are not negative"));
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53 samples")]
    let mean = samples.iter().sum::<f64>() / samples.len() as f64;
    if samples.is_empty() || mean <= 0.0 {
        return Err("holds no sample above zero".to_owned());
    }
    for sample in &mut samples {
        *sample /= mean;
    }
    Ok((mean, samples))
}

/// Numbers, one a line; a first line that is none is a heading, `#` begins a comment.
fn numbers(text: &str) -> Result<Vec<f64>, String> {
    let mut samples = Vec::new();
    let mut heading_allowed = true;
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim().trim_end_matches(',');
        if line.is_empty() {
            continue;
        }
        let mut words = line.split([',', ';', ' ', '\t']).filter(|word| !word.is_empty());
        match (words.next().map(str::parse), words.next()) {
            (Some(Ok(sample)), None) => samples.push(sample),
            (Some(Err(_)), _) if heading_allowed => {}
            (_, Some(_)) => {
                return Err(format!("line {} has several columns: expected one number", index + 1));
            }
            _ => {
                // Any file may be named as samples: no more of it is told than a mistake needs.
                let begin: String = line.chars().take(QUOTED).collect();
                let more = if begin.len() < line.len() { "…" } else { "" };
                return Err(format!("line {}: `{begin}{more}` is not a number", index + 1));
            }
        }
        heading_allowed = false;
    }
    Ok(samples)
}

/// The distribution in a `.hgrm`: lines of value, percentile, total count.
fn percentiles(text: &str) -> Result<Vec<f64>, String> {
    let mut steps: Vec<(f64, f64)> = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace().map(str::parse::<f64>);
        if let (Some(Ok(value)), Some(Ok(_)), Some(Ok(total))) = (words.next(), words.next(), words.next()) {
            steps.push((value, total));
        }
    }
    let total = steps.last().map_or(0.0, |(_, total)| *total);
    Ok(spaced(total, |rank| {
        let step = steps.partition_point(|(_, upto)| *upto < rank);
        steps.get(step).or(steps.last()).map_or(0.0, |(value, _)| *value)
    }))
}

/// The sum of all histograms in a `.hlog`.
fn interval_log(bytes: &[u8]) -> Result<Vec<f64>, String> {
    let mut sum: Option<Histogram<u64>> = None;
    for (_, part) in files::read_hlog(bytes)? {
        match &mut sum {
            None => sum = Some(part),
            Some(sum) => sum.add(part).map_err(|error| format!("holds unlike histograms: {error}"))?,
        }
    }
    let sum = sum.ok_or("holds no histogram")?;
    #[expect(clippy::cast_precision_loss, reason = "quantiles")]
    Ok(spaced(sum.len() as f64, |rank| sum.value_at_quantile(rank / sum.len() as f64) as f64))
}

/// Values at evenly spaced ranks of a distribution of `total` samples.
fn spaced(total: f64, value_at_rank: impl Fn(f64) -> f64) -> Vec<f64> {
    let points = if total < f64::from(POINTS) { total } else { f64::from(POINTS) };
    let mut samples = Vec::new();
    let mut point = 0.5;
    while point < points {
        samples.push(value_at_rank(point / points * total));
        point += 1.0;
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_numbers_and_one_column_are_read() {
        assert_eq!(numbers("latency_ms\n1.5\n2.5, \n# remark\n\n3"), Ok(vec![1.5, 2.5, 3.0]));
        assert!(numbers("1\nx\n").unwrap_err().contains("line 2: `x` is not a number"));
        assert!(numbers("1,2\n").unwrap_err().contains("several columns"));
        assert_eq!(normalised(vec![1.0, 3.0]), Ok((2.0, vec![0.5, 1.5])));
        assert!(normalised(vec![]).is_err());
        assert!(normalised(vec![1.0, -1.0]).unwrap_err().contains("not negative"));
    }

    #[test]
    fn a_percentile_table_gives_back_its_distribution() {
        let text = "  Value  Percentile TotalCount 1/(1-Percentile)\n\n 10.0 0.0 1 1.0\n 20.0 0.5 2 2.0\n \
                    30.0 0.75 3 4.0\n 40.0 1.0 4\n#[Mean = 25.0, StdDeviation = 11.1]\n";
        assert_eq!(percentiles(text), Ok(vec![10.0, 20.0, 30.0, 40.0]));
    }
}
