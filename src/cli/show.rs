//! `conlab show`: one built-in scenario, as its file says it.

use super::exit::{Failure, Outcome, print};
use super::terminal::Terminal;
use crate::scenario::{DEFAULT, EMBEDDED, embedded, unknown};

/// Print a built-in scenario's file
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  conlab show agents > mine.toml && conlab run mine.toml")]
pub(super) struct Args {
    /// Its name; `conlab list` has them
    #[arg(value_name = "NAME", default_value = DEFAULT)]
    name: String,
}

pub(super) fn run(args: &Args, _terminal: &Terminal) -> Result<Outcome, Failure> {
    let Some(scenario) = embedded(&args.name) else {
        let known: Vec<&str> = EMBEDDED.iter().map(|scenario| scenario.name).collect();
        return Err(Failure::Usage(unknown("scenario", &args.name, &known)));
    };
    print(scenario.text)?;
    Ok(Outcome::Done)
}
