//! `conlab check`: mistakes and doubts of a scenario, before it runs.

use super::args::RunOptions;
use super::exit::{Failure, Outcome, print};
use super::report::write;
use super::terminal::Terminal;
use crate::explain::doubts;
use crate::report::html::html;
use crate::report::scenario::check_page;

const EXAMPLES: &str = "\
Examples:
  conlab check mine.toml
  conlab check agents --rate 900/s            would that be too much?
  conlab check mine.toml --html mine.html     with a picture of it

Mistakes end with 2. Doubts are bounds by arithmetic: what is said is true of every run, silence proves nothing.";

/// Find the mistakes and doubts of a scenario before it runs
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    scenario: super::args::ScenarioArg,
    #[command(flatten)]
    options: RunOptions,
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> Result<Outcome, Failure> {
    args.options.honoured_by_studies("check")?;
    let scenario = args.options.scenario(&args.scenario.scenario)?;
    let treatment = args.options.one_treatment("check", &scenario)?;
    let scenario = scenario.treated(&treatment);
    let page = check_page(&scenario, &args.scenario.scenario, &doubts(&scenario));
    print(&terminal.page(&page))?;
    if let Some(file) = &args.options.output.html {
        write(file, &html(&page), terminal)?;
    }
    Ok(Outcome::Done)
}
