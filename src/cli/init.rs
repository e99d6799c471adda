//! `conlab init`: a commented scenario to start from.

use super::exit::{Failure, Outcome, print, say};
use super::terminal::Terminal;
use crate::files;
use crate::scenario::{EMBEDDED, embedded, unknown};
use std::path::PathBuf;

/// Scenarios to start from, each of which teaches one question; they run as they stand.
const TEMPLATES: [(&str, &str); 7] = [
    ("plain", include_str!("templates/plain.toml")),
    ("web-pool", include_str!("templates/web-pool.toml")),
    ("event-loop", include_str!("templates/event-loop.toml")),
    ("gil-program", include_str!("templates/gil-program.toml")),
    ("pipeline", include_str!("templates/pipeline.toml")),
    ("cache", include_str!("templates/cache.toml")),
    ("database-pool", include_str!("templates/database-pool.toml")),
];

const EXAMPLES: &str = "\
Examples:
  conlab init mine.toml && conlab run mine.toml
  conlab init pool.toml --from database-pool
  conlab init mine.toml --from agents              a built-in scenario, to change it

Templates: plain, web-pool, event-loop, gil-program, pipeline, cache, database-pool.";

/// Start a scenario of your own: a commented file that runs as it stands
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Where to write it; `-` prints it. An existing file is never overwritten
    #[arg(value_name = "FILE", default_value = "scenario.toml")]
    file: PathBuf,
    /// What to start from: a template, or a built-in scenario's name
    #[arg(long, value_name = "TEMPLATE", default_value = "plain", hide_possible_values = true)]
    #[arg(value_parser = super::values::Words::new(template, names))]
    from: &'static str,
}

/// Names of everything that one can start from.
fn names() -> Vec<&'static str> {
    let templates = TEMPLATES.iter().map(|(name, _)| *name);
    templates.chain(EMBEDDED.iter().map(|scenario| scenario.name)).collect()
}

/// The text behind a name.
fn template(name: &str) -> Result<&'static str, String> {
    let found = TEMPLATES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
    let found = found.or_else(|| embedded(name).map(|scenario| scenario.text));
    found.ok_or_else(|| unknown("template", name, &names()))
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    if args.file.as_os_str() == "-" {
        print(args.from)?;
        return Ok(Outcome::Done);
    }
    let shown = args.file.display();
    files::create(&args.file, args.from.as_bytes())
        .map_err(|error| Failure::cannot(format!("write {shown}"), error))?;
    if !terminal.quiet {
        say(&format!("wrote {shown}; try: conlab check {shown} && conlab run {shown}"));
    }
    Ok(Outcome::Done)
}
