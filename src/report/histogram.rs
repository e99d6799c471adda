//! HdrHistogram's own formats: the interval log (`.hlog`, V2), read back, and the percentile table (`.hgrm`).

use crate::measure::record::Distribution;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use std::fmt::Write;

/// The histograms of an interval log with their tags; intervals of one tag are added up.
///
/// # Errors
///
/// A sentence when the log is not one.
pub fn read_hlog(log: &[u8]) -> Result<Vec<(String, Histogram<u64>)>, String> {
    let mut found: Vec<(String, Histogram<u64>)> = Vec::new();
    let mut deserializer = Deserializer::new();
    for entry in IntervalLogIterator::new(log) {
        let LogEntry::Interval(interval) = entry.map_err(|error| format!("read the log: {error:?}"))? else {
            continue;
        };
        let tag = interval.tag().map_or("", |tag| tag.as_str());
        let bytes =
            STANDARD.decode(interval.encoded_histogram()).map_err(|error| format!("read {tag}: {error}"))?;
        let histogram: Histogram<u64> = deserializer
            .deserialize(&mut bytes.as_slice())
            .map_err(|error| format!("read {tag}: {error}"))?;
        match found.iter_mut().find(|(name, _)| name == tag) {
            Some((_, sum)) => sum.add(histogram).map_err(|error| format!("add up {tag}: {error}"))?,
            None => found.push((tag.to_owned(), histogram)),
        }
    }
    Ok(found)
}

/// The percentile table that HdrHistogram's plotters read; values in milliseconds.
#[must_use]
pub fn hgrm(of: &Distribution) -> String {
    let mut out = String::from("       Value     Percentile TotalCount 1/(1-Percentile)\n\n");
    for &(quantile, value) in &of.spectrum {
        #[expect(clippy::cast_precision_loss, reason = "shown with three decimals")]
        let (shown, total) = (value as f64 / 1e6, of.count as f64);
        let count = (quantile * total).ceil();
        let _ = write!(out, "{shown:12.3} {quantile:14.12} {count:10.0}");
        if quantile < 1.0 {
            let _ = write!(out, " {:14.2}", 1.0 / (1.0 - quantile));
        }
        out.push('\n');
    }
    #[expect(clippy::cast_precision_loss, reason = "shown with three decimals")]
    let max = of.max as f64 / 1e6;
    let _ = writeln!(
        out,
        "#[Mean    = {:12.3}, StdDeviation   = {:12.3}]\n#[Max     = {max:12.3}, Total count    = {:12}]",
        of.mean / 1e6,
        of.stddev / 1e6,
        of.count
    );
    out
}
