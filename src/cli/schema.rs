//! `conlab schema`: the language of scenarios for editors.

use super::exit::{Failure, Outcome, print};
use super::terminal::Terminal;
use crate::scenario::schema;

const EXAMPLES: &str = "\
Examples:
  conlab schema > scenario.schema.json
  taplo check --schema file://$PWD/scenario.schema.json mine.toml

A scenario whose first line is `#:schema ./scenario.schema.json` is completed and checked by editors that know taplo.";

/// Print the JSON Schema of scenarios, for editors
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {}

pub(super) fn run(_: &Args, _: &Terminal) -> Result<Outcome, Failure> {
    print(&format!("{:#}\n", schema()))?;
    Ok(Outcome::Done)
}
