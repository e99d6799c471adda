//! `conlab show`: a scenario as its file says it, or as a picture, or a stored record.

use super::exit::{Failure, Outcome, print};
use super::records::open;
use super::report::write;
use super::terminal::Terminal;
use crate::printable::PrintableLines;
use crate::report::run_page;
use crate::report::scenario::svg;
use crate::scenario::{DEFAULT, EMBEDDED, Overrides, Scenario, embedded, unknown};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  conlab show agents > mine.toml && conlab run mine.toml
  conlab show mine.toml --svg mine.svg      actors, what they call, what they share
  conlab show latest                        the last record's page; conlab report has more forms of it";

/// Print a scenario's file, draw it, or show a stored record
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A scenario: its name, as `conlab list` has it, or its file. Or a record: its folder, a part of its name, latest
    #[arg(value_name = "NAME", default_value = DEFAULT)]
    name: String,
    /// Draw it as SVG instead
    #[arg(long, value_name = "FILE", value_parser = super::args::writable)]
    svg: Option<PathBuf>,
    /// Where records are looked for by name
    #[arg(long, value_name = "DIR", default_value = "results", env = "CONLAB_OUT", hide_env = true)]
    records: PathBuf,
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    if let Some(file) = &args.svg {
        let scenario = Scenario::load(&args.name, &Overrides::default())?;
        write(file, &format!("{}\n", svg(&scenario)), terminal)?;
        return Ok(Outcome::Done);
    }
    if let Some(scenario) = embedded(&args.name) {
        return print(scenario.text).map(|()| Outcome::Done);
    }
    let path = Path::new(&args.name);
    if path.extension().is_some_and(|extension| extension == "toml") && path.is_file() {
        let source = Scenario::load(&args.name, &Overrides::default())?.source;
        // A terminal obeys nothing that a file says; another program gets the file as it is.
        let shown = if terminal.interactive { PrintableLines(&source).to_string() } else { source };
        return print(&shown).map(|()| Outcome::Done);
    }
    let is_stored =
        args.name == "latest" || path.is_dir() || path.file_name().is_some_and(|name| name == "run.json");
    match open(path, &args.records) {
        Ok((_, record)) => print(&terminal.page(&run_page(&record)))?,
        Err(failure) if is_stored => return Err(failure),
        Err(_) => {
            let known: Vec<&str> = EMBEDDED.iter().map(|scenario| scenario.name).collect();
            return Err(Failure::Usage(unknown("scenario", &args.name, &known)));
        }
    }
    Ok(Outcome::Done)
}
