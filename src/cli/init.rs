//! `conlab init`: a commented scenario to start from.

use super::exit::{Failure, Outcome, print, say};
use super::terminal::Terminal;
use crate::files;
use std::path::PathBuf;

/// The scenario that `init` writes; it runs as it stands.
const TEMPLATE: &str = include_str!("template.toml");

/// Start a scenario of your own: a commented file that runs as it stands
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  conlab init mine.toml && conlab run mine.toml")]
pub(super) struct Args {
    /// Where to write it; `-` prints it. An existing file is never overwritten
    #[arg(value_name = "FILE", default_value = "scenario.toml")]
    file: PathBuf,
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    if args.file.as_os_str() == "-" {
        print(TEMPLATE)?;
        return Ok(Outcome::Done);
    }
    let shown = args.file.display();
    files::create(&args.file, TEMPLATE.as_bytes())
        .map_err(|error| Failure::cannot(format!("write {shown}"), error))?;
    if !terminal.quiet {
        say(&format!("wrote {shown}; try: conlab run {shown}"));
    }
    Ok(Outcome::Done)
}
