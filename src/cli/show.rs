//! `conlab show`: one built-in scenario, as its file says it, or any as a picture.

use super::exit::{Failure, Outcome, print};
use super::report::write;
use super::terminal::Terminal;
use crate::report::scenario::svg;
use crate::scenario::{DEFAULT, EMBEDDED, Overrides, Scenario, embedded, unknown};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  conlab show agents > mine.toml && conlab run mine.toml
  conlab show mine.toml --svg mine.svg      actors, what they call, what they share";

/// Print a built-in scenario's file, or draw a scenario
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Its name; `conlab list` has them. For a picture, a file too
    #[arg(value_name = "NAME", default_value = DEFAULT)]
    name: String,
    /// Draw it as SVG instead
    #[arg(long, value_name = "FILE", value_parser = super::args::writable)]
    svg: Option<PathBuf>,
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    if let Some(file) = &args.svg {
        let scenario = Scenario::load(&args.name, &Overrides::default())?;
        write(file, &format!("{}\n", svg(&scenario)), terminal)?;
        return Ok(Outcome::Done);
    }
    let Some(scenario) = embedded(&args.name) else {
        let known: Vec<&str> = EMBEDDED.iter().map(|scenario| scenario.name).collect();
        return Err(Failure::Usage(unknown("scenario", &args.name, &known)));
    };
    print(scenario.text)?;
    Ok(Outcome::Done)
}
