//! `conlab man`: the manual, from the same grammar as the parser.

use super::exit::{Failure, Outcome, print};
use super::terminal::Terminal;
use crate::scenario::unknown;
use std::path::PathBuf;

/// Print the manual page, or write one for every command
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  conlab man | man -l -\n  conlab man --dir ~/.local/share/man/man1")]
pub(super) struct Args {
    /// Print the page of this command instead
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
    /// Write a page for every command into this directory
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &Args, _terminal: &Terminal) -> Result<Outcome, Failure> {
    let mut program = super::command();
    program.build();
    if let Some(dir) = &args.dir {
        std::fs::create_dir_all(dir)
            .and_then(|()| clap_mangen::generate_to(super::command(), dir))
            .map_err(|error| Failure::cannot(format!("write manual pages into {}", dir.display()), error))?;
        return Ok(Outcome::Done);
    }
    let page = match &args.command {
        None => program,
        Some(name) => {
            let known: Vec<String> = program.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let found = program.find_subcommand(name).cloned();
            found.ok_or_else(|| Failure::Usage(unknown("command", name, &known)))?
        }
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page)
        .render(&mut text)
        .map_err(|error| Failure::cannot("render the manual page", error))?;
    print(&String::from_utf8_lossy(&text))?;
    Ok(Outcome::Done)
}
