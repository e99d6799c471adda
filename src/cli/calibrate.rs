//! `conlab calibrate`: measure this host's constants, store and print them.

use super::exit::{Failure, Outcome, print};
use super::terminal::Terminal;
use crate::calibrate::{Findings, is_doubted, measure};
use crate::measure::Calibration;
use std::fmt::Write as _;
use std::io::{Write as _, stderr};

/// Measure this host: the constants that the virtual engine charges (less than a minute)
///
/// They are stored with the host's fingerprint and used by every later virtual run on this host. Run it on a quiet
/// machine: where others used it meanwhile, or trials lie far apart, it says so and keeps an earlier calibration.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print them as JSON
    #[arg(long)]
    json: bool,
    /// Store them although the machine was busy, over an earlier calibration
    #[arg(long, conflicts_with = "no_save")]
    force: bool,
    /// Measure and print, but leave what is stored alone
    #[arg(long)]
    no_save: bool,
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    let findings = measure(&|what| {
        // Progress that cannot be shown is no failure.
        writeln!(stderr(), "measuring {what}").ok();
    });
    let path = if args.no_save { None } else { Calibration::path() };
    let doubted = !findings.doubts.is_empty();
    // Constants from a quiet moment are better than those of a busy one; of two busy ones the later are kept.
    let sound = || Calibration::of_this_host().is_some_and(|stored| !is_doubted(&stored));
    let kept = path.as_ref().filter(|_| doubted && !args.force && sound()).cloned();
    if doubted {
        let why = findings.doubts.join(", and ");
        writeln!(stderr(), "warning: this machine was busy: {why}. Calibrate again when it is quiet.").ok();
    }
    if let Some(path) = path.as_ref().filter(|_| kept.is_none()) {
        findings.as_told().store(path).map_err(|source| {
            Failure::cannot(format!("store the calibration in {}", path.display()), source)
        })?;
    }
    if args.json {
        print(&format!("{:#}\n", findings.as_told().to_json()))?;
        return Ok(Outcome::Done);
    }
    let mut text = table(&findings);
    match path {
        Some(path) if kept.is_some() => {
            writeln!(text, "\nnot stored: {} is kept; --force stores these", path.display()).ok()
        }
        Some(path) => writeln!(text, "\nstored in {}", path.display()).ok(),
        None => writeln!(text, "\nnot stored").ok(),
    };
    print(&terminal.plain(&text))?;
    Ok(Outcome::Done)
}

/// Name, median, quartiles, number of trials.
fn table(findings: &Findings) -> String {
    let mut text = format!("{}\n\n", findings.calibration.origin);
    // Writing into a string cannot fail.
    writeln!(text, "{:<28} {:>12} {:>25}  {:>6}  what", "constant", "median ns", "quartiles", "trials").ok();
    for figure in &findings.figures {
        let (low, high) = figure.quartiles;
        let spread = format!("{low:.1} to {high:.1}");
        let trials = if figure.trials == 0 { "built-in".to_owned() } else { figure.trials.to_string() };
        writeln!(
            text,
            "{:<28} {:>12.1} {spread:>25}  {trials:>6}  {}",
            figure.name, figure.value, figure.what
        )
        .ok();
    }
    text
}
