//! The command line.
//!
//! A new subcommand is a file here, three lines below (its module, its variant, its arm), and a word in `groups`.

pub mod args;
mod audit;
mod calibrate;
mod campaign;
mod check;
mod claims;
mod columns;
mod compare;
mod completions;
mod constants;
mod decide;
mod diff;
mod doctor;
pub mod exit;
mod explain;
mod fit;
mod groups;
mod history;
mod import;
mod init;
mod keyboard;
mod list;
mod man;
mod model_check;
mod progress;
mod record;
mod records;
mod replay;
mod report;
mod results;
mod run;
mod schema;
mod search;
mod show;
mod signals;
mod study;
mod sweep;
mod sweep_study;
pub mod terminal;
mod validate;
mod values;
mod verify;
mod watch;
mod whatif;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use exit::{Failure, Outcome};
use std::process::ExitCode;
use terminal::{DisplayOptions, Terminal};

const EXAMPLES: &str = "\
Examples:
  conlab run --threads 16 --queue lockfree       where does a task's time go?
  conlab explain                                 whose is which part of the gap to running alone?
  conlab compare --queue mutex,lockfree          would another queue help?
  conlab run --html page.html --trace trace.json

Exit codes:
  0 done; 1 could not run; 2 the command line or a file says something that cannot be;
  3 ran, and a claim was refuted, a gate failed or an audit found a defect;
  4 ran, but the result is not trustworthy; 130 interrupted (what was measured is kept, marked partial)

Durations are written 250us, 5ms, 2s; rates 100/s; sizes 256KiB.
`conlab help COMMAND` shows the options of a command, grouped, with examples.";

/// Why is p99 worse under concurrent load than in isolation, and which fix is worth doing?
#[derive(Debug, Parser)]
#[command(name = "conlab", version, about, after_help = EXAMPLES, arg_required_else_help = true)]
#[command(propagate_version = true, max_term_width = 100, infer_long_args = false)]
struct Cli {
    #[command(flatten)]
    display: DisplayOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Audit(audit::Args),
    Campaign(campaign::Args),
    Run(run::Args),
    Compare(compare::Args),
    Explain(explain::Args),
    Whatif(whatif::Args),
    Decide(decide::Args),
    Fit(fit::Args),
    Import(import::Args),
    Record(record::Args),
    Replay(replay::Args),
    Search(search::Args),
    Calibrate(calibrate::Args),
    Validate(validate::Args),
    Verify(verify::Args),
    Claims(claims::Args),
    Report(report::Args),
    Results(results::Args),
    Diff(diff::Args),
    History(history::Args),
    Sweep(sweep::Args),
    Doctor(doctor::Args),
    List(list::Args),
    Show(show::Args),
    Init(init::Args),
    Check(check::Args),
    Schema(schema::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// Runs the program on this process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return exit::usage(&error),
    };
    let terminal = Terminal::new(&cli.display);
    exit::code(dispatch(cli.command, &terminal), &terminal)
}

fn dispatch(command: Command, terminal: &Terminal) -> Result<Outcome, Failure> {
    match command {
        Command::Audit(args) => audit::run(&args, terminal),
        Command::Campaign(args) => campaign::run(&args, terminal),
        Command::Run(args) => run::run(&args, terminal),
        Command::Compare(args) => compare::run(&args, terminal),
        Command::Explain(args) => explain::run(&args, terminal),
        Command::Whatif(args) => whatif::run(&args, terminal),
        Command::Decide(args) => decide::run(&args, terminal),
        Command::Fit(args) => fit::run(&args, terminal),
        Command::Import(args) => import::run(&args, terminal),
        Command::Record(args) => record::run(&args, terminal),
        Command::Replay(args) => replay::run(&args, terminal),
        Command::Search(args) => search::run(&args, terminal),
        Command::Calibrate(args) => calibrate::run(&args, terminal),
        Command::Validate(args) => validate::run(&args, terminal),
        Command::Verify(args) => verify::run(&args, terminal),
        Command::Claims(args) => claims::run(&args, terminal),
        Command::Report(args) => report::run(&args, terminal),
        Command::Results(args) => results::run(&args, terminal),
        Command::Diff(args) => diff::run(&args, terminal),
        Command::History(args) => history::run(&args, terminal),
        Command::Sweep(args) => sweep::run(&args, terminal),
        Command::Doctor(args) => doctor::run(&args, terminal),
        Command::List(args) => list::run(&args, terminal),
        Command::Show(args) => show::run(&args, terminal),
        Command::Init(args) => init::run(&args, terminal),
        Command::Check(args) => check::run(&args, terminal),
        Command::Schema(args) => schema::run(&args, terminal),
        Command::Completions(args) => completions::run(&args, terminal),
        Command::Man(args) => man::run(&args, terminal),
    }
}

/// The grammar of the command line, for parsing, completions and manual pages.
fn command() -> clap::Command {
    groups::grouped(Cli::command())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_grammar_is_consistent() {
        super::command().debug_assert();
    }
}
