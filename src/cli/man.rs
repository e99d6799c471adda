//! `conlab man`: the manual, from the same grammar as the parser.

use super::exit::{Failure, Outcome, print};
use super::terminal::Terminal;
use crate::files::{self, LARGEST_TEXT, Temporary};
use crate::scenario::unknown;
use std::path::{Path, PathBuf};
use std::{fs, io};

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
        write_all(dir)
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

/// Writes every page into `dir`, each whole or not at all.
fn write_all(dir: &Path) -> io::Result<()> {
    let made = Temporary::new("man")?;
    clap_mangen::generate_to(super::command(), made.path())?;
    fs::create_dir_all(dir)?;
    for entry in fs::read_dir(made.path())? {
        let entry = entry?;
        files::write(&dir.join(entry.file_name()), &files::read(&entry.path(), LARGEST_TEXT)?)?;
    }
    Ok(())
}
