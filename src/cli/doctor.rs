//! `conlab doctor`: what this host can and cannot measure.

use super::exit::{Failure, Outcome, print};
use super::terminal::Terminal;
use crate::engine::real::{WORK_TOLERANCE, work_error};
use crate::measure::doctor::{checks, work};
use crate::report::host::doctor_page;

/// What this host can and cannot measure, and what to do about it
#[derive(Debug, clap::Args)]
#[command(after_help = "Tries each thing; takes about a tenth of a second. Exits with 0 whatever it finds.")]
pub(super) struct Args {
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    let mut all = checks();
    all.push(work(work_error(), WORK_TOLERANCE));
    if args.json {
        let text = serde_json::to_string_pretty(&all)
            .map_err(|error| Failure::cannot("write the findings as JSON", error))?;
        print(&format!("{text}\n"))?;
        return Ok(Outcome::Done);
    }
    print(&terminal.page(&doctor_page(&all)))?;
    Ok(Outcome::Done)
}
