//! `conlab doctor`: what this host can and cannot measure.

use super::exit::{Failure, Outcome, print};
use super::terminal::Terminal;
use crate::measure::doctor::{State, checks};
use std::fmt::Write;

/// What this host can and cannot measure, and what to do about it
#[derive(Debug, clap::Args)]
#[command(after_help = "Tries each thing; takes about a tenth of a second. Exits with 0 whatever it finds.")]
pub(super) struct Args {
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    let all = checks();
    if args.json {
        let text = serde_json::to_string_pretty(&all)
            .map_err(|error| Failure::cannot("write the findings as JSON", error))?;
        print(&format!("{text}\n"))?;
        return Ok(Outcome::Done);
    }
    let mut text = String::new();
    for check in &all {
        let word = match check.state {
            State::Good => "good   ".to_owned(),
            State::Limited => terminal.strong("limited"),
            State::Missing => terminal.strong("missing"),
        };
        let _ = writeln!(text, "{word}  {:<19} {}", check.name, check.found);
        if !check.remedy.is_empty() {
            let _ = writeln!(text, "{:29}{}", "", terminal.faint(&check.remedy));
        }
    }
    print(&terminal.plain(&text))?;
    Ok(Outcome::Done)
}
