//! HdrHistogram's own formats: the interval log (`.hlog`, V2), read back, and the percentile table (`.hgrm`).

pub use crate::files::read_hlog;
use crate::measure::record::Distribution;
use std::fmt::Write;

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
